"""The command `authorities`: the networks between States, and the unit's own directory of contacts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from desk.endings import needs_person, wrong
from desk.speaking import all_harmless, draw, say_json
from desk.typed import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.authorities import Contact, Network
    from flows.catalogue import Catalogue
    from timeline.rules import Source

DUTY = {True: "obliges to preserve", False: "obliges nobody", None: "depends on the treaty"}


def _catalogue() -> tuple[Catalogue, date]:
    from flows.office import open_catalogue
    from flows.settings import load

    settings = load()
    return open_catalogue(settings), settings.now().date()


@click.group(invoke_without_command=True)
@click.pass_context
def authorities(ctx: click.Context) -> None:
    """Authorities of other States, and the networks between them.

    Without a command: `list`. The networks are shipped; the contacts are the unit's own, in `authorities` of its
    folder (HOLDFAST_CONFIG), one file per State. docs/channels.md says how to fill them in.

    Example:  holdfast authorities
              holdfast authorities show US --from FR
              holdfast authorities check
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_authorities)


@authorities.command("list")
@as_json
def list_authorities(as_json: bool = False) -> None:
    """List the networks, and the States of the directory.

    Example:  holdfast authorities list

    Exit status:  0 listed
                  2 the configuration is wrong: every place is named
    """
    catalogue, today = _catalogue()
    networks = [_network(each, today) for each in catalogue.authorities.networks.values()]
    states = {state: [_contact(each, today) for each in own] for state, own in catalogue.authorities.contacts.items()}
    document = {"order": list(catalogue.authorities.order), "networks": networks, "states": states}
    if as_json:
        say_json(document)
    else:
        draw(*_list_page(all_harmless(document)))


@authorities.command("show")
@click.argument("state", metavar="STATE")
@click.option("--from", "requesting", default="", metavar="XX", help="The requesting State: its order may differ.")
@as_json
def show_authorities(state: str, requesting: str, as_json: bool) -> None:
    """Show in which order the authorities of a State are asked.

    The last way is always a person at the unit's own contact point.

    Example:  holdfast authorities show US
              holdfast authorities show US --from FR

    Exit status:  0 shown
                  2 no such State, or the configuration is wrong
    """
    from flows.countries import COUNTRIES

    for code in filter(None, (state, requesting)):
        if code.upper() not in COUNTRIES:
            raise wrong(f'there is no State "{code}"; write a code such as US')
    catalogue, today = _catalogue()
    directory = catalogue.authorities
    asking, asked = requesting.upper(), state.upper()
    route = [_contact(each, today) for each in directory.route(asking, asked)]
    document = {"requesting": asking or None, "requested": asked, "order": list(directory.order_for(asking, asked))}
    if as_json:
        say_json(document | {"route": route})
    else:
        draw(*_show_page(all_harmless(document | {"route": route}), catalogue.stale_after_days))


@authorities.command("check")
@as_json
def check_authorities(as_json: bool) -> None:
    """Tell which contacts are old or were never verified, and where there are none.

    A contact that nobody has called for months may be gone on the night it is needed.

    Example:  holdfast authorities check

    Exit status:  0 every contact is verified and fresh
                  1 somebody must look: listed
                  2 the configuration is wrong: every place is named
    """
    from flows.words import number

    catalogue, today = _catalogue()
    findings = list(_findings(catalogue, today))
    contacts = sum(map(len, catalogue.authorities.contacts.values()))
    if as_json:
        say_json(findings)
    else:
        draw(*_check_page(all_harmless(findings), number(contacts, "contact")))
    if findings:
        raise needs_person(f"needs a person: {number(len(findings), 'matter')} in the directory of authorities")


def _network(network: Network, today: date) -> dict[str, Any]:
    members = None if network.members is None else list(network.members)
    return {
        "id": network.id,
        "name": network.name,
        "basis": network.basis,
        "carries": list(network.carries),
        "duty_to_preserve": network.duty_to_preserve,
        "members": members,
        "not_members": list(network.not_members),
        "notes": list(network.notes),
    } | _stands(network.source, today)


def _contact(contact: Contact, today: date) -> dict[str, Any]:
    adapter = contact.adapter
    return {
        "id": contact.id,
        "network": contact.network,
        "name": contact.name,
        "state": contact.state,
        "languages": list(contact.languages),
        "zone": contact.zone,
        "hours": contact.hours,
        "notes": list(contact.notes),
        "adapter": adapter.get("kind"),
        "channel": adapter.get("channel") or adapter.get("kind"),
        "file": contact.where if contact.source else None,
    } | (_stands(contact.source, today) if contact.source else {})


def _stands(source: Source, today: date) -> dict[str, Any]:
    return {
        "source": source.text,
        "read_on": source.read_on.isoformat(),
        "age_days": (today - source.read_on).days,
        "confidence": str(source.confidence),
        "verified": source.verified,
    }


def _findings(catalogue: Catalogue, today: date) -> Iterator[dict[str, str]]:
    """What somebody must look at. The networks' own figures are checked too: they are shipped, and age as well."""
    directory, stale = catalogue.authorities, catalogue.stale_after_days
    if not directory.contacts:
        what = "no State has a file: every request to a State goes by your own contact point"
        yield {"about": "directory", "finding": "empty", "what": f"{what}; docs/channels.md says how to fill it in"}
    for contact in (each for own in directory.contacts.values() for each in own):
        if contact.source is None:
            continue
        if not contact.source.verified:
            what = f"nobody has verified it: call it, then set verified = true in {contact.where}"
            yield {"about": contact.id, "finding": "unverified", "what": what}
        age = (today - contact.source.read_on).days
        if age > stale:
            what = f"read on {contact.source.read_on}, {age} days ago: call it, and set read_on in {contact.where}"
            yield {"about": contact.id, "finding": "old", "what": what}
    for network in directory.networks.values():
        age = (today - network.source.read_on).days
        if age > stale:
            what = f"read on {network.source.read_on}, {age} days ago: read {network.source.text} again"
            yield {"about": network.id, "finding": "old", "what": what}


def _list_page(document: dict[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    from desk import outlook

    yield Text("Networks, in the order in which they are tried", style="bold")
    table = outlook.grid("fixed", "flow")
    known = {each["id"]: each for each in document["networks"]}
    for id_ in (*document["order"], *(each for each in known if each not in document["order"])):
        if id_ in known:
            each = known[id_]
            text = Text(each["name"])
            text.append(f"\n{DUTY[each['duty_to_preserve']]}; carries {', '.join(each['carries'])}", style="dim")
            table.add_row(Text(id_, style="bold"), text)
    yield outlook.indented(table)
    yield Text("\nStates in the directory", style="bold")
    table = outlook.grid("fixed", "flow")
    for state, contacts in document["states"].items():
        table.add_row(Text(state, style="bold"), Text(", ".join(each["network"] for each in contacts)))
    if document["states"]:
        yield outlook.indented(table)
    else:
        yield Text("  None yet: your own contact point is asked for every State. docs/channels.md", style="dim")
    yield Text("\n`holdfast authorities show XX` shows whom a State is asked through.", style="dim")


def _show_page(document: dict[str, Any], stale: int) -> Iterator[RenderableType]:
    from rich.text import Text

    from desk import outlook

    between = f"{document['requesting']} asks {document['requested']}" if document["requesting"] else "Anybody asks "
    yield Text(between + ("" if document["requesting"] else document["requested"]), style="bold")
    table = outlook.grid("fixed", "fixed", "flow")
    for place, each in enumerate(document["route"], 1):
        text = Text(each["name"])
        facts = [", ".join(each["languages"]), each["zone"], each["hours"], *each["notes"]]
        if "read_on" in each:
            text.append(f"\n{'; '.join(filter(None, facts))}", style="dim")
            old = each["age_days"] > stale
            text.append(
                f"\nread {each['read_on']}, confidence {each['confidence']}", style="yellow" if old else "dim"
            )
            if not each["verified"]:
                text.append("; NOT VERIFIED", style="bold yellow")
        else:
            text = Text("through your own contact point, by a person")
        how = each["channel"] if each["adapter"] == "manual" else f"{each['channel']} (machine)"
        table.add_row(Text(f"{place}. {each['id']}", style="bold"), Text(how), text)
    yield outlook.indented(table)
    if len(document["route"]) == 1:
        file = f"authorities/{document['requested'].lower()}.toml"
        yield Text(
            f"\nNo contact of {document['requested']} is known: fill in {file} in your own folder.", style="dim"
        )


def _check_page(findings: list[dict[str, str]], contacts: str) -> Iterator[RenderableType]:
    from rich.text import Text

    from desk import outlook

    if not findings:
        yield Text(f"{contacts}: every one is verified and fresh.")
        return
    table = outlook.grid("fixed", "fixed", "flow")
    for each in findings:
        table.add_row(Text(each["about"], style="bold"), Text(each["finding"], style="yellow"), Text(each["what"]))
    yield table
