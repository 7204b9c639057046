"""What a process that was killed left behind: runs that look as if somebody worked on them.

The ledger knows what was done; Prefect knows only that nobody said anything. So such a run is ended in words that
send its reader to the record. One that preserves data is begun again instead, a few times at the most: it asks the
ledger what is left to do, and nothing is sent twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus
from prefect.states import Cancelled, Crashed, Scheduled

from flows.deployments import POOL, Served

GRACE = timedelta(seconds=60)
"""A run of which it is not known who works on it is left alone for so long."""

TRIES = 3
"""How often a run that preserves data is begun; if it ends the process each time, a person has to look."""

AGAIN = "Holdfast was stopped in the middle of this. It is begun again by itself; nothing is sent twice."

ENDED = (
    "This broke off in the middle. What was done stands in the record: look at the request on the board before you "
    "do anything again. Nothing is sent twice. What the record does not have was not done: fill the form in again"
)

STOPPED = (
    "A person stopped this, and Holdfast broke off before it ended. What was done stands in the record: look at the "
    "request on the board."
)


@dataclass(kw_only=True)
class Leftovers:
    """Looks for runs of our pool that nobody works on. `name` is this worker's."""

    client: PrefectClient
    name: str
    deployments: Mapping[UUID, Served]
    say: Callable[[str], None]
    first: bool = True

    async def settle(self, in_hand: Collection[UUID], now: datetime) -> None:
        """End or begin again every run that nobody works on, but for those in hand."""
        looks_busy = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
        found = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=looks_busy)),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
        )
        if found:
            there = await self._there()
            for run in found:
                if run.id not in in_hand and self._left(run, there, now):
                    end = self._end(run)
                    await self.client.set_flow_run_state(run.id, end, force=True)
                    await write(self.client, run.id, end)
        self.first = False

    async def _there(self) -> set[str]:
        """The workers that show signs of life, but for this one."""
        workers = await self.client.read_workers_for_work_pool(POOL)
        return {each.name for each in workers if each.status == WorkerStatus.ONLINE} - {self.name}

    def _left(self, run: FlowRun, there: Collection[str], now: datetime) -> bool:
        """Whether nobody works on a run. This worker's name is its own, so at its start it has none in hand."""
        if run.infrastructure_pid in there:
            return False
        if self.first and run.infrastructure_pid == self.name:
            return True
        since = run.state.timestamp if run.state else None
        return since is None or now - since > GRACE

    def _end(self, run: FlowRun) -> State[Any]:
        served = self.deployments.get(run.deployment_id) if run.deployment_id else None
        what = served.name if served else "a run"
        if run.state_type == StateType.CANCELLING:
            return Cancelled(message=STOPPED)
        urgent = served is not None and served.queue == "urgent"
        if urgent and run.run_count < TRIES:
            self.say(f"{what}: a run that broke off is begun again; nothing is sent twice")
            return Scheduled(message=AGAIN)
        if run.state_type == StateType.PENDING and run.run_count < TRIES:  # it had not begun
            return Scheduled(message=AGAIN)
        self.say(f"{what}: a run broke off; its page says what to look at")
        return Crashed(message=f"{ENDED}.")


async def write(client: PrefectClient, run: UUID, end: State[Any]) -> None:
    """Say in a run's log, too, how it was ended from outside: its page opens there. Never raises."""
    level = logging.INFO if end.type == StateType.SCHEDULED else logging.ERROR
    said, at = end.message or end.name or "", cast(Any, end.timestamp)  # Prefect's own type of an instant is the same
    with suppress(Exception):
        line = LogCreate(name="holdfast.serve", level=level, message=said, timestamp=at, flow_run_id=run)
        await client.create_logs([line])
