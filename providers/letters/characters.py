"""Text that came from people, made fit for print: every character is shown, none is obeyed, none is lost.

What goes to the typesetter is data: a list of runs, each a text to print literally or a code point to print in
a frame (``{"u": "U+202E"}``). In an identifier, letters written from right to left are a run of their own
(``{"rtl": …}``), so that the pieces of an address stand in their order whatever its letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]

_LONG_WORD = 30
"""Characters after which a word of prose may be broken anywhere."""

_POSITIONS = 8
"""So many positions of one character are listed."""

_ISOLATE, _END = "\u2068", "\u2069"
_LEFTWARDS = frozenset({"R", "AL", "AN"})
_ARABIC_MARKS = range(0x064B, 0x0656)


@dataclass(frozen=True, kw_only=True, slots=True)
class Font:
    """The families that print one kind of text, and the code points they are sure to have."""

    families: tuple[str, ...]
    characters: frozenset[int]

    def has(self, character: str) -> bool:
        """Whether the character can be printed as itself."""
        return ord(character) in self.characters


def isolated(text: str) -> str:
    """A text that keeps its own direction within a sentence (Unicode bidirectional algorithm, UAX 9)."""
    return f"{_ISOLATE}{text}{_END}" if text else text


def code_point(character: str) -> str:
    """A character's name on paper: ``U+1F600``."""
    return f"U+{ord(character):04X}"


def prose(text: str, font: Font) -> list[Json]:
    """Paragraphs of somebody's text with their directions, as runs. Characters are composed (NFC), blank lines go."""
    paragraphs = [line.strip(" ") for line in re.split(r"\r\n|\r|\n", unicodedata.normalize("NFC", text))]
    return [{"dir": direction(line), "runs": prose_runs(line, font)} for line in paragraphs if line]


def prose_runs(text: str, font: Font) -> list[Json]:
    """One line of somebody's text, as runs."""
    broken = re.sub(rf"(\S{{{_LONG_WORD}}})(?=\S)", "\\1\u200b", text.replace("\u200b", "\ufffd"))
    marked = ((each, each == "\u200b" or (font.has(each) and _base_or_arabic(each))) for each in broken)
    return _joined(marked)


def _base_or_arabic(character: str) -> bool:
    return not unicodedata.category(character).startswith("M") or ord(character) in _ARABIC_MARKS


def direction(text: str) -> str:
    """``rtl`` where the first letter is written from right to left, else ``ltr``."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in {"L", "R", "AL"}:
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """An identifier or a reference, to be copied from paper: lines of runs, and what must be said about it.

    `outside` lists the printed characters that are not ASCII with their positions from 1: look-alikes of another
    script cannot be told apart by eye.
    """

    lines: tuple[list[Json], ...]
    length: int
    outside: tuple[str, ...]


def exact(value: str, font: Font, width: int) -> Exact:
    """A value broken into lines of `width` characters at most. Nothing is normalised."""
    shown = list(_shown(value, font))
    lines: list[list[tuple[str, bool]]] = [[]]
    used = 0
    for character, plain in shown:
        takes = 1 if plain else len(code_point(character)) + 1
        if used + takes > width and lines[-1]:
            lines.append([])
            used = 0
        lines[-1].append((character, plain))
        used += takes
    return Exact(
        lines=tuple(_parted(_joined(line)) for line in lines), length=len(shown), outside=tuple(_outside(shown))
    )


def _outside(shown: Iterable[tuple[str, bool]]) -> Iterator[str]:
    """Each printed character that is not ASCII: ``U+0430: 2, 7``, the first few of its positions."""
    places: dict[str, list[int]] = {}
    for place, (character, plain) in enumerate(shown, 1):
        if plain and not character.isascii():
            places.setdefault(character, []).append(place)
    for character, at in places.items():
        more = f" … ({len(at)})" if len(at) > _POSITIONS else ""
        yield f"{code_point(character)}:\u00a0{', '.join(map(str, at[:_POSITIONS]))}{more}"


def _shown(value: str, font: Font) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it is printed as itself: not a mark, nor a space that the eye would miss."""
    for place, character in enumerate(value):
        plain = font.has(character) and not unicodedata.category(character).startswith("M")
        if character == " ":
            plain = 0 < place < len(value) - 1 and " " not in {value[place - 1], value[place + 1]}
        yield character, plain


def _parted(runs: Iterable[Json]) -> list[Json]:
    """Runs with every stretch of right-to-left letters set apart: nothing beside it changes its place."""
    parted: list[Json] = []
    for run in runs:
        if not isinstance(run, str):
            parted.append(run)
            continue
        for leftwards, characters in groupby(run, key=lambda each: unicodedata.bidirectional(each) in _LEFTWARDS):
            text = "".join(characters)
            parted.append({"rtl": text} if leftwards else text)
    return parted


def _joined(characters: Iterable[tuple[str, bool]]) -> list[Json]:
    runs: list[Json] = []
    for character, plain in characters:
        if not plain:
            runs.append({"u": code_point(character)})
        elif runs and isinstance(runs[-1], str):
            runs[-1] += character
        else:
            runs.append(character)
    return runs
