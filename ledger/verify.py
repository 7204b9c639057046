"""Does everything fit? The tree from the first event on, then every row recomputed from its history.

Works on streams in order, and holds one request's history at a time. The records may be damaged in any way:
whatever cannot be read is a finding, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter

from ledger.index import COLUMNS, ITEM_COLUMNS, Stored, columns_of, items_of
from ledger.interface import Event, Finding, Project
from ledger.records import Record
from ledger.tree import WIDTH, leaf, node
from ledger.vault import Sealed

_SEAL = re.compile(r'"(seal-[0-9a-f]{64})"')
_BATCH = 1000  # records whose seals are asked for at once


def check_tree(stored: Iterable[tuple[Record, bytes]], *, first: bytes, highest: int) -> Iterator[Finding]:
    """What does not fit in the tree, in order.

    Args:
        stored: all records with their nodes, by `seq`.
        first: the hash of leaf 0 of this ledger.
        highest: the highest `seq` the store ever gave.
    """
    expected = 1
    left: dict[int, tuple[int, bytes]] = {0: (0, first)}  # the last node of each level, as it is stored
    for record, nodes in stored:
        if record.seq < expected:
            what = "was put in: the first event has the number 1"
            yield Finding(seq=record.seq, request=record.request, what=f"event {record.seq} {what}")
            continue
        if record.seq > expected:
            yield _missing(expected, record.seq - 1)
        if wrong := _misfit(record, nodes, left):
            yield Finding(seq=record.seq, request=record.request, what=f"event {record.seq} ({record.kind}) {wrong}")
        expected = record.seq + 1
    if highest >= expected:
        yield _missing(expected, highest)


def _misfit(record: Record, nodes: bytes, left: dict[int, tuple[int, bytes]]) -> str:
    """Why an event does not fit behind the others; `left` then knows its nodes.

    Gone on with is what is stored, not what was computed: a change is told of where it was made, and once.
    """
    seq, wrong = record.seq, ""
    parts = [nodes[at : at + WIDTH] for at in range(0, len(nodes), WIDTH)] if isinstance(nodes, bytes) else []
    try:
        if parts[:1] != [leaf(record.content())]:
            wrong = "is not what was recorded there: it was changed, put in or moved, or its hash was"
    except (TypeError, ValueError):
        wrong = "is not what was recorded there: it cannot even be read"
    completed = (~seq & (seq + 1)).bit_length()  # subtrees that end with this leaf
    if not wrong and (len(parts) != completed or len(parts[-1]) != WIDTH):
        wrong = "has another place in the tree than its number says: it was moved, or its nodes were changed"
    for level in range(1, len(parts)):
        place, before = left.get(level - 1, (-1, b""))
        if not wrong and place == 2 * (seq >> level) and parts[level] != node(before, parts[level - 1]):
            wrong = "does not follow from the events before it: they, or nodes of the tree, were changed"
            if seq == 1:
                wrong += "; or the ledger's own id, date or sandbox mark was"
    left.update((level, (seq >> level, part)) for level, part in enumerate(parts))
    return wrong


def is_other(token: str, sealed: Sealed) -> bool:
    """Whether what is sealed under a token is not what its name says."""
    try:
        return sealed.token != token
    except (TypeError, ValueError):  # it cannot even be named
        return True


def check_index(
    records: Iterable[Record],
    rows: Iterable[Stored],
    items: Iterable[tuple[str, Stored]],
    project: Project,
    sealed_among: Callable[[Collection[str]], Collection[str]],
) -> Iterator[Finding]:
    """What the index says otherwise than the histories, request by request.

    Args:
        records: all of them, by request (in code-point order), then `seq`.
        rows: the values of `COLUMNS`, by request.
        items: requests with the values of `ITEM_COLUMNS`, by request, then position.
        project: the fold that computes a row from a history.
        sealed_among: those of some tokens under which the vault has something.
    """
    missing: set[str] = set()
    streams = (
        ((record.request, 0, record) for record in _asked_for(records, sealed_among, missing)),
        ((str(row[0]), 1, row) for row in rows),
        ((request, 2, item) for request, item in items),
    )
    for request, parts in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        history: list[Record] = []
        row: Stored | None = None
        stored_items: list[Stored] = []
        for _, stream, part in parts:
            if stream == 0:
                history.append(part)  # type: ignore[arg-type]
            elif stream == 1:
                row = part
            else:
                stored_items.append(part)
        if not history:
            yield Finding(seq=None, request=request, what="the index has this request, but no event has it")
            continue
        yield from _check_history(request, history, missing)
        yield from _check_row(request, history, row, stored_items, project)


def _asked_for(
    records: Iterable[Record], sealed_among: Callable[[Collection[str]], Collection[str]], missing: set[str]
) -> Iterator[Record]:
    """The records; what they name and the vault does not have is in `missing` by the time they are given."""
    left = iter(records)
    while batch := list(islice(left, _BATCH)):
        tokens = {token for each in batch for token in _seals(each)}
        missing |= tokens.difference(sealed_among(tokens))
        yield from batch


def _seals(record: Record) -> list[str]:
    return _SEAL.findall(record.body) if isinstance(record.body, str) else []


def _check_history(request: str, history: list[Record], missing: Collection[str]) -> Iterator[Finding]:
    intents: set[tuple[object, ...]] = set()
    for record in history:
        for token in _seals(record) if missing else ():
            if token in missing:
                yield Finding(
                    seq=record.seq, request=request, what=f"event {record.seq} names {token}, which is missing"
                )
        if record.kind != "intent":
            continue
        try:
            body = record.event().body
        except ValueError:
            continue  # told by _check_row
        intent = (repr(body.get("action")), repr(body.get("sequence")), repr(body.get("attempt", 1)))
        if intent in intents:
            what = f"event {record.seq} is a second intent for {intent[0]}, number {intent[1]}"
            yield Finding(seq=record.seq, request=request, what=what)
        intents.add(intent)


def _check_row(
    request: str, history: list[Record], row: Stored | None, items: list[Stored], project: Project
) -> Iterator[Finding]:
    events: list[Event] = []
    for record in history:
        try:
            events.append(record.event())
        except ValueError:
            yield Finding(seq=record.seq, request=request, what=f"event {record.seq} cannot be read")
            return
    try:
        told = project(events)
        wanted, wanted_items = columns_of(told), items_of(told)
    except Exception as error:  # a damaged history may break the fold anywhere
        last = history[-1].seq
        what = f"no state can be computed from its events: {type(error).__name__}: {error}"
        yield Finding(seq=last, request=request, what=what)
        return
    if row is None:
        yield Finding(
            seq=history[0].seq, request=request, what="its events are there, but the index has no row for it"
        )
        return
    for name, has, should in zip(COLUMNS, row, wanted, strict=True):
        if has != should:
            what = f"the index says {name} {has!r}, its events say {should!r}"
            yield Finding(seq=None, request=request, what=what)
    yield from _check_items(request, items, wanted_items)


def _check_items(request: str, items: list[Stored], wanted: tuple[Stored, ...]) -> Iterator[Finding]:
    has_at, wanted_at = {item[0]: item for item in items}, {item[0]: item for item in wanted}
    for place in sorted(has_at.keys() | wanted_at.keys(), key=repr):
        has, should = has_at.get(place), wanted_at.get(place)
        if has == should:
            continue
        if has and should:
            pairs = zip(ITEM_COLUMNS, has, should, strict=True)
            what = "; ".join(f"the index says {name} {a!r}, its events say {b!r}" for name, a, b in pairs if a != b)
            what = f"item {should[1]}: {what}"
        elif should:
            what = f"item {should[1]} is missing in the index"
        else:
            what = f"the index has an item {has and has[1]}, its events do not"
        yield Finding(seq=None, request=request, what=what)


def _missing(first: int, last: int) -> Finding:
    what = f"event {first} is missing" if first == last else f"events {first} to {last} are missing"
    return Finding(seq=first, request="", what=what)
