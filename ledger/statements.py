"""Every statement that is put to the SQLite ledger, each as a function of an open connection.

Whether one statement stands alone or several form a transaction is decided by the caller (`ledger.sqlite`).
"""
# ruff: noqa: S608 - only our own lists of columns and conditions are put into statements; values are bound

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Any

from ledger import index, schema
from ledger.chain import Record, canonical, instant, read_instant
from ledger.interface import Claim, Event, Finding, Json, LedgerUnusable, Row, in_utc
from ledger.vault import CaseKey, Sealed

FEW = 256  # up to so many due, sorting them all is the quickest way

_EVENT = "seq, request, kind, at, recorded_at, actor, body, link"
_ROW = ", ".join(index.COLUMNS)
_ITEM = ", ".join(index.ITEM_COLUMNS)
_FREE = "AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.request = requests.request AND leases.until > :now)"
_PUT_ROW = f"""INSERT INTO requests ({_ROW}) VALUES ({", ".join("?" * len(index.COLUMNS))})
    ON CONFLICT (request) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in index.COLUMNS[1:])}"""
_PUT_ITEM = f"""INSERT INTO items (request, {_ITEM}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (request, position) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in index.ITEM_COLUMNS[1:])}"""
_TAKE_LEASE = """INSERT INTO leases (request, owner, token, until) VALUES (:request, :owner, 1, :until)
    ON CONFLICT (request) DO UPDATE SET owner = excluded.owner, token = token + 1, until = excluded.until
    RETURNING token"""


# ---- the record ---------------------------------------------------------------------------------------------


def last_link(connection: Connection) -> tuple[int, str] | None:
    """Number and link of the last event."""
    found: tuple[int, str] | None = connection.execute(
        "SELECT seq, link FROM events ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return found


def put_event(connection: Connection, entry: Record) -> None:
    """Add an event at the end."""
    texts = (entry.request, entry.kind, entry.at, entry.recorded_at, entry.actor, entry.body, entry.link)
    connection.execute(f"INSERT INTO events ({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (entry.seq, *texts))


def history(connection: Connection, request: str) -> tuple[Event, ...]:
    """The events of one request."""
    found = connection.execute(f"SELECT {_EVENT} FROM events WHERE request = ? ORDER BY seq", (request,))
    return tuple(readable(_record(values)) for values in found)


def records(connection: Connection, *, after: int = 0) -> Iterator[Record]:
    """All events after one, by number."""
    where, bound = ("WHERE seq > ?", (after,)) if after else ("", ())
    for values in connection.execute(f"SELECT {_EVENT} FROM events {where} ORDER BY seq", bound):
        yield _record(values)


def readable(entry: Record) -> Event:
    """The event of a record; `LedgerUnusable` if it is damaged."""
    try:
        return entry.event()
    except ValueError:
        raise LedgerUnusable(f"event {entry.seq} cannot be read: run verify, and restore a backup") from None


def _record(values: Sequence[Any]) -> Record:
    seq, request, kind, at, recorded_at, actor, body, link = values
    return Record(
        seq=seq, request=request, kind=kind, at=at, recorded_at=recorded_at, actor=actor, body=body, link=link
    )


# ---- the index ----------------------------------------------------------------------------------------------


def put_row(connection: Connection, row: Row) -> None:
    """Write a request's row and those of its items that changed."""
    connection.execute(_PUT_ROW, index.columns_of(row))
    stored, wanted = _items(connection, row.request), index.items_of(row)
    known = set(stored)
    connection.executemany(_PUT_ITEM, ((row.request, *item) for item in wanted if item not in known))
    if len(stored) > len(wanted):
        connection.execute("DELETE FROM items WHERE request = ? AND position >= ?", (row.request, len(wanted)))


def row(connection: Connection, request: str) -> Row | None:
    """A request's row with its items."""
    columns = connection.execute(f"SELECT {_ROW} FROM requests WHERE request = ?", (request,)).fetchone()
    return None if columns is None else index.row_of(columns, _items(connection, request))


def rows(connection: Connection, *, open_only: bool) -> Iterator[Row]:
    """Rows with their items: open ones by `next_at`, then final ones by request."""
    wanted = ["WHERE NOT final AND next_at IS NOT NULL ORDER BY next_at, request"]
    if not open_only:
        wanted.append("WHERE final ORDER BY request")
    for which in wanted:
        for columns in connection.execute(f"SELECT {_ROW} FROM requests {which}"):
            yield index.row_of(columns, _items(connection, columns[0]))


def most_urgent(connection: Connection, now: datetime, limit: int, *, and_free: bool = False) -> tuple[Row, ...]:
    """Rows that are due, by rank, `next_at` and id; with `and_free`, only those that nobody holds.

    Few due among many that sleep are found by time. When many are due, sorting them would cost more than the
    few that are wanted: then they are read rank by rank, each already in order.
    """
    if limit < 1:
        raise ValueError(f"limit: expected at least 1, found {limit}")
    free = _FREE if and_free else ""
    bound = {"now": instant(in_utc(now, "now")), "limit": limit}
    by_time = "FROM requests INDEXED BY requests_by_time WHERE next_at <= :now"
    (due,) = connection.execute(f"SELECT count(*) FROM (SELECT 1 {by_time} LIMIT {FEW + 1})", bound).fetchone()
    if due <= FEW:
        few = f"SELECT {_ROW} {by_time} {free} ORDER BY rank, next_at, request LIMIT :limit"
        return tuple(index.row_of(columns) for columns in connection.execute(few, bound))
    by_rank = "FROM requests INDEXED BY requests_by_rank WHERE next_at IS NOT NULL"
    many = (
        f"SELECT {_ROW} {by_rank} AND rank = :rank AND next_at <= :now {free} ORDER BY next_at, request LIMIT :limit"
    )
    found: list[Row] = []
    (rank,) = connection.execute(f"SELECT min(rank) {by_rank}").fetchone()
    while rank is not None and len(found) < limit:
        here = {"now": bound["now"], "rank": rank, "limit": limit - len(found)}
        found += [index.row_of(columns) for columns in connection.execute(many, here)]
        (rank,) = connection.execute(f"SELECT min(rank) {by_rank} AND rank > :rank", here).fetchone()
    return tuple(found)


def next_due_at(connection: Connection) -> datetime | None:
    """The earliest `next_at`."""
    found = connection.execute(
        "SELECT next_at FROM requests INDEXED BY requests_by_time WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1"
    ).fetchone()
    return None if found is None else read_instant(found[0])


def find_live(connection: Connection, blind: str) -> tuple[str, ...]:
    """Requests that are not final with an item of that digest."""
    found = connection.execute(
        "SELECT DISTINCT request FROM items JOIN requests USING (request) "
        "WHERE blind = ? AND blind <> '' AND NOT final ORDER BY request",
        (blind,),
    )
    return tuple(request for (request,) in found)


def _items(connection: Connection, request: str) -> list[index.Stored]:
    return connection.execute(f"SELECT {_ITEM} FROM items WHERE request = ? ORDER BY position", (request,)).fetchall()


# ---- leases -------------------------------------------------------------------------------------------------


def free_row(connection: Connection, request: str, now: datetime) -> tuple[Row, ...]:
    """The row of a request that nobody holds, due or not; none if somebody does."""
    bound = {"request": request, "now": instant(in_utc(now, "now"))}
    found = connection.execute(f"SELECT {_ROW} FROM requests WHERE request = :request {_FREE}", bound)
    return tuple(index.row_of(columns) for columns in found)


def take_lease(connection: Connection, row: Row, *, owner: str, until: datetime) -> Claim:
    """Write a new lease over any older one of that request."""
    bound = {"request": row.request, "owner": owner, "until": instant(until)}
    (token,) = connection.execute(_TAKE_LEASE, bound).fetchone()
    return Claim(request=row.request, provider=row.provider, owner=owner, token=token, until=until)


def is_held(connection: Connection, claim: Claim) -> bool:
    """Whether the lease is still the one that was given."""
    held = "SELECT 1 FROM leases WHERE request = ? AND owner = ? AND token = ?"
    return connection.execute(held, (claim.request, claim.owner, claim.token)).fetchone() is not None


def move_lease(connection: Connection, claim: Claim, until: datetime) -> None:
    """Let a lease end at another instant."""
    connection.execute("UPDATE leases SET until = ? WHERE request = ?", (instant(until), claim.request))


def end_lease(connection: Connection, claim: Claim) -> None:
    """Let nobody hold the request; its token stays, so that the next one is higher."""
    connection.execute("UPDATE leases SET owner = '', until = '' WHERE request = ?", (claim.request,))


# ---- bytes, signs of life, the ledger's own facts -----------------------------------------------------------


def keep(connection: Connection, digest: str, content: bytes) -> None:
    """Store bytes that are not there yet."""
    if kept(connection, digest) is None:
        connection.execute("INSERT INTO kept VALUES (?, ?)", (digest, content))


def kept(connection: Connection, digest: str) -> bytes | None:
    """The bytes of a digest."""
    found = connection.execute("SELECT content FROM kept WHERE digest = ?", (digest,)).fetchone()
    return None if found is None else found[0]


def beat(connection: Connection, name: str, at: datetime, body: Mapping[str, Json]) -> None:
    """Write the last sign of life of a name."""
    connection.execute(
        "INSERT INTO beats VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at, body = excluded.body",
        (name, instant(in_utc(at, "at")), canonical(dict(body), f"{name}: body")),
    )


def last_beat(connection: Connection, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
    """The last sign of life of a name."""
    found = connection.execute("SELECT at, body FROM beats WHERE name = ?", (name,)).fetchone()
    return None if found is None else (read_instant(found[0]), json.loads(found[1]))


def meta(connection: Connection) -> dict[str, str]:
    """The ledger's own facts: `ledger` (its id), `sandbox`, `created_at`, and `master` once there is a vault."""
    return dict(connection.execute("SELECT name, value FROM meta").fetchall())


def put_meta(connection: Connection, name: str, value: str) -> None:
    """Note a fact for ever."""
    connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))


# ---- the sealed store ---------------------------------------------------------------------------------------


def case_key(connection: Connection, case: str) -> CaseKey | None:
    """The key of a case."""
    found = connection.execute("SELECT id, master, wrapped FROM case_keys WHERE case_ref = ?", (case,)).fetchone()
    return None if found is None else CaseKey(id=found[0], case=case, master=found[1], wrapped=found[2])


def put_case_key(connection: Connection, key: CaseKey) -> None:
    """Store the key of a case that has none."""
    connection.execute("INSERT INTO case_keys VALUES (?, ?, ?, ?)", (key.id, key.case, key.master, key.wrapped))


def drop_case_key(connection: Connection, case: str) -> None:
    """Delete the key of a case, and whatever SQLite may have left of it where rows were moved between pages.

    Only pages that are given up are overwritten as a whole. So all of the table's are, and the other keys go
    into fresh ones: a hundred bytes for each case, for an act that is rare.
    """
    others = connection.execute("SELECT * FROM case_keys WHERE case_ref <> ? ORDER BY rowid", (case,)).fetchall()
    connection.execute("DELETE FROM case_keys")
    connection.executemany("INSERT INTO case_keys VALUES (?, ?, ?, ?)", others)


def put_sealed(connection: Connection, sealed: Sealed) -> None:
    """Store sealed bytes."""
    values = (sealed.token, sealed.case_key, sealed.case, sealed.purpose, sealed.box)
    connection.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?)", values)


def sealed(connection: Connection, token: str) -> Sealed | None:
    """The sealed bytes of a token."""
    found = connection.execute(
        "SELECT case_key, case_ref, purpose, box FROM sealed WHERE token = ?", (token,)
    ).fetchone()
    return None if found is None else _sealed(found)


def _sealed(values: Sequence[Any]) -> Sealed:
    case_key, case, purpose, box = values
    return Sealed(case_key=case_key, case=case, purpose=purpose, box=box)


# ---- proof --------------------------------------------------------------------------------------------------


def highest_seq(connection: Connection) -> int:
    """The highest number an event ever had, whatever was deleted since."""
    found: int = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
    ).fetchone()[0]
    return found


def by_request(
    connection: Connection,
) -> tuple[Iterable[Record], Iterable[index.Stored], Iterable[tuple[str, index.Stored]]]:
    """All events, rows and items, each by request."""
    entries = connection.execute(f"SELECT {_EVENT} FROM events ORDER BY request, seq")
    items = connection.execute(f"SELECT request, {_ITEM} FROM items ORDER BY request, position")
    return (
        (_record(values) for values in entries),
        connection.execute(f"SELECT {_ROW} FROM requests ORDER BY request"),
        ((request, tuple(item)) for request, *item in items),
    )


def wrong_bytes(connection: Connection) -> Iterator[Finding]:
    """Kept and sealed bytes that are not what their names say."""
    for digest, content in connection.execute("SELECT digest, content FROM kept ORDER BY digest"):
        if hashlib.sha256(content).hexdigest() != digest:
            yield Finding(seq=None, request="", what=f"the bytes kept as {digest} are not the ones that were kept")
    for token, *values in connection.execute("SELECT token, case_key, case_ref, purpose, box FROM sealed"):
        if _sealed(values).token != token:
            yield Finding(seq=None, request="", what=f"the bytes sealed as {token} are not the ones that were sealed")


def wrong_tables(connection: Connection) -> Iterator[Finding]:
    """Tables, indexes and triggers that are not as we made them, and pages that are damaged."""
    for difference in schema.differences(connection):
        yield Finding(seq=None, request="", what=difference)
    for pragma in ("integrity_check", "foreign_key_check"):
        for words in connection.execute(f"PRAGMA {pragma}"):
            if words != ("ok",):
                yield Finding(seq=None, request="", what=f"{pragma}: {' '.join(map(str, words))}")
