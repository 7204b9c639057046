"""Whatever is changed in a bundle is found and named: by whoever changed a file, and by a forger who signs anew."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from exporting_support import (
    Files,
    Past,
    canonical,
    draw,
    findings,
    lived,
    packed,
    signed_again,
    signed_by_forger,
    unpacked,
    verify,
)
from unit_support import Unit

from flows.exporting import export
from flows.verifier import proofs
from flows.verifier.bundle import Bundle, NoBundle, open_bundle
from flows.verifier.command import check_all

pytestmark = pytest.mark.xdist_group("forged bundles")  # the past is lived through once, not once a worker


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    made = lived(tmp_path_factory.mktemp("unit"))
    yield made
    made.unit.close()


@pytest.fixture(scope="module")
def bundle(past: Past) -> Files:
    return past.bundle(past.eu, contents=True)


def found(files: Files, folder: Path) -> list[str]:
    """What the checks find, in this process: the same code as in the file, a quarter of a second faster."""
    _, checks = check_all(open_bundle(packed(files, folder / "bundle.zip")))
    return [finding for check in checks for finding in check.findings]


def lines(files: Files) -> list[bytes]:
    return files["events.jsonl"].splitlines()


def with_lines(files: Files, changed: list[bytes]) -> Files:
    return files | {"events.jsonl": b"".join(line + b"\n" for line in changed)}


def edited(files: Files, name: str, change: Callable[[Any], None]) -> Files:
    value = json.loads(files[name])
    change(value)
    return files | {name: json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"}


def test_the_bundle_itself_fits(bundle: Files, tmp_path: Path) -> None:
    assert found(bundle, tmp_path) == []


def test_a_change_of_any_single_file_is_named(bundle: Files, tmp_path: Path) -> None:
    for name in bundle.keys() - {"manifest.json"}:
        changed = bundle | {name: bundle[name][:-1] + bytes([bundle[name][-1] ^ 1])}
        said = f"{name}: was changed: it is not the file that the manifest names"
        assert proofs.files(Bundle(files=changed), proofs.Read()).findings == [said]


def test_a_missing_and_an_added_file_are_named(bundle: Files, tmp_path: Path) -> None:
    for name in ("terms.json", "verify.py"):
        without = {other: content for other, content in bundle.items() if other != name}
        assert f"{name}: is missing" in found(without, tmp_path)
    assert "letter.pdf: is not in the manifest: it was added" in found(bundle | {"letter.pdf": b"%PDF"}, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_stands_in_the_zip_twice_is_named(bundle: Files, tmp_path: Path) -> None:
    import zipfile

    path = packed(bundle, tmp_path / "bundle.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("events.jsonl", bundle["events.jsonl"])
    _, checks = check_all(open_bundle(path))
    assert "events.jsonl: stands in the zip file more than once" in checks[0].findings


def test_a_changed_manifest_has_no_signature_any_more(bundle: Files, tmp_path: Path) -> None:
    manifest = json.loads(bundle["manifest.json"]) | {"program": "holdfast 0"}
    changed = bundle | {"manifest.json": canonical(manifest) + b"\n"}
    assert found(changed, tmp_path) == ["manifest.json: its signature is not one of the key it names"]


def test_a_changed_event_is_named_though_the_manifest_is_signed_anew(bundle: Files, tmp_path: Path) -> None:
    changed = lines(bundle)
    place, event = next((n, json.loads(each)) for n, each in enumerate(changed) if b'"kind":"sent"' in each)
    event["at"] = event["at"].replace("2026-11-21", "2026-11-20")
    changed[place] = canonical(event)
    names = found(signed_again(with_lines(bundle, changed)), tmp_path)
    assert f"event {event['seq']} (sent): is not in the signed tree: it was changed, or its proof was" in names
    assert any(
        "record.json.ends[0].strict_on says '2027-01-19', its events give '2027-01-18'" in each for each in names
    )
    assert any("its key is not the one of the manifest" in each for each in names)


def test_a_changed_space_in_an_event_is_a_changed_event(bundle: Files, tmp_path: Path) -> None:
    changed = lines(bundle)
    changed[4] = changed[4].replace(b'":', b'": ', 1)
    seq = json.loads(changed[4])["seq"]
    assert any(
        each.startswith(f"event {seq} (") for each in found(signed_again(with_lines(bundle, changed)), tmp_path)
    )


def test_a_removed_event_is_named(bundle: Files, tmp_path: Path) -> None:
    rest = lines(bundle)
    taken = json.loads(rest.pop(5))["seq"]
    assert f"event {taken}: is missing, the manifest names it" in found(with_lines(bundle, rest), tmp_path)


def test_a_removed_event_changes_the_states_though_the_list_is_signed_anew(bundle: Files, tmp_path: Path) -> None:
    rest = [line for line in lines(bundle) if b'"kind":"extended"' not in line]
    taken = next(json.loads(line)["seq"] for line in lines(bundle) if b'"kind":"extended"' in line)

    def leave_out(manifest: dict[str, Any]) -> None:
        manifest["seqs"].remove(taken)

    names = found(signed_again(with_lines(bundle, rest), leave_out), tmp_path)
    assert any(each.startswith("record.json.ends has 2 entries, its events give 1") for each in names)
    assert not any(each.startswith("event ") for each in names), "each event that is left stands in the tree"


def test_an_inserted_and_a_repeated_event_are_named(bundle: Files, tmp_path: Path) -> None:
    event = json.loads(lines(bundle)[-1]) | {"seq": 9_999}
    names = found(signed_again(with_lines(bundle, [*lines(bundle), canonical(event)])), tmp_path)
    assert "event 9999: the manifest does not name it" in names
    assert any(each.startswith("event 9999 (") for each in names)
    twice = found(signed_again(with_lines(bundle, [*lines(bundle), lines(bundle)[-1]])), tmp_path)
    assert "events.jsonl: the events are not in their order, or one stands there twice" in twice


def test_events_in_another_order_are_named(bundle: Files, tmp_path: Path) -> None:
    names = found(signed_again(with_lines(bundle, lines(bundle)[::-1])), tmp_path)
    assert "events.jsonl: the events are not in their order, or one stands there twice" in names


def test_an_event_of_another_request_is_named(past: Past, bundle: Files, tmp_path: Path) -> None:
    other = past.bundle(past.us)
    names = found(signed_again(with_lines(bundle, [*lines(bundle), lines(other)[-1]])), tmp_path)
    assert any(f"is of another request ({past.us})" in each for each in names)


def test_another_date_in_the_frozen_law_is_named(bundle: Files, tmp_path: Path) -> None:
    def longer(terms: Any) -> None:
        terms["instrument"]["table"]["first"]["period"] = "61 days"

    names = found(signed_again(edited(bundle, "terms.json", longer)), tmp_path)
    assert "terms.json: is not what the first event names: it was changed" in names
    assert any("record.json.ends[0].strict_on" in each for each in names)


def test_another_date_in_the_record_is_found_twice(bundle: Files, tmp_path: Path) -> None:
    def earlier(record: Any) -> None:
        record["ends"][1]["legal_on"] = "2027-02-17"

    names = found(signed_again(edited(bundle, "record.json", earlier)), tmp_path)
    said = "record.json.ends[1].legal_on says '2027-02-17', its events give '2027-02-19'"
    assert names.count(said) == 2, "by the rules of the timeline, and by the code that shares nothing with them"


def test_another_state_or_derivation_in_the_record_is_named(bundle: Files, tmp_path: Path) -> None:
    def otherwise(record: Any) -> None:
        record["history"][3]["state"] = "in-force"
        record["clocks"][0]["derivation"][0] += " or so"

    names = found(signed_again(edited(bundle, "record.json", otherwise)), tmp_path)
    assert any(each.startswith("record.json.history[3].state says 'in-force'") for each in names)
    assert any(each.startswith("record.json.clocks[0].derivation[0] says ") for each in names)


def test_other_bytes_than_were_sent_are_named(bundle: Files, tmp_path: Path) -> None:
    name = next(name for name in bundle if name.endswith("-sent.txt"))
    names = found(signed_again(bundle | {name: b"POST /something/else"}), tmp_path)
    assert any(each.startswith(f"{name}: is not what event ") and "sent_sha256 differs" in each for each in names)


def test_another_document_in_a_packet_is_named(past: Past, tmp_path: Path) -> None:
    files = past.bundle(past.state, contents=True)
    name = next(name for name in files if name.endswith("-packet.zip"))
    from providers.packet.archive import unpacked as documents

    inner = packed(dict(documents(files[name])) | {"README.txt": b"nothing to do"}, tmp_path / "packet.zip")
    names = found(signed_again(files | {name: inner.read_bytes()}), tmp_path)
    assert any(each.startswith(f"{name}: is not what event ") for each in names)


def test_other_sealed_bytes_are_named(bundle: Files, tmp_path: Path) -> None:
    name = next(name for name in bundle if name.startswith("sealed/"))
    changed = bundle | {name: bundle[name][:-1] + b"x"}
    assert f"{name}: no event names these sealed bytes: they were changed" in found(signed_again(changed), tmp_path)


def test_a_proof_in_another_ones_place_is_named(bundle: Files, tmp_path: Path) -> None:
    first, second = (json.loads(line)["seq"] for line in lines(bundle)[2:4])

    def swap(tree: Any) -> None:
        leaves = tree["leaves"]
        leaves[str(first)], leaves[str(second)] = leaves[str(second)], leaves[str(first)]

    names = found(signed_again(edited(bundle, "tree.json", swap)), tmp_path)
    assert sum("is not in the signed tree" in each for each in names) == 2


def test_a_head_that_was_changed_or_left_out_is_named(past: Past, bundle: Files, tmp_path: Path) -> None:
    heads = bundle["heads.jsonl"].splitlines()
    changed = heads[0].replace(b'"root":"', b'"root":"0', 1)
    forged = found(signed_again(bundle | {"heads.jsonl": b"\n".join([changed, *heads[1:]]) + b"\n"}), tmp_path)
    assert any(each.startswith("heads.jsonl: line 1: its signature is not one") for each in forged)
    without = signed_again(bundle | {"heads.jsonl": b"\n".join(heads[1:]) + b"\n"})
    (tmp_path / "kept.jsonl").write_bytes(heads[0] + b"\n")
    document = verify(without, tmp_path, "--head", "kept.jsonl", status=1)
    assert any("which you gave, is not among the heads of this bundle" in each for each in findings(document))


def test_an_older_head_of_another_history_is_named(bundle: Files, tmp_path: Path) -> None:
    """A rewritten ledger signs as many events with another root: no proof can lead from one to the other."""
    head = signed_by_forger(json.loads(bundle["heads.jsonl"].splitlines()[0]) | {"root": "ab" * 32})
    changed = signed_again(bundle | {"heads.jsonl": head + b"\n" + bundle["heads.jsonl"]})
    names = found(changed, tmp_path)
    assert any("nothing shows that the newest head's record begins with it" in each for each in names)


def test_a_bundle_that_is_forged_whole_is_told_by_a_head_or_a_key_kept_elsewhere(
    bundle: Files, tmp_path: Path
) -> None:
    """Everything fits in it, as in any bundle: only what left the machine before can tell."""
    unit = Unit(tmp_path / "forger")
    unit.play("alpha")
    (request,) = unit.preserve()
    forged = unpacked(export(unit.office, request, draw).archive)
    unit.close()
    assert found(forged, tmp_path) == []
    kept = json.loads(bundle["heads.jsonl"].splitlines()[-1])
    (tmp_path / "kept.jsonl").write_bytes(canonical(kept) + b"\n")
    document = verify(forged, tmp_path, "--head", "kept.jsonl", "--key", kept["key"], status=1)
    names = findings(document)
    assert any("is not among the heads of this bundle" in each for each in names)
    assert "manifest.json: it is signed with another key than the one you gave" in names


def test_an_event_that_was_dated_back_past_a_head_is_named(bundle: Files, tmp_path: Path) -> None:
    """An event cannot have been recorded before a head that does not have it yet."""
    changed = lines(bundle)
    event = json.loads(changed[-1])
    event["recorded_at"] = "2026-11-21T10:00:00.000000Z"
    names = found(signed_again(with_lines(bundle, [*changed[:-1], canonical(event)])), tmp_path)
    assert any(each.startswith(f"event {event['seq']}: says it was recorded at") for each in names)


def test_nonsense_in_any_file_is_found_and_never_breaks_the_verifier(bundle: Files, tmp_path: Path) -> None:
    few = bundle | {"heads.jsonl": b"\n".join(bundle["heads.jsonl"].splitlines()[-2:]) + b"\n"}
    for name in ("manifest.json", "events.jsonl", "tree.json", "heads.jsonl", "identity.json", "record.json"):
        for nonsense in (b"", b"null\n", b"[1, 2]\n", b'{"leaves": 3, "heads": []}\n', b"\xff\xfe\n"):
            assert found(few | {name: nonsense}, tmp_path), (name, nonsense)
            if name != "manifest.json":
                assert found(signed_again(few | {name: nonsense}), tmp_path), (name, nonsense)


def test_each_of_these_is_found_by_the_file_in_the_bundle_too(bundle: Files, tmp_path: Path) -> None:
    changed = lines(bundle)
    changed[2] = changed[2].replace(b"2026-11-21", b"2026-11-20")
    document = verify(with_lines(bundle, changed), tmp_path, status=1)
    names = findings(document)
    assert "events.jsonl: was changed: it is not the file that the manifest names" in names
    assert any("is not in the signed tree" in each for each in names)


def test_a_module_that_lies_in_the_bundle_is_never_run(bundle: Files, tmp_path: Path) -> None:
    """The folder of a script is where Python looks first: a bundle may not bring a hashlib of its own."""
    folder = tmp_path / "bundle"
    for name, content in (bundle | {"argparse.py": b"print('taken over')\nraise SystemExit(0)\n"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    done = subprocess.run([sys.executable, "verify.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "argparse.py: is not in the manifest: it was added" in done.stdout
    assert "taken over" not in done.stdout


def test_bytes_that_were_damaged_on_the_way_never_break_the_verifier(past: Past, tmp_path: Path) -> None:
    """Whatever byte it is, the bundle fits, has findings, or is none; an error of the program would be neither."""
    whole, rnd = past.archive(past.us), Random(7)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rnd.randrange(len(damaged))] ^= 1 << rnd.randrange(8)
        (tmp_path / "bundle.zip").write_bytes(damaged)
        with suppress(NoBundle):
            open_bundle(tmp_path / "bundle.zip")


def test_a_zip_file_of_very_many_files_is_read_in_a_moment(tmp_path: Path) -> None:
    many = packed({f"{number}": b"" for number in range(30_000)}, tmp_path / "many.zip")
    began = time.process_time()
    with pytest.raises(NoBundle, match=r"no manifest\.json"):
        open_bundle(many)
    assert time.process_time() - began < 5


def test_a_forged_bundle_cannot_speak_to_the_terminal(bundle: Files, tmp_path: Path) -> None:
    manifest = json.loads(bundle["manifest.json"]) | {"case": "\x1b[2JEVERYTHING FITS.\nAll is well"}
    forged = bundle | {"manifest.json": json.dumps(manifest).encode(), "zones/A": b"x", "zones/A/B": b"y"}
    (tmp_path / "verify.py").write_bytes(bundle["verify.py"])
    words = [sys.executable, "verify.py", str(packed(forged, tmp_path / "bundle.zip"))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    assert not any(line.startswith("EVERYTHING FITS") for line in done.stdout.splitlines())


def test_a_file_of_heads_that_has_grown_since_or_is_shared_accuses_nobody(tmp_path: Path) -> None:
    """Whoever keeps the heads of several ledgers hands over the file as it is today."""
    unit, other = Unit(tmp_path / "unit"), Unit(tmp_path / "other")
    for each in (unit, other):
        each.play("alpha")
    (request,) = unit.preserve()
    (elsewhere,) = other.preserve()
    first = unpacked(export(unit.office, request, draw).archive)
    unit.later(days=2)
    unit.sweep()
    later = unpacked(export(unit.office, request, draw).archive)
    foreign = unpacked(export(other.office, elsewhere, draw).archive)
    for each in (unit, other):
        each.close()
    (tmp_path / "kept.jsonl").write_bytes(foreign["heads.jsonl"] + later["heads.jsonl"])
    document = verify(first, tmp_path, "--head", "kept.jsonl", status=0)
    notes = [note for check in document["checks"] for note in check["notes"]]
    assert any("which you gave, is newer than this bundle" in each for each in notes)
    (tmp_path / "kept.jsonl").write_bytes(foreign["heads.jsonl"])
    names = findings(verify(first, tmp_path, "--head", "kept.jsonl", status=1))
    assert any("is not among the heads of this bundle" in each for each in names)
