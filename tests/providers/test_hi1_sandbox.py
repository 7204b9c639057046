"""The played HI-1 provider: strict by the book, honest in its account, and closed to who has no certificate."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hi1_bench import Hi1Bench
from hi1_schemas import UNVERIFIED, needs_schemas, problems_of
from lxml import etree
from provider_orders import CANARY, ROOT, extension, item, order

from providers.errors import ConfigurationError, ProviderError
from providers.interface import Action
from providers.sandbox.hi1 import Hi1Responder
from providers.sandbox.hi1_faults import HI1_FAULTS, HI1_WEIGHTS
from providers.ts103120 import ids

GUIDE = (ROOT / "docs" / "ts103120.md").read_text(encoding="utf-8")


@pytest.fixture
def said(hi1: Hi1Bench) -> bytes:
    """A right message, as the adapter says it."""
    _, adapter = hi1.pair()
    adapter.send(order(items=(item("a", CANARY), item("b", "b@example.com"))))
    return hi1.wire[-1][0]


def speak(hi1: Hi1Bench, responder: Hi1Responder, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
    context = ssl.create_default_context(cafile=str(hi1.certificates.ca))
    context.load_cert_chain(hi1.certificates.client.certificate, hi1.certificates.client.key)
    connection = http.client.HTTPSConnection("127.0.0.1", responder.port, context=context, timeout=5)
    try:
        connection.request(method, path, body, {"Content-Type": "application/xml; charset=utf-8", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def codes(hi1: Hi1Bench, body: bytes, *, path: str = "/hi1", **headers: str) -> list[int]:
    """The error codes that a message gets from a fresh provider."""
    status, answer = speak(hi1, hi1.play(witness=None), "POST", path, body, **headers)
    assert status == 200
    return [int(each.text or 0) for each in etree.fromstring(answer).iter("{*}ErrorCode")]


def test_a_right_message_gets_no_error(hi1: Hi1Bench, said: bytes) -> None:
    assert codes(hi1, said) == []
    assert codes(hi1, said, path="/hi1/new") == []


BROKEN: dict[str, tuple[bytes, bytes, int]] = {
    "time without six decimals": (b"T09:00:00.000000Z", b"T09:00:00Z", 3020),
    "transaction in capitals": (b"<TransactionIdentifier>", b"<TransactionIdentifier>A", 3020),
    "another sender": (b"EXAMPLE-UNIT</UniqueIdentifier>", b"SOMEBODY</UniqueIdentifier>", 3004),
    "another receiver": (b"SANDBOX-HI1</UniqueIdentifier>", b"SOMEBODY</UniqueIdentifier>", 3004),
    "no version": (b"<ETSIVersion>V1.23.1", b"<ETSIVersion>V1.3.1", 3021),
    "numbers that do not begin at 0": (b"<ActionIdentifier>0<", b"<ActionIdentifier>5<", 3002),
    "no owner": (b"<OwnerIdentifier>EXAMPLE-UNIT", b"<OwnerIdentifier>SOMEBODY", 3007),
    "a value outside the dictionary": (b">Routine<", b">Soon<", 3007),
    "a status that is the provider's to say": (b"<task:DesiredStatus>", b"<task:Status/><task:DesiredStatus>", 3007),
    "a time with a fraction": (b"2026-09-01T00:00:00Z", b"2026-09-01T00:00:00.5Z", 3007),
    "a time without a zone": (b"2026-09-01T00:00:00Z", b"2026-09-01T00:00:00", 3007),
    "a period that ends before it begins": (b"2026-11-20T00:00:00Z", b"2026-01-20T00:00:00Z", 3007),
    "an identifier that is not in its format": (CANARY.encode(), b"nobody", 3007),
    "an identifier in no format": (b"<task:FormatName>EmailAddress", b"<task:FormatName>Mail", 3007),
    "another document than its checksum": (b"<doc:Checksum>", b"<doc:Checksum>0", 3007),
    "a document that is no PDF": (b"application/pdf", b"text/html", 3007),
    "an association with nothing": (b"<AssociatedObject>", b"<AssociatedObject>0", 3016),
    "an object of another kind": (b'xsi:type="task:LPTaskObject"', b'xsi:type="task:LDTaskObject"', 3001),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_message_that_breaks_a_rule_is_refused_whole_with_its_code(hi1: Hi1Bench, said: bytes, what: str) -> None:
    old, new, code = BROKEN[what]
    assert old in said
    told = codes(hi1, said.replace(old, new, 1))
    assert code in told
    assert set(told) <= {code, 3000}
    assert len(told) in (1, said.count(b"<ActionIdentifier>"))


def test_other_encodings_document_types_and_workflows_are_refused(hi1: Hi1Bench, said: bytes) -> None:
    assert codes(hi1, said.decode().encode("utf-16")) == [3019]
    assert codes(hi1, said, **{"Content-Type": "application/json"}) == [3019]
    assert codes(hi1, said, path="/hi1/extension") == []
    update = re.sub(rb"CREATE>", b"UPDATE>", said)
    assert codes(hi1, update, path="/hi1/new") == [3000]
    assert set(codes(hi1, update)) == {3011}


def test_the_same_objects_again_are_there_already(hi1: Hi1Bench, said: bytes) -> None:
    responder = hi1.play()
    speak(hi1, responder, "POST", "/hi1", said)
    _, answer = speak(hi1, responder, "POST", "/hi1", said)
    assert [each.text for each in etree.fromstring(answer).iter("{*}ErrorCode")] == ["3010"] * 4
    assert [each["count"] for each in responder.account()["effects"]] == [1]  # type: ignore[union-attr,index,call-overload]


@pytest.mark.parametrize("with_certificate", [False, True])
def test_who_has_no_certificate_is_not_let_in(hi1: Hi1Bench, *, with_certificate: bool) -> None:
    responder = hi1.play()
    if with_certificate:
        assert speak(hi1, responder, "GET", "/_account")[0] == 200
        return
    context = ssl.create_default_context(cafile=str(hi1.certificates.ca))
    connection = http.client.HTTPSConnection("127.0.0.1", responder.port, context=context, timeout=5)
    with closing(connection), pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        _ask(connection)


def _ask(connection: http.client.HTTPSConnection) -> None:
    connection.request("GET", "/_account")
    connection.getresponse()


def test_the_account_and_the_controls_are_those_of_the_other_sandbox(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    sent = adapter.send(order())
    adapter.extend(extension(sent.references, date(2027, 6, 1)))
    status, body = speak(hi1, responder, "GET", "/_account")
    account = json.loads(body)
    assert status == 200
    assert [(each["action"], each["sequence"], each["count"]) for each in account["effects"]] == [
        ("send", 1, 1),
        ("extend", 1, 1),
    ]
    assert account["preservations"][0]["references"] == list(sent.references)
    assert account["preservations"][0]["request"] == "HF-1"
    assert account["duplicates"] == []
    assert CANARY not in body.decode()
    for path, wanted, status in (
        ("/_control/clock", {"now": "2027-12-01T00:00:00Z"}, 200),
        ("/_control/faults", {"faults": {"refuse": 1}}, 200),
        ("/_control/faults", {"faults": {"no-such": 1}}, 400),
        ("/_control/faults", {"unheard": 1}, 400),
        ("/_control/notify", {"request": "HF-9"}, 400),
        ("/_control/nothing", {}, 400),
        ("/_control/clock", [], 400),
        ("/nowhere", {}, 404),
    ):
        assert speak(hi1, responder, "POST", path, json.dumps(wanted).encode())[0] == status, path
    assert adapter.status(order(Action.STATUS)).state == "expired"


def test_the_clock_is_that_of_the_message_unless_it_was_given_or_stopped(hi1: Hi1Bench) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    followed = hi1.adapter(hi1.play()).send(order())
    given = hi1.adapter(hi1.play(clock=lambda: moment)).send(order())
    assert (followed.received_on, given.received_on) == (date(2026, 11, 21), date(2030, 1, 1))


def test_a_hold_that_is_kept_by_telephone_has_no_end(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    adapter.send(order())
    responder.control("keep", {"request": "HF-1"})
    late = adapter.status(order(Action.STATUS, made_at=datetime(2029, 1, 1, tzinfo=UTC)))
    assert (late.state, late.held_until) == ("in-force", None)
    assert [each["status"] for each in responder.account()["preservations"]] == ["active"]  # type: ignore[union-attr,index,call-overload]


@needs_schemas
def test_what_it_publishes_of_itself_is_valid(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair(ask_first=True)
    adapter.send(order())
    question, answer = hi1.wire[0]
    assert b"GETCSPCONFIG" in question
    assert problems_of(answer) == []
    assert b"NewPreservation" in answer


@needs_schemas
def test_every_answer_is_valid_under_every_fault_that_leaves_it_whole(hi1: Hi1Bench) -> None:
    """The bench judges all that was on the wire, before a fault on the way spoils it; here all of them come up."""
    items = (item("a", "a@example.com"), item("b", "+1-555-0100", "phone"), item("c", "192.0.2.7:443", "ip"))
    treated = (
        "late-acknowledgement",
        "earlier-end",
        "no-account",
        "split",
        "in-part",
        "no-documents",
        "refuse",
        "reject",
        "bare",
    )
    for fault in (*treated, "rearranged", "transient", "refuse-extension", "forget", "no-list"):
        responder, adapter = hi1.pair(profile="e-evidence", etsi_version="V1.23.1")
        responder.trouble({fault: 1})
        for action in (Action.SEND, Action.STATUS, Action.EXTEND, Action.ANNOUNCE, Action.RELEASE):
            with suppress(ProviderError, ConfigurationError):
                getattr(adapter, str(action))(order(action, items=items, hold_until=date(2027, 1, 20)))
    judged = [problems_of(each, also=UNVERIFIED) for pair in hi1.wire for each in pair]
    assert len(judged) > 60
    assert not any(judged)


def test_the_guide_lists_every_fault_and_what_it_does() -> None:
    for name, what in HI1_FAULTS.items():
        assert f"| `{name}` | {what} |" in GUIDE
    assert set(HI1_WEIGHTS) == set(HI1_FAULTS)


def test_a_letter_is_kept_as_it_came(hi1: Hi1Bench, said: bytes) -> None:
    contents = etree.fromstring(said).findtext(".//{*}Contents")
    assert base64.b64decode(contents or "").startswith(b"%PDF-")
    assert ids.authorisation("HF-1").encode() in said
