"""The editable list of identifiers: a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from xlsxwriter import Workbook  # type: ignore[import-untyped]

from providers.interface import Item
from providers.packet.lists import HEADER, row_of

CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a spreadsheet knows no zone; the day means nothing
ROWS = 1_048_575
"""What one sheet can hold below its header."""


def as_spreadsheet(items: Sequence[Item]) -> bytes:
    """An .xlsx file with the same rows; every cell is text.

    A spreadsheet that opens a CSV turns +33… into a sum and a long user id into a rounded number: this is why the
    editable list is none.

    Raises:
        ValueError: there are more identifiers than a sheet has rows.
    """
    if len(items) > ROWS:
        raise ValueError(f"a sheet has {ROWS} rows, and there are {len(items)} identifiers")
    out = BytesIO()
    book = Workbook(out, {"in_memory": True})
    book.set_properties({"created": CREATED})
    text, head = book.add_format({"num_format": "@"}), book.add_format({"num_format": "@", "bold": True})
    sheet = book.add_worksheet("Identifiers")
    sheet.set_column(0, 0, 16, text)
    sheet.set_column(1, 1, 48, text)
    sheet.set_column(2, 4, 24, text)
    sheet.freeze_panes(1, 0)
    for row, cells in enumerate((HEADER, *map(row_of, items))):
        for column, cell in enumerate(cells):
            sheet.write_string(row, column, cell, text if row else head)
    book.close()
    return out.getvalue()
