"""A unit's site on this machine: PostgreSQL, a Prefect server on it, and the homes of several machines."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from postgres_server import ADMIN_PASSWORD, APP_PASSWORD, PostgresServer
from prefect_support import LiveUnit, PlayedProviders, PrefectServer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "operating"
GUIDE = (ROOT / "docs" / "operating.md").read_text()
PROGRAMS = Path(sys.executable).parent
PREFECT_PASSWORD = "made for Prefect's tests"


def with_trigrams() -> Path | None:
    """Programs of a PostgreSQL on this machine that has the extension pg_trgm, which Prefect's tables need.

    The one that comes with the tests has none. Where the machine has no other, Prefect keeps its SQLite file.
    """
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        asked = subprocess.run([programs / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and (Path(asked.stdout.strip()) / "extension" / "pg_trgm.control").exists():
            return programs
    return None


def variables(name: str) -> dict[str, str]:
    """What an environment file of the examples sets."""
    lines = [line for line in (EXAMPLES / name).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def blocks(*names: str) -> Iterator[tuple[str, str]]:
    """The marked blocks of commands in the guide, as they stand there: name and text. All of them without names."""
    for name, text in re.findall(r"<!-- tried: ([a-z-]+) -->\n```sh\n(.*?)```", GUIDE, flags=re.DOTALL):
        if not names or name in names:
            yield name, text


def run(text: str, environ: Mapping[str, str], folder: Path = ROOT) -> str:
    """Run a block as an operator would, and stop at the first command that fails; gives all that was said."""
    shell = ["bash", "-eu", "-o", "pipefail", "-c", text]
    done = subprocess.run(
        shell, env=dict(environ), cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, f"{text}\nends with {done.returncode}:\n{done.stdout}"
    return done.stdout


def bare(**more: str) -> dict[str, str]:
    """Our environment without what would lead anywhere else; our programs are found first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOLDFAST_", "PG"))}
    return kept | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "DO_NOT_TRACK": "1"} | more


class Site(LiveUnit):
    """A unit whose ledger is in PostgreSQL. Its own folder is the first machine's; `machine` makes more.

    Args:
        folder: an empty one.
        postgres: the server.
        prefect_api: the Prefect server, if there is one.
    """

    def __init__(self, folder: Path, postgres: PostgresServer, prefect_api: str = "") -> None:
        self.postgres, self.database = postgres, postgres.new_database()
        self.passwords = folder / "passwords"
        self.passwords.touch(0o600)
        lines = (("holdfast_app", APP_PASSWORD), ("postgres", ADMIN_PASSWORD), ("prefect", PREFECT_PASSWORD))
        self.passwords.write_text("".join(f"127.0.0.1:*:*:{role}:{password}\n" for role, password in lines))
        place = f"127.0.0.1:{postgres.port}"
        self.admin = f"postgresql://postgres@{place}/postgres?passfile={self.passwords}"
        ledger = f"postgresql://holdfast_app@{place}/{self.database}?passfile={self.passwords}"
        environ = bare(HOLDFAST_LEDGER=ledger, HOLDFAST_HEADS=str(folder / "heads.jsonl"))
        init = [PROGRAMS / "holdfast", "ledger", "init", "--sandbox", "--admin", self.admin]
        init += ["--app-password-env", "APP_PASSWORD"]
        subprocess.run(init, env=environ | {"APP_PASSWORD": APP_PASSWORD}, check=True, capture_output=True)
        super().__init__(folder, prefect_api, **environ)

    def machine(self, name: str) -> dict[str, str]:
        """The environment of another machine: its own home, the same key, the same configuration and ledger."""
        home = self.folder / name
        home.mkdir(0o700)
        shutil.copy(self.folder / "home" / "master.key", home / "master.key")
        return {
            **self.environ,
            "HOLDFAST_HOME": str(home),
            "HOLDFAST_ACTOR": name,
            "PREFECT_HOME": str(self.folder / f"{name}-prefect"),
        }

    def senders(self) -> dict[str, list[str]]:
        """By whom each request was sent, as often as it was: the configured names."""
        found: dict[str, list[str]] = {}
        with self.office() as office:
            for record in office.ledger.records():
                if record.kind == "sent":
                    found.setdefault(record.request, []).append(record.actor.partition("(")[2].rstrip(")"))
        return found


def counted(played: PlayedProviders) -> Counter[tuple[str, str, int]]:
    """How often each (request, action, sequence) took effect, by the played providers' own account."""
    with urllib.request.urlopen(f"{played.url}/_account") as answer:  # noqa: S310
        providers = json.load(answer)["providers"].values()
    every = [each for provider in providers for each in provider["effects"]]
    return Counter({(each["request"], each["action"], each["sequence"]): each["count"] for each in every})


@contextmanager
def process(command: str, environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of our programs as a process of its own, told to stop at the end, if it has not ended by then."""
    program, *arguments = shlex.split(command)
    with log.open("wb") as out:
        started = subprocess.Popen(
            [PROGRAMS / program, *arguments], env=dict(environ), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield started
    finally:
        stop(started)


def stop(*processes: subprocess.Popen[bytes], within: float = 90) -> list[int]:
    """Ask processes to stop, and wait, as a service manager does; killed if they do not. Their exit statuses."""
    for each in processes:
        if each.poll() is None:
            each.send_signal(signal.SIGTERM)
    end = time.monotonic() + within
    for each in processes:
        try:
            each.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.kill()
    return [each.wait(5) for each in processes]


@contextmanager
def prefect_on_postgres(folder: Path, postgres: PostgresServer, *, trigrams: bool) -> Iterator[PrefectServer]:
    """A Prefect server as the examples set it up, its database in PostgreSQL if that has what it needs."""
    environ = variables("prefect-environment")
    for own in ("PREFECT_HOME", "PREFECT_SERVER_API_PORT"):
        environ.pop(own)
    if trigrams:
        place = f"127.0.0.1:{postgres.port}"
        admin = bare(
            PGHOST="127.0.0.1",
            PGPORT=str(postgres.port),
            PGUSER="postgres",
            PGPASSWORD=ADMIN_PASSWORD,
            PREFECT_PASSWORD=PREFECT_PASSWORD,
        )
        admin["PATH"] = f"{postgres.programs}{os.pathsep}{admin['PATH']}"
        subprocess.run([EXAMPLES / "database"], env=admin, check=True, capture_output=True)
        environ["PREFECT_API_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://prefect@{place}/prefect"
        environ["PGPASSWORD"] = PREFECT_PASSWORD
    with ExitStack() as stack:
        server = PrefectServer(folder, **environ)
        stack.callback(server.stop)
        yield server


def deployment(server: PrefectServer, name: str) -> dict[str, Any]:
    """A deployment by its full name, as the server has it."""
    flow, _, own = name.partition("/")
    with urllib.request.urlopen(f"{server.api}/deployments/name/{flow}/{quote(own)}") as answer:  # noqa: S310
        return dict(json.load(answer))
