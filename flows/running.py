"""Running the work: through Prefect where it answers, directly where it does not.

Both ways call the same plain functions of `flows.sweeping`. Everything is idempotent, so where it is not sure
that Prefect's run went well, the same work is simply done again, directly.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Sequence
from typing import Any

from flows.office import office
from flows.prefect_api import Errand, How, through_prefect, why_not
from flows.settings import Settings
from flows.sweeping import Progress, Report, sweep
from ledger.ids import read_request_id

BOOK_WITHIN = 15.0
"""Seconds that an officer waits for Prefect after everything is sent."""


def run_sweep(
    settings: Settings,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    by: str = "direct",
) -> tuple[Report, How]:
    """One pass over all that is due.

    Args:
        settings: the environment.
        progress: told of each decision as it is done, from any thread.
        stop: once set, the acts in hand are finished and the pass ends.
        by: how the ledger names this pass where it does not run through Prefect.

    Returns:
        What was done, and how it was run. `How.by` is "prefect", or `by` with the reason in `because`.

    Raises:
        LedgerError, ConfigurationError, SettingsError: the office cannot be opened or the ledger not used.
    """
    stop = stop or threading.Event()
    why, earlier = why_not(settings), None
    if not why:
        errand = Errand(settings=settings, progress=progress, stop=stop)
        try:
            how = through_prefect(settings, errand, _sweep_holds)
        except BaseException:
            stop.set()
            raise
        earlier = errand.report
        if earlier is not None and how.by == "prefect":
            return earlier, how
        why = how.because or "the run in Prefect could not open the office"
    with office(settings) as opened:
        report = sweep(opened, progress=progress, by=by, because=why, stop=stop)
    if earlier is not None:
        earlier.add(report)
        report = earlier
    return report, How(by=by, because=why)


def book_issue(settings: Settings, requests: Sequence[str]) -> How:
    """Record in Prefect that requests were issued, by a run that finds nothing left to do and shows their state.

    Never raises, and never takes longer than `BOOK_WITHIN` seconds.

    Returns:
        `by` "prefect" with the run and its address; else "direct" with the reason.
    """
    try:
        why = why_not(settings)
        if why:
            return How(by="direct", because=why)
        ids = [read_request_id(each) for each in requests]  # nothing else may become a parameter
        errand = Errand(settings=settings)
        return through_prefect(settings, errand, lambda: _issue_requests(ids), within=BOOK_WITHIN)
    except Exception as error:  # everything is sent; the booking may only say that it failed
        return How(by="direct", because=f"booking failed with {type(error).__name__}")


def _sweep_holds() -> Awaitable[Any]:
    from flows.sweep import sweep_holds  # imports Prefect

    return sweep_holds(return_state=True)


def _issue_requests(requests: list[str]) -> Awaitable[Any]:
    from flows.issue import issue_requests  # imports Prefect

    return issue_requests(requests, by="holdfast preserve", return_state=True)
