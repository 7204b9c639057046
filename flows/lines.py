"""On which line does each key stand, in a text already known to be valid TOML or JSON?

The parsers of the standard library keep no positions. This walks over the same text once more, not to check it
but to find its places: ("request", 0, "identifiers", 2, "type") to a line counted from 1.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

Place = tuple[str | int, ...]
"""The way to a value from the root of a document: keys, and numbers counted from 0 in lists."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r]+ | \#[^\n]*)
  | (?P<newline>\n)
  | (?P<string>\"{3}(?:[^\\]|\\.)*?\"{3,5} | '{3}.*?'{3,5} | \"(?:[^\"\\\n]|\\.)*\" | '[^'\n]*')
  | (?P<mark>[\[\]{},=:.])
  | (?P<bare>[^\s\[\]{},=:."'\#]+ | .)
    """,
    re.VERBOSE | re.DOTALL,
)

_END = ("newline", "")


def toml_lines(text: str) -> dict[Place, int]:
    """The line of every table, key and list entry of a valid TOML text."""
    return _Walk(text, separator="=").toml()


def json_lines(text: str) -> tuple[dict[Place, int], tuple[int, ...]]:
    """The line of every key and list entry of a valid JSON text, and the lines of keys given a second time."""
    walk = _Walk(text, separator=":")
    walk.value(())
    return walk.lines, tuple(walk.again)


class _Walk:
    def __init__(self, text: str, *, separator: str) -> None:
        self.separator = separator
        self.lines: dict[Place, int] = {}
        self.again: list[int] = []
        self._tokens = self._scan(text)
        self.line, self.kind, self.token = 1, *_END
        self._step()

    def _scan(self, text: str) -> Iterator[tuple[int, str, str]]:
        line = 1
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            token = match.group()
            if kind == "newline":
                if self.separator == "=":  # in JSON a new line means nothing
                    yield line, kind, token
                line += 1
            elif kind != "space":
                yield line, kind, token
                line += token.count("\n") if kind == "string" else 0

    def _step(self) -> str:
        """Go one token on; gives the one that was passed."""
        passed = self.token
        self.line, self.kind, self.token = next(self._tokens, (self.line, "end", ""))
        return passed

    def _at(self, marks: str) -> bool:
        return self.kind == "mark" and self.token in marks

    def _note(self, place: Place, line: int) -> None:
        if place in self.lines:
            self.again.append(line)
        else:
            self.lines[place] = line

    def toml(self) -> dict[Place, int]:
        table: Place = ()
        entries: dict[Place, int] = {}  # how many [[tables]] there are at a place so far
        while self.kind != "end":
            line = self.line
            if self.kind == "newline":
                self._step()
            elif self._at("["):
                self._step()
                is_entry = self._at("[")
                if is_entry:
                    self._step()
                table = self._header(self._key(), entries, is_entry=is_entry)
                self._note(table, line)
                while self._at("]"):
                    self._step()
            else:
                self._pair(table)
        return self.lines

    def _header(self, key: Place, entries: dict[Place, int], *, is_entry: bool) -> Place:
        place: Place = ()
        for part in key[:-1]:
            place = (*place, part)
            self.lines.setdefault(place, self.line)  # a table that has no line of its own
            if place in entries:
                place = (*place, entries[place] - 1)
        place = (*place, key[-1])
        if is_entry:
            entries[place] = entries.get(place, 0) + 1
            place = (*place, entries[place] - 1)
        return place

    def _key(self) -> Place:
        parts = [self._key_part()]
        while self._at(".") and self.separator == "=":
            self._step()
            parts.append(self._key_part())
        return tuple(parts)

    def _key_part(self) -> str:
        kind, token = self.kind, self._step()
        if kind != "string":
            return token
        if "\\" not in token or token[0] == "'":
            return token[1:-1]
        return str(tomllib.loads(f"k={token}")["k"] if self.separator == "=" else json.loads(token))

    def _pair(self, table: Place) -> None:
        line = self.line
        key = self._key()
        place = (*table, *key)
        for length in range(1, len(key)):  # a.b = 1 makes the table a
            self.lines.setdefault((*table, *key[:length]), line)
        self._note(place, line)
        self._step()  # the separator
        self.value(place)

    def value(self, place: Place) -> None:
        if self._at("["):
            self._step()
            number = 0
            while self._inside("]"):
                self.lines[*place, number] = self.line
                self.value((*place, number))
                number += 1
        elif self._at("{"):
            self._step()
            while self._inside("}"):
                self._pair(place)
        else:  # a plain value: to the end of the line or of the entry (a date-time is several tokens)
            self._step()
            while self.kind not in {"newline", "end"} and not self._at(",]}"):
                self._step()

    def _inside(self, closing: str) -> bool:
        """Go to the next entry of a list or table; False, and past it, at its closing bracket."""
        while self.kind == "newline" or self._at(","):
            self._step()
        if self.kind == "end" or self._at(closing):
            self._step()
            return False
        return True
