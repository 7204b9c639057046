"""The tree hashes and proves as RFC 9162 says: against its well-known example, another implementation, and liars."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from ledger import tree

# The eight leaves by which implementations of RFC 6962 and RFC 9162 have been compared since Certificate
# Transparency began, with the roots and proofs that all of them give.
LEAVES = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
L0, L1 = ROOTS[0], "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
L4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
N23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
N67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [L1, N23, N47],
    (5, 8): [L4, N67, ROOTS[3]],
    (2, 3): [ROOTS[1]],
    (1, 5): [L0, N23, L4],
}
CONSISTENCIES = {(1, 1): [], (1, 8): [L1, N23, N47], (6, 8): [N45, N67, ROOTS[3]], (2, 5): [N23, L4]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Grown:
    """A tree grown leaf by leaf: each leaf stored with the nodes that it completes, as the ledger stores it."""

    stored: list[bytes]
    roots: list[bytes]  # of 0, 1, 2 … leaves

    def node_at(self, level: int, position: int) -> bytes:
        held = self.stored[tree.last_leaf(level, position)]
        return held[level * tree.WIDTH : (level + 1) * tree.WIDTH]


def grown(leaves: list[bytes]) -> Grown:
    peaks: list[bytes] = []
    stored, roots = [], [tree.root(peaks)]
    for size, data in enumerate(leaves):
        stored.append(tree.add(peaks, size, tree.leaf(data)))
        roots.append(tree.root(peaks))
    return Grown(stored=stored, roots=roots)


def by_definition(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, word for word as RFC 9162 (2.1.1) defines it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def numbered(count: int) -> list[bytes]:
    return [b"event %d" % number for number in range(count)]


# ---- the example everybody has


def test_the_roots_of_the_well_known_eight_leaves() -> None:
    assert [each.hex() for each in grown(LEAVES).roots[1:]] == ROOTS
    assert grown([]).roots == [hashlib.sha256(b"").digest()]


@pytest.mark.parametrize(("place", "proof"), INCLUSIONS.items())
def test_the_inclusion_proofs_of_the_well_known_eight_leaves(place: tuple[int, int], proof: list[str]) -> None:
    index, size = place
    found = tree.inclusion(index, size, grown(LEAVES).node_at)
    assert [each.hex() for each in found] == proof
    assert tree.check_inclusion(tree.leaf(LEAVES[index]), index, size, found, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("sizes", "proof"), CONSISTENCIES.items())
def test_the_consistency_proofs_of_the_well_known_eight_leaves(sizes: tuple[int, int], proof: list[str]) -> None:
    first, second = sizes
    found = tree.consistency(first, second, grown(LEAVES).node_at)
    assert [each.hex() for each in found] == proof
    roots = (bytes.fromhex(ROOTS[first - 1]), bytes.fromhex(ROOTS[second - 1]))
    assert tree.check_consistency(first, second, *roots, found)


# ---- every small tree, and random ones beside another implementation


def test_every_proof_in_every_tree_of_up_to_forty_leaves_holds() -> None:
    leaves = numbered(40)
    whole = grown(leaves)
    for size in range(1, 41):
        assert whole.roots[size] == by_definition(leaves[:size])
        for index in range(size):
            proof = tree.inclusion(index, size, whole.node_at)
            assert tree.check_inclusion(tree.leaf(leaves[index]), index, size, proof, whole.roots[size])
        for first in range(1, size + 1):
            proof = tree.consistency(first, size, whole.node_at)
            assert tree.check_consistency(first, size, whole.roots[first], whole.roots[size], proof)


@given(leaves=st.lists(st.binary(max_size=20), min_size=1, max_size=70), data=st.data())
@settings(max_examples=60, deadline=None)
def test_roots_and_proofs_are_those_of_another_implementation(leaves: list[bytes], data: st.DataObject) -> None:
    ours, theirs = grown(leaves), InmemoryTree(algorithm="sha256")
    for each in leaves:
        theirs.append(each)
    size = data.draw(st.integers(1, len(leaves)))
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert ours.roots[size] == theirs.get_state(size)
    path = theirs.prove_inclusion(index + 1, size).path  # theirs begins with the leaf itself
    assert path == [tree.leaf(leaves[index]), *tree.inclusion(index, size, ours.node_at)]
    theirs_of_it = theirs.prove_consistency(first, size)  # written otherwise than in RFC 9162, about the same roots
    before, after = theirs_of_it.retrieve_prior_state(), theirs_of_it.resolve()
    assert (before, after) == (ours.roots[first], ours.roots[size])
    assert tree.check_consistency(first, size, before, after, tree.consistency(first, size, ours.node_at))


# ---- liars


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def path_to(index: int, size: int) -> str:
    """The way from a leaf up to the root, as the sides on which the others stand; by definition."""
    if size == 1:
        return ""
    k = 1
    while k * 2 < size:
        k *= 2
    return path_to(index, k) + "R" if index < k else path_to(index - k, size - k) + "L"


places = st.integers(1, 200).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))
pairs = st.integers(2, 200).flatmap(lambda second: st.tuples(st.integers(1, second - 1), st.just(second)))
bits = st.integers(0, 255)


@given(place=places, bit=bits, data=st.data())
@settings(max_examples=150, deadline=None)
def test_an_inclusion_proof_with_one_changed_bit_is_refused(
    place: tuple[int, int], bit: int, data: st.DataObject
) -> None:
    index, size = place
    whole = grown(numbered(size))
    hashed, top = tree.leaf(b"event %d" % index), whole.roots[size]
    proof = list(tree.inclusion(index, size, whole.node_at))
    assert tree.check_inclusion(hashed, index, size, proof, top)
    assert not tree.check_inclusion(flipped(hashed, bit), index, size, proof, top)
    assert not tree.check_inclusion(hashed, index, size, proof, flipped(top, bit))
    assert not tree.check_inclusion(hashed, index, size, [*proof, top], top)
    if proof:
        where = data.draw(st.integers(0, len(proof) - 1))
        changed = [flipped(each, bit) if n == where else each for n, each in enumerate(proof)]
        assert not tree.check_inclusion(hashed, index, size, changed, top)
        assert not tree.check_inclusion(hashed, index, size, proof[:where] + proof[where + 1 :], top)
    for other in {index ^ (1 << n) for n in range(9)} | {-1, -index - 1, size, index + size}:
        if other != index:
            assert not tree.check_inclusion(hashed, other, size, proof, top)


@given(place=places, bit=st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_a_wrong_size_is_refused_unless_the_leaf_stands_in_the_same_place_of_both_trees(
    place: tuple[int, int], bit: int
) -> None:
    # Where the way up is the same, RFC 9162 cannot tell the sizes apart: the size is bound by the signed head.
    index, size = place
    whole, other = grown(numbered(size)), size ^ (1 << bit)
    proof = tree.inclusion(index, size, whole.node_at)
    accepted = tree.check_inclusion(tree.leaf(b"event %d" % index), index, other, proof, whole.roots[size])
    assert accepted == (index < other and path_to(index, other) == path_to(index, size))


@given(sizes=pairs, bit=bits, data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_consistency_proof_with_one_changed_bit_is_refused(
    sizes: tuple[int, int], bit: int, data: st.DataObject
) -> None:
    first, second = sizes
    whole = grown(numbered(second))
    before, after = whole.roots[first], whole.roots[second]
    proof = list(tree.consistency(first, second, whole.node_at))
    assert tree.check_consistency(first, second, before, after, proof)
    assert not tree.check_consistency(first, second, flipped(before, bit), after, proof)
    assert not tree.check_consistency(first, second, before, flipped(after, bit), proof)
    assert not tree.check_consistency(first, second, before, after, [*proof, after])
    assert not tree.check_consistency(second, first, after, before, proof)
    where = data.draw(st.integers(0, len(proof) - 1))
    changed = [flipped(each, bit) if n == where else each for n, each in enumerate(proof)]
    assert not tree.check_consistency(first, second, before, after, changed)
    assert not tree.check_consistency(first, second, before, after, proof[:where] + proof[where + 1 :])
    for wrong in (0, -1, second, second + 1):
        assert not tree.check_consistency(wrong, second, before, after, proof)
    assert not tree.check_consistency(first, first, before, after, proof)


@given(sizes=pairs, place=st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_a_tree_whose_past_was_changed_is_consistent_with_no_earlier_root(sizes: tuple[int, int], place: int) -> None:
    first, second = sizes
    told = grown(numbered(first)).roots[first]
    rewritten = numbered(second)
    rewritten[place % first] = b"another event"
    whole = grown(rewritten)
    proof = tree.consistency(first, second, whole.node_at)
    assert not tree.check_consistency(first, second, told, whole.roots[second], proof)


def test_a_leaf_cannot_be_given_out_for_a_node() -> None:
    left, right = tree.leaf(b"a"), tree.leaf(b"b")
    assert tree.leaf(left + right) != tree.node(left, right)
    assert not tree.check_inclusion(tree.leaf(left + right), 0, 1, (), tree.node(left, right))


@pytest.mark.parametrize("place", [(1, 1), (-1, 1), (0, 0), (5, 5)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        tree.inclusion(*place, grown(LEAVES).node_at)


@pytest.mark.parametrize("sizes", [(0, 1), (2, 1), (-1, 3), (0, 0)])
def test_there_is_no_proof_between_trees_in_the_wrong_order(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="0 < first <= second"):
        tree.consistency(*sizes, grown(LEAVES).node_at)


def test_a_leaf_costs_two_hashes_on_average_however_large_the_tree_is() -> None:
    whole = grown(numbered(4096))
    lengths = [len(each) // tree.WIDTH for each in whole.stored]
    assert sum(lengths) == 2 * 4096 - 1
    assert max(lengths) == 13
    read: list[tuple[int, int]] = []
    tree.inclusion(1234, 4096, lambda *where: read.append(where) or whole.node_at(*where))
    assert len(read) == 12
