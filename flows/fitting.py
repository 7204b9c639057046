"""Whether an entry can be true of a request, beside what its record says; and what to tell of one that was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from timeline.corrections import validated_late
from timeline.days import day_in, said, said_at
from timeline.decide import Decision, Do
from timeline.state import Hold, State

if TYPE_CHECKING:
    from flows.replying import Reply

YEAR = timedelta(days=365)
"""A day further off than that is taken for a mistyped year: what is entered moves the clocks for good."""


def doubts(hold: Hold, reply: Reply, now: datetime) -> Iterator[str]:
    """Why an entry cannot be true, each with what to write instead; nothing where it can."""
    yield from _fits(hold, reply)
    yield from _can_be(hold, reply, now)


def sequence_of(hold: Hold, action: str) -> int:
    """Which one of an action an entry speaks of: the next extension, the announcement or answer last asked for."""
    asked = {"announce": hold.announcing, "clarify": hold.answering}.get(action)
    return hold.granted + 1 if action == "extend" else asked[0] if asked else 1


def _can_be(hold: Hold, reply: Reply, now: datetime) -> Iterator[str]:
    """Whether the days entered can be true beside those in the record."""
    zone, mla = hold.terms.provider.zone, hold.mla
    sent, act, did = hold.sent_at, hold.act("send"), "sent"
    if reply.kind == "sent" and reply.action == "send":
        machine = act is not None and act.key and act.outcome != "unsupported" and not _by_person(hold)
        sent, did = (hold.registered_at, "registered") if machine else (None, did)  # a person may have sent it before
    first_at = hold.registered_at - YEAR if sent is None else sent - timedelta(days=1)  # clocks differ, and zones
    first_on = day_in(first_at, zone)
    since = "a year before it was registered" if sent is None else f"it was {did}, {said(day_in(sent, zone))}"
    if reply.at and reply.at < first_at:
        yield f"--at lies before {since}: check the year"
    if reply.kind == "mla-received" and reply.on and mla.sent_on and reply.on < mla.sent_on:
        yield f"--on {reply.on} lies before the MLA request left, {said(mla.sent_on)}: check both days"
    if reply.kind == "mla-sent" and reply.on and mla.received_on and reply.on > mla.received_on:
        yield f"--on {reply.on} lies after the State had it, {said(mla.received_on)}: check both days"
    if reply.kind in {"mla-sent", "mla-received"}:
        long_ago = day_in(hold.registered_at - YEAR / 2, zone)
        if reply.on and reply.on < long_ago and not reply.reference:
            yield (
                f"--on {reply.on} lies half a year or more before the request was registered,"
                f" {said(day_in(hold.registered_at, zone))}: check the year; if it is right, give --reference, the"
                " MLA request's own"
            )
    elif reply.on and reply.on < first_on:
        yield f"--on {reply.on} lies before {since}: check the year"
    if reply.until:
        ends = hold.expiry_after(hold.granted + (reply.kind == "extended"))
        last_on = max(day_in(now, zone), ends.legal_on if ends else date.min)
        if reply.until < first_on:
            yield f"--until {reply.until} lies before {since}: check the year"
        if reply.until >= last_on + YEAR:
            law = f"the end by law, {said(last_on)}" if ends else "today"
            yield f"--until {reply.until} lies a year or more after {law}: check the year"


def _by_person(hold: Hold) -> bool:
    """Whether a person sent it last."""
    return bool(hold.channel) and not hold.route


def _fits(hold: Hold, reply: Reply) -> Iterator[str]:
    """Whether the entry can be true of this request."""
    stops = {stop.kind for stop in hold.terms.instrument.stop_events}
    if hold.state is State.ERASED and reply.kind not in {"released", "escalation-acknowledged"}:
        yield f"{hold.request} was erased: record only that it was released, or that somebody took it up"
    if hold.state is State.RELEASED and reply.kind not in {"note", "escalation-acknowledged", "produced"}:
        yield f"{hold.request} is released already: nothing is held under it any more"
    if reply.kind in {"production-announced", "access-requested", "petition-filed"} and reply.kind not in stops:
        known = ", ".join(sorted(stops)) or "none"
        yield f"{hold.terms.instrument.id} knows no {reply.kind}; its stop events: {known}"
    if reply.kind == "extended":
        yield from _longer(hold, reply)
    if reply.action == "extend" and reply.kind in {"sent", "refused"}:
        yield from _known_extension(hold)
    if reply.kind == "sent":
        yield from _not_sent_yet(hold, reply)
    if reply.kind == "validated" and not any(
        each.met_by == "validated" for each in hold.terms.instrument.short_clocks
    ):
        yield f"{hold.terms.instrument.id} knows no validation afterwards: nothing waits for it"
    yield from _over(hold, reply)
    if reply.kind == "absent":
        act = hold.act(reply.action, sequence_of(hold, reply.action))
        if act is None or not act.open:
            yield f"what became of the {reply.action} is known: `absent` settles what nobody knew of"
    if reply.kind == "clarification-answered" and hold.clarification is None:
        yield "no clarification was asked for; record `clarification` first"
    if reply.kind == "clarification-answered" and not hold.unanswered:
        yield "what was asked is recorded as answered; if something else was asked, record `clarification`"
    if reply.kind == "escalation-acknowledged" and not hold.escalations:
        yield "nothing was escalated about this request"


def _longer(hold: Hold, reply: Reply) -> Iterator[str]:
    """Whether an extension can have been confirmed."""
    expiry = hold.expiry
    if expiry is None:
        yield "there is no hold to extend: record first that it was sent or preserved"
        return
    if not hold.terms.instrument.extensions:
        yield f"{hold.terms.instrument.id} knows no extension; send a new request instead"
    if not reply.until and hold.granted >= len(hold.terms.given) and hold.unconfirmed is None:
        yield (
            f"{hold.request}: what {hold.terms.instrument.id} gives is on record already; if the provider granted"
            " another extension, give --until, the last day that it says"
        )
    if reply.until and reply.until <= expiry.legal_on:
        yield (
            f"--until {reply.until} is not later than the present end by law, {said(expiry.legal_on)}, so that no"
            " extension shows in it: record `preserved` with that day"
        )
    act, number = hold.act("extend", hold.granted + 1), hold.granted + 1
    if not reply.until and (act is None or not (act.open or act.outcome == "sent")):
        before = f"extension {hold.granted} is confirmed already, and " if hold.granted else ""
        yield (
            f"{hold.request}: {before}nobody is on record as having asked for extension {number}: check the request;"
            " if it was asked for, record `sent` with --action extend first, or give --until, the last day that the"
            " provider says"
        )
    yield from _in_period(hold, reply)


def _known_extension(hold: Hold) -> Iterator[str]:
    """Whether there is an extension that can have been asked for, or refused."""
    if hold.act("extend", hold.granted + 1) is None and hold.granted >= len(hold.terms.given):
        known = f"no extension after the {hold.granted} confirmed" if hold.granted else "no extension"
        yield (
            f"{hold.request}: {hold.terms.instrument.id} knows {known}; if the provider granted one all the same,"
            " record `extended` with --until, the last day that it says"
        )


def _not_sent_yet(hold: Hold, reply: Reply) -> Iterator[str]:
    """Whether the entry of a sending says anything that is not on record already."""
    act = hold.act(reply.action, sequence_of(hold, reply.action))
    if act is None or act.outcome != "sent" or reply.channel not in {"", hold.channel}:
        return
    zone = hold.terms.provider.zone
    if reply.action == "send" and _by_person(hold) and hold.sent_at and not (reply.at and reply.at < hold.sent_at):
        extend = "; an extension is `sent` with --action extend" if hold.terms.given else ""
        yield (
            f"{hold.request} was recorded as sent on {said(day_in(hold.sent_at, zone))} already, and no later day is"
            f" taken: the first sending counts{extend}; sent again over another way: --channel; a proof or their"
            " reference: `note`, `acknowledged`"
        )
    if reply.action == "extend" and not reply.at:
        yield (
            f"{hold.request}: extension {act.sequence} was recorded as sent on {said(day_in(act.last_at, zone))}"
            " already; to correct when, give --at; what the provider says of it is `extended` or `refused`"
        )


def _over(hold: Hold, reply: Reply) -> Iterator[str]:
    """Whether what kept the data, or the hold itself, can be over."""
    if reply.kind == "stop-ended" and not any(on <= reply.on for on in hold.stops.values() if reply.on):
        yield f"{hold.request}: no stop event of that day or before it is recorded: nothing of it can end"
    if reply.kind == "expired" and hold.unsent:
        yield f"{hold.request} was never sent: nothing is held that could be over; record `sent` first"


def _in_period(hold: Hold, reply: Reply) -> Iterator[str]:
    """Refuse an extension that came after the last legal day where the law wants it before: it obliges nobody.

    Reg. (EU) 2023/1543 art. 11(1): within the first 60 days. What the provider keeps all the same, it says itself.
    """
    act, ends = hold.act("extend", hold.granted + 1), hold.expiry_after(hold.granted)
    if reply.until or ends is None or not any(each.before_expiry for each in hold.terms.instrument.extensions):
        return
    zone = hold.terms.provider.zone
    if act is not None and act.outcome == "sent" and day_in(act.last_at, zone) > ends.legal_base_on:
        yield (
            f"{hold.request}: the extension was sent on {said(day_in(act.last_at, zone))}, after the last day,"
            f" {said(ends.legal_base_on)}: by law it prolongs nothing; if the provider keeps the data all the same,"
            " give --until, the last day that it says"
        )


def warnings(before: Hold, after: Hold, following: Decision, reply: Reply, now: datetime) -> tuple[str, ...]:
    """What whoever made an entry should hear of it at once, beside how the request stands now and what is next."""
    found, request = [], after.request
    if reply.kind == "produced" and before.produced_at is None and after.state is State.PRODUCED:
        if following.action is Do.RELEASE:
            found.append("the next sweep has it released at the provider, who may delete the data within the hour")
        found.append(
            "nothing of it is extended any more; if that is wrong, or only a part was produced: record `preserved`"
            f" for {request} at once, before it is released"
        )
    if reply.kind == "preserved" and not reply.item and after.state is State.PRODUCED:
        found.append("it stays produced, as its release was asked for or said: ask the provider what it still keeps")
    if after.granted < before.granted:
        found.append(f"extension {before.granted}, which nobody had sent, is taken back and can be asked for again")
    late = validated_late(after, reply.at or now) if reply.kind == "validated" else None
    if late is not None:
        rule, over = late
        found.append(
            f"TOO LATE, its time was over at {said_at(over)} ({rule.source.provision}): {rule.consequence}. People"
            " go on being told until it is released; if it was validated in time, record that again with the instant"
        )
    return tuple(found)
