"""A copy into a file."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from ledger_fold import NOW, fold, note, registered

from ledger.copying import copy, source, target
from ledger.interface import LedgerError, LedgerUnusable
from ledger.sqlite import SqliteLedger


def a_ledger(path: Path, requests: int) -> SqliteLedger:
    ledger = SqliteLedger.open(path, create=True, sandbox=True)
    for number in range(requests):
        ledger.register(f"HF-{number}", [registered()], fold, now=NOW)
    return ledger


def copied(one: Path, other: Path) -> None:
    with source(one, timeout=5) as here, target(other, timeout=5) as there:
        copy(here, there, fold, now=NOW, told=lambda *_: None)


def test_the_journal_of_a_lost_ledger_is_not_given_to_a_copy(tmp_path: Path) -> None:
    """SQLite would write it into the new file, and the copy would be the lost ledger."""
    lost, here = tmp_path / "lost.db", tmp_path / "here.db"
    with closing(a_ledger(lost, 20)):
        shutil.copy(f"{lost}-wal", tmp_path / "journal")
    lost.unlink()
    shutil.copy(tmp_path / "journal", f"{lost}-wal")
    a_ledger(here, 1).close()
    with pytest.raises(LedgerUnusable, match="the journal of a ledger that is no longer there"):
        copied(here, lost)
    assert not lost.exists()
    Path(f"{lost}-wal").unlink()
    copied(here, lost)
    with closing(SqliteLedger.open(lost)) as there, closing(SqliteLedger.open(here)) as first:
        assert there.head() == first.head()


def test_what_was_copied_goes_on_where_the_source_ended(tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    with closing(a_ledger(one, 5)) as ledger:
        ledger.append("HF-1", [note()], fold, now=NOW)
    copied(one, other)
    with closing(SqliteLedger.open(other)) as ledger:
        (event,) = ledger.append("HF-2", [note()], fold, now=NOW)
        assert event.seq == 7
        assert ledger.verify(fold) == ()


def test_a_ledger_whose_end_was_cut_off_is_not_copied(tmp_path: Path) -> None:
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    with closing(a_ledger(one, 3)) as ledger:
        connection = ledger._store._files.here()
        connection.execute("DROP TRIGGER events_never_deleted")
        connection.execute("DELETE FROM events WHERE seq = 3")
    with pytest.raises(LedgerError, match="event 3 is missing"):
        copied(one, other)
    assert not other.exists()
    assert not list(tmp_path.glob(".*")), "no draft stays"
