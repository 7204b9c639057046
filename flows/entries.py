"""One entry, from what is written in a case file or a row to an `Identifier`, with all that is wrong with it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from flows.documents import kind_of
from flows.identifiers import CHECKS, LONGEST, REFUSED, Flaw, Identifier, normalise
from flows.instants import Unfit, read_instant, zone_named
from flows.problems import Problem, Problems

KEYS = {
    "type": f"one of {', '.join(name for name in CHECKS if name not in REFUSED)}",
    "value": "the identifier, as the provider knows it",
    "from": "when its use began, such as 2026-09-01T00:00:00Z; an IP address must have it",
    "to": "when its use ended",
    "zone": 'the time zone of from and to where they have no offset, such as "Europe/Paris"',
}
"""The keys of an entry, which are also the columns of an identifiers file, and what to write."""

# What officers call a type, and what we call it. Only ever proposed, never assumed.
_OTHER_NAMES = {
    "account": "username", "accountid": "user_id", "address": "email", "bitcoin": "wallet", "cell": "phone",
    "crypto": "wallet", "dob": "date_of_birth", "e164": "phone", "emailaddress": "email", "handle": "username",
    "id": "user_id", "ipaddress": "ip", "ipv4": "ip", "ipv6": "ip", "link": "url", "login": "username",
    "mail": "email", "mobile": "phone", "msisdn": "phone", "name": "display_name", "nickname": "display_name",
    "numericid": "user_id", "numericuid": "user_id", "phonenumber": "phone", "profile": "url", "profileurl": "url",
    "screenname": "username", "serial": "device_serial", "snowflake": "user_id", "tel": "phone",
    "telephone": "phone", "txhash": "transaction", "uid": "user_id", "user": "username", "uuid": "user_id",
    "website": "url",
}  # fmt: skip

_T = TypeVar("_T")
_UTC = ZoneInfo("UTC")


class Written(NamedTuple):
    """An entry as it stands in a file: anything may be wrong with it. None: not given."""

    type: object = None
    value: object = None
    used_from: object = None
    used_to: object = None
    zone: object = None


class Spot(NamedTuple):
    """Where an entry stands: the whole of it, and each of its keys."""

    where: str
    key: Callable[[str], str]


def meant(word: str) -> str:
    """What to write instead of a type that is not known. The word itself is not quoted: it may be a value."""
    plain = "".join(letter for letter in word.casefold() if letter.isalnum())
    near = _OTHER_NAMES.get(plain) or next((name for name in CHECKS if name.replace("_", "") == plain), None)
    close = [near] if near else difflib.get_close_matches(word.casefold(), CHECKS, n=1, cutoff=0.7)
    return f'did you mean "{close[0]}"?' if close else f"write {KEYS['type']}"


def unprintable(text: str, allowed: str = "") -> str:
    """Say which character in a text has no place there, or "". Its code is told, not the text around it."""
    if text.isprintable():  # nothing hidden, no control, no direction mark, no space but the plain one
        return ""
    for number, letter in enumerate(text, start=1):
        if not letter.isprintable() and letter not in allowed:
            unnamed = "a control character" if unicodedata.category(letter) == "Cc" else "without a name"
            name = unicodedata.name(letter, unnamed).lower()
            return f"has an invisible or unusual character at position {number}: U+{ord(letter):04X} ({name})"
    return ""


def read_identifier(written: Written, spot: Spot, *, now: datetime, problems: Problems) -> Identifier | None:
    """Check one entry. None if it cannot be used; what is wrong, errors and warnings, is added to `problems`."""
    before = problems.errors

    def wrong(key: str, flaw: Flaw) -> None:
        problems.add(Problem(where=spot.key(key), problem=flaw.problem, fix=flaw.fix, severity=flaw.severity))

    def tried(key: str, read: Callable[[object], _T], given: object) -> _T | None:
        try:
            return read(given)
        except Unfit as unfit:
            wrong(key, Flaw(unfit.problem, unfit.fix))
            return None

    kind = tried("type", _type if not problems.full else _known_type, written.type)
    value = tried("value", _value, written.value)
    zone = used_from = used_to = None
    if written.zone is not None:
        zone = tried("zone", _zone, written.zone)
    clock = zone if zone or written.zone is None else _UTC  # a stand-in for a zone that was told of already
    if written.used_from is not None:
        used_from = tried("from", lambda given: _instant("from", given, clock, now), written.used_from)
    if written.used_to is not None:
        used_to = tried("to", lambda given: _instant("to", given, clock, now), written.used_to)
    if used_from and used_to and used_to < used_from:
        wrong("to", Flaw("`to` is before `from`", "check both"))
    if not kind or not value:
        return None
    if written.used_from is not None and used_from is None:
        used_from = now  # a stand-in again, so that the value is judged all the same
    identifier = Identifier(
        type=kind,
        value=value,
        used_from=used_from,
        used_to=used_to,
        zone=zone.key if zone else "",
        where=spot.where,
    )
    for flaw in CHECKS[kind](identifier):
        wrong("type" if kind in REFUSED else "value", flaw._replace(problem=f"the {kind} {flaw.problem}"))
    return identifier if problems.errors == before else None


def merge(identifiers: Iterable[Identifier], problems: Problems) -> tuple[Identifier, ...]:
    """Each identifier once. One that is named again, with the same times, is left out with a warning.

    The times count: an address or a username at another time may be another person's.
    """
    kept: dict[tuple[object, ...], Identifier] = {}
    for identifier in identifiers:
        spelling = normalise(identifier.type, identifier.value)
        first = kept.setdefault((identifier.type, spelling, identifier.used_from, identifier.used_to), identifier)
        if first is not identifier:
            problems.add(
                Problem(
                    where=identifier.where,
                    problem=f"the same {identifier.type} as at {first.where}",
                    fix="remove one of them; it is asked for once",
                    severity="warning",
                )
            )
    return tuple(kept.values())


def _known_type(given: object) -> str:
    kind = _text("type", given).lower().replace("-", "_")
    if kind not in CHECKS:
        raise Unfit("there is no such type of identifier", "")
    return kind


def _type(given: object) -> str:
    try:
        return _known_type(given)
    except Unfit as unfit:
        raise Unfit(unfit.problem, unfit.fix or meant(str(given))) from None


def _text(key: str, given: object) -> str:
    if given is None:
        raise Unfit(f"`{key}` is missing", f"give {KEYS[key]}")
    if not isinstance(given, str):
        raise Unfit(f"`{key}` is {kind_of(given)}, not text", f"give {KEYS[key]}; text stands in quotes")
    text = given.strip(" ")
    if not text:
        raise Unfit(f"`{key}` is empty", f"give {KEYS[key]}")
    return text


def _value(given: object) -> str:
    value = _text("value", given)
    if len(value) > LONGEST:
        raise Unfit(f"`value` is longer than {LONGEST} characters", "give one identifier in each entry")
    strange = unprintable(value)
    if strange:
        raise Unfit(f"`value` {strange}", "type it by hand instead of pasting it")
    return value


def _zone(given: object) -> ZoneInfo:
    return zone_named(_text("zone", given))


def _instant(key: str, given: object, zone: ZoneInfo | None, now: datetime) -> datetime:
    try:
        instant = read_instant(given, zone)
    except Unfit as unfit:
        raise Unfit(f"`{key}` {unfit.problem}", unfit.fix) from None
    if instant > now:
        raise Unfit(f"`{key}` lies in the future", "only data that exist can be preserved: check the date")
    return instant
