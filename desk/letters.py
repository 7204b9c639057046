"""`holdfast letter`: a letter as PDF, to be read, signed by hand, or shown to the other side before it is sent."""

from __future__ import annotations

import os
from pathlib import Path

import click

from desk.endings import wrong
from desk.speaking import say, say_json
from desk.typed import REQUEST, as_json, opened

KINDS = ("original", "extension", "release", "announce", "clarify")
FILE = 0o600


@click.command()
@click.argument("request", type=REQUEST)
@click.option(
    "--action", type=click.Choice(KINDS), default="original", help="Which letter; the original, if left out."
)
@click.option("--language", default="", metavar="XX", help="Its language; the addressee's, if left out.")
@click.option("--draft", is_flag=True, help="Mark every page as a draft that was not sent.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where it goes; if left out, REQUEST-ACTION.pdf in this folder.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option("--because", default="", metavar="TEXT", help="Why you take it out, if not to say it. Sealed.")
@as_json
def letter(
    request: str,
    *,
    action: str,
    language: str,
    draft: bool,
    output: Path | None,
    force: bool,
    because: str,
    as_json: bool,
) -> None:
    """Write a letter of a request as PDF.

    It says the request as it stands now. It is no sending: record what you send with `holdfast record`. The letter
    names accounts: only you can read the file, and that you wrote it is recorded with its SHA-256.

    Example:  holdfast letter HF-XXXXXXXXXXXX --draft
              holdfast letter HF-XXXXXXXXXXXX --action extension --language fr -o letter.pdf

    Exit status:  0 written
                  2 the letter lacks something, there is no such language, or the file is there already
                  3 the ledger cannot be read now
    """
    from flows.letter import record_disclosure, write

    with opened() as office:
        written = write(office, request, action, language=language, draft=draft)
        target = output or Path(f"{request}-{action}{'-draft' if draft else ''}.pdf")
        if not force and (target.exists() or target.is_symlink()):
            raise wrong(f"{target} is there already: nothing was written", "  choose another file, or --force")
        if not target.parent.is_dir():
            raise wrong(f"{target.parent} is no folder: nothing was written", "  choose another file")
        # before the first byte is out
        digest = record_disclosure(office, request, action, written, draft=draft, because=because)
    _write(written.pdf, target, force=force)
    pages = _pages(written.pdf)
    if as_json:
        say_json(
            {
                "request": request,
                "action": action,
                "language": written.language,
                "draft": draft,
                "signed": written.signed,
                "file": str(target),
                "pages": pages,
                "size": len(written.pdf),
                "sha256": digest,
            }
        )
        return
    from flows.words import number

    signed = ", signed" if written.signed else ""
    say(f"{target}  {number(pages, 'page')}, in {written.language}{signed}{', a draft' if draft else ''}")
    say(f"SHA-256 {digest}")


def _write(pdf: bytes, target: Path, *, force: bool) -> None:
    """Write the file for this user's eyes only, never through a link that somebody laid there.

    Raises:
        Ending: it is there by now, or cannot be written to.
    """
    try:
        if force:
            target.unlink(missing_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE)
    except OSError as error:
        raise wrong(f"{target}: cannot be written to: {error.strerror or type(error).__name__}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pdf)
    except OSError as error:
        target.unlink(missing_ok=True)  # half a letter must not be sent
        raise wrong(f"{target}: cannot be written to: {error.strerror or type(error).__name__}") from error


def _pages(pdf: bytes) -> int:
    """How many pages it has."""
    from io import BytesIO

    from pyhanko.pdf_utils.reader import PdfFileReader

    return int(PdfFileReader(BytesIO(pdf)).root["/Pages"]["/Count"])
