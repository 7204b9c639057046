"""The tables of the SQLite ledger, and how an older file becomes a newer one.

A migration is a function in a list; its place in the list is its number. They run in one transaction, so that
of two processes that open an older file at once, one waits and then finds the work done. What the tables must
look like is what the migrations make of an empty file: `differences` compares a ledger with that, so a guard
that somebody dropped is missed.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from ledger.chain import links_to_nodes
from ledger.connection import set_wal, told, transaction
from ledger.files import appearing
from ledger.interface import LedgerUnusable

APPLICATION_ID = 0x48464C31  # "HFL1": how a ledger is told from any other SQLite file

Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Add a step to the list. Steps are only ever added, at the end."""
    MIGRATIONS.append(step)
    return step


@migration
def events_and_index(connection: sqlite3.Connection) -> None:
    """The record, its index of what is due, leases, kept bytes and signs of life."""
    _run(
        connection,
        "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        # AUTOINCREMENT: SQLite remembers the highest number ever given, so a tail that was cut off is missed
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            request TEXT NOT NULL,
            kind TEXT NOT NULL,
            at TEXT NOT NULL,
            recorded_at TEXT NOT NULL,
            actor TEXT NOT NULL,
            body TEXT NOT NULL,
            link TEXT NOT NULL CHECK (length(link) = 64)
        ) STRICT""",
        "CREATE INDEX events_by_request ON events (request)",
        """CREATE UNIQUE INDEX events_one_intent ON events (
            request, json_extract(body, '$.action'), json_extract(body, '$.sequence'),
            coalesce(json_extract(body, '$.attempt'), 1)
        ) WHERE kind = 'intent'""",
        *_unchanging("events"),
        *_events_once(),
        """CREATE TABLE requests (
            request TEXT PRIMARY KEY,
            case_ref TEXT NOT NULL,
            provider TEXT NOT NULL,
            instrument TEXT NOT NULL,
            state TEXT NOT NULL,
            final INTEGER NOT NULL CHECK (final IN (0, 1)),
            next_action TEXT NOT NULL,
            next_at TEXT,
            next_because TEXT NOT NULL,
            rank INTEGER NOT NULL,
            strict_on TEXT NOT NULL,
            gap_days_p90 INTEGER NOT NULL,
            level INTEGER NOT NULL,
            CHECK (final OR next_at IS NOT NULL)
        ) STRICT, WITHOUT ROWID""",
        # Two ways to what is due: by time, when little of it is; by urgency, when much of it is.
        "CREATE INDEX requests_by_time ON requests (next_at, rank) WHERE next_at IS NOT NULL",
        "CREATE INDEX requests_by_rank ON requests (rank, next_at) WHERE next_at IS NOT NULL",
        """CREATE TABLE items (
            request TEXT NOT NULL REFERENCES requests (request),
            position INTEGER NOT NULL,
            item TEXT NOT NULL,
            type TEXT NOT NULL,
            outcome TEXT NOT NULL,
            blind TEXT NOT NULL,
            PRIMARY KEY (request, position)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX items_by_blind ON items (blind) WHERE blind <> ''",
        """CREATE TABLE leases (
            request TEXT PRIMARY KEY REFERENCES requests (request),
            owner TEXT NOT NULL,
            token INTEGER NOT NULL,
            until TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE kept (digest TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT",
        "CREATE TABLE beats (name TEXT PRIMARY KEY, at TEXT NOT NULL, body TEXT NOT NULL) STRICT",
        *_unchanging("meta"),
        *_never_replaced("meta", "name"),
        *_unchanging("kept"),
        *_never_replaced("kept", "digest"),
    )


@migration
def vault(connection: sqlite3.Connection) -> None:
    """Sealed identifiers and facts, and the wrapped key of each case. Erasing a case deletes its key."""
    _run(
        connection,
        """CREATE TABLE case_keys (
            id TEXT PRIMARY KEY,
            case_ref TEXT NOT NULL UNIQUE,
            master TEXT NOT NULL,
            wrapped BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE sealed (
            token TEXT PRIMARY KEY,
            case_key TEXT NOT NULL,
            case_ref TEXT NOT NULL,
            purpose TEXT NOT NULL,
            box BLOB NOT NULL
        ) STRICT""",
        *_never_replaced("case_keys", "id", "case_ref"),
        *_unchanging("sealed"),
        *_never_replaced("sealed", "token"),
    )


@migration
def tree(connection: sqlite3.Connection) -> None:
    """Each event keeps its nodes of the tree, which takes the place of the older chain; and signed heads.

    The chain is checked on the way, and its last link noted: a head of then that was kept elsewhere keeps its worth.
    """
    noted = (
        "CREATE TABLE heads (number INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER NOT NULL, text TEXT NOT NULL)"
    )
    highest = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'events'").fetchone()[0]
    _run(
        connection,
        f"{noted} STRICT",
        *_unchanging("heads"),
        *_never_replaced("heads", "number"),
        "ALTER TABLE events RENAME TO chained",
        *(
            f"DROP TRIGGER {name}"
            for name in ("events_never_updated", "events_never_deleted", "events_next_only", "events_intent_once")
        ),
        "DROP INDEX events_by_request",
        "DROP INDEX events_one_intent",
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            request TEXT NOT NULL,
            kind TEXT NOT NULL,
            at TEXT NOT NULL,
            recorded_at TEXT NOT NULL,
            actor TEXT NOT NULL,
            body TEXT NOT NULL,
            nodes BLOB NOT NULL CHECK (length(nodes) >= 32 AND length(nodes) % 32 = 0)
        ) STRICT""",
    )
    links_to_nodes(connection)
    if highest is not None:
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        connection.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (highest,))
    _run(
        connection,
        "DROP TABLE chained",
        "CREATE INDEX events_by_request ON events (request)",
        """CREATE UNIQUE INDEX events_one_intent ON events (
            request, json_extract(body, '$.action'), json_extract(body, '$.sequence'),
            coalesce(json_extract(body, '$.attempt'), 1)
        ) WHERE kind = 'intent'""",
        *_unchanging("events"),
        *_events_once(),
    )


@migration
def unit_keys(connection: sqlite3.Connection) -> None:
    """Keys of the whole unit, wrapped by the master key in use; empty until the master key was changed once."""
    _run(
        connection,
        """CREATE TABLE unit_keys (
            name TEXT PRIMARY KEY,
            master TEXT NOT NULL,
            wrapped BLOB NOT NULL
        ) STRICT""",
        *_never_replaced("unit_keys", "name"),
    )


@migration
def matters(connection: sqlite3.Connection) -> None:
    """How many matters of a request need a person; the next sweep counts them. And cases by name."""
    _run(
        connection,
        "ALTER TABLE requests ADD COLUMN matters INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX requests_for_people ON requests (next_at) WHERE matters > 0",
        "CREATE INDEX requests_by_case ON requests (case_ref)",
    )


def _unchanging(table: str) -> tuple[str, str]:
    return (
        f"""CREATE TRIGGER {table}_never_updated BEFORE UPDATE ON {table}
            BEGIN SELECT raise(ABORT, '{table} are never changed'); END""",
        f"""CREATE TRIGGER {table}_never_deleted BEFORE DELETE ON {table}
            BEGIN SELECT raise(ABORT, '{table} are never deleted'); END""",
    )


def _events_once() -> tuple[str, str]:
    return (
        """CREATE TRIGGER events_next_only BEFORE INSERT ON events
            WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
            BEGIN SELECT raise(ABORT, 'events are only ever added at the end'); END""",
        # the unique index alone would let an INSERT OR REPLACE take the older intent away
        """CREATE TRIGGER events_intent_once BEFORE INSERT ON events
            WHEN NEW.kind = 'intent' AND EXISTS (
                SELECT 1 FROM events WHERE kind = 'intent' AND request = NEW.request
                AND json_extract(body, '$.action') = json_extract(NEW.body, '$.action')
                AND json_extract(body, '$.sequence') = json_extract(NEW.body, '$.sequence')
                AND coalesce(json_extract(body, '$.attempt'), 1) = coalesce(json_extract(NEW.body, '$.attempt'), 1))
            BEGIN SELECT raise(ABORT, 'this intent is recorded already'); END""",
    )


def _never_replaced(table: str, *keys: str) -> tuple[str, ...]:
    # REPLACE deletes without asking the delete trigger, unless recursive triggers are on
    return tuple(
        f"""CREATE TRIGGER {table}_never_replaced_by_{key} BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
            BEGIN SELECT raise(ABORT, '{table} are never replaced'); END"""  # noqa: S608
        for key in keys
    )


def _run(connection: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:  # one by one: executescript would commit first
        connection.execute(statement)


def create(path: Path, *, sandbox: bool, created_at: str) -> None:
    """Make a new ledger, whole or not at all. One that is there is left alone.

    Raises:
        LedgerUnusable: it cannot be made there; says what to do.
    """
    facts = {"ledger": secrets.token_hex(16), "sandbox": "yes" if sandbox else "no", "created_at": created_at}
    try:
        if path.exists():
            return
        refuse_journal(path)
        with (
            appearing(path) as draft,
            told(path),
            closing(sqlite3.connect(draft, isolation_level=None)) as connection,
        ):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(connection, path)
            with transaction(connection):
                connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
            set_wal(connection, path)
    except FileExistsError:
        return  # another process made it meanwhile
    except OSError as error:
        raise LedgerUnusable(
            f"{path}: cannot be made here: {error.strerror}: check the rights on the folder and that it is on a "
            "local disk that is not full; nothing was written"
        ) from error


def refuse_journal(path: Path) -> None:
    """Refuse to make a ledger where the journal of another one was left.

    Raises:
        LedgerUnusable: it lies there; says what to do.
    """
    for journal in (Path(f"{path}-wal"), Path(f"{path}-journal")):
        if journal.exists():  # SQLite would write it into the new file
            raise LedgerUnusable(
                f"{journal}: the journal of a ledger that is no longer there: bring the ledger back to it, or "
                "move the journal away; nothing was written"
            )


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the file up to date, and check its guards afterwards. Nothing is done where nothing is to do.

    Raises:
        LedgerUnusable: the file is of a newer version than this program; or its tables were altered.
    """
    if _version(connection, path, migrations) == len(migrations):
        return
    with transaction(connection):
        done = _version(connection, path, migrations)  # another process may have been faster
        for number, step in enumerate(migrations[done:], start=done + 1):
            step(connection)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, step.__name__))
        if found := differences(connection, migrations):
            raise LedgerUnusable(
                f"{path}: cannot be brought up to date, its tables are not as we made them: {'; '.join(found)}. "
                "Keep a copy as it is, and restore a backup; nothing was changed"
            )


def _version(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> int:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() is None:
        return 0
    version: int = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    if version > len(migrations):
        raise LedgerUnusable(
            f"{path}: was written by a newer version of holdfast (its tables are version {version}, this program "
            f"knows {len(migrations)}): use that version or a newer one; nothing was changed"
        )
    return version


def differences(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[str, ...]:
    """In plain words, each table, index and trigger that is missing, altered or not ours."""
    wanted, found = _expected(tuple(migrations)), _objects(connection)
    return (
        *(f"the {name} is missing" for name in wanted if name not in found),
        *(f"the {name} was altered" for name in wanted if name in found and found[name] != wanted[name]),
        *(f"the {name} is not ours" for name in found if name not in wanted),
        *_wrong_numbers(connection, [table for table in COUNTED if f"table {table}" in found.keys() & wanted.keys()]),
        *_wrong_versions(connection, migrations),
    )


COUNTED = {"events": "seq", "heads": "number"}
_COUNTER = """SELECT counted, last FROM (SELECT
    coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = '{table}'), 0) AS counted,
    coalesce((SELECT max({number}) FROM {table}), 0) AS last)
    WHERE counted < last OR (counted > last AND '{table}' <> 'events')"""  # events that are missing, the tree tells


def _wrong_numbers(connection: sqlite3.Connection, tables: Sequence[str]) -> Iterator[str]:
    for table in tables:
        for counted, last in connection.execute(_COUNTER.format(table=table, number=COUNTED[table])):
            yield f"the counter of {table} was set to {counted}, the last number is {last}"


def _wrong_versions(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> Iterator[str]:
    found = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    if found != [(number, step.__name__) for number, step in enumerate(migrations, start=1)]:
        yield "the list of its versions was altered"


@cache
def _expected(migrations: tuple[Migration, ...]) -> dict[str, str]:
    from sqlite_utils import Database  # noqa: PLC0415 - only a proof needs it, and it may bring much along

    with Database(memory=True, execute_plugins=False) as empty:
        for step in migrations:
            step(empty.conn)
        return _objects(empty.conn)


def _objects(connection: sqlite3.Connection) -> dict[str, str]:
    found = connection.execute(
        "SELECT type || ' ' || name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_master "
        "WHERE name NOT GLOB 'sqlite_stat*' ORDER BY name"  # what SQLite itself notes about sizes
    )
    return dict(found.fetchall())
