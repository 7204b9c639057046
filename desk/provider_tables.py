"""The providers as values: what `--json` prints and the pages draw; and what a person should read again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from desk.catalogue_tables import Row, quality
from flows.catalogue import Catalogue, Figure, ProviderEntry, figures
from timeline.rules import ProviderHold

OLD, CHANGED, UNVERIFIED, SILENT = "old", "changed", "unverified", "silent"
PERSONS = frozenset({OLD, CHANGED, UNVERIFIED})
"""Findings that a person should mend; what a provider's text is silent about, nobody can."""

DATES = frozenset({"hold", "extension", "acknowledgement", "retention"})
"""The tables with which dates are counted."""

READ, UNREAD, LAW, NONE, PLAYED = "read", "unread", "law", "none", "played"
"""How far a provider's hold can be relied on, the best first; the played ones are none."""


def providers(catalogue: Catalogue, country: str = "") -> list[Row]:
    """One row for each provider; `holds` are all that it tells apart, or the one that a requester gets."""
    return [_provider(id_, entry, country) for id_, entry in catalogue.providers.items()]


def _provider(id_: str, entry: ProviderEntry, country: str) -> Row:
    terms = entry.terms
    holds = [hold for hold in terms.holds if not country or hold.applies_to(country)]
    return {
        "id": id_,
        "name": terms.name,
        "group": _group(id_, entry, holds),
        "zone": terms.zone,
        "state": terms.state,
        "offered": entry.offered,
        "adapters": [table["kind"] for table in entry.adapters],
        "channels": [channel.kind for channel in entry.channels if not channel.emergency_only],
        "emergency_channels": [channel.kind for channel in entry.channels if channel.emergency_only],
        "holds": [_hold(hold) for hold in (holds[:1] if country else holds)],
        "extension_lead_days": terms.extension_lead_days,
        "notifies_on_preservation": terms.notifies_on_preservation,
    } | quality(entry.raw)


def _hold(hold: ProviderHold) -> Row:
    return {
        "requester": hold.requester,
        "days": hold.days,
        "discretionary": hold.discretionary,
        "extension_count": hold.extension_count,
        "extension_days": hold.extension_days,
        "extension_discretionary": hold.extension_discretionary,
        "proof_of_mla_by_day": hold.proof_of_mla_by_day,
        "confidential_days": hold.confidential_days,
        "confidence": str(hold.source.confidence),
        "verified": hold.source.verified,
    }


def played(id_: str) -> bool:
    """Whether it is a provider that the sandbox plays."""
    return id_.partition("-")[0] == "sandbox"


def _group(id_: str, entry: ProviderEntry, holds: list[ProviderHold]) -> str:
    if played(id_):
        return PLAYED
    if entry.offered is False:
        return NONE
    if not holds or holds[0].days is None:
        return LAW
    return READ if holds[0].source.verified else UNREAD


def check(catalogue: Catalogue, today: date, only: str = "") -> list[Row]:
    """What is old, changed or not verified, and what a provider's text leaves open; of one provider, or of all."""
    return [
        each
        for id_, entry in catalogue.providers.items()
        if only in {"", id_}
        for each in _findings(id_, entry, catalogue.stale_after_days, today)
    ]


def _findings(id_: str, entry: ProviderEntry, stale: int, today: date) -> Iterator[Row]:
    for figure in figures(entry.raw):
        for finding, what in _of_figure(figure, stale, today):
            yield _finding(id_, figure.place, finding, what, weighs=_weighs(figure))
    for place, what in silent(entry):
        yield _finding(id_, place, SILENT, what, weighs=False)


def _weighs(figure: Figure) -> bool:
    """Whether a date is counted with it, or it says for sure whether the user is told."""
    name = figure.place.partition("[")[0]
    return name in DATES or isinstance(figure.values.get("notifies_on_preservation"), bool)


def _of_figure(figure: Figure, stale: int, today: date) -> Iterator[tuple[str, str]]:
    source = figure.source
    age = (today - source.read_on).days
    if age > stale:
        yield OLD, f"read on {source.read_on}, {age} days ago: read {source.text} again"
    if source.text.startswith("changed in "):  # by the unit's folder, `flows.catalogue`
        yield CHANGED, f"{source.text}: give the source of the unit's own figure"
    elif not source.verified:
        yield UNVERIFIED, f"nobody has read it in the text itself: {source.text}"


def _finding(provider: str, place: str, finding: str, what: str, *, weighs: bool) -> Row:
    return {"provider": provider, "place": place, "finding": finding, "what": what, "weighs": weighs}


def silent(entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    """What the provider's text does not say, by place, and what follows from that."""
    terms = entry.terms
    if entry.offered is False:
        return  # it preserves nothing: what else it is silent about does not matter
    if entry.offered is None:
        yield "preservation", "says not whether it preserves on request"
    if not entry.entities:
        yield "entity", "says not which legal entity answers: the letter goes to the provider by its name"
    yield from _silent_channels(entry)
    if not terms.holds:
        yield "hold", "says nothing of a hold: the law alone counts"
    for number, hold in enumerate(terms.holds):
        yield from _silent_hold(hold, f"hold[{number}]")
    yield from _silent_extension(entry)
    if terms.acknowledged_within is None:
        yield "acknowledgement", "says not when it acknowledges: the unit's policy counts"
    if not terms.retention:
        yield "retention", "says not how long it keeps data by itself: no loss can be foreseen"
    if terms.notifies_on_preservation is None:
        yield "notice", "says not whether it tells its user of a preservation: a person decides each time"
    if not entry.accepts:
        yield "identifiers", "says not which identifiers it takes: only their form is checked"
    if not entry.required:
        yield "required", "says not what a request must contain: what the instrument requires is checked"
    if entry.scope is None:
        yield "scope", "says not what a request may span"
    yield from _silent_documents(entry)


def _silent_channels(entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    for number, channel in enumerate(entry.channels):
        if channel.kind in {"portal", "web-form"} and channel.needs_account is None:
            yield f"channel[{number}].needs_account", "says not whether an account is needed: look before a case does"
        if channel.needs_account and channel.onboarding_days is None:
            yield f"channel[{number}].onboarding_days", "says not how long an account takes: ask for one now"
    if not any(channel.emergency_only or channel.round_the_clock for channel in entry.channels):
        yield "channel", "names no channel for emergencies"


def _silent_hold(hold: ProviderHold, place: str) -> Iterator[tuple[str, str]]:
    if hold.days is None:
        yield f"{place}.days", "says not how long it holds: the law alone counts"
    if hold.extension_count is None:
        yield f"{place}.extension_count", "says not how often it extends: the law alone counts"
    if hold.extension_days is None and hold.extension_count != 0:
        yield f"{place}.extension_days", "says not by how much it extends: the law alone counts"


def _silent_extension(entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    holds, told = entry.terms.holds, entry.raw.get("extension")
    if holds and all(hold.extension_count == 0 for hold in holds):
        return
    if told is None:
        yield "extension", "says not how it wants to be asked for an extension: as early as the policy has it"
        return
    if "lead_days" not in told:
        yield "extension.lead_days", "says not how early an extension must be there: as early as the policy has it"
    if "labelled" not in told:
        yield "extension.labelled", "says not whether it must be called one: the letter always says so"


def _silent_documents(entry: ProviderEntry) -> Iterator[tuple[str, str]]:
    documents = entry.documents
    if documents is None:
        yield "documents", "says not how the letter must look: others ask for a PDF, on letterhead, signed"
        return
    said: dict[str, tuple[Any, str]] = {
        "formats": (documents.formats, "says not in which formats it takes the letter"),
        "languages": (documents.languages, "says not in which languages"),
        "letterhead": (documents.letterhead, "says not whether on letterhead"),
        "signed": (documents.signed, "says not whether signed"),
    }
    for key, (value, unsaid) in said.items():
        if value in (None, ()):
            yield f"documents.{key}", unsaid
