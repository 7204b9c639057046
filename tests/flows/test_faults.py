"""In the middle of each form and job: the worker killed, the server restarted, either database locked for seconds.

Afterwards, by the providers' own account, nothing was sent twice and nothing is missing; the record verifies, no run
looks busy for ever, what needed a person still does, and nothing that was typed stays in Prefect.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forms_support import typed_case
from prefect_support import CANARY, LiveUnit, PlayedProviders, PrefectServer, wait_for
from serving_support import ENDED, Line, Serve, ended, press

from flows import drafts
from flows.answers import PREFIX
from flows.deployments import SERVED
from flows.running import run_sweep
from flows.sweeping import work_on
from flows.verifying import verify_all
from flows.work_items import item_of

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]
BUSY = {"PENDING", "RUNNING", "CANCELLING"}
LOCKED = 2.0
"""Seconds that a database is locked."""
BY = {"by": "Contact team"}
PORTAL = 'id = "portal"\nlike = "sandbox-portal"\nname = "Portal"\n'
TWO_STEPS = {"release-many", "extend-many"}


@dataclass(kw_only=True)
class World:
    """A unit that is served, its Prefect server, and its providers: one quick, one whose answers take a second."""

    unit: LiveUnit
    server: PrefectServer
    played: PlayedProviders
    serve: Serve
    own: bool = False
    others: frozenset[str] = frozenset()  # runs that other tests have left on the server
    waiting: str = ""

    def sent(self, *providers: str) -> list[str]:
        """Requests that are in force."""
        ids = self.unit.register(*providers)
        with self.unit.office() as office:
            work_on(office, ids)
        return ids

    def effects(self) -> Counter[tuple[str, str, int]]:
        """How often each message took effect, by the providers' own account."""
        with urllib.request.urlopen(f"{self.played.url}/_account") as answer:  # noqa: S310
            providers = json.load(answer)["providers"].values()
        every = [each for provider in providers for each in provider["effects"]]
        return Counter({(each["request"], each["action"], each["sequence"]): each["count"] for each in every})

    def case(self, requests: list[str]) -> str:
        with self.unit.office() as office:
            return office.case(requests[0])


def refused(world: World) -> str:
    """A request that a provider refused, and of which the duty officer was told."""
    (request,) = world.unit.register("quick")
    act = {"action": "send", "sequence": 1}
    told = {"about": "refused", "level": 1, "who": "Duty officer", "because": "it says no", "delivered": True}
    with world.unit.office() as office:
        intent = act | {"attempt": 1, "key": "k", "channel": "api", "because": "due"}
        office.append(request, [("intent", intent), ("refused", act | {"ground": "other"}), ("escalated", told)])
    return request


def drafted(world: World) -> list[str]:
    ids = world.unit.register("slow", "slow")
    with world.unit.office() as office:
        for each in ids:
            office.append(each, [drafts.drafting(office.settings, ids[0])])
    return ids


def portal(world: World) -> str:
    (request,) = world.unit.register("portal")
    with world.unit.office() as office:
        work_on(office, [request])
    return request


def typed(_: World) -> dict[str, Any]:
    case = typed_case("slow", "slow")
    for each in case["requests"]:
        each["provider"] = "slow"  # as the drop-down has it
    return case


def due(world: World) -> dict[str, Any]:
    """Two requests that a sweep finds; the form asks nothing."""
    world.unit.register("slow", "slow")
    return {}


def of_case(world: World, *providers: str) -> dict[str, Any]:
    return {"case": world.case(world.sent(*providers)), **BY}


FILLED_IN: Mapping[str, Callable[[World], dict[str, Any]]] = {
    "preserve-case": typed,
    "preserve-draft": lambda world: {"draft": drafted(world)[0], **BY},
    "issue-requests": lambda world: {"request_ids": world.unit.register("slow", "slow"), "by": "Contact team"},
    "record-reply": lambda world: {
        "request": world.sent("quick")[0],
        "kind": "acknowledged",
        "reference": "LE-7",
        **BY,
    },
    "acknowledge-escalation": lambda world: {"request": refused(world), **BY},
    "extend-request": lambda world: {"request": world.sent("slow")[0], **BY},
    "release-request": lambda world: {"request": world.sent("slow")[0], "because": "the case was closed", **BY},
    "take-out-packet": lambda world: {"request": portal(world), **BY},
    "escalate": lambda world: {"request": portal(world), "by": "Contact team"},
    "release-many": lambda world: of_case(world, "slow", "quick") | {"because": "the case was closed"},
    "extend-many": lambda world: of_case(world, "slow", "quick"),
    "weekly-report": lambda _: {},
    "sweep-holds": due,
    "tidy-up": lambda _: {},
}
"""Each flow with what a person fills in. Anything that is sent goes to a provider that takes a second to answer."""

QUICKLY = {("preserve-case", "the worker is killed")}
"""What is tried at every commit; the rest is for `make soak`."""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process has a database for itself."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def killed(world: World) -> None:
    world.serve.kill()
    with closing(sqlite3.connect(world.unit.folder / "home" / "ledger.sqlite", timeout=30)) as ledger, ledger:
        ledger.execute("DELETE FROM leases")  # what five minutes do
    world.serve = Serve(world.unit).ready()


def restarted(world: World) -> None:
    port = int(world.server.api.rpartition(":")[2].partition("/")[0])
    world.server.stop()
    world.server = PrefectServer(world.server.home.parent, port=port)


def prefect_locked(world: World) -> None:
    with locked(world.server.home / "prefect.db"):
        time.sleep(LOCKED)


def ledger_locked(world: World) -> None:
    with locked(world.unit.folder / "home" / "ledger.sqlite"):
        time.sleep(LOCKED)


FAULTS: Mapping[str, Callable[[World], None]] = {
    "the worker is killed": killed,
    "the server is restarted": restarted,
    "Prefect is locked": prefect_locked,
    "the ledger is locked": ledger_locked,
}


@pytest.fixture(scope="module")
def worlds(played: PlayedProviders, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """The worlds that are there: with the server that other tests share, and with one of its own."""
    found: dict[str, World] = {}
    yield found
    for each in found.values():
        each.serve.stop()
        if each.own:
            each.server.stop()


def new_world(folder: Path, server: PrefectServer, played: PlayedProviders) -> World:
    folder.mkdir()
    unit = LiveUnit(folder, server.api, HOLDFAST_PACKETS=str(folder / "by hand"))
    unit.provider("quick", played.address("quick"))
    unit.provider("slow", Line(played.address("slow"), seconds=0.2).address)
    (folder / "config" / "providers" / "portal.toml").write_text(PORTAL)
    for name in ("quick", "slow"):
        played.trouble(name, {})
    world = World(unit=unit, server=server, played=played, serve=Serve(unit).ready())
    world.waiting = refused(world)
    world.others = frozenset(busy(world))
    return world


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    fault: str,
    worlds: dict[str, World],
    played: PlayedProviders,
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    which = "its own" if fault == "the server is restarted" else "shared"
    if which not in worlds:
        folder = tmp_path_factory.mktemp("faults")
        own = which == "its own"
        (folder / "prefect").mkdir()
        server = PrefectServer(folder / "prefect") if own else request.getfixturevalue("prefect")
        worlds[which] = new_world(folder / "unit", server, played)
        worlds[which].own = own
    return worlds[which]


def tried() -> Iterator[Any]:
    for fault in FAULTS:
        for flow in FILLED_IN:
            marks = [] if (flow, fault) in QUICKLY else [pytest.mark.soak]
            yield pytest.param(flow, fault, marks=marks, id=f"{flow}, {fault}")


def test_every_flow_is_tried() -> None:
    """The short forms of single answers do what *Record a reply* does."""
    assert set(FILLED_IN) == {each.flow for each in SERVED if not each.flow.startswith(PREFIX)}


@pytest.mark.parametrize(("flow", "fault"), list(tried()))
def test_in_the_middle_of_a_run_nothing_is_sent_twice_and_nothing_is_lost(
    flow: str, fault: str, world: World
) -> None:
    given, before = FILLED_IN[flow](world), world.effects()
    if flow in TWO_STEPS:  # the second step is the one that sends
        given["confirm"] = previewed(world, flow, given)
    if fault == "the ledger is locked":
        with locked(world.unit.folder / "home" / "ledger.sqlite"):
            run = press(world.server, flow, **given)
            time.sleep(LOCKED)
    else:
        run = press(world.server, flow, **given)
        in_the_middle(world, run, before)
        FAULTS[fault](world)
    found = ended(world.server, run, seconds=60)
    assert found["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}
    assert found["state"]["message"], "whoever looks at the run is told"
    assert CANARY not in json.dumps(found), "what was typed is taken out"

    with closing(sqlite3.connect(world.unit.folder / "home" / "ledger.sqlite", timeout=30)) as ledger, ledger:
        ledger.execute("DELETE FROM leases")
    run_sweep(world.unit.settings)  # what was not done in that run is done by the next sweep
    after = world.effects()
    assert max(after.values()) == 1, "nothing was sent twice"
    assert not before - after, "what was there is there"
    with world.unit.office() as office:
        assert verify_all(office) == ()
        assert item_of(office, world.waiting, "refused") is not None
        for row in office.ledger.rows(open_only=False):
            kinds = Counter((each.kind, each.body.get("action")) for each in office.ledger.events(row.request))
            assert row.state != "registered" or row.provider == "portal", "nothing waits unsent"
            said = {action: count for (kind, action), count in kinds.items() if kind == "sent" and action}
            for action in said:
                assert row.request == world.waiting or row.provider == "portal" or after[row.request, str(action), 1]
        if "request" in given and flow not in {"extend-request", "escalate"}:
            assert len(office.ledger.events(given["request"])) > 1
    done_at_last(world, flow, given, found)


def done_at_last(world: World, flow: str, given: dict[str, Any], found: dict[str, Any]) -> None:
    """What the run did not do by itself is done when a person follows what it says: fills the form in again."""
    if found["state_type"] != "COMPLETED" and flow not in {"preserve-case", "preserve-draft"}:
        again = ended(world.server, press(world.server, flow, **given), seconds=60)
        assert again["state"]["message"]
    wait_for(lambda: not busy(world), seconds=30, what="runs that end")
    wanted = {"record-reply": "acknowledged", "acknowledge-escalation": "escalation-acknowledged"}
    wanted |= {"take-out-packet": "opened"}
    request = str(given.get("request") or world.waiting)
    assert wanted.get(flow, "registered") in world.unit.kinds(request)
    assert flow != "release-request" or world.unit.state(request) == "released"
    assert max(world.effects().values()) == 1


def busy(world: World) -> list[str]:
    """Runs of this unit that look as if somebody worked on them."""
    found = [each["id"] for each in world.server.runs() if each["state_type"] in BUSY]
    return [each for each in found if each not in world.others]


def previewed(world: World, flow: str, given: dict[str, Any]) -> str:
    """The first step of a job on many requests: what confirms the second one."""
    run = ended(world.server, press(world.server, flow, **given), seconds=30)["id"]
    pages = world.server.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    found = [digest for page in pages for digest in re.findall("`([0-9a-f]{16})`", str(page["data"]))]
    return found[0] if found else ""


def in_the_middle(world: World, run: str, before: Mapping[tuple[str, str, int], int]) -> None:
    """Wait until something took effect at a provider, or the run is under way where it sends nothing."""
    end = time.monotonic() + 15
    running = 0.0
    while time.monotonic() < end:
        if len(world.effects()) > len(before):
            return
        state = world.server.run(run)["state_type"]
        running = running or (time.monotonic() if state == "RUNNING" else 0.0)
        if state in ENDED or (running and time.monotonic() > running + 1.5):
            return
        time.sleep(0.02)
    raise AssertionError("nobody carried it out")
