"""The same desk in the newer of Prefect's two UIs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from browser_support import PATIENCE, Clerk, Desk, NewForm, expect, gone, picture, row
from playwright.sync_api import Browser
from prefect_support import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.xdist_group("in a browser")]

PICTURED = {"light": "desk-queue-v2-light", "dark": "desk-queue-v2-dark"}
ZONES = {"light": "Pacific/Auckland", "dark": "America/Los_Angeles"}
"""Where its browser stands: a day must be the same everywhere."""

ASKS = "https://sr-client-cfg.amplitude.com/config/"
"""What the newer UI asks for when it opens, whatever the settings say: how its maker's statistics are set up."""


@pytest.fixture(params=["light", "dark"])
def newer(browser: Browser, desk: Desk, request: pytest.FixtureRequest) -> Iterator[Clerk]:
    """A clerk who uses it."""
    zone = ZONES[request.param]
    with Clerk(browser, desk, scheme=request.param, base=f"{desk.ui}/v2", zone=zone) as working:
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


@pytest.mark.parametrize("newer", ["dark"], indirect=True)
def test_a_day_that_a_link_filled_in_is_shown_and_a_wrong_one_is_told_in_words(newer: Clerk, desk: Desk) -> None:
    item = desk.item("coverage")
    before = desk.kinds(item.request)
    link = row(newer.queue(), item.request).get_by_role("link", name="The MLA request was sent")
    page = newer.follow(link, "Parameters")
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    address, _, _ = page.url.partition("?")
    page.goto(f"{address}?parameters={quote(json.dumps({'request': item.request, 'on': str(day)}))}")
    form = NewForm(page)
    expect(form.day("Day")).to_contain_text(f"{day:%B} {day.day}")
    run = form.fill("Entered by", "Contact team").submit()
    desk.ended(run)
    logs = {"logs": {"flow_run_id": {"any_": [run]}, "level": {"ge_": 40}}}
    wait_for(lambda: desk.ask("/logs/filter", logs), seconds=PATIENCE, what="its log, which the page shows once")
    page.goto(f"{newer.base}/runs/flow-run/{run}")
    expect(page.get_by_text(re.compile("Day. .* future")).first).to_be_visible()
    assert desk.kinds(item.request) == before


@pytest.mark.parametrize("newer", ["light"], indirect=True)
def test_a_form_is_submitted_there_with_the_day_that_was_clicked(newer: Clerk, desk: Desk) -> None:
    item = desk.item("extension")
    link = row(newer.queue(), item.request).get_by_role("link", name="It is extended")
    form = NewForm(newer.follow(link, "Parameters"))
    assert form.value("Request") == item.request
    day = form.pick("Kept until", 5, months=4)
    ended = desk.ended(form.fill("Entered by", "Contact team").submit())
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    gone(newer.queue(), item.title)
    with desk.office() as opened:
        last = opened.ledger.events(item.request)[-1]
    assert (last.kind, last.body["held_until"]) == ("extended", str(day))


@pytest.mark.soak
@pytest.mark.parametrize("newer", ["dark"], indirect=True)
def test_a_list_is_chosen_from_and_an_hour_is_entered_in_the_zone_in_which_it_is_known(
    newer: Clerk, desk: Desk
) -> None:
    item = desk.item("clarification")
    (whole,) = desk.ask("/deployments/filter", {"deployments": {"name": {"any_": ["Record a reply"]}}})
    given = quote(json.dumps({"request": item.request}))
    form = NewForm(newer.open(f"{desk.ui}/deployments/deployment/{whole['id']}/run?parameters={given}", "Parameters"))
    at = datetime.now(ZoneInfo("Asia/Kolkata"))
    form.choose("What happened", "clarification-answered").fill("Instant", f"{at:%Y-%m-%d %H:%M} Asia/Kolkata")
    ended = desk.ended(form.fill("Entered by", "Contact team").submit())
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    with desk.office() as opened:
        last = next(each for each in opened.ledger.events(item.request) if each.kind == "clarification-answered")
    assert last.at == at.replace(second=0, microsecond=0)
