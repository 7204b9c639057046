"""What the crash tests share: a folder in memory, played providers here and in another process, a nursery."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from crash_world import fast_folder
from postgres_server import PostgresServer
from storm_world import Nursery, SandboxProcess

from providers.sandbox.certificates import Certificates, throwaway
from providers.sandbox.server import Sandbox, serve


@pytest.fixture
def folder() -> Iterator[Path]:
    with fast_folder() as made:
        yield made


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return throwaway(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def outside() -> Iterator[SandboxProcess]:
    """The sandbox as a process of its own: it outlives every sweeper."""
    made = SandboxProcess()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_address(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Says where a new ledger is: "" for a file in the home, or the address of an empty one on a server."""
    if request.param == "sqlite":
        yield str
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    made: list[str] = []

    def new() -> str:
        made.append(server.new_ledger())
        return made[-1]

    yield new
    for address in made:
        server.take_back(address)
