"""What a person asks us to tell the provider: an end, a production requested, an answer to its question.

Here it is only recorded; the next act on the request says it (`flows.acting`), by machine or through a person.
"""

from __future__ import annotations

from datetime import date, timedelta

from flows.four_eyes import asking
from flows.office import Office
from flows.replying import ReplyError, name_no_account, not_erased, quoted
from ledger.interface import Json
from timeline.custody import waiting
from timeline.days import day_in
from timeline.state import Hold, State


def release(office: Office, request: str, *, because: str, by: str = "") -> Hold:
    """Ask for the release of a hold; the next act on it tells the provider.

    Where the policy says that it takes two people, it waits for the second one (`flows.four_eyes`).

    Raises:
        LookupError: there is no such request.
        ReplyError: it has ended already, no reason is given, or `by` names an account.
    """
    hold = office.hold(request)
    if not because.strip():
        raise ReplyError("a release needs a reason: --because TEXT")
    if hold.ended and hold.state is not State.PRODUCED:
        raise ReplyError(f"{request} is {hold.state} already: there is nothing to release")
    _was_sent(hold, "nothing to release")
    if "release" in waiting(hold):
        raise ReplyError(f"{request}: its release waits for a second person already: `holdfast approve {request}`")
    if office.policy.four_eyes.release and hold.release_asked_at is None:
        name_no_account(office, hold, by=by)
        body: dict[str, Json] = {"text": _sealed(office, hold, because)}
        if by:
            body["by"] = by
        office.append(request, [asking(office.settings, "release", body)])
        return office.hold(request)
    return _ask(office, hold, "release-asked", {"text": _sealed(office, hold, because)}, by=by)


def announce(office: Office, request: str, *, on: date | None = None, reference: str = "", by: str = "") -> Hold:
    """Ask that the provider be told that production was requested (EU: Annex V); the next act on it tells it.

    The provider then keeps the data beyond the last day, so this must be said while the hold still runs
    (Reg. (EU) 2023/1543 art. 11(1)): the production request need only be issued, not yet sent (recital 60).

    Args:
        office: the unit's open office.
        request: its id.
        on: the day the production request was issued; today if left out.
        reference: the production request's own reference, kept in clear.
        by: whose decision it is, if not the actor's.

    Raises:
        LookupError: there is no such request.
        ReplyError: the instrument knows no announcement, it was made already, nothing is held, or a text names
            an account.
    """
    hold = office.hold(request)
    if not any(stop.kind == "production-announced" for stop in hold.terms.instrument.stop_events):
        raise ReplyError(f"{hold.terms.instrument.id} knows no announcement of a production request")
    if "production-announced" in hold.stops:
        raise ReplyError(f"{request}: the production was announced on {hold.stops['production-announced']} already")
    if hold.ended:
        raise ReplyError(f"{request} is {hold.state} already: an announcement keeps nothing any more")
    _was_sent(hold, "no hold to keep")
    today = day_in(office.now(), hold.terms.provider.zone)
    if on is not None and on > today + timedelta(days=1):
        raise ReplyError(f"--on {on} lies in the future (today is {today}): announce what was issued")
    body: dict[str, Json] = {"on": (on or today).isoformat(), "reference": reference}
    return _ask(office, hold, "announce-asked", body, by=by, reference=reference)


def answer(office: Office, request: str, *, text: str, by: str = "") -> Hold:
    """Ask that the provider's question be answered; the next act on it answers.

    Where the law gives us five days (EU: art. 11(5)), the clock stops when the answer has left, not before.

    Raises:
        LookupError: there is no such request.
        ReplyError: nothing is asked, the text is empty, or `by` names an account.
    """
    hold = office.hold(request)
    if hold.clarification is None or hold.clarification[2]:
        raise ReplyError(f"{request}: the provider asks nothing; record `clarification` first")
    if not text.strip():
        raise ReplyError("an answer needs a text: --text TEXT")
    return _ask(office, hold, "answer-asked", {"text": _sealed(office, hold, text)}, by=by)


def _was_sent(hold: Hold, so: str) -> None:
    if hold.strict_start is None:
        raise ReplyError(f"{hold.request} was never sent: there is {so}")


def _sealed(office: Office, hold: Hold, text: str) -> str:
    not_erased(office, hold)
    return office.seal(str(office.ledger.events(hold.request)[0].body["case"]), quoted(text), "text")


def _ask(office: Office, hold: Hold, kind: str, body: dict[str, Json], **clear: str) -> Hold:
    name_no_account(office, hold, **clear)
    if clear.get("by"):
        body["by"] = clear["by"]
    office.append(hold.request, [(kind, body)])
    return office.hold(hold.request)
