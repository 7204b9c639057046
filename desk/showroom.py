"""`holdfast demo --desk`: the contact team's desk in a browser, to try it out, with cases that need a person.

Everything on it is real but the providers, which are played: a Prefect server of its own on this machine, the forms
and pages of `holdfast serve`, and a sandbox ledger whose past was lived through just before (`desk.backstory`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from desk import backstory
from desk.endings import DONE, INTERRUPTED, LATER, later
from desk.serving import PATIENCE
from desk.speaking import say
from desk.stage import Stage
from flows.office import office
from flows.prefect_api import prepare
from flows.settings import Settings, load
from flows.watch import stop_on_signals
from flows.work_items import WorkItem, open_items

PAGES_WITHIN = 90.0
"""Seconds for the pages to lie on the server, once it answers."""

PAGES: Mapping[str, str] = {"desk-queue": "Desk queue", "board": "Board"}
"""The pages whose addresses are printed, by their keys."""


def open_desk(folder: Path, *, kept: bool) -> int:
    """Open the desk, and stay until Ctrl-C or SIGTERM. Ends everything it started.

    Args:
        folder: an empty folder for the ledger, the configuration and Prefect's data.
        kept: whether the folder stays afterwards, which is told.

    Raises:
        Ending: Prefect or the pages did not come up.
    """
    for each in (signal.SIGINT, signal.SIGTERM):  # until we serve, either ends it at once
        signal.signal(each, signal.default_int_handler)
    began = time.monotonic()
    try:
        _tell("A Prefect server and played providers start …")
        with Stage(folder, policy=backstory.POLICY) as stage:
            cases = backstory.live(stage, load(), datetime.now(UTC).replace(microsecond=0))
            _tell(f"{len(cases)} cases have a past: registered, sent to the played providers, answered.")
            if not stage.wait_for_prefect():
                raise later("Prefect did not come up", f"  its log: {stage.prefect_log}")
            return _serve(stage, began, folder if kept else None)
    except KeyboardInterrupt:
        _tell("stopped")
        return INTERRUPTED


def _serve(stage: Stage, began: float, kept: Path | None) -> int:
    """Serve in a thread; say where everything is once it is there; end with a signal."""
    os.environ |= {name: value for name, value in PATIENCE.items() if name not in os.environ}
    prepare(os.environ)
    settings, stop, told = load(), stop_on_signals(threading.Event()), list[str]()

    def leave(status: int) -> None:
        stage.close()
        os._exit(status)

    def work() -> bool:
        from flows.serving.service import serve

        return serve(settings, stop=stop, say=told.append, leave=leave)

    with ThreadPoolExecutor(max_workers=1) as pool:
        serving = pool.submit(work)
        try:
            pages = _pages(stage, serving, stop)
            if pages:
                for line in _open(settings, stage, pages, kept):
                    _tell(line)
                _tell(f"\nOpen after {time.monotonic() - began:.0f} s. Ctrl-C ends it{_leaves(kept)}.")
            done = serving.result()
        finally:
            stop.set()
    _tell("stopped")
    return DONE if done else LATER


def _pages(stage: Stage, serving: Future[bool], stop: threading.Event) -> Mapping[str, str]:
    """The addresses of the pages, once they lie there; nothing if somebody stops us meanwhile.

    Raises:
        Ending: they do not come.
    """
    import requests

    end = time.monotonic() + PAGES_WITHIN
    ui = stage.prefect_api.removesuffix("/api")
    while not stop.is_set() and not serving.done():
        if time.monotonic() > end:
            raise later("the pages did not come up", f"  the log of Prefect: {stage.prefect_log}")
        with suppress(requests.RequestException, ValueError):
            question = {"artifacts": {"key": {"any_": list(PAGES)}}}
            found = requests.post(f"{stage.prefect_api}/artifacts/latest/filter", json=question, timeout=5).json()
            if len(found) == len(PAGES):
                return {each["key"]: f"{ui}/artifacts/artifact/{each['latest_id']}" for each in found}
        stop.wait(0.2)
    return {}


def _open(settings: Settings, stage: Stage, pages: Mapping[str, str], kept: Path | None) -> Iterator[str]:
    """What is where, and what to try."""
    ui = stage.prefect_api.removesuffix("/api")
    yield "\nThe desk is open:"
    for key, name in PAGES.items():
        yield f"  {name:<11} {pages[key]}"
    yield f"  {'All forms':<11} {ui}/deployments"
    with office(settings) as unit:
        items = open_items(unit)
    yield "\nWhat to try:"
    yield from (f"  * {line}" for line in _to_try(items))
    yield "\nThe same desk from another terminal:"
    names = ("HOLDFAST_HOME", "HOLDFAST_CONFIG", "HOLDFAST_SANDBOX_URL", "PREFECT_API_URL")
    yield f"  export {' '.join(f'{name}={os.environ[name]}' for name in names)}"
    yield "  holdfast board"


def _to_try(items: Sequence[WorkItem]) -> Iterator[str]:
    """What can be done with what is open, in a person's words."""
    first: dict[str, WorkItem] = {}
    for each in items:
        first.setdefault(each.kind, each)
    if item := first.get("channel"):
        yield f"{item.title}: open it on the desk queue, take out the packet, come back and say that it is submitted."
    if item := first.get("acknowledgement"):
        yield f"{item.provider_name} has not answered {item.request}: enter that it refuses, and on which ground."
    if item := next((each for each in items if each.level > 1), None):
        yield f"{item.request} at {item.provider_name} was told twice, level {item.level} by now: take it up."
    if item := first.get("draft"):
        yield f"An officer has drafted {item.request}: send it, and look at its run."
    yield "Preserve a case of your own with the form of that name: Sandbox Mail, an account at example.com."
    yield "Do one of them twice, from an old tab: you are told, and nothing is entered a second time."


def _leaves(kept: Path | None) -> str:
    return f", and leaves {kept}" if kept else " and removes everything"


def _tell(line: str) -> None:
    say(line)
    sys.stdout.flush()
