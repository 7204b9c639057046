"""The command `report`: the week in figures, to be read and printed."""

from __future__ import annotations

import click

from desk.endings import needs_person
from desk.speaking import say, say_json
from desk.typed import as_json, opened


@click.command()
@click.option(
    "--week", default="", metavar="WEEK", help="An ISO week such as 2026-W47; the running one, if left out."
)
@as_json
def report(week: str, as_json: bool) -> None:
    """Show a week in figures: what was sent, acknowledged, extended, escalated, refused, ended.

    With how long receipts and people took, refusals by ground, how long holds lasted, how the open requests stand,
    and the signed heads of the week. Sweeps mail it when the week is over, as the policy says ([report] mail_to).

    Example:  holdfast report
              holdfast report --week 2026-W47 | lp

    Exit status:  0 shown
                  1 shown, and a hold lapsed in that week
                  2 it is no week
                  3 there is no ledger, or it cannot be read now
    """
    from flows.report import report as figures
    from flows.report import week_of
    from flows.report_words import text

    with opened() as office:
        now = office.now()
        found = figures(office, week or week_of(now.date()), now=now)
    if as_json:
        say_json(found)
    else:
        say(text(found).rstrip("\n"))
    if found["lapsed"]:
        raise needs_person(f"lapsed in that week: {', '.join(found['lapsed'])}")
