"""Reads a provider's answer by the paths and words of its table.

Whatever is not exactly what the table says is `Unreadable`, and the adapter makes that an unknown outcome:
a wrong guess here would be a hold that does not exist. No reason given here quotes the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from typing import NoReturn

from jmespath.exceptions import JMESPathError

from providers.days import Calendar, day_said, last_day_said, receipt_that_can_be
from providers.errors import GROUNDS, Unreadable
from providers.interface import Item, ItemAnswer, ItemOutcome, Order, State
from providers.section import Path, Section, one_of
from providers.template import Json


class What(StrEnum):
    """What an answer means, besides the states of a request."""

    READ = "read"  # the body decides
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a status code or a provider's word means: a state of the request, or one of `What`."""

    what: What | State
    ground: str = ""


def parse_meaning(word: str, *, among: Sequence[str]) -> Meaning:
    """A meaning as it is written in a table: "in-force", "refused:over-broad", "unknown".

    Raises:
        ValueError: not one of `among`; says what to write.
    """
    head, colon, ground = word.partition(":")
    if head not in among or (colon and head != What.REFUSED):
        raise ValueError(f'unknown meaning "{word[:60]}"; {one_of(word, among)}')
    if colon and ground not in GROUNDS:
        raise ValueError(f'unknown ground of refusal "{ground[:60]}"; {one_of(ground, GROUNDS)}')
    return Meaning(what=State(head) if head in set(State) else What(head), ground=ground)


_ANSWERS = tuple(state for state in State if state is not State.SENT)  # who answers has it
STATE_MEANINGS = (*_ANSWERS, What.REFUSED, What.UNAVAILABLE, What.UNKNOWN)
ERROR_MEANINGS = (*STATE_MEANINGS, What.MISCONFIGURED)
STATUS_MEANINGS = (What.READ, *ERROR_MEANINGS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemReading:
    """Where an answer says what became of each item, and how its items are matched with ours."""

    at: Path
    match: str  # "id", "value" or "position"
    by: Path | None
    outcome: Path
    outcomes: Mapping[str, ItemOutcome]
    reference: Path | None
    held_until: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Where an answer says what, and what the provider's words mean. All of it is optional until merged."""

    request: Path | None = None
    references: Path | None = None
    received_on: Path | None = None
    held_from: Path | None = None
    held_until: Path | None = None
    state: Path | None = None
    states: Mapping[str, Meaning] = field(default_factory=dict)
    error: Path | None = None
    errors: Mapping[str, Meaning] = field(default_factory=dict)
    items: ItemReading | None = None

    def over(self, shared: Reading) -> Reading:
        """This reading, completed by what all operations share. Maps of words are joined."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}
        joined = {
            "states": {**shared.states, **self.states},
            "errors": {**shared.errors, **self.errors},
        }
        return replace(shared, **{**own, **joined})


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was read, besides the state."""

    references: tuple[str, ...] = ()
    received_on: date | None = None
    held_from: date | None = None
    held_until: date | None = None
    items: tuple[ItemAnswer, ...] = ()


def read_reading(section: Section) -> Reading:
    """The reading of an `[adapter.read]` or `[adapter.OPERATION.read]` table; problems go to the section."""
    items = section.child("items", ITEM_KEYS) if "items" in section.values else None
    return Reading(
        request=section.jmespath("request"),
        references=section.jmespath("references"),
        received_on=section.jmespath("received_on"),
        held_from=section.jmespath("held_from"),
        held_until=section.jmespath("held_until"),
        state=section.jmespath("state"),
        states=read_meanings(section.child("states"), STATE_MEANINGS),
        error=section.jmespath("error"),
        errors=read_meanings(section.child("errors"), ERROR_MEANINGS),
        items=_read_item_reading(items) if items is not None else None,
    )


READING_KEYS = tuple(f.name for f in fields(Reading))
ITEM_KEYS = ("at", "match", "by", "outcome", "outcomes", "reference", "held_until")


def read_meanings(section: Section, among: Sequence[str]) -> dict[str, Meaning]:
    """A table from a provider's words to meanings."""
    meanings = {}
    for word in section.values:
        text = section.text(word)
        try:
            meanings[word] = parse_meaning(text, among=among)
        except ValueError as error:
            if text:
                section.wrong(word, str(error))
    return meanings


def _read_item_reading(section: Section) -> ItemReading | None:
    for key in ("at", "outcome"):
        if key not in section.values:
            section.wrong(key, "is missing; expected a JMESPath")
    match = section.word("match", ("id", "value", "position"), default="id")
    by = section.jmespath("by")
    if match != "position" and "by" not in section.values:
        section.wrong("by", f"is missing; expected the JMESPath of an item's {match} within one entry")
    words = section.child("outcomes")
    outcomes = {word: ItemOutcome(words.word(word, tuple(ItemOutcome))) for word in words.values}
    if not words.values:
        section.wrong("outcomes", "is missing; expected a table from the provider's words to ours")
    at, outcome = section.jmespath("at"), section.jmespath("outcome")
    reference, held_until = section.jmespath("reference"), section.jmespath("held_until")
    if at is None or outcome is None:
        return None
    return ItemReading(
        at=at, match=match, by=by, outcome=outcome, outcomes=outcomes, reference=reference, held_until=held_until
    )


def parse_json(body: bytes, content_type: str) -> Json:
    """The JSON of an answer. Refuses another charset, a key said twice, and numbers that JSON does not have."""
    charset = re.search(r"charset\s*=\s*\"?([\w.:-]+)", content_type, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Unreadable("its answer is in another charset than UTF-8")
    try:
        document: Json = json.loads(body.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_no_number)
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        document = None
        readable = False
    else:
        readable = True
    if not readable:  # raised here, so that no error carries the parser's own, which quotes the answer
        raise Unreadable("its answer is not JSON")
    return document


def _no_key_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Unreadable("its answer says one key twice")
    return document


def _no_number(_: str) -> NoReturn:
    raise Unreadable("its answer has a number that is none")


def look(path: Path | None, document: object) -> object:
    """What a path finds; None without a path."""
    try:
        return path.search(document) if path is not None else None
    except JMESPathError:
        wrong_type = True
    if wrong_type:
        raise Unreadable("its answer has another shape than the table describes")
    return None


def meaning_of(path: Path | None, words: Mapping[str, Meaning], document: object) -> Meaning:
    """What the provider's word at a path means."""
    word = look(path, document)
    if not isinstance(word, str):
        raise Unreadable("its answer names no state")
    if word not in words:
        raise Unreadable("its answer uses a word for the state that its table does not know")
    return words[word]


def read_answer(reading: Reading, document: object, order: Order, calendar: Calendar) -> Found:
    """Everything an answer says besides its state.

    Raises:
        Unreadable: it is about another request, or something in it is not what it should be.
    """
    if reading.request is not None and look(reading.request, document) != order.request:
        raise Unreadable("its answer is about another request")
    accounts = Accounts(item.value for item in order.items)
    received = day_said(look(reading.received_on, document), "the day of receipt", calendar)
    return Found(
        references=_references(look(reading.references, document), accounts),
        received_on=receipt_that_can_be(received, order) if received else None,
        held_from=day_said(look(reading.held_from, document), "the first day of the hold", calendar),
        held_until=last_day_said(look(reading.held_until, document), calendar, order),
        items=_items(reading.items, document, order, calendar, accounts) if reading.items is not None else (),
    )


class Accounts:
    """The identifiers of a request, to notice one in a reference: references are kept in clear.

    Within a longer reference, values of less than four characters are not looked for: "7" is in many a number.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = {value.strip().casefold() for value in values} - {""}
        self._lengths = sorted({len(value) for value in self._values if len(value) >= 4})  # noqa: PLR2004

    def named_in(self, text: str) -> bool:
        """Whether an identifier stands in the text as a word of its own. By lengths: requests name thousands."""
        text = text.casefold()
        edges = [n for n in range(len(text) + 1) if n in (0, len(text)) or not (text[n - 1 : n + 1].isalnum())]
        ends = set(edges)
        return text in self._values or any(
            start + length in ends and text[start : start + length] in self._values
            for start in edges
            for length in self._lengths
        )


def _references(found: object, accounts: Accounts) -> tuple[str, ...]:
    listed = [] if found is None else found if isinstance(found, list) else [found]
    return tuple(dict.fromkeys(_reference(entry, accounts) for entry in listed))


def _reference(found: object, accounts: Accounts) -> str:
    if not isinstance(found, str):
        raise Unreadable("its answer has a reference that is not a text")
    if not found.strip() or len(found) > 200 or not found.isprintable():  # noqa: PLR2004
        raise Unreadable("its answer has a reference that cannot be one")
    if accounts.named_in(found):
        raise Unreadable("its answer has a reference that names the account")
    return found


def _items(
    reading: ItemReading, document: object, order: Order, calendar: Calendar, accounts: Accounts
) -> tuple[ItemAnswer, ...]:
    listed = look(reading.at, document)
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise Unreadable("its answer's items are not a list")
    return tuple(
        ItemAnswer(
            id=item.id,
            outcome=_outcome(reading, entry),
            reference=", ".join(_references(look(reading.reference, entry), accounts)),
            held_until=last_day_said(look(reading.held_until, entry), calendar, order),
        )
        for item, entry in _match(reading, listed, order.items)
    )


def _outcome(reading: ItemReading, entry: object) -> ItemOutcome:
    word = look(reading.outcome, entry)
    if not isinstance(word, str) or word not in reading.outcomes:
        raise Unreadable("its answer uses a word for an item that its table does not know")
    return reading.outcomes[word]


def _match(reading: ItemReading, listed: list[object], items: tuple[Item, ...]) -> list[tuple[Item, object]]:
    """Each entry of the answer with the item it is about; an entry about none, or a second one, is unreadable."""
    if len(listed) > len(items):
        raise Unreadable("its answer names more items than were asked")
    if reading.match == "position":
        if len(listed) != len(items):
            raise Unreadable("its answer names fewer items than were asked, and only their order tells which")
        return list(zip(items, listed, strict=True))
    waiting: dict[str, list[Item]] = {}
    for item in items:
        waiting.setdefault(item.id if reading.match == "id" else _plain(item.value), []).append(item)
    sharing = {name: len(same) for name, same in waiting.items()}
    matched = []
    for entry in listed:
        found = look(reading.by, entry)
        name = found if reading.match == "id" or not isinstance(found, str) else _plain(found)
        if not isinstance(name, str) or not waiting.get(name):
            raise Unreadable("its answer names an item that was not asked, or one twice")
        matched.append((waiting[name].pop(0), entry))
    if any(0 < len(waiting[name]) < count for name, count in sharing.items()):
        raise Unreadable("its answer names one of several items with the same value, and not which")
    return matched


def _plain(value: str) -> str:
    return value.strip().casefold()
