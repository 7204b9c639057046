"""Writing out what a person takes out of the sealed record, for that user's eyes only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flows.replying import ReplyError

FOLDER, FILE = 0o700, 0o600


def write_out(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> list[str]:
    """Write files into a folder, which is made; gives their names. All of them or none.

    Args:
        files: by name.
        folder: where they go. One that is there already keeps its mode: it may be shared.
        force: write over files that are there already, never through a link.

    Raises:
        ReplyError: there are such files already, or the folder cannot be written to.
    """
    made: list[Path] = []
    try:
        folder.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        folder.mkdir(mode=FOLDER, exist_ok=True)
        for name, content in files.items():
            target = folder / name
            if force:
                target.unlink(missing_ok=True)  # never through a link that somebody laid there
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE)
            made.append(target)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        for target in made:  # half a letter must not be sent
            target.unlink(missing_ok=True)
        raise ReplyError(
            f"{folder}: cannot be written to: {error.strerror or error}; nothing of it is left there"
        ) from error
    return list(files)


def fresh(folder: Path) -> Path:
    """A folder of that name that is not there yet: with a number behind it where it is."""
    found, number = folder, 1
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
