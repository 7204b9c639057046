"""Issuing requests as a Prefect flow: what is not sent yet is sent, and the run shows how each request stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.entry import RequestId, Run, carry_out, form
from flows.office import Office
from flows.sweeping import Report, work_on

SHOWN = 200
"""Requests listed in the run's table; the state counts them all."""


RequestIds = Annotated[list[RequestId], form("The ids, as `holdfast preserve` printed them.")]


def _name() -> str:
    requests: Sequence[str] = flow_run.parameters.get("request_ids") or ()
    more = f" and {len(requests) - 1} more" if len(requests) > 1 else ""
    return f"issue {requests[0]}{more}" if requests else "issue nothing"


@flow(name="issue-requests", flow_run_name=_name, retries=0, persist_result=False, log_prints=False)
async def issue_requests(request_ids: RequestIds) -> State[Any]:
    """Send registered requests to their providers now, and show how each one stands.

    What was sent already is not sent again. One task run per provider; a provider that fails makes the run
    fail and hides no other.
    """
    rows: list[dict[str, Any]] = []

    def work(run: Run) -> Report:
        report = work_on(run.office, request_ids, progress=run.progress, stop=run.errand.stop, each=run.each)
        rows.extend(_row(run.office, request) for request in request_ids[:SHOWN])
        return report

    state = await carry_out("send", work)
    if rows:
        try:
            await acreate_table_artifact(key="issued-requests", table=rows, description="How each request stands")
        except Exception as error:  # the requests are sent; only their table is missing
            get_run_logger().warning("the table of requests could not be stored: %s", type(error).__name__)
    return state


def _row(office: Office, request: str) -> dict[str, Any]:
    row = office.ledger.row(request)
    if row is None:
        return {"request": request, "provider": "", "state": "unknown here", "next": "", "at": "", "because": ""}
    return {
        "request": request,
        "provider": row.provider,
        "state": row.state,
        "next": row.next_action,
        "at": row.next_at.isoformat(timespec="minutes") if row.next_at else "",
        "because": row.next_because,
    }
