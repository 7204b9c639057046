"""Days that a provider names: how it writes them, and which can be.

What cannot be read or cannot be raises `Unreadable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from providers.errors import Unreadable
from providers.interface import Order


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """How a provider writes days: its zone, and whether the end it names is the last day or the day after."""

    zone: ZoneInfo
    end_excluded: bool = False


def _parse_day(found: object, what: str) -> date | datetime:
    if isinstance(found, str):
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", found):
                return date.fromisoformat(found)
            moment = datetime.fromisoformat(found)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return moment
    raise Unreadable(f"its answer has {what} that is neither an ISO day nor an instant with an offset")


def _believable(day: date, what: str) -> date:
    if not 1990 <= day.year <= 2200:  # noqa: PLR2004
        raise Unreadable(f"its answer has {what} in a year that cannot be")
    return day


def day_said(found: object, what: str, calendar: Calendar) -> date | None:
    """The day that a value of an answer says; None where there is none. `what`: how it is called in an error."""
    if found is None:
        return None
    when = _parse_day(found, what)
    _believable(when, what)
    return when.astimezone(calendar.zone).date() if isinstance(when, datetime) else when


LONGEST_AHEAD = 5
"""Years: a later end is a slip or a stand-in for "never" (9999-12-31), and the hold would sleep until then."""


def last_day_said(found: object, calendar: Calendar, order: Order) -> date | None:
    """The last day that is kept whole; None where there is none."""
    what = "an end of the hold"
    if found is None:
        return None
    when = _parse_day(found, what)
    _believable(when, what)
    last = last_whole_day(when, calendar.zone) if isinstance(when, datetime) else when
    if calendar.end_excluded:
        last = (when.astimezone(calendar.zone).date() if isinstance(when, datetime) else when) - timedelta(days=1)
    return end_that_can_be(last, order)


def last_whole_day(moment: datetime, zone: ZoneInfo) -> date:
    """The last day that is over at an instant, but for its last minute: of the next one a part is not kept."""
    local = moment.astimezone(zone)
    return local.date() if (local.hour, local.minute) == (23, 59) else local.date() - timedelta(days=1)


DIFFER = timedelta(days=2)
"""By so much the days of two zones and of two clocks may differ."""
YEAR = timedelta(days=366)


def end_that_can_be(last: date, order: Order) -> date:
    """A last day that can be one. `Unreadable`: it is too far ahead, or before the sending."""
    if last.year > order.made_at.year + LONGEST_AHEAD:
        raise Unreadable("its answer has an end of the hold that lies too far ahead to be one")
    if last < _first_day(order):
        raise Unreadable("its answer has an end of the hold that lies before the sending")
    return last


def receipt_that_can_be(day: date, order: Order) -> date:
    """A day of receipt that can be one: clocks begin with it. `Unreadable`: it is ahead, or before the sending."""
    if not _first_day(order) <= day <= (order.made_at + DIFFER).date():
        raise Unreadable("its answer has a day of receipt that lies before the sending, or ahead")
    return day


def _first_day(order: Order) -> date:
    """The first day on which anything can have come of it; where the sending is not known, a year back."""
    return ((order.sent_at or order.made_at - YEAR) - DIFFER).date()
