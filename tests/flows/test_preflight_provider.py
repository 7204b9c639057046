"""The preflight against a provider that wants a lot: each of its wishes is told, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import CASE, MORNING, SOURCE

from flows import catalogue, intake
from flows.catalogue import Catalogue
from flows.identifiers_network import HOSTS
from flows.preflight_identifiers import EPOCHS, created_at
from flows.preflight_provider import FREE_MAIL
from flows.problems import KINDS, LISTED, Problem

PROVIDER = f"""
id = "picky"
name = "Picky"
zone = "UTC"
state = "US"
[preservation]
offered = true
{SOURCE}
[[entity]]
name = "Picky Inc."
for = ["US"]
state = "US"
{SOURCE}
[[entity]]
name = "Picky Ireland"
for = ["EEA"]
state = "IE"
{SOURCE}
[[channel]]
kind = "portal"
name = "Gate"
needs_account = true
onboarding_days = 10
official_domain_only = true
{SOURCE}
[[channel]]
kind = "email"
needs_account = false
{SOURCE}
[[channel]]
kind = "phone"
name = "emergency line"
emergency_only = true
{SOURCE}
[[retention]]
category = "traffic"
what = "log-in records"
days = 90
{SOURCE}
[notice]
notifies_on_preservation = false
{SOURCE}
[identifiers]
accept = [
  {{ type = "username", pattern = "[a-z_]+", with = ["url"] }},
  {{ type = "url" }},
  {{ type = "ip", needs = ["from", "zone", "port"] }},
  {{ type = "user_id" }},
]
{SOURCE}
[required]
fields = ["case.offence.facts"]
{SOURCE}
[scope]
period_required = true
longest_period_days = 60
categories = ["subscriber", "traffic"]
{SOURCE}
[documents]
languages = ["de", "en"]
editable_copy_over = 2
{SOURCE}
[adapter]
kind = "memory"
"""
URL = {"type": "url", "value": "https://picky.example.com/a"}
ID = {"type": "user_id", "value": "1234567890"}
Tell = Callable[..., list[Problem]]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("config") / "providers"
    folder.mkdir()
    (folder / "picky.toml").write_text(PROVIDER)
    return catalogue.load(folder.parent)


Kinds = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def tell(known: Catalogue, tmp_path: Path) -> Tell:
    """What is told of the one request of a case; None as a value leaves the key out."""

    def told(
        request: dict[str, Any], *, known: Catalogue = known, at: datetime = MORNING, **case: Any
    ) -> list[Problem]:
        whole = {
            "provider": "picky",
            "instrument": "us.18usc2703f",
            "categories": ["subscriber"],
            "from": "2026-10-01T00:00:00Z",
            "to": "2026-11-20T00:00:00Z",
            "user_location": "US",
            "identifiers": [ID],
        } | request
        whole = {key: value for key, value in whole.items() if value is not None}
        path = tmp_path / "case.json"
        path.write_text(json.dumps({"case": CASE["case"] | case, "request": [whole]}))
        try:
            _, drafts, problems = intake.read(path, known, at=at)
        except intake.CaseErrors as raised:
            return list(raised.problems)
        return [*problems, *(each.problem for each in drafts[0].findings)]

    return told


@pytest.fixture
def kinds(tell: Tell) -> Callable[..., list[tuple[str, str]]]:
    """Severity and kind of what is told, the missing account apart."""

    def told(*args: Any, **given: Any) -> list[tuple[str, str]]:
        return [(each.severity, each.kind) for each in tell(*args, **given) if each.kind != "account"]

    return told


def test_a_request_that_meets_every_wish_gets_nothing_but_the_missing_account(tell: Tell) -> None:
    assert [each.kind for each in tell({})] == ["account"]


# Whom to address


def test_without_the_place_of_the_user_a_person_must_say_which_entity(tell: Tell) -> None:
    (found,) = [each for each in tell({"user_location": None}) if each.kind == "entity"]
    assert found.severity == "error"
    assert "Picky Inc. for US; Picky Ireland for EEA" in found.fix


def test_a_place_that_no_entity_serves_is_told(kinds: Kinds) -> None:
    assert kinds({"user_location": "JP"}) == [("warning", "entity")]


def test_an_entity_in_a_state_where_the_law_does_not_bind_is_told(tell: Tell) -> None:
    (found,) = [each for each in tell({"user_location": "FR"}) if each.kind == "addressee"]
    assert found.problem == "Picky Ireland sits in IE, where us.18usc2703f does not bind"


def test_an_order_of_the_union_binds_the_entity_in_a_member_state(kinds: Kinds) -> None:
    request = {"instrument": "eu.epocpr", "validated_by": "Court"}
    assert kinds(request | {"user_location": "FR"}, country="FR") == []
    assert kinds(request | {"user_location": "US"}, country="FR") == []
    assert kinds(request | {"user_location": "US"}, country="IE") == [("warning", "addressee")]


def test_who_may_not_issue_an_instrument_is_refused_where_that_was_read_and_warned_where_it_was_not(
    kinds: Kinds,
) -> None:
    european = {"instrument": "eu.epocpr", "validated_by": "Court", "user_location": "FR"}
    assert kinds(european, country="DK") == [("error", "issuer")]
    assert kinds({}, country="FR") == [("warning", "issuer")]


# Over what


def test_a_channel_without_an_account_is_told_with_its_days_and_the_way_meanwhile(
    tell: Tell, known: Catalogue
) -> None:
    (found,) = tell({})
    assert found.severity == "warning"
    assert "takes 10 days: it could be used from 2026-12-01" in found.problem
    assert found.fix.startswith("meanwhile use the email; with an account")
    assert tell({}, known=replace(known, accounts=("picky",))) == []


def test_the_first_loss_is_told_only_where_it_comes_before_the_account(tell: Tell) -> None:
    def lost(begins: str) -> bool:
        return "are lost from" in tell({"categories": ["traffic"], "from": begins})[0].problem

    assert not lost("2026-10-01T00:00:00Z")  # lost from 30 December, the account is there on 1 December
    assert not lost("2026-09-22T00:00:00Z")
    at = MORNING - timedelta(days=30)
    early = tell({"categories": ["traffic"], "from": "2026-08-23T00:00:00Z", "to": "2026-10-20T00:00:00Z"}, at=at)
    assert "the first data asked for are lost" not in early[0].problem  # on 21 November, the account on 1 November
    late = tell({"categories": ["traffic"], "from": "2026-07-25T00:00:00Z", "to": "2026-09-20T00:00:00Z"}, at=at)
    assert "the first data asked for are lost from 2026-10-23" in late[0].problem


def test_in_an_emergency_its_own_channel_is_named_and_its_reason_wanted(tell: Tell) -> None:
    without, channel = (each for each in tell({"urgency": "emergency"}) if each.kind in {"emergency", "channel"})
    assert (without.severity, without.problem) == ("error", "is missing, and an emergency needs its reason")
    assert channel.problem == "Picky takes emergencies over the phone (emergency line)"
    assert [each.kind for each in tell({"urgency": "emergency", "emergency_reason": "A child is in danger."})] == [
        "channel"
    ]


def test_a_reason_without_an_emergency_is_told(kinds: Kinds) -> None:
    assert kinds({"emergency_reason": "A child is in danger."}) == [("warning", "emergency")]


def test_an_address_that_anybody_can_get_is_refused_where_only_official_ones_count(kinds: Kinds) -> None:
    officer = CASE["case"]["officer"] | {"email": f"unit@{min(FREE_MAIL).upper()}"}
    assert kinds({}, officer=officer) == [("error", "channel")]
    assert kinds({"provider": "sandbox"}, officer=officer) == [("warning", "channel")]


# What it wants


def test_a_field_that_the_provider_wants_is_told_with_who_wants_it(tell: Tell) -> None:
    offence = {"title": "Fraud", "provisions": ["18 USC 1343"]}
    (found,) = [each for each in tell({}, offence=offence) if each.kind == "missing"]
    assert (found.where, found.problem) == (
        "case.json: line 1: case.offence.facts",
        "is missing, and Picky requires it",
    )


def test_a_request_without_a_period_is_refused_where_the_provider_wants_one(kinds: Kinds) -> None:
    assert kinds({"from": None}) == [("warning", "period"), ("error", "period")]


@pytest.mark.parametrize(
    ("begins", "told"),
    [("2026-09-21T00:00:00Z", []), ("2026-09-20T23:59:59Z", [("error", "period")])],
)
def test_a_period_may_last_as_long_as_the_provider_says_and_not_a_second_longer(
    kinds: Kinds, begins: str, told: list[tuple[str, str]]
) -> None:
    assert kinds({"from": begins}) == told


@pytest.mark.parametrize(
    ("begins", "told"), [("2025-11-19T00:00:00Z", []), ("2025-11-18T23:59:59Z", [("warning", "period")])]
)
def test_a_period_of_more_than_a_year_is_told_to_be_broad(
    kinds: Kinds, begins: str, told: list[tuple[str, str]]
) -> None:
    assert kinds({"provider": "sandbox", "from": begins}) == told


def test_the_unit_decides_what_is_broad(tell: Tell, known: Catalogue) -> None:
    strict = replace(known, long_period_days=30, many_identifiers=1)
    both = [ID, {"type": "user_id", "value": "2234567890"}]
    assert {each.kind for each in tell({"identifiers": both}, known=strict)} == {"account", "period", "many"}
    assert {each.kind for each in tell({"identifiers": both})} == {"account"}


@pytest.mark.parametrize(("many", "told"), [(2, []), (3, [("warning", "document")])])
def test_more_accounts_than_the_provider_reads_need_a_list_beside_the_letter(
    kinds: Kinds, many: int, told: list[tuple[str, str]]
) -> None:
    assert kinds({"identifiers": [{"type": "user_id", "value": f"{n}234567890"} for n in range(many)]}) == told


def test_data_that_the_provider_never_has_are_told(kinds: Kinds) -> None:
    assert kinds({"categories": ["subscriber", "content"]}) == [("warning", "categories")]
    assert kinds({"categories": ["content"]}) == [("error", "categories")]


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", []), ("de", []), (None, []), ("fr", [("error", "language")]), ("fi", [("error", "language")])],
)
def test_a_letter_is_in_a_language_that_can_be_written_and_is_taken(
    kinds: Kinds, language: str | None, told: list[tuple[str, str]]
) -> None:
    assert kinds({"language": language}) == told


def test_a_provider_that_takes_no_language_of_ours_is_told(tell: Tell, known: Catalogue) -> None:
    entry = known.providers["picky"]
    assert entry.documents is not None
    finnish = replace(entry, documents=replace(entry.documents, languages=("fi", "sv")))
    strange = replace(known, providers={**known.providers, "picky": finnish})
    (found,) = [each for each in tell({}, known=strange) if each.kind == "language"]
    assert (found.severity, found.fix) == ("warning", "send it in English with a translation")


# Identifiers


def test_what_a_provider_takes_only_beside_another_is_told_unless_the_other_is_there(kinds: Kinds) -> None:
    name = {"type": "username", "value": "example"}
    assert kinds({"identifiers": [name]}) == [("error", "beside")]
    assert kinds({"identifiers": [name, URL]}) == []


def test_an_address_needs_the_columns_that_the_provider_wants(kinds: Kinds) -> None:
    address = {"type": "ip", "value": "2001:db8::7", "from": "2026-10-03T21:14:05Z"}
    assert kinds({"identifiers": [address]}) == [("error", "beside")]
    assert kinds({"identifiers": [address | {"port": 443}]}) == []


def test_a_page_of_another_provider_is_told(tell: Tell) -> None:
    page = {"type": "url", "value": "https://old.reddit.com/user/example"}
    (found,) = [each for each in tell({"identifiers": [page]}) if each.kind == "elsewhere"]
    assert found.fix == 'move it to a request with provider = "reddit"'
    lookalike = {"type": "url", "value": "https://reddit.com.example.com/user/example"}
    assert [each.kind for each in tell({"identifiers": [lookalike]})] == ["account"]


@pytest.mark.parametrize(
    ("used", "told"),
    [
        ({"from": "2026-10-01T00:00:00Z"}, []),
        ({"from": "2026-09-30T23:59:59Z"}, [("warning", "outside")]),
        ({"from": "2026-09-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}, []),
        ({"from": "2026-09-01T00:00:00Z", "to": "2026-09-30T23:59:59Z"}, [("warning", "outside")]),
        ({"from": "2026-11-20T00:00:00Z"}, []),
        ({"from": "2026-11-20T00:00:01Z"}, [("warning", "outside")]),
    ],
)
def test_an_identifier_that_was_used_outside_the_period_is_told(
    kinds: Kinds, used: dict[str, str], told: list[tuple[str, str]]
) -> None:
    assert kinds({"identifiers": [ID | used]}) == told


def test_the_same_fault_in_every_line_is_listed_fifty_times_and_then_counted(kinds: Kinds, tell: Tell) -> None:
    many = [{"type": "email", "value": f"user{n}@example.com"} for n in range(LISTED + 7)]
    found = [each for each in tell({"identifiers": many}) if each.kind == "not-named"]
    assert len(found) == LISTED + 1
    assert found[-1].problem == "and 7 more like the 50 told of (not-named)"


# When an account was made


def snowflake(made: datetime, provider: str = "discord") -> str:
    since = made - EPOCHS[provider]
    return str((since // timedelta(milliseconds=1)) << 22 | 0b1_00001_000000000111)


def test_the_day_of_an_id_is_the_one_that_its_provider_publishes() -> None:
    # The examples of the developers' documentation of both.
    assert created_at("discord", "175928847299117063") == datetime(2016, 4, 30, 11, 18, 25, 796_000, tzinfo=UTC)
    of_x = created_at("x", "1050118621198921728")
    assert of_x is not None
    assert of_x.replace(microsecond=0) == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
    assert created_at("snap", "175928847299117063") is None
    assert created_at("x", "12345") is None


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (datetime(2020, 1, 1, tzinfo=UTC), []),
        (datetime(2026, 10, 30, 23, 59, 59, tzinfo=UTC), []),
        (datetime(2026, 10, 31, 0, 0, 0, 1000, tzinfo=UTC), [("warning", "period")]),
        (datetime(2026, 11, 20, tzinfo=UTC), [("warning", "period")]),
        (datetime(2026, 11, 20, 0, 0, 0, 1000, tzinfo=UTC), [("error", "created")]),
        (MORNING, [("error", "created")]),
        (MORNING + timedelta(milliseconds=1), [("error", "created")]),
    ],
)
def test_an_account_is_made_before_the_period_ends_and_not_long_after_it_begins(
    kinds: Kinds, made: datetime, told: list[tuple[str, str]]
) -> None:
    request = {"provider": "discord", "notice_accepted_by": "Head", "unverified_accepted_by": "Head"}
    assert kinds(request | {"identifiers": [{"type": "user_id", "value": snowflake(made)}]}) == told


def test_an_id_that_would_be_made_tomorrow_is_told_with_that_day_and_not_quoted(tell: Tell) -> None:
    value = snowflake(MORNING + timedelta(days=1))
    request = {"provider": "discord", "to": None, "identifiers": [{"type": "user_id", "value": value}]}
    (found,) = [each for each in tell(request) if each.kind == "created"]
    assert found.problem == "the account would be made on 2026-11-22, which is still to come"
    assert value not in str(found)


def test_every_kind_is_listed(tell: Tell) -> None:
    everything = {
        "language": "fi", "user_location": None, "categories": ["content"], "from": "2020-01-01T00:00:00Z",
        "identifiers": [{"type": "email", "value": "a@example.com"}], "urgency": "emergency",
    }  # fmt: skip
    assert {each.kind for each in tell(everything)} <= set(KINDS)


def test_the_guide_lists_every_kind_with_its_words() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "preflight.md").read_text(encoding="utf-8")
    rows = "\n".join(f"| `{kind}` | {what} |" for kind, what in KINDS.items())
    assert f"|---|---|\n{rows}\n\n" in guide


def test_every_provider_that_is_known_by_its_hosts_or_its_ids_is_in_the_catalogue(known: Catalogue) -> None:
    assert {*HOSTS, *EPOCHS} <= set(known.providers)


# An order that binds it all the same


def test_a_binding_order_may_go_to_a_provider_that_keeps_nothing_on_request(tell: Tell) -> None:
    """Reg. (EU) 2023/1543 art. 11(1), 15 and 16: what it says of itself does not release it from the order."""
    account = {"type": "username", "value": "example"}
    request = {
        "provider": "telegram",
        "identifiers": [account],
        "user_location": "FR",
        "from": "2026-11-01T00:00:00Z",
    }
    (told,) = [each for each in tell(request, country="FR") if each.kind == "no-programme"]
    assert (told.severity, "preserves nothing on request" in told.problem) == ("error", True)
    bound = request | {"instrument": "eu.epocpr", "validated_by": "Judge"}
    found = tell(bound, country="FR")
    (told,) = [each for each in found if each.kind == "no-programme"]
    assert (told.severity, told.fix) == ("warning", "be ready for its objection (EU: Annex III)")
    assert "this order binds it" in told.problem
    assert not [each for each in found if each.kind == "discretion"]


@pytest.mark.parametrize("provider", ["snap", "tiktok", "x"])
def test_no_providers_discretion_is_told_of_a_binding_order(tell: Tell, provider: str) -> None:
    asked = {"provider": provider, "user_location": "FR", "identifiers": [{"type": "username", "value": "example"}]}
    told = [each.problem for each in tell(asked, country="FR") if each.kind == "discretion"]
    assert told, "it has such a text, and it counts under another instrument"
    bound = asked | {"instrument": "eu.epocpr", "validated_by": "Judge"}
    assert not [each for each in tell(bound, country="FR") if each.kind == "discretion"]


@pytest.mark.parametrize("provider", ["snap", "github"])
def test_where_a_state_is_asked_the_providers_text_is_no_matter(tell: Tell, provider: str) -> None:
    asked = {
        "provider": provider,
        "instrument": "coe.budapest.29",
        "identifiers": [{"type": "username", "value": "example"}],
        "necessity": "It would be lost.",
    }
    told = [each.problem for each in tell(asked, country="FR") if each.kind == "discretion"]
    assert all("requested-state" in each for each in told), told
