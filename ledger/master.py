"""The master key: the one secret of a unit, from which all its others come, and the files in which it lies.

Its file is ``master.key`` in the unit's home, or its text is in the environment. Where it is being changed for
another one (`Keyring.begin`), that one waits in ``master.key.new`` until the ledger has taken it, and the older one
stays as ``master.key.old-`` with the beginning of its id: backups that were made with it need it.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.files import appearing
from ledger.interface import LedgerUnusable

VARIABLE = "HOLDFAST_MASTER_KEY"
KEY_BYTES = 32
_REMEDY = "restore it from its backup"
_AGAIN = "copy it again, or delete it if the ledger does not use it yet"
_NAMED = 8  # characters of a key's id in the name of its file


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterKey:
    """The unit's key: 32 bytes from which all others are derived. Lost with it: everything sealed."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise LedgerUnusable(f"a master key is {KEY_BYTES} bytes, this one is {len(self.secret)}")

    @property
    def id(self) -> str:
        """Names the key without giving it away."""
        return self.derive("id").hex()[:32]

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose (HKDF-SHA256)."""
        info = f"holdfast {purpose} 1".encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.secret)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str], *, remedy: str = _REMEDY) -> MasterKey:
        """The key from the environment variable HOLDFAST_MASTER_KEY if it is set, else from the file; both base64.

        `remedy` is what a person does about a damaged file.

        Raises:
            LedgerUnusable: there is none, others may read the file, or it is not 32 bytes in base64.
        """
        if text := environ.get(VARIABLE, "").strip():
            return cls._decoded(text, f"the environment variable {VARIABLE}", _REMEDY)
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read(1024)
        except FileNotFoundError:
            raise LedgerUnusable(
                f"{path}: there is no master key: restore it from its backup, or set {VARIABLE}. Only for a new "
                "ledger may a new key be made: with another key, what was sealed cannot be read"
            ) from None
        except OSError as error:
            raise LedgerUnusable(f"{path}: the master key cannot be read: {error.strerror}") from None
        if mode & 0o077:
            raise LedgerUnusable(
                f"{path}: others may read the master key (mode {mode:04o}): chmod 600 it, and consider who may have"
            )
        return cls._decoded(content.decode("ascii", "replace").strip(), str(path), remedy)

    @classmethod
    def create(cls, path: Path) -> MasterKey:
        """Draw a new key and put it into a new file of mode 0600, on the disk when this returns.

        Raises:
            LedgerUnusable: the file exists (it is never written over), or cannot be written.
        """
        key = cls(secret=secrets.token_bytes(KEY_BYTES))
        try:
            with appearing(path) as draft:
                draft.write_bytes(base64.b64encode(key.secret) + b"\n")
        except FileExistsError:
            raise LedgerUnusable(f"{path}: there is a master key already: use it, it is never written over") from None
        except OSError as error:
            raise LedgerUnusable(f"{path}: the master key cannot be written: {error.strerror}") from None
        return key

    @classmethod
    def _decoded(cls, text: str, where: str, remedy: str) -> MasterKey:
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise LedgerUnusable(f"{where}: the master key is not base64: {remedy}") from None
        if len(secret) != KEY_BYTES:
            raise LedgerUnusable(
                f"{where}: a master key is {KEY_BYTES} bytes in base64, this one is {len(secret)}: {remedy}"
            )
        return cls(secret=secret)


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyring:
    """The places where a unit's master key may be found. Nothing is read before it is asked for.

    `path` is the file ``master.key``; the others lie beside it. `environ` may hold the key itself, and goes first.
    """

    path: Path
    environ: Mapping[str, str] = field(repr=False)

    @property
    def next_path(self) -> Path:
        """Where the next key waits."""
        return self.path.with_name(f"{self.path.name}.new")

    def old_path(self, id_: str) -> Path:
        """Where the key of that id stays once another one is used."""
        return self.path.with_name(f"{self.path.name}.old-{id_[:_NAMED]}")

    def old_paths(self) -> tuple[Path, ...]:
        """Every older key that lies there."""
        return tuple(sorted(self.path.parent.glob(f"{self.path.name}.old-*")))

    @property
    def in_environment(self) -> bool:
        """Whether the key is given in the environment, so that files are not what is used."""
        return bool(self.environ.get(VARIABLE, "").strip())

    def current(self) -> MasterKey:
        """The key that is used: the environment's, else the file's. Raises what `MasterKey.load` raises."""
        return MasterKey.load(self.path, self.environ)

    def make(self) -> None:
        """A first key, on the disk when this returns. Of several processes that make it at once, all use the same.

        Raises:
            LedgerUnusable: it cannot be written.
        """
        try:
            MasterKey.create(self.path)
        except LedgerUnusable:
            if not self.path.exists():
                raise

    def waiting(self) -> MasterKey | None:
        """The next key; None where none waits. `LedgerUnusable`: its file is not as it must be."""
        try:
            return MasterKey.load(self.next_path, {}, remedy=_AGAIN) if self.next_path.exists() else None
        except LedgerUnusable:
            if self.next_path.exists():
                raise
            return None  # another process has just put it into its place

    def find(self, id_: str) -> MasterKey | None:
        """The key of that id, if it is the current one or the next, which may become the current one meanwhile."""
        for read in (self.current, self.waiting, self.current):
            key = read()
            if key is not None and key.id == id_:
                return key
        return None

    def begin(self) -> MasterKey:
        """The next key: the one that waits, else a new one, on the disk when this returns.

        Raises:
            LedgerUnusable: it cannot be written, or the one that waits cannot be used.
        """
        return self.waiting() or MasterKey.create(self.next_path)

    def settle(self, id_: str) -> None:
        """The ledger uses the key of that id: if it is the one that waits, put it into its place.

        The older key stays beside it. Cut off at any point, the next call completes it. Where the key is in the
        environment, nothing is moved: there a person must put the new one.

        Raises:
            LedgerUnusable: the files cannot be moved; the ledger can be used all the same.
        """
        try:
            new = self.waiting()
        except LedgerUnusable:
            return  # so it is another one that is used; who wants to change to this one is told
        if new is None or new.id != id_ or self.in_environment:
            return
        try:
            if self.path.exists():
                old = self.old_path(MasterKey.load(self.path, {}).id)
                if not old.exists():
                    os.link(self.path, old)
            self.next_path.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            return  # another process has done it
        except OSError as error:
            raise LedgerUnusable(
                f"{self.next_path}: the ledger uses this key, and it cannot be moved to {self.path}: "
                f"{error.strerror}: move it there, and the older one aside"
            ) from None
