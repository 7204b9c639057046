"""Authorities of other States: reads `config/authorities/*.toml`, and says in which order they are asked.

The public networks and the order in which they are tried are shipped; the contacts are the unit's own, one file per
State. No contact is ever made up: where the directory names nobody, the last way is the unit's own contact point,
through a person, so that an officer can always act.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flows.countries import COUNTRIES
from flows.findings import Finding, finding
from flows.reading import SOURCE_KEYS, ConfigurationErrors, Table, meant, shown
from timeline.rules import Instrument, Source

if TYPE_CHECKING:
    from flows.casefile import Case, RequestDraft
    from flows.catalogue import Catalogue

FOLDER = "authorities"

NETWORK_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("network",),
    "network": (
        *("name", "basis", "carries", "duty_to_preserve", "members", "not_members", "notes"),
        *SOURCE_KEYS,
    ),
}
ROUTE_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("order", "route", *SOURCE_KEYS),
    "route": ("requesting", "requested", "order"),
}
CONTACT_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("state", "notes", "contact"),
    "contact": ("id", "network", "name", "languages", "zone", "hours", "notes", "adapter", *SOURCE_KEYS),
}
_LANGUAGE, _ID = re.compile(r"[a-z]{2}"), re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

OWN_CONTACT_POINT = "own-contact-point"
"""The id of the last way of every route."""

ORDER = ("budapest-35", "g7-24-7", "interpol", "central-authority", "diplomatic")
"""The networks in the order that is tried where no file says another; also what is known without any file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A public network. `duty_to_preserve` None: it depends on the treaty. `members` None: not known here."""

    id: str
    name: str
    basis: str
    carries: tuple[str, ...]
    duty_to_preserve: bool | None
    members: tuple[str, ...] | None
    not_members: tuple[str, ...]
    notes: tuple[str, ...]
    source: Source

    def leaves_out(self, state: str) -> bool:
        """Whether a State is known not to take part."""
        return state in self.not_members or (self.members is not None and state not in self.members)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """One authority of a State, reached over one network. `id` names it in messages and in the record.

    `adapter` is its `[adapter]` table for `providers.registry.make_adapter`, `where` the file it stands in.
    `source` is None for the unit's own contact point, which stands in no file.
    """

    id: str
    network: str
    name: str
    state: str
    languages: tuple[str, ...]
    zone: str
    hours: str
    notes: tuple[str, ...]
    adapter: Mapping[str, Any]
    where: str
    source: Source | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorities:
    """The directory: networks by id, contacts by State, and the order in which the networks are tried."""

    networks: Mapping[str, Network] = field(default_factory=dict)
    contacts: Mapping[str, tuple[Contact, ...]] = field(default_factory=dict)
    order: tuple[str, ...] = ORDER
    orders: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    order_source: Source | None = None

    def order_for(self, requesting: str, requested: str) -> tuple[str, ...]:
        """The networks in the order in which they are tried between two States, each by its code."""
        return self.orders.get((requesting, requested), self.order)

    def route(self, requesting: str, requested: str) -> tuple[Contact, ...]:
        """Whom to ask, best first. Never empty: the last one is a person at the unit's own contact point.

        A contact on a network that the order does not name is left out: an order for a pair of States says which
        ways there are.

        Args:
            requesting: the requesting State, ISO 3166-1 alpha-2.
            requested: the State that is asked; "" where the case does not say.
        """
        order = self.order_for(requesting, requested)
        known = [each for each in self.contacts.get(requested, ()) if each.network in order]
        return (*sorted(known, key=lambda each: order.index(each.network)), self._own(order, requested))

    def _own(self, order: Collection[str], requested: str) -> Contact:
        return Contact(
            id=OWN_CONTACT_POINT,
            network=next(iter(order), ORDER[0]),
            name="the competent authority",
            state=requested,
            languages=(),
            zone="",
            hours="",
            notes=(),
            adapter=MappingProxyType({"kind": "manual", "channel": "24-7", "name": "your own contact point"}),
            where=f"config/{FOLDER}",
            source=None,
        )


def _states(table: Table, key: str) -> tuple[str, ...]:
    states = table.texts(key, ())
    for number, state in enumerate(states):
        if state not in COUNTRIES:
            table.wrong(f"{key}[{number}]", f'expected a country code such as "FR", found {shown(state)}')
    return states


def _unknown(table: Table, key: str) -> bool:
    return bool(table.values.get(key) == "unknown")


def read_networks(table: Mapping[str, Any], where: str) -> Mapping[str, Network]:
    """Read `networks.toml`.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    given = Table(table, where, NETWORK_KEYS[""], errors).values.get("network", {})
    if not isinstance(given, Mapping) or not given:
        errors.append(f"{where}: network: expected a table for each network, [network.budapest-35]")
        given = {}
    networks = {}
    for id_, values in given.items():
        each = Table(values, where, NETWORK_KEYS["network"], errors, f"network.{id_}")
        networks[id_] = Network(
            id=id_,
            name=each.text("name"),
            basis=each.text("basis"),
            carries=each.texts("carries"),
            duty_to_preserve=None if _unknown(each, "duty_to_preserve") else each.flag("duty_to_preserve"),
            members=None if _unknown(each, "members") else _states(each, "members"),
            not_members=_states(each, "not_members"),
            notes=each.texts("notes", ()),
            source=each.source(),
        )
    if errors:
        raise ConfigurationErrors(errors)
    return MappingProxyType(networks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Routes:
    """What `routes.toml` says: the usual order, and that of pairs of States (requesting, requested)."""

    order: tuple[str, ...]
    orders: Mapping[tuple[str, str], tuple[str, ...]]
    source: Source


def read_routes(table: Mapping[str, Any], where: str, networks: Collection[str]) -> Routes:
    """Read `routes.toml`; every network it names must be one of `networks`.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    top = Table(table, where, ROUTE_KEYS[""], errors)
    order = _order(top, networks)
    orders: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in top.tables("route", ROUTE_KEYS["route"]):
        pair = _state(each, "requesting"), _state(each, "requested")
        if each.fine and pair in orders:
            each.wrong("", f"the way from {pair[0]} to {pair[1]} is given twice; keep one of them")
        orders[pair] = _order(each, networks)
    routes = Routes(order=order, orders=MappingProxyType(orders), source=top.source())
    if errors:
        raise ConfigurationErrors(errors)
    return routes


def _order(table: Table, networks: Collection[str]) -> tuple[str, ...]:
    order = table.some_of("order", networks)
    for number, each in enumerate(order):
        if each in order[:number]:
            table.wrong(f"order[{number}]", f"{shown(each)} is named twice")
    if table.has("order") and table.fine and not order:
        table.wrong("order", "expected at least one network")
    return order


def _state(table: Table, key: str) -> str:
    state = table.text(key)
    if state and state not in COUNTRIES:
        table.wrong(key, f'expected a country code such as "FR", found {shown(state)}')
    return state


def read_state(table: Mapping[str, Any], where: str, networks: Collection[str]) -> tuple[str, tuple[Contact, ...]]:
    """Read the directory of one State, `xx.toml`: its code and its contacts, in the file's order.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    file = where.rpartition("/")[2].removesuffix(".toml")
    if file.upper() not in COUNTRIES or file != file.lower():
        near = meant(file, ["networks", "routes"])
        advice = near if near.startswith("did you mean") else "name it by the code of the State, such as us.toml"
        raise ConfigurationErrors([f"{where}: is no part of the directory; {advice}"])
    errors: list[str] = []
    top = Table(table, where, CONTACT_KEYS[""], errors)
    state = _state(top, "state")
    if top.fine and state.lower() != file:
        top.wrong("state", f"expected {shown(file.upper())}, like the name of the file, found {shown(state)}")
    top.texts("notes", ())
    contacts: list[Contact] = []
    for each in top.tables("contact", CONTACT_KEYS["contact"]):
        contact = _contact(each, state, networks, {known.id for known in contacts})
        contacts.append(contact)
    if not contacts:
        top.wrong("contact", "expected at least one [[contact]]; delete the file if there is none")
    if errors:
        raise ConfigurationErrors(errors)
    return state, tuple(contacts)


def _contact(table: Table, state: str, networks: Collection[str], taken: Collection[str]) -> Contact:
    network = table.one_of("network", networks)
    usual = f"{state.lower()}.{network}"
    if usual in taken and not table.has("id"):
        table.wrong("id", f"is missing; a second contact over {network} needs one of its own, such as {usual}.night")
    id_ = table.text("id", usual)
    # With the State in front no two contacts, and no provider, can have the same: adapters are kept by it.
    if table.has("id") and (not _ID.fullmatch(id_) or id_ in taken or not id_.startswith(f"{state.lower()}.")):
        expected = f"a name of its own in small letters that begins with the State, such as {usual}.night"
        table.wrong("id", f"expected {expected}, found {shown(id_)}")
    languages = table.texts("languages")
    for number, language in enumerate(languages):
        if not _LANGUAGE.fullmatch(language):
            table.wrong(f"languages[{number}]", f'expected a language code such as "en", found {shown(language)}')
    return Contact(
        id=id_,
        network=network,
        name=table.text("name"),
        state=state,
        languages=languages,
        zone=table.zone("zone"),
        hours=table.text("hours", ""),
        notes=table.texts("notes", ()),
        adapter=_adapter(table),
        where=table.where,
        source=table.source(),
    )


def _adapter(table: Table) -> Mapping[str, Any]:
    """Its adapter table, checked by the adapter's own reader: a wrong one is found before it is needed."""
    given = table.values.get("adapter")
    if not isinstance(given, Mapping):
        table.wrong("adapter", 'is missing; expected a table such as [contact.adapter] with kind = "manual"')
        return MappingProxyType({})
    from providers.registry import check_adapter_table

    table.errors.extend(check_adapter_table(given, f"{table.where}: {table.path}"))
    return MappingProxyType(dict(given))


def authority_findings(
    case: Case, draft: RequestDraft, instrument: Instrument, catalogue: Catalogue
) -> Iterator[Finding]:
    """What stands in the way of asking another State; nothing for an instrument that goes to a provider.

    That no State is named, or that fields of article 29(2) are missing, is told with the instrument's other fields.
    """
    requested = case.mla.requested_state if case.mla else ""
    if instrument.addressee != "state" or not requested:
        return
    directory, where, state = catalogue.authorities, draft.place("instrument"), case.place("case.mla.requested_state")
    if requested == case.country:
        what = f"{instrument.id} asks another State, and {requested} is the requesting State itself"
        fix = "name the State that is asked, or choose an instrument of your own law"
        yield finding("addressee", state, what, fix, "warning")
    contacts = [each for each in directory.route(case.country, requested) if each.source is not None]
    if not contacts:
        what = f"no contact of {requested} is in the unit's directory: a person goes through your own contact point"
        file = f"{FOLDER}/{requested.lower()}.toml"
        fix = f"fill in {file} in your own folder (HOLDFAST_CONFIG), as docs/channels.md says"
        yield finding("addressee", state, what, fix, "warning")
    for contact in contacts:
        source = contact.source
        if source is not None and not source.verified:
            what = f"the contact {contact.id} was never verified (read {source.read_on}, {source.confidence})"
            yield finding(
                "unverified", where, what, f"call it, then set verified = true in {contact.where}", "warning"
            )
    first = directory.networks.get(directory.order_for(case.country, requested)[0])
    for each in dict.fromkeys((case.country, requested)):
        if first and first.leaves_out(each):
            what = f"{each} takes no part in the {first.name}, as far as is known here"
            fix = f"check that; if so, give the pair an order of its own in {FOLDER}/routes.toml"
            yield finding("addressee", where, what, fix, "warning")


def read_directory(names: Collection[str], read: Callable[[str, Callable[..., Any]], Any]) -> Authorities:
    """The whole directory.

    Args:
        names: its files ("authorities/us.toml"), of both folders.
        read: reads one of them with the reader given; None where something was wrong, which is told elsewhere.
    """
    networks = read(f"{FOLDER}/networks.toml", read_networks) if f"{FOLDER}/networks.toml" in names else {}
    if networks is None:
        return Authorities()
    known = tuple(networks) or ORDER
    routes: Routes | None = None
    contacts: dict[str, tuple[Contact, ...]] = {}
    for name in sorted(names):
        if name == f"{FOLDER}/routes.toml":
            routes = read(name, lambda table, where: read_routes(table, where, known))
        elif name != f"{FOLDER}/networks.toml":
            found = read(name, lambda table, where: read_state(table, where, known))
            contacts |= dict([found]) if found else {}
    return Authorities(
        networks=networks,
        contacts=MappingProxyType(contacts),
        order=routes.order if routes else ORDER,
        orders=routes.orders if routes else {},
        order_source=routes.source if routes else None,
    )
