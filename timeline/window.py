"""When the next extension may be sent: too early, in time, late but worth sending, impossible."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from timeline.days import DAY, Expiry, end_of, start_of, whole_days
from timeline.hold import Hold
from timeline.rules import Period, Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When the next extension may be sent. Days are counted in `zone`.

    Before `opens_on` too early; best on `best_on`; safe until the end of `safe_on`; after that late, but worth
    sending until `closes_at`, when it becomes impossible (if not `impossible_after_close`, a late one is still
    worth sending). `relied`: the plan counts on it; else it is a courtesy that may be asked for.
    """

    number: int
    period: Period
    relied: bool
    opens_on: date
    best_on: date
    safe_on: date
    ends: Expiry
    zone: str
    impossible_after_close: bool

    @property
    def best_at(self) -> datetime:
        """When it is to be sent."""
        return start_of(self.best_on, self.zone)

    @property
    def safe_at(self) -> datetime:
        """When it is not safe any more: the provider wants it earlier than that."""
        return end_of(self.safe_on, self.zone)

    @property
    def closes_at(self) -> datetime:
        """The end of the legal day before any roll-over: nobody should rely on a roll-over for a hold."""
        return end_of(self.ends.legal_base_on, self.zone)

    def standing(self, now: datetime) -> str:
        """How a sending at `now` stands: "too early", "in time", "late but send" or "impossible"."""
        if now < start_of(self.opens_on, self.zone):
            return "too early"
        if now < self.safe_at:
            return "in time"
        if now < self.closes_at or not self.impossible_after_close:
            return "late but send"
        return "impossible"


def extension_window(hold: Hold, policy: Policy) -> Window | None:
    """The window of the next extension that may be asked for; None where there is none.

    Best is 2/3 (`policy.extend_fraction`) of the running period, or the provider's lead plus the unit's
    margin before its strict end, whichever is earlier.
    """
    terms, granted, chain = hold.terms, hold.granted, hold.chain
    if granted >= len(terms.askable) or not chain or hold.extension_refused:
        return None
    if hold.stop is not None or hold.kept_until is not None:  # the law keeps it on: there is nothing to extend
        return None
    ends = chain[granted]
    from_on, length = running_from(hold)
    safe_on = ends.strict_on - DAY * terms.provider.extension_lead_days
    return Window(
        number=granted + 1,
        period=terms.askable[granted],
        relied=granted < len(terms.extensions),
        opens_on=from_on,
        best_on=max(from_on, min(from_on + part_of(length, policy), safe_on - whole_days(policy.extend_margin))),
        safe_on=safe_on,
        ends=ends,
        zone=terms.provider.zone,
        impossible_after_close=any(each.before_expiry for each in terms.instrument.extensions),
    )


def part_of(length: int, policy: Policy) -> timedelta:
    """The days of a period after which it is time to see to its end (`policy.extend_fraction`)."""
    part = policy.extend_fraction
    return DAY * (length * part.numerator // part.denominator)


def running_from(hold: Hold) -> tuple[date, int]:
    """The first day of the period that runs now, and how many days it has, strictly counted. Only of a sent hold."""
    from_on = hold.chain[hold.granted - 1].strict_on + DAY if hold.granted else hold.strict_start
    assert from_on is not None  # noqa: S101 - what has a chain has a start
    return from_on, (hold.chain[hold.granted].strict_on - from_on).days + 1
