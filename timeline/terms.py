"""What an instrument and a provider together allow one requester: the terms of a request.

A provider's text only ever shortens what the law gives. What is at somebody's discretion is set aside: it may
be asked for, but a plan may not rely on it. What a court must permit first is not even asked for by a machine.
Nothing of this shortens what is *asked for*: that is the law's own (`by_law`). A provider's text does not shorten an
order that binds it, nor what a State is asked for, which acts on the provider under its own law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from timeline.rules import (
    Extension,
    Instrument,
    MlaProfile,
    Period,
    PeriodKind,
    ProviderHold,
    ProviderTerms,
    Unit,
    Who,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What the provider's channel can do by itself; what it cannot, a person does."""

    poll: bool = True
    extend: bool = True
    release: bool = True
    find: bool = True
    announce: bool = False
    clarify: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The terms one request runs under, frozen when it is registered.

    `first` is the length relied upon, None where the law gives no period. `extensions` are the periods
    that may be relied upon, in order; `askable` those and after them what may be asked for as a courtesy;
    `given` all that the law knows, whoever decides. `set_aside` says in words what may not be relied upon.
    `holidays` are those of the addressee's State, for roll-overs.
    """

    instrument: Instrument
    provider: ProviderTerms
    country: str
    profile: MlaProfile
    hold: ProviderHold | None
    first: Period | None
    extensions: tuple[Period, ...]
    askable: tuple[Period, ...] = ()
    given: tuple[Period, ...] = ()
    set_aside: tuple[str, ...]
    abilities: Abilities = Abilities()
    holidays: Mapping[date, str] = field(default_factory=dict)

    def extension(self, number: int) -> Period | None:
        """The length of the extension with that number, from 1, once it is confirmed.

        One confirmed beyond what the law counts is as long as its last: somebody granted it. None where the
        law knows no such thing, or sets a maximum that nobody can grant more than.
        """
        for periods in (self.askable, self.given):
            if number <= len(periods):
                return periods[number - 1]
        if self.instrument.kind is PeriodKind.STATUTORY_MAX or not self.given:
            return None
        return self.given[-1]


# For comparing periods of different units only; never for a date.
_ABOUT_DAYS = {Unit.HOURS: 1 / 24, Unit.DAYS: 1, Unit.WORKING_DAYS: 1.4, Unit.MONTHS: 30.5, Unit.YEARS: 365.25}
_MANY = 24
"""How many extensions to plan with where the text sets no number."""


def _about(period: Period) -> float:
    return period.count * _ABOUT_DAYS[period.unit]


def _spans(period: Period) -> tuple[int, int]:
    """The least and the most calendar days that a period can come to, whatever day it begins on."""
    n = period.count
    match period.unit:
        case Unit.HOURS:
            return n // 24, -(-n // 24)
        case Unit.WORKING_DAYS:
            return n + (n - 1) // 5 * 2, 2 * n + 14
        case Unit.MONTHS:
            return 365 * n // 12 - 2, 366 * n // 12 + 2
        case Unit.YEARS:
            return 365 * n, 366 * n
        case _:
            return n, n


def _shorter(law: Period, provider_days: int | None) -> Period:
    """The shorter of the two. Where that depends on the calendar, what is shorter than either on any day."""
    least, most = _spans(law)
    if provider_days is None or provider_days >= most:
        return law
    return Period(count=min(provider_days, least))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Some:
    """What becomes of one extension of the law: the periods, how far they are good, and why not further."""

    given: tuple[Period, ...]
    askable: tuple[Period, ...]
    reliable: bool
    why_not: str = ""


def _extension(law: Extension, hold: ProviderHold | None) -> _Some:
    given = (law.period,) * (_MANY if law.count is None else law.count)
    each = f"extension of {law.period} ({law.source.provision})"
    if law.decided_by is Who.COURT:
        return _Some(given=given, askable=(), reliable=False, why_not=f"{each}: decided by court, so not relied upon")
    periods = given
    if hold is not None:
        count = len(given) if hold.extension_count is None else min(hold.extension_count, len(given))
        periods = (_shorter(law.period, hold.extension_days),) * count
    if not law.reliable:
        why = f"{each}: decided by {law.decided_by}, so not relied upon"
    elif hold is not None and hold.extension_discretionary:
        why = f"{each}: at the provider's discretion ({hold.source.provision}), so not relied upon"
    else:
        return _Some(given=given, askable=periods, reliable=True)
    return _Some(given=given, askable=periods, reliable=False, why_not=why)


def _in_order(some: Sequence[_Some]) -> tuple[tuple[Period, ...], int]:
    """What may be asked for, the reliable extensions first, and how many of them are reliable."""
    reliable = tuple(period for each in some if each.reliable for period in each.askable)
    courtesies = tuple(period for each in some if not each.reliable for period in each.askable)
    return reliable + courtesies, len(reliable)


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

    Extensions stop where the instrument's cap is reached; shorter ones never make room for more of them than the law
    gives. The provider's first fitting ``[[hold]]`` counts. For a binding instrument only what it says of telling its
    user; where a State is asked, neither that nor how early the provider wants to hear, or answers.
    """
    if instrument.addressee == "state":
        provider = replace(provider, holds=(), extension_lead_days=0, acknowledged_within=None)
    hold = next((each for each in provider.holds if each.applies_to(country)), None)
    if hold is not None and instrument.binding:
        hold = _notice_alone(hold)
    aside: list[str] = []
    first = instrument.first
    if first is not None and hold is not None:
        first = _shorter(first, hold.days)
        if hold.discretionary:
            aside.append(
                f"the hold itself is a courtesy of the provider to a requester of {country} ({hold.source.provision})"
            )
    some = [_extension(law, hold) for law in instrument.extensions]
    aside.extend(each.why_not for each in some if each.why_not)
    periods, reliable = _in_order(some)
    by_law, _ = _in_order([_extension(law, None) for law in instrument.extensions])
    most = len(_within_cap(instrument.first, by_law, instrument.cap))
    askable = _within_cap(first, periods, instrument.cap)[:most]
    return Terms(
        instrument=instrument,
        provider=provider,
        country=country,
        profile=profile,
        hold=hold,
        first=first,
        extensions=askable[:reliable],
        askable=askable,
        given=_within_cap(instrument.first, tuple(period for each in some for period in each.given), instrument.cap),
        set_aside=tuple(aside),
        abilities=abilities,
        holidays=holidays or {},
    )


def _notice_alone(hold: ProviderHold) -> ProviderHold | None:
    """What is left of a provider's text where the order binds it; None: nothing."""
    if hold.confidential_days is None:
        return None
    return replace(
        hold,
        days=None,
        discretionary=False,
        extension_count=None,
        extension_days=None,
        extension_discretionary=False,
        proof_of_mla_by_day=None,
    )


def by_law(terms: Terms) -> Terms:
    """The same terms without the provider's own text of a hold: what may be asked for, though not relied upon."""
    return terms_for(
        terms.instrument,
        replace(terms.provider, holds=()),
        country=terms.country,
        profile=terms.profile,
        abilities=terms.abilities,
        holidays=terms.holidays,
    )


def _within_cap(first: Period | None, extensions: tuple[Period, ...], cap: Period | None) -> tuple[Period, ...]:
    """The extensions that fit; nothing after the first that does not."""
    if first is None or cap is None:
        return extensions
    left = _about(cap) - _about(first)
    kept: list[Period] = []
    for period in extensions:
        left -= _about(period)
        if left < 0:
            break
        kept.append(period)
    return tuple(kept)
