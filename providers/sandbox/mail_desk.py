"""A provider's preservation desk that is reached by mail: it reads the JSON beside the letter, and writes back.

It answers like a clerk, in sentences, under its own reference. It can be told to be slow of understanding, to send
back what cannot be delivered, to be out of office, and to be hostile.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, make_msgid
from enum import StrEnum
from typing import Any

from providers.holdings import Denied, Holdings, Preservation, Promise
from providers.interface import Action
from providers.mail.compose import FORMAT

UNIT_SERVER = "mail.unit.example"
"""The name by which the unit's own mail server signs what it verified."""


class Desk(StrEnum):
    """What the desk does with the next message; without a word, it does as it is asked."""

    ACKNOWLEDGE = "acknowledge"  # takes it in, and says only that it came
    REFUSE = "refuse"
    NO_ACCOUNT = "no-account"
    SILENT = "silent"  # does as it is asked, and never answers
    BOUNCE = "bounce"  # nothing arrives; a delivery report comes back
    DELAY = "delay"  # a report that it is delayed, then as asked
    OUT_OF_OFFICE = "out-of-office"  # an automatic answer, and nothing else
    UNVERIFIED = "unverified"  # as asked, but nobody vouches for who answers
    STRANGER = "stranger"  # somebody else answers, with a forged proof of who he is
    CHATTY = "chatty"  # as asked, in words that no pattern knows
    HOSTILE = "hostile"  # as asked, and a pile of malformed mail besides


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A message on its way to the unit. `verified`: whether the unit's server can vouch for its domain."""

    raw: bytes = field(repr=False)
    verified: bool = True
    sender: str = ""  # of the envelope; "" for a report


@dataclass(kw_only=True)
class MailDesk:
    """The desk of one played provider.

    Args:
        name: the provider; part of its references.
        address: where it is written to, and what it writes from.
        clock: its time, aware UTC.
        promise: what it grants.
    """

    name: str
    address: str
    clock: Callable[[], datetime]
    promise: Promise = field(default_factory=Promise)
    script: list[Desk] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    holdings: Holdings = field(init=False)

    def __post_init__(self) -> None:
        self.holdings = Holdings(name=self.name, promise=self.promise)

    def effects(self, request: str, action: Action, sequence: int) -> int:
        """How often a message took effect. One with the same key is known, as a clerk knows it by its Message-ID."""
        return self.holdings.counts()[(request, action, sequence)]

    def take(self, raw: bytes, sender: str) -> list[Post]:
        """Take in a message that was delivered; gives what it answers. A message without our JSON is put aside."""
        does = self.script.pop(0) if self.script else None
        message = BytesParser(policy=policy.default).parsebytes(raw)
        if does in {Desk.BOUNCE, Desk.DELAY}:
            report = self.report(message, sender, "failed" if does is Desk.BOUNCE else "delayed")
            if does is Desk.BOUNCE:
                return [report]
            return [report, *self.take(raw, sender)]
        self.taken.append(raw)
        order = _order(message)
        if order is None:
            return []
        if does is Desk.OUT_OF_OFFICE:
            return [self._out_of_office(message, sender)]
        posts = [] if does is Desk.SILENT else [self._answer(message, order, sender, does)]
        if does is Desk.SILENT:
            with suppress(Denied):  # of that it says nothing either
                self._effect(order)
        return posts + (self._rubbish(order, sender) if does is Desk.HOSTILE else [])

    def report(self, message: Any, sender: str, action: str) -> Post:
        """A delivery report (RFC 3464) about a message, from the unit's own mail server."""
        status = {"failed": "5.1.1", "delayed": "4.4.1"}.get(action, "2.0.0")
        parts = (
            f"Content-Type: text/plain\r\n\r\nYour message to the preservation desk is {action}.",
            f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {UNIT_SERVER}\r\n\r\n"
            f"Final-Recipient: rfc822; {self.address}\r\nAction: {action}\r\nStatus: {status}",
            f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message['Message-ID']}",
        )
        lines = (
            f"From: MAILER-DAEMON@{sender.rpartition('@')[2]}",
            f"To: {sender}",
            f"Subject: Delivery status: {action}",
            f"Date: {format_datetime(self.clock())}",
            f"Message-ID: {make_msgid(domain=UNIT_SERVER)}",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"',
            "",
            *(f"--=_report\r\n{part}\r\n" for part in parts),
            "--=_report--\r\n",
        )
        return Post(raw="\r\n".join(lines).encode("utf-8"))

    def _answer(self, message: Any, order: dict[str, Any], sender: str, does: Desk | None) -> Post:
        text, reference = self._words(order, does)
        reply = EmailMessage()
        reply["From"] = "clerk@elsewhere.example" if does is Desk.STRANGER else f"Preservation desk <{self.address}>"
        reply["To"] = sender
        reply["Subject"] = f"Re: {message['Subject']}" + (f" [{reference}]" if reference else "")
        reply["Date"] = format_datetime(self.clock())
        reply["Message-ID"] = make_msgid(domain=self.address.rpartition("@")[2])
        reply["In-Reply-To"] = message["Message-ID"]
        if does is Desk.STRANGER:
            reply["Authentication-Results"] = f"{UNIT_SERVER}; dmarc=pass header.from=elsewhere.example"
        reply.set_content(f"{text}\n\n> {order['request']}: please preserve the data described\n")
        return Post(raw=reply.as_bytes(policy=policy.SMTP), verified=does is not Desk.UNVERIFIED, sender=self.address)

    def _words(self, order: dict[str, Any], does: Desk | None) -> tuple[str, str]:
        """What the clerk writes, and the reference."""
        if does is Desk.REFUSE:
            return "We cannot preserve these data: the request names no legal basis that binds us.", ""
        if does is Desk.NO_ACCOUNT:
            return "No account was found for the identifiers in your letter.", ""
        try:
            kept = self._effect(order)
        except Denied as no:
            return f"We cannot preserve these data: {no.code}.", ""
        reference = kept.references[0]
        if does is Desk.CHATTY:
            return f"Hello, about {reference}: all good on our side, will be in touch!", reference
        if order["action"] == Action.EXTEND:
            return f"The preservation {reference} was extended until {kept.held_until.isoformat()}.", reference
        if order["action"] == Action.RELEASE:
            return f"The data under {reference} are no longer preserved.", reference
        came = f"We received your preservation request on {self.today.isoformat()}.\nOur reference is {reference}."
        if does is Desk.ACKNOWLEDGE:
            return f"{came}\nWe shall look at it.", reference
        return f"{came}\nThe data are preserved until {kept.held_until.isoformat()}.", reference

    def _effect(self, order: dict[str, Any]) -> Preservation:
        known = self.holdings.of_key(order["key"])
        if known is not None:
            return known
        about = {"key": order["key"], "sequence": order["sequence"], "today": self.today}
        until = date.fromisoformat(order["hold_until"]) if order["hold_until"] else None
        reference = (order["references"] or [""])[0]
        match order["action"]:
            case Action.EXTEND:
                return self.holdings.extend(reference, until=until, **about)
            case Action.RELEASE:
                return self.holdings.release(reference, **about)
            case Action.SEND:
                items = [each["id"] for each in order["identifiers"]]
                return self.holdings.preserve(request=order["request"], items=items, until=until, **about)
        self.holdings.keep(request=order["request"])
        return self.holdings.look(reference, self.today)

    @property
    def today(self) -> date:
        """The day at the desk, in UTC."""
        return self.clock().date()

    def _out_of_office(self, message: Any, sender: str) -> Post:
        reply = EmailMessage()
        reply["From"], reply["To"] = self.address, sender
        reply["Subject"], reply["In-Reply-To"] = "Out of office", message["Message-ID"]
        reply["Auto-Submitted"], reply["Date"] = "auto-replied", format_datetime(self.clock())
        reply.set_content("I am on leave until further notice.\n")
        return Post(raw=reply.as_bytes(policy=policy.SMTP))

    def _rubbish(self, order: dict[str, Any], sender: str) -> list[Post]:
        """Mail that a careless reader chokes on, all of it naming the request."""
        named = f"Subject: {order['request']}\r\nTo: {sender}\r\n".encode()
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.csv", b"0" * 1_000_000)
        deep = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(30))
        zipped = EmailMessage()
        zipped["From"], zipped["Subject"] = self.address, f"Data for {order['request']}"
        zipped.set_content("Please open the attachment.\n")
        zipped.add_attachment(bomb.getvalue(), "application", "zip", filename="../../etc/data.zip")
        bodies: Sequence[bytes] = (
            b"From: " + self.address.encode() + b"\r\n" + named + b"\r\n" + b"\x00\xff" * 5000,
            named + b"\r\nno sender at all\r\n",
            b"From: a@elsewhere.example, b@elsewhere.example\r\n" + named + b"\r\ntwo senders\r\n",
            b"From: " + self.address.encode() + b"\r\n" + named + deep,
            b"From: " + self.address.encode() + b"\r\n" + named + b"\r\n" + b"x" * 100_000 + b"\r\n",
            b"From: x@elsewhere.example\r\n" + named + b"X-Loop: " + sender.encode() + b"\r\n\r\nround and round\r\n",
            zipped.as_bytes(policy=policy.SMTP),
        )
        return [Post(raw=raw, verified=False) for raw in bodies]


def _order(message: Any) -> dict[str, Any] | None:
    """The JSON beside the letter; None where there is none that can be read."""
    for part in message.walk():
        if part.get_content_type() == "application/json":
            try:
                found = json.loads(part.get_payload(decode=True))
            except ValueError:
                return None
            return found if isinstance(found, dict) and found.get("format") == FORMAT else None
    return None
