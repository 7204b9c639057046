"""`holdfast draft`: registered and sealed here, sent by somebody's go-ahead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from desk_support import CANARY, REACHES, Unit

from flows.drafts import send_draft
from flows.office import office
from flows.replying import ReplyError
from flows.settings import load


def drafted(unit: Unit, *requests: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = unit.json("draft", unit.case(*requests, mla=REACHES), "--sandbox", "--yes")
    return document


def test_a_draft_is_registered_and_nothing_leaves(unit: Unit) -> None:
    said = unit("draft", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert said.exit_code == 0, said.stderr
    assert "a draft, not sent" in said.stdout
    (row,) = unit.json("board")
    assert row["state"] == "registered"
    assert f"holdfast draft --send {row['request']}" in said.stdout
    assert CANARY not in said.stdout + said.stderr
    assert "a draft: send it" in unit("board").stdout
    assert unit("sweep").exit_code == 0
    assert unit.json("board")[0]["state"] == "registered", "a sweep sends no draft"


def test_all_requests_that_were_drafted_together_go_out_by_the_id_of_one(unit: Unit) -> None:
    other = {"identifiers": [{"type": "email", "value": f"other.{CANARY}"}]}
    document = drafted(unit, {}, other)
    first, second = (row["request"] for row in document["requests"])
    assert document["draft"] == first
    sent = unit.json("draft", "--send", second, "--by", "Duty officer")
    assert [(row["request"], row["state"]) for row in sent["requests"]] == [(first, "in-force"), (second, "in-force")]
    kinds = [event["kind"] for event in unit.json("show", first)["events"]]
    assert kinds.index("drafted") < kinds.index("go-ahead") < kinds.index("intent")


def test_what_a_person_submits_by_hand_waits_for_a_person_and_is_not_to_be_tried_again(unit: Unit) -> None:
    request = drafted(unit, {"provider": "sandbox-portal"})["draft"]
    sent = unit("draft", "--send", request, "--by", "Duty officer")
    assert sent.exit_code == 1
    assert "by hand: " in sent.stdout
    assert f"holdfast: needs a person: {request}" in sent.stderr
    assert "next sweep" not in sent.stderr
    swept = unit("sweep", "--json", HOLDFAST_CLOCK="2026-11-22T09:00:00Z")
    assert swept.exit_code == 1
    assert json.loads(swept.stdout)["failures"] == []


def test_who_sends_it_a_second_time_is_told_who_did_and_when(unit: Unit) -> None:
    request = drafted(unit)["draft"]
    assert unit("draft", "--send", request, "--by", "Duty officer").exit_code == 0
    events = unit.json("show", request)["events"]
    again = unit("draft", "--send", request)
    assert again.exit_code == 2
    assert "Duty officer gave the go-ahead already, on 21 Nov 2026 at 09:00 UTC" in again.stderr
    assert unit.json("show", request)["events"] == events, "nothing was entered"


def test_a_run_that_broke_off_goes_on_with_what_it_let_go_itself(unit: Unit) -> None:
    request = drafted(unit)["draft"]
    with office(load(unit.environ)) as opened:
        assert send_draft(opened, request, "clerk", run="one") == [request]
        assert send_draft(opened, request, "clerk", run="one") == [request]
        with pytest.raises(ReplyError, match="clerk gave the go-ahead already"):
            send_draft(opened, request, "clerk", run="another")
        assert [event.kind for event in opened.ledger.events(request)].count("go-ahead") == 1


def test_a_draft_is_withdrawn_by_releasing_it(unit: Unit) -> None:
    request = drafted(unit)["draft"]
    assert unit("release", request, "--because", "not needed").exit_code == 0
    refused = unit("draft", "--send", request)
    assert refused.exit_code == 2
    assert "there is nothing to send any more" in refused.stderr


def test_what_was_never_a_draft_is_not_let_go_a_second_time(unit: Unit) -> None:
    (request,) = unit.preserve(mla=REACHES)
    refused = unit("draft", "--send", request)
    assert refused.exit_code == 2
    assert f"{request} is no draft" in refused.stderr


def test_a_draft_that_nobody_sends_is_told_to_people(unit: Unit) -> None:
    request = drafted(unit)["draft"]
    told = unit("sweep", HOLDFAST_CLOCK="2026-11-22T09:00:00Z")
    assert told.exit_code == 1
    assert f"needs a person: {request}" in told.stderr


def test_either_a_case_or_a_draft_to_send_is_wanted(unit: Unit) -> None:
    assert "give a case file to draft, or --send" in unit("draft").stderr
    assert unit("draft", unit.case(), "--send", "HF-XXXXXXXXXXXX").exit_code == 2
