"""The board: every open request, one line each, by what is due next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from flows.words import Table, moment, number, step, until
from timeline.custody import DRAFT, WAITS

STATES = {
    "registered": "not sent",
    "unknown": "in doubt",
    "sent": "sent",
    "acknowledged": "received",
    "in-force": "kept",
    "open-ended": "no end",
    "not-held": "no account",
    "erased": "erased",
}
"""States short enough for a column; the others are said as they are."""

NARROW = 96
"""Columns below which a line for each request would break words within its columns: then each takes two lines."""

TITLES = ("", "WHEN", "REQUEST", "CASE", "PROVIDER", "NEXT", "STATE", "ENDS", "GAP")


def board_page(
    rows: Sequence[Table], now: datetime, *, shown: int | None, columns: int = 100
) -> Iterator[RenderableType]:
    """The rows as `board --json` has them, of which the first `shown` (None: all), drawn so many columns wide."""
    if not rows:
        yield Text("No request is open.")
        return
    late = sum(1 for row in rows if _when(row, now).startswith("overdue"))
    yield Text(f"{number(len(rows), 'open request')}, {late} overdue, at {moment(now)}", style="bold")
    yield Text()
    if columns < NARROW:
        for row in rows[:shown]:
            yield from _two_lines(row, now)
    else:
        table = outlook.grid("fixed", "fixed", "fixed", "flow", "flow", "flow", "flow", "fixed", "fixed")
        table.padding = (0, 1, 0, 0)
        table.add_row(*(Text(title, style="dim") for title in TITLES))
        for row in rows[:shown]:
            table.add_row(*(Text(*cell) for cell in _cells(row, now)))
        yield table
    if shown is not None and len(rows) > shown:
        yield Text(f"and {len(rows) - shown:,} more: --all shows all")
    yield Text()
    yield Text(
        "ENDS: the last strict day of the hold. GAP: days missing before nine in ten MLA answers are there."
        " ▲: escalated, one for each level.",
        style="dim",
    )


def _when(row: Table, now: datetime) -> str:
    return until(row["next"]["at"], now) if row["next"]["at"] else "—"


def _next(following: Table) -> str:
    if following["because"].startswith(WAITS):
        return "second person"
    if following["because"].startswith(DRAFT):
        return "a draft: send it"
    return step(following["action"], following["because"])


def _two_lines(row: Table, now: datetime) -> Iterator[RenderableType]:
    marks, when, request, case, provider, following, state, ends, gap = (Text(*cell) for cell in _cells(row, now))
    yield Text("  ").join(each for each in (marks, when, request, state) if each)
    yield outlook.indented(Text(", ").join((following, provider, case)))
    last = [Text(f"{name} {text}", style="dim") for name, text in (("ENDS", ends), ("GAP", gap)) if text]
    yield outlook.indented(Text("  ").join(last))


def _cells(row: Table, now: datetime) -> list[tuple[str, str]]:
    when = _when(row, now)
    pressing = "bold red" if when.startswith("overdue") or row["level"] > 1 else ""
    return [
        ("▲" * row["level"], "bold red"),
        (when, pressing),
        (row["request"], "bold"),
        (row["case"], ""),
        (row["provider"], ""),
        (_next(row["next"]), pressing),
        (STATES.get(row["state"], row["state"]), "bold red" if row["state"] == "lapsed" else ""),
        (row["strict_on"] or "—", ""),
        (f"{row['gap_days_p90']} d" if row["gap_days_p90"] else "", "red"),
    ]
