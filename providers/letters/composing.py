"""From an order to what the structure draws: values in the words of a language, nothing to be interpreted.

The result is JSON for `sys.inputs.letter`; `config/letters/letter.typ` is its only reader. The keys are
described in docs/letters.md.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from itertools import zip_longest

from providers.errors import Unsupported
from providers.interface import Action, Item, Order
from providers.letters.characters import Json, isolated, prose_runs
from providers.letters.fields import CONDITIONS, FIELDS, HEAD, PLACEHOLDERS, Said, day_of
from providers.letters.language import Language
from providers.letters.stationery import Block, Composition, Stationery

INLINE = 6
"""So many identifiers stand in the letter itself; more stand in its annex."""

MOST = 10_000
"""So many make 330 pages in 20 seconds; the time grows with the square, and a lease ends after minutes."""

_WIDE, _NARROW = 64, 31
"""Characters of an identifier on one line: without and with the columns for its use."""

_ESCAPE = "U+200B"

KIND_OF = {
    Action.SEND: "original",
    Action.EXTEND: "extension",
    Action.RELEASE: "release",
    Action.ANNOUNCE: "announce",
    Action.CLARIFY: "clarify",
}
"""The kind of letter that says an action."""


def compose(order: Order, stationery: Stationery, language: Language, *, draft: bool, signed: bool) -> Json:
    """The letter as data.

    Raises:
        Unsupported: a letter of this kind cannot be said for the order: which fields it lacks (a draft shows the
            gaps instead), or that it has more identifiers than `MOST`.
        ValueError: the order has an instant without a zone.
    """
    if len(order.items) > MOST:
        raise Unsupported(
            f"a letter takes at most {MOST} identifiers, and there are {len(order.items)}: divide the request"
        )
    composition = stationery.composition(order.instrument, KIND_OF[order.action])
    said = Said(
        order=order,
        language=language,
        text_font=stationery.text_font,
        identifier_font=stationery.identifier_font,
    )
    return _Letter(said, composition, draft=draft).data(signed=signed)


class _Letter:
    def __init__(self, said: Said, composition: Composition, *, draft: bool) -> None:
        self.said, self.composition, self.draft = said, composition, draft
        self.order, self.language, self.words = said.order, said.language, said.language.words
        self.used = frozenset(
            key for key in ("used_from", "used_to", "zone") if any(getattr(item, key) for item in said.order.items)
        )
        missing = [name for name in composition.needs if FIELDS[name](said) is None]
        if missing and not draft:
            raise Unsupported(f"the letter cannot be written without {', '.join(missing)}")

    def data(self, *, signed: bool) -> Json:
        order, words, made_on = self.order, self.words, day_of(self.order.made_at)
        assert made_on is not None  # noqa: S101 - an order is always made at some time
        annexed = len(order.items) > INLINE
        blocks = [drawn for block in self.composition.blocks if (drawn := self._block(block)) is not None]
        return {
            "language": self.language.tag.partition("-")[0],
            "region": self.language.tag.partition("-")[2] or None,
            "direction": self.language.direction,
            "title": list[Json](self.language.titles[self.composition.title].splitlines()),
            "made_on": [made_on.year, made_on.month, made_on.day],
            "request": order.request,
            "page": [text if name is None else {"count": name} for text, name in _parts(words["page"])],
            "draft": words["draft"] if self.draft else None,
            "fonts": {
                "text": list[Json](self.said.text_font.families),
                "code": list[Json](self.said.identifier_font.families),
            },
            "head": None if self.composition.form else self._head(),
            "blocks": list[Json](blocks),
            "utc": words["all_utc"] if "zone" in self.used else words["utc"],
            "signature": self._signature(signed=signed),
            "annex": {"heading": words["annex"], "items": self._items()} if annexed else None,
        }

    def _head(self) -> Json:
        order, said = self.order, self.said
        officer = order.officer
        attention = self.language.texts[self.composition.attention][0] if self.composition.attention else ""
        to = [
            said.prose(order.addressee.name),
            said.plain(f"{self.words['attention']} {attention}") if attention else None,
            said.prose(order.addressee.service) if order.addressee.service != order.addressee.name else None,
            said.plain(said.state(order.addressee.state)),
        ]
        sender = [
            said.prose(order.unit),
            said.plain(said.state(order.country)),
            said.prose(officer.name),
            said.codes([officer.badge]),
            said.codes([officer.phone]),
            said.codes([officer.email]),
        ]
        return {
            "to": [self.words["to"], [each for each in to if each] or [said.plain(self.words["not_stated"])]],
            "sender": [self.words["sender"], [each for each in sender if each]],
            "rows": self._rows(HEAD),
        }

    def _block(self, block: Block) -> Json:
        if block.when and not CONDITIONS[block.when](self.order):
            return None
        drawn: dict[str, Json] = {}
        if block.heading:
            drawn["heading"] = self.language.headings[block.heading]
        if block.text:
            drawn["text"] = self._sentence(block.text)
        elif block.note:
            drawn["note"] = self._sentence(block.note)
        elif block.list:
            drawn["list"] = [self._sentence(key) for key in self._lines(block)]
        elif block.items and len(self.order.items) > INLINE:
            count = isolated(str(len(self.order.items)))
            drawn["text"] = [self.words["see_annex"].format(count=count)]
        elif block.items:
            drawn["items"] = self._items()
        else:
            drawn["rows"] = rows = self._rows(block.fields)
            if not rows:
                return None
        return drawn

    def _lines(self, block: Block) -> Iterator[str]:
        for key, when in zip_longest(block.list, block.each):
            if not when or CONDITIONS[when](self.order):
                yield key

    def _rows(self, fields: tuple[str, ...]) -> list[Json]:
        """Label and value; a needed field that a draft lacks says so."""
        rows: list[Json] = []
        for name in fields:
            value = FIELDS[name](self.said)
            if value is None and name in self.composition.needs:
                value = self.said.plain(self.words["not_stated"])
            if value is not None:
                rows.append([self.language.labels[name], value])
        return rows

    def _sentence(self, key: str) -> list[Json]:
        """The first of the texts for which the order has every value, as runs."""
        lacking: list[str] = []
        for text in self.language.texts[key]:
            parts = _parts(text)
            values = {name: PLACEHOLDERS[name](self.said) for _, name in parts if name}
            lacking = [name for name, value in values.items() if not value]
            if not lacking or (self.draft and text == self.language.texts[key][-1]):
                return [self._part(part, name, values) for part, name in parts]
        raise Unsupported(f"the letter cannot be written without {', '.join(lacking)}")

    def _part(self, text: str, name: str | None, values: dict[str, str]) -> Json:
        if name is None:
            return text
        if not values[name]:
            return f"[{self.words['not_stated']}]"
        if name in {"request", "earlier"}:
            return {"code": values[name]}
        return isolated(values[name])

    def _items(self) -> Json:
        keys = ["number", "type", "value", *(key for key in ("used_from", "used_to", "zone") if key in self.used)]
        rows: list[Json] = [self._row(number, item) for number, item in enumerate(self.order.items, 1)]
        printing: list[Json] = [
            text if name is None else {"u": _ESCAPE} for text, name in _parts(self.words["printing"])
        ]
        return {
            "columns": list[Json](keys),
            "labels": [self.words[key] for key in keys],
            "rows": rows,
            "printing": printing if '{"u":' in json.dumps(rows) else None,
        }

    def _row(self, number: int, item: Item) -> Json:
        language = self.language
        cells: list[Json] = [
            str(number),
            language.types.get(item.type, item.type),
            self.said.code(item.value, _NARROW if self.used else _WIDE),
        ]
        for key, moment in (("used_from", item.used_from), ("used_to", item.used_to)):
            if key in self.used:
                cells.append(language.instant(moment) if moment else "")
        if "zone" in self.used:
            cells.append(prose_runs(item.zone, self.said.text_font))
        return cells

    def _signature(self, *, signed: bool) -> Json:
        order, said = self.order, self.said
        lines = [said.prose(order.officer.name), said.prose(order.unit)]
        return {
            "lines": [line for line in lines if line],
            "label": self.words["signature"],
            "signed": self.words["signed"] if signed else None,
        }


def _parts(text: str) -> list[tuple[str, str | None]]:
    """A checked text, cut: ``(text, None)`` for words, ``("", name)`` for a placeholder."""
    parts: list[tuple[str, str | None]] = []
    for before, name, _, _ in string.Formatter().parse(text):
        if before:
            parts.append((before, None))
        if name is not None:
            parts.append(("", name))
    return parts
