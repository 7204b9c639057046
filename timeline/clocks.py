"""Every clock that runs on a request: what kind, when it opens, when it strikes, and why.

A clock strikes at an instant (`strict_at`, `legal_at`) or with the end of a day at the provider
(`strict_on`, `legal_on`). The strict one is the earliest that could be argued; Holdfast acts on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from timeline.coverage import assumed_sent, coverage, days
from timeline.days import Expiry, add, add_counting_first, day_in, end_of, roll, said, said_long, start_of
from timeline.loss import next_losses
from timeline.rules import Counting, Period, Policy, ShortClock, Unit
from timeline.state import Hold


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
class Window:
    """When the next extension may be sent.

    Before `opens_at` too early; best at `best_at`; safe until the end of `safe_on`; after that late, but
    worth sending until `closes_at`, when it becomes impossible (None: a late one is always worth sending).
    """

    number: int
    period: Period
    opens_at: datetime
    best_at: datetime
    safe_on: date
    ends: Expiry
    closes_at: datetime
    impossible_after_close: bool

    def standing(self, now: datetime, zone: str) -> str:
        """How a sending at `now` stands: "too early", "in time", "late but send" or "impossible"."""
        if now < self.opens_at:
            return "too early"
        if now < end_of(self.safe_on, zone):
            return "in time"
        if now < self.closes_at or not self.impossible_after_close:
            return "late but send"
        return "impossible"


def extension_window(hold: Hold, policy: Policy) -> Window | None:
    """The window of the next extension that may be relied upon; None where there is none.

    Best is 2/3 (`policy.extend_fraction`) of the running period, or the provider's lead plus the unit's
    margin before its strict end, whichever is earlier. It closes with the legal day before any roll-over:
    nobody should rely on a roll-over for a hold.
    """
    ends, start = hold.expiry, hold.strict_start
    if ends is None or start is None or not hold.extensions_left:
        return None
    zone, number = hold.terms.provider.zone, hold.granted + 1
    law = hold.terms.instrument.extensions[0]
    before = hold.expiry_after(hold.granted - 1) if hold.granted else None
    period_from = before.strict_on + timedelta(days=1) if before else start
    length = (ends.strict_on - period_from).days + 1
    lead = timedelta(days=hold.terms.provider.extension_lead_days)
    by_fraction = period_from + timedelta(days=int(length * policy.extend_fraction))
    by_lead = ends.strict_on - lead - days(policy.extend_margin)
    best_on = max(period_from, min(by_fraction, by_lead))
    return Window(
        number=number,
        period=hold.extension_period(number),
        opens_at=start_of(period_from, zone),
        best_at=start_of(best_on, zone),
        safe_on=ends.strict_on - lead,
        ends=ends,
        closes_at=end_of(ends.legal_base_on, zone),
        impossible_after_close=law.before_expiry,
    )


def acknowledgement_due(hold: Hold, policy: Policy) -> Clock | None:
    """When the provider's receipt should have come. No instrument sets this; practice and policy do."""
    if hold.sent_at is None:
        return None
    zone, within = hold.terms.provider.zone, hold.terms.provider.acknowledged_within
    source = "the provider's practice" if within else "the unit's policy (acknowledge_within)"
    within = within or policy.acknowledge_within
    if within.unit is Unit.HOURS:
        at = hold.sent_at + timedelta(hours=within.count)
        text = f"sent {said(day_in(hold.sent_at, zone))} + {within}"
        return Clock(
            kind="acknowledgement-due", zone=zone, strict_at=at, legal_at=at, derivation=(text,), source=source
        )
    sent_on = day_in(hold.sent_at, zone)
    on = add(sent_on, within, hold.terms.holidays)
    text = f"sent {said(sent_on)} + {within} = {said_long(on)}"
    return Clock(kind="acknowledgement-due", zone=zone, strict_on=on, legal_on=on, derivation=(text,), source=source)


def short_clock(hold: Hold, rule: ShortClock, came_at: datetime) -> Clock:
    """A short duty of ours, from the instant that started it.

    Days: strict counts the day of the event as day 1; legal as the instrument counts. Hours: strict runs
    from the event, legal from the next full hour where Reg. 1182/71 art. 3(1) applies.
    """
    zone, rules = hold.terms.provider.zone, hold.terms.instrument
    reg = rules.counting is Counting.REG_1182_71
    opens, source = came_at, rule.source.text
    if rule.period.unit is Unit.HOURS:
        full = came_at.replace(minute=0, second=0, microsecond=0)
        hour = full + timedelta(hours=1) if reg and full < came_at else came_at
        length = timedelta(hours=rule.period.count)
        text = f"from {came_at:%H:%M} UTC on {said(came_at.astimezone(UTC).date())} + {rule.period}"
        return Clock(
            kind=rule.kind,
            zone=zone,
            opens_at=opens,
            strict_at=came_at + length,
            legal_at=hour + length,
            derivation=(text, f"if missed: {rule.consequence}"),
            source=source,
        )
    came_on = day_in(came_at, zone)
    strict_on, legal_on = add_counting_first(came_on, rule.period), add(came_on, rule.period)
    rolled, passed = roll(legal_on, hold.terms.holidays) if reg else (legal_on, ())
    text = f"legal: came {said(came_on)} (day 0) + {rule.period} = {said_long(legal_on)}"
    if passed:
        text += f"; rolls to {said_long(rolled)} ({'; '.join(passed)})"
    return Clock(
        kind=rule.kind,
        zone=zone,
        opens_at=opens,
        strict_on=strict_on,
        legal_on=rolled,
        derivation=(text, f"strict: {said_long(strict_on)}", f"if missed: {rule.consequence}"),
        source=source,
    )


def running_short_clocks(hold: Hold) -> Iterator[tuple[ShortClock, Clock, str]]:
    """The short duties that run now, each with its rule and what it is about (one word per occurrence)."""
    for rule in hold.terms.instrument.short_clocks:
        if rule.only_if and rule.only_if != hold.urgency:
            continue
        if rule.starts_on == "clarification" and hold.clarification and not hold.clarification[2]:
            seq, came_at, _ = hold.clarification
            yield rule, short_clock(hold, rule, came_at), f"{rule.kind}:{seq}"
        elif rule.starts_on == "sent" and hold.sent_at and not hold.validated:
            yield rule, short_clock(hold, rule, hold.sent_at), rule.kind


def _hold_clocks(hold: Hold, policy: Policy) -> Iterator[Clock]:
    zone, rules = hold.terms.provider.zone, hold.terms.instrument
    if (ends := hold.expiry) is not None:
        yield Clock(
            kind="hold-expiry",
            zone=zone,
            strict_on=ends.strict_on,
            legal_on=ends.legal_on,
            derivation=ends.derivation,
            source=rules.first_source.text,
        )
    if (window := extension_window(hold, policy)) is not None:
        lead = (window.ends.strict_on - window.safe_on).days
        yield Clock(
            kind="extension-window",
            zone=zone,
            opens_at=window.opens_at,
            strict_on=window.safe_on,
            legal_on=window.ends.legal_base_on,
            derivation=(
                f"extension {window.number} of {window.period}: planned for {said(day_in(window.best_at, zone))}",
                f"safe until {said_long(window.safe_on)}: the strict end less {lead} days of the provider's lead",
                "after the legal day it is impossible"
                if window.impossible_after_close
                else "after the strict end it is late, but still sent",
            ),
            source=rules.extensions[0].source.text,
        )


def _provider_clocks(hold: Hold) -> Iterator[Clock]:
    terms, start = hold.terms, hold.strict_start
    if terms.hold is None or start is None:
        return
    for kind, count, text in (
        ("confidentiality-end", terms.hold.confidential_days, "the provider may tell its user after"),
        (
            "proof-of-mla",
            terms.hold.proof_of_mla_by_day,
            "the provider drops the hold without proof of the MLA request by",
        ),
    ):
        if count is not None and (kind == "proof-of-mla" or hold.confidential):
            on = start + timedelta(days=count - 1)
            yield Clock(
                kind=kind,
                zone=terms.provider.zone,
                strict_on=on,
                legal_on=on + timedelta(days=1),
                derivation=(f"{text} day {count}, {said_long(on)}, counted from {said(start)} as day 1",),
                source=terms.hold.source.text,
            )


def clocks(hold: Hold, policy: Policy, at: datetime) -> tuple[Clock, ...]:
    """Every clock that runs on a request, seen from `at`, the next to strike first.

    A request not yet sent is looked at as if sent at `at`.
    """
    unsent = hold.strict_start is None
    found: list[Clock] = []
    if unsent or hold.acknowledged_at is None:
        for loss in next_losses(hold, at):
            kept = loss.retention
            found.append(
                Clock(
                    kind="natural-loss",
                    zone=hold.terms.provider.zone,
                    strict_at=loss.at,
                    legal_at=loss.until,
                    derivation=(
                        f"{kept.category} ({kept.what}) is kept {kept.period or 'not at all'};"
                        f" the oldest still there is lost from {said(loss.at.date())},"
                        f" all asked for by {said(loss.until.date())}",
                    ),
                    source=kept.source.text,
                )
            )
    hold = assumed_sent(hold, at)
    if not hold.ended:
        if hold.acknowledged_at is None and (due := acknowledgement_due(hold, policy)):
            found.append(due)
        found.extend(clock for _, clock, _ in running_short_clocks(hold))
        found.extend(_hold_clocks(hold, policy))
        found.extend(_provider_clocks(hold))
        found.append(_mla_answer(hold, policy, at))
    found.extend(_escalations(hold, policy))
    return tuple(sorted(found, key=lambda clock: (clock.strikes_at, clock.kind)))


def _mla_answer(hold: Hold, policy: Policy, at: datetime) -> Clock:
    seen, profile = coverage(hold, policy, at), hold.terms.profile
    sent = f"{'sent' if hold.mla.sent_on else 'planned'} {said(seen.mla_sent_on)}"
    return Clock(
        kind="mla-answer",
        zone=hold.terms.provider.zone,
        strict_on=seen.p50_on,
        legal_on=seen.p90_on,
        derivation=(
            f"{sent} + {profile.p50_days} days: half of the answers by {said_long(seen.p50_on)}",
            f"{sent} + {profile.p90_days} days: nine in ten by {said_long(seen.p90_on)}",
        ),
        source=profile.source.text,
    )


def _escalations(hold: Hold, policy: Policy) -> Iterator[Clock]:
    for told in hold.escalations.values():
        if told.acknowledged_at is not None:
            continue
        rung = policy.ladder[min(told.level, len(policy.ladder)) - 1]
        due = told.at + rung.acknowledge_within
        yield Clock(
            kind="escalation-acknowledgement",
            zone=hold.terms.provider.zone,
            opens_at=told.at,
            strict_at=due,
            legal_at=due,
            derivation=(f"{rung.who} was told of {told.about} (level {told.level}); an answer is due by then",),
            source="the unit's policy (ladder)",
        )
