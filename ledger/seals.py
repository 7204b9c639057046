"""Where a store keeps what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ledger.store import Statements, Store
from ledger.turns import Turns
from ledger.vault import CaseKey, Erased, MasterChanged, Sealed, UnitKey


class Seals:
    """The part of a `Book` that keeps sealed bytes; `SealStore` says what its methods do."""

    _store: Store
    _turns: Turns[Any]

    def bind_master(self, master: str) -> str:
        """Note the master key's id, if none is noted. See `SealStore`."""
        with self._store.asking() as say:
            noted = say.master()
        if noted is None:
            with self._store.recording() as say:
                noted = say.master()  # another process may have been faster
                if noted is None:
                    say.put_meta("master", master)
        return noted or master

    def put_case_key(self, key: CaseKey) -> CaseKey:
        """Store a case's key, unless it has one. See `SealStore`."""
        self._turns.refuse_within(self._store.name)
        with self._store.recording() as say:
            if stored := say.case_key(key.case):
                return stored
            _insist_on_master(say, key.master)
            say.put_case_key(key)
            return key

    def case_key(self, case: str) -> CaseKey | None:
        """The case's key. See `SealStore`."""
        with self._store.asking() as say:
            return say.case_key(case)

    def case_keys(self) -> Iterator[CaseKey]:
        """Every case's key. See `SealStore`."""
        with self._store.streaming() as say:
            yield from say.case_keys()

    def unit_key(self, name: str) -> UnitKey | None:
        """A key of the unit. See `SealStore`."""
        with self._store.asking() as say:
            return say.unit_key(name)

    def rewrap(self, old: str, new: str, unit: Sequence[UnitKey], again: Callable[[CaseKey], CaseKey]) -> int:
        """Change the master key. See `SealStore`."""
        if unfit := [key.name for key in unit if key.master != new]:
            raise ValueError(f"the unit's key {unfit[0]} is wrapped by another master key than {new}")
        self._turns.refuse_within(self._store.name)
        with self._store.recording() as say:
            _insist_on_master(say, old)
            keys = [again(key) for key in say.case_keys()]
            say.replace_keys(keys, unit)
        self._store.after_erasing()
        return len(keys)

    def clear_journal(self) -> None:
        """Clear what deleted keys left in journals. See `SealStore`."""
        self._store.after_erasing()

    def drop_case_key(self, case: str) -> None:
        """Delete the case's key, and the journal in which it stood. See `SealStore`."""
        self._turns.refuse_within(self._store.name)
        with self._store.recording() as say:
            say.drop_case_key(case)
        self._store.after_erasing()

    def put_sealed(self, sealed: Sealed) -> None:
        """Store sealed bytes. See `SealStore`."""
        self._turns.take(lambda say, page: put_seals(say, [sealed]))

    def sealed(self, token: str) -> Sealed | None:
        """The sealed bytes of a token. See `SealStore`."""
        with self._store.asking() as say:
            return say.sealed(token)


def put_seals(say: Statements, seals: Sequence[Sealed]) -> None:
    """Store sealed bytes. `Erased` if the key of a case is no longer there."""
    for sealed in seals:
        key = say.case_key(sealed.case)
        if key is None or key.id != sealed.case_key:
            raise Erased(f"case {sealed.case} was erased meanwhile; nothing was written")
        say.put_sealed(sealed)


def _insist_on_master(say: Statements, master: str) -> None:
    if (used := say.master()) not in (None, master):
        raise MasterChanged(
            f"the master key was changed: the ledger uses {used} now, not {master}; nothing was written"
        )
