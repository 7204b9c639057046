"""Requests with a past, made by the real flows, and their bundles; a bundle changed as a forger would."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit_support import MORNING, Unit

from flows import asking, replying
from flows.exporting import Material, export
from flows.replying import Reply

Files = dict[str, bytes]
LAW = {"US": "us.18usc2703f", "EU": "eu.epocpr", "STATE": "coe.budapest.29"}
NEEDED = {
    "instrument": "coe.budapest.29",
    "necessity": "The accounts are used to steer the fraud, and their owner may close them.",
    "custodian": "alpha",
}
JUDGE = "Investigating judge, Example Court"
POLICY = '[poll]\nevery = "30 days"\n[chase]\nevery = "30 days"\ntimes = 1\n'


@dataclass(frozen=True, kw_only=True)
class Past:
    """A unit and its three requests: under 18 USC 2703(f), an EU order, and one from State to State."""

    unit: Unit
    us: str
    eu: str
    state: str

    def bundle(self, request: str, *, contents: bool = False) -> Files:
        """A bundle of one of them, as files."""
        return unpacked(self.archive(request, contents=contents))

    def archive(self, request: str, *, contents: bool = False) -> bytes:
        """The same as a zip file."""
        return export(self.unit.office, request, draw, with_contents=contents, because="for the court").archive


def draw(_: Material) -> Mapping[str, bytes]:
    """A page that says nothing: what people see is made by the desk."""
    return {"index.html": b"<!doctype html><title>record</title>"}


def lived(folder: Path) -> Past:
    """A unit whose requests were sent, extended, refused, announced and let go."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "policy.toml").write_text(POLICY)
    unit = Unit(folder)
    unit.play("alpha")
    sent = {"requested_state": "US", "send_on": "2026-12-01", "profile": "unodc"}
    us, eu, state = unit.preserve(
        {"instrument": LAW["US"]},
        {"instrument": LAW["EU"], "validated_by": JUDGE},
        NEEDED,
        country="FR",
        mla=sent,
    )
    unit.later(days=3)
    for request in (us, eu, state):
        replying.record(unit.office, request, Reply(kind="mla-sent", on=date(2026, 11, 24), by="Central authority"))
    replying.record(
        unit.office,
        state,
        Reply(
            kind="sent",
            to="Central authority of the requested State",
            channel="post",
            proof=b"%PDF-1.7 the receipt of the post",
            text="Handed in at the counter.",
        ),
    )
    live(unit, 10)
    replying.record(unit.office, state, Reply(kind="acknowledged", on=date(2026, 11, 30), reference="DOJ-77"))
    live(unit, 66)
    announced = Reply(
        kind="production-announced",
        on=date(2027, 1, 25),
        reference="EPOC-12",
        by="Public prosecutor",
        text="Served by the court.",
    )
    replying.record(unit.office, eu, announced)
    live(unit, 100)
    asking.release(unit.office, us, because="The MLA answer is here", by="Duty officer")
    unit.sweep()
    return Past(unit=unit, us=us, eu=eu, state=state)


def live(unit: Unit, day: int) -> None:
    """Sweep until that day of the story; people answer what they are told once a week."""
    end = MORNING + timedelta(days=day)
    while unit.office.now() < end:
        unit.run_until(min(end, unit.office.now() + timedelta(days=7)))
        unit.acknowledge_all()


def unpacked(archive: bytes) -> Files:
    """The files of a bundle."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(files: Files, path: Path) -> Path:
    """The files as a bundle at that path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def signed_again(
    files: Files, change: Callable[[dict[str, Any]], None] | None = None, *, key: Ed25519PrivateKey | None = None
) -> Files:
    """A manifest that fits the files as they are now, signed by a key that is not the unit's, or by that one.

    That is the best a forger can do about the manifest: without the unit's key, and with it.
    """
    manifest = json.loads(files["manifest.json"])
    rest = {name: content for name, content in files.items() if name != "manifest.json"}
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, content in rest.items()
    }
    if change:
        change(manifest)
    return rest | {"manifest.json": signed_by_forger(manifest, key) + b"\n"}


def signed_by_forger(statement: dict[str, Any], key: Ed25519PrivateKey | None = None) -> bytes:
    """A statement signed with a key that is not the unit's, or with the one given, and that it names."""
    key = key or Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    signed = {name: value for name, value in statement.items() if name != "signature"} | {"key": public}
    return canonical(signed | {"signature": base64.b64encode(key.sign(canonical(signed))).decode()})


def canonical(value: object) -> bytes:
    """JSON as it is signed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def verify(
    files: Files, folder: Path, *words: str, verifier: bytes | None = None, status: int | None = None
) -> dict[str, Any]:
    """Run a bundle's verifier in a folder where there is nothing else; gives its JSON document.

    A process of its own, without environment, site packages or anything of this repository.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed(files, folder / "bundle.zip")
    (folder / "verify.py").write_bytes(verifier or files["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "bundle.zip", "--json", *words],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if document["fits"] else 1)
    assert status is None or done.returncode == status, findings(document)
    return document


def findings(document: dict[str, Any]) -> list[str]:
    """Everything that was found."""
    return [finding for check in document["checks"] for finding in check["findings"]]
