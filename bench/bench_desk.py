"""How long an officer waits: `python -m bench.bench_desk`, from the project's folder.

    help               `holdfast --help`, the whole process, against `import click` alone
    plan-1000          a case of 1,000 requests read, checked and planned, against `json.dumps` of the result
    first-byte         `holdfast preserve` of one request, from Enter to the first byte at the provider, without a
                       Prefect server and with one, against a process that only imports `requests` and posts

Medians in seconds; each ratio is taken in the same run.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows import intake, planning, settings
from flows.catalogue import Catalogue
from flows.office import open_catalogue
from providers.sandbox import serve

RUNS = 5
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HOLDFAST = (sys.executable, "-c", "from desk.cli import main; main()")
CASE = """
[case]
reference = "CY-2026-0412"
unit = "Cybercrime Unit, Example Police"
country = "US"
offence = { title = "Fraud", provisions = ["18 USC 1343"], facts = "Invoices were diverted." }
[case.officer]
name = "Duty officer"
badge = "EP-1042"
email = "duty.officer@police.example.com"
phone = "+1-555-0100"
[case.mla]
requested_state = "US"
send_on = 2026-12-01
"""
REQUEST = """
[[request]]
provider = "sandbox"
instrument = "us.18usc2703f"
categories = ["subscriber", "traffic", "content"]
from = 2026-09-01T00:00:00Z
to = 2026-11-20T00:00:00Z
identifiers = [{{ type = "email", value = "account{number}@example.com" }}]
"""


def main() -> dict[str, Any]:
    """Measure, print a line each, and give the figures as JSON can hold them."""
    result = {"help": _help(), "plan-1000": _plan(1000), **_first_bytes()}
    for name, figures in result.items():
        print(f"  {name:28} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    return result


def _median(run: Callable[[], float]) -> float:
    run()
    return statistics.median(run() for _ in range(RUNS))


def _process(*command: str, environ: Mapping[str, str] | None = None) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def _help() -> dict[str, float]:
    ours = _median(lambda: _process(*HOLDFAST, "--help"))
    click = _median(lambda: _process(sys.executable, "-c", "import click"))
    return {"seconds": round(ours, 3), "ratio_to_import_click": round(ours / click, 2), "goal_s": 0.4}


def _plan(count: int) -> dict[str, float]:
    catalogue = open_catalogue(settings.load({"HOLDFAST_HOME": "."}))
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        path = Path(folder) / "case.toml"
        path.write_text(CASE + "".join(REQUEST.format(number=number) for number in range(count)))
        return _plan_of(path, catalogue)


def _plan_of(path: Path, catalogue: Catalogue) -> dict[str, float]:
    def plan() -> dict[str, Any]:
        case, drafts, problems = intake.read(path, catalogue, at=NOW)
        return planning.plan_case(case, drafts, catalogue.policy, at=NOW, problems=problems)

    def timed(call: Callable[[], object]) -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    planned = plan()
    seconds = statistics.median(timed(plan) for _ in range(3))
    dumping = statistics.median(timed(lambda: json.dumps(planned)) for _ in range(3))
    return {"seconds": round(seconds, 3), "ratio_to_json_dumps": round(seconds / dumping, 1), "goal_s": 1.0}


class Gate:
    """A port before the sandbox that notes when the first byte of a request came."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self.target, self.first = (host, int(port)), 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                for source, sink, note in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pipe, args=(source, sink, note), daemon=True).start()

    def _pipe(self, source: socket.socket, sink: socket.socket, note: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if note and not self.first:
                    self.first = time.perf_counter()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


def _first_bytes() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, serve() as sandbox:
        folder = Path(name)
        gate = Gate(sandbox.url)
        case = folder / "case.toml"
        case.write_text(CASE + REQUEST.format(number=1))
        alone = _first_byte(gate, (sys.executable, "-c", f"import requests; requests.post({gate.url!r})"), {})
        command = (*HOLDFAST, "preserve", "--sandbox", "--yes", "--again", str(case))
        without = _first_byte(gate, command, {"HOLDFAST_HOME": str(folder / "one")})
        with _prefect(folder) as api:
            environ = {"HOLDFAST_HOME": str(folder / "two"), "PREFECT_API_URL": api}
            beside = _first_byte(gate, command, environ)
        gate.close()
    return {
        "first-byte, no Prefect": {
            "seconds": round(without, 3), "ratio_to_bare_post": round(without / alone, 2), "goal_s": 5.0,
        },
        "first-byte, Prefect running": {
            "seconds": round(beside, 3), "ratio_to_bare_post": round(beside / alone, 2), "goal_s": 1.0,
        },
    }  # fmt: skip


def _first_byte(gate: Gate, command: tuple[str, ...], extra: Mapping[str, str]) -> float:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "PREFECT_"))}
    environ |= {"HOLDFAST_SANDBOX_URL": gate.url} | extra

    def run() -> float:
        gate.first = 0.0
        began = time.perf_counter()
        subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        assert gate.first, f"nothing reached the provider: {command}"
        return gate.first - began

    return _median(run)


@contextmanager
def _prefect(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / "prefect"
    home.mkdir()
    environ = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        api = f"http://127.0.0.1:{port}/api"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{api}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.2)
        yield api
    finally:
        server.terminate()
        server.wait(15)


if __name__ == "__main__":
    main()
