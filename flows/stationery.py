"""The unit's letters: structure and texts of `config/letters/` with the unit's own laid over them, and the signature.

Texts are merged key by key; a `letter.typ` of the unit replaces the shipped one; its fonts are added. Nothing is
typeset, and no certificate opened, before the first letter is written.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.catalogue import SHIPPED, laid_over, toml_table
from flows.reading import ConfigurationErrors, meant
from flows.settings import Settings
from providers.interface import Letter, Order

if TYPE_CHECKING:
    from providers.letters import Stationery, Typesetter
    from providers.letters.stationery import File

FOLDER, SHARED, STRUCTURE, FONTS = "letters", "letters.toml", "letter.typ", "fonts"
SIGNING_KEY, SIGNING_PASSWORD = "HOLDFAST_SIGNING_P12", "HOLDFAST_SIGNING_PASSWORD"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?\.toml")


class UnitLetters:
    """What writes the unit's letters. Cheap to make and thread-safe: all is read when the first is written."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] | None = None) -> None:
        self._settings, self._clock = settings, clock or settings.now
        self._typesetter: Typesetter | None = None
        self._lock = threading.Lock()

    def write(self, order: Order, *, draft: bool = False) -> Letter:
        """The letter that says this order; see `providers.interface.Letters`.

        Raises:
            Unsupported: no letter can say it.
            ConfigurationErrors: the texts; lists every error.
            ConfigurationError: a font or the signing certificate.
        """
        with self._lock:
            if self._typesetter is None:
                self._typesetter = open_letters(self._settings, clock=self._clock)
        return self._typesetter.write(order, draft=draft)


def open_letters(settings: Settings, *, clock: Callable[[], datetime]) -> Typesetter:
    """The typesetter, signing where `HOLDFAST_SIGNING_P12` names a key. Raises what `read_letters` raises."""
    from providers.letters import Typesetter
    from providers.letters.signing import PadesSigner

    path = settings.environ.get(SIGNING_KEY)
    signer = (
        PadesSigner(Path(path), password=settings.environ.get(SIGNING_PASSWORD, ""), clock=clock, where=SIGNING_KEY)
        if path
        else None
    )
    return Typesetter(read_letters(settings.config), signer=signer)


def wrong_letters(overlay: Path | None) -> tuple[str, ...]:
    """Everything that is wrong with the letters' files, each with file and key; empty if nothing is."""
    try:
        read_letters(overlay)
    except ConfigurationErrors as error:
        return error.errors
    return ()


def read_letters(overlay: Path | None = None) -> Stationery:
    """Read and check the letters.

    Args:
        overlay: the unit's configuration (`HOLDFAST_CONFIG`), whose folder `letters` is laid over the shipped one.

    Raises:
        ConfigurationErrors: something is wrong in either folder; every place is listed.
    """
    from providers.letters import read_stationery
    from providers.section import TableError

    folders = [(SHIPPED / FOLDER, f"config/{FOLDER}")]
    if overlay is not None and (overlay / FOLDER).is_dir():
        folders.append((overlay / FOLDER, str(overlay / FOLDER)))
    errors: list[str] = []
    tables: dict[str, File] = {}
    structure, structure_in, fonts = "", folders[0][0], []
    for folder, shown in folders:
        for path in sorted(each for each in folder.iterdir() if each.name[0] not in "._#" and each.name[-1] != "~"):
            where = f"{shown}/{path.name}"
            if path.name == FONTS and path.is_dir():
                fonts.append(path)
            elif path.name == STRUCTURE:
                structure, structure_in = _text(path, where, errors), folder
            elif path.name == SHARED or _LANGUAGE.fullmatch(path.name):
                _lay(tables, path, where, errors)
            elif path.suffix != ".md":
                errors.append(f"{where}: is not a part of the letters; {meant(path.name, _KNOWN)}")
    languages = {name.removesuffix(".toml"): file for name, file in tables.items() if name != SHARED}
    try:
        if errors:
            raise ConfigurationErrors(errors)
        return read_stationery(tables[SHARED], languages, structure=structure, folder=structure_in, fonts=fonts)
    except TableError as error:
        raise ConfigurationErrors(error.problems) from None


_KNOWN = (SHARED, STRUCTURE, FONTS, "en.toml or another language")


def _lay(tables: dict[str, File], path: Path, where: str, errors: list[str]) -> None:
    """Lay a file over the table of the same name."""
    from providers.letters.stationery import File

    try:
        table = toml_table(path, where)
    except ConfigurationErrors as error:
        errors.extend(error.errors)
        return
    under = tables.get(path.name)
    tables[path.name] = File(table=laid_over(under.table, table, where) if under else table, where=where)


def _text(path: Path, where: str, errors: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        errors.append(f"{where}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}")
        return ""
