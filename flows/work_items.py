"""Work items: what needs a person, each with its steps and its likely answers.

A work item is no record of its own. It is a matter that the ladder tells people of, read from the ledger, and it is
open as long as the record asks for it: what settles it is the entry itself. So none can be lost with a database of
Prefect, and none can be closed without being done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from flows.office import Office
from flows.work_item import Answer, Matter, WorkItem
from flows.work_steps import worded
from ledger.interface import Event, LedgerBusy, LedgerError, Row
from timeline.custody import open_matters
from timeline.duty import Decision
from timeline.state import Hold

__all__ = ["Answer", "WorkItem", "item_of", "items_of", "open_items", "still_open"]

_SOON = frozenset({"acknowledgement", "confirmation", "message", "outcome-unknown", "polls"})
"""Kinds that are due at once: the ladder's deadline, the end of the hold, only says how it hurries."""

NEVER = datetime.max.replace(tzinfo=UTC)
UNREADABLE = "unreadable"
"""The matter of a request whose history is damaged. It stands in no record."""


def items_of(office: Office, request: str) -> tuple[WorkItem, ...]:
    """The open items of one request, most urgent first.

    Raises:
        LookupError: there is no such request.
    """
    current = office.histories.current(request)
    first = current.first.body
    found = _items(office, current.hold, current.duties, case=str(first["case"]), provider=str(first["provider"]))
    return tuple(sorted(found, key=urgency))


def item_of(office: Office, request: str, about: str) -> WorkItem | None:
    """One open item; None if it is not open. `LookupError` if there is no such request."""
    return next((each for each in items_of(office, request) if each.about == about), None)


def open_items(office: Office, *, limit: int | None = None) -> tuple[WorkItem, ...]:
    """All open items, most urgent first: by level, then by when they must be done, then by the end of the hold.

    Costs a fold of each request that has any; the others are not looked at.
    """
    rows: Sequence[Row] = sorted(office.ledger.rows(open_only=False, for_people=True), key=lambda row: -row.level)
    found = [each for row in rows for each in items_on(office, row)]
    return tuple(sorted(found, key=urgency)[:limit])


def items_on(office: Office, row: Row) -> tuple[WorkItem, ...]:
    """`items_of` a row's request; where its history is damaged, the one item that says so: it hides no other's."""
    try:
        return items_of(office, row.request)
    except LedgerBusy:
        raise
    except LedgerError as error:
        return (_unreadable(office, row, str(error)),)


def _unreadable(office: Office, row: Row, because: str) -> WorkItem:
    entry = office.catalogue.providers.get(row.provider)
    return WorkItem(
        id=f"{row.request}/{UNREADABLE}",
        request=row.request,
        case=row.case,
        provider=row.provider,
        provider_name=entry.terms.name if entry else row.provider,
        instrument=row.instrument,
        state=row.state,
        about=UNREADABLE,
        kind=UNREADABLE,
        title=f"The record of {row.request} cannot be read",
        because=because,
        steps=(
            "Tell whoever runs Holdfast at once: on a terminal, `holdfast verify` says what is damaged; a backup is"
            " restored.",
            f"Until then no machine looks after it: see to its end{f', {row.strict_on}' if row.strict_on else ''},"
            " yourself, and write down what you do.",
        ),
        by=None,
        strict_on=row.strict_on,
        level=row.level,
        told_at=None,
        taken_up_at=None,
        answers=(),
    )


def _by(hold: Hold, decision: Decision) -> datetime | None:
    """When it must be done: what saves a hold, at the latest before its end, even where no step has a last day."""
    kind = decision.about.partition(":")[0]
    if kind in _SOON:
        return None
    return decision.deadline or (hold.strict_at if kind == "ending" else None)


def urgency(item: WorkItem) -> tuple[bool, int, datetime, str, str]:
    """What a list of items is sorted by: what nobody has taken up, the highest level, and the nearest end first."""
    return item.taken_up_at is not None, -item.level, item.by or NEVER, item.strict_on or "9", item.id


def still_open(office: Office, about: str, history: Sequence[Event]) -> bool:
    """Whether a matter is open in a history. For `Office.append(unless=…)`: give it what was there before."""
    current = office.histories.standing(history)
    return about in open_matters(current.hold, current.duties)


def _items(office: Office, hold: Hold, wanted: Sequence[Decision], *, case: str, provider: str) -> Iterator[WorkItem]:
    entry = office.catalogue.providers.get(provider)
    expiry = hold.expiry
    for about, decision in open_matters(hold, wanted).items():
        told = hold.escalations.get(about)
        matter = Matter(
            hold=hold,
            about=about,
            provider=entry.terms.name if entry else provider,
            channels=entry.channels if entry else (),
            decision=decision,
            by=_by(hold, decision),
            release_takes_two=office.policy.four_eyes.release,
        )
        words = worded(matter)
        yield WorkItem(
            id=f"{hold.request}/{about}",
            request=hold.request,
            case=case,
            provider=provider,
            provider_name=matter.provider,
            instrument=hold.terms.instrument.id,
            state=str(hold.state),
            about=about,
            kind=matter.kind,
            title=words.title,
            because=decision.because,
            steps=words.steps,
            by=matter.by,
            strict_on=expiry.strict_on.isoformat() if expiry else "",
            level=told.level if told else 0,
            told_at=told.at if told else None,
            taken_up_at=told.acknowledged_at if told else None,
            answers=words.answers,
        )
