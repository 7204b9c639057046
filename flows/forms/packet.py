"""Taking a packet out: what a person needs to say a request by hand, written to a folder and recorded as opened."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.entry import Outcome, Run, carry_out
from flows.forms.fields import Person, RequestId, form
from flows.forms.flow import form_flow
from flows.forms.names import named
from flows.handing import fresh, write_out
from flows.packets import find, record_disclosure
from flows.replying import name_no_account
from flows.words import number
from providers.interface import Action
from providers.packet.steps import WAYS

TO_SAY_IT = "to say it by hand"
WHY = (TO_SAY_IT, "to check what would be said", "to show what was said", "to hand it on inside the unit")
"""Why it is taken out. A closed list: Prefect stores it in clear. Other reasons go in with `holdfast packet`."""

LATEST = "what is to be said now"
ACTIONS = (LATEST, "send", "extend", "release", "announce", "clarify")

Why = Annotated[
    str,
    form(
        "Why you take it out. It is recorded with your name.", title="Reason", write="a reason of the list", enum=WHY
    ),
]
Which = Annotated[str, form("Which message, if not the one that is to be said now.", title="Message", enum=ACTIONS)]
Way = Annotated[
    int,
    form(
        "Which way, where there are several: 1 is the best. The packet's README says what the others are.",
        title="Way",
        write="a number from 1 on",
        ge=1,
        le=20,
    ),
]


@form_flow("take-out-packet", called=named("take out the packet of {request}"))
async def take_out_packet(
    *, request: RequestId, because: Why = TO_SAY_IT, action: Which = LATEST, way: Way = 1, by: Person
) -> State[Any]:
    """Write out what a person needs to say a request by hand: steps, the letter, the identifiers to copy.

    The files name accounts, so they are **not shown here**: they are written to a folder on the machine that runs
    this, for its user's eyes only, and you are told which one. That you took them out is recorded. Delete them when
    it is done, and record what came of it.
    """
    return await carry_out("packet", _take_out, of=take_out_packet, given=locals())


def _take_out(run: Run, *, request: str, by: str, because: str, action: str, way: int) -> Outcome:
    office = run.office
    name_no_account(office, office.hold(request), by=by)
    handed = find(office, request, action=None if action == LATEST else Action(action), way=way)
    folder = fresh(office.settings.packets_path / f"{request}-{handed.action}-{handed.sequence}")
    record_disclosure(office, handed, duty=because, by=by)  # before the first byte is out
    written = write_out(handed.files, folder)
    others = [f"{WAYS.get(each, each)} (way {n})" for n, each in enumerate(handed.ways, 1) if n != way]
    text = f"{request}: {number(len(written), 'file')} written to {folder}; read README.txt there first."
    text += f" If that way fails: {', '.join(others)}." if others else ""
    text += " RECORDED AS SAID ALREADY, so do not say it twice." if handed.said else ""
    return Outcome(text=text, data={"request": request, "folder": str(folder), "files": written})
