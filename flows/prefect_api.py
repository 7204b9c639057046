"""Prefect keeps the record of runs. It never keeps an act from being done.

Whether a Prefect server answers is found out with one short question, without importing Prefect (which takes
seconds). Where one answers, the work runs as a flow in this process, in a thread that we can walk away from: a
server that dies or hangs costs seconds, and then the same work is done directly. Prefect's own temporary server
is never started.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flows.settings import Settings

if TYPE_CHECKING:
    from flows.sweeping import Progress, Report

ANSWER_WITHIN = 1.0
"""Seconds for the question whether Prefect is there."""

BEGIN_WITHIN = 20.0
"""Seconds from here to the first line of the flow: the import and three calls to a slow server."""

END_WITHIN = 15.0
"""Seconds that Prefect gets to note the end of a run whose work is done."""

CLIENT: Mapping[str, str] = {
    "PREFECT_API_REQUEST_TIMEOUT": "5",
    "PREFECT_CLIENT_MAX_RETRIES": "1",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}
"""Settings of Prefect's client, where the environment does not set them: a dying server must not hold us up."""

PROCESS: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}
"""What Prefect reads once, when it is imported: no telemetry, and no second log on our standard error."""

NEVER_EPHEMERAL = "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"


@dataclass(frozen=True, kw_only=True, slots=True)
class How:
    """How a piece of work was run. `because`: why not through Prefect, or "". `run`, `url`: its run there, or ""."""

    by: str
    because: str = ""
    run: str = ""
    url: str = ""


@dataclass(kw_only=True)
class Errand:
    """What a flow run in this process is given beside its parameters, and what it leaves beside its state.

    Prefect stores neither: settings and callbacks cannot be stored, and the report must outlive a server that
    dies. A run that a Prefect worker starts in a process of its own gets an errand without anything.
    """

    settings: Settings | None = None
    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    report: Report | None = None
    run: str = ""
    url: str = ""
    begun: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _taken_back: bool = False

    def begin(self) -> bool:
        """Called by the flow first. False: we did not wait any longer; it must do nothing."""
        with self._lock:
            if not self._taken_back:
                self.begun.set()
            return not self._taken_back

    def take_back(self) -> bool:
        """Called by whoever waits. True: the flow has not begun, and never will."""
        with self._lock:
            if not self.begun.is_set():
                self._taken_back = True
            return self._taken_back


ERRAND: ContextVar[Errand | None] = ContextVar("holdfast_errand", default=None)


def why_not(settings: Settings) -> str:
    """Why nothing can run through Prefect now; "" if it can. Takes a second at most, and imports no Prefect."""
    api = settings.prefect_api
    if not api:
        return "PREFECT_API_URL is not set"
    import requests  # only where there is something to ask

    name, colon, password = settings.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        answer = requests.get(
            f"{api}/health",
            timeout=ANSWER_WITHIN,
            allow_redirects=False,
            auth=(name, password) if colon else None,
        )
    except requests.Timeout:
        return f"Prefect at {_place(api)} does not answer within {ANSWER_WITHIN:g} s"
    except (requests.RequestException, ValueError):
        return f"Prefect at {_place(api)} cannot be reached"
    if answer.status_code != requests.codes.ok:
        return f"Prefect at {_place(api)} answers with status {answer.status_code}"
    return ""


def _place(api: str) -> str:
    """Host and port of an address, without what may stand before and after them."""
    try:
        parts = urlsplit(api)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "an address that cannot be read"


def prepare(environ: Mapping[str, str]) -> None:
    """Set what Prefect reads from the process's environment. To be called before Prefect is imported."""
    os.environ[NEVER_EPHEMERAL] = "false"  # as flows/__init__.py does; said again where it matters
    for name, value in {**CLIENT, **PROCESS}.items():
        os.environ.setdefault(name, environ.get(name, value))


@contextmanager
def speaking_to(settings: Settings) -> Iterator[None]:
    """Within it, in this thread or task, Prefect's client speaks to the server of the settings. Imports Prefect."""
    prepare(settings.environ)
    from prefect import settings as prefects  # takes seconds, so only where it is needed

    wanted = {name: settings.environ.get(name, value) for name, value in CLIENT.items()}
    wanted |= {NEVER_EPHEMERAL: "false", "PREFECT_API_URL": settings.prefect_api}
    if "PREFECT_API_AUTH_STRING" in settings.environ:
        wanted["PREFECT_API_AUTH_STRING"] = settings.environ["PREFECT_API_AUTH_STRING"]
    with prefects.temporary_settings({getattr(prefects, name): value for name, value in wanted.items()}):
        yield


def through_prefect(
    settings: Settings,
    errand: Errand,
    start: Callable[[], Awaitable[Any]],
    *,
    within: float | None = None,
) -> How:
    """Run one of our flows here and now, recorded by the Prefect server of the settings.

    Args:
        settings: the environment; its `PREFECT_API_URL` is used.
        errand: given to the flow; what was done is in its `report` afterwards, whatever becomes of Prefect.
        start: imports the flow and calls it with ``return_state=True``; runs in a thread of its own.
        within: seconds for all of it; None lets the work take what it takes.

    Returns:
        `by` "prefect" if Prefect has noted the end of the run; else "direct", with the reason. Never raises.
        A flow that had not begun by then never will.
    """
    end_at = time.monotonic() + within if within is not None else None
    ended: list[object] = []
    thread = threading.Thread(target=_run, args=(settings, errand, start, ended), name="prefect", daemon=True)
    thread.start()

    def left(most: float) -> float:
        return most if end_at is None else max(0.0, min(most, end_at - time.monotonic()))

    begin_by = time.monotonic() + left(BEGIN_WITHIN)
    while not errand.begun.wait(0.05):
        if (not thread.is_alive() or time.monotonic() >= begin_by) and errand.take_back():
            late = "Prefect ended the run before it began" if ended else "Prefect did not begin the run in time"
            return How(by="direct", because=_failure(ended) or late)
    while thread.is_alive() and not errand.finished.wait(0.05) and left(1.0):
        pass
    thread.join(left(END_WITHIN))
    if ended and not isinstance(ended[0], BaseException):
        return How(by="prefect", run=errand.run, url=errand.url)
    because = _failure(ended) or "Prefect did not note the end of the run in time"
    return How(by="direct", because=because, run=errand.run, url=errand.url)


def _run(settings: Settings, errand: Errand, start: Callable[[], Awaitable[Any]], ended: list[object]) -> None:
    """The thread: leaves the run's final state in `ended`, or the exception."""
    try:
        ERRAND.set(errand)
        with speaking_to(settings):
            from prefect import tags

            with tags("holdfast"):
                ended.append(asyncio.run(_await(start)))
    except BaseException as error:  # whatever it is, the work goes on without Prefect
        ended.append(error)


async def _await(start: Callable[[], Awaitable[Any]]) -> Any:
    return await start()


def _failure(ended: list[object]) -> str:
    """What failed, by its type alone: the text of an exception may quote anything."""
    error = ended[0] if ended else None
    return f"Prefect failed with {type(error).__name__}" if isinstance(error, BaseException) else ""
