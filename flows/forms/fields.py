"""The fields that several forms share: what each is called, what stands below it, and what may be written in it.

Prefect shows a field's title and help only where they stand in the schema's extra keys. `write` is what to write
instead of something wrong; Prefect ignores it, `flows.forms.entered` says it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import PydanticJsonSchemaWarning

from flows.instants import Unfit, read_instant, zone_named

REQUEST = "^HF-[0-9A-HJKMNP-TV-Z]{12}$"
"""An id of ours. Whoever copies it from the desk queue or the board gets it in this form."""


def form(
    what: str, *, title: str = "", write: str = "", enum: Iterable[str] = (), default: Any = None, **rules: Any
) -> Any:
    """A field of a form: its title, the help below it, its choices and its rules.

    Args:
        what: the help, in a person's words.
        title: what it is called; the parameter's name if left out.
        write: what to write where the entry is wrong, as a clause; the help if left out.
        enum: the closed list that Prefect shows as a drop-down.
        default: what Prefect fills in; the field must be filled in all the same.
        rules: those of `pydantic.Field` (`pattern`, `min_length`, `max_length` …).
    """
    told: dict[str, Any] = {"description": what, "title": title, "write": write, "enum": list(enum)}
    extra = {name: value for name, value in told.items() if value}
    return Field(json_schema_extra=extra if default is None else extra | {"default": default}, **rules)


RequestId = Annotated[
    str,
    form(
        "The request's id: HF- and twelve characters. Nothing else: no account, no name.",
        title="Request",
        write="the id as the desk queue shows it, HF- and twelve characters",
        pattern=REQUEST,
    ),
]
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""What cannot be seen, and can make a line of a log or a name look like another."""

PLAIN = f"^[^@{_UNSEEN}]*$"
"""A line that is no address."""

NAME = f"^\\s*[^@\\s{_UNSEEN}][^@{_UNSEEN}]*[^@\\s{_UNSEEN}]\\s*$"
"""The same with at least two letters or signs in it that can be seen."""


def _trimmed(given: object) -> object:
    return given.strip() if isinstance(given, str) else given


Person = Annotated[
    str,
    form(
        "Who enters this: your name or role. It is recorded; Prefect itself does not know who you are.",
        title="Entered by",
        write="your name or role, 2 to 80 characters on one line, without an @",
        min_length=2,
        max_length=80,
        pattern=NAME,
    ),
    BeforeValidator(_trimmed),
]
Matter = Annotated[
    str,
    form(
        "Filled in by the links of the desk queue: which item this answers. If it is settled already, you are told,"
        " and nothing is entered. Leave it as it is.",
        title="Item",
        write="nothing, or what the link of the desk queue filled in",
        pattern="^[A-Za-z0-9:._-]*$",
        max_length=80,
    ),
]


class NotPicked:
    """Stands in the place of a day that nobody picked."""

    def __repr__(self) -> str:
        return "not picked"


NOT_PICKED: Any = NotPicked()
"""The default of a day or an instant that may be left out.

The schema must say that it is a day and nothing else, or Prefect asks first of which type it is to be. Then it must
not have a default either: a null or an empty text, which Prefect would send back, is no day. What cannot be written
as JSON pydantic leaves out of the schema, with a warning that tells us nothing new.
"""

warnings.filterwarnings("ignore", "Default value not picked is not JSON serializable", PydanticJsonSchemaWarning)

_EMPTY = BeforeValidator(lambda given: None if given == "" or given is NOT_PICKED else given)

_DAY = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
"""Prefect shows a picker for the format, and the server holds what comes against the pattern alone."""

_INSTANT = {
    "type": "string",
    "pattern": r"^ *([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ] *[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r" *([Zz]|UTC|[+-][0-9]{2}:[0-9]{2}|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+) *)?$",
}
"""Written, not picked: Prefect's pickers of an instant send another one than they show.

With V1, a summer's hour that is picked in winter is an hour off wherever clocks change, and `America/St_Johns` two
hours. With V2, an hour that is picked before its time zone stays the hour in the browser's zone, while the page shows
it in the other: up to a day. Tried with Prefect 3.8.8. An address at another hour is somebody else's.
"""

WRITTEN = "2026-11-21 14:30 UTC, or with an offset or a place instead: +02:00, Europe/Paris"
"""How an instant is written."""

_ZONED = re.compile(r"\s*(\S+?)[Tt\s]\s*([0-9:.]+)\s*([Zz]|[+-][0-9:]+|[A-Za-z_]\S*)?\s*", re.ASCII)


def moment(given: str) -> datetime:
    """An instant as it is written on a form (`WRITTEN`), in UTC.

    Raises:
        Unfit: it is none, it has no zone, or its hour happens twice or never in that zone. It quotes nothing.
    """
    found = _ZONED.fullmatch(given)
    if found is None:
        return read_instant(given)
    day, time, zone = found[1], found[2], found[3] or ""
    if zone[:1] in {"+", "-"} or zone in {"", "Z", "z"}:
        return read_instant(f"{day}T{time}{zone}")
    return read_instant(f"{day}T{time}", zone_named(zone))


def _moment(given: object) -> datetime | None:
    if given is None or given is NOT_PICKED or given == "":
        return None
    try:
        return moment(given) if isinstance(given, str) else read_instant(given)
    except Unfit as unfit:
        raise Unfit(unfit.problem, f"write {WRITTEN}") from None


Day = Annotated[date | None, WithJsonSchema(_DAY), _EMPTY]
"""A day that may be left out."""

Instant = Annotated[datetime | None, WithJsonSchema(_INSTANT), BeforeValidator(_moment)]
"""The same for an instant, in UTC."""


def without_default(schema: dict[str, Any]) -> None:
    """For `json_schema_extra` of a day in a form within a form: see `NOT_PICKED`."""
    schema.pop("default", None)
