"""The directory of authorities: the networks, the unit's contacts, and in which order a State is asked."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import casefile_helpers as cases
import pytest

from flows import intake
from flows.authorities import ORDER, OWN_CONTACT_POINT, authority_findings
from flows.catalogue import SHIPPED, Catalogue, ConfigurationErrors, load
from flows.findings import Finding
from flows.routes import routes
from providers.interface import Addressee
from providers.registry import capabilities_of

SOURCE = 'source = "list of our own contact point"\nread_on = 2026-11-20\nconfidence = "high"\nverified = true\n'
CONTACT = f"""
[[contact]]
network = "{{network}}"
name = "{{network}} of Example State"
languages = ["fr", "en"]
zone = "Europe/Dublin"
{SOURCE}
[contact.adapter]
kind = "manual"
channel = "24-7"
address = "+1-555-0100"
"""


def directory(folder: Path, **files: str) -> Catalogue:
    """The catalogue with these files of a unit in its directory of authorities."""
    own = folder / "unit" / "authorities"
    own.mkdir(parents=True)
    for name, text in files.items():
        (own / f"{name}.toml").write_text(text, encoding="utf-8")
    return load(folder / "unit")


def contacts(state: str, *networks: str) -> str:
    return f'state = "{state}"\n' + "".join(CONTACT.format(network=each) for each in networks)


def networks_of(catalogue: Catalogue, requesting: str, requested: str) -> list[str]:
    return [each.network for each in catalogue.authorities.route(requesting, requested)]


# What is shipped


def test_the_public_networks_are_shipped_and_no_contact_of_anybody() -> None:
    shipped = load().authorities
    assert set(shipped.networks) == set(shipped.order) == set(ORDER)
    assert not shipped.contacts
    assert {path.name for path in (SHIPPED / "authorities").iterdir()} == {
        *("networks.toml", "routes.toml", "README.md"),
    }


def test_no_shipped_file_of_the_directory_holds_an_address_of_a_person_or_an_office() -> None:
    reserved = re.compile(r"@(?!example\.(com|org|net)\b)|\+(?!1-555-01)\d")
    for path in (SHIPPED / "authorities").iterdir():
        assert not reserved.search(path.read_text(encoding="utf-8")), path.name


def test_only_the_conventions_network_obliges_to_preserve() -> None:
    duties = {each.id: each.duty_to_preserve for each in load().authorities.networks.values()}
    assert duties == {
        "budapest-35": True,
        "g7-24-7": False,
        "interpol": False,
        "central-authority": None,
        "diplomatic": None,
    }


def test_the_example_of_the_guide_for_the_unit_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    guide = (SHIPPED / "authorities" / "README.md").read_text(encoding="utf-8")
    example = guide.split("```toml")[1].split("```")[0].replace('"XX"', '"IE"')
    (contact, own) = directory(tmp_path, ie=example).authorities.route("FR", "IE")
    assert (contact.id, contact.state, contact.languages) == ("ie.budapest-35", "IE", ("en",))
    assert own.id == OWN_CONTACT_POINT


# Routes


def test_a_state_without_a_file_is_reached_through_the_own_contact_point() -> None:
    (only,) = load().authorities.route("FR", "US")
    assert (only.id, only.network, only.state) == (OWN_CONTACT_POINT, "budapest-35", "US")
    assert only.source is None
    assert capabilities_of(only.adapter, where=only.where).person


def test_contacts_are_asked_in_the_order_of_their_networks_and_a_person_last(tmp_path: Path) -> None:
    catalogue = directory(tmp_path, ie=contacts("IE", "interpol", "diplomatic", "g7-24-7", "budapest-35"))
    route = catalogue.authorities.route("FR", "IE")
    assert [each.id for each in route] == [
        *("ie.budapest-35", "ie.g7-24-7", "ie.interpol", "ie.diplomatic", OWN_CONTACT_POINT),
    ]


def test_a_pair_of_states_may_have_an_order_of_its_own_and_others_keep_the_usual_one(tmp_path: Path) -> None:
    pair = '[[route]]\nrequesting = "FR"\nrequested = "IE"\norder = ["interpol", "budapest-35"]\n'
    catalogue = directory(tmp_path, ie=contacts("IE", "budapest-35", "g7-24-7", "interpol"), routes=pair)
    assert networks_of(catalogue, "FR", "IE") == ["interpol", "budapest-35", "interpol"]
    assert networks_of(catalogue, "DE", "IE") == ["budapest-35", "g7-24-7", "interpol", "budapest-35"]
    assert catalogue.authorities.order == ORDER


def test_two_contacts_on_one_network_keep_the_order_of_the_file(tmp_path: Path) -> None:
    night = CONTACT.format(network="budapest-35").replace("network =", 'id = "ie.night"\nnetwork =')
    catalogue = directory(tmp_path, ie=contacts("IE", "budapest-35") + night)
    assert [each.id for each in catalogue.authorities.route("FR", "IE")][:2] == ["ie.budapest-35", "ie.night"]


def test_a_request_to_a_state_goes_to_its_authorities_and_names_the_custodian(tmp_path: Path) -> None:
    catalogue = directory(tmp_path, us=contacts("US", "g7-24-7"))
    law = catalogue.instruments["coe.budapest.29"]
    first, last = routes(catalogue, provider="snap", instrument=law, country="FR", requested_state="US")
    assert first.addressee == Addressee(
        name="g7-24-7 of Example State", service="Snap Inc.", state="US", language="fr", network="g7-24-7"
    )
    assert (first.id, first.zone) == ("us.g7-24-7", "Europe/Dublin")
    assert last.id == OWN_CONTACT_POINT
    assert last.addressee.language == "en"
    (way, *_) = routes(catalogue, provider="snap", instrument=catalogue.instruments["us.18usc2703f"], country="FR")
    assert way.addressee.network == ""


def test_a_unit_may_add_a_network_of_its_own(tmp_path: Path) -> None:
    network = (
        '[network.uncc-41]\nname = "24/7 network"\nbasis = "article 41"\ncarries = ["preservation"]\n'
        f'duty_to_preserve = "unknown"\nmembers = ["FR", "IE"]\n{SOURCE}'
    )
    order = f'order = ["uncc-41", "budapest-35"]\n{SOURCE}'
    catalogue = directory(tmp_path, networks=network, routes=order, ie=contacts("IE", "budapest-35", "uncc-41"))
    assert networks_of(catalogue, "FR", "IE") == ["uncc-41", "budapest-35", "uncc-41"]
    assert catalogue.authorities.networks["uncc-41"].leaves_out("US")
    assert not catalogue.authorities.networks["uncc-41"].leaves_out("IE")


# What can be wrong


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("us", contacts("IE", "interpol"), 'us.toml: state: expected "US", like the name of the file, found "IE"'),
        ("us", 'state = "US"\n', "us.toml: contact: expected at least one [[contact]]"),
        (
            "usa",
            contacts("US", "interpol"),
            "usa.toml: is no part of the directory; name it by the code of the State",
        ),
        (
            "network",
            contacts("US", "interpol"),
            'network.toml: is no part of the directory; did you mean "networks"?',
        ),
        ("us", contacts("US", "telex"), "us.toml: contact[0].network: expected one of budapest-35, g7-24-7"),
        (
            "us",
            contacts("US", "interpol", "interpol"),
            "us.toml: contact[1].id: is missing; a second contact over interpol needs one of its own",
        ),
        (
            "us",
            contacts("US", "interpol").replace("[[contact]]", f'[[contact]]\nid = "{OWN_CONTACT_POINT}"'),
            "us.toml: contact[0].id: expected a name of its own in small letters",
        ),
        (
            "us",
            contacts("US", "interpol").replace("[[contact]]", '[[contact]]\nid = "ie.interpol"'),
            "us.toml: contact[0].id: expected a name of its own in small letters that begins with the State",
        ),
        (
            "us",
            contacts("US", "interpol").replace('"fr"', '"French"'),
            'us.toml: contact[0].languages[0]: expected a language code such as "en", found "French"',
        ),
        (
            "us",
            contacts("US", "interpol").replace("Europe/Dublin", "Dublin"),
            "us.toml: contact[0].zone: expected a time zone",
        ),
        (
            "us",
            contacts("US", "interpol").replace('"24-7"', '"telex"'),
            'us.toml: contact[0]: adapter.channel: unknown word "telex"',
        ),
        (
            "us",
            contacts("US", "interpol").split("[contact.adapter]")[0],
            "us.toml: contact[0].adapter: is missing; expected a table",
        ),
        (
            "us",
            contacts("US", "interpol").replace("read_on = 2026-11-20\n", ""),
            "us.toml: contact[0].read_on: is missing",
        ),
        ("us", contacts("US", "interpol").replace("zone =", "time_zone ="), "contact[0].time_zone: unknown key; did"),
        ("routes", 'order = ["budapest"]\n', 'routes.toml: order[0]: unknown word "budapest"; did you mean'),
        ("routes", 'order = ["interpol", "interpol"]\n', 'routes.toml: order[1]: "interpol" is named twice'),
        ("routes", "order = []\n", "routes.toml: order: expected at least one network"),
        (
            "routes",
            '[[route]]\nrequesting = "FRA"\nrequested = "US"\norder = ["interpol"]\n',
            'routes.toml: route[0].requesting: expected a country code such as "FR", found "FRA"',
        ),
        (
            "routes",
            2 * '[[route]]\nrequesting = "FR"\nrequested = "US"\norder = ["interpol"]\n',
            "routes.toml: route[1]: the way from FR to US is given twice",
        ),
        (
            "networks",
            '[network.budapest-35]\nmembers = ["FR", "France"]\n',
            'networks.toml: network.budapest-35.members[1]: expected a country code such as "FR", found "France"',
        ),
        (
            "networks",
            '[network.budapest-35]\nduty_to_preserve = "yes"\n',
            "networks.toml: network.budapest-35.duty_to_preserve: expected true or false",
        ),
    ],
)
def test_a_wrong_entry_is_told_with_file_and_key(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        directory(tmp_path, **{name: text})
    assert [each for each in caught.value.errors if told in each], caught.value.errors


def test_the_mistakes_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        directory(tmp_path, us='state = "US"\n', ie=contacts("IE", "telex"), routes="order = []\n")
    assert {each.rpartition("/")[2].partition(":")[0] for each in caught.value.errors} == {
        *("us.toml", "ie.toml", "routes.toml"),
    }


# Before anything leaves


def findings(catalogue: Catalogue, tmp_path: Path, instrument: str = "coe.budapest.29", **mla: Any) -> list[Finding]:
    tree = cases.changed(case__mla=mla or ..., request__0__instrument=instrument)
    read, problems = cases.read_tree(tmp_path, tree)
    assert read is not None, problems
    return list(authority_findings(read, read.requests[0], catalogue.instruments[instrument], catalogue))


def said(found: list[Finding]) -> str:
    assert all(each.problem.severity == "warning" for each in found)
    return "\n".join(str(each.problem) for each in found)


def test_an_empty_directory_is_told_with_the_file_to_fill_in(tmp_path: Path) -> None:
    told = said(findings(load(), tmp_path, requested_state="US", send_on="2026-12-01"))
    assert "no contact of US is in the unit's directory" in told
    assert "authorities/us.toml" in told


def test_a_contact_that_nobody_verified_is_told_and_a_verified_one_is_not(tmp_path: Path) -> None:
    text = contacts("US", "g7-24-7", "interpol").replace("verified = true", "verified = false", 1)
    told = said(findings(directory(tmp_path, us=text), tmp_path, requested_state="US", send_on="2026-12-01"))
    assert "the contact us.g7-24-7 was never verified" in told
    assert "us.interpol" not in told
    assert "no contact of US" not in told


def test_a_state_that_takes_no_part_in_the_network_is_told(tmp_path: Path) -> None:
    told = said(findings(load(), tmp_path, requested_state="IN", send_on="2026-12-01"))
    assert "IN takes no part in the 24/7 network of the Convention on Cybercrime" in told


def test_nobody_asks_the_own_state_by_a_treaty(tmp_path: Path) -> None:
    told = said(findings(load(), tmp_path, requested_state="FR", send_on="2026-12-01"))
    assert "FR is the requesting State itself" in told


def test_an_instrument_that_goes_to_the_provider_needs_no_directory(tmp_path: Path) -> None:
    assert findings(load(), tmp_path, "us.18usc2703f", requested_state="US", send_on="2026-12-01") == []
    assert findings(load(), tmp_path, "us.18usc2703f") == []


def test_the_preflight_tells_it_before_anything_leaves(tmp_path: Path) -> None:
    tree = cases.changed(request__0__instrument="coe.budapest.29")
    (tmp_path / "case.json").write_text(json.dumps(tree), encoding="utf-8")
    _, (draft,), _ = intake.read(tmp_path / "case.json", load(), at=cases.NOW)
    assert [each for each in draft.findings if "no contact of US" in each.problem.problem]


def test_a_request_to_a_state_counts_its_days_where_its_authority_is(tmp_path: Path) -> None:
    tree = cases.changed(
        case__mla={"requested_state": "US", "send_on": "2026-12-01"}, request__0__instrument="coe.budapest.29"
    )
    (tmp_path / "case.json").write_text(json.dumps(tree), encoding="utf-8")
    _, (draft,), _ = intake.read(
        tmp_path / "case.json", directory(tmp_path, us=contacts("US", "g7-24-7")), at=cases.NOW
    )
    assert draft.terms.provider.zone == "Europe/Dublin", "the zone of the contact, not the custodian's"


def test_every_table_of_the_shipped_directory_says_where_it_stands() -> None:
    for name in ("networks", "routes"):
        table = tomllib.loads((SHIPPED / "authorities" / f"{name}.toml").read_text(encoding="utf-8"))
        for each in table["network"].values() if name == "networks" else (table,):
            assert {"source", "read_on", "confidence", "verified"} <= set(each)
