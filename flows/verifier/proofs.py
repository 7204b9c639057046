"""Whether the files, the events and the heads are what was signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flows.verifier.bundle import MANIFEST, Bundle
from flows.verifier.findings import Check
from flows.verifier.signed import ACCEPTED, BUNDLE, HEAD, STAMP, Table, Wrong, canonical, fingerprint, statement
from flows.verifier.tree import Unfit, grown, leaf, rooted

SLACK = timedelta(hours=1)
"""By how much clocks may have been put right without anything being wrong."""

DATED = "no event is dated before a head that does not have it yet"


@dataclass(kw_only=True, slots=True)
class Read:
    """What the checks read: the manifest, the heads that stand, the events, by what was found to be readable."""

    manifest: Table = field(default_factory=dict)
    newest: Table = field(default_factory=dict)
    heads: list[Table] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    events: list[Table] = field(default_factory=list)
    tree: Table = field(default_factory=dict)
    trial: bool = False


def files(bundle: Bundle, read: Read) -> Check:
    """Every file is the one that the manifest names, and no other is there."""
    check = Check(what="")
    check.findings += [f"{name}: stands in the zip file more than once" for name in bundle.twice]
    try:
        manifest = json.loads(bundle.files[MANIFEST])
        listed: Mapping[str, Any] = manifest["files"]
    except (ValueError, KeyError, TypeError):
        check.what = "the manifest lists every file"
        check.findings.append(f"{MANIFEST}: cannot be read")
        return check
    read.manifest = manifest
    for name, said in listed.items():
        content = bundle.files.get(name)
        if content is None:
            check.findings.append(f"{name}: is missing")
        elif hashlib.sha256(content).hexdigest() != said["sha256"]:
            check.findings.append(f"{name}: was changed: it is not the file that the manifest names")
    for name in sorted(bundle.files.keys() - listed.keys() - {MANIFEST}):
        check.findings.append(f"{name}: is not in the manifest: it was added")
    check.what = f"{len(listed)} files are the ones that the manifest names (SHA-256)"
    return check


def manifest(bundle: Bundle, read: Read, known_key: str) -> Check:
    """The manifest is signed, with the key that the reader knows (as `signed.known` gives it) where one was given."""
    check = Check(what="the manifest is signed")
    try:
        signed = statement(bundle.files[MANIFEST], BUNDLE)
    except Wrong as wrong:
        check.findings.append(f"{MANIFEST}: {wrong}")
        return check
    check.what = f"the manifest is signed with the key {fingerprint(signed['key'])}"
    if not known_key:
        check.notes.append("no --key was given: compare the key's fingerprint with one that you have from elsewhere")
    elif known_key not in (signed["key"], fingerprint(signed["key"]).replace(" ", "")):
        check.findings.append(f"{MANIFEST}: it is signed with another key than the one you gave")
    return check


def heads(bundle: Bundle, read: Read, held: Sequence[bytes]) -> Check:
    """Every head is signed with one key, and each is the beginning of the newest. `held`: heads the reader has."""
    check = Check(what="")
    table = _json(bundle, "tree.json", check)
    read.tree = table if isinstance(table, dict) else {}
    found = list(_head_lines(bundle.files.get("heads.jsonl", b""), "heads.jsonl", check))
    if not found:
        check.what = "there are signed heads"
        check.findings.append("heads.jsonl: there is no head that can be believed")
        return check
    read.newest = max((head for _, head in found), key=lambda head: (head["events"], head["at"]))
    given_up = [head for _, head in found if head["format"] == ACCEPTED]
    for line, head in found:
        _of_one(head, read, check)
        if _grows(line, head, read):
            read.heads.append(head)
        elif head["format"] == ACCEPTED or not any(head["at"] <= each["at"] for each in given_up):
            check.findings.append(f"{_named(head)}: nothing shows that the newest head's record begins with it")
    for number, content in enumerate(held, 1):
        own = list(_head_lines(content, "the head you gave", check))
        if not own:
            which = f"file {number} of those you gave" if len(held) > 1 else "the file you gave"
            check.findings.append(f"--head: {which} has no signed head in it: nothing was compared with it")
        ours = [each for each in own if each[1]["ledger"] == read.newest["ledger"]]
        for line, head in ours or own:  # a file of heads may be shared by several ledgers
            _known(line, head, found, read, check)
    check.what = f"{len(found)} signed head{'s' if len(found) > 1 else ''}: each is the beginning of the newest"
    check.what += f" ({read.newest['events']:,} events, {read.newest['at'][:19]}Z)"
    for head in given_up:
        check.notes.append(
            f"at {head['at']} {head['by']} accepted that the ledger had been restored from a backup, and gave up"
            f" heads signed before: {head['because']}"
        )
    return check


def _head_lines(content: bytes, where: str, check: Check) -> Iterator[tuple[bytes, Table]]:
    """Each head with its line, its signature checked; time stamps are not heads."""
    for number, line in enumerate(content.splitlines(), 1):
        kind = _format(line)
        if not line.strip() or kind == STAMP:
            continue
        try:
            yield line.strip(), statement(line, kind if kind == ACCEPTED else HEAD)
        except Wrong as wrong:
            check.findings.append(f"{where}: line {number}: {wrong}: it was changed, or forged")


def _format(line: bytes) -> str:
    try:
        table = json.loads(line)
        return str(table.get("format")) if isinstance(table, dict) else ""
    except ValueError:
        return ""


def _of_one(head: Table, read: Read, check: Check) -> None:
    """A head is of the ledger, and by the key, that the manifest names."""
    for name in ("ledger", "key"):
        if read.manifest and head[name] != read.manifest.get(name):
            check.findings.append(f"{_named(head)}: its {name} is not the one of the manifest: {head[name]}")


def _grows(line: bytes, head: Table, read: Read) -> bool:
    """Whether the newest head's tree is shown to begin with the tree of this one."""
    proofs, newest = read.tree.get("heads"), read.newest
    proof = proofs.get(hashlib.sha256(line).hexdigest()) if isinstance(proofs, dict) else None
    if not isinstance(proof, list):
        return False
    try:
        hashes, first_root = [bytes.fromhex(each) for each in proof], bytes.fromhex(head["root"])
        roots = grown(head["events"] + 1, newest["events"] + 1, first_root, hashes)
    except (Unfit, ValueError, TypeError):
        return False
    return roots == (first_root, bytes.fromhex(newest["root"]))


def _known(line: bytes, head: Table, found: list[tuple[bytes, Table]], read: Read, check: Check) -> None:
    """A head that the reader has from elsewhere is one of the bundle's, or says the same as one of them.

    One that was signed after the bundle was made, over more events, says nothing of it.
    """
    newest = read.newest
    if any(line == each for each, _ in found):
        check.notes.append(f"{_named(head)}, which you gave, is in the bundle")
    elif any((head["events"], head["root"]) == (each["events"], each["root"]) for _, each in found):
        check.notes.append(f"{_named(head)}, which you gave, has the root of one in the bundle")
    elif (
        (head["ledger"], head["key"]) == (newest["ledger"], newest["key"])
        and head["events"] > newest["events"]
        and head["at"] > newest["at"]
    ):
        check.notes.append(f"{_named(head)}, which you gave, is newer than this bundle: only a later one has it")
    else:
        check.findings.append(
            f"{_named(head)}, which you gave, is not among the heads of this bundle: its record is another one, or"
            " that head was left out"
        )


def _named(head: Table) -> str:
    return f"the head of {head['events']:,} events of {head['at']}"


def events(bundle: Bundle, read: Read) -> Check:
    """Every event stands in the tree of the newest head, and all that the manifest names are there."""
    check = Check(what="")
    read.lines = [line for line in bundle.files.get("events.jsonl", b"").split(b"\n") if line]
    for number, line in enumerate(read.lines, 1):
        try:
            event = json.loads(line)
            request, seq = event["request"], event["seq"]
        except (ValueError, KeyError, TypeError):
            check.findings.append(f"events.jsonl: line {number}: cannot be read as an event")
            continue
        read.events.append(event)
        if request != read.manifest.get("request"):
            check.findings.append(f"event {seq}: is of another request ({request})")
        _stands(line, seq, f"event {seq} ({event.get('kind')})", read, check)
    seqs, wanted = [event["seq"] for event in read.events], read.manifest.get("seqs", [])
    check.findings += [f"event {seq}: is missing, the manifest names it" for seq in wanted if seq not in seqs]
    check.findings += [f"event {seq}: the manifest does not name it" for seq in seqs if seq not in wanted]
    if seqs != sorted(set(seqs)):
        check.findings.append("events.jsonl: the events are not in their order, or one stands there twice")
    _stands(bundle.files.get("identity.json", b""), 0, "identity.json", read, check)
    identity = _json(bundle, "identity.json", check)
    if isinstance(identity, dict) and read.newest and identity.get("ledger") != read.newest["ledger"]:
        check.findings.append("identity.json: is of another ledger than the heads")
    read.trial = isinstance(identity, dict) and bool(identity.get("sandbox"))
    check.what = f"{len(read.lines)} events stand, unchanged, in the tree of the newest head"
    return check


def _stands(data: bytes, index: int, what: str, read: Read, check: Check) -> None:
    proof = read.tree.get("leaves", {}).get(str(index)) if read.tree else None
    if not read.newest:
        return  # told already: there is no head
    try:
        if proof is None:
            check.findings.append(f"{what}: there is no proof for it in tree.json")
            return
        root = rooted(leaf(data), index, read.newest["events"] + 1, [bytes.fromhex(each) for each in proof])
        if root.hex() == read.newest["root"]:
            return
    except (Unfit, ValueError, TypeError):
        pass
    check.findings.append(f"{what}: is not in the signed tree: it was changed, or its proof was")


def claims(bundle: Bundle, read: Read) -> Check | None:
    """What the manifest says of case, trial, head and instant is what the proved files say; None without one."""
    said = read.manifest
    if not said:
        return None
    check = Check(what="case, trial, head and instant in the manifest are those of the record")
    identity, record = (json.loads(bundle.files.get(name, b"{}")) for name in ("identity.json", "record.json"))
    first = read.events[0]["body"] if read.events else {}
    for name, proved, where in (
        ("sandbox", identity.get("sandbox"), "identity.json"),
        ("case", first.get("case"), "the first event"),
    ):
        if said.get(name) != proved:
            check.findings.append(f"{MANIFEST}: {name}: it says {said.get(name)!r}, {where} says {proved!r}")
    if datetime.fromisoformat(said["at"]) != datetime.fromisoformat(record["at"]):
        check.findings.append(f"{MANIFEST}: at: it says {said['at']!r}, record.json says {record['at']!r}")
    named = [(each["events"], each["root"]) for each in read.heads if _digest(each) == said.get("head")]
    if read.newest and (read.newest["events"], read.newest["root"]) not in named:
        check.findings.append(f"{MANIFEST}: head: it is not the newest head's SHA-256")
    return check


def _digest(head: Table) -> str:
    return hashlib.sha256(canonical(head)).hexdigest()


def dated(read: Read) -> Check:
    """No event says that it was recorded before a head that does not have it yet.

    Where a later head is dated back too, the clock was set back for all to see, and it is a note. So is an event that
    is dated after a head that has it: it was recorded before that head, whatever it says.
    """
    check, back, ahead = Check(what=DATED), dict[int, Table](), dict[int, Table]()
    for event in read.events:
        try:
            recorded, seq = datetime.fromisoformat(event["recorded_at"]), event["seq"]
            for head in read.heads:
                signed = datetime.fromisoformat(head["at"])
                if seq <= head["events"]:
                    if recorded - signed > SLACK:
                        ahead.setdefault(seq, head)
                elif signed - recorded > SLACK:
                    if _set_back(head, read):
                        back.setdefault(seq, head)
                        continue
                    check.findings.append(
                        f"event {seq}: says it was recorded at {event['recorded_at']}, but {_named(head)}"
                        " does not have it"
                    )
        except (ValueError, KeyError, TypeError):
            check.findings.append(f"event {event.get('seq')}: says of no instant when it was recorded")
    for seqs, what in (
        (back, "dated before {head}, which does not have it, and so is a later head: the clock was set back"),
        (ahead, "dated after {head}, which has it: the clock was ahead when it was recorded"),
    ):
        for seq, head in [*seqs.items()][:1]:
            more = f" (and {len(seqs) - 1:,} more like it)" if len(seqs) > 1 else ""
            check.notes.append(
                f"event {seq}{more} is {what.format(head=_named(head))}. The order is proved, the hour is the word of"
                " the machine's clock"
            )
    return check


def _set_back(head: Table, read: Read) -> bool:
    """Whether the heads show that the clock was set back after this one: a later one is dated before it."""
    at = datetime.fromisoformat(head["at"])
    return any(
        each["events"] >= head["events"] and at - datetime.fromisoformat(each["at"]) > SLACK for each in read.heads
    )


def _json(bundle: Bundle, name: str, check: Check) -> Any:
    try:
        return json.loads(bundle.files[name])
    except (KeyError, ValueError):
        check.findings.append(f"{name}: is missing or cannot be read")
        return None
