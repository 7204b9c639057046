"""`announce`, `answer`, and what `record` keeps beside the words: a channel, an action, a proof."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from desk_support import CANARY, Unit

EU = {"provider": "sandbox-portal", "instrument": "eu.epocpr", "validated_by": "Public prosecutor"}
FRANCE = {"country": "FR", "mla": {"requested_state": "IE", "send_on": "2026-12-01"}}


@pytest.fixture
def european(unit: Unit) -> str:
    """A European order that a person submitted at a portal."""
    (request,) = unit.preserve(EU, **FRANCE)
    unit("record", "sent", request)
    unit("record", "preserved", request, "--reference", "SP-1", "--on", "today")
    return request


def test_an_announcement_that_no_machine_can_make_waits_for_a_person(unit: Unit, european: str) -> None:
    result = unit("announce", european, "--reference", "EPOC/2026/77")
    assert result.exit_code == 1
    assert f"holdfast record production-announced {european} --on today" in result.stderr
    assert unit.json("show", european)["state"] == "in-force", "asking is not announcing"
    unit("record", "production-announced", european, "--on", "today", "--reference", "EPOC/2026/77")
    assert unit.json("show", european)["state"] == "open-ended"
    again = unit("announce", european)
    assert (again.exit_code, "already" in again.stderr) == (2, True)


def test_an_instrument_without_announcements_is_told(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "sandbox-portal"})
    unit("record", "sent", request)
    result = unit("announce", request)
    assert result.exit_code == 2
    assert "us.18usc2703f knows no announcement" in result.stderr


def test_an_answer_that_no_machine_can_give_waits_for_a_person(unit: Unit, european: str) -> None:
    nothing = unit("answer", european, "--text", "Both accounts.")
    assert (nothing.exit_code, "asks nothing" in nothing.stderr) == (2, True)
    unit("record", "clarification", european)
    result = unit("answer", european, "--text", f"{CANARY} is meant.")
    assert result.exit_code == 1
    assert f"holdfast record clarification-answered {european}" in result.stderr
    shown = unit.json("show", european)
    assert "clarification" in [each["kind"] for each in shown["clocks"]], "it runs until the answer has left"
    unit("record", "clarification-answered", european)
    assert "clarification" not in [each["kind"] for each in unit.json("show", european)["clocks"]]


def test_the_packet_of_an_announcement_has_its_letter(unit: Unit, european: str, tmp_path: Path) -> None:
    unit("announce", european, "--reference", "EPOC/2026/77")
    result = unit("packet", european, "--action", "announce", "-o", str(tmp_path / "packet"))
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "packet" / "letter.pdf").read_bytes().startswith(b"%PDF")


def test_an_extension_that_a_person_sent_is_recorded_as_one(unit: Unit, european: str) -> None:
    """`--action extend` names the act: recorded as the first sending it would move every clock."""
    before = unit.json("show", european)
    assert unit("record", "sent", european, "--action", "extend").exit_code == 0
    after = unit.json("show", european)
    (sent,) = [each for each in after["events"] if each["kind"] == "sent" and each["body"]["action"] == "extend"]
    assert sent["body"]["sequence"] == 1
    assert after["state"] == before["state"]


def test_a_proof_is_kept_with_its_digest_and_told_in_the_history(unit: Unit, tmp_path: Path) -> None:
    (request,) = unit.preserve({"provider": "sandbox-portal"})
    receipt = tmp_path / "receipt.png"
    receipt.write_bytes(b"\x89PNG what the portal showed")
    words = ("--proof", str(receipt), "--channel", "fax", "--to", "+1-555-0142, legal desk")
    assert unit("record", "sent", request, *words).exit_code == 0
    digest = hashlib.sha256(receipt.read_bytes()).hexdigest()
    (sent,) = [each["body"] for each in unit.json("show", request)["events"] if each["kind"] == "sent"]
    assert (sent["proof_sha256"], sent["channel"], sent["recipient"]) == (digest, "fax", "+1-555-0142, legal desk")
    (transmission,) = unit.json("show", request)["transmissions"]
    assert (transmission["recipient"], transmission["proof_sha256"]) == ("+1-555-0142, legal desk", digest)
    assert f"its proof is kept (SHA-256 {digest[:12]}…)" in " ".join(unit("show", request).stdout.split())


@pytest.mark.parametrize(("content", "wrong"), [(None, "No such file"), (b"", "the file is empty")])
def test_a_proof_that_cannot_be_read_enters_nothing(
    unit: Unit, tmp_path: Path, content: bytes | None, wrong: str
) -> None:
    (request,) = unit.preserve({"provider": "sandbox-portal"})
    path = tmp_path / "receipt.png"
    if content is not None:
        path.write_bytes(content)
    before = len(unit.json("show", request)["events"])
    result = unit("record", "sent", request, "--proof", str(path))
    assert (result.exit_code, wrong in result.stderr) == (2, True)
    assert len(unit.json("show", request)["events"]) == before


def test_a_release_that_a_person_must_tell_is_never_said_to_be_told_by_a_sweep(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "byhand"})
    unit("record", "sent", request)
    for _ in range(2):
        result = unit("release", request, "--because", "not needed")
        assert result.exit_code == 1, result.stderr
        assert f"holdfast record released {request}" in result.stderr
        assert "sweep" not in result.stderr
    assert unit("record", "released", request).exit_code == 0


def test_what_an_entry_sets_off_is_said_with_it(unit: Unit, european: str) -> None:
    result = unit("record", "produced", european)
    assert result.exit_code == 0
    assert f"or only a part was produced: record `preserved` for {european} at once" in result.stdout
    (row,) = unit.json("record", "preserved", european)
    assert (row["state"], row["warnings"]) == ("in-force", [])
