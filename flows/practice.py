"""The practice as data: reads `config/providers/*.toml`.

`PROVIDER_KEYS` are all the keys there are, by table; `docs/config.md` explains each, and a test compares the
two. What the clocks need of a provider becomes `timeline.rules.ProviderTerms`; the rest
(channels, entities, identifiers, documents) stays in the `ProviderEntry`, and its `[adapter]` table is passed
on unread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from flows.identifiers import CHECKS
from flows.law import CATEGORIES, COUNTRY
from flows.reading import SOURCE_KEYS, ConfigurationErrors, Table, shown
from timeline.rules import Period, ProviderHold, ProviderTerms, Retention, Source, Unit

CHANNEL_KINDS = ("api", "portal", "web-form", "email", "fax", "post", "it-system")
EXTENSION_MODES = ("separate-request", "unstated")
IDENTIFIER_TYPES = tuple(CHECKS)
IDENTIFIER_NEEDS = ("from", "to", "zone")

PROVIDER_KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("id", "name", "zone", "state", "notes", "entity", "channel", "hold", "extension", "acknowledgement"),
        *("retention", "notice", "identifiers", "documents", "adapter"),
    ),
    "entity": ("name", "for", *SOURCE_KEYS),
    "channel": (
        *("kind", "name", "needs_account", "onboarding_days", "official_domain_only", "emergency_only", "notes"),
        *SOURCE_KEYS,
    ),
    "hold": (
        *("requester", "days", "discretionary", "extension_count", "extension_days", "extension_discretionary"),
        *("proof_of_mla_by_day", "confidential_days", *SOURCE_KEYS),
    ),
    "extension": ("mode", "labelled", "lead_days", *SOURCE_KEYS),
    "acknowledgement": ("within", *SOURCE_KEYS),
    "retention": ("category", "what", "hours", "days", *SOURCE_KEYS),
    "notice": ("notifies_on_preservation", *SOURCE_KEYS),
    "identifiers": ("accept", "reject", *SOURCE_KEYS),
    "identifiers.accept": ("type", "pattern", "needs", "hint"),
    "identifiers.reject": ("type", "hint"),
    "documents": ("formats", "languages", "letterhead", "signed", "editable_copy_over", "notes", *SOURCE_KEYS),
}
_REQUESTER = re.compile(r"any|(not-)?(?!EU)[A-Z]{2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A legal entity that may be addressed. `serves`: for users of which region ("world", "US", "EEA")."""

    name: str
    serves: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A way to reach the provider. `onboarding_days`: how long an account takes, None where unknown."""

    kind: str
    name: str
    needs_account: bool
    onboarding_days: int | None
    official_domain_only: bool
    emergency_only: bool
    notes: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifierRule:
    """One type of identifier, accepted or rejected.

    `pattern` is a regular expression the whole value must match, "" for any. `needs` are the columns that
    must be filled with it ("from", "to", "zone"). `hint` says what to write instead.
    """

    type: str
    pattern: str
    needs: tuple[str, ...]
    hint: str

    def matches(self, value: str) -> bool:
        """Whether a value has the form the provider can process."""
        return not self.pattern or re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """How the letter must look. `editable_copy_over`: from more accounts than this, an editable list is wanted."""

    formats: tuple[str, ...]
    languages: tuple[str, ...]
    letterhead: bool
    signed: bool
    editable_copy_over: int | None
    notes: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEntry:
    """All that the catalogue says of one provider; `channels` are in order, `adapter` is for the providers room."""

    terms: ProviderTerms
    entities: tuple[Entity, ...]
    channels: tuple[Channel, ...]
    extension_mode: str
    extension_labelled: bool
    extension_source: Source | None
    accepts: tuple[IdentifierRule, ...]
    rejects: tuple[IdentifierRule, ...]
    identifiers_source: Source | None
    documents: Documents | None
    notes: tuple[str, ...]
    adapter: Mapping[str, Any]
    raw: Mapping[str, Any]


def _requester(table: Table, earlier: list[ProviderHold]) -> str:
    requester = table.text("requester")
    if table.fine and not _REQUESTER.fullmatch(requester):
        table.wrong(
            "requester",
            f'expected "any", or a country such as "US", or "not-US", found {shown(requester)}',
        )
        return requester
    for hold in earlier:
        if hold.requester in ("any", requester) or (COUNTRY.fullmatch(requester) and hold.applies_to(requester)):
            table.wrong("requester", f'never reached: the hold for "{hold.requester}" stands before it and applies')
            break
    return requester


def _holds(tables: list[Table]) -> tuple[ProviderHold, ...]:
    holds: list[ProviderHold] = []
    for table in tables:
        hold = ProviderHold(
            requester=_requester(table, holds),
            days=table.whole_or_none("days", "days", least=1),
            discretionary=table.flag("discretionary", False),
            extension_count=table.whole_or_none("extension_count", "times"),
            extension_days=table.whole_or_none("extension_days", "days", least=1),
            extension_discretionary=table.flag("extension_discretionary", False),
            proof_of_mla_by_day=table.whole_or_none("proof_of_mla_by_day", "days", least=1),
            confidential_days=table.whole_or_none("confidential_days", "days", least=1),
            source=table.source(),
        )
        holds.append(hold)
    return tuple(holds)


def _retention(table: Table) -> Retention:
    if table.has("hours") == table.has("days"):
        table.wrong("", "expected either hours or days")
    key, unit = ("hours", Unit.HOURS) if table.has("hours") else ("days", Unit.DAYS)
    count = table.whole(key, key, 0)
    return Retention(
        category=table.one_of("category", CATEGORIES),
        what=table.text("what"),
        period=Period(count=count, unit=unit) if count > 0 else None,
        source=table.source(),
    )


def _notifies(table: Table) -> bool | None:
    if table.values.get("notifies_on_preservation") == "unknown":
        return None
    if isinstance(table.values.get("notifies_on_preservation", False), str):
        found = shown(table.values["notifies_on_preservation"])
        table.wrong("notifies_on_preservation", f'expected true, false or "unknown", found {found}')
        return None
    return table.flag("notifies_on_preservation")


def _zone(table: Table) -> str:
    zone = table.text("zone")
    if zone:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, LookupError):
            table.wrong("zone", f'expected a time zone such as "Europe/Dublin" or "UTC", found {shown(zone)}')
    return zone


def _terms(table: Table) -> ProviderTerms:
    keys = PROVIDER_KEYS
    extension = table.table_or_none("extension", keys["extension"])
    acknowledgement = table.table_or_none("acknowledgement", keys["acknowledgement"])
    notice = table.table("notice", keys["notice"])
    state = table.text("state", "")
    if state and not COUNTRY.fullmatch(state):
        table.wrong("state", f'expected a country code such as "IE", or "", found {shown(state)}')
    if acknowledgement:
        acknowledgement.source()
    return ProviderTerms(
        id=table.text("id"),
        name=table.text("name"),
        zone=_zone(table),
        state=state,
        holds=_holds(table.tables("hold", keys["hold"])),
        extension_lead_days=extension.whole("lead_days", "days", 0) if extension else 0,
        acknowledged_within=acknowledgement.period("within") if acknowledgement else None,
        retention=tuple(_retention(each) for each in table.tables("retention", keys["retention"])),
        notifies_on_preservation=_notifies(notice),
        notice_source=notice.source(),
    )


def _entity(table: Table) -> Entity:
    return Entity(name=table.text("name"), serves=table.texts("for"), source=table.source())


def _channel(table: Table) -> Channel:
    return Channel(
        kind=table.one_of("kind", CHANNEL_KINDS),
        name=table.text("name", ""),
        needs_account=table.flag("needs_account", False),
        onboarding_days=table.whole_or_none("onboarding_days", "days"),
        official_domain_only=table.flag("official_domain_only", False),
        emergency_only=table.flag("emergency_only", False),
        notes=table.texts("notes", ()),
        source=table.source(),
    )


def _identifier_rule(table: Table) -> IdentifierRule:
    accepted = "pattern" in table.keys
    pattern = table.text("pattern", "") if accepted else ""
    try:
        re.compile(pattern)
    except re.error as error:
        table.wrong("pattern", f"expected a regular expression: {error}")
    return IdentifierRule(
        type=table.one_of("type", IDENTIFIER_TYPES),
        pattern=pattern,
        needs=table.some_of("needs", IDENTIFIER_NEEDS, ()) if accepted else (),
        hint=table.text("hint", ""),
    )


def _documents(table: Table) -> Documents:
    return Documents(
        formats=table.texts("formats", ()),
        languages=table.texts("languages", ()),
        letterhead=table.flag("letterhead", False),
        signed=table.flag("signed", False),
        editable_copy_over=table.whole_or_none("editable_copy_over", "accounts"),
        notes=table.texts("notes", ()),
        source=table.source(),
    )


def _adapter(table: Table) -> Mapping[str, Any]:
    given = table.values.get("adapter")
    adapter = table.table("adapter", ("kind", *given) if isinstance(given, Mapping) else ())
    if isinstance(given, Mapping):
        adapter.text("kind")  # the rest is the adapter's own
    return MappingProxyType(dict(adapter.values))


def read_provider(table: Mapping[str, Any], where: str) -> ProviderEntry:
    """Read one provider, whole. `where` names the table in messages.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    keys = PROVIDER_KEYS
    top = Table(table, where, keys[""], errors)
    terms = _terms(top)
    extension = top.table_or_none("extension", keys["extension"])
    identifiers = top.table_or_none("identifiers", keys["identifiers"])
    documents = top.table_or_none("documents", keys["documents"])
    channels = tuple(_channel(each) for each in top.tables("channel", keys["channel"]))
    if not channels:
        top.wrong("channel", "expected at least one [[channel]]")
    entry = ProviderEntry(
        terms=terms,
        entities=tuple(_entity(each) for each in top.tables("entity", keys["entity"])),
        channels=channels,
        extension_mode=extension.one_of("mode", EXTENSION_MODES) if extension else "unstated",
        extension_labelled=extension.flag("labelled", False) if extension else False,
        extension_source=extension.source() if extension else None,
        accepts=_identifier_rules(identifiers, "accept"),
        rejects=_identifier_rules(identifiers, "reject"),
        identifiers_source=identifiers.source() if identifiers else None,
        documents=_documents(documents) if documents else None,
        notes=top.texts("notes", ()),
        adapter=_adapter(top),
        raw=MappingProxyType(dict(table)),
    )
    if errors:
        raise ConfigurationErrors(errors)
    return entry


def _identifier_rules(identifiers: Table | None, which: str) -> tuple[IdentifierRule, ...]:
    if identifiers is None:
        return ()
    keys = PROVIDER_KEYS[f"identifiers.{which}"]
    return tuple(_identifier_rule(each) for each in identifiers.tables(which, keys))


def read_provider_terms(table: Mapping[str, Any], where: str) -> ProviderTerms:
    """Read only what the clocks need of a provider: what the ledger kept with a request, or a file's table.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    terms = _terms(Table(table, where, PROVIDER_KEYS[""], errors))
    if errors:
        raise ConfigurationErrors(errors)
    return terms
