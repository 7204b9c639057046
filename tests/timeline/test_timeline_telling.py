"""Whom to tell, when, and when to be silent: escalation, acknowledgement, and no message twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from timeline_world import (
    BUDAPEST,
    EU,
    HOUR,
    MINUTE,
    MORNING,
    NO_PERIOD,
    PERSON,
    POLICY,
    TOP,
    US,
    Story,
    falls_due,
    instrument,
    policy,
    terms,
    utc,
)

from timeline.decide import Do, duties
from timeline.rules import Period, Rung, Unit

A_DAY = timedelta(days=1)


# Level by level


def test_the_next_level_is_told_when_nobody_acknowledges() -> None:
    story = Story().held()
    assert story.duty(Do.ESCALATE, "coverage").level == 1
    second = story.told("coverage").duty(Do.ESCALATE, "coverage")
    assert falls_due(second, MORNING + 12 * HOUR)
    assert second.level == 2
    assert second.because.endswith("nobody acknowledged (level 1, Duty officer)")
    third = story.later(hours=12).told("coverage", 2).duty(Do.ESCALATE, "coverage")
    assert falls_due(third, story.now + 6 * HOUR)
    assert third.level == TOP


def test_the_top_is_told_again_ever_more_rarely_but_at_least_daily() -> None:
    story = Story().held().told("coverage", TOP)
    for hours in (2, 4, 8, 16, 24, 24):
        again = story.duty(Do.ESCALATE, "coverage")
        assert again.due_at == story.now + hours * HOUR
        assert again.level == TOP
        story.now = again.due_at
        story.told("coverage", TOP)


def test_an_acknowledgement_ends_the_ladder() -> None:
    story = Story().held().told("coverage").later(hours=1).taken_up("coverage")
    assert not story.duties(Do.ESCALATE, "coverage")


def test_an_acknowledgement_of_one_matter_leaves_the_others() -> None:
    story = Story(items=2).held().add("items", items=[{"item": "i2", "outcome": "not-found"}])
    story.told("coverage").told("items").taken_up("items")
    assert story.duties(Do.ESCALATE, "coverage")
    assert not story.duties(Do.ESCALATE, "items")
    assert not story.taken_up("nothing-of-the-kind").duties(Do.ESCALATE, "items")


def test_telling_that_failed_goes_to_the_next_level_in_five_minutes() -> None:
    """A message nobody got is an incident of its own: not waited for as long as an answer."""
    story = Story().held().told("coverage", delivered=False)
    failed = story.duty(Do.ESCALATE, "coverage")
    assert falls_due(failed, MORNING + 5 * MINUTE)
    assert failed.level == 2
    assert failed.because.endswith("could not be told (level 1, Duty officer)")


def test_the_top_that_cannot_be_told_is_tried_again_and_again() -> None:
    story = Story().held()
    for minutes in (10, 20, 40, 80, 160, 320, 360, 360):
        story.told("coverage", TOP, delivered=False)
        again = story.duty(Do.ESCALATE, "coverage")
        assert again.due_at == story.now + minutes * MINUTE
        story.now = again.due_at


def test_levels_are_climbed_faster_as_the_deadline_nears() -> None:
    story = Story(EU).held().add("clarification")
    about = f"clarification:{story.events[-1].seq}"
    story.on("2026-11-25", 20).told(f"{about}:last-hours", TOP)
    assert story.duty(Do.ESCALATE, f"{about}:last-hours").due_at == story.now + HOUR, (
        "a quarter of the four hours left"
    )
    story.now = utc("2026-11-25 23:58")
    story.told(f"{about}:last-hours", TOP)
    assert story.duty(Do.ESCALATE, f"{about}:last-hours").due_at == story.now + 5 * MINUTE, "but not every second"


def test_a_ladder_of_one_rung_is_enough() -> None:
    alone = policy(ladder=(Rung(level=1, who="Duty officer", acknowledge_within=12 * HOUR),))
    story = Story().held()
    assert story.duty(Do.ESCALATE, "imminent:2027-02-18", alone).level == 1
    again = story.told("coverage").duty(Do.ESCALATE, "coverage", alone)
    assert (again.level, again.due_at) == (1, MORNING + 12 * HOUR)


# To acknowledge is not to have done it


def test_an_open_matter_is_raised_anew_after_it_was_acknowledged() -> None:
    story = Story(terms(US, abilities=PERSON)).tried("unsupported").told("channel").later(hours=2).taken_up()
    again = story.duty(Do.ESCALATE, "channel")
    assert falls_due(again, story.now + 3 * A_DAY)
    assert again.level == 1
    assert again.because.endswith("; acknowledged on 21 Nov 2026, and still open")
    assert not story.add("sent", action="send", sequence=1, channel="person").duties(Do.ESCALATE, "channel")


def test_it_is_raised_ever_more_rarely() -> None:
    story = Story(terms(US, abilities=PERSON)).tried("unsupported")
    for days in (3, 6, 12, 24, 30, 30):
        story.told("channel").taken_up()
        again = story.duty(Do.ESCALATE, "channel").due_at
        assert again == story.now + days * A_DAY
        story.now = again


def test_but_sooner_as_the_deadline_nears() -> None:
    story = Story(terms(US, abilities=PERSON)).held().on("2027-02-13", 0)  # extension 1 is safe until the 18th
    story.told("extension:1").taken_up()
    assert story.duty(Do.ESCALATE, "extension:1").due_at == story.now + 3 * A_DAY
    story.on("2027-02-16", 0).told("extension:1").taken_up()
    assert story.duty(Do.ESCALATE, "extension:1").due_at == story.now + 1.5 * A_DAY
    story.on("2027-02-18", 12).told("extension:1").taken_up()
    assert story.duty(Do.ESCALATE, "extension:1").due_at == story.now + 12 * HOUR, (
        "an acknowledgement buys half a day"
    )


def test_news_after_an_acknowledgement_is_a_new_matter() -> None:
    story = Story(items=3).held().add("items", items=[{"item": "i1", "outcome": "not-found"}])
    story.told("items").taken_up().later(days=1)
    assert not story.duties(Do.ESCALATE, "items")
    story.add("items", items=[{"item": "i2", "outcome": "refused"}])
    fresh = story.duty(Do.ESCALATE, "items")
    assert falls_due(fresh, story.now)
    assert fresh.level == 1
    assert "2 of 3" in fresh.because
    assert (
        not story.told("items")
        .taken_up()
        .add("items", items=[{"item": "i2", "outcome": "refused"}])
        .duties(Do.ESCALATE, "items")
    ), "the same again is no news"


# Day 0


def test_a_chain_that_does_not_reach_the_answer_is_told_on_day_0() -> None:
    """A request that no chain of holds can carry to the MLA answer is escalated on day 0."""
    story = Story(EU, mla={"send_on": "2026-12-01"}).sent()
    duty = story.duty(Do.ESCALATE, "coverage")
    assert falls_due(duty, MORNING)
    assert duty.because == (
        "the MLA answer is reached only if you announce the production to the provider by 13 Feb 2027: else the chain"
        " of holds ends 18 Feb 2027, the answer is expected by 21 Oct 2027 (p90, 245 days later, if the MLA request"
        " leaves on 1 Dec 2026: each day after it adds one); last safe days: send the extension by 19 Jan 2027,"
        " announce the production to the provider by 13 Feb 2027; when it ends: send a new request, though the law"
        " does not say whether it allows one"
    )


def test_a_chain_that_reaches_only_by_a_step_is_not_said_to_reach_nothing() -> None:
    """The alarm, the plan and the record say the same: what nothing can reach any more is said to be so."""
    because = Story(US, mla={"send_on": "2026-12-01"}).sent().duty(Do.ESCALATE, "coverage").because
    assert because.startswith(
        "no chain of holds reaches the MLA answer: it ends 19 May 2027, the answer is expected by"
    )
    planned_late = Story(BUDAPEST, mla={"send_on": "2026-12-30"}).held().duty(Do.ESCALATE, "coverage").because
    assert planned_late.startswith("no chain of holds reaches the MLA answer: it ends 19 Jan 2027")


YEAR = instrument("fr.cpp60-2", first=Period(count=1, unit=Unit.YEARS))


def test_an_mla_request_that_does_not_leave_in_time_is_told_on_the_day_it_is_too_late() -> None:
    """A year's hold reaches nine in ten answers until 31 December; what has not left then opens a gap, day by day."""
    for mla in ({"send_on": "2026-12-10"}, {}):
        story = Story(YEAR, mla=mla).held()
        assert story.hold.chain[-1].strict_on.isoformat() == "2027-11-20"
        duty = story.duty(Do.ESCALATE, "coverage")
        assert falls_due(duty, utc("2027-01-01 00:00")), "31 Dec 2026 and 324 days are 20 Nov 2027"
        assert duty.because.startswith(
            "no chain of holds reaches the MLA answer: it ends 20 Nov 2027, the answer is expected by 21 Nov 2027"
            " (p90, 1 day later, if the MLA request leaves on 1 Jan 2027: each day after it adds one);"
            " too late to be safe: file the MLA request by 31 Dec 2026; when it ends: "
        )
        assert not story.on("2026-12-31").add("mla-sent", on="2026-12-31").duties(Do.ESCALATE, "coverage")
    assert not Story(YEAR, mla={"sent_on": "2026-12-10"}).held().duties(Do.ESCALATE, "coverage")


def test_an_mla_request_planned_too_late_is_told_on_day_0() -> None:
    assert falls_due(Story(YEAR, mla={"send_on": "2027-01-01"}).held().duty(Do.ESCALATE, "coverage"), MORNING)
    in_time = Story(YEAR, mla={"send_on": "2026-12-31"}).held().duty(Do.ESCALATE, "coverage")
    assert falls_due(in_time, utc("2027-01-01 00:00"))


def test_a_gap_that_opened_is_told_until_somebody_takes_it_up_and_then_once() -> None:
    story = Story(YEAR, mla={"send_on": "2026-12-10"}).held().on("2027-01-01")
    assert story.decide().about == "mla-plan"
    story.told("mla-plan").taken_up("mla-plan")
    assert story.decide().about == "coverage"
    assert story.told("coverage").duty(Do.ESCALATE, "coverage").due_at == story.now + 12 * HOUR
    assert not story.taken_up("coverage").duties(Do.ESCALATE, "coverage")


def test_an_mla_request_that_misses_the_end_it_was_to_take_away_is_told() -> None:
    """Budapest Convention art. 29(7): planned for 10 December, and not on its way when the three weeks begin."""
    story = Story(BUDAPEST, mla={"send_on": "2026-12-10"}).held()
    assert falls_due(story.duty(Do.ESCALATE, "coverage"), utc("2026-12-30 00:00"))
    assert not story.on("2026-12-29").add("mla-sent", on="2026-12-29").duties(Do.ESCALATE, "coverage")


def test_an_mla_request_planned_in_time_is_not_escalated_on_day_0() -> None:
    """Budapest Convention art. 29(7): received in time it keeps the data; filing has a lead of 21 days."""
    planned = Story(BUDAPEST, mla={"send_on": "2026-12-29"}).held()  # the hold ends strictly on 19 January
    assert planned.abouts() == []
    late = Story(BUDAPEST, mla={"send_on": "2026-12-30"}).held()
    assert late.abouts() == ["coverage"]
    unplanned = Story(BUDAPEST).held()
    assert unplanned.abouts() == ["coverage"]
    assert "file the MLA request by 29 Dec 2026" in unplanned.duty(Do.ESCALATE, "coverage").because


def test_a_plan_that_is_not_kept_is_told_when_its_day_is_over() -> None:
    story = Story(BUDAPEST, mla={"send_on": "2026-12-10"}).held()
    duty = story.duty(Do.ESCALATE, "mla-plan")
    assert falls_due(duty, utc("2026-12-11 00:00"))
    assert "planned for 10 Dec 2026 and is not recorded as sent: record `mla-sent`" in duty.because
    sent = story.on("2026-12-09").add("mla-sent", on="2026-12-09")
    assert not sent.duties(Do.ESCALATE, "mla-plan")


def test_an_mla_request_on_its_way_is_asked_after() -> None:
    """Its receipt, not its sending, makes the hold open-ended: somebody must ask and record it."""
    story = Story(BUDAPEST, mla={"sent_on": "2026-12-01"}).held()
    assert falls_due(story.duty(Do.ESCALATE, "mla-receipt"), utc("2026-12-22 00:00"))
    assert not story.add("mla-received", on="2026-12-20").duties(Do.ESCALATE, "mla-receipt")
    assert not Story(US, mla={"sent_on": "2026-12-01"}).held().duties(Do.ESCALATE, "mla-receipt")
    on_its_way = Story(BUDAPEST, mla={"sent_on": "2026-12-20"}).held().duty(Do.ESCALATE, "ending:2027-01-19")
    assert "the MLA request left on 20 Dec 2026: record its receipt" in on_its_way.because


def test_where_the_law_gives_no_period_the_gap_begins_at_once() -> None:
    because = Story(NO_PERIOD).held().duty(Do.ESCALATE, "coverage").because
    assert because == (
        "no chain of holds reaches the MLA answer: it ends at once, the answer is expected by 11 Oct 2027"
        " (p90, 324 days later, if the MLA request leaves on 21 Nov 2026: each day after it adds one);"
        " when it ends: send a new request"
    )


def test_a_stop_event_closes_the_gap() -> None:
    story = Story(EU).held().told("coverage").add("production-announced", on="2026-11-25")
    assert not story.duties(Do.ESCALATE, "coverage")


# Receipt and confirmation


def test_a_receipt_that_does_not_come_is_told_after_it_was_asked_for() -> None:
    """No law obliges a provider to acknowledge; practice and policy expect two working days."""
    asked = Story().sent()  # a Saturday: Tuesday the 24th is the second working day
    assert falls_due(asked.duty(Do.ESCALATE, "acknowledgement"), utc("2026-11-28 00:00"))
    mute = Story(terms(US, abilities=PERSON)).sent()
    assert falls_due(mute.duty(Do.ESCALATE, "acknowledgement"), utc("2026-11-25 00:00"))
    assert (
        "no receipt, though it was due by 00:00 UTC on 25 Nov 2026"
        in mute.duty(Do.ESCALATE, "acknowledgement").because
    )
    hourly = terms(US, abilities=PERSON, acknowledged_within=Period(count=6, unit=Unit.HOURS))
    assert falls_due(Story(hourly).sent().duty(Do.ESCALATE, "acknowledgement"), MORNING + 6 * HOUR)


def test_a_receipt_without_a_confirmation_is_told_once() -> None:
    """Received is not in force: a request can lie in a queue."""
    story = Story().sent().add("acknowledged", references=["R-1"])
    assert falls_due(story.duty(Do.ESCALATE, "confirmation"), MORNING + 3 * A_DAY)
    story.later(days=3).told("confirmation").taken_up()
    assert not story.duties(Do.ESCALATE, "confirmation")
    assert not Story().held().duties(Do.ESCALATE, "confirmation")


def test_a_provider_that_cannot_be_asked_is_told_of() -> None:
    story = Story().held().later(days=1)
    for _ in range(2):
        story.add("poll-failed", reason="x").later(days=1)
    assert not story.duties(Do.ESCALATE, "polls")
    story.add("poll-failed", reason="x")
    assert story.abouts() == ["coverage", "polls"]
    assert "could not be asked since 22 Nov 2026 (3 times)" in story.duty(Do.ESCALATE, "polls").because
    assert (
        not story.told("polls")
        .later(days=1)
        .add("poll-failed", reason="x")
        .taken_up("polls")
        .duties(Do.ESCALATE, "polls")
    )


# Nothing twice


def test_the_end_is_told_instead_of_the_gap_once_it_is_near() -> None:
    story = Story().held().extended().told("coverage").on("2027-04-25")
    assert story.abouts() == ["ending:2027-05-19", "coverage"]
    assert story.told("ending:2027-05-19").abouts() == []


def test_the_imminent_end_silences_every_lesser_matter() -> None:
    story = Story(terms(US, abilities=PERSON), mla={"send_on": "2027-01-01"}).sent().on("2027-02-18", 0)
    assert set(story.abouts()) == {"imminent:2027-02-18", "extension:1", "acknowledgement", "coverage", "mla-plan"}
    assert story.decide().about == "imminent:2027-02-18"
    assert story.told("imminent:2027-02-18", TOP).abouts() == []


def test_an_acknowledged_imminent_end_is_raised_anew_before_it_comes() -> None:
    story = Story(terms(US, abilities=PERSON)).held().on("2027-02-18", 0).told("imminent:2027-02-18", TOP).taken_up()
    again = story.duty(Do.ESCALATE, "imminent:2027-02-18")
    assert (again.due_at, again.level) == (utc("2027-02-18 12:00"), TOP)


@pytest.mark.parametrize("law", [US, EU, BUDAPEST], ids=lambda law: law.id)
def test_in_a_whole_life_nobody_hears_of_one_request_more_than_twice_a_day(law: object) -> None:
    """Everything goes wrong that can, everybody acknowledges within the hour: still few messages, each of its own."""
    story = Story(terms(law, abilities=PERSON), mla={"send_on": "2026-12-10"}).sent()  # type: ignore[arg-type]
    heard: dict[str, list[str]] = {}
    for _ in range(400):
        decision = story.decide()
        if decision.action is Do.NOTHING or decision.due_at is None:
            break
        story.now = max(story.now, decision.due_at)
        if decision.action is Do.LAPSE:
            story.add("lapsed", strict_on=str(story.hold.expiry.strict_on))  # type: ignore[union-attr]
        else:
            assert decision.action is Do.ESCALATE
            heard.setdefault(f"{story.now:%Y-%m-%d}", []).append(decision.about)
            story.told(decision.about, decision.level).later(hours=1).taken_up(decision.about)
    assert story.decide().action is Do.NOTHING
    assert max(map(len, heard.values())) <= 2, {day: each for day, each in heard.items() if len(each) > 2}
    total = sum(map(len, heard.values()))
    assert total <= 45, f"{total} messages about one request"


def test_every_message_says_what_to_do() -> None:
    """Each reason names a step: a call, a record, a check, a request, or a last safe day."""
    stories = (
        Story(terms(EU, abilities=PERSON), items=2, mla={"send_on": "2026-12-01"}, urgency="emergency")
        .sent()
        .add("acknowledged", references=[], items=[{"item": "i2", "outcome": "not-found"}])
        .add("clarification"),
        Story(terms(US, abilities=PERSON)).tried("refused"),
        Story(terms(US, abilities=PERSON)).tried("unsupported"),
        Story().tried("unavailable").tried("unavailable").tried("unavailable"),
        Story().held().tried("refused", "extend"),
        Story(BUDAPEST, mla={"sent_on": "2026-11-25"}).held(),
        Story().held().on("2027-02-19", 0).add("lapsed", strict_on="2027-02-18"),
    )
    steps = (
        "ask",
        "record",
        "check",
        "call",
        "send",
        "due by",
        "last safe days",
        "mend",
        "release",
        "what still keeps it",
    )
    for story in stories:
        for each in duties(story.hold, POLICY):
            if each.action is Do.ESCALATE:
                assert any(step in each.because for step in steps), each.because
                assert len(each.because) < 600, each.because
