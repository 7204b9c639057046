"""What is to be said to an addressee: an order, composed from the record and the sealed facts at the last moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from providers.interface import Action, Addressee, FollowUp, Item, Officer, Order
from timeline.state import Hold

if TYPE_CHECKING:
    from flows.office import Office
    from ledger.interface import Event


def compose(
    office: Office,
    hold: Hold,
    action: Action,
    sequence: int,
    *,
    key: str,
    facts: Mapping[str, Any],
    addressee: Addressee,
    until: date | None = None,
    because: str = "",
) -> Order:
    """The whole order. `until` is the last day asked for, `because` the reason in words for the addressee.

    `facts` are the request's own, unsealed.

    Raises:
        LedgerError: the case's key is gone, so that nothing about it can be said any more.
    """
    history = office.ledger.events(hold.request)
    earlier = facts.get("snapshot_of") or facts.get("follows") or ""
    produced = _last(history, "announce-asked")
    return Order(
        request=hold.request,
        action=action,
        sequence=sequence,
        key=key,
        made_at=office.now(),
        instrument=hold.terms.instrument.id,
        legal_basis=hold.terms.instrument.legal_basis,
        case_reference=facts["reference"],
        unit=facts["unit"],
        country=facts["country"],
        officer=Officer(**facts["officer"]),
        offence_title=facts["offence"]["title"],
        offence_provisions=tuple(facts["offence"]["provisions"]),
        offence_facts=facts["offence"]["facts"],
        items=tuple(_item(each) for each in facts["items"]),
        categories=hold.categories,
        period_from=hold.period_from,
        period_to=hold.period_to,
        confidential=hold.confidential,
        urgency=hold.urgency,
        references=hold.references,
        hold_until=until,
        held_until=hold.held_until.get(hold.granted),
        because=because,
        addressee=addressee,
        follow_up=_follow_up(hold, facts, history),
        sent_at=hold.sent_at,
        relation="new-snapshot" if facts.get("snapshot_of") else "further-provider" if facts.get("follows") else "",
        earlier=earlier,
        earlier_references=_references(office, earlier),
        necessity=facts.get("necessity") or "",
        custodian=facts.get("custodian") or "",
        validated_by=facts.get("validated_by") or "",
        emergency_reason=facts.get("emergency_reason") or "",
        partial_disclosure=bool(facts.get("partial_disclosure")),
        answer=_sealed_text(office, _last(history, "answer-asked")),
        question=_question(hold, action),
        production_on=_day(produced.get("on")),
        production_reference=str(produced.get("reference") or ""),
    )


def reason(office: Office, request: str) -> str:
    """Why the hold may end: in the words of the person who asked for it, else because it was produced."""
    return _sealed_text(office, _first(office.ledger.events(request), "release-asked")) or "the data were produced"


def _first(history: Sequence[Event], kind: str) -> Mapping[str, Any]:
    return next((event.body for event in history if event.kind == kind), {})


def _last(history: Sequence[Event], kind: str) -> Mapping[str, Any]:
    return _first(history[::-1], kind)


def _sealed_text(office: Office, body: Mapping[str, Any]) -> str:
    token = body.get("text")
    return str(json.loads(office.vault.unseal(str(token)))) if token else ""


def _item(each: Mapping[str, Any]) -> Item:
    return Item(
        id=each["item"],
        type=each["type"],
        value=each["value"],
        used_from=_instant(each.get("from")),
        used_to=_instant(each.get("to")),
        zone=each.get("zone", ""),
        port=each.get("port"),
        chain=each.get("chain") or "",
    )


def _follow_up(hold: Hold, facts: Mapping[str, Any], history: Sequence[Event]) -> FollowUp:
    """The MLA request as it stands now: what was entered since weighs more than what the case file said."""
    told = _last(history, "mla-received").get("reference") or _last(history, "mla-sent").get("reference")
    return FollowUp(
        requested_state=hold.mla.requested_state,
        planned_on=hold.mla.planned_on,
        sent_on=hold.mla.sent_on,
        received_on=hold.mla.received_on,
        reference=str(told or (facts.get("mla") or {}).get("reference") or ""),
    )


def _question(hold: Hold, action: Action) -> str:
    """The question that is answered now. To a provider that is asked how it stands: the last known."""
    if action is Action.CLARIFY:
        if hold.to_answer is not None:
            return hold.to_answer
        return min(hold.unanswered, key=lambda each: hold.unanswered[each][::-1], default="")
    return hold.questions[-1] if hold.questions else ""


def _references(office: Office, earlier: str) -> tuple[str, ...]:
    """The provider's references of an earlier request of ours; none where this ledger does not have it."""
    try:
        return office.hold(earlier).references if earlier else ()
    except LookupError:
        return ()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None
