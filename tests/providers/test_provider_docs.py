"""docs/providers.md is what a stranger has: its worked example is run, and its tables are compared with the code."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from provider_orders import ROOT, item, order

from providers.auth import KINDS as AUTH_KINDS
from providers.errors import GROUNDS, ConfigurationError, OutcomeUnknown, Refused, Unavailable, Unsupported
from providers.http import HttpSettings
from providers.interface import Action, Adapter, Capabilities, ItemOutcome, State
from providers.memory import Does
from providers.reading import ITEM_KEYS, READING_KEYS, STATUS_MEANINGS, What
from providers.registry import KINDS, check_adapter_table, make_adapter
from providers.sandbox import FAULTS
from providers.table import DEFAULT_ANSWERS, KEYS, OPERATION_KEYS
from providers.template import BODY_FIELDS, FIELDS, ITEM_FIELDS

GUIDE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
TOKEN = "t0ken"
DUBLIN = ZoneInfo("Europe/Dublin")


def worked_example() -> dict[str, Any]:
    text = re.search(r"<!-- the worked example.*?-->\n```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert text
    table: dict[str, Any] = tomllib.loads(text[1])["adapter"]
    return table


class Desk(BaseHTTPRequestHandler):
    """Example Mail's preservation desk as the guide's prose describes it, written without looking at our adapter."""

    protocol_version = "HTTP/1.1"
    tickets: dict[str, dict[str, Any]]
    closed = False
    loses_answers = False

    def log_message(self, *_: object) -> None:
        pass

    def say(self, status: int, document: object = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        if self.loses_answers and self.command != "GET":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def allowed(self) -> bool:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.say(401)
        elif self.closed:
            self.say(503)
        else:
            return True
        return False

    def ticket(self, number: str) -> dict[str, Any]:
        ticket = self.tickets[number]
        purge = datetime.combine(
            date.fromisoformat(ticket["through"]) + timedelta(days=1), datetime.min.time(), DUBLIN
        )
        accounts = [{"address": one["address"].upper(), "found": one["found"]} for one in ticket["accounts"]]
        shown = {"number": number, "your_ref": ticket["your_ref"], "opened": "2026-11-20T23:30:00-05:00"}
        held = any(one["found"] == "yes" for one in accounts)
        return {
            "ticket": {
                **shown,
                "phase": "PRESERVED" if held else "NOTHING",
                "purge_after": purge.isoformat(),
                "accounts": accounts,
            }
        }

    def do_POST(self) -> None:
        said = self.body()
        if not self.allowed():
            return None
        if any(ticket["your_ref"] == said["your_ref"] for ticket in self.tickets.values()):
            return self.say(400, {"problem": "SEEN_BEFORE"})
        if len(said["accounts"]) > 2:
            return self.say(422, {"problem": "TOO_MUCH"})
        assert said["basis"] == "18 U.S.C. 2703(f) (FR)"
        assert (said["priority"], said["what"]) == ("P2", ["ACCOUNT", "MAILBOX"])
        assert said["window"] == {"start": "2026-09-01T00:00:00Z", "end": "2026-11-20T00:00:00Z"}
        assert said["contact"] == ["Duty officer", "duty@example.com", "+1-555-0100"]
        assert said["secret"] is True
        number = f"T-{len(self.tickets) + 1}"
        accounts = [
            {"address": one["address"], "found": "yes" if one["kind"] == "ADDRESS" else "no"}
            for one in said["accounts"]
        ]
        self.tickets[number] = {"your_ref": said["your_ref"], "accounts": accounts, "through": "2027-02-18"}
        return self.say(200, self.ticket(number))

    def do_PUT(self) -> None:
        said, number = self.body(), self.path.split("/")[4]
        if self.allowed():
            if said["through"] > "2027-05-31":
                return self.say(409, {"problem": "LIMIT"})
            self.tickets[number]["through"] = said["through"]
            self.say(200, self.ticket(number))
        return None

    def do_GET(self) -> None:
        last = self.path.split("/")[-1]
        if self.allowed():
            if "/by-your-ref/" in self.path:
                last = next((number for number, one in self.tickets.items() if one["your_ref"] == last), "")
            self.say(200, self.ticket(last)) if last in self.tickets else self.say(404)

    def do_DELETE(self) -> None:
        if self.allowed():
            self.say(204 if self.tickets.pop(self.path.split("/")[-1], None) else 404)


@pytest.fixture
def desk() -> Iterator[type[Desk]]:
    handler = type("Desk", (Desk,), {"tickets": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}/api/v2"  # type: ignore[attr-defined]
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def speak_to(desk: type[Desk], token: str = TOKEN) -> Adapter:
    table = worked_example() | {"base_url": desk.url}  # type: ignore[attr-defined]
    environ = {"EXAMPLE_MAIL_TOKEN": token}
    return make_adapter("example-mail", table, where="x.toml", sandbox=True, zone="Europe/Dublin", environ=environ)


ACCOUNTS = (item("a", "one@example.com"), item("b", "+1-555-0101", "phone"))


def test_the_worked_example_is_right_as_it_stands() -> None:
    assert check_adapter_table(worked_example(), "x.toml") == []


def test_the_worked_example_preserves_extends_and_releases(desk: type[Desk]) -> None:
    adapter = speak_to(desk)
    assert adapter.capabilities == Capabilities(idempotent=False, can_find=True)
    sent = adapter.send(order(items=ACCOUNTS))
    assert (sent.state, sent.references) == (State.IN_FORCE, ("T-1",))
    assert sent.received_on == date(2026, 11, 21)  # half past four in the morning in Dublin
    assert sent.held_until == date(2027, 2, 18)  # gone from midnight on
    assert [(one.id, one.outcome) for one in sent.items] == [
        ("a", ItemOutcome.PRESERVED),
        ("b", ItemOutcome.NOT_FOUND),
    ]
    longer = adapter.extend(
        order(Action.EXTEND, items=ACCOUNTS, references=sent.references, hold_until=date(2027, 5, 19), because="MLA")
    )
    assert longer.held_until == date(2027, 5, 19)
    assert adapter.status(order(Action.STATUS, items=ACCOUNTS, references=("T-1",))).held_until == date(2027, 5, 19)
    release = order(Action.RELEASE, items=ACCOUNTS, references=("T-1",))
    assert adapter.release(release).state is State.RELEASED
    assert adapter.release(release).state is State.NOT_HELD
    with pytest.raises(Refused):
        adapter.status(order(Action.STATUS, references=("T-1",)))


def test_the_worked_example_finds_what_arrived_without_an_answer(desk: type[Desk]) -> None:
    adapter = speak_to(desk)
    assert adapter.find(order()) is None
    desk.loses_answers = True
    with pytest.raises(OutcomeUnknown):
        adapter.send(order())
    desk.loses_answers = False
    found = adapter.find(order())
    assert found is not None
    assert found.references == ("T-1",)
    with pytest.raises(OutcomeUnknown, match="400"):  # SEEN_BEFORE: an earlier try arrived after all
        adapter.send(order())
    longer = order(
        Action.EXTEND, references=("T-1",), hold_until=date(2027, 5, 19), held_until=date(2027, 2, 18), because="MLA"
    )
    assert adapter.find(longer) is None
    adapter.extend(longer)
    assert adapter.find(longer) is not None
    assert len(desk.tickets) == 1


def test_the_worked_example_tells_what_went_wrong(desk: type[Desk]) -> None:
    adapter = speak_to(desk)
    with pytest.raises(Refused) as caught:
        adapter.send(order(items=(item("a"), item("b", "b@example.com"), item("c", "c@example.com"))))
    assert caught.value.ground == "over-broad"
    with pytest.raises(Unsupported, match="no word for the identifier type 'ip'"):
        adapter.send(order(items=(item("a", "192.0.2.7", "ip"),)))
    with pytest.raises(ConfigurationError, match=r"our credentials in x\.toml must be mended"):
        speak_to(desk, "wrong").send(order())
    desk.closed = True
    with pytest.raises(Unavailable):
        adapter.send(order())
    desk.closed = False
    sent = adapter.send(order())
    with pytest.raises(OutcomeUnknown):  # 409: by default it may be our own earlier message
        adapter.extend(order(Action.EXTEND, references=sent.references, hold_until=date(2027, 6, 1)))


# The tables of the guide


def rows(heading: str) -> list[str]:
    """The first cells of the tables below a heading, up to the next one."""
    part = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    assert part, heading
    cells = [line.split("|")[1] for line in part[1].splitlines() if line.startswith("| ")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_guide_lists_every_field_and_no_other() -> None:
    listed = [name for name in rows("What is said: one table per operation") if name.startswith("{")]
    assert listed == sorted(set(listed), key=listed.index)
    assert {name.strip("{}") for name in listed} == set(FIELDS)
    below_body = [name.strip("{}") for name in listed[listed.index("{references}") :]]
    assert set(below_body) == set(BODY_FIELDS) | set(ITEM_FIELDS)


def test_the_guide_lists_every_key_and_no_other() -> None:
    operations = {str(action) for action in Action}
    top = {
        *rows("Where, and how long"),
        *rows("Once, and how to ask whether it arrived"),
        *{"kind", "auth", "words", "headers", "answers", "read"},
    }
    assert top | operations == set(KEYS)
    said = [name for name in rows("What is said: one table per operation") if not name.startswith("{")]
    assert set(said) == {*OPERATION_KEYS, "found"}
    read = rows("Where an answer says it: `read`")
    assert set(read) == {*READING_KEYS, *ITEM_KEYS} - {"states", "errors", "outcomes"}
    assert {name for name in rows("Who we are: `[adapter.auth]`") if name in AUTH_KINDS} == set(AUTH_KINDS) - {"none"}
    assert {name for name in rows("Describing a provider's channel") if name != "kind"} == set(KINDS)


def test_the_guide_lists_every_meaning_ground_and_fault() -> None:
    listed = rows("What an answer means: `answers`")
    meanings = {name.partition(":")[0] for name in listed} - {"Retry-After"}
    assert meanings == {*STATUS_MEANINGS, What.ABSENT}
    assert all(f"`{ground}`" in GUIDE for ground in GROUNDS)
    assert all(f"`{does}`" in GUIDE for does in Does)
    assert [name for name in rows("The sandbox") if name in FAULTS] == list(FAULTS)
    for name, what in FAULTS.items():
        assert f"| `{name}` | {what} |" in GUIDE


def test_the_guide_says_what_codes_mean_by_default() -> None:
    table = GUIDE.partition("Where a table is silent:")[2].partition("\n`409 =")[0]
    said: dict[str, str] = {}
    for line in table.splitlines():
        cells = re.match(r"\| ([^|]+) \| `(\w+)`", line)
        if cells:
            said |= dict.fromkeys(re.findall(r"\d\d\d|\dxx", cells[1]), cells[2])
    assert said.pop("503") == "unavailable"
    assert {code: said[code] for code in DEFAULT_ANSWERS} == {
        code: str(meaning.what) for code, meaning in DEFAULT_ANSWERS.items()
    }
    assert said.keys() - DEFAULT_ANSWERS.keys() == {"413", "415", "422"}


def test_the_guide_gives_the_limits_as_they_are() -> None:
    limits = HttpSettings()
    assert f"{{ connect = {limits.connect:g}, read = {limits.read:g}, total = {limits.total:g} }}" in GUIDE
    assert f"| {limits.answer_limit} |" in GUIDE
