"""What a duty is: what to do, from when, and why; how long to wait, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from timeline.acts import Act
from timeline.days import DAY, Expiry, end_of, said, said_long
from timeline.hold import ENDED, Hold, State
from timeline.loss import next_losses
from timeline.rules import PeriodKind, Policy
from timeline.window import Window, extension_window

Words = Callable[[], str]

FAILURES_UNTIL_TOLD = 3
"""After so many failed attempts of one act in a row a person is told."""

LONGEST_SILENCE = DAY
"""Nobody acknowledges: the top of the ladder is told again at least this often."""


class Do(StrEnum):
    """What is to be done about a hold."""

    LOOK_UP = "look-up"
    SEND = "send"
    EXTEND = "extend"
    RELEASE = "release"
    ANNOUNCE = "announce"
    CLARIFY = "clarify"
    POLL = "poll"
    ESCALATE = "escalate"
    LAPSE = "lapse"
    NOTHING = "nothing"  # final


class Decision(NamedTuple):
    """What to do, when it falls due, and why. `due_at` is None only for a final state.

    `about`, `level` and `deadline` (the end towards which its telling hurries) belong to an escalation, `sequence` to
    an act at the provider. A duty whose `until` has passed can no longer be met. The reason is put into words only
    when it is read. A tuple and no dataclass: a sweep over half a million holds makes several millions of them.
    """

    action: Do
    due_at: datetime | None
    words: Words
    about: str = ""
    level: int = 0
    sequence: int = 1
    rung: int = 99
    until: datetime | None = None
    deadline: datetime | None = None

    @property
    def because(self) -> str:
        """Why, in words for the officer who asks."""
        return self.words()

    def due(self, now: datetime) -> bool:
        """Whether it is to be done at `now`."""
        return self.due_at is not None and self.due_at <= now and (self.until is None or now < self.until)


class Sight(NamedTuple):
    """A hold as the rungs see it: what several of them ask is worked out once.

    `top` is the highest level of the ladder; `patience` how long an answer is waited for before a person is
    told, and before what was acknowledged is raised anew. `live`: something is kept or may be, and is to be
    kept on. `ends`, `strict_at` and `imminent_at` are None where nothing ends: not sent, open-ended, no period.
    `end_about` is what the imminent end is called, and `end_told` whether the top of the ladder was told of it.
    """

    hold: Hold
    policy: Policy
    zone: str
    top: int
    patience: timedelta
    state: State
    live: bool
    lapsed: bool
    stop: tuple[str, date] | None
    ends: Expiry | None
    strict_at: datetime | None
    imminent_at: datetime | None
    end_about: str
    end_told: bool
    window: Window | None


def was_told(hold: Hold, about: str, since: datetime) -> bool:
    """Whether somebody was told of it, at that instant or later."""
    told = hold.escalations.get(about)
    return told is not None and told.at >= since


def look_at(hold: Hold, policy: Policy) -> Sight:
    """Work out what the rungs ask."""
    stop, zone = hold.stop, hold.terms.provider.zone
    ends = hold.chain[hold.granted] if hold.chain and stop is None else None
    strict_at = end_of(ends.strict_on, zone) if ends else None
    imminent_at = strict_at - policy.imminent if strict_at else None
    state = hold.state
    end_about = f"imminent:{ends.strict_on}" if ends else ""
    return Sight(
        hold=hold,
        policy=policy,
        zone=zone,
        top=len(policy.ladder),
        patience=policy.chase_every * policy.chases,
        state=state,
        live=state not in ENDED and not hold.leaving,
        lapsed=state is State.LAPSED,
        stop=stop,
        ends=ends,
        strict_at=strict_at,
        imminent_at=imminent_at,
        end_about=end_about,
        end_told=imminent_at is not None and was_told(hold, end_about, imminent_at),
        window=extension_window(hold, policy) if ends else None,
    )


# Waiting


def back_off(act: Act, policy: Policy, deadline: datetime | None) -> datetime:
    """When to try again after a failure: 1, 2, 4 … times the first wait, shorter as the deadline nears.

    What the provider asked for (Retry-After) counts where it is longer, within `policy.backoff_longest`. Never
    more than a quarter of the time left, so that some tries always remain, and never past it.
    """
    since = act.last_at
    wait = policy.backoff_first * (1 << min(max(act.failures - 1, 0), 20))
    wait = min(max(wait, act.retry_after), policy.backoff_longest)
    if deadline is None or deadline <= since:
        return since + wait
    return min(since + max(min(wait, (deadline - since) / 4), policy.backoff_first / 5), deadline)


def races_against(seen: Sight) -> datetime | None:
    """What a failing act races against: the hold's strict end; before the first sending, the next loss of data."""
    if seen.strict_at is not None:
        return seen.strict_at
    hold = seen.hold
    if not hold.unsent:
        return None
    losses = next_losses(hold, hold.registered_at)
    # What is being lost already is a race against the loss of all of it.
    return min((each.at if each.at > hold.registered_at else each.until for each in losses), default=None)


def must_be_told(act: Act) -> bool:
    """Whether a failing act is a person's matter: too often in a row, or our own set-up is wrong."""
    return act.failures >= FAILURES_UNTIL_TOLD or act.ground == "configuration"


# Telling

_AFTERWARDS = {
    "new-request": "send a new request",
    "new-order": "ask for a new order",
    "forbidden": "the law allows no second request for the same data",
    "unstated": "send a new request, though the law does not say whether it allows one",
}


_ENDS = {
    PeriodKind.GUARANTEED_MIN: "nothing is sure to be kept after {} (strict)",
    PeriodKind.REVOCATION_TRIGGER: "the hold must be revoked after {} (strict)",
    PeriodKind.FILING_DEADLINE: "the request loses effect after {} (strict)",
}


def end_said(hold: Hold, ends: Expiry) -> str:
    """What the strict end means under the instrument, in words: not every period that is over ends the hold."""
    return _ENDS.get(hold.terms.instrument.kind, "the hold ends {} (strict)").format(said_long(ends.strict_on))


def afterwards(hold: Hold) -> str:
    """What can be done once a hold is over, as the instrument has it; a court must be asked while it still runs."""
    law, ends = hold.terms.instrument, None if hold.ended else hold.expiry
    then = _AFTERWARDS[law.repeat]
    if law.escalate:
        then += f", so apply for a preservation order under {law.escalate}"
        then += f" before {said(ends.strict_on)}" if ends else ""
    return then


def tell(
    seen: Sight,
    about: str,
    at: datetime,
    words: Words,
    *,
    rung: int = 8,
    level: int = 1,
    deadline: datetime | None = None,
    again: timedelta | None = None,
    longest: timedelta | None = None,
) -> Iterator[Decision]:
    """Tell a person of a matter that arose at `at`; then the next level, until one acknowledges.

    The top level is told again and again, ever more rarely but at least daily. To acknowledge is not to have done
    it: with `again`, it is raised anew so long after the acknowledgement, as long as the record still asks for
    it; twice as long after the next one, up to `longest` or `policy.review_every`. All of it goes faster as the
    deadline nears. What was told before the matter arose was another matter.
    """
    hold, policy = seen.hold, seen.policy
    told = hold.escalations.get(about)
    if told is None or told.at < at:
        due_at, why = at, words
    elif told.acknowledged_at is not None:
        if again is None:
            return
        since = told.acknowledged_at
        wait = min(again * (1 << min(told.answers - 1, 10)), max(again, longest or policy.review_every))
        if deadline is not None and deadline > since:
            wait = min(wait, max((deadline - since) / 2, policy.ladder[0].acknowledge_within))
        due_at = since + wait

        def why() -> str:
            return f"{words()}; acknowledged on {said(since.date())}, and still open"

    else:
        last = told
        level = max(level, min(last.level + 1, seen.top))
        rung_told = policy.ladder[min(last.level, seen.top) - 1]
        wait = rung_told.acknowledge_within if last.delivered else policy.backoff_first
        if last.level >= seen.top:
            longest = LONGEST_SILENCE if last.delivered else policy.backoff_longest
            wait = min(wait * (1 << min(last.repeats + (not last.delivered), 10)), max(wait, longest))
        if deadline is not None and deadline > last.at:
            wait = max(min(wait, (deadline - last.at) / 4), policy.backoff_first)
        due_at = last.at + wait

        def why() -> str:
            failed = "nobody acknowledged" if last.delivered else "could not be told"
            return f"{words()}; {failed} (level {last.level}, {rung_told.who})"

    yield Decision(
        action=Do.ESCALATE,
        due_at=due_at,
        words=why,
        about=about,
        level=min(level, seen.top),
        rung=rung,
        deadline=deadline,
    )


def tell_in_stages(
    seen: Sight,
    stages: tuple[tuple[str, datetime, int], ...],
    words: Words,
    *,
    rung: int,
    deadline: datetime | None,
    again: timedelta | None = None,
    longest: timedelta | None = None,
    missed: Words | None = None,
) -> Iterator[Decision]:
    """Tell of one matter that grows worse: a stage is what it is called, from when, and the least level told.

    Once a stage was told, the ones before it are silent: nobody hears the same thing twice in a day. `missed` are the
    words of the last stage, where it has its own.
    """
    reached = max(
        (number for number, (about, at, _) in enumerate(stages) if was_told(seen.hold, about, at)), default=0
    )
    for number, (about, at, level) in enumerate(stages[reached:], reached + 1):
        these = missed if missed is not None and number == len(stages) else words
        yield from tell(
            seen, about, at, these, rung=rung, level=level, deadline=deadline, again=again, longest=longest
        )
