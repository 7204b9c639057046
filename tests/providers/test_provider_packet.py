"""The packet: what a person is handed where no machine can say it."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plain_letters import PlainLetters
from provider_orders import CANARY, ROOT, item, order

from providers.errors import ConfigurationError, Unsupported
from providers.interface import Action, Addressee, FollowUp, Item, Letter, Order
from providers.packet.archive import packed, unpacked
from providers.packet.article29 import MANDATORY, article_29, article_29_text, open_fields
from providers.packet.steps import RECEIPT, WAYS
from providers.packet.table import CHANNELS, KEYS, STATE_CHANNELS, read_manual_table
from providers.packet.words import WORDS, form_line
from providers.registry import check_adapter_table, make_adapter
from providers.template import BODY_FIELDS, SAFE_FIELDS

GUIDE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")


class NoTemplate:
    def write(self, said: Order, *, draft: bool = False) -> Letter:
        raise Unsupported("there is no template of the letter in tlh")


class WrongTemplate:
    def write(self, said: Order, *, draft: bool = False) -> Letter:
        raise ConfigurationError("config/letters/us.2703f.typ: a field is misspelt")


def packet(said: Order, letters: Any = None, **keys: Any) -> dict[str, bytes]:
    """The files of the packet that an order gives."""
    table = {"kind": "manual", **keys}
    adapter = make_adapter(
        "snap", table, where="x.toml", sandbox=False, zone="", environ={}, letters=letters or PlainLetters()
    )
    with pytest.raises(Unsupported) as caught:
        getattr(adapter, said.action.value)(said)
    assert caught.value.packet
    return unpacked(caught.value.packet)


def text(files: dict[str, bytes], name: str) -> str:
    return files[name].decode()


def words(said: str) -> str:
    return " ".join(said.split())


class Page(HTMLParser):
    """What a browser would show of a page, and whatever in it could run, load or leave."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[list[str]] = []
        self.within = False
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.cells.append([])
        elif tag in {"th", "td"}:
            self.cells[-1].append("")
            self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = self.within and tag not in {"th", "td"}

    def handle_data(self, data: str) -> None:
        if self.within:
            self.cells[-1][-1] += data

    @property
    def answers(self) -> dict[str, str]:
        return {row[0].strip(): row[1].strip() for row in self.cells if len(row) == 2}


# The archive


def test_an_archive_gives_back_its_files_in_order() -> None:
    files = {"README.txt": b"one", "a.pdf": b"\0\1", "b.txt": "zwei ä".encode()}
    assert list(unpacked(packed(files)).items()) == list(files.items())


def test_an_archive_says_nothing_of_when_or_by_whom_it_was_made() -> None:
    with zipfile.ZipFile(io.BytesIO(packed({"README.txt": b"one"}))) as archive:
        (entry,) = archive.infolist()
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.external_attr >> 16 == 0o600
    assert entry.compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize("name", ["../README.txt", "a/b.txt", "/etc/motd", ".hidden", "c:evil", "a\\b"])
def test_an_archive_that_names_a_file_outside_of_itself_is_refused(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ValueError, match="outside of itself"):
        unpacked(buffer.getvalue())


@pytest.mark.parametrize("broken", [b"", b"no archive", packed({"a": b"x" * 100})[:50]])
def test_what_is_no_archive_is_told(broken: bytes) -> None:
    with pytest.raises(ValueError, match="no archive"):
        unpacked(broken)


# The files


def test_a_portal_gets_steps_letter_identifiers_and_checklist() -> None:
    files = packet(order(), channel="portal", url="https://portal.example.com/a")
    assert list(files) == ["README.txt", "letter.pdf", "identifiers.txt", "checklist.html"]
    assert files["letter.pdf"].startswith(b"%PDF-")
    assert text(files, "identifiers.txt") == f"{CANARY}\n"
    assert "https://portal.example.com/a" in text(files, "README.txt")


def test_identifiers_stand_in_the_order_the_provider_wants() -> None:
    items = (item("i1", "b.user", "username"), item("i2", CANARY, "email"), item("i3", "a.user", "username"))
    given = text(packet(order(items=items)), "identifiers.txt").split()
    assert given == ["b.user", CANARY, "a.user"]
    by_type = text(packet(order(items=items), identifier_order="type"), "identifiers.txt").split()
    assert by_type == [CANARY, "b.user", "a.user"]


def test_an_address_is_given_with_its_time_for_without_it_names_nobody() -> None:
    at = datetime(2026, 10, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    address = Item(id="i1", type="ip", value="192.0.2.7:51820", used_from=at, used_to=at)
    line = text(packet(order(items=(address,))), "identifiers.txt")
    assert line == "192.0.2.7:51820 at 1 October 2026, 10:00:00 UTC\n"


def test_a_csv_has_every_column_and_survives_commas_and_quotes() -> None:
    at = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
    odd = Item(id="i1", type="url", value='https://example.com/?a="1",2', used_from=at, zone="Europe/Paris")
    content = text(packet(order(items=(odd,)), identifiers="csv"), "identifiers.csv")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows == [
        ["type", "value", "from", "to", "zone"],
        ["url", 'https://example.com/?a="1",2', "2026-10-01T12:00:00Z", "", "Europe/Paris"],
    ]


@pytest.mark.parametrize(("count", "there"), [(10, False), (11, True)])
def test_an_editable_list_comes_only_above_the_number(count: int, there: bool) -> None:
    items = tuple(item(f"i{number}", f"user{number}", "username") for number in range(count))
    files = packet(order(items=items), editable_annex_over=10)
    assert ("annex.xlsx" in files) is there
    assert ("annex.xlsx" in text(files, "README.txt")) is there
    assert "annex.xlsx" not in packet(order(items=items))


def test_a_spreadsheet_turns_no_number_into_something_else() -> None:
    values = {"+15550100": "phone", "123456789012345678": "user_id", "=1+1": "username", "007": "username"}
    items = tuple(item(f"i{n}", value, type_) for n, (value, type_) in enumerate(values.items()))
    annex = packet(order(items=items), editable_annex_over=0)["annex.xlsx"]
    with zipfile.ZipFile(io.BytesIO(annex)) as book:
        shared = re.findall(r"<t[^>]*>([^<]*)</t>", book.read("xl/sharedStrings.xml").decode())
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert set(values) <= {html.unescape(each) for each in shared}
    assert "<f>" not in sheet
    filled = [cell for cell in re.findall(r"<c [^>]*>", sheet) if not cell.endswith("/>")]
    assert len(filled) >= 5 + 2 * len(values)
    assert all('t="s"' in cell for cell in filled)


def test_no_file_name_and_no_step_names_an_account() -> None:
    for channel in CHANNELS:
        files = packet(order(), channel=channel, editable_annex_over=0)
        assert not [name for name in files if CANARY in name]
        for name in ("README.txt", "cover-sheet.html", "dispatch-record.txt"):
            assert CANARY.encode() not in files.get(name, b""), (channel, name)


# The steps


def test_every_channel_has_its_words_and_its_proof() -> None:
    assert set(WAYS) == set(RECEIPT) == set(CHANNELS)


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_steps_are_numbered_and_name_every_file(channel: str) -> None:
    files = packet(order(), channel=channel, name="Its name", notes=["Ask for the night desk."])
    steps = text(files, "README.txt")
    numbers = [int(each) for each in re.findall(r"^ ?(\d+)\. ", steps, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4
    assert all(f"  {name}" in steps for name in files if name != "README.txt")
    assert "Ask for the night desk." in steps
    assert max(map(len, steps.splitlines())) <= 90


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Action.SEND, "holdfast record sent HF-1 --proof FILE"),
        (Action.EXTEND, "holdfast record sent HF-1 --action extend --proof FILE"),
        (Action.RELEASE, "holdfast record released HF-1 --proof FILE"),
        (
            Action.ANNOUNCE,
            "holdfast record production-announced HF-1 --on DAY --reference REFERENCE --proof FILE",
        ),
        (Action.CLARIFY, "holdfast record clarification-answered HF-1 --proof FILE"),
    ],
)
def test_the_steps_say_exactly_what_to_record_for_each_action(action: Action, line: str) -> None:
    assert f"\n    {line}\n" in text(packet(order(action)), "README.txt")


def test_an_extension_says_that_it_is_one_and_which_request_it_extends() -> None:
    until = date(2027, 5, 19)
    files = packet(order(Action.EXTEND, references=("R-7",), hold_until=until, because="MLA pending"))
    steps, page = words(text(files, "README.txt")), Page(text(files, "checklist.html"))
    assert "Extension of an earlier preservation request, reference R-7; not a new request" in steps
    assert page.answers["Reference of the request to be extended"] == "R-7"
    assert page.answers["Keep the data until"] == "19 May 2027"


def test_a_letter_that_cannot_be_typeset_is_missed_loudly_and_the_rest_is_there() -> None:
    files = packet(order(), NoTemplate())
    assert "letter.pdf" not in files
    head = text(files, "README.txt").split("WHAT TO DO")[0]
    assert "THERE IS NO LETTER IN THIS PACKET: there is no template of the letter in tlh." in words(head)
    assert "There is no letter in this packet: there is no template" in text(files, "checklist.html")
    assert CANARY in text(files, "identifiers.txt")


def test_the_reason_tells_of_a_missing_letter_too() -> None:
    adapter = make_adapter("snap", {"kind": "manual"}, where="x.toml", sandbox=False, zone="", environ={})
    with pytest.raises(Unsupported, match="THE PACKET HAS NO LETTER: nothing here typesets letters"):
        adapter.send(order())


def test_wrong_templates_are_our_own_mistake_and_not_a_missing_letter() -> None:
    adapter = make_adapter(
        "snap", {"kind": "manual"}, where="x.toml", sandbox=False, zone="", environ={}, letters=WrongTemplate()
    )
    with pytest.raises(ConfigurationError, match="a field is misspelt"):
        adapter.send(order())


# The checklist


def test_the_form_is_filled_in_and_instructions_stand_between() -> None:
    form = ["Agency case number: {case_reference}", "Tick 'Preservation'", "Range: {period_from} to {period_to}"]
    page = Page(text(packet(order(), form=form), "checklist.html"))
    assert page.answers["Agency case number"] == "CY-2026-0412"
    assert page.answers["Range"] == "1 September 2026, 00:00:00 UTC to 20 November 2026, 00:00:00 UTC"
    assert ["☐ Tick 'Preservation'"] in page.cells


def test_what_is_not_known_is_marked_to_be_filled_in() -> None:
    form = ["Necessity: {necessity}", "MLA: {mla_state}, {mla_reference}"]
    follow = FollowUp(requested_state="US")
    page = text(packet(order(follow_up=follow), form=form), "checklist.html")
    assert '<th>Necessity</th><td class="open"></td>' in page
    assert '<td class="open"><span class="copy">US, ____</span></td>' in page


def test_without_a_form_the_usual_questions_are_asked_and_it_says_so() -> None:
    page = text(packet(order()), "checklist.html")
    assert "Nobody has written down what this form asks" in page
    assert Page(page).answers["Official e-mail address"] == "duty@example.com"


def test_the_items_are_named_as_they_are_recorded() -> None:
    page = Page(text(packet(order(items=(item("i1"), item("i2", "+15550100", "phone")))), "checklist.html"))
    assert [row[:3] for row in page.cells if row[0] in {"i1", "i2"}] == [
        ["i1", "email", CANARY],
        ["i2", "phone", "+15550100"],
    ]


@pytest.mark.parametrize("name", ["checklist.html", "cover-sheet.html"])
def test_a_page_runs_nothing_loads_nothing_and_escapes_every_value(name: str) -> None:
    hostile = "<script>alert(1)</script><img src=https://example.com/x onerror=alert(1)>"
    said = order(
        items=(item(value=hostile, type="username"),),
        unit=hostile,
        case_reference=hostile,
        addressee=Addressee(name=hostile),
        references=(hostile,),
    )
    page = Page(text(packet(said, channel="fax", name=hostile, address=hostile), name))
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "form", "link", "base", "svg"}
    assert not [each for each, _ in page.attributes if each.startswith("on")]
    assert not [value for each, value in page.attributes if each in {"src", "href"}]
    assert any(value.startswith("default-src 'none'") for _, value in page.attributes)
    assert any(hostile in cell for row in page.cells for cell in row)


# Fax and post


@pytest.mark.parametrize(("channel", "asks"), [("fax", "Number dialled:"), ("post", "Registered number:")])
def test_fax_and_post_have_a_cover_and_a_record_of_dispatch(channel: str, asks: str) -> None:
    files = packet(order(), channel=channel, address="Example Inc.\n1 Example Street")
    cover = text(files, "cover-sheet.html")
    assert asks in text(files, "dispatch-record.txt")
    assert "CONFIDENTIAL" in cover
    assert "Example Inc.<br>1 Example Street" in cover
    assert "An account was taken over." not in cover


# Another State


def state_order(**changes: Any) -> Order:
    return order(
        **{
            "instrument": "coe.budapest.29",
            "addressee": Addressee(name="Contact point", service="Snap Inc.", state="US", network="budapest-35"),
            "follow_up": FollowUp(requested_state="US", planned_on=date(2026, 12, 1)),
            "necessity": "Logs are kept for 30 days.",
            **changes,
        }
    )


@pytest.mark.parametrize("channel", STATE_CHANNELS)
def test_another_state_gets_the_form_of_article_29(channel: str) -> None:
    files = packet(state_order(), channel=channel)
    form = text(files, "article-29.txt")
    assert [int(each) for each in re.findall(r"^(\d+)\. ", form, re.MULTILINE)] == list(range(1, 19))
    assert CANARY in form


def test_the_six_points_of_article_29_2_are_marked_and_filled_in() -> None:
    fields = article_29(state_order())
    assert {each.point for each in fields if each.point} == set(MANDATORY)
    assert not [each for each in open_fields(state_order()) if "REQUIRED" in each]
    by_number = {each.number: each.lines[0].value for each in fields}
    assert by_number[8] == "Unauthorised access; art. 323-1"
    assert by_number[11] == "Snap Inc."
    assert by_number[12] == "Logs are kept for 30 days."
    assert by_number[14].startswith("We intend to submit a request for mutual assistance")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"offence_title": "", "offence_provisions": ()}, "8 Offence"),
        ({"offence_facts": ""}, "9 Summary of the facts: REQUIRED by article 29(2)(b)"),
        ({"categories": ()}, "10 categories: REQUIRED by article 29(2)(c)"),
        ({"addressee": Addressee(name="Contact point")}, "11 Custodian"),
        ({"necessity": ""}, "12 Necessity"),
        ({"follow_up": FollowUp(requested_state="US")}, "14 Intention"),
    ],
)
def test_a_point_that_is_missing_is_left_open_and_told(changes: dict[str, Any], missing: str) -> None:
    said = state_order(**changes)
    (told, *_) = [each for each in open_fields(said) if each.startswith(missing)]
    assert "REQUIRED by article 29(2)(" in told
    assert told.split(":")[0] in words(text(packet(said, channel="24-7"), "README.txt"))


def test_what_nobody_can_know_is_listed_to_be_filled_in_by_hand() -> None:
    assert {"5 fax", "5 office hours", "18 Signature and stamp"} <= set(open_fields(state_order()))
    assert "   fax: ____\n" in article_29_text(state_order())


def test_an_extension_ticks_the_status_and_names_the_previous_ticket() -> None:
    said = state_order(action=Action.EXTEND, references=("T-9",), because="The MLA request is on its way.")
    form = article_29_text(said)
    assert "[ ] new request   [x] extension of a previous request" in form
    assert "previous ticket number: T-9" in form


def test_a_further_provider_names_the_request_whose_answer_named_it() -> None:
    said = state_order(relation="further-provider", earlier="HF-0", earlier_references=("T-1",))
    assert "Our request HF-0 (your reference T-1), whose answer named this provider" in article_29_text(said)


@pytest.mark.parametrize("action", [Action.RELEASE, Action.ANNOUNCE, Action.CLARIFY])
def test_what_is_no_request_for_preservation_has_no_such_form(action: Action) -> None:
    files = packet(state_order(action=action), channel="24-7")
    assert "article-29.txt" not in files
    assert "article-29.txt" not in text(files, "README.txt")


# The table


def test_every_word_of_a_body_can_stand_in_a_form_too() -> None:
    assert not (SAFE_FIELDS.keys() | BODY_FIELDS.keys()) - WORDS.keys()


def test_every_word_gives_text_for_an_order_full_or_bare() -> None:
    bare = order(items=(), categories=(), period_from=None, period_to=None, offence_provisions=())
    for said in (bare, state_order(references=("R-1",), hold_until=date(2027, 1, 1))):
        assert all(isinstance(word(said), str) for word in WORDS.values())


def test_a_line_is_split_at_its_first_colon() -> None:
    assert form_line("Legal basis: 18 USC ({legal_basis})").filled(order()) == "18 USC (18 U.S.C. 2703(f))"
    line = form_line("Who: unit: {unit}")
    assert (line.question, line.filled(order())) == ("Who", "unit: Cybercrime Unit, Example Police")
    assert form_line("{case_reference}").filled(order()) == "CY-2026-0412"
    assert form_line("Press {{Next}}").question == "Press {Next}"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"channel": "telex"}, 'x.toml: adapter.channel: unknown word "telex"'),
        (
            {"form": ["Fine: {unit}", "Case: {case_number}"]},
            "x.toml: adapter.form[1]: there is no field {case_number}",
        ),
        ({"form": ["Case: {unit!r}"]}, 'x.toml: adapter.form[0]: "{unit…}" has a format'),
        ({"form": ["Case: {unit"]}, "x.toml: adapter.form[0]: "),
        ({"form": "Case"}, 'x.toml: adapter.form: expected a list of texts, found "Case"'),
        ({"form": [7]}, "x.toml: adapter.form[0]: expected a text, found 7"),
        ({"url": "http://example.com"}, "x.toml: adapter.url: expected an address such as https://host/path"),
        ({"url": "https://user@example.com"}, "x.toml: adapter.url: expected an address"),
        ({"identifiers": "json"}, 'x.toml: adapter.identifiers: unknown word "json"; one of lines, csv'),
        ({"editable_annex_over": -1}, "x.toml: adapter.editable_annex_over: expected a whole number of identifiers"),
        ({"editable_annex_over": True}, "x.toml: adapter.editable_annex_over: expected a whole number"),
        ({"notes": [" "]}, "x.toml: adapter.notes[0]: expected a text, found an empty text"),
        ({"fax_number": "1"}, "x.toml: adapter.fax_number: unknown key"),
    ],
)
def test_a_wrong_entry_is_told_with_file_and_key(keys: dict[str, Any], told: str) -> None:
    problems = check_adapter_table({"kind": "manual", **keys}, "x.toml")
    assert [each for each in problems if each.startswith(told)], problems


def test_all_wrong_entries_are_told_at_once() -> None:
    table = {"kind": "manual", "channel": "telex", "form": ["{a}", "{b}"], "url": "x"}
    assert len(check_adapter_table(table, "x.toml")) == 4


def test_the_guide_explains_every_key_word_and_channel() -> None:
    chapter = GUIDE.split('## `kind = "manual"`')[1].split("\n## ")[0]
    assert {each for each in KEYS if each != "kind" and f"| `{each}` |" not in chapter} == set()
    keys = chapter.split("The words:")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", keys, re.MULTILINE)) == set(KEYS) - {"kind"}
    rows = [line.split("|")[1] for line in chapter.split("The words:")[1].splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([a-z_]+)`", " ".join(rows))) == set(WORDS)
    assert all(f'`"{each}"`' in chapter for each in CHANNELS)


def test_the_example_of_the_guide_can_be_used() -> None:
    import tomllib

    chapter = GUIDE.split('## `kind = "manual"`')[1].split("\n## ")[0]
    table = tomllib.loads(chapter.split("```toml")[1].split("```")[0])["adapter"]
    assert read_manual_table(table, "docs/providers.md").form[1].question == "Date range"


def test_a_provider_that_wants_an_editable_list_gets_one_in_its_packet() -> None:
    import tomllib

    for file in sorted(Path(ROOT / "config" / "providers").glob("*.toml")):
        record = tomllib.loads(file.read_text(encoding="utf-8"))
        tables = record["adapter"] if isinstance(record["adapter"], list) else [record["adapter"]]
        wanted = record.get("documents", {}).get("editable_copy_over")
        for table in tables:
            if table.get("kind") == "manual" and wanted is not None:
                assert table.get("editable_annex_over") == wanted, file.name
