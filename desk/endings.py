"""How a command ends: the exit status, and the sentence on standard error that goes with it.

=====  ==============================================================================================
``0``  done
``1``  done, but something needs a person: stated
``2``  the input is wrong: where, and what to write instead
``3``  could not be done now: try again
=====  ==============================================================================================

``130``: interrupted; what was and was not done is stated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from desk.speaking import tell
from flows.words import number

DONE, PERSON, WRONG, LATER, INTERRUPTED = 0, 1, 2, 3, 130


class Ending(Exception):
    """Ends a command with a status other than 0. The lines say why, and what to do."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__(*lines)
        self.status, self.lines = status, lines


def needs_person(*lines: str) -> Ending:
    """Done, but a person must do something: what."""
    return Ending(PERSON, *lines)


def wrong(*lines: str) -> Ending:
    """The input is wrong: where, and what to write instead."""
    return Ending(WRONG, *lines)


def later(*lines: str) -> Ending:
    """It could not be done now; the same command may be tried again."""
    return Ending(LATER, *lines)


ENDINGS: Mapping[str, Callable[[Any], Ending]] = {
    "flows.intake.CaseErrors": lambda error: wrong(_counted(error.problems), *case_lines(error.problems)),
    "flows.reading.ConfigurationErrors": lambda error: wrong(*error.errors),
    "providers.errors.ConfigurationError": lambda error: wrong(str(error)),
    "providers.errors.Unavailable": lambda error: later(error.reason),
    "flows.settings.SettingsError": lambda error: wrong(str(error)),
    "flows.replying.ReplyError": lambda error: wrong(str(error)),
    "ledger.vault.Erased": lambda error: wrong(str(error)),
    "ledger.interface.LedgerError": lambda error: later(str(error)),
}
"""How our own errors end a command. By name: nothing need be imported to say what went wrong."""


def ending_of(error: BaseException) -> Ending:
    """What any exception means for the person who typed the command.

    The text of an exception that is not one of ours is never shown: it may quote an identifier.
    """
    for kind in type(error).__mro__:
        if known := ENDINGS.get(f"{kind.__module__}.{kind.__qualname__}"):
            return known(error)
    if type(error) is LookupError:  # there is no such request; its subclasses are faults of ours
        return wrong(str(error))
    return later(*fault(error))


def case_lines(problems: tuple[Any, ...]) -> list[str]:
    """The problems of a case file, each on its own lines; the sources of figures are left to `--json`."""
    from desk.problems import plainly

    return [
        f"  {each.where}: {'' if each.severity == 'error' else 'warning: '}{plainly(each.problem)}"
        f"\n    → {plainly(each.fix)}"
        for each in problems
    ]


def _counted(problems: tuple[Any, ...]) -> str:
    errors = sum(each.severity == "error" for each in problems)
    more = f" and {number(len(problems) - errors, 'warning')}" if errors < len(problems) else ""
    return f"the case cannot be worked with: {number(errors, 'error')}{more}"


def fault(error: BaseException) -> list[str]:
    """A fault of Holdfast itself: its type and place, never its text."""
    frames = list(_frames(error.__traceback__))
    place = frames[-1] if frames else "an unknown place"
    lines = [f"a fault of Holdfast: {type(error).__name__} in {place}"]
    if os.environ.get("HOLDFAST_DEBUG"):
        lines += [f"  {frame}" for frame in frames]
    else:
        lines.append("  HOLDFAST_DEBUG=1 shows the way there; please report it with that")
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    frames = []
    while trace:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_qualname} ({code.co_filename}:{trace.tb_lineno})")
        trace = trace.tb_next
    return frames


def end(ending: Ending) -> int:
    """Say why, and give the status."""
    for place, line in enumerate(ending.lines):
        tell(f"holdfast: {line}" if place == 0 else line)
    sys.stderr.flush()
    return ending.status
