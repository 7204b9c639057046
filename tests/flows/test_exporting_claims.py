"""What a bundle claims about itself is held against what is proved, though the unit's own key signed the claim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import pytest
from exporting_support import Files, Past, draw, findings, lived, packed, signed_again, unpacked, verify
from unit_support import Unit

from flows import doubts, exporting, heads
from flows.exporting import export
from flows.exporting_verifier import verifier
from flows.heads import sign_now
from ledger.heads import signing_key
from ledger.interface import LedgerError

pytestmark = pytest.mark.xdist_group("bundles' claims")  # the past is lived through once, not once a worker


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    made = lived(tmp_path_factory.mktemp("unit"))
    yield made
    made.unit.close()


@pytest.fixture(scope="module")
def bundle(past: Past) -> Files:
    return past.bundle(past.eu)


@pytest.fixture(scope="module")
def whole(past: Past) -> Files:
    return past.bundle(past.state, contents=True)


def forged(past: Past, files: Files, change: Callable[[dict[str, Any]], None] | None = None) -> Files:
    """As the unit itself, or a thief of its key, can make it."""
    return signed_again(files, change, key=signing_key(past.unit.office.vault))


def notes(document: dict[str, Any]) -> list[str]:
    return [note for check in document["checks"] for note in check["notes"]]


def run(folder: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "verify.py", *words]
    return subprocess.run(
        ["sh", "-c", f'{before}exec "$@"', "sh", *command],
        cwd=folder,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# ---- the manifest


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"sandbox": False}, "sandbox: it says False, identity.json says True"),
        ({"case": "CY-1999-0001"}, "case: it says 'CY-1999-0001', the first event says 'CY-2026-0412'"),
        ({"at": "2026-11-21T09:00:00.000000Z"}, "at: it says '2026-11-21T09:00:00.000000Z', record.json says"),
        ({"head": "0" * 64}, "head: it is not the newest head's SHA-256"),
    ],
)
def test_a_fact_of_the_manifest_that_nothing_proves_is_named(
    past: Past, bundle: Files, tmp_path: Path, fact: dict[str, Any], said: str
) -> None:
    assert verify(forged(past, bundle), tmp_path, status=0)
    document = verify(forged(past, bundle, lambda manifest: manifest.update(fact)), tmp_path, status=1)
    assert any(each.startswith(f"manifest.json: {said}") for each in findings(document)), findings(document)


def test_a_trial_is_told_as_one_whatever_the_manifest_says(past: Past, bundle: Files, tmp_path: Path) -> None:
    packed(forged(past, bundle, lambda manifest: manifest.update(sandbox=False)), tmp_path / "bundle.zip")
    (tmp_path / "verify.py").write_bytes(verifier())
    assert "A TRIAL in a sandbox" in run(tmp_path, "bundle.zip").stdout


# ---- heads and keys that the reader has


@pytest.mark.parametrize("content", [b"", b"\n \n", b'{"format":"holdfast-stamp/1"}\n'])
def test_a_file_without_a_head_is_not_taken_for_one_that_fits(bundle: Files, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept.jsonl").write_bytes(bundle["heads.jsonl"])
    (tmp_path / "empty.jsonl").write_bytes(content)
    for words in (("--head", "empty.jsonl"), ("--head", "kept.jsonl", "--head", "empty.jsonl")):
        document = verify(bundle, tmp_path, *words, status=1)
        assert any("has no signed head in it" in each for each in findings(document))


def test_a_file_of_heads_of_another_ledger_is_not_excused_by_one_that_fits(bundle: Files, tmp_path: Path) -> None:
    other = Unit(tmp_path / "other")
    other.play("alpha")
    other.preserve()
    head, _ = sign_now(other.office, other.office.now())
    other.close()
    (tmp_path / "kept.jsonl").write_bytes(bundle["heads.jsonl"])
    (tmp_path / "foreign.jsonl").write_text(head.text() + "\n")
    document = verify(bundle, tmp_path, "--head", "kept.jsonl", "--head", "foreign.jsonl", status=1)
    assert any("is not among the heads of this bundle" in each for each in findings(document))


def test_a_key_is_known_in_every_form_in_which_it_is_written(past: Past, bundle: Files, tmp_path: Path) -> None:
    printed = json.loads(bundle["manifest.json"])["key"]
    fingerprint = export(past.unit.office, past.us, draw).material.key
    (tmp_path / "key.pem").write_bytes(bundle["key.pem"])
    (tmp_path / "key.txt").write_text(f"{fingerprint}\n")
    colons = ":".join(fingerprint.replace(" ", "")[place : place + 2] for place in range(0, 32, 2))
    for text in (
        *(printed, f" {printed}\n", fingerprint, fingerprint.upper(), colons, colons.upper()),
        *("key.pem", "key.txt", bundle["key.pem"].decode()),
    ):
        verify(bundle, tmp_path, "--key", text, status=0)
    other = colons.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    names = findings(verify(bundle, tmp_path, "--key", other, status=1))
    assert names == ["manifest.json: it is signed with another key than the one you gave"]


@pytest.mark.parametrize("text", ["garbage", "bundle.zip", "AAAA", "12:34"])
def test_what_is_no_key_accuses_nobody(bundle: Files, tmp_path: Path, text: str) -> None:
    packed(bundle, tmp_path / "bundle.zip")
    (tmp_path / "verify.py").write_bytes(verifier())
    done = run(tmp_path, "bundle.zip", "--key", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("verify: --key: ")
    assert "is no key" in done.stderr


# ---- contents


def test_bytes_that_the_manifest_does_not_list_as_a_content_are_named(
    past: Past, bundle: Files, whole: Files, tmp_path: Path
) -> None:
    for files in (bundle, whole):
        document = verify(forged(past, files | {"contents/000013-received.txt": b"no"}), tmp_path, status=1)
        assert any("contents/000013-received.txt: no event names" in each for each in findings(document))


def test_bytes_under_a_field_that_seals_nothing_are_named(past: Past, whole: Files, tmp_path: Path) -> None:
    place = next(each for each in json.loads(whole["manifest.json"])["contents"] if each["field"] == "packet")

    def rename(manifest: dict[str, Any]) -> None:
        for each in manifest["contents"]:
            if each == place:
                each["field"] = "packet_sha256"

    document = verify(forged(past, whole | {place["file"]: b"forged"}, rename), tmp_path, status=1)
    assert any(each.startswith(f"{place['file']}: no event names") for each in findings(document))


def test_bytes_that_were_left_out_beside_others_are_named(past: Past, whole: Files, tmp_path: Path) -> None:
    place = next(each for each in json.loads(whole["manifest.json"])["contents"] if each["field"] == "packet")
    rest = {name: content for name, content in whole.items() if name != place["file"]}
    document = verify(forged(past, rest, lambda manifest: manifest["contents"].remove(place)), tmp_path, status=1)
    assert f"event {place['seq']}: its packet is not here, and contents of others are" in findings(document)


# ---- the time zone


def test_a_zone_that_is_not_the_one_this_machine_has_is_told(past: Past, bundle: Files, tmp_path: Path) -> None:
    assert not any("time zone" in each for each in notes(verify(bundle, tmp_path)))
    other = resources("tzdata").joinpath("zoneinfo", "Etc", "GMT+12").read_bytes()
    document = verify(forged(past, bundle | {"zones/UTC": other}), tmp_path)
    (said,) = [each for each in notes(document) if "time zone" in each]
    assert "UTC" in said
    assert "-12:00 in the bundle, +00:00 on this machine" in said


def test_a_machine_that_does_not_know_the_zone_says_so(past: Past, bundle: Files, tmp_path: Path) -> None:
    document = verify(forged(past, bundle | {"zones/Mars/Base": bundle["zones/UTC"]}), tmp_path)
    assert any("this machine has no rules of Mars/Base" in each for each in notes(document))


def test_that_the_zone_is_the_signers_word_is_said_in_the_bundle(bundle: Files) -> None:
    assert "time zone" in bundle["README.txt"].decode().partition("It does not show")[2].partition("What is in")[0]


# ---- a clock that was ahead


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit")
    made.play("alpha")
    yield made
    made.close()


def test_a_clock_that_was_ahead_when_a_head_was_signed_is_a_note_for_ever_after(unit: Unit, tmp_path: Path) -> None:
    (request,) = unit.preserve()
    unit.later(days=1)
    sign_now(unit.office, unit.office.now())
    unit.later(days=-1)
    unit.office.append(request, [("note", {})])
    for later in (0, 3):
        unit.later(days=later)
        document = verify(unpacked(export(unit.office, request, draw).archive), tmp_path, status=0)
        (said,) = [each for each in notes(document) if "clock" in each]
        assert "the clock was set back" in said


def test_a_clock_that_was_ahead_when_an_event_was_recorded_is_a_note(unit: Unit, tmp_path: Path) -> None:
    (request,) = unit.preserve()
    unit.later(hours=5)
    unit.office.append(request, [("note", {})])
    unit.later(hours=-5)
    document = verify(unpacked(export(unit.office, request, draw).archive), tmp_path, status=0)
    assert any("the clock was ahead" in each for each in notes(document))


def test_an_event_dated_before_a_head_without_it_is_found_and_told_at_the_export(unit: Unit, tmp_path: Path) -> None:
    """Nothing that is signed says that a clock was set back: it may as well have been dated back."""
    (request,) = unit.preserve()
    unit.later(days=1)
    sign_now(unit.office, unit.office.now())
    unit.later(days=-1)
    unit.office.append(request, [("note", {})])
    unit.later(days=2)
    made = export(unit.office, request, draw)
    assert any("does not have it" in each for each in made.told)
    names = findings(verify(unpacked(made.archive), tmp_path, status=1))
    assert any("says it was recorded at" in each for each in names)


# ---- what is handed out


def test_a_head_that_another_signed_meanwhile_is_left_for_the_next_bundle(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = unit.preserve()

    def and_then_another(office: Any, now: Any) -> Any:
        signed = sign_now(office, now)
        office.append(request, [("note", {})])
        sign_now(office, unit.later(seconds=5))
        sign_now(office, unit.later(seconds=5))
        return signed

    monkeypatch.setattr(exporting, "sign_now", and_then_another)
    files = unpacked(export(unit.office, request, draw).archive)
    document = verify(files, tmp_path, status=0)
    assert len(heads.signed(unit.office.ledger)) == 3
    assert document["head"]["events"] == len(files["events.jsonl"].splitlines())


def test_a_record_that_does_not_fit_is_not_handed_out(unit: Unit) -> None:
    import sqlite3
    from contextlib import closing

    (request,) = unit.preserve()
    unit.sweep()
    unit.later(days=1)
    with closing(sqlite3.connect(unit.office.settings.ledger_path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET actor = 'Somebody else' WHERE kind = 'sent'")
        connection.commit()
    assert doubts.look(unit.office, unit.office.now()) == doubts.Doubts()
    (seq,) = [each.seq for each in unit.office.ledger.events(request) if each.kind == "sent"]
    with pytest.raises(LedgerError, match=rf"event {seq} \(sent\): is not in the signed tree"):
        export(unit.office, request, draw)


# ---- a machine on which it cannot be checked


def test_what_could_not_be_checked_does_not_end_as_what_does_not_fit(bundle: Files, tmp_path: Path) -> None:
    packed(bundle, tmp_path / "bundle.zip")
    (tmp_path / "verify.py").write_bytes(verifier())
    for before, words in (("exec >/dev/full; ", ()), ("exec >/dev/full; ", ("--json",))):
        done = run(tmp_path, "bundle.zip", *words, before=before)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1
    piped = subprocess.run(
        ["sh", "-c", '"$@"; echo "status $?" >&2', "sh", sys.executable, "-I", "-S", "verify.py", "bundle.zip"],
        cwd=tmp_path,
        env={"PATH": os.defpath},
        stdout=_closed_pipe(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert "Traceback" not in piped.stderr
    assert piped.stderr.endswith("status 2\n")


def _closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_a_machine_without_a_temporary_folder_is_told(bundle: Files, tmp_path: Path) -> None:
    packed(bundle, tmp_path / "bundle.zip")
    text = verifier().decode().replace("import tempfile\n", "import tempfile; tempfile.tempdir = '/nowhere'\n")
    (tmp_path / "verify.py").write_text(text)
    done = run(tmp_path, "bundle.zip")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_an_older_python_is_told_and_is_no_finding(tmp_path: Path) -> None:
    text = verifier().decode().replace("sys.version_info < (3, 11)", "sys.version_info < (9, 11)")
    (tmp_path / "verify.py").write_text(text)
    done = run(tmp_path)
    assert done.returncode == 2
    assert "Python 3.11 or later is needed" in done.stderr
