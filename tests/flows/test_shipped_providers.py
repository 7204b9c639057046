"""The shipped providers: every one of them, every figure with its source, and nothing that its text does not say."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from flows.catalogue import Catalogue, ProviderEntry, figures, load
from flows.countries import COUNTRIES, EEA
from flows.identifiers import CHECKS, REFUSED
from providers.packet.table import read_manual_table

CATALOGUE: Catalogue = load()
REAL: Mapping[str, ProviderEntry] = {
    name: entry for name, entry in CATALOGUE.providers.items() if name.partition("-")[0] != "sandbox"
}
FROM_OTHERS = re.compile(r"from memory|secondary|not read|not known|not stated|nothing (was )?found")


def entity(provider: str, country: str) -> str | None:
    found = REAL[provider].entity_for(country)
    return found and found.name


# All of them


def test_the_providers_that_officers_meet_are_there() -> None:
    assert len(REAL) >= 45
    assert set(REAL) >= {
        *("facebook", "instagram", "whatsapp", "google", "apple", "microsoft", "x", "snap", "tiktok", "discord"),
        *("reddit", "linkedin", "pinterest", "telegram", "signal", "dropbox", "github", "wordpress.com"),
        *("letsencrypt", "wetransfer", "yahoo", "uber", "airbnb", "aws", "zoom", "kik", "bumble", "badoo", "roblox"),
        *("twilio", "sendgrid", "fastly", "opensea", "coinbase", "binance", "okx", "mexc", "kucoin", "paypal"),
        *("verizon", "att", "tmobile-us", "comcast", "hetzner", "ovh", "digitalocean", "godaddy", "cloudflare"),
        *("proton", "twitch", "steam", "slack", "yandex", "vk", "viber", "tumblr", "spotify", "wikimedia"),
        *("sourcehut", "crypto.com", "cash-app", "aylo"),
    }


@pytest.mark.parametrize("name", REAL)
def test_every_table_of_a_provider_says_where_it_stands(name: str) -> None:
    raw = REAL[name].raw
    wanted = {key for key, value in raw.items() if isinstance(value, Mapping) and key != "adapter"}
    wanted |= {
        f"{key}[{n}]" for key in ("entity", "channel", "hold", "retention") for n in range(len(raw.get(key, ())))
    }
    assert {figure.place for figure in figures(raw)} == wanted


@pytest.mark.parametrize("name", REAL)
def test_a_figure_from_memory_or_from_others_is_not_verified(name: str) -> None:
    for figure in figures(REAL[name].raw):
        if FROM_OTHERS.search(figure.source.text):
            assert not figure.source.verified, figure.place
            assert str(figure.source.confidence) != "high", figure.place
        if str(figure.source.confidence) == "low":
            assert not figure.source.verified, figure.place
        if not figure.source.verified:
            assert FROM_OTHERS.search(figure.source.text), (figure.place, "says not why it is not verified")


@pytest.mark.parametrize("name", REAL)
def test_the_adapter_hands_over_what_the_catalogue_says(name: str) -> None:
    """The person's packet is made from the adapter's table: it must not tell another story than the record."""
    entry = REAL[name]
    (table,) = entry.adapters
    read = read_manual_table(table, f"config/providers/{name}.toml")
    first = next(channel for channel in entry.channels if not channel.emergency_only)
    ways = {"email": "e-mail", "registered-agent": "post"}
    assert read.channel == ways.get(first.kind, first.kind)
    assert (read.name, read.url) == (first.name, first.url)
    documents = entry.documents
    assert read.editable_annex_over == (documents.editable_copy_over if documents else None)
    assert read.notes == (documents.notes if documents else ())


@pytest.mark.parametrize("name", REAL)
def test_an_identifier_that_is_taken_could_be_entered(name: str) -> None:
    entry = REAL[name]
    for rule in entry.accepts:
        assert rule.type in set(CHECKS) - REFUSED, rule.type
        assert set(rule.beside) <= set(CHECKS) - REFUSED, rule.type
    for rule in entry.rejects:
        assert rule.hint, f"{rule.type}: says not what to use instead"


def test_no_address_was_made_up() -> None:
    assert {c.url for entry in REAL.values() for c in entry.channels if c.url} == {"https://lep.apple.com/"}
    everywhere = " ".join(str(entry.raw) for entry in REAL.values())
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w+", everywhere)


# Who answers for whom


def test_meta_answers_for_users_in_the_area_from_ireland() -> None:
    for name in ("facebook", "instagram"):
        for country in COUNTRIES:
            irish = country in EEA
            assert entity(name, country) == ("Meta Platforms Ireland Limited" if irish else "Meta Platforms, Inc.")
        assert entity(name, "") is None


@pytest.mark.parametrize(
    ("country", "found"),
    [
        ("US", "TikTok (United States)"),
        ("GB", "TikTok (United Kingdom)"),
        ("DE", "TikTok (EEA and Switzerland)"),
        ("CH", "TikTok (EEA and Switzerland)"),
        ("NO", "TikTok (EEA and Switzerland)"),
        ("BR", "TikTok (rest of the world)"),
    ],
)
def test_tiktok_has_four_addressees(country: str, found: str) -> None:
    assert entity("tiktok", country) == found


@pytest.mark.parametrize(
    ("provider", "area", "rest"),
    [
        ("x", "X Internet Unlimited Company", "X Corp."),
        ("linkedin", "LinkedIn Ireland Unlimited Company", "LinkedIn Corporation"),
        ("google", "Google Ireland Limited", "Google LLC"),
        ("whatsapp", "WhatsApp Ireland Limited", "WhatsApp LLC"),
    ],
)
def test_an_irish_entity_answers_for_the_union(provider: str, area: str, rest: str) -> None:
    assert (entity(provider, "FR"), entity(provider, "US"), entity(provider, "GB")) == (area, rest, rest)
    ireland = REAL[provider].entity_for("FR")
    assert ireland is not None
    assert ireland.state == "IE"


def test_linkedins_irish_entity_is_for_the_union_and_not_the_area() -> None:
    assert entity("linkedin", "NO") == "LinkedIn Corporation"
    assert entity("x", "NO") == "X Internet Unlimited Company"


def test_where_a_name_was_not_read_nobody_is_addressed() -> None:
    assert (entity("uber", "US"), entity("uber", "FR")) == ("Uber Technologies, Inc.", None)
    assert entity("airbnb", "US") is None
    assert (entity("okx", "FR"), entity("okx", "")) == ("OKX", "OKX")


# What it does


def test_some_do_not_preserve_at_all() -> None:
    assert {name for name, entry in REAL.items() if entry.offered is False} == {"telegram", "vk", "yandex"}
    assert REAL["signal"].offered is None
    unsaid = {"airbnb", "aws", "kik", "linkedin", "okx", "kucoin", "hetzner", "ovh", "proton", "viber"}
    assert {name for name in unsaid if REAL[name].offered is not None} == set()
    read = {"facebook", "instagram", "google", "apple", "x", "snap", "tiktok", "github", "wordpress.com"}
    for name in read | {"pinterest", "dropbox", "letsencrypt", "uber", "wetransfer"}:
        source = REAL[name].offered_source
        assert (REAL[name].offered, source and source.verified) == (True, True), name


def test_only_snap_is_known_to_keep_a_preservation_from_its_user_and_only_wordpress_to_tell() -> None:
    said = {name: entry.terms.notifies_on_preservation for name, entry in REAL.items()}
    assert {name: told for name, told in said.items() if told is not None} == {"snap": False, "wordpress.com": True}


def test_proof_of_mla_and_confidentiality_have_their_days() -> None:
    proofs = {(name, hold.requester): hold.proof_of_mla_by_day for name, e in REAL.items() for hold in e.terms.holds}
    assert {key: day for key, day in proofs.items() if day} == {("wordpress.com", "not-US"): 90}
    quiet = {(name, hold.requester): hold.confidential_days for name, e in REAL.items() for hold in e.terms.holds}
    assert {key: days for key, days in quiet.items() if days} == {("wordpress.com", "US"): 45}


def test_the_days_that_nobody_read_are_not_verified() -> None:
    """Where no text with a number was reached, 90 days are the cautious guess of others."""
    guessed = {"apple", "microsoft", "reddit", "yahoo", "comcast", "digitalocean", "godaddy", "cloudflare", "google"}
    guessed |= {"whatsapp", "discord", "binance", "mexc", "verizon", "att", "tmobile-us"}
    read = {"facebook", "instagram", "snap", "x", "tiktok", "dropbox", "github", "wordpress.com", "letsencrypt"}
    days = {
        name: entry.terms.holds[0] for name, entry in REAL.items() if entry.terms.holds and entry.terms.holds[0].days
    }
    assert {name for name, hold in days.items() if hold.source.verified} == read
    assert {name for name, hold in days.items() if not hold.source.verified} == guessed
    assert {name: hold.days for name, hold in days.items() if hold.days != 90} == {"mexc": 60}


def test_the_extensions_that_are_known() -> None:
    known = {
        name: (hold.extension_count, hold.extension_days, hold.extension_discretionary)
        for name, entry in REAL.items()
        for hold in entry.terms.holds[:1]
        if hold.extension_days
    }
    sure = (1, 90, False)
    assert known == {
        **dict.fromkeys(("snap", "apple", "reddit", "verizon", "att", "tmobile-us", "comcast"), sure),
        "tiktok": (1, 90, True),
        "google": (None, 90, False),
    }
    assert {name for name, entry in REAL.items() if entry.terms.extension_lead_days} == {"x"}
    assert {name for name, entry in REAL.items() if entry.extension_labelled} == {"snap"}


@pytest.mark.parametrize(
    ("provider", "within"),
    [("github", "14 days"), ("paypal", "10 working days"), ("crypto.com", "30 days"), ("cash-app", "60 days")],
)
def test_how_long_an_acknowledgement_takes_where_that_is_known(provider: str, within: str) -> None:
    assert str(REAL[provider].terms.acknowledged_within) == within
    assert {name for name, entry in REAL.items() if entry.terms.acknowledged_within} == {
        *("github", "paypal", "crypto.com", "cash-app"),
    }


RETENTION = [
    ("snap", "content", {"0", "24 hours"}),
    ("cloudflare", "traffic", {"25 hours"}),
    ("telegram", "content", {"48 hours"}),
    ("verizon", "content", {"3 days"}),
    ("verizon", "traffic", {"8 days", "365 days"}),
    ("viber", "content", {"14 days"}),
    ("whatsapp", "content", {"30 days"}),
    ("wordpress.com", "traffic", {"30 days"}),
    ("hetzner", "traffic", {"30 days"}),
    ("sourcehut", "traffic", {"30 days"}),
    ("apple", "traffic", {"25 days"}),
    ("tumblr", "subscriber", {"30 days"}),
    ("linkedin", "subscriber", {"30 days"}),
    ("reddit", "traffic", {"100 days"}),
    ("tmobile-us", "traffic", {"90 days"}),
    ("wikimedia", "traffic", {"90 days"}),
    ("spotify", "content", {"90 days"}),
    ("att", "traffic", {"180 days"}),
    ("comcast", "traffic", {"180 days"}),
    ("pinterest", "traffic", {"758 days"}),
]


@pytest.mark.parametrize(("provider", "category", "periods"), RETENTION)
def test_what_a_late_request_loses_is_known(provider: str, category: str, periods: set[str]) -> None:
    kept = {str(each.period or 0) for each in REAL[provider].terms.retention if each.category == category}
    assert kept == periods


def test_a_freeze_of_money_is_told_apart_from_a_hold() -> None:
    frozen = {name: entry.freeze.days for name, entry in REAL.items() if entry.freeze}
    assert frozen == {"mexc": 30, "kucoin": 30}
    assert REAL["mexc"].terms.holds[0].days == 60


def test_the_way_in_takes_its_time() -> None:
    days = {name: c.onboarding_days for name, entry in REAL.items() for c in entry.channels if c.onboarding_days}
    assert days == {"mexc": 28, "binance": 5}  # 15 to 20, and 3, business days on the calendar
    kodex = {name for name, entry in REAL.items() for c in entry.channels if c.name.startswith("Kodex")}
    assert len(kodex) == 13
    assert all(c.needs_account for name in kodex for c in REAL[name].channels if c.name.startswith("Kodex"))


def test_an_emergency_has_its_own_way_where_one_is_known() -> None:
    assert {name for name, e in REAL.items() if any(c.emergency_only for c in e.channels)} == {"snap"}
    assert {name for name, e in REAL.items() if any(c.round_the_clock for c in e.channels)} == {"uber"}


# What it takes


def rule(provider: str, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (found,) = [each for each in REAL[provider].accepts if each.type == kind]
    return found.needs, found.beside


def test_what_must_stand_beside_an_identifier() -> None:
    assert rule("instagram", "username") == (("from",), ())
    assert rule("comcast", "ip") == (("from", "zone", "port"), ())
    assert rule("apple", "phone") == ((), ("real_name",))
    assert rule("linkedin", "email") == ((), ("real_name",))
    assert rule("x", "username") == ((), ("url",))
    assert rule("okx", "wallet") == rule("binance", "wallet") == ((), ("transaction",))
    assert rule("verizon", "cell_tower") == (("from", "to"), ())


@pytest.mark.parametrize(
    ("provider", "kind", "value", "fits"),
    [
        ("whatsapp", "phone", "+15550100123", True),
        ("whatsapp", "phone", "5550100123", False),
        ("facebook", "user_id", "100000000000001", True),
        ("facebook", "user_id", "some.name", False),
        ("discord", "user_id", "175928847299117063", True),
        ("discord", "user_id", "1759288472991170", False),
        ("snap", "user_id", "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f", True),
        ("snap", "user_id", "0a1b2c3d0a1b2c3d4e5f0a1b2c3d4e5f", False),
        ("x", "username", "@example", True),
        ("x", "username", "example name", False),
        ("wordpress.com", "url", "https://example.com/post", True),
        ("wordpress.com", "url", "example.com", False),
    ],
)
def test_the_form_of_an_identifier_is_known(provider: str, kind: str, value: str, fits: bool) -> None:
    (found,) = [each for each in REAL[provider].accepts if each.type == kind]
    assert found.matches(value) is fits


def test_a_display_name_is_rejected_where_the_text_says_so() -> None:
    rejecting = {name for name, entry in REAL.items() if "display_name" in {each.type for each in entry.rejects}}
    assert {"snap", "pinterest", "discord", "facebook", "instagram", "google", "twitch", "steam"} <= rejecting
    assert {each.type for each in REAL["whatsapp"].accepts} == {"phone"}


def test_what_a_request_must_contain_is_asked_for() -> None:
    assert {"case.officer.badge", "case.officer.phone", "case.offence.facts", "request.from", "request.to"} <= set(
        REAL["tiktok"].required
    )
    scope = REAL["tiktok"].scope
    assert scope is not None
    assert scope.period_required is True
    for name in ("facebook", "dropbox", "wetransfer"):
        assert REAL[name].required == ("request.categories",)


def test_where_there_is_no_content_it_is_not_promised() -> None:
    held = {name: entry.scope.categories for name, entry in REAL.items() if entry.scope and entry.scope.categories}
    assert held == dict.fromkeys(("whatsapp", "signal"), ("subscriber", "traffic"))


def test_how_the_letter_must_look() -> None:
    pdf = {name for name, entry in REAL.items() if entry.documents and entry.documents.formats}
    assert pdf == {"snap", "x", "tiktok"}
    assert {name for name, entry in REAL.items() if entry.documents and entry.documents.languages} == {
        *("tiktok", "okx", "kucoin"),
    }
    snap = REAL["snap"].documents
    assert snap is not None
    assert (snap.editable_copy_over, snap.letterhead, snap.signed) == (10, None, None)
