"""The ladder, rung by rung: from what second, over what else, and until which event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from timeline_world import (
    BUDAPEST,
    EU,
    HOUR,
    LOGS,
    MACHINE,
    MINUTE,
    MORNING,
    NO_PERIOD,
    PERSON,
    POLICY,
    SECOND,
    TOP,
    US,
    Story,
    falls_due,
    policy,
    practice,
    terms,
    utc,
)

from timeline.decide import Do, choose, decide, duties, first_due
from timeline.duty import Decision
from timeline.terms import Abilities

STRICT_AT = utc("2027-02-19 00:00")
"""The end of 18 February 2027: of 90 days sent on 21 November 2026, at a provider in UTC."""
IMMINENT_AT = STRICT_AT - timedelta(days=1)


# Choosing


def a(rung: int, due: datetime, action: Do = Do.POLL, level: int = 0) -> Decision:
    return Decision(action=action, due_at=due, words=lambda: "", rung=rung, level=level)


def test_of_what_is_due_the_highest_rung_goes_first_else_what_falls_due_first() -> None:
    low, high, later = a(9, MORNING - HOUR), a(2, MORNING), a(1, MORNING + HOUR)
    assert choose((low, high, later), MORNING) is high
    assert choose((later, a(5, MORNING + 2 * HOUR)), MORNING) is later
    assert choose((), MORNING).action is Do.NOTHING
    assert first_due((later, low, high)) is low
    assert first_due(()) is None


def test_on_one_rung_acts_come_before_telling_and_the_top_before_the_bottom() -> None:
    tell, tell_top, extend = a(4, MORNING, Do.ESCALATE, 1), a(4, MORNING, Do.ESCALATE, 3), a(4, MORNING, Do.EXTEND)
    assert choose((tell, tell_top, extend), MORNING) is extend
    assert choose((tell, tell_top), MORNING) is tell_top


def test_what_can_no_longer_be_done_is_not_due() -> None:
    duty = Decision(action=Do.EXTEND, due_at=MORNING, words=lambda: "", until=MORNING + HOUR)
    assert duty.due(MORNING + HOUR - SECOND)
    assert not duty.due(MORNING + HOUR)


@pytest.mark.parametrize("now", [datetime(2026, 11, 21, 9), datetime(2026, 11, 21, 9, tzinfo=timezone(HOUR))])  # noqa: DTZ001
def test_another_clock_than_utc_is_refused(now: datetime) -> None:
    with pytest.raises(ValueError, match="expected an instant in UTC"):
        decide(Story().hold, POLICY, now)


# 1: what became of it


def test_a_sending_cut_off_is_looked_up_at_once_and_not_sent_again() -> None:
    story = Story().intent()
    duty = story.duty(Do.LOOK_UP)
    assert (duty.due_at, duty.about, duty.sequence, duty.rung) == (MORNING, "send", 1, 1)
    assert not story.duties(Do.SEND)


def test_an_unknown_outcome_is_asked_about_again_with_longer_waits() -> None:
    story = Story(terms(US, retention=())).tried("outcome-unknown")
    assert falls_due(story.duty(Do.LOOK_UP), MORNING + 5 * MINUTE)
    story.later(minutes=5).add("outcome-unknown", action="send", sequence=1, reason="x")
    assert falls_due(story.duty(Do.LOOK_UP), MORNING + 15 * MINUTE)
    assert not story.duties(Do.ESCALATE)
    story.later(minutes=10).add("outcome-unknown", action="send", sequence=1, reason="x")
    assert story.abouts() == ["outcome-unknown:send-1"], "the third time a person is told"


def test_where_no_machine_can_ask_a_person_must_at_once() -> None:
    story = Story(terms(US, abilities=PERSON)).tried("outcome-unknown")
    duty = story.duty(Do.ESCALATE, "outcome-unknown:send-1")
    assert (duty.due_at, duty.rung) == (MORNING, 1)
    assert "ask the provider, and record what it says" in duty.because
    assert not story.duties(Do.LOOK_UP)
    assert not story.duties(Do.SEND)


def test_an_unknown_extension_does_not_hide_the_imminent_end() -> None:
    story = Story().held().on("2027-02-18", 1).tried("outcome-unknown", "extend")
    assert story.decide(story.now + MINUTE).action is Do.ESCALATE
    assert story.decide(story.now + MINUTE).about == "imminent:2027-02-18"
    assert not story.duties(Do.EXTEND), "never sent again before it is known"


def test_nothing_is_looked_up_for_a_hold_that_was_let_go() -> None:
    story = Story().held().tried("outcome-unknown", "extend").add("release-asked")
    assert not story.duties(Do.LOOK_UP)
    assert story.decide().action is Do.RELEASE
    assert Story().tried("outcome-unknown").add("released").decide().action is Do.NOTHING
    assert Story().tried("outcome-unknown").add("produced").decide().action is Do.NOTHING


# 2: the short clocks


def test_a_clarification_is_told_at_once_and_above_everything_but_a_doubt() -> None:
    """Reg. 2023/1543 art. 11(5): five days to react, or the provider is exempt."""
    story = Story(EU).held().on("2027-01-18", 10).add("clarification")
    seq = story.events[-1].seq
    duty = story.duty(Do.ESCALATE, f"clarification:{seq}")
    assert falls_due(duty, story.now)
    assert duty.rung == 2
    assert story.decide().about == duty.about, "though the hold ends tomorrow"
    assert "clarification due by Fri 22 Jan 2027 (a test); if missed: the provider is exempt" in duty.because


def test_a_clarification_reaches_the_top_when_two_days_are_left_even_if_taken_up() -> None:
    story = Story(EU).held().add("clarification")
    about = f"clarification:{story.events[-1].seq}"
    story.told(about).later(hours=1).taken_up()
    duty = story.duty(Do.ESCALATE, f"{about}:last-hours")
    assert falls_due(duty, utc("2026-11-24 00:00")), "the fifth day, 25 November, ends at midnight; two days before"
    assert duty.level == TOP


def test_a_clarification_missed_is_told_to_the_top_once_more() -> None:
    story = Story(EU).held().add("clarification")
    about = f"clarification:{story.events[-1].seq}"
    story.on("2026-11-24").told(f"{about}:last-hours", TOP).taken_up()
    duty = story.duty(Do.ESCALATE, f"{about}:missed")
    assert falls_due(duty, utc("2026-11-26 00:00"))
    assert duty.level == TOP


def test_a_late_stage_silences_the_earlier_ones() -> None:
    """Entered late: one message to the top, not three to everybody."""
    story = Story(EU).held().on("2026-11-25")
    story.add("clarification", at=utc("2026-11-21 09:00"))
    about = f"clarification:{story.events[-1].seq}"
    first = story.decide()
    assert (first.about, first.level) == (f"{about}:last-hours", TOP)
    story.told(first.about, TOP)
    assert about not in story.abouts()


def test_an_answered_clarification_is_over() -> None:
    story = Story(EU).held().add("clarification").add("clarification-answered")
    assert not [each for each in story.duties(Do.ESCALATE) if each.rung == 2]


def test_an_emergency_order_is_validated_within_48_hours() -> None:
    """Reg. 2023/1543 art. 4(5): ex-post validation within 48 hours at the latest, else withdrawn."""
    story = Story(EU, urgency="emergency").sent()
    assert falls_due(story.duty(Do.ESCALATE, "validation"), MORNING)
    assert falls_due(story.duty(Do.ESCALATE, "validation:last-hours"), MORNING + 24 * HOUR), "half of it is left"
    missed = story.duty(Do.ESCALATE, "validation:missed")
    assert falls_due(missed, MORNING + 48 * HOUR)
    assert missed.because == (
        "validation was due by 09:00 UTC on 23 Nov 2026 (a test) and is not recorded: the order is withdrawn at once;"
        " if it was done in time, record `validated`"
    )
    assert not story.add("validated").duties(Do.ESCALATE, "validation")


def test_the_48_hours_run_from_the_issue_while_the_order_waits_to_be_sent() -> None:
    """Art. 4(5) is about an order issued without validation: a person who sends it two days later has none left."""
    story = Story(terms(EU, abilities=PERSON), urgency="emergency")
    assert story.decide().action is Do.SEND, "nothing is told before the sending was tried"
    story.tried("unsupported")
    assert falls_due(story.duty(Do.ESCALATE, "validation"), MORNING)
    assert falls_due(story.duty(Do.ESCALATE, "validation:missed"), MORNING + 48 * HOUR)
    story.later(hours=40).add("sent", action="send", sequence=1, channel="person")
    assert falls_due(story.duty(Do.ESCALATE, "validation:missed"), MORNING + 48 * HOUR), "it does not begin anew"
    assert not story.add("validated").duties(Do.ESCALATE, "validation:missed")


def test_a_sending_that_was_recorded_as_earlier_begins_the_48_hours_earlier() -> None:
    story = Story(EU, urgency="emergency")
    story.add("sent", at=MORNING - 3 * HOUR, action="send", sequence=1, channel="person")
    assert falls_due(story.duty(Do.ESCALATE, "validation:missed"), MORNING + 45 * HOUR)


def test_a_draft_is_issued_with_its_go_ahead() -> None:
    story = Story(EU, urgency="emergency").add("drafted", draft="HF-TEST", user="one").later(hours=5)
    assert not story.duties(Do.ESCALATE, "validation")
    story.add("go-ahead", user="two").later(hours=1)
    assert falls_due(story.duty(Do.ESCALATE, "validation:missed"), MORNING + 53 * HOUR)
    story.sent()
    assert falls_due(story.duty(Do.ESCALATE, "validation:missed"), MORNING + 53 * HOUR)
    by_hand = Story(EU, urgency="emergency").add("drafted", draft="HF-TEST", user="one").later(hours=2).sent()
    assert falls_due(by_hand.duty(Do.ESCALATE, "validation:missed"), MORNING + 50 * HOUR), "sent without a go-ahead"


def test_an_order_that_was_withdrawn_before_it_was_sent_needs_no_validation() -> None:
    assert not Story(EU, urgency="emergency").add("release-asked").duties(Do.ESCALATE, "validation")


def test_a_clock_that_was_kept_as_beginning_with_the_sending_still_does() -> None:
    """Requests keep their terms: those registered under the older wording are counted by it."""
    older = tuple(replace(each, starts_on="sent") if each.kind == "validation" else each for each in EU.short_clocks)
    story = Story(replace(EU, short_clocks=older), urgency="emergency").later(hours=5)
    assert not story.duties(Do.ESCALATE, "validation")
    assert falls_due(story.sent().duty(Do.ESCALATE, "validation"), MORNING + 5 * HOUR)


def test_only_an_emergency_needs_validation_afterwards() -> None:
    assert not Story(EU).sent().duties(Do.ESCALATE, "validation")


def test_a_withdrawn_order_needs_no_clarification() -> None:
    story = Story(EU, urgency="emergency").held().add("clarification").add("release-asked")
    assert [each.action for each in duties(story.hold, POLICY)] == [Do.RELEASE]


# 3: the lapse


def test_a_hold_lapses_with_the_end_of_its_strict_day() -> None:
    """18 February ends at 24:00 at the provider; a second before, it is still held."""
    story = Story().held()
    assert falls_due(story.duty(Do.LAPSE), STRICT_AT)
    assert story.duty(Do.LAPSE).because == "the strict end Thu 18 Feb 2027 has passed with nothing in its place"


def test_a_lapse_is_recorded_before_a_late_extension_could_hide_it() -> None:
    story = Story().held()
    assert story.decide(STRICT_AT - SECOND).action is Do.EXTEND
    assert story.decide(STRICT_AT).action is Do.LAPSE


def test_a_lapse_is_told_to_the_top_of_the_ladder() -> None:
    story = Story().held().on("2027-02-19", 0).add("lapsed", strict_on="2027-02-18")
    duty = story.duty(Do.ESCALATE, "lapsed:2027-02-19")
    assert (duty.due_at, duty.level, duty.rung) == (STRICT_AT, TOP, 3)
    assert duty.because == (
        "the hold lapsed (the strict end Thu 18 Feb 2027 has passed): ask the provider what it still keeps;"
        " send a new request"
    )


def test_a_late_extension_is_still_tried_after_the_lapse() -> None:
    """18 USC 2703(f)(2) sets no time for the renewed request: a late one is worth sending."""
    story = Story().held().on("2027-02-19", 0).add("lapsed", strict_on="2027-02-18").told("lapsed:2027-02-19", TOP)
    assert story.decide().action is Do.EXTEND
    story.tried("unavailable", "extend")
    assert falls_due(story.duty(Do.EXTEND), STRICT_AT + 5 * MINUTE)


def test_a_late_extension_is_given_up_a_day_after_the_lapse_and_the_top_is_told() -> None:
    story = Story().held().on("2027-02-19", 0).add("lapsed", strict_on="2027-02-18").told("lapsed:2027-02-19", TOP)
    about = "lapsed:2027-02-19:too-late"
    assert falls_due(story.duty(Do.ESCALATE, about), STRICT_AT + timedelta(days=1))
    story.on("2027-02-20", 0).told(about, TOP)
    assert not story.duties(Do.EXTEND)
    assert story.taken_up().decide().action is Do.NOTHING


def test_where_the_law_closes_the_window_a_late_extension_ends_with_the_legal_day() -> None:
    """Reg. 2023/1543 art. 11(1): decided within the first 60 days; the roll-over is not relied upon."""
    story = Story(EU).held().on("2027-01-20", 0).add("lapsed", strict_on="2027-01-19").told("lapsed:2027-01-20", TOP)
    extend = story.duty(Do.EXTEND)
    assert extend.until == utc("2027-01-21 00:00")
    assert extend.due(utc("2027-01-20 23:59"))
    assert not extend.due(utc("2027-01-21 00:00"))
    assert falls_due(story.duty(Do.ESCALATE, "lapsed:2027-01-20:too-late"), utc("2027-01-21 00:00"))


def test_a_provider_that_says_it_ended_is_not_asked_to_extend() -> None:
    story = Story().held().later(days=5).add("expired", state="expired").add("lapsed", strict_on="2027-02-18")
    assert not story.duties(Do.EXTEND)
    assert "the provider says that it has ended" in story.duty(Do.ESCALATE).because


def test_what_a_provider_said_had_ended_is_asked_about_for_a_while() -> None:
    """A busy server's "not found" is no last word."""
    story = Story().held().later(days=5).add("polled", state="expired").add("expired", state="expired")
    story.add("lapsed", strict_on="2027-02-18")
    assert story.duty(Do.POLL).due_at == story.now + POLICY.poll_every
    back = story.later(days=1).add("polled", state="in-force").add("preserved").hold
    assert (str(back.state), back.expired_at) == ("in-force", None)
    assert story.duties(Do.EXTEND)


def test_after_a_lapse_an_unconfirmed_extension_is_asked_about_for_a_while() -> None:
    story = Story().held().on("2027-02-01").tried("sent", "extend").on("2027-02-19", 0)
    story.add("polled", state="in-force").add("lapsed", strict_on="2027-02-18")
    assert story.duty(Do.POLL).due_at == STRICT_AT + timedelta(days=1)
    assert (
        "extension 1 was sent on 1 Feb 2027 and never confirmed"
        in story.duty(Do.ESCALATE, "lapsed:2027-02-19").because
    )
    story.on("2027-03-20", 1).add("polled", state="in-force").told("lapsed:2027-02-19", TOP).taken_up()
    assert not story.duties(Do.POLL)
    assert story.decide().action is Do.NOTHING


# 4: the imminent end


def test_the_imminent_rung_is_reached_96_sweeps_before_the_end() -> None:
    story = Story().held()
    extend, tell = story.duties(Do.EXTEND)[0], story.duty(Do.ESCALATE, "imminent:2027-02-18")
    assert falls_due(extend, IMMINENT_AT)
    assert falls_due(tell, IMMINENT_AT)
    assert (extend.rung, tell.rung, tell.level) == (4, 4, TOP)
    shorter = policy(imminent_sweeps=48)
    assert falls_due(story.duty(Do.ESCALATE, "imminent:2027-02-18", shorter), IMMINENT_AT + 12 * HOUR)


def test_the_imminent_rung_overrides_a_back_off() -> None:
    """Twelve failures: the back-off sleeps for hours; the last day is tried with every sweep."""
    story = Story().held().on("2027-02-17", 23)
    for _ in range(12):
        story.tried("unavailable", "extend", retry_after_s=86400)
    assert falls_due(story.duties(Do.EXTEND)[0], IMMINENT_AT)
    assert story.decide(IMMINENT_AT).action is Do.EXTEND


def test_the_imminent_rung_tries_again_with_the_next_sweep_after_a_failure() -> None:
    story = Story().held().on("2027-02-18", 12).tried("unavailable", "extend", retry_after_s=36000)
    assert falls_due(story.duties(Do.EXTEND)[0], story.now + 5 * MINUTE)


def test_an_unconfirmed_extension_does_not_calm_the_imminent_rung() -> None:
    story = Story().held().on("2027-02-17").tried("sent", "extend")
    duty = story.duty(Do.ESCALATE, "imminent:2027-02-18")
    assert falls_due(duty, IMMINENT_AT)
    assert "what still keeps it: the provider's word that it has extension 1; record it" in duty.because
    assert not story.duties(Do.EXTEND)


def test_a_confirmed_extension_does() -> None:
    story = Story().held().on("2027-01-20").extended()
    assert not story.duties(Do.ESCALATE, "imminent:2027-02-18")
    assert falls_due(story.duty(Do.ESCALATE, "imminent:2027-05-19"), utc("2027-05-19 00:00"))


def test_what_would_keep_the_data_is_named_on_the_last_day() -> None:
    because = Story(EU).held().duty(Do.ESCALATE, "imminent:2027-01-19").because
    assert "what still keeps it: confirmation (Annex V) that a request for production has been issued" in because


def test_an_open_ended_hold_has_no_imminent_end() -> None:
    story = Story(EU).held().add("production-announced", on="2026-11-25")
    assert not [each for each in duties(story.hold, POLICY) if each.rung in {3, 4, 7}]


# 5: the first sending


def test_a_request_is_sent_as_soon_as_it_is_registered() -> None:
    story = Story()
    assert falls_due(story.duty(Do.SEND), MORNING)
    assert (story.decide().action, story.decide().rung) == (Do.SEND, 5)
    assert story.decide().because == "registered, not yet sent"
    assert Story(urgency="emergency").decide().because == "an emergency, not yet sent"


def test_a_refused_or_unsupported_sending_is_not_repeated() -> None:
    for outcome in ("refused", "unsupported"):
        assert not Story().tried(outcome).duties(Do.SEND)


def test_a_request_the_provider_does_not_have_is_sent_at_once() -> None:
    story = Story().intent().later(minutes=3).add("absent", action="send", sequence=1)
    assert story.decide().due_at == story.now
    assert story.decide().because == "the provider does not have it"


# 6: the release


def test_a_release_is_done_at_once_and_only_once() -> None:
    story = Story().held().later(days=3).add("release-asked")
    assert falls_due(story.duty(Do.RELEASE), story.now)
    assert story.tried("sent", "release").decide().action is Do.NOTHING


def test_a_release_asked_for_stops_everything_else() -> None:
    story = Story().held().on("2027-02-18", 12).tried("unavailable", "extend").add("release-asked")
    assert [each.action for each in duties(story.hold, POLICY)] == [Do.RELEASE]


def test_a_release_waits_for_no_extension_in_doubt() -> None:
    story = Story().held().tried("outcome-unknown", "extend").add("release-asked")
    assert story.decide().action is Do.RELEASE
    story = Story().held().tried("sent", "extend").add("release-asked")
    assert story.decide().action is Do.RELEASE


def test_production_makes_the_release_a_duty_where_the_law_says_so() -> None:
    """Reg. 2023/1543 art. 11(3): the addressee is told without undue delay when preservation is no longer needed."""
    story = Story(EU).held().later(days=20).add("produced")
    assert falls_due(story.duty(Do.RELEASE), story.now)
    assert story.duty(Do.RELEASE).because == "produced, and the law makes the release a duty"


def test_a_release_that_no_machine_can_send_is_a_persons_duty_until_recorded() -> None:
    story = Story(terms(US, abilities=PERSON)).held().add("release-asked")
    duty = story.duty(Do.ESCALATE, "release")
    assert (duty.due_at, duty.rung) == (MORNING, 6)
    story.told("release").taken_up()
    assert story.duty(Do.ESCALATE, "release").due_at == MORNING + timedelta(days=3), (
        "to acknowledge is not to have done it"
    )
    assert story.add("released").decide().action is Do.NOTHING


@pytest.mark.parametrize("outcome", ["refused", "unsupported"])
def test_a_release_that_the_channel_does_not_take_goes_to_a_person(outcome: str) -> None:
    story = Story().held().add("release-asked").tried(outcome, "release")
    assert not story.duties(Do.RELEASE)
    assert f"1 attempts failed ({outcome})" in story.duty(Do.ESCALATE, "release").because


def test_a_release_is_tried_again_and_then_told() -> None:
    story = Story().held().add("release-asked").tried("unavailable", "release")
    assert falls_due(story.duty(Do.RELEASE), MORNING + 5 * MINUTE)
    assert not story.duties(Do.ESCALATE)
    story.tried("unavailable", "release").tried("unavailable", "release")
    assert story.duties(Do.RELEASE)
    assert story.abouts() == ["release"]


def test_there_is_nothing_to_release_where_nothing_is_held() -> None:
    for story in (
        Story().tried("refused").add("release-asked"),
        Story().sent().add("items", items=[{"item": "i1", "outcome": "not-found"}]).add("release-asked"),
    ):
        assert not story.duties(Do.RELEASE)


# 9: asking


def test_a_silent_provider_is_asked_daily_and_a_confirmed_hold_as_often_as_the_policy_says() -> None:
    weekly = policy(poll_every=timedelta(days=7))
    silent = Story().sent()
    assert falls_due(silent.duty(Do.POLL, policy=weekly), MORNING + timedelta(days=1))
    confirmed = Story().held().later(days=1).add("polled", state="in-force")
    assert falls_due(confirmed.duty(Do.POLL, policy=weekly), confirmed.now + timedelta(days=7))
    only_received = Story().sent().add("acknowledged", references=[])
    assert falls_due(only_received.duty(Do.POLL, policy=weekly), MORNING + timedelta(days=1))


def test_a_provider_that_cannot_be_asked_is_asked_less_often() -> None:
    story = Story().held()
    for wait in (2, 4, 8, 16, 16):
        story.add("poll-failed", reason="x")
        assert story.duty(Do.POLL).due_at == story.now + timedelta(days=wait)


def test_an_unconfirmed_extension_is_asked_about_ever_more_often_as_the_end_nears() -> None:
    story = Story().held().on("2027-02-17", 0).tried("sent", "extend")
    assert story.duty(Do.POLL).due_at == story.now + 12 * HOUR
    story.on("2027-02-18", 20).add("polled", state="in-force")
    assert story.duty(Do.POLL).due_at == story.now + HOUR
    story.now = STRICT_AT - MINUTE
    story.add("polled", state="in-force")
    assert story.duty(Do.POLL).due_at == story.now + 5 * MINUTE


def test_nobody_asks_where_no_machine_can_or_nothing_is_held() -> None:
    for story in (
        Story(terms(US, abilities=PERSON)).held(),
        Story(),
        Story().held().add("release-asked"),
        Story().held().add("produced"),
    ):
        assert not story.duties(Do.POLL)


# 10: a hold without an end


def test_an_open_ended_hold_is_reviewed_every_month() -> None:
    story = Story(EU).held().on("2026-12-01").add("production-announced", on="2026-12-01")
    duty = story.duty(Do.ESCALATE, "review")
    assert falls_due(duty, utc("2026-12-31 00:00"))
    assert duty.because == "is the hold still needed? release it if not (the law makes that a duty)"
    for _ in range(3):
        story.now = story.duty(Do.ESCALATE, "review").due_at or story.now
        story.told("review").taken_up()
        assert story.duty(Do.ESCALATE, "review").due_at == story.now + timedelta(days=30)


def test_a_hold_without_a_period_at_a_mute_provider_is_never_forgotten() -> None:
    story = Story(terms(NO_PERIOD, abilities=PERSON)).held().told("coverage").taken_up()
    assert [each.about for each in duties(story.hold, POLICY)] == ["review"]


# Waiting


def test_the_back_off_doubles_up_to_its_longest() -> None:
    story = Story(terms(US))
    waits = []
    for _ in range(10):
        story.tried("unavailable")
        waits.append((story.duty(Do.SEND).due_at or story.now) - story.now)
    assert waits == [timedelta(minutes=m) for m in (5, 10, 20, 40, 80, 160, 320, 360, 360, 360)]


@pytest.mark.parametrize(("asked_s", "wait"), [(60, 5 * MINUTE), (3600, HOUR), (10**6, 6 * HOUR)])
def test_retry_after_is_honoured_within_limits(asked_s: int, wait: timedelta) -> None:
    """A provider's date is never trusted whole: not shorter than our own wait, not longer than our longest."""
    story = Story().tried("unavailable", retry_after_s=asked_s)
    assert falls_due(story.duty(Do.SEND), MORNING + wait)


def test_the_back_off_shortens_as_the_deadline_nears_and_never_sleeps_past_it() -> None:
    story = Story().held().on("2027-02-17", 16)
    for _ in range(8):
        story.tried("unavailable", "extend")
    normal = story.duties(Do.EXTEND)[1]
    assert normal.due_at == story.now + 6 * HOUR
    late = Story(terms(US, extension_lead_days=7)).held().on("2027-02-11", 20)  # safe until the end of the 11th
    for _ in range(8):
        late.tried("unavailable", "extend")
    assert late.duties(Do.EXTEND)[1].due_at == late.now + HOUR, "a quarter of the four hours left"
    late.now = utc("2027-02-11 23:59") + timedelta(seconds=30)
    late.tried("unavailable", "extend")
    assert late.duties(Do.EXTEND)[1].due_at == utc("2027-02-12 00:00")


def test_a_request_not_yet_sent_races_against_the_loss_of_the_data() -> None:
    """What is already being lost is a race against the loss of all of it."""
    law = terms(US, retention=(LOGS,))
    story = Story(law, at=utc("2026-12-19 20:00"))  # the last logs, of 20 November, go on 20 December at 00:00
    for _ in range(9):
        story.tried("unavailable")
    assert story.duty(Do.SEND).due_at == story.now + HOUR


def test_an_act_that_fails_for_our_own_set_up_is_told_at_once() -> None:
    story = Story().tried("unavailable", ground="configuration")
    assert story.abouts() == ["unreachable"]
    assert "our own set-up" in story.duty(Do.ESCALATE).because


def test_an_act_that_fails_three_times_is_told() -> None:
    story = Story().tried("unavailable").tried("unavailable")
    assert story.abouts() == []
    story.later(hours=1).tried("unavailable")
    duty = story.duty(Do.ESCALATE, "unreachable")
    assert "the provider accepts nothing: 3 attempts failed" in duty.because
    assert story.told("unreachable").later(minutes=1).tried("unavailable").abouts() == [], (
        "not told anew by each failure"
    )


def test_abilities_default_to_a_machine() -> None:
    assert Abilities() == MACHINE


def test_a_request_to_a_state_can_be_followed_like_any_other() -> None:
    story = Story(BUDAPEST).held()
    assert {each.action for each in duties(story.hold, POLICY)} == {Do.EXTEND, Do.ESCALATE, Do.LAPSE, Do.POLL}


def test_a_condition_of_the_provider_is_told_three_weeks_ahead() -> None:
    """Day-45 confidentiality (US requester), day-90 proof of the MLA request (non-US)."""
    home = Story(terms(US, holds=(practice(days=90, confidential_days=45),))).held()
    duty = home.duty(Do.ESCALATE, "confidentiality-end")
    assert falls_due(duty, utc("2027-01-05 00:00") - timedelta(days=21)), "day 45 is 4 January"
    assert "by Mon 4 Jan 2027 (day 45 of the hold) serve a non-disclosure order or release the hold" in duty.because
    open_to_all = Story(terms(US, holds=(practice(days=90, confidential_days=45),)), confidential=False).held()
    assert not open_to_all.duties(Do.ESCALATE, "confidentiality-end")
    abroad = Story(terms(US, holds=(practice(days=90, proof_of_mla_by_day=90),))).held()
    assert falls_due(abroad.duty(Do.ESCALATE, "proof-of-mla"), utc("2027-02-19 00:00") - timedelta(days=21))
    abroad.told("proof-of-mla").on("2027-01-30").told("proof-of-mla").taken_up()
    assert abroad.duties(Do.ESCALATE, "proof-of-mla"), "no MLA request is recorded: it stays open"
    assert not abroad.add("mla-sent", on="2027-01-30").duties(Do.ESCALATE, "proof-of-mla")


def test_utc_may_be_spelt_in_several_ways() -> None:
    now = datetime(2026, 11, 21, 9, tzinfo=timezone(timedelta()))
    assert decide(Story().hold, POLICY, now).action is decide(Story().hold, POLICY, now.astimezone(UTC)).action
