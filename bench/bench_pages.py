"""How long the contact team's pages take to show: `python -m bench pages`, from the project's folder.

A unit with 10,000 open requests, 500 of them refused and told of, on a Prefect server with some thousands of runs:

    made       all pages made anew; and what a single event costs afterwards, in seconds of processor time
    shown      from navigation to the text being there in Chromium, in both of Prefect's UIs, median seconds; `empty`
               is a page of one line: what the UI itself takes

Each with the server's database in an SQLite file, and in PostgreSQL where this machine has one with pg_trgm. The
requests are made as those of the hold storm are (`bench.storm_unit`). Without Chromium, nothing is shown.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.bench_latency import DATABASES, prefect_server
from bench.storm_unit import fill, lay_out, open_unit
from flows.office import Office
from ledger.interface import Json

OPEN, ITEMS, RUNS = 10_000, 500, 3_000
TIMES = 5
GOAL = 2.0
CHROMIUM = "/usr/bin/chromium"
PAGES: Mapping[str, str] = {"desk-queue": "Desk queue", "needs-a-person": "Needs a person", "board": "Board"}
UIS: Mapping[str, str] = {"V1": "", "V2": "/v2"}


def main() -> dict[str, Any]:
    """Measure, print a line each, and give the figures as JSON can hold them."""
    from bench.storm import provider

    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, provider("--calm") as calm:
        environ = lay_out(Path(name), calm.url)
        os.environ["PREFECT_HOME"] = str(Path(name) / "client")
        with closing(open_unit(environ, create=True)) as office:
            fill(office, OPEN, due=0)
            _refuse(office)
            for database in DATABASES:
                with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder, ExitStack() as stack:
                    server = prefect_server(Path(folder), database, stack)
                    if server is None:
                        print("  PostgreSQL: not measured, no server with pg_trgm is on this machine")
                        continue
                    print(f"  on {database}", flush=True)
                    result[database] = _measured(server, environ | {"PREFECT_API_URL": server.api}, office)
    return result


def _measured(server: Any, environ: Mapping[str, str], office: Office) -> dict[str, Any]:
    _forms(server)
    _runs(server)
    made = _made(environ, office)
    print("    made   " + "  ".join(f"{key} {value}" for key, value in made.items()), flush=True)
    return {"made": made, "shown": _shown(server)}


def _refuse(office: Office) -> None:
    """Some of what sleeps is refused, and the duty officer is told."""
    no: dict[str, Json] = {"action": "send", "sequence": 1, "ground": "other"}
    told: dict[str, Json] = {
        "about": "refused",
        "level": 1,
        "who": "Duty officer",
        "because": "it says no",
        "delivered": True,
    }
    rows = list(office.ledger.rows())
    for row in rows[:: len(rows) // ITEMS][:ITEMS]:
        office.append(row.request, [("refused", no), ("escalated", told)])
    found = sum(row.matters for row in office.ledger.rows(open_only=False, for_people=True))
    assert found >= ITEMS, f"{found} items are open"


def _ask(server: Any, path: str, document: Any) -> Any:
    for _ in range(50):
        try:
            return server.ask(path, document)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.2)
    raise AssertionError("the server is busy for too long")


def _forms(server: Any) -> None:
    """What `holdfast serve` registers, as far as links need it."""
    from flows.deployments import SERVED

    for each in SERVED:
        flow = _ask(server, "/flows/", {"name": each.flow})["id"]
        given = {"name": each.name, "flow_id": flow, "entrypoint": each.entrypoint, "tags": list(each.tags)}
        _ask(server, "/deployments/", given)


def _runs(server: Any) -> None:
    """Ended runs of them, as many as stay for some weeks."""
    forms = _ask(server, "/deployments/filter", {})
    ended = {"type": "COMPLETED", "name": "Completed", "message": "1 request looked at, nothing failed"}
    for number in range(RUNS):
        form = forms[number % len(forms)]
        run = {"flow_id": form["flow_id"], "deployment_id": form["id"], "name": form["name"].lower(), "state": ended}
        _ask(server, "/flow_runs/", run | {"tags": ["holdfast"]})


def _made(environ: Mapping[str, str], office: Office) -> dict[str, float]:
    """Processor seconds for every page, and for what one event changes."""
    from flows import settings
    from flows.pages.publishing import show

    unit = settings.load(environ)

    def cpu(**how: Any) -> float:
        failed: tuple[str, ...] = ()
        for _ in range(10):  # a server that was just given thousands of runs is busy for a while
            began = time.process_time()
            failed = asyncio.run(show(unit, **how))
            if not failed:
                return time.process_time() - began
            time.sleep(5)
        raise AssertionError(failed)

    everything = cpu(everything=True)
    while _untold(office):  # the first runs also tell Prefect of every registration
        cpu()
    row, *_ = (row for row in office.ledger.rows() if not row.matters)
    steps = []
    for _ in range(TIMES):
        office.append(row.request, [("polled", {"state": "in-force"})])
        steps.append(cpu())
    items = sum(row.matters for row in office.ledger.rows(open_only=False, for_people=True))
    figures = {"requests": OPEN, "items": items, "everything_cpu_s": round(everything, 1)}
    return figures | {"one_event_cpu_s": round(statistics.median(steps), 2), "goal_s": 0.5}


def _untold(office: Office) -> bool:
    from flows.emitting import BEAT

    beat = office.ledger.last_beat(BEAT)
    return beat is None or beat[1]["after"] != office.ledger.head()[0]


def _shown(server: Any) -> dict[str, Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("    shown  not measured: playwright is not installed")
        return {}
    if not Path(CHROMIUM).exists():
        print("    shown  not measured: there is no Chromium (apt-get install chromium)")
        return {}
    _ask(server, "/artifacts/", {"key": "empty", "type": "markdown", "data": "# Empty\n\nOne line."})
    keys = {"artifacts": {"key": {"any_": [*PAGES, "empty"]}}}
    lying = {each["key"]: each["latest_id"] for each in _ask(server, "/artifacts/latest/filter", keys)}
    ways = {"empty": (f"/artifacts/artifact/{lying['empty']}", "text=One line.")}
    ways |= {key: (f"/artifacts/artifact/{lying[key]}", "table tbody tr td") for key in PAGES}
    runs = "text=/^\\s*(report|release)\\s*$/"
    ways |= {"runs": ("/runs", runs), "runs, ten a page": ("/runs?limit=10", runs)}
    ways |= {"artifacts": ("/artifacts", "text=desk-queue")}
    found: dict[str, Any] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, prefix in UIS.items():
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            pages = server.api.removesuffix("/api") + prefix
            page.goto(f"{pages}/artifacts")
            page.wait_for_timeout(3000)  # what the browser keeps of the program is read once
            found[name] = {what: _median(page, pages + path, text) for what, (path, text) in ways.items()}
            told = "  ".join(f"{what} {seconds}" for what, seconds in found[name].items())
            print(f"    shown, {name}  {told}  goal_s {GOAL}  load {os.getloadavg()[0]:.1f}", flush=True)
        browser.close()
    return found | {"goal_s": GOAL, "load": round(os.getloadavg()[0], 1)}


def _median(page: Any, address: str, text: str) -> float:
    taken = []
    for _ in range(TIMES):
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector(text, timeout=60_000)
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 2)


if __name__ == "__main__":
    print(json.dumps(main()))
