"""The dates of one request as the tables that ``--json`` prints, from its hold alone.

The keys are a promise to others; instants are RFC 3339 in UTC, days ISO dates. Only the standard library and the
timeline are used here: the verifier of an exported bundle carries this file as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from timeline.clocks import Clock, clocks
from timeline.coverage import Coverage, assumed_sent, coverage, last_safe
from timeline.hold import Hold
from timeline.loss import lost
from timeline.rules import Policy

Outlook = dict[str, Any]


def outlook(hold: Hold, policy: Policy, at: datetime) -> Outlook:
    """The chain of holds, every clock with its derivation, coverage, last safe days and losses, seen from `at`."""
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


def _clock(clock: Clock) -> Outlook:
    table: Outlook = {"kind": clock.kind, "opens_at": said(clock.opens_at)}
    for name in ("strict", "legal"):
        at, on = getattr(clock, f"{name}_at"), getattr(clock, f"{name}_on")
        table |= {f"{name}_at": said(at)} if at else {f"{name}_on": on.isoformat()}
    return table | {"derivation": list(clock.derivation), "source": clock.source}


def _coverage(seen: Coverage) -> Outlook:
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


def items(hold: Hold) -> list[Outlook]:
    """What became of each item."""
    return [
        {
            "item": item.id,
            "type": item.type,
            "outcome": item.outcome,
            "reference": item.reference,
            "held_until": item.held_until.isoformat() if item.held_until else None,
        }
        for item in hold.items
    ]


def said(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC; None stays None."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
