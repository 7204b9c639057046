"""The law as data: reads `config/instruments/*.toml` and `config/mla.toml` into values of `timeline.rules`.

`INSTRUMENT_KEYS` and `MLA_KEYS` are all the keys there are, by table; `docs/config.md` explains each, and a
test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flows.reading import SOURCE_KEYS, ConfigurationErrors, Table, shown
from timeline.rules import (
    Counting,
    Extension,
    Instrument,
    MlaProfile,
    Period,
    PeriodKind,
    ShortClock,
    Start,
    StopEvent,
    Who,
)

ADDRESSEES = ("provider", "state")
CONFIDENTIALITY = ("asked", "duty")
CATEGORIES = ("subscriber", "traffic", "content")
STEPS = ("file-mla", "announce-production", "file-petition", "request-access")
STOP_EVENTS = ("production-announced", "mla-received", "petition-filed", "access-requested")
SHORT_CLOCK_STARTS = ("clarification", "issued", "sent")
SHORT_CLOCK_ENDS = ("clarification-answered", "validated")
URGENCIES = ("expedited", "emergency")
REPEATS = ("new-request", "new-order", "forbidden", "unstated")
CASE_FIELDS = (
    "case.reference",
    "case.unit",
    "case.country",
    "case.offence.title",
    "case.offence.provisions",
    "case.offence.facts",
    "case.officer.name",
    "case.officer.badge",
    "case.officer.email",
    "case.officer.phone",
    "case.mla.requested_state",
    "case.mla.send_on",
    "request.categories",
    "request.from",
    "request.to",
    "request.identifiers",
    "request.necessity",
    "request.custodian",
    "request.validated_by",
)
"""The case-file fields an instrument may make mandatory."""

INSTRUMENT_KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("id", "title", "legal_basis", "jurisdiction", "addressee", "notes"),
        *(
            "force",
            "binding",
            "first",
            "extension",
            "cap",
            "start",
            "counting",
            "repeat",
            "stop_event",
            "short_clock",
        ),
        *("release", "confidentiality", "scope", "issuer", "mandatory"),
    ),
    "force": ("in_force", "from", "sendable", *SOURCE_KEYS),
    "binding": ("everywhere", *SOURCE_KEYS),
    "first": ("kind", "period", *SOURCE_KEYS),
    "extension": ("count", "period", "decided_by", "before_expiry", "form", *SOURCE_KEYS),
    "cap": ("period", *SOURCE_KEYS),
    "start": ("on", *SOURCE_KEYS),
    "counting": ("rule", *SOURCE_KEYS),
    "repeat": ("rule", "escalate", *SOURCE_KEYS),
    "stop_event": ("kind", "what", "step", *SOURCE_KEYS),
    "short_clock": ("kind", "within", "starts_on", "met_by", "only_if", "consequence", *SOURCE_KEYS),
    "release": ("duty", *SOURCE_KEYS),
    "confidentiality": ("rule", *SOURCE_KEYS),
    "scope": ("categories", "existing_data_only", *SOURCE_KEYS),
    "issuer": ("who", "countries", *SOURCE_KEYS),
    "mandatory": ("fields", "unless_emergency", *SOURCE_KEYS),
}
MLA_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("default", "profile", "by_state"),
    "profile": ("p50_days", "p90_days", *SOURCE_KEYS),
}

COUNTRY = re.compile(r"[A-Z]{2}")


def _countries(table: Table) -> tuple[str, ...]:
    codes = table.texts("countries", ())
    for number, code in enumerate(codes):
        if not COUNTRY.fullmatch(code) or code == "EU":
            table.wrong(f"countries[{number}]", f'expected a country code such as "FR", found {shown(code)}')
    return codes


def _extension(table: Table) -> Extension:
    return Extension(
        count=table.whole_or_none("count", "times", least=1),
        period=table.period("period"),
        decided_by=table.choice("decided_by", Who),
        before_expiry=table.flag("before_expiry"),
        form=table.text("form", ""),
        source=table.source(),
    )


def _stop_event(table: Table) -> StopEvent:
    return StopEvent(
        kind=table.one_of("kind", STOP_EVENTS),
        what=table.text("what"),
        step=table.one_of("step", STEPS),
        source=table.source(),
    )


def _short_clock(table: Table) -> ShortClock:
    return ShortClock(
        kind=table.text("kind"),
        period=table.period("within"),
        starts_on=table.one_of("starts_on", SHORT_CLOCK_STARTS),
        met_by=table.one_of("met_by", SHORT_CLOCK_ENDS),
        only_if=table.one_of("only_if", URGENCIES, ""),
        consequence=table.text("consequence"),
        source=table.source(),
    )


def _cap(table: Table, first: Period | None) -> Period:
    period = table.period("period")
    if table.fine and first and first.unit is period.unit and first.count > period.count:
        table.wrong("period", f"expected at least the first period ({first}), found {period}")
    return period


def _instrument(table: Table) -> Instrument:
    keys = INSTRUMENT_KEYS
    force, first = table.table("force", keys["force"]), table.table("first", keys["first"])
    start, counting = table.table("start", keys["start"]), table.table("counting", keys["counting"])
    release, scope = table.table("release", keys["release"]), table.table("scope", keys["scope"])
    issuer, mandatory = table.table("issuer", keys["issuer"]), table.table("mandatory", keys["mandatory"])
    cap, repeat = table.table_or_none("cap", keys["cap"]), table.table_or_none("repeat", keys["repeat"])
    binding = table.table_or_none("binding", keys["binding"])
    secrecy = table.table_or_none("confidentiality", keys["confidentiality"])
    length = first.period("period") if first.has("period") else None
    kind = first.choice("kind", PeriodKind) if length else first.choice("kind", PeriodKind, PeriodKind.STATUTORY_MAX)
    return Instrument(
        id=table.text("id"),
        title=table.text("title"),
        legal_basis=table.text("legal_basis"),
        jurisdiction=table.text("jurisdiction"),
        addressee=table.one_of("addressee", ADDRESSEES),
        notes=table.texts("notes", ()),
        kind=kind,
        first=length,
        first_source=first.source(),
        start=start.choice("on", Start),
        start_source=start.source(),
        counting=counting.choice("rule", Counting),
        counting_source=counting.source(),
        extensions=tuple(_extension(each) for each in table.tables("extension", keys["extension"])),
        cap=_cap(cap, length) if cap else None,
        cap_source=cap.source() if cap else None,
        binding=binding.flag("everywhere") if binding else False,
        binding_source=binding.source() if binding else None,
        repeat=repeat.one_of("rule", REPEATS) if repeat else "new-request",
        repeat_source=repeat.source() if repeat else None,
        escalate=repeat.text("escalate", "") if repeat else "",
        stop_events=tuple(_stop_event(each) for each in table.tables("stop_event", keys["stop_event"])),
        short_clocks=tuple(_short_clock(each) for each in table.tables("short_clock", keys["short_clock"])),
        release_duty=release.flag("duty"),
        release_source=release.source(),
        confidentiality=secrecy.one_of("rule", CONFIDENTIALITY) if secrecy else "asked",
        confidentiality_source=secrecy.source() if secrecy else None,
        categories=scope.some_of("categories", CATEGORIES),
        existing_data_only=scope.flag("existing_data_only"),
        scope_source=scope.source(),
        issuers=issuer.texts("who"),
        issuer_countries=_countries(issuer),
        issuer_source=issuer.source(),
        mandatory=mandatory.some_of("fields", CASE_FIELDS),
        mandatory_unless_emergency=mandatory.some_of("unless_emergency", CASE_FIELDS, ()),
        mandatory_source=mandatory.source(),
        in_force=force.flag("in_force"),
        in_force_from=force.day("from") if force.has("from") else None,
        in_force_source=force.source(),
        sendable=force.flag("sendable"),
    )


def read_instrument(table: Mapping[str, Any], where: str) -> Instrument:
    """Read one instrument. `where` names the table in messages: its file, or the request that keeps it.

    Reads what the ledger kept as JSON just as well as what stands in the file.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    instrument = _instrument(Table(table, where, INSTRUMENT_KEYS[""], errors))
    if errors:
        raise ConfigurationErrors(errors)
    return instrument


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasts:
    """The MLA profiles, the one used where a case names none, and those published for a requested State."""

    profiles: Mapping[str, MlaProfile]
    default: str
    by_state: Mapping[str, str]


def _profile(table: Table, name: str) -> MlaProfile:
    p50 = table.whole("p50_days", "days", least=1)
    p90 = table.whole("p90_days", "days", least=1)
    if table.fine and p90 < p50:
        table.wrong("p90_days", f"expected at least p50_days ({p50}), found {p90}")
    return MlaProfile(id=name, p50_days=p50, p90_days=p90, source=table.source())


def read_forecasts(table: Mapping[str, Any], where: str) -> Forecasts:
    """Read `mla.toml`.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    top = Table(table, where, MLA_KEYS[""], errors)
    named = top.table("profile", top.values.get("profile", {}))
    profiles = {name: _profile(named.table(name, MLA_KEYS["profile"]), name) for name in named.values}
    default = top.one_of("default", tuple(profiles))
    states = top.table("by_state", top.values.get("by_state", {}))
    for state in states.values:
        if not COUNTRY.fullmatch(state):
            states.wrong(state, 'expected a country code such as "US" as the key')
    by_state = {state: states.one_of(state, tuple(profiles)) for state in states.values}
    if errors:
        raise ConfigurationErrors(errors)
    return Forecasts(profiles=MappingProxyType(profiles), default=default, by_state=MappingProxyType(by_state))
