"""Telling people of one request at once, as a Prefect flow."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from flows.asking import press
from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import Person, RequestId
from flows.forms.flow import form_flow
from flows.forms.names import named
from flows.sweeping import work_on
from timeline.decide import Do


@form_flow("escalate", called=named("escalate {request}"))
async def escalate(request: RequestId, by: Person) -> State[Any]:
    """Tell people now what is due to be told about one request. Nothing is said to the provider.

    What was told and is not due again is not repeated; it is recorded who wanted it now. Failed: somebody could not
    be told; the next level is told by the next sweep.
    """
    return await carry_out("escalate", _escalate, of=escalate, given=locals())


def _escalate(run: Run, *, request: str, by: str) -> Outcome:
    press(run.office, [request], "tell", by=by, run=run.errand.run)
    told = frozenset({Do.ESCALATE})
    report = work_on(run.office, [request], progress=run.progress, only=told, stop=run.errand.stop, each=run.each)
    return Outcome(report=report, nothing="Nobody had to be told now: who was told stands on the desk queue.")
