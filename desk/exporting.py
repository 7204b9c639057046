"""`holdfast export`: the record of a request as a bundle that others can check without us."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.endings import later, needs_person, wrong
from desk.speaking import say, say_json
from desk.typed import REQUEST, as_json, opened

if TYPE_CHECKING:
    from flows.exporting import Bundle, Material


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
"""What is wrong with the disk and not with what was typed."""


@click.command()
@click.argument("request", type=REQUEST)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the bundle goes; if left out, REQUEST.zip in this folder.",
)
@click.option("--with-contents", is_flag=True, help="With the exact bytes, the letters and the accounts.")
@click.option("--because", metavar="TEXT", default="", help="Why the contents are taken out; it is recorded.")
@click.option("--case-uco", is_flag=True, help="With the record as CASE/UCO JSON-LD too, for other tools.")
@as_json
def export(
    request: str, *, output: Path | None, with_contents: bool, because: str, case_uco: bool, as_json: bool
) -> None:
    """Write the record of a request as a bundle that others can check.

    A zip file with every event as it was recorded, the proof that it stands in the signed record, the signed heads,
    every state and every date with its derivation, a page to read, and a verifier that needs Python alone. The exact
    bytes and the accounts are in it only --with-contents: that you took them out is recorded, with the reason.

    Example:  holdfast export HF-XXXXXXXXXXXX -o bundle.zip
              holdfast export HF-XXXXXXXXXXXX --with-contents --because "For the court, file 12 Js 4/27"

    Exit status:  0 written
                  1 written, but the head could not leave this machine in every way that is set up, or the verifier
                    will find an event that is dated back
                  2 no such request, no reason given, or the file is there already
                  3 the ledger cannot be read now, or does not fit: no bundle is made
    """
    from flows.exporting import export as bundled

    target = output or Path(f"{request}.zip")
    if target.exists():
        raise wrong(f"{target} is there already: nothing was written", "  choose another name with -o")
    if not target.absolute().parent.is_dir():
        raise wrong(f"{target.absolute().parent} is no folder: nothing was written")
    if with_contents and not because.strip():
        raise wrong("--with-contents takes accounts out of the sealed record: add --because TEXT, which is recorded")

    def draw(material: Material) -> Mapping[str, bytes]:
        from desk.export_page import page

        files = {"index.html": page(material)}
        if case_uco:
            from desk.export_case import case_uco as linked

            files["case.jsonld"] = linked(material)
        return files

    with opened() as office:
        bundle = bundled(office, request, draw, with_contents=with_contents, because=because)
    _write(bundle.archive, target, recorded=with_contents)
    if as_json:
        say_json(_document(bundle, target))
        _need(bundle)
        return
    head = bundle.material.head
    say(f"Written to {target}: {bundle.files} files, {len(bundle.material.events):,} events.")
    say(f"Signed with the key {bundle.material.key}, over the head of {head.events:,} events:")
    say(f"  {head.text()}")
    say(f"To check it anywhere: unpack it, and python3 verify.py (SHA-256 {bundle.verifier})")
    if with_contents:
        say("IT NAMES ACCOUNTS: hand it only to who may see them. That you took them out is recorded.")
    _need(bundle)


def _need(bundle: Bundle) -> None:
    if bundle.told:
        raise needs_person("needs a person: the bundle is written, but:", *(f"  {each}" for each in bundle.told))


def _write(content: bytes, target: Path, *, recorded: bool) -> None:
    """Write the bundle whole or not at all, for this user's eyes only.

    Raises:
        Ending: it is there already, or cannot be written. `recorded`: that contents were taken out is, all the same.
    """
    from ledger.files import appearing

    try:
        with appearing(target.absolute()) as draft:
            draft.write_bytes(content)
    except FileExistsError:
        raise wrong(f"{target} is there already: nothing was written", "  choose another name with -o") from None
    except OSError as error:
        ending = later if error.errno in _DISK else wrong
        more = ["  that you took the contents out is recorded already"] if recorded else []
        raise ending(f"{target}: cannot be written: {error.strerror or error}", *more) from error


def _document(bundle: Bundle, target: Path) -> dict[str, object]:
    head = bundle.material.head
    return {
        "request": bundle.material.request,
        "file": str(target),
        "files": bundle.files,
        "events": len(bundle.material.events),
        "with_contents": bool(bundle.material.contents),
        "head": {**head.fields(), "signature": head.signature},
        "key_fingerprint": bundle.material.key,
        "verifier_sha256": bundle.verifier,
    }
