"""Counting days: each test says which provision, in our words, it holds the code to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_world import SECOND, STEADY

from timeline.days import (
    Expiry,
    add,
    add_counting_first,
    day_in,
    end_of,
    extended,
    first_expiry,
    roll,
    said,
    said_at,
    said_long,
    start_of,
    told_until,
    whole_days,
)
from timeline.rules import Counting, Period, Unit

ALL_SAINTS = {date(2026, 11, 1): "All Saints' Day"}
EASTER = {date(2027, 3, 26): "Good Friday", date(2027, 3, 29): "Easter Monday"}
YEAR = Period(count=1, unit=Unit.YEARS)


def days(count: int) -> Period:
    return Period(count=count)


def months(count: int) -> Period:
    return Period(count=count, unit=Unit.MONTHS)


def received(on: date, period: Period, counting: Counting, holidays: dict[date, str] | None = None) -> Expiry:
    return first_expiry(
        period, counting, strict_start=on, legal_start=on, started="received", holidays=holidays or {}
    )


def test_ninety_days_sent_on_21_november_end_strictly_on_18_february() -> None:
    """18 USC 2703(f)(2): 90 days, the start not said; strictly the day of sending is day 1."""
    ends = received(date(2026, 11, 21), days(90), Counting.EXCLUDE_FIRST)
    assert ends.strict_on == date(2027, 2, 18)
    assert ends.legal_on == ends.legal_base_on == date(2027, 2, 19)


def test_sixty_days_received_on_1_september_roll_over_a_weekend_and_a_holiday() -> None:
    """Reg. 2023/1543 art. 11(1): 60 days; Reg. 1182/71 art. 3(1), 3(4): from the day after receipt, and it rolls."""
    ends = received(date(2026, 9, 1), days(60), Counting.REG_1182_71, ALL_SAINTS)
    assert (ends.strict_on, ends.legal_base_on, ends.legal_on) == (
        date(2026, 10, 30),
        date(2026, 10, 31),
        date(2026, 11, 2),
    )
    assert ends.derivation == (
        "legal: received 1 Sep 2026 (day 0, Reg. 1182/71 art. 3(1)) + 60 days = Sat 31 Oct 2026",
        "rolls to Mon 2 Nov 2026 (Reg. 1182/71 art. 3(4), from memory, not relied on: 31 Oct 2026: Saturday; "
        "1 Nov 2026: Sunday)",
        "strict: counted from 1 Sep 2026 as day 1, Fri 30 Oct 2026",
    )


def test_an_extension_is_added_to_the_day_before_the_roll_over() -> None:
    """Reg. 2023/1543 art. 11(1): one additional period of 30 days, to the first 60 and not to a rolled day."""
    first = received(date(2026, 9, 1), days(60), Counting.REG_1182_71)
    more = extended(first, days(30), Counting.REG_1182_71, {})
    assert (more.strict_on, more.legal_base_on, more.legal_on) == (
        date(2026, 11, 29),
        date(2026, 11, 30),
        date(2026, 11, 30),
    )
    assert more.derivation[-2:] == (
        "extended, legal: 31 Oct 2026 + 30 days = Mon 30 Nov 2026",
        "extended, strict: 30 Oct 2026 + 30 days = Sun 29 Nov 2026",
    )


def test_one_year_beginning_with_1_march_2027_ends_on_29_february_2028() -> None:
    """Online Safety Act 2023 s. 101(C1): one year beginning with the date of the notice, which so counts."""
    ends = received(date(2027, 3, 1), YEAR, Counting.INCLUDE_FIRST)
    assert ends.strict_on == ends.legal_on == date(2028, 2, 29)
    assert (
        ends.derivation[0]
        == 'legal: received 1 Mar 2027 (day 1, "beginning with the date") + 1 year = Tue 29 Feb 2028'
    )


def test_where_no_rule_was_found_the_first_day_is_not_counted_and_nothing_rolls() -> None:
    """18 USC 2703(f) and others say nothing of weekends: a Saturday stays a Saturday."""
    ends = received(date(2026, 9, 1), days(60), Counting.EXCLUDE_FIRST, ALL_SAINTS)
    assert ends.legal_on == date(2026, 10, 31)
    assert ends.derivation[0].startswith("legal: received 1 Sep 2026 (day 0, first day not counted) + 60 days")


def test_a_roll_over_names_every_day_it_passes() -> None:
    """Reg. 1182/71 art. 3(4): a last day on a public holiday, Saturday or Sunday ends with the next working day."""
    on, passed = roll(date(2027, 3, 26), EASTER)
    assert on == date(2027, 3, 30)
    assert passed == (
        "26 Mar 2027: Good Friday",
        "27 Mar 2027: Saturday",
        "28 Mar 2027: Sunday",
        "29 Mar 2027: Easter Monday",
    )


def test_an_extension_rolls_from_its_own_last_day() -> None:
    """Reg. 1182/71 art. 3(4) applies to the extended period anew."""
    first = received(date(2026, 12, 26), days(60), Counting.REG_1182_71, EASTER)  # to Wed 24 Feb 2027
    more = extended(first, days(30), Counting.REG_1182_71, EASTER)
    assert more.legal_base_on == date(2027, 3, 26)
    assert more.legal_on == date(2027, 3, 30)
    assert "26 Mar 2027: Good Friday" in more.derivation[-2]


@pytest.mark.parametrize(
    ("start", "period", "ends_on"),
    [
        ("2028-02-29", YEAR, "2029-02-28"),  # no such day the year after: the last of the month
        ("2027-02-28", YEAR, "2028-02-28"),
        ("2027-01-31", months(1), "2027-02-28"),
        ("2028-01-31", months(1), "2028-02-29"),
        ("2027-08-31", months(6), "2028-02-29"),
        ("2027-12-15", months(1), "2028-01-15"),
        ("2027-12-31", days(1), "2028-01-01"),
        ("2028-02-28", days(1), "2028-02-29"),
        ("2027-02-28", days(1), "2027-03-01"),
    ],
)
def test_a_period_ends_with_the_same_date_or_the_last_of_the_month(start: str, period: Period, ends_on: str) -> None:
    """Reg. 1182/71 art. 3(2)(c): months and years end with the same date; where there is none, with the last day."""
    assert add(date.fromisoformat(start), period).isoformat() == ends_on


@pytest.mark.parametrize(
    ("start", "period", "ends_on"),
    [
        ("2027-03-01", YEAR, "2028-02-29"),
        ("2028-02-29", YEAR, "2029-02-28"),
        ("2028-03-01", YEAR, "2029-02-28"),
        ("2027-01-31", months(1), "2027-02-28"),
        ("2027-01-01", months(1), "2027-01-31"),
        ("2027-11-21", days(1), "2027-11-21"),
        ("2026-11-21", days(90), "2027-02-18"),
    ],
)
def test_a_period_whose_first_day_counts_ends_a_day_earlier(start: str, period: Period, ends_on: str) -> None:
    """TIA Act 1979 s. 107J and OSA s. 101(C1): starting on the day; that day is day 1."""
    assert add_counting_first(date.fromisoformat(start), period).isoformat() == ends_on


def test_working_days_leave_out_weekends_and_holidays() -> None:
    """Reg. 2023/1543 art. 16(2), 16(7): periods in working days."""
    five = Period(count=5, unit=Unit.WORKING_DAYS)
    assert add(date(2027, 3, 25), five, EASTER) == date(2027, 4, 5)
    assert add(date(2027, 3, 25), five) == date(2027, 4, 1)
    one = Period(count=1, unit=Unit.WORKING_DAYS)
    assert add_counting_first(date(2027, 3, 26), one) == date(2027, 3, 26), "a Friday that counts is the day itself"


def test_hours_are_not_counted_in_days() -> None:
    """Reg. 1182/71 art. 3(2)(a): hours run by the hour."""
    hours = Period(count=48, unit=Unit.HOURS)
    for count in (add, add_counting_first):
        with pytest.raises(ValueError, match="counted on the clock"):
            count(date(2026, 11, 21), hours)


def test_the_strict_start_may_be_earlier_than_the_legal_one() -> None:
    """Reg. 2023/1543 art. 11(1) counts from receipt; a lawyer could argue the sending."""
    ends = first_expiry(
        days(60),
        Counting.REG_1182_71,
        strict_start=date(2026, 9, 1),
        legal_start=date(2026, 9, 4),
        started="received",
        holidays={},
    )
    assert (ends.strict_on, ends.legal_on) == (date(2026, 10, 30), date(2026, 11, 3))
    assert ends.derivation[-1] == "strict: counted from 1 Sep 2026 as day 1, Fri 30 Oct 2026"


def test_an_earlier_end_that_the_provider_names_counts() -> None:
    """Decision 0005: a provider's confirmation of an earlier end always counts."""
    base = received(date(2026, 11, 21), days(90), Counting.EXCLUDE_FIRST)
    told = told_until(base, date(2027, 2, 10), may_prolong=False)
    assert (told.strict_on, told.legal_on) == (date(2027, 2, 10), base.legal_on)
    assert told.derivation[-1] == "strict: the provider says it keeps until Wed 10 Feb 2027"
    assert extended(told, days(90), Counting.EXCLUDE_FIRST, {}).strict_on == date(2027, 5, 11)


def test_a_later_end_counts_only_where_the_law_sets_a_minimum() -> None:
    """Budapest Convention art. 29(7): not less than 60 days; 18 USC 2703(f)(2): 90 days and no more."""
    base = received(date(2026, 11, 21), days(60), Counting.EXCLUDE_FIRST)
    later = date(2027, 3, 1)
    assert told_until(base, later, may_prolong=False) == base
    longer = told_until(base, later, may_prolong=True)
    assert longer.strict_on == longer.legal_on == later


def test_a_later_end_that_does_not_count_is_said() -> None:
    """Whoever reads the working must not miss that the provider named another day."""
    base = received(date(2026, 11, 21), days(60), Counting.EXCLUDE_FIRST)
    told = told_until(base, date(2027, 4, 1), may_prolong=False)
    assert told.derivation == (
        *base.derivation,
        "the provider says it keeps until Thu 1 Apr 2027: later than the law's last day, not relied upon",
    )
    assert told_until(base, base.legal_on, may_prolong=False) is base, "it counts as the law does"
    longer = extended(told, days(30), Counting.EXCLUDE_FIRST, {})
    assert longer.strict_on == extended(base, days(30), Counting.EXCLUDE_FIRST, {}).strict_on


def test_days_are_said_in_english_whatever_the_machine_speaks() -> None:
    assert said(date(2026, 10, 31)) == "31 Oct 2026"
    assert said_long(date(2026, 10, 31)) == "Sat 31 Oct 2026"
    assert said_at(datetime(2026, 10, 31, 16, 20, tzinfo=ZoneInfo("Europe/Berlin"))) == "15:20 UTC on 31 Oct 2026"


def test_a_lead_within_a_day_costs_the_day() -> None:
    assert whole_days(timedelta(days=5)) == timedelta(days=5)
    assert whole_days(timedelta(days=5, seconds=1)) == timedelta(days=6)


# Zones


@pytest.mark.parametrize(
    ("moment", "zone", "on"),
    [
        ("2026-08-31T22:00:00+00:00", "Europe/Berlin", "2026-09-01"),
        ("2026-08-31T21:59:59+00:00", "Europe/Berlin", "2026-08-31"),
        ("2026-11-21T07:59:59+00:00", "America/Los_Angeles", "2026-11-20"),
        ("2026-11-21T08:00:00+00:00", "America/Los_Angeles", "2026-11-21"),
        ("2026-11-20T15:00:00+00:00", "Asia/Tokyo", "2026-11-21"),
    ],
)
def test_the_day_is_the_providers_own(moment: str, zone: str, on: str) -> None:
    """Days are counted at the provider: its zone decides which day a request was sent on."""
    assert day_in(datetime.fromisoformat(moment), zone).isoformat() == on


def test_a_day_ends_at_its_last_hour() -> None:
    """Reg. 1182/71 art. 3(2)(b): a period in days ends with the expiry of the last hour of the last day."""
    assert end_of(date(2026, 10, 31), "Europe/Berlin") == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert end_of(date(2027, 2, 18), "America/Los_Angeles") == datetime(2027, 2, 19, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2027-03-28", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2027-03-28", "Asia/Beirut", 23),  # its clocks jump at midnight: that day begins at one
        ("2026-11-21", "Asia/Tokyo", 24),
    ],
)
def test_a_day_on_which_the_clocks_change_is_whole(day: str, zone: str, hours: int) -> None:
    on = date.fromisoformat(day)
    assert end_of(on, zone) - start_of(on, zone) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Dublin",
        "America/Los_Angeles",
        "Asia/Beirut",
        "Africa/Cairo",
        "America/Havana",
        "America/Santiago",
    ],
)
def test_every_day_begins_with_its_first_second(zone: str) -> None:
    on = date(2026, 1, 1)
    while on < date(2029, 1, 1):
        begins = start_of(on, zone)
        assert day_in(begins, zone) == on
        assert day_in(begins - SECOND, zone) == on - timedelta(days=1)
        on += timedelta(days=1)


# What always holds

DATES = st.dates(date(2024, 1, 1), date(2032, 12, 31))
PERIODS = st.builds(
    Period, count=st.integers(1, 400), unit=st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS])
) | st.builds(Period, count=st.integers(1, 36), unit=st.sampled_from([Unit.MONTHS]))
COUNTINGS = st.sampled_from(list(Counting))
HOLIDAYS = st.dictionaries(DATES, st.just("Holiday"), max_size=5)


@STEADY
@given(start=DATES, earlier=st.integers(0, 10), periods=st.tuples(PERIODS, PERIODS), counting=COUNTINGS, off=HOLIDAYS)
def test_strict_is_never_later_than_legal_and_an_extension_never_shortens(
    start: date, earlier: int, periods: tuple[Period, Period], counting: Counting, off: dict[date, str]
) -> None:
    ends = first_expiry(
        periods[0],
        counting,
        strict_start=start - timedelta(days=earlier),
        legal_start=start,
        started="received",
        holidays=off,
    )
    longer = extended(ends, periods[1], counting, off)
    for each in (ends, longer):
        assert each.strict_on <= each.legal_base_on <= each.legal_on
    assert longer.strict_on > ends.strict_on
    assert longer.legal_base_on > ends.legal_base_on


@STEADY
@given(start=DATES, period=PERIODS, counting=COUNTINGS, until=DATES, may_prolong=st.booleans())
def test_what_the_provider_says_never_makes_strict_later_than_legal(
    start: date, period: Period, counting: Counting, until: date, may_prolong: bool
) -> None:
    base = received(start, period, counting)
    told = told_until(base, until, may_prolong=may_prolong)
    assert told.strict_on <= told.legal_base_on <= told.legal_on
    assert told.legal_on >= base.legal_on
    assert may_prolong or told.strict_on <= base.strict_on


@STEADY
@given(day=DATES, period=PERIODS)
def test_counting_the_first_day_is_never_later(day: date, period: Period) -> None:
    assert add_counting_first(day, period) <= add(day, period)


@STEADY
@given(day=DATES, holidays=HOLIDAYS)
def test_rolling_ends_on_a_working_day_and_explains_every_day_passed(day: date, holidays: dict[date, str]) -> None:
    on, passed = roll(day, holidays)
    assert on >= day
    assert on.weekday() < 5
    assert on not in holidays
    assert len(passed) == (on - day).days
