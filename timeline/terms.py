"""What an instrument and a provider together allow one requester: the terms of a request.

A provider's text only ever shortens what the law gives, and what is at somebody's discretion is set aside:
a plan may not rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from timeline.rules import Extension, Instrument, MlaProfile, Period, ProviderHold, ProviderTerms, Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What the provider's channel can do by itself; what it cannot, a person does."""

    poll: bool = True
    extend: bool = True
    release: bool = True
    find: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The terms one request runs under, frozen when it is registered.

    `first` is the length relied upon, None where the law gives no period. `extensions` are the periods
    that may be relied upon, in order; `set_aside` says in words what may not. `holidays` are those of the
    addressee's State, for roll-overs.
    """

    instrument: Instrument
    provider: ProviderTerms
    country: str
    profile: MlaProfile
    hold: ProviderHold | None
    first: Period | None
    extensions: tuple[Period, ...]
    set_aside: tuple[str, ...]
    abilities: Abilities = Abilities()
    holidays: Mapping[date, str] = field(default_factory=dict)


# For comparing periods of different units only; never for a date.
_ABOUT_DAYS = {Unit.HOURS: 1 / 24, Unit.DAYS: 1, Unit.WORKING_DAYS: 1.4, Unit.MONTHS: 30.5, Unit.YEARS: 365.25}
_MANY = 24
"""How many extensions to plan with where the text sets no number."""


def _shorter(law: Period, provider_days: int | None) -> Period:
    if provider_days is None or provider_days >= law.count * _ABOUT_DAYS[law.unit]:
        return law
    return Period(count=provider_days)


def _extensions(law: Extension, hold: ProviderHold | None) -> tuple[tuple[Period, ...], tuple[str, ...]]:
    count = _MANY if law.count is None else law.count
    each = f"{law.period} ({law.source.text})"
    if not law.reliable:
        return (), (f"extension of {each}: decided by {law.decided_by}, so not relied upon",)
    if hold is None:
        return (law.period,) * count, ()
    if hold.extension_discretionary:
        return (), (f"extension of {each}: at the provider's discretion ({hold.source.text}), so not relied upon",)
    if hold.extension_count is not None and hold.extension_count < count:
        count = hold.extension_count
    return (_shorter(law.period, hold.extension_days),) * count, ()


def terms_for(
    instrument: Instrument,
    provider: ProviderTerms,
    *,
    country: str,
    profile: MlaProfile,
    abilities: Abilities = Abilities(),
    holidays: Mapping[date, str] | None = None,
) -> Terms:
    """Combine law and practice for a requester of `country` (ISO 3166-1 alpha-2).

    Extensions stop where the instrument's cap is reached. The provider's first fitting ``[[hold]]`` counts.
    """
    hold = next((each for each in provider.holds if each.applies_to(country)), None)
    aside: list[str] = []
    first = instrument.first
    if first is not None and hold is not None:
        first = _shorter(first, hold.days)
        if hold.discretionary:
            aside.append(
                f"the hold itself is a courtesy of the provider to a requester of {country} ({hold.source.text})"
            )
    periods: list[Period] = []
    for law in instrument.extensions:
        some, why_not = _extensions(law, hold)
        periods.extend(some)
        aside.extend(why_not)
    return Terms(
        instrument=instrument,
        provider=provider,
        country=country,
        profile=profile,
        hold=hold,
        first=first,
        extensions=_within_cap(first, tuple(periods), instrument.cap),
        set_aside=tuple(aside),
        abilities=abilities,
        holidays=holidays or {},
    )


def _within_cap(first: Period | None, extensions: tuple[Period, ...], cap: Period | None) -> tuple[Period, ...]:
    if first is None or cap is None:
        return extensions
    left = cap.count * _ABOUT_DAYS[cap.unit] - first.count * _ABOUT_DAYS[first.unit]
    kept: list[Period] = []
    for period in extensions:
        left -= period.count * _ABOUT_DAYS[period.unit]
        if left < 0:
            break
        kept.append(period)
    return tuple(kept)
