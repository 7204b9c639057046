"""The seam every adapter implements: build, send once, read.

A caller holds an `Order` (what is to be said, complete and frozen) and gets an `Answer` (what the provider
said, read into our words) or one of the errors of `providers.errors`. An adapter writes three methods,
`_build`, `_deliver` and `_read`; the public ones are finished.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from providers.errors import Unsupported


class Action(StrEnum):
    """What is said to a provider."""

    SEND = "send"
    EXTEND = "extend"
    STATUS = "status"
    RELEASE = "release"
    ANNOUNCE = "announce"  # a request for production has been issued (EU: Annex V)
    CLARIFY = "clarify"  # the answer to the provider's question (EU: art. 11(5))
    FIND = "find"


CHANGES = frozenset({Action.SEND, Action.EXTEND, Action.RELEASE, Action.ANNOUNCE, Action.CLARIFY})
"""What has an effect at the provider, and so may be in doubt."""


class ItemOutcome(StrEnum):
    """What became of one identifier."""

    PENDING = "pending"
    PRESERVED = "preserved"
    NOT_FOUND = "not-found"
    REFUSED = "refused"
    RELEASED = "released"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One identifier of a request. `id` is opaque; everything else is sensitive and never printed.

    `value` says it whole, with the port of an address and the chain of a wallet (`192.0.2.7:51820`, `bitcoin:…`);
    `port` and `chain` repeat them, and `bare` is what is left, for protocols that have fields of their own.
    `used_from`, `used_to` and `zone` bound its use (an IP address, an Instagram username), None and "" where that
    does not matter.
    """

    id: str
    type: str
    value: str = field(repr=False)
    used_from: datetime | None = field(default=None, repr=False)
    used_to: datetime | None = field(default=None, repr=False)
    zone: str = ""
    port: int | None = field(default=None, repr=False)
    chain: str = ""

    @property
    def bare(self) -> str:
        """The value without the port and the chain that stand beside it: `2001:db8::7`, `0x52…`."""
        value = self.value
        if self.chain and value.casefold().startswith(f"{self.chain}:"):
            return value[len(self.chain) + 1 :]
        if self.port is not None:
            host, _, port = value.rpartition(":")
            if host and port.isdecimal() and int(port) == self.port:
                return host.removeprefix("[").removesuffix("]")
        return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Officer:
    """Whom the provider can call back."""

    name: str
    badge: str
    email: str
    phone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """To whom it is said: a legal entity of the provider, or an authority of a State.

    `service` is the provider as its users know it; `state` an ISO 3166-1 code, "" where unknown; `language` that
    of the letter (ISO 639-1); `network` how an authority is reached ("budapest-35", "g7-24-7", "interpol",
    "central-authority", "diplomatic"), "" for a provider.
    """

    name: str = ""
    service: str = ""
    state: str = ""
    language: str = "en"
    network: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowUp:
    """The mutual legal assistance request that is to follow, or has: the days known, None where not."""

    requested_state: str = ""
    planned_on: date | None = None
    sent_on: date | None = None
    received_on: date | None = None
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Everything an adapter needs to say one thing once.

    `key` is the idempotency key, the same for every attempt of this (request, action, sequence).
    `references` are the provider's own, oldest first (empty before its receipt). `hold_until` is the
    last day asked for by an extension (or by a first request, where the protocol wants one); `held_until`
    is the last day the provider has confirmed so far, None before its first confirmation: by it `find` tells
    whether an extension took effect where the provider can only show the hold.

    `sent_at` is when the first request left (None before). `relation` says what a first request is to an
    earlier one of ours, `earlier` (an id `HF-…`, with the provider's `earlier_references`): "" for none,
    "new-snapshot" (the same account again, for data made since), "further-provider" (Budapest Convention art. 30).
    `answer` is the text of a clarification, `question` the provider's id of what it asked; `production_on` and
    `production_reference` name the production request announced. `necessity` is why the data are needed: it
    stays out of a European certificate (Reg. (EU) 2023/1543 art. 9(3)).
    """

    request: str
    action: Action
    sequence: int
    key: str
    made_at: datetime
    instrument: str
    legal_basis: str
    case_reference: str
    unit: str
    country: str
    officer: Officer
    offence_title: str
    offence_provisions: tuple[str, ...]
    offence_facts: str = field(repr=False)
    items: tuple[Item, ...] = field(repr=False)
    categories: tuple[str, ...] = ()
    period_from: datetime | None = None
    period_to: datetime | None = None
    confidential: bool = True
    urgency: str = "expedited"
    references: tuple[str, ...] = ()
    hold_until: date | None = None
    held_until: date | None = None
    because: str = ""
    addressee: Addressee = Addressee()
    follow_up: FollowUp = FollowUp()
    sent_at: datetime | None = None
    relation: str = ""
    earlier: str = ""
    earlier_references: tuple[str, ...] = ()
    necessity: str = field(default="", repr=False)
    custodian: str = field(default="", repr=False)
    validated_by: str = ""
    emergency_reason: str = field(default="", repr=False)
    partial_disclosure: bool = False
    answer: str = field(default="", repr=False)
    question: str = ""
    production_on: date | None = None
    production_reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """An order typeset for people. The same order gives the same bytes, unless it is signed."""

    name: str  # a file name without any identifier, such as "HF-…-extension.pdf"
    pdf: bytes = field(repr=False)
    language: str
    signed: bool = False


class Letters(Protocol):
    """What typesets letters; adapters that send or hand over a letter are given one."""

    def write(self, order: Order, *, draft: bool = False) -> Letter:
        """The letter that says this order. `draft` marks every page as not to be acted upon.

        Raises:
            Unsupported: no letter can say it (a status enquiry, a language without templates).
            ConfigurationError: templates, fonts or the signing certificate are wrong.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A document within what was sent: its name (which names no identifier), bytes and SHA-256 in hex."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, name: str, content: bytes) -> SentFile:
        """Of a file's content."""
        return cls(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """The exact bytes that went and came, and when (aware UTC). Sealed by the caller; never logged.

    `files` are the documents in what was sent. With sender, recipient, instant and sizes they are what
    Reg. (EU) 2023/1543 art. 19(6) wants recorded of a transmission outside the decentralised IT system.
    """

    channel: str
    sent: bytes = field(repr=False)
    sent_at: datetime
    received: bytes = field(default=b"", repr=False)
    received_at: datetime | None = None
    status: int | None = None
    sender: str = ""
    recipient: str = ""
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemAnswer:
    """What the provider said of one item. `held_until` is its last day at the provider, if it said one."""

    id: str
    outcome: ItemOutcome
    reference: str = ""
    held_until: date | None = None


class State(StrEnum):
    """What the provider says of the whole request."""

    SENT = "sent"  # handed over for delivery; nothing is heard of it yet
    ACKNOWLEDGED = "acknowledged"  # received, not yet said to be held
    IN_FORCE = "in-force"  # it confirms that it keeps the data
    EXPIRED = "expired"  # it says the hold has ended
    RELEASED = "released"
    NOT_HELD = "not-held"  # it has the request but keeps nothing for it


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the provider said, in our words.

    `received_on` is the day it says it received the request, counted in its own zone; `held_until` the
    last day it says it keeps the data; None where it did not say. `question` is the provider's id of a
    clarification it asks for (EU: Annex III), "" for none: the same id again is the same question; `question_at` is
    when it says it asked, None where it does not say. An answer that
    an adapter cannot read is never an `Answer`: it raises `OutcomeUnknown`.
    """

    state: State
    references: tuple[str, ...] = ()
    received_on: date | None = None
    held_from: date | None = None
    held_until: date | None = None
    items: tuple[ItemAnswer, ...] = ()
    question: str = ""
    question_at: datetime | None = None
    exchange: Exchange


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What an adapter can say, and how sure a second sending is.

    `idempotent`: the provider honours our key, so the same message twice has one effect.
    `can_find`: it can be asked whether it has a request by our id or key.
    With neither, an unknown outcome goes to a person.
    `announce`, `clarify`: it takes the announcement of a production request, the answer to its question.
    `person`: the channel needs a person to submit (a portal, fax, post).
    """

    extend: bool = True
    status: bool = True
    release: bool = True
    idempotent: bool = False
    can_find: bool = False
    announce: bool = False
    clarify: bool = False
    person: bool = False


class Adapter(ABC):
    """One protocol, one provider. Thread-safe: providers are worked in parallel, one adapter each.

    Every public method sends at most once and raises the errors of `providers.errors`.
    """

    provider: str
    channel: str
    capabilities: Capabilities

    def send(self, order: Order) -> Answer:
        """Send a first request. `Unavailable`: try again; `OutcomeUnknown`: `find` first."""
        return self._do(order, Action.SEND, True)

    def extend(self, order: Order) -> Answer:
        """Ask to keep the same snapshot until `order.hold_until`. Confirmed only by `Answer.held_until`."""
        return self._do(order, Action.EXTEND, self.capabilities.extend)

    def status(self, order: Order) -> Answer:
        """Ask how the request stands. Changes nothing at the provider; safe to repeat."""
        return self._do(order, Action.STATUS, self.capabilities.status)

    def release(self, order: Order) -> Answer:
        """Tell the provider that the hold is no longer needed, with `order.because`."""
        return self._do(order, Action.RELEASE, self.capabilities.release)

    def announce(self, order: Order) -> Answer:
        """Tell the provider that production was requested, so that it keeps the data beyond the last day."""
        return self._do(order, Action.ANNOUNCE, self.capabilities.announce)

    def clarify(self, order: Order) -> Answer:
        """Answer the provider's question `order.question` with `order.answer`."""
        return self._do(order, Action.CLARIFY, self.capabilities.clarify)

    def find(self, order: Order) -> Answer | None:
        """Ask whether the message of `order.key` took effect. None: the provider says it did not.

        The order is the one in doubt, unchanged: its action is one of `CHANGES`.
        """
        if order.action not in CHANGES:
            raise ValueError(f"an order to {order.action} changes nothing, so there is nothing to find")
        if not self.capabilities.can_find:
            raise Unsupported(f"{self.provider} cannot be asked whether it has a request")
        return self._find(order)

    def close(self) -> None:
        """Give back connections. The adapter is not used afterwards."""

    def _do(self, order: Order, action: Action, can: bool) -> Answer:
        if order.action is not action:
            raise ValueError(f"an order to {order.action} was given to {action}")
        if not can:
            raise Unsupported(f"{self.provider} knows no {action} over {self.channel}")
        message = self._build(order)
        return self._read(order, self._deliver(order, message))

    @abstractmethod
    def _build(self, order: Order) -> bytes:
        """The exact bytes of the message. No network; `Unsupported` for what cannot be said."""

    @abstractmethod
    def _deliver(self, order: Order, message: bytes) -> Exchange:
        """Send once. `Unavailable` if nothing was accepted for sure, `OutcomeUnknown` if that is not sure."""

    @abstractmethod
    def _read(self, order: Order, exchange: Exchange) -> Answer:
        """Read the answer. `Refused` for a no; `OutcomeUnknown` for what cannot be read."""

    def _find(self, order: Order) -> Answer | None:
        raise Unsupported(f"{self.provider} cannot be asked whether it has a request")
