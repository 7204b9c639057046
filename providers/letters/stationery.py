"""The stationery: structure and texts of all letters, read from tables and checked as a whole.

Every language must have every text that the structure names, and no text may have a placeholder that nothing
fills. All problems are told at once, each with file and key.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from providers.letters.characters import Font
from providers.letters.fields import CONDITIONS, FIELDS, HEAD, PLACEHOLDERS
from providers.letters.language import WORDS, Language
from providers.section import Section, TableError, one_of, shown

KINDS = ("original", "extension", "release", "announce", "clarify")
"""Kinds of letter. A new snapshot and a request to a further provider are originals with a sentence of their own."""

GENERIC = "generic"
_MONTHS = 12
_RANGE = re.compile(r"([0-9A-F]{4,6})(?:-([0-9A-F]{4,6}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One part of a letter: at most one of `text`, `items`, `note` … is given, with a heading and a condition.

    `each` has the conditions of a list's lines, in their order: one for each, or none at all.
    """

    heading: str = ""
    text: str = ""
    note: str = ""
    list: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    items: bool = False
    when: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """One letter of a family: its title, whose attention it asks for, the fields it needs, its blocks in order.

    A form has no head: its sections say who writes to whom.
    """

    title: str
    form: bool
    attention: str
    needs: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stationery:
    """What letters are made from. `structure` is typst, `folder` what it may read; `fonts` are folders of fonts."""

    structure: str
    folder: Path
    fonts: tuple[Path, ...]
    text_font: Font
    identifier_font: Font
    families: Mapping[str, Mapping[str, Composition]]
    instruments: Mapping[str, str]
    languages: Mapping[str, Language]

    def composition(self, instrument: str, kind: str) -> Composition:
        """The letter of that kind for an instrument; the generic one where its family has none."""
        family = self.families[self.instruments.get(instrument, GENERIC)]
        return family.get(kind) or self.families[GENERIC][kind]


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One table with the name of its file, for messages."""

    table: Mapping[str, object]
    where: str


def read_stationery(
    shared: File, languages: Mapping[str, File], *, structure: str, folder: Path, fonts: Iterable[Path]
) -> Stationery:
    """Check the tables and make the stationery.

    Args:
        shared: what stands in which letter (`letters.toml`).
        languages: the texts by language tag ("en", "pt-BR").
        structure: the typst source that draws a letter from the data in `sys.inputs.letter`.
        folder: the only folder whose files the structure can read: a coat of arms, say.
        fonts: folders with font files, beside those that typst brings.

    Raises:
        TableError: every problem, with file and key; those of the languages once the shared table is sound, since it
            says what they must have.
    """
    problems: list[str] = []
    root = Section(
        shared.table,
        where=shared.where,
        path="",
        problems=problems,
        keys=("types", "categories", "urgencies", "networks", "fonts", "instruments", "family"),
    )
    kinds = root.child("fonts", ("text", "identifier"))
    text_font, identifier_font = _font(kinds, "text"), _font(kinds, "identifier")
    families = _families(root.child("family"))
    instruments = root.texts("instruments")
    for instrument, family in instruments.items():
        if family not in families:
            root.child("instruments").wrong(instrument, f"unknown family {shown(family)}; {one_of(family, families)}")
    wanted = _wanted(root, families)
    if problems:
        raise TableError(problems)
    read = {tag: _language(tag, file, wanted, problems) for tag, file in languages.items()}
    if not read:
        problems.append(f"{shared.where}: there is no language file beside it; add one such as en.toml")
    if problems:
        raise TableError(problems)
    return Stationery(
        structure=structure,
        folder=folder,
        fonts=tuple(fonts),
        text_font=text_font,
        identifier_font=identifier_font,
        families=families,
        instruments=instruments,
        languages=read,
    )


def _texts(section: Section, key: str, known: Collection[str] | None = None, what: str = "word") -> tuple[str, ...]:
    values = section.values.get(key, [])
    if not isinstance(values, list) or not all(isinstance(each, str) and each.strip() for each in values):
        section.wrong(key, "expected a list of texts")
        return ()
    for value in values:
        if known is not None and value not in known:
            section.wrong(key, f"unknown {what} {shown(value)}; {one_of(value, known)}")
    return tuple(values)


def _font(section: Section, key: str) -> Font:
    child = section.child(key, ("families", "characters"))
    families = _texts(child, "families")
    if not families:
        child.wrong("families", "is missing; expected a list of font families")
    points: set[int] = set()
    for word in child.text("characters").split():
        found = _RANGE.fullmatch(word)
        if found is None:
            child.wrong("characters", f"expected code points such as 0020-007E, found {shown(word)}")
        else:
            points.update(range(int(found[1], 16), int(found[2] or found[1], 16) + 1))
    return Font(families=families, characters=frozenset(points))


def _families(section: Section) -> dict[str, dict[str, Composition]]:
    families: dict[str, dict[str, Composition]] = {}
    for name in section.values:
        family = section.child(name, KINDS)
        families[name] = {kind: _composition(family.child(kind)) for kind in family.values if kind in KINDS}
    for kind in KINDS:
        if kind not in families.get(GENERIC, {}):
            section.child(GENERIC).wrong(kind, "is missing; the generic family has every kind of letter")
    return families


_COMPOSITION = ("title", "form", "attention", "needs", "blocks")


def _composition(section: Section) -> Composition:
    for key in section.values.keys() - set(_COMPOSITION):
        section.wrong(key, f"unknown key; {one_of(key, _COMPOSITION)}")
    values = section.values.get("blocks")
    if not isinstance(values, list) or not values:
        section.wrong("blocks", "expected a list of blocks")
        values = []
    numbered = Section(
        {str(number): value for number, value in enumerate(values)},
        where=section.where,
        path=f"{section.path}.blocks",
        problems=section.problems,
    )
    return Composition(
        title=section.text("title"),
        form=section.flag("form", default=False),
        attention=section.text("attention", ""),
        needs=_texts(section, "needs", FIELDS, "field"),
        blocks=tuple(_block(numbered.child(number)) for number in numbered.values),
    )


_CONTENTS = ("text", "note", "list", "fields", "items")
_BESIDE = ("heading", "when", "each")


def _block(section: Section) -> Block:
    for key in section.values.keys() - {*_CONTENTS, *_BESIDE}:
        section.wrong(key, f"unknown key; {one_of(key, (*_CONTENTS, *_BESIDE))}")
    given = [key for key in _CONTENTS if key in section.values]
    if len(given) != 1:
        section.wrong("", f"expected one of {', '.join(_CONTENTS)}, found {', '.join(given) or 'none'}")
    lines, each = _texts(section, "list"), _texts(section, "each", CONDITIONS, "condition")
    if each and len(each) != len(lines):
        section.wrong(
            "each", f"expected a condition for each of the {len(lines)} lines of the list, found {len(each)}"
        )
    return Block(
        heading=section.text("heading", ""),
        text=section.text("text", ""),
        note=section.text("note", ""),
        list=lines,
        each=each,
        fields=_texts(section, "fields", FIELDS, "field"),
        items=section.flag("items", default=False),
        when=section.word("when", CONDITIONS, "") if "when" in section.values else "",
    )


def _wanted(root: Section, families: Mapping[str, Mapping[str, Composition]]) -> Mapping[str, Mapping[str, str]]:
    """The keys that a language must have, by table; the value says what asks for it."""
    letters = [(f"family.{family}.{kind}", each) for family, of in families.items() for kind, each in of.items()]
    blocks = [(place, block) for place, letter in letters for block in letter.blocks]
    texts = {block.text: place for place, block in blocks} | {block.note: place for place, block in blocks}
    texts |= {key: place for place, block in blocks for key in block.list}
    texts |= {letter.attention: place for place, letter in letters}
    fields = dict.fromkeys(HEAD, "every letter") | {key: place for place, block in blocks for key in block.fields}
    fields |= {key: place for place, letter in letters for key in letter.needs}
    found = {
        "type": dict.fromkeys(_texts(root, "types"), "types"),
        "category": dict.fromkeys(_texts(root, "categories"), "categories"),
        "urgency": dict.fromkeys(_texts(root, "urgencies"), "urgencies"),
        "network": dict.fromkeys(_texts(root, "networks"), "networks"),
        "label": fields,
        "heading": {block.heading: place for place, block in blocks},
        "title": {letter.title: place for place, letter in letters},
        "text": texts,
    }
    return {name: {key: place for key, place in keys.items() if key} for name, keys in found.items()}


def _language(tag: str, file: File, wanted: Mapping[str, Mapping[str, str]], problems: list[str]) -> Language:
    plain = ("language", "name", "direction", "date", "instant", "span", "span_from", "span_to")
    source = ("source", "read_on", "confidence", "verified")
    root = Section(
        file.table,
        where=file.where,
        path="",
        problems=problems,
        keys=(*plain, *source, "months", "first_of_month", "word", *wanted),
    )
    if root.text("language") != tag:
        root.wrong("language", f'expected "{tag}", like the name of the file')
    root.text("source")
    months = _texts(root, "months")
    if len(months) != _MONTHS:
        root.wrong("months", f"expected the names of twelve months, found {len(months)}")
        months = ("",) * _MONTHS
    tables = {name: _table(root, name, keys) for name, keys in wanted.items() if name != "text"}
    return Language(
        tag=tag,
        direction=root.word("direction", ("ltr", "rtl")),
        months=months,
        first_of_month=root.text("first_of_month", "1"),
        day_form=_filled(root, "date", {"day", "month", "year"}),
        instant_form=_filled(root, "instant", {"date", "time"}),
        span=_filled(root, "span", {"from", "to"}),
        span_from=_filled(root, "span_from", {"from"}),
        span_to=_filled(root, "span_to", {"to"}),
        words=_words(root),
        urgencies=tables["urgency"],
        networks=tables["network"],
        types=tables["type"],
        categories=tables["category"],
        labels=tables["label"],
        headings=tables["heading"],
        titles=tables["title"],
        texts=_sentences(root, wanted["text"]),
    )


def _table(root: Section, name: str, wanted: Mapping[str, str]) -> dict[str, str]:
    child = root.child(name, wanted)
    for key, place in wanted.items():
        if key not in child.values:
            child.wrong(key, f"is missing; expected a text, for {place}")
    return {key: child.text(key) for key in wanted if key in child.values}


def _words(root: Section) -> dict[str, str]:
    child = root.child("word", WORDS)
    words = {"comma": ", "} | {key: _filled(child, key, needs) for key, needs in WORDS.items() if key != "comma"}
    return words | ({"comma": child.text("comma")} if "comma" in child.values else {})


def _sentences(root: Section, wanted: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    child = root.child("text", wanted)
    sentences: dict[str, tuple[str, ...]] = {}
    for key, place in wanted.items():
        value = child.values.get(key)
        if value is None:
            child.wrong(key, f"is missing; expected a text, for {place}")
            continue
        sentences[key] = _texts(child, key) if isinstance(value, list) else (child.text(key),)
        if value == []:
            child.wrong(key, "expected a text, found an empty list")
        for each in sentences[key]:
            for name in _placeholders(child, key, each) - PLACEHOLDERS.keys():
                child.wrong(key, f"there is no placeholder {{{name}}}; {one_of(name, PLACEHOLDERS)}")
    return sentences


def _filled(section: Section, key: str, needs: Collection[str]) -> str:
    """A text with exactly these placeholders."""
    text = section.text(key)
    found = _placeholders(section, key, text) if text else set(needs)
    for name in sorted(set(needs) - found):
        section.wrong(key, f"must say {{{name}}}")
    for name in sorted(found - set(needs)):
        section.wrong(key, f"there is no placeholder {{{name}}} here")
    return text


def _placeholders(section: Section, key: str, text: str) -> set[str]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError:
        section.wrong(key, "a brace stands alone; write {{ and }} for literal braces")
        return set()
    for _, name, spec, conversion in parsed:
        if name is not None and (spec or conversion):
            section.wrong(key, f'"{{{name}…}}" has a format; write "{{{name}}}" alone')
    return {name for _, name, _, _ in parsed if name is not None}
