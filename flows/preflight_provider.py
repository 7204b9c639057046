"""The preflight against the provider: whom to address, over what, in which language, and what it wants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from flows.casefile import Case, RequestDraft
from flows.catalogue import Catalogue, Channel, ProviderEntry
from flows.findings import Finding, finding
from flows.preflight_law import missing
from flows.problems import Severity
from timeline.days import day_in
from timeline.loss import lasting
from timeline.rules import Instrument

FREE_MAIL = frozenset(
    (
        *("aol.com", "free.fr", "gmail.com", "gmx.com", "gmx.de", "gmx.net", "hotmail.com", "icloud.com", "live.com"),
        *("mail.com", "mail.ru", "me.com", "msn.com", "orange.fr", "outlook.com", "proton.me", "protonmail.com"),
        *("qq.com", "t-online.de", "web.de", "yahoo.com", "yandex.com", "yandex.ru", "163.com"),
    )
)
"""Hosts where anybody gets an address: a request from there is not taken for an authority's."""


def against_provider(case: Case, draft: RequestDraft, catalogue: Catalogue, at: datetime) -> Iterator[Finding]:
    """All findings on one request at its provider, its identifiers apart.

    Where the instrument goes to a State, that State speaks to the provider: only what holds all the same is told.
    """
    entry, law = catalogue.providers[draft.provider], catalogue.instruments[draft.instrument]
    yield from _kept(draft, entry)
    if law.addressee != "state":
        yield from _programme(draft, entry, law)
        yield from _entity(draft, entry, law.jurisdiction)
        yield from missing(case, draft, entry.required, entry.terms.name, entry.required_source)
        yield from _period(draft, entry)
        yield from _language(draft, entry, catalogue.languages)
        yield from _document(draft, entry)
        yield from _reachable(draft, entry, catalogue, at)
    yield from _sender(case, draft, entry)
    yield from _notice(draft, entry)


def _programme(draft: RequestDraft, entry: ProviderEntry, law: Instrument) -> Iterator[Finding]:
    if entry.offered is False and law.binding:
        what = f"{entry.terms.name} says of itself that it keeps nothing on request; this order binds it"
        fix = "be ready for its objection (EU: Annex III)"
        yield finding("no-programme", draft.place("provider"), what, fix, "warning")
    elif entry.offered is False:
        fix = "file the MLA request at once, or ask the State where it keeps data to order it (coe.budapest.29)"
        notes = "; ".join(note.removesuffix(".") for note in entry.preservation_notes)
        what = f"{entry.terms.name} preserves nothing on request"
        yield finding("no-programme", draft.place("provider"), what, f"{fix}; {notes}" if notes else fix)


def _entity(draft: RequestDraft, entry: ProviderEntry, jurisdiction: str) -> Iterator[Finding]:
    if not entry.entities or entry.entity_under(jurisdiction, draft.user_location):
        return
    where, name = draft.place("user_location"), entry.terms.name
    choice = "; ".join(f"{each.name} for {', '.join(each.serves)}" for each in entry.entities)
    if draft.user_location:
        what = f"no entity of {name} is known to answer for users there"
        yield finding("entity", where, what, f"look it up on its page; known are: {choice}", "warning")
    else:
        fix = f"say in which country the user is, or was seen last: {choice}"
        yield finding("entity", where, f"is missing, and decides which entity of {name} must be addressed", fix)


def _kept(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    kept = entry.scope.categories if entry.scope else None
    if kept is None:
        return
    lacking = [each for each in draft.categories if each not in kept]
    for category in lacking:
        what = f'{entry.terms.name} has no "{category}" that it could keep'
        fix = f"leave it out; it has {', '.join(kept) or 'nothing of the kind'}"
        severe = len(lacking) == len(draft.categories)
        yield finding("categories", draft.place("categories"), what, fix, "error" if severe else "warning")


def _period(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    scope, where = entry.scope, draft.place("from")
    if scope is None:
        return
    if scope.period_required and draft.period_from is None and "request.from" not in entry.required:
        yield finding(
            "period", where, f"is missing, and {entry.terms.name} takes no request without a period", "give it"
        )
    longest = scope.longest_period_days
    if longest and draft.period_from and draft.period_to and draft.period_to - draft.period_from > timedelta(longest):
        what = f"{entry.terms.name} takes no period longer than {longest} days"
        yield finding("period", where, what, "narrow it, or divide it into several requests")


def _language(draft: RequestDraft, entry: ProviderEntry, written: tuple[str, ...]) -> Iterator[Finding]:
    where, reads = draft.place("language"), entry.documents.languages if entry.documents else ()
    if draft.language and draft.language not in written:
        yield finding(
            "language", where, "no letters are written in that language", f"choose one of {', '.join(written)}"
        )
    elif draft.language and reads and draft.language not in reads:
        what = f"{entry.terms.name} does not take letters in that language"
        yield finding("language", where, what, f"choose one of {', '.join(reads)}")
    elif not draft.language and reads and not set(reads) & set(written):
        what = f"{entry.terms.name} takes letters in {', '.join(reads)}, and none can be written in them"
        yield finding("language", where, what, "send it in English with a translation", "warning")


def _document(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    most = entry.documents.editable_copy_over if entry.documents else None
    if most is not None and len(draft.identifiers) > most:
        what = f"{entry.terms.name} wants an editable list beside the letter for more than {most} accounts"
        fix = "hand over the list of the packet with the letter, or divide the request"
        yield finding("document", draft.place("identifiers"), what, fix, "warning")


def _usable(entry: ProviderEntry, urgency: str) -> list[Channel]:
    """The channels for a request of that urgency, best first: in an emergency those for emergencies."""
    hurried = [each for each in entry.channels if each.emergency_only]
    return (
        hurried
        if hurried and urgency == "emergency"
        else [each for each in entry.channels if not each.emergency_only]
    )


def _named(channel: Channel) -> str:
    return f"the {channel.kind} ({channel.name})" if channel.name else f"the {channel.kind}"


def _reachable(draft: RequestDraft, entry: ProviderEntry, catalogue: Catalogue, at: datetime) -> Iterator[Finding]:
    where, name = draft.place("provider"), entry.terms.name
    channels = _usable(entry, draft.urgency)
    if not channels:
        return
    first = channels[0]
    if draft.urgency == "emergency" and first.emergency_only:
        fix = f"submit it there{f' ({first.url})' if first.url else ''}; other channels are slower"
        yield finding("channel", where, f"{name} takes emergencies over {_named(first)}", fix, "warning")
    if not first.needs_account or draft.provider in catalogue.accounts:
        return
    ready = at + timedelta(days=first.onboarding_days) if first.onboarding_days is not None else None
    when = (
        f"takes {first.onboarding_days} days: it could be used from {day_in(ready, 'UTC')}"
        if ready
        else "takes an unknown time"
    )
    what = f"{_named(first)} of {name} needs an account, and getting one {when}"
    lost = _first_loss(draft, entry, at)
    if lost and (ready is None or lost < ready):
        what += f"; the first data asked for are lost from {day_in(lost, 'UTC')}"
    other = next((each for each in channels if not each.needs_account), None)
    fix = f"meanwhile use {_named(other)}" if other else "register today"
    fix += f'; with an account, name "{draft.provider}" under [accounts] in policy.toml'
    yield finding("account", where, what, fix, "warning")


def _first_loss(draft: RequestDraft, entry: ProviderEntry, at: datetime) -> datetime | None:
    """When the next of the data asked for is gone by the provider's own deletion; None where nothing is known."""
    kept = [lasting(each.period) for each in entry.terms.retention if each.category in draft.categories]
    if not kept or draft.period_from is None:
        return None
    return max(at, draft.period_from + min(kept))


def _sender(case: Case, draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    host = case.officer.email.rpartition("@")[2].casefold()
    if host not in FREE_MAIL:
        return
    official = any(each.official_domain_only for each in _usable(entry, draft.urgency))
    what = "is at a service where anybody gets an address"
    what += f", and {entry.terms.name} answers official domains only" if official else ""
    fix = "give the address at the unit's own domain: requests from others are taken for forged"
    yield finding("channel", case.place("case.officer.email"), what, fix, "error" if official else "warning")


def _notice(draft: RequestDraft, entry: ProviderEntry) -> Iterator[Finding]:
    """Unknown means that a person decides: a preservation can tip off the suspect."""
    notifies = entry.terms.notifies_on_preservation
    if notifies is False or draft.notice_accepted_by:
        return
    name = entry.terms.name
    what = f"{name} tells its user of a preservation" if notifies else f"nobody knows whether {name} tells its user"
    fix = 'decide whether that may be, and say who decided: notice_accepted_by = "name of the officer"'
    severity: Severity = "warning" if notifies is None else "error"
    yield finding("notice", draft.place("provider"), what, fix, severity, gate="notice")
