"""Our work as Prefect runs, on a real Prefect server: what it shows, what it never sees, and what if it dies."""

from __future__ import annotations

import functools
import inspect
import os
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prefect_support import (
    CANARY,
    Cable,
    LiveUnit,
    PlayedProviders,
    PrefectServer,
    places_of,
    reply,
    server,
    wait_for,
)

from flows.acting import Done
from flows.prefect_api import Errand, How, through_prefect, why_not
from flows.running import book_issue, run_sweep
from flows.sweeping import work_on
from flows.watch import watch

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("on a clock")  # one after the other: real time counts in these


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer, played: PlayedProviders) -> LiveUnit:
    return made(tmp_path, prefect.api, played)


def made(folder: Path, api: str, played: PlayedProviders) -> LiveUnit:
    """A unit whose providers alpha and beta do what they are asked."""
    unit = LiveUnit(folder, api)
    for name in ("alpha", "beta"):
        unit.provider(name, played.address(name))
        played.trouble(name, {})
    return unit


def client_home() -> Path:
    """Where Prefect keeps its own files in this process."""
    from prefect.settings import PREFECT_HOME

    return Path(PREFECT_HOME.value())


def run(unit: LiveUnit, start: Callable[[], Any], **how: Any) -> How:
    """Run a flow as the desk and the watch do."""
    return through_prefect(unit.settings, Errand(settings=unit.settings), start, **how)


def issue(requests: list[str]) -> Callable[[], Any]:
    def start() -> Any:
        from flows.issue import issue_requests

        return issue_requests(requests, by="Contact team", return_state=True)

    return start


@pytest.mark.prefect
class TestWhatARunShows:
    def test_requests_are_sent_and_every_provider_has_a_task_run(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        requests = unit.register("alpha", "alpha", "beta")
        how = run(unit, issue(requests))
        assert how.by == "prefect"
        found = prefect.run(how.run)
        assert (found["state_type"], found["name"]) == ("COMPLETED", f"issue {requests[0]} and 2 more")
        assert found["state"]["message"].startswith("3 requests looked at, ")
        assert found["parameters"] == {"request_ids": requests, "by": "Contact team"}
        assert found["tags"] == ["holdfast"]
        assert prefect.task_runs(how.run, 2) == {
            "send provider=alpha n=2": "COMPLETED",
            "send provider=beta n=1": "COMPLETED",
        }
        assert [played.effects(request) for request in requests] == [1, 1, 1]
        assert how.url.endswith(f"/runs/flow-run/{how.run}")

    def test_a_failing_provider_fails_the_run_and_hides_no_other(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        played.trouble("beta", {"refuse": 1})
        refused, kept = unit.register("beta", "alpha")
        how = run(unit, issue([refused, kept]))
        found = prefect.run(how.run)
        assert found["state_type"] == "FAILED"
        assert "failed: " in found["state"]["message"]
        assert "Traceback" not in "".join(prefect.logs(how.run))
        assert prefect.task_runs(how.run, 2) == {
            "send provider=beta n=1": "FAILED",
            "send provider=alpha n=1": "COMPLETED",
        }
        assert (unit.state(refused), unit.state(kept)) == ("refused", "in-force")

    def test_an_id_that_nobody_knows_fails_the_run_and_keeps_no_other_from_being_sent(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        (request,) = unit.register("alpha")
        how = run(unit, issue(["HF-00000000000A", request]))
        assert prefect.run(how.run)["state_type"] == "FAILED"
        assert "1 failed" in prefect.run(how.run)["state"]["message"]
        assert played.effects(request) == 1

    def test_what_is_sent_already_is_booked_with_its_state_and_not_sent_again(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        (request,) = unit.register("alpha")
        with unit.office() as opened:
            work_on(opened, [request])
            work_on(opened, [request])  # what became due by the sending
        before = unit.kinds(request)
        how = book_issue(unit.settings, [request])
        assert how.by == "prefect", how.because
        assert prefect.run(how.run)["state"]["message"].startswith("Nothing was left to send: ")
        assert unit.kinds(request) == before
        assert played.effects(request) == 1
        (table,) = prefect.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [how.run]}}})
        assert request in table["data"]
        assert "in-force" in table["data"]

    def test_only_request_ids_become_parameters(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        before = len(prefect.runs())
        how = book_issue(unit.settings, ["someone.else@example.com"])
        assert how == How(by="direct", because="booking failed with ValueError")
        assert len(prefect.runs()) == before

    def test_a_sweep_runs_as_a_flow_and_the_ledger_says_so(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        (request,) = unit.register("alpha")
        told: list[Done] = []
        report, how = run_sweep(unit.settings, progress=told.append)
        assert how.by == "prefect", how.because
        assert [each.action for each in told] == [each.action for each in report.done]
        assert told[0].action == "send"
        assert unit.beat()["by"] == "prefect"
        assert prefect.task_runs(how.run, 1) == {"sweep provider=alpha n=1": "COMPLETED"}
        said = f"{request} send: in-force"
        wait_for(lambda: said in "".join(prefect.logs(how.run)), seconds=5, what=said)
        assert played.effects(request) == 1

    def test_a_run_that_a_worker_starts_opens_its_office_from_the_environment(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        (request,) = unit.register("beta")
        code = (
            "import asyncio, sys; from flows.issue import issue_requests;"
            " asyncio.run(issue_requests(sys.argv[1:], by='Contact team'))"
        )
        subprocess.run([sys.executable, "-c", code, request], env=os.environ | unit.environ, cwd=ROOT, check=True)
        (found,) = [each for each in prefect.runs() if each["parameters"].get("request_ids") == [request]]
        assert found["state_type"] == "COMPLETED"
        assert played.effects(request) == 1


@pytest.mark.prefect
class TestWhatPeopleEnter:
    def test_a_reply_moves_the_clocks(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        from flows.reply import record_reply

        (request,) = unit.register("alpha")
        today = datetime.now(UTC).date()
        how = run(
            unit,
            lambda: record_reply(
                request=request,
                kind="mla-received",
                by="Contact team",
                on=today - timedelta(days=1),
                reference="OIA-77",
                return_state=True,
            ),
        )
        found = prefect.run(how.run)
        assert (found["state_type"], found["name"]) == ("COMPLETED", f"record mla-received {request}")
        with unit.office() as opened:
            entered = opened.ledger.events(request)[-1]
        assert (entered.kind, entered.body["by"]) == ("mla-received", "Contact team")

    def test_a_wrong_reply_fails_with_what_to_enter_instead(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        from flows.reply import record_reply

        (request,) = unit.register("alpha")
        how = run(unit, lambda: record_reply(request=request, kind="refused", by="Contact team", return_state=True))
        assert prefect.run(how.run)["state"]["message"] == 'refused needs "Ground of refusal"'
        assert unit.kinds(request) == ["registered"]

    def test_no_form_has_a_field_for_free_text_and_every_field_says_what_it_wants(self) -> None:
        from flows import escalate, issue, release, reply, sweep

        flows = (
            escalate.escalate,
            issue.issue_requests,
            release.release_request,
            reply.record_reply,
            sweep.sweep_holds,
        )
        fields = {name for each in flows for name in inspect.signature(each.fn).parameters}
        assert not fields & {"text", "note", "comment", "facts"}
        for each in flows:
            for name, field in each.parameters.properties.items():
                closed = {"pattern", "enum", "$ref", "anyOf", "items"} & set(field)
                assert closed, f"{each.name}: {name} takes any text"
                assert field["description"], f"{each.name}: {name}"

    def test_a_form_with_an_account_in_it_is_refused_before_prefect_stores_anything(
        self, prefect: PrefectServer
    ) -> None:
        from flows.reply import record_reply

        flow = prefect.ask("/flows/", {"name": record_reply.name})["id"]
        deployment = prefect.ask(
            "/deployments/",
            {
                "name": "form",
                "flow_id": flow,
                "parameter_openapi_schema": record_reply.parameters.model_dump(),
                "enforce_parameter_schema": True,
            },
        )["id"]
        entry = {"request": "HF-00000000000", "kind": "acknowledged", "by": "Contact team", "reference": ""}
        for wrong in (
            {"request": "someone.else@example.com"},
            {"reference": "someone.else@example.com"},
            {"by": "someone.else@example.com"},
            {"kind": "note"},
        ):
            with pytest.raises(urllib.error.HTTPError, match="409"):
                prefect.ask(f"/deployments/{deployment}/create_flow_run", {"parameters": entry | wrong})
        assert places_of("someone.else@example.com", [prefect.home]) == []

    def test_a_release_is_asked_for_and_told_at_once(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.release import Reason, release_request

        (request,) = unit.register("alpha")
        with unit.office() as opened:
            work_on(opened, [request])
        how = run(unit, lambda: release_request(request, Reason.CASE_CLOSED, "Head of unit", return_state=True))
        assert prefect.run(how.run)["state_type"] == "COMPLETED"
        assert unit.state(request) == "released"
        assert played.effects(request, "release") == 1

    def test_where_a_release_needs_two_people_a_form_that_knows_nobody_is_refused(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.release import Reason, release_request

        (request,) = unit.register("alpha")
        with unit.office() as opened:
            work_on(opened, [request])
        unit.policy("[four_eyes]\nrelease = true\n")
        how = run(unit, lambda: release_request(request, Reason.CASE_CLOSED, "Head of unit", return_state=True))
        assert prefect.run(how.run)["state_type"] == "FAILED"
        assert f"holdfast release {request}" in prefect.run(how.run)["state"]["message"]
        assert unit.state(request) == "in-force"
        assert "approval-asked" not in unit.kinds(request)
        assert played.effects(request, "release") == 0

    def test_escalating_tells_people_and_says_nothing_to_the_provider(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        from flows.escalate import escalate

        (request,) = unit.register("alpha")
        with unit.office() as opened:
            opened.append(request, [("refused", {"action": "send", "sequence": 1, "ground": "form"})])
        how = run(unit, lambda: escalate(request, by="Contact team", return_state=True))
        assert prefect.run(how.run)["name"] == f"escalate {request}"
        assert "escalated" in unit.kinds(request)
        assert "intent" not in unit.kinds(request)
        assert played.effects(request) == 0


@pytest.mark.prefect
class TestWhatPrefectNeverSees:
    def test_no_identifier_is_in_its_database_its_logs_or_its_files(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A provider that quotes it back, a fault of our own that quotes it, and all the runs before this one."""
        from prefect import flow

        from flows.entry import carry_out

        def echo(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            assert CANARY.encode() in body
            reply(handler, 422, body)

        def fails(_: Any) -> Any:
            raise RuntimeError(f"cannot encode {CANARY}")

        @flow(name="faulty", retries=0)
        async def faulty() -> Any:
            return await carry_out("fail", fails)

        with server(echo) as address:
            unit.provider("echo", address)
            quoted, kept = unit.register("echo", "alpha")
            first = run(unit, issue([quoted, kept]))
        second = run(unit, lambda: faulty(return_state=True))
        assert (first.because, second.because) == ("", "")
        message = prefect.run(second.run)["state"]["message"]
        assert message.startswith("RuntimeError in ")
        assert message.endswith("a fault of Holdfast")
        prefect.task_runs(first.run, 2)
        wait_for(lambda: prefect.logs(first.run), seconds=5, what="the log of the run")
        folders = [prefect.home, prefect.log.parent, client_home()]
        assert places_of(quoted, folders), "the search would find what is there"
        assert places_of(CANARY, folders) == []
        assert CANARY not in "".join(capfd.readouterr())

    def test_a_failed_run_leaves_no_file_behind(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        played.trouble("alpha", {"refuse": 1})
        before = sorted(client_home().rglob("*"))
        assert prefect.run(run(unit, issue(unit.register("alpha"))).run)["state_type"] == "FAILED"
        assert sorted(client_home().rglob("*")) == before


@pytest.mark.prefect
class TestWhenPrefectDies:
    def test_a_server_that_dies_in_the_middle_costs_no_act_and_the_ledger_says_so(
        self, tmp_path: Path, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        cable = Cable(prefect.api)
        unit = made(tmp_path, cable.address, played)
        unit.environ["PREFECT_CLIENT_MAX_RETRIES"] = "0"  # a quicker death
        requests = unit.register("alpha", "beta", "beta")
        told: list[Done] = []

        def progress(done: Done) -> None:
            if not told:
                cable.cut()
            told.append(done)

        report, how = run_sweep(unit.settings, progress=progress)
        assert how.by == "direct"
        assert how.because.startswith("Prefect failed with ")
        assert [unit.state(request) for request in requests] == ["in-force"] * 3
        assert [played.effects(request) for request in requests] == [1, 1, 1]
        assert len(report.done) == len(told) >= 3
        beat = unit.beat()
        assert (beat["by"], beat["because"]) == ("direct", how.because)

    def test_after_its_death_sweeps_run_directly_at_once(
        self, tmp_path: Path, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        cable = Cable(prefect.api)
        unit = made(tmp_path, cable.address, played)
        assert why_not(unit.settings) == ""
        cable.cut()
        (request,) = unit.register("alpha")
        began = time.monotonic()
        _, how = run_sweep(unit.settings)
        assert time.monotonic() - began < 5
        assert (how.by, how.because) == ("direct", why_not(unit.settings))
        assert unit.beat()["because"].endswith("cannot be reached")
        assert played.effects(request) == 1

    def test_the_watch_sweeps_through_it_while_it_answers_and_goes_on_without_it(
        self, tmp_path: Path, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        cable = Cable(prefect.api)
        unit = made(tmp_path, cable.address, played)
        said: list[str] = []
        stop = threading.Event()
        every = timedelta(seconds=1)
        begin = functools.partial(
            watch, unit.settings, stop=stop, interval=every, allowed=every * 60, say=said.append
        )
        thread = threading.Thread(target=begin, daemon=True)
        thread.start()
        wait_for(lambda: "sweeping through Prefect" in said, seconds=10, what="a sweep through Prefect")
        assert unit.beat()["by"] == "prefect"
        cable.cut()
        wait_for(lambda: unit.beat().get("by") == "watch", seconds=20, what="a sweep without it")
        stop.set()
        thread.join(20)
        assert said[-1] == "stopped"
        assert any(line.startswith("sweeping without Prefect: Prefect ") for line in said)

    def test_a_server_that_only_says_it_is_healthy_is_not_waited_for_and_comes_too_late(
        self, tmp_path: Path, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        gate = [False]

        def healthy(handler: BaseHTTPRequestHandler, _: bytes) -> None:
            while not handler.path.endswith("/health") and not gate[0]:
                time.sleep(0.05)
            reply(handler, 200, b"true")

        with server(healthy) as address:
            unit = made(tmp_path, f"{address}/api", played)
            (request,) = unit.register("alpha")
            assert why_not(unit.settings) == ""
            began = time.monotonic()
            how = run(unit, issue([request]), within=1.0)
            assert time.monotonic() - began < 2
            gate[0] = True
        assert (how.by, how.because, how.run) == ("direct", "Prefect did not begin the run in time", "")
        assert unit.kinds(request) == ["registered"]

    def test_a_flow_that_begins_after_we_gave_it_up_does_nothing(
        self, unit: LiveUnit, prefect: PrefectServer, played: PlayedProviders
    ) -> None:
        (request,) = unit.register("alpha")
        errand = Errand(settings=unit.settings)
        assert errand.take_back()
        through_prefect(unit.settings, errand, issue([request]))
        (found,) = [each for each in prefect.runs() if each["parameters"].get("request_ids") == [request]]
        assert found["state_type"] == "CANCELLED"
        assert unit.kinds(request) == ["registered"]
        assert played.effects(request) == 0

    def test_without_a_server_prefect_starts_none_of_its_own(self, tmp_path: Path) -> None:
        code = "import asyncio; from flows.sweep import sweep_holds; asyncio.run(sweep_holds())"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environ |= {"PREFECT_HOME": str(tmp_path / "prefect"), "HOLDFAST_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        assert "PREFECT_API_URL" in done.stderr
        assert not (tmp_path / "prefect" / "prefect.db").exists()


class TestWithoutPrefect:
    def test_what_is_not_set_and_what_does_not_answer_is_said(self, tmp_path: Path) -> None:
        unit = LiveUnit(tmp_path)
        assert why_not(unit.settings) == "PREFECT_API_URL is not set"
        assert book_issue(unit.settings, ["HF-00000000000"]) == How(by="direct", because=why_not(unit.settings))

        def wants_password(handler: BaseHTTPRequestHandler, _: bytes) -> None:
            wanted = "Basic ZGVzazpzM2NyZXQ="  # desk:s3cret
            reply(handler, 200 if handler.headers.get("Authorization") == wanted else 401, b"true")

        with server(wants_password) as address:
            unit.environ["PREFECT_API_URL"] = f"{address}/api"
            assert why_not(unit.settings).endswith("answers with status 401")
            unit.environ["PREFECT_API_AUTH_STRING"] = "desk:s3cret"
            assert why_not(unit.settings) == ""
        assert why_not(unit.settings).endswith("cannot be reached")
        assert "s3cret" not in why_not(unit.settings)

    def test_only_the_entry_points_import_prefect(self) -> None:
        code = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/*.py")):
    name = f"{path.parent.name}.{path.stem}"
    if path.parent.name in ("flows", "desk") and path.stem not in sys.argv[2:] and path.stem != "__main__":
        importlib.import_module(name)
        if "prefect" in sys.modules:
            sys.exit(f"{name} imports Prefect")
"""
        entries = ("blocks", "entry", "escalate", "issue", "limits", "outcome", "release", "reply", "sweep")
        done = subprocess.run(
            [sys.executable, "-c", code, str(ROOT), *entries],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
