"""Telling people of one request at once, as a Prefect flow."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.entry import RequestId, Run, carry_out
from flows.sweeping import Report, work_on
from timeline.decide import Do


@flow(name="escalate", flow_run_name="escalate {request}", retries=0, persist_result=False, log_prints=False)
async def escalate(request: RequestId) -> State[Any]:
    """Tell people now what is due to be told about one request. Nothing is said to the provider.

    What was told and is not due again is not repeated. Failed: somebody could not be told; the next level is told
    by the next sweep.
    """

    def work(run: Run) -> Report:
        told = frozenset({Do.ESCALATE})
        return work_on(run.office, [request], progress=run.progress, only=told, stop=run.errand.stop, each=run.each)

    return await carry_out("escalate", work)
