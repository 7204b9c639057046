"""Carries one message over HTTP once, and sorts what can go wrong on the way by what the caller must do.

What the answer *means* is not decided here; an answer of any status is an `Exchange`. Only what is missing or
broken is an error, and no error quotes an address's path or query, a header or a body.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as ReadingTimeout

from providers.auth import Auth
from providers.errors import ConfigurationError, OutcomeUnknown, ProviderError, Unavailable
from providers.interface import Exchange
from providers.reach import ATTEMPT, Attempt, GuardedAdapter, Resolve, resolve

CONNECTIONS = 8
MIB = 1024 * 1024


def utc_now() -> datetime:
    """The time by which a sending is dated, where none is injected."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpSettings:
    """How long and how much. Seconds; `total` bounds connecting, sending and reading together; bytes."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 60.0
    answer_limit: int = MIB
    ca_bundle: str = ""
    client_certificate: str = ""
    client_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An HTTP request. Its bytes are what is sent, save that a secret's header says `WITHHELD`."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """Request line with the whole address, headers, an empty line, the body."""
        lines = [f"{self.method} {self.url} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + self.body

    @classmethod
    def from_bytes(cls, message: bytes) -> Message:
        """The message of `to_bytes`."""
        head, _, body = message.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        method, url, _ = first.split(" ")
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        return cls(method=method, url=url, headers=headers, body=body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An HTTP answer, read back from the recorded bytes. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def from_bytes(cls, received: bytes) -> Reply:
        """The answer of an `Exchange`."""
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return cls(status=int(first.split(" ")[1]), headers=headers, body=body)

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the provider asks to wait (RFC 9110, 10.2.3), from a number or a date; None if it says none.

        A date is taken against the answer's own `Date`, so a wrong clock on either side does no harm.
        """
        said = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,9}", said):
            return float(said)
        wanted = _http_date(said)
        if wanted is None:
            return None
        return max(0.0, (wanted - (_http_date(self.headers.get("date", "")) or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "UNSUPPORTED_CERTIFICATE",
    "UNKNOWN_CA",
    "HANDSHAKE_FAILURE",  # what TLS 1.2 says when it misses one
)


class Transport:
    """One provider's way over HTTP: one session, used by many threads at once.

    Args:
        provider: its id, for messages.
        settings: limits and certificates.
        auth: how we show who we are.
        allow_loopback: whether this machine may be reached, and in clear (a sandbox ledger's only).
        clock: what dates `sent_at` and `received_at`, aware UTC.
        resolve: name resolution, as `socket.getaddrinfo` gives it.
    """

    def __init__(
        self,
        provider: str,
        *,
        settings: HttpSettings,
        auth: Auth,
        allow_loopback: bool = False,
        clock: Callable[[], datetime] = utc_now,
        resolve: Resolve = resolve,
    ) -> None:
        self.provider, self.settings, self.auth, self.clock = provider, settings, auth, clock
        self._allow_loopback, self._resolve = allow_loopback, resolve
        # The session keeps the connections. Its own `send` is not used: cookies, redirects, proxies, netrc and
        # everything else that it would take from the environment or from an answer have no place here.
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, GuardedAdapter(connections=CONNECTIONS))

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def deliver(self, message: bytes, channel: str) -> Exchange:
        """Send once, follow no redirect, and give back whatever was answered.

        Raises:
            Unavailable: nothing was sent: no address, no connection, no TLS.
            OutcomeUnknown: the message was sent, and no whole answer came back within time and size.
            ConfigurationError: an address that may not be reached, a certificate that does not verify or is
                not accepted, a secret that cannot be read. Nothing was accepted.
        """
        parsed = Message.from_bytes(message)
        attempt = Attempt(
            provider=self.provider,
            allow_loopback=self._allow_loopback,
            connect_seconds=self.settings.connect,
            read_seconds=self.settings.read,
            deadline=time.monotonic() + self.settings.total,
            bytes_left=self.settings.answer_limit,
            resolve=self._resolve,
        )
        sent_at = self.clock()
        received = bytearray()
        error: Exception | None = None
        token = ATTEMPT.set(attempt)
        try:
            self._exchange(parsed, received, sent_at)
        except (requests.RequestException, HTTPError, OSError, ValueError) as caught:
            error = caught
        finally:
            ATTEMPT.reset(token)
        exchange = Exchange(
            channel=channel,
            sent=message,
            sent_at=sent_at,
            received=bytes(received),
            received_at=self.clock() if received else None,
            status=Reply.from_bytes(bytes(received)).status if received else None,
            recipient=urlsplit(parsed.url).netloc,
        )
        if error is None:
            return exchange
        # Raised outside of `except`: the caught error quotes the address, and a traceback would quote the error.
        raise self._sorted(error, attempt, exchange)

    def _exchange(self, message: Message, received: bytearray, now: datetime) -> None:
        headers = dict(message.headers) | self.auth.headers(message, now)  # in place of `WITHHELD`
        wire = requests.Request(message.method, message.url, headers=headers, data=message.body or None).prepare()
        settings = self.settings
        pair = (settings.client_certificate, settings.client_key)
        with self._session.get_adapter(url=message.url).send(
            wire,
            stream=True,
            timeout=(settings.connect, settings.read),
            verify=settings.ca_bundle or True,
            cert=pair if settings.client_key else settings.client_certificate or None,
            proxies={},
        ) as answer:
            lines = [f"HTTP/1.1 {answer.status_code} {answer.reason or ''}".rstrip()]
            lines += [f"{name}: {value}" for name, value in answer.raw.headers.items()]
            received += "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
            for chunk in answer.raw.stream(65536, decode_content=False):
                received += chunk

    def _sorted(self, error: Exception, attempt: Attempt, exchange: Exchange) -> ProviderError | ConfigurationError:
        """The error that tells the caller what to do, without any word of the error it stands for."""
        causes = tuple(_causes(error))
        if attempt.too_large:
            limit = self.settings.answer_limit
            return OutcomeUnknown(f"{self.provider}: its answer is larger than {limit} bytes", exchange=exchange)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return ConfigurationError(
                    f"{self.provider}: {exchange.recipient} could not prove who it is "
                    f"({cause.verify_message}); nothing was sent. Check the address and adapter.ca_bundle"
                )
            if isinstance(cause, ssl.SSLError) and any(word in str(cause.reason) for word in _CERTIFICATE_ALERTS):
                return ConfigurationError(
                    f"{self.provider}: {exchange.recipient} does not accept our certificate, or wants one; "
                    "nothing was accepted. Check adapter.client_certificate and adapter.client_key"
                )
        if attempt.sending:
            timed_out = any(isinstance(cause, TimeoutError | ReadingTimeout) for cause in causes)
            what = "gave no whole answer in time" if timed_out else "broke the connection"
            return OutcomeUnknown(f"{self.provider}: it {what} after the message was sent", exchange=exchange)
        for kind, what in (
            (NameResolutionError, "its name has no address"),
            (NewConnectionError, "no connection came about"),  # in urllib3 a kind of the next one
            (ConnectTimeoutError | requests.ConnectTimeout | TimeoutError, "no connection came about in time"),
            (ssl.SSLError, "no encrypted connection came about"),
        ):
            if any(isinstance(cause, kind) for cause in causes):
                return Unavailable(f"{self.provider}: {what}; nothing was sent")
        if attempt.connecting:
            return Unavailable(f"{self.provider}: the connection broke before anything was sent")
        if isinstance(error, requests.ConnectionError | requests.Timeout):
            return OutcomeUnknown(f"{self.provider}: the connection broke", exchange=exchange)
        return ConfigurationError(
            f"{self.provider}: no message could be made for {exchange.recipient} ({type(error).__name__}); "
            "nothing was sent. Check adapter.base_url, adapter.headers and the certificate files"
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it wraps; requests and urllib3 put the reason in different places."""
    waiting, seen = [error], set()
    while waiting:
        this = waiting.pop()
        if id(this) in seen:
            continue
        seen.add(id(this))
        yield this
        inner = (this.__cause__, this.__context__, getattr(this, "reason", None), *this.args)
        waiting.extend(cause for cause in inner if isinstance(cause, BaseException))
