"""The preflight: what the provider would reject and the law does not allow is told before anything leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from unit_support import CASE, MORNING

from flows import catalogue, intake
from flows.problems import Problem

KNOWN = catalogue.load()


def findings(folder: Path, request: dict[str, Any], at: datetime = MORNING, **case: Any) -> list[tuple[Problem, str]]:
    whole = {
        "case": CASE["case"] | case,
        "request": [
            {
                "provider": "sandbox",
                "instrument": "us.18usc2703f",
                "categories": ["subscriber"],
                "from": "2026-09-01T00:00:00Z",
                "to": "2026-11-20T00:00:00Z",
                "identifiers": [{"type": "email", "value": "canary.account@example.com"}],
            }
            | request
        ],
    }
    path = folder / "case.json"
    path.write_text(json.dumps(whole))
    _, drafts, _ = intake.read(path, KNOWN, at=at)
    return [(each.problem, each.gate) for each in drafts[0].findings]


def said(folder: Path, request: dict[str, Any], **case: Any) -> list[str]:
    return [problem.problem for problem, _ in findings(folder, request, **case)]


def test_a_sound_request_has_no_errors(tmp_path: Path) -> None:
    assert [p for p, _ in findings(tmp_path, {}) if p.severity == "error"] == []


def test_an_instrument_that_is_not_in_force_can_be_planned_with_but_not_sent(tmp_path: Path) -> None:
    (found,) = [
        p
        for p, _ in findings(tmp_path, {"instrument": "un.uncc.42", "necessity": "n", "custodian": "c"})
        if "force" in p.problem
    ]
    assert found.severity == "error"
    assert found.problem == "un.uncc.42 is not in force"


def test_an_instrument_without_the_power_to_order_is_not_sent(tmp_path: Path) -> None:
    assert "sg.cpc20 gives no power to order preservation" in said(tmp_path, {"instrument": "sg.cpc20"}, country="SG")


def test_a_law_is_not_used_before_its_day(tmp_path: Path) -> None:
    request = {
        "instrument": "eu.epocpr",
        "validated_by": "Court",
        "from": "2026-07-01T00:00:00Z",
        "to": "2026-08-01T00:00:00Z",
    }
    before = findings(tmp_path, request, datetime(2026, 8, 17, 12, tzinfo=UTC), country="FR")
    after = findings(tmp_path, request, datetime(2026, 8, 18, 12, tzinfo=UTC), country="FR")
    assert [p.problem for p, _ in before if p.severity == "error"] == ["eu.epocpr is not in force before 2026-08-18"]
    assert [p.problem for p, _ in after if p.severity == "error"] == []


def test_data_that_the_instrument_does_not_cover_are_told(tmp_path: Path) -> None:
    assert 'jp.ccp197 does not cover "content"' in said(
        tmp_path, {"instrument": "jp.ccp197", "categories": ["traffic", "content"]}, country="JP"
    )


@pytest.mark.parametrize(("country", "told"), [("US", False), ("FR", True)])
def test_a_foreign_authority_is_no_governmental_entity(tmp_path: Path, country: str, told: bool) -> None:
    assert ("an authority of FR cannot issue us.18usc2703f" in said(tmp_path, {}, country=country)) is told


@pytest.mark.parametrize(("country", "told"), [("FR", False), ("IE", False), ("DK", True), ("US", True)])
def test_only_the_bound_member_states_issue_a_european_order(tmp_path: Path, country: str, told: bool) -> None:
    found = said(tmp_path, {"instrument": "eu.epocpr", "validated_by": "Court"}, country=country)
    assert any("cannot issue eu.epocpr" in each for each in found) is told


def test_a_european_order_needs_its_validation_except_in_an_emergency(tmp_path: Path) -> None:
    def missing(**request: Any) -> bool:
        found = findings(tmp_path, {"instrument": "eu.epocpr"} | request, country="FR")
        return any(p.where.endswith("validated_by") for p, _ in found)

    assert missing()
    assert not missing(urgency="emergency")
    assert not missing(validated_by="Investigating judge")


def test_a_missing_mandatory_field_of_the_case_is_told_at_its_place(tmp_path: Path) -> None:
    offence = {"title": "Fraud", "provisions": ["18 USC 1343"]}
    found = findings(tmp_path, {"instrument": "coe.budapest.29", "necessity": "n", "custodian": "c"}, offence=offence)
    assert "case.json: line 1: case.offence.facts" in [p.where for p, _ in found]


def test_a_provider_that_tells_its_user_stops_the_request_until_somebody_accepts_it_by_name(tmp_path: Path) -> None:
    def gates(**request: Any) -> list[tuple[str, str]]:
        found = findings(tmp_path, {"provider": "wordpress.com"} | request)
        return [(p.severity, gate) for p, gate in found if gate == "notice"]

    assert gates() == [("error", "notice")]
    assert gates(notice_accepted_by="Head of unit") == []


def test_that_nobody_knows_whether_the_user_is_told_asks_a_person(tmp_path: Path) -> None:
    found = findings(tmp_path, {"provider": "x", "identifiers": [{"type": "user_id", "value": "1234567890"}]})
    assert ("warning", "notice") in [(p.severity, gate) for p, gate in found]


def test_an_identifier_that_the_provider_cannot_process_is_told_with_its_place_and_not_its_value(
    tmp_path: Path,
) -> None:
    request = {"provider": "snap", "identifiers": [{"type": "username", "value": "9canary..name"}]}
    (found,) = [p for p, _ in findings(tmp_path, request) if "cannot process" in p.problem]
    assert found.severity == "error"
    assert "identifiers[0]" in found.where
    assert "9canary" not in str(found)


def test_what_a_provider_rejects_is_an_error(tmp_path: Path) -> None:
    request = {
        "provider": "snap",
        "identifiers": [{"type": "ip", "value": "192.0.2.44:443", "from": "2026-10-03T21:14:05Z"}],
    }
    assert any(p.severity == "error" and "does not take an ip" in p.problem for p, _ in findings(tmp_path, request))


def test_a_discretionary_hold_is_named_as_not_relied_upon(tmp_path: Path) -> None:
    request = {"provider": "snap", "identifiers": [{"type": "username", "value": "canary_name"}]}
    found = said(tmp_path, request, country="FR")
    assert any("not relied upon: the hold itself is a courtesy" in each for each in found)
    assert any("not relied upon: extension" in each for each in found)


def test_an_unknown_provider_is_told_without_quoting_what_was_written(tmp_path: Path) -> None:
    with pytest.raises(intake.CaseErrors) as raised:
        findings(tmp_path, {"provider": "canary.account@example.com"})
    assert "canary" not in " ".join(map(str, raised.value.problems))
