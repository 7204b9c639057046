"""The books of a provider that is played: what it keeps, for whom, until when, and what each message brought about.

Both `providers.memory` and `providers.sandbox` play one. The books know no identifier, only the items' opaque
ids, and no clock: the day is an argument. They are not thread-safe; the player holds a lock.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from providers.interface import Action
from providers.template import Json

NO_END = date.max
"""The last day of what is kept until further notice."""


class Denied(Exception):
    """The played provider says no, with one of `CODES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


CODES = ("unknown-reference", "expired", "released", "extension-not-granted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What the played provider grants. Days are added to the day of receipt, or to the end so far.

    `extensions` is how many it grants (None: any number). A message that names an end gets that end.
    """

    hold_days: int = 90
    extension_days: int = 90
    extensions: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """How the played provider treats one message.

    `references`: how many it splits a request into; `absent`: the ids of items it finds no account for;
    `polls_until_held`: how often it must be asked before it says that it keeps the data; `days_short`: how
    much earlier than asked an end it confirms; `forgets`: whether it knows nothing of it after its end.
    """

    references: int = 1
    absent: frozenset[str] = frozenset()
    polls_until_held: int = 0
    days_short: int = 0
    forgets: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One thing a message brought about."""

    request: str
    action: Action
    sequence: int
    key: str
    reference: str


@dataclass(kw_only=True, slots=True)
class Preservation:
    """One request as the played provider keeps it. `held_until` is the last day."""

    request: str
    references: tuple[str, ...]
    items: tuple[str, ...]
    traits: Traits
    received_on: date
    held_until: date
    extensions: int = 0
    polls: int = 0
    released: bool = False

    def status(self, today: date) -> str:
        """received, active, nothing-kept, expired or released."""
        if self.released:
            return "released"
        if self.polls < self.traits.polls_until_held:
            return "received"
        if self.traits.absent.issuperset(self.items):
            return "nothing-kept"
        return "expired" if today > self.held_until else "active"

    def document(self, today: date) -> dict[str, Json]:
        """What it answers about this request."""
        status = self.status(today)
        said: dict[str, Json] = {
            "request": self.request,
            "references": list[Json](self.references),
            "status": status,
            "received_on": self.received_on.isoformat(),
        }
        if status in ("active", "expired"):
            said["held_from"] = self.received_on.isoformat()
            if self.held_until != NO_END:
                said["held_until"] = self.held_until.isoformat()
        items: list[Json] = []
        for number, item in enumerate(self.items):
            entry: dict[str, Json] = {"id": item, "result": self._result(item, status)}
            if entry["result"] == "kept":
                entry["reference"] = self.references[number % len(self.references)]
            items.append(entry)
        return said | {"items": items}

    def _result(self, item: str, status: str) -> str:
        if status in ("received", "released"):
            return "pending" if status == "received" else "released"
        return "no-account" if item in self.traits.absent else "kept"


@dataclass(kw_only=True)
class Holdings:
    """All that one played provider keeps. `name` is part of its references."""

    name: str
    promise: Promise = Promise()
    preservations: dict[str, Preservation] = field(default_factory=dict)  # by each of their references
    effects: list[Effect] = field(default_factory=list)
    _by_key: dict[str, list[Preservation]] = field(default_factory=dict)
    _by_request: dict[str, list[Preservation]] = field(default_factory=dict)

    def preserve(
        self,
        *,
        request: str,
        key: str,
        sequence: int,
        items: Sequence[str],
        today: date,
        until: date | None = None,
        traits: Traits = Traits(),
    ) -> Preservation:
        """Take in a request. Every call has an effect: whether a key counts is for the caller to ask first."""
        again = len(self._by_request.get(request, ()))
        references = tuple(self._reference(request, again, number) for number in range(traits.references))
        end = until or today + timedelta(days=self.promise.hold_days)
        kept = Preservation(
            request=request,
            references=references,
            items=tuple(items),
            traits=traits,
            received_on=today,
            held_until=end - timedelta(days=traits.days_short),
        )
        self.preservations |= dict.fromkeys(references, kept)
        self._by_request.setdefault(request, []).append(kept)
        self._took_effect(kept, Action.SEND, key, sequence)
        return kept

    def extend(
        self, reference: str, *, key: str, sequence: int, today: date, until: date | None = None, days_short: int = 0
    ) -> Preservation:
        """Keep the same snapshot longer. `Denied` where nothing is kept, or no further extension is granted."""
        kept = self._live(reference, today)
        if self.promise.extensions is not None and kept.extensions >= self.promise.extensions:
            raise Denied("extension-not-granted")
        end = until or kept.held_until + timedelta(days=self.promise.extension_days)
        kept.held_until = max(kept.held_until, end - timedelta(days=days_short))
        kept.extensions += 1
        self._took_effect(kept, Action.EXTEND, key, sequence)
        return kept

    def release(self, reference: str, *, key: str, sequence: int, today: date) -> Preservation:
        """End a hold. Ending it again changes nothing."""
        kept = self.look(reference, today)
        if not kept.released:
            kept.released = True
            self._took_effect(kept, Action.RELEASE, key, sequence)
        return kept

    def keep(self, *, request: str) -> None:
        """Keep a request until further notice: its provider was told that production has been requested."""
        for kept in self._by_request.get(request, ()):
            kept.held_until = NO_END

    def look(self, reference: str, today: date) -> Preservation:
        """What is kept under a reference. `Denied` if it knows of none (any more)."""
        kept = self.preservations.get(reference)
        if kept is None or self._forgotten(kept, today):
            raise Denied("unknown-reference")
        return kept

    def poll(self, reference: str, today: date) -> Preservation:
        """The same, counted as a question: a late acknowledgement comes nearer."""
        kept = self.look(reference, today)
        kept.polls += 1
        return kept

    def find(self, *, request: str, key: str, today: date) -> tuple[Preservation, ...]:
        """What the message of a key brought about (without a key: what is kept for a request)."""
        found = self._by_key.get(key, []) if key else self._by_request.get(request, [])
        return tuple(kept for kept in found if kept.request == request and not self._forgotten(kept, today))

    def of_key(self, key: str) -> Preservation | None:
        """What the first message with this key brought about."""
        return next(iter(self._by_key.get(key, ())), None)

    def counts(self) -> Counter[tuple[str, Action, int]]:
        """How many effects each (request, action, sequence) had. More than one is what must never happen."""
        return Counter((effect.request, effect.action, effect.sequence) for effect in self.effects)

    def _live(self, reference: str, today: date) -> Preservation:
        kept = self.look(reference, today)
        status = kept.status(today)
        if status in ("expired", "released"):
            raise Denied(status)
        return kept

    def _forgotten(self, kept: Preservation, today: date) -> bool:
        return kept.traits.forgets and today > kept.held_until

    def _took_effect(self, kept: Preservation, action: Action, key: str, sequence: int) -> None:
        effect = Effect(request=kept.request, action=action, sequence=sequence, key=key, reference=kept.references[0])
        self.effects.append(effect)
        self._by_key.setdefault(key, []).append(kept)

    def _reference(self, request: str, again: int, number: int) -> str:
        digest = hashlib.sha256(f"{self.name}\0{request}\0{again}\0{number}".encode()).digest()
        return f"{self.name[:12].upper()}-{base64.b32encode(digest)[:8].decode('ascii')}"
