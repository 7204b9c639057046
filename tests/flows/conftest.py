"""The Prefect server that these tests share: in one process, Prefect's client can be used with one server only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from prefect_support import PlayedProviders, PrefectServer


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect-client"))  # before Prefect is imported
    soon = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5"}  # else events show after 5 s
    all_told = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_SERVER_LEVEL": "DEBUG"}  # no account, even so
    running = PrefectServer(tmp_path_factory.mktemp("prefect"), **soon, **all_told)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def played() -> Iterator[PlayedProviders]:
    running = PlayedProviders()
    yield running
    running.stop()
