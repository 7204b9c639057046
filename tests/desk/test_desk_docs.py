"""docs/commands.md and --help tell the truth."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from desk_support import COMMAND, Unit

from desk.cli import holdfast
from flows.replying import KINDS
from flows.settings import VARIABLES
from providers.errors import GROUNDS

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()


def commands(group: click.Group = holdfast, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def section(command: str) -> str:
    """What the reference says of a command (of its group, where it is in one)."""
    parts = re.split(r"^## ", DOCS, flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(command.split(maxsplit=1)[0] + "\n"))


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_in_the_reference(name: str) -> None:
    text = section(name)
    assert name.rpartition(" ")[2] in text
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert f"`{option}" in text, f"{name} {option}"


def test_every_option_in_the_reference_is_there() -> None:
    for name, command in ALL.items():
        if " " in name or name == "sandbox":
            continue
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        known = {option for each in (command, *inner) for parameter in each.params for option in parameter.opts}
        named = set(re.findall(r"^\| `(--[a-z-]+)", section(name), flags=re.MULTILINE))
        assert named <= known, name


@pytest.mark.parametrize("name", [name for name in ALL if name != "sandbox"])
def test_the_help_of_every_command_has_an_example_and_its_exit_statuses(name: str, unit: Unit) -> None:
    text = unit(*name.split(), "--help").stdout
    assert f"holdfast {name}" in text
    if not isinstance(ALL[name], click.Group):
        assert re.search(r"Exit status: +0 ", text), name
        assert "\b" not in text


def test_the_help_of_the_sandbox_is_in_the_reference() -> None:
    shown = subprocess.run([*COMMAND, "sandbox", "--help"], capture_output=True, text=True, check=True).stdout
    for option in set(re.findall(r"--[a-z-]+", shown)) - {"--help"}:
        assert option in section("sandbox"), option


def test_every_kind_of_entry_is_in_the_reference_with_what_goes_with_it() -> None:
    for name, kind in KINDS.items():
        (row,) = [line for line in section("record").splitlines() if line.startswith(f"| `{name}` ")]
        named = set(re.findall(r"`--([a-z]+)`", row))
        assert named == {*kind.needs, *kind.may}, name
        for need in kind.needs:
            assert f"`--{need}` (needed)" in row, name
    assert all(f"`{ground}`" in section("record") for ground in GROUNDS)


def test_every_variable_is_in_the_reference() -> None:
    assert [name for name in VARIABLES if f"`{name}`" not in DOCS] == []


def test_the_commands_of_the_design_are_there() -> None:
    wanted = [
        "plan",
        "preserve",
        "board",
        "show",
        "sweep",
        "watch",
        "record",
        "release",
        "providers",
        "instruments",
        "verify",
        "sandbox",
        "demo",
    ]
    assert set(wanted) <= set(ALL)
