"""board, show, sweep, record, release, verify, watch --check: following what was sent."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from desk_support import REACHES, Unit

from providers.sandbox import serve

ROW = {"request", "case", "provider", "instrument", "state", "next", "strict_on", "gap_days_p90", "level"}
NEXT = {"action", "at", "because"}
LATER = "2027-01-21T09:00:00Z"


@pytest.fixture
def request_id(unit: Unit) -> str:
    (made,) = unit.preserve(mla=REACHES, status=0)
    return made


def at(moment: str) -> dict[str, Any]:
    return {"HOLDFAST_CLOCK": moment}


# ---- board


def test_an_empty_board_says_so(unit: Unit, request_id: str) -> None:
    assert unit("release", request_id, "--because", "closed").exit_code == 0
    assert unit("board").stdout == "No request is open.\n"
    assert unit.json("board") == []


def test_the_board_has_a_line_for_each_request_by_what_is_due_next(unit: Unit) -> None:
    ids = unit.preserve({}, {"provider": "byhand"}, mla=REACHES)
    rows = unit.json("board")
    assert {row["request"] for row in rows} == set(ids)
    assert all(set(row) == ROW and set(row["next"]) == NEXT for row in rows)
    assert [row["next"]["at"] for row in rows] == sorted(row["next"]["at"] for row in rows)
    lines = unit("board").stdout.splitlines()
    first, second = (next(line for line in lines if request in line) for request in ids)
    assert first.split()[:2] == ["in", "24"]
    assert first.split()[-2:] == ["kept", "2027-02-18"]
    assert second.lstrip().startswith("▲")


def test_what_is_late_says_how_late(unit: Unit, request_id: str) -> None:
    text = unit("board", "--at", "2026-11-25T09:00:00Z").stdout
    assert "overdue 3 d" in text
    assert "1 overdue" in text


@pytest.mark.parametrize("columns", [60, 80, 95])
def test_a_narrow_board_breaks_no_word(unit: Unit, columns: int) -> None:
    ids = unit.preserve({}, {"provider": "byhand"}, mla=REACHES)
    lines = unit("board", COLUMNS=str(columns)).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for request, provider, state in zip(ids, ("sandbox", "byhand"), ("kept", "not sent"), strict=True):
        (first,) = [number for number, line in enumerate(lines) if request in line]
        assert lines[first].endswith(state)
        assert lines[first + 1].endswith(f", {provider}, CY-2026-0412")
        assert lines[first + 2].strip().startswith("ENDS ")


def test_what_a_person_must_send_is_called_so_and_not_an_alarm(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "byhand"}, mla=REACHES)
    assert "send it by hand, else tell a person" in " ".join(unit("board", COLUMNS="60").stdout.split())
    assert "next       send it by hand, else tell a person, in " in unit("show", request).stdout
    again = unit("preserve", unit.case({"provider": "byhand"}, mla=REACHES), "--sandbox", "--yes", "--again")
    assert "next: send it by hand, else tell a person, in 12 h" in again.stdout
    assert "next: tell a person" not in again.stdout


def test_a_day_of_the_providers_that_does_not_count_is_said(unit: Unit, request_id: str) -> None:
    """18 USC 2703(f)(2): 90 days; the provider may say more, and nobody may rely on it."""
    entered = unit("record", "preserved", request_id, "--until", "2027-06-06").stdout
    assert "the provider says until 6 Jun 2027: not relied upon, by law it is 18 Feb 2027 (strict)" in entered
    shown = " ".join(unit("show", request_id).stdout.split())
    assert "the provider says it keeps until Sun 6 Jun 2027: later than the law's last day, not relied upon" in shown
    assert "not relied upon" not in unit("record", "preserved", request_id, "--until", "2027-02-01").stdout


def test_a_long_board_is_cut_and_says_so(unit: Unit) -> None:
    many = [
        {"identifiers": [{"type": "email", "value": f"a{n}@example.com"}], "provider": "byhand"} for n in range(101)
    ]
    unit.preserve(*many, mla=REACHES)
    assert "and 1 more: --all shows all" in unit("board").stdout
    assert unit("board", "--all").stdout.count("HF-") == 101
    assert len(unit.json("board")) == 101


# ---- show


def test_the_record_has_the_promised_keys(unit: Unit, request_id: str) -> None:
    record = unit.json("show", request_id)
    plan = {"provider", "instrument", "identifiers", "problems", "chain", "clocks", "coverage", "last_safe", "lost"}
    own = {"request", "state", "items", "events", "transmissions", "next"}
    assert set(record) == plan | own | {"case", "references", "escalations", "level", "waits", "erased"}
    assert set(record["events"][0]) == {"seq", "kind", "at", "recorded_at", "actor", "body"}
    assert set(record["items"][0]) == {"item", "type", "outcome", "reference", "held_until"}
    assert set(record["next"]) == NEXT
    (transmission,) = record["transmissions"]
    assert len(transmission["sent_sha256"]) == 64
    assert [event["kind"] for event in record["events"]][:3] == ["registered", "intent", "sent"]


def test_the_page_says_how_it_stands_and_what_happened(unit: Unit, request_id: str) -> None:
    text = unit("show", request_id).stdout
    assert "data kept until 18 Feb 2027" in text
    assert "confirmed to 18 Feb 2027" in text
    assert "Items, as last heard: 1 preserved" in text
    assert "NOT SENT" not in text
    assert "registered with 1 identifier" in text
    assert "SHA-256" in text


def test_what_was_never_sent_is_not_shown_as_held(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "byhand"}, mla=REACHES)
    text = unit("show", request).stdout
    assert "NOT SENT: nothing is held yet. As if it were sent now:" in text
    assert "confirmed to" not in text


def test_a_lapse_is_said_plainly(unit: Unit, request_id: str) -> None:
    with serve(faults={"unavailable": 1.0}, retry_after=3600) as down:
        unit.environ |= {"HOLDFAST_SANDBOX_URL": down.url} | at("2027-02-20T09:00:00Z")
        swept = unit("sweep")
    assert "LAPSED: the strict end Thu 18 Feb 2027 has passed with nothing in its place" in swept.stdout
    assert "LAPSED: nothing known to be kept" in unit("show", request_id).stdout


def test_a_sloppily_typed_id_is_found(unit: Unit, request_id: str) -> None:
    sloppy = request_id.lower().replace("-", " ")
    assert unit.json("show", sloppy)["request"] == request_id


def test_a_mistyped_or_unknown_id_is_wrong_input(unit: Unit, request_id: str) -> None:
    last = "0" if request_id[-1] != "0" else "1"
    mistyped = unit("show", request_id[:-1] + last)
    assert mistyped.exit_code == 2
    assert "check character" in mistyped.stderr
    unknown = unit("show", "HF-000000000000")
    assert unknown.exit_code == 2
    assert "there is no request HF-000000000000" in unknown.stderr


def test_many_items_are_counted_and_those_that_went_wrong_come_first(unit: Unit) -> None:
    with serve(faults={"no-account": 0.1}, seed=3) as played:
        unit.environ["HOLDFAST_SANDBOX_URL"] = played.url
        accounts = [{"type": "username", "value": f"account_{n}"} for n in range(30)]
        (request,) = unit.preserve({"identifiers": accounts}, mla=REACHES)
    items = unit.json("show", request)["items"]
    gone = sum(item["outcome"] == "not-found" for item in items)
    assert 0 < gone < 20
    text = unit("show", request).stdout
    assert f"{30 - gone} preserved, {gone} no such account" in text
    listed = text[text.index("Items, ") : text.index("History")].splitlines()
    assert "no such account" in listed[1]
    assert any("and 10 more: --all lists them" in line for line in listed)
    assert "more: --all" not in unit("show", request, "--all").stdout


def test_data_that_are_held_are_not_shown_as_being_lost(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "sandbox-mail"}, mla=REACHES)
    then = unit.json("show", request)["lost"]
    assert unit.json("show", request, "--at", "2027-02-01T00:00:00Z")["lost"] == then


# ---- sweep


def test_a_sweep_with_nothing_due_says_so(unit: Unit, request_id: str) -> None:
    result = unit("sweep")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Nothing is due.\n", "")


def test_a_sweep_tells_each_decision_its_reason_and_what_became_of_it(unit: Unit, request_id: str) -> None:
    unit.environ |= at(LATER)
    result = unit("sweep")
    assert result.exit_code == 0, result.stderr
    assert f"{request_id}  sandbox  extend: data kept" in result.stdout
    assert "because extension 1 of 90 days" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 request due, ")


def test_the_document_of_a_sweep(unit: Unit, request_id: str) -> None:
    unit.environ |= at(LATER)
    document = unit.json("sweep")
    assert set(document) == {"at", "looked_at", "done", "failures"}
    done = {"request", "provider", "action", "because", "result", "failed", "person"}
    assert document["done"]
    assert all(set(each) == done for each in document["done"])
    assert "extend" in [each["action"] for each in document["done"]]


def test_a_sweep_ends_with_three_when_a_provider_is_down(unit: Unit, request_id: str) -> None:
    with serve(faults={"unavailable": 1.0}, retry_after=3600) as down:
        unit.environ |= {"HOLDFAST_SANDBOX_URL": down.url} | at("2026-11-22T10:00:00Z")
        result = unit("sweep")
    assert result.exit_code == 3, result.stdout
    assert "the next sweep tries again" in result.stderr
    assert f"  {request_id}: " in result.stderr


def test_a_sweep_ends_with_one_when_somebody_was_told(unit: Unit, request_id: str) -> None:
    with serve(faults={"unavailable": 1.0}, retry_after=3600) as down:
        unit.environ |= {"HOLDFAST_SANDBOX_URL": down.url} | at("2027-06-30T09:00:00Z")
        result = unit("sweep")
    assert result.exit_code == 1
    assert f"needs a person: {request_id}" in result.stderr


def test_a_prefect_that_is_not_there_keeps_nothing_from_being_done(unit: Unit) -> None:
    unit.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    sent = unit("preserve", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert sent.exit_code == 0
    assert "not recorded in Prefect: Prefect at 127.0.0.1:9 cannot be reached" in sent.stdout
    swept = unit("sweep")
    assert swept.exit_code == 0
    assert "not recorded in Prefect" in swept.stderr


# ---- record


def test_an_entry_says_what_it_moved_and_what_is_next(unit: Unit, request_id: str) -> None:
    result = unit("record", "acknowledged", request_id, "--on", "yesterday", "--reference", "2026-118")
    assert result.exit_code == 0
    assert "the hold ends (strict): 18 Feb 2027 → 17 Feb 2027" in result.stdout
    assert "next: " in result.stdout
    assert "2026-118" in unit.json("show", request_id)["references"]


def test_the_document_of_an_entry(unit: Unit, request_id: str) -> None:
    (entry,) = unit.json("record", "mla-received", request_id, "--on", "today")
    assert set(entry) == {"request", "kind", "state", "strict_on_before", "strict_on", "warnings", "next"}
    assert (entry["state"], entry["strict_on_before"]) == ("in-force", "2027-02-18")


def test_an_unknown_kind_lists_all_kinds(unit: Unit, request_id: str) -> None:
    for words in (["record"], ["record", "acknowleged", request_id]):
        result = unit(*words)
        assert result.exit_code == 2
        assert "acknowledged            the provider says that it has the request" in result.stderr
        assert "escalation-acknowledged" in result.stderr
    assert "--ground" in unit("record", "--help").stdout


def test_several_requests_are_entered_together_or_not_at_all(unit: Unit) -> None:
    first, second = unit.preserve({}, {"provider": "byhand"}, mla=REACHES)
    refused = unit("record", "extended", first, second, "--until", "2027-05-19")
    assert refused.exit_code == 2, "the second was never sent"
    assert "extended" not in [event["kind"] for event in unit.json("show", first)["events"]]
    entered = unit.json("record", "note", first, second, first, "--text", "They call back on Monday.")
    assert [each["request"] for each in entered] == [first, second]
    assert "They call back on Monday." not in unit("show", second).stdout + unit("show", second, "--json").stdout
    assert "“They call back on Monday.”" in unit("show", second, "--remarks").stdout
    assert [each["kind"] for each in unit.json("show", second)["events"]][-1] == "opened"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["refused"], "refused needs --ground"),
        (["refused", "--ground", "because"], "unknown ground"),
        (["mla-sent", "--on", "2027-03-01"], "lies in the future"),
        (["mla-sent", "--on", "soon"], "expected a day"),
        (["acknowledged", "--action", "extend"], "takes no --action"),
        (["note", "--item", "i1", "--text", "x"], "takes no --item"),
        (["item-not-found", "--item", "i9"], "no such item"),
        (["sent", "--at", "2026-11-21"], "expected an instant"),
        (["escalation-acknowledged"], "nothing was escalated"),
    ],
)
def test_an_entry_that_cannot_be_true_is_refused(unit: Unit, request_id: str, words: list[str], what: str) -> None:
    before = unit.json("show", request_id)["events"]
    result = unit("record", words[0], request_id, *words[1:])
    assert result.exit_code == 2
    assert what in result.stderr
    assert unit.json("show", request_id)["events"] == before


def test_which_request_is_asked_for(unit: Unit) -> None:
    result = unit("record", "note", "--text", "x")
    assert result.exit_code == 2
    assert "which request?" in result.stderr


# ---- release


def test_a_release_is_told_to_the_provider_at_once(unit: Unit, request_id: str) -> None:
    result = unit("release", request_id, "--because", "case closed")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{request_id}  released: the provider confirms it.\n"
    again = unit("release", request_id, "--because", "case closed")
    assert again.exit_code == 2
    assert "already" in again.stderr


def test_the_document_of_a_release(unit: Unit, request_id: str) -> None:
    document = unit.json("release", request_id, "--because", "case closed")
    assert set(document) == {"request", "state", "confirmed", "result"}
    assert (document["state"], document["confirmed"]) == ("released", True)


def test_a_release_that_a_person_must_tell_says_what_to_type(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "byhand"}, mla=REACHES)
    assert unit("record", "sent", request).exit_code == 0
    result = unit("release", request, "--because", "case closed")
    assert result.exit_code == 1
    assert f"holdfast record released {request}" in result.stderr
    assert unit("record", "released", request).exit_code == 0
    assert unit.json("board") == []


def test_a_release_that_cannot_be_told_now_is_not_lost(unit: Unit, request_id: str) -> None:
    with serve(faults={"unavailable": 1.0}, retry_after=3600) as down:
        unit.environ["HOLDFAST_SANDBOX_URL"] = down.url
        result = unit("release", request_id, "--because", "case closed")
    assert result.exit_code == 3
    assert "recorded" in result.stderr
    (row,) = unit.json("board")
    assert row["next"]["action"] == "release"


def test_a_release_needs_a_reason(unit: Unit, request_id: str) -> None:
    assert unit("release", request_id).exit_code == 2
    assert unit("release", request_id, "--because", " ").exit_code == 2


# ---- verify


def test_an_untouched_ledger_fits(unit: Unit, request_id: str) -> None:
    result = unit("verify")
    assert result.exit_code == 0
    assert "Everything fits: 5 events of 1 request" in result.stdout
    document = unit.json("verify")
    assert set(document) == {"fits", "events", "requests", "head", "index_current", "findings", "heads"}
    assert document["fits"] is True
    assert document["findings"] == []
    assert document["head"] in result.stdout


def test_before_the_first_sweep_nothing_is_said_to_have_changed(unit: Unit, request_id: str) -> None:
    fresh = unit("verify").stdout
    assert "What falls due next was not compared: nothing was swept yet with this program and policy." in fresh
    assert "changed;" not in fresh
    assert unit("sweep").exit_code == 0
    assert "not compared" not in unit("verify").stdout


def test_a_changed_event_is_named(unit: Unit, request_id: str) -> None:
    database = sqlite3.connect(unit.folder / "home" / "ledger.sqlite")
    for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        database.execute(f'DROP TRIGGER "{trigger}"')
    database.execute("UPDATE events SET actor = 'somebody else' WHERE seq = 3")
    database.commit()
    database.close()
    result = unit("verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"the ledger does not fit: request {request_id}: event 3 (sent)" in result.stderr
    document = unit.json("verify", status=1)
    assert document["fits"] is False
    assert document["findings"][0]["seq"] == 3


# ---- watch


def test_a_ledger_that_nobody_sweeps_needs_a_person(unit: Unit, request_id: str) -> None:
    result = unit("watch", "--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no sweep has ever finished" in result.stderr
    unit("sweep")
    fine = unit("watch", "--check")
    assert fine.exit_code == 0, fine.stderr
    assert "the last sweep finished" in fine.stdout
    document = unit.json("watch", "--check")
    assert set(document) == {"fine", "findings", "swept_at", "by", "overdue"}
    assert document["fine"] is True


def test_without_a_ledger_the_watch_cannot_be_judged(unit: Unit) -> None:
    assert unit("watch", "--check").exit_code == 3


def test_a_watch_on_a_clock_that_does_not_move_is_wrong_input(unit: Unit, request_id: str) -> None:
    result = unit("watch")
    assert result.exit_code == 2
    assert "HOLDFAST_CLOCK" in result.stderr
