"""What waits for a second person, and what is left to do about a request whose case was erased.

What is asked for with ``approval-asked`` has no effect until another person enters ``approved``; who may is judged
where it is entered, because a fold knows no users. While an approval is waited for nothing else stands still: a hold
whose release was asked for is extended until the release is approved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from timeline.days import said, said_at
from timeline.duty import Decision, Sight, races_against, tell, tell_in_stages
from timeline.events import Event
from timeline.facts import Facts
from timeline.hold import Hold, State

WAITS = "waits for a second person"
"""How every such matter begins to be told."""

_OFTEN = 4
"""Once taken up, an emergency that nobody approved is raised anew after so many times the wait for an approval."""


# What the events change


def _asked(facts: Facts, event: Event) -> None:
    facts.waiting.setdefault(event.body["about"], (event.seq, event.at))


def _approved(facts: Facts, event: Event) -> None:
    facts.waiting.pop(event.body["about"], None)


def _rejected(facts: Facts, event: Event) -> None:
    """What was asked for is not done; a request whose sending is rejected is withdrawn."""
    waited = facts.waiting.pop(event.body["about"], None)
    if waited is not None and event.body["about"] == "send":
        facts.release_asked_at = facts.release_asked_at or event.at


def _erased(facts: Facts, event: Event) -> None:
    facts.erased_at = facts.erased_at or event.at
    facts.waiting.clear()


STEPS: Mapping[str, Callable[[Facts, Event], None]] = {
    "approval-asked": _asked,
    "approved": _approved,
    "rejected": _rejected,
    "erased": _erased,
}
"""What each of these kinds of event changes, for `timeline.state`."""


# What falls due

_OVER = frozenset({State.RELEASED, State.REFUSED, State.NOT_HELD, State.LAPSED, State.ERASED})


def waiting(hold: Hold) -> Mapping[str, tuple[int, datetime]]:
    """What still waits for a second person ("send", "release", "erase"): the asking event's number and instant.

    What has become pointless meanwhile does not: a sending that took place, the release of a hold that is over.
    """
    moot = {"send": hold.ended or not hold.unsent, "release": hold.state in _OVER}
    return {about: asked for about, asked in hold.waiting.items() if not moot.get(about, False)}


def second_person(seen: Sight) -> Iterator[Decision]:
    """Tell of what nobody has approved yet. An emergency climbs a level with each `approve_within` that passes."""
    within = seen.policy.four_eyes.approve_within
    for about, (_, at) in waiting(seen.hold).items():
        if about != "send":
            yield from tell(seen, f"approval:{about}", at + within, _words(seen, about, at), again=seen.patience)
            continue
        stages = tuple(
            (f"approval:send:{level}" if level > 1 else "approval:send", at + within * level, level)
            for level in range(1, seen.top + 1)
        )
        yield from tell_in_stages(
            seen,
            stages,
            _words(seen, about, at),
            rung=5,
            deadline=races_against(seen),
            again=within * _OFTEN,
            longest=within * _OFTEN,
        )


_WHAT = {"send": "the first sending", "release": "the release", "erase": "the erasure of the case"}


def _words(seen: Sight, about: str, at: datetime) -> Callable[[], str]:
    request = seen.hold.request
    nothing = "nothing is sent before that; " if about == "send" else ""
    return lambda: (
        f"{WAITS}: {_WHAT.get(about, about)}, asked for on {said_at(at)}; {nothing}"
        f"`holdfast approve {request} --what {about}`, or `holdfast reject`"
    )


def of_erased(seen: Sight) -> Iterator[Decision]:
    """A case was erased while the provider may still keep data for it: only a person can tell the provider."""
    hold = seen.hold
    sending = hold.act("send")
    if seen.state is not State.ERASED or hold.erased_at is None:
        return
    if hold.unsent and (sending is None or not sending.open):
        return

    def words() -> str:
        ends = f" until {said(hold.expiry.strict_on)}" if hold.expiry else ""
        reference = f", its reference {', '.join(hold.references)}" if hold.references else ""
        return (
            f"the case was erased, and the provider may still keep the data{ends}{reference}: tell it that the hold"
            " may end, then record `released`"
        )

    yield from tell(seen, "erased", hold.erased_at, words)
