"""Every state and every date of a request, computed again from its events and its frozen terms.

The export writes what this gives (`record.json`); the verifier computes it anew and compares. The rules are those of
the timeline, which the verifier carries as they were; the ends of the hold are counted a second time, by other code,
in `flows.verifier.counting`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flows.outlook import items, outlook, said
from timeline.decide import decide
from timeline.events import Event
from timeline.hold import Hold
from timeline.rules import Policy
from timeline.state import begin, fold_on
from timeline.terms import Terms

FORMAT = "holdfast-record/1"


def replay(lines: Sequence[bytes], terms: Terms, policy: Policy, at: datetime) -> dict[str, Any]:
    """The record of a request as it stood at `at`.

    Args:
        lines: its events' canonical bytes, oldest first.
        terms: the frozen terms.
        policy: the unit's lead times and ladder; it moves no legal date.
        at: an instant in UTC.

    Returns:
        JSON: `state`, `references`, `items`, `next`; `chain`, `clocks`, `coverage`, `last_safe`, `lost` as in
        `holdfast show --json`; `ends`, the end of each period confirmed; `history`, the state and the ends after each
        event.

    Raises:
        KeyError, ValueError, TypeError: the events are none that Holdfast wrote.
    """
    tables = [json.loads(line) for line in lines]
    events = [event(table) for table in tables]
    request = str(tables[0]["request"]) if tables else ""
    hold, history = _lived(request, terms, events)
    following = decide(hold, policy, at)
    return {
        "format": FORMAT,
        "request": request,
        "at": said(at),
        "state": str(hold.state),
        "references": list(hold.references),
        "items": items(hold),
        **outlook(hold, policy, at),
        "ends": _ends(hold),
        "next": {"action": str(following.action), "at": said(following.due_at), "because": following.because},
        "history": history,
    }


def _lived(request: str, terms: Terms, events: Sequence[Event]) -> tuple[Hold, list[dict[str, Any]]]:
    """The hold as the events leave it, and how it stood after each."""
    if not events:
        raise ValueError("there are no events")
    facts = begin(request, terms, events[0])
    hold = fold_on(facts, ())
    history = [_moment(events[0], hold)]
    for each in events[1:]:
        facts = facts.copy()
        hold = fold_on(facts, (each,))
        history.append(_moment(each, hold))
    return hold, history


def event(table: dict[str, Any]) -> Event:
    """An event of the ledger as the timeline reads it."""
    at, recorded_at = (datetime.fromisoformat(table[name]).astimezone(UTC) for name in ("at", "recorded_at"))
    return Event(seq=table["seq"], kind=table["kind"], at=at, recorded_at=recorded_at, body=table["body"])


def _ends(hold: Hold) -> list[dict[str, Any]]:
    """The end of the first period and of every extension confirmed; none where nothing was sent, or no period."""
    ends = [hold.expiry_after(number) for number in range(hold.granted + 1)]
    return [
        {
            "extensions": number,
            "strict_on": each.strict_on.isoformat(),
            "legal_base_on": each.legal_base_on.isoformat(),
            "legal_on": each.legal_on.isoformat(),
            "derivation": list(each.derivation),
        }
        for number, each in enumerate(ends)
        if each is not None
    ]


def _moment(event: Event, hold: Hold) -> dict[str, Any]:
    ends = hold.expiry
    return {
        "seq": event.seq,
        "kind": event.kind,
        "state": str(hold.state),
        "strict_on": ends.strict_on.isoformat() if ends else None,
        "legal_on": ends.legal_on.isoformat() if ends else None,
    }
