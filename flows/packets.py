"""What a person is handed to say something that no machine can: the packet, taken out of the sealed record.

Every packet names accounts. Taking one out is a disclosure, so it is recorded: who, when, and which bytes
(Directive (EU) 2016/680 art. 25).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.acting import SPEAK, asked_until
from flows.four_eyes import not_waiting
from flows.letter import KINDS, can_be_extended
from flows.office import Office
from flows.opening import opened
from flows.orders import reason
from flows.replying import ReplyError, not_erased
from flows.routes import Route
from ledger.interface import Event, Json
from providers.errors import ConfigurationError, Unsupported
from providers.interface import CHANGES, Action, Order
from providers.packet.archive import unpacked
from providers.packet.steps import WAYS
from timeline.state import Hold

ASKED: Mapping[Action, tuple[str, str]] = {
    Action.RELEASE: ("release-asked", "holdfast release {} --because TEXT"),
    Action.ANNOUNCE: ("announce-asked", "holdfast announce {} --on DAY --reference REFERENCE"),
    Action.CLARIFY: ("answer-asked", "holdfast answer {} --text TEXT"),
}
"""What must have been decided before a packet can say it: its event, and the command that enters it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """One packet. `way` counts the ways from 1, best first; `ways` names the channels of all of them.

    `recorded`: it was made when the message fell due; else it was made now, from the order as it would be said.
    `said`: the record has it that the other side was told this already.
    """

    request: str
    action: Action
    sequence: int
    way: int
    ways: tuple[str, ...]
    recorded: bool
    said: bool
    sha256: str
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    channel: str
    archive: bytes = field(repr=False)


def find(office: Office, request: str, *, action: Action | None = None, way: int = 1, anew: bool = False) -> Handed:
    """The latest packet of a request. Call `record_disclosure` before anybody sees it.

    Args:
        office: the unit's open office.
        request: its id.
        action: which message; the one that a person was last asked to say, the first request where none was.
        way: which of the ways, best first, from 1.
        anew: make it from the order as it would be said now, also where one was recorded.

    Raises:
        LookupError: there is no such request.
        ReplyError: nothing is to be said by a person, or there is no such way; says what to do instead.
        ConfigurationError: the letter's templates or its certificate are wrong.
    """
    hold = office.hold(request)
    not_erased(office, hold)
    history = office.ledger.events(request)
    wanted = action or _asked_for(history)
    if wanted not in CHANGES:
        raise ReplyError(f"no packet says {wanted}; one of {', '.join(sorted(CHANGES))}")
    if wanted in {Action.SEND, Action.RELEASE}:
        not_waiting(hold, str(wanted), "its packet")
    try:
        ways = _routes(office, hold, history)
    except ConfigurationError:
        if anew or not any("packet" in event.body for event in history):
            raise
        ways = ()  # its file is gone from the catalogue; what was recorded can still be used
    sequence = _sequence(hold, wanted)
    found = () if anew else _recorded(office, history, wanted, sequence, len(ways))
    recorded = bool(found)
    if not found:
        _can_be_said(hold, history, wanted)
        found = tuple(_made(office, hold, wanted, sequence, ways or _routes(office, hold, history)))
    if not found:
        raise ReplyError(_no_packet(hold, wanted))
    if not 1 <= way <= len(found):
        raise ReplyError(f"--way {way}: there {'is 1 way' if len(found) == 1 else f'are {len(found)} ways'}")
    chosen = found[way - 1]
    return Handed(
        request=request,
        action=wanted,
        sequence=sequence,
        way=way,
        ways=tuple(each.channel for each in found),
        recorded=recorded,
        said=(act := hold.act(str(wanted), sequence)) is not None and act.outcome == "sent",
        sha256=hashlib.sha256(chosen.archive).hexdigest(),
        files=unpacked(chosen.archive),
    )


def _routes(office: Office, hold: Hold, history: Sequence[Event]) -> tuple[Route, ...]:
    return office.routes(hold, str(history[0].body["provider"]))


_ABOUT: Mapping[str, Action] = {
    "channel": Action.SEND,
    "extension": Action.EXTEND,
    "ending": Action.EXTEND,
    "imminent": Action.EXTEND,
    "release": Action.RELEASE,
    "announce": Action.ANNOUNCE,
    "clarify": Action.CLARIFY,
}
"""What a person is asked to say, by what the escalation is about: not all that is asked has a packet on record."""


def _asked_for(history: Sequence[Event]) -> Action:
    """What a person was last asked to say: another message in its place would be a request made twice."""
    for event in reversed(history):
        if "packet" in event.body:
            return Action(str(event.body["action"]))
        about = str(event.body.get("about", "")).partition(":")[0]
        if event.kind == "escalated" and about in _ABOUT:
            return _ABOUT[about]
    return Action.SEND


def _sequence(hold: Hold, action: Action) -> int:
    """The number of the message: the extension after those that are confirmed, the latest of what was asked for."""
    match action:
        case Action.EXTEND:
            return hold.granted + 1
        case Action.ANNOUNCE:
            return hold.announcing[0] if hold.announcing else 1
        case Action.CLARIFY:
            return hold.answering[0] if hold.answering else 1
        case _:
            return 1


def _no_packet(hold: Hold, action: Action) -> str:
    """Why nothing is handed over on a channel of machines, and what to do."""
    if getattr(hold.terms.abilities, str(action), True):
        return (
            f"{hold.request} goes out by machine, so there is no packet: `holdfast sweep` sends what is due, "
            f"and `holdfast show {hold.request}` says how it stands"
        )
    kind = next(name for name, each in KINDS.items() if each is action)
    return (
        f"{hold.request} went out by machine, over a channel that cannot {action}, so there is no packet: write to "
        f"the provider yourself (`holdfast letter {hold.request} --action {kind}` makes the letter), then record it"
    )


def _recorded(
    office: Office, history: Sequence[Event], action: Action, sequence: int, ways: int
) -> tuple[_Found, ...]:
    """The packets of the last time that this was tried, best way first."""
    acts = [each.body for each in history if each.kind in {"intent", "unsupported"} and each.body["action"] == action]
    found: list[_Found] = []
    tried, archive = 0, b""
    for body in reversed([each for each in acts if each["sequence"] == sequence]):
        if "packet" in body:
            archive = _unsealed(office, body)
        elif "attempt" in body:  # the intent that this outcome belongs to names its channel
            found += [_Found(channel=str(body["channel"]), archive=archive)] if archive else []
            tried, archive = tried + 1, b""
            if tried == ways:
                break
    return tuple(reversed(found))


def _unsealed(office: Office, body: Mapping[str, Any]) -> bytes:
    archive = office.vault.unseal(str(body["packet"]))
    if hashlib.sha256(archive).hexdigest() != body["packet_sha256"]:
        raise ReplyError("the sealed packet is not the one that was recorded: run `holdfast verify`")
    return archive


def _can_be_said(hold: Hold, history: Sequence[Event], action: Action) -> None:
    """Whether there is anything to say; `ReplyError` says what has to come first."""
    kind, command = ASKED.get(action, ("", ""))
    if kind and all(event.kind != kind for event in history):
        raise ReplyError(f"nothing is to be said: first `{command.format(hold.request)}`")
    if action is not Action.SEND and hold.strict_start is None:
        raise ReplyError(f"{hold.request} was never sent: there is nothing to {action}")
    if action is Action.CLARIFY and _unanswered(hold):
        raise ReplyError(f"its latest question has no answer yet: first `{command.format(hold.request)}`")
    if action is Action.EXTEND:
        can_be_extended(hold)


def _unanswered(hold: Hold) -> bool:
    """Whether the provider asks something that the last answer was not written for."""
    return bool(hold.unanswered) and hold.to_answer is None


def _made(office: Office, hold: Hold, action: Action, sequence: int, ways: Sequence[Route]) -> Iterator[_Found]:
    """A packet for every way that needs a person, from the order as it would be said now."""
    for route in ways:
        adapter = office.adapter(route)
        if not adapter.capabilities.person:
            continue
        order = _order(office, hold, action, sequence, route)
        try:
            SPEAK[action](adapter, order)
        except Unsupported as error:
            if error.packet is not None:
                yield _Found(channel=adapter.channel, archive=error.packet)
        else:
            raise ConfigurationError(f"{route.id} says that it needs a person, and sent by itself")


def _order(office: Office, hold: Hold, action: Action, sequence: int, route: Route) -> Order:
    because = reason(office, hold.request) if action is Action.RELEASE else ""
    until = asked_until(hold, action, sequence, office.now())
    return office.order(hold, action, sequence, addressee=route.addressee, until=until, because=because)


def record_disclosure(
    office: Office, handed: Handed, because: str = "", *, duty: str = "to say it by hand", by: str = ""
) -> None:
    """Record who took which packet out of the sealed record, and why: to say it by hand, or in their own words.

    `duty` is the reason in our own words where the person gives none, `by` who, where that is not the actor.
    """
    channel = handed.ways[handed.way - 1]
    what = f"packet to {handed.action} by {WAYS.get(channel, channel)}"
    who: dict[str, Json] = {"by": by} if by else {}
    stated = "" if because.strip() else duty
    opened(office, handed.request, what, because, duty=stated, packet_sha256=handed.sha256, **who)
