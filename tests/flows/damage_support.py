"""Damage to a ledger's file, past its guards, and an office that has not read it before."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from unit_support import Unit

from flows.history import Histories


def damage_event(unit: Unit, request: str, place: int = 1) -> None:
    """Make one event of a request's history unreadable, and have the office forget what it remembers of any."""
    seq = unit.office.ledger.events(request)[place].seq
    with closing(sqlite3.connect(unit.office.settings.ledger_path, isolation_level=None)) as connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
        ).fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET at = 'not an instant' WHERE seq = ?", (seq,))
        for _, sql in guards:
            connection.execute(sql)
    unit.office.ledger._memory.forget()  # type: ignore[attr-defined]
    unit.office.histories = Histories(unit.office.ledger, unit.office.policy)
