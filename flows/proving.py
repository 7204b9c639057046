"""Holding signed heads against the ledger: whether it is still the one that they prove.

A head fits if this unit's key signed it, if it speaks of this ledger, and if the tree over its first events still has
the root that it names. Two heads that fit are also tied together by a consistency proof (RFC 9162, 2.1.4), made and
checked as a third party would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from flows import headfile
from flows.doubts import misfit
from flows.office import Office
from flows.stamping import authority
from ledger.heads import Accepted, Head, HeadError, Stamp, check, public_key, read_line, signing_key
from ledger.interface import Ledger, LedgerDamaged
from ledger.tree import check_consistency

if TYPE_CHECKING:
    from ledger.stamps import Authority

OWN = "the ledger's own table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One head and how it stands. `where` it was found; `wrong` in words, "" if it fits.

    `given_up`: it does not fit, and a person accepted that (`flows.restored`). `stamped_at`: when a time-stamp
    authority saw it; `stamp` is why its stamp does not hold, or was not looked at.
    """

    head: Head
    where: str
    wrong: str = ""
    given_up: str = ""
    stamped_at: datetime | None = None
    stamp: str = ""

    @property
    def fits(self) -> bool:
        """Whether it proves this ledger."""
        return not self.wrong and not self.given_up


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """All heads, by the number of events. `wrong` and `remarks` are about lines, and about heads as a whole.

    `rewritten`: where the record was changed, as narrowly as the heads can tell; "" if nothing does not fit.
    """

    seen: tuple[Seen, ...]
    wrong: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    rewritten: str = ""
    consistent: int = 0
    others: int = 0

    @property
    def misfits(self) -> tuple[Seen, ...]:
        """The heads that do not fit and that nobody gave up."""
        return tuple(each for each in self.seen if each.wrong)

    @property
    def fine(self) -> bool:
        """Whether every head fits, and every line could be read."""
        return not self.misfits and not self.wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where lines come from, and the lines."""

    where: str
    lines: tuple[headfile.Found, ...]


def from_file(path: Path) -> Source:
    """The lines of a file. `OSError` if it cannot be read."""
    return Source(where=str(path), lines=tuple(headfile.read(path)))


def from_ledger(ledger: Ledger) -> Source:
    """The lines that the ledger keeps itself."""
    found = []
    for number, text in enumerate(ledger.heads(), start=1):
        try:
            found.append(headfile.Found(number=number, line=read_line(text)))
        except HeadError as error:
            found.append(headfile.Found(number=number, line=None, wrong=str(error)))
    return Source(where=OWN, lines=tuple(found))


def compare(office: Office, sources: Iterable[Source]) -> Compared:
    """Hold every head of these sources against the ledger, as its tree stands; `Ledger.verify` checks the tree.

    Raises:
        LedgerError: the ledger cannot be read, or there is no master key.
        NotStamped: the certificates of the time-stamp authority cannot be used.
    """
    ledger, key = office.ledger, public_key(signing_key(office.vault))
    heads: dict[str, tuple[Head, str]] = {}
    stamps: dict[str, list[Stamp]] = {}
    wrong: list[str] = []
    others = 0
    for source in sources:
        for found in source.lines:
            where = f"{source.where}, line {found.number}" if source.where != OWN else OWN
            if isinstance(found.line, Stamp):
                stamps.setdefault(found.line.head, []).append(found.line)
            elif found.line is None:
                wrong.append(f"{where}: {found.wrong}")
            elif found.line.ledger != ledger.identity.ledger:
                others += 1
            else:
                heads.setdefault(found.line.digest, (found.line, where))
    believed = authority(office.settings.environ)
    ordered = sorted(heads.values(), key=lambda each: each[0].events)  # else in the order in which they stand
    seen = _given_up(
        [
            Seen(head=head, where=where, wrong=_wrong(ledger, head, key), stamped_at=at, stamp=about)
            for head, where in ordered
            for at, about in [_stamped(head, stamps.get(head.digest, []), believed)]
        ]
    )
    good = [each.head for each in seen if each.fits]
    consistent = _tied(ledger, good)
    if consistent < len(good) - 1:
        wrong.append("two heads of the ledger's own tree are not consistent with each other: run `holdfast verify`")
    return Compared(
        seen=tuple(seen),
        wrong=tuple(wrong),
        remarks=tuple(_remarks(seen)),
        rewritten=_rewritten(seen),
        consistent=consistent,
        others=others,
    )


def _wrong(ledger: Ledger, head: Head, key: str) -> str:
    try:
        check(head, key=key)
    except HeadError as error:
        return str(error)
    return misfit(ledger, head)


def _stamped(head: Head, stamps: Sequence[Stamp], believed: Authority | None) -> tuple[datetime | None, str]:
    """The earliest instant at which a stamp over a head holds; else why none does."""
    if not stamps:
        return None, ""
    if believed is None:
        return None, "not looked at: HOLDFAST_TSA_CA is not set"
    from ledger.stamps import StampError, stamped_at

    held, why = list[datetime](), ""
    for stamp in dict.fromkeys(stamps):
        try:
            held.append(stamped_at(stamp, head, believed))
        except StampError as error:
            why = str(error)
    return (min(held), "") if held else (None, why)


def _given_up(seen: Sequence[Seen]) -> list[Seen]:
    """What does not fit and is older than an acceptance that does was given up by it."""
    accepted = [each.head for each in seen if each.fits and isinstance(each.head, Accepted)]
    named = {each.head.digest: each.head.at for each in seen}  # the head that is named may bear a later instant
    found = []
    for each in seen:
        after = [
            line
            for line in accepted
            if each.head.at <= max(line.at, named.get(line.gives_up, line.at)) and each.head.key == line.key
        ]
        if each.wrong and after:
            line = after[0]
            why = f"given up by {line.by} on {line.at:%Y-%m-%d %H:%M} UTC: {line.because}"
            found.append(replace(each, wrong="", given_up=why))
        else:
            found.append(each)
    return found


def _tied(ledger: Ledger, heads: Sequence[Head]) -> int:
    """How many heads that follow one another are shown to be consistent, as a third party would check it."""
    count = 0
    for before, after in pairwise(heads):
        try:
            proof = [bytes.fromhex(each) for each in ledger.consistency(before.events, after.events)]
        except LedgerDamaged:  # the tree is damaged between them
            continue
        roots = bytes.fromhex(before.root), bytes.fromhex(after.root)
        count += check_consistency(before.events + 1, after.events + 1, *roots, proof)
    return count


def _remarks(seen: Sequence[Seen]) -> Iterable[str]:
    """What a person should know although it fits."""
    for before, after in pairwise([each for each in seen if each.fits]):
        if after.head.at < before.head.at:
            yield (
                f"the head of event {after.head.events} ({after.head.at:%Y-%m-%d %H:%M} UTC) is dated before that of"
                f" event {before.head.events} ({before.head.at:%Y-%m-%d %H:%M} UTC): the clock was set back"
            )
    for each in seen:
        if each.stamp:
            yield f"the time stamp of the head of event {each.head.events} ({each.where}): {each.stamp}"
    given_up = [each for each in seen if each.given_up]
    for why in dict.fromkeys(each.given_up for each in given_up):
        count = sum(each.given_up == why for each in given_up)
        heads = "1 head of a history that is lost here was" if count == 1 else f"{count} heads of it were"
        yield f"{heads} {why}"


def _rewritten(seen: Sequence[Seen]) -> str:
    """Where the record was changed: after the last head that fits and before the first that does not."""
    bad = next((each for each in seen if each.wrong and _is_ours(each)), None)
    if bad is None:
        return ""
    good = [each.head.events for each in seen if each.fits and each.head.events < bad.head.events]
    first = max(good) + 1 if good else 1
    place = f"event {first}" if first >= bad.head.events else f"an event from {first} to {bad.head.events}"
    known = f"up to event {first - 1} the record is proved" if good else "no earlier head fits"
    return f"the record was changed, or cut off, at {place} ({known})"


def _is_ours(each: Seen) -> bool:
    """Whether what is wrong is the ledger, and not the head: its signature holds."""
    try:
        check(each.head)
    except HeadError:
        return False
    return "signed with another key" not in each.wrong
