"""One's turn at a provider, among all sweepers that run through the same Prefect server.

Each sweeper keeps its own pace (`flows.lanes`), so several together speak to a provider several times as often. Where
the unit made a global concurrency limit ``provider:ID`` in Prefect, a batch for that provider waits for a slot of it:
with one slot, the pace of the policy holds for all of them together. It is good manners and no lock: whoever waited
for long enough goes on, and without Prefect nobody waits. What keeps an act from being done twice is the ledger.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from prefect import get_client
from prefect.concurrency.asyncio import AcquireConcurrencySlotTimeoutError, concurrency
from prefect.exceptions import ObjectNotFound

from flows.sweeping import LEASE

TURN_WITHIN = LEASE.total_seconds() / 2
"""Seconds to wait for one's turn: a batch takes no longer by its pace, and the leases still last for one after it."""

ASK_WITHIN = 3.0
"""Seconds to be told whether there is a limit: an emergency does not wait for a slow server."""

LOOK_EVERY = 5.0
"""Seconds between two looks whether to stop."""

SLOT_LASTS = 60.0
"""Seconds after which Prefect frees the slot of a process that died."""


def limit_of(provider: str) -> str:
    """The name of a provider's limit in Prefect, as in `prefect gcl create provider:snap --limit 1`."""
    return f"provider:{provider}"


@dataclass(kw_only=True)
class Turns:
    """The turns of one run. A Prefect that failed once is not asked again in it, and so costs seconds only once.

    `stop`: once set, nobody waits any more. `within`: seconds to wait for one turn at most.
    """

    stop: threading.Event
    within: float = TURN_WITHIN
    free: set[str] = field(default_factory=set)
    failed: str = ""

    @asynccontextmanager
    async def at(self, provider: str) -> AsyncIterator[str]:
        """Wait for a slot of a provider's limit, where there is one, and hold it.

        Yields:
            Why the work goes on without a slot, for the log; "" with one, or where there is no limit.
        """
        held = AsyncExitStack()
        try:
            yield await self._slot(held, limit_of(provider))
        finally:
            with suppress(Exception):  # a slot that cannot be given back runs out by itself
                await held.aclose()

    async def _slot(self, held: AsyncExitStack, name: str) -> str:
        if self.failed or name in self.free:
            return self.failed
        end = time.monotonic() + self.within
        try:
            async with asyncio.timeout(ASK_WITHIN), get_client() as client:
                await client.read_global_concurrency_limit_by_name(name)
            while not self.stop.is_set():
                left = max(0.1, min(LOOK_EVERY, end - time.monotonic()))
                with suppress(AcquireConcurrencySlotTimeoutError):
                    await held.enter_async_context(concurrency(name, timeout_seconds=left, lease_duration=SLOT_LASTS))
                    return ""
                if time.monotonic() >= end:
                    return f"no slot of the limit {name} came free in time: going on without one"
        except ObjectNotFound:
            self.free.add(name)
            return ""
        except Exception as error:  # a limit that cannot be asked for limits nobody
            self.failed = f"the limit {name} could not be asked for: {type(error).__name__}"
            return self.failed
        return "stopping"
