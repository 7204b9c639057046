"""Signed heads: what the tree was at an instant, in a line that can be kept where nobody of ours can reach it.

A **head** is one line of canonical JSON (`ledger.canonical`):

    {"at", "events", "format": "holdfast-head/1", "key", "ledger", "root", "signature"}

`root` (hex) is the hash of the tree over the ledger's identity and its first `events` events; `key` is an Ed25519
public key and `signature` its signature (RFC 8032), both in base64, over the UTF-8 of the canonical text of all
other fields. The key is the unit's own (`ledger.vault`). Two more kinds of line go with heads in a file:

    {"format": "holdfast-stamp/1", "head", "response"}
        the RFC 3161 response (base64) of a time-stamp authority for the head whose line has this SHA-256
    {"at", "because", "by", "events", "format": "holdfast-accepted/1", "gives_up", "key", "ledger", "root",
     "signature"}
        a person accepted that the ledger was restored from a backup: heads before this line that do not fit are
        given up, the newest of them by the SHA-256 of its line. Otherwise it is a head

A line may stand in a file more than once, and lines of other ledgers may stand between.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.canonical import LARGEST, Identity, Json, canonical, in_utc, instant, read_instant

HEAD, STAMP, ACCEPTED = "holdfast-head/1", "holdfast-stamp/1", "holdfast-accepted/1"
_HEX = 64


class HeadError(ValueError):
    """It is no head, or not this ledger's, or was changed. The message says which, for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A signed head. `root` in hex; `key` and `signature` in base64; not checked before `check` says so."""

    ledger: str
    events: int
    root: str
    at: datetime
    key: str
    signature: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        in_utc(self.at, "a head: at")

    @property
    def format(self) -> str:
        """Names this kind of line."""
        return HEAD

    def fields(self) -> dict[str, Json]:
        """What is signed."""
        return {
            "at": instant(self.at),
            "events": self.events,
            "format": self.format,
            "key": self.key,
            "ledger": self.ledger,
            "root": self.root,
        }

    def text(self) -> str:
        """The line, without its end."""
        return canonical({**self.fields(), "signature": self.signature})

    @property
    def digest(self) -> str:
        """The SHA-256 of the line, in hex: by it stamps and acceptances name a head."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @classmethod
    def read(cls, text: str) -> Head:
        """The head, or the acceptance, of a line.

        Raises:
            HeadError: it is none, or not written as one; says what was expected.
        """
        line = read_line(text)
        if isinstance(line, Stamp):
            raise HeadError("this is a time stamp: expected the head that it belongs to")
        return line


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Head):
    """A head from which a person goes on after a backup was restored; `gives_up` is the newest head that is lost."""

    gives_up: str
    because: str
    by: str

    @property
    def format(self) -> str:
        """Names this kind of line."""
        return ACCEPTED

    def fields(self) -> dict[str, Json]:
        """What is signed."""
        more: dict[str, Json] = {"because": self.because, "by": self.by, "gives_up": self.gives_up}
        return Head.fields(self) | more


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """A time stamp over the head whose line has the SHA-256 `head`; `response` is the RFC 3161 response (DER)."""

    head: str
    response: bytes = field(repr=False)

    def text(self) -> str:
        """The line, without its end."""
        return canonical({"format": STAMP, "head": self.head, "response": _base64(self.response)})


Line: TypeAlias = Head | Stamp
_Kind = TypeVar("_Kind", bound=Head)


class Keys(Protocol):
    """What gives the unit's keys: its vault."""

    def derive(self, purpose: str) -> bytes:
        """The key for one purpose, 32 bytes."""


def signing_key(keys: Keys) -> Ed25519PrivateKey:
    """The key that signs a ledger's heads: it stays the same when the master key is replaced (`Vault.derive`)."""
    return Ed25519PrivateKey.from_private_bytes(keys.derive("heads"))


def public_key(key: Ed25519PrivateKey) -> str:
    """What is published, so that others can check heads: base64 of 32 bytes."""
    return _base64(key.public_key().public_bytes_raw())


def sign(identity: Identity, *, events: int, root: str, at: datetime, key: Ed25519PrivateKey) -> Head:
    """Sign what the root (hex) over the identity and the first `events` events was at an instant (UTC)."""
    return _signed(Head(ledger=identity.ledger, events=events, root=root, at=at, key=public_key(key)), key)


def accept(head: Head, *, gives_up: Head, because: str, by: str, key: Ed25519PrivateKey) -> Accepted:
    """Sign that a person goes on from `head`, and that what `gives_up` proved is lost."""
    unsigned = Accepted(
        ledger=head.ledger,
        events=head.events,
        root=head.root,
        at=head.at,
        key=public_key(key),
        gives_up=gives_up.digest,
        because=because,
        by=by,
    )
    return _signed(unsigned, key)


def _signed(unsigned: _Kind, key: Ed25519PrivateKey) -> _Kind:
    return replace(unsigned, signature=_base64(key.sign(canonical(unsigned.fields()).encode())))


def check(head: Head, *, key: str = "", ledger: str = "") -> None:
    """Make sure that a head is what was signed, and by whom.

    Args:
        head: as read.
        key: the public key it must be signed by, known from elsewhere. Without it, the key that the head itself
            names: that shows that it was not changed, not who made it.
        ledger: the ledger it must speak of; "" for any.

    Raises:
        HeadError: it is not; says why.
    """
    if ledger and head.ledger != ledger:
        raise HeadError(f"it speaks of another ledger ({head.ledger}), not of this one ({ledger})")
    if key and head.key != key:
        raise HeadError(f"it is signed with another key ({head.key}), not with this ledger's ({key})")
    try:
        public = Ed25519PublicKey.from_public_bytes(_bytes(head.key, "key"))
        public.verify(_bytes(head.signature, "signature"), canonical(head.fields()).encode())
    except (InvalidSignature, ValueError):
        raise HeadError("its signature does not fit: it was changed, or never signed") from None


def read_line(text: str) -> Line:
    """What a line of a file of heads says; nothing is checked but how it is written.

    Raises:
        HeadError: it is no such line; says what was expected.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise HeadError("expected a line of JSON: it was cut off, or it is something else") from None
    kinds: Mapping[str, Callable[[dict[str, object]], Line]] = {HEAD: _head, STAMP: _stamp, ACCEPTED: _accepted}
    kind = table.get("format") if isinstance(table, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise HeadError(f"expected a line with the format {', '.join(kinds)}")
    try:
        line = kinds[kind](table)
        same = line.text() == text.strip("\r\n")
    except KeyError as error:
        raise HeadError(f"{error.args[0]} is missing") from None
    except HeadError:
        raise
    except ValueError:
        raise HeadError("something stands there that no head can say") from None
    if not same:
        raise HeadError("expected canonical JSON (names sorted, no spaces) and no other fields")
    return line


def _head(table: dict[str, object]) -> Head:
    return Head(**_common(table))  # type: ignore[arg-type]


def _accepted(table: dict[str, object]) -> Accepted:
    more = {name: _text(table, name) for name in ("because", "by", "gives_up")}
    return Accepted(**_common(table), **more)  # type: ignore[arg-type]


def _stamp(table: dict[str, object]) -> Stamp:
    return Stamp(head=_hex(table, "head"), response=_bytes(_text(table, "response"), "response"))


def _common(table: dict[str, object]) -> dict[str, object]:
    events = table["events"]
    if type(events) is not int or not 0 <= events <= LARGEST:
        raise HeadError("events: expected a whole number from 0 on")
    try:
        at = read_instant(_text(table, "at"))
    except ValueError:
        raise HeadError("at: expected an instant such as 2026-11-21T08:00:00.000000Z") from None
    texts = {name: _text(table, name) for name in ("key", "ledger", "signature")}
    return {**texts, "events": events, "root": _hex(table, "root"), "at": at}


def _text(table: dict[str, object], name: str) -> str:
    value = table[name]
    if not isinstance(value, str):
        raise HeadError(f"{name}: expected a text")
    return value


def _hex(table: dict[str, object], name: str) -> str:
    value = _text(table, name)
    if len(value) != _HEX or set(value) - set("0123456789abcdef"):
        raise HeadError(f"{name}: expected {_HEX} hexadecimal digits in small letters")
    return value


def _bytes(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise HeadError(f"{name}: expected base64") from None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
