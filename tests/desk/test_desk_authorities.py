"""`holdfast authorities`: the networks, whom a State is asked through, and which contacts to look at again."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_support import REACHES, Unit

CONTACT = """
[[contact]]
network = "{network}"
name = "Contact point of Example State"
languages = ["en"]
zone = "Europe/Dublin"
hours = "day and night"
source = "list of our own contact point"
read_on = {read_on}
confidence = "high"
verified = {verified}
[contact.adapter]
kind = "manual"
channel = "24-7"
"""


@pytest.fixture
def directory(unit: Unit) -> Path:
    """The unit's own folder of authorities, empty."""
    folder = unit.folder / "config" / "authorities"
    folder.mkdir()
    return folder


def contact(network: str = "budapest-35", read_on: str = "2026-11-20", verified: str = "true") -> str:
    return CONTACT.format(network=network, read_on=read_on, verified=verified)


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_networks_are_listed_with_what_they_are_worth(unit: Unit) -> None:
    shown = unit("authorities")
    assert shown.exit_code == 0
    assert unit("authorities", "list").stdout == shown.stdout
    assert "budapest-35 24/7 network of the Convention on Cybercrime obliges to preserve" in words(shown.stdout)
    assert "interpol INTERPOL I-24/7 obliges nobody" in words(shown.stdout)
    listed = unit.json("authorities", "list")
    assert [each["id"] for each in listed["networks"]] == listed["order"]
    assert listed["states"] == {}


def test_a_state_shows_whom_it_is_asked_through_in_order(unit: Unit, directory: Path) -> None:
    (directory / "ie.toml").write_text(f'state = "IE"\n{contact("interpol")}{contact("budapest-35")}')
    shown = unit.json("authorities", "show", "ie", "--from", "fr")
    assert (shown["requesting"], shown["requested"]) == ("FR", "IE")
    assert [each["id"] for each in shown["route"]] == ["ie.budapest-35", "ie.interpol", "own-contact-point"]
    page = words(unit("authorities", "show", "IE").stdout)
    assert "1. ie.budapest-35 24-7 Contact point of Example State" in page
    assert "3. own-contact-point 24-7 through your own contact point, by a person" in page
    assert "IE interpol, budapest-35" in words(unit("authorities").stdout)


def test_a_state_without_a_file_says_which_file_to_fill_in(unit: Unit) -> None:
    page = words(unit("authorities", "show", "US").stdout)
    assert "1. own-contact-point" in page
    assert "fill in authorities/us.toml in your own folder" in page


@pytest.mark.parametrize("typed", [("show", "Ireland"), ("show", "IE", "--from", "France")])
def test_what_is_no_state_is_told(unit: Unit, typed: tuple[str, ...]) -> None:
    result = unit("authorities", *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "write a code such as US" in result.stderr


def test_an_empty_directory_is_a_matter_for_a_person(unit: Unit) -> None:
    result = unit("authorities", "check")
    assert result.exit_code == 1
    assert "no State has a file" in words(result.stdout)
    assert "needs a person: 1 matter" in result.stderr


@pytest.mark.parametrize(
    ("read_on", "verified", "finding"), [("2026-07-01", "true", "old"), ("2026-11-20", "false", "unverified")]
)
def test_old_and_unverified_contacts_are_listed(
    unit: Unit, directory: Path, read_on: str, verified: str, finding: str
) -> None:
    (directory / "ie.toml").write_text(f'state = "IE"\n{contact(read_on=read_on, verified=verified)}')
    (found,) = unit.json("authorities", "check", status=1)
    assert (found["about"], found["finding"]) == ("ie.budapest-35", finding)
    assert found["what"].endswith("ie.toml")


def test_a_fresh_directory_needs_nobody(unit: Unit, directory: Path) -> None:
    (directory / "ie.toml").write_text(f'state = "IE"\n{contact()}')
    result = unit("authorities", "check")
    assert result.exit_code == 0
    assert "1 contact: every one is verified and fresh." in result.stdout


def test_a_wrong_file_stops_every_command_and_is_told_with_its_place(unit: Unit, directory: Path) -> None:
    (directory / "ie.toml").write_text(f'state = "US"\n{contact("telex")}')
    result = unit("authorities")
    assert (result.exit_code, result.stdout) == (2, "")
    assert 'authorities/ie.toml: state: expected "IE"' in result.stderr
    assert "authorities/ie.toml: contact[0].network: expected one of budapest-35" in result.stderr


def test_a_request_to_a_state_ends_with_a_packet_for_each_contact(unit: Unit, directory: Path) -> None:
    (directory / "ie.toml").write_text(f'state = "IE"\n{contact("g7-24-7")}')
    mla = REACHES | {"requested_state": "IE"}
    asked = {"instrument": "coe.budapest.29", "necessity": "Logs are kept for 30 days.", "provider": "byhand"}
    (request,) = unit.preserve(asked, status=1, mla=mla)
    taken = unit.json("packet", request)
    assert taken["ways"] == ["24-7", "24-7"]
    assert "article-29.txt" in taken["files"]
    form = (Path(taken["folder"]) / "article-29.txt").read_text()
    assert "4. Requested authority\n   Contact point of Example State, IE\n" in form
    assert "[art. 29(2)(d)]\n   byhand\n" in form
    assert "Reach your own contact point, to have this passed on" in words(
        unit("packet", request, "--way", "2").stdout
    )
