"""A further provider that an answer named: a follow-up request from the first one's case, in one step.

Budapest Convention article 30: a State that finds, while it preserves, that a provider elsewhere took part, discloses
enough traffic data to identify that provider; what it holds must be asked for at once, of that provider or its State.
The case is the same; the identifiers are others, usually an address and a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flows.casefile import Case, check_case
from flows.documents import Document
from flows.identifiers import Identifier
from flows.intake import Draft, judge
from flows.office import Office
from flows.opening import opened
from flows.problems import Problem
from flows.replying import ReplyError, not_erased
from ledger.interface import Json
from timeline.state import Hold

Read = tuple[Case, tuple[Draft, ...], tuple[Problem, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Further:
    """What is asked for anew. "" and None: as in the first request.

    `state` is the State that is asked; one that was not asked before needs `mla_on`, the day on which the MLA request
    to it is to leave, because article 29(2)(f) wants that intention stated. `made_on` is the day on the new order,
    where its law counts from it.
    """

    provider: str = ""
    state: str = ""
    instrument: str = ""
    identifiers: tuple[Identifier, ...] = field(repr=False)
    categories: tuple[str, ...] = ()
    period_from: datetime | None = None
    period_to: datetime | None = None
    mla_on: date | None = None
    made_on: date | None = None


def compose(office: Office, request: str, further: Further) -> Mapping[str, Any]:
    """The follow-up as a case file's content. It has the case's facts and names accounts: never log it.

    Raises:
        LookupError: there is no such request.
        ReplyError: it says neither provider nor State, no identifier, or not when another State's MLA request leaves.
    """
    hold = office.hold(request)
    if not further.provider and not further.state:
        raise ReplyError("say whom the answer named: --provider ID, --state XX, or both")
    if not further.identifiers:
        raise ReplyError("say what to preserve there: --identifiers-file FILE, or - for standard input")
    not_erased(office, hold)
    first = office.ledger.events(request)[0].body
    facts = json.loads(office.vault.unseal(str(first["sealed"])))
    case = {
        "reference": facts["reference"],
        "unit": facts["unit"],
        "country": facts["country"],
        "offence": {key: value for key, value in facts["offence"].items() if value},
        "officer": facts["officer"],
    }
    mla = _mla(hold, facts, further)
    period = {"from": further.period_from or hold.period_from, "to": further.period_to or hold.period_to}
    asked = {
        "provider": further.provider or str(first["provider"]),
        "instrument": further.instrument or str(first["instrument"]),
        "follows": request,
        "categories": list(further.categories or hold.categories),
        **period,
        "confidential": hold.confidential,
        "urgency": hold.urgency,
        "emergency_reason": facts.get("emergency_reason"),
        "necessity": facts.get("necessity"),
        "partial_disclosure": bool(facts.get("partial_disclosure")),
        "made_on": further.made_on,
    }
    entries = [_entry(each) for each in further.identifiers]
    asked = {key: value for key, value in asked.items() if value not in (None, "", [])}
    return {"case": case | ({"mla": mla} if mla else {}), "request": [asked | {"identifiers": entries}]}


def check(office: Office, request: str, content: Mapping[str, Any]) -> Read:
    """The follow-up, judged as a case file is; ready for `intake.register`.

    Raises:
        CaseErrors: it is no sound case; with every problem.
    """
    document = Document(file=f"follow-up of {request}", root=content, lines={})
    now = office.now()
    case, problems = check_case(document, now=now)
    return judge(case, problems, office.catalogue, at=now)


def written_out(office: Office, request: str, because: str = "") -> None:
    """Record who wrote out the case's facts and the accounts as a file, and why."""
    duty = "" if because.strip() else "to ask a further provider that an answer named"
    opened(office, request, "case file for a follow-up", because, duty=duty)


def note(office: Office, request: str, children: Sequence[str]) -> None:
    """Record on the first request which one follows it."""
    body: dict[str, Json] = {"source": "person", "followed_by": list[Json](children)}
    office.append(request, [("note", body)])


def _mla(hold: Hold, facts: Mapping[str, Any], further: Further) -> dict[str, Any]:
    """The MLA request that the follow-up relies on: the first one's, or the one planned to another State."""
    mla, known = hold.mla, facts.get("mla") or {}
    if further.state and further.state != mla.requested_state:
        if further.mla_on is None:
            raise ReplyError(
                f"say when the MLA request to {further.state} is to leave: --mla-on 2026-12-20 "
                "(Budapest Convention art. 29(2)(f): the intention has to be stated)"
            )
        return {"requested_state": further.state, "send_on": further.mla_on}
    if not mla.requested_state:
        return {}
    happened = {key: day for key, day in (("sent_on", mla.sent_on), ("received_on", mla.received_on)) if day}
    planned = {"send_on": further.mla_on or mla.planned_on} if not happened else {}
    rest = {"reference": known.get("reference"), "profile": hold.terms.profile.id}
    told = happened | planned | rest
    return {"requested_state": mla.requested_state} | {key: value for key, value in told.items() if value}


def _entry(identifier: Identifier) -> dict[str, Any]:
    given = {
        "type": identifier.type,
        "value": identifier.value,
        "from": identifier.used_from,
        "to": identifier.used_to,
        "zone": identifier.zone,
    }
    return {key: value for key, value in given.items() if value}
