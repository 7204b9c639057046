"""The identifiers of what we make, derived from the order (UUID version 5): a retry is the same message.

A second machine, or the same one after a crash, comes to the same identifiers without having kept any. Nothing of
an account goes into them.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from providers.interface import Action, Order

_OURS = UUID("1f6f7c3e-7f0b-5a52-9d0f-5b0b1c6f2a7d")


def _derived(*parts: object) -> str:
    return str(uuid5(_OURS, "\0".join(map(str, parts))))


def authorisation(request: str) -> str:
    """The AuthorisationObject of a request."""
    return _derived("authorisation", request)


def task(request: str, item: str) -> str:
    """The LPTaskObject of one item: the same one when it is extended, looked at and cancelled."""
    return _derived("task", request, item)


def tasks(order: Order) -> dict[str, str]:
    """The id of each item's task, to the item's id, in the order of the items."""
    return {task(order.request, item.id): item.id for item in order.items}


def document(order: Order) -> str:
    """The DocumentObject that carries the letter of this (request, action, sequence)."""
    return _derived("document", order.request, order.action, order.sequence)


def transaction(order: Order, part: str) -> str:
    """The TransactionIdentifier of a message: for a change the same at every attempt.

    A question is another one each time it is asked, since a provider may answer a known transaction from its memory.
    """
    asked = "" if part == "change" else order.made_at.isoformat()
    return _derived("transaction", order.key, Action(order.action), part, asked)
