"""PostgreSQL as one end of a copy (`ledger.copying`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, sql

from ledger.copying import End
from ledger.postgres import PostgresStore
from ledger.postgres_schema import LOCK
from ledger.postgres_statements import PostgresStatements
from ledger.store import Statements

_LARGEST_BATCH = 5000


class _PostgresEnd:
    def __init__(self, name: str, connection: Connection[Any]) -> None:
        self.name, self._connection = name, connection
        self.say: Statements = PostgresStatements(connection)
        self._cursors = 0

    def count(self, table: str) -> int:
        found = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        return int(found[0]) if found else 0

    def read(self, table: str, columns: Sequence[str], order: str) -> Iterator[tuple[Any, ...]]:
        self._cursors += 1
        with self._connection.cursor(name=f"copy_{self._cursors}", binary=True) as cursor:
            cursor.itersize = _LARGEST_BATCH
            cursor.execute(
                sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
                    _names(columns), sql.Identifier(table), sql.Identifier(order)
                )
            )
            yield from cursor

    def write(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        put = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _names(columns))
        with self._connection.cursor() as cursor, cursor.copy(put) as copying:
            for row in rows:
                copying.write_row(row)
        if table == "requests":
            given = [row[0] for row in rows]
            self._connection.execute(_NEWEST, (given,))


_NEWEST = """UPDATE requests SET last_seq = newest.seq
    FROM (SELECT request, max(seq) AS seq FROM events WHERE request = ANY (%s::text[]) GROUP BY request) newest
    WHERE newest.request = requests.request"""


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


@contextmanager
def postgres_end(address: str, *, timeout: float) -> Iterator[End]:
    """A ledger to copy from or to: until this ends, nobody else adds events or takes a lease.

    Raises:
        LedgerUnusable, LedgerBusy: as `PostgresLedger.open`.
    """
    store = PostgresStore(address, timeout=timeout)
    try:
        with store.long_transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            connection.execute("LOCK TABLE leases, beats IN EXCLUSIVE MODE")
            yield _PostgresEnd(store.name, connection)
    finally:
        store.close()
