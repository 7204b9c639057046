"""Any message that came in, read into a value. Reading never fails: what is wrong with it stands in `faults`.

Nothing in it is opened, fetched, followed or believed: an archive stays an archive, a link stays text, and who it
is from is what our own mail server could verify.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from providers.mail.authentication import Result, results
from providers.mail.compose import OurId, read_message_id
from providers.mail.parts import LARGEST, Attachment, Parts, header, parse, read_parts

MOST_HOPS = 50
"""Received fields; a message with more goes round in circles (RFC 5321 section 6.3 suggests 100)."""
MOST_IDS = 50
_ID = re.compile(r"<[^<>\s]{3,250}>")
_REQUEST = re.compile(r"(?<![a-z0-9])HF[-\u2010-\u2013]?[a-z0-9]{12}(?![a-z0-9])", re.IGNORECASE)
_SENDER = re.compile(r"[^\s@<>\",;:]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,10})")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What a mail server says became of a message of ours (RFC 3464).

    `action`: failed, delayed, delivered, relayed or expanded; `status` such as "5.1.1", "" where it names none;
    `about` what it speaks of, None where it does not say; `recipients` the address it speaks of, in small letters, as
    it was written to and as it was in the end.
    """

    action: str
    status: str
    about: OurId | None
    recipients: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """One message from outside. `digest` is the SHA-256 of its bytes, by which it is recorded once.

    `answers`: our messages that it answers, nearest first; `requests`: ids with a right check character that it
    names, those it answers first. `sender` is the one address in From ("" where there is none or several):
    what anybody may write, until `authentication` (our own server's results alone) vouches for its domain.
    `automatic`: written by a machine (RFC 3834); `ours`: sent by ourselves, by its sender and by its id; `loops`: it
    went round in circles.
    """

    digest: str
    size: int
    message_id: str = field(default="", repr=False)
    answers: tuple[OurId, ...] = ()
    requests: tuple[str, ...] = ()
    sender: str = field(default="", repr=False)
    date: datetime | None = None
    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    null_sender: bool = False
    authentication: tuple[Result, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    automatic: bool = False
    ours: bool = False
    loops: bool = False
    encrypted: bool = False
    faults: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The domain of the sender, in small letters."""
        return self.sender.rpartition("@")[2].lower()


def read_inbound(
    raw: bytes,
    *,
    is_request: Callable[[str], str | None],
    authserv: str = "",
    own: Collection[str] = (),
) -> Inbound:
    """Read a message. Takes any bytes, never raises, and takes time in proportion to them.

    Args:
        raw: the message as the mail server stored it.
        is_request: the request id that a text is, None if it is none (its check character is wrong).
        authserv: the name our mail server signs its authentication results with; "" to believe none.
        own: our own addresses, in small letters.
    """
    faults: list[str] = []
    digest = hashlib.sha256(raw).hexdigest()
    if len(raw) > LARGEST:
        return Inbound(digest=digest, size=len(raw), faults=("it is too large to be read",))
    try:
        message = parse(raw, faults)
        parts = read_parts(message, faults)
        return _read(message, parts, digest=digest, size=len(raw), is_request=is_request, authserv=authserv, own=own)
    except Exception as error:  # the promise of this function; a person reads the bytes instead
        faults.append(f"it cannot be read ({type(error).__name__})")
        return Inbound(digest=digest, size=len(raw), faults=_once(faults))


def _read(
    message: Message,
    parts: Parts,
    *,
    digest: str,
    size: int,
    is_request: Callable[[str], str | None],
    authserv: str,
    own: Collection[str],
) -> Inbound:
    faults = parts.faults
    domains = [each.rpartition("@")[2].lower() for each in own]
    sender, subject, text = _sender(message, faults), header(message, "Subject"), parts.text
    own_id = header(message, "Message-ID")
    deliveries = tuple(_deliveries(parts, domains))
    quoted = [*_ids(message, "In-Reply-To"), *reversed(_ids(message, "References"))]
    answers = [known for each in quoted if (known := read_message_id(each, domains)) is not None]
    answers += [each.about for each in deliveries if each.about is not None]
    named = [each.request for each in answers]
    named += [found[0] for found in _REQUEST.finditer(subject)]
    named += [found[0] for found in _REQUEST.finditer(text[:20_000])]
    requests = [request for each in named[:200] if (request := is_request(each)) is not None]
    return Inbound(
        digest=digest,
        size=size,
        message_id=own_id[:250],
        answers=tuple(dict.fromkeys(answers)),
        requests=tuple(dict.fromkeys(requests)),
        sender=sender,
        date=_date(message),
        subject=subject,
        text=text,
        null_sender=header(message, "Return-Path") == "<>",
        authentication=results(message, authserv),
        attachments=tuple(parts.attachments),
        deliveries=deliveries,
        automatic=_automatic(message) or bool(deliveries),
        ours=_is_ours(sender, own_id, own, domains, faults),
        loops=_loops(message, own),
        encrypted=parts.encrypted,
        faults=_once(faults),
    )


def _once(faults: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(faults))[:20]


def _ids(message: Message, name: str) -> list[str]:
    found = _ID.findall(str(message.get(name, ""))[:20_000])
    return found[-MOST_IDS:]


def _sender(message: Message, faults: list[str]) -> str:
    """The one address in From, taken from the field as it came: an encoded word is never an address."""
    fields = message.get_all("From", [])
    if len(fields) != 1:
        faults.append("it has no sender" if not fields else "it names its sender more than once")
        return ""
    text = " ".join(str(fields[0])[:2000].split())
    try:
        address = parseaddr(text)[1]
    except RecursionError:  # comments within comments
        address = ""
    bare = text.partition("<")[2] or text  # a name before the brackets may look like an address
    if not _SENDER.fullmatch(address) or bare.count("@") > 1:
        faults.append("its sender is no single address")
        return ""
    return address


def _is_ours(sender: str, own_id: str, own: Collection[str], domains: Sequence[str], faults: list[str]) -> bool:
    """Whether we sent it. Either sign alone may be anybody's: a form that writes in our name, an id given back."""
    named, numbered = sender.lower() in own, read_message_id(own_id, domains) is not None
    if named and (numbered or own_id.strip("<> ").rpartition("@")[2].lower() in domains):
        return True
    if named:
        faults.append("it is written in our name, and not by us")
    elif numbered:
        faults.append("it carries a Message-ID of ours")
    return False


def _date(message: Message) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message.get("Date", ""))[:100])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except Exception:  # no date, or one that no calendar has
        return None


def _automatic(message: Message) -> bool:
    submitted = header(message, "Auto-Submitted").lower()
    precedence = header(message, "Precedence").lower()
    marks = ("List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "Feedback-ID")
    return (
        (submitted not in {"", "no"})
        or precedence in {"bulk", "junk", "list", "auto_reply"}
        or any(message.get(each) is not None for each in marks)
    )


def _loops(message: Message, own: Collection[str]) -> bool:
    marks = [str(each).lower() for each in message.get_all("X-Loop", [])[:20]]
    return len(message.get_all("Received", [])) > MOST_HOPS or any(
        address in mark for mark in marks for address in own
    )


def _deliveries(parts: Parts, domains: Sequence[str]) -> Iterator[Delivery]:
    """The reports of mail servers, one for each recipient."""
    if not parts.reports:
        return
    ids = [header(each, "Message-ID") for each in parts.returned]
    ids += [f"<{header(each, 'Original-Envelope-Id')}>" for each in parts.reports]
    about = next((known for each in ids if (known := read_message_id(each, domains)) is not None), None)
    for block in parts.reports:
        action = header(block, "Action").lower()
        if action in {"failed", "delayed", "delivered", "relayed", "expanded"}:
            status = _STATUS.match(header(block, "Status"))
            fields = [header(block, each) for each in ("Original-Recipient", "Final-Recipient")]
            whom = [each.rpartition(";")[2].strip().lower() for each in fields if each]
            yield Delivery(action=action, status=status[0] if status else "", about=about, recipients=tuple(whom))
