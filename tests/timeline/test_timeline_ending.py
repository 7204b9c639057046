"""The extension and the end: windows on the second, courtesies, refusals, and a person's part."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from timeline_world import (
    BR,
    BUDAPEST,
    EU,
    HOUR,
    KR,
    MINUTE,
    MORNING,
    PERSON,
    SECOND,
    TOP,
    US,
    Story,
    extension,
    falls_due,
    instrument,
    practice,
    terms,
    utc,
)
from timeline_world import POLICY as UNIT
from timeline_world import policy as unit_policy

from timeline.clocks import clocks
from timeline.decide import Do
from timeline.hold import State
from timeline.rules import Period, PeriodKind
from timeline.window import Window, extension_window

LEAD_7 = {"extension_lead_days": 7}


def window(story: Story) -> Window:
    found = extension_window(story.hold, UNIT)
    assert found is not None
    return found


# The window


def test_an_extension_is_planned_at_two_thirds_of_the_hold() -> None:
    found = window(Story().held())
    assert (found.opens_on, found.best_on, found.safe_on) == (
        date(2026, 11, 21),
        date(2027, 1, 20),
        date(2027, 2, 18),
    )
    assert falls_due(Story().held().duties(Do.EXTEND)[1], utc("2027-01-20 00:00"))


def test_or_the_providers_lead_and_the_units_margin_before_the_end_if_that_is_earlier() -> None:
    """X wants an extension 7 days before the hold ends; the unit adds 5 of its own."""
    late = unit_policy(extend_fraction=Fraction(99, 100))
    story = Story(terms(US, **LEAD_7)).held()
    found = extension_window(story.hold, late)
    assert found is not None
    assert (found.best_on, found.safe_on) == (date(2027, 2, 6), date(2027, 2, 11))


def test_a_sending_is_too_early_in_time_late_or_impossible_on_the_second() -> None:
    """Reg. 2023/1543 art. 11(1): decided within the first 60 days; strictly within the strict day."""
    found = window(Story(EU).held())  # strict 19 January, legal 20 January
    assert [
        found.standing(at)
        for at in (
            utc("2026-11-21 00:00") - SECOND,
            utc("2026-11-21 00:00"),
            utc("2027-01-20 00:00") - SECOND,
            utc("2027-01-20 00:00"),
            utc("2027-01-21 00:00") - SECOND,
            utc("2027-01-21 00:00"),
        )
    ] == ["too early", "in time", "in time", "late but send", "late but send", "impossible"]


def test_where_the_law_sets_no_time_a_late_extension_is_always_worth_sending() -> None:
    """18 USC 2703(f)(2): "upon a renewed request", no more."""
    found = window(Story(US).held())
    assert found.standing(utc("2027-02-19 00:00") - SECOND) == "in time"
    assert found.standing(utc("2028-01-01 00:00")) == "late but send"


def test_an_extension_inside_the_providers_lead_is_late_and_sent() -> None:
    """X, drafted on day 84: inside the seven days; late, send anyway."""
    story = Story(terms(US, **LEAD_7)).held().on("2027-02-12", 9)
    assert (story.now.date() - date(2026, 11, 21)).days + 1 == 84
    assert window(story).standing(story.now) == "late but send"
    decision = story.decide()
    assert (decision.action, decision.sequence) == (Do.EXTEND, 1)
    assert "it is safe until Thu 11 Feb 2027" in decision.because


@pytest.mark.parametrize(("day", "decided"), [("2027-01-19", Do.EXTEND), ("2027-01-21", Do.LAPSE)])
def test_an_eu_extension_is_sent_on_day_60_and_not_after_the_legal_day(day: str, decided: Do) -> None:
    """Reg. 2023/1543 art. 11(1): on day 59 or 60 it extends; on day 61 it is invalid."""
    story = Story(EU).held().on(day, 0)
    assert story.decide().action is decided
    story.add("lapsed", strict_on="2027-01-19") if decided is Do.LAPSE else None
    assert bool([each for each in story.duties(Do.EXTEND) if each.due(story.now)]) is (decided is Do.EXTEND)


def test_between_the_strict_and_the_legal_day_the_law_still_allows_it() -> None:
    story = Story(EU).held().on("2027-01-20", 0).add("lapsed", strict_on="2027-01-19").told("lapsed:2027-01-20", TOP)
    assert story.decide().action is Do.EXTEND
    story.tried("sent", "extend").add("extended", sequence=1)
    assert story.hold.state is State.IN_FORCE
    assert story.hold.expiry is not None
    assert story.hold.expiry.strict_on == date(2027, 2, 18)


def test_the_second_extension_is_planned_within_the_first() -> None:
    twice = instrument("any", extensions=(extension(90, 2),))
    story = Story(twice).held().on("2027-01-20").extended(1)
    found = window(story)
    assert (found.number, found.opens_on, found.best_on) == (2, date(2027, 2, 19), date(2027, 4, 20))


def test_an_early_end_named_by_the_provider_moves_the_window() -> None:
    assert window(Story().held(held_until="2026-12-20")).best_on == date(2026, 12, 11)


def test_an_end_nearer_than_the_lead_makes_the_extension_due_at_once() -> None:
    story = Story(terms(US, **LEAD_7)).held(held_until="2026-11-26")
    assert window(story).best_on == date(2026, 11, 21)
    assert story.decide().action is Do.EXTEND


# Counts and courtesies


def test_the_last_extension_is_followed_by_a_person_and_not_by_another() -> None:
    """Snap, US requester: a second extension is refused; do not send it, escalate."""
    snap = practice(requester="US", days=90, extension_count=1, extension_days=90)
    story = Story(terms(US, holds=(snap,))).held().extended(1)
    assert extension_window(story.hold, UNIT) is None
    assert not story.duties(Do.EXTEND)
    duty = story.duty(Do.ESCALATE, "ending:2027-05-19")
    assert falls_due(duty, utc("2027-04-20 00:00")), "two thirds of the second 90 days"
    assert duty.because == (
        "the hold ends Wed 19 May 2027 (strict) and no extension may be relied upon; else send a new request"
    )


def test_a_courtesy_is_asked_for_and_not_relied_upon() -> None:
    """Snap abroad and X "may honour": ask in time, and tell a person all the same."""
    x = terms(US, holds=(practice(days=90, extension_discretionary=True),), **LEAD_7)
    story = Story(x).held()
    assert story.hold.chain[-1].strict_on == date(2027, 2, 18), "the plan has no extension"
    extend = story.duties(Do.EXTEND)[1]
    assert falls_due(extend, utc("2027-01-20 00:00"))
    assert "a courtesy that nothing may rely on" in extend.because
    tell = story.duty(Do.ESCALATE, "ending:2027-02-18")
    assert falls_due(tell, utc("2027-01-20 00:00"))
    assert "extension 1 of 90 days, a courtesy, is asked for from 20 Jan 2027 on" in tell.because
    granted = story.on("2027-01-20").extended(1)
    assert not granted.duties(Do.ESCALATE, "ending:2027-02-18"), "granted in fact: the clocks move"
    assert granted.hold.chain[-1].strict_on == date(2027, 5, 19)


def test_a_courtesy_that_is_not_confirmed_stays_a_persons_matter() -> None:
    x = terms(US, holds=(practice(days=90, extension_discretionary=True),))
    story = Story(x).held().on("2027-01-20").tried("sent", "extend")
    assert "was asked for on 20 Jan 2027 and is not confirmed" in story.duty(Do.ESCALATE, "ending:2027-02-18").because
    assert not story.duties(Do.EXTEND)


def test_a_person_is_told_to_ask_for_a_courtesy_where_no_machine_can() -> None:
    """Budapest Convention art. 29(7): the requested State may renew; the T-CY template has a tick for it."""
    story = Story(terms(BUDAPEST, abilities=PERSON)).held()
    duty = story.duty(Do.ESCALATE, "ending:2027-01-19")
    assert falls_due(duty, utc("2026-12-24 00:00")), "five days before the last safe day to file the MLA request"
    assert (
        f"extension 1 of 60 days, a courtesy, may be asked for by a person (`holdfast packet {story.hold.request}"
        " --action extend`), safely by Tue 19 Jan 2027"
    ) in duty.because
    assert "file the MLA request by 29 Dec 2026" in duty.because


def test_a_planned_mla_request_moves_no_warning_forward() -> None:
    """Filed or planned in time, its last safe day is nobody's deadline; the courtesy is asked for at two thirds."""
    planned = Story(terms(BUDAPEST, abilities=PERSON), mla={"send_on": "2026-12-29"}).held()
    assert falls_due(planned.duty(Do.ESCALATE, "ending:2027-01-19"), utc("2026-12-31 00:00"))
    too_late = Story(terms(BUDAPEST, abilities=PERSON), mla={"send_on": "2026-12-30"}).held()
    assert falls_due(too_late.duty(Do.ESCALATE, "ending:2027-01-19"), utc("2026-12-24 00:00"))


def test_a_step_that_was_missed_is_said_to_be_too_late() -> None:
    story = Story(BUDAPEST).held().on("2027-01-05").tried("refused", "extend")
    because = story.duty(Do.ESCALATE, "ending:2027-01-19").because
    assert "and extension 1 was refused; too late to be safe: file the MLA request by 29 Dec 2026" in because


def test_what_a_court_must_permit_is_named_to_the_person() -> None:
    """Criminal Procedure Act (KR) art. 215-2: 30 days more with leave of the court; no second request."""
    because = Story(KR).held().duty(Do.ESCALATE, "ending:2027-01-19").because
    assert "extension of 30 days (a test): decided by court, so not relied upon" in because
    assert "last safe days: ask the court for the extension by 14 Jan 2027" in because
    assert because.endswith("else the law allows no second request for the same data")


DEMAND = instrument("ca.487.012", first=Period(count=21), repeat="forbidden", escalate="ca.487.013")


def test_after_a_demand_that_cannot_be_repeated_a_judges_order_is_named_in_time() -> None:
    """Criminal Code (Canada) s. 487.012(6) and 487.013: no second demand for the same data; a judge orders it."""
    story = Story(DEMAND).held()
    duty = story.duty(Do.ESCALATE, "ending:2026-12-11")
    assert falls_due(duty, utc("2026-12-01 00:00")), "five days of lead before the end, and five of margin"
    assert "last safe days: apply for a preservation order by 6 Dec 2026" in duty.because
    assert duty.because.endswith(
        "else the law allows no second request for the same data, so apply for a preservation order under"
        " ca.487.013 before 11 Dec 2026"
    )
    assert (
        "what still keeps it: a preservation order of a court"
        in story.duty(Do.ESCALATE, "imminent:2026-12-11").because
    )


def test_once_it_is_over_the_order_is_named_without_a_day() -> None:
    story = Story(DEMAND).held().on("2026-12-12").add("lapsed", strict_on="2026-12-11", because="x")
    because = story.duty(Do.ESCALATE, "lapsed:2026-12-12").because
    assert because.endswith("so apply for a preservation order under ca.487.013")


def test_a_step_to_a_stop_event_is_told_before_its_last_safe_day() -> None:
    """Lei 12.965/2014 art. 13 § 3: sixty days to ask a court; the unit wants five of lead, and five of margin."""
    story = Story(BR, at=MORNING).held()
    duty = story.duty(Do.ESCALATE, "ending:2027-01-19")
    assert falls_due(duty, utc("2026-12-31 00:00")), "two thirds of 60 days come before the step's own reminder"
    assert "last safe days: file the petition at the court by 14 Jan 2027" in duty.because
    short = Story(instrument("short", first=Period(count=12), stop_events=BR.stop_events)).held()
    assert falls_due(short.duty(Do.ESCALATE, "ending:2026-12-02"), utc("2026-11-22 00:00"))


# Refused, failed, unconfirmed


def test_a_refused_extension_is_told_at_once_and_never_repeated() -> None:
    story = Story().held().on("2027-01-20").tried("refused", "extend", ground="extension-not-granted")
    assert not story.duties(Do.EXTEND)
    duty = story.duty(Do.ESCALATE, "ending:2027-02-18")
    assert falls_due(duty, story.now)
    assert "and extension 1 was refused" in duty.because
    assert story.hold.extensions_left == 0


def test_a_refusal_is_news_even_to_somebody_who_knew_of_the_end() -> None:
    x = terms(US, holds=(practice(days=90, extension_discretionary=True),))
    story = Story(x).held().on("2027-01-20").told("ending:2027-02-18").taken_up().tried("sent", "extend")
    story.later(days=2).add("refused", action="extend", sequence=1, ground="other")
    assert falls_due(story.duty(Do.ESCALATE, "ending:2027-02-18"), story.now)


def test_an_extension_that_fails_three_times_is_told_and_tried_on() -> None:
    story = Story().held().on("2027-01-20", 0)
    for _ in range(3):
        story.tried("unavailable", "extend").later(minutes=1)
    assert falls_due(story.duties(Do.EXTEND)[1], story.now - MINUTE + 20 * MINUTE)
    duty = story.duty(Do.ESCALATE, "extension:1")
    assert duty.due(story.now)
    assert duty.because == "extension 1 of 90 days, safe until Thu 18 Feb 2027: 3 attempts failed"


def test_an_extension_that_is_not_confirmed_is_told_after_three_days() -> None:
    story = Story().held().on("2027-01-20").tried("sent", "extend")
    duty = story.duty(Do.ESCALATE, "extension:1")
    assert falls_due(duty, story.now + timedelta(days=3))
    assert "was sent on 20 Jan 2027 and is not confirmed: call the provider" in duty.because
    assert not story.duties(Do.EXTEND), "it is never sent again: one effect at most"
    story.later(days=3).told("extension:1").taken_up()
    assert story.duties(Do.ESCALATE, "extension:1"), "to acknowledge is not to have it confirmed"
    assert not story.add("extended", sequence=1).duties(Do.ESCALATE, "extension:1")


def test_an_extension_never_confirmed_ends_in_a_lapse_that_was_told_before() -> None:
    story = Story().held().on("2027-01-20").tried("sent", "extend").on("2027-02-18", 0)
    assert story.decide().about == "imminent:2027-02-18"
    story.told("imminent:2027-02-18", TOP).taken_up().on("2027-02-19", 0)
    assert story.decide().action is Do.LAPSE


@pytest.mark.parametrize("refused_by_channel", [False, True])
def test_an_extension_that_no_machine_can_send_is_told_when_it_is_planned(refused_by_channel: bool) -> None:
    story = Story(terms(US, abilities=PERSON)).held()
    if refused_by_channel:
        story = Story().held().on("2027-01-20", 0).tried("unsupported", "extend")
    duty = story.duty(Do.ESCALATE, "extension:1")
    assert falls_due(duty, utc("2027-01-20 00:00"))
    assert duty.because == (
        "extension 1 of 90 days must be asked for by a person, safely by Thu 18 Feb 2027, with what"
        f" `holdfast packet {story.hold.request} --action extend` hands over; record it"
    )
    assert not story.duties(Do.EXTEND)
    story.on("2027-01-21").add("sent", action="extend", sequence=1, channel="person")
    assert "is not confirmed" in story.duty(Do.ESCALATE, "extension:1").because


# How far the chain reaches


def test_two_holds_of_one_account_have_two_clocks() -> None:
    """An exchange: a freeze lapses at 30 days and the preservation at 90: each has its own."""
    freeze, hold = Story(instrument("freeze", first=Period(count=30))).held(), Story().held()
    assert falls_due(freeze.duty(Do.LAPSE), utc("2026-12-21 00:00"))
    assert falls_due(hold.duty(Do.LAPSE), utc("2027-02-19 00:00"))


def test_the_providers_zone_decides_the_last_second() -> None:
    """Provider dates are calendar days, counted in its zone, over changes of the clocks."""
    los_angeles = Story(terms(US, zone="America/Los_Angeles"), at=utc("2026-11-21 07:59")).held()
    assert los_angeles.hold.strict_start == date(2026, 11, 20)
    assert falls_due(los_angeles.duty(Do.LAPSE), utc("2027-02-18 08:00"))
    berlin = Story(terms(US, zone="Europe/Berlin"), at=utc("2027-01-20 23:30")).held()
    assert berlin.hold.strict_start == date(2027, 1, 21)
    assert falls_due(berlin.duty(Do.LAPSE), utc("2027-04-20 22:00")), "in summer time"


def test_a_leap_day_is_a_day() -> None:
    assert Story(at=utc("2027-12-01 09:00")).held().hold.chain[0].strict_on == date(2028, 2, 28)
    assert Story(at=utc("2027-12-02 09:00")).held().hold.chain[0].strict_on == date(2028, 2, 29)


def test_an_hour_more_or_less_makes_no_difference_within_a_day() -> None:
    assert Story(at=MORNING).held().hold.chain == Story(at=MORNING + HOUR).held().hold.chain


# What the end is under each kind of period


def test_the_sixty_days_of_the_convention_are_the_least_and_no_end() -> None:
    """Budapest Convention art. 29(7): not less than sixty days; no maximum, and silent on renewal."""
    story = Story(BUDAPEST).held()
    because = story.duty(Do.ESCALATE, "ending:2027-01-19").because
    assert because.startswith("nothing is sure to be kept after Tue 19 Jan 2027 (strict)")
    (clock,) = [each for each in clocks(story.hold, UNIT, story.now) if each.kind == "hold-expiry"]
    assert clock.derivation[-1].startswith("by law the least that is kept, and no end")


def test_a_late_extension_of_the_convention_is_still_asked_for() -> None:
    window = extension_window(Story(BUDAPEST).held().hold, UNIT)
    assert window is not None
    assert window.standing(utc("2027-01-25 09:00")) == "late but send"


def test_a_deadline_for_a_court_and_for_a_revocation_are_said_as_such() -> None:
    """Lei 12.965/2014 art. 13 § 4; TIA Act 1979 s. 107R."""
    petition = Story(BR).held().duty(Do.ESCALATE, "ending:2027-01-19").because
    assert petition.startswith("the request loses effect after Tue 19 Jan 2027 (strict)")
    notice = Story(instrument("au.foreign", kind=PeriodKind.REVOCATION_TRIGGER, first=Period(count=60))).held()
    assert notice.duty(Do.ESCALATE, "ending:2027-01-19").because.startswith("the hold must be revoked after")
