"""The chain of holds against the MLA forecast, drawn on one scale of time, as rows of text.

    Nov 2026 │Dec     │2027    │Feb     │Mar     │Apr     │May
    ████████████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓····· 20 days without a hold ····
    ↑ today                     ↑ 18 Feb: end     ↑ …

`█` the first hold, `▓` and `▒` extensions in turn, `▶` no end, `·` days before the answer without any hold.
Pure: values in, rows out; colours are laid on by whoever prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flows.words import MONTHS, Table, day, number

FIRST, EXTENSIONS, GAP, ONWARD = "█", "▓▒", "·", "▶"
MARGIN = 0.06
"""The part of the width left free after the last date, so that its label and the end are seen."""

_JOINED = "\0"  # a space within a label while rows are laid out: nothing may run through it


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What is drawn of one request. Days are local at the provider; `links` are strict ends, in order.

    `started_on` is the first day of the hold; `confirmed` how many links are, None in a plan, where none is yet.
    `open_ended`: a stop event took the end away.
    """

    today: date
    started_on: date
    links: tuple[date, ...]
    open_ended: bool
    mla_on: date
    p50_on: date
    p90_on: date
    gap_days: int
    confirmed: int | None = None
    mla_sent: bool = False

    @property
    def days(self) -> tuple[date, ...]:
        """Every day that must be on the scale."""
        return (self.today, self.started_on, *self.links, self.mla_on, self.p50_on, self.p90_on)


def picture(plan: Table, *, today: date, started_on: date, confirmed: int | None = None) -> Picture:
    """The picture of a request's plan or record (`plan --json`, `show --json`)."""
    seen = plan["coverage"]
    links, held = drawn_ends([date.fromisoformat(link["strict_on"]) for link in plan["chain"]], confirmed)
    said = [line for clock in plan["clocks"] if clock["kind"] == "mla-answer" for line in clock["derivation"]]
    return Picture(
        today=today,
        started_on=started_on,
        links=links,
        open_ended=seen["open_ended_by"] is not None,
        mla_on=date.fromisoformat(seen["mla_sent_on"]),
        p50_on=date.fromisoformat(seen["p50_on"]),
        p90_on=date.fromisoformat(seen["p90_on"]),
        gap_days=seen["gap_days_p90"],
        confirmed=held,
        mla_sent=any(line.startswith("sent ") for line in said),
    )


def drawn_ends(ends: Sequence[date], confirmed: int | None) -> tuple[tuple[date, ...], int | None]:
    """The ends that are drawn, and how many of them, less one, are confirmed.

    Nothing is held beyond the last confirmed end: where the provider has named an earlier day, that one counts.
    """
    if not ends or confirmed is None:
        return tuple(ends), confirmed
    last = ends[confirmed]
    held = sorted({min(each, last) for each in ends[: confirmed + 1]})
    return (*held, *ends[confirmed + 1 :]), len(held) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Days on columns: `first` in column 0, `last` in the last one."""

    first: date
    last: date
    width: int

    def column(self, on: date) -> int:
        """The column of a day, counted from 0."""
        length = (self.last - self.first).days + 1
        return max(0, min(self.width - 1, (on - self.first).days * self.width // length))


def scale(pictures: Iterable[Picture], width: int) -> Scale:
    """One scale for several pictures, so that they can be compared line by line."""
    every = sorted(on for each in pictures for on in each.days)
    if not every:
        raise ValueError("nothing to draw: no picture was given")
    length = max((every[-1] - every[0]).days, 28)
    return Scale(first=every[0], last=every[0] + timedelta(days=int(length * (1 + MARGIN)) + 1), width=width)


def axis(on: Scale) -> str:
    """The months, each at its first day; a year in place of its January, which is never left out."""
    first = on.first
    months = [date(first.year + (first.month + n) // 12, (first.month + n) % 12 + 1, 1) for n in range(12 * 30)]
    months = [month for month in months if month <= on.last]
    room = on.width / max(1, len(months))
    step = next((step for step in (1, 2, 3, 6) if room * step >= len("│2027 ")), 12)
    january = min((on.column(month) for month in months if month.month == 1), default=on.width)
    names = (f"{MONTHS[first.month - 1]} {first.year}", MONTHS[first.month - 1], "")
    row = next(name for name in names if len(name) <= january)
    for month in months:
        label = f"│{month.year}" if month.month == 1 else f"│{MONTHS[month.month - 1]}"
        column = on.column(month)
        if (month.month - 1) % step == 0 and column >= len(row) and column + len(label) <= on.width:
            row = row.ljust(column) + label
    return row


def hold_row(drawn: Picture, on: Scale) -> str:
    """The holds, then the gap. Whatever is there takes at least one column."""
    cells = [" "] * on.width
    at = on.column(drawn.started_on)
    if drawn.open_ended:
        cells[at:] = FIRST * (on.width - at - 1) + ONWARD
        return "".join(cells)
    for n, end in enumerate(drawn.links):
        until = min(max(on.column(end), at), on.width - 1)
        cells[at : until + 1] = (EXTENSIONS[(n - 1) % 2] if n else FIRST) * (until + 1 - at)
        at = until + 1
    if drawn.gap_days:
        until = min(max(on.column(drawn.p90_on), at), on.width - 1)
        at = min(at, until)
        cells[at : until + 1] = _gap(drawn.gap_days, until + 1 - at)
    return "".join(cells).rstrip()


def _gap(days: int, width: int) -> str:
    """Dots, with the number of days in the middle where there is room."""
    for text in (f" {number(days, 'day')} without a hold ", f" {number(days, 'day')} ", f" {days} "):
        if len(text) + 4 <= width:
            return text.center(width, GAP)
    return GAP * width


def answer_row(drawn: Picture, on: Scale) -> str:
    """The forecast of the answer: from the MLA request by way of half of the answers to nine in ten."""
    begin, half, most = (on.column(each) for each in (drawn.mla_on, drawn.p50_on, drawn.p90_on))
    cells = [" "] * on.width
    cells[begin : most + 1] = "─" * (most + 1 - begin)
    for column, mark in ((begin, "├"), (half, "┼"), (most, "┤")):
        cells[column] = mark
    return "".join(cells).rstrip()


def labels(marks: Sequence[tuple[date, str]], on: Scale) -> list[str]:
    """Arrows below a row, each with its text to the right or left, over as many rows as it takes."""
    rows: list[list[str]] = []
    for when, text in sorted(marks):
        column = on.column(when)
        right, left = (said.replace(" ", _JOINED) for said in (f"↑ {text}", f"{text} ↑"))
        start, said = (column, right) if column + len(right) <= on.width else (max(0, column + 1 - len(left)), left)
        for row in rows:
            if all(cell == " " for cell in row[max(0, start - 2) : start + len(said) + 2]):
                break
        else:
            row = [" "] * max(on.width, len(said))
            rows.append(row)
        row[start : start + len(said)] = said
        for above in rows[: rows.index(row)]:
            if above[column] == " ":
                above[column] = "│"
    return ["".join(row).replace(_JOINED, " ").rstrip() for row in rows]


def draw(drawn: Picture, on: Scale) -> list[tuple[str, str]]:
    """All rows with a name for each: the axis, the holds with their dates, the answer with its."""
    ends = [(drawn.today, "today")]
    if not drawn.open_ended:
        ends += [(end, _end(drawn, n)) for n, end in enumerate(drawn.links)]
    sent = "sent" if drawn.mla_sent else "to be sent"
    answer = [
        (drawn.mla_on, f"{sent} {day(drawn.mla_on)}"),
        (drawn.p50_on, f"half by {day(drawn.p50_on)}"),
        (drawn.p90_on, f"9 in 10 by {day(drawn.p90_on)}"),
    ]
    return [
        ("", axis(on)),
        ("data held", hold_row(drawn, on)),
        *(("", row) for row in labels(_sparse(ends), on)),
        ("MLA answer", answer_row(drawn, on)),
        *(("", row) for row in labels(answer, on)),
    ]


def _end(drawn: Picture, link: int) -> str:
    on = day(drawn.links[link])
    if drawn.confirmed is None:
        return f"extended to {on}" if link else f"first hold to {on}"
    return f"confirmed to {on}" if link <= drawn.confirmed else f"if extended: {on}"


def _sparse(ends: list[tuple[date, str]]) -> list[tuple[date, str]]:
    """Of a long chain only the first links and the last one are named: the bar shows the others."""
    return ends if len(ends) <= 5 else [*ends[:3], ends[-1]]  # noqa: PLR2004 - five labels fit on a few rows
