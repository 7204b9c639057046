"""Servers that say exactly what a test wants, byte for byte, on loopback; they stop with their `with` block."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

Say = Callable[[socket.socket, bytes], None]
"""Answers one request, given as the exact bytes that came."""


class WireServer:
    """Reads whole HTTP requests and lets the next reaction answer; the last one answers all that follow.

    `requests` are the exact bytes that came; `connections` counts those accepted. After a reaction that
    leaves the socket open, the connection is kept alive.
    """

    def __init__(self, *reactions: Say, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._reactions = reactions
        self._tls = tls
        self._greeting = greeting
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> WireServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, ValueError):
            sock.sendall(self._greeting)
            if self._tls is not None:
                sock = self._secured(sock, self._tls)
            while True:
                request = _read_request(sock)
                if not request:
                    return
                with self._lock:
                    self.requests.append(request)
                    number = min(len(self.requests), len(self._reactions)) - 1
                self._reactions[number](sock, request)

    def _secured(self, sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        secured = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._open.append(secured)
        try:
            secured.do_handshake()
        except OSError:
            # Read what comes all the same: closing now would reset the connection and lose our own alert.
            with socket.socket(fileno=os.dup(secured.fileno())) as raw:
                raw.settimeout(0.5)
                while raw.recv(65536):
                    pass
            raise
        return secured


def _read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> Say:
    """A whole, correct answer."""
    head = "\r\n".join(
        [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    )
    return lambda sock, _: sock.sendall(head.encode() + b"\r\n\r\n" + body)


def echoing() -> Say:
    """Gives back the body that came."""
    return lambda sock, request: answering(request.partition(b"\r\n\r\n")[2])(sock, request)


def saying(raw: bytes) -> Say:
    """These bytes, and the connection stays open."""
    return lambda sock, _: sock.sendall(raw)


def breaking(raw: bytes = b"") -> Say:
    """These bytes, and the connection breaks."""

    def say(sock: socket.socket, _: bytes) -> None:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    return say


def dripping(raw: bytes, over: threading.Event, every: float = 0.05) -> Say:
    """These bytes first, then one by one for ever, until the event is set."""

    def say(sock: socket.socket, _: bytes) -> None:
        sock.sendall(raw)
        while not over.wait(every):
            sock.sendall(b"x")

    return say
