"""A small world for the timeline's tests: instruments, a provider, a policy, and histories told like stories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import settings

from timeline.decide import Decision, Do, decide, duties
from timeline.events import Event, check
from timeline.rules import (
    Confidence,
    Counting,
    Extension,
    Instrument,
    MlaProfile,
    Period,
    PeriodKind,
    Policy,
    ProviderHold,
    ProviderTerms,
    Retention,
    Rung,
    ShortClock,
    Source,
    Start,
    StopEvent,
    Unit,
    Who,
)
from timeline.state import Hold, fold
from timeline.terms import Abilities, Terms, terms_for

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=100)
"""How property tests run here: the same examples every time."""

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOURCE = Source(text="a test", read_on=date(2026, 11, 21), confidence=Confidence.HIGH, verified=True)
UNODC = MlaProfile(id="unodc", p50_days=150, p90_days=324, source=SOURCE)
MACHINE = Abilities()
PERSON = Abilities(poll=False, extend=False, release=False, find=False)
MORNING = datetime(2026, 11, 21, 9, tzinfo=UTC)

POLICY = Policy(
    send_lead=DAY,
    extend_fraction=Fraction(2, 3),
    extend_margin=5 * DAY,
    file_mla_lead=21 * DAY,
    announce_lead=5 * DAY,
    clarify_lead=2 * DAY,
    acknowledge_within=Period(count=2, unit=Unit.WORKING_DAYS),
    chase_every=DAY,
    chases=3,
    poll_every=DAY,
    review_every=30 * DAY,
    backoff_first=5 * MINUTE,
    backoff_longest=6 * HOUR,
    sweep_interval=15 * MINUTE,
    imminent_sweeps=96,
    ladder=(
        Rung(level=1, who="Duty officer", acknowledge_within=12 * HOUR),
        Rung(level=2, who="Head of unit", acknowledge_within=6 * HOUR),
        Rung(level=3, who="Central authority", acknowledge_within=2 * HOUR),
    ),
)
"""The shipped policy."""
TOP = 3


def instrument(id: str, **changes: Any) -> Instrument:  # noqa: A002 - the word of the domain
    """An instrument of 90 days, counted as nobody says, without an extension."""
    plain = {
        "title": id,
        "legal_basis": id,
        "jurisdiction": "",
        "addressee": "provider",
        "kind": PeriodKind.FIXED,
        "first": Period(count=90),
        "first_source": SOURCE,
        "start": Start.EARLIER_OF_SENDING_AND_RECEIPT,
        "start_source": SOURCE,
        "counting": Counting.EXCLUDE_FIRST,
        "counting_source": SOURCE,
    }
    return Instrument(id=id, **(plain | changes))


def extension(days: int, count: int | None = 1, by: Who = Who.ISSUER, *, before_expiry: bool = False) -> Extension:
    """An extension of so many days."""
    return Extension(
        count=count, period=Period(count=days), decided_by=by, before_expiry=before_expiry, source=SOURCE
    )


US = instrument("us.18usc2703f", extensions=(extension(90),), cap=Period(count=180))
EU = instrument(
    "eu.epocpr",
    kind=PeriodKind.STATUTORY_MAX,
    first=Period(count=60),
    start=Start.RECEIPT,
    counting=Counting.REG_1182_71,
    extensions=(extension(30, before_expiry=True),),
    cap=Period(count=90),
    stop_events=(
        StopEvent(
            kind="production-announced",
            what="confirmation (Annex V) that a request for production has been issued",
            step="announce-production",
            source=SOURCE,
        ),
    ),
    short_clocks=(
        ShortClock(
            kind="clarification",
            period=Period(count=5),
            starts_on="clarification",
            met_by="clarification-answered",
            consequence="the provider is exempt from preserving",
            source=SOURCE,
        ),
        ShortClock(
            kind="validation",
            period=Period(count=48, unit=Unit.HOURS),
            starts_on="issued",
            met_by="validated",
            only_if="emergency",
            consequence="the order is withdrawn at once",
            source=SOURCE,
        ),
    ),
    release_duty=True,
    repeat="unstated",
)
BUDAPEST = instrument(
    "coe.budapest.29",
    addressee="state",
    kind=PeriodKind.GUARANTEED_MIN,
    first=Period(count=60),
    start=Start.PRESERVATION_EFFECTED,
    extensions=(extension(60, None, Who.REQUESTED_STATE),),
    stop_events=(StopEvent(kind="mla-received", what="MLA request received", step="file-mla", source=SOURCE),),
)
KR = instrument(
    "kr.cpa215-2",
    kind=PeriodKind.STATUTORY_MAX,
    first=Period(count=60),
    extensions=(extension(30, by=Who.COURT, before_expiry=True),),
    cap=Period(count=90),
    repeat="forbidden",
)
BR = instrument(
    "br.mci.13",
    kind=PeriodKind.FILING_DEADLINE,
    first=Period(count=60),
    start=Start.DAY_MADE,
    stop_events=(StopEvent(kind="petition-filed", what="court asked", step="file-petition", source=SOURCE),),
)
NO_PERIOD = instrument("in", first=None, kind=PeriodKind.STATUTORY_MAX, sendable=False)

LOGS = Retention(category="traffic", what="logs", period=Period(count=30), source=SOURCE)


def provider(**changes: Any) -> ProviderTerms:
    """A provider in UTC that promises nothing of its own."""
    return ProviderTerms(**({"id": "alpha", "name": "Alpha", "zone": "UTC", "state": "US"} | changes))


def practice(**changes: Any) -> ProviderHold:
    """What a provider's text says of a hold; silent where nothing is given."""
    silent = {
        "requester": "any",
        "days": None,
        "discretionary": False,
        "extension_count": None,
        "extension_days": None,
        "extension_discretionary": False,
        "proof_of_mla_by_day": None,
        "confidential_days": None,
        "source": SOURCE,
    }
    return ProviderHold(**(silent | changes))


def terms(
    law: Instrument = US,
    *,
    abilities: Abilities = MACHINE,
    country: str = "US",
    holidays: Any = None,
    **of_provider: Any,
) -> Terms:
    """The terms of a request under that law to a provider with these particulars."""
    return terms_for(
        law, provider(**of_provider), country=country, profile=UNODC, abilities=abilities, holidays=holidays
    )


class Story:
    """A request's history, event by event. `now` is when the next one happens."""

    def __init__(
        self,
        law: Terms | Instrument = US,
        *,
        at: datetime = MORNING,
        items: int = 1,
        mla: dict[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.terms = law if isinstance(law, Terms) else terms(law)
        self.now = at
        self.events: list[Event] = []
        names = [{"item": f"i{number + 1}", "type": "email"} for number in range(items)]
        body = {
            "case": "CY-2026-0412",
            "provider": self.terms.provider.id,
            "instrument": self.terms.instrument.id,
            "country": self.terms.country,
            "terms": "",
            "sealed": "",
            "items": names,
            "categories": ["subscriber", "traffic", "content"],
            "from": "2026-09-01T00:00:00Z",
            "to": "2026-11-20T00:00:00Z",
            "urgency": "expedited",
            "confidential": True,
            "mla": mla or {},
        }
        self.add("registered", **(body | facts))

    def add(self, kind: str, at: datetime | None = None, **body: Any) -> Story:
        """One more event; a body that the ledger would not take is a mistake of the test."""
        check(kind, body)
        at = at or self.now
        self.events.append(Event(seq=len(self.events) + 1, kind=kind, at=at, recorded_at=self.now, body=body))
        return self

    def later(self, **duration: float) -> Story:
        """Time goes on."""
        self.now += timedelta(**duration)
        return self

    def on(self, day: str, hour: int = 9) -> Story:
        """The story goes on that day."""
        self.now = datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)
        return self

    def intent(self, action: str = "send", sequence: int = 1, attempt: int = 1) -> Story:
        """It was about to be said to the provider."""
        return self.add(
            "intent", action=action, sequence=sequence, attempt=attempt, key="k", channel="api", because="due"
        )

    def tried(self, outcome: str, action: str = "send", sequence: int = 1, **body: Any) -> Story:
        """It was said, and this became of it."""
        needs = {"sent": {"channel": "api"}, "refused": {"ground": "other"}, "absent": {}}
        filled = needs.get(outcome, {"reason": "a test"}) | {"action": action, "sequence": sequence}
        return self.intent(action, sequence).add(outcome, **(filled | body))

    def sent(self) -> Story:
        """The first sending left."""
        return self.tried("sent")

    def held(self, **body: Any) -> Story:
        """It was sent, received and is in force, all at once."""
        return self.sent().add("acknowledged", references=["R-1"]).add("preserved", **body)

    def extended(self, number: int = 1, **body: Any) -> Story:
        """An extension was sent and confirmed."""
        return self.tried("sent", "extend", number).add("extended", sequence=number, **body)

    def told(self, about: str, level: int = 1, *, delivered: bool = True) -> Story:
        """Somebody was told."""
        return self.add("escalated", about=about, level=level, who="x", because="x", delivered=delivered)

    def taken_up(self, about: str = "all") -> Story:
        """Somebody acknowledged."""
        return self.add("escalation-acknowledged", about=about)

    @property
    def hold(self) -> Hold:
        """What the history leaves."""
        return fold("HF-TEST", self.terms, self.events)

    def decide(self, now: datetime | None = None, policy: Policy = POLICY) -> Decision:
        """What is next, now or then."""
        return decide(self.hold, policy, now or self.now)

    def duty(self, action: Do, about: str = "", policy: Policy = POLICY) -> Decision:
        """The most urgent duty of that kind; the test fails if there is none."""
        found = self.duties(action, about, policy)
        assert found, f"no {action} {about} among {[(str(d.action), d.about) for d in duties(self.hold, policy)]}"
        return found[0]

    def duties(self, action: Do, about: str = "", policy: Policy = POLICY) -> list[Decision]:
        """All duties of that kind, most urgent rung first."""
        return [each for each in duties(self.hold, policy) if each.action is action and about in ("", each.about)]

    def abouts(self, now: datetime | None = None) -> list[str]:
        """What a person has to be told now, in the order of the ladder."""
        at = now or self.now
        due = [each for each in duties(self.hold, POLICY) if each.action is Do.ESCALATE and each.due(at)]
        return [each.about for each in sorted(due, key=lambda each: (each.rung, -each.level, each.due_at or at))]


def falls_due(duty: Decision, at: datetime) -> bool:
    """Whether a duty falls due at exactly that instant: not a second before, and still a second after."""
    return (duty.due(at - SECOND), duty.due(at), duty.due(at + SECOND)) == (False, True, True)


def utc(text: str) -> datetime:
    """``2027-02-18 09:00`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def policy(**changes: Any) -> Policy:
    """The shipped policy with something changed."""
    return replace(POLICY, **changes)
