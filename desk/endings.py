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
from types import TracebackType

from desk.speaking import tell

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


def ending_of(error: BaseException) -> Ending:
    """What any exception means for the person who typed the command.

    The text of an exception that is not one of ours is never shown: it may quote an identifier.
    """
    if isinstance(error, Ending):
        return error
    # Whatever raised the error has imported these already.
    from flows.intake import CaseErrors
    from flows.reading import ConfigurationErrors
    from flows.replying import ReplyError
    from flows.settings import SettingsError
    from ledger.interface import LedgerError
    from providers.errors import ConfigurationError

    match error:
        case CaseErrors():
            return wrong(*case_lines(error.problems))
        case ConfigurationErrors():
            return wrong(*error.errors)
        case SettingsError() | ReplyError() | ConfigurationError():
            return wrong(str(error))
        case LedgerError():
            return later(str(error))
    return later(*fault(error))


def case_lines(problems: tuple[object, ...]) -> list[str]:
    """The problems of a case file, each on its own lines."""
    lines = []
    for problem in problems:
        where, what, fix, severity = (getattr(problem, name) for name in ("where", "problem", "fix", "severity"))
        lines.append(f"{where}: {'' if severity == 'error' else 'warning: '}{what}\n    → {fix}")
    return lines


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
    for number, line in enumerate(ending.lines):
        tell(f"holdfast: {line}" if number == 0 else line)
    sys.stderr.flush()
    return ending.status
