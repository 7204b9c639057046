"""What next? A ladder of duties, and the one that is due.

`duties` lists everything that a hold's record asks for, each with the instant it falls due. It does not know
what time it is: duties follow from the record alone. `decide` picks for `now`: of what is due, the highest
rung; else what falls due next. So time alone never calms a hold down: a duty once due stays due until an
event answers it, or until a higher one takes its place.

The rungs, top down (`LADDER`):

1.  ask what became of a sending whose outcome is not known; it is not sent again before that
2.  the short clocks that run against ourselves (EU: clarification, validation)
3.  the lapse, recorded and told: before anything that might hide it
4.  the **imminent** rung: fewer than N sweep intervals before a strict expiry, whatever any back-off,
    window or other signal says: extend now, and tell the top of the ladder
5.  the first sending
6.  the release
7.  the extension in its window; what a person must do about it, or about an end that no extension moves
8.  what a person must know or decide, level by level until one acknowledges (`timeline.people`)
9.  asking the provider how it stands
10. a review of holds without an end

On one rung acts come before telling, and the higher level of telling before the lower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain as joined

from timeline.coverage import last_day_for, last_safe
from timeline.days import DAY, end_of, said, said_at, said_long, start_of, whole_days
from timeline.dues import running, within
from timeline.duty import (
    Decision,
    Do,
    Sight,
    back_off,
    look_at,
    must_be_told,
    races_against,
    tell,
    tell_in_stages,
    was_told,
)
from timeline.hold import Act, Hold, State
from timeline.people import what_people_must_know
from timeline.rules import Policy
from timeline.window import Window, part_of, running_from

__all__ = ["LADDER", "Decision", "Do", "choose", "decide", "duties"]


def decide(hold: Hold, policy: Policy, now: datetime) -> Decision:
    """What is to be done about a hold now, or else what falls due next.

    Args:
        hold: its state, from `timeline.state.fold`.
        policy: the unit's lead times and ladder.
        now: an aware instant in UTC, read once per sweep.

    Returns:
        A decision with ``due(now)`` true: do it. Else: nothing until `due_at`. `Do.NOTHING`: final.

    Raises:
        ValueError: `now` is naive or not in UTC.
    """
    return choose(duties(hold, policy), now)


def choose(wanted: Sequence[Decision], now: datetime) -> Decision:
    """Of these duties, the highest rung that is due; else the one that falls due first. Else as `decide`."""
    if now.tzinfo is not UTC and now.utcoffset() != timedelta():
        raise ValueError(f"expected an instant in UTC, found {now!r}")
    due = [each for each in wanted if each.due(now)]
    if due:
        return min(due, key=_urgency)
    coming = [each for each in wanted if each.due_at is not None and each.due_at > now]
    if coming:
        return min(coming, key=lambda each: (each.due_at, each.rung))
    return Decision(action=Do.NOTHING, due_at=None, words=lambda: "final: nothing is held and nobody waits")


def _urgency(each: Decision) -> tuple[int, bool, int, datetime | None]:
    return each.rung, each.action is Do.ESCALATE, -each.level, each.due_at


def duties(hold: Hold, policy: Policy) -> tuple[Decision, ...]:
    """All that the record asks for, due or not, most urgent rung first. Empty: final."""
    seen = look_at(hold, policy)
    return tuple(joined.from_iterable(rung(seen) for rung in LADDER))


# 1: what became of it


def _look_up(seen: Sight) -> Iterator[Decision]:
    for act in seen.hold.acts.values():
        if act.open and _matters(seen, act):
            yield from _ask(seen, act)


def _matters(seen: Sight, act: Act) -> bool:
    """Whether it still matters what became of an act: not once the hold is let go or gone for long."""
    hold = seen.hold
    if hold.released_at is not None or (hold.produced_at is not None and act.action == "send"):
        return False
    if act.action != "extend" or seen.live:
        return True
    late = seen.lapsed and not hold.leaving and hold.terms.abilities.find
    return late and hold.lapsed_at is not None and act.last_at < hold.lapsed_at + seen.policy.review_every


def _ask(seen: Sight, act: Act) -> Iterator[Decision]:
    what, about = f"{act.action} {act.sequence} has no known outcome", f"outcome-unknown:{act.action}-{act.sequence}"
    deadline, since = races_against(seen), act.failing_since or act.last_at
    if not seen.hold.terms.abilities.find:
        yield from tell(
            seen,
            about,
            since,
            lambda: f"{what}, and this provider cannot be asked by machine: ask it, and record what it says",
            rung=1,
            deadline=deadline,
            again=seen.policy.chase_every,
        )
        return
    yield Decision(
        action=Do.LOOK_UP,
        due_at=back_off(act, seen.policy, deadline) if act.outcome else act.began_at,
        words=lambda: f"{what}: ask the provider before it is sent again",
        sequence=act.sequence,
        about=act.action,
        rung=1,
    )
    if must_be_told(act):
        yield from tell(
            seen,
            about,
            since,
            lambda: f"{what} after {act.failures} questions: ask the provider, and record what it says",
            deadline=deadline,
            again=seen.policy.chase_every,
        )


# 2: the short clocks


def _short(seen: Sight) -> Iterator[Decision]:
    if seen.live:
        for rule, came_at, about in running(seen.hold):
            over = within(seen.hold, rule, came_at)
            last = max(came_at + (over.strict_at - came_at) / 2, over.strict_at - seen.policy.clarify_lead)

            def words(rule=rule, over=over) -> str:
                by = said_long(over.strict_on) if over.strict_on else said_at(over.strict_at)
                return f"{rule.kind} due by {by} ({rule.source.text}); if missed: {rule.consequence}"

            yield from tell_in_stages(
                seen,
                (
                    (about, came_at, 1),
                    (f"{about}:last-hours", last, seen.top),
                    (f"{about}:missed", over.strict_at, seen.top),
                ),
                words,
                rung=2,
                deadline=over.strict_at,
                again=seen.policy.chase_every,
            )


# 3: the lapse


def _lapse(seen: Sight) -> Iterator[Decision]:
    hold = seen.hold
    if hold.leaving:
        return
    if seen.lapsed:
        yield from _tell_of_lapse(seen)
    elif not seen.live:
        return
    elif hold.expired_at is not None:
        yield Decision(
            action=Do.LAPSE, due_at=hold.expired_at, words=lambda: "the provider says that the hold has ended", rung=3
        )
    elif seen.ends is not None:
        ends = seen.ends
        yield Decision(
            action=Do.LAPSE,
            due_at=seen.strict_at,
            words=lambda: f"the strict end {said_long(ends.strict_on)} has passed with nothing in its place",
            rung=3,
        )


def _tell_of_lapse(seen: Sight) -> Iterator[Decision]:
    at = seen.hold.lapsed_at
    assert at is not None  # noqa: S101 - it lapsed
    about, late = f"lapsed:{at:%Y-%m-%d}", _late_extension(seen)
    stages = [(about, at, seen.top)]
    if late is not None:
        stages.append((f"{about}:too-late", _too_late_at(seen, late, at), seen.top))

    def words() -> str:
        if seen.hold.expired_at is not None:
            why = "the provider says that the hold has ended"
        else:
            why = f"the strict end {said_long(seen.ends.strict_on)} has passed" if seen.ends else "it ended"
        pending = seen.hold.unconfirmed
        if pending is not None:
            why += f"; extension {pending.sequence} was sent on {said(pending.last_at.date())} and never confirmed"
        return f"the hold lapsed ({why}): ask the provider what it still keeps, and send a new request at once"

    yield from tell_in_stages(seen, tuple(stages), words, rung=3, deadline=None)


def _late_extension(seen: Sight) -> Window | None:
    """The window of the extension that is still worth sending although the strict end has passed."""
    window = seen.window if seen.lapsed and not seen.hold.leaving else None
    if window is None or seen.hold.expired_at is not None or not _by_machine(seen, window):
        return None
    act = seen.hold.act("extend", window.number)
    return window if act is None or act.unsent else None


def _too_late_at(seen: Sight, window: Window, lapsed_at: datetime) -> datetime:
    """When even a late extension is given up: with the legal day; where that closes nothing, a day after the lapse."""
    return window.closes_at if window.impossible_after_close else max(window.closes_at, lapsed_at + DAY)


# 4: the imminent end


def _imminent(seen: Sight) -> Iterator[Decision]:
    if (late := _late_extension(seen)) is not None:
        yield from _extend_late(seen, late)
    at, ends, window = seen.imminent_at, seen.ends, seen.window
    if not seen.live or at is None or ends is None:
        return

    def words() -> str:
        return f"the hold ends with {said_long(ends.strict_on)} (strict) and nothing is confirmed in its place"

    if window is not None and _by_machine(seen, window):
        act = seen.hold.act("extend", window.number)
        if act is None or act.unsent:
            yield _extension(window, at if act is None else max(at, _soon(act, seen.policy)), words, rung=4)
    yield from tell(
        seen,
        seen.end_about,
        at,
        lambda: words() + _way_out(seen),
        rung=4,
        level=seen.top,
        deadline=seen.strict_at,
        again=seen.policy.chase_every,
    )


def _way_out(seen: Sight) -> str:
    """What would still keep the data on the last day."""
    ways = [stop.what for stop in seen.hold.terms.instrument.stop_events]
    if seen.hold.unconfirmed is not None:
        ways.append(f"the provider's word that it has extension {seen.hold.unconfirmed.sequence}")
    return f"; what still keeps it: {', or '.join(ways)}: record it" if ways else "; call the provider"


def _soon(act: Act, policy: Policy) -> datetime:
    """The next try on the imminent rung: with every sweep, whatever the back-off says."""
    return act.last_at + min(policy.sweep_interval, policy.backoff_first)


def _extend_late(seen: Sight, window: Window) -> Iterator[Decision]:
    lapsed_at = seen.hold.lapsed_at
    assert lapsed_at is not None  # noqa: S101 - it lapsed
    if was_told(seen.hold, f"lapsed:{lapsed_at:%Y-%m-%d}:too-late", _too_late_at(seen, window, lapsed_at)):
        return
    act = seen.hold.act("extend", window.number)
    at = lapsed_at if act is None else max(lapsed_at, back_off(act, seen.policy, None))
    yield _extension(
        window, at, lambda: f"extension {window.number} of {window.period}, late: the strict end has passed", rung=4
    )


def _extension(window: Window, at: datetime, words: Callable[[], str], *, rung: int) -> Decision:
    return Decision(
        action=Do.EXTEND,
        due_at=at,
        words=words,
        sequence=window.number,
        rung=rung,
        until=window.closes_at if window.impossible_after_close else None,
    )


def _by_machine(seen: Sight, window: Window) -> bool:
    """Whether the extension can be asked for by a machine."""
    act = seen.hold.act("extend", window.number)
    return seen.hold.terms.abilities.extend and (act is None or act.outcome != "unsupported")


# 5: the first sending


def _send(seen: Sight) -> Iterator[Decision]:
    hold = seen.hold
    if not seen.live or not hold.unsent:
        return
    act = hold.act("send")
    if act is None:
        yield Decision(
            action=Do.SEND,
            due_at=hold.registered_at,
            words=lambda: f"{'an emergency' if hold.urgency == 'emergency' else 'registered'}, not yet sent",
            rung=5,
        )
    elif act.unsent:
        failed = act.failures > 0
        yield Decision(
            action=Do.SEND,
            due_at=back_off(act, seen.policy, races_against(seen)) if failed else act.last_at,
            words=lambda: (
                f"not accepted so far ({act.failures} failed)" if failed else "the provider does not have it"
            ),
            rung=5,
        )


# 6: the release


def _release(seen: Sight) -> Iterator[Decision]:
    hold, policy = seen.hold, seen.policy
    asked, duty = hold.release_asked_at, hold.terms.instrument.release_duty
    due = asked or (hold.produced_at if duty else None)
    if due is None or hold.unsent or seen.state in {State.RELEASED, State.REFUSED, State.NOT_HELD}:
        return
    because = "release asked for" if asked else "produced, and the law makes the release a duty"
    act = hold.act("release")
    if not hold.terms.abilities.release or (act is not None and act.outcome in {"refused", "unsupported"}):
        why = f"; the provider's channel said {act.outcome}" if act is not None else ""
        at = act.failing_since or act.last_at if act is not None else due
        yield from tell(
            seen,
            "release",
            at,
            lambda: f"{because}{why}: tell the provider, and record `released`",
            rung=6,
            again=policy.chase_every,
        )
    elif act is None or act.unsent:
        at = due if act is None else back_off(act, policy, None) if act.failures else act.last_at
        yield Decision(action=Do.RELEASE, due_at=at, words=lambda: because, rung=6)
        if act is not None and must_be_told(act):
            yield from tell(
                seen,
                "release",
                act.failing_since or act.last_at,
                lambda: f"{because}; {act.failures} attempts failed: tell the provider, and record `released`",
                again=policy.chase_every,
            )


# 7: the extension, or the end


def _extend(seen: Sight) -> Iterator[Decision]:
    ends, window = seen.ends, seen.window
    if not seen.live or ends is None:
        return
    if window is not None and _by_machine(seen, window):
        act = seen.hold.act("extend", window.number)
        if act is None or act.unsent:
            failed = act is not None and act.failures > 0
            safe_at = window.safe_at
            at = max(window.best_at, back_off(act, seen.policy, safe_at)) if act and failed else window.best_at

            def words() -> str:
                courtesy = "" if window.relied else ", a courtesy that nothing may rely on"
                return (
                    f"extension {window.number} of {window.period}{courtesy}: the hold ends"
                    f" {said_long(ends.strict_on)} (strict), so it is safe until {said_long(window.safe_on)}"
                )

            yield _extension(window, at, words, rung=7)
    if not seen.end_told:
        yield from _tell_of_end(seen)


def _tell_of_end(seen: Sight) -> Iterator[Decision]:
    """What a person must do so that the hold does not end: an extension's matter, or another way to be found."""
    window = seen.window
    if window is None or not window.relied or seen.ends is None:
        yield from _ending(seen)
        return
    act, number, policy = seen.hold.act("extend", window.number), window.number, seen.policy
    safe_at, safe = window.safe_at, said_long(window.safe_on)
    if not _by_machine(seen, window) and (act is None or act.outcome != "sent"):
        at, deadline = window.best_at, safe_at

        def words() -> str:
            return f"extension {number} of {window.period} must be asked for by a person, safely by {safe}: record it"

    elif act is not None and act.unsent and must_be_told(act):
        at, deadline = act.failing_since or act.last_at, safe_at

        def words() -> str:
            return f"extension {number} of {window.period}, safe until {safe}: {act.failures} attempts failed"

    elif act is not None and act.outcome == "sent":
        at, deadline = act.last_at + policy.chase_every * policy.chases, seen.strict_at or act.last_at

        def words() -> str:
            when = f"the hold ends {said_long(seen.ends.strict_on)} (strict)" if seen.ends else ""
            return f"extension {number} was sent on {said(act.began_at.date())} and is not confirmed; {when}: call the provider"

    else:
        return
    yield from tell(seen, f"extension:{number}", at, words, rung=7, deadline=deadline, again=policy.chase_every)


def _ending(seen: Sight) -> Iterator[Decision]:
    """A hold that no extension may be relied upon for: a person must find another way before it ends."""
    hold, ends, policy, window = seen.hold, seen.ends, seen.policy, seen.window
    assert ends is not None  # noqa: S101 - asked only of what ends
    refused = [act for act in hold.acts.values() if act.action == "extend" and act.outcome == "refused"]
    step_on = min(_unplanned(seen, ends.strict_on), default=None)
    from_on, length = running_from(hold)
    warn_on = from_on + part_of(length, policy)
    if step_on is not None:
        warn_on = min(warn_on, step_on - whole_days(policy.extend_margin))
    at = start_of(warn_on, seen.zone)
    if window is not None and not _by_machine(seen, window):
        at = min(at, window.best_at)
    if refused:
        at = max(act.last_at for act in refused)
    step_at = end_of(step_on, seen.zone) if step_on else None

    def words() -> str:
        why = f"extension {refused[-1].sequence} was refused" if refused else "no extension may be relied upon"
        return f"the hold ends {said_long(ends.strict_on)} (strict) and {why}{_courtesy(seen)}{_steps(seen, at)}"

    yield from tell(
        seen,
        f"ending:{ends.strict_on}",
        at,
        words,
        rung=7,
        deadline=step_at if step_at is not None and step_at > at else seen.strict_at,
        again=policy.chase_every,
    )


def _unplanned(seen: Sight, end: date) -> Iterator[date]:
    """The last safe days of the steps to a stop event, without an MLA request that is sent or planned in time."""
    mla = seen.hold.mla
    for stop in seen.hold.terms.instrument.stop_events:
        on, done_on = last_day_for(stop, end, seen.policy), mla.sent_on or mla.planned_on
        if stop.step != "file-mla" or done_on is None or done_on > on:
            yield on


def _courtesy(seen: Sight) -> str:
    """What may still be hoped for: an extension that can be asked for, though nothing may rely on it."""
    window, terms = seen.window, seen.hold.terms
    if window is None:
        possible = seen.hold.granted < len(terms.given) and not seen.hold.extension_refused
        return f" ({'; '.join(terms.set_aside)})" if possible and terms.set_aside else ""
    what = f"extension {window.number} of {window.period}, a courtesy,"
    act = seen.hold.act("extend", window.number)
    if act is not None and act.outcome == "sent":
        return f"; {what} was asked for on {said(act.began_at.date())} and is not confirmed"
    if _by_machine(seen, window):
        return f"; {what} is asked for from {said(window.best_on)} on"
    return f"; {what} may be asked for by a person, safely by {said_long(window.safe_on)}: record it"


def _steps(seen: Sight, at: datetime) -> str:
    steps = ", ".join(f"{step.step} by {said(step.on)}" for step in last_safe(seen.hold, seen.policy, at))
    return f"; last safe days: {steps}" if steps else ""


# 9: asking


def _poll(seen: Sight) -> Iterator[Decision]:
    hold, policy = seen.hold, seen.policy
    pending = hold.unconfirmed
    if hold.sent_at is None or not hold.terms.abilities.poll or not (seen.live or (seen.lapsed and pending)):
        return
    waiting = hold.acknowledged_at is None or hold.in_force_at is None or pending is not None
    every = (policy.chase_every if waiting else policy.poll_every) * (1 << min(hold.polls_failed, 4))
    last = max(hold.polled_at or hold.sent_at, hold.sent_at)
    if pending is not None:
        last = max(last, pending.last_at)
        if seen.strict_at is not None and seen.strict_at > last:  # its confirmation is worth ever more
            every = min(every, max((seen.strict_at - last) / 4, policy.backoff_first))
    if seen.lapsed and hold.lapsed_at is not None and last + every > hold.lapsed_at + policy.review_every:
        return
    yield Decision(
        action=Do.POLL,
        due_at=last + every,
        words=lambda: "no confirmation yet: ask" if waiting else "ask whether the hold still stands",
        rung=9,
    )


# 10: still needed?


def _review(seen: Sight) -> Iterator[Decision]:
    """A hold without an end has a next instant too."""
    hold, start = seen.hold, seen.hold.strict_start
    if not seen.live or seen.ends is not None or start is None:
        return
    since = start if seen.stop is None else max(start, seen.stop[1])
    duty = " (the law makes that a duty)" if hold.terms.instrument.release_duty else ""
    yield from tell(
        seen,
        "review",
        start_of(since, seen.zone) + seen.policy.review_every,
        lambda: f"is the hold still needed? release it if not{duty}",
        rung=10,
        again=seen.policy.review_every,
    )


LADDER: tuple[Callable[[Sight], Iterator[Decision]], ...] = (
    _look_up,
    _short,
    _lapse,
    _imminent,
    _send,
    _release,
    _extend,
    what_people_must_know,
    _poll,
    _review,
)
"""Every rung, top down."""
