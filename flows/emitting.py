"""Telling Prefect what happened: every event of the ledger as an event of Prefect, for a unit's automations.

In order, at least once, and each time with the same id, so that an event that is told twice is one. Nothing hangs
on it: the ledger is the record, the ladder tells people, and the watch is the watchdog. An event carries opaque
ids, days, numbers and words of closed lists (`NUMBERS`, `FLAGS`, `DAYS`, `WORDS`): no account, no seal, no
reference, no text that anybody wrote. What was told last is noted beside the record (`BEAT`) when the server has
taken it, not before.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from flows.office import Office
from flows.prefect_api import speaking_to
from ledger.canonical import instant
from ledger.interface import Event, Json, Ledger, LedgerError, Row
from providers.errors import GROUNDS

PREFIX = "holdfast.request."

EVENTS: Mapping[str, str] = {
    "registered": "entered from a case, its accounts sealed",
    "drafted": "prepared by an officer, and not sent before somebody says so",
    "go-ahead": "somebody lets a draft be sent",
    "intent": "decided to act on the provider: send, extend, release …, once",
    "sent": "what was decided is said to the provider; `action` says what",
    "unavailable": "the provider could not be reached; tried again",
    "outcome-unknown": "said, and nobody knows whether it arrived; asked about before it is said again",
    "absent": "asked about: the provider does not have it",
    "refused": "the provider says no; `ground` says why",
    "unsupported": "no machine can say it: a person gets a packet",
    "poll-failed": "the provider could not be asked how the hold stands",
    "message-received": "a message about it came in, for a person to settle",
    "message-settled": "a person settled it",
    "acknowledged": "the provider has the request; `held_until` is an earlier end, where it named one",
    "preserved": "the provider keeps the data; `held_until` is the last day, where it named one",
    "items": "the provider said something of single accounts, such as that there is none",
    "extended": "the hold is longer",
    "clarification": "the provider asks a question; a short clock runs",
    "clarification-answered": "the question is answered",
    "validated": "an emergency order is validated",
    "produced": "the provider handed over the data",
    "released": "the hold is let go",
    "expired": "the provider says that it keeps nothing any more",
    "mla-sent": "the MLA request left",
    "mla-received": "the requested State has the MLA request",
    "production-announced": "the production is announced to the provider",
    "access-requested": "access to the data was requested",
    "petition-filed": "a petition for the data was filed",
    "stop-ended": "what kept the data without an end is over: denied, refused or withdrawn",
    "release-asked": "a person wants the hold let go",
    "extend-asked": "a person wants the hold extended now",
    "announce-asked": "a person wants the production announced",
    "answer-asked": "a person wants a clarification answered",
    "approval-asked": "something waits for a second person",
    "approved": "a second person approved it",
    "rejected": "a second person refused it",
    "erased": "its case was erased",
    "escalated": "people were told, at a `level`; `about` names the matter, `delivered` whether it got through",
    "escalation-acknowledged": "somebody has taken it up",
    "lapsed": "the hold passed its strict end with nothing in its place",
}
"""What is told, by the ledger's own word for it. `AT_RISK` comes beside some escalations."""

UNTOLD = ("polled", "note", "opened")
"""What is not told: it changes nothing, and there is much of it (what an answer to a question changed is told)."""

AT_RISK = "at-risk"
RISKS = ("coverage", "ending", "imminent", "lapsed")
"""The matters whose telling means that data may be lost."""

SWEPT = "holdfast.sweep.completed"

NUMBERS = ("sequence", "attempt", "level")
FLAGS = ("delivered", "confidential")
DAYS = ("on", "strict_on", "received_on", "held_from", "held_until")
WORDS: Mapping[str, Sequence[str]] = {
    "action": ("send", "extend", "release", "status", "announce", "clarify"),
    "urgency": ("expedited", "emergency"),
    "ground": GROUNDS,
}
"""What of an event's body is told, each checked for what it is: the rest, whatever it says, is not."""

LABELS = ("level", "about", "action")
"""What an automation may be set on: it sees the labels of an event's resource, and not what the event carries."""

_MATTER = re.compile(r"[a-z][a-z-]{0,30}(:[a-z0-9-]{1,40})*")

BEAT = "emitted"
SINCE = timedelta(days=3)
"""What is older is not told any more: a first start, or one after months, must not set off what is long over."""

BATCH = 200
PER_SECOND = 400
"""Prefect's own queue holds 10,000 events and drops what is beyond it, without a word to whoever sent them."""

WITHIN = 5.0
"""Seconds that one call takes at most; the next one goes on."""

_TURN = threading.Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsent:
    """What is to be told next, and what to note when it was taken. `more`: there is still more."""

    documents: tuple[Mapping[str, Any], ...]
    note: Mapping[str, Json]
    more: bool


async def emit_new(office: Office, *, run: str = "", within: float = WITHIN) -> tuple[str, ...]:
    """Tell Prefect every event of the ledger that it was not told yet; gives what failed, in words. Never raises.

    Args:
        office: the open office. Without `PREFECT_API_URL`, nothing is done.
        run: the id of the flow run that tells it, to be named with each event; "" for none.
        within: seconds; what is left then is told by the next call.
    """
    if not office.settings.prefect_api:
        return ()
    end = time.monotonic() + within
    while not _TURN.acquire(blocking=False):  # one at a time in a process: two would tell the same twice
        if time.monotonic() >= end:
            return ()  # whoever has the turn tells it
        await asyncio.sleep(0.02)
    try:
        unsent = await asyncio.to_thread(_unsent, office, run)
        if unsent is not None:
            with speaking_to(office.settings):
                await _tell(office, run, unsent, end)
    except LedgerError as error:
        return (f"Prefect could not be told what happened: {error}",)
    except Exception as error:  # the type alone is safe to show; the next call tells it
        return (f"Prefect could not be told what happened ({type(error).__name__}); tried again next time",)
    finally:
        _TURN.release()
    return ()


async def _tell(office: Office, run: str, unsent: Unsent | None, end: float) -> None:
    """Batch by batch; each is noted when the server has taken it. Raises what came in between."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        while unsent is not None:
            if unsent.documents:
                await client.request("POST", "/events", json=list(unsent.documents))
            await asyncio.to_thread(office.ledger.beat, BEAT, office.now(), unsent.note)
            if not unsent.more or time.monotonic() >= end:
                return
            await asyncio.sleep(len(unsent.documents) / PER_SECOND)
            unsent = await asyncio.to_thread(_unsent, office, run)


# ---- what is new --------------------------------------------------------------------------------------------------


def _unsent(office: Office, run: str) -> Unsent | None:
    """The next batch, None where there is nothing new. Two short questions to the ledger where that is so."""
    beat = office.ledger.last_beat(BEAT)
    note: Mapping[str, Json] = beat[1] if beat else {}
    told, since = _number(note.get("after")), office.now() - SINCE
    swept = _swept(office, str(note.get("swept", "")), since)
    after, events = _following(office.ledger, told, since)
    if after == told and swept is None:
        return None
    rows: dict[str, Row | None] = {}
    documents: list[Mapping[str, Any]] = []
    for event in events:
        if event.request not in rows:
            rows[event.request] = office.ledger.row(event.request)
        documents += _documents(office, event, rows[event.request], run)
    more = len(events) == BATCH
    if swept is not None and not more:
        documents.append(swept)
        note = {**note, "swept": str(swept["occurred"])}
    return Unsent(documents=tuple(documents), note={**note, "after": after}, more=more)


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _following(ledger: Ledger, told: int, since: datetime) -> tuple[int, list[Event]]:
    """The next events that were not told, none from before `since`, and how far that goes."""
    found = _some(ledger, told, BATCH)
    if not found and told > ledger.head()[0]:  # an older ledger was put back
        return _following(ledger, 0, since)
    if found and found[0].recorded_at < since:
        told = _last_before(ledger, told, since)
        found = _some(ledger, told, BATCH)
    return (found[-1].seq if found else told), found


def _last_before(ledger: Ledger, told: int, since: datetime) -> int:
    """The last event from before an instant, by halves: there may be millions."""
    low, (high, _) = told, ledger.head()
    while low < high:
        middle = (low + high) // 2
        (event,) = _some(ledger, middle, 1)
        if event.recorded_at < since:
            low = event.seq
        else:
            high = middle
    return low


def _some(ledger: Ledger, after: int, count: int) -> list[Event]:
    with closing(ledger.all_events(after=after)) as following:  # type: ignore[type-var]  # a generator
        return list(islice(following, count))


# ---- what is said -------------------------------------------------------------------------------------------------


def _documents(office: Office, event: Event, row: Row | None, run: str) -> list[Mapping[str, Any]]:
    """An event as Prefect takes it, and the risk that it tells of."""
    if event.kind not in EVENTS:
        return []
    about = str(event.body.get("about", ""))
    names = [event.kind]
    if event.kind == "escalated" and about.partition(":")[0] in RISKS:
        names.append(AT_RISK)
    return [_document(office, event, row, name, run) for name in names]


def _document(office: Office, event: Event, row: Row | None, name: str, run: str) -> Mapping[str, Any]:
    related = [_flow_run(run)] if run else []
    labels: dict[str, str] = {}
    how: dict[str, Any] = {}
    if row is not None:
        entry = office.catalogue.providers.get(row.provider)
        provider = entry.terms.name if entry else row.provider
        labels = {
            "prefect.resource.name": f"{event.request} at {provider}",
            "holdfast.provider": row.provider,
            "holdfast.instrument": row.instrument,
            "holdfast.state": row.state,
        }
        how = {"state": row.state, "strict_on": row.strict_on, "gap_days_p90": row.gap_days_p90}
        related = [
            _related("case", row.case, row.case),
            _related("provider", row.provider, provider),
            *related,
        ]
    told = _told_of(event.body)
    labels |= {f"holdfast.{name}": str(told[name]).partition(":")[0] for name in LABELS if name in told}
    return {
        "id": str(_id(office, f"{event.seq} {event.request} {event.kind} {instant(event.recorded_at)} {name}")),
        "occurred": instant(event.recorded_at),
        "event": PREFIX + name,
        "resource": {"prefect.resource.id": PREFIX + event.request, **labels},
        "related": related,
        "payload": {
            "request": event.request,
            "seq": event.seq,
            "at": instant(event.at),
            **how,
            **told,
        },
    }


def _told_of(body: Mapping[str, Json]) -> dict[str, Any]:
    """What of a body may be told: each field is looked at for what it is."""
    told: dict[str, Any] = {name: body[name] for name in NUMBERS if type(body.get(name)) is int}
    told |= {name: body[name] for name in FLAGS if isinstance(body.get(name), bool)}
    told |= {name: body[name] for name in DAYS if _is_day(body.get(name))}
    told |= {name: body[name] for name, known in WORDS.items() if body.get(name) in known}
    told |= {"about": body["about"]} if _MATTER.fullmatch(str(body.get("about", ""))) else {}
    return told


def _is_day(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _related(kind: str, which: str, name: str) -> Mapping[str, str]:
    return {
        "prefect.resource.id": f"holdfast.{kind}.{which}",
        "prefect.resource.role": kind,
        "prefect.resource.name": name,
    }


def _flow_run(run: str) -> Mapping[str, str]:
    return {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}


def _swept(office: Office, told: str, since: datetime) -> Mapping[str, Any] | None:
    """The last sweep as an event, None where it was told."""
    beat = office.ledger.last_beat("sweep")
    if beat is None or instant(beat[0]) == told or beat[0] < since:
        return None
    at, body = beat
    counts = {name: body[name] for name in ("requests", "acts", "failures") if type(body.get(name)) is int}
    ledger = office.ledger.identity.ledger
    return {
        "id": str(_id(office, f"sweep {instant(at)}")),
        "occurred": instant(at),
        "event": SWEPT,
        "resource": {
            "prefect.resource.id": f"holdfast.ledger.{ledger}",
            "prefect.resource.name": "the sweep",
        },
        "payload": {"at": instant(at), "by": str(body.get("by", "")), **counts},
    }


def _id(office: Office, what: str) -> uuid.UUID:
    """The same for the same event of the same ledger; another where an older ledger was put back and goes on."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"holdfast {office.ledger.identity.ledger} {what}")
