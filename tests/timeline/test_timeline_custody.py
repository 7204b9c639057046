"""What waits for a second person, and what is left to do for a case that was erased."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_simulation import MANY_TERMS, World
from timeline_world import DAY, EU, HOUR, MINUTE, POLICY, STEADY, TOP, US, Story, falls_due, policy

from timeline.custody import WAITS, waiting
from timeline.decide import Do, choose, duties
from timeline.hold import State
from timeline.rules import FourEyes

TWO = policy(four_eyes=FourEyes(emergency=True, release=True, erase=True, approve_within=15 * MINUTE))


def emergency() -> Story:
    return Story(US, urgency="emergency").add("approval-asked", about="send", user="one")


def test_an_emergency_is_not_sent_before_it_is_approved_and_then_at_once() -> None:
    story = emergency()
    assert story.duties(Do.SEND) == []
    story.later(days=400)
    assert story.duties(Do.SEND) == []
    story.add("approved", about="send", user="two")
    assert story.decide().action is Do.SEND
    assert story.decide().due(story.now)


def test_it_climbs_a_level_with_every_quarter_of_an_hour() -> None:
    story = emergency()
    for level in range(1, TOP + 1):
        about = "approval:send" if level == 1 else f"approval:send:{level}"
        duty = story.duty(Do.ESCALATE, about)
        assert duty.level == level
        assert falls_due(duty, story.events[0].at + 15 * MINUTE * level)
        assert duty.because.startswith(WAITS)
        assert "holdfast approve HF-TEST --what send" in duty.because
    story.now = story.events[0].at + 15 * MINUTE
    story.told("approval:send").taken_up("approval:send").later(minutes=15)
    assert story.decide().about == "approval:send:2", "to take it up is not to approve it"


def test_one_that_nobody_approves_is_told_for_ever() -> None:
    story = emergency()
    for _ in range(60):
        decision = story.decide()
        assert decision.due_at is not None
        story.now = max(story.now, decision.due_at)
        assert story.decide().action is Do.ESCALATE
        story.told(story.decide().about, story.decide().level)
    assert story.decide().due_at - story.now <= DAY


def test_one_that_is_rejected_is_withdrawn_and_final() -> None:
    story = emergency().add("rejected", about="send", user="two")
    assert story.hold.state is State.RELEASED
    assert duties(story.hold, TWO) == ()


def test_a_rejection_that_comes_after_the_approval_changes_nothing() -> None:
    story = emergency().add("approved", about="send", user="two").add("rejected", about="send", user="three")
    assert story.hold.state is State.REGISTERED
    assert story.decide().action is Do.SEND


def test_what_was_sent_all_the_same_waits_no_more() -> None:
    story = emergency().held()
    assert waiting(story.hold) == {}
    assert [each for each in story.abouts() if each.startswith("approval")] == []


def test_a_hold_whose_release_waits_is_extended_meanwhile() -> None:
    story = Story(US).held().add("approval-asked", about="release", user="one")
    assert story.duties(Do.RELEASE) == []
    assert not story.hold.leaving
    extension = story.duty(Do.EXTEND)
    story.now = extension.due_at
    assert story.decide().action is Do.EXTEND or story.decide().rung < extension.rung
    story.add("approved", about="release", user="two").add("release-asked")
    assert story.decide().action is Do.RELEASE
    assert story.duties(Do.EXTEND) == []


def test_a_rejected_release_leaves_the_hold_as_it_was() -> None:
    before = Story(US).held()
    after = Story(US).held().add("approval-asked", about="release", user="one")
    after.add("rejected", about="release", user="two")
    assert [(each.action, each.due_at, each.about) for each in duties(after.hold, TWO)] == [
        (each.action, each.due_at, each.about) for each in duties(before.hold, TWO)
    ]


def test_the_duty_to_release_what_was_produced_waits_for_two_people_too() -> None:
    story = Story(EU).held().add("produced")
    assert story.decide().action is Do.RELEASE
    assert story.duties(Do.RELEASE, policy=TWO) == []
    assert "holdfast release HF-TEST" in story.duty(Do.ESCALATE, "release", TWO).because
    story.add("approval-asked", about="release", user="one")
    assert story.duties(Do.ESCALATE, "release", TWO) == []
    assert story.duties(Do.RELEASE) == [], "also where the policy has changed meanwhile"
    story.add("approved", about="release", user="two").add("release-asked")
    assert story.decide(policy=TWO).action is Do.RELEASE


def test_what_ended_before_the_release_was_approved_waits_no_more() -> None:
    story = Story(US).held().add("approval-asked", about="release", user="one").add("lapsed", strict_on="2027-02-18")
    assert waiting(story.hold) == {}


def test_an_erasure_that_waits_keeps_a_final_request_on_the_board() -> None:
    story = Story(US).held().add("release-asked").tried("sent", "release").add("released")
    assert duties(story.hold, POLICY) == ()
    story.add("approval-asked", about="erase", user="one", because="x")
    duty = story.duty(Do.ESCALATE, "approval:erase")
    assert falls_due(duty, story.now + 15 * MINUTE)
    story.add("approved", about="erase", user="two").add("erased", because="x")
    assert duties(story.hold, POLICY) == ()
    assert story.hold.state is State.RELEASED, "what became of it stays"


def test_an_erased_hold_asks_for_nothing_but_a_call() -> None:
    story = Story(US).held().add("erased", because="order of a court")
    assert story.hold.state is State.ERASED
    (duty,) = duties(story.hold, POLICY)
    assert (duty.action, duty.about, duty.due_at) == (Do.ESCALATE, "erased", story.now)
    assert "until 18 Feb 2027, its reference R-1" in duty.because
    story.told("erased").taken_up("erased")
    assert duties(story.hold, POLICY) == ()
    assert story.hold.ended


def test_one_that_was_told_to_the_provider_is_released() -> None:
    story = Story(US).held().add("erased", because="x").add("released")
    assert story.hold.state is State.RELEASED
    assert duties(story.hold, POLICY) == ()


@pytest.mark.parametrize("sending", ["", "unavailable", "absent"])
def test_an_erased_request_that_never_arrived_is_over(sending: str) -> None:
    story = Story(US).tried(sending) if sending else Story(US)
    assert duties(story.add("erased", because="x").hold, POLICY) == ()


def test_an_erased_request_that_may_have_arrived_is_told() -> None:
    story = Story(US).intent().add("erased", because="x")
    assert story.duty(Do.ESCALATE, "erased")


@STEADY
@given(seed=st.integers(0, 1 << 64), at=st.integers(0, 40), asked=st.sampled_from(["send", "release"]))
def test_in_no_life_is_anything_done_while_it_waits(seed: int, at: int, asked: str) -> None:
    """Whenever an approval is asked for, and whatever happens besides: nothing waits and is done at the same time."""
    draw = Random(seed)
    world = World([draw.randrange(1 << 16) for _ in range(draw.randrange(90))], late=draw.random() < 0.5)
    pending = asked == "send"
    if pending:
        world.story.add("approval-asked", about="send", user="one")
    for number in range(60):
        if number == at and asked == "release":
            world.story.add("approval-asked", about="release", user="one")
            pending = True
        if pending and draw.random() < 0.05:
            world.story.add("approved", about=asked, user="two")
            pending = False
        decision = world.step()
        if decision.action is Do.NOTHING:
            break
        step = world.done[-1]
        if asked in waiting(step.hold) and step.hold.release_asked_at is None:
            assert str(step.decision.action) != asked
        if pending and asked == "send" and not any(each.kind == "intent" for each in world.story.events):
            assert step.decision.action is not Do.SEND


@STEADY
@given(seed=st.integers(0, 1 << 64), terms=st.sampled_from(MANY_TERMS), late=st.integers(0, 3000))
def test_while_an_emergency_waits_there_is_always_a_next_instant_and_time_makes_nobody_calm(
    seed: int, terms: object, late: int
) -> None:
    draw, story = Random(seed), Story(terms, urgency="emergency")
    story.add("approval-asked", about="send", user="one")
    for _ in range(draw.randrange(12)):
        wanted = duties(story.hold, TWO)
        assert all(each.action is Do.ESCALATE for each in wanted)
        first = min(each.due_at for each in wanted)
        assert first <= story.now + DAY
        story.now = max(first, story.now) + MINUTE * (late if draw.random() < 0.2 else 0)
        now = choose(wanted, story.now)
        assert now.due(story.now)
        for later in (MINUTE, HOUR, 30 * DAY):
            assert choose(wanted, story.now + later).due(story.now + later)
        story.told(now.about, now.level, delivered=draw.random() < 0.8)
        if draw.random() < 0.5:
            story.later(minutes=1).taken_up(now.about)
