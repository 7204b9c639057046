"""`holdfast packet`: what a person needs to say a request by hand, and what it leaves behind."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from desk_support import CANARY, PROVIDER, REACHES, SOURCE, Unit

NEXT_DAY = "2026-11-22T09:00:00Z"
TWO_WAYS = '[[adapter]]\nkind = "manual"\nname = "Front desk"\n[[adapter]]\nkind = "manual"\nchannel = "fax"\n'
PROOF = b"%PDF-1.4 a screenshot"


def by_hand(unit: Unit) -> str:
    """A request to a provider with a portal, handed to a person."""
    (request,) = unit.preserve({"provider": "byhand"}, status=1, mla=REACHES)
    return request


def folder_of(unit: Unit, request: str, name: str = "send-1") -> Path:
    return unit.folder / "home" / "packets" / f"{request}-{name}"


def recorded(unit: Unit, line: str, proof: Path, **words: str) -> None:
    """Type a line that the steps say to type, its words in capitals replaced."""
    given = {"FILE": str(proof), "DAY": "2026-11-21", "REFERENCE": "R-1", "ITEM": "i1", "GROUND": "other"} | words
    typed = [given.get(word, word) for word in shlex.split(line)[1:]]
    result = unit(*typed, HOLDFAST_CLOCK=NEXT_DAY)
    assert result.exit_code == 0, (line, result.stderr)


def test_the_steps_are_shown_and_the_files_written_for_their_user_alone(unit: Unit) -> None:
    request = by_hand(unit)
    result = unit("packet", request)
    assert result.exit_code == 0, result.stderr
    folder = folder_of(unit, request)
    assert {"README.txt", "checklist.html", "identifiers.txt"} <= {path.name for path in folder.iterdir()}
    assert (folder / "identifiers.txt").read_text() == f"{CANARY}\n"
    assert (folder / "README.txt").read_text().strip() in result.stdout
    assert f"holdfast record sent {request} --proof FILE" in result.stdout
    assert CANARY not in result.stdout
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder.parent)] == ["0o700"] * 2
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_what_is_there_already_is_not_written_over_unless_told_to(unit: Unit) -> None:
    request = by_hand(unit)
    assert unit("packet", request).exit_code == 0
    (folder_of(unit, request) / "README.txt").write_text("my notes")
    again = unit("packet", request)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "has files in it already: nothing was written" in again.stderr
    assert (folder_of(unit, request) / "README.txt").read_text() == "my notes"
    assert unit("packet", request, "--force").exit_code == 0
    assert "WHAT TO DO" in (folder_of(unit, request) / "README.txt").read_text()


def test_a_link_laid_in_the_folder_is_not_followed(unit: Unit, tmp_path: Path) -> None:
    request, target, output = by_hand(unit), tmp_path / "elsewhere.txt", tmp_path / "out"
    target.write_text("mine")
    output.mkdir()
    (output / "identifiers.txt").symlink_to(target)
    assert unit("packet", request, "-o", str(output), "--force").exit_code == 0
    assert target.read_text() == "mine"
    assert not (output / "identifiers.txt").is_symlink()


def test_that_it_was_taken_out_is_recorded_once_for_each_time(unit: Unit) -> None:
    request = by_hand(unit)
    unit("packet", request)
    refused = unit("packet", request)
    assert refused.exit_code == 2
    digest = unit.json("packet", request, "--force")["sha256"]
    notes = [each for each in unit.json("show", request)["events"] if each["kind"] == "opened"]
    assert [each["body"]["packet_sha256"] for each in notes] == [digest] * 2
    assert "packet to send by portal opened, to say it by hand" in " ".join(unit("show", request).stdout.split())


def test_it_gives_the_very_packet_that_was_recorded(unit: Unit) -> None:
    request = by_hand(unit)
    (event,) = [each for each in unit.json("show", request)["events"] if each["kind"] == "unsupported"]
    taken = unit.json("packet", request)
    assert taken["recorded"]
    assert taken["sha256"] == event["body"]["packet_sha256"]
    assert not unit.json("packet", request, "--anew", "--force")["recorded"]


def test_json_has_the_files_the_steps_and_what_to_record(unit: Unit, tmp_path: Path) -> None:
    request = by_hand(unit)
    taken = unit.json("packet", request, "--output", str(tmp_path / "here"))
    assert (taken["request"], taken["action"], taken["sequence"], taken["ways"]) == (request, "send", 1, ["portal"])
    assert {path.name for path in (tmp_path / "here").iterdir()} == set(taken["files"])
    assert taken["record"][0] == f"holdfast record sent {request} --proof FILE"
    assert taken["link"] is None
    assert CANARY not in json.dumps(taken)


def test_several_ways_are_offered_best_first(unit: Unit) -> None:
    text = PROVIDER.format(id="twoways", notifies="false", source=SOURCE).partition("[adapter]")[0]
    (unit.folder / "config" / "providers" / "twoways.toml").write_text(text + TWO_WAYS)
    (request,) = unit.preserve({"provider": "twoways"}, status=1, mla=REACHES)
    first = unit("packet", request)
    assert "by portal (Front desk)" in first.stdout
    assert "If that way fails: fax (--way 2)" in first.stdout
    second = unit("packet", request, "--way", "2")
    assert "by fax" in second.stdout
    assert (folder_of(unit, request, "send-1-way-2") / "cover-sheet.html").exists()
    third = unit("packet", request, "--way", "3")
    assert (third.exit_code, third.stdout) == (2, "")
    assert "--way 3: there are 2 ways" in third.stderr


def test_every_line_that_the_steps_say_to_type_can_be_typed(unit: Unit, tmp_path: Path) -> None:
    request, proof = by_hand(unit), tmp_path / "receipt.pdf"
    proof.write_bytes(PROOF)
    lines = unit.json("packet", request)["record"]
    assert len(lines) == 6
    for line in lines:
        if " item-not-found " not in line and " refused " not in line:
            recorded(unit, line, proof, DAY="2027-02-18" if " preserved " in line else "2026-11-21")
    assert unit.json("show", request)["state"] == "in-force"
    lines = unit.json("packet", request, "--action", "extend")["record"]
    for line in lines:
        recorded(unit, line, proof, DAY="2027-05-19") if " refused " not in line else None
    unit("release", request, "--because", "The case was closed.", HOLDFAST_CLOCK=NEXT_DAY)
    for line in unit.json("packet", request, "--action", "release")["record"]:
        recorded(unit, line, proof)
    assert unit.json("show", request)["state"] == "released"


@pytest.mark.parametrize("which", ["item-not-found", "refused"])
def test_a_no_can_be_recorded_as_the_steps_say(unit: Unit, tmp_path: Path, which: str) -> None:
    request, proof = by_hand(unit), tmp_path / "receipt.pdf"
    proof.write_bytes(PROOF)
    lines = unit.json("packet", request)["record"]
    recorded(unit, lines[0], proof)
    (line,) = [each for each in lines if f" {which} " in each]
    recorded(unit, line, proof)
    assert unit.json("show", request)["state"] == {"item-not-found": "not-held", "refused": "refused"}[which]


def test_what_was_never_sent_has_no_packet_to_extend_it(unit: Unit) -> None:
    result = unit("packet", by_hand(unit), "--action", "extend")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "was never sent: there is nothing to extend" in result.stderr


@pytest.mark.parametrize("action", ["release", "announce", "clarify"])
def test_what_nobody_decided_has_no_packet(unit: Unit, action: str) -> None:
    result = unit("packet", by_hand(unit), "--action", action)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(r"nothing is to be said: first `holdfast (release|announce|answer) HF-", result.stderr)


def test_what_a_machine_sends_has_no_packet(unit: Unit) -> None:
    (request,) = unit.preserve({}, mla=REACHES)
    result = unit("packet", request)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "goes out by machine, so there is no packet" in result.stderr


def test_nothing_that_was_typed_or_shown_names_an_account(unit: Unit) -> None:
    request = by_hand(unit)
    for words in (("packet", request), ("packet", request, "--json", "--force"), ("show", request)):
        unit(*words)
    assert not [each for each in unit.seen if CANARY in each]


def test_a_folder_that_cannot_be_written_to_is_told(unit: Unit, tmp_path: Path) -> None:
    request, blocked = by_hand(unit), tmp_path / "a-file"
    blocked.write_text("x")
    result = unit("packet", request, "-o", str(blocked))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no folder: nothing was written" in result.stderr
    inside = unit("packet", request, "-o", str(blocked / "packet"))
    assert inside.exit_code == 2
    assert "cannot be written to" in inside.stderr


def in_force(unit: Unit) -> str:
    """A request that a person submitted, and the provider confirmed."""
    request = by_hand(unit)
    unit("record", "sent", request)
    unit("record", "preserved", request, "--on", "today")
    return request


def test_the_packet_is_the_message_that_a_person_was_last_asked_to_say(unit: Unit) -> None:
    """Whoever is told to extend, and is handed the first request again, asks for a second one."""
    request = in_force(unit)
    later = {"HOLDFAST_CLOCK": "2027-01-25T09:00:00Z"}
    told = unit("sweep", **later)
    assert f"holdfast packet {request} --action extend" in " ".join(told.stderr.split())
    taken = json.loads(unit("packet", request, "--json", **later).stdout)
    assert (taken["action"], taken["sequence"]) == ("extend", 1)
    released = unit("release", request, "--because", "The case was closed.", **later)
    assert f"holdfast packet {request} --action release" in released.stderr
    assert json.loads(unit("packet", request, "--json", **later).stdout)["action"] == "release"


def test_an_extension_that_the_law_does_not_know_has_neither_packet_nor_letter(unit: Unit, tmp_path: Path) -> None:
    request = in_force(unit)
    unit("record", "sent", request, "--action", "extend")
    unit("record", "extended", request)
    for words in (("packet", request, "--action", "extend"), ("letter", request, "--action", "extension")):
        result = unit(*words, "-o", str(tmp_path / "out"))
        assert (result.exit_code, result.stdout) == (2, "")
        assert "no further extension can be asked for: us.18usc2703f knows 1" in result.stderr
        assert f'snapshot_of = "{request}"' in result.stderr


def test_what_is_recorded_as_said_is_marked_so(unit: Unit) -> None:
    request = by_hand(unit)
    assert "RECORDED AS SAID" not in unit("packet", request).stdout
    unit("record", "sent", request)
    assert "RECORDED AS SAID ALREADY" in unit("packet", request, "--force").stdout
    assert unit.json("packet", request, "--force")["said"] is True


def test_a_folder_that_was_there_keeps_its_mode(unit: Unit, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    assert unit("packet", by_hand(unit), "-o", str(shared)).exit_code == 0
    assert oct(shared.stat().st_mode & 0o777) == "0o755"
    assert {oct(path.stat().st_mode & 0o777) for path in shared.iterdir()} == {"0o600"}


def test_a_packet_that_cannot_be_written_whole_leaves_no_half_of_itself(unit: Unit, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "checklist.html").mkdir(parents=True)
    result = unit("packet", by_hand(unit), "-o", str(output), "--force")
    assert result.exit_code == 2
    assert "nothing of it is left there" in result.stderr
    assert [path.name for path in output.iterdir()] == ["checklist.html"]


def test_a_new_question_is_not_answered_with_the_last_answer(unit: Unit) -> None:
    request = in_force(unit)
    unit("record", "clarification", request)
    unit("answer", request, "--text", "Both accounts.")
    unit("record", "clarification-answered", request)
    unit("record", "clarification", request, HOLDFAST_CLOCK=NEXT_DAY)
    result = unit("packet", request, "--action", "clarify", HOLDFAST_CLOCK=NEXT_DAY)
    assert result.exit_code == 2
    assert f"first `holdfast answer {request} --text TEXT`" in result.stderr
