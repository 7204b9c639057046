"""Instants that a person types, and the simulated clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.settings import SettingsError, load, read_instant

FAR = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "1899-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
]


@pytest.mark.parametrize("text", FAR)
def test_an_instant_that_no_case_has_is_refused_in_words(text: str) -> None:
    with pytest.raises(SettingsError, match="a year from 1900 to 2999"):
        read_instant(text, "an instant")
    with pytest.raises(SettingsError, match=r"^HOLDFAST_CLOCK: "):
        load({"HOLDFAST_CLOCK": text})


def test_an_instant_is_read_in_utc() -> None:
    assert read_instant("2027-01-20T10:00:00+01:00", "x") == datetime(2027, 1, 20, 9, tzinfo=UTC)
    for text in ("2027-01-20T10:00:00", "tomorrow"):
        with pytest.raises(SettingsError, match="expected an instant with an offset"):
            read_instant(text, "x")
