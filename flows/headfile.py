"""The file in which signed heads leave the machine: one line each, only ever longer, on the disk when written.

It may lie on another machine's mount. It may hold heads of several ledgers, and a line that a crash cut off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flows.settings import Settings
from ledger.heads import Accepted, Head, HeadError, Line, read_line

VARIABLE = "HOLDFAST_HEADS"
TAIL = 64 * 1024
"""Bytes at the end in which the newest head of a ledger is looked for first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A line of a file of heads: its number, and what it says, or what is wrong with it."""

    number: int
    line: Line | None
    wrong: str = ""


def path_of(settings: Settings) -> Path:
    """The file of this unit: HOLDFAST_HEADS, or `heads.jsonl` in the home."""
    named = settings.environ.get(VARIABLE, "")
    return Path(named) if named else settings.home / "heads.jsonl"


def append(path: Path, texts: Sequence[str]) -> None:
    """Add lines that do not stand at its end already; they are on the disk when this returns.

    Several processes may do this at once. The folder must be there: a mount that is missing must not be taken for
    a folder of this machine.

    Raises:
        OSError: it cannot be written.
    """
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        with suppress(ImportError, OSError):  # not every mount knows locks; then lines are still written whole
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        end = os.lseek(handle, 0, os.SEEK_END)
        os.lseek(handle, max(0, end - TAIL), os.SEEK_SET)
        tail = _read(handle)
        there = set(tail.decode("utf-8", "replace").splitlines())
        missing = [text for text in dict.fromkeys(texts) if text not in there]
        if missing:
            cut_off = b"\n" if tail and not tail.endswith(b"\n") else b""
            content = cut_off + "".join(f"{text}\n" for text in missing).encode()
            while content:
                content = content[os.write(handle, content) :]
            os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        _keep_name(path.parent)


def _read(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, TAIL):
        parts.append(part)
    return b"".join(parts)


def _keep_name(folder: Path) -> None:
    """Put the name of a new file on the disk too, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path) -> Iterator[Found]:
    """Every line that is not blank.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if raw.strip():
                yield _found(number, raw)


def _found(number: int, raw: bytes) -> Found:
    try:
        return Found(number=number, line=read_line(raw.decode()))
    except UnicodeDecodeError:
        return Found(number=number, line=None, wrong="is not UTF-8 text")
    except HeadError as error:
        return Found(number=number, line=None, wrong=str(error))


@lru_cache(maxsize=512)
def _line(raw: bytes) -> Line | None:
    """What a line says, None if it cannot be read; each sweep reads the same ones, and a few new ones."""
    return _found(0, raw).line


def standing(path: Path, ledger: str, *, unless: Callable[[Head], bool] = lambda _: False) -> list[Head]:
    """The heads of a ledger in the file, newest first, but for those that `unless` leaves out.

    The newest has the most events, wherever it stands: an older line that is added once more must not hide it. Heads
    that an acceptance gave up are left out; signatures are not checked. Looked at is the file's end, as long as one
    is there.

    Raises:
        OSError: it cannot be read.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return []
    for start in dict.fromkeys((max(0, size - TAIL), 0)):
        with path.open("rb") as file:
            file.seek(start)
            lines = file.read().splitlines()
        found = (_line(raw) for raw in dict.fromkeys(lines[1:] if start else lines) if raw.strip())
        heads = [line for line in found if isinstance(line, Head) and line.ledger == ledger and not unless(line)]
        if left := not_given_up(heads):
            return sorted(left, key=lambda head: (head.events, head.at), reverse=True)
    return []


def not_given_up(heads: Sequence[Head]) -> list[Head]:
    """The heads that are not lost with a history that a person gave up: those that no acceptance says so of.

    An acceptance names the newest head that it gives up; older ones are given up with it, by their instants.
    """
    accepted = [head for head in heads if isinstance(head, Accepted)]
    named = {line.gives_up for line in accepted}
    last = max((line for line in accepted if line.digest not in named), key=lambda line: line.at, default=None)
    if last is None:
        return [*heads]
    until = max([last.at, *(head.at for head in heads if head.digest == last.gives_up)])
    return [head for head in heads if head == last or (head.at > until and head.digest not in named)]
