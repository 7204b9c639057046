"""The site that these tests share: a PostgreSQL server, played providers, and a Prefect server for who needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("flows", "ledger")]


@pytest.fixture(scope="session")
def played() -> Iterator[object]:
    """Providers that do what they are asked, and count it."""
    from prefect_support import PlayedProviders

    running = PlayedProviders()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """The PostgreSQL server that comes with the tests."""
    from postgres_server import PostgresServer

    running = PostgresServer()
    yield running
    running.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A PostgreSQL server and a Prefect server, on it where that has what Prefect needs."""
    from operating_support import prefect_on_postgres, with_trigrams
    from postgres_server import PostgresServer

    os.environ.setdefault("PREFECT_HOME", str(tmp_path_factory.mktemp("client")))  # before Prefect is imported
    programs = with_trigrams()
    postgres = PostgresServer(programs=programs)
    try:
        folder = tmp_path_factory.mktemp("prefect")
        with prefect_on_postgres(folder, postgres, trigrams=programs is not None) as prefect:
            yield postgres, prefect
    finally:
        postgres.close()
