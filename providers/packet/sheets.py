"""Papers to read, copy from, print and fill in: checklist.html, cover-sheet.html, dispatch-record.txt.

One file each, without scripts, and nothing is loaded from anywhere; every value is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from html import escape

from providers.interface import Item, Order
from providers.packet.steps import WAYS
from providers.packet.table import ManualTable
from providers.packet.words import ALWAYS, GAP, USUAL, FormLine, day, form_line, used, what_it_is

STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #999; padding: .45rem .6rem; text-align: left; vertical-align: top; }
th { width: 34%; font-weight: 600; background: #f3f3f3; }
thead th { width: auto; }
.copy { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; white-space: pre-wrap;
        overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
.open { background: #fff3c4; }
.loud { border: 3px solid #a00; color: #a00; padding: .6rem .8rem; font-weight: 700; }
.quiet { color: #555; }
.blank { border-bottom: 1px solid #111; display: inline-block; min-width: 16rem; }
@page { size: A4; margin: 18mm; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def questions(order: Order, table: ManualTable) -> tuple[FormLine, ...]:
    """What has to be said for this action, then what the form asks (what forms usually ask, where unknown)."""
    return (*(map(form_line, ALWAYS[order.action])), *(table.form or map(form_line, USUAL)))


def checklist(order: Order, table: ManualTable, provider: str, items: Sequence[Item], missing_letter: str) -> str:
    """What will be asked, with the answers to copy; and the accounts with the item's name in our record."""
    rows = list(_rows(order, table))
    body = [f"<h1>{escape(what_it_is(order))}</h1>"]
    named = f" ({escape(table.name)})" if table.name else ""
    body += [f"<p>To {escape(_to(order, provider))}, by {escape(WAYS[table.channel])}{named}.</p>"]
    if table.url:
        body += [f'<p><a href="{escape(table.url)}" rel="noreferrer">{escape(table.url)}</a></p>']
    if missing_letter:
        body += [f'<p class="loud">There is no letter in this packet: {escape(missing_letter)}.</p>']
    body += ['<p class="quiet">Click an answer to mark the whole of it, then copy. Yellow: not known here, so']
    body += ["fill it in by hand."]
    if not table.form:
        body += ["Nobody has written down what this form asks: these are the questions that such forms usually have."]
    body += ["</p>", "<table>", *rows, "</table>", "<h2>Accounts</h2>", "<table><thead>"]
    body += ["<tr><th>item</th><th>type</th><th>identifier</th><th>in use</th></tr></thead>"]
    for item in items:
        cells = (escape(item.id), escape(item.type), _copy(item.value), escape(used(item)))
        body += [f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"]
    body += ["</table>"]
    body += ['<p class="quiet">The first column is what `holdfast record … --item` takes.</p>']
    return _page(f"{order.request} {order.action}", body)


def _rows(order: Order, table: ManualTable) -> Iterator[str]:
    for line in questions(order, table):
        if not line.words:
            yield f'<tr><td colspan="2">☐ {escape(line.question)}</td></tr>'
            continue
        answer = line.filled(order)
        mark = "" if answer and GAP not in answer else ' class="open"'
        yield f"<tr><th>{escape(line.question)}</th><td{mark}>{_copy(answer) if answer else ''}</td></tr>"


def _copy(value: str) -> str:
    return f'<span class="copy">{escape(value)}</span>'


def _to(order: Order, provider: str) -> str:
    names = dict.fromkeys(filter(None, (order.addressee.name, order.addressee.service)))
    return ", ".join(names) or provider


def cover_sheet(order: Order, table: ManualTable, provider: str) -> str:
    """The first page of a fax or a letter. It names no account and says nothing of the facts: strangers see it."""
    officer, pages = order.officer, '<span class="blank">&nbsp;</span>'
    urgent = "EMERGENCY" if order.urgency == "emergency" else "URGENT"
    kind = "Fax" if table.channel == "fax" else "Registered letter"
    lines = {
        "To": f"{escape(_to(order, provider))}<br>Attention: law enforcement response, custodian of records",
        "Fax number" if table.channel == "fax" else "Address": escape(table.address).replace("\n", "<br>") or pages,
        "From": f"{escape(order.unit)} ({escape(order.country)})<br>{escape(officer.name)}, {escape(officer.badge)}",
        "Call back": f"{escape(officer.phone)}<br>{escape(officer.email)}",
        "Date": escape(day(order.made_at.astimezone(UTC).date())),
        "Our reference": escape(order.request),
        "Your reference": escape(", ".join(order.references)) or "none yet",
        "Subject": escape(what_it_is(order)),
        "Pages with this one": pages,
    }
    body = [f"<h1>{kind}: {urgent}, CONFIDENTIAL</h1>", "<table>"]
    body += [f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in lines.items()]
    body += [
        "</table>",
        "<p>If you have this by mistake: call the officer named above, copy nothing, and destroy it.",
    ]
    body += ["Please confirm receipt, your reference and the day from which the data are kept, by e-mail.</p>"]
    return _page(f"{order.request} cover sheet", body)


def _page(title: str, body: Sequence[str]) -> str:
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head += '<meta name="referrer" content="no-referrer">'
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}\n<title>{escape(title)}</title>\n<style>{STYLE}</style>'
        f"</head>\n<body>\n{chr(10).join(body)}\n</body>\n</html>\n"
    )


DISPATCHED = {
    "fax": ("Number dialled", "Begun at (with zone)", "Ended at", "Pages sent", "Result on the transmission report",
            "Called to check, spoke to"),
    "post": ("Handed in at (place)", "Date and time (with zone)", "Registered number", "Sent to (address)",
             "Advice of delivery back on", "Received by"),
    "phone": ("Number called", "Begun at (with zone)", "Ended at", "Spoke to (name, function)",
              "What they said", "Confirmation in writing sent to"),
}  # fmt: skip
"""What the proof of a dispatch says, by channel."""


def dispatch_record(order: Order, table: ManualTable, provider: str) -> str:
    """A form that the person who sends fills in, as the proof of dispatch; it names no account."""
    rows = [f"RECORD OF DISPATCH, {WAYS[table.channel]}", "", f"Request:      {order.request}"]
    rows += [f"Said:         {what_it_is(order)}", f"To:           {_to(order, provider)}", ""]
    asked = (*DISPATCHED[table.channel], "Their reference", "Sent by (name, service number)", "Signature")
    widest = max(map(len, asked))
    for each in asked:
        rows += [f"{each + ':':{widest + 2}}________________________________________", ""]
    return "\n".join(rows)
