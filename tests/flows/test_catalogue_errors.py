"""A wrong configuration is told where, what is wrong and what to write instead; all of it at once."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import catalogue_samples as samples
import pytest

from flows.catalogue import ConfigurationErrors, load, read_instrument, read_provider
from flows.law import INSTRUMENT_KEYS, MLA_KEYS, read_forecasts
from flows.office import open_catalogue
from flows.policy import POLICY_KEYS, read_policy
from flows.practice import PROVIDER_KEYS
from flows.reading import Table, shown
from flows.settings import load as load_settings

LAW, PROVIDER, MLA, POLICY = "instruments/xx.act1.toml", "providers/example.toml", "mla.toml", "policy.toml"


def errors_of(folder: Path, overlay: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationErrors) as wrong:
        load(overlay, folder)
    assert str(wrong.value) == "\n".join(wrong.value.errors)
    return wrong.value.errors


def broken(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = samples.FILES[name]
    assert old in text, old
    return samples.write(tmp_path / "shipped", {**samples.FILES, name: text.replace(old, new, 1)})


WRONG = [
    # what every key can suffer
    (PROVIDER, "days = 90", "days = true", "hold[0].days: expected a whole number of days, found true"),
    (PROVIDER, "days = 90", 'days = "90"', 'hold[0].days: expected a whole number of days, found "90"'),
    (PROVIDER, "days = 90", "days = 90.0", "hold[0].days: expected a whole number of days, found 90.0"),
    (PROVIDER, "days = 90", "days = 0", "hold[0].days: expected 1 or more days, found 0"),
    (PROVIDER, "days = 90", "dasy = 90", 'hold[0].dasy: unknown key; did you mean "days"?'),
    (PROVIDER, 'name = "Example Mail"', 'name = " "', "name: expected a text, found an empty text"),
    (PROVIDER, 'name = "Example Mail"\n', "", "name: is missing; expected a text"),
    (
        PROVIDER,
        "discretionary = false",
        'discretionary = "no"',
        'hold[0].discretionary: expected true or false, found "no"',
    ),
    (
        PROVIDER,
        "discretionary = false",
        "discretionary = 0",
        "hold[0].discretionary: expected true or false, found 0",
    ),
    (PROVIDER, 'notes = ["One note."]', 'notes = "One note."', 'notes: expected a list of texts, found "One note."'),
    (PROVIDER, 'notes = ["One note."]', 'notes = ["A", 3]', "notes[1]: expected a text, found 3"),
    (
        PROVIDER,
        "read_on = 2026-11-21",
        "read_on = 2026",
        "entity[0].read_on: expected a day such as 2026-11-21, found 2026",
    ),
    (
        PROVIDER,
        "read_on = 2026-11-21",
        'read_on = "21 November"',
        'entity[0].read_on: expected a day such as 2026-11-21, found "21 November"',
    ),
    (
        PROVIDER,
        "read_on = 2026-11-21",
        "read_on = 2026-11-21T00:00:00Z",
        "entity[0].read_on: expected a day such as 2026-11-21, found 2026-11-21 00:00:00+00:00",
    ),
    (PROVIDER, 'source = "Example Act, s. 1"\n', "", "entity[0].source: is missing; expected a text"),
    (
        PROVIDER,
        'confidence = "high"',
        'confidence = "hihg"',
        'entity[0].confidence: expected one of high, medium, low, found "hihg"; did you mean "high"?',
    ),
    (PROVIDER, "verified = true", "verified = 1", "entity[0].verified: expected true or false, found 1"),
    # providers
    (
        PROVIDER,
        '"Europe/Dublin"',
        '"Dublin"',
        'zone: expected a time zone such as "Europe/Dublin" or "UTC", found "Dublin"',
    ),
    (
        PROVIDER,
        '"Europe/Dublin"',
        '"../etc"',
        'zone: expected a time zone such as "Europe/Dublin" or "UTC", found "../etc"',
    ),
    (
        PROVIDER,
        'state = "IE"',
        'state = "Ireland"',
        'state: expected a country code such as "IE", or "", found "Ireland"',
    ),
    (
        PROVIDER,
        'requester = "US"',
        'requester = "EU"',
        'hold[0].requester: expected "any", or a country such as "US", or "not-US", found "EU"',
    ),
    (
        PROVIDER,
        'requester = "US"',
        'requester = "any"',
        'hold[1].requester: never reached: the hold for "any" stands before it and applies',
    ),
    (
        PROVIDER,
        'requester = "not-US"',
        'requester = "US"',
        'hold[1].requester: never reached: the hold for "US" stands before it and applies',
    ),
    (PROVIDER, "hours = 0", "hours = 0\ndays = 1", "retention[1]: expected either hours or days"),
    (PROVIDER, "hours = 0\n", "", "retention[1]: expected either hours or days"),
    (PROVIDER, "hours = 0", "hours = -1", "retention[1].hours: expected 0 or more hours, found -1"),
    (
        PROVIDER,
        'category = "traffic"',
        'category = "trafic"',
        "retention[0].category: expected one of subscriber, traffic, content,"
        ' found "trafic"; did you mean "traffic"?',
    ),
    (
        PROVIDER,
        '"unknown"',
        '"maybe"',
        'notice.notifies_on_preservation: expected true, false or "unknown", found "maybe"',
    ),
    (
        PROVIDER,
        'notifies_on_preservation = "unknown"\n',
        "",
        'notice.notifies_on_preservation: is missing; expected true, false or "unknown"',
    ),
    (
        PROVIDER,
        '"[a-z]+"',
        '"[a-z+"',
        "identifiers.accept[0].pattern: expected a regular expression: unterminated character set at position 0",
    ),
    (
        PROVIDER,
        'needs = ["from"]',
        'needs = ["form"]',
        'identifiers.accept[0].needs[0]: unknown word "form"; did you mean "from"?',
    ),
    (PROVIDER, "lead_days = 7", "lead_days = -7", "extension.lead_days: expected 0 or more days, found -7"),
    (
        PROVIDER,
        '"2 working days"',
        '"soon"',
        'acknowledgement.within: expected a period such as "60 days", "2 working days" or "1 year", found "soon"',
    ),
    (
        PROVIDER,
        'id = "example"',
        'id = "exmaple"',
        'id: expected "example", like the name of the file, found "exmaple"',
    ),
    (PROVIDER, 'kind = "manual"\n', "", "adapter.kind: is missing; expected a text"),
    (PROVIDER, "[adapter]", "[[adapter]]\nkind = 3\n[[adapter]]", "adapter[0].kind: expected a text, found 3"),
    (PROVIDER, "[adapter]", "[[adapter]]\n[[adapter]]", "adapter[0].kind: is missing; expected a text"),
    (
        PROVIDER,
        "offered = true",
        'offered = "yes"',
        'preservation.offered: expected true, false or "unknown", found "yes"',
    ),
    (
        PROVIDER,
        "offered = true\n",
        "",
        'preservation.offered: is missing; expected true, false or "unknown"',
    ),
    (PROVIDER, 'for = ["world"]', 'for = ["UK"]', 'entity[0].for[0]: unknown place "UK"; did you mean "GB"?'),
    (
        PROVIDER,
        'for = ["world"]',
        'for = ["Europe"]',
        'entity[0].for[0]: unknown place "Europe"; write a country such as "FR" (ISO 3166-1), "EU", "EEA" or "world"',
    ),
    (
        PROVIDER,
        'for = ["world"]',
        'for = ["FR", "FR"]',
        'entity[0].for[1]: entity[0] is already for "FR": one entity for each place',
    ),
    (
        PROVIDER,
        'for = ["world"]',
        "for = []",
        'entity[0].for: expected at least one place: a country such as "FR", "EU", "EEA" or "world"',
    ),
    (
        PROVIDER,
        'Street, Dublin"\nstate = "IE"',
        'Street, Dublin"\nstate = "UK"',
        'entity[0].state: expected a country code such as "IE", or "", found "UK"',
    ),
    (
        PROVIDER,
        'url = "https://example.com/requests"',
        'url = "example.com"',
        'channel[0].url: expected an address such as https://example.com/path, found "example.com"',
    ),
    (
        PROVIDER,
        'kind = "portal"',
        'kind = "fone"',
        "channel[0].kind: expected one of api, portal, web-form, email, phone, fax, post, registered-agent,"
        ' it-system, found "fone"; did you mean "phone"?',
    ),
    (
        PROVIDER,
        'with = ["email"]',
        'with = ["emial"]',
        'identifiers.accept[0].with[0]: unknown word "emial"; did you mean "email"?',
    ),
    (
        PROVIDER,
        'with = ["email"]',
        'with = ["username"]',
        'identifiers.accept[0].with: expected other types than "username" itself',
    ),
    (
        PROVIDER,
        'type = "display_name"',
        'type = "username"',
        'identifiers.reject[0].type: "username" stands in identifiers.accept already',
    ),
    (
        PROVIDER,
        'accept = [{ type = "username",',
        'accept = [{ type = "username" }, { type = "username",',
        'identifiers.accept[1].type: "username" stands in identifiers.accept[0] already',
    ),
    (
        PROVIDER,
        'fields = ["case.officer.badge"]',
        'fields = ["officer.badge"]',
        'required.fields[0]: unknown word "officer.badge"; did you mean "case.officer.badge"?',
    ),
    (
        PROVIDER,
        "longest_period_days = 365",
        "longest_period_days = 0",
        "scope.longest_period_days: expected 1 or more days, found 0",
    ),
    (
        PROVIDER,
        'categories = ["subscriber", "traffic"]',
        'categories = ["logs"]',
        'scope.categories[0]: unknown word "logs"; known here: subscriber, traffic, content',
    ),
    (PROVIDER, "[freeze]\ndays = 30", "[freeze]\ndays = 0", "freeze.days: expected 1 or more days, found 0"),
    (PROVIDER, "[freeze]\ndays = 30\n", "[freeze]\n", "freeze.days: is missing; expected a whole number of days"),
    (
        PROVIDER,
        'formats = ["pdf"]',
        'formats = ["PDF"]',
        'documents.formats[0]: expected the ending of a file such as "pdf", found "PDF"',
    ),
    (
        PROVIDER,
        'languages = ["en"]',
        'languages = ["English"]',
        'documents.languages[0]: expected a language such as "en" (ISO 639-1), found "English"',
    ),
    (PROVIDER, "[adapter]", "[adaptor]", 'adaptor: unknown key; did you mean "adapter"?'),
    # instruments
    (
        LAW,
        '"60 days"',
        "60",
        'first.period: expected a period such as "60 days", "2 working days" or "1 year", found 60',
    ),
    (
        LAW,
        '"60 days"',
        '"60 minutes"',
        'first.period: expected a period such as "60 days", "2 working days" or "1 year", found "60 minutes"',
    ),
    (LAW, '"60 days"', '"0 days"', 'first.period: expected at least 1 day, found "0 days"'),
    (LAW, '"60 days"', '"91 days"', "cap.period: expected at least the first period (91 days), found 90 days"),
    (
        LAW,
        'kind = "statutory_max"\n',
        "",
        "first.kind: is missing; expected one of statutory_max, guaranteed_min, fixed, revocation_trigger,"
        " filing_deadline",
    ),
    (
        LAW,
        'decided_by = "issuer"',
        'decided_by = "isuer"',
        "extension[0].decided_by: expected one of issuer, court, provider, requested-state,"
        ' found "isuer"; did you mean "issuer"?',
    ),
    (
        LAW,
        'kind = "mla-received"',
        'kind = "mla-recieved"',
        "stop_event[0].kind: expected one of production-announced, mla-received, petition-filed, access-requested,"
        ' found "mla-recieved"; did you mean "mla-received"?',
    ),
    (
        LAW,
        'fields = ["case.unit"]',
        'fields = ["case.uint"]',
        'mandatory.fields[0]: unknown word "case.uint"; did you mean "case.unit"?',
    ),
    (
        LAW,
        'countries = ["FR"]',
        'countries = ["France"]',
        'issuer.countries[0]: expected a country code such as "FR", found "France"',
    ),
    (
        LAW,
        'escalate = "xx.act1"',
        'escalate = "xx.act2"',
        'repeat.escalate: expected the id of an instrument; did you mean "xx.act1"?',
    ),
    (LAW, '[start]\non = "receipt"\n' + samples.SOURCE, "", "start: is missing; expected a table"),
    (LAW, '[start]\non = "receipt"\n' + samples.SOURCE, "[[start]]\n", "start: expected a table, found a list"),
    (LAW, "[[extension]]", "[extension]", "extension: expected a list of tables, found a table"),
    (LAW, "[[short_clock]]", "[[short_clok]]", 'short_clok: unknown key; did you mean "short_clock"?'),
    # forecasts
    (MLA, "p90_days = 324", "p90_days = 149", "profile.usual.p90_days: expected at least p50_days (150), found 149"),
    (
        MLA,
        'default = "usual"',
        'default = "usul"',
        'default: expected one of usual, slow, found "usul"; did you mean "usual"?',
    ),
    (
        MLA,
        'US = "slow"',
        'US = "fast"',
        'by_state.US: expected one of usual, slow, found "fast"; known here: usual, slow',
    ),
    (MLA, 'US = "slow"', 'usa = "slow"', 'by_state.usa: expected a country code such as "US" as the key'),
    (MLA, "p50_days = 150\n", "", "profile.usual.p50_days: is missing; expected a whole number of days"),
    # policy
    (
        POLICY,
        'interval = "15 minutes"',
        'interval = "15 mins"',
        'sweep.interval: expected a duration such as "15 minutes", "12 hours" or "3 days", found "15 mins"',
    ),
    (
        POLICY,
        'margin = "5 days"',
        'margin = "5 working days"',
        'extend.margin: expected a duration such as "15 minutes", "12 hours" or "3 days", found "5 working days"',
    ),
    (
        POLICY,
        'interval = "15 minutes"',
        'interval = "0 minutes"',
        'sweep.interval: expected at least 1 minute, found "0 minutes"',
    ),
    (
        POLICY,
        "imminent_sweeps = 96",
        "imminent_sweeps = 47",
        "sweep.imminent_sweeps: expected 48 or more sweeps (12 hours, a night), found 47",
    ),
    (
        POLICY,
        'longest = "6 hours"',
        'longest = "1 minute"',
        'backoff.longest: expected at least backoff.first, found "1 minute"',
    ),
    (POLICY, '"2/3"', '"66 %"', 'extend.at: expected a fraction of the hold such as "2/3", found "66 %"'),
    (POLICY, '"2/3"', '"3/3"', 'extend.at: expected a fraction of the hold such as "2/3", found "3/3"'),
    (POLICY, "level = 2", "level = 3", "ladder[1].level: expected 2, as the ladder is climbed in order, found 3"),
    (POLICY, 'tell = ["drop"]', 'tell = ["dorp"]', 'ladder[1].tell[0]: unknown word "dorp"; did you mean "drop"?'),
    (
        POLICY,
        'tell = ["drop"]',
        "tell = []",
        "ladder[1].tell: expected at least one of stderr, drop, smtp, apprise:NAME, block:TYPE/NAME",
    ),
    (
        POLICY,
        'mail_to = "duty@example.com"\n',
        "",
        'ladder[0].mail_to: expected a mail address, as tell has "smtp", found an empty text',
    ),
    (POLICY, "[send]", "[sned]", 'sned: unknown key; did you mean "send"?'),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), WRONG, ids=[each[3][:60] for each in WRONG])
def test_a_wrong_file_is_told_where_and_what_to_write(
    name: str, old: str, new: str, expected: str, tmp_path: Path
) -> None:
    folder = broken(tmp_path, name, old, new)
    assert f"{folder}/{name}: {expected}" in errors_of(folder)


def test_one_mistake_is_told_once_and_nothing_else_is(tmp_path: Path) -> None:
    folder = broken(tmp_path, PROVIDER, "days = 90", "days = true")
    assert errors_of(folder) == (f"{folder}/{PROVIDER}: hold[0].days: expected a whole number of days, found true",)


def test_a_missing_table_is_one_error_and_not_one_for_each_key(tmp_path: Path) -> None:
    folder = broken(tmp_path, LAW, "[release]\nduty = true\n" + samples.SOURCE, "")
    assert errors_of(folder) == (f"{folder}/{LAW}: release: is missing; expected a table",)


@pytest.mark.parametrize("given", ["adapter = []\n", ""])
def test_a_provider_without_any_route_is_an_error(given: str, tmp_path: Path) -> None:
    text = given + samples.PROVIDER.partition("[adapter]")[0]
    folder = samples.write(tmp_path / "shipped", {**samples.FILES, PROVIDER: text})
    assert errors_of(folder) == (
        f"{folder}/{PROVIDER}: adapter: is missing; expected a table [adapter],"
        " or one [[adapter]] for each route to it",
    )


def test_a_wrong_route_is_told_with_its_number(tmp_path: Path) -> None:
    route = '[[adapter]]\nkind = "manual"\nchannel = "portal"\n[[adapter]]\nkind = "manual"\nchanel = "fax"\n'
    text = samples.PROVIDER.partition("[adapter]")[0] + route
    own = samples.write(tmp_path / "unit", {"providers/example.toml": text})
    with pytest.raises(ConfigurationErrors) as wrong:
        open_catalogue(load_settings({"HOLDFAST_HOME": str(tmp_path / "home"), "HOLDFAST_CONFIG": str(own)}))
    (error,) = wrong.value.errors
    assert error.startswith("config/providers/example.toml: adapter[1].chanel: ")


def test_a_mistake_in_a_table_that_is_read_twice_is_told_once(tmp_path: Path) -> None:
    folder = broken(tmp_path, PROVIDER, "lead_days = 7", "lead_day = 7")
    assert errors_of(folder) == (f'{folder}/{PROVIDER}: extension.lead_day: unknown key; did you mean "lead_days"?',)


def test_all_errors_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    files = {
        LAW: samples.INSTRUMENT.replace('"60 days"', "60").replace("duty = true", "duty = 1"),
        PROVIDER: samples.PROVIDER.replace("days = 90", "days = true", 1),
        MLA: samples.MLA.replace("150", "0"),
        POLICY: samples.POLICY.replace('"5 minutes"', "5"),
    }
    folder = samples.write(tmp_path / "shipped", files)
    assert errors_of(folder) == (
        f'{folder}/{LAW}: first.period: expected a period such as "60 days", "2 working days" or "1 year", found 60',
        f"{folder}/{LAW}: release.duty: expected true or false, found 1",
        f"{folder}/{PROVIDER}: hold[0].days: expected a whole number of days, found true",
        f"{folder}/{MLA}: profile.usual.p50_days: expected 1 or more days, found 0",
        f"{folder}/{POLICY}: backoff.first: expected a duration"
        ' such as "15 minutes", "12 hours" or "3 days", found 5',
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[send]\nlead = \n", "line 2, column 8: Invalid value"),
        ("[send]\nlead = 1\n\n[send]\n", "line 4, column 6: Cannot declare ('send',) twice"),
        ('[send]\nlead = "1 day"\nwords = [\n', "line 4, end of file: Invalid value"),
        ("", "is empty; fill it or delete it"),
        ("# only a comment\n", "is empty; fill it or delete it"),
    ],
)
def test_a_file_that_does_not_parse_is_told_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", {**samples.FILES, POLICY: text})
    assert errors_of(folder) == (f"{folder}/{POLICY}: {expected}",)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", samples.FILES)
    (folder / POLICY).write_bytes(b"# caf\xe9\n")
    assert errors_of(folder) == (f"{folder}/{POLICY}: is not UTF-8 text (byte 6)",)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", samples.FILES)
    (folder / POLICY).unlink()
    (folder / POLICY).symlink_to(folder / "gone.toml")
    assert errors_of(folder) == (f"{folder}/{POLICY}: cannot be read: No such file or directory",)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for the superuser")
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", samples.FILES)
    (folder / "providers").chmod(0)
    try:
        assert errors_of(folder) == (f"{folder}/providers: cannot be read: Permission denied",)
    finally:
        (folder / "providers").chmod(0o755)


@pytest.mark.parametrize("name", [MLA, POLICY])
def test_a_file_that_must_be_there_is_missed(name: str, tmp_path: Path) -> None:
    files = {other: text for other, text in samples.FILES.items() if other != name}
    folder = samples.write(tmp_path / "shipped", files)
    assert errors_of(folder) == (f"{folder}/{name}: is missing",)


# The unit's own folder


def test_a_missing_folder_of_the_unit_is_an_error(tmp_path: Path) -> None:
    folder, own = samples.write(tmp_path / "shipped", samples.FILES), tmp_path / "gone"
    assert errors_of(folder, own) == (f"{own}: expected a folder with the configuration, found none",)


def test_a_mistake_in_the_units_file_is_told_with_the_units_path(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", samples.FILES)
    own = samples.write(tmp_path / "unit", {POLICY: "[chase]\ntimes = true\n", LAW: ""})
    assert errors_of(folder, own) == (
        f"{own}/{LAW}: is empty; fill it or delete it",
        f"{own}/{POLICY}: chase.times: expected a whole number of times, found true",
    )


def test_a_mistake_in_the_shipped_file_is_not_blamed_on_the_unit(tmp_path: Path) -> None:
    folder = broken(tmp_path, POLICY, "times = 3", "times = true")
    own = samples.write(tmp_path / "unit", {POLICY: '[chase]\nevery = "2 days"\n'})
    assert errors_of(folder, own) == (
        f"{folder}/{POLICY}: chase.times: expected a whole number of times, found true",
    )


def test_the_shipped_folder_is_named_config_in_messages(tmp_path: Path) -> None:
    own = samples.write(tmp_path / "unit", {"providers/snap.toml": "hold = 1\n"})
    with pytest.raises(ConfigurationErrors) as wrong:
        load(own)
    assert wrong.value.errors == (f"{own}/providers/snap.toml: hold: expected a list of tables, found 1",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("polcy.toml", 'polcy.toml: is not a part of the configuration; did you mean "policy.toml"?'),
        ("provider/example.toml", 'provider: is not a part of the configuration; did you mean "providers"?'),
        ("providers/example.yaml", "providers/example.yaml: expected a file named ID.toml; rename or remove it"),
        ("providers/old/example.toml", "providers/old: expected a file named ID.toml; rename or remove it"),
    ],
)
def test_a_name_that_nothing_reads_is_an_error(name: str, expected: str, tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "shipped", samples.FILES)
    own = samples.write(tmp_path / "unit", {name: samples.POLICY})
    assert errors_of(folder, own) == (f"{own}/{expected}",)


# Every key that is known is read, and a wrong value in any of them is noticed


def _places(
    table: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]], name: str = ""
) -> Iterator[tuple[Any, ...]]:
    """The path of every known key below a table, as it stands in the sample."""
    for key in keys[name]:
        yield (key,)
        inner = f"{name}.{key}" if f"{name}.{key}" in keys else key
        if inner not in keys or key == name:
            continue
        below = table[key]
        if isinstance(below, list):
            yield from ((key, 0, *path) for path in _places(below[0], keys, inner))
        elif inner == "profile":
            yield from ((key, "usual", *path) for path in _places(below["usual"], keys, inner))
        else:
            yield from ((key, *path) for path in _places(below, keys, inner))


def _place(path: tuple[Any, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


KINDS = {
    "instrument": (samples.INSTRUMENT, INSTRUMENT_KEYS, read_instrument),
    "provider": (samples.PROVIDER, PROVIDER_KEYS, read_provider),
    "mla": (samples.MLA, MLA_KEYS, read_forecasts),
    "policy": (samples.POLICY, POLICY_KEYS, read_policy),
}
EVERY_KEY = [(kind, path) for kind, (text, keys, _) in KINDS.items() for path in _places(samples.table(text), keys)]


@pytest.mark.parametrize(("kind", "path"), EVERY_KEY, ids=[f"{kind}: {_place(path)}" for kind, path in EVERY_KEY])
def test_a_value_of_the_wrong_type_is_noticed_in_every_key(kind: str, path: tuple[Any, ...]) -> None:
    text, _, read = KINDS[kind]
    raw: dict[str, Any] = copy.deepcopy(samples.table(text))
    holder: Any = raw
    for part in path[:-1]:
        holder = holder[part]
    if kind == "provider" and path[-1] == "hours":  # the other way of saying days
        holder["days"] = None
        del holder["days"]
    holder[path[-1]] = 3.5
    with pytest.raises(ConfigurationErrors) as wrong:
        read(raw, "file")
    assert any(error.startswith(f"file: {_place(path)}: expected") for error in wrong.value.errors), (
        wrong.value.errors
    )


# The getters


def test_a_getter_for_an_unlisted_key_is_our_own_mistake() -> None:
    table = Table({"a": 1}, "file", ("a",), [])
    with pytest.raises(LookupError, match="'b' is not among the known keys"):
        table.text("b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        ("x" * 100, '"' + "x" * 60 + '"'),
        ("", "an empty text"),
        ({}, "a table"),
        ([], "a list"),
        (3, "3"),
    ],
)
def test_a_wrong_value_is_shown_as_it_stands_in_the_file(value: object, expected: str) -> None:
    assert shown(value) == expected
