"""Every statement that is put to the SQLite ledger, within a transaction that the store has opened."""
# ruff: noqa: S608 - only our own lists of columns and conditions are put into statements; values are bound

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from sqlite3 import Connection
from typing import Any

from ledger import index, schema, verify
from ledger.canonical import Json, canonical, in_utc, instant, read_instant
from ledger.interface import Claim, Finding, Row
from ledger.records import Record
from ledger.vault import CaseKey, Sealed, UnitKey

FEW = 256  # up to so many due, sorting them all is the quickest way

_EVENT = "seq, request, kind, at, recorded_at, actor, body"
_ROW = ", ".join(index.COLUMNS)
_ITEM = ", ".join(index.ITEM_COLUMNS)
_FREE = """AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.request = requests.request
    AND leases.until > :now AND leases.until <= :latest)"""
_PUT_ROW = f"""INSERT INTO requests ({_ROW}) VALUES ({", ".join("?" * len(index.COLUMNS))})
    ON CONFLICT (request) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in index.COLUMNS[1:])}"""
_PUT_ITEM = f"""INSERT INTO items (request, {_ITEM}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (request, position) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in index.ITEM_COLUMNS[1:])}"""
_TAKE_LEASE = """INSERT INTO leases (request, owner, token, until) VALUES (?, ?, 1, ?)
    ON CONFLICT (request) DO UPDATE SET owner = excluded.owner, token = token + 1, until = excluded.until
    RETURNING token"""


class SqliteStatements:
    """The statements of one connection; `Statements` says what each of them does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part that is undone by itself when it fails."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            elif isinstance(error, Exception) and not isinstance(error, sqlite3.Error):
                # SQLite has ended it all by itself: nobody's part is left, and the next one may not begin
                raise sqlite3.OperationalError("the transaction was ended") from error
            raise
        self._connection.execute("RELEASE part")

    # ---- the record -----------------------------------------------------------------------------------------

    def last(self) -> tuple[int, bytes]:
        """The number of the last event and its nodes."""
        found = self._connection.execute("SELECT seq, nodes FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return found or (0, b"")

    def nodes_of(self, seqs: Collection[int]) -> Mapping[int, bytes]:
        """The nodes stored with these events."""
        marks = ", ".join("?" * len(seqs))
        found = self._connection.execute(f"SELECT seq, nodes FROM events WHERE seq IN ({marks})", tuple(seqs))
        return dict(found.fetchall())

    def put_events(self, entries: Sequence[tuple[Record, bytes]]) -> None:
        """Add events at the end."""
        self._connection.executemany(
            f"INSERT INTO events ({_EVENT}, nodes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*each, nodes) for each, nodes in entries],
        )

    def history(self, request: str, *, after: int = 0) -> list[Record]:
        """The events of one request."""
        found = self._connection.execute(
            f"SELECT {_EVENT} FROM events WHERE request = ? AND seq > ? ORDER BY seq", (request, after)
        )
        return [*map(Record._make, found)]

    def stored(self, *, after: int | None = None) -> Iterator[tuple[Record, bytes]]:
        """Events with their nodes, by number."""
        where, bound = ("", ()) if after is None else ("WHERE seq > ?", (after,))
        for *values, nodes in self._connection.execute(
            f"SELECT {_EVENT}, nodes FROM events {where} ORDER BY seq", bound
        ):
            yield Record._make(values), nodes

    def highest_seq(self) -> int:
        """The highest number an event ever had."""
        found: int = self._connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
        ).fetchone()[0]
        return found

    # ---- the index ----------------------------------------------------------------------------------------------

    def put_row(self, row: Row, *, items_too: bool) -> None:
        """Write a request's row and those of its items that changed."""
        self._connection.execute(_PUT_ROW, index.columns_of(row))
        if not items_too:
            return
        stored, wanted = self._items(row.request), index.items_of(row)
        known = set(stored)
        changed = [(row.request, *item) for item in wanted if item not in known]
        if changed:
            self._connection.executemany(_PUT_ITEM, changed)
        if len(stored) > len(wanted):
            self._connection.execute(
                "DELETE FROM items WHERE request = ? AND position >= ?", (row.request, len(wanted))
            )

    def row(self, request: str) -> Row | None:
        """A request's row with its items."""
        columns = self._connection.execute(f"SELECT {_ROW} FROM requests WHERE request = ?", (request,)).fetchone()
        return None if columns is None else index.row_of(columns, self._items(request))

    def rows(self, *, open_only: bool, case: str, for_people: bool) -> Iterator[Row]:
        """Rows with their items: open ones by `next_at`, then final ones by request."""
        more, bound = index.narrowed(case, for_people=for_people, mark="?")
        wanted = [f"NOT final AND next_at IS NOT NULL{more} ORDER BY next_at, request"]
        if not open_only:
            wanted.append(f"final{more} ORDER BY request")
        for which in wanted:
            for columns in self._connection.execute(f"SELECT {_ROW} FROM requests WHERE {which}", bound):
                yield index.row_of(columns, self._items(columns[0]))

    def request_ids(self, after: str, limit: int) -> list[str]:
        """The requests, by id."""
        found = self._connection.execute(
            "SELECT request FROM requests WHERE request > ? ORDER BY request LIMIT ?", (after, limit)
        )
        return [request for (request,) in found]

    def most_urgent(self, now: datetime, limit: int) -> tuple[Row, ...]:
        """Rows that are due, by rank, `next_at` and id."""
        return tuple(map(index.row_of, self._most_urgent(_ROW, {"now": instant(now), "limit": limit}, "")))

    def _most_urgent(self, columns: str, bound: Mapping[str, str | int], narrowed: str) -> list[Sequence[Any]]:
        """These columns of rows that are due and meet further conditions.

        Few due among many that sleep are found by time. When many are due, sorting them would cost more than the
        few that are wanted: then they are read rank by rank, each already in order.
        """
        execute, limit = self._connection.execute, int(bound["limit"])
        by_time = "FROM requests INDEXED BY requests_by_time WHERE next_at <= :now"
        (due,) = execute(f"SELECT count(*) FROM (SELECT 1 {by_time} LIMIT {FEW + 1})", bound).fetchone()
        if due <= FEW:
            few = f"SELECT {columns} {by_time} {narrowed} ORDER BY rank, next_at, request LIMIT :limit"
            return execute(few, bound).fetchall()
        by_rank = "FROM requests INDEXED BY requests_by_rank WHERE next_at IS NOT NULL"
        many = (
            f"SELECT {columns} {by_rank} AND rank = :rank AND next_at <= :now {narrowed} "
            "ORDER BY next_at, request LIMIT :limit"
        )
        found: list[Sequence[Any]] = []
        (rank,) = execute(f"SELECT min(rank) {by_rank}").fetchone()
        while rank is not None and len(found) < limit:
            here = {**bound, "rank": rank, "limit": limit - len(found)}
            found += execute(many, here).fetchall()
            (rank,) = execute(f"SELECT min(rank) {by_rank} AND rank > :rank", here).fetchone()
        return found

    def answer(self, question: str) -> list[Sequence[Any]]:
        """The answer to a short question."""
        return self._connection.execute(question).fetchall()

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at`."""
        found = self._connection.execute(
            "SELECT next_at FROM requests INDEXED BY requests_by_time WHERE next_at IS NOT NULL "
            "ORDER BY next_at LIMIT 1"
        ).fetchone()
        return None if found is None else read_instant(found[0])

    def find_live(self, blinds: Sequence[str]) -> list[tuple[str, str]]:
        """Digests with the requests that are not final and have an item of them."""
        return self._connection.execute(
            "SELECT DISTINCT blind, request FROM items JOIN requests USING (request) "
            f"WHERE blind IN ({', '.join('?' * len(blinds))}) AND blind <> '' AND NOT final ORDER BY request",
            tuple(blinds),
        ).fetchall()

    def _items(self, request: str) -> list[index.Stored]:
        return self._connection.execute(
            f"SELECT {_ITEM} FROM items WHERE request = ? ORDER BY position", (request,)
        ).fetchall()

    # ---- leases ---------------------------------------------------------------------------------------------

    def claim_due(
        self, now: datetime, *, owner: str, until: datetime, limit: int, spare: Collection[str]
    ) -> tuple[Claim, ...]:
        """Take the most urgent due requests that nobody holds."""
        spared = {f"spare{number}": provider for number, provider in enumerate(spare)}
        narrowed = f"{_FREE} AND provider NOT IN ({', '.join(f':{name}' for name in spared)})"
        bound: dict[str, str | int] = {**index.of_leases(now, until), "limit": limit, **spared}
        found = self._most_urgent("request, provider", bound, narrowed)
        return tuple(self._take(request, provider, owner, until) for request, provider in found)

    def claim_one(self, request: str, now: datetime, *, owner: str, until: datetime) -> tuple[Claim, ...]:
        """Take one request that nobody holds."""
        bound = {"request": request, **index.of_leases(now, until)}
        free = self._connection.execute(f"SELECT provider FROM requests WHERE request = :request {_FREE}", bound)
        return tuple(self._take(request, provider, owner, until) for (provider,) in free.fetchall())

    def _take(self, request: str, provider: str, owner: str, until: datetime) -> Claim:
        (token,) = self._connection.execute(_TAKE_LEASE, (request, owner, instant(until))).fetchone()
        return Claim(request=request, provider=provider, owner=owner, token=token, until=until)

    def is_held(self, claim: Claim) -> bool:
        """Whether the lease is still the one that was given."""
        held = "SELECT 1 FROM leases WHERE request = ? AND owner = ? AND token = ?"
        return self._connection.execute(held, (claim.request, claim.owner, claim.token)).fetchone() is not None

    def move_lease(self, claim: Claim, until: datetime) -> None:
        """Let a lease end at another instant."""
        self._connection.execute("UPDATE leases SET until = ? WHERE request = ?", (instant(until), claim.request))

    def end_leases(self, claims: Iterable[Claim]) -> None:
        """Let nobody hold these requests; their tokens stay, so that the next ones are higher."""
        self._connection.executemany(
            "UPDATE leases SET owner = '', until = '' WHERE request = ? AND owner = ? AND token = ?",
            [(claim.request, claim.owner, claim.token) for claim in claims],
        )

    # ---- bytes, signs of life, the ledger's own facts -----------------------------------------------------------

    def keep(self, digest: str, content: bytes) -> None:
        """Store bytes that are not there yet."""
        if self.kept(digest) is None:
            self._connection.execute("INSERT INTO kept VALUES (?, ?)", (digest, content))

    def kept(self, digest: str) -> bytes | None:
        """The bytes of a digest."""
        found = self._connection.execute("SELECT content FROM kept WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else found[0]

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Write the last sign of life of a name."""
        self._connection.execute(
            "INSERT INTO beats VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET at = excluded.at, body = excluded.body",
            (name, instant(in_utc(at, "at")), canonical(dict(body), f"{name}: body")),
        )

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of a name."""
        found = self._connection.execute("SELECT at, body FROM beats WHERE name = ?", (name,)).fetchone()
        return None if found is None else (read_instant(found[0]), json.loads(found[1]))

    def meta(self) -> dict[str, str]:
        """The ledger's own facts: `ledger` (its id), `sandbox`, `created_at`, and `master` once there is a vault."""
        return dict(self._connection.execute("SELECT name, value FROM meta").fetchall())

    def put_meta(self, name: str, value: str) -> None:
        """Note a fact for ever."""
        self._connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))

    def put_head(self, events: int, text: str) -> None:
        """Add a signed head."""
        self._connection.execute("INSERT INTO heads (events, text) VALUES (?, ?)", (events, text))

    def heads(self) -> list[str]:
        """The signed heads."""
        return [text for (text,) in self._connection.execute("SELECT text FROM heads ORDER BY number")]

    # ---- the sealed store ---------------------------------------------------------------------------------------

    def case_key(self, case: str) -> CaseKey | None:
        """The key of a case."""
        found = self._connection.execute(
            "SELECT id, master, wrapped FROM case_keys WHERE case_ref = ?", (case,)
        ).fetchone()
        return None if found is None else CaseKey(id=found[0], case=case, master=found[1], wrapped=found[2])

    def put_case_key(self, key: CaseKey) -> None:
        """Store the key of a case that has none."""
        self._connection.execute(
            "INSERT INTO case_keys VALUES (?, ?, ?, ?)", (key.id, key.case, key.master, key.wrapped)
        )

    def drop_case_key(self, case: str) -> None:
        """Delete the key of a case, and whatever SQLite may have left of it where rows were moved between pages.

        Only pages that are given up are overwritten as a whole. So all of the table's are, and the other keys go
        into fresh ones: a hundred bytes for each case, for an act that is rare.
        """
        others = self._connection.execute(
            "SELECT * FROM case_keys WHERE case_ref <> ? ORDER BY rowid", (case,)
        ).fetchall()
        self._connection.execute("DELETE FROM case_keys")
        self._connection.executemany("INSERT INTO case_keys VALUES (?, ?, ?, ?)", others)

    def case_keys(self) -> Iterator[CaseKey]:
        """The keys of all cases."""
        for id_, case, master, wrapped in self._connection.execute("SELECT * FROM case_keys ORDER BY rowid"):
            yield CaseKey(id=id_, case=case, master=master, wrapped=wrapped)

    def master(self) -> str | None:
        """The id of the master key that is used."""
        found = self._connection.execute("SELECT master FROM unit_keys LIMIT 1").fetchone()
        return found[0] if found else self.meta().get("master")

    def unit_key(self, name: str) -> UnitKey | None:
        """A key of the unit."""
        found = self._connection.execute("SELECT master, wrapped FROM unit_keys WHERE name = ?", (name,)).fetchone()
        return None if found is None else UnitKey(name=name, master=found[0], wrapped=found[1])

    def replace_keys(self, cases: Sequence[CaseKey], unit: Sequence[UnitKey]) -> None:
        """Put these in the place of all keys; the pages of the older ones are given up, as by `drop_case_key`."""
        self._connection.execute("DELETE FROM case_keys")
        values = [(each.id, each.case, each.master, each.wrapped) for each in cases]
        self._connection.executemany("INSERT INTO case_keys VALUES (?, ?, ?, ?)", values)
        self._connection.execute("DELETE FROM unit_keys")
        own = [(each.name, each.master, each.wrapped) for each in unit]
        self._connection.executemany("INSERT INTO unit_keys VALUES (?, ?, ?)", own)

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes."""
        values = (sealed.token, sealed.case_key, sealed.case, sealed.purpose, sealed.box)
        self._connection.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?)", values)

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token."""
        found = self._connection.execute(
            "SELECT case_key, case_ref, purpose, box FROM sealed WHERE token = ?", (token,)
        ).fetchone()
        return None if found is None else _sealed(found)

    def sealed_among(self, tokens: Collection[str]) -> set[str]:
        """Those of the tokens under which something is sealed."""
        found = "SELECT token FROM sealed WHERE token IN (SELECT value FROM json_each(?))"
        return {token for (token,) in self._connection.execute(found, (json.dumps([*tokens]),))}

    # ---- proof --------------------------------------------------------------------------------------------------

    def by_request(
        self, first: str, before: str
    ) -> tuple[Iterable[Record], Iterable[index.Stored], Iterable[tuple[str, index.Stored]]]:
        """Events, rows and items of some requests, each by request."""
        where, bound = (
            "WHERE request >= ?" + (" AND request < ?" if before else ""),
            (first, before)[: 1 + bool(before)],
        )
        execute = self._connection.execute
        entries = execute(f"SELECT {_EVENT} FROM events {where} ORDER BY request, seq", bound)
        items = execute(f"SELECT request, {_ITEM} FROM items {where} ORDER BY request, position", bound)
        return (
            map(Record._make, entries),
            execute(f"SELECT {_ROW} FROM requests {where} ORDER BY request", bound),
            ((request, tuple(item)) for request, *item in items),
        )

    def request_count(self) -> int:
        """How many requests there are."""
        found: int = self._connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        return found

    def request_at(self, place: int) -> str:
        """The id of the request at a place of the index."""
        found = self._connection.execute(
            "SELECT request FROM requests ORDER BY request LIMIT 1 OFFSET ?", (place,)
        ).fetchone()
        return found[0] if found else ""

    def wrong_bytes(self) -> Iterator[Finding]:
        """Kept and sealed bytes that are not what their names say."""
        for digest, content in self._connection.execute("SELECT digest, content FROM kept ORDER BY digest"):
            if hashlib.sha256(content).hexdigest() != digest:
                yield Finding(
                    seq=None, request="", what=f"the bytes kept as {digest} are not the ones that were kept"
                )
        for token, *values in self._connection.execute("SELECT token, case_key, case_ref, purpose, box FROM sealed"):
            if verify.is_other(token, _sealed(values)):
                yield Finding(
                    seq=None, request="", what=f"the bytes sealed as {token} are not the ones that were sealed"
                )

    def wrong_tables(self) -> Iterator[Finding]:
        """Tables, indexes and triggers that are not as we made them, and pages that are damaged."""
        for difference in schema.differences(self._connection):
            yield Finding(seq=None, request="", what=difference)
        for pragma in ("integrity_check", "foreign_key_check"):
            for words in self._connection.execute(f"PRAGMA {pragma}"):
                if words != ("ok",):
                    yield Finding(seq=None, request="", what=f"{pragma}: {' '.join(map(str, words))}")


def _sealed(values: Sequence[Any]) -> Sealed:
    case_key, case, purpose, box = values
    return Sealed(case_key=case_key, case=case, purpose=purpose, box=box)
