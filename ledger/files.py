"""New files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path` to fill and close; at the end it becomes `path`, and is on the disk.

    The file has mode 0600; a missing folder is made with mode 0700. If the block fails, nothing stays.

    Raises:
        FileExistsError: `path` exists; it was not touched.
        OSError: the folder cannot be written, or its file system knows no hard links.
    """
    for folder in reversed([folder for folder in path.parents if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield draft
        _to_disk(draft)
        os.link(draft, path)  # unlike a rename, never over another file
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):  # what SQLite may leave beside a draft
            Path(f"{draft}{suffix}").unlink(missing_ok=True)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
