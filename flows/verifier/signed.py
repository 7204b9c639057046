"""Signed statements: one line of canonical JSON, an Ed25519 signature over all of its other fields.

Canonical JSON has no spaces, its names sorted, its characters as themselves: the one text that a value has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import Any

from flows.verifier.ed25519 import verified

HEAD, STAMP, ACCEPTED = "holdfast-head/1", "holdfast-stamp/1", "holdfast-accepted/1"
BUNDLE = "holdfast-bundle/1"

Table = dict[str, Any]


class Wrong(Exception):
    """It is not what it should be; the message says what does not fit."""


def canonical(value: Any) -> bytes:
    """The canonical text of a value, as UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def fingerprint(key: str) -> str:
    """What people compare of a public key: the SHA-256 of its 32 bytes, in groups of four. "" for no key."""
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return ""
    return " ".join(digest[place : place + 4] for place in range(0, 32, 4))


_DER = bytes.fromhex("302a300506032b6570032100")  # what comes before the 32 bytes of an Ed25519 key (RFC 8410)
_PEM = re.compile("-----BEGIN PUBLIC KEY-----(.*)-----END PUBLIC KEY-----", re.DOTALL)
_FINGERPRINT = re.compile("[0-9a-f]{32}")


def known(text: str) -> str:
    """A public key as base64, or its fingerprint as 32 digits: from base64, PEM, or a fingerprint however written.

    Raises:
        Wrong: it is none of these.
    """
    digits = re.sub(r"[\s:]", "", text).casefold()
    if _FINGERPRINT.fullmatch(digits):
        return digits
    pem = _PEM.search(text)
    try:
        key = base64.b64decode("".join((pem[1] if pem else text).split()), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if key.startswith(_DER):
        key = key[len(_DER) :]
    if len(key) != 32:  # noqa: PLR2004 - RFC 8032, 5.1.5
        raise Wrong("is no key: expected the unit's public key (base64, PEM, or a file with it), or the fingerprint")
    return base64.b64encode(key).decode()


def statement(content: bytes, form: str) -> Table:
    """A signed statement of that format, its signature checked.

    Raises:
        Wrong: it is not one, not canonical, or its signature is not that of the key it names.
    """
    try:
        table = json.loads(content)
    except ValueError:
        raise Wrong("is not JSON") from None
    if not isinstance(table, dict) or table.get("format") != form:
        raise Wrong(f"is not a {form}")
    if canonical(table) != content.strip():
        raise Wrong("is not written in the one canonical way")
    signed = {name: value for name, value in table.items() if name != "signature"}
    try:
        key, signature = (base64.b64decode(table[name], validate=True) for name in ("key", "signature"))
    except (KeyError, TypeError, binascii.Error, ValueError):
        raise Wrong("names no key or has no signature") from None
    if not verified(key, canonical(signed), signature):
        raise Wrong("its signature is not one of the key it names")
    return table
