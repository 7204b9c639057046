"""The life of a hold as a picture that stands in a page: on a card of its own, so that any background will do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flows.picture import Life, Mark, picture, spans
from flows.words import STOPS, Table
from timeline.state import Hold

WIDTH = 720
"""Units; about as many points as a page is wide in either UI, so that the letters keep their size."""

STYLE = (
    "text{font:12px 'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#1c1d21}"
    ".card{fill:#fbfbfd;stroke:#c9ccd4;rx:8}.small{fill:#4a4e58;font-size:11px}.number{font-size:11px;fill:#2b4c8c}"
    ".month{stroke:#dcdee4}.today{stroke:#2b4c8c;stroke-dasharray:4 3}.held{fill:#2f6f4f}.held.turn1{fill:#3f8261}"
    ".planned{fill:#fbfbfd;stroke:#2f6f4f;stroke-dasharray:4 3}.legal{fill:#2f6f4f;opacity:.4}"
    ".open{fill:#2f6f4f;opacity:.8}.inbar{fill:#fff;font-size:11px}.inbar.dark{fill:#1c1d21}"
    ".end{stroke:#a3321f;stroke-width:3}.tick{stroke:#9aa0ad}.mark{fill:#fff;stroke:#2b4c8c;stroke-width:1.5}"
    ".wait{stroke:#2b4c8c;stroke-width:3}.wait.late{opacity:.45}.point{fill:#2b4c8c}"
)


def drawn(record: Table, hold: Hold, moves: Sequence[Table], now: datetime) -> str:
    """The picture of a request, as SVG.

    Args:
        record: as `show --json` has it.
        hold: what it was made from.
        moves: the events that the picture counts, in their order.
        now: the instant it is looked at from.
    """
    zone, seen = ZoneInfo(hold.terms.provider.zone), record["coverage"]

    def local(at: datetime) -> date:
        return at.astimezone(zone).date()

    today = local(now)
    begins = hold.strict_start
    over_at = hold.released_at or hold.produced_at or hold.refused_at or hold.missing_at or hold.erased_at
    ended_on = hold.lapsed_on or (local(over_at) if over_at else None)
    opened_on = hold.stop[1] if hold.stop and begins else None
    chain = record["chain"]
    life = Life(
        spans=spans(
            chain[: hold.granted + 1] if begins else (),
            chain,
            begins=begins or today,
            over=hold.ended or opened_on is not None,
            ended_on=ended_on if hold.ended and begins else None,
        ),
        marks=tuple(
            Mark(on=local(datetime.fromisoformat(each["at"])), number=place) for place, each in enumerate(moves, 1)
        ),
        today=today,
        open_from=opened_on,
        ended_on=ended_on if hold.ended and begins else None,
        mla_on=date.fromisoformat(seen["mla_sent_on"]),
        p50_on=date.fromisoformat(seen["p50_on"]),
        p90_on=date.fromisoformat(seen["p90_on"]),
    )
    return picture(life, width=WIDTH, now="as at", style=STYLE).replace("\n", "")


def said(record: Table) -> str:
    """What stands in the picture's place for whoever does not see it."""
    stop = record["coverage"]["open_ended_by"]
    kept = f"held without an end, {STOPS.get(stop, stop)}" if stop else "see the clocks below"
    return f"Picture of the hold of {record['request']} on a scale of time: {kept}"
