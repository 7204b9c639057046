"""Letting a draft go: what an officer registered and sealed on a terminal is sent."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.drafts import send_draft
from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import REQUEST, Person, form
from flows.forms.flow import form_flow
from flows.forms.names import named
from flows.forms.sending import send
from flows.words import number

DraftId = Annotated[
    str,
    form(
        "The id that `holdfast draft CASE` printed: HF- and twelve characters. Any request of the draft will do.",
        title="Draft",
        write="the id that `holdfast draft` printed, HF- and twelve characters",
        pattern=REQUEST,
    ),
]


@form_flow("preserve-draft", called=named("preserve draft {draft}"))
async def preserve_draft(draft: DraftId, by: Person) -> State[Any]:
    """Send a case that an officer drafted with `holdfast draft`. No account passes through Prefect.

    All requests that were drafted together are sent, once. Where the policy wants a second person for an emergency,
    they wait for that one as before.
    """
    return await carry_out("send", _send, of=preserve_draft, given=locals())


def _send(run: Run, *, draft: str, by: str) -> Outcome:
    requests = send_draft(run.office, draft, by, run=run.errand.run)
    return send(run, requests, f"{number(len(requests), 'request')} let go by {by}")
