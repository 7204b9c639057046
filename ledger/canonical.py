r"""The one way in which a value is written down, so that its bytes can be hashed.

**Canonical text** of a value: JSON without spaces, the names of a table sorted by code point, characters as
themselves (only `"`, `\` and the control characters below U+0020 are escaped, as RFC 8259 needs it). Text,
whole numbers from -(2^53 - 1) to 2^53 - 1, true, false, null, lists and tables; no fractions, because they
have no single way of being written. Instants are written as `2026-11-21T08:00:00.000000Z`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]

FORMAT = "holdfast-ledger/2"
LARGEST = 2**53 - 1  # whole numbers beyond it are read differently by different readers of JSON

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a ledger is, for ever: its id, its day of birth ("" if not noted), and whether it is a sandbox."""

    ledger: str
    created_at: str
    sandbox: bool

    def content(self) -> bytes:
        """The bytes of leaf 0 of its tree: it cannot be given out for another one, nor a trial for the real thing."""
        facts: dict[str, Json] = {
            "created_at": self.created_at,
            "format": FORMAT,
            "ledger": self.ledger,
            "sandbox": self.sandbox,
        }
        return canonical(facts).encode()


def in_utc(moment: datetime, what: str) -> datetime:
    """The moment itself.

    Raises:
        ValueError: it is naive or not in UTC; `what` says which one it was.
    """
    if moment.tzinfo is not UTC and moment.utcoffset() != UTC.utcoffset(None):
        raise ValueError(f"{what}: expected an instant in UTC, found {moment!r}")
    return moment


def canonical(value: Json, where: str = "value") -> str:
    """The canonical text of a value.

    Raises:
        ValueError: there is none; says where, never what stands there.
    """
    if problem := wrong(value):
        raise ValueError(f"{where}{problem}")
    return ENCODER.encode(value)


@lru_cache(maxsize=1024)  # an event has the same one up to three times
def instant(moment: datetime) -> str:
    """An instant in UTC as text of one length, so that texts sort as the instants do."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=1024)
def read_instant(text: str) -> datetime:
    """The instant of such a text. ValueError if it is none."""
    return in_utc(datetime.fromisoformat(text), "an instant")


def wrong(value: object) -> str:
    """The place below `value` that has no canonical text, and why; empty if all has one."""
    if isinstance(value, str):
        return "" if value.isascii() and "\0" not in value else _wrong_text(value)
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -LARGEST <= value <= LARGEST else ": a number beyond 2^53 - 1; write it as text"
    if isinstance(value, dict):
        for name, child in value.items():
            if not isinstance(name, str):
                return f": a name in a table must be text, found {type(name).__name__}"
            if problem := wrong(name) or wrong(child):
                return f".{name!a}{problem}" if not name.isidentifier() else f".{name}{problem}"
        return ""
    if isinstance(value, list | tuple):
        for position, child in enumerate(value):
            if problem := wrong(child):
                return f"[{position}]{problem}"
        return ""
    if isinstance(value, float):
        return ": a fraction has no single way of being written; use a whole number or text"
    return f": expected text, a whole number, true, false, null, a list or a table; found {type(value).__name__}"


def _wrong_text(text: str) -> str:
    if "\0" in text:
        return ": the character U+0000 cannot be stored"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return ": half a character (a lone surrogate) cannot be written"
    return ""
