"""Two watches and two workers, each a process of its own, on one PostgreSQL ledger and one Prefect server.

For the long run: ten processes with Prefect in them take minutes where two cores do other things as well. Two
sweepers on one ledger are in every run of the tests (`test_crash_sweepers`).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from operating_support import (
    PlayedProviders,
    PostgresServer,
    PrefectServer,
    Site,
    blocks,
    counted,
    deployment,
    process,
    run,
    stop,
)
from prefect_support import wait_for

from flows.deployments import POOL, PROCESS_POOL, QUEUES, SERVED, every, version

pytestmark = [pytest.mark.prefect, pytest.mark.soak, pytest.mark.xdist_group("on a clock")]
PROVIDERS = tuple(f"provider-{letter}" for letter in "abcd")
NAMES = {each.flow: each for each in SERVED}
WAVE, RIPPLE = 208, 24
"""Requests that fall due at once: more than one sweeper leases at a time, and a few."""

SCHEDULED = "SCHEDULED"


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, servers: tuple[PostgresServer, PrefectServer], played: PlayedProviders
) -> Site:
    postgres, prefect = servers
    site = Site(tmp_path_factory.mktemp("site"), postgres, prefect.api)
    site.policy('[[ladder]]\nlevel = 1\nwho = "Duty officer"\nacknowledge_within = "12 hours"\ntell = ["stderr"]\n')
    for name in PROVIDERS:
        site.provider(name, played.address(name))
        played.trouble(name, {})
    return site


def wave(site: Site, size: int) -> list[str]:
    return site.register(*(PROVIDERS[number % len(PROVIDERS)] for number in range(size)))


def all_in_force(site: Site, requests: list[str]) -> bool:
    time.sleep(0.3)  # looked at now and then: eight other processes want the processor
    wanted = set(requests)
    with site.office() as office:
        return all(row.state == "in-force" for row in office.ledger.rows() if row.request in wanted)


def begun(prefect: PrefectServer) -> list[str]:
    """The state of every run but those that a schedule has made for later."""
    time.sleep(0.3)
    runs = [each for each in prefect.runs() if not (each["auto_scheduled"] and each["state_type"] == SCHEDULED)]
    return [each["state_type"] for each in runs]


def all_ended(prefect: PrefectServer) -> bool:
    return set(begun(prefect)) <= {"COMPLETED", "FAILED", "CRASHED"}


def ordered(prefect: PrefectServer, flow: str, **parameters: Any) -> str:
    """A run that a person asks for on the server's pages."""
    made: str = prefect.ask(
        f"/deployments/{deployment(prefect, NAMES[flow].full_name)['id']}/create_flow_run", {"parameters": parameters}
    )["id"]
    return made


def test_two_watches_and_two_workers_send_everything_exactly_once(
    site: Site, servers: tuple[PostgresServer, PrefectServer], played: PlayedProviders
) -> None:
    _, prefect = servers
    first = wave(site, WAVE)
    (_, to_deploy), (_, to_limit) = blocks("deploy", "limit")
    with ThreadPoolExecutor(1) as aside, ExitStack() as processes:
        operator = site.machine("operator")
        deploying, limiting = (aside.submit(run, text, operator) for text in (to_deploy, to_limit))
        watches = [
            processes.enter_context(process("holdfast watch", site.machine(name), site.folder / f"{name}.log"))
            for name in ("watch-1", "watch-2")
        ]
        said = deploying.result()
        told = " ".join(said.replace("│", " ").split())
        names = {each.full_name for each in SERVED}
        assert {name for name in names if f"Deployment '{name}' successfully created" in told} == names
        ((_, to_work),) = blocks("worker")
        workers = [
            processes.enter_context(
                process(
                    f"{to_work.strip()} --limit 1",
                    site.machine(name) | {"PREFECT_WORKER_QUERY_SECONDS": "1"},
                    site.folder / f"{name}.log",
                )
            )
            for name in ("worker-1", "worker-2")
        ]
        wait_for(lambda: all_in_force(site, first), seconds=120, what="the first wave")
        second = wave(site, RIPPLE)
        runs = [ordered(prefect, "sweep-holds") for _ in workers]
        wait_for(lambda: all_in_force(site, second), seconds=120, what="the second wave, by all four")
        assert stop(*watches) == [0, 0]
        third = site.register(*PROVIDERS)
        runs.append(ordered(prefect, "issue-requests", request_ids=third, by="Contact team"))
        wait_for(lambda: all_in_force(site, third), seconds=120, what="what a person issues")
        wait_for(lambda: all_ended(prefect), seconds=120, what="the end of all runs")
        stop(*workers)
        assert "provider:snap" in limiting.result()
    assert [prefect.run(each)["state_type"] for each in runs] == ["COMPLETED"] * 3
    assert set(begun(prefect)) == {"COMPLETED"}, "the watches' runs, too"
    every = {*first, *second, *third}
    effects = {act: times for act, times in counted(played).items() if act[0] in every}
    assert set(effects.values()) == {1}
    assert {request for request, action, _ in effects if action == "send"} == every
    senders = site.senders()
    assert set().union(*(senders[request] for request in (*first, *second))) >= {"watch-1", "watch-2"}
    assert set().union(*(senders[request] for request in third)) <= {"worker-1", "worker-2"}
    assert {len(senders[request]) for request in every} == {1}
    with site.office() as office:
        assert not list(office.ledger.verify(office.histories.project))


def test_what_was_deployed_is_what_holdfast_serve_serves(
    site: Site, servers: tuple[PostgresServer, PrefectServer]
) -> None:
    _, prefect = servers
    with site.office() as office:
        policy = office.policy
    for each in SERVED:
        found = deployment(prefect, each.full_name)
        assert found["entrypoint"] == each.entrypoint
        assert found["description"].strip() == each.description.strip()
        assert (found["version"], set(found["tags"])) == (version(), set(each.tags))
        assert (found["work_pool_name"], found["work_queue_name"]) == (PROCESS_POOL, each.queue)
        assert found["enforce_parameter_schema"]
        limit = found["global_concurrency_limit"]
        assert (limit["limit"] if limit else None) == each.limit
        interval = every(each, policy)
        schedules = [schedule["schedule"]["interval"] for schedule in found["schedules"]]
        assert schedules == ([interval.total_seconds()] if interval else [])
        assert not found["pull_steps"]
    (limit,) = [each for each in prefect.ask("/v2/concurrency_limits/filter", {}) if each["name"] == "provider:snap"]
    assert (limit["limit"], limit["active"]) == (1, True)
    queues = {each["name"]: each["priority"] for each in prefect.ask("/work_pools/holdfast/queues/filter", {})}
    assert sorted(QUEUES, key=queues.__getitem__) == list(QUEUES)


def test_the_same_forms_are_served_by_one_process_as_the_page_says(
    site: Site, servers: tuple[PostgresServer, PrefectServer]
) -> None:
    _, prefect = servers
    before = {each.full_name: deployment(prefect, each.full_name)["id"] for each in SERVED}
    ((_, text),) = blocks("serve")
    run(text, site.machine("one-process"))
    for each in SERVED:
        found = deployment(prefect, each.full_name)
        assert (found["work_pool_name"], found["work_queue_name"]) == (POOL, each.queue)
        assert found["id"] == before[each.full_name], "links stay"


def test_no_account_is_in_what_prefect_stored(servers: tuple[PostgresServer, PrefectServer], site: Site) -> None:
    """All that its interface gives out of what two watches and two workers left there."""
    from prefect_support import CANARY, disguises

    _, prefect = servers
    everything = [prefect.ask(f"/{kind}/filter", {}) for kind in ("flow_runs", "task_runs", "logs", "artifacts")]
    text = str(everything).encode()
    assert b"HF-" in text, "the search would find what is there"
    assert not [name for name, shape in disguises(CANARY).items() if shape in text]
    logs = b"".join(path.read_bytes() for path in Path(site.folder).glob("*.log"))
    assert b"HF-" in logs
    assert CANARY.encode() not in logs
