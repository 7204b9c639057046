"""procrastinate 3: one asynchronous worker with a concurrency of eight, on PostgreSQL.

As documented (https://procrastinate.readthedocs.io/en/stable/howto/advanced/concurrency.html): `concurrency` for
parallel jobs in one worker, woken by LISTEN/NOTIFY; `fetch_job_polling_interval` so that it looks every half second
(not five) for jobs whose time has come. The work is synchronous, which procrastinate gives to threads. The jobs are
put into its table in bulk: its own triggers see each of them.
"""
# ruff: noqa: S608 - only our own names are put into statements; values are bound

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from bench.storm_work import LEAD, WORKERS, Client, Count, Task, Told, filling, release, settle

POLL_S = 0.5
QUEUE, NAME = "storm", "extend"


async def _run(task: Task, told: Told, app: App, count: Count) -> None:
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                concurrency=WORKERS,
                fetch_job_polling_interval=POLL_S,
                install_signal_handlers=False,
            )
        )
        await asyncio.to_thread(count.wait, told.due_at + task.limit_s)
        with psycopg.connect(task.database, autocommit=True) as connection:

            def recorded() -> int:
                found = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'")
                return int(found.fetchone()[0])  # type: ignore[index]

            over = told.due_at + task.limit_s
            await asyncio.to_thread(lambda: settle(told, recorded, wanted=task.due, until=over))
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def _put(connection: psycopg.Connection[Any], values: str, bound: tuple[Any, ...]) -> None:
    columns = "(queue_name, task_name, args, scheduled_at)"
    connection.execute(f"INSERT INTO procrastinate_jobs {columns} {values}", bound)


def main() -> None:
    """Run the task."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    task = Task.read()
    told = Told(due_at=0.0, version=release("procrastinate"))
    client, count = Client(task.provider), Count(task.due)
    app = App(connector=PsycopgConnector(conninfo=task.database, min_size=WORKERS, max_size=WORKERS + 2))

    @app.task(queue=QUEUE, name=NAME)
    def extend(reference: str, provider: str) -> str:
        document = client.extend(reference, provider)
        count.one()
        return str(document["held_until"])

    with App(connector=SyncPsycopgConnector(conninfo=task.database)).open() as opened:
        opened.schema_manager.apply_schema()
    with psycopg.connect(task.database, autocommit=True) as connection:
        with filling(told):
            _put(
                connection,
                f"SELECT '{QUEUE}', '{NAME}', jsonb_build_object('reference', 'S-' || n, 'provider', 'storm-00'), "
                "now() + interval '20 hours' FROM generate_series(1, %s) n",
                (task.waiting,),
            )
        connection.execute("ANALYZE")
        told.due_at = time.time() + LEAD + 1
        due = datetime.fromtimestamp(told.due_at, UTC)
        listed = json.dumps([{"reference": reference, "provider": provider} for reference, provider in task.holds()])
        _put(connection, f"SELECT '{QUEUE}', '{NAME}', each, %s FROM jsonb_array_elements(%s) each", (due, listed))
    asyncio.run(_run(task, told, app, count))
    client.close()
    told.tell()


if __name__ == "__main__":
    main()
