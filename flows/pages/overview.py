"""The board (every open request by what is due next) and the requests at risk of losing their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from flows.pages import markup
from flows.pages.heading import heading
from flows.pages.links import BOARD, RISK, Links, case_key, item_key
from flows.pages.markup import at, lines, link, plain, strong, table
from flows.pages.seen import AsAt, Gap
from flows.verdict import NOT_WAYS, local_today, ways
from flows.words import STATES, day, number
from flows.work_items import WorkItem
from ledger.interface import Row, Tally
from timeline.custody import WAITS
from timeline.steps import STEPS

MOST = 100
"""Requests listed on the board, by what is due next."""

MOST_AT_RISK = 50
"""Requests listed with what would close their gap, most days missing first."""

NEXT: Mapping[str, str] = {
    "look-up": "Holdfast asks what became of it",
    "send": "Holdfast sends it",
    "extend": "Holdfast extends it",
    "release": "Holdfast releases it",
    "announce": "Holdfast announces the production",
    "clarify": "Holdfast answers the clarification",
    "poll": "Holdfast asks the provider",
    "escalate": "Holdfast tells people",
    "lapse": "the hold lapses",
}
"""Action of a row to what happens next."""

AWAITED: Mapping[str, str] = {
    "unknown": "whether it arrived",
    "sent": "its receipt",
    "acknowledged": "that it keeps the data",
}
"""State of a request to what the provider has not said yet."""


def waits_for(row: Row, items: Sequence[WorkItem], links: Links) -> str:
    """Who has to do something about a request, and what; "" where nobody has to."""
    if row.next_because.startswith(WAITS):
        return strong("waits for a second person")
    if items:
        first = items[0]
        title = link(first.title, links.page(item_key(first.request, first.about)), width=markup.WIDE)
        more = f"and {number(len(items) - 1, 'more item')}" if len(items) > 1 else ""
        return lines(strong("waits for a person:"), title, more)
    if row.matters:
        return strong("waits for a person")
    awaited = AWAITED.get(row.state, "")
    return f"waits for the provider: {awaited}" if awaited else ""


def board(  # noqa: PLR0917 - what a page is made of
    rows: Sequence[Row],
    tally: Sequence[Tally],
    providers: Mapping[str, str],
    items: Mapping[str, Sequence[WorkItem]],
    links: Links,
    as_at: AsAt,
) -> str:
    """The board.

    Args:
        rows: open requests by what is due next; the first `MOST` are listed.
        tally: all open requests, counted.
        providers: names by id.
        items: what needs a person, by request, most urgent first.
        links: where everything is.
        as_at: when it was made.
    """
    if not rows:
        return markup.page(heading("Board", links, as_at, here=BOARD), strong("No request is open."))
    count, people = sum(each.count for each in tally), sum(each.for_people for each in tally)
    at_risk = sum(each.at_risk for each in tally)
    counted = ", ".join(f"{each.count:,} {STATES.get(each.state, each.state)}" for each in tally)
    first = (
        f" Listed are the {MOST:,} on which something is due first; `holdfast board` lists all, and each case has a"
        " page of its own."
        if count > MOST
        else ""
    )
    return markup.page(
        heading("Board", links, as_at, here=BOARD),
        f"{strong(number(count, 'open request') + '.')} {plain(counted)}."
        f" {number(people, 'request')} with something for a person; {at_risk:,} at risk.{first}",
        table(
            ("Due", "What comes next, and who is waited for", "Request", "How it stands"),
            (_row(each, providers, items.get(each.request, ()), links) for each in rows[:MOST]),
        ),
        "Due: when the next thing happens or must have happened. The hold's end is the strict one, the earliest that"
        " could be argued. Days missing: before nine in ten MLA answers are there. ▲: people were told, one mark"
        " for each level.",
    )


def _row(row: Row, providers: Mapping[str, str], items: Sequence[WorkItem], links: Links) -> Sequence[str]:
    what = plain(NEXT.get(row.next_action, row.next_action))
    return (
        lines("▲" * row.level, at(row.next_at)),
        lines(what, waits_for(row, items, links)),
        lines(_request(row, links), plain(providers.get(row.provider, row.provider))),
        lines(
            markup.folded(STATES.get(row.state, row.state), markup.NARROW),
            f"ends {day(row.strict_on)}" if row.strict_on else "",
            f"{number(row.gap_days_p90, 'day')} missing" if row.gap_days_p90 else "",
        ),
    )


def _request(row: Row, links: Links) -> str:
    """The case, which the link opens, and the id as the forms ask for it."""
    return lines(link(row.case, links.page(case_key(row.case)), width=markup.NARROW), markup.exact(row.request))


def at_risk(gaps: Sequence[Gap], count: int, links: Links, as_at: AsAt) -> str:
    """The requests whose holds end before the MLA answer is expected, in the order given; `count` of them in all."""
    if not gaps:
        text = "Every open request reaches the MLA answer that nine in ten get."
        return markup.page(heading("At risk", links, as_at, here=RISK), strong(text))
    first = f" Listed are the {len(gaps):,} with the most days missing." if count > len(gaps) else ""
    return markup.page(
        heading("At risk", links, as_at, here=RISK),
        f"{strong(number(count, 'open request') + ' may lose data before the MLA answer is there.')}{first} What can"
        " still be done stands beside each, with its last safe day.",
        table(
            ("Missing", "Request", "Held until", "What would close it"), (_gap(each, links, as_at) for each in gaps)
        ),
        "Missing: days between the last day that the law can hold the data and the day by which nine in ten MLA"
        " answers are there. The last safe day leaves the time that the step takes.",
    )


def _gap(each: Gap, links: Links, as_at: AsAt) -> Sequence[str]:
    seen = each.outlook["coverage"]
    today = local_today(as_at.now, each.zone)
    missing = seen["gap_days_p90"] or each.row.gap_days_p90
    way = ways(each.outlook, today)
    close = markup.folded(f"{way[:1].upper()}{way[1:]}") if way else strong("No step is known that still closes it.")
    return (
        strong(f"{missing:,} d"),
        lines(_request(each.row, links), plain(each.provider)),
        lines(day(seen["strict_on"]) if seen["strict_on"] else "no hold", "answer by", day(seen["p90_on"])),
        lines(close, *_others(each, today), markup.folded(f"When it ends: {each.afterwards}.")),
    )


def _others(each: Gap, today: date) -> Iterator[str]:
    """What keeps the gap from growing; and the steps that would have closed it, whose last safe day has passed."""
    for step in each.outlook["last_safe"]:
        name, on = STEPS.get(step["step"], step["step"]), day(step["on"])
        late = step["on"] < today.isoformat()
        if step["step"] in NOT_WAYS:
            yield markup.folded(f"{'Overdue: ' if late else 'So that it does not grow: '}{name} by {on}")
        elif late:
            yield markup.folded(f"Too late to be safe: {name} (was {on})")
