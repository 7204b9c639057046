"""Where sweepers are born: everything is imported once, then a sweeper is forked for every order on standard input.

A sweeper is a process of its own, so it can be killed and stopped; it sweeps until nothing is due. An order is a
line of JSON: `{"environ", "clock", "speed"}` makes one (its clock starts at an instant, and runs so much faster than
ours), with `largest_file` on a disk that takes no larger one; `{"signal", "to"}` sends a signal to one that is not
gone yet.

The answers are lines too: `born PID`, `said PID TEXT` (a failure that it told of, as JSON), and `gone PID STATUS`,
with a status below 0 for the signal that ended it. The nursery ends with its input, and its children with it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows import settings, sweeping
from flows.office import open_catalogue, open_office
from ledger.interface import LedgerError


@dataclass(frozen=True, kw_only=True)
class Running(settings.Settings):
    """Settings with a clock that runs from an instant on, faster than ours if need be, and may be set while it runs.

    `step`: a file that says by how many seconds it was set, empty or not there for none.
    """

    began: float
    base: datetime
    speed: float
    step: Path

    def now(self) -> datetime:
        """The time, in UTC."""
        try:
            set_by = float(self.step.read_text() or 0)
        except OSError:
            set_by = 0.0
        return self.base + timedelta(seconds=(time.time() - self.began) * self.speed + set_by)


def running(environ: dict[str, str], clock: str, speed: float) -> Running:
    """The settings of one sweeper."""
    known = settings.load(environ)
    same = {each.name: getattr(known, each.name) for each in fields(known)}
    base, step = datetime.fromisoformat(clock), Path(environ["HOLDFAST_HOME"]) / "clock-step"
    return Running(**same, began=time.time(), base=base, speed=speed, step=step)


DONE, FAILURES, CANNOT, BROKEN = 0, 1, 3, 70


def live(order: dict[str, Any], told: Callable[[str], None]) -> int:
    """A sweeper's whole life: 0 all done, 1 with failures told, 3 where the ledger cannot be used."""
    failures = 0
    try:
        office = open_office(running(order["environ"], order["clock"], order["speed"]))
        head, before = office.ledger.head()[0], -1
        while head != before and office.ledger.due(office.now(), limit=1):
            for _, failure in sweeping.sweep(office).failures:
                failures += 1
                told(failure)
            head, before = office.ledger.head()[0], head
        office.close()
    except LedgerError as error:
        told(str(error))
        return CANNOT
    return FAILURES if failures else DONE


def born(order: dict[str, Any]) -> int:
    """Fork a sweeper; gives its process id."""
    open_catalogue(settings.load(order["environ"]))  # once, before the fork
    child = os.fork()
    if child:
        return child
    status, mouth = BROKEN, os.dup(1)
    try:
        if "largest_file" in order:  # a disk that takes no more: every write beyond that fails
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], resource.RLIM_INFINITY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(nowhere, each)
        status = live(order, lambda text: say("said", os.getpid(), json.dumps(text), mouth=mouth))
    except BaseException:
        say("said", os.getpid(), json.dumps(traceback.format_exc()), mouth=mouth)
    finally:
        os._exit(status)


def say(*words: object, mouth: int = 1) -> None:
    """Answer in one line."""
    os.write(mouth, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    """Take orders, and tell of ends, until the input closes."""
    children: set[int] = set()
    waiting = b""
    while True:
        if select.select([0], [], [], 0.004)[0]:
            if not (read := os.read(0, 65536)):
                break
            *lines, waiting = (waiting + read).split(b"\n")
            for order in map(json.loads, lines):
                if "environ" in order:
                    children.add(child := born(order))
                    say("born", child)
                elif order["to"] in children:  # not waited for yet, so the number is still its own
                    os.kill(order["to"], order["signal"])
        for child in list(children):
            gone, status = os.waitpid(child, os.WNOHANG)
            if gone:
                children.discard(child)
                say("gone", child, os.waitstatus_to_exitcode(status))
    for child in children:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
