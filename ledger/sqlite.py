"""The ledger in one SQLite file. Triggers refuse any change of the record; partial indexes find what is due."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from ledger import schema
from ledger.book import Book
from ledger.canonical import in_utc, instant
from ledger.connection import Connections, check_file, in_words, set_wal, told
from ledger.interface import LedgerBusy, LedgerError, LedgerUnusable
from ledger.statements import SqliteStatements
from ledger.store import Statements, Store


class SqliteLedger(Book):
    """A ledger in one file on a local disk. Attribute: `path`."""

    def __init__(self, path: Path, *, timeout: float = 30.0) -> None:
        self.path = path.absolute()
        store = SqliteStore(self.path, timeout=timeout)
        try:
            super().__init__(store)
        except BaseException:
            store.close()
            raise

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = False,
        sandbox: bool = False,
        timeout: float = 30.0,
        now: datetime | None = None,
    ) -> SqliteLedger:
        """Open the ledger at `path`.

        Args:
            path: the file; its journal lies beside it (`-wal`, `-shm`). A local disk, not a network share.
            create: make it if it is not there; one that is there is opened.
            sandbox: what a new file says for ever. What an existing one says is in `.sandbox`.
            timeout: seconds to wait for other writers before `LedgerBusy`.
            now: when a new file is made, if that is to be noted in it.

        Raises:
            LedgerUnusable: not there, not a ledger, damaged, read-only, of a newer version; says what to do.
            LedgerBusy: locked for longer than `timeout`.
        """
        path = Path(path).absolute()
        if create:
            schema.create(path, sandbox=sandbox, created_at="" if now is None else instant(in_utc(now, "now")))
        return cls(path, timeout=timeout)


class SqliteStore:
    """The file as a `Store`. Raises, when made, what `SqliteLedger.open` says."""

    failure: type[Exception] = sqlite3.Error

    def __init__(self, path: Path, *, timeout: float) -> None:
        check_file(path)
        self._path = path
        self._files = Connections(path, timeout=timeout)
        try:
            with told(path):
                connection = self._files.here()
                if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
                    raise LedgerUnusable(f"{path}: an SQLite file, but not a ledger: check the path")
                schema.migrate(connection, path)
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":  # restored from a plain copy
                    set_wal(connection, path)
                SqliteStatements(connection).last()
        except UnicodeDecodeError as error:  # SQLite's own words about a damaged name
            self._files.close()
            raise LedgerUnusable(f"{path}: it is damaged: keep a copy as it is, and restore a backup") from error
        except BaseException:
            self._files.close()
            raise

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    def in_words(self, error: Exception) -> LedgerError:
        """The ledger's own error for one of SQLite."""
        assert isinstance(error, sqlite3.Error)  # noqa: S101 - `failure` says so
        return in_words(self._path, error)

    def recording(self) -> AbstractContextManager[Statements]:
        """A transaction that may add events."""
        return _Scope(self._files, _WRITE)

    writing = recording  # SQLite has one writer at a time

    def reading(self) -> AbstractContextManager[Statements]:
        """One view for a few statements."""
        return _Scope(self._files, _VIEW)

    def asking(self) -> AbstractContextManager[Statements]:
        """For a single statement that reads."""
        return _Scope(self._files, "")

    @contextmanager
    def streaming(self, *, as_it_is: bool = False) -> Iterator[Statements]:
        """One view for a long read."""
        with self._files.streaming() as connection:
            if as_it_is:
                connection.text_factory = _as_it_is
            yield SqliteStatements(connection)

    def after_erasing(self) -> None:
        """Empty the journal, in which a deleted key may still stand."""
        with told(self._path):
            busy, *_ = self._files.here().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerBusy(
                f"{self._path}: erased, but a reader still holds an old page of the journal: erase again"
            )

    def close(self) -> None:
        """Close the file in every thread."""
        self._files.close()


_WRITE = "BEGIN IMMEDIATE"  # it waits for its turn here, and never fails half-way
_VIEW = "BEGIN"


class _Scope(AbstractContextManager[Statements]):
    """What is put to this thread's connection within a transaction, a view, or neither.

    No generator, because every act opens several of them. What SQLite raises comes out in the ledger's words.
    """

    __slots__ = ("_begin", "_connection", "_files")

    def __init__(self, files: Connections, begin: str) -> None:
        self._files, self._begin = files, begin

    def __enter__(self) -> Statements:
        with told(self._files.path):
            self._connection = self._files.here()
            if self._begin == _VIEW and self._connection.in_transaction:
                self._begin = ""  # that one is a view too
            if self._begin:
                self._connection.execute(self._begin)
        return SqliteStatements(self._connection)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if self._begin:
                self._end(done=error is None)
        except sqlite3.Error as failure:
            raise in_words(self._files.path, failure) from failure
        if isinstance(error, sqlite3.Error):
            raise in_words(self._files.path, error) from error

    def _end(self, *, done: bool) -> None:
        try:
            if done:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # SQLite has ended it by itself when the disk is full
                self._connection.execute("ROLLBACK")


def _fits(store: SqliteStore) -> Store:
    return store  # so that mypy compares them


def _as_it_is(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
