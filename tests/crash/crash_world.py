"""A unit whose office can be cut off and opened anew, its provider in a sandbox, and what must hold afterwards."""

from __future__ import annotations

import copy
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
from crash_points import Line, Tapped
from unit_support import CANARY, CASE, MORNING

from flows import intake, settings, sweeping
from flows.history import Histories
from flows.office import Office, open_catalogue, open_office
from flows.routes import Route
from ledger.interface import Event
from ledger.vault import MasterKey, Vault
from providers.sandbox.server import Sandbox
from timeline.state import State

LEASE = timedelta(minutes=6)
"""Longer than a lease."""

CANARIES = (CANARY, "+15550100", "canary_name")


BETA = """
id = "{id}"
like = "sandbox"
name = "{id}"
zone = "UTC"
state = ""
[[entity]]
name = "{id}"
for = ["world"]
source = "a test"
read_on = 2026-11-21
confidence = "high"
verified = true
"""


IN_HASTE = "[pace]\nper_minute = 0\n"


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where the machine has such a thing: hundreds of ledgers are written through to it.

    In it the unit's own configuration, with two more providers than the shipped one, and what it becomes later.
    """
    memory = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="holdfast-crash-", dir=memory if memory.is_dir() else None))
    for config in (folder / "config", folder / "later"):
        (config / "providers").mkdir(parents=True)
        for name in ("beta", "gamma"):
            (config / "providers" / f"{name}.toml").write_text(BETA.format(id=name))
    (folder / "config" / "policy.toml").write_text(IN_HASTE)
    (folder / "later" / "policy.toml").write_text(f'{IN_HASTE}[extend]\nmargin = "9 days"\n')
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class TappedOffice(Office):
    """An office whose ledger and adapters pass a line."""

    line: Line

    def adapter(self, route: Route) -> Any:
        """The adapter of a route, tapped."""
        return Tapped(super().adapter(route), self.line, "provider")


@dataclass(kw_only=True)
class World:
    """One home on disk, one player in the sandbox, one clock. `copied` makes another one just like it."""

    home: Path
    sandbox: Sandbox
    player: str
    now: datetime = MORNING
    environ: dict[str, str] = field(default_factory=dict)
    office: Office = field(init=False)

    def __post_init__(self) -> None:
        self.environ = {
            "HOLDFAST_HOME": str(self.home),
            "HOLDFAST_CONFIG": str(self.home.parent / "config"),
            "HOLDFAST_SANDBOX_URL": f"{self.sandbox.url}/p/{self.player}",
        } | self.environ

    # ---- the office, its end and its new beginning

    def open(self, line: Line | None = None, *, create: bool = False) -> Office:
        """The office as a process that starts now has it; cut off where the line says."""
        known = settings.load(self.environ | {"HOLDFAST_CLOCK": self.now.isoformat()})
        self.office = open_office(known, create=create, sandbox=create, catalogue=open_catalogue(known))
        if line is not None:
            self.office = self._tapped(line)
        return self.office

    def _tapped(self, line: Line) -> TappedOffice:
        real = self.office
        ledger: Any = Tapped(real.ledger, line, "ledger")
        office = TappedOffice(
            settings=real.settings,
            catalogue=real.catalogue,
            ledger=ledger,
            vault=Vault(ledger, MasterKey.load(real.settings.key_path, real.settings.environ)),
            histories=Histories(ledger, real.policy),
        )
        office.line = line
        line.open = True
        return office

    def reopen(self) -> None:
        """Another process, at the time that it is now."""
        self.close()
        self.open()

    @property
    def case_file(self) -> Path:
        """The officer's own file, which is none of ours."""
        return self.home.parent / f"{self.home.name}.case.json"

    def close(self) -> None:
        """What the end of a process does by itself: files and sockets are closed."""
        self.office.close()

    def copied(self, home: Path, player: str) -> World:
        """The same home and the same provider once more, for another way in which the story can go on."""
        shutil.copytree(self.home, home)
        twin, own = self.sandbox.player(player), self.sandbox.player(self.player)
        twin.holdings = copy.deepcopy(own.holdings)
        faults = {name: rate for name, rate in own.dice.rates.items() if rate}
        twin.configure({"honours_keys": own.honours_keys, "faults": faults, **asdict(own.holdings.promise)})
        return World(home=home, sandbox=self.sandbox, player=player, now=self.now, environ=self.kept_environ())

    def kept_environ(self) -> dict[str, str]:
        """What of the environment a copy has too."""
        return {"HOLDFAST_CONFIG": self.environ["HOLDFAST_CONFIG"]}

    def at(self, moment: datetime) -> None:
        """Move the clock."""
        self.now = moment
        self.office.settings = replace(self.office.settings, simulated=moment)

    # ---- what people and sweeps do

    def register(
        self, *requests: dict[str, Any], unless: Callable[[], None] | None = None, **case: Any
    ) -> tuple[str, ...]:
        """Enter a case with these requests, as `holdfast preserve` does."""
        named = [request_table(number) | each for number, each in enumerate(requests or ({},))]
        case = {"mla": {"requested_state": "US", "sent_on": "2026-06-01", "profile": "unodc"}} | case
        self.case_file.write_text(json.dumps({"case": CASE["case"] | case, "request": named}))
        read, drafts, _ = intake.read(self.case_file, self.office.catalogue, at=self.now)
        return intake.register(self.office, read, drafts, unless=unless)

    def settle(self, until: datetime) -> None:
        """Sweep as a watch does: now, when the leases of a dead one are over, and whenever something is due."""
        sweeping.sweep(self.office)
        self.at(self.now + LEASE)
        for _ in range(300):
            done = sweeping.sweep(self.office).done
            due = self.office.ledger.next_due_at()
            if due is None or due > until:
                self.at(max(self.now, until))
                return
            self.at(max(due, self.now) if done else max(due, self.now + LEASE))
        raise AssertionError("it never comes to rest")

    # ---- what became of it

    def requests(self) -> list[str]:
        """Every request in the ledger."""
        return sorted({event.request for event in self.office.ledger.all_events()})

    def kinds(self, request: str) -> list[str]:
        """The kinds of event of a request, in order."""
        return [event.kind for event in self.office.ledger.events(request)]

    def effects(self) -> Counter[tuple[str, str, int]]:
        """How often each (request, action, sequence) took effect, by the provider's own account."""
        account: Any = self.sandbox.player(self.player).account(self.now.date())
        return Counter(
            {(each["request"], each["action"], each["sequence"]): each["count"] for each in account["effects"]}
        )

    def outcome(self) -> list[Any]:
        """What must be the same however often the process died: the effects, and how each request stands."""
        holds = [self.office.hold(request) for request in self.requests()]
        effects = Counter((action, sequence, count) for (_, action, sequence), count in self.effects().items())
        stand = sorted(
            (
                str(hold.state),
                hold.granted,
                str(hold.expiry and hold.expiry.strict_on),
                sorted(hold.stops),
                min(len(hold.references), 2),  # how many it splits into is the provider's dice
            )
            for hold in holds
        )
        return [sorted(effects.items()), stand]

    def told(self) -> Counter[str]:
        """How often people were told of each matter at each level, by the files dropped for them."""
        names = [path.stem.split("-") for path in (self.home / "escalations").glob("*.json")]
        return Counter("-".join(parts[-2:]) for parts in names)


def request_table(number: int = 0) -> dict[str, Any]:
    """A request of a case file to the sandbox."""
    return {
        "provider": "sandbox",
        "instrument": "us.18usc2703f",
        "categories": ["subscriber", "traffic", "content"],
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-11-20T00:00:00Z",
        "confidential": True,
        "urgency": "expedited",
        "identifiers": [{"type": "email", "value": f"{number}.{CANARY}"}],
    }


# ---- what must always hold


def broken_invariants(world: World) -> list[str]:
    """Which of the seven invariants does not hold in this world, in words; empty if all do. Its office is open."""
    ledger, office = world.office.ledger, world.office
    wrong = [f"7: {finding.what}" for finding in ledger.verify(office.histories.project)]
    wrong += [f"2: {what} had {count} effects" for what, count in world.effects().items() if count != 1]
    rows = {row.request: row for row in ledger.rows(open_only=False)}
    for request in world.requests():
        events, hold = ledger.events(request), office.hold(request)
        row = rows.pop(request, None)
        if row is None or office.histories.project(events) != row:
            wrong.append(f"4: the index of {request} is not what its events say")
        elif not row.final and row.next_at is None:
            wrong.append(f"3: {request} is {row.state} and waits for nothing")
        wrong += _silent_lapse(world, events)
        if hold.state is State.UNKNOWN:
            wrong.append(f"2: nobody ever found out what became of {request}")
    wrong += [f"4: a row for {request}, which has no event" for request in rows]
    due = [row.request for row in ledger.due(world.now)]
    wrong += [f"3: {request} is due and nobody does it" for request in due]
    return wrong + list(in_clear(world.home))


def _silent_lapse(world: World, events: tuple[Event, ...]) -> Iterator[str]:
    hold = world.office.hold(events[0].request)
    expiry = hold.expiry
    if expiry is not None and expiry.strict_on < world.now.date() and not hold.ended and not hold.stops:
        yield f"1: {hold.request} passed {expiry.strict_on} and nobody noticed"
    for number, event in enumerate(events):
        if event.kind == "lapsed" and not any(each.kind == "escalated" for each in events[:number]):
            yield f"1: {hold.request} lapsed and nobody was told before"


def in_clear(home: Path) -> Iterator[str]:
    """Files of ours in which an identifier stands in clear."""
    for path in home.rglob("*"):
        with suppress(FileNotFoundError):
            content = path.read_bytes() if path.is_file() else b""
            if any(canary.encode() in content or canary in path.name for canary in CANARIES):
                yield f"6: {path.name} names an identifier"
