"""Reads an identifiers file: CSV with the columns type, value and perhaps from, to, zone, port, chain, line by line.

The file is streamed: a bad line is told by its number and does not stop the others. It is read as officers'
tools write it: commas, semicolons or tabs, with or without a byte order mark, any line ends, quotes where needed.
A quoted text does not go on over the end of a line, so that a quote left open spoils one line and not the rest.
"""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from flows.documents import encoding_problem, label, open_input
from flows.entries import KEYS, Spot, Written, read_identifier
from flows.identifiers import Identifier
from flows.instants import Unfit
from flows.problems import Problem, Problems

LARGEST = 50_000_000
"""Bytes; a file with more is refused unread."""

LONGEST_LINE = 8_192
"""Bytes; no seven columns need more."""

_SAVE = 'save it as UTF-8 (in a spreadsheet: "CSV UTF-8")'
_HEADER = "write type,value as the first line; from, to, zone, port and chain may follow"


def read_identifiers_file(path: Path, *, now: datetime, problems: Problems) -> tuple[Identifier, ...]:
    """All usable identifiers of the file, in its order; what is wrong is added to `problems`.

    Raises:
        Unfit: the file cannot be opened or read; the caller tells it at the key that names the file.
    """
    try:
        with open_input(path, LARGEST) as stream:
            return tuple(_Reader(path, now, problems).identifiers(stream))
    except OSError as error:
        raise Unfit(f"cannot be read: {error.strerror}", "check the disk it is on") from None


def read_identifiers(stream: BinaryIO, name: str, *, now: datetime, problems: Problems) -> tuple[Identifier, ...]:
    """The same from a stream, such as standard input; `name` is what messages call it."""
    return tuple(_Reader(Path(name), now, problems).identifiers(stream))


class _Reader:
    def __init__(self, path: Path, now: datetime, problems: Problems) -> None:
        self.file, self.now, self.problems = label(path), now, problems
        self.separator = ","
        self.columns: list[str] = []
        self.order: list[int] = []  # where in a row each key of an entry stands; -1: nowhere

    def wrong(self, line: int, problem: str, fix: str) -> None:
        where = f"{self.file}: line {line}" if line else self.file
        self.problems.add(Problem(where=where, problem=problem, fix=fix))

    def identifiers(self, stream: BinaryIO) -> Iterator[Identifier]:
        told, rows = self.problems.errors, 0
        for number, text in self._lines(stream):
            if not text.strip(f" {self.separator}"):
                continue
            if not self.columns:
                self._header(number, text)
                if not self.columns:
                    return  # without a header no line can be judged
                continue
            rows += 1
            cells = self._cells(number, text)
            identifier = self._identifier(number, cells) if cells else None
            if identifier:
                yield identifier
        if not self.columns and not self.problems.errors:
            self.wrong(0, "is empty", _HEADER)
        elif self.columns and not rows and self.problems.errors == told:
            self.wrong(0, "has a header and no row", "write one identifier a line below it, or leave the file out")

    def _lines(self, stream: BinaryIO) -> Iterator[tuple[int, str]]:
        """Each line as text with its number, without its end; a line that is no text is told and left out."""
        number = 0
        while raw := stream.readline(LONGEST_LINE + 1):
            number += 1
            if number == 1:
                unfit = encoding_problem(raw)
                if not unfit and b"\r" in raw.rstrip(b"\r\n"):
                    unfit = Unfit("has lines that end with a carriage return alone", _SAVE)
                if unfit:
                    self.wrong(0, unfit.problem, _SAVE)
                    return
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
                while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                self.wrong(number, "is longer than any row can be", "write one identifier a line")
                continue
            try:
                yield number, raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                place = f"byte {error.start + 1} (0x{raw[error.start]:02X})"
                self.wrong(number, f"{place} is not UTF-8", _SAVE)

    def _header(self, number: int, text: str) -> None:
        self.separator = next((mark for mark in ";\t" if mark in text and "," not in text), ",")
        names = [name.strip().lower() for name in self._cells(number, text) or ()]
        while names and not names[-1]:
            names.pop()
        if not {"type", "value"} & set(names):
            self.wrong(number, "the first line is no header", _HEADER)
            return
        before = self.problems.errors
        for place, name in enumerate(names):
            if name not in KEYS:
                close = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.7)
                fix = f'did you mean "{close[0]}"?' if close else f"the columns are {', '.join(KEYS)}"
                self.wrong(number, f"the name of column {place + 1} is not known", fix)
            elif name in names[:place]:
                self.wrong(number, f"the column {name} is there twice", "remove one of them")
        for name in ("type", "value"):
            if name not in names:
                self.wrong(number, f"there is no column {name}", _HEADER)
        if self.problems.errors == before:
            self.columns = names
            self.order = [names.index(key) if key in names else -1 for key in KEYS]

    def _cells(self, number: int, text: str) -> list[str] | None:
        if '"' not in text:
            return text.split(self.separator)
        try:
            return next(csv.reader([text], delimiter=self.separator, strict=True))
        except csv.Error:
            fix = 'put quotes around the whole cell, close them on the same line, and write "" for a quote inside'
            self.wrong(number, "its quotes do not match", fix)
            return None

    def _identifier(self, number: int, cells: list[str]) -> Identifier | None:
        while len(cells) > len(self.columns) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(self.columns):
            count, known = len(cells), len(self.columns)
            fix = "put a value that contains the separator in double quotes"
            self.wrong(number, f"has {count} cells, the header has {known}", fix)
            return None
        given: list[str | None] = [cell.strip(" ") or None for cell in cells]
        given += [None] * (
            len(self.columns) + 1 - len(given)
        )  # what a row leaves out, and a column that is not there
        where = f"{self.file}: line {number}"
        return read_identifier(
            Written(*map(given.__getitem__, self.order)),
            Spot(where=where, key=lambda _: where),
            now=self.now,
            problems=self.problems,
        )
