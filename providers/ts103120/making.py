"""Makes the adapter that an `[adapter]` table describes; the one way in, and what brings the XML with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from providers.auth import Auth
from providers.http import Transport
from providers.interface import Letters
from providers.ts103120.adapter import Ts103120Adapter
from providers.ts103120.saying import Party, Voice
from providers.ts103120.table import Hi1Table, opened
from providers.ts103120.talking import Line


def make(
    provider: str,
    table: Hi1Table,
    *,
    sandbox: bool,
    zone: ZoneInfo,
    environ: Mapping[str, str],
    clock: Callable[[], datetime],
    letters: Letters | None,
) -> Ts103120Adapter:
    """The adapter. Connects to nothing yet.

    Raises:
        ConfigurationError: an address, a certificate or a key is missing or cannot be used.
    """
    found = opened(table, environ)
    sign = None
    if table.sign:
        from providers.ts103120.signing import signer  # noqa: PLC0415 - only where a profile wants it

        sign = signer(found.signing_certificate, found.signing_key, table.where)
    voice = Voice(
        sender=Party(country=table.sender[0], identifier=table.sender[1]),
        receiver=Party(country=table.receiver[0], identifier=table.receiver[1]),
        etsi_version=table.etsi_version,
        profile_owner=table.profile_owner,
        profile_version=table.profile_version,
        profile=table.profile,
        zone=zone,
        sign=sign,
    )
    transport = Transport(provider, settings=found.http, auth=Auth(), allow_loopback=sandbox, clock=clock)
    line = Line(
        provider=provider,
        channel=table.channel,
        where=table.where,
        voice=voice,
        transport=transport,
        url=found.url,
        endpoints=found.endpoints,
    )
    return Ts103120Adapter(
        line,
        capabilities=table.capabilities,
        formats=table.formats,
        letters=letters,
        ask_first=table.ask_first,
    )
