"""The eighth rung: what a person must know or decide, each thing once, with what to do and by when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from timeline.coverage import coverage, steps_said, uncovered_from, ways_said
from timeline.days import end_of, said, said_at, said_long, start_of
from timeline.dues import Condition, conditions, receipt_due
from timeline.duty import Decision, Sight, afterwards, must_be_told, races_against, tell
from timeline.hold import State
from timeline.steps import BY_HAND


def what_people_must_know(seen: Sight) -> Iterator[Decision]:
    """Every open matter of a person about this request that no higher rung tells."""
    yield from _messages(seen)
    yield from _sending(seen)
    if not seen.live or seen.hold.unsent:
        return
    yield from _items(seen)
    yield from _conditions(seen)
    yield from _late_stop(seen)
    if seen.end_told:  # lesser matters are silent once the top of the ladder was told of the imminent end
        return
    yield from _answer(seen)
    yield from _silence(seen)
    if seen.stop is None and not (seen.ends and f"ending:{seen.ends.strict_on}" in seen.hold.escalations):
        yield from _coverage(seen)  # else the end of the chain is a matter of its own, which names every step
        yield from _mla(seen)


def _messages(seen: Sight) -> Iterator[Decision]:
    """What came in and nobody has settled; also for a hold that ended: the answer may say otherwise."""
    for message, at in seen.hold.messages.items():
        if at is not None:
            yield from tell(
                seen,
                f"message:{message[:12]}",
                at,
                lambda: "a message came in about this request, and nobody has settled it: `holdfast inbox`",
                deadline=seen.strict_at,
                again=seen.patience,
            )


_NOT_HELD = frozenset({State.REFUSED, State.NOT_HELD, State.REGISTERED})


def _sending(seen: Sight) -> Iterator[Decision]:
    """The request is not held: refused, not sent, or nothing there."""
    hold = seen.hold
    if hold.leaving:
        return
    state, act = seen.state, hold.act("send")
    if state not in _NOT_HELD:
        return
    deadline = races_against(seen)
    if state is State.REFUSED and hold.refused_at is not None:
        ground = (act.ground if act else "") or "other"
        yield from tell(
            seen,
            "refused",
            hold.refused_at,
            lambda: f"the provider refused the request ({ground}): mend it and send a new one, or go another way",
            deadline=deadline,
        )
    elif state is State.NOT_HELD and hold.missing_at is not None:
        yield from tell(
            seen,
            "not-held",
            hold.missing_at,
            lambda: f"the provider keeps none of the accounts: check every identifier; {afterwards(hold)}",
        )
    elif act is None:
        return
    elif act.outcome == "unsupported":
        yield from tell(
            seen,
            "channel",
            act.failing_since or act.last_at,
            lambda: (
                f"{BY_HAND}: a person must, with what `holdfast packet {hold.request}` hands over; then"
                " record `sent`, and what the provider says"
            ),
            deadline=deadline,
            again=seen.patience,
        )
    elif act.unsent and must_be_told(act):
        why = "our own set-up" if act.ground == "configuration" else "the provider accepts nothing"
        yield from tell(
            seen,
            "unreachable",
            act.failing_since or act.last_at,
            lambda: f"{why}: {act.failures} attempts failed; mend that, or send it another way and record `sent`",
            deadline=deadline,
            again=seen.patience,
        )


def _items(seen: Sight) -> Iterator[Decision]:
    items, since = seen.hold.items, seen.hold.missing_at
    if since is not None and (missing := sum(item.outcome not in {"pending", "preserved"} for item in items)):
        yield from tell(
            seen, "items", since, lambda: f"{missing} of {len(items)} identifiers are not preserved: check them"
        )


def _late_stop(seen: Sight) -> Iterator[Decision]:
    """What keeps the data came after the strict end, when they may have been deleted already."""
    hold, stop = seen.hold, seen.stop
    ends = hold.expiry_after(hold.granted)
    if stop is None or ends is None or hold.confirmed_since_stop or hold.expired_at is not None:
        return
    if stop[1] > ends.strict_on:
        came_on, strict_on = stop[1], ends.strict_on
        yield from tell(
            seen,
            "late-stop",
            end_of(strict_on, seen.zone),
            lambda: (
                f"what keeps the data came on {said(came_on)}, after the strict end {said_long(strict_on)}: have it"
                " confirmed that they are still there, and record `preserved`"
            ),
            level=seen.top,
            again=seen.patience,
        )


def _answer(seen: Sight) -> Iterator[Decision]:
    """Nobody has said that the request arrived; or that the data are kept."""
    hold, policy = seen.hold, seen.policy
    if hold.acknowledged_at is None:
        due = receipt_due(hold, policy)
        if due is not None:
            yield from tell(
                seen,
                "acknowledgement",
                due + seen.patience if hold.terms.abilities.poll else due,
                lambda: f"no receipt, though it was due by {said_at(due)}: call the provider",
                deadline=seen.strict_at,
                again=seen.patience,
            )
    elif hold.in_force_at is None:
        since = hold.acknowledged_at
        yield from tell(
            seen,
            "confirmation",
            since + seen.patience,
            lambda: f"received on {said(since.date())}, but nobody has said that the data are kept: ask the provider",
            deadline=seen.strict_at,
        )


def _silence(seen: Sight) -> Iterator[Decision]:
    """The provider cannot be asked how the hold stands."""
    hold, since = seen.hold, seen.hold.polls_failing_since
    if since is not None and hold.polls_failed >= seen.policy.chases:
        yield from tell(
            seen,
            "polls",
            since,
            lambda: (
                f"the provider could not be asked since {said(since.date())} ({hold.polls_failed} times):"
                " ask it another way whether the hold stands"
            ),
        )


def _coverage(seen: Sight) -> Iterator[Decision]:
    """Whether any chain of holds reaches the MLA answer: told on day 0, or when the MLA request leaves too late."""
    hold, policy, since = seen.hold, seen.policy, seen.hold.sent_at or seen.hold.registered_at
    told, at = hold.escalations.get("coverage"), uncovered_from(hold, policy, since)
    if at is None or (at == since and told is not None and told.acknowledged_at is not None):
        return

    def words() -> str:
        found = coverage(hold, policy, at)
        verdict = "no chain of holds reaches the MLA answer: it ends"
        if ways := ways_said(found, hold, policy, at):
            verdict = f"the MLA answer is reached only if you {ways}: else the chain of holds ends"
        end, left = said(found.strict_on) if found.strict_on else "at once", hold.mla.sent_on or hold.mla.received_on
        days = f"{found.gap_days_p90} day{'s' if found.gap_days_p90 != 1 else ''} later"
        if not left:
            days += f", if the MLA request leaves on {said(found.mla_sent_on)}: each day after it adds one"
        return (
            f"{verdict} {end}, the answer is expected by {said(found.p90_on)} (p90, {days})"
            f"{steps_said(hold, policy, at)}; when it ends: {afterwards(hold)}"
        )

    yield from tell(seen, "coverage", at, words)


def _mla(seen: Sight) -> Iterator[Decision]:
    """The MLA request that was planned and is not recorded as sent; or sent, and its receipt would stop the clock."""
    hold, policy, mla = seen.hold, seen.policy, seen.hold.mla
    if mla.received_on is not None:
        return
    stops = "mla-received" in [stop.kind for stop in hold.terms.instrument.stop_events]
    if mla.sent_on is not None:
        sent_on = mla.sent_on
        if stops:
            yield from tell(
                seen,
                "mla-receipt",
                start_of(sent_on, seen.zone) + policy.file_mla_lead,
                lambda: (
                    f"the MLA request left on {said(sent_on)}: has the requested State received it? record"
                    " `mla-received`, which keeps the data until its decision"
                ),
                deadline=seen.strict_at,
                again=seen.patience,
            )
    elif mla.planned_on is not None:
        planned_on = mla.planned_on
        yield from tell(
            seen,
            "mla-plan",
            end_of(planned_on, seen.zone),
            lambda: (
                f"the MLA request was planned for {said(planned_on)} and is not recorded as sent: record `mla-sent`,"
                " or each day moves the answer by a day"
            ),
            deadline=seen.strict_at if stops else None,
            again=seen.patience if stops else policy.review_every,
        )


def _conditions(seen: Sight) -> Iterator[Decision]:
    """What the provider's text attaches to the hold by a day."""
    hold = seen.hold
    for each in conditions(hold):
        proof = each.kind == "proof-of-mla"
        if proof and (seen.stop is not None or hold.mla.received_on is not None):
            continue
        yield from _condition(seen, each, again=seen.patience if proof and hold.mla.sent_on is None else None)


def _condition(seen: Sight, each: Condition, *, again: timedelta | None) -> Iterator[Decision]:
    over = end_of(each.on, seen.zone)
    yield from tell(
        seen,
        each.kind,
        over - seen.policy.file_mla_lead,
        lambda: f"by {said_long(each.on)} (day {each.day} of the hold) {each.step}: {each.text}",
        deadline=over,
        again=again,
    )
