"""A request as its history leaves it: the facts, and what they mean.

No date is kept that can be computed: correcting a fact corrects every date that follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from timeline.acts import Act, Escalated
from timeline.days import Expiry, day_in, end_of, extended, first_expiry, told_until
from timeline.rules import PeriodKind, Start
from timeline.terms import Terms


class State(StrEnum):
    """How a request stands. Sent, acknowledged and in force are three different things."""

    REGISTERED = "registered"  # entered here, not sent
    UNKNOWN = "unknown"  # it may or may not have arrived
    SENT = "sent"  # it left, and was accepted for delivery
    ACKNOWLEDGED = "acknowledged"  # the provider says that it has it
    IN_FORCE = "in-force"  # the provider says that it keeps the data
    OPEN_ENDED = "open-ended"  # it says so, and after a stop event there is no expiry any more
    REFUSED = "refused"
    NOT_HELD = "not-held"  # no item exists at the provider, or it keeps none
    LAPSED = "lapsed"
    PRODUCED = "produced"
    RELEASED = "released"  # let go; also what was withdrawn before it was sent
    ERASED = "erased"  # its case was erased while it was open: nothing can be said of it any more


ENDED = frozenset({State.RELEASED, State.PRODUCED, State.LAPSED, State.REFUSED, State.NOT_HELD, State.ERASED})
"""Nothing is kept any more, or nothing ever was: only people's work is left."""

KEPT = frozenset({"pending", "preserved"})
"""Outcomes of an item that is kept, or may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One identifier and what became of it: pending, preserved, not-found, refused or released."""

    id: str
    type: str
    outcome: str = "pending"
    reference: str = ""
    held_until: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mla:
    """Where the MLA request stands. Days at the requesting State; None: not known."""

    requested_state: str = ""
    planned_on: date | None = None
    sent_on: date | None = None
    received_on: date | None = None


class Starts(NamedTuple):
    """Where the counting starts.

    Strict is the earliest day, at the provider, from which a lawyer could count: the earlier of sending and
    receipt; where the law counts from the day the request was made, or the data were preserved, that day too.
    Legal is the day the instrument counts from; the sending, until a receipt says otherwise. Of an instrument that
    counts from the day made it is the day on the order; the sending where nobody entered one.
    """

    strict_on: date
    legal_on: date
    what: str  # what happened on the legal day: "sent", "received", "preserved", "made"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A request as its history leaves it: facts only; every date is computed from them.

    `stops` is when each stop event that the instrument knows happened, in time or not, and is not over again;
    `confirmed_since_stop` that the provider said since then that it keeps the data. `expired_at` is that the
    provider says the hold is over, and has not taken it back; `lapsed_on` the strict end that was let pass.
    `announcing` is how often an announcement of the production was asked for, when last, and the day the
    production request was issued; `answering` how often an answer to a clarification was asked for, when last, the
    question it was written for, the event that asked it, and when that was asked.
    `messages` is when each message came that nobody has settled (None: settled). `waiting` is what a second
    person was asked to approve (`timeline.custody`), `erased_at` when the case was erased, `drafted_at` since when it
    is a draft that waits for somebody's go-ahead (None: it is none), `go_ahead_at` when that was given. `made_on` is
    the day on the order, as it was entered (None: nobody said). `extend_asked` is which extension a person last
    asked for before its time, and when. `channel` is what it was
    sent over, `route` the id of that way to the addressee ("": a person's own). `starts` is None before anything was
    sent. `chain` has the expiries of the first period and of every extension confirmed or to be relied upon, in
    order; it is empty where nothing was sent, or the law gives no period. `state` is the one word for how it stands.
    """

    request: str
    terms: Terms
    registered_at: datetime
    categories: tuple[str, ...]
    period_from: datetime | None
    period_to: datetime | None
    urgency: str
    confidential: bool
    items: tuple[Item, ...]
    mla: Mla
    acts: Mapping[tuple[str, int], Act] = field(default_factory=dict)
    escalations: Mapping[str, Escalated] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    received_on: date | None = None
    acknowledged_at: datetime | None = None
    in_force_at: datetime | None = None
    held_from: date | None = None
    held_until: Mapping[int, date] = field(default_factory=dict)  # by extensions granted when it was said
    items_until: date | None = None  # the first of the items' own last days
    granted: int = 0  # extensions confirmed
    missing_at: datetime | None = None  # when an item last turned out not to be kept
    stops: Mapping[str, date] = field(default_factory=dict)
    kept_until: date | None = None  # the last day that the provider named after a stop event
    confirmed_since_stop: bool = False
    clarification: tuple[int, datetime, bool] | None = None  # seq, came at, answered
    questions: tuple[str, ...] = ()  # the provider's ids of what it asked
    unanswered: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)  # by id ("": told by a person)
    answering: tuple[int, datetime, str, int, datetime] | None = None
    announcing: tuple[int, datetime, date] | None = None
    messages: Mapping[str, datetime | None] = field(default_factory=dict)
    channel: str = ""
    route: str = ""
    validated: bool = False
    polled_at: datetime | None = None
    polls_failed: int = 0  # in a row
    polls_failing_since: datetime | None = None
    release_asked_at: datetime | None = None
    extend_asked: tuple[int, datetime] | None = None
    produced_at: datetime | None = None
    released_at: datetime | None = None
    refused_at: datetime | None = None
    lapsed_at: datetime | None = None
    lapsed_on: date | None = None
    expired_at: datetime | None = None
    waiting: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)
    erased_at: datetime | None = None
    drafted_at: datetime | None = None
    go_ahead_at: datetime | None = None
    made_on: date | None = None
    starts: Starts | None = field(init=False, repr=False, compare=False)
    chain: tuple[Expiry, ...] = field(init=False, repr=False, compare=False)
    state: State = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what everything else asks: where counting starts, how far the chain reaches, the state."""
        object.__setattr__(self, "starts", self._starts())
        object.__setattr__(self, "chain", tuple(islice(self._links(), self.granted + self.extensions_left + 1)))
        object.__setattr__(self, "state", self._state())

    def act(self, action: str, sequence: int = 1) -> Act | None:
        """The act of that action and sequence, if it was ever begun."""
        return self.acts.get((action, sequence))

    @property
    def unconfirmed(self) -> Act | None:
        """The next extension, if it was sent and the provider has not confirmed it."""
        act = self.act("extend", self.granted + 1)
        return act if act is not None and act.outcome == "sent" else None

    @property
    def not_held(self) -> bool:
        """Whether every single item is known not to be kept. What the provider says is over is a loss instead."""
        gone = self.missing_at is not None and not any(each.outcome in KEPT for each in self.items)
        return gone and self.expired_at is None

    @property
    def leaving(self) -> bool:
        """Whether the hold is to end: let go, or done with."""
        return self.release_asked_at is not None or self.produced_at is not None

    @property
    def withdrawn(self) -> bool:
        """Whether it was let go before anything was sent, so that there is nobody to tell."""
        sending = self.act("send")
        return self.release_asked_at is not None and self.unsent and (sending is None or not sending.open)

    def _state(self) -> State:
        """The one word for how it stands; what ends it weighs most."""
        if self.released_at is not None or self.withdrawn:
            return State.RELEASED
        if self.produced_at is not None:
            return State.PRODUCED
        if self.lapsed:
            return State.LAPSED
        if self.refused_at is not None:
            return State.REFUSED
        if self.not_held:
            return State.NOT_HELD
        if self.erased_at is not None:
            return State.ERASED
        if self.unsent:
            sending = self.act("send")
            return State.UNKNOWN if sending is not None and sending.open else State.REGISTERED
        if self.in_force_at is not None:
            return State.IN_FORCE if self.stop is None else State.OPEN_ENDED
        return State.SENT if self.acknowledged_at is None else State.ACKNOWLEDGED

    @property
    def to_answer(self) -> str | None:
        """The open question that the last answer was written for; None where there is none."""
        if self.answering is None or self.unanswered.get(self.answering[2], (0,))[0] != self.answering[3]:
            return None
        return self.answering[2]

    @property
    def ended(self) -> bool:
        """Whether nothing is kept any more, or nothing ever was: only people's work is left."""
        return self.state in ENDED

    # Where the counting starts

    @property
    def unsent(self) -> bool:
        """Whether nothing is known to have reached the provider."""
        return self.sent_at is None and self.received_on is None

    def _starts(self) -> Starts | None:
        zone, rule = self.terms.provider.zone, self.terms.instrument.start
        sent_on = None if self.sent_at is None else day_in(self.sent_at, zone)
        received_on = self.received_on
        first = sent_on if received_on is None else received_on if sent_on is None else min(sent_on, received_on)
        if first is None:
            return None
        if rule is Start.PRESERVATION_EFFECTED and self.held_from is not None:
            return Starts(min(first, self.held_from), self.held_from, "preserved")
        strict = first
        if rule is Start.DAY_MADE:
            strict = min(first, day_in(self.registered_at, zone), self.made_on or first)
            if self.made_on is not None:
                return Starts(strict, self.made_on, "made")
        by_receipt = rule is Start.RECEIPT or (rule is Start.EARLIER_OF_SENDING_AND_RECEIPT and received_on == first)
        if received_on is not None and (by_receipt or sent_on is None):
            return Starts(strict, received_on, "received")
        return Starts(strict, sent_on or first, "sent")

    @property
    def strict_start(self) -> date | None:
        """The earliest day from which the hold could be counted; None: not sent."""
        return self.starts.strict_on if self.starts else None

    # Where it ends

    def _links(self) -> Iterator[Expiry]:
        """The end of the first period, then after one extension more each time, without an end.

        What the provider said for a link is measured against the law's own date for it, so that it can
        correct what it said for an earlier one.
        """
        starts, first = self.starts, self.terms.first
        if starts is None or first is None:
            return
        rules, holidays = self.terms.instrument, self.terms.holidays
        by_law = first_expiry(
            first,
            rules.counting,
            strict_start=starts.strict_on,
            legal_start=starts.legal_on,
            started=starts.what,
            holidays=holidays,
        )
        link, number = by_law, 0
        while True:
            if number == self.granted and self.kept_until is not None and self._opened(by_law):
                link = told_until(by_law, self.kept_until, may_prolong=True)
            elif (until := self.told_until(number)) is not None:
                link = told_until(by_law, until, may_prolong=rules.kind is PeriodKind.GUARANTEED_MIN)
            yield link
            number += 1
            period = self.terms.extension(number)
            if period is not None:
                same, by_law = link is by_law, extended(by_law, period, rules.counting, holidays)
                link = by_law if same else extended(link, period, rules.counting, holidays)

    def told_until(self, extensions: int) -> date | None:
        """The last day the provider named after so many extensions: of the whole, or of the item it drops first."""
        until = self.held_until.get(extensions)
        if extensions != self.granted or self.items_until is None:
            return until
        return self.items_until if until is None else min(until, self.items_until)

    def expiry_after(self, extensions: int) -> Expiry | None:
        """When the hold ends after so many extensions. None: not sent, or the law gives no period."""
        if extensions < len(self.chain):
            return self.chain[extensions]
        return next(islice(self._links(), extensions, None), None)

    @property
    def stop(self) -> tuple[str, date] | None:
        """The stop event that made the hold open-ended: its kind and day.

        None also where it came too late, or where the provider has named a last day since: that counts.
        """
        if not self.stops or self.kept_until is not None:
            return None
        return self._opened(self.expiry_after(self.granted))

    def _opened(self, ends: Expiry | None) -> tuple[str, date] | None:
        """The first stop event, if it came before the legal end; nobody should rely on a roll-over for a hold."""
        if not self.stops:
            return None
        kind = min(self.stops, key=lambda each: (self.stops[each], each))
        return (kind, self.stops[kind]) if ends is None or self.stops[kind] <= ends.legal_base_on else None

    @property
    def expiry(self) -> Expiry | None:
        """When the hold ends with what is confirmed now. None: not sent, no period, or open-ended."""
        return None if self.stop is not None else self.expiry_after(self.granted)

    @property
    def strict_at(self) -> datetime | None:
        """The instant at which the last strict day is over at the provider."""
        expiry = self.expiry
        return end_of(expiry.strict_on, self.terms.provider.zone) if expiry else None

    def shows_extension(self, until: date) -> bool:
        """Whether only an extension explains a last day that the provider names.

        It does where the day is later than the law's own, roll-over and all, and than what the provider named before.
        """
        ends, told = self.expiry_after(self.granted), self.told_until(self.granted)
        return ends is not None and until > max(ends.legal_on, told or ends.legal_on)

    @property
    def lapsed(self) -> bool:
        """Whether its end was let pass, and nothing has shown since that it goes on."""
        if self.lapsed_at is None:
            return False
        if self.expired_at is not None and self.lapsed_at >= self.expired_at:
            return True
        ends = self.expiry
        return ends is not None and self.lapsed_on is not None and ends.strict_on <= self.lapsed_on

    @property
    def extension_refused(self) -> bool:
        """Whether the provider refused an extension, so that none more can be hoped for."""
        return any(act.outcome == "refused" and act.action == "extend" for act in self.acts.values())

    @property
    def extensions_left(self) -> int:
        """How many more extensions may be relied upon."""
        left = len(self.terms.extensions) - self.granted
        return 0 if left <= 0 or self.extension_refused or self.kept_until is not None else left
