"""Writers of one process that wait at the same time share one transaction."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ledger_fold import NOW, fold, intent, note, registered

from ledger.book import Book
from ledger.interface import Duplicate, Event, LedgerBusy, LedgerError, Row
from ledger.sqlite import SqliteLedger, SqliteStore
from ledger.store import Statements


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger.open(tmp_path / "ledger.db", create=True)) as ledger:
        for name in "ABCDEFGH":
            ledger.register(f"HF-{name}", [registered()], fold, now=NOW)
        yield ledger


def together(ledger: Book, *works: Callable[[], object]) -> list[BaseException | None]:
    """Have these done by threads that all wait for the same turn; what each of them raised."""
    holding, waiting = threading.Event(), threading.Event()

    def hold(events: list[Event]) -> Row:
        holding.set()
        assert waiting.wait(10)
        return fold(events)

    def run(work: Callable[[], object]) -> BaseException | None:
        try:
            work()
        except BaseException as error:
            return error
        return None

    with ThreadPoolExecutor(len(works) + 1) as threads:
        first = threads.submit(ledger.append, "HF-A", [note("the first")], hold, now=NOW)
        assert holding.wait(10)
        others = [threads.submit(run, work) for work in works]
        while len(ledger._turns._waiting) < len(works):
            threading.Event().wait(0.001)
        waiting.set()
        first.result()
        return [other.result() for other in others]


class Counted(SqliteStore):
    """A file that counts how often it was committed to."""

    commits = 0

    @contextmanager
    def recording(self) -> Iterator[Statements]:
        with super().recording() as say:
            yield say
        self.commits += 1


def test_those_who_wait_are_written_with_one_commit(ledger: SqliteLedger) -> None:
    store = Counted(ledger.path, timeout=30)
    with closing(Book(store)) as book:
        assert (
            together(
                book, *(lambda name=name: book.append(f"HF-{name}", [note()], fold, now=NOW) for name in "BCDEFGH")
            )
            == [None] * 7
        )
        assert store.commits == 2, "the one who had his turn already, and all the others together"
        assert book.head()[0] == 16
        assert book.verify(fold) == ()


def test_what_fails_is_undone_alone(ledger: SqliteLedger) -> None:
    def wrong(events: list[Event]) -> Row:
        raise KeyError("terms")

    ledger.append("HF-D", [intent()], fold, now=NOW)
    failures = together(
        ledger,
        lambda: ledger.append("HF-B", [note("one"), note("two")], fold, now=NOW),
        lambda: ledger.append("HF-C", [note("lost")], wrong, now=NOW),
        lambda: ledger.append("HF-D", [note("lost"), intent()], fold, now=NOW),
        lambda: ledger.register_all({"HF-X": [registered()], "HF-A": [registered()]}, fold, now=NOW),
        lambda: ledger.append("HF-B", [note("three")], fold, now=NOW),
    )
    assert [type(each) for each in failures] == [type(None), KeyError, Duplicate, Duplicate, type(None)]
    assert [len(ledger.events(f"HF-{name}")) for name in "ABCDX"] == [2, 4, 1, 2, 0]
    assert [event.seq for event in ledger.all_events()] == list(range(1, 14))
    assert ledger.verify(fold) == ()


def test_one_who_is_interrupted_does_not_take_the_others_with_him(ledger: SqliteLedger) -> None:
    def interrupted(events: list[Event]) -> Row:
        raise KeyboardInterrupt

    failures = together(
        ledger,
        lambda: ledger.append("HF-B", [note()], fold, now=NOW),
        lambda: ledger.append("HF-C", [note()], interrupted, now=NOW),
        lambda: ledger.append("HF-D", [note()], fold, now=NOW),
    )
    assert sum(isinstance(each, KeyboardInterrupt) for each in failures) == 1
    assert all(isinstance(each, KeyboardInterrupt | LedgerBusy) for each in failures)
    assert ledger.head()[0] == 9
    ledger.append("HF-B", [note()], fold, now=NOW)
    assert ledger.verify(fold) == ()


def test_when_the_disk_is_full_everybody_is_told(ledger: SqliteLedger) -> None:
    here = ledger._store._files.here
    pages = here().execute("PRAGMA page_count").fetchone()[0]

    def big(name: str) -> Callable[[], object]:
        def append() -> object:
            here().execute(f"PRAGMA max_page_count = {pages}")
            return ledger.append(name, [note("x" * 20_000)], fold, now=NOW)

        return append

    failures = together(ledger, *(big(f"HF-{name}") for name in "BCD"))
    assert all(failure is not None and "disk is full" in str(failure) for failure in failures), failures
    assert ledger.head()[0] == 9
    assert ledger.verify(fold) == ()


def test_what_a_thread_no_longer_waits_for_is_not_written(ledger: SqliteLedger) -> None:
    """Whoever is interrupted while it waits for its turn must not find its entry recorded later."""
    turn = ledger._turns._turn

    class Interrupted:
        def __enter__(self) -> None:
            raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            """Never entered."""

    ledger._turns._turn = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        ledger.append("HF-B", [note("given up")], fold, now=NOW)
    ledger._turns._turn = turn
    ledger.append("HF-B", [note()], fold, now=NOW)
    assert [event.body.get("text") for event in ledger.events("HF-B")] == [None, "telephoned"]


def test_nobody_takes_for_written_what_was_taken_up_and_never_finished(ledger: SqliteLedger) -> None:
    """The one who wrote for all is interrupted at any moment: the others are told that they do not know."""

    def cut_off(works: list[object]) -> None:
        raise KeyboardInterrupt

    write, ledger._turns._write = ledger._turns._write, cut_off
    leader_in, go = threading.Event(), threading.Event()
    taken = ledger._turns._whose_turn

    def slowly(work: object) -> list[object]:
        leader_in.set()
        assert go.wait(10)
        works = taken(work)
        ledger._turns._whose_turn = taken
        return works

    ledger._turns._whose_turn = slowly
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(ledger.append, "HF-B", [note()], fold, now=NOW)]
        assert leader_in.wait(10)
        both.append(threads.submit(ledger.append, "HF-C", [note()], fold, now=NOW))
        while len(ledger._turns._waiting) < 2:
            threading.Event().wait(0.001)
        go.set()
        failures = [each.exception(10) for each in both]
    ledger._turns._write = write
    assert [type(each) for each in failures] == [KeyboardInterrupt, LedgerBusy]
    assert "it is not known whether it was written" in str(failures[1])
    assert ledger.head()[0] == 8


def test_an_interrupt_at_the_commit_does_not_say_that_nothing_was_written(ledger: SqliteLedger) -> None:
    def interrupted(page: object) -> None:
        raise KeyboardInterrupt

    def cut_short(events: list[Event]) -> Row:
        ledger._turns._closed = interrupted
        return fold(events)

    failures = together(
        ledger,
        lambda: ledger.append("HF-B", [note()], cut_short, now=NOW),
        lambda: ledger.append("HF-C", [note()], cut_short, now=NOW),
    )
    told = [str(each) for each in failures if isinstance(each, LedgerBusy)]
    assert len(told) == 1
    assert "it is not known whether it was written" in told[0]
    ledger._turns._closed = ledger._close_page
    assert ledger.head()[0] == 11, "they were committed"
    ledger.append("HF-B", [note()], fold, now=NOW)
    assert ledger.verify(fold) == ()


def test_when_the_database_ends_the_transaction_by_itself_nobody_is_told_that_it_was_written(
    ledger: SqliteLedger,
) -> None:
    """SQLite does so on some errors of the disk; what comes behind must not begin a transaction of its own."""

    def ended(events: list[Event]) -> Row:
        ledger._store._files.here().execute("ROLLBACK")
        raise KeyError("terms")

    failures = together(
        ledger,
        lambda: ledger.append("HF-B", [note()], fold, now=NOW),
        lambda: ledger.append("HF-C", [note()], ended, now=NOW),
        lambda: ledger.append("HF-D", [note()], fold, now=NOW),
    )
    assert all(isinstance(each, LedgerError) for each in failures), failures
    assert ledger.head()[0] == 9
    ledger.append("HF-B", [note()], fold, now=NOW)
    assert ledger.verify(fold) == ()
