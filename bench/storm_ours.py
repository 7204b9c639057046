"""Holdfast in the hold storm: the real sweep with the real REST adapter; events, tree and sealing on.

`python -m bench.storm_ours fill TASK` fills a unit; `python -m bench.storm_ours TASK` opens it in a new process and
sweeps until all that was due is settled; `append` and `verify` are asked of the same unit afterwards. What is asked
about again only after a back-off falls due at once: the office's clock is moved on, so that the work is measured and
not the waiting; each such pass is counted.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from bench.storm_unit import fill, lay_out, move, new_unit, open_unit
from bench.storm_work import LEAD, WORKERS, Task, Told, until
from flows import lanes, sweeping
from flows.office import Office

SOON = timedelta(hours=1)
"""Whatever falls due within it belongs to the storm: a back-off; what sleeps wakes in about twenty hours."""

MOMENT = timedelta(minutes=1)
"""What falls due one after another within it is settled in one pass."""

APPENDS = 500


def storm(task: Task) -> Told:
    """Open the unit and sweep it; with several processes, each sweeps until it finds nothing more to claim."""
    others, told = [], Told(due_at=time.time(), version=f"holdfast {version('holdfast')}")
    if task.processes > 1:
        told.due_at += 5 * LEAD  # processes start slowly
        context = multiprocessing.get_context("spawn")
        others = [context.Process(target=hand, args=(task, told.due_at)) for _ in range(task.processes - 1)]
        for other in others:
            other.start()
    office = _opened(task)
    before, done, failures = office.ledger.head()[0], Counter[str](), Counter[str]()
    until(told.due_at)
    cpu = time.process_time()
    if not others:
        told.due_at = time.time()
    first, passes, shift = 0.0, 0, timedelta()
    while time.time() < told.due_at + task.limit_s:
        report = sweeping.sweep(office)
        passes += 1
        first = first or time.time() - told.due_at
        done.update(each.action for each in report.done)
        failures.update(what for _, what in report.failures)
        while others and report.looked_at == 0:
            others.pop().join()
        following = office.ledger.next_due_at()
        if following is None or following > office.now() + SOON:
            break
        if not others:  # else it would outrun the other's leases
            shift += max(timedelta(), following - office.now()) + MOMENT
            move(office, shift)
    told.ended_at = time.time()
    told.extra = {"passes": passes, "first_pass_s": round(first, 2), "done": dict(done)}
    told.extra["cpu_ms_each"] = round((time.process_time() - cpu) * 1000 / max(1, done["extend"]), 2)
    told.extra["failures"] = dict(failures.most_common(5))
    told.note_peak()
    told.recorded = sum(event.kind == "extended" for event in office.ledger.all_events(after=before))
    office.close()
    return told


def hand(task: Task, due_at: float) -> None:
    """Another process that sweeps the same unit."""
    office = _opened(task)
    until(due_at)
    while time.time() < due_at + task.limit_s and sweeping.sweep(office).looked_at:
        pass
    office.close()


def _opened(task: Task) -> Office:
    lanes.AT_ONCE = WORKERS // task.processes
    return open_unit(lay_out(Path(task.folder), task.provider, task.database))


def filled(task: Task) -> Told:
    """Fill the unit; `recorded` is the number of events."""
    office = new_unit(Path(task.folder), task.provider, task.database)
    began = time.perf_counter()
    fill(office, task.waiting, due=task.due)
    told = Told(due_at=0.0, recorded=office.ledger.head()[0], filled_s=round(time.perf_counter() - began, 1))
    office.close()
    if task.database:
        import psycopg

        with psycopg.connect(task.database, autocommit=True) as connection:
            connection.execute("ANALYZE")  # as for every contestant: autovacuum would, a minute later
    return told


def verified(task: Task) -> Told:
    """Verify the whole ledger; `recorded` is the number of events."""
    office = _opened(task)
    began = time.perf_counter()
    findings = office.ledger.verify(sweeping.provable(office))
    told = Told(due_at=0.0, recorded=office.ledger.head()[0])
    told.extra = {"seconds": round(time.perf_counter() - began, 2), "findings": len(findings)}
    told.extra["first"] = [finding.what for finding in findings[:3]]
    office.close()
    return told


def appended(task: Task) -> Told:
    """Append a note to holds drawn from among those that come first; milliseconds."""
    office = _opened(task)
    drawn = [row.request for row in itertools.islice(office.ledger.rows(), APPENDS)]
    taken = []
    for request in drawn:
        began = time.perf_counter()
        office.append(request, [("note", {})])
        taken.append(time.perf_counter() - began)
    cuts = statistics.quantiles(taken, n=100)
    told = Told(due_at=0.0, recorded=len(drawn))
    told.extra = {"p50_ms": round(cuts[49] * 1000, 3), "p99_ms": round(cuts[98] * 1000, 3)}
    office.close()
    return told


def main() -> None:
    """Run the task."""
    what = {"fill": filled, "verify": verified, "append": appended}.get(sys.argv[1], storm)
    what(Task(**json.loads(sys.argv[-1]))).tell()


if __name__ == "__main__":
    main()
