"""The seam every ledger implements: append, index, claim, verify.

An event is appended together with the request's row in the index, in one transaction. The row is computed
by the caller's pure fold (`project`), called inside the transaction with the whole history, so two writers
can never index a state that no history has. Appending no event writes the row anew, as the fold sees it now.

Bodies hold text, whole numbers, true, false, null, lists and tables: a fraction has no single way of being
written, and the proof needs one (`ledger.canonical`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ledger.canonical import Identity, Json, in_utc

if TYPE_CHECKING:
    from ledger.records import Record
    from ledger.vault import Sealed

__all__ = ["Identity", "Json", "in_utc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event to append. `at` is when it happened (aware UTC); `body` is JSON without any identifier."""

    kind: str
    at: datetime
    actor: str
    body: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_utc(self.at, f"{self.kind}: at")
        if not self.kind or not self.actor:
            raise ValueError(f"{self.kind or 'an event'}: a kind and an actor are needed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event as recorded. `seq` counts the whole ledger from 1 without gaps; `recorded_at` is the ledger's time."""

    seq: int
    request: str
    kind: str
    at: datetime
    recorded_at: datetime
    actor: str
    body: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRow:
    """One item's row in the index. `blind` is the keyed digest by which the same account is found again."""

    item: str
    type: str
    outcome: str
    blind: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A request's row in the index: what the fold says of its history.

    `next_at` is None only for a final state. `rank` orders what is due at once: the smaller, the more urgent;
    it is a level, not a measure (tens of different values, not thousands), or `due` becomes slow.
    """

    request: str
    case: str
    provider: str
    instrument: str
    state: str
    final: bool
    next_action: str
    next_at: datetime | None
    next_because: str
    rank: int
    strict_on: str  # ISO date or ""
    gap_days_p90: int
    level: int
    matters: int = 0  # what needs a person, whether somebody has taken it up or not
    items: tuple[ItemRow, ...] = ()

    def __post_init__(self) -> None:
        if self.next_at is not None:
            in_utc(self.next_at, f"{self.request}: next_at")
        elif not self.final:
            raise ValueError(f"{self.request}: {self.state} is not final, so it needs a next_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Open requests of one state: how many, how many of them have open `matters`, and how many have a gap."""

    state: str
    count: int
    for_people: int
    at_risk: int


CLOCKS_DIFFER = timedelta(minutes=5)
"""How much later than one asked for now another's lease may end. A later one was given by a clock that was wrong."""

Unless = Callable[[], None] | None
Project = Callable[[Sequence[Event]], Row]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A lease on one request: before `until`, nobody else acts on it; from then on it may be taken.

    Passed back with every append. `token` grows with every lease on that request, so an old one is known.
    """

    request: str
    provider: str
    owner: str
    token: int
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What `verify` found: the first event or row that does not fit, and why."""

    seq: int | None
    request: str
    what: str


class LedgerError(Exception):
    """The ledger could not do it. The message says what is wrong and what to do; nothing was half-written."""


class LedgerBusy(LedgerError):
    """Locked by another process for longer than we wait. Try again."""


class LedgerUnusable(LedgerError):
    """Cannot be used as it is: read-only, full, corrupt, a newer schema, a missing or wrong key."""


class LedgerDamaged(LedgerUnusable):
    """What is stored there is not what was written: keep a copy, run verify, restore a backup."""


class Duplicate(LedgerError):
    """The same intent (request, action, sequence, attempt) is already recorded. Read the history and decide anew."""


class LeaseLost(LedgerError):
    """The lease ran out and another worker has the request. Stop acting on it; nothing was written."""


def intent_of(event: NewEvent | Event) -> tuple[str, int, int]:
    """Action, sequence and attempt of an intent: recorded once for a request. `ValueError` if one is missing."""
    action, sequence, attempt = (event.body.get("action"), event.body.get("sequence"), event.body.get("attempt", 1))
    if isinstance(action, str) and type(sequence) is int and type(attempt) is int:
        return str(action), sequence, attempt
    raise ValueError("intent: expected an action (text), a sequence and an attempt (whole numbers)")


def intents_of(events: Iterable[NewEvent | Event]) -> set[tuple[str, int, int]]:
    """`intent_of` all that are intents."""
    return {intent_of(event) for event in events if event.kind == "intent"}


class Ledger(Protocol):
    """What every ledger offers. Safe to share between threads. Instants are aware UTC.

    All methods raise `LedgerError` and its kinds only, besides `ValueError` for what no ledger can record
    (an instant not in UTC, a fraction in a body, a row of another request) and what `project` raises;
    in each case nothing is written.
    """

    @property
    def identity(self) -> Identity:
        """What this ledger is."""

    @property
    def sandbox(self) -> bool:
        """Whether it is a sandbox."""

    def register(
        self, request: str, events: Sequence[NewEvent], project: Project, *, now: datetime
    ) -> tuple[Event, ...]:
        """Enter a new request with its first events and its row. `Duplicate` if the id is taken."""

    def register_all(
        self,
        requests: Mapping[str, Sequence[NewEvent]],
        project: Project,
        *,
        now: datetime,
        unless: Unless = None,
        seals: Sequence[Sealed] = (),
    ) -> tuple[tuple[Event, ...], ...]:
        """Enter the requests of a case, by id, in one transaction: all of them or none. Gives each one's events.

        `seals` are stored with them.

        `unless` is called within the transaction before anything is entered, and may read: what it raises comes out,
        and nothing is entered. What it saw cannot change meanwhile, whoever else registers.
        """

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
        """Append events and write the row, in one transaction. With a claim: `LeaseLost` if it is not ours any more.

        `seals` are stored with them: `Erased` if their case was erased meanwhile.

        An event of kind "intent" has a body with "action", "sequence" and "attempt" (1 if left out); `Duplicate`
        if these are recorded for this request already. Without a claim (a person's entry), a lease held by
        others does not matter.
        """

    def events(self, request: str) -> tuple[Event, ...]:
        """The history of one request, oldest first; empty if there is no such request."""

    def all_events(self, *, after: int = 0) -> Iterator[Event]:
        """Every event with `seq` > `after`, oldest first, without holding them all in memory."""

    def records(self, request: str = "", *, after: int = 0) -> Iterator[Record]:
        """Events exactly as stored, oldest first: one request's or all, with `seq` > `after`."""

    def head(self) -> tuple[int, str]:
        """Number of events and root of their tree, in hex: kept somewhere else, it proves all of them."""

    def root_at(self, events: int) -> str:
        """The root, in hex, as it was when there were so many events. `LedgerError` if there never were."""

    def inclusion(self, seq: int, *, events: int) -> tuple[str, ...]:
        """The proof (RFC 9162, 2.1.3) that event `seq` (0: the identity) stands in the tree of so many events.

        Hashes in hex; leaf `seq` of a tree of `events` + 1 leaves. `LedgerError` if it does not.
        """

    def consistency(self, earlier: int, later: int) -> tuple[str, ...]:
        """The proof (RFC 9162, 2.1.4) that the tree of `later` events begins with that of `earlier` ones, in hex."""

    def add_head(self, events: int, text: str, *, unless: Unless = None) -> None:
        """Keep a signed head of so many events.

        `unless` is called within the transaction before, and may read: what it raises comes out, and nothing is kept.
        What it saw cannot change meanwhile, so that of several sweepers one signs.
        """

    def heads(self) -> tuple[str, ...]:
        """The signed heads that were kept, oldest first."""

    def row(self, request: str) -> Row | None:
        """The index row of one request."""

    def rows(self, *, open_only: bool = True, case: str = "", for_people: bool = False) -> Iterator[Row]:
        """Rows by `next_at`, earliest first (final ones last, by request).

        With `case`, those of that case; with `for_people`, those with open `matters`. Both are found by an index.
        """

    def tally(self) -> tuple[Tally, ...]:
        """Open requests counted by state, the most frequent state first. One short question, whatever the size."""

    def at_risk(self, *, limit: int) -> tuple[Row, ...]:
        """Open requests with a gap, most days missing first, then by id; `items` left empty."""

    def due(self, now: datetime, *, limit: int = 1000) -> tuple[Row, ...]:
        """Rows whose `next_at` is at or before `now`, most urgent first; `items` left empty."""

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at` of all, None if nothing waits."""

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
        """Take leases on due requests that nobody holds (or whose lease ended by `now`), most urgent first.

        None of the providers in `spare`. With `request`, only that one, due or not.

        A lease that ends more than `CLOCKS_DIFFER` after `until` is free too: its clock was ahead, and was set right.
        Who still has it learns by `LeaseLost` that it is gone. So all who work on one ledger ask for leases of the
        same length, by a clock that is read anew, or nearly: nobody's rightful lease is that much longer.
        """

    def renew(self, claim: Claim, *, until: datetime, now: datetime) -> Claim:
        """Prolong a lease. `LeaseLost` if it ended and another took it."""

    def give_back(self, *claims: Claim) -> None:
        """End leases early. A lease that is not ours any more is left alone."""

    def reindex(self, requests: Sequence[str], project: Project) -> int:
        """Write rows anew, where the fold now sees them otherwise, in one transaction; gives how many these were."""

    def request_ids(self, *, after: str = "", limit: int) -> tuple[str, ...]:
        """The requests, by id, from the first one beyond `after`."""

    def find_live(self, blinds: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Blind digests to the requests, by id, that are not final and hold an item with them; those found only."""

    def keep(self, content: bytes) -> str:
        """Store public bytes (terms, policy) by content; gives the SHA-256 hex digest. Idempotent."""

    def kept(self, digest: str) -> bytes:
        """The bytes of a digest. `LedgerError` if they are not there."""

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Note a sign of life ("sweep", …). Not evidence: only the last one of each name is kept."""

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of that name; None too where it cannot be read: the next replaces it."""

    def verify(self, project: Project | None) -> tuple[Finding, ...]:
        """Recompute everything; empty if all fits. Without `project`: all but the index (`verify_index`)."""

    def verify_index(self, project: Project, first: str, before: str) -> tuple[Finding, ...]:
        """Recompute the index of the requests from id `first` on and before id `before` ("": to the end)."""

    def parts(self, count: int) -> tuple[tuple[str, str], ...]:
        """All requests in that many parts of the same size, or fewer: the `first` and `before` of each."""

    def close(self) -> None:
        """Give back the connection."""
