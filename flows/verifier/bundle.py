"""A bundle, opened: its files by name, whether it is a zip file or a folder. Nothing is unpacked or run."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = "manifest.json"
LARGEST = 2_000_000_000
"""Bytes of all files together: what is larger is not read."""


class NoBundle(Exception):
    """It cannot be read as a bundle; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """The files of a bundle. `twice` are names that a zip file has more than once: readers may take either."""

    files: Mapping[str, bytes] = field(repr=False)
    twice: tuple[str, ...] = ()


def open_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises:
        NoBundle: there is none, it is damaged as a file, or too large.
    """
    if path.is_dir() and not (path / MANIFEST).is_file():  # nobody's other files are read
        raise NoBundle(f"{path}: there is no {MANIFEST} in it: name the zip file, or the folder it was unpacked into")
    try:
        found = _folder(path) if path.is_dir() else _zip(path)
    except NoBundle:
        raise
    except Exception as error:  # damaged bytes break the reading of a zip file in many ways
        raise NoBundle(f"{path}: cannot be read as a bundle: {error}") from None
    if MANIFEST not in found.files:
        raise NoBundle(f"{path}: there is no {MANIFEST} in it: this is no bundle, or only a part of one")
    return found


def _zip(path: Path) -> Bundle:
    with zipfile.ZipFile(path) as archive:
        entries = [each for each in archive.infolist() if not each.is_dir()]
        names = [each.filename for each in entries]
        if sum(each.file_size for each in entries) > LARGEST:
            raise NoBundle(f"{path}: its files are larger than {LARGEST:,} bytes")
        twice = tuple(sorted(name for name, count in Counter(names).items() if count > 1))
        return Bundle(files={each.filename: archive.read(each) for each in entries}, twice=twice)


def _folder(path: Path) -> Bundle:
    found = sorted(each for each in path.rglob("*") if each.is_file())
    return Bundle(files={each.relative_to(path).as_posix(): each.read_bytes() for each in found})
