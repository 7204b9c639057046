"""How long a person waits who presses "Run": `python -m bench latency`, from the project's folder.

From the moment at which the form *Send registered requests* is sent to the Prefect server (its `create_flow_run`) to
the first byte at the provider, for the three ways in which a run can be carried out:

    serve      `holdfast serve`: in a process that has imported everything
    runner     `flow.serve()` of Prefect, a process for each run; asked every second instead of every ten
    worker     a worker of prefect.yaml, a process for each run; asked every second instead of every ten

Each with the server's database in an SQLite file, and in PostgreSQL where this machine has one with pg_trgm. The
ratio is to `holdfast serve` on the same database, in the same run. `12 at once`: all of them are at the provider.
"""

from __future__ import annotations

import http
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.bench_desk import Gate

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / room) for room in ("flows", "ledger", "operating")]  # the tests' own servers
DATABASES = ("SQLite", "PostgreSQL")
QUICK, SLOW, AT_ONCE = 15, 5, 12
WITHIN = 60.0
ALL_WITHIN = 240.0  # a Prefect server that keeps an SQLite file now and then stands still for a minute
FLOW, NAME = "issue-requests", "Send registered requests"
RUNNER = f"""
import asyncio
from prefect.flows import EntrypointType
from prefect.runner import Runner
from flows.issue import issue_requests

async def main():
    runner = Runner()
    form = await issue_requests.to_deployment({NAME!r}, entrypoint_type=EntrypointType.MODULE_PATH)
    await runner.add_deployment(form)
    await runner.start()

asyncio.run(main())
"""
"""What `flow.serve()` does, but for a pickled flow, in which the types of a form's fields are missing."""

PROGRAMS = Path(sys.executable).parent


def main() -> dict[str, Any]:
    """Measure, print a line each, and give the figures as JSON can hold them."""
    result: dict[str, Any] = {}
    for database in DATABASES:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder, ExitStack() as stack:
            server = prefect_server(Path(folder), database, stack)
            if server is None:
                print("  PostgreSQL: not measured, no server with pg_trgm is on this machine")
                continue
            for name, figures in _ways(Path(folder), server, stack):
                result[f"{name}, {database}"] = figures
                print(
                    f"  {f'{name}, {database}':24} " + "  ".join(f"{key} {value}" for key, value in figures.items())
                )
    return result


def prefect_server(folder: Path, database: str, stack: ExitStack) -> Any:
    """A Prefect server as the examples set it up; None where its database cannot be had."""
    from operating_support import prefect_on_postgres, variables, with_trigrams
    from postgres_server import PostgresServer
    from prefect_support import PrefectServer

    home = folder / "prefect"
    home.mkdir()
    if database == "SQLite":
        environ = variables("prefect-environment")
        for own in ("PREFECT_HOME", "PREFECT_SERVER_API_PORT"):
            environ.pop(own)
        server = PrefectServer(home, **environ)
        stack.callback(server.stop)
        return server
    programs = with_trigrams()
    if programs is None:
        return None
    postgres = PostgresServer(programs=programs)
    stack.callback(postgres.close)
    return stack.enter_context(prefect_on_postgres(home, postgres, trigrams=True))


def _ways(folder: Path, server: Any, stack: ExitStack) -> Iterator[tuple[str, dict[str, float]]]:
    """Each way with its figures, as soon as it is measured."""
    from prefect_support import LiveUnit, PlayedProviders

    played = PlayedProviders()
    stack.callback(played.stop)
    gate = Gate(played.url)
    stack.callback(gate.close)
    unit = LiveUnit(folder / "unit", server.api)
    unit.provider("alpha", f"{gate.url}/p/alpha")
    played.trouble("alpha", {})
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "PREFECT_"))}
    environ |= unit.environ | {"PREFECT_HOME": str(folder / "client"), "DO_NOT_TRACK": "1"}

    def measured(count: int) -> list[float]:
        found = [_first_byte(server, unit, gate) for _ in range(count + 1)]
        return found[1:]  # the first one also warms up

    def figures(found: list[float]) -> dict[str, float]:
        return {"median_s": round(statistics.median(found), 2), "p90_s": round(_p90(found), 2), "runs": len(found)}

    with _process(environ, str(PROGRAMS / "holdfast"), "serve"):
        _wait_for_form(server)
        served = figures(measured(QUICK)) | {"goal_s": 1.5, "12_at_once_s": round(_at_once(server, unit, played), 1)}

    def beside(found: list[float]) -> dict[str, float]:
        return figures(found) | {"ratio_to_serve": round(statistics.median(found) / served["median_s"], 1)}

    yield "serve", served
    with _process(environ | {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}, sys.executable, "-c", RUNNER):
        yield "runner", beside(measured(SLOW))
    prefect = str(PROGRAMS / "prefect")
    for words in (("work-pool", "create", "holdfast", "--type", "process"), ("deploy", "--all")):
        subprocess.run([prefect, "--no-prompt", *words], env=environ, cwd=ROOT, check=True, capture_output=True)
    worker = (prefect, "worker", "start", "--pool", "holdfast", "--type", "process")
    with _process(environ | {"PREFECT_WORKER_QUERY_SECONDS": "1"}, *worker):
        yield "worker", beside(measured(SLOW))


def _p90(found: list[float]) -> float:
    return statistics.quantiles(found, n=10, method="inclusive")[-1]


@contextmanager
def _process(environ: dict[str, str], *command: str) -> Iterator[None]:
    running = subprocess.Popen(
        command, env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(30)
        running.kill()
        running.wait()


def _form(server: Any) -> str:
    """The address of the form's runs."""
    with urllib.request.urlopen(f"{server.api}/deployments/name/{FLOW}/{NAME.replace(' ', '%20')}") as answer:
        return f"/deployments/{json.load(answer)['id']}/create_flow_run"


def _wait_for_form(server: Any) -> None:
    end = time.monotonic() + WITHIN
    while True:
        try:
            _form(server)
        except OSError:
            assert time.monotonic() < end, "holdfast serve registered nothing"
            time.sleep(0.2)
        else:
            time.sleep(3)  # the others of the list
            return


def _press(server: Any, path: str, requests: list[str]) -> str:
    """What "Run" does; again where an SQLite file is busy, as Prefect's client and a person do."""
    for _ in range(20):
        try:
            return str(server.ask(path, {"parameters": {"request_ids": requests, "by": "Contact team"}})["id"])
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            time.sleep(0.3)
    raise AssertionError("the server is too busy to take a run")


def _first_byte(server: Any, unit: Any, gate: Gate) -> float:
    """Seconds from "Run" to the provider, for one request."""
    (request,) = unit.register("alpha")
    path = _form(server)
    time.sleep(random.random())
    gate.first = 0.0
    began = time.perf_counter()
    run = _press(server, path, [request])
    while server.run(run)["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"}:
        assert time.perf_counter() < began + WITHIN, "nobody carried it out"
        time.sleep(0.2)
    assert gate.first, f"nothing reached the provider: {server.run(run)['state']['message']}"
    return gate.first - began


def _at_once(server: Any, unit: Any, played: Any) -> float:
    """Seconds until all of several that are pressed at once are at the provider."""
    requests = unit.register(*["alpha"] * AT_ONCE)
    path = _form(server)
    began = time.perf_counter()
    for each in requests:
        _press(server, path, [each])
    while not all(played.effects(each) for each in requests):
        assert time.perf_counter() < began + ALL_WITHIN, "not all of them were carried out"
        time.sleep(0.05)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
