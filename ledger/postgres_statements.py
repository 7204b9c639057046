"""Every statement that is put to the PostgreSQL ledger, within a transaction that the store has opened.

Statements whose answer nobody waits for are put off, and go out in one packet with the next one whose answer is
wanted, or with the commit: what is wrong with one of them is told then.
"""
# ruff: noqa: S608 - only our own lists of columns are put into statements; values are bound

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count, islice
from typing import Any

from psycopg import Connection, Cursor

from ledger import index, verify
from ledger import postgres_queries as queries
from ledger.canonical import Json, canonical, in_utc, instant, read_instant
from ledger.interface import Claim, Finding, Row
from ledger.records import Record
from ledger.vault import CaseKey, Sealed, UnitKey

Values = Sequence[Any] | Mapping[str, Any]

FEW_ITEMS = 64  # up to so many, sending all is quicker than asking which of them changed
_MOST_PUT_OFF = 500
_BATCH = 2000  # rows at a time in a long read


class PostgresStatements:
    """The statements of one connection; `Statements` says what each of them does.

    Args:
        connection: in autocommit; `begin` is the first statement put to it.
        begin: what opens the transaction; "" where it is open already.
        last: the number of the last event and its nodes, where the store asked for them already.
        differences: how the tables differ from what they should be, asked on another connection.
    """

    def __init__(
        self,
        connection: Connection[Any],
        *,
        begin: str = "",
        last: tuple[int, bytes] | None = None,
        differences: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._connection = connection
        self._put_off: list[tuple[str, Values]] = [(begin, ())] if begin else []
        self._last = last
        self._differences = differences
        self._cursors = count()
        self._newest: dict[str, int] = {}
        self.added: tuple[int, bytes] | None = None  # number and nodes of the last event that was added

    def later(self, statement: str, values: Values = ()) -> None:
        """Put a statement off."""
        self._put_off.append((statement, values))
        if len(self._put_off) >= _MOST_PUT_OFF:
            self.run("SELECT 1")

    def run(self, statement: str, values: Values = ()) -> Cursor[Any]:
        """Run a statement now, after those that were put off; gives its answer."""
        if not self._put_off:
            return self._execute(statement, values)
        put_off, self._put_off = self._put_off, []
        with self._connection.pipeline():
            for each in put_off:
                self._execute(*each)
            return self._execute(statement, values)

    def _execute(self, statement: str, values: Values) -> Cursor[Any]:
        return self._connection.execute(statement, values or None, binary=True)

    def _stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a long answer, a batch at a time."""
        with self._connection.cursor(name=f"stream_{next(self._cursors)}", binary=True) as cursor:
            cursor.itersize = _BATCH
            cursor.execute(statement, values or None)
            yield from cursor

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part that is undone by itself when it fails."""
        last, newest, added = self._last, dict(self._newest), self.added
        self.later("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._last, self._newest, self.added = last, newest, added
            self.later("ROLLBACK TO SAVEPOINT part")
            self.later("RELEASE SAVEPOINT part")
            raise
        self.later("RELEASE SAVEPOINT part")

    # ---- the record -----------------------------------------------------------------------------------------

    def last(self) -> tuple[int, bytes]:
        """The number of the last event and its nodes."""
        if self._last is None:
            return self.run(queries.LAST).fetchone() or (0, b"")
        return self._last

    def nodes_of(self, seqs: Collection[int]) -> Mapping[int, bytes]:
        """The nodes stored with these events."""
        return dict(self.run("SELECT seq, nodes FROM events WHERE seq = ANY (%s::bigint[])", [list(seqs)]).fetchall())

    def put_events(self, entries: Sequence[tuple[Record, bytes]]) -> None:
        """Add events at the end."""
        for each, nodes in entries:
            self._newest[each.request], self.added = each.seq, (each.seq, nodes)
            if self._last is not None:
                self._last = each.seq, nodes
        if len(entries) == 1:
            (each, nodes), *_ = entries
            texts = (each.request, each.kind, each.at, each.recorded_at, each.actor, each.body)
            self.later(queries.PUT_EVENT, (each.seq, *texts, nodes))
        elif entries:
            rows = [
                {name: getattr(each, name) for name in queries.EVENT.split(", ")} | {"nodes": nodes.hex()}
                for each, nodes in entries
            ]
            self.later(queries.PUT_EVENTS, (json.dumps(rows, ensure_ascii=False),))

    def history(self, request: str, *, after: int = 0) -> list[Record]:
        """The events of one request."""
        found = self.run(
            f"SELECT {queries.EVENT} FROM events WHERE request = %s AND seq > %s ORDER BY seq", (request, after)
        )
        return [*map(Record._make, found.fetchall())]

    def stored(self, *, after: int | None = None) -> Iterator[tuple[Record, bytes]]:
        """Events with their nodes, by number."""
        where, bound = ("", ()) if after is None else ("WHERE seq > %s", (after,))
        for *values, nodes in self._stream(f"SELECT {queries.EVENT}, nodes FROM events {where} ORDER BY seq", bound):
            yield Record._make(values), nodes

    def highest_seq(self) -> int:
        """The highest number an event ever had, as far as any request's row remembers."""
        found = self.run("SELECT greatest((SELECT max(seq) FROM events), (SELECT max(last_seq) FROM requests), 0)")
        return int(found.fetchone()[0])  # type: ignore[index]

    # ---- the index ------------------------------------------------------------------------------------------

    def put_row(self, row: Row, *, items_too: bool) -> None:
        """Write a request's row and those of its items that changed."""
        values = (*index.columns_of(row), self._newest.get(row.request, 0))
        if not items_too:
            self.later(queries.PUT_ROW_ALONE, values)
            return
        items: Sequence[index.Stored] = index.items_of(row)
        many = len(items)
        if many > FEW_ITEMS:
            known = set(self._items(row.request))
            items = [item for item in items if item not in known]
        rows = [dict(zip(index.ITEM_COLUMNS, item, strict=True)) for item in items]
        self.later(queries.PUT_ROW, (*values, row.request, many, row.request, json.dumps(rows, ensure_ascii=False)))

    def row(self, request: str) -> Row | None:
        """A request's row with its items."""
        columns = self.run(f"SELECT {queries.ROW} FROM requests WHERE request = %s", (request,)).fetchone()
        return None if columns is None else index.row_of(columns, self._items(request))

    def rows(self, *, open_only: bool, case: str, for_people: bool) -> Iterator[Row]:
        """Rows with their items: open ones by `next_at`, then final ones by request."""
        more, bound = index.narrowed(case, for_people=for_people, mark="%s")
        wanted = [f"final = 0 AND next_at IS NOT NULL{more} ORDER BY next_at, request"]
        wanted += [] if open_only else [f"final = 1{more} ORDER BY request"]
        for which in wanted:
            found = self._stream(f"SELECT {queries.ROW} FROM requests WHERE {which}", bound)
            while some := list(islice(found, _BATCH)):
                items: dict[str, list[index.Stored]] = {}
                ask = f"SELECT request, {queries.ITEM} FROM items WHERE request = ANY (%s::text[]) ORDER BY position"
                for request, *item in self.run(ask, [[columns[0] for columns in some]]):
                    items.setdefault(request, []).append(tuple(item))
                for columns in some:
                    yield index.row_of(columns, items.get(columns[0], ()))

    def request_ids(self, after: str, limit: int) -> list[str]:
        """The requests, by id."""
        ask = "SELECT request FROM requests WHERE request > %s ORDER BY request LIMIT %s"
        return [each[0] for each in self.run(ask, (after, limit)).fetchall()]

    def most_urgent(self, now: datetime, limit: int) -> tuple[Row, ...]:
        """Rows that are due, by rank, `next_at` and id."""
        found = self.run(queries.DUE, {"now": instant(in_utc(now, "now")), "limit": limit})
        return tuple(index.row_of(columns) for columns in found.fetchall())

    def answer(self, question: str) -> list[Sequence[Any]]:
        """The answer to a short question."""
        return self.run(question).fetchall()

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at`."""
        found = self.run(queries.NEXT).fetchone()
        return None if found is None else read_instant(found[0])

    def find_live(self, blinds: Sequence[str]) -> list[tuple[str, str]]:
        """Digests with the requests that are not final and have an item of them."""
        return self.run(
            "SELECT DISTINCT blind, request FROM items JOIN requests USING (request) "
            "WHERE blind = ANY (%s::text[]) AND blind <> '' AND final = 0 ORDER BY request",
            (list(blinds),),
        ).fetchall()

    def _items(self, request: str) -> list[index.Stored]:
        return self.run(queries.ITEMS, (request,)).fetchall()

    # ---- leases ---------------------------------------------------------------------------------------------

    def claim_due(
        self, now: datetime, *, owner: str, until: datetime, limit: int, spare: Collection[str]
    ) -> tuple[Claim, ...]:
        """Take the most urgent due requests that nobody holds."""
        claims: list[Claim] = []
        bound = {**index.of_leases(now, until), "owner": owner, "until": instant(until), "spare": list(spare)}
        while len(claims) < limit:
            found = self.run(queries.CLAIM, {**bound, "limit": limit - len(claims)}).fetchall()
            claims += _claims(found, owner, until)
            if all(token is not None for *_, token in found):
                break  # else another took one of them while we looked: there may be more
        return tuple(claims)

    def claim_one(self, request: str, now: datetime, *, owner: str, until: datetime) -> tuple[Claim, ...]:
        """Take one request that nobody holds."""
        bound = {"request": request, **index.of_leases(now, until), "owner": owner, "until": instant(until)}
        return tuple(_claims(self.run(queries.CLAIM_ONE, bound).fetchall(), owner, until))

    def is_held(self, claim: Claim) -> bool:
        """Whether the lease is still the one that was given; if so, it stays so until the transaction ends."""
        return self.run(queries.HELD, (claim.request, claim.owner, claim.token)).fetchone() is not None

    def move_lease(self, claim: Claim, until: datetime) -> None:
        """Let a lease end at another instant."""
        self.later("UPDATE leases SET until = %s WHERE request = %s", (instant(until), claim.request))

    def end_leases(self, claims: Iterable[Claim]) -> None:
        """Let nobody hold these requests; their tokens stay, so that the next ones are higher."""
        given = list(claims)
        self.later(
            queries.END_LEASES, ([c.request for c in given], [c.owner for c in given], [c.token for c in given])
        )

    # ---- bytes, signs of life, the ledger's own facts ---------------------------------------------------------

    def keep(self, digest: str, content: bytes) -> None:
        """Store bytes that are not there yet."""
        self.later("INSERT INTO kept VALUES (%s, %b) ON CONFLICT (digest) DO NOTHING", (digest, content))

    def kept(self, digest: str) -> bytes | None:
        """The bytes of a digest."""
        found = self.run("SELECT content FROM kept WHERE digest = %s", (digest,)).fetchone()
        return None if found is None else found[0]

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Write the last sign of life of a name."""
        self.later(
            "INSERT INTO beats VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE SET at = excluded.at, "
            "body = excluded.body",
            (name, instant(in_utc(at, "at")), canonical(dict(body), f"{name}: body")),
        )

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of a name."""
        found = self.run("SELECT at, body FROM beats WHERE name = %s", (name,)).fetchone()
        return None if found is None else (read_instant(found[0]), json.loads(found[1]))

    def meta(self) -> dict[str, str]:
        """The ledger's own facts: `ledger` (its id), `sandbox`, `created_at`, and `master` once there is a vault."""
        return dict(self.run("SELECT name, value FROM meta").fetchall())

    def put_meta(self, name: str, value: str) -> None:
        """Note a fact for ever."""
        self.later("INSERT INTO meta VALUES (%s, %s)", (name, value))

    def put_head(self, events: int, text: str) -> None:
        """Add a signed head."""
        self.later("INSERT INTO heads (events, text) VALUES (%s, %s)", (events, text))

    def heads(self) -> list[str]:
        """The signed heads."""
        return [text for (text,) in self.run("SELECT text FROM heads ORDER BY number").fetchall()]

    # ---- the sealed store -----------------------------------------------------------------------------------

    def case_key(self, case: str) -> CaseKey | None:
        """The key of a case."""
        found = self.run("SELECT id, master, wrapped FROM case_keys WHERE case_ref = %s", (case,)).fetchone()
        return None if found is None else CaseKey(id=found[0], case=case, master=found[1], wrapped=found[2])

    def put_case_key(self, key: CaseKey) -> None:
        """Store the key of a case that has none."""
        self.later("INSERT INTO case_keys VALUES (%s, %s, %s, %b)", (key.id, key.case, key.master, key.wrapped))

    def drop_case_key(self, case: str) -> None:
        """Delete the key of a case. What stays of it until the table is made anew, `after_erasing` says."""
        self.later("DELETE FROM case_keys WHERE case_ref = %s", (case,))

    def case_keys(self) -> Iterator[CaseKey]:
        """The keys of all cases."""
        for id_, case, master, wrapped in self.run("SELECT id, case_ref, master, wrapped FROM case_keys ORDER BY id"):
            yield CaseKey(id=id_, case=case, master=master, wrapped=wrapped)

    def master(self) -> str | None:
        """The id of the master key that is used."""
        found = self.run("SELECT master FROM unit_keys LIMIT 1").fetchone()
        return found[0] if found else self.meta().get("master")

    def unit_key(self, name: str) -> UnitKey | None:
        """A key of the unit."""
        found = self.run("SELECT master, wrapped FROM unit_keys WHERE name = %s", (name,)).fetchone()
        return None if found is None else UnitKey(name=name, master=found[0], wrapped=found[1])

    def replace_keys(self, cases: Sequence[CaseKey], unit: Sequence[UnitKey]) -> None:
        """Put these in the place of all keys."""
        self.later("DELETE FROM case_keys")
        for case in cases:
            self.put_case_key(case)
        self.later("DELETE FROM unit_keys")
        for key in unit:
            self.later("INSERT INTO unit_keys VALUES (%s, %s, %b)", (key.name, key.master, key.wrapped))

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes."""
        values = (sealed.token, sealed.case_key, sealed.case, sealed.purpose, sealed.box)
        self.later("INSERT INTO sealed VALUES (%s, %s, %s, %s, %b)", values)

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token."""
        found = self.run("SELECT case_key, case_ref, purpose, box FROM sealed WHERE token = %s", (token,)).fetchone()
        return None if found is None else _sealed(found)

    def sealed_among(self, tokens: Collection[str]) -> set[str]:
        """Those of the tokens under which something is sealed."""
        return {token for (token,) in self.run("SELECT token FROM sealed WHERE token = ANY (%s)", [[*tokens]])}

    # ---- proof ----------------------------------------------------------------------------------------------

    def by_request(
        self, first: str, before: str
    ) -> tuple[Iterable[Record], Iterable[index.Stored], Iterable[tuple[str, index.Stored]]]:
        """Events, rows and items of some requests, each by request."""
        where, bound = (
            "WHERE request >= %s" + (" AND request < %s" if before else ""),
            (first, before)[: 1 + bool(before)],
        )
        items = self._stream(f"SELECT request, {queries.ITEM} FROM items {where} ORDER BY request, position", bound)
        entries = self._stream(f"SELECT {queries.EVENT} FROM events {where} ORDER BY request, seq", bound)
        return (
            map(Record._make, entries),
            self._stream(f"SELECT {queries.ROW} FROM requests {where} ORDER BY request", bound),
            ((request, tuple(item)) for request, *item in items),
        )

    def request_count(self) -> int:
        """How many requests there are."""
        return int((self.run("SELECT count(*) FROM requests").fetchone() or (0,))[0])

    def request_at(self, place: int) -> str:
        """The id of the request at a place of the index."""
        found = self.run("SELECT request FROM requests ORDER BY request LIMIT 1 OFFSET %s", (place,)).fetchone()
        return found[0] if found else ""

    def wrong_bytes(self) -> Iterator[Finding]:
        """Kept and sealed bytes that are not what their names say."""
        for digest, content in self._stream("SELECT digest, content FROM kept ORDER BY digest"):
            if hashlib.sha256(content).hexdigest() != digest:
                yield Finding(
                    seq=None, request="", what=f"the bytes kept as {digest} are not the ones that were kept"
                )
        for token, *values in self._stream(
            "SELECT token, case_key, case_ref, purpose, box FROM sealed ORDER BY token"
        ):
            if verify.is_other(token, _sealed(values)):
                yield Finding(
                    seq=None, request="", what=f"the bytes sealed as {token} are not the ones that were sealed"
                )

    def wrong_tables(self) -> Iterator[Finding]:
        """Tables, indexes, guards and rights that are not as we made them."""
        for difference in self._differences():
            yield Finding(seq=None, request="", what=difference)
        strays = "SELECT request FROM leases WHERE request NOT IN (SELECT request FROM requests) ORDER BY request"
        for (request,) in self._stream(strays):
            yield Finding(seq=None, request=request, what="it has a lease, but the index has no row for it")


def _claims(found: Iterable[Sequence[Any]], owner: str, until: datetime) -> Iterator[Claim]:
    for request, provider, token in found:
        if token is not None:
            yield Claim(request=request, provider=provider, owner=owner, token=token, until=until)


def _sealed(values: Sequence[Any]) -> Sealed:
    case_key, case, purpose, box = values
    return Sealed(case_key=case_key, case=case, purpose=purpose, box=box)
