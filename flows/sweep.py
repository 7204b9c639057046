"""The sweep as a Prefect flow: the record of a pass, with one task run per provider's batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.entry import Run, carry_out
from flows.sweeping import Report, sweep


def _name() -> str:
    return f"sweep {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="sweep-holds", flow_run_name=_name, retries=0, persist_result=False, log_prints=False)
async def sweep_holds() -> State[Any]:
    """Work on every request on which something is due now: send, extend, ask, tell people.

    Harmless at any time: what was done is not done again. Completed: all went well. Failed: something did not
    succeed; the state says what, the log on which request, and the next sweep tries again.
    """

    def work(run: Run) -> Report:
        return sweep(run.office, progress=run.progress, by="prefect", stop=run.errand.stop, each=run.each)

    return await carry_out("sweep", work)
