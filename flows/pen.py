"""What an act writes, as long as the history is still the one that it was decided on.

A lease keeps other sweepers away; people's entries, mail and other programs take none. So each step of an act looks
at the history once more, within its own transaction. Nothing more is read for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.office import Office
from ledger.interface import Claim, Duplicate, Event, Json
from ledger.vault import Sealed


class Overtaken(Exception):
    """Something was entered since the history was read. Nothing was written: read it again, and decide anew."""


@dataclass(kw_only=True, slots=True)
class Pen:
    """Writes for one act on a request. `count`: the events that its history has, as far as the act knows.

    `begun`: an intent is on record, and what came of it is not.
    """

    office: Office
    claim: Claim
    count: int
    begun: bool = False

    def write(
        self,
        events: Sequence[tuple[str, Mapping[str, Json]] | tuple[str, Mapping[str, Json], datetime]],
        *,
        seals: Sequence[Sealed] = (),
        anyhow: bool = False,
    ) -> None:
        """Record a step of the act.

        What came of an intent that is on record is written whatever was entered meanwhile; so is, with `anyhow`, what
        has happened and changes nothing at the provider.

        Raises:
            Overtaken: something was entered meanwhile.
            LedgerError: nothing was written.
        """
        look = None if self.begun or anyhow else self._look(len(events))
        request = self.claim.request
        try:
            self.office.append(request, events, claim=self.claim, seals=seals, unless=look)
        except Duplicate as error:
            if len(self.office.ledger.events(request)) != self.count:
                raise Overtaken from error  # another program has begun the same act
            raise
        self.count += len(events)  # an entry that came in between still shows at the next step
        self.begun = events[-1][0] == "intent"

    def _look(self, new: int) -> Callable[[Sequence[Event]], None]:
        def look(history: Sequence[Event]) -> None:
            if len(history) - new != self.count:
                raise Overtaken

        return look
