"""The unit of the hold storm: 40 providers, N open holds asleep, 2,000 of them due, made in bulk but as real ones.

One hold of each kind is made for each provider by the real flows, against the hostile provider's calm double. The
others are copies of those: own id, own reference, own blind digest, written with the ledger's own
statements, so that events, tree and index are what they would be. Only the row is not folded anew but copied from
the real one's; `verify`, which folds every history, is run over 10,000 of them to show that it is the same.

* What sleeps: a hold in force, whose provider is asked how it stands in twenty hours (two events).
* What is due: a hold in force since 61 days, whose extension is due since yesterday (six events), with facts sealed
  for itself alone.

Providers follow Zipf's law: the first has about a fifth of all holds, the last half a percent.
"""

# ruff: noqa: S608 - only our own lists of columns are put into statements

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flows import intake, settings, sweeping
from flows.office import Office, key_of, open_office
from flows.reindexing import digest
from flows.settings import Settings
from ledger import tree
from ledger.canonical import instant, read_instant
from ledger.ids import new_request_id
from ledger.index import COLUMNS, ITEM_COLUMNS, columns_of, items_of
from ledger.interface import Row
from ledger.records import Record

APP = "holdfast_app"
PROVIDERS = 40
DUE = 2000
BATCH = 5000
ROOT = Path(__file__).resolve().parent.parent
HELD_FOR = timedelta(days=61)
CASE = {
    "unit": "Cybercrime Unit, Example Police",
    "country": "US",
    "offence": {"title": "Fraud", "provisions": ["18 USC 1343"], "facts": "Invoices were diverted."},
    "officer": {
        "name": "Duty officer",
        "badge": "EP-1042",
        "email": "duty.officer@police.example.com",
        "phone": "+1-555-0100",
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shifted(Settings):
    """Settings whose clock runs, but not with ours: so holds get a past, and nobody waits for a back-off."""

    shift: timedelta = timedelta()

    def now(self) -> datetime:
        """The time, moved by `shift`."""
        return datetime.now(UTC) + self.shift


def new_unit(folder: Path, url: str, database: str = "") -> Office:
    """A new unit in a folder, its ledger in an empty PostgreSQL database where one is named, else on SQLite."""
    if database:
        from ledger.postgres_making import initialise

        initialise(database, sandbox=True)
    return open_unit(lay_out(folder, url, database), create=True)


def open_unit(environ: Mapping[str, str], *, create: bool = False) -> Office:
    """The office of a folder that `lay_out` made, on a running clock that can be moved."""
    plain = settings.load(environ)
    office = open_office(plain, create=create, sandbox=True)
    shifted = {name: getattr(plain, name) for name in plain.__slots__}
    office.settings = Shifted(**shifted)
    return office


def move(office: Office, shift: timedelta) -> None:
    """Let the office's clock run so far ahead of ours (behind, if negative)."""
    assert isinstance(office.settings, Shifted)
    office.settings = replace(office.settings, shift=shift)


def lay_out(folder: Path, url: str, database: str = "") -> dict[str, str]:
    """A unit's folder with 40 providers at the hostile provider's address; gives its environment.

    With PostgreSQL, the unit works as the role that may add events and change none.
    """
    providers = folder / "config" / "providers"
    if not providers.exists():
        providers.mkdir(parents=True)
        like = (ROOT / "config" / "providers" / "sandbox.toml").read_text()
        for name in names():
            (providers / f"{name}.toml").write_text(
                like.replace('id = "sandbox"', f'id = "{name}"')
                .replace('name = "Sandbox"', f'name = "{name}"')
                .replace("env:HOLDFAST_SANDBOX_URL", f"env:HOLDFAST_SANDBOX_URL/p/{name}")
            )
        policy = (ROOT / "config" / "policy.toml").read_text()
        # As fast as it goes: what is compared is what a machine can do, not what a unit allows itself.
        unpaced = re.sub(r"^per_minute = \d+", "per_minute = 0", policy, count=1, flags=re.MULTILINE)
        (folder / "config" / "policy.toml").write_text(unpaced)
    environ = {
        "HOLDFAST_HOME": str(folder / "home"),
        "HOLDFAST_CONFIG": str(folder / "config"),
        "HOLDFAST_SANDBOX_URL": url,
    }
    address = database.replace("//postgres:@", f"//{APP}@")
    return environ | ({"HOLDFAST_LEDGER": address} if database else {})


@cache
def names() -> tuple[str, ...]:
    """The providers, the busiest first."""
    return tuple(f"storm-{number:02d}" for number in range(PROVIDERS))


def drawn(count: int, seed: int) -> list[str]:
    """So many providers by Zipf's law, the same again for the same seed."""
    weights = [1 / rank for rank in range(1, PROVIDERS + 1)]
    return random.Random(seed).choices(names(), weights, k=count)


def fill(office: Office, asleep: int, *, due: int = DUE, own_facts: bool = True) -> list[str]:
    """Put so many holds into an empty ledger, asleep and due; gives the references of those that are due.

    With `own_facts`, what is sealed for a due hold is its own; else it is its model's, which is quicker to make.
    """
    sleeping, waking = _models(office, "asleep"), _models(office, "due")
    for batch in _batched(_sleepers(sleeping, asleep), BATCH):
        _enter(office, batch)
    references = []
    for batch in _batched(_wakers(office, waking, due, own_facts=own_facts), BATCH):
        _enter(office, batch)
        references += [_reference(copy.row.request) for copy in batch]
    for model in itertools.chain(sleeping.values(), waking.values()):
        office.append(model.row.request, [("released", {})])  # the models themselves are over
    # Every row is as this program and this policy make it: the first sweep need not index them anew.
    office.ledger.beat("policy", office.now(), {"digest": digest(office)})
    return references


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A real hold that others are copies of, as it is stored."""

    records: tuple[Record, ...]
    row: Row
    facts: Mapping[str, Any]
    sealed: str
    said: tuple[tuple[str, str], ...]


def _models(office: Office, kind: str) -> dict[str, Model]:
    """A real hold with each provider."""
    move(office, -HELD_FOR if kind == "due" else -_two_hours())
    path = office.settings.home / f"{kind}.json"
    case = CASE | {"reference": f"CY-2026-{kind}", "mla": _mla(office.now())}
    requests = [_request(office.now(), name, f"model.{kind}.{name}@example.com") for name in names()]
    path.write_text(json.dumps({"case": case, "request": requests}))
    read, drafts, _ = intake.read(path, office.catalogue, at=office.now())
    ids = intake.register(office, read, drafts)
    if kind == "due":
        report = sweeping.work_on(office, ids)
        assert not report.failures, report.failures[:3]
        move(office, -timedelta(hours=1))
        for request in ids:
            office.append(request, [("polled", {"state": "in-force"})])
    else:
        for request in ids:
            office.append(request, [("preserved", {})])
    move(office, timedelta())
    return {name: _model(office, request) for name, request in zip(names(), ids, strict=True)}


def _model(office: Office, request: str) -> Model:
    records, row = tuple(office.ledger.records(request)), office.ledger.row(request)
    assert row is not None
    sealed = str(records[0].event().body["sealed"])
    return Model(
        records=records,
        row=row,
        facts=json.loads(office.vault.unseal(sealed)),
        sealed=sealed,
        said=tuple((key_of(request, action, 1), action) for action in ("send",)),
    )


def _two_hours() -> timedelta:
    """Two to three hours, so that ten minutes later is the same day everywhere."""
    now = datetime.now(UTC)
    return now - (now - timedelta(hours=2)).replace(minute=5, second=0, microsecond=0)


def _mla(now: datetime) -> dict[str, Any]:
    """A request for mutual legal assistance so long under way that nobody need be told of a gap."""
    return {"requested_state": "US", "sent_on": (now.date() - timedelta(days=200)).isoformat(), "profile": "unodc"}


def _request(now: datetime, provider: str, account: str) -> dict[str, Any]:
    return {
        "provider": provider,
        "instrument": "us.18usc2703f",
        "categories": ["subscriber", "traffic", "content"],
        "from": (now - timedelta(days=90)).isoformat(),
        "to": (now - timedelta(days=1)).isoformat(),
        "confidential": True,
        "urgency": "expedited",
        "identifiers": [{"type": "email", "value": account}],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A hold to be written: its records, not yet numbered, and its row."""

    records: list[Record]
    row: Row


def _sleepers(models: Mapping[str, Model], count: int) -> Iterator[Copy]:
    for number, name in enumerate(drawn(count, seed=1)):
        yield _copy(models[name], number, later=timedelta(milliseconds=number % 600_000))


def _wakers(office: Office, models: Mapping[str, Model], count: int, *, own_facts: bool) -> Iterator[Copy]:
    for number, name in enumerate(drawn(count, seed=2)):
        model, sealed = models[name], ""
        if own_facts:
            (item,) = model.facts["items"]
            own = {**model.facts, "items": [item | {"value": f"account.{number}@example.com"}]}
            sealed = office.seal(str(model.row.case), own, "request")
        yield _copy(model, number, sealed=sealed)


def _reference(request: str) -> str:
    """By what the hostile provider knows a hold."""
    return f"R-{request}"


def _copy(model: Model, number: int, *, sealed: str = "", later: timedelta = timedelta()) -> Copy:
    """The model under another id, and a little later: in its stored texts, one word is put for another."""
    request, blind, like = new_request_id(random), f"{number:064x}", model.row
    words = [(like.request, request), (like.items[0].blind, blind), (model.sealed, sealed or model.sealed)]
    words += [(key, key_of(request, action, 1)) for key, action in model.said]
    records = []
    for record in model.records:
        body = record.body
        for old, new in words:
            body = body.replace(old, new)
        at = instant(read_instant(record.at) + later) if later else record.at
        records.append(record._replace(request=request, at=at, body=body))
    assert like.next_at is not None
    items = tuple(replace(each, blind=blind) for each in like.items)
    return Copy(records=records, row=replace(like, request=request, next_at=like.next_at + later, items=items))


def _enter(office: Office, copies: Sequence[Copy]) -> None:
    """Write them in one transaction, as `Book.register_all` does: numbered, in the tree, with their rows."""
    book: Any = office.ledger
    with book._store.recording() as say:
        seq, _ = say.last()
        peaks, entries = list(book.peaks(say, seq)), []
        for copy in copies:
            for record in copy.records:
                seq += 1
                numbered = record._replace(seq=seq)
                entries.append((numbered, tree.add(peaks, seq, tree.leaf(numbered.content()))))
        say.put_events(entries)
        newest = {record.request: record.seq for record, _ in entries}
        _put_rows(say, [copy.row for copy in copies], newest)


def _put_rows(say: Any, rows: Sequence[Row], newest: Mapping[str, int]) -> None:
    """Rows of requests that are new, in bulk: their own statement is made for one at a time."""
    items = [(row.request, *item) for row in rows for item in items_of(row)]
    tables = [("requests", COLUMNS, [columns_of(row) for row in rows]), ("items", ("request", *ITEM_COLUMNS), items)]
    if not hasattr(say, "later"):  # SQLite
        for table, columns, values in tables:
            marks = ", ".join("?" * len(columns))
            say._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)
        return
    say.run("SELECT 1")  # what was put off comes first
    tables[0] = ("requests", (*COLUMNS, "last_seq"), [(*columns_of(row), newest[row.request]) for row in rows])
    for table, columns, values in tables:
        with say._connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as put:
            for each in values:
                put.write_row(each)


def _batched(copies: Iterator[Copy], size: int) -> Iterator[list[Copy]]:
    while batch := list(itertools.islice(copies, size)):
        yield batch
