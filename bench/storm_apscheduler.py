"""APScheduler 3 with its SQLAlchemy job store on PostgreSQL and a pool of eight threads.

Configured as its user guide shows it for a persistent store (https://apscheduler.readthedocs.io/en/3.x/userguide.html):
`misfire_grace_time=None`, so that no job is left out for being late ("Missed job executions and coalescing"),
`coalesce` on. The jobs are put into the table in bulk, pickled by the store itself. APScheduler keeps no outcome, so
the job writes it into a table, with one commit.
"""

from __future__ import annotations

import logging
import pickle
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from psycopg_pool import ConnectionPool

from bench.storm_work import LEAD, WORKERS, Client, Count, Task, Told, filling, release, settle

CHUNK = 10_000
_HAS: dict[str, Any] = {}
"""What a job needs: only a function by its name can be kept in a persistent store."""


def job(reference: str, provider: str) -> None:
    """The work on one hold."""
    document = _HAS["client"].extend(reference, provider)
    with _HAS["pool"].connection() as connection:
        connection.execute("INSERT INTO outcomes VALUES (%s, %s)", (reference, document["held_until"]))
    _HAS["count"].one()


def _put(store: SQLAlchemyJobStore, scheduler: BackgroundScheduler, jobs: list[tuple[str, str, datetime]]) -> None:
    """Add jobs in bulk, each as `add_job` would have added it."""
    rows = []
    for reference, provider, at in jobs:
        made = Job(
            scheduler,
            id=reference,
            func=job,
            args=(reference, provider),
            kwargs={},
            trigger=DateTrigger(at),
            name="job",
            executor="default",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=at,
        )
        state = pickle.dumps(made.__getstate__(), store.pickle_protocol)
        rows.append({"id": reference, "next_run_time": at.timestamp(), "job_state": state})
    with store.engine.begin() as connection:
        connection.execute(store.jobs_t.insert(), rows)


def main() -> None:
    """Run the task."""
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    task = Task.read()
    told = Told(due_at=0.0, version=release("APScheduler"))
    store = SQLAlchemyJobStore(url=task.database.replace("postgresql://", "postgresql+psycopg://"))
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(WORKERS)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )
    with filling(told):
        store.jobs_t.create(store.engine, True)
        later = datetime.now(UTC) + timedelta(hours=20)
        for start in range(0, task.waiting, CHUNK):
            numbers = range(start, min(start + CHUNK, task.waiting))
            _put(store, scheduler, [(f"S-{n}", f"storm-{n % 40:02d}", later) for n in numbers])
    with psycopg.connect(task.database, autocommit=True) as connection:
        connection.execute("CREATE TABLE outcomes (reference text PRIMARY KEY, held_until text)")
        told.due_at = time.time() + LEAD + 2
        at = datetime.fromtimestamp(told.due_at, UTC)
        _put(store, scheduler, [(reference, provider, at) for reference, provider in task.holds()])
        connection.execute("ANALYZE")
        with ConnectionPool(task.database, min_size=WORKERS) as pool:
            pool.wait()
            _HAS.update(client=Client(task.provider), pool=pool, count=Count(task.due))
            scheduler.start()
            over = told.due_at + task.limit_s
            _HAS["count"].wait(over)
            count = "SELECT count(*) FROM outcomes"
            settle(told, lambda: connection.execute(count).fetchone()[0], wanted=task.due, until=over)  # type: ignore[index]
            left = "SELECT count(*) FROM apscheduler_jobs WHERE id LIKE 'R-%%'"
            told.extra["left_in_store"] = connection.execute(left).fetchone()[0]  # type: ignore[index]
            scheduler.shutdown(wait=False)
    told.tell()


if __name__ == "__main__":
    # A job is found again by its module's name, which is not "__main__".
    from bench import storm_apscheduler  # noqa: PLW0406

    storm_apscheduler.main()
