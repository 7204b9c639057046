"""What a work item is, and what its words are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flows.provider_entry import Channel
from timeline.duty import Decision
from timeline.state import Hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A likely answer: what its link says, the flow whose form it opens, and what is filled in there."""

    label: str
    flow: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkItem:
    """One matter of a request that needs a person.

    `about` names the matter as in the record, `kind` is its first word. `by` is when it must be done, None where
    nothing says so; `told_at` when somebody was last told, `taken_up_at` when somebody said that they have it.
    `level` is how high it was told, 0 where nobody was told yet. `strict_on` is an ISO day or "".
    """

    id: str
    request: str
    case: str
    provider: str
    provider_name: str
    instrument: str
    state: str
    about: str
    kind: str
    title: str
    because: str
    steps: tuple[str, ...]
    by: datetime | None
    strict_on: str
    level: int
    told_at: datetime | None
    taken_up_at: datetime | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Matter:
    """What the words are made from. `provider` is its name, `channels` what the catalogue says of how to reach it.

    `release_takes_two`: the unit's policy wants a second person for a release, whom no form knows.
    """

    hold: Hold
    about: str
    provider: str
    channels: tuple[Channel, ...]
    decision: Decision
    by: datetime | None
    release_takes_two: bool = False

    @property
    def kind(self) -> str:
        """The first word of `about`; what a message failed to say is of the kind of that message."""
        return self.about.partition(":")[0]

    @property
    def request(self) -> str:
        """The request's id."""
        return self.hold.request
