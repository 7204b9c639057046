"""A provider that speaks ETSI TS 103 120: one conversation for each thing that is said to it.

A first request is one message. An act on it (to extend, to release, to announce production) first looks which of its
tasks still run, since one that has ended would spoil the whole message, and then says it of those alone. Whatever is
asked besides the one message that changes something changes nothing, and all of a conversation is in its record.

An extension is confirmed by `PreservationExpiration` alone, a release by `Status`. What a second sending meets
(3010, "already there") is got and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from providers.errors import ConfigurationError, OutcomeUnknown, Refused, Unavailable, Unreadable, Unsupported
from providers.interface import Action, Adapter, Answer, Capabilities, Exchange, ItemOutcome, Letter, Letters, Order
from providers.ts103120 import ids
from providers.ts103120.codes import UNSUPPORTED, Then, fault_of
from providers.ts103120.finding import still_to_say, took_effect
from providers.ts103120.formats import all_values
from providers.ts103120.hearing import Authorisation, Heard, Notice, Record, Task, Thing
from providers.ts103120.judging import Standing, asks, live, ours, question, received_on, stand, told
from providers.ts103120.memory import MARGIN, Accepted, Memory
from providers.ts103120.refusing import decisive
from providers.ts103120.saying import Fill, configuration, get, list_changed
from providers.ts103120.talking import CHANGE, Line, Talk

AT_ONCE = 400
"""Objects asked for in one message."""
SKEW = timedelta(days=1)
"""How far the provider's clock may be behind ours without a notification being missed."""
LOOKS_FIRST = frozenset({Action.EXTEND, Action.RELEASE, Action.ANNOUNCE})

T = TypeVar("T")


class Ts103120Adapter(Adapter):
    """Says and reads HI-1 messages. Keeps no state but its connections and what its polls have seen.

    Args:
        line: the way to the provider, and who we are to it.
        capabilities: what its table allows.
        formats: our types of identifiers that are said in the provider's own formats.
        letters: what typesets the documents.
        ask_first: whether the provider publishes which formats it takes (GETCSPCONFIG).
    """

    def __init__(
        self,
        line: Line,
        *,
        capabilities: Capabilities,
        formats: Mapping[str, tuple[str, str]],
        letters: Letters | None,
        ask_first: bool = False,
    ) -> None:
        self.provider, self.channel, self.capabilities = line.provider, line.channel, capabilities
        self._line, self._voice, self._zone = line, line.voice, line.voice.zone
        self._formats, self._letters, self._ask_first = formats, letters, ask_first
        self._memory = Memory()
        self._accepted: Accepted | None = None

    def close(self) -> None:
        """Give back connections."""
        self._line.transport.close()

    # Build, deliver, read: the first message of a conversation

    def _build(self, order: Order) -> bytes:
        said = all_values(self.provider, order.items, self._formats)
        match order.action:
            case Action.SEND:
                return self._line.message(order, CHANGE, self._voice.new(order, said, self._letter(order)))
            case Action.CLARIFY:
                return self._line.message(order, CHANGE, self._voice.letters(order, self._letter(order)))
            case Action.STATUS:
                return self._line.message(order, "look", self._poll(order))
            case Action.EXTEND:
                self._voice.extension(order, ())  # tells of a missing day before anything is asked
        return self._line.message(order, "look", self._looks(order)[0])

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        if order.action in LOOKS_FIRST:
            return self._harmless(lambda: self._line.deliver(message))
        if order.action is Action.SEND and self._ask_first:
            self._harmless(lambda: self._check_formats(order))
        return self._line.deliver(message)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        match order.action:
            case Action.SEND:
                return self._reading(self._sent, Talk.begun(self._line, order, exchange))
            case Action.CLARIFY:
                return self._reading(self._clarified, Talk.begun(self._line, order, exchange))
            case Action.STATUS:
                return self._reading(self._polled, Talk.begun(self._line, order, exchange))
        talk = self._harmless(lambda: self._looked(Talk.begun(self._line, order, exchange)))
        running = self._harmless(lambda: self._reading(lambda talk: live(self._standing(talk)), talk))
        return self._reading(lambda talk: self._changed(talk, running), talk)

    def _find(self, order: Order) -> Answer | None:
        try:
            message = self._line.message(order, "find", self._looks(order, with_document=True)[0])
            talk = self._looked(Talk.begun(self._line, order, self._line.deliver(message)), with_document=True)
        except Refused as error:
            # The question was refused, which says nothing of the message that is looked for.
            reason, exchange = error.reason, error.exchange
        else:
            return self._reading(self._effect, talk)
        raise OutcomeUnknown(f"{reason} and would not be asked", exchange=exchange)

    # One conversation each

    def _sent(self, talk: Talk) -> Answer:
        order, answers, tasks = talk.order, talk.answers("CREATE"), ids.tasks(talk.order)
        failing = {id_: each.code for id_, each in answers.items() if each.code is not None and not _there(each)}
        stored = [id_ for id_, each in answers.items() if each.code is None]
        self._not_in_part(talk, failing.values(), stored=bool(stored))
        if failing.keys() - tasks.keys() and tasks.keys() - failing.keys():
            # What preserves is there, something beside it is not: over another way it would be asked for twice.
            raise OutcomeUnknown(f"{self.provider}: it took in a part of the message only", exchange=talk.exchange)
        if failing and (failing.keys() - tasks.keys() or len(failing) == len(tasks)):
            raise self._line.no(order.action, decisive(failing.values()), talk.exchange)
        known = [id_ for id_, each in answers.items() if _there(each) and id_ != ids.document(order)]
        if known:
            self._more(talk, "compare", known)
        if any(talk.absent(id_) for id_ in known):
            raise Unreadable("it says that an object is there already, and does not show it")
        standing = self._standing(talk)
        for id_ in tasks.keys() & set(stored):
            standing[id_] = standing[id_] or Task(kind="task:LPTaskObject", id=id_)
        answer = self._answer(talk, standing)
        if all(item.outcome is ItemOutcome.REFUSED for item in answer.items):
            reasons = [task.reason for task in standing.values() if task and task.reason is not None]
            raise self._line.no(order.action, decisive(reasons or [0]), talk.exchange)
        if answer.received_on is None and ids.authorisation(order.request) in stored:
            # It answered at once, so this is when it took the order in.
            return replace(answer, received_on=talk.responses[0].at.astimezone(self._zone).date())
        return answer

    def _clarified(self, talk: Talk) -> Answer:
        failing = [
            each.code for each in talk.answers("CREATE").values() if each.code is not None and not _there(each)
        ]
        self._not_in_part(talk, failing, stored=False)
        if failing:
            raise self._line.no(talk.order.action, decisive(failing), talk.exchange)
        talk = self._looked(talk)
        return self._answer(talk, self._standing(talk))

    def _changed(self, talk: Talk, running: tuple[str, ...]) -> Answer:
        order = talk.order
        if not running and order.action is Action.RELEASE:
            return self._answer(talk, self._standing(talk))
        if not running:
            raise Refused(
                f"{self.provider}: none of its tasks runs any more, so there is nothing to {order.action}",
                ground="extension-not-granted" if order.action is Action.EXTEND else "no-data",
                exchange=talk.exchange,
            )
        left = still_to_say(order, self._standing(talk), running, self._voice.profile, self._zone)
        fills = [*self._act(order, left), *self._voice.letters(order, self._letter(order))]
        self._memory.forget(order.request)
        talk.ask(CHANGE, fills)
        answers = talk.answers("UPDATE")
        failing = [each.code for each in answers.values() if each.code is not None and not _over(order, each)]
        failing += [
            each.code for each in talk.answers("CREATE").values() if each.code is not None and not _there(each)
        ]
        self._not_in_part(talk, failing, stored=any(each.code is None for each in answers.values()))
        if failing:
            raise self._line.no(order.action, decisive(failing), talk.exchange)
        self._more(talk, "confirm", [id_ for id_, each in answers.items() if each.thing is None])
        return self._answer(talk, self._standing(talk))

    def _polled(self, talk: Talk) -> Answer:
        order, now, tasks = talk.order, self._line.transport.clock(), ids.tasks(talk.order)
        listed, seen = talk.answers("LIST"), None
        since: datetime | None = None
        wanted = [id_ for id_ in tasks if id_ not in talk.answers("GET")]
        changed = listed.get("LPTask")
        if changed is not None and changed.code is None and (seen := self._memory.of(order.request, now)) is not None:
            known = seen.tasks
            wanted = [each.id for each in changed.records if each.id in tasks and _moved(each, known.get(each.id))]
            since = max([seen.since, *(each.changed_at for each in changed.records if each.changed_at is not None)])
        notices = self._memory.notices()
        self._more(talk, "more", [*wanted, *self._unread(talk, listed.get("Notification"), notices)])
        read = [each.thing for each in talk.answers("GET").values() if isinstance(each.thing, Notice)]
        self._memory.keep_notices(read)
        if (told_of := listed.get("Notification")) is not None and told_of.code is None:
            self._memory.cover(told_of, now)
        notices |= {each.id: each for each in read}
        standing = self._standing(talk, seen.tasks if seen is not None else {})
        shown = {id_: task for id_, task in standing.items() if task is not None}
        self._memory.keep(order.request, shown, since or talk.complete_until(), now)
        profile = self._voice.profile
        none = profile.words.no_question
        asked = told(standing, notices.values(), asked=lambda notice: profile.asks and asks(notice, none))
        answer = self._answer(talk, asked)
        if not profile.asks:
            return answer
        asks_us = question(order, notices.values(), none)
        when = notices[asks_us].at if asks_us in notices else None
        return replace(answer, question=asks_us, question_at=when)

    def _effect(self, talk: Talk) -> Answer | None:
        """How the request stands, if the message in doubt took effect."""
        standing = self._standing(talk)
        found = took_effect(talk, standing, self._voice.profile, self._zone)
        return self._answer(talk, standing) if found else None

    # What conversations are made of

    def _check_formats(self, order: Order) -> None:
        """Before a first request: whether the provider takes the formats that it needs.

        Raises:
            Unsupported: it does not take all of them; says which.
        """
        accepted, now = self._accepted, self._line.transport.clock()
        if accepted is None or not accepted.fresh(now):
            message = self._line.message(order, "configuration", [configuration()])
            exchange = self._line.deliver(message)
            heard = self._line.hear(order.action, exchange).answers[0]
            if heard.code is not None:
                raise self._line.no(order.action, heard.code, exchange)
            accepted = self._accepted = Accepted(formats=heard.formats, at=now)
        said = all_values(self.provider, order.items, self._formats)
        needed = {(value.owner, value.name) for values in said.values() for value in values}
        if missing := sorted(needed - accepted.formats):
            raise Unsupported(
                f"{self.provider} takes no {', '.join('/'.join(each) for each in missing)} for preservation; "
                "take another channel for these identifiers"
            )

    def _act(self, order: Order, running: tuple[str, ...]) -> list[Fill]:
        """What is said of each task that runs."""
        if order.action is Action.EXTEND:
            return self._voice.extension(order, running)
        return (
            self._voice.cancellation(running) if order.action is Action.RELEASE else self._voice.announcement(running)
        )

    def _poll(self, order: Order) -> list[Fill]:
        """The first questions of a poll: what changed, where all of the request was seen before; else all of it."""
        seen = self._memory.of(order.request, self._line.transport.clock())
        wanted = order.sent_at - SKEW if order.sent_at else None
        notices = list_changed("Notification", self._memory.notices_since(wanted, self._line.transport.clock()))
        if seen is not None and seen.tasks.keys() == ids.tasks(order).keys():
            return [notices, list_changed("LPTask", seen.since - MARGIN)]
        return [notices, *self._looks(order)[0]]

    def _looks(self, order: Order, *, with_document: bool = False) -> list[list[Fill]]:
        """The questions for all of a request, one list for each message."""
        wanted = [
            ids.authorisation(order.request),
            *([ids.document(order)] if with_document else []),
            *ids.tasks(order),
        ]
        return [[get(id_) for id_ in wanted[n : n + AT_ONCE]] for n in range(0, len(wanted), AT_ONCE)]

    def _looked(self, talk: Talk, *, with_document: bool = False) -> Talk:
        """The conversation, once all of the request was asked for."""
        for number, fills in enumerate(self._looks(talk.order, with_document=with_document)):
            if number or not talk.answers("GET"):
                talk.ask(f"look {number}", fills)
        return talk

    def _more(self, talk: Talk, part: str, wanted: list[str]) -> None:
        """Ask for these objects too."""
        for n in range(0, len(wanted), AT_ONCE):
            talk.ask(f"{part} {n}", [get(id_) for id_ in wanted[n : n + AT_ONCE]])

    def _unread(self, talk: Talk, listed: Heard | None, known: Mapping[str, Notice]) -> list[str]:
        """The notifications that were not read yet, or changed since. Where questions may come, they must be told."""
        if listed is None or (listed.code == UNSUPPORTED and not self._voice.profile.asks):
            return []
        if listed.code is not None:
            raise self._line.no(Action.STATUS, listed.code, talk.exchange)
        return [
            each.id for each in listed.records if each.kind == "Notification" and _moved(each, known.get(each.id))
        ]

    def _standing(self, talk: Talk, known: Mapping[str, Task] | None = None) -> dict[str, Task | None]:
        """Each task as last shown; None where the provider says that it has none.

        Raises:
            Unreadable: a task is not shown, or is about another account than ours.
        """
        said, tasks = all_values(self.provider, talk.order.items, self._formats), ids.tasks(talk.order)
        standing: dict[str, Task | None] = {id_: (known or {}).get(id_) for id_ in tasks}
        for answer in (each for response in talk.responses for each in response.answers if each.id in tasks):
            if answer.verb == "GET" and answer.code is not None and talk.absent(answer.id):
                standing[answer.id] = None
            if answer.thing is None:
                continue
            if not isinstance(answer.thing, Task):
                raise Unreadable("it shows another kind of object in place of a task")
            if not ours(answer.thing, said[tasks[answer.id]]):
                raise Unreadable("it speaks of another identifier than was asked, or of more")
            standing[answer.id] = answer.thing
        return standing

    def _answer(self, talk: Talk, standing: Standing) -> Answer:
        how = stand(talk.order, standing, self._zone)
        things = [answer.thing for verb in ("CREATE", "GET") for answer in talk.answers(verb).values()]
        authorisation = next((thing for thing in reversed(things) if isinstance(thing, Authorisation)), None)
        return Answer(
            state=how.state,
            references=how.references,
            received_on=received_on(authorisation, talk.order, self._zone),
            held_until=how.held_until,
            items=how.items,
            exchange=talk.exchange,
        )

    def _not_in_part(self, talk: Talk, codes: Collection[int], *, stored: bool) -> None:
        """Nothing, unless some of a change is put off.

        Raises:
            Unavailable: all of it is, so it can be sent again as it was.
            OutcomeUnknown: the rest was taken in or refused; what is missing is found out before it is sent again.
        """
        put_off = [code for code in codes if fault_of(code).then is Then.AGAIN]
        if not put_off:
            return
        if stored or len(put_off) != len(codes):
            raise OutcomeUnknown(f"{self.provider}: it took in a part of the message only", exchange=talk.exchange)
        raise self._line.no(talk.order.action, put_off[0], talk.exchange)

    def _carries(self, order: Order) -> bool:
        return order.action in self._voice.profile.documents

    def _letter(self, order: Order) -> Letter | None:
        """The letter of an act that carries one.

        Raises:
            Unsupported: no letter can say it.
            ConfigurationError: nothing was given that could typeset one.
        """
        if not self._carries(order):
            return None
        if self._letters is None:
            raise ConfigurationError(f"{self.provider}: nothing typesets the document that goes with the order")
        return self._letters.write(order)

    def _reading(self, read: Callable[[Talk], T], talk: Talk) -> T:
        """What `read` makes of a conversation; what it cannot make anything of is an unknown outcome."""
        try:
            return read(talk)
        except Unreadable as error:
            reason = str(error)
        self._memory.forget(talk.order.request)
        raise OutcomeUnknown(f"{self.provider}: {reason}", exchange=talk.exchange)

    def _harmless(self, look: Callable[[], T]) -> T:
        """A look before an act. Whatever becomes of it, nothing was changed, and it can be done again."""
        try:
            return look()
        except OutcomeUnknown as error:
            reason, exchange = error.reason, error.exchange
        raise Unavailable(f"{reason}; it was only asked how things stand, nothing was changed", exchange=exchange)


def _there(heard: Heard) -> bool:
    """Whether an object that was to be made is there already: ours, from an earlier sending."""
    return heard.code is not None and fault_of(heard.code).then is Then.COMPARE


def _over(order: Order, heard: Heard) -> bool:
    """Whether a release meets a task that has ended by itself: there is nothing left to release."""
    return (
        order.action is Action.RELEASE
        and heard.code is not None
        and fault_of(heard.code).then in (Then.ABSENT, Then.OVER)
    )


def _moved(record: Record, known: Thing | None) -> bool:
    """Whether an object is not known as a list shows it."""
    return known is None or known.generation != record.generation
