"""`holdfast preserve`: what is checked, what is asked, what is sent, and what is said of it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest
from desk_support import CANARY, REACHES, Unit

from providers.sandbox import Sandbox, serve

ROW = {"request", "case", "provider", "instrument", "state", "next", "strict_on", "gap_days_p90", "level"}


def registered(unit: Unit) -> bool:
    return (unit.folder / "home" / "ledger.sqlite").exists() and unit.json("board") != []


def test_a_case_is_sent_and_its_receipt_shown(unit: Unit) -> None:
    result = unit("preserve", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "send it: data kept, reference SANDBOX" in result.stdout
    assert "data kept, held until 18 Feb 2027 (strict)" in result.stdout
    assert "their reference: SANDBOX" in result.stdout
    assert "next: ask the provider" in result.stdout


def test_the_document_has_ids_references_and_what_is_next(unit: Unit) -> None:
    document = unit.json("preserve", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert set(document) == {"case", "requests", "failures", "prefect"}
    (row,) = document["requests"]
    assert set(row) == ROW | {"references"}
    assert row["request"].startswith("HF-")
    assert row["state"] == "in-force"
    assert row["references"][0].startswith("SANDBOX")
    assert document["failures"] == []


def test_a_gap_is_told_to_a_person_on_the_first_day(unit: Unit) -> None:
    result = unit("preserve", unit.case(), "--sandbox", "--yes")
    assert result.exit_code == 1
    assert "needs a person: HF-" in result.stderr
    assert "tell a person of coverage: told" in result.stdout


def test_with_an_error_nothing_is_registered(unit: Unit) -> None:
    result = unit("preserve", unit.case({"instrument": "un.uncc.42"}), "--sandbox", "--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was registered and nothing was sent" in result.stderr
    assert "is not in force" in result.stderr
    assert not (unit.folder / "home").exists()


def test_a_provider_that_tells_its_user_is_not_accepted_by_yes(unit: Unit) -> None:
    refused = unit("preserve", unit.case({"provider": "tells"}), "--sandbox", "--yes")
    assert refused.exit_code == 2
    assert "notice_accepted_by" in refused.stderr
    assert not (unit.folder / "home").exists()
    named = unit.case({"provider": "tells", "notice_accepted_by": "Head of unit"})
    assert unit("preserve", named, "--sandbox", "--yes").exit_code == 1, "sent by hand: a person must"


def test_without_a_terminal_a_question_is_wrong_input(unit: Unit) -> None:
    case = unit.case({"provider": "maytell"}, mla=REACHES)
    result = unit("preserve", case, "--sandbox", input="Head of unit\n")
    assert result.exit_code == 2
    assert "standard input is no terminal" in result.stderr
    assert "--yes" in result.stderr
    assert not (unit.folder / "home").exists()


def test_without_a_question_no_terminal_is_needed(unit: Unit) -> None:
    assert unit("preserve", unit.case(mla=REACHES), "--sandbox").exit_code == 0


def test_on_a_terminal_the_name_of_who_accepts_is_asked_for_and_recorded(unit: Unit) -> None:
    case = unit.case({"provider": "maytell"}, {}, mla=REACHES)
    steps = [("accepts that", "yes\n"), ("who accepts it?", "Head of unit\n")]
    status, shown = unit.terminal(steps, "preserve", case, "--sandbox")
    assert status == 1, "a person must submit the one by hand"
    assert "nobody knows whether maytell tells its user" in shown
    rows = {row["provider"]: row["request"] for row in unit.json("board")}
    by_hand, by_machine = (unit.json("show", rows[name])["events"][0]["body"] for name in ("maytell", "sandbox"))
    assert by_hand["accepted"] == {"notice": "Head of unit"}
    assert by_machine["accepted"] == {}


def test_a_figure_that_nobody_verified_may_be_declined(unit: Unit) -> None:
    case = unit.case(country="FR", mla=REACHES)
    status, shown = unit.terminal([("all the same?", "n\n")], "preserve", case, "--sandbox")
    assert status == 1
    assert "nothing was registered and nothing was sent" in shown
    assert unit.json("board") == []


def test_ctrl_c_at_the_question_sends_nothing(unit: Unit) -> None:
    case = unit.case({"provider": "maytell"})
    status, shown = unit.terminal([("accepts that", signal.SIGINT)], "preserve", case, "--sandbox")
    assert status == 130
    assert "nothing was registered and nothing was sent" in shown
    assert unit.json("board") == []


@pytest.fixture
def silent(unit: Unit) -> Iterator[Unit]:
    """A unit whose provider takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=20) as listening:
        unit.environ["HOLDFAST_SANDBOX_URL"] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield unit


def test_ctrl_c_twice_stops_at_once_and_nothing_is_forgotten(silent: Unit) -> None:
    steps = [("waiting for the provider", signal.SIGINT), ("stops at once", signal.SIGINT)]
    status, shown = silent.terminal(steps, "preserve", silent.case(mla=REACHES), "--sandbox")
    assert status == 130
    assert "the next sweep asks" in shown
    (row,) = silent.json("board")
    assert row["state"] in {"registered", "unknown"}
    assert row["next"]["action"] in {"send", "look-up"}


def test_ctrl_c_between_two_sendings_says_what_was_and_was_not_sent(unit: Unit) -> None:
    with serve(faults={"stall-after-effect": 1.0}, stall=1.0) as slow:
        unit.environ["HOLDFAST_SANDBOX_URL"] = slow.url
        case = unit.case(
            *({"identifiers": [{"type": "email", "value": f"{n}.{CANARY}"}]} for n in range(4)), mla=REACHES
        )
        status, shown = unit.terminal([("waiting for the provider", signal.SIGINT)], "preserve", case, "--sandbox")
    assert status == 130
    assert "stopped: not sent, or not known: HF-" in shown
    assert "do not run `preserve` again" in shown
    assert len(unit.json("board")) == 4


def test_a_provider_that_is_down_ends_with_try_again(unit: Unit) -> None:
    with serve(faults={"unavailable": 1.0}, retry_after=3600) as down:
        unit.environ["HOLDFAST_SANDBOX_URL"] = down.url
        result = unit("preserve", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert result.exit_code == 3
    assert "could not be done now: HF-" in result.stderr
    assert "do not run `preserve` again" in result.stderr
    assert registered(unit)


def test_a_refusal_is_a_persons_matter(unit: Unit) -> None:
    with serve(faults={"refuse": 1.0}) as strict:
        unit.environ["HOLDFAST_SANDBOX_URL"] = strict.url
        result = unit("preserve", unit.case(mla=REACHES), "--sandbox", "--yes")
    assert result.exit_code == 1
    assert "refused" in result.stdout


def test_what_only_a_person_can_send_is_said_to_be_by_hand(unit: Unit) -> None:
    result = unit("preserve", unit.case({"provider": "byhand"}, mla=REACHES), "--sandbox", "--yes")
    assert result.exit_code == 1
    assert "send it by hand: " in result.stdout
    assert "FAILED" not in result.stdout


def test_an_account_already_held_is_a_warning(unit: Unit) -> None:
    (first,) = unit.preserve(mla=REACHES, status=0)
    again = unit("preserve", unit.case(mla=REACHES, reference="CY-2026-0413"), "--sandbox", "--yes")
    assert again.exit_code == 0
    assert f"already named by the live request {first}" in again.stdout


def test_sandbox_and_operational_ledgers_are_never_confused(unit: Unit) -> None:
    case = unit.case({"provider": "byhand", "notice_accepted_by": "x y z"}, mla=REACHES)
    del unit.environ["HOLDFAST_CLOCK"]
    assert unit("preserve", case, "--yes", HOLDFAST_CLOCK="").exit_code == 1
    refused = unit("preserve", case, "--yes", "--sandbox", HOLDFAST_CLOCK="")
    assert refused.exit_code == 2
    assert "is an operational ledger" in refused.stderr
    assert len(unit.json("board")) == 1


def test_messages_go_to_standard_error_where_a_document_is_asked_for(unit: Unit, played: Sandbox) -> None:
    result = unit("preserve", unit.case(), "--sandbox", "--yes", "--json")
    assert result.stdout.startswith("{")
    assert "Case CY-2026-0412 (sandbox): 1 request to send" in result.stderr
    assert "send it: data kept" in result.stderr


def test_a_provider_that_cannot_be_spoken_to_is_told_before_anything_is_registered(unit: Unit) -> None:
    """A played provider answers on this machine only: an operational ledger could never send to it."""
    result = unit("preserve", unit.case(mla=REACHES), "--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was registered and nothing was sent" in result.stderr
    assert "http:// is for a sandbox ledger (--sandbox)" in result.stderr
    assert not (unit.folder / "home").exists()


def test_what_was_added_to_a_case_that_is_registered_is_named_and_said_not_to_be_registered(unit: Unit) -> None:
    assert unit("preserve", unit.case(mla=REACHES), "--sandbox", "--yes").exit_code == 0
    again = unit("preserve", unit.case({}, {"provider": "byhand"}, mla=REACHES), "--sandbox", "--yes")
    assert again.exit_code == 2
    assert "a part of this case is registered already: nothing was registered" in again.stderr
    assert "NOT registered, and sent by nobody: byhand (case.json: " in again.stderr
    assert "request[1])" in again.stderr
    assert "put that into a file of its own, with the same [case]" in again.stderr
    assert [row["provider"] for row in unit.json("board")] == ["sandbox"]
    alone = unit("preserve", unit.case({"provider": "byhand"}, mla=REACHES), "--sandbox", "--yes")
    assert alone.exit_code == 1, "registered, and a person must send it"
    assert {row["provider"] for row in unit.json("board")} == {"sandbox", "byhand"}


def test_the_same_case_is_not_sent_a_second_time_by_mistake(unit: Unit) -> None:
    case = unit.case(mla=REACHES)
    assert unit("preserve", case, "--sandbox", "--yes").exit_code == 0
    (row,) = unit.json("board")
    again = unit("preserve", case, "--sandbox", "--yes")
    assert again.exit_code == 2
    assert "this case is registered already" in again.stderr
    assert row["request"] in again.stderr
    assert len(unit.json("board")) == 1
    assert unit("preserve", case, "--sandbox", "--yes", "--again").exit_code == 0
    assert len(unit.json("board")) == 2
