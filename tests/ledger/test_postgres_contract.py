import re
from collections.abc import Iterator

import psycopg
import pytest
from ledger_contract import LedgerContract
from postgres_server import PostgresServer, as_admin


def in_our_words(statement: str) -> str:
    """The contract's statements are SQLite's; bytes are written otherwise here."""
    return re.sub(r"x'([0-9a-f]*)'", r"'\\x\1'::bytea", statement).replace(" AS BLOB)", " AS bytea)")


class TestPostgresLedger(LedgerContract):
    @pytest.fixture
    def address(self, postgres: PostgresServer) -> Iterator[str]:
        address = postgres.new_ledger()
        self.server, self.spoilt = postgres, False
        yield address
        (postgres.drop if self.spoilt else postgres.take_back)(address)

    def meddle(self, address: str, *statements: str) -> None:
        with as_admin(self.server, address) as connection:
            (index,) = connection.execute(
                "SELECT indexdef FROM pg_indexes WHERE indexname = 'events_one_intent'"
            ).fetchone()
            connection.execute("DROP INDEX events_one_intent")
            for statement in statements:
                connection.execute(in_our_words(statement))
            try:
                connection.execute(index)
            except (psycopg.errors.UniqueViolation, psycopg.errors.InvalidTextRepresentation):
                self.spoilt = True  # two intents: their index cannot be made again

    def look(self, address: str, query: str) -> list[tuple[object, ...]]:
        with as_admin(self.server, address) as connection:
            return connection.execute(query).fetchall()
