"""Is there a legal path from today to the MLA answer, and what is the last safe day of each step on it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from timeline.days import day_in, said
from timeline.loss import next_losses
from timeline.rules import Policy, StopEvent
from timeline.state import Hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """The chain of holds against the MLA forecast.

    `strict_on` is the chain's last strict day (None: open-ended, or no period at all). `gap_days_*` are the
    days without a hold before the answer is expected with that probability, 0 if none. `feasible`: no gap
    at p90, or `reachable` names a stop event that can still come in time.
    """

    mla_profile: str
    mla_sent_on: date
    p50_on: date
    p90_on: date
    strict_on: date | None
    open_ended_by: str | None
    gap_days_p50: int
    gap_days_p90: int
    reachable: tuple[StopEvent, ...]

    @property
    def feasible(self) -> bool:
        """Whether a legal path to the answer exists."""
        return self.gap_days_p90 == 0 or bool(self.reachable)


@dataclass(frozen=True, kw_only=True, slots=True)
class LastSafe:
    """The last day on which a step still works with its lead time, counted from strict dates."""

    step: str
    on: date
    because: str


def assumed_sent(hold: Hold, at: datetime) -> Hold:
    """The hold, as if sent at `at` where it has not been sent: what a plan looks at."""
    return hold if hold.strict_start else replace(hold, sent_at=at)


def days(duration: timedelta) -> timedelta:
    """A lead time in whole days, rounded up: a step due within a day loses that day."""
    return timedelta(days=-(-duration // timedelta(days=1)))


def _last_day_for(stop: StopEvent, chain_end: date, policy: Policy) -> date:
    lead = policy.file_mla_lead if stop.step == "file-mla" else policy.announce_lead
    return chain_end - days(lead)


def _reachable(hold: Hold, chain_end: date | None, today: date, policy: Policy) -> tuple[StopEvent, ...]:
    if chain_end is None:
        return ()
    found = []
    for stop in hold.terms.instrument.stop_events:
        done_on = today
        if stop.step == "file-mla":
            done_on = hold.mla.sent_on or max(today, hold.mla.planned_on or today)
        if done_on <= _last_day_for(stop, chain_end, policy):
            found.append(stop)
    return tuple(found)


def coverage(hold: Hold, policy: Policy, at: datetime) -> Coverage:
    """How far the hold's chain reaches against the MLA forecast, seen from `at`.

    A request not yet sent is looked at as if sent at `at`; an MLA request without a date, as sent that day.
    """
    hold = assumed_sent(hold, at)
    today = day_in(at, hold.terms.provider.zone)
    mla_on = hold.mla.sent_on or hold.mla.received_on or hold.mla.planned_on or today
    p50_on = mla_on + timedelta(days=hold.terms.profile.p50_days)
    p90_on = mla_on + timedelta(days=hold.terms.profile.p90_days)
    chain = hold.chain
    ends_on = chain[-1].strict_on if chain else None
    held_to = ends_on or hold.strict_start or today
    stop = hold.stop
    return Coverage(
        mla_profile=hold.terms.profile.id,
        mla_sent_on=mla_on,
        p50_on=p50_on,
        p90_on=p90_on,
        strict_on=None if stop else ends_on,
        open_ended_by=stop[0] if stop else None,
        gap_days_p50=0 if stop else max(0, (p50_on - held_to).days),
        gap_days_p90=0 if stop else max(0, (p90_on - held_to).days),
        reachable=() if stop else _reachable(hold, ends_on, today, policy),
    )


def last_safe(hold: Hold, policy: Policy, at: datetime) -> tuple[LastSafe, ...]:
    """The last safe day of every step still open, earliest first. A day in the past: it is too late to be safe."""
    steps: list[LastSafe] = []
    zone, sent = hold.terms.provider.zone, hold.strict_start is not None
    if not sent:
        for loss in next_losses(hold, at)[:1]:
            on = max(day_in(at, zone), day_in(loss.at - policy.send_lead, zone))
            kept = loss.retention
            why = f"{kept.what} is kept {kept.period or 'not at all'} ({kept.source.text})"
            steps.append(LastSafe(step="send", on=on, because=why))
    hold = assumed_sent(hold, at)
    chain = hold.chain
    if hold.stop is not None or hold.ended or not chain:
        return tuple(steps)
    for step in range(hold.granted, len(chain) - 1):
        ends, lead = chain[step].strict_on, timedelta(days=hold.terms.provider.extension_lead_days)
        steps.append(
            LastSafe(
                step="extend",
                on=ends - lead,
                because=f"the hold before it ends on {said(ends)} (strict); provider's lead: {lead.days} days",
            )
        )
    end = chain[-1].strict_on
    stops = hold.terms.instrument.stop_events
    for stop in stops:
        if stop.step == "file-mla" and hold.mla.sent_on:
            continue
        on = _last_day_for(stop, end, policy)
        lead_days = (end - on).days
        steps.append(
            LastSafe(
                step=stop.step,
                on=on,
                because=f"{stop.what} before the chain ends on {said(end)}; {lead_days} days of lead",
            )
        )
    if hold.mla.sent_on is None and all(stop.step != "file-mla" for stop in stops):
        p90 = timedelta(days=hold.terms.profile.p90_days)
        why = f"nine in ten answers come within {p90.days} days ({hold.terms.profile.id}); {said(end)} ends the chain"
        steps.append(LastSafe(step="file-mla", on=end - p90, because=why))
    if hold.clarification and not hold.clarification[2]:
        for clock in hold.terms.instrument.short_clocks:
            if clock.kind == "clarification":
                came = day_in(hold.clarification[1], zone)
                on = came + timedelta(days=clock.period.count - 1)
                steps.append(LastSafe(step="answer-clarification", on=on, because=clock.consequence))
    return tuple(sorted(steps, key=lambda each: each.on))
