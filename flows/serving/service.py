"""`holdfast serve`, put together: registers what is served, puts the pages back if asked, and carries out the runs.

The loop runs in a thread of its own: in the main one, Prefect's engine would take SIGTERM for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client

from flows.catalogue import Catalogue
from flows.deployments import Served
from flows.office import office, open_catalogue
from flows.pages.publishing import show
from flows.serving.registering import Registered, imported, register
from flows.serving.working import AWAY, AWAY_LONGEST, PLACES, Say, Worker
from flows.settings import Settings, SettingsError

STUCK = 3
"""Exit status where an act in hand did not end."""

NOT_BACK = "the pages could not all be put back: mend what is said above, and start `holdfast serve --rebuild` again"

REFUSED = frozenset({401, 403, 404, 409, 422})
"""Answers of a server that will be the same the next time."""


def serve(
    settings: Settings,
    *,
    stop: threading.Event,
    say: Say,
    rebuild: bool = False,
    only_register: bool = False,
    limit: int | None = None,
    lost: Callable[[], None] | None = None,
    leave: Callable[[int], Any] = os._exit,
) -> bool:
    """Serve until `stop` is set. Prefect's settings are those of this process's environment.

    Args:
        settings: the environment; its `PREFECT_API_URL` is the server.
        stop: set by a signal. The acts in hand are then finished.
        say: told one line at a time, for people.
        rebuild: put every page back from the ledger, first.
        only_register: end when everything is registered.
        limit: runs at a time in the queue of the people's forms; as shipped if not given.
        lost: called from a thread while the server does not answer.
        leave: ends the process at once, where an act in hand does not end in time: its thread would hold it.

    Returns:
        False if an act in hand did not end in time.

    Raises:
        SettingsError: Prefect refuses what is registered, or another process serves this home.
        ConfigurationErrors, LedgerError: the office cannot be opened.
    """
    catalogue = open_catalogue(settings)
    with office(settings):
        pass  # ledger and key are there
    with alone(settings.home):
        ended: list[bool | BaseException] = []

        def run() -> None:
            try:
                ended.append(asyncio.run(serving.run()))
            except BaseException as error:
                ended.append(error)

        serving = _Serving(
            settings=settings,
            catalogue=catalogue,
            stop=stop,
            say=say,
            rebuild=rebuild,
            only_register=only_register,
            limit=limit,
            lost=lost,
            leave=leave,
        )
        thread = threading.Thread(target=run, name="serve", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.2)  # signals are handled in this thread meanwhile
        if isinstance(ended[0], BaseException):
            raise ended[0]
        return ended[0]


@dataclass(kw_only=True)
class _Serving:
    """One `serve`, inside its loop; the arguments are those of `serve`."""

    settings: Settings
    catalogue: Catalogue
    stop: threading.Event
    say: Say
    rebuild: bool
    only_register: bool
    limit: int | None
    lost: Callable[[], None] | None
    leave: Callable[[int], Any]
    _pages_again: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        flows = imported()
        async with get_client() as client:
            registered = await self._register(client, flows)
            if registered is None:
                return True
            self._tell(registered)
            if self.only_register:
                return True
            worker = Worker(
                settings=self.settings,
                client=client,
                flows=flows,
                deployments=registered.deployments,
                name=worker_name(self.settings.home),
                say=self.say,
                places=PLACES | ({"people": self.limit} if self.limit else {}),
                lost=self.lost,
                again=lambda: self._again(client, flows),
            )
            pages = asyncio.create_task(self._pages())
            done = await worker.work(self.stop)
            pages.cancel()
            with suppress(asyncio.CancelledError):
                await pages
            if not done:
                self.say("an act in hand does not end; the process ends without it, and its lease runs out by itself")
                self.leave(STUCK)
            return done

    async def _register(self, client: PrefectClient, flows: Mapping[str, Flow[Any, Any]]) -> Registered | None:
        """Register everything, as often as it takes; None if we are stopped before."""
        told, wait = False, 1.0
        while not self.stop.is_set():
            try:
                registered = await register(client, flows, self.catalogue.policy)
            except AWAY as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in REFUSED:
                    code = error.response.status_code
                    hint = "set PREFECT_API_AUTH_STRING as the server has it" if code in (401, 403) else "see its log"
                    raise SettingsError(f"Prefect refuses what is to be served: status {code}; {hint}") from None
                if not told:
                    told = True
                    self.say("Prefect does not answer yet; it is asked until it does")
                if self.lost:
                    await asyncio.to_thread(self.lost)
                wait = min(wait * 2, AWAY_LONGEST)
                await asyncio.to_thread(self.stop.wait, wait)
            else:
                await asyncio.to_thread(_blocks, self.say)
                return registered
        return None

    async def _again(self, client: PrefectClient, flows: Mapping[str, Flow[Any, Any]]) -> Mapping[UUID, Served]:
        """Have everything on a server that was away; it may have lost its database."""
        registered = await register(client, flows, self.catalogue.policy)
        if registered.changed:
            self._tell(registered)
            await asyncio.to_thread(_blocks, self.say)
            self.rebuild = True  # it has lost the pages, too
            self._pages_again = asyncio.create_task(self._pages())
        return registered.deployments

    def _tell(self, registered: Registered) -> None:
        count, changed = len(registered.deployments), len(registered.changed)
        same = "as they were" if not changed else f"{changed} of them new or changed"
        self.say(f"{count} forms and jobs are on the pages, {same}")
        for name in registered.removed:
            self.say(f"removed from the pages, because it is not served any more: {name}")

    async def _pages(self) -> None:
        """Bring the pages up to date, all of them if asked: beside the work, which does not wait for them."""
        if self.rebuild:
            self.say("putting the pages back from the record …")
        began = time.monotonic()
        work = asyncio.create_task(show(self.settings, everything=self.rebuild))
        while not (await asyncio.wait({work}, timeout=10))[0]:
            if self.rebuild:
                self.say(f"… {time.monotonic() - began:.0f} s")
        failed = work.result()
        for each in failed:
            self.say(f"a page could not be made: {each}")
        if self.rebuild:
            self.say("the pages are back" if not failed else NOT_BACK)


def _blocks(say: Say) -> None:
    """Have the unit's own kinds of blocks on the server. Serving does not depend on them."""
    from flows import blocks

    try:
        blocks.register()
    except Exception as error:  # the forms are there without it; the type alone is safe to show
        what = type(error).__name__
        say(f"the kinds of blocks could not be registered ({what}): credentials come from the environment")


def worker_name(home: Path) -> str:
    """The name of this worker: one for each machine and home."""
    return f"{platform.node() or 'holdfast'}-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:6]}"


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home's lock: what a killed process left is ours to settle only while nobody else serves it.

    Raises:
        SettingsError: another process serves this home.
    """
    with (home / "serve.lock").open("a+") as held:
        try:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # a system without such locks
            pass
        except OSError:
            raise SettingsError(
                f"another `holdfast serve` works with {home}: stop it first, or set HOLDFAST_HOME to another folder"
            ) from None
        yield
