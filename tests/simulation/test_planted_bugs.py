"""The checker finds the mistakes that it is there to find, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_bugs import BUGS
from simulation import Setting, run
from simulation_checker import check

SETTINGS: dict[Setting, str] = {bug.setting: name for name, bug in BUGS.items()}


def _named(name: str) -> str:
    return name.replace(" ", "-")


@pytest.mark.parametrize("name", BUGS, ids=_named)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    found = check(run(tmp_path, bug.setting, bug.parts).document)
    assert any(bug.found_as in each for each in found), found[:5]


@pytest.mark.parametrize("setting", SETTINGS, ids=[_named(f"the world of {name}") for name in SETTINGS.values()])
def test_without_a_bug_nothing_is_found_in_the_same_world(setting: Setting, tmp_path: Path) -> None:
    story = run(tmp_path, setting)
    assert check(story.document) == []
    assert story.faults_of_ours == []
