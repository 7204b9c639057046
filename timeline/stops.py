"""What makes a hold open-ended, and what ends that again: the steps of the fold for it.

A stop event (an MLA request received, production announced, a petition filed) takes the end away. The end comes back
when what stopped the clock is over (denied, refused, withdrawn: ``stop-ended``), and when the provider names a last
day all the same: its word that it keeps for less always counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from timeline.events import Event
from timeline.facts import Facts, settle, stopped
from timeline.hold import Mla


def named_since(facts: Facts, until: date | None, before: date | None, *, kept: bool = True) -> None:
    """The provider named a last day (None: no day), after one that it had named before. `kept`: it keeps the data.

    The day it had named before the stop event, said again, is no news: it may be an answer to an older question.
    """
    if not facts.stops:
        return
    facts.confirmed_since_stop = facts.confirmed_since_stop or kept
    if until is None:
        facts.kept_until = None
    elif until != before:
        facts.kept_until = until


def taken_back(facts: Facts, kind: str) -> None:
    """It never happened: nobody was told."""
    facts.stops.pop(kind, None)
    if not facts.stops:
        facts.kept_until = None


def _stop(facts: Facts, event: Event) -> None:
    on = date.fromisoformat(event.body["on"])
    if event.kind == "production-announced" and facts.announcing is not None:
        settle(facts, "announce", facts.announcing[0], event.at)
    if event.kind == "mla-received":
        facts.mla = replace(facts.mla, received_on=on)
    stopped(facts, event.kind, on)


def _mla_over(mla: Mla, on: date) -> Mla:
    """Ended on the very day: it was never received. Later: that MLA request is over, and only a new one counts."""
    if mla.received_on == on:
        return replace(mla, received_on=None)
    planned_on = mla.planned_on if mla.planned_on and mla.planned_on > on else None
    return Mla(requested_state=mla.requested_state, planned_on=planned_on)


def _stop_ended(facts: Facts, event: Event) -> None:
    on = date.fromisoformat(event.body["on"])
    if (received_on := facts.stops.get("mla-received")) is not None and received_on <= on:
        facts.mla = _mla_over(facts.mla, on)
    for kind in [kind for kind, since in facts.stops.items() if since <= on]:
        del facts.stops[kind]
    facts.kept_until = None


STEPS: Mapping[str, Callable[[Facts, Event], None]] = {
    "mla-received": _stop,
    "production-announced": _stop,
    "access-requested": _stop,
    "petition-filed": _stop,
    "stop-ended": _stop_ended,
}
