"""The pictures of the guide. The tests take them: `HOLDFAST_PICTURES=docs/images pytest tests/browser`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "contact-team.md"
SHOWN = re.findall(r"\]\(images/([\w-]+)\.png\)", GUIDE.read_text())


def test_the_guide_shows_every_picture_that_the_tests_take() -> None:
    taken = {
        name
        for path in Path(__file__).parent.glob("test_clerk*.py")
        for name in re.findall(r'picture\([^\n]*?"([\w-]+)"|"((?:desk|case)[\w-]*-v2-\w+)"', path.read_text())
        for name in name
        if name
    }
    assert set(SHOWN) == taken


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_is_there_and_small(name: str) -> None:
    picture = ROOT / "docs" / "images" / f"{name}.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size <= 200_000
