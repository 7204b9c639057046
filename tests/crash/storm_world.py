"""A storm: many actions due at once, sweepers that are killed while they work on them, a provider that counts."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))
from crash_world import CANARIES, LEASE, in_clear, request_table
from provider_sandbox_process import SandboxProcess
from unit_support import CASE, MORNING

from flows import intake, settings
from flows.office import Office, open_office

ROOT = Path(__file__).parents[2]


class Nursery:
    """The process that sweepers are forked from, and what was heard of them. See `storm_nursery`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("storm_nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._born: queue.Queue[int] = queue.Queue()
        self._ends: dict[int, queue.Queue[int]] = {}
        self._said: dict[int, list[str]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, pid, *more = line.split(maxsplit=2)
            if what == b"born":
                self._ends[int(pid)] = queue.Queue()
                self._said.setdefault(int(pid), [])
                self._born.put(int(pid))
            elif what == b"said":
                self._said.setdefault(int(pid), []).append(json.loads(more[0]))
            else:
                self._ends[int(pid)].put(int(more[0]))

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def bear(self, environ: dict[str, str], clock: datetime, *, speed: float = 1.0, **more: Any) -> int:
        """A new sweeper whose clock starts here; its process id. `more`: what `storm_nursery` knows besides."""
        self._order(environ=environ, clock=clock.isoformat(), speed=speed, **more)
        return self._born.get(timeout=30)

    def signal(self, sweeper: int, number: int) -> None:
        """Send a signal to one, unless it is gone."""
        self._order(signal=number, to=sweeper)

    def end(self, sweeper: int, *, within: float = 120.0) -> int | None:
        """Its exit status, below 0 for a signal; None if it still lives after so many seconds."""
        try:
            return self._ends[sweeper].get(timeout=within)
        except queue.Empty:
            return None

    def said(self, sweeper: int) -> str:
        """The failures it told of, or what broke it."""
        return "\n".join(self._said[sweeper])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


class Storm:
    """A unit with many requests to one played provider, and the clock by which sweepers are born.

    Args:
        home: its folder.
        sandbox: the provider's process, which outlives every sweeper.
        provider: the player's name, from `SandboxProcess.play`.
        ledger: the address of the ledger; a file in the home if not given.
    """

    def __init__(self, home: Path, sandbox: SandboxProcess, provider: str, *, ledger: str = "") -> None:
        self.home, self.sandbox, self.provider = home, sandbox, provider
        self.now = MORNING
        self.environ = {
            "HOLDFAST_HOME": str(home),
            "HOLDFAST_CONFIG": str(home.parent / "config"),
            "HOLDFAST_SANDBOX_URL": f"{sandbox.url}/p/{provider}",
            **({"HOLDFAST_LEDGER": ledger} if ledger else {}),
        }

    @contextmanager
    def office(self, *, create: bool = False) -> Iterator[Office]:
        """The unit's office, at the time it is."""
        known = settings.load(self.environ | {"HOLDFAST_CLOCK": self.now.isoformat()})
        opened = open_office(known, create=create, sandbox=create)
        try:
            yield opened
        finally:
            opened.close()

    def register(self, requests: int) -> tuple[str, ...]:
        """Enter so many requests: as many first sendings are due at once."""
        path = self.home.with_name(f"{self.home.name}.case.json")
        mla = {"requested_state": "US", "sent_on": "2026-06-01", "profile": "unodc"}
        tables = [request_table(number) for number in range(requests)]
        path.write_text(json.dumps({"case": CASE["case"] | {"mla": mla}, "request": tables}))
        with self.office(create=True) as office:
            read, drafts, _ = intake.read(path, office.catalogue, at=self.now)
            return intake.register(office, read, drafts)

    def later(self, **duration: float) -> None:
        """Move the clock by which the next sweeper is born."""
        self.now += timedelta(**duration)

    def due(self) -> bool:
        """Whether anything is due."""
        with self.office() as office:
            return bool(office.ledger.due(self.now, limit=1))

    def kill(self, nursery: Nursery, after: float) -> bool:
        """One life: a sweeper that is killed so many seconds after its birth, unless it is finished before that.

        The next one is born when its leases are over.
        """
        sweeper = nursery.bear(self.environ, self.now)
        time.sleep(after)
        nursery.signal(sweeper, 9)
        status = nursery.end(sweeper)
        self.now += LEASE
        assert status in (0, 1, -9), nursery.said(sweeper)
        return status == -9

    def finish(self, nursery: Nursery, *, sweepers: int = 1) -> None:
        """Lives that nobody disturbs, until nothing is due and nothing waits for an answer."""
        for _ in range(50):
            for sweeper in [nursery.bear(self.environ, self.now) for _ in range(sweepers)]:
                assert nursery.end(sweeper) in (0, 1), nursery.said(sweeper)
            self.now += LEASE
            with self.office() as office:
                if office.ledger.next_due_at() is None or not self._in_doubt(office):
                    return
        raise AssertionError("it never comes to rest")

    def _in_doubt(self, office: Office) -> bool:
        return any(
            row.next_action in {"look-up", "send", "extend"}
            and row.next_at
            and row.next_at < self.now + timedelta(hours=12)
            for row in office.ledger.rows()
        )

    def effects(self) -> Counter[tuple[str, str, int]]:
        """How often each (request, action, sequence) took effect, by the provider's own account."""
        account = self.sandbox.account(self.provider)
        return Counter(
            {(each["request"], each["action"], each["sequence"]): each["count"] for each in account["effects"]}
        )

    def twice(self, wanted: Counter[tuple[str, str, int]]) -> Counter[tuple[str, str, int]]:
        """What took effect beyond what was wanted."""
        return self.effects() - wanted

    def missed(self, wanted: Counter[tuple[str, str, int]]) -> Counter[tuple[str, str, int]]:
        """What was wanted and never took effect."""
        return wanted - self.effects()

    def broken(self) -> list[str]:
        """What is wrong with the ledger after all that, in words."""
        with self.office() as office:
            wrong = [finding.what for finding in office.ledger.verify(office.histories.project)]
            wrong += [
                f"{row.request} is {row.state} without a next instant"
                for row in office.ledger.rows(open_only=False)
                if not row.final and row.next_at is None
            ]
            wrong += [
                f"event {record.seq} names an identifier"
                for record in office.ledger.records()
                if any(canary.encode() in record.content() for canary in CANARIES)
            ]
        return wrong + list(in_clear(self.home))


__all__ = ["MORNING", "Nursery", "SandboxProcess", "Storm"]
