"""What the provider deletes by itself: what is lost already, and what is lost next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from timeline.hold import Hold
from timeline.rules import Period, Retention, Unit

_HOURS = {Unit.HOURS: 1, Unit.DAYS: 24, Unit.WORKING_DAYS: 24, Unit.MONTHS: 24 * 28, Unit.YEARS: 24 * 365}


def lasting(period: Period | None) -> timedelta:
    """A retention period as a duration, read short (a month as 28 days). None: lost at once."""
    return timedelta(hours=period.count * _HOURS[period.unit]) if period else timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """Data made from `start` to `end` are gone; the first of them since `since`. Aware UTC."""

    category: str
    what: str
    start: datetime
    end: datetime
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NextLoss:
    """From `at` on, more of it is lost with every hour, until `until` when all asked for is gone."""

    retention: Retention
    at: datetime
    until: datetime


def _wanted(hold: Hold) -> tuple[Retention, ...]:
    return tuple(each for each in hold.terms.provider.retention if each.category in hold.categories)


def lost(hold: Hold, at: datetime) -> tuple[Lost, ...]:
    """What of the data asked for the provider no longer has at `at`, by its own retention periods."""
    if hold.period_from is None or hold.period_to is None:
        return ()
    found = []
    for each in _wanted(hold):
        gone_before = min(at - lasting(each.period), hold.period_to)
        if gone_before > hold.period_from:
            since = hold.period_from + lasting(each.period)
            found.append(
                Lost(category=each.category, what=each.what, start=hold.period_from, end=gone_before, since=since)
            )
    return tuple(found)


def next_losses(hold: Hold, at: datetime) -> tuple[NextLoss, ...]:
    """For each kind of data asked for and not yet wholly gone, when the next of it is lost; earliest first."""
    if hold.period_from is None or hold.period_to is None:
        return ()
    coming = []
    for each in _wanted(hold):
        first, last = hold.period_from + lasting(each.period), hold.period_to + lasting(each.period)
        if last > at:
            coming.append(NextLoss(retention=each, at=max(first, at), until=last))
    return tuple(sorted(coming, key=lambda loss: (loss.at, loss.until)))
