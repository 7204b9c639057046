"""How long Prefect keeps what it shows. The record keeps everything, whatever is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flows.settings import Settings, SettingsError

KEEP_RUNS, KEEP_SWEEPS = "HOLDFAST_KEEP_RUNS", "HOLDFAST_KEEP_SWEEPS"
DAYS: Mapping[str, int] = {KEEP_RUNS: 400, KEEP_SWEEPS: 14}
"""Days that is kept what is over: runs of people's forms with the pages of items and cases, and runs by the clock."""


def kept(settings: Settings) -> dict[str, timedelta]:
    """How long what is over is kept, by variable.

    Raises:
        SettingsError: a variable is no whole number of days.
    """
    found = {}
    for name, days in DAYS.items():
        given = settings.environ.get(name) or str(days)
        if not (given.isdecimal() and 0 < int(given) < 100_000):  # noqa: PLR2004 - some limit that is no overflow
            raise SettingsError(f"{name}: expected a number of days such as {days}, found {given!r}")
        found[name] = timedelta(days=int(given))
    return found
