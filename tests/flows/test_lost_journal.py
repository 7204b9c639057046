"""A ledger whose journal was deleted: events that were committed are gone, and the signed heads know of them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from unit_support import Unit

from flows import doubts, heads, sweeping
from flows.office import open_office
from flows.settings import load
from providers.interface import Action


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


def test_events_lost_with_a_deleted_journal_are_told_and_nothing_is_sent_again(unit: Unit) -> None:
    played = unit.play("alpha")
    (request,) = unit.register({})
    path = unit.office.settings.ledger_path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file = unit.folder / "without its journal"
    shutil.copy(path, file)
    unit.sweep()
    assert played.effects(request, Action.SEND, 1) == 1
    heads.sign_now(unit.office, unit.office.now())
    events, _ = unit.office.ledger.head()
    assert path.read_bytes() == file.read_bytes(), "what was done since stands in the journal alone"

    now = unit.office.now()
    unit.office.close()
    shutil.copy(file, path)
    for journal in ("-wal", "-shm"):
        Path(f"{path}{journal}").unlink(missing_ok=True)
    unit.office = open_office(load(unit.environ))
    unit.office.adapters["alpha"] = played
    unit.at(now)

    assert unit.office.ledger.head()[0] < events
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) == (), "it fits itself"
    told = doubts.look(unit.office, now)
    assert f"the signed head of event {events}" in told.history
    with pytest.raises(doubts.HistoryLost):
        unit.sweep()
    assert played.effects(request, Action.SEND, 1) == 1
