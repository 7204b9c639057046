"""What a plan and a record have in common, drawn: the verdict, the bar, what to do, what is lost, the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from desk.bar import GAP, ONWARD, Picture, Scale, draw
from desk.problems import plainly
from flows.verdict import BAD, GOOD, IF
from flows.verdict import verdict as said
from flows.words import CLOCKS, Table, day, days_off, instant, moment, until
from timeline.steps import STEPS

INDENT = 3
NAMES = 12
"""Columns for the names of the bar's rows, a space included."""

_RED, _GREEN, _DIM, _BOLD = "bold red", "green", "dim", "bold"
TONES = {GOOD: "green", IF: "yellow", BAD: _RED}


def bar_width(columns: int) -> int:
    """Columns left for the bar itself."""
    return columns - INDENT - NAMES


def indented(*parts: RenderableType, by: int = INDENT) -> Padding:
    """Parts below each other, indented."""
    return Padding(Group(*parts), (0, 0, 0, by))


def grid(*columns: str) -> Grid:
    """Columns without lines; ``fixed`` ones are never broken, ``flow`` ones wrap."""
    made = Grid.grid(padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(no_wrap=column == "fixed", overflow="fold")
    return made


def verdict(plan: Table, today: date) -> Text:
    """The sentence on the whole, coloured by how it is."""
    tone, text = said(plan, today)
    return Text(f"{text[0].upper()}{text[1:]}.", style=TONES[tone])


def bar(drawn: Picture, on: Scale) -> RenderableType:
    """The picture, with its rows named; colours only repeat what the characters say."""
    rows = []
    for name, row in draw(drawn, on):
        line = Text(f"{name:{NAMES}}", no_wrap=True, overflow="crop")
        text = Text(row)
        if name == "data held":
            text.highlight_regex(f"[{GAP}].*", _RED)
            text.highlight_regex(f"[█▓▒{ONWARD}]+", _GREEN)
        elif name or row.startswith("│"):
            text.stylize(_DIM)
        rows.append(line + text)
    return Group(*rows)


def heading(text: str) -> Text:
    """The title of a section."""
    return Text(text, style=_BOLD)


def to_do(plan: Table, today: date) -> Iterator[RenderableType]:
    """What to do by when: the next first, and last what it is too late for."""
    if not plan["last_safe"]:
        return
    table = grid("fixed", "flow")
    for step in sorted(plan["last_safe"], key=lambda step: (step["on"] < today.isoformat(), step["on"])):
        past = step["on"] < today.isoformat()
        what = Text(f"{STEPS.get(step['step'], step['step'])}: ")
        what.append(f"ALREADY PAST, {days_off(step['on'], today)}" if past else days_off(step["on"], today))
        what.stylize(_RED if past else _BOLD)
        what.append(f"\n{plainly(step['because'])}", style=_DIM)
        table.add_row(Text(f"by {day(step['on'])}", style=_RED if past else _BOLD), what)
    yield heading("What to do, and the last safe day for it")
    yield indented(table)


def lost(plan: Table) -> Iterator[RenderableType]:
    """What the provider has deleted already."""
    if not plan["lost"]:
        return
    table = grid("fixed", "flow")
    for each in plan["lost"]:
        text = f"{each['what']}, made {_time(each['from'])} to {_time(each['to'])}"
        table.add_row(Text(each["category"], style=_RED), Text(f"{text}: deleted since {_time(each['since'])}"))
    yield heading("Lost already: the provider deletes these by itself")
    yield indented(table)


def clocks(plan: Table, now: datetime, today: date) -> Iterator[RenderableType]:
    """Every clock, the next to strike first, each with how it was counted."""
    if not plan["clocks"]:
        return
    table = grid("fixed", "flow")
    for clock in plan["clocks"]:
        off = _off(clock, now, today)
        style = _RED if off.startswith(("overdue", "now")) or off.endswith("ago") else ""
        what = Text(_struck(clock), style=style)
        for line in clock["derivation"]:
            what.append(f"\n{line}", style=_DIM)
        table.add_row(Text(off, style=style), what)
    yield heading("Clocks, and how each was counted")
    yield indented(table)


def _off(clock: Table, now: datetime, today: date) -> str:
    """How far off a clock's strict end is: in hours while that matters, else in days."""
    if "strict_on" in clock:
        return days_off(clock["strict_on"], today)
    at = instant(clock["strict_at"])
    return until(at, now) if abs(at - now) < timedelta(days=2) else days_off(at.date(), now.date())


def _struck(clock: Table) -> str:
    """A clock as a sentence: what strikes when, strictly and legally."""
    kind, strict, legal = clock["kind"], _end(clock, "strict"), _end(clock, "legal")
    what = CLOCKS.get(kind, kind)
    if kind == "mla-answer":
        return f"{what}: half by {strict}, nine in ten by {legal}"
    if kind == "natural-loss":
        return f"{what}: the oldest from {strict}, the last of it by {legal}"
    if kind == "extension-window":
        return f"{what}: safe until {strict}, the period by law runs until {legal}"
    return f"{what} {strict}" if strict == legal else f"{what} {strict} (strict), {legal} (legal)"


def _end(clock: Table, which: str) -> str:
    return day(clock[f"{which}_on"]) if f"{which}_on" in clock else _time(clock[f"{which}_at"])


def _time(text: str) -> str:
    """An instant; midnight, in UTC, as its day."""
    at = instant(text)
    return day(at.date()) if (at.hour, at.minute, at.second) == (0, 0, 0) else moment(at)
