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

import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.canonical import ENCODER, canonical
from ledger.interface import LedgerError, LedgerUnusable
from ledger.master import KEY_BYTES, VARIABLE, Keyring, MasterKey

__all__ = [
    "VARIABLE",
    "CaseKey",
    "Erased",
    "Keyring",
    "MasterChanged",
    "MasterKey",
    "SealStore",
    "Sealed",
    "UnitKey",
    "Vault",
]

_NONCE_BYTES = 12  # random: far below 2^32 seals under one case key
_AT_HAND = 1024  # case keys in memory at most


class Erased(LedgerError):
    """The case was erased: what was sealed for it cannot be read by anybody any more."""


class MasterChanged(LedgerError):
    """The ledger uses another master key by now. Nothing was written: take that one, and do it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseKey:
    """A case's key, wrapped by the master key whose id is `master`."""

    id: str
    case: str
    master: str
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitKey:
    """A key of the whole unit ("blind", "heads"), wrapped by the master key whose id is `master`."""

    name: str
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
        return _context(self.case, self.case_key, self.purpose)

    @property
    def token(self) -> str:
        """Names the sealed bytes by what they are: `seal-` and 64 hex digits."""
        context = self.context
        digest = hashlib.sha256(len(context).to_bytes(8, "big") + context)
        digest.update(self.box)
        return f"seal-{digest.hexdigest()}"


class _Held(NamedTuple):
    """The master key in use: replaced as a whole, so that no thread sees a half of two."""

    id: str
    wrapping: AESGCM
    master: MasterKey


class SealStore(Protocol):
    """Where sealed bytes are kept. Each method is one transaction and raises `LedgerError` and its kinds."""

    def bind_master(self, master: str) -> str:
        """Note the master key's id, if none is noted yet; gives the one that is used now."""

    def unit_key(self, name: str) -> UnitKey | None:
        """A key of the unit; None where none is stored: it follows from the master key."""

    def rewrap(self, old: str, new: str, unit: Sequence[UnitKey], again: Callable[[CaseKey], CaseKey]) -> int:
        """Change the master key in one step: every case's key is replaced by `again` of it, the unit's by these.

        Gives the number of cases. `MasterChanged`: `old` is not the one that is used. What `again` raises comes out.
        `LedgerBusy` once it is done: a reader still holds an old page: `clear_journal` later.
        """

    def clear_journal(self) -> None:
        """Clear what deleted keys left in journals. `LedgerBusy`: call again."""

    def put_case_key(self, key: CaseKey) -> CaseKey:
        """Store a case's key; gives the one that is stored, which is another writer's if that was faster.

        `MasterChanged`: it is wrapped by another master key than the one that is used now.
        """

    def case_keys(self) -> Iterator[CaseKey]:
        """Every case's key."""

    def case_key(self, case: str) -> CaseKey | None:
        """The case's key; None if it has none, or none any more."""

    def drop_case_key(self, case: str) -> None:
        """Delete it beyond recovery from the store. `LedgerBusy`: deleted, but call again to clear the journal."""

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes. `Erased` if its case key is no longer there."""

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token."""


class Vault:
    """Seals and unseals with one master key. Thread-safe as far as its store is.

    Args:
        store: where sealed bytes are kept.
        master: the unit's key.
        ring: where another one may be found, if the ledger uses another by now: without it, only `master` is used.

    Raises:
        LedgerUnusable: the store is used with another master key; nothing was written.
    """

    def __init__(self, store: SealStore, master: MasterKey, *, ring: Keyring | None = None) -> None:
        self._store, self._ring = store, ring
        self._keys: dict[str, tuple[str, AESGCM]] = {}
        noted = store.bind_master(master.id)
        if noted == master.id:
            self._use(master)
        else:
            self._use(self._find(noted, master.id))

    def _find(self, wanted: str, ours: str) -> MasterKey:
        found = self._ring.find(wanted) if self._ring else None
        if found is None:
            raise LedgerUnusable(
                f"this is not the ledger's master key: it was made with key {wanted}, this is {ours}: "
                "restore the right one from its backup; nothing was written"
            )
        return found

    def _use(self, master: MasterKey) -> None:
        self._held = _Held(master.id, AESGCM(master.derive("wrap")), master)
        self._blinding = self.derive("blind")
        if self._ring is not None:
            self._ring.settle(master.id)

    def _follow(self) -> bool:
        """Take the master key that the ledger uses now, where another process has changed it; whether one has."""
        if changed := (noted := self._store.bind_master(self._held.id)) != self._held.id:
            self._use(self._find(noted, self._held.id))
        return changed

    @property
    def master(self) -> str:
        """The id of the master key that is used."""
        return self._held.id

    def derive(self, purpose: str) -> bytes:
        """The unit's key for one purpose, 32 bytes: "blind" for digests of accounts, "heads" for signed heads.

        It follows from the master key that the ledger was made with, and stays when that is changed for another.
        """
        held, stored = self._held, self._store.unit_key(purpose)
        bare = stored is None and not any(map(self._store.unit_key, UNIT_KEYS))  # changed once, each has its own
        if (stored is None or stored.master != held.id) and (self._follow() or self._held is not held):
            return self.derive(purpose)  # it was changed elsewhere, perhaps between these reads
        if stored is None:
            if not bare:
                raise LedgerUnusable(f"the key for {purpose} is missing in the ledger: restore a backup")
            return held.master.derive(purpose)
        return self._opened(stored.wrapped, {"key": purpose, "master": stored.master}, f"key for {purpose}")

    def rotate(self, new: MasterKey) -> int:
        """Wrap every key anew with another master key, in one step: all of them or none. Gives the number of cases.

        Nothing is sealed anew, and the keys of `derive` stay what they are: digests and signatures keep their worth.
        Both keys must be on disk. What was written before the change can still be read with the older one, in
        backups above all.

        Raises:
            MasterChanged: another process has changed it meanwhile.
            LedgerBusy: a reader still holds a page with older keys: if `master` is the new one, `clear` later.
        """
        if new.id == self._held.id:
            return 0
        unit = [_unit_key(name, self.derive(name), new) for name in UNIT_KEYS]

        def again(key: CaseKey) -> CaseKey:
            return _wrapped(key.id, key.case, self._raw(key), new)

        try:
            return self._store.rewrap(self._held.id, new.id, unit, again)
        finally:
            if self._store.bind_master(self._held.id) == new.id:
                self._use(new)

    def clear(self) -> None:
        """Clear what erased and replaced keys left in journals. `LedgerBusy`: a reader still holds a page."""
        self._store.clear_journal()

    def cases(self) -> int:
        """How many cases have a key."""
        return sum(1 for _ in self._store.case_keys())

    def wrong(self) -> Iterator[str]:
        """What of the keys does not open, in words: tries every one."""
        for name in UNIT_KEYS:
            try:
                self.derive(name)
            except LedgerError as error:
                yield str(error)
        for key in self._store.case_keys():
            try:
                self._raw(key)
            except LedgerError as error:
                yield str(error)

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
        id_, opener = self._keys.get(case) or self._at_hand(self._store.case_key(case) or self._begun(case))
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
        _, opener = self._at_hand(key)
        with suppress(InvalidTag, ValueError):
            if sealed.token == token:
                return opener.decrypt(sealed.box[:_NONCE_BYTES], sealed.box[_NONCE_BYTES:], sealed.context)
        altered = f"{token}: what is stored there is not what was sealed"
        raise LedgerUnusable(f"{altered}: run verify, and restore a backup")

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
        value = unicodedata.normalize("NFKC", folded)
        content = f'{{"type":{ENCODER.encode(type)},"value":{ENCODER.encode(value)}}}'.encode()
        return hmac.digest(self._blinding, content, "sha256").hex()

    def _begun(self, case: str) -> CaseKey:
        """A new key for a case, stored; another writer's if that was faster."""
        id_, secret = secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)
        try:
            return self._store.put_case_key(_wrapped(id_, case, secret, self._held.master))
        except MasterChanged:
            self._follow()
            return self._store.put_case_key(_wrapped(id_, case, secret, self._held.master))

    def _at_hand(self, key: CaseKey) -> tuple[str, AESGCM]:
        """Unwrap a case's key, as the store has it now, and keep it at hand."""
        if len(self._keys) >= _AT_HAND:
            self._keys.clear()
        opened = self._keys[key.case] = key.id, AESGCM(self._raw(key))
        return opened

    def _raw(self, key: CaseKey) -> bytes:
        if key.master != self._held.id:  # changed by another process, or by another thread since it was read
            self._follow()
            key = self._store.case_key(key.case) or key
        return self._opened(key.wrapped, _bound_to(key.id, key.case, key.master), f"key of case {key.case}")

    def _opened(self, wrapped: bytes, bound: Mapping[str, str], what: str) -> bytes:
        try:
            return self._held.wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bytes(bound))
        except (InvalidTag, ValueError):
            raise LedgerUnusable(
                f"the {what} does not open with this master key ({self._held.id}): it was altered, or wrapped by "
                "another: restore a backup"
            ) from None


UNIT_KEYS = ("blind", "heads")


def _wrap(secret: bytes, bound: Mapping[str, str], master: MasterKey) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(master.derive("wrap")).encrypt(nonce, secret, _bytes(bound))


def _wrapped(id_: str, case: str, secret: bytes, master: MasterKey) -> CaseKey:
    wrapped = _wrap(secret, _bound_to(id_, case, master.id), master)
    return CaseKey(id=id_, case=case, master=master.id, wrapped=wrapped)


def _unit_key(name: str, secret: bytes, master: MasterKey) -> UnitKey:
    wrapped = _wrap(secret, {"key": name, "master": master.id}, master)
    return UnitKey(name=name, master=master.id, wrapped=wrapped)


def _bound_to(case_key: str, case: str, master: str) -> Mapping[str, str]:
    return {"case": case, "case_key": case_key, "master": master}


@lru_cache(maxsize=1024)  # a case's seals come one after another
def _context(case: str, case_key: str, purpose: str) -> bytes:
    return _bytes({"case": case, "case_key": case_key, "purpose": purpose})


def _bytes(value: Mapping[str, str]) -> bytes:
    return canonical({**value}).encode()
