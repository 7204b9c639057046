"""One unit's open office: settings, catalogue, ledger, vault and adapters, opened once and passed along."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from flows import catalogue as catalogues
from flows.catalogue import Catalogue, ConfigurationErrors
from flows.history import Histories
from flows.settings import Settings, SettingsError
from ledger.interface import Claim, Event, Json, Ledger, LedgerUnusable, NewEvent
from ledger.sqlite import SqliteLedger
from ledger.vault import MasterKey, Vault
from providers.errors import ConfigurationError
from providers.interface import Action, Adapter, Item, Officer, Order
from providers.registry import check_adapter_table, make_adapter
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

    def adapter(self, provider: str) -> Adapter:
        """The adapter of a provider, made once.

        Raises:
            ConfigurationError: its table or a secret is wrong, or the provider is not in the catalogue.
        """
        with self.lock:
            if provider not in self.adapters:
                self.adapters[provider] = _adapter(
                    self.settings, self.catalogue, provider, sandbox=self.ledger.sandbox, clock=self.now
                )
            return self.adapters[provider]

    def hold(self, request: str) -> Hold:
        """The hold of a request, as recorded now. `LookupError` if there is none."""
        return self.histories.hold(request)

    def append(
        self,
        request: str,
        events: Sequence[tuple[str, Mapping[str, Json]]],
        *,
        at: datetime | None = None,
        claim: Claim | None = None,
    ) -> tuple[Event, ...]:
        """Record events of this office's actor, checked against their kinds, with the index in the same step."""
        now = self.now()
        for kind, body in events:
            check(kind, body)
        new = [NewEvent(kind=kind, at=at or now, actor=self.settings.actor, body=body) for kind, body in events]
        return self.ledger.append(request, new, self.histories.project, now=now, claim=claim)

    def seal(self, case: str, content: Mapping[str, Any] | bytes, purpose: str) -> str:
        """Seal bytes or a JSON value for a case; gives the token that may stand in an event."""
        raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        return self.vault.seal(case, raw, purpose)

    def order(
        self, hold: Hold, action: Action, sequence: int, *, until: date | None = None, because: str = ""
    ) -> Order:
        """What is to be said to the provider, unsealed at the last moment."""
        first = self.ledger.events(hold.request)[0].body
        facts = json.loads(self.vault.unseal(str(first["sealed"])))
        said = Action.SEND if action is Action.STATUS else action
        return Order(
            request=hold.request,
            action=action,
            sequence=sequence,
            key=key_of(hold.request, said, sequence),
            made_at=self.now(),
            instrument=hold.terms.instrument.id,
            legal_basis=hold.terms.instrument.legal_basis,
            case_reference=facts["reference"],
            unit=facts["unit"],
            country=facts["country"],
            officer=Officer(**facts["officer"]),
            offence_title=facts["offence"]["title"],
            offence_provisions=tuple(facts["offence"]["provisions"]),
            offence_facts=facts["offence"]["facts"],
            items=tuple(
                Item(
                    id=each["item"],
                    type=each["type"],
                    value=each["value"],
                    used_from=_instant(each.get("from")),
                    used_to=_instant(each.get("to")),
                    zone=each.get("zone", ""),
                )
                for each in facts["items"]
            ),
            categories=hold.categories,
            period_from=hold.period_from,
            period_to=hold.period_to,
            confidential=hold.confidential,
            urgency=hold.urgency,
            references=hold.references,
            hold_until=until,
            held_until=hold.held_until.get(hold.granted),
            because=because,
        )

    def close(self) -> None:
        """Give back connections and the ledger."""
        for adapter in self.adapters.values():
            adapter.close()
        self.ledger.close()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def key_of(request: str, action: str, sequence: int) -> str:
    """The idempotency key of an act: the same for every attempt, on every machine, after every crash."""
    return hashlib.sha256(f"{request}/{action}/{sequence}".encode()).hexdigest()[:32]


def _adapter(
    settings: Settings, catalogue: Catalogue, provider: str, *, sandbox: bool, clock: Callable[[], datetime]
) -> Adapter:
    entry = catalogue.providers.get(provider)
    if entry is None:
        raise ConfigurationError(f"{provider} is not in the catalogue any more: put its file back")
    return make_adapter(
        provider,
        entry.adapter,
        where=f"config/providers/{provider}.toml",
        sandbox=sandbox,
        zone=entry.terms.zone,
        environ=settings.environ,
        clock=clock,
    )


def unusable(settings: Settings, catalogue: Catalogue, providers: Iterable[str], *, sandbox: bool) -> tuple[str, ...]:
    """What keeps these providers from being spoken to by such a ledger: an address, a secret. Nothing is sent."""
    wrong = []
    for provider in dict.fromkeys(providers):
        try:
            _adapter(settings, catalogue, provider, sandbox=sandbox, clock=settings.now).close()
        except ConfigurationError as error:
            wrong.append(str(error))
    return tuple(wrong)


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue, with every provider's adapter table checked too; no secret is looked up.

    Raises:
        ConfigurationErrors: lists every error of every file.
    """
    catalogue = catalogues.load(settings.config)
    errors = [
        problem
        for provider, entry in catalogue.providers.items()
        for problem in check_adapter_table(entry.adapter, f"config/providers/{provider}.toml")
    ]
    if errors:
        raise ConfigurationErrors(errors)
    return catalogue


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
    path = settings.ledger_path
    if not create and not path.exists():
        raise LedgerUnusable(f"{path}: there is no ledger yet; the first `holdfast preserve CASE` makes it")
    if settings.simulated and (sandbox is False and not path.exists()):
        raise SettingsError("HOLDFAST_CLOCK: an operational ledger runs on real time; unset it, or add --sandbox")
    if (
        create
        and not path.exists()
        and "HOLDFAST_MASTER_KEY" not in settings.environ
        and not settings.key_path.exists()
    ):
        MasterKey.create(settings.key_path)
    ledger = SqliteLedger.open(path, create=create, sandbox=sandbox, now=settings.now())
    try:
        if settings.simulated and not ledger.sandbox:
            raise SettingsError("HOLDFAST_CLOCK: an operational ledger runs on real time; unset it")
        vault = Vault(ledger, MasterKey.load(settings.key_path, settings.environ))
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
