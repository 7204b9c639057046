"""A mailbox that cannot be read, and what else a person is told of mail that belongs to no request."""

from __future__ import annotations

from datetime import datetime, timedelta

from flows.office import Office
from flows.sweeping import place
from flows.telling import Notice, deliver
from ledger.interface import Json, LedgerError
from providers.errors import ConfigurationError, Unavailable

DAY = timedelta(days=1)
FAILURES_UNTIL_TOLD = 3
"""Passes in a row that cannot read the mailbox until a person is told; then once a day."""


def tell(office: Office, because: str, now: datetime) -> str:
    """Tell the first level; gives why it could not be told, "" if it was."""
    rung = office.policy.ladder[0]
    channels = next(each for each in office.catalogue.rung_channels if each.level == rung.level)
    notice = Notice(level=rung.level, who=rung.who, about="mail", because=because, at=now)
    told = deliver(office.settings, channels, notice)
    return "" if told.delivered else f"{told.who} could not be told of mail: {told.why}"


def what(error: Exception) -> str:
    """What went wrong; of a fault of ours not its text, which may quote the message."""
    if isinstance(error, Unavailable | ConfigurationError | LedgerError):
        return str(error)
    return f"{type(error).__name__} in {place(error)}: a fault of Holdfast"


def failed(office: Office, why: str) -> list[str]:
    """Note that the mailbox could not be read, and tell a person when it lasts."""
    now, lines = office.now(), [f"the mailbox could not be read: {why}"]
    try:
        beat = office.ledger.last_beat("mail")
        body: dict[str, Json] = dict(beat[1]) if beat else {}
        failures = (before if isinstance(before := body.get("failures"), int) else 0) + 1
        told_at = body.get("told_at")
        told_lately = isinstance(told_at, str) and now - datetime.fromisoformat(told_at) < DAY
        if failures >= FAILURES_UNTIL_TOLD and not told_lately:
            untold = tell(office, f"the mailbox could not be read {failures} times in a row: {why}", now)
            lines += [untold] if untold else []
            told_at = told_at if untold else now.isoformat()
        office.ledger.beat("mail", now, body | {"failures": failures, "failure": why, "told_at": told_at})
    except LedgerError as error:
        lines.append(f"that it failed could not be noted: {error}")
    return lines
