"""Brings the list of what is served to a Prefect server: pool, queues, deployments. Ids stay, for links hold them.

What is there already and as it should be is left alone, and so is what a unit decided on the server's pages: a
deployment or a schedule that was paused stays so.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentScheduleUpdate,
    DeploymentUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import parameter_schema

from flows.deployments import POOL, POOL_TYPE, QUEUES, SERVED, TAG, Served, every, version
from timeline.rules import Policy

POOL_WORDS = "What people ask for on these pages. It is carried out by holdfast serve."

TEMPLATE = {"job_configuration": {"where": "holdfast serve"}, "variables": {"type": "object", "properties": {}}}
"""Of the pool's runs: there is nothing to choose, they run in the process that serves them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What is on the server now: what is served by its deployment's id, and the names that were made or changed."""

    deployments: Mapping[UUID, Served]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def imported(served: Sequence[Served] = SERVED) -> dict[str, Flow[Any, Any]]:
    """The flows by their deployments' full names. Imports their modules."""
    return {each.full_name: getattr(importlib.import_module(each.module), each.function) for each in served}


async def register(
    client: PrefectClient,
    flows: Mapping[str, Flow[Any, Any]],
    policy: Policy,
    served: Sequence[Served] = SERVED,
) -> Registered:
    """Bring everything that is served to the server, and remove what was served under older names.

    Raises:
        httpx.HTTPError: the server is away or refuses; call again.
    """
    await _pool(client)
    deployments: dict[UUID, Served] = {}
    changed: list[str] = []
    for each in served:
        made, new = await _deployment(client, flows[each.full_name], each, every(each, policy))
        deployments[made] = each
        if new:
            changed.append(each.full_name)
    return Registered(
        deployments=deployments, changed=tuple(changed), removed=tuple(await _remove(client, deployments))
    )


async def _pool(client: PrefectClient) -> None:
    """Have the pool and its queues, in their order. Another process may do the same just now."""
    try:
        await client.read_work_pool(POOL)
    except ObjectNotFound:
        wanted = WorkPoolCreate(name=POOL, type=POOL_TYPE, description=POOL_WORDS, base_job_template=TEMPLATE)
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(wanted)
    there = {each.name for each in await client.read_work_queues(work_pool_name=POOL)}
    for priority, (name, words) in enumerate(QUEUES.items(), 1):
        if name not in there:
            with suppress(ObjectAlreadyExists):
                await client.create_work_queue(name, description=words, priority=priority, work_pool_name=POOL)
    order = {name: priority for priority, name in enumerate(QUEUES, 1)}
    for each in await client.read_work_queues(work_pool_name=POOL):  # making one moves the others back
        if each.priority != order.get(each.name, each.priority):
            await client.update_work_queue(each.id, priority=order[each.name])


async def _deployment(
    client: PrefectClient, flow: Flow[Any, Any], served: Served, interval: timedelta | None
) -> tuple[UUID, bool]:
    """Have one deployment as it should be; gives its id, and whether anything was done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a field's default that no JSON can hold is left out, and pydantic says so
        schema = parameter_schema(flow).model_dump_for_openapi()
    together = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE) if served.limit else None
    wanted: dict[str, Any] = {
        "description": served.description,
        "tags": list(served.tags),
        "version": version(),
        "work_pool_name": POOL,
        "work_queue_name": served.queue,
        "entrypoint": served.entrypoint,
        "enforce_parameter_schema": True,
        "parameter_openapi_schema": schema,
    }
    try:
        there = await client.read_deployment_by_name(served.full_name)
    except ObjectNotFound:
        schedules = [DeploymentScheduleCreate(schedule=IntervalSchedule(interval=interval))] if interval else []
        made = await client.create_deployment(
            await client.create_flow(flow),
            served.name,
            schedules=schedules,
            concurrency_limit=served.limit,
            concurrency_options=together,
            pull_steps=[],
            **wanted,
        )
        return made, True
    same = all(getattr(there, name) == value for name, value in wanted.items())
    limited = there.global_concurrency_limit.limit if there.global_concurrency_limit else None
    on_time = _intervals(there) == ([interval] if interval else [])
    if same and on_time and limited == served.limit and not there.pull_steps:
        return there.id, False
    wanted |= {"pull_steps": [], "concurrency_limit": served.limit}
    if together:
        wanted["concurrency_options"] = together
    if not on_time:
        active = all(each.active for each in there.schedules)
        schedule = (
            DeploymentScheduleUpdate(schedule=IntervalSchedule(interval=interval), active=active)
            if interval
            else None
        )
        wanted["schedules"] = [schedule] if schedule else []
    await client.update_deployment(there.id, DeploymentUpdate(**wanted))
    return there.id, True


def _intervals(there: DeploymentResponse) -> list[timedelta | None]:
    return [getattr(each.schedule, "interval", None) for each in there.schedules]


async def _remove(client: PrefectClient, deployments: Mapping[UUID, Served]) -> list[str]:
    """Remove deployments of ours that are not served any more; gives their names."""
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    removed = []
    for each in await client.read_deployments(deployment_filter=ours):
        if each.id not in deployments and (each.entrypoint or "").startswith("flows."):
            await client.delete_deployment(each.id)
            removed.append(each.name)
    return removed
