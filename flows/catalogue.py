"""The catalogue: everything under `config/`, read and checked before the first request leaves.

`load` reads the shipped folder and, where the unit has one, its own folder laid over it: a file of the same
name is merged key by key (a list replaces the whole list), a new file is added; the shipped files are never
written to, and a figure changed without a source of its own says so and counts as not verified. All errors
are collected and told at once, each with its file and place.

The raw tables stay available (`Catalogue.raw_instrument`, `raw_provider`): the ledger keeps them with a request,
so that a later change of the law or of a provider's text does not move the clocks of a request that already
runs. `read_instrument` and `read_provider_terms` read them again.
"""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from flows.authorities import Authorities, read_directory
from flows.law import read_forecasts, read_instrument
from flows.policy import Pacing, Publishing, RungChannels, read_policy
from flows.practice import read_provider, read_provider_terms
from flows.provider_entry import Channel, Documents, Entity, IdentifierRule, ProviderEntry
from flows.reading import SOURCE_KEYS, ConfigurationErrors, Table, meant
from timeline.rules import Instrument, MlaProfile, Policy, Source

__all__ = [
    "SHIPPED",
    "Catalogue",
    "Channel",
    "ConfigurationErrors",
    "Documents",
    "Entity",
    "Figure",
    "IdentifierRule",
    "ProviderEntry",
    "RungChannels",
    "figures",
    "load",
    "read_instrument",
    "read_provider",
    "read_provider_terms",
]

SHIPPED = Path(__file__).resolve().parent.parent / "config"

_SINGLE = ("mla.toml", "policy.toml")
_KINDS = ("instruments", "providers", "authorities")
_Value = TypeVar("_Value")
_Read = Callable[[Mapping[str, Any], str], _Value]
_TOML_PLACE = re.compile(r"(?P<what>.*) \(at (?P<place>line \d+, column \d+|end of document)\)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One table of a record that gives a figure: its place ("extension[0]"), what it says, where it stands."""

    place: str
    values: Mapping[str, Any]
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """The law, the practice and the policy, checked. Mappings are by id and cannot be changed.

    `profile_by_state` names the profile published for a requested State; it is advice for a person: a case
    that names no profile gets the default one. `long_period_days`, `many_identifiers`, `accounts` and `publishing`
    are the unit's: see `flows.policy.Decided`. `languages` are those in which letters can be written.
    """

    instruments: Mapping[str, Instrument]
    providers: Mapping[str, ProviderEntry]
    profiles: Mapping[str, MlaProfile]
    default_profile: str
    profile_by_state: Mapping[str, str]
    policy: Policy
    rung_channels: tuple[RungChannels, ...]
    stale_after_days: int
    long_period_days: int
    many_identifiers: int
    accounts: tuple[str, ...]
    publishing: Publishing
    pacing: Pacing
    raw: Mapping[str, Mapping[str, Any]]
    authorities: Authorities = field(default_factory=Authorities)
    languages: tuple[str, ...] = ()

    def profile(self, id: str = "") -> MlaProfile:  # noqa: A002 - the word of the domain
        """The profile of that id, the default one for "". `LookupError` says which there are."""
        wanted = id or self.default_profile
        if wanted not in self.profiles:
            raise LookupError(f'no MLA profile "{wanted}"; {meant(wanted, self.profiles)}')
        return self.profiles[wanted]

    def raw_instrument(self, id: str) -> dict[str, Any]:  # noqa: A002
        """A copy of the instrument's table as read (days as `date`). `LookupError` says which there are."""
        return self._raw("instruments", id, self.instruments)

    def raw_provider(self, id: str) -> dict[str, Any]:  # noqa: A002
        """A copy of the provider's table as read. `LookupError` says which there are."""
        return self._raw("providers", id, self.providers)

    def _raw(self, folder: str, id: str, known: Mapping[str, object]) -> dict[str, Any]:  # noqa: A002
        if id not in known:
            raise LookupError(f'no {folder.removesuffix("s")} "{id}"; {meant(id, known)}')
        return copy.deepcopy(dict(self.raw[f"{folder}/{id}.toml"]))


def figures(raw: Mapping[str, Any], where: str = "", place: str = "") -> Iterator[Figure]:
    """Every figure of a raw table with its source, in the order of the file. For showing age and confidence."""
    if "source" in raw:
        errors: list[str] = []
        source = Table(
            {key: raw[key] for key in SOURCE_KEYS if key in raw}, where, SOURCE_KEYS, errors, place
        ).source()
        if errors:
            raise ConfigurationErrors(errors)
        yield Figure(
            place=place, values={key: value for key, value in raw.items() if key not in SOURCE_KEYS}, source=source
        )
    for key, value in raw.items():
        inner = f"{place}.{key}" if place else key
        if inner == "adapter":
            continue  # how it is spoken to is no fact about it
        if isinstance(value, Mapping):
            yield from figures(value, where, inner)
        elif isinstance(value, list | tuple):
            for number, each in enumerate(value):
                if isinstance(each, Mapping):
                    yield from figures(each, where, f"{inner}[{number}]")


def toml_table(path: Path, shown: str) -> dict[str, Any]:
    """Parse one file; an empty one is an error, since it says nothing where somebody meant something."""
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationErrors([f"{shown}: cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationErrors([f"{shown}: is not UTF-8 text (byte {error.start + 1})"]) from error
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.fullmatch(str(error))
        what, place = (found["what"], found["place"]) if found else (str(error), "")
        if place == "end of document":
            place = f"line {text.count(chr(10)) + 1}, end of file"
        raise ConfigurationErrors([f"{shown}: {place}: {what}" if place else f"{shown}: {what}"]) from error
    if not table:
        raise ConfigurationErrors([f"{shown}: is empty; fill it or delete it"])
    return table


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Merge key by key. A figure changed without a source of its own must not pass for the shipped source's."""
    merged = dict(under)
    for key, value in over.items():
        below = under.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = laid_over(below, value, where)
        else:
            merged[key] = value
    if "source" in under and "source" not in over and any(merged[key] != under.get(key) for key in over):
        merged |= {"source": f"changed in {where}; was: {under['source']}", "verified": False}
    return merged


class _Folder:
    """One configuration folder: its files by name ("policy.toml", "providers/snap.toml"), found once."""

    def __init__(self, root: Path, shown: str, errors: list[str]) -> None:
        self.root, self.shown = root, shown
        self.entries = self._listed(root, shown, errors)
        self.files = {path.name: path for path in self.entries if path.name in _SINGLE}
        for kind in _KINDS:
            for path in self._listed(root / kind, f"{shown}/{kind}", errors) if root / kind in self.entries else ():
                if path.suffix == ".toml":
                    self.files[f"{kind}/{path.name}"] = path
                elif path.suffix != ".md":
                    errors.append(f"{shown}/{kind}/{path.name}: expected a file named ID.toml; rename or remove it")

    @staticmethod
    def _listed(folder: Path, shown: str, errors: list[str]) -> list[Path]:
        try:
            found = sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            errors.append(f"{shown}: expected a folder with the configuration, found none")
            return []
        except OSError as error:
            errors.append(f"{shown}: cannot be read: {error.strerror or error}")
            return []
        return [path for path in found if path.name[0] not in "._#" and path.name[-1] != "~"]

    def check_against(self, shipped: _Folder, errors: list[str]) -> None:
        """Note what nothing would ever read: a misspelt name must not pass as if it had been heeded."""
        known = [path.name for path in shipped.entries]
        for path in self.entries:
            if path.name not in known and (path.suffix == ".toml" or path.is_dir()):
                errors.append(
                    f"{self.shown}/{path.name}: is not a part of the configuration; {meant(path.name, known)}"
                )


class _Reader:
    """Reads the files of both folders and collects what is wrong."""

    def __init__(self, folders: list[_Folder], errors: list[str]) -> None:
        self.folders, self.errors = folders, errors
        self.raw: dict[str, Mapping[str, Any]] = {}

    def read(self, name: str, read: _Read[_Value]) -> _Value | None:
        """The value of one file, each folder's laid over the one before; None where something is wrong."""
        table: dict[str, Any] = {}
        value: _Value | None = None
        for folder in self.folders:
            if name not in folder.files:
                continue
            where = f"{folder.shown}/{name}"
            try:
                over = toml_table(folder.files[name], where)
                if "like" in over:
                    table = self._like(over.pop("like"), name, where)
                table = laid_over(table, over, where)
                value = _checked(read, table, where)
            except ConfigurationErrors as wrong:
                self.errors.extend(wrong.errors)
                return None  # whatever is laid over a wrong file would tell the same errors again
        if not table:
            self.errors.append(f"{self.folders[0].shown}/{name}: is missing")
        self.raw[name] = MappingProxyType(table)
        return value

    def _like(self, other: Any, name: str, where: str) -> dict[str, Any]:
        """The table of the record that a file says it is like, as the shipped folder has it."""
        model = f"{name.partition('/')[0]}/{other}.toml"
        path = self.folders[0].files.get(model)
        if path is None or model == name or "/" not in name:
            known = [
                Path(file).stem for file in self.folders[0].files if file.startswith(name.partition("/")[0] + "/")
            ]
            raise ConfigurationErrors(
                [f"{where}: like: expected the id of a shipped record; {meant(str(other), known)}"]
            )
        table = toml_table(path, f"{self.folders[0].shown}/{model}")
        if "like" in table:
            raise ConfigurationErrors([f"{where}: like: {other} is itself like another; name that one"])
        return table

    def names(self, kind: str) -> list[str]:
        """The files of a kind, of all folders, by name."""
        return sorted({name for folder in self.folders for name in folder.files if name.startswith(f"{kind}/")})

    def where(self, name: str) -> str:
        """The file of that name that speaks last, as messages name it."""
        return next(f"{folder.shown}/{name}" for folder in reversed(self.folders) if name in folder.files)

    def every(self, kind: str, read: _Read[_Value]) -> Mapping[str, _Value]:
        """The values of a kind of file, by id, in the order of their names."""
        values = {Path(name).stem: self.read(name, read) for name in self.names(kind)}
        return MappingProxyType({name: value for name, value in values.items() if value is not None})


def _checked(read: _Read[_Value], table: Mapping[str, Any], where: str) -> _Value:
    """Read a table; where the file is named by an id, the two must agree."""
    wanted, errors = where.rpartition("/")[2].removesuffix(".toml"), []
    if isinstance(table.get("id"), str) and table["id"].strip() and table["id"] != wanted:
        errors.append(f'{where}: id: expected "{wanted}", like the name of the file, found "{table["id"]}"')
    try:
        value = read(table, where)
    except ConfigurationErrors as wrong:
        raise ConfigurationErrors([*errors, *wrong.errors]) from wrong
    if errors:
        raise ConfigurationErrors(errors)
    return value


def files(overlay: Path | None = None, shipped: Path | None = None) -> tuple[tuple[str, int, int, int], ...]:
    """Which folders, and every file in them as it is now: name, size, time and number.

    Where this is the same, `load` would read the same.
    """
    found = [(str(overlay), 0, 0, 0)]
    for root in (shipped or SHIPPED, overlay):
        for folder, _, names in os.walk(root) if root is not None else ():
            for name in names:
                with suppress(OSError):  # gone meanwhile: `load` will say so
                    seen = (Path(folder) / name).stat()
                    found.append((f"{folder}/{name}", seen.st_size, seen.st_mtime_ns, seen.st_ino))
    return tuple(sorted(found))


def _languages(folders: Sequence[_Folder]) -> tuple[str, ...]:
    """Those that letters have texts in; `flows.stationery` reads and checks them."""
    found = {path.stem for each in folders for path in each.root.glob("letters/*.toml")}
    return tuple(sorted(found - {"letters"}))


def _go_on(instruments: Mapping[str, Instrument], reader: _Reader, errors: list[str]) -> None:
    """Whether there is every instrument that another names to go on with; one whose file is wrong counts as there."""
    known = {Path(name).stem for name in reader.names("instruments")}
    for each in instruments.values():
        if each.escalate and each.escalate not in known:
            where = reader.where(f"instruments/{each.id}.toml")
            errors.append(
                f"{where}: repeat.escalate: expected the id of an instrument; {meant(each.escalate, known)}"
            )


def load(overlay: Path | None = None, shipped: Path | None = None) -> Catalogue:
    """Read and check the whole configuration.

    Args:
        overlay: the unit's own folder (`HOLDFAST_CONFIG`), laid over the shipped one; None for none.
        shipped: the shipped folder; None for the one beside the rooms.

    Raises:
        ConfigurationErrors: something is wrong in either folder; every place is listed. Nothing may be sent
            before all are mended.
    """
    errors: list[str] = []
    base = _Folder(shipped or SHIPPED, "config" if shipped is None else str(shipped), errors)
    folders = [base]
    if overlay is not None:
        folders.append(_Folder(overlay, str(overlay), errors))
        folders[1].check_against(base, errors)
    reader = _Reader(folders, errors)
    instruments = reader.every("instruments", read_instrument)
    providers = reader.every("providers", read_provider)
    forecasts = reader.read("mla.toml", read_forecasts)
    decided = reader.read("policy.toml", read_policy)
    authorities = read_directory(reader.names("authorities"), reader.read)
    _go_on(instruments, reader, errors)
    if errors or forecasts is None or decided is None:
        raise ConfigurationErrors(errors)
    return Catalogue(
        instruments=instruments,
        providers=providers,
        profiles=forecasts.profiles,
        default_profile=forecasts.default,
        profile_by_state=forecasts.by_state,
        policy=decided.policy,
        rung_channels=decided.rung_channels,
        stale_after_days=decided.stale_after_days,
        long_period_days=decided.long_period_days,
        many_identifiers=decided.many_identifiers,
        accounts=decided.accounts,
        publishing=decided.publishing,
        pacing=decided.pacing,
        raw=MappingProxyType(reader.raw),
        authorities=authorities,
        languages=_languages(folders),
    )
