"""How a request stands, in the one sentence that a run ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flows.afterwards import stays
from flows.office import Office
from flows.outcome import Outcome
from flows.sweeping import Report
from flows.words import ACTIONS, STATES, day, moment, sentence
from flows.work_items import items_of
from ledger.interface import LedgerError
from timeline.decide import Decision, choose
from timeline.state import Hold


def standing(office: Office, hold: Hold, following: Decision, what: str) -> Outcome:
    """What was entered, how the request stands now, and what comes next."""
    ends, due, state = hold.expiry, following.due_at, str(hold.state)
    stop = hold.stop[0] if hold.stop else None
    text = f"{hold.request}: {what}. Now: {sentence(state, ends.strict_on if ends else None, stop)}."
    told = hold.told_until(hold.granted)
    if ends is not None and told is not None and told > ends.strict_on:
        text += f" Their own day, {day(told)}, is on record; Holdfast counts on the one that the law gives."
    if due is not None:
        at = "now" if due <= office.now() else moment(due)
        text += f" Next: {ACTIONS.get(str(following.action), str(following.action))}, {at}."
    return Outcome(
        text=text,
        data={
            "request": hold.request,
            "state": state,
            "next": str(following.action),
            "at": due.isoformat(timespec="minutes") if due else "",
        },
    )


def acted(office: Office, request: str, report: Report, what: str) -> Outcome:
    """What was asked for and done about one request, how it stands now, what comes next, and what needs a person."""
    try:
        current = office.histories.current(request)
    except LedgerError as error:
        report.failures.append((request, stays(error)))
        return Outcome(text=f"{request}: {what}. How it stands now cannot be read.", report=report)
    told = standing(office, current.hold, choose(current.duties, office.now()), what)
    waits = [each.title for each in items_of(office, request) if each.taken_up_at is None]
    text = f"{told.text} Something needs a person, see the desk queue: {'; '.join(waits)}." if waits else told.text
    return replace(told, text=text, report=report)


def table(office: Office, requests: Sequence[str]) -> list[dict[str, Any]]:
    """How each request stands, a row each."""
    return [_row(office, each) for each in requests]


def _row(office: Office, request: str) -> dict[str, Any]:
    row = office.ledger.row(request)
    if row is None:
        return {"request": request, "provider": "", "state": "unknown here", "next": "", "at": "", "because": ""}
    return {
        "request": request,
        "provider": row.provider,
        "state": row.state,
        "how it stands": STATES.get(row.state, row.state),
        "next": ACTIONS.get(row.next_action, row.next_action),
        "at": moment(row.next_at) if row.next_at else "",
        "because": row.next_because,
    }
