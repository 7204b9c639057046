"""Saying that somebody has it: an escalation is taken up, and no further level is told for now."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State

from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import Matter, Person, RequestId
from flows.forms.flow import form_flow
from flows.forms.matters import taking_up
from flows.forms.names import named
from flows.forms.words import standing
from flows.replying import Reply, record


@form_flow("acknowledge-escalation", called=named("acknowledge {request}"))
async def acknowledge_escalation(request: RequestId, by: Person, matter: Matter = "") -> State[Any]:
    """Say that you have it: nobody else is told for now. It is not done by that, and comes back if it is not.

    With an item filled in by the desk queue, that one; without, everything that people were told of this request.
    """
    return await carry_out("acknowledge", _acknowledge, of=acknowledge_escalation, given=locals())


def _acknowledge(run: Run, *, request: str, by: str, matter: str) -> Outcome:
    reply = Reply(kind="escalation-acknowledged", about=matter, by=by)
    hold, following = record(run.office, request, reply, unless=taking_up(run.office, matter))
    return standing(run.office, hold, following, f"taken up by {by}")
