"""A desk that the tests of this folder share, and a browser. Where there is none, they say how to install it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))

MISSING = "there is no browser: install Chromium (Debian: apt-get install chromium)"


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The desk as it opens. What a test settles is settled for those that come after."""
    from browser_support import Desk, chromium

    if not chromium():
        _without(MISSING)
    running = Desk(tmp_path_factory.mktemp("desk"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A browser for one file of tests: while it runs, nothing else in this process can have a loop of its own."""
    from browser_support import ALONE, chromium
    from playwright.sync_api import sync_playwright

    if not (path := chromium()):
        _without(MISSING)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(ALONE))
        yield running
        running.close()


@pytest.fixture(scope="module")
def seat(browser: object, desk: object) -> Iterator[object]:
    """A clerk's browser for one file of tests: it keeps what it has loaded once, as everybody's does."""
    from browser_support import Clerk

    with Clerk(browser, desk) as working:  # type: ignore[arg-type]
        yield working


@pytest.fixture
def clerk(seat: object) -> Iterator[object]:
    """Somebody at the desk. At the end: no page has asked anybody else for anything, and none is open."""
    yield seat
    assert seat.strangers == []  # type: ignore[attr-defined]
    for page in seat.context.pages:  # type: ignore[attr-defined]
        page.close()


def _without(what: str) -> None:
    """Skip, but not where a browser must be there."""
    if os.environ.get("HOLDFAST_TEST_BROWSER") == "needed":
        pytest.fail(what)
    pytest.skip(what)
