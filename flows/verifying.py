"""Everything recomputed, on all of the machine's cores where it would take long.

The tree is one sequence, but each request's row follows from its own history alone: parts of the index are worked out
by processes of their own, each with its own view of the ledger.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from flows.office import Office, office
from flows.settings import Settings
from flows.sweeping import provable
from ledger.interface import Finding, LedgerUnusable
from ledger.proofs import MOST_FINDINGS, TOO_MANY

WORTH_IT = 50_000
"""Events from which on starting processes costs less than it saves."""

PARTS = 8
"""Parts for each process: small enough to show how it goes on."""

Progress = Callable[[int, int], None]
"""Told of the parts that are done, and of how many there are."""


def verify_all(
    unit: Office, progress: Progress | None = None, *, processes: int | None = None
) -> tuple[Finding, ...]:
    """What `Ledger.verify` finds, the tree first; then each key that does not open with the unit's master key.

    Args:
        unit: the unit's open office.
        progress: told how far it is; never called for a small ledger.
        processes: how many to start; None for one for each core, 0 for none.
    """
    found = _recomputed(unit, progress, processes)
    keys = tuple(Finding(seq=None, request="", what=each) for each in islice(unit.vault.wrong(), MOST_FINDINGS))
    return (*found, *keys)


def _recomputed(unit: Office, progress: Progress | None, processes: int | None) -> tuple[Finding, ...]:
    count = (os.cpu_count() or 1) if processes is None else processes
    if not count or (processes is None and _events(unit) < WORTH_IT):
        return unit.ledger.verify(provable(unit))
    parts = unit.ledger.parts(count * PARTS)
    # spawned, not forked: an open ledger is not carried over a fork
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_verify_part, unit.settings, *part) for part in parts]
        found = list(unit.ledger.verify(None))
        for done, part in enumerate(running, start=1):
            found += part.result()
            if progress:
                progress(done, len(parts))
    return tuple(found) if len(found) <= MOST_FINDINGS else (*found[:MOST_FINDINGS], TOO_MANY)


def _events(unit: Office) -> int:
    """How many there are; none where the tree is damaged, so that it is looked at at once."""
    try:
        return unit.ledger.head()[0]
    except LedgerUnusable:
        return 0


def _verify_part(settings: Settings, first: str, before: str) -> tuple[Finding, ...]:
    with office(settings) as unit:
        return unit.ledger.verify_index(provable(unit), first, before)
