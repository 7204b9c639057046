"""Writers of one process that share a commit in PostgreSQL, and a connection that breaks at that commit."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from ledger_fold import NOW, fold, note, registered
from postgres_server import PostgresServer

from ledger.interface import Event, LedgerBusy, Row
from ledger.postgres import PostgresLedger


@pytest.fixture
def ledger(postgres: PostgresServer) -> Iterator[PostgresLedger]:
    address = postgres.new_ledger()
    with closing(PostgresLedger.open(address)) as ledger:
        for name in "ABC":
            ledger.register(f"HF-{name}", [registered()], fold, now=NOW)
        yield ledger
    postgres.take_back(address)


@pytest.mark.parametrize("ended", ["COMMIT", "ROLLBACK"])
def test_a_shared_commit_that_nobody_confirmed_is_looked_up_for_all(ledger: PostgresLedger, ended: str) -> None:
    """Each of those who share it wrote within a savepoint, which the server numbers as a transaction of its own."""
    store, holding, waiting = ledger._store, threading.Event(), threading.Event()

    def hold(events: Sequence[Event]) -> Row:
        holding.set()
        assert waiting.wait(10)
        return fold(events)

    def cutting(events: Sequence[Event]) -> Row:
        held = store._connections.here()
        say, connection, run = held.inside, held.connection, held.inside.run

        def broken(statement: str, values: Sequence[object] = ()) -> psycopg.Cursor:
            if statement != "COMMIT":
                return run(statement, values)
            run(ended)
            connection.close()
            raise psycopg.OperationalError("the connection is closed")

        say.run = broken
        return fold(events)

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(ledger.append, "HF-A", [note("the first")], hold, now=NOW)
        assert holding.wait(10)
        shared: list[Future[tuple[Event, ...]]] = [
            threads.submit(ledger.append, "HF-B", [note("b")], cutting, now=NOW),
            threads.submit(ledger.append, "HF-C", [note("c")], fold, now=NOW),
        ]
        while len(ledger._turns._waiting) < 2:
            threading.Event().wait(0.001)
        waiting.set()
        first.result(10)
        failures = [each.exception(30) for each in shared]

    there = {event.body["text"] for event in ledger.all_events() if event.kind == "note"}
    if ended == "COMMIT":
        assert failures == [None, None], "it was written, and nobody is told to write it again"
        assert there == {"the first", "b", "c"}
    else:
        assert all(isinstance(each, LedgerBusy) and "nothing was written" in str(each) for each in failures)
        assert there == {"the first"}
    ledger.append("HF-B", [note("after")], fold, now=NOW)
    assert ledger.verify(fold) == ()
