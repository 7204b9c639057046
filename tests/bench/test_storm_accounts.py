"""The hold storm counts what was missed and what was done twice, and does not call a missed goal reached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.storm_goals import BARE, OURS, Goal, of_size, of_storm
from bench.storm_provider import DROPPED, UNAVAILABLE, Hostile, _thrown
from bench.storm_unit import PROVIDERS, drawn, names

BODY = json.dumps({"sequence": 1, "hold_until": "2027-06-30"}).encode()


def extend(provider: Hostile, hold: str, key: str = "k") -> bytes | None:
    return provider.answer("POST", f"/p/storm-00/v1/preservations/{hold}/extensions", key, BODY, 1.0)


def found(provider: Hostile, key: str) -> list[Any]:
    said = provider.answer("GET", f"/p/storm-00/v1/preservations?key={key}", "", b"", 1.0)
    assert said is not None
    return list(json.loads(said.partition(b"\r\n\r\n")[2])["preservations"])


def hold_with(least: float, most: float) -> str:
    """A hold whose first message meets this throw of the dice."""
    return next(hold for hold in (f"R-{n}" for n in range(10_000)) if least <= _thrown(hold, 1) < most)


def test_a_hold_extended_twice_is_counted_twice_whatever_the_key_says() -> None:
    provider = Hostile(calm=True)
    extend(provider, "R-1", "same")
    extend(provider, "R-1", "same")
    assert provider.account.told()["effects"] == {"R-1": 2}


def test_an_unavailable_answer_has_no_effect_and_may_be_repeated_at_once() -> None:
    provider, hold = Hostile(), hold_with(0, UNAVAILABLE)
    answer = extend(provider, hold, "first")
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 0" in answer
    assert provider.account.told()["effects"] == {}
    assert found(provider, "first") == []


def test_a_broken_connection_leaves_its_effect_and_can_be_asked_about() -> None:
    provider, hold = Hostile(), hold_with(UNAVAILABLE, UNAVAILABLE + DROPPED)
    assert extend(provider, hold, "lost") is None
    assert provider.account.told()["effects"] == {hold: 1}
    assert found(provider, "lost")[0]["held_until"] == "2027-06-30"


def test_the_dice_fall_as_often_as_they_are_said_to() -> None:
    provider = Hostile()
    for number in range(10_000):
        extend(provider, f"R-{number}")
    account = provider.account.told()
    assert account["unavailable"] == pytest.approx(300, rel=0.2)
    assert account["dropped"] == pytest.approx(200, rel=0.2)


def test_holds_are_spread_over_the_providers_by_zipf() -> None:
    counts = [drawn(100_000, seed=1).count(name) for name in names()]
    assert len(counts) == PROVIDERS
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.1)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.15)


def row(who: str, holds: int, **given: Any) -> dict[str, Any]:
    figures = {"per_s": 100.0, "p99_late_s": 1.0, "missed": 0, "double": 0, "unconfirmed": 0}
    return {"who": who, "holds": holds, "peak_mb": 100.0, "seconds": 2.0, "append_ms": 1.0, "restart_s": 1.0} | (
        figures | given
    )


def verdicts(*rows: dict[str, Any]) -> dict[str, str]:
    return {goal.what: goal.verdict for goal in of_storm(rows)}


def test_one_double_effect_is_a_missed_goal() -> None:
    what = f"{OURS[0]}: missed, double or unconfirmed at 10,000"
    assert verdicts(row(OURS[0], 10_000))[what] == "reached"
    assert verdicts(row(OURS[0], 10_000, double=1))[what] == "MISSED"


@pytest.mark.parametrize(("ours", "verdict"), [(79.0, "MISSED"), (80.0, "reached")])
def test_the_bare_loop_is_reached_at_eight_tenths(ours: float, verdict: str) -> None:
    said = verdicts(row(BARE, 10_000), row(OURS[1], 10_000, per_s=ours))
    assert said[f"{OURS[1]}: × {BARE} at 10,000"] == verdict


def test_memory_that_grows_with_what_sleeps_is_a_missed_goal() -> None:
    rows = row(OURS[1], 10_000), row(OURS[1], 1_000_000, peak_mb=111.0)
    assert verdicts(*rows)[f"{OURS[1]}: memory, 1 M to 10 k"] == "MISSED"


def test_what_was_not_measured_is_not_called_reached() -> None:
    assert verdicts(row(OURS[1], 10_000))[f"{OURS[1]}: restart to first byte, s, at 1,000,000"] == "not measured"
    assert Goal(what="x", wanted=1, found=None).verdict == "not measured"
    broken = {"who": OURS[1], "holds": 10_000, "failed": "it broke"}
    assert set(verdicts(row(BARE, 10_000), broken).values()) == {"not measured"}


def test_intake_and_proof_are_held_against_their_goals() -> None:
    slow = of_size({"intake": {"SQLite": {"per_s": 9_999}}, "verify": {"SQLite": {"s_per_million": 60.1}}})
    assert [goal.verdict for goal in slow] == ["MISSED", "MISSED"]
