"""Providers side by side: nobody waits behind another's backlog, and a sweep ends whatever is due."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from unit_support import MORNING, Unit

from flows import sweeping
from flows.acting import Done
from flows.history import Histories
from flows.lanes import AT_ONCE, BATCH, Lanes
from flows.sweeping import sweep
from ledger.interface import Claim, Event, LedgerBusy, Row
from providers.errors import Unavailable
from providers.interface import Answer, Order
from providers.memory import MemoryProvider
from timeline.rules import Policy


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha", "beta"))
    yield made
    made.close()


class Backlog:
    """Due requests in the order of urgency; what `Lanes.run` claims and works on is noted."""

    def __init__(self, *due: tuple[str, int]) -> None:
        self.due = [(provider, number) for provider, many in due for number in range(many)]
        self.worked: list[tuple[str, int]] = []
        self.lock = threading.Lock()

    def claim(self, spare: Collection[str]) -> Sequence[Claim]:
        with self.lock:
            taken = [each for each in self.due if each[0] not in spare][:BATCH]
            self.due = [each for each in self.due if each not in taken]
        return [
            Claim(request=f"{provider}-{number}", provider=provider, owner="x", token=1, until=MORNING)
            for provider, number in taken
        ]

    def work(self, claims: Sequence[Claim]) -> None:
        assert len({claim.provider for claim in claims}) == 1
        with self.lock:
            self.worked.append((claims[0].provider, len(claims)))


def test_a_backlog_that_is_more_urgent_keeps_no_other_provider_waiting() -> None:
    backlog, began = Backlog(("alpha", 5 * BATCH), ("beta", 1)), threading.Event()

    def work(claims: Sequence[Claim]) -> None:
        if claims[0].provider == "beta":
            began.set()
        else:
            assert began.wait(5), "beta waits until alpha's whole backlog is done"
        backlog.work(claims)

    Lanes().run(backlog.claim, work)
    assert sum(many for _, many in backlog.worked) == 5 * BATCH + 1


def test_no_lane_stays_empty_while_two_slow_providers_are_worked_on() -> None:
    backlog, began = Backlog(("alpha", BATCH - 1), ("beta", 2), ("gamma", 1)), threading.Event()

    def work(claims: Sequence[Claim]) -> None:
        if claims[0].provider == "gamma":
            began.set()
        else:
            assert began.wait(5), "gamma waits until another provider is done"
        backlog.work(claims)

    Lanes().run(backlog.claim, work)
    assert sum(many for _, many in backlog.worked) == BATCH + 2


def test_every_provider_is_worked_on_once_at_a_time_and_never_more_than_there_are_lanes() -> None:
    backlog = Backlog(*((f"provider-{number}", 30) for number in range(3 * AT_ONCE)))
    busy: set[str] = set()
    most = 0

    def work(claims: Sequence[Claim]) -> None:
        nonlocal most
        provider = claims[0].provider
        with backlog.lock:
            assert provider not in busy
            busy.add(provider)
            most = max(most, len(busy))
        backlog.work(claims)
        with backlog.lock:
            busy.remove(provider)

    Lanes().run(backlog.claim, work)
    assert sum(many for _, many in backlog.worked) == 3 * AT_ONCE * 30
    assert most <= AT_ONCE


def test_a_lane_that_raises_ends_the_pass_but_not_the_other_lanes() -> None:
    backlog = Backlog(("alpha", 1), ("beta", 3), ("gamma", 2))

    def work(claims: Sequence[Claim]) -> None:
        if claims[0].provider == "alpha":
            raise ZeroDivisionError
        backlog.work(claims)

    with pytest.raises(ZeroDivisionError):
        Lanes().run(backlog.claim, work)
    assert sorted(backlog.worked) == [("beta", 3), ("gamma", 2)]


def under(unit: Unit, policy: Policy, histories: type[Histories] = Histories) -> None:
    """The same unit under another policy, as a process that starts with it."""
    unit.office.catalogue = replace(unit.office.catalogue, policy=policy)
    unit.office.histories = histories(unit.office.ledger, policy)


def test_what_a_new_policy_puts_off_is_not_claimed_again_and_again(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is due by the index, which still follows the older policy, and nothing is to be done for it."""
    unit.play("alpha")
    unit.preserve()
    unit.acknowledge_all()
    unit.sweep()
    due = unit.office.ledger.next_due_at()
    assert due is not None
    unit.at(due)
    policy = unit.office.policy
    (row,) = unit.office.ledger.rows()
    assert row.next_action == "poll"
    under(unit, replace(policy, poll_every=policy.poll_every * 5))

    claim, claims = unit.office.ledger.claim, 0

    def counted(*args: object, **named: object) -> tuple[Claim, ...]:
        nonlocal claims
        claims += 1
        assert claims < 10, "the sweep goes round in circles"
        return claim(*args, **named)

    monkeypatch.setattr(unit.office.ledger, "claim", counted)
    report = unit.sweep()
    assert (report.done, report.failures) == ([], [])
    assert unit.office.ledger.next_due_at() > due
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) == ()


def test_a_history_that_cannot_be_indexed_anew_hides_no_other(unit: Unit) -> None:
    unit.play("alpha")
    bad, *_ = sorted(unit.preserve({}, {}, {}))

    class Faulty(Histories):
        def project(self, events: Sequence[Event]) -> Row:
            if events[0].request == bad:
                raise KeyError("a fault of the newer program")
            return super().project(events)

    before = {row.request: row for row in unit.office.ledger.rows()}
    under(unit, replace(unit.office.policy, poll_every=unit.office.policy.poll_every * 2), Faulty)
    report = unit.sweep()
    assert [request for request, _ in report.failures] == [bad]
    assert "KeyError" in report.failures[0][1]
    assert unit.office.ledger.row(bad) == before[bad]
    assert unit.office.ledger.last_beat("sweep") is not None, "the sweep has come to its end"
    assert sweeping.index_is_current(unit.office)


class Slow(MemoryProvider):
    """Takes a minute for each answer."""

    unit: Unit

    def send(self, order: Order) -> Answer:
        answer = super().send(order)
        self.unit.later(minutes=1)
        return answer


def test_a_slow_provider_does_not_stretch_a_sweep_beyond_its_interval(unit: Unit) -> None:
    slow = Slow("alpha", clock=unit.office.now)
    slow.unit = unit
    unit.office.adapters["alpha"] = slow
    requests = unit.register(*[{}] * 20)
    began = unit.office.now()
    report = sweep(unit.office)
    assert unit.office.now() - began <= unit.office.policy.sweep_interval + timedelta(minutes=1)
    assert 0 < len(report.done) < 20
    unit.sweep()
    unit.sweep()
    assert all("sent" in unit.kinds(request) for request in requests), "what was left is the next sweeps'"


def test_what_was_done_is_reported_although_the_leases_cannot_be_given_back(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit.play("alpha")
    unit.register()

    def busy(*_: Claim) -> None:
        raise LedgerBusy("another process is writing to it for longer than we wait")

    monkeypatch.setattr(unit.office.ledger, "give_back", busy)
    report = unit.sweep()
    assert "send" in [each.action for each in report.done]
    assert [reason for _, reason in report.failures if "could not be given back" in reason]
    assert unit.office.ledger.last_beat("sweep") is not None


def test_a_listener_that_went_away_is_no_fault_of_the_request(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register()

    def gone(_: Done) -> None:
        raise BrokenPipeError

    report = sweep(unit.office, progress=gone)
    assert not report.failures
    assert not [event for event in unit.office.ledger.events(request) if event.body.get("about") == "fault"]


class Refusing(MemoryProvider):
    """Says "later", at once."""

    def send(self, order: Order) -> Answer:
        raise Unavailable("busy", retry_after=3600)


def test_a_stop_in_the_middle_leaves_no_lease_behind_at_any_provider(unit: Unit) -> None:
    unit.play("beta")
    unit.office.adapters["alpha"] = Refusing("alpha", clock=unit.office.now)
    requests = unit.register({}, {}, {"provider": "beta"}, {"provider": "beta"})
    stop = threading.Event()
    sweep(unit.office, progress=lambda _: stop.set(), stop=stop)
    now = unit.office.now()
    until = now + timedelta(hours=1)
    free = [each for each in requests if unit.office.ledger.claim(now, owner="x", until=until, limit=1, request=each)]
    assert len(free) == 4
