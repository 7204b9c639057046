"""The catalogues as values: what `--json` prints and the pages draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flows.catalogue import Catalogue, Figure, ProviderEntry, figures
from timeline.rules import Instrument

Row = dict[str, Any]

OLD, UNVERIFIED, SILENT = "old", "unverified", "silent"
PERSONS = frozenset({OLD, UNVERIFIED})
"""Findings that a person should mend; what a provider's text is silent about, nobody can."""


def providers(catalogue: Catalogue) -> list[Row]:
    """One row for each provider."""
    return [_provider(id_, entry) for id_, entry in catalogue.providers.items()]


def _provider(id_: str, entry: ProviderEntry) -> Row:
    return {
        "id": id_,
        "name": entry.terms.name,
        "zone": entry.terms.zone,
        "state": entry.terms.state,
        "adapter": entry.adapter["kind"],
        "channels": [channel.kind for channel in entry.channels],
        "holds": [
            {
                "requester": hold.requester,
                "days": hold.days,
                "discretionary": hold.discretionary,
                "extension_count": hold.extension_count,
                "extension_days": hold.extension_days,
                "extension_discretionary": hold.extension_discretionary,
            }
            for hold in entry.terms.holds
        ],
        "notifies_on_preservation": entry.terms.notifies_on_preservation,
    } | _quality(entry.raw)


def instruments(catalogue: Catalogue, today: date) -> list[Row]:
    """One row for each instrument."""
    return [_instrument(each, catalogue, today) for each in catalogue.instruments.values()]


def _instrument(law: Instrument, catalogue: Catalogue, today: date) -> Row:
    return {
        "id": law.id,
        "title": law.title,
        "legal_basis": law.legal_basis,
        "jurisdiction": law.jurisdiction,
        "addressee": law.addressee,
        "kind": str(law.kind),
        "first": str(law.first) if law.first else None,
        "extensions": [
            {"count": each.count, "period": str(each.period), "decided_by": str(each.decided_by)}
            for each in law.extensions
        ],
        "cap": str(law.cap) if law.cap else None,
        "stop_events": [stop.kind for stop in law.stop_events],
        "release_duty": law.release_duty,
        "can_be_sent": law.can_be_sent(today),
    } | _quality(catalogue.raw_instrument(law.id))


def _quality(raw: Mapping[str, Any]) -> Row:
    """How good the figures of a record are."""
    every = list(figures(raw))
    return {
        "figures": len(every),
        "unverified": sum(not each.source.verified for each in every),
        "oldest_read_on": min((each.source.read_on for each in every), default=date.min).isoformat(),
    }


def record(raw: Mapping[str, Any], today: date) -> Row:
    """One record of a catalogue, whole: its plain facts, its notes, and every figure with where it stands."""
    plain = {key: value for key, value in raw.items() if isinstance(value, str | int | bool) and key != "id"}
    adapter = raw.get("adapter")
    return {
        "id": raw["id"],
        "facts": plain | ({"adapter": adapter["kind"]} if isinstance(adapter, Mapping) else {}),
        "notes": list(raw.get("notes", ())),
        "figures": [_figure(each, today) for each in figures(raw)],
    }


def _figure(figure: Figure, today: date) -> Row:
    return {
        "place": figure.place,
        "values": _plain(figure.values),
        "source": figure.source.text,
        "read_on": figure.source.read_on.isoformat(),
        "age_days": (today - figure.source.read_on).days,
        "confidence": str(figure.source.confidence),
        "verified": figure.source.verified,
    }


def _plain(value: Any) -> Any:
    """A value of a TOML file as JSON has it."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def check(catalogue: Catalogue, today: date) -> list[Row]:
    """Every figure that is old or not verified, and every question that a provider's text leaves open."""
    stale = catalogue.stale_after_days
    return [each for id_, entry in catalogue.providers.items() for each in _findings(id_, entry, stale, today)]


def _findings(id_: str, entry: ProviderEntry, stale: int, today: date) -> Iterator[Row]:
    for figure in figures(entry.raw):
        source = figure.source
        age = (today - source.read_on).days
        if age > stale:
            what = f"read on {source.read_on}, {age} days ago: read {source.text} again"
            yield _finding(id_, figure.place, OLD, what)
        if not source.verified:
            yield _finding(id_, figure.place, UNVERIFIED, f"nobody has read it in the text itself: {source.text}")
    for place, what in _silent(entry):
        yield _finding(id_, place, SILENT, what)


def _finding(provider: str, place: str, finding: str, what: str) -> Row:
    return {"provider": provider, "place": place, "finding": finding, "what": what}


def _silent(entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    """What the provider's text does not say, and what Holdfast does without it."""
    terms = entry.terms
    if not terms.holds:
        yield "hold", "says nothing of a hold: the law alone counts"
    for number, hold in enumerate(terms.holds):
        if hold.days is None:
            yield f"hold[{number}].days", "says not how long it holds: the law alone counts"
        if hold.extension_count is None and not hold.extension_discretionary:
            yield f"hold[{number}].extension_count", "says not how often it extends: the law alone counts"
    if terms.acknowledged_within is None:
        yield "acknowledgement", "says not when it acknowledges: the unit's policy counts"
    if terms.notifies_on_preservation is None:
        yield "notice", "says not whether it tells its user of a preservation: a person decides each time"
    if not terms.retention:
        yield "retention", "says not how long it keeps data by itself: no loss can be foreseen"
    if not entry.accepts:
        yield "identifiers", "says not which identifiers it takes: none is checked"
