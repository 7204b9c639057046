"""How often one act tries: as the provider asks, and never faster than by itself."""

from __future__ import annotations

import pytest

from flows.retrying import patiently
from providers.errors import Unavailable


def waits(retry_after: float | None) -> list[float]:
    """How long one act waits between its tries, at a provider that is never there."""
    waited: list[float] = []

    def speak() -> None:
        raise Unavailable("busy", retry_after=retry_after)

    with pytest.raises(Unavailable):
        patiently(speak, sleep=waited.append)
    return waited


@pytest.mark.parametrize("retry_after", [None, 0, 0.001])
def test_who_asks_for_no_wait_is_not_asked_hundreds_of_times(retry_after: float | None) -> None:
    assert 2 < len(waits(retry_after)) < 12


def test_who_asks_for_a_wait_gets_it() -> None:
    assert all(wait >= 9 for wait in waits(9))
    assert waits(31) == [], "longer than one act may take"
