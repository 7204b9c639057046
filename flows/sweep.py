"""The sweep as a Prefect flow: the record of a pass, with one task run per provider's batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext

from flows.entry import PLAINLY, Outcome, Run, carry_out
from flows.sweeping import Report, sweep


def _name() -> str:
    return f"sweep {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="sweep-holds", flow_run_name=_name, **PLAINLY)
async def sweep_holds() -> State[Any]:
    """Work on every request on which something is due now: send, extend, ask, tell people.

    Harmless at any time: what was done is not done again. Completed: all went well. Failed: something did not
    succeed; the state says what, the log on which request, and the next sweep tries again.
    """
    return await carry_out("sweep", _sweep)


def _sweep(run: Run) -> Report | Outcome:
    """A pass; by the clock only where nobody has just made one: the watch is the heartbeat, this is a second one."""
    context, last = FlowRunContext.get(), run.office.ledger.last_beat("sweep")
    by_the_clock = context is not None and context.flow_run is not None and context.flow_run.auto_scheduled
    if by_the_clock and last and run.office.now() - last[0] < run.office.policy.sweep_interval / 2:
        return Outcome(text=f"nothing was left to do: the last sweep ended at {last[0]:%H:%M} UTC")
    return sweep(run.office, progress=run.progress, by="prefect", stop=run.errand.stop, each=run.each)
