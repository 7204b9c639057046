from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of this process."""
    server = PostgresServer()
    server.take_back(server.new_ledger())  # the roles are there from now on
    yield server
    server.close()
