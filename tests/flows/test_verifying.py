"""Everything recomputed by several processes: they find what one finds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from unit_support import Unit

from flows import sweeping
from flows.verifying import verify_all

pytestmark = pytest.mark.xdist_group("on a clock")


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


@pytest.fixture
def lived(unit: Unit) -> Unit:
    """Nine requests that were sent and swept."""
    unit.play("alpha")
    for number in range(9):
        unit.preserve({"identifiers": [{"type": "email", "value": f"account.{number}@example.com"}]})
    unit.sweep()
    return unit


def meddle(unit: Unit, *statements: tuple[str, tuple[str, ...]]) -> None:
    with closing(sqlite3.connect(unit.office.settings.ledger_path, isolation_level=None)) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement, bound in statements:
            connection.execute(statement, bound)
        for _, sql in guards:
            connection.execute(sql)


def test_every_request_is_in_one_part(lived: Unit) -> None:
    ledger = lived.office.ledger
    everything = sorted(row.request for row in ledger.rows(open_only=False))
    for count in (1, 2, 4, 9, 50):
        parts = ledger.parts(count)
        inside = [
            [each for each in everything if first <= each and (each < before or not before)]
            for first, before in parts
        ]
        assert sorted(each for part in inside for each in part) == everything
        assert len(parts) <= count
        assert max(map(len, inside)) <= -(-9 // count)


def test_several_processes_find_nothing_where_all_fits(lived: Unit) -> None:
    told: list[tuple[int, int]] = []
    assert verify_all(lived.office, lambda *so_far: told.append(so_far), processes=2) == ()
    assert told[-1][0] == told[-1][1]


def test_several_processes_find_what_one_finds(lived: Unit) -> None:
    rows = [row.request for row in lived.office.ledger.rows()]
    meddle(
        lived,
        ("UPDATE events SET actor = 'somebody' WHERE seq = 5", ()),
        ("UPDATE requests SET state = 'released' WHERE request = ?", (rows[0],)),
        ("DELETE FROM requests WHERE request = ?", (rows[4],)),
        ("UPDATE requests SET request = 'HF-ZZZZZZZZZZZZ' WHERE request = ?", (rows[7],)),
    )
    one = lived.office.ledger.verify(sweeping.provable(lived.office))
    several = verify_all(lived.office, processes=2)
    assert several[0].seq == one[0].seq == 5
    assert {(each.request, each.what) for each in several} == {(each.request, each.what) for each in one}


def test_a_key_that_was_altered_is_found(lived: Unit) -> None:
    meddle(lived, ("UPDATE case_keys SET wrapped = zeroblob(length(wrapped))", ()))
    (finding,) = verify_all(lived.office)
    assert "does not open with this master key" in finding.what
