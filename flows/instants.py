"""Days and instants as an officer writes them, read strictly: an instant without a zone is refused, never guessed.

A TOML or YAML date arrives as a `date` or `datetime`; JSON and CSV have only text, read as RFC 3339.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EXAMPLE = "2026-09-01T00:00:00Z"

_YEARS = range(1970, 2201)  # outside: a slip of the hand, not evidence
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


class Unfit(ValueError):
    """A value that cannot be used: `problem` says what is wrong with it, `fix` what to write instead.

    `kind` is one of `flows.problems.KINDS`.
    """

    def __init__(self, problem: str, fix: str, kind: str = "form") -> None:
        super().__init__(f"{problem}; {fix}")
        self.problem, self.fix, self.kind = problem, fix, kind


def require_utc(name: str, value: datetime | None) -> None:
    """Refuse an instant of ours that is not aware UTC (`ValueError`): a mistake in the program, not in the input."""
    if value is not None and value.utcoffset() != timedelta(0):
        raise ValueError(f"{name} must be an aware instant in UTC")


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises `Unfit` if there is none."""
    zone = _zone(name)
    if zone is None:
        fix = 'write an IANA name, for example "Europe/Paris", or "UTC"'
        raise Unfit("there is no time zone of that name", fix)
    return zone


@lru_cache(maxsize=256)  # a name that is wrong is looked for on the disk, and may stand in every row of a file
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # not found, not a plain name, a folder of the zone files
        return None


def read_day(value: object) -> date:
    """A day. Raises `Unfit` for anything else, also for an instant: a day has no hour."""
    fix = "write a day, for example 2026-12-01"
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            raise Unfit("there is no such day", fix) from None
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value.strip())):
        raise Unfit("expected a day, found a day with a time", fix)
    if not isinstance(value, date):
        raise Unfit("expected a day", fix)
    _plausible(value)
    return value


def read_instant(value: object, zone: ZoneInfo | None = None) -> datetime:
    """An instant in UTC. A time without an offset is read in `zone`; without one it is refused (`Unfit`)."""
    fix = f"write the date, the time and the offset, for example {EXAMPLE}"
    if isinstance(value, str):
        value = _from_text(value.strip(), fix)
    if isinstance(value, date) and not isinstance(value, datetime):
        raise Unfit("is a day without a time", fix)
    if not isinstance(value, datetime):
        raise Unfit("expected a date and time", fix)
    _plausible(value)
    if value.utcoffset() is None:
        if zone is None:
            raise Unfit("has no time zone", f"write {EXAMPLE} (Z is UTC), or an offset such as +02:00")
        value = _in_zone(value, zone)
    return value.astimezone(UTC)


def _from_text(text: str, fix: str) -> datetime | date | None:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        raise Unfit("there is no such date or time", fix) from None
    return None


def _plausible(value: date) -> None:
    if value.year not in _YEARS:
        raise Unfit(f"lies outside the years {_YEARS[0]} to {_YEARS[-1]}", "check the year")


def _in_zone(value: datetime, zone: ZoneInfo) -> datetime:
    first, second = (value.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():  # the hour that clocks skip in spring or repeat in autumn
        raise Unfit(
            "is a local time that happens twice or never, because the clocks change then",
            f"write it with its offset, for example {EXAMPLE}",
        )
    return first
