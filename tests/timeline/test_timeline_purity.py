"""The pure room: no clock, no disk, no network, no environment, nothing but the standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import timeline

FILES = sorted(Path(timeline.__file__).parent.glob("*.py"))
MODULES = {
    *("__future__", "calendar", "collections", "dataclasses", "datetime", "enum", "fractions", "functools"),
    *("itertools", "re", "timeline", "typing", "zoneinfo"),
}
"""All that it needs of the standard library: nothing there reads a clock but what is forbidden below."""
CALLS = {
    *("now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp", "localtime", "gmtime", "monotonic"),
    *("open", "input", "print", "exec", "eval", "__import__", "import_module", "getenv"),
}
"""What may not be called, by whatever way it was got at."""


def trees() -> dict[str, ast.Module]:
    return {path.name: ast.parse(path.read_text()) for path in FILES}


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def impure(tree: ast.Module) -> set[str]:
    """Calls of what reads a clock or reaches outside, uses of `time` as a module, and of the environment."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.attr
                if isinstance(called, ast.Attribute)
                else called.id
                if isinstance(called, ast.Name)
                else ""
            )
            found |= {name} & CALLS
        elif isinstance(node, ast.Attribute):
            found |= {node.attr} & {"environ"}
            if isinstance(node.value, ast.Name) and node.value.id == "time":
                found.add(f"time.{node.attr}")
    return found


def test_there_is_something_to_look_at() -> None:
    assert {"decide.py", "days.py", "state.py", "rules.py"} <= set(trees())


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_only_the_standard_library_is_imported(name: str) -> None:
    found = imported(trees()[name])
    assert found <= MODULES, f"{name} imports {found - MODULES}"
    assert found - {"timeline"} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_no_clock_is_read_and_nothing_outside_is_touched(name: str) -> None:
    assert impure(trees()[name]) == set()


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_every_file_can_be_read_in_one_sitting(name: str) -> None:
    assert len((Path(timeline.__file__).parent / name).read_text().splitlines()) < 400


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import time\ntime.time()", True),
        ("from datetime import datetime\ndatetime.now()", True),
        ("from datetime import date\ndate.today()", True),
        ("open('x')", True),
        ("import time as t\nt.monotonic()", True),
        ("import os\nos.environ['x']", True),
        ("def decide(now):\n    return now.tzinfo", False),
        ("from datetime import time\ntime()", False),
    ],
)
def test_these_checks_catch_what_they_are_for(source: str, caught: bool) -> None:
    tree = ast.parse(source)
    assert bool(impure(tree) or imported(tree) - MODULES) is caught
