"""Histories that were read, as long as they are likely to be needed again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.interface import Event, ItemRow

MOST = 512
"""Requests whose histories are remembered: a few batches of a sweep, whatever the ledger's size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is remembered of a request: its history up to some event, and the items of the row that it led to.

    `as_of`: the ledger's last event when we wrote it ourselves, so that nothing is missing; -1 where it was read.
    """

    history: tuple[Event, ...] = ()
    items: tuple[ItemRow, ...] | None = None
    as_of: int = -1


NOTHING = Known()


class Memory:
    """The last used histories, each a beginning of what is recorded: a history only ever grows.

    `others`: the ledger's last event when it was last noticed that others had written. What we have written ourselves
    since then is whole.
    """

    def __init__(self) -> None:
        self.others = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()

    def of(self, request: str) -> Known:
        """What is remembered of a request."""
        with self._lock:
            if request not in self._known:
                return NOTHING
            self._known.move_to_end(request)
            return self._known[request]

    def keep(self, found: Mapping[str, Known]) -> None:
        """Remember what is committed. Of two of the same request, the longer history stays."""
        with self._lock:
            for request, known in found.items():
                before = self._known.get(request, NOTHING)
                if len(known.history) < len(before.history) or not known.history:
                    continue
                if known.items is None and len(known.history) == len(before.history):
                    continue
                self._known[request] = known
                self._known.move_to_end(request)
            while len(self._known) > MOST:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """Give up everything: what was recorded is no longer there."""
        with self._lock:
            self._known.clear()
