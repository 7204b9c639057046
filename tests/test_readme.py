"""What README and the guides promise is there: numbers, files, commands, tests, `make` targets, variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from desk.cli import holdfast
from flows.catalogue import load
from flows.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
GUIDES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
MAKE = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

COMMANDS = set(holdfast.commands)
MADE_UP = {"config/providers/example-mail.toml", "config/providers/example.toml"}
"""Records that a reader of the guides is to write."""


def named(name: str) -> str:
    return str(Path(name).relative_to(ROOT))


def links(guide: Path) -> Iterator[str]:
    """Targets of links within the repository."""
    text = guide.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_link_leads_to_a_file(guide: Path) -> None:
    missing = [target for target in links(guide) if not (guide.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_file_named_in_back_quotes_is_there(guide: Path) -> None:
    rooms = "bench|config|desk|docs|examples|flows|ledger|providers|tests|timeline"
    paths = re.findall(rf"`((?:{rooms})/[\w./-]*)`", guide.read_text())
    expected = {path for path in paths if "ID" not in path and not path.startswith("bench/results")} - MADE_UP
    assert not {path for path in expected if not (ROOT / path).exists()}


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_command_named_is_a_command(guide: Path) -> None:
    text = guide.read_text()
    typed = set(re.findall(r"(?:^ {4}(?:\.venv/bin/)?|`)holdfast ([a-z]+)", text, re.MULTILINE))
    assert typed <= COMMANDS


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_make_target_named_is_in_the_makefile(guide: Path) -> None:
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", guide.read_text(), re.MULTILINE)) <= MAKE


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_variable_named_is_read(guide: Path) -> None:
    code = "".join(
        path.read_text() for room in ("desk", "flows", "providers") for path in (ROOT / room).rglob("*.py")
    )
    code += "".join(path.read_text() for path in (ROOT / "config" / "providers").glob("*.toml"))
    assert not [name for name in set(re.findall(r"\bHOLDFAST_[A-Z_]+\b", guide.read_text())) if name not in code]


def test_every_variable_of_the_settings_is_read_and_documented() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text()
    code = [path.read_text() for room in ("flows", "ledger") for path in (ROOT / room).glob("*.py")]
    for name in VARIABLES:
        assert f"`{name}`" in commands
        assert any(re.search(rf'environ(?:\.get\(|\[)?"?{name}|"{name}"', text) for text in code)


def test_the_commands_that_readme_shows_are_listed_in_the_reference() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text()
    for name in COMMANDS:
        assert f"\n## {name}\n" in commands


def test_a_command_that_is_a_group_documents_its_words() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text()
    for name, command in holdfast.commands.items():
        if isinstance(command, click.Group):
            assert all(f"holdfast {name} {word}" in commands or f"[{word}]" in commands for word in command.commands)


def test_readme_counts_the_instruments_and_providers_that_are_there() -> None:
    catalogue = load(None)
    said = re.search(r"(\d+) instruments of law and (\d+) providers", README)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (len(catalogue.instruments), len(catalogue.providers))


def test_readme_counts_the_real_providers_and_the_played_ones() -> None:
    providers = load(None).providers
    played = sum(name.startswith("sandbox") for name in providers)
    said = re.search(r"all (\d+) real\s+providers, while (\d+) are played", README)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (len(providers) - played, played)


def test_every_real_provider_is_reached_by_a_person_as_readme_says() -> None:
    providers = load(None).providers
    assert {entry.adapter["kind"] for name, entry in providers.items() if not name.startswith("sandbox")} == {
        "manual"
    }


def test_the_changelog_counts_the_instruments_too() -> None:
    said = re.search(r"\*\*Instruments\*\*: (\d+)", CHANGELOG)
    assert said is not None
    assert int(said[1]) == len(load(None).instruments)


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version} " in CHANGELOG


def test_readme_is_one_screen() -> None:
    assert len(README.splitlines()) <= 50
