"""The preflight: what the provider would reject and the law does not allow is told before anything leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from unit_support import CASE, MORNING, Unit

from flows import catalogue, intake
from flows.problems import Problem
from timeline.coverage import coverage
from timeline.rules import Start

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


def test_an_instrument_that_no_unit_can_send_is_not_sent_and_says_why(tmp_path: Path) -> None:
    (why,) = [each for each in said(tmp_path, {"instrument": "sg.cpc20"}, country="SG") if "sent by no unit" in each]
    assert why.startswith("sg.cpc20 is sent by no unit: A production order, not a preservation")


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


ORDER = {"instrument": "ca.487.013", "validated_by": "Justice of the peace"}


def of_the_day(folder: Path, request: dict[str, Any], at: datetime = MORNING) -> list[tuple[str, str]]:
    found = findings(folder, ORDER | request, at, country="CA")
    return [(p.severity, p.problem) for p, _ in found if p.where.endswith("made_on")]


def test_an_order_whose_days_run_from_the_day_made_must_say_that_day(tmp_path: Path) -> None:
    """Criminal Code (Canada), s. 487.013(6): it expires 90 days after the day made, whenever it is entered here."""
    (found,) = [p for p, _ in findings(tmp_path, ORDER, country="CA") if p.where.endswith("made_on")]
    assert (found.severity, found.kind) == ("error", "missing")
    assert found.problem == "is missing, and ca.487.013 counts from it"
    assert found.fix.startswith("made_on: the day on the order; its 90 days run from it (Criminal Code (Canada)")
    assert of_the_day(tmp_path, {"made_on": "2026-11-12"}) == []


def test_a_day_made_is_refused_where_the_law_counts_from_something_else(tmp_path: Path) -> None:
    (found,) = [p for p, _ in findings(tmp_path, {"made_on": "2026-11-12"}) if p.where.endswith("made_on")]
    assert (found.severity, found.problem) == ("error", "us.18usc2703f does not count from the day it was made")
    assert found.fix.startswith("leave made_on out")


def test_what_nobody_sends_can_be_planned_with_before_its_day_is_known(tmp_path: Path) -> None:
    assert of_the_day(tmp_path, {"instrument": "us.18usc2258A"}) == []
    assert of_the_day(tmp_path, {"instrument": "us.18usc2258A", "made_on": "2026-11-01"}) == []


def test_an_order_made_on_a_day_that_has_begun_nowhere_is_refused(tmp_path: Path) -> None:
    """At 9 in the morning UTC it is still the same day everywhere but on Kiritimati; at noon it is tomorrow there."""
    noon = MORNING.replace(hour=12)
    assert of_the_day(tmp_path, {"made_on": "2026-11-22"}) == [("error", "lies in the future")]
    assert of_the_day(tmp_path, {"made_on": "2026-11-22"}, noon) == []
    assert of_the_day(tmp_path, {"made_on": "2026-11-23"}, noon) == [("error", "lies in the future")]


@pytest.mark.parametrize(
    ("instrument", "made_on", "told"),
    [
        ("ca.487.013", "2026-08-23", []),  # 90 days after it: this very day
        ("ca.487.013", "2026-08-22", [("error", "an order made 22 Aug 2026 ran out on 20 Nov 2026")]),
        ("ca.487.012.domestic", "2026-10-31", []),
        ("ca.487.012.domestic", "2026-10-30", [("error", "an order made 30 Oct 2026 ran out on 20 Nov 2026")]),
        ("br.mci.13", "2026-09-21", [("warning", "an order made 21 Sep 2026 ran out on 20 Nov 2026")]),
    ],
)
def test_an_order_that_has_run_out_is_not_sent(
    tmp_path: Path, instrument: str, made_on: str, told: list[tuple[str, str]]
) -> None:
    """Brazil's request goes on where a court was asked in time."""
    assert of_the_day(tmp_path, {"instrument": instrument, "made_on": made_on}) == told


def test_every_instrument_that_counts_from_the_day_made_asks_for_it() -> None:
    made = {each for each, law in KNOWN.instruments.items() if law.start is Start.DAY_MADE}
    assert made == {
        *("br.mci.13", "ca.487.012.domestic", "ca.487.012.foreign", "ca.487.013", "uk.osa.dpn", "us.18usc2258A"),
    }


def test_the_day_made_reaches_the_record_and_moves_the_end(tmp_path: Path) -> None:
    """Made on 1 March, entered and sent on 10 March: 90 days after 1 March, and not after 10 March."""
    unit = Unit(tmp_path)
    unit.at(datetime(2027, 3, 10, 9, tzinfo=UTC))
    mla = CASE["case"]["mla"] | {"send_on": "2027-04-01"}
    (request,) = unit.preserve(ORDER | {"made_on": "2027-03-01"}, country="CA", mla=mla)
    assert unit.office.ledger.events(request)[0].body["made_on"] == "2027-03-01"
    hold = unit.office.hold(request)
    assert hold.expiry is not None
    assert (str(hold.expiry.strict_on), str(hold.expiry.legal_on)) == ("2027-05-29", "2027-05-30")
    row = unit.office.ledger.row(request)
    assert row is not None
    assert row.strict_on == "2027-05-29"
    (other,) = unit.preserve({"identifiers": [{"type": "email", "value": "b@example.com"}]}, mla=mla)
    assert "made_on" not in unit.office.ledger.events(other)[0].body


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


def test_a_production_order_that_follows_a_european_hold_is_answered_while_it_stands(tmp_path: Path) -> None:
    """Reg. (EU) 2023/1543 art. 10: produced within 10 days. The 324 of an MLA answer would leave months open."""
    request = {"provider": "sandbox-social", "instrument": "eu.epocpr", "validated_by": "Court"}
    follows = {"requested_state": "IE", "send_on": "2026-12-20"}

    def gap(**mla: Any) -> int:
        findings(tmp_path, request, country="FR", mla=follows | mla)
        _, (draft,), _ = intake.read(tmp_path / "case.json", KNOWN, at=MORNING)
        return coverage(draft.hold, KNOWN.policy, MORNING).gap_days_p90

    epoc = KNOWN.profile("epoc")
    assert (epoc.p50_days, epoc.p90_days) == (10, 10 + 5 + 10 + 7)
    assert (epoc.source.verified, epoc.source.confidence) == (False, "low")
    assert gap(profile="epoc") == 0
    assert gap() > 200


def test_an_unknown_provider_is_told_without_quoting_what_was_written(tmp_path: Path) -> None:
    with pytest.raises(intake.CaseErrors) as raised:
        findings(tmp_path, {"provider": "canary.account@example.com"})
    assert "canary" not in " ".join(map(str, raised.value.problems))


def unverified(folder: Path, instrument: str, country: str, **request: Any) -> list[str]:
    found = findings(folder, {"instrument": instrument, "necessity": "n"} | request, country=country)
    return [problem.problem for problem, gate in found if problem.kind == "unverified" and gate == "unverified"]


def test_a_law_of_which_nobody_read_that_it_has_commenced_is_told(tmp_path: Path) -> None:
    """Korea's art. 215-2 was passed in December 2025; its commencement is to be checked before it is used."""
    (told,) = unverified(tmp_path, "kr.cpa215-2", "KR")
    assert told.startswith("that kr.cpa215-2 is in force is not verified (Criminal Procedure Act (Republic of Korea)")
    assert "commencement not verified" in told
    assert unverified(tmp_path, "kr.cpa215-2", "KR", unverified_accepted_by="Duty officer") == []


@pytest.mark.parametrize(("instrument", "country"), [("coe.budapest.16", "FR"), ("eu.epocpr", "FR")])
def test_a_law_that_is_in_force_beyond_doubt_is_not_told_of(tmp_path: Path, instrument: str, country: str) -> None:
    assert not any("in force" in each for each in unverified(tmp_path, instrument, country))


def test_what_makes_a_hold_open_ended_is_told_where_nobody_has_read_it(tmp_path: Path) -> None:
    """Budapest Convention art. 29(7), second sentence: the copy that was read ends before it."""
    (told,) = unverified(tmp_path, "coe.budapest.29", "FR", custodian="c")
    assert told == (
        "what makes the hold open-ended (MLA request received by the requested State; the data stay until its"
        " decision) is not verified (Convention on Cybercrime (ETS 185), art. 29(7), second sentence,"
        " read 2026-11-21, confidence high)"
    )
    assert unverified(tmp_path, "eu.epocpr", "FR") == []


def test_what_is_kept_in_clear_names_no_account_of_the_case(tmp_path: Path) -> None:
    """The reference and the names of who accepts stand on the board, in messages and in the record."""
    request = {
        "identifiers": [{"type": "email", "value": "canary.account@example.com"}],
        "notice_accepted_by": "canary.account@example.com",
        "unverified_accepted_by": "Head for CANARY.account@example.com",
    }
    with pytest.raises(intake.CaseErrors) as raised:
        findings(tmp_path, request, reference="re canary.account@example.com")
    told = [str(each) for each in raised.value.problems if "names an account of the case" in each.problem]
    places = [("case", "reference"), ("request[0]", "notice_accepted_by"), ("request[0]", "unverified_accepted_by")]
    assert [all(word in line for word in place) for line, place in zip(told, places, strict=True)] == [True] * 3
    assert "canary" not in " ".join(told).casefold()
