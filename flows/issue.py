"""Issuing requests as a Prefect flow: what is not sent yet is sent, and the run shows how each request stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.asking import press
from flows.entry import Outcome, Page, Run, carry_out
from flows.forms.fields import Person, RequestId, form
from flows.forms.flow import form_flow
from flows.forms.names import REQUEST_ID
from flows.forms.words import table
from flows.office import Office
from flows.sweeping import work_on
from ledger.interface import LedgerBusy, LedgerError

SHOWN = 200
"""Requests listed in the run's table; the state counts them all."""


RequestIds = Annotated[
    list[RequestId],
    form(
        "The ids, as the desk queue or `holdfast preserve` shows them.",
        title="Requests",
        write="ids such as the desk queue shows, HF- and twelve characters",
        min_length=1,
    ),
]


def _name() -> str:
    given = flow_run.parameters.get("request_ids") or ()
    requests = [each for each in given if isinstance(each, str) and REQUEST_ID(each)] if _is_list(given) else []
    more = f" and {len(requests) - 1} more" if len(requests) > 1 else ""
    return f"issue {requests[0]}{more}" if requests else "issue nothing"


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str)


@form_flow("issue-requests", called=_name)
async def issue_requests(request_ids: RequestIds, by: Person) -> State[Any]:
    """Send registered requests to their providers now, and show how each one stands.

    What was sent already is not sent again; of what was not, it is recorded who wanted it now. One task run per
    provider; a provider that fails makes the run fail and hides no other.
    """
    return await carry_out("send", _issue, of=issue_requests, given=locals())


def _issue(run: Run, *, request_ids: Sequence[str], by: str) -> Outcome:
    known = [each for each in request_ids if run.office.ledger.row(each) is not None]  # of others the report says it
    unsent = [each for each in known if _is_unsent(run.office, each)]
    press(run.office, unsent, "send", by=by, run=run.errand.run)
    report = work_on(run.office, request_ids, progress=run.progress, stop=run.errand.stop, each=run.each)
    rows = table(run.office, request_ids[:SHOWN])
    page = Page(key="issued-requests", table=rows, text="How each request stands")
    return Outcome(
        report=report, nothing="Nothing was left to send: see how each request stands (Artifacts).", page=page
    )


def _is_unsent(office: Office, request: str) -> bool:
    """Whether a request was not sent yet; of one whose history is damaged, the report says that."""
    try:
        return office.hold(request).unsent
    except LedgerBusy:
        raise
    except LedgerError:
        return False
