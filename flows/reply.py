"""Entering what a person learned, as a Prefect flow with a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from prefect.client.schemas.objects import State

from flows.entry import Outcome, Run, carry_out
from flows.fitting import warnings
from flows.forms.fields import NOT_PICKED, PLAIN, WRITTEN, Day, Instant, Matter, Person, RequestId, form
from flows.forms.flow import form_flow
from flows.forms.matters import answering, insist
from flows.forms.names import named
from flows.forms.words import standing
from flows.replying import KINDS, Reply, record
from providers.errors import GROUNDS

ENTRIES = tuple(kind for kind, meaning in KINDS.items() if "text" not in meaning.needs)
"""The kinds of entry that need no free text."""

_MEANINGS = "; ".join(f"{kind}: {KINDS[kind].what}" for kind in ENTRIES)

Entry = Annotated[str, form(f"What you learned. {_MEANINGS}.", title="What happened", enum=ENTRIES)]
Reference = Annotated[
    str,
    form(
        "The provider's own reference or case number, as it wrote it. Never the account.",
        title="Their reference",
        write="the provider's reference without an @, at most 80 characters on one line",
        pattern=PLAIN,
        max_length=80,
    ),
]
On = Annotated[
    Day,
    form(
        "The day at the provider on which it happened.",
        title="Day",
        write="a day such as 2026-11-21",
    ),
]
Until = Annotated[
    Day,
    form(
        "The last day until which the provider says it keeps the data.",
        title="Kept until",
        write="a day such as 2027-02-18",
    ),
]
At = Annotated[
    Instant,
    form(
        f"When it happened; now, if left out. Write {WRITTEN}.",
        title="Instant",
    ),
]
ItemId = Annotated[
    str,
    form(
        "Which identifier: i1, i2 …, as `holdfast show` numbers them.",
        title="Identifier number",
        write="i1, i2 … as the request's page numbers them",
        pattern="^(i[0-9]{1,6})?$",
    ),
]
Act = Annotated[Literal["send", "extend", "release"], form("Which of our acts it answers.", title="Our act")]
GROUND = "Of a refusal: why the provider says no."
"""The help below the field."""

Ground = Annotated[str, form(GROUND, title="Ground of refusal", enum=("", *GROUNDS))]
About = Annotated[
    str,
    form(
        "Which escalation is taken up; empty: all of them.",
        title="Escalation",
        write="the escalation as the request's page names it, or nothing",
        pattern="^[a-z0-9:.-]*$",
        max_length=80,
    ),
]


@form_flow("record-reply", called=named("record {kind} {request}"))
async def record_reply(
    *,
    request: RequestId,
    kind: Entry,
    reference: Reference = "",
    on: On = NOT_PICKED,
    until: Until = NOT_PICKED,
    ground: Ground = "",
    item: ItemId = "",
    action: Act = "send",
    at: At = NOT_PICKED,
    about: About = "",
    by: Person,
    matter: Matter = "",
) -> State[Any]:
    """Enter what you learned from a provider or decided, so that the clocks move.

    **Do not type an account, a name of a suspect or a remark into any field:** Prefect stores and shows them in
    clear. There is no field for free text here. Remarks go in by `holdfast record … --text` on the command line,
    which seals them in the ledger.

    A wrong entry is refused; the run then fails, and its state says what to enter instead. The same entry made
    twice changes nothing.
    """
    return await carry_out("record", recorded, of=record_reply, given=locals())


def recorded(run: Run, *, request: str, matter: str, **told: Any) -> Outcome:
    """Enter it, unless its matter is settled; the run's end says how the request stands now."""
    before, reply = run.office.hold(request), Reply(**told)
    insist(run.office, request, matter)
    hold, following = record(run.office, request, reply, unless=answering(run.office, matter))
    found = standing(run.office, hold, following, f"recorded: {reply.kind}")
    warned = warnings(before, hold, following, reply, run.office.now())
    return replace(found, text=" ".join([found.text, *(f"Mind: {each}." for each in warned)]))
