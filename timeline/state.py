"""State from events: a pure fold.

`fold` never fails on a history the ledger accepted, whatever the order in which news arrives: a receipt
that comes late with another date moves every clock, and nothing is counted twice. What a `Hold` means is
in `timeline.hold`; this file says what each kind of event changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

from timeline import corrections, custody, questions, stops
from timeline.acts import Act, Escalated
from timeline.events import Event
from timeline.facts import Facts, begin, day, items_until, settle
from timeline.hold import KEPT, Hold, Item, Mla, State
from timeline.terms import Abilities, Terms

__all__ = ["Act", "Escalated", "Facts", "Hold", "Item", "Mla", "State", "begin", "fold", "fold_on"]


def fold(request: str, terms: Terms, events: Iterable[Event]) -> Hold:
    """The state that a history leaves. `events` oldest first; the first is ``registered``.

    Kinds that only inform (``note``) change nothing.

    Raises:
        ValueError: an empty history, or one that does not begin with ``registered``.
    """
    history = iter(events)
    if (first := next(history, None)) is None:
        raise ValueError(f"{request} has no history")
    return fold_on(begin(request, terms, first), history)


def fold_on(facts: Facts, events: Iterable[Event]) -> Hold:
    """The state after further events, which `facts` take in. The hold shares their tables: go on from a copy."""
    for event in events:
        if step := _STEPS.get(event.kind):
            step(facts, event)
    return corrections.hold_of(facts)


_Step = Callable[[Facts, Event], None]


def _act(facts: Facts, event: Event) -> Act:
    """The act an event speaks of; one that was never begun here is begun now: a person did it."""
    key = (event.body["action"], event.body["sequence"])
    return facts.acts.get(key) or Act(action=key[0], sequence=key[1], key="", attempt=0, began_at=event.at)


def _intent(facts: Facts, event: Event) -> None:
    act, body = _act(facts, event), event.body
    begun = act._replace(
        key=body["key"],
        attempt=body["attempt"],
        began_at=event.at,
        outcome="",
        outcome_at=None,
        route=body.get("route", ""),
        channel=body["channel"],
    )
    facts.acts[act.action, act.sequence] = begun
    _able(facts, body)


def _able(facts: Facts, body: Mapping[str, Any]) -> None:
    """Another channel than the first one can do other things by itself."""
    if "abilities" in body:
        can = Abilities(**{each.name: each.name in body["abilities"] for each in fields(Abilities)})
        facts.terms = replace(facts.terms, abilities=can)


def _sent(facts: Facts, event: Event) -> None:
    known = _act(facts, event)
    act = known._replace(outcome="sent", outcome_at=event.at, failures=0, failing_since=None)
    facts.acts[act.action, act.sequence] = act
    if act.action == "send":  # counted from the earliest instant at which it can have left
        facts.sent_at = min(facts.sent_at or event.at, event.at, known.began_at if known.open else event.at)
        facts.refused_at = None
        facts.channel = event.body["channel"] or facts.channel
        facts.route = event.body.get("route", "")
        _able(facts, event.body)
    elif act.action == "release":
        facts.released_at = facts.released_at or event.at


def _failed(outcome: str) -> _Step:
    """An attempt that led to nothing. What is known to have arrived is not undone by an attempt that failed.

    What was handed over and came back undelivered (`undelivered`) never arrived.
    """

    def step(facts: Facts, event: Event) -> None:
        act = _act(facts, event)
        if act.outcome == "sent" and event.body.get("undelivered"):
            _came_back(facts, act)
        elif act.outcome == "sent" and outcome != "refused":
            return
        failed = act._replace(
            outcome=outcome,
            outcome_at=event.at,
            failures=act.failures + 1,
            failing_since=act.failing_since or event.at,
            ground=event.body.get("ground", ""),
            retry_after=timedelta(seconds=event.body.get("retry_after_s", 0)),
        )
        facts.acts[act.action, act.sequence] = failed

    return step


def _came_back(facts: Facts, act: Act) -> None:
    """Nothing was sent after all, unless the provider has said that it has it."""
    if act.action == "send" and facts.acknowledged_at is None and facts.received_on is None:
        facts.sent_at = None
    elif act.action == "release":
        facts.released_at = None
    elif act.action == "announce":
        stops.taken_back(facts, "production-announced")
    elif act.action == "clarify" and facts.clarification is not None:
        questions.unanswered_again(facts)


def _absent(facts: Facts, event: Event) -> None:
    act = _act(facts, event)
    if act.outcome != "sent":
        facts.acts[act.action, act.sequence] = act._replace(outcome="absent", outcome_at=event.at)


def _refused(facts: Facts, event: Event) -> None:
    act = _act(facts, event)
    if act.action == "announce" or (act.action == "clarify" and act.outcome == "sent"):
        _came_back(facts, act)  # it had been taken for good: nobody should rely on it
    _failed("refused")(facts, event)
    if act.action == "send":
        facts.refused_at = event.at


def _arrived(facts: Facts, event: Event) -> None:
    """News from the provider: it has the request, which settles a sending whose outcome was not known."""
    act = settle(facts, "send", 1, event.at)
    if facts.sent_at is None and act is not None:
        facts.sent_at = act.began_at
    body, known = event.body, facts.references
    facts.references = tuple(dict.fromkeys((*known, *body.get("references", ()))))
    received_on = day(body.get("received_on"))
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


def _heard(facts: Facts, event: Event) -> None:
    _arrived(facts, event)
    if (until := day(event.body.get("held_until"))) is not None:
        stops.named_since(facts, until, facts.held_until.get(facts.granted), kept=False)
        facts.held_until[facts.granted] = until
    _each_item(facts, event)


def _each_item(facts: Facts, event: Event) -> None:
    """What is said of single items. One that is kept shows that the hold is in force."""
    for said in event.body.get("items", ()):
        item, outcome = facts.items.get(said["item"]), said["outcome"]
        if item is None:
            continue
        if outcome == "preserved":
            facts.in_force_at = facts.in_force_at or event.at
        elif outcome not in ("pending", item.outcome):
            facts.missing_at = event.at
        if (until := day(said.get("held_until"))) is not None:
            first = min(until, facts.kept_until or until)
            stops.named_since(facts, first, item.held_until, kept=outcome == "preserved")
        facts.items[item.id] = Item(
            id=item.id,
            type=item.type,
            outcome=outcome,
            reference=said.get("reference") or item.reference,
            held_until=until or item.held_until,
        )


def _in_force(facts: Facts, event: Event) -> None:
    """The provider keeps the data, and so takes back what it may have said of an end."""
    _arrived(facts, event)
    facts.in_force_at = facts.in_force_at or event.at
    facts.expired_at = None
    facts.polls_failed, facts.polls_failing_since = 0, None  # it was heard, whichever way it was asked


def _preserved(facts: Facts, event: Event) -> None:
    _in_force(facts, event)
    facts.held_from = day(event.body.get("held_from")) or facts.held_from
    until = day(event.body.get("held_until"))
    stops.named_since(facts, until, facts.held_until.get(facts.granted))
    corrections.extension_taken_back(facts, until)
    corrections.production_taken_back(facts, event)
    if until:
        facts.held_until[facts.granted] = until
    if not event.body.get("items"):
        _kept_after_all(facts)
        for item in [each for each in facts.items.values() if each.outcome == "pending"]:
            facts.items[item.id] = replace(item, outcome="preserved")
    _each_item(facts, event)


def _kept_after_all(facts: Facts) -> None:
    """The data are kept, and yet no item was: the provider has found what it had not; of several, some of it."""
    items = list(facts.items.values())
    if not any(each.outcome in KEPT for each in items):
        found = "pending" if len(items) > 1 else "preserved"
        facts.items.update((each.id, replace(each, outcome=found)) for each in items)


def _extended(facts: Facts, event: Event) -> None:
    _in_force(facts, event)
    number = event.body["sequence"]
    act = facts.acts.get(("extend", number))
    if act is not None and not act.unsent and act.outcome != "unsupported":  # else another way than ours led to it
        settle(facts, "extend", number, event.at)
    if number > facts.granted:  # else the same news again
        if (until := items_until(facts)) is not None:
            facts.held_until[facts.granted] = min(until, facts.held_until.get(facts.granted, until))
        for item in [each for each in facts.items.values() if each.held_until]:
            facts.items[item.id] = replace(item, held_until=None)
        facts.granted = number
    if number == facts.granted and (told := day(event.body.get("held_until"))):
        stops.named_since(facts, told, facts.held_until.get(number))
        facts.held_until[number] = told
    if not event.body.get("items"):
        _kept_after_all(facts)
    _each_item(facts, event)


def _released(facts: Facts, event: Event) -> None:
    settle(facts, "release", 1, event.at)
    facts.released_at = facts.released_at or event.at


def _expired(facts: Facts, event: Event) -> None:
    """The provider says that the hold is over: what we asked for, or a loss."""
    if facts.release_asked_at is not None or facts.produced_at is not None:
        _released(facts, event)
    else:
        facts.expired_at = facts.expired_at or event.at


def _polled(facts: Facts, event: Event) -> None:
    facts.polled_at, facts.polls_failed, facts.polls_failing_since = event.at, 0, None


def _poll_failed(facts: Facts, event: Event) -> None:
    facts.polled_at, facts.polls_failed = event.at, facts.polls_failed + 1
    facts.polls_failing_since = facts.polls_failing_since or event.at


def _message(facts: Facts, event: Event) -> None:
    facts.messages.setdefault(event.body["message"], event.at)


def _message_settled(facts: Facts, event: Event) -> None:
    facts.messages[event.body["message"]] = None


# What the unit and others did


def _validated(facts: Facts, event: Event) -> None:
    """One that came too late validates nothing: the order has to be withdrawn, and people go on being told so."""
    facts.validated = facts.validated or corrections.validated_late(corrections.hold_of(facts), event.at) is None


def _once(name: str) -> _Step:
    """Keep when it happened first."""

    def step(facts: Facts, event: Event) -> None:
        setattr(facts, name, getattr(facts, name) or event.at)

    return step


def _mla_sent(facts: Facts, event: Event) -> None:
    facts.mla = replace(facts.mla, sent_on=date.fromisoformat(event.body["on"]))


def _announce_asked(facts: Facts, event: Event) -> None:
    number = facts.announcing[0] + 1 if facts.announcing else 1
    facts.announcing = (number, event.at, date.fromisoformat(event.body["on"]))


# Telling


def _escalated(facts: Facts, event: Event) -> None:
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


def _escalation_acknowledged(facts: Facts, event: Event) -> None:
    about = event.body["about"]
    for told in list(facts.escalations.values()):
        if told.acknowledged_at is None and about in {told.about, "all"}:
            facts.escalations[told.about] = told._replace(acknowledged_at=event.at, answers=told.answers + 1)


def _lapsed(facts: Facts, event: Event) -> None:
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
    "message-received": _message,
    "message-settled": _message_settled,
    "announce-asked": _announce_asked,
    "validated": _validated,
    "produced": _once("produced_at"),
    "released": _released,
    "expired": _expired,
    "mla-sent": _mla_sent,
    "release-asked": _once("release_asked_at"),
    "escalated": _escalated,
    "escalation-acknowledged": _escalation_acknowledged,
    "lapsed": _lapsed,
    **custody.STEPS,
    **stops.STEPS,
    **questions.STEPS,
}
