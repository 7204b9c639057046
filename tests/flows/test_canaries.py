"""No account in Prefect: every form through a real `holdfast serve`, every way of failing, then a search of it all.

Each place where something can be typed has a canary of its own, so that what is found says where it came from.
What is searched: the whole database, row by row and as a file after a vacuum; the server's log and the worker's
output, both at DEBUG; every file that Prefect's client has left.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from forms_support import registered_by_hand, submitted, typed_case
from prefect_support import (
    Cable,
    LiveUnit,
    PlayedProviders,
    PrefectServer,
    disguises,
    reply,
    server,
    wait_for,
)
from serving_support import BUSY, Serve, deployment, ended, hang_up

from flows.answers import PREFIX, SHORT

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]

ACCOUNT = "canary.typed@example.com"
CONFLICT = 409
OTHERS = {
    "username": "canary_username_77",
    "ip": "192.0.2.77",
    "facts": "the canary’s façade was diverted",  # not ASCII: JSON may write it otherwise
    "officer": "Canary officer of the watch",
    "badge": "CANARY-1042",
    "email": "canary.officer@police.example.com",
    "necessity": "canary necessity of the data",
    "strange key": "canary.key@example.com",
    "wrong field": "canary.country@example.com",
    "unchecked": "canary.unchecked@example.com",
    "reference": "canary_reference_of_nobody",
    "killed": "canary.killed@example.com",
    "held": "canary.held@example.com",
}
"""What may be typed, by where; "held" is the account of the requests that are registered already. Other tests on the
same server look for other accounts: what was scrubbed stays in its file until a vacuum."""


def shapes(value: str) -> dict[str, bytes]:
    """How a value may stand somewhere: as it is, encoded, and as JSON writes it, once and in a text within JSON."""
    once = json.dumps(value)[1:-1]
    return disguises(value) | {
        "json": once.encode(),
        "json in json": json.dumps(once)[1:-1].encode(),
        "json with \\u0040": once.replace("@", "\\u0040").encode(),
        "other case": value.upper().encode(),
    }


def searched(prefect: PrefectServer, unit: LiveUnit, canaries: Sequence[str]) -> list[str]:
    """Every place where a canary stands, and how: table, or file."""
    copy = unit.folder / "prefect-vacuumed.db"
    with closing(sqlite3.connect(f"file:{prefect.home / 'prefect.db'}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
        contents = {f"table {table}": rows(database, table) for table in tables(database)}
    folders = prefect.home / "storage", unit.folder / "client"
    files = [copy, prefect.log, *unit.folder.glob("serve-*.log")]
    files += [each for folder in folders for each in folder.rglob("*") if each.is_file()]
    contents |= {path.name: path.read_bytes() for path in files}
    wanted = [(value, name, shape) for value in canaries for name, shape in shapes(value).items()]
    return [
        f"{place}: {value}: {name}"
        for place, content in contents.items()
        for value, name, shape in wanted
        if shape in content
    ]


def tables(database: sqlite3.Connection) -> list[str]:
    """Every table's name."""
    return [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def rows(database: sqlite3.Connection, table: str) -> bytes:
    """All cells of a table, as they are stored."""
    cells = chain.from_iterable(database.execute(f'SELECT * FROM "{table}"'))  # noqa: S608 - the name is the database's
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)


def press_anyhow(server: PrefectServer, flow: str, parameters: dict[str, Any]) -> str:
    """Press "Run" with "Validate parameters" switched off, as anybody may."""
    path = f"/deployments/{deployment(server, flow)['id']}/create_flow_run"
    pressed: list[str] = []

    def press_it() -> bool:
        try:
            pressed.append(server.ask(path, {"parameters": parameters, "enforce_parameter_schema": False})["id"])
        except urllib.error.HTTPError as error:
            if error.code != BUSY:
                raise
        return bool(pressed)

    wait_for(press_it, seconds=10, what="the server, whose database is busy")
    return pressed[0]


class Trap(Cable):
    """A way to a server on which the scrubbing of a run is lost, and with it all that comes after."""

    def __init__(self, address: str) -> None:
        self.caught = threading.Event()
        super().__init__(address)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if b'"parameters":{"case":{}' in data.replace(b" ", b""):
                    self.caught.set()
                if not self.caught.is_set():
                    other.sendall(data)
        except OSError:
            pass
        finally:
            for end in (one, other):
                hang_up(end)


Form = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A unit with its `holdfast serve`, after a power cut. `cut_off`: the run that was in hand then."""

    unit: LiveUnit
    serve: Serve
    played: PlayedProviders
    cut_off: str
    quoted: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, prefect: PrefectServer) -> Iterator[Desk]:
    """One for all; it starts after a power cut between registering and scrubbing."""
    from flows.forms.preserve import preserve_case

    played, quoted = PlayedProviders(), list[bytes]()
    unit = LiveUnit(tmp_path_factory.mktemp("canaries"), prefect.api, PREFECT_LOGGING_LEVEL="DEBUG")
    unit.account = OTHERS["held"]

    def echo(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        quoted.append(body)
        reply(handler, 422, json.dumps({"error": f"cannot process {body.decode()}"}).encode())

    with server(echo) as address:
        unit.provider("alpha", played.address("alpha"))
        unit.provider("echo", address)
        run = submitted(unit, preserve_case, **cut_off())
        registered_by_hand(unit, run, cut_off())
        prefect.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "RUNNING", "name": "Running"}, "force": True})
        assert prefect.run(run)["parameters"]["case"], "it is not scrubbed yet"
        serve = Serve(unit).ready()
        try:
            yield Desk(unit=unit, serve=serve, played=played, cut_off=run, quoted=quoted)
        finally:
            serve.stop()
            played.stop()


def cut_off() -> dict[str, Any]:
    """What was typed into the run that was cut off."""
    typed = typed_case("alpha", value=OTHERS["killed"])
    typed["case"]["reference"] = "CY-2026-0999"
    return typed


def registered(unit: LiveUnit) -> list[str]:
    """What the run that was cut off registered."""
    with unit.office() as office:
        return [row.request for row in office.ledger.rows(open_only=False, case="CY-2026-0999")]


def of_canaries(provider: str) -> dict[str, Any]:
    """A case in which everything that can be typed is a canary."""
    typed = typed_case(provider, value=ACCOUNT)
    typed["case"] |= {name: OTHERS[name] for name in ("facts", "officer", "badge", "email")}
    typed["requests"][0] |= {
        "provider": f"{provider} ({provider})" if provider != "alpha" else "alpha",
        "necessity": OTHERS["necessity"],
        "accounts": [
            {"type": "email", "value": ACCOUNT},
            {"type": "username", "value": OTHERS["username"]},
            {"type": "ip", "value": f"{OTHERS['ip']}:51820", "used_from": "2026-11-01T00:00:00Z"},
        ],
    }
    return typed


def typed_wrongly() -> list[dict[str, Any]]:
    """Cases that the server's schema would have refused, and such as it lets through."""
    country = of_canaries("alpha")
    country["case"]["country"] = OTHERS["wrong field"]
    inner = of_canaries("alpha")
    inner["case"][OTHERS["strange key"]] = OTHERS["unchecked"]
    return [
        country,
        inner,
        of_canaries("alpha") | {OTHERS["strange key"]: 1, "more": {"value": OTHERS["unchecked"]}},
        of_canaries("alpha") | {"by": OTHERS["username"]},  # who enters it is the account
        {"case": OTHERS["unchecked"], "requests": OTHERS["unchecked"], "by": OTHERS["unchecked"]},
        {OTHERS["strange key"]: OTHERS["unchecked"]},
    ]


def wrong_entries(held: str) -> list[Form]:
    """Every other form, with something in it that must not be there."""
    by, typed = {"by": "Contact team"}, OTHERS["unchecked"]
    sent = {"request": held, "kind": "mla-sent", "on": "2026-11-20", **by}
    return [
        ("record-reply", {"request": typed, "kind": typed, "by": typed}),
        ("record-reply", sent | {"reference": OTHERS["held"]}),
        ("record-reply", {OTHERS["strange key"]: 1}),
        ("acknowledge-escalation", {"request": held, "matter": typed, **by}),
        ("extend-request", {"request": [typed], **by}),
        ("release-request", {"request": held, "because": typed, **by}),
        ("take-out-packet", {"request": held, "way": typed, **by}),
        ("escalate", {"request": held, "by": OTHERS["held"]}),
        ("issue-requests", {"request_ids": [typed], **by}),
        ("extend-many", {"provider": typed, "case": typed, **by}),
        ("release-many", {"because": typed, "confirm": typed, **by}),
        ("record-reply", {"request": held, "kind": "acknowledged", "matter": OTHERS["username"], **by}),
        (
            "record-reply",
            {"request": held, "kind": "mla-sent", "on": "2026-11-20", "reference": OTHERS["username"], **by},
        ),
        ("release-many", {"state": "in-force", "because": "the case was closed", "by": OTHERS["username"]}),
        ("extend-many", {"case": OTHERS["necessity"], **by}),
        ("preserve-case", {"case": {}, "requests": [held], "by": OTHERS["badge"]}),
        ("preserve-case", {"case": {}, "requests": [], "accept_notice": OTHERS["badge"], "by": "Contact team"}),
        ("weekly-report", {"week": typed}),
        ("preserve-draft", {"draft": typed, **by}),
        *[
            (f"{PREFIX}{kind}", {"request": held, "reference": OTHERS["held"], "by": typed, "at": typed})
            for kind in [*SHORT][:3]
        ],
    ]


def right_entries(held: str, other: str) -> list[Form]:
    """Every other form, filled in as it should be; `other` is refused by a provider that quotes its account."""
    by = {"by": "Contact team"}
    return [
        ("issue-requests", {"request_ids": [held, other], **by}),
        ("record-reply", {"request": held, "kind": "mla-sent", "on": "2026-11-20", "reference": "OIA-77", **by}),
        ("acknowledge-escalation", {"request": held, **by}),
        ("extend-request", {"request": held, **by}),
        ("take-out-packet", {"request": other, **by}),
        ("escalate", {"request": other, **by}),
        ("extend-many", {"state": "in-force", **by}),
        ("release-many", {"state": "in-force", "because": "the case was closed", **by}),
        ("release-request", {"request": held, "because": "the case was closed", **by}),
        ("weekly-report", {}),
        ("preserve-draft", {"draft": held, **by}),
        ("sweep-holds", {}),
        ("tidy-up", {}),
    ]


def press_as_the_page_does(server: PrefectServer, flow: str, parameters: dict[str, Any]) -> int:
    """Press "Run" with the server's own look at the form; gives the status of its answer."""
    path = f"/deployments/{deployment(server, flow)['id']}/create_flow_run"
    try:
        server.ask(path, {"parameters": parameters})
    except urllib.error.HTTPError as error:
        return error.code
    return 201


class TestNoAccountIsInPrefect:
    def test_what_a_power_cut_left_is_scrubbed_with_the_next_start(self, desk: Desk, prefect: PrefectServer) -> None:
        (request,) = registered(desk.unit)
        wait_for(lambda: prefect.run(desk.cut_off)["parameters"].get("case") == {}, seconds=30, what="the scrubbing")
        assert prefect.run(desk.cut_off)["parameters"]["requests"] == [request]

    @pytest.mark.soak
    def test_what_a_real_power_cut_left_is_scrubbed_and_sent_once(
        self, tmp_path: Path, prefect: PrefectServer
    ) -> None:
        """The same with a `holdfast serve` that is killed while its scrubbing is on the way."""
        played, trap = PlayedProviders(), Trap(prefect.api)
        unit = LiveUnit(tmp_path, trap.address, PREFECT_LOGGING_LEVEL="DEBUG")
        unit.provider("alpha", played.address("alpha"))
        serve = Serve(unit).ready()
        run = press_anyhow(prefect, "preserve-case", cut_off())
        assert trap.caught.wait(30), "it scrubs"
        serve.kill()
        trap.cut()
        (request,) = registered(unit)
        assert prefect.run(run)["parameters"]["case"], "it is not scrubbed yet"
        unit.environ["PREFECT_API_URL"] = prefect.api
        serve = Serve(unit).ready()
        try:
            wait_for(lambda: prefect.run(run)["parameters"].get("case") == {}, seconds=30, what="the scrubbing")
            wait_for(lambda: played.effects(request), seconds=30, what="the sending")
            ended(prefect, run)
        finally:
            serve.stop()
        assert (registered(unit), played.effects(request)) == ([request], 1)
        played.stop()
        assert searched(prefect, unit, [OTHERS["killed"]]) == []

    def test_after_every_form_and_every_failure(self, desk: Desk, prefect: PrefectServer) -> None:
        def run(form: Form) -> dict[str, Any]:
            return ended(prefect, press_anyhow(prefect, *form), seconds=150)

        held, other = desk.unit.register("alpha", "echo")
        kept = run(("preserve-case", of_canaries("alpha")))
        assert kept["state_type"] == "COMPLETED", kept["state"]["message"]
        refused = of_canaries("echo")
        refused["case"]["reference"] = "CY-2026-0413"
        again = of_canaries("alpha")  # the same accounts a second time
        wrong = [("preserve-case", each) for each in (refused, again, *typed_wrongly())] + wrong_entries(held)
        with ThreadPoolExecutor(2) as people:
            ended_wrong = list(people.map(run, wrong))
        for form, run_of_it in zip(wrong, ended_wrong, strict=True):
            assert run_of_it["state_type"] == "FAILED", form[0]
            assert "a fault of Holdfast" not in run_of_it["state"]["message"]
        assert press_as_the_page_does(prefect, "preserve-case", typed_wrongly()[4]) == CONFLICT
        assert press_as_the_page_does(prefect, "record-reply", wrong_entries(held)[0][1]) == CONFLICT
        for form in right_entries(held, other):
            assert "a fault of Holdfast" not in run(form)["state"]["message"], form[0]
        desk.serve.stop()
        assert any(ACCOUNT.encode() in body for body in desk.quoted), "the provider quoted the account"
        assert prefect.run(kept["id"])["parameters"]["case"] == {}
        places = searched(prefect, desk.unit, [held, ACCOUNT, *OTHERS.values()])
        assert [each for each in places if held in each], "the search finds what is there"
        assert [each for each in places if held not in each] == []
