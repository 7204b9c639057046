"""Letters: complete in every language, the same bytes for the same order, nothing interpreted, nothing lost."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from letters_support import (
    FAMILIES,
    KINDS,
    LANGUAGES,
    REFERENCE,
    letter_order,
    pages,
    stationery,
    text_of,
    typesetter,
)
from provider_orders import MADE_AT, ROOT, everything_said
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from providers.errors import Unsupported
from providers.interface import Action, Item, Letters, Order
from providers.letters import Typesetter


def written(order: Order, **how: Any) -> str:
    return text_of(typesetter().write(order, **how).pdf)


def test_the_typesetter_is_what_adapters_are_given() -> None:
    letters: Letters = typesetter()
    assert letters.write(letter_order()).name == "HF-7K3M9Q2XW4T8-original.pdf"


RELATED = ("new-snapshot", "further-provider")  # originals with one more sentence: in two languages


@pytest.mark.parametrize(
    ("kind", "language"),
    [(kind, language) for kind in KINDS for language in LANGUAGES if kind not in RELATED or language in {"en", "ar"}],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_letter_can_be_written_in_every_language(family: str, kind: str, language: str) -> None:
    order = letter_order(family, kind, language)
    letter = typesetter().write(order)
    said = text_of(letter.pdf)
    assert letter.language == language
    assert order.request in said
    assert order.case_reference in said
    assert order.officer.email in said
    # The European forms of annexes V and VI refer to the certificate by its number, and name no identifier.
    silent = kind == "clarify" or (family, kind) in {("eu.epocpr", "extension"), ("eu.epocpr", "announce")}
    assert ("Il1O0@example.com" in said) is not silent
    if order.references:
        assert REFERENCE in said
    assert "2026" in said
    assert not re.search(r"\{|\}|not stated", said)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (
            "original",
            ["subscriber data, traffic data, content data", "1 September 2026, 00:00:00 UTC", "2 December 2026"],
        ),
        ("new-snapshot", ["This is a new request", "HF-EARLIER"]),
        ("further-provider", ["a further service provider was involved", "HF-EARLIER"]),
        ("extension", ["On 21 November 2026 we asked", "19 May 2027", "18 February 2027", "10 February 2027"]),
        ("release", ["no longer needed", "21 November 2026"]),
        ("announce", ["On 3 January 2027 a request for the production", "PR/2027/3"]),
        ("clarify", ["Q-1", "The account of 3 May is meant."]),
    ],
)
def test_each_kind_says_what_it_is_for(kind: str, wanted: list[str]) -> None:
    order = letter_order("generic", kind, categories=("subscriber", "traffic", "content"))
    said = written(order)
    assert [each for each in wanted if each not in said] == []


def test_a_2703f_letter_asks_and_does_not_demand() -> None:
    said = written(letter_order("us.2703f", country="US"))
    for wanted in (
        "Custodian of Records",
        "Under 18 U.S.C. § 2703(f), we ask you to take all necessary steps",
        "what you currently possess",
        "data that will arise in the future",
        "90 days",
        "not a demand to produce",
        "not to disclose",
        "do not take that step but call us first",
        "backup media",
    ):
        assert wanted in said
    assert "An account was taken over." not in said, "a provider need not know the facts"


def test_a_2703f_letter_asks_for_no_other_data_than_was_decided() -> None:
    order = letter_order("us.2703f")
    wanted = {"content": "stored files", "subscriber": "subscriber records", "traffic": "connection records"}
    for category, words in wanted.items():
        text = written(replace(order, categories=(category,)))
        assert [each for each in wanted.values() if each in text] == [words]
        assert "all other records" not in text
    assert "all other records" in written(replace(order, categories=tuple(wanted)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", ["us.2703f", "coe.29", "generic"])
def test_an_emergency_gives_its_reason(family: str, language: str) -> None:
    why = "A child is in danger."
    order = replace(letter_order(family, "original", language), urgency="emergency", emergency_reason=why)
    assert why in text_of(typesetter().write(order).pdf)
    assert why not in text_of(typesetter().write(replace(order, urgency="expedited")).pdf)


def test_a_foreign_authority_does_not_claim_to_be_a_governmental_entity() -> None:
    assert "We are a foreign authority (France)" in written(letter_order("us.2703f", country="FR"))
    assert "foreign authority" not in written(letter_order("us.2703f", country="US"))


def test_a_request_from_state_to_state_has_the_six_fields_of_the_convention() -> None:
    order = letter_order("coe.29")
    said = written(order)
    found = [said.index(f"({letter}) ") for letter in "abcdef"]
    assert found == sorted(found)
    for wanted in (
        order.unit,
        order.offence_title,
        order.offence_facts,
        order.necessity,
        order.custodian,
        "intends to submit a request for mutual assistance",
        "24/7 contact point",
        "article 30, paragraph 1",
        "extension of a previous request",
    ):
        assert wanted in said


def test_the_grounds_of_necessity_stay_out_of_a_european_certificate() -> None:
    said = written(letter_order("eu.epocpr"))
    assert [f"Section {letter}" in said for letter in "ABCDEFG"] == [True] * 7
    assert "not the official form" in said
    assert "Public prosecutor, Example City" in said
    assert "ninety days" not in said
    assert "An account was taken over." not in said


def test_a_form_that_lacks_a_mandatory_field_is_a_draft_only() -> None:
    order = letter_order("coe.29", necessity="")
    with pytest.raises(Unsupported, match="cannot be written without necessity"):
        typesetter().write(order)
    said = written(order, draft=True)
    assert "not stated" in said
    assert "DRAFT" in said


def test_more_identifiers_than_a_letter_takes_are_told_at_once() -> None:
    items = tuple(Item(id=f"i{n}", type="username", value=f"user_{n}") for n in range(10_001))
    with pytest.raises(Unsupported, match="at most 10000 identifiers, and there are 10001: divide the request"):
        typesetter().write(letter_order("us.2703f", items=items))


def test_an_extension_without_a_last_day_is_not_written() -> None:
    with pytest.raises(Unsupported, match="without hold_until"):
        typesetter().write(letter_order("generic", "extension", hold_until=None))


@pytest.mark.parametrize("action", [Action.STATUS, Action.FIND])
def test_no_letter_asks_how_a_request_stands(action: Action) -> None:
    with pytest.raises(Unsupported):
        typesetter().write(letter_order(action=action))


def test_a_language_without_texts_is_told_with_those_that_there_are() -> None:
    with pytest.raises(Unsupported, match="'nl'; there are ar, de, en, es, fr, pt"):
        typesetter().write(letter_order(language="nl"))
    assert typesetter().write(letter_order(language="pt-BR")).language == "pt"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_says_so_on_every_page(language: str) -> None:
    items = tuple(Item(id=f"i{n}", type="email", value=f"a{n}@example.com") for n in range(200))
    order = letter_order(language=language, items=items)
    draft, final = typesetter().write(order, draft=True), typesetter().write(order)
    mark = stationery().languages[language].words["draft"].split()[0]
    assert len(pages(draft.pdf)) > 3
    assert all(mark in page for page in pages(draft.pdf))
    assert not any(mark in page for page in pages(final.pdf))
    assert draft.name.endswith("-draft.pdf")


# --- what a page must have ---


def test_every_page_has_the_request_and_its_number() -> None:
    items = tuple(Item(id=f"i{n}", type="email", value=f"a{n}@example.com") for n in range(100))
    found = pages(typesetter().write(letter_order(items=items)).pdf)
    for number, page in enumerate(found, 1):
        assert f"Page {number} of {len(found)}" in page
        assert "HF-7K3M9Q2XW4T8" in page


def test_times_say_utc_and_months_are_spelled_out() -> None:
    used = datetime(2026, 9, 3, 14, 5, 9, 250000, tzinfo=UTC).astimezone(tz=None)
    item = Item(id="i1", type="ip", value="192.0.2.7:51820", used_from=used, zone="Europe/Paris")
    said = written(letter_order(items=(item,)))
    assert "3 September 2026, 14:05:09.250000 UTC" in said
    assert "Europe/Paris" in said
    assert not re.search(r"\d{4}-\d{2}-\d{2}|\d+/\d+/\d{4}", said)


def test_the_document_names_its_language_title_and_standard() -> None:
    read = PdfReader(io.BytesIO(typesetter().write(letter_order(language="ar")).pdf))
    root = read.trailer["/Root"]
    assert str(root["/Lang"]).startswith("ar")
    assert read.metadata is not None
    assert "مخزَّنة" in (read.metadata.title or "")
    assert root["/MarkInfo"]["/Marked"]
    meta = root["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part\W*>?2", meta)
    assert re.search(r"pdfuaid:part\W*>?1", meta)


def test_every_font_is_embedded() -> None:
    read = PdfReader(io.BytesIO(typesetter().write(letter_order(language="ar")).pdf))
    fonts = [font.get_object() for page in read.pages for font in page["/Resources"]["/Font"].values()]
    assert len(fonts) > 3
    for font in fonts:
        for inner in font.get("/DescendantFonts", [font]):
            descriptor = inner.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)


def test_a_reference_can_be_copied_from_an_arabic_letter_in_a_browser() -> None:
    """By pdfium, which is what Chrome copies with."""
    item = Item(id="i1", type="email", value="first.last@mail.example.com")
    pdf = typesetter().write(letter_order(language="ar", items=(item,), case_reference="CY-2026-0412")).pdf
    copied = PdfDocument(pdf)[0].get_textpage().get_text_range()
    assert "first.last@mail.example.com" in copied
    assert "duty@example.com" in copied


# --- the same bytes ---

OTHER_PROCESS = """
import json, sys, hashlib
sys.path[:0] = [{root!r}, {tests!r}]
from letters_support import letter_order, typesetter
print(json.dumps([hashlib.sha256(typesetter().write(letter_order(f, k, l)).pdf).hexdigest() for f, k, l in {asked}]))
"""
ASKED = [("us.2703f", "original", "en"), ("coe.29", "extension", "ar"), ("eu.epocpr", "announce", "de")]


def test_the_same_order_gives_the_same_bytes_in_any_process() -> None:
    here = [hashlib.sha256(typesetter().write(letter_order(*each)).pdf).hexdigest() for each in ASKED]
    code = OTHER_PROCESS.format(root=str(ROOT), tests=str(ROOT / "tests" / "providers"), asked=ASKED)
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LANG": "C", "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(run.stdout) == here


def test_a_retry_on_the_same_day_gives_the_same_bytes_and_one_the_day_after_does_not() -> None:
    order = letter_order()
    first = typesetter().write(order).pdf
    assert typesetter().write(replace(order, made_at=MADE_AT + timedelta(hours=14, minutes=59))).pdf == first
    assert typesetter().write(replace(order, made_at=MADE_AT + timedelta(hours=15))).pdf != first


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        typesetter().write(letter_order(made_at=datetime(2026, 11, 21, 9)))  # noqa: DTZ001


# --- identifiers ---


def test_three_thousand_identifiers_stand_in_an_annex() -> None:
    items = tuple(
        Item(id=f"i{n}", type="ip", value=f"192.0.2.{n % 250}:{1024 + n}", used_from=MADE_AT, zone="UTC")
        for n in range(3000)
    )
    letter = typesetter().write(letter_order("us.2703f", items=items))
    found = pages(letter.pdf)
    assert "3000 identifiers are listed in the annex" in text_of(letter.pdf)
    assert "192.0.2.0:1024" not in found[0]
    numbered = {
        int(number): value
        for page in found
        for number, value in re.findall(r"(?m)^\s*(\d{1,4})\s*IP address\s*(192\.0\.2\.\d+:\d+)", page)
    }
    assert numbered == {number: item.value for number, item in enumerate(items, 1)}


HOSTILE = [
    "#set page(width: 1cm)",
    '#panic("x")',
    "$a^2$ *bold* _it_ `raw` ] } ) \\ // /* <l> @ref",
    "#sys.inputs.letter",
    "fi ffl -> ... -- \"quoted\" 'q'",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_value_is_printed_literally(value: str, language: str) -> None:
    order = letter_order("coe.29", language=language, items=(Item(id="i1", type="other", value=value),))
    order = replace(order, offence_facts=value, unit=value, case_reference=value)
    said = written(order)
    assert said.count(value) >= 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("paypal\u202ekcatta", "paypalU+202Ekcatta"),
        ("a\x00b\x1b[31m\tc", "aU+0000bU+001B[31mU+0009c"),
        ("smile😀", "smileU+1F600"),
        ("名前", "U+540DU+524D"),
        ("zero\u200bwidth\ufeff", "zeroU+200BwidthU+FEFF"),
        (" lead", "U+0020lead"),
        ("two  spaces", "twoU+0020U+0020spaces"),
        ("e\u0301", "eU+0301"),
        ("private\ue000", "privateU+E000"),
        ("no\u00a0break", "noU+00A0break"),
        ("line\nbreak\u2028x", "lineU+000AbreakU+2028x"),
        ("half\ud800", "halfU+D800"),
    ],
)
def test_what_cannot_be_seen_is_printed_as_its_code_point(value: str, shown: str) -> None:
    letter = typesetter().write(letter_order("us.2703f", items=(Item(id="i1", type="username", value=value),)))
    said = text_of(letter.pdf).replace(" ", "")
    assert shown in said
    assert "Aframedcode" in said


def test_look_alikes_of_another_script_are_named_with_their_position() -> None:
    item = Item(id="i1", type="username", value="p\u0430ypal")
    assert "U+0430: 2" in written(letter_order(items=(item,)))
    assert "outside ASCII" not in written(letter_order())


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_pieces_of_an_address_stand_from_left_to_right_whatever_their_letters(language: str) -> None:
    value = "https://example.com/واحد/2?q=ثلث&r=3#x"
    order = letter_order(language=language, items=(Item(id="i1", type="other", value=value),))
    page = PdfDocument(typesetter().write(order).pdf)[0].get_textpage()
    text, start = page.get_text_range(), page.search("example.com/").get_next()
    assert start is not None
    left, bottom, _, _ = page.get_charbox(start[0])
    where = {
        text[at]: page.get_charbox(at)[0]
        for at in range(page.count_chars())
        if text[at] in "وحث2?&#" and abs(page.get_charbox(at)[1] - bottom) < 6 and page.get_charbox(at)[0] > left
    }
    assert sorted(where, key=lambda each: where[each]) == ["\u062d", "\u0648", "2", "?", "\u062b", "&", "#"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_address_can_be_put_together_again(language: str) -> None:
    address = "https://example.com/" + "".join(f"{n}lI1O0?#" for n in range(480))[:3980]
    item = Item(id="i1", type="url", value=address)
    order = letter_order(language=language, items=(item,))
    read = pages(typesetter().write(order).pdf)
    lines = [line.strip() for page in read for line in page.splitlines()]
    pieces = [re.sub(r"\s*↩\s*", "", line) for line in lines if "↩" in line]
    joined = "".join(piece.rpartition(" ")[2] for piece in pieces)
    assert len(address) == 4000
    assert address[:40] in "".join(read)
    assert address[200:3900] in joined
    assert "4000" in " ".join(read)


def test_an_identifier_appears_in_no_repr_and_no_error() -> None:
    secret = "canary.7f3a@example.com"
    order = letter_order("coe.29", items=(Item(id="i1", type="email", value=secret),), necessity="")
    with pytest.raises(Unsupported) as found:
        typesetter().write(order)
    assert secret not in everything_said(found.value)
    assert secret not in repr(typesetter().write(order, draft=True))


def test_typst_is_not_imported_before_a_letter_is_written() -> None:
    code = (
        "import sys, providers.registry, providers.letters; print({'typst', 'pyhanko', 'babel'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_a_typesetter_may_be_used_by_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    shared = Typesetter(stationery())
    orders = [letter_order("generic", kind, language) for kind in ("original", "extension") for language in LANGUAGES]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda order: shared.write(order).pdf, orders))
    assert together == [shared.write(order).pdf for order in orders]
