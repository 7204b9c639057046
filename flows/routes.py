"""To whom a request goes, and over which channels, in order.

A provider's channels stand in its catalogue entry; those of a State in the unit's directory of authorities. What was
sent over one channel is followed up over the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from flows.catalogue import Catalogue
from providers.errors import ConfigurationError
from providers.interface import Addressee, Capabilities
from providers.registry import capabilities_of, channel_of
from timeline.rules import Instrument
from timeline.terms import Abilities


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One way to an addressee. `id` names it in messages and is unique; `table` is its `[adapter]` table.

    Of a provider with several, the first has the provider's id, the others their channel after it: by id and channel
    a way is found again when the list was put into another order.
    """

    id: str
    table: Mapping[str, Any]
    where: str
    addressee: Addressee
    zone: str

    @property
    def channel(self) -> str:
        """What its adapter calls its channel."""
        return channel_of(self.table, where=self.where)

    @property
    def capabilities(self) -> Capabilities:
        """What its adapter could do."""
        return capabilities_of(self.table, where=self.where)


def routes(
    catalogue: Catalogue,
    *,
    provider: str,
    instrument: Instrument,
    country: str = "",
    requested_state: str = "",
    user_location: str = "",
    language: str = "",
) -> tuple[Route, ...]:
    """Every way in which a request under that instrument can go, best first; at least one.

    Args:
        catalogue: the configuration.
        provider: its id; for an instrument from State to State, the custodian.
        instrument: the legal basis.
        country: the requesting State.
        requested_state: the State that is asked, where the instrument goes to a State.
        user_location: where the account's user is, which decides the legal entity.
        language: that of the letter; "" for the first that the addressee reads.

    Raises:
        LookupError: the provider is not in the catalogue any more.
    """
    entry = catalogue.providers.get(provider)
    if entry is None:
        raise LookupError(f"{provider} is not in the catalogue any more: put its file back")
    if instrument.addressee == "state":
        return tuple(
            Route(
                id=contact.id,
                table=contact.adapter,
                where=contact.where,
                addressee=Addressee(
                    name=contact.name,
                    service=entry.terms.name,
                    state=contact.state,
                    language=language or _readable(contact.languages, catalogue.languages),
                    network=contact.network,
                ),
                zone=contact.zone or entry.terms.zone,
            )
            for contact in catalogue.authorities.route(country, requested_state)
        )
    entity = entry.entity_under(instrument.jurisdiction, user_location)
    read = entry.documents.languages if entry.documents else ()
    addressee = Addressee(
        name=entity.name if entity else entry.terms.name,
        service=entry.terms.name,
        state=entry.seat(entity),
        language=language or _readable(read, catalogue.languages),
    )
    file = f"config/providers/{provider}.toml"
    return tuple(
        Route(
            id=provider if number == 0 else f"{provider}#{channel_of(table, where=file)}",
            table=table,
            where=file,
            addressee=addressee,
            zone=(entity.zone if entity else "") or entry.terms.zone,
        )
        for number, table in enumerate(entry.adapters)
    )


def _readable(languages: tuple[str, ...], written: tuple[str, ...]) -> str:
    """The first language that the addressee reads and that we can write; English where nothing is known."""
    return next((each for each in languages if each in written), "en")


def taken(ways: Sequence[Route], route: str, channel: str) -> Route:
    """The way that something went, by its id and channel; the first for what a person sent by a way of their own.

    Raises:
        ConfigurationError: it is gone. Another channel knows nothing of what went over this one: believed, it would
            end a hold that stands, or send a second time what has arrived.
    """
    if not route:
        return ways[0]
    whose = route.partition("#")[0]
    for each in ways:
        if each.id.partition("#")[0] == whose and each.channel == channel:
            return each
    raise ConfigurationError(f"{route}, over whose {channel} it went, is not in the catalogue any more: put it back")


def abilities_of(can: Capabilities) -> Abilities:
    """What a channel can do by itself, as the timeline asks."""
    machine = not can.person
    return Abilities(
        poll=machine and can.status,
        extend=machine and can.extend,
        release=machine and can.release,
        find=machine and can.can_find,
        announce=machine and can.announce,
        clarify=machine and can.clarify,
    )


def named(abilities: Abilities) -> list[str]:
    """Abilities as an event keeps them."""
    return [each.name for each in fields(abilities) if getattr(abilities, each.name)]
