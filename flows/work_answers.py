"""The likely answers to a matter: each opens a form with what is known filled in."""

from __future__ import annotations

from collections.abc import Iterator

from flows.answers import flow_of
from flows.work_item import Answer, Matter

STOPS = {
    "mla-received": "The requested State has the MLA request",
    "production-announced": "Production was announced",
    "access-requested": "The access request was made",
    "petition-filed": "The court was asked",
}
"""The events that keep data without an end, as the answers call them."""


def recorded(matter: Matter, label: str, kind: str, **fields: str) -> Answer:
    """An entry of this kind, with these fields."""
    flow = flow_of(kind)
    which = {"kind": kind} if flow == "record-reply" else {}  # the form for every kind asks which one it is
    given = {"request": matter.request, **which, **fields, "matter": matter.about}
    return Answer(label=label, flow=flow, fields=given)


def take_up(matter: Matter) -> Answer:
    """That somebody has it. It is not done by that."""
    return Answer(
        label="I have taken it up",
        flow="acknowledge-escalation",
        fields={"request": matter.request, "matter": matter.about},
    )


def packet(matter: Matter, action: str) -> Answer:
    """What a person needs to say it by hand."""
    return Answer(
        label="Take out the packet",
        flow="take-out-packet",
        fields={"request": matter.request, "action": action},
    )


def release(matter: Matter, label: str = "Release the hold") -> Answer:
    """The end of the hold, or the withdrawal of what was not sent."""
    return Answer(label=label, flow="release-request", fields={"request": matter.request, "matter": matter.about})


def kept(matter: Matter) -> tuple[Answer, ...]:
    """What a provider may say of a hold."""
    return (
        recorded(matter, "They keep the data", "preserved"),
        recorded(matter, "They refuse", "refused", action="send"),
        recorded(matter, "No such account", "item-not-found"),
    )


def gone(matter: Matter) -> Answer:
    """That the provider no longer has the data."""
    return recorded(matter, "They keep them no longer", "expired")


def stop_over(matter: Matter) -> tuple[Answer, ...]:
    """That what keeps the data without an end is over, where something does."""
    return (recorded(matter, "What kept it on is over", "stop-ended"),) if matter.hold.stop else ()


def stops(matter: Matter) -> Iterator[Answer]:
    """An entry for each stop event that the instrument knows."""
    for stop in matter.hold.terms.instrument.stop_events:
        if stop.kind in STOPS:
            yield recorded(matter, STOPS[stop.kind], stop.kind)


def extended(matter: Matter, label: str) -> Iterator[Answer]:
    """That the provider extends, where the law knows such a thing."""
    if matter.hold.terms.instrument.extensions:
        yield recorded(matter, label, "extended")
