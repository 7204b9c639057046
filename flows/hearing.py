"""What an answer says, as events: only what changes the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from ledger.interface import Json
from providers.interface import Action, Answer, ItemOutcome, State
from timeline.hold import KEPT
from timeline.state import Hold
from timeline.terms import by_law

News = list[tuple[str, Mapping[str, Json]]]

GONE = frozenset({State.EXPIRED, State.RELEASED, State.NOT_HELD})
"""What a provider says when it keeps nothing, or nothing any more."""


def read(hold: Hold, action: Action, sequence: int, answer: Answer) -> News:
    """The news in an answer, as events: only what changes the record."""
    if answer.state is State.SENT:
        return []  # handed over, and nothing heard: `sent` says it all
    news: News = []
    if answer.question and answer.question not in hold.questions:
        asked = {"asked_at": answer.question_at.isoformat()} if answer.question_at else {}
        news.append(("clarification", {"question": answer.question} | asked))
    moved = answer.held_until is not None and shows_extension(hold, answer.held_until)
    pending = hold.act("extend", hold.granted + 1)
    extending = action is Action.EXTEND or (pending is not None and pending.outcome in {"sent", "unknown"})
    extended = extending and moved and answer.state not in GONE
    items = _item_news(hold, answer, anew=extended)
    fresh = [each for each in answer.references if each not in hold.references]
    receipt: dict[str, Json] = {"references": list[Json](fresh)}
    if answer.received_on:
        receipt["received_on"] = answer.received_on.isoformat()
    sooner = not extended and answer.state not in GONE | {State.IN_FORCE} and _ends_sooner(hold, answer.held_until)
    if sooner:  # it does not say yet that it keeps the data, but that it will not for longer
        receipt = _dated(receipt, held_until=answer.held_until)
    received = answer.received_on is not None and answer.received_on != hold.received_on
    if hold.acknowledged_at is None or fresh or received or sooner:
        news.append(("acknowledged", receipt))
    if answer.state in GONE and action is not Action.RELEASE:
        if items:
            news.append(("items", {"items": items}))
        elif answer.state is State.NOT_HELD and hold.in_force_at is None:
            missing: list[Json] = [{"item": each.id, "outcome": "not-found"} for each in hold.items]
            news.append(("items", {"items": missing}))
        known = hold.in_force_at is not None or answer.state is not State.NOT_HELD
        if known and hold.expired_at is None:
            news.append(("expired", {"state": str(answer.state)}))
        return news
    if extended:
        number = sequence if action is Action.EXTEND else hold.granted + 1
        news.append(("extended", _dated({"sequence": number, "items": items}, held_until=answer.held_until)))
        return news
    begins = hold.in_force_at is None or hold.expired_at is not None  # or goes on after all
    if answer.state is State.IN_FORCE and (begins or _earlier(hold, answer) or items):
        body: dict[str, Json] = {"items": items} if items else {}
        news.append(("preserved", _dated(body, held_from=answer.held_from, held_until=answer.held_until)))
    elif items:
        news.append(("items", {"items": items}))
    return news


def shows_extension(hold: Hold, until: date) -> bool:
    """Whether only an extension explains that last day, though more was asked for than is relied upon.

    Before the provider named any end, a day as far off as the law's own may be the first request's.
    """
    if hold.told_until(hold.granted) is None and not replace(hold, terms=by_law(hold.terms)).shows_extension(until):
        return False
    return hold.shows_extension(until)


def _ends_sooner(hold: Hold, until: date | None) -> bool:
    """Whether that last day is news, and an earlier one than what is counted on."""
    if until is None or until == hold.held_until.get(hold.granted):
        return False
    ends = hold.expiry_after(hold.granted)  # also where a stop event takes that away
    return ends is None or until < ends.strict_on


def _earlier(hold: Hold, answer: Answer) -> bool:
    """Whether the provider now names another last day than it did."""
    return answer.held_until is not None and answer.held_until != hold.held_until.get(hold.granted)


def _dated(body: dict[str, Json], **days: date | None) -> dict[str, Json]:
    return body | {name: day.isoformat() for name, day in days.items() if day}


def _item_news(hold: Hold, answer: Answer, *, anew: bool) -> list[Json]:
    """What is said of single items, where it changes the record. `anew`: what ends they had count no more."""
    known = {item.id: item for item in hold.items}
    changed: list[Json] = []
    for each in answer.items:
        item = known.get(each.id)
        if item is None:
            continue
        outcome = str(each.outcome)
        if each.outcome is ItemOutcome.PENDING:  # that takes nothing back; it may name an end
            if item.outcome not in KEPT or not _ends_sooner(hold, each.held_until):
                continue
            outcome = item.outcome
        ends = each.held_until is not None and (anew or item.held_until != each.held_until)
        if ends or item.outcome != outcome or (each.reference and each.reference != item.reference):
            entry = _dated({"item": each.id, "outcome": outcome}, held_until=each.held_until)
            changed.append(entry | ({"reference": each.reference} if each.reference else {}))
    return changed
