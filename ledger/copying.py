"""A whole ledger from one database to another, of whatever kind: copied as it is stored, and proved before it counts.

The source is locked while it is read, so that nothing is added that would be missed, and is not changed. The target
must be there and have no identity yet (PostgreSQL: initialised for a copy), or not be there at all (SQLite: a new
file). All of it is one transaction there: only when both trees have the same head, and everything in the target
fits, is it committed; else the target is what it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from ledger import index, schema, tree, verify
from ledger.canonical import in_utc, instant
from ledger.connection import Connections, set_wal, told
from ledger.files import appearing
from ledger.interface import Finding, Identity, LedgerBusy, LedgerError, LedgerUnusable, Project
from ledger.statements import SqliteStatements
from ledger.store import Statements

BATCH = 5000
TABLES: dict[str, tuple[str, ...]] = {
    "meta": ("name", "value"),
    "events": ("seq", "request", "kind", "at", "recorded_at", "actor", "body", "nodes"),
    "heads": ("events", "text"),
    "requests": index.COLUMNS,
    "items": ("request", *index.ITEM_COLUMNS),
    "leases": ("request", "owner", "token", "until"),
    "kept": ("digest", "content"),
    "beats": ("name", "at", "body"),
    "case_keys": ("id", "case_ref", "master", "wrapped"),
    "unit_keys": ("name", "master", "wrapped"),
    "sealed": ("token", "case_key", "case_ref", "purpose", "box"),
}
_ORDER = {"events": "seq", "heads": "number"}

Told = Callable[[str, int, int], None]
"""Called with a table's name, how many of its rows are copied, and how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """What was copied: rows of each table, and the head that both ledgers have (events, root in hex)."""

    rows: dict[str, int]
    events: int
    root: str


class End(Protocol):
    """An open transaction at one end of a copy."""

    name: str
    say: Statements

    def count(self, table: str) -> int:
        """How many rows a table has."""

    def read(self, table: str, columns: Sequence[str], order: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a table, without holding them all in memory."""

    def write(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows into a table."""


def source(address: str | Path, *, timeout: float) -> AbstractContextManager[End]:
    """The ledger to copy from, locked against writers while this is open. A path is SQLite, a text PostgreSQL."""
    if isinstance(address, Path):
        return _sqlite_source(address, timeout)
    from ledger.postgres_copying import postgres_end  # noqa: PLC0415 - psycopg only where it is needed

    return postgres_end(address, timeout=timeout)


def target(address: str | Path, *, timeout: float) -> AbstractContextManager[End]:
    """The ledger to copy to; committed at the end, and as it was if the block fails."""
    if isinstance(address, Path):
        return _sqlite_target(address)
    from ledger.postgres_copying import postgres_end  # noqa: PLC0415

    return postgres_end(address, timeout=timeout)


def copy(one: End, other: End, project: Project, *, now: datetime, told: Told) -> Copied:
    """Copy all of one ledger into an empty one, and prove it, within the transactions of both.

    Args:
        one: from where.
        other: to where; the caller commits.
        project: the fold, to compute every state anew (`Ledger.verify`).
        now: whether a lease is still held is judged by it.
        told: is told how far it is.

    Raises:
        LedgerBusy: somebody holds a lease, so an act may be on its way.
        LedgerUnusable: the target is not empty; or one of them does not fit, or both do not have the same head.
    """
    _refuse(one, other, now)
    identity, peaks = _proved(one, project, "it is not copied")
    rows = {}
    for table, columns in TABLES.items():
        many = rows[table] = one.count(table)
        order = _ORDER.get(table, columns[0])
        read = one.read(table, columns, order)
        done = 0
        while batch := list(islice(read, BATCH)):
            other.write(table, columns, batch)
            done += len(batch)
            told(table, done, many)
        if done != other.count(table) or done != many:
            raise LedgerUnusable(
                f"{other.name}: of {many} rows of {table}, {other.count(table)} arrived; nothing stays"
            )
    there, its_peaks = _proved(other, project, "nothing of it stays")
    root = tree.root(peaks)
    if there != identity or tree.root(its_peaks) != root:
        raise LedgerUnusable(
            f"{other.name}: its head is {tree.root(its_peaks).hex()}, not {root.hex()}; nothing stays"
        )
    return Copied(rows=rows, events=rows["events"], root=root.hex())


def _refuse(one: End, other: End, now: datetime) -> None:
    held = [
        request
        for request, owner, _, until in one.read("leases", TABLES["leases"], "request")
        if owner and until > instant(in_utc(now, "now"))
    ]
    if held:
        raise LedgerBusy(
            f"{one.name}: {len(held)} requests are being worked on ({held[0]}): stop every sweep and watch, and try "
            "again; nothing was copied"
        )
    for table in TABLES:
        if other.count(table):
            raise LedgerUnusable(
                f"{other.name}: it is not empty, there are {table}: a copy needs a new one "
                "(`holdfast ledger init --for-copy`); nothing was copied"
            )


def _proved(end: End, project: Project, otherwise: str) -> tuple[Identity, list[bytes]]:
    """The identity and the peaks of a ledger in which everything fits."""
    facts = end.say.meta()
    if not facts.keys() >= {"ledger", "sandbox", "created_at"}:
        raise LedgerUnusable(f"{end.name}: it does not say what it is; {otherwise}")
    identity = Identity(ledger=facts["ledger"], created_at=facts["created_at"], sandbox=facts["sandbox"] == "yes")
    peaks = [tree.leaf(identity.content())]

    def stored() -> Iterator[tuple[Any, bytes]]:
        for record, nodes in end.say.stored():
            tree.add(peaks, record.seq, tree.leaf(record.content()))
            yield record, nodes

    first = next(_findings(end.say, identity, stored, project), None)
    if first is not None:
        raise LedgerUnusable(f"{end.name}: the ledger does not fit: {first.request} {first.what}; {otherwise}")
    return identity, peaks


def _findings(
    say: Statements, identity: Identity, stored: Callable[[], Iterator[tuple[Any, bytes]]], project: Project
) -> Iterator[Finding]:
    yield from verify.check_tree(stored(), first=tree.leaf(identity.content()), highest=say.highest_seq())
    yield from verify.check_index(*say.by_request("", ""), project, say.sealed_among)
    yield from say.wrong_bytes()


# ---- SQLite -----------------------------------------------------------------------------------------------------


class _SqliteEnd:
    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        self.name, self._connection = name, connection
        self.say: Statements = SqliteStatements(connection)

    def count(self, table: str) -> int:
        found: int = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return found

    def read(self, table: str, columns: Sequence[str], order: str) -> Iterator[tuple[Any, ...]]:
        yield from self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")  # noqa: S608

    def write(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(columns))
        put = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        self._connection.executemany(put, rows)


@contextmanager
def _sqlite_source(path: Path, timeout: float) -> Iterator[End]:
    from ledger.sqlite import SqliteStore  # noqa: PLC0415 - its checks of the file

    SqliteStore(path, timeout=timeout).close()
    files = Connections(path, timeout=timeout)
    try:
        with told(path), files.streaming() as connection:
            connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")  # nobody else writes meanwhile
            yield _SqliteEnd(str(path), connection)
            connection.execute("ROLLBACK")
    finally:
        files.close()


@contextmanager
def _sqlite_target(path: Path) -> Iterator[End]:
    if path.exists():
        raise LedgerUnusable(f"{path}: there is a ledger already: a copy goes into a new file; nothing was copied")
    schema.refuse_journal(path)
    try:
        with (
            appearing(path) as draft,
            told(path),
            closing(sqlite3.connect(draft, isolation_level=None)) as connection,
        ):
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            schema.migrate(connection, path)
            connection.execute("BEGIN IMMEDIATE")
            yield _SqliteEnd(str(path), connection)
            connection.execute("COMMIT")
            set_wal(connection, path)
    except OSError as error:
        raise LedgerError(f"{path}: cannot be made here: {error.strerror or error}; nothing was copied") from error
