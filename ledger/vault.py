"""Identifiers and facts, sealed with a key per case, so that erasing a key erases the case.

* A **case key** is 256 random bits. It is stored wrapped (AES-256-GCM) by a key derived from the master key,
  with the master key's id beside it, so that another master key can take over later.
* A **seal** is AES-256-GCM with the case key; its associated data are the case, the purpose and the case key's
  id. The **token** that stands for it in events is the SHA-256 of all of that and of the sealed bytes: the
  chain of events proves the sealed bytes too, without any key, and even after the case was erased.
* A **blind digest** finds the same account again: HMAC-SHA256, with a key derived from the master key, of the
  identifier's type and normalised value.

Sealed bytes are stored with the event that carries their token (`prepare`, then `Ledger.append(…, seals=…)`), or
before it (`seal`, then append): a seal that no event names (a crash in between) says nothing and harms nothing.

Erasing deletes the wrapped key from the store and its journal. It cannot reach backups: they are erased when
they are, or their master key is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.canonical import canonical
from ledger.files import appearing
from ledger.interface import LedgerError, LedgerUnusable

VARIABLE = "HOLDFAST_MASTER_KEY"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # random: far below 2^32 seals under one case key
_AT_HAND = 1024  # case keys in memory at most


class Erased(LedgerError):
    """The case was erased: what was sealed for it cannot be read by anybody any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseKey:
    """A case's key, wrapped by the master key whose id is `master`."""

    id: str
    case: str
    master: str
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """Sealed bytes: the nonce, then the ciphertext with its tag, under the case key with the id `case_key`."""

    case_key: str
    case: str
    purpose: str
    box: bytes = field(repr=False)

    @property
    def context(self) -> bytes:
        """What the seal is bound to."""
        return _bytes({"case": self.case, "case_key": self.case_key, "purpose": self.purpose})

    @property
    def token(self) -> str:
        """Names the sealed bytes by what they are: `seal-` and 64 hex digits."""
        digest = hashlib.sha256(len(self.context).to_bytes(8, "big") + self.context)
        digest.update(self.box)
        return f"seal-{digest.hexdigest()}"


class SealStore(Protocol):
    """Where sealed bytes are kept. Each method is one transaction and raises `LedgerError` and its kinds."""

    def bind_master(self, master: str) -> str:
        """Note the master key's id, if none is noted yet; gives the noted one."""

    def put_case_key(self, key: CaseKey) -> CaseKey:
        """Store a case's key; gives the one that is stored, which is another writer's if that was faster."""

    def case_key(self, case: str) -> CaseKey | None:
        """The case's key; None if it has none, or none any more."""

    def drop_case_key(self, case: str) -> None:
        """Delete it beyond recovery from the store. `LedgerBusy`: deleted, but call again to clear the journal."""

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes. `Erased` if its case key is no longer there."""

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterKey:
    """The unit's key: 32 bytes from which all others are derived. Lost with it: everything sealed."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != _KEY_BYTES:
            raise LedgerUnusable(f"a master key is {_KEY_BYTES} bytes, this one is {len(self.secret)}")

    @property
    def id(self) -> str:
        """Names the key without giving it away."""
        return self.derive("id").hex()[:32]

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose (HKDF-SHA256)."""
        info = f"holdfast {purpose} 1".encode()
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(self.secret)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str]) -> MasterKey:
        """The key from the environment variable HOLDFAST_MASTER_KEY if it is set, else from the file; both base64.

        Raises:
            LedgerUnusable: there is none, others may read the file, or it is not 32 bytes in base64.
        """
        if text := environ.get(VARIABLE, "").strip():
            return cls._decoded(text, f"the environment variable {VARIABLE}")
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
        return cls._decoded(content.decode("ascii", "replace").strip(), str(path))

    @classmethod
    def create(cls, path: Path) -> MasterKey:
        """Draw a new key and put it into a new file of mode 0600, on the disk when this returns.

        Raises:
            LedgerUnusable: the file exists (it is never written over), or cannot be written.
        """
        key = cls(secret=secrets.token_bytes(_KEY_BYTES))
        try:
            with appearing(path) as draft:
                draft.write_bytes(base64.b64encode(key.secret) + b"\n")
        except FileExistsError:
            raise LedgerUnusable(f"{path}: there is a master key already: use it, it is never written over") from None
        except OSError as error:
            raise LedgerUnusable(f"{path}: the master key cannot be written: {error.strerror}") from None
        return key

    @classmethod
    def _decoded(cls, text: str, where: str) -> MasterKey:
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise LedgerUnusable(f"{where}: the master key is not base64: restore it from its backup") from None
        if len(secret) != _KEY_BYTES:
            raise LedgerUnusable(
                f"{where}: a master key is {_KEY_BYTES} bytes in base64, this one is {len(secret)}: "
                "restore it from its backup"
            )
        return cls(secret=secret)


class Vault:
    """Seals and unseals with one master key. Thread-safe as far as its store is.

    Raises:
        LedgerUnusable: the store was used with another master key before; nothing was written.
    """

    def __init__(self, store: SealStore, master: MasterKey) -> None:
        noted = store.bind_master(master.id)
        if noted != master.id:
            raise LedgerUnusable(
                f"this is not the ledger's master key: it was made with key {noted}, this is {master.id}: "
                "restore the right one from its backup; nothing was written"
            )
        self._store = store
        self._master = master.id
        self._wrapping = AESGCM(master.derive("wrap"))
        self._blinding = master.derive("blind")
        self._keys: dict[str, tuple[str, AESGCM]] = {}

    def seal(self, case: str, plaintext: bytes, purpose: str) -> str:
        """Seal bytes for a case and store them; gives the token that unseals them. `purpose` says what they are.

        One seal for all identifiers of a request, not one for each.
        """
        self._keys.pop(case, None)  # a person's entry may come long after the case was erased and begun anew
        sealed = self.prepare(case, plaintext, purpose)
        self._store.put_sealed(sealed)
        return sealed.token

    def prepare(self, case: str, plaintext: bytes, purpose: str) -> Sealed:
        """Seal bytes for a case without storing them: hand it to `Ledger.append` with the event that names it.

        A case without a key gets one, which is stored at once. The key is at hand since the last `unseal` or
        `prepare`; that the case was erased meanwhile is noticed where the bytes are stored (`Erased`), so that
        nothing sealed with a destroyed key ever stands in the ledger.
        """
        id_, opener = self._keys.get(case) or self._at_hand(
            self._store.case_key(case) or self._store.put_case_key(self._new_case_key(case))
        )
        nonce = os.urandom(_NONCE_BYTES)
        unfilled = Sealed(case_key=id_, case=case, purpose=purpose, box=b"")
        return replace(unfilled, box=nonce + opener.encrypt(nonce, plaintext, unfilled.context))

    def unseal(self, token: str) -> bytes:
        """The bytes that were sealed.

        Raises:
            Erased: the case was erased.
            LedgerUnusable: the sealed bytes were altered or taken from elsewhere.
            LedgerError: there is no such token.
        """
        sealed = self._store.sealed(token)
        if sealed is None:
            raise LedgerError(f"nothing is sealed as {token!r}")
        key = self._store.case_key(sealed.case)
        if key is None or key.id != sealed.case_key:
            self._keys.pop(sealed.case, None)
            raise Erased(f"case {sealed.case} was erased; {token} cannot be read any more")
        if sealed.token != token:
            raise _altered(token)
        _, opener = self._at_hand(key)
        try:
            return opener.decrypt(sealed.box[:_NONCE_BYTES], sealed.box[_NONCE_BYTES:], sealed.context)
        except (InvalidTag, ValueError):
            raise _altered(token) from None

    def forget(self) -> None:
        """Give up the case keys at hand; they are read again when needed.

        Called at the end of every sweep: a case that another process erased must not stay readable in the memory
        of a watch that runs for months.
        """
        self._keys.clear()

    def erase(self, case: str) -> None:
        """Destroy the case's key: what was sealed for it is lost for good. Harmless to repeat.

        A later `seal` for the same case starts with a new key.

        Raises:
            LedgerBusy: erased, but a reader keeps an old journal page: erase again to clear it.
        """
        self._keys.pop(case, None)
        self._store.drop_case_key(case)

    def key_id(self, case: str) -> str:
        """The id of a case's key; "" where it has none, or none any more."""
        key = self._store.case_key(case)
        return key.id if key else ""

    def blind(self, type: str, value: str) -> str:  # noqa: A002
        """A digest that is the same for the same account, and that nobody computes without the master key.

        The value is normalised first: Unicode NFKC, without spaces around it, case folded, NFKC once more. Two
        identifiers that a provider tells apart only by case get the same digest: it finds, it does not prove.
        """
        folded = unicodedata.normalize("NFKC", value).strip().casefold()
        content = _bytes({"type": type, "value": unicodedata.normalize("NFKC", folded)})
        return hmac.digest(self._blinding, content, "sha256").hex()

    def _new_case_key(self, case: str) -> CaseKey:
        id_, nonce = secrets.token_hex(16), os.urandom(_NONCE_BYTES)
        wrapped = self._wrapping.encrypt(nonce, secrets.token_bytes(_KEY_BYTES), self._bound_to(id_, case))
        return CaseKey(id=id_, case=case, master=self._master, wrapped=nonce + wrapped)

    def _at_hand(self, key: CaseKey) -> tuple[str, AESGCM]:
        """Unwrap a case's key, as the store has it now, and keep it at hand."""
        if len(self._keys) >= _AT_HAND:
            self._keys.clear()
        opened = self._keys[key.case] = key.id, self._unwrapped(key)
        return opened

    def _unwrapped(self, key: CaseKey) -> AESGCM:
        try:
            nonce, wrapped = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
            return AESGCM(self._wrapping.decrypt(nonce, wrapped, self._bound_to(key.id, key.case)))
        except (InvalidTag, ValueError):
            raise LedgerUnusable(
                f"the key of case {key.case} does not open with this master key: it was altered, or wrapped by "
                f"another (it names {key.master}): restore a backup"
            ) from None

    def _bound_to(self, case_key: str, case: str) -> bytes:
        return _bytes({"case": case, "case_key": case_key, "master": self._master})


def _altered(token: str) -> LedgerUnusable:
    return LedgerUnusable(f"{token}: what is stored there is not what was sealed: run verify, and restore a backup")


def _bytes(value: dict[str, str]) -> bytes:
    return canonical({**value}).encode()
