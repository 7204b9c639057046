r"""The bytes an event is, and the chain that ties each event to all before it.

**Canonical text** of a value: JSON without spaces, the names of a table sorted by code point, characters as
themselves (only `"`, `\` and the control characters below U+0020 are escaped, as RFC 8259 needs it). Text,
whole numbers from -(2^53 - 1) to 2^53 - 1, true, false, null, lists and tables; no fractions, because they
have no single way of being written.

**Canonical bytes** of an event: the UTF-8 of the canonical text of the table

    {"actor", "at", "body", "kind", "recorded_at", "request", "seq"}

with both instants as `2026-11-21T08:00:00.000000Z`. `body` is stored as its canonical text, and goes into
the bytes as it is stored, so that a changed space is a changed event.

**Link** of event n: SHA-256 over the 32 bytes of link n-1 followed by the canonical bytes of event n, in hex.
Link 0 is the SHA-256 of the canonical text of `{"created_at", "format", "ledger", "sandbox"}`: a ledger cannot
be given out for another one, nor a trial for the real thing.

Whoever may write the whole file can write a whole new chain. That is noticed only by a link that was kept
somewhere else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from ledger.interface import Event, Json, NewEvent, in_utc

FORMAT = "holdfast-ledger/1"
LARGEST = 2**53 - 1  # whole numbers beyond it are read differently by different readers of JSON

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """An event as it is stored: every field in the text that is hashed. It may be damaged; nothing is checked."""

    seq: int
    request: str
    kind: str
    at: str
    recorded_at: str
    actor: str
    body: str
    link: str

    def content(self) -> bytes:
        """The canonical bytes.

        Raises:
            ValueError: a field is not text (only in a damaged ledger).
        """
        texts = (self.actor, self.at, self.kind, self.recorded_at, self.request)
        actor, at, kind, recorded_at, request = map(_ENCODER.encode, texts)
        return (
            f'{{"actor":{actor},"at":{at},"body":{self.body},"kind":{kind},'
            f'"recorded_at":{recorded_at},"request":{request},"seq":{self.seq}}}'
        ).encode()

    def event(self) -> Event:
        """The event that was recorded.

        Raises:
            ValueError: the texts cannot be read (only in a damaged ledger).
        """
        if not self.body.startswith("{"):
            raise ValueError("the body is not a table")
        return Event(
            seq=self.seq,
            request=self.request,
            kind=self.kind,
            at=read_instant(self.at),
            recorded_at=read_instant(self.recorded_at),
            actor=self.actor,
            body=json.loads(self.body),
        )


def record(new: NewEvent, *, seq: int, request: str, now: datetime, previous: str) -> Record:
    """The record that follows the link `previous`.

    Raises:
        ValueError: `now` is not in UTC, or something has no canonical text; says where.
    """
    texts = {
        "request": request,
        "kind": new.kind,
        "at": instant(new.at),
        "recorded_at": instant(in_utc(now, "now")),
        "actor": new.actor,
    }
    for name, text in texts.items():
        if problem := _wrong(text):
            raise ValueError(f"{new.kind}: {name}{problem}")
    unlinked = Record(seq=seq, **texts, body=canonical(dict(new.body), f"{new.kind}: body"), link="")
    return Record(seq=seq, **texts, body=unlinked.body, link=link(previous, unlinked.content()))


def link(previous: str, content: bytes) -> str:
    """The link of an event with these canonical bytes, after the link `previous`. Both in hex."""
    return hashlib.sha256(bytes.fromhex(previous) + content).hexdigest()


def first_link(*, ledger: str, created_at: str, sandbox: bool) -> str:
    """Link 0, in hex."""
    head: dict[str, Json] = {"created_at": created_at, "format": FORMAT, "ledger": ledger, "sandbox": sandbox}
    return hashlib.sha256(canonical(head).encode()).hexdigest()


def canonical(value: Json, where: str = "value") -> str:
    """The canonical text of a value.

    Raises:
        ValueError: there is none; says where, never what stands there.
    """
    if problem := _wrong(value):
        raise ValueError(f"{where}{problem}")
    return _ENCODER.encode(value)


def instant(moment: datetime) -> str:
    """An instant in UTC as text of one length, so that texts sort as the instants do."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_instant(text: str) -> datetime:
    """The instant of such a text. ValueError if it is none."""
    return in_utc(datetime.fromisoformat(text), "an instant")


def _wrong(value: object) -> str:
    """The place below `value` that has no canonical text, and why; empty if all has one."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return ": half a character (a lone surrogate) cannot be written"
        return ": the character U+0000 cannot be stored" if "\0" in value else ""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -LARGEST <= value <= LARGEST else ": a number beyond 2^53 - 1; write it as text"
    if isinstance(value, dict):
        for name, child in value.items():
            if not isinstance(name, str):
                return f": a name in a table must be text, found {type(name).__name__}"
            if problem := _wrong(name) or _wrong(child):
                return f".{name!a}{problem}" if not name.isidentifier() else f".{name}{problem}"
        return ""
    if isinstance(value, list | tuple):
        for position, child in enumerate(value):
            if problem := _wrong(child):
                return f"[{position}]{problem}"
        return ""
    if isinstance(value, float):
        return ": a fraction has no single way of being written; use a whole number or text"
    return f": expected text, a whole number, true, false, null, a list or a table; found {type(value).__name__}"
