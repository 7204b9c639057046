"""Mistakes that a deadline machine has made before, each as one wrong part put into the place of a right one.

They keep the checker honest: a checker that does not find them finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from simulated_account import Faults
from simulated_providers import SimulatedProvider
from simulation import Parts, Setting

from flows.history import Folded, Histories
from flows.office import Office
from ledger.interface import Claim, Event, NewEvent
from providers.interface import Answer, Exchange, Order, State
from timeline.days import Expiry, roll
from timeline.decide import duties
from timeline.hold import Hold
from timeline.rules import Period
from timeline.terms import Terms


class WrongLedger:
    """A ledger that enters something else than it was given; all else is the right one's."""

    def __init__(self, right: Any) -> None:
        self.right = right

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)

    def append(self, request: str, events: Sequence[NewEvent], *rest: Any, **more: Any) -> tuple[Event, ...]:
        """Append what `wrong` makes of the events."""
        appended: tuple[Event, ...] = self.right.append(request, self.wrong(events), *rest, **more)
        return appended

    def wrong(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        """The mistake."""
        return events


def _with(event: NewEvent, **said: Any) -> NewEvent:
    return replace(event, body={**event.body, **said})


class MarkedAsSent(WrongLedger):
    """A reminder that reached nobody is marked as delivered."""

    def wrong(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        return [_with(each, delivered=True) if each.kind == "escalated" else each for each in events]


class Presumed(WrongLedger):
    """No answer is taken for "nothing arrived", so nobody asks before it is sent again."""

    def wrong(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        return [replace(each, kind="unavailable") if each.kind == "outcome-unknown" else each for each in events]


class NoIntent(WrongLedger):
    """Only what was done is recorded, and not what was about to be done."""

    def wrong(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        return [each for each in events if each.kind != "intent"]

    def append(self, request: str, events: Sequence[NewEvent], *rest: Any, **more: Any) -> tuple[Event, ...]:
        """Nothing at all where an intent was all that there was."""
        return super().append(request, events, *rest, **more) if self.wrong(events) or not events else ()


class AnsweredByItself(WrongLedger):
    """Having told somebody is taken for an answer: nobody else is ever told."""

    def wrong(self, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
        answers = [
            replace(each, kind="escalation-acknowledged", body={"about": each.body["about"]})
            for each in events
            if each.kind == "escalated"
        ]
        return [*events, *answers]


class NoLease(WrongLedger):
    """Several workers, and none of them knows what the others have in hand."""

    def claim(
        self, now: datetime, *, owner: str, until: datetime, limit: int, request: str | None = None, **_: Any
    ) -> tuple[Claim, ...]:
        """Whatever is due, whoever has it; each once at one instant, so that a sweep comes to an end."""
        seen = self.__dict__.setdefault("seen", {})
        due = [row for row in self.right.due(now, limit=limit + len(seen)) if seen.get((owner, row.request)) != now]
        claims = []
        for row in due[:limit]:
            seen[owner, row.request] = now
            claims.append(Claim(request=row.request, provider=row.provider, owner=owner, token=1, until=until))
        return tuple(claims)

    def append(self, request: str, events: Sequence[NewEvent], *rest: Any, **more: Any) -> tuple[Event, ...]:
        return super().append(request, events, *rest, **{**more, "claim": None})

    def renew(self, claim: Claim, *, until: datetime, now: datetime) -> Claim:
        """Nobody has anything, so nothing runs out."""
        return replace(claim, until=until)

    def give_back(self, *claims: Claim) -> None:
        """There is nothing to give back."""


class WrongTerms(Histories):
    """Counts with other terms than those that were kept."""

    def terms(self, digest: str) -> Terms:
        return self.wrong(super().terms(digest))

    def wrong(self, terms: Terms) -> Terms:
        """The mistake."""
        return terms


class DayTooLate(WrongTerms):
    """Off by one: the start day is not counted, where it is day 1."""

    def wrong(self, terms: Terms) -> Terms:
        first = terms.first
        return terms if first is None else replace(terms, first=Period(count=first.count + 1, unit=first.unit))


class DayOfGreenwich(WrongTerms):
    """Days are counted in UTC, wherever the provider is."""

    def wrong(self, terms: Terms) -> Terms:
        return replace(terms, provider=replace(terms.provider, zone="UTC"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RolledHold(Hold):
    """A hold whose strict end rolls to the next working day."""

    def _links(self) -> Any:
        for link in Hold._links(self):
            yield Expiry(
                strict_on=roll(link.strict_on, {})[0],
                legal_base_on=link.legal_base_on,
                legal_on=link.legal_on,
                words=link.words,
            )


class Rolled(Histories):
    """The strict end waits for Monday."""

    def _folded(self, events: Sequence[Event]) -> Folded:
        right = super()._folded(events)
        hold = RolledHold(**{name: getattr(right.hold, name) for name in _fields(right.hold)})
        return replace(right, hold=hold, duties=duties(hold, self._policy))


class Undated(Histories):
    """The day on an order is not looked at: its days run from when it was entered."""

    def _folded(self, events: Sequence[Event]) -> Folded:
        right = super()._folded(events)
        hold = replace(right.hold, made_on=None)
        return replace(right, hold=hold, duties=duties(hold, self._policy))


def _fields(hold: Hold) -> Sequence[str]:
    return [name for name, each in hold.__dataclass_fields__.items() if each.init]


class WrongProvider(SimulatedProvider):
    """An adapter with a mistake: made from the right one."""

    @classmethod
    def of(cls, right: SimulatedProvider) -> WrongProvider:
        """The same provider behind a wrong adapter."""
        return cls(
            right.provider,
            books=right.books,
            clock=right.clock,
            zone=right.zone,
            channel=right.channel,
            capabilities=right.capabilities,
            meanwhile=right.meanwhile,
        )


class FromNow(WrongProvider):
    """An extension is asked for from today on, and not from the previous end."""

    def extend(self, order: Order) -> Answer:
        return super().extend(replace(order, hold_until=_days_from(order.made_at, 90)))


class KeptToItself(WrongProvider):
    """A release is answered and never passed on."""

    def release(self, order: Order) -> Answer:
        exchange = Exchange(channel=self.channel, sent=b"release", sent_at=self.clock())
        return Answer(state=State.RELEASED, exchange=exchange)


def _days_from(moment: datetime, days: int) -> date:
    return moment.date() + timedelta(days=days)


def _ledger(wrong: Callable[[Any], Any]) -> Parts:
    def put(office: Office) -> None:
        office.ledger = wrong(office.ledger)

    return Parts(office=put)


def _histories(wrong: type[Histories]) -> Parts:
    def put(office: Office) -> None:
        office.histories = wrong(office.ledger, office.policy)

    return Parts(office=put)


def _providers(wrong: type[WrongProvider]) -> Parts:
    def put(office: Office) -> None:
        for name, right in list(office.adapters.items()):
            assert isinstance(right, SimulatedProvider)
            office.adapters[name] = wrong.of(right)

    return Parts(office=put)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bug:
    """One mistake: the wrong part, the world in which it shows, and the duty that the checker finds undone."""

    parts: Parts
    found_as: str
    setting: Setting


LIVES = ("ca.487.012.domestic", "eu.epocpr", "jp.ccp197")
"""Short holds, with an extension and without."""
SMALL = Setting(
    holds=18,
    days=50,
    over_days=14,
    seed=12,
    sweep_minutes=120,
    instruments=LIVES,
    faults=Faults(refused=0, dropped=0),
)
ROUGH = replace(SMALL, days=20, diligence=0.3, faults=Faults(lost=0.3, told_in_vain=0.3))
CALM = replace(SMALL, faults=Faults.calm())
BUGS: Mapping[str, Bug] = {
    "a strict end one day too late": Bug(
        parts=_histories(DayTooLate), found_as="the end was not told", setting=SMALL
    ),
    "days counted in UTC": Bug(parts=_histories(DayOfGreenwich), found_as="the end was not told", setting=SMALL),
    "a strict end that waits for Monday": Bug(
        parts=_histories(Rolled), found_as="the end was not told", setting=SMALL
    ),
    "an order counted from when it was entered": Bug(
        parts=_histories(Undated), found_as="the end was not told", setting=SMALL
    ),
    "an extension counted from now": Bug(
        parts=_providers(FromNow), found_as="not from the previous end", setting=SMALL
    ),
    "a release that is not passed on": Bug(
        parts=_providers(KeptToItself),
        found_as="release not told",
        setting=replace(CALM, days=90, instruments=("au.historic", "us.18usc2703f"), sweep_minutes=240),
    ),
    "a reminder that answers itself": Bug(parts=_ledger(AnsweredByItself), found_as="nobody climbed", setting=ROUGH),
    "a failed reminder marked as sent": Bug(parts=_ledger(MarkedAsSent), found_as="nobody climbed", setting=ROUGH),
    "a look-up skipped after an unknown outcome": Bug(
        parts=_ledger(Presumed), found_as="sent again unasked", setting=ROUGH
    ),
    "a second sending after a restart": Bug(
        parts=_ledger(NoIntent),
        found_as="double effect",
        setting=replace(CALM, days=20, faults=replace(Faults.calm(), crashes=0.4)),
    ),
    "a lease that is not kept": Bug(
        parts=_ledger(NoLease), found_as="double effect", setting=replace(CALM, days=20, second_worker=True)
    ),
}
