"""From the ledger's events to the timeline's hold, and from the hold to the ledger's index.

The terms of a request are kept in the ledger by content when it is registered, as the raw tables of the
catalogue, and read again by the catalogue's own reader: a later change of the catalogue moves no clock of
a request that already runs.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

from flows.catalogue import Catalogue, read_instrument, read_provider_terms
from flows.holidays import public_holidays
from ledger.interface import Event as Recorded
from ledger.interface import ItemRow, Ledger, Row
from timeline.clocks import running_short_clocks
from timeline.coverage import coverage
from timeline.custody import open_matters
from timeline.decide import Decision, duties, first_due
from timeline.events import Event
from timeline.rules import Confidence, MlaProfile, Policy, Source
from timeline.state import Facts, Hold, begin, fold_on
from timeline.terms import Abilities, Terms, terms_for

RANKED_LAST = 1_000_000


def freeze_terms(
    catalogue: Catalogue,
    *,
    provider: str,
    instrument: str,
    country: str,
    profile: str,
    abilities: Abilities,
    at: datetime,
    zone: str = "",
    state: str | None = None,
) -> bytes:
    """The terms of a request as canonical JSON: everything its dates are computed from.

    `zone` is where its days are counted, if not at the provider: at the authority or the entity that gets it. `state`
    is the one whose holidays count, "" for none; the provider's unless it is given.
    """
    mla = catalogue.profiles[profile]
    state = catalogue.providers[provider].terms.state if state is None else state
    raw = catalogue.raw  # read only: `raw_provider` would copy all of it
    practice = {key: value for key, value in raw[f"providers/{provider}.toml"].items() if key != "adapter"}
    practice |= {"zone": zone} if zone else {}
    years = range(at.year, at.year + 4)
    record = {
        "instrument": {"id": instrument, "table": dict(raw[f"instruments/{instrument}.toml"])},
        "provider": {"id": provider, "table": practice},
        "country": country,
        "profile": {
            "id": mla.id,
            "p50_days": mla.p50_days,
            "p90_days": mla.p90_days,
            "source": {
                "text": mla.source.text,
                "read_on": mla.source.read_on.isoformat(),
                "confidence": str(mla.source.confidence),
                "verified": mla.source.verified,
            },
        },
        "abilities": asdict(abilities),
        "holidays": {day.isoformat(): name for day, name in public_holidays(state, years).items()},
    }
    return json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_text).encode()


def _text(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"cannot keep a {type(value).__name__} in a request's terms")


@lru_cache(maxsize=4096)
def read_terms(frozen: bytes) -> Terms:
    """The terms that `freeze_terms` kept."""
    record = json.loads(frozen)
    mla, source = record["profile"], record["profile"]["source"]
    return terms_for(
        read_instrument(record["instrument"]["table"], f"terms: {record['instrument']['id']}"),
        read_provider_terms(record["provider"]["table"], f"terms: {record['provider']['id']}"),
        country=record["country"],
        profile=MlaProfile(
            id=mla["id"],
            p50_days=mla["p50_days"],
            p90_days=mla["p90_days"],
            source=Source(
                text=source["text"],
                read_on=date.fromisoformat(source["read_on"]),
                confidence=Confidence(source["confidence"]),
                verified=source["verified"],
            ),
        ),
        abilities=Abilities(**record["abilities"]),
        holidays={date.fromisoformat(day): name for day, name in record["holidays"].items()},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """What a history leaves, up to its last event: to be gone on from when it has grown."""

    first: Recorded
    last: Recorded
    count: int
    facts: Facts
    hold: Hold
    duties: tuple[Decision, ...]


MOST = 512
"""Requests whose folded histories are remembered: a few batches of a sweep, whatever the ledger's size."""


class Histories:
    """Folds histories and projects them to index rows, under one policy. Safe to share between threads."""

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self._ledger = ledger
        self._policy = policy
        self._terms: dict[str, Terms] = {}
        self._known: OrderedDict[str, Folded] = OrderedDict()
        self._lock = threading.Lock()

    def terms(self, digest: str) -> Terms:
        """The terms kept under a digest."""
        if digest not in self._terms:
            self._terms[digest] = read_terms(self._ledger.kept(digest))
        return self._terms[digest]

    def hold(self, request: str) -> Hold:
        """The hold of a request, as recorded now.

        Raises:
            LookupError: there is no such request; the message is for the person who typed it.
        """
        return self.current(request).hold

    def current(self, request: str) -> Folded:
        """The hold of a request and all its duties, as recorded now. Raises what `hold` does."""
        events = self._ledger.events(request)
        if not events:
            raise LookupError(f"there is no request {request} in this ledger")
        return self._folded(events)

    def first(self, request: str) -> Recorded:
        """How a request was registered: its first event, which never changes. Raises what `hold` does."""
        with self._lock:
            known = self._known.get(request)
        return (known or self.current(request)).first

    def fold(self, events: Sequence[Recorded]) -> Hold:
        """The hold that a request's whole history leaves."""
        return self._folded(events).hold

    def standing(self, events: Sequence[Recorded]) -> Folded:
        """What a request's history leaves, with all its duties."""
        return self._folded(events)

    def _folded(self, events: Sequence[Recorded]) -> Folded:
        request, count = events[0].request, len(events)
        said = cast("Sequence[Event]", events)  # what the timeline reads of an event, the ledger's have too
        with self._lock:
            known = self._known.get(request)
        # The very same event, not one of the same number: what was never committed may be followed by another.
        if known is None or known.count > count or events[known.count - 1] is not known.last:
            facts, done = begin(request, self.terms(str(events[0].body["terms"])), said[0]), 1
        elif known.count == count:
            return known
        else:
            facts, done = known.facts.copy(), known.count
        hold = fold_on(facts, said[done:])
        folded = Folded(
            first=events[0], last=events[-1], count=count, facts=facts, hold=hold, duties=duties(hold, self._policy)
        )
        with self._lock:
            self._known[request] = folded
            self._known.move_to_end(request)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return folded

    def project(self, events: Sequence[Recorded]) -> Row:
        """The index row of a history: what the ledger stores beside its events."""
        folded = self._folded(events)
        first, hold, wanted = events[0].body, folded.hold, folded.duties
        following = first_due(wanted)
        # What has not left leaves today at the earliest; the last event is the latest day that the history knows.
        known_at = max(hold.sent_at or hold.registered_at, folded.last.recorded_at)
        expiry = hold.expiry
        blinds = {each["item"]: each.get("blind", "") for each in _tables(first["items"])}
        matters = open_matters(hold, wanted)
        told = [each for each in hold.escalations.values() if each.about in matters]
        unanswered = [each.level for each in told if each.acknowledged_at is None]
        return Row(
            request=hold.request,
            case=str(first["case"]),
            provider=str(first["provider"]),
            instrument=str(first["instrument"]),
            state=str(hold.state),
            final=following is None,
            next_action=str(following.action) if following else "",
            next_at=following.due_at if following else None,
            next_because=following.because if following else "",
            rank=_rank(hold, following),
            strict_on=expiry.strict_on.isoformat() if expiry else "",
            gap_days_p90=0 if hold.ended else coverage(hold, self._policy, known_at).gap_days_p90,
            level=max(unanswered, default=0),
            matters=len(matters),
            items=tuple(
                ItemRow(item=each.id, type=each.type, outcome=each.outcome, blind=blinds.get(each.id, ""))
                for each in hold.items
            ),
        )


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    tables: Sequence[Mapping[str, Any]] = value
    return tables


def _rank(hold: Hold, following: Decision | None) -> int:
    """What goes first when much is due at once: emergencies, what was never sent, then the nearest end.

    Ends are taken by the fortnight: a rank is a level, of which the ledger wants tens and not thousands.
    """
    if following is None:
        return RANKED_LAST
    if hold.strict_start is None:
        return 0 if hold.urgency == "emergency" else 1
    if any(running_short_clocks(hold)):
        return 1
    ends = hold.expiry
    return ends.strict_on.toordinal() // 14 if ends else RANKED_LAST
