"""What each kind of matter asks of a person, in words: its title, its steps, and the likely answers to it.

An answer opens a form with what is known filled in; the form asks for the rest and checks it. Nothing here decides:
what is open, and until when, is the ladder's (`timeline`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.work_item import Answer, Matter


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A matter in words."""

    title: str
    steps: tuple[str, ...]
    answers: tuple[Answer, ...]


def worded(matter: Matter) -> Words:
    """The title, the steps and the answers of a matter; a kind that has no words of its own gets plain ones."""
    say = _KINDS.get(matter.kind, _plain)
    title, steps, answers = say(matter)
    took = () if matter.kind in _WORDS_OF_A_PERSON else (_take_up(matter),)
    by = f" by {_at(matter.by, matter.hold.terms.provider.zone)}" if matter.by else ""
    return Words(title=f"{title}{by}", steps=tuple(steps), answers=(*answers, *took))


def _at(at: datetime, zone: str) -> str:
    """A deadline as a clerk reads it, at the provider: ``Tue 24 Nov 2026 14:00 (Europe/Dublin)``."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({zone})"


# The answers


def _recorded(matter: Matter, label: str, kind: str, **fields: str) -> Answer:
    given = {"request": matter.request, "kind": kind, **fields, "matter": matter.about}
    return Answer(label=label, flow="record-reply", fields=given)


def _take_up(matter: Matter) -> Answer:
    return Answer(
        label="I have taken it up",
        flow="acknowledge-escalation",
        fields={"request": matter.request, "matter": matter.about},
    )


def _packet(matter: Matter, action: str) -> Answer:
    return Answer(
        label="Take out the packet",
        flow="take-out-packet",
        fields={"request": matter.request, "action": action},
    )


def _release(matter: Matter, label: str = "Release the hold") -> Answer:
    return Answer(label=label, flow="release-request", fields={"request": matter.request})


def _kept(matter: Matter) -> tuple[Answer, ...]:
    return (
        _recorded(matter, "They keep the data", "preserved"),
        _recorded(matter, "They refuse", "refused", action="send"),
        _recorded(matter, "No such account", "item-not-found"),
    )


def _stops(matter: Matter) -> Iterator[Answer]:
    """An entry for each stop event that the instrument knows."""
    for stop in matter.hold.terms.instrument.stop_events:
        if stop.kind in _STOPS:
            yield _recorded(matter, _STOPS[stop.kind], stop.kind)


_STOPS = {
    "mla-received": "The requested State has the MLA request",
    "production-announced": "Production was announced",
    "access-requested": "The access request was made",
    "petition-filed": "The court was asked",
}


# The steps

Said = tuple[str, list[str], list[Answer]]


def _way(matter: Matter) -> str:
    """How the provider is reached, best way first, as the catalogue has it."""
    usable = [each for each in matter.channels if not each.emergency_only or matter.hold.urgency == "emergency"]
    if not usable:
        return f"the way that the packet names to {matter.provider}"
    said = [
        f"{each.kind}{f' ({each.name})' if each.name else ''}{f' {each.url}' if each.url else ''}" for each in usable
    ]
    return f"{matter.provider}'s {said[0]}" + (f"; else {', '.join(said[1:3])}" if said[1:] else "")


def _hand_over(matter: Matter, action: str, done: str) -> list[str]:
    return [
        "Take out the packet: the form writes it to the unit's folder for packets, and that you have it is recorded."
        f" On a terminal: holdfast packet {matter.request}{'' if action == 'send' else f' --action {action}'}",
        f"Submit what is in it, over {_way(matter)}. Its checklist says what to put where.",
        f"Come back and press “{done}”, with the reference if they gave one. Delete the packet.",
    ]


def _channel(matter: Matter) -> Said:
    place = next((each for each in matter.channels if each.kind in {"portal", "web-form"}), None)
    where = f"at {matter.provider}'s portal" if place and place.kind == "portal" else f"to {matter.provider} by hand"
    answers = [
        _packet(matter, "send"),
        _recorded(matter, "It is submitted", "sent", action="send"),
        _recorded(matter, "They refused it", "refused", action="send"),
    ]
    return f"Submit {matter.request} {where}", _hand_over(matter, "send", "It is submitted"), answers


def _unreachable(matter: Matter) -> Said:
    steps = [
        "Look whether it is our side: the reason below names what failed. If it is, have it mended; it is tried again"
        " by itself.",
        f"Else send it another way, over {_way(matter)}, and press “It is sent”.",
    ]
    answers = [_packet(matter, "send"), _recorded(matter, "It is sent", "sent", action="send")]
    return f"{matter.request} does not get through to {matter.provider}", steps, answers


def _draft(matter: Matter) -> Said:
    steps = ["Look at the case. If it is right, press “Send it”: all requests that were drafted together go out."]
    send = Answer(label="Send it", flow="preserve-draft", fields={"draft": matter.request})
    return f"Send the draft {matter.request} to {matter.provider}", steps, [send, _release(matter, "Withdraw it")]


def _approval(matter: Matter) -> Said:
    what = matter.about.split(":")[1]
    steps = [
        "Somebody asked for it, and another person must approve it. Prefect does not know who you are, so this is"
        f" done on a terminal, under your own account: holdfast approve {matter.request} --what {what}",
        f"Or reject it: holdfast reject {matter.request} --what {what} --because TEXT",
    ]
    return f"A second person: {_APPROVALS.get(what, what)} of {matter.request}", steps, []


_APPROVALS = {"send": "the sending", "release": "the release", "erase": "the erasing of the case"}


def _acknowledgement(matter: Matter) -> Said:
    steps = [
        f"Look into the mailbox and at {_way(matter)} for a receipt. If there is none, call them.",
        "Enter what they say, with their reference.",
    ]
    answers = [_recorded(matter, "They have it", "acknowledged"), *_kept(matter)]
    return f"Confirm acknowledgement of {matter.request} at {matter.provider}", steps, answers


def _confirmation(matter: Matter) -> Said:
    steps = [f"Ask {matter.provider} whether the data are kept, and until when.", "Enter what they say."]
    return f"Confirm that {matter.provider} keeps the data of {matter.request}", steps, [*_kept(matter)]


def _polls(matter: Matter) -> Said:
    steps = [f"Ask another way, over {_way(matter)}, whether the hold stands.", "Enter what they say."]
    return f"Ask {matter.provider} whether the hold of {matter.request} stands", steps, [*_kept(matter)]


def _extension(matter: Matter) -> Said:
    act = matter.hold.unconfirmed
    answers = [
        _recorded(matter, "It is extended", "extended"),
        _recorded(matter, "They refuse to extend", "refused", action="extend"),
    ]
    if act is not None:
        return (
            f"Confirm extension {act.sequence} of {matter.request} at {matter.provider}",
            [f"Call {matter.provider}: do they keep the data on, and until when?", "Enter the day they say."],
            answers,
        )
    sent = _recorded(matter, "It is submitted", "sent", action="extend")
    return (
        f"Extend {matter.request} at {matter.provider}",
        _hand_over(matter, "extend", "It is submitted"),
        [_packet(matter, "extend"), sent, *answers],
    )


def _ending(matter: Matter) -> Said:
    steps = [
        "Do what the reason below names, by the day it says: that keeps the data. Then enter that it is done.",
        "If nothing of it can be done in time, prepare what comes after, as the reason says.",
    ]
    answers = [*_stops(matter), _recorded(matter, "They extend it all the same", "extended"), _release(matter)]
    return f"The hold {matter.request} at {matter.provider} ends", steps, answers


def _imminent(matter: Matter) -> Said:
    title, steps, answers = _ending(matter)
    return f"NOW: {title[0].lower()}{title[1:]}", [f"Call {matter.provider} now.", *steps], answers


def _lapsed(matter: Matter) -> Said:
    steps = [
        f"Ask {matter.provider} what it still keeps.",
        "Enter what they say; then do what the reason below names.",
    ]
    answers = [
        _recorded(matter, "They extended it", "extended"),
        _recorded(matter, "They still keep the data", "preserved"),
    ]
    return f"LAPSED: {matter.request} at {matter.provider}", steps, answers


def _clarification(matter: Matter) -> Said:
    steps = [
        "Read what they ask: holdfast inbox, or the mail itself.",
        f"Answer on a terminal: holdfast answer {matter.request} --text TEXT (sealed, sent to them). If you answered"
        " another way, press “It was answered”.",
    ]
    answers = [_recorded(matter, "It was answered", "clarification-answered")]
    return f"Answer {matter.provider}'s question about {matter.request}", steps, answers


def _validation(matter: Matter) -> Said:
    steps = ["Have the emergency order validated by the competent authority.", "Press “It was validated”."]
    return (
        f"Validate the emergency order {matter.request}",
        steps,
        [_recorded(matter, "It was validated", "validated")],
    )


def _unknown(matter: Matter) -> Said:
    action = matter.about.partition(":")[2].rpartition("-")[0] or "send"
    steps = [
        f"Ask {matter.provider} whether they have our message. It is not sent again before that is known.",
        "Enter what they say.",
    ]
    if action not in {"send", "extend", "release"}:
        return f"Find out whether {matter.provider} has our message about {matter.request}", steps, []
    answers = [
        _recorded(matter, "They have it", "sent", action=action),
        _recorded(matter, "They do not have it: send it again", "absent", action=action),
    ]
    return f"Find out whether {matter.provider} has {matter.request}", steps, answers


def _say(action: str, what: str, label: str, kind: str) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        title = f"Tell {matter.provider} of {matter.request}: {what}"
        return title, _hand_over(matter, action, label), [_packet(matter, action), _recorded(matter, label, kind)]

    return say


def _told_release(matter: Matter) -> Said:
    if matter.hold.release_asked_at is None and "holdfast release" in matter.decision.because:
        steps = [f"Ask for it on a terminal: holdfast release {matter.request} --because TEXT; another one approves."]
        return f"Release {matter.request} at {matter.provider}, with a second person", steps, []
    return _say("release", "the hold may end", "They were told", "released")(matter)


def _message(matter: Matter) -> Said:
    steps = [
        "Read it on a terminal: holdfast inbox. It may name accounts, so it is not shown here.",
        "Enter there what it says; that settles it.",
    ]
    return f"Read what {matter.provider} wrote about {matter.request}", steps, []


def _mla_plan(matter: Matter) -> Said:
    steps = ["Has the MLA request left? Enter the day; or have it sent: each day moves the answer by a day."]
    answers = [_recorded(matter, "It was sent", "mla-sent"), _recorded(matter, "They have it", "mla-received")]
    return f"Send the MLA request for {matter.request}", steps, answers


def _mla_receipt(matter: Matter) -> Said:
    steps = ["Ask the requested State whether it has the MLA request. Its receipt keeps the data until it decides."]
    return f"Has the State received the MLA request for {matter.request}?", steps, [*_stops(matter)]


def _condition(title: str, steps: list[str]) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        said = [each.replace("{provider}", matter.provider) for each in steps]
        return f"{title} {matter.request} ({matter.provider})", said, [_release(matter)]

    return say


def _review(matter: Matter) -> Said:
    steps = ["Ask the investigation whether the data are still needed. If not, release the hold."]
    return f"Is {matter.request} at {matter.provider} still needed?", steps, [_release(matter, "No: release it")]


def _to_know(title: str, steps: list[str]) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        return f"{title}: {matter.request} at {matter.provider}", steps, []

    return say


def _coverage(matter: Matter) -> Said:
    steps = [
        "No chain of holds reaches the expected MLA answer. Decide now what closes the gap: the reason below names"
        " the last safe day of each step.",
        "Press “I have taken it up” when it is decided; the end of the hold will be told again in time.",
    ]
    answers = [_recorded(matter, "The MLA request was sent", "mla-sent"), *_stops(matter)]
    return f"A gap before the MLA answer: {matter.request} at {matter.provider}", steps, answers


def _erased(matter: Matter) -> Said:
    steps = [f"Tell {matter.provider}, by its reference, that the hold may end.", "Press “They were told”."]
    answers = [_recorded(matter, "They were told", "released")]
    return f"The case was erased: end the hold {matter.request} at {matter.provider}", steps, answers


def _plain(matter: Matter) -> Said:
    return (
        f"{matter.kind.replace('-', ' ')}: {matter.request} at {matter.provider}",
        ["Do what the reason below says."],
        [],
    )


_WORDS_OF_A_PERSON = frozenset({"draft", "approval"})
"""Kinds that stand open before anybody was told: there is no escalation to take up."""

_KINDS: Mapping[str, Callable[[Matter], Said]] = {
    "channel": _channel,
    "unreachable": _unreachable,
    "draft": _draft,
    "approval": _approval,
    "acknowledgement": _acknowledgement,
    "confirmation": _confirmation,
    "polls": _polls,
    "extension": _extension,
    "ending": _ending,
    "imminent": _imminent,
    "lapsed": _lapsed,
    "clarification": _clarification,
    "validation": _validation,
    "outcome-unknown": _unknown,
    "release": _told_release,
    "announce": _say("announce", "production was requested", "They were told", "production-announced"),
    "clarify": _say("clarify", "the answer to its question", "It was answered", "clarification-answered"),
    "message": _message,
    "refused": _to_know("Refused", ["Mend the request and send a new one, or go another way, as the reason says."]),
    "not-held": _to_know("No such account", ["Check every identifier; then send a new request."]),
    "items": _to_know("Some accounts are not kept", ["Check the identifiers that the case's page names by number."]),
    "coverage": _coverage,
    "mla-plan": _mla_plan,
    "mla-receipt": _mla_receipt,
    "proof-of-mla": _condition(
        "Send the proof of the MLA request for", ["Send {provider} proof of the MLA request."]
    ),
    "confidentiality-end": _condition(
        "Keep it confidential, or release", ["Serve a non-disclosure order on {provider}, or release the hold."]
    ),
    "review": _review,
    "erased": _erased,
}
"""Kind of matter to what is said of it."""
