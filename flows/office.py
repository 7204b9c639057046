"""One unit's open office: settings, catalogue, ledger, vault and adapters, opened once and passed along."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flows import catalogue as catalogues
from flows.catalogue import Catalogue, ConfigurationErrors, ProviderEntry
from flows.credentials import with_credentials
from flows.history import Histories
from flows.lanes import Lanes
from flows.ledgers import is_there, open_ledger
from flows.orders import compose
from flows.routes import Route, routes
from flows.settings import Settings, SettingsError
from flows.stationery import UnitLetters, wrong_letters
from ledger.heads import Head
from ledger.interface import Claim, Event, Json, Ledger, LedgerUnusable, NewEvent, Row
from ledger.master import VARIABLE
from ledger.vault import Keyring, Sealed, Vault
from providers.errors import ConfigurationError
from providers.interface import Action, Adapter, Addressee, Order
from providers.registry import channel_of, check_adapter_table, make_adapter
from timeline.events import check
from timeline.rules import Policy
from timeline.state import Hold


@dataclass(kw_only=True)
class Office:
    """Everything an act needs. Thread-safe: the ledger opens a connection per thread."""

    settings: Settings
    catalogue: Catalogue
    ledger: Ledger
    vault: Vault
    histories: Histories
    adapters: dict[str, Adapter] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    lanes: Lanes = field(default_factory=Lanes)
    letters: UnitLetters = field(init=False)
    sleep: Callable[[float], None] = time.sleep
    latest: datetime | None = None  # the latest instant seen: a clock that is set back is noticed by it
    ours: Head | None = None  # the signed head that was last found to be this unit's

    def __post_init__(self) -> None:
        self.letters = UnitLetters(self.settings, clock=self.now)

    @property
    def policy(self) -> Policy:
        """The unit's lead times and ladder."""
        return self.catalogue.policy

    @property
    def owner(self) -> str:
        """Who holds a lease: this process on this machine."""
        return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.settings.now()

    def adapter(self, route: Route) -> Adapter:
        """The adapter of a route, made once.

        Raises:
            ConfigurationError: its table or a secret is wrong.
        """
        with self.lock:
            if route.id not in self.adapters:
                self.adapters[route.id] = _adapter(
                    self.settings, route, self.letters, sandbox=self.ledger.sandbox, clock=self.now
                )
            return self.adapters[route.id]

    def hold(self, request: str) -> Hold:
        """The hold of a request, as recorded now. `LookupError` if there is none."""
        return self.histories.hold(request)

    def append(
        self,
        request: str,
        events: Sequence[tuple[str, Mapping[str, Json]] | tuple[str, Mapping[str, Json], datetime]],
        *,
        at: datetime | None = None,
        claim: Claim | None = None,
        seals: Sequence[Sealed] = (),
        unless: Callable[[Sequence[Event]], None] | None = None,
    ) -> tuple[Event, ...]:
        """Record events of this office's actor, checked against their kinds, with the index in the same step.

        An event may have its own instant; else it happened at `at`, or now. `seals` are what its body names.
        `unless` looks, in that step, at the history as it would stand; what it raises comes out, and nothing is
        written.
        """

        def project(history: Sequence[Event]) -> Row:
            if unless is not None:
                unless(history)
            return self.histories.project(history)

        now = self.now()
        new = []
        for kind, body, *own in events:
            check(kind, body)
            happened = own[0] if own else at or now
            new.append(NewEvent(kind=kind, at=happened, actor=self.settings.actor, body=body))
        return self.ledger.append(request, new, project, now=now, claim=claim, seals=seals)

    def case(self, request: str) -> str:
        """The reference of a request's case."""
        return str(self.histories.first(request).body["case"])

    def facts(self, request: str) -> Mapping[str, Any]:
        """A request's identifiers and facts, unsealed.

        Raises:
            Erased: the case was erased.
        """
        facts: Mapping[str, Any] = json.loads(self.vault.unseal(str(self.histories.first(request).body["sealed"])))
        return facts

    def seal(self, case: str, content: Mapping[str, Any] | bytes, purpose: str) -> str:
        """Seal bytes or a JSON value for a case; gives the token that may stand in an event."""
        raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        return self.vault.seal(case, raw, purpose)

    def routes(self, hold: Hold, provider: str, facts: Mapping[str, Any] | None = None) -> tuple[Route, ...]:
        """Every way in which this request can go, best first. `facts`: its own, where they are at hand.

        Raises:
            ConfigurationError: the provider is not in the catalogue any more.
        """
        facts = facts or self.facts(hold.request)
        try:
            return routes(
                self.catalogue,
                provider=provider,
                instrument=hold.terms.instrument,
                country=hold.terms.country,
                requested_state=hold.mla.requested_state,
                user_location=facts.get("user_location") or "",
                language=facts.get("language") or "",
            )
        except LookupError as error:
            raise ConfigurationError(str(error.args[0])) from error

    def order(
        self,
        hold: Hold,
        action: Action,
        sequence: int,
        *,
        addressee: Addressee,
        until: date | None = None,
        because: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> Order:
        """What is to be said to the addressee, unsealed at the last moment if `facts` are not at hand."""
        said = Action.SEND if action is Action.STATUS else action
        key = key_of(hold.request, said, sequence)
        return compose(
            self,
            hold,
            action,
            sequence,
            key=key,
            facts=facts or self.facts(hold.request),
            addressee=addressee,
            until=until,
            because=because,
        )

    def close(self) -> None:
        """Give back connections and the ledger."""
        self.lanes.close()
        for adapter in self.adapters.values():
            adapter.close()
        self.ledger.close()


def key_of(request: str, action: str, sequence: int) -> str:
    """The idempotency key of an act: the same for every attempt, on every machine, after every crash."""
    return hashlib.sha256(f"{request}/{action}/{sequence}".encode()).hexdigest()[:32]


def _adapter(
    settings: Settings, route: Route, letters: UnitLetters, *, sandbox: bool, clock: Callable[[], datetime]
) -> Adapter:
    settings = with_credentials(settings, route.id.partition("#")[0], route.table)
    return make_adapter(
        route.id,
        route.table,
        where=route.where,
        sandbox=sandbox,
        zone=route.zone,
        environ=settings.environ,
        clock=clock,
        letters=letters,
    )


def unusable(settings: Settings, ways: Iterable[Route], *, sandbox: bool) -> tuple[str, ...]:
    """What keeps these routes from being taken by such a ledger: an address, a secret. Nothing is sent."""
    wrong, letters = [], UnitLetters(settings)
    for route in {each.id: each for each in ways}.values():
        try:
            _adapter(settings, route, letters, sandbox=sandbox, clock=settings.now).close()
        except ConfigurationError as error:
            wrong.append(str(error))
    return tuple(wrong)


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue, with every provider's adapter table and the letters checked too; no secret is looked up.

    Raises:
        ConfigurationErrors: lists every error of every file.
    """
    files = catalogues.files(settings.config)
    with _READING:
        if _READ.get("files") != files:
            _READ.update(catalogue=_checked(settings), files=files)
        catalogue: Catalogue = _READ["catalogue"]
        return catalogue


_READ: dict[str, Any] = {}
"""The configuration as last read by this process, and its files as they were then: a watch reads it once."""
_READING = threading.Lock()


def _checked(settings: Settings) -> Catalogue:
    catalogue = catalogues.load(settings.config)
    errors = [
        problem
        for provider, entry in catalogue.providers.items()
        for problem in _wrong_adapters(entry, f"config/providers/{provider}.toml")
    ]
    errors += wrong_letters(settings.config)
    if errors:
        raise ConfigurationErrors(errors)
    return catalogue


def _wrong_adapters(entry: ProviderEntry, where: str) -> Iterator[str]:
    """What is wrong with the ways to a provider; one of several is named by its number."""
    listed, place = not isinstance(entry.raw.get("adapter"), Mapping), f"{where}: adapter"
    channels: set[str] = set()
    for number, table in enumerate(entry.adapters):
        problems = check_adapter_table(table, where)
        for problem in problems:
            yield problem.replace(place, f"{place}[{number}]", 1) if listed else problem
        channel = "" if problems else channel_of(table, where=where)
        if channel in channels:
            yield f'{place}[{number}].channel: there is another "{channel}"; give each way a name of its own'
        channels |= {channel} - {""}


def open_office(
    settings: Settings, *, create: bool = False, sandbox: bool = False, catalogue: Catalogue | None = None
) -> Office:
    """Open the ledger, its key and the catalogue; all of it is checked before anything is done.

    Args:
        settings: the environment.
        create: make the home, the key and the ledger where they are missing.
        sandbox: make it a sandbox ledger (simulated clock and loopback allowed); an existing one keeps its kind.
        catalogue: from `open_catalogue`, where it was read already.

    Raises:
        ConfigurationErrors: the catalogue; lists every error.
        LedgerError: the ledger or its key; says what to do.
        SettingsError: a simulated clock with an operational ledger.
    """
    catalogue = catalogue or open_catalogue(settings)
    there = is_there(settings)
    if not create and not there:
        raise LedgerUnusable(
            f"{settings.ledger_path}: there is no ledger yet; the first `holdfast preserve CASE` makes it"
        )
    if settings.simulated and (sandbox is False and not there):
        raise SettingsError("HOLDFAST_CLOCK: an operational ledger runs on real time; unset it, or add --sandbox")
    ring = Keyring(path=settings.key_path, environ=settings.environ)
    named = VARIABLE in settings.environ  # even if to nothing: that is a mistake, and said
    keyless = create and not named and not ring.path.exists()
    if keyless and not there:
        ring.make()
    ledger = open_ledger(settings, create=create, sandbox=sandbox)
    try:
        if keyless and there and ledger.head()[0] == 0:  # a database that was just made
            ring.make()
        if settings.simulated and not ledger.sandbox:
            raise SettingsError("HOLDFAST_CLOCK: an operational ledger runs on real time; unset it")
        vault = Vault(ledger, ring.current(), ring=ring)
    except BaseException:
        ledger.close()
        raise
    return Office(
        settings=settings,
        catalogue=catalogue,
        ledger=ledger,
        vault=vault,
        histories=Histories(ledger, catalogue.policy),
    )


@contextmanager
def office(
    settings: Settings, *, create: bool = False, sandbox: bool = False, catalogue: Catalogue | None = None
) -> Iterator[Office]:
    """`open_office`, closed at the end."""
    opened = open_office(settings, create=create, sandbox=sandbox, catalogue=catalogue)
    try:
        yield opened
    finally:
        opened.close()
