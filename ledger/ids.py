"""Request ids: `HF-` and 12 characters that people can read out on the telephone.

Eleven characters are random (55 bits), the last one checks them. The alphabet is Crockford's base 32: digits
and capital letters without I, L, O and U. Its characters are the 32 elements of the field GF(2^5), built with
x^5 + x^2 + 1, in which x generates all 31 elements other than zero. An id is right when

    c1 x^11 + c2 x^10 + … + c11 x + c12 = 0

One wrong character changes the sum, because no power of x is zero. Two characters in each other's place, next
to each other or not, change it too, because no two of the twelve powers are equal. Any other muddle passes
once in 32 times.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Protocol

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "HF"
LENGTH = 12
_READ_AS = str.maketrans("OIL", "011")
_HYPHENS = "-\u2010\u2011\u2012\u2013"  # what a word processor makes of one
_MODULUS = 0b100101  # x^5 + x^2 + 1


class Chooser(Protocol):
    """What draws the characters: the module `secrets`, or a seeded `random.Random` in a test."""

    def choice(self, seq: Sequence[str], /) -> str:
        """One element of the sequence."""


def new_request_id(rng: Chooser = secrets) -> str:
    """A new id, such as `HF-` and twelve characters. 55 random bits: the ledger refuses one that is taken."""
    drawn = "".join(rng.choice(ALPHABET) for _ in range(LENGTH - 1))
    return f"{PREFIX}-{drawn}{ALPHABET[_sum(drawn + '0')]}"


def read_request_id(text: str) -> str:
    """The id that a person typed: any case, O for 0, I or L for 1, with or without hyphens and spaces.

    Raises:
        ValueError: it is none; says what is wrong, for the person who typed it.
    """
    typed = "".join(text.upper().split()).translate(dict.fromkeys(map(ord, _HYPHENS)))
    if not typed.startswith(PREFIX):
        raise ValueError(f"a request id starts with {PREFIX}- and has {LENGTH} characters after it")
    body = typed.removeprefix(PREFIX).translate(_READ_AS)
    if len(body) != LENGTH:
        raise ValueError(f"a request id has {LENGTH} characters after {PREFIX}-, this one has {len(body)}")
    if strange := sorted(set(body) - set(ALPHABET)):
        raise ValueError(f"a request id never contains {' or '.join(map(repr, strange))}: is one character mistyped?")
    if _sum(body):
        raise ValueError("the check character does not fit: is one character mistyped, or are two swapped?")
    return f"{PREFIX}-{body}"


def _sum(characters: Iterable[str]) -> int:
    """The polynomial above at x, by Horner's rule. With "0" in the last place, it is the check character."""
    total = 0
    for character in characters:
        total <<= 1  # times x
        if total & 0b100000:
            total ^= _MODULUS
        total ^= ALPHABET.index(character)
    return total
