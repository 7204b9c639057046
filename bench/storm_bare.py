"""The least that could do the work: a table with a due index, leases, eight workers. What Holdfast is measured by.

It keeps no events, proves nothing and seals nothing. One commit for each batch that is claimed, one for each outcome.
With more than one process, the workers are spread over them.
"""

from __future__ import annotations

import multiprocessing
import threading
import time

import psycopg

from bench.storm_work import LEAD, WORKERS, Client, Task, Told, filling, release, settle, until

BATCH = 10
TABLE = """
CREATE TABLE holds (
    reference text PRIMARY KEY, provider text NOT NULL, next_at timestamptz NOT NULL,
    lease_until timestamptz, held_until text
);
CREATE INDEX holds_by_time ON holds (next_at)
"""
CLAIM = """
UPDATE holds SET lease_until = now() + interval '30 seconds' WHERE reference IN (
    SELECT reference FROM holds WHERE next_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING reference, provider
"""
OUTCOME = """
UPDATE holds SET held_until = %s, next_at = now() + interval '60 days', lease_until = NULL WHERE reference = %s
"""


def work(task: Task, due_at: float, workers: int) -> None:
    """Work with so many threads until nothing is due any more."""
    client = Client(task.provider)

    def worker() -> None:
        with psycopg.connect(task.database, autocommit=True) as connection:
            until(due_at)
            while time.time() < due_at + task.limit_s:
                claimed = connection.execute(CLAIM, (BATCH,)).fetchall()
                for reference, provider in claimed:
                    document = client.extend(reference, provider)
                    connection.execute(OUTCOME, (document["held_until"], reference))
                if not claimed:
                    return

    threads = [threading.Thread(target=worker) for _ in range(workers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    client.close()


def main() -> None:
    """Run the task."""
    task = Task.read()
    told = Told(due_at=0.0, version=release("psycopg"))
    with psycopg.connect(task.database, autocommit=True) as connection:
        with filling(told):
            connection.execute(TABLE)
            connection.execute(
                "INSERT INTO holds SELECT 'S-' || n, 'storm-' || n %% 40, now() + interval '20 hours' + n * interval "
                "'1 millisecond' FROM generate_series(1, %s) n",
                (task.waiting,),
            )
        told.due_at = time.time() + LEAD + (4 if task.processes > 1 else 0)  # processes start slowly
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY holds (reference, provider, next_at) FROM STDIN") as copy,
        ):
            for reference, provider in task.holds():
                copy.write_row((reference, provider, time.strftime("%FT%TZ", time.gmtime(told.due_at))))
        connection.execute("ANALYZE")
        each = WORKERS // task.processes
        if task.processes == 1:
            work(task, told.due_at, each)
        else:
            context = multiprocessing.get_context("spawn")
            hands = [context.Process(target=work, args=(task, told.due_at, each)) for _ in range(task.processes)]
            for hand in hands:
                hand.start()
            for hand in hands:
                hand.join()
        count = "SELECT count(*) FROM holds WHERE held_until IS NOT NULL"
        settle(told, lambda: connection.execute(count).fetchone()[0], wanted=task.due, until=0)  # type: ignore[index]
    told.tell()


if __name__ == "__main__":
    main()
