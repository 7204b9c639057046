"""The unit's master key: where it lies, whether it opens everything, and changing it for another one.

A change is one transaction in the ledger, with both keys on the disk before and after: cut off at any point, the
ledger uses one of two keys that are there, and opening it takes the right one (`ledger.master.Keyring`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.erasing import unfinished
from flows.office import Office
from ledger.interface import Json, LedgerBusy, LedgerUnusable
from ledger.vault import VARIABLE, Keyring

_BEAT = "keys-rotated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The key in use: its id, where it was found, how many cases have a key; files of the next and of older ones.

    `changed`: each change so far, oldest first: when, by whom, from which key to which.
    """

    id: str
    source: str
    cases: int
    waiting: Path | None
    older: tuple[Path, ...]
    changed: tuple[dict[str, Json], ...]


def ring(office: Office) -> Keyring:
    """The places of this unit's key."""
    return Keyring(path=office.settings.key_path, environ=office.settings.environ)


def standing(office: Office) -> Standing:
    """How the keys stand. No key is given, only ids."""
    keys = ring(office)
    return Standing(
        id=office.vault.master,
        source=f"the environment variable {VARIABLE}" if keys.in_environment else str(keys.path),
        cases=office.vault.cases(),
        waiting=keys.next_path if keys.next_path.exists() else None,
        older=keys.old_paths(),
        changed=_changes(office),
    )


def _changes(office: Office) -> tuple[dict[str, Json], ...]:
    beat = office.ledger.last_beat(_BEAT)
    found = beat[1].get("changes") if beat else None
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def check(office: Office) -> Iterator[str]:
    """What is wrong with the keys, in words; nothing where all is well. Tries every key; reads the whole record."""
    keys = ring(office)
    yield from office.vault.wrong()
    for case in unfinished(office):
        yield f"case {case} is recorded as erased and its key is still there: `holdfast erase {case}` completes it"
    waiting = None
    try:
        waiting = keys.waiting()
    except LedgerUnusable as error:
        yield str(error)
    if waiting is not None and waiting.id == office.vault.master:
        yield f"the ledger uses the key in {keys.next_path}: put it in the place of {VARIABLE}, then delete the file"
    elif waiting is not None:
        yield f"{keys.next_path} waits: `holdfast keys rotate` when every machine has it, or delete it"
    try:
        office.vault.clear()
    except LedgerBusy as error:
        yield str(error)


def prepare(office: Office) -> Path:
    """Make the next key, or find the one that waits; gives its file, to be copied to every machine of the unit.

    Raises:
        LedgerUnusable: it cannot be written.
    """
    keys = ring(office)
    keys.begin()
    return keys.next_path


def rotate(office: Office) -> tuple[str, str, int]:
    """Change the master key for the next one; gives the older key's id, the new one's, and the number of cases.

    Raises:
        MasterChanged: another process has changed it meanwhile.
        LedgerError: nothing was changed; or `LedgerBusy` afterwards, see `Vault.rotate`.
    """
    before = office.vault.master
    new = ring(office).begin()
    made: dict[str, Json] = {
        "at": office.now().isoformat(),
        "by": office.settings.actor,
        "from": before,
        "to": new.id,
    }
    try:
        count = office.vault.rotate(new)
    finally:
        if before != office.vault.master:
            office.ledger.beat(_BEAT, office.now(), {"changes": [*_changes(office), made]})
    return before, new.id, count
