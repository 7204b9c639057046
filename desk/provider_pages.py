"""The providers, drawn: the list by how far a hold can be relied on, one with its sources, what to read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text

from desk import outlook
from desk.catalogue_pages import FACTS, age, hanging
from desk.problems import plainly
from desk.provider_tables import CHANGED, LAW, NONE, OLD, PERSONS, PLAYED, READ, SILENT, UNREAD, UNVERIFIED
from desk.provider_words import SECTIONS, said
from flows.words import Table, number

GROUPS: Mapping[str, str] = {
    READ: "Its text was read, and says how long it holds",
    UNREAD: "How long it holds is from memory or from others: nobody has read its text",
    LAW: "Says not how long it holds: the law alone counts",
    NONE: "Does not preserve on request",
    PLAYED: "Played on this machine",
}
TITLES = ("ID", "NAME", "CHANNELS", "HOLDS", "EXTENDS", "TELLS", "SURE", "READ")
NOTICE = {True: "YES", False: "no", None: "?"}
SHORT = {"registered-agent": "agent", "web-form": "form", "it-system": "system", "email": "mail"}
GAP, NAME, NARROWEST_NAME = 2, 1, 14
SAYS_SO = frozenset({"hold", "notice"})
"""The tables whose own words say what is unknown."""
_UNKNOWN = "magenta"
_Line = tuple[str, ...]


def providers_page(
    rows: Sequence[Table], today: date, stale: int, columns: int, country: str = ""
) -> Iterator[RenderableType]:
    """A line for each provider, the most reliable first; one more for each further group of requesters."""
    lines = {row["id"]: list(_lines(row, today)) for row in rows}
    widths = [
        max(map(len, column))
        for column in zip(TITLES, *(line for own in lines.values() for line in own), strict=True)
    ]
    left = columns - sum(widths) + widths[NAME] - GAP * len(TITLES)
    widths[NAME] = min(widths[NAME], left) if left >= NARROWEST_NAME else 0
    yield _grid(widths, [[Text(title, style="dim") for title in TITLES]])
    for group, heading in GROUPS.items():
        own = [row for row in rows if row["group"] == group]
        if own:
            yield Text()
            yield Text(f"{heading} ({len(own)})", style="bold")
            yield _grid(widths, [_cells(line, row, today, stale) for row in own for line in lines[row["id"]]])
    yield Text()
    yield from _legend(rows, country)


def _grid(widths: Sequence[int], rows: Sequence[Sequence[Text]]) -> RenderableType:
    """Columns as wide as said, and none for a width of 0."""
    table = Grid.grid(padding=(0, GAP, 0, 0))
    for width in filter(None, widths):
        table.add_column(width=width, overflow="fold")
    for row in rows:
        table.add_row(*(cell for cell, width in zip(row, widths, strict=True) if width))
    return table


def _lines(row: Table, today: date) -> Iterator[_Line]:
    holds = row["holds"] or [None]
    several = len(holds) > 1
    for number_, hold in enumerate(holds):
        sure = hold["confidence"] if hold else ""
        told = (_days(hold, several=several), _extends(hold), "", sure, "")
        if number_:
            yield ("", "", "", *told)
            continue
        channels = " ".join(SHORT.get(kind, kind) for kind in dict.fromkeys(row["channels"]))
        old = f"{(today - date.fromisoformat(row['oldest_read_on'])).days} d"
        yield (row["id"], row["name"], channels, *told[:2], NOTICE[row["notifies_on_preservation"]], sure, old)


def _days(hold: Table | None, *, several: bool) -> str:
    if hold is None:
        return "–"
    who = "" if hold["requester"] == "any" else f"{hold['requester'].replace('-', ' ')}: "
    days = f"{hold['days']} d" if hold["days"] else "–"
    return f"{who if several or who else ''}{days}{'*' if hold['discretionary'] else ''}"


def _extends(hold: Table | None) -> str:
    if hold is None:
        return "–"
    if hold["extension_count"] == 0:
        return "never"
    star = "*" if hold["extension_discretionary"] else ""
    days = f"{hold['extension_days']} d" if hold["extension_days"] else ""
    times = f"{hold['extension_count']} ×" if hold["extension_count"] else ""
    return f"{' '.join(filter(None, (times, days))) or '–'}{star}"


def _cells(line: _Line, row: Table, today: date, stale: int) -> Sequence[Text]:
    cells = [Text(part) for part in line]
    cells[0].stylize("bold")
    if row["notifies_on_preservation"]:
        cells[5].stylize("bold yellow")
    if line[6] in {"medium", "low"}:
        cells[6].stylize("yellow")
    if (today - date.fromisoformat(row["oldest_read_on"])).days > stale:
        cells[7].stylize("yellow")
    return cells


def _legend(rows: Sequence[Table], country: str) -> Iterator[RenderableType]:
    real = sum(row["group"] != PLAYED for row in rows)
    asked = f" for a requester of {country}" if country else ""
    yield Text(f"{number(real, 'provider')} and {len(rows) - real} played{asked}.", style="bold")
    for line in (
        "* at its discretion: a plan does not rely on it.   – its text is silent: the law alone counts.",
        "TELLS: whether it tells its user of a preservation; ?: not known, so a person decides each time.",
        "SURE: of the hold.   READ: days since the oldest figure was read.",
        "A provider's text only ever shortens what the law gives. `holdfast providers show ID` gives every figure.",
    ):
        yield Text(line, style="dim")


def provider_page(record: Table, stale: int) -> Iterator[RenderableType]:
    """One provider: every figure in words, what is unknown, and at the end where each figure stands."""
    facts = record["facts"]
    yield Text(f"{record['id']}  {facts['name']}", style="bold")
    table = outlook.grid("fixed", "flow")
    for key, value in facts.items():
        if key != "name" and value != "":
            table.add_row(Text(FACTS.get(key, key.replace("_", " ")), style="dim"), Text(str(value)))
    yield outlook.indented(table)
    for note in record["notes"]:
        yield outlook.indented(hanging(note))
    marks = _marks(record["figures"])
    for heading, names in SECTIONS.items():
        yield Text()
        yield outlook.indented(outlook.heading(heading), _figures(record, names, marks))
    yield Text()
    yield outlook.indented(outlook.heading("Where each figure stands"), _sources(record["figures"], marks, stale))


_Stands = tuple[str, str, str, bool]


def _stands(figure: Table) -> _Stands:
    return figure["source"], figure["read_on"], figure["confidence"], figure["verified"]


def _marks(figures: Sequence[Table]) -> dict[_Stands, int]:
    """A number for each different source, in the order in which they are met."""
    order = [name for names in SECTIONS.values() for name in names]
    met = sorted(figures, key=lambda figure: order.index(_root(figure)))
    return {stands: number_ for number_, stands in enumerate(dict.fromkeys(map(_stands, met)), start=1)}


def _figures(record: Table, names: Sequence[str], marks: Mapping[_Stands, int]) -> RenderableType:
    table = outlook.grid("fixed", "flow")
    for name in names:
        figures = [figure for figure in record["figures"] if _root(figure) == name]
        for figure in figures:
            first, *rest = said(figure["place"], figure["values"]) or [""]
            text = Text(first)
            text.append(f"  [{marks[_stands(figure)]}]", style="dim")
            if not figure["verified"]:
                text.append(" NOT VERIFIED", style="yellow")
            text.append("".join(f"\n{line}" for line in rest))
            text.highlight_regex(r"\bunknown\b[^;:,\n\[]*", _UNKNOWN)
            table.add_row(Text(figure["place"], style="dim"), text)
        if figures and name in SAYS_SO:
            continue
        for each in record["unknown"]:
            if _root(each) == name:
                table.add_row(Text(each["place"], style="dim"), Text(f"unknown: {each['what']}", style=_UNKNOWN))
    return table


def _sources(figures: Sequence[Table], marks: Mapping[_Stands, int], stale: int) -> RenderableType:
    ages = {_stands(figure): figure["age_days"] for figure in figures}
    table = outlook.grid("fixed", "flow")
    for stands, mark in marks.items():
        source, read_on, confidence, verified = stands
        text = Text(source)
        text.append(f"\nread {read_on}, {age(ages[stands])}", style="yellow" if ages[stands] > stale else "dim")
        text.append(f"; confidence {confidence}", style="dim")
        if not verified:
            text.append("; NOT VERIFIED", style="bold yellow")
        table.add_row(Text(f"[{mark}]", style="dim"), text)
    return table


def check_page(findings: Sequence[Table], providers: int, only: str = "") -> Iterator[RenderableType]:
    """What to read again: of one provider with every reason, of all a line each, the weightiest first."""
    if not findings:
        yield Text(f"{only or number(providers, 'provider')}: every figure is there, verified and fresh.")
    elif only:
        yield Text(only, style="bold")
        yield outlook.indented(_reasons(findings))
    else:
        yield from _work(findings)
        yield Text()
        yield Text(_total(findings, providers), style="bold")
        yield Text(
            "`holdfast providers check ID` tells the reasons, `holdfast providers show ID` every figure.", style="dim"
        )


def _reasons(findings: Sequence[Table]) -> RenderableType:
    table = outlook.grid("fixed", "fixed", "flow")
    for each in sorted(findings, key=lambda each: each["finding"] not in PERSONS):
        style = "yellow" if each["finding"] in PERSONS else "dim"
        word = "unknown" if each["finding"] == SILENT else each["finding"]
        table.add_row(Text(word, style=style), Text(each["place"]), Text(plainly(each["what"])))
    return table


def _work(findings: Sequence[Table]) -> Iterator[RenderableType]:
    by_provider: dict[str, list[Table]] = {}
    for each in findings:
        by_provider.setdefault(each["provider"], []).append(each)
    left = dict(by_provider)
    for heading, belongs in _HEAPS.items():
        own = {name: left.pop(name) for name in list(left) if any(map(belongs, left[name]))}
        if not own:
            continue
        yield Text(f"{heading} ({len(own)})", style="bold")
        table = outlook.grid("fixed", "flow")
        for name, every in own.items():
            table.add_row(Text(name), _summed(every))
        yield outlook.indented(table)
        yield Text()


_HEAPS = {
    "Changed by the unit without a source of its own": lambda each: each["finding"] == CHANGED,
    "Dates, or whether the user is told, rest on figures to be read again": lambda each: each["weighs"],
    "Other figures to be read again": lambda each: each["finding"] in PERSONS,
    "Nothing to be read again; its text is silent on some things": lambda each: True,
}


def _root(placed: Table) -> str:
    """The table of a figure or finding: ``hold`` for ``hold[0].days``."""
    return str(placed["place"]).partition("[")[0].partition(".")[0]


def _summed(findings: Sequence[Table]) -> Text:
    """What is old, changed and not verified, by place, and what is unknown, in one line."""
    text = Text()
    for kind, style in ((OLD, "bold yellow"), (CHANGED, "bold yellow"), (UNVERIFIED, "yellow"), (SILENT, "dim")):
        roots = Counter(_root(each) for each in findings if each["finding"] == kind)
        if not roots:
            continue
        places = ", ".join(name + (f" ×{count}" if count > 1 else "") for name, count in roots.items())
        text.append("; " if text else "")
        text.append(f"{roots.total()} unknown" if kind == SILENT else f"{kind}: {places}", style=style)
    return text


def _total(findings: Sequence[Table], providers: int) -> str:
    counts = Counter(each["finding"] for each in findings)
    persons = len({each["provider"] for each in findings if each["finding"] in PERSONS})
    parts = [f"{counts[kind]:,} {kind}" for kind in (OLD, CHANGED, UNVERIFIED) if counts[kind]]
    parts += [f"{counts[SILENT]:,} unknown"] if counts[SILENT] else []
    return f"{number(providers, 'provider')}, {persons} with figures to be read again: {', '.join(parts)}."
