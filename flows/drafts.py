"""Drafts: a case that an officer prepared on a terminal, and that somebody lets go in the Prefect UI or here.

A draft is registered and sealed like any request: it stands on the board, and people are told of it where nobody lets
it go. Nothing is sent before the go-ahead, which is given once for all requests that were drafted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from flows.office import Office
from flows.replying import ReplyError, name_no_account
from flows.settings import Settings
from ledger.interface import Event, Json
from timeline.custody import waits_as_draft


def drafting(settings: Settings, draft: str) -> tuple[str, dict[str, Json]]:
    """The event by which a request becomes part of a draft. `draft` is the same for all that are drafted together."""
    return "drafted", {"draft": draft, "user": settings.user, "source": "person"}


def drafted_with(office: Office, request: str) -> tuple[str, ...]:
    """All requests that were drafted together with one, in the order of the case.

    Raises:
        LookupError: there is no such request.
        ReplyError: it was never a draft.
    """
    office.hold(request)
    draft, case = _draft_of(office, request), office.case(request)
    if not draft:
        raise ReplyError(f"{request} is no draft: it was registered to be sent")
    found = [row.request for row in office.ledger.rows(open_only=False, case=case)]
    together = [each for each in found if _draft_of(office, each) == draft]
    return tuple(sorted(together, key=lambda each: office.ledger.events(each)[0].seq))


def send_draft(office: Office, request: str, by: str = "", *, run: str = "") -> list[str]:
    """Give the go-ahead for a draft; the next act on each of its requests sends it.

    Args:
        office: the unit's open office.
        request: any of the draft's requests.
        by: who gives it, where that is not the actor.
        run: the run in Prefect by which a person gives it. Begun again, it goes on with what it let go itself.

    Returns:
        The requests that may be sent now, in the order of the case.

    Raises:
        LookupError: there is no such request.
        ReplyError: it is no draft, was withdrawn, or somebody gave the go-ahead before; nothing is entered.
    """
    together = drafted_with(office, request)
    for each in together:
        name_no_account(office, office.hold(each), by=by)
    body: dict[str, Json] = {"user": office.settings.user, "source": "person"}
    body |= {name: value for name, value in (("by", by), ("run", run)) if value}
    sent = [each for each in together if run and _let_go_by(office, each) == run]
    for each in together:
        if waits_as_draft(office.hold(each)):
            with suppress(_WaitsNoLonger):
                office.append(each, [("go-ahead", body)], unless=partial(_still_waits, office))
                sent.append(each)
    if not sent:
        raise ReplyError(_why_not(office, request))
    return sent


def _let_go_by(office: Office, request: str) -> str:
    """The run in Prefect by which a draft was let go; "" where it was not, or elsewhere."""
    given = next((event for event in office.ledger.events(request) if event.kind == "go-ahead"), None)
    return str(given.body.get("run", "")) if given else ""


class _WaitsNoLonger(Exception):
    """Somebody else gave the go-ahead, or withdrew the draft, in the same moment."""


def _still_waits(office: Office, history: Sequence[Event]) -> None:
    """For the append: nothing is written if the draft waits for nobody any more."""
    if not waits_as_draft(office.histories.fold(history[:-1])):
        raise _WaitsNoLonger


def _why_not(office: Office, request: str) -> str:
    given = next((event for event in office.ledger.events(request) if event.kind == "go-ahead"), None)
    if given is None:
        return f"{request} is {office.hold(request).state}: there is nothing to send any more"
    who = given.body.get("by") or given.actor
    return f"{request}: {who} gave the go-ahead already, on {given.at:%d %b %Y at %H:%M} UTC; it is sent once"


def _draft_of(office: Office, request: str) -> str:
    for event in office.ledger.events(request)[:3]:  # it stands beside the registration
        if event.kind == "drafted":
            return str(event.body["draft"])
    return ""
