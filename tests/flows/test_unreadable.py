"""One request whose history is damaged: it stands in the lists as that, and hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from damage_support import damage_event
from unit_support import Unit, unit_with_portal

from flows import intake
from flows.entry import Run
from flows.forms.scrubbing import registered_by
from flows.inbox import open_messages
from flows.issue import _issue
from flows.pages.links import BOARD, QUEUE, case_key
from flows.pages.making import Known, make
from flows.pages.shelf import Lying, Page
from flows.prefect_api import Errand
from flows.sweeping import queue
from flows.work_items import open_items
from providers.interface import Action


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = unit_with_portal(tmp_path)
    yield made
    made.office.close()


@pytest.fixture
def two(unit: Unit) -> tuple[str, str]:
    """A damaged request and another one; both wait for a person, and have a message that nobody has settled."""
    requests = unit.preserve({"provider": "portal"}, {"provider": "portal"})
    for request in requests:
        message = request.lower().encode().hex().ljust(64, "0")
        unit.office.append(request, [("message-received", {"message": message, "channel": "e-mail", "faults": []})])
    damage_event(unit, requests[0])
    return requests[0], requests[1]


def test_the_desk_queue_says_which_request_cannot_be_read_and_what_to_do(unit: Unit, two: tuple[str, str]) -> None:
    damaged, other = two
    items = open_items(unit.office)
    (item,) = [each for each in items if each.request == damaged]
    assert (item.kind, item.title) == ("unreadable", f"The record of {damaged} cannot be read")
    assert "cannot be read: run verify" in item.because
    assert any("`holdfast verify`" in step for step in item.steps)
    assert {each.about for each in items if each.request == other} >= {"channel"}


def test_the_inbox_lists_the_messages_of_the_others(unit: Unit, two: tuple[str, str]) -> None:
    damaged, other = two
    found = {each.request: each for each in open_messages(unit.office)}
    assert set(found) == {damaged, other}
    assert found[other].body["faults"] == []
    ((fault,),) = [found[damaged].body["faults"]]
    assert "cannot be read: run verify" in str(fault)
    assert found[damaged].message == damaged.lower().encode().hex().ljust(64, "0")


class Table:
    """A shelf on which pages are only laid down."""

    def __init__(self) -> None:
        self.of = ""
        self.ids: dict[str, str] = {}
        self.laid: dict[str, str] = {}

    def look(self, keys: Any) -> dict[str, Lying]:
        return {}

    def missing(self, keys: Any) -> set[str]:
        return set(keys)

    def deployments(self) -> dict[str, str]:
        return {}

    def begun_with(self, start: str) -> tuple[str, ...]:
        return ()

    def put(self, pages: Any, *, through: int) -> None:
        each: Page
        for each in pages:
            self.laid[each.key] = each.markdown.replace("\\-", "-")


def test_every_page_is_made_all_the_same(unit: Unit, two: tuple[str, str]) -> None:
    damaged, other = two
    table: Any = Table()
    made = make(unit.office, table, Known())
    assert made.whole
    assert f"The record of {damaged} cannot be read" in table.laid[QUEUE]
    assert other in table.laid[QUEUE]
    assert damaged in table.laid[BOARD]
    page = table.laid[case_key(unit.office.case(other))]
    assert damaged in page
    assert f"Submit {other}" in page


def test_the_others_are_sent_at_once_all_the_same(unit: Unit) -> None:
    played, unused = unit.play("alpha"), None
    damaged, other = unit.register({}, {})
    damage_event(unit, damaged, 0)
    fixed: dict[str, Any] = {"say": lambda _: None, "scrubber": unused}
    run = Run(office=unit.office, errand=Errand(run="run-1"), each=queue, progress=lambda _: None, **fixed)
    outcome = _issue(run, request_ids=[damaged, other], by="Contact team")
    assert played.effects(other, Action.SEND, 1) == 1
    assert outcome.report is not None
    assert [request for request, _ in outcome.report.failures] == [damaged]


def test_what_a_run_registered_is_found_beside_it_so_that_what_was_typed_is_taken_out(unit: Unit) -> None:
    damaged, other = unit.preserve({}, {})
    read, drafts, _ = intake.read(unit.folder / "case.json", unit.office.catalogue, at=unit.office.now())
    mine = intake.register(unit.office, read, drafts, run="run-1")
    damage_event(unit, damaged)
    typed = {"case": {"reference": "CY-2026-0412"}}
    assert registered_by(unit.office, "run-1", typed) == mine
    damage_event(unit, other, 0)
    assert registered_by(unit.office, "run-1", typed) == mine
