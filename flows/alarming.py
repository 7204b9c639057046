"""Telling people that the watch itself is in trouble.

Needs neither the ledger nor an open office: the ladder and its channels are read when the watch starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flows.catalogue import Catalogue
from flows.policy import RungChannels
from flows.settings import Settings
from flows.telling import Alarm, deliver

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Alarms:
    """Tells people of trouble: once in an episode and level; the next level when nobody ends it in time."""

    settings: Settings
    catalogue: Catalogue
    again_after: timedelta
    say: Say
    began_at: datetime | None = None
    level: int = 0
    waiting: tuple[str, ...] = ()  # channels that could not be used
    again_at: datetime = NEVER

    def consider(self, because: str, now: datetime) -> None:
        """Tell whoever is to be told now; "" ends the episode."""
        if not because:
            self._end(now)
            return
        self.began_at = self.began_at or now
        level = self._level(now - self.began_at)
        if level > self.level:
            self.level = level
            self._tell(because, now, self._rung(level).tell)
        elif self.waiting and now >= self.again_at:
            self._tell(because, now, self.waiting)

    def _level(self, elapsed: timedelta) -> int:
        """How high the ladder has been climbed: each level has its time to end the episode."""
        level, until = 1, timedelta(0)
        ladder = self.catalogue.policy.ladder
        for rung in ladder[:-1]:
            until += rung.acknowledge_within
            level += elapsed >= until
        return level

    def _rung(self, level: int) -> RungChannels:
        return self.catalogue.rung_channels[level - 1]

    def _tell(self, because: str, now: datetime, channels: tuple[str, ...], *, over: bool = False) -> None:
        rung = self._rung(self.level)
        who = self.catalogue.policy.ladder[self.level - 1].who
        alarm = Alarm(level=self.level, who=who, because=because, at=now, over=over)
        told = deliver(self.settings, replace(rung, tell=channels), alarm)
        self.waiting = tuple(str(each["channel"]) for each in told.deliveries if not each["delivered"])
        self.again_at = now + self.again_after
        if self.waiting:
            self.say(f"{who} could not be told everywhere: {told.why}")

    def _end(self, now: datetime) -> None:
        if self.began_at is None:
            return
        because = f"A sweep has finished. The trouble was noticed {lasting(now - self.began_at)} ago."
        for level in range(1, self.level + 1):
            self.level = level
            self._tell(because, now, self._rung(level).tell, over=True)
        self.began_at, self.level, self.waiting = None, 0, ()


def lasting(duration: timedelta) -> str:
    """A duration in words, such as "3 minutes": whole units, rounded down."""
    seconds = int(duration.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or seconds == size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
