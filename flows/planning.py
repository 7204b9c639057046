"""The plan and the record of a request, as the values that ``--json`` prints and the desk draws.

The keys are a promise to others; instants are RFC 3339 in UTC, days ISO dates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flows.casefile import Case
from flows.four_eyes import waiting
from flows.intake import Draft
from flows.office import Office
from flows.outlook import items, outlook, said
from flows.preflight import Finding, coverage_finding
from flows.problems import Problem
from ledger.interface import Event, LedgerBusy, Row
from timeline.coverage import coverage
from timeline.decide import Decision, choose, decide
from timeline.rules import Policy

__all__ = [
    "TRANSMITTED",
    "Plan",
    "board",
    "board_row",
    "plan_case",
    "plan_draft",
    "problem_table",
    "said",
    "show",
]

Plan = dict[str, Any]


def plan_case(
    case: Case, drafts: Sequence[Draft], policy: Policy, *, at: datetime, problems: Sequence[Problem] = ()
) -> Plan:
    """What would be lost when, every clock, the coverage and the last safe days of a case; sends nothing."""
    requests = [plan_draft(each, policy, at=at) for each in drafts]
    return {
        "case": case.reference,
        "at": said(at),
        "problems": [problem_table(each) for each in problems],
        "requests": requests,
    }


def plan_draft(draft: Draft, policy: Policy, *, at: datetime) -> Plan:
    """One request's plan, as if sent at `at`."""
    seen = coverage(draft.hold, policy, at)
    gap = coverage_finding(draft.request.place("instrument"), seen)
    findings = [*draft.findings, *([gap] if gap else [])]
    return {
        "provider": draft.request.provider,
        "instrument": draft.request.instrument,
        "addressee": {"name": draft.addressee.name, "language": draft.addressee.language},
        "identifiers": len(draft.request.identifiers),
        "problems": [problem_table(each.problem) for each in _urgent_first(findings)],
    } | outlook(draft.hold, policy, at)


def _urgent_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: each.problem.severity != "error")


def problem_table(problem: Problem) -> dict[str, str]:
    """A problem as a table."""
    return {
        "where": problem.where,
        "problem": problem.problem,
        "fix": problem.fix,
        "severity": problem.severity,
        "kind": problem.kind,
    }


TRANSMITTED = ("sent", "refused", "outcome-unknown", "unavailable")


def show(office: Office, request: str, *, at: datetime, remarks: bool = False) -> Plan:
    """The whole record of one request, without identifiers.

    With `remarks`, what people wrote is unsealed: call `flows.opening.opened` before.

    Raises:
        LookupError: there is no such request.
    """
    hold, row = office.hold(request), office.ledger.row(request)
    events = office.ledger.events(request)
    first = events[0].body
    following = decide(hold, office.policy, at)
    told = {
        "request": request,
        "case": first["case"],
        "provider": first["provider"],
        "instrument": first["instrument"],
        "identifiers": len(hold.items),
        "problems": [],
        "state": str(hold.state),
        "references": list(hold.references),
    }
    return (
        told
        | outlook(hold, office.policy, at)
        | {
            "items": items(hold),
            "waits": [
                {"about": each.about, "asked_by": each.asked_by, "at": said(each.at)}
                for each in waiting(office, request)
            ],
            "erased": next((_erased(each) for each in events if each.kind == "erased"), None),
            "events": [_event(office, each, remarks=remarks) for each in events],
            "transmissions": [
                _transmission(each)
                for each in events
                if (each.kind in TRANSMITTED and "sent_sha256" in each.body)
                or (each.kind == "sent" and each.body.get("source") == "person")
            ],
            "escalations": [
                {
                    "about": each.about,
                    "level": each.level,
                    "at": said(each.at),
                    "delivered": each.delivered,
                    "acknowledged_at": said(each.acknowledged_at),
                }
                for each in hold.escalations.values()
            ],
            "level": row.level if row else 0,
            "next": _following(following),
        }
    )


def _erased(event: Event) -> Plan:
    body: Mapping[str, Any] = event.body
    return {"at": said(event.at), "by": body.get("by") or event.actor, "because": body["because"]}


def _event(office: Office, event: Event, *, remarks: bool) -> Plan:
    """An event; what stands for a remark is the remark, or with `remarked` that there is one."""
    body = {key: value for key, value in event.body.items() if key != "sealed"}
    if isinstance(token := body.pop("text", None), str):
        body["remarked"] = True
        if remarks:
            body["text"] = json.loads(office.vault.unseal(token))
    return {
        "seq": event.seq,
        "kind": event.kind,
        "at": said(event.at),
        "recorded_at": said(event.recorded_at),
        "actor": event.actor,
        "body": body,
    }


def _transmission(event: Event) -> Plan:
    body: Mapping[str, Any] = event.body
    return {
        "at": said(event.at),
        "action": body["action"],
        "sequence": body["sequence"],
        "outcome": event.kind,
        "channel": body.get("channel", ""),
        "sender": body.get("sender") or body.get("by") or event.actor,
        "recipient": body.get("recipient", ""),
        "files": [dict(each) for each in body.get("files") or ()],
        "sent_sha256": body.get("sent_sha256", ""),
        "sent_size": body.get("sent_size", 0),
        "received_sha256": body.get("received_sha256", ""),
        "received_size": body.get("received_size", 0),
        "proof_sha256": body.get("proof_sha256", ""),
        "proof_size": body.get("proof_size", 0),
        "status": body.get("status"),
    }


WORKED_OUT = 200
"""Due requests whose line is worked out from their history: what the index keeps is what fell due first."""


def board(office: Office, *, at: datetime | None = None) -> list[Plan]:
    """All open requests by what is due next, seen from `at` (None: now).

    Of those on which something is due, the first `WORKED_OUT` say what `show` says: the most urgent of it, and the
    gap as of that day.
    """
    now, listed, left = at or office.now(), list[tuple[datetime, Plan]](), WORKED_OUT
    for row in list(office.ledger.rows()):
        line, when = board_row(row), row.next_at
        if when is not None and when <= now and left:
            left -= 1
            line, when = _worked_out(office, row, now)
        listed.append((when or datetime.max.replace(tzinfo=UTC), line))
    return [line for _, line in sorted(listed, key=lambda each: each[0])]


def _worked_out(office: Office, row: Row, now: datetime) -> tuple[Plan, datetime | None]:
    """The line of a request on which something is due, and when that was."""
    try:
        known = office.histories.current(row.request)
        following = choose(known.duties, now)
        gap = 0 if known.hold.ended else coverage(known.hold, office.policy, now).gap_days_p90
    except LedgerBusy:
        raise
    except Exception:  # its record is damaged: the sweep tells that, and the board still lists it
        return board_row(row), row.next_at
    line = board_row(row) | {"next": _following(following), "gap_days_p90": gap}
    return line, following.due_at


def _following(decision: Decision) -> Plan:
    return {"action": str(decision.action), "at": said(decision.due_at), "because": decision.because}


def board_row(row: Row) -> Plan:
    """One request's line on the board, as the index keeps it: with what falls due first."""
    return {
        "request": row.request,
        "case": row.case,
        "provider": row.provider,
        "instrument": row.instrument,
        "state": row.state,
        "next": {"action": row.next_action, "at": said(row.next_at), "because": row.next_because},
        "strict_on": row.strict_on or None,
        "gap_days_p90": row.gap_days_p90,
        "level": row.level,
    }
