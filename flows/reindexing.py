"""Whether the index is what this program makes of the events under this policy, and one row of it made anew."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path

from flows.office import Office


def index_is_current(office: Office) -> bool:
    """Whether the index was last made by this program under this policy."""
    last = office.ledger.last_beat("policy")
    return last is not None and last[1].get("digest") == digest(office)


def asleep(office: Office, request: str, now: datetime) -> bool:
    """Have the index say when a request is due, which nothing is to be done for now; gives whether it does.

    It was made by another policy or program. A row that stayed due would be claimed again and again.
    """
    office.ledger.reindex([request], office.histories.project)
    row = office.ledger.row(request)
    return row is None or row.next_at is None or row.next_at > now


def digest(office: Office) -> str:
    """What the index depends on besides the events: the policy and the program."""
    return hashlib.sha256(f"{office.policy!r} {_program()}".encode()).hexdigest()


@cache
def _program() -> str:
    """The digest of the code that computes the index: another version may say other words for the same thing."""
    rooms = Path(__file__).resolve().parent.parent
    files = [*sorted((rooms / "timeline").glob("*.py")), rooms / "flows" / "history.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
