"""The record's words as a tired person reads them. Days as `21 Nov 2026`; durations rounded to what matters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

Table = Mapping[str, Any]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CLOCKS: Mapping[str, str] = {
    "natural-loss": "provider deletes it",
    "acknowledgement-due": "receipt is due by",
    "hold-expiry": "hold ends",
    "extension-window": "extension must be sent",
    "clarification": "clarification must be answered by",
    "validation": "order must be validated by",
    "confidentiality-end": "provider may tell its user after",
    "proof-of-mla": "proof of the MLA request is due by",
    "mla-answer": "MLA answer is expected",
    "escalation-acknowledgement": "somebody must take up an escalation by",
}
"""Kind of clock to what strikes."""

ACTIONS: Mapping[str, str] = {
    "look-up": "ask what became of it",
    "send": "send it",
    "extend": "extend",
    "release": "release",
    "announce": "announce the production",
    "clarify": "answer the clarification",
    "poll": "ask the provider",
    "escalate": "tell a person",
    "lapse": "lapse",
    "nothing": "nothing",
    "": "nothing",
}
"""Action of a decision to what is done."""

_BY_HAND = "send it by hand, else tell a person"

STATES: Mapping[str, str] = {
    "registered": "registered, not sent",
    "unknown": "not known whether it arrived",
    "sent": "sent, no answer yet",
    "acknowledged": "received by the provider",
    "in-force": "data kept",
    "open-ended": "data kept, without an end",
    "refused": "refused by the provider",
    "not-held": "no such account there",
    "lapsed": "LAPSED: nothing known to be kept",
    "produced": "produced",
    "released": "released",
    "erased": "erased: nothing more can be said of it",
}
"""State of a request to how it stands."""

UNHEARD = frozenset({"sent", "acknowledged"})
"""States of what left, and of which nobody has said that the data are kept."""

OUTCOMES: Mapping[str, str] = {
    "pending": "not yet answered",
    "preserved": "preserved",
    "not-found": "no such account",
    "refused": "refused",
    "released": "released",
}
"""Outcome of an item to what is said of it."""

STOPS: Mapping[str, str] = {
    "mla-received": "the requested State has the MLA request",
    "production-announced": "the production was announced",
    "petition-filed": "the petition was filed",
    "access-requested": "the access request was made",
}
"""What makes a hold open-ended."""


def instant(text: str) -> datetime:
    """An instant of a plan or record, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def day(value: date | str) -> str:
    """A day: ``21 Nov 2026``."""
    on = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def moment(value: datetime | str) -> str:
    """An instant to the minute: ``21 Nov 2026 08:53 UTC``."""
    at = instant(value) if isinstance(value, str) else value.astimezone(UTC)
    return f"{day(at.date())} {at:%H:%M} UTC"


def number(count: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 request``, ``3 requests``, ``12,000 events``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def lasting(span: timedelta) -> str:
    """A duration in its largest unit that says enough: ``40 min``, ``3 h``, ``2 d``. Rounded down."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return "a moment"
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60):,} d"


def until(at: datetime | str, now: datetime) -> str:
    """How far off an instant is: ``in 3 h``, ``overdue 2 d``, ``now``."""
    span = (instant(at) if isinstance(at, str) else at) - now
    if abs(span) < timedelta(minutes=1):
        return "now"
    return f"in {lasting(span)}" if span > timedelta() else f"overdue {lasting(-span)}"


def days_off(on: date | str, today: date) -> str:
    """How far off a day is: ``in 12 days``, ``today``, ``12 days ago``."""
    count = ((date.fromisoformat(on) if isinstance(on, str) else on) - today).days
    if not count:
        return "today"
    return f"in {number(count, 'day')}" if count > 0 else f"{number(-count, 'day')} ago"


def size(count: int) -> str:
    """A number of bytes."""
    return number(count, "byte")


def step(action: str, because: str) -> str:
    """What is next. Where only a person can send a request, that is it, and the telling is what comes of waiting."""
    from timeline.steps import BY_HAND  # only here: what `--help` loads reads these words too

    return _BY_HAND if because.startswith(BY_HAND) else ACTIONS.get(action, action)


def sentence(state: str, strict_on: date | None, stop: str | None) -> str:
    """How a request stands, in one sentence."""
    said = STATES.get(state, state)
    if stop and state == "open-ended":
        return f"{said}: {STOPS.get(stop, stop)}"
    if stop and state in UNHEARD:
        return f"{said}; would be held without an end: {STOPS.get(stop, stop)}"
    if strict_on and state == "in-force":
        return f"{said} until {day(strict_on)}"
    if strict_on and state in UNHEARD:
        return f"{said}; counts as held until {day(strict_on)}"
    return said
