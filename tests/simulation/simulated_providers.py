"""Providers that live in this process and go wrong by a seed: adapters like any other, with books of their own.

What goes wrong with a request is drawn from the seed and the request's name, never from a common stream: the order in
which requests are worked on changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from simulated_account import DAY, Account, Faults

from providers.errors import OutcomeUnknown, Refused, Unavailable, Unsupported
from providers.interface import Action, Adapter, Answer, Capabilities, Exchange, Order, State


class Crash(BaseException):
    """The process is gone, in the middle of what it did."""


class Books:
    """Every account at every provider, by the request's name, and the outages of the providers."""

    def __init__(self, seed: int, faults: Faults, *, start: datetime, days: int) -> None:
        self.seed, self.faults = seed, faults
        self.start, self.days = start, days
        self.accounts: dict[str, Account] = {}
        self._outages: dict[str, Sequence[tuple[datetime, datetime]]] = {}

    def open(self, name: str, zone: str) -> Account:
        """The account of a request; made when first asked for."""
        if name not in self.accounts:
            draw = Random(f"{self.seed}/account/{name}")
            self.accounts[name] = Account(name=name, zone=zone, faults=self.faults, draw=draw)
        return self.accounts[name]

    def outages(self, provider: str) -> Sequence[tuple[datetime, datetime]]:
        """When a provider cannot be reached."""
        if provider not in self._outages:
            draw = Random(f"{self.seed}/outages/{provider}")
            count = round(self.faults.outages * self.days / 365)
            begins = [self.start + timedelta(hours=draw.randrange(24 * self.days)) for _ in range(count)]
            self._outages[provider] = sorted((each, each + DAY * draw.randint(1, 6)) for each in begins)
        return self._outages[provider]

    def away(self, provider: str, now: datetime) -> bool:
        """Whether a provider cannot be reached now."""
        return any(begin <= now < end for begin, end in self.outages(provider))


class SimulatedProvider(Adapter):
    """One provider, and the way to it.

    Args:
        provider: its id.
        books: what it has of whom.
        clock: the time.
        zone: where it counts its days.
        channel: what the catalogue calls its channel.
        capabilities: what its channel can do.
        meanwhile: called while a message is under way, before it takes effect: what others do in that time.
    """

    def __init__(
        self,
        provider: str,
        *,
        books: Books,
        clock: Callable[[], datetime],
        zone: str,
        channel: str,
        capabilities: Capabilities,
        meanwhile: Callable[[Order], None] = lambda _: None,
    ) -> None:
        self.provider, self.channel, self.capabilities = provider, channel, capabilities
        self.books, self.clock, self.zone, self.meanwhile = books, clock, zone, meanwhile
        self._busy: set[tuple[str, str, int]] = set()

    def _build(self, order: Order) -> bytes:
        if self.capabilities.person:
            raise Unsupported(f"{self.provider} is reached by a person")
        return f"{order.action} {order.request} {order.sequence}".encode()

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        now, account = self.clock(), self.account(order)
        exchange = Exchange(channel=self.channel, sent=message, sent_at=now, recipient=self.provider)
        self._reach(account, order, str(order.action), now)
        if order.action is Action.STATUS:
            account.note(now, "status", order.sequence, "asked", until=None, by="machine")
            return exchange
        if order.action is Action.EXTEND and not order.references:
            raise Unsupported(f"{self.provider} has given no reference yet, and needs one for this")
        self.meanwhile(order)
        self._take(account, order, now, exchange)
        return exchange

    def account(self, order: Order) -> Account:
        """The request's account: an item of it names the request."""
        return self.books.open(order.items[0].value, self.zone)

    def _reach(self, account: Account, order: Order, action: str, now: datetime) -> None:
        """Nothing gets through during an outage, and now and then at other times."""
        faults = account.faults
        if self.books.away(self.provider, now):
            account.note(now, action, order.sequence, "unavailable", until=order.hold_until, by="machine")
            wait = account.draw.choice((None, 600.0, 3600.0, 86400.0 * 3)) or 120.0
            raise Unavailable(f"{self.provider}: an outage", retry_after=wait)
        mark = (account.name, action, order.sequence)
        if mark in self._busy:  # "later" once, and then it takes it
            self._busy.discard(mark)
        elif account.chance(faults.unavailable):
            account.note(now, action, order.sequence, "unavailable", until=order.hold_until, by="machine")
            wait = account.draw.choice((0.0, 60.0, 7200.0))
            if not wait:
                self._busy.add(mark)
            raise Unavailable(f"{self.provider}: not now", retry_after=wait or None)

    def _take(self, account: Account, order: Order, now: datetime, exchange: Exchange) -> None:
        action, sequence, until = str(order.action), order.sequence, order.hold_until
        fate = account.draw.random()
        if fate < account.faults.lost / 2:
            account.note(now, action, sequence, "lost-before", until=until, by="machine")
            raise OutcomeUnknown(f"{self.provider}: no answer", exchange=exchange)
        if account.has(action, sequence) and self.capabilities.idempotent:
            account.note(now, action, sequence, "again", until=until, by="machine")
            return
        gone = order.action is not Action.SEND and account.gone(now)
        wanting = account.faults.refused if order.action is Action.SEND else account.faults.extension_refused
        no = order.action in {Action.SEND, Action.EXTEND} and not account.has(action, sequence)
        if gone or (no and account.chance(wanting)):
            account.note(now, action, sequence, "refused", until=until, by="machine")
            account.refused |= order.action is Action.SEND
            ground = "over-broad" if order.action is Action.SEND else "extension-not-granted"
            raise Refused(f"{self.provider}: refused", ground=ground, exchange=exchange)
        account.effect(now, action, sequence, until, "machine")
        if order.action is Action.SEND and order.instrument == "eu.epocpr" and account.chance(account.faults.asks):
            account.question = f"Q-{account.draw.randrange(10**6)}"
            account.question_at = account.in_force_at
        if account.chance(account.faults.crashes):
            raise Crash
        if fate > 1 - account.faults.lost / 2:
            account.note(now, action, sequence, "lost-after", until=until, by="machine")
            raise OutcomeUnknown(f"{self.provider}: the answer was lost", exchange=exchange)

    def _find(self, order: Order) -> Answer | None:
        now, account = self.clock(), self.account(order)
        self._reach(account, order, f"find-{order.action}", now)
        exchange = Exchange(channel=self.channel, sent=b"find", sent_at=now, recipient=self.provider)
        known = account.has(str(order.action), order.sequence)
        what = "found" if known else "not-found"
        account.note(now, f"find-{order.action}", order.sequence, what, until=None, by="machine")
        return self._read(order, exchange) if known else None

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        now, account = self.clock(), self.account(order)
        if order.action is Action.RELEASE or account.released_at is not None:
            return Answer(state=State.RELEASED, exchange=exchange)
        if account.gone(now):
            account.heard_gone_at = account.heard_gone_at or now
            account.tell(now, "gone")
            return Answer(state=State.EXPIRED, exchange=exchange)
        if account.received_on is None or account.answers_at is None or now < account.answers_at:
            return Answer(state=State.SENT, exchange=exchange)
        account.tell(now, "received", account.received_on.isoformat())
        held = account.in_force_at is not None and now >= account.in_force_at
        return Answer(
            state=State.IN_FORCE if held else State.ACKNOWLEDGED,
            references=account.references if held else account.references[:1],
            received_on=account.received_on,
            held_from=account.received_on if held else None,
            held_until=self._until(account, now, order) if held else None,
            question=account.question if held and not account.answered else "",
            question_at=account.question_at,
            exchange=exchange,
        )

    def _until(self, account: Account, now: datetime, order: Order) -> date | None:
        tells = account.tells_until or account.extended or order.action is Action.EXTEND
        if not tells or account.until is None or account.stopped is not None:
            return None
        account.tell(now, f"until-{account.extended}", account.until.isoformat())
        return account.until
