"""The watch: sweeps on time until it is stopped, and says aloud when it cannot.

APScheduler keeps the heartbeat, in memory: one job sweeps at every interval, one at the earliest `next_at` of
all, set anew after every sweep and looked up every minute. Deadlines stay in the ledger; a restart asks it again.

A guard in a thread of its own, on a clock that nobody can set, tells people when no sweep has finished for too
long: it needs neither the ledger nor Prefect nor the thread that sweeps. A sweep that hangs for good cannot be
ended from inside, so the guard then ends the process, for the service manager to start it anew: leases run
out by themselves, and nothing is sent twice. `check` asks the ledger the same from outside.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import FrameType
from typing import Any

from flows.acting import Done
from flows.alarming import NEVER, Alarms, Say, lasting
from flows.catalogue import Catalogue
from flows.ledgers import open_ledger
from flows.office import office, open_catalogue
from flows.prefect_api import How
from flows.running import run_sweep
from flows.settings import Settings, SettingsError
from flows.sweeping import place
from ledger.interface import Ledger, LedgerError
from providers.errors import ConfigurationError

INTERVALS_ALLOWED = 2
"""A sweep must have finished within so many intervals."""

FAILURES_UNTIL_ALARM = 3
"""Sweeps that fail one after another until people are told."""

LOOK_EVERY = timedelta(minutes=1)
"""How often the earliest `next_at` is looked up: other processes enter requests and replies."""

AGAIN_AFTER = timedelta(minutes=1)
"""How soon a sweep that failed is tried again, and an alarm that could not be delivered."""

STOP_WITHIN = 75.0
"""Seconds for the acts in hand when the watch is stopped; a service manager kills after 90."""

STEP = timedelta(seconds=30)
"""A clock that moved by so much against the machine's own was set, or the machine slept."""

STUCK = UNKNOWN = 3
"""Exit status of a watch that ended itself because a sweep hung; of a check that cannot tell."""

LEDGER_WITHIN = 5.0
"""Seconds that the watch and its check wait for a locked ledger."""

MOST_OVERDUE = 1000
"""Overdue requests are counted up to here."""


def watch(
    settings: Settings,
    *,
    stop: threading.Event,
    interval: timedelta | None = None,
    allowed: timedelta | None = None,
    look_every: timedelta = LOOK_EVERY,
    again_after: timedelta = AGAIN_AFTER,
    say: Say | None = None,
    leave: Callable[[int], Any] = os._exit,
) -> int:
    """Sweep on time until `stop` is set. Then finish the acts in hand, give back the leases, and return 0.

    Args:
        settings: the environment. Every sweep opens the office anew, so a changed configuration is noticed.
        stop: set by a signal (`stop_on_signals`) or by whoever started the watch.
        interval: between sweeps; the policy's if not given.
        allowed: for one sweep, and between finished ones, before people are told; 2 intervals if not given.
        look_every: how often the earliest `next_at` is looked up.
        again_after: how soon a sweep that failed is tried again.
        say: told one line at a time of what is done; standard error if not given.
        leave: ends the process at once when a sweep hangs and nothing else helps.

    Raises:
        SettingsError: the clock is simulated: it does not move, so there is nothing to watch for.
        ConfigurationErrors, LedgerError: the office cannot be opened now; later on, such an error is told.
    """
    if settings.simulated:
        raise SettingsError(
            "HOLDFAST_CLOCK: a simulated clock does not move, so there is nothing to watch for; "
            "unset it, or make each pass with `holdfast sweep`"
        )
    catalogue = open_catalogue(settings)
    with office(settings):
        pass  # ledger and key are there
    every = interval or catalogue.policy.sweep_interval
    watching = Watch(
        settings=settings,
        catalogue=catalogue,
        stop=stop,
        interval=every,
        allowed=allowed or every * INTERVALS_ALLOWED,
        look_every=look_every,
        again_after=again_after,
        say=say or _say,
        leave=leave,
    )
    return watching.run()


def stop_on_signals(stop: threading.Event) -> threading.Event:
    """Set `stop` on SIGTERM and SIGINT; a second signal ends the process as usual. In the main thread only."""

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # a log that is gone must not stop the work
        sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {text}\n")
        sys.stderr.flush()


@dataclass(kw_only=True)
class Watch:
    """A running watch. Its times are seconds of the machine's own clock, which nobody sets, unless called `*_at`."""

    settings: Settings
    catalogue: Catalogue
    stop: threading.Event
    interval: timedelta
    allowed: timedelta
    look_every: timedelta
    again_after: timedelta
    say: Say
    leave: Callable[[int], Any]
    scheduler: Any = None
    finished: float = field(default_factory=time.monotonic)
    running: float | None = None
    sign: float = field(default_factory=time.monotonic)
    offset: float = field(default_factory=lambda: time.time() - time.monotonic())
    swept_at: datetime = NEVER
    failures: int = 0
    last_failure: str = ""
    last_how: How | None = None

    def run(self) -> int:
        """Start everything, wait for `stop`, end everything."""
        from apscheduler.executors.pool import ThreadPoolExecutor  # only the watch pays for the import
        from apscheduler.schedulers.background import BackgroundScheduler

        self.scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1), "look": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._schedule()
        self.scheduler.start()
        over = threading.Event()
        threading.Thread(target=self._guard, args=(over,), name="guard", daemon=True).start()
        self.say(f"watching: a sweep every {lasting(self.interval)}, and whenever something falls due")
        self.stop.wait()
        self.scheduler.pause()
        self.say("stopping: the acts in hand are finished")
        end = time.monotonic() + STOP_WITHIN
        while self.running is not None and time.monotonic() < end:
            time.sleep(0.05)
        over.set()
        if self.running is not None:
            self.say("a sweep does not end; the process ends without it, and its leases run out by themselves")
            self.leave(STUCK)
            return STUCK
        self.scheduler.shutdown(wait=False)  # waiting, it would hold the locks that a look needs to end
        self.say("stopped")
        return 0

    # ---- the heartbeat: in the scheduler's threads --------------------------------------------------------

    def _schedule(self) -> None:
        """Set the regular jobs (anew), the first sweep at once."""
        now = datetime.now(UTC)
        for name, work, every, first in (
            ("interval", self._sweep, self.interval, now),
            ("look", self._look, self.look_every, now + self.look_every),
        ):
            self.scheduler.add_job(
                work,
                "interval",
                seconds=every.total_seconds(),
                id=name,
                executor="look" if name == "look" else "default",
                next_run_time=first,
                replace_existing=True,
            )

    def _sweep(self) -> None:
        """One pass. Whatever happens in it, the next one comes."""
        if self.stop.is_set():
            return
        self.running = self.sign = time.monotonic()
        try:
            report, how = run_sweep(self.settings, progress=self._progress, stop=self.stop, by="watch")
        except Exception as error:  # the watch goes on, and the guard tells people
            self._failed(error)
            return
        finally:
            self.running = None
        self.swept_at, self.failures = report.at, 0
        if not self.stop.is_set():
            self.finished = time.monotonic()
        if self.last_how is None or how.because != self.last_how.because:
            self.say(f"sweeping without Prefect: {how.because}" if how.because else "sweeping through Prefect")
        self.last_how = how
        for request, reason in report.failures:
            self.say(f"{request or 'the sweep'} failed: {reason}")
        self._look()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        told = isinstance(error, LedgerError | SettingsError | ConfigurationError)
        fault = f"{type(error).__name__} in {place(error)}: a fault of Holdfast"
        self.last_failure = str(error).partition("\n")[0] if told else fault
        self.say(f"the sweep failed: {self.last_failure}")
        self._wake_at(datetime.now(UTC) + self.again_after)

    def _progress(self, done: Done) -> None:
        self.sign = time.monotonic()
        if done.by_hand or not done.failed:
            self.say(f"{done.request} {done.action}: {f'by hand: {done.failed}' if done.by_hand else done.result}")

    def _look(self) -> None:
        """Wake up when the next request falls due. What the last sweep left undone waits for the interval."""
        if self.running is not None or self.failures:
            return
        try:
            with _opened(self.settings) as ledger:
                due_at = _next_after(ledger, self.swept_at)
        except LedgerError as error:
            self.say(f"what falls due next cannot be read: {error}")
            return
        if due_at is not None:
            self._wake_at(due_at)

    def _wake_at(self, moment: datetime) -> None:
        # A second later at the earliest: the run that sets its own successor must be over by then.
        moment = max(moment, datetime.now(UTC) + timedelta(seconds=1))
        waiting = self.scheduler.get_job("due")
        if waiting is not None and waiting.next_run_time <= moment:
            return
        self.scheduler.add_job(self._sweep, "date", run_date=moment, id="due", replace_existing=True)

    # ---- the guard: in a thread of its own ----------------------------------------------------------------

    def _guard(self, over: threading.Event) -> None:
        alarms = Alarms(settings=self.settings, catalogue=self.catalogue, again_after=self.again_after, say=self.say)
        tick = min(5.0, self.allowed.total_seconds() / 10)
        while not over.wait(tick):
            try:
                self._mind_the_clock()
                if not self.stop.is_set():
                    alarms.consider(self.trouble(), datetime.now(UTC))
                self._mind_the_sweep()
            except Exception as error:  # the guard is the last one awake
                self.say(f"the guard failed with {type(error).__name__} in {place(error)} and goes on")

    def trouble(self) -> str:
        """Why people must be told now, or ""."""
        quiet = timedelta(seconds=time.monotonic() - self.finished)
        if self.failures >= FAILURES_UNTIL_ALARM:
            return f"{self.failures} sweeps in a row failed, the last one because: {self.last_failure}"
        if quiet <= self.allowed:
            return ""
        if self.running is not None:
            since = timedelta(seconds=time.monotonic() - self.running)
            return f"a sweep has been running for {lasting(since)} and does not end"
        return f"no sweep has finished for {lasting(quiet)}; the last failure: {self.last_failure or 'none is known'}"

    def _mind_the_clock(self) -> None:
        """A clock set back would put every job off, and a machine that slept is late: begin anew."""
        offset = time.time() - time.monotonic()
        if abs(offset - self.offset) > STEP.total_seconds():
            self.offset = offset
            self.say("the clock was set, or the machine slept: sweeping now")
            self.swept_at = min(self.swept_at, datetime.now(UTC))
            self._schedule()

    def _mind_the_sweep(self) -> None:
        """End the process when a sweep shows no sign of life for twice as long as one may take."""
        if self.running is None:
            return
        silent = timedelta(seconds=time.monotonic() - self.sign)
        if silent > 2 * self.allowed:
            self.say(f"a sweep has shown no sign for {lasting(silent)}: ending the process, to be started anew")
            self.leave(STUCK)


# ---- from outside ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How the watch stands. `status`: 0 fine, 1 something needs a person, 3 it cannot be known."""

    status: int
    lines: tuple[str, ...]
    swept_at: datetime | None = None
    by: str = ""
    overdue: int = 0

    @property
    def text(self) -> str:
        """All of it, one finding to a line."""
        return "\n".join(self.lines)


def check(settings: Settings, now: datetime) -> tuple[int, str]:
    """Whether the ledger is being swept: for `holdfast watch --check`, from any process, at any time.

    Returns:
        The exit status (0 fine, 1 something needs a person, 3 it cannot be known) and what to say. Never raises.
    """
    found = health(settings, now)
    return found.status, found.text


def health(settings: Settings, now: datetime, *, within: float = LEDGER_WITHIN) -> Health:
    """The findings of `check` as a value; `within` seconds for a locked ledger."""
    try:
        interval = open_catalogue(settings).policy.sweep_interval
        with _opened(settings, within) as ledger:
            return _health(ledger, now, interval)
    except (LedgerError, ConfigurationError) as error:
        return Health(status=UNKNOWN, lines=(f"it cannot be known whether anything is swept: {error}",))
    except Exception as error:  # a monitor must get an answer
        what = f"{type(error).__name__} in {place(error)}"
        return Health(status=UNKNOWN, lines=(f"it cannot be known whether anything is swept: {what}",))


def _health(ledger: Ledger, now: datetime, interval: timedelta) -> Health:
    allowed = interval * INTERVALS_ALLOWED
    last, began, stopped = (ledger.last_beat(name) for name in ("sweep", "sweep-began", "sweep-stopped"))
    overdue = len(ledger.due(now - allowed, limit=MOST_OVERDUE))
    wrong = []
    if last is None:
        wrong.append("no sweep has ever finished: start the watch")
    elif last[0] > now + STEP:
        wrong.append(f"the last sweep lies in the future ({last[0]:%Y-%m-%d %H:%M} UTC): check the clock")
    elif now - last[0] > allowed:
        wrong.append(f"no sweep has finished for {lasting(now - last[0])}; {lasting(allowed)} are allowed")
    ends = [each[0] for each in (last, stopped) if each is not None]
    if began is not None and all(end < began[0] for end in ends) and now - began[0] > allowed:
        wrong.append(f"a sweep began {lasting(now - began[0])} ago and has not ended: it hangs, or it was killed")
    if overdue:
        many = f"{overdue} or more" if overdue == MOST_OVERDUE else str(overdue)
        verb = "request is" if overdue == 1 else "requests are"
        wrong.append(f"{many} {verb} overdue by more than {lasting(allowed)}: see `holdfast board`")
    by = str(last[1].get("by", "")) if last else ""
    fine: tuple[str, ...] = ()
    if last is not None:
        because = last[1].get("because")
        without = f" without Prefect: {because}" if because else ""
        fine = (f"the last sweep finished {lasting(max(now - last[0], timedelta(0)))} ago ({by}{without})",)
    return Health(
        status=1 if wrong else 0,
        lines=(*wrong, *fine) if wrong else (*fine, "nothing is overdue"),
        swept_at=last[0] if last else None,
        by=by,
        overdue=overdue,
    )


@contextmanager
def _opened(settings: Settings, within: float = LEDGER_WITHIN) -> Iterator[Ledger]:
    ledger = open_ledger(settings, timeout=within)
    try:
        yield ledger
    finally:
        ledger.close()


def _next_after(ledger: Ledger, moment: datetime) -> datetime | None:
    """The earliest `next_at` after a moment."""
    first = ledger.next_due_at()
    if first is None or first > moment:
        return first
    later = (row.next_at for row in islice(ledger.rows(), MOST_OVERDUE) if row.next_at and row.next_at > moment)
    return next(later, None)
