"""How a request's row is written down in columns, and read back. The same for every store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ledger.canonical import in_utc, instant, read_instant
from ledger.interface import CLOCKS_DIFFER, ItemRow, Row

COLUMNS = (
    "request",
    "case_ref",
    "provider",
    "instrument",
    "state",
    "final",
    "next_action",
    "next_at",
    "next_because",
    "rank",
    "strict_on",
    "gap_days_p90",
    "level",
    "matters",
)
ITEM_COLUMNS = ("position", "item", "type", "outcome", "blind")

TALLY = """SELECT state, count(*), sum(CASE WHEN matters > 0 THEN 1 ELSE 0 END),
    sum(CASE WHEN gap_days_p90 > 0 THEN 1 ELSE 0 END)
    FROM requests WHERE final = 0 GROUP BY state ORDER BY count(*) DESC, state"""
AT_RISK = " ".join((
    "SELECT", ", ".join(COLUMNS), "FROM requests",
    "WHERE final = 0 AND gap_days_p90 > 0 ORDER BY gap_days_p90 DESC, request LIMIT ",
))  # fmt: skip
"""Questions that every database understands as they are; `AT_RISK` goes on with a whole number."""

Stored = tuple[str | int | None, ...]


def columns_of(row: Row) -> Stored:
    """The values of `COLUMNS`."""
    return (
        row.request,
        row.case,
        row.provider,
        row.instrument,
        row.state,
        int(row.final),
        row.next_action,
        None if row.next_at is None else instant(row.next_at),
        row.next_because,
        row.rank,
        row.strict_on,
        row.gap_days_p90,
        row.level,
        row.matters,
    )


def items_of(row: Row) -> tuple[Stored, ...]:
    """The values of `ITEM_COLUMNS`, one for each item in its order.

    Raises:
        ValueError: two items have the same id.
    """
    if len({item.item for item in row.items}) != len(row.items):
        raise ValueError(f"{row.request}: two items of a request have the same id")
    return tuple((place, item.item, item.type, item.outcome, item.blind) for place, item in enumerate(row.items))


def narrowed(case: str, *, for_people: bool, mark: str) -> tuple[str, tuple[str, ...]]:
    """Conditions that narrow a query of rows, and the values of their marks ("?", "%s"). See `Ledger.rows`."""
    conditions = f" AND case_ref = {mark}" * bool(case) + " AND matters > 0" * for_people
    return conditions, (case,) * bool(case)


def of_leases(now: datetime, until: datetime) -> dict[str, str]:
    """What a claim judges another's lease by, for its statements: it holds if it ends after `now` and by `latest`."""
    return {"now": instant(in_utc(now, "now")), "latest": instant(in_utc(until, "until") + CLOCKS_DIFFER)}


def row_of(columns: Sequence[Any], items: Sequence[Sequence[Any]] = ()) -> Row:
    """The row of values of `COLUMNS` and `ITEM_COLUMNS`."""
    request, case, provider, instrument, state, final, action, at, because, rank, strict_on, gap, *told = columns
    return Row(
        request=request,
        case=case,
        provider=provider,
        instrument=instrument,
        state=state,
        final=bool(final),
        next_action=action,
        next_at=None if at is None else read_instant(at),
        next_because=because,
        rank=rank,
        strict_on=strict_on,
        gap_days_p90=gap,
        level=told[0],
        matters=told[1],
        items=tuple(
            ItemRow(item=item, type=kind, outcome=outcome, blind=blind) for _, item, kind, outcome, blind in items
        ),
    )
