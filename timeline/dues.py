"""The clocks that oblige somebody: a receipt, a clarification, a validation, a proof, a silence towards the user.

A clock strikes at an instant (`strict_at`, `legal_at`) or with the end of a day at the provider
(`strict_on`, `legal_on`). The strict one is the earliest that could be argued; Holdfast acts on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from timeline.days import DAY, ROLL, add, add_counting_first, day_in, end_of, roll, said, said_at, said_long
from timeline.hold import Hold
from timeline.rules import Counting, Period, Policy, ShortClock, Unit

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """One dated obligation or event. `source` is where the figure stands; `zone` where its days are counted."""

    kind: str
    zone: str
    opens_at: datetime | None = None
    strict_on: date | None = None
    legal_on: date | None = None
    strict_at: datetime | None = None
    legal_at: datetime | None = None
    derivation: tuple[str, ...]
    source: str

    @property
    def strikes_at(self) -> datetime:
        """The instant it strikes, read strictly, in UTC."""
        if self.strict_at is not None:
            return self.strict_at
        assert self.strict_on is not None  # noqa: S101 - one of the two is always given
        return end_of(self.strict_on, self.zone)


@dataclass(frozen=True, kw_only=True, slots=True)
class Within:
    """A short time from an instant: the day it ends with (None: it is counted in hours) and the instant."""

    strict_on: date | None
    strict_at: datetime
    legal_on: date | None
    legal_at: datetime


def receipt_due(hold: Hold, policy: Policy) -> datetime | None:
    """When the provider's receipt should have come; None: not sent. No law sets this; practice and policy do."""
    if hold.sent_at is None:
        return None
    within = _receipt_within(hold, policy)
    if within.unit is Unit.HOURS:
        return hold.sent_at + HOUR * within.count
    zone = hold.terms.provider.zone
    return end_of(add(day_in(hold.sent_at, zone), within, hold.terms.holidays), zone)


def _receipt_within(hold: Hold, policy: Policy) -> Period:
    return hold.terms.provider.acknowledged_within or policy.acknowledge_within


def acknowledgement_due(hold: Hold, policy: Policy) -> Clock | None:
    """`receipt_due` as a clock, with the working."""
    due = receipt_due(hold, policy)
    if due is None or hold.sent_at is None:
        return None
    zone, within = hold.terms.provider.zone, _receipt_within(hold, policy)
    hours = within.unit is Unit.HOURS
    on = None if hours else day_in(due - timedelta.resolution, zone)
    sent = said_at(hold.sent_at) if hours else said(day_in(hold.sent_at, zone))
    return Clock(
        kind="acknowledgement-due",
        zone=zone,
        strict_on=on,
        legal_on=on,
        strict_at=due if hours else None,
        legal_at=due if hours else None,
        derivation=(f"sent {sent} + {within} = {said_long(on) if on else said_at(due)}",),
        source="the provider's practice"
        if hold.terms.provider.acknowledged_within
        else "the unit's policy (acknowledge_within)",
    )


def within(hold: Hold, rule: ShortClock, came_at: datetime) -> Within:
    """When a short duty of ours, started at an instant, is over.

    Days: strict counts the day of the event as day 1; legal as the instrument counts. Hours: strict runs from
    the event, legal from the next full hour where Reg. 1182/71 art. 3(1) leaves out the hour of the event.
    """
    zone, reg = hold.terms.provider.zone, hold.terms.instrument.counting is Counting.REG_1182_71
    if rule.period.unit is Unit.HOURS:
        length, legal = HOUR * rule.period.count, came_at
        if reg:
            local = came_at.astimezone(ZoneInfo(zone))
            past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            legal = came_at - past + HOUR
        return Within(strict_on=None, strict_at=came_at + length, legal_on=None, legal_at=legal + length)
    came_on = day_in(came_at, zone)
    strict_on, legal_on = add_counting_first(came_on, rule.period), add(came_on, rule.period, hold.terms.holidays)
    if reg:
        legal_on = roll(legal_on, hold.terms.holidays)[0]
    return Within(
        strict_on=strict_on, strict_at=end_of(strict_on, zone), legal_on=legal_on, legal_at=end_of(legal_on, zone)
    )


def short_clock(hold: Hold, rule: ShortClock, came_at: datetime) -> Clock:
    """A short duty of ours as a clock, with the working and what follows if it is missed."""
    zone, over = hold.terms.provider.zone, within(hold, rule, came_at)
    missed = f"if missed: {rule.consequence}"
    if over.strict_on is None or over.legal_on is None:
        return Clock(
            kind=rule.kind,
            zone=zone,
            opens_at=came_at,
            strict_at=over.strict_at,
            legal_at=over.legal_at,
            derivation=(f"from {said_at(came_at)} + {rule.period} = {said_at(over.strict_at)}", missed),
            source=rule.source.text,
        )
    came_on = day_in(came_at, zone)
    base = add(came_on, rule.period, hold.terms.holidays)
    text = f"legal: came {said(came_on)} (day 0) + {rule.period} = {said_long(base)}"
    if base != over.legal_on:
        text += f"; rolls to {said_long(over.legal_on)} ({ROLL}: {'; '.join(roll(base, hold.terms.holidays)[1])})"
    return Clock(
        kind=rule.kind,
        zone=zone,
        opens_at=came_at,
        strict_on=over.strict_on,
        legal_on=over.legal_on,
        derivation=(text, f"strict: counted from {said(came_on)} as day 1, {said_long(over.strict_on)}", missed),
        source=rule.source.text,
    )


def issued_at(hold: Hold) -> datetime | None:
    """When the order was issued: entered here, or let go where it was a draft; sent, if that was earlier.

    None for a draft that still waits for its go-ahead.
    """
    if hold.drafted_at is not None:
        return None if hold.unsent else hold.sent_at or hold.registered_at
    issued = hold.go_ahead_at or hold.registered_at
    return min(issued, hold.sent_at or issued)


def running(hold: Hold) -> Iterator[tuple[ShortClock, datetime, str]]:
    """The short duties that run now: the rule, what instant started it, and one word for this occurrence."""
    for rule in hold.terms.instrument.short_clocks:
        if rule.only_if and rule.only_if != hold.urgency:
            continue
        if rule.starts_on == "clarification" and hold.clarification and not hold.clarification[2]:
            yield rule, hold.clarification[1], f"{rule.kind}:{hold.clarification[0]}"
        elif rule.starts_on in {"issued", "sent"} and not hold.validated:
            since = issued_at(hold) if rule.starts_on == "issued" else hold.sent_at
            if since is not None:
                yield rule, since, rule.kind


def running_short_clocks(hold: Hold) -> Iterator[tuple[ShortClock, Clock, str]]:
    """`running`, each with its clock."""
    for rule, came_at, about in running(hold):
        yield rule, short_clock(hold, rule, came_at), about


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What the provider's own text attaches to a hold by a certain day, counted from its strict start as day 1.

    `text` says what follows, `step` what to do about it.
    """

    kind: str  # "confidentiality-end", "proof-of-mla"
    day: int
    on: date
    text: str
    step: str


def conditions(hold: Hold) -> Iterator[Condition]:
    """The provider's conditions that apply to this hold; none before it is sent."""
    practice = hold.terms.hold
    if practice is None or (practice.confidential_days is None and practice.proof_of_mla_by_day is None):
        return
    start = hold.strict_start
    if start is None:
        return
    if practice.confidential_days is not None and hold.confidential:
        yield Condition(
            kind="confidentiality-end",
            day=practice.confidential_days,
            on=start + DAY * (practice.confidential_days - 1),
            text="the provider may tell its user after",
            step="serve a non-disclosure order or release the hold",
        )
    if practice.proof_of_mla_by_day is not None:
        yield Condition(
            kind="proof-of-mla",
            day=practice.proof_of_mla_by_day,
            on=start + DAY * (practice.proof_of_mla_by_day - 1),
            text="the provider drops the hold without it",
            step="send the provider proof of the MLA request",
        )


def condition_clock(hold: Hold, condition: Condition) -> Clock:
    """A provider's condition as a clock. Its text does not say whether the first day counts: legal is a day later."""
    practice, start = hold.terms.hold, hold.strict_start
    assert practice is not None  # noqa: S101 - its conditions come from there
    assert start is not None  # noqa: S101 - only what was sent has conditions
    return Clock(
        kind=condition.kind,
        zone=hold.terms.provider.zone,
        strict_on=condition.on,
        legal_on=condition.on + DAY,
        derivation=(
            f"counted from {said(start)} as day 1, day {condition.day} is {said_long(condition.on)}",
            f"{condition.step}: {condition.text}",
        ),
        source=practice.source.text,
    )
