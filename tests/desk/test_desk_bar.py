"""The bar: holds against the forecast, on one scale."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from desk.bar import Picture, Scale, axis, draw, drawn_ends, hold_row, labels, picture, scale
from flows.words import MONTHS

SENT = date(2026, 11, 21)


def pictured(*ends: int, mla_on: date = date(2026, 12, 1), p50: int = 150, p90: int = 324, **more: Any) -> Picture:
    """Holds that end so many days after the sending."""
    links = tuple(SENT + timedelta(days=days) for days in ends)
    answer = mla_on + timedelta(days=p90)
    gap = max(0, (answer - (links[-1] if links else SENT)).days)
    given = {"today": SENT, "started_on": SENT, "open_ended": False, "gap_days": gap} | more
    return Picture(links=links, mla_on=mla_on, p50_on=mla_on + timedelta(days=p50), p90_on=answer, **given)


def shown(drawn: Picture, width: int = 84) -> str:
    return "\n".join(f"{name:12}{row}".rstrip() for name, row in draw(drawn, scale([drawn], width)))


def row(drawn: Picture, width: int = 84) -> str:
    return hold_row(drawn, scale([drawn], width))


def test_a_chain_that_does_not_reach_shows_the_gap() -> None:
    assert (
        shown(pictured(89, 179))
        == """\
            Nov 2026 │2027  │Feb   │Mar   │Apr   │May    │Jun   │Jul   │Aug    │Sep   │Oct
data held   ██████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓····· 155 days without a hold ······
            ↑ today              ↑ first hold to 18 Feb 2027
                                                      ↑ extended to 19 May 2027
MLA answer    ├──────────────────────────────────┼────────────────────────────────────────┤
              ↑ to be sent 1 Dec 2026            ↑ half by 30 Apr 2027                    │
                                                                   9 in 10 by 21 Oct 2027 ↑"""
    )


def test_a_hold_without_an_end_is_an_arrow() -> None:
    drawn = pictured(59, open_ended=True, gap_days=0, today=date(2027, 1, 10), mla_on=SENT, mla_sent=True)
    assert (
        shown(drawn)
        == """\
            Nov 2026 │2027   │Feb   │Mar   │Apr    │May   │Jun    │Jul   │Aug    │Sep   │Oct
data held   ███████████████████████████████████████████████████████████████████████████████████▶
                        ↑ today
MLA answer  ├───────────────────────────────────┼─────────────────────────────────────────┤
            ↑ sent 21 Nov 2026                  ↑ half by 20 Apr 2027                     │
                                                                   9 in 10 by 11 Oct 2027 ↑"""
    )


def test_where_the_law_gives_no_hold_everything_is_gap() -> None:
    assert set(row(pictured())) <= set("· 324dayswithoutahold5")
    assert "without a hold" in row(pictured())


def test_a_chain_that_reaches_has_no_dots() -> None:
    drawn = pictured(364)
    assert "·" not in row(drawn)
    assert row(drawn) == "█" * len(row(drawn))


@pytest.mark.parametrize("width", [48, 66, 84, 105])
@pytest.mark.parametrize("ends", [(0,), (89,), (89, 179), (323,), (332, 333)])
def test_a_gap_of_any_length_is_seen(width: int, ends: tuple[int, ...]) -> None:
    drawn = pictured(*ends)
    assert drawn.gap_days > 0
    assert row(drawn, width).count("·") >= 1, row(drawn, width)
    assert len(row(drawn, width)) <= width


def test_extensions_are_told_apart() -> None:
    drawn = pictured(59, 119, 179, 239)
    assert [mark for mark in "█▓▒" if mark in row(drawn)] == ["█", "▓", "▒"]
    assert row(drawn).index("█") < row(drawn).index("▓") < row(drawn).index("▒") < row(drawn).rindex("▓")


@pytest.mark.parametrize("width", range(48, 110, 3))
@pytest.mark.parametrize("ends", [(29,), (59, 89), (89, 179), (59, 119, 179, 239, 299, 359)])
def test_every_label_is_whole_and_points_at_its_day(width: int, ends: tuple[int, ...]) -> None:
    drawn = pictured(*ends)
    on = scale([drawn], width)
    marks = [(drawn.today, "today"), *((day, f"ends {number}") for number, day in enumerate(drawn.links))]
    rows = labels(marks, on)
    for day, text in marks:
        (found,) = [line for line in rows if text in line]
        assert f"↑ {text}" in found or f"{text} ↑" in found
        assert found[on.column(day)] in "↑│"
    assert max(map(len, rows)) <= width


def test_what_is_confirmed_is_told_from_what_is_hoped_for() -> None:
    text = shown(pictured(59, 119, today=date(2027, 2, 1), confirmed=0))
    assert "confirmed to 19 Jan 2027" in text
    assert "if extended: 20 Mar 2027" in text


def test_nothing_is_drawn_as_held_beyond_the_last_day_that_the_provider_named() -> None:
    """Extended to 20 March, and then told: until 31 December, and no longer."""
    law, told, next_one = date(2027, 1, 19), date(2026, 12, 31), date(2027, 3, 1)
    assert drawn_ends([law, told], 1) == ((told,), 0)
    assert drawn_ends([law, told, next_one], 1) == ((told, next_one), 0)
    assert drawn_ends([told, law, law], 2) == ((told, law), 1), "an extension that moved nothing is no block"
    assert drawn_ends([told, law], 0) == ((told, law), 0)
    assert drawn_ends([told, law], None) == ((told, law), None)
    plan = {
        "chain": [{"strict_on": "2027-01-19"}, {"strict_on": "2026-12-31"}],
        "clocks": [],
        "coverage": {
            "mla_sent_on": "2026-11-20",
            "p50_on": "2027-04-19",
            "p90_on": "2027-10-10",
            "open_ended_by": None,
            "gap_days_p90": 283,
        },
    }
    drawn = picture(plan, today=SENT, started_on=SENT, confirmed=1)
    text, on = shown(drawn), scale([drawn], 84)
    assert text.count("confirmed to") == 1
    assert "confirmed to 31 Dec 2026" in text
    assert row(drawn)[on.column(told) + 1] == "·", "the gap begins the day after"


def test_a_long_chain_names_its_first_ends_and_its_last() -> None:
    text = shown(pictured(*range(59, 1500, 60)))
    assert "extended to 20 Mar 2027" in text
    assert "extended to 29 Dec 2030" in text
    assert text.count("extended to") < 5


def test_two_requests_share_one_scale() -> None:
    short, long = pictured(59), pictured(89, 400)
    on = scale([short, long], 84)
    assert on.first == SENT
    assert on.last > long.links[-1]
    assert len(hold_row(short, on)) < len(hold_row(long, on))
    assert axis(on) == axis(scale([long, short], 84))


@pytest.mark.parametrize("years", [1, 2, 5, 12])
def test_the_axis_names_years_and_never_runs_together(years: int) -> None:
    on = Scale(first=SENT, last=SENT + timedelta(days=365 * years), width=84)
    first, *ticks = axis(on).split("│")
    assert first.strip() in {"Nov 2026", "Nov", ""}
    assert ticks[:2] != []
    assert [tick.strip() for tick in ticks if tick[:1].isdigit()] == [str(2027 + n) for n in range(years)]
    assert all(tick[:3] in MONTHS or tick[:4].isdigit() for tick in ticks)
    assert len(axis(on)) <= 84


def test_within_one_year_the_axis_names_it() -> None:
    assert axis(Scale(first=date(2027, 3, 2), last=date(2027, 6, 1), width=60)).startswith("Mar 2027")


def test_days_outside_the_scale_are_drawn_at_its_ends() -> None:
    on = Scale(first=SENT, last=SENT + timedelta(days=99), width=50)
    assert on.column(SENT - timedelta(days=400)) == 0
    assert on.column(SENT + timedelta(days=4000)) == 49


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="no picture"):
        scale([], 84)


def test_a_picture_is_read_from_what_plan_json_prints() -> None:
    plan = {
        "chain": [{"step": "initial", "strict_on": "2027-02-18", "legal_on": "2027-02-19"}],
        "clocks": [{"kind": "mla-answer", "derivation": ["sent 20 Nov 2026 + 150 days: half of the answers"]}],
        "coverage": {
            "mla_sent_on": "2026-11-20",
            "p50_on": "2027-04-19",
            "p90_on": "2027-10-10",
            "open_ended_by": None,
            "gap_days_p90": 234,
        },
    }
    read = picture(plan, today=SENT, started_on=SENT)
    assert read.links == (date(2027, 2, 18),)
    assert read.mla_sent
    assert not read.open_ended
    assert read.gap_days == 234
