"""The verifier's own parts against others: Ed25519, the tree, the frozen terms, the counting."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from flows import catalogue, history
from flows.verifier import counting, ed25519, frozen
from flows.verifier import tree as checked
from flows.verifier.findings import differences
from flows.verifier.replay import replay
from flows.verifier.signed import Wrong, canonical, fingerprint, statement
from ledger import tree
from ledger.canonical import canonical as ledgers_canonical
from timeline.rules import FourEyes
from timeline.terms import Abilities

CATALOGUE = catalogue.load(None)
AT = datetime(2026, 11, 21, 9, tzinfo=UTC)

# RFC 8032, section 7.1: public key, message, signature
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032_are_verified_and_their_neighbours_are_not(
    public: str, message: str, signature: str
) -> None:
    key, text, signed = (bytes.fromhex(each) for each in (public, message, signature))
    assert ed25519.verified(key, text, signed)
    assert not ed25519.verified(key, text + b"\0", signed)
    for place in range(0, 64, 7):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        assert not ed25519.verified(key, text, changed)
        assert not ed25519.verified(changed[:32], text, signed)


def test_it_agrees_with_a_well_kept_library_on_good_and_on_broken_signatures() -> None:
    draw = random.Random(8032)
    for _ in range(40):
        secret = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        message = draw.randbytes(draw.randrange(200))
        signature, public = secret.sign(message), secret.public_key().public_bytes_raw()
        if draw.random() < 0.6:
            place = draw.randrange(64)
            signature = (
                signature[:place] + bytes([signature[place] ^ 1 << draw.randrange(8)]) + signature[place + 1 :]
            )
        assert ed25519.verified(public, message, signature) == by_library(public, message, signature)


def by_library(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_a_signature_with_a_number_too_large_is_refused_although_it_adds_up() -> None:
    """RFC 8032, 5.1.7: a second form of the same signature must not be taken for another one."""
    key, text, signed = (bytes.fromhex(each) for each in VECTORS[1])
    order = 2**252 + 27742317777372353535851937790883648493
    larger = int.from_bytes(signed[32:], "little") + order
    assert not ed25519.verified(key, text, signed[:32] + larger.to_bytes(32, "little"))


@pytest.mark.parametrize("bad", [b"", b"\xff" * 32, b"\x02" + b"\0" * 31, b"\x01" + b"\0" * 30 + b"\x80", b"x" * 31])
def test_what_is_no_key_verifies_nothing(bad: bytes) -> None:
    assert not ed25519.verified(bad, b"", bytes.fromhex(VECTORS[0][2]))
    assert not ed25519.verified(bytes.fromhex(VECTORS[0][0]), b"", bad)


def nodes(leaves: list[bytes]) -> tree.NodeAt:
    def node_at(level: int, position: int) -> bytes:
        if level == 0:
            return leaves[position]
        return tree.node(node_at(level - 1, 2 * position), node_at(level - 1, 2 * position + 1))

    return node_at


def roots(leaves: list[bytes]) -> Iterator[bytes]:
    peaks: list[bytes] = []
    for size, leaf in enumerate(leaves):
        tree.add(peaks, size, leaf)
        yield tree.root(peaks)


def test_the_proofs_that_the_ledger_makes_lead_to_its_roots_for_every_size_and_place() -> None:
    leaves = [checked.leaf(bytes([number])) for number in range(40)]
    node_at, root = nodes(leaves), [b"", *roots(leaves)]
    for size in range(1, 41):
        for index in range(size):
            proof = tree.inclusion(index, size, node_at)
            assert checked.rooted(leaves[index], index, size, proof) == root[size]
            for wrong in (proof[1:], (*proof, b"x" * 32)) if proof else ():
                with pytest.raises(checked.Unfit):
                    checked.rooted(leaves[index], index, size, wrong)
        for first in range(1, size + 1):
            proof = tree.consistency(first, size, node_at)
            assert checked.grown(first, size, root[first], proof) == (root[first], root[size])
            assert first == size or checked.grown(first, size, b"y" * 32, proof) != (b"y" * 32, root[size])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_place_that_no_tree_has_is_refused(index: int, size: int) -> None:
    with pytest.raises(checked.Unfit):
        checked.rooted(b"x" * 32, index, size, ())


@pytest.mark.parametrize("value", [{"b": [1, True, None], "a": 'ü \u2028 " \\ \x1f'}, [], "", -(2**53) + 1])
def test_the_verifier_writes_values_as_the_ledger_does(value: Any) -> None:
    assert canonical(value) == ledgers_canonical(value).encode()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a holdfast-head/1"),
        (b'{"format": "holdfast-head/1"}', "is not written in the one canonical way"),
        (b'{"format":"holdfast-head/1"}', "names no key or has no signature"),
        (
            b'{"format":"holdfast-head/1","key":"AA==","signature":"AA=="}',
            "its signature is not one of the key it names",
        ),
        (b'{"format":"holdfast-head/1","format":"holdfast-head/1"}', "is not written in the one canonical way"),
    ],
)
def test_what_is_no_signed_statement_is_told_as_what_it_is(content: bytes, what: str) -> None:
    with pytest.raises(Wrong, match=what):
        statement(content, "holdfast-head/1")
    assert fingerprint("no base64") == ""


def frozen_terms(provider: str, instrument: str, country: str) -> bytes:
    return history.freeze_terms(
        CATALOGUE,
        provider=provider,
        instrument=instrument,
        country=country,
        profile=CATALOGUE.default_profile,
        abilities=Abilities(clarify=True, poll=False),
        at=AT,
    )


def every() -> Iterator[tuple[str, str, str]]:
    """Every instrument with a dozen providers, and every provider with a few instruments."""
    providers, instruments = sorted(CATALOGUE.providers), sorted(CATALOGUE.instruments)
    for number, provider in enumerate(providers):
        for place, instrument in enumerate(instruments):
            if number % 6 == place % 6 or provider in {"snap", "google"}:
                yield provider, instrument, ("US", "FR")[(number + place // 6) % 2]


def test_the_second_reader_of_frozen_terms_reads_what_the_first_one_reads() -> None:
    for each in every():
        raw = frozen_terms(*each)
        assert frozen.read_terms(raw) == history.read_terms(raw), each


def test_the_second_count_knows_the_same_lengths_for_every_law_and_every_practice() -> None:
    for each in every():
        raw = frozen_terms(*each)
        terms, table = history.read_terms(raw), json.loads(raw)
        first = counting._first(table)
        assert (str(terms.first) if terms.first else None) == (said(first) if first else None), each
        for number in range(1, 6):
            period, length = terms.extension(number), counting._extension(table, number)
            assert (str(period) if period else None) == (said(length) if length else None), (*each, number)


def said(length: counting.Length) -> str:
    return f"{length.number} {length.unit}{'' if length.number == 1 else 's'}"


def test_a_policy_is_read_as_it_was_kept() -> None:
    eyes = FourEyes(emergency=True, approve_within=timedelta(minutes=7))
    policy = replace(CATALOGUE.policy, extend_fraction=Fraction(3, 5), four_eyes=eyes)
    assert frozen.read_policy(frozen.keep_policy(policy)) == policy


OF_AN_ACT: dict[str, dict[str, Any]] = {
    "intent": {"attempt": 1, "key": "e", "channel": "api", "because": "due"},
    "sent": {"channel": "api"},
    "outcome-unknown": {"reason": "broke off"},
    "unsupported": {"reason": "no such way"},
    "refused": {"ground": "other"},
    "absent": {},
}
"""What may become of an extension that was asked for."""


def history_of(seed: int, instrument: str, zone: str) -> tuple[list[bytes], bytes]:  # noqa: PLR0912 - one for each kind
    """A random past of a request: its events' canonical bytes, and its terms.

    Receipts come late and early, dates are told, items have ends of their own, extensions are confirmed in any order,
    what makes the hold open-ended comes and is over again.
    """
    draw = random.Random(seed)
    raw = json.loads(frozen_terms("snap", instrument, draw.choice(["US", "FR"])))
    raw["provider"]["table"]["zone"] = zone
    at = datetime(2026, draw.randint(1, 12), draw.randint(1, 28), draw.randint(0, 23), tzinfo=UTC)
    items = [{"item": f"i{number}", "type": "email"} for number in (1, 2)]
    events: list[tuple[str, dict[str, Any]]] = [
        ("registered", {"categories": ["content"], "from": "", "to": "", "urgency": "expedited", "confidential": True,
                        "items": items, "mla": {}}),
        ("intent", {"action": "send", "sequence": 1, "attempt": 1, "key": "k", "channel": "api", "because": "due"}),
    ]  # fmt: skip
    if draw.random() < 0.8:
        events.append(("sent", {"action": "send", "sequence": 1, "channel": "api"}))
    elif draw.random() < 0.5:
        events.append(("outcome-unknown", {"action": "send", "sequence": 1, "reason": "broke off"}))

    def on(least: int, most: int) -> str:
        return (at.date() + timedelta(days=draw.randint(least, most))).isoformat()

    if seed % 2:
        events[0][1]["made_on"] = on(-40, 2)
    for number in range(draw.randint(0, 9)):
        body: dict[str, Any] = {}
        stops = [each["kind"] for each in raw["instrument"]["table"].get("stop_event", ())]
        kind = draw.choice(
            ["acknowledged", *["preserved", "extended"] * 2, "items", "polled", "stop-ended", *OF_AN_ACT, *stops]
        )
        if kind in OF_AN_ACT:
            body = {"action": "extend", "sequence": draw.randint(1, 3)} | OF_AN_ACT[kind]
            body |= {"undelivered": True} if kind == "unsupported" and draw.random() < 0.5 else {}
            if kind == "refused" and draw.random() < 0.5:
                body |= {"action": draw.choice(["announce", "clarify"]), "sequence": 1}
        if kind in {"stop-ended", *stops}:
            body["on"] = on(-5, 70)
        if kind == "acknowledged":
            body = {"references": [f"R{draw.randint(1, 2)}"]}
        if kind in {"acknowledged", "preserved"} and draw.random() < 0.5:
            body["received_on"] = on(-2, 3)
        if kind == "preserved" and draw.random() < 0.3:
            body["held_from"] = on(-1, 1)
        if kind == "extended":
            body["sequence"] = draw.randint(1, 3)
        if kind in {"acknowledged", "preserved", "extended"} and draw.random() < 0.4:
            body["held_until"] = on(40, 260)
        if kind == "items" or draw.random() < 0.2:
            body["items"] = [
                {
                    "item": draw.choice(["i1", "i2", "i9"]),
                    "outcome": draw.choice(["preserved", "not-found", "not-found", "pending"]),
                }
                | ({"held_until": on(40, 200)} if draw.random() < 0.5 else {})
            ]
        if kind == "polled":
            body = {"state": "in-force"}
        events.append((kind, body | {"number": number}))
    lines = []
    for seq, (kind, body) in enumerate(events, 1):
        at += timedelta(hours=draw.randint(0, 60))
        moment = at.isoformat().replace("+00:00", ".000000Z")
        event = {"seq": seq, "kind": kind, "at": moment, "recorded_at": moment, "actor": "a", "request": "r"}
        lines.append(canonical(event | {"body": body}))
    return lines, json.dumps(raw).encode()


INSTRUMENTS = tuple(sorted(CATALOGUE.instruments))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_second_count_of_the_ends_agrees_with_the_timeline_on_any_past(instrument: str) -> None:
    for seed in range(120):
        lines, raw = history_of(seed, instrument, ("UTC", "Australia/Sydney", "America/Los_Angeles")[seed % 3])
        record = replay(lines, frozen.read_terms(raw), CATALOGUE.policy, datetime(2027, 6, 1, tzinfo=UTC))
        ends = counting.ends([json.loads(line) for line in lines], json.loads(raw))
        by_timeline = [(each["strict_on"], each["legal_base_on"], each["legal_on"]) for each in record["ends"]]
        assert [tuple(day.isoformat() for day in end) for end in ends] == by_timeline, (instrument, seed)


@pytest.mark.parametrize(
    ("instrument", "sent", "received", "extensions", "ends"),
    [
        # 90 days sent on 21 November 2026
        ("us.18usc2703f", "2026-11-21", None, 0, ("2027-02-18", "2027-02-19")),
        # received 1 September 2026: legal 31 October, a Saturday, rolled over Sunday to 2 November
        ("eu.epocpr", "2026-09-01", "2026-09-01", 0, ("2026-10-30", "2026-11-02")),
        # extended: 31 October + 30, not 2 November + 30
        ("eu.epocpr", "2026-09-01", "2026-09-01", 1, ("2026-11-29", "2026-11-30")),
        # the day on the order was not entered: from the sending
        ("ca.487.013", "2027-03-10", "2027-03-11", 0, ("2027-06-07", "2027-06-08")),
    ],
)
def test_the_second_count_counts_as_the_law_is_written(
    instrument: str, sent: str, received: str | None, extensions: int, ends: tuple[str, str]
) -> None:
    table = json.loads(frozen_terms("sandbox", instrument, "FR"))
    start: dict[str, Any] = {"seq": 1, "at": f"{sent}T09:00:00Z", "kind": "registered", "body": {"items": []}}
    past = [start, start | {"kind": "sent", "body": {"action": "send", "sequence": 1}}]
    if received:
        past.append(start | {"kind": "acknowledged", "body": {"references": [], "received_on": received}})
    past += [start | {"kind": "extended", "body": {"sequence": number + 1}} for number in range(extensions)]
    end = counting.ends(past, table)[-1]
    assert (end.strict_on.isoformat(), end.legal_on.isoformat()) == ends


@pytest.mark.parametrize(
    ("instrument", "made", "ends"),
    [
        ("ca.487.013", "2027-03-01", ("2027-05-29", "2027-05-30")),  # 90 days after the day made
        ("uk.osa.dpn", "2027-03-05", ("2028-03-04", "2028-03-04")),  # a year beginning with the date of the notice
        ("us.18usc2703f", "2027-03-01", ("2027-06-07", "2027-06-08")),  # this law does not look at it
    ],
)
def test_the_second_count_begins_with_the_day_on_the_order(instrument: str, made: str, ends: tuple[str, str]) -> None:
    table = json.loads(frozen_terms("sandbox", instrument, "CA"))
    at = "2027-03-10T09:00:00Z"
    past: list[dict[str, Any]] = [
        {"seq": 1, "at": at, "kind": "registered", "body": {"items": [], "made_on": made}},
        {"seq": 2, "at": at, "kind": "sent", "body": {"action": "send", "sequence": 1}},
    ]
    end = counting.ends(past, table)[-1]
    assert (end.strict_on.isoformat(), end.legal_on.isoformat()) == ends


def test_differences_are_named_by_their_place_with_both_values() -> None:
    recorded = {"a": [1, {"b": "x"}], "gone": 1, "n": True}
    computed = {"a": [1, {"b": "y"}, 3], "new": None, "n": 1}
    assert list(differences(recorded, computed, "r")) == [
        "r.a has 2 entries, its events give 3",
        "r.a[1].b says 'x', its events give 'y'",
        "r.gone is there, and should not be",
        "r.n says True, its events give 1",
        "r.new is missing",
    ]
