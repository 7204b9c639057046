"""The worker of `holdfast serve` and its registering, in this process, with flows that the tests hold up."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect_support import LiveUnit, PrefectServer
from serving_support import deployment, press

from flows.deployments import SERVED, Served
from flows.office import open_catalogue
from flows.prefect_api import ERRAND, prepare

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]

HELD = threading.Event()
"""Set: the bulk job may end."""


def listed(flow: str, queue: str, **more: Any) -> Served:
    """Something to serve that is not in the list; no test takes it for one of ours."""
    return Served(
        flow=flow,
        name=f"Tried {flow}",
        entrypoint=f"tried.{flow}",
        description="Tried.",
        tags=("tried",),
        queue=queue,
        **more,
    )


BULK, URGENT, BROKEN = (
    listed("tried-bulk", "bulk", limit=1),
    listed("tried-urgent", "urgent"),
    listed("tried-broken", "people"),
)


@pytest.fixture(scope="module")
def flows(prefect: PrefectServer) -> dict[str, Any]:
    """Flows that take long, that are quick, and that break off."""
    prepare({})
    from prefect import flow
    from prefect.states import Completed

    def begun() -> None:
        errand = ERRAND.get()
        assert errand is not None
        assert errand.begin()

    @flow(name=BULK.flow, validate_parameters=False)
    async def bulk() -> Any:
        begun()
        await asyncio.to_thread(HELD.wait, 20)
        return Completed(message="after minutes")

    @flow(name=URGENT.flow, validate_parameters=False)
    async def urgent(word: str = "sent") -> Any:
        begun()
        return Completed(message=word)

    @flow(name=BROKEN.flow, validate_parameters=False)
    async def broken() -> Any:
        begun()
        raise SystemExit("secret.account@example.com")

    return {BULK.full_name: bulk, URGENT.full_name: urgent, BROKEN.full_name: broken}


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer) -> LiveUnit:
    return LiveUnit(tmp_path, prefect.api)


@pytest.fixture
def asked(unit: LiveUnit, prefect: PrefectServer) -> Iterator[Callable[[Callable[[Any], Awaitable[Any]]], Any]]:
    """Run something with a client to the server."""
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    async def with_client(work: Callable[[Any], Awaitable[Any]]) -> Any:
        async with get_client() as client:
            return await work(client)

    with temporary_settings({PREFECT_API_URL: prefect.api}):
        yield lambda work: asyncio.run(with_client(work))


def test_an_emergency_begins_at_once_while_a_bulk_job_runs_and_a_run_that_breaks_off_takes_no_other_down(
    asked: Callable[..., Any], flows: dict[str, Any], unit: LiveUnit, prefect: PrefectServer
) -> None:
    from flows.serving.registering import register
    from flows.serving.working import Worker

    said: list[str] = []
    stop = threading.Event()
    HELD.clear()
    waited: list[float] = []
    logged: list[str] = []

    async def try_it(client: Any) -> dict[str, Any]:
        policy = open_catalogue(unit.settings).policy
        registered = await register(client, flows, policy, (BULK, URGENT, BROKEN))
        worker = Worker(
            settings=unit.settings,
            client=client,
            flows=flows,
            deployments=registered.deployments,
            name="tried",
            say=said.append,
        )
        working = asyncio.create_task(worker.work(stop))

        async def end_of(run: str, words: str = "") -> dict[str, Any]:
            while True:
                found = await asyncio.to_thread(prefect.run, run)
                if found["state_type"] in ("COMPLETED", "CRASHED") and words in found["state"]["message"]:
                    return found
                await asyncio.sleep(0.05)

        def pressed(served: Served) -> str:
            return press(prefect, served.flow)

        jobs = [await asyncio.to_thread(pressed, BULK) for _ in range(3)]
        while not worker.hands:
            await asyncio.sleep(0.05)
        broken = await asyncio.to_thread(pressed, BROKEN)
        began = time.monotonic()
        urgent = await end_of(await asyncio.to_thread(pressed, URGENT))
        waited.append(time.monotonic() - began)
        ends = {"urgent": urgent, "broken": await end_of(broken, "This broke off")}
        while not any("This broke off" in each for each in logged):
            logged[:] = await asyncio.to_thread(prefect.logs, broken)
        states = [(await asyncio.to_thread(prefect.run, each))["state_type"] for each in jobs]
        HELD.set()
        ends |= {each: await end_of(each) for each in jobs}
        stop.set()
        assert await working
        assert sorted(states) == ["RUNNING", "SCHEDULED", "SCHEDULED"], "one at a time, the others wait"
        return ends

    async def in_time(client: Any) -> dict[str, Any]:
        return await asyncio.wait_for(try_it(client), 120)

    ends = asked(in_time)
    assert waited[0] < 5, "the emergency did not wait for the bulk jobs"
    assert ends.pop("urgent")["state"]["message"] == "sent"
    broken = ends.pop("broken")["state"]
    assert broken["type"] == "CRASHED"
    assert "What was done stands in the record" in broken["message"]
    assert broken["message"] in logged, "the page of a run opens on its log"
    assert "secret" not in str(broken) + "".join(said)
    assert any("a run broke off" in each for each in said)
    assert {each["state_type"] for each in ends.values()} == {"COMPLETED"}


def test_what_a_person_paused_stays_so_ids_stay_and_older_names_are_removed(
    asked: Callable[..., Any], flows: dict[str, Any], unit: LiveUnit, prefect: PrefectServer
) -> None:
    from flows.serving.registering import register

    async def try_it(client: Any) -> list[Any]:
        policy = open_catalogue(unit.settings).policy
        served = (URGENT,)
        await register(client, flows, policy, served)
        there = await client.read_deployment_by_name(URGENT.full_name)
        await client.pause_deployment(there.id)
        same = await register(client, flows, policy, served)
        flow = await client.create_flow_from_name("issue-requests")
        await client.create_deployment(flow, "holdfast", tags=["holdfast"], entrypoint="flows.issue.issue_requests")
        await client.create_deployment(flow, "of the unit", tags=["holdfast"], entrypoint="unit.own.flow")
        changed = await register(client, flows, policy, (replace(URGENT, description="Said better."),))
        return [there.id, same, changed]

    id_, same, changed = asked(try_it)
    assert same.changed == ()
    assert changed.changed == (URGENT.full_name,)
    found = deployment(prefect, URGENT.flow)
    assert found["id"] == str(id_)
    assert found["description"] == "Said better."
    assert found["paused"]
    assert "holdfast" in changed.removed
    assert "of the unit" not in changed.removed


def test_the_list_names_every_flow_once_and_each_is_described_for_its_reader() -> None:
    from flows.serving.registering import imported

    flows = imported()
    assert [flows[each.full_name].name for each in SERVED] == [each.flow for each in SERVED]
    assert len({each.flow for each in SERVED}) == len({each.name for each in SERVED}) == len(SERVED)
    for each in SERVED:
        assert flows[each.full_name].retries == 0, "Prefect repeats nothing"
        assert flows[each.full_name].isasync
        assert len(each.description.split()) > 20, each.name
        assert not re.search(r"[^\n]\n[^\n]", each.description), "one user interface would break the line there"
        if "form" in each.tags and flows[each.full_name].parameters.required:
            assert "**What to enter.**" in each.description, each.name
            assert "**What happens then.**" in each.description, each.name
        if "sends" in each.tags and "form" in each.tags:
            assert "**What cannot be taken back" in each.description, each.name
