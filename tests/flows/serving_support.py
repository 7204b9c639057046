"""`holdfast serve` as a process of its own, as the tests of it and the measurement of it use it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect_support import Cable, LiveUnit, PrefectServer, wait_for

from flows.deployments import SERVED

ROOT = Path(__file__).parents[2]
BUSY = 503
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Serve:
    """A running `holdfast serve`. `said()` is what it told so far."""

    def __init__(self, unit: LiveUnit, *options: str, **environ: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOLDFAST_"))}
        self.log = unit.folder / f"serve-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "holdfast", "serve", *options],
                env=kept | unit.environ | environ | {"PREFECT_HOME": str(unit.folder / "client")},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text()

    def ready(self, seconds: float = 40) -> Serve:
        """Wait until the forms are there."""
        wait_for(lambda: self._looked() and "on the pages" in self.said(), seconds=seconds, what="holdfast serve")
        return self

    def _looked(self) -> bool:
        assert self.process.poll() is None, self.said()
        return True

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def deployment(server: PrefectServer, flow: str) -> dict[str, Any]:
    """What the server knows of the one deployment of a flow."""
    found = server.ask("/deployments/filter", {"flows": {"name": {"any_": [flow]}}})
    if len(found) > 1:  # other tests give a flow another name
        found = [each for each in found if each["name"] in {one.name for one in SERVED}]
    assert len(found) == 1, [each["name"] for each in found]
    return dict(found[0])


def press(server: PrefectServer, flow: str, **parameters: Any) -> str:
    """Press "Run" of a form; gives the run's id."""
    path = f"/deployments/{deployment(server, flow)['id']}/create_flow_run"
    for _ in range(5):
        try:
            return str(server.ask(path, {"parameters": parameters})["id"])
        except urllib.error.HTTPError as error:
            if error.code != BUSY:
                raise
            time.sleep(0.3)  # its SQLite file is busy: a person presses the button again
    raise AssertionError(f"{flow}: the server is busy for too long")


def ended(server: PrefectServer, run: str, *, seconds: float = 20) -> dict[str, Any]:
    """A run when it has ended."""
    found: dict[str, Any] = {}

    def look() -> bool:
        time.sleep(0.1)
        found.update(server.run(run))
        return found["state_type"] in ENDED

    wait_for(look, seconds=seconds, what="the end of a run")
    return found


def cancel(server: PrefectServer, run: str) -> None:
    """Press "Cancel" on the page of a run."""
    server.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})


def until(server: PrefectServer, run: str, *types: str, seconds: float = 15) -> None:
    """Wait until a run is in one of these states."""

    def look() -> bool:
        time.sleep(0.05)
        return server.run(run)["state_type"] in types

    wait_for(look, seconds=seconds, what=f"a run in {types}")


def hang_up(*ends: socket.socket) -> None:
    """Break a connection."""
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Line(Cable):
    """A way to a server that can be slow, and that can be cut and mended at the same address."""

    def __init__(self, address: str, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        super().__init__(address)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                time.sleep(self.seconds)
                other.sendall(data)
        except OSError:
            pass
        finally:
            hang_up(one, other)

    def mend(self) -> None:
        """Let it through again."""
        port = int(self.address.rpartition(":")[2].partition("/")[0])
        self._ends.clear()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()
