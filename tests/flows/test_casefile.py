"""What a good case file says, in each of its forms."""

from __future__ import annotations

import json
import re
import time
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from casefile_helpers import EXAMPLES, NOW, ROOT, changed, good, lines_of, read_rows, read_text, read_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import casefile, entries
from flows.casefile import Case, read_case
from flows.documents import read_document
from flows.identifiers import CHECKS, Identifier
from flows.lines import Place, json_lines, toml_lines
from flows.problems import Problems

DOC = (ROOT / "docs" / "case-file.md").read_text(encoding="utf-8")


def anywhere(case: Case) -> Case:
    """The case without the places of its parts."""
    requests = tuple(
        replace(
            request, where="", identifiers=tuple(replace(identifier, where="") for identifier in request.identifiers)
        )
        for request in case.requests
    )
    return replace(case, requests=requests, where="")


def test_the_example_has_three_providers_three_instruments_and_no_problem() -> None:
    case, problems = read_case(EXAMPLES / "case.toml", now=NOW)
    assert problems == ()
    assert case is not None
    assert (case.reference, case.unit, case.country) == ("CY-2026-0412", "Cybercrime Unit, Example Police", "FR")
    assert [request.provider for request in case.requests] == ["sandbox-mail", "sandbox-social", "sandbox-cloud"]
    assert [request.instrument for request in case.requests] == ["us.18usc2703f", "eu.epocpr", "coe.budapest.29"]
    assert [len(request.identifiers) for request in case.requests] == [3, 14, 2]
    assert case.mla is not None
    assert (case.mla.requested_state, case.mla.send_on, case.mla.profile) == ("US", date(2026, 12, 1), "unodc")


def test_the_example_uses_reserved_names_only() -> None:
    text = (EXAMPLES / "case.toml").read_text() + (EXAMPLES / "accounts.csv").read_text()
    hosts = re.findall(r"(?:@|https?://)([\w.-]+)", text)
    assert hosts
    assert all(re.fullmatch(r"(.*\.)?example\.(com|net|org)", host) for host in hosts)
    addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+|2001:[0-9a-f:]+", text)
    assert addresses
    assert all(address.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")) for address in addresses)


@pytest.mark.parametrize("form", ["toml", "yaml", "json"])
def test_the_documented_example_reads_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    blocks = dict(re.findall(r"```(toml|yaml|json)\n(.*?)```", DOC, re.DOTALL))
    (tmp_path / "accounts.csv").write_bytes((EXAMPLES / "accounts.csv").read_bytes())
    expected, _ = read_text(tmp_path, blocks["toml"])
    case, problems = read_text(tmp_path, blocks[form], f"case.{form}")
    assert lines_of(problems) == []
    assert case is not None
    assert expected is not None
    assert anywhere(case) == anywhere(expected)
    request = case.requests[0]
    assert len(request.identifiers) == 15
    assert (request.identifiers[1].value, request.identifiers[1].port) == ("192.0.2.44:51820", 51820)
    assert request.identifiers[2].value == f"bitcoin:{'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'}"
    assert request.identifiers[2].chain == "bitcoin"
    assert (request.language, request.snapshot_of, request.follows) == ("en", "HF-0000000000J1", "")
    assert request.identifiers[1].used_from == datetime(2026, 10, 3, 19, 14, 5, tzinfo=UTC)
    assert request.period_from == datetime(2026, 9, 1, tzinfo=UTC)


def test_every_key_and_type_is_documented_and_no_other() -> None:
    tables = {"case": casefile.CASE, "case.offence": casefile.OFFENCE, "case.officer": casefile.OFFICER}
    tables |= {"case.mla": casefile.MLA, "request": casefile.REQUEST}
    known = {f"{table}.{key}" for table, keys in tables.items() for key in keys}
    documented = set(re.findall(r"^\| `((?:case|request)\.[a-z_.]+)` \|", DOC, re.MULTILINE))
    assert documented == known
    entry = DOC.split("### An identifier\n")[1].split("### An identifiers file")[0]
    words = {
        word for row in re.findall(r"^\| (`[^|]*`) \|", entry, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)
    }
    assert words == {*entries.KEYS, *CHECKS}


def test_the_full_example_shows_every_key() -> None:
    shown = tomllib.loads(dict(re.findall(r"```(toml|yaml|json)\n(.*?)```", DOC, re.DOTALL))["toml"])
    assert set(shown["case"]) == set(casefile.CASE)
    assert set(shown["case"]["mla"]) == set(casefile.MLA) - {"send_on"}
    assert set(shown["request"][0]) == set(casefile.REQUEST) - {"follows", "emergency_reason", "made_on"}
    assert {key for each in shown["request"][0]["identifiers"] for key in each} == set(entries.KEYS)


def test_what_is_left_out_has_a_plain_meaning(tmp_path: Path) -> None:
    tree = changed(case__mla=..., case__offence__facts=..., case__offence__provisions=..., request__0__to=...)
    case, problems = read_tree(tmp_path, tree)
    assert problems == ()
    assert case is not None
    assert case.mla is None
    assert (case.offence.facts, case.offence.provisions) == ("", ())
    request = case.requests[0]
    assert (request.confidential, request.urgency, request.period_to) == (True, "expedited", None)
    assert (request.necessity, request.custodian, request.validated_by, request.user_location) == ("", "", "", "")
    assert (request.notice_accepted_by, request.unverified_accepted_by, request.note) == ("", "", "")
    assert (request.language, request.emergency_reason, request.snapshot_of, request.follows) == ("", "", "", "")
    assert request.partial_disclosure is False
    assert request.made_on is None
    (identifier,) = request.identifiers
    assert (identifier.port, identifier.chain) == (None, "")


def test_the_three_days_of_the_mla_request_are_read(tmp_path: Path) -> None:
    mla = {"requested_state": "US", "sent_on": "2026-11-16", "received_on": "2026-11-16", "reference": "MLA-77"}
    case, problems = read_tree(tmp_path, changed(case__mla=mla))
    assert problems == ()
    assert case is not None
    assert case.mla is not None
    assert (case.mla.send_on, case.mla.sent_on, case.mla.received_on) == (
        None,
        date(2026, 11, 16),
        date(2026, 11, 16),
    )
    assert (case.mla.reference, case.mla.profile) == ("MLA-77", "")


@pytest.mark.parametrize(
    "written",
    ["2026-09-01T00:00:00Z", "2026-09-01t00:00:00z", "2026-09-01 02:00:00+02:00", "2026-08-31T20:00-04:00"],
)
def test_an_instant_with_any_offset_becomes_utc(tmp_path: Path, written: str) -> None:
    case, problems = read_tree(tmp_path, changed(request__0__from=written))
    assert problems == ()
    assert case is not None
    begins = case.requests[0].period_from
    assert begins == datetime(2026, 9, 1, tzinfo=UTC)
    assert begins is not None
    assert begins.utcoffset() == timedelta(0)


def test_a_period_may_end_now_but_not_a_second_later(tmp_path: Path) -> None:
    case, problems = read_tree(tmp_path, changed(request__0__to=NOW.isoformat()))
    assert case is not None
    assert problems == ()
    case, problems = read_tree(tmp_path, changed(request__0__to=(NOW + timedelta(seconds=1)).isoformat()))
    assert case is None
    assert [problem.problem for problem in problems] == ["lies in the future"]


def test_a_period_lasts_at_least_a_moment(tmp_path: Path) -> None:
    start = "2026-09-01T00:00:00Z"
    case, _ = read_tree(tmp_path, changed(request__0__to="2026-09-01T00:00:00.000001Z"))
    assert case is not None
    case, problems = read_tree(tmp_path, changed(request__0__to=start))
    assert case is None
    assert [problem.problem for problem in problems] == ["the period ends at or before its beginning"]


@pytest.mark.parametrize(
    ("now", "sent_on", "allowed"),
    [
        ("2026-11-20T23:59:59Z", "2026-11-21", True),  # already the 21st in the east
        ("2026-11-20T10:00:00Z", "2026-11-21", True),  # the first second of it, at UTC+14
        ("2026-11-20T09:59:59Z", "2026-11-21", False),
    ],
)
def test_a_day_is_to_come_only_when_it_is_so_everywhere(
    tmp_path: Path, now: str, sent_on: str, allowed: bool
) -> None:
    mla = {"requested_state": "US", "sent_on": sent_on, "reference": "MLA-77"}
    (tmp_path / "case.json").write_text(json.dumps(changed(case__mla=mla, request__0__to=...)))
    case, _ = read_case(tmp_path / "case.json", now=datetime.fromisoformat(now))
    assert (case is not None) == allowed


@pytest.mark.parametrize(
    ("now", "past"),
    [("2026-12-02T00:00:00Z", False), ("2026-12-02T11:59:59Z", False), ("2026-12-02T12:00:00Z", True)],
)
def test_a_day_is_past_only_when_it_is_so_everywhere(tmp_path: Path, now: str, past: bool) -> None:
    (tmp_path / "case.json").write_text(json.dumps(good()))  # to be sent on 2026-12-01
    _, problems = read_case(tmp_path / "case.json", now=datetime.fromisoformat(now))
    assert [problem.problem for problem in problems] == ["is past"] * past


def test_an_identifier_may_be_used_at_one_instant_and_until_now(tmp_path: Path) -> None:
    entry = {"type": "ip", "value": "192.0.2.7:1024", "from": NOW.isoformat(), "to": NOW.isoformat()}
    case, problems = read_tree(tmp_path, changed(request__0__identifiers=[entry]))
    assert problems == ()
    assert case is not None


def test_now_must_be_utc() -> None:
    with pytest.raises(ValueError, match="now must be an aware instant in UTC"):
        read_case(EXAMPLES / "case.toml", now=datetime(2026, 11, 21))  # noqa: DTZ001
    with pytest.raises(ValueError, match="now must be an aware instant in UTC"):
        read_case(EXAMPLES / "case.toml", now=datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=1))))


def test_identifiers_and_an_identifiers_file_are_joined_and_each_knows_its_place(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "accounts.csv").write_text("type,value\nusername,example_pay\n")
    case, problems = read_tree(tmp_path, changed(request__0__identifiers_file="more/accounts.csv"))
    assert problems == ()
    assert case is not None
    request = case.requests[0]
    assert request.where == "case.json: line 1: request[0]"
    assert [identifier.where for identifier in request.identifiers] == [
        "case.json: line 1: request[0].identifiers[0]",
        "accounts.csv: line 2",
    ]


def test_an_identifiers_file_may_be_named_by_its_whole_path(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "..accounts.csv").write_text("type,value\nusername,example_pay\n")
    case, problems = read_tree(tmp_path, changed(request__0__identifiers_file=str(elsewhere / "..accounts.csv")))
    assert problems == ()
    assert case is not None
    case, problems = read_tree(elsewhere, changed(request__0__identifiers_file="..accounts.csv"))
    assert problems == ()
    assert case is not None


def test_the_same_account_twice_is_asked_for_once_and_both_places_are_told(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("type,value\nemail,INVOICES@Example.com\nusername,a_b\nusername,A_B\n")
    case, problems = read_tree(tmp_path, changed(request__0__identifiers_file="accounts.csv"))
    assert case is not None
    assert [identifier.value for identifier in case.requests[0].identifiers] == ["invoices@example.com", "a_b"]
    first = "case.json: line 1: request[0].identifiers[0]"
    assert lines_of(problems) == [
        f"warning: accounts.csv: line 2: the same email as at {first}; remove one of them; it is asked for once",
        "warning: accounts.csv: line 4: the same username as at accounts.csv: line 3; remove one of them; it is asked"
        " for once",
    ]


def test_an_address_at_another_time_is_another_identifier(tmp_path: Path) -> None:
    rows = "type,value,from\nip,192.0.2.7:1024,2026-09-01T00:00:00Z\nip,192.0.2.7:1024,2026-09-02T00:00:00Z\n"
    case, problems = read_rows(tmp_path, rows + "ip,192.0.2.7:1024,2026-09-01T02:00:00+02:00\n")
    assert case is not None
    assert len(case.requests[0].identifiers) == 2
    assert [problem.where for problem in problems] == ["accounts.csv: line 4"]


def test_the_same_account_in_two_requests_stays_in_both(tmp_path: Path) -> None:
    tree = good()
    tree["request"].append(dict(tree["request"][0], instrument="coe.budapest.29"))
    case, problems = read_tree(tmp_path, tree)
    assert problems == ()
    assert case is not None
    assert [len(request.identifiers) for request in case.requests] == [1, 1]


def test_a_file_that_two_requests_name_is_read_and_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("type,value\nemail,a@example.com\n")
    tree = changed(request__0__identifiers=..., request__0__identifiers_file="accounts.csv")
    tree["request"].append(tree["request"][0])
    case, problems = read_tree(tmp_path, tree)
    assert problems == ()
    assert case is not None
    assert case.requests[0].identifiers is case.requests[1].identifiers
    (tmp_path / "accounts.csv").write_text("type,value\nemail,broken\n")
    tree = changed(request__0__identifiers_file="accounts.csv")
    tree["request"].append(tree["request"][0])
    case, problems = read_tree(tmp_path, tree)
    assert case is None
    assert [problem.where for problem in problems] == ["accounts.csv: line 2"]


@pytest.mark.parametrize(
    "rows",
    [
        b"type,value\nemail,a@example.com\n",
        b"\xef\xbb\xbftype,value\r\nemail,a@example.com\r\n",
        b"value;type\r\na@example.com;email",
        b"type\tvalue\nemail\ta@example.com\n",
        b'"type","value"\n"email","a@example.com"\n',
        b"\n\nType , VALUE,,\n\n , ,,\nEmail, a@example.com \n",
        b"type,value,from,to,zone\nemail,a@example.com,,,\n,,,,\n\n",
        b"from,value,zone,type\n,a@example.com,,email\n",
        b"type,value,from\nemail,a@example.com\n",
        b"type,value\nemail,a@example.com,,,,\n",
    ],
)
def test_a_csv_file_is_read_as_officers_tools_write_it(tmp_path: Path, rows: bytes) -> None:
    case, problems = read_rows(tmp_path, rows)
    assert lines_of(problems) == []
    assert case is not None
    assert [(each.type, each.value) for each in case.requests[0].identifiers] == [("email", "a@example.com")]


def test_a_quoted_cell_may_contain_the_separator(tmp_path: Path) -> None:
    case, problems = read_rows(tmp_path, 'type,value\nother,"a, ""b"""\n')
    assert problems == ()
    assert case is not None
    assert case.requests[0].identifiers[0].value == 'a, "b"'


def test_a_local_time_is_read_in_its_zone(tmp_path: Path) -> None:
    rows = "type,value,from,to,zone\nip,192.0.2.7:1024,2026-10-25T01:59:59,2026-10-25T03:00:00,Europe/Paris\n"
    case, problems = read_rows(tmp_path, rows)
    assert problems == ()
    assert case is not None
    identifier = case.requests[0].identifiers[0]
    assert identifier.used_from == datetime(2026, 10, 24, 23, 59, 59, tzinfo=UTC)  # still summer time
    assert identifier.used_to == datetime(2026, 10, 25, 2, tzinfo=UTC)
    assert identifier.zone == "Europe/Paris"


def test_a_hundred_thousand_identifiers_are_read_in_two_seconds(tmp_path: Path) -> None:
    rows = "".join(f"email,user{number}@example.com,,,\n" for number in range(100_000))
    began = time.process_time()
    case, problems = read_rows(tmp_path, "type,value,from,to,zone\n" + rows)
    assert time.process_time() - began < 2
    assert problems == ()
    assert case is not None
    assert len(case.requests[0].identifiers) == 100_000


def test_one_bad_line_among_a_hundred_thousand_is_named(tmp_path: Path) -> None:
    rows = [f"email,user{number}@example.com" for number in range(2, 100_001)]
    rows[57_312 - 2] = "email,user57312example.com"
    case, problems = read_rows(tmp_path, "type,value\n" + "\n".join(rows))
    assert case is None
    assert lines_of(problems) == [
        'error: accounts.csv: line 57312: the email has no @; write name@domain; a handle is a "username"'
    ]


def test_text_keeps_its_lines_and_loses_the_spaces_around_it(tmp_path: Path) -> None:
    facts = "  First line.\n\tSecond line, with \u200cjoiners\u200f.\n"
    case, problems = read_tree(tmp_path, changed(case__offence__facts=facts, case__unit=" Unit "))
    assert problems == ()
    assert case is not None
    assert case.offence.facts == facts.strip()
    assert case.unit == "Unit"


def test_nothing_sensitive_is_shown_by_repr() -> None:
    case, _ = read_case(EXAMPLES / "case.toml", now=NOW)
    assert case is not None
    shown = repr(case)
    for request in case.requests:
        for identifier in request.identifiers:
            shown += repr(identifier)
    assert "CY-2026-0412" in shown
    for secret in ("invoices@example.com", "example_pay", "192.0.2.44", "240,000", "bank details", "deletes files"):
        assert secret not in shown


def test_an_identifier_refuses_a_time_that_is_not_utc() -> None:
    with pytest.raises(ValueError, match="used_from must be an aware instant in UTC"):
        Identifier(type="ip", value="192.0.2.7", used_from=datetime(2026, 9, 1))  # noqa: DTZ001


# On which line does each key stand? Each @ of a text becomes the number of its own line, so that the tree that the
# parser makes says of every number on which line it was written.

TOML_PIECES = (
    "kNN = @\n",
    "\n",
    "# a = [ comment\n",
    "[tNN]\n",
    "[tNN.deep]\nk = @\n",
    "[[e]]\nkNN = @\n",
    "[[e]]\n[e.sub]\nk = @\n",
    "[[e]]\n[[e.inner]]\nk = @\n[[e.inner]]\nk = @\n",
    "lNN = [\n  @,  # ] not the end\n  [@, @],\n  @\n]\n",
    'iNN = { a = @, "b.c" = { d = @ }, e.f = [@] }\n',
    'sNN = """\n[not.a.table]\nk = "x" \\\n\\"""" \n',
    "sNN = '''\n[not]\n'k' = ''\n''' # end\n",
    '"q\\"NN" = @\n',
    "'w NN' = @\n",
    "dNN.e.f = @\n",
    "mNN = 1979-05-27 07:32:00  # a moment\nkNN = @\n",
    'uNN = "a # b = [ "\nkNN = @\n',
    "fNN = [ { x = @ }, { x = @ },\n { x = @ } ]\n",
)


def numbered(text: str) -> str:
    return "\n".join(line.replace("@", str(number)) for number, line in enumerate(text.split("\n"), start=1))


def leaves(tree: object, place: Place = ()) -> list[tuple[Place, int]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in leaves(value, (*place, key))]
    if isinstance(tree, list):
        return [leaf for number, value in enumerate(tree) for leaf in leaves(value, (*place, number))]
    return [(place, tree)] if isinstance(tree, int) else []


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOML_PIECES), max_size=12))
def test_the_line_of_every_toml_key_is_found(pieces: list[str]) -> None:
    text = numbered("".join(piece.replace("NN", f"_{n}") for n, piece in enumerate(pieces)))
    tree = tomllib.loads(text)
    lines = toml_lines(text)
    assert all(lines[place] == line for place, line in leaves(tree))


KEYS = st.text(st.characters(exclude_characters="@", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=3)
TREES = st.recursive(
    st.sampled_from(["@", 'x" [', "a: b", "# c", "\\", "", None, True]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@settings(deadline=None)
@given(TREES, st.sampled_from([None, 0, 2]))
def test_the_line_of_every_json_key_is_found(tree: object, indent: int | None) -> None:
    text = numbered(json.dumps(tree, indent=indent).replace('"@"', "@"))
    read = json.loads(text)
    lines, again = json_lines(text)
    assert again == ()
    assert all(lines[place] == line for place, line in leaves(read) if place and line is not True)


@settings(deadline=None)
@given(TREES, st.booleans())
def test_the_line_of_every_yaml_key_is_found(
    tmp_path_factory: pytest.TempPathFactory, tree: object, flow: bool
) -> None:
    text = numbered(yaml.safe_dump(tree, default_flow_style=flow, width=20).replace("'@'", "@"))
    path = tmp_path_factory.mktemp("yaml") / "case.yaml"
    path.write_text(text, encoding="utf-8")
    problems = Problems("case.yaml")
    document = read_document(path, problems)
    assert lines_of(problems.listed()) == []
    assert document is not None
    assert document.root == yaml.safe_load(text)
    found = [(place, line) for place, line in leaves(document.root) if place and line is not True]
    # A long flow table may break its line between a key and its value; the line told is that of the key.
    assert all(line - (1 if flow else 0) <= document.line(place) <= line for place, line in found)
