"""What the pages show, read from the ledger: plain values, without any identifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.office import Office
from flows.outlook import outlook
from flows.planning import show
from flows.words import Table
from flows.work_items import WorkItem, still_open
from ledger.interface import Event, Row
from timeline.duty import afterwards
from timeline.state import Hold

TYPED = frozenset({"erased", "approval-asked", "approved", "rejected", "release-asked"})
"""Kinds of event whose reason is in a person's own words: it stays in the record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AsAt:
    """When a page was made, from how many events of the record, and by which run ("": by none)."""

    now: datetime
    through: int
    run: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestSeen:
    """One request on the page of its case. `record` is `show --json`'s, without what people typed."""

    record: Table
    hold: Hold
    provider: str
    items: tuple[WorkItem, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseSeen:
    """A case: the rows of all its requests, and the first of them in full."""

    case: str
    rows: tuple[Row, ...]
    providers: Mapping[str, str]
    requests: tuple[RequestSeen, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A request whose holds do not reach the MLA answer: its row, its outlook now, what can be done at its end."""

    row: Row
    provider: str
    outlook: Table
    zone: str
    afterwards: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A work item that is not open any more: what it was, and what settled it."""

    request: str
    case: str
    provider: str
    about: str
    told_at: datetime | None
    kind: str
    body: Table
    at: datetime
    by: str


def provider_name(office: Office, provider: str) -> str:
    """The name of a provider in the catalogue, its id where it is not there any more."""
    entry = office.catalogue.providers.get(provider)
    return entry.terms.name if entry else provider


def request_seen(office: Office, row: Row, items: Sequence[WorkItem], now: datetime) -> RequestSeen:
    """A request, as its case's page shows it."""
    record = show(office, row.request, at=now)
    events = [{**each, "body": _without_words(each["kind"], each["body"])} for each in record["events"]]
    return RequestSeen(
        record=record | {"events": events},
        hold=office.hold(row.request),
        provider=provider_name(office, row.provider),
        items=tuple(items),
    )


def _without_words(kind: str, body: Table) -> Table:
    return {name: value for name, value in body.items() if not (name == "because" and kind in TYPED)}


def gap_seen(office: Office, row: Row, now: datetime) -> Gap:
    """A request at risk, with what would still close its gap."""
    hold = office.hold(row.request)
    return Gap(
        row=row,
        provider=provider_name(office, row.provider),
        outlook=outlook(hold, office.policy, now),
        zone=hold.terms.provider.zone,
        afterwards=afterwards(hold),
    )


def matters_of(office: Office, request: str) -> set[str]:
    """Every matter of a request that may ever have needed a person."""
    hold, events = office.hold(request), office.ledger.events(request)
    found = {*hold.escalations, *(str(each.body["about"]) for each in events if each.body.get("about"))}
    if any(each.kind == "approval-asked" for each in events):
        found |= {f"approval:{about}" for about in ("send", "release", "erase")}
        found |= {f"approval:send:{level}" for level in range(2, len(office.policy.ladder) + 1)}
    return found | ({"draft"} if any(each.kind == "drafted" for each in events) else set())


def settled(office: Office, request: str, about: str) -> Settled | None:
    """What settled a matter of a request; None where it is open, or never was.

    The event after which the record does not ask for it any more. What was open anew meanwhile counts from then.
    """
    events = office.ledger.events(request)
    first = next((place for place, each in enumerate(events, 1) if each.body.get("about") == about), 1)
    settling: Event | None = None
    was_open = False
    for place in range(first, len(events) + 1):
        is_open = still_open(office, about, events[:place])
        if was_open and not is_open:
            settling = events[place - 1]
        was_open = is_open
    if settling is None or was_open:
        return None
    told = office.hold(request).escalations.get(about)
    start = events[0].body
    body = _without_words(settling.kind, {name: each for name, each in settling.body.items() if name != "text"})
    return Settled(
        request=request,
        case=str(start["case"]),
        provider=provider_name(office, str(start["provider"])),
        about=about,
        told_at=told.at if told else None,
        kind=settling.kind,
        body=body,
        at=settling.at,
        by=str(settling.body.get("by") or settling.actor),
    )
