"""`holdfast release`, `announce` and `answer`: what is recorded and told to the provider at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from desk.endings import INTERRUPTED, Ending, later, needs_person
from desk.speaking import say, say_json
from desk.stopping import Stopping
from desk.typed import opened

if TYPE_CHECKING:
    from flows.office import Office
    from timeline.state import Hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """What is asked: the act that says it, how it is called when done, and what a person records instead."""

    action: str
    done: str
    record: str
    is_done: Callable[[Hold], bool]


RELEASE = Matter(
    action="release",
    done="released",
    record="released",
    is_done=lambda hold: hold.released_at is not None or hold.withdrawn,
)
ANNOUNCE = Matter(
    action="announce",
    done="production announced",
    record="production-announced",
    is_done=lambda hold: "production-announced" in hold.stops,
)
SEND = Matter(action="send", done="sent", record="sent", is_done=lambda hold: not hold.unsent)
ANSWER = Matter(
    action="clarify",
    done="clarification answered",
    record="clarification-answered",
    is_done=lambda hold: hold.clarification is not None and hold.clarification[2],
)


def release(request: str, *, because: str, by: str, as_json: bool) -> None:
    """Record that a hold is to end, and tell the provider at once. Raises what `tell_provider` raises."""
    from flows import asking

    tell_provider(
        request, RELEASE, lambda office: asking.release(office, request, because=because, by=by), as_json=as_json
    )


def announce(request: str, *, on: date | timedelta | None, reference: str, by: str, as_json: bool) -> None:
    """Tell the provider at once that production was requested. Raises what `tell_provider` raises."""
    from desk.recording import local_day
    from flows import asking

    def ask(office: Office) -> Hold:
        day = local_day(on, office.hold(request), office)
        return asking.announce(office, request, on=day, reference=reference, by=by)

    tell_provider(request, ANNOUNCE, ask, as_json=as_json)


def answer(request: str, *, text: str, by: str, as_json: bool) -> None:
    """Answer the provider's question at once. Raises what `tell_provider` raises."""
    from flows import asking

    tell_provider(request, ANSWER, lambda office: asking.answer(office, request, text=text, by=by), as_json=as_json)


def _by_hand(hold: Hold, matter: Matter) -> bool:
    """Whether a person must say it, told so now or before: no sweep will."""
    acts = [each for each in hold.acts.values() if each.action == matter.action]
    refused = bool(acts) and acts[-1].outcome in {"refused", "unsupported"}
    return refused or not getattr(hold.terms.abilities, matter.action, True)


def tell_provider(request: str, matter: Matter, ask: Callable[[Office], Hold], *, as_json: bool) -> None:
    """Record what is asked, and have it said at once.

    Raises:
        Ending: it is recorded, but the provider has not been told.
        LookupError, ReplyError, LedgerError: nothing was recorded.
    """
    from flows.afterwards import work_on_entered
    from timeline.custody import waiting

    with opened() as office:
        if matter.action in waiting(ask(office)):
            if as_json:
                say_json({"request": request, "state": str(office.hold(request).state), "waits": matter.action})
            raise needs_person(
                "needs a person: recorded, and it waits for a second one. Another user of this system types:",
                f"  holdfast approve {request} --what {matter.action}",
            )
        with Stopping() as stopping:
            report = work_on_entered(office, [request], stop=stopping.stop)
        hold = office.hold(request)
    done = matter.is_done(hold)
    said = [each for each in report.done if each.action == matter.action]
    result = said[-1].failed or said[-1].result if said else ""
    if as_json:
        say_json({"request": request, "state": str(hold.state), "confirmed": done, "result": result})
    elif done:
        said_by = "the provider was told" if result else "the provider was told before"
        if matter is RELEASE and result:
            said_by = "the provider confirms it"
        elif hold.withdrawn:
            said_by = "withdrawn before it was sent, so there is nobody to tell"
        say(f"{request}  {matter.done}: {said_by}.")
    if done:
        return
    failed = [f"  {what}" for _, what in report.failures]
    if stopping.stop.is_set():
        raise Ending(INTERRUPTED, "stopped: recorded, and the provider not told; the next sweep does")
    if report.person or _by_hand(hold, matter):
        raise needs_person(
            "needs a person: recorded, but the provider was not told. What to say, and what to enter afterwards:",
            f"  holdfast packet {request} --action {matter.action}",
            f"  holdfast record {matter.record} {request}" + (" --on today" if matter is ANNOUNCE else ""),
            *failed,
        )
    raise later("recorded, but the provider could not be told now; the next sweep tries again", *failed)
