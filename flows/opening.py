"""Reading what is sealed: a person who takes out or looks at sealed contents is recorded, with what and why.

Directive (EU) 2016/680 art. 25: consultation and disclosure are logged with their reason, and so that it can be told
who did it. The event ``opened`` is recorded before the first byte is out; what was opened and the duty it serves
stand in clear, and stay after the case was erased; a person's own words are sealed.

What machines read needs none: what is sent to a provider is its intent and its ``sent``; the mailroom compares
messages with accounts and shows nobody either; an entry is held against the accounts so that it names none.
"""

from __future__ import annotations

from flows.office import Office
from flows.replying import ReplyError, not_erased, quoted
from ledger.interface import Json


def opened(office: Office, request: str, what: str, because: str = "", *, duty: str = "", **facts: Json) -> None:
    """Record that a person opens something sealed. Call it before anything is shown or written.

    Args:
        office: the unit's open office; its actor is who.
        request: the request that it belongs to.
        what: what is opened, in clear and in our own words ("packet to send by portal").
        because: why, in the person's words; sealed.
        duty: why, where the act itself says it ("to say it to the provider"); in clear.
        facts: what identifies the bytes, such as a SHA-256; in clear.

    Raises:
        LookupError: there is no such request.
        ReplyError: no reason is given; or the case was erased, so that there is nothing to open.
    """
    hold = office.hold(request)
    not_erased(office, hold)
    if not duty and not because.strip():
        raise ReplyError(f"opening the {what} is recorded with a reason: --because TEXT")
    body: dict[str, Json] = {"what": what, "source": "person", **facts}
    if duty:
        body["duty"] = duty
    if because.strip():
        case = str(office.ledger.events(request)[0].body["case"])
        body["text"] = office.seal(case, quoted(because), "text")
    office.append(request, [("opened", body)])
