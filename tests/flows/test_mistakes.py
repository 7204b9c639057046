"""The example with one mistake of each kind: every kind is told, at its line, and nothing else is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import catalogue, intake
from flows.problems import KINDS, Problem

EXAMPLES = Path(__file__).parents[2] / "examples"
MISTAKES = EXAMPLES / "mistakes.toml"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)

NEED_A_LEDGER = {"live", "relation"}
NEED_A_PLAN = {"coverage"}  # told with the dates of a case that has no error


@pytest.fixture(scope="module")
def problems() -> tuple[Problem, ...]:
    with pytest.raises(intake.CaseErrors) as raised:
        intake.read(MISTAKES, catalogue.load(), at=NOW)
    return raised.value.problems


def listed() -> set[tuple[int, str]]:
    """What the comments of the example say: the line and the kind of each mistake."""
    lines = MISTAKES.read_text(encoding="utf-8").splitlines()
    comments = [(number, re.search(r"\S +# ([a-z, -]+)$", line)) for number, line in enumerate(lines, start=1)]
    return {(number, kind) for number, found in comments if found for kind in found[1].split(", ")}


def place(problem: Problem) -> int:
    found = re.match(r"mistakes\.toml: line (\d+): ", problem.where)
    assert found, problem.where
    return int(found[1])


def test_what_is_told_is_exactly_what_the_example_lists(problems: tuple[Problem, ...]) -> None:
    assert {(place(each), each.kind) for each in problems} == listed()


def test_every_kind_of_finding_is_shown(problems: tuple[Problem, ...]) -> None:
    assert {each.kind for each in problems} == set(KINDS) - NEED_A_LEDGER - NEED_A_PLAN


def test_every_finding_is_one_line_with_what_to_write_instead(problems: tuple[Problem, ...]) -> None:
    for each in problems:
        assert each.problem
        assert each.fix
        assert "\n" not in str(each)
        assert not each.problem.endswith(".")


def test_no_identifier_is_quoted(problems: tuple[Problem, ...]) -> None:
    text = MISTAKES.read_text(encoding="utf-8") + (EXAMPLES / "mistakes.csv").read_text(encoding="utf-8")
    found = {*re.findall(r'value = "([^"\\]+)"', text), *re.findall(r"^\w+,(\S+)$", text, re.MULTILINE)}
    values = found - {"value"}
    assert len(values) > 100
    said = " ".join(map(str, problems))
    assert [each for each in values if each in said] == []
