"""Bringing the pages up to date: after every form's run and every sweep, as little of them as has changed.

Two processes may publish at once. A page that was made from more of the record is never replaced by one that was made
from less: it is looked at just before. What falls between that look and the change is mended at once, because whoever
publishes looks at the record again afterwards, and goes on until there is nothing new. Within a process one publishes
at a time, and the others do not wait: the one looks again before it ends.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from dataclasses import dataclass, field

from flows.emitting import emit_new
from flows.office import Office, open_office
from flows.pages.making import Known, make
from flows.pages.shelf import opened
from flows.prefect_api import speaking_to, why_not
from flows.settings import Settings
from ledger.interface import LedgerError

PASSES = 5
"""Passes in one go while the record grows; then the next run goes on."""


async def show(settings: Settings, *, run: str = "", everything: bool = False) -> tuple[str, ...]:
    """Emit what is new, and bring every page up to date that has changed.

    Args:
        settings: the environment; its Prefect server is the one that shows the pages.
        run: the id of the flow run that does it, "" for none; the pages lead to it.
        everything: make every page anew, however long it takes.

    Returns:
        What failed, in words for the run's log; nothing is lost by it, the next run does it again. Never raises.
    """
    why = await asyncio.to_thread(why_not, settings)
    if why:
        return (f"the pages were not brought up to date: {why}",)
    try:
        with speaking_to(settings):
            office = await asyncio.to_thread(open_office, settings)
            failed = await emit_new(office, run=run)
            await asyncio.to_thread(_publish, office, run, everything)
            return failed
    except Exception as error:  # a page must not fail the work that it shows; the type alone is safe to store
        plain = f": {error}" if isinstance(error, LedgerError) else f" ({type(error).__name__})"
        return (f"the pages were not brought up to date{plain}; the next run does it again",)


@dataclass(kw_only=True)
class _Place:
    """One ledger's pages on one server, in this process: what is known of them, and whose turn it is."""

    known: Known = field(default_factory=Known)
    turn: threading.Lock = field(default_factory=threading.Lock)
    wanted: threading.Event = field(default_factory=threading.Event)
    anew: threading.Event = field(default_factory=threading.Event)


_PLACES: dict[tuple[str, str], _Place] = {}


def _publish(office: Office, run: str, everything: bool) -> None:
    """Publish and close the office: here, because whoever waits for this thread may go away before it ends."""
    with closing(office):
        _by_turns(office, run, everything)


def _by_turns(office: Office, run: str, everything: bool) -> None:
    """Publish, unless somebody in this process does: then that one looks again before it ends."""
    place = _PLACES.setdefault((office.settings.ledger, office.settings.prefect_api), _Place())
    if everything:
        place.anew.set()
    place.wanted.set()
    for _ in range(PASSES):
        if not place.wanted.is_set() or not place.turn.acquire(blocking=False):
            return
        try:
            place.wanted.clear()
            _until_nothing_is_new(office, place, run)
        finally:
            place.turn.release()


def _until_nothing_is_new(office: Office, place: _Place, run: str) -> None:
    insisted = everything = place.anew.is_set()
    place.anew.clear()
    since: int | None = None
    passes = 0
    with opened() as shelf:
        while insisted or passes < PASSES:
            made = make(office, shelf, place.known, run=run, since=since, everything=everything)
            if made.whole and office.ledger.head()[0] == made.through:
                return
            if not made.whole and not insisted:
                return  # a long way to go: the next run goes on
            everything, since = False, made.through if made.whole else None
            passes += 1
