"""What a ledger tells of all requests at once, in one short question each."""

from __future__ import annotations

from datetime import datetime

from ledger import index
from ledger.interface import Row, Tally
from ledger.store import Store


class Overviews:
    """The part of `ledger.book.Book` that counts and finds the first of many."""

    _store: Store

    def tally(self) -> tuple[Tally, ...]:
        """Open requests counted by state. See `Ledger.tally`."""
        with self._store.asking() as say:
            return tuple(
                Tally(state=state, count=int(count), for_people=int(for_people), at_risk=int(at_risk))
                for state, count, for_people, at_risk in say.answer(index.TALLY)
            )

    def at_risk(self, *, limit: int) -> tuple[Row, ...]:
        """Open requests with a gap, most days missing first. See `Ledger.at_risk`."""
        check_limit(limit)
        with self._store.asking() as say:
            return tuple(index.row_of(columns) for columns in say.answer(f"{index.AT_RISK}{limit:d}"))

    def next_due_at(self) -> datetime | None:
        """The earliest `next_at` of all."""
        with self._store.asking() as say:
            return say.next_due_at()

    def request_ids(self, *, after: str = "", limit: int) -> tuple[str, ...]:
        """The requests, by id."""
        with self._store.asking() as say:
            return tuple(say.request_ids(after, limit))


def check_limit(limit: int) -> None:
    """Refuse a limit below 1."""
    if limit < 1:
        raise ValueError(f"limit: expected at least 1, found {limit}")
