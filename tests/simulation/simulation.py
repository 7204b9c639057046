"""The whole machine under a virtual clock: `run` lets a unit live, and gives what happened as plain data.

Holdfast itself is real: intake, ledger, vault, decisions, sweep, acts, replies. Providers, people and the clock are
simulated, from one seed. `Parts` lets a test put a wrong part into its place.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from simulated_account import Faults
from simulated_people import People
from simulated_providers import Books, Crash
from simulated_unit import (
    AUTHORITIES,
    KINDS,
    START,
    Inbox,
    Planned,
    case_of,
    facts_of,
    open_unit,
    put_providers,
    register,
    requests,
    set_clock,
)

from flows import lanes, sweeping
from flows.office import Office
from providers.interface import Order

BATCH = 10
"""Requests of one case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One simulation: the same setting gives the same history."""

    seed: int = 1
    holds: int = 300
    days: int = 540
    faults: Faults = field(default_factory=Faults)
    diligence: float = 0.9
    poll: str = "30 days"
    sweep_minutes: int = 60
    over_days: int = 120
    instruments: tuple[str, ...] = ()
    second_worker: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What is put into the place of a right part, for a test of the checker: each gets the right one."""

    office: Callable[[Office], None] = lambda _: None


@dataclass(kw_only=True)
class Story:
    """What happened: `document` for the checker, and what the sweeps themselves reported."""

    document: dict[str, Any]
    acts: int = 0
    sweeps: int = 0
    faults_of_ours: list[str] = field(default_factory=list)
    refused_entries: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that happened."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()


class OneAfterAnother(Executor):
    """Does what it is given at once, in the thread that gives it."""

    def submit(self, do: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Do it."""
        done: Future[Any] = Future()
        try:
            done.set_result(do(*args, **named))
        except BaseException as error:
            done.set_exception(error)
        return done


class Simulation:
    """A unit and its world."""

    def __init__(self, folder: Path, setting: Setting, parts: Parts) -> None:
        self.setting, self.end = setting, START + timedelta(days=setting.days)
        self.office = open_unit(folder, poll=setting.poll, sweep_minutes=setting.sweep_minutes)
        self.books = Books(setting.seed, setting.faults, start=START, days=setting.days)
        self.office.sleep = lambda _: None
        if not setting.second_worker:
            self.office.lanes = lanes.Lanes(pool=OneAfterAnother())  # nobody waits for a simulated provider
        put_providers(self.office, self.books, self._meanwhile)
        parts.office(self.office)
        self.inbox = Inbox(clock=self.office.now, seed=setting.seed, in_vain=setting.faults.told_in_vain)
        self.people = People(self.office, self.books, seed=setting.seed, diligence=setting.diligence)
        self.story = Story(document={})
        self._coming = list(self._cases())[::-1]
        self._within = threading.local()

    # What comes in

    def _cases(self) -> Iterator[tuple[datetime, list[Planned]]]:
        laws = self.office.catalogue.instruments
        chosen = self.setting.instruments or tuple(laws)
        to_state = {each: laws[each].addressee == "state" for each in chosen}
        planned = requests(
            self.setting.seed, self.setting.holds, to_state, over=timedelta(days=self.setting.over_days)
        )
        for first in range(0, len(planned), BATCH):
            batch = planned[first : first + BATCH]
            yield batch[0].at, batch

    def _register(self, batch: list[Planned]) -> None:
        now = self.office.now()
        number, draw = len(self._coming), Random(f"{self.setting.seed}/case/{batch[0].name}")
        case = case_of(number, batch, draw, late=True)
        for request, planned in zip(register(self.office, case), batch, strict=True):
            kind = next(each for each in KINDS if each.id == planned.provider)
            self.books.open(planned.name, AUTHORITIES[0].zone if planned.state_to_state else kind.zone)
            self.inbox.names[request] = planned.name
            at = Planned(**{name: getattr(planned, name) for name in planned.__slots__} | {"at": now})
            self.people.begin(request, at, case.mla.send_on if case.mla else None)

    # Time

    def run(self) -> Story:
        """Live until the end, and tell."""
        with redirect_stderr(self.inbox):
            while (now := self._next()) is not None:
                set_clock(self.office, now)
                while self._coming and self._coming[-1][0] <= now:
                    self._register(self._coming.pop()[1])
                self.people.work(now)
                self._sweep()
                for told in self.inbox.new:
                    self.people.hear(told)
                self.inbox.new.clear()
        set_clock(self.office, self.end)
        return self._told()

    def _next(self) -> datetime | None:
        """The next instant of the sweeps' grid at which anything is due."""
        step, now = timedelta(minutes=self.setting.sweep_minutes), self.office.now()
        due = [self.office.ledger.next_due_at(), self.people.due(), self._coming[-1][0] if self._coming else None]
        first = min((each for each in due if each is not None), default=None)
        if first is None:
            return None
        ahead = max(first - START, now - START + step)
        at = START + step * -(-ahead // step)
        return at if at < self.end else None

    def _sweep(self) -> None:
        try:
            report = sweeping.sweep(self.office)
        except Crash:
            return  # its leases run out, and the next sweep takes over
        self.story.sweeps += 1
        self.story.acts += len(report.done)
        self.story.faults_of_ours += [what for _, what in report.failures if "fault of Holdfast" in what]

    def _meanwhile(self, _: Order) -> None:
        """A second worker takes what it may have while a message is under way."""
        if not self.setting.second_worker or getattr(self._within, "second", False):
            return
        self._within.second = True
        office, now = self.office, self.office.now()
        try:
            owner, until = f"second worker {threading.get_ident()}", now + sweeping.LEASE
            claims = office.ledger.claim(now, owner=owner, until=until, limit=lanes.BATCH)
            for lane in lanes.by_provider(claims).values():
                report = sweeping.queue(sweeping.Pass(office=office, now=now), lane)
                self.story.faults_of_ours += [what for _, what in report.failures if "fault of Holdfast" in what]
        finally:
            self._within.second = False

    # What happened

    def _told(self) -> Story:
        told: dict[str, list[Any]] = {}
        for each in self.inbox.told:
            told.setdefault(each.request, []).append([each.at.isoformat(), each.level, each.about, each.delivered])
        document = []
        kinds = {kind.id: kind for kind in KINDS}
        rows = {row.request: row for row in self.office.ledger.rows(open_only=False)}
        for request, planned in sorted(self.people.ids.items(), key=lambda each: each[1].name):
            account, row = self.books.accounts[planned.name], rows[request]
            facts = facts_of(planned, account, kinds[planned.provider])
            outages = [
                [begin.isoformat(), end.isoformat()]
                for provider in (planned.provider, *(("ie.budapest-35",) if planned.state_to_state else ()))
                for begin, end in self.books.outages(provider)
            ]
            document.append(
                account.document(**facts)
                | {
                    "outages": outages,
                    "told": told.get(request, []),
                    "entries": [list(each) for each in self.people.entries.get(request, ())],
                    "state": row.state,
                    "state_to_state": planned.state_to_state,
                }
            )
            self.story.states[row.state] = self.story.states.get(row.state, 0) + 1
        self.story.refused_entries = self.people.refused
        self.story.document = {
            "requests": document,
            "ends_at": self.end.isoformat(),
            "sweep_minutes": self.setting.sweep_minutes,
        }
        return self.story


def run(folder: Path, setting: Setting, parts: Parts | None = None) -> Story:
    """Let a unit live through a simulation in a folder of its own."""
    simulation = Simulation(folder, setting, parts or Parts())
    try:
        return simulation.run()
    finally:
        simulation.office.close()
