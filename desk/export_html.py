"""Pieces of the page of a bundle: values of the record as HTML. Nothing of the record is ever markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from flows.words import Table, day, moment


def plain(text: object) -> str:
    """A text of the record: shown as it is, never markup."""
    return escape(str(text))


def row(name: str, html: str) -> str:
    """A line of a table of facts."""
    return f"<tr><th>{plain(name)}</th><td>{html}</td></tr>"


def working(lines: Sequence[str]) -> str:
    """A derivation, step by step."""
    return '<ol class="working">' + "".join(f"<li>{plain(line)}</li>" for line in lines) + "</ol>"


def struck(clock: Table, name: str) -> str:
    """When a clock strikes, "strict" or "legal"."""
    return day(clock[f"{name}_on"]) if f"{name}_on" in clock else moment(clock[f"{name}_at"])


def between(start: str, end: str) -> str:
    """The period of the data asked for."""
    if not start and not end:
        return "any time"
    return f"{moment(start) if start else 'any time'} and {moment(end) if end else 'the sending'}"


def mla_said(mla: Table) -> str:
    """Where the MLA request stood at the beginning."""
    words = (("sent_on", "sent"), ("received_on", "received"), ("send_on", "planned for"))
    dates = [f"{word} {day(mla[name])}" for name, word in words if mla.get(name)]
    return ", ".join([f"by {mla['requested_state']}" if mla.get("requested_state") else "", *dates]).strip(", ")


def figures(table: Table, place: str) -> Iterator[tuple[str, Table]]:
    """Every table with a source."""
    if "source" in table:
        yield place, table
    for name, value in table.items():
        if isinstance(value, dict):
            yield from figures(value, name.replace("_", " "))
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    yield from figures(each, name.replace("_", " "))


def value_said(value: object) -> str:
    """A value of the law or the practice."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
