"""What names an account: one identifier as written by the officer, checked and ready to be sealed.

The checks here hold for every provider: they find what nobody could act on (no @, a private address, a wrong
check digit). What a certain provider accepts is checked later, against its catalogue entry. `CHECKS` is the one
table of types; no message quotes the value.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from flows.instants import EXAMPLE, require_utc
from flows.problems import Severity

LONGEST = 512
"""Characters of an identifier's value; no provider's identifier is longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """One identifier. `value` is as the officer wrote it, without surrounding spaces; never shown by `repr`.

    `used_from` and `used_to` (aware UTC) bound its use, None where not given; `zone` is the IANA name the
    officer gave, or "". `where` is its place in the input.
    """

    type: str
    value: str = field(repr=False)
    used_from: datetime | None = field(default=None, repr=False)
    used_to: datetime | None = field(default=None, repr=False)
    zone: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        require_utc("used_from", self.used_from)
        require_utc("used_to", self.used_to)


class Flaw(NamedTuple):
    """What a check found wrong with a value: `problem` follows "the <type> …", `fix` is an order."""

    problem: str
    fix: str
    severity: Severity = "error"


Check = Callable[[Identifier], Iterator[Flaw]]

_LONGEST_EMAIL, _LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1, less the angle brackets
_ROUNDED_AFTER = 15  # the digits that a spreadsheet keeps of a number
_IMEI = 15

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"(?!-)([^\W_]|-){1,63}(?<!-)")
_HOST = re.compile(r"[^.\s]+(\.[^.\s]+)+|.*:.*")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits with the country code
_DIGITS = re.compile(r"[0-9]+")
_POWER = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+[0-9]{1,3}")
_ON_CHAIN = re.compile(r"([a-z0-9-]{2,32}:)?[a-zA-Z0-9._-]{10,128}")
_SHORTEST_IPV4 = re.compile(r"[0-9.]+(:[1-9][0-9]*)?")
_PHONE_MARKS = str.maketrans("", "", " -./()")
_IMEI_MARKS = str.maketrans("", "", " /-")
_UNROUTED = [
    (network.version, int(network.network_address), int(network.broadcast_address))
    for network in map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
]
"""Addresses that no packet on the Internet carries (RFC 6890). Those kept for documentation are let through."""

_POWER_OF_TEN = Flaw(
    "was turned into a power of ten by a spreadsheet, and its digits are lost",
    "format the column as text, enter the number again and export again",
)
_ROUNDED = Flaw(
    "ends in zeros after 15 digits, as when a spreadsheet has rounded it",
    "compare it with the source; format the column as text before entering numbers",
    "warning",
)
_LOOKALIKE = Flaw(
    "has characters outside A to Z, 0 to 9",
    "compare it with the source: letters of another script look alike and name another account",
    "warning",
)
_ADDRESS_BAR = "copy the whole address from the browser, such as https://example.com/page"
_ABROAD = "write it as it is dialled from abroad: +, the country code and the number, without brackets"
_IMEI_LENGTHS = {
    14: Flaw("has 14 digits: the check digit is missing", "write all 15 digits"),
    16: Flaw("has 16 digits: it is an IMEISV", "write the 15 digits of the IMEI: the first 14 and the check digit"),
}
_FIFTEEN = "write the 15 digits (dial *#06# on the device to see them)"


def _lookalike(value: str) -> Iterator[Flaw]:
    if not value.isascii():
        yield _LOOKALIKE


def _spaced(value: str) -> bool:
    return value.split() != [value]


def _email(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    if _EMAIL.fullmatch(value) and len(value) <= _LONGEST_EMAIL:
        return
    local, _, domain = value.rpartition("@")
    last = domain.rpartition(".")[2]
    if value.casefold().startswith("mailto:") or "<" in value or ">" in value:
        yield Flaw("has a name or a mark around the address", "write the address alone")
    elif _spaced(value) or "," in value or ";" in value:
        yield Flaw("has a space, a comma or a semicolon", "write one address, each in an entry of its own")
    elif value.count("@") != 1:
        yield Flaw(
            f"has {'more than one' if '@' in value else 'no'} @", 'write name@domain; a handle is a "username"'
        )
    elif not local or len(local) > _LONGEST_LOCAL or len(value) > _LONGEST_EMAIL:
        yield Flaw("has nothing before the @, or is too long", "write the whole address and nothing else")
    elif "." not in domain or not all(map(_LABEL.fullmatch, domain.split("."))) or last.isdigit() or len(last) == 1:
        yield Flaw("has no whole domain after the @", "write the domain in full, such as example.com")
    elif value.isascii():
        yield Flaw("has a character that e-mail addresses do not have", "compare it with the source")
    else:
        yield _LOOKALIKE


def _phone(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    bare = value.translate(_PHONE_MARKS)
    if _POWER.fullmatch(value):
        yield _POWER_OF_TEN
    elif "(0)" in value:
        yield Flaw("has a (0), which may or may not be dialled", _ABROAD)
    elif _PHONE.fullmatch(bare):
        return
    elif bare.startswith("00"):
        yield Flaw("begins with 00", "write + in place of the 00, then the country code")
    elif not _DIGITS.fullmatch(bare.removeprefix("+")):
        yield Flaw("has characters that are no digits", "write + and digits only, without an extension")
    elif not bare.startswith("+"):
        yield Flaw("has no + and country code", _ABROAD)
    elif bare.startswith("+0"):
        yield Flaw("has no country code after the +", _ABROAD)
    else:
        yield Flaw(
            "is too short or too long for a number", "write +, the country code and the number: 7 to 15 digits"
        )


def _username(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    if value.startswith("@"):
        yield Flaw("begins with @", "write the username without the @")
    elif "/" in value or value.casefold().startswith("www."):
        yield Flaw("is the address of a page", 'use type "url", or write only the username')
    elif _spaced(value):
        yield Flaw("has a space", "write the username, not the display name, or the profile URL")
    elif "@" in value:
        fix = 'use type "email", unless usernames of this provider have an @ inside'
        yield Flaw("looks like an e-mail address", fix, "warning")
    yield from _lookalike(value)


def _user_id(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    if "://" in value:
        yield Flaw("is the address of a page", 'use type "url", or write only the id')
    elif value.startswith("@"):
        yield Flaw("begins with @", 'use type "username", without the @')
    else:
        yield from _code(identifier)


def _code(identifier: Identifier) -> Iterator[Flaw]:
    """An id or a serial number: no grammar holds for all, but what spreadsheets do to them can be seen."""
    value = identifier.value
    if _POWER.fullmatch(value):
        yield _POWER_OF_TEN
    elif _spaced(value):
        yield Flaw("has a space", "write it in one piece, as the provider shows it")
    elif _DIGITS.fullmatch(value) and len(value) > _ROUNDED_AFTER + 1 and not value[_ROUNDED_AFTER:].strip("0"):
        yield _ROUNDED
    yield from _lookalike(value)


def _url(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    parts = _split(value)
    host = (parts.hostname or "") if parts else ""
    if _spaced(value) or "\\" in value:
        yield Flaw("has a space or a backslash", _ADDRESS_BAR)
    elif parts is None or (parts.scheme in {"http", "https"} and not _HOST.fullmatch(host)):
        yield Flaw("has no host, or one that cannot be read", _ADDRESS_BAR)
    elif parts.scheme not in {"http", "https"}:
        yield Flaw("does not begin with https:// or http://", _ADDRESS_BAR)
    elif "@" in parts.netloc:
        yield Flaw("has an @ before its host, which hides where it leads", "copy the address that the browser shows")
    else:
        yield from _lookalike(host)


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def _ip(identifier: Identifier) -> Iterator[Flaw]:
    value = identifier.value
    address, port = _address(value)
    if "/" in value:
        yield Flaw("is a network or a web address", "write one IP address, with its port if the log has it")
    elif address is None:
        fix = "write it as 192.0.2.7 or 2001:db8::7, with a port as 192.0.2.7:51820 or [2001:db8::7]:51820"
        yield Flaw("is not an IP address", fix)
    elif getattr(address, "scope_id", None) or _unrouted(address):
        yield Flaw("is used inside networks only and names nobody outside", "write the public address")
    else:
        if identifier.used_from is None:
            yield Flaw("has no time, and addresses change hands", f"give `from`, such as {EXAMPLE}")
        if port is None and isinstance(address, ipaddress.IPv4Address):
            fix = "add the source port if the log has it, as 192.0.2.7:51820: many people share one address"
            yield Flaw("has no source port", fix, "warning")


def _unrouted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    version, number = address.version, int(address)
    return any(version == each and first <= number <= last for each, first, last in _UNROUTED)


def _address(value: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address | None, int | None]:
    """The address and the port of `192.0.2.7`, `192.0.2.7:51820`, `2001:db8::7` or `[2001:db8::7]:51820`."""
    found = re.fullmatch(r"\[([^\[\]]+)\](?::([0-9]{1,5}))?|([0-9.]+):([0-9]{1,5})", value)
    host, port = (found[1] or found[3], found[2] or found[4]) if found else (value, None)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None, None
    if port is not None and not 0 < int(port) < 2**16:
        return None, None
    return getattr(address, "ipv4_mapped", None) or address, None if port is None else int(port)


def _imei(identifier: Identifier) -> Iterator[Flaw]:
    digits = identifier.value.translate(_IMEI_MARKS)
    if _POWER.fullmatch(identifier.value):
        yield _POWER_OF_TEN
    elif not _DIGITS.fullmatch(digits):
        yield Flaw("has characters that are no digits", _FIFTEEN)
    elif len(digits) != _IMEI:
        yield _IMEI_LENGTHS.get(len(digits), Flaw("has not 15 digits", _FIFTEEN))
    elif not digits.strip("0") or not _luhn(digits):
        yield Flaw("has a wrong check digit, so at least one digit is wrong", "compare it with the source")


def _luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, which 3GPP TS 23.003, annex B, prescribes for the IMEI."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def _on_chain(identifier: Identifier) -> Iterator[Flaw]:
    if not _ON_CHAIN.fullmatch(identifier.value):
        yield Flaw("is not on a chain", "write chain:address or chain:hash, letters and digits without spaces")
    elif ":" not in identifier.value:
        fix = "write the chain before it, as bitcoin:…, since the same may exist on several chains"
        yield Flaw("does not say of which chain it is", fix, "warning")


def _any(_: Identifier) -> Iterator[Flaw]:
    yield from ()


def _never(problem: str) -> Check:
    flaw = Flaw(problem, "give the username, the profile URL or the numeric id")
    return lambda _: iter((flaw,))


CHECKS: Mapping[str, Check] = {
    "email": _email,
    "phone": _phone,
    "username": _username,
    "user_id": _user_id,
    "url": _url,
    "ip": _ip,
    "imei": _imei,
    "device_serial": _code,
    "wallet": _on_chain,
    "transaction": _on_chain,
    "other": _any,
    "display_name": _never("can change and is not unique"),
    "real_name": _never("is shared by many people"),
    "date_of_birth": _never("is shared by many people"),
    "location": _never("names no account"),
}
"""Every type there is, and what is checked of it."""

REFUSED = frozenset({"display_name", "real_name", "date_of_birth", "location"})
"""The types that no provider can act on; known so that they are refused with what to give instead."""


def normalise(type_: str, value: str) -> str:
    """The form in which two spellings of one identifier are equal: for duplicates and for the blind index.

    Never sent to anybody, and never an error: a value outside its grammar comes back in Unicode's composed form.

    * email: in lower case, the domain in its ASCII form. Mailbox names may differ in case by RFC 5321, 2.4, but no
      provider known to us lets them; dots and `+tags` stay, since providers differ.
    * phone: `+` and digits. imei: digits.
    * username: in lower case. user_id, device_serial, other: as they are, since case may matter.
    * url: scheme `https`, host in lower case, no default port, no bare `/` at the end; the rest as it is.
    * ip: the shortest form, an IPv4-mapped address as IPv4; the port stays, since people share addresses.
    * wallet, transaction: the chain in lower case, and the rest where its alphabet has no case (0x…, bc1…).
    """
    value = unicodedata.normalize("NFC", value.strip())
    spell = _SPELLINGS.get(type_)
    return spell(value) if spell else value


def _spell_email(value: str) -> str:
    local, at, domain = value.casefold().rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):  # not a name that the domain name system could have
            domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def _spell_url(value: str) -> str:
    parts = _split(value)
    host = parts.hostname if parts else None
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        return value
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, 80, 443} else f":{parts.port}"
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    path = "" if parts.path == "/" else parts.path
    return f"https://{host}{port}{path}{query}{fragment}"


def _spell_ip(value: str) -> str:
    if _SHORTEST_IPV4.fullmatch(value):
        return value
    address, port = _address(value)
    if address is None:
        return value
    if port is None:
        return address.compressed
    return f"[{address.compressed}]:{port}" if ":" in address.compressed else f"{address.compressed}:{port}"


def _spell_chain(value: str) -> str:
    chain, colon, address = value.rpartition(":")
    folded = address.casefold()
    return f"{chain.casefold()}{colon}{folded if folded.startswith(('0x', 'bc1')) else address}"


_SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "email": _spell_email,
    "phone": lambda value: value.translate(_PHONE_MARKS),
    "username": lambda value: value.casefold().removeprefix("@"),
    "url": _spell_url,
    "ip": _spell_ip,
    "imei": lambda value: value.translate(_IMEI_MARKS),
    "wallet": _spell_chain,
    "transaction": _spell_chain,
}
