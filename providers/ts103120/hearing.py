"""Reads a provider's answer against the message that it answers.

HTTP 200 says nothing: what counts is that the answer carries our TransactionIdentifier, and answers every action that
was asked and no other, each with the verb and the object that it was asked about. Anything else is `Unreadable`, and
the adapter makes that an unknown outcome. Sender and receiver are not compared: some swap them in an answer, ETSI's
examples do not, and the certificate says who speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.errors import Unreadable
from providers.ts103120.formats import Value
from providers.ts103120.profile import Word
from providers.ts103120.xml import Element, child, kind_of, parse, tag, text, word_at

VERBS = ("GET", "CREATE", "UPDATE", "LIST", "GETCSPCONFIG")
LONGEST_TEXT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """An object at the provider. `changed_at` and `generation` are None where it does not say them.

    `kind` is "task:LPTaskObject", "auth:AuthorisationObject" …; `external` a reference of the provider's own.
    """

    kind: str
    id: str
    generation: int | None = None
    changed_at: datetime | None = None
    external: str = ""
    about: tuple[str, ...] = ()  # AssociatedObjects


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Thing):
    """One LPTaskObject. `values` are the identifiers it names: sensitive, and dropped before it is remembered."""

    status: Word | None = None
    reason: int | None = None
    desired: Word | None = None
    expires_at: datetime | None = None
    desired_expires_at: datetime | None = None
    values: tuple[Value, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorisation(Thing):
    """One AuthorisationObject. `served_at`: when the provider says that it was served with it."""

    status: Word | None = None
    served_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Thing):
    """One NotificationObject: what the provider tells unasked. `statuses`: by object, the status it tells of it."""

    type: Word | None = None
    at: datetime | None = None
    statuses: Mapping[str, Word] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One line of a LIST."""

    kind: str
    id: str
    generation: int
    changed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """The answer to one action: `code` where it was unsuccessful, else what it gave.

    `since`: of a LIST, from when on it was asked. `formats`: of a GETCSPCONFIG, those that it takes for preservation,
    as (owner, name).
    """

    verb: str
    id: str
    code: int | None = None
    thing: Thing | None = None
    records: tuple[Record, ...] = ()
    since: datetime | None = None
    formats: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A whole answer. `code`: the whole message was unsuccessful. `at`: the provider's time."""

    at: datetime
    answers: tuple[Heard, ...] = ()
    code: int | None = None

    def of(self, verb: str) -> tuple[Heard, ...]:
        """The answers to the actions with a verb."""
        return tuple(each for each in self.answers if each.verb == verb)


def hear(sent: bytes, received: bytes, *, charset: str = "") -> Response:
    """What an answer says.

    Args:
        sent: our message.
        received: the body that came back.
        charset: what its Content-Type says of its encoding.

    Raises:
        Unreadable: it is no answer to our message; the reason quotes nothing.
    """
    asked, answer = parse(sent), parse(received, charset=charset)
    if answer.tag != tag("HI1Message"):
        raise Unreadable("its answer is no HI1 message")
    if text(answer, "Header/TransactionIdentifier") != text(asked, "Header/TransactionIdentifier"):
        raise Unreadable("its answer is to another message")
    at = _moment(text(answer, "Header/Timestamp"), "the time of its answer")
    payload = child(answer, "Payload/ResponsePayload")
    if payload is None or len(payload) != 1:
        raise Unreadable("its answer has no response in it")
    if (failed := child(payload, "ErrorInformation")) is not None:
        return Response(at=at, code=_code(failed))
    questions = [_question(each) for each in _actions(asked, "Payload/RequestPayload/ActionRequests")]
    listed = list(_actions(payload, "ActionResponses"))
    if len(listed) != len(questions):
        raise Unreadable("it answered more or fewer actions than were asked")
    answers: dict[int, Heard] = {}
    for response in listed:
        number = _whole(text(response, "ActionIdentifier"), "an action's number")
        if number in answers or number >= len(questions):
            raise Unreadable("it answered an action that was not asked, or one twice")
        answers[number] = _answered(response, *questions[number])
    return Response(at=at, answers=tuple(answers[number] for number in range(len(questions))))


def _actions(parent: Element, path: str) -> list[Element]:
    found = child(parent, path)
    return list(found) if found is not None else []


def _question(request: Element) -> tuple[str, str, str]:
    """Verb of an action that was asked, and its object; of a LIST the kind of objects, and since when."""
    asked = request[1]
    verb = next(verb for verb in VERBS if asked.tag == tag(verb))
    if verb == "LIST":
        return verb, text(asked, "ObjectType/common:Value"), text(asked, "LastChanged")
    return verb, text(asked, "Identifier") or text(asked, "HI1Object/ObjectIdentifier"), ""


def _answered(response: Element, verb: str, identifier: str, since: str) -> Heard:
    if len(response) != 2:  # noqa: PLR2004 - number and answer
        raise Unreadable("it answered an action in another shape than the standard's")
    said = response[1]
    if said.tag == tag("ErrorInformation"):
        return Heard(verb=verb, id=identifier, code=_code(said))
    if said.tag != tag(f"{verb}Response"):
        raise Unreadable("it answered another question than was asked")
    if verb == "LIST":
        records = said.iterchildren(tag("ListResponseRecord"))
        asked_since = datetime.fromisoformat(since) if since else None
        return Heard(verb=verb, id=identifier, records=tuple(map(_record, records)), since=asked_since)
    if verb == "GETCSPCONFIG":
        return Heard(verb=verb, id="", formats=_formats(said))
    found = child(said, "HI1Object")
    thing = _thing(found) if found is not None else None
    named = text(said, "Identifier") if verb != "GET" else (thing.id if thing else "")
    if named != identifier or (thing is not None and thing.id != identifier):
        raise Unreadable("it answered about another object than was asked")
    return Heard(verb=verb, id=identifier, thing=thing)


def _formats(said: Element) -> frozenset[tuple[str, str]]:
    listed = child(said, "TargetingConfigurations")
    return frozenset(
        (text(each, "config:FormatOwner"), text(each, "config:FormatName"))
        for each in (listed if listed is not None else ())
    )


def _record(element: Element) -> Record:
    kind = word_at(element, "ObjectType")
    changed = text(element, "LastChanged")
    return Record(
        kind=kind.value if kind else "",
        id=_short(text(element, "Identifier")),
        generation=_whole(text(element, "Generation"), "a generation"),
        changed_at=_moment(changed, "a time of change") if changed else None,
    )


def _thing(element: Element) -> Thing:
    kind = kind_of(element)
    generation, changed = text(element, "Generation"), text(element, "LastChanged")
    associated = child(element, "AssociatedObjects")
    base: dict[str, Any] = {
        "kind": kind,
        "id": _short(text(element, "ObjectIdentifier")),
        "generation": _whole(generation, "a generation") if generation else None,
        "changed_at": _moment(changed, "a time of change") if changed else None,
        "external": text(element, "ExternalIdentifier"),
        "about": tuple((each.text or "").strip() for each in associated) if associated is not None else (),
    }
    if kind == "task:LPTaskObject":
        return _task(element, base)
    if kind == "auth:AuthorisationObject":
        served = text(element, "auth:AuthorisationServedTimestamp")
        return Authorisation(
            **base,
            status=word_at(element, "auth:AuthorisationStatus"),
            served_at=_moment(served, "a time of service") if served else None,
        )
    if kind == "notification:NotificationObject":
        return _notice(element, base)
    return Thing(**base)


def _task(element: Element, base: Mapping[str, Any]) -> Task:
    expires = text(element, "task:PreservationExpiration")
    desired = text(element, "task:DesiredPreservationExpiration")
    reason = child(element, "task:StatusReason")
    listed = child(element, "task:RequestDetails/task:RequestValues")
    return Task(
        **base,
        status=word_at(element, "task:Status"),
        reason=_code(reason) if reason is not None else None,
        desired=word_at(element, "task:DesiredStatus"),
        expires_at=_moment(expires, "an end of the hold") if expires else None,
        desired_expires_at=_moment(desired, "an end that was asked for") if desired else None,
        values=tuple(
            Value(
                owner=text(each, "task:FormatType/task:FormatOwner"),
                name=text(each, "task:FormatType/task:FormatName"),
                text=text(each, "task:Value"),
            )
            for each in (listed if listed is not None else ())
        ),
    )


def _notice(element: Element, base: Mapping[str, Any]) -> Notice:
    at = text(element, "notification:NotificationTimestamp")
    listed = child(element, "notification:StatusOfAssociatedObjects")
    statuses: dict[str, Word] = {}
    for each in listed if listed is not None else ():
        status = word_at(each, "notification:Status")
        if status is not None:
            statuses[text(each, "notification:AssociatedObject")] = status
    return Notice(
        **base,
        type=word_at(element, "notification:NotificationType"),
        at=_moment(at, "a time of notification") if at else None,
        statuses=statuses,
    )


def _code(element: Element) -> int:
    return _whole(text(element, "ErrorCode"), "an error code")


def _whole(said: str, what: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 10):  # noqa: PLR2004
        raise Unreadable(f"its answer has {what} that is no whole number")
    return int(said)


def _short(said: str) -> str:
    if not said or len(said) > LONGEST_TEXT:
        raise Unreadable("its answer has an identifier that cannot be one")
    return said


def _moment(said: str, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1990 <= moment.year <= 2200:  # noqa: PLR2004
        raise Unreadable(f"its answer has {what} that is no instant with an offset")
    return moment
