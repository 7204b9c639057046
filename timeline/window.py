"""When the next extension may be sent: too early, in time, late but worth sending, impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from timeline.days import DAY, Expiry, end_of, start_of, whole_days
from timeline.hold import Hold
from timeline.rules import Period, Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When the next extension may be sent.

    Before `opens_at` too early; best at `best_at`; safe until the end of `safe_on`; after that late, but
    worth sending until `closes_at`, when it becomes impossible (if not `impossible_after_close`, a late one
    is still worth sending). `relied`: the plan counts on it; else it is a courtesy that may be asked for.
    """

    number: int
    period: Period
    relied: bool
    opens_at: datetime
    best_at: datetime
    safe_on: date
    ends: Expiry
    closes_at: datetime
    impossible_after_close: bool

    def standing(self, now: datetime, zone: str) -> str:
        """How a sending at `now` stands: "too early", "in time", "late but send" or "impossible"."""
        if now < self.opens_at:
            return "too early"
        if now < end_of(self.safe_on, zone):
            return "in time"
        if now < self.closes_at or not self.impossible_after_close:
            return "late but send"
        return "impossible"


def extension_window(hold: Hold, policy: Policy) -> Window | None:
    """The window of the next extension that may be asked for; None where there is none.

    Best is 2/3 (`policy.extend_fraction`) of the running period, or the provider's lead plus the unit's
    margin before its strict end, whichever is earlier. It closes with the legal day before any roll-over:
    nobody should rely on a roll-over for a hold.
    """
    return None if hold.stop is not None else window_of(hold, policy, hold.chain)


def window_of(hold: Hold, policy: Policy, chain: Sequence[Expiry]) -> Window | None:
    """`extension_window` of a hold without a stop event whose chain is known."""
    terms, granted = hold.terms, hold.granted
    if granted >= len(terms.askable) or not chain or hold.extension_refused:
        return None
    ends, zone = chain[granted], terms.provider.zone
    from_on, length = running_from(hold, chain)
    safe_on = ends.strict_on - timedelta(days=terms.provider.extension_lead_days)
    best_on = min(from_on + part_of(length, policy), safe_on - whole_days(policy.extend_margin))
    return Window(
        number=granted + 1,
        period=terms.askable[granted],
        relied=granted < len(terms.extensions),
        opens_at=start_of(from_on, zone),
        best_at=start_of(max(from_on, best_on), zone),
        safe_on=safe_on,
        ends=ends,
        closes_at=end_of(ends.legal_base_on, zone),
        impossible_after_close=any(each.before_expiry for each in terms.instrument.extensions),
    )


def part_of(length: int, policy: Policy) -> timedelta:
    """The days of a period after which it is time to see to its end (`policy.extend_fraction`)."""
    part = policy.extend_fraction
    return timedelta(days=length * part.numerator // part.denominator)


def running_from(hold: Hold, chain: Sequence[Expiry]) -> tuple[date, int]:
    """The first day of the period that runs now, and how many days it has, strictly counted."""
    start, ends = hold.strict_start, chain[hold.granted].strict_on
    from_on = chain[hold.granted - 1].strict_on + DAY if hold.granted else start
    assert from_on is not None  # noqa: S101 - what has a chain has a start
    return from_on, (ends - from_on).days + 1
