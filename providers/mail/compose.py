"""From an order to one message: a short text for the clerk, the letter as PDF, the same as JSON.

The same order gives the same bytes: dates come from the order, boundaries and ids from its key. The Message-ID
names request, action and sequence, so that every attempt is the same message to whoever receives it.
"""

from __future__ import annotations

import base64
import json
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from providers.interface import Action, Item, Letter, Order
from providers.template import Json

FORMAT = "holdfast-preservation-1"
JSON_NAME = "holdfast-request.json"
CRLF: Final = "\r\n"

ACTIONS = "send|extend|release|announce|clarify"
_OURS = re.compile(rf"<?(HF-[0-9A-Z]{{12}})\.({ACTIONS})\.(\d{{1,4}})@([A-Za-z0-9.-]{{1,253}})>?")

PURPOSE: dict[Action, str] = {
    Action.SEND: "Please preserve the data described in the attached letter, and confirm that you have received this "
    "request and until when the data are kept.",
    Action.EXTEND: "Please keep the data that are preserved already under the request named below for longer, "
    "and confirm until when.",
    Action.RELEASE: "The preservation under the request named below is no longer needed. You may end it.",
    Action.ANNOUNCE: "The production of the preserved data has been requested. Please keep them until they are "
    "produced, also beyond the last day known so far.",
    Action.CLARIFY: "This answers your question about the request named below.",
}
"""How each of our messages begins; by that it is known where a reply gives it back (`quoting.own_words`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OurId:
    """What one of our Message-IDs says: which message of which request it names."""

    request: str
    action: str
    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Who writes to whom, and under which subject (a template with `{reference}` and `{action}`)."""

    sender: str
    to: tuple[str, ...]
    subject: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A MIME entity: its header fields (unfolded lines without line ends) and its body."""

    headers: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Header fields, an empty line, the body."""
        return (CRLF.join(self.headers) + CRLF * 2).encode("ascii") + self.body


def message_id(order: Order, domain: str) -> str:
    """`<HF-….send.1@domain>`: the same for every attempt, another for every extension."""
    return _id(order.request, order.action, order.sequence, domain)


def read_message_id(text: str, domains: Sequence[str] = ()) -> OurId | None:
    """What a Message-ID of ours names; None for anybody else's. `domains`: only ids made under one of these."""
    found = _OURS.fullmatch(text.strip())
    if found is None or (domains and found[4].lower() not in domains):
        return None
    return OurId(request=found[1], action=found[2], sequence=int(found[3]))


def _id(request: str, action: str, sequence: int, domain: str) -> str:
    return f"<{request}.{action}.{sequence}@{domain}>"


def headers(order: Order, envelope: Envelope) -> tuple[str, ...]:
    """The header of the whole message. No account is named in it."""
    domain = envelope.sender.rpartition("@")[2].lower()
    subject = envelope.subject.format(reference=order.request, action=order.action)
    if order.references and all(_plain(each) for each in order.references):
        subject += f" (your reference {', '.join(order.references)[:80]})"
    lines = [
        f"From: {envelope.sender}",
        f"Reply-To: {envelope.sender}",
        f"To: {f',{CRLF} '.join(envelope.to)}",
        f"Subject: {subject}",
        f"Date: {format_datetime(order.made_at)}",
        f"Message-ID: {message_id(order, domain)}",
    ]
    if order.action is not Action.SEND:
        first = _id(order.request, Action.SEND, 1, domain)
        lines += [f"In-Reply-To: {first}", f"References: {first}"]
    # RFC 3834: made by a machine, and no answer by a machine is wanted besides a receipt
    return (*lines, "Auto-Submitted: auto-generated", "X-Holdfast: 1", "MIME-Version: 1.0")


def content(order: Order, letter: Letter) -> Entity:
    """The text, the letter and the JSON, as one multipart entity."""
    boundary = f"=_holdfast_{order.key[:32]}"
    parts = [
        Entity(
            headers=(
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: quoted-printable",
                "Content-Language: en",
            ),
            body=_quoted(text_of(order)),
        ),
        _attached("application/pdf", letter.name, letter.pdf),
        _attached("application/json", JSON_NAME, json_of(order)),
    ]
    return multipart(f'multipart/mixed; boundary="{boundary}"', boundary, parts)


def multipart(content_type: str, boundary: str, parts: Sequence[Entity]) -> Entity:
    """Entities one after another, each begun by the boundary."""
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part.to_bytes()) for part in parts)
    return Entity(headers=(f"Content-Type: {content_type}",), body=body + b"--%s--\r\n" % boundary.encode())


def base64_lines(raw: bytes) -> bytes:
    """Bytes in base 64, in lines of 76 characters."""
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _attached(content_type: str, name: str, raw: bytes) -> Entity:
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return Entity(
        headers=(
            f'Content-Type: {content_type}; name="{safe}"',
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{safe}"',
        ),
        body=base64_lines(raw),
    )


def _quoted(text: str) -> bytes:
    clean = "\n".join(text.splitlines()) + "\n"
    return quopri.encodestring(clean.encode("utf-8")).replace(b"\n", b"\r\n")


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= 80  # noqa: PLR2004


def text_of(order: Order) -> str:
    """What the clerk reads first: who asks what, and by when. The accounts are in the attachments."""
    officer = order.officer
    lines = [PURPOSE[order.action], "", f"Our reference:  {order.request}"]
    if order.references:
        lines.append(f"Your reference: {', '.join(order.references)}")
    lines += [
        f"Case:           {order.case_reference}",
        f"Legal basis:    {order.legal_basis}",
        f"Accounts:       {len(order.items)}, listed in the attached letter",
    ]
    if order.hold_until:
        lines.append(f"Keep until:     {order.hold_until.isoformat()} (inclusive)")
    if order.action is Action.ANNOUNCE and order.production_on:
        lines.append(f"Requested on:   {order.production_on.isoformat()} {order.production_reference}".rstrip())
    if order.urgency == "emergency" and order.action is Action.SEND:
        lines.append("Urgency:        EMERGENCY: please act upon receipt")
    if order.confidential:
        lines.append("Confidential:   please do not tell the user")
    if order.because and order.action in {Action.EXTEND, Action.RELEASE}:
        lines += ["", f"Reason: {order.because}"]
    if order.action is Action.CLARIFY:
        lines += ["", *([f"Your question:  {order.question}"] if order.question else []), order.answer]
    lines += [
        "",
        "Please answer this message and leave our reference in the subject.",
        "If you receive this message more than once with the same Message-ID, it is one request.",
        f"The attached letter is the request; {JSON_NAME} says the same for machines.",
        "",
        f"{officer.name} ({officer.badge}), {order.unit}, {order.country}",
        f"{officer.email}  {officer.phone}",
        "",
    ]
    return "\n".join(lines)


def json_of(order: Order) -> bytes:
    """The machine-readable copy (docs/mail.md)."""
    document: dict[str, Json] = {
        "format": FORMAT,
        "request": order.request,
        "action": str(order.action),
        "sequence": order.sequence,
        "key": order.key,
        "made_at": _at(order.made_at),
        "legal_basis": order.legal_basis,
        "instrument": order.instrument,
        "case": order.case_reference,
        "references": list[Json](order.references),
        "identifiers": [_identifier(each) for each in order.items],
        "categories": list[Json](order.categories),
        "period": {"from": _at(order.period_from), "to": _at(order.period_to)},
        "hold_until": order.hold_until.isoformat() if order.hold_until else None,
        "confidential": order.confidential,
        "urgency": order.urgency,
        "because": order.because,
        "requester": {"unit": order.unit, "country": order.country},
        "officer": {
            "name": order.officer.name,
            "badge": order.officer.badge,
            "email": order.officer.email,
            "phone": order.officer.phone,
        },
    }
    if order.action is Action.ANNOUNCE:
        on = order.production_on
        document["production"] = {"on": on.isoformat() if on else None, "reference": order.production_reference}
    if order.action is Action.CLARIFY:
        document |= {"question": order.question, "answer": order.answer}
    return json.dumps(document, ensure_ascii=True, indent=1).encode("ascii") + b"\n"


def _identifier(item: Item) -> Json:
    return {
        "id": item.id,
        "type": item.type,
        "value": item.value,
        "from": _at(item.used_from),
        "to": _at(item.used_to),
        "zone": item.zone or None,
    }


def _at(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
