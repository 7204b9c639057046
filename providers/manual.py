"""A provider, or an authority of another State, that only a person can reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from providers.errors import Unsupported
from providers.interface import CHANGES, Action, Adapter, Answer, Capabilities, Exchange, Letters, Order
from providers.packet.steps import WAYS
from providers.packet.table import ManualTable, read_manual_table

__all__ = ["ManualAdapter", "read_manual_table"]

_TASKS: Mapping[Action, str] = {
    Action.SEND: "a person submits the request",
    Action.EXTEND: "a person asks for the extension",
    Action.STATUS: "a person asks how the request stands",
    Action.RELEASE: "a person tells it that the hold is no longer needed",
    Action.ANNOUNCE: "a person announces that production has been requested",
    Action.CLARIFY: "a person answers its question",
    Action.FIND: "a person asks whether it arrived",
}


class ManualAdapter(Adapter):
    """Says nothing by itself: every action is `Unsupported`, with what a person does instead.

    An action with an effect carries a packet (`Unsupported.packet`): steps, letter, identifiers, checklist.

    Args:
        provider: its id, for messages.
        table: how the person reaches it, and what it wants to see.
        letters: what typesets the letter of the packet; without it the packet says that there is none.
    """

    capabilities = Capabilities(status=False, announce=True, clarify=True, person=True)

    def __init__(self, provider: str, *, table: ManualTable | None = None, letters: Letters | None = None) -> None:
        self.table, self.letters = table or ManualTable(), letters
        self.provider, self.channel = provider, self.table.channel

    def _do(self, order: Order, action: Action, can: bool) -> Answer:
        # Also for what the capabilities deny: a person can do it all, and should be told so.
        return super()._do(order, action, True)

    def find(self, order: Order) -> Answer | None:
        """Always `Unsupported`: a person asks."""
        self._person(order, Action.FIND)

    def _build(self, order: Order) -> bytes:
        self._person(order, order.action)

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        self._person(order, order.action)

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        self._person(order, order.action)

    def _person(self, order: Order, action: Action) -> NoReturn:
        reason = (
            f"{self.provider} cannot be reached by a machine: {_TASKS[action]} by {WAYS[self.channel]}, "
            "and enters what it answers"
        )
        if action not in CHANGES:
            raise Unsupported(reason)
        from providers.packet.making import make_packet  # noqa: PLC0415 - only where something is handed over

        packet = make_packet(order, self.table, self.provider, self.letters)
        if packet.missing_letter:
            reason += f". THE PACKET HAS NO LETTER: {packet.missing_letter}"
        raise Unsupported(reason, packet=packet.archive)
