"""A unit lives for a year and a half among providers and people who go wrong, and does its duty all the same."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from simulation import Setting, Story, run
from simulation_checker import check
from simulation_law import LAWS

from flows.catalogue import load

HERE = Path(__file__).parent
LIFE = Setting(holds=63, days=270, over_days=40, sweep_minutes=240, seed=5)
SHORT = Setting(holds=12, days=30, over_days=5, seed=6, sweep_minutes=120)


def contacts(story: Story) -> Counter[tuple[str, str]]:
    """What reached the providers, by action and by what became of it."""
    return Counter((each[1], each[3]) for request in story.document["requests"] for each in request["contacts"])


def test_no_duty_is_left_undone_in_a_world_that_is_rough_enough_to_prove_something(tmp_path: Path) -> None:
    life = run(tmp_path, LIFE)
    assert check(life.document) == []
    assert life.faults_of_ours == []
    # every kind of trouble came, and holds were extended, released, lost and kept
    seen = contacts(life)
    for act in (("send", "effect"), ("extend", "effect"), ("release", "effect"), ("status", "asked")):
        assert seen[act] > 5, act
    outcomes = Counter(what for _, what in seen.elements())
    for what in ("unavailable", "lost-before", "lost-after", "refused", "found", "not-found"):
        assert outcomes[what] > 0, what
    requests = life.document["requests"]
    assert {each["instrument"] for each in requests} == set(LAWS)
    assert any(not delivered for each in requests for *_, delivered in each["told"])
    assert any(level == 3 for each in requests for _, level, *_ in each["told"])
    assert any(each["stopped"] for each in requests)
    assert len({each["state"] for each in requests}) > 3


def test_the_same_seed_gives_the_same_history_and_another_one_another(tmp_path: Path) -> None:
    one, two = run(tmp_path / "one", SHORT), run(tmp_path / "two", SHORT)
    other = run(tmp_path / "other", replace(SHORT, seed=7))
    assert one.document == two.document
    assert one.digest == two.digest != other.digest


def test_the_checker_knows_every_instrument_of_the_catalogue() -> None:
    assert set(LAWS) == set(load().instruments)


def test_the_checker_shares_no_code_with_the_house() -> None:
    for name in ("simulation_checker", "simulation_law"):
        tree = ast.parse((HERE / f"{name}.py").read_text())
        imported = {
            (each.module or "") if isinstance(each, ast.ImportFrom) else each.names[0].name
            for each in ast.walk(tree)
            if isinstance(each, ast.Import | ast.ImportFrom)
        }
        strange = {each for each in imported if each.partition(".")[0] not in sys.stdlib_module_names}
        assert strange <= {"simulation_law"}, name


def test_the_law_of_the_checker_stands_in_no_file_of_the_catalogue() -> None:
    """It was written down again by hand: it is read from nowhere."""
    for name in ("simulation_checker", "simulation_law"):
        assert not re.search(r"open\(|read_text|toml", (HERE / f"{name}.py").read_text()), name


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 6))
def test_two_thousand_holds_live_for_a_year_and_a_half(seed: int, tmp_path: Path) -> None:
    story = run(tmp_path, Setting(holds=2_000, days=540, seed=seed, sweep_minutes=120))
    assert check(story.document) == []
    assert story.faults_of_ours == []


@pytest.mark.soak
def test_ten_thousand_holds_live_for_a_year_and_a_half(tmp_path: Path) -> None:
    story = run(tmp_path, Setting(holds=10_000, days=540, sweep_minutes=240))
    assert check(story.document) == []
    assert story.faults_of_ours == []
    assert len(story.document["requests"]) == 10_000
