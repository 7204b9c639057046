"""Keeps Prefect's database small: old runs go, with their logs, task runs and what they left; pages that are over go.

Nothing of the record is touched; Prefect only shows it. Runs of people's forms are kept longer than a State takes to
answer, because somebody may ask what was typed; sweeps come every few minutes and are kept for days. As long as the
forms' runs stay the pages of items that are settled and of cases of which nothing is open. Events, and
logs and artifacts that no run owns, the server removes by itself (docs/operating.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES, State
from prefect.client.schemas.sorting import ArtifactCollectionSort

from flows.deployments import SERVED, TAG
from flows.entry import PLAINLY, Outcome, Run, carry_out
from flows.forms.scrubbing import scrub_leftovers
from flows.keeping import KEEP_RUNS, KEEP_SWEEPS, kept
from flows.pages.shelf import OVER

BATCH = 50
"""Runs removed at a time: the most that Prefect takes, and little enough that people's runs do not wait."""

REST = 0.2
"""Seconds between two batches."""


@dataclass(kw_only=True)
class Tidied:
    """What was removed, and how many runs still show what was typed into them."""

    runs: int = 0
    sweeps: int = 0
    artifacts: int = 0
    pages: int = 0
    scrubbed: int = 0

    @property
    def text(self) -> str:
        """In a person's words."""
        parts = [f"{self.runs} old runs of forms", f"{self.sweeps} of sweeps", f"{self.artifacts} of their tables"]
        parts.append(f"{self.pages} pages of what is long over")
        scrubbed = (
            f"; the entries of {self.scrubbed} runs that broke off were taken out of them" if self.scrubbed else ""
        )
        return f"removed: {', '.join(parts)}{scrubbed}"


@flow(name="tidy-up", flow_run_name="tidy up", **PLAINLY)
async def tidy_up() -> State[Any]:
    """Remove old runs from these pages, with their logs. Nothing of the record is touched."""
    return await carry_out("tidy", _work)


def _work(run: Run) -> Outcome:
    settings = run.office.settings

    async def both() -> Tidied:
        tidied = await tidy(run.office.now(), kept(settings), stop=run.errand.stop.is_set)
        tidied.scrubbed = await scrub_leftovers(settings)
        return tidied

    tidied = asyncio.run(both())
    return Outcome(text=tidied.text, data={"runs": tidied.runs + tidied.sweeps})


async def tidy(now: datetime, keep: Mapping[str, timedelta], *, stop: Callable[[], bool] = lambda: False) -> Tidied:
    """Remove every run of ours that ended too long ago, a few at a time.

    Args:
        now: the time.
        keep: how long runs are kept, by variable.
        stop: asked before each batch; what is left then goes the next time.
    """
    done = Tidied()
    by_clock = tuple(each.flow for each in SERVED if each.schedule)
    people = tuple(each.flow for each in SERVED if not each.schedule)
    async with get_client() as client:
        for flows, name in ((by_clock, KEEP_SWEEPS), (people, KEEP_RUNS)):
            while not stop() and (gone := await _batch(client, flows, now - keep[name])):
                done.artifacts += await _leave_no_tables(client, gone)
                if name == KEEP_SWEEPS:
                    done.sweeps += len(gone)
                else:
                    done.runs += len(gone)
                await asyncio.sleep(REST)
        for each in await _over(client, now - keep[KEEP_RUNS]):
            if stop():
                break
            await client.delete_artifact(each)
            done.pages += 1
    return done


async def _over(client: PrefectClient, before: datetime) -> list[UUID]:
    """The pages of items and cases that have been over since before an instant. Each is there in one version."""
    found: list[UUID] = []
    for kind in ("item-%", "case-%"):
        theirs = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(like_=kind))
        for begin in count(0, BATCH):
            some = await client.read_latest_artifacts(
                artifact_filter=theirs, sort=ArtifactCollectionSort.ID_DESC, limit=BATCH, offset=begin
            )
            found += [each.latest_id for each in some if _is_over(each.metadata_ or {}, before)]
            if len(some) < BATCH:
                break
    return found


def _is_over(marks: Mapping[str, str], before: datetime) -> bool:
    try:
        return datetime.fromisoformat(marks.get(OVER, "")) < before
    except (ValueError, TypeError):
        return False


async def _batch(client: PrefectClient, flows: Sequence[str], before: datetime) -> list[UUID]:
    """Remove a few old runs; gives which. Their task runs go with them, their logs a moment later."""
    old = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(TERMINAL_STATES))),
        end_time=FlowRunFilterEndTime.model_validate({"before_": before}),
    )
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(flows))), flow_run_filter=old, limit=BATCH
    )
    for each in runs:
        await client.delete_flow_run(each.id)
    return [each.id for each in runs]


async def _leave_no_tables(client: PrefectClient, runs: Sequence[UUID]) -> int:
    """Remove what runs left to be read; gives how much. The desk's own pages belong to no run."""
    theirs = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=list(runs)))
    found = await client.read_artifacts(artifact_filter=theirs)
    for each in found:
        await client.delete_artifact(each.id)
    return len(found)
