"""The catalogues as values: what `--json` prints and the pages draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flows.catalogue import Catalogue, Figure, figures
from timeline.rules import Instrument

Row = dict[str, Any]


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
    } | quality(catalogue.raw_instrument(law.id))


def quality(raw: Mapping[str, Any]) -> Row:
    """How good the figures of a record are: how many, how many not verified, and when the oldest was read."""
    every = list(figures(raw))
    return {
        "figures": len(every),
        "unverified": sum(not each.source.verified for each in every),
        "oldest_read_on": min((each.source.read_on for each in every), default=date.min).isoformat(),
    }


def record(raw: Mapping[str, Any], today: date) -> Row:
    """One record of a catalogue, whole: its plain facts, its notes, and every figure with where it stands."""
    plain = {key: value for key, value in raw.items() if isinstance(value, str | int | bool) and key != "id"}
    adapter = raw.get("adapter", [])
    kinds = [each["kind"] for each in ([adapter] if isinstance(adapter, Mapping) else adapter)]
    return {
        "id": raw["id"],
        "facts": plain | ({"adapter": ", ".join(kinds)} if kinds else {}),
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
