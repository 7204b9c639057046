"""The command `keys`: the master key, shown by its id alone, checked, and changed for another one."""

from __future__ import annotations

import click

from desk.endings import needs_person
from desk.speaking import say, say_json
from desk.typed import as_json, opened
from flows.words import number


@click.group()
def keys() -> None:
    """The unit's master key: show its id, check it, change it."""


@keys.command()
@as_json
def show(as_json: bool) -> None:
    """Show the id of the key in use and where it lies; never the key.

    Example:  holdfast keys show

    Exit status:  0 shown
                  3 there is no ledger, or its key cannot be used
    """
    from flows.keys import standing
    from flows.words import moment

    with opened() as office:
        found = standing(office)
    if as_json:
        say_json(
            {
                "key": found.id,
                "from": found.source,
                "cases": found.cases,
                "waiting": str(found.waiting) if found.waiting else None,
                "older": [str(each) for each in found.older],
                "changed": list(found.changed),
            }
        )
        return
    say(f"Key {found.id}, from {found.source}.")
    say(f"It opens the keys of {number(found.cases, 'case')}.")
    for each in found.changed:
        say(f"Changed at {moment(str(each['at']))} by {each['by']}: from {each['from']} to {each['to']}.")
    for path in found.older:
        say(f"An older key lies in {path}: backups made with it need it. Delete it with the last of them.")
    if found.waiting:
        say(f"The next key waits in {found.waiting}: `holdfast keys rotate` takes it.")


@keys.command()
@as_json
def check(as_json: bool) -> None:
    """Try the key on everything that it must open.

    Example:  holdfast keys check

    Exit status:  0 it opens everything, and no erasing was cut off
                  1 something needs a person: stated
                  3 there is no ledger, or its key cannot be used
    """
    from flows.keys import check as wrong
    from flows.keys import standing

    with opened() as office:
        found, state = list(wrong(office)), standing(office)
    if as_json:
        say_json({"key": state.id, "cases": state.cases, "findings": found})
    elif not found:
        say(f"Key {state.id} opens the keys of {number(state.cases, 'case')}, and no erasing was cut off.")
    if found:
        raise needs_person("needs a person:", *(f"  {each}" for each in found))


@keys.command()
@click.option("--prepare", is_flag=True, help="Only make the next key, to copy it to every machine first.")
@as_json
def rotate(prepare: bool, as_json: bool) -> None:
    """Change the master key for a new one.

    Every case's key is wrapped anew, in one step; nothing is sealed anew, and no signature or digest changes. The
    older key stays in its own file: backups made with it need it. Where several machines share a ledger: --prepare,
    copy the file to all of them, then rotate on one; the others take it by themselves.

    Example:  holdfast keys rotate

    Exit status:  0 changed
                  1 changed, but something needs a person: stated
                  3 nothing was changed, or the journal must be cleared: `holdfast keys check`
    """
    from flows import keys as unit

    with opened() as office:
        if prepare:
            path = unit.prepare(office)
            if as_json:
                say_json({"key": office.vault.master, "waiting": str(path)})
            else:
                say(
                    f"The next key is in {path}. Copy it to the same place on every machine of the unit, for its user"
                )
                say("alone (0600), and into your backup of keys; then `holdfast keys rotate` on one of them.")
            return
        ring = unit.ring(office)
        before, after, cases = unit.rotate(office)
    if before == after:
        raise needs_person(
            f"needs a person: nothing was changed: the ledger uses the key in {ring.next_path} already"
        )
    if as_json:
        say_json({"before": before, "key": after, "cases": cases, "older": [str(each) for each in ring.old_paths()]})
    else:
        say(f"Changed: key {after} now opens the keys of {number(cases, 'case')}. Back it up.")
    if ring.in_environment:
        raise needs_person(
            f"needs a person: the new key is in {ring.next_path}, and HOLDFAST_MASTER_KEY still holds the older one:",
            "  put the file's content in its place, on every machine; then delete the file",
        )
    if not as_json:
        say(f"The older one stays in {ring.old_path(before)}, for backups that were made with it.")
