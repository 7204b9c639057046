"""What a person learned or decided, entered into the record; it moves the clocks.

A wrong entry is refused with what to write instead, and nothing is entered. What is entered twice changes
nothing: the fold takes news once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from flows.fitting import doubts, sequence_of
from flows.office import Office
from flows.reading import meant
from ledger.interface import Event, Json
from providers.errors import GROUNDS
from providers.reading import Accounts
from timeline.custody import waiting
from timeline.days import day_in, said
from timeline.decide import Decision, decide
from timeline.state import Hold


class ReplyError(Exception):
    """The entry cannot be made. The message says why and what to write instead."""


class NamesAccount(ReplyError):
    """What would be kept in clear names an account of the request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a person enters. Which fields a kind needs and may have stands in `KINDS`.

    `on` and `until` are days at the provider, `at` an instant; `text` is sealed; `by` names the person.
    `channel` is what it was sent over, where that is not the channel it was meant for, and `to` whom it was sent to
    (an address, a desk; Reg. (EU) 2023/1543 art. 19(6)); `proof` is a file that shows
    it (a screenshot, a receipt, a proof of dispatch), kept sealed with its digest.
    """

    kind: str
    reference: str = ""
    on: date | None = None
    until: date | None = None
    at: datetime | None = None
    item: str = ""
    action: str = "send"
    ground: str = ""
    about: str = ""
    channel: str = ""
    to: str = ""
    text: str = field(default="", repr=False)
    proof: bytes = field(default=b"", repr=False)
    by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What one kind of entry means, and the fields it needs and may have besides `text`, `proof` and `by`."""

    what: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = field(default=())


KINDS: Mapping[str, Kind] = {
    "sent": Kind(what="a person sent it (portal, letter, phone)", may=("reference", "at", "action", "channel", "to")),
    "absent": Kind(what="the provider does not have what nobody knew of: send it again", may=("action",)),
    "acknowledged": Kind(what="the provider says that it has the request", may=("reference", "on", "until")),
    "preserved": Kind(what="the provider says that it keeps the data", may=("reference", "on", "until", "item")),
    "refused": Kind(what="the provider says no", needs=("ground",), may=("action", "at")),
    "clarification": Kind(what="the provider asks for clarification (EU: Annex III)", may=("at",)),
    "clarification-answered": Kind(what="the clarification was answered", may=("at",)),
    "item-not-found": Kind(what="the provider has no such account", needs=("item",)),
    "extended": Kind(what="the provider confirms the extension", may=("until", "reference")),
    "validated": Kind(what="the emergency order was validated afterwards (EU art. 4(5); Korea)", may=("at",)),
    "mla-sent": Kind(what="the MLA request left", needs=("on",), may=("reference",)),
    "mla-received": Kind(what="the requested State has the MLA request", needs=("on",), may=("reference",)),
    "production-announced": Kind(
        what="the provider was told that production has been requested (EU: Annex V)",
        needs=("on",),
        may=("reference",),
    ),
    "access-requested": Kind(what="the access request was made", needs=("on",), may=("reference",)),
    "petition-filed": Kind(what="the court was asked", needs=("on",), may=("reference",)),
    "stop-ended": Kind(
        what="what kept the data without an end is over: denied, refused or withdrawn",
        needs=("on",),
        may=("reference",),
    ),
    "expired": Kind(what="the provider says that it keeps the data no longer", may=("at",)),
    "produced": Kind(
        what="all the data were produced, and the hold may end (of a part: `note`)", may=("on", "reference")
    ),
    "released": Kind(what="a person told the provider that the hold may end", may=("at",)),
    "note": Kind(what="a remark", needs=("text",)),
    "escalation-acknowledged": Kind(what="somebody has taken it up", may=("about",)),
}
"""The kinds of entry, as typed after ``holdfast record``."""

LARGEST_PROOF = 25 << 20
"""Bytes of a proof that the ledger takes: it is kept for ever."""

_PRESUPPOSE_SENDING = frozenset(
    {"sent", "acknowledged", "preserved", "refused", "clarification", "item-not-found"}
    | {"expired", "produced", "released"}
)
"""What can only be true of a request that the provider has: entered before a second person approved the sending, it
would stand in the place of the approval."""

FIELDS = ("reference", "on", "until", "at", "item", "ground", "about", "channel", "to", "text")


Look = Callable[[Sequence[Event], Sequence[Event]], None]
"""A last look within the transaction of an entry: at the history as it stands, and as it would stand with it.

What it raises comes out, and nothing is entered.
"""


def record(office: Office, request: str, reply: Reply, *, unless: Look | None = None) -> tuple[Hold, Decision]:
    """Enter a reply; gives the hold as it stands now and what falls due next.

    `unless` is a last look, at what somebody else may have entered in the same moment.

    Raises:
        LookupError: there is no such request.
        ReplyError: the entry is incomplete, contradicts the record, lies in the future, or would show an account.
    """
    check(office, request, reply)
    hold, now = office.hold(request), office.now()
    events = _events(office, hold, reply)
    at = reply.at.astimezone(UTC) if reply.at else None
    office.append(request, events, at=at, unless=looking(unless, len(events)))
    hold = office.hold(request)
    return hold, decide(hold, office.policy, now)


def looking(unless: Look | None, new: int) -> Callable[[Sequence[Event]], None] | None:
    """A last look as `Office.append` of so many new events wants it."""
    if unless is None:
        return None
    return lambda history: unless(history[:-new], history)


def check(office: Office, request: str, reply: Reply) -> None:
    """Whether `record` would take a reply; enters nothing. Raises what `record` raises."""
    hold = office.hold(request)
    _check(hold, reply, office.now())
    _two_people(office, hold, reply)
    if reply.text or reply.proof:
        not_erased(office, hold)
    name_no_account(office, hold, reference=reply.reference, channel=reply.channel, to=reply.to, by=reply.by)


def entries(
    office: Office, request: str, reply: Reply, *, source: str = "person"
) -> list[tuple[str, Mapping[str, Json]]]:
    """The events that `record` would append, for who appends them together with others. Raises what `record` raises.

    `source` is where the news comes from, where no person entered it.
    """
    check(office, request, reply)
    return [(kind, {**body, "source": source}) for kind, body in _events(office, office.hold(request), reply)]


def _check(hold: Hold, reply: Reply, now: datetime) -> None:
    kind = KINDS.get(reply.kind)
    if kind is None:
        raise ReplyError(f"unknown kind of entry; {meant(reply.kind, KINDS)}")
    for name in kind.needs:
        if not getattr(reply, name):
            raise ReplyError(f"{reply.kind} needs --{name}")
    for name in FIELDS:
        if getattr(reply, name) and name not in (*kind.needs, *kind.may, "text"):
            raise ReplyError(f"{reply.kind} takes no --{name}")
    today = day_in(now, hold.terms.provider.zone)
    if reply.on and reply.on > today + timedelta(days=1):
        raise ReplyError(f"--on {reply.on} lies in the future (today is {today}): enter what has happened")
    if reply.at and reply.at > now + timedelta(minutes=5):
        raise ReplyError("--at lies in the future: enter what has happened")
    if len(reply.proof) > LARGEST_PROOF:
        raise ReplyError(f"--proof is larger than {LARGEST_PROOF >> 20} MB: a screenshot or a receipt is enough")
    if reply.ground and reply.ground not in GROUNDS:
        raise ReplyError(f"unknown ground; {meant(reply.ground, GROUNDS)}")
    if reply.item and reply.item not in {item.id for item in hold.items}:
        raise ReplyError(f"no such item; {meant(reply.item, [item.id for item in hold.items])}")
    if reply.about and reply.about != "all" and reply.about not in hold.escalations:
        raise ReplyError(f"nothing was escalated about that; {meant(reply.about, [*hold.escalations, 'all'])}")
    for why in doubts(hold, reply, now):
        raise ReplyError(why)


def not_erased(office: Office, hold: Hold) -> None:
    """Refuse what needs something sealed where the case was erased. `ReplyError` says when and by whom."""
    if hold.erased_at is None:
        return
    erased = next(event for event in office.ledger.events(hold.request) if event.kind == "erased")
    raise ReplyError(
        f"{hold.request}: its case was erased on {said(erased.at.date())} by {erased.actor}: its accounts, letters,"
        " messages and remarks cannot be read by anybody any more, and nothing can be sealed for it"
    )


def name_no_account(office: Office, hold: Hold, **texts: str) -> None:
    """What is kept in clear may not name an account of the request. `ReplyError` says which text does."""
    if any(texts.values()):
        not_erased(office, hold)
        sealed = str(office.ledger.events(hold.request)[0].body["sealed"])
        accounts = Accounts(item["value"] for item in json.loads(office.vault.unseal(sealed))["items"])
        for name, text in texts.items():
            if accounts.named_in(text):
                raise NamesAccount(f"--{name} names an account, and is kept in clear: put that into --text instead")


def _two_people(office: Office, hold: Hold, reply: Reply) -> None:
    """What waits for a second person is not entered as done either."""
    if reply.kind in _PRESUPPOSE_SENDING and "send" in waiting(hold):
        raise ReplyError(
            f"{hold.request} waits for a second person: first `holdfast approve {hold.request} --what send`"
        )
    releases = reply.kind == "released" or (reply.kind == "sent" and reply.action == "release")
    if not releases or hold.release_asked_at is not None or hold.erased_at is not None:
        return
    if office.policy.four_eyes.release or "release" in hold.waiting:
        raise ReplyError(
            f"{hold.request}: a release takes two people: first `holdfast release {hold.request} --because TEXT`, and"
            " another person's `holdfast approve`"
        )
    if hold.produced_at is None and not hold.unsent and not hold.ended:
        raise ReplyError(
            f"{hold.request}: nobody asked for its release, and nothing takes a release back: check the request, then"
            f" first `holdfast release {hold.request} --because TEXT`"
        )


def _told(office: Office, hold: Hold, reply: Reply) -> dict[str, Json]:
    """What every entry may say: who, the reference, and sealed the remark and the proof."""
    body: dict[str, Json] = {"source": "person"}
    case = str(office.ledger.events(hold.request)[0].body["case"])
    if reply.by:
        body["by"] = reply.by
    if reply.text:
        body["text"] = office.seal(case, quoted(reply.text), "text")
    if reply.reference:
        body["reference"] = reply.reference
    if reply.proof:
        body |= {
            "proof": office.seal(case, reply.proof, "proof"),
            "proof_sha256": hashlib.sha256(reply.proof).hexdigest(),
            "proof_size": len(reply.proof),
        }
    return body


def _events(office: Office, hold: Hold, reply: Reply) -> list[tuple[str, Mapping[str, Json]]]:
    body = _told(office, hold, reply)
    references: list[Json] = [reply.reference] if reply.reference else []
    receipt: dict[str, Json] = {"references": references} | (
        {"received_on": reply.on.isoformat()} if reply.on else {}
    )
    until: dict[str, Json] = {"held_until": reply.until.isoformat()} if reply.until else {}
    on: dict[str, Json] = {"on": reply.on.isoformat()} if reply.on else {}
    sequence = sequence_of(hold, reply.action)
    match reply.kind:
        case "sent" | "refused":
            act: dict[str, Json] = {
                "action": reply.action,
                "sequence": sequence,
                "channel": reply.channel or "person",
            }
            if reply.to:
                act["recipient"] = reply.to
            if reply.channel and reply.action == "send":
                act["abilities"] = []  # what a person sent over another channel, a person follows up
            said = (reply.kind, body | act | ({"ground": reply.ground} if reply.ground else {}))
            if not (references and reply.kind == "sent" and reply.action == "send"):
                return [said]
            who = {name: body[name] for name in ("source", "by") if name in body}
            return [said, ("acknowledged", who | {"references": references})]  # who numbers it has it
        case "absent":
            return [(reply.kind, body | {"action": reply.action, "sequence": sequence})]
        case "acknowledged":
            return [("acknowledged", body | receipt), *([("preserved", until)] if until else [])]
        case "preserved":
            if reply.item:
                kept: dict[str, Json] = {"item": reply.item, "outcome": "preserved"}
                return [("items", body | {"items": [kept | until]})]
            return [("preserved", body | receipt | until)]
        case "item-not-found":
            missing: list[Json] = [{"item": reply.item, "outcome": "not-found"}]
            return [("acknowledged", body | {"references": [], "items": missing})]
        case "extended":
            return [("extended", body | until | {"sequence": hold.granted + 1})]
        case "escalation-acknowledged":
            return [(reply.kind, body | {"about": reply.about or "all"})]
        case _:
            return [(reply.kind, body | on)]


def quoted(text: str) -> bytes:
    """A text as it is sealed."""
    return json.dumps(text, ensure_ascii=False).encode()
