"""Where a store keeps what is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.store import Statements, Store
from ledger.turns import Turns
from ledger.vault import CaseKey, Erased, Sealed


class Seals:
    """The part of a `Book` that keeps sealed bytes; `SealStore` says what its methods do."""

    _store: Store
    _turns: Turns[Any]

    def bind_master(self, master: str) -> str:
        """Note the master key's id, if none is noted. See `SealStore`."""
        with self._store.reading() as say:
            noted = say.meta().get("master")
        if noted is None:
            with self._store.recording() as say:
                noted = say.meta().get("master")  # another process may have been faster
                if noted is None:
                    say.put_meta("master", master)
        return noted or master

    def put_case_key(self, key: CaseKey) -> CaseKey:
        """Store a case's key, unless it has one. See `SealStore`."""
        self._turns.refuse_within(self._store.name)
        with self._store.recording() as say:
            if stored := say.case_key(key.case):
                return stored
            say.put_case_key(key)
            return key

    def case_key(self, case: str) -> CaseKey | None:
        """The case's key. See `SealStore`."""
        with self._store.reading() as say:
            return say.case_key(case)

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
        with self._store.reading() as say:
            return say.sealed(token)


def put_seals(say: Statements, seals: Sequence[Sealed]) -> None:
    """Store sealed bytes. `Erased` if the key of a case is no longer there."""
    for sealed in seals:
        key = say.case_key(sealed.case)
        if key is None or key.id != sealed.case_key:
            raise Erased(f"case {sealed.case} was erased meanwhile; nothing was written")
        say.put_sealed(sealed)
