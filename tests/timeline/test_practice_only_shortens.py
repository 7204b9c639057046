"""A provider's terms only ever shorten what the law gives: no day of a chain is later than under the law alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_world import extension, instrument, practice, terms

from flows.catalogue import Catalogue, load
from timeline.days import Expiry, extended, first_expiry
from timeline.rules import Counting, Instrument, Period, ProviderHold, ProviderTerms, Unit, Who
from timeline.terms import Terms, terms_for

STARTS = (date(2026, 11, 21), date(2028, 1, 31))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def chain(found: Terms, periods: tuple[Period, ...], start: date) -> Iterator[Expiry]:
    """The end of the first period, and after each of these extensions; nothing where the law gives no period."""
    law = found.instrument
    if found.first is None:
        return
    link = first_expiry(found.first, law.counting, strict_start=start, legal_start=start, started="sent", holidays={})
    yield link
    for period in periods:
        link = extended(link, period, law.counting, {})
        yield link


def later_than_the_law(law: Instrument, provider: ProviderTerms, country: str, start: date) -> list[str]:
    """What is later under practice than under the law alone, in words."""
    profile = terms(law).profile
    alone = terms_for(law, replace(provider, holds=()), country=country, profile=profile)
    both = terms_for(law, provider, country=country, profile=profile)
    wrong = []
    for name in ("extensions", "askable"):
        by_law = list(chain(alone, getattr(alone, name), start))
        ends = list(chain(both, getattr(both, name), start))
        if len(ends) > len(by_law):
            wrong.append(f"{name}: {len(ends) - 1} extensions, the law gives {len(by_law) - 1}")
        for number, (end, limit) in enumerate(zip(ends, by_law, strict=False)):
            for reading in ("strict_on", "legal_base_on", "legal_on"):
                if getattr(end, reading) > getattr(limit, reading):
                    wrong.append(
                        f"{name} {number}: {reading} {getattr(end, reading)} after {getattr(limit, reading)}"
                    )
    return wrong


def requesters(provider: ProviderTerms) -> set[str]:
    """One requester of each kind that the provider tells apart, and one of none."""
    named = {hold.requester.removeprefix("not-") for hold in provider.holds} - {"any"}
    return {"US", "FR", "BR"} | named


def test_no_shipped_provider_lengthens_what_a_shipped_instrument_gives(catalogue: Catalogue) -> None:
    judged = 0
    for law in catalogue.instruments.values():
        for name, entry in catalogue.providers.items():
            for country in requesters(entry.terms):
                for start in STARTS:
                    judged += 1
                    assert later_than_the_law(law, entry.terms, country, start) == [], (law.id, name, country, start)
    assert judged > len(catalogue.instruments) * len(catalogue.providers) * len(STARTS) * 2


def test_some_shipped_provider_does_shorten_the_law(catalogue: Catalogue) -> None:
    """Else the property above would hold of a catalogue that is never looked at."""
    law, profile = catalogue.instruments["us.18usc2703f"], catalogue.profile()
    mexc, telegram = (
        terms_for(law, catalogue.providers[name].terms, country="FR", profile=profile)
        for name in ("mexc", "telegram")
    )
    assert mexc.first == Period(count=60)
    assert telegram.extensions == ()


PERIODS = st.one_of(
    st.builds(Period, count=st.integers(1, 400)),
    st.builds(Period, count=st.integers(1, 60), unit=st.just(Unit.WORKING_DAYS)),
    st.builds(Period, count=st.integers(1, 24), unit=st.just(Unit.MONTHS)),
    st.builds(Period, count=st.integers(1, 3), unit=st.just(Unit.YEARS)),
)
DAYS = st.none() | st.integers(1, 800)
EXTENSIONS = st.builds(
    lambda period, count, by: replace(extension(30, count, by), period=period),
    PERIODS,
    st.none() | st.integers(1, 6),
    st.sampled_from([Who.ISSUER, Who.PROVIDER]),
)
LAWS = st.builds(
    lambda first, extended, cap, counting: instrument(
        "any", first=first, extensions=(extended,), cap=cap, counting=counting
    ),
    PERIODS,
    EXTENSIONS,
    st.none() | PERIODS,
    st.sampled_from(list(Counting)),
)
HOLDS = st.builds(
    lambda days, extension_days, times: practice(days=days, extension_days=extension_days, extension_count=times),
    DAYS,
    DAYS,
    st.none() | st.integers(0, 6),
)


@given(law=LAWS, hold=HOLDS, start=st.dates(date(2026, 1, 1), date(2029, 12, 31)))
def test_no_practice_lengthens_any_law(law: Instrument, hold: ProviderHold, start: date) -> None:
    assert later_than_the_law(law, replace(terms(law).provider, holds=(hold,)), "FR", start) == []


def test_thirty_days_are_not_more_than_a_month_that_begins_in_february() -> None:
    law = instrument("any", first=Period(count=1, unit=Unit.MONTHS))
    for days, relied in [(27, Period(count=27)), (30, Period(count=28)), (60, law.first)]:
        assert terms(law, holds=(practice(days=days),)).first == relied


def test_shorter_extensions_make_no_room_for_more_of_them() -> None:
    """60 and 50 and 50 days under a cap of 180: a provider's 40 days could else be added a third time."""
    law = instrument("any", first=Period(count=60), extensions=(extension(50, 5),), cap=Period(count=180))
    assert terms(law).extensions == (Period(count=50),) * 2
    assert terms(law, holds=(practice(extension_days=40),)).extensions == (Period(count=40),) * 2
