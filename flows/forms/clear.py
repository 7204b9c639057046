"""What a form keeps or says in clear is no account: not of the request it is about, and not of another one.

An account of the request itself is found wherever it stands in a text (`flows.replying.name_no_account`). Whoever
enters an answer to the wrong request types the account of another one: that is found by its keyed digest, without
unsealing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flows.forms.case_form import harmless
from flows.forms.entered import Wrong
from flows.identifiers import CHECKS, normalise
from flows.office import Office

SHORTEST = 5
"""Characters of a part of a text that is looked for: "7" and "2026" are in many a number."""

QUOTED = 3
"""Characters of a text that is noticed where it is quoted; a country has two."""

EDGES = 12
"""Edges of words that such a part may span."""

_PLACE = re.compile(r"(?:[A-Z][^:;]*: ){1,2}")


def names_no_account(office: Office, texts: Mapping[str, str]) -> None:
    """Refuse texts that are, or hold as a word, the account of any live request. `texts`: by the field's title.

    Of a part of a text only what no plain word can be: a name is no less one for being somebody's username.

    Raises:
        Wrong: names every such field, and quotes nothing.
    """
    said = {title: dict.fromkeys(_parts(text)) for title, text in texts.items() if text.strip()}
    blinds = {
        office.vault.blind(type_, normalise(type_, part)): title
        for title, parts in said.items()
        for part in parts
        for type_ in CHECKS
    }
    if found := {blinds[each] for each in office.ledger.find_live(blinds)}:
        lines = [
            f"{title}: names an account and stays readable; write it without" for title in said if title in found
        ]
        raise Wrong(lines)


def _parts(text: str) -> Iterator[str]:
    """The text, and every part of it from one edge of a word to another that has more in it than letters."""
    yield text.strip()
    edges = [0, *(n for n in range(1, len(text)) if not text[n - 1 : n + 1].isalnum()), len(text)]
    for number, start in enumerate(edges):
        for end in edges[number + 1 : number + 1 + EDGES]:
            part = text[start:end]
            if len(part) >= SHORTEST and part == part.strip() and not part.replace(" ", "").isalpha():
                yield part


def unquoted(lines: Sequence[str], given: Mapping[str, Any]) -> list[str]:
    """Lines for the clerk without any that quotes what was typed: in its stead, that the field is wrong.

    The words of the checks quote a country or a language, and anything may have been typed there.
    """
    kept = set(_texts(harmless(given)))
    typed = {text.casefold() for each in _texts(given) if each not in kept and len(text := each.strip()) >= QUOTED}
    return list(dict.fromkeys(_unquoted(line) if _quotes(line, typed) else line for line in lines))


def _texts(given: object) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for each in given.values():
            yield from _texts(each)
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _texts(each)


def _quotes(line: str, typed: Iterable[str]) -> bool:
    text = line.casefold()
    return any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text) for each in typed)


def _unquoted(line: str) -> str:
    found = _PLACE.match(line)
    return f"{found[0] if found else ''}cannot be used as it is; read the help below the field"
