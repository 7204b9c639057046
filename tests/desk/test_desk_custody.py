"""Erasing, keys, and what takes two people, at the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from desk_support import CANARY, REACHES, Unit

from flows import asking, erasing, intake
from flows.office import Office, open_catalogue, open_office
from flows.settings import load

CASE = "CY-2026-0412"
WHY = ("--because", "retention period over")


def as_somebody_else(unit: Unit, work: Callable[[Office], Any]) -> Any:
    """Another user of the operating system did this before."""
    settings = replace(load(unit.environ), user="desk2", actor="desk2 (Head of unit)")
    office = open_office(settings, create=True, sandbox=True)
    try:
        return work(office)
    finally:
        office.close()


def two_people(unit: Unit) -> None:
    eyes = "[four_eyes]\nemergency = true\nrelease = true\nerase = true\n"
    (unit.folder / "config" / "policy.toml").write_text(eyes)


def released(unit: Unit) -> str:
    (request,) = unit.preserve(mla=REACHES)
    assert unit("release", request, "--because", "not needed").exit_code == 0
    return request


def test_an_erased_case_says_so_wherever_it_would_be_opened(unit: Unit) -> None:
    request = released(unit)
    unit("record", "note", request, "--text", "They call back on Monday.")
    said = unit.json("erase", CASE, *WHY, "--yes")
    assert said == {
        "case": CASE,
        "requests": [request],
        "erased": True,
        "waits": False,
        "open": [],
        "files": [],
    }
    page = " ".join(unit("show", request).stdout.split())
    assert "the case was ERASED: retention period over" in page
    assert "erased its case, at 21 Nov 2026 09:00 UTC by" in page
    assert unit.json("show", request)["erased"]["because"] == "retention period over"
    for words in (
        ("packet", request),
        ("letter", request, "--draft"),
        ("show", request, "--remarks"),
        ("follow", request, "--provider", "byhand", "--identifier", "email=b@example.com", "-o", "further.toml"),
        ("record", "note", request, "--text", "They call back."),
    ):
        result = unit(*words)
        assert result.exit_code == 2, (words, result.stderr)
        assert f"{request}: its case was erased on 21 Nov 2026 by" in result.stderr
    for words in (("verify",), ("board",), ("sweep",), ("keys", "check"), ("show", request, "--json")):
        assert unit(*words).exit_code == 0, words
    again = unit("erase", CASE, *WHY, "--yes")
    assert again.exit_code == 0, "it may be repeated"
    assert not any(CANARY in each for each in unit.seen)


def test_what_an_erased_case_leaves_to_a_person_is_said_as_long_as_it_is_left(unit: Unit) -> None:
    (request,) = unit.preserve(mla=REACHES)
    for words in (("erase", CASE, *WHY, "--yes", "--open-too"), ("erase", CASE, *WHY, "--yes")):
        result = unit(*words)
        assert result.exit_code == 1, result.stderr
        assert f"{request}: the provider may still keep the data" in result.stderr
    assert f"Case {CASE} was erased on 21 Nov 2026 09:00 UTC already" in result.stdout
    unit("sweep")
    unit("record", "escalation-acknowledged", request)
    assert unit("erase", CASE, *WHY, "--yes").exit_code == 0, "somebody has taken it up"


def test_a_next_key_that_was_cut_off_on_its_way_stops_nothing_and_is_told(unit: Unit) -> None:
    unit.preserve(mla=REACHES)
    assert unit("keys", "rotate", "--prepare").exit_code == 0
    waiting = unit.folder / "home" / "master.key.new"
    waiting.write_bytes(waiting.read_bytes()[:10])
    for words in (("board",), ("sweep",), ("verify",)):
        assert unit(*words).exit_code != 3, words
    told = unit("keys", "check")
    assert (told.exit_code, "copy it again, or delete it" in told.stderr) == (1, True), told.stderr
    assert unit("keys", "rotate").exit_code == 3
    waiting.unlink()
    assert unit("keys", "rotate").exit_code == 0


def test_nothing_is_erased_while_a_request_is_open_or_without_a_yes(unit: Unit) -> None:
    (request,) = unit.preserve(mla=REACHES)
    unasked = unit("erase", CASE, *WHY)
    assert unasked.exit_code == 2
    assert "--yes erases without a terminal" in unasked.stderr
    refused = unit("erase", CASE, *WHY, "--yes")
    assert refused.exit_code == 2
    assert f"{request} (in-force): `holdfast release {request} --because TEXT`" in refused.stderr
    named = unit("erase", CASE, "--because", f"asked by {CANARY}", "--yes", "--open-too")
    assert named.exit_code == 2
    assert CANARY not in named.stderr
    assert unit.json("show", request)["erased"] is None
    assert unit("erase", "CY-0", *WHY, "--yes").exit_code == 2
    done = unit("erase", CASE, *WHY, "--yes", "--open-too")
    assert done.exit_code == 1
    assert f"{request}: the provider may still keep the data" in done.stderr
    assert unit("sweep").exit_code == 1
    assert "tell it that the hold may end" in " ".join(unit("show", request).stdout.split())


def test_packets_that_were_taken_out_are_named(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "byhand"}, mla=REACHES)
    folder = unit.json("packet", request)["folder"]
    done = unit("erase", CASE, *WHY, "--yes", "--open-too")
    assert done.exit_code == 1
    assert f"{folder}: a packet that was taken out, which names accounts: delete it" in done.stderr


def test_the_key_is_shown_by_its_id_alone_checked_and_changed(unit: Unit) -> None:
    request = released(unit)
    path = unit.folder / "home" / "master.key"
    secret = path.read_text().strip()
    before = unit.json("keys", "show")
    assert (before["from"], before["cases"], before["changed"]) == (str(path), 1, [])
    waits = unit.json("keys", "rotate", "--prepare")
    assert waits == {"key": before["key"], "waiting": str(path.with_name("master.key.new"))}
    assert unit("keys", "check").exit_code == 1, "a key waits"
    changed = unit.json("keys", "rotate")
    assert (changed["before"], changed["cases"]) == (before["key"], 1)
    after = unit.json("keys", "show", status=0)
    assert after["key"] == changed["key"] != before["key"]
    (change,) = after["changed"]
    assert (change["from"], change["to"], change["at"][:16]) == (before["key"], after["key"], "2026-11-21T09:00")
    assert unit.json("keys", "check")["findings"] == []
    assert path.read_text().strip() != secret
    text = unit("keys", "show").stdout
    assert f"An older key lies in {path}.old-{before['key'][:8]}" in text
    assert "not needed" in unit("show", request, "--remarks").stdout, "what was sealed before opens"
    assert unit("verify").exit_code == 0
    more = unit.case({"identifiers": [{"type": "email", "value": "b@example.com"}]}, mla=REACHES)
    assert unit("preserve", more, "--yes").exit_code == 0
    assert not any(text in each for each in unit.seen for text in (secret, path.read_text().strip()))


def test_a_wrong_key_is_told(unit: Unit) -> None:
    released(unit)
    result = unit("keys", "show", HOLDFAST_MASTER_KEY="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    assert result.exit_code == 3
    assert "this is not the ledger's master key" in result.stderr


def test_an_emergency_waits_for_a_second_person_and_who_asked_is_refused(unit: Unit) -> None:
    two_people(unit)
    case = unit.case({"urgency": "emergency", "emergency_reason": "danger to life"}, mla=REACHES)
    result = unit("preserve", case, "--sandbox", "--yes")
    assert result.exit_code == 1
    (row,) = unit.json("board")
    request = row["request"]
    assert f"holdfast approve {request} --what send" in result.stderr
    assert row["next"]["because"].startswith("waits for a second person")
    assert "second person" in unit("board").stdout
    assert "waits" in unit("show", request).stdout
    refused = unit("approve", request, "--yes")
    assert refused.exit_code == 2
    assert "another user of this system must approve it" in refused.stderr
    packet = unit("packet", request)
    assert packet.exit_code == 2
    rejected = unit.json("reject", request, "--because", "a mistake")
    assert rejected == {"request": request, "rejected": "send", "state": "released"}
    assert unit.json("board") == []


def test_what_another_person_asked_for_is_shown_approved_and_done(unit: Unit) -> None:
    two_people(unit)

    def enter(office: Office) -> str:
        path = unit.folder / unit.case({"urgency": "emergency", "emergency_reason": "danger to life"}, mla=REACHES)
        read, drafts, _ = intake.read(path, open_catalogue(office.settings), at=office.now())
        return intake.register(office, read, drafts)[0]

    request = as_somebody_else(unit, enter)
    unread = unit("approve", request)
    assert unread.exit_code == 2
    assert "not approved" in unread.stderr
    sent = unit("approve", request, "--yes", "--json")
    assert sent.exit_code == 0, sent.stderr
    assert json.loads(sent.stdout)["confirmed"]
    assert "asked for:  the sending, by desk2 (Head of unit)" in sent.stderr
    assert "because:    danger to life" in sent.stderr
    as_somebody_else(unit, lambda office: asking.release(office, request, because="not needed"))
    gone = unit("approve", request, "--what", "release", "--yes")
    assert gone.exit_code == 0, gone.stderr
    assert "because:    not needed" in gone.stderr
    as_somebody_else(unit, lambda office: erasing.erase(office, CASE, because="retention period over"))
    assert unit.json("show", request)["waits"][0]["about"] == "erase"
    erased = unit("approve", request, "--yes")
    assert erased.exit_code == 0, erased.stderr
    events = unit.json("show", request)["events"]
    assert [each["kind"] for each in events if each["kind"] in {"approved", "rejected"}] == ["approved"] * 3
    for approved in (each for each in events if each["kind"] == "approved"):
        assert approved["actor"] != approved["body"]["asked_by"] == "desk2 (Head of unit)"
    opened = [each["body"]["duty"] for each in events if each["kind"] == "opened"]
    assert set(opened) == {"to decide whether to approve it"}


def test_a_release_waits_at_the_terminal_too(unit: Unit) -> None:
    (request,) = unit.preserve(mla=REACHES)
    two_people(unit)
    result = unit("release", request, "--because", "not needed")
    assert result.exit_code == 1
    assert f"holdfast approve {request} --what release" in result.stderr
    assert unit.json("show", request)["state"] == "in-force"
    erase = unit("erase", CASE, *WHY, "--yes", "--open-too")
    assert erase.exit_code == 1
    assert "nothing is erased yet" in erase.stderr
    several = unit("reject", request, "--because", "x")
    assert several.exit_code == 2
    assert "several things wait: --what release or --what erase" in several.stderr


@pytest.mark.parametrize("words", [("approve",), ("reject", "--because", "x")])
def test_nothing_waits(unit: Unit, words: tuple[str, ...]) -> None:
    (request,) = unit.preserve(mla=REACHES)
    result = unit(words[0], request, *words[1:])
    assert result.exit_code == 2
    assert "nothing waits for a second person" in result.stderr
