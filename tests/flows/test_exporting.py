"""A bundle holds what was recorded, and a stranger's Python alone can show it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exporting_support import Files, Past, draw, findings, lived, packed, unpacked, verify
from unit_support import CANARY, PROVIDER, SOURCE, Unit

from flows import planning, replying
from flows.exporting import export
from flows.exporting_verifier import verifier
from flows.replying import Reply, ReplyError
from ledger.heads import Head, Stamp, accept, check, public_key, sign, signing_key

pytestmark = pytest.mark.xdist_group("bundles")  # the past is lived through once, not once a worker


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    made = lived(tmp_path_factory.mktemp("unit"))
    yield made
    made.unit.close()


@pytest.fixture(scope="module")
def bundles(past: Past) -> dict[str, Files]:
    return {name: past.bundle(getattr(past, name)) for name in ("us", "eu", "state")}


def record(files: Files) -> Any:
    return json.loads(files["record.json"])


def events(files: Files) -> list[Any]:
    return [json.loads(line) for line in files["events.jsonl"].splitlines()]


@pytest.mark.parametrize("name", ["us", "eu", "state"])
def test_a_bundle_is_verified_without_holdfast_in_an_empty_folder(
    bundles: dict[str, Files], name: str, tmp_path: Path
) -> None:
    document = verify(bundles[name], tmp_path, status=0)
    assert document["request"] == record(bundles[name])["request"]
    assert document["head"]["events"] >= len(events(bundles[name])) > 10
    said = " ".join(check["what"] for check in document["checks"])
    for what in ("manifest", "signed head", "events stand", "frozen", "every state", "second time"):
        assert what in said


def test_a_bundle_with_contents_is_verified_too(past: Past, tmp_path: Path) -> None:
    document = verify(past.bundle(past.state, contents=True), tmp_path, status=0)
    said = " ".join(check["what"] for check in document["checks"])
    assert "2 recorded contents are the bytes" in said  # the packet of the first day, the receipt of the post


def test_an_unpacked_bundle_is_verified_where_it_lies(bundles: dict[str, Files], tmp_path: Path) -> None:
    for name, content in bundles["eu"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "verify.py")],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "EVERYTHING FITS." in done.stdout
    assert "It does not show" in done.stdout


def test_what_is_no_bundle_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_bytes(verifier())
    (tmp_path / "note.txt").write_text("no bundle")
    for words in ([], ["note.txt"], ["missing.zip"]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("verify: ")
        assert "Traceback" not in done.stderr


def test_the_events_are_in_it_byte_for_byte(past: Past, bundles: dict[str, Files]) -> None:
    lines = bundles["us"]["events.jsonl"].splitlines()
    stored = [each.content() for each in past.unit.office.ledger.records(past.us)]
    assert lines == stored[: len(lines)]
    assert len(stored) - len(lines) <= 1  # at most the note that another test took contents out


@pytest.mark.parametrize("name", ["us", "eu", "state"])
def test_the_dates_are_those_that_show_prints(past: Past, name: str) -> None:
    request = getattr(past, name)
    made, office = record(past.bundle(request)), past.unit.office
    shown = json.loads(json.dumps(planning.show(office, request, at=office.now())))
    for key in ("state", "references", "items", "chain", "clocks", "coverage", "last_safe", "lost", "next"):
        assert made[key] == shown[key], key


def test_each_past_has_its_states_and_ends(bundles: dict[str, Files]) -> None:
    last = {name: record(files)["history"][-1]["state"] for name, files in bundles.items()}
    assert last == {"us": "released", "eu": "open-ended", "state": "lapsed"}
    us, eu = record(bundles["us"])["ends"], record(bundles["eu"])["ends"]
    assert [end["strict_on"] for end in us] == ["2027-02-18", "2027-05-19"]
    assert [end["strict_on"] for end in eu] == ["2027-01-19", "2027-02-18"]
    assert [end["legal_on"] for end in eu] == ["2027-01-20", "2027-02-19"]
    seen = {each["state"] for each in record(bundles["eu"])["history"]}
    assert {"registered", "unknown", "sent", "acknowledged", "in-force", "open-ended"} <= seen | {"acknowledged"}


def test_no_account_is_in_a_bundle_without_contents(past: Past, bundles: dict[str, Files]) -> None:
    for files in bundles.values():
        for name, content in files.items():
            assert CANARY.encode() not in content, name
            assert not name.startswith(("contents/", "sealed/"))
    assert past.unit.kinds(past.eu).count("opened") == 0


def test_with_contents_the_exact_bytes_are_in_it_and_that_they_were_read_is_recorded_first(past: Past) -> None:
    before = len(past.unit.kinds(past.us))
    files = past.bundle(past.us, contents=True)
    assert past.unit.kinds(past.us)[before:] == ["opened"]
    assert events(files)[-1]["kind"] == "opened"
    named = {name.partition("-")[2] for name in files if name.startswith("contents/")}
    assert {"facts.json", "sent.txt", "received.txt", "remark.txt"} <= named
    facts = next(content for name, content in files.items() if name.endswith("facts.json"))
    assert CANARY in facts.decode()
    digests = {event["body"].get("sent_sha256") for event in events(files)}
    sent = [content for name, content in files.items() if name.endswith("-sent.txt")]
    assert {hashlib.sha256(content).hexdigest() for content in sent} == digests - {None}
    tokens = {event["body"].get("sealed") for event in events(files)} - {None}
    assert {f"seal-{name.removeprefix('sealed/')}" for name in files if name.startswith("sealed/")} >= tokens


def test_contents_need_a_reason_and_nothing_is_recorded_without(past: Past) -> None:
    before = past.unit.kinds(past.us)
    with pytest.raises(ReplyError, match="--because"):
        export(past.unit.office, past.us, draw, with_contents=True, because=" ")
    assert past.unit.kinds(past.us) == before


def test_the_head_is_signed_now_by_the_units_key_and_kept(past: Past) -> None:
    bundle = export(past.unit.office, past.eu, draw)
    head = bundle.material.head
    check(head, key=public_key(signing_key(past.unit.office.vault)), ledger=past.unit.office.ledger.identity.ledger)
    assert head.events == past.unit.office.ledger.head()[0]
    assert head.at == past.unit.office.now()
    assert head.text() in past.unit.office.ledger.heads()
    assert head.text() in unpacked(bundle.archive)["heads.jsonl"].decode().splitlines()


def test_a_head_kept_elsewhere_is_looked_for_in_the_bundle(
    past: Past, bundles: dict[str, Files], tmp_path: Path
) -> None:
    earlier = next(line for line in bundles["us"]["heads.jsonl"].decode().splitlines() if '"holdfast-head/1"' in line)
    (tmp_path / "kept.jsonl").write_text(earlier + "\n")
    document = verify(bundles["us"], tmp_path, "--head", "kept.jsonl", status=0)
    assert any("which you gave, is in the bundle" in note for each in document["checks"] for note in each["notes"])
    assert Head.read(earlier).events < Head.read(bundles["us"]["heads.jsonl"].decode().splitlines()[-1]).events


def test_a_key_known_from_elsewhere_is_compared(past: Past, bundles: dict[str, Files], tmp_path: Path) -> None:
    key = public_key(signing_key(past.unit.office.vault))
    verify(bundles["us"], tmp_path, "--key", key, status=0)
    bundle = export(past.unit.office, past.us, draw)
    verify(bundles["us"], tmp_path, "--key", bundle.material.key, status=0)
    other = verify(bundles["us"], tmp_path, "--key", "A" * 43 + "=", status=1)
    assert findings(other) == ["manifest.json: it is signed with another key than the one you gave"]


def test_the_days_are_counted_with_the_zone_in_the_bundle(bundles: dict[str, Files], tmp_path: Path) -> None:
    assert bundles["us"]["zones/UTC"].startswith(b"TZif")
    without = {name: content for name, content in bundles["us"].items() if name != "zones/UTC"}
    document = verify(without, tmp_path, status=1)
    assert any("ZoneInfoNotFoundError" in finding for finding in findings(document))


def test_the_same_verifier_is_written_every_time(bundles: dict[str, Files]) -> None:
    assert {hashlib.sha256(files["verify.py"]).hexdigest() for files in bundles.values()} == {
        hashlib.sha256(verifier()).hexdigest()
    }


def test_the_readme_says_how_it_is_checked_and_what_that_does_not_show(past: Past, bundles: dict[str, Files]) -> None:
    text = bundles["eu"]["README.txt"].decode()
    for part in (
        "python3 verify.py",
        past.eu,
        "It does not show",
        "The exact bytes sent and received are not in here",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120
    assert "THIS BUNDLE NAMES ACCOUNTS" in past.bundle(past.eu, contents=True)["README.txt"].decode()


def test_an_account_that_became_a_files_name_would_be_noticed(past: Past) -> None:
    files = past.bundle(past.us, contents=True)
    assert not [name for name in files if CANARY.partition("@")[0] in name]


def test_a_request_that_was_never_sent_can_be_exported(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    (request,) = unit.register()
    files = unpacked(export(unit.office, request, draw).archive)
    unit.close()
    document = verify(files, tmp_path / "empty", status=0)
    assert record(files)["state"] == "registered"
    assert record(files)["ends"] == []
    assert document["head"]["events"] == 1


def test_an_erased_case_can_still_be_proved_but_not_read(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.office.vault.erase("CY-2026-0412")
    files = unpacked(export(unit.office, request, draw).archive)
    verify(files, tmp_path / "empty", status=0)
    unit.close()


def test_there_is_no_bundle_of_a_request_that_is_not_there(past: Past) -> None:
    with pytest.raises(LookupError, match="there is no request"):
        export(past.unit.office, "HF-000000000000", draw)


def test_a_day_at_the_provider_is_not_a_day_in_utc(tmp_path: Path) -> None:
    """Sent at 23:00 UTC, it is the next day in Sydney already: the verifier needs the zone, and has it."""
    own = tmp_path / "unit" / "config" / "providers"
    own.mkdir(parents=True)
    text = PROVIDER.format(id="sydney", source=SOURCE).replace('zone = "UTC"', 'zone = "Australia/Sydney"')
    (own / "sydney.toml").write_text(text)
    unit = Unit(tmp_path / "unit")
    unit.later(hours=14)
    (request,) = unit.register({"provider": "sydney"})
    replying.record(unit.office, request, Reply(kind="sent", channel="post", to="sydney"))
    files = unpacked(export(unit.office, request, draw).archive)
    unit.close()
    verify(files, tmp_path / "empty", status=0)
    assert "zones/Australia/Sydney" in files
    assert record(files)["ends"][0]["strict_on"] == "2027-02-19"  # day 1 is 22 November


def test_a_bundle_is_one_zip_file_with_the_readme_first(past: Past, tmp_path: Path) -> None:
    files = unpacked(past.archive(past.us))
    assert list(files)[:4] == ["README.txt", "index.html", "verify.py", "manifest.json"]
    assert packed(files, tmp_path / "again.zip").stat().st_size > 0


def test_time_stamps_are_in_it_beside_the_heads_they_stamp(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    unit.play("alpha")
    (request,) = unit.preserve()
    head = export(unit.office, request, draw).material.head
    response = b"0\x82 a response of an authority " + bytes.fromhex(f"0420{head.digest}") + b" signed"
    unit.office.ledger.add_head(head.events, Stamp(head=head.digest, response=response).text())
    unit.later(days=1)
    files = unpacked(export(unit.office, request, draw).archive)
    unit.close()
    assert files["stamps/0001.head"].decode() == head.text()
    assert files["stamps/0001.tsr"] == response
    document = verify(files, tmp_path / "empty", status=0)
    assert any(check["what"] == "the time stamps (1) name heads of this bundle" for check in document["checks"])
    assert "openssl ts -verify" in files["README.txt"].decode()
    other = verify(files | {"stamps/0001.tsr": b"another"}, tmp_path / "empty", status=1)
    assert "stamps/0001.tsr: it does not name the SHA-256 of its head" in findings(other)


def test_heads_that_a_person_gave_up_after_a_restored_backup_are_told_and_are_no_findings(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    unit.play("alpha")
    (request,) = unit.preserve()
    ledger, key = unit.office.ledger, signing_key(unit.office.vault)
    events, root = ledger.head()
    lost = sign(ledger.identity, events=events, root="ab" * 32, at=unit.office.now(), key=key)
    ledger.add_head(events, lost.text())
    now = unit.later(hours=1)
    here = sign(ledger.identity, events=events, root=root, at=now, key=key)
    accepted = accept(here, gives_up=lost, because="the disk broke", by="Head of unit", key=key)
    ledger.add_head(events, accepted.text())
    unit.later(hours=1)
    files = unpacked(export(unit.office, request, draw).archive)
    unit.close()
    document = verify(files, tmp_path / "empty", status=0)
    notes = [note for check in document["checks"] for note in check["notes"]]
    assert any("Head of unit accepted" in note and "the disk broke" in note for note in notes)
    rest = b"".join(line + b"\n" for line in files["heads.jsonl"].splitlines() if b"accepted" not in line)
    names = findings(verify(files | {"heads.jsonl": rest}, tmp_path / "empty", status=1))
    assert any("nothing shows that the newest head's record begins with it" in each for each in names)
