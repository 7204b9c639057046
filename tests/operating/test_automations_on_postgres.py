"""The example automations on a Prefect server that keeps its database in PostgreSQL, as larger units do."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_emitting
from operating_support import with_trigrams
from prefect_support import LiveUnit, PlayedProviders, PrefectServer

pytestmark = [pytest.mark.soak, pytest.mark.prefect, pytest.mark.xdist_group("on a clock")]


@pytest.fixture
def prefect(servers: tuple[object, PrefectServer]) -> PrefectServer:
    if with_trigrams() is None:
        pytest.skip("there is no PostgreSQL with pg_trgm, which Prefect needs (Debian: apt-get install postgresql)")
    return servers[1]


@pytest.fixture
def unit(tmp_path: Path, prefect: PrefectServer, played: PlayedProviders) -> LiveUnit:
    unit = LiveUnit(tmp_path, prefect.api)
    unit.provider("alpha", played.address("alpha"))
    return unit


class TestOnPostgreSQL(test_emitting.TestTheExampleAutomations):
    """Each of them again, there."""
