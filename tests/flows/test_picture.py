"""The parts of a hold as the picture of a page and of an export has them."""

from __future__ import annotations

from datetime import date

from flows.picture import spans

BEGINS = date(2026, 11, 21)


def end(strict: str) -> dict[str, str]:
    return {"strict_on": strict, "legal_on": strict}


def test_nothing_is_drawn_as_held_beyond_the_last_day_that_the_provider_named() -> None:
    """Extended to February, and then told: until 31 December, and no longer."""
    law, told, more = end("2027-01-19"), end("2026-12-31"), end("2027-03-01")
    (held,) = spans([law, told], [law, told], begins=BEGINS, over=False, ended_on=None)
    assert (held.first, held.last, held.confirmed) == (BEGINS, date(2026, 12, 31), True)
    first, planned = spans([law, told], [law, told, more], begins=BEGINS, over=False, ended_on=None)
    assert (first.confirmed, planned.confirmed) == (True, False)
    assert (planned.first, planned.last) == (date(2026, 12, 31), date(2027, 3, 1))
    two = spans([told, law], [told, law], begins=BEGINS, over=False, ended_on=None)
    assert [each.last for each in two] == [date(2026, 12, 31), date(2027, 1, 19)]
