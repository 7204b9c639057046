"""Seconds: trying again while a provider says "later". The sweep owns days."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_base, wait_exponential_jitter

from providers.errors import Unavailable

T = TypeVar("T")

LONGEST_WAIT = 10.0
"""Seconds between two tries where the provider asks for no wait of its own."""


class _AsAsked(wait_base):
    """What the provider asked for (Retry-After), and never less than an exponential wait with jitter."""

    def __init__(self) -> None:
        self._own = wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT, jitter=0.5)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, Unavailable) else None
        return max(asked or 0.0, self._own(retry_state))


BUDGET = timedelta(seconds=30)
"""For one act, all its tries and waits together; less than a lease by far."""


def patiently(
    speak: Callable[[], T], *, budget: timedelta = BUDGET, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Call `speak`, and again after `Unavailable`, as long as the next wait fits into `budget`.

    Only `Unavailable` is repeated: everything else may have had an effect, or is an answer.

    Raises:
        Unavailable: still so when the budget was used up; carries the last Retry-After.
        ProviderError: any other kind, at once.
    """
    allowed, began = budget.total_seconds(), time.monotonic()

    def used_up(state: RetryCallState) -> bool:
        # by the clock, and by the waits themselves: `sleep` may not take real time
        gone = max(time.monotonic() - began, state.idle_for)
        return gone + state.upcoming_sleep >= allowed

    retrying = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=_AsAsked(),
        stop=used_up,
        sleep=sleep,
        reraise=True,
    )
    return retrying(speak)
