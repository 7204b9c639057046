"""Reads one TOML table key by key, and says of whatever is wrong where it stands and what to write instead.

A getter that finds something wrong notes it in the shared list `errors` and gives a stand-in, so that reading
goes on and every error is told at once. No stand-in gets out: whoever opens the first table raises
`ConfigurationErrors` when the list is not empty. A table is opened with the keys it may have; any other
key is an error, and a getter asked for one that is not listed is our own mistake (`LookupError`).

The same getters read a table that went through JSON: a day may be a TOML date or an ISO text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from providers.errors import ConfigurationError
from timeline.rules import Confidence, Period, Source, Unit

SOURCE_KEYS = ("source", "read_on", "confidence", "verified")
"""The keys that say where a figure stands; in every table that gives one."""

_Choice = TypeVar("_Choice", bound=StrEnum)
_QUANTITY = re.compile(r"(\d{1,6}) (minute|hour|day|working day|week|month|year)s?")
_DURATIONS = ("minute", "hour", "day", "week")
_PERIODS = ("hour", "day", "working day", "month", "year")
_ABSENT: Any = object()


class ConfigurationErrors(ConfigurationError):
    """The configuration is wrong; `errors` lists every place, one line each. Mend them all, then start again."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = tuple(dict.fromkeys(errors))  # a table read twice tells each error once
        super().__init__("\n".join(self.errors))


def meant(word: str, known: Collection[str]) -> str:
    """What to write instead of a word that is not known, as the end of a sentence."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known) or 'nothing'}"


def shown(value: object) -> str:
    """A wrong value as a person sees it in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:60]}"' if value.strip() else "an empty text"
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple) else str(value)


class Table:
    """One table of a file. `where` names the file, `path` the place in it ("hold[0]"), `keys` what it may have."""

    def __init__(self, values: object, where: str, keys: Collection[str], errors: list[str], path: str = "") -> None:
        self.where, self.keys, self.errors, self.path = where, keys, errors, path
        self.fine = True  # nothing wrong was noted here yet: worth comparing one value with another
        self.values: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
        if not isinstance(values, Mapping):
            place = f"{where}: {path}" if path else where
            errors.append(f"{place}: expected a table, found {shown(values)}")
            self.errors = []  # one error for the table, not one for each key it lacks
        for key in self.values:
            if key not in keys:
                self.wrong(key, f"unknown key; {meant(key, keys)}")

    def wrong(self, key: str, what: str) -> None:
        """Note an error at a key of this table (or at the table itself, with "")."""
        self.fine = False
        place = ".".join(part for part in (self.path, key) if part)
        self.errors.append(f"{self.where}: {place}: {what}")

    def has(self, key: str) -> bool:
        """Whether the file gives this key."""
        if key not in self.keys:
            raise LookupError(f"{key!r} is not among the known keys of {self.path or 'the file'}")
        return key in self.values

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any, stand_in: Any) -> Any:
        if not self.has(key):
            if default is _ABSENT:
                self.wrong(key, f"is missing; expected {expected}")
                return stand_in
            return default
        value = self.values[key]
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return value
        self.wrong(key, f"expected {expected}, found {shown(value)}")
        return stand_in

    def text(self, key: str, default: str = _ABSENT) -> str:
        """A text; one that must be there may not be blank."""
        value: str = self._get(key, str, "a text", default, "")
        if default is _ABSENT and not value.strip() and isinstance(self.values.get(key), str):
            self.wrong(key, "expected a text, found an empty text")
        return value

    def zone(self, key: str) -> str:
        """An IANA time zone."""
        zone = self.text(key)
        if zone:
            try:
                ZoneInfo(zone)
            except (ValueError, OSError, LookupError):
                self.wrong(key, f'expected a time zone such as "Europe/Dublin" or "UTC", found {shown(zone)}')
        return zone

    def flag(self, key: str, default: bool = _ABSENT) -> bool:
        """True or false."""
        value: bool = self._get(key, bool, "true or false", default, False)
        return value

    def flag_or_none(self, key: str) -> bool | None:
        """True or false; None where the file is silent."""
        return self.flag(key) if self.has(key) else None

    def flag_or_unknown(self, key: str) -> bool | None:
        """True or false; None where the file says that nobody knows (``"unknown"``). It must be there."""
        value = self.values.get(key, _ABSENT) if self.has(key) else _ABSENT
        if isinstance(value, bool):
            return value
        if value != "unknown":
            found = f"found {shown(value)}"
            expected = 'expected true, false or "unknown"'
            self.wrong(key, f"is missing; {expected}" if value is _ABSENT else f"{expected}, {found}")
        return None

    def whole(self, key: str, of: str, default: int | None = _ABSENT, *, least: int = 0) -> int:
        """A whole number `of` something, at least `least`. A TOML `true` is none."""
        value = self.whole_or_none(key, of, default, least=least)
        return least if value is None else value

    def whole_or_none(self, key: str, of: str, default: int | None = None, *, least: int = 0) -> int | None:
        """A whole number, or the default where the file is silent."""
        value: int | None = self._get(key, int, f"a whole number of {of}", default, least)
        if value is not None and self.has(key) and value < least:
            self.wrong(key, f"expected {least} or more {of}, found {value}")
        return value

    def day(self, key: str) -> date:
        """A day: a TOML date, or the same as an ISO text."""
        expected = "a day such as 2026-11-21"
        value = self._get(key, (date, str), expected, _ABSENT, date.min)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.wrong(key, f"expected {expected}, found {shown(value)}")
            return date.min

    def texts(self, key: str, default: Sequence[str] = _ABSENT) -> tuple[str, ...]:
        """A list of texts, none of them blank."""
        values = self._get(key, (list, tuple), "a list of texts", default, ())
        for number, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                self.wrong(f"{key}[{number}]", f"expected a text, found {shown(value)}")
        return tuple(str(value) for value in values)

    def some_of(self, key: str, known: Collection[str], default: Sequence[str] = _ABSENT) -> tuple[str, ...]:
        """A list of words, each one of `known`."""
        values = self.texts(key, default)
        for number, value in enumerate(values if self.has(key) else ()):
            if value not in known:
                self.wrong(f"{key}[{number}]", f"unknown word {shown(value)}; {meant(value, known)}")
        return values

    def one_of(self, key: str, known: Collection[str], default: str = _ABSENT) -> str:
        """One word of `known`."""
        value: str = self._get(key, str, f"one of {', '.join(known)}", default, "")
        if isinstance(self.values.get(key), str) and value not in known:
            self.wrong(key, f"expected one of {', '.join(known)}, found {shown(value)}; {meant(value, known)}")
        return value

    def choice(self, key: str, kind: type[_Choice], default: _Choice = _ABSENT) -> _Choice:
        """One word of an enumeration."""
        known = [str(each) for each in kind]
        value = self.one_of(key, known, _ABSENT if default is _ABSENT else str(default))
        return kind(value) if value in known else next(iter(kind))

    def _quantity(self, key: str, units: Sequence[str], expected: str) -> tuple[int, str]:
        said = self._get(key, str, expected, _ABSENT, None)
        if said is None:
            return 1, units[0]
        found = _QUANTITY.fullmatch(said)
        if found is None or found[2] not in units:
            self.wrong(key, f"expected {expected}, found {shown(said)}")
            return 1, units[0]
        if int(found[1]) < 1:
            self.wrong(key, f"expected at least 1 {found[2]}, found {shown(said)}")
            return 1, units[0]
        return int(found[1]), found[2]

    def duration(self, key: str) -> timedelta:
        """A length on the clock: minutes, hours, days of 24 hours, weeks."""
        count, unit = self._quantity(key, _DURATIONS, 'a duration such as "15 minutes", "12 hours" or "3 days"')
        return timedelta(**{f"{unit}s": count})

    def period(self, key: str) -> Period:
        """A number of hours, calendar days, working days, months or years."""
        count, unit = self._quantity(key, _PERIODS, 'a period such as "60 days", "2 working days" or "1 year"')
        return Period(count=count, unit=Unit(f"{unit.replace(' ', '-')}s"))

    def table(self, key: str, keys: Collection[str]) -> Table:
        """The table under a key; it must be there."""
        if self.has(key):
            return Table(self.values[key], self.where, keys, self.errors, ".".join(filter(None, (self.path, key))))
        self.wrong(key, "is missing; expected a table")
        return Table({}, self.where, keys, [], key)

    def table_or_none(self, key: str, keys: Collection[str]) -> Table | None:
        """The table under a key, None where the file is silent."""
        return self.table(key, keys) if self.has(key) else None

    def tables(self, key: str, keys: Collection[str]) -> list[Table]:
        """The tables of a list (``[[key]]``); none where the file is silent."""
        path = ".".join(filter(None, (self.path, key)))
        values = self._get(key, (list, tuple), "a list of tables", (), ())
        return [Table(each, self.where, keys, self.errors, f"{path}[{i}]") for i, each in enumerate(values)]

    def source(self) -> Source:
        """Where the figures of this table stand (`SOURCE_KEYS`)."""
        return Source(
            text=self.text("source"),
            read_on=self.day("read_on"),
            confidence=self.choice("confidence", Confidence),
            verified=self.flag("verified"),
        )
