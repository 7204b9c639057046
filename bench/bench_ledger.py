"""How long the ledger takes as it grows: `python -m bench.bench_ledger [SIZE …]`, from the project's folder.

At each size, a ledger is built with one registered request per row, 20 of them due and the others asleep. Then,
through the public interface:

    due-few, claim-few     20 are due among all that sleep
    due-many, claim-many   100,000 are due at once (all of them, if there are fewer)
    give-back              one lease taken and given back
    append                 an event and its row on a request drawn at random
    memory                 the highest use of Python memory: while all open rows pass by; to read 1,000 due ones

Each is called `CALLS` times; p50 and p99 in milliseconds. `claim` takes ten leases
at once; they are given back in between.
"""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.connection import transaction
from ledger.index import COLUMNS, columns_of
from ledger.interface import Event, NewEvent, Row
from ledger.records import record
from ledger.sqlite import SqliteLedger
from ledger.tree import add, leaf

SIZES = (10_000, 100_000, 1_000_000)
CALLS = 500
DUE = 20
MANY = 100_000
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def main(sizes: Sequence[int] = SIZES, *, calls: int = CALLS) -> dict[str, Any]:
    """Measure at each size, print a table, and give all figures as JSON can hold them."""
    measured = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
            measured[str(size)] = _measure(Path(folder) / "ledger.db", size, calls)
    smallest, largest = measured[str(min(sizes))], measured[str(max(sizes))]
    ratios = {
        name: round(largest[name]["p50_ms"] / smallest[name]["p50_ms"], 2)
        for name in smallest
        if isinstance(smallest[name], dict)
    }
    result = {"sizes": measured, "p50_ratio_largest_to_smallest": ratios}
    _print(result)
    return result


def _measure(path: Path, size: int, calls: int) -> dict[str, Any]:
    with closing(SqliteLedger.open(path, create=True, sandbox=True, now=NOW)) as ledger:
        started = time.perf_counter()
        _fill(path, ledger, size)
        built = time.perf_counter() - started
        many = NOW + timedelta(minutes=min(size, MANY))
        draw = random.Random(1)

        def claim(now: datetime) -> dict[str, float]:
            taken = []
            for _ in range(calls):
                started = time.perf_counter()
                leases = ledger.claim(now, owner="bench", until=now + LEASE, limit=10)
                taken.append(time.perf_counter() - started)
                for lease in leases:
                    ledger.give_back(lease)
            return _quantiles(taken)

        def give_back() -> None:
            (lease,) = ledger.claim(NOW, owner="bench", until=NOW + LEASE, limit=1)
            ledger.give_back(lease)

        def append() -> None:
            request = _request(draw.randrange(DUE, size))
            ledger.append(request, (NewEvent(kind="note", at=NOW, actor="bench"),), _project, now=NOW)

        return {
            "build_s": round(built, 1),
            "file_mb": round(path.stat().st_size / 1e6, 1),
            "due-few": _timed(lambda: ledger.due(NOW, limit=100), calls),
            "claim-few": claim(NOW),
            "due-many": _timed(lambda: ledger.due(many, limit=100), calls),
            "claim-many": claim(many),
            "give-back": _timed(give_back, calls),
            "append": _timed(append, calls),
            "memory_all_rows_kb": _peak(lambda: sum(1 for _ in ledger.rows())),
            "memory_due_kb": _peak(lambda: ledger.due(many, limit=1000)),
        }


def _fill(path: Path, ledger: SqliteLedger, size: int) -> None:
    """Write `size` requests past the public interface, as it would have written them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with transaction(connection):
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _events(ledger, size))
            rows = (columns_of(_row(number)) for number in range(size))
            connection.executemany(f"INSERT INTO requests VALUES ({', '.join('?' * len(COLUMNS))})", rows)  # noqa: S608
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _events(ledger: SqliteLedger, size: int) -> Iterator[tuple[Any, ...]]:
    peaks = [leaf(ledger.identity.content())]
    for number in range(size):
        new = NewEvent(kind="registered", at=NOW, actor="bench", body={"number": number})
        entry = record(new, seq=number + 1, request=_request(number), now=NOW)
        nodes = add(peaks, number + 1, leaf(entry.content()))
        yield *entry, nodes


def _request(number: int) -> str:
    return f"HF-{number:012d}"


def _row(number: int) -> Row:
    due = NOW - timedelta(minutes=1) if number < DUE else NOW + timedelta(minutes=number + 1 - DUE)
    return Row(
        request=_request(number),
        case=f"CY-2026-{number % 997:04d}",
        provider=f"provider-{number % 45}",
        instrument="us.18usc2703f",
        state="in-force",
        final=False,
        next_action="extend",
        next_at=due,
        next_because="The hold ends on 18 February 2027 at the strictest count; its extension window opens then.",
        rank=number % 7,
        strict_on="2027-02-18",
        gap_days_p90=0,
        level=0,
    )


def _project(events: Sequence[Event]) -> Row:
    return _row(int(events[0].request.removeprefix("HF-")))


def _timed(call: Callable[[], object], calls: int) -> dict[str, float]:
    taken = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return _quantiles(taken)


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50_ms": round(cuts[49] * 1000, 3), "p99_ms": round(cuts[98] * 1000, 3)}


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] // 1024
    finally:
        tracemalloc.stop()


def _print(result: dict[str, Any]) -> None:
    sizes, ratios = result["sizes"], result["p50_ratio_largest_to_smallest"]
    print(f"{'':20}" + "".join(f"{int(size):>18,}" for size in sizes) + f"{'ratio of p50':>14}")
    for name, first in next(iter(sizes.values())).items():
        if isinstance(first, dict):
            cells = [f"{each[name]['p50_ms']:.3f} / {each[name]['p99_ms']:.3f}" for each in sizes.values()]
        else:
            cells = [f"{each[name]:,}" for each in sizes.values()]
        print(f"{name:20}" + "".join(f"{cell:>18}" for cell in cells) + f"{ratios.get(name, ''):>14}")


if __name__ == "__main__":
    figures = main([int(size) for size in sys.argv[1:]] or SIZES)
    print(json.dumps(figures))
