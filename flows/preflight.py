"""Before anything leaves: what the provider would reject, what the law does not allow, what a person must judge.

All findings at once. An error stops the request; a warning asks a person. A finding with a `gate` is one
that somebody may accept by name: the notice to the user, a figure that nobody has verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flows.casefile import Case, RequestDraft
from flows.catalogue import Catalogue, IdentifierRule, ProviderEntry
from flows.identifiers import Identifier, normalise
from flows.problems import Problem, Severity
from flows.reading import meant
from timeline.coverage import Coverage
from timeline.days import day_in
from timeline.rules import Instrument
from timeline.terms import Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding of the preflight. `gate`: "notice" or "unverified" where a named person may accept it."""

    problem: Problem
    gate: str = ""


def _finding(where: str, problem: str, fix: str, severity: Severity = "error", gate: str = "") -> Finding:
    return Finding(problem=Problem(where=where, problem=problem, fix=fix, severity=severity), gate=gate)


def known(draft: RequestDraft, catalogue: Catalogue) -> Iterator[Finding]:
    """Whether provider and instrument are in the catalogue. Without them nothing further can be checked."""
    if draft.provider and draft.provider not in catalogue.providers:
        fix = f"{meant(draft.provider, catalogue.providers)}; `holdfast providers list` shows all"
        yield _finding(f"{draft.where}.provider", "no such provider is in the catalogue", fix)
    if draft.instrument and draft.instrument not in catalogue.instruments:
        fix = f"{meant(draft.instrument, catalogue.instruments)}; `holdfast instruments list` shows all"
        yield _finding(f"{draft.where}.instrument", "no such instrument is in the catalogue", fix)


def preflight(
    case: Case, draft: RequestDraft, catalogue: Catalogue, terms: Terms, at: datetime
) -> tuple[Finding, ...]:
    """All findings on one request whose provider and instrument are known."""
    instrument, entry = catalogue.instruments[draft.instrument], catalogue.providers[draft.provider]
    return (
        *_instrument(case, draft, instrument, at),
        *_mandatory(case, draft, instrument),
        *_provider(draft, entry),
        *_notice(draft, entry),
        *_unverified(draft, terms),
    )


def _instrument(case: Case, draft: RequestDraft, law: Instrument, at: datetime) -> Iterator[Finding]:
    where = f"{draft.where}.instrument"
    if not law.can_be_sent(day_in(at, "UTC")):
        if not law.sendable:
            why = "gives no power to order preservation"
        elif law.in_force_from and law.in_force:
            why = f"is not in force before {law.in_force_from}"
        else:
            why = "is not in force"
        fix = "plan with it if you like, but send under another instrument (`holdfast instruments list`)"
        yield _finding(where, f"{law.id} {why}", fix)
    for category in draft.categories:
        if category not in law.categories:
            fix = f"leave it out; {law.id} covers {', '.join(law.categories)}"
            yield _finding(f"{draft.where}.categories", f'{law.id} does not cover "{category}"', fix)
    countries = law.issuer_countries
    if countries and case.country not in countries:
        issuers = "; ".join(law.issuers) or ", ".join(countries)
        fix = f"issued by: {issuers}; go through a 24/7 contact point, or accept that the provider may decline"
        gate = "" if draft.unverified_accepted_by else "unverified"
        yield _finding(where, f"an authority of {case.country} cannot issue {law.id}", fix, "warning", gate)


def _filled(case: Case, draft: RequestDraft, field: str) -> bool:
    room, _, path = field.partition(".")
    value: object = case if room == "case" else draft
    names = {"from": "period_from", "to": "period_to"}
    for name in path.split("."):
        value = getattr(value, names.get(name, name), None)
        if value is None:
            return False
    return value not in ("", ())


def _mandatory(case: Case, draft: RequestDraft, law: Instrument) -> Iterator[Finding]:
    unless = () if draft.urgency == "emergency" else law.mandatory_unless_emergency
    for field in (*law.mandatory, *unless):
        if field == "request.identifiers":
            continue  # no case file is read without them
        if field == "case.mla.send_on" and case.mla and (case.mla.sent_on or case.mla.received_on):
            continue
        if not _filled(case, draft, field):
            room, _, key = field.partition(".")
            where = f"{case.where}: {field}" if room == "case" else f"{draft.where}.{key}"
            source = f" ({law.mandatory_source.provision})" if law.mandatory_source else ""
            yield _finding(where, f"is missing, and {law.id} requires it", f"fill it in{source}")


def _provider(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    rejected = {rule.type: rule for rule in entry.rejects}
    accepted = {rule.type: rule for rule in entry.accepts}
    others, name = f"accepted are {', '.join(sorted(accepted))}", entry.terms.name
    for identifier in draft.identifiers:
        kind, where = identifier.type, identifier.where
        if kind in rejected:
            yield _finding(where, f"{name} does not take a {kind}", rejected[kind].hint or others)
        elif kind in accepted:
            yield from _form(identifier, accepted[kind], name)
        elif accepted:
            yield _finding(where, f"{name} does not say that it takes a {kind}", others, "warning")


def _form(identifier: Identifier, rule: IdentifierRule, name: str) -> Iterator[Finding]:
    """Whether a value has the form this provider can process, and the columns it needs beside it."""
    # Hyphens and spaces in a telephone number are for people's eyes; a pattern is about the number.
    spelled = normalise("phone", identifier.value) if identifier.type == "phone" else identifier.value
    if not (rule.matches(identifier.value) or rule.matches(spelled)):
        fix = rule.hint or "look at how the provider writes it"
        yield _finding(identifier.where, f"{name} cannot process a {identifier.type} written like this", fix)
    given = {"from": identifier.used_from, "to": identifier.used_to, "zone": identifier.zone or identifier.used_from}
    for column in rule.needs:
        if not given.get(column):
            what = f"{name} needs the {column} of a {identifier.type}"
            yield _finding(identifier.where, what, f"give it: {rule.hint}" if rule.hint else f"fill in {column}")


def _notice(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    """Unknown means that a person decides: a preservation can tip off the suspect."""
    notifies = entry.terms.notifies_on_preservation
    if notifies is False or draft.notice_accepted_by:
        return
    name = entry.terms.name
    what = f"{name} tells its user of a preservation" if notifies else f"nobody knows whether {name} tells its user"
    fix = 'decide whether that may be, and say who decided: notice_accepted_by = "name of the officer"'
    yield _finding(f"{draft.where}.provider", what, fix, "warning" if notifies is None else "error", "notice")


def _unverified(draft: RequestDraft, terms: Terms) -> Iterator[Finding]:
    """Figures that move this request's dates and that nobody has read in the text itself."""
    law = terms.instrument
    sources = [("the first period", law.first_source)]
    sources += [("the extension", extension.source) for extension in law.extensions if extension.reliable]
    if terms.hold is not None:
        sources.append((f"what {terms.provider.name} says of a hold", terms.hold.source))
    for what, source in sources:
        if not source.verified and not draft.unverified_accepted_by:
            fix = 'check it, or accept it with unverified_accepted_by = "name of the officer"'
            problem = (
                f"{what} is not verified ({source.provision}, read {source.read_on}, confidence {source.confidence})"
            )
            yield _finding(f"{draft.where}.instrument", problem, fix, "warning", "unverified")
    for aside in terms.set_aside:
        what = f"not relied upon: {aside.removesuffix(', so not relied upon')}"
        yield _finding(f"{draft.where}.provider", what, "plan for it to be refused", "warning")


NO_CHAIN = "no chain of holds reaches the MLA answer"


def coverage_finding(where: str, seen: Coverage) -> Finding | None:
    """The gap against the MLA forecast, told before anything is sent."""
    if not seen.gap_days_p90:
        return None
    what = f"{NO_CHAIN}: {seen.gap_days_p90} days are missing at p90"
    ways = {stop.step for stop in seen.reachable}
    fix = (
        f"{' or '.join(sorted(ways))} in time (see last safe days)"
        if ways
        else "file the MLA request at once, or ask for"
    )
    fix += "" if ways else " a domestic order or another instrument with a longer hold"
    return _finding(where, what, fix, "warning")
