"""The week in figures: what was sent and what came back, how long it took, what was refused and why, what is at risk.

Statistics by ground of refusal and by length are what requesting and requested States ask each other for. A week is
an ISO week in UTC; an event belongs to the week in which it was recorded. Only the events of that week are read, and
the histories of the requests that something ended or was answered for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from statistics import median
from typing import Any

from flows.office import Office
from ledger.heads import Head
from ledger.interface import Event

SLACK = timedelta(days=2)
"""Clocks of machines differ, and may be set back: so far before the week its events are looked for."""

COUNTED: Mapping[str, str] = {
    "registered": "requests registered",
    "sent": "requests sent",
    "acknowledged": "receipts",
    "preserved": "confirmed to be kept",
    "extension-sent": "extensions sent",
    "extended": "extensions confirmed",
    "refused": "refusals",
    "unavailable": "attempts that a provider did not take",
    "outcome-unknown": "acts of unknown outcome, asked about",
    "clarification": "questions of providers",
    "escalated": "escalations",
    "not-delivered": "escalations that reached nobody",
    "escalation-acknowledged": "escalations taken up",
    "mla-sent": "MLA requests sent",
    "mla-received": "MLA requests received by the other State",
    "production-announced": "productions announced",
    "produced": "produced",
    "released": "released",
    "lapsed": "LAPSED",
}
"""What is counted, in the order in which it is shown."""

_ENDS = ("released", "produced", "lapsed", "expired")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How long something took: how many times, the middle one and the longest, in hours."""

    count: int
    median_hours: float
    longest_hours: float

    @classmethod
    def of(cls, spans: Iterable[timedelta]) -> Spread | None:
        """Of these durations; None if there are none."""
        hours = [span.total_seconds() / 3600 for span in spans]
        return cls(count=len(hours), median_hours=median(hours), longest_hours=max(hours)) if hours else None

    def table(self) -> dict[str, Any]:
        """For JSON; hours with one decimal."""
        return {
            "count": self.count,
            "median_hours": round(self.median_hours, 1),
            "longest_hours": round(self.longest_hours, 1),
        }


def week_of(day: date) -> str:
    """The ISO week of a day: ``2026-W47``."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def bounds(week: str) -> tuple[datetime, datetime]:
    """The first instant of a week such as ``2026-W47``, and of the next.

    Raises:
        LookupError: it is no week; says what to write instead.
    """
    year, _, number = week.partition("-W")
    try:
        monday = date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise LookupError(f"expected an ISO week such as 2026-W47, found {week!r}") from None
    start = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    return start, start + timedelta(days=7)


def report(office: Office, week: str, *, now: datetime) -> dict[str, Any]:
    """The report of one week, as `--json` prints it.

    Raises:
        LookupError: it is no week.
        LedgerError: the ledger cannot be read.
    """
    start, end = bounds(week)
    counts: Counter[str] = Counter()
    grounds: Counter[str] = Counter()
    levels: Counter[int] = Counter()
    by_provider: dict[str, Counter[str]] = {}
    spans: dict[str, list[timedelta]] = {"receipt": [], "confirmation": [], "taken up": []}
    lengths: list[dict[str, Any]] = []
    lapsed: list[str] = []
    history = lru_cache(maxsize=1000)(office.ledger.events)
    for event in _of_week(office, start, end):
        body, kind = event.body, _kind(event)
        counts[kind] += 1
        if kind == "refused":
            grounds[str(body.get("ground") or "other")] += 1
        if kind == "escalated":
            level = body.get("level")
            levels[level if isinstance(level, int) else 0] += 1
            counts["not-delivered"] += body.get("delivered") is not True
        if kind in {"sent", "acknowledged", "refused", "unavailable"}:
            row = office.ledger.row(event.request)
            provider = row.provider if row else ""
            by_provider.setdefault(provider, Counter())[kind] += 1
        for name, span in _took(event, history(event.request) if kind in _ANSWERS else ()):
            spans[name].append(span)
        if kind in _ENDS:
            lengths.append(_length(event, history(event.request)))
        if kind == "lapsed":
            lapsed.append(event.request)
    heads = [head for head in map(Head.read, _heads(office)) if start <= head.at < end]
    return {
        "week": week,
        "from": _said(start),
        "to": _said(end),
        "complete": now >= end,
        "counts": {name: counts[name] for name in COUNTED},
        "refused_by_ground": dict(sorted(grounds.items(), key=lambda each: (-each[1], each[0]))),
        "escalated_by_level": {str(level): levels[level] for level in sorted(levels)},
        "by_provider": {name: dict(by_provider[name]) for name in sorted(by_provider)},
        "took": {name: spread.table() if (spread := Spread.of(each)) else None for name, each in spans.items()},
        "ended": sorted(lengths, key=lambda each: (each["end"], each["request"])),
        "lapsed": sorted(set(lapsed)),
        "open": _open(office, now),
        "heads": [
            {"events": each.events, "at": _said(each.at), "root": each.root, "key": each.key} for each in heads
        ],
    }


_ANSWERS = {"acknowledged", "preserved", "escalation-acknowledged"}


def _heads(office: Office) -> list[str]:
    from flows.heads import signed

    return signed(office.ledger)


def _of_week(office: Office, start: datetime, end: datetime) -> Iterator[Event]:
    """The events that were recorded in a week: found by halving, as they were recorded one after another."""
    ledger = office.ledger
    low, high = 0, ledger.head()[0]
    while low < high:  # the first event after the beginning, less some slack, is beyond `low`
        middle = (low + high) // 2
        event = next(iter(ledger.all_events(after=middle)), None)
        if event is not None and event.recorded_at < start - SLACK:
            low = middle + 1
        else:
            high = middle
    for event in ledger.all_events(after=low):
        if start <= event.recorded_at < end:
            yield event
        elif event.recorded_at >= end + SLACK:
            return


def _kind(event: Event) -> str:
    """What an event is counted as."""
    if event.kind == "sent" and event.body.get("action") == "extend":
        return "extension-sent"
    if event.kind == "sent" and event.body.get("action") != "send":
        return ""
    return event.kind


def _took(event: Event, history: tuple[Event, ...]) -> Iterator[tuple[str, timedelta]]:
    """How long it took until this answer, counted from when its cause happened."""
    before = [each for each in history if each.seq < event.seq]
    if event.kind in {"acknowledged", "preserved"}:
        if any(each.kind == event.kind for each in before):
            return  # said before
        sent = [each.at for each in before if each.kind == "sent" and each.body.get("action") == "send"]
        if sent and event.at >= sent[0]:
            yield ("receipt" if event.kind == "acknowledged" else "confirmation"), event.at - sent[0]
    elif event.kind == "escalation-acknowledged":
        open_since: dict[str, datetime] = {}
        for each in before:
            if each.kind == "escalated":
                open_since.setdefault(str(each.body.get("about")), each.at)
            elif each.kind == "escalation-acknowledged":
                _take_up(open_since, each)
        since = min(_take_up(open_since, event), default=None)
        if since is not None and event.at >= since:
            yield "taken up", event.at - since


def _take_up(open_since: dict[str, datetime], event: Event) -> list[datetime]:
    """Take out what somebody took up, all of it where nothing is named; gives since when it was open."""
    about = str(event.body["about"])
    taken = [*open_since] if about == "all" else [about]
    return [open_since.pop(each) for each in taken if each in open_since]


def _length(event: Event, history: tuple[Event, ...]) -> dict[str, Any]:
    """How long a hold lasted, from its first sending to this end."""
    first = history[0].body
    sent = next((each.at for each in history if each.kind == "sent" and each.body.get("action") == "send"), None)
    return {
        "request": event.request,
        "provider": first.get("provider", ""),
        "instrument": first.get("instrument", ""),
        "end": event.kind,
        "days": max(0, (event.at - sent).days) if sent else 0,
    }


def _open(office: Office, now: datetime) -> dict[str, Any]:
    """How the open requests stand now."""
    states: Counter[str] = Counter()
    escalated = overdue = uncovered = 0
    for row in office.ledger.rows():
        states[row.state] += 1
        escalated += row.level > 0
        uncovered += row.gap_days_p90 > 0
        overdue += row.next_at is not None and row.next_at < now - timedelta(hours=1)
    return {
        "at": _said(now),
        "requests": sum(states.values()),
        "by_state": dict(sorted(states.items())),
        "escalated": escalated,
        "overdue": overdue,
        "with_a_gap": uncovered,
    }


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
