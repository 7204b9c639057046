"""One identifier as an officer writes it, and what may be wrong with any of them: what paste and spreadsheets do.

The checks of each type stand in `flows.identifiers_accounts`, `_network`, `_devices` and `_chains`; the one table of
types is `flows.identifiers.CHECKS`. No message quotes the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from flows.instants import require_utc
from flows.problems import Severity

LONGEST = 512
"""Characters of an identifier's value; no provider's identifier is longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """One identifier. `value` is as the officer wrote it, without surrounding spaces; never shown by `repr`.

    It is whole: the port of an address and the chain of a wallet stand in it (`192.0.2.7:51820`, `bitcoin:…`), also
    where the officer wrote them beside it. `port` and `chain` repeat them, None and "" where there is none.
    `used_from` and `used_to` (aware UTC) bound its use, None where not given; `zone` is the IANA name the
    officer gave, or "". `where` is its place in the input.
    """

    type: str
    value: str = field(repr=False)
    used_from: datetime | None = field(default=None, repr=False)
    used_to: datetime | None = field(default=None, repr=False)
    zone: str = ""
    where: str = ""
    port: int | None = field(default=None, repr=False)
    chain: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        require_utc("used_from", self.used_from)
        require_utc("used_to", self.used_to)


class Flaw(NamedTuple):
    """What a check found wrong with a value: `problem` follows "the <type> …", `fix` is an order.

    `kind` is one of `flows.problems.KINDS`.
    """

    problem: str
    fix: str
    severity: Severity = "error"
    kind: str = "grammar"


Check = Callable[[Identifier], Iterator[Flaw]]
"""What is wrong with an identifier of one type."""

Spell = Callable[[str], str]
"""The form in which two spellings of one identifier are equal."""

POWER_OF_TEN = Flaw(
    "was turned into a power of ten by a spreadsheet, and its digits are lost",
    "format the column as text, enter the number again and export again",
    kind="spreadsheet",
)
WRONG_CHECK = Flaw(
    "has a wrong check digit, so at least one digit is wrong", "compare it with the source", kind="check-digit"
)
_ROUNDED = Flaw(
    "ends in zeros after 15 digits, as when a spreadsheet has rounded it",
    "compare it with the source; format the column as text before entering numbers",
    "warning",
    "spreadsheet",
)
_LOOKALIKE = Flaw(
    "has characters outside A to Z, 0 to 9",
    "compare it with the source: letters of another script look alike and name another account",
    "warning",
    "look-alike",
)
_MIXED = Flaw(
    "mixes letters of alphabets that look alike",
    "compare it with the source letter by letter: a Cyrillic or Greek letter among Latin ones names another account",
    "warning",
    "look-alike",
)
_ENTITY = Flaw(
    "has an HTML entity, as text copied from the source of a page has",
    "write the character that it stands for, such as & for &amp;",
    kind="paste",
)
_ROUNDED_AFTER = 15  # the digits that a spreadsheet keeps of a number
_POWER = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+[0-9]{1,3}")
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_HTML = re.compile(r"&(#[0-9]{1,6}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp);")
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "FULLWIDTH", "MATHEMATICAL"})
"""Alphabets that have letters of the same shape (Unicode Technical Standard 39, confusables)."""


def a(kind: str) -> str:
    """A type with its article: "an ip", "a username"."""
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def all_digits(text: str) -> bool:
    """Whether a text is the digits 0 to 9 alone, at least one."""
    return _DIGITS.fullmatch(text) is not None


def spaced(value: str) -> bool:
    """Whether there is a space of any kind in it."""
    return value.split() != [value]


def pasted(value: str) -> Iterator[Flaw]:
    """What copying from the source of a page leaves in a value of any type."""
    if "&" in value and _HTML.search(value):
        yield _ENTITY


def lookalike(value: str) -> Iterator[Flaw]:
    """Letters that only look like the ones a person believes to read."""
    if value.isascii():
        return
    if any(map(_mixed, _WORD.findall(value))):
        yield _MIXED
    elif any(map(_alike, value)):
        yield _LOOKALIKE


def _mixed(word: str) -> bool:
    return len(_ALIKE.intersection(map(_alphabet, word))) > 1


def _alike(letter: str) -> bool:
    """Whether something that is no ASCII may be taken for it: not so a letter of Arabic, Hindi or Chinese."""
    if letter.isascii() or unicodedata.category(letter).startswith("M"):
        return False
    plain = unicodedata.normalize("NFKC", letter) == letter
    return not letter.isalpha() or not plain or _alphabet(letter) in _ALIKE


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ", 1)[0]


def power_of_ten(value: str) -> bool:
    """Whether a spreadsheet wrote the number as `1.0002E+14`."""
    return _POWER.fullmatch(value) is not None


def code(identifier: Identifier) -> Iterator[Flaw]:
    """An id or a serial number: no grammar holds for all, but what spreadsheets do to them can be seen."""
    value = identifier.value
    if power_of_ten(value):
        yield POWER_OF_TEN
    elif spaced(value):
        yield Flaw("has a space", "write it in one piece, as the provider shows it")
    elif len(value) > _ROUNDED_AFTER + 1 and not value[_ROUNDED_AFTER:].strip("0") and all_digits(value):
        yield _ROUNDED
    yield from lookalike(value)


def shaped(pattern: str, problem: str, fix: str) -> Check:
    """The check of a type that has one form."""
    form, flaw = re.compile(pattern), Flaw(problem, fix)

    def check(identifier: Identifier) -> Iterator[Flaw]:
        if power_of_ten(identifier.value):
            yield POWER_OF_TEN
        elif not form.fullmatch(identifier.value):
            yield flaw
        yield from lookalike(identifier.value)

    return check
