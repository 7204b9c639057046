"""The shipped configuration: complete, sourced, honest about what was not read, and described in docs/config.md."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from flows import authorities, law, policy, practice
from flows.catalogue import SHIPPED, Catalogue, Figure, figures, load, read_instrument, read_provider_terms
from flows.identifiers import CHECKS
from flows.reading import SOURCE_KEYS
from timeline.events import KINDS
from timeline.rules import Confidence, Counting, PeriodKind, Start, Who

INSTRUMENTS = {
    *("au.foreign", "au.historic", "au.ongoing", "br.mci.13", "ca.487.012.domestic", "ca.487.012.foreign"),
    *("ca.487.013", "coe.budapest.16", "coe.budapest.29", "de.sicherungsanordnung", "eu.epocpr", "fr.cpp60-2"),
    *("in", "jp.ccp197", "kr.cpa215-2", "sg.cpc20", "uk.osa.dpn", "un.uncc.25", "un.uncc.42", "us.18usc2258A"),
    "us.18usc2703f",
}
COMPILED_ON = date(2026, 11, 21)
DOCS = (Path(__file__).resolve().parents[2] / "docs" / "config.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def every_figure(catalogue: Catalogue) -> Iterator[tuple[str, Figure]]:
    for name, raw in catalogue.raw.items():
        for figure in figures(raw):
            yield f"{name}: {figure.place}", figure


def test_every_instrument_is_there(catalogue: Catalogue) -> None:
    assert set(catalogue.instruments) == INSTRUMENTS


def test_the_providers_are_there(catalogue: Catalogue) -> None:
    assert {"sandbox", "snap", "x", "wordpress.com"} <= set(catalogue.providers)


FIGURES = [
    # id, kind, first, extensions, cap, counting, steps that stop the clock
    ("au.foreign", "revocation_trigger", "180 days", [], None, "include-first", ["request-access"]),
    ("au.historic", "statutory_max", "90 days", [], None, "include-first", []),
    ("au.ongoing", "statutory_max", "90 days", [], None, "include-first", []),
    ("br.mci.13", "filing_deadline", "60 days", [], None, "exclude-first", ["file-petition"]),
    ("ca.487.012.domestic", "statutory_max", "21 days", [], None, "exclude-first", []),
    ("ca.487.012.foreign", "statutory_max", "90 days", [], None, "exclude-first", []),
    ("ca.487.013", "statutory_max", "90 days", [], None, "exclude-first", []),
    ("coe.budapest.16", "statutory_max", "90 days", [], None, "exclude-first", []),
    (
        "coe.budapest.29",
        "guaranteed_min",
        "60 days",
        [(None, "60 days", "requested-state", False)],
        None,
        "exclude-first",
        ["file-mla"],
    ),
    ("de.sicherungsanordnung", "statutory_max", None, [], None, "exclude-first", []),
    (
        "eu.epocpr",
        "statutory_max",
        "60 days",
        [(1, "30 days", "issuer", True)],
        "90 days",
        "reg-1182-71",
        ["announce-production"],
    ),
    ("fr.cpp60-2", "statutory_max", "1 year", [], None, "exclude-first", []),
    ("in", "statutory_max", None, [], None, "exclude-first", []),
    ("jp.ccp197", "statutory_max", "30 days", [(1, "30 days", "issuer", True)], "60 days", "exclude-first", []),
    ("kr.cpa215-2", "statutory_max", "60 days", [(1, "30 days", "court", True)], "90 days", "exclude-first", []),
    ("sg.cpc20", "statutory_max", None, [], None, "exclude-first", []),
    ("uk.osa.dpn", "fixed", "1 year", [], None, "include-first", []),
    ("un.uncc.25", "statutory_max", "90 days", [], None, "exclude-first", []),
    (
        "un.uncc.42",
        "guaranteed_min",
        "60 days",
        [(None, "60 days", "requested-state", True)],
        None,
        "exclude-first",
        ["file-mla"],
    ),
    ("us.18usc2258A", "fixed", "1 year", [], None, "exclude-first", []),
    ("us.18usc2703f", "fixed", "90 days", [(1, "90 days", "issuer", False)], "180 days", "exclude-first", []),
]


@pytest.mark.parametrize("row", FIGURES, ids=[str(row[0]) for row in FIGURES])
def test_the_figures_are_those_of_the_law(catalogue: Catalogue, row: tuple[object, ...]) -> None:
    rule = catalogue.instruments[str(row[0])]
    assert (
        rule.id,
        str(rule.kind),
        rule.first and str(rule.first),
        [(each.count, str(each.period), str(each.decided_by), each.before_expiry) for each in rule.extensions],
        rule.cap and str(rule.cap),
        str(rule.counting),
        [stop.step for stop in rule.stop_events],
    ) == row


def test_the_table_of_figures_leaves_no_instrument_out() -> None:
    assert [row[0] for row in FIGURES] == sorted(INSTRUMENTS)


def test_what_cannot_be_sent_under_is_known(catalogue: Catalogue) -> None:
    on = date(2026, 11, 21)
    assert {name for name, rule in catalogue.instruments.items() if not rule.can_be_sent(on)} == {
        *("de.sicherungsanordnung", "in", "sg.cpc20", "uk.osa.dpn", "un.uncc.25", "un.uncc.42", "us.18usc2258A"),
    }
    assert {name for name, rule in catalogue.instruments.items() if not rule.in_force} == {
        *("de.sicherungsanordnung", "un.uncc.25", "un.uncc.42"),
    }
    assert {name for name, rule in catalogue.instruments.items() if not rule.sendable} == {
        *("de.sicherungsanordnung", "in", "sg.cpc20", "uk.osa.dpn", "us.18usc2258A"),
    }


def test_the_european_order_can_be_sent_from_the_day_it_applies(catalogue: Catalogue) -> None:
    rule = catalogue.instruments["eu.epocpr"]
    assert not rule.can_be_sent(date(2026, 8, 17))
    assert rule.can_be_sent(date(2026, 8, 18))


def test_the_european_order_has_its_two_short_clocks(catalogue: Catalogue) -> None:
    clarification, validation = catalogue.instruments["eu.epocpr"].short_clocks
    assert (clarification.kind, str(clarification.period), clarification.only_if) == ("clarification", "5 days", "")
    assert (clarification.starts_on, clarification.met_by) == ("clarification", "clarification-answered")
    assert "exempt" in clarification.consequence
    assert (validation.kind, str(validation.period), validation.only_if) == ("validation", "48 hours", "emergency")
    assert (validation.starts_on, validation.met_by) == ("issued", "validated")
    assert {name for name, rule in catalogue.instruments.items() if rule.short_clocks} == {"eu.epocpr", "kr.cpa215-2"}


def test_a_korean_request_without_a_prosecutor_is_told_of_though_the_law_names_no_hours(catalogue: Catalogue) -> None:
    """Art. 215-2: in urgency the police ask directly; the prosecutor approves immediately, else it is cancelled."""
    (approval,) = catalogue.instruments["kr.cpa215-2"].short_clocks
    assert (approval.kind, str(approval.period), approval.only_if) == ("validation", "12 hours", "emergency")
    assert (approval.starts_on, approval.met_by) == ("issued", "validated")
    assert "immediately" in approval.source.text
    assert (approval.source.confidence, approval.source.verified) == ("low", False)


def test_validation_may_follow_only_in_an_emergency(catalogue: Catalogue) -> None:
    later = {name: rule.mandatory_unless_emergency for name, rule in catalogue.instruments.items()}
    assert {name for name, fields in later.items() if fields} == {"eu.epocpr", "kr.cpa215-2"}
    assert later["eu.epocpr"] == ("request.validated_by",)


def test_necessity_stays_out_of_the_european_certificate_and_in_the_budapest_request(catalogue: Catalogue) -> None:
    assert "request.necessity" not in catalogue.instruments["eu.epocpr"].mandatory
    assert {"request.necessity", "case.mla.send_on", "case.offence.facts"} <= set(
        catalogue.instruments["coe.budapest.29"].mandatory
    )


def test_the_same_data_cannot_be_asked_for_again_where_the_law_forbids_it(catalogue: Catalogue) -> None:
    assert {name for name, rule in catalogue.instruments.items() if rule.repeat == "forbidden"} == {
        *("ca.487.012.domestic", "ca.487.012.foreign", "kr.cpa215-2"),
    }


def test_after_a_demand_of_canada_a_judge_is_asked(catalogue: Catalogue) -> None:
    """Criminal Code (Canada), s. 487.012(6) and 487.013."""
    assert {name: rule.escalate for name, rule in catalogue.instruments.items() if rule.escalate} == {
        "ca.487.012.domestic": "ca.487.013",
        "ca.487.012.foreign": "ca.487.013",
    }


def test_only_the_european_order_binds_whomever_it_can_be_addressed_to(catalogue: Catalogue) -> None:
    (binding,) = [rule for rule in catalogue.instruments.values() if rule.binding]
    assert binding.id == "eu.epocpr"
    assert binding.binding_source is not None
    assert "art. 11(1)" in binding.binding_source.text


def test_release_is_a_duty_where_the_law_makes_it_one(catalogue: Catalogue) -> None:
    duty = {name for name, rule in catalogue.instruments.items() if rule.release_duty}
    assert duty == {
        *("au.foreign", "au.historic", "au.ongoing", "ca.487.012.domestic", "ca.487.012.foreign", "ca.487.013"),
        *("eu.epocpr", "jp.ccp197", "kr.cpa215-2"),
    }


def test_every_table_of_an_instrument_says_where_it_stands(catalogue: Catalogue) -> None:
    for name, raw in catalogue.raw.items():
        if name.startswith("instruments/"):
            places = [figure.place for figure in figures(raw)]
            tables = [key for key, value in raw.items() if isinstance(value, Mapping)]
            tables += [
                f"{key}[{n}]"
                for key in ("extension", "stop_event", "short_clock")
                for n in range(len(raw.get(key, ())))
            ]
            assert sorted(places) == sorted(tables), name
            assert len(places) >= 8, name


def test_every_source_names_a_text_and_the_day_it_was_read(catalogue: Catalogue) -> None:
    found = list(every_figure(catalogue))
    assert len(found) > 250
    for place, figure in found:
        assert len(figure.source.text) > 10, place
        assert figure.source.read_on >= COMPILED_ON, place
        assert "http" not in figure.source.text, place


def test_what_was_not_read_does_not_count_as_verified(catalogue: Catalogue) -> None:
    admits = re.compile(
        r"not read|inferred|not stated|not verified|cautious reading|no counting rule|none (found|known)"
        r"|nothing (found|to count)|not known|general rule|from memory",
    )
    admitting = [(place, figure) for place, figure in every_figure(catalogue) if admits.search(figure.source.text)]
    assert len(admitting) > 30
    assert [place for place, figure in admitting if figure.source.verified] == []


FROM_MEMORY = {
    "coe.budapest.29": ["stop_event[0]", "extension[0]", "start", "counting"],
    "un.uncc.25": ["first", "start", "counting", "scope"],
    "un.uncc.42": ["first", "extension[0]", "stop_event[0]", "start", "counting", "mandatory"],
    "eu.epocpr": ["counting"],
    "us.18usc2703f": ["issuer", "start", "counting"],
    "ca.487.012.domestic": ["first", "start", "counting", "repeat", "confidentiality"],
    "ca.487.012.foreign": ["first", "start", "counting", "repeat", "confidentiality"],
    "au.historic": ["first", "start", "counting"],
    "au.ongoing": ["first", "start", "counting"],
    "au.foreign": ["first", "start", "counting", "stop_event[0]", "release"],
    "jp.ccp197": ["extension[0]", "cap", "start", "counting"],
    "kr.cpa215-2": ["force", "start", "counting", "short_clock[0]"],
    "br.mci.13": ["counting"],
    "de.sicherungsanordnung": ["force", "first"],
}
READ = {
    "eu.epocpr": [
        "force",
        "first",
        "extension[0]",
        "cap",
        "start",
        "stop_event[0]",
        "short_clock[0]",
        "short_clock[1]",
    ],
    "us.18usc2703f": ["first", "extension[0]", "cap"],
    "us.18usc2258A": ["first", "start"],
    "coe.budapest.16": ["first", "confidentiality"],
    "coe.budapest.29": ["first", "mandatory"],
    "ca.487.013": ["first", "start", "counting", "repeat", "release"],
    "kr.cpa215-2": ["first", "extension[0]", "cap", "repeat", "release"],
    "br.mci.13": ["first", "stop_event[0]", "confidentiality"],
    "fr.cpp60-2": ["first", "scope"],
    "uk.osa.dpn": ["force", "first", "counting"],
    "jp.ccp197": ["first", "scope"],
}


@pytest.mark.parametrize(
    ("table", "verified"), [(FROM_MEMORY, False), (READ, True)], ids=["from memory", "read in the text"]
)
def test_only_what_was_read_in_the_text_is_verified(
    catalogue: Catalogue, table: dict[str, list[str]], verified: bool
) -> None:
    for name, places in table.items():
        found = {figure.place: figure.source.verified for figure in figures(catalogue.raw_instrument(name))}
        assert {place: found[place] for place in places} == dict.fromkeys(places, verified), name


def test_every_shipped_record_kept_as_json_reads_back_the_same(catalogue: Catalogue) -> None:
    for name, rule in catalogue.instruments.items():
        assert read_instrument(json.loads(json.dumps(catalogue.raw_instrument(name), default=str)), name) == rule
    for name, entry in catalogue.providers.items():
        kept = json.loads(json.dumps(catalogue.raw_provider(name), default=str))
        assert read_provider_terms(kept, name) == entry.terms


# Providers


def test_snap_grants_americans_one_extension_and_others_a_courtesy(catalogue: Catalogue) -> None:
    american, foreign = catalogue.providers["snap"].terms.holds
    assert american.applies_to("US")
    assert not foreign.applies_to("US")
    assert foreign.applies_to("FR")
    assert (american.days, american.extension_count, american.extension_days) == (90, 1, 90)
    assert (american.discretionary, american.extension_discretionary) == (False, False)
    assert (foreign.days, foreign.extension_count, foreign.extension_days) == (365, 1, 180)
    assert (foreign.discretionary, foreign.extension_discretionary) == (True, True)
    assert catalogue.providers["snap"].terms.notifies_on_preservation is False


@pytest.mark.parametrize(
    ("username", "fits"),
    [
        ("abc", True),
        ("a1b2c3d4e5f6g7h", True),
        ("example.user", True),
        ("example_user", True),
        ("ab", False),
        ("a1b2c3d4e5f6g7h8", False),
        ("1example", False),
        ("example.", False),
        ("ex.am-ple", False),
        ("Example", False),
        ("exam ple", False),
    ],
)
def test_the_form_of_a_snap_username_is_known(catalogue: Catalogue, username: str, fits: bool) -> None:
    (rule,) = [each for each in catalogue.providers["snap"].accepts if each.type == "username"]
    assert rule.matches(username) is fits


def test_snap_loses_opened_snaps_at_once_and_chats_within_a_day(catalogue: Catalogue) -> None:
    kept = {each.what: each.period and str(each.period) for each in catalogue.providers["snap"].terms.retention}
    assert kept["opened Snaps"] is None
    assert kept["Stories"] == "24 hours"


def test_x_wants_a_separate_extension_seven_days_before_and_may_decline_it(catalogue: Catalogue) -> None:
    entry = catalogue.providers["x"]
    assert (entry.terms.extension_lead_days, entry.extension_mode) == (7, "separate-request")
    (hold,) = entry.terms.holds
    assert (hold.requester, hold.days, hold.extension_discretionary) == ("any", 90, True)
    assert entry.terms.notifies_on_preservation is None


def test_wordpress_tells_its_user_and_drops_a_foreign_hold_without_proof(catalogue: Catalogue) -> None:
    terms = catalogue.providers["wordpress.com"].terms
    assert terms.notifies_on_preservation is True
    american, foreign = terms.holds
    assert (american.confidential_days, american.proof_of_mla_by_day) == (45, None)
    assert (foreign.confidential_days, foreign.proof_of_mla_by_day) == (None, 90)
    assert foreign.applies_to("FR")
    assert {each.what: str(each.period) for each in terms.retention}["access logs"] == "30 days"


def test_the_sandbox_has_no_terms_of_its_own(catalogue: Catalogue) -> None:
    terms = catalogue.providers["sandbox"].terms
    assert (terms.zone, terms.state, terms.holds, terms.retention) == ("UTC", "", (), ())
    assert terms.notifies_on_preservation is False


def test_portals_and_mail_are_worked_by_a_person(catalogue: Catalogue) -> None:
    for name in ("snap", "x", "wordpress.com"):
        assert catalogue.providers[name].adapter["kind"] == "manual", name
        assert all(channel.kind != "api" for channel in catalogue.providers[name].channels), name


# Forecasts and policy


def test_a_plan_is_judged_by_the_150_days_unless_the_case_says_otherwise(catalogue: Catalogue) -> None:
    profile = catalogue.profile()
    assert (profile.id, profile.p50_days, profile.p90_days) == ("unodc", 150, 324)
    assert "para. 58" in profile.source.text
    slow = catalogue.profile("tcy")
    assert (slow.p50_days, slow.p90_days) == (365, 729)


def test_an_inferred_percentile_follows_the_stated_curve(catalogue: Catalogue) -> None:
    for profile in catalogue.profiles.values():
        if profile.id == "epoc":  # what the law gives, no curve
            continue
        sigma = 0.54 if profile.id == "tcy" else 0.60
        assert f"sigma {sigma:.2f}" in profile.source.text, profile.id
        assert profile.p90_days == round(profile.p50_days * math.exp(1.2816 * sigma)), profile.id
        assert not profile.source.verified, profile.id
    ten_months, mean_of_median = 304.4, math.exp(0.60**2 / 2)
    assert catalogue.profile("us-average").p50_days == round(ten_months / mean_of_median)
    assert dict(catalogue.profile_by_state) == {"US": "us-average"}


def test_the_policy_covers_a_night_and_tells_three_levels(catalogue: Catalogue) -> None:
    decided = catalogue.policy
    assert decided.imminent >= timedelta(hours=12)
    assert (decided.extend_fraction.numerator, decided.extend_fraction.denominator) == (2, 3)
    assert (decided.backoff_first, decided.backoff_longest) == (timedelta(minutes=5), timedelta(hours=6))
    assert decided.sweep_interval == timedelta(minutes=15)
    assert str(decided.acknowledge_within) == "2 working days"
    assert [rung.level for rung in decided.ladder] == [1, 2, 3]
    within = [rung.acknowledge_within for rung in decided.ladder]
    assert within == sorted(within, reverse=True)
    assert [each.level for each in catalogue.rung_channels] == [1, 2, 3]
    assert catalogue.stale_after_days == 120


def test_every_shipped_file_is_read(catalogue: Catalogue) -> None:
    files = {
        path.relative_to(SHIPPED).as_posix()
        for kind in ("instruments", "providers", "authorities")
        for path in (SHIPPED / kind).iterdir()
        if path.suffix != ".md"
    }
    assert files | {"mla.toml", "policy.toml"} == set(catalogue.raw)


def test_the_words_of_the_law_are_events_that_can_be_recorded() -> None:
    assert {*law.STOP_EVENTS, *law.SHORT_CLOCK_STARTS, *law.SHORT_CLOCK_ENDS} <= {"issued", *KINDS}


# docs/config.md

CHAPTERS = {
    "Instruments": law.INSTRUMENT_KEYS,
    "Providers": practice.PROVIDER_KEYS,
    "MLA forecasts": law.MLA_KEYS,
    "Policy": policy.POLICY_KEYS,
    "Networks": authorities.NETWORK_KEYS,
    "Ways between States": authorities.ROUTE_KEYS,
    "Contacts": authorities.CONTACT_KEYS,
}


def documented() -> dict[tuple[str, str], set[str]]:
    """The keys that the tables of docs/config.md explain, by chapter and section."""
    found: dict[tuple[str, str], set[str]] = {}
    chapter = section = ""
    for line in DOCS.splitlines():
        if line.startswith("## "):
            chapter, section = line[3:].partition(":")[0], ""
        elif line.startswith("### "):
            inner = re.search(r"`\[+([a-z_]+)(?:\.NAME)?\]+`(?:, each of `(\w+)`)?", line)
            section = ".".join(filter(None, inner.groups())) if inner else ""
        elif row := re.match(r"\| `([a-z0-9_]+)` \|", line):
            found.setdefault((chapter, section), set()).add(row[1])
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_guide_explains_every_key_and_no_other(chapter: str) -> None:
    wanted = {section: set(keys) - set(SOURCE_KEYS) for section, keys in CHAPTERS[chapter].items()}
    given = {section: keys for (name, section), keys in documented().items() if name == chapter}
    assert given == wanted


def test_the_guide_explains_where_a_figure_stands() -> None:
    assert documented()["Where a figure stands", ""] == set(SOURCE_KEYS)


def test_the_guide_names_every_word_that_may_be_written() -> None:
    enums: tuple[type[StrEnum], ...] = (PeriodKind, Counting, Start, Who, Confidence)
    words = {str(word) for enum in enums for word in enum}
    words |= {*law.ADDRESSEES, *law.CATEGORIES, *law.STEPS, *law.STOP_EVENTS, *law.SHORT_CLOCK_STARTS}
    words |= {*law.SHORT_CLOCK_ENDS, *law.URGENCIES, *law.REPEATS, *law.CONFIDENTIALITY, *law.CASE_FIELDS}
    words |= {*practice.CHANNEL_KINDS, *practice.EXTENSION_MODES, *practice.IDENTIFIER_NEEDS, *CHECKS}
    words |= set(policy.TELLING)
    assert {word for word in words if f"`{word}`" not in DOCS} == set()
