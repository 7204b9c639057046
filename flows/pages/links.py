"""The addresses of forms, pages and runs in the Prefect UI.

Addresses go up from the page that they stand on (``../../``): so they stay in the UI that the reader uses (both UIs
have the same paths), and behind any path of a proxy. Where a whole address is needed, in a mail or a message,
`PREFECT_UI_URL` says how it begins.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

QUEUE, BOARD, PEOPLE, RISK, REPORT = "desk-queue", "board", "needs-a-person", "at-risk", "report"
"""Keys of the pages of which there is one."""

FROM_A_PAGE = "../../"
"""The way up from a page (`artifacts/artifact/<id>`) or a run to where the UI begins."""

_OTHERS = re.compile("[^a-z0-9]+")
SLUG = 40
"""Characters of a case's reference that its key shows."""


def case_key(case: str) -> str:
    """The key of a case's page. Two references that look alike in it are told apart by the end."""
    slug = _OTHERS.sub("-", case.lower()).strip("-")[:SLUG].strip("-")
    return "-".join(filter(None, ("case", slug, _short(case))))


def item_key(request: str, about: str) -> str:
    """The key of a work item's page."""
    return f"item-{request.lower()}-{_short(about)}"


def part_key(provider: str, number: int) -> str:
    """The key of a page of the desk queue that has one provider's items, of which it takes several by `number`."""
    slug = _OTHERS.sub("-", provider.lower()).strip("-")[:SLUG].strip("-")
    return "-".join(filter(None, (QUEUE, slug, _short(provider), str(number) if number > 1 else "")))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where everything is on a server. `deployments`: flow name to deployment id; `pages`: key to artifact id.

    `base` is where the UI begins: `FROM_A_PAGE`, or an address for whoever reads elsewhere.
    """

    deployments: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    base: str = FROM_A_PAGE

    def form(self, flow: str, fields: Mapping[str, str] | None = None) -> str:
        """The form of a flow, filled in; "" where it is not served. Fields hold opaque ids and closed words only."""
        deployment = self.deployments.get(flow)
        if not deployment:
            return ""
        address = f"{self.base}deployments/deployment/{deployment}/run"
        given = json.dumps(dict(fields), separators=(",", ":")) if fields else ""
        return f"{address}?parameters={quote(given, safe='')}" if given else address

    def page(self, key: str) -> str:
        """A page by its key; "" where there is none."""
        artifact = self.pages.get(key)
        return f"{self.base}artifacts/artifact/{artifact}" if artifact else ""

    def run(self, run: str) -> str:
        """A run by its id; "" for ""."""
        return f"{self.base}runs/flow-run/{run}" if run else ""


def whole(ui: str) -> str:
    """The base of whole addresses, from what `PREFECT_UI_URL` says; `FROM_A_PAGE` for ""."""
    return f"{ui.rstrip('/')}/" if ui else FROM_A_PAGE
