"""The plan and the record of a request, as the values that ``--json`` prints and the desk draws.

The keys are a promise to others; instants are RFC 3339 in UTC, days ISO dates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flows.casefile import Case
from flows.intake import Draft
from flows.office import Office
from flows.preflight import Finding, coverage_finding
from flows.problems import Problem
from ledger.interface import Event, Row
from timeline.clocks import Clock, clocks
from timeline.coverage import Coverage, assumed_sent, coverage, last_safe
from timeline.decide import decide
from timeline.loss import lost
from timeline.rules import Policy
from timeline.state import Hold

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
    } | _outlook(draft.hold, policy, at)


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


def _outlook(hold: Hold, policy: Policy, at: datetime) -> Plan:
    seen = assumed_sent(hold, at)
    return {
        "chain": [
            {
                "step": "extension" if number else "initial",
                "strict_on": link.strict_on.isoformat(),
                "legal_on": link.legal_on.isoformat(),
            }
            for number, link in enumerate(seen.chain)
        ],
        "clocks": [_clock(each) for each in clocks(hold, policy, at)],
        "coverage": _coverage(coverage(hold, policy, at)),
        "last_safe": [
            {"step": each.step, "on": each.on.isoformat(), "because": each.because}
            for each in last_safe(hold, policy, at)
        ],
        "lost": [
            {
                "category": each.category,
                "what": each.what,
                "from": said(each.start),
                "to": said(each.end),
                "since": said(each.since),
            }
            for each in lost(hold, _kept_since(hold, at))
        ],
    }


def _kept_since(hold: Hold, at: datetime) -> datetime:
    """Until when data could be lost: what the provider said it keeps is not lost while that holds."""
    return min(at, hold.in_force_at) if hold.in_force_at and not hold.ended else at


def _clock(clock: Clock) -> Plan:
    table: Plan = {"kind": clock.kind, "opens_at": said(clock.opens_at)}
    for name in ("strict", "legal"):
        at, on = getattr(clock, f"{name}_at"), getattr(clock, f"{name}_on")
        table |= {f"{name}_at": said(at)} if at else {f"{name}_on": on.isoformat()}
    return table | {"derivation": list(clock.derivation), "source": clock.source}


def _coverage(seen: Coverage) -> Plan:
    return {
        "mla_profile": seen.mla_profile,
        "mla_sent_on": seen.mla_sent_on.isoformat(),
        "p50_on": seen.p50_on.isoformat(),
        "p90_on": seen.p90_on.isoformat(),
        "strict_on": seen.strict_on.isoformat() if seen.strict_on else None,
        "open_ended_by": seen.open_ended_by,
        "gap_days_p50": seen.gap_days_p50,
        "gap_days_p90": seen.gap_days_p90,
        "feasible": seen.feasible,
    }


def said(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC; None stays None."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


TRANSMITTED = ("sent", "refused", "outcome-unknown", "unavailable")


def show(office: Office, request: str, *, at: datetime) -> Plan:
    """The whole record of one request. Texts a person entered are unsealed; identifiers are not shown.

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
        | _outlook(hold, office.policy, at)
        | {
            "items": [
                {
                    "item": item.id,
                    "type": item.type,
                    "outcome": item.outcome,
                    "reference": item.reference,
                    "held_until": item.held_until.isoformat() if item.held_until else None,
                }
                for item in hold.items
            ],
            "events": [_event(office, each) for each in events],
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
            "next": {
                "action": str(following.action),
                "at": said(following.due_at),
                "because": following.because,
            },
        }
    )


def _event(office: Office, event: Event) -> Plan:
    body = {key: value for key, value in event.body.items() if key != "sealed"}
    if isinstance(token := body.pop("text", None), str):
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


def board(office: Office) -> list[Plan]:
    """All open requests by what is due next."""
    return [board_row(row) for row in office.ledger.rows()]


def board_row(row: Row) -> Plan:
    """One request's line on the board."""
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
