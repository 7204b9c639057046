"""What a message says: templates of a provider's table, filled in from an `Order`.

A template is compiled when the table is read, so a wrong field is told then and not at the first sending.
`FIELDS` is the closed set of named fields. Those that may name a person or an account are allowed in bodies
only: paths, queries and headers end up in other people's logs.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from providers.errors import Unsupported
from providers.interface import Item, Order
from providers.section import Section, one_of, shown

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A provider's own words for ours. A map that is None passes our words on as they are."""

    categories: Mapping[str, str] | None = None
    types: Mapping[str, str] | None = None
    instruments: Mapping[str, str] | None = None
    urgencies: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a template is filled in from: an order, a provider's words, and the item at hand within `each`."""

    order: Order = field(repr=False)
    words: Words
    item: Item | None = field(default=None, repr=False)

    @property
    def at_hand(self) -> Item:
        """The item that `each` has reached; where there is none is checked when the table is read."""
        if self.item is None:
            raise LookupError("an item's field outside of each")
        return self.item


def _instant(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("an order has an instant without a zone; give aware UTC")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(known: Mapping[str, str] | None, word: str, what: str) -> str:
    if known is None:
        return word
    if word not in known:
        raise Unsupported(f"this provider's protocol has no word for the {what} {word!r}")
    return known[word]


def _reference(said: Said) -> str:
    if not said.order.references:
        raise Unsupported("the provider has given no reference yet, and its protocol needs one for this")
    return said.order.references[0]


Value = Callable[[Said], Json]

SAFE_FIELDS: Mapping[str, Value] = {
    "request": lambda said: said.order.request,
    "key": lambda said: said.order.key,
    "action": lambda said: str(said.order.action),
    "sequence": lambda said: said.order.sequence,
    "made_at": lambda said: _instant(said.order.made_at),
    "reference": _reference,
    "case_reference": lambda said: said.order.case_reference,
    "country": lambda said: said.order.country,
    "instrument": lambda said: _word(said.words.instruments, said.order.instrument, "instrument"),
    "urgency": lambda said: _word(said.words.urgencies, said.order.urgency, "urgency"),
    "hold_until": lambda said: said.order.hold_until.isoformat() if said.order.hold_until else None,
}
"""Fields that may stand anywhere."""

BODY_FIELDS: Mapping[str, Value] = {
    "references": lambda said: list(said.order.references),
    "unit": lambda said: said.order.unit,
    "officer_name": lambda said: said.order.officer.name,
    "officer_badge": lambda said: said.order.officer.badge,
    "officer_email": lambda said: said.order.officer.email,
    "officer_phone": lambda said: said.order.officer.phone,
    "legal_basis": lambda said: said.order.legal_basis,
    "offence_title": lambda said: said.order.offence_title,
    "offence_provisions": lambda said: list(said.order.offence_provisions),
    "offence_facts": lambda said: said.order.offence_facts,
    "categories": lambda said: [_word(said.words.categories, word, "category") for word in said.order.categories],
    "period_from": lambda said: _instant(said.order.period_from),
    "period_to": lambda said: _instant(said.order.period_to),
    "confidential": lambda said: said.order.confidential,
    "because": lambda said: said.order.because,
}
"""Fields that may stand in a body only."""

ITEM_FIELDS: Mapping[str, Value] = {
    "item_id": lambda said: said.at_hand.id,
    "item_type": lambda said: _word(said.words.types, said.at_hand.type, "identifier type"),
    "item_value": lambda said: said.at_hand.value,
    "item_from": lambda said: _instant(said.at_hand.used_from),
    "item_to": lambda said: _instant(said.at_hand.used_to),
    "item_zone": lambda said: said.at_hand.zone or None,
}
"""Fields of one item, within `each = "items"` only."""

FIELDS: Mapping[str, Value] = {**SAFE_FIELDS, **BODY_FIELDS, **ITEM_FIELDS}
LISTS = frozenset({"references", "offence_provisions", "categories"})


class Template:
    """One value of a message, compiled. `fields` are those it names; `fill` gives its JSON."""

    fields: frozenset[str] = frozenset()

    def fill(self, said: Said) -> Json:
        """The value for this order. None where a lone field has nothing to say: its key is then left out."""
        raise NotImplementedError


class Constant(Template):
    """A value that is the same in every message."""

    def __init__(self, value: Json) -> None:
        self.value = value

    def fill(self, said: Said) -> Json:
        """The value itself."""
        return self.value


class Lone(Template):
    """A text that is exactly one field: the field's own JSON type is kept."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields = frozenset({name})

    def fill(self, said: Said) -> Json:
        """The field's value; None where it has nothing to say."""
        return FIELDS[self.name](said)


class Text(Template):
    """A text with fields within: always a text."""

    def __init__(self, parts: tuple[tuple[str, str | None], ...]) -> None:
        self.parts = parts
        self.fields = frozenset(name for _, name in parts if name)

    def fill(self, said: Said) -> str:
        """The text; a field with nothing to say leaves its place empty."""
        return self.fill_text(said, str)

    def fill_text(self, said: Said, spell: Callable[[str], str]) -> str:
        """The text, each field passed through `spell` (percent-encoding, for one)."""
        return "".join(before + (spell(_spoken(FIELDS[name](said))) if name else "") for before, name in self.parts)


class Branch(Template):
    """A table of the body."""

    def __init__(self, entries: Mapping[str, Template]) -> None:
        self.entries = entries
        self.fields = frozenset[str]().union(*(entry.fields for entry in entries.values()))

    def fill(self, said: Said) -> dict[str, Json]:
        """A JSON object; keys whose field has nothing to say are left out."""
        filled = {key: entry.fill(said) for key, entry in self.entries.items()}
        return {key: value for key, value in filled.items() if value is not None}


class Row(Template):
    """An array of the body."""

    def __init__(self, entries: tuple[Template, ...]) -> None:
        self.entries = entries
        self.fields = frozenset[str]().union(*(entry.fields for entry in entries))

    def fill(self, said: Said) -> list[Json]:
        """A JSON array; entries whose field has nothing to say are left out."""
        return [value for value in (entry.fill(said) for entry in self.entries) if value is not None]


class Each(Template):
    """One value for every item of the order, in the order's order."""

    def __init__(self, entry: Template) -> None:
        self.entry = entry
        self.fields = entry.fields - ITEM_FIELDS.keys() | {"items"}

    def fill(self, said: Said) -> list[Json]:
        """A JSON array with as many entries as the order has items."""
        return [self.entry.fill(Said(order=said.order, words=said.words, item=item)) for item in said.order.items]


def _spoken(value: Json) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def path_segment(value: str) -> str:
    """A field as part of a path: percent-encoded; what would name another path cannot be said."""
    if value in ("", ".", "..") or not value.isprintable():
        raise Unsupported("a reference of the provider cannot be part of an address")
    return quote(value, safe="")


def compile_text(section: Section, key: str, text: str, allowed: Collection[str]) -> Text | None:
    """A text template; problems go to the section and give None. `{{` and `}}` are literal braces."""
    parts: list[tuple[str, str | None]] = []
    try:
        for before, name, spec, conversion in string.Formatter().parse(text):
            if name is not None and (spec or conversion):
                raise ValueError(f'"{{{name}…}}" has a format; write "{{{name}}}" alone')
            if name is not None and name not in allowed:
                raise ValueError(_why_not(name, allowed))
            parts.append((before, name))
    except ValueError as error:
        section.wrong(key, f"{error}; write {{{{ and }}}} for literal braces" if "'" in str(error) else str(error))
        return None
    return Text(tuple(parts))


def _why_not(name: str, allowed: Collection[str]) -> str:
    if name in ITEM_FIELDS and "request" in allowed:
        return f'{{{name}}} is known only within {{ each = "items", as = … }} of a body'
    if name in BODY_FIELDS:
        return f"{{{name}}} may stand in a body only: addresses and headers end up in logs"
    if name in FIELDS:
        return f"{{{name}}} is not known here"
    return f"there is no field {{{name}}}; {one_of(name, allowed)}"


def compile_body(section: Section, allowed: Collection[str]) -> Branch:
    """A body template from the table of a section."""
    entries = {key: _compile(section, key, value, allowed) for key, value in section.values.items()}
    return Branch({key: entry for key, entry in entries.items() if entry is not None})


def _compile(section: Section, key: str, value: object, allowed: Collection[str]) -> Template | None:
    if isinstance(value, str):
        text = compile_text(section, key, value, allowed)
        if text is None:
            return None
        if not text.fields:
            return Constant("".join(before for before, _ in text.parts))
        if len(text.parts) == 1 and text.parts[0][0] == "" and text.parts[0][1]:
            return Lone(text.parts[0][1])
        for name in text.fields & LISTS:
            section.wrong(key, f'{{{name}}} is a list; write "{{{name}}}" alone')
        return text
    if isinstance(value, Mapping):
        child = section.child(key)
        return _compile_each(child, allowed) if "each" in value else compile_body(child, allowed)
    if isinstance(value, list):
        numbered = Section(
            {str(number): entry for number, entry in enumerate(value)},
            where=section.where,
            path=f"{section.path}.{key}",
            problems=section.problems,
        )
        entries = [_compile(numbered, number, entry, allowed) for number, entry in numbered.values.items()]
        return Row(tuple(entry for entry in entries if entry is not None))
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return Constant(value)
    section.wrong(key, f"JSON cannot say {shown(value)}; write it as a text")
    return None


def _compile_each(section: Section, allowed: Collection[str]) -> Template | None:
    for key in section.values.keys() - {"each", "as"}:
        section.wrong(key, 'stands beside "each"; a list of items has the keys "each" and "as" alone')
    section.word("each", ("items",))
    if "as" not in section.values:
        section.wrong("as", "is missing; expected what to write for each item")
        return None
    entry = _compile(section, "as", section.values["as"], {*allowed, *ITEM_FIELDS})
    return Each(entry) if entry is not None else None
