"""The tables of the letters: complete in every language; what is wrong is told with file and key, all at once."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from letters_support import LANGUAGES, letter_order, made, stationery, tables
from provider_orders import ROOT

from providers.errors import ConfigurationError
from providers.letters import Typesetter
from providers.letters.fields import CONDITIONS, FIELDS, PLACEHOLDERS
from providers.section import TableError


def told(shared: dict[str, Any], languages: dict[str, dict[str, Any]]) -> list[str]:
    with pytest.raises(TableError) as found:
        made(shared, languages)
    return list(found.value.problems)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_shipped_letters_speak_six_languages() -> None:
    assert tuple(sorted(stationery().languages)) == LANGUAGES
    assert stationery().languages["ar"].direction == "rtl"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_tables_and_keys_of_english(language: str) -> None:
    _, texts = tables()
    english, other = texts["en"], texts[language]
    for name, table in english.items():
        if isinstance(table, dict):
            optional = {"comma"}
            assert set(table) - optional == set(other[name]) - optional, name
    assert other["verified"] is False, "no lawyer has read it yet"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_says_the_same_days_and_references_as_in_english(language: str) -> None:
    english, other = stationery().languages["en"].texts, stationery().languages[language].texts
    for key, variants in english.items():
        assert [placeholders(each) for each in variants] == [placeholders(each) for each in other[key]], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_texts_of_a_language_are_the_same_but_for_a_reason(language: str) -> None:
    """A text that was copied and not rewritten would say the wrong thing."""
    texts = [each for variants in stationery().languages[language].texts.values() for each in variants]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_sentence_was_left_in_english(language: str) -> None:
    english, other = stationery().languages["en"].texts, stationery().languages[language].texts
    assert [key for key in english if english[key] == other[key] and key != "us_custodian"] == []


def test_every_condition_is_used_and_every_placeholder() -> None:
    blocks = [block for family in stationery().families.values() for each in family.values() for block in each.blocks]
    assert {when for block in blocks for when in (block.when, *block.each)} - {""} == set(CONDITIONS)
    used = {
        name for each in stationery().languages["en"].texts.values() for text in each for name in placeholders(text)
    }
    assert used <= set(PLACEHOLDERS)
    assert {name for block in blocks for name in block.fields} <= set(FIELDS)


def all_told(problems: list[str], *expected: str) -> None:
    for wanted in expected:
        assert any(problem.startswith(wanted) for problem in problems), (wanted, problems)


def test_everything_wrong_with_the_languages_is_told_at_once_with_file_and_key() -> None:
    shared, languages = tables()
    del languages["fr"]["text"]["reply"]
    del languages["de"]["label"]["request"]
    languages["es"]["text"]["confidential"] = "Confidencial {requst}"
    languages["pt"]["word"]["page"] = "Página {page}"
    languages["ar"]["months"] = ["واحد"]
    languages["en"]["text"]["releese"] = "Gone."
    languages["en"]["date"] = "{day!r} {month} {year}"
    all_told(
        told(shared, languages),
        "fr.toml: text.reply: is missing; expected a text, for family.",
        "de.toml: label.request: is missing",
        'es.toml: text.confidential: there is no placeholder {requst}; did you mean "request"?',
        "pt.toml: word.page: must say {pages}",
        "ar.toml: months: expected the names of twelve months, found 1",
        'en.toml: text.releese: unknown key; did you mean "release"?',
        "en.toml: date: ",
    )


def test_everything_wrong_with_the_shared_table_is_told_at_once_and_blames_no_language() -> None:
    """It says what a language must have, so while it is wrong nothing can be said of them."""
    shared, languages = tables()
    shared["instruments"]["us.18usc2703f"] = "us.2703"
    shared["family"]["generic"]["release"]["blocks"].append({"text": "release", "when": "confidental"})
    shared["family"]["generic"]["release"]["blocks"].append({"fields": ["dat"], "note": "preserve"})
    shared["fonts"]["text"]["characters"] = "0020-7E"
    problems = told(shared, languages)
    all_told(
        problems,
        'letters.toml: instruments."us.18usc2703f": unknown family "us.2703"; did you mean "us.2703f"?',
        'letters.toml: family.generic.release.blocks.7.when: unknown word "confidental"; did you mean "confid',
        'letters.toml: family.generic.release.blocks.8.fields: unknown field "dat"; did you mean "date"?',
        "letters.toml: family.generic.release.blocks.8: expected one of text, note, list, fields, items, found note,",
        'letters.toml: fonts.text.characters: expected code points such as 0020-007E, found "0020-7E"',
    )
    assert all(each.startswith("letters.toml: ") for each in problems)


def test_a_brace_alone_is_told() -> None:
    shared, languages = tables()
    languages["en"]["text"]["reply"] = "Answer } now"
    assert told(shared, languages) == [
        "en.toml: text.reply: a brace stands alone; write {{ and }} for literal braces"
    ]


def test_the_generic_family_cannot_lack_a_letter() -> None:
    shared, languages = tables()
    del shared["family"]["generic"]["clarify"]
    assert "letters.toml: family.generic.clarify: is missing; the generic family has every kind of letter" in told(
        shared, languages
    )


def test_a_font_that_lacks_what_is_promised_stops_the_letter_without_quoting_it() -> None:
    shared, languages = tables()
    shared["fonts"]["text"]["characters"] += " 4E00-4EFF"
    order = letter_order(offence_title="canary \u4e00")
    with pytest.raises(ConfigurationError, match=r"no font has a character that letters\.toml promises") as found:
        Typesetter(made(shared, languages)).write(order)
    assert "canary" not in str(found.value)
    assert found.value.__context__ is None


@pytest.mark.parametrize("font", ["text", "identifier"])
def test_the_fonts_have_every_character_that_is_promised(font: str) -> None:
    """Each promised character is printed in one letter: the standard refuses a letter with a missing glyph."""
    promised = getattr(stationery(), f"{font}_font").characters
    everything = "".join(map(chr, sorted(promised)))
    order = letter_order(unit=everything) if font == "text" else letter_order(references=(everything,))
    assert len(promised) > 650
    assert len(Typesetter(stationery()).write(order).pdf) > 50_000


def test_a_broken_structure_is_told_without_quoting_data() -> None:
    shared, languages = tables()
    broken = made(shared, languages, structure='#panic("it says " + sys.inputs.letter)')
    with pytest.raises(ConfigurationError, match=r"letters/letter\.typ: cannot be typeset") as found:
        Typesetter(broken).write(letter_order())
    assert "Il1O0@example.com" not in str(found.value)


def test_the_structure_can_read_its_own_folder_and_nothing_else() -> None:
    shared, languages = tables()
    for path in ("/etc/hostname", "../policy.toml", str(Path(__file__))):
        nosy = made(shared, languages, structure=f'#set document(title: "x")\n#read("{path}")')
        with pytest.raises(ConfigurationError, match="cannot be typeset"):
            Typesetter(nosy).write(letter_order())
    own = made(shared, languages, structure='#set document(title: "x")\n#read("fonts/OFL-Amiri.txt")')
    assert Typesetter(own).write(letter_order()).pdf.startswith(b"%PDF")


def test_the_guide_names_every_placeholder_kind_and_key_of_the_data() -> None:
    from providers.letters.composing import compose

    guide = (ROOT / "docs" / "letters.md").read_text(encoding="utf-8")
    assert [name for name in PLACEHOLDERS if f"`{{{name}}}`" not in guide] == []
    assert [name for name in stationery().families if f"`{name}`" not in guide] == []
    items = letter_order().items * 7
    english = stationery().languages["en"]
    data = compose(letter_order(items=items), stationery(), english, draft=True, signed=True)
    assert isinstance(data, dict)
    assert [key for key in data if f'"{key}"' not in guide] == []
