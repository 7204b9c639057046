"""After an outage what piled up goes out by urgency, at the provider's pace, and keeps no other provider waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from crash_world import IN_HASTE, World, broken_invariants

from flows import sweeping
from flows.acting import Done
from providers.sandbox.server import Sandbox

pytestmark = pytest.mark.xdist_group("on a clock")

PER_MINUTE = 1500
APART = 60 / PER_MINUTE
"""Seconds between two messages to one provider: a test has no minutes to wait."""

DOWN = {"faults": {"unavailable": 1.0}, "retry_after": 3600}
UP = {"hostility": 0, "faults": {}, "retry_after": 1}


@pytest.fixture
def world(sandbox: Sandbox, folder: Path) -> Iterator[World]:
    made = World(home=folder / "home", sandbox=sandbox, player=folder.name)
    made.open(create=True)
    yield made
    made.close()


def paced(world: World, per_minute: int) -> None:
    """From now on each provider is spoken to so often a minute."""
    path = world.home.parent / "config" / "policy.toml"
    path.write_text(IN_HASTE.replace("0", str(per_minute)))
    world.close()
    world.open()


def arrivals(world: World, *, before: int = 0) -> list[str]:
    """The requests whose messages took effect at the provider, in the order in which they came."""
    return [effect.request for effect in world.sandbox.player(world.player).holdings.effects[before:]]


def outage(world: World, days: float) -> None:
    """The provider accepts nothing for so long, while the unit sweeps whenever something is due."""
    world.sandbox.player(world.player).configure(DOWN)
    end = world.now + timedelta(days=days)
    world.settle(end)
    world.sandbox.player(world.player).configure(UP)


def test_first_sendings_that_piled_up_go_out_emergencies_first_and_one_by_one(world: World) -> None:
    urgent = {"urgency": "emergency"}
    requests = world.register(*[urgent if number % 4 == 3 else {} for number in range(12)])
    outage(world, days=1)
    assert arrivals(world) == []
    assert {row.next_action for row in world.office.ledger.rows()} <= {"send", "escalate"}
    world.at(world.now + timedelta(hours=7))
    paced(world, PER_MINUTE)
    began = time.monotonic()
    sweeping.sweep(world.office)
    took = time.monotonic() - began
    came = arrivals(world)
    assert sorted(came) == sorted(requests)
    emergencies = {requests[number] for number in range(12) if number % 4 == 3}
    assert set(came[:3]) == emergencies
    assert took >= (len(came) - 1) * APART
    assert broken_invariants(world) == []


def test_extensions_that_piled_up_go_out_by_the_nearest_end(world: World) -> None:
    batches: list[tuple[str, ...]] = []
    for number in range(3):  # a fortnight apart: what ends in the same fortnight is equally urgent
        tables: list[dict[str, Any]] = [
            {"identifiers": [{"type": "email", "value": f"{number}.{each}.canary.account@example.com"}]}
            for each in range(4)
        ]
        batches.append(world.register(*tables))
        sweeping.work_on(world.office, batches[-1])
        world.at(world.now + timedelta(days=15))
    world.at(world.now + timedelta(days=13))  # 58 days after the first
    known = len(arrivals(world))
    world.sandbox.player(world.player).configure(DOWN)
    for _ in range(3):
        sweeping.sweep(world.office)
        world.at(world.now + timedelta(days=10))
    world.sandbox.player(world.player).configure(UP)
    assert len(arrivals(world)) == known
    paced(world, PER_MINUTE)
    sweeping.sweep(world.office)
    came = arrivals(world, before=known)
    ends = {request: number for number, batch in enumerate(batches) for request in batch}
    assert len(came) == len(set(came)) >= 8, "what is due is extended, each once"
    assert [ends[request] for request in came] == sorted(ends[request] for request in came)
    assert broken_invariants(world) == []


def test_a_long_backlog_at_one_provider_keeps_no_other_waiting(world: World) -> None:
    first = world.register(*[{} for _ in range(20)])
    (other,) = world.register(
        {"provider": "beta", "identifiers": [{"type": "email", "value": "b.canary.account@example.com"}]}
    )
    paced(world, PER_MINUTE)
    began = time.monotonic()
    heard: dict[str, float] = {}

    def hear(done: Done) -> None:
        heard.setdefault(done.request, time.monotonic() - began)

    sweeping.sweep(world.office, progress=hear)
    assert heard[other] < max(heard[request] for request in first) / 2
    times = sorted(heard[request] for request in first)
    assert times[-1] - times[0] >= (len(first) - 1) * APART * 0.9
    assert max(later - earlier for earlier, later in pairwise(times)) < 1


def test_a_sweep_after_a_pause_of_days_does_each_thing_once(world: World) -> None:
    """The machine slept: nothing that fell due meanwhile is made up for one by one."""
    requests = world.register(*[{} for _ in range(6)])
    sweeping.work_on(world.office, requests)
    known = questions(world)
    world.at(world.now + timedelta(days=20))  # twenty daily questions fell due
    sweeping.sweep(world.office)
    assert questions(world) - known == len(requests)
    assert broken_invariants(world) == []


def questions(world: World) -> int:
    """How often the provider was asked something."""
    account: Any = world.sandbox.player(world.player).account(world.now.date())
    return int(account["requests_seen"].get("GET", 0))
