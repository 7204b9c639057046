"""The pages as they lie on the Prefect server: artifacts, found by key, changed in place.

A page keeps its address as long as it is changed in place, and the database does not grow. Prefect keeps the newest
artifact of each key a second time, for the lists; changing an artifact changes that copy too (its server does both in
one transaction), so nothing has to be made anew. No page belongs to a run: it would go with the run when that is
tidied up. Prefect's own methods for artifacts would send an event about each change; these requests send none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PORTION = 20
"""Pages looked at in one question: with their text, which cannot be left out."""

MANY = 200
"""The most that Prefect's server gives in one answer."""

NOT_FOUND = 404

OVER = "over"
"""The mark of a page that says since when what it shows is over: it goes some day (`flows.serving.tidying`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lying:
    """A page as it lies there: its artifact, and from how many events of which record it was made.

    `of` is "" for a page that is not ours. `marks` are its other marks.
    """

    id: str
    of: str
    through: int
    digest: str
    marks: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page to lie there. `about` is its line in lists; `stamp` a part that alone does not make it another page."""

    key: str
    about: str
    markdown: str
    stamp: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What tells two contents apart."""
        body = self.markdown.replace(self.stamp, "", 1) if self.stamp else self.markdown
        return hashlib.sha256(f"{self.about}\n{body}".encode()).hexdigest()[:16]


class Shelf:
    """The pages of one server.

    `of` names the record, the server and the program that pages are made of; a page of another counts as older than
    any. `ids` are the pages known, by key.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.of = ""
        self.ids: dict[str, str] = {}

    def deployments(self) -> dict[str, str]:
        """The id of each deployment by the name of its flow, for those of the names that we serve."""
        from flows.deployments import SERVED

        names = {each.name for each in SERVED}
        question = {"deployments": {"name": {"any_": sorted(names)}}, "limit": MANY}
        found = self._client.request("POST", "/deployments/filter", json=question).json()
        flows = [each["flow_id"] for each in found]
        question = {"flows": {"id": {"any_": flows}}, "limit": MANY}
        named = self._client.request("POST", "/flows/filter", json=question).json() if flows else []
        flow_names = {each["id"]: each["name"] for each in named}
        full = {(each.flow, each.name) for each in SERVED}
        given = [(flow_names.get(each["flow_id"], ""), each) for each in found]
        return {flow: str(each["id"]) for flow, each in given if (flow, each["name"]) in full}

    def look(self, keys: Iterable[str]) -> dict[str, Lying]:
        """The newest page of each key that has one."""
        found: dict[str, Lying] = {}
        for portion in _portions(sorted(set(keys)), PORTION):
            question = {"artifacts": {"key": {"any_": portion}}, "limit": MANY}
            for each in self._client.request("POST", "/artifacts/latest/filter", json=question).json():
                found[each["key"]] = _lying(each)
        self.ids |= {key: each.id for key, each in found.items()}
        for key in set(keys) - set(found):
            self.ids.pop(key, None)
        return found

    def begun_with(self, prefix: str) -> list[str]:
        """The keys that begin so and have a page."""
        question = {"artifacts": {"key": {"like_": f"{prefix}%"}}, "limit": MANY, "sort": "KEY_ASC"}
        return [
            each["key"] for each in self._client.request("POST", "/artifacts/latest/filter", json=question).json()
        ]

    def put(self, pages: Sequence[Page], *, through: int) -> int:
        """Lay pages there that were made from so many events; gives how many have changed.

        A page that was made from more events of the same record stays as it is, and so does one that says the same.
        """
        changed = 0
        for portion in _portions(pages, PORTION):
            there = self.look(each.key for each in portion)
            for page in portion:
                changed += self._put(page, there.get(page.key), through)
        return changed

    def _put(self, page: Page, there: Lying | None, through: int) -> bool:
        if there is not None and there.of == self.of:
            if there.through > through:
                return False
            if there.digest == page.digest and there.marks == page.marks:
                return False
        metadata = {"of": self.of, "through": str(through), "digest": page.digest, **page.marks}
        content = {"data": page.markdown, "description": page.about, "metadata_": metadata}
        if there is not None and self._change(there.id, content):
            return True
        made = self._client.request(
            "POST", "/artifacts/", json={"key": page.key, "type": "markdown", **content}
        ).json()
        self.ids[page.key] = str(made["id"])
        return True

    def _change(self, artifact: str, content: Mapping[str, Any]) -> bool:
        """Change an artifact in place; False if it was deleted meanwhile."""
        from prefect.exceptions import PrefectHTTPStatusError

        try:
            self._client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact}, json=content)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != NOT_FOUND:
                raise
            return False
        return True

    def missing(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that have no page; what is not known is asked for."""
        unknown = {key for key in keys if key not in self.ids}
        return unknown - set(self.look(unknown))


def _lying(artifact: Mapping[str, Any]) -> Lying:
    marks = dict(artifact.get("metadata_") or {})
    through = str(marks.pop("through", ""))
    return Lying(
        id=str(artifact.get("latest_id") or artifact["id"]),
        of=str(marks.pop("of", "")),
        through=int(through) if through.isdigit() else 0,
        digest=str(marks.pop("digest", "")),
        marks=marks,
    )


def _portions(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(things), size):
        yield things[begin : begin + size]


@contextmanager
def opened() -> Iterator[Shelf]:
    """The shelf of the server that Prefect's client speaks to here (`flows.prefect_api.speaking_to`)."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield Shelf(client)
