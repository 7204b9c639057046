"""The stage of the demonstration: real processes on this machine, started here and ended here.

A sandbox of played providers, a Prefect server with a database of its own, and a home folder, all of them temporary.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.prefect_api import why_not
from flows.serving.server import OwnServer, ServerFailed
from flows.settings import VARIABLES, load

PLAYED = Path(__file__).resolve().parent.parent / "examples" / "channels" / "config"

POLICY = """
# For the demonstration: holds are asked about every three weeks, so that 200 days pass quickly.
[poll]
every = "21 days"

# The story tells what people are told; the files are there too.
[[ladder]]
level = 1
who = "Duty officer"
acknowledge_within = "12 hours"
tell = ["drop"]
mail_to = ""

[[ladder]]
level = 2
who = "Head of unit"
acknowledge_within = "6 hours"
tell = ["drop"]
mail_to = ""

[[ladder]]
level = 3
who = "Central authority"
acknowledge_within = "2 hours"
tell = ["drop"]
mail_to = ""
"""


class Stage:
    """A sandbox, a Prefect server and a home. Use as a context manager; everything ends with it.

    Args:
        folder: a temporary folder for home, overlay and Prefect's database.
        prefect_api: a running Prefect API to use instead of starting one, or "".
        policy: the unit's own, laid over the shipped one.
    """

    def __init__(self, folder: Path, prefect_api: str = "", *, policy: str = POLICY) -> None:
        self.folder = folder
        self.prefect_api = prefect_api
        self._server: OwnServer | None = None
        overlay = folder / "config"
        shutil.copytree(PLAYED, overlay)  # the contact points and providers that only the demonstration has
        (overlay / "policy.toml").write_text(policy)
        self._played = _play()
        self.sandbox = self._played.stdout.readline().strip() if self._played.stdout else ""
        if not self.sandbox:
            raise RuntimeError("the sandbox did not start")
        for name in VARIABLES:  # nothing of the unit's own
            os.environ.pop(name, None)
        os.environ |= {
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CONFIG": str(overlay),
            "HOLDFAST_SANDBOX_URL": self.sandbox,
        }
        if not prefect_api:
            self._start_prefect()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def prefect_log(self) -> Path | None:
        """Where our own Prefect server writes its log."""
        return self._server.log if self._server else None

    def close(self) -> None:
        """End what was started here."""
        if self._server:
            self._server.stop()
        if self._played.stdin:
            self._played.stdin.close()  # it ends with whoever started it
        try:
            self._played.wait(10)
        except subprocess.TimeoutExpired:
            self._played.kill()
            self._played.wait()

    def _start_prefect(self) -> None:
        """Start one of our own, whatever the unit's environment says of its real one."""
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            del os.environ[name]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self._server = OwnServer(load({**os.environ, "PREFECT_SERVER_API_PORT": port}))
        self._server.start()
        self.prefect_api = self._server.api
        os.environ |= {"PREFECT_HOME": str(self._server.folder), "DO_NOT_TRACK": "1"}

    def wait_for_prefect(self) -> bool:
        """Whether the Prefect API answers; our own is waited for as long as it may take to come up."""
        if self._server:
            try:
                self._server.wait()
            except ServerFailed:
                return False
        os.environ["PREFECT_API_URL"] = self.prefect_api
        return not why_not(load())

    def at(self, moment: datetime) -> None:
        """Move the simulated clock."""
        os.environ["HOLDFAST_CLOCK"] = moment.isoformat()

    def faults(self, provider: str, **rates: float) -> None:
        """What goes wrong at one provider from now on."""
        faults = {name.replace("_", "-"): rate for name, rate in rates.items()}
        self._post("faults", {"provider": provider, "faults": faults})

    def call(self, provider: str, request: str) -> None:
        """Somebody calls the provider: the law keeps this hold open from now on."""
        self._post("keep", {"provider": provider, "request": request})

    def _post(self, what: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310
            f"{self.sandbox}/_control/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            pass

    def account(self, at: datetime) -> Mapping[str, Any]:
        """What the sandbox says it holds, and every effect it had, by provider."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.sandbox}/_account", headers={"X-Sandbox-Clock": at.isoformat()}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            providers: Mapping[str, Any] = json.load(answer)["providers"]
            return providers


def _play() -> subprocess.Popen[str]:
    """The played providers, in a process that ends when its standard input does. Ctrl-C is for us."""
    options = ["--seed", "7", "--hostility", "0", "--retry-after", "600"]
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "providers.sandbox", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
