"""Sweepers that are killed in the middle of a storm, again and again: nothing is missed, nothing is said twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from crash_world import LEASE
from postgres_server import PostgresServer
from storm_world import Nursery, SandboxProcess, Storm

pytestmark = pytest.mark.xdist_group("on a clock")

TROUBLE = {"unavailable": 0.02, "drop-after-effect": 0.02, "drop-before-effect": 0.01}


@pytest.mark.parametrize("honours_keys", [True, False], ids=["keys honoured", "no keys, but it can be asked"])
@pytest.mark.parametrize(
    ("size", "kills"), [pytest.param(60, 5, id="small"), pytest.param(2000, 250, id="whole", marks=pytest.mark.soak)]
)
def test_a_sweeper_killed_again_and_again_misses_nothing_and_says_nothing_twice(
    folder: Path,
    new_address: Callable[[], str],
    nursery: Nursery,
    outside: SandboxProcess,
    *,
    honours_keys: bool,
    size: int,
    kills: int,
) -> None:
    chance = random.Random(f"storm {honours_keys} {size}")
    provider = outside.play(honours_keys=honours_keys, retry_after=0, faults=TROUBLE)
    storm = Storm(folder / "home", outside, provider, ledger=new_address())
    requests = storm.register(size)
    killed, said = 0, Counter[tuple[str, str, int]]()
    for action, enough in (("send", kills // 2), ("extend", kills)):
        while killed < enough and storm.due():
            killed += storm.kill(nursery, chance.uniform(0.01, size / 400 if size < 200 else 0.25))
        storm.finish(nursery)
        said.update((request, action, 1) for request in requests)
        assert storm.twice(said) == {}
        assert storm.missed(said) == {}
        assert storm.broken() == []
        storm.later(days=61)
    assert killed >= kills * 0.6, "the storm was over before it was disturbed"


@pytest.mark.parametrize(("size", "restarts"), [(60, 2), pytest.param(2000, 60, id="whole", marks=pytest.mark.soak)])
def test_a_database_that_crashes_in_the_middle_makes_nothing_happen_twice(
    folder: Path, postgres: PostgresServer, nursery: Nursery, outside: SandboxProcess, *, size: int, restarts: int
) -> None:
    chance, address = random.Random(f"restarts {size}"), postgres.new_ledger()
    storm = Storm(folder / "home", outside, outside.play(honours_keys=False), ledger=address)
    requests = storm.register(size)
    for _ in range(restarts):
        sweeper = nursery.bear(storm.environ, storm.now)
        time.sleep(chance.uniform(0.05, 0.4))
        postgres.restart(at_once=True)
        assert nursery.end(sweeper) in (0, 1, 3), nursery.said(sweeper)
        storm.now += LEASE
    storm.finish(nursery)
    said = Counter((request, "send", 1) for request in requests)
    assert storm.twice(said) == {}
    assert storm.missed(said) == {}
    assert storm.broken() == []
    postgres.take_back(address)
