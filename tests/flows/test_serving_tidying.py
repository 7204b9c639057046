"""Old runs go from Prefect, those of forms much later than those of sweeps; the desk's pages stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect_support import LiveUnit, PrefectServer

from flows.prefect_api import prepare
from flows.settings import SettingsError

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("at the desk")]


@pytest.fixture
def client_of(prefect: PrefectServer) -> Iterator[None]:
    prepare({})
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect.api}):
        yield


async def ended_run(client: Any, flow: Any, tags: tuple[str, ...] = ("holdfast",)) -> str:
    """A run that has ended just now."""
    from prefect.states import Completed

    run = await client.create_flow_run(flow, tags=list(tags), state=Completed())
    return str(run.id)


@pytest.mark.soak
def test_old_runs_go_with_their_tables_and_the_pages_stay(client_of: None, prefect: PrefectServer) -> None:
    from prefect import get_client
    from prefect.client.schemas.actions import ArtifactCreate

    from flows.issue import issue_requests
    from flows.keeping import DAYS
    from flows.serving.tidying import tidy
    from flows.sweep import sweep_holds

    keep = {name: timedelta(days=days) for name, days in DAYS.items()}
    assert keep["HOLDFAST_KEEP_RUNS"] > timedelta(days=365), "longer than a State takes to answer"

    async def try_it() -> list[Any]:
        async with get_client() as client:
            form, swept = await ended_run(client, issue_requests), await ended_run(client, sweep_holds)
            another = await ended_run(client, issue_requests, tags=("of somebody else",))
            for key, run in (("issued-requests", UUID(swept)), ("tried-page", None)):
                await client.create_artifact(ArtifactCreate(key=key, type="markdown", data="-", flow_run_id=run))
            now = datetime.now(UTC)
            for key, over in (("item-tried", now), ("item-tried-open", None), ("case-tried", now)):
                marks = {"over": over.isoformat()} if over else {}
                await client.create_artifact(ArtifactCreate(key=key, type="markdown", data="-", metadata_=marks))
            there: list[Any] = []

            async def left() -> set[str]:
                runs = await asyncio.to_thread(prefect.runs)
                return {each["id"] for each in runs} & {form, swept, another}

            await tidy(now + timedelta(days=10), keep)
            there.append(await left() == {form, swept, another})
            done = await tidy(now + timedelta(days=20), keep)
            there += [await left() == {form, another}, done.sweeps >= 1, done.artifacts >= 1, done.pages == 0]
            done = await tidy(now + timedelta(days=500), keep)
            there += [await left() == {another}, done.pages >= 2]
            return there

    assert asyncio.run(try_it()) == [True] * 7
    listed = {each["key"] for each in prefect.ask("/artifacts/latest/filter", {})}
    assert {"item-tried", "case-tried", "item-tried-open"} & listed == {"item-tried-open"}, "in the lists, too"
    mine = {each["key"] for each in prefect.ask("/artifacts/filter", {}) if each["data"] == "-"}
    assert mine == {"tried-page", "item-tried-open"}, "a page of the desk belongs to no run"


def test_the_job_says_what_it_removed(client_of: None, tmp_path: Path, prefect: PrefectServer) -> None:
    from flows.prefect_api import Errand, through_prefect

    unit = LiveUnit(tmp_path, prefect.api)

    def start() -> Any:
        from flows.serving.tidying import tidy_up

        return tidy_up(return_state=True)

    how = through_prefect(unit.settings, Errand(settings=unit.settings), start)
    assert how.by == "prefect"
    found = prefect.run(how.run)["state"]
    assert found["type"] == "COMPLETED", found["message"]
    assert found["message"].startswith("removed: 0 old runs of forms, 0 of sweeps")


@pytest.mark.parametrize("given", ["a year", "0", "-1", "1.5"])
def test_a_retention_that_is_no_number_of_days_is_told(tmp_path: Path, given: str) -> None:
    from flows.keeping import kept

    unit = LiveUnit(tmp_path, HOLDFAST_KEEP_RUNS=given)
    with pytest.raises(SettingsError, match="HOLDFAST_KEEP_RUNS: expected a number of days such as 400, found "):
        kept(unit.settings)
