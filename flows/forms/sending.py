"""Sending what a form let go, and what the run says became of it."""

from __future__ import annotations

from collections.abc import Sequence

from flows.afterwards import stays, work_on_entered
from flows.entry import Outcome, Page, Run
from flows.forms.words import table
from flows.office import Office
from flows.sweeping import Report
from flows.words import STATES
from ledger.interface import LedgerError


def send(run: Run, requests: Sequence[str], what: str) -> Outcome:
    """Send everything, emergencies first; then do what is due because of it, such as telling a person of a gap.

    `what` became of these requests before, in words: "2 requests registered".
    """
    report = Report(at=run.office.now())
    try:
        _work(run, requests, report)
        return _sent(run.office, requests, report, what)
    except LedgerError as error:
        report.failures.append(("", stays(error)))
        text = f"{what}: {', '.join(requests)}. How they stand now cannot be read; do not send the form again."
        return Outcome(text=text, data={"requests": list(requests)}, report=report)


def _work(run: Run, requests: Sequence[str], report: Report) -> None:
    office = run.office
    first = sorted(requests, key=lambda each: office.hold(each).urgency != "emergency")
    report.add(work_on_entered(office, first, progress=run.progress, stop=run.errand.stop, each=run.each))
    rows = [row for row in map(office.ledger.row, first) if row is not None]
    due = [row.request for row in rows if row.next_at is not None and row.next_at <= office.now()]
    if due and not run.errand.stop.is_set():
        report.add(work_on_entered(office, due, progress=run.progress, stop=run.errand.stop, each=run.each))


def _sent(office: Office, requests: Sequence[str], report: Report, what: str) -> Outcome:
    """What became of it, in words, with the table of requests."""
    holds = {each: office.hold(each) for each in requests}
    second = [each for each, hold in holds.items() if "send" in hold.waiting]
    unsent = [each for each, hold in holds.items() if hold.unsent and each not in second]
    ended = [each for each in unsent if holds[each].ended]
    waits = [each for each in unsent if each not in ended]
    by_hand = [each for each in waits if (act := holds[each].act("send")) and act.outcome == "unsupported"]
    left = [each for each in waits if each not in by_hand]
    sent = len(requests) - len(second) - len(unsent)
    text = f"{what}{f', {sent} sent' if sent or not by_hand else ''}: {', '.join(requests)}."
    text += f" To be submitted by hand, see the desk queue: {', '.join(by_hand)}." if by_hand else ""
    text += f" Waits for a second person (`holdfast approve`): {', '.join(second)}." if second else ""
    states = [f"{each} ({STATES.get(str(holds[each].state), holds[each].state)})" for each in ended]
    text += f" Not sent, and no sweep will: {', '.join(states)}." if ended else ""
    text += f" NOT SENT YET, the next sweep goes on; do not send the form again: {', '.join(left)}." if left else ""
    text += " Something needs a person: see the desk queue." if report.person and not by_hand else ""
    page = Page(key="issued-requests", table=table(office, requests), text="How each request stands")
    return Outcome(text=text, data={"requests": list(requests)}, report=report, page=page, failed=bool(left or ended))
