"""What a played HI-1 provider accepts: the standard's rules for a message, checked one by one, by the book.

Written apart from the adapter's own code, so that a mistake is not made twice. It knows no store and no clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from providers.ts103120.xml import Element, child, kind_of, tag, text

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
VERSION = re.compile(r"V1\.(1[2-9]|2[0-9])\.\d+")
"""What it says it speaks."""
VERBS = ("GET", "CREATE", "UPDATE", "LIST", "DELIVER", "GETCSPCONFIG")
KINDS = ("auth:AuthorisationObject", "task:LPTaskObject", "doc:DocumentObject")
"""What it takes in."""
OWNED_BY_RECEIVER = (
    *("Generation", "ExternalIdentifier", "LastChanged", "task:Status", "task:StatusReason"),
    *("task:PreservationExpiration", "auth:AuthorisationStatus", "auth:AuthorisationInvalidReason"),
    *("auth:AuthorisationServedTimestamp", "doc:DocumentStatus", "doc:DocumentInvalidReason"),
)
DICTIONARIES: Mapping[str, frozenset[str]] = {
    "ObjectType": frozenset({"Authorisation", "Document", "Notification", "Task", "LDTask", "LPTask", "Delivery"}),
    "LPTaskDesiredStatus": frozenset({"AwaitingPreservation", "Preserved", "Cancelled"}),
    "AuthorisationPriority": frozenset({"High", "Routine"}),
    "AuthorisationFlag": frozenset({"IsEmergency", "IsConsensual", "IsTest", "IsDataAvailable"}),
    "AuthorisationDesiredStatus": frozenset(
        {
            *("AwaitingApproval", "EmergencyApproval", "Approved", "Rejected", "Suspended", "Cancelled", "Expired"),
            *("CreatingForCSP", "SubmittedToCSP"),
        }
    ),
    "DocumentType": frozenset({"Warrant", "TakedownRefinement"}),
    "RequestType": frozenset(
        {
            *("SubscriberData", "UserIdentifyingData", "TrafficData", "StoredContentData", "Other"),
            *("SubscriberDataAndUserIdentifyingData", "TrafficDataAndStoredContentData"),
        }
    ),
}
"""ETSI's dictionary V1.23.1, as far as an authority may use it."""
FORMATS: Mapping[str, str] = {
    "EmailAddress": r"[a-zA-Z0-9.!#$%&'*+\\/=?^_`{|}~-]+@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*",
    "InternationalizedEmailAddress": r".+@.+",
    "InternationalE164": r"[0-9]{1,15}",
    "IMEI": r"[0-9]{14}",
    "IMEICheckDigit": r"[0-9]{15}",
    "IMEISV": r"[0-9]{16}",
    "IPv4Address": r"(\d{1,3}\.){3}\d{1,3}",
    "IPv6Address": r"([0-9a-f]{4}:){7}[0-9a-f]{4}",
    "TCPPort": r"[0-9]{1,5}",
    "UDPPort": r"[0-9]{1,5}",
}


class Wrong(Exception):
    """A message, or one action of it, breaks a rule; the protocol's error code and words."""

    def __init__(self, code: int, says: str) -> None:
        super().__init__(says)
        self.code, self.says = code, says


def check_header(message: Element, *, sender: tuple[str, str], receiver: tuple[str, str]) -> datetime:
    """The time of a message whose header is right. `Wrong` is about the whole message."""
    if message.tag != tag("HI1Message"):
        raise Wrong(3020, "no HI1 message")
    header = child(message, "Header")
    for name, party in (("SenderIdentifier", sender), ("ReceiverIdentifier", receiver)):
        said = (text(header, f"{name}/CountryCode"), text(header, f"{name}/UniqueIdentifier"))
        if said != party:
            raise Wrong(3004, f"{name} is not who is agreed")
    if not UUID.fullmatch(text(header, "TransactionIdentifier")):
        raise Wrong(3020, "TransactionIdentifier is no UUID in lower case")
    stamp = text(header, "Timestamp")
    if not STAMP.fullmatch(stamp):
        raise Wrong(3020, "Timestamp has not exactly six decimals and a zone")
    if not VERSION.fullmatch(text(header, "Version/ETSIVersion")):
        raise Wrong(3021, "V1.12.1 to V1.29.1 are spoken here")
    for name in ("NationalProfileOwner", "NationalProfileVersion"):
        if not text(header, f"Version/{name}"):
            raise Wrong(3005, f"{name} is missing")
    return datetime.fromisoformat(stamp)


def actions(message: Element) -> list[tuple[str, Element]]:
    """Verb and content of every action, numbered from 0 as the standard wants it. `Wrong` is about the message."""
    requests = child(message, "Payload/RequestPayload/ActionRequests")
    if requests is None or not len(requests):
        raise Wrong(3005, "no action is requested")
    found = []
    for number, request in enumerate(requests):
        if text(request, "ActionIdentifier") != str(number):
            raise Wrong(3002, "actions are not numbered from 0")
        verbs = [verb for verb in VERBS if child(request, verb) is not None]
        if request.tag != tag("ActionRequest") or len(request) != 2 or len(verbs) != 1:  # noqa: PLR2004
            raise Wrong(3020, "an action has not exactly one verb")
        content = child(request, verbs[0])
        assert content is not None  # noqa: S101 - it was just found
        found.append((verbs[0], content))
    return found


def check_object(made: Element, *, words: frozenset[str], creating: bool, owner: tuple[str, str]) -> None:
    """Whether an object of a CREATE or an UPDATE keeps the rules. `Wrong` is about its action."""
    if kind_of(made) not in KINDS:
        raise Wrong(3001, "objects of this kind are not taken in")
    if not UUID.fullmatch(text(made, "ObjectIdentifier")):
        raise Wrong(3020, "ObjectIdentifier is no UUID in lower case")
    for name in OWNED_BY_RECEIVER:
        if child(made, name) is not None and (creating or name != "Generation"):
            raise Wrong(3007, f"{name} is not the sender's to say")
    if creating and (text(made, "CountryCode"), text(made, "OwnerIdentifier")) != owner:
        raise Wrong(3007, "the owner is not the sender")
    for entry in made.iter():
        _check_times(entry)
        _check_word(entry, words)
    if kind_of(made) == "task:LPTaskObject" and creating:
        _check_task(made)
    if kind_of(made) == "doc:DocumentObject":
        _check_document(made)


def _check_times(entry: Element) -> None:
    name = str(entry.tag).rpartition("}")[2]
    if name.endswith(("Time", "Timestamp", "Expiration")) and not INSTANT.fullmatch((entry.text or "").strip()):
        raise Wrong(3007, f"{name} is no instant with a zone and without a fraction")


def _check_word(entry: Element, words: frozenset[str]) -> None:
    owner, name, value = (text(entry, f"common:{part}") for part in ("Owner", "Name", "Value"))
    if child(entry, "common:Value") is None or f"{owner}/{name}/{value}" in words:
        return
    if owner != "ETSI" or value not in DICTIONARIES.get(name, frozenset()):
        raise Wrong(3007, f"{owner}/{name} has no such value")


def _check_task(made: Element) -> None:
    details = child(made, "task:RequestDetails")
    listed = child(details, "task:RequestValues")
    if listed is None or not len(listed):
        raise Wrong(3005, "a task names no identifier")
    for value in listed:
        owner = text(value, "task:FormatType/task:FormatOwner")
        name, said = text(value, "task:FormatType/task:FormatName"), text(value, "task:Value")
        if not said or (owner == "ETSI" and not re.fullmatch(FORMATS.get(name, r"(?!)"), said)):
            raise Wrong(3007, "an identifier is not in its format")
    start, end = text(details, "task:StartTime"), text(details, "task:EndTime")
    if start and end and datetime.fromisoformat(start) > datetime.fromisoformat(end):
        raise Wrong(3007, "the period ends before it begins")
    if child(made, "task:DesiredStatus") is None:
        raise Wrong(3005, "a task desires nothing")


def _check_document(made: Element) -> None:
    body = child(made, "doc:DocumentBody")
    if text(body, "doc:ContentType") != "application/pdf" or text(body, "doc:ChecksumType") != "SHA-256":
        raise Wrong(3007, "a document is a PDF with its SHA-256")
    try:
        contents = base64.b64decode(text(body, "doc:Contents"), validate=True)
    except binascii.Error:
        raise Wrong(3007, "Contents is not base64") from None
    if not contents.startswith(b"%PDF-") or hashlib.sha256(contents).hexdigest() != text(body, "doc:Checksum"):
        raise Wrong(3007, "a document does not fit its checksum")


def associated(made: Element) -> Iterator[str]:
    """The objects that an object names."""
    listed = child(made, "AssociatedObjects")
    for each in listed if listed is not None else ():
        yield (each.text or "").strip()
