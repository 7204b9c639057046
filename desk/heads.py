"""The command `heads`: signed heads of the ledger, where each went, and whether those kept elsewhere still fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.endings import PERSON, Ending, needs_person, wrong
from desk.speaking import say, say_json, tell
from desk.typed import as_json, opened
from flows.words import moment, number

if TYPE_CHECKING:
    from flows.office import Office
    from flows.proving import Compared, Seen, Source
    from ledger.heads import Head


@click.group(invoke_without_command=True)
@click.option("--public-key", is_flag=True, help="Print the public key that signs heads, to be published.")
@as_json
@click.pass_context
def heads(ctx: click.Context, *, public_key: bool, as_json: bool) -> None:
    """The signed heads of the ledger, and where each one went.

    A head proves all that was recorded before it, where it is kept out of our reach. Sweeps sign one a day (or as the
    policy says), write it to the file of heads, mail it and have it time-stamped, as far as that is set up.

    Example:  holdfast heads
              holdfast heads --public-key
              holdfast heads check /mnt/registry/heads.jsonl

    Exit status:  0 shown
                  1 a head still waits for one of its ways out
                  3 there is no ledger, or it cannot be read now
    """
    if ctx.invoked_subcommand is not None:
        return
    if public_key:
        _public_key(as_json=as_json)
    else:
        _list(as_json=as_json)


def _public_key(*, as_json: bool) -> None:
    from ledger.heads import public_key, signing_key

    with opened() as office:
        key, ledger = public_key(signing_key(office.vault)), office.ledger.identity.ledger
    if as_json:
        say_json({"ledger": ledger, "key": key})
    else:
        say(key)


def _list(*, as_json: bool) -> None:
    from flows.heads import Note, signed
    from ledger.heads import Head

    with opened() as office:
        note = Note.of(office)
        found = [_told(office, Head.read(text), note.waiting.get(text, [])) for text in signed(office.ledger)]
    if as_json:
        say_json(found)
    else:
        for each in found:
            say(f"event {each['events']:>9,}  {moment(each['at'])}  {each['root'][:16]}…  {_went(each)}")
            if each["accepted"]:
                say(f"    from here on after a backup was restored: {each['accepted']}")
        if not found:
            say("No head was signed yet: the next sweep signs one, or `holdfast heads sign`.")
    if late := [each for each in found if each["waiting"]]:
        raise needs_person(
            f"needs a person: {number(len(late), 'head')} not yet where it should be; the next sweep tries again"
        )


def _told(office: Office, head: Head, waiting: Sequence[str]) -> dict[str, Any]:
    from flows.heads import went
    from flows.outlook import said
    from ledger.heads import Accepted

    ways = went(office, head)
    return {
        "events": head.events,
        "at": said(head.at),
        "root": head.root,
        "digest": head.digest,
        "file": ways.get("file"),
        "mail": ways.get("mail", []),
        "stamped_at": ways.get("stamped_at"),
        "waiting": list(waiting),
        "accepted": f"{head.because} ({head.by})" if isinstance(head, Accepted) else None,
    }


def _went(told: dict[str, Any]) -> str:
    ways = [f"in {told['file'].partition(':')[2]}"] if told["file"] else []
    ways += [f"mailed to {', '.join(told['mail'])}"] if told["mail"] else []
    ways += [f"stamped {moment(told['stamped_at'])}"] if told["stamped_at"] else []
    ways += [f"WAITS: {', '.join(told['waiting'])}"] if told["waiting"] else []
    return "; ".join(ways) or "nowhere yet"


@heads.command()
@as_json
def sign(as_json: bool) -> None:
    """Sign a head now, due or not, and bring it out: before a hearing, or before the disk is changed.

    Example:  holdfast heads sign

    Exit status:  0 signed, and where it should be
                  1 signed, but it could not go everywhere: the next sweep tries again
                  3 it cannot be signed now
    """
    from flows.heads import Note, sign_now

    with opened() as office:
        head, failures = sign_now(office, office.now())
        told = _told(office, head, Note.of(office).waiting.get(head.text(), []))
    if as_json:
        say_json(told)
    else:
        say(head.text())
        tell(f"event {head.events:,}: {_went(told)}")
    if failures:
        raise needs_person(f"needs a person: {failures[0]}", *(f"  {each}" for each in failures[1:]))


@heads.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def check(file: Path, as_json: bool) -> None:
    """Check a file of heads against this ledger, as a third party would.

    Every head must be signed by this unit's key and fit the tree as it stands; every two that follow one another
    must be consistent; every time stamp must hold (HOLDFAST_TSA_CA). `holdfast verify --head FILE` also recomputes
    the tree from the events.

    Example:  holdfast heads check /mnt/registry/heads.jsonl

    Exit status:  0 all fit
                  1 one does not: which, and where the record was changed
                  2 the file cannot be read, or has no head of this ledger
                  3 there is no ledger, or it cannot be read now
    """
    with opened() as office:
        found = compared(office, [source(file)])
    if as_json:
        say_json(table(found))
    if not found.seen:
        unread = [f"  {each}" for each in found.wrong[:6]]
        raise wrong(f"{file}: no head of this ledger stands there", *unread, *_others(found))
    if not as_json:
        for line in in_words(found):
            say(line)
    if not found.fine:
        raise unfit(found)


@heads.command()
@click.option(
    "--because", required=True, metavar="TEXT", help="Why; it stands in the file of heads: name no account."
)
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@as_json
def accept(because: str, by: str, as_json: bool) -> None:
    """Go on after an old backup was restored, although later heads prove that more was recorded.

    What was recorded since the backup is lost here. Every act that is due now may have been done in that time: it is
    entered as begun, so that the provider is asked before it is done again, and a person where it cannot be asked.
    Every open request gets a note. The acceptance is signed and goes where the heads go.

    Example:  holdfast heads accept --because "The disk failed; the backup of last night was restored."

    Exit status:  0 accepted; sweep again
                  1 accepted, and it could not go everywhere: the next sweep tries again
                  3 there is nothing to accept, or it cannot be recorded now
    """
    from flows.restored import go_on

    with opened() as office:
        done = go_on(office, because=because, by=by)
    if as_json:
        say_json(
            {
                "events": done.accepted.events,
                "root": done.accepted.root,
                "gives_up": done.accepted.gives_up,
                "noted": done.noted,
                "asked_first": list(done.asked_first),
                "failures": list(done.failures),
            }
        )
    else:
        say(f"Accepted: the record goes on from event {done.accepted.events:,}.")
        first = number(len(done.asked_first), "request")
        say(f"{number(done.noted, 'open request')} noted; {first} asked about before anything is done again.")
        say("Enter again what people recorded since the backup, and preserve again what was registered since:")
        say("mail in the mailbox, dropped escalations and Prefect's list of runs say what that was (docs/proof.md).")
    if done.failures:
        raise needs_person(f"needs a person: {done.failures[0]}", *(f"  {each}" for each in done.failures[1:]))


# ---- what `verify` uses too ---------------------------------------------------------------------------------------


def sources(office: Office, files: Sequence[Path]) -> list[Source]:
    """The ledger's own heads, the file of heads, and files that a person named.

    `Ending`: one of those has no head of this ledger, or cannot be read.
    """
    from flows.headfile import path_of
    from flows.proving import from_ledger
    from ledger.heads import Head

    named = [source(file) for file in files]
    for each in named:
        lines = [found.line for found in each.lines]
        if not any(isinstance(line, Head) and line.ledger == office.ledger.identity.ledger for line in lines):
            raise wrong(f"{each.where}: no head of this ledger stands there")
    own = path_of(office.settings)
    return [*named, *([source(own)] if own.exists() else []), from_ledger(office.ledger)]


def source(file: Path) -> Source:
    """The lines of a file that a person named. `Ending` says why it cannot be read."""
    from flows.proving import from_file

    try:
        return from_file(file)
    except OSError as error:
        raise wrong(f"{file}: cannot be read: {error.strerror or error}") from None


def compared(office: Office, sources: Sequence[Source]) -> Compared:
    """Heads held against the ledger. `Ending`: the certificates of the time-stamp authority cannot be used."""
    from flows.proving import compare
    from flows.stamping import NotStamped

    try:
        return compare(office, sources)
    except NotStamped as error:
        raise wrong(str(error)) from None


def in_words(found: Compared) -> list[str]:
    """What was found, a line each."""
    good = [each for each in found.seen if each.fits]
    lines = []
    if good:
        last, stamped = good[-1].head, sum(each.stamped_at is not None for each in good)
        fit = f"{number(len(good), 'signed head')} fit{_s(len(good))}"
        lines.append(f"{fit}, the last of event {last.events:,} ({moment(last.at)}).")
        if found.consistent:
            lines.append(f"{number(found.consistent, 'consistency proof')} between them hold{_s(found.consistent)}.")
        if stamped:
            lines.append(f"{number(stamped, 'time stamp')} of the authority hold{_s(stamped)}.")
    if not found.seen:
        lines.append(
            "No signed head of it is here to compare with: `holdfast heads sign` signs one, to be kept elsewhere."
        )
    return [*lines, *(f"Note: {each.rstrip('.')}." for each in found.remarks), *_others(found)]


def _s(count: int) -> str:
    return "s" if count == 1 else ""


def _others(found: Compared) -> list[str]:
    return [f"Note: {number(found.others, 'head')} of other ledgers not looked at."] if found.others else []


def unfit(found: Compared) -> Ending:
    """How a command ends when a head does not fit."""
    said = [f"{each.wrong} ({each.where})" for each in found.misfits] + list(found.wrong)
    if not said:
        return Ending(PERSON)
    first = f"{found.rewritten}: {said[0]}" if found.rewritten else said[0]
    more = [f"  {each}" for each in said[1:6]]
    more += [f"  and {len(said) - 6:,} more (--json lists all)"] if len(said) > 6 else []  # noqa: PLR2004
    return needs_person(f"the heads do not fit: {first}", *more)


def table(found: Compared) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "fits": found.fine,
        "heads": [_row(each) for each in found.seen],
        "wrong": list(found.wrong),
        "remarks": list(found.remarks),
        "rewritten": found.rewritten or None,
        "consistent": found.consistent,
        "others": found.others,
    }


def _row(each: Seen) -> dict[str, Any]:
    from flows.outlook import said

    return {
        "events": each.head.events,
        "at": said(each.head.at),
        "root": each.head.root,
        "where": each.where,
        "wrong": each.wrong or None,
        "given_up": each.given_up or None,
        "stamped_at": said(each.stamped_at),
    }
