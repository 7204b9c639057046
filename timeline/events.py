"""What can happen to a request: the kinds of event, and what each one says.

The ledger keeps events; `timeline.state` folds them. An event's body is flat JSON without any identifier:
free text and bytes are sealed, and the body carries the seal's token. `check` refuses a body that the fold
could not read, so that a bad entry is told to the person who makes it and not to the next sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

TEXT, DAY, WHOLE, FLAG, LIST, TABLE = "text", "day", "whole number", "true or false", "list", "table"

KINDS: Mapping[str, Mapping[str, str]] = {
    # intake
    "registered": {"case": TEXT, "provider": TEXT, "instrument": TEXT, "country": TEXT, "terms": TEXT,
                   "sealed": TEXT, "items": LIST, "categories": LIST, "from": TEXT, "to": TEXT,
                   "urgency": TEXT, "confidential": FLAG, "mla": TABLE},
    # acting on the provider: intent before the effect, outcome after
    "intent": {"action": TEXT, "sequence": WHOLE, "attempt": WHOLE, "key": TEXT, "channel": TEXT, "because": TEXT},
    "sent": {"action": TEXT, "sequence": WHOLE, "channel": TEXT},
    "unavailable": {"action": TEXT, "sequence": WHOLE, "reason": TEXT},
    "outcome-unknown": {"action": TEXT, "sequence": WHOLE, "reason": TEXT},
    "absent": {"action": TEXT, "sequence": WHOLE},
    "refused": {"action": TEXT, "sequence": WHOLE, "ground": TEXT},
    "unsupported": {"action": TEXT, "sequence": WHOLE, "reason": TEXT},
    "polled": {"state": TEXT},
    "poll-failed": {"reason": TEXT},
    # what came in by itself: kept whole, and a person's matter until it is settled
    "message-received": {"message": TEXT, "channel": TEXT},
    "message-settled": {"message": TEXT, "as": TEXT},
    # what the provider said, by itself or through a person
    "acknowledged": {"references": LIST},
    "preserved": {},
    "items": {"items": LIST},
    "extended": {"sequence": WHOLE},
    "clarification": {},
    "produced": {},
    "released": {},
    "expired": {},
    # what the unit and others did
    "clarification-answered": {},
    "validated": {},
    "mla-sent": {"on": DAY},
    "mla-received": {"on": DAY},
    "production-announced": {"on": DAY},
    "access-requested": {"on": DAY},
    "petition-filed": {"on": DAY},
    "stop-ended": {"on": DAY},
    "release-asked": {},
    "extend-asked": {"sequence": WHOLE},
    "announce-asked": {"on": DAY},
    "answer-asked": {},
    "note": {},
    # a case that an officer prepared, and that somebody lets go
    "drafted": {"draft": TEXT, "user": TEXT},
    "go-ahead": {"user": TEXT},
    # a second person, reading what is sealed, and destroying it
    "approval-asked": {"about": TEXT, "user": TEXT},
    "approved": {"about": TEXT, "user": TEXT},
    "rejected": {"about": TEXT, "user": TEXT},
    "opened": {"what": TEXT},
    "erased": {"because": TEXT},
    # the clocks
    "escalated": {"about": TEXT, "level": WHOLE, "who": TEXT, "because": TEXT, "delivered": FLAG},
    "escalation-acknowledged": {"about": TEXT},
    "lapsed": {"strict_on": DAY},
}  # fmt: skip
"""Kind to the fields that must be there. Others may be."""


def _is(kind: str, value: Any) -> bool:
    if kind is TEXT:
        return isinstance(value, str)
    if kind is WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is FLAG:
        return isinstance(value, bool)
    if kind is LIST:
        return isinstance(value, Sequence) and not isinstance(value, str)
    if kind is TABLE:
        return isinstance(value, Mapping)
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def check(kind: str, body: Mapping[str, Any]) -> None:
    """Refuse an event that the fold could not read.

    Raises:
        ValueError: an unknown kind, a missing field, or one of the wrong type; says which.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown event kind {kind!r}; one of {', '.join(KINDS)}")
    for name, wanted in KINDS[kind].items():
        if name not in body:
            raise ValueError(f"{kind}: {name} is missing")
        if not _is(wanted, body[name]):
            raise ValueError(f"{kind}: {name}: expected a {wanted}, found {body[name]!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that happened to one request. `at` is when it happened, `recorded_at` when it was entered."""

    seq: int
    kind: str
    at: datetime
    recorded_at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("at", "recorded_at"):
            moment = getattr(self, name)
            if moment.tzinfo is not UTC and moment.utcoffset() != UTC.utcoffset(None):
                raise ValueError(f"{self.kind}: {name}: expected an instant in UTC, found {moment!r}")
