"""Doing what was decided about one request: intent first, then the effect once, then the outcome.

Every act is recorded before it is tried, with the idempotency key that it keeps for ever, and its outcome
after. What happens in between may be cut off at any point: the next sweep finds an intent without an
outcome and asks the provider before anything is sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from flows.hearing import News, read
from flows.history import Folded
from flows.office import Office, key_of
from flows.orders import reason
from flows.pen import Pen
from flows.retrying import patiently
from flows.routes import Route, abilities_of, named, taken
from flows.telling import tell
from ledger.interface import Claim, Json, LeaseLost
from ledger.vault import Sealed
from providers.errors import ConfigurationError, ProviderError, Refused, Unavailable, Unsupported
from providers.interface import Action, Adapter, Answer, Exchange, Order, SentFile
from providers.packet.archive import unpacked
from timeline.coverage import assumed_sent
from timeline.days import day_in
from timeline.decide import Decision, Do
from timeline.state import Act, Hold
from timeline.terms import by_law


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of one decision. `failed`: it did not succeed, in words without any identifier.

    `person`: something now waits for a person. `by_hand`: no machine can say it at this provider, so a person does;
    nothing was tried and nothing went wrong, and `failed` says why no machine can.
    """

    request: str
    provider: str
    action: str
    because: str
    result: str
    failed: str = ""
    person: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether it was handed to a person, as no machine can say it."""
        return self.result == BY_HAND


BY_HAND = "unsupported"
"""What became of an act that no machine can do at this provider; its event has the same name."""


def act(office: Office, claim: Claim, read: Folded, decision: Decision) -> Done:
    """Carry out one decision on a request whose lease we hold, and whose history was read.

    A provider's failure is an outcome, recorded and reported in `Done.failed`; only `LedgerError` (nothing
    could be recorded), `Overtaken` (decide anew) and programming errors are raised.
    """
    doing: dict[Do, Callable[[Office, Pen, Hold, Decision], tuple[str, str]]] = {
        Do.SEND: _say,
        Do.EXTEND: _say,
        Do.RELEASE: _say,
        Do.ANNOUNCE: _say,
        Do.CLARIFY: _say,
        Do.LOOK_UP: _look_up,
        Do.POLL: _poll,
        Do.ESCALATE: _escalate,
        Do.LAPSE: _lapse,
    }
    hold, pen = read.hold, Pen(office=office, claim=claim, count=read.count)
    because = decision.because
    decision = decision._replace(words=lambda: because)  # put into words once
    result, failed = doing[decision.action](office, pen, hold, decision)
    about = f" {decision.about}" if decision.about and decision.action is Do.ESCALATE else ""
    return Done(
        request=hold.request,
        provider=claim.provider,
        action=f"{decision.action}{about}",
        because=because,
        result=result,
        failed=failed,
        person=decision.action in {Do.ESCALATE, Do.LAPSE} or result == BY_HAND,
    )


def _say(office: Office, pen: Pen, hold: Hold, decision: Decision) -> tuple[str, str]:
    """Send, extend, release, announce or clarify: the acts that have an effect at the provider.

    A channel that cannot say it sends nothing, so the next one is taken at once; what the provider refused is not
    tried at another of its doors.
    """
    action = Action(str(decision.action))
    known = hold.act(action, decision.sequence)
    attempt = known.attempt if known else 0
    facts = office.facts(hold.request)
    try:
        ways = _ways(office, pen.claim.provider, hold, action, known, facts=facts)
    except ConfigurationError as error:
        base, intent = _begin(hold, decision, attempt + 1)
        pen.write([("intent", intent), _not_set_up(base, error)])
        return "not sent", str(error)
    by_person: tuple[str, str] | None = None
    outcome = "unsupported", "there is no channel"
    for number, route in enumerate(ways, 1):
        outcome = _say_over(office, pen, hold, decision, route=route, attempt=attempt + number, facts=facts)
        if outcome[0] != "unsupported":
            return outcome
        if by_person is None and route.capabilities.person:
            by_person = outcome  # the best of the ways that a person can go is the one to be told of
    return by_person or outcome


TRIES = 6
"""So many failures in a row on one channel (with the shipped policy five hours), then the next one is tried."""


def _ways(
    office: Office, provider: str, hold: Hold, action: Action, known: Act | None, *, facts: Mapping[str, Any]
) -> tuple[Route, ...]:
    """The routes to try, in order: what was sent over one is followed up over it; a dead one gives way."""
    ways = office.routes(hold, provider, facts)
    if action is not Action.SEND:
        return (taken(ways, hold.route, hold.channel),)
    turn = (known.failures // TRIES) % len(ways) if known else 0
    return ways[turn:]


def _begin(hold: Hold, decision: Decision, attempt: int) -> tuple[dict[str, Json], dict[str, Json]]:
    """What every event about an act says, and its intent."""
    base: dict[str, Json] = {"action": str(decision.action), "sequence": decision.sequence}
    key = key_of(hold.request, str(decision.action), decision.sequence)
    return base, base | {"attempt": attempt, "key": key, "channel": "", "because": decision.because}


def _say_over(
    office: Office,
    pen: Pen,
    hold: Hold,
    decision: Decision,
    *,
    route: Route,
    attempt: int,
    facts: Mapping[str, Any],
) -> tuple[str, str]:
    """Say it over one channel: intent, effect, outcome."""
    action = Action(str(decision.action))
    base, intent = _begin(hold, decision, attempt)
    try:
        adapter = office.adapter(route)
        until = asked_until(hold, action, decision.sequence, office.now())
        because = reason(office, hold.request) if action is Action.RELEASE else decision.because
        order = office.order(
            hold, action, decision.sequence, addressee=route.addressee, until=until, because=because, facts=facts
        )
    except ConfigurationError as error:
        pen.write([("intent", intent), _not_set_up(base, error)])
        return "not sent", str(error)
    intent |= {"channel": adapter.channel, "route": route.id}
    can = abilities_of(adapter.capabilities)
    if action is Action.SEND and can != hold.terms.abilities:
        intent["abilities"] = list[Json](named(can))
    begun: News = [("intent", intent)]
    if not adapter.capabilities.person:
        pen.write(begun)
        begun = []
    # Nothing leaves by a person's channel: cut off before its packet is recorded, nothing is in doubt.
    try:
        answer = patiently(lambda: _speak(office, pen.claim, adapter, order), sleep=office.sleep)
    except ConfigurationError as error:
        pen.write([*begun, _not_set_up(base, error)])
        return "not sent", str(error)
    except ProviderError as error:
        kind, body = _outcome(error)
        seals: list[Sealed] = []
        proof = _proof(office, hold, error.exchange, seals) | _packet(office, hold, error, seals)
        pen.write([*begun, (kind, base | body | proof)], seals=seals)
        return kind, error.reason
    over: dict[str, Json] = {"channel": adapter.channel, "route": route.id}
    # The clocks run from the earliest instant at which it can have left.
    return _answered(
        office, pen, hold, order, base=base | over, answer=answer, sent_at=order.made_at, begun=begun
    ), ""


def _answered(
    office: Office,
    pen: Pen,
    hold: Hold,
    order: Order,
    *,
    base: Mapping[str, Json],
    answer: Answer,
    sent_at: datetime,
    begun: Sequence[tuple[str, Mapping[str, Json]]] = (),
) -> str:
    """Record that it was said, and what was answered, in one step: half of an answer is never on record."""
    seals: list[Sealed] = []
    sent = dict(base) | _proof(office, hold, answer.exchange, seals)
    said = [(kind, body, sent_at) for kind, body in (*begun, ("sent", sent), *_stops(hold, order))]
    news = read(hold, order.action, order.sequence, answer)
    pen.write([*said, *news], seals=seals)
    return _said(answer, [kind for kind, _ in news])


def _speak(office: Office, claim: Claim, adapter: Adapter, order: Order) -> Answer:
    """Say it, if the lease still runs: a process that was held up for longer must not speak any more."""
    if office.now() >= claim.until:
        raise LeaseLost(f"{claim.owner} was held up for longer than its lease on {claim.request}: nothing was sent")
    return SPEAK[order.action](adapter, order)


SPEAK: Mapping[Action, Callable[[Adapter, Order], Answer]] = {
    Action.SEND: lambda adapter, order: adapter.send(order),
    Action.EXTEND: lambda adapter, order: adapter.extend(order),
    Action.RELEASE: lambda adapter, order: adapter.release(order),
    Action.ANNOUNCE: lambda adapter, order: adapter.announce(order),
    Action.CLARIFY: lambda adapter, order: adapter.clarify(order),
}


def _stops(hold: Hold, order: Order) -> News:
    """The clock that stops because it was said, in the same step as the sending."""
    if order.action is Action.CLARIFY:
        return [("clarification-answered", {"question": order.question})]
    if order.action is Action.ANNOUNCE:
        on = day_in(order.made_at, hold.terms.provider.zone)
        return [("production-announced", {"on": on.isoformat(), "reference": order.production_reference})]
    return []


def _packet(office: Office, hold: Hold, error: ProviderError, seals: list[Sealed]) -> dict[str, Json]:
    """What a person is handed to say it instead: sealed whole, its digest and size in clear."""
    if not isinstance(error, Unsupported) or error.packet is None:
        return {}
    return {
        "packet": _seal(office, hold, error.packet, "packet", seals),
        "packet_sha256": hashlib.sha256(error.packet).hexdigest(),
        "packet_size": len(error.packet),
        "files": _listed(SentFile.of(name, content) for name, content in unpacked(error.packet).items()),
    }


def _listed(files: Iterable[SentFile]) -> list[Json]:
    """Documents as an event keeps them."""
    return [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in files]


def _not_set_up(base: Mapping[str, Json], error: ConfigurationError) -> tuple[str, Mapping[str, Json]]:
    return "unavailable", dict(base) | {"reason": f"our set-up: {error}", "ground": "configuration"}


def asked_until(hold: Hold, action: Action, sequence: int, now: datetime) -> date | None:
    """The last day to ask for: what the law gives, before any roll-over, and never the provider's shorter practice.

    The practice counts for what is relied upon; who asks for less than the law gives has no more to insist on.
    """
    if action not in {Action.SEND, Action.EXTEND}:
        return None
    asked = replace(assumed_sent(hold, now), terms=by_law(hold.terms))
    expiry = asked.expiry_after(sequence if action is Action.EXTEND else 0)
    return expiry.legal_base_on if expiry else None


def _outcome(error: ProviderError) -> tuple[str, dict[str, Json]]:
    body: dict[str, Json] = {"reason": error.reason}
    match error:
        case Unavailable(retry_after=seconds):
            return "unavailable", body | ({"retry_after_s": int(seconds)} if seconds else {})
        case Refused(ground=ground):
            return "refused", body | {"ground": ground}
        case Unsupported():
            return "unsupported", body
        case _:
            return "outcome-unknown", body


def _seal(office: Office, hold: Hold, content: bytes, purpose: str, seals: list[Sealed]) -> str:
    """Seal bytes, to be stored with the event that names their token."""
    seals.append(office.vault.prepare(office.case(hold.request), content, purpose))
    return seals[-1].token


def _proof(office: Office, hold: Hold, exchange: Exchange | None, seals: list[Sealed]) -> dict[str, Json]:
    """What a transmission leaves in an event: the exact bytes sealed, their digests and sizes in clear."""
    if exchange is None:
        return {}
    proof: dict[str, Json] = {
        "sender": exchange.sender,
        "recipient": exchange.recipient,
        "sent_at": exchange.sent_at.isoformat(),
        "files": _listed(exchange.files),
        "sent_bytes": _seal(office, hold, exchange.sent, "sent", seals),
        "sent_sha256": hashlib.sha256(exchange.sent).hexdigest(),
        "sent_size": len(exchange.sent),
    }
    if exchange.received:
        proof |= {
            "received_bytes": _seal(office, hold, exchange.received, "received", seals),
            "received_sha256": hashlib.sha256(exchange.received).hexdigest(),
            "received_size": len(exchange.received),
        }
    if exchange.status is not None:
        proof["status"] = exchange.status
    return proof


def _said(answer: Answer, kinds: Sequence[str]) -> str:
    text = str(answer.state)
    if answer.references:
        text += f", reference {', '.join(answer.references)}"
    if "extended" in kinds and answer.held_until:
        text += f", held until {answer.held_until}"
    return text


def _look_up(office: Office, pen: Pen, hold: Hold, decision: Decision) -> tuple[str, str]:
    """Ask what became of an act whose outcome is not known."""
    action = Action(decision.about)
    base: dict[str, Json] = {"action": str(action), "sequence": decision.sequence}
    known = hold.act(action, decision.sequence)
    assert known is not None  # noqa: S101 - only a begun act is looked up
    facts = office.facts(hold.request)
    try:
        route = taken(office.routes(hold, pen.claim.provider, facts), known.route, known.channel)
        adapter = office.adapter(route)
        until = asked_until(hold, action, decision.sequence, office.now())
        order = office.order(hold, action, decision.sequence, addressee=route.addressee, until=until, facts=facts)
        found = patiently(lambda: adapter.find(order), sleep=office.sleep)
    except ConfigurationError as error:
        pen.write([("outcome-unknown", base | {"reason": f"our set-up: {error}"})])
        return "still unknown", str(error)
    except ProviderError as error:
        pen.write([("outcome-unknown", base | {"reason": error.reason})])
        return "still unknown", error.reason
    if found is None:
        pen.write([("absent", base)])
        return "the provider does not have it: it will be sent again", ""
    over: dict[str, Json] = {"channel": adapter.channel, "route": route.id, "found": True}
    said = _answered(office, pen, hold, order, base=base | over, answer=found, sent_at=known.began_at)
    return f"the provider has it: {said}", ""


def _poll(office: Office, pen: Pen, hold: Hold, decision: Decision) -> tuple[str, str]:
    """Ask how the request stands."""
    facts = office.facts(hold.request)
    try:
        route = taken(office.routes(hold, pen.claim.provider, facts), hold.route, hold.channel)
        adapter = office.adapter(route)
        order = office.order(hold, Action.STATUS, 1, addressee=route.addressee, facts=facts)
        answer = patiently(lambda: adapter.status(order), sleep=office.sleep)
    except (ProviderError, ConfigurationError) as error:
        reason = error.reason if isinstance(error, ProviderError) else f"our set-up: {error}"
        pen.write([("poll-failed", {"reason": reason})], anyhow=True)
        return "no answer", reason
    news = read(hold, Action.STATUS, 1, answer)
    pen.write([("polled", {"state": str(answer.state)}), *news])
    return _said(answer, [kind for kind, _ in news]), ""


def _escalate(office: Office, pen: Pen, hold: Hold, decision: Decision) -> tuple[str, str]:
    """Tell a person; that telling failed is an event too, and the next level hears of it."""
    told = tell(office, hold, decision, provider=pen.claim.provider, case=office.case(hold.request))
    body: dict[str, Json] = {
        "about": decision.about,
        "level": decision.level,
        "who": told.who,
        "because": decision.because,
        "delivered": told.delivered,
        "deliveries": [dict(each) for each in told.deliveries],
    }
    pen.write([("escalated", body)], anyhow=True)
    if told.delivered:
        return f"told {told.who} (level {decision.level})", ""
    return "could not be told", f"{told.who} could not be told (level {decision.level}): {told.why}"


def _lapse(office: Office, pen: Pen, hold: Hold, decision: Decision) -> tuple[str, str]:
    expiry = hold.expiry
    on = expiry.strict_on if expiry else office.now().date()
    pen.write([("lapsed", {"strict_on": on.isoformat(), "because": decision.because})])
    return "LAPSED", decision.because
