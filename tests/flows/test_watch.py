"""The watch: on time, through failing sweeps, loud when nothing is swept, and clean when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from prefect_support import CANARY, LiveUnit, free_port, reply, server, wait_for

from flows import prefect_api, running, sweeping
from flows import watch as watch_module
from flows.alarming import Alarms, lasting
from flows.office import open_catalogue
from flows.settings import SettingsError
from flows.watch import STUCK, Watch, check, health, stop_on_signals, watch
from providers.sandbox import serve

pytestmark = pytest.mark.xdist_group("on a clock")  # one after the other: real time counts in these

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[LiveUnit]:
    unit = LiveUnit(tmp_path)
    with serve() as sandbox:
        unit.provider("alpha", f"{sandbox.url}/p/alpha")
        yield unit


class Watching:
    """A watch in a thread of this process, and what it said."""

    def __init__(self, unit: LiveUnit, **how: Any) -> None:
        self.said: list[str] = []
        self.left: list[int] = []
        self.ended: list[int] = []
        self.stop = threading.Event()
        how = {"interval": HOUR, "look_every": HOUR, "again_after": timedelta(seconds=0.2)} | how

        def run() -> None:
            settings = unit.settings
            self.ended.append(watch(settings, stop=self.stop, say=self.said.append, leave=self.left.append, **how))

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def finish(self) -> int:
        self.stop.set()
        self.thread.join(45)  # the act in hand is finished, and it may be tried again for half a minute
        return self.ended[0]

    def said_so(self, part: str) -> Callable[[], bool]:
        return lambda: any(part in line for line in self.said)


@contextmanager
def watching(unit: LiveUnit, **how: Any) -> Iterator[Watching]:
    running = Watching(unit, **how)
    try:
        yield running
    finally:
        running.finish()


def slow(seconds: float) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    """A provider that says nothing for a while, and then what nobody can read."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        time.sleep(seconds)
        reply(handler, 200, b"{}")

    return answer


def began(unit: LiveUnit) -> datetime | None:
    with unit.office() as opened:
        found = opened.ledger.last_beat("sweep-began")
    return found[0] if found else None


class TestTheHeartbeat:
    def test_it_sweeps_at_once_and_then_at_the_instant_something_falls_due(self, unit: LiveUnit) -> None:
        due_at = datetime.now(UTC) + timedelta(seconds=2.5)
        (request,) = unit.register("alpha", at=due_at)
        with watching(unit):
            wait_for(unit.beat, seconds=5, what="the first sweep")
            assert (unit.beat()["requests"], unit.kinds(request)) == (0, ["registered"])
            wait_for(lambda: "sent" in unit.kinds(request), seconds=6, what="the sweep at the due instant")
        with unit.office() as opened:
            sent = next(event for event in opened.ledger.events(request) if event.kind == "sent")
        assert due_at <= sent.at < due_at + timedelta(seconds=2)

    def test_what_another_process_enters_is_found_without_waiting_for_the_interval(self, unit: LiveUnit) -> None:
        with watching(unit, look_every=timedelta(seconds=0.2)):
            wait_for(unit.beat, seconds=5, what="the first sweep")
            (request,) = unit.register("alpha")
            wait_for(lambda: "sent" in unit.kinds(request), seconds=5, what="its sending")

    def test_what_a_sweep_could_not_settle_waits_for_the_interval(self, unit: LiveUnit) -> None:
        """A request that stays due must not make the watch sweep without a pause."""
        (request,) = unit.register("alpha")
        with unit.office() as opened:
            now = opened.now()
            opened.ledger.claim(now, owner="another", until=now + sweeping.LEASE, limit=1, request=request)
        with watching(unit, look_every=timedelta(seconds=0.1)) as running:
            wait_for(unit.beat, seconds=5, what="the first sweep")
            first, until = began(unit), time.monotonic() + 1.5
            while time.monotonic() < until:
                assert began(unit) == first
                time.sleep(0.1)
        assert running.ended == [0]

    def test_without_prefect_the_ledger_says_who_swept_and_why(self, unit: LiveUnit) -> None:
        with watching(unit) as running:
            wait_for(unit.beat, seconds=5, what="the first sweep")
            wait_for(
                running.said_so("sweeping without Prefect: PREFECT_API_URL is not set"), seconds=2, what="the why"
            )
        beat = unit.beat()
        assert (beat["by"], beat["because"]) == ("watch", "PREFECT_API_URL is not set")

    def test_a_clock_that_was_set_makes_it_begin_anew(self, unit: LiveUnit) -> None:
        said: list[str] = []
        running = Watch(
            settings=unit.settings,
            catalogue=open_catalogue(unit.settings),
            stop=threading.Event(),
            interval=HOUR,
            allowed=timedelta(seconds=1),
            look_every=HOUR,
            again_after=HOUR,
            say=said.append,
            leave=said.append,
        )
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        wait_for(unit.beat, seconds=5, what="the first sweep")
        first = began(unit)
        running.offset += 7200  # as if the clock had been set back by two hours since
        wait_for(lambda: began(unit) != first, seconds=5, what="a sweep after the step")
        assert "the clock was set, or the machine slept: sweeping now" in said
        running.stop.set()
        thread.join(10)

    def test_a_simulated_clock_is_refused(self, unit: LiveUnit) -> None:
        unit.environ["HOLDFAST_CLOCK"] = "2027-01-20T09:00:00Z"
        with pytest.raises(SettingsError, match="does not move"):
            watch(unit.settings, stop=threading.Event())


class TestTrouble:
    def test_a_failing_sweep_does_not_end_it_and_people_are_told_once_and_told_that_it_is_over(
        self, unit: LiveUnit
    ) -> None:
        broken = unit.folder / "config" / "providers" / "broken.toml"
        unit.register("alpha", at=datetime.now(UTC) + timedelta(seconds=1.5))
        with watching(unit, allowed=timedelta(seconds=10)) as running:
            wait_for(unit.beat, seconds=5, what="the first sweep")
            broken.write_text("id = 7\n")
            wait_for(unit.dropped, seconds=15, what="the alarm")
            time.sleep(0.5)
            (alarm,) = unit.dropped()
            assert "sweeps in a row failed, the last one because: " in alarm["because"]
            assert "broken.toml" in alarm["because"]
            assert alarm["who"] == "Duty officer"
            broken.unlink()
            wait_for(lambda: len(unit.dropped()) == 2, seconds=10, what="the end of the alarm")
            assert unit.dropped()[1]["over"] is True
        assert running.ended == [0]

    def test_a_sweep_that_hangs_is_told_while_it_hangs_and_then_the_process_is_ended(self, unit: LiveUnit) -> None:
        with server(slow(3)) as address:
            unit.provider("slow", address, seconds=2.5)
            unit.register("slow")
            running = Watching(unit, allowed=timedelta(seconds=0.5))
            wait_for(unit.dropped, seconds=2, what="the alarm")
            assert unit.beat() == {}, "it is told while the sweep still runs"
            assert "does not end" in unit.dropped()[0]["because"]
            wait_for(lambda: running.left, seconds=2, what="the end of the process")
            assert running.left[0] == STUCK
            assert running.finish() == 0, "the act in hand is finished"
        assert CANARY not in json.dumps(unit.dropped()) + "".join(running.said)

    def test_an_alarm_that_cannot_be_delivered_is_tried_again_on_that_channel_only(self, unit: LiveUnit) -> None:
        port = free_port()
        unit.environ["HOLDFAST_SMTP"] = f"smtp://127.0.0.1:{port}"
        unit.policy(
            '[[ladder]]\nlevel = 1\nwho = "Duty officer"\nacknowledge_within = "12 hours"\n'
            'tell = ["drop", "smtp"]\nmail_to = "duty.officer@police.example.com"\n'
            '[[ladder]]\nlevel = 2\nwho = "Head of unit"\nacknowledge_within = "6 hours"\n'
            'tell = ["drop"]\nmail_to = ""\n'
        )
        said: list[str] = []
        now, minute = datetime.now(UTC), timedelta(minutes=1)
        alarms = Alarms(
            settings=unit.settings, catalogue=open_catalogue(unit.settings), again_after=minute, say=said.append
        )
        alarms.consider("no sweep has finished", now)
        assert said == [said[0]]
        assert "could not be told everywhere: smtp: the mail server could not be reached" in said[0]
        with mail_server(port) as mails:
            alarms.consider("no sweep has finished", now + timedelta(seconds=59))
            assert mails == []
            alarms.consider("no sweep has finished", now + minute)
            alarms.consider("no sweep has finished", now + 2 * minute)
            assert len(mails) == 1
            assert "the watch does not sweep" in mails[0]
            assert [each["level"] for each in unit.dropped()] == [1]
            alarms.consider("no sweep has finished", now + 12 * HOUR)
            assert [each["who"] for each in unit.dropped()] == ["Duty officer", "Head of unit"]
            alarms.consider("", now + 13 * HOUR)
            assert [each["over"] for each in unit.dropped()] == [False, False, True, True]
            assert "sweeps again" in mails[1]
            alarms.consider("", now + 14 * HOUR)
            assert len(unit.dropped()) == 4


@contextmanager
def mail_server(port: int) -> Iterator[list[str]]:
    """A mail server that takes everything; gives the mails."""
    mails: list[str] = []

    def talk(link: socket.socket) -> None:
        with link, link.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 ready\r\n")
            while line := stream.readline():
                word = line.split()[0].upper()
                if word == b"DATA":
                    stream.write(b"354 go on\r\n")
                    text = b""
                    while (line := stream.readline()) != b".\r\n":
                        text += line
                    mails.append(text.decode())
                stream.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")

    def accept() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield mails
        listener.shutdown(socket.SHUT_RDWR)


class TestStopping:
    def test_a_signal_finishes_the_act_in_hand_gives_back_the_leases_and_ends_with_0(self, unit: LiveUnit) -> None:
        code = (
            "import sys, threading; from flows import settings; from flows.watch import stop_on_signals, watch; "
            "sys.exit(watch(settings.load(), stop=stop_on_signals(threading.Event())))"
        )
        received = threading.Event()

        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            received.set()
            time.sleep(1)
            asked = json.loads(body)
            items = [{"id": each["id"], "result": "kept"} for each in asked["items"]]
            said = {"request": asked["request"], "references": ["R-1"], "status": "active", "items": items}
            reply(handler, 201, json.dumps(said).encode())

        with server(answer) as address:
            unit.provider("slow", address)
            first, second = unit.register("slow", "slow")
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                env={**os.environ, **unit.environ},
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert received.wait(15)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=15)
        assert process.returncode == 0, said
        assert said.rstrip().endswith("stopped")
        sent = [request for request in (first, second) if "sent" in unit.kinds(request)]
        assert len(sent) == 1, "the act in hand is finished and no other is begun"
        with unit.office() as opened:
            now = opened.now()
            for request in (first, second):
                assert opened.ledger.claim(now, owner="next", until=now + HOUR, limit=1, request=request)
        assert unit.beat("sweep-stopped")["by"] == "watch"
        assert unit.beat("sweep") == {}

    def test_it_stops_at_once_while_it_looks_for_what_falls_due_next(self, unit: LiveUnit) -> None:
        """The look asks the scheduler for its jobs, which must not wait for the look meanwhile."""
        always = timedelta(microseconds=1)
        unit.register("alpha")
        with watching(unit, look_every=always) as running:
            wait_for(running.said_so("sweeping"), seconds=10, what="the first sweep")
            began = time.monotonic()
            assert running.finish() == 0
            assert time.monotonic() - began < 10
        assert running.said[-1] == "stopped"

    def test_a_second_signal_is_the_usual_one(self) -> None:
        stop = threading.Event()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            stop_on_signals(stop)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(1)
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class TestTheCheck:
    """The shipped interval is 15 minutes, so 30 are allowed."""

    NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)

    def beats(self, unit: LiveUnit, **minutes_ago: float) -> None:
        with unit.office() as opened:
            for name, minutes in minutes_ago.items():
                at = self.NOW - timedelta(minutes=minutes)
                opened.ledger.beat(name.replace("_", "-"), at, {"by": "watch"})

    def test_a_sweep_in_time_is_fine(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep_began=31, sweep=30)
        assert check(unit.settings, self.NOW) == (
            0,
            "the last sweep finished 30 minutes ago (watch)\nnothing is overdue",
        )

    def test_a_ledger_that_was_never_swept_needs_a_person(self, unit: LiveUnit) -> None:
        assert check(unit.settings, self.NOW) == (1, "no sweep has ever finished: start the watch")

    def test_a_sweep_too_long_ago_needs_a_person(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep_began=30.1, sweep=30.1)
        status, text = check(unit.settings, self.NOW)
        assert status == 1
        assert text.startswith("no sweep has finished for 30 minutes; 30 minutes are allowed")

    def test_a_sweep_that_began_and_did_not_end_needs_a_person(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep=50, sweep_began=40)
        status, text = check(unit.settings, self.NOW)
        assert status == 1
        assert "a sweep began 40 minutes ago and has not ended: it hangs, or it was killed" in text
        self.beats(unit, sweep_stopped=39)
        assert "has not ended" not in check(unit.settings, self.NOW)[1], "it was stopped by a person"

    def test_a_request_overdue_by_more_than_two_intervals_needs_a_person(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep_began=1, sweep=1)
        unit.register("alpha", at=self.NOW - timedelta(minutes=29))
        assert check(unit.settings, self.NOW)[0] == 0
        assert (health(unit.settings, self.NOW + timedelta(minutes=2)).status) == 1
        found = health(unit.settings, self.NOW + timedelta(minutes=2))
        assert (found.overdue, found.by) == (1, "watch")
        assert "1 request is overdue by more than 30 minutes: see `holdfast board`" in found.text

    def test_a_sweep_in_the_future_points_at_the_clock(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep=-10)
        status, text = check(unit.settings, self.NOW)
        assert status == 1
        assert "check the clock" in text

    def test_a_ledger_that_is_not_there_cannot_be_known(self, tmp_path: Path) -> None:
        from flows.settings import load

        status, text = check(load({"HOLDFAST_HOME": str(tmp_path)}), self.NOW)
        assert status == 3
        assert "ledger.sqlite" in text

    def test_a_locked_ledger_cannot_be_known(self, unit: LiveUnit) -> None:
        self.beats(unit, sweep=1)
        lock = sqlite3.connect(unit.settings.ledger_path, isolation_level=None)
        try:
            lock.execute("PRAGMA locking_mode=EXCLUSIVE")
            lock.execute("BEGIN EXCLUSIVE")
            assert health(unit.settings, self.NOW, within=0.2).status == 3
        finally:
            lock.close()
        assert health(unit.settings, self.NOW, within=0.2).status == 0

    def test_a_broken_configuration_cannot_be_known_and_says_where(self, unit: LiveUnit) -> None:
        (unit.folder / "config" / "providers" / "alpha.toml").write_text("id = 7\n")
        status, text = check(unit.settings, self.NOW)
        assert status == 3
        assert "alpha.toml" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
    ],
)
def test_durations_are_said_in_whole_units(seconds: int, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


def test_the_figures_in_the_guide_are_those_of_the_code() -> None:
    guide = " ".join((ROOT / "docs" / "running.md").read_text(encoding="utf-8").split())
    for said in (
        f"at most {watch_module.STOP_WITHIN:g} seconds",
        f"within {watch_module.INTERVALS_ALLOWED} intervals",
        f"{watch_module.FAILURES_UNTIL_ALARM} sweeps in a row failed",
        f"for {2 * watch_module.INTERVALS_ALLOWED} intervals cannot be ended",
        f"have cost {sweeping.PATIENCE:g} seconds",
        f"asks for {prefect_api.ANSWER_WITHIN:g} second at most",
        f"not begun after {prefect_api.BEGIN_WITHIN:g} seconds",
        f"{prefect_api.END_WITHIN:g} seconds for its book-keeping",
        f"{running.BOOK_WITHIN:g} seconds at most",
    ):
        assert said in guide
    assert watch_module.LOOK_EVERY == watch_module.AGAIN_AFTER == timedelta(minutes=1)
