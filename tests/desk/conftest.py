from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_support import SHORT_PROFILE, Unit

from providers.sandbox import Sandbox, serve


@pytest.fixture(scope="session")
def played() -> Iterator[Sandbox]:
    """A provider on this machine, for the whole session; tests that change it use one of their own."""
    with serve() as sandbox:
        yield sandbox


@pytest.fixture
def unit(tmp_path: Path, played: Sandbox) -> Unit:
    """A unit without a ledger yet."""
    made = Unit(tmp_path, played.url)
    (tmp_path / "config" / "mla.toml").write_text(SHORT_PROFILE)
    return made
