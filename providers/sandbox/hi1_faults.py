"""What a played HI-1 provider can do wrong, each a switch with a rate."""

from __future__ import annotations

from collections.abc import Mapping

HI1_FAULTS: Mapping[str, str] = {
    # on the way in: no effect
    "transient": "answers error 3003 with Retry-After, without an effect",
    "unavailable": "answers 503 with Retry-After, without an effect",
    "drop-before-effect": "breaks the connection without an effect",
    # on the way out: the effect, if the message has one, is there
    "drop-after-effect": "breaks the connection after an effect",
    "half-answer": "breaks the connection in the middle of its answer",
    "stall": "answers nothing for a while, then breaks the connection",
    "oversized": "answers 50 MB",
    "garbage": "answers a page for people, with status 200",
    "empty": "answers nothing at all, with status 200",
    "wrong-charset": "answers in UTF-16",
    "wrong-correlation": "answers as if to another message",
    "more-identifiers": "answers about more objects than were asked",
    "other-identifier": "answers with another identifier in place of ours",
    "entity-bomb": "answers with entities that grow to gigabytes",
    "external-entity": "answers with an entity that names a file of this machine",
    "too-deep": "answers with elements nested a thousand deep",
    # correct, though not what one may be used to
    "rearranged": "swaps sender and receiver in its answer, and answers the last action first",
    "bare": "answers a change without showing the object",
    "no-list": "does not know LIST, and answers it with error 3001",
    # how it treats a request
    "late-acknowledgement": "keeps data only some questions later",
    "earlier-end": "grants an end some days earlier than asked, of a hold or an extension",
    "no-account": "finds no account for an identifier",
    "split": "gives one order several references of its own",
    "forget": "knows nothing of an order after its end",
    "in-part": "takes in part of a message and puts off the rest with error 3003",
    "no-documents": "takes in the tasks of a message, and answers its document with error 3001",
    # how it says no
    "refuse": "refuses an order with error 3000",
    "reject": "stores an order, and rejects its tasks",
    "refuse-extension": "refuses an extension with error 3007",
}
"""Name to what it does."""

ON_THE_WIRE = tuple(HI1_FAULTS)[:16]
HI1_WEIGHTS = {
    **dict.fromkeys(HI1_FAULTS, 1.0),
    **dict.fromkeys(ON_THE_WIRE, 1 / len(ON_THE_WIRE)),
    "refuse": 0.05,
    "reject": 0.05,
    "no-list": 0.05,
    "no-documents": 0.0,  # only where it is asked for: every one of its requests ends with a person
}
