"""What can go wrong with a provider, sorted by what the caller must do.

=================  ==========================================================================
`Unavailable`      nothing was accepted: send the same message again, not before `retry_after`
`OutcomeUnknown`   it may have arrived: ask the provider (`find`, `status`) before sending anything
`Refused`          the provider said no: tell a person, with `ground`
`Unsupported`      it cannot be said over this channel: take the provider's next channel, or a person
=================  ==========================================================================

Our own wrong configuration is a `ConfigurationError`, outside this tree: it is never the provider's answer.
No message ever quotes what a provider answered or what we sent: both may name the account. The exact
bytes travel in `exchange`, for the sealed record only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.interface import Exchange


class ProviderError(Exception):
    """Something between us and the provider failed.

    Args:
        reason: what happened, in words without any identifier and without the provider's own text.
        exchange: the bytes sent and received, where there were any; for the sealed record.
    """

    def __init__(self, reason: str, *, exchange: Exchange | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exchange = exchange


class Unavailable(ProviderError):
    """Nothing was accepted; the same message may be sent again.

    `retry_after` is how many seconds the provider asked to wait, as it said it (not clamped), or None.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, exchange: Exchange | None = None) -> None:
        super().__init__(reason, exchange=exchange)
        self.retry_after = retry_after


class OutcomeUnknown(ProviderError):
    """It may or may not have taken effect: a timeout after sending, or an answer that cannot be read.

    Ask with `find` or `status` before anything is sent again; where the provider cannot be asked, a person must.
    """


class Refused(ProviderError):
    """The provider understood and said no. A person decides what next.

    `ground` is one of `GROUNDS`, so that refusals can be counted.
    """

    def __init__(self, reason: str, *, ground: str, exchange: Exchange | None = None) -> None:
        super().__init__(reason, exchange=exchange)
        if ground not in GROUNDS:
            raise ValueError(f"unknown ground of refusal {ground!r}; one of {', '.join(GROUNDS)}")
        self.ground = ground


class Unsupported(ProviderError):
    """This channel cannot say it, for example an extension on a channel that knows only new requests.

    `packet`: where a person can say it instead, everything that person needs, as one ZIP archive; for the
    sealed record, like `exchange`. None where there is nothing to hand over.
    """

    def __init__(self, reason: str, *, packet: bytes | None = None, exchange: Exchange | None = None) -> None:
        super().__init__(reason, exchange=exchange)
        self.packet = packet


class ConfigurationError(Exception):
    """Our own set-up is wrong (a missing secret, an address that may not be reached). Mend it, then repeat."""


GROUNDS = (
    "wrong-identifier",
    "over-broad",
    "no-data",
    "wrong-entity",
    "no-legal-basis",
    "needs-judicial-cooperation",
    "extension-not-granted",
    "form",
    "other",
)
"""Grounds of refusal, for the statistics; the first six are the ones practitioners report."""


class Unreadable(ValueError):
    """An answer that is not what the table describes; the message says why without quoting it."""
