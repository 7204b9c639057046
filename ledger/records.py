"""An event as it is stored, and the bytes that it is: a leaf of the tree (`ledger.tree`).

**Canonical bytes** of an event: the UTF-8 of the canonical text (`ledger.canonical`) of the table

    {"actor", "at", "body", "kind", "recorded_at", "request", "seq"}

`body` is stored as its canonical text, and goes into the bytes as it is stored, so that a changed space is a
changed event.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import NamedTuple

from ledger.canonical import ENCODER, canonical, in_utc, instant, read_instant, wrong
from ledger.interface import Event, NewEvent


class Record(NamedTuple):
    """An event as it is stored: every field in the text that is hashed. It may be damaged; nothing is checked.

    A tuple in the order of the stored columns, and no dataclass: whoever reads histories makes many thousands.
    """

    seq: int
    request: str
    kind: str
    at: str
    recorded_at: str
    actor: str
    body: str

    def content(self) -> bytes:
        """The canonical bytes.

        Raises:
            ValueError: a field is not text (only in a damaged ledger).
        """
        texts = (self.actor, self.at, self.kind, self.recorded_at, self.request)
        actor, at, kind, recorded_at, request = map(ENCODER.encode, texts)
        return (
            f'{{"actor":{actor},"at":{at},"body":{self.body},"kind":{kind},'
            f'"recorded_at":{recorded_at},"request":{request},"seq":{self.seq}}}'
        ).encode()

    def event(self) -> Event:
        """The event that was recorded.

        Raises:
            ValueError: the texts cannot be read (only in a damaged ledger).
        """
        if not all(isinstance(text, str) for text in (self.at, self.recorded_at, self.body)):
            raise ValueError("what should be text is not")
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


def record(new: NewEvent, *, seq: int, request: str, now: datetime) -> Record:
    """The record of a new event.

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
        if problem := wrong(text):
            raise ValueError(f"{new.kind}: {name}{problem}")
    return Record(seq=seq, **texts, body=canonical(dict(new.body), f"{new.kind}: body"))
