"""How every page begins: its title, when it was made, and the way to the others."""

from __future__ import annotations

from flows.pages.links import BOARD, PEOPLE, QUEUE, RISK, Links
from flows.pages.markup import link, page, plain
from flows.pages.seen import AsAt
from flows.words import moment

OTHERS = {QUEUE: "Desk queue", BOARD: "Board", PEOPLE: "Needs a person", RISK: "At risk"}
"""The pages that every page leads to, and their names."""


def stamp(links: Links, as_at: AsAt) -> str:
    """When a page was made, of which part of the record, and by which run."""
    made = f"As at {moment(as_at.now)}, event {as_at.through:,} of the record"
    return made + (f", by {link('this run', links.run(as_at.run))}" if as_at.run else "")


def heading(title: str, links: Links, as_at: AsAt, *, here: str = "") -> str:
    """The top of a page; `here` is its own key, where every page leads to it."""
    others = [link(name, to) for key, name in OTHERS.items() if key != here and (to := links.page(key))]
    return page(f"# {plain(title)}", " · ".join([stamp(links, as_at), *others]))
