"""The sandbox on a socket: many played providers behind one address of this machine.

* ``/v1/…`` is the provider "sandbox", ``/p/NAME/v1/…`` the provider NAME, made when it is first spoken to;
* ``GET /_account`` is everything that each of them keeps and did;
* ``POST /_control/clock`` ``{"now": INSTANT}`` stops the clock there, ``{"now": null}`` lets it run again;
* ``POST /_control/faults`` ``{"provider": NAME, "faults": {NAME: RATE}, …}`` sets what goes wrong;
* ``POST /_control/keep`` ``{"provider": NAME, "request": ID}`` lets a hold run on without an end, as after a
  telephone call that announces a production order.

A request may carry its own time in ``X-Sandbox-Clock``, so that a client on a simulated clock and the sandbox
agree on the day; a clock that was stopped goes before it.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, TextIO

from providers.http import utc_now
from providers.sandbox.faults import rates_of
from providers.sandbox.played import Call, Played, Reaction
from providers.template import Json

LARGEST_MESSAGE = 16 * 1024 * 1024


class Sandbox:
    """A running sandbox. Use as a context manager, or `close` it.

    Attributes:
        url: its address, "http://127.0.0.1:PORT".
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        seed: int,
        rates: Mapping[str, float],
        clock: Callable[[], datetime],
        stall: float,
        settings: Mapping[str, Any],
        state_file: Path | None,
    ) -> None:
        self.seed, self.stall = seed, stall
        self._rates, self._settings, self._clock = rates, settings, clock
        self._now: datetime | None = None
        self._players: dict[str, Played] = {}
        self._lock = threading.RLock()
        self._journal: TextIO | None = None
        self.stopping = threading.Event()
        if state_file is not None:
            self._open_journal(state_file)
        self.player("sandbox")  # wrong settings are told here, not to the first client
        self._server = _Server((host, port), self)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and give back the port."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            if self._journal is not None:
                self._journal.close()

    def now(self, said: str | None = None) -> datetime:
        """The time of a request: the stopped clock's, else its own, else the real one."""
        if self._now is not None:
            return self._now
        return read_instant(said) if said else self._clock()

    def player(self, name: str) -> Played:
        """A provider by name; made when it is first asked for."""
        with self._lock:
            if name not in self._players:
                player = Played(name, seed=self.seed, rates=self._rates, journal=self._note)
                player.configure(self._settings)
                self._players[name] = player
            return self._players[name]

    def account(self, said: str | None = None) -> dict[str, Json]:
        """What every played provider keeps and did."""
        today = self.now(said).date()
        with self._lock:
            players = dict(self._players)
        accounts: dict[str, Json] = {name: player.account(today) for name, player in players.items()}
        return {"now": self.now(said).isoformat(), "seed": self.seed, "providers": accounts}

    def control(self, what: str, wanted: Mapping[str, Any]) -> None:
        """Set the clock or a provider's faults. `ValueError` says what is wrong with what was wanted."""
        if what == "clock":
            self._now = read_instant(str(wanted["now"])) if wanted.get("now") is not None else None
        elif what == "faults":
            self.player(str(wanted.get("provider", "sandbox"))).configure(wanted)
        elif what == "keep":
            self.player(str(wanted.get("provider", "sandbox"))).keep(str(wanted["request"]))
        else:
            raise ValueError("there are /_control/clock, /_control/faults and /_control/keep")

    def _note(self, provider: str, method: str, arguments: dict[str, Json]) -> None:
        if self._journal is not None:
            line = json.dumps({"provider": provider, "method": method, "arguments": arguments})
            with self._lock:
                self._journal.write(line + "\n")
                self._journal.flush()

    def _open_journal(self, file: Path) -> None:
        """Repeat what the file says happened, then go on writing it. A line cut off by a crash did not happen."""
        lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else [""]
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entry = json.loads(line)
                self.player(entry["provider"]).replay(entry["method"], entry["arguments"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{file}: line {number}: is no state of a sandbox; give another --state-file"
                ) from error
        if lines[-1]:
            file.write_text("\n".join([*lines[:-1], ""]), encoding="utf-8")
        self._journal = file.open("a", encoding="utf-8")


def read_instant(text: str) -> datetime:
    """An instant with an offset, in UTC. `ValueError` for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"expected an instant with an offset, 2027-01-20T09:00:00Z, found {text!r}")
    return moment.astimezone(UTC)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 1,
    hostility: float = 0.0,
    faults: Mapping[str, float] | None = None,
    clock: Callable[[], datetime] = utc_now,
    stall: float = 2.0,
    state_file: Path | None = None,
    **settings: Any,
) -> Sandbox:
    """Start a sandbox in this process; it answers when this returns.

    Args:
        host: an address of this machine; any other is refused.
        port: 0 takes a free one.
        seed: of everything that looks like chance.
        hostility: from 0 to 1, about the share of messages that meet a fault on the wire.
        faults: single rates that replace their share of `hostility`.
        clock: its time where neither a client nor the control says one.
        stall: seconds until a stalled connection is broken.
        state_file: where it writes what happened, to know it again when started anew with the same file.
            It holds opaque ids and days, no identifier.
        settings: `honours_keys`, `retry_after`, `hold_days`, `extension_days`, `extensions`, for every provider
            until the control says otherwise.

    Raises:
        ValueError: one of these is not what it should be; says which.
        OSError: the port is taken.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the sandbox listens on this machine only, at 127.0.0.1 or ::1, not at {host!r}")
    rates = rates_of(hostility, faults)
    return Sandbox(
        host=host,
        port=port,
        seed=seed,
        rates=rates,
        clock=clock,
        stall=stall,
        settings=settings,
        state_file=state_file,
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking a resolver for our own name, as `HTTPServer` would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # an answer leaves in one piece
    timeout = 60
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: paths and queries are not for logs."""

    def version_string(self) -> str:
        """What the Server header says."""
        return "holdfast-sandbox"

    def do_GET(self) -> None:
        """Look at something."""
        self._react()

    def do_POST(self) -> None:
        """Change something."""
        self._react()

    def do_DELETE(self) -> None:
        """Release something."""
        self._react()

    def _react(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if (
            "Transfer-Encoding" in self.headers
            or not re.fullmatch(r"\d{1,9}", length)
            or int(length) > LARGEST_MESSAGE
        ):
            self.close_connection = True
            self._write(_json(413, {"error": {"code": "length"}}))
            return
        body = self.rfile.read(int(length))
        if not re.fullmatch(r"(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?", self.headers.get("Host", "")):
            self._write(_json(403, {"error": {"code": "not-this-machine"}}))  # a web page that rebinds its name
            return
        try:
            reaction = self._answer(body)
        except ValueError as error:
            reaction = _json(400, {"error": {"code": "form", "message": str(error)}})
        if not reaction.drop:
            self._write(reaction)
            return
        if reaction.stall:
            self.server.sandbox.stopping.wait(self.server.sandbox.stall)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, body: bytes) -> Reaction:
        sandbox = self.server.sandbox
        said = self.headers.get("X-Sandbox-Clock")
        if self.command == "GET" and self.path == "/_account":
            return _json(200, sandbox.account(said))
        if self.command == "POST" and self.path.startswith("/_control/"):
            wanted = json.loads(body)
            if not isinstance(wanted, dict):
                raise ValueError("expected an object")
            sandbox.control(self.path.removeprefix("/_control/"), wanted)
            return _json(200, {})
        played = re.fullmatch(r"/p/([A-Za-z0-9._-]{1,64})(/.*)", self.path)
        name, target = (played[1], played[2]) if played else ("sandbox", self.path)
        call = Call.of(self.command, target, self.headers.get("Idempotency-Key", ""), body)
        return sandbox.player(name).answer(call, sandbox.now(said))

    def _write(self, reaction: Reaction) -> None:
        self.send_response(reaction.status)
        self.send_header("Content-Type", reaction.content_type)
        self.send_header("Content-Length", str(len(reaction.body)))
        if reaction.retry_after is not None:
            self.send_header("Retry-After", str(reaction.retry_after))
        self.end_headers()
        self.wfile.write(reaction.body)


def _json(status: int, document: dict[str, Json]) -> Reaction:
    return Reaction(status=status, body=json.dumps(document).encode("ascii"))
