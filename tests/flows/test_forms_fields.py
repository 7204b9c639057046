"""Days and instants on a form: how they are written, what is refused, and in which words."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter

from flows.forms.case_form import RequestEntry
from flows.forms.entered import Wrong, entered
from flows.forms.fields import WRITTEN, Instant, moment
from flows.instants import Unfit
from flows.reply import record_reply

GIVEN = {"request": "HF-W0MHGDDYRN6T", "kind": "sent", "by": "Contact team"}
PATTERN = re.compile(TypeAdapter(Instant).json_schema()["pattern"])


def read(**typed: Any) -> dict[str, Any]:
    """The values of the form *Record a reply*."""
    given = record_reply.validate_parameters(GIVEN | typed)
    return entered(record_reply, given, GIVEN | typed)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-07-14 14:30 UTC", (14, 30)),
        (" 2026-07-14T14:30:00Z ", (14, 30)),
        ("2026-07-14 14:30 +02:00", (12, 30)),
        ("2026-07-14T14:30:00.000+02:00", (12, 30)),
        ("2026-07-14 14:30 Europe/Berlin", (12, 30)),
        ("2026-07-14 14:30 America/St_Johns", (17, 0)),
        ("2026-01-14 14:30 Europe/Berlin", (13, 30)),
        ("2026-07-14 14:30 America/Argentina/Buenos_Aires", (17, 30)),
    ],
)
def test_an_instant_is_taken_as_it_is_written_whatever_season_it_is(written: str, utc: tuple[int, int]) -> None:
    assert PATTERN.fullmatch(written)
    at = read(at=written)["at"]
    assert at == datetime(2026, at.month, 14, *utc, tzinfo=UTC)
    assert at.utcoffset() == timedelta()


def test_the_help_shows_what_is_taken() -> None:
    first, offset, place = re.findall(r"2026-11-21 14:30 UTC|\+02:00|Europe/Paris", WRITTEN)
    assert read(at=first)["at"] == datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
    east = datetime(2026, 11, 21, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    assert read(at=first.replace("UTC", offset))["at"] == east
    assert read(at=first.replace("UTC", place))["at"] == datetime(2026, 11, 21, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("2026-07-14 14:30", "has no time zone"),
        ("2026-07-14", "is a day without a time"),
        ("2026-07-14 25:30 UTC", "there is no such date or time"),
        ("2026-02-30 14:30 UTC", "there is no such date or time"),
        ("2026-07-14 14:30 Middle/Earth", "there is no time zone of that name"),
        ("2026-10-25 02:30 Europe/Berlin", "is a local time that happens twice or never"),
        ("0026-07-14 14:30 UTC", "lies outside the years"),
        ("canary@example.com", "expected a date and time"),
        (1784039400, "expected a date and time"),
    ],
)
def test_another_is_refused_in_words_that_quote_nothing(written: object, problem: str) -> None:
    with pytest.raises(Wrong) as wrong:
        read(at=written)
    (line,) = wrong.value.lines
    assert line.startswith(f"Instant: {problem}")
    assert line.endswith(f"; write {WRITTEN}")
    assert "canary" not in line


@pytest.mark.parametrize("written", ["2026-07-14 14:30", "2026-07-14", "14.7.2026 14:30 UTC", "canary@example.com"])
def test_the_form_itself_refuses_what_has_no_zone_before_anything_is_submitted(written: str) -> None:
    assert not PATTERN.fullmatch(written)
    with pytest.raises(Unfit):
        moment(written)


@pytest.mark.parametrize("nothing", ["", None])
def test_a_day_and_an_instant_may_be_left_empty(nothing: object) -> None:
    found = read(at=nothing, on=nothing)
    assert (found["at"], found["on"]) == (None, None)
    assert read(on="2026-11-05")["on"] == date(2026, 11, 5)


def test_prefect_offers_no_picker_for_an_instant_because_it_would_send_another_one() -> None:
    assert "date-time" not in json.dumps(RequestEntry.model_json_schema())
