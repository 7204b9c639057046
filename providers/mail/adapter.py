"""A provider that takes requests by e-mail: composes, signs, hands over, and waits for what comes back.

That a mail server took a message says nothing about the provider. So the answer to every order is `State.SENT`; what
the provider says comes as a message of its own (`providers.mail.inbound`). A second sending of the same order
carries the same Message-ID, the same request id and the same key in its JSON, so that it is recognisable as the
same; but nobody is known to honour that, and nobody can be asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from providers.errors import ConfigurationError, ProviderError
from providers.interface import Adapter, Answer, Exchange, Letters, Order, SentFile, State
from providers.mail.compose import JSON_NAME, Envelope, content, headers, json_of, message_id
from providers.mail.smime import Signer, encrypt, read_certificate
from providers.mail.smtp import Relay, Talk, hand_over
from providers.mail.table import CAPABILITIES, MailTable, is_address

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

FROM, OFFICIAL = "HOLDFAST_MAIL_FROM", "HOLDFAST_OFFICIAL_DOMAINS"


class MailAdapter(Adapter):
    """Says everything by mail, asks nothing. Holds no connection between two messages.

    Args:
        provider: its id, for messages.
        channel: what the table calls it.
        envelope: who writes to whom.
        relay: the unit's mail server.
        letters: what typesets the letter.
        clock: what dates the sending.
        signer: our S/MIME key; None: unsigned.
        certificate: the provider's; None: not encrypted.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        provider: str,
        *,
        channel: str,
        envelope: Envelope,
        relay: Relay,
        letters: Letters | None,
        clock: Callable[[], datetime],
        signer: Signer | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self.provider, self.channel = provider, channel
        self._envelope, self._relay, self._letters, self._clock = envelope, relay, letters, clock
        self._signer, self._certificate = signer, certificate
        self._written = threading.local()

    def _build(self, order: Order) -> bytes:
        if self._letters is None:
            raise ConfigurationError(f"{self.provider}: a message carries a letter, and nothing here typesets one")
        letter = self._letters.write(order)
        # A signed letter is another one each time it is written, and an encrypted message tells nothing of it.
        self._written.files = (SentFile.of(letter.name, letter.pdf), SentFile.of(JSON_NAME, json_of(order)))
        entity = content(order, letter)
        if self._signer is not None:
            entity = self._signer.sign(entity, f"=_signed_{order.key[:32]}")
        if self._certificate is not None:
            entity = encrypt(entity, self._certificate)
        entity = type(entity)(headers=(*headers(order, self._envelope), *entity.headers), body=entity.body)
        return entity.to_bytes()

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        sent_at, talk = self._clock().astimezone(UTC), Talk()
        domain = self._envelope.sender.rpartition("@")[2].lower()

        def exchange(status: int | None = None) -> Exchange:
            return Exchange(
                channel=self.channel,
                sent=message,
                sent_at=sent_at,
                received=talk.received,
                received_at=self._clock().astimezone(UTC) if talk.lines else None,
                status=status,
                sender=self._envelope.sender,
                recipient=", ".join(self._envelope.to),
                files=self._written.files,
            )

        try:
            status = hand_over(
                self._relay,
                sender=self._envelope.sender,
                to=self._envelope.to,
                envelope_id=message_id(order, domain).strip("<>"),
                message=message,
                talk=talk,
            )
        except ProviderError as error:
            error.exchange = exchange()
            raise
        return exchange(status)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        return Answer(state=State.SENT, exchange=exchange)


def make_mail_adapter(
    provider: str,
    table: MailTable,
    *,
    where: str,
    sandbox: bool,
    environ: Mapping[str, str],
    clock: Callable[[], datetime],
    letters: Letters | None,
) -> MailAdapter:
    """The adapter of a table, with what the environment adds. Connects to nothing.

    Raises:
        ConfigurationError: an address, the mail server, a key or a certificate is missing or wrong.
    """
    sender = our_address(environ)
    if table.official_domain_only:
        _insist_on_official(sender, environ, where)
    certificate = _named(table.certificate, where, "adapter.certificate", environ) if table.certificate else ""
    to = tuple(_named(each, where, "adapter.to", environ) for each in table.to)
    for each in to:
        if not is_address(each):
            raise ConfigurationError(f"{where}: adapter.to: the environment gives no e-mail address")
    return MailAdapter(
        provider,
        channel=table.channel,
        envelope=Envelope(sender=sender, to=to, subject=table.subject),
        relay=Relay.load(environ, sandbox=sandbox),
        letters=letters,
        clock=clock,
        signer=Signer.load(environ),
        certificate=read_certificate(certificate, where) if certificate else None,
    )


def our_address(environ: Mapping[str, str]) -> str:
    """The address that requests come from and replies go to.

    Raises:
        ConfigurationError: none is set, or it is none.
    """
    address = environ.get(FROM, "")
    if not is_address(address):
        raise ConfigurationError(f"{FROM}: expected the unit's address such as evidence@police.example.com")
    return address


def _named(text: str, where: str, key: str, environ: Mapping[str, str]) -> str:
    """A text, or what the environment variable it names says."""
    if not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    if not environ.get(name):
        raise ConfigurationError(f"{where}: {key}: the environment variable {name} is not set")
    return environ[name]


def _insist_on_official(sender: str, environ: Mapping[str, str], where: str) -> None:
    domain = sender.rpartition("@")[2].lower()
    official = [each.strip().lower() for each in environ.get(OFFICIAL, "").split(",") if each.strip()]
    if not any(domain == each or domain.endswith(f".{each}") for each in official):
        raise ConfigurationError(
            f"{where}: adapter.official_domain_only: {FROM} is at {domain}, which {OFFICIAL} does not name: "
            "this provider answers official domains only"
        )
