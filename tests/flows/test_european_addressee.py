"""A European order goes to the establishment in another Member State, wherever the user is (art. 7)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import catalogue_samples as samples
import pytest
from unit_support import CASE, MORNING, SOURCE

from flows import intake
from flows.catalogue import Catalogue, load, read_provider
from flows.intake import Draft
from flows.problems import Problem
from flows.routes import routes

EUROPEAN, AMERICAN = "eu.epocpr", "us.18usc2703f"
ENTITIES = {
    "America": 'for = ["US"]\nstate = "US"\nzone = "America/New_York"',
    "Ireland": 'for = ["EEA"]\nstate = "IE"\nzone = "Europe/Dublin"',
    "Denmark": 'for = ["DK"]\nstate = "DK"',
    "Poland": 'for = ["PL"]\nstate = "PL"',
    "World": 'for = ["world"]',
}


def provider(*entities: str, state: str = "US") -> str:
    head = f'id = "wide"\nname = "Wide"\nzone = "America/Los_Angeles"\nstate = "{state}"\n'
    told = "".join(f'[[entity]]\nname = "Wide {each}"\n{ENTITIES[each]}\n{SOURCE}\n' for each in entities)
    channel = f'[[channel]]\nkind = "email"\n{SOURCE}\n[notice]\nnotifies_on_preservation = false\n{SOURCE}\n'
    return f'{head}{told}{channel}[adapter]\nkind = "manual"\n'


def known(folder: Path, *entities: str, state: str = "US") -> Catalogue:
    own = folder / "config" / "providers"
    own.mkdir(parents=True)
    (own / "wide.toml").write_text(provider(*entities, state=state))
    return load(folder / "config")


def drafted(
    folder: Path, catalogue: Catalogue, *, user: str = "", country: str = "FR", instrument: str = EUROPEAN
) -> Draft:
    request = {
        "provider": "wide",
        "instrument": instrument,
        "categories": ["subscriber"],
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-11-20T00:00:00Z",
        "identifiers": [{"type": "email", "value": "canary.account@example.com"}],
        "validated_by": "Court",
    } | ({"user_location": user} if user else {})
    path = folder / "case.json"
    path.write_text(json.dumps({"case": CASE["case"] | {"country": country}, "request": [request]}))
    return intake.read(path, catalogue, at=MORNING)[1][0]


def told(draft: Draft) -> list[Problem]:
    problems = [each.problem for each in draft.findings]
    return [each for each in problems if each.kind in {"addressee", "entity"} or each.where.endswith("user_location")]


@pytest.mark.parametrize("user", ["", "FR", "US", "DK", "BR"])
def test_it_goes_to_the_entity_in_the_union_wherever_the_user_is(tmp_path: Path, user: str) -> None:
    draft = drafted(tmp_path, known(tmp_path, "America", "Denmark", "Ireland", "World"), user=user)
    assert (draft.addressee.name, draft.addressee.state) == ("Wide Ireland", "IE")
    assert told(draft) == []


def test_an_instrument_of_one_state_follows_the_user_as_before(tmp_path: Path) -> None:
    catalogue = known(tmp_path, "America", "Ireland")
    assert drafted(tmp_path, catalogue, user="US", instrument=AMERICAN).addressee.name == "Wide America"
    assert drafted(tmp_path, catalogue, user="FR", instrument=AMERICAN).addressee.name == "Wide Ireland"


def test_of_several_entities_in_the_union_the_users_own_comes_first(tmp_path: Path) -> None:
    catalogue = known(tmp_path, "America", "Ireland", "Poland")
    assert drafted(tmp_path, catalogue, user="PL").addressee.name == "Wide Poland"
    assert drafted(tmp_path, catalogue, user="US").addressee.name == "Wide Ireland"


def test_one_entity_in_the_union_is_addressed_whatever_users_it_is_said_to_serve(tmp_path: Path) -> None:
    assert drafted(tmp_path, known(tmp_path, "America", "Poland"), user="US").addressee.name == "Wide Poland"


def test_the_letter_of_a_running_request_goes_to_the_same_entity(tmp_path: Path) -> None:
    catalogue = known(tmp_path, "America", "Ireland")
    for user in ("", "US", "FR"):
        (way,) = routes(
            catalogue, provider="wide", instrument=catalogue.instruments[EUROPEAN], country="FR", user_location=user
        )
        assert (way.addressee.name, way.zone) == ("Wide Ireland", "Europe/Dublin")


@pytest.mark.parametrize(
    ("entities", "state", "what"),
    [
        (("America",), "US", "Wide America sits in US, where eu.epocpr does not bind"),
        (("World",), "US", "Wide World sits in US, where eu.epocpr does not bind"),
        (("Denmark",), "", "Wide Denmark sits in DK, where eu.epocpr does not bind"),
        (("World",), "", "Wide World sits in a State that nobody has read"),
        ((), "US", "Wide sits in US, where eu.epocpr does not bind"),
        ((), "", "Wide sits in a State that nobody has read"),
    ],
)
def test_where_no_entity_in_the_union_is_known_a_person_is_told_to_find_it(
    tmp_path: Path, entities: tuple[str, ...], state: str, what: str
) -> None:
    (found,) = told(drafted(tmp_path, known(tmp_path, *entities, state=state)))
    assert (found.severity, found.kind) == ("warning", "addressee")
    assert found.problem == what + "; its designated establishment in the Union is not in the catalogue"
    assert "[[entity]]" in found.fix
    assert "SIRIUS" in found.fix


@pytest.mark.parametrize(("entities", "state"), [(("World",), "DE"), ((), "DE"), (("Ireland",), "US")])
def test_a_seat_in_a_bound_member_state_needs_no_word(tmp_path: Path, entities: tuple[str, ...], state: str) -> None:
    assert told(drafted(tmp_path, known(tmp_path, *entities, state=state))) == []


@pytest.mark.parametrize(("entities", "state", "name"), [(("Ireland",), "US", "Wide Ireland"), ((), "IE", "Wide")])
def test_an_addressee_in_the_issuing_state_itself_is_told(
    tmp_path: Path, entities: tuple[str, ...], state: str, name: str
) -> None:
    """Art. 7: in another Member State. An Irish court has its own law for a company in Ireland."""
    (found,) = told(drafted(tmp_path, known(tmp_path, *entities, state=state), user="FR", country="IE"))
    assert found.severity == "warning"
    assert found.problem == f"{name} sits in IE itself, and eu.epocpr goes to another Member State (art. 7)"


def test_days_are_counted_where_the_entity_sits_with_the_holidays_of_its_state(tmp_path: Path) -> None:
    catalogue = known(tmp_path, "America", "Ireland")
    european, american = (
        drafted(tmp_path, catalogue, user=user, instrument=law).terms
        for user, law in (("US", EUROPEAN), ("US", AMERICAN))
    )
    assert (european.provider.zone, american.provider.zone) == ("Europe/Dublin", "America/New_York")
    assert european.holidays[date(2026, 12, 26)] == "Saint Stephen's Day"
    assert date(2026, 11, 26) not in european.holidays
    assert american.holidays[date(2026, 11, 26)] == "Thanksgiving Day"


def test_two_requests_of_a_case_to_different_entities_have_terms_of_their_own(tmp_path: Path) -> None:
    catalogue = known(tmp_path, "America", "Ireland")
    case: dict[str, Any] = {"case": CASE["case"], "request": []}
    for number, user in enumerate(("US", "FR")):
        case["request"].append(
            {
                "provider": "wide",
                "instrument": AMERICAN,
                "categories": ["subscriber"],
                "user_location": user,
                "identifiers": [{"type": "email", "value": f"canary.{number}@example.com"}],
            }
        )
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    assert [each.terms.provider.zone for each in intake.read(path, catalogue, at=MORNING)[1]] == [
        "America/New_York",
        "Europe/Dublin",
    ]


def test_the_holidays_of_a_state_that_is_not_bound_roll_no_european_day(tmp_path: Path) -> None:
    assert drafted(tmp_path, known(tmp_path, "America")).terms.holidays == {}


def test_the_zone_of_an_entity_is_read_and_checked() -> None:
    text = samples.PROVIDER.replace('state = "IE"\nsource', 'state = "IE"\nzone = "Europe/Paris"\nsource', 1)
    (entity,) = read_provider(samples.table(text), "test").entities
    assert entity.zone == "Europe/Paris"
    (silent,) = read_provider(samples.table(samples.PROVIDER), "test").entities
    assert silent.zone == ""


@pytest.mark.parametrize(
    ("id_", "user", "name"),
    [
        ("x", "US", "X Internet Unlimited Company"),
        ("google", "", "Google Ireland Limited"),
        ("facebook", "GB", "Meta Platforms Ireland Limited"),
        ("linkedin", "NO", "LinkedIn Ireland Unlimited Company"),
        ("tiktok", "US", "TikTok (EEA and Switzerland)"),
        ("snap", "FR", "Snap Inc."),
    ],
)
def test_whom_a_european_order_reaches_of_those_that_are_shipped(id_: str, user: str, name: str) -> None:
    entry = load().providers[id_]
    found = entry.entity_under("EU", user)
    assert found is not None
    assert found.name == name
    assert found.zone == ("Europe/Dublin" if found.state == "IE" else "")
