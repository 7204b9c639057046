"""The catalogues, drawn: tables of providers and instruments, and one record with the source of every figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from flows.words import Table, number

FACTS = {"zone": "counts days in", "state": "addressee's State"}


def instruments_page(rows: Sequence[Table], today: date, stale: int) -> Iterator[RenderableType]:
    """A title and a line of figures for each instrument."""
    table = outlook.grid("fixed", "flow")
    for row in rows:
        text = Text(row["title"])
        if not row["can_be_sent"]:
            text.append("  cannot be sent now", style="yellow")
        extends = " or ".join(map(_prolongs, row["extensions"])) or "no extension"
        facts = [f"holds {row['first']}" if row["first"] else "no period", extends]
        facts += [f"no end after {' or '.join(row['stop_events'])}"] if row["stop_events"] else []
        text.append(f"\n{'; '.join(facts)}; read ", style="dim")
        table.add_row(Text(row["id"], style="bold"), text + _read(row, today, stale, ", "))
    yield table
    yield Text()
    yield Text(f"{number(len(rows), 'instrument')}. `holdfast instruments show ID` gives every figure.", style="dim")


def _prolongs(extension: Table) -> str:
    times = f"extends {extension['count']} ×" if extension["count"] else "extends any number of times by"
    decided = (
        "" if extension["decided_by"] == "issuer" else f", decided by {extension['decided_by'].replace('-', ' ')}"
    )
    return f"{times} {extension['period']}{decided}"


def _read(row: Table, today: date, stale: int, then: str = "\n") -> Text:
    """How old the oldest figure is, and how many are not verified."""
    days = (today - date.fromisoformat(row["oldest_read_on"])).days
    text = Text(age(days), style="yellow" if days > stale else "")
    if row["unverified"]:
        text.append(f"{then}{row['unverified']} unverified", style="yellow")
    return text


def age(days: int) -> str:
    """How long ago something was read."""
    return "today" if days <= 0 else f"{days} d ago"


def record_page(record: Table, stale: int) -> Iterator[RenderableType]:
    """One record: facts, notes, and every figure with its source and age."""
    facts = record["facts"]
    yield Text(f"{record['id']}  {facts.get('name') or facts.get('title', '')}", style="bold")
    table = outlook.grid("fixed", "flow")
    for key, value in facts.items():
        if key not in {"name", "title"} and value != "":
            table.add_row(Text(FACTS.get(key, key.replace("_", " ")), style="dim"), Text(str(value)))
    yield outlook.indented(table)
    for note in record["notes"]:
        yield outlook.indented(hanging(note))
    yield Text()
    table = outlook.grid("fixed", "flow")
    for figure in record["figures"]:
        text = Text(_values(figure["values"]))
        text.append(f"\n{figure['source']}", style="dim")
        old = figure["age_days"] > stale
        text.append(f"\nread {figure['read_on']}, {age(figure['age_days'])}", style="yellow" if old else "dim")
        text.append(f"; confidence {figure['confidence']}", style="dim")
        if not figure["verified"]:
            text.append("; NOT VERIFIED", style="bold yellow")
        table.add_row(Text(figure["place"], style="bold"), text)
    yield outlook.indented(table)


def hanging(note: str) -> RenderableType:
    """A note with a dash before it."""
    table = outlook.grid("fixed", "flow")
    table.add_row(Text("–"), Text(note))
    return table


def _values(values: Mapping[str, Any]) -> str:
    """The values of a figure as words: ``days 90, discretionary``."""
    return ", ".join(filter(None, (_value(key, value) for key, value in values.items()))) or "—"


def _value(key: str, value: Any) -> str:
    name = key.replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, Mapping):
        return f"{name} ({_values(value)})"
    if isinstance(value, list):
        parts = [_values(each) if isinstance(each, Mapping) else str(each) for each in value]
        return f"{name} {'; '.join(parts)}"
    return f"{name} {value}"
