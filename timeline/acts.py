"""What we do at a provider, and whom we tell: each as its history leaves it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple


class Act(NamedTuple):
    """One thing we do at the provider, once: (action, sequence). Retries are attempts of the same act.

    `outcome` is "" while an intent has none (in flight, or cut off by a crash); "sent", "unavailable",
    "unknown", "absent" (asked for: not there), "refused" or "unsupported" after. A tuple, as is `Escalated`, and no
    dataclass, because a fold makes one with most events.
    """

    action: str
    sequence: int
    key: str
    attempt: int
    began_at: datetime
    outcome: str = ""
    outcome_at: datetime | None = None
    failures: int = 0  # in a row, for the back-off
    failing_since: datetime | None = None
    ground: str = ""
    retry_after: timedelta = timedelta()  # asked for by the provider
    route: str = ""  # which of the ways to the addressee it took
    channel: str = ""

    @property
    def open(self) -> bool:
        """Whether it must be found out what became of it before it is sent again."""
        return self.outcome in {"", "unknown"}

    @property
    def unsent(self) -> bool:
        """Whether it is known that nothing arrived, so that it may be sent again."""
        return self.outcome in {"unavailable", "absent"}

    @property
    def last_at(self) -> datetime:
        """When something was last known of it."""
        return self.outcome_at or self.began_at


class Escalated(NamedTuple):
    """The last escalation about one thing. `level` counts from 1.

    `repeats`: how often in a row the same level was told again; `answers`: how often somebody acknowledged.
    """

    about: str
    level: int
    at: datetime
    delivered: bool
    acknowledged_at: datetime | None = None
    repeats: int = 0
    answers: int = 0
