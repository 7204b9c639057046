"""`holdfast heads`, `verify --head` and `report`, as they are typed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from desk_support import REACHES, Unit

from ledger.heads import Head, public_key, signing_key
from ledger.master import MasterKey

LATER = "2026-11-21T10:00:00Z"


def home(unit: Unit) -> Path:
    return Path(unit.environ["HOLDFAST_HOME"])


def file_of_heads(unit: Unit) -> Path:
    return home(unit) / "heads.jsonl"


def ledger(unit: Unit) -> Path:
    return home(unit) / "ledger.sqlite"


@pytest.fixture
def swept(unit: Unit) -> Unit:
    """A unit with one request and one signed head."""
    unit.preserve({"provider": "sandbox"}, mla=REACHES)
    unit("sweep")
    assert len(file_of_heads(unit).read_text().splitlines()) == 1
    return unit


def restored(unit: Unit) -> Unit:
    """The same with an old backup in the place of the ledger."""
    backup = unit.folder / "backup.sqlite"
    with closing(sqlite3.connect(ledger(unit))) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    (request,) = [each["request"] for each in unit.json("board")]
    assert unit("record", "note", request, "--text", "Called them.").exit_code == 0
    assert unit("heads", "sign").exit_code == 0
    for suffix in ("", "-wal", "-shm"):
        Path(f"{ledger(unit)}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, ledger(unit))
    return unit


def test_heads_lists_each_with_where_it_went(swept: Unit) -> None:
    (one,) = swept.json("heads")
    assert one["file"].endswith(f":{file_of_heads(swept)}")
    assert (one["mail"], one["stamped_at"], one["waiting"], one["accepted"]) == ([], None, [], None)
    shown = swept("heads").stdout
    assert f"in {file_of_heads(swept)}" in shown
    assert one["root"][:16] in shown


def test_heads_before_the_first_one_says_so(unit: Unit) -> None:
    unit.preserve({"provider": "byhand"})
    shown = unit("heads")
    assert (shown.exit_code, unit.json("heads")) == (0, [])
    assert "No head was signed yet" in shown.stdout


def test_sign_signs_now_and_prints_the_line(swept: Unit) -> None:
    result = swept("heads", "sign")
    assert result.exit_code == 0
    head = Head.read(result.stdout)
    assert file_of_heads(swept).read_text().splitlines()[-1] == head.text()
    assert len(swept.json("heads")) == 2
    assert swept.json("heads", "sign")["events"] == head.events


def test_a_head_that_waits_for_its_way_out_needs_a_person(swept: Unit) -> None:
    nowhere = str(swept.folder / "not mounted" / "heads.jsonl")
    result = swept("heads", "sign", HOLDFAST_HEADS=nowhere)
    assert result.exit_code == 1
    assert "could not be written to the file of heads" in result.stderr
    listed = swept("heads")
    assert listed.exit_code == 1
    assert "WAITS: file" in listed.stdout


def test_the_public_key_is_the_one_of_the_master_key(swept: Unit) -> None:
    key = public_key(signing_key(MasterKey.load(home(swept) / "master.key", {})))
    assert swept("heads", "--public-key").stdout == f"{key}\n"
    assert swept.json("heads", "--public-key")["key"] == key


def test_check_of_a_file_that_fits(swept: Unit) -> None:
    swept("heads", "sign", HOLDFAST_CLOCK=LATER)
    result = swept("heads", "check", str(file_of_heads(swept)))
    assert result.exit_code == 0, result.stderr
    assert "2 signed heads fit" in result.stdout
    assert "1 consistency proof between them hold" in result.stdout
    found = swept.json("heads", "check", str(file_of_heads(swept)))
    assert (found["fits"], len(found["heads"]), found["rewritten"]) == (True, 2, None)


@pytest.mark.parametrize("content", ["", "garbage\n", "\n\n"])
def test_check_of_a_file_with_nothing_of_ours(swept: Unit, content: str) -> None:
    empty = swept.folder / "empty.jsonl"
    empty.write_text(content)
    assert swept("heads", "check", str(empty)).exit_code == 2
    assert swept("heads", "check", str(swept.folder / "gone")).exit_code == 2
    assert swept("verify", "--head", str(empty)).exit_code == 2
    assert "no head of this ledger" in swept("verify", "--head", str(empty)).stderr


def test_verify_compares_with_every_head_it_knows(swept: Unit) -> None:
    elsewhere = swept.folder / "registry.jsonl"
    shutil.copy(file_of_heads(swept), elsewhere)
    swept("heads", "sign", HOLDFAST_CLOCK=LATER)
    found = swept.json("verify", "--head", str(elsewhere))
    assert found["fits"]
    assert {each["where"] for each in found["heads"]["heads"]} == {
        f"{elsewhere}, line 1",
        f"{file_of_heads(swept)}, line 2",
    }
    assert "2 signed heads fit" in swept("verify").stdout


def test_verify_finds_a_forged_head_and_does_not_accuse_the_ledger(swept: Unit) -> None:
    elsewhere = swept.folder / "registry.jsonl"
    table = json.loads(file_of_heads(swept).read_text())
    elsewhere.write_text(json.dumps(table | {"events": 1}, sort_keys=True, separators=(",", ":")) + "\n")
    result = swept("verify", "--head", str(elsewhere))
    assert result.exit_code == 1
    assert "its signature does not fit" in result.stderr
    assert "the record was changed" not in result.stderr


def test_verify_with_a_changed_event_names_it_and_the_heads(swept: Unit) -> None:
    with closing(sqlite3.connect(ledger(swept))) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET nodes = zeroblob(length(nodes)) WHERE seq = 2")
    result = swept("verify")
    assert result.exit_code == 1
    assert "event 2" in result.stderr
    assert swept.json("verify", status=1)["fits"] is False


def test_verify_never_says_that_everything_fits_where_a_head_does_not(swept: Unit) -> None:
    result = restored(swept)("verify")
    assert result.exit_code == 1
    assert "Everything fits" not in result.stdout
    assert "The ledger fits itself" in result.stdout
    assert "the heads do not fit" in result.stderr


def test_verify_names_the_event_also_where_the_tree_has_no_head_any_more(swept: Unit) -> None:
    with closing(sqlite3.connect(ledger(swept))) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET nodes = substr(nodes, 1, 32) WHERE seq = 3")
    result = swept("verify")
    assert result.exit_code == 1
    assert "the ledger does not fit" in result.stderr
    assert "event 3" in result.stderr


def test_a_restored_backup_is_told_by_every_command_and_stops_the_sending(swept: Unit) -> None:
    unit = restored(swept)
    for words in (["board"], ["heads"], ["heads", "--public-key"], ["report"]):
        result = unit(*words)
        assert result.exit_code == 0, words
        assert "WARNING" in result.stderr
        assert "is newer than this ledger" in result.stderr
    for words in (["sweep"], ["preserve", unit.case({"provider": "byhand"}), "--yes"], ["heads", "sign"]):
        result = unit(*words)
        assert result.exit_code == 3, words
        assert "nothing is sent meanwhile" in result.stderr
    assert len(unit.json("board")) == 1
    result = unit("verify")
    assert result.exit_code == 1
    assert "the record was changed, or cut off" in result.stderr


def test_a_restored_backup_is_accepted_with_a_reason_and_the_work_goes_on(swept: Unit) -> None:
    unit = restored(swept)
    assert unit("heads", "accept").exit_code == 2, "a reason is needed"
    done = unit.json("heads", "accept", "--because", "The disk failed.", "--by", "Head of unit")
    assert done["noted"] == 1
    assert unit("sweep").exit_code in (0, 1)
    result = unit("verify")
    assert result.exit_code == 0, result.stderr
    assert "given up by Head of unit" in result.stdout
    (request,) = [each["request"] for each in unit.json("board")]
    assert "RESTORED from a backup" in unit("show", request).stdout
    assert any(each["accepted"] == "The disk failed. (Head of unit)" for each in unit.json("heads"))
    assert unit("heads", "accept", "--because", "Again.").exit_code == 3


def test_a_clock_set_back_is_told_and_stops_nothing(swept: Unit) -> None:
    result = swept("board", HOLDFAST_CLOCK="2026-11-21T08:00:00Z")
    assert result.exit_code == 0
    assert "the clock was set back" in result.stderr


# ---- the report


def test_the_report_counts_what_happened_in_the_week(swept: Unit) -> None:
    found = swept.json("report")
    assert (found["week"], found["complete"]) == ("2026-W47", False)
    assert found["counts"]["registered"] == 1
    assert found["counts"]["sent"] == 1
    assert found["by_provider"]["sandbox"]["sent"] == 1
    assert found["open"]["requests"] == 1
    assert [each["root"] for each in found["heads"]] == [each["root"] for each in swept.json("heads")]
    page = swept("report").stdout
    assert "requests sent" in page
    assert found["heads"][0]["root"] in page
    assert max(map(len, page.splitlines())) <= 100


def test_another_week_is_another_report(swept: Unit) -> None:
    before = swept.json("report", "--week", "2026-W46")
    assert set(before["counts"].values()) == {0}
    assert before["complete"]
    assert "nothing" in swept("report", "--week", "2026-W46").stdout


@pytest.mark.parametrize("week", ["47", "2026-47", "2026-W54", "2026-Wxx", "2026-W0"])
def test_what_is_no_week_is_refused(swept: Unit, week: str) -> None:
    result = swept("report", "--week", week)
    assert result.exit_code == 2
    assert "expected an ISO week such as 2026-W47" in result.stderr
