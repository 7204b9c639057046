"""The plan of a case as an officer reads it first: does it hold, what stands in the way, what to do by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from desk.bar import picture, scale
from desk.words import Table, instant, moment, number

SHOWN = 20
"""Different problems shown of one request; the others are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouped:
    """One problem with every place where it occurs."""

    severity: str
    problem: str
    fix: str
    wheres: tuple[str, ...]


def grouped(problems: Sequence[Table]) -> list[Grouped]:
    """The same problem at many places told once; errors first, else in the order of the file."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(problems, key=lambda each: each["severity"] != "error"):
        found.setdefault((each["severity"], each["problem"], each["fix"]), []).append(each["where"])
    return [Grouped(severity=s, problem=p, fix=f, wheres=tuple(wheres)) for (s, p, f), wheres in found.items()]


def problems_part(problems: Sequence[Table]) -> Iterator[RenderableType]:
    """Problems with what to write instead."""
    if not problems:
        return
    every = grouped(problems)
    table = outlook.grid("fixed", "flow")
    for each in every[:SHOWN]:
        wrong = each.severity == "error"
        text = Text(outlook.plainly(each.problem))
        text.append(f"\n→ {outlook.plainly(each.fix)}")
        text.append(f"\n{outlook.places(each.wheres)}", style="dim")
        table.add_row(Text("ERROR" if wrong else "warning", style="bold red" if wrong else "yellow"), text)
    yield table
    if len(every) > SHOWN:
        yield Text(f"and {number(len(every) - SHOWN, 'more problem')}: --json lists them all")


def plan_page(plan: Table, zones: Sequence[str], columns: int) -> Iterator[RenderableType]:
    """The whole plan. `zones`: the provider's zone of each request, in order."""
    now = instant(plan["at"])
    requests = plan["requests"]
    yield Text(
        f"Case {plan['case']}: {number(len(requests), 'request')},"
        f" looked at as if sent {moment(plan['at'])}. Nothing is sent by this.",
        style="bold",
    )
    yield Text()
    yield from problems_part(plan.get("problems", ()))
    days = [outlook.local_today(now, zone) for zone in zones]
    pictures = [picture(each, today=today, started_on=today) for each, today in zip(requests, days, strict=True)]
    if not pictures:
        return
    on = scale(pictures, outlook.bar_width(columns))
    for place, (each, today, drawn) in enumerate(zip(requests, days, pictures, strict=True), start=1):
        yield from headline(each, place, len(requests), today)
        yield outlook.indented(*problems_part(each["problems"]))
        yield Text()
        yield outlook.indented(outlook.bar(drawn, on))
        for part in (outlook.to_do(each, today), outlook.lost(each), outlook.clocks(each, now, today)):
            if shown := list(part):
                yield Text()
                yield outlook.indented(*shown)
        yield Text()
    yield Text(
        "strict: the earliest end that could be argued; Holdfast acts on it. legal: the end as the law counts it.",
        style="dim",
    )


def headline(request: dict[str, Any] | Table, place: int, count: int, today: date) -> Iterator[RenderableType]:
    """Which request, and the verdict on it."""
    style, text = outlook.verdict(request, today)
    which = f"{place} of {count}  " if count > 1 else ""
    accounts = number(request["identifiers"], "identifier")
    yield Text(f"{which}{request['provider']} · {request['instrument']} · {accounts}", style="bold")
    yield outlook.indented(Text(text[0].upper() + text[1:] + ".", style=style))
