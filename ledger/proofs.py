"""The tree over a store's record, its proofs, and whether everything fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from ledger import tree, verify
from ledger.interface import Finding, Identity, LedgerBusy, LedgerDamaged, LedgerError, Project, Unless
from ledger.records import Record
from ledger.store import Statements, Store
from ledger.turns import Turns

MOST_FINDINGS = 1000
FACTS = {"ledger", "sandbox", "created_at", "master", "chain"}
TOO_MANY = Finding(seq=None, request="", what=f"{MOST_FINDINGS} things do not fit; the rest was not looked at")


class Proofs:
    """The part of a `Book` that proves; `Ledger` says what its methods do."""

    _store: Store
    _identity: Identity
    _turns: Turns[Any]

    def head(self) -> tuple[int, str]:
        """Number of events, and root of their tree in hex."""
        with self._store.reading() as say:
            seq, _ = say.last()
            return seq, tree.root(self.peaks(say, seq)).hex()

    def root_at(self, events: int) -> str:
        """The root when there were so many events. See `Ledger.root_at`."""
        with self._reading_tree(events) as (say, _):
            return tree.root(self.peaks(say, events)).hex()

    def inclusion(self, seq: int, *, events: int) -> tuple[str, ...]:
        """The proof that an event stands in the tree. See `Ledger.inclusion`."""
        with self._reading_tree(events, seq) as (_, node_at):
            return tuple(each.hex() for each in tree.inclusion(seq, events + 1, node_at))

    def consistency(self, earlier: int, later: int) -> tuple[str, ...]:
        """The proof that one tree begins with another. See `Ledger.consistency`."""
        with self._reading_tree(later, earlier) as (_, node_at):
            return tuple(each.hex() for each in tree.consistency(earlier + 1, later + 1, node_at))

    def add_head(self, events: int, text: str, *, unless: Unless = None) -> None:
        """Keep a signed head. See `Ledger.add_head`."""
        self._turns.refuse_within(self._store.name)
        with self._store.recording() as say:
            if unless is not None:
                unless()
            say.put_head(events, text)

    def heads(self) -> tuple[str, ...]:
        """The signed heads that were kept."""
        with self._store.asking() as say:
            return tuple(say.heads())

    @contextmanager
    def _reading_tree(self, events: int, seq: int = 0) -> Iterator[tuple[Statements, tree.NodeAt]]:
        with self._store.reading() as say:
            last, _ = say.last()
            if not 0 <= seq <= events <= last:
                raise LedgerError(f"{self._store.name}: it has {last} events: there is no place {seq} of {events}")
            yield say, lambda level, position: self._nodes(say, [(level, position)])[0]

    def peaks(self, say: Statements, seq: int) -> list[bytes]:
        """The largest complete subtrees when there were so many events, from left to right."""
        return self._nodes(say, tree.places_of_peaks(seq + 1))

    def _nodes(self, say: Statements, places: Sequence[tuple[int, int]]) -> list[bytes]:
        ends = [tree.last_leaf(*place) for place in places]
        stored = {0: tree.leaf(self._identity.content()), **say.nodes_of([end for end in ends if end])}
        found = [
            stored.get(end, b"")[level * tree.WIDTH :][: tree.WIDTH]
            for (level, _), end in zip(places, ends, strict=True)
        ]
        for end, each in zip(ends, found, strict=True):
            if len(each) != tree.WIDTH:
                raise LedgerDamaged(f"the tree is damaged at event {end}: run verify, and restore a backup")
        return found

    def verify(self, project: Project | None) -> tuple[Finding, ...]:
        """Recompute everything in one view; the first finding is the first event that does not fit.

        At most 1,000 findings, then one that says so. What was rewritten from some event to the end, tree and
        index and all, is noticed only by a head that was kept somewhere else.
        """
        with self._store.streaming(as_it_is=True) as say:
            index = [] if project is None else [self._check_index(say, project)]
            checks = (self._check_facts(say), say.wrong_bytes(), say.wrong_tables())
            return self._found(self._check_tree(say), *index, *checks)

    def verify_index(self, project: Project, first: str, before: str) -> tuple[Finding, ...]:
        """Recompute a part of the index. See `Ledger.verify_index`."""
        with self._store.streaming(as_it_is=True) as say:
            return self._found(self._check_index(say, project, first, before))

    def parts(self, count: int) -> tuple[tuple[str, str], ...]:
        """All requests in parts of the same size. See `Ledger.parts`."""
        with self._store.reading() as say:
            size = -(-say.request_count() // count)
            starts = [say.request_at(number * size) for number in range(1, count)] if size else []
        bounds = ["", *(start for start in dict.fromkeys(starts) if start), ""]
        return tuple(pairwise(bounds))

    def _check_index(self, say: Statements, project: Project, first: str = "", before: str = "") -> Iterator[Finding]:
        streams = say.by_request(first, before)
        return verify.check_index(*streams, project, say.sealed_among)

    def _found(self, *checks: Iterator[Finding]) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for check in checks:
            try:
                for finding in check:
                    found.append(finding)
                    if len(found) == MOST_FINDINGS:
                        return (*found, TOO_MANY)
            except self._store.failure as error:
                if isinstance(words := self._store.in_words(error), LedgerBusy):
                    raise words from error
                found.append(Finding(seq=None, request="", what=f"cannot be read to the end: {error}"))
            except LedgerBusy:
                raise
            except Exception as error:  # damage may break the reading anywhere
                what = f"cannot be read to the end: {type(error).__name__}"
                found.append(Finding(seq=None, request="", what=what))
        return tuple(found)

    def _check_facts(self, say: Statements) -> Iterator[Finding]:
        for name in sorted(say.meta().keys() - FACTS):
            yield Finding(seq=None, request="", what=f"the ledger's own facts have {name!a}, which is not ours")

    def _check_tree(self, say: Statements) -> Iterator[Finding]:
        last = 0

        def stored() -> Iterator[tuple[Record, bytes]]:
            nonlocal last
            for entry, nodes in say.stored():
                last = entry.seq
                yield entry, nodes

        try:
            first = tree.leaf(self._identity.content())
            yield from verify.check_tree(stored(), first=first, highest=say.highest_seq())
        except self._store.failure as error:
            what = f"event {last + 1} cannot be read: the file is damaged there ({error}): restore a backup"
            yield Finding(seq=last + 1, request="", what=what)
