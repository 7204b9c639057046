"""`holdfast watch`: sweeping on time, and the question from outside whether it does."""

from __future__ import annotations

import threading

from desk.endings import DONE, LATER, PERSON, Ending, later
from desk.speaking import say, say_json


def watch() -> None:
    """Sweep on time until a signal comes.

    Raises:
        Ending: it ended itself, because a sweep hung.
        SettingsError, ConfigurationErrors, LedgerError: it cannot begin.
    """
    from flows.settings import load
    from flows.watch import stop_on_signals
    from flows.watch import watch as begin

    if begin(load(), stop=stop_on_signals(threading.Event())):
        raise later("the watch ended itself: start it again")


def check(*, as_json: bool) -> None:
    """Tell whether a watch does its work.

    Raises:
        Ending: it does not, or it cannot be known.
    """
    from flows.planning import said
    from flows.settings import load
    from flows.watch import health

    settings = load()
    found = health(settings, settings.now())
    if as_json:
        say_json(
            {
                "fine": found.status == DONE,
                "findings": list(found.lines),
                "swept_at": said(found.swept_at),
                "by": found.by,
                "overdue": found.overdue,
            }
        )
    elif found.status == DONE:
        say(found.text)
    if found.status == PERSON:
        raise Ending(PERSON, "needs a person: " + found.lines[0], *(f"  {line}" for line in found.lines[1:]))
    if found.status != DONE:
        raise Ending(LATER, *found.lines)
