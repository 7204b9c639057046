"""What a rehearsal found, as the table that `rehearse --json` prints and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from flows.words import STATES, day, number

if TYPE_CHECKING:
    from flows.rehearsing import Fate, Rehearsal

Table = dict[str, Any]


def rehearsal_json(present: Rehearsal, other: Rehearsal | None) -> Table:
    """Both runs in one document; `other` is None where nothing was changed."""
    return {
        "from": present.began_at.isoformat().replace("+00:00", "Z"),
        "to": present.over_at.isoformat().replace("+00:00", "Z"),
        "present": _counted(present),
        "other": _counted(other) if other else None,
        "requests": [
            {
                "request": fate.request,
                "case": fate.case,
                "provider": fate.provider,
                "instrument": fate.instrument,
                "present": _fate(fate),
                "other": _fate(other.fates[request]) if other else None,
            }
            for request, fate in sorted(present.fates.items(), key=lambda each: _first(each[1], other))
        ],
        "faults": list(dict.fromkeys((*present.faults, *(other.faults if other else ())))),
    }


def _first(fate: Fate, other: Rehearsal | None) -> tuple[bool, date, str]:
    """Lapses first, the earliest on top."""
    both = [each for each in (fate, other.fates[fate.request] if other else None) if each is not None]
    days = [each.on for each in both if each.lapses and each.on]
    return not days, min(days, default=fate.on or date.max), fate.request


def _counted(run: Rehearsal) -> Table:
    fates = list(run.fates.values())
    return {
        "requests": len(fates),
        "lapse": sum(each.lapses for each in fates),
        "imminent": sum(each.imminent_on is not None for each in fates),
        "answered": sum(each.outcome == "answered" for each in fates),
        "told": sum(each.told for each in fates),
    }


def _fate(fate: Fate) -> Table:
    return {
        "outcome": fate.outcome,
        "on": fate.on.isoformat() if fate.on else None,
        "told": fate.told,
        "level": fate.level,
        "imminent_on": fate.imminent_on.isoformat() if fate.imminent_on else None,
    }


def told_of(policy: Path | None, mla_days: int | None) -> str:
    """What the other run changes, for the title of its column."""
    changed = [policy.name] if policy else []
    return ", ".join([*changed, f"MLA answers after {mla_days} days"] if mla_days else changed)


def rehearsal_page(document: Mapping[str, Any], changed: str, *, everything: bool) -> Iterator[RenderableType]:
    """The counts, then one line for each request that is at risk or fares otherwise."""
    rows = [each for each in document["requests"] if everything or _matters(each)]
    title = f"{number(document['present']['requests'], 'open request')}, from {day(document['from'][:10])}"
    yield Text(f"{title} to {day(document['to'][:10])}, rehearsed: nothing was sent, nobody was told", style="bold")
    yield Text()
    counts = outlook.grid("flow", "flow")
    counts.add_row(Text("as things stand", style="dim"), _sum(document["present"]))
    if document["other"]:
        counts.add_row(Text(f"with {changed}", style="dim"), _sum(document["other"]))
    yield outlook.indented(counts)
    if not rows:
        yield Text()
        yield Text("No hold would lapse or come within reach of its end. --all lists all requests.", style="green")
        return
    yield Text()
    table = outlook.grid("fixed", "flow", "flow", *(["flow", "flow"] if document["other"] else ["flow"]))
    titles = ("REQUEST", "CASE", "PROVIDER", "AS THINGS STAND", *(["THEN"] if document["other"] else []))
    table.add_row(*(Text(each, style="dim") for each in titles))
    for row in rows:
        fates = [_said(row["present"]), *([_said(row["other"], row["present"])] if row["other"] else [])]
        table.add_row(Text(row["request"]), Text(row["case"]), Text(row["provider"]), *fates)
    yield table
    yield Text()
    more = len(document["requests"]) - len(rows)
    left = f" {number(more, 'request')} without such a day: --all lists all." if more else ""
    yield Text(f"▲: how high people would be told, and how often.{left}", style="dim")


def _matters(row: Mapping[str, Any]) -> bool:
    both = [each for each in (row["present"], row["other"]) if each]
    differs = len(both) > 1 and both[0] != both[1]
    return differs or any(each["outcome"] == "lapses" or each["imminent_on"] for each in both)


def _sum(counts: Mapping[str, Any]) -> Text:
    lapse = counts["lapse"]
    text = Text(f"{number(lapse, 'hold')} would lapse" if lapse else "no hold would lapse")
    text.stylize("bold red" if lapse else "green")
    return text.append(
        f"; {counts['imminent']} would come within a day of an end, {counts['answered']} would be answered in time;"
        f" people would be told {number(counts['told'], 'time')}",
        style="",
    )


def _said(fate: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Text:
    if before == fate:
        return Text("the same", style="dim")
    outcome = fate["outcome"]
    words = outcome if fate["on"] else STATES.get(outcome, outcome)
    text = Text(f"{words} {day(fate['on'])}" if fate["on"] else words)
    text.stylize("bold red" if outcome == "lapses" else "")
    if fate["imminent_on"] and outcome != "lapses":
        text.append(f", end a day away on {day(fate['imminent_on'])}", style="yellow")
    return text.append(f" {'▲' * fate['level']} {fate['told']}×" if fate["told"] else "", style="dim")
