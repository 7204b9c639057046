"""The plan of a case as an officer reads it first: does it hold, what stands in the way, what to do by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from desk.bar import picture, scale
from desk.problems import grouped, plainly, way_out
from flows.verdict import BAD, brief, local_today
from flows.words import Table, instant, moment, number

SHOWN = 20
"""Different problems shown of one request; the others are counted."""


def plan_page(plan: Table, zones: Sequence[str], columns: int) -> Iterator[RenderableType]:
    """The whole plan. `zones`: the provider's zone of each request, in order."""
    now, requests = instant(plan["at"]), plan["requests"]
    today = [local_today(now, zone) for zone in zones]
    yield Text(
        f"Case {plan['case']}: {number(len(requests), 'request')}, as if sent {moment(now)}. This sends nothing.",
        style="bold",
    )
    yield outlook.indented(*_problems(plan["problems"]))
    if len(requests) > 1:
        yield _summary(requests, today)
    pictures = [picture(each, today=day, started_on=day) for each, day in zip(requests, today, strict=True)]
    on = scale(pictures, outlook.bar_width(columns))
    for place, (each, day, drawn) in enumerate(zip(requests, today, pictures, strict=True), start=1):
        yield Text()
        which = f"{place} of {len(requests)}  " if len(requests) > 1 else ""
        yield Text(f"{which}{_name(each)} · {number(each['identifiers'], 'identifier')}", style="bold")
        yield outlook.indented(Text(f"addressed to: {each['addressee']['name']}", style="dim"))
        advice = [Text(f"→ {way_out(each['problems'])}")] if brief(each, day)[0] == BAD else []
        yield outlook.indented(outlook.verdict(each, day), *advice, *_problems(each["problems"]))
        yield Text()
        yield outlook.indented(outlook.bar(drawn, on))
        for part in (outlook.to_do(each, day), outlook.lost(each), outlook.clocks(each, now, day)):
            if shown := list(part):
                yield Text()
                yield outlook.indented(*shown)
    yield Text()
    yield Text(
        "strict: the earliest end that could be argued; Holdfast acts on it. legal: the end as the law counts it.",
        style="dim",
    )


def _name(request: Table) -> str:
    return f"{request['provider']} · {request['instrument']}"


def _summary(requests: Sequence[Table], today: Sequence[date]) -> RenderableType:
    """One line for each request."""
    table = outlook.grid("fixed", "fixed", "flow")
    for place, (each, day) in enumerate(zip(requests, today, strict=True), start=1):
        tone, text = brief(each, day)
        errors = sum(problem.is_error for problem in grouped(each["problems"]))
        text += f"; {number(errors, 'error')}" if errors else ""
        table.add_row(Text(str(place)), Text(_name(each)), Text(text, style=outlook.TONES[tone]))
    return outlook.indented(table)


def _problems(problems: Sequence[Table]) -> Iterator[RenderableType]:
    """Problems, errors first, with what to write instead."""
    every = grouped(problems)
    if not every:
        return
    table = outlook.grid("fixed", "flow")
    for each in every[:SHOWN]:
        text = Text(f"{each.where()}: ", style="dim") + Text(plainly(each.problem), style="not dim")
        text.append(f"\n→ {plainly(each.fix)}", style="not dim")
        weight = Text("ERROR", style="bold red") if each.is_error else Text("warning", style="yellow")
        table.add_row(weight, text)
    yield table
    if len(every) > SHOWN:
        yield Text(f"and {number(len(every) - SHOWN, 'more problem')}: --json lists them all")
