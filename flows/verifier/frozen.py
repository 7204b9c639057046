"""The frozen terms of a request, read: the law and the practice as they stood when it was registered.

A second, plain reader of what `flows.history.freeze_terms` kept. It trusts that the tables were checked before they
were frozen; a test holds it against the first reader for every instrument and every provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from timeline.rules import (
    Confidence,
    Counting,
    Extension,
    FourEyes,
    Instrument,
    MlaProfile,
    Period,
    PeriodKind,
    Policy,
    ProviderHold,
    ProviderTerms,
    Retention,
    Rung,
    ShortClock,
    Source,
    Start,
    StopEvent,
    Unit,
    Who,
)
from timeline.terms import Abilities, Terms, terms_for

Table = Mapping[str, Any]


def read_terms(frozen: bytes) -> Terms:
    """The terms that were frozen. KeyError, ValueError or TypeError where they are damaged."""
    record = json.loads(frozen)
    mla = record["profile"]
    return terms_for(
        _instrument(record["instrument"]["table"]),
        _provider(record["provider"]["table"]),
        country=record["country"],
        profile=MlaProfile(
            id=mla["id"], p50_days=mla["p50_days"], p90_days=mla["p90_days"], source=_source(mla["source"], "text")
        ),
        abilities=Abilities(**record["abilities"]),
        holidays={date.fromisoformat(day): name for day, name in record["holidays"].items()},
    )


def period(text: str) -> Period:
    """`60 days`, `2 working days`, `1 year` as a period."""
    count, _, unit = text.partition(" ")
    return Period(count=int(count), unit=Unit(f"{unit.removesuffix('s').replace(' ', '-')}s"))


def _source(table: Table, text: str = "source") -> Source:
    return Source(
        text=table[text],
        read_on=date.fromisoformat(table["read_on"]),
        confidence=Confidence(table["confidence"]),
        verified=table["verified"],
    )


def _source_of(table: Table, name: str) -> Source | None:
    return _source(table[name]) if name in table else None


def _instrument(table: Table) -> Instrument:
    first, scope, force, issuer, mandatory = (
        table[name] for name in ("first", "scope", "force", "issuer", "mandatory")
    )
    return Instrument(
        id=table["id"],
        title=table["title"],
        legal_basis=table["legal_basis"],
        jurisdiction=table["jurisdiction"],
        addressee=table["addressee"],
        notes=tuple(table.get("notes", ())),
        kind=PeriodKind(first.get("kind", PeriodKind.STATUTORY_MAX)),
        first=period(first["period"]) if "period" in first else None,
        first_source=_source(first),
        start=Start(table["start"]["on"]),
        start_source=_source(table["start"]),
        counting=Counting(table["counting"]["rule"]),
        counting_source=_source(table["counting"]),
        extensions=tuple(_extension(each) for each in table.get("extension", ())),
        cap=period(table["cap"]["period"]) if "cap" in table else None,
        cap_source=_source_of(table, "cap"),
        binding=table.get("binding", {}).get("everywhere", False),
        binding_source=_source_of(table, "binding"),
        repeat=table.get("repeat", {}).get("rule", "new-request"),
        repeat_source=_source_of(table, "repeat"),
        escalate=table.get("repeat", {}).get("escalate", ""),
        stop_events=tuple(
            StopEvent(kind=each["kind"], what=each["what"], step=each["step"], source=_source(each))
            for each in table.get("stop_event", ())
        ),
        short_clocks=tuple(_short_clock(each) for each in table.get("short_clock", ())),
        release_duty=table["release"]["duty"],
        release_source=_source(table["release"]),
        confidentiality=table.get("confidentiality", {}).get("rule", "asked"),
        confidentiality_source=_source_of(table, "confidentiality"),
        categories=tuple(scope["categories"]),
        existing_data_only=scope["existing_data_only"],
        scope_source=_source(scope),
        issuers=tuple(issuer["who"]),
        issuer_countries=tuple(issuer.get("countries", ())),
        issuer_source=_source(issuer),
        mandatory=tuple(mandatory["fields"]),
        mandatory_unless_emergency=tuple(mandatory.get("unless_emergency", ())),
        mandatory_source=_source(mandatory),
        in_force=force["in_force"],
        in_force_from=date.fromisoformat(force["from"]) if "from" in force else None,
        in_force_source=_source(force),
        sendable=force["sendable"],
    )


def _extension(table: Table) -> Extension:
    return Extension(
        count=table.get("count"),
        period=period(table["period"]),
        decided_by=Who(table["decided_by"]),
        before_expiry=table["before_expiry"],
        form=table.get("form", ""),
        source=_source(table),
    )


def _short_clock(table: Table) -> ShortClock:
    return ShortClock(
        kind=table["kind"],
        period=period(table["within"]),
        starts_on=table["starts_on"],
        met_by=table["met_by"],
        only_if=table.get("only_if", ""),
        consequence=table["consequence"],
        source=_source(table),
    )


def _provider(table: Table) -> ProviderTerms:
    tells = table["notice"]["notifies_on_preservation"]
    within = table.get("acknowledgement", {}).get("within")
    return ProviderTerms(
        id=table["id"],
        name=table["name"],
        zone=table["zone"],
        state=table.get("state", ""),
        holds=tuple(_hold(each) for each in table.get("hold", ())),
        extension_lead_days=table.get("extension", {}).get("lead_days", 0),
        acknowledged_within=period(within) if within else None,
        retention=tuple(_retention(each) for each in table.get("retention", ())),
        notifies_on_preservation=tells if isinstance(tells, bool) else None,
        notice_source=_source(table["notice"]),
    )


def _hold(table: Table) -> ProviderHold:
    return ProviderHold(
        requester=table["requester"],
        days=table.get("days"),
        discretionary=table.get("discretionary", False),
        extension_count=table.get("extension_count"),
        extension_days=table.get("extension_days"),
        extension_discretionary=table.get("extension_discretionary", False),
        proof_of_mla_by_day=table.get("proof_of_mla_by_day"),
        confidential_days=table.get("confidential_days"),
        source=_source(table),
    )


def _retention(table: Table) -> Retention:
    unit = Unit.HOURS if "hours" in table else Unit.DAYS
    count = table.get("hours", table.get("days", 0))
    return Retention(
        category=table["category"],
        what=table["what"],
        period=Period(count=count, unit=unit) if count else None,
        source=_source(table),
    )


def keep_policy(policy: Policy) -> bytes:
    """The unit's lead times and ladder as JSON: what `read_policy` reads. Durations are in seconds."""
    return json.dumps(
        {
            "extend_fraction": str(policy.extend_fraction),
            "acknowledge_within": str(policy.acknowledge_within),
            "chases": policy.chases,
            "imminent_sweeps": policy.imminent_sweeps,
            "four_eyes": asdict(policy.four_eyes)
            | {"approve_within": int(policy.four_eyes.approve_within.total_seconds())},
            "seconds": {name: int(getattr(policy, name).total_seconds()) for name in _DURATIONS},
            "ladder": [
                {"level": rung.level, "who": rung.who, "seconds": int(rung.acknowledge_within.total_seconds())}
                for rung in policy.ladder
            ],
        },
        ensure_ascii=False,
        indent=2,
    ).encode()


def read_policy(content: bytes) -> Policy:
    """The policy that was kept. KeyError, ValueError or TypeError where it is damaged."""
    table = json.loads(content)
    eyes = table["four_eyes"]
    return Policy(
        extend_fraction=Fraction(table["extend_fraction"]),
        acknowledge_within=period(table["acknowledge_within"]),
        chases=table["chases"],
        imminent_sweeps=table["imminent_sweeps"],
        four_eyes=FourEyes(**eyes | {"approve_within": timedelta(seconds=eyes["approve_within"])}),
        ladder=tuple(
            Rung(level=each["level"], who=each["who"], acknowledge_within=timedelta(seconds=each["seconds"]))
            for each in table["ladder"]
        ),
        **{name: timedelta(seconds=table["seconds"][name]) for name in _DURATIONS},
    )


_DURATIONS = (
    *("send_lead", "extend_margin", "file_mla_lead", "announce_lead", "clarify_lead", "chase_every", "poll_every"),
    *("review_every", "backoff_first", "backoff_longest", "sweep_interval"),
)
