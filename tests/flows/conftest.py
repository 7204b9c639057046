"""The Prefect server that these tests share: in one process, Prefect's client can be used with one server only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from prefect_support import PrefectServer


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect-client"))  # before Prefect is imported
    running = PrefectServer(tmp_path_factory.mktemp("prefect"))
    yield running
    running.stop()
