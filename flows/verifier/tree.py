"""The proofs of a Merkle tree, checked as RFC 9162 (section 2.1) defines the tree.

Written from the definition of the tree, top down, and not with the algorithm by which the ledger makes the proofs:
a mistake in one does not hide in the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


class Unfit(ValueError):
    """A proof that has too few or too many hashes for its tree."""


def leaf(data: bytes) -> bytes:
    """The hash of a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _left(size: int) -> int:
    """How many of a tree's leaves are in its left part: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def rooted(hashed: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves in which this hash is leaf `index` (RFC 9162, 2.1.3.1).

    Raises:
        Unfit: the proof is not one for that place in a tree of that size.
    """
    if not 0 <= index < size:
        raise Unfit
    if size == 1:
        if proof:
            raise Unfit
        return hashed
    if not proof:
        raise Unfit
    middle = _left(size)
    if index < middle:
        return _node(rooted(hashed, index, middle, proof[:-1]), proof[-1])
    return _node(proof[-1], rooted(hashed, index - middle, size - middle, proof[:-1]))


def grown(first: int, second: int, first_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the earlier and of the later tree that a consistency proof leads to (RFC 9162, 2.1.4.1).

    The later tree begins with the earlier one if these are the two roots that were signed.

    Raises:
        Unfit: the proof is not one for these two sizes.
    """
    if not 0 < first <= second:
        raise Unfit
    earlier, later, left = _grown(first, second, first_root, list(proof), whole=True)
    if left:
        raise Unfit
    return earlier, later


def _grown(
    first: int, second: int, first_root: bytes, proof: list[bytes], *, whole: bool
) -> tuple[bytes, bytes, list[bytes]]:
    """SUBPROOF of RFC 9162, 2.1.4.1; `whole`: the earlier tree is this whole subtree."""
    if first == second:
        if whole:
            return first_root, first_root, proof
        if not proof:
            raise Unfit
        return proof[0], proof[0], proof[1:]
    if not proof:
        raise Unfit
    middle, last = _left(second), proof[-1]
    if first <= middle:
        earlier, later, left = _grown(first, middle, first_root, proof[:-1], whole=whole)
        return earlier, _node(later, last), left
    earlier, later, left = _grown(first - middle, second - middle, first_root, proof[:-1], whole=False)
    return _node(last, earlier), _node(last, later), left
