"""The ledger, whatever database it lies in: what is written together, what is refused, what is proved.

An append waits for its turn, reads the history, lets the caller's fold compute the row, and writes events, tree
and row together. Appends of several threads that wait at the same time share one transaction, each undone alone
if it fails: the disk is asked once. What was read stays in memory as long as it is likely to be needed again:
a history only ever grows, so that only its new end is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime

from ledger import tree
from ledger.interface import (
    Claim,
    Duplicate,
    Event,
    Identity,
    Json,
    LeaseLost,
    Ledger,
    LedgerError,
    LedgerUnusable,
    NewEvent,
    Project,
    Row,
    Unless,
    in_utc,
    intent_of,
    intents_of,
)
from ledger.memory import NOTHING, Known, Memory
from ledger.overviews import Overviews, check_limit
from ledger.proofs import Proofs
from ledger.records import Record, record
from ledger.seals import Seals, put_seals
from ledger.store import Statements, Store
from ledger.turns import Turns
from ledger.vault import Sealed, SealStore

_DIGESTS = 500  # asked for at once


class _Page:
    """What one transaction has added so far: the tree as it stands in it, and the histories it made longer."""

    def __init__(self, seq: int, peaks: list[bytes]) -> None:
        self.seq, self.peaks = seq, peaks
        self.known: dict[str, Known] = {}

    def mark(self) -> Callable[[], None]:
        """Gives what brings the page back to how it is now."""
        seq, peaks, known = self.seq, self.peaks, dict(self.known)

        def undo() -> None:
            self.seq, self.peaks, self.known = seq, peaks, known

        return undo


class Book(Proofs, Seals, Overviews):
    """A ledger over a store; `Ledger` and `SealStore` say what its methods do.

    Safe to share between threads and, each with its own object, between processes.

    Raises:
        LedgerUnusable: the store does not say what it is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.reading() as say:
            facts = say.meta()
        if not facts.keys() >= {"ledger", "sandbox", "created_at"}:
            raise LedgerUnusable(
                f"{store.name}: it no longer says what it is: keep a copy as it is, and restore a backup"
            )
        self._identity = Identity(
            ledger=facts["ledger"], created_at=facts["created_at"], sandbox=facts["sandbox"] == "yes"
        )
        self._memory = Memory()
        self._turns = Turns(store, self._open_page, self._close_page)
        self._tip: tuple[int, list[bytes]] = (0, [tree.leaf(self._identity.content())])

    @property
    def identity(self) -> Identity:
        """What this ledger is."""
        return self._identity

    @property
    def sandbox(self) -> bool:
        """Whether it is a sandbox."""
        return self._identity.sandbox

    def close(self) -> None:
        """Close it in every thread."""
        self._store.close()

    # ---- the record -------------------------------------------------------------------------------------

    def register(
        self, request: str, events: Sequence[NewEvent], project: Project, *, now: datetime
    ) -> tuple[Event, ...]:
        """Enter a new request. See `Ledger.register`."""
        return self.register_all({request: events}, project, now=now)[0]

    def register_all(
        self,
        requests: Mapping[str, Sequence[NewEvent]],
        project: Project,
        *,
        now: datetime,
        unless: Unless = None,
        seals: Sequence[Sealed] = (),
    ) -> tuple[tuple[Event, ...], ...]:
        """Enter several new requests, all or none. See `Ledger.register_all`."""
        if unfit := [request for request, events in requests.items() if not request or not events]:
            raise ValueError(f"{unfit[0] or 'a request'}: an id and a first event are needed")

        def enter(say: Statements, page: _Page) -> tuple[tuple[Event, ...], ...]:
            if unless is not None:
                unless()
            if taken := [request for request in requests if self._recorded(say, request, page).history]:
                raise Duplicate(f"request {taken[0]} exists already: draw another id; nothing was written")
            put_seals(say, seals)
            return tuple(
                _add(say, page, request, NOTHING, events, project=project, now=now)
                for request, events in requests.items()
            )

        return self._turns.take(enter)

    def append(
        self,
        request: str,
        events: Sequence[NewEvent],
        project: Project,
        *,
        now: datetime,
        claim: Claim | None = None,
        seals: Sequence[Sealed] = (),
    ) -> tuple[Event, ...]:
        """Add events to a request and write its row. See `Ledger.append`."""
        if claim is not None and claim.request != request:
            raise ValueError(f"{request}: the claim is on {claim.request}")

        def add(say: Statements, page: _Page) -> tuple[Event, ...]:
            if claim is not None:
                _insist(say, claim)
            known = self._recorded(say, request, page)
            if not known.history:
                raise LedgerError(f"there is no request {request}: check the id; nothing was written")
            put_seals(say, seals)
            return _add(say, page, request, known, events, project=project, now=now)

        return self._turns.take(add)

    def events(self, request: str) -> tuple[Event, ...]:
        """The history of one request, oldest first."""
        page, before = self._turns.page_in_hand(), self._memory.of(request)
        with self._store.asking() as say:
            known = self._recorded(say, request, page)
        if page is None and known is not before:  # within a page it may never be committed
            self._memory.keep({request: known})
        return known.history

    def all_events(self, *, after: int = 0) -> Iterator[Event]:
        """Every event with `seq` > `after`, as the ledger stands when the first one is taken."""
        for entry in self.records(after=after):
            yield _readable(entry)

    def records(self, request: str = "", *, after: int = 0) -> Iterator[Record]:
        """Events exactly as stored. See `Ledger.records`."""
        if request:
            with self._store.asking() as say:
                found = say.history(request, after=after)
            yield from found
            return
        with self._store.streaming() as say:
            yield from (entry for entry, _ in say.stored(after=after))

    def _recorded(self, say: Statements, request: str, page: _Page | None) -> Known:
        """A request's whole history as this transaction sees it; the items only where nothing was added since."""
        if page is not None and request in page.known:
            return page.known[request]
        known = self._memory.of(request)
        if page is not None and known.as_of >= self._memory.others:  # nobody else has written since
            return known
        new = say.history(request, after=known.history[-1].seq if known.history else 0)
        return Known(history=(*known.history, *map(_readable, new))) if new else known

    def _open_page(self, say: Statements) -> _Page:
        (seq, nodes), (known, peaks) = say.last(), self._tip
        if seq != known or not nodes.endswith(peaks[-1] if seq else b""):
            self._tip = seq, (peaks := self._peaks_now(say, seq))
            self._memory.others = seq
        return _Page(seq, list(peaks))

    def _peaks_now(self, say: Statements, seq: int) -> list[bytes]:
        """The tree as it stands, since another process has written.

        Where it does not begin with the one that is known here, a backup was restored under our feet, or a server
        that was behind has taken over: then nothing that was read is there any more.
        """
        known, before = self._tip
        places = tree.places_of_peaks(seq + 1)
        if seq < known:
            self._memory.forget()
            return self._nodes(say, places)
        *peaks, there = self._nodes(say, [*places, tree.places_of_peaks(known + 1)[-1]])
        if there != before[-1]:
            self._memory.forget()
        return peaks

    def _close_page(self, page: _Page) -> None:
        self._tip = page.seq, page.peaks
        self._memory.keep(page.known)

    # ---- the index --------------------------------------------------------------------------------------

    def row(self, request: str) -> Row | None:
        """The index row of one request."""
        with self._store.reading() as say:
            return say.row(request)

    def rows(self, *, open_only: bool = True, case: str = "", for_people: bool = False) -> Iterator[Row]:
        """Rows by `next_at`, as the index stands when the first one is taken; see `Ledger.rows`."""
        with self._store.streaming() as say:
            yield from say.rows(open_only=open_only, case=case, for_people=for_people)

    def due(self, now: datetime, *, limit: int = 1000) -> tuple[Row, ...]:
        """Rows whose `next_at` is at or before `now`, most urgent first: by rank, then `next_at`, then id."""
        check_limit(limit)
        with self._store.reading() as say:
            return say.most_urgent(in_utc(now, "now"), limit)

    def find_live(self, blinds: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Blind digests to the requests that are not final and hold an item with them. See `Ledger.find_live`."""
        wanted, found = list(dict.fromkeys(blinds)), dict[str, tuple[str, ...]]()
        for start in range(0, len(wanted), _DIGESTS):
            with self._store.asking() as say:
                for blind, request in say.find_live(wanted[start : start + _DIGESTS]):
                    found[blind] = (*found.get(blind, ()), request)
        return found

    def reindex(self, requests: Sequence[str], project: Project) -> int:
        """Write rows anew that the fold now sees otherwise. See `Ledger.reindex`."""

        def write(say: Statements, page: _Page) -> int:
            changed = 0
            for request in requests:
                if history := self._recorded(say, request, page).history:
                    row = project(history)
                    if row != say.row(request):
                        say.put_row(row, items_too=True)
                        changed += 1
            return changed

        return self._turns.take(write)

    # ---- leases -----------------------------------------------------------------------------------------

    def claim(
        self,
        now: datetime,
        *,
        owner: str,
        until: datetime,
        limit: int,
        request: str | None = None,
        spare: Collection[str] = (),
    ) -> tuple[Claim, ...]:
        """Take leases. See `Ledger.claim`."""
        _check_lease(owner, now, until)
        check_limit(limit)
        with self._writing() as say:
            if request is None:
                return say.claim_due(now, owner=owner, until=until, limit=limit, spare=spare)
            return say.claim_one(request, now, owner=owner, until=until)

    def renew(self, claim: Claim, *, until: datetime, now: datetime) -> Claim:
        """Prolong a lease. See `Ledger.renew`."""
        _check_lease(claim.owner, now, until)
        with self._writing() as say:
            _insist(say, claim)
            say.move_lease(claim, until)
        return replace(claim, until=until)

    def give_back(self, *claims: Claim) -> None:
        """End leases early. See `Ledger.give_back`."""
        if claims:
            with self._writing() as say:
                say.end_leases(claims)

    # ---- bytes and signs of life ------------------------------------------------------------------------

    def keep(self, content: bytes) -> str:
        """Store public bytes by their SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        with self._writing() as say:
            say.keep(digest, content)
        return digest

    def kept(self, digest: str) -> bytes:
        """The bytes of a digest."""
        with self._store.asking() as say:
            content = say.kept(digest)
        if content is None:
            raise LedgerError(f"{self._store.name}: nothing is kept as {digest}: restore a backup that has it")
        return content

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Note a sign of life."""
        with self._writing() as say:
            say.beat(name, at, body)

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of that name. See `Ledger.last_beat`."""
        with suppress(ValueError), self._store.asking() as say:
            return say.last_beat(name)
        return None

    def _writing(self) -> AbstractContextManager[Statements]:
        self._turns.refuse_within(self._store.name)
        return self._store.writing()


def _fits(book: Book) -> tuple[Ledger, SealStore]:
    return book, book  # so that mypy compares them


def _add(
    say: Statements,
    page: _Page,
    request: str,
    known: Known,
    events: Sequence[NewEvent],
    *,
    project: Project,
    now: datetime,
) -> tuple[Event, ...]:
    seq, peaks = page.seq, list(page.peaks)
    entries: list[tuple[Record, bytes]] = []
    for place, new in enumerate(events):
        if new.kind == "intent" and (intent := intent_of(new)) in intents_of((*known.history, *events[:place])):
            raise Duplicate(
                f"{request}: the intent to {intent[0]}, number {intent[1]}, attempt {intent[2]}, is recorded "
                "already: read the history and decide anew; nothing was written"
            )
        seq += 1
        entry = record(new, seq=seq, request=request, now=now)
        entries.append((entry, tree.add(peaks, seq, tree.leaf(entry.content()))))
    added = tuple(entry.event() for entry, _ in entries)
    history = (*known.history, *added)
    row = project(history)
    if row.request != request:
        raise ValueError(f"{request}: the fold gave the row of {row.request}")
    say.put_events(entries)
    say.put_row(row, items_too=row.items != known.items)
    page.seq, page.peaks, page.known[request] = seq, peaks, Known(history=history, items=row.items, as_of=seq)
    return added


def _readable(entry: Record) -> Event:
    try:
        return entry.event()
    except ValueError:
        raise LedgerUnusable(f"event {entry.seq} cannot be read: run verify, and restore a backup") from None


def _check_lease(owner: str, now: datetime, until: datetime) -> None:
    if not owner:
        raise ValueError("owner: a lease needs one")
    if in_utc(until, "until") <= in_utc(now, "now"):
        raise ValueError(f"until: expected an instant after now ({now}), found {until}")


def _insist(say: Statements, claim: Claim) -> None:
    if not say.is_held(claim):
        raise LeaseLost(f"{claim.owner} no longer has {claim.request}: stop acting on it; nothing was written")
