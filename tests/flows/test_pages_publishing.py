"""The pages on a real Prefect server: in place, as little as has changed, never older, anew after a loss."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect_support import CANARY, Cable, LiveUnit, PrefectServer, wait_for

from flows.deployments import SERVED
from flows.pages import work
from flows.pages.links import case_key, item_key, part_key
from flows.pages.publishing import show
from flows.pages.shelf import Page, opened
from flows.prefect_api import speaking_to
from flows.settings import Settings

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]
OVERVIEWS = {"desk-queue", "board", "needs-a-person", "at-risk"}
BUSY = 503
Artifact = dict[str, Any]


def ask(server: PrefectServer, path: str, document: Any = None, method: str = "POST") -> Any:
    """Ask its API, again while its database is busy: SQLite lets one write at a time."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{server.api}{path}", data=data, headers={"Content-Type": "application/json"}, method=method
    )
    for wait in (0.1, 0.3, 0.5, 0.9, 0):
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != BUSY or not wait:
                raise
            time.sleep(wait)
    return None


def served(server: PrefectServer) -> None:
    """What `holdfast serve` registers, as far as links need it."""
    for each in SERVED:
        flow = ask(server, "/flows/", {"name": each.flow})["id"]
        ask(server, "/deployments/", {"name": each.name, "flow_id": flow, "entrypoint": each.entrypoint})


def delete(server: PrefectServer, path: str) -> None:
    ask(server, path, method="DELETE")


def lying(server: PrefectServer) -> dict[str, Artifact]:
    """The newest page of each key, as the lists have it."""
    return {each["key"]: each for each in ask(server, "/artifacts/latest/filter", {})}


def versions(server: PrefectServer) -> dict[str, list[Artifact]]:
    """Every artifact by key."""
    found: dict[str, list[Artifact]] = {}
    for each in ask(server, "/artifacts/filter", {}):
        found.setdefault(each["key"], []).append(each)
    return found


def sweep_away(server: PrefectServer) -> None:
    """Lose every page."""
    for each in ask(server, "/artifacts/filter", {}):
        delete(server, f"/artifacts/{each['id']}")


@pytest.fixture(scope="module")
def desk(prefect: PrefectServer) -> PrefectServer:
    served(prefect)
    return prefect


@pytest.fixture
def unit(tmp_path: Path, desk: PrefectServer) -> LiveUnit:
    sweep_away(desk)
    made = LiveUnit(tmp_path, desk.api)
    made.provider("alpha", "http://127.0.0.1:9")
    return made


def bring_up_to_date(unit: LiveUnit, **how: Any) -> None:
    assert asyncio.run(show(unit.settings, **how)) == ()


def refused(unit: LiveUnit, request: str) -> None:
    """The provider refused, and the duty officer was told: an open item."""
    told = {"about": "refused", "level": 1, "who": "Duty officer", "because": "it says no", "delivered": True}
    with unit.office() as office:
        act = {"action": "send", "sequence": 1}
        office.append(
            request,
            [
                ("intent", act | {"attempt": 1, "key": "k", "channel": "api", "because": "due"}),
                ("refused", act | {"ground": "other"}),
                ("escalated", told),
            ],
        )


def noted(unit: LiveUnit, request: str) -> int:
    """Something happens to a request; gives how many events the record has now."""
    with unit.office() as office:
        office.append(request, [("polled", {"state": "in-force"})])
        return office.ledger.head()[0]


def case_of(unit: LiveUnit, request: str) -> str:
    with unit.office() as office:
        return case_key(office.case(request))


def done(page: Artifact) -> int:
    return int(page["metadata_"]["done"])


def test_every_page_is_there_and_every_link_leads_somewhere(unit: LiveUnit, prefect: PrefectServer) -> None:
    first, second = unit.register("alpha"), unit.register("alpha", "alpha")
    refused(unit, first[0])
    bring_up_to_date(unit, run="aaaaaaaa-0000-4000-8000-000000000001")
    pages = lying(prefect)
    item, cases = item_key(first[0], "refused"), {case_of(unit, first[0]), case_of(unit, second[0])}
    assert set(pages) == {*OVERVIEWS, item, *cases}
    ids = {each["latest_id"] for each in pages.values()}
    deployments = {each["id"] for each in ask(prefect, "/deployments/filter", {})}
    for page in pages.values():
        assert set(re.findall(r"\]\(\.\./\.\./artifacts/artifact/([^)]+)\)", page["data"])) <= ids
        assert set(re.findall(r"\]\(\.\./\.\./deployments/deployment/([^/]+)/run", page["data"])) <= deployments
        assert page["description"]
        assert page["flow_run_id"] is None, "a page must not go with the run when that is tidied up"
        for each in OVERVIEWS - {page["key"]}:
            assert pages[each]["latest_id"] in page["data"], f"{page['key']} leads to {each}"
    assert pages[item]["latest_id"] in pages["desk-queue"]["data"]
    assert pages[case_of(unit, first[0])]["latest_id"] in pages[item]["data"]
    assert pages[item]["latest_id"] in pages[case_of(unit, first[0])]["data"]
    assert CANARY not in json.dumps(pages)


def test_pages_are_changed_in_place_and_the_lists_show_the_change(unit: LiveUnit, prefect: PrefectServer) -> None:
    (request,) = unit.register("alpha")
    bring_up_to_date(unit)
    before = lying(prefect)
    refused(unit, request)
    bring_up_to_date(unit)
    after = lying(prefect)
    assert {key: page["latest_id"] for key, page in before.items()} == {
        key: after[key]["latest_id"] for key in before
    }
    every = versions(prefect)
    assert {key for key, found in every.items() if len(found) > 1} == set()
    assert all(every[key][0]["data"] == page["data"] for key, page in after.items()), "the list's copy is the page"
    assert "refused by the provider" in after[case_of(unit, request)]["data"]


def test_items_beyond_the_first_page_are_on_pages_by_provider_and_those_say_so_when_they_are_empty(
    unit: LiveUnit, prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MOST", 2)
    requests = unit.register("alpha", "alpha", "alpha")
    for each in requests:
        refused(unit, each)
    bring_up_to_date(unit)
    pages = lying(prefect)
    more = [part_key("alpha", number) for number in (1, 2)]
    assert all(pages[each]["latest_id"] in pages["desk-queue"]["data"] for each in more)
    listed = [{each for each in requests if each in pages[key]["data"]} for key in more]
    assert [len(each) for each in listed] == [2, 1]
    assert listed[0] | listed[1] == set(requests)
    with unit.office() as office:
        for each in requests[:2]:
            office.append(each, [("released", {})])
    bring_up_to_date(unit)
    after = lying(prefect)
    assert [after[each]["latest_id"] for each in more] == [pages[each]["latest_id"] for each in more]
    assert all("Nothing is listed here any more" in after[each]["data"] for each in more)
    assert "by provider" not in after["desk-queue"]["data"]


def test_pages_of_what_is_over_say_since_when_and_what_is_long_over_has_none(
    unit: LiveUnit, prefect: PrefectServer
) -> None:
    first, second = unit.register("alpha"), unit.register("alpha")
    refused(unit, first[0])
    bring_up_to_date(unit)
    item, cases = item_key(first[0], "refused"), [case_of(unit, each[0]) for each in (first, second)]
    assert not any("over" in lying(prefect)[each]["metadata_"] for each in (item, *cases))
    with unit.office() as office:
        (event,) = office.append(first[0], [("released", {})])
    bring_up_to_date(unit)
    over = {key: each["metadata_"].get("over") for key, each in lying(prefect).items() if key in (item, *cases)}
    assert over == {item: event.at.isoformat(), cases[0]: event.recorded_at.isoformat(), cases[1]: None}
    sweep_away(prefect)
    years_later = replace(unit.settings, simulated=datetime.now(UTC) + timedelta(days=500))
    assert asyncio.run(show(years_later)) == ()
    assert set(lying(prefect)) & {item, *cases} == {cases[1]}


def test_what_has_not_changed_is_left_alone(unit: LiveUnit, prefect: PrefectServer) -> None:
    first, second = unit.register("alpha"), unit.register("alpha")
    bring_up_to_date(unit)
    before = lying(prefect)
    bring_up_to_date(unit)
    assert lying(prefect) == before
    noted(unit, first[0])
    bring_up_to_date(unit)
    after = lying(prefect)
    touched = {key for key, page in after.items() if page != before[key]}
    assert case_of(unit, second[0]) not in touched
    assert touched == {*OVERVIEWS, case_of(unit, first[0])}


def test_where_nothing_happens_the_overviews_still_say_hourly_that_they_are_looked_after(
    unit: LiveUnit, prefect: PrefectServer
) -> None:
    (request,) = unit.register("alpha")
    bring_up_to_date(unit)
    before = lying(prefect)
    for hours, touched in ((0.5, set()), (1.5, OVERVIEWS)):
        later = replace(unit.settings, simulated=datetime.now(UTC) + timedelta(hours=hours))
        assert asyncio.run(show(later)) == ()
        after = lying(prefect)
        assert {key for key, page in after.items() if page != before[key]} == touched
    assert case_of(unit, request) in after


def test_an_item_that_is_settled_says_so_and_has_no_links_to_forms(unit: LiveUnit, prefect: PrefectServer) -> None:
    (request,) = unit.register("alpha")
    refused(unit, request)
    bring_up_to_date(unit)
    key = item_key(request, "refused")
    assert "/run?parameters=" in lying(prefect)[key]["data"]
    with unit.office() as office:
        office.append(request, [("released", {"source": "person", "by": "Contact team"})])
    bring_up_to_date(unit)
    pages = lying(prefect)
    assert "Nothing is to be done here any more" in pages[key]["data"]
    assert "by Contact team" in pages[key]["data"]
    assert "/deployments/" not in pages[key]["data"]
    assert "Nothing needs a person" in pages["desk-queue"]["data"]


class TestTwoAtOnce:
    def test_a_newer_page_is_never_replaced_by_an_older_one(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        with speaking_to(unit.settings), opened() as shelf:
            shelf.of = "a-record.1"
            new, old = (Page(key="board", about="A page", markdown=text) for text in ("new", "old"))
            assert shelf.put([new], through=12) == 1
            assert shelf.put([old], through=11) == 0
            assert lying(prefect)["board"]["data"] == "new"
            shelf.of = "another-record.1"
            assert shelf.put([old], through=11) == 1, "of another record, nothing is newer"

    def test_whoever_publishes_last_all_pages_say_what_the_record_says(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        requests = [unit.register("alpha")[0] for _ in range(3)]
        elsewhere = prefect.api.replace("127.0.0.1", "localhost")
        second = replace(unit.settings, prefect_api=elsewhere)  # as another process: nothing is shared
        failures: list[str] = []

        def publish(settings: Settings, times: int) -> None:
            for number in range(times):
                noted(unit, requests[number % 3])
                failures.extend(asyncio.run(show(settings)))

        threads = [threading.Thread(target=publish, args=(each, 3)) for each in (unit.settings, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        with unit.office() as office:
            head = office.ledger.head()[0]
        pages = lying(prefect)
        assert done(pages["desk-queue"]) == head
        assert f"event {head:,} of the record" in pages["board"]["data"]
        for request in requests:
            with unit.office() as office:
                asked = sum(each.kind == "polled" for each in office.ledger.events(request))
            assert f"was asked {asked} time" in pages[case_of(unit, request)]["data"]


class TestAfterALoss:
    def test_a_lost_database_is_noticed_and_every_page_made_anew(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        (request,) = unit.register("alpha")
        refused(unit, request)
        bring_up_to_date(unit)
        before = lying(prefect)
        sweep_away(prefect)
        bring_up_to_date(unit)
        after = lying(prefect)
        assert set(after) == set(before)
        assert {page["latest_id"] for page in after.values()}.isdisjoint(
            page["latest_id"] for page in before.values()
        )
        assert after["board"]["latest_id"] in after["desk-queue"]["data"]

    def test_new_ids_of_the_forms_are_noticed_and_every_link_follows(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        (request,) = unit.register("alpha")
        refused(unit, request)
        bring_up_to_date(unit)
        (old,) = ask(prefect, "/deployments/filter", {"flows": {"name": {"any_": ["record-reply"]}}})
        assert old["id"] in lying(prefect)[case_of(unit, request)]["data"]
        delete(prefect, f"/deployments/{old['id']}")
        served(prefect)
        bring_up_to_date(unit)
        assert not [key for key, page in lying(prefect).items() if old["id"] in page["data"]]

    def test_a_ledger_that_was_restored_replaces_the_pages_of_what_is_lost(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        (request,) = unit.register("alpha")
        home = unit.folder / "home"
        shutil.copytree(home, unit.folder / "backup")
        refused(unit, request)
        bring_up_to_date(unit)
        shutil.rmtree(home)
        shutil.copytree(unit.folder / "backup", home)
        events = noted(unit, request)
        bring_up_to_date(unit)
        pages = lying(prefect)
        assert done(pages["desk-queue"]) == events
        assert "Nothing needs a person" in pages["desk-queue"]["data"]
        assert "refused by the provider" not in pages[case_of(unit, request)]["data"]

    def test_everything_is_made_anew_where_somebody_asks_for_it(self, unit: LiveUnit, prefect: PrefectServer) -> None:
        (request,) = unit.register("alpha")
        bring_up_to_date(unit)
        delete(prefect, f"/artifacts/{lying(prefect)[case_of(unit, request)]['latest_id']}")
        bring_up_to_date(unit)
        assert case_of(unit, request) not in lying(prefect), "nothing has changed in the record"
        bring_up_to_date(unit, everything=True)
        page = lying(prefect)[case_of(unit, request)]
        assert page["latest_id"] in lying(prefect)["board"]["data"]


class TestPrefectAway:
    def test_it_is_told_at_once_and_nothing_is_raised(self, unit: LiveUnit) -> None:
        unit.register("alpha")
        nowhere = replace(unit.settings, prefect_api="http://127.0.0.1:9/api")
        began = time.monotonic()
        (told,) = asyncio.run(show(nowhere))
        assert time.monotonic() - began < 2
        assert told == "the pages were not brought up to date: Prefect at 127.0.0.1:9 cannot be reached"
        assert asyncio.run(show(replace(unit.settings, prefect_api=""))) == (
            "the pages were not brought up to date: PREFECT_API_URL is not set",
        )

    def test_a_server_that_dies_in_the_middle_is_told_and_the_next_run_completes_it(
        self, unit: LiveUnit, prefect: PrefectServer
    ) -> None:
        requests = [unit.register("alpha")[0] for _ in range(6)]
        cable = Cable(prefect.api)
        told: list[str] = []
        going = replace(unit.settings, prefect_api=cable.address)
        thread = threading.Thread(target=lambda: told.extend(asyncio.run(show(going))))
        thread.start()
        wait_for(lambda: any(key.startswith("case-") for key in lying(prefect)), seconds=30, what="a page")
        cable.cut()
        thread.join(timeout=15)
        assert not thread.is_alive()
        assert any(each.startswith("the pages were not brought up to date") for each in told)
        assert "done" not in lying(prefect)["desk-queue"]["metadata_"], "the mark comes last"
        bring_up_to_date(unit)
        pages = lying(prefect)
        assert {case_of(unit, request) for request in requests} <= set(pages)
        with unit.office(datetime.now(UTC)) as office:
            assert done(pages["desk-queue"]) == office.ledger.head()[0]
