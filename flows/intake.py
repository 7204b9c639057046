"""Intake: a case file becomes requests in the ledger, with their identifiers sealed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.casefile import Case, RequestDraft, read_case
from flows.catalogue import Catalogue
from flows.history import freeze_terms, read_terms
from flows.identifiers import normalise
from flows.office import Office
from flows.preflight import Finding, known, preflight
from flows.problems import Problem, Severity
from ledger.ids import new_request_id
from ledger.interface import Duplicate, NewEvent
from providers.registry import capabilities_of
from timeline.events import Event, check
from timeline.state import Hold, fold
from timeline.terms import Abilities, Terms


class CaseErrors(Exception):
    """The case cannot be worked with. `problems` has every one of them; nothing was written."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems in the case file")
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """One request of a case, ready to be planned with or registered. `frozen` are its terms' bytes."""

    request: RequestDraft
    terms: Terms
    frozen: bytes
    findings: tuple[Finding, ...]
    hold: Hold


def read(path: Path, catalogue: Catalogue, *, at: datetime) -> tuple[Case, tuple[Draft, ...], tuple[Problem, ...]]:
    """Read a case file and check every request against the catalogue.

    Returns:
        The case, a draft per request, and the case file's own warnings. What the preflight found, errors
        too, stands in the drafts: a case can be planned with before it can be sent.

    Raises:
        CaseErrors: the file is no sound case, or a request names what is not in the catalogue; with all that
            the preflight finds in the rest of it.
    """
    case, problems = read_case(path, now=at, anyway=True)
    if case is None:
        raise CaseErrors(problems)
    wrong = [each for each in problems if each.severity == "error"]
    drafts, frozen = [], dict[tuple[str, str], bytes]()
    for request in case.requests:
        unknown = [finding.problem for finding in known(request, catalogue)]
        wrong += unknown
        if not unknown and request.provider and request.instrument:
            pair = request.provider, request.instrument
            if pair not in frozen:
                frozen[pair] = terms_of(case, *pair, catalogue, at=at)
            drafts.append(draft(case, request, catalogue, frozen[pair], at=at))
    if case.mla and case.mla.profile and case.mla.profile not in catalogue.profiles:
        fix = f"one of {', '.join(sorted(catalogue.profiles))}"
        wrong.append(Problem(where=f"{case.where}: case.mla.profile", problem="no such forecast profile", fix=fix))
    if not wrong:
        return case, tuple(drafts), problems
    told = {_key(each) for each in problems}
    further: dict[str, Problem] = {}  # of one key, one problem: several instruments may miss the same field
    for problem in (finding.problem for each in drafts for finding in each.findings):
        if problem.severity == "error" and _key(problem) not in told:
            further.setdefault(_key(problem), problem)
    raise CaseErrors((*problems, *(each for each in wrong if each not in problems), *further.values()))


def _key(problem: Problem) -> str:
    """Where a problem is, without the line: the same key may be told of from its own line or its table's."""
    return re.sub(r"line \d+: ", "", problem.where)


def terms_of(case: Case, provider: str, instrument: str, catalogue: Catalogue, *, at: datetime) -> bytes:
    """The terms under which this case's requests to a provider run, frozen at `at`."""
    can = capabilities_of(catalogue.providers[provider].adapter, where=f"config/providers/{provider}.toml")
    machine = not can.person
    named = case.mla.profile if case.mla else ""
    return freeze_terms(
        catalogue,
        provider=provider,
        instrument=instrument,
        country=case.country,
        profile=catalogue.profile(named if named in catalogue.profiles else "").id,
        abilities=Abilities(
            poll=machine and can.status,
            extend=machine and can.extend,
            release=machine and can.release,
            find=machine and can.can_find,
        ),
        at=at,
    )


def draft(case: Case, request: RequestDraft, catalogue: Catalogue, frozen: bytes, *, at: datetime) -> Draft:
    """One request with its terms (from `terms_of`) and findings, as if registered at `at`."""
    terms = read_terms(frozen)
    body = _body(
        case,
        request,
        terms="",
        sealed="",
        items=[{"item": _item(n), "type": each.type} for n, each in enumerate(request.identifiers)],
    )
    registered = Event(seq=1, kind="registered", at=at.astimezone(UTC), recorded_at=at.astimezone(UTC), body=body)
    return Draft(
        request=request,
        terms=terms,
        frozen=frozen,
        findings=preflight(case, request, catalogue, terms, at),
        hold=fold("draft", terms, [registered]),
    )


def _item(number: int) -> str:
    return f"i{number + 1}"


def _body(
    case: Case, request: RequestDraft, *, terms: str, sealed: str, items: list[dict[str, str]]
) -> dict[str, Any]:
    mla = case.mla
    dates = {name: getattr(mla, name) for name in ("send_on", "sent_on", "received_on")} if mla else {}
    return {
        "case": case.reference,
        "provider": request.provider,
        "instrument": request.instrument,
        "country": case.country,
        "terms": terms,
        "sealed": sealed,
        "items": items,
        "categories": list(request.categories),
        "from": _text(request.period_from),
        "to": _text(request.period_to),
        "urgency": request.urgency,
        "confidential": request.confidential,
        "mla": {"requested_state": mla.requested_state if mla else ""}
        | {name: day.isoformat() for name, day in dates.items() if day},
    }


def _text(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""


def _facts(case: Case, request: RequestDraft) -> Mapping[str, Any]:
    """What is sealed: the identifiers and the facts of the case, as an order to the provider needs them."""
    officer, offence = case.officer, case.offence
    return {
        "reference": case.reference,
        "unit": case.unit,
        "country": case.country,
        "officer": {"name": officer.name, "badge": officer.badge, "email": officer.email, "phone": officer.phone},
        "offence": {"title": offence.title, "provisions": list(offence.provisions), "facts": offence.facts},
        "necessity": request.necessity,
        "custodian": request.custodian,
        "note": request.note,
        "items": [
            {
                "item": _item(number),
                "type": each.type,
                "value": each.value,
                "from": _text(each.used_from),
                "to": _text(each.used_to),
                "zone": each.zone,
            }
            for number, each in enumerate(request.identifiers)
        ],
    }


def live_duplicates(office: Office, case: Case, draft: Draft) -> tuple[Problem, ...]:
    """Accounts that a live request to the same provider names already.

    A warning, or an error where that request is of the same case under the same instrument: then the case was
    registered before, and sending it again would ask the provider twice.
    """
    found = []
    for identifier in draft.request.identifiers:
        blind = office.vault.blind(identifier.type, normalise(identifier.type, identifier.value))
        for request in office.ledger.find_live(blind):
            row = office.ledger.row(request)
            if row is not None and row.provider == draft.request.provider:
                problem = f"the same account is already named by the live request {request} (case {row.case})"
                fix = "extend that one instead, unless you want a new snapshot"
                again = (row.case, row.instrument) == (case.reference, draft.request.instrument)
                severity: Severity = "error" if again else "warning"
                found.append(Problem(where=identifier.where, problem=problem, fix=fix, severity=severity))
    return tuple(found)


def register(
    office: Office, case: Case, drafts: tuple[Draft, ...], *, accepted: Sequence[Mapping[str, str]] = ()
) -> tuple[str, ...]:
    """Enter every request of a case in the ledger, identifiers sealed; gives the request ids in order.

    All of them are entered or none: a case is never left half registered.

    Args:
        office: the unit's open office.
        case: the case read.
        drafts: its requests, already free of errors.
        accepted: for each draft who accepted which gate ("notice", "unverified"), by name.
    """
    now = office.now()
    first = []
    for each, gates in zip(drafts, accepted or [{}] * len(drafts), strict=True):
        sealed = office.seal(case.reference, _facts(case, each.request), "request")
        items = [
            {
                "item": _item(number),
                "type": identifier.type,
                "blind": office.vault.blind(identifier.type, normalise(identifier.type, identifier.value)),
            }
            for number, identifier in enumerate(each.request.identifiers)
        ]
        body = _body(case, each.request, terms=office.ledger.keep(each.frozen), sealed=sealed, items=items)
        who = {
            "notice": each.request.notice_accepted_by,
            "unverified": each.request.unverified_accepted_by,
        } | dict(gates)
        body["accepted"] = {gate: name for gate, name in who.items() if name}
        check("registered", body)
        event = NewEvent(kind="registered", at=now, actor=office.settings.actor, body=body)
        first.append(event)
    return _enter(office, first, now)


def _enter(office: Office, first: Sequence[NewEvent], now: datetime) -> tuple[str, ...]:
    while True:
        requests = {new_request_id(): [event] for event in first}
        if len(requests) < len(first):  # one chance in 2**55
            continue
        try:
            office.ledger.register_all(requests, office.histories.project, now=now)
        except Duplicate:
            continue
        return tuple(requests)
