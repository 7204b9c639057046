"""Going on after an old backup was restored: what may have been done since is asked about before it is done again.

What was recorded after the backup is lost here, and the record cannot know what was sent then. So every act that the
restored record would now begin with is entered as begun, with its idempotency key and no outcome: the ladder then
asks the provider, and tells a person where it cannot be asked, as after any crash. Every open request gets a note.
The acceptance itself is signed, and goes where the heads go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flows.doubts import look
from flows.headfile import append, path_of
from flows.heads import Note, bring_out, ways
from flows.office import Office
from flows.office import key_of as idempotency_key
from flows.routes import abilities_of, named
from ledger.heads import Accepted, Head, accept, sign, signing_key
from ledger.interface import Json, LedgerError
from providers.errors import ConfigurationError
from timeline.decide import Decision, Do, duties
from timeline.state import Hold

EFFECTS = frozenset({Do.SEND, Do.EXTEND, Do.RELEASE, Do.ANNOUNCE, Do.CLARIFY})
"""What has an effect at the provider; done twice, it would have two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was accepted. `asked_first`: requests with an act that is asked about before it is done again."""

    accepted: Accepted
    noted: int
    asked_first: tuple[str, ...]
    failures: tuple[str, ...]


def go_on(office: Office, *, because: str, by: str = "") -> Restored:
    """Accept that the ledger is what it is, and make it safe to go on. Cut off in the middle, it may be repeated.

    Args:
        office: the unit's open office.
        because: why, in a person's words; it stands in the file of heads, in clear.
        by: whose decision it is, if not the actor's.

    Raises:
        LedgerError: nothing is in doubt, or it cannot be recorded now.
    """
    now = office.now()
    doubts = look(office, now)
    lost = doubts.head
    if not doubts.history or lost is None:
        raise LedgerError("there is nothing to accept: the newest signed head fits the ledger")
    if not because.strip():
        raise LedgerError("accepting that a part of the record is lost needs a reason: --because TEXT")
    noted, asked = 0, list[str]()
    for row in list(office.ledger.rows()):
        events = _events(office, office.hold(row.request), row.provider, lost, now)
        noted += any(kind == "note" for kind, _ in events)
        if any(kind == "intent" for kind, _ in events):
            asked.append(row.request)
        if events:
            office.append(row.request, events)
    key, (count, root) = signing_key(office.vault), office.ledger.head()
    head = sign(office.ledger.identity, events=count, root=root, at=now, key=key)
    line = accept(head, gives_up=lost, because=" ".join(because.split()), by=by or office.settings.actor, key=key)
    office.ledger.add_head(count, line.text())
    append(path_of(office.settings), [line.text()])  # without it, the next office is in doubt again
    note = Note.of(office)
    note.newest, note.waiting[line.text()] = line.text(), ways(office)
    failures = bring_out(office, note, now)
    note.keep(office, now)
    return Restored(accepted=line, noted=noted, asked_first=tuple(asked), failures=tuple(failures))


def _events(
    office: Office, hold: Hold, provider: str, lost: Head, now: datetime
) -> list[tuple[str, Mapping[str, Json]]]:
    """What is entered for one request; nothing where it was entered already."""
    digest = lost.digest
    if any(each.body.get("restored") == digest for each in office.ledger.events(hold.request) if each.kind == "note"):
        return []
    events: list[tuple[str, Mapping[str, Json]]] = []
    for decision in duties(hold, office.policy):
        if decision.action in EFFECTS and decision.due(now):
            events.append(_in_doubt(office, hold, provider, decision))
    body: dict[str, Json] = {"restored": digest, "of_events": lost.events, "source": "restored"}
    return [*events, ("note", body)]


def _in_doubt(office: Office, hold: Hold, provider: str, decision: Decision) -> tuple[str, Mapping[str, Json]]:
    """An act as begun, so that it is asked about before it is done."""
    action, sequence = str(decision.action), decision.sequence
    known = hold.act(action, sequence)
    return "intent", {
        "action": action,
        "sequence": sequence,
        "attempt": (known.attempt if known else 0) + 1,
        "key": idempotency_key(hold.request, action, sequence),
        "because": "a backup was restored: it may have been done in the time that is lost",
        **_over(office, hold, provider),
    }


def _over(office: Office, hold: Hold, provider: str) -> dict[str, Json]:
    """The channel it will have gone over, and what that one can do."""
    if hold.channel:
        return {"channel": hold.channel, "route": hold.route}
    try:
        first = office.routes(hold, provider)[0]
        can = abilities_of(office.adapter(first).capabilities)
    except ConfigurationError:  # whoever looks it up is told
        return {"channel": ""}
    over: dict[str, Json] = {"channel": first.channel, "route": first.id}
    return over if can == hold.terms.abilities else over | {"abilities": list[Json](named(can))}
