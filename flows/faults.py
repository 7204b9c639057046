"""A request that we cannot work on: a fault of ours, or damage. No duty would ever tell of it, so it is told here.

Level by level until somebody takes it up, like any other matter; where the top of the ladder knows, or somebody took
it up, once a day until it is mended. What was told last stands in the history; where that cannot be written, in a
sign of life beside it, so that nobody is told in every sweep.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from flows.office import Office
from flows.telling import FAULT, Message, Told, deliver
from ledger.interface import Claim, Json, LedgerError

AGAIN = timedelta(days=1)
"""Who knows of it is told again so long afterwards."""

MENDED = 2 * AGAIN
"""What was not told for so long was mended meanwhile: another fault begins at the first level."""


def own_fault(office: Office, claim: Claim, what: str, *, so: str) -> None:
    """Tell a person that we cannot work on a request, unless that was told lately, and record it.

    Where nothing at all can be written, it is no matter of one request: no sweep begins then, and the watch tells.

    Args:
        office: the unit's open office.
        claim: the lease on the request.
        what: what is wrong, in words without any identifier.
        so: what is not done meanwhile.
    """
    level = _level(office, claim.request)
    if not level:
        return
    try:
        office.ledger.beat(FAULT, office.now(), {"request": claim.request})
    except LedgerError:
        return
    because = f"{what}; {so} until it is mended"
    told = _tell(office, claim, because, level)
    body: dict[str, Json] = {
        "about": FAULT,
        "level": level,
        "who": told.who,
        "because": because,
        "delivered": told.delivered,
        "deliveries": [dict(each) for each in told.deliveries],
    }
    try:
        office.append(claim.request, [("escalated", body)], claim=claim)
    except Exception:  # the history may be what is damaged; whatever it is, people know by now
        with suppress(LedgerError):
            office.ledger.beat(_beside(claim.request), office.now(), {"level": level, "delivered": told.delivered})


def _beside(request: str) -> str:
    """The sign of life that stands for what could not be recorded."""
    return f"{FAULT} {request}"


def _level(office: Office, request: str) -> int:
    """The level to be told now; 0: nobody, it was told lately."""
    told: list[tuple[datetime, int, bool]] = []
    taken_up: datetime | None = None
    with suppress(Exception):  # then nothing in it can be of use
        for each in office.ledger.events(request):
            if each.kind == "escalated" and each.body["about"] == FAULT:
                told.append((each.at, int(str(each.body["level"])), bool(each.body["delivered"])))
            elif each.kind == "escalation-acknowledged" and each.body["about"] in {FAULT, "all"}:
                taken_up = each.at
    with suppress(Exception):
        if beat := office.ledger.last_beat(_beside(request)):
            told.append((beat[0], int(str(beat[1]["level"])), bool(beat[1]["delivered"])))
    if not told:
        return 1
    (at, level, delivered), now, policy = max(told), office.now(), office.policy
    if taken_up is not None and taken_up >= at:
        return 1 if now >= taken_up + AGAIN else 0
    if now >= at + MENDED:
        return 1
    top = len(policy.ladder)
    if not delivered:
        wait = policy.backoff_first if level < top else policy.backoff_longest
    else:
        wait = policy.ladder[level - 1].acknowledge_within if level < top else AGAIN
    return min(level + 1, top) if now >= at + wait else 0


def _tell(office: Office, claim: Claim, because: str, level: int) -> Told:
    rung = office.policy.ladder[level - 1]
    channels = next(each for each in office.catalogue.rung_channels if each.level == rung.level)
    row = None
    with suppress(Exception):  # it may be the ledger that cannot be read
        row = office.ledger.row(claim.request)
    message = Message(
        request=claim.request,
        case=row.case if row else "",
        provider=claim.provider,
        about=FAULT,
        level=rung.level,
        who=rung.who,
        because=because,
        state=row.state if row else "",
        strict_on=row.strict_on if row else "",
        at=office.now(),
    )
    return deliver(office.settings, channels, message)
