"""What the pages say: made from plain values, without a server. Nothing of the record is ever markup."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from unit_support import CANARY, MORNING, Unit

from flows import replying
from flows.pages import markup, overview, work
from flows.pages.casepage import case_page
from flows.pages.links import FROM_A_PAGE, Links, case_key, item_key, whole
from flows.pages.seen import AsAt, CaseSeen, gap_seen, provider_name, request_seen, settled
from flows.replying import Reply
from flows.work_items import Answer, WorkItem, items_of
from ledger.interface import Tally
from providers.interface import Action
from providers.memory import Behaviour, Does

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
AS_AT = AsAt(now=datetime(2026, 12, 5, 9, tzinfo=UTC), through=1234, run="aaaaaaaa-0000-4000-8000-000000000001")
HOSTILE = (
    "a|b",
    "`tick` ``two``",
    "<b>bold</b><script>alert(1)</script>",
    "[label](http://evil.example) ![x](y)",
    "http://evil.example www.evil.example someone@evil.example",
    "*b* _i_ __u__ ~~s~~ # h \\ &lt; &#124;",
    "two\nlines\r\n# and a heading",
    "\u202eturned\u2066",
)


def tokens(page: str) -> Iterator[Token]:
    """Every token of a page, those within lines too."""
    for token in READER.parse(page):
        yield token
        yield from token.children or ()


def words(page: str) -> str:
    """What a reader sees of a page, without what cannot be seen."""
    kinds = {"text", "code_inline", "html_inline"}
    shown = "".join(each.content for each in tokens(page) if each.type in kinds).replace("<br>", " ")
    return shown.replace("\u2060", "")


def links_of(page: str) -> list[str]:
    return [str(each.attrGet("href")) for each in tokens(page) if each.type == "link_open"]


def rows_of(page: str) -> list[int]:
    """How many cells each row of the page's tables has."""
    counts: list[int] = []
    for token in READER.parse(page):
        if token.type == "tr_open":
            counts.append(0)
        elif token.type in {"td_open", "th_open"}:
            counts[-1] += 1
    return counts


def item(number: int = 1, **given: Any) -> WorkItem:
    request = f"HF-{number:012d}"
    fields = {"request": request, "matter": "channel:send"}
    usual: dict[str, Any] = {
        "id": f"{request}/channel:send",
        "request": request,
        "case": "CY-2026-0412",
        "provider": "snap",
        "provider_name": "Snap Inc.",
        "instrument": "us.18usc2703f",
        "state": "registered",
        "about": "channel:send",
        "kind": "channel",
        "title": f"Submit {request} at Snap's portal",
        "because": "no machine can send it: take out `holdfast packet`",
        "steps": ("Take out the packet.", "Submit it."),
        "by": datetime(2026, 12, 8, 14, tzinfo=UTC),
        "strict_on": "2027-02-18",
        "level": 2,
        "told_at": datetime(2026, 12, 4, 9, tzinfo=UTC),
        "taken_up_at": None,
        "answers": (
            Answer(label="It is submitted", flow="record-reply", fields=fields | {"kind": "sent"}),
            Answer(label="I have taken it up", flow="acknowledge-escalation", fields=fields),
        ),
    }
    return WorkItem(**(usual | given))


LINKS = Links(
    deployments={"record-reply": "d-reply", "acknowledge-escalation": "d-acknowledge"},
    pages={"desk-queue": "p-queue", "board": "p-board", case_key("CY-2026-0412"): "p-case"}
    | {item_key(f"HF-{number:012d}", "channel:send"): f"p-item-{number}" for number in (1, 2, 3)},
)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha", "beta"))
    made.play("alpha")
    made.play("beta", Behaviour(does=Does.REFUSE, on=Action.SEND))
    yield made
    made.close()


def shown(unit: Unit, case: str) -> str:
    """A case's page, as the publisher makes it."""
    rows = tuple(unit.office.ledger.rows(open_only=False, case=case))
    seen = CaseSeen(
        case=case,
        rows=rows,
        providers={row.provider: provider_name(unit.office, row.provider) for row in rows},
        requests=tuple(
            request_seen(unit.office, row, items_of(unit.office, row.request), unit.office.now()) for row in rows
        ),
    )
    return case_page(seen, LINKS, replace(AS_AT, now=unit.office.now()))


def svg_of(page: str) -> str:
    """The first picture of a page, as SVG."""
    import base64

    found = re.search(r"!\[[^]]*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", page)
    assert found is not None
    return base64.b64decode(found[1]).decode()


class TestMarkup:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_a_text_of_the_record_is_shown_as_it_is_and_never_is_markup(self, text: str) -> None:
        plain = " ".join(text.replace("\u202e", " ").replace("\u2066", " ").split())
        page = markup.table(("A", "B"), [(markup.plain(text), "b"), (markup.folded(text, 500), "b")])
        assert rows_of(page) == [2, 2, 2]
        assert words(page) == f"AB{plain}b{plain}b"
        assert not [each for each in tokens(page) if each.type.startswith(("html", "link", "image", "strong", "em"))]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_a_reference_can_be_copied_exactly_from_a_cell_and_from_a_sentence(self, text: str) -> None:
        plain = " ".join(text.replace("\u202e", " ").replace("\u2066", " ").split())
        cell = markup.table(("A", "B"), [(markup.exact(text), "b")])
        assert rows_of(cell) == [2, 2]
        for page in (cell, markup.exact(text, cell=False)):
            assert [each.content for each in tokens(page) if each.type == "code_inline"] == [plain]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_the_label_of_a_link_leads_nowhere_else(self, text: str) -> None:
        page = markup.table(("A", "B"), [(markup.link(text, "../../x", width=20), markup.link(text, "../../x"))])
        assert rows_of(page) == [2, 2]
        assert set(links_of(page)) == {"../../x"}
        assert "\\" not in page.splitlines()[2], "one of the two UIs shows a label as it is written"

    @pytest.mark.parametrize("text", ["see http://evil.example", "www.evil.example", "write to a@evil.example"])
    def test_what_looks_like_an_address_is_kept_from_becoming_a_link(self, text: str) -> None:
        for shown in (markup.plain(text), markup.folded(text), markup.link(text, "../../x")):
            assert not re.search(r"https?:|www\.|[a-z]@", shown.replace("\\", ""))

    def test_what_is_to_be_typed_stands_out_in_a_sentence(self) -> None:
        page = markup.prose("take out `holdfast packet HF-1`, then record `sent` <now>")
        assert [each.content for each in tokens(page) if each.type == "code_inline"] == [
            "holdfast packet HF-1",
            "sent",
        ]
        assert words(page).endswith("<now>")
        assert words(markup.prose("one ` alone")) == "one ` alone"


class TestLinks:
    def test_a_form_is_filled_in_by_its_address(self) -> None:
        address = LINKS.form("record-reply", {"request": "HF-000000000001", "matter": "extension:1"})
        path, _, query = address.partition("?")
        assert path == "../../deployments/deployment/d-reply/run"
        assert json.loads(parse_qs(query)["parameters"][0]) == {"request": "HF-000000000001", "matter": "extension:1"}
        assert re.fullmatch(r"[\w./?=%-]+", address), "nothing in it that markdown reads"

    def test_what_is_not_served_or_not_there_has_no_address(self) -> None:
        assert LINKS.form("release-request", {"request": "HF-000000000001"}) == ""
        assert LINKS.page("at-risk") == ""
        assert LINKS.run("") == ""

    def test_addresses_stay_in_the_ui_and_behind_the_proxy_that_the_reader_uses(self) -> None:
        from urllib.parse import urljoin

        for ui in (
            "http://127.0.0.1:4200/",
            "http://127.0.0.1:4200/v2/",
            "https://desk.police.example.com/holdfast/",
        ):
            for page in ("artifacts/artifact/0", "artifacts/key/board", "runs/flow-run/0"):
                assert urljoin(ui + page, LINKS.page("board")) == f"{ui}artifacts/artifact/p-board"
                assert urljoin(ui + page, LINKS.run("7")) == f"{ui}runs/flow-run/7"

    def test_whole_addresses_begin_as_the_settings_say(self) -> None:
        assert whole("") == FROM_A_PAGE
        there = replace(LINKS, base=whole("https://desk.police.example.com/holdfast/"))
        assert urlsplit(there.page("board")).path == "/holdfast/artifacts/artifact/p-board"

    def test_keys_are_what_prefect_takes_and_tell_likes_apart(self) -> None:
        keys = [case_key(case) for case in ("CY/2026 0412", "CY-2026-0412", "Дело 7", "x" * 300)]
        keys += [item_key("HF-0123456789AB", about) for about in ("extension:1", "extension:2")]
        assert len(set(keys)) == len(keys)
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) and len(key) < 80 for key in keys)


class TestTheDeskQueue:
    def test_every_item_has_a_row_with_its_page_its_case_and_its_answers(self) -> None:
        page = work.desk_queue([item(1), item(2, taken_up_at=AS_AT.now)], LINKS, AS_AT)
        assert "2 items, 1 not taken up yet." in words(page)
        assert rows_of(page) == [4, 4, 4]
        addresses = links_of(page)
        assert "../../artifacts/artifact/p-item-1" in addresses
        assert "../../artifacts/artifact/p-case" in addresses
        given = [json.loads(parse_qs(urlsplit(each).query)["parameters"][0]) for each in addresses if "run?" in each]
        assert given[0] == {"request": "HF-000000000001", "matter": "channel:send", "kind": "sent"}
        assert [sorted(each) for each in given] == [["kind", "matter", "request"], ["matter", "request"]] * 2

    def test_it_says_when_it_was_made_and_by_which_run_and_names_no_time_that_ages(self) -> None:
        page = work.desk_queue([item()], LINKS, AS_AT)
        assert "As at 5 Dec 2026 09:00 UTC, event 1,234 of the record, by this run" in words(page)
        assert f"../../runs/flow-run/{AS_AT.run}" in links_of(page)
        assert "8 Dec 2026" in words(page)
        assert not re.search(r"\b(in|overdue) \d+ (d|h|min|day)|\bago\b|\btoday\b|\btomorrow\b", words(page))

    def test_it_says_so_where_nothing_is_to_do(self) -> None:
        assert "Nothing needs a person." in words(work.desk_queue([], LINKS, AS_AT))

    def test_an_answer_whose_form_is_not_served_has_no_link(self) -> None:
        page = work.desk_queue([item()], Links(), AS_AT)
        assert links_of(page) == [f"../../runs/flow-run/{AS_AT.run}"]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_names_break_no_page(self, text: str) -> None:
        odd = item(case=text, provider_name=text, title=text, because=text, steps=(text,))
        for page in (
            work.desk_queue([odd, item(2)], LINKS, AS_AT),
            work.item_page(odd, LINKS, AS_AT),
            work.needs_a_person([odd, item(2)], (), LINKS, AS_AT),
        ):
            assert set(rows_of(page)) <= {3, 4}
            assert all(each.startswith(FROM_A_PAGE) for each in links_of(page))
            assert {each.content for each in tokens(page) if each.type.startswith("html")} <= {"<br>"}
            assert not [each for each in tokens(page) if each.type == "heading_open" and each.tag not in {"h1", "h2"}]

    def test_of_five_hundred_items_the_first_hundred_are_shown_and_the_rest_is_one_page_away(self) -> None:
        meta = {"provider": "meta", "provider_name": "Meta [x](y)"}
        many = [item(number, **({} if number % 3 else meta)) for number in range(500)]
        began = time.process_time()
        split = work.parts(many)
        there = replace(LINKS, pages={**LINKS.pages, **{each.key: each.key for each in split}})
        page = work.desk_queue(many, there, AS_AT)
        pages = [work.queue_part(each, there, AS_AT) for each in split]
        assert time.process_time() - began < 1
        assert len(rows_of(page)) == 101
        assert len(page) < 100_000, "a browser shows it within two seconds"
        assert "Snap Inc. 1–100, 101–200, 201–300, 301–333 of 333 · Meta [x](y) 1–100, 101–167 of 167" in words(page)
        linked = [each.rpartition("/")[2] for each in links_of(page)]
        assert [each for each in linked if each.startswith("desk-queue-")] == [each.key for each in split]
        assert {each.request for part in split for each in part.items} == {each.request for each in many}
        assert all(len(rows_of(each)) <= 101 for each in pages)
        assert "167 items. Here are 101–167" in words(pages[-1])

    def test_what_fits_on_one_page_is_on_one_page(self) -> None:
        assert work.parts([item(number) for number in range(100)]) == ()

    def test_a_page_of_a_provider_who_has_nothing_left_leads_back(self) -> None:
        assert "../../artifacts/artifact/p-queue" in links_of(work.empty_part(LINKS, AS_AT))


class TestAnItem:
    def test_it_says_why_by_when_what_to_do_and_how_to_answer(self) -> None:
        page = work.item_page(item(), LINKS, AS_AT)
        shown = words(page)
        assert "Why. No machine can send it" in shown
        assert "By: 8 Dec 2026 14:00 UTC" in shown
        assert [each.tag for each in tokens(page) if each.type == "ordered_list_open"] == ["ol"]
        assert sum("run?" in each for each in links_of(page)) == 3, "two answers, and anything else"

    def test_a_settled_one_says_by_whom_and_when_and_has_no_link_to_a_form(self, unit: Unit) -> None:
        (request,) = unit.preserve({"provider": "snap", "identifiers": [{"type": "username", "value": "someone"}]})
        (open_item,) = items_of(unit.office, request)
        assert settled(unit.office, request, open_item.about) is None
        unit.later(hours=3)
        replying.record(unit.office, request, Reply(kind="sent", by="Contact team"))
        unit.later(days=1)
        replying.record(unit.office, request, Reply(kind="acknowledged", reference="LE-7", by="Somebody else"))
        over = settled(unit.office, request, open_item.about)
        assert over is not None
        page = work.settled_page(over, LINKS, AS_AT)
        assert "Settled: 21 Nov 2026 12:00 UTC, by Contact team" in words(page)
        assert "Somebody else" not in words(page), "it was settled before that"
        assert not [each for each in links_of(page) if "deployments" in each]


class TestNeedsAPerson:
    def test_the_highest_level_comes_first_and_what_nobody_has_taken_up(self, unit: Unit) -> None:
        taken = item(1, level=2, taken_up_at=AS_AT.now)
        page = work.needs_a_person(
            [taken, item(2, level=1), item(3, level=2)], unit.office.policy.ladder, LINKS, AS_AT
        )
        shown = words(page)
        assert "2 of 3 unanswered." in shown
        places = [shown.index(each) for each in ("Level 2: Head of unit", "HF-000000000003", "HF-000000000001")]
        assert places == sorted(places)
        assert shown.index("HF-000000000001") < shown.index("Level 1: Duty officer") < shown.index("HF-000000000002")
        assert sum("d-acknowledge" in each for each in links_of(page)) == 2, "a link for each that is unanswered"


class TestTheBoard:
    def test_it_lists_what_is_due_first_and_counts_all(self, unit: Unit) -> None:
        unit.register(*({"provider": "alpha"} for _ in range(3)))
        rows = list(unit.office.ledger.rows())
        many = [replace(rows[0], request=f"HF-{number:012d}") for number in range(250)] + rows
        tally = (Tally(state="registered", count=253, for_people=4, at_risk=250),)
        page = overview.board(many, tally, {"alpha": "Alpha"}, {}, LINKS, AS_AT)
        assert "253 open requests. 253 registered, not sent" in words(page)
        assert "4 requests with something for a person; 250 at risk" in words(page)
        assert "Listed are the 100 on which something is due first" in words(page)
        assert len(rows_of(page)) == 101

    def test_it_says_who_is_waited_for(self, unit: Unit) -> None:
        (row,) = (unit.register(), list(unit.office.ledger.rows()))[1]
        assert overview.waits_for(row, (), LINKS) == ""
        assert "the provider: its receipt" in overview.waits_for(replace(row, state="sent"), (), LINKS)
        second = replace(row, next_because="waits for a second person: the first sending, asked for on …")
        assert "a second person" in overview.waits_for(second, (), LINKS)
        one = words(overview.waits_for(replace(row, matters=2), (item(1), item(2)), LINKS))
        assert "waits for a person:" in one
        assert "Submit HF-000000000001" in one
        assert "and 1 more item" in one

    def test_what_is_at_risk_stands_with_what_would_close_it(self, unit: Unit) -> None:
        unit.preserve({"provider": "alpha"})
        (row,) = unit.office.ledger.rows()
        assert row.gap_days_p90 > 0
        page = overview.at_risk([gap_seen(unit.office, row, unit.office.now())], 7, LINKS, AS_AT)
        shown = words(page)
        assert "7 open requests may lose data" in shown
        assert f"{row.gap_days_p90} d" in shown
        assert "send the extension by 18 Feb 2027" in shown
        assert rows_of(page) == [4, 4]
        assert "Every open request reaches" in words(overview.at_risk([], 0, LINKS, AS_AT))


class TestACase:
    def test_it_has_a_picture_the_clocks_with_their_derivation_the_items_and_the_history(self, unit: Unit) -> None:
        unit.preserve({"provider": "alpha"}, {"provider": "beta"})
        page = shown(unit, "CY-2026-0412")
        said = words(page)
        assert page.count("data:image/svg+xml;base64,") == 2
        for each in ("alpha: data kept until 18 Feb 2027", "beta: refused by the provider", "Does NOT reach"):
            assert each in said
        assert "strict: counted from 21 Nov 2026 as day 1, Thu 18 Feb 2027" in said
        assert "The provider keeps the data from 21 Nov 2026" in said
        assert "REFUSED (other)" in said

    def test_the_picture_is_small_says_what_it_is_and_stands_on_a_card_of_its_own(self, unit: Unit) -> None:
        unit.preserve({"provider": "alpha"})
        page = shown(unit, "CY-2026-0412")
        svg = svg_of(page)
        assert len(svg) < 6_000
        root = ET.fromstring(svg)  # noqa: S314 - our own
        assert any(each.get("class") == "card" for each in root)
        assert "".join(root.itertext()).count("18 Feb 2027") == 1
        assert re.search(r"!\[Picture of the hold of HF[^]]+\]", page)

    def test_a_hold_that_was_never_sent_says_so(self, unit: Unit) -> None:
        unit.register({"provider": "alpha"})
        assert "Not sent: nothing is held yet. As if it were sent now:" in words(shown(unit, "CY-2026-0412"))

    @pytest.mark.parametrize("end", ["released", "produced", "refused", "open-ended"])
    def test_every_end_can_be_drawn(self, unit: Unit, end: str) -> None:
        (request,) = unit.preserve({"provider": "beta" if end == "refused" else "alpha"})
        unit.later(days=20)
        if end == "open-ended":
            replying.record(unit.office, request, Reply(kind="mla-sent", on=MORNING.date(), by="Clerk"))
            unit.office.append(request, [("mla-received", {"on": "2026-12-01"})])
        elif end in {"released", "produced"}:
            unit.office.append(request, [(end, {})])
        unit.later(days=1)
        assert ET.fromstring(svg_of(shown(unit, "CY-2026-0412"))).get("viewBox")  # noqa: S314

    def test_no_account_no_remark_and_no_typed_reason_is_on_it(self, unit: Unit) -> None:
        (request,) = unit.preserve({"provider": "alpha"})
        replying.record(unit.office, request, Reply(kind="note", text="A private remark", by="Clerk"))
        unit.office.append(request, [("erased", {"because": "a typed reason", "by": "Head of unit"})])
        page = shown(unit, "CY-2026-0412")
        for secret in (CANARY, "private remark", "typed reason"):
            assert secret not in page
            assert secret not in svg_of(page)
        assert "The case was ERASED; entered for Head of unit" in words(page)

    def test_a_case_of_many_requests_lists_them_and_shows_the_first_in_full(self, unit: Unit) -> None:
        unit.register(*({"provider": "alpha"} for _ in range(3)))
        rows = tuple(unit.office.ledger.rows())
        (first, *_) = (request_seen(unit.office, row, (), unit.office.now()) for row in rows)
        many: Sequence[Any] = [replace(rows[0], request=f"HF-{number:012d}") for number in range(600)]
        seen = CaseSeen(case="CY-2026-0412", rows=tuple(many), providers={}, requests=(first,))
        page = case_page(seen, LINKS, AS_AT)
        assert "600 requests. The first 1 are shown below. Not listed: 100." in words(page)
        assert len(page) < 100_000


def test_a_page_is_made_in_a_hundredth_of_a_second(unit: Unit) -> None:
    unit.preserve({"provider": "alpha"})
    unit.run_until(MORNING + timedelta(days=20))
    shown(unit, "CY-2026-0412")
    began = time.process_time()
    for _ in range(5):
        shown(unit, "CY-2026-0412")
    assert time.process_time() - began < 0.25
