"""The providers at the command line: by how far a hold can be relied on, every unknown said, what to read again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date

import pytest
from desk_support import Unit

from desk import provider_tables
from desk.provider_words import said
from flows import catalogue
from flows.practice import PROVIDER_KEYS

OLD = "2027-11-21T09:00:00Z"
KNOWN = catalogue.load()


def row_of(unit: Unit, provider: str, *options: str) -> dict[str, object]:
    (row,) = [row for row in unit.json("providers", "list", *options) if row["id"] == provider]
    return dict(row)


def lines(text: str, provider: str) -> list[str]:
    """The words of a provider's line in the list."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{provider} ")]
    return re.split(r" {2,}", line)


# list


def test_a_row_has_every_hold_that_the_provider_tells_apart(unit: Unit) -> None:
    row = row_of(unit, "snap")
    assert [hold["requester"] for hold in row["holds"]] == ["US", "not-US"]
    assert row["holds"][1]["discretionary"] is True
    assert (row["channels"], row["emergency_channels"]) == (["portal", "email"], ["web-form"])
    assert (row["adapters"], row["offered"], row["group"]) == (["manual"], True, "read")


@pytest.mark.parametrize(
    ("country", "requester", "days"), [("US", "US", 90), ("FR", "not-US", 365), ("fr", "not-US", 365)]
)
def test_a_requester_is_shown_the_hold_that_applies_to_it(
    unit: Unit, country: str, requester: str, days: int
) -> None:
    (hold,) = row_of(unit, "snap", "--country", country)["holds"]
    assert (hold["requester"], hold["days"]) == (requester, days)
    assert f"for a requester of {country.upper()}" in unit("providers", "list", "--country", country).stdout


def test_a_hold_that_is_not_for_the_requester_counts_as_none(unit: Unit) -> None:
    assert row_of(unit, "verizon", "--country", "US")["group"] == "unread"
    foreign = row_of(unit, "verizon", "--country", "FR")
    assert (foreign["holds"], foreign["group"]) == ([], "law")


def test_a_country_that_there_is_not_is_wrong_input(unit: Unit) -> None:
    result = unit("providers", "list", "--country", "UK")
    assert result.exit_code == 2
    assert "such as FR or GB" in result.stderr


def test_the_list_stands_by_how_far_a_hold_can_be_relied_on_and_counts(unit: Unit) -> None:
    text = unit("providers", "list").stdout
    rows = unit.json("providers", "list")
    groups = [
        "Its text was read",
        "How long it holds is from memory",
        "Says not how long",
        "Does not preserve",
        "Played",
    ]
    places = [text.index(f"\n{group}") for group in groups]
    assert places == sorted(places)
    for name, heading in zip(("read", "unread", "law", "none", "played"), groups, strict=True):
        count = sum(row["group"] == name for row in rows)
        assert re.search(rf"^{heading}.*\({count}\)$", text, re.MULTILINE), name
    real = sum(row["group"] != "played" for row in rows)
    assert f"{real} providers and {len(rows) - real} played." in text
    assert {row["id"] for row in rows if row["group"] == "none"} == {"telegram", "vk", "yandex"}


def test_a_line_says_how_to_reach_it_how_long_it_holds_and_how_sure_that_is(unit: Unit) -> None:
    text = unit("providers", "list", "--country", "US").stdout
    assert lines(text, "snap") == ["snap", "Snap Inc.", "portal mail", "US: 90 d", "1 × 90 d", "no", "high", "0 d"]
    assert lines(text, "apple") == ["apple", "Apple", "portal", "90 d", "1 × 90 d", "?", "low", "0 d"]
    assert lines(text, "tiktok") == ["tiktok", "TikTok", "form", "90 d", "1 × 90 d*", "?", "high", "0 d"]
    assert lines(text, "uber") == ["uber", "Uber", "portal", "–", "–", "?", "0 d"]
    assert lines(text, "wordpress.com")[-3:] == ["YES", "high", "0 d"]
    assert lines(text, "telegram")[3:6] == ["–*", "never", "?"]


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_the_list_stays_within_its_width_and_says_every_id(unit: Unit, columns: int) -> None:
    shown = unit("providers", "list", COLUMNS=str(columns)).stdout.splitlines()
    assert max(map(len, shown)) <= columns
    if columns >= 80:
        assert {line.split()[0] for line in shown if line} >= set(KNOWN.providers)


# show


def test_what_is_unknown_is_said_and_told_from_no(unit: Unit) -> None:
    record = unit.json("providers", "show", "facebook")
    unknown = {each["place"]: each["what"] for each in record["unknown"]}
    assert {"acknowledgement", "extension", "hold[0].extension_count", "notice"} <= set(unknown)
    assert "hold[0].days" not in unknown
    text = " ".join(unit("providers", "show", "facebook").stdout.split())
    assert "acknowledgement unknown: says not when it acknowledges" in text
    assert "any requester: 90 days [1] unknown how many extensions of unknown length" in text
    assert "unknown whether it tells its user: a person decides each time" in text


def test_a_source_is_told_once_and_every_figure_points_to_it(unit: Unit) -> None:
    record = unit.json("providers", "show", "uber")
    text = " ".join(unit("providers", "show", "uber").stdout.split())
    sources = list(dict.fromkeys(figure["source"] for figure in record["figures"]))
    assert len(sources) == 4
    for source in sources:
        (mark,) = re.findall(rf"(\[\d\]) {re.escape(source)} read ", text)
        assert text.count(mark) > 1, "no figure points to it"
    assert text.count("NOT VERIFIED") > 3
    assert "portal: Public Safety Portal; answered day and night" in text


def test_the_entities_are_shown_with_the_users_they_are_for(unit: Unit) -> None:
    text = " ".join(unit("providers", "show", "x").stdout.split())
    assert "X Internet Unlimited Company (Dublin, IE), for users in: EEA" in text
    assert "X Corp. (US), for users in: the world" in text


def test_what_must_stand_beside_an_identifier_is_shown(unit: Unit) -> None:
    text = " ".join(unit("providers", "show", "apple").stdout.split())
    assert "takes phone beside a real_name" in text
    assert "REJECTS real_name" in text


def test_a_freeze_is_no_hold(unit: Unit) -> None:
    text = " ".join(unit("providers", "show", "kucoin").stdout.split())
    assert "a freeze of money lifts by itself after 30 days; it is no hold of the data" in text


def test_every_key_of_every_shipped_figure_is_said_in_words() -> None:
    """A figure that is in the file and not on the page would be lost to the officer."""
    for name, entry in KNOWN.providers.items():
        for figure in catalogue.figures(entry.raw):
            text = " ".join(said(figure.place, figure.values)).replace(",", "")
            for value in flat(figure.values):
                assert value.replace(",", "") in text, (name, figure.place, value)


def flat(values: object) -> list[str]:
    """The texts and numbers in a table that are no word of ours."""
    if isinstance(values, dict):
        ours = {"mode", "kind", "requester", "offered", "notifies_on_preservation", "needs", "for", "formats"}
        return [each for key, value in values.items() if key not in ours for each in flat(value)]
    if isinstance(values, list):
        return [each for value in values for each in flat(value)]
    return [] if isinstance(values, bool) or values == 0 else [str(values)]


def test_every_table_of_a_provider_has_its_place_on_the_page() -> None:
    from desk.provider_words import SECTIONS

    shown = {name for names in SECTIONS.values() for name in names}
    tables = {name for name in PROVIDER_KEYS if name and "." not in name}
    assert shown == tables


@pytest.mark.parametrize("provider", sorted(KNOWN.providers))
def test_every_provider_is_shown_within_eighty_columns(unit: Unit, provider: str) -> None:
    result = unit("providers", "show", provider, COLUMNS="80")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


# check


def test_old_figures_are_for_a_person_and_silence_is_only_shown(unit: Unit) -> None:
    findings = json.loads(unit("providers", "check", "--json").stdout)
    assert all(set(each) == {"provider", "place", "finding", "what", "weighs"} for each in findings)
    assert {"old"} & {each["finding"] for each in findings} == set()
    silent = [each for each in findings if each["provider"] == "maytell"]
    assert {each["finding"] for each in silent} == {"silent"}
    assert any("a person decides each time" in each["what"] for each in silent)

    result = unit("providers", "check", HOLDFAST_CLOCK=OLD)
    assert result.exit_code == 1
    assert "to be read again" in result.stderr
    assert "old: " in result.stdout


@pytest.mark.parametrize(("clock", "old"), [("2027-03-21T23:00:00Z", False), ("2027-03-22T01:00:00Z", True)])
def test_a_figure_is_old_from_the_121st_day(unit: Unit, clock: str, old: bool) -> None:
    findings = json.loads(unit("providers", "check", "byhand", "--json", HOLDFAST_CLOCK=clock).stdout)
    assert ("old" in {each["finding"] for each in findings}) is old


def test_a_figure_that_nobody_verified_is_named_with_its_place(unit: Unit) -> None:
    own = unit.folder / "config" / "providers" / "byhand.toml"
    own.write_text(own.read_text().replace("verified = true", "verified = false", 1))
    result = unit("providers", "check", "byhand")
    assert result.exit_code == 1
    assert re.search(r"unverified +entity\[0\] ", result.stdout)
    assert result.stderr.strip() == "holdfast: needs a person: 1 figure of 1 provider to be read again"


def test_what_the_unit_changed_without_a_source_stands_first(unit: Unit) -> None:
    own = unit.folder / "config" / "providers"
    (own / "snap.toml").write_text('[acknowledgement]\nwithin = "1 day"\n')
    assert unit("providers", "check", "snap").exit_code == 2  # a new figure without any source
    (own / "snap.toml").write_text("[extension]\nlead_days = 14\n")
    findings = json.loads(unit("providers", "check", "snap", "--json").stdout)
    (changed,) = [each for each in findings if each["finding"] == "changed"]
    assert (changed["place"], changed["weighs"]) == ("extension", True)
    assert "was: Snap Law Enforcement Guide" in changed["what"]
    assert "unverified" not in {each["finding"] for each in findings}
    shown = unit("providers", "check").stdout.splitlines()
    assert shown[0] == "Changed by the unit without a source of its own (1)"
    assert re.search(r"snap +changed: extension; \d+ unknown", shown[1])


def test_the_whole_check_is_a_line_or_two_for_each_provider_and_a_sum(unit: Unit) -> None:
    result = unit("providers", "check", COLUMNS="100")
    findings = json.loads(unit("providers", "check", "--json").stdout)
    persons = [each for each in findings if each["finding"] in provider_tables.PERSONS]
    known = {each["provider"] for each in findings}
    assert len(result.stdout.splitlines()) < 2 * len(known)
    concerned = len({each["provider"] for each in persons})
    assert f"{concerned} with figures to be read again: {len(persons)} unverified" in result.stdout
    assert result.stdout.index("Dates, or whether the user is told") < result.stdout.index("Other figures")


def test_the_figures_that_move_dates_come_first(unit: Unit) -> None:
    findings = json.loads(unit("providers", "check", "--json").stdout)
    weighty = {each["provider"] for each in findings if each["weighs"]}
    assert {"apple", "mexc", "google"} <= weighty
    assert {"facebook", "okx", "uber", "wordpress.com"} & weighty == set()


def test_a_fresh_and_verified_provider_needs_nobody(unit: Unit) -> None:
    result = unit("providers", "check", "snap")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "unknown" in result.stdout


def test_a_provider_that_is_not_known_is_wrong_input(unit: Unit) -> None:
    result = unit("providers", "check", "snapp")
    assert result.exit_code == 2
    assert 'did you mean "snap"?' in result.stderr


def test_what_a_text_is_silent_about_needs_nobody() -> None:
    own = {"sandbox": KNOWN.providers["sandbox"]}
    findings = provider_tables.check(replace(KNOWN, providers=own), date(2026, 11, 21))
    assert {each["finding"] for each in findings} == {provider_tables.SILENT}
    assert provider_tables.SILENT not in provider_tables.PERSONS


def test_colours_only_repeat_what_the_words_say(unit: Unit) -> None:
    for words in (("list",), ("show", "apple"), ("check",)):
        status, coloured = unit.terminal([], "providers", *words, COLUMNS="100")
        bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured).replace("\r", "")
        plain = unit("providers", *words, COLUMNS="100")
        assert "\x1b[" in coloured
        assert bare.split() == (plain.stdout + plain.stderr).split()
        assert status == plain.exit_code
