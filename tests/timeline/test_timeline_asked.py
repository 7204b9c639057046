"""What a person asks us to tell the provider, and what comes in from it: said at once, told until it is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from timeline_world import EU, MINUTE, MORNING, POLICY, Story, falls_due, terms

from timeline.decide import Do, duties
from timeline.state import State
from timeline.terms import Abilities

ABLE = Abilities(announce=True, clarify=True)


def eu(abilities: Abilities = ABLE) -> Story:
    return Story(terms(EU, abilities=abilities)).held()


# The announcement of the production


def test_an_announcement_is_made_at_once_and_makes_the_hold_open_ended() -> None:
    story = eu().later(days=40).add("announce-asked", on="2026-12-30")
    duty = story.duty(Do.ANNOUNCE)
    assert falls_due(duty, story.now)
    assert duty.because == "production was requested on 30 Dec 2026"
    story.tried("sent", "announce").add("production-announced", on="2026-12-31")
    assert story.hold.state is State.OPEN_ENDED
    assert not story.duties(Do.ANNOUNCE)


def test_an_announcement_comes_before_the_lapse_the_extension_and_everything_told() -> None:
    story = eu().on("2027-01-18", 12).add("announce-asked", on="2027-01-18")
    assert story.decide().action is Do.ANNOUNCE


def test_an_announcement_that_nobody_took_is_tried_again_and_then_told() -> None:
    story = eu().add("announce-asked", on="2026-11-21").tried("unavailable", "announce")
    assert falls_due(story.duty(Do.ANNOUNCE), MORNING + 5 * MINUTE)
    story.tried("unavailable", "announce").tried("unavailable", "announce")
    assert story.duties(Do.ANNOUNCE)
    assert "announce" in story.abouts()


@pytest.mark.parametrize("outcome", ["refused", "unsupported"])
def test_an_announcement_that_the_channel_does_not_take_goes_to_a_person(outcome: str) -> None:
    story = eu().add("announce-asked", on="2026-11-21").tried(outcome, "announce")
    assert not story.duties(Do.ANNOUNCE)
    told = story.duty(Do.ESCALATE, "announce")
    assert "record `production-announced`" in told.because
    assert told.rung == 2


def test_where_no_machine_announces_a_person_is_told_at_once() -> None:
    story = eu(Abilities()).later(days=3).add("announce-asked", on="2026-11-24")
    assert not story.duties(Do.ANNOUNCE)
    assert falls_due(story.duty(Do.ESCALATE, "announce"), story.now)
    assert "announce" not in story.add("production-announced", on="2026-11-24").abouts()


def test_an_announcement_in_doubt_is_looked_up_before_it_is_made_again() -> None:
    story = eu().add("announce-asked", on="2026-11-21").tried("outcome-unknown", "announce")
    assert not story.duties(Do.ANNOUNCE)
    assert story.duty(Do.LOOK_UP).about == "announce"
    assert story.add("absent", action="announce", sequence=1).duties(Do.ANNOUNCE)


def test_what_a_person_announced_settles_an_announcement_in_doubt() -> None:
    story = eu().add("announce-asked", on="2026-11-21").tried("outcome-unknown", "announce")
    assert not story.add("production-announced", on="2026-11-21").duties(Do.LOOK_UP)


def test_an_announcement_refused_may_be_asked_for_again() -> None:
    story = eu().add("announce-asked", on="2026-11-21").tried("refused", "announce")
    again = story.later(days=1).add("announce-asked", on="2026-11-22").duty(Do.ANNOUNCE)
    assert again.sequence == 2
    assert falls_due(again, story.now)


# The answer to a clarification


def test_an_answer_is_given_at_once_and_stops_the_five_days() -> None:
    """Reg. (EU) 2023/1543 art. 11(5)."""
    story = eu().later(days=1).add("clarification", question="Q-1").later(days=2).add("answer-asked")
    assert story.decide().action is Do.CLARIFY
    story.tried("sent", "clarify").add("clarification-answered")
    assert not story.duties(Do.CLARIFY)
    assert "clarification" not in " ".join(story.abouts())


def test_the_clock_keeps_running_while_the_answer_has_not_left() -> None:
    story = eu().add("clarification").add("answer-asked").tried("unavailable", "clarify")
    assert any(about.startswith("clarification:") for about in story.abouts())


def test_an_answer_to_an_earlier_question_is_not_given_to_a_later_one() -> None:
    story = eu().add("clarification", question="Q-1").add("answer-asked")
    story.tried("sent", "clarify").add("clarification-answered").later(days=1)
    assert not story.add("clarification", question="Q-2").duties(Do.CLARIFY)


def test_the_same_question_read_again_starts_no_new_clock() -> None:
    story = eu().add("clarification", question="Q-1").add("clarification-answered")
    assert story.hold.questions == ("Q-1",)
    story.later(days=3).add("clarification", question="Q-1")
    assert story.hold.clarification is not None
    assert story.hold.clarification[2], "it is still answered"


def test_each_question_has_its_own_five_days() -> None:
    story = eu().add("clarification", question="Q-1").later(days=2).add("clarification", question="Q-2")
    assert story.hold.clarification[1] == MORNING  # type: ignore[index]
    story.add("clarification-answered", question="Q-1")
    assert story.hold.clarification == (7, MORNING + timedelta(days=2), False)
    assert not story.add("clarification-answered", question="Q-2").hold.unanswered
    assert story.hold.clarification[2], "nothing is asked any more"  # type: ignore[index]


def test_an_answer_is_only_for_the_question_it_was_written_for() -> None:
    story = eu().add("clarification", question="Q-1").later(days=2).add("answer-asked")
    asked_before = MORNING + timedelta(days=1)
    story.later(hours=1).add("clarification", question="Q-2", asked_at=asked_before.isoformat())
    assert [each.sequence for each in story.duties(Do.CLARIFY)] == [1]
    story.tried("sent", "clarify").add("clarification-answered", question="Q-1")
    assert not story.duties(Do.CLARIFY), "what was written before the second question was read does not answer it"
    assert [each.sequence for each in story.add("answer-asked").duties(Do.CLARIFY)] == [2]


def test_a_person_s_answer_is_to_the_oldest_question() -> None:
    story = eu().add("clarification", question="Q-1").later(days=1).add("clarification", question="Q-2")
    assert list(story.add("clarification-answered").hold.unanswered) == ["Q-2"]


def test_the_five_days_run_from_when_the_provider_asked_and_not_from_when_we_read_it() -> None:
    """Reg. (EU) 2023/1543 art. 11(5): the strict reading is the earlier one."""
    story = eu().later(days=2)
    asked_at = MORNING + timedelta(days=1)
    story.add("clarification", question="Q-1", asked_at=asked_at.isoformat())
    assert story.hold.clarification[1] == asked_at  # type: ignore[index]
    before = eu().add("clarification", question="Q-1", asked_at="2026-01-01T00:00:00+00:00")
    assert before.hold.clarification[1] == MORNING, "nothing can be asked before it was sent"  # type: ignore[index]
    ahead = eu().add("clarification", question="Q-1", asked_at="2027-01-01T00:00:00+00:00")
    assert ahead.hold.clarification[1] == MORNING, "a clock that is ahead gives no more time"  # type: ignore[index]


# What comes in


def test_a_message_is_told_at_once_and_until_it_is_settled() -> None:
    story = Story().held().later(days=5).add("message-received", message="ab" * 32, channel="e-mail")
    assert falls_due(story.duty(Do.ESCALATE, f"message:{'ab' * 6}"), story.now)
    assert f"message:{'ab' * 6}" not in story.add("message-settled", message="ab" * 32, **{"as": "note"}).abouts()


def test_a_message_recorded_twice_is_one_and_stays_settled() -> None:
    story = Story().held().add("message-received", message="ab", channel="e-mail")
    story.add("message-settled", message="ab", **{"as": "acknowledged"})
    story.later(days=1).add("message-received", message="ab", channel="e-mail")
    assert story.hold.messages == {"ab": None}


def test_a_message_about_a_hold_that_ended_is_told_too() -> None:
    story = Story().held().add("released").add("message-received", message="ab", channel="e-mail")
    assert story.abouts() == ["message:ab"]


# Another channel


def test_a_hold_sent_over_another_channel_can_do_what_that_channel_can() -> None:
    story = Story()
    story.add("intent", action="send", sequence=1, attempt=1, key="k", channel="api", because="")
    story.add("unsupported", action="send", sequence=1, reason="no")
    story.add(
        "intent", action="send", sequence=1, attempt=2, key="k", channel="fax", because="", abilities=["extend"]
    )
    story.add("sent", action="send", sequence=1, channel="fax")
    assert story.hold.terms.abilities == Abilities(poll=False, extend=True, release=False, find=False)
    assert story.hold.channel == "fax"
    assert not story.duties(Do.POLL)


def test_what_a_person_sent_over_another_channel_is_not_polled() -> None:
    story = Story().add("sent", action="send", sequence=1, channel="post", abilities=[])
    assert not story.later(days=30).duties(Do.POLL)


def test_the_dates_do_not_depend_on_the_channel() -> None:
    by_api = Story().sent()
    by_post = Story().add("sent", action="send", sequence=1, channel="post", abilities=[])
    assert by_api.hold.chain == by_post.hold.chain


def test_nothing_asked_for_outlives_the_hold() -> None:
    story = eu().add("announce-asked", on="2026-11-21").add("clarification").add("answer-asked").add("release-asked")
    assert [each.action for each in duties(story.hold, POLICY)][:1] == [Do.RELEASE]
