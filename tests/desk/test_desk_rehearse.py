"""`rehearse`: what would become of the open holds, under this policy and under another; nothing is touched."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from desk_support import CANARY, REACHES, Unit

from providers.sandbox import Sandbox

OTHER_POLICY = """
[extend]
at = "1/2"
[[ladder]]
level = 1
who = "Nobody but one"
acknowledge_within = "2 days"
tell = ["drop"]
"""


def fates(document: dict[str, Any], which: str = "present") -> list[tuple[str, str | None]]:
    return [(each[which]["outcome"], each[which]["on"]) for each in document["requests"]]


def traces(unit: Unit) -> dict[str, str]:
    """Every file of the unit and what is in it, but for the index of SQLite's journal."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(unit.folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_a_hold_that_no_chain_carries_to_the_answer_is_shown_to_lapse_on_its_last_strict_day(unit: Unit) -> None:
    unit.preserve()
    document = unit.json("rehearse", status=1)
    assert fates(document) == [("lapses", "2027-05-19")]  # 21 November, 90 days and 90 more, the first day counted
    assert document["present"]["lapse"] == document["present"]["imminent"] == 1
    assert document["requests"][0]["present"]["level"] == 3
    assert document["other"] is None


def test_a_hold_that_is_answered_in_time_needs_nobody(unit: Unit) -> None:
    unit.preserve(mla=REACHES)  # answered after 60 days
    document = unit.json("rehearse")
    assert fates(document) == [("answered", "2027-01-19")]


def test_a_longer_answer_is_shown_beside_the_present_one(unit: Unit) -> None:
    unit.preserve(mla=REACHES)
    document = unit.json("rehearse", "--mla-days", "400", status=1)
    assert fates(document) == [("answered", "2027-01-19")]
    assert fates(document, "other") == [("lapses", "2027-05-19")]
    shown = unit("rehearse", "--mla-days", "400")
    assert "AS THINGS STAND" in shown.stdout
    assert "MLA answers after 400 days" in shown.stdout
    assert "lapses 19 May 2027" in shown.stdout
    assert "1 hold would lapse (0 holds as things stand)" in shown.stderr


def test_where_nobody_answers_the_first_hold_is_the_last(unit: Unit) -> None:
    unit.preserve(mla=REACHES)
    document = unit.json("rehearse", "--nobody-answers", "--days", "120", status=1)
    assert fates(document) == [("lapses", "2027-02-18")]


def test_another_policy_is_rehearsed_and_the_present_one_stays(unit: Unit, tmp_path: Path) -> None:
    unit.preserve()
    (other := tmp_path / "other.toml").write_text(OTHER_POLICY)
    document = unit.json("rehearse", "--policy", str(other), status=1)
    assert document["other"]["told"] != document["present"]["told"]
    assert document["requests"][0]["other"]["level"] == 1  # its ladder has one level only
    assert document["requests"][0]["present"]["level"] == 3


def test_a_wrong_policy_is_told_with_its_place(unit: Unit, tmp_path: Path) -> None:
    unit.preserve()
    (other := tmp_path / "other.toml").write_text('[extend]\nat = "3/2"\n')
    result = unit("rehearse", "--policy", str(other))
    assert result.exit_code == 2
    assert f"{other}: extend.at" in result.stderr


def test_what_only_a_person_can_send_is_rehearsed_with_people_who_take_their_time(unit: Unit) -> None:
    unit.preserve({"provider": "byhand"}, mla=REACHES)
    document = unit.json("rehearse", "--people-days", "3")
    assert fates(document) == [("answered", "2027-01-19")]
    assert document["present"]["told"] > 0


def test_an_extension_that_only_a_person_can_send_is_rehearsed_too(unit: Unit) -> None:
    unit.preserve({"provider": "byhand"})
    ((outcome, _),) = fates(document := unit.json("rehearse"))
    assert (outcome, document["requests"][0]["present"]["imminent_on"]) == ("in-force", "2027-05-20")


def test_nothing_is_sent_told_or_written_and_no_account_leaves_the_ledger(
    unit: Unit, played: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unit.preserve({}, {"provider": "byhand"})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, reached, left = (
        traces(unit),
        played.account()["providers"],
        set(Path(tempfile.gettempdir()).glob("holdfast-rehearsal-*")),
    )
    result = unit("rehearse", "--all")
    assert result.exit_code == 1
    assert CANARY not in result.stdout + result.stderr
    assert traces(unit) == before
    assert played.account()["providers"] == reached
    assert set(Path(tempfile.gettempdir()).glob("holdfast-rehearsal-*")) == left


def test_it_looks_only_as_far_as_it_is_asked_to(unit: Unit) -> None:
    unit.preserve()
    document = unit.json("rehearse", "--days", "60")
    assert fates(document) == [("in-force", None)]
    assert json.loads(json.dumps(document))["to"].startswith("2027-01-20")
