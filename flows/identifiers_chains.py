"""Wallets and transactions: the chain, then an address or a hash, each checked by its chain's own rules.

The check codes of addresses are small and published: Base58Check (Bitcoin), Bech32 and Bech32m (BIP 173, BIP 350),
CashAddr (Bitcoin Cash), mixed-case hexadecimal (EIP-55). An error here is a mistyped character; a chain that is not
in `CHAINS` is let through with a warning, since there are thousands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from hashlib import sha256
from typing import NamedTuple

from flows.identifier import Flaw, Identifier

_ON_CHAIN = re.compile(r"([a-z0-9-]{2,32}:)?[a-zA-Z0-9._-]{10,128}", re.IGNORECASE)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE58 = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BASE32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32, _BECH32M = 1, 0x2BC830A3
_BECH32_STEPS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CASH_STEPS = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_HASH, _PUBLIC_KEY = 20, 32  # bytes
_HEX_HASH, _EVM_HASH, _LONG58 = "[0-9a-fA-F]{64}", "0x[0-9a-fA-F]{64}", "[1-9A-HJ-NP-Za-km-z]{86,88}"
_CASELESS = re.compile(r"0x.*|(bc|ltc|addr)1.*|[0-9a-f]{64}", re.IGNORECASE)


class Chain(NamedTuple):
    """One chain: whether an address is one of its own, and the form of a transaction's hash."""

    address: Callable[[str], bool]
    transaction: str


def check_wallet(identifier: Identifier) -> Iterator[Flaw]:
    """An address with its chain."""
    yield from _on_chain(identifier, "address")


def check_transaction(identifier: Identifier) -> Iterator[Flaw]:
    """A transaction's hash with its chain."""
    yield from _on_chain(identifier, "hash")


def _on_chain(identifier: Identifier, what: str) -> Iterator[Flaw]:
    if not _ON_CHAIN.fullmatch(identifier.value):
        yield Flaw("is not on a chain", "write chain:address or chain:hash, letters and digits without spaces")
        return
    name, colon, rest = identifier.value.rpartition(":")
    chain = CHAINS.get(name.casefold())
    if not colon:
        fix = "write the chain before it, as bitcoin:…, since the same may exist on several chains"
        yield Flaw("does not say of which chain it is", fix, "warning", "no-chain")
    elif chain is None:
        yield Flaw("is of a chain that is not known here", _meant(name.casefold()), "warning", "no-chain")
    elif what == "hash" and not re.fullmatch(chain.transaction, rest):
        yield Flaw("is not a transaction of that chain", "copy the whole hash from a block explorer")
    elif what == "address" and not chain.address(rest):
        fix = "copy it whole from the source, and check that the chain is right: addresses check themselves"
        yield Flaw("is not an address of that chain, or a character of it is wrong", fix, kind="check-digit")


def _meant(name: str) -> str:
    near = _SYMBOLS.get(name) or next(iter(difflib.get_close_matches(name, CHAINS, n=1, cutoff=0.7)), "")
    return f'did you mean "{near}"?' if near else f"compare it with the source; known are {', '.join(CHAINS)}"


def spell(value: str) -> str:
    """The chain in lower case, and the rest where its alphabet has no case (0x…, bc1…, hashes of 64 digits)."""
    chain, colon, rest = value.rpartition(":")
    return f"{chain.casefold()}{colon}{rest.casefold() if _CASELESS.fullmatch(rest) else rest}"


def _decoded58(text: str, alphabet: str = _BASE58) -> bytes:
    """The bytes of a Base58 text; empty for what is none."""
    places = [alphabet.find(letter) for letter in text]
    if not places or min(places) < 0:
        return b""
    number = reduce(lambda total, place: total * 58 + place, places, 0)
    zeros = next((n for n, place in enumerate(places) if place), len(places))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _checked58(text: str, versions: bytes, alphabet: str = _BASE58) -> bool:
    """Base58Check: a version, twenty bytes, and four bytes of a double SHA-256."""
    raw = _decoded58(text, alphabet)
    content, check = raw[:-4], raw[-4:]
    return (
        len(content) == 1 + _HASH
        and content[0] in versions
        and sha256(sha256(content).digest()).digest()[:4] == check
    )


def _polymod(values: list[int], steps: tuple[int, ...], width: int) -> int:
    total = 1
    for value in values:
        top = total >> width
        total = ((total & ((1 << width) - 1)) << 5) ^ value
        for number, step in enumerate(steps):
            total ^= step if top >> number & 1 else 0
    return total


def _bech32(text: str, prefix: str) -> tuple[list[int], int]:
    """The values of a Bech32 text and its check constant; ([], 0) for what is none."""
    if text.lower() != text and text.upper() != text:
        return [], 0
    head, one, body = text.lower().rpartition("1")
    values = [_BASE32.find(letter) for letter in body]
    if not one or head != prefix or len(values) < 6 or min(values) < 0:  # noqa: PLR2004 - the check's length
        return [], 0
    spread = [ord(letter) >> 5 for letter in head] + [0] + [ord(letter) & 31 for letter in head]
    return values[:-6], _polymod(spread + values, _BECH32_STEPS, 25)


def _bytes_of(values: list[int]) -> int:
    """How many whole bytes groups of five bits hold; 0 where the padding is wrong."""
    bits = len(values) * 5
    spare = bits % 8
    padding = reduce(lambda total, value: total << 5 | value, values, 0) & ((1 << spare) - 1)
    return 0 if spare > 4 or padding else bits // 8  # noqa: PLR2004 - less than one group


def _segwit(text: str, prefix: str) -> bool:
    """BIP 173 for witness version 0, BIP 350 for later ones."""
    values, check = _bech32(text, prefix)
    if not values or len(text) > 90:  # noqa: PLR2004 - the limit of BIP 173
        return False
    version, size = values[0], _bytes_of(values[1:])
    if version == 0:
        return check == _BECH32 and size in (_HASH, _PUBLIC_KEY)
    return version <= 16 and check == _BECH32M and 2 <= size <= 40  # noqa: PLR2004 - BIP 141


def _cash(text: str) -> bool:
    if text.lower() != text and text.upper() != text:
        return False
    values = [_BASE32.find(letter) for letter in text.lower()]
    if len(values) != 42 or min(values) < 0:  # noqa: PLR2004 - a hash of 20 bytes
        return False
    return _polymod([*(ord(letter) & 31 for letter in "bitcoincash"), 0, *values], _CASH_STEPS, 35) == 1


def _evm(text: str) -> bool:
    """Twenty bytes in hexadecimal digits; where capitals are mixed in, they are a check (EIP-55)."""
    digits = text.removeprefix("0x")
    if not re.fullmatch("0x[0-9a-fA-F]{40}", text):
        return False
    if digits in (digits.lower(), digits.upper()):
        return True
    from Crypto.Hash import keccak

    hashed = keccak.new(digest_bits=256, data=digits.lower().encode()).hexdigest()
    return all(
        letter.isdigit() or letter.isupper() == (int(nibble, 16) > 7)  # noqa: PLR2004 - half of 16
        for letter, nibble in zip(digits, hashed, strict=False)
    )


def _monero(text: str) -> bool:
    return re.fullmatch(f"[48][{_BASE58}]{{94}}|4[{_BASE58}]{{105}}", text) is not None


_BITCOIN = Chain(lambda text: _segwit(text, "bc") or _checked58(text, b"\x00\x05"), _HEX_HASH)
_EVM = Chain(_evm, _EVM_HASH)

CHAINS: Mapping[str, Chain] = {
    "bitcoin": _BITCOIN,
    "bitcoincash": Chain(lambda text: _cash(text) or _checked58(text, b"\x00\x05"), _HEX_HASH),
    "litecoin": Chain(lambda text: _segwit(text, "ltc") or _checked58(text, b"\x30\x32\x05"), _HEX_HASH),
    "dogecoin": Chain(lambda text: _checked58(text, b"\x1e\x16"), _HEX_HASH),
    "ethereum": _EVM,
    "arbitrum": _EVM,
    "avalanche": _EVM,
    "base": _EVM,
    "bnb": _EVM,
    "optimism": _EVM,
    "polygon": _EVM,
    "tron": Chain(lambda text: _checked58(text, b"\x41"), _HEX_HASH),
    "solana": Chain(lambda text: len(_decoded58(text)) == _PUBLIC_KEY, _LONG58),
    "xrp": Chain(lambda text: _checked58(text, b"\x00", _RIPPLE58), _HEX_HASH),
    "cardano": Chain(lambda text: _bech32(text, "addr")[1] == _BECH32, _HEX_HASH),
    "monero": Chain(_monero, _HEX_HASH),
}
"""The chains that are checked. Of Monero the form alone."""

_SYMBOLS = {
    "ada": "cardano", "bch": "bitcoincash", "bitcoin-cash": "bitcoincash", "bsc": "bnb", "btc": "bitcoin",
    "doge": "dogecoin", "erc20": "ethereum", "eth": "ethereum", "ltc": "litecoin", "matic": "polygon",
    "ripple": "xrp", "sol": "solana", "trc20": "tron", "trx": "tron", "xmr": "monero",
}  # fmt: skip
