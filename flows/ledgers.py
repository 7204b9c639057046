"""Which ledger: a file or a database, as HOLDFAST_LEDGER says; opened, described and copied in one place."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flows.settings import Settings, SettingsError
from ledger.book import Book
from ledger.interface import LedgerUnusable
from ledger.sqlite import SqliteLedger

MOVED = "the first `holdfast preserve CASE` makes it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """One ledger: `where` it is (no password), "sqlite" or "postgresql", its bytes on disk, and its head."""

    where: str
    kind: str
    size: int
    sandbox: bool
    created_at: str
    ledger: str
    events: int
    root: str


def open_ledger(settings: Settings, *, create: bool = False, sandbox: bool = False, timeout: float = 30.0) -> Book:
    """Open the unit's ledger.

    Args:
        settings: the environment.
        create: make a file that is not there. A database is made by `holdfast ledger init` only.
        sandbox: what a new file says for ever.
        timeout: seconds to wait for others that write.

    Raises:
        LedgerError: and its kinds; say what to do.
    """
    if settings.in_a_file:
        return SqliteLedger.open(
            settings.ledger_path, create=create, sandbox=sandbox, timeout=timeout, now=settings.now()
        )
    from ledger.postgres import PostgresLedger

    return PostgresLedger.open(settings.ledger, timeout=timeout)


def is_there(settings: Settings) -> bool:
    """Whether the ledger is there. Of a database it is said by opening it: only `holdfast ledger init` makes one."""
    return not settings.in_a_file or settings.ledger_path.exists()


def name_of(settings: Settings) -> str:
    """Where the ledger is, for messages: a path, or an address without its password."""
    if settings.in_a_file:
        return str(settings.ledger_path)
    from ledger.postgres_connection import name_of as name_of_address

    return name_of_address(settings.ledger)


def describe(settings: Settings) -> Described:
    """Where the ledger is, how large, and its head. Raises what `open_ledger` raises."""
    if not is_there(settings):
        raise LedgerUnusable(f"{name_of(settings)}: there is no ledger yet; {MOVED}")
    ledger = open_ledger(settings)
    try:
        events, root = ledger.head()
        return Described(
            where=name_of(settings),
            kind="sqlite" if settings.in_a_file else "postgresql",
            size=_size(settings, ledger),
            sandbox=ledger.sandbox,
            created_at=ledger.identity.created_at,
            ledger=ledger.identity.ledger,
            events=events,
            root=root,
        )
    finally:
        ledger.close()


def _size(settings: Settings, ledger: Book) -> int:
    if not settings.in_a_file:
        from ledger.postgres import PostgresLedger

        assert isinstance(ledger, PostgresLedger)  # noqa: S101 - `open_ledger` made it so
        return ledger.size()
    path = settings.ledger_path
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(each.stat().st_size for each in files if each.exists())


@dataclass(frozen=True, kw_only=True, slots=True)
class Initialised:
    """What `initialise` did, step by step, and what HOLDFAST_LEDGER should say (no password)."""

    steps: tuple[str, ...]
    address: str


def initialise(
    settings: Settings, *, admin: str = "", password_variable: str = "", sandbox: bool = False, for_copy: bool = False
) -> Initialised:
    """Make roles, database, tables and rights of a PostgreSQL ledger, or bring them up to date.

    Args:
        settings: HOLDFAST_LEDGER says where.
        admin: the address of somebody who may do it; "" for HOLDFAST_LEDGER itself.
        password_variable: the environment variable with the application role's new password; "" leaves it.
        sandbox: what a new ledger says for ever.
        for_copy: leave it without identity, for `copy`.

    Raises:
        SettingsError: HOLDFAST_LEDGER is a file, or the variable is not set.
        LedgerError: and its kinds; say what to do.
    """
    from ledger.postgres_making import initialise as make

    if settings.in_a_file:
        raise SettingsError(
            "HOLDFAST_LEDGER: expected postgresql://holdfast_app@HOST/DATABASE, found a file: a ledger in a file "
            "needs no init, the first `holdfast preserve CASE` makes it"
        )
    if settings.simulated and not sandbox:
        raise SettingsError("HOLDFAST_CLOCK: an operational ledger runs on real time; unset it, or add --sandbox")
    password = settings.environ.get(password_variable) if password_variable else None
    if password_variable and not password:
        raise SettingsError(f"{password_variable}: expected the new password of holdfast_app, found nothing")
    made = make(
        settings.ledger, admin=admin, password=password, sandbox=sandbox, for_copy=for_copy, now=settings.now()
    )
    return Initialised(steps=made.steps, address=made.address)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A copy that was proved: rows by table, and the head of both ledgers, each computed by itself."""

    one: str
    other: str
    rows: dict[str, int]
    events: int
    heads: tuple[str, str]


def copy(settings: Settings, one: str, other: str, told: Callable[[str, int, int], None]) -> Moved:
    """Copy a ledger, whole, from one address to another, and prove both.

    Args:
        settings: the unit's; its key and configuration fold the histories.
        one: from where, as HOLDFAST_LEDGER says it.
        other: to where: a file that is not there yet, or a database made by `initialise(for_copy=True)`.
        told: is told of each table, how many rows of how many are copied.

    Raises:
        SettingsError: an address cannot be used.
        LedgerError: and its kinds: the source is in use or does not fit, the target is not empty, or the copy does
            not prove to be the same; the target is then what it was.
    """
    from flows.office import office
    from flows.sweeping import provable
    from ledger import copying

    here, there = (replace(settings, ledger=_checked(address)) for address in (one, other))
    if name_of(here) == name_of(there):
        raise SettingsError("FROM and TO are the same ledger")
    if not is_there(here):
        raise LedgerUnusable(f"{name_of(here)}: there is no ledger")
    with office(here) as opened:
        project = provable(opened)
        with (
            copying.source(_end(here), timeout=30) as source,
            copying.target(_end(there), timeout=30) as target,
        ):
            done = copying.copy(source, target, project, now=settings.now(), told=told)
        head = opened.ledger.head()
    after = open_ledger(there)
    try:
        if (found := after.head()) != head:
            raise LedgerUnusable(f"{name_of(there)}: its head is {found[1]}, and not {head[1]}: do not use it")
    finally:
        after.close()
    return Moved(
        one=name_of(here), other=name_of(there), rows=done.rows, events=done.events, heads=(head[1], found[1])
    )


def _checked(address: str) -> str:
    from flows.settings import checked_ledger

    if "://" not in address:
        return f"sqlite:///{Path(address).absolute()}"
    return checked_ledger(address, "FROM and TO")


def _end(settings: Settings) -> Path | str:
    return Path(os.path.abspath(settings.ledger_path)) if settings.in_a_file else settings.ledger  # noqa: PTH100
