"""Extending before the time: a person's "now", where the law's window allows it."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from flows.afterwards import work_on_entered
from flows.asking import extend
from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import Matter, Person, RequestId
from flows.forms.flow import form_flow
from flows.forms.matters import answering
from flows.forms.names import named
from flows.forms.words import acted


@form_flow("extend-request", called=named("extend {request}"))
async def extend_request(request: RequestId, by: Person, matter: Matter = "") -> State[Any]:
    """Extend a hold now, not only on its best day. It is recorded who asked for it.

    Where the law does not allow it yet, or not any more, you are told why and from when, and nothing is sent. Where a
    machine cannot say it to this provider, take out the packet instead.
    """
    return await carry_out("extend", _extend, of=extend_request, given=locals())


def _extend(run: Run, *, request: str, by: str, matter: str) -> Outcome:
    extend(run.office, request, by=by, unless=answering(run.office, matter))
    report = work_on_entered(run.office, [request], progress=run.progress, stop=run.errand.stop, each=run.each)
    return acted(run.office, request, report, f"extension asked for by {by}")
