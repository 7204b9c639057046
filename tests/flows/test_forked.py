"""Over a history that is in doubt nothing is signed: not by a sweep, a person, or an export."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from exporting_support import draw
from unit_support import Unit

from flows import doubts, heads, proving, restored, sweeping
from flows.exporting import export
from flows.headfile import append, path_of
from flows.office import open_office
from flows.settings import load
from ledger.heads import sign, signing_key
from ledger.interface import LedgerUnusable
from ledger.proofs import Proofs


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    made.play("alpha")
    yield made
    made.close()


def copied(unit: Unit, name: str) -> Path:
    copy, path = unit.folder / name, unit.office.settings.ledger_path
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def put_back(unit: Unit, backup: Path) -> None:
    now, path, played = unit.office.now(), unit.office.settings.ledger_path, dict(unit.office.adapters)
    unit.office.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, path)
    unit.office = open_office(load(unit.environ))
    unit.office.adapters.update(played)
    unit.at(now)


def restored_old(unit: Unit) -> tuple[str, Path]:
    """A request, a backup of it, one note and a signed head later; the backup is put back. Gives the newer copy."""
    (request,) = unit.preserve()
    old = copied(unit, "old.sqlite")
    unit.office.append(request, [("note", {})])
    heads.sign_now(unit.office, unit.later(hours=1))
    newer = copied(unit, "newer.sqlite")
    put_back(unit, old)
    unit.later(hours=1)
    return request, newer


def fork(unit: Unit, request: str) -> None:
    """The restored record goes on for two events, and its head gets into the file, from wherever."""
    unit.office.append(request, [("note", {}), ("note", {})])
    events, root = unit.office.ledger.head()
    key = signing_key(unit.office.vault)
    forked = sign(unit.office.ledger.identity, events=events, root=root, at=unit.later(minutes=1), key=key)
    append(path_of(unit.office.settings), [forked.text()])


def test_nothing_is_signed_taken_out_or_recorded_over_a_restored_backup(unit: Unit) -> None:
    request, _ = restored_old(unit)
    lines, kinds = path_of(unit.office.settings).read_text(), unit.kinds(request)
    kept = heads.signed(unit.office.ledger)
    for contents in (False, True):
        with pytest.raises(doubts.HistoryLost):
            export(unit.office, request, draw, with_contents=contents, because="for the court")
    with pytest.raises(doubts.HistoryLost):
        heads.sign_now(unit.office, unit.office.now())
    assert path_of(unit.office.settings).read_text() == lines
    assert (unit.kinds(request), heads.signed(unit.office.ledger)) == (kinds, kept)
    with pytest.raises(doubts.HistoryLost):
        sweeping.sweep(unit.office)


def test_a_newer_backup_that_is_put_back_instead_fits_as_before(unit: Unit) -> None:
    request, newer = restored_old(unit)
    with pytest.raises(doubts.HistoryLost):
        export(unit.office, request, draw)
    put_back(unit, newer)
    assert doubts.look(unit.office, unit.office.now()) == doubts.Doubts()
    assert proving.compare(unit.office, [proving.from_file(path_of(unit.office.settings))]).fine


def test_a_longer_head_of_the_restored_record_does_not_hide_the_one_that_is_lost(unit: Unit) -> None:
    request, _ = restored_old(unit)
    fork(unit, request)
    told = doubts.look(unit.office, unit.office.now())
    assert "does not fit: what was recorded up to there is not what stands there now" in told.history
    assert told.head is not None
    restored.go_on(unit.office, because="The disk failed.")
    assert doubts.look(unit.office, unit.office.now()) == doubts.Doubts()
    assert proving.compare(unit.office, [proving.from_file(path_of(unit.office.settings))]).fine


def test_a_head_of_the_restored_record_does_not_close_the_way_back_to_the_newer_one(unit: Unit) -> None:
    request, newer = restored_old(unit)
    fork(unit, request)
    put_back(unit, newer)
    assert doubts.look(unit.office, unit.office.now()).history
    restored.go_on(unit.office, because="The newer backup was found.")
    assert doubts.look(unit.office, unit.office.now()) == doubts.Doubts()
    assert proving.compare(unit.office, [proving.from_file(path_of(unit.office.settings))]).fine


def test_an_older_head_that_is_not_ours_accuses_nobody(unit: Unit) -> None:
    from ledger.master import MasterKey

    unit.preserve()
    heads.sign_now(unit.office, unit.office.now())
    stranger = signing_key(MasterKey(secret=bytes(32)))
    forged = sign(unit.office.ledger.identity, events=1, root="00" * 32, at=unit.office.now(), key=stranger)
    append(path_of(unit.office.settings), [forged.text()])
    assert doubts.look(unit.office, unit.office.now()) == doubts.Doubts()


def test_a_record_that_may_not_be_read_is_not_told_as_a_restored_backup(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit.preserve()
    unit.sweep()

    def refused(*_: object) -> str:
        raise LedgerUnusable("this role may not do that; nothing was written")

    monkeypatch.setattr(Proofs, "root_at", refused)
    with pytest.raises(LedgerUnusable, match=r"^this role may not do that"):
        doubts.look(unit.office, unit.office.now())
    with pytest.raises(LedgerUnusable, match=r"^this role may not do that"):
        proving.compare(unit.office, [proving.from_file(path_of(unit.office.settings))])
    with pytest.raises(LedgerUnusable):
        sweeping.sweep(unit.office)


def test_a_tree_that_is_damaged_does_not_fit_its_head(unit: Unit) -> None:
    unit.preserve()
    unit.sweep()
    path = unit.office.settings.ledger_path
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE events SET nodes = x'00'")
        connection.commit()
    assert "the tree is damaged" in doubts.look(unit.office, unit.office.now()).history
