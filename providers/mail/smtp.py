"""Hands one message to the unit's own mail server, over TLS, and sorts what can go wrong (RFC 5321, RFC 3461).

A message is accepted or not at one point alone: when the server answers the line with the single dot that ends it.
Before that dot nothing can have been accepted; after it, a lost answer is an unknown outcome.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from providers.errors import ConfigurationError, OutcomeUnknown, Refused, Unavailable

SERVER, PASSWORD, CA = "HOLDFAST_SMTP", "HOLDFAST_SMTP_PASSWORD", "HOLDFAST_MAIL_CA"
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
TIMEOUT = 30.0
"""Seconds for any one answer of the server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """The unit's mail server. `scheme`: "smtps" (TLS at once), "smtp+starttls", or "smtp" (none)."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    timeout: float = TIMEOUT

    @classmethod
    def load(cls, environ: Mapping[str, str], *, sandbox: bool) -> Relay:
        """The relay that the environment names.

        A sandbox ledger mails to this machine only, so that no provider is ever asked by a trial; plain SMTP is
        spoken with this machine and in a sandbox only.

        Raises:
            ConfigurationError: it names none, or one that may not be used.
        """
        address = environ.get(SERVER, "")
        expected = f"{SERVER}: expected smtps://USER@HOST:PORT or smtp+starttls://USER@HOST:PORT"
        try:
            found: SplitResult = urlsplit(address)
            host, port = found.hostname or "", found.port
        except ValueError:
            raise ConfigurationError(expected) from None
        if found.scheme not in PORTS or not host:
            raise ConfigurationError(f"{expected}{'' if address else ', and it is not set'}")
        if sandbox and not is_loopback(host):
            raise ConfigurationError(f"{SERVER}: a sandbox ledger mails to 127.0.0.1 or ::1 only, not to {host}")
        if found.scheme == "smtp" and not sandbox:
            raise ConfigurationError(f"{expected}; plain smtp:// is for a sandbox ledger")
        return cls(
            scheme=found.scheme,
            host=host,
            port=port or PORTS[found.scheme],
            user=unquote(found.username or ""),
            password=environ.get(PASSWORD, ""),
            ca=environ.get(CA, ""),
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trusting(ca: str) -> ssl.SSLContext:
    """A TLS context that trusts the usual certificates, or those in a file.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{CA}: {ca}: holds no certificates that can be read (PEM)") from None


@dataclass(kw_only=True, slots=True)
class Talk:
    """What the server said, line by line, for the record. What we say to log in is never part of it."""

    lines: list[bytes] = field(default_factory=list)

    def heard(self, code: int, text: bytes) -> int:
        """Keep an answer; gives its code."""
        self.lines += [b"%d %s" % (code, line) for line in text.split(b"\n")]
        return code

    @property
    def received(self) -> bytes:
        """All of it."""
        return b"\r\n".join(self.lines) + b"\r\n" if self.lines else b""


def hand_over(relay: Relay, *, sender: str, to: Sequence[str], envelope_id: str, message: bytes, talk: Talk) -> int:
    """Give the server one message for all recipients or for none; gives its last code (250).

    Where the server can, delivery reports are asked for, with `envelope_id` to know them by.

    Raises:
        Unavailable: nothing was accepted; the same may be handed over again.
        OutcomeUnknown: the whole message went out, and its answer was lost or is none.
        Refused: the server will not take this message; ground "form".
        ConfigurationError: the server, its certificate, our password or our sender address.
    """
    link = _opened(relay, talk)
    try:
        _envelope(link, relay, sender=sender, to=to, envelope_id=envelope_id, message=message, talk=talk)
        code = _content(link, message, talk)
        with suppress(smtplib.SMTPException, OSError):
            link.quit()
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(f"the mail server broke the conversation off ({_kind(error)})") from None
    finally:
        _close(link)
    return code


def _opened(relay: Relay, talk: Talk) -> smtplib.SMTP:
    """A connection, secured and logged in."""
    secure, name = trusting(relay.ca), socket.gethostname()  # else it asks a resolver for our full name
    link: smtplib.SMTP | None = None
    try:
        if relay.scheme == "smtps":
            link = smtplib.SMTP_SSL(relay.host, relay.port, name, timeout=relay.timeout, context=secure)
        else:
            link = smtplib.SMTP(relay.host, relay.port, name, timeout=relay.timeout)
        link.ehlo_or_helo_if_needed()
        if relay.scheme == "smtp+starttls":
            if not link.has_extn("starttls"):
                raise ConfigurationError(f"{SERVER}: {relay.host} offers no STARTTLS; nothing is sent in the clear")
            link.starttls(context=secure)
            link.ehlo()
        if relay.user:
            _log_in(link, relay)
    except ssl.SSLCertVerificationError as error:
        _close(link)
        raise ConfigurationError(
            f"{SERVER}: the certificate of {relay.host} cannot be trusted: {error.verify_message}; see {CA}"
        ) from None
    except smtplib.SMTPResponseException as error:
        _close(link)
        talk.heard(error.smtp_code, _raw(error.smtp_error))
        raise Unavailable(f"the mail server does not talk to us now ({error.smtp_code})") from None
    except (OSError, smtplib.SMTPException) as error:
        _close(link)
        raise Unavailable(f"the mail server {relay.host}:{relay.port} cannot be reached ({_kind(error)})") from None
    except ConfigurationError:
        _close(link)
        raise
    return link


def _log_in(link: smtplib.SMTP, relay: Relay) -> None:
    try:
        link.login(relay.user, relay.password)
    except smtplib.SMTPNotSupportedError:
        raise ConfigurationError(f"{SERVER}: {relay.host} knows no log-in; leave the user out") from None
    except smtplib.SMTPAuthenticationError as error:
        if _temporary(error.smtp_code):
            raise
        raise ConfigurationError(
            f"{SERVER}: {relay.host} refuses our log-in ({error.smtp_code}); check the user and {PASSWORD}"
        ) from None


def _close(link: smtplib.SMTP | None) -> None:
    if link is not None:
        with suppress(OSError):
            link.close()


def _envelope(
    link: smtplib.SMTP,
    relay: Relay,
    *,
    sender: str,
    to: Sequence[str],
    envelope_id: str,
    message: bytes,
    talk: Talk,
) -> None:
    """Sender and recipients. If one is refused, nobody gets it: a half-sent request looks like a sent one."""
    options = [f"SIZE={len(message)}"] if link.has_extn("size") else []
    reports = link.has_extn("dsn")
    if reports:
        options += ["RET=HDRS", f"ENVID={envelope_id}"]
    code = talk.heard(*link.mail(sender, options))
    if _temporary(code):
        raise Unavailable(f"the mail server takes nothing now ({code})")
    if code == 552:  # noqa: PLR2004 - the size
        raise Refused(f"the mail server does not take a message of {len(message)} bytes", ground="form")
    if not _fine(code):
        raise ConfigurationError(f"{SERVER}: {relay.host} does not take mail from {sender} ({code})")
    codes = []
    for each in to:
        wanted = ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(each)}"] if reports else []
        codes.append(talk.heard(*link.rcpt(each, wanted)))
    refused = [code for code in codes if not _fine(code)]
    if any(not _temporary(code) for code in refused):
        which = f"{len(refused)} of {len(to)} addresses of the provider" if len(to) > 1 else "the provider's address"
        raise Refused(f"the mail server refuses {which} ({refused[0]}); nobody was sent anything", ground="form")
    if refused:
        raise Unavailable(f"the mail server does not take the provider's address now ({refused[0]})")


def _content(link: smtplib.SMTP, message: bytes, talk: Talk) -> int:
    code = talk.heard(*link.docmd("DATA"))
    if _temporary(code):
        raise Unavailable(f"the mail server takes no message now ({code})")
    if code != 354:  # noqa: PLR2004 - go ahead
        raise Refused(f"the mail server takes no message from us to the provider ({code})", ground="form")
    link.send(re.sub(rb"(?m)^\.", b"..", message))
    try:
        link.send(b".\r\n")
        code = talk.heard(*link.getreply())
    except (smtplib.SMTPException, OSError) as error:
        raise OutcomeUnknown(
            f"the whole message went to the mail server, and its answer was lost ({_kind(error)})"
        ) from None
    # from here on only an answer that says so means that nothing was taken
    if _fine(code):
        return code
    if 400 <= code < 500:  # noqa: PLR2004 - not now
        raise Unavailable(f"the mail server did not take the message ({code})")
    if 500 <= code < 600:  # noqa: PLR2004 - a permanent no
        raise Refused(f"the mail server refuses the message ({code})", ground="form")
    raise OutcomeUnknown(f"the mail server answered the whole message with {code}, which says nothing")


def _fine(code: int) -> bool:
    return 200 <= code < 300  # noqa: PLR2004


def _temporary(code: int) -> bool:
    return 400 <= code < 500 or code == -1  # noqa: PLR2004 - -1: smtplib could not read the answer


def _raw(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _kind(error: Exception) -> str:
    """The kind of an error, without its text: the text may quote what was sent."""
    if isinstance(error, TimeoutError | socket.timeout):
        return "no answer in time"
    return type(error).__name__


def _xtext(text: str) -> str:
    """An address as RFC 3461 wants it in ORCPT."""
    return "".join(each if "!" <= each <= "~" and each not in "+=" else f"+{ord(each):02X}" for each in text)
