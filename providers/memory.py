"""A provider that lives in this process: for demonstrations, for tests, and as the smallest whole adapter.

It keeps holds in memory and follows a script: a list of `Behaviour`, each for some messages. It is an
adapter like any other; what it answers goes through bytes and is read back.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from providers.errors import GROUNDS, OutcomeUnknown, Refused, Unavailable, Unsupported
from providers.holdings import Denied, Holdings, Preservation, Promise, Traits
from providers.http import utc_now
from providers.interface import (
    Action,
    Adapter,
    Answer,
    Capabilities,
    Exchange,
    ItemAnswer,
    ItemOutcome,
    Order,
    State,
)
from providers.section import Section, TableError


class Does(StrEnum):
    """What a scripted provider does with a message."""

    REFUSE = "refuse"  # no effect; says no, with `ground`
    UNAVAILABLE = "unavailable"  # no effect; says later, after `seconds`
    SILENT = "silent"  # no effect, and no answer
    UNKNOWN = "unknown"  # takes effect, and the answer is lost
    GARBAGE = "garbage"  # takes effect, and the answer cannot be read
    DELAY = "delay"  # takes effect; says that it holds only when asked `count` times
    SPLIT = "split"  # takes effect under `count` references
    MOVE_EXPIRY = "move-expiry"  # takes effect; confirms an end `count` days earlier than asked
    NOT_FOUND = "not-found"  # takes effect; finds no account for the last `count` items
    FORGET = "forget"  # takes effect; knows nothing of it after its end


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """One line of a script. `on`: None for every kind of message; `times`: None for ever.

    `count` is the number that `does` speaks of, `seconds` the Retry-After of `unavailable`.
    """

    does: Does
    on: Action | None = None
    times: int | None = None
    count: int = 1
    ground: str = "other"
    seconds: float | None = None


_STATES = {
    "received": State.ACKNOWLEDGED,
    "active": State.IN_FORCE,
    "expired": State.EXPIRED,
    "released": State.RELEASED,
    "nothing-kept": State.NOT_HELD,
}
_RESULTS = {
    "pending": ItemOutcome.PENDING,
    "kept": ItemOutcome.PRESERVED,
    "no-account": ItemOutcome.NOT_FOUND,
    "released": ItemOutcome.RELEASED,
}


class MemoryProvider(Adapter):
    """A provider and the way to it in one.

    Args:
        provider: its id, and part of its references.
        script: what it does with which message; what no line is for is done as asked.
        promise: how long it holds and extends.
        idempotent: whether it honours keys.
        can_find: whether it can be asked whether it has a request.
        clock: its time, aware UTC.
        zone: where it counts days.
    """

    channel = "memory"

    def __init__(
        self,
        provider: str,
        *,
        script: Sequence[Behaviour] = (),
        promise: Promise | None = None,
        idempotent: bool = True,
        can_find: bool = True,
        clock: Callable[[], datetime] = utc_now,
        zone: str = "UTC",
    ) -> None:
        self.provider = provider
        self.capabilities = Capabilities(idempotent=idempotent, can_find=can_find)
        self._clock, self._zone = clock, ZoneInfo(zone)
        self._holdings = Holdings(name=provider, promise=promise or Promise())
        self._lock = threading.Lock()
        self.follow(*script)

    def follow(self, *script: Behaviour) -> None:
        """Follow another script from now on; what happened stays."""
        with self._lock:
            self._script = script
            self._used = [0] * len(script)

    def effects(self, request: str, action: Action, sequence: int) -> int:
        """How often a message of this (request, action, sequence) took effect."""
        with self._lock:
            return self._holdings.counts()[(request, action, sequence)]

    def _build(self, order: Order) -> bytes:
        if order.action is not Action.SEND and not order.references:
            raise Unsupported(f"{self.provider} has given no reference yet, and needs one for this")
        message = {
            "action": order.action,
            "request": order.request,
            "key": order.key,
            "sequence": order.sequence,
            "items": [{"id": item.id, "type": item.type, "value": item.value} for item in order.items],
            "references": order.references,
            "hold_until": order.hold_until.isoformat() if order.hold_until else None,
            "because": order.because,
        }
        return json.dumps(message).encode("ascii")

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        with self._lock:
            lines = self._lines(order.action, message)
            refusal = next((line for line in lines if line.does is Does.REFUSE), None)
            if refusal:
                document: object = {"refused": refusal.ground}
            else:
                document = self._effect(order, _traits(lines, order))
        if any(line.does is Does.UNKNOWN for line in lines):
            raise OutcomeUnknown(f"{self.provider}: the answer was lost", exchange=self._exchange(message))
        received = json.dumps(document).encode("ascii")
        return self._exchange(
            message, received[:-1] if any(line.does is Does.GARBAGE for line in lines) else received
        )

    def _lines(self, action: Action, message: bytes) -> list[Behaviour]:
        """The lines of the script that are for this message, each counted as used; raises where it gets no answer."""
        lines = []
        for number, line in enumerate(self._script):
            if line.on not in (None, action) or (line.times is not None and self._used[number] >= line.times):
                continue
            if action is Action.FIND and line.does not in (Does.UNAVAILABLE, Does.SILENT):
                continue
            self._used[number] += 1
            if line.does is Does.UNAVAILABLE:
                raise Unavailable(f"{self.provider}: not now", retry_after=line.seconds)
            if line.does is Does.SILENT:
                raise OutcomeUnknown(f"{self.provider}: no answer", exchange=self._exchange(message))
            lines.append(line)
        return lines

    def _effect(self, order: Order, traits: Traits) -> object:
        today = self._today()
        known = self._holdings.of_key(order.key)
        reference = order.references[0] if order.references else ""
        try:
            if order.action is Action.STATUS:
                return self._holdings.poll(reference, today).document(today)
            if known is not None and self.capabilities.idempotent:
                return known.document(today)
            if order.action is Action.EXTEND:
                kept: Preservation = self._holdings.extend(
                    reference,
                    key=order.key,
                    sequence=order.sequence,
                    today=today,
                    until=order.hold_until,
                    days_short=traits.days_short,
                )
            elif order.action is Action.RELEASE:
                kept = self._holdings.release(reference, key=order.key, sequence=order.sequence, today=today)
            else:
                kept = self._holdings.preserve(
                    request=order.request,
                    key=order.key,
                    sequence=order.sequence,
                    items=[item.id for item in order.items],
                    today=today,
                    until=order.hold_until,
                    traits=traits,
                )
        except Denied as no:
            return {"denied": no.code}
        return kept.document(today)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        try:
            document = json.loads(exchange.received)
        except ValueError:
            document = None
        if document is None:
            raise OutcomeUnknown(f"{self.provider}: its answer cannot be read", exchange=exchange)
        if "refused" in document:
            ground = document["refused"]
            raise Refused(f"{self.provider}: refused ({ground})", ground=ground, exchange=exchange)
        if "denied" in document:
            return self._denied(order, document["denied"], exchange)
        return Answer(
            state=_STATES[document["status"]],
            references=tuple(document["references"]),
            received_on=_day(document, "received_on"),
            held_from=_day(document, "held_from"),
            held_until=_day(document, "held_until"),
            items=tuple(
                ItemAnswer(id=item["id"], outcome=_RESULTS[item["result"]], reference=item.get("reference", ""))
                for item in document["items"]
            ),
            exchange=exchange,
        )

    def _denied(self, order: Order, code: str, exchange: Exchange) -> Answer:
        if order.action in (Action.STATUS, Action.RELEASE):
            return Answer(state=State.NOT_HELD, exchange=exchange)
        raise Refused(f"{self.provider}: refused ({code})", ground="extension-not-granted", exchange=exchange)

    def _find(self, order: Order) -> Answer | None:
        message = json.dumps({"action": Action.FIND, "request": order.request, "key": order.key}).encode("ascii")
        with self._lock:
            self._lines(Action.FIND, message)
            today = self._today()
            found = self._holdings.find(request=order.request, key=order.key, today=today)
            documents = [kept.document(today) for kept in found]
        if not documents:
            return None
        return self._read(order, self._exchange(message, json.dumps(documents[0]).encode("ascii")))

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _exchange(self, sent: bytes, received: bytes = b"") -> Exchange:
        now = self._clock().astimezone(UTC)
        return Exchange(
            channel=self.channel,
            sent=sent,
            sent_at=now,
            received=received,
            received_at=now if received else None,
            recipient=self.provider,
        )


def _day(document: Mapping[str, str], key: str) -> date | None:
    return date.fromisoformat(document[key]) if key in document else None


def _traits(lines: Sequence[Behaviour], order: Order) -> Traits:
    counts = {line.does: line.count for line in lines}
    absent = counts.get(Does.NOT_FOUND, 0)
    return Traits(
        references=counts.get(Does.SPLIT, 1),
        absent=frozenset(item.id for item in order.items[len(order.items) - absent :]) if absent else frozenset(),
        polls_until_held=counts.get(Does.DELAY, 0),
        days_short=counts.get(Does.MOVE_EXPIRY, 0),
        forgets=Does.FORGET in counts,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryTable:
    """An `[adapter]` table of kind "memory"."""

    script: tuple[Behaviour, ...] = ()
    promise: Promise = field(default_factory=Promise)
    idempotent: bool = True
    can_find: bool = True


def read_memory_table(table: Mapping[str, object], where: str) -> MemoryTable:
    """The script and the promise of an `[adapter]` table of kind "memory".

    Raises:
        TableError: with every problem, each with file and key.
    """
    problems: list[str] = []
    keys = ("kind", "script", "hold_days", "extension_days", "extensions", "idempotent", "can_find")
    section = Section(table, where=where, path="adapter", problems=problems, keys=keys)
    script = section.values.get("script", [])
    if not isinstance(script, list):
        section.wrong("script", "expected a list of tables: [[adapter.script]]")
        script = []
    lines = tuple(
        _behaviour(Section(line, where=where, path=f"adapter.script[{number}]", problems=problems, keys=_LINE_KEYS))
        for number, line in enumerate(script)
    )
    promise = Promise(
        hold_days=section.whole("hold_days", 90, of="days") or 90,
        extension_days=section.whole("extension_days", 90, of="days") or 90,
        extensions=section.whole("extensions", None, of="extensions", least=0),
    )
    result = MemoryTable(
        script=lines,
        promise=promise,
        idempotent=section.flag("idempotent", default=True),
        can_find=section.flag("can_find", default=True),
    )
    if problems:
        raise TableError(problems)
    return result


_LINE_KEYS = ("does", "on", "times", "count", "ground", "seconds")


def _behaviour(section: Section) -> Behaviour:
    on = section.word("on", tuple(Action)) if "on" in section.values else ""
    seconds = section.whole("seconds", None, of="seconds", least=0)
    return Behaviour(
        does=Does(section.word("does", tuple(Does))),
        on=Action(on) if on else None,
        times=section.whole("times", None, of="messages"),
        count=section.whole("count", 1, of="references, days, items or questions") or 1,
        ground=section.word("ground", GROUNDS, "other"),
        seconds=float(seconds) if seconds is not None else None,
    )
