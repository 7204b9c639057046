"""What one person asks for and another approves: the sending of an emergency, a release, the erasing of a case.

The first person's act is recorded as ``approval-asked`` and has no effect. Another one's ``approved`` lets it go, in
the same step as what it approves; ``rejected`` ends it, and anybody may reject, also who asked. What waits, and whom
it is told to meanwhile, is in `timeline.custody`.

Another person is another user of the operating system, and under another configured name where both have one. That
is as good as the machine's accounts: who may become another user there can be both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.office import Office
from flows.replying import ReplyError, name_no_account, not_erased, quoted
from flows.settings import Settings
from ledger.interface import Event, Json
from timeline import custody
from timeline.state import Hold

ABOUT = ("send", "release", "erase")
"""What can wait: the first sending of an emergency, a release, the erasing of the whole case."""


_DECIDES = frozenset({"approved", "rejected"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One thing that waits. `asked_by` is the actor who asked, `user` its user of the operating system.

    `seq` is the number of the event by which it was asked for.
    """

    request: str
    seq: int
    about: str
    at: datetime
    asked_by: str
    user: str
    body: Mapping[str, Any] = field(repr=False)


def asking(settings: Settings, about: str, body: Mapping[str, Json] | None = None) -> tuple[str, dict[str, Json]]:
    """The event by which this office's actor asks for an approval."""
    return "approval-asked", {**(body or {}), "about": about, "user": settings.user, "source": "person"}


def waiting(office: Office, request: str) -> tuple[Asked, ...]:
    """What waits for a second person, in the order in which it was asked for.

    Raises:
        LookupError: there is no such request.
    """
    hold = office.hold(request)
    by_seq = {event.seq: event for event in office.ledger.events(request)}
    found = [(about, by_seq[seq]) for about, (seq, _) in custody.waiting(hold).items()]
    return tuple(_asked(about, event) for about, event in sorted(found, key=lambda each: each[1].seq))


def _asked(about: str, event: Event) -> Asked:
    user = str(event.body["user"])
    return Asked(
        request=event.request,
        seq=event.seq,
        about=about,
        at=event.at,
        asked_by=event.actor,
        user=user,
        body=event.body,
    )


def find(office: Office, request: str, about: str = "", *, shown: int = 0) -> Asked:
    """The one thing that waits, or the one named.

    Args:
        office: the unit's open office.
        request: its id.
        about: one of `ABOUT`; "" where one thing waits.
        shown: the `seq` of what a person was shown, who must not decide on something else.

    Raises:
        LookupError: there is no such request.
        ReplyError: nothing waits, several things and none is named, or it is not what was shown.
    """
    found = [each for each in waiting(office, request) if about in ("", each.about)]
    if not found:
        raise ReplyError(f"{request}: {'nothing' if not about else f'no {about}'} waits for a second person")
    if len(found) > 1:
        raise ReplyError(f"{request}: several things wait: --what {' or --what '.join(each.about for each in found)}")
    if shown not in {0, found[0].seq}:
        raise ReplyError(f"{request}: this {found[0].about} was asked for anew meanwhile: look at it again")
    return found[0]


def undecided(asked: Asked) -> Callable[[Sequence[Event]], None]:
    """For `Office.append` with a decision: nothing is written if somebody else decided in the same moment.

    Gives what raises `ReplyError` then.
    """

    def look(history: Sequence[Event]) -> None:
        since = [event for event in history if event.seq > asked.seq]
        decided = [event for event in since if event.kind in _DECIDES and event.body["about"] == asked.about]
        erased = [event.seq for event in since if event.kind == "erased"]
        if len(decided) != 1 or any(seq < decided[0].seq for seq in erased):
            raise ReplyError(f"{asked.request}: somebody else decided on the {asked.about} just now")

    return look


def another_person(settings: Settings, asked: Asked) -> None:
    """Refuse who asked for it. `ReplyError` says who may approve instead."""
    theirs, ours = _named(asked.asked_by, asked.user), _named(settings.actor, settings.user)
    if not settings.user or settings.user == asked.user:
        raise ReplyError(
            f"{asked.request}: {asked.user} asked for the {asked.about}, so another user of this system must approve"
            " it; another HOLDFAST_ACTOR is no other person"
        )
    if ours and ours.casefold() == theirs.casefold():
        raise ReplyError(
            f"{asked.request}: {theirs} asked for the {asked.about} as {asked.user}: somebody else must approve it"
        )


def _named(actor: str, user: str) -> str:
    """The configured name in an actor, "" where none is."""
    return actor.removeprefix(user).strip(" ()")


def approve(office: Office, request: str, about: str = "", *, by: str = "", shown: int = 0) -> tuple[Asked, Hold]:
    """Approve a sending or a release; the next act on the request carries it out.

    Erasures are approved by `flows.erasing.approve`. `shown` is as in `find`.

    Raises:
        LookupError: there is no such request.
        ReplyError: nothing waits, this person asked for it, or somebody else decided meanwhile.
    """
    asked = find(office, request, about, shown=shown)
    if asked.about == "erase":
        raise ReplyError(f"{request}: the erasing of a case is approved for the case as a whole")
    another_person(office.settings, asked)
    hold = office.hold(request)
    name_no_account(office, hold, by=by)
    events: list[tuple[str, Mapping[str, Json]]] = [approval(office, asked, by=by)]
    if asked.about == "release":
        told = {key: asked.body[key] for key in ("text", "by") if key in asked.body}
        events.append(("release-asked", told | {"asked_by": asked.asked_by}))
    office.append(request, events, unless=undecided(asked))
    return asked, office.hold(request)


def approval(office: Office, asked: Asked, *, by: str = "") -> tuple[str, Mapping[str, Json]]:
    """The event that approves. Only for who `another_person` lets pass."""
    body: dict[str, Json] = {"about": asked.about, "user": office.settings.user, "asked_by": asked.asked_by}
    return "approved", body | {"source": "person"} | ({"by": by} if by else {})


def reject(office: Office, request: str, about: str = "", *, because: str, by: str = "") -> tuple[Asked, Hold]:
    """Reject what waits; an emergency that is rejected is withdrawn. Of an erasure: for this request's whole case.

    Raises:
        LookupError: there is no such request.
        ReplyError: nothing waits, no reason is given, or somebody else decided meanwhile.
    """
    asked = find(office, request, about)
    hold = office.hold(request)
    if not because.strip():
        raise ReplyError("a rejection needs a reason: --because TEXT")
    not_erased(office, hold)
    name_no_account(office, hold, by=by)
    case = str(office.ledger.events(request)[0].body["case"])
    body: dict[str, Json] = {
        "about": asked.about,
        "user": office.settings.user,
        "asked_by": asked.asked_by,
        "text": office.seal(case, quoted(because), "text"),
        "source": "person",
    }
    body |= {"by": by} if by else {}
    for each in of_case(office, case) if asked.about == "erase" else (request,):
        for one in [asked] if each == request else waiting(office, each):
            if one.about == asked.about:
                office.append(each, [("rejected", body)], unless=undecided(one))
    return asked, office.hold(request)


def of_case(office: Office, case: str) -> tuple[str, ...]:
    """The ids of every request of a case, open or not."""
    return tuple(sorted(row.request for row in office.ledger.rows(open_only=False, case=case)))


def not_waiting(hold: Hold, about: str, what: str) -> None:
    """Refuse what may not happen before a second person approved. `what` is what was tried."""
    if about in custody.waiting(hold):
        raise ReplyError(
            f"{hold.request}: {what} waits for a second person:"
            f" first `holdfast approve {hold.request} --what {about}`"
        )
