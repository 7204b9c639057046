"""The same unit at a provider of ETSI TS 103 120, which also takes announcements and asks questions."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))
from crash_flows import Story, release
from crash_points import Line
from crash_world import World
from plain_letters import PlainLetters
from unit_support import MORNING

from flows import asking, sweeping
from flows.office import Office
from flows.replying import ReplyError
from providers.sandbox.hi1 import Hi1Responder
from providers.sandbox.hi1_books import Books


@dataclass(kw_only=True)
class EuropeanWorld(World):
    """A world whose provider is a responder: one for all copies, with the books of the copy in hand."""

    responder: Hi1Responder
    begun: Books | None = field(default=None)

    def open(self, line: Line | None = None, *, create: bool = False) -> Office:
        """The office, with letters that are quickly made."""
        office = super().open(line, create=create)
        office.letters = cast(Any, PlainLetters())
        return office

    def copied(self, home: Path, player: str) -> World:
        """As `World.copied`; the responder goes on from where this one began."""
        self.begun = self.begun or copy.deepcopy(self.responder.books)
        self.responder.books = copy.deepcopy(self.begun)
        same = super().copied(home, player)
        return EuropeanWorld(
            home=home,
            sandbox=self.sandbox,
            player=player,
            now=self.now,
            environ=same.environ,
            responder=self.responder,
        )

    def kept_environ(self) -> dict[str, str]:
        """What a copy needs, the way to the responder too."""
        hi1 = {name: text for name, text in self.environ.items() if name.startswith("HOLDFAST_HI1")}
        return super().kept_environ() | hi1

    def effects(self) -> Counter[tuple[str, str, int]]:
        """By the responder's own account."""
        account: Any = self.responder.account()
        return Counter(
            {(each["request"], each["action"], each["sequence"]): each["count"] for each in account["effects"]}
        )


EPOC: dict[str, Any] = {
    "provider": "sandbox-hi1",
    "instrument": "eu.epocpr",
    "categories": ["subscriber", "traffic"],
    "validated_by": "Public prosecutor",
}
FRANCE: dict[str, Any] = {
    "country": "FR",
    "mla": {"requested_state": "IE", "sent_on": "2026-06-01", "profile": "unodc"},
}


def registered(world: World) -> None:
    """A European preservation order, not yet sent."""
    world.register(EPOC, **FRANCE)


def sent(world: World) -> None:
    """A European preservation order, in force."""
    sweeping.work_on(world.office, world.register(EPOC, **FRANCE))


def after(days: float, also: Callable[[World], None] = lambda world: None) -> Callable[[World], None]:
    """An order that is some days old."""

    def begin(world: World) -> None:
        sent(world)
        also(world)
        world.at(MORNING + timedelta(days=days))

    return begin


def announce(world: World) -> None:
    (request,) = world.requests()
    with suppress(ReplyError):  # it was announced already
        asking.announce(world.office, request, on=world.now.date(), reference="EPOC/2026/77", by="Duty officer")
    sweeping.work_on(world.office, [request])


def asked(world: World) -> None:
    """The provider asks something, and was heard."""
    assert isinstance(world, EuropeanWorld)
    (request,) = world.requests()
    question = {
        "request": request,
        "type": ("ETSI", "NotificationType", "ClarificationRequest"),
        "says": "which one?",
    }
    world.responder.control("notify", question)
    world.at(MORNING + timedelta(days=1, hours=1))
    sweeping.sweep(world.office)
    assert "clarification" in world.kinds(request)


def answer(world: World) -> None:
    (request,) = world.requests()
    with suppress(ReplyError):  # it was answered already
        asking.answer(world.office, request, text="The account that received the invoice.", by="Duty officer")
    sweeping.work_on(world.office, [request])


def send(world: World) -> None:
    """The unit's first sending: registered before, not yet sent."""
    sweeping.sweep(world.office)


EUROPEAN: dict[str, Story] = {
    "order": Story(begin=registered, act=send, honours_keys=True),
    "announcement": Story(begin=after(40), act=announce, days=1.2),
    "answer to a question": Story(begin=after(1.1, asked), act=answer, days=1.2),
    "extension of an order": Story(begin=after(50), act=send, days=1.2),
    "release of an order": Story(begin=after(10), act=release, days=1.2),
}
