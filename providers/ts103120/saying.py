"""Builds HI1 messages: what an order says, in the order of elements that the schemas fix.

Everything but the header's time depends on what was registered, not on when it is sent, and the identifiers are
derived (`ids`): the same order twice is the same message.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from providers.errors import Unsupported
from providers.interface import Action, Item, Letter, Order, SentFile
from providers.ts103120 import ids
from providers.ts103120.days import end_of, stamped, written
from providers.ts103120.formats import OTHER, Value, request_type
from providers.ts103120.profile import Profile, etsi
from providers.ts103120.xml import Element, add, add_word, parse, root, tag, text, to_bytes

LARGEST_LETTER = 6 * 1024 * 1024
"""Bytes; in base64 it stays below the 10 MB that an XML reader takes as one text."""

Fill = Callable[[Element], None]
"""Writes one action into its ActionRequest."""
Sign = Callable[[Element], Element]


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """Who speaks, or is spoken to: a country and a name agreed between the two."""

    country: str
    identifier: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """How we speak to one provider."""

    sender: Party
    receiver: Party
    etsi_version: str
    profile_owner: str
    profile_version: str
    profile: Profile
    zone: ZoneInfo
    sign: Sign | None = field(default=None, repr=False)

    def message(self, transaction: str, at: datetime, actions: Sequence[Fill]) -> bytes:
        """A whole message; the actions are numbered from 0."""
        document = root("HI1Message")
        header = add(document, "Header")
        for name, party in (("SenderIdentifier", self.sender), ("ReceiverIdentifier", self.receiver)):
            _party(add(header, name), party)
        add(header, "TransactionIdentifier", transaction)
        add(header, "Timestamp", stamped(at))
        version = add(header, "Version")
        add(version, "ETSIVersion", self.etsi_version)
        add(version, "NationalProfileOwner", self.profile_owner)
        add(version, "NationalProfileVersion", self.profile_version)
        requests = add(add(add(document, "Payload"), "RequestPayload"), "ActionRequests")
        for number, fill in enumerate(actions):
            request = add(requests, "ActionRequest")
            add(request, "ActionIdentifier", str(number))
            fill(request)
        return to_bytes(self.sign(document) if self.sign else document)

    def new(self, order: Order, said: Mapping[str, tuple[Value, ...]], letter: Letter | None) -> list[Fill]:
        """A first request: the Authorisation, a task for each item, the signed order as a Document."""
        if letter is None and request_type(order.categories) == OTHER:
            raise Unsupported(
                "no one word of the protocol says these categories together, and no document is sent that would; "
                "make two requests of it, or let adapter.documents carry the letter"
            )
        fills: list[Fill] = [lambda request: self._authorisation(request, order)]
        fills += [self._task(order, item, said[item.id]) for item in order.items]
        return fills + self.letters(order, letter)

    def letters(self, order: Order, letter: Letter | None) -> list[Fill]:
        """The letter as a Document, if the act carries one."""
        return [lambda request: self._document(request, order, letter)] if letter is not None else []

    def extension(self, order: Order, tasks: Iterable[str]) -> list[Fill]:
        """Each task with a later end, and nothing else: a field that is sent replaces what is stored (6.4.7)."""
        if order.hold_until is None:
            raise Unsupported("an extension over this channel names its last day, and none is known")
        until = written(end_of(order.hold_until, self.zone))
        return [_update(task, lambda made: add(made, "task:DesiredPreservationExpiration", until)) for task in tasks]

    def cancellation(self, tasks: Iterable[str]) -> list[Fill]:
        """Each task to be cancelled."""
        word = etsi("LPTaskDesiredStatus", "Cancelled")
        return [_update(task, lambda made: add_word(made, "task:DesiredStatus", word)) for task in tasks]

    def announcement(self, tasks: Iterable[str]) -> list[Fill]:
        """Each task to be kept because production was requested, where the profile has a word for that."""
        word = self.profile.words.announced_status
        if word is None:
            return []
        return [_update(task, lambda made: add_word(made, "task:DesiredStatus", word)) for task in tasks]

    def _owned(self, request: Element, kind: str, identifier: str, *associated: str) -> Element:
        made = _object(request, "CREATE", kind, identifier)
        add(made, "CountryCode", self.sender.country)
        add(made, "OwnerIdentifier", self.sender.identifier)
        if associated:
            listed = add(made, "AssociatedObjects")
            for each in associated:
                add(listed, "AssociatedObject", each)
        return made

    def _authorisation(self, request: Element, order: Order) -> None:
        made = self._owned(request, "auth:AuthorisationObject", ids.authorisation(order.request))
        words = self.profile.words
        emergency = order.urgency == "emergency"
        add(made, "auth:AuthorisationReference", file_number(order))
        add_word(made, "auth:AuthorisationLegalType", words.legal_type)
        add_word(
            made, "auth:AuthorisationPriority", etsi("AuthorisationPriority", "High" if emergency else "Routine")
        )
        add_word(made, "auth:AuthorisationDesiredStatus", words.authorisation_status)
        _party(add(add(made, "auth:AuthorisationCSPID"), "auth:CSPID"), self.receiver)
        self._approval(made, order, "IssuingAuthority", emergency=emergency)
        if self.profile.validating and order.validated_by:
            self._validation(made, order)
        if emergency:
            flags = add(made, "auth:AuthorisationFlags")
            add_word(flags, "auth:AuthorisationFlag", etsi("AuthorisationFlag", "IsEmergency"))
        if order.addressee.name:
            add(made, "auth:AuthorisationLegalEntity", order.addressee.name[:255])

    def _approval(self, made: Element, order: Order, type_: str, *, emergency: bool) -> None:
        """Who orders it, on which basis, and whom the provider can call back to check."""
        approval = add(made, "auth:AuthorisationApprovalDetails")
        add(approval, "common:ApprovalType", type_)
        add(approval, "common:ApprovalDescription", order.legal_basis)
        add(approval, "common:ApprovalReference", order.case_reference)
        approver = add(approval, "common:ApproverDetails")
        add(approver, "common:ApproverName", order.officer.name)
        add(approver, "common:ApproverRole", order.unit)
        email, phone = order.officer.email, re.sub(r"[^0-9]", "", order.officer.phone)
        if email or phone:
            contact = add(approver, "common:ApproverContactDetails")
            if "@" in email:
                add(contact, "common:ApproverEmailAddress", email)
            if 0 < len(phone) <= 15:  # noqa: PLR2004 - InternationalE164
                add(contact, "common:ApproverPhoneNumber", phone)
        add(approval, "common:ApprovalIsEmergency", "true" if emergency else "false")

    def _validation(self, made: Element, order: Order) -> None:
        approval = add(made, "auth:AuthorisationApprovalDetails")
        add(approval, "common:ApprovalType", "ValidatingAuthority")
        add(add(approval, "common:ApproverDetails"), "common:ApproverName", order.validated_by)

    def _task(self, order: Order, item: Item, values: Sequence[Value]) -> Fill:
        def fill(request: Element) -> None:
            authorisation = ids.authorisation(order.request)
            made = self._owned(request, "task:LPTaskObject", ids.task(order.request, item.id), authorisation)
            add_word(made, "task:DesiredStatus", self.profile.words.task_status)
            details = add(made, "task:RequestDetails")
            add_word(details, "task:Type", etsi("RequestType", request_type(order.categories)))
            start, end = _period(order, item)
            for name, moment in (("StartTime", start), ("EndTime", end)):
                if moment is not None:
                    add(details, f"task:{name}", written(moment))
            listed = add(details, "task:RequestValues")
            for value in values:
                one = add(listed, "task:RequestValue")
                format_ = add(one, "task:FormatType")
                add(format_, "task:FormatOwner", value.owner)
                add(format_, "task:FormatName", value.name)
                add(one, "task:Value", value.text)
            if order.hold_until is not None:
                until = written(end_of(order.hold_until, self.zone))
                add(made, "task:DesiredPreservationExpiration", until)
            _party(add(made, "task:CSPID"), self.receiver)

        return fill

    def _document(self, request: Element, order: Order, letter: Letter) -> None:
        if len(letter.pdf) > LARGEST_LETTER:
            raise Unsupported(f"the letter is larger than {LARGEST_LETTER} bytes, which no message carries")
        associated = [ids.authorisation(order.request)]
        if order.action is Action.CLARIFY and re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", order.question
        ):
            associated.append(order.question)  # the notification that asked
        made = self._owned(request, "doc:DocumentObject", ids.document(order), *associated)
        add(made, "doc:DocumentReference", file_number(order))
        add(made, "doc:DocumentName", letter.name)
        add_word(made, "doc:DocumentDesiredStatus", self.profile.words.document_status)
        add_word(made, "doc:DocumentType", self.profile.document(order.action))
        body = add(made, "doc:DocumentBody")
        add(body, "doc:Contents", base64.b64encode(letter.pdf).decode("ascii"))
        add(body, "doc:ContentType", "application/pdf")
        add(body, "doc:Checksum", hashlib.sha256(letter.pdf).hexdigest())
        add(body, "doc:ChecksumType", "SHA-256")


def documents(message: bytes) -> tuple[SentFile, ...]:
    """The documents in a message of ours."""
    bodies = parse(message).iter(tag("doc:DocumentBody"))
    return tuple(
        SentFile.of(text(body.getparent(), "doc:DocumentName"), base64.b64decode(text(body, "doc:Contents")))
        for body in bodies
    )


def file_number(order: Order) -> str:
    """The issuing authority's file number of this very order.

    Annexes V and VI carry no identifiers and name the order by it, so it must not be that of the case alone: a case
    may have several orders to one provider.
    """
    return f"{order.case_reference}/{order.request}"


def get(identifier: str) -> Fill:
    """A question for one object."""

    def fill(request: Element) -> None:
        add(add(request, "GET"), "Identifier", identifier)

    return fill


def list_changed(kind: str, since: datetime | None) -> Fill:
    """A question for the objects of a kind ("LPTask", "Notification") that changed since an instant."""

    def fill(request: Element) -> None:
        asked = add(request, "LIST")
        add_word(asked, "ObjectType", etsi("ObjectType", kind))
        if since is not None:
            add(asked, "LastChanged", written(since))

    return fill


def configuration() -> Fill:
    """A question for what the provider supports."""

    def fill(request: Element) -> None:
        add(request, "GETCSPCONFIG")

    return fill


def _update(task: str, write: Callable[[Element], object]) -> Fill:
    def fill(request: Element) -> None:
        write(_object(request, "UPDATE", "task:LPTaskObject", task))

    return fill


def _object(request: Element, verb: str, kind: str, identifier: str) -> Element:
    made = add(add(request, verb), "HI1Object")
    made.set(tag("xsi:type"), kind)
    add(made, "ObjectIdentifier", identifier)
    return made


def _party(parent: Element, party: Party) -> None:
    add(parent, "CountryCode", party.country)
    add(parent, "UniqueIdentifier", party.identifier)


def _period(order: Order, item: Item) -> tuple[datetime | None, datetime | None]:
    """Of an IP address the time of its use, since at another time it is another person's; else what is asked for."""
    if item.type == "ip" and item.used_from is not None:
        return item.used_from, item.used_to or item.used_from
    return order.period_from, order.period_to
