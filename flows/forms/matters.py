"""Whether what a person answers is still open: looked at inside the ledger's own transaction.

Two people may answer the same item, and a link may be days old. So the history is looked at in the same step in
which the entry would be made: what was settled meanwhile is told, with who and when, and nothing is entered. Nor is
what says only what is on record already, such as a second click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flows.office import Office
from flows.replying import Look, ReplyError
from flows.work_items import still_open
from ledger.interface import Event
from timeline.days import said_at
from timeline.state import Hold

NOTHING = "nothing was entered"

ANOTHER = (
    ". A question of the provider is open; is it another one? Record the answer to the open one first, then this one "
    "with the instant at which it was asked (--at): its days run from then"
)
"""What to do with a second question: while one is open, one answer would close both."""

NOW = timedelta(seconds=2)
"""An entry without an instant of its own happened when it was recorded, give or take so much."""


def answering(office: Office, matter: str = "") -> Look:
    """For one person's entry: `ReplyError` where the record does not ask for it any more, or has it already.

    With `matter` (the `about` of a work item), also where that is settled.
    """

    def look(before: Sequence[Event], after: Sequence[Event]) -> None:
        if matter:
            _insist(office, before, matter)
        new = after[len(before) :]
        last = _last(before, new[0])
        if _says_nothing_new(office, before, new) or _one_extension_twice(office, before, new[-1]):
            another = ANOTHER if new[-1].kind == "clarification" else ""
            raise ReplyError(f"{new[0].request}: that is on record already{_entered(last)}; {NOTHING}{another}")

    return look


def taking_up(office: Office, matter: str = "") -> Look:
    """For the entry that somebody has it: `ReplyError` where it is settled, or somebody else has it already."""

    def look(before: Sequence[Event], after: Sequence[Event]) -> None:
        told = office.histories.fold(before).escalations
        meant = [told[matter]] if matter in told else [] if matter else list(told.values())
        if meant and all(each.acknowledged_at for each in meant):
            last = next((each for each in reversed(before) if each.kind == "escalation-acknowledged"), None)
            raise ReplyError(f"{after[-1].request}: it was taken up already{_entered(last)}; {NOTHING}")
        if matter:
            _insist(office, before, matter)

    return look


def _says_nothing_new(office: Office, before: Sequence[Event], new: Sequence[Event]) -> bool:
    """Whether a history would leave the same hold with these events as without them.

    What was entered as of now is taken to have happened when the same was entered last: a second click is no news.
    """
    same = [*before]
    for each in new:
        last = _last(before, each)
        now = abs(each.recorded_at - each.at) < NOW
        same.append(replace(each, at=last.at, recorded_at=last.recorded_at) if now and last is not None else each)
    return _without_counts(office.histories.fold(same)) == _without_counts(office.histories.fold(before))


def _without_counts(hold: Hold) -> Hold:
    """A hold without how often an act failed: a refusal told twice is one."""
    return replace(hold, acts={key: act._replace(failures=0) for key, act in hold.acts.items()})


def _last(before: Sequence[Event], new: Event) -> Event | None:
    """When the same was entered last, whoever entered it."""
    return next((each for each in reversed(before) if each.kind == new.kind and _said(each) == _said(new)), None)


def _said(event: Event) -> dict[str, object]:
    """What an entry says, without who says it; which extension it is, is counted and not said."""
    return {name: each for name, each in event.body.items() if name not in {"by", "text", "user", "sequence"}}


def _one_extension_twice(office: Office, before: Sequence[Event], new: Event) -> bool:
    """Whether an extension is confirmed that nobody has asked for since the last one, without a day of its own.

    It would count as one more, and the hold would seem to last longer than it does.
    """
    hold = office.histories.fold(before)
    if new.kind != "extended" or "held_until" in new.body or not hold.granted:
        return False
    following = hold.granted + 1
    return hold.act("extend", following) is None and not still_open(office, f"extension:{following}", before)


def insist(office: Office, request: str, matter: str) -> None:
    """Tell who settled what an old page answers (`matter`), before anything is said of the entry itself."""
    if matter:
        _insist(office, office.ledger.events(request), matter)


def _insist(office: Office, before: Sequence[Event], matter: str) -> None:
    """Refuse what answers a matter that is not open."""
    if not still_open(office, matter, before):
        raise ReplyError(f"{before[0].request}: {settled(office, before, matter)}; {NOTHING}")


def settled(office: Office, history: Sequence[Event], matter: str) -> str:
    """Who settled a matter that is not open, and when, in words; or that there never was one."""
    for number in range(len(history) - 1, 0, -1):
        if still_open(office, matter, history[:number]):
            return f"this was settled{_entered(history[number])}"
    return "there is no such item open at this request: take the link from the desk queue anew"


def _entered(event: Event | None) -> str:
    """By whom and when an event was entered, and what it is."""
    if event is None:
        return ""
    who, at = event.body.get("by") or event.actor, said_at(event.recorded_at)
    return f" by {who}, {at} ({event.kind.replace('-', ' ')})"
