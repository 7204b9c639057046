"""A small fold for the ledger's tests: the row is what the events' bodies said last."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ledger.interface import Event, ItemRow, Json, NewEvent, Row

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


def fold(events: Sequence[Event]) -> Row:
    said: dict[str, Json] = {}
    for event in events:
        said |= event.body.get("row", {})
    due = said.get("next_at")
    return Row(
        request=events[0].request,
        case=said["case"],
        provider=said["provider"],
        instrument="us.18usc2703f",
        state=said["state"],
        final=said["final"],
        next_action="extend",
        next_at=None if due is None else datetime.fromisoformat(due),
        next_because=f"{len(events)} events",
        rank=said["rank"],
        strict_on="2027-02-18",
        gap_days_p90=said.get("gap", 0),
        level=0,
        matters=said["matters"],
        items=tuple(ItemRow(**item) for item in said["items"]),
    )


def row_body(**changes: Json) -> dict[str, Json]:
    body = {
        "case": "CY-2026-0001",
        "provider": "example",
        "state": "in-force",
        "final": False,
        "next_at": NOW.isoformat(),
        "rank": 5,
        "matters": 0,
        "items": [],
    }
    return {"row": body | _plain(changes)}


def registered(**changes: Json | datetime) -> NewEvent:
    return NewEvent(kind="registered", at=NOW, actor="Duty officer", body=row_body(**changes))


def moved(**changes: Json | datetime) -> NewEvent:
    return NewEvent(kind="polled", at=NOW, actor="sweep", body={"row": _plain(changes)})


def note(text: str = "telephoned") -> NewEvent:
    return NewEvent(kind="note", at=NOW, actor="Duty officer", body={"text": text})


def intent(action: str = "send", sequence: int = 1, **more: Json) -> NewEvent:
    body = {"action": action, "sequence": sequence} | more
    return NewEvent(kind="intent", at=NOW, actor="sweep", body=body)


def item(name: str, *, outcome: str = "pending", blind: str = "") -> dict[str, str]:
    return {"item": name, "type": "email", "outcome": outcome, "blind": blind}


def _plain(changes: dict[str, Json | datetime]) -> dict[str, Json]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changes.items()}
