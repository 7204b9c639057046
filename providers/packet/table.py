"""The `[adapter]` table of a channel that needs a person: kind = "manual". Described in docs/providers.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from providers.packet.words import FormLine, form_line
from providers.section import Section, TableError, shown

PROVIDER_CHANNELS = ("portal", "web-form", "e-mail", "fax", "post", "phone", "it-system")
STATE_CHANNELS = ("24-7", "interpol", "central-authority", "diplomatic")
CHANNELS = (*PROVIDER_CHANNELS, *STATE_CHANNELS)
"""How a person reaches a provider, or an authority of another State."""

LISTS = ("lines", "csv")
ORDERS = ("given", "type")
KEYS = (
    *("kind", "channel", "name", "url", "address", "form", "identifiers", "identifier_order"),
    *("editable_annex_over", "notes"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ManualTable:
    """How a person says it, and what the other side wants to see.

    Args:
        channel: one of `CHANNELS`.
        name: what the channel is called ("LESS"), "" where it has no name of its own.
        url: where a portal or a web form is, "" where unknown.
        address: where else it goes: a fax or telephone number, an e-mail or a postal address; "" where unknown.
        form: what the form asks, in its order; empty where nobody has written it down.
        identifiers: as one a line, or as CSV.
        by_type: identifiers sorted by their type; else as the officer gave them.
        editable_annex_over: from more identifiers than this, an editable list is wanted; None for never.
        notes: what else the person should know.
    """

    channel: str = "portal"
    name: str = ""
    url: str = ""
    address: str = ""
    form: tuple[FormLine, ...] = ()
    identifiers: str = "lines"
    by_type: bool = False
    editable_annex_over: int | None = None
    notes: tuple[str, ...] = ()


def read_manual_table(table: Mapping[str, object], where: str) -> ManualTable:
    """Read an `[adapter]` table of kind "manual", whole.

    Raises:
        TableError: with every problem, each with file and key.
    """
    problems: list[str] = []
    section = Section(table, where=where, path="adapter", problems=problems, keys=KEYS)
    given = {key: section.text(key) for key in ("name", "url", "address") if key in section.values}
    read = ManualTable(
        channel=section.word("channel", CHANNELS, "portal"),
        **given,
        form=_form(section),
        identifiers=section.word("identifiers", LISTS, "lines"),
        by_type=section.word("identifier_order", ORDERS, "given") == "type",
        editable_annex_over=section.whole("editable_annex_over", None, of="identifiers", least=0),
        notes=_texts(section, "notes"),
    )
    if read.url and not _is_address(read.url):
        section.wrong("url", "expected an address such as https://host/path, without a user in it")
    if problems:
        raise TableError(problems)
    return read


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return False
    fine = text.isascii() and text.isprintable() and " " not in text
    return bool(fine and url.scheme == "https" and host and "@" not in url.netloc)


def _wrong(section: Section, key: str, number: int, what: str) -> None:
    section.problems.append(f"{section.where}: {section.path}.{key}[{number}]: {what}")


def _texts(section: Section, key: str) -> tuple[str, ...]:
    values = section.values.get(key, [])
    if not isinstance(values, list | tuple):
        section.wrong(key, f"expected a list of texts, found {shown(values)}")
        return ()
    for number, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            _wrong(section, key, number, f"expected a text, found {shown(value)}")
    return tuple(value for value in values if isinstance(value, str))


def _form(section: Section) -> tuple[FormLine, ...]:
    lines = []
    for number, text in enumerate(_texts(section, "form")):
        try:
            lines.append(form_line(text))
        except ValueError as error:
            _wrong(section, "form", number, str(error))
    return tuple(lines)
