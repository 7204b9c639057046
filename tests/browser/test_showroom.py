"""The desk to try out, `holdfast demo --desk`. It is closed here, after everybody else in this folder has used it."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browser_support import Clerk, Desk, expect

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.xdist_group("in a browser")]


def test_it_prints_addresses_that_answer_and_what_to_try(clerk: Clerk, desk: Desk) -> None:
    for address, heading in ((desk.queue, "Desk queue"), (desk.board, "Board")):
        clerk.open(address, heading)
    page = clerk.context.new_page()
    page.goto(desk.forms)
    expect(page.get_by_role("link", name="Extend now")).to_be_visible()
    told = desk.said()
    assert re.search(r"Submit HF-\w{12} at Sandbox Portal", told)
    assert str(desk.kept) in told


def test_what_is_open_on_it_came_about_by_itself(desk: Desk) -> None:
    with desk.office() as opened:
        assert opened.ledger.sandbox
        events = [each for row in opened.ledger.rows(open_only=False) for each in opened.ledger.events(row.request)]
    told = {
        str(each.body["about"]).partition(":")[0]: each.body["level"] for each in events if each.kind == "escalated"
    }
    assert {"channel", "acknowledgement", "clarification", "extension", "ending", "coverage"} <= set(told)
    assert {"drafted", "refused", "sent", "preserved", "extended", "go-ahead"} & {each.kind for each in events}
    levels = {each.body["level"] for each in events if each.kind == "escalated"}
    assert {1, 2} <= levels


def test_ctrl_c_ends_everything_that_it_started(desk: Desk) -> None:
    family = desk.family()
    assert len(family) > 2, "itself, a server, played providers"
    assert desk.stop() == 0, desk.said()
    assert desk.said().rstrip().endswith("stopped")
    assert {pid for pid in family if Path(f"/proc/{pid}").exists()} == set()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(desk.forms, timeout=5)  # noqa: S310
    assert (desk.kept / "home" / "ledger.sqlite").exists(), "it was asked to leave its folder"
