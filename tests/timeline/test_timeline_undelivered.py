"""What was handed over and came back undelivered never arrived: it does not count, and a person takes another way."""

from __future__ import annotations

import pytest
from timeline_world import EU, Story, terms

from timeline.decide import Do
from timeline.state import State
from timeline.terms import Abilities

MAIL = Abilities(poll=False, find=False, announce=True, clarify=True)


def sent() -> Story:
    return Story(terms(EU, abilities=MAIL)).tried("sent", "send")


def came_back(story: Story, action: str = "send", sequence: int = 1) -> Story:
    reason = "it came back undelivered (5.1.1)"
    return story.add("unsupported", action=action, sequence=sequence, reason=reason, undelivered=True)


def test_a_request_that_came_back_is_not_sent_and_its_clocks_stop() -> None:
    story = sent()
    assert story.hold.state is State.SENT
    came_back(story.later(hours=1))
    assert story.hold.state is State.REGISTERED
    assert story.hold.strict_start is None
    assert story.hold.expiry is None


def test_it_is_not_sent_there_again_by_itself_and_a_person_is_told() -> None:
    story = came_back(sent().later(hours=1)).later(days=2)
    assert not story.duties(Do.SEND)
    assert "channel" in story.abouts()


def test_a_person_who_sends_it_another_way_starts_the_clocks_again() -> None:
    story = came_back(sent().later(hours=1)).later(hours=1)
    story.add("sent", action="send", sequence=1, channel="person")
    assert story.hold.state is State.SENT
    assert story.hold.sent_at == story.now


def test_what_the_provider_has_acknowledged_did_arrive() -> None:
    story = sent().later(hours=1).add("acknowledged", references=["R-1"])
    came_back(story.later(hours=1))
    assert story.hold.state is State.ACKNOWLEDGED
    assert story.hold.strict_start is not None


def test_an_extension_that_came_back_is_asked_for_by_a_person() -> None:
    story = Story(terms(EU, abilities=MAIL)).held().later(days=45).tried("sent", "extend")
    came_back(story, "extend")
    assert not story.duties(Do.EXTEND)
    assert story.hold.unconfirmed is None
    assert story.hold.extensions_left == 1


def test_a_release_that_came_back_did_not_end_the_hold() -> None:
    story = Story(terms(EU, abilities=MAIL)).held().add("release-asked").tried("sent", "release")
    assert story.hold.state is State.RELEASED
    came_back(story, "release")
    assert story.hold.state is State.IN_FORCE
    assert "release" in story.abouts()


def test_an_announcement_that_came_back_stops_no_clock() -> None:
    story = Story(terms(EU, abilities=MAIL)).held().add("announce-asked", on="2026-11-21")
    story.tried("sent", "announce").add("production-announced", on="2026-11-21")
    assert story.hold.state is State.OPEN_ENDED
    came_back(story, "announce")
    assert story.hold.state is State.IN_FORCE
    assert "announce" in story.abouts()


def test_an_answer_that_came_back_leaves_the_question_open() -> None:
    story = Story(terms(EU, abilities=MAIL)).held().add("clarification").later(hours=1).add("answer-asked")
    story.tried("sent", "clarify").add("clarification-answered")
    assert story.hold.clarification is not None
    assert story.hold.clarification[2]
    came_back(story, "clarify")
    assert not story.hold.clarification[2]
    assert "clarify" in story.abouts()


@pytest.mark.parametrize("kind", ["unsupported", "unavailable", "outcome-unknown"])
def test_an_attempt_that_failed_without_coming_back_undoes_no_sending(kind: str) -> None:
    story = sent().add(kind, action="send", sequence=1, reason="another attempt")
    assert story.hold.state is State.SENT
