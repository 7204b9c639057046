"""What waits for a person's word: a go-ahead, a second person's approval; and what is left of an erased case.

What is asked for with ``approval-asked`` has no effect until another person enters ``approved``; who may is judged
where it is entered, because a fold knows no users. While an approval is waited for nothing else stands still: a hold
whose release was asked for is extended until the release is approved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from timeline.days import said, said_at
from timeline.duty import Decision, Do, Sight, races_against, tell, tell_in_stages
from timeline.events import Event
from timeline.facts import Facts
from timeline.hold import Hold, State

WAITS = "waits for a second person"
"""How every such matter begins to be told."""

DRAFT = "a draft"
"""How it begins to be told that a request is one."""

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


def _drafted(facts: Facts, event: Event) -> None:
    facts.drafted_at = event.at


def _go_ahead(facts: Facts, event: Event) -> None:
    facts.drafted_at, facts.go_ahead_at = None, facts.go_ahead_at or event.at


def _extend_asked(facts: Facts, event: Event) -> None:
    asked, number = facts.extend_asked, event.body["sequence"]
    if asked is None or asked[0] < number:  # asking twice changes nothing
        facts.extend_asked = number, event.at


def _erased(facts: Facts, event: Event) -> None:
    facts.erased_at = facts.erased_at or event.at
    facts.waiting.clear()


STEPS: Mapping[str, Callable[[Facts, Event], None]] = {
    "approval-asked": _asked,
    "approved": _approved,
    "rejected": _rejected,
    "erased": _erased,
    "drafted": _drafted,
    "go-ahead": _go_ahead,
    "extend-asked": _extend_asked,
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


def waits_as_draft(hold: Hold) -> bool:
    """Whether nothing is sent because an officer prepared it, and nobody has given the go-ahead."""
    return hold.drafted_at is not None and hold.unsent and not hold.ended


def draft(seen: Sight) -> Iterator[Decision]:
    """Tell of a draft that nobody lets go: nothing is held meanwhile. From the time the first level has to answer."""
    hold = seen.hold
    if not waits_as_draft(hold) or hold.drafted_at is None:
        return
    at, request = hold.drafted_at, hold.request
    yield from tell(
        seen,
        "draft",
        at + seen.policy.ladder[0].acknowledge_within,
        lambda: (
            f"{DRAFT} since {said_at(at)}: nothing is sent before somebody gives the go-ahead, with the form"
            f' "Preserve a draft" or `holdfast draft --send {request}`; `holdfast release {request}` withdraws it'
        ),
        rung=5,
        deadline=races_against(seen),
        again=seen.patience,
    )


def open_matters(hold: Hold, wanted: Sequence[Decision]) -> Mapping[str, Decision]:
    """What needs a person now, by its `about`: told and still asked for, or waiting for a person's word anyhow.

    `wanted` are the hold's duties. What somebody acknowledged is open as long as the record asks for it.
    """
    found: dict[str, Decision] = {}
    words: set[str] = set()
    for each in wanted:
        if each.action is not Do.ESCALATE:
            continue
        kind, _, what = each.about.partition(":")
        if kind in {"draft", "approval"}:  # of a matter in stages, the one that it has reached
            word = what.partition(":")[0]
            if word in words:
                continue
            words.add(word)
            found[each.about] = each
        elif each.about in hold.escalations:
            found[each.about] = each
    return found


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
