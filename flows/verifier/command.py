"""The verifier at a terminal: `python verify.py [BUNDLE]`."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import textwrap
import zoneinfo
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from flows.verifier import contents, proofs
from flows.verifier.bundle import Bundle, NoBundle, open_bundle
from flows.verifier.findings import Check
from flows.verifier.proofs import Read

FITS, FOUND, UNREADABLE = 0, 1, 2
WIDTH = 100
_ZONE = re.compile(r"zones/((?:[A-Za-z0-9_+-]+/){0,2}[A-Za-z0-9_+-]+)")

PROVES = (
    "the events, the heads and the files are those that were signed with this key, and every state and date in the"
    " record follows from the events and the frozen law and practice.",
    "whoever kept one of these heads elsewhere knows that nothing recorded before it was changed or taken out since.",
)
PROVES_NOT = (
    "that what a person entered is true: only who entered it, and when.",
    "whose key it is: compare its fingerprint with what the unit published.",
    "that index.html says what the record says: it is drawn for reading; that the unit signed it was checked.",
    "that the unit put all events of the request into the bundle: it signs the list of them, and a later bundle"
    " that has more before the same head would show it.",
)


def check_all(bundle: Bundle, *, key: str = "", heads: Sequence[bytes] = ()) -> tuple[Read, list[Check]]:
    """Every check, in order. A check that fails does not stop the others."""
    read = Read()
    steps: tuple[Callable[[], Check | None], ...] = (
        lambda: proofs.files(bundle, read),
        lambda: proofs.manifest(bundle, read, key),
        lambda: proofs.heads(bundle, read, heads),
        lambda: proofs.events(bundle, read),
        lambda: contents.stamps(bundle),
        lambda: contents.terms(bundle, read),
        lambda: contents.contents(bundle, read),
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
        0 all fits; 1 something does not; 2 it is no bundle, or the words are wrong.
    """
    typed = _words(words)
    try:
        bundle = open_bundle(typed.bundle or beside)
        given = [path.read_bytes() for path in typed.head]
    except (NoBundle, OSError) as error:
        sys.stderr.write(f"verify: {_harmless(str(error))}\n")
        return UNREADABLE
    with tempfile.TemporaryDirectory() as folder:
        _zones(bundle, Path(folder))
        read, checks = check_all(bundle, key=typed.key, heads=given)
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
    parser.add_argument("--key", default="", help="the unit's public key (base64) or its fingerprint, if you have it")
    parser.add_argument("--head", action="append", default=[], type=Path, help="a file with a head kept elsewhere")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    return parser.parse_args(words)


def _zones(bundle: Bundle, folder: Path) -> None:
    """Count days with the time zones of the bundle: this machine's may be missing, or of another year."""
    for name, content in bundle.files.items():
        if found := _ZONE.fullmatch(name):
            target = folder / found[1]
            with suppress(OSError):  # two that cannot both be there: the manifest names no such files
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    zoneinfo.reset_tzpath((str(folder.resolve()),))
    zoneinfo.ZoneInfo.clear_cache()


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
    if said.get("sandbox"):
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
