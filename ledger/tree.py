"""A Merkle tree over the record, hashed as RFC 9162 (section 2.1) says, with its proofs.

Leaf 0 is the ledger's identity, leaf k is event k. A **node** is the hash of a complete subtree: `level` 0 are the
leaves' hashes, a node of level n stands for 2^n leaves; `position` counts within the level. A node never changes
once its last leaf is there, so it is stored with that leaf's event, and neither adding a leaf nor proving one
costs more when the tree is large. Nothing is read or stored here: `node_at(level, position)` does that.

Hashes are 32 bytes. A proof is a tuple of hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

NodeAt = Callable[[int, int], bytes]
WIDTH = 32


def leaf(data: bytes) -> bytes:
    """The hash of a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def add(peaks: list[bytes], size: int, hashed: bytes) -> bytes:
    """Put a leaf's hash at the end of a tree of `size` leaves.

    `peaks` are the largest complete subtrees from left to right, and are brought up to date. Gives what is
    stored with the leaf: the nodes that it completes, one after another, level 0 first.
    """
    completed = [hashed]
    while size & 1:
        hashed = node(peaks.pop(), hashed)
        completed.append(hashed)
        size >>= 1
    peaks.append(hashed)
    return b"".join(completed)


def places_of_peaks(size: int) -> list[tuple[int, int]]:
    """Level and position of each peak of a tree of `size` leaves, from left to right."""
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return [(level, (size >> level) - 1) for level in levels]


def root(peaks: Sequence[bytes]) -> bytes:
    """The hash of the whole tree (RFC 9162, 2.1.1) from its peaks; of no leaf: the hash of nothing."""
    if not peaks:
        return hashlib.sha256().digest()
    hashed = peaks[-1]
    for peak in reversed(peaks[:-1]):
        hashed = node(peak, hashed)
    return hashed


def last_leaf(level: int, position: int) -> int:
    """The index of the leaf that completes a node: the node is stored with it."""
    return ((position + 1) << level) - 1


def inclusion(index: int, size: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """The proof that leaf `index` stands in the tree of the first `size` leaves (RFC 9162, 2.1.3.1).

    Raises:
        ValueError: there is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _left_part(end - start)
        if index < middle:
            path.append(_span(middle, end, node_at))
            end = middle
        else:
            path.append(_span(start, middle, node_at))
            start = middle
    return tuple(reversed(path))


def consistency(first: int, second: int, node_at: NodeAt) -> tuple[bytes, ...]:
    """The proof that the first `first` leaves of a tree of `second` are unchanged (RFC 9162, 2.1.4.1).

    Raises:
        ValueError: not 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"expected 0 < first <= second, found {first} and {second}")
    path, start, end, whole = [], 0, second, True
    while end != first:
        middle = start + _left_part(end - start)
        if first <= middle:
            path.append(_span(middle, end, node_at))
            end = middle
        else:
            path.append(_span(start, middle, node_at))
            start, whole = middle, False
    return (() if whole else (_span(start, end, node_at),)) + tuple(reversed(path))


def check_inclusion(hashed: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof shows that a leaf with this hash is leaf `index` of that tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    for other in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            hashed = node(other, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node(hashed, other)
        place, last = place >> 1, last >> 1
    return last == 0 and hashed == expected


def check_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the later tree begins with the earlier one (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [*([first_root] if first & (first - 1) == 0 else []), *proof]
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    earlier = later = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            earlier, later = node(other, earlier), node(other, later)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            later = node(later, other)
        place, last = place >> 1, last >> 1
    return last == 0 and (earlier, later) == (first_root, second_root)


def _left_part(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _span(start: int, end: int, node_at: NodeAt) -> bytes:
    """The hash of the leaves from `start` on, before `end`; `start` is aligned as in every proof."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node_at(level, start >> level)
    middle = start + _left_part(count)
    return node(_span(start, middle, node_at), _span(middle, end, node_at))
