"""What law and practice together allow: practice only shortens, courtesy is asked for and not relied upon."""

from __future__ import annotations

from dataclasses import replace

import pytest
from timeline_world import BUDAPEST, EU, KR, US, Story, extension, instrument, practice, terms

from timeline.dues import conditions
from timeline.rules import Period, PeriodKind, ProviderHold, Unit, Who
from timeline.terms import by_law

NINETY, THIRTY = Period(count=90), Period(count=30)


def test_the_law_alone_gives_its_own_period_and_extensions() -> None:
    """18 USC 2703(f)(2): 90 days, and 90 more on a renewed request."""
    found = terms(US)
    assert (found.first, found.extensions, found.set_aside) == (NINETY, (NINETY,), ())


@pytest.mark.parametrize(("promised", "relied"), [(60, 60), (90, 90), (365, 90), (None, 90)])
def test_a_provider_only_ever_shortens_the_first_period(promised: int | None, relied: int) -> None:
    """What a provider promises beyond the law is a courtesy: practice overrides downwards only."""
    assert terms(US, holds=(practice(days=promised),)).first == Period(count=relied)


def test_a_shorter_promise_in_days_beats_a_year() -> None:
    a_year = instrument("uk", first=Period(count=1, unit=Unit.YEARS))
    assert terms(a_year, holds=(practice(days=90),)).first == NINETY
    assert terms(a_year, holds=(practice(days=400),)).first == a_year.first


def test_a_provider_may_grant_fewer_extensions_but_not_more() -> None:
    assert terms(US, holds=(practice(extension_count=0),)).extensions == ()
    assert terms(US, holds=(practice(extension_count=3),)).extensions == (NINETY,)
    assert terms(US, holds=(practice(extension_count=1, extension_days=30),)).extensions == (THIRTY,)


def test_extensions_stop_where_the_cap_is_reached() -> None:
    """18 USC 2703(f)(2): 90 and 90 days make 180; nothing beyond is relied upon."""
    greedy = instrument("us", extensions=(extension(90, 5),), cap=Period(count=180))
    assert terms(greedy).extensions == (NINETY,)
    assert terms(replace(greedy, cap=Period(count=179))).extensions == ()
    assert terms(replace(greedy, cap=None)).extensions == (NINETY,) * 5


def test_a_discretionary_extension_is_asked_for_and_not_relied_upon() -> None:
    """Snap, non-US requester: 365 and 180 days at its discretion; the plan must not rely on it."""
    snap = (
        practice(requester="US", days=90, extension_count=1, extension_days=90),
        practice(
            requester="not-US",
            days=365,
            discretionary=True,
            extension_count=1,
            extension_days=180,
            extension_discretionary=True,
        ),
    )
    home, abroad = terms(US, holds=snap, country="US"), terms(US, holds=snap, country="FR")
    assert home.extensions == (NINETY,)
    assert (abroad.first, abroad.extensions, abroad.askable) == (NINETY, (), (NINETY,))
    assert [text.split(" (")[0] for text in abroad.set_aside] == [
        "the hold itself is a courtesy of the provider to a requester of FR",
        "extension of 90 days",
    ]


def test_an_extension_that_a_court_must_permit_is_not_even_asked_for_by_a_machine() -> None:
    """Criminal Procedure Act (KR) art. 215-2: one extension of at most 30 days with leave of the court."""
    found = terms(KR)
    assert (found.extensions, found.askable, found.given) == ((), (), (THIRTY,))
    assert "decided by court" in found.set_aside[0]


def test_the_requested_state_is_asked_as_often_as_it_likes() -> None:
    """Budapest Convention art. 29(7) is silent on renewal; the T-CY template knows it: practice, not text."""
    found = terms(BUDAPEST)
    assert found.extensions == ()
    assert len(found.askable) > 1


def test_the_first_fitting_text_of_the_provider_counts() -> None:
    holds: tuple[ProviderHold, ...] = (practice(requester="FR", days=30), practice(days=60))
    assert terms(US, holds=holds, country="FR").first == THIRTY
    assert terms(US, holds=holds, country="US").first == Period(count=60)
    assert terms(US, holds=(practice(requester="FR", days=30),), country="US").hold is None


def test_an_extension_confirmed_beyond_what_the_law_counts_is_as_long_as_its_last() -> None:
    """18 USC 2703(f) speaks of one extension; where a provider grants another in fact, the clocks move."""
    assert terms(US).extension(1) == terms(US).extension(2) == NINETY
    twice = Story(US).held().extended(1).extended(2)
    assert twice.hold.expiry is not None
    assert twice.hold.expiry.strict_on.isoformat() == "2027-08-17"


def test_nobody_can_grant_more_than_a_statutory_maximum() -> None:
    """Reg. 2023/1543 art. 11(1): 60 days and one additional period of 30; CPA (KR) art. 215-2: 90 in all."""
    assert terms(EU).extension(2) is None
    assert terms(KR).extension(1) == THIRTY, "with leave of the court, recorded by a person"
    assert terms(KR).extension(2) is None
    once, twice = Story(EU).held().extended(1), Story(EU).held().extended(1).extended(2)
    assert once.hold.expiry == twice.hold.expiry


def test_an_instrument_without_extensions_gives_none() -> None:
    assert terms(instrument("br")).extension(1) is None
    assert terms(instrument("br", kind=PeriodKind.STATUTORY_MAX)).extension(1) is None


def test_only_the_requesting_sides_own_decision_is_reliable() -> None:
    assert [extension(30, by=who).reliable for who in (Who.ISSUER, Who.COURT, Who.PROVIDER, Who.REQUESTED_STATE)] == [
        True,
        False,
        False,
        False,
    ]


SHORT = practice(
    days=30,
    discretionary=True,
    extension_count=0,
    extension_discretionary=True,
    proof_of_mla_by_day=20,
    confidential_days=15,
)


def test_a_binding_order_is_as_long_as_the_law_says_whatever_the_practice() -> None:
    """Reg. 2023/1543 art. 11(1): 60 days, one additional period of 30 by Annex VI; art. 15 and 16 enforce it."""
    found = terms(replace(EU, binding=True), holds=(SHORT,), extension_lead_days=7)
    assert (found.first, found.extensions, found.askable) == (Period(count=60), (THIRTY,), (THIRTY,))
    assert found.set_aside == ()
    assert found.provider.extension_lead_days == 7, "how early it must have it, it may say"


def test_under_a_binding_order_only_the_notice_of_the_practice_counts() -> None:
    story = Story(terms(replace(EU, binding=True), holds=(SHORT,))).held()
    assert [each.kind for each in conditions(story.hold)] == ["confidentiality-end"]
    assert terms(replace(EU, binding=True), holds=(practice(days=30),)).hold is None


def test_without_binding_the_practice_shortens_as_ever() -> None:
    found = terms(EU, holds=(SHORT,))
    assert (found.first, found.askable) == (THIRTY, ())


def test_a_request_to_a_state_is_not_held_against_the_providers_text() -> None:
    """Budapest Convention art. 29: Party to Party; the requested State acts on the provider under its own law."""
    soon = Period(count=2, unit=Unit.WORKING_DAYS)
    found = terms(BUDAPEST, holds=(SHORT,), extension_lead_days=7, acknowledged_within=soon)
    alone = terms(BUDAPEST)
    assert found.hold is None
    assert (found.first, found.askable, found.set_aside) == (alone.first, alone.askable, alone.set_aside)
    assert (found.provider.extension_lead_days, found.provider.acknowledged_within) == (0, None)
    assert len(list(conditions(Story(found).held().hold))) == 0
    assert found.provider.notifies_on_preservation is terms(BUDAPEST).provider.notifies_on_preservation


def test_by_law_alone_the_terms_are_as_long_as_the_law_gives() -> None:
    alone = by_law(terms(US, holds=(SHORT,)))
    assert (alone.first, alone.extensions, alone.set_aside) == (NINETY, (NINETY,), ())
    assert alone == terms(US)
