"""Every clock that runs on a request: what kind, when it opens, when it strikes, and why.

For showing. What is done about a clock, and when, is decided by `timeline.decide` from the same dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from timeline.coverage import assumed_sent, coverage
from timeline.days import day_in, said, said_long, start_of
from timeline.decide import Do, duties
from timeline.dues import (
    Clock,
    acknowledgement_due,
    condition_clock,
    conditions,
    running_short_clocks,
    short_clock,
)
from timeline.hold import Hold
from timeline.loss import next_losses
from timeline.rules import PeriodKind, Policy
from timeline.steps import about
from timeline.window import Window, extension_window

__all__ = ["Clock", "Window", "clocks", "extension_window", "running_short_clocks", "short_clock"]


def clocks(hold: Hold, policy: Policy, at: datetime) -> tuple[Clock, ...]:
    """Every clock that runs on a request, seen from `at`, the next to strike first.

    A request not yet sent is looked at as if sent at `at`.
    """
    found = list(_losses(hold, at)) if hold.acknowledged_at is None else []
    found.extend(_escalations(hold, policy))
    hold = assumed_sent(hold, at)
    if not hold.ended:
        if hold.acknowledged_at is None and (due := acknowledgement_due(hold, policy)):
            found.append(due)
        found.extend(clock for _, clock, _ in running_short_clocks(hold))
        found.extend(_ends(hold, policy, at))
        found.extend(condition_clock(hold, each) for each in conditions(hold))
        found.append(_mla_answer(hold, policy, at))
    return tuple(sorted(found, key=lambda clock: (clock.strikes_at, clock.kind)))


def _losses(hold: Hold, at: datetime) -> Iterator[Clock]:
    for loss in next_losses(hold, at):
        kept = loss.retention
        yield Clock(
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


_MEANT = {
    PeriodKind.GUARANTEED_MIN: (
        "by law the least that is kept, and no end: it may be kept longer, though nobody must",
    ),
    PeriodKind.REVOCATION_TRIGGER: ("by law no end: after it the hold must be revoked, unless its stop event came",),
    PeriodKind.FILING_DEADLINE: ("by law the deadline for asking a court: missed, the request loses effect",),
}
"""What the last day is where it is not simply the end of the duty to preserve."""


def _ends(hold: Hold, policy: Policy, at: datetime) -> Iterator[Clock]:
    zone, rules = hold.terms.provider.zone, hold.terms.instrument
    if (ends := hold.expiry) is not None:
        yield Clock(
            kind="hold-expiry",
            zone=zone,
            strict_on=ends.strict_on,
            legal_on=ends.legal_on,
            derivation=(*ends.derivation, *_MEANT.get(rules.kind, ())),
            source=rules.first_source.text,
        )
    if (window := extension_window(hold, policy)) is not None:
        lead = (window.ends.strict_on - window.safe_on).days
        courtesy = "" if window.relied else ", a courtesy that nothing may rely on"
        yield Clock(
            kind="extension-window",
            zone=zone,
            opens_at=start_of(window.opens_on, zone),
            strict_on=window.safe_on,
            legal_on=window.ends.legal_base_on,
            derivation=(
                f"extension {window.number} of {window.period}{courtesy}: planned for {said(window.best_on)}",
                f"safe until {said_long(window.safe_on)}: the strict end less {lead} days of the provider's lead",
                "after the legal day it is impossible"
                if window.impossible_after_close
                else "after the strict end it is late, but still sent",
                f"sent on {said(day_in(at, zone))} it would be: {window.standing(at)}",
            ),
            source=rules.extensions[0].source.text,
        )


def _mla_answer(hold: Hold, policy: Policy, at: datetime) -> Clock:
    seen, profile, mla = coverage(hold, policy, at), hold.terms.profile, hold.mla
    word = "sent" if mla.sent_on else "received" if mla.received_on else "planned" if mla.planned_on else "if sent"
    if word == "planned" and mla.planned_on is not None and mla.planned_on < seen.mla_sent_on:
        word = f"planned {said(mla.planned_on)} and not sent; if sent"
    sent = f"{word} {said(seen.mla_sent_on)}"
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
    """What somebody was told of and has not taken up, of the matters that are still open."""
    waiting = [each for each in hold.escalations.values() if each.acknowledged_at is None and each.delivered]
    still_open = {each.about for each in duties(hold, policy) if each.action is Do.ESCALATE} if waiting else set()
    for told in waiting:
        if told.about in still_open:
            rung = policy.ladder[min(told.level, len(policy.ladder)) - 1]
            due = told.at + rung.acknowledge_within
            yield Clock(
                kind="escalation-acknowledgement",
                zone=hold.terms.provider.zone,
                opens_at=told.at,
                strict_at=due,
                legal_at=due,
                derivation=(
                    f"{rung.who} was told of {about(told.about)} (level {told.level}); an answer is due by then",
                ),
                source="the unit's policy (ladder)",
            )
