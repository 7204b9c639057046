# ruff: noqa: E501 - each message stands in one piece, as a person reads it
"""What is said of a bad case file: every problem at once, where it is, what to write instead, and never a value."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from casefile_helpers import (
    EXAMPLES,
    GOOD,
    NOW,
    ROOT,
    Keys,
    changed,
    good,
    lines_of,
    read_rows,
    read_text,
    read_tree,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.casefile import read_case
from flows.identifiers import CHECKS
from flows.problems import LISTED, Problem

AT = "case.json: line 1: "


def said(problems: tuple[Problem, ...]) -> list[str]:
    """The messages without what is the same in all of them."""
    lines = [line.removeprefix("error: ") for line in lines_of(problems)]
    return [line.removeprefix(AT).removeprefix("case.json: ") for line in lines]


def test_the_bad_example_gets_exactly_what_its_documentation_says() -> None:
    documented = re.findall(r"```text\n(.*?)\n```", (ROOT / "docs" / "case-file.md").read_text(), re.DOTALL)[0]
    case, problems = read_case(EXAMPLES / "bad-case.toml", now=NOW)
    assert case is None
    assert lines_of(problems) == documented.splitlines()
    assert len(problems) > 40


def test_problems_come_in_the_order_of_the_lines() -> None:
    _, problems = read_case(EXAMPLES / "bad-case.toml", now=NOW)
    for file in ("bad-case.toml", "bad-accounts.csv"):
        numbers = [
            int(re.findall(r": line (\d+)", each.where)[0]) for each in problems if each.where.startswith(file)
        ]
        assert numbers == sorted(numbers)


# The form of the file


QUOTES = "put text in double quotes; days are written 2026-12-01, instants 2026-09-01T00:00:00Z, flags true or false"
BACKSLASH = "a backslash in double quotes; put the text in single quotes, or double each backslash"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[case]\nunit = Example Police", f"line 2, column 8: a value is missing or cannot be read; {QUOTES}"),
        ("unit = ", f"line 1, column 7: a value is missing or cannot be read; {QUOTES}"),
        ('a = "C:\\cases"', f"line 1, column 10: {BACKSLASH}"),
        ('a = "\\ud800"', f"line 1, column 12: {BACKSLASH}"),
        ('a = "x\n', 'line 1, column 7: a text does not end on its line; close its quotes, or use """ for several lines'),
        ('a = """x\n', "line 1, column 9: a text does not end; close its quotes"),
        ("a = 'x", "line 1, column 7: a text does not end; close its quotes"),
        (
            'a = ["x"\nb = 1',
            "line 2, column 1: a list does not end, or a comma is missing; separate its entries with commas and close"
            " it with ]",
        ),
        (
            'a = { x = 1\n}',
            "line 1, column 12: a table in braces does not end on its line, or a comma is missing; separate its keys"
            " with commas and close it with }",
        ),
        ("a = 2026-02-30", "line 1, column 5: there is no such date or time; check the day and the hour"),
        ("a = 1 2", f"line 1, column 7: something stands behind the value; write one key and one value a line; {QUOTES}"),
        ("a", "line 1, column 2: a key without a value; write key = value"),
        ("= 1", "line 1, column 1: neither a key nor a table; write key = value, or [table] on a line of its own"),
        ("a. = 1", "line 1, column 4: a key is missing or cannot be read; write key = value, the key without spaces"),
        ("[[a]\n", "line 1, column 4: the name of a table does not end; close it with as many brackets as it begins with"),
        (
            "[a]\n[a]\n",
            "line 2, column 3: a table is given twice; join the two; each [[request]] is written with two brackets",
        ),
        ("a = 1\na = 2\n", "line 2, column 6: a key is given twice; keep one of them"),
        ("a = { x = 1, x = 2 }", "line 1, column 19: a key is given twice; keep one of them"),
        ("a = {x = 1}\n[a.b]\n", "line 2, column 5: a table is given twice; join the two; each [[request]] is written with two brackets"),
        ("a = 1\x07", "line 1, column 6: a control character (U+0007) that no text contains; remove it; if the file is full of them, it is not a text file"),
        ("a = " + "1" * 5000, "contains a number that is far too long; put identifiers in double quotes"),
        ("a = " + "[" * 5000, "is nested too deeply; compare with the example in docs/case-file.md"),
        ("", "is empty; compare with the example in docs/case-file.md"),
        ("# only a comment\n", "is empty; compare with the example in docs/case-file.md"),
    ],
)  # fmt: skip
def test_toml_that_is_not_toml_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    case, problems = read_text(tmp_path, text)
    assert case is None
    assert lines_of(problems) == [f"error: case.toml: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "line 1, column 5: a colon where none may stand; put text with a colon in quotes, and align the keys"),
        ("a:\n\tb: 1", "line 2, column 1: a value begins with a character that YAML reserves; put the text in quotes, indent with spaces"),
        ("a: @name", "line 1, column 4: a value begins with a character that YAML reserves; put the text in quotes, indent with spaces"),
        ("a: 'x", "line 1, column 6: a text or a list does not end; close its quotes or brackets"),
        ("a: [1", "line 2, column 1: the lines do not fit together; align the keys of a table, and put text in quotes"),
        ("a: 1\n b: 1", "line 2, column 3: a colon where none may stand; put text with a colon in quotes, and align the keys"),
        ('a: "\\q"', "line 1, column 5: a backslash in double quotes; put the text in single quotes, or double each backslash"),
        ('a: "\\xzz"', "line 1, column 7: a backslash in double quotes; put the text in single quotes, or double each backslash"),
        ("a: 1\na: 2", "line 2, column 1: a key is given twice; keep one of them"),
        ("a: &x 1\nb: *x", "line 1: an anchor (&name) or a tag (!name); leave it out; put text in quotes"),
        ("b: *x", "line 1: an alias (*name); write the value out"),
        ("a: !!python/object:os.system x", "line 1: an anchor (&name) or a tag (!name); leave it out; put text in quotes"),
        ("a: 1\n---\nb: 1", "line 2: a second document begins; one file holds one case: remove the line ---"),
        ("? [a]\n: 1", "line 1: a key that is a list or a table; write key: value"),
        ("a: 2026-13-01", "line 1, column 4: a date, a time or a number that does not exist; check it; put text in quotes"),
        ("[" * 10_000, "line 1: is nested too deeply; compare with the example in docs/case-file.md"),
        ("", "is empty; compare with the example in docs/case-file.md"),
    ],
)  # fmt: skip
def test_yaml_that_is_not_yaml_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    case, problems = read_text(tmp_path, text, "case.yaml")
    assert case is None
    assert lines_of(problems) == [f"error: case.yaml: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n}', 'line 2, column 1: a key is missing, or a comma is too many; write "key": value, with no comma after the last'),
        ('{"a": 1\n"b": 1}', "line 2, column 1: a comma is missing; separate entries with commas"),
        ('{"a" 1}', 'line 1, column 6: a key without a value; write "key": value'),
        ('{"a": yes}', "line 1, column 7: a value is missing, or a comma is too many; put text and dates in double quotes"),
        ('{"a": "\\q"}', "line 1, column 8: a backslash; double each backslash"),
        ('{"a": "x', "line 1, column 7: a text does not end; close its quotes"),
        ('{"a": "x\n"}', "line 1, column 9: a text does not end on its line; close its quotes, and write a new line as \\n"),
        ('{"a": 1} {}', "line 1, column 10: something stands behind the end; one { … } holds the whole case"),
        ('{"a": NaN}', "contains NaN or Infinity; put text in double quotes"),
        ('{"a": 1,\n"a": 2}', "line 2: a key is given twice; keep one of them"),
        ("[" * 100_000, "is nested too deeply; compare with the example in docs/case-file.md"),
        ("", "line 1, column 1: a value is missing, or a comma is too many; put text and dates in double quotes"),
        ("[]", "is empty; compare with the example in docs/case-file.md"),
        ("[1]", "expected a table, found a list; its keys are case, request"),
    ],
)  # fmt: skip
def test_json_that_is_not_json_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    case, problems = read_text(tmp_path, text, "case.json")
    assert case is None
    assert lines_of(problems) == [f"error: case.json: {message}"]


UTF8 = 'save it as UTF-8 (in a text editor: "Save as", encoding UTF-8)'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[case]".encode("utf-16"), f"is written in UTF-16, not in UTF-8; {UTF8}"),
        (b'[case]\nunit = "\xe9"', f"line 2, byte 9: 0xE9 is not UTF-8; {UTF8}"),
        (b'\xef\xbb\xbf[case]\nunit = "\xe9"', f"line 2, byte 9: 0xE9 is not UTF-8; {UTF8}"),
        (b"PK\x03\x04rest", "is a spreadsheet or a zip file, not a text; export it as text first"),
    ],
)
def test_a_file_that_is_no_utf8_text_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    case, problems = read_text(tmp_path, content)
    assert case is None
    assert lines_of(problems) == [f"error: case.toml: {message}"]


def test_a_byte_order_mark_and_any_line_ends_are_read(tmp_path: Path) -> None:
    text = (EXAMPLES / "case.toml").read_text()
    (tmp_path / "accounts.csv").write_bytes((EXAMPLES / "accounts.csv").read_bytes())
    case, problems = read_text(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert problems == ()
    assert case is not None
    assert case.requests[0].where == "case.toml: line 28: request[0]"


def test_a_path_that_is_no_readable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.toml")
    with (tmp_path / "large.toml").open("wb") as large:
        large.truncate(10_000_001)
    (tmp_path / "notes.txt").write_text("")
    expected = {
        "missing.toml": "there is no such file; check its name and its folder",
        "folder.toml": "is a folder; give a file",
        "loop.toml": "cannot be read: Too many levels of symbolic links; check its name and the disk it is on",
        "device.toml": "is not a plain file; give a file on a disk",
        "pipe.toml": "is not a plain file; give a file on a disk",
        "large.toml": "is larger than 10 MB and was not read; split it, or check that it is the right file",
        "notes.txt": "its name does not say how it is written; name it .toml, .yaml or .json, by what is in it",
        "a" * 300 + ".toml": "cannot be read: File name too long; check its name and the disk it is on",
        "nul\0.toml": "cannot be read: not a name that a file can have; check its name and the disk it is on",
    }
    for name, message in expected.items():
        case, problems = read_case(tmp_path / name, now=NOW)
        assert case is None
        assert lines_of(problems) == [f"error: {name.replace(chr(0), '?')}: {message}"]


def test_a_disk_that_fails_while_reading_is_told(tmp_path: Path) -> None:
    (tmp_path / "case.toml").symlink_to("/proc/self/mem")  # a plain file whose first page cannot be read
    case, problems = read_case(tmp_path / "case.toml", now=NOW)
    assert case is None
    assert lines_of(problems) == [
        "error: case.toml: cannot be read: Input/output error; check its name and the disk it is on"
    ]
    (tmp_path / "accounts.csv").symlink_to("/proc/self/mem")
    case, problems = read_tree(tmp_path, changed(request__0__identifiers_file="accounts.csv"))
    assert case is None
    assert said(problems) == [
        "request[0].identifiers_file: cannot be read: Input/output error; check the disk it is on"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "case.toml").touch(mode=0o000)
    _, problems = read_case(tmp_path / "case.toml", now=NOW)
    assert [problem.problem for problem in problems] == ["may not be read by this user"]


# What is in the file

CASE_KEYS = "the keys here are reference, unit, country, offence, officer, mla"
UNIT = "give the requesting unit, as the provider is to see it"
FUTURE = "only data that exist can be preserved: write a moment that has passed"
INSTANT = "write the date, the time and the offset, for example 2026-09-01T00:00:00Z"
DAY = "write a day, for example 2026-12-01"
PASTED = "type the text by hand instead of pasting it"
MLA = {"requested_state": "US"}


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        # keys
        ({"case__unti": "x"}, ['case.unti: unknown key; did you mean "unit"?']),
        ({"case__zzz": "x"}, [f"case: unknown key; {CASE_KEYS}"]),
        ({"case__un it": "x"}, [f"case: unknown key; {CASE_KEYS}"]),
        ({"cases": {}}, ['cases: unknown key; did you mean "case"?']),
        ({"case": ...}, ["case: is missing; give a table [case] with the case"]),
        ({"request": ...}, ["request: is missing; give one [[request]] for each provider and legal basis"]),
        ({"request": []}, ["request: is missing; give one [[request]] for each provider and legal basis"]),
        (
            {"request": {}},
            ["request: expected a list, found a table; give one [[request]] for each provider and legal basis"],
        ),
        (
            {"request": [1]},
            ["request[0]: expected a table, found a number; its keys are provider, instrument, categories, from, to,"
             " confidential, urgency, identifiers, identifiers_file, necessity, custodian, validated_by, made_on,"
             " user_location, language, emergency_reason, snapshot_of, follows, partial_disclosure,"
             " notice_accepted_by, unverified_accepted_by, note"],
        ),
        ({"case__officer": "x"}, ["case.officer: expected a table, found text; its keys are name, badge, email, phone"]),
        ({"case__officer": ...}, ["case.officer: is missing; give a table with the name, badge, e-mail address and"
                                  " telephone of the officer"]),
        ({"case__offence": ...}, ["case.offence: is missing; give a table with the title, the provisions and the facts"
                                  " of the offence"]),
        ({"case__unit": ...}, [f"case.unit: is missing; {UNIT}"]),
        # text
        ({"case__unit": ""}, [f"case.unit: is empty; {UNIT}"]),
        ({"case__unit": " \t"}, [f"case.unit: is empty; {UNIT}"]),
        ({"case__unit": 17}, [f"case.unit: expected text, found a number; {UNIT}; text stands in quotes"]),
        ({"case__unit": True}, [f"case.unit: expected text, found true or false; {UNIT}; text stands in quotes"]),
        ({"case__unit": None}, [f"case.unit: expected text, found nothing; {UNIT}"]),
        ({"case__unit": ["x"]}, [f"case.unit: expected text, found a list; {UNIT}"]),
        ({"case__unit": "x" * 513}, ["case.unit: is longer than 512 characters; shorten it"]),
        ({"case__offence__facts": "x" * 20_001}, ["case.offence.facts: is longer than 20000 characters; shorten it"]),
        ({"case__unit": "a\nb"}, ["case.unit: has an invisible or unusual character at position 2: U+000A (a control"
                                  f" character); {PASTED}"]),
        ({"case__unit": "a\u200bb"}, ["case.unit: has an invisible or unusual character at position 2: U+200B (zero"
                                      f" width space); {PASTED}"]),
        ({"case__unit": "\ud800"}, ["case.unit: has an invisible or unusual character at position 1: U+D800 (without"
                                    f" a name); {PASTED}"]),
        ({"case__offence__facts": "a\u202eb"}, ["case.offence.facts: has an invisible or unusual character at position"
                                                f" 2: U+202E (right-to-left override); {PASTED}"]),
        ({"case__offence__provisions": "Art. 1"}, ["case.offence.provisions: expected a list, found text; give a list"
                                                   " of the provisions of law"]),
        ({"case__offence__provisions": ["Art. 1", 2, ""]},
         ["case.offence.provisions[1]: expected text, found a number; put it in quotes",
          "case.offence.provisions[2]: is empty; give a list of the provisions of law"]),
        # countries
        ({"case__country": "fr"}, ['case.country: is not two capital letters; write "FR"']),
        ({"case__country": "France"}, ["case.country: is not two capital letters; give the requesting State as two"
                                       ' capital letters, such as "FR" (ISO 3166-1)']),
        ({"case__country": "UK"}, ['case.country: is not the code of that State; write "GB"']),
        ({"case__country": "EL"}, ['case.country: is not the code of that State; write "GR"']),
        ({"case__country": False}, ["case.country: expected text, found true or false; put it in quotes: YAML reads a"
                                    ' bare NO as "no"']),
        ({"request__0__user_location": "ie"}, ['request[0].user_location: is not two capital letters; write "IE"']),
        # the officer
        ({"case__officer__email": "x"}, ['case.officer.email: has no @; write name@domain; a handle is a "username"']),
        ({"case__officer__phone": "0199000100"}, ["case.officer.phone: has no + and country code; write it as it is"
                                                  " dialled from abroad: +, the country code and the number, without"
                                                  " brackets"]),
        ({"case__officer__badge": ...}, ["case.officer.badge: is missing; give the badge or service number by which"
                                         " the unit knows the officer"]),
        # the MLA request
        ({"case__mla": MLA}, ["case.mla: does not say when; give send_on for a plan, or sent_on or received_on for what"
                              " happened"]),
        ({"case__mla__send_on": "soon"}, [f"case.mla.send_on: expected a day; {DAY}"]),
        ({"case__mla__send_on": 2026}, [f"case.mla.send_on: expected a day; {DAY}"]),
        ({"case__mla__send_on": "2026-02-29"}, [f"case.mla.send_on: there is no such day; {DAY}"]),
        ({"case__mla__send_on": "2026-12-01T00:00:00Z"},
         [f"case.mla.send_on: expected a day, found a day with a time; {DAY}"]),
        ({"case__mla__send_on": "0226-12-01"},
         ["case.mla.send_on: lies outside the years 1970 to 2200; check the year"]),
        ({"case__mla__send_on": "2026-11-19"}, ["warning: case.json: line 1: case.mla.send_on: is past; if the request"
                                                " was sent, write sent_on instead; if not, plan a new day"]),
        ({"case__mla": {**MLA, "reference": "R", "sent_on": "2026-11-20", "send_on": "2026-12-01"}},
         ["case.mla.send_on: is a plan beside sent_on; remove send_on: the request was sent"]),
        ({"case__mla": {**MLA, "reference": "R", "sent_on": "2026-11-20", "received_on": "2026-11-19"}},
         ["case.mla.received_on: is before sent_on; check both days"]),
        ({"case__mla": {**MLA, "reference": "R", "sent_on": "2026-12-01"}},
         ["case.mla.sent_on: lies in the future; use send_on for a day that is planned"]),
        ({"case__mla": {**MLA, "received_on": "2026-11-19"}},
         ["warning: case.json: line 1: case.mla: received_on without a reference; give the reference: providers ask for"
          " proof of the request"]),
        # the request
        ({"request__0__provider": ...}, ["request[0].provider: is missing; give the provider, as `holdfast providers`"
                                         ' lists it, such as "sandbox-mail"']),
        ({"request__0__categories": ...}, ["request[0].categories: is missing; give a list of the data asked for, of"
                                           " subscriber, traffic, content"]),
        ({"request__0__categories": []}, ["request[0].categories: is empty; give a list of the data asked for, of"
                                          " subscriber, traffic, content"]),
        ({"request__0__categories": ["trafic", "mails"]},
         ['request[0].categories[0]: unknown word; did you mean "traffic"?',
          "request[0].categories[1]: unknown word; write subscriber or traffic or content"]),
        ({"request__0__categories": ["content", "content"]},
         ["warning: case.json: line 1: request[0].categories[1]: is there twice; remove one of them"]),
        ({"request__0__language": "EN"}, ['request[0].language: is not two small letters; write "en"']),
        ({"request__0__language": "English"},
         ['request[0].language: is not two small letters; give the language of the letter as two small letters, such as'
          ' "en" (ISO 639-1)']),
        ({"request__0__snapshot_of": "HF-0000000000J2"},
         ["request[0].snapshot_of: is not the id of a request; copy it from `holdfast board`: HF- and 12 characters, the"
          " last of which checks the others"]),
        ({"request__0__follows": "MLA-77"},
         ["request[0].follows: is not the id of a request; copy it from `holdfast board`: HF- and 12 characters, the last"
          " of which checks the others"]),
        ({"request__0__follows": "hf-0000000000j1", "request__0__snapshot_of": "HF-0000000000J1"},
         ["request[0].follows: stands beside snapshot_of; keep snapshot_of for the same account again, or follows for"
          " what an answer named"]),
        ({"request__0__partial_disclosure": "yes"},
         ["request[0].partial_disclosure: expected true or false, found text; give true to ask for the traffic data that"
          " name further providers (Budapest art. 30)"]),
        ({"request__0__urgency": "urgent"}, ["request[0].urgency: unknown word; write expedited or emergency"]),
        ({"request__0__confidential": "yes"},
         ["request[0].confidential: expected true or false, found text; give true to ask the provider not to tell its"
          " user, as it is where this is left out, or false"]),
        ({"request__0__confidential": 1},
         ["request[0].confidential: expected true or false, found a number; give true to ask the provider not to tell"
          " its user, as it is where this is left out, or false"]),
        ({"request__0__from": "2026-09-01T00:00:00"},
         ["request[0].from: has no time zone; write 2026-09-01T00:00:00Z (Z is UTC), or an offset such as +02:00"]),
        ({"request__0__from": "2026-09-01"}, [f"request[0].from: is a day without a time; {INSTANT}"]),
        ({"request__0__from": "yesterday"}, [f"request[0].from: expected a date and time; {INSTANT}"]),
        ({"request__0__from": "2026-09-31T00:00:00Z"}, [f"request[0].from: there is no such date or time; {INSTANT}"]),
        ({"request__0__from": "9999-12-31T23:59:59-10:00"},
         ["request[0].from: lies outside the years 1970 to 2200; check the year"]),
        ({"request__0__from": "2026-11-20T00:00:01Z"},
         ["request[0].to: the period ends at or before its beginning; check from and to"]),
        ({"request__0__from": "2026-12-01T00:00:00Z", "request__0__to": ...},
         [f"request[0].from: lies in the future; {FUTURE}"]),
        ({"request__0__to": "2026-12-01T00:00:00Z"},
         [f"request[0].to: lies in the future; {FUTURE}, or leave it out for all that exists when the request arrives"]),
        ({"request__0__from": ...},
         ["warning: case.json: line 1: request[0]: the period has no beginning; give from: providers refuse requests"
          " that are too broad"]),
        # identifiers
        ({"request__0__identifiers": ...},
         ["request[0]: names no identifier; give identifiers, or an identifiers_file with at least one row"]),
        ({"request__0__identifiers": []},
         ["request[0]: names no identifier; give identifiers, or an identifiers_file with at least one row"]),
        ({"request__0__identifiers": {"type": "email"}},
         ['request[0].identifiers: expected a list, found a table; give a list such as [ { type = "email", value ='
          ' "…" } ]']),
        ({"request__0__identifiers__0": "x"},
         ["request[0].identifiers[0]: expected a table, found text; its keys are type, value, from, to, zone, port, chain"]),
        ({"request__0__identifiers__0": {"email": "x"}},
         ['request[0].identifiers[0]: unknown key; write type = "email", and the identifier as value']),
        ({"request__0__identifiers__0__valeu": "x"},
         ['request[0].identifiers[0].valeu: unknown key; did you mean "value"?']),
        ({"request__0__identifiers__0__value": ...},
         ["request[0].identifiers[0].value: `value` is missing; give the identifier, as the provider knows it"]),
        ({"request__0__identifiers__0__value": " "},
         ["request[0].identifiers[0].value: `value` is empty; give the identifier, as the provider knows it"]),
        ({"request__0__identifiers__0__value": 15550100},
         ["request[0].identifiers[0].value: `value` is a number, not text; give the identifier, as the provider knows"
          " it; text stands in quotes"]),
        ({"request__0__identifiers__0__value": "x" * 513},
         ["request[0].identifiers[0].value: `value` is longer than 512 characters; give one identifier in each entry"]),
        ({"request__0__identifiers__0__value": "a\u2066b"},
         ["request[0].identifiers[0].value: `value` has an invisible or unusual character at position 2: U+2066"
          " (left-to-right isolate); type it by hand instead of pasting it"]),
        ({"request__0__identifiers__0__value": "a\u00a0b"},
         ["request[0].identifiers[0].value: `value` has an invisible or unusual character at position 2: U+00A0"
          " (no-break space); type it by hand instead of pasting it"]),
        ({"request__0__identifiers__0__type": "telephone"},
         ['request[0].identifiers[0].type: there is no such type of identifier; did you mean "phone"?']),
        ({"request__0__identifiers__0__type": "emial"},
         ['request[0].identifiers[0].type: there is no such type of identifier; did you mean "email"?']),
        ({"request__0__identifiers__0__from": "2026-09-02T00:00:00Z",
          "request__0__identifiers__0__to": "2026-09-01T00:00:00Z"},
         ["request[0].identifiers[0].to: `to` is before `from`; check both"]),
        ({"request__0__identifiers__0__from": "2026-12-02T00:00:00Z"},
         ["request[0].identifiers[0].from: `from` lies in the future; only data that exist can be preserved: check the"
          " date"]),
        ({"request__0__identifiers__0__zone": "../../etc/passwd"},
         ["request[0].identifiers[0].zone: there is no time zone of that name; write an IANA name, for example"
          ' "Europe/Paris", or "UTC"']),
        ({"request__0__identifiers__0__zone": "Europe"},
         ["request[0].identifiers[0].zone: there is no time zone of that name; write an IANA name, for example"
          ' "Europe/Paris", or "UTC"']),
        ({"request__0__identifiers__0__zone": "Europe/Paris",
          "request__0__identifiers__0__from": "2026-03-29T02:30:00"},
         ["request[0].identifiers[0].from: `from` is a local time that happens twice or never, because the clocks"
          " change then; write it with its offset, for example 2026-09-01T00:00:00Z"]),
        # the identifiers file
        ({"request__0__identifiers_file": "missing.csv"},
         ["request[0].identifiers_file: there is no such file; check its name and its folder"]),
        ({"request__0__identifiers_file": "."}, ["request[0].identifiers_file: is a folder; give a file"]),
        ({"request__0__identifiers_file": "a/../../accounts.csv"},
         ["request[0].identifiers_file: leads out of the folder of the case file; put it beside the case file, or give"
          " its whole path from the root"]),
        ({"request__0__identifiers_file": ""},
         ["request[0].identifiers_file: is empty; give a CSV file with the columns type, value and perhaps from, to,"
          " zone, port, chain"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, changes: dict[str, Any], messages: list[str]
) -> None:
    case, problems = read_tree(tmp_path, changed(**changes))
    assert said(problems) == messages
    assert (case is None) == any(problem.severity == "error" for problem in problems)


def test_what_yaml_makes_of_text_without_quotes_is_told(tmp_path: Path) -> None:
    text = "case:\n  country: NO\n  officer:\n    phone: +33199000100\n    badge: 0777\n"
    _, problems = read_text(tmp_path, text, "case.yaml")
    assert [str(problem) for problem in problems if "found" in problem.problem] == [
        'case.yaml: line 2: case.country: expected text, found true or false; put it in quotes: YAML reads a bare NO as "no"',
        "case.yaml: line 4: case.officer.phone: expected text, found a number; give a telephone number with + and the country code; text stands in quotes",
        "case.yaml: line 5: case.officer.badge: expected text, found a number; give the badge or service number by which the unit knows the officer; text stands in quotes",
    ]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    tree = changed(case__unit="", case__country="fr", request__0__provider=..., request__0__urgency="x")
    tree["request"].append({})
    _, problems = read_tree(tmp_path, tree)
    assert [problem.where.removeprefix(AT) for problem in problems] == [
        "request[0].provider",
        "request[0].urgency",
        "request[1].provider",
        "request[1].instrument",
        "request[1].categories",
        "request[1]",
        "case.unit",
        "case.country",
        "request[1]",
    ]
    assert [problem.severity for problem in problems] == ["error"] * 8 + ["warning"]


def test_a_missing_key_is_told_at_the_line_of_its_table(tmp_path: Path) -> None:
    _, problems = read_text(tmp_path, "# one\n\n[[request]]\n# two\n[[request]]\nprovider = 'x'\n")
    assert [problem.where for problem in problems if problem.where.endswith("instrument")] == [
        "case.toml: line 3: request[0].instrument",
        "case.toml: line 5: request[1].instrument",
    ]


# The identifiers file


HEADER = "write type,value as the first line; from, to, zone, port and chain may follow"
CSV = 'save it as UTF-8 (in a spreadsheet: "CSV UTF-8")'


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        (b"", [f": is empty; {HEADER}"]),
        (b"\n\n", [f": is empty; {HEADER}"]),
        (b"type,value\n\n", [": has a header and no row; write one identifier a line below it, or leave the file out"]),
        (b"email,a@example.com\n", [f": line 1: the first line is no header; {HEADER}"]),
        (b"type,name\n", [": line 1: the name of column 2 is not known; the columns are type, value, from, to, zone, port, chain",
                          f": line 1: there is no column value; {HEADER}"]),
        (b"type,value,form\n", [': line 1: the name of column 3 is not known; did you mean "from"?']),
        (b"type,value,value\n", [": line 1: the column value is there twice; remove one of them"]),
        (b'type,"value\n', [': line 1: its quotes do not match; put quotes around the whole cell, close them on the same'
                            ' line, and write "" for a quote inside',
                            f": line 1: the first line is no header; {HEADER}"]),
        ("type,value\n".encode("utf-16"), [f": is written in UTF-16, not in UTF-8; {CSV}"]),
        (b"PK\x03\x04", [f": is a spreadsheet or a zip file, not a text; {CSV}"]),
        (b"type,value\remail,a@example.com\r" * 999,
         [f": has lines that end with a carriage return alone; {CSV}"]),
        (b"type,value\nemail,\xe9@example.com\n", [f": line 2: byte 7 (0xE9) is not UTF-8; {CSV}"]),
        (b"type,value\nemail,a\x00@example.com\n",
         [": line 2: `value` has an invisible or unusual character at position 2: U+0000 (a control character); type it"
          " by hand instead of pasting it"]),
        (b"type,value\nemail," + b"x" * 100_000 + b"\nemail,b\n",
         [": line 2: is longer than any row can be; write one identifier a line",
          ': line 3: the email has no @; write name@domain; a handle is a "username"']),
        (b"type,value\nemail,a,b\n",
         [": line 2: has 3 cells, the header has 2; put a value that contains the separator in double quotes"]),
        (b'type,value\nother,"a\nother,b"\n',
         [': line 2: its quotes do not match; put quotes around the whole cell, close them on the same line, and write "" for a quote inside']),
        (b"type,value\n,a@example.com\nemail\n",
         [": line 2: `type` is missing; give one of email, phone, username, user_id, url, ip, imei, wallet,"
          " or another that docs/case-file.md lists",
          ": line 3: `value` is missing; give the identifier, as the provider knows it"]),
        (b"type,value\na@example.com,email\n",
         [": line 2: there is no such type of identifier; write one of email, phone, username, user_id, url, ip, imei,"
          " wallet, or another that docs/case-file.md lists"]),
    ],
)  # fmt: skip
def test_a_bad_identifiers_file_is_told_by_line(tmp_path: Path, rows: bytes, messages: list[str]) -> None:
    case, problems = read_rows(tmp_path, rows)
    assert case is None
    assert lines_of(problems) == [f"error: accounts.csv{message}" for message in messages]


def test_an_identifiers_file_above_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(50_000_001)
    case, problems = read_tree(tmp_path, changed(request__0__identifiers_file="large.csv"))
    assert case is None
    assert said(problems) == [
        "request[0].identifiers_file: is larger than 50 MB and was not read; split it, or check that it is the right"
        " file"
    ]


def test_at_most_fifty_problems_of_a_file_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    rows = "type,value\n" + "email,broken\n" * LISTED
    _, problems = read_rows(tmp_path, rows)
    assert len(problems) == LISTED
    _, problems = read_rows(tmp_path, rows + "email,broken\n")
    assert len(problems) == LISTED + 1
    assert str(problems[-1]) == ("accounts.csv: and 1 more error; mend the ones above, then read the file again")
    _, problems = read_rows(tmp_path, rows + "email,broken\nusername,a\nusername,a\nusername,a\n")
    assert problems[-1].problem == "and 1 more error and 2 more warnings"
    assert problems[-1].severity == "error"


def test_a_flood_of_warnings_hides_no_error(tmp_path: Path) -> None:
    case, problems = read_rows(tmp_path, "type,value\n" + "username,a\n" * 200 + "email,broken\n")
    assert case is None
    assert [str(problem) for problem in problems if problem.severity == "error"] == [
        'accounts.csv: line 202: the email has no @; write name@domain; a handle is a "username"'
    ]
    assert problems[-1].problem == "and 150 more warnings"
    assert problems[-1].severity == "warning"


def test_an_identifiers_file_is_not_read_whole_into_one_line(tmp_path: Path) -> None:
    case, problems = read_rows(tmp_path, b"type,value\n" + b"x" * 5_000_000)
    assert case is None
    assert [problem.problem for problem in problems] == ["is longer than any row can be"]


# Whatever is in the file, problems come back and nothing is raised; and no identifier is in them.


CANARY = "zq7canary"
VALUES = (
    CANARY,
    f"{CANARY}@example.com",
    f"{CANARY}@",
    f"@{CANARY}",
    f"https://example.com/{CANARY}",
    f"+{CANARY}",
    f" {CANARY}\u202e",
    f"{CANARY}\x00",
    f"{CANARY}/../../{CANARY}.csv",
    f"2026-09-01T00:00:00{CANARY}",
    CANARY * 100,
)
SHAPES: tuple[Any, ...] = (
    *VALUES,
    [CANARY],
    {CANARY: CANARY},
    {"type": CANARY, "value": CANARY},
    {"type": "email", CANARY: "email"},
    [{"email": CANARY}, {"value": CANARY}, {CANARY: {CANARY: [CANARY]}}],
)


def places(tree: object, place: Keys = ()) -> list[Keys]:
    inner: list[Keys] = []
    if isinstance(tree, dict):
        inner = [each for key, value in tree.items() for each in places(value, (*place, key))]
    elif isinstance(tree, list):
        inner = [each for number, value in enumerate(tree) for each in places(value, (*place, number))]
    return [place, *inner] if place else inner


@pytest.mark.parametrize("place", places(GOOD), ids=lambda place: ".".join(map(str, place)))
def test_no_value_put_anywhere_is_told_in_a_problem(tmp_path: Path, place: Keys) -> None:
    told = 0
    for shape in SHAPES:
        for key in (place[-1], CANARY) if isinstance(place[-1], str) else (place[-1],):
            tree = good()
            at: Any = tree
            for part in place[:-1]:
                at = at[part]
            at[key] = shape
            case, problems = read_tree(tmp_path, tree)
            told += len(problems)
            assert CANARY not in str(problems).casefold()
            assert case is not None or problems
    assert told


@pytest.mark.parametrize("kind", CHECKS)
def test_no_value_of_any_type_is_told_in_a_problem(tmp_path: Path, kind: str) -> None:
    rows = [f'{kind},"{value.replace(chr(0), "")}"' for value in VALUES]
    rows += [f"{value},{kind}" for value in VALUES] + [f'{kind},"{CANARY}', f"{kind},{CANARY},{CANARY}"]
    rows += [f"{kind},a,{CANARY},{CANARY},{CANARY}", CANARY, f"{kind},{CANARY},,,,{CANARY}"]
    _, problems = read_rows(tmp_path, "type,value,from,to,zone\n" + "\n".join(rows))
    assert len(problems) > len(VALUES)
    assert CANARY not in str(problems).casefold()
    _, problems = read_rows(tmp_path, f"type,value,{CANARY}\n")
    assert CANARY not in str(problems).casefold()
    assert problems


def test_no_value_is_told_where_the_file_breaks_off(tmp_path: Path) -> None:
    tree = changed(request__0__identifiers=[{"type": "email", "value": CANARY}, {CANARY: CANARY}])
    toml = (EXAMPLES / "case.toml").read_text().replace("invoices@example.com", f"{CANARY}@example.com")
    toml = toml.replace('"example_invoices"', f"{CANARY}").replace("[[request]]", f'[[request]]\n{CANARY}.a = "x"')
    yaml_text = json.dumps(tree, indent=1)
    for name, text in (("case.toml", toml), ("case.json", json.dumps(tree)), ("case.yaml", yaml_text)):
        first = text.index(CANARY)
        for end in range(first, min(len(text), first + 400), 3):
            for broken in (text[:end], text[:end] + text[end + 2 :], text[:end] + "\\" + text[end:]):
                case, problems = read_text(tmp_path, broken, name)
                assert case is None
                assert problems
                assert CANARY not in str(problems).casefold()


BITS = st.sampled_from(
    [
        *'[]{}="\\\n,.:#&*!?|>%-\t @',
        *('"""', "'''", "[case]\n", "[[request]]\n", "identifiers", "- ", "---\n", "<<: ", "~", "\\u", "0x", "é"),
        *("type", "value", "email", "2026-09-01", "T00:00:00Z", "1", "inf", "nan", "true", "null"),
        *("\x00", "\u202e", "\ufeff", "\u2028", "a" * 600, "9" * 5000),
    ]
)
SOUP = st.lists(BITS, max_size=30).map(lambda bits: "".join(bits).encode())
EXAMPLE = (EXAMPLES / "case.toml").read_bytes()
SPOILT = st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 40), SOUP).map(
    lambda cut: EXAMPLE[: cut[0]] + cut[2] + EXAMPLE[cut[0] + cut[1] :]
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(), SOUP, SPOILT), st.sampled_from(["toml", "yaml", "yml", "json"]))
def test_any_bytes_as_a_case_file_give_problems_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    case, problems = read_text(folder, content, f"any.{ending}")
    assert (case is None) == any(problem.severity == "error" for problem in problems)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(), SOUP).map(lambda rows: b"type,value,from,to,zone\n" + rows), st.booleans())
def test_any_bytes_as_an_identifiers_file_give_problems_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, rows: bytes, header: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    case, problems = read_rows(folder, rows if header else rows[24:])
    assert (case is None) == any(problem.severity == "error" for problem in problems)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(list(CHECKS)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["case", "request", "identifiers", "type", "value", "from", "to", "mla", "offence", "officer"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300)
@given(JSON, st.sampled_from(places(GOOD)))
def test_any_tree_anywhere_gives_problems_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, tree: object, place: Keys
) -> None:
    whole = good()
    at: Any = whole
    for part in place[:-1]:
        at = at[part]
    at[place[-1]] = tree
    case, problems = read_tree(tmp_path_factory.getbasetemp(), whole)
    assert (case is None) == any(problem.severity == "error" for problem in problems)
