"""What a provider asks of us: each question has its own clock, and each answer is an answer to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from timeline.events import Event
from timeline.facts import Facts, instant, settle


def _clarification(facts: Facts, event: Event) -> None:
    """Each question has its own clock. One asked again while it is open, or known by its id, starts no new one.

    It runs from when the provider asked, where that is known, and never from later than when we read it.
    """
    asked = event.body.get("question", "")
    if asked in facts.unanswered or (asked and asked in facts.questions):
        return
    if asked:
        facts.questions = (*facts.questions, asked)
    at = max(instant(event.body.get("asked_at")) or event.at, facts.sent_at or event.at)
    facts.unanswered[asked] = (event.seq, min(at, event.at))
    oldest_first(facts)


def oldest_first(facts: Facts) -> None:
    """The clarification that is due is the one that was asked first."""
    if facts.unanswered:
        facts.clarification = (*min(facts.unanswered.values(), key=lambda each: (each[1], each[0])), False)
    elif facts.clarification is not None:
        facts.clarification = (*facts.clarification[:2], True)


def _answered(facts: Facts, event: Event) -> None:
    """One question was answered: the one named, else the oldest."""
    if facts.answering is not None:
        settle(facts, "clarify", facts.answering[0], event.at)
    if facts.unanswered:
        oldest = min(facts.unanswered, key=lambda each: facts.unanswered[each][::-1])
        facts.unanswered.pop(str(event.body.get("question", oldest)), None)
    oldest_first(facts)


def unanswered_again(facts: Facts) -> None:
    """The answer that was written last was none after all: its question is open, with the clock that it had."""
    if facts.answering is not None and facts.answering[3]:
        facts.unanswered[facts.answering[2]] = facts.answering[3:]
    elif facts.clarification is not None:
        facts.unanswered[""] = facts.clarification[:2]
    oldest_first(facts)


def _answer_asked(facts: Facts, event: Event) -> None:
    question = min(facts.unanswered, key=lambda each: facts.unanswered[each][::-1], default="")
    number = facts.answering[0] + 1 if facts.answering else 1
    facts.answering = (number, event.at, question, *facts.unanswered.get(question, (0, event.at)))


STEPS: Mapping[str, Callable[[Facts, Event], None]] = {
    "clarification": _clarification,
    "clarification-answered": _answered,
    "answer-asked": _answer_asked,
}
"""What each of these kinds of event changes, for `timeline.state`."""
