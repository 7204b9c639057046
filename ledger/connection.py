"""How the SQLite ledger's file is opened, locked and shared, and what is said when that fails.

One connection per thread. A write is a `BEGIN IMMEDIATE`: it waits for its turn at the start, so it never fails
half-way because another process wrote first. A long read has a connection of its own, and so one unchanging
view, however much is written meanwhile. The file is never opened past SQLite while it is in use: closing such
a handle would drop SQLite's own locks on it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from weakref import WeakSet

from ledger.interface import LedgerBusy, LedgerDamaged, LedgerError, LedgerUnusable


class _Held:
    """A connection that closes when nobody holds this any more: with its thread, or with its stream."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


_SETTINGS = (
    "PRAGMA synchronous = FULL",  # a committed event survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # the guards see what a REPLACE would delete
    "PRAGMA secure_delete = ON",  # an erased key leaves no trace in a free page
)

_SAID = {
    sqlite3.SQLITE_BUSY: "another process is writing to it for longer than we wait: try again",
    sqlite3.SQLITE_LOCKED: "another part of this process is writing to it: try again",
    sqlite3.SQLITE_FULL: "the disk is full: free some space, then do it again",
    sqlite3.SQLITE_READONLY: "it is read-only: give this user the right to write the file and its folder",
    sqlite3.SQLITE_PERM: "this user may not use it: give the right to read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it, or the journal beside it, cannot be opened: check the rights on its folder and "
    "that the disk is not full or read-only",
    sqlite3.SQLITE_NOTADB: "it is not a ledger, or its first bytes are damaged: check the path, or restore a backup",
    sqlite3.SQLITE_CORRUPT: "it is damaged: keep a copy as it is, and restore a backup",
    sqlite3.SQLITE_ERROR: "its tables are not as we made them: keep a copy as it is, and restore a backup",
    sqlite3.SQLITE_IOERR: "the disk could not read or write it: is it full, or is a quota reached? Check, then do it "
    "again",
}


def in_words(path: Path, error: sqlite3.Error) -> LedgerError:
    """The ledger's own error for one of SQLite: which file, what is wrong, what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerBusy(f"{path}: {_SAID[code]}; nothing was written")
    if code in _SAID:
        kind = LedgerDamaged if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else LedgerUnusable
        return kind(f"{path}: {_SAID[code]}; nothing was written ({error})")
    return LedgerError(f"{path}: {error}; nothing was written")


def check_file(path: Path) -> None:
    """Refuse, before SQLite touches anything, a path that is no file or may not be written."""
    try:
        there = path.exists()
    except OSError as error:
        raise LedgerUnusable(
            f"{path}: cannot be looked at: {error.strerror}: check the rights on its folders"
        ) from None
    if not there:
        raise LedgerUnusable(f"{path}: there is no ledger: check the path, or create one")
    if not path.is_file():
        raise LedgerUnusable(f"{path}: not a file, so not a ledger: check the path")
    effective = os.access in os.supports_effective_ids
    for place, what in ((path, "the ledger is"), (path.parent, "the folder of the ledger is")):
        if not os.access(place, os.R_OK | os.W_OK, effective_ids=effective):
            raise LedgerUnusable(
                f"{place}: {what} read-only for this user, or on a read-only disk: give the right to write; "
                "nothing was written"
            )


def set_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers and a writer work side by side, from now on and for ever."""
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise LedgerUnusable(f"{path}: this disk cannot hold a shared journal: use a local disk, not a network share")


class told:  # noqa: N801 - a context; no generator, since every statement is put within one
    """Turn what SQLite raises into the ledger's errors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Say it in our words."""
        if isinstance(error, sqlite3.Error):
            raise in_words(self._path, error) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, with the right to write from the first statement on."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has ended it by itself when the disk is full
            connection.execute("ROLLBACK")
        raise


class Connections:
    """The connections to one ledger file, for as many threads as like. Not to be carried over a fork."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path
        self._timeout = timeout
        self._pid = os.getpid()
        self._own = threading.local()
        self._all: WeakSet[_Held] = WeakSet()
        self._all_lock = threading.Lock()
        self._closed = False

    def here(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._closed:
            raise LedgerError(f"{self.path}: the ledger was closed: open it again")
        if os.getpid() != self._pid:  # SQLite's locks do not survive a fork
            raise LedgerUnusable(f"{self.path}: it was opened before this process forked: open it again here")
        held: _Held | None = getattr(self._own, "held", None)
        if held is None:
            held = self._own.held = self._connect()
        return held.connection

    @contextmanager
    def streaming(self) -> Iterator[sqlite3.Connection]:
        """One view for a long read, however long it takes; it keeps nobody from writing."""
        with told(self.path):
            self.here()  # the same refusals
            held = self._connect()
            with closing(held.connection) as connection:
                connection.execute("BEGIN")
                yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        self._closed = True
        with self._all_lock:
            everyone = list(self._all)
        with told(self.path):
            for held in everyone:
                held.connection.close()

    def _connect(self) -> _Held:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",  # never makes a file
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,  # closed by whoever closes the ledger; used by one thread only
        )
        held = _Held(connection)
        with self._all_lock:
            self._all.add(held)
        for setting in _SETTINGS:
            connection.execute(setting)
        return held
