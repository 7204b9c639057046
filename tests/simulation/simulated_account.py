"""What one provider has of one request, in its own books: what reached it and when, what it keeps, until when.

The books are the providers' own: nothing here asks Holdfast anything, and `document` is plain data for the checker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """How often things go wrong, as parts of one; `calm` is a world in which everybody answers at once."""

    unavailable: float = 0.04
    lost: float = 0.05  # half of them after the effect
    refused: float = 0.02
    extension_refused: float = 0.04
    late: float = 0.25
    moved: float = 0.12
    split: float = 0.06
    asks: float = 0.25
    dropped: float = 0.03
    outages: float = 2.0  # a year, of one to six days
    told_in_vain: float = 0.03
    crashes: float = 0.0

    @classmethod
    def calm(cls) -> Faults:
        """Nothing goes wrong."""
        return cls(**dict.fromkeys(cls.__dataclass_fields__, 0.0))


@dataclass(kw_only=True, slots=True)
class Account:
    """One request at its provider. `contacts` is all that reached it: (at, action, sequence, what, until, by)."""

    name: str
    zone: str
    faults: Faults
    draw: Random
    contacts: list[tuple[str, str, int, str, str, str]] = field(default_factory=list)
    said: list[tuple[str, str, str]] = field(default_factory=list)
    received_on: date | None = None
    answers_at: datetime | None = None
    in_force_at: datetime | None = None
    until: date | None = None
    endless: bool = False
    tells_until: bool = False
    references: tuple[str, ...] = ()
    extended: int = 0
    refused: bool = False
    question: str = ""
    question_at: datetime | None = None
    answered: bool = False
    released_at: datetime | None = None
    stopped: tuple[datetime, str] | None = None
    dropped_at: datetime | None = None
    heard_gone_at: datetime | None = None

    def note(self, now: datetime, action: str, sequence: int, what: str, *, until: date | None, by: str) -> None:
        """Keep that something reached the provider."""
        said = until.isoformat() if until else ""
        self.contacts.append((now.isoformat(), action, sequence, what, said, by))

    def chance(self, part: float) -> bool:
        """Whether something that happens this often happens now."""
        return self.draw.random() < part

    # What takes effect

    def effect(self, now: datetime, action: str, sequence: int, until: date | None, by: str) -> None:
        """The message takes effect. Every call is an effect: whether it is one too many is for the checker to say."""
        self.note(now, action, sequence, "effect", until=until, by=by)
        if action == "send":
            self._receive(now, until)
        elif action == "extend" and until is not None:
            shorter = self.draw.randint(1, 12) if self.chance(self.faults.moved) else 0
            self.until, self.extended = max(until - DAY * shorter, self.until or until), sequence
        elif action == "release":
            self.released_at = self.released_at or now
        elif action == "announce":
            self.stop(now, "production-announced")
        elif action == "clarify":
            self.answered = True

    def _receive(self, now: datetime, until: date | None) -> None:
        if self.received_on is not None:
            return
        local = now.astimezone(ZoneInfo(self.zone)).date()
        late = self.chance(self.faults.late)
        self.received_on = local + DAY * (self.draw.randint(0, 3) if late else 0)
        self.answers_at = now + (timedelta(hours=self.draw.randint(5, 140)) if late else timedelta())
        if late:
            self.answers_at = max(self.answers_at, start_of(self.received_on, self.zone))
        held = self.chance(self.faults.late)
        self.in_force_at = self.answers_at + timedelta(hours=self.draw.randint(1, 72) if held else 0)
        parts = 2 if self.chance(self.faults.split) else 1
        self.references = tuple(f"REF-{self.draw.randrange(10**8):08d}" for _ in range(parts))
        self.endless = until is None
        if until is not None:
            kept = until + (self.received_on - local)
            moved = self.chance(self.faults.moved)
            least = -((kept - local).days // 3)
            self.until = kept + DAY * (max(least, self.draw.choice((-25, -10, -3, 10, 40))) if moved else 0)
            self.tells_until = moved or self.chance(0.5)
            if self.chance(self.faults.dropped):
                self.dropped_at = start_of(self.received_on + DAY * self.draw.randint(20, 45), self.zone)

    def stop(self, now: datetime, kind: str) -> None:
        """Something makes the provider keep it without an end."""
        if self.stopped is None and not self.gone(now):
            self.stopped = (now, kind)

    # How it stands

    def ends_at(self) -> datetime | None:
        """When the data are deleted, as things stand; None: never, or never had."""
        if self.released_at is not None:
            return self.released_at
        if self.received_on is None or self.refused:
            return None
        ends = [] if self.until is None or self.stopped is not None else [start_of(self.until + DAY, self.zone)]
        if self.dropped_at is not None and (self.stopped is None or self.stopped[0] > self.dropped_at):
            ends.append(self.dropped_at)
        return min(ends, default=None)

    def gone(self, now: datetime) -> bool:
        """Whether nothing is kept any more."""
        ends = self.ends_at()
        return ends is not None and ends <= now

    def has(self, action: str, sequence: int) -> bool:
        """Whether that message took effect."""
        return any(each[1:4] == (action, sequence, "effect") for each in self.contacts)

    def tell(self, now: datetime, kind: str, value: str = "") -> None:
        """Keep what the unit was told."""
        if next((each[2] for each in self.said[::-1] if each[1] == kind), None) != value:
            self.said.append((now.isoformat(), kind, value))

    def document(self, **facts: Any) -> dict[str, Any]:
        """The books on this request, as plain data."""
        ends = self.ends_at()
        return facts | {
            "name": self.name,
            "contacts": [list(each) for each in self.contacts],
            "said": [list(each) for each in self.said],
            "ends_at": ends.isoformat() if ends else "",
            "until": self.until.isoformat() if self.until else "",
            "dropped": self.dropped_at is not None and ends == self.dropped_at,
            "released_at": self.released_at.isoformat() if self.released_at else "",
            "stopped": [self.stopped[0].isoformat(), self.stopped[1]] if self.stopped else [],
            "refused": self.refused,
        }


def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
