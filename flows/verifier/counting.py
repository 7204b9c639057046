"""The end of a hold, counted a second time, with nothing of the timeline: from the bare events and the frozen terms.

* **strict**: from the earlier of sending and receipt, that day counted as day 1, nothing rolls; where the law counts
  from the day the order was made, from that day or the registration if they are earlier.
* **legal**: as the instrument counts: from receipt, sending or the day on the order, the first day counted
  ("include-first") or not; under Reg. (EEC, Euratom) 1182/71 a last day on a Saturday, Sunday or public holiday rolls
  to the next working day.
* An **extension** is added to the previous end before any rolling, strict to strict, legal to legal.
* What the provider says it keeps until shortens; it lengthens only where the law's period is a minimum.
* An extension that was confirmed and never sent is **taken back** by a last day not later than the end without it.

Days are counted at the provider (its zone). Everything is read from JSON as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Table = Mapping[str, Any]
ONE = timedelta(days=1)
SATURDAY, DECEMBER = 5, 12
WEEK_OF_WORK = 5


class Length(NamedTuple):
    """A number of days, working days, months or years."""

    number: int
    unit: str


_FAILED = frozenset({"outcome-unknown", "unavailable", "refused", "unsupported"})
_OUTCOMES = _FAILED | {"intent", "sent", "absent"}


class End(NamedTuple):
    """The last day of a hold: strict, legal before rolling, legal."""

    strict_on: date
    legal_base_on: date
    legal_on: date


def ends(events: Sequence[Table], terms: Table) -> tuple[End, ...]:
    """The end of the first period, then of each extension confirmed. Empty: not sent, or the law gives no period."""
    return _ends(_Told(events, terms), terms)


def _ends(told: _Told, terms: Table) -> tuple[End, ...]:
    starts, first = told.starts(), _first(terms)
    if starts is None or first is None:
        return ()
    law = End(*_counted(starts, first, terms), date.min)
    found: list[End] = []
    link = law
    for number in range(told.granted + 1):
        if number == told.granted and (kept := told.kept_against(law)) is not None:
            return (*found, End(kept, max(kept, law.legal_base_on), max(kept, _rolled(law.legal_base_on, terms))))
        if (until := told.until(number)) is not None:
            link = _as_told(law, until, terms)
        found.append(End(link.strict_on, link.legal_base_on, _rolled(link.legal_base_on, terms)))
        if (more := _extension(terms, number + 1)) is not None:
            law, link = (_longer(each, more) for each in (law, link))
    return tuple(found)


class _Told:
    """What the events say that moves the end of the hold."""

    def __init__(self, events: Sequence[Table], terms: Table) -> None:
        self.zone, self.terms = ZoneInfo(terms["provider"]["table"]["zone"]), terms
        self.knows = {each["kind"] for each in terms["instrument"]["table"].get("stop_event", ())}
        self.entered: datetime | None = None
        self.made: date | None = None
        self.sent: datetime | None = None
        self.begun: datetime | None = None
        self.received: date | None = None
        self.held_from: date | None = None
        self.references: set[str] = set()
        self.granted, self.heard, self.open, self.in_doubt = 0, False, False, False
        self.untils: dict[int, date] = {}
        self.asked: dict[int, str] = {}  # each extension that was begun here: what became of it
        self.stops: dict[str, date] = {}
        self.kept_until: date | None = None
        self.items: dict[str, tuple[str, date | None]] = {}
        for event in events:
            self._take(event["kind"], _at(event["at"]), event["body"])

    def _take(self, kind: str, at: datetime, body: Table) -> None:
        first_sending = body.get("action") == "send" and body.get("sequence") == 1
        if body.get("action") == "extend" and kind in _OUTCOMES:
            self._ask_longer(kind, body)
        if kind == "registered":
            self.entered, self.made = at, _day(body.get("made_on"))
            self.items = {each["item"]: ("pending", None) for each in body["items"]}
            if "mla-received" in self.knows and (on := _day(body["mla"].get("received_on"))):
                self.stops["mla-received"] = on
        elif kind == "intent" and first_sending:
            self.begun, self.open, self.in_doubt = at, True, True
        elif kind == "sent" and body["action"] == "send":
            earliest = self.begun if self.in_doubt and self.begun else at
            self.sent, self.open, self.in_doubt = min(self.sent or at, at, earliest), False, False
        elif (body.get("undelivered") or kind == "refused") and body.get("action") == "announce":
            self.stops.pop("production-announced", None)
        elif body.get("undelivered") and first_sending and not self.open:
            self.open = True
            if not self.heard and self.received is None:
                self.sent = None
        elif (
            first_sending
            and (self.open or self.begun is None)
            and kind in {"outcome-unknown", "unavailable", "refused", "unsupported", "absent"}
        ):
            self.begun, self.open = self.begun or at, True  # a person may say so of what was never begun here
            self.in_doubt = kind == "outcome-unknown"
        elif kind in {"acknowledged", "preserved", "items", "extended"}:
            self._hear(kind, at, body)
        elif kind == "stop-ended":
            self.stops = {each: on for each, on in self.stops.items() if on > date.fromisoformat(body["on"])}
            self.kept_until = None
        elif kind in self.knows:
            self.stops[kind], self.kept_until = date.fromisoformat(body["on"]), None

    def _ask_longer(self, kind: str, body: Table) -> None:
        """What is known to have arrived is undone by a refusal, or by coming back undelivered, alone."""
        arrived = self.asked.get(body["sequence"]) == "sent"
        if not arrived or kind in {"intent", "refused"} or (kind in _FAILED and body.get("undelivered")):
            self.asked[body["sequence"]] = kind

    def _hear(self, kind: str, at: datetime, body: Table) -> None:
        fresh = set(body.get("references", ())) - self.references
        split = bool(self.references) and bool(fresh) and self.received is not None
        self.references |= fresh
        if self.sent is None and self.begun is not None:
            self.sent = self.begun
        if on := _day(body.get("received_on")):
            self.received = min(on, self.received or on) if split else on
        elif self.sent is None and self.received is None:
            self.sent = at
        self.heard, self.open, self.in_doubt = True, False, False
        until = _day(body.get("held_until"))
        if kind == "preserved":
            self.held_from = _day(body.get("held_from")) or self.held_from
            self._named(until, self.untils.get(self.granted))
            if until:
                self._never_extended(until)
                self.untils[self.granted] = until
            if not body.get("items"):
                self._found()
                self.items = {
                    item: ("preserved" if outcome == "pending" else outcome, last)
                    for item, (outcome, last) in self.items.items()
                }
        elif kind == "extended":
            self._extend(body["sequence"], until)
            if not body.get("items"):
                self._found()
        elif until:
            self._named(until, self.untils.get(self.granted))
            self.untils[self.granted] = until
        for said in body.get("items", ()):
            if said["item"] in self.items:
                before, last = self.items[said["item"]][1], _day(said.get("held_until"))
                if last:
                    self._named(min(last, self.kept_until or last), before)
                self.items[said["item"]] = said["outcome"], last or before

    def _never_extended(self, until: date) -> None:
        """It is kept no longer than without the last extension, which nobody sent: it never was."""
        while self.granted and self.asked.get(self.granted) != "sent":
            ends = _ends(self, self.terms)
            if not ends or until > ends[self.granted - 1].strict_on:
                return
            self.untils.pop(self.granted, None)
            self.granted -= 1

    def _named(self, until: date | None, before: date | None) -> None:
        """A last day, or none, that was named while a stop event kept the data: another one than before counts."""
        if self.stops and (until is None or until != before):
            self.kept_until = until

    def _found(self) -> None:
        """They are kept, and no item was: found after all."""
        if not any(outcome in {"pending", "preserved"} for outcome, _ in self.items.values()):
            outcome = "pending" if len(self.items) > 1 else "preserved"
            self.items = {item: (outcome, last) for item, (_, last) in self.items.items()}

    def kept_against(self, law: End) -> date | None:
        """The last day that was named although a stop event had taken the end away in time."""
        in_time = bool(self.stops) and min(self.stops.values()) <= law.legal_base_on
        return self.kept_until if in_time else None

    def _extend(self, number: int, until: date | None) -> None:
        if self.asked.get(number, "absent") not in {"unavailable", "absent", "unsupported"}:
            self.asked[number] = "sent"
        if number > self.granted:
            if (first := self._first_item()) is not None:
                self.untils[self.granted] = min(first, self.untils.get(self.granted, first))
            self.items = {item: (outcome, None) for item, (outcome, _) in self.items.items()}
            self.granted = number
        if number == self.granted and until:
            self._named(until, self.untils.get(number))
            self.untils[number] = until

    def _first_item(self) -> date | None:
        """The first of the items' own last days: of those that are kept, or may be."""
        kept = {"pending", "preserved"}
        return min((last for outcome, last in self.items.values() if outcome in kept and last), default=None)

    def until(self, number: int) -> date | None:
        """The last day the provider named after so many extensions."""
        named = [self.untils.get(number), self._first_item() if number == self.granted else None]
        return min((each for each in named if each), default=None)

    def starts(self) -> tuple[date, date] | None:
        """The strict and the legal first day; None: not sent."""
        sent_on = self._local(self.sent)
        known = [each for each in (sent_on, self.received) if each]
        if not known:
            return None
        earliest, rule = min(known), self.terms["instrument"]["table"]["start"]["on"]
        if rule == "preservation-effected" and self.held_from:
            return min(earliest, self.held_from), self.held_from
        strict = earliest
        if rule == "day-made":
            strict = min(earliest, self._local(self.entered) or earliest, self.made or earliest)
            if self.made:
                return strict, self.made
        by_receipt = rule == "receipt" or (rule == "earlier-of-sending-and-receipt" and self.received == earliest)
        if self.received and (by_receipt or sent_on is None):
            return strict, self.received
        return strict, sent_on or earliest

    def _local(self, at: datetime | None) -> date | None:
        return at.astimezone(self.zone).date() if at else None


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# The calendar


def _later(day: date, length: Length) -> tuple[date, bool]:
    """The day so much later, and whether the calendar has the same day of that month."""
    if length.unit in {"month", "year"}:
        months = day.month - 1 + length.number * (12 if length.unit == "year" else 1)
        year, month = day.year + months // 12, months % 12 + 1
        next_month = date(year + month // DECEMBER, month % DECEMBER + 1, 1)
        last = (next_month - ONE).day
        return date(year, month, min(day.day, last)), day.day <= last
    if length.unit == "working day":
        for _ in range(length.number):
            day += ONE
            while day.weekday() >= SATURDAY:
                day += ONE
        return day, True
    return day + ONE * length.number, True


def _counting_first(day: date, length: Length) -> date:
    """The last day of a length that begins with this very day."""
    if length.unit in {"month", "year"}:
        later, same = _later(day, length)
        return later - ONE if same else later
    return _later(day - ONE, length)[0]


def _counted(starts: tuple[date, date], length: Length, terms: Table) -> tuple[date, date]:
    strict, legal = starts
    whole = terms["instrument"]["table"]["counting"]["rule"] == "include-first"
    return _counting_first(strict, length), _counting_first(legal, length) if whole else _later(legal, length)[0]


def _longer(end: End, length: Length) -> End:
    return End(_later(end.strict_on, length)[0], _later(end.legal_base_on, length)[0], date.min)


def _as_told(law: End, until: date, terms: Table) -> End:
    prolongs = terms["instrument"]["table"]["first"].get("kind") == "guaranteed_min"
    if until > law.strict_on and not prolongs:
        return law
    return End(until, max(until, law.legal_base_on) if prolongs else law.legal_base_on, date.min)


def _rolled(day: date, terms: Table) -> date:
    if terms["instrument"]["table"]["counting"]["rule"] == "reg-1182-71":
        while day.weekday() >= SATURDAY or day.isoformat() in terms["holidays"]:
            day += ONE
    return day


# How long the law and the provider give


def _length(text: str) -> Length:
    count, _, unit = text.partition(" ")
    return Length(int(count), unit.removesuffix("s"))


_DAYS = {"hour": 1 / 24, "day": 1, "working day": 1.4, "month": 30.5, "year": 365.25}
_MANY = 24


def _about(length: Length) -> float:
    """For comparing lengths of different units only."""
    return length.number * _DAYS[length.unit]


def _shorter(law: Length, days: int | None) -> Length:
    """The provider's days where they are fewer; where the calendar decides, what is fewer on every day."""
    n = law.number
    least, most = {
        "hour": (n // 24, -(-n // 24)),
        "day": (n, n),
        "working day": (n + (n - 1) // WEEK_OF_WORK * 2, 2 * n + 14),
        "month": (365 * n // 12 - 2, 366 * n // 12 + 2),
        "year": (365 * n, 366 * n),
    }[law.unit]
    return law if days is None or days >= most else Length(min(days, least), "day")


def _practice(terms: Table) -> Table:
    """The provider's first rule for a requester of this country: nothing where it is bound, or a State is asked."""
    country, law = terms["country"], terms["instrument"]["table"]
    if law["addressee"] == "state" or law.get("binding", {}).get("everywhere", False):
        return {}
    for hold in terms["provider"]["table"].get("hold", ()):
        who = hold["requester"]
        if who in {"any", country} or (who.startswith("not-") and who[4:] != country):
            return dict(hold)
    return {}


def _first(terms: Table) -> Length | None:
    text = terms["instrument"]["table"]["first"].get("period")
    return _shorter(_length(text), _practice(terms).get("days")) if text else None


def _extension(terms: Table, number: int) -> Length | None:
    """How much longer the confirmed extension of that number makes the hold; None: the law knows no such thing."""
    table, practice = terms["instrument"]["table"], _practice(terms)
    by_law = [(_length(each["period"]), each) for each in table.get("extension", ())]
    cap = _length(table["cap"]["period"]) if "cap" in table else None
    whole = _length(table["first"]["period"]) if "period" in table["first"] else None

    def times(each: Table) -> int:
        return _MANY if each.get("count") is None else int(each["count"])

    def asked(practice: Table) -> list[Length]:
        """What may be asked for: first what the requesting side decides, then courtesies."""
        ranked: tuple[list[Length], list[Length]] = [], []
        for length, each in by_law:
            if each["decided_by"] != "court":
                most = practice.get("extension_count")
                count = times(each) if most is None else min(most, times(each))
                courtesy = each["decided_by"] != "issuer" or practice.get("extension_discretionary", False)
                ranked[courtesy].extend([_shorter(length, practice.get("extension_days"))] * count)
        return ranked[0] + ranked[1]

    def within(start: Length | None, lengths: list[Length]) -> Iterator[Length]:
        left = _about(cap) - _about(start) if cap and start else float("inf")
        for length in lengths:
            left -= _about(length)
            if left < 0:
                return
            yield length

    most = len(list(within(whole, asked({}))))
    askable = list(within(_first(terms), asked(practice)))[:most]
    given = list(within(whole, [length for length, each in by_law for _ in range(times(each))]))
    for known in (askable, given):
        if number <= len(known):
            return known[number - 1]
    statutory = table["first"].get("kind", "statutory_max") == "statutory_max"
    return None if statutory or not given else given[-1]
