"""Whether the ledger that was opened is the one that was left: looked at whenever an office opens, in a millisecond.

The newest heads in the file of heads must fit the ledger. Where one does not, the ledger was restored from an old
backup, or its record was rewritten: then nothing is sent before a person has said how it goes on (`flows.restored`),
since what was sent after the backup is not known here. A clock that was set back is only told: every act is still
recorded in its order, and what is due later waits.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.headfile import path_of, standing
from ledger.heads import Head, HeadError, check, public_key, signing_key
from ledger.interface import Ledger, LedgerDamaged, LedgerUnusable

if TYPE_CHECKING:
    from flows.office import Office

HELD = 8
"""So many of the newest heads are held against the ledger: of a history that forked, the newest alone may fit."""

BACK = timedelta(minutes=1)
"""A clock that is so far behind what was recorded was set back; less is what machines differ by."""


class HistoryLost(LedgerUnusable):
    """The ledger is behind its own signed heads, or another than they prove. Nothing is sent; a person decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubts:
    """What is not as it should be, each in words, "" where all is well.

    `history`: nothing may be sent. `head` is the one that does not fit then. `clock`, `file`: to be told.
    """

    history: str = ""
    head: Head | None = None
    clock: str = ""
    file: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(each for each in (self.history, self.clock, self.file) if each)


def look(office: Office, now: datetime) -> Doubts:
    """What is to be doubted of a ledger that was just opened. `LedgerError`: it cannot be read."""
    ledger, path = office.ledger, path_of(office.settings)
    clock, file = clock_back(office, now), ""
    written = _was_written(office, path)  # asked before the file is read: another process may be writing it just now
    try:
        heads = standing(path, ledger.identity.ledger)
        head = heads[0] if heads else None
        if head is not None and (why := _not_ours(office, head)):
            file = f"{path}: its newest head of this ledger (event {head.events}) is not ours: {why}"
            file += f"; `holdfast heads check {path}` looks at all of them"
            heads = standing(path, ledger.identity.ledger, unless=lambda each: bool(_not_ours(office, each)))
    except OSError as error:
        return Doubts(clock=clock, file=f"{path}: the file of heads cannot be read: {error.strerror or error}")
    if not heads and not file and written:
        file = (
            f"{path}: no signed head of this ledger stands there any more: was it moved, is its disk missing? Until"
        )
        file += " one does, a restored backup would not be noticed; `holdfast heads sign` writes it anew"
    for head in heads[:HELD]:
        if (wrong := misfit(ledger, head)) and not _not_ours(office, head):
            return Doubts(clock=clock, file=file, history=_history(wrong, str(path)), head=head)
    return Doubts(clock=clock, file=file)


def _was_written(office: Office, path: Path) -> bool:
    """Whether a head of this ledger was brought into this file once: `flows.heads` notes where the last one went.

    Machines that share a database may each have a file of their own.
    """
    beat = office.ledger.last_beat("heads")
    place = beat[1].get("file") if beat else ""
    return bool(place) and (office.settings.in_a_file or place == f"{socket.gethostname()}:{path}")


def _not_ours(office: Office, head: Head) -> str:
    """Why a head is not one that this unit signed, "" if it is. One that was found to be ours stays ours."""
    if head == office.ours:
        return ""
    try:
        check(head, key=public_key(signing_key(office.vault)))
    except HeadError as error:
        return str(error)
    office.ours = head
    return ""


def misfit(ledger: Ledger, head: Head) -> str:
    """How a head does not fit the ledger as it stands, "" if it fits. `LedgerError`: that cannot be read now."""
    of = f"the signed head of event {head.events} of {head.at:%Y-%m-%d %H:%M} UTC"
    try:
        events, _ = ledger.head()
        if head.events > events:
            return f"{of} is newer than this ledger, which ends with event {events}"
        if ledger.root_at(head.events) != head.root:
            return f"{of} does not fit: what was recorded up to there is not what stands there now"
    except LedgerDamaged as error:
        return f"{of} cannot be compared: {error}"
    return ""


def _history(wrong: str, where: str) -> str:
    return (
        f"{where}: {wrong}. An old backup was restored, or the record was rewritten; nothing is sent meanwhile.\n"
        "  No backup was restored: keep a copy of everything as it is, and run `holdfast verify`.\n"
        "  A backup was restored: is there a newer one? Else what was recorded since is lost here, and acts of that"
        ' time would be done again: `holdfast heads accept --because "…"` has them asked about first (docs/proof.md)'
    )


def insist(doubts: Doubts) -> None:
    """Refuse to send anything over a history that is in doubt. `HistoryLost` says what to do."""
    if doubts.history:
        raise HistoryLost(doubts.history)


def clock_back(office: Office, now: datetime) -> str:
    """That the clock is behind what was recorded last, or behind what this process has seen; "" if it is not."""
    if office.latest is None:
        office.latest = _last_recorded(office.ledger)
    latest = office.latest or now
    office.latest = max(latest, now)
    if latest <= now + BACK:
        return ""
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} UTC, and something was recorded at {latest:%Y-%m-%d %H:%M} UTC already:"
        " the clock was set back, or it was wrong then. Set it right: until then deadlines are judged by it"
    )


def _last_recorded(ledger: Ledger) -> datetime | None:
    try:
        events, _ = ledger.head()
        last = next(iter(ledger.all_events(after=events - 1)), None) if events else None
    except LedgerUnusable:  # damaged there: `verify` says so
        return None
    return last.recorded_at if last else None
