"""One entry of a case file or a row: what stands beside a value, and what copying and pasting leaves in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from casefile_helpers import changed, lines_of, read_rows, read_tree
from hypothesis import given
from hypothesis import strategies as st

from flows.entries import Spot, Written, read_identifier, unprintable
from flows.identifiers import Identifier
from flows.problems import KINDS, Problem, Problems

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
THEN = "2026-10-03T21:14:05Z"
BITCOIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


def read(**given: Any) -> tuple[Identifier | None, list[Problem]]:
    """Read one entry with these keys."""
    problems = Problems("case.toml")
    names = {"from": "used_from", "to": "used_to"}
    written = Written(**{names.get(key, key): value for key, value in given.items()})
    identifier = read_identifier(written, Spot(where="entry", key=str), now=NOW, problems=problems)
    return identifier, list(problems.listed())


def told(**given: Any) -> list[tuple[str, str]]:
    """Where and what, of each problem."""
    return [(each.where, each.problem) for each in read(**given)[1]]


@pytest.mark.parametrize(
    ("given", "value", "port"),
    [
        ({"value": "192.0.2.7", "port": 51820}, "192.0.2.7:51820", 51820),
        ({"value": "192.0.2.7", "port": "51820"}, "192.0.2.7:51820", 51820),
        ({"value": "192.0.2.7:51820"}, "192.0.2.7:51820", 51820),
        ({"value": "192.0.2.7:51820", "port": 51820}, "192.0.2.7:51820", 51820),
        ({"value": "2001:db8::7", "port": 443}, "[2001:db8::7]:443", 443),
        ({"value": "[2001:db8::7]", "port": 443}, "[2001:db8::7]:443", 443),
        ({"value": "[2001:db8::7]:443"}, "[2001:db8::7]:443", 443),
        ({"value": "2001:db8::7"}, "2001:db8::7", None),
    ],
)
def test_a_port_in_the_value_and_one_beside_it_come_to_the_same(
    given: dict[str, Any], value: str, port: int | None
) -> None:
    identifier, problems = read(type="ip", **{"from": THEN}, **given)
    assert problems == []
    assert identifier is not None
    assert (identifier.value, identifier.port) == (value, port)


@pytest.mark.parametrize("port", [0, 65536, -1, "x", "4.3", 1.5, True, "\u0664\u0664\u0663", [443]])
def test_what_is_no_port_is_told(port: object) -> None:
    assert told(type="ip", value="192.0.2.7", port=port, **{"from": THEN})[0] == ("port", "`port` is no port")


def test_two_ports_that_differ_are_told() -> None:
    found = told(type="ip", value="192.0.2.7:443", port=444, **{"from": THEN})
    assert found == [("port", "`port` is another one than in `value`")]


def test_only_an_address_has_a_port_and_only_a_wallet_a_chain() -> None:
    assert told(type="email", value="a@example.com", port=443) == [("port", "`port` stands beside an email")]
    assert told(type="email", value="a@example.com", chain="bitcoin") == [("chain", "`chain` stands beside an email")]


@pytest.mark.parametrize(
    "given",
    [
        {"value": BITCOIN, "chain": "bitcoin"},
        {"value": f"bitcoin:{BITCOIN}"},
        {"value": BITCOIN, "chain": "Bitcoin"},
        {"value": f"bitcoin:{BITCOIN}", "chain": "bitcoin"},
    ],
)
def test_a_chain_before_the_value_and_one_beside_it_come_to_the_same(given: dict[str, Any]) -> None:
    identifier, problems = read(type="wallet", **given)
    assert problems == []
    assert identifier is not None
    assert (identifier.value, identifier.chain) == (f"bitcoin:{BITCOIN}", "bitcoin")


def test_two_chains_that_differ_are_told() -> None:
    found = told(type="wallet", value=f"bitcoin:{BITCOIN}", chain="litecoin")
    assert found == [("chain", "`chain` is another one than in `value`")]


def test_port_and_chain_are_columns_of_a_file(tmp_path: Path) -> None:
    rows = f"type,value,from,port,chain\nip,192.0.2.7,{THEN},51820,\nwallet,{BITCOIN},,,bitcoin\n"
    case, problems = read_rows(tmp_path, rows)
    assert lines_of(problems) == []
    assert case is not None
    assert [(each.value, each.port, each.chain) for each in case.requests[0].identifiers] == [
        ("192.0.2.7:51820", 51820, ""),
        (f"bitcoin:{BITCOIN}", None, "bitcoin"),
    ]


def test_the_same_address_with_its_port_written_either_way_is_asked_for_once(tmp_path: Path) -> None:
    entries = [
        {"type": "ip", "value": "192.0.2.7:51820", "from": THEN},
        {"type": "ip", "value": "192.0.2.7", "port": 51820, "from": THEN},
    ]
    case, problems = read_tree(tmp_path, changed(request__0__identifiers=entries))
    assert case is not None
    assert len(case.requests[0].identifiers) == 1
    assert [each.kind for each in problems] == ["twice"]


@pytest.mark.parametrize(
    ("value", "sent", "named"),
    [
        ("https://example.com/a?utm_source=x&utm_medium=y&id=7", "https://example.com/a?id=7", "utm_…"),
        ("https://example.com/a?fbclid=abc", "https://example.com/a", "fbclid"),
        ("https://example.com/a?igsh=1&id=7&GCLID=2", "https://example.com/a?id=7", "igsh, gclid"),
        ("https://example.com/a#:~:text=word", "https://example.com/a", "#:~:text"),
        ("https://example.com/a#part:~:text=word", "https://example.com/a#part", "#:~:text"),
    ],
)
def test_what_follows_who_copied_an_address_is_left_out_and_told(value: str, sent: str, named: str) -> None:
    identifier, problems = read(type="url", value=value)
    assert identifier is not None
    assert identifier.value == sent
    assert [(each.severity, each.kind, each.problem) for each in problems] == [
        ("warning", "tracking", f"the url carries {named}, which follow who copied it")
    ]


@pytest.mark.parametrize("value", ["https://example.com/a?id=7#/user/1", "https://example.com/?u=utm_source", "x"])
def test_an_address_without_such_parts_stays_as_it_is(value: str) -> None:
    identifier, _ = read(type="url", value=value)
    assert identifier is None or identifier.value == value


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u2800", "\u3164", "\ufe0f", "\u115f", "\U000e0101"]
)
def test_a_character_that_nobody_sees_is_refused_and_named(unseen: str) -> None:
    ((where, problem),) = told(type="username", value=f"exam{unseen}ple")
    assert where == "value"
    assert problem.startswith("`value` has an invisible or unusual character at position 5: U+")
    assert [each.kind for each in read(type="username", value=f"exam{unseen}ple")[1]] == ["invisible"]


@pytest.mark.parametrize("value", ["exam&amp;ple", "exam&#39;ple", "exam&#x27;ple", "&lt;example&gt;"])
@pytest.mark.parametrize("kind", ["username", "user_id", "other"])
def test_what_the_source_of_a_page_leaves_in_a_value_is_told(kind: str, value: str) -> None:
    assert ("value", f"the {kind} has an HTML entity, as text copied from the source of a page has") in told(
        type=kind, value=value
    )


def test_an_ampersand_between_parameters_is_no_entity() -> None:
    assert told(type="url", value="https://example.com/?a=1&amount=2&b=3") == []


ANY = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text())


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("type", "value", "from", "to", "zone", "port", "chain"), ANY))
)
def test_anything_in_an_entry_gives_problems_of_a_listed_kind_and_never_an_exception(given: dict[str, Any]) -> None:
    identifier, problems = read(**given)
    assert identifier is not None or problems
    assert {each.kind for each in problems} <= set(KINDS)


@given(st.text(min_size=1), st.sampled_from(["email", "username", "url", "ip", "wallet", "phone", "domain"]))
def test_no_text_around_a_value_is_quoted(text: str, kind: str) -> None:
    canary = "zq7canary"
    _, problems = read(type=kind, value=f"{text}{canary}{text}")
    assert canary not in "".join(map(str, problems))


@given(st.text())
def test_what_is_unprintable_is_named_by_its_place_and_code(text: str) -> None:
    said = unprintable(text)
    assert bool(said) or text.isprintable()
    assert not said or said.startswith("has an invisible or unusual character at position ")
