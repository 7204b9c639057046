"""The week in figures, as a page that stays at its address."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.entry import Outcome, Page, Run, carry_out
from flows.forms.fields import form
from flows.forms.flow import form_flow
from flows.replying import ReplyError
from flows.report import report, week_of
from flows.report_words import text

Week = Annotated[
    str,
    form(
        "The ISO week, such as 2026-W47. Empty: the running one.",
        title="Week",
        write="the year and the number of the week, such as 2026-W47 (a year has 52 or 53), or nothing",
        pattern="^([0-9]{4}-W[0-9]{2})?$",
    ),
]


@form_flow("weekly-report", called="report")
async def weekly_report(week: Week = "") -> State[Any]:
    """Show a week in figures: what was sent, answered, extended, escalated, refused, ended, and how long it took.

    It stands on the page *report* afterwards, until another week is asked for.
    """
    return await carry_out("report", _report, of=weekly_report, given=locals())


def _report(run: Run, *, week: str) -> Outcome:
    now = run.office.now()
    wanted = week or week_of(now.date())
    try:
        found = report(run.office, wanted, now=now)
    except LookupError:
        raise ReplyError(
            "Week: there is no such week; write the year and the number of the week, such as 2026-W47 (a year has 52 "
            "or 53), or nothing"
        ) from None
    lapsed = f" LAPSED in that week: {', '.join(found['lapsed'])}." if found["lapsed"] else ""
    page = Page(key="report", text=f"# {wanted}\n\n```\n{text(found).rstrip()}\n```\n")
    return Outcome(text=f'The week {wanted} is on the page "report".{lapsed}', data={"week": wanted}, page=page)
