"""What a history has said so far: a hold's fields while its events are read one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any

from timeline.acts import Act, Escalated
from timeline.events import Event
from timeline.hold import KEPT, Item, Mla
from timeline.terms import Terms


@dataclass(kw_only=True)
class Facts:
    """A hold while its history is read; never handed out. The fields are those of `Hold`, items by id.

    Without slots: it is copied, and made into a hold, with every event.
    """

    request: str
    terms: Terms
    registered_at: datetime
    categories: tuple[str, ...]
    period_from: datetime | None
    period_to: datetime | None
    urgency: str
    confidential: bool
    items: dict[str, Item]
    mla: Mla
    acts: dict[tuple[str, int], Act] = field(default_factory=dict)
    escalations: dict[str, Escalated] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    received_on: date | None = None
    acknowledged_at: datetime | None = None
    in_force_at: datetime | None = None
    held_from: date | None = None
    held_until: dict[int, date] = field(default_factory=dict)
    granted: int = 0
    missing_at: datetime | None = None
    stops: dict[str, date] = field(default_factory=dict)
    kept_until: date | None = None
    confirmed_since_stop: bool = False
    clarification: tuple[int, datetime, bool] | None = None
    questions: tuple[str, ...] = ()
    unanswered: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    answering: tuple[int, datetime, str, int, datetime] | None = None
    announcing: tuple[int, datetime, date] | None = None
    messages: dict[str, datetime | None] = field(default_factory=dict)
    channel: str = ""
    route: str = ""
    validated: bool = False
    polled_at: datetime | None = None
    polls_failed: int = 0
    polls_failing_since: datetime | None = None
    release_asked_at: datetime | None = None
    extend_asked: tuple[int, datetime] | None = None
    produced_at: datetime | None = None
    released_at: datetime | None = None
    refused_at: datetime | None = None
    lapsed_at: datetime | None = None
    lapsed_on: date | None = None
    expired_at: datetime | None = None
    waiting: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    erased_at: datetime | None = None
    drafted_at: datetime | None = None
    go_ahead_at: datetime | None = None
    made_on: date | None = None

    def copy(self) -> Facts:
        """The same facts, to be read on without these being changed."""
        return Facts(**vars(self) | {name: dict(getattr(self, name)) for name in _TABLES})


_TABLES = ("items", *(each.name for each in fields(Facts) if each.default_factory is dict))


def day(value: Any) -> date | None:
    """A day of an event's body; None where it is empty."""
    return date.fromisoformat(value) if value else None


def instant(value: Any) -> datetime | None:
    """An instant of an event's body, in UTC; None where it is empty."""
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def begin(request: str, terms: Terms, event: Event) -> Facts:
    """What the first event says. `ValueError` for one that is not ``registered``."""
    if event.kind != "registered":
        raise ValueError(f"the history of {request} begins with {event.kind}, not with registered")
    body, mla = event.body, event.body["mla"]
    facts = Facts(
        request=request,
        terms=terms,
        registered_at=event.at,
        categories=tuple(body["categories"]),
        period_from=instant(body["from"]),
        period_to=instant(body["to"]),
        urgency=body["urgency"],
        confidential=body["confidential"],
        items={each["item"]: Item(id=each["item"], type=each["type"]) for each in body["items"]},
        mla=Mla(
            requested_state=mla.get("requested_state", ""),
            planned_on=day(mla.get("send_on")),
            sent_on=day(mla.get("sent_on")),
            received_on=day(mla.get("received_on")),
        ),
        made_on=day(body.get("made_on")),
    )
    if facts.mla.received_on is not None:
        stopped(facts, "mla-received", facts.mla.received_on)
    return facts


def items_until(facts: Facts) -> date | None:
    """The first of the items' own last days: of those that are kept, or may be."""
    untils = [each.held_until for each in facts.items.values() if each.held_until and each.outcome in KEPT]
    return min(untils, default=None)


def stopped(facts: Facts, kind: str, on: date) -> None:
    """Keep the day of a stop event that the instrument knows."""
    if any(each.kind == kind for each in facts.terms.instrument.stop_events):
        facts.stops[kind] = on
        facts.kept_until, facts.confirmed_since_stop = None, False


def settle(facts: Facts, action: str, sequence: int, at: datetime) -> Act | None:
    """News shows that an act took effect, whatever was known of it before."""
    act = facts.acts.get((action, sequence))
    if act is not None and act.outcome != "sent":
        act = act._replace(outcome="sent", outcome_at=at, failures=0, failing_since=None)
        facts.acts[act.action, act.sequence] = act
    return act
