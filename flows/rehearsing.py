"""What would become of the open holds: the same machine on a copy, run ahead of time.

The copy is a ledger of its own in a temporary folder, with the histories of the open requests and without a
single sealed content: no identifier and no key leaves the unit's ledger, which is only read. Nothing is sent and
nobody is told: the providers of a rehearsal answer here, as far as their channel can answer at all, and people do
what they are told to after some days. Decisions, acts and clocks are the real ones.

The same answer of a provider every day changes nothing, so a hold that is confirmed is not asked about again.
"""

from __future__ import annotations

import heapq
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.catalogue import Catalogue, laid_over, toml_table
from flows.history import Histories
from flows.lanes import BATCH, by_provider
from flows.office import Office
from flows.policy import Decided, Pacing, RungChannels, read_policy
from flows.replying import Reply, ReplyError, record
from flows.routes import Route
from flows.settings import Settings
from flows.sweeping import LEASE, Pass, Report, queue
from ledger.interface import Event, Json, NewEvent
from ledger.sqlite import SqliteLedger
from ledger.vault import MasterKey, Vault
from providers.errors import Unavailable, Unsupported
from providers.interface import Action, Adapter, Answer, Exchange, Order, State
from timeline.days import day_in
from timeline.rules import Policy
from timeline.state import Hold

SEALED = frozenset({"text", "proof", "packet", "sent_bytes", "received_bytes", "raw"})
"""Keys of a body under which a sealed content is named; a rehearsal has none of them."""

ENDS = {"lapsed": "lapses", "produced": "answered", "released": "released", "refused": "refused"}
"""Events that end a request, in a word each."""

_NEVER = timedelta(days=36500)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumed:
    """What is assumed of the world: how long it is looked ahead, and how others behave.

    `mla_days`: how long every answer to an MLA request takes, None for nine in ten of the request's own forecast.
    `people_days`: after how many days a person does what a message asks for. `nobody`: no provider answers, nobody
    does anything, and no MLA answer comes.
    """

    days: int = 180
    mla_days: int | None = None
    people_days: int = 1
    nobody: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What becomes of one request. `outcome` is one of `ENDS`, or its state when the rehearsal ends.

    `on` is the day of that; for a lapse the last strict day of the hold. `told`: how often people were told,
    `level` how high, `imminent_on` when the top of the ladder was told of an end with nothing in its place.
    """

    request: str
    case: str
    provider: str
    instrument: str
    outcome: str
    on: date | None
    told: int
    level: int
    imminent_on: date | None

    @property
    def lapses(self) -> bool:
        """Whether the hold ends with nothing in its place."""
        return self.outcome == ENDS["lapsed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """One run: from when to when, and every request's fate by its id. `faults`: what Holdfast itself could not do."""

    began_at: datetime
    over_at: datetime
    fates: Mapping[str, Fate]
    faults: tuple[str, ...]


def other_policy(catalogue: Catalogue, file: Path) -> Decided:
    """The unit's policy with a file laid over it, key by key.

    Raises:
        ConfigurationErrors: the file is wrong; every place is listed.
    """
    table = toml_table(file, str(file))
    return read_policy(laid_over(catalogue.raw["policy.toml"], table, str(file)), str(file))


def rehearse(office: Office, assumed: Assumed, *, policy: Policy | None = None) -> Rehearsal:
    """Run the open requests ahead of time, under another policy where one is given. The unit's ledger is only read.

    Raises:
        LedgerError: it cannot be read, or the copy cannot be written.
    """
    with TemporaryDirectory(prefix="holdfast-rehearsal-") as folder:
        stage = _Stage(office, Path(folder), assumed, policy or office.policy)
        try:
            return stage.run()
        finally:
            stage.office.close()


# The unit's office, on a copy


class _RehearsalOffice(Office):
    """An office that can reach nobody: every adapter is one of a rehearsal, and no request has facts."""

    assumed: Assumed = Assumed()

    def adapter(self, route: Route) -> Adapter:
        """The rehearsal's own, whatever the route."""
        return _Rehearsed(route, self.now, self.assumed)

    def facts(self, request: str) -> Mapping[str, Any]:
        """Stand-ins: the facts of a case decide nothing about a clock."""
        first = self.ledger.events(request)[0].body
        items: Any = first["items"]
        return {
            "reference": first["case"],
            "unit": "",
            "country": first["country"],
            "officer": dict.fromkeys(("name", "badge", "email", "phone"), ""),
            "offence": {"title": "", "provisions": (), "facts": ""},
            "items": [{"item": each["item"], "type": each["type"], "value": each["item"]} for each in items],
        }


class _Rehearsed(Adapter):
    """A provider that does what it is asked, as far as its channel can say it; or nobody, who answers nothing."""

    def __init__(self, route: Route, clock: Callable[[], datetime], assumed: Assumed) -> None:
        self.provider, self.channel, self.capabilities = route.id, route.channel, route.capabilities
        self._clock, self._zone, self._nobody = clock, route.zone or "UTC", assumed.nobody

    def _build(self, order: Order) -> bytes:
        if self.capabilities.person:
            raise Unsupported(f"{self.provider} is reached by a person")
        if self._nobody:
            raise Unavailable(f"{self.provider} does not answer", retry_after=3600)
        return b""

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        return Exchange(channel=self.channel, sent=message, sent_at=self._clock())

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        if order.action is Action.RELEASE:
            return Answer(state=State.RELEASED, exchange=exchange)
        sending = order.action is Action.SEND
        return Answer(
            state=State.IN_FORCE,
            references=() if order.references else ("REHEARSED",),
            received_on=day_in(exchange.sent_at, self._zone) if sending else None,
            held_until=order.hold_until if order.action is Action.EXTEND else None,
            exchange=exchange,
        )

    def _find(self, order: Order) -> Answer | None:
        """Whether it has what was in doubt when the rehearsal began: it says that it has not."""
        if self._nobody:
            raise Unavailable(f"{self.provider} does not answer", retry_after=3600)
        return None


class _Stage:
    """One rehearsal: the copy, the people, the time."""

    def __init__(self, unit: Office, folder: Path, assumed: Assumed, policy: Policy) -> None:
        self.assumed, self.start = assumed, unit.now()
        self.end = self.start + timedelta(days=assumed.days)
        policy = replace(policy, poll_every=_NEVER)
        rungs = tuple(RungChannels(level=each.level, tell=("drop",), mail_to="") for each in policy.ladder)
        catalogue = replace(unit.catalogue, policy=policy, rung_channels=rungs, pacing=Pacing(per_minute=0, own={}))
        settings: Settings = replace(
            unit.settings,
            home=folder,
            ledger=f"sqlite:///{folder / 'ledger.sqlite'}",
            environ={},
            simulated=self.start,
        )
        ledger = SqliteLedger.open(settings.ledger_path, create=True, sandbox=unit.ledger.sandbox, now=self.start)
        self.office = _RehearsalOffice(
            settings=settings,
            catalogue=catalogue,
            ledger=ledger,
            vault=Vault(ledger, MasterKey(secret=secrets.token_bytes(32))),
            histories=Histories(ledger, policy),
        )
        self.office.assumed = assumed
        self.agenda: list[tuple[datetime, int, str, str]] = []
        self.faults: set[str] = set()
        self.known: dict[str, int] = {}
        self._copy(unit)

    def _copy(self, unit: Office) -> None:
        """Enter the histories of the open requests, without what is sealed."""
        terms: dict[str, str] = {}
        for row in tuple(unit.ledger.rows()):
            events = unit.ledger.events(row.request)
            kept = str(events[0].body["terms"])
            if kept not in terms:
                terms[kept] = self.office.ledger.keep(self._terms(unit.ledger.kept(kept)))
            new = [_stripped(each, terms) for each in events]
            self.office.ledger.register(row.request, new, self.office.histories.project, now=self.start)
            self.known[row.request] = len(events)
            if not self.assumed.nobody:
                self._expect(row.request)

    def _terms(self, frozen: bytes) -> bytes:
        """The terms a request runs under, with the MLA answer as late as it is assumed to be."""
        if self.assumed.mla_days is None:
            return frozen
        told = json.loads(frozen)
        told["profile"] |= {"p50_days": self.assumed.mla_days, "p90_days": self.assumed.mla_days}
        return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    # What people do

    def _plan(self, at: datetime, request: str, what: str) -> None:
        heapq.heappush(self.agenda, (max(at, self.start), len(self.agenda), request, what))

    def _expect(self, request: str) -> None:
        """The MLA request of a case goes its way; and what people were told before is taken up now."""
        hold = self.office.hold(request)
        mla, days = hold.mla, self.assumed.mla_days or hold.terms.profile.p90_days
        sent_on = mla.sent_on or mla.planned_on
        if mla.sent_on is None and mla.received_on is None and sent_on is not None:
            self._plan(_noon(sent_on), request, "mla-sent")
        if sent_on is not None and mla.received_on is None:
            self._plan(_noon(sent_on) + self.office.policy.file_mla_lead, request, "mla-received")
        if (begun := sent_on or mla.received_on) is not None:
            self._plan(_noon(begun) + timedelta(days=days), request, "produced")
        for told in hold.escalations.values():
            if told.acknowledged_at is None:
                self._plan(self.start + timedelta(days=self.assumed.people_days), request, f"escalate {told.about}")

    def _people(self, now: datetime) -> None:
        while self.agenda and self.agenda[0][0] <= now:
            _, _, request, what = heapq.heappop(self.agenda)
            hold = self.office.hold(request)
            for reply in _replies(hold, what, day_in(now, hold.terms.provider.zone)):
                try:
                    record(self.office, request, reply)
                except ReplyError:  # it fits no more: the request has ended meanwhile
                    break

    # Time

    def run(self) -> Rehearsal:
        """Sweep whenever anything is due, until the end."""
        now, step = self.start, self.office.policy.sweep_interval
        while now <= self.end:
            self.office.settings = replace(self.office.settings, simulated=now)
            self._people(now)
            self._sweep(now)
            due = [self.office.ledger.next_due_at(), self.agenda[0][0] if self.agenda else None]
            first = min((each for each in due if each is not None), default=None)
            if first is None:
                break
            now = max(now + step, first)
        fates = {fate.request: fate for fate in self._fates()}
        return Rehearsal(began_at=self.start, over_at=self.end, fates=fates, faults=tuple(sorted(self.faults)))

    def _sweep(self, now: datetime) -> None:
        office = self.office
        while claims := office.ledger.claim(now, owner=office.owner, until=now + LEASE, limit=BATCH):
            for lane in by_provider(claims).values():
                self._heed(queue(Pass(office=office, now=now), lane), now)

    def _heed(self, report: Report, now: datetime) -> None:
        self.faults |= {what for _, what in report.failures if "a fault of Holdfast" in what}
        for done in report.done:
            if done.action == "lapse":  # what is told of it afterwards, every day, is of no interest
                self.office.append(done.request, [("released", {})])
        if self.assumed.nobody:
            return
        for done in report.done:
            if done.action.startswith("escalate "):
                self._plan(now + timedelta(days=self.assumed.people_days), done.request, done.action)

    # What became of it

    def _fates(self) -> Iterator[Fate]:
        for row in self.office.ledger.rows(open_only=False):
            events = self.office.ledger.events(row.request)
            new = events[self.known[row.request] :]
            ended = next(
                (each for each in new if each.kind in ENDS and each.body.get("action", "send") == "send"), None
            )
            told = [each for each in new if each.kind == "escalated"]
            imminent = next((each for each in told if str(each.body["about"]).startswith("imminent")), None)
            yield Fate(
                request=row.request,
                case=row.case,
                provider=row.provider,
                instrument=row.instrument,
                outcome=ENDS[ended.kind] if ended else row.state,
                on=_ended_on(ended) if ended else None,
                told=len(told),
                level=max((int(str(each.body["level"])) for each in told), default=0),
                imminent_on=imminent.at.date() if imminent else None,
            )


def _ended_on(event: Event) -> date:
    """A lapse by the last day of the hold, all else by when it happened."""
    said = event.body.get("strict_on")
    return date.fromisoformat(said) if isinstance(said, str) else event.at.date()


def _stripped(event: Event, terms: Mapping[str, str]) -> NewEvent:
    body: dict[str, Json] = {key: value for key, value in event.body.items() if key not in SEALED}
    if event.kind == "registered":
        body |= {"sealed": "", "terms": terms[str(event.body["terms"])]}
    return NewEvent(kind=event.kind, at=event.at, actor=event.actor, body=body)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _replies(hold: Hold, what: str, today: date) -> Sequence[Reply]:
    """What a person enters who has done what a message asks for; what no message asks for is only taken up."""
    if what == "mla-received":
        return [] if hold.mla.received_on else [Reply(kind=what, on=today)]
    if not what.startswith("escalate "):
        return [Reply(kind=what, on=today)]
    about = what.removeprefix("escalate ")
    word, _, rest = about.partition(":")
    return [Reply(kind="escalation-acknowledged"), *_done(hold, word, rest.partition("-")[0], today)]


def _done(hold: Hold, word: str, action: str, today: date) -> Sequence[Reply]:
    if word == "channel" and hold.unsent:
        return [Reply(kind="sent"), Reply(kind="preserved", on=today)]
    if word in {"acknowledgement", "confirmation"}:
        return [Reply(kind="preserved")]
    if word == "extension":
        act = hold.act("extend", hold.granted + 1)
        asked = act is not None and (act.open or act.outcome == "sent")
        return [*([] if asked else [Reply(kind="sent", action="extend")]), Reply(kind="extended")]
    if word == "outcome-unknown":
        known = {"send": "preserved", "extend": "extended", "release": "released"}
        return [Reply(kind=known[action])] if action in known else []
    if word in {"clarification", "clarify"} and hold.clarification is not None:
        return [Reply(kind="clarification-answered")]
    if word == "announce":
        return [Reply(kind="production-announced", on=today)]
    if word == "release":
        return [Reply(kind="released")]
    return [Reply(kind="validated")] if word == "validation" else []
