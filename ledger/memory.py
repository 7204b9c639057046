"""Histories that were read, as long as they are likely to be needed again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from ledger.interface import Event

MOST = 512
"""Requests whose histories are remembered: a few batches of a sweep, whatever the ledger's size."""


class Histories:
    """The last used histories, each a beginning of what is recorded: a history only ever grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Event, ...]] = OrderedDict()

    def of(self, request: str) -> tuple[Event, ...]:
        """What is remembered of a request: all of its history up to some event, or nothing."""
        with self._lock:
            if request not in self._known:
                return ()
            self._known.move_to_end(request)
            return self._known[request]

    def keep(self, histories: Mapping[str, tuple[Event, ...]]) -> None:
        """Remember committed histories. Of two of the same request, the longer one stays."""
        with self._lock:
            for request, history in histories.items():
                if len(history) >= len(self._known.get(request, ())) and history:
                    self._known[request] = history
                    self._known.move_to_end(request)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
