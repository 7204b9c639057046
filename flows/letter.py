"""One letter written by hand: typeset from the request as it stands, to be read, signed or exchanged before sending.

A letter names accounts, so taking one out is a disclosure and is recorded with its digest: who, when, and which
bytes (Directive (EU) 2016/680 art. 25). It is no sending: the clocks stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from flows.acting import asked_until
from flows.four_eyes import not_waiting
from flows.office import Office
from flows.opening import opened
from flows.orders import reason
from flows.replying import ReplyError, not_erased
from providers.errors import Unsupported
from providers.interface import Action, Addressee, Letter, Order
from timeline.state import Hold

KINDS: Mapping[str, Action] = {
    "original": Action.SEND,
    "extension": Action.EXTEND,
    "release": Action.RELEASE,
    "announce": Action.ANNOUNCE,
    "clarify": Action.CLARIFY,
}
"""Kinds of letter, and the action each says."""


def write(office: Office, request: str, kind: str, *, language: str = "", draft: bool = False) -> Letter:
    """The letter of that kind, from the request as it stands. Call `record_disclosure` before anybody sees it.

    Args:
        office: the unit's open office.
        request: its id.
        kind: one of `KINDS`.
        language: another language than the addressee's.
        draft: mark every page, and show what is still missing instead of refusing.

    Raises:
        LookupError: there is no such request.
        ReplyError: the letter cannot be said: says what is missing.
        ConfigurationError: the texts, a font or the certificate are wrong, or the provider is not in the catalogue.
    """
    hold = office.hold(request)
    not_erased(office, hold)
    action = KINDS[kind]
    if action in {Action.SEND, Action.RELEASE} and not draft:
        not_waiting(hold, str(action), "its letter")
    if action is not Action.SEND and hold.strict_start is None and not draft:
        raise ReplyError(f"{request} was never sent, so there is nothing to say a letter of {kind} about; or --draft")
    if action is Action.EXTEND and not draft:
        can_be_extended(hold)
    try:
        return office.letters.write(_order(office, hold, action, language), draft=draft)
    except Unsupported as error:
        raise ReplyError(f"{request}: {error.reason}") from None


def can_be_extended(hold: Hold) -> None:
    """Raise `ReplyError` where the law knows no further extension: it would be asked for without any basis."""
    known = len(hold.terms.given)
    if hold.granted >= known:
        raise ReplyError(
            f"{hold.request}: no further extension can be asked for: {hold.terms.instrument.id} knows"
            f" {known or 'none'}{', and no more than that' if known else ''}. For data made since, send a new"
            f' request with snapshot_of = "{hold.request}"'
        )


def _order(office: Office, hold: Hold, action: Action, language: str) -> Order:
    provider = str(office.ledger.events(hold.request)[0].body["provider"])
    routes = office.routes(hold, provider)
    addressee = routes[0].addressee if routes else Addressee()
    if language:
        addressee = replace(addressee, language=language)
    sequence = hold.granted + 1 if action is Action.EXTEND else 1
    because = reason(office, hold.request) if action is Action.RELEASE else ""
    until = asked_until(hold, action, sequence, office.now())
    return office.order(hold, action, sequence, addressee=addressee, until=until, because=because)


def record_disclosure(
    office: Office, request: str, kind: str, letter: Letter, *, draft: bool, because: str = ""
) -> str:
    """Record who took which letter out of the sealed record, and why. Gives its SHA-256, in hexadecimal."""
    digest = hashlib.sha256(letter.pdf).hexdigest()
    what = f"letter ({kind}, in {letter.language}{', a draft' if draft else ''})"
    duty = "" if because.strip() else "to read it before it is sent" if draft else "to say it by hand"
    opened(office, request, what, because, duty=duty, letter_sha256=digest)
    return digest
