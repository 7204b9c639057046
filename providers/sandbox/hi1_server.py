"""The socket of a played HI-1 provider: HTTPS that asks every client for its certificate."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from providers.sandbox.certificates import Certificates
from providers.template import Json

LARGEST_MESSAGE = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """What goes back. `cut`: the connection breaks in the middle of it; `drop`: before it, after a `stall`."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = "application/xml; charset=utf-8"
    wait: int | None = None
    cut: bool = False
    drop: bool = False
    stall: bool = False


class Answering(Protocol):
    """Who stands behind the socket."""

    stopping: threading.Event
    stall: float

    def answer(self, path: str, content_type: str, body: bytes, sender: tuple[str, str]) -> Reaction:
        """What goes back for a message."""

    def account(self) -> dict[str, Json]:
        """Everything that was done."""

    def control(self, what: str, wanted: Mapping[str, Any]) -> None:
        """Set something. `ValueError` says what is wrong."""


def _context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsServer(ThreadingHTTPServer):
    """Listens on this machine only; lets in who has a certificate of the authority that it trusts."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, responder: Answering, certificates: Certificates, *, paths: Collection[str]
    ) -> None:
        self.responder, self.paths = responder, paths
        super().__init__(("127.0.0.1", port), _Handler)
        context = _context(certificates)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        """Bind without asking a resolver for our own name, as `HTTPServer` would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or that was not let in, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 30
    server: TlsServer
    connection: ssl.SSLSocket

    def setup(self) -> None:
        """Shake hands in this thread, so that a slow client keeps nobody waiting."""
        self.request.settimeout(self.timeout)
        try:
            self.request.do_handshake()
        except OSError:
            # Read what comes all the same: closing now would reset the connection and lose our own alert.
            with suppress(OSError), socket.socket(fileno=os.dup(self.request.fileno())) as raw:
                raw.settimeout(0.5)
                while raw.recv(65536):
                    pass
            raise
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: this machine's logs are no place for what is asked here."""

    def version_string(self) -> str:
        """What the Server header says."""
        return "holdfast-sandbox"

    def do_GET(self) -> None:
        """The account."""
        if self.path == "/_account":
            self._json(200, self.server.responder.account())
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        """A message, or a control."""
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"\d{1,9}", length) or int(length) > 2 * LARGEST_MESSAGE:
            self.close_connection = True
            self._json(413, {})
            return
        body = self.rfile.read(int(length))
        if self.path.startswith("/_control/"):
            self._control(body)
        elif self.path in self.server.paths:
            self._react(
                self.server.responder.answer(
                    self.path, self.headers.get("Content-Type", ""), body, _named(self.connection)
                )
            )
        else:
            self._json(404, {})

    def _control(self, body: bytes) -> None:
        try:
            wanted = json.loads(body)
            if not isinstance(wanted, dict):
                raise ValueError("expected an object")  # noqa: TRY004 - what was sent is wrong
            self.server.responder.control(self.path.removeprefix("/_control/"), wanted)
        except (ValueError, KeyError) as error:
            self._json(400, {"error": str(error)})
        else:
            self._json(200, {})

    def _react(self, reaction: Reaction) -> None:
        if reaction.stall:
            self.server.responder.stopping.wait(self.server.responder.stall)
        if not reaction.drop:
            self.send_response(reaction.status)
            self.send_header("Content-Type", reaction.content_type)
            self.send_header("Content-Length", str(len(reaction.body)))
            if reaction.wait is not None:
                self.send_header("Retry-After", str(reaction.wait))
            self.end_headers()
            self.wfile.write(reaction.body[: len(reaction.body) // 2] if reaction.cut else reaction.body)
            self.wfile.flush()
        if reaction.drop or reaction.cut:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, status: int, document: dict[str, Json]) -> None:
        body = json.dumps(document).encode("ascii")
        self._react(Reaction(body=body, status=status, content_type="application/json"))


def _named(connection: ssl.SSLSocket) -> tuple[str, str]:
    """Country and common name of the client's certificate."""
    shown = connection.getpeercert(binary_form=True)
    if not shown:
        return "", ""
    subject = x509.load_der_x509_certificate(shown).subject
    country, name = (
        [str(each.value) for each in subject.get_attributes_for_oid(kind)]
        for kind in (NameOID.COUNTRY_NAME, NameOID.COMMON_NAME)
    )
    return (country or [""])[0], (name or [""])[0]
