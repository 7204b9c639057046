"""The stage of the demonstration: real processes on this machine, started here and ended here.

A sandbox provider, a Prefect server with a database of its own, and a home folder, all of them temporary.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.settings import VARIABLES

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

PREFECT_STARTS_WITHIN = 45.0
"""Seconds; without it the demonstration goes on, and says so."""


class Stage:
    """A sandbox, a Prefect server and a home. Use as a context manager; everything ends with it.

    Args:
        folder: a temporary folder for home, overlay and Prefect's database.
        prefect_api: a running Prefect API to use instead of starting one, or "".
    """

    def __init__(self, folder: Path, prefect_api: str = "") -> None:
        self.folder = folder
        self.prefect_api = prefect_api
        self._processes: list[subprocess.Popen[Any]] = []
        overlay = folder / "config"
        shutil.copytree(PLAYED, overlay)  # the contact points and providers that only the demonstration has
        (overlay / "policy.toml").write_text(POLICY)
        self.sandbox = self._start_sandbox()
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
        for process in reversed(self._processes):
            if process.stdin:
                process.stdin.close()
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start_sandbox(self) -> str:
        command = [
            sys.executable,
            "-m",
            "providers.sandbox",
            "--seed",
            "7",
            "--hostility",
            "0",
            "--retry-after",
            "600",
        ]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._processes.append(process)
        line = process.stdout.readline().strip() if process.stdout else ""
        if not line:
            raise RuntimeError("the sandbox did not start")
        return line

    def _start_prefect(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        home = self.folder / "prefect"
        home.mkdir()
        environ = os.environ | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "DO_NOT_TRACK": "1",
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with (self.folder / "prefect.log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        self.prefect_api = f"http://127.0.0.1:{port}/api"
        os.environ |= {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}

    def wait_for_prefect(self) -> bool:
        """Whether the Prefect API answers, waiting for it as long as it may take to come up."""
        end = time.monotonic() + PREFECT_STARTS_WITHIN
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.prefect_api}/health", timeout=1) as answer:  # noqa: S310
                    if answer.status == 200:  # noqa: PLR2004
                        os.environ["PREFECT_API_URL"] = self.prefect_api
                        return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        return False

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
