"""Reads one table of a case file key by key; every mistake becomes a problem with its place, and reading goes on.

A getter that finds something wrong notes it and gives a stand-in ("" or None), so that all is told at once; whoever
reads the case lets no stand-in out while there are errors. Values are never quoted, and an unknown key only where
it is nearly a known one: it may be an identifier in the wrong place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from flows.documents import Document, kind_of
from flows.entries import unprintable
from flows.identifiers import CHECKS
from flows.instants import Unfit, read_day, read_instant
from flows.lines import Place
from flows.problems import Problem, Problems, Severity
from ledger.ids import read_request_id

SHORT, LONG = 512, 20_000
"""Characters: of a text on one line, and of one that may have many lines."""

# Marks that running text in some scripts needs; the ones that override the direction of text stay forbidden.
_IN_PROSE = "\n\t\u200c\u200d\u200e\u200f\u061c\u00a0\u202f\u3000"
_NOT_ISO = {"UK": "GB", "EL": "GR"}


class Fields:
    """One table at a place of a document; `keys` maps each key it may have to what is to be written there."""

    def __init__(self, document: Document, place: Place, keys: Mapping[str, str], problems: Problems) -> None:
        self.document, self.place, self.keys, self.problems = document, place, keys, problems
        values: object = document.root
        for part in place:
            values = values[part]  # type: ignore[index]
        self.is_table = isinstance(values, dict)
        self.values: Mapping[str, object] = values if isinstance(values, dict) else {}
        if not self.is_table:
            self.wrong((), f"expected a table, found {kind_of(values)}", f"its keys are {', '.join(keys)}")
        for key in self.values:
            if key not in keys:
                self._unknown(key)

    def _unknown(self, key: str) -> None:
        close = [] if self.problems.full else difflib.get_close_matches(key[:SHORT], self.keys, n=1, cutoff=0.7)
        if close and re.fullmatch(r"[A-Za-z_-]+", key):
            self.wrong(key, "unknown key", f'did you mean "{close[0]}"?')
            return
        line = self.document.line((*self.place, key))  # the line of the key, but the name of its table
        fix = f"the keys here are {', '.join(self.keys)}"
        if "type" in self.keys and key in CHECKS:
            fix = f'write type = "{key}", and the identifier as value'
        self.problems.add(Problem(where=self.document.where(self.place, line=line), problem="unknown key", fix=fix))

    def where(self, key: str = "") -> str:
        """The place of a key, or of the table itself."""
        return self.document.where((*self.place, key) if key else self.place)

    def wrong(
        self, key: str | Place, problem: str, fix: str, severity: Severity = "error", kind: str = "form"
    ) -> None:
        """Note a problem at a key of this table, at a place under it, or with () at the table itself."""
        where = self.document.where((*self.place, *((key,) if isinstance(key, str) else key)))
        self.problems.add(Problem(where=where, problem=problem, fix=fix, severity=severity, kind=kind))

    def has(self, key: str) -> bool:
        """Whether the key is there at all."""
        return key in self.values

    def _given(self, key: str, kind: type, expected: str, *, required: bool) -> object:
        """The value if it is there and of that kind; else None, and a problem unless it may be left out."""
        if key not in self.values:
            if required:
                self.wrong(key, "is missing", f"give {self.keys[key]}")
            return None
        value = self.values[key]
        if isinstance(value, kind):
            return value
        quotes = kind is str and isinstance(value, bool | int | float | date)
        fix = f"give {self.keys[key]}; text stands in quotes" if quotes else f"give {self.keys[key]}"
        self.wrong(key, f"expected {expected}, found {kind_of(value)}", fix)
        return None

    def text(self, key: str, *, required: bool = False, longest: int = SHORT) -> str:
        """A text without surrounding spaces; "" where it may be left out and is."""
        value = self._given(key, str, "text", required=required)
        return self._proper(key, value, longest) if isinstance(value, str) else ""

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; () where it may be left out and is."""
        values = self._given(key, list, "a list", required=required)
        if not isinstance(values, list):
            return ()
        if not values and required:
            self.wrong(key, "is empty", f"give {self.keys[key]}")
        read = []
        for number, value in enumerate(values):
            if isinstance(value, str):
                read.append(self._proper(key, value, SHORT, number))
            else:
                self.wrong((key, number), f"expected text, found {kind_of(value)}", "put it in quotes")
        return tuple(read)

    def words(self, key: str, known: Sequence[str]) -> tuple[str, ...]:
        """A list of some of the `known` words, in their order, each once."""
        given = self.texts(key, required=True)
        for number, word in enumerate(given):
            if word and word not in known:
                self.wrong((key, number), "unknown word", _choose(word, known))
            elif word in given[:number]:
                self.wrong((key, number), "is there twice", "remove one of them", "warning")
        return tuple(word for word in known if word in given)

    def word(self, key: str, known: Sequence[str], default: str) -> str:
        """One of the `known` words."""
        word = self.text(key)
        if word and word not in known:
            self.wrong(key, "unknown word", _choose(word, known))
        return word or default

    def country(self, key: str, *, required: bool = False) -> str:
        """A country as two capital letters (ISO 3166-1 alpha-2); "" where it may be left out and is."""
        if self.values.get(key) is False:
            fix = 'put it in quotes: YAML reads a bare NO as "no"'
            self.wrong(key, "expected text, found true or false", fix)
            return ""
        code = self.text(key, required=required)
        if code in _NOT_ISO:
            self.wrong(key, "is not the code of that State", f'write "{_NOT_ISO[code]}"')
        elif code and not re.fullmatch(r"[A-Z]{2}", code):
            letters = re.fullmatch(r"[A-Za-z]{2}", code)
            fix = f'write "{code.upper()}"' if letters else f"give {self.keys[key]} (ISO 3166-1)"
            self.wrong(key, "is not two capital letters", fix)
        return code

    def language(self, key: str) -> str:
        """A language as two small letters (ISO 639-1); "" where it is left out."""
        code = self.text(key)
        if code and not re.fullmatch(r"[a-z]{2}", code):
            letters = re.fullmatch(r"[A-Za-z]{2}", code)
            fix = f'write "{code.lower()}"' if letters else f"give {self.keys[key]} (ISO 639-1)"
            self.wrong(key, "is not two small letters", fix)
            return ""
        return code

    def request_id(self, key: str) -> str:
        """The id of a request of ours, in its one form; "" where it is left out."""
        typed = self.text(key)
        if not typed:
            return ""
        try:
            return read_request_id(typed)
        except ValueError:
            fix = "copy it from `holdfast board`: HF- and 12 characters, the last of which checks the others"
            self.wrong(key, "is not the id of a request", fix)
            return ""

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._given(key, bool, "true or false", required=False)
        return default if value is None else bool(value)

    def day(self, key: str) -> date | None:
        """A day; None where it is left out."""
        try:
            return read_day(self.values[key]) if key in self.values else None
        except Unfit as unfit:
            self.wrong(key, unfit.problem, unfit.fix)
            return None

    def instant(self, key: str) -> datetime | None:
        """An instant in UTC; None where it is left out."""
        try:
            return read_instant(self.values[key]) if key in self.values else None
        except Unfit as unfit:
            self.wrong(key, unfit.problem, unfit.fix)
            return None

    def table(self, key: str, keys: Mapping[str, str], *, required: bool = False) -> Fields | None:
        """The table under a key; None where it is not there or is none."""
        if key not in self.values:
            if required:
                self.wrong(key, "is missing", f"give {self.keys[key]}")
            return None
        table = Fields(self.document, (*self.place, key), keys, self.problems)
        return table if table.is_table else None

    def entries(self, key: str) -> tuple[Place, ...]:
        """The places of the entries of a list, whatever they are; () where it is left out."""
        values = self._given(key, list, "a list", required=False)
        return tuple((*self.place, key, number) for number in range(len(values) if isinstance(values, list) else 0))

    def _proper(self, key: str, value: str, longest: int, *place: int) -> str:
        text = value.strip()
        strange = unprintable(text, allowed=_IN_PROSE if longest > SHORT else "")
        if not text:
            self.wrong((key, *place), "is empty", f"give {self.keys[key]}")
        elif len(text) > longest:
            self.wrong((key, *place), f"is longer than {longest} characters", "shorten it")
        elif strange:
            self.wrong((key, *place), strange, "type the text by hand instead of pasting it", kind="invisible")
        else:
            return text
        return ""


def _choose(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"write {' or '.join(known)}"
