"""Counting days: what the last day of a period is, twice, with the working shown.

* **legal**: the instrument's own rule.
  Reg. (EEC, Euratom) 1182/71 art. 3: the day of the event is not counted (3(1)); a period in days ends with the
  last hour of its last day (3(2)(b)), one in months or years with the same date, or the last day of the
  month where there is none (3(2)(c)); a last day on a Saturday, Sunday or public holiday rolls to the next
  working day (3(4)). That a period has two working days at least (3(5)) could only lengthen it, and is left out.
  "Beginning with the date": the first day counts. Where no rule was found: the first day is not counted,
  and nothing rolls.
* **strict**: the earliest date a lawyer could argue: from the earlier of sending and receipt, the start
  day counted as day 1, no roll-over. Holdfast acts on it.

An extension is added to the previous expiry *before* any roll-over, strict to strict, legal to legal.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from timeline.rules import Counting, Period, Unit

SATURDAY = 5
DAY = timedelta(days=1)
# Spelled out here: the standard library's names follow the system's language.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ROLL = "from memory, not relied on"
"""What a derivation says of every roll-over (art. 3(4) was not read; a hold is never taken to last that long)."""
Holidays = Mapping[date, str]
"""Public holidays of the addressee's State: day to name."""


def whole_days(duration: timedelta) -> timedelta:
    """A lead time in whole days, rounded up: a step due within a day loses that day."""
    return DAY * -(-duration // DAY)


def said(day: date) -> str:
    """A day as a person reads it: ``31 Oct 2026``."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def said_long(day: date) -> str:
    """A day with its weekday: ``Sat 31 Oct 2026``."""
    return f"{WEEKDAYS[day.weekday()][:3]} {said(day)}"


def said_at(moment: datetime) -> str:
    """An instant as a person reads it: ``14:20 UTC on 31 Oct 2026``."""
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M} UTC on {said(moment.date())}"


def day_in(moment: datetime, zone: str) -> date:
    """The local date of an aware instant in a zone (IANA name)."""
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=1 << 16)
def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC. Where clocks jump over midnight, the first that exists."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def end_of(day: date, zone: str) -> datetime:
    """The instant at which a local day is over (24:00), in UTC."""
    return start_of(day + DAY, zone)


def day_off(day: date, holidays: Holidays) -> str:
    """Why a day is not a working day (a weekday's name or the holiday's), or ""."""
    if day.weekday() >= SATURDAY:
        return WEEKDAYS[day.weekday()]
    return holidays.get(day, "")


def roll(day: date, holidays: Holidays) -> tuple[date, tuple[str, ...]]:
    """The next working day at or after `day`, and why each day passed over is none."""
    passed: list[str] = []
    while why := day_off(day, holidays):
        passed.append(f"{said(day)}: {why}")
        day += DAY
    return day, tuple(passed)


def _months(period: Period) -> int:
    return period.count * (12 if period.unit is Unit.YEARS else 1)


def _same_date(day: date, months: int) -> tuple[date, bool]:
    """The same date so many months on, and whether it exists; else the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)), day.day <= last


def add(day: date, period: Period, holidays: Holidays = {}) -> date:  # noqa: B006 - never written to
    """`day` plus a period, the day itself not counted.

    Raises:
        ValueError: a period in hours, which is counted on the clock and not in days.
    """
    unit = period.unit
    if unit is Unit.DAYS:
        return day + DAY * period.count
    if unit is Unit.MONTHS or unit is Unit.YEARS:
        return _same_date(day, _months(period))[0]
    if unit is Unit.HOURS:
        raise ValueError("hours are counted on the clock, not in days")
    left = period.count  # working days
    while left:
        day += DAY
        left -= not day_off(day, holidays)
    return day


def add_counting_first(day: date, period: Period) -> date:
    """`day` plus a period, the day itself counted as day 1 (one year beginning 1 March 2027: 29 Feb 2028).

    Never later than `add`: in working days no holiday is left out, as the strict reading rolls over nothing.

    Raises:
        ValueError: a period in hours.
    """
    if period.unit is Unit.MONTHS or period.unit is Unit.YEARS:
        same, exists = _same_date(day, _months(period))
        return same - DAY if exists else same
    return add(day - DAY, period)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """The last day of a hold, three ways, with the working.

    `legal_base_on` is the legal day before any roll-over: what an extension is added to. The working is put
    into words only when somebody reads it (`derivation`): a sweep counts many days and shows few.
    """

    strict_on: date
    legal_base_on: date
    legal_on: date
    words: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)

    @property
    def derivation(self) -> tuple[str, ...]:
        """How the days were counted, a line for each step."""
        return self.words()


def _legal(base: date, counting: Counting, holidays: Holidays) -> date:
    return roll(base, holidays)[0] if counting is Counting.REG_1182_71 else base


def _rolled(base: date, legal_on: date, holidays: Holidays) -> tuple[str, ...]:
    if legal_on == base:
        return ()
    why = "; ".join(roll(base, holidays)[1])
    return (f"rolls to {said_long(legal_on)} (Reg. 1182/71 art. 3(4), {ROLL}: {why})",)


_FIRST_DAY = {
    Counting.INCLUDE_FIRST: 'day 1, "beginning with the date"',
    Counting.EXCLUDE_FIRST: "day 0, first day not counted",
    Counting.REG_1182_71: "day 0, Reg. 1182/71 art. 3(1)",
}


def first_expiry(
    period: Period,
    counting: Counting,
    *,
    strict_start: date,
    legal_start: date,
    started: str,
    holidays: Holidays,
) -> Expiry:
    """When the first period of a hold ends.

    Args:
        period: its length, in days, months or years.
        counting: the instrument's rule.
        strict_start: the earliest day from which it could be counted: never later than `legal_start`.
        legal_start: the day the instrument starts from.
        started: what happened on `legal_start`, for the derivation: "received", "sent", "made".
        holidays: of the addressee's State, for the roll-over.
    """
    first_counts = counting is Counting.INCLUDE_FIRST
    base = add_counting_first(legal_start, period) if first_counts else add(legal_start, period)
    legal_on, strict_on = _legal(base, counting, holidays), add_counting_first(strict_start, period)
    return Expiry(
        strict_on=strict_on,
        legal_base_on=base,
        legal_on=legal_on,
        words=lambda: (
            f"legal: {started} {said(legal_start)} ({_FIRST_DAY[counting]}) + {period} = {said_long(base)}",
            *_rolled(base, legal_on, holidays),
            f"strict: counted from {said(strict_start)} as day 1, {said_long(strict_on)}",
        ),
    )


def extended(base: Expiry, period: Period, counting: Counting, holidays: Holidays) -> Expiry:
    """The expiry after an extension: from the previous expiry before roll-over, never from now."""
    legal_base, strict_on = add(base.legal_base_on, period), add(base.strict_on, period)
    legal_on = _legal(legal_base, counting, holidays)
    return Expiry(
        strict_on=strict_on,
        legal_base_on=legal_base,
        legal_on=legal_on,
        words=lambda: (
            *base.derivation,
            f"extended, legal: {said(base.legal_base_on)} + {period} = {said_long(legal_base)}",
            *_rolled(legal_base, legal_on, holidays),
            f"extended, strict: {said(base.strict_on)} + {period} = {said_long(strict_on)}",
        ),
    )


def told_until(base: Expiry, until: date, *, may_prolong: bool) -> Expiry:
    """The expiry after the provider said until when it keeps the data.

    An earlier date always counts. A later one counts only where the law sets a minimum and no maximum
    (`may_prolong`, Budapest Convention art. 29(7)); where it is later than the law's own, that is said.
    """
    if until == base.strict_on or (base.strict_on < until <= base.legal_on and not may_prolong):
        return base
    if until > base.strict_on and not may_prolong:
        text = f"the provider says it keeps until {said_long(until)}: later than the law's last day, not relied upon"
        return replace(base, words=lambda: (*base.derivation, text))
    legal_base = max(until, base.legal_base_on) if may_prolong else base.legal_base_on
    return Expiry(
        strict_on=until,
        legal_base_on=legal_base,
        legal_on=max(legal_base, base.legal_on),
        words=lambda: (*base.derivation, f"strict: the provider says it keeps until {said_long(until)}"),
    )
