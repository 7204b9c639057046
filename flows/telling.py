"""Telling a person: standard error, a file dropped for other systems, mail, and the channels of `flows.notifying`.

What failed is told as failed.

An escalation's text names the request, the provider and the clock, never an identifier.
"""

from __future__ import annotations

import hashlib
import json
import os
import smtplib
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flows.catalogue import RungChannels
from flows.office import Office
from flows.settings import Settings
from flows.words import STATES, day
from timeline.decide import Decision
from timeline.state import Hold

SMTP_TIMEOUT = 15.0
"""Seconds for one mail server; a sweep must not hang on it."""

HERE = ("stderr", "drop")
"""Channels that end on this machine: they count as told only where a level has no other."""

FAULT = "fault"
"""The matter of a request that we cannot work on (`flows.faults`)."""

TRIAL, TRIED = "trial", "This is a trial: nothing has happened. Whoever reads this is reached."
"""What a trial message is about, and what it says on every channel."""

NEXT = "Nobody answers: the next level is told.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a person is told. `level` counts from 1; `who` is the rung's role."""

    request: str
    case: str
    provider: str
    about: str
    level: int
    who: str
    because: str
    state: str
    strict_on: str
    at: datetime

    @property
    def brief(self) -> Message:
        """The same without what names the case or the provider, and without any reason in words."""
        return replace(self, case="", provider="", because=f"{self.request} needs you: {self.kind}.")

    @property
    def kind(self) -> str:
        """The matter, as `show` names it, without its stage."""
        return self.about.partition(":")[0].replace("-", " ")

    @property
    def subject(self) -> str:
        """One line for a phone's screen."""
        at = f" ({self.provider})" if self.provider else ""
        return f"[Holdfast] level {self.level}: {self.kind} {self.request}{at}"

    @property
    def text(self) -> str:
        """The whole of it, with what to type next."""
        ends = f"The hold ends with {day(self.strict_on)} (strict)." if self.strict_on else "No hold is in force."
        whose = f", case {self.case}, provider {self.provider}" if self.case or self.provider else ""
        stands = f": {STATES.get(self.state, self.state)}" if self.state else ""
        return (
            f"{self.because}\n\n"
            f"Request {self.request}{whose}{stands}.\n{ends}\n\n"
            f"See it:          holdfast show {self.request}\n"
            f"Say you have it: holdfast record escalation-acknowledged {self.request} --about {self.about}\n"
            + (f"{NEXT}It is told again until it is mended.\n" if self.about == FAULT else NEXT)
        )

    @property
    def stem(self) -> str:
        """The name of its file."""
        which = hashlib.sha256(self.about.encode()).hexdigest()[:8]
        return f"{self.at:%Y%m%dT%H%M%SZ}-{self.request}-{self.level}-{which}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """What a person is told of the watch itself: while nothing is swept, no hold is safe. `over`: it sweeps again."""

    level: int
    who: str
    because: str
    at: datetime
    over: bool = False

    @property
    def brief(self) -> Alarm:
        """The same without its reason, which may quote the configuration."""
        return replace(self, because="It sweeps again." if self.over else "Nothing is swept.")

    @property
    def subject(self) -> str:
        """One line for a phone's screen."""
        return f"[Holdfast] level {self.level}: the watch {'sweeps again' if self.over else 'does not sweep'}"

    @property
    def text(self) -> str:
        """The whole of it, with what to type next."""
        if self.over:
            return f"{self.because}\n\nSee what became due meanwhile:  holdfast board\n"
        return (
            f"{self.because}\n\n"
            "While nothing is swept, no request is sent, extended or escalated.\n\n"
            "See how it stands:  holdfast watch --check\n"
            "Work by hand:       holdfast sweep\n"
            "Then start the watch again. Nobody does: the next level is told.\n"
        )

    @property
    def stem(self) -> str:
        """The name of its file."""
        return f"{self.at:%Y%m%dT%H%M%SZ}-watch-{self.level}{'-over' if self.over else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What a person is told that concerns no single request, such as mail. `about` is one word for it.

    `see` says what to type next.
    """

    level: int
    who: str
    about: str
    because: str
    at: datetime
    see: str = "See what came in:  holdfast inbox"

    @property
    def brief(self) -> Notice:
        """The same without its reason."""
        return replace(self, because=TRIED if self.about == TRIAL else f"Something needs you: {self.about}.")

    @property
    def subject(self) -> str:
        """One line for a phone's screen."""
        return f"[Holdfast] level {self.level}: {self.about}"

    @property
    def text(self) -> str:
        """The whole of it, with what to type next."""
        return f"{self.because}\n\n{self.see}\n"

    @property
    def stem(self) -> str:
        """The name of its file."""
        which = hashlib.sha256(self.because.encode()).hexdigest()[:8]
        return f"{self.at:%Y%m%dT%H%M%SZ}-{self.about}-{self.level}-{which}"


Said = Message | Alarm | Notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Whom we told and whether it got through. `deliveries` has one entry per channel, for the record."""

    who: str
    delivered: bool
    deliveries: tuple[Mapping[str, str | bool], ...]

    @property
    def why(self) -> str:
        """Why it did not get through."""
        return "; ".join(f"{each['channel']}: {each['reason']}" for each in self.deliveries if not each["delivered"])


def tell(office: Office, hold: Hold, decision: Decision, *, provider: str, case: str) -> Told:
    """Tell the rung's person over every channel the policy names for it.

    Delivered means: over at least one channel that leads to a person, where the rung has one (mail, apprise, a
    block); else over at least one of the others. Never raises: that telling failed is what the caller records.
    """
    policy = office.policy
    rung = policy.ladder[min(decision.level, len(policy.ladder)) - 1]
    channels = next(each for each in office.catalogue.rung_channels if each.level == rung.level)
    expiry = hold.expiry
    message = Message(
        request=hold.request,
        case=case,
        provider=provider,
        about=decision.about,
        level=rung.level,
        who=rung.who,
        because=decision.because,
        state=str(hold.state),
        strict_on=expiry.strict_on.isoformat() if expiry else "",
        at=office.now(),
    )
    return deliver(office.settings, channels, message)


def deliver(settings: Settings, rung: RungChannels, message: Said) -> Told:
    """Deliver a message over every channel of a level; needs neither the ledger nor an open office."""
    deliveries = tuple(_deliver(settings, rung, channel, message) for channel in rung.tell)
    arriving = [each for each in deliveries if each["channel"] not in HERE]
    return Told(
        who=message.who,
        delivered=any(each["delivered"] for each in (arriving or deliveries)),
        deliveries=deliveries,
    )


def _deliver(settings: Settings, rung: RungChannels, channel: str, message: Said) -> Mapping[str, str | bool]:
    outside, reason = message.brief if rung.brief else message, ""
    try:
        if channel == "stderr":
            sys.stderr.write(f"{message.subject}\n  {message.because}\n")
            sys.stderr.flush()
        elif channel == "drop":
            _drop(settings.drop_path, message)
        elif channel == "smtp":
            _mail(settings.environ, rung.mail_to, outside)
        else:
            from flows.notifying import notify  # only where there is such a channel

            reason = notify(settings, channel, outside.subject, outside.text)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        reason = in_words(error, "the mail server" if channel == "smtp" else "")
    return {"channel": channel, "delivered": not reason, "reason": reason}


def in_words(error: Exception, whose: str = "") -> str:
    """Why a message was not taken, for people; `whose` answer it is, where somebody was asked."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused) if refused:
            code, said = next(iter(refused.values()))
            text = f"{whose} takes no mail for that address: {code} {_read(said)}"
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            text = f"{whose} answered {code}: {_read(said)}"
        case smtplib.SMTPException():
            text = f"{whose} did not take it: {error}"
        case ssl.SSLCertVerificationError(verify_message=why):
            text = f"{whose} has a certificate that is not trusted here: {why}"
        case ConnectionRefusedError():
            text = f"{whose} could not be reached: nobody listens at that address"
        case TimeoutError():
            text = f"{whose} did not answer in time"
        case OSError():
            why = error.strerror or str(error) or type(error).__name__
            text = f"{whose} could not be reached: {why}" if whose else why
        case _:
            text = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:200]


def _read(said: object) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _drop(folder: Path, message: Said) -> None:
    """Write the message as JSON, whole or not at all: a watcher never sees half a file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{message.stem}.json"
    record = {name: getattr(message, name) for name in message.__slots__} | {"at": message.at.isoformat()}
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(record, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.rename(target)


def _mail(environ: Mapping[str, str], to: str, message: Said) -> None:
    if not environ.get("HOLDFAST_SMTP") or not to:
        raise ValueError("no mail server (HOLDFAST_SMTP) or no address (policy.toml, ladder: mail_to)")
    mail = EmailMessage()
    mail["To"] = to
    mail["Subject"] = message.subject
    mail["X-Priority"] = "1" if message.level > 1 else "2"
    mail.set_content(message.text)
    post(environ, mail, at=message.at)


def post(environ: Mapping[str, str], mail: EmailMessage, *, at: datetime) -> None:
    """Hand a mail to the unit's own people to the mail server (HOLDFAST_SMTP), from HOLDFAST_MAIL_FROM, dated `at`.

    Raises:
        ValueError: no mail server is named, or not as one is written.
        OSError, SMTPException: it was not taken.
    """
    server = urlsplit(environ.get("HOLDFAST_SMTP", ""))
    if server.scheme not in {"smtp", "smtps", "smtp+starttls"} or not server.hostname:
        raise ValueError("HOLDFAST_SMTP: expected smtp://HOST:PORT, smtp+starttls://… or smtps://…")
    mail["From"] = sender = environ.get("HOLDFAST_MAIL_FROM") or f"holdfast@{server.hostname}"
    mail["Date"] = format_datetime(at)
    # The sender's domain, as the name of this machine is nobody's business.
    mail["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or server.hostname)
    secure = ssl.create_default_context(cafile=environ.get("HOLDFAST_MAIL_CA") or None)
    if server.scheme == "smtps":
        link: smtplib.SMTP = smtplib.SMTP_SSL(
            server.hostname, server.port or 465, timeout=SMTP_TIMEOUT, context=secure
        )
    else:
        link = smtplib.SMTP(server.hostname, server.port or 25, timeout=SMTP_TIMEOUT)
    with link:
        if server.scheme == "smtp+starttls":
            link.starttls(context=secure)
        if server.username:
            link.login(unquote(server.username), environ.get("HOLDFAST_SMTP_PASSWORD", ""))
        link.send_message(mail)
