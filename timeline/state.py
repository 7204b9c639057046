"""State from events: a pure fold.

`fold` never fails on a history the ledger accepted, whatever the order in which news arrives: a receipt
that comes late with another date moves every clock, and nothing is counted twice. What a `Hold` means is
in `timeline.hold`; this file says what each kind of event changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from timeline.events import Event
from timeline.hold import Act, Escalated, Hold, Item, Mla, State
from timeline.terms import Terms

__all__ = ["Act", "Escalated", "Hold", "Item", "Mla", "State", "fold"]


def fold(request: str, terms: Terms, events: Iterable[Event]) -> Hold:
    """The state that a history leaves. `events` oldest first; the first is ``registered``.

    Kinds that only inform (``note``) change nothing.

    Raises:
        ValueError: an empty history, or one that does not begin with ``registered``.
    """
    history = iter(events)
    first = next(history, None)
    if first is None:
        raise ValueError(f"{request} has no history")
    facts = _begin(request, terms, first)
    for event in history:
        step = _STEPS.get(event.kind)
        if step is not None:
            step(facts, event)
    same = {name: getattr(facts, name) for name in _SAME}
    return Hold(**same, items=tuple(facts.items.values()), items_until=_items_until(facts))


@dataclass(kw_only=True, slots=True)
class _Facts:
    """A hold while its history is read; never handed out. The fields are those of `Hold`, items by id."""

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
    clarification: tuple[int, datetime, bool] | None = None
    validated: bool = False
    polled_at: datetime | None = None
    polls_failed: int = 0
    polls_failing_since: datetime | None = None
    release_asked_at: datetime | None = None
    produced_at: datetime | None = None
    released_at: datetime | None = None
    refused_at: datetime | None = None
    lapsed_at: datetime | None = None
    lapsed_on: date | None = None
    expired_at: datetime | None = None


_SAME = tuple(each.name for each in fields(_Facts) if each.name != "items")
_Step = Callable[[_Facts, Event], None]


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def _begin(request: str, terms: Terms, event: Event) -> _Facts:
    if event.kind != "registered":
        raise ValueError(f"the history of {request} begins with {event.kind}, not with registered")
    body, mla = event.body, event.body["mla"]
    facts = _Facts(
        request=request,
        terms=terms,
        registered_at=event.at,
        categories=tuple(body["categories"]),
        period_from=_instant(body["from"]),
        period_to=_instant(body["to"]),
        urgency=body["urgency"],
        confidential=body["confidential"],
        items={each["item"]: Item(id=each["item"], type=each["type"]) for each in body["items"]},
        mla=Mla(
            requested_state=mla.get("requested_state", ""),
            planned_on=_day(mla.get("send_on")),
            sent_on=_day(mla.get("sent_on")),
            received_on=_day(mla.get("received_on")),
        ),
    )
    if facts.mla.received_on is not None:
        _stopped(facts, "mla-received", facts.mla.received_on)
    return facts


# What we did at the provider


def _act(facts: _Facts, event: Event) -> Act:
    """The act an event speaks of; one that was never begun here is begun now: a person did it."""
    key = (event.body["action"], event.body["sequence"])
    return facts.acts.get(key) or Act(action=key[0], sequence=key[1], key="", attempt=0, began_at=event.at)


def _settle(facts: _Facts, action: str, sequence: int, at: datetime) -> Act | None:
    """News shows that an act took effect, whatever was known of it before."""
    act = facts.acts.get((action, sequence))
    if act is not None and act.outcome != "sent":
        act = replace(act, outcome="sent", outcome_at=at, failures=0, failing_since=None)
        facts.acts[act.action, act.sequence] = act
    return act


def _intent(facts: _Facts, event: Event) -> None:
    act, body = _act(facts, event), event.body
    begun = replace(act, key=body["key"], attempt=body["attempt"], began_at=event.at, outcome="", outcome_at=None)
    facts.acts[act.action, act.sequence] = begun


def _sent(facts: _Facts, event: Event) -> None:
    act = replace(_act(facts, event), outcome="sent", outcome_at=event.at, failures=0, failing_since=None)
    facts.acts[act.action, act.sequence] = act
    if act.action == "send":
        facts.sent_at = min(facts.sent_at, event.at) if facts.sent_at else event.at
        facts.refused_at = None
    elif act.action == "release":
        facts.released_at = facts.released_at or event.at


def _failed(outcome: str) -> _Step:
    """An attempt that led to nothing. What is known to have arrived is not undone by an attempt that failed."""

    def step(facts: _Facts, event: Event) -> None:
        act = _act(facts, event)
        if act.outcome == "sent" and outcome != "refused":
            return
        failed = replace(
            act,
            outcome=outcome,
            outcome_at=event.at,
            failures=act.failures + 1,
            failing_since=act.failing_since or event.at,
            ground=event.body.get("ground", ""),
            retry_after=timedelta(seconds=event.body.get("retry_after_s", 0)),
        )
        facts.acts[act.action, act.sequence] = failed

    return step


def _absent(facts: _Facts, event: Event) -> None:
    act = _act(facts, event)
    if act.outcome != "sent":
        facts.acts[act.action, act.sequence] = replace(act, outcome="absent", outcome_at=event.at)


def _refused(facts: _Facts, event: Event) -> None:
    _failed("refused")(facts, event)
    if event.body["action"] == "send":
        facts.refused_at = event.at


# What the provider said


def _arrived(facts: _Facts, event: Event) -> None:
    """News from the provider: it has the request, which settles a sending whose outcome was not known."""
    act = _settle(facts, "send", 1, event.at)
    if facts.sent_at is None and act is not None:
        facts.sent_at = act.began_at
    body, known = event.body, facts.references
    facts.references = tuple(dict.fromkeys((*known, *body.get("references", ()))))
    received_on = _day(body.get("received_on"))
    if received_on is not None:
        # A further reference is another part of a request that was split: its first receipt counts. The same
        # news again is a correction.
        split = bool(known) and len(facts.references) > len(known) and facts.received_on is not None
        facts.received_on = min(received_on, facts.received_on or received_on) if split else received_on
    elif facts.sent_at is None and facts.received_on is None:
        # A hold that was never sent from here and was received on a day nobody knows: count from now.
        facts.sent_at = event.at
    facts.acknowledged_at = facts.acknowledged_at or event.at
    facts.refused_at = None


def _heard(facts: _Facts, event: Event) -> None:
    _arrived(facts, event)
    _each_item(facts, event)


def _each_item(facts: _Facts, event: Event) -> None:
    """What is said of single items. One that is kept shows that the hold is in force."""
    for said in event.body.get("items", ()):
        item, outcome = facts.items.get(said["item"]), said["outcome"]
        if item is None:
            continue
        if outcome == "preserved":
            facts.in_force_at = facts.in_force_at or event.at
        elif outcome not in ("pending", item.outcome):
            facts.missing_at = event.at
        facts.items[item.id] = Item(
            id=item.id,
            type=item.type,
            outcome=outcome,
            reference=said.get("reference") or item.reference,
            held_until=_day(said.get("held_until")) or item.held_until,
        )


def _items_until(facts: _Facts) -> date | None:
    """The first of the preserved items' own last days."""
    untils = [each.held_until for each in facts.items.values() if each.held_until and each.outcome == "preserved"]
    return min(untils, default=None)


def _in_force(facts: _Facts, event: Event) -> None:
    """The provider keeps the data, and so takes back what it may have said of an end."""
    _arrived(facts, event)
    facts.in_force_at = facts.in_force_at or event.at
    facts.expired_at = None


def _preserved(facts: _Facts, event: Event) -> None:
    _in_force(facts, event)
    facts.held_from = _day(event.body.get("held_from")) or facts.held_from
    if until := _day(event.body.get("held_until")):
        facts.held_until[facts.granted] = until
    if not event.body.get("items"):
        for item in [each for each in facts.items.values() if each.outcome == "pending"]:
            facts.items[item.id] = replace(item, outcome="preserved")
    _each_item(facts, event)


def _extended(facts: _Facts, event: Event) -> None:
    _in_force(facts, event)
    number = event.body["sequence"]
    _settle(facts, "extend", number, event.at)
    if number > facts.granted:  # else the same news again
        if (until := _items_until(facts)) is not None:
            facts.held_until[facts.granted] = min(until, facts.held_until.get(facts.granted, until))
        for item in [each for each in facts.items.values() if each.held_until]:
            facts.items[item.id] = replace(item, held_until=None)
        facts.granted = number
    if number == facts.granted and (told := _day(event.body.get("held_until"))):
        facts.held_until[number] = told
    _each_item(facts, event)


def _clarification(facts: _Facts, event: Event) -> None:
    """A question asked again while the first is open starts no new clock."""
    if facts.clarification is None or facts.clarification[2]:
        facts.clarification = (event.seq, event.at, False)


def _answered(facts: _Facts, event: Event) -> None:
    if facts.clarification is not None:
        facts.clarification = (*facts.clarification[:2], True)


def _released(facts: _Facts, event: Event) -> None:
    _settle(facts, "release", 1, event.at)
    facts.released_at = facts.released_at or event.at


def _expired(facts: _Facts, event: Event) -> None:
    """The provider says that the hold is over: what we asked for, or a loss."""
    if facts.release_asked_at is not None or facts.produced_at is not None:
        _released(facts, event)
    else:
        facts.expired_at = facts.expired_at or event.at


def _polled(facts: _Facts, event: Event) -> None:
    facts.polled_at, facts.polls_failed, facts.polls_failing_since = event.at, 0, None


def _poll_failed(facts: _Facts, event: Event) -> None:
    facts.polled_at, facts.polls_failed = event.at, facts.polls_failed + 1
    facts.polls_failing_since = facts.polls_failing_since or event.at


# What the unit and others did


def _validated(facts: _Facts, _: Event) -> None:
    facts.validated = True


def _once(name: str) -> _Step:
    """Keep when it happened first."""

    def step(facts: _Facts, event: Event) -> None:
        setattr(facts, name, getattr(facts, name) or event.at)

    return step


def _mla_sent(facts: _Facts, event: Event) -> None:
    facts.mla = replace(facts.mla, sent_on=date.fromisoformat(event.body["on"]))


def _stopped(facts: _Facts, kind: str, on: date) -> None:
    if any(each.kind == kind for each in facts.terms.instrument.stop_events):
        facts.stops[kind] = on


def _stop(facts: _Facts, event: Event) -> None:
    on = date.fromisoformat(event.body["on"])
    if event.kind == "mla-received":
        facts.mla = replace(facts.mla, received_on=on)
    _stopped(facts, event.kind, on)


# Telling


def _escalated(facts: _Facts, event: Event) -> None:
    about, level = event.body["about"], event.body["level"]
    before = facts.escalations.get(about)
    again = before is not None and before.acknowledged_at is None and before.level == level
    facts.escalations[about] = Escalated(
        about=about,
        level=level,
        at=event.at,
        delivered=event.body["delivered"],
        repeats=before.repeats + 1 if before and again else 0,
        answers=before.answers if before else 0,
    )


def _escalation_acknowledged(facts: _Facts, event: Event) -> None:
    about = event.body["about"]
    for told in list(facts.escalations.values()):
        if told.acknowledged_at is None and about in {told.about, "all"}:
            facts.escalations[told.about] = replace(told, acknowledged_at=event.at, answers=told.answers + 1)


def _lapsed(facts: _Facts, event: Event) -> None:
    facts.lapsed_at = event.at
    if facts.expired_at is None:  # else it is the provider's word that ended it, and not the day
        facts.lapsed_on = date.fromisoformat(event.body["strict_on"])


_STEPS: Mapping[str, _Step] = {
    "intent": _intent,
    "sent": _sent,
    "unavailable": _failed("unavailable"),
    "outcome-unknown": _failed("unknown"),
    "unsupported": _failed("unsupported"),
    "absent": _absent,
    "refused": _refused,
    "polled": _polled,
    "poll-failed": _poll_failed,
    "acknowledged": _heard,
    "preserved": _preserved,
    "items": _heard,
    "extended": _extended,
    "clarification": _clarification,
    "clarification-answered": _answered,
    "validated": _validated,
    "produced": _once("produced_at"),
    "released": _released,
    "expired": _expired,
    "mla-sent": _mla_sent,
    "mla-received": _stop,
    "production-announced": _stop,
    "access-requested": _stop,
    "petition-filed": _stop,
    "release-asked": _once("release_asked_at"),
    "escalated": _escalated,
    "escalation-acknowledged": _escalation_acknowledged,
    "lapsed": _lapsed,
}
