"""The chain of older ledgers (format 1), read once more when their file is brought up to date.

Link n was the SHA-256 of link n-1 and the canonical bytes of event n; link 0 of the canonical text of
`{"created_at", "format", "ledger", "sandbox"}`.
"""

from __future__ import annotations

import hashlib
import sqlite3

from ledger.canonical import Identity, canonical
from ledger.interface import LedgerUnusable
from ledger.records import Record
from ledger.tree import add, leaf

_COLUMNS = "seq, request, kind, at, recorded_at, actor, body"


def links_to_nodes(connection: sqlite3.Connection) -> None:
    """Copy each event of the table `chained` to `events`, with its nodes of the tree instead of its link.

    Notes the last link in `meta` as `chain`, behind the number of events.

    Raises:
        LedgerUnusable: a link does not follow from the one before; names the event.
    """
    facts = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if not facts:  # a new file: it has no events yet
        return
    identity = Identity(
        ledger=facts.get("ledger", ""), created_at=facts.get("created_at", ""), sandbox=facts.get("sandbox") == "yes"
    )
    peaks, link, seq = [leaf(identity.content())], _first(identity), 0
    for *values, stored in connection.execute(f"SELECT {_COLUMNS}, link FROM chained ORDER BY seq"):  # noqa: S608
        entry = Record(**dict(zip(_COLUMNS.split(", "), values, strict=True)))
        link, seq = hashlib.sha256(bytes.fromhex(link) + entry.content()).hexdigest(), seq + 1
        if (entry.seq, stored) != (seq, link):
            raise LedgerUnusable(
                f"event {entry.seq} is not what was recorded there, so this ledger is not brought up to date: keep a "
                "copy as it is, and restore a backup; nothing was changed"
            )
        nodes = add(peaks, seq, leaf(entry.content()))
        connection.execute(
            f"INSERT INTO events ({_COLUMNS}, nodes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*values, nodes),
        )
    if seq:
        connection.execute("INSERT INTO meta VALUES ('chain', ?)", (f"{seq} {link}",))


def _first(identity: Identity) -> str:
    head = canonical(
        {
            "created_at": identity.created_at,
            "format": "holdfast-ledger/1",
            "ledger": identity.ledger,
            "sandbox": identity.sandbox,
        }
    )
    return hashlib.sha256(head.encode()).hexdigest()
