"""Before anything leaves: what the provider would reject, what the law does not allow, what a person must judge.

All findings at once. An error stops the request; a warning asks a person. A finding with a `gate` is one
that somebody may accept by name: the notice to the user, a figure that nobody has verified. What is wrong with
the file and with an identifier by itself was told when the file was read (`flows.casefile`); here it is held against
the instrument (`preflight_law`; the day on the order: `preflight_made`), the provider (`preflight_provider`), the
identifiers that this provider takes (`preflight_identifiers`), and the other requests of the case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flows.authorities import authority_findings
from flows.casefile import Case, RequestDraft
from flows.catalogue import Catalogue
from flows.findings import Finding, finding, told
from flows.identifiers import normalise
from flows.preflight_identifiers import against_identifiers
from flows.preflight_law import against_law
from flows.preflight_made import day_made
from flows.preflight_provider import against_provider
from flows.problems import Problem
from flows.reading import meant
from providers.reading import Accounts
from timeline.coverage import Coverage
from timeline.steps import STEPS
from timeline.terms import Terms

__all__ = ["NO_CHAIN", "Finding", "coverage_finding", "doubles", "in_clear", "known", "preflight"]


def known(draft: RequestDraft, catalogue: Catalogue) -> Iterator[Finding]:
    """Whether provider and instrument are in the catalogue. Without them nothing further can be checked."""
    if draft.provider and draft.provider not in catalogue.providers:
        fix = f"{meant(draft.provider, catalogue.providers)}; `holdfast providers list` shows all"
        yield finding("unknown", draft.place("provider"), "no such provider is in the catalogue", fix)
    if draft.instrument and draft.instrument not in catalogue.instruments:
        fix = f"{meant(draft.instrument, catalogue.instruments)}; `holdfast instruments list` shows all"
        yield finding("unknown", draft.place("instrument"), "no such instrument is in the catalogue", fix)


def preflight(
    case: Case, draft: RequestDraft, catalogue: Catalogue, terms: Terms, at: datetime
) -> tuple[Finding, ...]:
    """All findings on one request whose provider and instrument are known."""
    found = (
        *against_law(case, draft, catalogue, terms, at),
        *day_made(draft, terms, at),
        *authority_findings(case, draft, catalogue.instruments[draft.instrument], catalogue),
        *against_provider(case, draft, catalogue, at),
        *against_identifiers(draft, catalogue.providers[draft.provider], at),
    )
    return tuple(told(found, draft.where))


def doubles(case: Case) -> tuple[Problem, ...]:
    """Accounts that two requests of the case name at one provider under one instrument, however spelt.

    A new snapshot of an earlier request (`snapshot_of`) is meant to name the same account again.
    """
    return tuple(each.problem for each in told(_doubles(case), case.where))


def _doubles(case: Case) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], tuple[str, str]] = {}
    pairs = [(each.provider, each.instrument) for each in case.requests]
    for draft in case.requests:
        pair = draft.provider, draft.instrument
        if not all(pair) or pairs.count(pair) == 1 or draft.snapshot_of:
            continue
        for each in draft.identifiers:
            account = (*pair, each.type, normalise(each.type, each.value), each.used_from, each.used_to)
            request, place = seen.setdefault(account, (draft.where, each.where))
            if request != draft.where:
                problem = f"the same {each.type} stands at {place} in another request to the same provider"
                fix = "leave it out of one of the two, unless this one has a snapshot_of: it would be asked twice"
                yield finding("double", each.where, problem, fix)


def in_clear(case: Case) -> tuple[Problem, ...]:
    """Fields that the record keeps in clear, and that name an account of the case."""
    accounts = Accounts(each.value for request in case.requests for each in request.identifiers)
    kept = [(case.place("case.reference"), case.reference)]
    for request in case.requests:
        kept += [
            (request.place("notice_accepted_by"), request.notice_accepted_by),
            (request.place("unverified_accepted_by"), request.unverified_accepted_by),
        ]
    fix = "write it without: it is kept in clear, and shown on the board and in messages"
    named = [
        finding("form", where, "names an account of the case", fix) for where, text in kept if accounts.named_in(text)
    ]
    return tuple(each.problem for each in told(named, case.where))


NO_CHAIN = "no chain of holds reaches the MLA answer"


def coverage_finding(where: str, seen: Coverage) -> Finding | None:
    """The gap against the MLA forecast, told before anything is sent."""
    if not seen.gap_days_p90:
        return None
    what = f"{NO_CHAIN}: {seen.gap_days_p90} days are missing at p90"
    ways = {stop.step for stop in seen.reachable}
    fix = (
        f"{' or '.join(STEPS.get(each, each) for each in sorted(ways))} in time (see last safe days)"
        if ways
        else "file the MLA request at once, or ask for"
    )
    fix += "" if ways else " a domestic order or another instrument with a longer hold"
    return finding("coverage", where, what, fix, "warning")
