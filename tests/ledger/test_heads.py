"""A signed head says what it says, is checked by anybody, and nothing about it can be changed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from time_stamps_support import POLICY, Authority

from ledger import heads, stamps
from ledger.canonical import Identity
from ledger.heads import Accepted, Head, HeadError, Stamp, check, read_line
from ledger.master import MasterKey

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
IDENTITY = Identity(ledger="6b1d4e0c", created_at="", sandbox=True)
KEY = heads.signing_key(MasterKey(secret=bytes(range(32))))
OTHER = heads.signing_key(MasterKey(secret=bytes(32)))
ROOT = "ab" * 32


def head(events: int = 7, at: datetime = AT) -> Head:
    return heads.sign(IDENTITY, events=events, root=ROOT, at=at, key=KEY)


def accepted() -> Accepted:
    return heads.accept(head(5), gives_up=head(9), because="The disk failed.", by="Head of unit", key=KEY)


def test_a_head_is_one_line_of_canonical_json() -> None:
    text = head().text()
    table = json.loads(text)
    assert "\n" not in text
    assert text == json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert table | {"key": "", "signature": ""} == {
        "at": "2026-11-21T09:00:00.000000Z",
        "events": 7,
        "format": "holdfast-head/1",
        "key": "",
        "ledger": "6b1d4e0c",
        "root": ROOT,
        "signature": "",
    }


def test_a_third_party_checks_a_head_with_the_public_key_alone() -> None:
    table = json.loads(head().text())
    signature = base64.b64decode(table.pop("signature"))
    signed = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(base64.b64decode(heads.public_key(KEY))).verify(signature, signed)


@pytest.mark.parametrize("line", [head(), head(0), accepted(), Stamp(head="cd" * 32, response=b"\x30\x00")])
def test_every_line_is_read_back_as_it_was_written(line: Head | Stamp) -> None:
    assert read_line(line.text()) == line
    assert read_line(line.text() + "\n") == line


def test_the_same_key_signs_on_every_machine_that_has_the_master_key() -> None:
    again = heads.signing_key(MasterKey(secret=bytes(range(32))))
    assert heads.public_key(again) == heads.public_key(KEY) != heads.public_key(OTHER)
    assert head() == heads.sign(IDENTITY, events=7, root=ROOT, at=AT, key=again)


@pytest.mark.parametrize("line", [head(), accepted()])
def test_no_character_of_a_signed_line_can_be_changed_unnoticed(line: Head) -> None:
    text = line.text()
    for place, character in enumerate(text):
        for other in ("0", "1", "A"):
            if other == character:
                continue
            changed = text[:place] + other + text[place + 1 :]
            try:
                check(Head.read(changed), key=heads.public_key(KEY), ledger=IDENTITY.ledger)
            except HeadError:
                continue
            # base64 has spare bits in its last character: the same signature, written otherwise
            assert Head.read(changed).signature != line.signature
            assert base64.b64decode(Head.read(changed).signature) == base64.b64decode(line.signature)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"events": 8}, "its signature does not fit"),
        ({"root": "00" * 32}, "its signature does not fit"),
        ({"at": AT + timedelta(microseconds=1)}, "its signature does not fit"),
        ({"ledger": "another"}, "another ledger"),
        ({"key": heads.public_key(OTHER)}, "another key"),
        ({"signature": ""}, "its signature does not fit"),
        ({"signature": "!"}, "its signature does not fit"),
    ],
)
def test_what_was_not_signed_is_refused(change: dict[str, object], said: str) -> None:
    wrong = replace(head(), **change)
    with pytest.raises(HeadError, match=said):
        check(wrong, key=heads.public_key(KEY), ledger=IDENTITY.ledger)


def test_without_a_key_known_from_elsewhere_only_a_change_is_noticed() -> None:
    theirs = heads.sign(IDENTITY, events=7, root=ROOT, at=AT, key=OTHER)
    check(theirs)
    with pytest.raises(HeadError, match="another key"):
        check(theirs, key=heads.public_key(KEY))
    with pytest.raises(HeadError, match="does not fit"):
        check(replace(theirs, events=6))


def test_an_acceptance_is_a_head_and_cannot_be_given_out_for_a_plain_one() -> None:
    line = accepted()
    check(line, key=heads.public_key(KEY))
    assert line.gives_up == head(9).digest
    plain = Head(**{name: getattr(line, name) for name in ("ledger", "events", "root", "at", "key", "signature")})
    with pytest.raises(HeadError, match="does not fit"):
        check(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a line of JSON"),
        (head().text()[:-5], "expected a line of JSON"),
        ("[" * 100_000, "expected a line of JSON"),
        ("[]", "expected a line with the format"),
        ('{"format":"holdfast-head/2"}', "holdfast-head/1"),
        ('{"format":["x"]}', "expected a line with the format"),
        ('{"format":"holdfast-head/1"}', "events is missing"),
        (head().text().replace(":7,", ":true,"), "events: expected a whole number"),
        (head().text().replace(":7,", ":-7,"), "events: expected a whole number"),
        (head().text().replace(":7,", ":7.0,"), "events: expected a whole number"),
        (head().text().replace(":7,", ": 7,"), "expected canonical JSON"),
        (head().text().replace("{", '{"a":1,'), "expected canonical JSON"),
        (head().text().replace(ROOT, ROOT.upper()), "root: expected 64 hexadecimal digits"),
        (head().text().replace(ROOT, ROOT[2:]), "root: expected 64 hexadecimal digits"),
        (head().text().replace("2026-11-21T09:00:00.000000Z", "yesterday"), "at: expected an instant"),
        (head().text().replace("2026-11-21T09:00:00.000000Z", "2026-11-21T09:00:00+01:00"), "at: expected"),
        (head().text().replace('"6b1d4e0c"', "7"), "ledger: expected a text"),
        (Stamp(head="cd" * 32, response=b"x").text(), "a time stamp: expected the head"),
        (Stamp(head="cd" * 32, response=b"x").text().replace("eA==", "e"), "response: expected base64"),
    ],
)
def test_a_line_that_is_no_head_says_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(HeadError, match=said):
        Head.read(text)


def test_a_head_has_an_instant_in_utc() -> None:
    for wrong in (datetime(2026, 11, 21), AT.astimezone(timezone(timedelta(hours=1)))):  # noqa: DTZ001
        with pytest.raises(ValueError, match="expected an instant in UTC"):
            head(at=wrong)


# ---- time stamps


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def believed(authority: Authority, policy: str = POLICY) -> stamps.Authority:
    return stamps.Authority(certificates=authority.ca.read_bytes(), policy=policy)


def stamped(authority: Authority, line: Head) -> tuple[Stamp, int]:
    query = stamps.ask(line)
    return Stamp(head=line.digest, response=authority.answer(query.message)), query.nonce


def test_a_time_stamp_says_when_the_authority_saw_the_head(authority: Authority) -> None:
    given, nonce = stamped(authority, head())
    before = datetime.now(UTC)
    at = stamps.stamped_at(given, head(), believed(authority), nonce=nonce)
    assert abs(at - before) < timedelta(minutes=1)
    assert stamps.stamped_at(read_line(given.text()), head(), believed(authority)) == at  # type: ignore[arg-type]


def test_a_time_stamp_for_another_head_is_refused(authority: Authority) -> None:
    given, _ = stamped(authority, head())
    with pytest.raises(stamps.StampError, match="for another head"):
        stamps.stamped_at(given, head(8), believed(authority))
    with pytest.raises(stamps.StampError, match="does not hold: Mismatch"):
        stamps.stamped_at(replace(given, head=head(8).digest), head(8), believed(authority))


def test_an_answer_to_another_question_is_refused(authority: Authority) -> None:
    given, nonce = stamped(authority, head())
    with pytest.raises(stamps.StampError, match="Nonce"):
        stamps.stamped_at(given, head(), believed(authority), nonce=nonce + 1)


def test_an_authority_that_we_do_not_know_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    given, _ = stamped(Authority(tmp_path), head())
    with pytest.raises(stamps.StampError, match="does not hold"):
        stamps.stamped_at(given, head(), believed(authority))


def test_a_stamp_under_another_policy_is_refused(authority: Authority) -> None:
    given, _ = stamped(authority, head())
    with pytest.raises(stamps.StampError, match="Policy"):
        stamps.stamped_at(given, head(), believed(authority, "1.3.6.1.4.1.32473.2"))
    assert stamps.stamped_at(given, head(), believed(authority, ""))


def test_a_certificate_that_had_expired_when_it_stamped_is_refused(tmp_path: Path) -> None:
    expired = Authority(tmp_path, until=timedelta(hours=-1))
    given, _ = stamped(expired, head())
    with pytest.raises(stamps.StampError, match="does not hold"):
        stamps.stamped_at(given, head(), believed(expired))


def test_every_changed_byte_of_a_stamp_is_refused_or_means_nothing(authority: Authority) -> None:
    given, nonce = stamped(authority, head())
    content, at = given.response, stamps.stamped_at(given, head(), believed(authority), nonce=nonce)
    for place in range(0, len(content), 7):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        try:
            found = stamps.stamped_at(Stamp(head=head().digest, response=changed), head(), believed(authority))
        except stamps.StampError:
            continue
        assert found == at, "outside of what is signed (a certificate's own signature, a status) nothing may matter"


@pytest.mark.parametrize("content", [b"", b"no stamp at all", b"\x30\x80" * 50, b"\x30\x03\x02\x01\x02"])
def test_what_is_no_answer_is_refused(authority: Authority, content: bytes) -> None:
    with pytest.raises(stamps.StampError):
        stamps.stamped_at(Stamp(head=head().digest, response=content), head(), believed(authority))


def test_an_authority_needs_a_root_and_a_policy_that_is_one(authority: Authority) -> None:
    stamps.check_certificates(believed(authority))
    for content in (b"", b"nothing"):
        with pytest.raises(stamps.StampError, match="expected the certificates"):
            stamps.check_certificates(stamps.Authority(certificates=content))
    with pytest.raises(stamps.StampError, match="expected an object identifier"):
        stamps.check_certificates(believed(authority, "ours"))
    assert x509.ObjectIdentifier(POLICY)
