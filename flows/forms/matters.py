"""Whether what a person answers is still open: looked at inside the ledger's own transaction.

Two people may answer the same item, and a link may be days old. So the history is looked at in the same step in
which the entry would be made: what was settled meanwhile is told, with who and when, and nothing is entered.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.office import Office
from flows.replying import Look, ReplyError
from flows.work_items import still_open
from ledger.interface import Event
from timeline.days import said_at

NOTHING = "nothing was entered"


def answering(office: Office, matter: str = "") -> Look:
    """For one person's entry: `ReplyError` where the record does not ask for it any more.

    With `matter` (the `about` of a work item), where that is settled; without, where the entry says only what is on
    record already.
    """

    def look(before: Sequence[Event], after: Sequence[Event]) -> None:
        new = after[-1]
        if matter:
            _insist(office, before, matter)
        elif office.histories.fold(before) == office.histories.fold(after):
            last = next((each for each in reversed(before) if each.kind == new.kind), None)
            raise ReplyError(f"{new.request}: that is on record already{_entered(last)}; {NOTHING}")

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
