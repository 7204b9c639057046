"""Reads an `[adapter]` table key by key; every problem is noted with its file and key, and reading goes on.

The problems are told all at once by whoever opened the first section (`TableError`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from providers.errors import ConfigurationError

_MISSING = object()


class TableError(ConfigurationError):
    """An `[adapter]` table is wrong; `problems` lists every place, one line each. Mend them all, then start again."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Path:
    """A JMESPath expression. The constructor raises `ValueError` in plain words for one that cannot be used."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._parsed = jmespath.compile(text)
        except JMESPathError as error:
            line = re.sub(r"^(Invalid|Bad) jmespath expression: ", "", str(error).splitlines()[0], flags=re.I)
            reason = re.sub(r"(, for expression)?:$", "", line)
            raise ValueError(f"JMESPath does not parse: {reason}") from None
        for function in _functions(self._parsed.parsed):
            if function not in Functions.FUNCTION_TABLE:
                raise ValueError(
                    f"JMESPath has no function {function}(); {one_of(function, Functions.FUNCTION_TABLE)}"
                )

    def search(self, document: object) -> object:
        """What the expression finds; None if there is nothing. `JMESPathError` for a value of the wrong type."""
        found: object = self._parsed.search(document)
        return found

    def __repr__(self) -> str:
        return f"Path({self.text!r})"


def _functions(node: object) -> Iterator[str]:
    """The functions an expression calls; jmespath itself looks only when it calls one."""
    if isinstance(node, Mapping):
        if node.get("type") == "function_expression":
            yield str(node["value"])
        for child in node.get("children", ()):
            yield from _functions(child)


def shown(value: object) -> str:
    """A wrong value as a person sees it in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:60]}"' if value.strip() else "an empty text"
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list) else str(value)


def one_of(word: str, known: Collection[str]) -> str:
    """What to write instead of an unknown word."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"one of {', '.join(known)}"


class Section:
    """One table of the file. `path` is where it stands ("adapter.send"); `keys` are those it may have."""

    def __init__(
        self, values: object, *, where: str, path: str, problems: list[str], keys: Collection[str] | None = None
    ) -> None:
        self.where, self.path, self.problems = where, path, problems
        self.values: Mapping[str, object] = values if isinstance(values, Mapping) else {}
        if not isinstance(values, Mapping):
            self.wrong("", f"expected a table, found {shown(values)}")
            self.problems = []  # one problem for the table, not one for each key it lacks
        if keys is not None:
            for key in self.values:
                if key not in keys:
                    self.wrong(key, f"unknown key; {one_of(key, keys)}")

    def wrong(self, key: str, what: str) -> None:
        """Note a problem at a key of this table, or at the table itself with ""."""
        place = self._place(key) if key else self.path
        self.problems.append(f"{self.where}: {place}: {what}" if place else f"{self.where}: {what}")

    def child(self, key: str, keys: Collection[str] | None = None) -> Section:
        """The table at a key; an empty one where the file has none."""
        return Section(
            self.values.get(key, {}),
            where=self.where,
            path=self._place(key),
            problems=self.problems,
            keys=keys,
        )

    def _place(self, key: str) -> str:
        return f"{self.path}.{quoted(key)}" if self.path else quoted(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank; without a default it must be there."""
        value = self.values.get(key, _MISSING)
        if value is _MISSING:
            if default is None:
                self.wrong(key, "is missing; expected a text")
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f"expected a text, found {shown(value)}")
            return default or ""
        return value

    def word(self, key: str, known: Collection[str], default: str | None = None) -> str:
        """One of a few words; without a default it must be there."""
        if key not in self.values and default is None:
            self.wrong(key, f"is missing; expected one of {', '.join(known)}")
            return next(iter(known))
        value = self.text(key, default)
        if value and value not in known:
            self.wrong(key, f"unknown word {shown(value)}; {one_of(value, known)}")
            return next(iter(known))
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"expected true or false, found {shown(value)}")
            return default
        return value

    def number(self, key: str, default: float, *, least: float, most: float, of: str) -> float:
        """A number within bounds."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.wrong(key, f"expected {least:g} to {most:g} {of}, found {shown(value)}")
            return default
        return value

    def whole(self, key: str, default: int | None, *, of: str, least: int = 1) -> int | None:
        """A whole number of at least `least`."""
        value = self.values.get(key, default)
        if key in self.values and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            self.wrong(key, f"expected a whole number of {of} from {least}, found {shown(value)}")
            return default
        return value if isinstance(value, int) else None

    def texts(self, key: str) -> dict[str, str]:
        """A table of texts; empty where the file has none."""
        child = self.child(key)
        return {name: child.text(name) for name in child.values}

    def jmespath(self, key: str) -> Path | None:
        """A JMESPath expression; None where the file has none."""
        if key not in self.values:
            return None
        text = self.text(key)
        if not text:
            return None
        try:
            return Path(text)
        except ValueError as error:
            self.wrong(key, str(error))
            return None


def quoted(key: str) -> str:
    """A key as it is written in TOML."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'
