"""The control: one Prefect run for each hold, on a local server as it comes, eight at a time. A few, extrapolated.

A flow run as documented (https://docs.prefect.io/v3/concepts/flows), called in a thread, `retries=0` as for all that
sends. It shows what one orchestrator run for each hold costs, and why Holdfast has none.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.bench_desk import _prefect
from bench.storm_work import WORKERS, Client, Task, Told, release


def main() -> None:
    """Run the task; its database is not used."""
    task = Task.read()
    folder = Path(task.folder) / "control"
    folder.mkdir()
    with _prefect(folder) as api:
        os.environ |= {"PREFECT_API_URL": api, "PREFECT_HOME": str(folder / "home"), "PREFECT_LOGGING_LEVEL": "ERROR"}
        from prefect import flow

        client = Client(task.provider)

        @flow(retries=0, persist_result=False)
        def extend(reference: str, provider: str) -> str:
            return str(client.extend(reference, provider)["held_until"])

        told = Told(due_at=time.time(), version=release("prefect"))
        with ThreadPoolExecutor(WORKERS) as pool:
            told.recorded = sum(bool(until) for until in pool.map(lambda hold: extend(*hold), task.holds()))
        told.ended_at = time.time()
        client.close()
    told.tell()


if __name__ == "__main__":
    main()
