"""What the hold storm does not show: how fast much comes in, and how long the proof of a million events takes.

    intake   a case with 100,000 identifiers in a CSV, read, held against the preflight, looked for among what is
             open, sealed and entered; identifiers by the second
    verify   the whole ledger of holds as they are after two months (six events each, sealed facts, one item),
             everything recomputed; seconds for a million events

Each in a process of its own, with a ledger of its own: `python -m bench.storm_size intake|verify [DATABASE]`, with
`--quick` for a twentieth of it. `cpu_s` is what the process itself used, and says more on a busy machine; a large
ledger is verified by processes of its own, which it leaves out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.storm_unit import CASE, fill, names, new_unit
from flows import intake
from flows.verifying import verify_all

IDENTIFIERS = 100_000
EVENTS = 1_000_000
EVENTS_OF_A_HOLD = 6


def measure(server: Any = None, *, quick: bool = False) -> dict[str, Any]:
    """Both, each in its own process, on SQLite and on the server; a twentieth of the size if quick."""
    found: dict[str, Any] = {}
    words = ["--quick"] if quick else []
    for what in ("intake", "verify"):
        found[what] = {"SQLite": _one("SQLite", what, *words)}
        if server is not None:
            with server.database(f"size_{what}") as database:
                found[what]["PostgreSQL"] = _one("PostgreSQL", what, database, *words)
    return found


def _one(store: str, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.storm_size", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told = dict(json.loads(done.stdout.splitlines()[-1]))
    figures = "  ".join(f"{name} {figure}" for name, figure in told.items())
    print(f"  {words[0]}, {store}: {figures}", flush=True)
    return told


def taken_in(folder: Path, count: int, database: str) -> dict[str, Any]:
    """Take in a case with so many identifiers."""
    office = new_unit(folder, "http://127.0.0.1:9", database)
    lines = "".join(f"email,account.{number}@example.com,,,\n" for number in range(count))
    (folder / "accounts.csv").write_text(f"type,value,from,to,zone\n{lines}")
    request = {
        "provider": names()[0],
        "instrument": "us.18usc2703f",
        "categories": ["subscriber"],
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-11-20T00:00:00Z",
        "confidential": True,
        "urgency": "expedited",
        "identifiers_file": "accounts.csv",
    }
    mla = {"requested_state": "US", "send_on": office.now().date().isoformat()}
    case_file = folder / "case.json"
    case_file.write_text(json.dumps({"case": CASE | {"reference": "CY-2026-0412", "mla": mla}, "request": [request]}))
    clock = time.perf_counter
    at, cpu = [clock()], time.process_time()
    case, drafts, _ = intake.read(case_file, office.catalogue, at=office.now())
    at.append(clock())
    known = [problem for draft in drafts for problem in intake.live_duplicates(office, case, draft)]
    at.append(clock())
    (entered,) = intake.register(office, case, drafts)
    at.append(clock())
    cpu = time.process_time() - cpu
    assert not known
    assert len(office.hold(entered).items) == count
    office.close()
    parts = [round(later - earlier, 2) for earlier, later in pairwise(at)]
    seconds = at[-1] - at[0]
    named = dict(zip(("read_s", "duplicates_s", "register_s"), parts, strict=True))
    rate = {"identifiers": count, "per_s": round(count / seconds)}
    return rate | {"seconds": round(seconds, 2), "cpu_s": round(cpu, 2)} | named


def verified(folder: Path, count: int, database: str) -> dict[str, Any]:
    """Verify a ledger of so many events."""
    from bench.storm import provider

    with provider("--calm") as calm:
        office = new_unit(folder, calm.url, database)
        began = time.perf_counter()
        fill(office, 0, due=count // EVENTS_OF_A_HOLD, own_facts=False)
    filled = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    findings = verify_all(office)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert not findings, findings[:3]
    events, _ = office.ledger.head()
    office.close()
    rate = round(seconds / events * 1_000_000, 1)
    told = {"events": events, "seconds": round(seconds, 1), "s_per_million": rate}
    return told | {"cpu_s": round(cpu, 1), "filled_s": round(filled, 1)}


def main() -> None:
    """One of the two, in this process."""
    share = 20 if "--quick" in sys.argv else 1
    database = next((word for word in sys.argv[2:] if "://" in word), "")
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        if sys.argv[1] == "intake":
            print(json.dumps(taken_in(Path(name), IDENTIFIERS // share, database)))
        else:
            print(json.dumps(verified(Path(name), EVENTS // share, database)))


if __name__ == "__main__":
    main()
