"""Where a sweep ends early or leaves something out: a stop, a provider that answers nothing, a narrow errand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from unit_support import Unit

from flows import acting, replying, sweeping
from flows.acting import Done
from flows.replying import Reply
from flows.sweeping import LEASE, PATIENCE, Pass, queue, sweep, work_on
from providers.errors import Unavailable
from providers.interface import Action, Answer, Order
from providers.memory import MemoryProvider
from timeline.decide import Do
from timeline.state import State


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha", "beta"))
    yield made
    made.close()


def free(unit: Unit, request: str) -> bool:
    """Whether nobody holds a lease on a request."""
    now = unit.office.now()
    return bool(unit.office.ledger.claim(now, owner="x", until=now + timedelta(hours=1), limit=1, request=request))


def test_a_stop_finishes_the_act_in_hand_and_gives_back_every_lease(unit: Unit) -> None:
    unit.play("alpha")
    requests = unit.register({}, {}, {})
    this = Pass(office=unit.office, now=unit.office.now())

    def stop_after_the_first(_: Done) -> None:
        this.stop.set()

    report = sweep(unit.office, progress=stop_after_the_first, stop=this.stop)
    assert [each.action for each in report.done] == ["send"]
    assert not report.failed
    assert sorted(unit.office.hold(each).state for each in requests) == [
        State.IN_FORCE,
        State.REGISTERED,
        State.REGISTERED,
    ]
    assert all(free(unit, each) for each in requests)
    assert unit.office.ledger.last_beat("sweep") is None, "a sweep that was stopped has not finished"
    assert unit.office.ledger.last_beat("sweep-stopped") is not None


class Slow(MemoryProvider):
    """Says "later" after a while."""

    tried = 0

    def send(self, order: Order) -> Answer:
        self.tried += 1
        time.sleep(0.2)
        raise Unavailable("busy", retry_after=3600)


def test_a_provider_whose_failures_cost_too_much_is_left_alone_until_the_next_sweep(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE", 0.35)
    slow = Slow("alpha", clock=unit.office.now)
    unit.office.adapters["alpha"] = slow
    beta = unit.play("beta")
    *left, kept = unit.register({}, {}, {}, {}, {"provider": "beta"})
    report = sweep(unit.office)
    assert slow.tried == 2
    assert beta.effects(kept, Action.SEND, 1) == 1
    waiting = [request for request, reason in report.failures if "the next sweep asks again" in reason]
    assert len(waiting) == 2
    assert set(waiting) < set(left)
    unit.later(minutes=15)  # the leases have run out
    sweep(unit.office)
    assert slow.tried == 4


def with_an_escalation_and_a_poll_due(unit: Unit) -> str:
    """A request of which a person must be told something, and which its provider must be asked about."""
    accounts = [{"type": "email", "value": f"account.{number}@example.com"} for number in (1, 2)]
    (request,) = unit.preserve({"identifiers": accounts})
    replying.record(unit.office, request, Reply(kind="item-not-found", item="i1", by="clerk"))
    unit.later(days=2)
    return request


def test_people_are_told_of_a_request_whose_provider_is_left_alone(unit: Unit) -> None:
    unit.play("alpha")
    request = with_an_escalation_and_a_poll_due(unit)
    now = unit.office.now()
    claims = unit.office.ledger.claim(now, owner="us", until=now + timedelta(minutes=5), limit=1)
    report = queue(Pass(office=unit.office, now=now, lost={"alpha": PATIENCE}), claims)
    assert any(each.action.startswith("escalate items") for each in report.done)
    assert "polled" not in unit.kinds(request)
    assert report.failures == [(request, "its provider gives no answer; the next sweep asks again")]
    assert not free(unit, request), "it is left until its lease runs out, or this sweep would take it up for ever"


def test_a_narrow_errand_does_nothing_else(unit: Unit) -> None:
    unit.play("alpha")
    request = with_an_escalation_and_a_poll_due(unit)
    report = work_on(unit.office, [request], only=frozenset({Do.ESCALATE}))
    assert any(each.action.startswith("escalate items") for each in report.done)
    assert "polled" not in unit.kinds(request)
    assert not report.failed
    assert free(unit, request)


def test_a_narrow_errand_that_finds_nothing_keeps_nobody_from_what_is_due(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    report = work_on(unit.office, [request], only=frozenset({Do.ESCALATE}))
    assert (report.done, report.failures) == ([], [])
    sweep(unit.office)
    assert alpha.effects(request, Action.SEND, 1) == 1, "it was due all the time"


def test_what_is_named_twice_is_worked_on_once_and_nothing_failed(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    report = work_on(unit.office, [request, request])
    assert not report.failed
    assert report.looked_at == 1
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_a_request_that_is_not_there_is_said_and_one_that_is_taken_too(unit: Unit) -> None:
    (request,) = unit.register()
    now = unit.office.now()
    unit.office.ledger.claim(now, owner="another", until=now + timedelta(minutes=5), limit=1)
    report = work_on(unit.office, [request, "HF-00000000000"])
    assert report.failures == [
        (request, "another worker has it just now; the next sweep looks again"),
        ("HF-00000000000", "there is no such request in this ledger"),
    ]
    assert report.done == []


def test_all_that_is_said_to_a_provider_counts_against_its_patience() -> None:
    assert {str(action) for action in acting.SPEAK} <= {str(do) for do in sweeping.SPOKEN}


def test_a_worker_that_was_killed_while_its_clock_was_ahead_holds_nobody_up(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register()
    ahead = unit.office.now() + timedelta(days=3)
    unit.office.ledger.claim(ahead, owner="killed", until=ahead + LEASE, limit=9)
    assert [each.action for each in unit.sweep().done][:1] == ["send"]
    assert "sent" in unit.kinds(request)
