"""The drop-downs that come from the catalogues: what is shown, and the id behind it.

They are read once, where a form is made: `holdfast serve` and `prefect deploy` make the forms anew whenever they
start, so a provider that the unit has added stands in them from then on. What a run then checks is the catalogue as
it is at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from flows.catalogue import Catalogue
from flows.identifiers import CHECKS, COMMON, REFUSED
from flows.office import open_catalogue
from flows.settings import SettingsError, load
from providers.errors import ConfigurationError

NONE = ""


def shown(name: str, id: str) -> str:  # noqa: A002 - the word of the domain
    """An entry of a drop-down: what it is called, and its id in brackets."""
    return f"{name} ({id})" if name != id else id


def meant(choice: str) -> str:
    """The id behind an entry of a drop-down; what is no such entry is taken for an id itself."""
    _, bracket, rest = choice.rpartition("(")
    return rest.removesuffix(")") if bracket and choice.endswith(")") else choice


@cache
def _catalogue() -> Catalogue | None:
    """The unit's catalogue; None where it cannot be read now, which every run tells by itself."""
    try:
        return open_catalogue(load())
    except (ConfigurationError, SettingsError):
        return None


def providers() -> list[str]:
    """Every provider of the unit's catalogue, by name."""
    known = _catalogue()
    return _sorted(shown(each.terms.name, name) for name, each in known.providers.items()) if known else []


def instruments() -> list[str]:
    """Every instrument that a request can be sent under, by country."""
    known = _catalogue()
    return [shown(each.title, name) for name, each in known.instruments.items() if each.sendable] if known else []


def profiles() -> list[str]:
    """Every forecast of how long an answer takes, the unit's own default first."""
    known = _catalogue()
    return [NONE, *known.profiles] if known else []


def types() -> list[str]:
    """Every type of identifier that can be asked for, the common ones first."""
    rest = [each for each in CHECKS if each not in COMMON and each not in REFUSED]
    return [*COMMON, *rest]


def _sorted(choices: Iterable[str]) -> list[str]:
    return sorted(choices, key=str.casefold)
