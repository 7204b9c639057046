"""Addresses and hashes of the chains that are known, by the test vectors that were published with their rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.identifiers import CHECKS, Identifier, normalise
from flows.identifiers_chains import CHAINS

GOOD = {
    "bitcoin": (
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
        # BIP 173 and BIP 350
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "BC1SW50QGDZ25J",
        "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ),
    "bitcoincash": (  # the CashAddr specification
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
    ),
    "litecoin": ("LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
    "dogecoin": ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",),
    "ethereum": (  # EIP-55
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ),
    "tron": ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",),
    "solana": ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "11111111111111111111111111111111"),
    "xrp": ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",),
    "cardano": (  # CIP-19
        "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x",
    ),
    "monero": (
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ),
}  # fmt: skip
BAD = [
    # BIP 173 and BIP 350: a wrong prefix, version, length, padding or checksum; cases mixed
    ("bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
    ("bitcoin", "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2"),
    ("bitcoin", "bc1rw5uspcuh"),
    ("bitcoin", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P"),
    ("bitcoin", "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du"),
    ("bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    ("bitcoin", "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL"),
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7KV8F3T4"),
    ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"),
    ("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN0"),  # 0 is not in the alphabet
    ("bitcoin", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("bitcoincash", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6b"),
    ("litecoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"),
    ("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
    ("ethereum", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"),
    ("solana", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5D"),
    ("xrp", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi"),
    ("cardano", GOOD["cardano"][0][:-1] + "z"),
    ("monero", "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3"),
]  # fmt: skip


def wrong(kind: str, value: str) -> list[str]:
    return [flaw.kind for flaw in CHECKS[kind](Identifier(type=kind, value=value))]


@pytest.mark.parametrize(("chain", "address"), [(chain, each) for chain, those in GOOD.items() for each in those])
def test_an_address_that_was_published_is_one(chain: str, address: str) -> None:
    assert wrong("wallet", f"{chain}:{address}") == []
    assert wrong("wallet", f"{chain.upper()}:{address}") == []


@pytest.mark.parametrize(("chain", "address"), BAD)
def test_an_address_that_is_none_is_told(chain: str, address: str) -> None:
    assert wrong("wallet", f"{chain}:{address}") == ["check-digit"]


def test_every_chain_has_an_address_that_was_published_or_shares_the_rule_of_one() -> None:
    rules = {CHAINS[chain].address for chain in GOOD}
    assert {chain for chain, rule in CHAINS.items() if rule.address not in rules} == set()


UNCHECKED = {"solana", "monero", "ethereum"}  # without a check, or with one that is in the capitals alone
CHECKED = [(chain, each) for chain, those in GOOD.items() if chain not in UNCHECKED for each in those]


@given(st.sampled_from(CHECKED), st.data())
def test_one_wrong_character_is_always_found(published: tuple[str, str], data: st.DataObject) -> None:
    chain, address = published
    place = data.draw(st.integers(5 if chain == "cardano" else 3, len(address) - 1))
    letters = st.sampled_from("023456789acdefghjklmnpqrstuvwxyz")
    other = data.draw(letters.filter(lambda each: each != address[place].lower()))
    spoilt = address[:place] + (other.upper() if address.isupper() else other) + address[place + 1 :]
    assert wrong("wallet", f"{chain}:{spoilt}") == ["check-digit"]


MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("place", [n for n, letter in enumerate(MIXED) if letter.isalpha() and n > 1])
def test_one_letter_in_the_wrong_case_is_found_where_capitals_are_mixed_in(place: int) -> None:
    spoilt = MIXED[:place] + MIXED[place].swapcase() + MIXED[place + 1 :]
    assert wrong("wallet", f"ethereum:{spoilt}") == ["check-digit"]


def test_an_address_without_mixed_capitals_has_no_check_and_passes() -> None:
    assert wrong("wallet", f"ethereum:{MIXED.lower()}") == []
    assert wrong("wallet", f"ethereum:0x{MIXED[2:].upper()}") == []


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("bitcoin:" + "ab" * 32, []),
        ("ethereum:0x" + "ab" * 32, []),
        ("polygon:0x" + "AB" * 32, []),
        ("tron:" + "ab" * 32, []),
        ("solana:" + "5" * 88, []),
        ("bitcoin:" + "ab" * 31, ["grammar"]),
        ("bitcoin:0x" + "ab" * 32, ["grammar"]),
        ("ethereum:" + "ab" * 32, ["grammar"]),
        ("solana:" + "0" * 88, ["grammar"]),
        ("ab" * 32, ["no-chain"]),
        ("examplechain:" + "ab" * 32, ["no-chain"]),
    ],
)
def test_the_hash_of_a_transaction_has_the_form_of_its_chain(value: str, kinds: list[str]) -> None:
    assert wrong("transaction", value) == kinds


@given(st.sampled_from(sorted(CHAINS)), st.text(max_size=120))
def test_any_text_on_any_chain_is_judged_and_never_raises(chain: str, text: str) -> None:
    for kind in ("wallet", "transaction"):
        wrong(kind, f"{chain}:{text}")
        spelt = normalise(kind, f"{chain}:{text}")
        assert normalise(kind, spelt) == spelt


@given(st.sampled_from(sorted(CHAINS)), st.binary(min_size=25, max_size=60))
def test_bytes_taken_by_chance_are_no_address(chain: str, raw: bytes) -> None:
    if chain in {"solana", "monero"}:  # they have no check, or none that is looked at
        return
    assert wrong("wallet", f"{chain}:{raw.hex()}") == ["check-digit"]
