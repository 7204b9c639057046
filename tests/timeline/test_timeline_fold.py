"""The fold: what each kind of news changes, in whatever order it comes, and what it must never do twice."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest
from timeline_world import BR, BUDAPEST, EU, MORNING, NO_PERIOD, POLICY, US, Story, falls_due, instrument, terms, utc

from timeline.decide import Do
from timeline.events import Event
from timeline.hold import ENDED
from timeline.rules import Counting, Period, Start, Unit
from timeline.state import Hold, State, fold


def strict(story: Story) -> str:
    ends = story.hold.expiry
    return ends.strict_on.isoformat() if ends else "none"


def legal(story: Story) -> str:
    ends = story.hold.expiry
    return ends.legal_on.isoformat() if ends else "none"


# The life of a request


def test_requested_sent_acknowledged_and_in_force_are_different_states() -> None:
    story = Story()
    assert story.hold.state is State.REGISTERED
    assert story.intent().hold.state is State.UNKNOWN
    assert story.add("sent", action="send", sequence=1, channel="api").hold.state is State.SENT
    assert story.add("acknowledged", references=["R-1"]).hold.state is State.ACKNOWLEDGED
    assert story.add("preserved").hold.state is State.IN_FORCE
    assert story.add("produced").hold.state is State.PRODUCED
    assert story.add("released").hold.state is State.RELEASED


def test_a_history_must_begin_with_its_registration() -> None:
    with pytest.raises(ValueError, match="has no history"):
        fold("HF-TEST", terms(US), [])
    note = Event(seq=1, kind="note", at=MORNING, recorded_at=MORNING)
    with pytest.raises(ValueError, match="begins with note"):
        fold("HF-TEST", terms(US), [note])


def test_a_note_changes_nothing() -> None:
    story = Story().held()
    before = story.hold
    assert story.later(days=1).add("note").hold == before


def test_every_fact_of_a_hold_is_folded() -> None:
    """A field added to the hold and forgotten in the fold would stay empty for ever."""
    from timeline.facts import Facts

    computed = {"items_until", "starts", "chain", "state"}
    assert {each.name for each in fields(Hold)} - computed == {each.name for each in fields(Facts)}


# Receipts


def test_a_late_receipt_with_an_earlier_day_moves_every_clock() -> None:
    """An acknowledgement with an earlier start: expiry recomputed, reminders moved."""
    story = Story().sent()
    assert (strict(story), legal(story)) == ("2027-02-18", "2027-02-19")
    before = {each.about: each.due_at for each in story.duties(Do.ESCALATE)}
    story.later(days=10).add("acknowledged", references=["R-1"], received_on="2026-11-19")
    assert (strict(story), legal(story)) == ("2027-02-16", "2027-02-17")
    assert story.duty(Do.LAPSE).due_at == utc("2027-02-17 00:00")
    moved = story.duty(Do.ESCALATE, "imminent:2027-02-16").due_at
    assert moved is not None
    assert moved == before["imminent:2027-02-18"] - timedelta(days=2)  # type: ignore[operator]


def test_a_late_receipt_with_a_later_day_moves_the_legal_day_alone() -> None:
    """Reg. 2023/1543 art. 11(1) counts from receipt; strictly the sending is argued."""
    story = Story(EU).sent()
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-20")
    story.later(days=6).add("acknowledged", references=["R-1"], received_on="2026-11-25")
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-25"), "24 January is a Sunday and rolls"


def test_the_same_receipt_again_changes_nothing() -> None:
    story = Story().sent().add("acknowledged", references=["R-1"], received_on="2026-11-21")
    once = story.hold
    again = story.later(days=1).add("acknowledged", references=["R-1"], received_on="2026-11-21").hold
    assert again == once


def test_a_receipt_can_be_corrected() -> None:
    story = Story().sent().add("acknowledged", references=["R-1"], received_on="2026-10-21")
    assert strict(story) == "2027-01-18"
    assert strict(story.add("acknowledged", references=["R-1"], received_on="2026-11-21")) == "2027-02-18"


def test_a_request_split_into_several_references_keeps_them_all_and_its_first_receipt() -> None:
    """One letter becomes several reference numbers."""
    story = Story(items=3).sent().add("acknowledged", references=["R-1"], received_on="2026-11-20")
    story.later(days=2).add("acknowledged", references=["R-2", "R-3"], received_on="2026-11-23")
    assert story.hold.references == ("R-1", "R-2", "R-3")
    assert story.hold.received_on == date(2026, 11, 20)
    assert strict(story) == "2027-02-17"


def test_news_from_the_provider_settles_an_unknown_sending() -> None:
    story = Story().tried("outcome-unknown")
    assert story.hold.state is State.UNKNOWN
    story.later(days=1).add("acknowledged", references=["R-1"])
    assert story.hold.state is State.ACKNOWLEDGED
    assert story.hold.sent_at == MORNING, "it can have left when it was first tried"
    assert not story.duties(Do.LOOK_UP)
    assert not story.duties(Do.SEND)


def test_what_a_person_learns_was_sent_counts_from_when_it_may_have_left() -> None:
    """Nobody knew whether it arrived; days later a person enters that it did, without saying since when."""
    story = Story(at=MORNING).intent().tried("outcome-unknown", reason="x").later(days=3)
    story.add("sent", action="send", sequence=1, channel="person")
    assert story.hold.sent_at == MORNING
    assert strict(story) == "2027-02-18"  # 90 days from 21 November, that day counted


def test_what_a_person_sends_after_it_was_not_accepted_counts_from_then() -> None:
    story = Story(at=MORNING).intent().tried("unavailable", reason="x").later(days=3)
    story.add("sent", action="send", sequence=1, channel="person")
    assert story.hold.sent_at == MORNING + timedelta(days=3)


def test_a_sending_found_counts_from_when_it_was_tried_and_one_not_found_is_sent_again() -> None:
    found = Story().tried("outcome-unknown").later(hours=1)
    found.add("sent", at=MORNING, action="send", sequence=1, channel="api")
    assert found.hold.sent_at == MORNING
    absent = Story().tried("outcome-unknown").later(hours=1).add("absent", action="send", sequence=1)
    assert absent.hold.state is State.REGISTERED
    assert absent.decide().action is Do.SEND


def test_an_attempt_that_failed_undoes_nothing_that_arrived() -> None:
    """A late outcome of an attempt must not make us send again what the provider has."""
    for late in ("unavailable", "outcome-unknown", "unsupported"):
        story = Story().sent().add(late, action="send", sequence=1, reason="late")
        assert story.add("absent", action="send", sequence=1).hold.state is State.SENT
        assert not story.duties(Do.SEND)
        assert not story.duties(Do.LOOK_UP)
        extended = Story().held().tried("sent", "extend").add(late, action="extend", sequence=1, reason="late")
        assert not extended.add("absent", action="extend", sequence=1).duties(Do.EXTEND)
        assert not extended.duties(Do.LOOK_UP)


def test_a_refusal_is_taken_back_by_an_acknowledgement() -> None:
    story = Story().tried("refused", ground="identifier")
    assert story.hold.state is State.REFUSED
    story.later(days=2).add("acknowledged", references=["R-1"], received_on="2026-11-23")
    assert story.hold.state is State.ACKNOWLEDGED
    assert strict(story) == "2027-02-18", "strictly from the first sending: it may be argued"


def test_a_refusal_recorded_later_ends_even_a_hold_in_force() -> None:
    """A person records that the provider keeps it no longer: that must not be lost."""
    story = Story().held().later(days=5).add("refused", action="send", sequence=1, ground="legal-basis")
    assert story.hold.state is State.REFUSED
    assert story.abouts() == ["refused"]


def test_a_hold_that_a_person_obtained_counts_from_its_receipt() -> None:
    """Nothing was sent from here: a person telephoned and recorded what the provider said."""
    story = Story().add("acknowledged", references=["R-9"], received_on="2026-11-10")
    assert strict(story) == "2027-02-07"
    assert story.hold.sent_at is None
    assert not story.duties(Do.SEND)
    undated = Story().add("acknowledged", references=["R-9"])
    assert strict(undated) == "2027-02-18"


# Where the counting starts


def test_a_demand_counts_strictly_from_the_day_it_was_made() -> None:
    """Lei 12.965/2014 art. 13 § 3: from the request; Criminal Code (CA) 487.012(4): after the day it is made."""
    story = Story(BR).later(days=3).sent()
    assert strict(story) == "2027-01-19", "from the registration, as day 1"
    assert legal(story) == "2027-01-23", "from the sending, not counted"
    story.add("acknowledged", references=["R-1"], received_on="2026-11-30")
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-23"), "the receipt starts nothing"


def test_an_order_counts_from_the_day_on_it_however_late_it_was_entered_and_sent() -> None:
    """Criminal Code (CA) 487.013(6): expires 90 days after the day made. Made on 1 March, entered on 10 March."""
    law = instrument("ca.487.013", start=Start.DAY_MADE)
    story = Story(law, at=utc("2027-03-10 09:00"), made_on="2027-03-01").sent()
    assert (strict(story), legal(story)) == ("2027-05-29", "2027-05-30")
    assert story.hold.expiry is not None
    assert story.hold.expiry.derivation[0].startswith("legal: made 1 Mar 2027 (day 0, first day not counted)")
    story.add("acknowledged", references=["R-1"], received_on="2027-03-12")
    assert (strict(story), legal(story)) == ("2027-05-29", "2027-05-30"), "the receipt starts nothing"
    without = Story(law, at=utc("2027-03-10 09:00")).sent()
    assert (strict(without), legal(without)) == ("2027-06-07", "2027-06-08"), "as before it could be entered"


def test_a_notice_of_a_year_begins_with_its_date() -> None:
    """Online Safety Act 2023 (UK) s. 102(5A): one year beginning with the date of the notice."""
    year = Period(count=1, unit=Unit.YEARS)
    law = instrument("uk.osa.dpn", first=year, start=Start.DAY_MADE, counting=Counting.INCLUDE_FIRST)
    story = Story(law, at=utc("2027-03-10 09:00"), made_on="2027-03-05").sent()
    assert (strict(story), legal(story)) == ("2028-03-04", "2028-03-04")


def test_a_day_made_after_the_registration_leaves_the_strict_start_where_it_is() -> None:
    """At the provider it may still be yesterday when an order is made."""
    story = Story(BR, made_on="2026-11-22").later(days=3).sent()
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-21")


def test_a_day_made_moves_nothing_under_a_law_that_counts_from_something_else() -> None:
    with_day, without = Story(US, made_on="2026-11-01").held(), Story(US).held()
    assert (strict(with_day), legal(with_day)) == (strict(without), legal(without))


def test_international_preservation_counts_from_the_day_it_was_effected() -> None:
    """Budapest Convention art. 29(7): not stated; from the preservation, from the request where that is unknown."""
    story = Story(BUDAPEST).sent().add("acknowledged", references=[], received_on="2026-11-23")
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-20")
    story.add("preserved", held_from="2026-11-25")
    assert (strict(story), legal(story)) == ("2027-01-19", "2027-01-24")
    early = Story(BUDAPEST).sent().add("preserved", held_from="2026-11-19")
    assert (strict(early), legal(early)) == ("2027-01-17", "2027-01-18"), "strict never after legal"


@pytest.mark.parametrize("start", list(Start))
def test_strict_never_starts_after_legal(start: Start) -> None:
    law = instrument("any", start=start)
    for received in ("2026-11-18", "2026-11-21", "2026-11-24"):
        for held_from in ("2026-11-17", "2026-11-26"):
            for made_on in ("", "2026-11-16", "2026-11-25"):
                hold = (
                    Story(law, made_on=made_on)
                    .later(days=1)
                    .sent()
                    .add("acknowledged", references=[], received_on=received)
                    .add("preserved", held_from=held_from)
                    .hold
                )
                assert hold.starts is not None
                assert hold.starts.strict_on <= hold.starts.legal_on


def test_an_instrument_without_a_period_has_no_end_and_a_next_step_all_the_same() -> None:
    story = Story(NO_PERIOD).held()
    assert (story.hold.chain, story.hold.expiry, story.hold.strict_at) == ((), None, None)
    assert story.hold.state is State.IN_FORCE
    assert story.duty(Do.ESCALATE, "review").due_at == utc("2026-12-21 00:00")


# Items


def test_items_have_their_own_outcomes() -> None:
    """Some come back "no such account"; the others are held."""
    story = Story(items=3).sent()
    story.add("acknowledged", references=["R-1"], items=[{"item": "i2", "outcome": "not-found"}])
    story.add("preserved")
    assert [item.outcome for item in story.hold.items] == ["preserved", "not-found", "preserved"]
    assert story.hold.state is State.IN_FORCE
    assert "1 of 3 identifiers are not preserved" in story.duty(Do.ESCALATE, "items").because


def test_one_item_preserved_shows_that_the_hold_is_in_force() -> None:
    story = Story(items=2).sent().add("items", items=[{"item": "i1", "outcome": "preserved"}])
    assert story.hold.state is State.IN_FORCE
    assert story.hold.acknowledged_at is not None
    assert [item.outcome for item in story.hold.items] == ["preserved", "pending"]


@pytest.mark.parametrize("outcomes", [("not-found", "not-found"), ("not-found", "refused"), ("refused", "released")])
def test_where_no_item_is_kept_nothing_is_held(outcomes: tuple[str, str]) -> None:
    story = Story(items=2).sent()
    news = [{"item": f"i{number}", "outcome": each} for number, each in enumerate(outcomes, 1)]
    story.add("acknowledged", references=[], items=news)
    assert story.hold.state is State.NOT_HELD
    assert story.abouts() == ["not-held"]
    assert not story.duties(Do.LAPSE)
    assert not story.told("not-held").taken_up().duties(Do.ESCALATE)


def test_an_item_found_after_all_brings_the_hold_back() -> None:
    story = Story().sent().add("acknowledged", references=[], items=[{"item": "i1", "outcome": "not-found"}])
    story.add("items", items=[{"item": "i1", "outcome": "preserved"}])
    assert story.hold.state is State.IN_FORCE
    assert not story.duties(Do.ESCALATE, "not-held")


def test_the_item_that_is_dropped_first_ends_the_hold() -> None:
    story = Story(items=2).held(
        items=[
            {"item": "i1", "outcome": "preserved", "held_until": "2027-02-15"},
            {"item": "i2", "outcome": "preserved", "held_until": "2027-02-10"},
        ]
    )
    assert strict(story) == "2027-02-10"
    story.add("items", items=[{"item": "i2", "outcome": "preserved", "held_until": "2027-02-14"}])
    assert strict(story) == "2027-02-14", "what is said later of an item counts"


def test_an_extension_of_all_forgets_the_items_former_days() -> None:
    story = Story(items=2).held(items=[{"item": "i1", "outcome": "preserved", "held_until": "2027-02-10"}])
    story.extended(1, held_until="2027-05-15")
    assert strict(story) == "2027-05-15"


def test_an_item_left_out_of_an_extension_still_ends_the_hold() -> None:
    left = [{"item": "i2", "outcome": "preserved", "held_until": "2027-02-10"}]
    story = Story(items=2).held().extended(1, held_until="2027-05-15", items=left)
    assert strict(story) == "2027-02-10"


def test_an_item_unknown_to_the_request_is_ignored() -> None:
    story = Story().sent().add("items", items=[{"item": "i9", "outcome": "not-found"}])
    assert story.hold.state is State.ACKNOWLEDGED


# The end of a hold


def test_an_earlier_end_named_by_the_provider_counts_and_a_later_one_does_not() -> None:
    assert strict(Story().held(held_until="2027-02-01")) == "2027-02-01"
    assert strict(Story().held(held_until="2027-06-01")) == "2027-02-18"
    assert strict(Story(BUDAPEST).held(held_until="2027-06-01")) == "2027-06-01", "art. 29(7): 60 days are the least"


def test_a_provider_can_correct_the_end_it_named() -> None:
    story = Story().held(held_until="2027-02-01")
    assert strict(story.add("preserved", held_until="2027-02-12")) == "2027-02-12"


def test_an_extension_is_added_to_the_former_end_and_never_to_now() -> None:
    """Reg. 2023/1543 art. 11(1): extended on day 59, it ends with day 90, not with day 59 and 30, nor and 60."""
    story = Story(EU, at=utc("2026-09-01 09:00")).held().on("2026-10-29").extended(1)
    assert (strict(story), legal(story)) == ("2026-11-29", "2026-11-30")


def test_the_end_named_with_an_extension_counts_where_it_is_earlier() -> None:
    assert strict(Story().held().extended(1, held_until="2027-04-30")) == "2027-04-30"
    assert strict(Story().held().extended(1, held_until="2027-12-31")) == "2027-05-19"


def test_the_end_named_with_an_extension_replaces_what_was_said_before_it() -> None:
    """A date the provider named for the first period must not shorten the second for ever."""
    story = Story().held(held_until="2027-02-01").extended(1)
    assert strict(story) == "2027-05-02", "nothing more said: counted on from its own word"
    story.add("extended", sequence=1, held_until="2027-05-19")
    assert strict(story) == "2027-05-19"


def test_the_same_extension_confirmed_twice_counts_once() -> None:
    story = Story().held().extended(1)
    assert story.add("extended", sequence=1).hold.granted == 1
    assert strict(story) == "2027-05-19"
    twice = Story().held().extended(1).extended(2)
    assert twice.add("extended", sequence=1, held_until="2027-05-01").hold.granted == 2
    assert strict(twice) == "2027-08-17", "news of the first that comes after the second moves nothing"


def test_a_confirmation_settles_an_extension_whose_outcome_was_unknown() -> None:
    story = Story().held().later(days=60).tried("outcome-unknown", "extend")
    assert story.duties(Do.LOOK_UP)
    story.add("extended", sequence=1)
    assert story.hold.granted == 1
    assert not story.duties(Do.LOOK_UP)


def test_only_a_day_beyond_everything_known_shows_an_extension() -> None:
    """The law's own rolled day is no extension, nor is what the provider said before."""
    hold = Story(EU, at=utc("2026-09-01 09:00")).held().hold
    assert not hold.shows_extension(date(2026, 11, 2)), "31 October rolled"
    assert hold.shows_extension(date(2026, 11, 3))
    told = Story(EU, at=utc("2026-09-01 09:00")).held(held_until="2026-11-05").hold
    assert not told.shows_extension(date(2026, 11, 5))
    assert not Story(NO_PERIOD).held().hold.shows_extension(date(2030, 1, 1))


def test_a_lapse_is_undone_by_a_confirmation_that_comes_late() -> None:
    story = Story().held().later(days=60).tried("sent", "extend").on("2027-02-19")
    story.add("lapsed", strict_on="2027-02-18")
    assert story.hold.state is State.LAPSED
    story.later(days=1).add("extended", sequence=1)
    assert story.hold.state is State.IN_FORCE
    assert strict(story) == "2027-05-19"
    assert not story.duties(Do.ESCALATE, "lapsed:2027-02-19")
    assert falls_due(story.duty(Do.LAPSE), utc("2027-05-20 00:00")), "and it can lapse once more"


def test_a_lapse_is_not_undone_by_news_that_moves_no_date() -> None:
    """A provider that merely says "in force" after the strict end has promised no day."""
    story = Story().held().on("2027-02-19").add("lapsed", strict_on="2027-02-18").add("preserved")
    assert story.hold.state is State.LAPSED
    assert not story.duties(Do.LAPSE), "and it does not lapse twice"


def test_the_provider_says_that_it_ended_and_takes_it_back() -> None:
    story = Story().held().later(days=10).add("expired", state="expired")
    assert story.decide().action is Do.LAPSE
    story.add("lapsed", strict_on="2027-02-18")
    assert story.hold.state is State.LAPSED
    story.later(days=1).add("preserved")
    assert story.hold.state is State.IN_FORCE
    assert falls_due(story.duty(Do.LAPSE), utc("2027-02-19 00:00"))


def test_a_second_end_by_the_providers_word_is_a_second_lapse() -> None:
    story = Story().held().on("2027-02-19").add("lapsed", strict_on="2027-02-18").add("extended", sequence=1)
    story.later(days=10).add("expired", state="expired")
    assert story.hold.state is State.IN_FORCE, "not yet recorded as lapsed"
    assert story.decide().action is Do.LAPSE


def test_an_answer_that_is_refused_opens_its_own_question_again_with_its_own_clock() -> None:
    story = Story(EU).held().add("clarification", question="q1").later(days=3).add("clarification", question="q2")
    before = story.hold.unanswered["q1"]
    story.add("answer-asked").tried("sent", "clarify").add("clarification-answered", question="q1")
    assert set(story.hold.unanswered) == {"q2"}
    story.add("refused", action="clarify", sequence=1, ground="other")
    assert story.hold.unanswered["q1"] == before
    assert story.hold.to_answer == "q1"


def test_an_end_that_we_asked_for_is_a_release() -> None:
    story = Story().held().add("release-asked").tried("outcome-unknown", "release").add("expired", state="released")
    assert story.hold.state is State.RELEASED
    assert story.decide().action is Do.NOTHING


# Stop events


def test_a_stop_event_makes_the_hold_open_ended() -> None:
    """Reg. 2023/1543 art. 11(1): confirmed during the period that production was requested: as long as necessary."""
    story = Story(EU).held().extended(1).later(days=79)
    story.add("production-announced", on=story.now.date().isoformat())
    assert story.hold.state is State.OPEN_ENDED
    assert strict(story) == "none"


def test_a_stop_event_is_not_the_providers_word_that_it_keeps_the_data() -> None:
    """Sent, acknowledged and in force are three different things, with an end or without one."""
    story = Story(BR).sent().on("2026-12-20").add("petition-filed", on="2026-12-20")
    assert (story.hold.state, strict(story)) == (State.SENT, "none")
    assert (story.add("acknowledged", references=["R-1"]).hold.state, strict(story)) == (State.ACKNOWLEDGED, "none")
    assert story.add("preserved").hold.state is State.OPEN_ENDED
    assert story.add("stop-ended", on="2026-12-20").hold.state is State.IN_FORCE


def test_a_stop_event_counts_from_its_day_and_not_from_its_entry() -> None:
    story = Story(EU).held().on("2027-01-20").add("lapsed", strict_on="2027-01-19")
    story.later(days=3).add("production-announced", on="2027-01-15")
    assert story.hold.state is State.OPEN_ENDED


def test_a_stop_event_that_came_too_late_makes_nothing_open_ended() -> None:
    """Reg. 2023/1543 art. 11(1): "during that period"; after it there is nothing to prolong."""
    in_time = Story(EU).held().on("2027-01-21").add("production-announced", on="2027-01-20")
    late = Story(EU).held().on("2027-01-21").add("production-announced", on="2027-01-21")
    assert in_time.hold.state is State.OPEN_ENDED
    assert late.hold.state is State.IN_FORCE
    assert late.decide().action is Do.LAPSE


def test_an_event_that_the_instrument_does_not_know_stops_nothing() -> None:
    story = Story(US).held().add("mla-received", on="2026-12-20")
    assert strict(story) == "2027-02-18"
    assert story.hold.mla.received_on == date(2026, 12, 20)


def test_an_mla_request_received_before_the_preservation_keeps_it_from_the_start() -> None:
    """Budapest Convention art. 29(7): after receipt of the request the data stay until the decision on it."""
    story = Story(BUDAPEST, mla={"received_on": "2026-11-01", "sent_on": "2026-10-20"})
    assert story.hold.state is State.REGISTERED, "nothing was sent yet"
    assert story.decide().action is Do.SEND
    assert story.held().hold.state is State.OPEN_ENDED


def test_a_provider_that_drops_an_open_ended_hold_is_a_lapse() -> None:
    story = Story(EU).held().add("production-announced", on="2026-11-25").later(days=90)
    story.add("expired", state="expired")
    assert story.decide().action is Do.LAPSE
    assert story.add("lapsed", strict_on="2027-02-19").hold.state is State.LAPSED
    assert story.add("preserved").hold.state is State.OPEN_ENDED


def test_an_open_ended_hold_is_produced_and_then_released() -> None:
    """Reg. 2023/1543 art. 11(2) and 11(3): kept until produced; then the provider is told."""
    story = Story(EU).held().add("production-announced", on="2026-11-25").later(days=100).add("produced")
    assert story.hold.state is State.PRODUCED
    assert story.decide().action is Do.RELEASE
    assert story.tried("sent", "release").hold.state is State.RELEASED
    assert story.decide().action is Do.NOTHING


def test_production_ends_a_hold_where_release_is_no_duty() -> None:
    assert Story(US).held().add("produced").decide().action is Do.NOTHING


# Short clocks


def test_a_second_question_does_not_restart_the_clock_of_the_first() -> None:
    """Reg. 2023/1543 art. 11(5): five days from the first; the same form sent again is no new one."""
    story = Story(EU).held().add("clarification").later(days=3).add("clarification")
    assert story.hold.clarification is not None
    assert story.hold.clarification[1] == MORNING
    story.add("clarification-answered").later(days=1).add("clarification")
    assert story.hold.clarification is not None
    assert story.hold.clarification[1:] == (story.now, False)


def test_an_answer_without_a_question_is_no_answer() -> None:
    assert Story(EU).held().add("clarification-answered").hold.clarification is None


# Endings


def test_what_was_withdrawn_before_it_was_sent_is_over() -> None:
    story = Story().add("release-asked")
    assert story.hold.state is State.RELEASED
    assert story.decide().action is Do.NOTHING


def test_what_may_have_been_sent_is_looked_for_before_it_is_let_go() -> None:
    story = Story().tried("outcome-unknown").add("release-asked")
    assert story.duty(Do.LOOK_UP)
    assert not story.duties(Do.RELEASE)
    found = story.add("sent", action="send", sequence=1, channel="api")
    assert found.decide().action is Do.RELEASE


def test_the_states_that_end_are_those_in_which_nothing_is_kept() -> None:
    over = {State.RELEASED, State.PRODUCED, State.LAPSED, State.REFUSED, State.NOT_HELD, State.ERASED}
    assert over == ENDED


def test_polls_count_failures_in_a_row() -> None:
    story = Story().held().later(days=1).add("poll-failed", reason="x").later(days=2).add("poll-failed", reason="x")
    assert story.hold.polls_failed == 2
    assert story.hold.polls_failing_since == MORNING + timedelta(days=1)
    story.later(days=1).add("polled", state="in-force")
    assert (story.hold.polls_failed, story.hold.polls_failing_since) == (0, None)


class TestAnEndThatComesBack:
    """What was kept without an end is not kept for ever: a court says no, or the provider names a day."""

    def test_what_stopped_the_clock_is_denied_and_the_hold_is_over(self) -> None:
        """BR: the request loses effect if the petition is denied."""
        story = Story(BR).held().on("2026-12-20").add("petition-filed", on="2026-12-20").on("2027-03-01")
        assert story.hold.state is State.OPEN_ENDED
        story.add("stop-ended", on="2027-03-01")
        assert strict(story) == "2027-01-19"
        assert story.decide().action is Do.LAPSE

    def test_denied_before_the_period_is_over_the_period_counts_again(self) -> None:
        story = Story(BR).held().on("2026-12-20").add("petition-filed", on="2026-12-20")
        assert strict(story.later(days=2).add("stop-ended", on="2026-12-22")) == "2027-01-19"
        assert story.add("petition-filed", on="2026-12-23").hold.state is State.OPEN_ENDED, "it was filed again"

    def test_a_stop_event_after_the_one_that_is_over_keeps_the_hold_open(self) -> None:
        story = Story(BR).held().on("2026-12-20").add("petition-filed", on="2026-12-20")
        assert story.add("stop-ended", on="2026-12-19").hold.state is State.OPEN_ENDED

    def test_a_last_day_named_since_counts_though_the_law_keeps_it_on(self) -> None:
        for law, day in ((EU, "2026-12-24"), (EU, "2027-06-30"), (BUDAPEST, "2027-06-30")):
            kind = "mla-received" if law is BUDAPEST else "production-announced"
            story = Story(law).held().on("2026-12-01").add(kind, on="2026-12-01").later(days=1)
            assert story.add("preserved", held_until=day).hold.state is State.IN_FORCE
            assert strict(story) == day
            assert not story.duties(Do.EXTEND)
            assert story.duties(Do.LAPSE)
            assert story.on(day).abouts(), "people are told before it ends"

    def test_it_is_kept_on_again_once_the_provider_says_so_or_the_event_is_entered_anew(self) -> None:
        story = Story(EU).held().on("2026-12-01").add("production-announced", on="2026-12-01").later(days=1)
        story.add("preserved", held_until="2026-12-24").later(days=1)
        assert story.add("preserved").hold.state is State.OPEN_ENDED
        story.add("preserved", held_until="2026-12-26")
        assert story.add("production-announced", on="2026-12-03").hold.state is State.OPEN_ENDED

    def test_an_announcement_that_never_arrived_leaves_the_period_of_the_law(self) -> None:
        story = Story(EU).held().on("2026-12-01").tried("sent", "announce", 1)
        story.add("production-announced", on="2026-12-01").later(days=1).add("preserved", held_until="2026-12-24")
        story.add("unavailable", action="announce", sequence=1, reason="it came back", undelivered=True)
        assert story.hold.state is State.IN_FORCE
        assert story.hold.kept_until is None
        assert strict(story) == "2026-12-24", "an earlier day that was named still counts"

    def test_the_day_that_was_known_before_said_again_is_no_news(self) -> None:
        story = Story(EU).held(held_until="2027-01-10").on("2026-12-01")
        story.add("production-announced", on="2026-12-01").later(days=1).add("preserved", held_until="2027-01-10")
        assert story.hold.state is State.OPEN_ENDED

    def test_the_last_day_of_a_single_item_counts_too(self) -> None:
        story = Story(EU, items=2).held().on("2026-12-01").add("production-announced", on="2026-12-01").later(days=1)
        story.add("items", items=[{"item": "i2", "outcome": "preserved", "held_until": "2027-05-05"}])
        story.add("items", items=[{"item": "i1", "outcome": "preserved", "held_until": "2027-04-04"}])
        assert strict(story) == "2027-04-04"


def test_a_stop_event_on_a_day_that_is_the_last_one_only_by_a_roll_over_is_too_late() -> None:
    """Nobody should rely on a roll-over for a hold: the provider may not."""
    story = Story(EU).on("2027-01-06").sent().add("acknowledged", references=["R-1"]).add("preserved")
    ends = story.hold.chain[0]
    assert (ends.legal_base_on.isoformat(), ends.legal_on.isoformat()) == ("2027-03-07", "2027-03-08"), "a Sunday"
    for day, state in (("2027-03-07", State.OPEN_ENDED), ("2027-03-08", State.IN_FORCE)):
        tried = Story(EU).on("2027-01-06").sent().add("acknowledged", references=["R-1"]).add("preserved")
        assert tried.on(day).add("production-announced", on=day).hold.state is state


def test_a_stop_event_after_the_strict_end_is_told_to_the_top_until_the_data_are_confirmed() -> None:
    story = Story(EU).held().on("2027-01-20").add("lapsed", strict_on="2027-01-19").later(hours=1)
    story.add("production-announced", on="2027-01-20").later(hours=1)
    (told,) = [each for each in story.duties(Do.ESCALATE, "late-stop") if each.due(story.now)]
    assert told.level == len(POLICY.ladder)
    assert "after the strict end Tue 19 Jan 2027" in told.because
    assert not story.add("preserved").duties(Do.ESCALATE, "late-stop")
    in_time = Story(EU).held().on("2027-01-19").add("production-announced", on="2027-01-19")
    assert not in_time.duties(Do.ESCALATE, "late-stop")


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize(("kind", "body"), [("preserved", {}), ("extended", {"sequence": 1})])
def test_what_was_not_found_and_is_kept_after_all_is_followed_again(
    kind: str, body: dict[str, Any], items: int
) -> None:
    gone = [{"item": f"i{number + 1}", "outcome": "not-found"} for number in range(items)]
    story = Story(US, items=items).held().later(days=1).add("items", items=gone).later(days=1)
    assert story.hold.state is State.NOT_HELD
    assert story.add(kind, **body).hold.state is State.IN_FORCE
    assert story.duties(Do.LAPSE), "it is watched again"
    assert {each.outcome for each in story.hold.items} <= {"preserved", "pending"}


def test_a_hold_that_is_over_with_its_items_released_is_a_lapse_and_not_a_wrong_account() -> None:
    story = Story(US).held().later(days=20).add("items", items=[{"item": "i1", "outcome": "released"}])
    story.add("expired", state="expired")
    assert story.decide().action is Do.LAPSE
    assert story.add("lapsed", strict_on="2027-02-18").hold.state is State.LAPSED


def test_an_extension_never_sent_is_taken_back_by_a_last_day_of_the_hold_before_it() -> None:
    story = Story().held().add("extended", sequence=1, held_until="2027-05-19")
    story.add("preserved", held_until="2027-02-18")
    assert (story.hold.granted, strict(story)) == (0, "2027-02-18")
    assert story.hold.expiry is not None
    assert story.hold.expiry.legal_on == date(2027, 2, 19)
    assert Story().held().add("extended", sequence=1).add("preserved", held_until="2027-02-19").hold.granted == 1
    assert Story().held().extended(1).add("preserved", held_until="2027-02-18").hold.granted == 1, "it was sent"


@pytest.mark.parametrize("kind", ["unavailable", "absent", "unsupported"])
def test_so_is_one_that_was_tried_and_never_arrived(kind: str) -> None:
    story = Story().held().later(days=60).tried(kind, "extend").add("extended", sequence=1)
    story.add("preserved", held_until="2027-02-18")
    assert (story.hold.granted, strict(story)) == (0, "2027-02-18")
    assert story.hold.extensions_left == 1


def test_what_was_named_for_the_first_period_still_measures_an_extension_taken_back() -> None:
    """An item's own, earlier end is kept with the period in which it was named."""
    items = [{"item": "i1", "outcome": "preserved", "held_until": "2027-02-10"}]
    story = Story().held().add("items", items=items).add("extended", sequence=1)
    assert story.add("preserved", held_until="2027-02-18").hold.granted == 1, "later than what it said before"
    assert story.add("preserved", held_until="2027-02-10").hold.granted == 0
    assert strict(story) == "2027-02-10"


def test_an_mla_request_received_by_mistake_leaves_nothing_behind() -> None:
    story = Story(BUDAPEST).held().add("mla-sent", on="2026-12-01").add("mla-received", on="2026-12-06")
    assert story.hold.state is State.OPEN_ENDED
    story.add("stop-ended", on="2026-12-06")
    assert (story.hold.mla.sent_on, story.hold.mla.received_on) == (date(2026, 12, 1), None)


def test_an_mla_request_that_is_over_is_no_request_under_way() -> None:
    """Refused or withdrawn later: a new one has to be filed, and no answer is expected of the old one."""
    story = Story(BUDAPEST).held().add("mla-sent", on="2026-12-01").add("mla-received", on="2026-12-06")
    story.add("stop-ended", on="2027-01-20")
    assert (story.hold.mla.sent_on, story.hold.mla.received_on, story.hold.mla.planned_on) == (None, None, None)
    story.add("mla-sent", on="2027-01-25")
    assert story.hold.mla.sent_on == date(2027, 1, 25)
