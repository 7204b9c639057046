"""Reads a TOML, YAML or JSON file into one plain tree that knows on which line each key stands.

The three are read alike and narrowly: UTF-8, each key once, no YAML aliases or tags, nothing deeper than
`DEEPEST`, nothing larger than the limit (checked before reading). The parsers' own messages are never passed on:
they quote the text they stumble over.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from flows.instants import Unfit
from flows.lines import Place, json_lines, toml_lines
from flows.problems import Problem, Problems
from flows.syntax import explain

LARGEST = 10_000_000
"""Bytes; a case file with more is refused unread. Many identifiers belong into an identifiers file."""

DEEPEST = 50

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMPARE = "compare with the example in docs/case-file.md"
_SAVE = 'save it as UTF-8 (in a text editor: "Save as", encoding UTF-8)'


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A file as read: plain dicts, lists, texts, numbers, dates; and the line of each place in it, from 1."""

    file: str
    root: object = field(repr=False)
    lines: Mapping[Place, int] = field(repr=False)

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it; 0 for the file as a whole."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def where(self, place: Place, *, line: int | None = None) -> str:
        """`case.toml: line 12: request[0].to`; `line` where it is not the line of the place."""
        line = self.line(place) if line is None else line
        keys = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        return ": ".join(part for part in (self.file, f"line {line}" if line else "", keys) if part)


@dataclass(kw_only=True, slots=True)
class _Text:
    """A text on its way into a tree, and what was found wrong with its form."""

    file: str
    text: str
    problems: Problems

    def wrong(self, line: int, column: int, problem: str, fix: str) -> None:
        place = f"line {line}, column {column}" if column else f"line {line}"
        where = f"{self.file}: {place}" if line else self.file
        self.problems.add(Problem(where=where, problem=problem, fix=fix))


def kind_of(value: object) -> str:
    """What a person calls a value of this kind; the value itself is not told."""
    if isinstance(value, bool):
        return "true or false"
    for kinds, name in _KINDS:
        if isinstance(value, kinds):
            return name
    return "nothing"


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((str,), "text"),
    ((int, float), "a number"),
    ((datetime,), "a date with a time"),
    ((date,), "a day"),
    ((time,), "a time of day"),
    ((list,), "a list"),
    ((dict,), "a table"),
)


def label(path: Path) -> str:
    """The name of a file as problems quote it: without its folder, without characters that steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in path.name) or str(path)


def open_input(path: Path, limit: int) -> BinaryIO:
    """Open a file for reading once it is known to be a plain file of at most `limit` bytes.

    Raises:
        Unfit: there is no such file, it is a folder or a device, it is too large or may not be read.
    """
    try:
        status = path.stat()
        unfit = _unfit_status(status, limit)
        if unfit is None:
            return path.open("rb")
    except FileNotFoundError:
        unfit = Unfit("there is no such file", "check its name and its folder")
    except PermissionError:
        unfit = Unfit("may not be read by this user", "ask for the right to read it")
    except (OSError, ValueError) as error:  # a name with a NUL or too long, a broken disk, a loop of links
        unfit = _unreadable(error)
    raise unfit


def _unfit_status(status: os.stat_result, limit: int) -> Unfit | None:
    if stat.S_ISDIR(status.st_mode):
        return Unfit("is a folder", "give a file")
    if not stat.S_ISREG(status.st_mode):
        return Unfit("is not a plain file", "give a file on a disk")
    if status.st_size > limit:
        megabytes = limit // 1_000_000
        return Unfit(
            f"is larger than {megabytes} MB and was not read", "split it, or check that it is the right file"
        )
    return None


def _unreadable(error: Exception) -> Unfit:
    reason = getattr(error, "strerror", None) or "not a name that a file can have"
    return Unfit(f"cannot be read: {reason}", "check its name and the disk it is on")


def encoding_problem(head: bytes) -> Unfit | None:
    """Why a file that begins like this is not a UTF-8 text, if that can be told from its first bytes."""
    if head.startswith(_UTF16):
        return Unfit("is written in UTF-16, not in UTF-8", _SAVE)
    if head.startswith(b"PK\x03\x04"):
        return Unfit("is a spreadsheet or a zip file, not a text", "export it as text first")
    return None


def read_document(path: Path, problems: Problems) -> Document | None:
    """Read a case file by its ending (.toml, .yaml, .yml, .json). None if its form is wrong: see `problems`."""
    file = label(path)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        fix = "name it .toml, .yaml or .json, by what is in it"
        problems.add(Problem(where=file, problem="its name does not say how it is written", fix=fix))
        return None
    try:
        with open_input(path, LARGEST) as stream:
            content = stream.read(LARGEST + 1)
        text = _Text(file=file, text=_decode(content), problems=problems)
    except Unfit as unfit:
        problems.add(Problem(where=file, problem=unfit.problem, fix=unfit.fix))
        return None
    except OSError as error:
        broken = _unreadable(error)
        problems.add(Problem(where=file, problem=broken.problem, fix=broken.fix))
        return None
    for match in _CONTROL.finditer(text.text):
        line, column = _position(text.text, match.start())
        what = f"a control character (U+{ord(match.group()):04X}) that no text contains"
        text.wrong(line, column, what, "remove it; if the file is full of them, it is not a text file")
    try:
        document = None if problems.errors else read(text)
    except RecursionError:
        document = None
        text.wrong(0, 0, "is nested too deeply", _COMPARE)
    return None if problems.errors else document


def _decode(content: bytes) -> str:
    if len(content) > LARGEST:
        raise Unfit("grew while it was read", "wait until nobody writes to it")
    unfit = encoding_problem(content[:4])
    if unfit:
        raise unfit
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # With a mark at its start, the decoder counts from behind it.
        start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        line = content.count(b"\n", 0, start) + 1
        column = start - content.rfind(b"\n", 0, start)
        raise Unfit(f"line {line}, byte {column}: 0x{content[start]:02X} is not UTF-8", _SAVE) from None


def _position(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _read_toml(source: _Text) -> Document | None:
    try:
        root = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
        line, column = (int(found[1]), int(found[2])) if found else _position(source.text, len(source.text.rstrip()))
        source.wrong(line, column, *explain("TOML", str(error)))
        return None
    except ValueError:  # a number of more digits than Python will read
        source.wrong(0, 0, "contains a number that is far too long", "put identifiers in double quotes")
        return None
    return Document(file=source.file, root=root, lines=toml_lines(source.text))


def _read_json(source: _Text) -> Document | None:
    def refuse(_: str) -> None:
        raise Unfit("contains NaN or Infinity", "put text in double quotes")

    try:
        root = json.loads(source.text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        source.wrong(error.lineno, error.colno, *explain("JSON", error.msg))
        return None
    except Unfit as unfit:
        source.wrong(0, 0, unfit.problem, unfit.fix)
        return None
    except ValueError:
        source.wrong(0, 0, "contains a number that is far too long", "put identifiers in double quotes")
        return None
    lines, again = json_lines(source.text)
    for line in again:
        source.wrong(line, 0, "a key is given twice", "keep one of them")
    return Document(file=source.file, root=root, lines=lines)


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events, about ten times as fast


def _read_yaml(source: _Text) -> Document | None:
    tree = _YamlTree(source)
    try:
        for event in yaml.parse(source.text, Loader=_LOADER):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        source.wrong(line, column, *explain("YAML", error.problem or ""))
    except (yaml.YAMLError, UnicodeError):
        source.wrong(0, 0, "contains a character that YAML does not allow", "remove it, or write the case as TOML")
    except Unfit as unfit:
        source.wrong(tree.line, 0, unfit.problem, unfit.fix)
    return Document(file=source.file, root=tree.root, lines=tree.lines)


class _YamlTree:
    """Builds the tree from the parser's events, so that aliases, tags and repeated keys are seen and refused."""

    def __init__(self, source: _Text) -> None:
        self.root: object = None
        self.lines: dict[Place, int] = {}
        self.line = 0
        self._source = source
        self._open: list[tuple[Any, Place]] = []
        self._keys: list[str | None] = []  # the key that waits for its value, for each open container
        self._documents = 0
        self._resolver: Any = yaml.resolver.Resolver()
        self._constructor = yaml.constructor.SafeConstructor()

    def take(self, event: Any) -> None:
        self.line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unfit("a second document begins", "one file holds one case: remove the line ---")
        elif isinstance(event, yaml.AliasEvent):
            raise Unfit("an alias (*name)", "write the value out")
        elif isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent):
            if event.anchor or event.tag not in {None, "!"}:
                raise Unfit("an anchor (&name) or a tag (!name)", "leave it out; put text in quotes")
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()

    def _node(self, event: Any) -> None:
        container, place = self._open[-1] if self._open else (None, ())
        is_scalar = isinstance(event, yaml.ScalarEvent)
        if isinstance(container, dict) and self._keys[-1] is None:
            if not is_scalar:
                raise Unfit("a key that is a list or a table", "write key: value")
            if event.value in container:
                self._source.wrong(self.line, event.start_mark.column + 1, "a key is given twice", "keep one of them")
            self._keys[-1] = event.value
            self.lines.setdefault((*place, event.value), self.line)
            return
        value = self._scalar(event) if is_scalar else {} if isinstance(event, yaml.MappingStartEvent) else []
        if isinstance(container, dict):
            key = self._keys[-1] or ""
            container[key], place, self._keys[-1] = value, (*place, key), None
        elif isinstance(container, list):
            place = (*place, len(container))
            container.append(value)
            self.lines[place] = self.line
        else:
            self.root = value
        if not is_scalar:
            self._open.append((value, place))
            self._keys.append(None)
            if len(self._open) > DEEPEST:
                raise Unfit("is nested too deeply", _COMPARE)

    def _scalar(self, event: Any) -> object:
        if not event.implicit[0]:  # in quotes
            return event.value
        tag = self._resolver.resolve(yaml.ScalarNode, event.value, (True, False))
        node = yaml.ScalarNode(tag, event.value)
        read = {
            "tag:yaml.org,2002:null": lambda _: None,
            "tag:yaml.org,2002:bool": self._constructor.construct_yaml_bool,
            "tag:yaml.org,2002:int": self._constructor.construct_yaml_int,
            "tag:yaml.org,2002:float": self._constructor.construct_yaml_float,
            "tag:yaml.org,2002:timestamp": self._constructor.construct_yaml_timestamp,
        }.get(tag)
        try:
            return event.value if read is None else read(node)
        except (ValueError, OverflowError):
            message = "a date, a time or a number that does not exist"
            self._source.wrong(self.line, event.start_mark.column + 1, message, "check it; put text in quotes")
            return None


_READERS: Mapping[str, Callable[[_Text], Document | None]] = {
    ".toml": _read_toml,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".json": _read_json,
}
