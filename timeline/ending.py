"""What is done about the end of a hold: rungs 3 (the lapse), 4 (the imminent end) and 7 (the extension)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from timeline.acts import Act
from timeline.coverage import court_steps, last_day_for, steps_said
from timeline.days import DAY, end_of, said, said_long, start_of, whole_days
from timeline.duty import (
    Decision,
    Do,
    Sight,
    Words,
    afterwards,
    back_off,
    end_said,
    must_be_told,
    tell,
    tell_in_stages,
    was_told,
)
from timeline.rules import Policy
from timeline.window import Window, part_of, running_from

# 3: the lapse


def lapse(seen: Sight) -> Iterator[Decision]:
    """Record that the end has passed; tell the top of the ladder."""
    hold, ends = seen.hold, seen.ends
    if seen.lapsed and not hold.leaving:
        yield from _tell_of_lapse(seen)
    elif not seen.live:
        return
    elif hold.expired_at is not None:
        yield Decision(
            action=Do.LAPSE, due_at=hold.expired_at, words=lambda: "the provider says that the hold has ended", rung=3
        )
    elif ends is not None:
        yield Decision(
            action=Do.LAPSE,
            due_at=seen.strict_at,
            words=lambda: f"the strict end {said_long(ends.strict_on)} has passed with nothing in its place",
            rung=3,
        )


def _tell_of_lapse(seen: Sight) -> Iterator[Decision]:
    at, about = _lapsed_at(seen), _lapse_about(seen)
    stages = [(about, at, seen.top)]
    if (window := _late_window(seen)) is not None:
        stages.append((f"{about}:too-late", _given_up_at(seen, window), seen.top))

    def words() -> str:
        why, pending = "the provider says that it has ended", seen.hold.unconfirmed
        if seen.hold.expired_at is None and seen.ends is not None:
            why = f"the strict end {said_long(seen.ends.strict_on)} has passed"
        if pending is not None:
            why += f"; extension {pending.sequence} was sent on {said(pending.last_at.date())} and never confirmed"
        then = afterwards(seen.hold)
        return f"the hold lapsed ({why}): ask the provider what it still keeps; {then}"

    yield from tell_in_stages(seen, tuple(stages), words, rung=3, deadline=None)


def _lapsed_at(seen: Sight) -> datetime:
    at = seen.hold.lapsed_at
    assert at is not None  # noqa: S101 - asked only of what lapsed
    return at


def _lapse_about(seen: Sight) -> str:
    return f"lapsed:{_lapsed_at(seen):%Y-%m-%d}"


def _late_window(seen: Sight) -> Window | None:
    """The window of an extension that is still worth sending although the strict end has passed."""
    window = seen.window if seen.lapsed and not seen.hold.leaving and seen.hold.expired_at is None else None
    return window if window is not None and _may_send(seen, window) else None


def _given_up_at(seen: Sight, window: Window) -> datetime:
    """When a late extension is given up: with the legal day; where that closes nothing, a day after the lapse."""
    return window.closes_at if window.impossible_after_close else max(window.closes_at, _lapsed_at(seen) + DAY)


# 4: the imminent end


def imminent(seen: Sight) -> Iterator[Decision]:
    """Whatever else is said: extend, and tell the top of the ladder. Also just after the end, while it may help."""
    if (late := _late_window(seen)) is not None:
        yield from _extend_late(seen, late)
    at, ends, window = seen.imminent_at, seen.ends, seen.window
    if not seen.live or at is None or ends is None:
        return

    def words() -> str:
        return f"{end_said(seen.hold, ends)} and nothing is confirmed in its place"

    if window is not None and _may_send(seen, window):
        act = seen.hold.act("extend", window.number)
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
    ways += [_FROM_A_COURT[each.step] for each in court_steps(seen.hold, seen.policy)]
    if seen.hold.unconfirmed is not None:
        ways.append(f"the provider's word that it has extension {seen.hold.unconfirmed.sequence}")
    return f"; what still keeps it: {', or '.join(ways)}; record it" if ways else "; call the provider"


_FROM_A_COURT = {
    "ask-court": "an extension that the court permits",
    "apply-for-order": "a preservation order of a court",
}


def _soon(act: Act, policy: Policy) -> datetime:
    """The next try on the imminent rung: with every sweep, whatever the back-off says."""
    return act.last_at + min(policy.sweep_interval, policy.backoff_first)


def _extend_late(seen: Sight, window: Window) -> Iterator[Decision]:
    if was_told(seen.hold, f"{_lapse_about(seen)}:too-late", _given_up_at(seen, window)):
        return
    act, lapsed_at = seen.hold.act("extend", window.number), _lapsed_at(seen)
    at = lapsed_at if act is None else max(lapsed_at, back_off(act, seen.policy, None))
    what = f"extension {window.number} of {window.period}, late: the strict end has passed"
    yield _extension(window, at, lambda: what, rung=4)


def _extension(window: Window, at: datetime, words: Words, *, rung: int) -> Decision:
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


def _may_send(seen: Sight, window: Window) -> bool:
    """Whether a machine may send the extension now: it is known that the provider does not have it."""
    act = seen.hold.act("extend", window.number)
    return seen.hold.terms.abilities.extend and (act is None or act.unsent)


# 7: the extension in its window, or the end


def extension_or_end(seen: Sight) -> Iterator[Decision]:
    """Extend in the window; tell a person what only a person can do, until the imminent rung takes over."""
    ends, window = seen.ends, seen.window
    if not seen.live or ends is None:
        return
    if window is not None and _may_send(seen, window):
        act, at = seen.hold.act("extend", window.number), _wanted_at(seen, window)
        if act is not None and act.failures:
            at = max(at, back_off(act, seen.policy, window.safe_at))

        def words() -> str:
            courtesy = "" if window.relied else ", a courtesy that nothing may rely on"
            return (
                f"extension {window.number} of {window.period}{courtesy}:"
                f" {end_said(seen.hold, ends)}, it is safe until {said_long(window.safe_on)}"
            )

        yield _extension(window, at, words, rung=7)
    if seen.end_told:
        return
    if window is not None and window.relied:
        yield from _tell_of_extension(seen, window)
    else:
        yield from _tell_of_end(seen)


def _wanted_at(seen: Sight, window: Window) -> datetime:
    """When the extension is to be sent: on its best day, or before it where a person asked for that."""
    asked = seen.hold.extend_asked
    return min(window.best_at, asked[1]) if asked is not None and asked[0] == window.number else window.best_at


def _tell_of_extension(seen: Sight, window: Window) -> Iterator[Decision]:
    """An extension that the plan relies on needs a person: to send it, to unblock it, to have it confirmed."""
    number, act = window.number, seen.hold.act("extend", window.number)
    what, safe_on = f"extension {number} of {window.period}", window.safe_on
    if act is not None and act.outcome == "sent":
        sent, at, deadline = act, act.last_at + seen.patience, seen.strict_at

        def words() -> str:
            return f"{what} was sent on {said(sent.last_at.date())} and is not confirmed: call the provider"

    elif not _by_machine(seen, window):
        at, deadline = window.best_at, window.safe_at

        def words() -> str:
            return (
                f"{what} must be asked for by a person, safely by {said_long(safe_on)}, with what"
                f" `holdfast packet {seen.hold.request} --action extend` hands over; record it"
            )

    elif act is not None and act.unsent and must_be_told(act):
        failed, at, deadline = act, act.failing_since or act.last_at, window.safe_at

        def words() -> str:
            return f"{what}, safe until {said_long(safe_on)}: {failed.failures} attempts failed"

    else:
        return
    yield from tell(seen, f"extension:{number}", at, words, rung=7, deadline=deadline, again=seen.patience)


def _tell_of_end(seen: Sight) -> Iterator[Decision]:
    """A hold that no extension may be relied upon for: a person must find another way before it ends."""
    hold, ends, policy, window = seen.hold, seen.ends, seen.policy, seen.window
    if ends is None:
        return
    refused = [act for act in hold.acts.values() if act.action == "extend" and act.outcome == "refused"]
    step_on = min(_unplanned(seen, ends.strict_on), default=None)
    from_on, length = running_from(hold)
    warn_on = from_on + part_of(length, policy)
    if step_on is not None:
        warn_on = min(warn_on, step_on - whole_days(policy.extend_margin))
    if window is not None and not _by_machine(seen, window):
        warn_on = min(warn_on, window.best_on)
    at = max(act.last_at for act in refused) if refused else start_of(warn_on, seen.zone)
    step_at = end_of(step_on, seen.zone) if step_on else None

    def words() -> str:
        why = f"extension {refused[-1].sequence} was refused" if refused else "no extension may be relied upon"
        steps, then = steps_said(hold, policy, at), afterwards(hold)
        return f"{end_said(hold, ends)} and {why}{_hope(seen)}{steps}; else {then}"

    yield from tell(
        seen,
        f"ending:{ends.strict_on}",
        at,
        words,
        rung=7,
        deadline=step_at,
        again=seen.patience,
    )


def _unplanned(seen: Sight, end: date) -> Iterator[date]:
    """The last safe days of a court's steps, and of those to a stop event; an MLA request in time needs none."""
    for step in court_steps(seen.hold, seen.policy):
        yield step.on
    mla = seen.hold.mla
    for stop in seen.hold.terms.instrument.stop_events:
        on, done_on = last_day_for(stop, end, seen.policy), mla.sent_on or mla.planned_on
        if stop.step != "file-mla" or done_on is None or done_on > on:
            yield on


def _hope(seen: Sight) -> str:
    """What may still come: an MLA request on its way, and what may be asked for though nothing may rely on it."""
    sent_on = seen.hold.mla.sent_on
    knows = any(stop.step == "file-mla" for stop in seen.hold.terms.instrument.stop_events)
    on_its_way = f"; the MLA request left on {said(sent_on)}: record its receipt" if sent_on and knows else ""
    return _courtesy(seen) + on_its_way


def _courtesy(seen: Sight) -> str:
    window, hold = seen.window, seen.hold
    if window is None:
        possible = hold.granted < len(hold.terms.given) and not hold.extension_refused and hold.terms.set_aside
        return f" ({'; '.join(hold.terms.set_aside)})" if possible else ""
    what, act = f"extension {window.number} of {window.period}, a courtesy,", hold.act("extend", window.number)
    if act is not None and act.outcome == "sent":
        return f"; {what} was asked for on {said(act.last_at.date())} and is not confirmed"
    if _by_machine(seen, window):
        return f"; {what} is asked for from {said(window.best_on)} on"
    return (
        f"; {what} may be asked for by a person (`holdfast packet {hold.request} --action extend`),"
        f" safely by {said_long(window.safe_on)}"
    )
