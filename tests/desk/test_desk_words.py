"""How days, durations, problems and events are said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from desk.problems import grouped, plainly
from flows.chronicle import told
from flows.law import STEPS as KNOWN_STEPS
from flows.law import STOP_EVENTS
from flows.verdict import GOOD, IF, brief, verdict
from flows.words import ACTIONS, CLOCKS, STATES, STOPS, days_off, moment, number, sentence, until
from timeline.decide import Do
from timeline.events import KINDS
from timeline.state import State
from timeline.steps import STEPS, about

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=60), "in 1 min"),
        (timedelta(minutes=59), "in 59 min"),
        (timedelta(minutes=60), "in 1 h"),
        (timedelta(hours=47, minutes=59), "in 47 h"),
        (timedelta(hours=48), "in 2 d"),
        (timedelta(days=1200), "in 1,200 d"),
        (-timedelta(seconds=59), "now"),
        (-timedelta(hours=3), "overdue 3 h"),
        (-timedelta(days=9), "overdue 9 d"),
    ],
)
def test_how_far_off_something_is(off: timedelta, said: str) -> None:
    assert until(NOW + off, NOW) == said


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2026, 11, 21), "today"),
        (date(2026, 11, 22), "in 1 day"),
        (date(2026, 11, 20), "1 day ago"),
        (date(2027, 11, 21), "in 365 days"),
    ],
)
def test_how_far_off_a_day_is(on: date, said: str) -> None:
    assert days_off(on, TODAY) == said


def test_a_moment_is_said_in_utc() -> None:
    assert moment("2026-11-21T10:00:00+01:00") == "21 Nov 2026 09:00 UTC"


def test_counts_have_their_nouns() -> None:
    assert (number(1, "day"), number(0, "day"), number(12000, "event")) == ("1 day", "0 days", "12,000 events")


def test_every_word_of_the_record_has_words_for_people() -> None:
    assert set(STATES) == {str(state) for state in State}
    assert set(ACTIONS) - {""} == {str(action) for action in Do}
    assert set(STOPS) == set(STOP_EVENTS)
    assert set(KNOWN_STEPS) <= set(STEPS)
    assert all(CLOCKS.values())


def test_every_kind_of_event_has_its_own_words() -> None:
    samples = {"text": "x", "day": "2026-12-01", "whole number": 1, "true or false": True, "list": [], "table": {}}
    for kind, fields in KINDS.items():
        body = {name: samples[wanted] for name, wanted in fields.items()}
        event = {"kind": kind, "at": "2026-11-21T09:00:00Z", "recorded_at": "2026-11-21T09:00:00Z", "body": body}
        assert told(event) not in {"", kind}, kind


def test_what_was_entered_later_says_so() -> None:
    event = {
        "kind": "mla-sent",
        "at": "2026-11-21T09:00:00Z",
        "recorded_at": "2026-11-22T07:30:00Z",
        "body": {"on": "2026-11-21", "reference": "MLA/7", "by": "Registry clerk", "text": "by courier"},
    }
    assert told(event) == (
        "the MLA request was sent on 21 Nov 2026, reference MLA/7; entered for Registry clerk: “by courier”"
        " [recorded 22 Nov 2026 07:30 UTC]"
    )


def test_sent_and_received_and_kept_are_three_sentences() -> None:
    said = {state: sentence(state, date(2027, 2, 18), None) for state in ("sent", "acknowledged", "in-force")}
    assert len(set(said.values())) == 3
    assert all("18 Feb 2027" in text for text in said.values())
    assert "the production was announced" in sentence("open-ended", None, "production-announced")


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ("mla-plan", "mla plan"),
        ("extension:1", "extension"),
        ("clarification:29:missed", "clarification, missed"),
        ("validation:last-hours", "validation, last hours"),
        ("lapsed:2027-02-18:too-late", "lapsed, too late"),
        ("outcome-unknown:extend-1", "outcome unknown"),
    ],
)
def test_a_matter_is_named_with_its_stage(matter: str, said: str) -> None:
    assert about(matter) == said


def test_what_nobody_answered_is_not_said_to_be_kept_whatever_stopped_its_end() -> None:
    assert sentence("sent", None, "petition-filed") == (
        "sent, no answer yet; would be held without an end: the petition was filed"
    )
    plan = {"coverage": {"open_ended_by": "petition-filed", "gap_days_p90": 0}, "state": "sent", "last_safe": []}
    unheard = "reaches the MLA answer ONLY IF the provider keeps the data, which it has not said"
    assert verdict(plan, TODAY) == (IF, f"{unheard}: then without an end, the petition was filed")
    assert brief(plan, TODAY) == (IF, unheard)
    assert verdict(plan | {"state": "open-ended"}, TODAY)[0] == GOOD


def test_the_same_problem_at_many_places_is_told_once_and_errors_come_first() -> None:
    same = {"problem": "is empty", "fix": "fill it in", "severity": "warning"}
    other = {"where": "c", "problem": "is wrong", "fix": "mend it", "severity": "error"}
    found = grouped([*({"where": f"line {n}"} | same for n in range(9)), other])
    assert [(each.problem, len(each.wheres)) for each in found] == [("is wrong", 1), ("is empty", 9)]
    assert found[1].where() == "line 0; line 1; line 2; line 3; and 5 more places"


def test_sources_in_parentheses_are_left_to_the_catalogue() -> None:
    source = "(18 U.S.C. § 2703(f)(2); read in the United States Code, release 119-73)"
    assert plainly(f"extension of 90 days {source}: at the provider's discretion") == (
        "extension of 90 days: at the provider's discretion"
    )
    assert plainly("ends 18 Feb 2027 (strict)") == "ends 18 Feb 2027 (strict)"
    assert plainly("never (closed") == "never (closed"
