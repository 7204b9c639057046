"""Working on what was just entered: where the ledger cannot be used right then, what was entered stays entered.

A failure of the work alone must not end the command or the form with the ledger's own words ("nothing was written;
try again"): who believes them enters it a second time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from flows.office import Office
from flows.sweeping import Each, Progress, Report, work_on
from ledger.interface import LedgerBusy, LedgerError
from timeline.decide import Do


def work_on_entered(
    office: Office,
    requests: Sequence[str],
    *,
    progress: Progress | None = None,
    only: frozenset[Do] | None = None,
    stop: threading.Event | None = None,
    each: Each | None = None,
) -> Report:
    """`work_on` requests about which something was just entered. That the ledger fails is a failure in the report."""
    now = office.now()
    try:
        return work_on(office, requests, progress=progress, only=only, stop=stop, each=each)
    except LedgerError as error:
        return Report(at=now, failures=[(requests[0] if len(requests) == 1 else "", stays(error))])


def stays(error: LedgerError) -> str:
    """What is told of a ledger that failed after something was entered."""
    if isinstance(error, LedgerBusy):
        return "it is on record; the ledger was busy for longer than we wait, and the next sweep goes on with it"
    said = str(error).replace("; nothing was written", "")
    return f"it is on record, but then it could not be worked on: {said}"
