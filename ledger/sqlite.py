"""The ledger in one SQLite file.

An append takes the right to write, reads the history, lets the caller's fold compute the row, and writes events and
row together. Triggers refuse any change of the record. What is due is found through two partial indexes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from ledger import schema, statements, verify
from ledger.chain import Record, first_link, instant, record
from ledger.connection import Connections, check_file, in_words, set_wal, told
from ledger.interface import (
    Claim,
    Duplicate,
    Event,
    Finding,
    Json,
    LeaseLost,
    Ledger,
    LedgerBusy,
    LedgerError,
    LedgerUnusable,
    NewEvent,
    Project,
    Row,
    Unless,
    in_utc,
    intent_of,
)
from ledger.vault import CaseKey, Erased, Sealed, SealStore

_MOST_FINDINGS = 1000


class SqliteLedger:
    """A ledger in one file on a local disk; `Ledger` and `SealStore` say what its methods do.

    Safe to share between threads and, each with its own object, between processes. Attributes: `path`, and
    `sandbox`, which is what the file says.
    """

    def __init__(self, path: Path, *, timeout: float = 30.0) -> None:
        self.path = path.absolute()
        check_file(self.path)
        self._files = Connections(self.path, timeout=timeout)
        try:
            facts = self._begin()
        except BaseException:
            self._files.close()
            raise
        self.sandbox = facts["sandbox"] == "yes"
        self._first_link = first_link(ledger=facts["ledger"], created_at=facts["created_at"], sandbox=self.sandbox)

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

    def _begin(self) -> dict[str, str]:
        with told(self.path):
            connection = self._files.here()
            if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
                raise LedgerUnusable(f"{self.path}: an SQLite file, but not a ledger: check the path")
            schema.migrate(connection, self.path)
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":  # restored from a plain copy
                set_wal(connection, self.path)
            statements.last_link(connection)
            facts = statements.meta(connection)
        if not facts.keys() >= {"ledger", "sandbox", "created_at"}:
            raise LedgerUnusable(
                f"{self.path}: it no longer says what it is: keep a copy as it is, and restore a backup"
            )
        return facts

    def close(self) -> None:
        """Close the file in every thread."""
        self._files.close()

    # ---- the record -------------------------------------------------------------------------------------

    def register(
        self, request: str, events: Sequence[NewEvent], project: Project, *, now: datetime
    ) -> tuple[Event, ...]:
        """Enter a new request. See `Ledger.register`."""
        return self.register_all({request: events}, project, now=now)[0]

    def register_all(
        self, requests: Mapping[str, Sequence[NewEvent]], project: Project, *, now: datetime, unless: Unless = None
    ) -> tuple[tuple[Event, ...], ...]:
        """Enter several new requests, all or none. See `Ledger.register_all`."""
        if unfit := [request for request, events in requests.items() if not request or not events]:
            raise ValueError(f"{unfit[0] or 'a request'}: an id and a first event are needed")
        with self._files.writing() as connection:
            if unless is not None:
                unless()
            if taken := [request for request in requests if statements.history(connection, request)]:
                raise Duplicate(f"request {taken[0]} exists already: draw another id; nothing was written")
            each = partial(self._add, connection, history=(), project=project, now=now)
            return tuple(each(request=request, events=events) for request, events in requests.items())

    def append(
        self,
        request: str,
        events: Sequence[NewEvent],
        project: Project,
        *,
        now: datetime,
        claim: Claim | None = None,
    ) -> tuple[Event, ...]:
        """Add events to a request and write its row. See `Ledger.append`."""
        if claim is not None and claim.request != request:
            raise ValueError(f"{request}: the claim is on {claim.request}")
        with self._files.writing() as connection:
            if claim is not None:
                _insist(connection, claim)
            history = statements.history(connection, request)
            if not history:
                raise LedgerError(f"there is no request {request}: check the id; nothing was written")
            return self._add(connection, request, history, events, project=project, now=now)

    def _add(
        self,
        connection: sqlite3.Connection,
        request: str,
        history: tuple[Event, ...],
        events: Sequence[NewEvent],
        *,
        project: Project,
        now: datetime,
    ) -> tuple[Event, ...]:
        intents = {intent_of(event) for event in history if event.kind == "intent"}
        seq, previous = self._head(connection)
        added: list[Event] = []
        for new in events:
            if new.kind == "intent":
                if (intent := intent_of(new)) in intents:
                    raise Duplicate(
                        f"{request}: the intent to {intent[0]}, number {intent[1]}, attempt {intent[2]}, is recorded "
                        "already: read the history and decide anew; nothing was written"
                    )
                intents.add(intent)
            seq += 1
            entry = record(new, seq=seq, request=request, now=now, previous=previous)
            statements.put_event(connection, entry)
            added.append(entry.event())
            previous = entry.link
        row = project((*history, *added))
        if row.request != request:
            raise ValueError(f"{request}: the fold gave the row of {row.request}")
        statements.put_row(connection, row)
        return tuple(added)

    def head(self) -> tuple[int, str]:
        """Number and link of the last event."""
        with self._files.reading() as connection:
            return self._head(connection)

    def _head(self, connection: sqlite3.Connection) -> tuple[int, str]:
        return statements.last_link(connection) or (0, self._first_link)

    def events(self, request: str) -> tuple[Event, ...]:
        """The history of one request, oldest first."""
        with self._files.reading() as connection:
            return statements.history(connection, request)

    def all_events(self, *, after: int = 0) -> Iterator[Event]:
        """Every event with `seq` > `after`, as the ledger stands when the first one is taken."""
        with self._files.streaming() as connection:
            for entry in statements.records(connection, after=after):
                yield statements.readable(entry)

    # ---- the index --------------------------------------------------------------------------------------

    def row(self, request: str) -> Row | None:
        """The index row of one request."""
        with self._files.reading() as connection:
            return statements.row(connection, request)

    def rows(self, *, open_only: bool = True) -> Iterator[Row]:
        """Rows by `next_at`, as the index stands when the first one is taken; final ones last."""
        with self._files.streaming() as connection:
            yield from statements.rows(connection, open_only=open_only)

    def due(self, now: datetime, *, limit: int = 1000) -> tuple[Row, ...]:
        """Rows whose `next_at` is at or before `now`, most urgent first: by rank, then `next_at`, then id."""
        with self._files.reading() as connection:
            return statements.most_urgent(connection, now, limit)

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at` of all."""
        with self._files.reading() as connection:
            return statements.next_due_at(connection)

    def find_live(self, blind: str) -> tuple[str, ...]:
        """Requests that are not final and hold an item with this blind digest, by id."""
        with self._files.reading() as connection:
            return statements.find_live(connection, blind)

    # ---- leases -----------------------------------------------------------------------------------------

    def claim(
        self, now: datetime, *, owner: str, until: datetime, limit: int, request: str | None = None
    ) -> tuple[Claim, ...]:
        """Take leases. See `Ledger.claim`."""
        _check_lease(owner, now, until)
        with self._files.writing() as connection:
            if request is None:
                free = statements.most_urgent(connection, now, limit, and_free=True)
            else:
                free = statements.free_row(connection, request, now)
            return tuple(statements.take_lease(connection, row, owner=owner, until=until) for row in free)

    def renew(self, claim: Claim, *, until: datetime, now: datetime) -> Claim:
        """Prolong a lease. See `Ledger.renew`."""
        _check_lease(claim.owner, now, until)
        with self._files.writing() as connection:
            _insist(connection, claim)
            statements.move_lease(connection, claim, until)
        return replace(claim, until=until)

    def give_back(self, claim: Claim) -> None:
        """End a lease early. See `Ledger.give_back`."""
        with self._files.writing() as connection:
            if statements.is_held(connection, claim):
                statements.end_lease(connection, claim)

    # ---- bytes and signs of life ------------------------------------------------------------------------

    def keep(self, content: bytes) -> str:
        """Store public bytes by their SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        with self._files.writing() as connection:
            statements.keep(connection, digest, content)
        return digest

    def kept(self, digest: str) -> bytes:
        """The bytes of a digest."""
        with self._files.reading() as connection:
            content = statements.kept(connection, digest)
        if content is None:
            raise LedgerError(f"{self.path}: nothing is kept as {digest}: restore a backup that has it")
        return content

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Note a sign of life."""
        with self._files.writing() as connection:
            statements.beat(connection, name, at, body)

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of that name."""
        with self._files.reading() as connection:
            return statements.last_beat(connection, name)

    # ---- the sealed store -------------------------------------------------------------------------------

    def bind_master(self, master: str) -> str:
        """Note the master key's id, if none is noted. See `SealStore`."""
        with self._files.reading() as connection:
            noted = statements.meta(connection).get("master")
        if noted is None:
            with self._files.writing() as connection:
                noted = statements.meta(connection).get("master")  # another process may have been faster
                if noted is None:
                    statements.put_meta(connection, "master", master)
        return noted or master

    def put_case_key(self, key: CaseKey) -> CaseKey:
        """Store a case's key, unless it has one. See `SealStore`."""
        with self._files.writing() as connection:
            if stored := statements.case_key(connection, key.case):
                return stored
            statements.put_case_key(connection, key)
            return key

    def case_key(self, case: str) -> CaseKey | None:
        """The case's key. See `SealStore`."""
        with self._files.reading() as connection:
            return statements.case_key(connection, case)

    def drop_case_key(self, case: str) -> None:
        """Delete the case's key, and the journal in which it stood. See `SealStore`."""
        with self._files.writing() as connection:
            statements.drop_case_key(connection, case)
        with told(self.path):
            busy, *_ = self._files.here().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerBusy(f"{self.path}: erased, but a reader still holds an old page of the journal: erase again")

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes. See `SealStore`."""
        with self._files.writing() as connection:
            key = statements.case_key(connection, sealed.case)
            if key is None or key.id != sealed.case_key:
                raise Erased(f"case {sealed.case} was erased meanwhile; nothing was written")
            statements.put_sealed(connection, sealed)

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token. See `SealStore`."""
        with self._files.reading() as connection:
            return statements.sealed(connection, token)

    # ---- proof ------------------------------------------------------------------------------------------

    def verify(self, project: Project) -> tuple[Finding, ...]:
        """Recompute everything in one view of the file; the first finding is the first event that does not fit.

        At most 1,000 findings, then one that says so. What was rewritten from some event to the end, links and
        index and all, is noticed only by a link that was kept somewhere else.
        """
        found: list[Finding] = []
        with self._files.streaming() as connection:
            connection.text_factory = _as_it_is
            for check in (
                self._check_chain(connection),
                verify.check_index(
                    *statements.by_request(connection),
                    project,
                    lambda token: statements.sealed(connection, token) is not None,
                ),
                statements.wrong_bytes(connection),
                statements.wrong_tables(connection),
            ):
                try:
                    for finding in check:
                        found.append(finding)
                        if len(found) == _MOST_FINDINGS:
                            what = f"{_MOST_FINDINGS} things do not fit; the rest was not looked at"
                            return (*found, Finding(seq=None, request="", what=what))
                except sqlite3.DatabaseError as error:
                    if isinstance(words := in_words(self.path, error), LedgerBusy):
                        raise words from error
                    found.append(Finding(seq=None, request="", what=f"cannot be read to the end: {error}"))
        return tuple(found)

    def _check_chain(self, connection: sqlite3.Connection) -> Iterator[Finding]:
        last = 0

        def records() -> Iterator[Record]:
            nonlocal last
            for entry in statements.records(connection):
                last = entry.seq
                yield entry

        highest = statements.highest_seq(connection)
        try:
            yield from verify.check_chain(records(), first=self._first_link, highest=highest)
        except sqlite3.DatabaseError as error:
            what = f"event {last + 1} cannot be read: the file is damaged there ({error}): restore a backup"
            yield Finding(seq=last + 1, request="", what=what)


def _fits(ledger: SqliteLedger) -> tuple[Ledger, SealStore]:
    return ledger, ledger  # so that mypy compares them


def _check_lease(owner: str, now: datetime, until: datetime) -> None:
    if not owner:
        raise ValueError("owner: a lease needs one")
    if in_utc(until, "until") <= in_utc(now, "now"):
        raise ValueError(f"until: expected an instant after now ({now}), found {until}")


def _insist(connection: sqlite3.Connection, claim: Claim) -> None:
    if not statements.is_held(connection, claim):
        raise LeaseLost(f"{claim.owner} no longer has {claim.request}: stop acting on it; nothing was written")


def _as_it_is(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
