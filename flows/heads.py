"""Signed heads, on a schedule: one sweeper signs, and the head leaves the machine in every way that is configured.

Ways: `stamp` (a time-stamp authority, HOLDFAST_TSA_URL), `file` (HOLDFAST_HEADS, always), `mail` (`[heads] mail_to`
of the policy). A way that fails never stops the head or another way: it is told, and tried again by the next sweep.
Which way a head went is noted beside the record; the head itself, the stamp and the file prove themselves.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from flows import headfile
from flows.doubts import BACK, Doubts, insist, look, misfit
from flows.office import Office
from flows.stamping import NotStamped, is_configured, stamp
from flows.telling import Notice, deliver, in_words, post
from ledger.canonical import instant, read_instant
from ledger.heads import STAMP, Head, Stamp, read_line, sign, signing_key
from ledger.interface import Json, Ledger, LedgerError

BEAT = "heads"
TAKEN_OVER_AFTER = timedelta(minutes=5)
"""A sweeper that signed a head has so long to bring it out; then others take it for dead, and do."""

KEPT_WAITING = 100
"""Heads that wait for a way that fails; of more, the oldest are given up for it (each newer head proves them)."""

DAY = timedelta(days=1)
Failures = list[tuple[str, str]]


class Signed(Exception):
    """Another sweeper has signed meanwhile."""


@dataclass(kw_only=True, slots=True)
class Note:
    """What is noted beside the record: the newest head, which heads still wait for which ways, whom we told when."""

    newest: str = ""
    waiting: dict[str, list[str]] = field(default_factory=dict)  # the line of a head: its ways
    file: str = ""
    told_at: str = ""

    @classmethod
    def of(cls, office: Office) -> Note:
        """As it was left."""
        beat = office.ledger.last_beat(BEAT)
        body = beat[1] if beat else {}
        found = body.get("waiting")
        lines = found if isinstance(found, list) else []
        tables: list[Any] = [each for each in lines if isinstance(each, dict)]
        return cls(
            newest=str(body.get("newest", "")),
            waiting={str(each["head"]): [*map(str, each["to"])] for each in tables},
            file=str(body.get("file", "")),
            told_at=str(body.get("told_at", "")),
        )

    def keep(self, office: Office, now: datetime) -> None:
        """Note it."""
        waiting: list[Json] = [{"head": text, "to": list[Json](to)} for text, to in self.waiting.items() if to]
        more: dict[str, Json] = {"newest": self.newest, "file": self.file, "told_at": self.told_at}
        office.ledger.beat(BEAT, now, {"waiting": waiting, **more})


def publish(office: Office, now: datetime, doubts: Doubts | None = None) -> Failures:
    """Sign a head if it is time, bring out what waits, tell people of what fails. Never raises.

    Call it at the end of every sweep, with what was doubted at its begin. Gives what failed, for the sweep's report.
    """
    try:
        return _publish(office, now, doubts or look(office, now))
    except LedgerError as error:
        return [("", f"heads: {error}")]
    except Exception as error:  # what is due for providers must not fail by it
        from flows.sweeping import place

        return [("", f"heads: {type(error).__name__} in {place(error)}: a fault of Holdfast")]


def _publish(office: Office, now: datetime, doubts: Doubts) -> Failures:
    from flows.report_words import mail_weekly

    note, before, wrong = Note.of(office), Note.of(office), [*doubts.told]
    if not doubts.history:
        try:
            if (why := _due(office, note.newest, now)) is not None:
                wrong += _sign(office, note, now, why)
        except Signed:  # who signed brings it out, and tells
            return [("", each) for each in wrong]
        wrong += bring_out(office, note, now)
        wrong += mail_weekly(office, now)
    wrong += _tell(office, note, wrong, now)
    if note != before:
        note.keep(office, now)
    return [("", each) for each in wrong]


# ---- signing ------------------------------------------------------------------------------------------------------


def _due(office: Office, newest: str, now: datetime) -> str | None:
    """None if no head is due; "" if one is; else it is due, because the clock was set back: how."""
    events, _ = office.ledger.head()
    if not events:
        return None
    last, rules = Head.read(newest) if newest else None, office.catalogue.publishing
    if last is None:
        return ""
    if last.at > now + BACK:
        return (
            f"the clock was set back: the last head (event {last.events}) is of {last.at:%Y-%m-%d %H:%M} UTC, and it"
            f" is {now:%Y-%m-%d %H:%M} UTC now. A new head was signed with the time that it is now"
        )
    return "" if now - last.at >= rules.every or events - last.events >= rules.after_events else None


def signed(ledger: Ledger) -> list[str]:
    """The heads that the ledger keeps, oldest first, without their stamps."""
    return [text for text in ledger.heads() if f'"format":"{STAMP}"' not in text]


def _sign(office: Office, note: Note, now: datetime, because: str) -> list[str]:
    """Sign the ledger as it is now, unless another did since `note` was made; gives what a person must know.

    Raises:
        Signed: another sweeper did, and is bringing it out.
    """
    kept = signed(office.ledger)
    if kept and kept[-1] != note.newest:  # another signed it, or noted nothing: it died, or the notes were lost
        if timedelta(0) <= now - Head.read(kept[-1]).at < TAKEN_OVER_AFTER:
            raise Signed
        _take_over(office, note, kept)
        if _due(office, note.newest, now) is None:
            return []
    if note.newest and (wrong := misfit(office.ledger, Head.read(note.newest))):
        return [f"no head was signed: {wrong}: run `holdfast verify`"]

    def another_signed() -> None:
        if signed(office.ledger)[-1:] != kept[-1:]:
            raise Signed

    events, root = office.ledger.head()
    head = sign(office.ledger.identity, events=events, root=root, at=now, key=signing_key(office.vault))
    office.ledger.add_head(events, head.text(), unless=another_signed)
    note.newest, note.waiting[head.text()] = head.text(), ways(office)
    return [because] if because else []


def _take_over(office: Office, note: Note, kept: Sequence[str]) -> None:
    """Let the heads that were kept and that the note does not know wait for all their ways."""
    since = kept.index(note.newest) + 1 if note.newest in kept else len(kept) - 1
    for text in kept[since:]:
        note.waiting[text] = ways(office)
    note.newest = kept[-1]


def sign_now(office: Office, now: datetime) -> tuple[Head, list[str]]:
    """Sign a head now, due or not, and bring it out. Gives it with what failed.

    Raises:
        HistoryLost: the ledger is not the one that its newest heads prove. A head of it, signed now, would take
            their place, and hide from then on that a history was lost.
        LedgerError: it cannot be signed now; says why.
    """
    insist(look(office, now))
    note = Note.of(office)
    if (kept := signed(office.ledger)) and kept[-1] != note.newest:
        _take_over(office, note, kept)
    try:
        wrong = _sign(office, note, now, "")
    except Signed:
        raise LedgerError("a sweep is signing a head just now: see `holdfast heads`") from None
    if wrong:
        raise LedgerError(wrong[0])
    wrong = bring_out(office, note, now)
    note.keep(office, now)
    return Head.read(note.newest), wrong


# ---- bringing out -------------------------------------------------------------------------------------------------


def ways(office: Office) -> list[str]:
    """The ways in which a head leaves the machine, in their order: the stamp goes with the file and the mail."""
    stamped = ["stamp"] if is_configured(office.settings.environ) else []
    return [*stamped, "file", *(["mail"] if office.catalogue.publishing.mail_to else [])]


def went(office: Office, head: Head) -> Mapping[str, Json]:
    """Which ways a head went: "file" (where), "mail" (to whom), "stamped_at"."""
    beat = office.ledger.last_beat(f"head {head.digest}")
    return beat[1] if beat else {}


def stamp_of(office: Office, head: Head) -> Stamp | None:
    """The time stamp of a head, None if it has none."""
    digest = head.digest
    for text in office.ledger.heads():
        if digest in text and isinstance(line := read_line(text), Stamp) and line.head == digest:
            return line
    return None


def bring_out(office: Office, note: Note, now: datetime) -> list[str]:
    """Take every head that waits on its ways; gives what failed. A way that fails is not tried for the next head."""
    wrong: list[str] = []
    closed: set[str] = set()
    taking = {"stamp": _stamp, "file": _file, "mail": _mail}
    for way, take in taking.items():
        for text, to in note.waiting.items():
            if way not in to or way in closed:
                continue
            head = Head.read(text)
            try:
                facts, told = take(office, note, head)
            except (OSError, ValueError, NotStamped, smtplib.SMTPException) as error:
                closed.add(way)
                why = in_words(error, "the mail server") if way == "mail" else _plain(error)
                what = f"the head of event {head.events} {_LEFT_BY[way]}: {why}"
                wrong.append(f"{what}; tried again next time")
                continue
            to.remove(way)
            wrong += told
            if way == "stamp" and "file" not in to:
                to.append("file")  # the stamp is to stand beside it
            office.ledger.beat(f"head {head.digest}", now, {**went(office, head), **facts})
    for text in [text for text, to in note.waiting.items() if not to] + [*note.waiting][:-KEPT_WAITING]:
        note.waiting.pop(text, None)
    return wrong


_LEFT_BY = {
    "stamp": "has no time stamp",
    "file": "could not be written to the file of heads",
    "mail": "could not be mailed",
}


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


Taken = tuple[dict[str, Json], Sequence[str]]


def _stamp(office: Office, note: Note, head: Head) -> Taken:
    given, at = stamp(office.settings.environ, head)
    office.ledger.add_head(head.events, given.text())
    told = []
    off = abs(at - office.now())
    if off > BACK and office.settings.simulated is None:
        told = [f"the time-stamp authority says that it is {at:%Y-%m-%d %H:%M:%S} UTC: our clock is {off} off"]
    return {"stamped_at": instant(at)}, told


def _file(office: Office, note: Note, head: Head) -> Taken:
    path = headfile.path_of(office.settings)
    place, told, texts = f"{socket.gethostname()}:{path}", list[str](), [head.text()]
    if not path.exists():
        if path.parent == office.settings.home:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if note.file == place:
            told = [f"{path}: the file of heads was gone and was written anew: was it moved, is its disk missing?"]
        texts = [*office.ledger.heads()]
    stamped = stamp_of(office, head)
    headfile.append(path, [*texts, *([stamped.text()] if stamped else [])])
    note.file = place
    return {"file": place}, told


def _mail(office: Office, note: Note, head: Head) -> Taken:
    to, stamped = office.catalogue.publishing.mail_to, stamp_of(office, head)
    lines = "".join(f"{each.text()}\n" for each in (head, stamped) if each)
    mail = EmailMessage()
    mail["To"] = ", ".join(to)
    mail["Subject"] = f"[Holdfast] signed head of event {head.events}"
    mail.set_content(
        "Please keep this message. It proves, if it is ever asked, that nothing was changed in the ledger\n"
        f"{head.ledger} from its beginning to event {head.events}, as it was at {head.at:%Y-%m-%d %H:%M:%S} UTC.\n\n"
        f"Root:  {head.root}\nKey:   {head.key}\n"
        + (f"Stamped by a time-stamp authority: {went(office, head).get('stamped_at')}\n" if stamped else "")
        + "\nThe attached file is checked with:  holdfast verify --head heads.jsonl\n"
    )
    mail.add_attachment(lines.encode(), maintype="application", subtype="jsonl", filename="heads.jsonl")
    post(office.settings.environ, mail, at=office.now())
    return {"mail": list[Json](to)}, ()


# ---- telling ------------------------------------------------------------------------------------------------------


def _tell(office: Office, note: Note, wrong: Sequence[str], now: datetime) -> list[str]:
    """Tell the first level once a day of what went wrong; gives why it could not be told."""
    if not wrong:
        note.told_at = ""
        return []
    with suppress(ValueError):
        if timedelta(0) <= now - read_instant(note.told_at) < DAY:
            return []
    rung = office.policy.ladder[0]
    channels = next(each for each in office.catalogue.rung_channels if each.level == rung.level)
    because = "\n".join(wrong)
    see = "See where each head went:  holdfast heads"
    notice = Notice(level=rung.level, who=rung.who, about="heads", because=because, at=now, see=see)
    told = deliver(office.settings, channels, notice)
    if told.delivered:
        note.told_at = instant(now)
        return []
    return [f"{told.who} could not be told of the heads: {told.why}"]
