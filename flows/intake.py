"""Intake: a case file becomes requests in the ledger, with their identifiers sealed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.casefile import Case, Mla, RequestDraft, read_case
from flows.catalogue import Catalogue
from flows.countries import E_EVIDENCE
from flows.drafts import drafting
from flows.four_eyes import asking
from flows.history import freeze_terms, read_terms
from flows.identifiers import normalise
from flows.office import Office
from flows.preflight import Finding, doubles, in_clear, known, preflight
from flows.problems import Problem, Severity
from flows.routes import Route, abilities_of, routes
from ledger.ids import new_request_id
from ledger.interface import Duplicate, NewEvent, Unless
from ledger.vault import Sealed
from providers.interface import Addressee
from timeline.events import Event, check
from timeline.state import Hold, fold
from timeline.terms import Terms


class CaseErrors(Exception):
    """The case cannot be worked with. `problems` has every one of them; nothing was written."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problems in the case file")
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """One request of a case, ready to be planned with or registered.

    `frozen` are its terms' bytes; `addressee` is to whom it goes first.
    """

    request: RequestDraft
    terms: Terms
    frozen: bytes
    findings: tuple[Finding, ...]
    hold: Hold
    addressee: Addressee


def read(path: Path, catalogue: Catalogue, *, at: datetime) -> tuple[Case, tuple[Draft, ...], tuple[Problem, ...]]:
    """Read a case file and check every request against the catalogue.

    Returns:
        The case, a draft per request, and the case file's own warnings. What the preflight found, errors
        too, stands in the drafts: a case can be planned with before it can be sent.

    Raises:
        CaseErrors: the file is no sound case, or a request names what is not in the catalogue; with all that
            the preflight finds in the rest of it.
    """
    return judge(*read_case(path, now=at, anyway=True), catalogue, at=at)


def judge(
    case: Case | None, problems: tuple[Problem, ...], catalogue: Catalogue, *, at: datetime
) -> tuple[Case, tuple[Draft, ...], tuple[Problem, ...]]:
    """A case as it was read, with what was wrong with it, checked against the catalogue. Gives what `read` gives."""
    if case is None:
        raise CaseErrors(problems)
    wrong = [each for each in problems if each.severity == "error"]
    drafts, frozen = [], dict[tuple[str, str, str], bytes]()
    for request in case.requests:
        unknown = [finding.problem for finding in known(request, catalogue)]
        wrong += unknown
        if not unknown and request.provider and request.instrument:
            kind = request.provider, request.instrument, request.user_location
            if kind not in frozen:
                frozen[kind] = terms_of(case, request, catalogue, at=at)
            drafts.append(draft(case, request, catalogue, frozen[kind], at=at))
    if case.mla and case.mla.profile and case.mla.profile not in catalogue.profiles:
        fix = f"one of {', '.join(sorted(catalogue.profiles))}"
        where = case.place("case.mla.profile")
        wrong.append(Problem(where=where, problem="no such forecast profile", fix=fix, kind="unknown"))
    wrong += doubles(case)
    wrong += in_clear(case)
    if not wrong:
        return case, tuple(drafts), problems
    raise CaseErrors((*problems, *(each for each in wrong if each not in problems), *_further(drafts, problems)))


def _further(drafts: Sequence[Draft], problems: Sequence[Problem]) -> list[Problem]:
    """What the preflight found beside the mistakes of a file, errors first.

    Of one key that several instruments miss, or that was told of as missing already, it is told once.
    """
    told = {_key(each) for each in problems}
    found: dict[tuple[str, str], Problem] = {}
    for problem in (finding.problem for each in drafts for finding in each.findings):
        key, missing = _key(problem), problem.kind == "missing"
        if not (missing and key in told):
            found.setdefault((key, "missing" if missing else problem.problem), problem)
    return sorted(found.values(), key=lambda each: each.severity != "error")


def _key(problem: Problem) -> str:
    """Where a problem is, without the line: the same key may be told of from its own line or its table's."""
    return re.sub(r"line \d+: ", "", problem.where)


def terms_of(case: Case, request: RequestDraft, catalogue: Catalogue, *, at: datetime) -> bytes:
    """The terms under which a request runs, frozen at `at`: the same for each to one addressee."""
    first = ways(case, request, catalogue)[0]
    named = case.mla.profile if case.mla else ""
    european = catalogue.instruments[request.instrument].jurisdiction == "EU"
    return freeze_terms(
        catalogue,
        provider=request.provider,
        instrument=request.instrument,
        country=case.country,
        profile=catalogue.profile(named if named in catalogue.profiles else "").id,
        abilities=abilities_of(first.capabilities),
        at=at,
        zone=first.zone,
        # The holidays of a State that an order of the Union does not bind roll no day of it.
        state=first.addressee.state if first.addressee.state in E_EVIDENCE or not european else "",
    )


def ways(case: Case, request: RequestDraft, catalogue: Catalogue) -> tuple[Route, ...]:
    """Every way in which a request of a case can go, best first. Its provider and instrument are known."""
    return routes(
        catalogue,
        provider=request.provider,
        instrument=catalogue.instruments[request.instrument],
        country=case.country,
        requested_state=case.mla.requested_state if case.mla else "",
        user_location=request.user_location,
        language=request.language,
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
        addressee=ways(case, request, catalogue)[0].addressee,
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
        **({"made_on": request.made_on.isoformat()} if request.made_on else {}),
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
        "validated_by": request.validated_by,
        "user_location": request.user_location,
        "language": request.language,
        "emergency_reason": request.emergency_reason,
        "snapshot_of": request.snapshot_of,
        "follows": request.follows,
        "partial_disclosure": request.partial_disclosure,
        "mla": _mla(case.mla),
        "items": [
            {
                "item": _item(number),
                "type": each.type,
                "value": each.value,
                "from": _text(each.used_from),
                "to": _text(each.used_to),
                "zone": each.zone,
                "port": each.port,
                "chain": each.chain,
            }
            for number, each in enumerate(request.identifiers)
        ],
    }


def _mla(mla: Mla | None) -> Mapping[str, str]:
    """The MLA request as texts: days in ISO form, "" where not known; empty without one."""
    if mla is None:
        return {}
    days = {name: getattr(mla, name) for name in ("send_on", "sent_on", "received_on")}
    told = {name: day.isoformat() if day else "" for name, day in days.items()}
    return {"requested_state": mla.requested_state} | told | {"reference": mla.reference}


def live_duplicates(office: Office, case: Case, draft: Draft) -> tuple[Problem, ...]:
    """Accounts that a live request to the same provider names already.

    A warning, or an error where that request is of the same case under the same instrument: then the case was
    registered before, and sending it again would ask the provider twice. The request of which this one is to be a
    new snapshot (`snapshot_of`) is no duplicate.

    Raises:
        CaseErrors: `snapshot_of` or `follows` names a request that this ledger does not have, or that cannot be it.
    """
    if unrelated := tuple(_unrelated(office, draft.request)):
        raise CaseErrors(unrelated)
    found: list[Problem] = []
    identifiers = draft.request.identifiers
    blinds = [office.vault.blind(each.type, normalise(each.type, each.value)) for each in identifiers]
    live = office.ledger.find_live(blinds)
    rows = {request: office.ledger.row(request) for requests in live.values() for request in requests}
    for identifier, blind in zip(identifiers, blinds, strict=True):
        for request in live.get(blind, ()):
            row = rows[request]
            if request == draft.request.snapshot_of:
                continue
            if row is not None and row.provider == draft.request.provider:
                problem = f"the same account is already named by the live request {request} (case {row.case})"
                fix = f'extend that one instead, or write snapshot_of = "{request}" for a new snapshot'
                again = (row.case, row.instrument) == (case.reference, draft.request.instrument)
                severity: Severity = "error" if again else "warning"
                found.append(
                    Problem(where=identifier.where, problem=problem, fix=fix, severity=severity, kind="live")
                )
    return tuple(found)


def _unrelated(office: Office, request: RequestDraft) -> Iterator[Problem]:
    """An earlier request that a draft names and that is not there, or is of another provider."""
    for key, earlier in (("snapshot_of", request.snapshot_of), ("follows", request.follows)):
        row = office.ledger.row(earlier) if earlier else None
        where = request.place(key)
        if earlier and row is None:
            fix = "copy it from `holdfast board` or from the record of the case"
            yield Problem(where=where, problem="this ledger has no such request", fix=fix, kind="relation")
        elif row is not None and key == "snapshot_of" and row.provider != request.provider:
            fix = "name a request to the same provider; for a provider that another one named, write follows"
            yield Problem(where=where, problem=f"is a request to {row.provider}", fix=fix, kind="relation")


def register(
    office: Office,
    case: Case,
    drafts: tuple[Draft, ...],
    *,
    accepted: Sequence[Mapping[str, str]] = (),
    unless: Unless = None,
    as_draft: bool = False,
    run: str = "",
) -> tuple[str, ...]:
    """Enter every request of a case in the ledger, identifiers sealed; gives the request ids in order.

    All of them are entered or none: a case is never left half registered.

    Args:
        office: the unit's open office.
        case: the case read.
        drafts: its requests, already free of errors.
        accepted: for each draft who accepted which gate ("notice", "unverified"), by name.
        unless: a last look within the same transaction, such as for `live_duplicates`; what it raises stops it all.
        as_draft: nothing is sent before somebody gives the go-ahead (`flows.drafts`).
        run: the run in Prefect by which a person entered them, to be found again by it.
    """
    now = office.now()
    first, seals = list[list[NewEvent]](), list[Sealed]()
    draft = new_request_id() if as_draft else ""
    office.vault.forget()  # the case may have been erased since, and begun anew
    for each, gates in zip(drafts, accepted or [{}] * len(drafts), strict=True):
        facts = json.dumps(_facts(case, each.request), ensure_ascii=False).encode()
        seals.append(office.vault.prepare(case.reference, facts, "request"))
        items = [
            {
                "item": _item(number),
                "type": identifier.type,
                "blind": office.vault.blind(identifier.type, normalise(identifier.type, identifier.value)),
            }
            for number, identifier in enumerate(each.request.identifiers)
        ]
        body = _body(case, each.request, terms=office.ledger.keep(each.frozen), sealed=seals[-1].token, items=items)
        who = {
            "notice": each.request.notice_accepted_by,
            "unverified": each.request.unverified_accepted_by,
        } | dict(gates)
        body["accepted"] = {gate: name for gate, name in who.items() if name}
        if run:
            body["run"] = run
        check("registered", body)
        events = [("registered", body)]
        if as_draft:
            events.append(drafting(office.settings, draft))
        if each.request.urgency == "emergency" and office.policy.four_eyes.emergency:
            events.append(asking(office.settings, "send"))
        first.append([NewEvent(kind=kind, at=now, actor=office.settings.actor, body=body) for kind, body in events])
    return _enter(office, first, now, unless, seals)


def _enter(
    office: Office, first: Sequence[Sequence[NewEvent]], now: datetime, unless: Unless, seals: Sequence[Sealed]
) -> tuple[str, ...]:
    while True:
        requests = {new_request_id(): events for events in first}
        if len(requests) < len(first):  # one chance in 2**55
            continue
        try:
            office.ledger.register_all(requests, office.histories.project, now=now, unless=unless, seals=seals)
        except Duplicate:
            continue
        return tuple(requests)
