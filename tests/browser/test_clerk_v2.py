"""The same desk in the newer of Prefect's two UIs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browser_support import Clerk, Desk, NewForm, expect, gone, picture, row
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.xdist_group("in a browser")]

PICTURED = {"light": "desk-queue-v2-light", "dark": "desk-queue-v2-dark"}
ASKS = "https://sr-client-cfg.amplitude.com/config/"
"""What the newer UI asks for when it opens, whatever the settings say: how its maker's statistics are set up."""


@pytest.fixture(params=["light", "dark"])
def newer(browser: Browser, desk: Desk, request: pytest.FixtureRequest) -> Iterator[Clerk]:
    """A clerk who uses it."""
    with Clerk(browser, desk, scheme=request.param, base=f"{desk.ui}/v2") as working:
        yield working
        assert [each for each in working.strangers if not each.startswith(ASKS)] == []


def test_queue_item_and_case_are_readable_there(newer: Clerk, desk: Desk, request: pytest.FixtureRequest) -> None:
    scheme = request.node.callspec.params["newer"]
    item = desk.item("extension")
    queue = newer.queue()
    picture(queue, PICTURED[scheme])
    page = newer.follow(row(queue, item.request).get_by_role("link", name=re.compile("^Confirm")), "What to do")
    case = newer.follow(page.get_by_role("link", name=item.case), f"Case {item.case}")
    image = case.get_by_role("img", name=re.compile("Picture of the hold")).first
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


@pytest.mark.parametrize("newer", ["light"], indirect=True)
def test_a_form_is_submitted_there(newer: Clerk, desk: Desk) -> None:
    item = desk.item("extension")
    queue = newer.queue()
    link = row(queue, item.request).get_by_role("link", name="It is extended")
    form = NewForm(newer.follow(link, "Parameters"))
    assert form.value("Request") == item.request
    form.fill("Entered by", "Contact team").submit()
    gone(newer.queue(), item.title)
    assert desk.kinds(item.request)[-1] == "extended"
