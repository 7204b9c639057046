"""What every ledger must do. A ledger's own test module inherits `LedgerContract` and says how it is opened."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from ledger_fold import INSTANT, MINUTE, NOW, SECOND, fold, intent, item, moved, note, registered, row_body
from ledger_worker import open_at

from ledger.interface import (
    CLOCKS_DIFFER,
    Claim,
    Duplicate,
    Event,
    LeaseLost,
    Ledger,
    LedgerError,
    NewEvent,
    Row,
    Tally,
)
from ledger.memory import MOST
from ledger.tree import check_consistency, check_inclusion, leaf, node

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class Worker:
    """A real process at the ledger. It starts its work when told, so that several start together."""

    def __init__(self, address: str, *work: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "ledger_worker.py"), address, *work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": f"{ROOT}:{HERE}", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert self.process.stdout.readline() == "ready\n"

    def start(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def lines(self) -> list[str]:
        """All it says until it ends well."""
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return said.splitlines()


@contextmanager
def workers(address: str, *works: tuple[str, ...]) -> Iterator[list[Worker]]:
    """Workers that have all begun; whatever happens, none outlives the block."""
    started: list[Worker] = []
    try:
        started += [Worker(address, *work) for work in works]
        for worker in started:
            worker.start()
        yield started
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.wait()
            worker.process.stdin.close()
            worker.process.stdout.close()


class LedgerContract:
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """The address of a new, empty ledger."""
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, address: str) -> Iterator[Ledger]:
        with closing(open_at(address)) as ledger:
            yield ledger

    def meddle(self, address: str, *statements: str) -> None:
        """Do to the tables what nobody may, past all guards; the guards stand again afterwards."""
        raise NotImplementedError

    # ---- the record

    def test_an_event_comes_back_as_it_was_recorded(self, ledger: Ledger) -> None:
        body = row_body() | {
            "text": 'Straße, 東京, \U0001f5c4, "quoted"\\\n\x7f',
            "deep": [1, {"b": None, "a": [True]}],
        }
        happened, entered = NOW - timedelta(days=3), NOW + INSTANT
        new = NewEvent(kind="registered", at=happened, actor="Duty officer", body=body)

        (event,) = ledger.register("HF-A", [new], fold, now=entered)

        assert event == Event(
            seq=1,
            request="HF-A",
            kind="registered",
            at=happened,
            recorded_at=entered,
            actor="Duty officer",
            body=body,
        )
        assert ledger.events("HF-A") == (event,)
        assert list(ledger.all_events()) == [event]

    def test_events_are_numbered_through_the_whole_ledger_without_gaps(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), note()], fold, now=NOW)
        ledger.register("HF-B", [registered()], fold, now=NOW)
        with pytest.raises(Duplicate):
            ledger.register("HF-B", [registered()], fold, now=NOW)
        ledger.append("HF-A", [note(), note()], fold, now=NOW)

        assert [event.seq for event in ledger.events("HF-A")] == [1, 2, 4, 5]
        assert [event.seq for event in ledger.all_events(after=2)] == [3, 4, 5]

    def test_the_head_is_the_root_of_the_tree_of_identity_and_events(self, ledger: Ledger) -> None:
        identity = leaf(ledger.identity.content())
        assert ledger.head() == (0, identity.hex())
        ledger.register("HF-A", [registered()], fold, now=NOW)
        seq, head = ledger.head()
        expected = (
            b'{"actor":"Duty officer","at":"2026-11-21T08:00:00.000000Z","body":{"row":{"case":"CY-2026-0001",'
            b'"final":false,"items":[],"matters":0,"next_at":"2026-11-21T08:00:00+00:00","provider":"example","rank":5,'
            b'"state":"in-force"}},"kind":"registered","recorded_at":"2026-11-21T08:00:00.000000Z",'
            b'"request":"HF-A","seq":1}'
        )
        assert (seq, head) == (1, node(identity, leaf(expected)).hex())

    def test_a_taken_id_is_a_duplicate(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(case="CY-1")], fold, now=NOW)
        with pytest.raises(Duplicate, match="HF-A exists already"):
            ledger.register("HF-A", [registered(case="CY-2")], fold, now=NOW)
        assert ledger.row("HF-A").case == "CY-1"

    def test_the_requests_of_a_case_are_entered_all_or_none(self, ledger: Ledger) -> None:
        ledger.register("HF-B", [registered()], fold, now=NOW)
        with pytest.raises(Duplicate, match="HF-B exists already"):
            ledger.register_all({"HF-A": [registered()], "HF-B": [registered()]}, fold, now=NOW)
        assert ledger.row("HF-A") is None
        assert ledger.head()[0] == 1

        def spoilt(events: Sequence[Event]) -> Row:
            if events[0].request == "HF-C":
                raise RuntimeError("the fold fails at the last one")
            return fold(events)

        with pytest.raises(RuntimeError):
            ledger.register_all({"HF-A": [registered()], "HF-C": [registered()]}, spoilt, now=NOW)
        assert (ledger.row("HF-A"), ledger.row("HF-C"), ledger.head()[0]) == (None, None, 1)
        first, second = ledger.register_all({"HF-A": [registered()], "HF-C": [registered()]}, fold, now=NOW)
        assert [event.seq for event in (*first, *second)] == [2, 3]

    def test_a_last_look_before_requests_are_entered_can_stop_them(self, ledger: Ledger) -> None:
        ledger.register("HF-B", [registered()], fold, now=NOW)
        seen: list[Row | None] = []

        def look() -> None:
            seen.append(ledger.row("HF-B"))
            raise LookupError("the same case is there")

        with pytest.raises(LookupError, match="the same case is there"):
            ledger.register_all({"HF-A": [registered()]}, fold, now=NOW, unless=look)
        assert seen == [ledger.row("HF-B")], "it may read within the transaction"
        assert (ledger.row("HF-A"), ledger.head()[0]) == (None, 1)
        ledger.register_all({"HF-A": [registered()]}, fold, now=NOW, unless=lambda: None)
        assert ledger.head()[0] == 2

    def test_what_a_last_look_saw_cannot_change_before_the_requests_are_entered(self, ledger: Ledger) -> None:
        def enter(number: int) -> bool:
            def none_yet() -> None:
                if ledger.head()[0]:
                    raise LookupError

            try:
                ledger.register_all({f"HF-{number}": [registered()]}, fold, now=NOW, unless=none_yet)
            except LookupError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(enter, range(8))) == 1
        assert ledger.head()[0] == 1

    def test_a_request_that_is_not_there_has_no_history_and_takes_no_event(self, ledger: Ledger) -> None:
        assert ledger.events("HF-A") == ()
        assert ledger.row("HF-A") is None
        with pytest.raises(LedgerError, match="no request HF-A"):
            ledger.append("HF-A", [note()], fold, now=NOW)

    def test_the_fold_sees_the_whole_history_with_the_new_events(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), note("one")], fold, now=NOW)
        seen = []

        def watching_fold(events):
            seen.append([event.kind for event in events])
            return fold(events)

        ledger.append("HF-A", [note("two"), intent()], watching_fold, now=NOW)

        assert seen == [["registered", "note", "note", "intent"]]
        assert ledger.row("HF-A") == fold(ledger.events("HF-A"))

    def test_the_fold_sees_what_others_wrote_and_what_is_no_longer_remembered(
        self, address: str, ledger: Ledger
    ) -> None:
        """What this process wrote last is not read again, as long as nobody else has written."""
        seen = []

        def noting(events: Sequence[Event]) -> Row:
            seen.append([event.body.get("text", "") for event in events[1:]])
            return fold(events)

        ledger.register("HF-A", [registered()], fold, now=NOW)
        with closing(open_at(address)) as other:
            for text in ("ours", "ours again"):
                ledger.append("HF-A", [note(text)], noting, now=NOW)
            other.append("HF-A", [note("theirs")], noting, now=NOW)
            ledger.append("HF-A", [note("after theirs")], noting, now=NOW)
            ledger.register_all({f"HF-{n}": [registered()] for n in range(MOST + 1)}, fold, now=NOW)
            ledger.append("HF-A", [note("after many")], noting, now=NOW)
        assert seen[-1] == ["ours", "ours again", "theirs", "after theirs", "after many"]
        assert [len(each) for each in seen] == [1, 2, 3, 4, 5]

    def test_when_the_fold_fails_nothing_is_written(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        before = ledger.row("HF-A")

        def failing_fold(events):
            raise KeyError("terms")

        with pytest.raises(KeyError, match="terms"):
            ledger.append("HF-A", [note()], failing_fold, now=NOW)
        with pytest.raises(KeyError, match="terms"):
            ledger.register("HF-B", [registered()], failing_fold, now=NOW)

        assert ledger.row("HF-A") == before
        assert [event.request for event in ledger.all_events()] == ["HF-A"]
        assert ledger.append("HF-A", [note()], fold, now=NOW)[0].seq == 2

    def test_a_fold_that_gives_another_requests_row_is_refused(self, ledger: Ledger) -> None:
        (other,) = ledger.register("HF-A", [registered()], fold, now=NOW)
        with pytest.raises(ValueError, match="HF-B: the fold gave the row of HF-A"):
            ledger.register("HF-B", [registered()], lambda _: fold([other]), now=NOW)
        assert ledger.events("HF-B") == ()

    def test_a_fold_may_not_write(self, ledger: Ledger) -> None:
        def writing_fold(events):
            ledger.beat("fold", NOW, {})
            return fold(events)

        with pytest.raises(LedgerError, match="a fold may not write"):
            ledger.register("HF-A", [registered()], writing_fold, now=NOW)
        assert ledger.events("HF-A") == ()

    def test_appending_no_event_writes_the_row_anew(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)

        def newer_fold(events):
            return fold([*events, *events])

        assert ledger.append("HF-A", [], newer_fold, now=NOW) == ()
        assert ledger.row("HF-A").next_because == "2 events"

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({"a": 0.5}, "body.a: a fraction"),
            ({"a": [1, {"b": float("nan")}]}, r"body.a\[1\].b: a fraction"),
            ({"a": {1: 2}}, "body.a: a name in a table must be text, found int"),
            ({"a": {"b": datetime(2026, 1, 1, tzinfo=UTC)}}, "body.a.b: expected text, .* found datetime"),
            ({"a": 2**53}, "body.a: a number beyond"),
            ({"a": "\ud800"}, "body.a: half a character"),
            ({"a\0": 1}, r"body.'a\\x00': the character U\+0000"),
        ],
    )
    def test_what_has_no_single_way_of_being_written_is_refused(self, ledger: Ledger, body, place) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        with pytest.raises(ValueError, match=place):
            ledger.append("HF-A", [NewEvent(kind="note", at=NOW, actor="sweep", body=body)], fold, now=NOW)
        assert len(ledger.events("HF-A")) == 1

    def test_an_instant_that_is_not_utc_is_refused(self, ledger: Ledger) -> None:
        naive, elsewhere = datetime(2026, 11, 21), datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=1)))  # noqa: DTZ001
        for wrong in (naive, elsewhere):
            with pytest.raises(ValueError, match="now: expected an instant in UTC"):
                ledger.register("HF-A", [registered()], fold, now=wrong)
            with pytest.raises(ValueError, match="expected an instant in UTC"):
                ledger.due(wrong)
            with pytest.raises(ValueError, match="expected an instant in UTC"):
                ledger.claim(wrong, owner="a", until=NOW, limit=1)
            with pytest.raises(ValueError, match="expected an instant in UTC"):
                ledger.beat("sweep", wrong, {})
        assert ledger.events("HF-A") == ()

    def test_a_reader_of_all_events_has_one_view_while_others_are_added(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), note(), note()], fold, now=NOW)
        seen = []
        for event in ledger.all_events():
            seen.append(event.seq)
            ledger.append("HF-A", [note()], fold, now=NOW)
        assert seen == [1, 2, 3]
        assert len(ledger.events("HF-A")) == 6

    # ---- intents

    def test_the_same_intent_is_recorded_once(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), intent("send", 1)], fold, now=NOW)
        ledger.register("HF-B", [registered(), intent("send", 1)], fold, now=NOW)
        ledger.append("HF-A", [intent("send", 2), intent("extend", 1)], fold, now=NOW)
        with pytest.raises(Duplicate, match="HF-A: the intent to send, number 1, attempt 1, is recorded already"):
            ledger.append("HF-A", [note(), intent("send", 1)], fold, now=NOW)
        with pytest.raises(Duplicate):
            ledger.append("HF-A", [intent("release", 1), intent("release", 1)], fold, now=NOW)
        assert [event.kind for event in ledger.events("HF-A")] == ["registered", "intent", "intent", "intent"]

    def test_a_further_attempt_of_the_same_intent_is_recorded_once_too(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), intent("send", 1)], fold, now=NOW)
        again = NewEvent(kind="intent", at=NOW, actor="sweep", body={"action": "send", "sequence": 1, "attempt": 2})
        ledger.append("HF-A", [again], fold, now=NOW)
        with pytest.raises(Duplicate):
            ledger.append("HF-A", [again], fold, now=NOW)
        assert ledger.verify(fold) == ()

    def test_a_further_attempt_is_another_intent_and_is_recorded_once_too(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), intent("send", 1)], fold, now=NOW)
        for same in (intent("send", 1, attempt=1), intent("send", 1)):
            with pytest.raises(Duplicate, match="attempt 1"):
                ledger.append("HF-A", [same], fold, now=NOW)
        ledger.append("HF-A", [intent("send", 1, attempt=2)], fold, now=NOW)
        with pytest.raises(Duplicate, match="attempt 2"):
            ledger.append("HF-A", [intent("send", 1, attempt=2)], fold, now=NOW)
        assert len(ledger.events("HF-A")) == 3
        assert ledger.verify(fold) == ()

    def test_an_intent_says_its_action_and_sequence(self, ledger: Ledger) -> None:
        for body in (
            {"action": "send"},
            {"action": "send", "sequence": "1"},
            {"action": "send", "sequence": True},
            {"sequence": 1},
        ):
            event = NewEvent(kind="intent", at=NOW, actor="sweep", body=body)
            with pytest.raises(ValueError, match="expected an action"):
                ledger.register("HF-A", [registered(), event], fold, now=NOW)
        assert ledger.events("HF-A") == ()

    def test_of_several_processes_with_the_same_intent_one_records_it(self, address: str, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        with workers(address, *[("intend", "HF-A", "50")] * 3) as rivals:
            recorded = [int(line) for rival in rivals for line in rival.lines()]
        assert sorted(recorded) == list(range(50))
        assert ledger.verify(fold) == ()

    # ---- what is due

    def test_due_is_what_lies_at_or_before_now(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(next_at=NOW - INSTANT)], fold, now=NOW)
        ledger.register("HF-B", [registered(next_at=NOW)], fold, now=NOW)
        ledger.register("HF-C", [registered(next_at=NOW + INSTANT)], fold, now=NOW)
        assert [row.request for row in ledger.due(NOW)] == ["HF-A", "HF-B"]
        assert ledger.next_due_at() == NOW - INSTANT

    def test_the_most_urgent_comes_first_then_the_longest_due(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(rank=2, next_at=NOW - 9 * MINUTE)], fold, now=NOW)
        ledger.register("HF-B", [registered(rank=1, next_at=NOW)], fold, now=NOW)
        ledger.register("HF-C", [registered(rank=1, next_at=NOW - MINUTE)], fold, now=NOW)
        ledger.register("HF-D", [registered(rank=-1, next_at=NOW + MINUTE)], fold, now=NOW)
        assert [row.request for row in ledger.due(NOW)] == ["HF-C", "HF-B", "HF-A"]
        assert [row.request for row in ledger.due(NOW, limit=2)] == ["HF-C", "HF-B"]
        assert [claim.request for claim in ledger.claim(NOW, owner="a", until=NOW + SECOND, limit=2)] == [
            "HF-C",
            "HF-B",
        ]
        assert [claim.request for claim in ledger.claim(NOW, owner="b", until=NOW + SECOND, limit=2)] == ["HF-A"]

    def test_the_order_is_the_same_when_very_many_are_due(self, ledger: Ledger) -> None:
        wanted = []
        for number in range(400):
            rank, due = number * 7 % 5, NOW - timedelta(seconds=number * 31 % 97)
            if number % 8 == 0:
                due = NOW + MINUTE
            else:
                wanted.append((rank, due, f"HF-{number:03}"))
            ledger.register(f"HF-{number:03}", [registered(rank=rank, next_at=due)], fold, now=NOW)
        wanted = [request for _, _, request in sorted(wanted)]

        assert [row.request for row in ledger.due(NOW)] == wanted
        assert [row.request for row in ledger.due(NOW, limit=200)] == wanted[:200]
        first = ledger.claim(NOW, owner="a", until=NOW + SECOND, limit=150)
        second = ledger.claim(NOW, owner="b", until=NOW + SECOND, limit=1000)
        assert [claim.request for claim in (*first, *second)] == wanted

    def test_a_final_request_is_never_due(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        ledger.append("HF-A", [moved(state="released", final=True, next_at=None)], fold, now=NOW)
        assert ledger.due(NOW + timedelta(days=9999)) == ()
        assert ledger.next_due_at() is None
        assert ledger.claim(NOW, owner="a", until=NOW + SECOND, limit=9) == ()

    def test_a_state_that_is_not_final_needs_a_next_step(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="not final, so it needs a next_at"):
            ledger.register("HF-A", [registered(next_at=None)], fold, now=NOW)
        assert ledger.events("HF-A") == ()

    def test_rows_come_by_time_with_their_items_and_final_ones_last(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(state="lapsed", final=True, next_at=None)], fold, now=NOW)
        ledger.register("HF-B", [registered(next_at=NOW + MINUTE, items=[item("1"), item("2")])], fold, now=NOW)
        ledger.register("HF-C", [registered(next_at=NOW)], fold, now=NOW)
        assert [row.request for row in ledger.rows()] == ["HF-C", "HF-B"]
        assert [row.request for row in ledger.rows(open_only=False)] == ["HF-C", "HF-B", "HF-A"]
        assert [row.items for row in ledger.rows()] == [(), fold(ledger.events("HF-B")).items]

    def test_the_rows_of_one_case_are_found_and_no_other_ones(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(case="A' OR 1=1", final=True, next_at=None)], fold, now=NOW)
        ledger.register("HF-B", [registered(case="A' OR 1=1")], fold, now=NOW)
        ledger.register("HF-C", [registered()], fold, now=NOW)
        assert [row.request for row in ledger.rows(case="A' OR 1=1")] == ["HF-B"]
        assert [row.request for row in ledger.rows(case="A' OR 1=1", open_only=False)] == ["HF-B", "HF-A"]
        assert list(ledger.rows(case="nobody's", open_only=False)) == []

    def test_open_requests_are_counted_by_state_and_those_at_risk_are_found(self, ledger: Ledger) -> None:
        assert (ledger.tally(), ledger.at_risk(limit=1)) == ((), ())
        for name, told in {
            "HF-A": {"gap": 9, "final": True, "next_at": None},
            "HF-B": {"gap": 3, "matters": 1},
            "HF-C": {"state": "sent", "gap": 40, "items": [item("1")]},
            "HF-D": {},
            "HF-E": {"gap": 3, "matters": 2},
        }.items():
            ledger.register(name, [registered(**told)], fold, now=NOW)
        assert ledger.tally() == (
            Tally(state="in-force", count=3, for_people=2, at_risk=2),
            Tally(state="sent", count=1, for_people=0, at_risk=1),
        )
        assert [(row.request, row.gap_days_p90) for row in ledger.at_risk(limit=2)] == [("HF-C", 40), ("HF-B", 3)]
        assert [row.request for row in ledger.at_risk(limit=9)] == ["HF-C", "HF-B", "HF-E"]
        with pytest.raises(ValueError, match="expected at least 1"):
            ledger.at_risk(limit=0)

    def test_what_needs_a_person_is_found_among_all_that_sleeps(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(matters=2, final=True, next_at=None)], fold, now=NOW)
        ledger.register("HF-B", [registered(matters=1, case="CY-2")], fold, now=NOW)
        ledger.register("HF-C", [registered()], fold, now=NOW)
        assert [(row.request, row.matters) for row in ledger.rows(for_people=True)] == [("HF-B", 1)]
        assert [row.request for row in ledger.rows(for_people=True, open_only=False)] == ["HF-B", "HF-A"]
        assert list(ledger.rows(for_people=True, case="CY-2026-0001")) == []
        ledger.append("HF-B", [moved(matters=0)], fold, now=NOW)
        assert list(ledger.rows(for_people=True)) == []

    def test_a_reader_of_rows_has_one_view_while_they_move(self, ledger: Ledger) -> None:
        for name in ("HF-A", "HF-B", "HF-C"):
            ledger.register(name, [registered()], fold, now=NOW)
        seen = []
        for row in ledger.rows():
            seen.append(row.request)
            ledger.append(row.request, [moved(next_at=NOW + MINUTE)], fold, now=NOW)
        assert seen == ["HF-A", "HF-B", "HF-C"]

    def test_items_follow_the_history_in_its_order(self, ledger: Ledger) -> None:
        first = [item("b", blind="x"), item("a"), item("c")]
        then = [item("b", blind="x", outcome="not-found"), item("c")]
        ledger.register("HF-A", [registered(items=first)], fold, now=NOW)
        assert [each.item for each in ledger.row("HF-A").items] == ["b", "a", "c"]
        ledger.append("HF-A", [moved(items=then)], fold, now=NOW)
        assert [(each.item, each.outcome) for each in ledger.row("HF-A").items] == [
            ("b", "not-found"),
            ("c", "pending"),
        ]
        with pytest.raises(ValueError, match=r"two items .* the same id"):
            ledger.append("HF-A", [moved(items=[item("b"), item("b")])], fold, now=NOW)
        assert ledger.verify(fold) == ()

    def test_the_same_account_is_found_in_requests_that_still_live(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(items=[item("1", blind="d1"), item("2", blind="d1")])], fold, now=NOW)
        ledger.register("HF-B", [registered(items=[item("1", blind="d2"), item("2", blind="d1")])], fold, now=NOW)
        ledger.register("HF-C", [registered(items=[item("1")])], fold, now=NOW)
        assert ledger.find_live(["d1", "d2", "d3", ""]) == {"d1": ("HF-A", "HF-B"), "d2": ("HF-B",)}
        ledger.append("HF-A", [moved(state="released", final=True, next_at=None)], fold, now=NOW)
        assert ledger.find_live(["d1"]) == {"d1": ("HF-B",)}
        assert ledger.find_live([f"d{number}" for number in range(2000)]) == {"d1": ("HF-B",), "d2": ("HF-B",)}
        assert ledger.find_live([]) == {}

    def test_rows_that_the_fold_sees_otherwise_are_written_anew(self, ledger: Ledger) -> None:
        for name in "ABC":
            ledger.register(f"HF-{name}", [registered()], fold, now=NOW)

        def otherwise(events: Sequence[Event]) -> Row:
            return replace(fold(events), rank=1) if events[0].request == "HF-B" else fold(events)

        assert ledger.reindex(["HF-A", "HF-B", "HF-C", "HF-D"], otherwise) == 1
        assert [ledger.row(f"HF-{name}").rank for name in "ABC"] == [5, 1, 5]
        assert ledger.reindex(["HF-A", "HF-B", "HF-C"], otherwise) == 0
        assert ledger.head()[0] == 3

    # ---- leases

    def take(self, ledger: Ledger, owner: str, now: datetime = NOW) -> Claim:
        (claim,) = ledger.claim(now, owner=owner, until=now + MINUTE, limit=1)
        return claim

    def test_a_claimed_request_is_given_to_nobody_else_before_the_lease_ends(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        claim = self.take(ledger, "one")
        assert (claim.request, claim.provider, claim.owner, claim.until) == ("HF-A", "example", "one", NOW + MINUTE)
        later = NOW + MINUTE - INSTANT
        assert ledger.claim(later, owner="two", until=later + MINUTE, limit=9) == ()
        assert ledger.claim(later, owner="two", until=later + MINUTE, limit=9, request="HF-A") == ()

    def test_a_lease_that_ran_out_is_taken_by_the_next_worker(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        old = self.take(ledger, "one")
        new = self.take(ledger, "two", NOW + MINUTE)
        assert new.token > old.token
        with pytest.raises(LeaseLost, match="one no longer has HF-A: stop"):
            ledger.append("HF-A", [intent()], fold, now=NOW + MINUTE, claim=old)
        with pytest.raises(LeaseLost):
            ledger.renew(old, until=NOW + 3 * MINUTE, now=NOW + MINUTE)
        ledger.give_back(old)
        assert ledger.claim(NOW + MINUTE, owner="three", until=NOW + 3 * MINUTE, limit=9) == ()
        assert len(ledger.events("HF-A")) == 1
        assert ledger.append("HF-A", [intent()], fold, now=NOW + MINUTE, claim=new)[0].seq == 2

    def test_the_same_owner_with_an_old_token_has_lost_its_lease_too(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        old = self.take(ledger, "one")
        self.take(ledger, "one", NOW + MINUTE)
        with pytest.raises(LeaseLost):
            ledger.append("HF-A", [intent()], fold, now=NOW + MINUTE, claim=old)

    def test_a_lease_that_ran_out_but_was_not_taken_is_still_ours(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        claim = self.take(ledger, "one")
        late = NOW + 2 * MINUTE
        ledger.append("HF-A", [note()], fold, now=late, claim=claim)
        renewed = ledger.renew(claim, until=late + MINUTE, now=late)
        assert (renewed.token, renewed.until) == (claim.token, late + MINUTE)
        assert ledger.claim(late, owner="two", until=late + MINUTE, limit=9) == ()

    @pytest.mark.parametrize("request_", [None, "HF-A"])
    def test_a_lease_that_no_clock_in_order_could_have_given_holds_nobody_up(
        self, ledger: Ledger, request_: str | None
    ) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        ahead = self.take(ledger, "ahead", NOW + timedelta(days=3))
        (new,) = ledger.claim(NOW, owner="two", until=NOW + MINUTE, limit=9, request=request_)
        assert (new.owner, new.until) == ("two", NOW + MINUTE)
        assert new.token > ahead.token
        with pytest.raises(LeaseLost, match="ahead no longer has HF-A: stop"):
            ledger.append("HF-A", [intent()], fold, now=NOW, claim=ahead)
        assert ledger.claim(NOW, owner="three", until=NOW + MINUTE, limit=9, request=request_) == ()
        assert ledger.append("HF-A", [intent()], fold, now=NOW, claim=new)[0].seq == 2

    @pytest.mark.parametrize("request_", [None, "HF-A"])
    def test_a_lease_by_a_clock_that_differs_a_little_is_left_alone(
        self, ledger: Ledger, request_: str | None
    ) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        theirs = self.take(ledger, "a clock that is ahead", NOW + CLOCKS_DIFFER)
        assert ledger.claim(NOW, owner="two", until=NOW + MINUTE, limit=9, request=request_) == ()
        ledger.append("HF-A", [note()], fold, now=NOW, claim=theirs)
        almost = NOW + MINUTE - INSTANT
        assert len(ledger.claim(NOW, owner="two", until=almost, limit=9, request=request_)) == 1

    def test_a_lease_given_back_is_free_at_once_and_gone_for_its_owner(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        claim = self.take(ledger, "one")
        ledger.give_back(claim)
        with pytest.raises(LeaseLost):
            ledger.append("HF-A", [note()], fold, now=NOW, claim=claim)
        assert self.take(ledger, "two").token > claim.token

    def test_a_persons_entry_passes_while_a_worker_has_the_request(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        claim = self.take(ledger, "one")
        ledger.append("HF-A", [note()], fold, now=NOW)
        ledger.append("HF-A", [note()], fold, now=NOW, claim=claim)
        assert len(ledger.events("HF-A")) == 3

    def test_one_request_is_claimed_by_name_due_or_not(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(next_at=NOW + timedelta(days=9))], fold, now=NOW)
        assert ledger.claim(NOW, owner="one", until=NOW + MINUTE, limit=1) == ()
        (claim,) = ledger.claim(NOW, owner="one", until=NOW + MINUTE, limit=1, request="HF-A")
        assert claim.request == "HF-A"
        assert ledger.claim(NOW, owner="one", until=NOW + MINUTE, limit=1, request="HF-Z") == ()

    def test_a_lease_that_could_not_hold_is_refused(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        ledger.register("HF-B", [registered()], fold, now=NOW)
        with pytest.raises(ValueError, match="until: expected an instant after now"):
            ledger.claim(NOW, owner="one", until=NOW, limit=1)
        with pytest.raises(ValueError, match="limit: expected at least 1"):
            ledger.claim(NOW, owner="one", until=NOW + MINUTE, limit=0)
        with pytest.raises(ValueError, match="owner"):
            ledger.claim(NOW, owner="", until=NOW + MINUTE, limit=1)
        claim = self.take(ledger, "one")
        with pytest.raises(ValueError, match="HF-B: the claim is on HF-A"):
            ledger.append("HF-B", [note()], fold, now=NOW, claim=claim)

    # ---- several at once

    def test_four_processes_append_without_a_gap_or_a_lost_event(self, address: str, ledger: Ledger) -> None:
        for name in "ABCD":
            ledger.register(f"HF-{name}", [registered()], fold, now=NOW)
        with workers(address, *[("append", f"HF-{name}", "200") for name in "AABC"]) as writers:
            written = [int(line) for writer in writers for line in writer.lines()]
        assert sorted(written) == list(range(5, 805))
        assert [event.seq for event in ledger.all_events()] == list(range(1, 805))
        assert [len(ledger.events(f"HF-{name}")) for name in "ABCD"] == [401, 201, 201, 1]
        assert ledger.verify(fold) == ()

    def test_processes_never_claim_the_same_request(self, address: str, ledger: Ledger) -> None:
        names = [f"HF-{number:03}" for number in range(150)]
        for name in names:
            ledger.register(name, [registered()], fold, now=NOW)
        with workers(address, *[("claim", owner) for owner in ("one", "two", "three")]) as rivals:
            claimed = [line.split() for rival in rivals for line in rival.lines()]
        assert sorted(name for name, _ in claimed) == names
        assert {token for _, token in claimed} == {"1"}

    def test_threads_share_one_ledger(self, ledger: Ledger) -> None:
        ready = threading.Barrier(4)

        def work(name: str) -> int:
            ready.wait(10)
            ledger.register(name, [registered()], fold, now=NOW)
            for _ in range(20):
                ledger.append(name, [note()], fold, now=NOW)
            return len(ledger.events(name))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, ["HF-A", "HF-B", "HF-C", "HF-D"])) == [21] * 4
        assert [event.seq for event in ledger.all_events()] == list(range(1, 85))
        assert ledger.verify(fold) == ()

    # ---- bytes and signs of life

    def test_bytes_are_kept_once_by_their_digest(self, ledger: Ledger) -> None:
        assert ledger.keep(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        digest = ledger.keep(b"terms of 2026\0\xff")
        assert ledger.keep(b"terms of 2026\0\xff") == digest
        assert ledger.keep(b"") != digest
        assert ledger.kept(digest) == b"terms of 2026\0\xff"
        with pytest.raises(LedgerError, match="nothing is kept as 00"):
            ledger.kept("00")

    def test_of_the_signs_of_life_the_last_one_stays(self, ledger: Ledger) -> None:
        assert ledger.last_beat("sweep") is None
        ledger.beat("sweep", NOW, {"due": 3})
        ledger.beat("watch", NOW, {})
        ledger.beat("sweep", NOW + SECOND, {"due": 0, "slow": ["example"]})
        assert ledger.last_beat("sweep") == (NOW + SECOND, {"due": 0, "slow": ["example"]})
        assert ledger.last_beat("watch") == (NOW, {})
        assert ledger.verify(fold) == ()

    # ---- proof

    @pytest.fixture
    def proven(self, ledger: Ledger) -> Ledger:
        """Three requests, ten events: A has 1, 2, 3, 8 and 10; B has 4, 5 and 9; C, which is final, 6 and 7."""
        items = [item("1", blind="d1"), item("2")]
        ledger.register("HF-A", [registered(items=items), intent("send", 1), note("sent")], fold, now=NOW)
        ledger.register("HF-B", [registered(), note("a")], fold, now=NOW)
        ledger.register("HF-C", [registered(items=items)], fold, now=NOW)
        ledger.append("HF-C", [moved(state="released", final=True, next_at=None)], fold, now=NOW)
        ledger.append("HF-A", [intent("extend", 1)], fold, now=NOW)
        ledger.append("HF-B", [note("b")], fold, now=NOW)
        ledger.append("HF-A", [note("extended")], fold, now=NOW)
        assert ledger.keep(b"terms")
        assert ledger.verify(fold) == ()
        return ledger

    @pytest.mark.parametrize(
        ("statement", "seq", "words"),
        [
            (
                'UPDATE events SET body = \'{"text":"seny"}\' WHERE seq = 3',
                3,
                "event 3 (note) is not what was recorded",
            ),
            (
                'UPDATE events SET body = \'{"text": "sent"}\' WHERE seq = 3',
                3,
                "event 3 (note) is not what was recorded",
            ),
            ("UPDATE events SET body = 'no JSON' WHERE seq = 3", 3, "event 3 (note) is not what was recorded"),
            ("UPDATE events SET actor = 'Duty officer ' WHERE seq = 4", 4, "event 4 (registered) is not what"),
            ("UPDATE events SET request = 'HF-B' WHERE seq = 10", 10, "event 10 (note) is not what"),
            ("UPDATE events SET kind = 'intent' WHERE seq = 5", 5, "event 5 (intent) is not what"),
            (
                "UPDATE events SET at = '2026-11-20T08:00:00.000000Z' WHERE seq = 1",
                1,
                "event 1 (registered) is not what",
            ),
            ("UPDATE events SET at = 'yesterday' WHERE seq = 9", 9, "event 9 (note) is not what"),
            ("UPDATE events SET recorded_at = at || ' ' WHERE seq = 10", 10, "event 10 (note) is not what"),
            (
                "UPDATE events SET nodes = (SELECT nodes FROM events WHERE seq = 2) WHERE seq = 6",
                6,
                "event 6 (registered)",
            ),
            ("DELETE FROM events WHERE seq = 1", 1, "event 1 is missing"),
            ("DELETE FROM events WHERE seq IN (4, 5, 6)", 4, "events 4 to 6 are missing"),
            ("DELETE FROM events WHERE seq = 10", 10, "event 10 is missing"),
            ("DELETE FROM events WHERE seq > 8", 9, "events 9 to 10 are missing"),
            ("DELETE FROM events", 1, "events 1 to 10 are missing"),
        ],
    )
    def test_the_first_event_that_was_altered_is_named(
        self, address: str, proven: Ledger, statement: str, seq: int, words: str
    ) -> None:
        self.meddle(address, statement)
        first = proven.verify(fold)[0]
        assert (first.seq, words in first.what) == (seq, True), first

    def test_events_in_each_others_place_are_found(self, address: str, proven: Ledger) -> None:
        self.meddle(
            address,
            "UPDATE events SET seq = 99 WHERE seq = 5",
            "UPDATE events SET seq = 5 WHERE seq = 9",
            "UPDATE events SET seq = 9 WHERE seq = 99",
        )
        found = [finding.seq for finding in proven.verify(fold)]
        assert found[0] == 5
        assert 9 in found

    def test_an_event_put_in_between_is_found(self, address: str, proven: Ledger) -> None:
        self.meddle(
            address,
            "UPDATE events SET seq = seq + 100 WHERE seq > 5",
            "INSERT INTO events (seq, request, kind, at, recorded_at, actor, body, nodes) "
            'SELECT 6, request, kind, at, recorded_at, actor, \'{"text":"more"}\', nodes FROM events WHERE seq = 5',
            "UPDATE events SET seq = seq - 99 WHERE seq > 100",
        )
        findings = proven.verify(fold)
        assert findings[0].seq == 6
        assert "put in or moved" in findings[0].what

    def test_an_event_before_the_first_is_found(self, address: str, proven: Ledger) -> None:
        self.meddle(
            address,
            "INSERT INTO events (seq, request, kind, at, recorded_at, actor, body, nodes) "
            "SELECT 0, request, kind, at, recorded_at, actor, body, nodes FROM events WHERE seq = 5",
        )
        first = proven.verify(fold)[0]
        assert (first.seq, first.what) == (0, "event 0 was put in: the first event has the number 1")

    def test_an_altered_event_with_a_hash_made_to_fit_is_found_above(self, address: str, proven: Ledger) -> None:
        content = (
            '{"actor":"Duty officer","at":"2026-11-21T08:00:00.000000Z","body":{"text":"a!"},"kind":"note",'
            '"recorded_at":"2026-11-21T08:00:00.000000Z","request":"HF-B","seq":5}'
        )
        ((before,),) = self.look(address, "SELECT nodes FROM events WHERE seq = 4")
        forged = (leaf(content.encode()) + node(bytes(before)[:32], leaf(content.encode()))).hex()
        self.meddle(
            address,
            'UPDATE events SET body = \'{"text":"a!"}\' WHERE seq = 5',
            f"UPDATE events SET nodes = {self.bytes_of(forged)} WHERE seq = 5",  # noqa: S608
        )
        assert [finding.seq for finding in proven.verify(fold)] == [7], "event 7 completes a subtree over event 5"

    def bytes_of(self, text: str) -> str:
        """Bytes, given in hex, as the database's SQL writes them."""
        return f"x'{text}'"

    # ---- the tree

    def test_the_root_of_any_earlier_size_can_be_told(self, ledger: Ledger) -> None:
        heads = [ledger.head()]
        ledger.register("HF-A", [registered()], fold, now=NOW)
        for number in range(20):
            ledger.append("HF-A", [note(str(number))], fold, now=NOW)
            heads.append(ledger.head())
        assert [ledger.root_at(events) for events, _ in heads] == [root for _, root in heads]
        for beyond in (22, -1):
            with pytest.raises(LedgerError, match="it has 21 events"):
                ledger.root_at(beyond)

    def test_each_event_is_proved_to_stand_in_every_later_tree(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), *(note(str(number)) for number in range(12))], fold, now=NOW)
        hashes = [leaf(ledger.identity.content()), *(leaf(entry.content()) for entry in ledger.records())]
        for events in (1, 7, 8, 13):
            root = bytes.fromhex(ledger.root_at(events))
            for seq in range(events + 1):
                proof = [bytes.fromhex(each) for each in ledger.inclusion(seq, events=events)]
                assert check_inclusion(hashes[seq], seq, events + 1, proof, root)
                assert not check_inclusion(hashes[seq - 1], seq, events + 1, proof, root)
        with pytest.raises(LedgerError, match="no place 9 of 8"):
            ledger.inclusion(9, events=8)

    def test_each_tree_is_proved_to_begin_with_every_earlier_one(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), *(note(str(number)) for number in range(12))], fold, now=NOW)
        roots = [bytes.fromhex(ledger.root_at(events)) for events in range(14)]
        for later in range(14):
            for earlier in range(later + 1):
                proof = [bytes.fromhex(each) for each in ledger.consistency(earlier, later)]
                assert check_consistency(earlier + 1, later + 1, roots[earlier], roots[later], proof)

    def test_records_are_the_events_as_they_are_stored(self, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered()], fold, now=NOW)
        ledger.register("HF-B", [registered(), note()], fold, now=NOW)
        assert [entry.event() for entry in ledger.records("HF-B")] == list(ledger.events("HF-B"))
        assert [entry.seq for entry in ledger.records("HF-B", after=2)] == [3]
        assert [entry.seq for entry in ledger.records()] == [1, 2, 3]

    def test_signed_heads_are_kept_in_order(self, ledger: Ledger) -> None:
        assert ledger.heads() == ()
        for number in (3, 3, 1):
            ledger.add_head(number, f"head {number}")
        assert ledger.heads() == ("head 3", "head 3", "head 1")

    @pytest.mark.parametrize("others", [1, 2, 3])
    def test_a_history_that_others_went_on_with_differently_is_read_anew(
        self, address: str, ledger: Ledger, others: int
    ) -> None:
        """A server that was behind took over, or a backup was put back, while this process had the ledger open."""
        ledger.register("HF-A", [registered()], fold, now=NOW)
        ledger.register("HF-B", [registered(), note("kept")], fold, now=NOW)
        ledger.append("HF-A", [note("lost"), note("lost too")], fold, now=NOW)
        self.meddle(address, "DELETE FROM events WHERE seq > 3")
        with closing(open_at(address)) as other:
            for number in range(others):
                other.append("HF-A", [note(f"other {number}")], fold, now=NOW)
        ledger.append("HF-B", [note("first")], fold, now=NOW)
        ledger.append("HF-A", [note("second")], fold, now=NOW)
        said = [event.body.get("text") for event in ledger.events("HF-A")]
        assert said == [None, *(f"other {number}" for number in range(others)), "second"]
        assert ledger.verify(fold) == ()

    def test_another_writer_of_the_same_tree_is_noticed(self, address: str, ledger: Ledger) -> None:
        with closing(open_at(address)) as other:
            for number in range(9):
                (ledger if number % 2 else other).register(f"HF-{number}", [registered()], fold, now=NOW)
            assert ledger.head() == other.head()
            assert ledger.verify(fold) == ()

    def look(self, address: str, query: str) -> list[tuple[object, ...]]:
        """The answer to a query, past the ledger."""
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("statement", "request_id", "words"),
        [
            (
                "UPDATE requests SET state = 'lapsed' WHERE request = 'HF-A'",
                "HF-A",
                "state 'lapsed', its events say 'in-f",
            ),
            ("UPDATE requests SET next_at = '2026-11-21T08:00:00.000001Z' WHERE request = 'HF-B'", "HF-B", "next_at"),
            ("UPDATE requests SET next_at = 'later' WHERE request = 'HF-B'", "HF-B", "index says next_at 'later'"),
            ("UPDATE requests SET final = 1, next_at = NULL WHERE request = 'HF-B'", "HF-B", "index says final 1"),
            ("UPDATE requests SET rank = 9 WHERE request = 'HF-A'", "HF-A", "index says rank 9, its events say 5"),
            (
                "UPDATE items SET outcome = 'preserved' WHERE request = 'HF-A' AND item = '2'",
                "HF-A",
                "item 2: the index",
            ),
            (
                "UPDATE items SET blind = '' WHERE request = 'HF-C' AND item = '1'",
                "HF-C",
                "item 1: the index says blind",
            ),
            ("DELETE FROM items WHERE request = 'HF-A' AND item = '2'", "HF-A", "item 2 is missing in the index"),
            (
                "INSERT INTO items (request, position, item, type, outcome, blind) "
                "VALUES ('HF-B', 0, '7', '', '', '')",
                "HF-B",
                "the index has an item 7, its events do not",
            ),
            ("DELETE FROM requests WHERE request = 'HF-B'", "HF-B", "the index has no row for it"),
            (
                "INSERT INTO requests SELECT 'HF-X', case_ref, provider, instrument, state, final, next_action, "
                "next_at, next_because, rank, strict_on, gap_days_p90, level, matters FROM requests "
                "WHERE request = 'HF-A'",
                "HF-X",
                "but no event has it",
            ),
        ],
    )
    def test_an_altered_index_is_found(
        self, address: str, proven: Ledger, statement: str, request_id: str, words: str
    ) -> None:
        self.meddle(address, statement)
        first = proven.verify(fold)[0]
        assert (first.request, words in first.what) == (request_id, True), first

    def test_a_second_intent_is_found(self, address: str, proven: Ledger) -> None:
        self.meddle(address, 'UPDATE events SET body = \'{"action":"send","sequence":1}\' WHERE seq = 8')
        what = [finding.what for finding in proven.verify(fold) if finding.seq == 8]
        assert "event 8 is a second intent for 'send', number 1" in what

    def test_altered_kept_bytes_are_found(self, address: str, proven: Ledger) -> None:
        self.meddle(address, "UPDATE kept SET content = CAST('terms.' AS BLOB)")
        (finding,) = proven.verify(fold)
        assert "are not the ones that were kept" in finding.what

    def test_a_history_that_the_fold_cannot_read_is_found(self, proven: Ledger) -> None:
        def failing_fold(events):
            if events[0].request == "HF-B":
                raise KeyError("terms")
            return fold(events)

        (finding,) = proven.verify(failing_fold)
        assert (finding.request, finding.seq) == ("HF-B", 9)
        assert "no state can be computed from its events: KeyError: 'terms'" in finding.what

    def test_more_findings_than_a_person_reads_are_cut_off(self, address: str, ledger: Ledger) -> None:
        ledger.register("HF-A", [registered(), *[note()] * 1100], fold, now=NOW)
        self.meddle(address, "UPDATE events SET actor = 'X' WHERE seq > 1")
        findings = ledger.verify(fold)
        assert len(findings) == 1001
        assert findings[0].seq == 2
        assert findings[-1].what == "1000 things do not fit; the rest was not looked at"
