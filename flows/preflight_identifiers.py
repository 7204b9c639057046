"""The preflight of the identifiers at a provider: what it takes, in which form, and what they tell of the period."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from flows.casefile import RequestDraft
from flows.catalogue import IdentifierRule, ProviderEntry
from flows.findings import Finding, finding
from flows.identifier import a
from flows.identifiers import Identifier, normalise
from flows.identifiers_network import provider_of

EPOCHS = {
    "discord": datetime(2015, 1, 1, tzinfo=UTC),
    "x": datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC),
}
"""From when the ids of a provider (snowflakes) count milliseconds, in the bits above the lowest 22."""

_SNOWFLAKE = re.compile("[0-9]{17,20}")
_MADE = {
    "user_id": "account",
    "guild_id": "server",
    "message_id": "message",
    "post_id": "post",
    "channel_id": "channel",
}
_EARLY = timedelta(days=30)
"""How much of a period may lie before an account was made without a word."""


def against_identifiers(draft: RequestDraft, entry: ProviderEntry, at: datetime) -> Iterator[Finding]:
    """All findings on the identifiers of one request at its provider."""
    rejected = {rule.type: rule for rule in entry.rejects}
    accepted = {rule.type: rule for rule in entry.accepts}
    others, name = f"accepted are {', '.join(sorted(accepted))}", entry.terms.name
    given = {each.type for each in draft.identifiers}
    wanted = {other for kind in given & set(accepted) for other in accepted[kind].beside}
    for identifier in draft.identifiers:
        kind, where = identifier.type, identifier.where
        if kind in wanted - set(accepted):
            continue  # it finds nobody alone, but stands beside what does
        if kind in rejected or (kind == "real_name" and kind not in accepted):
            what = f"{name} does not take {a(kind)}"
            hint = rejected[kind].hint if kind in rejected else ""
            yield finding("rejected", where, what, hint or others)
        elif kind in accepted:
            yield from _form(identifier, accepted[kind], name)
        elif accepted:
            yield finding("not-named", where, f"{name} does not say that it takes {a(kind)}", others, "warning")
        if kind in _MADE:
            yield from _created(identifier, draft, at)
        elif kind == "url":
            yield from _elsewhere(identifier, draft)
        yield from _outside(identifier, draft)
    yield from _beside(draft, accepted, given, name)


def _form(identifier: Identifier, rule: IdentifierRule, name: str) -> Iterator[Finding]:
    """Whether a value has the form this provider can process, and the columns it needs beside it."""
    where, kind = identifier.where, identifier.type
    # Hyphens and spaces in a telephone number are for people's eyes; a pattern is about the number.
    spelled = normalise("phone", identifier.value) if kind == "phone" else identifier.value
    if not (rule.matches(identifier.value) or rule.matches(spelled)):
        fix = rule.hint or "look at how the provider writes it"
        yield finding("pattern", where, f"{name} cannot process {a(kind)} written like this", fix)
    for column in rule.needs:
        if not _column(identifier, column):
            fix = f"give it: {rule.hint}" if rule.hint else f"fill in {column}"
            yield finding("beside", where, f"{name} needs the {column} of {a(kind)}", fix)


def _column(identifier: Identifier, column: str) -> object:
    if column == "zone":  # an instant with an offset has its zone in itself
        return identifier.zone or identifier.used_from
    return getattr(identifier, {"from": "used_from", "to": "used_to"}.get(column, column))


def _beside(
    draft: RequestDraft, accepted: dict[str, IdentifierRule], given: set[str], name: str
) -> Iterator[Finding]:
    for kind in sorted(given & set(accepted)):
        for other in accepted[kind].beside:
            if other not in given:
                first = next(each.where for each in draft.identifiers if each.type == kind)
                what = f"{name} takes {a(kind)} only beside {a(other)}"
                yield finding("beside", first, what, f"add the {other}, in an entry of its own")


def created_at(provider: str, value: str) -> datetime | None:
    """When the id was made, which is when the account was (aware UTC); None where the id does not tell."""
    epoch = EPOCHS.get(provider)
    if epoch is None or not _SNOWFLAKE.fullmatch(value):
        return None
    return epoch + timedelta(milliseconds=int(value) >> 22)


def _created(identifier: Identifier, draft: RequestDraft, at: datetime) -> Iterator[Finding]:
    """The id of an account tells when it was made. Only the day is told: of a day there are millions."""
    made = created_at(draft.provider, identifier.value)
    if made is None:
        return
    where, what, day = identifier.where, _MADE[identifier.type], f"{made:%Y-%m-%d}"
    if made > at:
        fix = "compare it with the source: a digit is wrong, or it is another kind of id"
        yield finding("created", where, f"the {what} would be made on {day}, which is still to come", fix)
    elif draft.period_to and made > draft.period_to:
        fix = "check the id and the period: nothing of it can lie in the period"
        yield finding("created", where, f"the {what} was made on {day}, after the period ends", fix)
    elif identifier.type == "user_id" and draft.period_from and made - draft.period_from > _EARLY:
        days = (made - draft.period_from).days
        what = f"the period begins {days} days before the account was made, on {day}"
        yield finding("period", where, what, "begin it on that day, or check the id", "warning")


def _outside(identifier: Identifier, draft: RequestDraft) -> Iterator[Finding]:
    first, last = identifier.used_from, identifier.used_to or identifier.used_from
    early = last and draft.period_from and last < draft.period_from
    if early or (first and draft.period_to and first > draft.period_to):
        what = f"the {identifier.type} was used {'before' if early else 'after'} the period asked for"
        yield finding("outside", identifier.where, what, "check both, or widen the period", "warning")


def _elsewhere(identifier: Identifier, draft: RequestDraft) -> Iterator[Finding]:
    owner = provider_of(identifier.value)
    if owner and owner != draft.provider and not (draft.provider in _FAMILY and owner in _FAMILY):
        what = f"the url is a page of {owner}, not of {draft.provider}"
        yield finding(
            "elsewhere", identifier.where, what, f'move it to a request with provider = "{owner}"', "warning"
        )


_FAMILY = frozenset({"facebook", "instagram", "whatsapp"})
"""Providers of one group that answer over one portal."""
