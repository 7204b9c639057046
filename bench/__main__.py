"""All benchmarks, one after another: `make bench`. Prints the figures and writes them to bench/results/.

`python -m bench storm sizes` runs some of them, and adds their figures to those of the same day.
The last one, the hold storm, compares with others: `pip install -e '.[bench]'` installs them; who is not there is
left out, and that is said.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import bench_decide, bench_desk, bench_latency, bench_ledger, bench_pages, bench_sweep, storm

RESULTS = Path(__file__).resolve().parent / "results"


BENCHES: Mapping[str, tuple[str, Callable[[], object]]] = {
    "decide": ("decisions", bench_decide.main),
    "desk": ("what an officer waits for", bench_desk.main),
    "latency": ("from Run to the first byte", bench_latency.main),
    "pages": ("how long the desk's pages take to show", bench_pages.main),
    "ledger": ("the ledger as it grows (p50 / p99 in ms)", bench_ledger.main),
    "sweep": ("a sweep while others sleep", bench_sweep.main),
    "storm": ("the hold storm", storm.main),
    "sizes": ("what grows with the ledger", storm.sizes),
}


def main(*names: str) -> None:
    """Run them, or those that are named; all of them take half an hour, three minutes of it before the hold storm."""
    if unknown := set(names) - set(BENCHES):
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
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
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    for name in names or BENCHES:
        title, bench = BENCHES[name]
        print(f"\n{title}", flush=True)
        figures = bench()
        result = json.loads(path.read_text()) if path.exists() else {}
        result |= {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, title: figures}
        path.write_text(json.dumps(result, indent=1) + "\n")  # after each: what is measured is not lost
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _told(path: str, name: str) -> str:
    """What Linux says of the machine under a name; "" elsewhere."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


if __name__ == "__main__":
    main(*sys.argv[1:])
