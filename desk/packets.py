"""`holdfast packet`: what a person needs to say a request where no machine can, written out to be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.endings import wrong
from desk.speaking import say, say_json
from desk.typed import REQUEST, as_json, opened

if TYPE_CHECKING:
    from flows.packets import Handed

ACTIONS = ("send", "extend", "release", "announce", "clarify")


@click.command()
@click.argument("request", type=REQUEST)
@click.option(
    "--action",
    type=click.Choice(ACTIONS),
    help="Which message; if left out, what a person was last asked to say.",
)
@click.option("--way", type=click.IntRange(1), default=1, help="Which way, the best is 1: a portal, then fax, say.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the files go; if left out, HOLDFAST_PACKETS.",
)
@click.option("--anew", is_flag=True, help="Make it from the request as it stands, not from the record.")
@click.option("--force", is_flag=True, help="Write over files that are there already.")
@click.option("--because", default="", metavar="TEXT", help="Why you take it out, if not to say it. Sealed.")
@as_json
def packet(
    request: str,
    *,
    action: str | None,
    way: int,
    output: Path | None,
    anew: bool,
    force: bool,
    because: str,
    as_json: bool,
) -> None:
    """Write out what a person needs to say a request by hand.

    For a portal, a fax, a letter or an authority of another State: steps, the letter, the identifiers to copy, what
    the form will ask, and what to record afterwards. The files name accounts: only you can read them, that you took
    them out is recorded, and they should be deleted when it is done.

    Example:  holdfast packet HF-XXXXXXXXXXXX
              holdfast packet HF-XXXXXXXXXXXX --action extend -o ~/packet

    Exit status:  0 written
                  2 there is nothing for a person to say, or the files are there already
                  3 the ledger cannot be read now
    """
    from flows.handing import write_out
    from flows.packets import find, record_disclosure
    from providers.interface import Action

    with opened() as office:
        handed = find(office, request, action=Action(action) if action else None, way=way, anew=anew)
        name = f"{request}-{handed.action}-{handed.sequence}" + (f"-way-{way}" if way > 1 else "")
        folder = output or office.settings.packets_path / name
        if not force:
            _refuse_old(folder)
        record_disclosure(office, handed, because)  # before the first byte is out
    written = write_out(handed.files, folder, force=force)
    if as_json:
        say_json(_document(handed, folder, written))
        return
    from providers.packet.steps import WAYS

    steps = handed.files["README.txt"].decode()
    say(steps.rstrip("\n"))
    say(f"\nWritten to {folder}: {', '.join(written)}")
    others = [
        f"{WAYS.get(each, each)} (--way {number})" for number, each in enumerate(handed.ways, 1) if number != way
    ]
    if others:
        say(f"If that way fails: {', '.join(others)}")
    if handed.recorded:
        say("It is as it was when it fell due; --anew makes it from the request and the catalogue as they stand.")
    else:
        say("It was made now, from the request as it stands.")
    if handed.said:
        say(f"RECORDED AS SAID ALREADY, so do not say it twice: holdfast show {request}")


def _refuse_old(folder: Path) -> None:
    """End here, before anything is taken out, where the folder has files already."""
    if folder.is_dir() and any(folder.iterdir()):
        raise wrong(f"{folder} has files in it already: nothing was written", "  choose another folder, or --force")
    if folder.exists() and not folder.is_dir():
        raise wrong(f"{folder} is no folder: nothing was written", "  choose another one")


def _document(handed: Handed, folder: Path, written: list[str]) -> dict[str, object]:
    steps = handed.files["README.txt"].decode()
    link = re.search(r"https://\S+", steps)
    return {
        "request": handed.request,
        "action": str(handed.action),
        "sequence": handed.sequence,
        "way": handed.way,
        "ways": list(handed.ways),
        "recorded": handed.recorded,
        "said": handed.said,
        "sha256": handed.sha256,
        "folder": str(folder),
        "files": written,
        "link": link[0] if link else None,
        "steps": steps,
        "record": [line.strip() for line in steps.splitlines() if line.startswith("    holdfast record ")],
    }
