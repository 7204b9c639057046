"""Our types of identifiers and categories of data in the words of the wire: TS 103 280 formats, RequestType.

What ETSI has no format for (a username, a URL, a wallet) can be said only in the provider's own format, named in its
table; otherwise it is `Unsupported`. No reason given here quotes a value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from providers.errors import Unsupported
from providers.interface import Item

ETSI = "ETSI"


class Unsayable(ValueError):
    """A value does not fit its format; the message says why, without the value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One RequestValue: a format, and the identifier written in it."""

    owner: str
    name: str
    text: str = field(repr=False)

    def same(self, other: Value) -> bool:
        """Whether both name the same account: a provider may answer in other letters' case."""
        mine, theirs = (self.owner, self.name, self.text), (other.owner, other.name, other.text)
        return tuple(map(str.casefold, mine)) == tuple(map(str.casefold, theirs))


_EMAIL = re.compile(r"[a-zA-Z0-9.!#$%&'*+\\/=?^_`{|}~-]+@[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})*")
_MARKS = str.maketrans("", "", "+ -./()")
_IMEI_MARKS = str.maketrans("", "", " /-")
_IMEIS = {14: "IMEI", 15: "IMEICheckDigit", 16: "IMEISV"}
_HIGHEST_PORT = 65535


def _email(value: str) -> tuple[tuple[str, str], ...]:
    if value.count("@") != 1 or value.startswith("@") or value.endswith("@") or len(value) > 255:  # noqa: PLR2004
        raise Unsayable("is no e-mail address")
    return (("EmailAddress" if _EMAIL.fullmatch(value) else "InternationalizedEmailAddress", value),)


def _phone(value: str) -> tuple[tuple[str, str], ...]:
    digits = value.translate(_MARKS)
    if not re.fullmatch(r"[0-9]{1,15}", digits):
        raise Unsayable("is no international number of at most 15 digits")
    return (("InternationalE164", digits),)


def _imei(value: str) -> tuple[tuple[str, str], ...]:
    digits = value.translate(_IMEI_MARKS)
    if not re.fullmatch(r"[0-9]+", digits) or len(digits) not in _IMEIS:
        raise Unsayable("has neither 14, 15 nor 16 digits")
    return ((_IMEIS[len(digits)], digits),)


def _ip(value: str) -> tuple[tuple[str, str], ...]:
    """The address, and the port as a second value of the same task: IPv6 in full, as TS 103 280 wants it."""
    host, port = _host_and_port(value)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or "%" in host:
        raise Unsayable("is no IP address")
    name = "IPv4Address" if address.version == 4 else "IPv6Address"  # noqa: PLR2004
    said = ((name, address.exploded),)
    if not port:
        return said
    if not port.isascii() or not port.isdigit() or not 1 < int(port) <= _HIGHEST_PORT:
        raise Unsayable("has a port that cannot be said")
    return (*said, ("TCPPort", str(int(port))))


def _host_and_port(value: str) -> tuple[str, str]:
    if bracketed := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", value):
        return bracketed[1], bracketed[2] or ""
    if value.count(":") == 1:
        host, _, port = value.partition(":")
        return host, port
    return value, ""


_FORMATS: Mapping[str, Callable[[str], tuple[tuple[str, str], ...]]] = {
    "email": _email,
    "phone": _phone,
    "imei": _imei,
    "ip": _ip,
}
SAID_BY_ETSI = tuple(_FORMATS)
"""Our types that TS 103 280 has a format for."""


def values_of(item: Item, own: Mapping[str, tuple[str, str]]) -> tuple[Value, ...]:
    """An identifier as its task says it. `own`: our type to the (owner, name) of a provider's own format.

    Raises:
        Unsayable: there is no format for its type, or the value does not fit it.
    """
    if item.type in own:
        owner, name = own[item.type]
        return (Value(owner=owner, name=name, text=item.value),)
    if item.type not in _FORMATS:
        raise Unsayable("has no format in TS 103 280")
    said = _FORMATS[item.type](item.value.strip())
    return tuple(Value(owner=ETSI, name=name, text=text) for name, text in said)


def all_values(
    provider: str, items: Sequence[Item], own: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[Value, ...]]:
    """Every item's values by its id.

    Raises:
        Unsupported: some cannot be said; all their types and reasons at once, never a value.
    """
    said: dict[str, tuple[Value, ...]] = {}
    problems: dict[str, None] = {}
    for item in items:
        try:
            said[item.id] = values_of(item, own)
        except Unsayable as error:
            problems[f"the {item.type} {error}"] = None
    if problems:
        raise Unsupported(
            f"{provider}: an identifier cannot be said over this channel: {'; '.join(problems)}. "
            "A provider's own format is named in [adapter.formats]; otherwise take another channel for it"
        )
    return said


_REQUEST_TYPES: Mapping[frozenset[str], str] = {
    frozenset({"subscriber"}): "SubscriberData",
    frozenset({"traffic"}): "TrafficData",
    frozenset({"content"}): "StoredContentData",
    frozenset({"traffic", "content"}): "TrafficDataAndStoredContentData",
}
OTHER = "Other"


def request_type(categories: Sequence[str]) -> str:
    """RequestType for the categories of data. What no single word says is "Other", and the document says it."""
    return _REQUEST_TYPES.get(frozenset(categories), OTHER)
