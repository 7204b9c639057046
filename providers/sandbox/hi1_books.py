"""The objects of a played HI-1 provider, and what each message makes of them, over the books of `providers.holdings`.

A change is all or nothing, as the workflows want it: where one action is refused, the good ones beside it get 3000.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from providers.holdings import NO_END, Effect, Holdings, Preservation, Traits
from providers.interface import Action
from providers.sandbox.hi1_rules import Wrong, associated, check_object
from providers.ts103120.profile import Word, etsi
from providers.ts103120.xml import Element, add, add_word, child, kind_of, parse, root, tag, text, to_bytes

TYPES = {"LPTask": "task:LPTaskObject", "Notification": "notification:NotificationObject"} | {
    "Authorisation": "auth:AuthorisationObject",
    "Document": "doc:DocumentObject",
}
FINAL = ("Rejected", "Cancelled", "Expired", "PreservationNotAvailable", "Error", "Invalid")
Fires = Callable[[str, str], bool]
"""Whether a fault strikes a subject."""


@dataclass(kw_only=True, slots=True)
class Stored:
    """One object: as its owner sent it, and what the provider adds to it."""

    kind: str
    id: str
    element: Element = field(repr=False)
    changed_at: datetime
    generation: int = 1
    authorisation: str = ""
    status: str = ""
    reason: tuple[int, str] | None = None
    until: date | None = None
    external: str = ""

    def change(self, now: datetime) -> None:
        """Note that something of it is another now."""
        self.generation += 1
        self.changed_at = now


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one action."""

    verb: str
    id: str = ""
    code: int | None = None
    says: str = ""
    shown: Stored | None = None
    listed: tuple[Stored, ...] = ()


class Books:
    """Everything that is stored. Not thread-safe; the responder holds a lock."""

    def __init__(self, holdings: Holdings, *, zone: ZoneInfo, words: frozenset[str], announced: str) -> None:
        self.holdings, self.zone = holdings, zone
        self._words, self._announced = words, announced
        self.objects: dict[str, Stored] = {}
        self._kept: dict[str, Preservation] = {}  # by Authorisation

    def day(self, now: datetime) -> date:
        """The day it is where days are counted."""
        return now.astimezone(self.zone).date()

    def look(self, actions: Sequence[tuple[str, Element]], now: datetime) -> list[Outcome]:
        """Answer a message that changes nothing."""
        asked = {self._authorisation_of(text(each, "Identifier")) for verb, each in actions if verb == "GET"}
        if any(text(each, "ObjectType/common:Value") == "LPTask" for verb, each in actions if verb == "LIST"):
            asked |= self._kept.keys()
        for authorisation in asked & self._kept.keys():
            self._kept[authorisation].polls += 1
        self._refresh(now)
        return [self._shown(verb, each) for verb, each in actions]

    def change(
        self,
        actions: Sequence[tuple[str, Element]],
        *,
        owner: tuple[str, str],
        transaction: str,
        now: datetime,
        fires: Fires,
    ) -> list[Outcome]:
        """Take in a message that changes something: all of it, or nothing."""
        self._refresh(now)
        made = [(verb, element) for verb, each in actions if (element := child(each, "HI1Object")) is not None]
        new = {text(element, "ObjectIdentifier") for verb, element in made if verb == "CREATE"}
        outcomes = [self._checked(verb, element, owner=owner, new=new) for verb, element in made]
        wrong = [each.code for each in outcomes if each.code not in (None, 3010)]
        if not wrong:
            try:
                self._may(made, fires)
            except Wrong as no:
                return [Outcome(verb=each.verb, id=each.id, code=no.code, says=no.says) for each in outcomes]
        if wrong or (any(each.code for each in outcomes) and not self._completes(outcomes)):
            return [
                each if each.code else Outcome(verb=each.verb, id=each.id, code=3000, says="not applied")
                for each in outcomes
            ]
        good = [pair for pair, each in zip(made, outcomes, strict=True) if each.code is None]
        postponed = self._postponed(good, fires)
        self._apply(
            [pair for pair in good if text(pair[1], "ObjectIdentifier") not in postponed], transaction, now, fires
        )
        self._refresh(now)
        return [
            Outcome(verb=each.verb, id=each.id, code=3003, says="later")
            if each.id in postponed
            else (each if each.code else Outcome(verb=each.verb, id=each.id, shown=self.objects[each.id]))
            for each in outcomes
        ]

    def keep(self, request: str) -> None:
        """Keep a request without an end, as after a call that announces a production order."""
        self.holdings.keep(request=request)
        for authorisation, kept in self._kept.items():
            if kept.request == request:
                for each in self._of(authorisation):
                    each.until = NO_END

    def notify(
        self, authorisation: str, *, words: tuple[str, str, str], statuses: dict[str, str], says: str, now: datetime
    ) -> str:
        """Tell something unasked; gives the notification's id. `statuses`: by object, an LPTaskStatus."""
        identifier = str(uuid.uuid5(uuid.UUID(authorisation), f"notification {len(self.objects)}"))
        made = add(root("HI1Message"), "HI1Object")
        made.set(tag("xsi:type"), TYPES["Notification"])
        add(made, "ObjectIdentifier", identifier)
        add(add(made, "AssociatedObjects"), "AssociatedObject", authorisation)
        add(made, "notification:NotificationDetails", says)
        add_word(made, "notification:NotificationType", Word(*words))
        add(made, "notification:NewNotification", "true")
        add(made, "notification:NotificationTimestamp", _instant(now))
        if statuses:
            listed = add(made, "notification:StatusOfAssociatedObjects")
            for id_, status in statuses.items():
                one = add(listed, "notification:AssociatedObjectStatus")
                add(one, "notification:AssociatedObject", id_)
                add_word(one, "notification:Status", etsi("LPTaskStatus", status))
        self.objects[identifier] = Stored(
            kind=TYPES["Notification"], id=identifier, element=made, changed_at=now, authorisation=authorisation
        )
        return identifier

    # Checking

    def _checked(self, verb: str, element: Element, *, owner: tuple[str, str], new: set[str]) -> Outcome:
        identifier = text(element, "ObjectIdentifier")
        try:
            check_object(element, words=self._words, creating=verb == "CREATE", owner=owner)
            known = self.objects.get(identifier)
            if verb == "CREATE" and known is not None:
                raise Wrong(3010, "the object is there already")
            if verb == "UPDATE" and (known is None or known.kind != kind_of(element)):
                raise Wrong(3011, "there is no such object")
            if verb == "UPDATE" and known is not None and known.status in FINAL:
                raise Wrong(3012, "the object has ended")
            if verb == "CREATE" and any(each not in new and each not in self.objects for each in associated(element)):
                raise Wrong(3016, "an associated object is not there")
        except Wrong as no:
            return Outcome(verb=verb, id=identifier, code=no.code, says=no.says)
        return Outcome(verb=verb, id=identifier)

    def _completes(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether a message repeats an earlier one, and adds at most what was put off then."""
        return all(each.code in (None, 3010) for each in outcomes)

    def _may(self, made: Sequence[tuple[str, Element]], fires: Fires) -> None:
        for verb, element in made:
            identifier = text(element, "ObjectIdentifier")
            if verb == "CREATE" and kind_of(element) == TYPES["Authorisation"] and fires("refuse", identifier):
                raise Wrong(3000, "no preservation without a reason that we know of")
            if verb == "UPDATE" and (until := _desired_until(element)) is not None:
                stored = self.objects[identifier]
                kept, promise = self._kept[stored.authorisation], self.holdings.promise
                spent = promise.extensions is not None and kept.extensions >= promise.extensions
                if _later(until, stored.element) and (spent or fires("refuse-extension", identifier)):
                    raise Wrong(3007, "no longer than this")

    def _postponed(self, good: Sequence[tuple[str, Element]], fires: Fires) -> set[str]:
        tasks = [text(each, "ObjectIdentifier") for _, each in good if kind_of(each) == TYPES["LPTask"]]
        return {id_ for id_ in tasks[1:] if fires("in-part", id_)}

    # Applying

    def _apply(self, good: Sequence[tuple[str, Element]], transaction: str, now: datetime, fires: Fires) -> None:
        new = [element for verb, element in good if verb == "CREATE"]
        for element in new:
            self._store(element, now)
        for element in new:
            if kind_of(element) == TYPES["Authorisation"]:
                self._preserve(text(element, "ObjectIdentifier"), transaction, now, fires)
        for element in new:
            if kind_of(element) == TYPES["LPTask"]:
                self._task(self.objects[text(element, "ObjectIdentifier")], fires)
        self._updates([element for verb, element in good if verb == "UPDATE"], transaction, now, fires)
        if [kind_of(element) for element in new] == [TYPES["Document"]] and len(good) == 1:
            self._effect(self._authorisation_of(text(new[0], "ObjectIdentifier")), Action.CLARIFY, transaction)

    def _store(self, element: Element, now: datetime) -> None:
        kind, identifier = kind_of(element), text(element, "ObjectIdentifier")
        named = [each for each in associated(element) if each]
        self.objects[identifier] = Stored(
            kind=kind,
            id=identifier,
            element=_copy(element),
            changed_at=now,
            authorisation=identifier if kind == TYPES["Authorisation"] else next(iter(named), ""),
        )

    def _preserve(self, authorisation: str, transaction: str, now: datetime, fires: Fires) -> None:
        tasks = [each for each in self._of(authorisation) if each.kind == TYPES["LPTask"]]
        untils = [until for each in tasks if (until := _desired_until(each.element)) is not None]
        reference = text(self.objects[authorisation].element, "auth:AuthorisationReference")
        days_short = 3 if fires("earlier-end", authorisation) else 0
        self._kept[authorisation] = self.holdings.preserve(
            request=reference.rpartition("/")[2],
            key=transaction,
            sequence=1,
            items=[each.id for each in tasks],
            today=self.day(now),
            until=min(untils).astimezone(self.zone).date() if untils else None,
            traits=Traits(
                references=2 if fires("split", authorisation) else 1,
                absent=frozenset(each.id for each in tasks if fires("no-account", each.id)),
                polls_until_held=2 if fires("late-acknowledgement", authorisation) else 0,
                days_short=days_short,
                forgets=fires("forget", authorisation),
            ),
        )

    def _task(self, task: Stored, fires: Fires) -> None:
        kept = self._kept[task.authorisation]
        place = kept.items.index(task.id) if task.id in kept.items else len(kept.items)
        task.external = kept.references[place % len(kept.references)]
        task.until = kept.held_until
        if fires("reject", task.authorisation):
            task.status, task.reason = "Rejected", (3000, "rejected")

    def _updates(self, elements: Sequence[Element], transaction: str, now: datetime, fires: Fires) -> None:
        for element in elements:
            stored = self.objects[text(element, "ObjectIdentifier")]
            until = _desired_until(element)
            later = until is not None and _later(until, stored.element)
            desired = text(element, "task:DesiredStatus/common:Value")
            before = text(stored.element, "task:DesiredStatus/common:Value")
            _merge(stored.element, element)
            stored.change(now)
            if stored.authorisation not in self._kept:
                continue
            if later and until is not None:
                self._extend(stored, until.astimezone(self.zone).date(), transaction, now, fires)
            if desired == "Cancelled":
                stored.status = "Cancelled"
                self._release(stored.authorisation, transaction, now)
            elif desired == self._announced and desired != before:
                self.holdings.keep(request=self._kept[stored.authorisation].request)
                stored.until = NO_END
                self._effect(stored.authorisation, Action.ANNOUNCE, transaction)

    def _extend(self, task: Stored, until: date, transaction: str, now: datetime, fires: Fires) -> None:
        """Once for the order, though each of its tasks says so."""
        kept = self._kept[task.authorisation]
        if self.holdings.of_key(transaction) is None:
            self.holdings.extend(
                kept.references[0],
                key=transaction,
                sequence=kept.extensions + 1,
                today=self.day(now),
                until=until,
                days_short=3 if fires("earlier-end", transaction) else 0,
            )
        task.until = kept.held_until

    def _release(self, authorisation: str, transaction: str, now: datetime) -> None:
        tasks = [each for each in self._of(authorisation) if each.kind == TYPES["LPTask"]]
        if all(each.status in FINAL for each in tasks):
            kept = self._kept[authorisation]
            self.holdings.release(kept.references[0], key=transaction, sequence=1, today=self.day(now))

    def _effect(self, authorisation: str, action: Action, transaction: str) -> None:
        """An act that the holdings know no word for; once for its message."""
        kept = self._kept.get(authorisation)
        if kept is not None and all(each.key != transaction for each in self.holdings.effects):
            of_kind = sum(each.request == kept.request and each.action is action for each in self.holdings.effects)
            self.holdings.effects.append(
                Effect(
                    request=kept.request,
                    action=action,
                    sequence=of_kind + 1,
                    key=transaction,
                    reference=kept.references[0],
                )
            )

    # Showing

    def _refresh(self, now: datetime) -> None:
        """What time has done: data found, or not; an end that has come."""
        today = self.day(now)
        for task in [each for each in self.objects.values() if each.kind == TYPES["LPTask"]]:
            kept = self._kept.get(task.authorisation)
            if kept is None or task.status in FINAL:
                continue
            if kept.polls < kept.traits.polls_until_held:
                status = "AwaitingPreservation"
            elif task.id in kept.traits.absent:
                status = "PreservationNotAvailable"
            else:
                status = "Expired" if task.until is not None and today > task.until else "Preserved"
            if status != task.status:
                task.status = status
                task.change(now)

    def _shown(self, verb: str, asked: Element) -> Outcome:
        if verb == "LIST":
            kind = text(asked, "ObjectType/common:Value")
            since = text(asked, "LastChanged")
            listed = [
                each
                for each in self.objects.values()
                if (not kind or each.kind == TYPES.get(kind))
                and (not since or each.changed_at.replace(microsecond=0) > datetime.fromisoformat(since))
            ]
            return Outcome(verb=verb, listed=tuple(listed))
        if verb != "GET":
            return Outcome(verb=verb)
        identifier = text(asked, "Identifier")
        stored = self.objects.get(identifier)
        if stored is None or self._forgotten(stored):
            return Outcome(verb=verb, id=identifier, code=3014, says="there is no such object")
        return Outcome(verb=verb, id=identifier, shown=stored)

    def _forgotten(self, stored: Stored) -> bool:
        kept = self._kept.get(stored.authorisation)
        return kept is not None and kept.traits.forgets and stored.status == "Expired"

    def _of(self, authorisation: str) -> Iterator[Stored]:
        return (each for each in list(self.objects.values()) if each.authorisation == authorisation)

    def _authorisation_of(self, identifier: str) -> str:
        stored = self.objects.get(identifier)
        return stored.authorisation if stored else ""


def _desired_until(element: Element) -> datetime | None:
    said = text(element, "task:DesiredPreservationExpiration")
    return datetime.fromisoformat(said) if said else None


def _later(until: datetime, stored: Element) -> bool:
    before = _desired_until(stored)
    return before is None or until > before


def _copy(element: Element) -> Element:
    """An object by itself, with the namespaces that its `xsi:type` needs."""
    message = root("HI1Message")
    message.append(deepcopy(element))
    return parse(to_bytes(message))[0]


def _merge(stored: Element, update: Element) -> None:
    """A field that is sent replaces what is stored, one that is absent stays (6.4.7); order by the schema."""
    order = ("DesiredStatus", "RequestDetails", "DesiredPreservationExpiration", "CSPID")
    for name in order:
        sent, there = child(update, f"task:{name}"), child(stored, f"task:{name}")
        if sent is None:
            continue
        if there is not None:
            stored.replace(there, deepcopy(sent))
            continue
        before = [child(stored, f"task:{each}") for each in order[: order.index(name)]]
        place = max((stored.index(each) for each in before if each is not None), default=len(stored) - 1)
        stored.insert(place + 1, deepcopy(sent))


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def end_of(day: date, zone: ZoneInfo) -> str:
    """The instant at which a hold ends whose last day this is: the midnight after it."""
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone).isoformat().replace("+00:00", "Z")
