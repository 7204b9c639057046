"""Events in words: one line for each thing that happened to a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.words import OUTCOMES, STATES, STOPS, Table, day, moment, number
from timeline.steps import about

_ACTS = {
    "send": "sending",
    "extend": "extension",
    "release": "release",
    "announce": "announcement of the production",
    "clarify": "answer to the clarification",
}


def told(event: Table) -> str:
    """An event in words, with what a person remarked on it, and when it was entered if later."""
    body: Table = event["body"]
    say = _KINDS.get(event["kind"])
    text = say(body) if say else str(event["kind"])
    if body.get("reference") and str(body["reference"]) not in text:
        text += f", reference {body['reference']}"
    if body.get("proof_sha256"):
        text += f"; its proof is kept (SHA-256 {str(body['proof_sha256'])[:12]}…)"
    if body.get("by"):
        text += f"; entered for {body['by']}"
    elif body.get("source") == "person":
        text += "; entered by a person"
    if body.get("text"):
        text += f": “{body['text']}”"
    elif body.get("remarked"):
        text += " (sealed)" if event["kind"] == "note" else ", with a remark (sealed)"
    if event["recorded_at"][:16] != event["at"][:16]:
        text += f" [recorded {moment(event['recorded_at'])}]"
    return text


def _act(body: Table) -> str:
    """Which act: the sending, or the extension with its number."""
    word = _ACTS.get(body["action"], str(body["action"]))
    return f"{word} {body['sequence']}" if body["action"] == "extend" else word


def _registered(body: Table) -> str:
    text = f"registered with {number(len(body['items']), 'identifier')}, {', '.join(body['categories'])}"
    text += ", emergency" if body["urgency"] == "emergency" else ""
    text += f", made {day(body['made_on'])}" if body.get("made_on") else ""
    accepted = body.get("accepted") or {}
    return text + "".join(f"; {gate} accepted by {name}" for gate, name in accepted.items())


def _intent(body: Table) -> str:
    again = f", attempt {body['attempt']}" if body["attempt"] > 1 else ""
    return f"{_act(body)} begun{again}: {body['because']}"


def _sent(body: Table) -> str:
    if body.get("found"):
        return f"{_act(body)}: the provider has it"
    over = f" over {body['channel']}" if body["channel"] and body["channel"] != "person" else ""
    return f"{_act(body)} done{over}"


def _acknowledged(body: Table) -> str:
    text = "the provider has it"
    if body.get("references"):
        text += f", its reference {', '.join(body['references'])}"
    if body.get("received_on"):
        text += f", received {day(body['received_on'])}"
    if body.get("held_until"):
        text += f"; it says that it keeps nothing after {day(body['held_until'])}"
    return text + _counted(body)


def _preserved(body: Table) -> str:
    text = "the provider keeps the data"
    if body.get("held_from"):
        text += f" from {day(body['held_from'])}"
    if body.get("held_until"):
        text += f" until {day(body['held_until'])}"
    return text + _counted(body)


def _counted(body: Table) -> str:
    """What was said of single items."""
    outcomes: dict[str, int] = {}
    for item in body.get("items") or ():
        outcomes[item["outcome"]] = outcomes.get(item["outcome"], 0) + 1
    return "".join(f"; {number(count, 'item')} {OUTCOMES.get(word, word)}" for word, count in outcomes.items())


def _extended(body: Table) -> str:
    until = f" until {day(body['held_until'])}" if body.get("held_until") else ""
    return f"extension {body['sequence']} confirmed{until}{_counted(body)}"


def _escalated(body: Table) -> str:
    told_to = "told" if body["delivered"] else "could NOT tell"
    return f"{told_to} {body['who']} (level {body['level']}) of {about(body['about'])}: {body['because']}"


def _stop(kind: str) -> Callable[[Table], str]:
    return lambda body: f"{STOPS[kind]} on {day(body['on'])}"


_KINDS: Mapping[str, Callable[[Table], str]] = {
    "registered": _registered,
    "drafted": lambda body: "a draft: nothing is sent before somebody gives the go-ahead",
    "go-ahead": lambda body: "go-ahead given: it may be sent",
    "intent": _intent,
    "sent": _sent,
    "unavailable": lambda body: f"{_act(body)} not accepted: {body['reason']}",
    "outcome-unknown": lambda body: f"{_act(body)}: nobody knows whether it arrived: {body['reason']}",
    "absent": lambda body: f"{_act(body)}: the provider does not have it",
    "refused": lambda body: f"{_act(body)} REFUSED ({body['ground']}){_because(body)}",
    "unsupported": lambda body: f"{_act(body)} must be done by hand: {body['reason']}",
    "polled": lambda body: f"asked the provider: {STATES.get(body['state'], body['state'])}",
    "poll-failed": lambda body: f"asked the provider, no answer: {body['reason']}",
    "acknowledged": _acknowledged,
    "preserved": _preserved,
    "items": lambda body: f"news of items{_counted(body)}",
    "extended": _extended,
    "clarification": lambda body: "the provider asks for clarification",
    "clarification-answered": lambda body: "the clarification was answered",
    "validated": lambda body: "the order was validated",
    "produced": lambda body: "the data were produced",
    "released": lambda body: "the provider was told that the hold may end",
    "expired": lambda body: f"the provider says that the hold has ended{_state(body)}",
    "mla-sent": lambda body: f"the MLA request was sent on {day(body['on'])}",
    **{kind: _stop(kind) for kind in STOPS},
    "stop-ended": lambda body: f"what kept the data without an end was over on {day(body['on'])}",
    "release-asked": lambda body: "release asked for",
    "extend-asked": lambda body: f"extension {body['sequence']} asked for",
    "announce-asked": lambda body: f"to be told: production was requested on {day(body['on'])}",
    "answer-asked": lambda body: "the answer to the clarification was written",
    "message-received": lambda body: f"a message came in by {body['channel']}{_proposed(body)}",
    "message-settled": lambda body: f"a message was settled: {body['as']}",
    "note": lambda body: _restored(body) if "restored" in body else _followed(body) or _pressed(body) or "remark",
    "approval-asked": lambda body: f"{_asked(body)} asked for: waits for a second person{_reason(body)}",
    "approved": lambda body: f"{_asked(body)} approved{_asker(body)}",
    "rejected": lambda body: f"{_asked(body)} REJECTED{_asker(body)}",
    "opened": lambda body: f"{body['what']} opened{', ' + body['duty'] if body.get('duty') else ''}",
    "erased": lambda body: f"the case was ERASED{_reason(body)}",
    "escalated": _escalated,
    "escalation-acknowledged": lambda body: f"somebody took up {about(body['about'])}",
    "lapsed": lambda body: f"LAPSED: the hold ended {day(body['strict_on'])} with nothing in its place",
}


ROUTINE = frozenset(
    {"intent", "polled", "poll-failed", "escalated", "escalation-acknowledged", "note", "message-settled"}
)
"""Kinds of event that moved nothing at the provider."""

WAITING: Mapping[str, str] = {"send": "the sending", "release": "the release", "erase": "the erasing of the case"}
"""What can wait for a second person."""


def _restored(body: Table) -> str:
    lost = f"signed heads prove {number(body['of_events'], 'event')}"
    return f"the ledger was RESTORED from a backup ({lost}): what was recorded since is lost here"


def _asked(body: Table) -> str:
    return WAITING.get(body["about"], str(body["about"]))


def _asker(body: Table) -> str:
    return f", which {body['asked_by']} had asked for" if body.get("asked_by") else ""


def _followed(body: Table) -> str:
    children = ", ".join(body.get("followed_by") or ())
    return f"Followed by {children} (a further provider was named)." if children else ""


def _pressed(body: Table) -> str:
    return _PRESSED.get(body.get("pressed", ""), "")


_PRESSED: Mapping[str, str] = {"send": "to be sent at once", "tell": "people to be told at once"}
"""What a person wanted now that falls due by itself."""


def _reason(body: Table) -> str:
    return f": {body['because']}" if body.get("because") else ""


def _proposed(body: Table) -> str:
    proposal = body.get("proposal") or {}
    return f", which seems to say: {proposal['kind']}" if proposal.get("kind") else ", to be read by a person"


def _because(body: Table) -> str:
    return f": {body['reason']}" if body.get("reason") else ""


def _state(body: Table) -> str:
    return f" ({body['state']})" if body.get("state") else ""
