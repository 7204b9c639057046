"""The ledger in a PostgreSQL database, which sweepers on several machines may share.

Whoever adds events takes one lock first, until the transaction ends: so they have one order without gaps. Leases do
not need it: `FOR NO KEY UPDATE SKIP LOCKED` keeps claims out of each other's way.

When the connection is lost while a transaction is being committed, nobody has told us whether it was. Then it is
looked up, as soon as the server can be reached again: events that are there count as written, and only those that are
not are reported as to be tried again. If the server stays away, or no event was added, `LedgerBusy` says that it is
not known. Repeating the same intent is then safe (`Duplicate` if it was recorded), and so is all that adds no event;
another event might stand there twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.adapt import Loader
from psycopg.pq import Format, TransactionStatus

from ledger import postgres_queries as queries
from ledger import postgres_schema
from ledger.book import Book
from ledger.interface import LedgerBusy, LedgerError, LedgerUnusable
from ledger.postgres_connection import INIT, OLDEST, Connections, Held, code_of, in_words
from ledger.postgres_making import initialise
from ledger.postgres_statements import PostgresStatements
from ledger.store import Statements, Store

_ASK_FOR = 20.0  # seconds for which a server that was lost at a commit is asked what became of it
_BEGIN_RECORDING = f"""BEGIN;
SELECT pg_advisory_xact_lock({postgres_schema.LOCK});
SELECT pg_current_xact_id()::text, coalesce(seq, 0), coalesce(nodes, '') FROM (SELECT) here
LEFT JOIN ({queries.LAST}) newest ON true"""  # noqa: S608 - a number, and a statement of ours
_WRITTEN = """SELECT nodes, CASE WHEN %(number)s::xid8 < pg_snapshot_xmax(pg_current_snapshot())
    THEN pg_xact_status(%(number)s::xid8) END FROM events WHERE seq = %(seq)s"""
_NOT_KNOWN = "it is not known whether the last entry was written: look at the history before it is made again"


class PostgresLedger(Book):
    """A ledger in a PostgreSQL database. `address` is without the password; `size()` gives bytes on its disk."""

    def __init__(self, address: str, *, timeout: float = 30.0) -> None:
        store = PostgresStore(address, timeout=timeout)
        self.address, self.size = store.name, store.size
        try:
            store.check_identity()
            super().__init__(store)
            store.check_role(sandbox=self.sandbox)
        except BaseException:
            store.close()
            raise

    @classmethod
    def open(
        cls,
        address: str,
        *,
        create: bool = False,
        sandbox: bool = False,
        timeout: float = 30.0,
        now: datetime | None = None,
    ) -> PostgresLedger:
        """Open the ledger at `address`.

        Args:
            address: `postgresql://ROLE@HOST/DATABASE`; the password may come from it, PGPASSWORD, PGPASSFILE or a
                service file.
            create: make the tables if they are not there; needs the owner's rights (`postgres_making.initialise`).
            sandbox: what a new ledger says for ever. What an existing one says is in `.sandbox`.
            timeout: seconds to wait for other writers before `LedgerBusy`.
            now: when a new ledger is made, if that is to be noted in it.

        Raises:
            LedgerUnusable: not there, not a ledger, of another version, read-only, no right; says what to do.
            LedgerBusy: the server cannot be reached now, or others write for longer than `timeout`.
        """
        if create and not _is_ledger(address, timeout):
            initialise(address, sandbox=sandbox, now=now)
        return cls(address, timeout=timeout)


def _is_ledger(address: str, timeout: float) -> bool:
    connections = Connections(address, timeout=timeout)
    try:
        return postgres_schema.version_of(connections.here().connection) > 0
    except psycopg.Error as error:
        if code_of(error) == "3D000":  # not even the database is there
            return False
        raise in_words(connections.name, error) from None
    finally:
        connections.close()


class PostgresStore:
    """The database as a `Store`. Raises, when made, what `PostgresLedger.open` says."""

    failure: type[Exception] = psycopg.Error

    def __init__(self, address: str, *, timeout: float) -> None:
        self._connections = Connections(address, timeout=timeout)
        try:
            with self._connections.told():
                self._check(self._connections.here().connection)
        except BaseException:
            self._connections.close()
            raise

    @property
    def name(self) -> str:
        """The address without the password."""
        return self._connections.name

    def in_words(self, error: Exception) -> LedgerError:
        """The ledger's own error for one of the driver."""
        return in_words(self.name, error)

    def _check(self, connection: Connection[Any]) -> None:
        """Refuse what is no ledger of ours, or could not be written to safely."""
        if connection.info.server_version < OLDEST:
            raise LedgerUnusable(f"{self.name}: PostgreSQL {OLDEST // 10000} or newer is needed: upgrade the server")
        encoding, standby = connection.execute(
            "SELECT current_setting('server_encoding'), pg_is_in_recovery()"
        ).fetchone() or ("", False)
        if encoding != "UTF8":
            raise LedgerUnusable(
                f"{self.name}: its encoding is {encoding}, which cannot hold every text: make a database with UTF8 "
                f"({INIT} makes one)"
            )
        if standby:
            raise LedgerUnusable(f"{self.name}: a read-only standby: give the address of the primary server")
        known, done = len(postgres_schema.MIGRATIONS), self._version(connection)
        if not done:
            raise LedgerUnusable(f"{self.name}: there is no ledger in this database: make it with {INIT}")
        if done > known:
            raise LedgerUnusable(
                f"{self.name}: was written by a newer version of holdfast (its tables are version {done}, this "
                f"program knows {known}): use that version or a newer one; nothing was changed"
            )
        if done < known:
            raise LedgerUnusable(
                f"{self.name}: its tables are version {done}, this program needs {known}: stop the other programs of "
                f"the older version, and run {INIT} with the owner; nothing was changed"
            )

    def _version(self, connection: Connection[Any]) -> int:
        try:
            return postgres_schema.version_of(connection)
        except psycopg.errors.InsufficientPrivilege:
            role = connection.info.user
            raise LedgerUnusable(
                f"{self.name}: the role {role} may not use the ledger: use the role {postgres_schema.APP}, or make "
                f"{role} a member of it"
            ) from None

    def size(self) -> int:
        """Bytes that the database takes on the server's disk."""
        with self._connections.told():
            found = self._free().connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(found[0]) if found else 0

    def check_identity(self) -> None:
        """Refuse a ledger that was made for a copy and did not get one yet."""
        with self.reading() as say:
            if not say.meta() and not say.last()[0]:
                raise LedgerUnusable(
                    f"{self.name}: it is empty and has no identity: it waits for `holdfast ledger copy FROM TO`"
                )

    def check_role(self, *, sandbox: bool) -> None:
        """Refuse to keep an operational record as somebody who could change it."""
        with self._connections.told():
            may = (
                self._connections.here()
                .connection.execute("SELECT has_table_privilege('holdfast.events', 'UPDATE, DELETE, TRUNCATE')")
                .fetchone()
            )
        if may and may[0] and not sandbox:
            raise LedgerUnusable(
                f"{self.name}: this role may change what is recorded, which an operational ledger does not allow: "
                f"use the role {postgres_schema.APP}"
            )

    # ---- transactions -------------------------------------------------------------------------------------

    @contextmanager
    def recording(self) -> Iterator[Statements]:
        """A transaction that may add events."""
        with self._connections.told():
            held = self._free()
            try:
                begun = self._begin_recording(held)
            except psycopg.OperationalError:
                if not held.connection.closed:
                    raise
                held = self._free()  # it had broken since it was last used: nothing was done yet
                begun = self._begin_recording(held)
            with self._committing(held, *begun) as say:
                yield say

    def _begin_recording(self, held: Held) -> tuple[str, tuple[int, bytes]]:
        """Take the lock; gives the transaction's number, and the last event's with its nodes."""
        try:
            asked = held.connection.execute(_BEGIN_RECORDING)  # one packet; what is asked sees what we waited for
            while asked.nextset():
                pass
            number, seq, nodes = asked.fetchone() or ("", 0, b"")
        except BaseException as error:
            self._undo(held, error)
            raise
        return number, (seq, nodes)

    @contextmanager
    def _committing(self, held: Held, number: str, last: tuple[int, bytes]) -> Iterator[Statements]:
        sent = False
        held.inside = say = PostgresStatements(held.connection, last=last)
        try:
            yield say
            sent = True
            say.run("COMMIT")
        except BaseException as error:
            lost = self._undo(held, error)
            if not (sent and lost and isinstance(error, psycopg.Error)):
                raise
            if not self._was_committed(number, say.added):
                raise
        finally:
            held.inside, held.used = None, time.monotonic()

    def _was_committed(self, number: str, added: tuple[int, bytes] | None) -> bool:
        """Whether the transaction whose commit nobody confirmed was committed: whether its last event is there.

        Asked under the lock, so the lost transaction is over. What became of its number alone would not do: after a
        crash the server may give it to another one. Nor would the event's own `xmin`: of those who share a commit
        each has a savepoint, which has a number of its own.
        """
        end = time.monotonic() + _ASK_FOR
        while added is not None and time.monotonic() < end:
            with suppress(psycopg.Error):
                connection = self._connections.here().connection
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (postgres_schema.LOCK,))
                    asked = {"number": number, "seq": added[0]}
                    found = connection.execute(_WRITTEN, asked, binary=True).fetchone()
                return found is not None and tuple(found) == (added[1], "committed")
            time.sleep(0.05)
        raise LedgerBusy(f"{self.name}: the server was lost while it was writing, and {_NOT_KNOWN}")

    @contextmanager
    def writing(self) -> Iterator[Statements]:
        """A transaction that writes beside others."""
        with self._connections.told(), self._transaction(self._free(), "BEGIN") as say:
            yield say

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """One view for a few statements; within a transaction of this thread, that one."""
        with self._connections.told():
            held = self._connections.here()
            if held.inside is not None:
                yield held.inside
                return
            with self._transaction(held, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as say:
                yield say

    @contextmanager
    def asking(self) -> Iterator[Statements]:
        """For a single statement that reads; within a transaction of this thread, that one."""
        with self._connections.told():
            held = self._connections.here()
            if held.inside is not None:
                yield held.inside
                return
            try:
                yield PostgresStatements(held.connection)
            except BaseException as error:
                self._undo(held, error)
                raise
            finally:
                held.used = time.monotonic()

    @contextmanager
    def _transaction(self, held: Held, begin: str) -> Iterator[Statements]:
        sent = False
        held.inside = say = PostgresStatements(held.connection, begin=begin)
        try:
            yield say
            sent = True
            say.run("COMMIT")
        except BaseException as error:
            lost = self._undo(held, error)
            if sent and lost and isinstance(error, psycopg.Error):
                raise in_words(self.name, error, written="it is not known whether it was written") from None
            raise
        finally:
            held.inside, held.used = None, time.monotonic()

    @contextmanager
    def streaming(self, *, as_it_is: bool = False) -> Iterator[Statements]:
        """One view for a long read, on a connection of its own."""
        with self._connections.told():
            held = self._connections.another(long=True)
            connection = held.connection
            if as_it_is:
                connection.adapters.register_loader("text", _AsItIs)
                connection.adapters.register_loader("text", _AsItIsBinary)
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgresStatements(connection, differences=self.differences)
            finally:
                connection.close()

    @contextmanager
    def long_transaction(self) -> Iterator[Connection[Any]]:
        """A long transaction that may write, on a connection of its own."""
        with self._connections.told():
            held = self._connections.another(long=True)
            try:
                with held.connection.transaction():
                    yield held.connection
            finally:
                held.connection.close()

    def differences(self) -> tuple[str, ...]:
        """How tables, guards and rights differ from what they should be."""
        held = self._connections.another(long=True)
        try:
            return postgres_schema.differences(held.connection)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DiskFull) as error:  # it makes temporary tables
            return (f"the tables cannot be compared with what they should be: {error.diag.message_primary}",)
        finally:
            held.connection.close()

    def _free(self) -> Held:
        held = self._connections.here()
        if held.inside is not None:
            raise LedgerError(f"{self.name}: a fold may not write: it was called from within a write")
        return held

    def _undo(self, held: Held, error: BaseException) -> bool:
        """Bring a connection back to where nothing is open, or drop it. Gives whether it was lost."""
        connection, lost = held.connection, held.connection.closed
        if isinstance(error, Exception) and not lost:
            with suppress(psycopg.Error):
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    connection.execute("ROLLBACK")
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    return False
            lost = connection.closed
        self._connections.drop(held)
        return lost

    # ---- erasing ------------------------------------------------------------------------------------------

    def after_erasing(self) -> None:
        """Write the tables of keys anew, so that their files no longer have a deleted key in them.

        This needs PostgreSQL 17, whose `MAINTAIN` right lets the application do so; with an older server the owner
        has to run `VACUUM FULL holdfast.case_keys, holdfast.unit_keys`. Out of reach are the server's write-ahead log
        until it is recycled, its archive, and every backup: they keep the wrapped key for as long as they are kept
        themselves. It opens with the master key only.
        """
        with self._connections.told():
            connection = self._free().connection
            if connection.info.server_version >= 170000:  # noqa: PLR2004
                for table in postgres_schema.MAINTAINED:
                    postgres_schema.run(connection, f"VACUUM (FULL) {postgres_schema.SCHEMA}.{table}")

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()


class _AsItIs(Loader):
    """Text that may be damaged."""

    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


class _AsItIsBinary(_AsItIs):
    format = Format.BINARY


def _fits(store: PostgresStore) -> Store:
    return store  # so that mypy compares them
