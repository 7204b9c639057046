"""A draft: registered, sealed, and not sent before somebody gives the go-ahead. And what needs a person now."""

from __future__ import annotations

from typing import Any

from timeline_world import DAY, EU, MINUTE, POLICY, US, Story, policy

from timeline.custody import DRAFT, open_matters, waits_as_draft
from timeline.decide import Do, duties
from timeline.hold import State
from timeline.rules import FourEyes, Policy

TWO = policy(four_eyes=FourEyes(emergency=True, release=True, erase=True, approve_within=15 * MINUTE))


def drafted(**given: Any) -> Story:
    return Story(US, **given).add("drafted", draft="HF-TEST", user="one")


def matters(story: Story, under: Policy = POLICY) -> list[str]:
    hold = story.hold
    return list(open_matters(hold, duties(hold, under)))


def test_a_draft_is_not_sent_before_the_go_ahead_and_then_at_once() -> None:
    story = drafted()
    story.later(days=400)
    assert story.duties(Do.SEND) == []
    assert waits_as_draft(story.hold)
    story.add("go-ahead", user="two")
    assert not waits_as_draft(story.hold)
    assert story.decide().action is Do.SEND
    assert story.decide().due(story.now)


def test_a_draft_that_nobody_lets_go_is_told_after_the_time_of_the_first_level_and_then_for_ever() -> None:
    story = drafted()
    duty = story.duty(Do.ESCALATE, "draft")
    assert duty.due_at == story.events[0].at + POLICY.ladder[0].acknowledge_within
    assert duty.because.startswith(DRAFT)
    for _ in range(40):
        decision = story.decide()
        assert decision.due_at is not None
        story.now = max(story.now, decision.due_at)
        assert story.decide().about == "draft"
        story.told("draft", story.decide().level)
    assert story.decide().due_at - story.now <= DAY


def test_to_take_it_up_is_not_to_send_it() -> None:
    story = drafted()
    story.now = story.duty(Do.ESCALATE, "draft").due_at
    story.told("draft").taken_up("draft")
    assert story.duty(Do.ESCALATE, "draft").due_at is not None
    assert matters(story) == ["draft"]


def test_a_draft_that_is_withdrawn_is_final() -> None:
    story = drafted().add("release-asked")
    assert story.hold.state is State.RELEASED
    assert story.decide().action is Do.NOTHING
    assert matters(story) == []


def test_a_draft_that_somebody_sent_by_hand_is_no_draft_any_more() -> None:
    story = drafted().add("sent", action="send", sequence=1, channel="person")
    assert not waits_as_draft(story.hold)
    assert story.hold.state is State.SENT


def test_an_emergency_needs_the_go_ahead_and_the_second_person() -> None:
    story = drafted(urgency="emergency").add("approval-asked", about="send", user="one")
    assert matters(story, TWO) == ["draft", "approval:send"]
    story.add("go-ahead", user="two")
    assert story.duties(Do.SEND) == []
    story.add("approved", about="send", user="two")
    assert story.decide().action is Do.SEND


def test_of_a_matter_in_stages_the_one_that_was_reached_is_open() -> None:
    story = Story(US, urgency="emergency").add("approval-asked", about="send", user="one")
    assert matters(story, TWO) == ["approval:send"]
    story.later(minutes=31).told("approval:send").told("approval:send:2", 2)
    assert matters(story, TWO) == ["approval:send:2"]


def test_what_was_not_told_yet_is_not_open_and_what_is_settled_is_not_any_more() -> None:
    story = Story(EU).add("sent", action="send", sequence=1, channel="api")
    story.add("acknowledged", references=["R-1"]).add("clarification")
    about = next(each.about for each in story.duties(Do.ESCALATE) if each.about.startswith("clarification"))
    assert matters(story) == []
    story.later(hours=1).told(about)
    assert matters(story) == [about]
    story.later(hours=1).taken_up(about)
    assert matters(story) == [about], "to take it up is not to have done it"
    story.add("clarification-answered")
    assert about not in matters(story)
