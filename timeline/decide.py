"""What next? A ladder of duties, and the one that is due.

`duties` lists everything that a hold's record asks for, each with the instant it falls due. It does not know
what time it is: duties follow from the record alone. `decide` picks for `now`: of what is due, the highest
rung; else what falls due next. So time alone never calms a hold down: a duty once due stays due until an
event answers it, or until a higher one takes its place.

The rungs, top down (`LADDER`):

1.  ask what became of a sending whose outcome is not known; it is not sent again before that
2.  the short clocks that run against ourselves (EU: clarification, validation; before the sending, on rung 5), and
    what a person asked us to say that stops a clock: an answer to a clarification, the announcement of the production
3.  the lapse, recorded and told: before anything that might hide it
4.  the **imminent** rung: fewer than N sweep intervals before a strict expiry, whatever any back-off,
    window or other signal says: extend now, and tell the top of the ladder
5.  the first sending, or who must give the go-ahead or approve it
6.  the release
7.  the extension in its window; what a person must do about it, or about an end that no extension moves
8.  what a person must know or decide, level by level until one acknowledges
9.  asking the provider how it stands
10. a review of holds without an end

On one rung acts come before telling, and the higher level of telling before the lower. Rungs 3, 4 and 7 are in
`timeline.ending`, rung 8 in `timeline.people`, what waits for a second person in `timeline.custody`, the others here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain as joined

from timeline.acts import Act
from timeline.custody import draft, of_erased, second_person
from timeline.days import said, said_at, said_long, start_of
from timeline.dues import Within, running, within
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
)
from timeline.ending import extension_or_end, imminent, lapse
from timeline.hold import Hold, State
from timeline.people import what_people_must_know
from timeline.rules import Policy, ShortClock

__all__ = ["LADDER", "Decision", "Do", "choose", "decide", "duties", "first_due"]


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
    """Of these duties, the highest rung that is due; else the one that falls due first. Otherwise as `decide`."""
    if now.tzinfo is not UTC and now.utcoffset() != timedelta():
        raise ValueError(f"expected an instant in UTC, found {now!r}")
    due = [each for each in wanted if each.due(now)]
    if due:
        return min(due, key=_urgency)
    return first_due([each for each in wanted if each.due_at is not None and each.due_at > now]) or FINAL


def first_due(wanted: Sequence[Decision]) -> Decision | None:
    """The duty that falls due first, whatever the time: what a ledger's index keeps. None: final."""
    return min(wanted, key=lambda each: (each.due_at, each.rung), default=None)


FINAL = Decision(action=Do.NOTHING, due_at=None, words=lambda: "final: nothing is held and nobody waits")


def _urgency(each: Decision) -> tuple[int, bool, int, datetime | None]:
    return each.rung, each.action is Do.ESCALATE, -each.level, each.due_at


def duties(hold: Hold, policy: Policy) -> tuple[Decision, ...]:
    """All that the record asks for, due or not, most urgent rung first. Empty: final."""
    seen = look_at(hold, policy)
    if hold.erased_at is not None:
        return tuple(of_erased(seen))
    return tuple(joined.from_iterable([rung(seen) for rung in LADDER]))


# 1: what became of it


def _look_up(seen: Sight) -> Iterator[Decision]:
    for act in seen.hold.acts.values():
        if act.open and _matters(seen, act):
            yield from _ask(seen, act)


def _matters(seen: Sight, act: Act) -> bool:
    """Whether it still matters what became of an act: not once the hold is let go, or gone for long."""
    hold = seen.hold
    if hold.released_at is not None or (hold.produced_at is not None and act.action == "send"):
        return False
    if act.action in {"announce", "clarify"}:
        return seen.live
    if act.action != "extend" or seen.live:
        return True
    late = seen.lapsed and not hold.leaving and hold.terms.abilities.find
    return late and hold.lapsed_at is not None and act.last_at < hold.lapsed_at + seen.policy.review_every


def _ask(seen: Sight, act: Act) -> Iterator[Decision]:
    what, about = f"{act.action} {act.sequence} has no known outcome", f"outcome-unknown:{act.action}-{act.sequence}"
    deadline, since = races_against(seen), act.failing_since or act.last_at
    by_machine = seen.hold.terms.abilities.find
    if by_machine:
        yield Decision(
            action=Do.LOOK_UP,
            due_at=back_off(act, seen.policy, deadline) if act.outcome else act.began_at,
            words=lambda: f"{what}: ask the provider before it is sent again",
            sequence=act.sequence,
            about=act.action,
            rung=1,
        )
    if must_be_told(act) or not by_machine:
        why = f"though asked {act.failures} times" if by_machine else "and this provider cannot be asked by machine"
        yield from tell(
            seen,
            about,
            since,
            lambda: f"{what}, {why}: ask the provider, and record what it says",
            rung=8 if by_machine else 1,
            deadline=deadline,
            again=seen.patience,
        )


# 2: the short clocks


def _short(seen: Sight) -> Iterator[Decision]:
    for rule, came_at, about in running(seen.hold) if seen.live else ():
        over = within(seen.hold, rule, came_at)
        last = max(came_at + (over.strict_at - came_at) / 2, over.strict_at - seen.policy.clarify_lead)
        yield from tell_in_stages(
            seen,
            (
                (about, came_at, 1),
                (f"{about}:last-hours", last, seen.top),
                (f"{about}:missed", over.strict_at, seen.top),
            ),
            partial(_short_words, rule, over),
            rung=5 if seen.hold.unsent else 2,  # nobody is told before the sending itself was tried
            deadline=over.strict_at,
            again=seen.policy.chase_every,
            missed=partial(_short_words, rule, over, missed=True),
        )


def _short_words(rule: ShortClock, over: Within, *, missed: bool = False) -> str:
    by = said_long(over.strict_on) if over.strict_on else said_at(over.strict_at)
    if missed:
        what = f"{rule.kind} was due by {by} ({rule.source.provision}) and is not recorded"
        return f"{what}: {rule.consequence}; if it was done in time, record `{rule.met_by}`"
    return f"{rule.kind} due by {by} ({rule.source.provision}); if missed: {rule.consequence}"


def _asked_to_say(seen: Sight) -> Iterator[Decision]:
    """What a person asked us to tell the provider, and what stops a clock by being told."""
    hold = seen.hold
    if not seen.live or hold.unsent:
        return
    able = hold.terms.abilities
    if hold.answering is not None and hold.to_answer is not None:
        yield from _tell_provider(
            seen,
            Do.CLARIFY,
            hold.answering[0],
            hold.answering[1],
            by_machine=able.clarify,
            because="the answer to its clarification",
            record="clarification-answered",
        )
    if hold.announcing is not None and "production-announced" not in hold.stops:
        number, asked_at, issued_on = hold.announcing
        yield from _tell_provider(
            seen,
            Do.ANNOUNCE,
            number,
            asked_at,
            by_machine=able.announce,
            because=f"production was requested on {said(issued_on)}",
            record="production-announced",
        )


def _tell_provider(
    seen: Sight, action: Do, sequence: int, asked_at: datetime, *, by_machine: bool, because: str, record: str
) -> Iterator[Decision]:
    """Say one thing to the provider by machine; by a person where the channel cannot, or where it went wrong."""
    act, rung = seen.hold.act(action, sequence), 6 if action is Do.RELEASE else 2
    deadline = None if action is Do.RELEASE else seen.strict_at
    by_person = not by_machine or (act is not None and act.outcome in {"refused", "unsupported"})
    if not by_person and (act is None or act.unsent):
        at = asked_at if act is None else back_off(act, seen.policy, deadline) if act.failures else act.last_at
        yield Decision(action=action, due_at=at, words=lambda: because, sequence=sequence, rung=rung)
    if by_person or (act is not None and act.unsent and must_be_told(act)):
        tried = f"; {act.failures} attempts failed ({act.outcome})" if act is not None else ""
        yield from tell(
            seen,
            str(action),
            asked_at if act is None else act.failing_since or act.last_at,
            lambda: (
                f"{because}{tried}: tell the provider, with what"
                f" `holdfast packet {seen.hold.request} --action {action}` hands over; record `{record}`"
            ),
            rung=rung if by_person else 8,
            deadline=deadline,
            again=seen.patience,
        )


# 5: the first sending


def _send(seen: Sight) -> Iterator[Decision]:
    hold = seen.hold
    if not seen.live or not hold.unsent or "send" in hold.waiting or hold.drafted_at is not None:
        return
    act = hold.act("send")
    if act is None:
        urgent = "an emergency" if hold.urgency == "emergency" else "registered"
        yield Decision(action=Do.SEND, due_at=hold.registered_at, words=lambda: f"{urgent}, not yet sent", rung=5)
    elif act.unsent:
        why = f"not accepted so far ({act.failures} failed)" if act.failures else "the provider does not have it"
        at = back_off(act, seen.policy, races_against(seen)) if act.failures else act.last_at
        yield Decision(action=Do.SEND, due_at=at, words=lambda: why, rung=5)


# 6: the release


_TWO_PEOPLE = (
    "produced, and the law makes the release a duty: ask for it with `holdfast release {}`, and have a second person"
    " approve it"
)


def _release(seen: Sight) -> Iterator[Decision]:
    hold, asked = seen.hold, seen.hold.release_asked_at
    due = asked or (hold.produced_at if hold.terms.instrument.release_duty else None)
    if due is None or hold.unsent or seen.state in {State.RELEASED, State.REFUSED, State.NOT_HELD}:
        return
    if asked is None and (seen.policy.four_eyes.release or "release" in hold.waiting):
        if "release" not in hold.waiting:
            yield from tell(seen, "release", due, lambda: _TWO_PEOPLE.format(hold.request), again=seen.patience)
        return
    yield from _tell_provider(
        seen,
        Do.RELEASE,
        1,
        due,
        by_machine=hold.terms.abilities.release,
        because="release asked for" if asked else "produced, and the law makes the release a duty",
        record="released",
    )


# 9: asking


def _poll(seen: Sight) -> Iterator[Decision]:
    hold, policy, pending = seen.hold, seen.policy, seen.hold.unconfirmed
    # What it says has ended may have been a slip; and an extension may be confirmed late.
    late = seen.lapsed and (pending is not None or hold.expired_at is not None)
    if hold.sent_at is None or not hold.terms.abilities.poll or not (seen.live or late):
        return
    waiting = hold.acknowledged_at is None or hold.in_force_at is None or pending is not None
    every = (policy.chase_every if waiting else policy.poll_every) * (1 << min(hold.polls_failed, 4))
    last = max(hold.polled_at or hold.sent_at, hold.sent_at)
    if pending is not None:
        last = max(last, pending.last_at)
        if (
            seen.strict_at is not None and seen.strict_at > last
        ):  # the nearer the end, the more a confirmation is worth
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
    duty = " (the law makes that a duty)" if hold.terms.instrument.release_duty else ""
    since = start if seen.stop is None else max(start, seen.stop[1])
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
    _asked_to_say,
    lapse,
    imminent,
    _send,
    draft,
    second_person,
    _release,
    extension_or_end,
    what_people_must_know,
    _poll,
    _review,
)
"""Every rung, top down."""
