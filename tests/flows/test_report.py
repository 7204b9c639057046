"""The weekly report counts what was recorded in its week, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit_support import MORNING, Unit

from flows import replying
from flows.report import bounds, report, week_of
from flows.report_words import text
from ledger.interface import Event
from providers.interface import Action
from providers.memory import Behaviour, Does


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, providers=("alpha", "beta"))
    yield made
    made.close()


def of(unit: Unit, week: str = "2026-W47") -> dict[str, object]:
    return report(unit.office, week, now=unit.office.now())


def test_a_week_begins_on_monday_in_utc() -> None:
    start, end = bounds("2026-W47")
    assert (start, end) == (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
    assert week_of(start.date()) == week_of((end - timedelta(microseconds=1)).date()) == "2026-W47"
    assert week_of(end.date()) == "2026-W48"
    assert week_of(datetime(2027, 1, 1, tzinfo=UTC).date()) == "2026-W53"


def test_refusals_are_counted_by_their_ground(unit: Unit) -> None:
    unit.play("alpha", *[Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad")] * 2)
    unit.play("beta", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="wrong-entity"))
    unit.preserve({}, {}, {"provider": "beta"})
    found = of(unit)
    assert found["refused_by_ground"] == {"over-broad": 2, "wrong-entity": 1}
    assert found["by_provider"] == {"alpha": {"refused": 2}, "beta": {"refused": 1}}
    page = text(found)
    assert "Refused, by ground" in page
    assert "2  over-broad" in page


def test_how_long_people_took_is_counted_from_the_first_telling(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    assert unit.office.ledger.row(request).level == 1
    unit.later(hours=6)
    replying.record(unit.office, request, replying.Reply(kind="escalation-acknowledged", by="clerk"))
    assert of(unit)["took"]["taken up"] == {"count": 1, "median_hours": 6.0, "longest_hours": 6.0}


def test_how_long_holds_lasted_is_told_by_how_they_ended(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.later(days=1)
    replying.record(unit.office, request, replying.Reply(kind="produced"))
    (ended,) = of(unit)["ended"]
    assert (ended["request"], ended["end"], ended["days"]) == (request, "produced", 1)
    assert "produced: 1, 1" in text(of(unit))


def test_an_event_belongs_to_the_week_in_which_it_was_recorded(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.at(datetime(2026, 11, 23, tzinfo=UTC))
    replying.record(unit.office, request, replying.Reply(kind="note", text="Called them."))
    unit.office.append(request, [("mla-sent", {"on": "2026-11-20"})], at=MORNING)
    first, second = of(unit), of(unit, "2026-W48")
    assert first["counts"]["registered"] == 1
    assert first["counts"]["mla-sent"] == 0
    assert second["counts"]["registered"] == 0
    assert second["counts"]["mla-sent"] == 1
    assert first["complete"]
    assert not second["complete"]


def test_only_the_events_of_the_week_are_read(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    for _ in range(300):
        unit.office.append(request, [("note", {})])
    unit.at(datetime(2026, 11, 30, 9, tzinfo=UTC))
    unit.office.append(request, [("mla-sent", {"on": "2026-11-30"})])
    read: list[int] = []
    whole = unit.office.ledger.all_events

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def all_events(self, *, after: int = 0) -> Iterator[Event]:
            for event in whole(after=after):
                read.append(event.seq)
                yield event

    ledger = unit.office.ledger
    unit.office.ledger = Counting()  # type: ignore[assignment]
    found = of(unit, "2026-W49")
    unit.office.ledger = ledger
    assert found["counts"]["mla-sent"] == 1
    assert len(read) < 30


def test_a_lapse_stands_at_the_top(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.office.append(request, [("lapsed", {"strict_on": "2027-02-18"})])
    found = of(unit)
    assert found["lapsed"] == [request]
    assert f"LAPSED: {request}" in text(found).splitlines()[:4]
