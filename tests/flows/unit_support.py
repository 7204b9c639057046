"""A unit in a temporary folder: its catalogue, its ledger, a clock that tests move, providers in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows import intake, replying, settings, sweeping
from flows.office import Office, open_office
from ledger.interface import Event
from providers.memory import Behaviour, MemoryProvider

MORNING = datetime(2026, 11, 21, 9, tzinfo=UTC)
CANARY = "canary.account@example.com"

PROVIDER = """
id = "{id}"
name = "{id}"
zone = "UTC"
state = ""
[[entity]]
name = "{id}"
for = ["world"]
{source}
[[channel]]
kind = "api"
{source}
[notice]
notifies_on_preservation = false
{source}
[adapter]
kind = "memory"
"""
SOURCE = 'source = "a test"\nread_on = 2026-11-21\nconfidence = "high"\nverified = true'

PORTAL = """
id = "portal"
name = "Portal Ltd"
zone = "UTC"
state = ""
[[entity]]
name = "Portal Ltd"
for = ["world"]
{source}
[[channel]]
kind = "portal"
name = "the desk"
url = "https://portal.example.com/"
{source}
[notice]
notifies_on_preservation = false
{source}
[adapter]
kind = "manual"
"""

CASE: dict[str, Any] = {
    "case": {
        "reference": "CY-2026-0412",
        "unit": "Cybercrime Unit, Example Police",
        "country": "US",
        "offence": {"title": "Fraud", "provisions": ["18 USC 1343"], "facts": "Invoices were diverted."},
        "officer": {
            "name": "Duty officer",
            "badge": "EP-1042",
            "email": "duty.officer@police.example.com",
            "phone": "+1-555-0100",
        },
        "mla": {"requested_state": "US", "send_on": "2026-12-01", "profile": "unodc"},
    },
}


class Unit:
    """An open office with its clock in the test's hand."""

    def __init__(self, folder: Path, providers: Sequence[str] = ("alpha",)) -> None:
        self.folder = folder
        config = folder / "config" / "providers"
        config.mkdir(parents=True, exist_ok=True)
        for name in providers:
            (config / f"{name}.toml").write_text(PROVIDER.format(id=name, source=SOURCE))
        self.environ = {
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CONFIG": str(folder / "config"),
            "HOLDFAST_CLOCK": MORNING.isoformat(),
        }
        self.office: Office = open_office(settings.load(self.environ), create=True, sandbox=True)

    def play(
        self, provider: str, *script: Behaviour, idempotent: bool = True, can_find: bool = True
    ) -> MemoryProvider:
        """Put a provider with this script in the place of the catalogue's."""
        played = MemoryProvider(
            provider,
            script=script,
            idempotent=idempotent,
            can_find=can_find,
            clock=lambda: self.office.now(),  # noqa: PLW0108 - the office comes later
        )
        self.office.adapters[provider] = played
        return played

    def at(self, moment: datetime) -> None:
        """Move the clock."""
        self.office.settings = replace(self.office.settings, simulated=moment)

    def later(self, **duration: float) -> datetime:
        """Move the clock on by a duration."""
        self.at(self.office.now() + timedelta(**duration))
        return self.office.now()

    def register(self, *requests: dict[str, Any], **case: Any) -> tuple[str, ...]:
        """Register a case with these requests; what a request leaves out is filled in."""
        named = [_account(number) | each for number, each in enumerate(requests or ({},))]
        whole = {"case": CASE["case"] | case, "request": [self.request(**each) for each in named]}
        path = self.folder / "case.json"
        path.write_text(json.dumps(whole))
        read, drafts, _ = intake.read(path, self.office.catalogue, at=self.office.now())
        return intake.register(self.office, read, drafts)

    def request(self, **given: Any) -> dict[str, Any]:
        """A request table of a case file."""
        return {
            "provider": "alpha",
            "instrument": "us.18usc2703f",
            "categories": ["subscriber", "traffic", "content"],
            "from": "2026-09-01T00:00:00Z",
            "to": "2026-11-20T00:00:00Z",
            "confidential": True,
            "urgency": "expedited",
            "identifiers": [{"type": "email", "value": CANARY}],
        } | given

    def preserve(self, *requests: dict[str, Any], **case: Any) -> tuple[str, ...]:
        """Register a case and work on it at once."""
        ids = self.register(*requests, **case)
        sweeping.work_on(self.office, ids)
        return ids

    def sweep(self) -> sweeping.Report:
        """One pass now."""
        return sweeping.sweep(self.office)

    def run_until(self, end: datetime) -> list[str]:
        """Sweep at every instant at which something is due; the actions done, in order."""
        done: list[str] = []
        while (due := self.office.ledger.next_due_at()) is not None and due <= end:
            self.at(max(due, self.office.now()))
            swept = [each.action for each in self.sweep().done]
            done += swept
            if not swept and self.office.ledger.next_due_at() == due:
                self.later(minutes=5)  # it is kept back by a fault, until its lease runs out
        self.at(end)
        return done

    def acknowledge_all(self) -> None:
        """Somebody takes up everything that was escalated."""
        for row in list(self.office.ledger.rows()):
            if row.level:
                replying.record(self.office, row.request, replying.Reply(kind="escalation-acknowledged", by="clerk"))

    def kinds(self, request: str) -> list[str]:
        """The kinds of event of a request, in order."""
        return [event.kind for event in self.office.ledger.events(request)]

    def last(self, request: str, kind: str) -> Event:
        """The last event of a kind."""
        return [event for event in self.office.ledger.events(request) if event.kind == kind][-1]

    def close(self) -> None:
        """Close the office."""
        self.office.close()


def _account(number: int) -> dict[str, Any]:
    """The account of the nth request of a case: no two requests may ask a provider for the same one."""
    return {"identifiers": [{"type": "email", "value": f"{number}.{CANARY}" if number else CANARY}]}


def unit_with_portal(folder: Path) -> Unit:
    """A unit that reaches one of its providers, "portal", by hand alone, and that waits for nobody."""
    (folder / "config" / "providers").mkdir(parents=True)
    (folder / "config" / "providers" / "portal.toml").write_text(PORTAL.format(source=SOURCE))
    made = Unit(folder)
    made.office.sleep = lambda _: None
    return made
