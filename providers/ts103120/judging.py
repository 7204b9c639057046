"""What was heard, in our words: how a request stands, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from providers.days import end_that_can_be, last_whole_day, receipt_that_can_be
from providers.errors import Unreadable
from providers.interface import ItemAnswer, ItemOutcome, Order, State
from providers.reading import Accounts
from providers.ts103120 import ids
from providers.ts103120.codes import LIVE, OUTCOMES, Status
from providers.ts103120.formats import Value
from providers.ts103120.hearing import Authorisation, Notice, Task
from providers.ts103120.profile import Word, etsi

Standing = Mapping[str, Task | None]
"""Each task of a request by its id, in the order of the items; None: the provider has no such task."""


GENERAL = etsi("NotificationType", "General")
_WRONG = frozenset({Status.INVALID, Status.ERROR})


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """How a request stands. `held_until` is the earliest last day of what is kept, None where one is not said."""

    state: State
    references: tuple[str, ...]
    items: tuple[ItemAnswer, ...] = field(repr=False)
    held_until: date | None = None


def status_of(task: Task) -> Status:
    """A task's status; one that was only just stored says none yet.

    Raises:
        Unreadable: a word that ETSI's dictionary does not have. A guess could be a hold that does not exist.
    """
    if task.status is None:
        return Status.AWAITING
    if task.status.value not in set(Status):
        raise Unreadable("its answer has a status of a task that ETSI's dictionary does not have")
    return Status(task.status.value)


def live(standing: Standing) -> tuple[str, ...]:
    """The ids of the tasks that can still be changed."""
    return tuple(id_ for id_, task in standing.items() if task is not None and status_of(task) in LIVE)


def ours(task: Task, expected: tuple[Value, ...]) -> bool:
    """Whether a task names our identifier and no other. One that a provider shows without any is not judged."""
    if not task.values:
        return True
    return len(task.values) == len(expected) and all(
        any(value.same(other) for other in expected) for value in task.values
    )


def stand(order: Order, standing: Standing, zone: ZoneInfo) -> Stand:
    """How the request stands.

    A request is in force when every item has been decided and one at least is kept: half of it being kept is not
    yet the hold that was asked for. `references` are the provider's own (ExternalIdentifier) where it gives some,
    else our Authorisation's identifier, by which the two of us name the request. Where there is no task at all,
    nothing is said of items.

    Raises:
        Unreadable: a status, an end or a reference that cannot be.
    """
    named = ids.tasks(order)
    accounts = Accounts(item.value for item in order.items)
    items: list[ItemAnswer] = []
    untils: list[date | None] = []
    references: dict[str, None] = {}
    for id_, item in named.items():
        task = standing.get(id_)
        if task is None:
            items.append(ItemAnswer(id=item, outcome=ItemOutcome.REFUSED))
            continue
        outcome, until = OUTCOMES[status_of(task)], _until(task, order, zone)
        reference = _reference(task.external, accounts)
        if reference:
            references[reference] = None
        if outcome is ItemOutcome.PRESERVED:
            untils.append(until)
        kept = until if outcome is ItemOutcome.PRESERVED else None
        items.append(ItemAnswer(id=item, outcome=outcome, reference=reference, held_until=kept))
    ends = [until for until in untils if until is not None]
    known = any(task is not None for task in standing.values())
    ours_alone = (ids.authorisation(order.request),) if known else ()
    return Stand(
        state=_state(standing),
        references=tuple(references) or ours_alone,
        items=tuple(items) if known else (),
        held_until=min(ends) if ends and len(ends) == len(untils) else None,
    )


def _state(standing: Standing) -> State:
    said = {status_of(task) for task in standing.values() if task is not None}
    if Status.AWAITING in said:
        return State.ACKNOWLEDGED
    for status, state in (
        (Status.PRESERVED, State.IN_FORCE),
        (Status.EXPIRED, State.EXPIRED),
        (Status.CANCELLED, State.RELEASED),
    ):
        if status in said:
            return state
    return State.NOT_HELD


def _until(task: Task, order: Order, zone: ZoneInfo) -> date | None:
    if task.expires_at is None:
        return None
    return end_that_can_be(last_whole_day(task.expires_at, zone), order)


def _reference(said: str, accounts: Accounts) -> str:
    if len(said) > 200 or not said.isprintable():  # noqa: PLR2004
        raise Unreadable("its answer has a reference that cannot be one")
    if said and accounts.named_in(said):
        raise Unreadable("its answer has a reference that names the account")
    return said


def received_on(authorisation: Authorisation | None, order: Order, zone: ZoneInfo) -> date | None:
    """The day on which the provider says it was served with the order."""
    if authorisation is None or authorisation.served_at is None:
        return None
    return receipt_that_can_be(authorisation.served_at.astimezone(zone).date(), order)


def told(standing: Standing, notices: Iterable[Notice], *, asked: Callable[[Notice], bool]) -> Standing:
    """The tasks with what notifications tell of them, where that is newer than the task itself.

    A notification that is `asked` of us and calls something of ours invalid waits for our answer: it ends no task
    that the provider itself shows as running. Believed, it would end a hold that stands, and nobody would extend it.
    """
    result = dict(standing)
    for notice in sorted(notices, key=_when):
        for id_, status in notice.statuses.items():
            task = result.get(id_)
            if task is None or notice.at is None or status.value not in set(Status):
                continue
            if status.value in _WRONG and asked(notice):
                continue
            if task.changed_at is None or notice.at > task.changed_at:
                result[id_] = replace(task, status=status, changed_at=notice.at)
    return result


def question(order: Order, notices: Iterable[Notice], no_question: Word | None) -> str:
    """The id of the notification about this request that asks us something, "" if there is none.

    Of several it is the one after `order.question`, the latest that we know: a poll tells one, and the next the next.
    A notification counts as a question unless its type is known to be none; a general one counts where it says
    that something of ours is invalid. The clock that a question starts is short (Reg. (EU) 2023/1543 art. 11(5),
    five days), and a person who looks in vain loses less than the hold.
    """
    about = {*ids.tasks(order), ids.authorisation(order.request)}
    asking = [each for each in notices if about & {*each.about, *each.statuses} and asks(each, no_question)]
    told_of = [each.id for each in sorted(asking, key=_when)]
    if not order.question:
        return told_of[0] if told_of else ""
    following = told_of[told_of.index(order.question) + 1 :] if order.question in told_of else told_of[-1:]
    return following[0] if following else order.question


def asks(notice: Notice, no_question: Word | None) -> bool:
    """Whether a notification asks us something, whatever it is about."""
    if notice.type == no_question:
        return False
    return notice.type != GENERAL or any(status.value in _WRONG for status in notice.statuses.values())


def _when(notice: Notice) -> tuple[float, str]:
    return (notice.at.timestamp() if notice.at else 0.0, notice.id)
