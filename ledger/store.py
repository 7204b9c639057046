"""What a `Book` asks of a database: how it is opened for reading and writing, and the statements put to it.

A `Store` is one dialect (`ledger.sqlite`, `ledger.postgres`). Everything that must be the same in each of them
stands in `ledger.book`. Statements raise what the database's driver raises; the store's contexts turn it into
the ledger's errors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from ledger.index import Stored
from ledger.interface import Claim, Finding, Json, LedgerError, Row
from ledger.records import Record
from ledger.vault import CaseKey, Sealed, UnitKey


class Statements(Protocol):
    """What can be asked within one open transaction."""

    # ---- the record

    def attempt(self) -> AbstractContextManager[None]:
        """A part that is undone by itself when it fails (a savepoint)."""

    def last(self) -> tuple[int, bytes]:
        """The number of the last event and its nodes; 0 and nothing if there is none."""

    def nodes_of(self, seqs: Collection[int]) -> Mapping[int, bytes]:
        """What is stored of the tree with these events; those that are not there are left out."""

    def put_events(self, entries: Sequence[tuple[Record, bytes]]) -> None:
        """Add events at the end, each with its nodes."""

    def history(self, request: str, *, after: int = 0) -> list[Record]:
        """The events of one request beyond a number, oldest first."""

    def stored(self, *, after: int | None = None) -> Iterator[tuple[Record, bytes]]:
        """Events (beyond a number, if one is given) with their nodes, by number, without holding all in memory."""

    def highest_seq(self) -> int:
        """The highest number an event ever had, whatever was deleted since."""

    # ---- the index

    def put_row(self, row: Row, *, items_too: bool) -> None:
        """Write a request's row; its items only if they may have changed."""

    def row(self, request: str) -> Row | None:
        """A request's row with its items."""

    def rows(self, *, open_only: bool, case: str, for_people: bool) -> Iterator[Row]:
        """Rows with their items: open ones by `next_at`, then final ones by request. See `Ledger.rows`."""

    def request_ids(self, after: str, limit: int) -> list[str]:
        """Requests that are not final, by id, from the first one beyond `after`."""

    def most_urgent(self, now: datetime, limit: int) -> tuple[Row, ...]:
        """Rows that are due, by rank, `next_at` and id; at most `limit`, which is at least 1. Without items."""

    def answer(self, question: str) -> Iterable[Sequence[Any]]:
        """The whole answer to one of `ledger.index`'s short questions."""

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at`."""

    def find_live(self, blinds: Sequence[str]) -> list[tuple[str, str]]:
        """Each of these digests (some hundreds) with each request that is not final and has an item of it, by id."""

    # ---- leases

    def claim_due(
        self, now: datetime, *, owner: str, until: datetime, limit: int, spare: Collection[str]
    ) -> tuple[Claim, ...]:
        """Take the most urgent due requests that nobody holds at `now`, none of the providers in `spare`."""

    def claim_one(self, request: str, now: datetime, *, owner: str, until: datetime) -> tuple[Claim, ...]:
        """Take one request, due or not; nothing if somebody holds it at `now` or there is none."""

    def is_held(self, claim: Claim) -> bool:
        """Whether the lease is still the one that was given."""

    def move_lease(self, claim: Claim, until: datetime) -> None:
        """Let a lease end at another instant."""

    def end_leases(self, claims: Iterable[Claim]) -> None:
        """Free those of these leases that are still the ones that were given; tokens stay, to grow later."""

    # ---- bytes, signs of life, the ledger's own facts, signed heads

    def keep(self, digest: str, content: bytes) -> None:
        """Store bytes that are not there yet."""

    def kept(self, digest: str) -> bytes | None:
        """The bytes of a digest."""

    def beat(self, name: str, at: datetime, body: Mapping[str, Json]) -> None:
        """Write the last sign of life of a name."""

    def last_beat(self, name: str) -> tuple[datetime, Mapping[str, Json]] | None:
        """The last sign of life of a name."""

    def meta(self) -> dict[str, str]:
        """The ledger's own facts: `ledger` (its id), `sandbox`, `created_at`, and `master` once there is a vault."""

    def put_meta(self, name: str, value: str) -> None:
        """Note a fact for ever."""

    def put_head(self, events: int, text: str) -> None:
        """Add a signed head."""

    def heads(self) -> list[str]:
        """The signed heads, oldest first."""

    # ---- the sealed store

    def case_key(self, case: str) -> CaseKey | None:
        """The key of a case."""

    def put_case_key(self, key: CaseKey) -> None:
        """Store the key of a case that has none."""

    def case_keys(self) -> Iterator[CaseKey]:
        """The keys of all cases."""

    def master(self) -> str | None:
        """The id of the master key that is used: that of the unit's keys, else the one noted first (`meta`)."""

    def unit_key(self, name: str) -> UnitKey | None:
        """A key of the unit."""

    def replace_keys(self, cases: Sequence[CaseKey], unit: Sequence[UnitKey]) -> None:
        """Put these in the place of all keys of cases and of the unit, with as little of the older ones left."""

    def drop_case_key(self, case: str) -> None:
        """Delete the key of a case so that as little as possible of it stays behind."""

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes."""

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token."""

    def sealed_among(self, tokens: Collection[str]) -> set[str]:
        """Those of the tokens under which something is sealed."""

    # ---- proof

    def by_request(
        self, first: str, before: str
    ) -> tuple[Iterable[Record], Iterable[Stored], Iterable[tuple[str, Stored]]]:
        """Events, rows and items of the requests from `first` on and before `before` ("": to the end).

        Each by request, in code-point order.
        """

    def request_count(self) -> int:
        """How many requests there are."""

    def request_at(self, place: int) -> str:
        """The id of the request at a place of the index, by id, from 0; "" beyond the end."""

    def wrong_bytes(self) -> Iterator[Finding]:
        """Kept and sealed bytes that are not what their names say."""

    def wrong_tables(self) -> Iterator[Finding]:
        """Tables, indexes, guards and rights that are not as we made them, and damage that the database knows of."""


class Store(Protocol):
    """One open database. Safe to share between threads; not to be carried over a fork."""

    @property
    def name(self) -> str:
        """Which one, in messages: a path or an address, without any password."""

    @property
    def failure(self) -> type[Exception]:
        """What its driver raises, while a long read goes on."""

    def in_words(self, error: Exception) -> LedgerError:
        """The ledger's own error for one of the driver's: which database, what is wrong, what to do."""

    def recording(self) -> AbstractContextManager[Statements]:
        """A transaction that may add events: one at a time, of all processes. Waits for its turn at the start."""

    def writing(self) -> AbstractContextManager[Statements]:
        """A transaction that writes, but no events: where the database can, beside others."""

    def reading(self) -> AbstractContextManager[Statements]:
        """One view for a few statements; within a transaction of this thread, that one."""

    def asking(self) -> AbstractContextManager[Statements]:
        """For a single statement that reads, without a view of its own; within a transaction of this thread, that."""

    def streaming(self, *, as_it_is: bool = False) -> AbstractContextManager[Statements]:
        """One unchanging view for a long read, beside everything else. `as_it_is`: damaged text does not raise."""

    def after_erasing(self) -> None:
        """Clear what a deleted key left in journals. `LedgerBusy`: call again."""

    def close(self) -> None:
        """Close every connection."""
