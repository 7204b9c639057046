"""A unit with its providers, all simulated but for Holdfast itself: configuration, office, requests.

The office is the real one: catalogue, SQLite ledger, vault. Its clock stands in the simulation's hand, its adapters
are `SimulatedProvider`, and what it tells people goes to `Inbox`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from simulated_account import Account
from simulated_providers import Books, SimulatedProvider
from simulation_law import LAWS

from flows import intake, settings
from flows.casefile import Case, Mla, Offence, Officer, RequestDraft
from flows.identifier import Identifier
from flows.office import Office, open_office
from providers.interface import Capabilities, Order

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
SOURCE = 'source = "a simulation"\nread_on = 2026-11-01\nconfidence = "high"\nverified = true\n'
POLICY = """
[poll]
every = "{poll}"
[sweep]
interval = "{sweep} minutes"
imminent_sweeps = {imminent}
[pace]
per_minute = 0
[[ladder]]
level = 1
who = "Duty officer"
acknowledge_within = "12 hours"
tell = ["stderr"]
[[ladder]]
level = 2
who = "Head of unit"
acknowledge_within = "6 hours"
tell = ["stderr"]
[[ladder]]
level = 3
who = "On-call head of the central authority"
acknowledge_within = "2 hours"
tell = ["stderr"]
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of provider: where it counts, what its channel can do, what its text says of holds."""

    id: str
    zone: str
    state: str = ""
    can: Capabilities
    days: int | None = None
    extensions: int | None = None
    extension_days: int | None = None
    lead: int = 0
    state_to_state: bool = False

    @property
    def channel(self) -> str:
        """What the catalogue calls its channel."""
        return "portal" if self.can.person else "memory"


KEYED = Capabilities(idempotent=True, can_find=True, announce=True, clarify=True)
ASKED = Capabilities(idempotent=False, can_find=True)
BLIND = Capabilities(idempotent=False, can_find=False)
MUTE = Capabilities(idempotent=False, can_find=False, extend=False, status=False, release=True)
PERSON = Capabilities(status=False, announce=True, clarify=True, person=True)
KINDS = (
    Kind(id="west", zone="America/Los_Angeles", can=KEYED),
    Kind(id="east", zone="America/New_York", can=ASKED),
    Kind(id="dublin", zone="Europe/Dublin", state="IE", can=KEYED),
    Kind(id="berlin", zone="Europe/Berlin", state="DE", can=ASKED, lead=3),
    Kind(id="tokyo", zone="Asia/Tokyo", state="JP", can=KEYED, lead=7),
    Kind(id="sydney", zone="Australia/Sydney", can=BLIND),
    Kind(id="mute", zone="UTC", can=MUTE),
    Kind(id="portal", zone="America/Los_Angeles", can=PERSON),
    Kind(id="short", zone="UTC", can=KEYED, days=60, extensions=1, extension_days=30, lead=5),
    Kind(id="once", zone="Europe/Paris", state="FR", can=ASKED, days=90, extensions=0),
)
AUTHORITIES = (
    Kind(id="ie.budapest-35", zone="Europe/Dublin", can=ASKED, state_to_state=True),
    Kind(id="own-contact-point", zone="UTC", can=PERSON, state_to_state=True),
)
RARE = frozenset({"de.sicherungsanordnung", "in", "sg.cpc20", "us.18usc2258A", "fr.cpp60-2", "uk.osa.dpn"})
"""Instruments that no investigator sends, or that hardly ever end within a simulation."""


def configuration(folder: Path, *, poll: str = "30 days", sweep_minutes: int = 60) -> Path:
    """The unit's own folder, laid over the shipped catalogue."""
    (folder / "providers").mkdir(parents=True)
    (folder / "authorities").mkdir()
    imminent = 24 * 60 // sweep_minutes
    (folder / "policy.toml").write_text(POLICY.format(poll=poll, sweep=sweep_minutes, imminent=imminent))
    for kind in KINDS:
        (folder / "providers" / f"{kind.id}.toml").write_text("".join(_provider(kind)))
    contact = (
        '[[contact]]\nnetwork = "budapest-35"\nname = "Contact point"\nlanguages = ["en"]\nzone = "Europe/Dublin"\n'
        f'{SOURCE}[contact.adapter]\nkind = "memory"\nidempotent = false\n'
    )
    (folder / "authorities" / "ie.toml").write_text(f'state = "IE"\n{contact}')
    return folder


def _provider(kind: Kind) -> Iterator[str]:
    yield f'id = "{kind.id}"\nname = "{kind.id}"\nzone = "{kind.zone}"\nstate = "{kind.state}"\n'
    yield f'[[entity]]\nname = "{kind.id}"\nfor = ["world"]\n{SOURCE}[[channel]]\nkind = "portal"\n{SOURCE}'
    yield f"[notice]\nnotifies_on_preservation = false\n{SOURCE}"
    if kind.days is not None:
        yield f'[[hold]]\nrequester = "any"\ndays = {kind.days}\n{SOURCE}'
        given = {"extension_count": kind.extensions, "extension_days": kind.extension_days}
        yield "".join(f"{key} = {value}\n" for key, value in given.items() if value is not None)
    if kind.lead:
        yield f'[extension]\nmode = "unstated"\nlead_days = {kind.lead}\n{SOURCE}'
    if kind.can.person:
        yield '[adapter]\nkind = "manual"\nchannel = "portal"\n'
    else:
        flags = f"idempotent = {str(kind.can.idempotent).lower()}\ncan_find = {str(kind.can.can_find).lower()}\n"
        yield f'[adapter]\nkind = "memory"\n{flags}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One request of the simulation before it is registered."""

    name: str
    at: datetime
    provider: str
    instrument: str
    emergency: bool
    state_to_state: bool
    made_on: date | None = None


def requests(seed: int, holds: int, instruments: dict[str, bool], *, over: timedelta) -> list[Planned]:
    """What the unit will ask for: every instrument with every kind of provider, registered over some time."""
    draw, planned = Random(f"{seed}/requests"), []
    common = [each for each in sorted(instruments) if each not in RARE]
    rare = [each for each in sorted(instruments) if each in RARE]
    orders = Random(f"{seed}/orders")
    for number in range(holds):
        seldom = bool(rare) and number % 10 == 9
        instrument = rare[number // 10 % len(rare)] if seldom else common[number % len(common)]
        at = START + timedelta(hours=draw.randrange(max(1, over // timedelta(hours=1))))
        # Most orders lay on a desk before they were entered; some have no day, as before one could be entered.
        made_on = (at - timedelta(days=orders.randrange(10))).date() if orders.random() < 0.8 else None
        planned.append(
            Planned(
                name=f"r{number:06d}",
                at=at,
                provider=draw.choice(KINDS).id,
                instrument=instrument,
                emergency=draw.random() < 0.1,
                state_to_state=instruments[instrument],
                made_on=made_on if LAWS[instrument].made else None,
            )
        )
    return sorted(planned, key=lambda each: (each.at, each.name))


def case_of(number: int, planned: list[Planned], draw: Random, *, late: bool) -> Case:
    """A case with these requests. Most have an MLA request planned; some sent it already, some have none."""
    at, kind = planned[0].at, draw.random()
    # Most plan an MLA request; a State is asked in the State's own zone.
    days: dict[str, date | None] = {"send_on": None, "sent_on": None, "received_on": None}
    if kind < 0.75 or not late:
        days["send_on"] = (at + timedelta(days=draw.randint(5, 60))).date()
    else:
        days["sent_on"] = (at - timedelta(days=draw.randint(1, 30))).date()
    return Case(
        reference=f"SIM-{number:05d}",
        unit="Cybercrime Unit, Example Police",
        country="FR",
        offence=Offence(title="Fraud", provisions=("art. 1",), facts="Invoices were diverted."),
        officer=Officer(name="Duty officer", badge="1", email="duty.officer@example.com", phone="+1-555-0100"),
        mla=Mla(requested_state="IE", reference="", profile="", **days),
        requests=tuple(
            RequestDraft(
                provider=each.provider,
                instrument=each.instrument,
                categories=("subscriber",),
                period_from=at - timedelta(days=60),
                period_to=at,
                confidential=True,
                urgency="emergency" if each.emergency else "expedited",
                identifiers=(Identifier(type="username", value=each.name),),
                necessity="It would be lost.",
                custodian="",
                validated_by="",
                made_on=each.made_on,
                user_location="",
                language="",
                emergency_reason="",
                snapshot_of="",
                follows="",
                partial_disclosure=False,
                notice_accepted_by="",
                unverified_accepted_by="",
                note="",
                where=each.name,
            )
            for each in planned
        ),
    )


def open_unit(folder: Path, *, poll: str, sweep_minutes: int) -> Office:
    """The office of a new unit, on a simulated clock."""
    environ = {
        "HOLDFAST_HOME": str(folder / "home"),
        "HOLDFAST_CONFIG": str(configuration(folder / "config", poll=poll, sweep_minutes=sweep_minutes)),
        "HOLDFAST_CLOCK": START.isoformat(),
    }
    return open_office(settings.load(environ), create=True, sandbox=True)


def set_clock(office: Office, moment: datetime) -> None:
    """Move the office's clock."""
    office.settings = replace(office.settings, simulated=moment)


def put_providers(office: Office, books: Books, meanwhile: Callable[[Order], None] = lambda _: None) -> None:
    """Put the simulated providers in the place of the catalogue's."""
    for kind in (*KINDS, *AUTHORITIES):
        channel = "24-7" if kind.id == "own-contact-point" else kind.channel
        office.adapters[kind.id] = SimulatedProvider(
            kind.id,
            books=books,
            clock=office.now,
            zone=kind.zone,
            channel=channel,
            capabilities=kind.can,
            meanwhile=meanwhile,
        )


def register(office: Office, case: Case) -> tuple[str, ...]:
    """Register a case as intake does; gives the ids."""
    read, drafts, _ = intake.judge(case, (), office.catalogue, at=office.now())
    return intake.register(office, read, drafts)


_SUBJECT = re.compile(r"\[Holdfast\] level (\d): ([a-z, ]+) (HF-\w+) \(")


@dataclass(kw_only=True)
class Told:
    """One telling as it reached a person, or would have."""

    at: datetime
    request: str
    about: str
    level: int
    delivered: bool


@dataclass(kw_only=True)
class Inbox:
    """Where people are told: it takes the place of standard error, and now and then does not work."""

    clock: Callable[[], datetime]
    seed: int
    in_vain: float
    told: list[Told] = field(default_factory=list)
    new: list[Told] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def write(self, text: str) -> int:
        """Take a message. Raises `OSError` where the channel fails."""
        found = _SUBJECT.match(text)
        if found is None:
            assert not re.match(r"\[Holdfast\] level .* HF-\w+ \(", text), f"nobody hears this: {text[:100]}"
            self.other.append(text)
            return len(text)
        request, now = found[3], self.clock()
        name = self.names.get(request, request)
        number = self.counts[request] = self.counts.get(request, 0) + 1
        works = Random(f"{self.seed}/told/{name}/{number}").random() >= self.in_vain
        told = Told(
            at=now,
            request=request,
            about=found[2].partition(",")[0].replace(" ", "-"),
            level=int(found[1]),
            delivered=works,
        )
        self.told.append(told)
        if not works:
            raise OSError("the channel is down")
        self.new.append(told)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def facts_of(planned: Planned, account: Account | None, kind: Kind) -> dict[str, object]:
    """What a request is, as plain data for the checker."""
    way = AUTHORITIES[0] if planned.state_to_state else kind
    return {
        "instrument": planned.instrument,
        "registered_at": planned.at.isoformat(),
        "made_on": planned.made_on.isoformat() if planned.made_on else "",
        "emergency": planned.emergency,
        "provider": kind.id,
        "zone": account.zone if account else kind.zone,
        "state": kind.state,
        "practice": {"days": kind.days, "extensions": kind.extensions, "extension_days": kind.extension_days},
        "lead": kind.lead,
        "extends": way.can.extend and not way.can.person,
    }
