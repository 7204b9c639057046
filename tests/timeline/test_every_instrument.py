"""Every shipped instrument, with every start day of a leap year and of a common year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise

import pytest
from timeline_world import PERSON, POLICY, UNODC, Story, provider

from flows.catalogue import Catalogue, load
from flows.holidays import public_holidays
from timeline.coverage import coverage, last_safe
from timeline.days import Expiry
from timeline.decide import Do, duties
from timeline.rules import Counting, Instrument, Period, PeriodKind, Unit
from timeline.terms import Terms, terms_for
from timeline.window import extension_window

YEARS = {2027: 365, 2028: 366}
NOON = time(12, tzinfo=UTC)


@cache
def catalogue() -> Catalogue:
    return load()


def every() -> list[Instrument]:
    return list(catalogue().instruments.values())


def with_period() -> list[Instrument]:
    return [each for each in every() if each.first is not None]


def named(each: Instrument) -> str:
    return each.id


def terms_of(law: Instrument) -> Terms:
    return terms_for(
        law,
        provider(state="IE", zone="Europe/Dublin"),
        country="FR",
        profile=UNODC,
        abilities=PERSON,
        holidays=public_holidays("IE", range(2027, 2031)),
    )


def chain_from(terms: Terms, day: date) -> tuple[Expiry, ...]:
    """The chain of a request sent and received at noon of that day."""
    return (
        Story(terms, at=datetime.combine(day, NOON))
        .sent()
        .add("acknowledged", references=[], received_on=day.isoformat())
        .hold.chain
    )


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=number) for number in range(YEARS[year])]


def about_days(period: Period) -> int:
    """An upper bound of a period in days."""
    return period.count * {Unit.DAYS: 1, Unit.MONTHS: 31, Unit.YEARS: 366}[period.unit]


def test_the_catalogue_knows_the_instruments_that_the_tests_speak_of() -> None:
    assert {"us.18usc2703f", "eu.epocpr", "coe.budapest.29", "uk.osa.dpn", "br.mci.13"} <= set(
        catalogue().instruments
    )


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("law", with_period(), ids=named)
def test_dates_keep_their_order_from_every_start_day(law: Instrument, year: int) -> None:
    """Strict never after legal, an extension never shortens, the chain's strict days increase, the cap is kept."""
    terms = terms_of(law)
    assert law.first is not None
    for day in days_of(year):
        links = chain_from(terms, day)
        assert len(links) == 1 + len(terms.extensions)
        for link in links:
            assert link.strict_on <= link.legal_base_on <= link.legal_on, f"{law.id} from {day}"
            rolled = (link.legal_on - link.legal_base_on).days
            assert rolled == 0 or (law.counting is Counting.REG_1182_71 and rolled <= 6), f"{law.id} from {day}"
        for before, after in pairwise(links):
            assert before.strict_on < after.strict_on, f"{law.id} from {day}"
            assert before.legal_base_on < after.legal_base_on, f"{law.id} from {day}"
        if law.cap is not None:
            assert (links[-1].legal_base_on - day).days <= about_days(law.cap), f"{law.id} from {day}"
        assert (links[0].strict_on - day).days <= about_days(law.first) - 1, f"{law.id} from {day}"


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("law", with_period(), ids=named)
def test_the_strict_day_is_the_legal_one_or_the_day_before(law: Instrument, year: int) -> None:
    """Received on the day it was sent, the readings differ by whether that day counts, and by nothing else."""
    terms = terms_of(law)
    for day in days_of(year):
        first = chain_from(terms, day)[0]
        difference = (first.legal_base_on - first.strict_on).days
        assert difference == 0 if law.counting is Counting.INCLUDE_FIRST else difference in {0, 1}, f"from {day}"


@pytest.mark.parametrize("law", with_period(), ids=named)
def test_a_provider_silent_for_ever_is_never_waited_for_past_the_strict_end(law: Instrument) -> None:
    """Every hold with an end has a lapse to fall due at it, and an escalation a day before."""
    story = Story(terms_of(law), at=datetime(2027, 6, 1, 9, tzinfo=UTC)).sent()
    strict_at = story.hold.strict_at
    assert strict_at is not None
    assert story.duty(Do.LAPSE).due_at == strict_at
    assert min(each.due_at for each in story.duties(Do.ESCALATE) if each.due_at) <= strict_at - POLICY.imminent


@pytest.mark.parametrize("law", every(), ids=named)
def test_a_hold_in_force_is_never_final(law: Instrument) -> None:
    story = Story(terms_of(law), at=datetime(2027, 6, 1, 9, tzinfo=UTC)).held()
    assert duties(story.hold, POLICY)
    coverage(story.hold, POLICY, story.now)
    last_safe(story.hold, POLICY, story.now)


@pytest.mark.parametrize("law", every(), ids=named)
def test_every_stop_event_makes_its_hold_open_ended(law: Instrument) -> None:
    for stop in law.stop_events:
        story = Story(terms_of(law), at=datetime(2027, 6, 1, 9, tzinfo=UTC)).held()
        story.later(days=20).add(stop.kind, on=story.now.date().isoformat())
        assert story.hold.expiry is None
        assert not story.duties(Do.LAPSE)
        assert story.duty(Do.ESCALATE, "review")


@pytest.mark.parametrize("law", every(), ids=named)
def test_only_what_the_requester_decides_is_relied_upon(law: Instrument) -> None:
    terms = terms_of(law)
    relied = [each for each in law.extensions if each.reliable]
    assert bool(terms.extensions) == bool(relied)
    assert (law.kind is PeriodKind.GUARANTEED_MIN) <= (not terms.extensions), "no minimum has a reliable extension"
    window = extension_window(Story(terms, at=datetime(2027, 6, 1, 9, tzinfo=UTC)).held().hold, POLICY)
    if window is not None:
        assert window.relied == bool(relied)
        assert window.opens_on <= window.best_on <= window.safe_on


def test_150_days_are_bridged_by_some_and_not_by_others() -> None:
    """EU (90), JP (60), CA demand (21/90) cannot bridge 150 days; US (180), FR and UK (a year) can."""
    reach = {
        law.id: (chain_from(terms_of(law), date(2027, 3, 1))[-1].strict_on - date(2027, 3, 1)).days + 1
        for law in with_period()
    }
    assert {
        each: reach[each] for each in ("eu.epocpr", "jp.ccp197", "ca.487.012.domestic", "ca.487.012.foreign")
    } == {
        "eu.epocpr": 90,
        "jp.ccp197": 60,
        "ca.487.012.domestic": 21,
        "ca.487.012.foreign": 90,
    }
    assert reach["kr.cpa215-2"] == 60, "the court's 30 days are not relied upon"
    assert reach["us.18usc2703f"] == 180
    assert reach["au.foreign"] == 180
    assert reach["fr.cpp60-2"] == reach["uk.osa.dpn"] == 366, "a year from 1 March 2027 has a 29 February"
