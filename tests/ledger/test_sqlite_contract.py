import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ledger_contract import LedgerContract

from ledger.sqlite import SqliteLedger


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        path = tmp_path / "ledger.db"
        SqliteLedger.open(path, create=True, sandbox=True).close()
        return f"sqlite://{path}"

    def meddle(self, address: str, *statements: str) -> None:
        with closing(sqlite3.connect(address.removeprefix("sqlite://"), isolation_level=None)) as connection:
            guards = connection.execute(
                "SELECT type, name, sql FROM sqlite_master WHERE type = 'trigger' OR name = 'events_one_intent'"
            ).fetchall()
            for kind, name, _ in guards:
                connection.execute(f"DROP {kind} {name}")
            for statement in statements:
                connection.execute(statement)
            for _, _, sql in guards:
                with suppress(sqlite3.IntegrityError):  # two intents: their index cannot be made again
                    connection.execute(sql)

    def look(self, address: str, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(address.removeprefix("sqlite://"))) as connection:
            return connection.execute(query).fetchall()
