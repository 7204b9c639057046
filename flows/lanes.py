"""Providers side by side, each one's requests one after another, and no provider faster than the unit allows.

What is most urgent is claimed first. While a provider is being worked on, only others' requests are claimed, so that
a slow one, or one with a long backlog after an outage, keeps nobody waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait

from flows.policy import Pacing
from ledger.interface import Claim

AT_ONCE = 8
"""Providers worked on side by side."""

BATCH = 200
"""Requests leased at a time."""


class Pace:
    """Keeps what is said to one provider apart in time. Shared by all lanes of a pass; safe between threads."""

    def __init__(self, pacing: Pacing, sleep: Callable[[float], None]) -> None:
        self._pacing, self._sleep = pacing, sleep
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def wait(self, provider: str) -> None:
        """Sleep until this provider may be spoken to again."""
        per_minute = self._pacing.of(provider)
        if not per_minute:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at.get(provider, now))
            self._free_at[provider] = turn + 60 / per_minute
        if turn > now:
            self._sleep(turn - now)

    def room(self, provider: str, seconds: float) -> int:
        """How many acts at this provider fit into so many seconds; at least one."""
        per_minute = self._pacing.of(provider)
        return max(1, int(per_minute * seconds / 60)) if per_minute else BATCH


def by_provider(claims: Sequence[Claim]) -> Mapping[str, list[Claim]]:
    """Leased requests by their provider, each in the order of urgency."""
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.provider, []).append(claim)
    return found


Claiming = Callable[[Collection[str]], Sequence[Claim]]
"""Gives leases of due requests, most urgent first, none of the named providers; nothing to come to an end."""

Working = Callable[[Sequence[Claim]], None]
"""Works on one provider's leased requests, and gives them back."""


class Lanes:
    """Lanes for `AT_ONCE` providers. Their threads stay, each with its connection to the ledger, until `close`.

    `pool`: in what the lanes run, if not in threads of their own.
    """

    def __init__(self, pool: Executor | None = None) -> None:
        self._at_once, self._pool = AT_ONCE, pool
        self._lock = threading.Lock()

    def run(self, claim: Claiming, work: Working) -> None:
        """Work on all that can be claimed, a lane for each provider, until nothing more can."""
        while waiting := dict(by_provider(claim(()))):
            if len(waiting) == 1:  # perhaps what is most urgent is all its own, and others wait behind it
                waiting.update(by_provider(claim(waiting)))
            if len(waiting) > 1:
                self._side_by_side(claim, work, waiting)
                return
            for claims in waiting.values():
                work(claims)  # most sweeps find work at one provider only: no threads for it

    def close(self) -> None:
        """Let the threads end."""
        if self._pool is not None:
            self._pool.shutdown()

    def _side_by_side(self, claim: Claiming, work: Working, waiting: dict[str, list[Claim]]) -> None:
        with self._lock:
            pool = self._pool = self._pool or ThreadPoolExecutor(self._at_once, "provider")
        lanes: dict[Future[None], str] = {}
        try:
            while True:
                while len(lanes) + len(waiting) < self._at_once:  # no lane stays empty while somebody waits for one
                    if not (more := by_provider(claim({*lanes.values(), *waiting}))):
                        break
                    waiting.update(more)
                while waiting and len(lanes) < self._at_once:
                    provider = next(iter(waiting))
                    lanes[pool.submit(work, waiting.pop(provider))] = provider
                if not lanes:
                    return
                for ended in wait(lanes, return_when=FIRST_COMPLETED).done:
                    del lanes[ended]
                    ended.result()
        finally:  # if something failed, the others end what they do, and what is leased to us is worked on
            wait([*lanes, *(pool.submit(work, claims) for claims in waiting.values())])
