"""Is there a legal path from today to the MLA answer, and what is the last safe day of each step on it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from timeline.days import DAY, Expiry, day_in, end_of, said, whole_days
from timeline.dues import running, within
from timeline.hold import Hold
from timeline.loss import next_losses
from timeline.rules import Policy, StopEvent, Who
from timeline.steps import STEPS


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
    return replace(hold, sent_at=at) if hold.unsent else hold


def last_day_for(stop: StopEvent, chain_end: date, policy: Policy) -> date:
    """The last safe day of the step that brings a stop event about, before the chain's strict end."""
    return chain_end - whole_days(policy.file_mla_lead if stop.step == "file-mla" else policy.announce_lead)


def _reachable(hold: Hold, chain_end: date, today: date, policy: Policy) -> Iterator[StopEvent]:
    for stop in hold.terms.instrument.stop_events:
        done_on = today
        if stop.step == "file-mla":
            done_on = hold.mla.sent_on or max(today, hold.mla.planned_on or today)
        if done_on <= last_day_for(stop, chain_end, policy):
            yield stop


def coverage(hold: Hold, policy: Policy, at: datetime) -> Coverage:
    """How far the hold's chain reaches against the MLA forecast, seen from `at`.

    A request not yet sent is looked at as if sent at `at`. An MLA request that has not left counts as sent on the day
    planned, and never before the day of `at`: a plan that was let pass moves no answer.
    """
    hold = assumed_sent(hold, at)
    today, profile, stop = day_in(at, hold.terms.provider.zone), hold.terms.profile, hold.stop
    mla_on = _left_on(hold) or max(hold.mla.planned_on or today, today)
    p50_on, p90_on = mla_on + DAY * profile.p50_days, mla_on + DAY * profile.p90_days
    ends_on = hold.chain[-1].strict_on if hold.chain else None
    held_to = ends_on or hold.strict_start or today
    return Coverage(
        mla_profile=profile.id,
        mla_sent_on=mla_on,
        p50_on=p50_on,
        p90_on=p90_on,
        strict_on=None if stop else ends_on,
        open_ended_by=stop[0] if stop else None,
        gap_days_p50=0 if stop else max(0, (p50_on - held_to).days),
        gap_days_p90=0 if stop else max(0, (p90_on - held_to).days),
        reachable=() if stop or ends_on is None else tuple(_reachable(hold, ends_on, today, policy)),
    )


def _left_on(hold: Hold) -> date | None:
    """The day the MLA request left, or came to be there; None: it has not left."""
    return hold.mla.sent_on or hold.mla.received_on


def uncovered_from(hold: Hold, policy: Policy, since: datetime) -> datetime | None:
    """From when a person must be told of a gap before the answer; None: never, by what is recorded.

    `since` where the chain is too short from the start, both for nine in ten answers and for an MLA request that
    would take its end away in time. Else the instant from which an MLA request that has not left leaves too late.
    """
    if not hold.chain:
        return since
    ends_on, left_on, planned_on = hold.chain[-1].strict_on, _left_on(hold), hold.mla.planned_on
    latest = ends_on - DAY * hold.terms.profile.p90_days
    if left_on or planned_on:
        stops = [stop for stop in hold.terms.instrument.stop_events if stop.step == "file-mla"]
        latest = max([latest, *(last_day_for(stop, ends_on, policy) for stop in stops)])
    if left_on is not None:
        return None if left_on <= latest else since
    too_late = end_of(latest, hold.terms.provider.zone)
    return since if planned_on is not None and planned_on > latest else max(since, too_late)


def last_safe(hold: Hold, policy: Policy, at: datetime) -> tuple[LastSafe, ...]:
    """The last safe day of every step still open, earliest first. A day in the past: it is too late to be safe."""
    steps = list(_send_step(hold, policy, at))
    hold = assumed_sent(hold, at)
    if not hold.ended:
        steps.extend(_answer_steps(hold))
        if hold.stop is None and (chain := hold.chain):
            steps.extend(_extend_steps(hold, chain))
            steps.extend(court_steps(hold, policy))
            steps.extend(_stop_steps(hold, policy, chain[-1].strict_on))
    return tuple(sorted(steps, key=lambda each: each.on))


def steps_said(hold: Hold, policy: Policy, at: datetime) -> str:
    """The last safe days in words, to be added to a reason; "" where there is no step that was ever possible."""
    today = day_in(at, hold.terms.provider.zone)
    since = min(today, hold.strict_start or today)
    steps = [step for step in last_safe(hold, policy, at) if step.on >= since]
    coming = ", ".join(_by(step) for step in steps if step.on >= today)
    gone = ", ".join(_by(step) for step in steps if step.on < today)
    return (f"; last safe days: {coming}" if coming else "") + (f"; too late to be safe: {gone}" if gone else "")


def ways_said(found: Coverage, hold: Hold, policy: Policy, at: datetime) -> str:
    """The stop events that can still come in time, as the steps that bring them about, with their last safe days."""
    ways = {stop.step for stop in found.reachable}
    return " or ".join(_by(step) for step in last_safe(hold, policy, at) if step.step in ways)


def _by(step: LastSafe) -> str:
    return f"{STEPS.get(step.step, step.step)} by {said(step.on)}"


def _send_step(hold: Hold, policy: Policy, at: datetime) -> Iterator[LastSafe]:
    losses = next_losses(hold, at) if hold.unsent else ()
    for loss in losses[:1]:
        zone, kept = hold.terms.provider.zone, loss.retention
        on = max(day_in(at, zone), day_in(loss.at - policy.send_lead, zone))
        why = f"{kept.what} is kept {kept.period or 'not at all'} ({kept.source.provision})"
        yield LastSafe(step="send", on=on, because=why)


def _answer_steps(hold: Hold) -> Iterator[LastSafe]:
    for rule, came_at, _ in running(hold):
        if rule.starts_on == "clarification":
            over = within(hold, rule, came_at)
            on = over.strict_on or day_in(over.strict_at, hold.terms.provider.zone) - DAY
            yield LastSafe(step="answer-clarification", on=on, because=f"if missed: {rule.consequence}")


def _extend_steps(hold: Hold, chain: Sequence[Expiry]) -> Iterator[LastSafe]:
    lead = hold.terms.provider.extension_lead_days
    for link in chain[hold.granted : -1]:
        why = f"the hold before it ends on {said(link.strict_on)} (strict); provider's lead: {lead} days"
        yield LastSafe(step="extend", on=link.strict_on - timedelta(days=lead), because=why)


def court_steps(hold: Hold, policy: Policy) -> Iterator[LastSafe]:
    """What only a court can give before the chain ends: the next extension, or an order under another instrument.

    No text says how long a court takes: the unit's lead for an announcement counts.
    """
    if not hold.chain or hold.stop is not None:
        return
    terms, end = hold.terms, hold.chain[-1].strict_on
    on, number = end - whole_days(policy.announce_lead), hold.granted + 1
    permits = next((each for each in terms.instrument.extensions if each.decided_by is Who.COURT), None)
    asked = hold.unconfirmed is not None or hold.extension_refused
    if permits is not None and len(terms.askable) < number <= len(terms.given) and not asked:
        what = f"the court permits extension {number} of {permits.period} ({permits.source.provision})"
        why = f"{what}, and the provider must have it before the hold ends on {said(end)} (strict); record `extended`"
        yield LastSafe(step="ask-court", on=on, because=why)
    if terms.instrument.escalate:
        why = f"apply for a preservation order under {terms.instrument.escalate} before {said(end)} (strict)"
        yield LastSafe(step="apply-for-order", on=on, because=f"the same data cannot be demanded again: {why}")


def _stop_steps(hold: Hold, policy: Policy, end: date) -> Iterator[LastSafe]:
    stops = hold.terms.instrument.stop_events
    for stop in stops:
        if stop.step == "file-mla" and hold.mla.sent_on:
            continue
        on = last_day_for(stop, end, policy)
        why = f"{stop.what} before the chain ends on {said(end)}; {(end - on).days} days of lead"
        yield LastSafe(step=stop.step, on=on, because=why)
    if hold.mla.sent_on is None and all(stop.step != "file-mla" for stop in stops):
        profile = hold.terms.profile
        why = f"nine in ten answers come within {profile.p90_days} days ({profile.id}); {said(end)} ends the chain"
        yield LastSafe(step="file-mla", on=end - timedelta(days=profile.p90_days), because=why)
