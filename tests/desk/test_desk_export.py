"""`holdfast export` at a terminal: the bundle, its page, and the record for other tools."""

from __future__ import annotations

import errno
import io
import itertools
import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from desk_support import CANARY, Unit

from flows.picture import WIDTH, Life, Mark, Span, picture

TRAP = "<script>alert(1)</script> & \u202e\x1b[31m"


class Seen(HTMLParser):
    """What a browser would see: the text, the elements, and whether each one is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.elements, self.open, self.attributes = "", list[str](), list[str](), list[tuple[str, str]]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open and self.open[-1] != "style" else ""


def files(path: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def request_id(unit: Unit) -> str:
    (request,) = unit.preserve()
    unit("record", "note", request, "--text", TRAP)
    return request


def test_the_bundle_is_written_for_its_owner_alone_and_can_be_checked(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    result = unit("export", request_id, "-o", str(target))
    assert result.exit_code == 0, result.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "python3 verify.py" in result.stdout
    assert '"format":"holdfast-head/1"' in result.stdout, "the head, to be kept elsewhere"
    empty = unit.folder / "empty"
    empty.mkdir()
    (empty / "verify.py").write_bytes(files(target)["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", str(target)],
        cwd=empty,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "EVERYTHING FITS." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100 + 20  # one line has the verifier's own SHA-256


def test_its_json_says_what_was_signed(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    said = unit.json("export", request_id, "-o", str(target))
    manifest = json.loads(files(target)["manifest.json"])
    assert said["request"] == manifest["request"] == request_id
    assert said["head"]["key"] == manifest["key"]
    assert said["events"] == len(manifest["seqs"])
    assert said["with_contents"] is False
    assert said["verifier_sha256"] == manifest["files"]["verify.py"]["sha256"]


def test_a_file_that_is_there_is_never_written_over(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    target.write_text("mine")
    result = unit("export", request_id, "-o", str(target), "--with-contents", "--because", "for the court")
    assert result.exit_code == 2
    assert target.read_text() == "mine"
    kinds = [event["kind"] for event in unit.json("show", request_id)["events"]]
    assert "opened" not in kinds, "nothing was taken out"


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_full_disk_is_no_wrong_input_and_what_was_recorded_is_said(
    unit: Unit, request_id: str, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.parent == unit.folder:
            raise OSError(why, "the disk")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    target = str(unit.folder / "bundle.zip")
    result = unit("export", request_id, "-o", target)
    assert (result.exit_code, "recorded" in result.stderr) == (3, False), result.stderr
    result = unit("export", request_id, "-o", target, "--with-contents", "--because", "for the court")
    assert result.exit_code == 3
    assert "that you took the contents out is recorded already" in result.stderr
    assert not Path(target).exists()


def test_contents_need_a_reason(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    result = unit("export", request_id, "-o", str(target), "--with-contents")
    assert result.exit_code == 2
    assert "--because TEXT" in result.stderr
    assert not target.exists()


def test_a_folder_that_is_not_there_is_told(unit: Unit, request_id: str) -> None:
    result = unit("export", request_id, "-o", str(unit.folder / "missing" / "bundle.zip"))
    assert result.exit_code == 2
    assert "is no folder" in result.stderr


def test_accounts_stand_on_the_page_only_with_contents(unit: Unit, request_id: str) -> None:
    plain, whole = unit.folder / "plain.zip", unit.folder / "whole.zip"
    unit("export", request_id, "-o", str(plain))
    unit("export", request_id, "-o", str(whole), "--with-contents", "--because", "For the court, file 12/27")
    assert all(CANARY.encode() not in content for content in files(plain).values())
    assert CANARY in files(whole)["index.html"].decode()
    assert "For the court, file 12/27" in Seen(files(whole)["index.html"].decode()).text
    last = unit.json("show", request_id)["events"][-1]
    assert last["kind"] == "opened"
    for seen in unit.seen:
        assert CANARY not in seen


def test_the_page_is_whole_in_itself_and_nothing_in_it_is_markup_of_others(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    unit("export", request_id, "-o", str(target), "--with-contents", "--because", "for the court")
    html = files(target)["index.html"].decode()
    seen = Seen(html)
    assert seen.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.elements)
    assert "default-src 'none'" in html
    assert not [
        value for name, value in seen.attributes if name in {"href", "src"} and not value.startswith("contents/")
    ]
    assert [value for name, value in seen.attributes if name == "href"], "the bytes can be opened from the page"
    assert "<script>alert(1)</script> &" in seen.text, "shown as it was written"
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_the_page_says_what_a_lawyer_asks(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    unit("export", request_id, "-o", str(target))
    text = Seen(files(target)["index.html"].decode()).text
    record = json.loads(files(target)["record.json"])
    for heading in (
        "What was asked, of whom, under which law",
        "What happened",
        "Until when the data had to be kept",
        "Clocks that run",
        "What was sent, and what came back",
        "What became of each account",
        "The law and the practice that the dates rest on",
        "How to check this record",
        "It does not show",
        "All events",
    ):
        assert heading in text
    assert "18 U.S.C." in text or "2703(f)" in text
    for step in [line for end in record["ends"] for line in end["derivation"]]:
        assert step in text
    head = json.loads(files(target)["heads.jsonl"].splitlines()[-1])
    assert head["root"] in text


def test_a_hold_that_was_let_go_ends_on_the_page_too(unit: Unit, request_id: str) -> None:
    unit("release", request_id, "--because", "The answer is here")
    target = unit.folder / "bundle.zip"
    unit("export", request_id, "-o", str(target))
    html = files(target)["index.html"].decode()
    assert "Released." in Seen(html).text
    assert '<line class="end"' in html
    assert 'class="planned' not in html


def linked(unit: Unit, request_id: str) -> tuple[Path, Any]:
    """The record as CASE/UCO: its file, and what stands in it."""
    target, path = unit.folder / "bundle.zip", unit.folder / "case.jsonld"
    assert unit("export", request_id, "-o", str(target), "--case-uco").exit_code == 0
    path.write_bytes(files(target)["case.jsonld"])
    assert CANARY not in path.read_text()
    return path, json.loads(path.read_bytes())


def test_the_record_is_there_for_other_tools_with_its_hashes(unit: Unit, request_id: str) -> None:
    graph = linked(unit, request_id)[1]["@graph"]
    kinds = {node["@type"] for node in graph}
    assert {"case-investigation:Investigation", "case-investigation:Authorization", "uco-tool:Tool"} <= kinds
    actions = [node for node in graph if node["@type"] == "case-investigation:InvestigativeAction"]
    record = unit.json("show", request_id)
    assert [node["uco-core:name"] for node in actions] == [event["kind"] for event in record["events"]]
    ids = [node["@id"] for node in graph]
    assert len(set(ids)) == len(ids)
    hashes = {
        node["uco-core:hasFacet"]["uco-observable:hash"]["uco-types:hashValue"]["@value"]
        for node in graph
        if node["@type"] == "uco-observable:ObservableObject"
    }
    assert hashes == {
        digest.upper()
        for each in record["transmissions"]
        for digest in (each["sent_sha256"], each["received_sha256"])
        if digest
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_record_for_other_tools_conforms_to_case(unit: Unit, request_id: str) -> None:
    from case_utils.case_validate import validate

    result = validate(str(linked(unit, request_id)[0]), allow_warnings=False)
    assert result.conforms, result.text
    assert not result.undefined_concepts


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_record_that_says_what_case_does_not_know_does_not_conform(unit: Unit, request_id: str) -> None:
    """The check above can fail; it takes seconds, so that this stands apart."""
    from case_utils.case_validate import validate

    path, document = linked(unit, request_id)
    for node in document["@graph"]:
        if node["@type"] == "case-investigation:InvestigativeAction":
            node["uco-action:startTime"] = "yesterday"
    path.write_text(json.dumps(document))
    assert not validate(str(path), allow_warnings=False).conforms


def on(text: str) -> Any:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).date()


def drawn(**given: Any) -> ET.Element:
    life = {
        "spans": (
            Span(first=on("2026-11-21"), last=on("2027-02-18"), legal=on("2027-02-19"), what="first", confirmed=True),
            Span(
                first=on("2027-02-18"), last=on("2027-05-19"), legal=on("2027-05-20"), what="second", confirmed=False
            ),
        ),
        "marks": tuple(Mark(on=on("2026-11-21"), number=number) for number in range(1, 60)),
        "today": on("2027-01-01"),
        "open_from": None,
        "ended_on": None,
        "mla_on": on("2026-12-01"),
        "p50_on": on("2027-04-30"),
        "p90_on": on("2027-10-21"),
    } | given
    return ET.fromstring(picture(Life(**life)))  # noqa: S314 - our own


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"spans": ()},
        {"marks": ()},
        {"open_from": on("2027-02-01")},
        {"open_from": on("2026-11-21"), "ended_on": on("2027-06-01")},
        {"ended_on": on("2026-11-21"), "p90_on": on("2031-01-01")},
    ],
)
def test_nothing_of_the_picture_lies_outside_it(given: dict[str, Any]) -> None:
    for element in drawn(**given).iter():
        for name in ("x", "x1", "x2", "cx"):
            place = float(element.get(name, 0))
            assert 0 <= place <= WIDTH
            assert place + float(element.get("width", 0)) <= WIDTH + 0.1
        assert float(element.get("width", 1)) > 0


def test_points_of_one_day_are_moved_apart() -> None:
    marks = tuple(Mark(on=on("2027-10-21"), number=number) for number in range(1, 10))
    places = sorted(float(each.get("cx", 0)) for each in drawn(marks=marks).iter() if each.get("class") == "mark")
    assert len(places) == 9
    assert min(b - a for a, b in itertools.pairwise(places)) > 20


def test_a_bundle_is_a_zip_file_that_any_tool_opens(unit: Unit, request_id: str) -> None:
    target = unit.folder / "bundle.zip"
    unit("export", request_id, "-o", str(target))
    with zipfile.ZipFile(io.BytesIO(target.read_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "README.txt"
