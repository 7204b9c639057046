"""Messages that came in about requests: which are open, what they propose, and how a person settles them.

A message is recorded by `flows.mailroom` as ``message-received``; it stays open, and people are told of it, until
``message-settled``. What it proposes is entered by `confirm`, in the same append as its settlement, and by the same
rules as a person's own entry (`flows.replying`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flows.hearing import shows_extension
from flows.office import Office
from flows.opening import opened
from flows.reading import meant
from flows.replying import Reply, ReplyError, entries, name_no_account
from ledger.interface import Event, Json, LedgerBusy, LedgerError
from ledger.records import Record
from providers.mail.inbound import Delivery, Inbound, read_inbound
from providers.mail.proposals import Proposal
from timeline.acts import Act
from timeline.days import day_in
from timeline.state import Hold

SETTLED_AS = ("note", "entered", "unrelated", "spam")
"""What a person may settle a message as, besides confirming it: read and of no consequence; entered by hand with
`holdfast record`; about something else; rubbish."""

_INDEX = "inbox"
News = list[tuple[str, Mapping[str, Json]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A message as it stands in the record. `settled` is what it was settled as, "" while it is open."""

    message: str
    request: str
    at: datetime
    body: Mapping[str, Json]
    settled: str = ""

    @property
    def proposal(self) -> Mapping[str, Any]:
        """What it proposes; empty where a person must read it."""
        found = self.body.get("proposal")
        return found if isinstance(found, dict) else {}


def open_messages(office: Office) -> tuple[Received, ...]:
    """Every message that nobody has settled, oldest first.

    The record is read on from where it was last looked through; which messages were open then is kept beside it, as a
    note that can be made anew from the record at any time.
    """
    after, waiting = _noted(office)
    last = after
    for record in office.ledger.records(after=after):  # as stored: one that is damaged hides no other
        last = record.seq
        if record.kind == "message-received":
            waiting.setdefault(_message(record), record.request)
        elif record.kind == "message-settled":
            waiting.pop(_message(record), None)
    if last != after:
        listed: list[Json] = [[message, request] for message, request in waiting.items()]
        office.ledger.beat(_INDEX, office.now(), {"upto": last, "open": listed})
    found: list[Received] = []
    for request in dict.fromkeys(waiting.values()):
        try:
            found += messages(office, request)
        except LedgerBusy:
            raise
        except LedgerError as error:
            body: Mapping[str, Json] = {"faults": [f"the record of its request cannot be read now: {error}"]}
            names = [name for name, whose in waiting.items() if whose == request]
            found += [Received(message=each, request=request, at=office.now(), body=body) for each in names]
    return tuple(sorted((each for each in found if not each.settled), key=lambda each: each.at))


def _message(record: Record) -> str:
    """The digest that an event names; "" where it is damaged."""
    try:
        return str(json.loads(record.body)["message"])
    except (ValueError, TypeError, KeyError):
        return ""


def _noted(office: Office) -> tuple[int, dict[str, str]]:
    beat = office.ledger.last_beat(_INDEX)
    upto, listed = (beat[1].get("upto"), beat[1].get("open")) if beat else (None, None)
    if not isinstance(upto, int) or not isinstance(listed, list) or upto > office.ledger.head()[0]:
        return 0, {}
    return upto, {str(each[0]): str(each[1]) for each in listed if isinstance(each, list)}


def messages(office: Office, request: str) -> tuple[Received, ...]:
    """Every message about one request, settled or not, oldest first."""
    found: dict[str, Event] = {}
    settled: dict[str, str] = {}
    for event in office.ledger.events(request):
        if event.kind == "message-received":
            found.setdefault(str(event.body["message"]), event)
        elif event.kind == "message-settled":
            settled[str(event.body["message"])] = str(event.body["as"])
    return tuple(
        Received(message=name, request=request, at=event.at, body=event.body, settled=settled.get(name, ""))
        for name, event in found.items()
    )


def find(office: Office, typed: str) -> Received:
    """The message whose digest begins as typed: an open one, else a settled one.

    Raises:
        LookupError: none does, or several do; the message is for the person who typed it.
    """
    wanted = typed.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{6,64}", wanted):
        raise LookupError("a message is named by the first 6 or more characters that `holdfast inbox` shows")
    found = [each for each in open_messages(office) if each.message.startswith(wanted)]
    if not found:
        names = {
            (_message(record), record.request)
            for record in office.ledger.records()
            if record.kind == "message-received" and _message(record).startswith(wanted)
        }
        found = [each for name, request in names for each in messages(office, request) if each.message == name]
    if len({each.message for each in found}) > 1:
        raise LookupError(f"{typed} begins several messages: type more of it")
    if not found:
        raise LookupError(f"no message begins with {typed}; `holdfast inbox` lists them")
    return found[0]


# What is kept of a proposal, and what it enters


def proposal_body(proposal: Proposal) -> dict[str, Json]:
    """A proposal as it stands in an event: only what it says."""
    said: dict[str, Json] = {
        "kind": proposal.kind,
        "action": proposal.action,
        "sequence": proposal.sequence,
        "reference": proposal.reference,
        "on": proposal.received_on.isoformat() if proposal.received_on else "",
        "until": proposal.held_until.isoformat() if proposal.held_until else "",
        "ground": proposal.ground,
        "status": proposal.status,
        "doubts": list[Json](proposal.doubts),
    }
    return {name: value for name, value in said.items() if value}


def proposed(
    office: Office, request: str, proposal: Mapping[str, Any], *, source: str, by: str = "", alone: bool = False
) -> News:
    """The events that a proposal enters. `alone`: no person has read the message.

    Raises:
        ReplyError: it cannot be true of this request, or only a person can say what it means.
    """
    hold = office.hold(request)
    action, sequence = str(proposal.get("action", "send")), int(proposal.get("sequence", 1))
    kind = str(proposal["kind"])
    if kind == "undelivered":
        return _came_back(office, hold, proposal, source)
    until = _day(proposal.get("until"))
    reference, on = str(proposal.get("reference", "")), _day(proposal.get("on"))
    if kind in {"not-found", "refused"} and action == "send":
        _refuses_the_request(hold, str(proposal.get("ground", "")))
    if kind == "not-found":
        if len(hold.items) != 1:
            raise ReplyError("which account is not there? record `item-not-found` with --item, then settle it")
        reply = Reply(kind="item-not-found", item=hold.items[0].id, by=by)
    elif kind == "released":
        if hold.released_at is None:
            raise ReplyError("it says that the hold has ended, and nobody released it: ask the provider at once")
        return []  # what we told it, it confirms
    elif kind == "refused":
        if action == "extend" and sequence != hold.granted + 1:
            raise ReplyError(f"extension {sequence} was confirmed before: read the message, then settle it")
        reply = Reply(kind=kind, action=action, ground=str(proposal.get("ground", "other")), by=by)
    elif kind == "extended":
        if action == "extend" and sequence <= hold.granted:
            raise ReplyError(f"extension {sequence} is confirmed already: settle it as `note`")
        _extends(hold, until, alone=alone)
        reply = Reply(kind=kind, reference=reference, until=until, by=by)
    else:
        if until and hold.granted and hold.expiry is not None and until <= hold.expiry.strict_on:
            raise ReplyError(  # news from before the extension, come late or again
                f"it names an end, {until}, that the extension has passed: settle it as `note`, or record "
                "`preserved` with --until if the provider takes the extension back"
            )
        reply = Reply(kind=kind, reference=reference, on=_received(hold, action, on), until=until, by=by)
    return entries(office, request, reply, source=source)


def _asked(hold: Hold) -> Act | None:
    """The next extension, where it was sent or may have been."""
    act = hold.act("extend", hold.granted + 1)
    return act if act is not None and (act.outcome == "sent" or act.open) else None


def _received(hold: Hold, action: str, on: date | None) -> date | None:
    """The day on which the request was received; a receipt of another message of ours says nothing of that."""
    extension = _asked(hold)
    if on and action == "send" and extension and on >= day_in(extension.began_at, hold.terms.provider.zone):
        raise ReplyError(f"which message was received on {on}? An extension was asked for: read it, then record it")
    return on if action == "send" else None


def _refuses_the_request(hold: Hold, ground: str) -> None:
    """A refusal that is not said to be of another message is of the request only where it can be of nothing else."""
    if ground == "extension-not-granted":
        raise ReplyError("it refuses an extension: record `refused` with --action extend if one was asked for")
    if hold.in_force_at is not None or _asked(hold) is not None:
        raise ReplyError(
            "which message does it refuse? The data are kept already, or an extension was asked for: read it, record "
            "`refused` with --action, or `expired` if nothing is kept any more, then settle it as `entered`"
        )


def _extends(hold: Hold, until: date | None, *, alone: bool) -> None:
    """Whether a message can confirm an extension: the same news again, and a receipt of our asking, confirm none."""
    number = hold.granted + 1
    if alone and _asked(hold) is None:
        raise ReplyError(f"nobody asked for extension {number}: confirm it if the provider keeps the data longer")
    if until is not None and hold.expiry is not None and not shows_extension(hold, until):
        raise ReplyError(
            f"{until} is no later than what the hold has without the extension: it confirms none; record `preserved`"
            " with --until if it is a last day that was not known, then settle it as `entered`; else as `note`"
        )


def _came_back(office: Office, hold: Hold, proposal: Mapping[str, Any], source: str) -> News:
    """What was handed over never arrived: it counts as not sent, and a person sends it another way."""
    action, sequence, status = str(proposal["action"]), int(proposal["sequence"]), proposal.get("status")
    act = hold.act(action, sequence)
    sent = _sent(office, hold.request, action, sequence)
    if act is None or act.outcome != "sent" or not sent:
        raise ReplyError(f"no {action} of this request is on its way: settle the message as `note`")
    if sent[-1].get("source") or sent[-1].get("channel") == "person":
        raise ReplyError(f"the {action} was sent another way meanwhile: settle the message as `note`")
    body: dict[str, Json] = {
        "action": action,
        "sequence": sequence,
        "reason": f"it came back undelivered{f' ({status})' if status else ''}",
        "undelivered": True,
        "source": source,
    }
    return [("unsupported", body)]


def _sent(office: Office, request: str, action: str, sequence: int) -> list[Mapping[str, Json]]:
    """What is recorded of each sending of one of our messages, oldest first."""
    return [
        event.body
        for event in office.ledger.events(request)
        if event.kind == "sent" and (event.body["action"], event.body["sequence"]) == (action, sequence)
    ]


def part_lost(office: Office, request: str, proposal: Proposal, deliveries: Sequence[Delivery]) -> tuple[str, ...]:
    """The doubt about a report that does not say of every address we wrote to that nothing arrived there."""
    sent = _sent(office, request, proposal.action, proposal.sequence)
    to = [each.strip() for each in str(sent[-1].get("recipient", "")).split(",")] if sent else []
    lost = {address for each in deliveries if each.action == "failed" for address in each.recipients}
    named = [each for each in to if each.lower() in lost]
    if len(to) <= 1 or len(named) == len(to):
        return ()
    which = (
        f"of {', '.join(named)} alone is said that it did not arrive" if named else "which did not get it is not said"
    )
    return (f"it was sent to {len(to)} addresses, and {which}",)


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)) if text else None


# What a person does with a message


def confirm(office: Office, typed: str, *, by: str = "") -> tuple[Received, Hold]:
    """Enter what a message proposes, and settle it, in one append. Gives the message and the hold as it stands now.

    Raises:
        LookupError: there is no such message.
        ReplyError: it proposes nothing, is settled already, or what it proposes cannot be true.
    """
    received = find(office, typed)
    if received.settled:
        raise ReplyError(f"{received.message[:12]} is settled already, as {received.settled}")
    if not received.proposal:
        raise ReplyError(
            f"{received.message[:12]} proposes nothing: read it (`holdfast inbox show`), enter what it says with "
            "`holdfast record`, then `holdfast inbox settle --as entered`"
        )
    news = proposed(office, received.request, received.proposal, source="mail, confirmed by a person", by=by)
    name_no_account(office, office.hold(received.request), by=by)
    settled = settlement(received.message, str(received.proposal["kind"]), by)
    office.append(received.request, [*news, settled])
    return received, office.hold(received.request)


def settle(office: Office, typed: str, *, as_: str, by: str = "") -> Received:
    """Settle a message without entering anything.

    Raises:
        LookupError: there is no such message.
        ReplyError: it is settled already, or `as_` is none of `SETTLED_AS`.
    """
    if as_ not in SETTLED_AS:
        raise ReplyError(f"a message is settled as one of these; {meant(as_, SETTLED_AS)}")
    received = find(office, typed)
    if received.settled:
        raise ReplyError(f"{received.message[:12]} is settled already, as {received.settled}")
    name_no_account(office, office.hold(received.request), by=by)
    office.append(received.request, [settlement(received.message, as_, by)])
    return received


def settlement(message: str, as_: str, by: str = "") -> tuple[str, Mapping[str, Json]]:
    """The event that closes a message."""
    return "message-settled", {"message": message, "as": as_, **({"by": by} if by else {})}


def content(office: Office, received: Received, because: str = "") -> tuple[bytes, Inbound]:
    """The bytes of a message and what they say, for the person who reads it; that they do is recorded.

    An open message is read to settle it; one that is settled is read for a reason that the person gives.

    Raises:
        ReplyError: it is settled and no reason is given, or its case was erased.
        LedgerError: what is sealed was altered.
    """
    duty = "" if received.settled or because.strip() else "to settle it"
    what = f"message {received.message[:12]}"
    opened(office, received.request, what, because, duty=duty, message=received.message)
    raw = office.vault.unseal(str(received.body["raw"]))
    return raw, read_inbound(raw, is_request=lambda text: None)


def masked(office: Office, request: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Texts with every account of the request replaced by its place in the case file, such as [i1]."""
    try:
        sealed = str(office.ledger.events(request)[0].body["sealed"])
        items = json.loads(office.vault.unseal(sealed))["items"]
    except LedgerError:
        items = []
    by_length = sorted(items, key=lambda each: -len(each["value"]))
    return tuple(_without(text, by_length) for text in texts)


def _without(text: str, items: Sequence[Mapping[str, str]]) -> str:
    for each in items:
        if value := each["value"].strip():
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"[{each['item']}]", text, flags=re.IGNORECASE)
    return text


def unmatched(office: Office) -> Iterator[str]:
    """One line for what waits in the mailbox and belongs to no request; nothing where none does."""
    beat = office.ledger.last_beat("mail")
    waiting = beat[1].get("unmatched") if beat else 0
    if isinstance(waiting, int) and waiting:
        yield f"{waiting} in the mail folder Holdfast/Unmatched: read there, and enter what concerns a request"
    if beat and (why := beat[1].get("failure")):
        yield f"the mailbox could not be read: {why}"
