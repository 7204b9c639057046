"""Days and instants: the wire knows an instant of expiry, our clocks the last day that counts.

The last day asked for becomes its last second in the provider's zone; what an instant that the provider names counts
as is `providers.days.last_whole_day`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The last second of a day in a zone."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone)


def written(moment: datetime) -> str:
    """An instant with whole seconds and its offset (QualifiedDateTime)."""
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone cannot be said")
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def stamped(moment: datetime) -> str:
    """The time of a message, in UTC: six decimals, no more and no fewer (QualifiedMicrosecondDateTime)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
