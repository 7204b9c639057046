"""A provider that only a person can reach: a portal, e-mail, fax or post."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from providers.errors import Unsupported
from providers.interface import Action, Adapter, Answer, Capabilities, Exchange, Order
from providers.section import Section, TableError

CHANNELS = ("portal", "e-mail", "fax", "post")

_TASKS: Mapping[Action, str] = {
    Action.SEND: "a person submits the request",
    Action.EXTEND: "a person asks for the extension",
    Action.STATUS: "a person asks how the request stands",
    Action.RELEASE: "a person tells it that the hold is no longer needed",
    Action.FIND: "a person asks whether it arrived",
}


class ManualAdapter(Adapter):
    """Says nothing by itself: every action is `Unsupported`, with what a person does instead.

    Args:
        provider: its id, for messages.
        channel: how the person reaches it, one of `CHANNELS`.
    """

    capabilities = Capabilities(status=False, person=True)

    def __init__(self, provider: str, *, channel: str = "portal") -> None:
        self.provider, self.channel = provider, channel

    def _do(self, order: Order, action: Action, can: bool) -> Answer:
        # Also for what the capabilities deny: a person can do it all, and should be told so.
        return super()._do(order, action, True)

    def find(self, order: Order) -> Answer | None:
        """Always `Unsupported`: a person asks."""
        self._person(Action.FIND)

    def _build(self, order: Order) -> bytes:
        self._person(order.action)

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        self._person(order.action)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        self._person(order.action)

    def _person(self, action: Action) -> NoReturn:
        raise Unsupported(
            f"{self.provider} cannot be reached by a machine: {_TASKS[action]} by {self.channel}, "
            "and enters what it answers"
        )


def read_manual_table(table: Mapping[str, object], where: str) -> str:
    """The channel of an `[adapter]` table of kind "manual".

    Raises:
        TableError: with every problem, each with file and key.
    """
    problems: list[str] = []
    section = Section(table, where=where, path="adapter", problems=problems, keys=("kind", "channel"))
    channel = section.word("channel", CHANNELS, "portal")
    if problems:
        raise TableError(problems)
    return channel
