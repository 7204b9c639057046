"""What a person asks us to tell the provider: an end, a production requested, an answer to its question.

Here it is only recorded; the next act on the request says it (`flows.acting`), by machine or through a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from flows.four_eyes import asking
from flows.office import Office
from flows.replying import Look, ReplyError, looking, name_no_account, not_erased, quoted
from ledger.interface import Event, Json
from timeline.custody import waiting, waits_as_draft
from timeline.days import day_in, said, said_long
from timeline.state import Hold, State
from timeline.window import Window, extension_window


def release(office: Office, request: str, *, because: str, by: str = "", unless: Look | None = None) -> Hold:
    """Ask for the release of a hold; the next act on it tells the provider. A draft is withdrawn, and nobody is told.

    Where the policy says that it takes two people, it waits for the second one (`flows.four_eyes`). `unless` is a
    last look within the same transaction.

    Raises:
        LookupError: there is no such request.
        ReplyError: it has ended already, no reason is given, or `by` names an account.
    """
    hold = office.hold(request)
    if not because.strip():
        raise ReplyError("a release needs a reason: --because TEXT")
    if hold.ended and hold.state is not State.PRODUCED:
        raise ReplyError(f"{request} is {hold.state} already: there is nothing to release")
    if waits_as_draft(hold):
        unless = _still_a_draft(office, unless)
        return _ask(office, hold, "release-asked", {"text": _sealed(office, hold, because)}, unless=unless, by=by)
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
    return _ask(office, hold, "release-asked", {"text": _sealed(office, hold, because)}, unless=unless, by=by)


def _still_a_draft(office: Office, unless: Look | None) -> Look:
    """To withdraw a draft takes one person and tells nobody: once it is let go, its release is another matter."""

    def look(before: Sequence[Event], after: Sequence[Event]) -> None:
        if unless is not None:
            unless(before, after)
        if not waits_as_draft(office.histories.fold(before)):
            raise ReplyError(
                f"{after[-1].request}: somebody let it go just now, so it is no draft any more; look how it stands,"
                " and ask for its release if it is still to end"
            )

    return look


def extend(office: Office, request: str, *, by: str = "", unless: Look | None = None) -> Hold:
    """Ask for the next extension before its best day; the next act on the request sends it.

    `unless` is a last look within the same transaction.

    Raises:
        LookupError: there is no such request.
        ReplyError: there is none to send now; says why, and from when.
    """
    hold = office.hold(request)
    window = can_extend(office, hold)
    return _ask(office, hold, "extend-asked", {"sequence": window.number, "source": "person"}, unless=unless, by=by)


def can_extend(office: Office, hold: Hold) -> Window:
    """The window of the extension that a machine may send now. `ReplyError`: there is none; why, and from when."""
    request, window = hold.request, extension_window(hold, office.policy)
    if hold.ended or hold.leaving:
        raise ReplyError(f"{request} is {hold.state}: there is nothing to extend any more")
    _was_sent(hold, "nothing to extend")
    if window is None:
        raise ReplyError(f"{request}: {_no_extension(hold)}")
    what = f"extension {window.number} of {window.period}"
    if (standing := window.standing(office.now())) == "too early":
        raise ReplyError(f"{request}: {what} may be sent from {said_long(window.opens_on)} on, not before")
    if standing == "impossible":
        raise ReplyError(f"{request}: the hold ended {said_long(window.ends.legal_base_on)}, too late for {what}")
    act = hold.act("extend", window.number)
    if act is not None and act.outcome == "sent":
        raise ReplyError(
            f"{request}: {what} was sent on {said(act.last_at.date())} and waits for the provider's word"
        )
    if act is not None and act.open:
        raise ReplyError(f"{request}: nobody knows whether the provider has {what}: ask it, and record what it says")
    if not hold.terms.abilities.extend or (act is not None and act.outcome == "unsupported"):
        raise ReplyError(
            f"{request}: no machine can ask this provider for {what}: take out the packet (`holdfast packet {request}"
            " --action extend`), send it, and record it"
        )
    return window


def _no_extension(hold: Hold) -> str:
    """Why no extension may be asked for."""
    if hold.stop is not None:
        return "the hold has no end since a stop event was recorded: there is nothing to extend"
    if hold.kept_until is not None:
        return (
            f"by law the data are kept without an end, yet the provider says until {hold.kept_until}: have it take"
            " that back, and record `preserved`"
        )
    if hold.extension_refused:
        return "the provider refused the extension: send a new request, or find another way before the hold ends"
    if hold.granted:
        return f"no further extension may be asked for after the {hold.granted} in force"
    return f"{hold.terms.instrument.id} knows no extension at this provider; send a new request instead"


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


def press(office: Office, requests: Sequence[str], what: str, *, by: str, run: str) -> None:
    """Record who wanted now what falls due by itself: "send", "tell". A run that is carried out again says it once.

    With a request whose case was erased nothing is recorded: whether `by` names an account of it, nobody can say.

    Raises:
        LookupError: there is no such request.
        ReplyError: `by` names an account of one of them; nothing is recorded with any.
    """
    holds = [hold for hold in map(office.hold, requests) if hold.erased_at is None]
    for hold in holds:
        name_no_account(office, hold, by=by)
    for hold in holds:
        events = office.ledger.events(hold.request)
        if not any(event.kind == "note" and event.body.get("run") == run for event in events):
            _ask(office, hold, "note", {"pressed": what, "run": run}, by=by)


def _ask(
    office: Office, hold: Hold, kind: str, body: dict[str, Json], *, unless: Look | None = None, **clear: str
) -> Hold:
    name_no_account(office, hold, **clear)
    if clear.get("by"):
        body["by"] = clear["by"]
    office.append(hold.request, [(kind, body)], unless=looking(unless, 1))
    return office.hold(hold.request)
