"""Identifiers of the network: IP addresses with their port, web addresses, domains, cells, hardware addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from flows.identifier import Flaw, Identifier, lookalike, spaced
from flows.instants import EXAMPLE

_HOST = re.compile(r"[^.\s]+(\.[^.\s]+)+|.*:.*")
_DOMAIN = re.compile(r"(?=.{4,253})([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_SHORTEST_IPV4 = re.compile(r"[0-9.]+(:[1-9][0-9]*)?")
_MAC = re.compile(r"([0-9a-f]{2})([:-]?)([0-9a-f]{2}\2){4}[0-9a-f]{2}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}", re.IGNORECASE)
_MAC_MARKS = str.maketrans("", "", ":-.")
_CELL = re.compile(r"[2-7][0-9]{2}-[0-9]{2,3}(-[0-9]{1,10}){1,2}")
_UNROUTED = [
    (network.version, int(network.network_address), int(network.broadcast_address))
    for network in map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
            *("::/127", "64:ff9b:1::/48", "100::/64", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
]
"""Addresses that no packet on the Internet carries (RFC 6890). Those kept for documentation are let through."""

SHORTENERS = frozenset(
    {"bit.ly", "buff.ly", "cutt.ly", "fb.me", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy", "t.co", "tinyurl.com"}
)
"""Hosts whose addresses only lead elsewhere: they show nothing of who holds the content."""

HOSTS = {
    "discord": ("discord.com", "discord.gg"), "facebook": ("facebook.com", "fb.com"), "github": ("github.com",),
    "google": ("youtube.com", "youtu.be"), "instagram": ("instagram.com",), "linkedin": ("linkedin.com",),
    "pinterest": ("pinterest.com",), "reddit": ("reddit.com", "redd.it"), "snap": ("snapchat.com",),
    "steam": ("steamcommunity.com",), "telegram": ("t.me", "telegram.me"), "tiktok": ("tiktok.com",),
    "twitch": ("twitch.tv",), "vk": ("vk.com",), "whatsapp": ("wa.me", "whatsapp.com"),
    "wordpress.com": ("wordpress.com",), "x": ("x.com", "twitter.com"),
}  # fmt: skip
"""The hosts on which a provider shows its users' pages, with every host below them."""

_TRACKING = frozenset(
    (
        *("fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "li_fat_id"),
        *("igsh", "igshid", "mc_cid", "mc_eid", "mibextid", "ref_src", "ref_url", "_ga", "_gl", "vero_id"),
    )
)
_ADDRESS_BAR = "copy the whole address from the browser, such as https://example.com/page"
_UTM = "utm_"
_TEXT_MARK = ":~:"


def check_ip(identifier: Identifier) -> Iterator[Flaw]:
    """One public address, with the time of its use and, for IPv4, the source port."""
    value = identifier.value
    address, port = address_of(value)
    if "/" in value:
        yield Flaw("is a network or a web address", "write one IP address, with its port if the log has it")
    elif address is None:
        fix = "write it as 192.0.2.7 or 2001:db8::7, with a port as 192.0.2.7:51820 or [2001:db8::7]:51820"
        yield Flaw("is not an IP address", fix)
    elif getattr(address, "scope_id", None) or _unrouted(address):
        fix = "write the public address"
        yield Flaw("is used inside networks only and names nobody outside", fix, kind="private-address")
    else:
        if identifier.used_from is None:
            yield Flaw("has no time, and addresses change hands", f"give `from`, such as {EXAMPLE}", kind="no-time")
        if port is None and isinstance(address, ipaddress.IPv4Address):
            fix = "add the source port if the log has it, as 192.0.2.7:51820: many people share one address"
            yield Flaw("has no source port", fix, "warning", "no-port")


def _unrouted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    version, number = address.version, int(address)
    return any(version == each and first <= number <= last for each, first, last in _UNROUTED)


def address_of(value: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address | None, int | None]:
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


def with_port(value: str, port: int) -> str:
    """An address with its port, written as one; what is no address alone comes back as it is."""
    address, there = address_of(value)
    if address is None or there is not None:
        return value
    return f"[{value.strip('[]')}]:{port}" if ":" in value else f"{value}:{port}"


def spell_ip(value: str) -> str:
    """The shortest form, an IPv4-mapped address as IPv4; the port stays, since people share addresses."""
    if _SHORTEST_IPV4.fullmatch(value):
        return value
    address, port = address_of(value)
    if address is None:
        return value
    if port is None:
        return address.compressed
    return f"[{address.compressed}]:{port}" if ":" in address.compressed else f"{address.compressed}:{port}"


def check_url(identifier: Identifier) -> Iterator[Flaw]:
    """A web address that leads where it seems to lead."""
    value = identifier.value
    parts = _split(value)
    host = (parts.hostname or "") if parts else ""
    if spaced(value) or "\\" in value:
        yield Flaw("has a space or a backslash", _ADDRESS_BAR)
    elif parts is None or (parts.scheme in {"http", "https"} and not _HOST.fullmatch(host)):
        yield Flaw("has no host, or one that cannot be read", _ADDRESS_BAR)
    elif parts.scheme not in {"http", "https"}:
        yield Flaw("does not begin with https:// or http://", _ADDRESS_BAR)
    elif "@" in parts.netloc:
        yield Flaw("has an @ before its host, which hides where it leads", "copy the address that the browser shows")
    else:
        if host in SHORTENERS:
            fix = "open it and copy the address it leads to: a short link does not show who holds the content"
            yield Flaw("is a short link", fix, "warning", "short-link")
        yield from lookalike(host)


def cleaned(value: str) -> tuple[str, tuple[str, ...]]:
    """A web address without the parameters that only follow who clicked, and their names, which are no values.

    They name the person who copied the address, not the account; a mark that highlights text goes with them.
    """
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"}:
        return value, ()
    dropped, kept = [], []
    for each in parts.query.split("&") if parts.query else ():
        name = each.partition("=")[0].casefold()
        if name in _TRACKING:
            dropped.append(name)
        elif name.startswith(_UTM):
            dropped.append("utm_…")
        else:
            kept.append(each)
    fragment, mark, _ = parts.fragment.partition(_TEXT_MARK)
    if mark:
        dropped.append("#:~:text")
    if not dropped:
        return value, ()
    return parts._replace(query="&".join(kept), fragment=fragment).geturl(), tuple(dict.fromkeys(dropped))


def provider_of(value: str) -> str:
    """The catalogue's id of the provider on whose host a web address is; "" where that is not known."""
    parts = _split(value)
    host = f".{(parts.hostname or '') if parts else ''}"
    return next((id_ for id_, hosts in HOSTS.items() if any(host.endswith(f".{each}") for each in hosts)), "")


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def spell_url(value: str) -> str:
    """Scheme `https`, host in lower case, no default port, no bare `/` at the end, no tracking parameters."""
    value, _ = cleaned(value)
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


def check_domain(identifier: Identifier) -> Iterator[Flaw]:
    """A whole name of the domain name system, by IDNA 2008."""
    value = identifier.value
    fix = "write the domain in full, such as example.com"
    if "/" in value or ":" in value:
        yield Flaw("is the address of a page", 'write the domain alone, or use type "url"')
    elif "@" in value:
        yield Flaw("has an @", 'write what stands after it, or use type "email"')
    elif value.startswith("*."):
        yield Flaw("begins with *.", "write the domain without it, and in `note` that the hosts below are meant")
    elif address_of(value)[0]:
        yield Flaw("is an IP address", 'use type "ip", with the time of its use')
    elif not _DOMAIN.fullmatch(spell_domain(value)):
        yield Flaw("is no whole domain", fix)
    else:
        yield from lookalike(value)


def spell_domain(value: str) -> str:
    """In lower case and its ASCII form, without the dot of the root."""
    name = value.casefold().removesuffix(".")
    if not name.isascii():
        import idna

        with suppress(UnicodeError):  # idna's own errors are of this kind
            name = idna.encode(name, uts46=True).decode("ascii")
    return name


def check_mac(identifier: Identifier) -> Iterator[Flaw]:
    """The hardware address of one network card (EUI-48)."""
    value = identifier.value
    if not _MAC.fullmatch(value):
        yield Flaw("is not a hardware address", "write its twelve hexadecimal digits, such as 00:00:5e:00:53:01")
        return
    first = int(value[:2], 16)
    if first & 0b01 or not spell_mac(value).strip("0:"):
        yield Flaw("is the address of a group or of nobody", "write the address of one network card")
    elif first & 0b10:
        fix = "phones make up a new one for each network: add when and where it was seen"
        yield Flaw("was made up by the device", fix, "warning", "made-up")


def spell_mac(value: str) -> str:
    """Twelve digits in lower case, in pairs."""
    digits = value.translate(_MAC_MARKS).casefold()
    pairs = re.fullmatch(r"[0-9a-f]{12}", digits)
    return ":".join(digits[n : n + 2] for n in range(0, 12, 2)) if pairs else value


def check_cell(identifier: Identifier) -> Iterator[Flaw]:
    """A cell of a mobile network, with the time: everybody near it then is meant."""
    if not _CELL.fullmatch(identifier.value):
        fix = "write MCC-MNC-area-cell, or MCC-MNC-cell for LTE and later, in digits"
        yield Flaw("does not name a cell", fix)
    elif identifier.used_from is None or identifier.used_to is None:
        fix = "give `from` and `to`: a cell without a time is everybody who was ever near it"
        yield Flaw("has no time", fix, kind="no-time")
