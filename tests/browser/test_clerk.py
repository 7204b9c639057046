"""A clerk's day at the desk, in a real browser."""

from __future__ import annotations

import json
import re

import pytest
from browser_support import Clerk, Desk, expect, gone, picture, row
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.prefect, pytest.mark.xdist_group("in a browser")]

WHO = "Contact team"
ACCOUNT = "copies.of.invoices@example.com"


def test_the_queue_leads_to_an_item_with_its_steps_and_to_its_form_filled_in(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("channel")
    queue = clerk.queue()
    picture(queue, "desk-queue")
    expect(row(queue, item.request)).to_contain_text("nobody yet")
    page = clerk.follow(row(queue, item.request).get_by_role("link", name=re.compile("^Submit")), "What to do")
    expect(page.get_by_role("listitem").filter(has_text="Take out the packet").first).to_be_visible()
    picture(page, "item")
    form = clerk.press(page.get_by_role("link", name="It is submitted"))
    assert (form.value("Request"), form.value("Item")) == (item.request, "channel")
    picture(form.page, "form-filled-in")


def test_two_clerks_submit_the_same_item_and_the_second_is_told_who_was_first(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("channel")
    queue = clerk.queue()
    early, late = (clerk.press(row(queue, item.request).get_by_role("link", name="It is submitted")) for _ in "ab")
    early.fill("Entered by", WHO).submit().done()
    told = late.fill("Entered by", "Night shift").submit().failed()
    told.says(item.request, f"settled by {WHO}", "nothing was entered")
    picture(told.page, "too-late")
    gone(queue, item.request)
    assert desk.kinds(item.request).count("sent") == 1


def test_a_wrong_entry_is_told_in_words_and_enters_nothing(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("acknowledgement")
    before = desk.kinds(item.request)
    form = clerk.press(row(clerk.queue(), item.request).get_by_role("link", name="They have it"))
    run = form.fill("Their reference", "quiet_lantern").fill("Entered by", WHO).submit().failed()
    run.says("Their reference", "account")
    assert "quiet_lantern" not in run.log()
    picture(run.page, "wrong-entry")
    assert desk.kinds(item.request) == before


def test_the_day_that_was_clicked_arrives_though_it_is_another_day_here(browser: Browser, desk: Desk) -> None:
    item = desk.item("acknowledgement")
    before = desk.kinds(item.request)
    with Clerk(browser, desk, zone="Pacific/Auckland") as far_away:
        link = row(far_away.queue(), item.request).get_by_role("link", name="They have it")
        form = far_away.press(link)
        day = form.pick("Day", 5, months=1)
        run = form.fill("Entered by", WHO).submit().failed().says("Day", "future")
    assert desk.ended(run.id)["parameters"]["on"] == str(day)
    assert desk.kinds(item.request) == before


def test_a_refusal_is_entered_with_its_ground(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("acknowledgement")
    form = clerk.press(row(clerk.queue(), item.request).get_by_role("link", name="They refuse", exact=True))
    form.choose("Ground of refusal", "over-broad").fill("Entered by", WHO)
    picture(form.page, "refusal", form.field("Ground of refusal"))
    form.submit().done().says("refused")
    with desk.office() as opened:
        last = next(each for each in opened.ledger.events(item.request) if each.kind == "refused")
    assert (last.body["ground"], last.body["by"]) == ("over-broad", WHO)


def test_to_take_up_an_escalation_keeps_it_on_the_queue_under_a_name(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("ending")
    assert item.level == 2
    queue = clerk.queue()
    expect(row(queue, item.request)).to_contain_text("▲▲")
    form = clerk.press(row(queue, item.request).get_by_role("link", name="I have taken it up"))
    run = form.fill("Entered by", WHO).submit().done()
    picture(run.page, "run")
    gone(queue, f"{item.request}no")
    expect(row(queue, item.request)).to_contain_text("taken up")
    assert desk.item("ending").taken_up_at is not None


def test_the_board_shows_every_case_and_leads_to_the_picture_of_one(clerk: Clerk, desk: Desk) -> None:
    board = clerk.open(desk.board, "Board")
    picture(board, "board")
    item = desk.item("coverage")
    case = clerk.follow(row(board, item.request).get_by_role("link", name=item.case), f"Case {item.case}")
    image = case.get_by_role("img", name=re.compile("Picture of the hold")).first
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(case.get_by_role("heading", name="Clocks")).to_be_visible()
    expect(case.get_by_role("heading", name="History")).to_be_visible()
    picture(case, "case")


def test_a_draft_is_sent_by_its_id(clerk: Clerk, desk: Desk) -> None:
    item = desk.item("draft")
    assert item.request not in desk.sends()
    form = clerk.form("Preserve a draft")
    form.fill("Draft", item.request).fill("Entered by", WHO)
    form.submit().done()
    assert desk.sends()[item.request] == 1


def test_a_case_is_typed_sent_and_taken_out_of_the_run(clerk: Clerk, desk: Desk) -> None:
    sent = set(desk.sends())
    form = clerk.form("Preserve a case")
    for title, text in {
        "Case number": "CY-2026-0431",
        "Unit": "Cybercrime Unit, Example Police",
        "Country": "FR",
        "Offence": "Computer-related fraud",
        "Provisions of law": "Code pénal, art. 313-1",
        "Officer": "Duty officer",
        "Badge": "EP-1042",
        "E-mail": "duty.officer@police.example.com",
        "Telephone": "+33 1 99 00 01 00",
        "Accounts > Account": ACCOUNT,
        "Validated by": "Investigating judge, Example Court",
        "Country of the user": "IE",
        "Entered by": WHO,
    }.items():
        form.fill(title, text)
    form.choose("Provider", "sandbox-social")
    form.choose("Legal basis", "eu.epocpr")
    form.choose("Type", "email")
    picture(form.page, "case-form", form.field("Accounts > Account"))
    run = form.submit().done()
    (request,) = set(desk.sends()) - sent
    run.says(request)
    picture(run.page, "case-sent")
    assert request in run.parameters()
    assert ACCOUNT not in run.page.content()
    assert ACCOUNT not in json.dumps(desk.ask("/flow_runs/filter", {}))
