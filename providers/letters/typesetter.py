"""Typesets orders: the one class that knows typst."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Protocol

from providers.errors import ConfigurationError, Unsupported
from providers.interface import Letter, Order
from providers.letters.characters import Json
from providers.letters.composing import KIND_OF, compose
from providers.letters.fields import day_of
from providers.letters.language import Language
from providers.letters.stationery import Stationery

if TYPE_CHECKING:
    from typst import Fonts, PDFStandard

STANDARDS: tuple[PDFStandard, ...] = ("a-2a", "ua-1")
"""PDF/A-2a, for keeping, and PDF/UA-1, for reading aloud. Both refuse a character that no font has."""

_LARGE = 100
"""Identifiers after which typst is made to forget the letter: it remembers its last ten compilations, which would
hold 200 MB for each letter with 3,000 identifiers."""
_REMEMBERED = 11

# With this, Chrome takes every line for Arabic and copies an identifier the wrong way round. Both are as long.
_BOOK_FROM_THE_RIGHT, _PLAIN = b"/Direction/R2L", b"/Direction/L2R"

_QUOTED = re.compile(r'`[^`]*`|"(?:\\.|[^"\\])*"')


class Signer(Protocol):
    """What signs a finished letter."""

    def check(self) -> None:
        """Raise `ConfigurationError` where it could not sign now."""

    def sign(self, pdf: bytes) -> bytes:
        """The letter with a signature appended. `ConfigurationError`: the certificate is wrong or expired."""


class Typesetter:
    """Writes letters. Thread-safe; connects to nothing.

    The same order on the same day gives the same bytes, in any process: no clock, no system font and no random
    number enters. The day is that of `Order.made_at` in UTC, so a retry on a later day has a later date. A signed
    letter differs each time.

    Args:
        stationery: structure, texts and fonts.
        signer: signs every letter that is not a draft; None for unsigned letters.
    """

    def __init__(self, stationery: Stationery, *, signer: Signer | None = None) -> None:
        self.stationery, self.signer = stationery, signer
        self._found: Fonts | None = None

    def write(self, order: Order, *, draft: bool = False) -> Letter:
        """The letter that says this order, in the language of its addressee.

        Raises:
            Unsupported: no letter asks for a status; the language has no texts; the order lacks what the letter
                must say. A person must write, or the case must be completed.
            ConfigurationError: the structure, a font or the signing certificate is wrong.
        """
        if order.action not in KIND_OF:
            raise Unsupported("no letter asks how a request stands")
        language = self._language(order.addressee.language)
        signer = None if draft else self.signer
        if signer is not None:
            signer.check()
        data = compose(order, self.stationery, language, draft=draft, signed=signer is not None)
        pdf = self._typeset(data, order)
        sequence = f"-{order.sequence}" if order.sequence > 1 else ""
        return Letter(
            name=f"{order.request}-{KIND_OF[order.action]}{sequence}{'-draft' if draft else ''}.pdf",
            pdf=signer.sign(pdf) if signer is not None else pdf,
            language=language.tag,
            signed=signer is not None,
        )

    def _language(self, tag: str) -> Language:
        """The texts of a language, or of the language that a tag such as "pt-BR" is a kind of."""
        known = self.stationery.languages
        for each in (tag, tag.partition("-")[0].lower()):
            if each in known:
                return known[each]
        raise Unsupported(f"there are no letters in the language {tag!r}; there are {', '.join(sorted(known))}")

    def _typeset(self, data: Json, order: Order) -> bytes:
        import typst  # noqa: PLC0415 - thirty megabytes that only a letter needs

        made_on = day_of(order.made_at)
        assert made_on is not None  # noqa: S101 - checked when it was composed
        failed = ""
        try:
            compiler = typst.Compiler(
                self.stationery.structure.encode(),
                root=str(self.stationery.folder),
                font_paths=self._fonts(),
                sys_inputs={"letter": json.dumps(data, ensure_ascii=False)},
            )
            pdf = compiler.compile(pdf_standards=list(STANDARDS), timestamp=datetime.combine(made_on, time(), UTC))
        except typst.TypstError as error:
            failed = _harmless(error.message)
        else:
            for _ in range(_REMEMBERED if len(order.items) > _LARGE else 0):
                typst.compile(b"", font_paths=self._fonts())
            assert isinstance(pdf, bytes)  # noqa: S101 - one PDF, not a picture for each page
            return pdf.replace(_BOOK_FROM_THE_RIGHT, _PLAIN, 1)
        # Raised outside of `except`: typst quotes the text at which it stopped, which may be an account.
        raise ConfigurationError(f"letters/letter.typ: cannot be typeset: {failed}")

    def _fonts(self) -> Fonts:
        """The fonts that typst brings and those of the stationery, found once; never the machine's own."""
        import typst  # noqa: PLC0415

        if self._found is None:
            folders = [str(folder) for folder in self.stationery.fonts]
            self._found = typst.Fonts(include_system_fonts=False, font_paths=folders)
        return self._found


def _harmless(message: str) -> str:
    if "could not be displayed" in message:
        return "no font has a character that letters.toml promises under fonts; add the font, or take it out there"
    return _QUOTED.sub("…", message.splitlines()[0])
