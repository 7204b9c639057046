"""Entering what a person learned, as a Prefect flow with a form."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import AwareDatetime

from flows.entry import Person, RequestId, Run, Summary, carry_out, form
from flows.replying import KINDS, Reply, record
from providers.errors import GROUNDS

ENTRIES = tuple(kind for kind, meaning in KINDS.items() if "text" not in meaning.needs)
"""The kinds of entry that need no free text."""

_MEANINGS = "; ".join(f"{kind}: {KINDS[kind].what}" for kind in ENTRIES)

Entry = Annotated[str, form(f"What you learned. {_MEANINGS}.", enum=ENTRIES)]
Reference = Annotated[
    str,
    form(
        "The provider's own reference or case number, as it wrote it. Never the account.",
        pattern="^[^@]*$",
        max_length=80,
    ),
]
On = Annotated[date | None, form("The day at the provider on which it happened.")]
Until = Annotated[date | None, form("The last day until which the provider says it keeps the data.")]
At = Annotated[AwareDatetime | None, form("The instant at which it happened; now, if left out.")]
ItemId = Annotated[
    str, form("Which identifier: i1, i2 …, as `holdfast show` numbers them.", pattern="^(i[0-9]{1,6})?$")
]
Act = Annotated[Literal["send", "extend", "release"], form("Which of our acts it answers.")]
Ground = Annotated[str, form("Of a refusal: why the provider says no.", enum=("", *GROUNDS))]
About = Annotated[
    str,
    form("Which escalation is taken up; empty: all of them.", pattern="^[a-z0-9:.-]*$", max_length=80),
]


@flow(
    name="record-reply",
    flow_run_name="record {kind} {request}",
    retries=0,
    persist_result=False,
    log_prints=False,
)
async def record_reply(
    request: RequestId,
    kind: Entry,
    by: Person,
    *,
    reference: Reference = "",
    on: On = None,
    until: Until = None,
    at: At = None,
    item: ItemId = "",
    action: Act = "send",
    ground: Ground = "",
    about: About = "",
) -> State[Any]:
    """Enter what you learned from a provider or decided, so that the clocks move.

    **Do not type an account, a name of a suspect or a remark into any field:** Prefect stores and shows them in
    clear. There is no field for free text here. Remarks go in by `holdfast record … --text` on the command line,
    which seals them in the ledger.

    A wrong entry is refused; the run then fails, and its state says what to enter instead. The same entry made
    twice changes nothing.
    """
    reply = Reply(
        kind=kind,
        reference=reference,
        on=on,
        until=until,
        at=at,
        item=item,
        action=action,
        ground=ground,
        about=about,
        by=by,
    )

    def work(run: Run) -> Summary:
        hold, following = record(run.office, request, reply)
        return {
            "request": request,
            "state": str(hold.state),
            "next": str(following.action),
            "at": following.due_at.isoformat(timespec="minutes") if following.due_at else "",
        }

    return await carry_out("record", work)
