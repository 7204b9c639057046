"""Counting days: what the last day of a period is, twice, with the working shown.

* **legal**: the instrument's own rule.
  Reg. (EEC, Euratom) 1182/71 art. 3: the day of the event is not counted (3(1)); a period in days ends with the
  last hour of its last day (3(2)(b)), one in months or years with the same date, or the last day of the
  month where there is none (3(2)(c)); a last day on a Saturday, Sunday or public holiday rolls to the next
  working day (3(4)).
  "Beginning with the date": the first day counts. Where no rule was found: the first day is not counted,
  and nothing rolls.
* **strict**: the earliest date a lawyer could argue: from the earlier of sending and receipt, the start
  day counted as day 1, no roll-over. Holdfast acts on it.

An extension is added to the previous expiry *before* any roll-over, strict to strict, legal to legal.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from timeline.rules import Counting, Period, Unit

SATURDAY = 5
# Spelled out here: the standard library's names follow the system's language.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Holidays = Mapping[date, str]
"""Public holidays of the addressee's State: day to name."""


def said(day: date) -> str:
    """A day as a person reads it: ``31 Oct 2026``."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def said_long(day: date) -> str:
    """A day with its weekday: ``Sat 31 Oct 2026``."""
    return f"{WEEKDAYS[day.weekday()][:3]} {said(day)}"


def day_in(moment: datetime, zone: str) -> date:
    """The local date of an aware instant in a zone (IANA name)."""
    return moment.astimezone(ZoneInfo(zone)).date()


def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC. Where clocks jump over midnight, the first that exists."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def end_of(day: date, zone: str) -> datetime:
    """The instant at which a local day is over (24:00), in UTC."""
    return start_of(day + timedelta(days=1), zone)


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
        day += timedelta(days=1)
    return day, tuple(passed)


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
    match period.unit:
        case Unit.DAYS:
            return day + timedelta(days=period.count)
        case Unit.MONTHS:
            return _same_date(day, period.count)[0]
        case Unit.YEARS:
            return _same_date(day, 12 * period.count)[0]
        case Unit.WORKING_DAYS:
            left = period.count
            while left:
                day += timedelta(days=1)
                left -= not day_off(day, holidays)
            return day
        case Unit.HOURS:
            raise ValueError("hours are counted on the clock, not in days")


def add_counting_first(day: date, period: Period) -> date:
    """`day` plus a period, the day itself counted as day 1 (one year beginning 1 March 2027: 29 Feb 2028)."""
    if period.unit in {Unit.MONTHS, Unit.YEARS}:
        months = period.count * (12 if period.unit is Unit.YEARS else 1)
        same, exists = _same_date(day, months)
        return same - timedelta(days=1) if exists else same
    return add(day, period) - timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """The last day of a hold, three ways, with the working.

    `legal_base_on` is the legal day before any roll-over: what an extension is added to.
    """

    strict_on: date
    legal_base_on: date
    legal_on: date
    derivation: tuple[str, ...]


def _legal(base: date, counting: Counting, holidays: Holidays) -> tuple[date, tuple[str, ...]]:
    if counting is not Counting.REG_1182_71:
        return base, ()
    rolled, passed = roll(base, holidays)
    if rolled == base:
        return base, ()
    why = "; ".join(passed)
    return rolled, (f"rolls to {said_long(rolled)} (Reg. 1182/71 art. 3(4); {why})",)


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
        strict_start: the earlier of the day of sending and the day of receipt.
        legal_start: the day the instrument starts from.
        started: what happened on `legal_start`, for the derivation: "received", "sent".
        holidays: of the addressee's State, for the roll-over.
    """
    if counting is Counting.INCLUDE_FIRST:
        base = add_counting_first(legal_start, period)
        day_is = 'day 1, "beginning with the date"'
    else:
        base = add(legal_start, period)
        day_is = "day 0, " + (
            "Reg. 1182/71 art. 3(1)" if counting is Counting.REG_1182_71 else "first day not counted"
        )
    legal_on, rolled = _legal(base, counting, holidays)
    strict_on = add_counting_first(strict_start, period)
    return Expiry(
        strict_on=strict_on,
        legal_base_on=base,
        legal_on=legal_on,
        derivation=(
            f"legal: {started} {said(legal_start)} ({day_is}) + {period} = {said_long(base)}",
            *rolled,
            f"strict: counted from {said(strict_start)} as day 1, {said_long(strict_on)}",
        ),
    )


def extended(base: Expiry, period: Period, counting: Counting, holidays: Holidays) -> Expiry:
    """The expiry after an extension: from the previous expiry before roll-over, never from now."""
    legal_base = add(base.legal_base_on, period)
    legal_on, rolled = _legal(legal_base, counting, holidays)
    strict_on = add(base.strict_on, period)
    return Expiry(
        strict_on=strict_on,
        legal_base_on=legal_base,
        legal_on=legal_on,
        derivation=(
            *base.derivation,
            f"extended, legal: {said(base.legal_base_on)} + {period} = {said_long(legal_base)}",
            *rolled,
            f"extended, strict: {said(base.strict_on)} + {period} = {said_long(strict_on)}",
        ),
    )


def told_until(base: Expiry, until: date, *, may_prolong: bool) -> Expiry:
    """The expiry after the provider said until when it keeps the data.

    An earlier date always counts. A later one counts only where the law sets a minimum and no maximum
    (`may_prolong`, Budapest Convention art. 29(7)).
    """
    if until < base.strict_on or (may_prolong and until > base.strict_on):
        legal = max(until, base.legal_base_on) if may_prolong else base.legal_base_on
        return Expiry(
            strict_on=until,
            legal_base_on=legal,
            legal_on=max(legal, base.legal_on),
            derivation=(*base.derivation, f"strict: the provider says it keeps until {said_long(until)}"),
        )
    return base
