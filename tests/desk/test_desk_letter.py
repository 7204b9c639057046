"""`holdfast letter`: a letter by hand, for one pair of eyes, recorded, and no sending."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from desk_support import CANARY, Unit

from desk.letters import KINDS
from flows.letter import KINDS as SAID


@pytest.fixture
def request_id(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(unit.folder)
    return unit.preserve({})[0]


def test_the_command_offers_the_letters_that_there_are() -> None:
    assert tuple(SAID) == KINDS


def test_a_letter_is_written_for_one_pair_of_eyes_and_recorded(unit: Unit, request_id: str) -> None:
    result = unit("letter", request_id)
    file = Path(unit.folder / f"{request_id}-original.pdf")
    assert result.exit_code == 0, result.stderr
    assert file.read_bytes().startswith(b"%PDF")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"SHA-256 {digest}" in result.stdout
    notes = [each["body"] for each in unit.json("show", request_id)["events"] if each["kind"] == "opened"]
    assert [each["letter_sha256"] for each in notes] == [digest]
    assert [each["duty"] for each in notes] == ["to say it by hand"]


def test_it_is_no_sending(unit: Unit, request_id: str) -> None:
    before = unit.json("show", request_id)
    assert unit("letter", request_id, "--action", "extension").exit_code == 0
    after = unit.json("show", request_id)
    assert after["transmissions"] == before["transmissions"]
    assert (after["state"], after["next"]) == (before["state"], before["next"])


def test_the_json_names_file_pages_and_digest(unit: Unit, request_id: str) -> None:
    target = unit.folder / "letter.pdf"
    said = unit.json("letter", request_id, "--language", "fr", "--draft", "-o", str(target))
    content = target.read_bytes()
    assert said["file"] == str(target)
    assert said["sha256"] == hashlib.sha256(content).hexdigest()
    assert (said["pages"], said["size"]) == (content.count(b"/Type/Page/"), len(content))
    assert (said["language"], said["draft"], said["signed"], said["action"]) == ("fr", True, False, "original")


def test_a_file_that_is_there_is_left_alone(unit: Unit, request_id: str) -> None:
    target = unit.folder / "letter.pdf"
    target.write_text("mine")
    refused = unit("letter", request_id, "-o", str(target))
    assert refused.exit_code == 2
    assert "nothing was written" in refused.stderr
    assert target.read_text() == "mine"
    assert not [each for each in unit.json("show", request_id)["events"] if each["kind"] == "note"]
    assert unit("letter", request_id, "-o", str(target), "--force").exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_force_does_not_write_through_a_link(unit: Unit, request_id: str) -> None:
    other, target = unit.folder / "other", unit.folder / "letter.pdf"
    other.write_text("mine")
    target.symlink_to(other)
    assert unit("letter", request_id, "-o", str(target)).exit_code == 2
    assert unit("letter", request_id, "-o", str(target), "--force").exit_code == 0
    assert other.read_text() == "mine"
    assert not target.is_symlink()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--language", "nl"), "there are no letters in the language 'nl'; there are ar, de, en"),
        (("--action", "clarify"), "cannot be written without answer"),
        (("--action", "announce"), "cannot be written without production_on"),
        (("-o", "nowhere/letter.pdf"), "nowhere is no folder"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is_recorded(
    unit: Unit, request_id: str, words: tuple[str, ...], message: str
) -> None:
    result = unit("letter", request_id, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(unit.folder.glob("*.pdf"))
    assert not [each for each in unit.json("show", request_id)["events"] if each["kind"] == "note"]


def test_an_unknown_request_is_told(unit: Unit, request_id: str) -> None:
    assert unit("letter", "HF-000000000000").exit_code == 2


def test_a_request_that_was_not_sent_has_no_extension_but_a_draft(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(unit.folder)
    (request,) = unit.preserve({"provider": "byhand"})
    refused = unit("letter", request, "--action", "release")
    assert refused.exit_code == 2
    assert "was never sent" in refused.stderr
    assert unit("letter", request, "--action", "release", "--draft").exit_code == 0
    assert unit("letter", request).exit_code == 0, "the original can be written before it is sent"


def test_no_account_is_printed(unit: Unit, request_id: str) -> None:
    unit("letter", request_id)
    unit("letter", request_id, "--action", "clarify")
    assert CANARY not in "".join(unit.seen)
