"""The identifiers, to be copied: one a line, or as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO

from providers.interface import Item, Order
from providers.packet.table import ManualTable
from providers.packet.words import used

HEADER = ("type", "value", "from", "to", "zone")


def ordered(order: Order, table: ManualTable) -> tuple[Item, ...]:
    """The items as the provider wants them: as given, or by type."""
    return tuple(sorted(order.items, key=lambda item: item.type)) if table.by_type else order.items


def as_lines(items: Sequence[Item]) -> str:
    """One identifier a line, with the time of its use where it has one: without it an IP address names nobody."""
    return "".join(f"{' '.join(filter(None, (item.value, used(item))))}\n" for item in items)


def as_csv(items: Sequence[Item]) -> str:
    """A header and one row for each; instants in UTC (RFC 3339)."""
    out = StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(HEADER)
    rows.writerows(row_of(item) for item in items)
    return out.getvalue()


def row_of(item: Item) -> tuple[str, ...]:
    """The cells of one identifier, below `HEADER`."""
    return item.type, item.value, _utc(item.used_from), _utc(item.used_to), item.zone


def _utc(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
