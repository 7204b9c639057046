"""All that the catalogue says of one provider, as values. What its text is silent about is None, never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.countries import E_EVIDENCE, WORLD, specific_first
from timeline.rules import ProviderTerms, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A legal entity that may be addressed. `serves`: for users of which places ("FR", "EU", "EEA", "world").

    `state` is where it sits (ISO 3166-1), "" where that was not read; `zone` where it counts days, "" for the
    provider's; `address` as a letter writes it, or "".
    """

    name: str
    serves: tuple[str, ...]
    address: str
    state: str
    zone: str
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A way to reach the provider. None: its text does not say.

    `onboarding_days` are calendar days until an account can be used; `round_the_clock`: answered day and night.
    """

    kind: str
    name: str
    url: str
    needs_account: bool | None
    onboarding_days: int | None
    official_domain_only: bool | None
    round_the_clock: bool | None
    emergency_only: bool
    notes: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifierRule:
    """One type of identifier, accepted or rejected.

    `pattern` is a regular expression the whole value must match, "" for any. `needs` are the columns that
    must be filled with it ("from", "to", "zone", "port"), `beside` the types of which one each must stand in the same
    request: a provider may find nobody by a name alone, but may want it beside an address. `hint` says what to
    write instead.
    """

    type: str
    pattern: str
    needs: tuple[str, ...]
    beside: tuple[str, ...]
    hint: str

    def matches(self, value: str) -> bool:
        """Whether a value has the form the provider can process."""
        return not self.pattern or re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a request may span. None: the text is silent. `categories`: the kinds of data it can hold at all."""

    period_required: bool | None
    longest_period_days: int | None
    categories: tuple[str, ...] | None
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """How long a freeze of money lasts before it lifts by itself. It is no hold of data and moves no clock."""

    days: int
    notes: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """How the letter must look. None: the text is silent.

    `editable_copy_over`: from more accounts than this, an editable list is wanted.
    """

    formats: tuple[str, ...]
    languages: tuple[str, ...]
    letterhead: bool | None
    signed: bool | None
    editable_copy_over: int | None
    attachment_limit_mb: int | None
    notes: tuple[str, ...]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEntry:
    """All that the catalogue says of one provider.

    `channels` are in the order of preference. `offered`: whether it preserves at all on request, None where its text
    does not say. `required` are the case-file fields it wants filled (`flows.law.CASE_FIELDS`).
    `adapters` are the routes to it in the order they are tried, at least one; they are for the providers room.
    """

    terms: ProviderTerms
    offered: bool | None
    offered_source: Source | None
    preservation_notes: tuple[str, ...]
    entities: tuple[Entity, ...]
    channels: tuple[Channel, ...]
    extension_mode: str
    extension_labelled: bool
    extension_source: Source | None
    accepts: tuple[IdentifierRule, ...]
    rejects: tuple[IdentifierRule, ...]
    identifiers_source: Source | None
    required: tuple[str, ...]
    required_source: Source | None
    scope: Scope | None
    freeze: Freeze | None
    documents: Documents | None
    notes: tuple[str, ...]
    adapters: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any]

    @property
    def adapter(self) -> Mapping[str, Any]:
        """The first route."""
        return self.adapters[0]

    def entity_for(self, country: str) -> Entity | None:
        """The entity that answers for a user in that country (ISO 3166-1), the most specific: FR, EU, EEA, world.

        None where none is known to: no entity is in the catalogue, none of them serves that country, or the
        country is not known ("") and there are several. Then the officer has to look it up.
        """
        if not country:
            return self.entities[0] if len(self.entities) == 1 else None
        return _serving(self.entities, specific_first(country))

    def entity_under(self, jurisdiction: str, country: str) -> Entity | None:
        """The entity that an instrument of that jurisdiction is addressed to, for a user in that country.

        One of the EU goes to an entity in a Member State that it binds, wherever the user is (Reg. (EU) 2023/1543
        art. 7); where none is known, to one of which nobody has read where it sits, or as `entity_for` says.
        """
        if jurisdiction != "EU":
            return self.entity_for(country)
        places = (*specific_first(country)[:-1], "EU", "EEA", WORLD)
        bound = [each for each in self.entities if self.seat(each) in E_EVIDENCE]
        if bound:
            return _serving(bound, places) or bound[0]
        unread = [each for each in self.entities if not self.seat(each)]
        return _serving(unread, places) or self.entity_for(country)

    def seat(self, entity: Entity | None) -> str:
        """The State in which the addressee sits (ISO 3166-1): the entity's, else the provider's; "" if not known."""
        return (entity.state if entity else "") or self.terms.state


def _serving(entities: Sequence[Entity], places: Sequence[str]) -> Entity | None:
    """The entity for the first of these places that any of them serves."""
    return next((each for place in places for each in entities if place in each.serves), None)
