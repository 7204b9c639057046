"""The short forms: one for each thing that a provider or a person usually says, with just the fields that it needs.

The form *Record a reply* takes everything that can be entered; these are what the desk queue's links open. Nothing
here imports Prefect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "reply-"
"""How the flows of these forms are called: the prefix, and the kind of entry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Short:
    """A short form: its name on the pages, the fields it shows beside request, name and item, and what it is for."""

    name: str
    fields: tuple[str, ...]
    what: str


SHORT: Mapping[str, Short] = {
    "sent": Short(
        name="Reply: it is sent",
        fields=("reference", "at", "action"),
        what="A person has sent or submitted it: over a portal, by post, by phone. With a reference that they "
        "gave for it at once, it counts as received, too.",
    ),
    "absent": Short(
        name="Reply: they do not have it",
        fields=("action",),
        what="Nobody knew whether it arrived, and the provider says that it did not. It is sent again.",
    ),
    "acknowledged": Short(
        name="Reply: they have it",
        fields=("reference", "on", "until"),
        what="The provider says that it has the request. That is not yet that it keeps the data.",
    ),
    "preserved": Short(
        name="Reply: they keep the data",
        fields=("reference", "until", "on"),
        what="The provider says that it keeps the data.",
    ),
    "refused": Short(
        name="Reply: they refuse",
        fields=("ground", "action"),
        what="The provider says no. Choose the ground: what happens next depends on it.",
    ),
    "item-not-found": Short(
        name="Reply: no such account",
        fields=("item",),
        what="The provider has no such account. If it has none of several, fill this in once for each.",
    ),
    "extended": Short(
        name="Reply: it is extended",
        fields=("until", "reference"),
        what="The provider confirms that it keeps the data on. Give the day; only where the extension was entered as"
        " submitted may it be left out.",
    ),
    "clarification-answered": Short(
        name="Reply: it was answered",
        fields=("at",),
        what="The provider's question was answered. Its clock stops.",
    ),
    "validated": Short(
        name="Reply: it was validated",
        fields=("at",),
        what="The emergency order was validated by the competent authority.",
    ),
    "released": Short(
        name="Reply: they were told of the release",
        fields=("at",),
        what="A person has told the provider that the hold may end.",
    ),
    "produced": Short(
        name="Reply: the data were produced",
        fields=("on", "reference"),
        what="All the data were handed over. Nothing is extended any more, and where the law wants it the hold is"
        " released at once. If only a part came, do not enter this.",
    ),
    "mla-sent": Short(
        name="Reply: the MLA request left",
        fields=("on", "reference"),
        what="The request for mutual legal assistance left.",
    ),
    "mla-received": Short(
        name="Reply: the MLA request arrived",
        fields=("on", "reference"),
        what="The requested State has the request for mutual legal assistance. Under some laws this keeps the data "
        "until it decides.",
    ),
    "production-announced": Short(
        name="Reply: production was announced",
        fields=("on", "reference"),
        what="The provider was told that production has been requested. Under the European rules this keeps the "
        "data.",
    ),
    "access-requested": Short(
        name="Reply: the access request was made",
        fields=("on", "reference"),
        what="The access request was made.",
    ),
    "petition-filed": Short(
        name="Reply: the court was asked",
        fields=("on", "reference"),
        what="The court was asked.",
    ),
}
"""By the kind of entry (`flows.replying.KINDS`)."""


def flow_of(kind: str) -> str:
    """The flow whose form takes this kind of entry: a short one where there is one."""
    return f"{PREFIX}{kind}" if kind in SHORT else "record-reply"


def function_of(kind: str) -> str:
    """The name of the flow's function in `flows.forms.short`."""
    return kind.replace("-", "_")
