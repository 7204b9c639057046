"""What a message seems to say: a proposal, which a person confirms unless the provider's file says that it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from providers.mail.authentication import passed
from providers.mail.inbound import Inbound
from providers.mail.quoting import own_words
from providers.mail.table import Pattern, Replies

ORDER = ("refused", "not-found", "released", "extended", "preserved", "acknowledged")
"""The worse news first: where several patterns fit, the first of these is proposed."""
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 #./:_-]{0,78}[A-Za-z0-9]|[A-Za-z0-9]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What would be entered: one of `REPLY_KINDS`, or "undelivered" with the `status` of the report.

    `action` and `sequence` name the message of ours that it is about. `doubts` is why a person must look all the
    same: a day that cannot be read, or two kinds of reply in one message.
    """

    kind: str
    action: str = "send"
    sequence: int = 1
    reference: str = ""
    received_on: date | None = None
    held_until: date | None = None
    ground: str = ""
    status: str = ""
    doubts: tuple[str, ...] = ()


def propose(message: Inbound, replies: Replies | None) -> Proposal | None:
    """What a message seems to say; None where a person must read it.

    `replies` are those of the provider it is matched with; None where its sender is none of the provider's.
    """
    lost = next((each for each in message.deliveries if each.action == "failed" and each.about), None)
    if lost is not None and lost.about is not None:
        others = any(each.action != "failed" for each in message.deliveries)
        return Proposal(
            kind="undelivered",
            action=lost.about.action,
            sequence=lost.about.sequence,
            status=lost.status,
            doubts=("it says of another recipient that it is not lost",) if others else (),
        )
    if replies is None or message.encrypted or message.ours or message.loops or message.deliveries:
        return None
    found = [each for each in replies.patterns if _fits(message, each)]
    kinds = [kind for kind in ORDER if any(each.kind == kind for each in found)]
    if not kinds:
        return None
    best = next(each for each in found if each.kind == kinds[0])
    about = message.answers[0] if message.answers else None
    return _proposal(message, best, about.action if about else "send", about.sequence if about else 1, kinds)


def vouched_for(message: Inbound, replies: Replies) -> bool:
    """Whether our own server vouches for the sender's domain as the provider's file demands."""
    return bool(replies.authentication) and all(
        passed(message.authentication, method, message.domain) for method in replies.authentication
    )


def _proposal(message: Inbound, pattern: Pattern, action: str, sequence: int, kinds: list[str]) -> Proposal:
    said, doubts = dict(_groups(message, pattern)), []
    days: dict[str, date | None] = {}
    for name in ("received_on", "held_until"):
        days[name] = pattern.day(said[name]) if said.get(name) else None
        if said.get(name) and days[name] is None:
            doubts.append(f"its {name} cannot be read as a day")
    reference = " ".join(said.get("reference", "").split())
    if reference and not _REFERENCE.fullmatch(reference):
        doubts.append("its reference has characters that no reference has")
        reference = ""
    if len(kinds) > 1:
        doubts.append(f"it also reads like: {', '.join(kinds[1:])}")
    kind = pattern.kind
    if kind in {"acknowledged", "preserved"} and action == "extend" and days["held_until"]:
        kind = "extended"
    return Proposal(
        kind=kind,
        action=action,
        sequence=sequence,
        reference=reference,
        received_on=days["received_on"],
        held_until=days["held_until"],
        ground=pattern.ground,
        doubts=tuple(doubts),
    )


def _fits(message: Inbound, pattern: Pattern) -> bool:
    return all(match is not None for match in _matches(message, pattern))


def _groups(message: Inbound, pattern: Pattern) -> Iterator[tuple[str, str]]:
    for match in _matches(message, pattern):
        if match is not None:
            yield from ((name, str(value)) for name, value in match.groupdict().items() if value)


def _matches(message: Inbound, pattern: Pattern) -> Iterator[re.Match[str] | None]:
    """What each expression of the pattern finds."""
    if pattern.subject is not None:
        yield pattern.subject.search(message.subject)
    if pattern.body is not None:
        yield pattern.body.search(own_words(message.text))
