"""The smallest real typesetter: one page of PDF with what the order says. For tests of what carries letters."""

from __future__ import annotations

from providers.errors import Unsupported
from providers.interface import Action, Letter, Order


class PlainLetters:
    """Writes one uncompressed page; the same order gives the same bytes."""

    def write(self, order: Order, *, draft: bool = False) -> Letter:
        if order.action in {Action.STATUS, Action.FIND}:
            raise Unsupported("no letter asks how a request stands")
        lines = [f"{'DRAFT ' * draft}{order.request} {order.action} {order.sequence}", order.case_reference]
        lines += [f"{item.type}: {item.value}" for item in order.items]
        shown = "".join(f"({_escaped(line)}) Tj T* " for line in lines)
        return Letter(
            name=f"{order.request}-{order.action}-{order.sequence}.pdf",
            pdf=_pdf(f"BT /F1 10 Tf 12 TL 50 800 Td {shown}ET".encode("latin-1", "replace")),
            language=order.addressee.language,
        )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _pdf(content: bytes) -> bytes:
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    xref = b"xref\n0 5\n0000000000 65535 f \n" + table
    return out + xref + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
