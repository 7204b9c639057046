"""The practice as data: reads `config/providers/*.toml`.

`PROVIDER_KEYS` are all the keys there are, by table; `docs/config.md` explains each, and a test compares the
two. What the clocks need of a provider becomes `timeline.rules.ProviderTerms`; the rest
(channels, entities, identifiers, documents) stays in the `ProviderEntry`, and its `[adapter]` tables are passed
on unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from flows.countries import COUNTRIES, unknown_place
from flows.identifiers import CHECKS
from flows.law import CASE_FIELDS, CATEGORIES, COUNTRY
from flows.provider_entry import Channel, Documents, Entity, Freeze, IdentifierRule, ProviderEntry, Scope
from flows.reading import SOURCE_KEYS, ConfigurationErrors, Table, shown
from timeline.rules import Period, ProviderHold, ProviderTerms, Retention, Unit

CHANNEL_KINDS = ("api", "portal", "web-form", "email", "phone", "fax", "post", "registered-agent", "it-system")
EXTENSION_MODES = ("separate-request", "unstated")
IDENTIFIER_TYPES = tuple(CHECKS)
IDENTIFIER_NEEDS = ("from", "to", "zone", "port")

PROVIDER_KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("id", "name", "zone", "state", "notes", "preservation", "entity", "channel", "hold", "extension"),
        *("acknowledgement", "retention", "notice", "identifiers", "required", "scope", "freeze", "documents"),
        "adapter",
    ),
    "preservation": ("offered", "notes", *SOURCE_KEYS),
    "entity": ("name", "for", "address", "state", "zone", *SOURCE_KEYS),
    "channel": (
        *("kind", "name", "url", "needs_account", "onboarding_days", "official_domain_only", "round_the_clock"),
        *("emergency_only", "notes", *SOURCE_KEYS),
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
    "identifiers.accept": ("type", "pattern", "needs", "with", "hint"),
    "identifiers.reject": ("type", "hint"),
    "required": ("fields", *SOURCE_KEYS),
    "scope": ("period_required", "longest_period_days", "categories", *SOURCE_KEYS),
    "freeze": ("days", "notes", *SOURCE_KEYS),
    "documents": (
        *("formats", "languages", "letterhead", "signed", "editable_copy_over", "attachment_limit_mb", "notes"),
        *SOURCE_KEYS,
    ),
}
_REQUESTER = re.compile(r"any|(not-)?(?!EU)[A-Z]{2}")
_FORMAT, _LANGUAGE = re.compile(r"[a-z0-9]{2,5}"), re.compile(r"[a-z]{2}")


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


def _state(table: Table) -> str:
    state = table.text("state", "")
    if state and state not in COUNTRIES:
        table.wrong("state", f'expected a country code such as "IE", or "", found {shown(state)}')
    return state


def _terms(table: Table) -> ProviderTerms:
    keys = PROVIDER_KEYS
    extension = table.table_or_none("extension", keys["extension"])
    acknowledgement = table.table_or_none("acknowledgement", keys["acknowledgement"])
    notice = table.table("notice", keys["notice"])
    if acknowledgement:
        acknowledgement.source()
    return ProviderTerms(
        id=table.text("id"),
        name=table.text("name"),
        zone=table.zone("zone"),
        state=_state(table),
        holds=_holds(table.tables("hold", keys["hold"])),
        extension_lead_days=extension.whole("lead_days", "days", 0) if extension else 0,
        acknowledged_within=acknowledgement.period("within") if acknowledgement else None,
        retention=tuple(_retention(each) for each in table.tables("retention", keys["retention"])),
        notifies_on_preservation=notice.flag_or_unknown("notifies_on_preservation"),
        notice_source=notice.source(),
    )


def _entities(tables: list[Table]) -> tuple[Entity, ...]:
    entities: list[Entity] = []
    claimed: dict[str, str] = {}
    for table in tables:
        serves = table.texts("for")
        if table.fine and not serves:
            table.wrong("for", 'expected at least one place: a country such as "FR", "EU", "EEA" or "world"')
        for number, place in enumerate(serves if table.fine else ()):
            if fix := unknown_place(place):
                table.wrong(f"for[{number}]", f"unknown place {shown(place)}; {fix}")
            elif place in claimed:
                table.wrong(f"for[{number}]", f'{claimed[place]} is already for "{place}": one entity for each place')
            claimed.setdefault(place, table.path)
        entities.append(
            Entity(
                name=table.text("name"),
                serves=serves,
                address=table.text("address", ""),
                state=_state(table),
                zone=table.zone("zone") if table.has("zone") else "",
                source=table.source(),
            )
        )
    return tuple(entities)


def _channel(table: Table) -> Channel:
    url = table.text("url", "")
    if url and not re.fullmatch(r"https://[^\s/]+\.[^\s/]+(/\S*)?", url):
        table.wrong("url", f"expected an address such as https://example.com/path, found {shown(url)}")
    return Channel(
        kind=table.one_of("kind", CHANNEL_KINDS),
        name=table.text("name", ""),
        url=url,
        needs_account=table.flag_or_none("needs_account"),
        onboarding_days=table.whole_or_none("onboarding_days", "days"),
        official_domain_only=table.flag_or_none("official_domain_only"),
        round_the_clock=table.flag_or_none("round_the_clock"),
        emergency_only=table.flag("emergency_only", False),
        notes=table.texts("notes", ()),
        source=table.source(),
    )


def _identifier_rules(
    identifiers: Table, which: str, earlier: tuple[IdentifierRule, ...]
) -> Iterator[IdentifierRule]:
    accepted, seen = which == "accept", {rule.type: f"{identifiers.path}.accept" for rule in earlier}
    for table in identifiers.tables(which, PROVIDER_KEYS[f"identifiers.{which}"]):
        pattern = table.text("pattern", "") if accepted else ""
        try:
            re.compile(pattern)
        except re.error as error:
            table.wrong("pattern", f"expected a regular expression: {error}")
        kind = table.one_of("type", IDENTIFIER_TYPES)
        if table.fine and kind in seen:
            table.wrong("type", f'"{kind}" stands in {seen[kind]} already')
        seen.setdefault(kind, table.path)
        beside = table.some_of("with", IDENTIFIER_TYPES, ()) if accepted else ()
        if kind in beside:
            table.wrong("with", f'expected other types than "{kind}" itself')
        yield IdentifierRule(
            type=kind,
            pattern=pattern,
            needs=table.some_of("needs", IDENTIFIER_NEEDS, ()) if accepted else (),
            beside=beside,
            hint=table.text("hint", ""),
        )


def _scope(table: Table) -> Scope:
    return Scope(
        period_required=table.flag_or_none("period_required"),
        longest_period_days=table.whole_or_none("longest_period_days", "days", least=1),
        categories=table.some_of("categories", CATEGORIES) if table.has("categories") else None,
        source=table.source(),
    )


def _freeze(table: Table) -> Freeze:
    return Freeze(
        days=table.whole("days", "days", least=1),
        notes=table.texts("notes", ()),
        source=table.source(),
    )


def _forms(table: Table, key: str, form: re.Pattern[str], such_as: str) -> tuple[str, ...]:
    words = table.texts(key, ())
    for number, word in enumerate(words):
        if word.strip() and not form.fullmatch(word):
            table.wrong(f"{key}[{number}]", f"expected {such_as}, found {shown(word)}")
    return words


def _documents(table: Table) -> Documents:
    return Documents(
        formats=_forms(table, "formats", _FORMAT, 'the ending of a file such as "pdf"'),
        languages=_forms(table, "languages", _LANGUAGE, 'a language such as "en" (ISO 639-1)'),
        letterhead=table.flag_or_none("letterhead"),
        signed=table.flag_or_none("signed"),
        editable_copy_over=table.whole_or_none("editable_copy_over", "accounts"),
        attachment_limit_mb=table.whole_or_none("attachment_limit_mb", "megabytes", least=1),
        notes=table.texts("notes", ()),
        source=table.source(),
    )


def _adapters(table: Table) -> tuple[Mapping[str, Any], ...]:
    given = table.values.get("adapter")
    if isinstance(given, list | tuple):
        routes = [(f"adapter[{number}]", each) for number, each in enumerate(given)]
    else:
        routes = [("adapter", given)] if table.has("adapter") else []
    if not routes:
        table.wrong("adapter", "is missing; expected a table [adapter], or one [[adapter]] for each route to it")
    tables = []
    for path, values in routes:
        known = ("kind", *values) if isinstance(values, Mapping) else ()
        route = Table(values, table.where, known, table.errors, path)
        if known:
            route.text("kind")  # the rest is the adapter's own
        tables.append(MappingProxyType(dict(route.values)))
    return tuple(tables)


def read_provider(table: Mapping[str, Any], where: str) -> ProviderEntry:
    """Read one provider, whole. `where` names the table in messages.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    keys = PROVIDER_KEYS
    top = Table(table, where, keys[""], errors)
    terms = _terms(top)
    opened = {
        name: top.table_or_none(name, keys[name])
        for name in ("preservation", "extension", "identifiers", "required", "scope", "freeze", "documents")
    }
    preservation, extension, required = opened["preservation"], opened["extension"], opened["required"]
    identifiers, documents, scope, freeze = (opened[name] for name in ("identifiers", "documents", "scope", "freeze"))
    channels = tuple(_channel(each) for each in top.tables("channel", keys["channel"]))
    if not channels:
        top.wrong("channel", "expected at least one [[channel]]")
    accepts = tuple(_identifier_rules(identifiers, "accept", ())) if identifiers else ()
    entry = ProviderEntry(
        terms=terms,
        offered=preservation.flag_or_unknown("offered") if preservation else None,
        offered_source=preservation.source() if preservation else None,
        preservation_notes=preservation.texts("notes", ()) if preservation else (),
        entities=_entities(top.tables("entity", keys["entity"])),
        channels=channels,
        extension_mode=extension.one_of("mode", EXTENSION_MODES) if extension else "unstated",
        extension_labelled=extension.flag("labelled", False) if extension else False,
        extension_source=extension.source() if extension else None,
        accepts=accepts,
        rejects=tuple(_identifier_rules(identifiers, "reject", accepts)) if identifiers else (),
        identifiers_source=identifiers.source() if identifiers else None,
        required=required.some_of("fields", CASE_FIELDS) if required else (),
        required_source=required.source() if required else None,
        scope=_scope(scope) if scope else None,
        freeze=_freeze(freeze) if freeze else None,
        documents=_documents(documents) if documents else None,
        notes=top.texts("notes", ()),
        adapters=_adapters(top),
        raw=MappingProxyType(dict(table)),
    )
    if errors:
        raise ConfigurationErrors(errors)
    return entry


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
