"""The record of one request as a bundle that others can check without us: events, proofs, heads, dates, verifier.

What a bundle is made of stands in docs/export.md. Everything is read as it is stored; nothing is written to the
ledger but a fresh signed head, and, where contents are taken out, that they were.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.doubts import insist, look
from flows.exporting_contents import Content, contents
from flows.exporting_readme import readme
from flows.exporting_verifier import verifier, version
from flows.heads import sign_now
from flows.office import Office
from flows.opening import opened
from flows.verifier.bundle import Bundle as Checked
from flows.verifier.command import check_all
from flows.verifier.frozen import keep_policy, read_policy, read_terms
from flows.verifier.proofs import DATED
from flows.verifier.replay import replay
from flows.verifier.signed import BUNDLE, canonical, fingerprint
from ledger.canonical import instant
from ledger.heads import Head, Stamp, public_key, read_line, signing_key
from ledger.interface import LedgerError

Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a bundle says, for the page that people read.

    `record` is what `flows.verifier.replay.replay` gives, `events` the events as JSON, `terms` the frozen terms as
    JSON, `key` the fingerprint of the key that signs. `contents` is empty in a bundle without them.
    """

    request: str
    at: datetime
    record: Table
    events: tuple[Table, ...]
    terms: Table
    head: Head
    heads: int
    stamps: int
    key: str
    sandbox: bool
    contents: tuple[Content, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A bundle: its zip file, and what to say of it."""

    material: Material
    archive: bytes = field(repr=False)
    files: int
    verifier: str  # SHA-256 of verify.py, hex
    told: tuple[str, ...] = ()  # what a person must know: the head could not leave, an event is dated back


Draw = Callable[[Material], Mapping[str, bytes]]
"""Files that people read, made from the material: the page, and what else was asked for."""


def export(office: Office, request: str, draw: Draw, *, with_contents: bool = False, because: str = "") -> Bundle:
    """The bundle of one request.

    Args:
        office: the unit's open office.
        request: its id.
        draw: makes the files for people.
        with_contents: with the exact bytes, the letters and the accounts; that they were taken out is recorded.
        because: why they are, in the person's words.

    Raises:
        LookupError: there is no such request.
        ReplyError: contents without a reason, or of a case that was erased.
        HistoryLost: the ledger is not the one that its signed heads prove: nothing is recorded or signed.
        LedgerError: the ledger or its key cannot be used now, or something in it does not fit.
    """
    office.hold(request)
    insist(look(office, office.now()))
    if with_contents:
        opened(office, request, "exact bytes and accounts for an export", because)
    now, key = office.now(), signing_key(office.vault)
    head, told = sign_now(office, now)
    if head.key != public_key(key):
        raise LedgerError("the head was signed with another key than this bundle would be: run `holdfast verify`")
    lines = [each.content() for each in office.ledger.records(request) if each.seq <= head.events]
    events = tuple(json.loads(line) for line in lines)
    frozen = office.ledger.kept(str(events[0]["body"]["terms"]))
    policy, heads = keep_policy(office.policy), _until(head, office.ledger.heads())
    record = replay(lines, read_terms(frozen), read_policy(policy), now)
    found = tuple(contents(office, events)) if with_contents else ()
    terms = json.loads(frozen)
    material = Material(
        request=request,
        at=now,
        record=record,
        events=events,
        terms=terms,
        head=head,
        heads=len(heads),
        stamps=sum(isinstance(read_line(each), Stamp) for each in heads),
        key=fingerprint(public_key(key)),
        sandbox=office.ledger.sandbox,
        contents=found,
    )
    files = {
        "events.jsonl": b"".join(line + b"\n" for line in lines),
        "identity.json": office.ledger.identity.content(),
        "tree.json": _pretty(_tree(office, head, heads, [event["seq"] for event in events])),
        "heads.jsonl": "".join(f"{each}\n" for each in heads).encode(),
        "terms.json": frozen,
        "policy.json": policy,
        "record.json": _pretty(record),
        **_zone(str(terms["provider"]["table"]["zone"])),
        **_stamps(heads),
        **{each.file: each.content for each in found},
        **{f"sealed/{each.token.removeprefix('seal-')}": each.box for each in found},
        **draw(material),
        "key.pem": _pem(key.public_key().public_bytes_raw()),
        "verify.py": verifier(),
        "README.txt": readme(material).encode(),
    }
    manifest = _manifest(office, material, files)
    signature = base64.b64encode(key.sign(canonical(manifest))).decode()
    files["manifest.json"] = canonical(manifest | {"signature": signature}) + b"\n"
    told += _checked(files)
    digest = hashlib.sha256(files["verify.py"]).hexdigest()
    return Bundle(material=material, archive=_zip(files, now), files=len(files), verifier=digest, told=tuple(told))


def _until(head: Head, lines: Iterable[str]) -> list[str]:
    """The heads up to that one, and their stamps: others may sign newer ones while a bundle is made."""
    read = {text: read_line(text) for text in lines}
    newer = {
        each.digest
        for each in read.values()
        if isinstance(each, Head) and (each.events, each.at) > (head.events, head.at)
    }
    of = {text: each.head if isinstance(each, Stamp) else each.digest for text, each in read.items()}
    return [text for text, digest in of.items() if digest not in newer]


def _checked(files: Mapping[str, bytes]) -> list[str]:
    """Hold the bundle against its own verifier, before it is out; gives what a person must know of it.

    Raises:
        LedgerError: it would not verify.
    """
    _, checks = check_all(Checked(files=files))
    told = [finding for check in checks for finding in check.findings if check.what == DATED]
    if wrong := [finding for check in checks for finding in check.findings if check.what != DATED]:
        more = f", and {len(wrong) - 1:,} more" if wrong[1:] else ""
        raise LedgerError(f"no bundle was made, since it would not verify: {wrong[0]}{more}: run `holdfast verify`")
    return [f"the bundle's verifier will find: {each}" for each in told]


def _tree(office: Office, head: Head, heads: list[str], seqs: list[int]) -> Table:
    """The proofs: of each event and of the identity (0) by index, of each head by the SHA-256 of its line."""
    ledger = office.ledger
    grown: Table = {}
    for each in heads:
        line = read_line(each)
        if isinstance(line, Head) and line.events <= head.events and ledger.root_at(line.events) == line.root:
            grown[line.digest] = list(ledger.consistency(line.events, head.events))
    leaves = {str(seq): list(ledger.inclusion(seq, events=head.events)) for seq in (0, *seqs)}
    return {"leaves": leaves, "heads": grown}


def _stamps(heads: list[str]) -> dict[str, bytes]:
    """Each time stamp and the line that it stamps, as files that other tools read."""
    lines = {each.digest: each.text().encode() for each in map(read_line, heads) if isinstance(each, Head)}
    stamps = [each for each in map(read_line, heads) if isinstance(each, Stamp)]
    files = {}
    for number, stamp in enumerate(stamps, 1):
        files[f"stamps/{number:04}.tsr"] = stamp.response
        if stamp.head in lines:
            files[f"stamps/{number:04}.head"] = lines[stamp.head]
    return files


def _zone(name: str) -> dict[str, bytes]:
    """The time zone in which the days are counted, as this machine has it."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / name
        if path.is_file():
            return {f"zones/{name}": path.read_bytes()}
    from importlib.resources import files

    return {f"zones/{name}": files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()}


def _manifest(office: Office, material: Material, files: Mapping[str, bytes]) -> Table:
    first = material.events[0]["body"]
    return {
        "at": instant(material.at),
        "case": first["case"],
        "contents": [{"file": each.file, "seq": each.seq, "field": each.name} for each in material.contents],
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in files.items()
        },
        "format": BUNDLE,
        "head": material.head.digest,
        "key": material.head.key,
        "ledger": office.ledger.identity.ledger,
        "program": f"holdfast {version()}",
        "request": material.request,
        "sandbox": material.sandbox,
        "seqs": [event["seq"] for event in material.events],
    }


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _pem(raw: bytes) -> bytes:
    """A public key as other tools read it (RFC 8410)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    """The files as one archive; README.txt and the page first."""
    first = ("README.txt", "index.html", "verify.py", "manifest.json")
    names = [*(each for each in first if each in files), *sorted(files.keys() - set(first))]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened_archive:
        for name in names:
            entry = zipfile.ZipInfo(name, at.timetuple()[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            opened_archive.writestr(entry, files[name])
    return archive.getvalue()
