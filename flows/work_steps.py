"""What each kind of matter asks of a person, in words: its title, its steps, and the likely answers to it.

An answer opens a form with what is known filled in; the form asks for the rest and checks it. Nothing here decides:
what is open, and until when, is the ladder's (`timeline`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.work_answers import extended, gone, kept, packet, recorded, release, stop_over, stops, take_up
from flows.work_item import Answer, Matter
from providers.packet.steps import WAYS


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
    took = () if matter.kind in _WORDS_OF_A_PERSON else (take_up(matter),)
    if (
        matter.release_takes_two
        and matter.kind != "draft"
        and any(each.flow == "release-request" for each in answers)
    ):
        answers = [each for each in answers if each.flow != "release-request"]
        two = f"holdfast release {matter.request} --because TEXT, and another person approves it"
        steps = [*steps, f"To release it takes two people here, on a terminal: {two}."]
    by = f" by {_at(matter.by, matter.hold.terms.provider.zone)}" if matter.by else ""
    return Words(title=f"{title}{by}", steps=tuple(steps), answers=(*answers, *took))


def _at(at: datetime, zone: str) -> str:
    """A deadline as a clerk reads it, at the provider: ``Tue 24 Nov 2026 14:00 (Europe/Dublin)``.

    Midnight is the end of the day before, and is said so.
    """
    local = at.astimezone(ZoneInfo(zone))
    if local.time() == time():
        local -= timedelta(days=1)
        return f"the end of {local:%a} {local.day} {local:%b %Y} ({zone})"
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({zone})"


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


def _by_packet(matter: Matter) -> bool:
    """Whether a person says it with a packet. What went out by machine has none, but a letter."""
    return matter.hold.unsent or matter.hold.channel in {*WAYS, "person", ""}


def _packets(matter: Matter, action: str) -> list[Answer]:
    return [packet(matter, action)] if _by_packet(matter) else []


def _hand_over(matter: Matter, action: str, done: str) -> list[str]:
    if not _by_packet(matter):
        kind = {"extend": "extension"}.get(action, action)
        return [
            f"It went out by machine, over a channel that cannot say this. Make the letter on a terminal:"
            f" holdfast letter {matter.request} --action {kind}",
            f"Send it to {matter.provider} yourself.",
            f"Come back and press “{done}”.",
        ]
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
        packet(matter, "send"),
        recorded(matter, "It is submitted", "sent", action="send"),
        recorded(matter, "They refused it", "refused", action="send"),
    ]
    return f"Submit {matter.request} {where}", _hand_over(matter, "send", "It is submitted"), answers


def _unreachable(matter: Matter) -> Said:
    steps = [
        "Look whether it is our side: the reason above names what failed. If it is, have it mended; it is tried again"
        " by itself.",
        f"Else send it another way, over {_way(matter)}, and press “It is sent”.",
    ]
    by_hand = any(each.kind in WAYS for each in matter.channels)
    answers = [*([packet(matter, "send")] if by_hand else []), recorded(matter, "It is sent", "sent", action="send")]
    return f"{matter.request} does not get through to {matter.provider}", steps, answers


def _draft(matter: Matter) -> Said:
    steps = ["Look at the case. If it is right, press “Send it”: all requests that were drafted together go out."]
    send = Answer(label="Send it", flow="preserve-draft", fields={"draft": matter.request})
    return f"Send the draft {matter.request} to {matter.provider}", steps, [send, release(matter, "Withdraw it")]


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
    answers = [recorded(matter, "They have it", "acknowledged"), *kept(matter)]
    return f"Confirm acknowledgement of {matter.request} at {matter.provider}", steps, answers


def _confirmation(matter: Matter) -> Said:
    steps = [f"Ask {matter.provider} whether the data are kept, and until when.", "Enter what they say."]
    return f"Confirm that {matter.provider} keeps the data of {matter.request}", steps, [*kept(matter)]


def _polls(matter: Matter) -> Said:
    steps = [f"Ask another way, over {_way(matter)}, whether the hold stands.", "Enter what they say."]
    return f"Ask {matter.provider} whether the hold of {matter.request} stands", steps, [*kept(matter)]


def _extension(matter: Matter) -> Said:
    act = matter.hold.unconfirmed
    answers = [
        recorded(matter, "It is extended", "extended"),
        recorded(matter, "They refuse to extend", "refused", action="extend"),
    ]
    if act is not None:
        return (
            f"Confirm extension {act.sequence} of {matter.request} at {matter.provider}",
            [f"Call {matter.provider}: do they keep the data on, and until when?", "Enter the day they say."],
            answers,
        )
    sent = recorded(matter, "It is submitted", "sent", action="extend")
    return (
        f"Extend {matter.request} at {matter.provider}",
        _hand_over(matter, "extend", "It is submitted"),
        [*_packets(matter, "extend"), sent, *answers],
    )


def _ending(matter: Matter) -> Said:
    steps = [
        "Do what the reason above names, by the day it says: that keeps the data. Then enter that it is done.",
        "If nothing of it can be done in time, prepare what comes after, as the reason says.",
    ]
    answers = [*stops(matter), *extended(matter, "They extend it all the same"), release(matter)]
    return f"Save the hold {matter.request} at {matter.provider}", steps, answers


def _imminent(matter: Matter) -> Said:
    title, steps, answers = _ending(matter)
    return f"NOW: {title[0].lower()}{title[1:]}", [f"Call {matter.provider} now.", *steps], answers


def _lapsed(matter: Matter) -> Said:
    steps = [
        f"Ask {matter.provider} what it still keeps.",
        "If they keep it on, enter until which day. Else do what the reason above names, and press “I have taken it"
        " up” when it is done.",
    ]
    answers = [*extended(matter, "They keep it on")]
    if matter.hold.expired_at is not None:  # where the day has passed, only a later one says that it goes on
        answers.append(recorded(matter, "They kept it all along", "preserved"))
    return f"LAPSED: {matter.request} at {matter.provider}", steps, answers


def _clarification(matter: Matter) -> Said:
    steps = [
        "Read what they ask: holdfast inbox, or the mail itself.",
        f"Answer on a terminal: holdfast answer {matter.request} --text TEXT (sealed, sent to them). If you answered"
        " another way, press “It was answered”.",
    ]
    answers = [recorded(matter, "It was answered", "clarification-answered")]
    return f"Answer {matter.provider}'s question about {matter.request}", steps, answers


def _validation(matter: Matter) -> Said:
    steps = ["Have the emergency order validated by the competent authority.", "Press “It was validated”."]
    return (
        f"Validate the emergency order {matter.request}",
        steps,
        [recorded(matter, "It was validated", "validated")],
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
        recorded(matter, "They have it", "sent", action=action),
        recorded(matter, "They do not have it: send it again", "absent", action=action),
    ]
    return f"Find out whether {matter.provider} has {matter.request}", steps, answers


def _say(action: str, what: str, label: str, kind: str) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        title = f"Tell {matter.provider} {what} {matter.request}"
        return title, _hand_over(matter, action, label), [*_packets(matter, action), recorded(matter, label, kind)]

    return say


def _told_release(matter: Matter) -> Said:
    if matter.hold.release_asked_at is None and "holdfast release" in matter.decision.because:
        steps = [f"Ask for it on a terminal: holdfast release {matter.request} --because TEXT; another one approves."]
        return f"Release {matter.request} at {matter.provider}, with a second person", steps, []
    title, steps, answers = _say("release", "that it may end the hold", "They were told", "released")(matter)
    if matter.hold.release_asked_at is None:  # no packet is made before somebody asks for the release
        steps[0] = f"Press “Release it”: that tells {matter.provider}, or makes the packet to tell it with."
        answers = [release(matter, "Release it"), *(each for each in answers if each.flow != "take-out-packet")]
    return title, steps, answers


def _message(matter: Matter) -> Said:
    steps = [
        "Read it on a terminal: holdfast inbox. It may name accounts, so it is not shown here.",
        "Enter there what it says; that settles it.",
    ]
    return f"Read what {matter.provider} wrote about {matter.request}", steps, []


def _mla_plan(matter: Matter) -> Said:
    steps = ["Has the MLA request left? Enter the day; or have it sent: each day moves the answer by a day."]
    answers = [recorded(matter, "It was sent", "mla-sent"), recorded(matter, "The State has it", "mla-received")]
    return f"Send the MLA request for {matter.request}", steps, answers


def _mla_receipt(matter: Matter) -> Said:
    steps = ["Ask the requested State whether it has the MLA request. Its receipt keeps the data until it decides."]
    return f"Has the State received the MLA request for {matter.request}?", steps, [*stops(matter)]


def _late_stop(matter: Matter) -> Said:
    steps = [
        f"Ask {matter.provider} whether the data are still there: what keeps them came after the strict end.",
        "Enter what it says. If they are gone, it is a loss: the head of the unit has been told.",
    ]
    answers = [recorded(matter, "They keep the data", "preserved"), gone(matter)]
    return f"Are the data of {matter.request} still there at {matter.provider}?", steps, answers


def _condition(title: str, steps: list[str]) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        said = [each.replace("{provider}", matter.provider) for each in steps]
        return f"{title} {matter.request} ({matter.provider})", said, [release(matter)]

    return say


def _review(matter: Matter) -> Said:
    steps = ["Ask the investigation whether the data are still needed. If not, release the hold."]
    answers = [release(matter, "No: release it"), *stop_over(matter)]
    return f"Is {matter.request} at {matter.provider} still needed?", steps, answers


def _to_know(title: str, steps: list[str]) -> Callable[[Matter], Said]:
    def say(matter: Matter) -> Said:
        return f"{title}: {matter.request} at {matter.provider}", steps, []

    return say


def _coverage(matter: Matter) -> Said:
    steps = [
        "As it stands, no chain of holds reaches the expected MLA answer. Decide now what closes the gap: the reason"
        " above names the last safe day of each step.",
        "Press “I have taken it up” when it is decided; the end of the hold will be told again in time.",
    ]
    answers = [recorded(matter, "The MLA request was sent", "mla-sent"), *stops(matter)]
    return f"A gap before the MLA answer: {matter.request} at {matter.provider}", steps, answers


def _erased(matter: Matter) -> Said:
    steps = [f"Tell {matter.provider}, by its reference, that the hold may end.", "Press “They were told”."]
    answers = [recorded(matter, "They were told", "released")]
    return f"The case was erased: end the hold {matter.request} at {matter.provider}", steps, answers


def _plain(matter: Matter) -> Said:
    return (
        f"{matter.kind.replace('-', ' ')}: {matter.request} at {matter.provider}",
        ["Do what the reason above says."],
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
    "announce": _say("announce", "that production was requested for", "They were told", "production-announced"),
    "clarify": _say("clarify", "the answer to its question about", "It was answered", "clarification-answered"),
    "message": _message,
    "refused": _to_know("Refused", ["Mend the request and send a new one, or go another way, as the reason says."]),
    "not-held": _to_know("No such account", ["Check every identifier; then send a new request."]),
    "items": _to_know("Some accounts are not kept", ["Check the identifiers that the case's page names by number."]),
    "coverage": _coverage,
    "mla-plan": _mla_plan,
    "mla-receipt": _mla_receipt,
    "late-stop": _late_stop,
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
