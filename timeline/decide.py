"""What next? A ladder of duties, and the one that is due.

`duties` lists everything that a hold's record asks for, each with the instant it falls due, most urgent
rung first. It does not know what time it is: duties follow from the record alone. `decide` picks for
`now`: of what is due, the highest rung; else what falls due next. So time alone never calms a hold down: a
duty once due stays due until an event answers it.

The rungs, top down:

1.  ask what became of a sending whose outcome is not known; nothing is sent before that
2.  the short clocks that run against ourselves (EU: clarification, validation)
3.  the **imminent** rung: fewer than N sweep intervals before a strict expiry, whatever any back-off,
    window or other signal says: extend now, and tell the top of the ladder
4.  the lapse itself, recorded and told
5.  the first sending
6.  the release
7.  the extension, in its window
8.  what a person must know or decide, level by level until one acknowledges
9.  asking the provider how it stands
10. a review of holds without an end
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from timeline.clocks import acknowledgement_due, clocks, extension_window, running_short_clocks
from timeline.coverage import coverage, last_safe
from timeline.days import end_of, said, said_long, start_of
from timeline.loss import next_losses
from timeline.rules import Policy
from timeline.state import Act, Hold, State

FAILURES_UNTIL_TOLD = 3
"""After so many failed attempts of one act in a row a person is told."""


class Do(StrEnum):
    """What is to be done about a hold."""

    LOOK_UP = "look-up"
    SEND = "send"
    EXTEND = "extend"
    RELEASE = "release"
    POLL = "poll"
    ESCALATE = "escalate"
    LAPSE = "lapse"
    NOTHING = "nothing"  # final


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do, when it falls due, and why. `due_at` is None only for a final state.

    `about` and `level` belong to an escalation, `sequence` to an act at the provider. A duty whose
    `until` has passed can no longer be met.
    """

    action: Do
    due_at: datetime | None
    because: str
    about: str = ""
    level: int = 0
    sequence: int = 1
    rung: int = 99
    until: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Whether it is to be done at `now`."""
        return self.due_at is not None and self.due_at <= now and (self.until is None or now < self.until)


def decide(hold: Hold, policy: Policy, now: datetime) -> Decision:
    """What is to be done about a hold now, or else what falls due next.

    Args:
        hold: its state, from `timeline.state.fold`.
        policy: the unit's lead times and ladder.
        now: an aware instant in UTC, read once per sweep.

    Returns:
        A decision with ``due(now)`` true: do it. Else: nothing until `due_at`. `Do.NOTHING`: final.
    """
    if now.utcoffset() != UTC.utcoffset(None):
        raise ValueError(f"expected an instant in UTC, found {now!r}")
    return choose(duties(hold, policy), now)


def choose(wanted: tuple[Decision, ...], now: datetime) -> Decision:
    """Of all duties, the highest rung that is due; else the one that falls due first."""
    due = [each for each in wanted if each.due(now)]
    if due:
        return min(due, key=lambda each: (each.rung, each.due_at))
    coming = [each for each in wanted if each.due_at is not None and each.due_at > now]
    if coming:
        return min(coming, key=lambda each: (each.due_at, each.rung))
    return Decision(action=Do.NOTHING, due_at=None, because="final: nothing is held and nobody waits")


def duties(hold: Hold, policy: Policy) -> tuple[Decision, ...]:
    """All that the record asks for, due or not, most urgent rung first. Empty: final."""
    return (
        *_look_up(hold, policy),
        *_short(hold, policy),
        *_imminent(hold, policy),
        *_lapse(hold, policy),
        *_send(hold, policy),
        *_release(hold, policy),
        *_extend(hold, policy),
        *_people(hold, policy),
        *_poll(hold, policy),
        *_review(hold, policy),
    )


# Waiting


def back_off(act: Act, policy: Policy, deadline: datetime | None) -> datetime:
    """When to try again after a failure: 1, 2, 4 … times the first wait, shorter as the deadline nears.

    What the provider asked for (Retry-After) counts where it is longer, within `policy.backoff_longest`. Never
    more than a quarter of the time left, so that some tries always remain, and never past it.
    """
    since = act.outcome_at or act.began_at
    wait: timedelta = policy.backoff_first * (1 << min(max(act.failures - 1, 0), 20))
    wait = min(max(wait, act.retry_after), policy.backoff_longest)
    if deadline is None or deadline <= since:
        return since + wait
    return min(since + max(min(wait, (deadline - since) / 4), policy.backoff_first / 5), deadline)


def _deadline(hold: Hold) -> datetime | None:
    """What a failing act races against: the hold's strict end, or else the first natural loss."""
    if hold.strict_at is not None:
        return hold.strict_at
    losses = next_losses(hold, hold.registered_at)
    return losses[0].at if losses else None


def _tell(
    hold: Hold,
    policy: Policy,
    about: str,
    at: datetime,
    because: str,
    *,
    rung: int = 8,
    level: int = 1,
    deadline: datetime | None = None,
    again: timedelta | None = None,
) -> Iterator[Decision]:
    """Tell a person at `at`, then the next level each time nobody acknowledges; the top level again and again.

    To acknowledge is not to have done it: with `again`, it is raised anew so long after the
    acknowledgement, as long as the record still asks for it.
    """
    top = len(policy.ladder)
    told = hold.escalations.get(about)
    if told is not None and told.acknowledged_at is not None:
        if again is None:
            return
        at = told.acknowledged_at + again
        if deadline is not None and deadline > told.acknowledged_at:
            at = min(at, told.acknowledged_at + (deadline - told.acknowledged_at) / 2)
        because = f"{because}; acknowledged on {said(told.acknowledged_at.date())}, and still open"
    elif told is not None:
        level = min(told.level + 1, top)
        wait = policy.ladder[min(told.level, top) - 1].acknowledge_within
        if not told.delivered:
            wait = policy.backoff_first if told.level < top else policy.backoff_first * 4
        if deadline is not None and deadline > told.at:
            wait = max(min(wait, (deadline - told.at) / 4), policy.backoff_first)
        at = told.at + wait
        because = (
            f"{because}; {'nobody acknowledged' if told.delivered else 'could not be told'} (level {told.level})"
        )
    yield Decision(action=Do.ESCALATE, due_at=at, because=because, about=about, level=min(level, top), rung=rung)


# The rungs


def _look_up(hold: Hold, policy: Policy) -> Iterator[Decision]:
    act = hold.open_act
    if act is None:
        return
    what = f"{act.action} {act.sequence} has no known outcome"
    if hold.terms.abilities.find:
        at = back_off(act, policy, _deadline(hold)) if act.outcome else act.began_at
        yield Decision(
            action=Do.LOOK_UP,
            due_at=at,
            because=f"{what}: ask the provider before anything is sent again",
            sequence=act.sequence,
            about=act.action,
            rung=1,
        )
        if _must_be_told(act):
            yield from _tell(hold, policy, _about_act("outcome-unknown", act), act.outcome_at or act.began_at, what)
    else:
        why = f"{what}, and this provider cannot be asked by machine: ask it, and record what it says"
        at = act.outcome_at or act.began_at
        yield from _tell(
            hold,
            policy,
            _about_act("outcome-unknown", act),
            at,
            why,
            rung=1,
            deadline=_deadline(hold),
            again=policy.chase_every,
        )


def _must_be_told(act: Act) -> bool:
    """Whether a failing act is a person's matter: too often in a row, or our own set-up is wrong."""
    return act.failures >= FAILURES_UNTIL_TOLD or act.ground == "configuration"


def _about_act(word: str, act: Act) -> str:
    return f"{word}:{act.action}-{act.sequence}"


def _short(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.ended:
        return
    for rule, clock, about in running_short_clocks(hold):
        strikes = clock.strikes_at
        opened = clock.opens_at or strikes
        by = said_long(clock.strict_on) if clock.strict_on else f"{strikes:%H:%M} UTC on {said(strikes.date())}"
        because = f"{rule.kind} due by {by} ({rule.source.text}); if missed: {rule.consequence}"
        yield from _tell(hold, policy, about, opened, because, rung=2, deadline=strikes)
        last = max(opened, strikes - policy.clarify_lead)
        yield from _tell(hold, policy, f"{about}:last-hours", last, because, rung=2, level=99, deadline=strikes)


def _imminent(hold: Hold, policy: Policy) -> Iterator[Decision]:
    ends, strict_at = hold.expiry, hold.strict_at
    if ends is None or strict_at is None or hold.ended or _leaving(hold):
        return
    at = strict_at - policy.imminent
    because = f"the hold ends with {said_long(ends.strict_on)} (strict) and nothing is confirmed in its place"
    window = extension_window(hold, policy)
    if window is not None and hold.terms.abilities.extend:
        act = hold.act("extend", window.number)
        if act is None or act.outcome in {"unavailable", "absent"}:
            again = at if act is None else max(at, _soon(act, policy))
            until = window.closes_at if window.impossible_after_close else None
            yield Decision(
                action=Do.EXTEND, due_at=again, because=because, sequence=window.number, rung=3, until=until
            )
    yield from _tell(hold, policy, f"imminent:{ends.strict_on}", at, because, rung=3, level=99, deadline=strict_at)


def _soon(act: Act, policy: Policy) -> datetime:
    """The next try on the imminent rung: with every sweep, whatever the back-off says."""
    return (act.outcome_at or act.began_at) + min(policy.sweep_interval, policy.backoff_first)


def _leaving(hold: Hold) -> bool:
    """Whether the hold is to end: let go, or done with."""
    return hold.release_asked_at is not None or hold.produced_at is not None


def _lapse(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.ended or hold.stop is not None or _leaving(hold):
        return
    ends, at = hold.expiry, hold.strict_at
    if hold.expired_at is not None:
        yield Decision(
            action=Do.LAPSE, due_at=hold.expired_at, because="the provider says that the hold has ended", rung=4
        )
    elif ends is not None and at is not None:
        because = f"the strict end {said_long(ends.strict_on)} has passed with nothing in its place"
        yield Decision(action=Do.LAPSE, due_at=at, because=because, rung=4)


def _send(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.strict_start is not None or hold.ended or hold.open_act is not None or _leaving(hold):
        return
    act = hold.act("send")
    if act is None:
        urgent = "an emergency" if hold.urgency == "emergency" else "registered"
        yield Decision(action=Do.SEND, due_at=hold.registered_at, because=f"{urgent}, not yet sent", rung=5)
    elif act.outcome in {"unavailable", "absent"}:
        at = back_off(act, policy, _deadline(hold)) if act.failures else (act.outcome_at or act.began_at)
        because = f"not accepted so far ({act.failures} failed)" if act.failures else "the provider does not have it"
        yield Decision(action=Do.SEND, due_at=at, because=because, rung=5)


def _release(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.released_at is not None or hold.open_act is not None or hold.strict_start is None:
        return
    if hold.state in {State.REFUSED, State.NOT_HELD, State.LAPSED}:
        return
    asked, duty = hold.release_asked_at, hold.terms.instrument.release_duty
    if asked is None and not (hold.produced_at and duty):
        return
    due = asked or hold.produced_at or hold.registered_at
    because = "release asked for" if asked else "produced, and the law makes the release a duty"
    if not hold.terms.abilities.release:
        why = f"{because}: tell the provider, and record it"
        yield from _tell(hold, policy, "release", due, why, rung=6, again=policy.chase_every)
        return
    act = hold.act("release")
    if act is None or act.outcome in {"unavailable", "absent"}:
        at = due if act is None or not act.failures else back_off(act, policy, None)
        yield Decision(action=Do.RELEASE, due_at=at, because=because, rung=6)
    elif act.outcome in {"refused", "unsupported"}:
        why = f"{because}: the release was {act.outcome}; tell the provider, and record it"
        yield from _tell(hold, policy, "release", act.outcome_at or due, why, again=policy.chase_every)


def _extend(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.ended or hold.stop is not None or _leaving(hold) or hold.open_act is not None:
        return
    ends, strict_at = hold.expiry, hold.strict_at
    if ends is None or strict_at is None:
        return
    window = extension_window(hold, policy)
    if window is None:
        yield from _ending(hold, policy)
        return
    act = hold.act("extend", window.number)
    safe_at = end_of(window.safe_on, hold.terms.provider.zone)
    if not hold.terms.abilities.extend or (act is not None and act.outcome == "unsupported"):
        why = f"extension {window.number} must be asked for by a person, safely by {said_long(window.safe_on)}"
        yield from _tell(
            hold,
            policy,
            f"extension:{window.number}",
            window.best_at,
            why,
            rung=7,
            deadline=safe_at,
            again=policy.chase_every,
        )
    elif act is None or act.outcome in {"unavailable", "absent"}:
        at = window.best_at if act is None or not act.failures else back_off(act, policy, safe_at)
        because = f"extension {window.number} of {window.period}: the hold ends {said_long(ends.strict_on)} (strict)"
        until = window.closes_at if window.impossible_after_close else None
        yield Decision(action=Do.EXTEND, due_at=at, because=because, sequence=window.number, rung=7, until=until)
        if act is not None and _must_be_told(act):
            why = f"{because}; {act.failures} attempts failed"
            yield from _tell(
                hold, policy, f"extension:{window.number}", act.outcome_at or at, why, rung=7, deadline=safe_at
            )
    elif act.outcome == "sent":
        confirmed_by = (act.outcome_at or act.began_at) + policy.chase_every * policy.chases
        why = f"extension {window.number} was sent on {said(act.began_at.date())} and is not confirmed"
        yield from _tell(
            hold, policy, f"extension:{window.number}", min(confirmed_by, strict_at), why, rung=7, deadline=strict_at
        )


def _ending(hold: Hold, policy: Policy) -> Iterator[Decision]:
    """A hold that no extension may be relied upon for: a person must find another way before it ends."""
    ends, strict_at, start = hold.expiry, hold.strict_at, hold.strict_start
    if ends is None or strict_at is None or start is None:
        return
    refused = [act for act in hold.acts.values() if act.action == "extend" and act.outcome == "refused"]
    before = hold.expiry_after(hold.granted - 1) if hold.granted else None
    from_on = before.strict_on if before else start
    warn_on = from_on + timedelta(days=int((ends.strict_on - from_on).days * policy.extend_fraction))
    at = start_of(warn_on, hold.terms.provider.zone)
    if refused:
        at = refused[-1].outcome_at or at
    why = "the extension was refused" if refused else "no extension may be relied upon"
    steps = ", ".join(f"{step.step} by {said(step.on)}" for step in last_safe(hold, policy, at))
    because = f"the hold ends {said_long(ends.strict_on)} (strict) and {why}" + (f"; {steps}" if steps else "")
    about = f"ending:{ends.strict_on}" + (":refused" if refused else "")
    yield from _tell(hold, policy, about, at, because, deadline=strict_at)


def _people(hold: Hold, policy: Policy) -> Iterator[Decision]:
    yield from _about_sending(hold, policy)
    if hold.lapsed_at is not None and hold.stop is None:
        because = "the hold lapsed: nothing is known to be kept any more"
        yield from _tell(hold, policy, f"lapsed:{hold.lapsed_at:%Y-%m-%d}", hold.lapsed_at, because, level=99)
    if hold.ended or _leaving(hold):
        return
    missing = [item for item in hold.items if item.outcome in {"not-found", "refused"}]
    if missing and (told_at := hold.acknowledged_at):
        because = f"{len(missing)} of {len(hold.items)} identifiers are not preserved: check them"
        yield from _tell(hold, policy, f"items:{len(missing)}", told_at, because)
    yield from _about_answer(hold, policy)
    yield from _about_coverage(hold, policy)
    for clock in clocks(hold, policy, hold.registered_at) if hold.strict_start else ():
        if clock.kind in {"confidentiality-end", "proof-of-mla"} and hold.stop is None:
            if clock.kind == "proof-of-mla" and hold.mla.received_on:
                continue
            at = max(hold.registered_at, clock.strikes_at - policy.file_mla_lead)
            yield from _tell(hold, policy, clock.kind, at, "; ".join(clock.derivation), deadline=clock.strikes_at)


def _about_sending(hold: Hold, policy: Policy) -> Iterator[Decision]:
    act = hold.act("send")
    if hold.not_held and hold.acknowledged_at:
        because = "the provider has none of the accounts: check every identifier, and send a new request"
        yield from _tell(hold, policy, "not-held", hold.acknowledged_at, because)
    if act is None or hold.strict_start is not None:
        return
    at = act.outcome_at or act.began_at
    if act.outcome == "refused":
        because = f"the provider refused the request ({act.ground or 'other'})"
        yield from _tell(hold, policy, "refused", at, because, deadline=_deadline(hold))
    elif act.outcome == "unsupported":
        because = "this channel cannot send it: a person must, and record what the provider says"
        yield from _tell(hold, policy, "channel", at, because, deadline=_deadline(hold), again=policy.chase_every)
    elif act.outcome == "unavailable" and _must_be_told(act):
        ours = act.ground == "configuration"
        because = "our own set-up" if ours else "the provider accepts nothing"
        because = f"{because}: {act.failures} attempts failed"
        yield from _tell(hold, policy, "unreachable", at, because, deadline=_deadline(hold))


def _about_answer(hold: Hold, policy: Policy) -> Iterator[Decision]:
    """Nobody has said that the request arrived."""
    due = acknowledgement_due(hold, policy)
    if hold.acknowledged_at is not None or due is None:
        return
    at = due.strikes_at
    if hold.terms.abilities.poll:
        at += policy.chase_every * policy.chases
    because = f"no receipt, though it was due ({'; '.join(due.derivation)}): call the provider"
    yield from _tell(hold, policy, "acknowledgement", at, because, deadline=hold.strict_at, again=policy.poll_every)


def _about_coverage(hold: Hold, policy: Policy) -> Iterator[Decision]:
    """Whether any chain of holds reaches the MLA answer, told on day 0; then each step before its last safe day."""
    if hold.stop is not None:
        return
    since = hold.sent_at or hold.registered_at
    seen = coverage(hold, policy, since)
    if not seen.gap_days_p90:
        return
    planned = [stop for stop in seen.reachable if stop.step == "file-mla" and hold.mla.planned_on]
    steps = ", ".join(f"{step.step} by {said(step.on)}" for step in last_safe(hold, policy, since))
    ends = said(seen.strict_on) if seen.strict_on else "at once"
    because = (
        f"no chain of holds reaches the MLA answer: it ends {ends}, the answer is expected by"
        f" {said(seen.p90_on)} (p90, {seen.gap_days_p90} days later)"
    )
    if not planned:
        way = f"; last safe days: {steps}" if steps else ""
        yield from _tell(hold, policy, "coverage", since, because + way)
    for step in last_safe(hold, policy, since):
        if step.step in {"send", "extend", "answer-clarification"}:
            continue
        if step.step == "file-mla" and not seen.reachable:
            continue  # already told with the coverage: filing alone cannot close this gap
        deadline = end_of(step.on, hold.terms.provider.zone)
        lead = policy.file_mla_lead if step.step == "file-mla" else policy.announce_lead
        because = f"{step.step} by {said_long(step.on)}: {step.because}"
        yield from _tell(
            hold, policy, f"{step.step}:{step.on}", max(since, deadline - lead * 2), because, deadline=deadline
        )


def _poll(hold: Hold, policy: Policy) -> Iterator[Decision]:
    if hold.ended or hold.sent_at is None or not hold.terms.abilities.poll or hold.open_act is not None:
        return
    waiting = hold.acknowledged_at is None or hold.in_force_at is None or hold.polls_unanswered
    every = policy.chase_every if waiting else policy.poll_every
    every = every * 2 ** min(hold.polls_failed, 4)
    last = max(moment for moment in (hold.polled_at, hold.sent_at) if moment)
    because = "no confirmation yet: ask" if waiting else "ask whether the hold still stands"
    yield Decision(action=Do.POLL, due_at=last + every, because=because, rung=9)


def _review(hold: Hold, policy: Policy) -> Iterator[Decision]:
    """A hold without an end has a next instant too."""
    if hold.ended or _leaving(hold) or hold.stop is None:
        return
    duty = " (the law makes that a duty)" if hold.terms.instrument.release_duty else ""
    because = f"is the hold still needed? release it if not{duty}"
    due = start_of(hold.stop[1], hold.terms.provider.zone) + policy.review_every
    yield from _tell(hold, policy, "review", due, because, rung=10, again=policy.review_every)
