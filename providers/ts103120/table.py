"""Reads the `[adapter]` table of a provider that speaks TS 103 120; docs/ts103120.md describes it.

No network, no environment and no XML here: `Hi1Table` is checked whole, and `opened` looks up what it names.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from providers.errors import ConfigurationError
from providers.http import HttpSettings
from providers.interface import CHANGES, Action, Capabilities
from providers.section import Section, TableError
from providers.table import ENV_URL, url_problem
from providers.ts103120.profile import PROFILES, WORDS, Profile, word

KEYS = (
    *(
        "kind",
        "url",
        "endpoints",
        "sender",
        "receiver",
        "etsi_version",
        "profile",
        "profile_owner",
        "profile_version",
    ),
    *("client_certificate", "client_key", "ca_bundle", "sign", "signing_certificate", "signing_key"),
    *("channel", "timeout", "answer_limit", "formats", "words", "documents", "ask_first"),
)
"""Every key of the table; a test compares them with the guide."""
PARTY_KEYS = ("country", "identifier")
ENDPOINTS = {"new": Action.SEND, "extension": Action.EXTEND, "cancellation": Action.RELEASE}
FILES = ("client_certificate", "client_key", "ca_bundle", "signing_certificate", "signing_key")
_FROM_ENV = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
ANSWER_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Hi1Table:
    """A provider's table. Addresses and paths may still be "env:NAME"."""

    where: str
    url: str
    endpoints: Mapping[Action, str]
    sender: tuple[str, str]
    receiver: tuple[str, str]
    etsi_version: str
    profile: Profile
    profile_owner: str
    profile_version: str
    sign: bool
    channel: str
    http: HttpSettings
    files: Mapping[str, str]
    formats: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ask_first: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """What such a channel can say: object identifiers of our own make a second sending harmless (6.4.3, 3010)."""
        asks = self.profile.asks
        return Capabilities(idempotent=True, can_find=True, announce=asks, clarify=asks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What a table names, looked up: addresses, and paths of files that are there."""

    url: str
    endpoints: Mapping[Action, str]
    http: HttpSettings
    signing_certificate: str
    signing_key: str


def read_hi1_table(table: Mapping[str, object], where: str) -> Hi1Table:
    """The description of a TS 103 120 channel from a provider's `[adapter]` table.

    Raises:
        TableError: with every problem, each with file and key and what to write instead.
    """
    problems: list[str] = []
    section = Section(table, where=where, path="adapter", problems=problems, keys=KEYS)
    files = {key: section.text(key, "") if key in section.values else "" for key in FILES}
    _check_files(section, files, sign=section.flag("sign", default=False))
    result = Hi1Table(
        where=where,
        url=_url(section),
        endpoints=_endpoints(section.child("endpoints", tuple(ENDPOINTS))),
        sender=_party(section, "sender"),
        receiver=_party(section, "receiver"),
        etsi_version=_matching(section, "etsi_version", "V1.23.1", r"V\d+\.\d+\.\d+", 'a version such as "V1.23.1"'),
        profile=_profile(section),
        profile_owner=_short(section, "profile_owner"),
        profile_version=_short(section, "profile_version"),
        sign=section.flag("sign", default=False),
        channel=_matching(section, "channel", "hi1", r"[a-z0-9][a-z0-9 -]{0,39}", 'a short name such as "hi1"'),
        http=_http(section),
        files=files,
        formats=_formats(section.child("formats")),
        ask_first=section.flag("ask_first", default=False),
    )
    if problems:
        raise TableError(tuple(dict.fromkeys(problems)))
    return result


def _url(section: Section) -> str:
    text = section.text("url")
    if text.startswith("env:"):
        if not ENV_URL.fullmatch(text):
            section.wrong("url", 'expected "env:" and the name of an environment variable, or "env:NAME/path"')
    elif text and (problem := _https_problem(text)):
        section.wrong("url", problem)
    return text


def _https_problem(text: str) -> str:
    if problem := url_problem(text):
        return problem
    return "" if text.startswith("https://") else "expected https://…: the protocol is spoken over TLS alone"


def _endpoints(section: Section) -> dict[Action, str]:
    """Paths of the workflows, added to the address. All of it goes to the address itself where none is given."""
    found = {}
    for key in section.values:
        path = section.text(key)
        if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+/?", path):
            section.wrong(key, 'expected a path that begins with "/", without a query')
        if key in ENDPOINTS:
            found[ENDPOINTS[key]] = path
    return found


def _party(section: Section, key: str) -> tuple[str, str]:
    if key not in section.values:
        section.wrong(key, 'is missing; expected { country = "FR", identifier = "…" }')
        return "", ""
    party = section.child(key, PARTY_KEYS)
    country = _matching(party, "country", None, r"[A-Z]{2}", 'a country code such as "FR"')
    return country, party.text("identifier")


def _matching(section: Section, key: str, default: str | None, pattern: str, expected: str) -> str:
    value = section.text(key, default)
    if value and not re.fullmatch(pattern, value):
        section.wrong(key, f"expected {expected}")
    return value


def _short(section: Section, key: str) -> str:
    return _matching(section, key, None, r".{1,255}", "a text of at most 255 characters")


def _profile(section: Section) -> Profile:
    profile = PROFILES[section.word("profile", tuple(PROFILES), "plain")]
    words = section.child("words", WORDS)
    given = {}
    for key in words.values:
        text = words.values[key]
        try:
            if not isinstance(text, str):
                raise ValueError('expected "OWNER/DICTIONARY/VALUE", or "" to leave it out')  # noqa: TRY004
            if key in WORDS:
                given[key] = word(text)
        except ValueError as error:
            words.wrong(key, str(error))
    profile = profile.with_words(given)
    if "documents" not in section.values:
        return profile
    documents = section.values["documents"]
    known = sorted(map(str, CHANGES))
    if not isinstance(documents, list) or any(each not in known for each in documents):
        section.wrong("documents", f"expected a list of {', '.join(known)}: the acts that carry their letter")
        return profile
    return replace(profile, documents=frozenset(map(Action, documents)))


def _formats(section: Section) -> dict[str, tuple[str, str]]:
    found = {}
    for type_ in section.values:
        owner, slash, name = section.text(type_).partition("/")
        if not slash or not owner or not name or "/" in name:
            section.wrong(type_, 'expected the provider\'s own format as "OWNER/FORMAT"')
        found[type_] = (owner, name)
    return found


def _http(section: Section) -> HttpSettings:
    timeout = section.child("timeout", ("connect", "read", "total"))
    base = HttpSettings()
    return HttpSettings(
        connect=timeout.number("connect", base.connect, least=0.1, most=60, of="seconds"),
        read=timeout.number("read", base.read, least=0.1, most=300, of="seconds"),
        total=timeout.number("total", base.total, least=0.1, most=600, of="seconds"),
        answer_limit=int(section.number("answer_limit", ANSWER_LIMIT, least=1024, most=64 * 1024**2, of="bytes")),
    )


def _check_files(section: Section, files: Mapping[str, str], *, sign: bool) -> None:
    for key, text in files.items():
        if text.startswith("env:") and not _FROM_ENV.fullmatch(text):
            section.wrong(key, 'expected a path, or "env:" and the name of an environment variable')
    if "client_certificate" not in section.values:
        section.wrong("client_certificate", 'is missing; the provider knows us by it: a path, or "env:NAME"')
    if bool(files["signing_certificate"]) != bool(files["signing_key"]):
        section.wrong("signing_key", "signing_certificate and signing_key belong together")
    if sign and not files["signing_key"] and "client_key" not in section.values:
        section.wrong("client_key", "is missing; a message is signed with it, or with signing_key")


def opened(table: Hi1Table, environ: Mapping[str, str]) -> Opened:
    """Looks up what a table names.

    Raises:
        ConfigurationError: a variable is not set, an address is none, a file is not there or open to all. Every one
            of them is told at once.
    """
    problems: list[str] = []
    url = _resolved_url(table, environ, problems)
    files = {key: _resolved_file(table, key, text, environ, problems) for key, text in table.files.items()}
    if problems:
        raise ConfigurationError("\n".join(problems))
    settings = replace(
        table.http,
        ca_bundle=files["ca_bundle"],
        client_certificate=files["client_certificate"],
        client_key=files["client_key"],
    )
    return Opened(
        url=url,
        endpoints={action: url.rstrip("/") + path for action, path in table.endpoints.items()},
        http=settings,
        signing_certificate=files["signing_certificate"] or files["client_certificate"],
        signing_key=files["signing_key"] or files["client_key"],
    )


def _resolved_url(table: Hi1Table, environ: Mapping[str, str], problems: list[str]) -> str:
    given = ENV_URL.fullmatch(table.url)
    if given is None:
        return table.url
    url, place = environ.get(given["name"], ""), f"{table.where}: adapter.url"
    if not url:
        problems.append(
            f"{place}: the environment variable {given['name']} is not set; "
            f"set it to the provider's address, {given['name']}=https://host/path"
        )
    elif problem := _https_problem(url):
        problems.append(f"{place}: {given['name']}: {problem}")
    return url.rstrip("/") + given["path"]


def _resolved_file(table: Hi1Table, key: str, text: str, environ: Mapping[str, str], problems: list[str]) -> str:
    place, named = f"{table.where}: adapter.{key}", _FROM_ENV.fullmatch(text)
    if named is not None:
        text = environ.get(named["name"], "")
        if not text:
            problems.append(f"{place}: the environment variable {named['name']} is not set; set it to a file's path")
    if not text:
        return ""
    path = Path(text)
    try:
        mode = path.stat().st_mode
        with path.open("rb"):
            pass
    except OSError as error:
        problems.append(f"{place}: {text} cannot be read: {error.strerror}")
        return ""
    if key.endswith("key") and mode & stat.S_IRWXO:
        problems.append(f"{place}: everyone on this machine may read {text}; run: chmod 600 {text}")
    return text
