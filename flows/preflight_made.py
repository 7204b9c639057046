"""The preflight of the day on the order: where the law counts from the day it was made, that day decides the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from flows.casefile import RequestDraft
from flows.findings import Finding, finding
from flows.problems import Severity
from timeline.days import day_in, first_expiry, said
from timeline.rules import Start
from timeline.terms import Terms


def day_made(draft: RequestDraft, terms: Terms, at: datetime) -> Iterator[Finding]:
    """Whether `made_on` stands where it must, nowhere else, and on a day from which the order still runs.

    A day to come is one that it is nowhere yet (UTC+14), as in the rest of a case file: an order made this morning
    in London has a day that has not begun in Los Angeles, and is counted strictly from the registration all the same.
    """
    law, made_on, where = terms.instrument, draft.made_on, draft.place("made_on")
    if law.start is not Start.DAY_MADE:
        if made_on is not None:
            fix = "leave made_on out: it would move no date of this request"
            yield finding("form", where, f"{law.id} does not count from the day it was made", fix)
        return
    if made_on is None:
        if law.sendable:  # what nobody sends can be planned with before it is there
            runs = f"its {law.first} run" if law.first else "the law counts"
            fix = f"made_on: the day on the order; {runs} from it ({law.start_source.provision})"
            yield finding("missing", where, f"is missing, and {law.id} counts from it", fix)
        return
    if made_on > (at + timedelta(hours=14)).date():
        yield finding("form", where, "lies in the future", "write the day on the order: it was made already")
    elif law.first is not None:
        ends = first_expiry(
            law.first,
            law.counting,
            strict_start=made_on,
            legal_start=made_on,
            started="made",
            holidays=terms.holidays,
        )
        if ends.legal_on < day_in(at, terms.provider.zone):
            fix = "check the day, or have a new order made: this one obliges nobody any more"
            what = f"an order made {said(made_on)} ran out on {said(ends.legal_on)}"
            severity: Severity = "error"
            if law.stop_events:
                severity = "warning"
                fix = f"check the day: it holds only after this, in time: {law.stop_events[0].what}"
            yield finding("not-sendable", where, what, fix, severity)
