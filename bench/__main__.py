"""All benchmarks, one after another: `make bench`. Prints the figures and writes them to bench/results/.

The last one, the hold storm, compares with others: `pip install -e '.[bench]'` installs them; who is not there is
left out, and that is said.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import bench_decide, bench_desk, bench_ledger, bench_sweep, storm

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Run them; about twenty minutes, three of them before the hold storm."""
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "processor": _told("/proc/cpuinfo", "model name"),
        "memory": _told("/proc/meminfo", "MemTotal"),
        "sqlite": sqlite3.sqlite_version,
        "prefect": version("prefect"),
    }
    print(
        f"Holdfast {version('holdfast')} on {machine['system']}, Python {machine['python']}, {machine['cores']} cores"
    )
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine}
    for title, bench in (
        ("decisions", bench_decide.main),
        ("what an officer waits for", bench_desk.main),
        ("the ledger as it grows (p50 / p99 in ms)", bench_ledger.main),
        ("a sweep while others sleep", bench_sweep.main),
        ("the hold storm", storm.main),
    ):
        print(f"\n{title}", flush=True)
        result[title] = bench()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _told(path: str, name: str) -> str:
    """What Linux says of the machine under a name; "" elsewhere."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


if __name__ == "__main__":
    sys.exit(main())
