"""Erasing a case: its key is destroyed, so that what was sealed for it cannot be read by anybody any more.

Events, proofs and statistics stay valid: events name sealed bytes by their digest and accounts by keyed digests. What
no erasing reaches stands in docs/custody.md.

First ``erased`` is recorded on every request of the case, then the key is destroyed. Cut off in between, the case
still has its key and says of itself that it was erased: `unfinished` finds that, and erasing again completes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows import four_eyes
from flows.office import Office
from flows.replying import ReplyError
from flows.sweeping import LEASE
from ledger.interface import Claim, Json, LedgerBusy
from ledger.vault import Erased
from providers.reading import Accounts
from timeline.decide import duties
from timeline.state import Hold, State


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """A request of the case that is not final: how it stands, and what a person does about it first."""

    request: str
    state: str
    fix: str


class StillOpen(ReplyError):
    """Requests of the case are not final: erased now, nobody could release or extend them any more."""

    def __init__(self, case: str, requests: Sequence[Open]) -> None:
        self.requests = tuple(requests)
        listed = "".join(f"\n  {each.request} ({each.state}): {each.fix}" for each in requests)
        super().__init__(
            f"case {case} has {len(requests)} open request{'s' * (len(requests) > 1)}: nothing was erased.{listed}\n"
            "  or, where the data must go whatever the provider keeps: --open-too"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What became of it. `waits`: for a second person, and nothing was erased.

    `open_too`: requests that were open; `held`: those that the provider may hold, also from an erasing before this: a
    person has to tell it. `before`: since when all of it had been erased already; None if it was now.
    `files`: folders of packets that were taken out for the case and are still on this machine.
    """

    case: str
    requests: tuple[str, ...]
    open_too: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    waits: bool = False
    before: datetime | None = None


def erase(office: Office, case: str, *, because: str, by: str = "", open_too: bool = False) -> Erasure:
    """Erase a case, or ask for it where that takes two people. Repeating completes what was cut off.

    Args:
        office: the unit's open office.
        case: its reference.
        because: why, kept in clear for ever: nothing of the case can be sealed any more.
        by: whose decision it is, if not the actor's.
        open_too: also where requests are open.

    Raises:
        LookupError: the ledger has no such case.
        StillOpen: requests are open, and `open_too` was not said; names them.
        ReplyError: no reason is given, or a text names an account of the case.
        LedgerBusy: a request is being worked on just now; or a reader still holds a page with the key: repeat.
    """
    requests = of_case(office, case)
    _harmless(office, requests, because=because, by=by)
    still = open_requests(office, requests)
    if still and not open_too:
        raise StillOpen(case, still)
    body: dict[str, Json] = {"because": because.strip(), **({"by": by} if by else {})}
    left = [each for each in requests if office.hold(each).erased_at is None]
    if left and (office.policy.four_eyes.erase or any("erase" in office.hold(each).waiting for each in left)):
        return _ask(office, case, left, body | {"open_too": open_too})
    return _carry_out(office, case, body)


def approve(office: Office, request: str, *, by: str = "", shown: int = 0) -> Erasure:
    """Approve the erasure of a request's case, as another person than who asked for it, and carry it out.

    `shown` is as in `flows.four_eyes.find`.

    Raises:
        LookupError: there is no such request.
        ReplyError: no erasure waits, this person asked for it, or somebody else decided meanwhile.
        StillOpen: requests were opened since it was asked for.
        LedgerBusy: as `erase`.
    """
    asked = four_eyes.find(office, request, "erase", shown=shown)
    four_eyes.another_person(office.settings, asked)
    case = str(office.ledger.events(request)[0].body["case"])
    requests = of_case(office, case)
    _harmless(office, requests, because=str(asked.body["because"]), by=by)
    still = open_requests(office, requests)
    if still and not asked.body.get("open_too"):
        raise StillOpen(case, still)
    body: dict[str, Json] = {key: asked.body[key] for key in ("because", "by") if key in asked.body}
    return _carry_out(office, case, body | {"asked_by": asked.asked_by}, approved=asked, by=by)


def open_requests(office: Office, requests: Sequence[str]) -> tuple[Open, ...]:
    """Those that are not final, apart from waiting for this very erasure; in the order given."""
    return tuple(_open(office, office.hold(each)) for each in requests if _is_open(office, office.hold(each)))


def unfinished(office: Office) -> tuple[str, ...]:
    """Cases that were recorded as erased and whose key is still there: erase them again.

    Reads the whole record.
    """
    erased = dict.fromkeys(event.request for event in office.ledger.all_events() if event.kind == "erased")
    left = [each for each in erased if key_is_left(office, each)]
    return tuple(dict.fromkeys(str(office.ledger.events(each)[0].body["case"]) for each in left))


def key_is_left(office: Office, request: str) -> bool:
    """Whether an erased request's facts can still be read, because its erasing was cut off."""
    first = office.ledger.events(request)[0].body
    try:
        office.vault.unseal(str(first["sealed"]))
    except Erased:
        return False
    return True


def of_case(office: Office, case: str) -> tuple[str, ...]:
    """Every request of a case. `LookupError` if the ledger has none; the message is for the person who typed it."""
    found = four_eyes.of_case(office, case)
    if not found:
        raise LookupError(f"there is no case {case} in this ledger; `holdfast board` shows the references")
    return found


def _harmless(office: Office, requests: Sequence[str], *, because: str, by: str) -> None:
    """Refuse a reason that names an account: it is kept in clear, and is all that is left."""
    if not because.strip():
        raise ReplyError("erasing needs a reason: --because TEXT, kept in clear")
    for request in requests:
        try:
            facts = json.loads(office.vault.unseal(str(office.ledger.events(request)[0].body["sealed"])))
        except Erased:
            continue
        accounts = Accounts(item["value"] for item in facts["items"])
        for name, text in (("because", because), ("by", by)):
            if accounts.named_in(text):
                raise ReplyError(f"--{name} names an account of {request}, and is kept in clear for ever")


def _is_open(office: Office, hold: Hold) -> bool:
    wanted = duties(hold, office.policy)
    return hold.erased_at is None and any(each.about != "approval:erase" for each in wanted)


def _open(office: Office, hold: Hold) -> Open:
    request = hold.request
    if hold.unsent and not hold.ended:
        fix = "not sent: let it be sent and release it"
        if "send" in hold.waiting:
            fix = f"`holdfast reject {request} --because TEXT`"
    elif not hold.ended:
        fix = f"`holdfast release {request} --because TEXT`, and wait for the provider's word"
    elif hold.state is State.PRODUCED:
        fix = f"`holdfast release {request} --because TEXT`: the provider still has the copy"
    else:
        fix = f"`holdfast record escalation-acknowledged {request}`, when what it says is seen to"
    return Open(request=request, state=str(hold.state), fix=fix)


def _ask(office: Office, case: str, requests: Sequence[str], body: Mapping[str, Json]) -> Erasure:
    for each in requests:
        if "erase" not in office.hold(each).waiting:
            office.append(each, [four_eyes.asking(office.settings, "erase", body)])
    return Erasure(case=case, requests=tuple(requests), waits=True)


def _carry_out(
    office: Office, case: str, body: Mapping[str, Json], *, approved: four_eyes.Asked | None = None, by: str = ""
) -> Erasure:
    """Record it on every request, destroy the key, and look once more for what was registered meanwhile.

    `approved` is what was asked for, where it took two people, and `by` whose approval it is.
    """
    opened: list[str] = []
    already = [office.hold(each).erased_at for each in of_case(office, case)]
    while left := [each for each in of_case(office, case) if office.hold(each).erased_at is None]:
        opened += [each.request for each in open_requests(office, left)]
        with _leased(office, left) as claims:
            for each in sorted(left, key=lambda each: approved is None or each != approved.request):
                _record(office, claims[each], body, approved, by)
    office.vault.erase(case)
    for each in of_case(office, case):
        if office.hold(each).erased_at is None and not key_is_left(office, each):
            office.append(each, [("erased", body)])  # registered between the last look and the end of the key
    requests = of_case(office, case)
    held = [each for each in requests if duties(office.hold(each), office.policy)]
    before = None if None in already else max(each for each in already if each)
    return Erasure(
        case=case,
        requests=requests,
        open_too=tuple(opened),
        held=tuple(held),
        files=tuple(_files(office, requests)),
        before=before,
    )


def _record(
    office: Office, claim: Claim, body: Mapping[str, Json], approved: four_eyes.Asked | None, by: str
) -> None:
    """Record it on one request. `ReplyError` if it was approved, and somebody rejects it in the same moment."""
    request = claim.request
    erased: tuple[str, Mapping[str, Json]] = ("erased", body)
    asked = [each for each in four_eyes.waiting(office, request) if each.about == "erase"]
    if approved is not None and request == approved.request:
        asked = [approved]
    if approved is None or not asked:
        office.append(request, [erased], claim=claim)
        return
    approval = four_eyes.approval(office, asked[0], by=by)
    office.append(request, [approval, erased], claim=claim, unless=four_eyes.undecided(asked[0]))


@contextmanager
def _leased(office: Office, requests: Sequence[str]) -> Iterator[dict[str, Claim]]:
    """Nobody acts on these requests meanwhile: what is being sent could not be recorded any more."""
    now, claims = office.now(), dict[str, Claim]()
    try:
        for each in requests:
            found = office.ledger.claim(now, owner=office.owner, until=now + LEASE, limit=1, request=each)
            if not found:
                raise LedgerBusy(f"{each} is being worked on just now: nothing was erased; try again in five minutes")
            claims[each] = found[0]
        yield claims
    finally:
        for claim in claims.values():
            office.ledger.give_back(claim)


def _files(office: Office, requests: Sequence[str]) -> Iterator[Path]:
    """Folders that `holdfast packet` wrote into the home for these requests."""
    for each in requests:
        yield from sorted(office.settings.packets_path.glob(f"{each}-*"))
