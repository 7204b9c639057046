"""One entry, from what is written in a case file or a row to an `Identifier`, with all that is wrong with it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain as chain_of
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from flows.documents import kind_of
from flows.identifier import a, pasted
from flows.identifiers import CHAINED, CHECKS, COMMON, LONGEST, PORTED, REFUSED, Flaw, Identifier, normalise
from flows.identifiers_network import address_of, cleaned, with_port
from flows.instants import Unfit, read_instant, zone_named
from flows.problems import Problem, Problems

KEYS = {
    "type": f"one of {', '.join(COMMON)}, or another that docs/case-file.md lists",
    "value": "the identifier, as the provider knows it",
    "from": "when its use began, such as 2026-09-01T00:00:00Z; an IP address must have it",
    "to": "when its use ended",
    "zone": 'the time zone of from and to where they have no offset, such as "Europe/Paris"',
    "port": "the source port of an IP address, such as 51820",
    "chain": "the chain of a wallet or a transaction, such as bitcoin",
}
"""The keys of an entry, which are also the columns of an identifiers file, and what to write."""

# What officers call a type, and what we call it. Only ever proposed, never assumed.
_OTHER_NAMES = {
    "account": "username", "accountid": "user_id", "address": "email", "bitcoin": "wallet", "booking":
    "reservation_code", "cell": "phone", "cellid": "cell_tower", "cgi": "cell_tower", "channel": "channel_id",
    "clientnumber": "customer_number", "crypto": "wallet", "customer": "customer_number", "dob": "date_of_birth",
    "e164": "phone", "emailaddress": "email", "ethernet": "mac", "fqdn": "domain", "guild": "guild_id", "handle":
    "username", "host": "domain", "hostname": "domain", "id": "user_id", "imsinumber": "imsi", "ipaddress": "ip",
    "ipv4": "ip", "ipv6": "ip", "link": "url", "login": "username", "macaddress": "mac", "mail": "email", "meeting":
    "meeting_id", "message": "message_id", "mobile": "phone", "msisdn": "phone", "name": "display_name", "nickname":
    "display_name", "numericid": "user_id", "numericuid": "user_id", "order": "order_id", "phonenumber": "phone",
    "post": "post_id", "profile": "url", "profileurl": "url", "repo": "repository", "reservation":
    "reservation_code", "screenname": "username", "serial": "device_serial", "serialnumber": "device_serial",
    "server": "server_id", "service": "service_name", "sim": "iccid", "simcard": "iccid", "site": "url",
    "snowflake": "user_id", "steamid": "user_id", "steamid64": "user_id", "tel": "phone", "telephone": "phone",
    "tower": "cell_tower", "trip": "trip_id", "txhash": "transaction", "txid": "transaction", "uid": "user_id",
    "user": "username", "uuid": "user_id", "video": "video_id", "vin": "other", "website": "url", "workspace":
    "workspace_member", "xboxlive": "gamertag",
}  # fmt: skip

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""What Python prints and nobody sees: fillers, variation selectors, the empty Braille cell (Unicode, UAX 44)."""

_T = TypeVar("_T")
_UTC = ZoneInfo("UTC")


class Written(NamedTuple):
    """An entry as it stands in a file: anything may be wrong with it. None: not given."""

    type: object = None
    value: object = None
    used_from: object = None
    used_to: object = None
    zone: object = None
    port: object = None
    chain: object = None


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
    if text.isascii() and text.isprintable():
        return ""
    if text.isprintable() and not _UNSEEN.search(text):  # no control, no direction mark, no space but the plain one
        return ""
    for number, letter in enumerate(text, start=1):
        if (not letter.isprintable() and letter not in allowed) or _UNSEEN.match(letter):
            unnamed = "a control character" if unicodedata.category(letter) == "Cc" else "without a name"
            name = unicodedata.name(letter, unnamed).lower()
            return f"has an invisible or unusual character at position {number}: U+{ord(letter):04X} ({name})"
    return ""


def read_identifier(written: Written, spot: Spot, *, now: datetime, problems: Problems) -> Identifier | None:
    """Check one entry. None if it cannot be used; what is wrong, errors and warnings, is added to `problems`."""
    before = problems.errors

    def wrong(key: str, flaw: Flaw) -> None:
        where, (problem, fix, severity, kind) = spot.key(key), flaw
        problems.add(Problem(where=where, problem=problem, fix=fix, severity=severity, kind=kind))

    def tried(key: str, read: Callable[[object], _T], given: object) -> _T | None:
        try:
            return read(given)
        except Unfit as unfit:
            wrong(key, Flaw(unfit.problem, unfit.fix, kind=unfit.kind))
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
        wrong("to", Flaw("`to` is before `from`", "check both", kind="form"))
    if not kind or not value:
        return None
    port, chain, whole = None, "", value
    if kind in PORTED or written.port is not None:
        whole, port = tried("port", lambda _: _ported(kind, value, written.port), None) or (value, None)
    if kind in CHAINED or written.chain is not None:
        whole, chain = tried("chain", lambda _: _chained(kind, whole, written.chain), None) or (value, "")
    if written.used_from is not None and used_from is None:
        used_from = now  # a stand-in again, so that the value is judged all the same
    identifier = Identifier(
        type=kind,
        value=whole,
        used_from=used_from,
        used_to=used_to,
        zone=zone.key if zone else "",
        where=spot.where,
        port=port,
        chain=chain,
    )
    for flaw in chain_of(pasted(value) if "&" in value else (), CHECKS[kind](identifier)):
        wrong("type" if kind in REFUSED else "value", flaw._replace(problem=f"the {kind} {flaw.problem}"))
    if kind == "url":
        identifier = _without_tracking(identifier, wrong)
    return identifier if problems.errors == before else None


def _ported(kind: str, value: str, given: object) -> tuple[str, int | None]:
    """An address with the port that stands in it or beside it, and that port."""
    if kind not in PORTED:
        raise Unfit(f"`port` stands beside {a(kind)}", "leave it out: only an IP address has a port")
    there = address_of(value)[1]
    if given is None:
        return value, there
    number = int(given) if isinstance(given, str) and given.isascii() and given.isdigit() else given
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**16:
        raise Unfit("`port` is no port", "write a whole number from 1 to 65535")
    if there is not None and there != number:
        raise Unfit("`port` is another one than in `value`", "compare both with the log and keep the right one")
    return with_port(value, number), number


def _chained(kind: str, value: str, given: object) -> tuple[str, str]:
    """A wallet or a transaction with the chain that stands before it or beside it, and that chain."""
    if kind not in CHAINED:
        raise Unfit(f"`chain` stands beside {a(kind)}", "leave it out: only a wallet or a transaction has one")
    there = value.rpartition(":")[0].casefold()
    if given is None:
        return value, there
    chain = _text("chain", given).casefold()
    if there and there != chain:
        raise Unfit("`chain` is another one than in `value`", "compare both with the source and keep the right one")
    return value if there else f"{chain}:{value}", chain


def _without_tracking(identifier: Identifier, wrong: Callable[[str, Flaw], None]) -> Identifier:
    """A web address as the provider needs it, told where something was left out of it."""
    value, dropped = cleaned(identifier.value)
    if not dropped:
        return identifier
    problem = f"the url carries {', '.join(dropped)}, which follow who copied it"
    wrong("value", Flaw(problem, "nothing to do: the address is sent without them", "warning", "tracking"))
    return replace(identifier, value=value)


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
                    kind="twice",
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
        raise Unfit(f"`value` {strange}", "type it by hand instead of pasting it", "invisible")
    return value


def _zone(given: object) -> ZoneInfo:
    return zone_named(_text("zone", given))


def _instant(key: str, given: object, zone: ZoneInfo | None, now: datetime) -> datetime:
    try:
        instant = read_instant(given, zone)
    except Unfit as unfit:
        raise Unfit(f"`{key}` {unfit.problem}", unfit.fix) from None
    if instant > now:
        raise Unfit(f"`{key}` lies in the future", "only data that exist can be preserved: check the date", "future")
    return instant
