"""A fault of ours, or damage, at one request: people hear of it level by level, and no clock of it goes by unseen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import Unit

from flows import replying, sweeping
from flows.history import Histories
from flows.replying import Reply
from ledger.interface import LedgerBusy, LedgerError, LedgerUnusable
from providers.interface import Action, Answer, Order
from providers.memory import MemoryProvider
from timeline.state import State

END = date(2027, 2, 18)
"""The strict end of a hold that was sent in the morning."""


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha", "beta"))
    yield made
    made.close()


class Broken(MemoryProvider):
    """An adapter with a programming error in everything that it says once the hold is in force."""

    tried = 0

    def extend(self, order: Order) -> Answer:
        self.tried += 1
        raise RuntimeError(order.items[0].value)

    def find(self, order: Order) -> Answer | None:
        self.tried += 1
        raise RuntimeError(order.items[0].value)


def in_force(unit: Unit) -> str:
    """A hold that is in force, with an MLA request under way, all that was told taken up."""
    unit.play("alpha")
    (request,) = unit.preserve()
    replying.record(unit.office, request, Reply(kind="mla-sent", on=date(2026, 11, 21), by="clerk"))
    unit.acknowledge_all()
    expiry = unit.office.hold(request).expiry
    assert expiry is not None
    assert expiry.strict_on == END
    return request


def break_down(unit: Unit) -> Broken:
    """Another program: what the provider keeps stays, but the machine cannot say everything to it any more."""
    whole = unit.office.adapters["alpha"]
    assert isinstance(whole, MemoryProvider)
    unit.office.adapters["alpha"] = broken = Broken("alpha", clock=unit.office.now)
    broken._holdings = whole._holdings
    return broken


def sweep_on(unit: Unit, until: datetime, every: timedelta) -> list[str]:
    """Sweep as a watch does; the actions done, in order."""
    done: list[str] = []
    while unit.office.now() < until:
        unit.later(seconds=every.total_seconds())
        done += [each.action for each in unit.sweep().done]
    return done


def dropped(unit: Unit) -> list[dict[str, Any]]:
    """What was told, in order."""
    found = [json.loads(path.read_text()) for path in unit.office.settings.drop_path.glob("*.json")]
    return sorted(found, key=lambda each: str(each["at"]))


def told(unit: Unit, request: str, about: str) -> list[int]:
    """The levels that were told of a matter, in order."""
    return [each["level"] for each in dropped(unit) if (each["request"], each["about"]) == (request, about)]


def damage(unit: Unit, table: str, statement: str, *values: Any) -> None:
    """Alter what the ledger's guards protect, as a broken disk does; who opens the ledger next reads it so."""
    with closing(sqlite3.connect(unit.office.settings.ledger_path, isolation_level=None)) as disk:
        guards = disk.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", [table])
        found = guards.fetchall()
        for name, _ in found:
            disk.execute(f"DROP TRIGGER {name}")
        assert disk.execute(statement, values).rowcount == 1
        for _, guard in found:
            disk.execute(guard)
    unit.office.ledger._memory.forget()  # type: ignore[attr-defined]
    unit.office.histories = Histories(unit.office.ledger, unit.office.policy)


def unreadable(unit: Unit, request: str) -> None:
    seq = unit.office.ledger.events(request)[1].seq
    damage(unit, "events", "UPDATE events SET at = 'not an instant' WHERE seq = ?", seq)


def unsealable(unit: Unit, request: str) -> None:
    """The request's accounts and facts cannot be unsealed any more."""
    token = str(unit.office.ledger.events(request)[0].body["sealed"])
    damage(unit, "sealed", "UPDATE sealed SET box = zeroblob(length(box)) WHERE token = ?", token)


def test_a_fault_of_ours_at_the_provider_hides_neither_the_imminent_end_nor_the_lapse(unit: Unit) -> None:
    request = in_force(unit)
    broken = break_down(unit)
    unit.at(datetime(2027, 2, 10, tzinfo=UTC))
    sweep_on(unit, datetime(2027, 2, 22, tzinfo=UTC), timedelta(hours=6))
    assert broken.tried > 30, "it was tried all along"
    hold = unit.office.hold(request)
    assert hold.state is State.LAPSED
    kinds = [
        (each.kind, each.body.get("about"), each.body.get("level")) for each in unit.office.ledger.events(request)
    ]
    lapsed = next(number for number, each in enumerate(kinds) if each[0] == "lapsed")
    assert unit.last(request, "lapsed").at.date() == END + timedelta(days=1)
    assert ("escalated", f"imminent:{END}", 3) in kinds[:lapsed]
    assert ("escalated", "lapsed:2027-02-19", 3) in kinds[lapsed:]


def test_who_does_not_take_up_a_fault_has_the_next_level_told(unit: Unit) -> None:
    request = in_force(unit)
    break_down(unit)
    unit.at(datetime(2027, 1, 20, 0, 1, tzinfo=UTC))
    report = unit.sweep()
    assert [reason for _, reason in report.failures] == [
        "RuntimeError in Broken.extend, line 42: a fault of Holdfast"
    ]
    sweep_on(unit, datetime(2027, 1, 20, 11, 46, tzinfo=UTC), timedelta(minutes=15))
    assert told(unit, request, "fault") == [1]
    sweep_on(unit, datetime(2027, 1, 20, 18, 16, tzinfo=UTC), timedelta(minutes=15))
    assert told(unit, request, "fault") == [1, 2, 3]
    sweep_on(unit, datetime(2027, 1, 22, 18, 16, tzinfo=UTC), timedelta(minutes=30))
    assert told(unit, request, "fault") == [1, 2, 3, 3, 3], "then each day"
    replying.record(unit.office, request, Reply(kind="escalation-acknowledged", about="fault", by="clerk"))
    sweep_on(unit, datetime(2027, 1, 23, 17, 46, tzinfo=UTC), timedelta(minutes=30))
    assert told(unit, request, "fault") == [1, 2, 3, 3, 3]
    sweep_on(unit, datetime(2027, 1, 23, 18, 16, tzinfo=UTC), timedelta(minutes=30))
    assert told(unit, request, "fault") == [1, 2, 3, 3, 3, 1], "it was taken up, and is still not mended"
    unit.at(datetime(2027, 3, 1, tzinfo=UTC))
    unit.sweep()
    assert told(unit, request, "fault")[6:] == [1], "long after the last one it is another matter"


def test_accounts_that_cannot_be_unsealed_are_told_and_so_is_the_end_that_nears(unit: Unit) -> None:
    request = in_force(unit)
    unsealable(unit, request)
    unit.at(datetime(2027, 2, 10, tzinfo=UTC))
    sweep_on(unit, datetime(2027, 2, 21, tzinfo=UTC), timedelta(hours=6))
    events = unit.office.ledger.events(request)
    at = {str(each.body.get("about", each.kind)): each.at for each in reversed(events)}
    assert at["fault"] < datetime(2027, 2, 11, tzinfo=UTC), "at the first word to the provider"
    assert at[f"imminent:{END}"].date() == END
    assert unit.office.hold(request).state is State.LAPSED
    because = next(str(each.body["because"]) for each in events if each.body.get("about") == "fault")
    assert because.endswith("nothing is said to its provider until it is mended")


def test_a_history_that_cannot_be_read_is_told_level_by_level_and_not_in_every_sweep(unit: Unit) -> None:
    request = in_force(unit)
    unreadable(unit, request)
    unit.at(datetime(2027, 2, 15, tzinfo=UTC))
    sweep_on(unit, datetime(2027, 2, 15, 19, tzinfo=UTC), timedelta(hours=1))
    assert told(unit, request, "fault") == [1, 2, 3]
    sweep_on(unit, datetime(2027, 2, 22, tzinfo=UTC), timedelta(hours=6))
    assert told(unit, request, "fault") == [1, 2, 3, *[3] * 6], "each day, also after the end"
    message = next(each for each in dropped(unit) if each["about"] == "fault")
    assert message["strict_on"] == END.isoformat()
    assert "cannot be read: run verify, and restore a backup" in message["because"]


class Failing:
    """A ledger of which some calls fail for one request, or for all."""

    def __init__(self, ledger: Any, error: LedgerError, *names: str, fails: Callable[[], bool]) -> None:
        self._ledger, self._error, self._names, self._fails = ledger, error, names, fails

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._ledger, name)
        if name not in self._names or not self._fails():
            return real

        def fail(*_: Any, **__: Any) -> Any:
            raise self._error

        return fail


def test_a_ledger_that_is_busy_for_a_moment_is_no_fault_of_a_request(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register()
    whole = unit.office.ledger
    unit.office.ledger = Failing(whole, LedgerBusy("it is locked"), "append", fails=lambda: True)  # type: ignore[assignment]
    report = unit.sweep()
    unit.office.ledger = whole
    assert report.failures == [(request, "it is locked")]
    assert told(unit, request, "fault") == []


def test_a_disk_that_takes_no_more_is_not_told_of_each_request_that_is_due(unit: Unit) -> None:
    unit.play("alpha")
    requests = unit.register({}, {}, {})
    whole, full = unit.office.ledger, [False]
    unit.office.ledger = Failing(  # type: ignore[assignment]
        whole, LedgerUnusable("the disk is full"), "append", "beat", fails=lambda: full[0]
    )
    claims = whole.claim(unit.office.now(), owner="us", until=unit.later(minutes=1), limit=9)
    unit.at(unit.office.now() - timedelta(minutes=1))
    full[0] = True
    report = sweeping.queue(sweeping.Pass(office=unit.office, now=unit.office.now()), claims)
    unit.office.ledger = whole
    assert sorted(report.failures) == sorted((each, "the disk is full") for each in requests)
    assert not list(unit.office.settings.drop_path.glob("*")), "the watch tells of the ledger, once"


def test_what_one_request_cannot_be_told_keeps_nothing_of_another_from_it(unit: Unit) -> None:
    request = in_force(unit)
    (other,) = unit.register({"identifiers": [{"type": "email", "value": "another@example.com"}]})
    unsealable(unit, request)
    unit.at(datetime(2027, 1, 20, 9, tzinfo=UTC))
    alpha = unit.play("alpha")
    report = unit.sweep()
    assert [failed for failed, _ in report.failures] == [request]
    assert alpha.effects(other, Action.SEND, 1) == 1
