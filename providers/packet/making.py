"""A packet, made: every file that the person needs for one order, in one archive."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.errors import Unsupported
from providers.interface import Action, Letter, Letters, Order
from providers.packet.archive import packed
from providers.packet.article29 import article_29_text, open_fields
from providers.packet.lists import as_csv, as_lines, ordered
from providers.packet.sheets import DISPATCHED, checklist, cover_sheet, dispatch_record
from providers.packet.steps import Contents, readme
from providers.packet.table import STATE_CHANNELS, ManualTable

NO_TYPESETTER = "nothing here typesets letters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    """The archive, and why there is no letter in it ("" where there is one)."""

    archive: bytes = field(repr=False)
    missing_letter: str = ""


def make_packet(order: Order, table: ManualTable, provider: str, letters: Letters | None) -> Packet:
    """Everything for a person to say this order; the same order gives the same bytes, unless the letter is signed.

    Where the letter cannot be typeset the packet is made without it, and says so on its first lines.

    Raises:
        ConfigurationError: templates, fonts or the signing certificate are wrong: mend that, then again.
    """
    letter, missing = _letter(order, letters)
    items = ordered(order, table)
    files: dict[str, tuple[str, bytes]] = {}
    if letter is not None:
        how = "signed; do not print and scan it again" if letter.signed else "to be signed where that is asked for"
        files["letter.pdf"] = f"the letter ({how})", letter.pdf
    if _to_a_state(order, table):
        text = article_29_text(order)
        files["article-29.txt"] = "the fields of the form of article 29, to copy from (T-CY(2018)11)", _text(text)
    if table.identifiers == "csv":
        what = "the identifiers, to be given as they are: open it in a text editor, a spreadsheet alters numbers"
        files["identifiers.csv"] = what, _text(as_csv(items))
    else:
        files["identifiers.txt"] = "the identifiers, one a line, to be copied", _text(as_lines(items))
    if table.editable_annex_over is not None and len(items) > table.editable_annex_over:
        from providers.packet.annex import as_spreadsheet  # noqa: PLC0415 - for long lists only

        what = f"the identifiers as an editable list, wanted for more than {table.editable_annex_over}"
        files["annex.xlsx"] = what, as_spreadsheet(items)
    page = checklist(order, table, provider, items, missing)
    files["checklist.html"] = "what will be asked, with the answers to copy: open it in a browser", _text(page)
    if table.channel in {"fax", "post"}:
        sheet = cover_sheet(order, table, provider)
        files["cover-sheet.html"] = "the first page: open it in a browser and print it", _text(sheet)
    if table.channel in DISPATCHED:
        record = dispatch_record(order, table, provider)
        files["dispatch-record.txt"] = "to be filled in: the proof that it left", _text(record)
    contents = Contents(
        files={name: what for name, (what, _) in files.items()},
        missing_letter=missing,
        fill_in=open_fields(order) if "article-29.txt" in files else (),
    )
    steps = _text(readme(order, table, provider, contents))
    return Packet(
        archive=packed({"README.txt": steps} | {name: content for name, (_, content) in files.items()}),
        missing_letter=missing,
    )


def _letter(order: Order, letters: Letters | None) -> tuple[Letter | None, str]:
    if letters is None:
        return None, NO_TYPESETTER
    try:
        return letters.write(order), ""
    except Unsupported as error:
        return None, error.reason


def _to_a_state(order: Order, table: ManualTable) -> bool:
    """Whether another State is asked: then a preservation takes the fields of article 29."""
    return order.action in {Action.SEND, Action.EXTEND} and (
        table.channel in STATE_CHANNELS or bool(order.addressee.network)
    )


def _text(text: str) -> bytes:
    return text.encode()
