"""`holdfast plan`: the officer's first look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from desk_support import CANARY, REACHES, Unit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_document_has_the_promised_keys(unit: Unit) -> None:
    plan = unit.json("plan", unit.case({}, {"provider": "byhand"}), status=1)
    assert set(plan) == {"case", "at", "problems", "requests"}
    request = plan["requests"][0]
    parts = {"problems", "chain", "clocks", "coverage", "last_safe", "lost"}
    assert set(request) == {"provider", "instrument", "addressee", "identifiers"} | parts
    assert set(request["problems"][0]) == {"where", "problem", "fix", "severity", "kind"}
    assert set(request["chain"][0]) == {"step", "strict_on", "legal_on"}
    assert [link["step"] for link in request["chain"]] == ["initial", "extension"]
    for clock in request["clocks"]:
        kind = {"kind", "opens_at", "derivation", "source"}
        strict, legal = ({f"{name}_on", f"{name}_at"} & set(clock) for name in ("strict", "legal"))
        assert set(clock) == kind | strict | legal
        assert (len(strict), len(legal)) == (1, 1)
    coverage = {"mla_profile", "mla_sent_on", "p50_on", "p90_on", "strict_on", "open_ended_by"}
    assert set(request["coverage"]) == coverage | {"gap_days_p50", "gap_days_p90", "feasible"}
    assert set(request["last_safe"][0]) == {"step", "on", "because"}


def test_days_and_gap_are_those_of_the_law(unit: Unit) -> None:
    (request,) = unit.json("plan", unit.case(), status=1)["requests"]
    assert request["chain"][0] == {"step": "initial", "strict_on": "2027-02-18", "legal_on": "2027-02-19"}
    assert request["coverage"]["gap_days_p90"] == 155
    assert request["coverage"]["feasible"] is False


def test_a_gap_is_said_in_words_and_drawn(unit: Unit) -> None:
    result = unit("plan", unit.case())
    assert result.exit_code == 1
    assert "Does NOT reach the MLA answer: 155 days missing" in result.stdout
    assert "· 155 days without a hold ·" in result.stdout
    assert "ALREADY PAST" in result.stdout
    assert "holdfast: needs a person: 1 warning" in result.stderr


def test_a_case_without_any_problem_ends_with_zero(unit: Unit) -> None:
    result = unit("plan", unit.case(mla=REACHES))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Reaches the MLA answer: held until 19 May 2027" in result.stdout


def test_a_path_that_a_step_still_opens_is_named_with_its_last_day(unit: Unit) -> None:
    case = unit.case(
        {"instrument": "coe.budapest.29", "necessity": "It may be deleted.", "custodian": "Sandbox"}, country="FR"
    )
    text = " ".join(unit("plan", case).stdout.split())
    assert "ONLY IF you file the MLA request by 29 Dec 2026" in text


def test_several_requests_begin_with_a_summary_in_one_scale(unit: Unit) -> None:
    lines = unit("plan", unit.case({}, {"provider": "byhand"}, {"provider": "maytell"})).stdout.splitlines()
    assert lines[1].split()[:2] == ["1", "sandbox"]
    assert lines[3].split()[:2] == ["3", "maytell"]
    axes = {line for line in lines if "│2027" in line}
    assert len(axes) == 1


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_no_line_is_longer_than_the_output_is_wide(unit: Unit, columns: int) -> None:
    result = unit("plan", unit.case({}, {"provider": "tells"}), COLUMNS=str(columns))
    too_long = [line for line in result.stdout.splitlines() if len(line) > columns]
    assert too_long == []
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_every_problem_of_a_file_is_told_with_its_line(unit: Unit) -> None:
    result = unit("plan", str(EXAMPLES / "bad-case.toml"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("holdfast: the case cannot be worked with: ")
    assert "bad-case.toml: line 10: case.offence.titel: unknown key\n    → did you mean" in result.stderr


def test_a_file_that_is_not_there_is_wrong_input(unit: Unit) -> None:
    result = unit("plan", "nowhere.toml")
    assert result.exit_code == 2
    assert "there is no such file" in result.stderr


def test_errors_stand_before_warnings_and_say_what_to_write(unit: Unit) -> None:
    result = unit("plan", unit.case({"provider": "tells", "instrument": "coe.budapest.29"}))
    assert result.exit_code == 1
    weights = [
        line.split()[0] for line in result.stdout.splitlines() if line.lstrip().startswith(("ERROR", "warning"))
    ]
    assert weights[0] == "ERROR"
    assert weights == sorted(weights)
    assert "tells tells its user of a preservation" in " ".join(result.stdout.split())
    assert "notice_accepted_by" in result.stdout
    assert "`preserve` sends nothing before the errors are mended" in result.stderr


def test_it_may_be_looked_at_from_another_instant(unit: Unit) -> None:
    later = unit.json("plan", unit.case(), "--at", "2027-01-20T10:00:00+01:00", status=1)
    assert later["at"] == "2027-01-20T09:00:00Z"
    assert later["requests"][0]["chain"][0]["strict_on"] == "2027-04-19"


def test_it_needs_neither_ledger_nor_key(unit: Unit) -> None:
    unit("plan", unit.case())
    assert not (unit.folder / "home").exists()


def test_the_shipped_example_is_planned(unit: Unit) -> None:
    plan: dict[str, Any] = unit.json("plan", str(EXAMPLES / "case.toml"), status=1)
    assert len(plan["requests"]) == 3
    assert not [each for request in plan["requests"] for each in request["problems"] if each["severity"] == "error"]
    drawn = unit("plan", str(EXAMPLES / "case.toml")).stdout
    assert "3 of 3" in drawn
    assert "Lost already" in drawn
    assert json.dumps(plan).count(CANARY) == 0


def test_one_mistake_of_each_kind_is_told_at_once_each_with_its_place_and_what_to_write(unit: Unit) -> None:
    result = unit("plan", str(EXAMPLES / "mistakes.toml"))
    assert result.exit_code == 2
    told = result.stderr.splitlines()
    counted = re.fullmatch(r"holdfast: the case cannot be worked with: (\d+) errors and (\d+) warnings", told[0])
    assert counted
    places, fixes = told[1::2], told[2::2]
    assert len(places) == len(fixes) == int(counted[1]) + int(counted[2])
    assert all(re.match(r"  mistakes\.toml: line \d+: \S+: ", each) for each in places)
    assert all(each.startswith("    → ") for each in fixes)
