"""The same account twice: in one case, and against the live requests of the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit_support import CANARY, CASE, Unit

from flows import intake
from flows.problems import Problem


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, providers=("alpha", "beta"))
    yield made
    made.close()


def read(unit: Unit, *requests: dict[str, Any], **case: Any) -> tuple[Any, tuple[intake.Draft, ...]]:
    path = unit.folder / "again.json"
    path.write_text(json.dumps({"case": CASE["case"] | case, "request": [unit.request(**each) for each in requests]}))
    found, drafts, _ = intake.read(path, unit.office.catalogue, at=unit.office.now())
    return found, drafts


def refused(unit: Unit, *requests: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(intake.CaseErrors) as raised:
        read(unit, *requests)
    return raised.value.problems


def live(unit: Unit, request: dict[str, Any], **case: Any) -> list[tuple[str, str]]:
    found, drafts = read(unit, request, **case)
    return [(each.severity, each.kind) for each in intake.live_duplicates(unit.office, found, drafts[0])]


def email(value: str) -> dict[str, Any]:
    return {"identifiers": [{"type": "email", "value": value}]}


# Within one case


def test_two_requests_of_one_case_for_the_same_account_at_one_provider_are_refused(unit: Unit) -> None:
    (found,) = refused(unit, email("a@example.com"), email("A@EXAMPLE.com"))
    assert (found.severity, found.kind) == ("error", "double")
    assert found.where == "again.json: line 1: request[1].identifiers[0]"
    assert "request[0].identifiers[0]" in found.problem
    assert "example.com" not in str(found)


@pytest.mark.parametrize("change", [{"provider": "beta"}, {"instrument": "uk.osa.dpn"}, email("b@example.com")])
def test_another_provider_instrument_or_account_is_no_double(unit: Unit, change: dict[str, Any]) -> None:
    _, drafts = read(unit, email("a@example.com"), email("a@example.com") | change)
    assert len(drafts) == 2


def test_an_account_at_another_time_is_no_double(unit: Unit) -> None:
    address = {"type": "ip", "value": "192.0.2.7:443", "from": "2026-10-01T00:00:00Z"}
    later = address | {"from": "2026-10-02T00:00:00Z"}
    _, drafts = read(unit, {"identifiers": [address]}, {"identifiers": [later]})
    assert len(drafts) == 2
    refused(unit, {"identifiers": [address]}, {"identifiers": [address | {"value": "192.0.2.7", "port": 443}]})


def test_a_new_snapshot_is_no_double(unit: Unit) -> None:
    (first,) = unit.register(email("a@example.com"))
    _, drafts = read(unit, email("a@example.com"), email("a@example.com") | {"snapshot_of": first})
    assert len(drafts) == 2


# Against the ledger


def test_an_account_that_a_live_request_of_another_case_names_is_a_warning(unit: Unit) -> None:
    unit.register()
    assert live(unit, email(CANARY.upper()), reference="CY-2026-0999") == [("warning", "live")]
    assert live(unit, email("other@example.com"), reference="CY-2026-0999") == []
    assert live(unit, email(CANARY) | {"provider": "beta"}, reference="CY-2026-0999") == []


def test_a_case_that_was_registered_before_is_an_error_unless_it_asks_for_a_new_snapshot(unit: Unit) -> None:
    (first,) = unit.register()
    assert live(unit, email(CANARY)) == [("error", "live")]
    assert live(unit, email(CANARY) | {"snapshot_of": first}) == []


def test_a_new_snapshot_of_one_request_is_still_a_duplicate_of_another(unit: Unit) -> None:
    (first,) = unit.register()
    unit.register(reference="CY-2026-0999")
    assert live(unit, email(CANARY) | {"snapshot_of": first}) == [("warning", "live")]


def test_the_finding_says_how_to_ask_for_a_new_snapshot(unit: Unit) -> None:
    (first,) = unit.register()
    found, drafts = read(unit, {})
    (problem,) = intake.live_duplicates(unit.office, found, drafts[0])
    assert f'snapshot_of = "{first}"' in problem.fix
    assert CANARY not in str(problem)


@pytest.mark.parametrize("key", ["snapshot_of", "follows"])
def test_an_earlier_request_that_is_not_in_the_ledger_is_told(unit: Unit, key: str) -> None:
    found, drafts = read(unit, {key: "HF-0000000000J1"})
    with pytest.raises(intake.CaseErrors) as raised:
        intake.live_duplicates(unit.office, found, drafts[0])
    (problem,) = raised.value.problems
    assert (problem.kind, problem.where) == ("relation", f"again.json: line 1: request[0].{key}")


def test_a_snapshot_is_taken_at_the_same_provider_and_a_further_provider_is_another(unit: Unit) -> None:
    (first,) = unit.register()
    found, drafts = read(unit, {"provider": "beta", "snapshot_of": first})
    with pytest.raises(intake.CaseErrors) as raised:
        intake.live_duplicates(unit.office, found, drafts[0])
    assert raised.value.problems[0].problem == "is a request to alpha"
    assert live(unit, {"provider": "beta", "follows": first}) == []


# What is sealed for the provider


def test_what_the_case_says_of_a_request_travels_sealed_to_the_order(unit: Unit) -> None:
    (first,) = unit.register()
    (second,) = unit.register(
        {
            "snapshot_of": first,
            "language": "fr",
            "partial_disclosure": True,
            "user_location": "FR",
            "validated_by": "Court",
            "identifiers": [{"type": "ip", "value": "192.0.2.7", "port": 443, "from": "2026-10-03T21:14:05Z"}],
        }
    )
    body = unit.office.ledger.events(second)[0].body
    facts = json.loads(unit.office.vault.unseal(str(body["sealed"])))
    assert (facts["snapshot_of"], facts["follows"], facts["language"]) == (first, "", "fr")
    assert (facts["partial_disclosure"], facts["user_location"], facts["validated_by"]) == (True, "FR", "Court")
    assert facts["mla"] == {
        "requested_state": "US",
        "send_on": "2026-12-01",
        "sent_on": "",
        "received_on": "",
        "reference": "",
    }
    assert (facts["items"][0]["value"], facts["items"][0]["port"], facts["items"][0]["chain"]) == (
        "192.0.2.7:443",
        443,
        "",
    )
