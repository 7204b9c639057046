"""The commands `providers` and `instruments`: the catalogues, with source and age of every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from desk.endings import needs_person, wrong
from desk.speaking import all_harmless, draw, say_json, width
from desk.typed import as_json

if TYPE_CHECKING:
    from datetime import date

    from flows.catalogue import Catalogue


def _catalogue() -> tuple[Catalogue, date]:
    """The catalogue, checked, and today."""
    from flows.office import open_catalogue
    from flows.settings import load

    settings = load()
    return open_catalogue(settings), settings.now().date()


@click.group(invoke_without_command=True)
@click.pass_context
def providers(ctx: click.Context) -> None:
    """The providers known, with the source of every figure.

    Without a command: `list`. The files are config/providers/*.toml, and the unit's own folder laid over them
    (HOLDFAST_CONFIG).

    Example:  holdfast providers
              holdfast providers show snap
              holdfast providers check
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_providers)


@providers.command("list")
@click.option("--country", metavar="CODE", help="Show what a requester of that country gets, such as FR.")
@as_json
def list_providers(country: str | None = None, as_json: bool = False) -> None:
    """List all providers, by how far a hold can be relied on.

    The channels of each in order, how long it holds, how it extends, whether it tells its user, and how sure and
    how old that is.

    Example:  holdfast providers list --country FR

    Exit status:  0 listed
                  2 no such country, or the configuration is wrong: every place is named
    """
    from desk import provider_pages, provider_tables
    from flows.countries import COUNTRIES

    if country is not None and country.upper() not in COUNTRIES:
        raise wrong(f'--country: there is no country "{country}"', "  write its ISO 3166-1 code, such as FR or GB")
    asked = (country or "").upper()
    catalogue, today = _catalogue()
    rows = provider_tables.providers(catalogue, asked)
    if as_json:
        say_json(rows)
    else:
        draw(*provider_pages.providers_page(all_harmless(rows), today, catalogue.stale_after_days, width(), asked))


@providers.command("show")
@click.argument("provider", metavar="ID")
@as_json
def show_provider(provider: str, as_json: bool) -> None:
    """Show one provider.

    Every figure, where it stands, when it was read, how sure we are; and what is unknown.

    Example:  holdfast providers show snap

    Exit status:  0 shown
                  2 no such provider, or the configuration is wrong
    """
    from desk import catalogue_tables, provider_pages, provider_tables

    catalogue, today = _catalogue()
    record = catalogue_tables.record(_raw(catalogue, "provider", provider), today)
    unknown = provider_tables.silent(catalogue.providers[provider])
    record["unknown"] = [{"place": place, "what": what} for place, what in unknown]
    if as_json:
        say_json(record)
    else:
        draw(*provider_pages.provider_page(all_harmless(record), catalogue.stale_after_days))


@providers.command("check")
@click.argument("provider", metavar="[ID]", required=False)
@as_json
def check_providers(provider: str | None, as_json: bool) -> None:
    """Tell which figures of providers are old, changed, not verified, or missing.

    Providers change their texts without notice: a figure older than the policy allows (catalogue.stale_after_days)
    should be read again. Of one provider it tells every reason, of all a line each, the weightiest first.

    Example:  holdfast providers check
              holdfast providers check snap

    Exit status:  0 every figure is verified and fresh (what a provider is silent about is only shown)
                  1 somebody must read something again: listed
                  2 no such provider, or the configuration is wrong: every place is named
    """
    from desk import provider_pages, provider_tables
    from flows.words import number

    catalogue, today = _catalogue()
    if provider is not None:
        _raw(catalogue, "provider", provider)
    findings = provider_tables.check(catalogue, today, provider or "")
    if as_json:
        say_json(findings)
    else:
        draw(*provider_pages.check_page(all_harmless(findings), len(catalogue.providers), provider or ""))
    urgent = [each for each in findings if each["finding"] in provider_tables.PERSONS]
    if urgent:
        concerned = number(len({each["provider"] for each in urgent}), "provider")
        raise needs_person(f"needs a person: {number(len(urgent), 'figure')} of {concerned} to be read again")


@click.group(invoke_without_command=True)
@click.pass_context
def instruments(ctx: click.Context) -> None:
    """The instruments of law, with the source of every figure.

    Without a command: `list`. The files are config/instruments/*.toml, and the unit's own folder laid over them
    (HOLDFAST_CONFIG).

    Example:  holdfast instruments
              holdfast instruments show eu.epocpr
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_instruments)


@instruments.command("list")
@as_json
def list_instruments(as_json: bool = False) -> None:
    """List all instruments.

    How long each holds, how often it may be extended, what makes it open-ended.

    Exit status:  0 listed
                  2 the configuration is wrong: every place is named
    """
    from desk import catalogue_pages, catalogue_tables

    catalogue, today = _catalogue()
    rows = catalogue_tables.instruments(catalogue, today)
    if as_json:
        say_json(rows)
    else:
        draw(*catalogue_pages.instruments_page(rows, today, catalogue.stale_after_days))


@instruments.command("show")
@click.argument("instrument", metavar="ID")
@as_json
def show_instrument(instrument: str, as_json: bool) -> None:
    """Show one instrument.

    Every figure, where it stands, when it was read, how sure we are.

    Example:  holdfast instruments show us.18usc2703f

    Exit status:  0 shown
                  2 no such instrument, or the configuration is wrong
    """
    from desk import catalogue_pages, catalogue_tables

    catalogue, today = _catalogue()
    record = catalogue_tables.record(_raw(catalogue, "instrument", instrument), today)
    if as_json:
        say_json(record)
    else:
        draw(*catalogue_pages.record_page(all_harmless(record), catalogue.stale_after_days))


def _raw(catalogue: Catalogue, kind: str, name: str) -> dict[str, Any]:
    """The record's table; what is not known is told with where to look."""
    try:
        raw: dict[str, Any] = getattr(catalogue, f"raw_{kind}")(name)
    except LookupError as error:
        raise wrong(str(error).strip("'"), f"  `holdfast {kind}s list` shows all") from None
    return raw
