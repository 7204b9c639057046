"""The catalogue: what comes out of the files, the unit's own folder laid over them, and the ledger's copies."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from fractions import Fraction
from importlib import resources
from pathlib import Path

import catalogue_samples as samples
import pytest

from flows.catalogue import (
    ConfigurationErrors,
    figures,
    load,
    read_instrument,
    read_provider,
    read_provider_terms,
)
from flows.countries import COUNTRIES, EEA, EU
from flows.law import read_forecasts
from flows.policy import RungChannels, read_policy
from flows.provider_entry import Freeze, ProviderEntry, Scope
from providers.errors import ConfigurationError
from timeline.rules import (
    Confidence,
    Counting,
    Extension,
    Period,
    PeriodKind,
    ProviderHold,
    Retention,
    Rung,
    ShortClock,
    Source,
    Start,
    StopEvent,
    Unit,
    Who,
)

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Source(text="Example Act, s. 1", read_on=date(2026, 11, 21), confidence=Confidence.HIGH, verified=True)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return samples.write(tmp_path / "shipped", samples.FILES)


def overlay(tmp_path: Path, **files: str) -> Path:
    return samples.write(tmp_path / "unit", {name.replace("__", "/"): text for name, text in files.items()})


# What comes out


def test_every_key_of_an_instrument_arrives_in_its_value() -> None:
    law = read_instrument(samples.table(samples.INSTRUMENT), "test")
    assert (law.id, law.title, law.legal_basis) == ("xx.act1", "Preservation order", "Example Act, section 1")
    assert (law.jurisdiction, law.addressee, law.notes) == ("XX", "provider", ("One note.",))
    assert (law.in_force, law.in_force_from, law.sendable) == (True, date(2026, 8, 18), True)
    assert (law.kind, law.first) == (PeriodKind.STATUTORY_MAX, Period(count=60))
    assert law.extensions == (
        Extension(
            count=1,
            period=Period(count=30),
            decided_by=Who.ISSUER,
            before_expiry=True,
            form="Form 6",
            source=SOURCE,
        ),
    )
    assert (law.cap, law.start, law.counting) == (Period(count=90), Start.RECEIPT, Counting.EXCLUDE_FIRST)
    assert law.stop_events == (
        StopEvent(kind="mla-received", what="MLA request received", step="file-mla", source=SOURCE),
    )
    assert law.short_clocks == (
        ShortClock(
            kind="validation",
            period=Period(count=48, unit=Unit.HOURS),
            starts_on="sent",
            met_by="validated",
            only_if="emergency",
            consequence="withdrawn",
            source=SOURCE,
        ),
    )
    assert (law.repeat, law.release_duty, law.confidentiality) == ("forbidden", True, "duty")
    assert (law.binding, law.escalate) == (True, "xx.act1")
    assert (law.categories, law.existing_data_only) == (("traffic",), True)
    assert (law.issuers, law.issuer_countries) == (("court",), ("FR",))
    assert (law.mandatory, law.mandatory_unless_emergency) == (("case.unit",), ("request.validated_by",))
    for name in ("binding", "first", "cap", "start", "counting", "repeat", "release", "confidentiality", "scope"):
        assert getattr(law, f"{name}_source") == SOURCE, name
    for name in ("issuer", "mandatory", "in_force"):
        assert getattr(law, f"{name}_source") == SOURCE, name


def test_an_instrument_without_a_period_has_none_and_needs_no_kind() -> None:
    text = samples.INSTRUMENT.replace('kind = "statutory_max"\nperiod = "60 days"\n', "")
    assert read_instrument(samples.table(text), "test").first is None


def test_what_an_instrument_may_leave_out_is_left_at_its_default() -> None:
    raw = samples.table(samples.INSTRUMENT)
    for name in ("notes", "extension", "binding", "cap", "repeat", "stop_event", "short_clock", "confidentiality"):
        del raw[name]
    del raw["force"]["from"], raw["issuer"]["countries"], raw["mandatory"]["unless_emergency"]
    law = read_instrument(raw, "test")
    assert (law.notes, law.extensions, law.stop_events, law.short_clocks) == ((), (), (), ())
    assert (law.cap, law.cap_source, law.in_force_from) == (None, None, None)
    assert (law.repeat, law.confidentiality, law.issuer_countries) == ("new-request", "asked", ())
    assert (law.binding, law.binding_source, law.escalate) == (False, None, "")
    assert law.mandatory_unless_emergency == ()


def test_an_extension_without_a_number_may_be_asked_for_without_limit() -> None:
    text = samples.INSTRUMENT.replace("count = 1\n", "")
    assert read_instrument(samples.table(text), "test").extensions[0].count is None


def test_every_key_of_a_provider_arrives_in_its_value() -> None:
    entry = read_provider(samples.table(samples.PROVIDER), "test")
    terms = entry.terms
    assert (terms.id, terms.name, terms.zone, terms.state) == ("example", "Example Mail", "Europe/Dublin", "IE")
    assert terms.holds == (
        ProviderHold(
            requester="US",
            days=90,
            discretionary=False,
            extension_count=1,
            extension_days=90,
            extension_discretionary=False,
            proof_of_mla_by_day=90,
            confidential_days=45,
            source=SOURCE,
        ),
        ProviderHold(
            requester="not-US",
            days=None,
            discretionary=True,
            extension_count=None,
            extension_days=None,
            extension_discretionary=False,
            proof_of_mla_by_day=None,
            confidential_days=None,
            source=SOURCE,
        ),
    )
    assert terms.extension_lead_days == 7
    assert terms.acknowledged_within == Period(count=2, unit=Unit.WORKING_DAYS)
    assert terms.retention == (
        Retention(category="traffic", what="logs", period=Period(count=30), source=SOURCE),
        Retention(category="content", what="opened messages", period=None, source=SOURCE),
    )
    assert (terms.notifies_on_preservation, terms.notice_source) == (None, SOURCE)
    assert (entry.extension_mode, entry.extension_labelled, entry.extension_source) == (
        "separate-request",
        True,
        SOURCE,
    )
    assert (entry.offered, entry.offered_source, entry.preservation_notes) == (True, SOURCE, ("One note.",))
    (entity,) = entry.entities
    assert (entity.name, entity.serves, entity.source) == ("Example Ltd", ("world",), SOURCE)
    assert (entity.address, entity.state) == ("1 Example Street, Dublin", "IE")
    (channel,) = entry.channels
    assert (channel.kind, channel.name, channel.notes, channel.source) == ("portal", "Portal", ("Slow.",), SOURCE)
    assert (channel.needs_account, channel.onboarding_days) == (True, 20)
    assert (channel.official_domain_only, channel.emergency_only) == (True, False)
    assert (channel.url, channel.round_the_clock) == ("https://example.com/requests", True)
    (accepted,), (rejected,) = entry.accepts, entry.rejects
    assert (accepted.type, accepted.needs, accepted.beside) == ("username", ("from",), ("email",))
    assert (accepted.pattern, accepted.hint) == ("[a-z]+", "lower case")
    assert (rejected.type, rejected.hint) == ("display_name", "use the username")
    assert (entry.required, entry.required_source) == (("case.officer.badge",), SOURCE)
    assert entry.scope == Scope(
        period_required=True, longest_period_days=365, categories=("subscriber", "traffic"), source=SOURCE
    )
    assert entry.freeze == Freeze(days=30, notes=("One note.",), source=SOURCE)
    documents = entry.documents
    assert documents is not None
    assert documents.attachment_limit_mb == 25
    assert (documents.formats, documents.languages, documents.editable_copy_over) == (("pdf",), ("en",), 10)
    assert (documents.letterhead, documents.signed, documents.notes) == (True, True, ("One note.",))
    assert (documents.source, entry.identifiers_source, entry.notes) == (SOURCE, SOURCE, ("One note.",))


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("false", False), ('"unknown"', None)])
def test_whether_the_user_is_told_is_yes_no_or_unknown(written: str, meant: bool | None) -> None:
    text = samples.PROVIDER.replace('notifies_on_preservation = "unknown"', f"notifies_on_preservation = {written}")
    assert read_provider(samples.table(text), "test").terms.notifies_on_preservation is meant


def test_the_whole_value_of_an_identifier_must_match_its_pattern() -> None:
    rule = read_provider(samples.table(samples.PROVIDER), "test").accepts[0]
    assert rule.matches("someone")
    assert not rule.matches("someone2")
    assert not rule.matches("someone\n")


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("false", False), ('"unknown"', None)])
def test_whether_it_preserves_at_all_is_yes_no_or_unknown(written: str, meant: bool | None) -> None:
    entry = read_provider(samples.table(samples.PROVIDER.replace("offered = true", f"offered = {written}")), "test")
    assert (entry.offered, entry.offered_source) == (meant, SOURCE)


def test_what_a_providers_text_is_silent_about_is_unknown_and_not_no() -> None:
    raw = samples.table(samples.PROVIDER)
    for name in ("preservation", "extension", "acknowledgement", "identifiers", "required", "scope", "freeze"):
        del raw[name]
    for name in ("name", "url", "needs_account", "onboarding_days", "official_domain_only", "round_the_clock"):
        del raw["channel"][0][name]
    for name in ("letterhead", "signed", "editable_copy_over", "attachment_limit_mb", "formats", "languages"):
        del raw["documents"][name]
    entry = read_provider(raw, "test")
    (channel,), documents = entry.channels, entry.documents
    assert documents is not None
    assert (entry.offered, entry.offered_source, entry.scope, entry.freeze) == (None, None, None, None)
    assert (entry.required, entry.accepts, entry.rejects) == ((), (), ())
    assert (channel.needs_account, channel.onboarding_days) == (None, None)
    assert (channel.official_domain_only, channel.round_the_clock) == (None, None)
    assert (documents.letterhead, documents.signed, documents.formats, documents.languages) == (None, None, (), ())
    assert (documents.editable_copy_over, documents.attachment_limit_mb) == (None, None)


def test_a_scope_may_say_one_thing_and_be_silent_on_the_others() -> None:
    text = samples.PROVIDER.replace('longest_period_days = 365\ncategories = ["subscriber", "traffic"]\n', "")
    scope = read_provider(samples.table(text), "test").scope
    assert scope == Scope(period_required=True, longest_period_days=None, categories=None, source=SOURCE)


def with_entities(**places: list[str]) -> ProviderEntry:
    raw = samples.table(samples.PROVIDER)
    raw["entity"] = [{**raw["entity"][0], "name": name, "for": serves} for name, serves in places.items()]
    return read_provider(raw, "test")


@pytest.mark.parametrize(
    ("country", "entity"),
    [("FR", "France"), ("DE", "Union"), ("IS", "Area"), ("CH", "Area"), ("GB", "Rest"), ("US", "Rest")],
)
def test_the_most_specific_entity_answers_for_a_user(country: str, entity: str) -> None:
    entry = with_entities(Rest=["world"], Area=["EEA", "CH"], Union=["EU"], France=["FR"])
    found = entry.entity_for(country)
    assert found is not None
    assert found.name == entity


def test_without_the_users_country_only_a_lone_entity_can_be_addressed() -> None:
    lone = with_entities(Only=["world"]).entity_for("")
    assert lone is not None
    assert lone.name == "Only"
    assert with_entities(Rest=["world"], Area=["EEA"]).entity_for("") is None
    assert with_entities().entity_for("") is None


def test_no_entity_answers_for_a_user_whom_none_serves() -> None:
    assert with_entities(America=["US"], Area=["EEA"]).entity_for("BR") is None
    assert with_entities(America=["US"]).entity_for("BR") is None


def test_the_regions_are_those_of_the_treaties() -> None:
    assert (len(EU), len(EEA - EU)) == (27, 3)
    assert {"GB", "CH", "TR"} & EEA == set()
    assert EEA < COUNTRIES


def test_the_country_codes_are_those_that_the_time_zones_know() -> None:
    table = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    assert {line.split("\t")[0] for line in table.splitlines() if not line.startswith("#")} == COUNTRIES


def test_the_adapter_table_is_passed_on_as_it_stands() -> None:
    entry = read_provider(samples.table(samples.PROVIDER), "test")
    assert entry.adapters == ({"kind": "manual", "anything": {"goes": [1, 2]}},)
    assert entry.adapter is entry.adapters[0]


def test_several_routes_to_a_provider_keep_their_order() -> None:
    raw = samples.table(samples.PROVIDER)
    raw["adapter"] = [{"kind": "rest", "base_url": "https://example.com"}, {"kind": "manual"}]
    entry = read_provider(raw, "test")
    assert [dict(table) for table in entry.adapters] == raw["adapter"]
    assert entry.adapter["kind"] == "rest"


def test_every_key_of_the_policy_arrives_in_its_value() -> None:
    decided = read_policy(samples.table(samples.POLICY), "test")
    policy = decided.policy
    assert (policy.send_lead, policy.file_mla_lead) == (timedelta(days=1), timedelta(days=21))
    assert (policy.extend_fraction, policy.extend_margin) == (Fraction(2, 3), timedelta(days=5))
    assert (policy.announce_lead, policy.clarify_lead) == (timedelta(days=5), timedelta(days=2))
    assert policy.acknowledge_within == Period(count=2, unit=Unit.WORKING_DAYS)
    assert (policy.chase_every, policy.chases, policy.poll_every) == (timedelta(days=1), 3, timedelta(hours=12))
    assert policy.review_every == timedelta(days=30)
    assert (policy.backoff_first, policy.backoff_longest) == (timedelta(minutes=5), timedelta(hours=6))
    assert (policy.sweep_interval, policy.imminent_sweeps) == (timedelta(minutes=15), 96)
    assert policy.imminent == timedelta(days=1)
    assert policy.ladder == (
        Rung(level=1, who="Duty officer", acknowledge_within=timedelta(hours=12)),
        Rung(level=2, who="Head of unit", acknowledge_within=timedelta(hours=6)),
    )
    assert decided.rung_channels == (
        RungChannels(level=1, tell=("stderr", "smtp"), mail_to="duty@example.com"),
        RungChannels(level=2, tell=("drop",), mail_to=""),
    )
    assert decided.stale_after_days == 120


def test_every_key_of_the_forecasts_arrives_in_its_value() -> None:
    forecasts = read_forecasts(samples.table(samples.MLA), "test")
    assert (forecasts.default, dict(forecasts.by_state)) == ("usual", {"US": "slow"})
    slow = forecasts.profiles["slow"]
    assert (slow.id, slow.p50_days, slow.p90_days, slow.source) == ("slow", 365, 729, SOURCE)


def test_a_case_that_names_no_profile_gets_the_default_one(shipped: Path) -> None:
    catalogue = load(shipped=shipped)
    assert catalogue.profile().id == "usual"
    assert catalogue.profile("slow").id == "slow"
    with pytest.raises(LookupError, match=r'no MLA profile "slwo"; did you mean "slow"'):
        catalogue.profile("slwo")


def test_the_catalogue_cannot_be_changed(shipped: Path) -> None:
    catalogue = load(shipped=shipped)
    with pytest.raises(TypeError):
        catalogue.instruments["other"] = catalogue.instruments["xx.act1"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        catalogue.policy = catalogue.policy  # type: ignore[misc]
    catalogue.raw_instrument("xx.act1")["first"]["period"] = "1 day"
    assert catalogue.raw_instrument("xx.act1")["first"]["period"] == "60 days"


# The ledger's copies


def test_an_instrument_kept_as_json_reads_back_the_same(shipped: Path) -> None:
    catalogue = load(shipped=shipped)
    kept = json.loads(json.dumps(catalogue.raw_instrument("xx.act1"), default=str))
    assert read_instrument(kept, "request HF-0: terms") == catalogue.instruments["xx.act1"]


def test_a_providers_terms_kept_as_json_read_back_the_same(shipped: Path) -> None:
    catalogue = load(shipped=shipped)
    kept = json.loads(json.dumps(catalogue.raw_provider("example"), default=str))
    assert read_provider_terms(kept, "request HF-0: terms") == catalogue.providers["example"].terms


def test_terms_are_read_without_looking_at_the_rest_of_the_provider() -> None:
    raw = samples.table(samples.PROVIDER)
    expected = read_provider_terms(raw, "test")
    raw["channel"] = raw["adapter"] = "from a later time"
    assert read_provider_terms(raw, "test") == expected


def test_terms_that_were_tampered_with_are_refused_with_their_place() -> None:
    raw = samples.table(samples.PROVIDER)
    raw["hold"][0]["days"] = "ninety"
    with pytest.raises(ConfigurationErrors) as wrong:
        read_provider_terms(raw, "request HF-0: terms")
    assert wrong.value.errors == (
        'request HF-0: terms: hold[0].days: expected a whole number of days, found "ninety"',
    )


def test_an_unknown_id_says_what_was_meant(shipped: Path) -> None:
    catalogue = load(shipped=shipped)
    with pytest.raises(LookupError, match=r'no instrument "xx\.act2"; did you mean "xx\.act1"'):
        catalogue.raw_instrument("xx.act2")
    with pytest.raises(LookupError, match='no provider "other"; known here: example'):
        catalogue.raw_provider("other")


def test_every_figure_can_be_listed_with_its_place_and_source() -> None:
    found = {figure.place: figure for figure in figures(samples.table(samples.INSTRUMENT))}
    assert list(found) == [
        *("force", "binding", "first", "extension[0]", "cap", "start", "counting", "repeat", "stop_event[0]"),
        *("short_clock[0]", "release", "confidentiality", "scope", "issuer", "mandatory"),
    ]
    assert found["extension[0]"].values["period"] == "30 days"
    assert "source" not in found["extension[0]"].values
    assert {figure.source for figure in found.values()} == {SOURCE}


@pytest.mark.parametrize("listed", [False, True])
def test_an_adapters_own_table_is_no_figure_of_the_catalogue(listed: bool) -> None:
    raw = samples.table(samples.PROVIDER)
    raw["adapter"]["source"] = "the adapter's own word"
    raw["adapter"] = [raw["adapter"]] if listed else raw["adapter"]
    assert all(not figure.place.startswith("adapter") for figure in figures(raw))


# The unit's own folder


def test_a_file_of_the_unit_is_merged_key_by_key(shipped: Path, tmp_path: Path) -> None:
    own = overlay(tmp_path, **{"policy.toml": '[chase]\ntimes = 5\n[sweep]\ninterval = "10 minutes"\n'})
    policy = load(own, shipped).policy
    assert (policy.chases, policy.sweep_interval) == (5, timedelta(minutes=10))
    assert (policy.chase_every, policy.imminent_sweeps) == (timedelta(days=1), 96)


def test_a_list_of_the_unit_replaces_the_whole_list(shipped: Path, tmp_path: Path) -> None:
    hold = f'[[hold]]\nrequester = "any"\ndays = 60\n{samples.SOURCE}'
    own = overlay(tmp_path, **{"providers__example.toml": hold, "instruments__xx.act1.toml": "extension = []\n"})
    catalogue = load(own, shipped)
    assert [each.requester for each in catalogue.providers["example"].terms.holds] == ["any"]
    assert catalogue.instruments["xx.act1"].extensions == ()
    assert catalogue.instruments["xx.act1"].first == Period(count=60)


def test_a_new_file_of_the_unit_is_added(shipped: Path, tmp_path: Path) -> None:
    text = samples.INSTRUMENT.replace('"xx.act1"', '"xx.act2"')
    own = overlay(tmp_path, **{"instruments__xx.act2.toml": text})
    assert set(load(own, shipped).instruments) == {"xx.act1", "xx.act2"}


def test_the_shipped_files_stay_as_they_are(shipped: Path, tmp_path: Path) -> None:
    own = overlay(tmp_path, **{"policy.toml": "[chase]\ntimes = 5\n"})
    load(own, shipped)
    assert {path: path.read_text() for path in shipped.rglob("*.toml")} == {
        shipped / name: text for name, text in samples.FILES.items()
    }
    assert load(shipped=shipped).policy.chases == 3


def test_a_figure_changed_without_a_source_says_so_and_is_not_verified(shipped: Path, tmp_path: Path) -> None:
    own = overlay(tmp_path, **{"instruments__xx.act1.toml": '[cap]\nperiod = "75 days"\n'})
    law = load(own, shipped).instruments["xx.act1"]
    assert law.cap == Period(count=75)
    assert law.cap_source is not None
    assert law.cap_source.text == f"changed in {own}/instruments/xx.act1.toml; was: Example Act, s. 1"
    assert law.cap_source.verified is False
    assert law.first_source == SOURCE


def test_a_figure_changed_with_a_source_of_its_own_keeps_it(shipped: Path, tmp_path: Path) -> None:
    text = '[cap]\nperiod = "75 days"\nsource = "Other Act, s. 2"\nread_on = 2026-12-01\n'
    own = overlay(tmp_path, **{"instruments__xx.act1.toml": text})
    source = load(own, shipped).instruments["xx.act1"].cap_source
    assert source is not None
    assert (source.text, source.read_on, source.verified) == ("Other Act, s. 2", date(2026, 12, 1), True)


def test_repeating_a_shipped_figure_changes_nothing(shipped: Path, tmp_path: Path) -> None:
    own = overlay(tmp_path, **{"instruments__xx.act1.toml": '[cap]\nperiod = "90 days"\n'})
    assert load(own, shipped).instruments["xx.act1"].cap_source == SOURCE


def test_what_is_kept_of_an_overlaid_instrument_is_what_counts(shipped: Path, tmp_path: Path) -> None:
    own = overlay(tmp_path, **{"instruments__xx.act1.toml": '[cap]\nperiod = "75 days"\n'})
    catalogue = load(own, shipped)
    assert read_instrument(catalogue.raw_instrument("xx.act1"), "kept") == catalogue.instruments["xx.act1"]
    assert catalogue.raw_instrument("xx.act1")["cap"]["period"] == "75 days"


def test_notes_hidden_files_and_backups_in_the_units_folder_are_left_alone(shipped: Path, tmp_path: Path) -> None:
    own = overlay(
        tmp_path,
        **{
            "README.md": "ours",
            "providers__README.md": "ours",
            "providers__.example.toml.swp": "x",
            "providers__example.toml~": "x",
            ".git__config": "x",
        },
    )
    assert load(own, shipped) == load(shipped=shipped)


# What it costs


def test_loading_brings_in_no_orchestrator_and_no_network_library() -> None:
    heavy = "{'prefect', 'pydantic', 'requests', 'sqlite_utils', 'apscheduler', 'rich', 'holidays', 'cryptography'}"
    code = f"import sys; from flows.catalogue import load; load(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_configuration_is_one_of_our_own_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path / "nothing")
