"""Coverage, last safe days, losses and the list of clocks: what a plan shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from timeline_world import (
    BR,
    BUDAPEST,
    EU,
    KR,
    LOGS,
    MORNING,
    NO_PERIOD,
    POLICY,
    SECOND,
    SOURCE,
    TOP,
    UNODC,
    US,
    Story,
    instrument,
    practice,
    terms,
    utc,
)

from timeline.clocks import Clock, clocks
from timeline.coverage import assumed_sent, coverage, last_safe
from timeline.decide import Do
from timeline.loss import lost, next_losses
from timeline.rules import Period, Retention, Unit


def seen(story: Story):  # type: ignore[no-untyped-def]
    return coverage(story.hold, POLICY, story.now)


def steps(story: Story) -> dict[str, str]:
    return {each.step: each.on.isoformat() for each in last_safe(story.hold, POLICY, story.now)}


def found(story: Story) -> dict[str, Clock]:
    return {each.kind: each for each in clocks(story.hold, POLICY, story.now)}


# Coverage


@pytest.mark.parametrize(("p90_days", "gap"), [(150, 0), (179, 0), (180, 1), (300, 121)])
def test_90_and_90_days_cover_150_and_not_300(p90_days: int, gap: int) -> None:
    """A median MLA answer is covered with about 30 days to spare, or an uncovered gap on day 0."""
    law = replace(terms(US), profile=replace(UNODC, p50_days=100, p90_days=p90_days))
    story = Story(law, mla={"sent_on": "2026-11-21"})
    assert seen(story).gap_days_p90 == gap
    assert seen(story).feasible is (gap == 0), "a US request knows no stop event"


def test_the_gap_runs_from_the_last_strict_day_to_the_answer() -> None:
    """The answer is expected on the day the request is sent plus the profile's days."""
    story = Story(mla={"send_on": "2026-12-01"})
    result = seen(story)
    assert (result.mla_sent_on, result.strict_on) == (date(2026, 12, 1), date(2027, 5, 19))
    assert (result.p50_on, result.p90_on) == (date(2027, 4, 30), date(2027, 10, 21))
    assert (result.gap_days_p50, result.gap_days_p90) == (0, 155)


def test_a_planned_day_that_was_let_pass_moves_the_answer() -> None:
    """The plan was 1 December; what has not left by 1 June leaves on 1 June at the earliest."""
    story = Story(US, mla={"send_on": "2026-12-01"}).held().on("2027-06-01")
    result = seen(story)
    assert result.mla_sent_on == date(2027, 6, 1)
    assert result.gap_days_p90 == (date(2027, 6, 1) + timedelta(days=324) - date(2027, 5, 19)).days
    assert (
        found(story)["mla-answer"]
        .derivation[0]
        .startswith("planned 1 Dec 2026 and not sent; if sent 1 Jun 2027 + 150 days: half of the answers by")
    )
    assert seen(story.add("mla-sent", on="2026-12-01")).mla_sent_on == date(2026, 12, 1)


def test_an_eu_order_is_feasible_because_production_can_be_announced() -> None:
    """Reg. 2023/1543 art. 11(1): confirmation of a production request within the 90 days keeps the data."""
    story = Story(EU).held()
    assert seen(story).feasible
    assert [stop.step for stop in seen(story).reachable] == ["announce-production"]
    story.now = utc("2027-02-13 23:59")
    assert seen(story).feasible, "five days before 18 February"
    story.now = utc("2027-02-14 00:00")
    assert not seen(story).feasible


def test_an_mla_request_reaches_a_budapest_hold_only_if_it_leaves_in_time() -> None:
    """Budapest Convention art. 29(7): it must be received; three weeks are planned for its way."""
    assert seen(Story(BUDAPEST, mla={"send_on": "2026-12-29"}).held()).feasible
    assert not seen(Story(BUDAPEST, mla={"send_on": "2026-12-30"}).held()).feasible
    assert seen(Story(BUDAPEST, mla={"sent_on": "2026-12-29"}).held()).feasible
    undated = Story(BUDAPEST).held()
    assert seen(undated).feasible
    undated.now = utc("2026-12-30 00:00")
    assert not seen(undated).feasible


@pytest.mark.parametrize(("p90_days", "told"), [(179, False), (180, True)])
def test_a_gap_of_one_day_is_told_and_none_is_not(p90_days: int, told: bool) -> None:
    law = replace(terms(US), profile=replace(UNODC, p50_days=100, p90_days=p90_days))
    story = Story(law, mla={"sent_on": "2026-11-21"}).held()
    assert bool(story.duties(Do.ESCALATE, "coverage")) is told


def test_an_mla_request_that_left_in_time_stays_in_time() -> None:
    story = Story(BUDAPEST, mla={"sent_on": "2026-12-29"}).held()
    story.now = utc("2027-01-10 09:00")
    assert seen(story).feasible
    late = Story(BUDAPEST, mla={"send_on": "2026-12-01"}).held().add("mla-sent", on="2027-01-05")
    assert not seen(late).feasible, "the plan was in time, the request was not"


def test_an_open_ended_hold_has_no_gap() -> None:
    story = Story(BUDAPEST).held().add("mla-received", on="2026-12-20")
    result = seen(story)
    assert (result.gap_days_p90, result.open_ended_by, result.strict_on) == (0, "mla-received", None)
    assert result.feasible


def test_without_a_period_the_gap_begins_with_the_request() -> None:
    assert seen(Story(NO_PERIOD)).gap_days_p90 == UNODC.p90_days
    assert not seen(Story(NO_PERIOD)).feasible


def test_a_request_not_sent_is_looked_at_as_if_sent_now() -> None:
    story = Story().later(days=2)
    assert seen(story).strict_on == date(2027, 5, 21)
    assert assumed_sent(story.hold, story.now).chain[0].strict_on == date(2027, 2, 20)
    sent = story.sent().hold
    assert assumed_sent(sent, utc("2030-01-01 00:00")) is sent


# Last safe days


def test_the_last_safe_days_are_counted_from_strict_dates_with_their_lead() -> None:
    story = Story(terms(EU, extension_lead_days=7, retention=(LOGS,)), mla={"send_on": "2026-12-01"})
    assert steps(story) == {
        "send": "2026-11-21",  # logs of September go daily: today
        "extend": "2027-01-12",
        "announce-production": "2027-02-13",
        "file-mla": "2026-03-31",
    }


def test_a_send_is_safe_until_its_lead_before_the_first_loss() -> None:
    kept = Retention(category="traffic", what="logs", period=Period(count=90), source=SOURCE)
    story = Story(terms(US, retention=(kept,)), **{"from": "2026-11-01T12:00:00Z"})
    assert steps(story)["send"] == "2027-01-29", "90 days after 1 November, less a day"
    assert "send" not in steps(story.sent())


def test_a_clarification_has_a_last_safe_day() -> None:
    """Reg. 2023/1543 art. 11(5): five days, the day it came counted as the first."""
    story = Story(EU).held().add("clarification")
    assert steps(story)["answer-clarification"] == "2026-11-25"
    assert "answer-clarification" not in steps(story.add("clarification-answered"))


def test_a_step_taken_is_no_step_any_more() -> None:
    assert "file-mla" not in steps(Story(BUDAPEST, mla={"sent_on": "2026-11-20"}).held())
    assert "extend" not in steps(Story().held().extended())
    assert steps(Story(EU).held().add("production-announced", on="2026-11-25")) == {}
    assert steps(Story().held().add("release-asked").tried("sent", "release")) == {}


def test_a_petition_has_a_last_safe_day() -> None:
    """Lei 12.965/2014 art. 13 § 3: a court must be asked within 60 days."""
    assert steps(Story(BR).held())["file-petition"] == "2027-01-14"


# What is lost


def test_what_is_lost_is_what_the_provider_no_longer_keeps() -> None:
    """What a late request loses: asked for 1 September to 20 November, logs kept 30 days."""
    hold = Story(terms(US, retention=(LOGS,))).hold
    (gone,) = lost(hold, MORNING)
    assert (gone.start, gone.end) == (utc("2026-09-01 00:00"), MORNING - timedelta(days=30))
    assert gone.since == utc("2026-10-01 00:00")
    (all_gone,) = lost(hold, utc("2027-06-01 00:00"))
    assert all_gone.end == utc("2026-11-20 00:00")


def test_nothing_is_lost_before_its_time() -> None:
    hold = Story(terms(US, retention=(LOGS,))).hold
    assert lost(hold, utc("2026-10-01 00:00")) == ()
    assert len(lost(hold, utc("2026-10-01 00:00") + SECOND)) == 1


def test_the_next_loss_is_now_or_when_the_oldest_goes() -> None:
    hold = Story(terms(US, retention=(LOGS,))).hold
    (running,) = next_losses(hold, MORNING)
    assert (running.at, running.until) == (MORNING, utc("2026-12-20 00:00"))
    (coming,) = next_losses(hold, utc("2026-09-15 00:00"))
    assert coming.at == utc("2026-10-01 00:00")
    assert next_losses(hold, utc("2026-12-20 00:00")) == (), "all of it is gone"


def test_retention_is_read_short_and_only_for_what_was_asked_for() -> None:
    at_once = Retention(category="content", what="opened messages", period=None, source=SOURCE)
    monthly = Retention(category="subscriber", what="x", period=Period(count=1, unit=Unit.MONTHS), source=SOURCE)
    hold = Story(terms(US, retention=(at_once, monthly))).hold
    assert [each.since for each in lost(hold, MORNING)] == [utc("2026-09-01 00:00"), utc("2026-09-29 00:00")]
    assert not lost(replace(hold, categories=("traffic",)), MORNING)
    assert not lost(replace(hold, period_from=None), MORNING)
    assert not next_losses(replace(hold, period_to=None), MORNING)


# The clocks


def test_a_plan_lists_every_clock_with_its_derivation() -> None:
    story = Story(terms(EU, retention=(LOGS,)), mla={"send_on": "2026-12-01"}, urgency="emergency")
    listed = found(story)
    assert list(listed) == [
        "natural-loss",
        "validation",
        "acknowledgement-due",
        "extension-window",
        "hold-expiry",
        "mla-answer",
    ]
    assert listed["hold-expiry"].derivation[0].startswith("legal: sent 21 Nov 2026 (day 0")
    assert listed["acknowledgement-due"].derivation == ("sent 21 Nov 2026 + 2 working days = Tue 24 Nov 2026",)
    assert listed["extension-window"].derivation == (
        "extension 1 of 30 days: planned for 31 Dec 2026",
        "safe until Tue 19 Jan 2027: the strict end less 0 days of the provider's lead",
        "after the legal day it is impossible",
        "sent on 21 Nov 2026 it would be: in time",
    )
    assert listed["mla-answer"].derivation == (
        "planned 1 Dec 2026 + 150 days: half of the answers by Fri 30 Apr 2027",
        "planned 1 Dec 2026 + 324 days: nine in ten by Thu 21 Oct 2027",
    )
    assert listed["natural-loss"].derivation == (
        "traffic (logs) is kept 30 days; the oldest still there is lost from 21 Nov 2026,"
        " all asked for by 20 Dec 2026",
    )


def test_clocks_are_listed_by_when_they_strike() -> None:
    listed = clocks(Story(terms(EU, retention=(LOGS,))).hold, POLICY, MORNING)
    strikes = [each.strikes_at for each in listed]
    assert strikes == sorted(strikes)


def test_a_clarification_is_five_days_and_rolls_legally() -> None:
    """Reg. 2023/1543 art. 11(5); Reg. 1182/71 art. 3(1), 3(4): received on a Monday, the fifth day is a Saturday."""
    story = Story(EU).held().on("2026-11-23").add("clarification")
    clock = found(story)["clarification"]
    assert (clock.strict_on, clock.legal_on) == (date(2026, 11, 27), date(2026, 11, 30))
    assert clock.derivation == (
        "legal: came 23 Nov 2026 (day 0) + 5 days = Sat 28 Nov 2026; rolls to Mon 30 Nov 2026"
        " (from memory, not relied on: 28 Nov 2026: Saturday; 29 Nov 2026: Sunday)",
        "strict: counted from 23 Nov 2026 as day 1, Fri 27 Nov 2026",
        "if missed: the provider is exempt from preserving",
    )


@pytest.mark.parametrize(("sent", "legal"), [("09:20", "10:00"), ("09:00", "10:00")])
def test_hours_begin_strictly_at_once_and_legally_with_the_next_hour(sent: str, legal: str) -> None:
    """Reg. 1182/71 art. 3(1): the hour during which the event falls is not counted; 3(4) rolls no hours."""
    story = Story(EU, at=utc(f"2026-11-20 {sent}"), urgency="emergency").sent()
    clock = found(story)["validation"]
    assert clock.strict_at == utc(f"2026-11-22 {sent}"), "a Sunday"
    assert clock.legal_at == utc(f"2026-11-22 {legal}")


def test_the_hour_is_the_providers_own() -> None:
    """A zone with half an hour: its full hours are not those of UTC."""
    story = Story(terms(EU, zone="Asia/Kolkata"), at=utc("2026-11-20 09:20"), urgency="emergency").sent()
    assert found(story)["validation"].legal_at == utc("2026-11-22 09:30")


def test_elsewhere_hours_run_from_the_event() -> None:
    law = instrument("plain", short_clocks=EU.short_clocks)
    clock = found(Story(law, urgency="emergency").sent())["validation"]
    assert clock.strict_at == clock.legal_at == MORNING + timedelta(hours=48)


def test_conditions_of_the_provider_are_clocks() -> None:
    story = Story(terms(US, holds=(practice(days=90, confidential_days=45, proof_of_mla_by_day=90),))).held()
    listed = found(story)
    assert (listed["confidentiality-end"].strict_on, listed["confidentiality-end"].legal_on) == (
        date(2027, 1, 4),
        date(2027, 1, 5),
    )
    assert listed["proof-of-mla"].strict_on == date(2027, 2, 18)
    assert listed["proof-of-mla"].derivation[0] == "counted from 21 Nov 2026 as day 1, day 90 is Thu 18 Feb 2027"


def test_an_escalation_that_waits_is_a_clock_until_its_matter_is_over() -> None:
    story = Story(EU).held().add("clarification")
    about = f"clarification:{story.events[-1].seq}"
    story.told(about)
    clock = found(story)["escalation-acknowledgement"]
    assert clock.strikes_at == MORNING + timedelta(hours=12)
    assert clock.derivation == ("Duty officer was told of clarification (level 1); an answer is due by then",)
    assert "escalation-acknowledgement" not in found(story.add("clarification-answered"))


def test_who_could_not_be_told_owes_no_answer() -> None:
    assert "escalation-acknowledgement" not in found(Story().held().told("coverage", TOP, delivered=False))


def test_what_ended_has_no_clocks() -> None:
    assert found(Story().held().add("release-asked").tried("sent", "release")) == {}


def test_an_acknowledgement_is_due_in_working_days_of_the_addressees_state() -> None:
    story = Story(terms(US, holidays={date(2026, 11, 23): "Holiday"})).sent()
    assert found(story)["acknowledgement-due"].strict_on == date(2026, 11, 25)


def test_a_court_is_asked_for_its_extension_in_time_until_it_is_sent_or_refused() -> None:
    """Criminal Procedure Act (KR) art. 215-2: one extension of 30 days with leave of the court."""
    assert steps(Story(KR).held())["ask-court"] == "2027-01-14"
    assert "ask-court" in steps(Story(KR)), "the plan names it before anything is sent"
    assert "ask-court" not in steps(Story(KR).held().extended(1)), "90 days in all"
    assert "ask-court" not in steps(Story(KR).held().tried("sent", "extend")), "it waits for the provider's word"
    assert "ask-court" not in steps(Story(KR).held().tried("refused", "extend"))
    assert "ask-court" not in steps(Story(BUDAPEST).held())


def test_the_last_safe_day_of_a_judges_order_stands_in_the_plan() -> None:
    demand = instrument("ca.487.012", first=Period(count=21), repeat="forbidden", escalate="ca.487.013")
    (step,) = [each for each in last_safe(Story(demand).hold, POLICY, MORNING) if each.step == "apply-for-order"]
    assert step.on.isoformat() == "2026-12-06"
    assert "apply for a preservation order under ca.487.013 before 11 Dec 2026" in step.because
