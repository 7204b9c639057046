"""State from events: a pure fold, and what it says of the hold.

`fold` never fails on a history the ledger accepted, whatever the order in which news arrives: a receipt
that comes late with another date moves every clock, and nothing is counted twice. Dates are not stored in
the state but computed from the facts it keeps, so that correcting a fact corrects them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from timeline.days import Expiry, day_in, end_of, extended, first_expiry, told_until
from timeline.events import Event
from timeline.rules import PeriodKind, Start
from timeline.terms import Terms


class State(StrEnum):
    """How a request stands. Sent, acknowledged and in force are three different things."""

    REGISTERED = "registered"  # entered here, not sent
    UNKNOWN = "unknown"  # it may or may not have arrived
    SENT = "sent"  # it left, and was accepted for delivery
    ACKNOWLEDGED = "acknowledged"  # the provider says that it has it
    IN_FORCE = "in-force"  # the provider says that it keeps the data
    OPEN_ENDED = "open-ended"  # a stop event: no expiry any more
    REFUSED = "refused"
    NOT_HELD = "not-held"  # no item exists at the provider
    LAPSED = "lapsed"
    PRODUCED = "produced"
    RELEASED = "released"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One identifier and what became of it: pending, preserved, not-found, refused or released."""

    id: str
    type: str
    outcome: str = "pending"
    reference: str = ""
    held_until: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One thing we do at the provider, once: (action, sequence). Retries are attempts of the same act.

    `outcome` is "" while an intent has none (in flight, or cut off by a crash); "sent", "unavailable",
    "unknown", "absent" (asked for: not there), "refused" or "unsupported" after.
    """

    action: str
    sequence: int
    key: str
    attempt: int
    began_at: datetime
    outcome: str = ""
    outcome_at: datetime | None = None
    failures: int = 0  # in a row, for the back-off
    ground: str = ""
    retry_after: timedelta = timedelta()  # asked for by the provider

    @property
    def open(self) -> bool:
        """Whether it must be found out what became of it before anything is sent again."""
        return self.outcome in {"", "unknown"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalated:
    """The last escalation about one thing. `level` counts from 1."""

    about: str
    level: int
    at: datetime
    delivered: bool
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mla:
    """Where the MLA request stands. Days at the requesting State; None: not known."""

    requested_state: str = ""
    planned_on: date | None = None
    sent_on: date | None = None
    received_on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A request as its history leaves it: facts only; every date is computed from them.

    `news` is when each kind of event came last, `told_expired` that the provider says the hold is over.
    """

    request: str
    terms: Terms
    registered_at: datetime
    categories: tuple[str, ...]
    period_from: datetime | None
    period_to: datetime | None
    urgency: str
    confidential: bool
    items: tuple[Item, ...]
    mla: Mla
    acts: Mapping[tuple[str, int], Act] = field(default_factory=dict)
    escalations: Mapping[str, Escalated] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    received_on: date | None = None
    acknowledged_at: datetime | None = None
    in_force_at: datetime | None = None
    held_from: date | None = None
    held_until: Mapping[int, date] = field(default_factory=dict)  # by extensions granted when it was said
    granted: int = 0  # extensions confirmed
    stop: tuple[str, date] | None = None
    asked_at: Mapping[str, datetime] = field(default_factory=dict)
    clarification: tuple[int, datetime, bool] | None = None  # seq, came at, answered
    validated: bool = False
    polled_at: datetime | None = None
    polls_failed: int = 0
    polls_unanswered: int = 0
    release_asked_at: datetime | None = None
    produced_at: datetime | None = None
    released_at: datetime | None = None
    refused_at: datetime | None = None
    lapsed_at: datetime | None = None
    expired_at: datetime | None = None

    # What the facts mean

    def act(self, action: str, sequence: int = 1) -> Act | None:
        """The act of that action and sequence, if it was ever begun."""
        return self.acts.get((action, sequence))

    @property
    def open_act(self) -> Act | None:
        """The oldest act whose outcome is not known."""
        return min((each for each in self.acts.values() if each.open), key=lambda each: each.began_at, default=None)

    @property
    def not_held(self) -> bool:
        """Whether every single item is known not to be there."""
        return bool(self.items) and all(each.outcome == "not-found" for each in self.items)

    @property
    def state(self) -> State:
        """The one word for how it stands; what ends it weighs most."""
        endings = (
            (self.released_at, State.RELEASED),
            (self.produced_at, State.PRODUCED),
        )
        for at, ending in endings:
            if at is not None:
                return ending
        if self.stop is not None:
            return State.OPEN_ENDED
        if self.lapsed_at is not None:
            return State.LAPSED
        if self.refused_at is not None:
            return State.REFUSED
        if self.not_held:
            return State.NOT_HELD
        if self.in_force_at is not None:
            return State.IN_FORCE
        if self.acknowledged_at is not None:
            return State.ACKNOWLEDGED
        sending = self.act("send")
        if self.sent_at is not None:
            return State.SENT
        if sending is not None and sending.open:
            return State.UNKNOWN
        return State.REGISTERED

    @property
    def ended(self) -> bool:
        """Whether nothing is kept any more, or nothing ever was: only people's work is left."""
        return self.state in {
            State.RELEASED,
            State.PRODUCED,
            State.LAPSED,
            State.REFUSED,
            State.NOT_HELD,
        }

    @property
    def strict_start(self) -> date | None:
        """The earlier of the day of sending and the day of receipt, at the provider."""
        zone = self.terms.provider.zone
        days = [day for day in (self.received_on, self.sent_at and day_in(self.sent_at, zone)) if day]
        return min(days, default=None)

    @property
    def legal_start(self) -> tuple[date, str] | None:
        """The day the instrument counts from and what happened on it; the sending until a receipt says otherwise."""
        strict = self.strict_start
        if strict is None:
            return None
        rule = self.terms.instrument.start
        if rule is Start.PRESERVATION_EFFECTED and self.held_from is not None:
            return self.held_from, "preserved"
        if rule is Start.RECEIPT or rule is Start.PRESERVATION_EFFECTED:
            if self.received_on is not None:
                return self.received_on, "received"
        elif rule is Start.EARLIER_OF_SENDING_AND_RECEIPT and self.received_on == strict:
            return strict, "received"
        if self.sent_at is None:
            return strict, "received"
        return day_in(self.sent_at, self.terms.provider.zone), "sent"

    def expiry_after(self, extensions: int) -> Expiry | None:
        """When the hold ends after so many extensions. None: not sent, or the law gives no period."""
        start, legal, first = self.strict_start, self.legal_start, self.terms.first
        if start is None or legal is None or first is None:
            return None
        rules, holidays = self.terms.instrument, self.terms.holidays
        prolong = rules.kind is PeriodKind.GUARANTEED_MIN
        expiry = first_expiry(
            first,
            rules.counting,
            strict_start=start,
            legal_start=legal[0],
            started=legal[1],
            holidays=holidays,
        )
        for number in range(extensions + 1):
            if number:
                expiry = extended(expiry, self.extension_period(number), rules.counting, holidays)
            if number in self.held_until:
                expiry = told_until(expiry, self.held_until[number], may_prolong=prolong)
        return expiry

    def extension_period(self, number: int) -> Any:
        """The length of the extension with that number, from 1; beyond what may be relied upon, the law's."""
        relied = self.terms.extensions
        if number <= len(relied):
            return relied[number - 1]
        return self.terms.instrument.extensions[-1].period

    @property
    def expiry(self) -> Expiry | None:
        """When the hold ends with what is confirmed now. None: not sent, no period, or open-ended."""
        if self.stop is not None:
            return None
        return self.expiry_after(self.granted)

    @property
    def strict_at(self) -> datetime | None:
        """The instant at which the last strict day is over at the provider."""
        expiry = self.expiry
        return end_of(expiry.strict_on, self.terms.provider.zone) if expiry else None

    @property
    def extensions_left(self) -> int:
        """How many more extensions may be relied upon."""
        refused = any(act.action == "extend" and act.outcome == "refused" for act in self.acts.values())
        return 0 if refused else max(0, len(self.terms.extensions) - self.granted)

    @property
    def chain(self) -> tuple[Expiry, ...]:
        """Expiries of the first period and every extension confirmed or to be relied upon, in order."""
        links = (self.expiry_after(number) for number in range(self.granted + self.extensions_left + 1))
        return tuple(link for link in links if link is not None)


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def begin(request: str, terms: Terms, event: Event) -> Hold:
    """The state after registration.

    Raises:
        ValueError: the event is not ``registered``.
    """
    if event.kind != "registered":
        raise ValueError(f"the history of {request} begins with {event.kind}, not with registered")
    body, mla = event.body, event.body["mla"]
    return Hold(
        request=request,
        terms=terms,
        registered_at=event.at,
        categories=tuple(body["categories"]),
        period_from=_instant(body["from"]),
        period_to=_instant(body["to"]),
        urgency=body["urgency"],
        confidential=body["confidential"],
        items=tuple(Item(id=each["item"], type=each["type"]) for each in body["items"]),
        mla=Mla(
            requested_state=mla.get("requested_state", ""),
            planned_on=_day(mla.get("send_on")),
            sent_on=_day(mla.get("sent_on")),
            received_on=_day(mla.get("received_on")),
        ),
    )


def fold(request: str, terms: Terms, events: Iterable[Event]) -> Hold:
    """The state that a history leaves. `events` oldest first; the first is ``registered``.

    Raises:
        ValueError: an empty history, or one that does not begin with ``registered``.
    """
    history = iter(events)
    first = next(history, None)
    if first is None:
        raise ValueError(f"{request} has no history")
    hold = begin(request, terms, first)
    if hold.mla.received_on:
        hold = _stopped(hold, "mla-received", hold.mla.received_on)
    for event in history:
        hold = apply(hold, event)
    return hold


def apply(hold: Hold, event: Event) -> Hold:
    """The state after one more event. Kinds that only inform (``note``) leave it as it is."""
    step = _STEPS.get(event.kind)
    return step(hold, event) if step else hold


def _with_act(hold: Hold, event: Event, **changes: Any) -> Hold:
    key = (event.body["action"], event.body["sequence"])
    known = hold.acts.get(key)
    if known is None:  # an outcome a person entered for what was never sent from here
        known = Act(action=key[0], sequence=key[1], key="", attempt=0, began_at=event.at)
    return replace(hold, acts={**hold.acts, key: replace(known, **changes)})


def _intent(hold: Hold, event: Event) -> Hold:
    return _with_act(
        hold,
        event,
        key=event.body["key"],
        attempt=event.body["attempt"],
        began_at=event.at,
        outcome="",
        outcome_at=None,
    )


def _sent(hold: Hold, event: Event) -> Hold:
    hold = _with_act(hold, event, outcome="sent", outcome_at=event.at, failures=0)
    if event.body["action"] == "send":
        at = min(hold.sent_at, event.at) if hold.sent_at else event.at
        return replace(hold, sent_at=at, refused_at=None)
    if event.body["action"] == "release":
        return replace(hold, released_at=hold.released_at or event.at)
    return hold


def _failed(outcome: str) -> Any:
    def step(hold: Hold, event: Event) -> Hold:
        act = hold.acts.get((event.body["action"], event.body["sequence"]))
        return _with_act(
            hold,
            event,
            outcome=outcome,
            outcome_at=event.at,
            failures=(act.failures if act else 0) + 1,
            ground=event.body.get("ground", ""),
            retry_after=timedelta(seconds=event.body.get("retry_after_s", 0)),
        )

    return step


def _absent(hold: Hold, event: Event) -> Hold:
    return _with_act(hold, event, outcome="absent", outcome_at=event.at)


def _refused(hold: Hold, event: Event) -> Hold:
    hold = _failed("refused")(hold, event)
    if event.body["action"] == "send" and hold.in_force_at is None:
        return replace(hold, refused_at=event.at)
    return hold


def _arrived(hold: Hold, event: Event) -> Hold:
    """News from the provider settles a sending whose outcome was not known."""
    act = hold.act("send")
    if act is not None and act.outcome != "sent":
        settled = replace(act, outcome="sent", outcome_at=event.at, failures=0)
        hold = replace(hold, acts={**hold.acts, ("send", 1): settled})
    if hold.sent_at is None and act is not None:
        hold = replace(hold, sent_at=act.began_at)
    references = dict.fromkeys((*hold.references, *event.body.get("references", ())))
    received = _day(event.body.get("received_on"))
    return replace(
        hold,
        references=tuple(references),
        received_on=received or hold.received_on,
        acknowledged_at=hold.acknowledged_at or event.at,
        refused_at=None,
        polls_unanswered=0,
        # Somebody may learn of a hold that was never sent from here: count from the day it was received.
        sent_at=hold.sent_at or (None if received else event.at),
    )


def _items(hold: Hold, event: Event) -> Hold:
    said = {each["item"]: each for each in event.body.get("items", ())}
    if not said:
        return hold
    items = tuple(
        replace(
            item,
            outcome=said[item.id]["outcome"],
            reference=said[item.id].get("reference") or item.reference,
            held_until=_day(said[item.id].get("held_until")) or item.held_until,
        )
        if item.id in said
        else item
        for item in hold.items
    )
    untils = [item.held_until for item in items if item.outcome == "preserved" and item.held_until]
    known = dict(hold.held_until)
    if untils:
        known[hold.granted] = min(untils)
    return replace(hold, items=items, held_until=known)


def _preserved(hold: Hold, event: Event) -> Hold:
    hold = _arrived(hold, event)
    until = dict(hold.held_until)
    if day := _day(event.body.get("held_until")):
        until[hold.granted] = day
    items = tuple(replace(each, outcome="preserved") if each.outcome == "pending" else each for each in hold.items)
    return _items(
        replace(
            hold,
            in_force_at=hold.in_force_at or event.at,
            held_from=_day(event.body.get("held_from")) or hold.held_from,
            held_until=until,
            items=items if not event.body.get("items") else hold.items,
            lapsed_at=None,
            expired_at=None,
        ),
        event,
    )


def _extended(hold: Hold, event: Event) -> Hold:
    number = event.body["sequence"]
    act = hold.act("extend", number)
    if act is not None:
        settled = replace(act, outcome="sent", outcome_at=act.outcome_at or event.at, failures=0)
        hold = replace(hold, acts={**hold.acts, ("extend", number): settled})
    if number <= hold.granted:  # the same news again
        return _items(hold, event)
    until = dict(hold.held_until)
    if day := _day(event.body.get("held_until")):
        until[number] = day
    return _items(replace(hold, granted=number, held_until=until, lapsed_at=None, expired_at=None), event)


def _stopped(hold: Hold, kind: str, on: date) -> Hold:
    if hold.stop is None and any(each.kind == kind for each in hold.terms.instrument.stop_events):
        return replace(hold, stop=(kind, on), lapsed_at=None)
    return hold


def _stop(hold: Hold, event: Event) -> Hold:
    on = date.fromisoformat(event.body["on"])
    if event.kind == "mla-received":
        hold = replace(hold, mla=replace(hold.mla, received_on=on))
    return _stopped(hold, event.kind, on)


def _mla_sent(hold: Hold, event: Event) -> Hold:
    return replace(hold, mla=replace(hold.mla, sent_on=date.fromisoformat(event.body["on"])))


def _polled(hold: Hold, event: Event) -> Hold:
    waits = hold.acknowledged_at is None or any(
        act.action == "extend" and act.outcome == "sent" and act.sequence > hold.granted for act in hold.acts.values()
    )
    unanswered = hold.polls_unanswered + 1 if waits else 0
    return replace(hold, polled_at=event.at, polls_failed=0, polls_unanswered=unanswered)


def _escalated(hold: Hold, event: Event) -> Hold:
    about = event.body["about"]
    told = Escalated(about=about, level=event.body["level"], at=event.at, delivered=event.body["delivered"])
    return replace(hold, escalations={**hold.escalations, about: told})


def _acknowledged_escalation(hold: Hold, event: Event) -> Hold:
    about = event.body["about"]
    chosen = (
        hold.escalations if about == "all" else {about: hold.escalations[about]} if about in hold.escalations else {}
    )
    settled = {
        name: replace(each, acknowledged_at=event.at) for name, each in chosen.items() if each.acknowledged_at is None
    }
    return replace(hold, escalations={**hold.escalations, **settled})


_STEPS: Mapping[str, Any] = {
    "intent": _intent,
    "sent": _sent,
    "unavailable": _failed("unavailable"),
    "outcome-unknown": _failed("unknown"),
    "unsupported": _failed("unsupported"),
    "absent": _absent,
    "refused": _refused,
    "polled": _polled,
    "poll-failed": lambda hold, event: replace(hold, polled_at=event.at, polls_failed=hold.polls_failed + 1),
    "acknowledged": lambda hold, event: _items(_arrived(hold, event), event),
    "preserved": _preserved,
    "items": _items,
    "extended": _extended,
    "clarification": lambda hold, event: replace(hold, clarification=(event.seq, event.at, False)),
    "clarification-answered": lambda hold, event: replace(
        hold, clarification=(*hold.clarification[:2], True) if hold.clarification else None
    ),
    "validated": lambda hold, event: replace(hold, validated=True),
    "produced": lambda hold, event: replace(hold, produced_at=hold.produced_at or event.at),
    "released": lambda hold, event: replace(hold, released_at=hold.released_at or event.at),
    "expired": lambda hold, event: replace(hold, expired_at=event.at),
    "mla-sent": _mla_sent,
    "mla-received": _stop,
    "production-announced": _stop,
    "access-requested": _stop,
    "petition-filed": _stop,
    "release-asked": lambda hold, event: replace(hold, release_asked_at=hold.release_asked_at or event.at),
    "escalated": _escalated,
    "escalation-acknowledged": _acknowledged_escalation,
    "lapsed": lambda hold, event: replace(hold, lapsed_at=event.at),
}
