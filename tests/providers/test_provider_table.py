"""What a person who describes a provider is told, to the letter."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from provider_orders import ROOT, order, sandbox_table
from provider_sandbox_process import SandboxProcess

from providers.errors import ConfigurationError
from providers.interface import Capabilities
from providers.manual import ManualAdapter
from providers.memory import MemoryProvider
from providers.packet.table import CHANNELS
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
    folder = ROOT / "config" / "providers"
    files = {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.toml"))}
    assert {"sandbox", "snap"} <= set(files)
    for name, file in files.items():
        base = files[file["like"]]["adapter"] if "like" in file else {}
        assert check_adapter_table(merged(base, file["adapter"]), f"{name}.toml") == []


MISTAKES = tomllib.loads((Path(__file__).parent / "table_mistakes.toml").read_text(encoding="utf-8"))["mistake"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["write"])
def test_a_mistake_is_told_with_file_and_key_and_what_to_write(mistake: dict[str, str]) -> None:
    found = check_adapter_table(changed(mistake["write"]), WHERE)
    told, cut, _ = mistake["told"].partition(" …")
    assert [line[: len(WHERE) + 2 + len(told)] if cut and line else line for line in found] == [f"{WHERE}: {told}"]


def test_a_missing_part_is_told() -> None:
    assert check_adapter_table({"kind": "rest"}, WHERE) == [
        f"{WHERE}: adapter.send: is missing; expected how a request is sent",
        f"{WHERE}: adapter.base_url: is missing; expected a text",
    ]
    table = changed("")
    del table["read"]
    assert check_adapter_table(table, WHERE) == [
        f"{WHERE}: adapter.send.read.state: is missing; say where the answer tells it, "
        'or what a code means: answers.2xx = "in-force"'
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
    assert check_adapter_table({}, WHERE) == [
        f"{WHERE}: adapter.kind: is missing; expected one of {', '.join(KINDS)}"
    ]


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


def test_an_address_from_the_environment_may_be_followed_by_a_path(sandbox: SandboxProcess) -> None:
    name = sandbox.play()
    adapter = make(
        sandbox_table() | {"base_url": f"env:HOLDFAST_SANDBOX_URL/p/{name}"}, HOLDFAST_SANDBOX_URL=sandbox.url + "/"
    )
    adapter.send(order())
    assert sandbox.effects(name, order()) == 1


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
    with pytest.raises(ConfigurationError, match=r'there is no zone ".+"; write one like "Europe/Dublin"'):
        make({"kind": "manual"}, zone=zone)


OTHER_KINDS: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "manual", "channel": "telex"},
        f'adapter.channel: unknown word "telex"; one of {", ".join(CHANNELS)}',
    ),
    ({"kind": "manual", "chanel": "fax"}, 'adapter.chanel: unknown key; did you mean "channel"?'),
    ({"kind": "memory", "script": "refuse"}, "adapter.script: expected a list of tables: [[adapter.script]]"),
    (
        {"kind": "memory", "script": [{"does": "refuze"}]},
        'adapter.script[0].does: unknown word "refuze"; did you mean "refuse"?',
    ),
    (
        {"kind": "memory", "script": [{"does": "delay", "times": 0}]},
        "adapter.script[0].times: expected a whole number of messages from 1, found 0",
    ),
    (
        {"kind": "memory", "hold_days": True},
        "adapter.hold_days: expected a whole number of days from 1, found true",
    ),
]


@pytest.mark.parametrize(("table", "problem"), OTHER_KINDS)
def test_the_other_kinds_are_checked_as_strictly(table: dict[str, Any], problem: str) -> None:
    assert check_adapter_table(table, WHERE) == [f"{WHERE}: {problem}"]
