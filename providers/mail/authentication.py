"""Who vouches for a message: the results that our own mail server noted in it (RFC 8601).

Anybody can write such a field. Only those that name our server count, and that server must take out what others
wrote in its name (RFC 8601 section 5). Where two of its results differ, the worse one counts.

What stands in quotes or comments is often somebody else's text that our server repeats, such as who the envelope says
it is from: no result is read out of it. Where it is in doubt what our server noted, nothing of it is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message

MOST = 40
_LONGEST = 8_000
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]{0,30})\s*(?:/\s*\d+\s*)?=\s*([a-z]{1,20})(?!\S)", re.IGNORECASE)
_WEIGHS = re.compile(r"\s*(?:dkim|dmarc)(?![a-z0-9-])", re.IGNORECASE)
_PROPERTY = re.compile(r"(?<!\S)([a-z]{1,20})\s*\.\s*([a-z0-9_-]{1,40})\s*=\s*(\S+)", re.IGNORECASE)
_STRANGE = re.compile(r"[^\t\x20-\x7e]")
_NAMES = re.compile(r"[A-Za-z0-9@._-]")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SAYS_WHOM = {"dkim": ("header.d", "header.i"), "dmarc": ("header.from",), "spf": ("smtp.mailfrom", "smtp.helo")}


class _InDoubt(Exception):
    """What a field says depends on how it is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One method's result, such as dkim, pass, for a domain."""

    method: str
    result: str
    domain: str


def results(message: Message, authserv: str) -> tuple[Result, ...]:
    """What our own server noted; nothing where none is named, the newest note is another's, or ours is in doubt."""
    fields = [str(each) for each in message.get_all("Authentication-Results", [])[:MOST]]
    found: list[Result] = []
    try:
        for number, field in enumerate(fields if authserv else []):
            name, *parts = _parts(field) if authserv.lower() in field.lower() else [""]
            if _is_by(name, authserv):
                found += [result for part in parts if (result := _result(part)) is not None]
            elif number == 0:
                return ()
    except _InDoubt:
        return ()
    return tuple(found) if len(found) <= MOST else ()


def passed(found: tuple[Result, ...], method: str, domain: str) -> bool:
    """Whether a method vouches for a domain, and never said otherwise of it."""
    about = [each for each in found if each.method == method and _covers(each, domain)]
    return bool(about) and all(each.result == "pass" for each in about)


def denied(found: tuple[Result, ...], method: str, domain: str) -> bool:
    """Whether a method was tried on a domain, or on one that is not named, and did not vouch for it."""
    tried = {each.result for each in found if each.method == method and each.domain in {"", domain}}
    return bool(tried - {"pass", "none"})


def _covers(result: Result, domain: str) -> bool:
    """Whether a result is about this domain; a signature of a domain is good for those below it."""
    if result.method == "dkim" and "." in result.domain and domain.endswith(f".{result.domain}"):
        return True
    return bool(domain) and result.domain == domain


def _is_by(text: str, authserv: str) -> bool:
    """Whether a field begins with a server's name, and at most a version after it (RFC 8601 section 2.2)."""
    name, *version = text.lower().split() or [""]
    return name == authserv.lower() and all(each.isdigit() for each in version)


def _result(text: str) -> Result | None:
    found = _RESULT.match(text)
    if found is None:
        if _WEIGHS.match(text):
            raise _InDoubt
        return None
    method = found[1].lower()
    said = {f"{kind}.{name}".lower(): value for kind, name, value in _PROPERTY.findall(text[found.end() :])}
    value = next((said[name] for name in _SAYS_WHOM.get(method, ()) if name in said), "")
    domain = value.rpartition("@")[2].lower()
    return Result(method=method, result=found[2].lower(), domain=domain if _DOMAIN.fullmatch(domain) else "")


def _parts(field: str) -> list[str]:
    """A field, split at each ";" that is in no quotes and no comment.

    A comment becomes a space. A quoted string stays one word, of which only what a name or an address is made of is
    kept. It is a whole value, or what stands before the "@" of one; quotes anywhere else, and half a quotation in a
    comment, are traces of a text that was repeated without care. So is what is never closed.
    """
    if len(field) > _LONGEST:
        raise _InDoubt
    kept: list[str] = []
    depth = marks = 0  # how deep in comments; quotes in this one
    quoted = escaped = closed = False
    before = ""  # the last character that is no space
    for character in _STRANGE.sub("?", re.sub(r"[\r\n]+", " ", field)):
        if escaped or (quoted and character not in '\\"'):
            kept.append((character if _NAMES.match(character) else "?") if quoted else "")
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif quoted:
            quoted, closed = False, True
        elif depth:
            marks += character == '"'
            depth += {"(": 1, ")": -1}.get(character, 0)
            if not depth and marks % 2:
                raise _InDoubt
        elif character == "(":
            depth, marks, closed = 1, 0, False
            kept.append(" ")
        elif character in ")\\" or (closed and character not in "@; \t") or (character == '"' and before not in "="):
            raise _InDoubt
        else:
            quoted, closed = character == '"', False
            kept.append("" if quoted else character)
            before = character.strip() or before
    if quoted or escaped or depth:
        raise _InDoubt
    return "".join(kept).split(";")
