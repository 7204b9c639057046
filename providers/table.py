"""Reads the `[adapter]` table of a provider with a JSON API, whole and before anything is sent.

The format is described in docs/providers.md. Everything that can be wrong with a table is told here, at once,
with file and key; a `RestTable` that came out can be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from providers.auth import AuthTable, read_auth
from providers.errors import ConfigurationError
from providers.http import HttpSettings
from providers.interface import Action, Capabilities
from providers.reading import (
    READING_KEYS,
    STATUS_MEANINGS,
    Meaning,
    Reading,
    What,
    read_meanings,
    read_reading,
)
from providers.section import Path, Section, TableError, one_of
from providers.template import (
    BODY_FIELDS,
    SAFE_FIELDS,
    Branch,
    Text,
    Words,
    compile_body,
    compile_text,
)

DEFAULT_ANSWERS: Mapping[str, Meaning] = {
    "2xx": Meaning(what=What.READ),
    "301": Meaning(what=What.MISCONFIGURED),
    "307": Meaning(what=What.MISCONFIGURED),
    "308": Meaning(what=What.MISCONFIGURED),
    "3xx": Meaning(what=What.UNKNOWN),
    "400": Meaning(what=What.REFUSED),
    "401": Meaning(what=What.MISCONFIGURED),
    "408": Meaning(what=What.UNAVAILABLE),
    "409": Meaning(what=What.UNKNOWN),
    "425": Meaning(what=What.UNAVAILABLE),
    "429": Meaning(what=What.UNAVAILABLE),
    "4xx": Meaning(what=What.REFUSED),
    "5xx": Meaning(what=What.UNKNOWN),
}
"""What a status code means where a table does not say. A 503 with Retry-After means `unavailable` besides."""

KEYS = (
    *("kind", "base_url", "timeout", "answer_limit", "ca_bundle", "client_certificate", "client_key", "auth"),
    *("headers", "idempotency_header", "honours_key", "any_reference", "last_day", "words", "answers", "read"),
    *(str(action) for action in Action),
)
OPERATION_KEYS = ("method", "path", "query", "headers", "body", "content_type", "answers", "read")
METHODS = {Action.STATUS: ("GET", "POST"), Action.FIND: ("GET", "POST")}
CHANGING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
OWN_HEADERS = ("host", "content-length", "content-type", "accept-encoding", "transfer-encoding", "connection")
ENV_URL = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<path>(/[A-Za-z0-9._~-]+)*)")
SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """How one action is said, and how its answer is read."""

    action: Action
    method: str
    path: Text
    query: Mapping[str, Text]
    headers: Mapping[str, Text]
    body: Branch | None
    content_type: str
    answers: Mapping[str, Meaning]
    shared_answers: Mapping[str, Meaning]
    reading: Reading
    found: Path | None

    def names(self, field_name: str) -> bool:
        """Whether the message names this field anywhere."""
        parts = (self.path, *self.query.values(), *self.headers.values(), *([self.body] if self.body else []))
        return any(field_name in part.fields for part in parts)

    def meaning(self, status: int, *, retry_after: bool) -> Meaning:
        """What an answer of this status means: as the operation says, as all of them do, or by default."""
        for answers in (self.answers, self.shared_answers):
            for code in (str(status), f"{status // 100}xx"):
                if code in answers:
                    return answers[code]
        if status == 503 and retry_after:  # noqa: PLR2004
            return Meaning(what=What.UNAVAILABLE)
        return DEFAULT_ANSWERS.get(str(status)) or DEFAULT_ANSWERS.get(
            f"{status // 100}xx", Meaning(what=What.UNKNOWN)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RestTable:
    """A provider's JSON API, as its table describes it."""

    where: str
    base_url: str  # or "env:NAME", "env:NAME/path"
    http: HttpSettings
    auth: AuthTable
    headers: Mapping[str, Text]
    idempotency_header: str
    honours_key: bool
    any_reference: bool
    end_excluded: bool
    words: Words
    operations: Mapping[Action, Operation] = field(repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """What the described operations allow."""
        return Capabilities(
            extend=Action.EXTEND in self.operations,
            status=Action.STATUS in self.operations,
            release=Action.RELEASE in self.operations,
            idempotent=self.honours_key,
            can_find=Action.FIND in self.operations,
        )


def read_adapter_table(table: Mapping[str, object], where: str) -> RestTable:
    """The description of a JSON API from a provider's `[adapter]` table. No network, no environment, no secret.

    Args:
        table: the table, as `tomllib` gives it.
        where: the file, for messages ("config/providers/example.toml").

    Raises:
        TableError: with every problem, each with file and key and what to write instead.
    """
    problems: list[str] = []
    section = Section(table, where=where, path="adapter", problems=problems, keys=KEYS)
    shared_answers = _answers(section.child("answers"))
    reading = section.child("read", READING_KEYS)
    shared = read_reading(reading)
    operations = {
        action: _operation(section.child(action), action, reading, shared, shared_answers)
        for action in Action
        if action in section.values
    }
    if Action.SEND not in section.values:
        section.wrong(Action.SEND, "is missing; expected how a request is sent")
    header = section.text("idempotency_header", "") if "idempotency_header" in section.values else ""
    result = RestTable(
        where=where,
        base_url=_base_url(section),
        http=_http(section),
        auth=read_auth(section.child("auth")),
        headers=_headers(section.child("headers"), SAFE_FIELDS.keys() - {"reference"}),
        idempotency_header=header,
        honours_key=section.flag("honours_key", default=bool(header)),
        any_reference=section.flag("any_reference", default=False),
        end_excluded=section.word("last_day", ("included", "excluded"), "included") == "excluded",
        words=_words(section.child("words", ("categories", "types", "instruments", "urgencies"))),
        operations={action: operation for action, operation in operations.items() if operation is not None},
    )
    _check_together(section, result)
    if problems:
        raise TableError(tuple(dict.fromkeys(problems)))
    return result


def _base_url(section: Section) -> str:
    text = section.text("base_url")
    if not text:
        return ""
    if text.startswith("env:"):
        if not ENV_URL.fullmatch(text):
            section.wrong("base_url", 'expected "env:" and the name of an environment variable, or "env:NAME/path"')
        return text
    if problem := url_problem(text):
        section.wrong("base_url", problem)
    return text


def resolved_url(base_url: str, where: str, environ: Mapping[str, str]) -> str:
    """The address itself, where a table names an environment variable for it.

    Raises:
        ConfigurationError: the variable is not set, or holds no address. Says which, and does not quote it.
    """
    given = ENV_URL.fullmatch(base_url)
    if given is None:
        return base_url
    name, url = given["name"], environ.get(given["name"], "")
    if not url:
        raise ConfigurationError(
            f"{where}: adapter.base_url: the environment variable {name} is not set; "
            f"set it to the provider's address, {name}=https://host/path"
        )
    if problem := url_problem(url):
        raise ConfigurationError(f"{where}: adapter.base_url: {name} {problem}")
    return url.rstrip("/") + given["path"]


def url_problem(text: str) -> str:
    """What is wrong with a base address; "" if nothing is. Never quotes it: it may hold a password."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return "is not an address; write https://host/path"
    if url.scheme not in ("https", "http") or not host or not text.isascii() or not text.isprintable():
        return "is not an address; write https://host/path"
    if url.username or url.password or "@" in url.netloc:
        return "has a user in it; write the address alone, and the rest in [adapter.auth]"
    if url.query or url.fragment or " " in text:
        return "has more than host and path; write https://host/path"
    return ""


def _http(section: Section) -> HttpSettings:
    timeout = section.child("timeout", ("connect", "read", "total"))
    base = HttpSettings()
    files = {
        key: section.text(key, "") if key in section.values else ""
        for key in ("ca_bundle", "client_certificate", "client_key")
    }
    if files["client_key"] and not files["client_certificate"]:
        section.wrong("client_certificate", "is missing; client_key belongs to one")
    return HttpSettings(
        connect=timeout.number("connect", base.connect, least=0.1, most=60, of="seconds"),
        read=timeout.number("read", base.read, least=0.1, most=300, of="seconds"),
        total=timeout.number("total", base.total, least=0.1, most=600, of="seconds"),
        answer_limit=int(
            section.number("answer_limit", base.answer_limit, least=1024, most=64 * 1024**2, of="bytes")
        ),
        **files,
    )


def _words(section: Section) -> Words:
    maps = {key: section.texts(key) for key in ("categories", "types", "instruments", "urgencies")}
    return Words(**{key: words or None for key, words in maps.items()})


def _headers(section: Section, allowed: frozenset[str] | set[str]) -> dict[str, Text]:
    headers: dict[str, Text] = {}
    for name in section.values:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or name.lower() in OWN_HEADERS:
            section.wrong(name, "is no header that a table can set")
        elif SECRET_HEADER.search(name):
            section.wrong(
                name, 'carries a secret; write it in [adapter.auth] (type = "header" for a header of its own)'
            )
        elif text := section.text(name):
            if not text.isascii() or not text.isprintable():
                section.wrong(name, "a header is printable ASCII")
            template = compile_text(section, name, text, allowed)
            headers |= {name: template} if template else {}
    return headers


def _answers(section: Section, *extra: str) -> dict[str, Meaning]:
    for code in section.values:
        if not re.fullmatch(r"[2-5](\d\d|xx)", code):
            section.wrong(code, 'expected a status code, "409", or a class of them, "4xx"')
    return read_meanings(section, (*STATUS_MEANINGS, *extra))


def _operation(
    section: Section,
    action: Action,
    shared_section: Section,
    shared: Reading,
    shared_answers: Mapping[str, Meaning],
) -> Operation | None:
    find = action is Action.FIND
    known = (*OPERATION_KEYS, *(["found"] if find else []))
    for key in section.values:
        if key not in known:
            section.wrong(key, f"unknown key; {one_of(key, known)}")
    # Neither a first sending nor a search after one can know the provider's reference.
    unknown = {"reference", "references"} if action in (Action.SEND, Action.FIND) else set()
    allowed = set(SAFE_FIELDS) - unknown
    method = section.word("method", METHODS.get(action, CHANGING_METHODS))
    path = _path(section, allowed)
    body = compile_body(section.child("body"), (allowed | BODY_FIELDS.keys()) - unknown)
    if "body" in section.values and method == "GET":
        section.wrong("body", "a GET has none; write query, or another method")
    query = section.child("query")
    read = section.child("read", READING_KEYS)
    reading = read_reading(read).over(shared)
    answers = _answers(section.child("answers"), *([What.ABSENT] if find else []))
    found = section.jmespath("found") if find else None
    read_codes = (
        meaning.what for code, meaning in {**DEFAULT_ANSWERS, **shared_answers, **answers}.items() if code[0] == "2"
    )
    if What.READ in read_codes and "state" not in {**shared_section.values, **read.values}:
        read.wrong(
            "state", 'is missing; say where the answer tells it, or what a code means: answers.2xx = "in-force"'
        )
    if reading.state is not None and not reading.states:
        read.wrong("states", "is missing; expected a table from the provider's words to ours")
    if find and found is None and Meaning(what=What.ABSENT) not in answers.values():
        section.wrong("", 'never says "no such request"; give found, or answers.404 = "absent"')
    if path is None:
        return None
    return Operation(
        action=action,
        method=method,
        path=path,
        query={name: text for name in query.values if (text := compile_text(query, name, query.text(name), allowed))},
        headers=_headers(section.child("headers"), allowed),
        body=body if "body" in section.values else None,
        content_type=section.text("content_type", "application/json"),
        answers=answers,
        shared_answers=shared_answers,
        reading=reading,
        found=found,
    )


def _path(section: Section, allowed: set[str]) -> Text | None:
    text = section.text("path")
    if not text:
        return None
    template = compile_text(section, "path", text, allowed)
    if template is None:
        return None
    literal = "".join(before for before, _ in template.parts)
    if not text.startswith("/") or not re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]*", literal):
        section.wrong("path", 'expected a path that begins with "/"; what follows "?" goes into query')
    elif any(part in (".", "..", "") for part in text.split("/")[1:-1]):
        section.wrong("path", "has an empty part, or one that names another path")
    return template


def _check_together(section: Section, table: RestTable) -> None:
    operations = table.operations
    changing = [operations[action] for action in (Action.SEND, Action.EXTEND, Action.RELEASE) if action in operations]
    if table.honours_key and not table.idempotency_header:
        for operation in changing:
            if not operation.names("key"):
                section.wrong(
                    operation.action, "says no {key}, though honours_key is true; or give idempotency_header"
                )
    if Action.EXTEND in operations:
        readers = [operations[action] for action in (Action.EXTEND, Action.STATUS) if action in operations]
        if not any(operation.reading.held_until for operation in readers):
            extend = section.child(Action.EXTEND).child("read")
            extend.wrong("held_until", "is missing; an extension is confirmed only by the day until which it is kept")
