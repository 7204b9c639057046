"""Taking what was typed out of Prefect: a run's parameters are replaced by the ids of the requests.

What is typed into the form of a case is in Prefect's database from "Submit" until here. It goes as soon as it is
registered and sealed, before anything is sent, or as soon as it is refused; where a run was killed in between, with
the next start of `holdfast serve` or the next tidying (`scrub_leftovers`). Of any other form, what was entered
wrongly goes: somebody may have typed an account where none belongs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.states import Failed

from flows.forms.fields import REQUEST
from flows.office import Office, office
from flows.settings import Settings
from ledger.records import Record

FLOW = "preserve-case"
"""The only flow into whose form accounts are typed."""

WITHIN = 3.0
"""Seconds that scrubbing may hold up the sending."""

AT_LAST = 30.0
"""Seconds for which it is tried again once everything is sent."""

FORGOTTEN = timedelta(hours=1)
"""A run of this form takes seconds; one that began so long ago was cut off."""

PART = 200
"""Runs read at a time."""

TOLD = (
    "WHAT WAS TYPED IS STILL IN PREFECT: it could not be taken out of this run's parameters. Delete this run in"
    " Prefect"
)

ALSO_TOLD = (
    "What was typed into {fields} could not be taken out of this run: if it names an account, delete this run in"
    " Prefect"
)


def blank(typed: Mapping[str, Any], requests: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters that are left of a case that was typed: the ids, and who entered it."""
    by = typed.get("by")
    who = by if isinstance(by, str) and requests and "@" not in by else ""  # what was registered was looked at
    return {"case": {}, "requests": list(requests), "by": who}


def scrubbed(office: Office, run: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The requests that a run's parameters were replaced with; () where they are as they were typed.

    Ids alone do not say so: anybody can send some. They are those that this very run has registered.
    """
    found = given.get("requests")
    if given.get("case") or not (isinstance(found, Sequence) and found and all(map(_is_id, found)) and run):
        return ()
    first = [event for each in found for event in office.ledger.events(each)[:1]]
    return tuple(found) if len(first) == len(found) and all(each.body.get("run") == run for each in first) else ()


def _is_id(given: object) -> bool:
    return isinstance(given, str) and _ID.fullmatch(given) is not None


def _is_blank(given: Mapping[str, Any]) -> bool:
    """Whether nothing that was typed can stand in a run's parameters any more."""
    requests, rest = given.get("requests"), set(given) - {"case", "requests", "by"}
    typed = rest or given.get("case") or (given.get("by") and not requests)
    return not typed and isinstance(requests, list) and all(map(_is_id, requests))


_ID = re.compile(REQUEST)


def registered_by(office: Office, run: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The requests that a run has registered already, in the order of the case: it was cut off, or runs twice."""
    case = given.get("case")
    reference = case.get("reference") if isinstance(case, Mapping) else None
    if not isinstance(reference, str) or not reference.strip() or not run:
        return ()
    rows = office.ledger.rows(open_only=False, case=reference.strip())
    firsts = [first for row in rows if (first := next(office.ledger.records(row.request), None)) is not None]
    mine = sorted((each for each in firsts if _run_of(each) == run), key=lambda each: each.seq)
    return tuple(each.request for each in mine)


def _run_of(first: Record) -> str:
    """The run that registered a request, from its first event as stored; "" where it was registered elsewhere.

    What is damaged is no run's, and keeps no other's from being found.
    """
    try:
        return str(json.loads(first.body).get("run", ""))
    except (ValueError, TypeError, AttributeError):
        return ""


@dataclass(kw_only=True)
class Scrubber:
    """Replaces one run's parameters. `typed` is what they are, `left` what is still to be put in their place.

    `told` is what a person is told where that cannot be done.
    """

    loop: asyncio.AbstractEventLoop
    client: PrefectClient
    run: UUID
    typed: Mapping[str, Any] = field(repr=False)
    left: Mapping[str, Any] | None = None
    told: str = TOLD

    @classmethod
    def of_this_run(cls) -> Scrubber:
        """For the flow that runs here. A form into which accounts are typed is scrubbed whatever becomes of it."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise RuntimeError("only a flow that runs has parameters")
        client: Any = context.client
        run, typed = context.flow_run, context.flow_run.parameters
        left = blank(typed) if context.flow is not None and context.flow.name == FLOW else None
        return cls(loop=asyncio.get_running_loop(), client=client, run=run.id, typed=typed, left=left)

    def keep(self, harmless: Mapping[str, Any], title: Callable[[str], str]) -> None:
        """Of what was typed, only this is to stay, as nobody has looked at the rest. `title` names a field."""
        if harmless == self.typed:
            return
        self.left = harmless
        names = [title(name) for name in self.typed if name not in harmless]
        # The name of a field that we do not have may be anything.
        if not any(each.startswith("--") for each in names):
            self.told = ALSO_TOLD.format(fields=", ".join(names))

    def scrub(self, requests: Sequence[str]) -> None:
        """Put these ids in the place of what was typed; from the thread that does the work. Never raises.

        Where that fails or takes long, the requests are sent all the same, and `ended` tries again.
        """
        self.left = blank(self.typed, requests)
        replacing = asyncio.run_coroutine_threadsafe(self._replace(), self.loop)
        with suppress(Exception):
            replacing.result(WITHIN)
        replacing.cancel()

    async def _replace(self) -> None:
        if self.left is not None:
            await self.client.update_flow_run(self.run, parameters=dict(self.left))
            self.left = None

    async def cut_short(self) -> None:
        """For a run that is cancelled: what was typed goes, whatever is done with it. Never raises."""
        with suppress(Exception):
            await asyncio.wait_for(self._replace(), WITHIN)

    async def ended(self, state: State[Any]) -> State[Any]:
        """The end of the run: what could not be scrubbed is tried again, and told where it cannot be."""
        end_at = self.loop.time() + AT_LAST
        while self.left is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._replace(), WITHIN)
            if self.left is not None:
                if self.loop.time() >= end_at:
                    return Failed(message=f"{self.told}. {state.message or ''}".strip(), data={"scrubbed": False})
                await asyncio.sleep(1)
        return state


async def scrub_leftovers(settings: Settings) -> int:
    """Take out what runs that were cut off have left in Prefect; gives how many runs these were.

    For the start of `holdfast serve` and for the tidying. A run that ended is scrubbed; one that is said to run is
    scrubbed where its requests are registered (it needs nothing else any more), or where it began an hour ago.

    Raises:
        LedgerError, ConfigurationError, SettingsError: the office cannot be opened.
    """
    found = 0
    async with get_client() as client:
        runs = [run async for run in _typed(client)]
        if not runs:
            return 0
        with office(settings) as opened:
            for run in runs:
                requests = await asyncio.to_thread(registered_by, opened, str(run.id), run.parameters)
                if _over(run) or requests:
                    await client.update_flow_run(run.id, parameters=blank(run.parameters, requests))
                    found += 1
    return found


async def _typed(client: PrefectClient) -> AsyncIterator[FlowRun]:
    """The runs whose parameters still hold what was typed."""
    of_form, offset = FlowFilter(name=FlowFilterName(any_=[FLOW])), 0
    while part := await client.read_flow_runs(flow_filter=of_form, limit=PART, offset=offset):
        for run in part:
            if not _is_blank(run.parameters):
                yield run
        offset += PART


def _over(run: FlowRun) -> bool:
    """Whether nobody works on a run any more."""
    if run.state is not None and run.state.is_final():
        return True
    began = run.start_time
    return began is not None and datetime.now(UTC) - began > FORGOTTEN
