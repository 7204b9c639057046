"""The rules, as values: what an instrument of law gives, what a provider promises, what the unit decided.

How they combine, in one page:

* An **instrument** gives a first period, perhaps extensions, perhaps a cap, and **stop events** that make
  the hold open-ended (an MLA request received, a production order announced).
* A **provider's terms** only ever *shorten* what the instrument gives (`terms_for`): fewer days, fewer
  extensions, more lead time. What a provider grants at its discretion is never relied upon. They shorten neither an
  instrument that **binds** every provider it can be addressed to, nor what another State is asked for.
* The unit's **policy** says how early to act and whom to tell; it never moves a legal date.

Every figure carries a `Source`: where it stands, when it was read, how sure we are. Periods are whole
numbers of a unit; a day is a calendar day, a year a calendar year, an hour an hour on the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction


class Confidence(StrEnum):
    """How sure the compiler of a figure was: from the text itself, from an indirect source, or a guess."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Unit(StrEnum):
    """Unit of a period."""

    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working-days"
    MONTHS = "months"
    YEARS = "years"


class PeriodKind(StrEnum):
    """What the first period of an instrument means, and so what its end means."""

    STATUTORY_MAX = "statutory_max"  # the duty ends at the latest then (EU art. 11(1), Budapest art. 16)
    GUARANTEED_MIN = "guaranteed_min"  # kept at least that long (Budapest art. 29(7))
    FIXED = "fixed"  # exactly that long (18 USC 2703(f))
    REVOCATION_TRIGGER = "revocation_trigger"  # must be revoked then, unless the stop event came (AU foreign)
    FILING_DEADLINE = "filing_deadline"  # loses effect then, unless a court was asked (BR art. 13(3))


class Counting(StrEnum):
    """How the legal last day is counted."""

    EXCLUDE_FIRST = "exclude-first"  # the start day is not counted, no roll-over: where no rule was found
    INCLUDE_FIRST = "include-first"  # "beginning with the date": the start day is day 1
    REG_1182_71 = "reg-1182-71"  # the day of receipt is not counted; a last day off work rolls (art. 3)


class Start(StrEnum):
    """What starts the legal period. The strict reading always takes the earlier of sending and receipt."""

    RECEIPT = "receipt"
    EARLIER_OF_SENDING_AND_RECEIPT = "earlier-of-sending-and-receipt"
    PRESERVATION_EFFECTED = "preservation-effected"
    DAY_MADE = "day-made"
    NATIONAL_LAW = "national-law"


class Who(StrEnum):
    """Who decides on an extension."""

    ISSUER = "issuer"  # the requesting side, by sending it
    COURT = "court"  # a court must permit it first: not to be relied upon
    PROVIDER = "provider"  # the provider's courtesy: not to be relied upon
    REQUESTED_STATE = "requested-state"  # practice, not text: not to be relied upon


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a figure stands. `verified` is false for what was not read in the text itself."""

    text: str
    read_on: date
    confidence: Confidence
    verified: bool

    @property
    def provision(self) -> str:
        """What it is, without where the copy was read: for a sentence that a tired person reads."""
        return re.split(r"[;,] read (?:in|at) ", self.text, maxsplit=1)[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A whole number of one unit, at least 1."""

    count: int
    unit: Unit = Unit.DAYS

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"a period lasts at least 1 {self.unit}, got {self.count}")

    def __str__(self) -> str:
        word = str(self.unit).replace("-", " ")
        return f"{self.count} {word[:-1] if self.count == 1 else word}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """What may be added to a hold, and how.

    `count` is how many times (None: the text sets no number). `before_expiry` means that it must be
    decided while the base period still runs (EU art. 11(1)); otherwise a late one is worth sending.
    """

    count: int | None
    period: Period
    decided_by: Who
    before_expiry: bool
    source: Source
    form: str = ""

    @property
    def reliable(self) -> bool:
        """Whether a plan may count on it: only what the requesting side decides by sending it."""
        return self.decided_by is Who.ISSUER


@dataclass(frozen=True, kw_only=True, slots=True)
class StopEvent:
    """What makes the hold open-ended. `kind` is the event kind recorded in the ledger."""

    kind: str
    what: str
    step: str  # the person's step that brings it about: "announce-production", "file-mla", …
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortClock:
    """A short duty of the requesting side that an event starts and another event meets."""

    kind: str  # the clock's kind: "clarification", "validation"
    period: Period
    starts_on: str  # event kind, or "issued": when the order was entered here, let go, or sent
    met_by: str  # event kind
    only_if: str = ""  # "emergency": only for requests of that urgency
    consequence: str
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """A legal basis with its terms. `first` is None where the law gives no preservation period at all."""

    id: str
    title: str
    legal_basis: str
    jurisdiction: str
    addressee: str  # "provider" or "state"
    kind: PeriodKind
    first: Period | None
    first_source: Source
    start: Start
    start_source: Source
    counting: Counting
    counting_source: Source
    extensions: tuple[Extension, ...] = ()
    cap: Period | None = None
    cap_source: Source | None = None
    binding: bool = False  # true: every provider it can be addressed to must obey it, whatever its own text says
    binding_source: Source | None = None
    repeat: str = "new-request"  # "new-request", "new-order", "forbidden", "unstated"
    repeat_source: Source | None = None
    escalate: str = ""  # id of the instrument under which a court orders the same data to be kept on; "": none
    stop_events: tuple[StopEvent, ...] = ()
    short_clocks: tuple[ShortClock, ...] = ()
    release_duty: bool = False
    release_source: Source | None = None
    categories: tuple[str, ...] = ("subscriber", "traffic", "content")
    existing_data_only: bool = True
    scope_source: Source | None = None
    issuers: tuple[str, ...] = ()
    issuer_countries: tuple[str, ...] = ()  # ISO 3166-1 alpha-2; empty: any
    issuer_source: Source | None = None
    mandatory: tuple[str, ...] = ()  # case-file fields that must be filled: "case.offence.facts", …
    mandatory_unless_emergency: tuple[str, ...] = ()  # may come later in an emergency (EU art. 4(5): validation)
    mandatory_source: Source | None = None
    confidentiality: str = "asked"  # "asked", "duty"
    confidentiality_source: Source | None = None
    in_force: bool = True
    in_force_from: date | None = None
    in_force_source: Source | None = None
    sendable: bool = True  # false: no order power, no preservation, or only another body issues it; for planning
    notes: tuple[str, ...] = ()

    def can_be_sent(self, on: date) -> bool:
        """Whether a request under it may leave on that day."""
        return self.sendable and self.in_force and (self.in_force_from is None or on >= self.in_force_from)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long a provider keeps a kind of data by itself. `category` is subscriber, traffic or content."""

    category: str
    what: str
    period: Period | None  # None: lost at once
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderHold:
    """What a provider's own text says of a hold, for one group of requesters.

    `requester` is "any", a country code, or "not-" and a country code. `days` None: the text is silent.
    `extension_count`/`extension_days` None: silent, so the law alone speaks; 0 extensions: refused.
    """

    requester: str
    days: int | None
    discretionary: bool
    extension_count: int | None
    extension_days: int | None
    extension_discretionary: bool
    proof_of_mla_by_day: int | None
    confidential_days: int | None
    source: Source

    def applies_to(self, country: str) -> bool:
        """Whether it speaks of a requester of that country (ISO 3166-1 alpha-2)."""
        if self.requester == "any":
            return True
        if self.requester.startswith("not-"):
            return country != self.requester.removeprefix("not-")
        return country == self.requester


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderTerms:
    """A provider's practice as far as the clocks need it. `zone` is an IANA name; days are counted there."""

    id: str
    name: str
    zone: str
    state: str  # ISO 3166-1 of the addressee, for public holidays; "" if none
    holds: tuple[ProviderHold, ...] = ()
    extension_lead_days: int = 0
    acknowledged_within: Period | None = None
    retention: tuple[Retention, ...] = ()
    notifies_on_preservation: bool | None = None  # None: unknown, so a person decides
    notice_source: Source | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MlaProfile:
    """How long an MLA answer takes: within `p50_days` half of them, within `p90_days` nine in ten."""

    id: str
    p50_days: int
    p90_days: int
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One level of the escalation ladder: who is told, and how long they have to acknowledge."""

    level: int
    who: str
    acknowledge_within: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class FourEyes:
    """What waits for a second person: the sending of an emergency, releases, erasures.

    `approve_within`: how long an approval may take before people are told, level by level.
    """

    emergency: bool = False
    release: bool = False
    erase: bool = False
    approve_within: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What the unit decided: how early to act, how often to look, whom to tell. Durations are timedeltas."""

    send_lead: timedelta
    extend_fraction: Fraction  # of the hold's length, counted from its start
    extend_margin: timedelta  # before the provider's lead
    file_mla_lead: timedelta  # until the requested State has the request
    announce_lead: timedelta
    clarify_lead: timedelta
    acknowledge_within: Period  # where the provider's text is silent
    chase_every: timedelta
    chases: int  # unanswered chases before a person is told
    poll_every: timedelta
    review_every: timedelta  # an open-ended hold: is it still needed?
    backoff_first: timedelta
    backoff_longest: timedelta
    sweep_interval: timedelta
    imminent_sweeps: int
    ladder: tuple[Rung, ...] = field(default=())
    four_eyes: FourEyes = field(default_factory=FourEyes)

    @property
    def imminent(self) -> timedelta:
        """The time before a strict expiry in which everything else is overridden."""
        return self.sweep_interval * self.imminent_sweeps
