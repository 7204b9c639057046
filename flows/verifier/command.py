"""The verifier at a terminal: `python verify.py [BUNDLE]`."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import textwrap
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path

from flows.verifier import contents, proofs
from flows.verifier.bundle import Bundle, NoBundle, open_bundle
from flows.verifier.findings import Check
from flows.verifier.proofs import Read
from flows.verifier.signed import Wrong, known

FITS, FOUND, UNREADABLE = 0, 1, 2
LARGEST_KEY = 10_000
WIDTH = 100
_ZONE = re.compile(r"zones/((?:[A-Za-z0-9_+-]+/){0,2}[A-Za-z0-9_+-]+)")

PROVES = (
    "the events, the heads and the files are those that were signed with this key, and every state and date in the"
    " record follows from the events and the frozen law and practice.",
    "whoever kept one of these heads elsewhere knows that nothing recorded before it was changed or taken out since.",
)
PROVES_NOT = (
    "that what a person entered is true: only who entered it, and when.",
    "that the days begin and end where they do: the time zone is the one that the unit put into the bundle. Where"
    " this machine's differs, it is told.",
    "whose key it is: compare its fingerprint with what the unit published.",
    "that index.html says what the record says: it is drawn for reading; that the unit signed it was checked.",
    "that the unit put all events of the request into the bundle: it signs the list of them, and a later bundle"
    " that has more before the same head would show it.",
)


def check_all(
    bundle: Bundle, *, key: str = "", heads: Sequence[bytes] = (), zones: Mapping[str, tzinfo | None] | None = None
) -> tuple[Read, list[Check]]:
    """Every check, in order. A check that fails does not stop the others.

    `key` is one that is known from elsewhere, as `flows.verifier.signed.known` gives it; `heads` are files of them;
    `zones` are this machine's own time zones, by the names of those in the bundle.
    """
    read = Read()
    steps: tuple[Callable[[], Check | None], ...] = (
        lambda: proofs.files(bundle, read),
        lambda: proofs.manifest(bundle, read, key),
        lambda: proofs.heads(bundle, read, heads),
        lambda: proofs.events(bundle, read),
        lambda: proofs.claims(bundle, read),
        lambda: proofs.dated(read),
        lambda: contents.stamps(bundle),
        lambda: contents.terms(bundle, read),
        lambda: contents.contents(bundle, read),
        lambda: contents.zones(bundle, read, zones or {}),
        lambda: contents.states(bundle, read),
        lambda: contents.dates(bundle, read),
    )
    checks = []
    for step in steps:
        try:
            check = step()
        except Exception as error:  # a forged bundle may say anything: what cannot be read does not fit
            check = Check(what="it can be read", findings=[f"a part of it cannot be read: {type(error).__name__}"])
        if check is not None:
            checks.append(check)
    return read, checks


def main(words: Sequence[str], *, beside: Path, digest: str, version: str) -> int:
    """Check a bundle and say what was found.

    Args:
        words: what was typed.
        beside: the folder of the verifier's own file: the bundle, where none was named.
        digest: the SHA-256 of the verifier's own file, in hex.
        version: of Holdfast, which the verifier belongs to.

    Returns:
        0 all fits; 1 something does not; 2 it could not be checked or told: it is no bundle, the words are wrong,
        the disk is full.
    """
    try:
        status = _check(words, beside, digest, version)
        sys.stdout.flush()
    except (NoBundle, OSError) as error:
        with suppress(OSError):  # what could not be written is not tried once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        with suppress(OSError):
            sys.stderr.write(f"verify: {_harmless(str(error))}\n")
        return UNREADABLE
    return status


def _check(words: Sequence[str], beside: Path, digest: str, version: str) -> int:
    typed = _words(words)
    key = _key(typed.key) if typed.key else ""
    bundle = open_bundle(typed.bundle or beside)
    given = [path.read_bytes() for path in typed.head]
    with tempfile.TemporaryDirectory() as folder:
        own = _zones(bundle, Path(folder))
        read, checks = check_all(bundle, key=key, heads=given, zones=own)
    findings = [finding for check in checks for finding in check.findings]
    if typed.json:
        _say(json.dumps(_document(read, checks, digest, version), ensure_ascii=False, indent=2))
    else:
        _tell(read, checks, findings, digest, version)
    return FOUND if findings else FITS


def _words(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check a bundle that Holdfast exported. Needs no network and nothing installed."
    )
    parser.add_argument("bundle", nargs="?", type=Path, help="the zip file, or the folder it was unpacked into")
    parser.add_argument("--key", default="", help="the unit's public key (base64, PEM, a file) or its fingerprint")
    parser.add_argument("--head", action="append", default=[], type=Path, help="a file with a head kept elsewhere")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    return parser.parse_args(words)


def _key(text: str) -> str:
    """The key that was typed, or that stands in the file that was named. `NoBundle`: it is none."""
    content = text
    with suppress(OSError, ValueError):  # a key is no name that a file can have
        if Path(text).is_file():
            content = Path(text).read_bytes()[:LARGEST_KEY].decode("ascii", "replace")
    try:
        return known(content)
    except Wrong as wrong:
        raise NoBundle(f"--key: {text[:80]!r} {wrong}") from None


def _zones(bundle: Bundle, folder: Path) -> dict[str, tzinfo | None]:
    """Count days with the time zones of the bundle: this machine's may be missing, or of another year.

    Gives this machine's own, None where it has none.
    """
    own: dict[str, tzinfo | None] = {}
    for name, content in bundle.files.items():
        if found := _ZONE.fullmatch(name):
            own[found[1]] = None
            with suppress(OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
                own[found[1]] = zoneinfo.ZoneInfo.no_cache(found[1])
            target = folder / found[1]
            with suppress(OSError):  # two that cannot both be there: the manifest names no such files
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    zoneinfo.reset_tzpath((str(folder.resolve()),))
    zoneinfo.ZoneInfo.clear_cache()
    return own


def _document(read: Read, checks: Sequence[Check], digest: str, version: str) -> dict[str, object]:
    return {
        "fits": not any(check.findings for check in checks),
        "request": read.manifest.get("request"),
        "head": read.newest or None,
        "checks": [{"what": each.what, "findings": each.findings, "notes": each.notes} for each in checks],
        "verifier": {"version": version, "sha256": digest},
    }


def _tell(read: Read, checks: Sequence[Check], findings: Sequence[str], digest: str, version: str) -> None:
    said = read.manifest
    _line(
        "", f"Request {said.get('request', '?')} of case {said.get('case', '?')}, exported {said.get('at', '?')}", 0
    )
    if said.get("sandbox") or read.trial:
        _say("A TRIAL in a sandbox: nothing of this went to a provider")
    _say(f"Checked with verify.py of Holdfast {version}, SHA-256 {digest}\n")
    for check in checks:
        _line("ok  " if not check.findings else "WRONG", check.what)
        for finding in check.findings:
            _line("  !", finding, indent=8)
        for note in check.notes:
            _line("  -", note, indent=8)
    if findings:
        count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}"
        _say("")
        _line("", f"IT DOES NOT FIT: {count}, the first: {findings[0]}", indent=0)
        return
    _say("\nEVERYTHING FITS.")
    for heading, lines in (("This shows that", PROVES), ("It does not show", PROVES_NOT)):
        _say(heading)
        for line in lines:
            _line("  -", line, indent=4)


def _say(text: str) -> None:
    sys.stdout.write(text.encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding) + "\n")


def _harmless(text: str) -> str:
    """Without what a terminal would obey: a forged bundle may say anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _line(mark: str, text: str, indent: int = 6) -> None:
    first = f"{mark:<{indent}}"
    _say(textwrap.fill(_harmless(text), WIDTH, initial_indent=first, subsequent_indent=" " * indent))
