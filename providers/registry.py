"""Which kinds of adapter there are, and how one is made from a provider's `[adapter]` table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.days import Calendar
from providers.errors import ConfigurationError
from providers.http import Transport, utc_now
from providers.interface import Adapter, Capabilities, Letters
from providers.manual import ManualAdapter, read_manual_table
from providers.memory import MemoryProvider, read_memory_table
from providers.rest import RestAdapter
from providers.section import Section, TableError
from providers.table import read_adapter_table, resolved_url


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Where an adapter is to work. `sandbox`: this machine may be reached, and providers may be played.

    `letters` typesets what people read; None where no letter is ever to be written (a table is only checked).
    """

    provider: str
    where: str
    sandbox: bool
    zone: ZoneInfo
    environ: Mapping[str, str]
    clock: Callable[[], datetime]
    letters: Letters | None = None


Make = Callable[[Mapping[str, object], Setting], Adapter]
Can = Callable[[Mapping[str, object], str], Capabilities]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of adapter: what a table of it can do (this checks the table whole), and how it is made.

    `channel` is what it calls its channel where its table says nothing.
    """

    can: Can
    make: Make
    channel: str


def _make_rest(table: Mapping[str, object], setting: Setting) -> Adapter:
    read = read_adapter_table(table, setting.where)
    url = resolved_url(read.base_url, setting.where, setting.environ)
    if url.startswith("http:") and not setting.sandbox:
        raise ConfigurationError(
            f"{setting.where}: adapter.base_url: expected https://…; http:// is for a sandbox ledger (--sandbox)"
        )
    transport = Transport(
        setting.provider,
        settings=read.http,
        auth=read.auth.open(setting.environ),
        allow_loopback=setting.sandbox,
        clock=setting.clock,
    )
    calendar = Calendar(zone=setting.zone, end_excluded=read.end_excluded)
    return RestAdapter(setting.provider, read, base_url=url, transport=transport, calendar=calendar)


def _rest_can(table: Mapping[str, object], where: str) -> Capabilities:
    return read_adapter_table(table, where).capabilities


def _make_manual(table: Mapping[str, object], setting: Setting) -> Adapter:
    read = read_manual_table(table, setting.where)
    return ManualAdapter(setting.provider, table=read, letters=setting.letters)


def _manual_can(table: Mapping[str, object], where: str) -> Capabilities:
    read_manual_table(table, where)
    return ManualAdapter.capabilities


def _make_memory(table: Mapping[str, object], setting: Setting) -> Adapter:
    read = read_memory_table(table, setting.where)
    if not setting.sandbox:
        raise ConfigurationError(
            f'{setting.where}: adapter.kind: "memory" keeps nothing for anyone and is for a sandbox ledger only; '
            'write "manual", or describe the provider\'s API with "rest"'
        )
    return MemoryProvider(
        setting.provider,
        script=read.script,
        promise=read.promise,
        idempotent=read.idempotent,
        can_find=read.can_find,
        clock=setting.clock,
        zone=setting.zone.key,
    )


def _memory_can(table: Mapping[str, object], where: str) -> Capabilities:
    read = read_memory_table(table, where)
    return Capabilities(idempotent=read.idempotent, can_find=read.can_find)


def _make_email(table: Mapping[str, object], setting: Setting) -> Adapter:
    from providers.mail.adapter import make_mail_adapter  # noqa: PLC0415 - S/MIME is not always needed
    from providers.mail.table import read_mail_table  # noqa: PLC0415

    return make_mail_adapter(
        setting.provider,
        read_mail_table(table, setting.where),
        where=setting.where,
        sandbox=setting.sandbox,
        environ=setting.environ,
        clock=setting.clock,
        letters=setting.letters,
    )


def _email_can(table: Mapping[str, object], where: str) -> Capabilities:
    from providers.mail.table import CAPABILITIES, read_mail_table  # noqa: PLC0415

    read_mail_table(table, where)
    return CAPABILITIES


def _make_ts103120(table: Mapping[str, object], setting: Setting) -> Adapter:
    from providers.ts103120.making import make  # noqa: PLC0415 - XML is not always needed
    from providers.ts103120.table import read_hi1_table  # noqa: PLC0415

    return make(
        setting.provider,
        read_hi1_table(table, setting.where),
        sandbox=setting.sandbox,
        zone=setting.zone,
        environ=setting.environ,
        clock=setting.clock,
        letters=setting.letters,
    )


def _ts103120_can(table: Mapping[str, object], where: str) -> Capabilities:
    from providers.ts103120.table import read_hi1_table  # noqa: PLC0415

    return read_hi1_table(table, where).capabilities


KINDS: Mapping[str, Kind] = {
    "rest": Kind(can=_rest_can, make=_make_rest, channel="rest"),
    "email": Kind(can=_email_can, make=_make_email, channel="e-mail"),
    "manual": Kind(can=_manual_can, make=_make_manual, channel="portal"),
    "memory": Kind(can=_memory_can, make=_make_memory, channel="memory"),
    "ts103120": Kind(can=_ts103120_can, make=_make_ts103120, channel="hi1"),
}
"""Every kind of adapter, by the word that `[adapter] kind` says."""


def make_adapter(
    provider: str,
    table: Mapping[str, object],
    *,
    where: str,
    sandbox: bool,
    zone: str,
    environ: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
    letters: Letters | None = None,
) -> Adapter:
    """The adapter of a provider. Connects to nothing yet; secrets are looked up once, to tell a missing one now.

    Args:
        provider: its id.
        table: its `[adapter]` table, as `tomllib` gives it.
        where: the file it stands in, for messages.
        sandbox: whether the ledger is a sandbox: only then may this machine be reached, or a provider be played.
        zone: the IANA zone in which the provider counts days; "" for UTC.
        environ: where `env:` addresses and secrets are looked up.
        clock: what dates a transmission, aware UTC.
        letters: what typesets the letters; None only where nothing that needs one is sent.

    Raises:
        TableError: the table is wrong; every problem with its place.
        ConfigurationError: the zone, an address or a secret is missing or wrong.
    """
    kind = _kind(table, where)
    try:
        place = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f'{where}: zone: there is no zone "{zone}"; write one like "Europe/Dublin"'
        ) from None
    setting = Setting(
        provider=provider,
        where=where,
        sandbox=sandbox,
        zone=place,
        environ=environ,
        clock=clock,
        letters=letters,
    )
    return kind.make(table, setting)


def capabilities_of(table: Mapping[str, object], *, where: str) -> Capabilities:
    """What an adapter made from this table could do. No network, no environment, no secret.

    Raises:
        TableError: the table is wrong; every problem with its place.
    """
    return _kind(table, where).can(table, where)


def channel_of(table: Mapping[str, object], *, where: str) -> str:
    """What an adapter made from this table calls its channel. `TableError`: there is no such kind."""
    return str(table.get("channel") or _kind(table, where).channel)


def check_adapter_table(table: Mapping[str, object], where: str) -> list[str]:
    """Everything that is wrong with an `[adapter]` table, each with file and key; empty if nothing is."""
    try:
        capabilities_of(table, where=where)
    except TableError as error:
        return list(error.problems)
    return []


def _kind(table: Mapping[str, object], where: str) -> Kind:
    problems: list[str] = []
    word = Section(table, where=where, path="adapter", problems=problems).word("kind", tuple(KINDS))
    if problems:
        raise TableError(problems)
    return KINDS[word]
