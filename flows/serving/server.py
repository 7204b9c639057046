"""A Prefect server of our own, on this machine only: a process that ends with the one that started it.

Imports no Prefect: the server takes ten seconds to start, and the import is done meanwhile.
"""

from __future__ import annotations

import ctypes
import ipaddress
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from flows.settings import Settings, SettingsError

PORT = 4200
"""Prefect's usual port. Another free one is taken where somebody has it already."""

FOLDER = "prefect"
"""Its data, in the home."""

START_WITHIN = 120.0
"""Seconds for the server to answer: the first start makes its database."""

END_WITHIN = 15.0
"""Seconds for the server to end."""

ALWAYS: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
"""Nothing goes to anybody else."""

LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
ON_DISK = "prefect.server.concurrency.lease_storage.filesystem"
"""Where slots of limits are kept, unless the environment says: in memory, one held at a restart is never free again.

What is old goes without a setting: events after a week, by the server itself; runs by `flows.serving.tidying`, which
knows which of them are to be kept longer."""

PAGES: Mapping[str, str] = {"PREFECT_SERVER_UI_API_URL": "/api", "PREFECT_SERVER_UI_V2_ENABLED": "false"}
"""Unless the environment says: the pages ask where they came from, behind a proxy too; and the look that asks nobody
else for anything comes first."""


class ServerFailed(Exception):
    """The server did not start. The message says where its log is."""


class OwnServer:
    """`prefect server start`, its data below the home. `api` is its address for programs, `pages` for people."""

    def __init__(self, settings: Settings) -> None:
        """Decide where it will be. Nothing is started.

        Raises:
            SettingsError: its address could be reached by others, and no password is set.
        """
        environ = settings.environ
        self.folder = settings.home / FOLDER
        self.log = self.folder / "server.log"
        host = environ.get("PREFECT_SERVER_API_HOST") or "127.0.0.1"
        if not _loopback(host) and not environ.get("PREFECT_SERVER_API_AUTH_STRING"):
            raise SettingsError(
                f"PREFECT_SERVER_API_HOST: {host} can be reached from other machines, and whoever reaches these "
                "pages can press every button; write 127.0.0.1, or set PREFECT_SERVER_API_AUTH_STRING=NAME:PASSWORD"
            )
        self._host, self._wanted = host, environ.get("PREFECT_SERVER_API_PORT", "")
        if self._wanted and not (self._wanted.isdecimal() and 0 < int(self._wanted) <= 65535):  # noqa: PLR2004
            raise SettingsError(f"PREFECT_SERVER_API_PORT: expected a port such as {PORT}, found {self._wanted!r}")
        self._given = environ
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def pages(self) -> str:
        """What a person opens."""
        name = "127.0.0.1" if self._host in ("0.0.0.0", "::", "") else self._host  # noqa: S104 - said, not bound
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    @property
    def api(self) -> str:
        """What `PREFECT_API_URL` has to be."""
        return f"{self.pages}/api"

    def start(self, *, patience: float = END_WITHIN) -> None:
        """Start it; it does not answer yet (`wait`).

        Args:
            patience: seconds to wait for a port that is taken: a server whose parent was killed ends soon.

        Raises:
            SettingsError: its port is taken.
        """
        if not self.port:
            self.port = self._free_port(patience)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        environ = {name: value for name, value in self._given.items() if name != "PREFECT_API_URL"}
        for name, value in {LEASES: ON_DISK, **PAGES}.items():
            environ.setdefault(name, value)
        environ |= {
            **ALWAYS,
            "PREFECT_HOME": str(self.folder),
            "PREFECT_SERVER_API_HOST": self._host,
            "PREFECT_SERVER_API_PORT": str(self.port),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start"],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end it when the acts in hand are done
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call, no lock
            )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServerFailed: it ended, or does not answer; says where its log is, with its last line.
        """
        import requests

        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end:
            if not self.alive:
                break
            with suppress(requests.RequestException):
                if requests.get(f"{self.api}/health", timeout=1, allow_redirects=False).ok:
                    return
            time.sleep(0.1)
        lines = self.log.read_text(errors="replace").strip().splitlines()
        self.stop()
        last = lines[-1].strip() if lines else "it said nothing"
        raise ServerFailed(f"the Prefect server did not start: {last}; see {self.log}")

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def ensure(self) -> bool:
        """Start it again if it has ended by itself; gives whether it had."""
        if self.alive:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """End it, and wait for that."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _free_port(self, patience: float) -> int:
        """The port that is wanted; without one, the usual one or any that is free."""
        port = int(self._wanted or PORT)
        end = time.monotonic() + (patience if self._wanted or self.log.exists() else 0)
        while not _free(self._host, port):
            if time.monotonic() > end:
                if self._wanted:
                    raise SettingsError(f"PREFECT_SERVER_API_PORT: port {port} is in use; choose another one")
                return _any_port(self._host)
            time.sleep(0.2)
        return port


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def _any_port(host: str) -> int:
    with socket.socket(_family(host)) as found:
        found.bind((host, 0))
        port: int = found.getsockname()[1]
        return port


def _end_with_parent() -> None:
    """Have Linux end the process when the one that started it is killed: nobody else would."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
