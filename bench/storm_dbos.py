"""DBOS 3: one process, a queue with a worker concurrency of eight, on PostgreSQL.

As its reference has it (https://docs.dbos.dev/python/reference/queues): `worker_concurrency` for what one process may
run at once; a workflow whose sending is a step, so that a restart goes on after it; `delay_seconds` until it is due.
DBOS waits for its polling interval between any two looks at the queue: with the default of one second it would never
do more than eight a second, so it looks every ten milliseconds. What waits is copied in bulk from one workflow that
was really enqueued.
"""

from __future__ import annotations

import time

import psycopg
from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

from bench.storm_work import LEAD, WORKERS, Client, Count, Task, Told, filling, release, settle

POLL_S = 0.01
QUEUE = "storm"


def main() -> None:
    """Run the task."""
    task = Task.read()
    told = Told(due_at=0.0, version=release("dbos"))
    client, count = Client(task.provider), Count(task.due)
    url = task.database.replace("postgresql://", "postgresql+psycopg://")
    DBOS(
        config={
            "name": "storm",
            "system_database_url": url,
            "application_version": "1",
            "sys_db_pool_size": 2 * WORKERS,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def send(reference: str, provider: str) -> str:
        return str(client.extend(reference, provider)["held_until"])

    @DBOS.workflow()
    def extend(reference: str, provider: str) -> str:
        until = send(reference, provider)
        count.one()
        return until

    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=WORKERS, polling_interval_sec=POLL_S)
    with psycopg.connect(task.database, autocommit=True) as connection:
        with filling(told):
            with SetWorkflowID("waiting"), SetEnqueueOptions(delay_seconds=20 * 3600.0):
                DBOS.enqueue_workflow(QUEUE, extend, "S-0", "storm-00")
            _copy(connection, task.waiting)
        connection.execute("ANALYZE")
        lead = LEAD + task.due * 0.004  # enqueueing takes its time
        told.due_at = time.time() + lead
        for reference, provider in task.holds():
            with SetWorkflowID(reference), SetEnqueueOptions(delay_seconds=max(0.0, told.due_at - time.time())):
                DBOS.enqueue_workflow(QUEUE, extend, reference, provider)
        told.extra["enqueued_in_time"] = time.time() < told.due_at
        over = told.due_at + task.limit_s
        count.wait(over)
        wanted = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"
        settle(told, lambda: connection.execute(wanted).fetchone()[0], wanted=task.due, until=over)  # type: ignore[index]
    DBOS.destroy(workflow_completion_timeout_sec=0)
    client.close()
    told.tell()


def _copy(connection: psycopg.Connection, count: int) -> None:
    """Copies of the waiting workflow, with other ids."""
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'dbos' "
        "AND table_name = 'workflow_status' AND is_generated = 'NEVER' AND column_name <> 'workflow_uuid'"
    )
    columns = ", ".join(f'"{name}"' for (name,) in found)
    connection.execute(
        f"INSERT INTO dbos.workflow_status (workflow_uuid, {columns}) SELECT 'S-' || n, {columns} "  # noqa: S608
        "FROM dbos.workflow_status, generate_series(1, %s) n WHERE workflow_uuid = 'waiting'",
        (count - 1,),
    )


if __name__ == "__main__":
    main()
