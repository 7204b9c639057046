"""The exact bytes of a request, unsealed for a bundle: what was sent and received, packets, proofs, mail, remarks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flows.office import Office
from flows.verifier.contents import SEALED
from ledger.vault import SealStore

NAMES = {
    "sealed": "facts",
    "text": "remark",
    "sent_bytes": "sent",
    "received_bytes": "received",
    "packet": "packet",
    "proof": "proof",
    "raw": "mail",
}
"""Field of an event that names sealed bytes, to what they are called in a bundle."""

_BEGINNINGS = {b"PK\x03\x04": "zip", b"%PDF": "pdf", b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"<?xml": "xml"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """One content: the event and its field `name` that name it, its bytes, and `box`, what is stored of it sealed."""

    seq: int
    name: str
    content: bytes = field(repr=False)
    box: bytes = field(repr=False)
    token: str

    @property
    def file(self) -> str:
        """Its name in the bundle."""
        return f"contents/{self.seq:06}-{NAMES[self.name]}.{_ending(self.name, self.content)}"


def contents(office: Office, events: Sequence[dict[str, Any]]) -> Iterator[Content]:
    """Every content that the events name, unsealed.

    Raises:
        Erased: the case was erased.
        LedgerError: a seal is not there, or was altered.
    """
    store = cast(SealStore, office.ledger)
    for event in events:
        for name in SEALED:
            token = event["body"].get(name)
            if not isinstance(token, str) or not token.startswith("seal-"):
                continue
            content, sealed = office.vault.unseal(token), store.sealed(token)
            if sealed is None:  # erased between the two
                continue
            box = len(sealed.context).to_bytes(8, "big") + sealed.context + sealed.box
            if name == "text":
                content = str(json.loads(content)).encode()
            yield Content(seq=event["seq"], name=name, content=content, box=box, token=token)


def _ending(name: str, content: bytes) -> str:
    """How the file's name ends, so that it opens with what can show it."""
    if name in {"sealed", "text", "raw"}:
        return {"sealed": "json", "text": "txt", "raw": "eml"}[name]
    for beginning, ending in _BEGINNINGS.items():
        if content.startswith(beginning):
            return ending
    try:
        content.decode()
    except UnicodeDecodeError:
        return "bin"
    return "txt"
