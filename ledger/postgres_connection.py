"""How the PostgreSQL server is reached, and what is said when that fails. No message has a password in it.

One connection per thread. One that broke is replaced, never used again: before each use it is asked, without going to
the server, whether the server has said goodbye. A paused or lost process does not hold up the others for ever: the
server ends a transaction that is silent for too long.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from ledger.interface import LedgerBusy, LedgerDamaged, LedgerError, LedgerUnusable

INIT = "`holdfast ledger init --admin ADDRESS`"
OLDEST = 140000  # the oldest version of PostgreSQL that its makers still maintain, as of 2026
_SILENT_SECONDS = 60  # a connection that lay idle for longer is asked before it is used
_PATIENCE = 10.0  # seconds for which a server that we have already seen may be away

_KEEPALIVE: dict[str, str | int] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "client_encoding": "utf8",
    "application_name": "holdfast",
}
_SHOWN = {"socket": "host"} | {  # what may be shown of an address, besides role, host and database
    name: name for name in ("service", "sslmode", "sslrootcert", "sslcert", "target_session_attrs")
}
_SETTINGS = """
SELECT set_config('search_path', 'holdfast, pg_temp', false),
    set_config('lock_timeout', %(lock)s, false),
    set_config('statement_timeout', %(statement)s, false),
    set_config('idle_in_transaction_session_timeout', %(idle)s, false),
    set_config('enable_seqscan', %(seqscan)s, false),
    set_config('cursor_tuple_fraction', '1.0', false),
    set_config('synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
"""

_AGAIN = {
    "55P03": "others are writing to it for longer than we wait",
    "40001": "another transaction was in the way",
    "40P01": "another transaction was in the way",
    "57014": "it took longer than a statement may",
    "53300": "the server has too many connections: close some, or raise its max_connections",
    "53200": "the server has no memory left",
    "25P03": "we were silent for too long within a transaction, and the server ended it",
    "57P03": "the server is starting or stopping",
}
_NOT_AGAIN = {
    "53100": "the server's disk is full: free some space there, then do it again",
    "58030": "the server's disk could not be read or written: check it, then do it again",
    "25006": "it is read-only, a standby or set so: give the address of the primary server",
    "XX001": "it is damaged: keep a copy as it is, and restore a backup",
    "XX002": "an index is damaged: keep a copy as it is, and have its owner run REINDEX DATABASE",
    "42501": f"this role may not do that: let {INIT} give it its rights, or use the role holdfast_app",
    "42P01": "its tables are not as we made them: keep a copy as it is, and restore a backup",
    "42703": "its tables are not as we made them: keep a copy as it is, and restore a backup",
    "28P01": "the password is wrong: check it (in the address, PGPASSWORD or the file named by PGPASSFILE)",
    "28000": "the server does not let this role in: check the role, and the server's pg_hba.conf",
    "3D000": f"there is no such database: check the name, or make it with {INIT}",
    "42704": f"a role is missing: make it with {INIT}",
}
_CONNECTING = (  # what the server says before it can give a code; in English unless it was set up otherwise
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("pg_hba.conf", "28000"),
    ("is not permitted to log in", "28000"),
    ("role ", "28000"),
    ("too many connections", "53300"),
    ("too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("database system is", "57P03"),
    ("not yet accepting connections", "57P03"),
    ("the database ", "57P03"),
    ("database ", "3D000"),
)


def name_of(address: str) -> str:
    """The address without its password, for messages.

    Raises:
        LedgerUnusable: it cannot be read; says what one looks like, and nothing of what stands there.
    """
    parts = {name: str(value) for name, value in _parts(address).items() if value not in (None, "")}
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    if hosts[0].startswith("/"):  # the folder of a socket
        parts, hosts = {**parts, "socket": hosts[0]}, [""]
    ports = ports * len(hosts) if len(ports) == 1 else ports
    place = ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    more = [f"{shown}={quote(parts[name])}" for name, shown in _SHOWN.items() if name in parts]
    user = f"{quote(parts['user'])}@" if "user" in parts else ""
    return f"postgresql://{user}{place}/{quote(parts.get('dbname', ''))}{'?' if more else ''}{'&'.join(more)}"


def _parts(address: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(address))
    except psycopg.Error:
        raise LedgerUnusable(
            "the address of the ledger cannot be read: expected postgresql://ROLE@HOST/DATABASE, with other "
            "characters than letters, digits and -._~ written as %XX"
        ) from None


def in_words(name: str, error: Exception, *, written: str = "nothing was written") -> LedgerError:
    """The ledger's own error for one of the driver: which ledger, what is wrong, what to do."""
    code = code_of(error)
    if code in _AGAIN:
        return LedgerBusy(f"{name}: {_AGAIN[code]}: try again; {written}")
    if code in _NOT_AGAIN:
        kind = LedgerDamaged if code == "XX001" else LedgerUnusable
        return kind(f"{name}: {_NOT_AGAIN[code]}; {written} ({_first_line(error)})")
    if code.startswith(("08", "57P")) or (not code and isinstance(error, psycopg.OperationalError)):
        return LedgerBusy(f"{name}: the server cannot be reached: try again; {written} ({_first_line(error)})")
    return LedgerError(f"{name}: {_first_line(error)}; {written}")


def code_of(error: Exception) -> str:
    """What is known of why it failed: the server's own code, or the one its words at connecting stand for."""
    if code := getattr(error, "sqlstate", None):
        return str(code)
    if not isinstance(error, psycopg.OperationalError) or "FATAL" not in str(error):
        return ""
    said = str(error).partition("FATAL:")[2]
    return next((code for words, code in _CONNECTING if words in said), "")


def _first_line(error: Exception) -> str:
    diagnosis = getattr(error, "diag", None)
    said: str = getattr(diagnosis, "message_primary", None) or str(error).strip().partition("\n")[0]
    return said


class Held:
    """A connection with what this thread does on it; closes when nobody holds it any more."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection, self._pid = connection, os.getpid()
        self.inside: Any = None  # the statements of the transaction that is open
        self.used = time.monotonic()

    def __del__(self) -> None:
        if os.getpid() == self._pid:  # in a forked process it is the other one's connection still
            with suppress(Exception):
                self.connection.close()

    @property
    def alive(self) -> bool:
        """Whether it can still be used, as far as it can be told without disturbing the server."""
        connection = self.connection
        if connection.closed or connection.broken or connection.info.transaction_status != TransactionStatus.IDLE:
            return False
        listening = select.poll()
        listening.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        if not listening.poll(0) and time.monotonic() - self.used < _SILENT_SECONDS:
            return True
        try:  # it has said something, perhaps goodbye; or it was silent for long
            connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True


class Connections:
    """The connections to one database, for as many threads as like. Not to be carried over a fork.

    Args:
        address: as libpq reads it; the password may come from it, PGPASSWORD, PGPASSFILE or a service file.
        timeout: seconds to wait for others that write.
    """

    def __init__(self, address: str, *, timeout: float) -> None:
        self.name = name_of(address)
        self.timeout = timeout
        self._conninfo = make_conninfo("", **{**_KEEPALIVE, **_parts(address)})
        self._pid = os.getpid()
        self._own = threading.local()
        self._all: WeakSet[Held] = WeakSet()
        self._all_lock = threading.Lock()
        self._closed = False
        self._seen = False

    def here(self) -> Held:
        """This thread's connection; a new one where the last one broke."""
        self._check()
        held: Held | None = getattr(self._own, "held", None)
        if held is not None and held.inside is None and not held.alive:
            self.drop(held)
            held = None
        if held is None:
            held = self._own.held = self.another()
        return held

    def drop(self, held: Held) -> None:
        """Close a connection that is not to be used again."""
        held.connection.close()
        if getattr(self._own, "held", None) is held:
            self._own.held = None

    def another(self, *, long: bool = False) -> Held:
        """A connection of its own. `long`: for a long read, which may be silent and scan whole tables."""
        self._check()
        held = Held(self._connect())
        with self._all_lock:
            self._all.add(held)
        wait = str(max(1, round(self.timeout * 1000)))
        held.connection.execute(
            _SETTINGS,
            {
                "lock": wait,
                "statement": "0" if long else "5min",
                "idle": "1h" if long else "1min",
                "seqscan": "on" if long else "off",  # an index, whatever the statistics say: they may be old
            },
        )
        return held

    def _connect(self) -> Connection[Any]:
        """A new connection. A server that was there a moment ago is given some time to come back."""
        end = time.monotonic() + min(_PATIENCE, self.timeout)
        while True:
            try:
                connection: Connection[Any] = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=1)
            except psycopg.OperationalError as error:
                away = isinstance(in_words(self.name, error), LedgerBusy)
                if not (self._seen and away and time.monotonic() < end):
                    raise
                time.sleep(0.05)
                continue
            self._seen = True
            return connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what the driver raises into the ledger's errors."""
        try:
            yield
        except psycopg.Error as error:
            if self._closed:
                self._check()
            raise in_words(self.name, error) from None

    def _check(self) -> None:
        if self._closed:
            raise LedgerError(f"{self.name}: the ledger was closed: open it again")
        if os.getpid() != self._pid:  # two processes on one connection would read each other's answers
            raise LedgerUnusable(f"{self.name}: it was opened before this process forked: open it again here")

    def close(self) -> None:
        """Close every thread's connection."""
        self._closed = True
        if os.getpid() != self._pid:
            return
        with self._all_lock:
            everyone = list(self._all)
        for held in everyone:
            held.connection.close()
