"""An old backup, a rewritten record and a clock set back are noticed, and nothing is done twice because of them."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from unit_support import Unit

from flows import doubts, heads, proving, restored, sweeping
from flows.headfile import append, path_of, read
from flows.office import open_office
from flows.proving import from_file, from_ledger
from flows.settings import load
from ledger import tree
from ledger.canonical import Identity
from ledger.heads import Accepted, Head, accept, check, public_key, sign, signing_key
from ledger.interface import LedgerError
from ledger.master import MasterKey
from ledger.records import Record
from providers.interface import Action
from providers.memory import MemoryProvider
from timeline.decide import Do


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


def path(unit: Unit) -> Path:
    return unit.office.settings.ledger_path


def back_up(unit: Unit) -> Path:
    """A backup of the ledger alone, as somebody makes one at night."""
    copy = unit.folder / "backup.sqlite"
    with closing(sqlite3.connect(path(unit))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def restore(unit: Unit, backup: Path) -> None:
    """Put the backup in the ledger's place, and open it again with the same providers."""
    now, played = unit.office.now(), dict(unit.office.adapters)
    unit.office.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path(unit)}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, path(unit))
    unit.office = open_office(load(unit.environ))
    unit.office.adapters.update(played)
    unit.at(now)


def lost_history(unit: Unit, *, idempotent: bool = True, can_find: bool = True) -> tuple[str, MemoryProvider]:
    """A request that was registered before a backup and sent after it; the backup is restored."""
    played = unit.play("alpha", idempotent=idempotent, can_find=can_find)
    (request,) = unit.register({})
    heads.sign_now(unit.office, unit.office.now())
    backup = back_up(unit)
    unit.later(minutes=5)
    unit.sweep()
    unit.later(days=1)
    unit.sweep()
    assert effects(played, request) == 1
    restore(unit, backup)
    return request, played


def effects(played: MemoryProvider, request: str) -> int:
    """How often the request took effect, by the provider's own count."""
    return played.effects(request, Action.SEND, 1)


def doubt(unit: Unit) -> doubts.Doubts:
    return doubts.look(unit.office, unit.office.now())


# ---- noticed


def test_a_ledger_that_fits_its_heads_is_not_doubted(unit: Unit) -> None:
    unit.play("alpha")
    assert doubt(unit) == doubts.Doubts()
    unit.preserve()
    unit.sweep()
    assert doubt(unit) == doubts.Doubts()


def test_an_old_backup_is_noticed_and_nothing_is_sent(unit: Unit) -> None:
    request, played = lost_history(unit)
    told = doubt(unit).history
    assert "is newer than this ledger, which ends with event 1" in told
    assert "holdfast heads accept --because" in told
    with pytest.raises(doubts.HistoryLost, match="nothing is sent"):
        sweeping.sweep(unit.office)
    with pytest.raises(doubts.HistoryLost):
        sweeping.work_on(unit.office, [request])
    assert effects(played, request) == 1
    assert unit.kinds(request) == ["registered"]


def test_an_old_backup_that_has_grown_since_is_noticed_too(unit: Unit) -> None:
    request, _ = lost_history(unit)
    for _ in range(30):
        unit.office.append(request, [("note", {})])
    assert "does not fit: what was recorded up to there is not what stands there now" in doubt(unit).history


def test_a_head_of_another_ledger_or_another_key_stops_nothing(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    unit.sweep()
    (head,) = [Head.read(text) for text in heads.signed(unit.office.ledger)]
    append(path_of(unit.office.settings), [replace(head, ledger="another", events=10_000).text()])
    assert doubt(unit) == doubts.Doubts()
    key = signing_key(MasterKey(secret=bytes(32)))
    forged = sign(unit.office.ledger.identity, events=10_000, root="00" * 32, at=unit.office.now(), key=key)
    append(path_of(unit.office.settings), [forged.text()])
    found = doubt(unit)
    assert found.history == ""
    assert "is not ours: it is signed with another key" in found.file
    assert "is not ours" in unit.sweep().failures[0][1], "and a sweep says so"


def test_a_forged_head_does_not_hide_that_a_backup_was_restored(unit: Unit) -> None:
    lost_history(unit)
    key = signing_key(MasterKey(secret=bytes(32)))
    events, root = unit.office.ledger.head()
    forged = sign(unit.office.ledger.identity, events=events + 1000, root=root, at=unit.office.now(), key=key)
    append(path_of(unit.office.settings), [forged.text()])
    found = doubt(unit)
    assert "is newer than this ledger" in found.history
    assert "is not ours" in found.file


def test_an_old_line_added_once_more_does_not_hide_that_a_backup_was_restored(unit: Unit) -> None:
    """Who may only add lines to the file of heads can still copy any that stands there."""
    lost_history(unit)
    file = path_of(unit.office.settings)
    first, *_ = [found.line for found in read(file)]
    assert isinstance(first, Head)
    with file.open("a") as lines:
        lines.write(f"{first.text()}\n")
    assert "is newer than this ledger" in doubt(unit).history
    done = restored.go_on(unit.office, because="The disk failed.")
    with file.open("a") as lines:
        lines.write(f"{first.text()}\n{done.accepted.text()}\n")
    assert doubt(unit) == doubts.Doubts()


def test_an_acceptance_copied_to_the_end_does_not_hide_a_second_loss(unit: Unit) -> None:
    lost_history(unit)
    line = restored.go_on(unit.office, because="The disk failed.").accepted
    unit.later(minutes=1)
    unit.sweep()
    backup = back_up(unit)
    unit.later(days=2)
    unit.sweep()
    restore(unit, backup)
    assert "is newer than this ledger" in doubt(unit).history
    with path_of(unit.office.settings).open("a") as lines:
        lines.write(f"{line.text()}\n")
    assert "is newer than this ledger" in doubt(unit).history


def test_a_lost_head_that_bears_a_later_instant_is_given_up_too(unit: Unit) -> None:
    """The clock was ahead when it was signed, and is right again when the backup is restored."""
    lost_history(unit)
    unit.at(unit.office.now() - timedelta(hours=12))
    assert doubt(unit).head.at > unit.office.now()  # type: ignore[union-attr]
    restored.go_on(unit.office, because="The disk failed.")
    assert doubt(unit).history == ""
    assert proving.compare(unit.office, [from_file(path_of(unit.office.settings))]).fine


def test_a_file_of_heads_that_is_missing_is_told_since_a_backup_could_not_be_noticed(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    assert doubt(unit) == doubts.Doubts(), "none was written yet"
    unit.sweep()
    path_of(unit.office.settings).unlink()
    assert "no signed head of this ledger stands there any more" in doubt(unit).file
    heads.sign_now(unit.office, unit.office.now())
    assert doubt(unit) == doubts.Doubts()


def test_looking_does_the_same_work_however_much_is_recorded(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.sweep()

    def calls() -> int:
        counted = itertools.count()
        sys.setprofile(lambda _, what, __: next(counted) if what in ("call", "c_call") else None)
        try:
            assert doubt(unit) == doubts.Doubts()
        finally:
            sys.setprofile(None)
        return next(counted)

    doubt(unit)
    before = calls()
    for _ in range(256):
        unit.office.append(request, [("note", {})])
    doubt(unit)
    assert 0 < before <= calls() < before + 30  # the tree of more events is a few nodes higher


# ---- going on


@pytest.mark.parametrize("idempotent", [True, False])
def test_what_was_sent_after_the_backup_is_found_and_not_sent_again(unit: Unit, idempotent: bool) -> None:
    request, played = lost_history(unit, idempotent=idempotent)
    done = restored.go_on(unit.office, because="The disk failed; the backup of last night was restored.")
    assert (done.noted, done.asked_first, done.failures) == (1, (request,), ())
    assert doubt(unit) == doubts.Doubts()

    assert unit.sweep().failures == []
    assert effects(played, request) == 1
    assert "found" in unit.last(request, "sent").body
    assert unit.office.hold(request).sent_at is not None
    assert unit.office.ledger.verify(unit.office.histories.project) == ()


def test_what_was_not_sent_is_sent_once_after_the_provider_said_so(unit: Unit) -> None:
    played = unit.play("alpha", idempotent=False)
    (request,) = unit.register({})
    (other,) = unit.register({"identifiers": [{"type": "email", "value": "second@example.com"}]})
    backup = back_up(unit)
    sweeping.work_on(unit.office, [other])
    heads.sign_now(unit.office, unit.office.now())
    restore(unit, backup)
    assert set(restored.go_on(unit.office, because="The disk failed.").asked_first) == {request, other}
    for _ in range(3):
        unit.sweep()
        unit.later(hours=1)
    assert "absent" in unit.kinds(request)
    assert "absent" not in unit.kinds(other)
    assert (effects(played, request), effects(played, other)) == (1, 1)


def test_where_the_provider_cannot_be_asked_a_person_is_told_and_nothing_is_sent(unit: Unit) -> None:
    request, played = lost_history(unit, idempotent=False, can_find=False)
    restored.go_on(unit.office, because="The disk failed.")
    unit.sweep()
    assert effects(played, request) == 1
    assert "escalated" in unit.kinds(request)


def test_every_open_request_says_that_a_backup_was_restored(unit: Unit) -> None:
    request, _ = lost_history(unit)
    done = restored.go_on(unit.office, because="The disk failed.", by="Head of unit")
    note = unit.last(request, "note").body
    assert note["restored"] == done.accepted.gives_up
    assert note["of_events"] > 1
    assert unit.office.ledger.verify(unit.office.histories.project) == ()


def test_the_acceptance_is_signed_and_stands_in_the_file_and_in_the_ledger(unit: Unit) -> None:
    lost_history(unit)
    done = restored.go_on(unit.office, because="The  disk\nfailed.", by="Head of unit")
    line = done.accepted
    check(line, key=public_key(signing_key(unit.office.vault)))
    assert (line.because, line.by) == ("The disk failed.", "Head of unit")
    assert [found.line for found in read(path_of(unit.office.settings))][-1] == line
    assert heads.signed(unit.office.ledger)[-1] == line.text()
    assert (line.events, line.root) == unit.office.ledger.head()


def test_accepting_twice_changes_nothing_the_second_time(unit: Unit) -> None:
    request, _ = lost_history(unit)
    lines = path_of(unit.office.settings).read_text()
    restored.go_on(unit.office, because="The disk failed.")
    kinds = unit.kinds(request)
    path_of(unit.office.settings).write_text(lines)  # as if it had been cut off before the end
    again = restored.go_on(unit.office, because="The disk failed.")
    assert (again.noted, again.asked_first) == (0, ())
    assert unit.kinds(request) == kinds
    assert doubt(unit) == doubts.Doubts()


def test_nothing_is_accepted_without_need_or_reason(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    unit.sweep()
    with pytest.raises(LedgerError, match="nothing to accept"):
        restored.go_on(unit.office, because="To be sure.")
    unit.office.close()
    fresh = unit.folder / "fresh"
    fresh.mkdir()
    second = Unit(fresh)
    lost_history(second)
    with pytest.raises(LedgerError, match="needs a reason"):
        restored.go_on(second.office, because="  ")
    second.close()


def test_heads_of_the_lost_history_are_told_as_given_up(unit: Unit) -> None:
    lost_history(unit)
    file = path_of(unit.office.settings)
    before = proving.compare(unit.office, [from_file(file)])
    assert not before.fine
    assert before.misfits
    restored.go_on(unit.office, because="The disk failed.", by="Head of unit")
    after = proving.compare(unit.office, [from_file(file), from_ledger(unit.office.ledger)])
    assert after.fine
    assert [each.head for each in after.seen if each.given_up] == [each.head for each in before.misfits]
    assert any("given up by Head of unit" in each and "The disk failed." in each for each in after.remarks)


def test_an_acceptance_that_this_unit_did_not_sign_excuses_nothing(unit: Unit) -> None:
    lost_history(unit)
    file = path_of(unit.office.settings)
    lost = doubt(unit).head
    assert lost is not None
    key, (events, root) = signing_key(MasterKey(secret=bytes(32))), unit.office.ledger.head()
    head = sign(unit.office.ledger.identity, events=events, root=root, at=unit.office.now(), key=key)
    forged: Accepted = accept(head, gives_up=lost, because="Nothing happened.", by="Nobody", key=key)
    append(file, [forged.text()])
    assert not proving.compare(unit.office, [from_file(file)]).fine


# ---- held against heads


def rewritten(unit: Unit, request: str, seq: int) -> None:
    """Rewrite an event with everything that is computed from it, as who has the database and knows how it is made."""
    unit.office.close()
    with closing(sqlite3.connect(path(unit), isolation_level=None)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        made = [
            connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
            for name in names
        ]
        for name in names:
            connection.execute(f"DROP TRIGGER {name}")
        columns = "seq, request, kind, at, recorded_at, actor, body"
        connection.execute("UPDATE events SET actor = 'Somebody else' WHERE seq = ?", (seq,))
        facts = dict(connection.execute("SELECT name, value FROM meta"))
        identity = Identity(ledger=facts["ledger"], created_at=facts["created_at"], sandbox=facts["sandbox"] == "yes")
        peaks: list[bytes] = []
        tree.add(peaks, 0, tree.leaf(identity.content()))
        for values in connection.execute(f"SELECT {columns} FROM events ORDER BY seq").fetchall():  # noqa: S608
            record = Record(**dict(zip(columns.split(", "), values, strict=True)))
            nodes = tree.add(peaks, record.seq, tree.leaf(record.content()))
            connection.execute("UPDATE events SET nodes = ? WHERE seq = ?", (nodes, record.seq))
        for sql in made:
            connection.execute(sql)
    unit.office = open_office(load(unit.environ))


def test_a_rewritten_record_that_fits_itself_is_found_by_a_head_kept_elsewhere(unit: Unit, tmp_path: Path) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    heads.sign_now(unit.office, unit.office.now())
    proved = unit.office.ledger.head()[0]
    for _ in range(3):
        unit.office.append(request, [("note", {})])
    heads.sign_now(unit.office, unit.office.now())
    elsewhere = tmp_path / "elsewhere.jsonl"
    shutil.copy(path_of(unit.office.settings), elsewhere)
    whole = proving.compare(unit.office, [from_file(elsewhere)])
    assert whole.fine
    assert (len(whole.seen), whole.consistent) == (2, 1)

    rewritten(unit, request, proved + 2)

    assert unit.office.ledger.verify(unit.office.histories.project) == (), "it fits itself: that is the attack"
    found = proving.compare(unit.office, [from_file(elsewhere)])
    assert not found.fine
    assert [each.fits for each in found.seen] == [True, False]
    assert f"at an event from {proved + 1} to {proved + 3}" in found.rewritten
    assert f"up to event {proved} the record is proved" in found.rewritten
    assert doubt(unit).history, "and nothing is sent by it"


def test_a_truncated_record_is_found(unit: Unit, tmp_path: Path) -> None:
    lost_history(unit)
    elsewhere = tmp_path / "elsewhere.jsonl"
    shutil.copy(path_of(unit.office.settings), elsewhere)
    found = proving.compare(unit.office, [from_file(elsewhere)])
    assert "is newer than this ledger" in found.misfits[0].wrong
    assert "from 2 to" in found.rewritten


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda head: replace(head, root="00" * 32), "its signature does not fit"),
        (lambda head: replace(head, events=head.events - 1), "its signature does not fit"),
        (lambda head: replace(head, at=head.at + timedelta(days=1)), "its signature does not fit"),
    ],
)
def test_a_head_that_was_changed_is_told_and_does_not_accuse_the_ledger(
    unit: Unit, tmp_path: Path, change: Callable[[Head], Head], said: str
) -> None:
    unit.play("alpha")
    unit.preserve()
    head, _ = heads.sign_now(unit.office, unit.office.now())
    file = tmp_path / "given.jsonl"
    append(file, [change(head).text(), "no head at all"])
    found = proving.compare(unit.office, [from_file(file)])
    assert said in found.misfits[0].wrong
    assert found.rewritten == ""
    assert f"{file}, line 2" in found.wrong[0]


def test_heads_of_other_ledgers_are_counted_and_left_alone(unit: Unit, tmp_path: Path) -> None:
    unit.play("alpha")
    unit.preserve()
    head, _ = heads.sign_now(unit.office, unit.office.now())
    file = tmp_path / "given.jsonl"
    append(file, [replace(head, ledger="another").text(), head.text(), head.text() + " "])
    found = proving.compare(unit.office, [from_file(file)])
    assert (len(found.seen), found.others) == (1, 1)


# ---- the clock


def test_a_clock_set_back_is_told_loudly_and_the_work_goes_on(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.sweep()
    unit.later(minutes=-1)
    assert doubt(unit).clock == ""
    unit.later(seconds=-1)
    assert "the clock was set back" in doubt(unit).clock
    (first, *_) = unit.sweep().failures
    assert "the clock was set back" in first[1]
    told = [each.read_text() for each in unit.office.settings.drop_path.glob("*-heads-*.json")]
    assert len(told) == 1
    unit.office.append(request, [("note", {})])
    assert unit.office.ledger.verify(unit.office.histories.project) == ()


def test_a_head_that_goes_back_in_time_is_never_silent(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    unit.sweep()
    unit.later(days=-30)
    failures = [what for _, what in unit.sweep().failures]
    assert any("A new head was signed with the time that it is now" in each for each in failures)
    assert len(heads.signed(unit.office.ledger)) == 2
    found = proving.compare(unit.office, [from_ledger(unit.office.ledger)])
    assert found.fine
    assert any("the clock was set back" in each for each in found.remarks)
    unit.later(minutes=15)
    unit.sweep()
    assert len(heads.signed(unit.office.ledger)) == 2, "once is enough"


def test_what_is_done_first_after_a_restore_is_what_has_an_effect() -> None:
    assert restored.EFFECTS <= sweeping.SPOKEN
    assert {Do.POLL, Do.LOOK_UP} == sweeping.SPOKEN - restored.EFFECTS
