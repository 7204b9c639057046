"""The preflight against the instrument: who may issue it, for what, and what it wants to be told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from flows.casefile import Case, RequestDraft
from flows.catalogue import Catalogue, Entity, ProviderEntry
from flows.countries import E_EVIDENCE
from flows.findings import Finding, finding
from timeline.days import day_in
from timeline.rules import Confidence, Instrument
from timeline.terms import Terms


def against_law(
    case: Case, draft: RequestDraft, catalogue: Catalogue, terms: Terms, at: datetime
) -> Iterator[Finding]:
    """All findings on one request under its instrument."""
    law = catalogue.instruments[draft.instrument]
    yield from _usable(case, draft, law, at)
    yield from _scope(draft, law)
    yield from _addressed(case, draft, law, catalogue.providers[draft.provider])
    yield from missing(case, draft, _fields(draft, law), law.id, law.mandatory_source)
    yield from _emergency(draft)
    yield from _period(draft, catalogue)
    yield from _unverified(draft, terms)


def _usable(case: Case, draft: RequestDraft, law: Instrument, at: datetime) -> Iterator[Finding]:
    where = draft.place("instrument")
    if not law.can_be_sent(day_in(at, "UTC")):
        if not law.sendable:
            why = ": ".join(("is sent by no unit", *(note.removesuffix(".") for note in law.notes[:1])))
        elif law.in_force_from and law.in_force:
            why = f"is not in force before {law.in_force_from}"
        else:
            why = "is not in force"
        fix = "plan with it if you like, but send under another instrument (`holdfast instruments list`)"
        yield finding("not-sendable", where, f"{law.id} {why}", fix)
    countries = law.issuer_countries
    if countries and case.country not in countries:
        issuers = "; ".join(law.issuers) or ", ".join(countries)
        fix = f"issued by: {issuers}; go through a 24/7 contact point, or accept that the provider may decline"
        what = f"an authority of {case.country} cannot issue {law.id}"
        if law.issuer_source is not None and law.issuer_source.verified:
            yield finding("issuer", where, what, fix)
        else:  # nobody has read that others may not: a person decides
            gate = "" if draft.unverified_accepted_by else "unverified"
            yield finding("issuer", where, what, fix, "warning", gate=gate)


def _scope(draft: RequestDraft, law: Instrument) -> Iterator[Finding]:
    for category in draft.categories:
        if category not in law.categories:
            fix = f"leave it out; {law.id} covers {', '.join(law.categories)}"
            yield finding("categories", draft.place("categories"), f'{law.id} does not cover "{category}"', fix)


def _addressed(case: Case, draft: RequestDraft, law: Instrument, entry: ProviderEntry) -> Iterator[Finding]:
    """Whether the law reaches the entity that would be addressed, as far as both are known."""
    if law.addressee == "state":
        if case.mla is None:
            fix = "give [case.mla] with requested_state: the State that is asked to preserve"
            yield finding("addressee", case.place("case.mla"), f"{law.id} goes to a State, and none is named", fix)
        return
    entity = entry.entity_under(law.jurisdiction, draft.user_location)
    if law.jurisdiction == "EU":
        yield from _in_the_union(case, draft, law, entry, entity)
    elif entity and entity.state not in ("", law.jurisdiction):
        fix = f"ask that State through a 24/7 contact point, or use an instrument of {entity.state}"
        what = f"{entity.name} sits in {entity.state}, where {law.id} does not bind"
        yield finding("addressee", draft.place("instrument"), what, fix, "warning")


def _in_the_union(
    case: Case, draft: RequestDraft, law: Instrument, entry: ProviderEntry, entity: Entity | None
) -> Iterator[Finding]:
    """Reg. (EU) 2023/1543 art. 7: to the designated establishment or representative in another Member State."""
    name, seat = entity.name if entity else entry.terms.name, entry.seat(entity)
    if seat not in E_EVIDENCE:
        where = f"sits in {seat}, where {law.id} does not bind" if seat else "sits in a State that nobody has read"
        what = f"{name} {where}; its designated establishment in the Union is not in the catalogue"
        fix = (
            "find it on its own page, in the States' register or with SIRIUS, and put it with its State as [[entity]]"
            f" beside those known into the unit's own providers/{entry.terms.id}.toml; until then {name} is addressed"
        )
        yield finding("addressee", draft.place("instrument"), what, fix, "warning")
    elif seat == case.country:
        what = f"{name} sits in {seat} itself, and {law.id} goes to another Member State (art. 7)"
        fix = f"use an instrument of {seat}: `holdfast instruments list`"
        yield finding("addressee", draft.place("instrument"), what, fix, "warning")


def _fields(draft: RequestDraft, law: Instrument) -> tuple[str, ...]:
    return (*law.mandatory, *(() if draft.urgency == "emergency" else law.mandatory_unless_emergency))


def missing(case: Case, draft: RequestDraft, fields: tuple[str, ...], who: str, source: object) -> Iterator[Finding]:
    """The fields (`flows.law.CASE_FIELDS`) that an instrument or a provider wants and the case leaves empty."""
    for field in fields:
        if field == "request.identifiers":
            continue  # no case file is read without them
        if field == "case.mla.send_on" and case.mla and (case.mla.sent_on or case.mla.received_on):
            continue
        if not _filled(case, draft, field):
            room, _, key = field.partition(".")
            where = case.place(field) if room == "case" else draft.place(key)
            provision = getattr(source, "provision", "")
            fix = f"fill it in ({provision})" if provision else "fill it in"
            yield finding("missing", where, f"is missing, and {who} requires it", fix)


def _filled(case: Case, draft: RequestDraft, field: str) -> bool:
    room, _, path = field.partition(".")
    value: object = case if room == "case" else draft
    names = {"from": "period_from", "to": "period_to"}
    for name in path.split("."):
        value = getattr(value, names.get(name, name), None)
        if value is None:
            return False
    return value not in ("", ())


def _emergency(draft: RequestDraft) -> Iterator[Finding]:
    """Providers check emergencies twice, since hacked mailboxes ask for them; the law defines them narrowly."""
    where = draft.place("emergency_reason")
    if draft.urgency == "emergency" and not draft.emergency_reason:
        fix = "say whose life or safety is in danger, and why at once (EU: Reg. (EU) 2023/1543 art. 3(18))"
        yield finding("emergency", where, "is missing, and an emergency needs its reason", fix)
    elif draft.emergency_reason and draft.urgency != "emergency":
        fix = 'write urgency = "emergency", or leave the reason out'
        yield finding("emergency", where, "is given, and the request is no emergency", fix, "warning")


def _period(draft: RequestDraft, catalogue: Catalogue) -> Iterator[Finding]:
    begins, ends = draft.period_from, draft.period_to
    where = draft.place("from")
    if begins and ends and ends - begins > timedelta(days=catalogue.long_period_days):
        what = f"the period lasts {(ends - begins).days} days, more than {catalogue.long_period_days}"
        fix = "narrow it to what the offence needs: a broad request is refused, and is challenged later"
        yield finding("period", where, what, fix, "warning")
    many = len(draft.identifiers)
    if many > catalogue.many_identifiers:
        what = f"names {many} identifiers, more than {catalogue.many_identifiers}"
        fix = "divide it, or be ready to show that each is needed: bulk requests are refused and challenged"
        yield finding("many", draft.where, what, fix, "warning")


def _unverified(draft: RequestDraft, terms: Terms) -> Iterator[Finding]:
    """Figures that move this request's dates and that nobody has read in the text itself.

    A plan that says "only if" relies on the stop event. That a law is in force is told where it is doubtful: of a
    treaty that everybody knows to be, nobody need accept by name that the depositary's list was not read.
    """
    law = terms.instrument
    sources = [("the first period", law.first_source)]
    if (force := law.in_force_source) is not None and force.confidence is not Confidence.HIGH:
        sources.insert(0, (f"that {law.id} is in force", force))
    sources += [("the extension", extension.source) for extension in law.extensions if extension.reliable]
    sources += [(f"what makes the hold open-ended ({stop.what})", stop.source) for stop in law.stop_events]
    if terms.hold is not None:
        sources.append((f"what {terms.provider.name} says of a hold", terms.hold.source))
    for what, source in sources:
        if not source.verified and not draft.unverified_accepted_by:
            fix = 'check it, or accept it with unverified_accepted_by = "name of the officer"'
            problem = (
                f"{what} is not verified ({source.provision}, read {source.read_on}, confidence {source.confidence})"
            )
            yield finding("unverified", draft.place("instrument"), problem, fix, "warning", gate="unverified")
    for aside in terms.set_aside:
        what = f"not relied upon: {aside.removesuffix(', so not relied upon')}"
        fix = "count on nothing of it, and ask for it all the same"
        yield finding("discretion", draft.place("provider"), what, fix, "warning")
