"""What the tests of Prefect and of the watch share: a unit on real time, providers and Prefect as real servers."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows import intake, settings
from flows.office import Office, office
from flows.settings import Settings

CANARY = "canary.account@example.com"

PLAYED = """
id = "{id}"
like = "sandbox"
name = "{id}"

[adapter]
base_url = "{address}"
timeout = {{ connect = 2, read = {read:g}, total = {total:g} }}
"""


class LiveUnit:
    """A unit in a temporary folder, on real time, with a sandbox ledger. Each use opens the office anew."""

    account = CANARY
    """Of every request that is registered here, with its number before it from the second one of a case on."""

    def __init__(self, folder: Path, prefect_api: str = "", **environ: str) -> None:
        self.folder = folder
        self.environ = {
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CONFIG": str(folder / "config"),
            "PREFECT_API_URL": prefect_api,
            **environ,
        }
        (folder / "config" / "providers").mkdir(parents=True)
        (folder / "home").mkdir()
        with office(self.settings, create=True, sandbox=True):
            pass

    @property
    def settings(self) -> Settings:
        return settings.load(self.environ)

    def provider(self, name: str, address: str, *, seconds: float = 5.0) -> None:
        """Put a provider that speaks like the sandbox into the catalogue; `seconds` is how long it may be silent."""
        text = PLAYED.format(id=name, address=address, read=seconds, total=2 * seconds)
        (self.folder / "config" / "providers" / f"{name}.toml").write_text(text)

    def policy(self, text: str) -> None:
        """Lay the unit's own policy over the shipped one."""
        (self.folder / "config" / "policy.toml").write_text(text)

    @contextmanager
    def office(self, at: datetime | None = None) -> Iterator[Office]:
        """The open office, its clock stopped at an instant if one is given."""
        with office(replace(self.settings, simulated=at)) as opened:
            yield opened

    def register(self, *providers: str, at: datetime | None = None) -> list[str]:
        """Register one request for each provider named, at an instant or now; nothing is sent."""
        today = datetime.now(UTC).date()
        case = {
            "reference": f"CY-{secrets.token_hex(4)}",
            "unit": "Cybercrime Unit, Example Police",
            "country": "US",
            "offence": {"title": "Fraud", "provisions": ["18 USC 1343"], "facts": "Invoices were diverted."},
            "officer": {
                "name": "Duty officer",
                "badge": "EP-1042",
                "email": "duty.officer@police.example.com",
                "phone": "+1-555-0100",
            },
            "mla": {"requested_state": "US", "send_on": str(today + timedelta(days=10)), "profile": "unodc"},
        }
        requests = [
            {
                "provider": name,
                "instrument": "us.18usc2703f",
                "categories": ["subscriber", "traffic"],
                "from": f"{today - timedelta(days=60)}T00:00:00Z",
                "to": f"{today - timedelta(days=1)}T00:00:00Z",
                "confidential": True,
                "urgency": "expedited",
                "identifiers": [{"type": "email", "value": f"{number}.{self.account}" if number else self.account}],
            }
            for number, name in enumerate(providers)
        ]
        path = self.folder / "case.json"
        path.write_text(json.dumps({"case": case, "request": requests}))
        with self.office(at) as opened:
            read, drafts, _ = intake.read(path, opened.catalogue, at=opened.now())
            ids = list(intake.register(opened, read, drafts))
        path.unlink()
        return ids

    def kinds(self, request: str) -> list[str]:
        """The kinds of event of a request, in order."""
        with self.office() as opened:
            return [event.kind for event in opened.ledger.events(request)]

    def state(self, request: str) -> str:
        with self.office() as opened:
            return str(opened.hold(request).state)

    def beat(self, name: str = "sweep") -> dict[str, Any]:
        """The body of the last sign of life."""
        with self.office() as opened:
            found = opened.ledger.last_beat(name)
        return dict(found[1]) if found else {}

    def dropped(self) -> list[dict[str, Any]]:
        """What was dropped for other systems about the watch, in order."""
        files = sorted((self.folder / "home/escalations").glob("*-watch-*.json"))
        return [json.loads(path.read_text()) for path in files]


class PlayedProviders:
    """`python -m providers.sandbox`: many played providers behind one address."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "providers.sandbox", "--hostility", "0", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def address(self, name: str) -> str:
        return f"{self.url}/p/{name}"

    def trouble(self, name: str, faults: dict[str, float], **ways: Any) -> None:
        """Exactly these faults of one provider from now on."""
        document = {"provider": name, "hostility": 0, "faults": faults, **ways}
        request = urllib.request.Request(f"{self.url}/_control/faults", data=json.dumps(document).encode())  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            answer.read()

    def effects(self, request: str, action: str = "send") -> int:
        """How often a message of this request took effect, at any of them."""
        with urllib.request.urlopen(f"{self.url}/_account") as answer:  # noqa: S310
            providers = json.load(answer)["providers"].values()
        every = [each for provider in providers for each in provider["effects"]]
        return sum(each["count"] for each in every if (each["request"], each["action"]) == (request, action))

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=5)
        self.process.stdout.close()


class PrefectServer:
    """`prefect server start` on a free port of this machine, with a home of its own. Takes about 12 s to start.

    `port`: of an earlier one that it takes the place of. `more`: further variables of its environment.
    """

    def __init__(self, folder: Path, *, port: int = 0, **more: str) -> None:
        self.home = folder / "server"
        port = port or free_port()
        self.api = f"http://127.0.0.1:{port}/api"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environ |= {
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            **more,
        }
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "prefect", "server", "start"]
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(self._answers, seconds=60, what=f"the Prefect server; see {self.log}")
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the Prefect server ended: {self.log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, path: str, document: dict[str, Any]) -> Any:
        """POST to its API."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.api}{path}", data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}
        )
        for left in reversed(range(20)):
            try:
                with urllib.request.urlopen(request) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or not left:
                    raise
                time.sleep(0.5)  # its SQLite file is locked by itself
        raise AssertionError("unreachable")

    def run(self, run: str) -> dict[str, Any]:
        """A flow run by its id."""
        (found,) = self.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return dict(found)

    def runs(self) -> list[dict[str, Any]]:
        """Every flow run."""
        return list(self.ask("/flow_runs/filter", {}))

    def task_runs(self, run: str, count: int) -> dict[str, str]:
        """Name and state of a run's task runs, once there are `count` that have ended: they come late."""

        def read() -> dict[str, str]:
            found = self.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
            return {each["name"]: each["state_type"] for each in found}

        def enough() -> bool:
            states = list(read().values())
            return len(states) >= count and all(each in {"COMPLETED", "FAILED"} for each in states)

        wait_for(enough, seconds=30, what=f"{count} task runs")
        return read()

    def logs(self, run: str) -> list[str]:
        """The log of a run."""
        found = self.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
        return [each["message"] for each in found]

    def stop(self) -> None:
        """End it by its id."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Cable:
    """The way to a server, which a test can cut (nobody answers) or clog (nothing comes through)."""

    def __init__(self, address: str) -> None:
        parts = urllib.parse.urlsplit(address)
        assert parts.port is not None
        self._to = ("127.0.0.1", parts.port)
        self._clogged = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if not self._clogged:
                    other.sendall(data)
        except OSError:
            pass
        finally:
            for end in (one, other):
                _hang_up(end)

    def clog(self) -> None:
        self._clogged = True

    def cut(self) -> None:
        for end in (self._listener, *self._ends):
            _hang_up(end)
            end.close()


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    """A small HTTP server on this machine that answers as told; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def react(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer(self, body)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = react  # noqa: N815 - names of the standard library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Answer with JSON bytes."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(found: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)


def disguises(value: str) -> dict[str, bytes]:
    """How a value may stand in a file: as it is, and in the usual encodings, at each offset of base64."""
    raw = value.encode()
    found = {"plain": raw, "url": urllib.parse.quote(value, safe="").encode(), "hex": raw.hex().encode()}
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw)
        found[f"base64+{offset}"] = whole[4 if offset else 0 : -4]  # the middle, which no neighbour changes
    found["utf-16"] = value.encode("utf-16-le")
    return found


def places_of(value: str, folders: Sequence[Path]) -> list[str]:
    """Where a value stands in any file below these folders, in any disguise."""
    return [
        f"{path}: {name}"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for name, shape in disguises(value).items()
        if shape in path.read_bytes()
    ]
