"""Writes the answers of a played HI-1 provider, and spoils them where a fault says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from providers.holdings import NO_END
from providers.sandbox.hi1_books import TYPES, Outcome, Stored, end_of
from providers.ts103120.profile import etsi
from providers.ts103120.xml import Element, add, add_word, child, root, tag, to_bytes

CONFIGURED = ("EmailAddress", "InternationalizedEmailAddress", "InternationalE164", "IMEICheckDigit", "IPv4Address")
STRANGER = "00000000-0000-4000-8000-000000000000"
HUGE = 50 * 1024 * 1024


def answer_to(message: Element, outcomes: Sequence[Outcome], *, now: datetime, zone: ZoneInfo, bare: bool) -> Element:
    """The answer to a message whose actions became these. `bare`: a change is answered without its object."""
    answer, responses = _opened(message, now)
    for number, each in enumerate(outcomes):
        response = add(responses, "ActionResponse")
        add(response, "ActionIdentifier", str(number))
        if each.code is not None:
            _error(add(response, "ErrorInformation"), each.code, each.says)
        else:
            _respond(response, each, zone=zone, bare=bare, now=now)
    return answer


def failure(
    message: Element | None, code: int, says: str, *, now: datetime, parties: Sequence[tuple[str, str]]
) -> Element:
    """The answer to a message that is wrong as a whole. One that could not be read gets a transaction of its own."""
    answer = root("HI1Message")
    header = child(message, "Header")
    answer.append(_header(header if header is not None else _own_header(parties), now))
    payload = add(add(answer, "Payload"), "ResponsePayload")
    _error(add(payload, "ErrorInformation"), code, says)
    return answer


def _own_header(parties: Sequence[tuple[str, str]]) -> Element:
    header = add(root("HI1Message"), "Header")
    for name, party in zip(("SenderIdentifier", "ReceiverIdentifier"), parties, strict=True):
        made = add(header, name)
        add(made, "CountryCode", party[0])
        add(made, "UniqueIdentifier", party[1])
    add(header, "TransactionIdentifier", str(uuid.uuid4()))
    add(header, "Timestamp")
    version = add(header, "Version")
    for name, value in (
        ("ETSIVersion", "V1.23.1"),
        ("NationalProfileOwner", "XX"),
        ("NationalProfileVersion", "v1.0"),
    ):
        add(version, name, value)
    return header


def _opened(message: Element, now: datetime) -> tuple[Element, Element]:
    answer = root("HI1Message")
    header = child(message, "Header")
    assert header is not None  # noqa: S101 - it was checked
    answer.append(_header(header, now))
    return answer, add(add(add(answer, "Payload"), "ResponsePayload"), "ActionResponses")


def _header(header: Element, now: datetime) -> Element:
    copied = deepcopy(header)
    stamp = child(copied, "Timestamp")
    if stamp is not None:
        stamp.text = now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return copied


def _error(parent: Element, code: int, says: str) -> None:
    add(parent, "ErrorCode", str(code))
    add(parent, "ErrorDescription", says)


def _respond(response: Element, outcome: Outcome, *, zone: ZoneInfo, bare: bool, now: datetime) -> None:
    said = add(response, f"{outcome.verb}Response")
    if outcome.verb == "LIST":
        for stored in outcome.listed:
            _record(add(said, "ListResponseRecord"), stored)
        return
    if outcome.verb == "GETCSPCONFIG":
        _configuration(said, now)
        return
    if outcome.verb != "GET":
        add(said, "Identifier", outcome.id)
    if outcome.shown is not None and not (bare and outcome.verb != "GET"):
        said.append(shown(outcome.shown, zone))


def _record(record: Element, stored: Stored) -> None:
    kind = next(name for name, type_ in TYPES.items() if type_ == stored.kind)
    add_word(record, "ObjectType", etsi("ObjectType", kind))
    add(record, "Identifier", stored.id)
    add(record, "Generation", str(stored.generation))
    add(record, "LastChanged", _instant(stored.changed_at))


def _configuration(said: Element, now: datetime) -> None:
    add(said, "LastChanged", _instant(now.replace(hour=0, minute=0, second=0)))
    listed = add(said, "TargetingConfigurations")
    for name in CONFIGURED:
        one = add(listed, "config:TargetingConfiguration")
        add(one, "config:FormatName", name)
        add(one, "config:FormatOwner", "ETSI")
    supported = add(said, "SupportedLPWorkflowEndpoints")
    for name, path in (
        ("NewPreservation", "/hi1/new"),
        ("PreservationExtension", "/hi1/extension"),
        ("PreservationCancellation", "/hi1/cancellation"),
    ):
        one = add(supported, "config:SupportedLPWorkflowEndpoint")
        add_word(one, "config:LPWorkflowEndpoint", etsi("LPWorkflowEndpoint", name))
        add(one, "config:URL", path)


def shown(stored: Stored, zone: ZoneInfo) -> Element:
    """An object as the provider shows it: what its owner sent, and its own fields at the places of the schema."""
    made = deepcopy(stored.element)
    made.tag = tag("HI1Object")
    _insert_base(made, stored)
    if stored.kind == TYPES["LPTask"]:
        _insert_task(made, stored, zone)
    elif stored.kind == TYPES["Document"]:
        body = child(made, "doc:DocumentBody")
        if body is not None:
            made.remove(body)  # it is not sent back
    return made


def _insert_base(made: Element, stored: Stored) -> None:
    fields: list[tuple[str, str, tuple[str, ...]]] = [
        ("Generation", str(stored.generation), ("ObjectIdentifier", "CountryCode", "OwnerIdentifier")),
        ("ExternalIdentifier", stored.external, ("Generation",)),
        ("LastChanged", _instant(stored.changed_at), ("Generation", "ExternalIdentifier", "AssociatedObjects")),
    ]
    for name, value, after in fields:
        if value:
            new = made.makeelement(tag(name))
            new.text = value
            _after(made, new, after)


def _insert_task(made: Element, stored: Stored, zone: ZoneInfo) -> None:
    base = ("LastChanged",)
    add_word(made, "task:Status", etsi("LPTaskStatus", stored.status))
    _after(made, made[-1], base)
    if stored.reason is not None:
        reason = made.makeelement(tag("task:StatusReason"))
        _error(reason, *stored.reason)
        _after(made, reason, ("task:Status",))
    if stored.until is not None and stored.until != NO_END and stored.status in ("Preserved", "Expired"):
        expires = made.makeelement(tag("task:PreservationExpiration"))
        expires.text = end_of(stored.until, zone)
        after = ("task:Status", "task:StatusReason", "task:DesiredStatus", "task:RequestDetails")
        _after(made, expires, (*after, "task:DesiredPreservationExpiration"))


def _after(made: Element, new: Element, names: Sequence[str]) -> None:
    """Insert behind the last of these children."""
    places = [made.index(each) for name in names if (each := child(made, name)) is not None]
    made.insert(max(places) + 1, new)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def rearranged(answer: Element) -> None:
    """Sender and receiver in each other's place, the last action first: correct all the same."""
    header = child(answer, "Header")
    assert header is not None  # noqa: S101 - every answer has one
    sender, receiver = header[0], header[1]
    sender.tag, receiver.tag = receiver.tag, sender.tag
    header.insert(0, receiver)
    responses = child(answer, "Payload/ResponsePayload/ActionResponses")
    if responses is not None:
        responses[:] = reversed(list(responses))


def _other_transaction(answer: Element) -> bytes:
    found = child(answer, "Header/TransactionIdentifier")
    assert found is not None  # noqa: S101
    found.text = STRANGER
    return to_bytes(answer)


def _more(answer: Element) -> bytes:
    responses = child(answer, "Payload/ResponsePayload/ActionResponses")
    if responses is not None:
        another = deepcopy(responses[-1])
        another[0].text = str(len(responses))
        for each in another.iter(tag("Identifier"), tag("ObjectIdentifier")):
            each.text = STRANGER
        responses.append(another)
    return to_bytes(answer)


def _other_identifier(answer: Element) -> bytes:
    for value in answer.iter(tag("task:Value")):
        value.text = "somebody.else@example.org"
    return to_bytes(answer)


def _with_type(answer: Element, subset: bytes, entity: bytes) -> bytes:
    body = to_bytes(answer).partition(b"?>")[2]
    body = body.replace(b"</Header>", b"</Header><Note>" + entity + b"</Note>", 1)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HI1Message [' + subset + b"]>" + body


def _bomb(answer: Element) -> bytes:
    entities = [b'<!ENTITY e0 "boom">']
    entities += [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12)]
    return _with_type(answer, b"".join(entities), b"&e11;")


def _external(answer: Element) -> bytes:
    return _with_type(answer, b'<!ENTITY file SYSTEM "file:///etc/passwd">', b"&file;")


def _deep(answer: Element) -> bytes:
    body = to_bytes(answer)
    return body.replace(b"</Header>", b"</Header>" + b"<Deep>" * 1000 + b"</Deep>" * 1000, 1)


def _utf16(answer: Element) -> bytes:
    return (
        to_bytes(answer)
        .decode()
        .replace('encoding="UTF-8"', "", 1)
        .replace("encoding='UTF-8'", "", 1)
        .encode("utf-16")
    )


SPOILED: Mapping[str, Callable[[Element], bytes]] = {
    "oversized": lambda answer: to_bytes(answer) + b" " * HUGE,
    "garbage": lambda _: b"<html><body>Thank you for your request.</body></html>",
    "empty": lambda _: b"",
    "wrong-charset": _utf16,
    "wrong-correlation": _other_transaction,
    "more-identifiers": _more,
    "other-identifier": _other_identifier,
    "entity-bomb": _bomb,
    "external-entity": _external,
    "too-deep": _deep,
}
"""By fault, what is answered in place of the answer."""
