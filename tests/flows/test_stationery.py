"""The unit's letters: the shipped texts with the unit's laid over, the signature from the environment."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.catalogue import SHIPPED
from flows.office import open_catalogue
from flows.reading import ConfigurationErrors
from flows.settings import load
from flows.stationery import UnitLetters, read_letters, wrong_letters
from providers.errors import ConfigurationError
from providers.interface import Action, Addressee, Item, Officer, Order

ORDER = Order(
    request="HF-7K3M9Q2XW4T8",
    action=Action.RELEASE,
    sequence=1,
    key="key",
    made_at=datetime(2026, 11, 21, 9, tzinfo=UTC),
    instrument="jp.ccp197",
    legal_basis="Code of Criminal Procedure, art. 197(3)",
    case_reference="CY-2026-0412",
    unit="Cybercrime Unit, Example Police",
    country="FR",
    officer=Officer(name="Duty officer", badge="1", email="duty@example.com", phone="+1-555-0100"),
    offence_title="Fraud",
    offence_provisions=(),
    offence_facts="",
    items=(Item(id="i1", type="email", value="canary@example.com"),),
    held_until=date(2026, 12, 24),
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A unit's folder for its letters."""
    folder = tmp_path / "letters"
    folder.mkdir()
    return folder


def test_a_unit_changes_one_text_and_keeps_the_others(own: Path) -> None:
    (own / "en.toml").write_text('[text]\nrelease_only = "Other orders stand."\n')
    english, shipped = read_letters(own.parent).languages["en"], read_letters().languages["en"]
    assert english.texts["release_only"] == ("Other orders stand.",)
    assert english.texts["release"] == shipped.texts["release"]


def test_a_unit_adds_a_language(own: Path) -> None:
    shipped = (SHIPPED / "letters" / "pt.toml").read_text(encoding="utf-8")
    (own / "pt-BR.toml").write_text(shipped.replace('language = "pt"', 'language = "pt-BR"'), encoding="utf-8")
    assert "pt-BR" in read_letters(own.parent).languages


def test_a_unit_gives_an_instrument_another_family_and_its_own_structure(own: Path) -> None:
    (own / "letters.toml").write_text('[instruments]\n"jp.ccp197" = "us.2703f"\n')
    (own / "letter.typ").write_text('#set document(title: "Ours")\nOurs')
    read = read_letters(own.parent)
    assert read.composition("jp.ccp197", "original").title == "us_preserve"
    assert read.composition("coe.budapest.29", "original").title == "coe_preserve"
    assert read.structure.endswith("Ours")


def test_mistakes_of_a_unit_are_told_with_file_and_key_all_at_once(own: Path) -> None:
    (own / "en.toml").write_text('[text]\nrelase = "x"\nreply = "Quote {reqest}."\n')
    (own / "fr.toml").write_text("[text\n")
    (own / "french.toml").write_text('a = "b"\n')
    assert [line.partition(" ")[0] for line in wrong_letters(own.parent)] == [
        f"{own}/fr.toml:",
        f"{own}/french.toml:",
    ]
    (own / "fr.toml").unlink()
    (own / "french.toml").unlink()
    assert wrong_letters(own.parent) == (
        f'{own}/en.toml: text.relase: unknown key; did you mean "release"?',
        f'{own}/en.toml: text.reply: there is no placeholder {{reqest}}; did you mean "request"?',
    )


def test_the_letters_are_checked_with_the_rest_of_the_configuration(own: Path) -> None:
    assert wrong_letters(None) == ()
    (own / "en.toml").write_text('[text]\nrelase = "x"\n')
    with pytest.raises(ConfigurationErrors, match=r"text\.relase"):
        open_catalogue(load({"HOLDFAST_CONFIG": str(own.parent), "HOLDFAST_HOME": str(own.parent)}))


def test_nothing_is_read_before_the_first_letter_and_then_once(own: Path) -> None:
    letters = UnitLetters(load({"HOLDFAST_CONFIG": str(own.parent), "HOLDFAST_HOME": str(own.parent)}))
    (own / "en.toml").write_text('[title]\nrelease = "Our own title"\n')
    first = letters.write(ORDER)
    (own / "en.toml").unlink()
    assert letters.write(ORDER).pdf == first.pdf
    assert not first.signed
    assert "typst" in sys.modules


def test_a_signing_key_is_looked_at_when_the_first_letter_is_written(own: Path) -> None:
    environ = {"HOLDFAST_HOME": str(own), "HOLDFAST_SIGNING_P12": str(own / "none.p12")}
    letters = UnitLetters(load(environ))
    assert not letters.write(ORDER, draft=True).signed
    with pytest.raises(ConfigurationError, match=r"^HOLDFAST_SIGNING_P12: the file cannot be read"):
        letters.write(ORDER)


def test_a_letter_goes_in_the_language_of_its_addressee() -> None:
    from dataclasses import replace

    letters = UnitLetters(load({"HOLDFAST_HOME": "/nonexistent"}))
    assert letters.write(replace(ORDER, addressee=Addressee(language="ar"))).language == "ar"
