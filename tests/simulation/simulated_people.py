"""People: who acknowledge after hours or not at all, do what a message asks for or something else, and record it.

They use what people use: `flows.replying` and `flows.asking`. What they know of a provider they learn from its books,
as if they had called it. Nobody works at night and at weekends but the top of the ladder, and not always.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from simulated_account import DAY, Account
from simulated_providers import Books
from simulated_unit import Planned, Told

from flows import asking, replying
from flows.office import Office
from flows.replying import Reply, ReplyError
from timeline.days import day_in
from timeline.state import Hold, State

HOUR = timedelta(hours=1)
SATURDAY = 5
STOPS = ("access-requested", "petition-filed")
HELD = frozenset({State.SENT, State.ACKNOWLEDGED, State.IN_FORCE, State.OPEN_ENDED})


class People:
    """Everybody who works on the unit's requests. `due` and `work` run their agenda."""

    def __init__(self, office: Office, books: Books, *, seed: int, diligence: float = 0.9) -> None:
        self.office, self.books, self.seed, self.diligence = office, books, seed, diligence
        self.ids: dict[str, Planned] = {}
        self.entries: dict[str, list[tuple[str, str]]] = {}
        self.refused: dict[str, int] = {}
        self._agenda: list[tuple[datetime, int, str, Callable[[str], None]]] = []
        self._count = 0
        self._attending: set[str] = set()
        self._dice: dict[str, Random] = {}

    def draw(self, request: str) -> Random:
        """What decides about a request; the same for the same seed, whatever the order of work."""
        if request not in self._dice:
            self._dice[request] = Random(f"{self.seed}/people/{self.ids[request].name}")
        return self._dice[request]

    def account(self, request: str) -> Account:
        """The provider's books on a request."""
        return self.books.accounts[self.ids[request].name]

    # The agenda

    def plan(self, at: datetime, request: str, what: Callable[[str], None]) -> None:
        """Do something later."""
        self._count += 1
        heapq.heappush(self._agenda, (at, self._count, request, what))

    def due(self) -> datetime | None:
        """When the next thing is to be done."""
        return self._agenda[0][0] if self._agenda else None

    def work(self, now: datetime) -> None:
        """Do all that is due."""
        while self._agenda and self._agenda[0][0] <= now:
            _, _, request, what = heapq.heappop(self._agenda)
            what(request)

    def record(self, request: str, kind: str, **fields: object) -> bool:
        """Enter something; whether it was taken."""
        try:
            replying.record(self.office, request, Reply(kind=kind, **fields))  # type: ignore[arg-type]
        except ReplyError:
            self.refused[kind] = self.refused.get(kind, 0) + 1
            return False
        self.note(request, kind)
        return True

    def note(self, request: str, kind: str) -> None:
        """Keep for the checker what a person entered."""
        self.entries.setdefault(request, []).append((self.office.now().isoformat(), kind))

    # A case's own life

    def begin(self, request: str, planned: Planned, mla_on: date | None) -> None:
        """What will become of a request beside the holds: MLA, production, an end."""
        self.ids[request] = planned
        draw, now = self.draw(request), self.office.now()
        if mla_on is not None and draw.random() < 0.8:
            at = max(now, _noon(mla_on)) + DAY * draw.choice((0, 0, 0, 3, 10, 40))
            self.plan(at, request, self._mla_sent)
        kind = draw.random()
        if kind < 0.45:
            self.plan(now + DAY * draw.randint(40, 330), request, self._produced)
        elif kind < 0.65:
            self.plan(now + DAY * draw.randint(15, 250), request, self._let_go)

    def _mla_sent(self, request: str) -> None:
        today = self._today(request)
        if self.record(request, "mla-sent", on=today) and self.draw(request).random() < 0.8:
            self.plan(self.office.now() + DAY * self.draw(request).randint(7, 60), request, self._mla_received)

    def _mla_received(self, request: str) -> None:
        if self.record(request, "mla-received", on=self._today(request)) and self.ids[request].state_to_state:
            self.account(request).stop(self.office.now(), "mla-received")

    def _produced(self, request: str) -> None:
        hold = self.office.hold(request)
        if hold.state in HELD:
            self.record(request, "produced")

    def _let_go(self, request: str) -> None:
        hold = self.office.hold(request)
        if hold.state in HELD:
            self._ask(
                request, lambda: asking.release(self.office, request, because="It is not needed."), "release-asked"
            )

    def _ask(self, request: str, what: Callable[[], object], kind: str) -> None:
        try:
            what()
        except ReplyError:
            self.refused[kind] = self.refused.get(kind, 0) + 1
        else:
            self.note(request, kind)

    def _today(self, request: str) -> date:
        return day_in(self.office.now(), self.office.hold(request).terms.provider.zone)

    # Being told

    def hear(self, told: Told) -> None:
        """A message has come: somebody will see to it, or not."""
        request = told.request
        if request not in self.ids or request in self._attending:
            return
        draw = self.draw(request)
        wait = HOUR * draw.choice((1, 2, 4, 8)) if told.level < 3 else HOUR * draw.choice((1, 1, 2, 14))
        if draw.random() >= self.diligence + 0.03 * told.level:
            return  # overlooked
        self._attending.add(request)
        self.plan(_at_work(told.at + wait, on_call=told.level >= 3), request, lambda each: self._attend(each, told))

    def _attend(self, request: str, told: Told) -> None:
        self._attending.discard(request)
        self.record(request, "escalation-acknowledged", about="all")
        if self.draw(request).random() < self.diligence:
            doing = getattr(self, "_see_to_" + told.about.partition(":")[0].replace("-", "_"), None)
            if doing is not None:
                doing(request, self.office.hold(request))

    # What each message asks for

    def _see_to_channel(self, request: str, hold: Hold) -> None:
        account = self.account(request)
        if hold.unsent and not account.has("send", 1):
            first = hold.terms.first
            until = None if first is None else _base(hold, self.office.now())
            account.effect(self.office.now(), "send", 1, until, "person")
            self.record(request, "sent")
            self._hear_later(request)

    def _hear_later(self, request: str) -> None:
        at = self.account(request).in_force_at
        if at is not None:
            self.plan(
                max(at, self.office.now()) + HOUR, request, lambda each: self._call(each, self.office.hold(each))
            )

    def _call(self, request: str, hold: Hold) -> None:
        """Ask the provider how it stands, and record what it says."""
        now, account = self.office.now(), self.account(request)
        if account.gone(now) or account.answers_at is None or now < account.answers_at or hold.ended:
            return
        account.note(now, "status", 1, "asked", until=None, by="person")
        held = account.in_force_at is not None and now >= account.in_force_at
        until = account.until if account.tells_until and held and account.stopped is None else None
        account.tell(now, "received", account.received_on.isoformat() if account.received_on else "")
        if self.record(
            request, "preserved" if held else "acknowledged", reference=account.references[0], on=account.received_on,
            until=until,
        ) and until:  # fmt: skip
            account.tell(now, f"until-{account.extended}", until.isoformat())

    _see_to_acknowledgement = _see_to_confirmation = _see_to_polls = _call

    def _see_to_outcome_unknown(self, request: str, hold: Hold) -> None:
        account, now = self.account(request), self.office.now()
        for act in [each for each in hold.acts.values() if each.open]:
            known = account.has(act.action, act.sequence)
            account.note(
                now, f"find-{act.action}", act.sequence, "found" if known else "not-found", until=None, by="person"
            )
            if not known:
                self.record(request, "absent", action=act.action)
            elif act.action == "send":
                self._call(request, hold)
                if self.office.hold(request).acts[act.action, act.sequence].open:
                    self.record(request, "sent", action="send")
            elif act.action == "extend":
                self._extended(request)
            elif act.action == "release":
                self.record(request, "released")

    def _see_to_extension(self, request: str, hold: Hold) -> None:
        account, now, number = self.account(request), self.office.now(), hold.granted + 1
        act = hold.act("extend", number)
        if number > len(hold.terms.extensions):
            return  # the message is old: it was extended meanwhile, as far as the law goes
        if account.has("extend", number):
            self._extended(request)
        elif act is not None and act.open:
            self._see_to_outcome_unknown(request, hold)
        elif not account.gone(now) and account.received_on is not None and not account.stopped:
            ends = hold.expiry_after(number)
            if ends is None or now >= ends_at(hold):
                return
            account.effect(now, "extend", number, ends.legal_base_on, "person")
            self.record(request, "sent", action="extend")
            self.plan(now + HOUR * self.draw(request).choice((1, 20, 50)), request, self._extended)

    def _extended(self, request: str) -> None:
        hold, account, now = self.office.hold(request), self.account(request), self.office.now()
        if hold.granted < account.extended and not account.gone(now) and not hold.ended:
            until = account.until if account.until and hold.expiry and account.until > hold.expiry.strict_on else None
            if self.record(request, "extended", until=until) and until:
                account.tell(now, f"until-{account.extended}", until.isoformat())

    def _see_to_release(self, request: str, hold: Hold) -> None:
        account, now = self.account(request), self.office.now()
        if not account.has("release", 1):
            account.effect(now, "release", 1, None, "person")
        self.record(request, "released")

    def _see_to_clarification(self, request: str, hold: Hold) -> None:
        if hold.terms.abilities.clarify:
            self._ask(
                request, lambda: asking.answer(self.office, request, text="The account of the suspect."), "answer"
            )
        else:
            self.account(request).answered = True
            self.record(request, "clarification-answered")

    def _see_to_validation(self, request: str, hold: Hold) -> None:
        self.record(request, "validated")

    def _see_to_mla_plan(self, request: str, hold: Hold) -> None:
        if hold.mla.sent_on is None:
            self._mla_sent(request)

    def _see_to_mla_receipt(self, request: str, hold: Hold) -> None:
        if self.draw(request).random() < 0.3:
            self._mla_received(request)

    def _see_to_ending(self, request: str, hold: Hold) -> None:
        """A way out, if there is one: it is taken now, later, or never."""
        draw, kinds = self.draw(request), [each.kind for each in hold.terms.instrument.stop_events]
        if not kinds or draw.random() < 0.3 or self.account(request).gone(self.office.now()):
            return
        if "production-announced" in kinds and hold.terms.abilities.announce:
            self._ask(request, lambda: asking.announce(self.office, request), "announce-asked")
        elif "production-announced" in kinds:
            self._see_to_announce(request, hold)
        for kind in set(kinds) & set(STOPS):
            self.account(request).stop(self.office.now(), kind)
            self.record(request, kind, on=self._today(request))
        if "mla-received" in kinds and hold.mla.received_on is None and draw.random() < 0.5:
            self._mla_received(request)

    _see_to_imminent = _see_to_coverage = _see_to_ending

    def _see_to_announce(self, request: str, hold: Hold) -> None:
        if not self.account(request).has("announce", 1):  # else the message is old: it got through meanwhile
            self.account(request).effect(self.office.now(), "announce", 1, None, "person")
            self.record(request, "production-announced", on=self._today(request))

    def _see_to_review(self, request: str, hold: Hold) -> None:
        if self.draw(request).random() < 0.3:
            self._let_go(request)


def ends_at(hold: Hold) -> datetime:
    """The instant of the strict end; far off where nothing ends."""
    return hold.strict_at or datetime.max.replace(tzinfo=hold.registered_at.tzinfo)


def _base(hold: Hold, now: datetime) -> date | None:
    from timeline.coverage import assumed_sent

    ends = assumed_sent(hold, now).expiry_after(0)
    return ends.legal_base_on if ends else None


def _noon(day: date) -> datetime:
    from datetime import UTC, time

    return datetime.combine(day, time(12), UTC)


def _at_work(moment: datetime, *, on_call: bool) -> datetime:
    """When somebody looks: in the day, and on working days; those on call at any time."""
    if on_call:
        return moment
    if not 8 <= moment.hour < 18:
        moment = moment.replace(hour=8, minute=0) + (DAY if moment.hour >= 18 else timedelta())
    while moment.weekday() >= SATURDAY:
        moment = moment.replace(hour=8) + DAY
    return moment
