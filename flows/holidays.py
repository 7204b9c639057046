"""Public holidays of an addressee's State, from the `holidays` package; for roll-overs and working days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache


def public_holidays(state: str, years: Iterable[int]) -> dict[date, str]:
    """Day to name. Empty for "" and for a State the package does not know: then only weekends roll.

    Regional holidays are left out: the addressee's State is all that a catalogue knows.
    """
    return dict(_holidays(state, tuple(years))) if state else {}


@lru_cache(maxsize=256)
def _holidays(state: str, years: tuple[int, ...]) -> tuple[tuple[date, str], ...]:
    import holidays

    if state not in holidays.list_supported_countries():
        return ()
    try:
        found = holidays.country_holidays(state, years=list(years), language="en_US")
    except Exception:
        found = holidays.country_holidays(state, years=list(years))
    return tuple(sorted(found.items()))
