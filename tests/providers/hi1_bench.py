"""A played HI-1 provider and adapters to it, as the tests use them: every message on the wire is judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from hi1_schemas import UNVERIFIED, problems_of
from plain_letters import PlainLetters

from providers.http import utc_now
from providers.interface import Adapter, Letters, Order
from providers.registry import make_adapter
from providers.sandbox.certificates import Certificates, throwaway
from providers.sandbox.hi1 import Hi1Responder
from providers.ts103120 import ids

WHERE = "config/providers/sandbox-hi1.toml"


def hi1_table(**changes: Any) -> dict[str, Any]:
    """An `[adapter]` table of kind "ts103120", such as that of the played provider."""
    return {
        "kind": "ts103120",
        "url": "env:HOLDFAST_HI1_URL",
        "sender": {"country": "FR", "identifier": "EXAMPLE-UNIT"},
        "receiver": {"country": "IE", "identifier": "SANDBOX-HI1"},
        "profile_owner": "XX",
        "profile_version": "v1.0",
        "client_certificate": "env:HOLDFAST_HI1_CERTIFICATE",
        "client_key": "env:HOLDFAST_HI1_KEY",
        "ca_bundle": "env:HOLDFAST_HI1_CA",
        "timeout": {"connect": 2, "read": 2, "total": 4},
        **changes,
    }


class Hi1Bench:
    """Starts played providers, and makes adapters to them. `close` stops all and judges what was on the wire."""

    def __init__(self, folder: Path) -> None:
        self.certificates: Certificates = throwaway(folder)
        self.wire: list[tuple[bytes, bytes]] = []
        self.also = set(UNVERIFIED)
        self._responders: dict[int, Hi1Responder] = {}
        self._adapters: list[Adapter] = []

    def play(self, **options: Any) -> Hi1Responder:
        """A fresh provider."""
        options = {"retry_after": 17, "stall": 0.05, "witness": self._saw, **options}
        responder = Hi1Responder(self.certificates, **options)
        self._responders[id(responder)] = responder
        return responder

    def adapter(
        self,
        responder: Hi1Responder,
        *,
        clock: Callable[[], datetime] = utc_now,
        letters: Letters | None = PlainLetters(),  # noqa: B008 - it has no state
        environ: dict[str, str] | None = None,
        zone: str = "UTC",
        **table: Any,
    ) -> Adapter:
        """An adapter to a provider."""
        adapter = make_adapter(
            responder.name,
            hi1_table(**table),
            where=WHERE,
            sandbox=True,
            zone=zone,
            environ={**self.certificates.environ(responder.url), **(environ or {})},
            clock=clock,
            letters=letters,
        )
        self._adapters.append(adapter)
        return adapter

    def pair(self, **table: Any) -> tuple[Hi1Responder, Adapter]:
        """A fresh provider that does as it is asked, and an adapter to it."""
        responder = self.play()
        return responder, self.adapter(responder, **table)

    def close(self) -> None:
        for adapter in self._adapters:
            adapter.close()
        for responder in self._responders.values():
            responder.close()
        wire, self.wire = self.wire, []
        for sent, received in wire:
            assert problems_of(sent, also=frozenset(self.also)) == []
            assert problems_of(received, also=frozenset(self.also)) == []

    def _saw(self, sent: bytes, received: bytes) -> None:
        self.wire.append((sent, received))


def effects(responder: Hi1Responder, said: Order) -> int:
    """How often the message of an order took effect, by the provider's own account of its transaction."""
    transaction = ids.transaction(said, "change")
    account = responder.account()["effects"]
    assert isinstance(account, list)
    return sum(each["keys"].count(transaction) for each in account if each["action"] == said.action)  # type: ignore[index,union-attr,call-overload]
