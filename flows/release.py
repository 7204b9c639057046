"""Ending a hold, as a Prefect flow with a form."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.asking import release
from flows.entry import Person, RequestId, Run, carry_out, form
from flows.replying import ReplyError
from flows.sweeping import Report, work_on


class Reason(StrEnum):
    """Why a hold may end. A closed list: Prefect stores it in clear. Other reasons go in on the command line."""

    NOT_NEEDED = "the data are no longer needed"
    PRODUCED = "the data were produced"
    MLA_ENDED = "the MLA request was withdrawn or refused"
    CASE_CLOSED = "the case was closed"
    WRONG_IDENTIFIER = "the request named a wrong account"
    DUPLICATE = "another request holds the same data"


Because = Annotated[Reason, form("Why the hold may end.")]


@flow(
    name="release-request",
    flow_run_name="release {request}",
    retries=0,
    persist_result=False,
    log_prints=False,
)
async def release_request(request: RequestId, because: Because, by: Person) -> State[Any]:
    """End a hold and tell the provider. This cannot be taken back: the provider may delete the data at once.

    A reason that is not in the list is given by `holdfast release … --because TEXT` on the command line, which
    seals it in the ledger.
    """

    def work(run: Run) -> Report:
        if run.office.policy.four_eyes.release:  # whoever fills the form in, it is entered as who serves it
            raise ReplyError(
                "a release waits for a second person here, and Prefect does not know who the first one is: ask for "
                f"it with `holdfast release {request} --because TEXT`"
            )
        release(run.office, request, because=because.value, by=by)
        return work_on(run.office, [request], progress=run.progress, stop=run.errand.stop, each=run.each)

    return await carry_out("release", work)
