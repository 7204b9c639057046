"""Sweepers side by side, one of them stopped for longer than its lease, a clock that is set while they work."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from storm_world import Nursery, SandboxProcess, Storm

from ledger.postgres_schema import LOCK

pytestmark = pytest.mark.xdist_group("on a clock")


def once_each(storm: Storm, requests: tuple[str, ...], *actions: str) -> None:
    """By the provider's own account each of these took effect, and nothing twice; and the ledger is whole."""
    wanted = Counter((request, action, 1) for request in requests for action in actions)
    assert storm.twice(wanted) == {}
    assert storm.missed(wanted) == {}
    assert storm.broken() == []


@pytest.mark.parametrize("size", [60, pytest.param(2000, marks=pytest.mark.soak)])
def test_two_sweepers_on_one_ledger_do_everything_once(
    folder: Path, new_address: Callable[[], str], nursery: Nursery, outside: SandboxProcess, size: int
) -> None:
    storm = Storm(folder / "home", outside, outside.play(honours_keys=False), ledger=new_address())
    requests = storm.register(size)
    both = [nursery.bear(storm.environ, storm.now) for _ in range(2)]
    assert [nursery.end(each) for each in both] == [0, 0]
    once_each(storm, requests, "send")


@pytest.mark.parametrize("times", [2, pytest.param(150, marks=pytest.mark.soak)])
def test_a_sweeper_that_was_stopped_for_longer_than_its_lease_says_nothing_more(
    folder: Path, new_address: Callable[[], str], nursery: Nursery, outside: SandboxProcess, times: int
) -> None:
    chance, stopped = random.Random(f"stopped {times}"), 0
    for number in range(times):
        storm = Storm(folder / f"home-{number}", outside, outside.play(honours_keys=True), ledger=new_address())
        requests = storm.register(25)
        born = time.monotonic()
        first = nursery.bear(storm.environ, storm.now, speed=300)  # a lease of five minutes lasts a second
        time.sleep(chance.uniform(0.03, 0.15))
        if not stop_outside_of_a_write(storm, nursery, first):
            continue  # it was finished before
        storm.later(minutes=20, seconds=300 * (time.monotonic() - born))  # past every lease that it may have taken
        second = nursery.bear(storm.environ, storm.now)
        assert nursery.end(second) == 0
        once_each(storm, requests, "send")
        time.sleep(1.1)
        nursery.signal(first, signal.SIGCONT)
        assert nursery.end(first) in (0, 1)  # 1: it tells that its lease was lost
        once_each(storm, requests, "send")
        stopped += 1
    assert stopped >= times / 2


def stop_outside_of_a_write(storm: Storm, nursery: Nursery, sweeper: int) -> bool:
    """Stop a process at a moment at which it does not hold the file: who does, lets everybody wait.

    Gives whether it still lives.
    """
    for _ in range(200):
        nursery.signal(sweeper, signal.SIGSTOP)
        if not state_becomes(sweeper, "T"):
            return False
        if free(storm):
            return True
        nursery.signal(sweeper, signal.SIGCONT)
        time.sleep(0.002)
    raise AssertionError("it writes all the time")


def free(storm: Storm) -> bool:
    """Whether another may write to the ledger."""
    if address := storm.environ.get("HOLDFAST_LEDGER"):
        with psycopg.connect(address) as connection:
            row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone()
            return bool(row and row[0])
    with closing(sqlite3.connect(storm.home / "ledger.sqlite", timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.execute("ROLLBACK")
    return True


def state_becomes(sweeper: int, wanted: str) -> bool:
    """Whether a process comes to this state; False if it is gone."""
    for _ in range(1000):
        try:
            state = Path(f"/proc/{sweeper}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == wanted:
            return True
        if state == "Z":
            return False
        time.sleep(0.001)
    raise AssertionError(f"process {sweeper} never came to state {wanted}")


@pytest.mark.parametrize("lives", [5, pytest.param(200, marks=pytest.mark.soak)])
def test_a_clock_that_is_set_while_sweepers_work_makes_them_say_nothing_twice(
    folder: Path, nursery: Nursery, outside: SandboxProcess, lives: int
) -> None:
    chance = random.Random(f"set {lives}")
    faults = {"drop-after-effect": 0.03, "drop-before-effect": 0.03}
    storm = Storm(folder / "home", outside, outside.play(honours_keys=False, faults=faults))
    requests = storm.register(lives * 12)
    for _ in range(lives):
        sweeper = nursery.bear(storm.environ, storm.now)
        time.sleep(chance.uniform(0.02, 0.2))
        set_clock(storm, chance.choice([3600, -3600]))
        time.sleep(chance.uniform(0.0, 0.1))
        nursery.signal(sweeper, chance.choice([signal.SIGKILL, signal.SIGCONT]))
        assert nursery.end(sweeper) in (0, 1, -signal.SIGKILL)
        storm.later(minutes=chance.choice([0, 6, 70]))
    set_clock(storm, 0)
    storm.later(hours=2)
    storm.finish(nursery)
    once_each(storm, requests, "send")


def set_clock(storm: Storm, seconds: int) -> None:
    """Set the clock of the sweepers that live, and of those to come."""
    part = storm.home / "clock-step.part"
    part.write_text(str(seconds))
    part.replace(storm.home / "clock-step")
