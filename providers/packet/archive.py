"""One ZIP archive: the same files give the same bytes, on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time a ZIP archive can say: it says nothing of when it was made."""

PRIVATE = 0o600 << 16
UNIX = 3


class Archive(bytes):
    """The bytes of an archive, which no `repr` shows: they name accounts, and an error carries them."""

    def __repr__(self) -> str:
        return f"<an archive of {len(self)} bytes>"


def packed(files: Mapping[str, bytes]) -> Archive:
    """The archive of these files, in their order.

    Nothing is compressed: what a compressor makes of the same bytes differs between its versions.
    """
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, content in files.items():
            entry = ZipInfo(name, EARLIEST)
            entry.create_system, entry.external_attr = UNIX, PRIVATE
            archive.writestr(entry, content)
    return Archive(buffer.getvalue())


def unpacked(packet: bytes) -> dict[str, bytes]:
    """The files of an archive that `packed` made, in their order.

    Raises:
        ValueError: it is no such archive, or names a file that is not a plain name.
    """
    try:
        with ZipFile(BytesIO(packet)) as archive:
            names = archive.namelist()
            if wrong := [name for name in names if not name or name[0] == "." or set(name) & set("/\\:\0")]:
                raise ValueError(f"a packet names {len(wrong)} files outside of itself")
            return {name: archive.read(name) for name in names}
    except (BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError("a packet is no archive that can be read") from error
