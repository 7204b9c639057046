"""Events for automations: everything that happened, in order, once, and nothing that anybody wrote."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect_support import CANARY, LiveUnit, PlayedProviders, PrefectServer, disguises, reply, server, wait_for

from flows.emitting import AT_RISK, BATCH, BEAT, EVENTS, SWEPT, UNTOLD, emit_new
from flows.office import Office
from flows.sweeping import sweep
from timeline.events import KINDS

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("on a clock")]

RUN = "4f1f3c6e-0000-4000-8000-000000000000"


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer, played: PlayedProviders) -> LiveUnit:
    unit = LiveUnit(tmp_path, prefect.api)
    unit.provider("alpha", played.address("alpha"))
    played.trouble("alpha", {})
    return unit


def emit(office: Office, **how: Any) -> tuple[str, ...]:
    return asyncio.run(emit_new(office, **how))


def told(prefect: PrefectServer, resource: str) -> list[dict[str, Any]]:
    """What Prefect shows of a resource, oldest first."""
    found = prefect.ask("/events/filter", {"filter": {"resource": {"id": [resource]}, "order": "ASC"}, "limit": 50})
    return list(found["events"])


def words(prefect: PrefectServer, request: str) -> list[str]:
    """The events of a request, each by its word."""
    found = [each["event"] for each in told(prefect, f"holdfast.request.{request}")]
    return [each.removeprefix("holdfast.request.") for each in found]


def escalation(**more: Any) -> tuple[str, dict[str, Any]]:
    return "escalated", {
        "about": "refused",
        "level": 1,
        "who": "Duty officer",
        "because": f"said by {CANARY}",
        "delivered": True,
    } | more


@dataclass(kw_only=True)
class Taker:
    """A server in Prefect's place that notes every event it is sent, and takes it or not."""

    address: str = ""
    status: int = 204
    posts: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that it took."""
        return [each for post in self.posts for each in post]

    def of(self, request: str) -> list[str]:
        """The words of a request's events."""
        prefix = "holdfast.request."
        every = [each for each in self.events if each["resource"]["prefect.resource.id"] == prefix + request]
        return [each["event"].removeprefix(prefix) for each in every]

    def react(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer as Prefect does."""
        if not handler.path.endswith("/events"):
            reply(handler, 404, b"{}")
            return
        if self.status == 204:
            self.posts.append(json.loads(body))
        reply(handler, self.status, b"" if self.status == 204 else b"{}")


@pytest.fixture
def taker() -> Iterator[Taker]:
    taker = Taker()
    with server(taker.react) as address:
        taker.address = f"{address}/api"
        yield taker


@pytest.fixture
def quick(tmp_path: Path, taker: Taker) -> LiveUnit:
    """A unit whose Prefect is that server."""
    unit = LiveUnit(tmp_path, taker.address)
    unit.provider("alpha", "http://127.0.0.1:1")
    return unit


class TestOnAPrefectServer:
    def test_what_happened_is_shown_in_order_and_once_with_its_request_case_provider_and_run(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        (request,) = unit.register("alpha")
        with unit.office() as office:
            sweep(office)
            case = office.case(request)
            assert emit(office, run=RUN) == ()
            office.ledger.beat(BEAT, office.now(), {})  # as if the note had been lost: all of it is told again
            assert emit(office, run=RUN) == ()
            office.append(request, [escalation(about="coverage")])
            assert emit(office) == ()
        wait_for(lambda: AT_RISK in words(prefect, request), seconds=10, what="the events")
        assert [word for word in words(prefect, request) if word != AT_RISK] == unit.kinds(request)
        (sent,) = [each for each in told(prefect, f"holdfast.request.{request}") if each["event"].endswith(".sent")]
        assert sent["resource"]["holdfast.provider"] == "alpha"
        assert sent["resource"]["holdfast.state"] == "in-force"
        assert sent["resource"]["prefect.resource.name"] == f"{request} at alpha"
        assert {each["prefect.resource.role"]: each["prefect.resource.id"] for each in sent["related"]} == {
            "case": f"holdfast.case.{case}",
            "provider": "holdfast.provider.alpha",
            "flow-run": f"prefect.flow-run.{RUN}",
        }
        payload = sent["payload"]
        assert (payload["request"], payload["action"], payload["sequence"]) == (request, "send", 1)


class TestWhatIsTold:
    def test_nothing_that_anybody_wrote_is_told(self, quick: LiveUnit, taker: Taker) -> None:
        (request,) = quick.register("alpha")
        typed = {"by": CANARY, "reference": CANARY, "text": CANARY, "channel": CANARY, "recipient": CANARY}
        with quick.office() as office:
            office.append(
                request,
                [
                    ("unavailable", {"action": "send", "sequence": 1, "reason": CANARY} | typed),
                    ("refused", {"action": CANARY, "sequence": 1, "ground": CANARY} | typed),
                    ("mla-sent", {"on": "2026-11-20", "about": CANARY} | typed),
                    escalation(level=2),
                ],
            )
            assert emit(office) == ()
        assert taker.of(request) == ["registered", "unavailable", "refused", "mla-sent", "escalated"]
        for disguise in disguises(CANARY.partition("@")[0]).values():
            assert disguise not in json.dumps(taker.events).encode()
        last = taker.events[-1]
        assert (last["payload"]["level"], last["payload"]["about"]) == (2, "refused")
        assert (last["resource"]["holdfast.level"], last["resource"]["holdfast.about"]) == ("2", "refused")

    def test_a_sweep_is_told_once(self, quick: LiveUnit, taker: Taker) -> None:
        with quick.office() as office:
            for _ in range(2):
                sweep(office)
                assert emit(office) == ()
                assert emit(office) == ()
        assert [each["event"] for each in taker.events] == [SWEPT, SWEPT]
        assert taker.events[0]["payload"]["requests"] == 0
        assert taker.events[0]["id"] != taker.events[1]["id"]

    def test_what_is_long_over_is_not_told_at_a_first_start(self, quick: LiveUnit, taker: Taker) -> None:
        old, new = quick.register("alpha"), quick.register("alpha")
        with quick.office(at=datetime.now(UTC) + timedelta(days=10)) as office:
            assert emit(office) == ()
            assert taker.events == []
            office.append(new[0], [escalation()] * 3)
            assert emit(office) == ()
        assert taker.of(old[0]) == []
        assert taker.of(new[0]) == ["escalated"] * 3

    def test_much_at_once_is_told_in_batches_in_its_order_and_all_of_it(self, quick: LiveUnit, taker: Taker) -> None:
        (request,) = quick.register("alpha")
        with quick.office() as office:
            office.append(request, [("poll-failed", {"reason": "no answer"})] * 450)
            assert emit(office) == ()
        assert max(map(len, taker.posts)) <= BATCH
        assert [each["payload"]["seq"] for each in taker.events] == list(range(1, 452))
        assert len({each["id"] for each in taker.events}) == 451

    def test_what_takes_too_long_is_gone_on_with_by_the_next_call(self, quick: LiveUnit, taker: Taker) -> None:
        (request,) = quick.register("alpha")
        with quick.office() as office:
            office.append(request, [("poll-failed", {"reason": "no answer"})] * 450)
            while len(taker.events) < 451:
                before = len(taker.events)
                assert emit(office, within=0.0) == ()
                assert len(taker.events) > before
        assert [each["payload"]["seq"] for each in taker.events] == list(range(1, 452))

    def test_a_ledger_that_was_put_back_to_a_backup_is_told_on_with_other_ids(
        self, quick: LiveUnit, taker: Taker
    ) -> None:
        (request,) = quick.register("alpha")
        with quick.office() as office:
            assert emit(office) == ()
            office.ledger.beat(BEAT, office.now(), {"after": 99})  # more was told than there is now
            office.append(request, [escalation()])
            assert emit(office) == ()
        assert taker.of(request) == ["registered", "registered", "escalated"]


class TestWhenPrefectIsAway:
    def test_a_failure_is_told_and_all_of_it_comes_later(self, quick: LiveUnit, taker: Taker) -> None:
        (request,) = quick.register("alpha")
        taker.status = 500
        with quick.office() as office:
            (why,) = emit(office)
            assert why.startswith("Prefect could not be told what happened (")
            there = office.settings
            office.settings = replace(there, prefect_api="http://127.0.0.1:1/api")
            assert len(emit(office)) == 1
            office.settings, taker.status = there, 204
            assert emit(office) == ()
        assert taker.of(request) == ["registered"]

    def test_where_nothing_is_new_nobody_is_asked(self, quick: LiveUnit) -> None:
        quick.register("alpha")
        with quick.office() as office:
            assert emit(office) == ()
            office.settings = replace(office.settings, prefect_api="http://127.0.0.1:1/api")
            assert emit(office) == ()

    def test_without_prefect_nothing_is_done(self, quick: LiveUnit) -> None:
        quick.register("alpha")
        with quick.office() as office:
            office.settings = replace(office.settings, prefect_api="")
            assert emit(office) == ()
            assert office.ledger.last_beat(BEAT) is None


class TestTheGuide:
    def test_every_kind_of_event_is_told_or_named_as_untold_and_the_guide_lists_them(self) -> None:
        assert {*EVENTS, *UNTOLD} == set(KINDS)
        guide = (ROOT / "docs" / "events.md").read_text()
        listed = re.findall(r"^\| `\.([a-z-]+)` \| (.+) \|$", guide, flags=re.MULTILINE)
        assert {word: what for word, what in listed if word != AT_RISK} == dict(EVENTS)
        assert AT_RISK in dict(listed)
        assert SWEPT in guide


class TestTheExampleAutomations:
    @pytest.fixture
    def hooks(self, unit: LiveUnit, prefect: PrefectServer) -> Iterator[tuple[list[Any], str, str]]:
        """What a service was sent by a notification block; the id of that block, and of a deployment."""
        from flows.prefect_api import speaking_to

        got: list[Any] = []

        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            got.append(json.loads(body))
            reply(handler, 200, b"{}")

        with server(answer) as address, speaking_to(unit.settings):
            from prefect.blocks.notifications import CustomWebhookNotificationBlock

            said = {"subject": "{{subject}}", "body": "{{body}}"}
            block = CustomWebhookNotificationBlock(name="hook", url=address, json_data=said).save(
                "hook", overwrite=True
            )
            flow = prefect.ask("/flows/", {"name": "escalate"})["id"]
            deployment = prefect.ask("/deployments/", {"name": "Automated", "flow_id": flow})["id"]
            yield got, str(block), deployment

    def test_all_of_them_are_created_and_act_on_what_we_tell(
        self, unit: LiveUnit, prefect: PrefectServer, hooks: tuple[list[Any], str, str]
    ) -> None:
        got, block, deployment = hooks
        examples = sorted((ROOT / "examples" / "automations").glob("*.yaml"))
        assert len(examples) == 3
        texts = [
            each.read_text().replace("BLOCK-ID", block).replace("DEPLOYMENT-ID", deployment) for each in examples
        ]
        file = unit.folder / "automations.yaml"
        file.write_text(yaml.safe_dump({"automations": [yaml.safe_load(text) for text in texts]}))
        create = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(file)]
        environ = {
            "PATH": "/usr/bin:/bin",
            "PREFECT_API_URL": prefect.api,
            "PREFECT_HOME": str(unit.folder / "client"),
        }
        done = subprocess.run(create, env=environ, capture_output=True, text=True, timeout=60, check=False)
        try:
            assert done.returncode == 0, done.stdout + done.stderr
            first, second = unit.register("alpha", "alpha")
            with unit.office() as office:
                office.append(first, [escalation(level=1), escalation(level=2)])
                office.append(second, [escalation(about="imminent:2027-02-18", level=1)])
                assert emit(office) == ()

            def runs() -> list[dict[str, Any]]:
                wanted = {"deployments": {"id": {"any_": [deployment]}}}
                return [each["parameters"] for each in prefect.ask("/flow_runs/filter", wanted)]

            wait_for(lambda: got and runs(), seconds=15, what="a notification and a run")
            assert {each["subject"] for each in got} == {f"Holdfast level 2: {first}"}
            assert {each["request"] for each in runs()} == {second}
        finally:
            for each in prefect.ask("/automations/filter", {}):
                delete(prefect, each["id"])

    def test_the_one_that_waits_for_a_sweep_waits_for_what_we_tell(self) -> None:
        text = (ROOT / "examples" / "automations" / "no-sweep-within-an-hour.yaml").read_text()
        trigger = yaml.safe_load(text)["trigger"]
        assert (trigger["posture"], trigger["expect"], trigger["within"]) == ("Proactive", [SWEPT], 3600)


def delete(prefect: PrefectServer, automation: str) -> None:
    import urllib.request

    request = urllib.request.Request(f"{prefect.api}/automations/{automation}", method="DELETE")  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()
