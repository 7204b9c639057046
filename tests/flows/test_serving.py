"""`holdfast serve` as a real process, on a real Prefect server and with providers that count what they were sent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prefect_support import LiveUnit, PlayedProviders, PrefectServer, wait_for
from serving_support import Line, Serve, cancel, deployment, ended, press, until

from flows.deployments import POOL, QUEUES, SERVED, every, version
from flows.office import open_catalogue
from flows.serving.service import alone
from flows.settings import SettingsError

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "1"}


@pytest.fixture(scope="module")
def line(prefect: PrefectServer) -> Line:
    """The way from `serve` to the Prefect server."""
    return Line(prefect.api)


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, line: Line, played: PlayedProviders) -> LiveUnit:
    """A unit with a quick provider, and with one whose every answer takes a second."""
    unit = LiveUnit(tmp_path_factory.mktemp("served"), line.address)
    unit.provider("quick", played.address("quick"))
    unit.provider("slow", Line(played.address("slow"), seconds=0.2).address)
    for name in ("quick", "slow"):
        played.trouble(name, {})
    return unit


@pytest.fixture(scope="module")
def serves(unit: LiveUnit) -> Iterator[list[Serve]]:
    """The process that serves, the last one in the list; the tests may end it and begin another."""
    running = [Serve(unit, **IMPATIENT).ready()]
    yield running
    for each in running:
        each.stop()


def test_everything_of_the_list_is_on_the_server_as_it_says(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer
) -> None:
    policy = open_catalogue(unit.settings).policy
    for each in SERVED:
        found = deployment(prefect, each.flow)
        assert found["name"] == each.name
        assert found["description"] == each.description
        assert (set(found["tags"]), found["version"]) == (set(each.tags), version())
        assert (found["work_pool_name"], found["work_queue_name"]) == (POOL, each.queue)
        assert found["entrypoint"] == each.entrypoint
        assert found["enforce_parameter_schema"]
        assert '"date-time"' not in json.dumps(found["parameter_openapi_schema"]), "its picker sends another instant"
        limit = found["global_concurrency_limit"]
        assert (limit["limit"] if limit else None) == each.limit
        interval = every(each, policy)
        wanted = [interval.total_seconds()] if interval else []
        assert [schedule["schedule"]["interval"] for schedule in found["schedules"]] == wanted
    queues = {each["name"]: each["priority"] for each in prefect.ask(f"/work_pools/{POOL}/queues/filter", {})}
    assert [queues[name] for name in QUEUES] == [1, 2, 3, 4]


def test_what_a_person_asks_for_begins_within_seconds(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
) -> None:
    (request,) = unit.register("quick")
    began = time.monotonic()
    run = press(prefect, "issue-requests", request_ids=[request], by="Contact team")
    wait_for(lambda: played.effects(request), seconds=5, what="the request at the provider")
    assert time.monotonic() - began < 5
    assert ended(prefect, run)["state"]["message"].startswith("1 request looked at, ")
    assert unit.state(request) == "in-force"


def test_a_schedule_makes_runs_and_one_that_finds_a_fresh_sweep_does_nothing(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer
) -> None:
    mine = deployment(prefect, "sweep-holds")["id"]
    by_clock = {"deployments": {"id": {"any_": [mine]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    found: list[str] = []

    def scheduled() -> bool:
        time.sleep(0.1)
        found[:] = [each["id"] for each in prefect.ask("/flow_runs/filter", by_clock) if each["auto_scheduled"]]
        return bool(found)

    wait_for(scheduled, seconds=20, what="a run made by the schedule")
    assert ended(prefect, press(prefect, "sweep-holds"))["state_type"] == "COMPLETED"
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2020-01-01T00:00:00Z"}}
    prefect.ask(f"/flow_runs/{found[0]}/set_state", {"state": state, "force": True})
    assert ended(prefect, found[0])["state"]["message"].startswith("nothing was left to do: the last sweep ended at ")


def test_a_run_that_a_person_stops_finishes_the_act_in_hand_and_begins_no_other(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
) -> None:
    requests = unit.register(*["slow"] * 6)
    run = press(prefect, "issue-requests", request_ids=requests, by="Contact team")
    wait_for(lambda: any(played.effects(each) for each in requests), seconds=10, what="the first request")
    cancel(prefect, run)
    found = ended(prefect, run)
    assert found["state_type"] == "CANCELLED"
    assert found["state"]["message"].startswith("A person stopped this. What was in hand was finished first: ")
    kinds = [unit.kinds(each) for each in requests]
    assert kinds[-1] == ["registered", "note"], "what was not begun is not sent"
    for each in kinds:
        assert each.count("intent") == each.count("sent"), "what was begun has its outcome"


def test_while_prefect_is_away_it_is_asked_on_and_what_was_asked_for_meanwhile_is_done(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders, line: Line
) -> None:
    (request,) = unit.register("quick")
    line.cut()
    wait_for(lambda: "Prefect does not answer" in serves[-1].said(), seconds=30, what="the word that it is away")
    run = press(prefect, "issue-requests", request_ids=[request], by="Contact team")
    line.mend()
    assert ended(prefect, run, seconds=30)["state_type"] == "COMPLETED"
    assert serves[-1].said().count("Prefect does not answer") == 1
    assert "Prefect answers again" in serves[-1].said()
    assert played.effects(request) == 1


def test_what_a_killed_process_had_in_hand_is_gone_on_with_and_nothing_is_sent_twice(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
) -> None:
    ids = {each.flow: deployment(prefect, each.flow)["id"] for each in SERVED}
    requests = unit.register(*["slow"] * 4)
    run = press(prefect, "issue-requests", request_ids=requests, by="Contact team")
    wait_for(lambda: any(played.effects(each) for each in requests), seconds=10, what="the first request")
    serves[-1].kill()
    assert prefect.run(run)["state_type"] == "RUNNING"
    let_leases_run_out(unit)

    serves.append(Serve(unit, **IMPATIENT).ready())
    assert ended(prefect, run)["state_type"] == "COMPLETED"
    assert [played.effects(each) for each in requests] == [1] * 4
    assert {each.flow: deployment(prefect, each.flow)["id"] for each in SERVED} == ids
    assert "as they were" in serves[-1].said(), "what is there already is left alone"


def test_a_run_whose_requests_another_holds_looks_again_by_itself(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer
) -> None:
    (request,) = unit.register("quick")
    with unit.office() as opened:
        now = opened.now()
        opened.ledger.claim(now, owner="a killed one", until=now + timedelta(minutes=5), limit=1, request=request)
    run = press(prefect, "issue-requests", request_ids=[request], by="Contact team")
    until(prefect, run, "RUNNING", "FAILED", "SCHEDULED")
    wait_for(
        lambda: "looks again by itself" in str(prefect.run(run)["state"]["message"]), seconds=10, what="the word"
    )
    found = prefect.run(run)
    assert found["state_type"] == "SCHEDULED"
    assert found["next_scheduled_start_time"] > now.isoformat()


def test_a_process_that_is_told_to_stop_finishes_the_act_in_hand_and_gives_back_the_rest(
    serves: list[Serve], unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
) -> None:
    requests = unit.register(*["slow"] * 6)
    run = press(prefect, "issue-requests", request_ids=requests, by="Contact team")
    wait_for(lambda: any(played.effects(each) for each in requests), seconds=10, what="the first request")
    assert serves[-1].stop() == 0
    assert prefect.run(run)["state_type"] == "SCHEDULED", "it is begun again by whoever serves next"
    kinds = [unit.kinds(each) for each in requests]
    assert kinds[-1] == ["registered", "note"]
    assert all(each.count("intent") == each.count("sent") for each in kinds)
    waiting = press(prefect, "sweep-holds")
    assert prefect.run(waiting)["state_type"] == "SCHEDULED", "nobody is there; it waits"


def test_two_processes_do_not_serve_the_same_home(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(SettingsError, match="another `holdfast serve` works with"), alone(tmp_path):
        pass


def let_leases_run_out(unit: LiveUnit) -> None:
    """What five minutes do."""
    with closing(sqlite3.connect(unit.folder / "home" / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DELETE FROM leases")
