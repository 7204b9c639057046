"""Who vouches for a message: the results that our own mail server noted in it (RFC 8601).

Anybody can write such a field. Only those that name our server count, and that server must take out what others
wrote in its name (RFC 8601 section 5). Where two of its results differ, the worse one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message

MOST = 40
_LONGEST = 8_000
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]{0,30})\s*(?:/\s*\d+\s*)?=\s*([a-z]{1,20})(?![a-z])", re.IGNORECASE)
_PROPERTY = re.compile(
    r"\b([a-z]{1,20})\s*\.\s*([a-z0-9_-]{1,40})\s*=\s*(?:\"([^\"]{0,300})\"|([^\s;\"]{1,300}))", re.I
)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SAYS_WHOM = {"dkim": ("header.d", "header.i"), "dmarc": ("header.from",), "spf": ("smtp.mailfrom", "smtp.helo")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One method's result, such as dkim, pass, for a domain."""

    method: str
    result: str
    domain: str


def results(message: Message, authserv: str) -> tuple[Result, ...]:
    """What our own server noted; nothing where no server is named or the newest note is another's."""
    noted = [_without_comments(str(each)[:_LONGEST]) for each in message.get_all("Authentication-Results", [])[:MOST]]
    if not authserv or not noted or not _is_by(noted[0], authserv):
        return ()
    found: list[Result] = []
    for text in noted:
        if _is_by(text, authserv):
            found += [result for part in text.split(";")[1:] if (result := _result(part)) is not None]
    return tuple(found[:MOST])


def passed(found: tuple[Result, ...], method: str, domain: str) -> bool:
    """Whether a method vouches for a domain, and never said otherwise of it."""
    about = [each for each in found if each.method == method and _covers(each, domain)]
    return bool(about) and all(each.result == "pass" for each in about)


def _covers(result: Result, domain: str) -> bool:
    """Whether a result is about this domain; a signature of a domain is good for those below it."""
    if result.method == "dkim" and "." in result.domain and domain.endswith(f".{result.domain}"):
        return True
    return bool(domain) and result.domain == domain


def _is_by(text: str, authserv: str) -> bool:
    name = text.partition(";")[0].split()
    return bool(name) and name[0].strip('"').lower() == authserv.lower()


def _result(text: str) -> Result | None:
    found = _RESULT.match(text)
    if found is None:
        return None
    method = found[1].lower()
    said = {f"{kind}.{name}".lower(): quoted or plain for kind, name, quoted, plain in _PROPERTY.findall(text)}
    value = next((said[name] for name in _SAYS_WHOM.get(method, ()) if name in said), "")
    domain = value.rpartition("@")[2].strip().lower()
    return Result(method=method, result=found[2].lower(), domain=domain if _DOMAIN.fullmatch(domain) else "")


def _without_comments(text: str) -> str:
    """The text without what stands in parentheses, nested or not, outside of quotes."""
    kept, depth, quoted, escaped = [], 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == '"' and not depth:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
        elif character == ")" and not quoted and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(character if character not in "\r\n" else " ")
    return "".join(kept)
