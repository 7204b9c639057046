"""What a form keeps in clear is no account: not of the request it is about, and not of another one.

An account of the request itself is found wherever it stands in a text (`flows.replying.name_no_account`). Whoever
enters an answer to the wrong request types the account of another one: that is found by its keyed digest, without
unsealing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flows.forms.entered import Wrong
from flows.identifiers import CHECKS, normalise
from flows.office import Office

SHORTEST = 4
"""Characters of a part of a text that is looked for: "7" is in many a number."""


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
    """The text, and its words that have something else in them than letters."""
    yield text.strip()
    for word in re.split(r"[\s,;|()\[\]<>\"']+", text):
        for part in (word, word.strip(".:-_/#")):
            if len(part) >= SHORTEST and not part.isalpha():
                yield part
