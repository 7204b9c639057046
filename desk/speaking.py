"""What goes to a person or a program: answers to standard output, messages to standard error, drawn or plain.

A reader that goes away (`| head`), or an output that was closed from the start, silences the output and stops no
work: what is being sent to a provider is finished and recorded. Rich is imported only where something is drawn.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

NARROWEST, USUAL, WIDEST = 60, 100, 120
_TRAILING = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")
_PLAIN = str.maketrans("█▓▒·▶↑│├┼┤─▲→–…’“”×", '#=-.>^||||-!>-~\'""x')

failed: list[str] = []
"""Why standard output could not be written to, where that was not just a reader that went away."""


def width() -> int:
    """Columns to write in: the terminal's, what COLUMNS says, or 100 in a pipe."""
    columns = shutil.get_terminal_size((USUAL, 24)).columns if _on_terminal(sys.stdout) or _columns() else USUAL
    return max(NARROWEST, min(columns, WIDEST))


def _columns() -> str:
    return os.environ.get("COLUMNS", "")


def _on_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def colours() -> bool:
    """Whether colours may be used on standard output: a terminal that knows them, and no NO_COLOR."""
    return _on_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str = "") -> None:
    """One answer, or a part of it, to standard output."""
    _write(sys.stdout, harmless(text))


def tell(text: str) -> None:
    """One message to standard error."""
    _write(sys.stderr, harmless(text))


def say_json(value: Any) -> None:
    """The one JSON document of a command."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    _write(sys.stdout, _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def harmless(text: str) -> str:
    """A text without what a terminal would obey: a provider's reference is theirs to choose."""
    return _UNSEEN.sub("\ufffd", text)


def all_harmless(value: Any) -> Any:
    """A JSON value with every text in it made harmless, for drawing."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Mapping):
        return {key: all_harmless(each) for key, each in value.items()}
    return [all_harmless(each) for each in value] if isinstance(value, list | tuple) else value


def draw(*pages: RenderableType) -> None:
    """Draw pages to standard output, in its width, with colours where it has them."""
    _write(sys.stdout, drawn(*pages, columns=width(), coloured=colours()))


def drawn(*pages: RenderableType, columns: int, coloured: bool = False) -> str:
    """Pages as text, without spaces at the ends of lines."""
    from io import StringIO

    buffer = StringIO()
    console = make_console(buffer, columns, coloured=coloured)
    for page in pages:
        console.print(page)
    return _TRAILING.sub(r"\1", buffer.getvalue()).rstrip("\n")


def make_console(file: Any, columns: int, *, coloured: bool) -> Console:
    """A console that shows texts as they are: no markup, no emoji, nothing guessed at."""
    from rich.console import Console

    return Console(
        file=file,
        width=columns,
        color_system="standard" if coloured else None,
        force_terminal=coloured,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before we began (`>&-`): nobody wants to read it, and the work is done all the same
        return
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    if not encoding.startswith("utf"):
        text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except (OSError, ValueError) as error:  # a full disk; ValueError: already closed
        failed.append(getattr(error, "strerror", None) or "it is closed")
        _silence(stream)


def _silence(stream: TextIO) -> None:
    """Send what is still to come nowhere, so that neither the work nor the end of the process fails on it."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
