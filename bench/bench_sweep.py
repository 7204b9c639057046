"""What a sweep costs while others sleep: `python -m bench.bench_sweep [SIZE …]`, from the project's folder.

At each size, so many requests sleep in the index, and 200 real ones fall due. One sweep asks the provider (in
memory) about each of them; measured are its seconds and the highest memory of the process, each in a process of
its own. The ratios are the largest size to the smallest.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows import intake, settings, sweeping
from flows.office import open_office
from flows.policy import Pacing
from ledger.connection import transaction
from ledger.index import COLUMNS, columns_of

SIZES = (10_000, 100_000, 1_000_000)
DUE = 200
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def main(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Measure at each size, print a line each, and give the figures as JSON can hold them."""
    measured = {}
    for size in sizes:
        command = [sys.executable, "-m", "bench.bench_sweep", "--one", str(size)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        measured[str(size)] = json.loads(told.splitlines()[-1])
        print(f"  {size:>9,} asleep  " + "  ".join(f"{k} {v}" for k, v in measured[str(size)].items()))
    first, last = measured[str(min(sizes))], measured[str(max(sizes))]
    ratios = {name: round(last[name] / first[name], 2) for name in ("seconds", "peak_mb")}
    print(f"  largest to smallest: {ratios}")
    return {"sizes": measured, "ratio_largest_to_smallest": ratios}


def one(size: int) -> dict[str, float]:
    """One size, in this process."""
    from bench.bench_desk import CASE, REQUEST

    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        folder = Path(name)
        played = folder / "config" / "providers"
        played.mkdir(parents=True)
        base = Path(__file__).resolve().parent.parent / "config" / "providers" / "sandbox.toml"
        (played / "played.toml").write_text(
            base.read_text().split("\n[adapter]")[0].replace('id = "sandbox"', 'id = "played"')
            + '\n[adapter]\nkind = "memory"\n'
        )
        environ = {
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CONFIG": str(folder / "config"),
            "HOLDFAST_CLOCK": NOW.isoformat(),
        }
        office = open_office(settings.load(environ), create=True, sandbox=True)
        as_it_can = Pacing(per_minute=0, own={})  # the unit's pace would be measured, and nothing else
        office.catalogue = replace(office.catalogue, pacing=as_it_can)
        path = folder / "case.toml"
        requests = "".join(REQUEST.format(number=number) for number in range(DUE))
        path.write_text(CASE + requests.replace('"sandbox"', '"played"'))
        case, drafts, _ = intake.read(path, office.catalogue, at=NOW)
        ids = intake.register(office, case, drafts)
        sweeping.sweep(office)
        _sleepers(office.settings.ledger_path, office.ledger.row(ids[0]), size)
        office.settings = replace(office.settings, simulated=NOW + timedelta(days=1, hours=1))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        report = sweeping.sweep(office)
        seconds = time.perf_counter() - began
        office.close()
        assert report.looked_at == DUE, report.looked_at
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "seconds": round(seconds, 2),
            "peak_mb": round(peak / 1024, 1),
            "grown_mb": round((peak - before) / 1024, 1),
        }


def _sleepers(path: Path, like: Any, size: int) -> None:
    """Rows that sleep for a month, past the public interface."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with transaction(connection):
            rows = (
                columns_of(replace(like, request=f"HF-SLEEP{number:08d}", next_at=NOW + timedelta(days=30), items=()))
                for number in range(size)
            )
            connection.executemany(f"INSERT INTO requests VALUES ({', '.join('?' * len(COLUMNS))})", rows)  # noqa: S608
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]))))
    else:
        main([int(size) for size in sys.argv[1:]] or SIZES)
