"""What a provider's codes and words mean: the error codes (Annex D) and the statuses of a preservation task.

The codes come from an implementation that cites the annex, not from the annex itself; the statuses from ETSI's
dictionary V1.23.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from providers.interface import Action, ItemOutcome


class Then(StrEnum):
    """What an error code asks of us."""

    AGAIN = "again"  # nothing was accepted: the same message again
    COMPARE = "compare"  # the object is there already: get it and compare
    ABSENT = "absent"  # there is no such object
    OVER = "over"  # the object has ended
    OTHER_WAY = "other-way"  # it cannot be said over this channel
    MEND = "mend"  # our set-up is wrong
    PERSON = "person"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One error code: what it says, in our words, and what follows. `ground` is one of `errors.GROUNDS`."""

    says: str
    then: Then = Then.PERSON
    ground: str = "form"


FAULTS: Mapping[int, Fault] = {
    3000: Fault(says="its own rules forbid it", ground="other"),
    3001: Fault(says="it does not support this", then=Then.OTHER_WAY),
    3002: Fault(says="an action was numbered twice"),
    3003: Fault(says="it cannot do it now", then=Then.AGAIN),
    3004: Fault(says="it is not set up for us", then=Then.MEND),
    3005: Fault(says="an element is missing"),
    3006: Fault(says="a value may not be changed"),
    3007: Fault(says="a value is not as it should be"),
    3008: Fault(says="a value may not be changed to this"),
    3009: Fault(says="a value was not found", ground="other"),
    3010: Fault(says="the object is there already", then=Then.COMPARE),
    3011: Fault(says="the object to change is not there", then=Then.ABSENT, ground="no-data"),
    3012: Fault(says="the object to change has ended", then=Then.OVER, ground="no-data"),
    3013: Fault(says="the object to cancel is not there", then=Then.ABSENT, ground="no-data"),
    3014: Fault(says="the object asked for is not there", then=Then.ABSENT, ground="no-data"),
    3015: Fault(says="the object asked for cannot be delivered", ground="other"),
    3016: Fault(says="a linked object is not there", ground="other"),
    3017: Fault(says="a linked object has ended", ground="other"),
    3018: Fault(says="a linked object failed", ground="other"),
    3019: Fault(says="it does not read this encoding", then=Then.MEND),
    3020: Fault(says="it finds the message invalid"),
    3021: Fault(says="it does not speak this version", then=Then.MEND),
    3022: Fault(says="the message is too large for it"),
}
UNKNOWN = Fault(says="it gives no code of the standard", ground="other")
NOT_APPLIED = 3000
"""Also what a good action gets where another one of the same message was refused (H.5.2.2.4)."""
UNSUPPORTED = 3001


def fault_of(code: int) -> Fault:
    """What a code means; one that the standard does not have is a no like any other, for a person."""
    return FAULTS.get(code, UNKNOWN)


def ground_of(code: int, action: Action) -> str:
    """The ground of refusal, for the statistics."""
    ground = fault_of(code).ground
    return "extension-not-granted" if action is Action.EXTEND and ground != "no-data" else ground


class Status(StrEnum):
    """LPTaskStatus."""

    AWAITING = "AwaitingPreservation"
    PRESERVED = "Preserved"
    NOT_AVAILABLE = "PreservationNotAvailable"
    REJECTED = "Rejected"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    ERROR = "Error"
    INVALID = "Invalid"


LIVE = frozenset({Status.AWAITING, Status.PRESERVED})
"""A task that can still be changed: all others have ended."""

OUTCOMES: Mapping[Status, ItemOutcome] = {
    Status.AWAITING: ItemOutcome.PENDING,
    Status.PRESERVED: ItemOutcome.PRESERVED,
    Status.NOT_AVAILABLE: ItemOutcome.NOT_FOUND,
    Status.REJECTED: ItemOutcome.REFUSED,
    Status.CANCELLED: ItemOutcome.RELEASED,
    Status.EXPIRED: ItemOutcome.RELEASED,
    Status.ERROR: ItemOutcome.REFUSED,
    Status.INVALID: ItemOutcome.REFUSED,
}
