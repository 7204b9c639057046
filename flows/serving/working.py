"""Carries out the runs that people ask for, in this process: the flows are imported already, so a run begins at once.

One loop asks Prefect for runs, a short question a few times a second. Each queue has places of its own, so what
preserves data never waits for a job on many requests. A run is a task of this loop and its work a thread; whatever
it raises ends it alone.

What a run did stands in the ledger, whatever becomes of Prefect. So the loop outlives a server that goes away (it
asks on for ever, and says so once), and an end that Prefect could not note is told to it when it is back.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import OrchestrationResult, SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import run_flow_async
from prefect.states import Cancelled, Crashed, Failed, Pending, Scheduled

from flows.deployments import POOL, Served
from flows.forms.scrubbing import scrub_leftovers
from flows.prefect_api import ERRAND, Errand
from flows.serving.leftovers import AGAIN, ENDED, Leftovers, write
from flows.settings import Settings
from flows.sweeping import HELD, LEASE, place

POLL = 0.4
"""Seconds between two questions for runs."""

LOOK = 1.0
"""Seconds between two questions whether a run in hand is to be stopped."""

HEARTBEAT = 15.0
"""Seconds between two signs of life. The server takes a worker for gone after three that are missing."""

SEARCH = 60.0
"""Seconds between two searches for what another process left behind."""

SCRUB = 600.0
"""Seconds between two searches for what was typed into runs that broke off before they could take it out."""

AWAY_LONGEST = 10.0
"""Seconds between two questions while Prefect is away, at the most."""

STOP_WITHIN = 75.0
"""Seconds for the acts in hand when we are stopped; a service manager kills after 90."""

HELD_AGAIN = timedelta(seconds=20)
"""How soon a run is begun again whose requests another worker holds; those of a killed one are free after a lease."""

HELD_WORDS = "this run looks again by itself, in 20 seconds"

PLACES = {"urgent": 3, "people": 3, "bulk": 1, "sweeps": 1}
"""Runs at a time in each queue. More make one another slower on a Prefect server that keeps an SQLite file."""

AWAY = (httpx.HTTPError, OSError, TimeoutError, ObjectNotFound)
"""What Prefect's client raises when the server is away, does not know what to answer, or has lost what it had."""

Say = Callable[[str], None]


@dataclass(kw_only=True, eq=False)
class Hand:
    """A run in hand. `said` is the end that the flow itself gave; `cancelled`: a person asked to stop it."""

    run: FlowRun
    served: Served
    errand: Errand
    said: State[Any] | None = None
    cancelled: bool = False


@dataclass(kw_only=True)
class Worker:
    """Carries out runs until `stop` is set.

    Args:
        settings: of the office that each run opens.
        client: to the Prefect server, open.
        flows: the flow of each deployment's full name.
        deployments: what is served, by the deployment's id on the server.
        name: unlike that of any other process that works at the same time.
        say: told one line at a time, for people.
        places: runs at a time in each queue.
        lost: called while the server does not answer, before it is asked again.
        again: registers everything anew when the server is back: it may have come back without anything.
    """

    settings: Settings
    client: PrefectClient
    flows: Mapping[str, Flow[Any, Any]]
    deployments: Mapping[UUID, Served]
    name: str
    say: Say
    places: Mapping[str, int] = field(default_factory=lambda: dict(PLACES))
    lost: Callable[[], None] | None = None
    again: Callable[[], Awaitable[Mapping[UUID, Served]]] | None = None
    hands: dict[UUID, Hand] = field(default_factory=dict)
    unsettled: dict[UUID, State[Any]] = field(default_factory=dict)
    stopping: bool = False
    away: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _next: dict[str, float] = field(default_factory=dict)

    async def work(self, stop: threading.Event) -> bool:
        """Carry out runs until `stop` is set; then finish the acts in hand. False: some did not end in time."""
        wait = POLL
        leftovers = Leftovers(client=self.client, name=self.name, deployments=self.deployments, say=self.say)
        while not stop.is_set():
            try:
                if self.away and self.again:
                    leftovers.deployments = self.deployments = await self.again()
                if self._due("heartbeat", HEARTBEAT):
                    await self.client.send_worker_heartbeat(POOL, self.name, HEARTBEAT)
                await self._settle()
                if self._due("search", SEARCH):
                    await leftovers.settle({*self.hands, *self.unsettled}, self.settings.now())
                if self._due("scrub", SCRUB):
                    await self._scrub()
                await self._take()
                if self.hands and self._due("look", LOOK):
                    await self._look()
            except AWAY as error:
                wait = min(max(wait * 2, 1.0), AWAY_LONGEST)
                self._next.clear()
                if not self.away:
                    self.away = True
                    self.say(
                        f"Prefect does not answer ({type(error).__name__}). It is asked again until it does;"
                        " what is in hand goes on, and the watch does its work without it."
                    )
                if self.lost:
                    await asyncio.to_thread(self.lost)
            else:
                wait = POLL
                if self.away:
                    self.away = False
                    self.say("Prefect answers again.")
            await _set_within(stop, wait)
        return await self._finish()

    async def _finish(self) -> bool:
        """Finish the acts in hand, and have the server know of every end."""
        self.stopping = True
        for hand in self.hands.values():
            hand.errand.stop.set()
            hand.errand.take_back()  # one that has not begun never will
        if self.hands:
            self.say(f"stopping: the acts in hand are finished ({len(self.hands)} runs)")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_WITHIN)
        try:
            async with asyncio.timeout(5):
                await self._settle()
        except AWAY:
            pass  # the next start finds these runs, and ends them
        return not self.hands

    def _due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + seconds
        return True

    # ---- taking runs ------------------------------------------------------------------------------------------

    async def _take(self) -> None:
        """Begin what is due, as far as there are places for it.

        Asking for work makes Prefect write, for every deployment; on an SQLite file others then fail. So it is asked
        only where a run is waiting, and now and then, by which its pages know that somebody is there.
        """
        if not self._due("ask", HEARTBEAT) and not await self._waiting():
            return
        for each in await self.client.get_scheduled_flow_runs_for_work_pool(
            POOL, scheduled_before=self.settings.now()
        ):
            run = each.flow_run
            served = self.deployments.get(run.deployment_id) if run.deployment_id else None
            if run.id in self.hands or run.id in self.unsettled:
                continue
            if served is None:
                self.unsettled[run.id] = Failed(message="This form is not served any more; look for its new name.")
            elif self._room(served):
                hand = Hand(run=run, served=served, errand=Errand(settings=self.settings))
                self.hands[run.id] = hand
                task = asyncio.create_task(self._carry(hand))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _waiting(self) -> bool:
        """Whether a run is due that nobody has taken. Only reads."""
        now = self.settings.now()
        found = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime.model_validate({"before_": now}),
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            limit=1,
        )
        return bool(found)

    def _room(self, served: Served) -> bool:
        """Whether there is a place. A run whose work is done, and which only brings pages up to date, has none."""
        same = [hand for hand in self.hands.values() if hand.served is served]
        queue = [
            hand
            for hand in self.hands.values()
            if hand.served.queue == served.queue and not hand.errand.finished.is_set()
        ]
        return len(queue) < self.places[served.queue] and (served.limit is None or len(same) < served.limit)

    async def _carry(self, hand: Hand) -> None:
        """Carry out one run, whatever it does. Never raises."""
        try:
            await self._run(hand)
        except BaseException as error:  # an exit, a signal of Prefect's, a lost server: it ends this run alone
            self.unsettled[hand.run.id] = self._end_after(hand, error)
        finally:
            del self.hands[hand.run.id]

    async def _run(self, hand: Hand) -> None:
        run = hand.run
        taken: OrchestrationResult[Any] = await self.client.set_flow_run_state(run.id, Pending())
        if taken.status != SetStateStatus.ACCEPT or taken.state is None:
            return  # another took it, or it has to wait for its turn: it comes again
        run.state = taken.state
        await self.client.update_flow_run(run.id, infrastructure_pid=self.name)  # who works on it
        ERRAND.set(hand.errand)
        given = dict(run.parameters)
        flow = self._remembering(hand)
        state = cast(State[Any], await run_flow_async(flow, flow_run=run, parameters=given, return_type="state"))
        hand.cancelled |= state.is_cancelling()  # so quickly that nobody has looked
        given_back = self.stopping and (_cut_short(hand) or not hand.errand.begun.is_set())
        if hand.cancelled or not state.is_final() or given_back:
            self.unsettled[run.id] = self._end_after(hand, None)
        elif _held(hand, state, self.settings.now()):
            later = self.settings.now() + HELD_AGAIN
            self.unsettled[run.id] = Scheduled(scheduled_time=later, message=f"{state.message}; {HELD_WORDS}")

    def _remembering(self, hand: Hand) -> Flow[Any, Any]:
        """The flow, so that what it returns is known even where Prefect cannot be told."""
        flow = copy.copy(self.flows[hand.served.full_name])
        function = flow.fn

        @functools.wraps(function)
        async def remembering(*given: Any, **named: Any) -> Any:
            work = asyncio.ensure_future(_caught(function(*given, **named)))
            while not work.done():
                with suppress(asyncio.CancelledError):  # Prefect's engine has lost a slot: that ends no act
                    await asyncio.shield(work)
            hand.said, error = work.result()
            if error is not None:
                raise error
            return hand.said

        flow.fn = remembering
        flow.should_validate_parameters = False  # the flow does it: the engine would quote a wrong value
        return flow

    def _end_after(self, hand: Hand, error: BaseException | None) -> State[Any]:
        """How a run ends that Prefect could not end by itself, in a person's words."""
        if hand.cancelled:
            said = hand.said.message if hand.said else "nothing was begun"
            return Cancelled(message=f"A person stopped this. What was in hand was finished first: {said}")
        begun = hand.errand.begun.is_set()
        if (not begun and (self.stopping or isinstance(error, AWAY))) or (self.stopping and _cut_short(hand)):
            return Scheduled(message=AGAIN)
        if hand.said is not None:
            return hand.said
        where = f" ({type(error).__name__} in {place(error)})" if error else ""
        self.say(f"{hand.served.name}: a run broke off{where}")
        return Crashed(message=f"{ENDED}{where}")

    # ---- what became of them ----------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Tell the server every end that it could not be told when it came."""
        for run, state in list(self.unsettled.items()):
            try:
                await self.client.set_flow_run_state(run, state, force=True)
                if state.is_crashed():
                    await write(self.client, run, state)
            except ObjectNotFound:
                pass  # deleted meanwhile
            except httpx.HTTPStatusError as error:
                if error.response.is_server_error:
                    raise
                self.say(f"Prefect does not take the end of run {run}: status {error.response.status_code}")
            del self.unsettled[run]

    async def _scrub(self) -> None:
        """Take what was typed out of runs that cannot do it themselves."""
        try:
            count = await scrub_leftovers(self.settings)
        except AWAY:
            raise
        except Exception as error:  # it is tried again; the type alone is safe to show
            self.say(f"what was typed into runs that broke off could not be taken out: {type(error).__name__}")
        else:
            if count:
                self.say(f"what was typed is taken out of {count} runs that broke off")

    async def _look(self) -> None:
        """Have those runs finish early that a person has stopped on the pages."""
        stopped = FlowRunFilter(
            id=FlowRunFilterId(any_=list(self.hands)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])),
        )
        for run in await self.client.read_flow_runs(flow_run_filter=stopped):
            hand = self.hands.get(run.id)
            if hand and not hand.cancelled:
                hand.cancelled = True
                hand.errand.stop.set()


async def _caught(work: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """What it gives, or what it raises: even an exit, which would end the loop if it left a task."""
    try:
        return await work, None
    except BaseException as error:
        return None, error


def _held(hand: Hand, state: State[Any], now: datetime) -> bool:
    """Whether a run that preserves data found a request leased: to somebody at work, or to one that was killed."""
    created = hand.run.created
    young = created is None or now - created < LEASE + 3 * HELD_AGAIN
    return hand.served.queue == "urgent" and state.is_failed() and HELD in (state.message or "") and young


def _cut_short(hand: Hand) -> bool:
    """Whether a run that preserves data may have been stopped before all was done: then it is begun again."""
    return hand.served.queue == "urgent" and hand.errand.stop.is_set()


async def _set_within(stop: threading.Event, seconds: float) -> None:
    """Wait so long, or until `stop` is set. The signal comes in another thread."""
    end = time.monotonic() + seconds
    while not stop.is_set() and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(0.1, left))
