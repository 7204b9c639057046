"""Markdown that both of Prefect's UIs show alike: nothing of the record is ever markup.

Tried in both: a backslash before a character of markup, `<br>` in a cell, code spans, links with an address that goes
up from the page. V1 shows entities (``&#124;``) as they are written, shows the label of a link as it is written, and
never wraps a cell; V2 makes a link of whatever looks like an address. So no entities are used, labels have no markup
that would have to be undone, `folded` and `link` break the lines of cells, and addresses are kept apart.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from flows.words import day, moment

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~&:@])")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_ADDRESS = re.compile(r"(?i)(https?|ftp|xmpp|mailto|www)(?=[:.])|(?=@)")
_JOINER = "\u2060"  # keeps an address from becoming a link; it is not seen
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LABEL = str.maketrans("[]|`<>*~\\_", "()¦'‹›∗∼∖ˍ")

NARROW, WIDE = 26, 46
"""Characters of a line in a cell, so that the columns of a page fit beside each other."""


def seen(text: object) -> str:
    """A text on one line, without what cannot be seen."""
    return " ".join(_UNSEEN.sub(" ", str(text)).split())


def plain(text: object) -> str:
    """A text of the record, shown as it is."""
    return _escaped(seen(text))


def _escaped(text: str) -> str:
    apart = _ADDRESS.sub(lambda found: f"{found[0]}{_JOINER}", text)
    return _MARKUP.sub(r"\\\1", apart)


def prose(text: object) -> str:
    """A sentence of ours: what stands between two backticks in it is to be typed exactly so."""
    parts = seen(text).split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    return "".join(exact(part, cell=False) if odd % 2 else _escaped(part) for odd, part in enumerate(parts))


def folded(text: object, width: int = WIDE) -> str:
    """A text of the record for a cell, on as many lines as it takes."""
    return "<br>".join(map(_escaped, textwrap.wrap(seen(text), width))) or "—"


def exact(text: object, *, cell: bool = True) -> str:
    """A text that somebody may copy, such as a provider's reference, exactly; for a cell of a table, or outside."""
    shown = seen(text)
    fence = "`"
    while fence in shown:
        fence += "`"
    gap = " " if shown.startswith("`") or shown.endswith("`") else ""
    whole = f"{fence}{gap}{shown}{gap}{fence}" if shown else "—"
    return whole.replace("|", "\\|") if cell else whole


def link(label: object, to: str, *, width: int = 0) -> str:
    """A link, or its label alone where there is nowhere to go. With `width`: for a cell, on lines of so many letters.

    What would be markup in the label is shown by signs that look like it: V1 shows a label as it is written.
    """
    if not to:
        return folded(label, width) if width else plain(label)
    text = seen(label)
    return "<br>".join(f"[{_label(line)}]({to})" for line in (textwrap.wrap(text, width) if width else [text]))


def _label(text: str) -> str:
    apart = _ADDRESS.sub(lambda found: f"{found[0]}{_JOINER}", text)
    return _ENTITY.sub(f"&{_JOINER}", apart).translate(_LABEL)


def strong(text: str) -> str:
    """Markdown that stands out."""
    return f"**{text}**"


def lines(*parts: str) -> str:
    """Markdown in a cell, one line after the other; empty ones are left out."""
    return "<br>".join(part for part in parts if part)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are markdown."""
    head = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return "\n".join([*head, *(f"| {' | '.join(cells)} |" for cells in rows)])


def numbered(steps: Iterable[str]) -> str:
    """A list of markdown with numbers."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def bullets(points: Iterable[str]) -> str:
    """A list of markdown."""
    return "\n".join(f"- {point}" for point in points)


def image(svg: str, alt: str) -> str:
    """A picture that stands in the page itself."""
    return f"![{plain(alt)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def on(value: date | str) -> str:
    """A day for a cell."""
    return day(value) if value else "—"


def at(value: datetime | str | None) -> str:
    """An instant for a cell, on two lines: the day, and the time in UTC."""
    if not value:
        return "—"
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
    shown, _, time = moment(value).rpartition(" ")[0].rpartition(" ")
    return f"{shown}<br>{time} UTC"


def page(*parts: str) -> str:
    """The parts of a page, those that are not empty, one below the other."""
    return "\n\n".join(part for part in parts if part)
