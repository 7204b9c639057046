"""Writers of one process take their turn together: what waits at the same time shares one transaction.

The first of the waiting threads does the work of all of them, each in a part that is undone alone if it fails,
and commits once. Nobody's `take` returns before its work is committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from ledger.interface import LedgerBusy, LedgerError
from ledger.store import Statements, Store


class Page(Protocol):
    """What the parts of one transaction know of each other."""

    def mark(self) -> Callable[[], None]:
        """Gives what brings the page back to how it is now."""


NOT_KNOWN = "it is not known whether it was written: look at the history before it is made again"

P = TypeVar("P", bound=Page)
Result = TypeVar("Result")


class _Work(Generic[P]):
    """What one thread wants written, and what came of it."""

    def __init__(self, do: Callable[[Statements, P], Any]) -> None:
        self.do = do
        self.over = False
        self.result: Any = None
        self.error: BaseException | None = None


class Turns(Generic[P]):
    """The turns at one store. `opened` gives what a transaction works on; `closed` is told when it is committed."""

    def __init__(self, store: Store, opened: Callable[[Statements], P], closed: Callable[[P], None]) -> None:
        self._store, self._opened, self._closed = store, opened, closed
        self._waiting: list[_Work[P]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._writer: int | None = None
        self._page: P | None = None

    def take(self, do: Callable[[Statements, P], Result]) -> Result:
        """Have something written, and wait until it is committed. What `do` raises comes out; nothing of it stays."""
        self.refuse_within(self._store.name)
        work = _Work(do)
        with self._lock:
            self._waiting.append(work)
        try:
            with self._turn:
                if works := self._whose_turn(work):
                    self._writer = threading.get_ident()
                    try:
                        self._write(works)
                    finally:
                        self._writer, self._page = None, None
        except BaseException:
            with self._lock:  # interrupted while it waited: nobody else is to write it later
                self._waiting = [each for each in self._waiting if each is not work]
            raise
        if work.error is not None:
            raise work.error
        if not work.over:
            raise self._interrupted(NOT_KNOWN)
        result: Result = work.result
        return result

    def _whose_turn(self, work: _Work[P]) -> list[_Work[P]]:
        """All that wait, if this one is still among them; else another thread has written it."""
        with self._lock:
            if work not in self._waiting:
                return []
            works, self._waiting = self._waiting, []
            return works

    def _interrupted(self, what: str) -> LedgerBusy:
        return LedgerBusy(f"{self._store.name}: a write was interrupted: {what}")

    def page_in_hand(self) -> P | None:
        """What this thread is writing just now, if it is asked from within `do`."""
        return self._page if self._writer == threading.get_ident() else None

    def refuse_within(self, name: str) -> None:
        """Refuse to write from within a write: the fold and a last look may only read."""
        if self._writer == threading.get_ident():
            raise LedgerError(f"{name}: a fold may not write: it was called from within a write")

    def _write(self, works: list[_Work[P]]) -> None:
        failure: BaseException | None = None
        ending = False
        try:
            with self._store.recording() as say:
                page = self._page = self._opened(say)
                for work in works:
                    self._part(say, page, work, alone=len(works) == 1)
                ending = True
            self._closed(page)
        except BaseException as error:
            failure = error
        for work in works:
            work.error = work.error or failure
            work.over = True
        if failure is not None and not isinstance(failure, Exception):  # this thread was interrupted, not the others
            for work in works:
                if work.error is failure:
                    work.error = self._interrupted(NOT_KNOWN if ending else "nothing was written: try again")
            raise failure

    def _part(self, say: Statements, page: P, work: _Work[P], *, alone: bool) -> None:
        if alone:  # the transaction itself is undone
            work.result = work.do(say, page)
            return
        undo = page.mark()
        try:
            with say.attempt():
                work.result = work.do(say, page)
        except self._store.failure:
            raise  # the database itself failed: nobody's part is safe
        except Exception as error:
            undo()
            work.error = error
