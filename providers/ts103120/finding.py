"""Whether a message in doubt took effect: by what the provider shows of the request, not by what it answered."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo

from providers.days import last_whole_day
from providers.errors import Unreadable
from providers.interface import Action, Order
from providers.ts103120 import ids
from providers.ts103120.hearing import Task
from providers.ts103120.judging import Standing, live
from providers.ts103120.profile import Profile
from providers.ts103120.talking import Talk


def took_effect(talk: Talk, standing: Standing, profile: Profile, zone: ZoneInfo) -> bool:
    """Whether the message of an order took effect, all of it.

    Where a part is missing it did not: the same message again makes that part and no other.

    Raises:
        Unreadable: what is shown does not tell.
    """
    order = talk.order
    written = order.action not in profile.documents or not talk.absent(ids.document(order))
    running = [task for id_ in live(standing) if (task := standing[id_]) is not None]
    match order.action:
        case Action.SEND:
            return written and not talk.absent(ids.authorisation(order.request)) and None not in standing.values()
        case Action.CLARIFY:
            return not talk.absent(ids.document(order))
        case Action.RELEASE:
            ended = any(task is not None for task in standing.values()) and not running
            return ended or (bool(running) and all(_wants(task, "Cancelled") for task in running))
        case Action.ANNOUNCE:
            word = profile.words.announced_status
            return bool(running) and written and all(word is None or task.desired == word for task in running)
    return bool(running) and all(_reaches(task, order, zone) for task in running)


def still_to_say(
    order: Order, standing: Standing, running: Collection[str], profile: Profile, zone: ZoneInfo
) -> tuple[str, ...]:
    """The running tasks that an act has not reached yet; all of them where it reached each.

    A provider that takes in messages in part would else put off a part of every repetition.
    """
    word = profile.words.announced_status

    def reached(task: Task | None) -> bool:
        if order.action is Action.EXTEND:
            return task is not None and _reaches(task, order, zone)
        return order.action is Action.ANNOUNCE and task is not None and word is not None and task.desired == word

    return tuple(id_ for id_ in running if not reached(standing[id_])) or tuple(running)


def _wants(task: Task, value: str) -> bool:
    return task.desired is not None and task.desired.value == value


def _reaches(task: Task, order: Order, zone: ZoneInfo) -> bool:
    """Whether the end that is granted, or the one that is stored as asked for, is what the extension asked."""
    if order.hold_until is None:
        raise Unreadable("what it shows cannot tell of an extension whose last day is not known")
    ends = [end for end in (task.desired_expires_at, task.expires_at) if end is not None]
    return bool(ends) and last_whole_day(max(ends), zone) >= order.hold_until
