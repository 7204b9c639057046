"""One pass over the pages: which have changed since the mark, made from the ledger and laid on the shelf.

The desk queue's page carries the mark: up to which event of the record all pages are made, and the root of the record
there. A lost database of Prefect takes the mark with it, and a ledger that is not the one it was (restored from a
backup, another one) does not have that root: in both cases every page is made anew. The mark is written last, so what
was cut off is done again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from flows.deployments import version
from flows.keeping import KEEP_RUNS, kept
from flows.office import Office
from flows.pages import overview, work
from flows.pages.casepage import IN_FULL, case_page
from flows.pages.heading import OTHERS, stamp
from flows.pages.links import BOARD, PEOPLE, QUEUE, RISK, Links, case_key, item_key
from flows.pages.markup import plain
from flows.pages.seen import AsAt, CaseSeen, RequestSeen, gap_seen, matters_of, provider_name, request_seen, settled
from flows.pages.shelf import OVER, Lying, Page, Shelf
from flows.work_items import UNREADABLE, WorkItem, items_on, urgency
from ledger.interface import LedgerBusy, LedgerError, Row

T = TypeVar("T")
CASES_WITHIN = 5.0
"""Seconds for the pages of cases in one pass; what is left is done by the next one."""

SEEN_EVERY = timedelta(hours=1)
"""Where nothing happens, the overviews are made anew so often: who reads them sees that they are looked after."""

TOGETHER = 200
"""Events whose requests are looked at together; the mark moves on by so many."""

ABOUT: Mapping[str, str] = {
    QUEUE: "Everything that needs a person, most urgent first, with the likely answers.",
    BOARD: "Every open request by what is due next: by whom, how it stands, when the hold ends.",
    PEOPLE: "What people were told of, by level, and who has taken it up.",
    RISK: "Requests whose data may be lost before the MLA answer is there, and what would still help.",
}
"""The pages of which there is one, and what lists of pages say of them."""

EMPTY = "Desk queue: nothing is listed here any more."


@dataclass(kw_only=True)
class Known:
    """What this process knows of a ledger's pages on a server, so that it need not ask and fold again.

    `ids` and `made` are by the page's key: its artifact, and from how many events it was made here.
    """

    of: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    items: dict[str, tuple[WorkItem, ...]] = field(default_factory=dict)
    items_through: int = 0
    made: dict[str, int] = field(default_factory=dict)

    def forget(self, of: str) -> None:
        """Begin anew, for pages of that."""
        self.of, self.ids, self.items, self.items_through, self.made = of, {}, {}, 0, {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What a pass did: from how much of the record, and whether nothing was left for the next one."""

    through: int
    whole: bool


def make(
    office: Office, shelf: Shelf, known: Known, *, run: str = "", since: int | None = None, everything: bool = False
) -> Made:
    """Make what has changed since the mark, or since an event before it; with `everything`, all pages.

    Raises what the ledger and Prefect's client raise; what was made stays, and the mark where it was.
    """
    through = office.ledger.head()[0]
    there = shelf.look(OTHERS)
    shelf.of, done = _mark(office, there.get(QUEUE), deployments := shelf.deployments())
    done = 0 if everything else done if since is None else min(done, since)
    if known.of != shelf.of or not done:
        known.forget(shelf.of)
    known.ids |= shelf.ids
    shelf.ids = known.ids
    as_at = AsAt(now=office.now(), through=through, run=run)
    if done >= through and len(there) == len(OTHERS) and _lately(there[QUEUE], as_at.now):
        return Made(through=through, whole=True)
    return _Pass(office, shelf, known, deployments, as_at).make(
        done,
        lacking=[key for key in OTHERS if key not in there],
    )


def _mark(office: Office, queue: Lying | None, deployments: Mapping[str, str]) -> tuple[str, int]:
    """What pages are made of now, and up to which event all of them are; 0 where they are of something else."""
    parts = (office.ledger.identity, sorted(deployments.items()), office.policy, version())
    base = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    if queue is None:
        return f"{base}.1", 0
    lying, _, turn = queue.of.rpartition(".")
    done, root = queue.marks.get("done", ""), queue.marks.get("root", "")
    if lying == base and (not done or _root(office, int(done)) == root):
        return queue.of, int(done or 0)
    return f"{base}.{int(turn) + 1 if turn.isdigit() else 1}", 0


def _lately(queue: Lying, now: datetime) -> bool:
    """Whether the overviews were made not long ago (or, by a clock that was set back, in the future)."""
    try:
        return abs(now - datetime.fromisoformat(queue.marks.get("at", ""))) < SEEN_EVERY
    except ValueError:
        return False


def _root(office: Office, events: int) -> str:
    """The root of so many events; "" where the record never had so many."""
    try:
        return office.ledger.root_at(events)
    except LedgerError:
        return ""


def _readable(look: Callable[[], T]) -> T | None:
    """What a look at one request gives; None where its history is damaged: an item says so."""
    try:
        return look()
    except LedgerBusy:
        raise
    except LedgerError:
        return None


class _Pass:
    """One pass: the office, the shelf, and what is known."""

    def __init__(
        self, office: Office, shelf: Shelf, known: Known, deployments: Mapping[str, str], as_at: AsAt
    ) -> None:
        self.office, self.shelf, self.known, self.as_at = office, shelf, known, as_at
        self.links = Links(deployments=deployments, pages=shelf.ids)
        self.stamp = stamp(self.links, as_at)
        self.ends = time.monotonic() + CASES_WITHIN

    def make(self, done: int, *, lacking: Sequence[str]) -> Made:
        """Make the pages of what happened after event `done`. `lacking`: the overviews that are not there."""
        # First of all, so that every other page can lead to them.
        self._put([Page(key=key, about=ABOUT[key], markdown="This page is being made.") for key in lacking])
        changed = {each.request: each.seq for each in self._events(done)}
        items = self._open_items()
        rows = list(islice(self.office.ledger.rows(), overview.MOST))
        at_risk = self.office.ledger.at_risk(limit=overview.MOST_AT_RISK)
        listed = (*rows, *at_risk)
        led_to = dict.fromkeys([*(each.case for each in items), *(row.case for row in listed)])
        without = self.shelf.missing(map(case_key, led_to))
        self._put_items(items, changed)
        self._put_each_case(case for case in led_to if case_key(case) in without)
        done = self._changed_cases(done)
        self._put([self._item(each) for each in items if case_key(each.case) in without])
        self._put_parts(items)
        self._put(self._overviews(items, rows, at_risk, done))
        return Made(through=self.as_at.through, whole=done >= self.as_at.through)

    def _events(self, after: int) -> Iterator[Any]:
        for event in self.office.ledger.records(after=after):  # as stored: one that is damaged stops no page
            if event.seq > self.as_at.through:
                return
            yield event

    def _put(self, pages: Sequence[Page]) -> None:
        self.shelf.put(pages, through=self.as_at.through)
        self.known.made |= {each.key: self.as_at.through for each in pages}

    # What needs a person

    def _open_items(self) -> list[WorkItem]:
        """All open items, most urgent first; only requests that changed are folded anew."""
        known = self.known
        if known.items:
            for event in self._events(known.items_through):
                known.items.pop(event.request, None)
        found: dict[str, tuple[WorkItem, ...]] = {}
        for row in self.office.ledger.rows(open_only=False, for_people=True):
            there = known.items.get(row.request)
            is_known = there and there[0].kind != UNREADABLE  # what was damaged may be mended
            found[row.request] = there if there and is_known else items_on(self.office, row)
        known.items, known.items_through = found, self.as_at.through
        return sorted((each for items in found.values() for each in items), key=urgency)

    def _item(self, item: WorkItem) -> Page:
        return Page(
            key=item_key(item.request, item.about),
            about=plain(f"Work item: {item.title}"),
            markdown=work.item_page(item, self.links, self.as_at),
            stamp=self.stamp,
        )

    def _put_items(self, items: Sequence[WorkItem], changed: Mapping[str, int]) -> None:
        """The pages of open items that changed or have none. `changed`: each request's last event."""
        keys = {item_key(each.request, each.about): each for each in items}
        missing = self.shelf.missing(keys)
        due = [
            each
            for key, each in keys.items()
            if key in missing or self.known.made.get(key, 0) < changed.get(each.request, 0)
        ]
        self._put([self._item(each) for each in due])

    def _put_parts(self, items: Sequence[WorkItem]) -> None:
        """The pages with the items of each provider, where one page cannot take all; what is not needed says so."""
        split = work.parts(items)
        pages = [
            Page(
                key=each.key,
                about=plain(f"Desk queue, {each.name}: {each.places} of {each.of:,} items."),
                markdown=work.queue_part(each, self.links, self.as_at),
                stamp=self.stamp,
            )
            for each in split
        ]
        keys = [each.key for each in split]
        pages += [
            Page(key=key, about=EMPTY, markdown=work.empty_part(self.links, self.as_at), stamp=self.stamp)
            for key in self.shelf.begun_with(f"{QUEUE}-")
            if key not in keys
        ]
        self._put(pages)

    def _settle(self, requests: Iterable[str]) -> None:
        """The pages of items that are not open any more: their links go, and they say what settled them."""
        keys: dict[str, tuple[str, str]] = {}
        for request in requests:
            still = {each.about for each in self.known.items.get(request, ())}
            for about in _readable(partial(matters_of, self.office, request)) or ():
                if about not in still:
                    keys[item_key(request, about)] = (request, about)
        pages = []
        for key in self.shelf.look(keys):
            if (over := _readable(partial(settled, self.office, *keys[key]))) is not None:
                markdown = work.settled_page(over, self.links, self.as_at)
                about = f"Work item, settled: {over.about.partition(':')[0].replace('-', ' ')}, {over.request}."
                since = {OVER: over.at.isoformat()}
                pages.append(Page(key=key, about=about, markdown=markdown, stamp=self.stamp, marks=since))
        self._put(pages)

    # The cases

    def _changed_cases(self, done: int) -> int:
        """The pages of the cases of what happened after `done`; gives the event up to which they are made."""
        events = self._events(done)
        while portion := list(islice(events, TOGETHER)):
            requests = list(dict.fromkeys(each.request for each in portion))
            self._settle(requests)
            rows = [row for row in map(self.office.ledger.row, requests) if row is not None]
            latest = {each.request: each.seq for each in portion}
            made = self.known.made
            self._put_cases({row.case for row in rows if made.get(case_key(row.case), 0) < latest[row.request]})
            done = portion[-1].seq
            if time.monotonic() >= self.ends:
                return done
        return self.as_at.through

    def _put_each_case(self, cases: Iterable[str]) -> None:
        """The pages of these cases, as many as there is time for."""
        for case in cases:
            if time.monotonic() >= self.ends:
                return
            self._put_cases((case,))

    def _put_cases(self, cases: Iterable[str]) -> None:
        self._put([page for case in cases if (page := self._case(case)) is not None])

    def _case(self, case: str) -> Page | None:
        rows = sorted(self.office.ledger.rows(open_only=False, case=case), key=lambda row: (row.final, row.request))
        over = self._over(rows)
        if not rows or (over and over < self.as_at.now - kept(self.office.settings)[KEEP_RUNS]):
            return None
        seen = [_readable(partial(self._seen, row)) for row in rows[:IN_FULL]]
        shown = CaseSeen(
            case=case,
            rows=tuple(rows),
            providers=self._names(rows),
            requests=tuple(each for each in seen if each is not None),
        )
        return Page(
            key=case_key(case),
            about=plain(f"Case {case}: its requests, with picture, clocks and history."),
            markdown=case_page(shown, self.links, self.as_at),
            stamp=self.stamp,
            marks={OVER: over.isoformat()} if over else {},
        )

    def _seen(self, row: Row) -> RequestSeen:
        return request_seen(self.office, row, self.known.items.get(row.request, ()), self.as_at.now)

    def _over(self, rows: Sequence[Row]) -> datetime | None:
        """When the last thing happened to a case's requests, where all of them are final."""
        if not all(row.final for row in rows):
            return None
        last = (_readable(partial(self.office.ledger.events, row.request)) for row in rows)
        return max((events[-1].recorded_at for events in last if events), default=None)

    def _names(self, rows: Iterable[Row]) -> dict[str, str]:
        return {each: provider_name(self.office, each) for each in {row.provider for row in rows}}

    # The overviews

    def _overviews(
        self, items: Sequence[WorkItem], rows: Sequence[Row], at_risk: Sequence[Row], done: int
    ) -> list[Page]:
        """The pages of which there is one; the desk queue, which carries the mark, last."""
        seen = (_readable(partial(gap_seen, self.office, row, self.as_at.now)) for row in at_risk)
        gaps = [each for each in seen if each is not None]
        tally = self.office.ledger.tally()
        many = sum(each.at_risk for each in tally)
        shown = {
            BOARD: overview.board(rows, tally, self._names(rows), self.known.items, self.links, self.as_at),
            RISK: overview.at_risk(gaps, many, self.links, self.as_at),
            PEOPLE: work.needs_a_person(items, self.office.policy.ladder, self.links, self.as_at),
            QUEUE: work.desk_queue(items, self.links, self.as_at),
        }
        mark = {"done": str(done), "root": _root(self.office, done), "at": self.as_at.now.isoformat()}
        return [
            Page(key=key, about=ABOUT[key], markdown=markdown, marks=mark if key == QUEUE else {})
            for key, markdown in shown.items()
        ]
