"""Where a process can be cut off: every call to its ledger and to a provider, before it and after it.

A `Tapped` object is a real ledger or adapter, each of whose calls passes a `Line`. The line counts them, and at one
of them something happens: the process dies (`Crash`), or its clock is moved. Nothing is replaced by an imitation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """The process is gone. No `except Exception` and no tidying up may outlive it."""


WITHIN = " within another"
"""What is added to the name of a call that is made in the course of another one: within a transaction."""


class Line:
    """What all calls of one process pass. Nothing passes any more once it was cut.

    Args:
        at: the call, counted from 1, at which it happens; 0: none, only count.
        after: whether it happens after that call had its effect, or before.
        happens: what; None cuts the line, as the end of the process would.

    Attributes:
        calls: the names of the calls so far.
        open: whether calls count; not yet while the process starts.
    """

    def __init__(self, at: int = 0, *, after: bool = False, happens: Callable[[], None] | None = None) -> None:
        self.at, self.after = at, after
        self.calls: list[str] = []
        self.cut = self.open = False
        self._happens = happens or self._crash
        self._lock = threading.Lock()  # providers are worked in parallel
        self._within = threading.local()

    def passes(self, name: str, call: Callable[[], Any]) -> Any:
        """Make the call, unless the process ended before it."""
        with self._lock:
            if self.cut:
                raise Crash(name)
            if self.open:
                self.calls.append(f"{name}{WITHIN}" if self._depth else name)
            here = self.open and len(self.calls) == self.at
        if here and not self.after:
            self._happens()
        self._within.depth = self._depth + 1
        try:
            return call()
        finally:
            self._within.depth -= 1
            if here and self.after:
                self._happens()

    @property
    def _depth(self) -> int:
        return getattr(self._within, "depth", 0)

    def _crash(self) -> None:
        self.cut = True
        raise Crash(self.calls[-1])


class Tapped:
    """A real object, each of whose public calls passes the line; what is no call is handed through."""

    def __init__(self, real: object, line: Line, name: str) -> None:
        self._real, self._line, self._name = real, line, name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found) or name.startswith("_") or name == "close":
            return found

        def call(*given: Any, **named: Any) -> Any:
            return self._line.passes(f"{self._name}.{name}", lambda: found(*given, **named))

        return call
