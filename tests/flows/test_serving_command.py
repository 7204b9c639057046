"""What `holdfast serve` refuses, in plain words and before anything is started."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from prefect_support import LiveUnit, PrefectServer, free_port
from serving_support import Serve

from flows.serving.server import OwnServer
from flows.settings import SettingsError, load

PROGRAM = Path(sys.executable).parent / "holdfast"


def served(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "PREFECT_"))}
    return subprocess.run(
        [PROGRAM, "serve", *options],
        env=kept | {"HOLDFAST_HOME": str(folder)} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_a_server_it_says_which_variable_to_set(tmp_path: Path) -> None:
    done = served(tmp_path)
    assert done.returncode == 2
    assert "PREFECT_API_URL is not set" in done.stderr
    assert "holdfast serve --server" in done.stderr


def test_a_simulated_clock_is_refused(tmp_path: Path) -> None:
    done = served(tmp_path, "--server", HOLDFAST_CLOCK="2027-01-20T09:00:00Z")
    assert done.returncode == 2
    assert "HOLDFAST_CLOCK" in done.stderr


@pytest.mark.parametrize("host", ["192.0.2.7", "::", "desk.example.com"])
def test_an_address_that_others_reach_needs_a_password(tmp_path: Path, host: str) -> None:
    environ = {"HOLDFAST_HOME": str(tmp_path), "PREFECT_SERVER_API_HOST": host}
    with pytest.raises(SettingsError, match="PREFECT_SERVER_API_AUTH_STRING=NAME:PASSWORD"):
        OwnServer(load(environ))
    assert not (tmp_path / "prefect").exists(), "nothing was started"
    OwnServer(load(environ | {"PREFECT_SERVER_API_AUTH_STRING": "unit:made for tests"}))


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost", "::1"])
def test_an_address_of_this_machine_alone_needs_none(tmp_path: Path, host: str) -> None:
    OwnServer(load({"HOLDFAST_HOME": str(tmp_path), "PREFECT_SERVER_API_HOST": host}))


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = OwnServer(load({"HOLDFAST_HOME": str(tmp_path), "PREFECT_SERVER_API_PORT": port}))
        with pytest.raises(SettingsError, match=f"port {port} is in use"):
            server.start(patience=0)
    with pytest.raises(SettingsError, match="expected a port such as 4200, found 'http'"):
        OwnServer(load({"HOLDFAST_HOME": str(tmp_path), "PREFECT_SERVER_API_PORT": "http"}))


@pytest.mark.prefect
@pytest.mark.xdist_group("at the desk")
def test_with_a_server_of_its_own_it_serves_and_ends_both(tmp_path: Path, prefect: PrefectServer) -> None:
    unit = LiveUnit(tmp_path)
    tables_of(prefect, tmp_path / "home" / "prefect")
    port = free_port()
    password = {"PREFECT_SERVER_API_AUTH_STRING": "unit:made for tests"}
    serving = Serve(unit, "--server", PREFECT_SERVER_API_PORT=str(port), **password).ready(90)
    assert f"Open http://127.0.0.1:{port}/deployments" in serving.said()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/admin/version")
    assert serving.stop() == 0
    assert serving.said().rstrip().endswith("stopped")
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(("127.0.0.1", port))  # the server has ended with it
    assert "made for tests" not in serving.said()


def tables_of(server: PrefectServer, home: Path) -> None:
    """The tables of a Prefect server in a new home: making them takes it as long as everything else."""
    home.mkdir()
    with (
        closing(sqlite3.connect(server.home / "prefect.db")) as there,
        closing(sqlite3.connect(home / "prefect.db")) as here,
    ):
        there.backup(here)
        for table in ("flow_run", "deployment"):
            here.execute(f"DELETE FROM {table}")  # noqa: S608 - two names of ours
        here.commit()
