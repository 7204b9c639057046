"""What every contestant of the hold storm does and tells in the same way.

The work on one hold: ask its provider for an extension, over Holdfast's own HTTP client (`providers.http`), with an
idempotency key; after a 503 say it again, after a broken connection ask whether it arrived, and only if not say it
again. A contestant decides when that is done, by whom, and where it is written down.

A contestant is a process: `python -m bench.storm_NAME TASK`, with a task in JSON. It fills its own database with
holds that sleep, and with those that are due at one instant, waits for that instant, works until all is confirmed
and recorded (or the limit is over), and prints a `Told` in JSON as its last line.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from bench.storm_unit import drawn, names
from providers.auth import Auth
from providers.errors import OutcomeUnknown
from providers.http import HttpSettings, Message, Reply, Transport

WORKERS = 8
LEAD = 1.0
"""Seconds between the moment when all is in place and the instant at which the holds fall due."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What a contestant gets: its empty database, the provider, how many sleep and are due, and for how long."""

    database: str
    provider: str
    waiting: int
    due: int
    limit_s: float
    folder: str
    processes: int = 1

    @classmethod
    def read(cls) -> Task:
        """From the command line."""
        return cls(**json.loads(sys.argv[1]))

    def holds(self) -> list[tuple[str, str]]:
        """Reference and provider of each hold that is due."""
        return [(f"R-{number:05d}", name) for number, name in enumerate(drawn(self.due, seed=2))]


@dataclass(kw_only=True, slots=True)
class Told:
    """What a contestant says of its run. Instants in seconds since the epoch; `recorded`: outcomes in its store."""

    due_at: float
    ended_at: float = 0.0
    recorded: int = 0
    filled_s: float = 0.0
    version: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def note_peak(self) -> None:
        """Note the highest memory of this process so far."""
        peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        self.extra.setdefault("peak_mb", round(sum(peaks) / 1024, 1))

    def tell(self) -> None:
        """Print it."""
        self.note_peak()
        print(json.dumps(asdict(self)), flush=True)


class Client:
    """Holdfast's HTTP client, one for each provider, used by all workers of a process at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ways = {
            name: Transport(
                name, settings=HttpSettings(connect=2, read=5, total=10), auth=Auth(), allow_loopback=True
            )
            for name in names()
        }

    def extend(self, reference: str, provider: str) -> dict[str, Any]:
        """Have a hold extended, once in effect; gives the provider's document."""
        key = f"extend-{reference}"
        headers = (("Idempotency-Key", key), ("Content-Type", "application/json"), ("Accept", "application/json"))
        base, way = f"{self._url}/p/{provider}/v1/preservations", self._ways[provider]
        body = json.dumps({"sequence": 1, "hold_until": "2027-06-30", "because": "the hold ends"}).encode()
        say = Message(method="POST", url=f"{base}/{reference}/extensions", headers=headers, body=body).to_bytes()
        ask = Message(method="GET", url=f"{base}?key={key}", headers=headers[2:]).to_bytes()
        while True:
            try:
                reply = Reply.from_bytes(way.deliver(say, "rest").received)
            except OutcomeUnknown:
                found = json.loads(Reply.from_bytes(way.deliver(ask, "rest").received).body)["preservations"]
                if found:
                    return dict(found[0])
                continue
            if reply.status == 200:
                return dict(json.loads(reply.body))
            assert reply.status == 503, reply.status

    def close(self) -> None:
        """Give back the connections."""
        for way in self._ways.values():
            way.close()


class Count:
    """Counts what was done, from any thread."""

    def __init__(self, wanted: int) -> None:
        self.done, self._wanted, self._all = 0, wanted, threading.Event()
        self._lock = threading.Lock()

    def one(self) -> None:
        """One more."""
        with self._lock:
            self.done += 1
            if self.done >= self._wanted:
                self._all.set()

    def wait(self, until: float) -> bool:
        """Until all is done, or that instant; whether all is done."""
        return self._all.wait(max(0.0, until - time.time()))


def settle(told: Told, recorded: Callable[[], int], *, wanted: int, until: float) -> None:
    """Wait until the store itself says that all is recorded, and note when that was."""
    while True:
        told.recorded, told.ended_at = recorded(), time.time()
        if told.recorded >= wanted or told.ended_at > until:
            return
        time.sleep(0.01)


@contextmanager
def filling(told: Told) -> Iterator[None]:
    """Note how long it took to fill the store."""
    began = time.perf_counter()
    yield
    told.filled_s = round(time.perf_counter() - began, 1)


def until(instant: float) -> None:
    """Sleep until then."""
    time.sleep(max(0.0, instant - time.time()))


def release(package: str) -> str:
    """Name and version of what was measured."""
    return f"{package} {version(package)}"
