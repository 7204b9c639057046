"""Ending a hold, as a Prefect flow with a form."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.afterwards import work_on_entered
from flows.asking import release
from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import Matter, Person, RequestId, form
from flows.forms.flow import form_flow
from flows.forms.matters import answering
from flows.forms.names import named
from flows.forms.words import acted
from flows.office import Office
from flows.replying import ReplyError
from timeline.custody import waits_as_draft


class Reason(StrEnum):
    """Why a hold may end. A closed list: Prefect stores it in clear. Other reasons go in on the command line."""

    NOT_NEEDED = "the data are no longer needed"
    PRODUCED = "the data were produced"
    MLA_ENDED = "the MLA request was withdrawn or refused"
    CASE_CLOSED = "the case was closed"
    WRONG_IDENTIFIER = "the request named a wrong account"
    DUPLICATE = "another request holds the same data"


Because = Annotated[
    str,
    form("Why the hold may end.", title="Reason", write="a reason of the list", enum=[str(each) for each in Reason]),
]


@form_flow("release-request", called=named("release {request}"))
async def release_request(request: RequestId, because: Because, by: Person, matter: Matter = "") -> State[Any]:
    """End a hold and tell the provider. This cannot be taken back: the provider may delete the data at once.

    A reason that is not in the list is given by `holdfast release … --because TEXT` on the command line, which
    seals it in the ledger.
    """
    return await carry_out("release", _release, of=release_request, given=locals())


def _release(run: Run, *, request: str, because: str, by: str, matter: str) -> Outcome:
    if not waits_as_draft(run.office.hold(request)):  # nobody is told of a draft that is withdrawn
        by_one_person(run.office, request)
    release(run.office, request, because=because, by=by, unless=answering(run.office, matter))
    report = work_on_entered(run.office, [request], progress=run.progress, stop=run.errand.stop, each=run.each)
    return acted(run.office, request, report, f"release asked for by {by}")


def by_one_person(office: Office, request: str) -> None:
    """Refuse where a release takes two: whoever fills a form in, it is entered as who serves it."""
    if office.policy.four_eyes.release:
        raise ReplyError(
            "a release waits for a second person here, and Prefect does not know who the first one is: ask for "
            f"it with `holdfast release {request} --because TEXT`"
        )
