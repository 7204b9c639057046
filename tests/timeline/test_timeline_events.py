"""What an event must say: a bad entry is told to the person who makes it and not to the next sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from timeline_world import MORNING

from timeline.events import KINDS, Event, check
from timeline.state import _STEPS

GOOD: dict[str, Any] = {
    "text": "x",
    "day": "2026-11-21",
    "whole number": 1,
    "true or false": True,
    "list": [],
    "table": {},
}
BAD: dict[str, list[Any]] = {
    "text": [1, None, ["x"]],
    "day": ["21.11.2026", "2026-02-30", 20261121, None],
    "whole number": ["1", 1.5, True, None],
    "true or false": [1, "true", None],
    "list": ["x", 1, None],
    "table": [[], "x", None],
}


def full(kind: str) -> dict[str, Any]:
    return {name: GOOD[wanted] for name, wanted in KINDS[kind].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_event_is_taken(kind: str) -> None:
    check(kind, full(kind) | {"more": "may be"})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in KINDS[kind]])
def test_a_field_missing_or_of_the_wrong_kind_is_named(kind: str, name: str) -> None:
    body = full(kind)
    with pytest.raises(ValueError, match=f"^{kind}: {name} is missing$"):
        check(kind, {key: value for key, value in body.items() if key != name})
    wanted = KINDS[kind][name]
    for bad in BAD[wanted]:
        with pytest.raises(ValueError, match=f"^{kind}: {name}: expected a {wanted}"):
            check(kind, body | {name: bad})


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="unknown event kind 'aknowledged'; one of registered, intent"):
        check("aknowledged", {})


def test_every_kind_is_folded_or_only_informs() -> None:
    assert set(KINDS) - set(_STEPS) == {"registered", "note", "opened"}
    assert set(_STEPS) <= set(KINDS)


@pytest.mark.parametrize("bad", [datetime(2026, 11, 21, 9), MORNING.astimezone(timezone(timedelta(hours=1)))])  # noqa: DTZ001
def test_an_event_happens_in_utc(bad: datetime) -> None:
    with pytest.raises(ValueError, match="expected an instant in UTC"):
        Event(seq=1, kind="note", at=bad, recorded_at=MORNING)
    with pytest.raises(ValueError, match="recorded_at: expected an instant in UTC"):
        Event(seq=1, kind="note", at=MORNING, recorded_at=bad)
    assert Event(seq=1, kind="note", at=MORNING.astimezone(UTC), recorded_at=MORNING).at == MORNING
