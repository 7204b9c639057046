"""What a person who describes a provider is told, to the letter."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from provider_orders import ROOT, sandbox_table

from providers.errors import ConfigurationError
from providers.interface import Capabilities
from providers.manual import ManualAdapter
from providers.memory import MemoryProvider
from providers.registry import KINDS, capabilities_of, check_adapter_table, make_adapter
from providers.rest import RestAdapter
from providers.section import TableError
from providers.table import read_adapter_table

WHERE = "config/providers/x.toml"

SMALLEST = """
kind = "rest"
base_url = "https://desk.example.com"
[read]
state = "phase"
states = { held = "in-force" }
[send]
method = "POST"
path = "/requests"
[send.body]
ref = "{request}"
"""


def changed(text: str) -> dict[str, Any]:
    """The smallest table with these TOML lines merged into it."""
    return merged(tomllib.loads(SMALLEST), tomllib.loads(text))


def merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    base = copy.deepcopy(base)
    for key, value in other.items():
        base[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return base


def test_the_smallest_table_is_right_and_can_only_send() -> None:
    table = tomllib.loads(SMALLEST)
    assert check_adapter_table(table, WHERE) == []
    assert capabilities_of(table, where=WHERE) == Capabilities(extend=False, status=False, release=False)


def test_every_shipped_table_is_right() -> None:
    files = sorted((ROOT / "config" / "providers").glob("*.toml"))
    assert files
    for file in files:
        assert check_adapter_table(tomllib.loads(file.read_text(encoding="utf-8"))["adapter"], str(file)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('read.state = "a["', "adapter.read.state: JMESPath does not parse: Incomplete expression"),
        ('send.read.state = "a b"', 'adapter.send.read.state: JMESPath does not parse: Unexpected token: b: Parse error at column 2, token "b" (UNQUOTED_IDENTIFIER)'),
        ('read.state = "lenght(a)"', 'adapter.read.state: JMESPath has no function lenght(); did you mean "length"?'),
        ("read.state = 7", "adapter.read.state: expected a text, found 7"),
        ('read.sate = "a"', 'adapter.read.sate: unknown key; did you mean "state"?'),
        ('read.states.gone = "lost"', 'adapter.read.states.gone: unknown meaning "lost"; one of acknowledged, in-force, expired, released, not-held, refused, unavailable, unknown'),
        ('read.states.gone = "read"', 'adapter.read.states.gone: unknown meaning "read"; did you mean "released"?'),
        ('read.states."no no" = "refused:becuase"', 'adapter.read.states."no no": unknown ground of refusal "becuase"; one of wrong-identifier, over-broad, no-data, wrong-entity, no-legal-basis, needs-judicial-cooperation, extension-not-granted, form, other'),
        ('answers.409 = "duplicate"', 'adapter.answers.409: unknown meaning "duplicate"; one of read, acknowledged, in-force, expired, released, not-held, refused, unavailable, unknown, misconfigured'),
        ('answers.4x = "unknown"', 'adapter.answers.4x: expected a status code, "409", or a class of them, "4xx"'),
        ('send.answers.404 = "absent"', 'adapter.send.answers.404: unknown meaning "absent"; one of read, acknowledged, in-force, expired, released, not-held, refused, unavailable, unknown, misconfigured'),
        ('base_url = "desk.example.com"', "adapter.base_url: is not an address; write https://host/path"),
        ('base_url = "https://u:p@desk.example.com"', "adapter.base_url: has a user in it; write the address alone, and the rest in [adapter.auth]"),
        ('base_url = "https://desk.example.com/?a=b"', "adapter.base_url: has more than host and path; write https://host/path"),
        ('base_url = "env:NOT A NAME"', 'adapter.base_url: expected the name of an environment variable after "env:"'),
        ("timeout.connect = 0", "adapter.timeout.connect: expected 0.1 to 60 seconds, found 0"),
        ("timeout.total = true", "adapter.timeout.total: expected 0.1 to 600 seconds, found true"),
        ('timeout = "30"', 'adapter.timeout: expected a table, found "30"'),
        ('client_key = "/etc/unit.key"', "adapter.client_certificate: is missing; client_key belongs to one"),
        ('last_day = "inclusive"', 'adapter.last_day: unknown word "inclusive"; did you mean "included"?'),
        ('send.method = "GET"', 'adapter.send.method: unknown word "GET"; one of POST, PUT, PATCH, DELETE'),
        ('send.path = "requests"', 'adapter.send.path: expected a path that begins with "/"; what follows "?" goes into query'),
        ('send.path = "/requests?a=b"', 'adapter.send.path: expected a path that begins with "/"; what follows "?" goes into query'),
        ('send.path = "/a/../b"', "adapter.send.path: has an empty part, or one that names another path"),
        ('send.path = "/r/{reference}"', "adapter.send.path: {reference} is not known here"),
        ('send.path = "/r/{item_value}"', 'adapter.send.path: {item_value} is known only within { each = "items", as = … } of a body'),
        ('send.query.who = "{officer_email}"', "adapter.send.query.who: {officer_email} may stand in a body only: addresses and headers end up in logs"),
        ('send.body.who = "{oficer_name}"', 'adapter.send.body.who: there is no field {oficer_name}; did you mean "officer_name"?'),
        ('send.body.who = "{officer_name"', "adapter.send.body.who: expected '}' before end of string; write {{ and }} for literal braces"),
        ('send.body.who = "{officer_name!r}"', 'adapter.send.body.who: "{officer_name…}" has a format; write "{officer_name}" alone'),
        ('send.body.what = "all {categories}"', 'adapter.send.body.what: {categories} is a list; write "{categories}" alone'),
        ('send.body.deep = { list = ["a", "{nothing}"] }', 'adapter.send.body.deep.list.1: there is no field {nothing}; one of '),
        ("send.body.day = 2027-02-18", "adapter.send.body.day: JSON cannot say 2027-02-18; write it as a text"),
        ('send.body.items = { each = "accounts", as = "{item_id}" }', 'adapter.send.body.items.each: unknown word "accounts"; one of items'),
        ('send.body.items = { each = "items" }', "adapter.send.body.items.as: is missing; expected what to write for each item"),
        ('send.body.items = { each = "items", as = "{item_id}", by = 1 }', 'adapter.send.body.items.by: stands beside "each"; a list of items has the keys "each" and "as" alone'),
        ('send.body.account = "{item_value}"', 'adapter.send.body.account: {item_value} is known only within { each = "items", as = … } of a body'),
        ('headers.Authorization = "Bearer x"', 'adapter.headers.Authorization: carries a secret; write it in [adapter.auth] (type = "header" for a header of its own)'),
        ('headers.X-Api-Key = "x"', 'adapter.headers.X-Api-Key: carries a secret; write it in [adapter.auth] (type = "header" for a header of its own)'),
        ('headers.Host = "x"', "adapter.headers.Host: is no header that a table can set"),
        ('headers.X-Case = "{item_value}"', 'adapter.headers.X-Case: {item_value} is known only within { each = "items", as = … } of a body'),
        ('headers.X-Case = "ü"', "adapter.headers.X-Case: a header is printable ASCII"),
        ('auth = { type = "bearer", token = "abc" }', "adapter.auth.token: a secret is never written in this file; write token_env with the name of an environment variable, or token_file with the path of a file that only its owner can read"),
        ('auth = { type = "basic", user = "u", password = "abc" }', "adapter.auth.password: a secret is never written in this file; write password_env with the name of an environment variable, or password_file with the path of a file that only its owner can read"),
        ('auth = { type = "bearer" }', "adapter.auth: expected either token_env or token_file"),
        ('auth = { type = "bearer", token_env = "A", token_file = "/b" }', "adapter.auth: expected either token_env or token_file"),
        ('auth = { type = "basic", password_env = "A" }', "adapter.auth.user: is missing; expected a text"),
        ('auth = { type = "oauth" }', 'adapter.auth.type: unknown word "oauth"; one of none, bearer, basic, header, hmac'),
        ('auth = { type = "bearer", token_env = "A", user = "u" }', "adapter.auth.user: unknown key for bearer; one of type, token_env, token_file"),
        ('auth = { type = "header", header = "X Key", key_env = "A" }', 'adapter.auth.header: expected the name of a header, found "X Key"'),
        ('words.category = { content = "C" }', 'adapter.words.category: unknown key; did you mean "categories"?'),
        ("words.categories = { content = 3 }", "adapter.words.categories.content: expected a text, found 3"),
        ("honours_key = true", "adapter.send: says no {key}, though honours_key is true; or give idempotency_header"),
        ('extend = { method = "POST", path = "/e" }', "adapter.read.held_until: is missing; an extension is confirmed only by the day until which data are kept"),
        ('find = { method = "GET", path = "/f" }', 'adapter.find: never says "no such request"; give found, or answers.404 = "absent"'),
        ('find = { method = "GET", path = "/f", found = "r", body = { a = 1 } }', "adapter.find.body: a GET has none; write query, or another method"),
        ('send.found = "r"', "adapter.send.found: unknown key; did you mean"),
        ('read.items = { at = "a", by = "id" }', "adapter.read.items.outcome: is missing; expected a JMESPath"),
        ('read.items = { at = "a", outcome = "o", outcomes = { y = "kept" }, by = "id" }', 'adapter.read.items.outcomes.y: unknown word "kept"; one of pending, preserved, not-found, refused, released'),
        ('read.items = { at = "a", outcome = "o", outcomes = { y = "preserved" } }', "adapter.read.items.by: is missing; expected the JMESPath of an item's id within one entry"),
        ("send = 3", "adapter.send: expected a table, found 3"),
        ('sned = { method = "POST" }', 'adapter.sned: unknown key; did you mean "send"?'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_key_and_what_to_write(text: str, problem: str) -> None:
    found = check_adapter_table(changed(text), WHERE)
    assert any(line.startswith(f"{WHERE}: {problem}") for line in found), found


def test_a_missing_part_is_told() -> None:
    assert check_adapter_table({"kind": "rest"}, WHERE) == [
        f"{WHERE}: adapter.send: is missing; expected how a request is sent",
        f"{WHERE}: adapter.base_url: is missing; expected a text",
    ]
    table = changed("")
    del table["read"]
    assert check_adapter_table(table, WHERE) == [
        f"{WHERE}: adapter.send.read.state: is missing; say where the answer tells the state, "
        'or give it one: answers.2xx = "in-force"'
    ]
    assert check_adapter_table(table | {"answers": {"2xx": "in-force"}}, WHERE) == []


def test_all_mistakes_are_told_at_once() -> None:
    table = changed('base_url = "x"\nread.state = "a["\nsend.path = "y"\nsend.body.z = "{z}"')
    with pytest.raises(TableError) as caught:
        read_adapter_table(table, WHERE)
    assert len(caught.value.problems) == 4
    assert str(caught.value) == "\n".join(caught.value.problems)


def test_a_secret_written_in_the_file_is_not_repeated_in_the_message() -> None:
    found = check_adapter_table(changed('auth = { type = "bearer", token = "s3cret" }'), WHERE)
    assert "s3cret" not in "".join(found)


def test_capabilities_follow_from_the_table() -> None:
    table = sandbox_table()
    assert capabilities_of(table, where=WHERE) == Capabilities(idempotent=True, can_find=True)
    del table["find"], table["release"], table["idempotency_header"]
    assert capabilities_of(table, where=WHERE) == Capabilities(release=False)


def test_a_key_may_stand_in_the_body_instead_of_a_header() -> None:
    assert capabilities_of(changed('honours_key = true\nsend.body.key = "{key}"'), where=WHERE).idempotent


# Making an adapter


def make(table: dict[str, Any], *, sandbox: bool = True, zone: str = "", **environ: str) -> Any:
    return make_adapter("x", table, where=WHERE, sandbox=sandbox, zone=zone, environ=environ)


@pytest.mark.parametrize(
    ("table", "made"),
    [(sandbox_table(), RestAdapter), ({"kind": "manual"}, ManualAdapter), ({"kind": "memory"}, MemoryProvider)],
)
def test_every_kind_makes_its_adapter(table: dict[str, Any], made: type) -> None:
    assert type(make(table, HOLDFAST_SANDBOX_URL="http://127.0.0.1:1")) is made


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    expected = f'{WHERE}: adapter.kind: unknown word "soap"; one of {", ".join(KINDS)}'
    assert check_adapter_table({"kind": "soap"}, WHERE) == [expected]
    with pytest.raises(TableError, match="unknown word"):
        make({"kind": "soap"})
    assert check_adapter_table({}, WHERE) == [f"{WHERE}: adapter.kind: is missing; expected a text"]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, r"the environment variable HOLDFAST_SANDBOX_URL is not set; set it to the provider's address"),
        ({"HOLDFAST_SANDBOX_URL": "nowhere"}, "HOLDFAST_SANDBOX_URL is not an address; write https://host/path"),
    ],
)
def test_an_address_from_the_environment_is_checked_when_it_is_used(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{WHERE}: adapter.base_url: {words}"):
        make(sandbox_table(), **environ)


def test_an_operational_ledger_speaks_over_tls_only_and_plays_no_provider() -> None:
    with pytest.raises(ConfigurationError, match="expected https://…; http:// is for a sandbox ledger"):
        make(changed('base_url = "http://desk.example.com"'), sandbox=False)
    with pytest.raises(ConfigurationError, match='"memory" keeps nothing for anyone'):
        make({"kind": "memory"}, sandbox=False)
    assert isinstance(make(changed(""), sandbox=False), RestAdapter)


def test_a_missing_secret_is_told_when_the_adapter_is_made_and_not_when_the_table_is_checked() -> None:
    table = changed('auth = { type = "bearer", token_env = "X_TOKEN" }')
    assert check_adapter_table(table, WHERE) == []
    with pytest.raises(ConfigurationError, match=f"{WHERE}: adapter.auth.token_env: .+ X_TOKEN is not set"):
        make(table)
    assert isinstance(make(table, X_TOKEN="t"), RestAdapter)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_told(zone: str) -> None:
    with pytest.raises(ConfigurationError, match='there is no zone ".+"; write one like "Europe/Dublin"'):
        make({"kind": "manual"}, zone=zone)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"kind": "manual", "channel": "pigeon"}, 'adapter.channel: unknown word "pigeon"; one of portal, e-mail, fax, post'),
        ({"kind": "manual", "chanel": "fax"}, 'adapter.chanel: unknown key; did you mean "channel"?'),
        ({"kind": "memory", "script": "refuse"}, "adapter.script: expected a list of tables: [[adapter.script]]"),
        ({"kind": "memory", "script": [{"does": "refuze"}]}, 'adapter.script[0].does: unknown word "refuze"; did you mean "refuse"?'),
        ({"kind": "memory", "script": [{"does": "delay", "times": 0}]}, "adapter.script[0].times: expected a whole number of messages from 1, found 0"),
        ({"kind": "memory", "hold_days": True}, "adapter.hold_days: expected a whole number of days from 1, found true"),
    ],
)  # fmt: skip
def test_the_other_kinds_are_checked_as_strictly(table: dict[str, Any], problem: str) -> None:
    assert check_adapter_table(table, WHERE) == [f"{WHERE}: {problem}"]
