"""What is said over TS 103 120: schema-valid, in words of the dictionary, and the same again for the same order."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hi1_bench import Hi1Bench
from hi1_schemas import ETSI, UNVERIFIED, needs_schemas, problems_of, schema
from lxml import etree
from plain_letters import PlainLetters
from provider_orders import CANARY, everything_said, item, order

from providers.days import last_whole_day
from providers.errors import Unsupported
from providers.http import Message
from providers.interface import Action, Addressee, Order
from providers.ts103120 import ids
from providers.ts103120.days import end_of, stamped, written
from providers.ts103120.formats import Unsayable, request_type, values_of
from providers.ts103120.profile import E_EVIDENCE, PLAIN, Profile
from providers.ts103120.saying import Party, Voice, configuration, get, list_changed
from providers.ts103120.xml import NAMESPACES

DUBLIN = ZoneInfo("Europe/Dublin")
SPACES = dict(NAMESPACES)
EPOC = {"instrument": "eu.epocpr", "legal_basis": "Regulation (EU) 2023/1543", "categories": ("subscriber",)}


def voice(profile: Profile = PLAIN, zone: ZoneInfo = DUBLIN, **changes: Any) -> Voice:
    return Voice(
        **{
            "sender": Party(country="FR", identifier="EXAMPLE-UNIT"),
            "receiver": Party(country="IE", identifier="EXAMPLE-MAIL"),
            "etsi_version": "V1.23.1",
            "profile_owner": "XX",
            "profile_version": "v1.0",
            "profile": profile,
            "zone": zone,
            **changes,
        }
    )


def written_order(said: Order, by: Voice | None = None) -> bytes:
    """The message of a first request."""
    by = by or voice()
    values = {each.id: values_of(each, {}) for each in said.items}
    fills = by.new(said, values, PlainLetters().write(said))
    return by.message(ids.transaction(said, "change"), said.made_at, fills)


def found(message: bytes, path: str) -> list[str]:
    """The texts at an XPath."""
    return [each.text or "" for each in etree.fromstring(message).xpath(path, namespaces=SPACES)]


ORDERS: dict[str, tuple[Order, Profile]] = {
    "one account": (order(), PLAIN),
    "many identifiers": (
        order(
            items=(
                item("a", "a@example.com"),
                item("b", "+1-555-0100", "phone"),
                item("c", "352099001761481", "imei"),
                item("d", "192.0.2.7:40312", "ip"),
                item("e", "2001:db8::2d:17", "ip"),
                item("f", "mañana@example.com"),
            ),
            categories=("content",),
        ),
        PLAIN,
    ),
    "nothing that need not be there": (order(period_from=None, period_to=None, categories=("traffic",)), PLAIN),
    "an end asked for": (order(hold_until=date(2027, 2, 18)), PLAIN),
    "an emergency": (order(urgency="emergency", addressee=Addressee(name="Example Mail Limited")), PLAIN),
    "EPOC-PR": (order(**EPOC, validated_by="Court of Example", hold_until=date(2027, 1, 20)), E_EVIDENCE),
    "EPOC-PR in an emergency": (order(**EPOC, urgency="emergency"), E_EVIDENCE),
}


@needs_schemas
@pytest.mark.parametrize("name", ORDERS)
def test_every_order_is_valid_and_in_words_of_the_dictionary(name: str) -> None:
    said, profile = ORDERS[name]
    also = UNVERIFIED if profile is E_EVIDENCE else frozenset()
    assert problems_of(written_order(said, voice(profile)), also=also) == []


@needs_schemas
@pytest.mark.parametrize("profile", [PLAIN, E_EVIDENCE], ids=lambda profile: profile.name)
def test_every_other_message_is_valid_too(profile: Profile) -> None:
    by, said = voice(profile), order(Action.EXTEND, hold_until=date(2027, 2, 18))
    tasks = list(ids.tasks(said))
    letter = PlainLetters().write(said)
    for fills in (
        [*by.extension(said, tasks), *by.letters(said, letter)],
        [*by.cancellation(tasks), *by.letters(replace(said, action=Action.RELEASE), letter)],
        [*by.announcement(tasks), *by.letters(replace(said, action=Action.ANNOUNCE), letter)],
        by.letters(replace(said, action=Action.CLARIFY, question=str(uuid.uuid4())), letter),
        [list_changed("LPTask", said.made_at), list_changed("Notification", None), get(tasks[0])],
        [configuration()],
    ):
        message = by.message(ids.transaction(said, "x"), said.made_at, fills)
        assert problems_of(message, also=UNVERIFIED) == []


@needs_schemas
def test_the_judge_is_no_yes_sayer() -> None:
    message = written_order(order())
    for old, new in (
        (b"T09:00:00.000000Z", b"T09:00:00Z"),
        (b"<task:StartTime>2026-09-01T00:00:00Z", b"<task:StartTime>2026-09-01T00:00:00"),
        (b"<CountryCode>FR", b"<CountryCode>fr"),
        (b">Routine<", b">Soon<"),
        (b"<ActionIdentifier>0</ActionIdentifier>", b""),
    ):
        assert old in message
        assert problems_of(message.replace(old, new, 1)) != []


@needs_schemas
def test_etsis_own_examples_pass_the_same_judge() -> None:
    examples = sorted((ETSI / "v1.23.1" / "examples" / "xml").glob("*.xml"))
    assert len(examples) >= 7
    assert [path.name for path in examples if not schema().validate(etree.parse(path))] == []


def test_a_first_request_is_an_authorisation_a_task_for_each_item_and_the_order_itself() -> None:
    said = order(items=(item("a", "a@example.com"), item("b", "b@example.com")), categories=("content",))
    message = written_order(said)
    document = etree.fromstring(message)
    kinds = document.xpath("//core:HI1Object/@xsi:type", namespaces=SPACES)
    assert kinds == ["auth:AuthorisationObject", "task:LPTaskObject", "task:LPTaskObject", "doc:DocumentObject"]
    assert found(message, "//core:ActionIdentifier") == ["0", "1", "2", "3"]
    authorisation, *others = found(message, "//core:ObjectIdentifier")
    assert set(found(message, "//core:AssociatedObject")) == {authorisation}
    assert len(set(others)) == 3
    assert found(message, "//task:Value") == ["a@example.com", "b@example.com"]
    assert found(message, "//auth:AuthorisationReference") == ["CY-2026-0412/HF-1"]
    assert found(message, "//task:Type/common:Value") == ["StoredContentData", "StoredContentData"]


def test_the_signed_order_goes_along_with_its_digest() -> None:
    message = written_order(order())
    pdf = base64.b64decode(found(message, "//doc:Contents")[0])
    assert pdf == PlainLetters().write(order()).pdf
    assert found(message, "//doc:Checksum") == [hashlib.sha256(pdf).hexdigest()]
    assert found(message, "//doc:ChecksumType") == ["SHA-256"]
    assert found(message, "//doc:ContentType") == ["application/pdf"]


def test_a_retry_is_the_same_message_but_for_its_time() -> None:
    first, later = order(), order(made_at=datetime(2026, 11, 23, 7, 30, tzinfo=UTC))
    assert written_order(first) == written_order(first)
    stamp = rb"<Timestamp>[^<]+</Timestamp>"
    assert re.sub(stamp, b"", written_order(first)) == re.sub(stamp, b"", written_order(later))
    assert written_order(first) != written_order(later)


def test_identifiers_are_lower_case_uuids_and_tell_requests_items_and_acts_apart() -> None:
    one, other, extension = order(), order(number=2), order(Action.EXTEND)
    again = order(Action.EXTEND, sequence=2)
    made = [
        *(ids.authorisation(each) for each in ("HF-1", "HF-2")),
        *(ids.task(request, each) for request in ("HF-1", "HF-2") for each in ("a", "b")),
        *(ids.document(each) for each in (one, other, extension, again)),
        *(ids.transaction(each, "change") for each in (one, other, extension, again)),
        *(ids.transaction(each, part) for each in (one, other) for part in ("look", "look 1")),
    ]
    assert len(set(made)) == len(made)
    assert all(str(uuid.UUID(each)) == each and uuid.UUID(each).version == 5 for each in made)


def test_a_question_is_another_transaction_each_time_a_change_never() -> None:
    now, then = order(), order(made_at=datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    assert ids.transaction(now, "look") != ids.transaction(then, "look")
    assert ids.transaction(now, "change") == ids.transaction(then, "change")


def test_times_are_written_as_the_standard_wants_them() -> None:
    moment = datetime(2026, 11, 21, 9, 0, 0, 120, tzinfo=UTC)
    assert stamped(moment) == "2026-11-21T09:00:00.000120Z"
    assert stamped(moment.replace(microsecond=0)) == "2026-11-21T09:00:00.000000Z"
    assert stamped(moment.astimezone(DUBLIN)) == "2026-11-21T09:00:00.000120Z"
    assert written(moment) == "2026-11-21T09:00:00Z"
    assert written(datetime(2026, 7, 1, 9, tzinfo=DUBLIN)) == "2026-07-01T09:00:00+01:00"
    with pytest.raises(ValueError, match="without a zone"):
        written(datetime(2026, 11, 21, 9))  # noqa: DTZ001


@pytest.mark.parametrize("zone", ["UTC", "Europe/Dublin", "America/Los_Angeles", "Pacific/Auckland"])
def test_a_day_asked_for_and_read_back_is_the_same_day(zone: str) -> None:
    place = ZoneInfo(zone)
    for day in (date(2027, 2, 18), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1), date(2028, 2, 29)):
        assert last_whole_day(datetime.fromisoformat(written(end_of(day, place))), place) == day


def test_an_end_counts_as_the_last_day_there_that_is_kept_whole() -> None:
    for said, day in (
        ("2027-02-18T23:59:59Z", date(2027, 2, 18)),
        ("2027-02-19T00:00:00Z", date(2027, 2, 18)),
        ("2027-02-19T00:00:01Z", date(2027, 2, 18)),
        ("2027-06-30T23:00:00Z", date(2027, 6, 30)),  # midnight in Dublin's summer
        ("2027-06-30T22:59:00Z", date(2027, 6, 30)),
        ("2027-06-30T23:00:01Z", date(2027, 6, 30)),
        ("2027-02-18T20:00:00-08:00", date(2027, 2, 18)),
    ):
        assert last_whole_day(datetime.fromisoformat(said), DUBLIN) == day, said


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("email", "a.b+c@example.com", [("EmailAddress", "a.b+c@example.com")]),
        ("email", "mañana@example.com", [("InternationalizedEmailAddress", "mañana@example.com")]),
        ("phone", "+1 (555) 0100", [("InternationalE164", "15550100")]),
        ("imei", "35-209900-176148-1", [("IMEICheckDigit", "352099001761481")]),
        ("imei", "35209900176148", [("IMEI", "35209900176148")]),
        ("imei", "3520990017614812", [("IMEISV", "3520990017614812")]),
        ("ip", "192.0.2.7", [("IPv4Address", "192.0.2.7")]),
        ("ip", "192.0.2.7:443", [("IPv4Address", "192.0.2.7"), ("TCPPort", "443")]),
        ("ip", "2001:DB8::2d:17", [("IPv6Address", "2001:0db8:0000:0000:0000:0000:002d:0017")]),
        (
            "ip",
            "[2001:db8::1]:8443",
            [("IPv6Address", "2001:0db8:0000:0000:0000:0000:0000:0001"), ("TCPPort", "8443")],
        ),
    ],
)
def test_identifiers_are_said_in_formats_of_ts_103_280(type_: str, value: str, said: list[tuple[str, str]]) -> None:
    values = values_of(item("a", value, type_), {})
    assert [(each.name, each.text) for each in values] == said
    assert {each.owner for each in values} == {"ETSI"}
    assert value not in repr(values)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        *(("email", each) for each in ("nobody", "@example.com", "a@", "a@b@example.com")),
        *(("phone", each) for each in ("", "+", "call me", "+12345678901234567")),
        *(("imei", each) for each in ("1234", "35209900176148X")),
        *(("ip", each) for each in ("192.0.2", "192.0.2.7:0", "192.0.2.7:99999", "192.0.2.7:x", "fe80::1%eth0")),
        *((type_, "x") for type_ in ("username", "user_id", "url", "wallet", "device_serial", "other")),
    ],
)
def test_what_no_format_takes_cannot_be_said(type_: str, value: str) -> None:
    with pytest.raises(Unsayable) as caught:
        values_of(item("a", value, type_), {})
    assert not value or value == "x" or value not in str(caught.value)


def test_a_provider_s_own_format_is_used_where_its_table_names_one() -> None:
    said = values_of(item("a", "some_name", "username"), {"username": ("EXAMPLE-MAIL", "Handle")})
    assert [(each.owner, each.name, each.text) for each in said] == [("EXAMPLE-MAIL", "Handle", "some_name")]


def test_all_that_cannot_be_said_is_told_at_once_and_never_its_value(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    items = (item("a", CANARY, "username"), item("b", CANARY, "phone"), item("c", "fine@example.com"))
    with pytest.raises(Unsupported, match=r"the username has no format.*the phone is no international") as caught:
        adapter.send(order(items=items))
    assert CANARY not in everything_said(caught.value)
    assert responder.account()["requests_seen"] == {}


def test_the_time_of_use_bounds_an_ip_address_and_nothing_else() -> None:
    used = datetime(2026, 10, 3, 21, 14, tzinfo=UTC)
    items = tuple(
        replace(item(type_, value, type_), used_from=used, used_to=used)
        for type_, value in (("ip", "192.0.2.7"), ("email", CANARY))
    )
    message = written_order(order(items=items))
    assert found(message, "//task:StartTime") == ["2026-10-03T21:14:00Z", "2026-09-01T00:00:00Z"]
    assert found(message, "//task:EndTime") == ["2026-10-03T21:14:00Z", "2026-11-20T00:00:00Z"]


def test_categories_that_one_word_says_together_are_said_and_others_stand_in_the_document() -> None:
    assert request_type(("traffic", "content")) == "TrafficDataAndStoredContentData"
    assert request_type(("subscriber", "content")) == "Other"
    with pytest.raises(Unsupported, match=r"adapter\.documents"):
        voice().new(order(), {}, None)


def test_an_extension_says_its_tasks_and_the_new_end_alone() -> None:
    by, said = voice(), order(Action.EXTEND, hold_until=date(2027, 7, 18))
    message = by.message("x", said.made_at, by.extension(said, ids.tasks(said)))
    updated = etree.fromstring(message).find(".//{*}HI1Object")
    assert updated is not None
    assert [etree.QName(each).localname for each in updated] == ["ObjectIdentifier", "DesiredPreservationExpiration"]
    assert found(message, "//task:DesiredPreservationExpiration") == ["2027-07-18T23:59:59+01:00"]
    with pytest.raises(Unsupported, match="none is known"):
        by.extension(order(Action.EXTEND), ())


def test_characters_that_xml_cannot_carry_are_refused_without_being_quoted(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair()
    said = order(case_reference="CY\x00-SECRETPART")
    with pytest.raises(Unsupported, match="characters that XML cannot carry") as caught:
        adapter.send(said)
    assert "SECRETPART" not in everything_said(caught.value)


def test_necessity_and_facts_stay_out_of_a_european_certificate() -> None:
    said = order(**EPOC, necessity="NECESSITY-GROUNDS", offence_facts="FACTS-OF-THE-CASE")
    message = written_order(said, voice(E_EVIDENCE))
    plain = message + base64.b64decode(found(message, "//doc:Contents")[0])
    assert b"NECESSITY-GROUNDS" not in plain
    assert b"FACTS-OF-THE-CASE" not in plain


def test_a_european_order_names_its_form_its_authorities_and_its_emergency() -> None:
    said = order(**EPOC, validated_by="Court of Example", urgency="emergency")
    message = written_order(said, voice(E_EVIDENCE))
    assert found(message, "//auth:AuthorisationLegalType/common:Value") == ["EPOCPR"]
    assert found(message, "//doc:DocumentType/common:Value") == ["Form2"]
    assert found(message, "//common:ApprovalType") == ["IssuingAuthority", "ValidatingAuthority"]
    assert found(message, "//auth:AuthorisationFlag/common:Value") == ["IsEmergency"]
    assert found(message, "//auth:AuthorisationPriority/common:Value") == ["High"]
    assert found(message, "//task:DesiredStatus/common:Value") == ["AwaitingPreservation"]


def test_later_forms_name_the_order_by_its_own_file_number() -> None:
    by = voice(E_EVIDENCE)
    references, first = set(), order(**EPOC)
    for action in (Action.SEND, Action.EXTEND, Action.ANNOUNCE):
        said = replace(first, action=action)
        fills = by.letters(said, PlainLetters().write(said))
        references |= set(found(by.message("x", said.made_at, fills), "//doc:DocumentReference"))
    assert references == set(found(written_order(first, by), "//auth:AuthorisationReference"))
    other = written_order(order(number=2, **EPOC), by)
    assert references.isdisjoint(found(other, "//auth:AuthorisationReference"))


def test_the_message_goes_over_https_with_all_that_it_is(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    sent = Message.from_bytes(adapter.send(order()).exchange.sent)
    headers = dict(sent.headers)
    assert (sent.method, sent.url) == ("POST", responder.url)
    assert headers["Content-Type"] == "application/xml; charset=utf-8"
    assert headers["Accept-Encoding"] == "identity"
    assert int(headers["Content-Length"]) == len(sent.body)


def test_a_workflow_may_have_an_address_of_its_own(hi1: Hi1Bench) -> None:
    responder = hi1.play()
    adapter = hi1.adapter(
        responder,
        endpoints={"new": "/new", "extension": "/extension", "cancellation": "/cancellation"},
        documents=["send"],
    )
    sent = adapter.send(order())
    assert Message.from_bytes(sent.exchange.sent).url == f"{responder.url}/new"
    longer = adapter.extend(order(Action.EXTEND, hold_until=date(2027, 6, 1)))
    assert f"POST {responder.url}/extension HTTP".encode() in longer.exchange.sent
    assert longer.held_until == date(2027, 6, 1)
    assert f"POST {responder.url}/cancellation".encode() in adapter.release(order(Action.RELEASE)).exchange.sent


def test_a_signature_covers_the_whole_message_and_names_our_certificate(hi1: Hi1Bench, tmp_path: Path) -> None:
    from signxml.verifier import XMLVerifier

    _, adapter = hi1.pair(sign=True)
    body = Message.from_bytes(adapter.send(order()).exchange.sent).body
    assert etree.QName(etree.fromstring(body)[-1]).localname == "Signature"
    ours = hi1.certificates.client.certificate.read_text()
    signed = XMLVerifier().verify(body, x509_cert=ours, ca_pem_file=str(hi1.certificates.ca)).signed_xml
    assert signed is not None
    assert found(etree.tostring(signed), "//task:Value") == [CANARY]
    with pytest.raises(Exception, match=r"[Dd]igest"):
        XMLVerifier().verify(
            body.replace(b">Routine<", b">High<"), x509_cert=ours, ca_pem_file=str(hi1.certificates.ca)
        )
