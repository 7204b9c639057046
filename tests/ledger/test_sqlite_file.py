"""What is particular to a ledger in a file: its guards, its disk, its versions, its death in the middle."""

import hashlib
import json
import os
import random
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from ledger_contract import ROOT, workers
from ledger_fold import MINUTE, NOW, fold, intent, item, note, registered

from ledger import schema
from ledger.canonical import canonical, instant
from ledger.interface import LedgerBusy, LedgerError, LedgerUnusable
from ledger.records import record
from ledger.sqlite import SqliteLedger

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger.open(path, create=True)) as ledger:
        ledger.register("HF-A", [registered(items=[item("1")]), intent()], fold, now=NOW)
        ledger.keep(b"terms")
        yield ledger


def plain(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


# ---- guards


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'x'",
        "UPDATE OR IGNORE events SET actor = 'x'",
        "UPDATE OR REPLACE events SET seq = 1 WHERE seq = 2",
        "DELETE FROM events",
        "DELETE FROM events WHERE seq = 2",
        "INSERT OR REPLACE INTO events "
        "SELECT 1, request, kind, at, recorded_at, 'x', body, nodes FROM events WHERE seq = 1",
        "REPLACE INTO events SELECT 3, request, kind, at, recorded_at, 'x', body, nodes FROM events WHERE seq = 2",
        "INSERT INTO events SELECT * FROM events WHERE seq = 1 ON CONFLICT DO UPDATE SET actor = 'x'",
        "INSERT INTO events SELECT 4, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 1",
        "INSERT INTO events SELECT 0, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 1",
        "INSERT INTO events SELECT NULL, request, kind, at, recorded_at, actor, body, nodes "
        "FROM events WHERE seq = 1",
        "UPDATE kept SET content = x'00'",
        "DELETE FROM kept",
        "REPLACE INTO kept SELECT digest, x'00' FROM kept",
        "UPDATE meta SET value = 'yes' WHERE name = 'sandbox'",
        "DELETE FROM meta",
        "REPLACE INTO meta VALUES ('sandbox', 'yes')",
    ],
)
def test_through_no_connection_is_the_record_changed(
    ledger: SqliteLedger, path: Path, statement: str, recursive: str
) -> None:
    with plain(path) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(sqlite3.IntegrityError, match=r"never|only ever|recorded already"):
            connection.execute(statement)
    assert ledger.verify(fold) == ()


def test_a_guard_that_was_dropped_is_found(ledger: SqliteLedger, path: Path) -> None:
    with plain(path) as connection:
        connection.execute("DROP TRIGGER events_never_updated")
        connection.execute("CREATE TABLE aside (what TEXT)")
        connection.execute("DROP INDEX requests_by_rank")
        connection.execute("CREATE INDEX requests_by_rank ON requests (rank)")
    assert [finding.what for finding in ledger.verify(fold)] == [
        "the trigger events_never_updated is missing",
        "the index requests_by_rank was altered",
        "the table aside is not ours",
    ]


def test_a_sandbox_mark_that_was_changed_is_found(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    with plain(path) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'meta_never_updated'").fetchone()
        connection.execute("DROP TRIGGER meta_never_updated")
        connection.execute("UPDATE meta SET value = 'yes' WHERE name = 'sandbox'")
        connection.execute(sql)
    with closing(SqliteLedger.open(path)) as again:
        (finding,) = again.verify(fold)
    assert finding.seq == 1
    assert "sandbox mark" in finding.what


def test_a_byte_changed_in_the_file_itself_is_found(ledger: SqliteLedger, path: Path) -> None:
    ledger.append("HF-A", [note("we telephoned the provider")], fold, now=NOW)
    ledger.close()
    content = path.read_bytes()
    assert content.count(b"we telephoned the") == 1
    for wrong in (b"we Telephoned the", b"we telephon\xffd the", b'we telephon"d the'):
        path.write_bytes(content.replace(b"we telephoned the", wrong))
        with closing(SqliteLedger.open(path)) as again:
            first = again.verify(fold)[0]
        assert (first.seq, "event 3 (note) is not what was recorded" in first.what) == (3, True)
    path.write_bytes(content)
    with closing(SqliteLedger.open(path)) as again:
        assert again.verify(fold) == ()


# ---- birth


def test_a_new_ledger_and_its_folder_are_for_its_owner_alone(ledger: SqliteLedger, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert {file.name for file in path.parent.iterdir()} == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}


def test_what_a_ledger_is_for_is_said_at_its_birth(tmp_path: Path) -> None:
    for name, sandbox in (("trial", True), ("real", False)):
        SqliteLedger.open(tmp_path / name, create=True, sandbox=sandbox).close()
        for asked in (True, False):
            with closing(SqliteLedger.open(tmp_path / name, create=True, sandbox=asked)) as ledger:
                assert ledger.sandbox is sandbox


def test_a_committed_event_is_on_the_disk_before_append_returns(ledger: SqliteLedger) -> None:
    here = ledger._store._files.here()
    assert here.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert here.execute("PRAGMA synchronous").fetchone() == (2,)


def test_processes_that_make_a_ledger_at_once_get_the_same_one(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ledger.sqlite import SqliteLedger\n"
        "sys.stdin.readline(); print(SqliteLedger.open(Path(sys.argv[1]), create=True).head())"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(ROOT)},
        )
        for _ in range(4)
    ]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    said = {maker.communicate(timeout=30)[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0, 0, 0, 0]
    assert len(said) == 1
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]


def test_the_day_of_birth_may_be_noted(path: Path) -> None:
    SqliteLedger.open(path, create=True, now=NOW).close()
    with plain(path) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'created_at'").fetchone() == (instant(NOW),)


# ---- what cannot be opened


def refused(path: Path, words: str, **how: object) -> None:
    before = sorted(path.parent.iterdir())
    with pytest.raises(LedgerUnusable, match=words) as caught:
        SqliteLedger.open(path, **how)
    assert str(path) in str(caught.value)
    assert sorted(path.parent.iterdir()) == before


def test_a_ledger_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    refused(tmp_path / "ledger.db", "there is no ledger: check the path, or create one")


def test_what_is_not_a_ledger_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    for content in (b"", b"Dear colleague,\n" * 500, os.urandom(8192)):
        path.write_bytes(content)
        refused(path, "not a ledger", create=True)
        assert path.read_bytes() == content
    path.unlink()
    path.mkdir()
    refused(path, "not a file, so not a ledger", create=True)


def test_another_programs_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with plain(path) as connection:
        connection.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY)")
    content = path.read_bytes()
    refused(path, "an SQLite file, but not a ledger", create=True)
    assert path.read_bytes() == content


def test_a_file_that_was_cut_short_is_told(ledger: SqliteLedger, path: Path) -> None:
    ledger.register("HF-B", [registered(), *[note("x" * 2000)] * 50], fold, now=NOW)
    ledger.close()
    size = path.stat().st_size
    os.truncate(path, size // 2)
    refused(path, "is damaged: keep a copy as it is, and restore a backup")
    os.truncate(path, 50)
    refused(path, "not a ledger|damaged")


def test_damage_in_the_middle_is_a_finding_and_not_a_crash(ledger: SqliteLedger, path: Path) -> None:
    ledger.register("HF-B", [registered(), *[note("x" * 2000)] * 50], fold, now=NOW)
    ledger.close()
    content = bytearray(path.read_bytes())
    where = content.index(b"x" * 500, len(content) // 2) // 4096 * 4096
    content[where : where + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with closing(SqliteLedger.open(path)) as again:
        findings = again.verify(fold)
    assert "cannot be read: the file is damaged there" in findings[0].what
    assert findings[0].seq > 1


def test_a_ledger_that_no_longer_says_what_it_is_is_told(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    with plain(path) as connection:
        connection.execute("DROP TRIGGER meta_never_deleted")
        connection.execute("DELETE FROM meta WHERE name = 'sandbox'")
    refused(path, "no longer says what it is: keep a copy as it is, and restore a backup")


def test_a_table_that_is_gone_is_told_by_what_needs_it_and_found(ledger: SqliteLedger, path: Path) -> None:
    with plain(path) as connection:
        connection.execute("DROP TABLE leases")
    with pytest.raises(LedgerUnusable, match=r"its tables are not as we made them: .* \(no such table: leases\)"):
        ledger.claim(NOW, owner="one", until=NOW + MINUTE, limit=1)
    assert [finding.what for finding in ledger.verify(fold)] == ["the table leases is missing"]


def test_the_journal_of_a_lost_ledger_is_not_given_to_a_new_one(path: Path) -> None:
    path.parent.mkdir()
    journal = Path(f"{path}-wal")
    journal.write_bytes(b"left behind")
    refused(path, "journal of a ledger that is no longer there", create=True)
    assert journal.read_bytes() == b"left behind"


def test_a_newer_ledger_asks_for_a_newer_program(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    with plain(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, 'from_the_future')", (len(schema.MIGRATIONS) + 1,))
    refused(path, "written by a newer version of holdfast .*: use that version or a newer one")


def test_a_plain_copy_is_opened_and_works_as_the_ledger_did(ledger: SqliteLedger, path: Path) -> None:
    copy = path.with_name("copy.db")
    with plain(path) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with closing(SqliteLedger.open(copy)) as restored:
        assert restored._store._files.here().execute("PRAGMA journal_mode").fetchone() == ("wal",)
        restored.append("HF-A", [note()], fold, now=NOW)
        assert restored.verify(fold) == ()


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that belongs to the user we are for the while: one whom the rights of files bind."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        yield folder
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_read_only_file_or_folder_is_told(as_nobody: Path) -> None:
    path = as_nobody / "ledger.db"
    SqliteLedger.open(path, create=True).close()
    path.chmod(0o400)
    refused(path, "the ledger is read-only for this user")
    path.chmod(0o600)
    as_nobody.chmod(0o500)
    with pytest.raises(LedgerUnusable, match="the folder of the ledger is read-only for this user"):
        SqliteLedger.open(path)
    refused(as_nobody / "new.db", "cannot be made here: Permission denied", create=True)
    as_nobody.chmod(0o000)
    with pytest.raises(LedgerUnusable, match="cannot be looked at: Permission denied"):
        SqliteLedger.open(path, create=False)


# ---- a disk that is full, a ledger that is locked


def test_when_the_disk_is_full_nothing_is_half_written(ledger: SqliteLedger) -> None:
    here = ledger._store._files.here()
    (pages,) = here.execute("PRAGMA page_count").fetchone()
    here.execute(f"PRAGMA max_page_count = {pages + 3}")
    returned = [0]
    with pytest.raises(
        LedgerUnusable, match="the disk is full: free some space, then do it again; nothing was written"
    ):
        append_for_ever(ledger, returned)
    assert ledger.head()[0] == returned[-1]
    assert ledger.verify(fold) == ()
    here.execute("PRAGMA max_page_count = 1000000")
    assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == returned[-1] + 1


def append_for_ever(ledger: SqliteLedger, returned: list[int]) -> None:
    while True:
        events = ledger.append("HF-A", [note("x" * 1000), note("y" * 1000)], fold, now=NOW)
        returned += [event.seq for event in events]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 kB; only some machines let a test have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "holdfast-test", str(folder)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("this machine gives no small disk to a test")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_the_ledger_stays_whole_and_goes_on_later(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with closing(SqliteLedger.open(small_disk / "ledger.db", create=True)) as ledger:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        filler.write_bytes(b"\0" * 100_000)
        returned = [0]
        with pytest.raises(LedgerUnusable, match=r"the disk is full: .*; nothing was written"):
            append_for_ever(ledger, returned)
        assert ledger.head()[0] == returned[-1]
        assert ledger.verify(fold) == ()
        filler.unlink()
        assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == returned[-1] + 1
        assert ledger.verify(fold) == ()
    (small_disk / "filler").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - 8192))
    refused(small_disk / "second.db", r"disk is full|No space left", create=True)


def test_a_disk_mounted_read_only_is_told(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    SqliteLedger.open(path, create=True).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused(path, "read-only for this user, or on a read-only disk")
    refused(small_disk / "new.db", "cannot be made here: Read-only file system", create=True)


def test_a_ledger_that_another_holds_is_busy_after_the_time_to_wait(ledger: SqliteLedger, path: Path) -> None:
    with plain(path) as other, closing(SqliteLedger.open(path, timeout=0.1)) as impatient:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            LedgerBusy, match=r"ledger\.db: another process is writing .* try again; nothing was written"
        ):
            impatient.append("HF-A", [note()], fold, now=NOW)
        assert len(impatient.due(NOW)) == 1  # who only reads, waits for nobody
        other.execute("ROLLBACK")
        assert impatient.append("HF-A", [note()], fold, now=NOW)[0].seq == 3


def test_a_writer_waits_for_its_turn(ledger: SqliteLedger, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()
        assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == 3
        release.join()


def test_a_closed_ledger_says_so(ledger: SqliteLedger) -> None:
    events = ledger.all_events()
    assert next(events).seq == 1
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="the ledger was closed: open it again"):
        ledger.events("HF-A")
    with pytest.raises(LedgerError):
        list(events)


def test_a_ledger_is_not_carried_over_a_fork(ledger: SqliteLedger) -> None:
    assert len(ledger.events("HF-A")) == 2
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ledger.events("HF-A")
        except LedgerUnusable as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert b"opened before this process forked: open it again here" in os.read(reader, 1000)
    os.close(reader)


def test_a_thread_that_ends_gives_its_connection_back(ledger: SqliteLedger) -> None:
    for _ in range(5):
        thread = threading.Thread(target=ledger.events, args=["HF-A"])
        thread.start()
        thread.join()
    assert len(list(ledger._store._files._all)) <= 2


# ---- from one version to the next


def older(path: Path, migrations: int) -> None:
    """A ledger as an earlier version made it."""
    with plain(path) as connection:
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        schema.migrate(connection, path, schema.MIGRATIONS[:migrations])
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)", [("ledger", "0" * 32), ("sandbox", "no"), ("created_at", "")]
        )
        connection.execute("PRAGMA journal_mode = WAL")


def test_every_older_version_becomes_the_newest(tmp_path: Path) -> None:
    for version in range(1, len(schema.MIGRATIONS) + 1):
        path = tmp_path / f"{version}.db"
        older(path, version)
        with closing(SqliteLedger.open(path)) as ledger:
            ledger.register("HF-A", [registered()], fold, now=NOW)
            assert ledger.verify(fold) == ()


def chained(path: Path, count: int) -> None:
    """A ledger of the second version, whose events were tied by a chain; it holds `count` of them."""
    older(path, 2)
    link = hashlib.sha256(
        canonical({"created_at": "", "format": "holdfast-ledger/1", "ledger": "0" * 32, "sandbox": False}).encode()
    ).hexdigest()
    with plain(path) as connection:
        for seq in range(1, count + 1):
            new = registered() if seq == 1 else note(str(seq))
            entry = record(new, seq=seq, request="HF-A", now=NOW)
            link = hashlib.sha256(bytes.fromhex(link) + entry.content()).hexdigest()
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*entry, link])


def test_a_chain_of_an_older_version_becomes_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    chained(path, 9)
    with closing(SqliteLedger.open(path)) as ledger:
        ledger.append("HF-A", [note("new")], fold, now=NOW)
        assert [event.seq for event in ledger.events("HF-A")] == list(range(1, 11))
        assert ledger.verify(fold) == ()
    with plain(path) as connection:
        ((noted,),) = connection.execute("SELECT value FROM meta WHERE name = 'chain'").fetchall()
    assert re.fullmatch("9 [0-9a-f]{64}", noted), "a head that was kept elsewhere can still be compared"


def test_a_chain_that_does_not_fit_does_not_become_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    chained(path, 9)
    with plain(path) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'events_never_updated'").fetchone()
        connection.execute("DROP TRIGGER events_never_updated")
        connection.execute("UPDATE events SET actor = 'x' WHERE seq = 5")
        connection.execute(sql)
    with pytest.raises(LedgerUnusable, match=r"event 5 is not what was recorded there.*nothing was changed"):
        SqliteLedger.open(path)
    with plain(path) as connection:
        assert connection.execute("SELECT count(*), max(link) <> '' FROM events").fetchone() == (9, 1)


def test_of_processes_that_open_an_older_ledger_at_once_one_migrates(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    older(path, 1)
    with workers(f"sqlite://{path}", *[("open",)] * 4) as openers:
        assert all(opener.lines() for opener in openers)
    with plain(path) as connection:
        done = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    assert done == [(number, step.__name__) for number, step in enumerate(schema.MIGRATIONS, start=1)]


def test_a_migration_that_loses_a_guard_is_undone(ledger: SqliteLedger, path: Path) -> None:
    def careless(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE requests ADD COLUMN colour TEXT")
        if connection.execute("PRAGMA database_list").fetchone()[2]:  # in the real file only, not in the model
            connection.execute("DROP TRIGGER events_never_deleted")

    with plain(path) as connection:
        with pytest.raises(
            LedgerUnusable, match=r"the trigger events_never_deleted is missing.* nothing was changed"
        ):
            schema.migrate(connection, path, [*schema.MIGRATIONS, careless])
        assert schema.differences(connection) == ()
    assert ledger.verify(fold) == ()


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(ledger: SqliteLedger, path: Path) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (done TEXT)")
        connection.execute("CREATE TABLE half (done TEXT)")

    with plain(path) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            schema.migrate(connection, path, [*schema.MIGRATIONS, failing])
        assert schema.differences(connection) == ()


# ---- death in the middle


@pytest.mark.parametrize("damage", ["body = 'cut o'", "at = 'yesterday'"])
def test_a_damaged_sign_of_life_is_none_and_is_replaced_by_the_next(
    ledger: SqliteLedger, path: Path, damage: str
) -> None:
    """It is no evidence: a sweep must not stop for ever because of one."""
    ledger.beat("sweep", NOW, {"done": 3})
    with plain(path) as connection:
        connection.execute(f"UPDATE beats SET {damage}")  # noqa: S608
    assert ledger.last_beat("sweep") is None
    ledger.beat("sweep", NOW, {"done": 4})
    assert ledger.last_beat("sweep") == (NOW, {"done": 4})


def test_a_writer_killed_at_any_moment_leaves_a_whole_ledger(ledger: SqliteLedger, path: Path) -> None:
    draw = random.Random(4)
    for life in range(6):
        with workers(f"sqlite://{path}", ("write-on", f"HF-{life}-")) as (victim,):
            acknowledged = [int(victim.process.stdout.readline()) for _ in range(draw.randrange(1, 60))]
            victim.process.kill()
            victim.process.wait()
            acknowledged += map(int, filter(str.strip, victim.process.stdout.read().splitlines()[:-1]))
        assert ledger.head()[0] >= max(acknowledged)
        assert ledger.verify(fold) == ()
    ledger.close()
    with closing(SqliteLedger.open(path)) as again:
        assert again.verify(fold) == ()
        assert len(again.claim(NOW, owner="next", until=NOW + MINUTE, limit=1)) == 1


def test_a_ledger_copied_at_any_moment_of_its_writing_opens_whole(tmp_path: Path, path: Path) -> None:
    """A power cut leaves file and journal as they are at that moment; the journal's last page may be torn."""
    path.parent.mkdir()
    SqliteLedger.open(path, create=True).close()
    with workers(f"sqlite://{path}", ("write-on", "HF-")) as (writer,):
        acknowledged = [int(writer.process.stdout.readline()) for _ in range(30)]
        writer.process.kill()
        writer.process.wait()
        acknowledged += [int(line) for line in writer.process.stdout]
    journal = Path(f"{path}-wal").read_bytes()
    seen = set()
    for cut in range(0, len(journal), len(journal) // 20):
        torn = tmp_path / f"cut-{cut}" / "ledger.db"
        torn.parent.mkdir()
        shutil.copy(path, torn)
        Path(f"{torn}-wal").write_bytes(journal[:cut])
        with closing(SqliteLedger.open(torn)) as ledger:
            assert ledger.verify(fold) == ()
            seen.add(ledger.head()[0])
    assert len(seen) > 5
    assert max(seen) <= acknowledged[-1] + 10


def test_a_file_that_another_thread_cannot_open_any_more_is_told_in_words(path: Path) -> None:
    path.parent.mkdir()
    with closing(SqliteLedger.open(path, create=True)) as ledger:
        for each in path.parent.iterdir():
            each.unlink()
        asks = (ledger.head, lambda: ledger.register("HF-A", [registered()], fold, now=NOW), ledger.next_due_at)
        with ThreadPoolExecutor(1) as another:
            for ask in asks:
                with pytest.raises(LedgerError, match=re.escape(str(path))):
                    another.submit(ask).result(10)


def test_the_bench_measures_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(ROOT))
    try:
        from bench.bench_ledger import main
    finally:
        sys.path.remove(str(ROOT))
    result = main([100, 300], calls=5)
    assert set(result["sizes"]) == {"100", "300"}
    assert set(result["p50_ratio_largest_to_smallest"]) >= {
        "due-few",
        "due-many",
        "claim-few",
        "claim-many",
        "append",
    }
    assert "ratio of p50" in capsys.readouterr().out
    assert json.loads(json.dumps(result)) == result
