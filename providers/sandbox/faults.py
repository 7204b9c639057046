"""What the sandbox can do wrong, each a switch with a rate, and the dice that decide when.

In the manner of Pebble, Let's Encrypt's test server: hostile on purpose, and the same again for the same
seed. A die is thrown for (seed, provider, fault, subject, attempt), so the order in which clients come makes
no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

FAULTS: Mapping[str, str] = {
    # on the way in: no effect
    "too-many-requests": "answers 429 with Retry-After, without an effect",
    "unavailable": "answers 503 with Retry-After, without an effect",
    "drop-before-effect": "breaks the connection without an effect",
    # on the way out: the effect is there
    "drop-after-effect": "breaks the connection after the effect",
    "stall-after-effect": "takes effect and answers nothing for a while, then breaks the connection",
    "error-after-effect": "takes effect and answers 500",
    "malformed": "takes effect and answers what cannot be read",
    "oversized": "takes effect and answers more than anyone should read",
    # how it treats a request
    "late-acknowledgement": "says that it received a request, and only when asked later that it keeps the data",
    "earlier-end": "confirms an end some days earlier than asked, of a hold or an extension",
    "no-account": "finds no account for an item",
    "split": "splits one request into several references",
    "forget": "knows nothing of a request after its end",
    # how it says no
    "refuse": "refuses a request",
    "refuse-extension": "refuses an extension",
}
"""Name to what it does."""

ON_THE_WIRE = tuple(FAULTS)[:8]
WEIGHTS = {**dict.fromkeys(FAULTS, 1.0), **dict.fromkeys(ON_THE_WIRE, 1 / len(ON_THE_WIRE)), "refuse": 0.1}
"""Share of `hostility` that each fault gets: the faults on the wire share it, so that it is their sum."""


def rates_of(
    hostility: float, single: Mapping[str, float] | None = None, *, weights: Mapping[str, float] = WEIGHTS
) -> dict[str, float]:
    """A rate from 0 to 1 for every fault: from one measure of hostility, and single ones that replace its share.

    Raises:
        ValueError: a rate outside 0 to 1, or a fault that has no weight.
    """
    rates = {name: hostility * weight for name, weight in weights.items()} | dict(single or {})
    for name, rate in rates.items():
        if name not in weights:
            raise ValueError(f"there is no fault {name!r}; one of {', '.join(weights)}")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(f"{name}: expected a rate from 0 to 1, found {rate!r}")
    return rates


@dataclass(frozen=True, kw_only=True, slots=True)
class Dice:
    """Decides what goes wrong. Knows no state: the same question gets the same answer."""

    seed: int
    provider: str
    rates: Mapping[str, float]

    def fires(self, fault: str, subject: str, attempt: int = 0) -> bool:
        """Whether a fault strikes this subject at this attempt."""
        return self._roll(fault, subject, attempt) < self.rates[fault]

    def pick(self, what: str, subject: str, attempt: int, sides: int) -> int:
        """A number from 0 to `sides` - 1."""
        return int(self._roll(f"{what}?", subject, attempt) * sides)

    def _roll(self, what: str, subject: str, attempt: int) -> float:
        face = hashlib.sha256(f"{self.seed}\0{self.provider}\0{what}\0{subject}\0{attempt}".encode()).digest()
        return int.from_bytes(face[:8], "big") / 2**64
