"""Whether terms, contents and seals are the ones that the events name, and whether states and dates follow."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flows.verifier.bundle import Bundle
from flows.verifier.counting import ends
from flows.verifier.findings import Check, differences
from flows.verifier.frozen import read_policy, read_terms
from flows.verifier.proofs import Read
from flows.verifier.replay import replay
from flows.verifier.signed import STAMP, Table

DIGESTS: Mapping[str, str] = {
    "sent_bytes": "sent_sha256",
    "received_bytes": "received_sha256",
    "packet": "packet_sha256",
    "proof": "proof_sha256",
    "raw": "message",
}
"""The field of an event that names sealed bytes, to the field with the SHA-256 of what was sealed."""

SEALED = (*DIGESTS, "sealed", "text")
"""Every field of an event that names sealed bytes."""

STEP, LONGEST = timedelta(hours=6), timedelta(days=20 * 365)
"""How often, and over how long a time at most, time zones are compared."""

_TOKEN = re.compile(r"seal-([0-9a-f]{64})")


def terms(bundle: Bundle, read: Read) -> Check:
    """The frozen terms are those that the first event names."""
    check = Check(what="the law and the practice are those that were frozen when it was registered (SHA-256)")
    named = read.events[0].get("body", {}).get("terms") if read.events else None
    if hashlib.sha256(bundle.files.get("terms.json", b"")).hexdigest() != named:
        check.findings.append("terms.json: is not what the first event names: it was changed")
    return check


def contents(bundle: Bundle, read: Read) -> Check:
    """The exact bytes are those whose SHA-256 the events have; the sealed bytes those whose tokens they have."""
    listed, bodies = read.manifest.get("contents", []), {each["seq"]: each["body"] for each in read.events}
    check = Check(what="")
    proved = 0
    for each in listed:
        name, body, key = each["file"], bodies.get(each["seq"], {}), each["field"]
        content = bundle.files.get(name)
        if content is None or key not in body:
            check.findings.append(f"{name}: is missing, or event {each['seq']} names no such bytes")
        elif key not in SEALED:
            check.findings.append(f"{name}: no event names such bytes in a field {key}")
        elif key in DIGESTS:
            proved += 1
            if hashlib.sha256(content).hexdigest() != body.get(DIGESTS[key]):
                check.findings.append(f"{name}: is not what event {each['seq']} says: {DIGESTS[key]} differs")
            elif key == "packet":
                check.findings += _unlike(name, content, body)
    check.what = f"{proved} recorded contents are the bytes whose SHA-256 the events have"
    if not listed:
        check.what = "no contents are in this bundle: the events have their SHA-256"
    elif proved < len(listed):
        check.notes.append(
            f"{len(listed) - proved} contents (the request's facts, remarks) have no SHA-256 in clear in the events:"
            " that they are what was sealed is the word of who signed the manifest"
        )
    check.findings += _unnamed(bundle, listed, read)
    _boxes(bundle, read, check)
    return check


def _unnamed(bundle: Bundle, listed: Sequence[Table], read: Read) -> Iterator[str]:
    """Files that stand for contents and that nothing proves, and contents that were left out beside others."""
    names = {each["file"] for each in listed}
    for name in sorted(each for each in bundle.files if each.startswith("contents/") and each not in names):
        yield f"{name}: no event names these bytes: they are not listed as a content"
    here = {(each["seq"], each["field"]) for each in listed}
    for event in read.events if listed else ():
        for field in DIGESTS:
            sealed = _TOKEN.fullmatch(str(event["body"].get(field, "")))
            if sealed and (event["seq"], field) not in here:
                yield f"event {event['seq']}: its {field} is not here, and contents of others are"


def zones(bundle: Bundle, read: Read, own: Mapping[str, tzinfo | None]) -> Check | None:
    """The bundle's time zones say what this machine's say, in the time of the record; None where none is given.

    Rules change, and this machine's may be older: a difference is a note, with both.
    """
    if not own:
        return None
    check = Check(what="the bundle's time zones were held against this machine's")
    record = _table(bundle.files.get("record.json", b"")) or {}
    first = datetime.fromisoformat(read.events[0]["at"]).replace(microsecond=0)
    ends = [datetime.fromisoformat(each["legal_on"]).replace(tzinfo=UTC) for each in record.get("ends", ())]
    last = min(max([datetime.fromisoformat(record["at"]), *ends]) + timedelta(days=2), first + LONGEST)
    for name, here in sorted(own.items()):
        if here is None:
            check.notes.append(f"this machine has no rules of {name} to compare the bundle's time zone with")
            continue
        there, moment = ZoneInfo.from_file(io.BytesIO(bundle.files[f"zones/{name}"]), key=name), first
        while moment <= last:
            one, other = (moment.astimezone(each).isoformat()[19:] for each in (there, here))
            if one != other:
                check.notes.append(
                    f"the time zone {name} is not this machine's: at {moment:%Y-%m-%d %H:%M} UTC it is {one} in the"
                    f" bundle, {other} on this machine. Days were counted with the bundle's"
                )
                break
            moment += STEP
    return check


def _unlike(name: str, content: bytes, body: Table) -> Iterator[str]:
    """Documents of a packet that are not those that the event lists."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = {each: hashlib.sha256(archive.read(each)).hexdigest() for each in archive.namelist()}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        yield f"{name}: cannot be read as a packet"
        return
    for each in body.get("files", ()):
        if found.get(each["name"]) != each["sha256"]:
            yield f"{name}: {each['name']} in it is not the document that the event lists"


def _boxes(bundle: Bundle, read: Read, check: Check) -> None:
    """A seal's token is the SHA-256 of what it is bound to and of the sealed bytes: of the file as it stands here."""
    tokens = {
        found[1]
        for event in read.events
        for name in SEALED
        if (found := _TOKEN.fullmatch(str(event["body"].get(name, ""))))
    }
    boxes = [name for name in bundle.files if name.startswith("sealed/")]
    for name in boxes:
        digest = hashlib.sha256(bundle.files[name]).hexdigest()
        if name != f"sealed/{digest}" or digest not in tokens:
            check.findings.append(f"{name}: no event names these sealed bytes: they were changed")
    if boxes:
        check.notes.append(f"{len(boxes)} of {len(tokens)} seals are here, as they are named in the events")


def stamps(bundle: Bundle) -> Check | None:
    """Each time stamp names the head beside it; None where there are none. Its signature is for other tools."""
    lines = [line for line in bundle.files.get("heads.jsonl", b"").splitlines() if line]
    heads = {hashlib.sha256(line).hexdigest() for line in lines}
    found = [table for line in lines if (table := _table(line)) and table.get("format") == STAMP]
    if not found:
        return None
    check = Check(what=f"the time stamps ({len(found)}) name heads of this bundle")
    check.notes.append("a time stamp's own signature needs the authority's certificates: README.txt says how")
    for number, table in enumerate(found, 1):
        head, response = str(table.get("head")), bundle.files.get(f"stamps/{number:04}.tsr", b"")
        if head not in heads:
            check.findings.append(f"time stamp {number}: its head is not in this bundle")
        elif bytes.fromhex(f"0420{head}") not in response:
            check.findings.append(f"stamps/{number:04}.tsr: it does not name the SHA-256 of its head")
    return check


def _table(line: bytes) -> Table | None:
    try:
        table = json.loads(line)
    except ValueError:
        return None
    return table if isinstance(table, dict) else None


def states(bundle: Bundle, read: Read) -> Check:
    """Every state and date of the record follows from the events, by the rules that this verifier carries."""
    check = Check(what="")
    recorded: Any = _table(bundle.files.get("record.json", b"")) or {}
    try:
        at = datetime.fromisoformat(recorded["at"]).astimezone(UTC)
        policy = read_policy(bundle.files["policy.json"])
        computed = replay(read.lines, read_terms(bundle.files["terms.json"]), policy, at)
        plain = json.loads(json.dumps(computed))
    except Exception as error:  # damaged terms and events may break the rules anywhere
        check.what = "states and dates can be computed from the events"
        check.findings.append(f"nothing can be computed from events and terms: {type(error).__name__}: {error}")
        return check
    check.findings += differences(recorded, plain, "record.json")
    check.what = (
        f"every state ({len(computed['history'])}) and every clock ({len(computed['clocks'])}) follows from the"
        " events, by the rules of the timeline"
    )
    return check


def dates(bundle: Bundle, read: Read) -> Check:
    """The ends of the hold, counted a second time by code that shares nothing with the timeline."""
    check = Check(what="")
    recorded = (_table(bundle.files.get("record.json", b"")) or {}).get("ends", [])
    try:
        found = ends(read.events, json.loads(bundle.files["terms.json"]))
    except Exception as error:  # as above
        check.what = "the ends of the hold can be counted from the events"
        check.findings.append(f"the ends of the hold cannot be counted: {type(error).__name__}: {error}")
        return check
    counted = [
        {
            "extensions": number,
            **{name: getattr(each, name).isoformat() for name in ("strict_on", "legal_base_on", "legal_on")},
        }
        for number, each in enumerate(found)
    ]
    compared = [{name: each.get(name) for name in counted[0]} for each in recorded] if counted else recorded
    check.findings += differences(compared, counted, "record.json.ends")
    check.what = f"the ends of the hold ({len(counted)}), counted a second time by other code, are the same"
    return check
