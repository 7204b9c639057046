"""The board: what is due next, as `show` has it, and the gap that the index keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from unit_support import MORNING, Unit

from flows import planning, replying
from flows.replying import Reply
from timeline.coverage import coverage

NEVER = "2026-12-01"
"""The day for which the MLA request is planned, on which it does not leave."""


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha",))
    yield made
    made.close()


def test_the_board_says_what_show_says_of_what_is_due(unit: Unit) -> None:
    """The provider named a day that is past: that is the lapse, and not what fell due before it."""
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.later(days=3, minutes=5)
    on = unit.office.now().date() - timedelta(days=1)
    replying.record(unit.office, request, Reply(kind="preserved", until=on, by="clerk"))
    (row,) = planning.board(unit.office)
    assert row["next"] == planning.show(unit.office, request, at=unit.office.now())["next"]
    assert row["next"]["action"] == "lapse"
    assert row["next"]["at"] == "2026-11-24T00:00:00Z"
    stored = unit.office.ledger.row(request)
    assert stored is not None
    assert planning.board_row(stored)["next"] != row["next"], "the index keeps what fell due first, whatever the time"


def test_the_board_looks_from_the_instant_that_is_asked_for(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    then = MORNING + timedelta(days=100)
    (row,) = planning.board(unit.office, at=then)
    assert row["next"] == planning.show(unit.office, request, at=then)["next"]
    assert row["next"]["action"] == "lapse"


def test_lines_stand_by_what_is_due_next(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve({}, {"instrument": "eu.epocpr", "validated_by": "Judge"}, {})
    for days in (0, 2, 30, 59, 100):
        rows = planning.board(unit.office, at=MORNING + timedelta(days=days))
        assert len(rows) == 3
        assert [row["next"]["at"] for row in rows] == sorted(row["next"]["at"] for row in rows)


def test_of_very_many_that_are_due_the_first_are_worked_out(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    unit.play("alpha")
    unit.preserve({}, {}, {})
    worked_out = []
    current = unit.office.histories.current
    unit.office.histories.current = lambda request: worked_out.append(request) or current(request)  # type: ignore
    monkeypatch.setattr(planning, "WORKED_OUT", 2)
    assert len(planning.board(unit.office, at=MORNING)) == 3
    assert worked_out == [], "nothing is due"
    assert len(planning.board(unit.office, at=MORNING + timedelta(days=100))) == 3
    assert len(worked_out) == 2


def test_a_planned_day_that_was_let_pass_opens_the_gap_on_the_board(unit: Unit) -> None:
    """A year's hold reaches the answer to an MLA request of December, and not to one of June."""
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "fr.cpp60-2"}, country="FR", mla=MLA)
    (row,) = planning.board(unit.office)
    assert row["gap_days_p90"] == 0
    unit.at(datetime(2027, 6, 1, 9, tzinfo=UTC))
    (row,) = planning.board(unit.office)
    ends, hold = date(2027, 11, 20), unit.office.hold(request)
    assert hold.chain[-1].strict_on == ends
    missing = (date(2027, 6, 1) + timedelta(days=324) - ends).days
    assert coverage(hold, unit.office.policy, unit.office.now()).gap_days_p90 == missing
    assert row["gap_days_p90"] == missing
    unit.sweep()
    stored = unit.office.ledger.row(request)
    assert stored is not None
    assert stored.gap_days_p90 == missing, "the index has it as of the last event"
    assert unit.office.ledger.verify(unit.office.histories.project) == (), "and from the events alone"
    replying.record(unit.office, request, Reply(kind="mla-sent", on=date(2026, 12, 1), by="clerk"))
    stored = unit.office.ledger.row(request)
    assert stored is not None
    assert stored.gap_days_p90 == 0, "it had left as planned"


def test_the_day_the_answer_is_out_of_reach_a_person_is_told(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "fr.cpp60-2"}, country="FR", mla=MLA)
    unit.run_until(datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert told(unit, request) == []
    unit.run_until(datetime(2027, 1, 1, 12, tzinfo=UTC))
    assert told(unit, request)[0].startswith("no chain of holds reaches the MLA answer: it ends 20 Nov 2027")


def told(unit: Unit, request: str) -> list[str]:
    """Why a person was told of a gap, each time."""
    events = [each.body for each in unit.office.ledger.events(request) if each.kind == "escalated"]
    return [str(each["because"]) for each in events if each["about"] == "coverage"]


MLA = {"requested_state": "FR", "send_on": NEVER, "profile": "unodc"}
