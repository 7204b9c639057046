"""Reads an `[adapter]` table of kind "email"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Any

from providers.errors import GROUNDS
from providers.interface import Capabilities
from providers.section import Section, TableError, shown

KEYS = ("kind", "channel", "to", "subject", "certificate", "official_domain_only", "replies")
REPLY_KINDS = ("acknowledged", "preserved", "extended", "released", "refused", "not-found")
"""What a reply may be recognised as."""
REPLY_KEYS = ("from", "trusted", "authentication", *REPLY_KINDS)
PATTERN_KEYS = ("subject", "body", "date_format", "ground")
GROUPS = ("reference", "received_on", "held_until")
"""What the named groups of a pattern find."""
METHODS = ("dkim", "dmarc")
"""What may vouch for the domain in From (RFC 8601). SPF vouches for the envelope, which nobody sees."""
SUBJECT = "Preservation request {reference}"
SUBJECT_FIELDS = ("reference", "action")

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")

CAPABILITIES = Capabilities(status=False, announce=True, clarify=True)
"""Everything can be said by mail, and nothing asked: an answer comes when it comes, as a message of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """How one kind of reply is recognised. `subject` and `body` are RE2 expressions, None for any.

    RE2 takes time proportional to the text, whatever the expression: a hostile message cannot stall a sweep.
    `date_format` is that of `strptime`; `ground` is for a refusal.
    """

    kind: str
    subject: Any = None
    body: Any = None
    date_format: str = "%Y-%m-%d"
    ground: str = ""

    def day(self, text: str) -> date | None:
        """The day a text names; None if it is none."""
        try:
            return datetime.strptime(" ".join(text.split()), self.date_format).date()  # noqa: DTZ007 - a day
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """What is known of a provider's replies. `senders`: addresses, or domains (with those below them).

    `trusted`: whether a recognised reply is entered without a person, where every one of `authentication` passed.
    """

    senders: tuple[str, ...] = ()
    trusted: bool = False
    authentication: tuple[str, ...] = ("dmarc",)
    patterns: tuple[Pattern, ...] = ()

    def fit(self, sender: str) -> bool:
        """Whether a message from this address may be the provider's."""
        sender = sender.lower()
        domain = sender.rpartition("@")[2]
        return "@" in sender and any(
            sender == each if "@" in each else domain == each or domain.endswith(f".{each}") for each in self.senders
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MailTable:
    """An `[adapter]` table of kind "email". `to` and `certificate` may still name an environment variable."""

    channel: str
    to: tuple[str, ...]
    subject: str
    certificate: str
    official_domain_only: bool
    replies: Replies


def read_mail_table(table: Mapping[str, object], where: str) -> MailTable:
    """Read the table whole. No environment is looked up, no file opened.

    Raises:
        TableError: with every problem, each with file and key.
    """
    problems: list[str] = []
    section = Section(table, where=where, path="adapter", problems=problems, keys=KEYS)
    result = MailTable(
        channel=section.text("channel", "e-mail"),
        to=_to(section),
        subject=_subject(section),
        certificate=section.text("certificate", "") if "certificate" in section.values else "",
        official_domain_only=section.flag("official_domain_only", default=False),
        replies=_replies(section.child("replies", REPLY_KEYS)),
    )
    if problems:
        raise TableError(problems)
    return result


def is_address(text: str) -> bool:
    """Whether a text is one address that can be written to: no name beside it, no comment, ASCII."""
    return _ADDRESS.fullmatch(text) is not None


def _to(section: Section) -> tuple[str, ...]:
    value = section.values.get("to")
    listed = value if isinstance(value, list) and value else [value]
    for each in listed:
        if not isinstance(each, str) or not (re.fullmatch(r"env:\w+", each) or is_address(each)):
            section.wrong("to", f'expected an address such as "desk@example.com", or "env:NAME", found {shown(each)}')
    return tuple(str(each) for each in listed)


def _subject(section: Section) -> str:
    text = section.text("subject", SUBJECT)
    try:
        fields = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        section.wrong("subject", f"{error}; fields are written {{reference}}")
        return SUBJECT
    if strange := sorted(fields - set(SUBJECT_FIELDS)):
        known = ", ".join(f"{{{name}}}" for name in SUBJECT_FIELDS)
        section.wrong("subject", f"no field {{{strange[0]}}} may stand in a subject; there are {known}")
        return SUBJECT
    if "reference" not in fields:
        section.wrong("subject", "needs {reference}, our request id: by it a reply is recognised")
    if not text.isascii() or not text.isprintable() or len(text) > 100:  # noqa: PLR2004
        section.wrong("subject", "expected up to 100 printable ASCII characters")
    return text


def _replies(section: Section) -> Replies:
    senders = []
    for each in _listed(section, "from"):
        if not isinstance(each, str) or not (is_address(each) or _DOMAIN.fullmatch(each)):
            section.wrong("from", f"expected addresses or domains, found {shown(each)}")
        else:
            senders.append(each.lower())
    methods = []
    for each in _listed(section, "authentication", ["dmarc"]):
        if each not in METHODS:
            section.wrong("authentication", f"expected some of {', '.join(METHODS)}, found {shown(each)}")
        else:
            methods.append(str(each))
    trusted = section.flag("trusted", default=False)
    if trusted and not methods:
        section.wrong("authentication", "a trusted reply needs at least one of dkim, dmarc")
    patterns = [
        pattern
        for kind in REPLY_KINDS
        for number, entry in enumerate(_listed(section, kind))
        if (pattern := _pattern(section, kind, number, entry))
    ]
    if (patterns or trusted) and not senders:
        section.wrong("from", "is missing: whose replies are these?")
    return Replies(senders=tuple(senders), trusted=trusted, authentication=tuple(methods), patterns=tuple(patterns))


def _listed(section: Section, key: str, default: list[object] | None = None) -> list[object]:
    value = section.values.get(key, default or [])
    if isinstance(value, list):
        return value
    section.wrong(key, f"expected a list, found {shown(value)}")
    return []


def _pattern(replies: Section, kind: str, number: int, entry: object) -> Pattern | None:
    path = f"{replies.path}.{kind}[{number}]"
    keys = PATTERN_KEYS if kind == "refused" else PATTERN_KEYS[:-1]
    section = Section(entry, where=replies.where, path=path, problems=replies.problems, keys=keys)
    before = len(replies.problems)
    if not isinstance(entry, Mapping):
        return None
    found = {key: _expression(section, key) for key in ("subject", "body") if key in section.values}
    if not found:
        section.wrong("", "expected subject, body or both")
    date_format = section.text("date_format", "%Y-%m-%d")
    if not _says_a_day(date_format):
        section.wrong("date_format", f'expected a format such as "%d %B %Y", found {shown(date_format)}')
    ground = section.word("ground", GROUNDS, "other") if kind == "refused" else ""
    if len(replies.problems) > before:
        return None
    return Pattern(kind=kind, date_format=date_format, ground=ground, **found)


def _says_a_day(date_format: str) -> bool:
    """Whether a format writes a whole date: two that differ in day, month and year read back as themselves."""
    for day in (date(2026, 11, 23), date(2031, 2, 9)):
        try:
            if datetime.strptime(day.strftime(date_format), date_format).date() != day:  # noqa: DTZ007 - a day
                return False
        except ValueError:
            return False
    return True


def _expression(section: Section, key: str) -> Any:
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only where a table has patterns

    text = section.text(key)
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = 1 << 20
    try:
        expression = re2.compile(text, options=options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        section.wrong(key, f"is no regular expression of RE2: {why}")
        return None
    for name in expression.groupindex:
        if name not in GROUPS:
            section.wrong(key, f"no group ?P<{name}>; the groups are {', '.join(GROUPS)}")
    return expression
