"""The words that a portal's form may ask for, filled in from an order as a person reads and copies them.

`WORDS` is the closed set of names that may stand in braces in `form`. Days have their month spelled out and
instants are in UTC, because 1/2/2026 is two different days.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from providers.interface import Action, Item, Order
from providers.section import one_of

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


GAP = "____"
"""What stands in an answer where a part of it is not known: for a person to fill in."""


def day(when: date | None) -> str:
    """21 November 2026; "" for none."""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}" if when else ""


def instant(when: datetime | None) -> str:
    """21 November 2026, 09:00:00 UTC; "" for none.

    Raises:
        ValueError: it has no zone.
    """
    if when is None:
        return ""
    if when.tzinfo is None:
        raise ValueError("an order has an instant without a zone; give aware UTC")
    moment = when.astimezone(UTC)
    return f"{day(moment.date())}, {moment:%H:%M:%S} UTC"


def yes(what: bool) -> str:
    """Yes or no."""
    return "yes" if what else "no"


def what_it_is(order: Order) -> str:
    """What the message is, in words that no clerk can mistake for something else."""
    given = f", reference {', '.join(order.references)}" if order.references else ""
    match order.action:
        case Action.EXTEND:
            return f"Extension of an earlier preservation request{given}; not a new request, no new snapshot"
        case Action.RELEASE:
            return f"Release: the preservation{given} is no longer needed"
        case Action.ANNOUNCE:
            return f"Announcement that production of the preserved data has been requested{given}"
        case Action.CLARIFY:
            return f"Answer to your question about a preservation request{given}"
        case _ if order.relation == "new-snapshot":
            return "New preservation request for data made since the earlier one; not an extension"
        case _:
            return "New preservation request: keep the data, do not produce them"


def used(item: Item) -> str:
    """When an identifier was in use: "" where that does not matter."""
    if item.used_from and item.used_to and item.used_from == item.used_to:
        return f"at {instant(item.used_from)}"
    parts = [f"from {instant(item.used_from)}" if item.used_from else ""]
    parts += [f"to {instant(item.used_to)}" if item.used_to else ""]
    return " ".join(filter(None, parts))


WORDS: Mapping[str, Callable[[Order], str]] = {
    "action": what_it_is,
    "addressee": lambda order: order.addressee.name,
    "answer": lambda order: order.answer,
    "because": lambda order: order.because,
    "case_reference": lambda order: order.case_reference,
    "categories": lambda order: ", ".join(order.categories),
    "confidential": lambda order: yes(order.confidential),
    "country": lambda order: order.country,
    "custodian": lambda order: order.custodian,
    "earlier": lambda order: " ".join(filter(None, (order.earlier, ", ".join(order.earlier_references)))),
    "held_until": lambda order: day(order.held_until),
    "hold_until": lambda order: day(order.hold_until),
    "identifier_count": lambda order: str(len(order.items)),
    "identifier_types": lambda order: ", ".join(dict.fromkeys(item.type for item in order.items)),
    "identifiers": lambda order: "\n".join(item.value for item in order.items),
    "instrument": lambda order: order.instrument,
    "key": lambda order: order.key,
    "legal_basis": lambda order: order.legal_basis,
    "made_at": lambda order: day(order.made_at.astimezone(UTC).date()),
    "mla_planned_on": lambda order: day(order.follow_up.planned_on),
    "mla_received_on": lambda order: day(order.follow_up.received_on),
    "mla_reference": lambda order: order.follow_up.reference,
    "mla_sent_on": lambda order: day(order.follow_up.sent_on),
    "mla_state": lambda order: order.follow_up.requested_state,
    "necessity": lambda order: order.necessity,
    "offence_facts": lambda order: order.offence_facts,
    "offence_provisions": lambda order: "; ".join(order.offence_provisions),
    "offence_title": lambda order: order.offence_title,
    "officer_badge": lambda order: order.officer.badge,
    "officer_email": lambda order: order.officer.email,
    "officer_name": lambda order: order.officer.name,
    "officer_phone": lambda order: order.officer.phone,
    "partial_disclosure": lambda order: yes(order.partial_disclosure),
    "period_from": lambda order: instant(order.period_from),
    "period_to": lambda order: instant(order.period_to) or "the receipt of this request",
    "production_on": lambda order: day(order.production_on),
    "production_reference": lambda order: order.production_reference,
    "question": lambda order: order.question,
    "reference": lambda order: order.references[0] if order.references else "",
    "references": lambda order: ", ".join(order.references),
    "request": lambda order: order.request,
    "sent_at": lambda order: instant(order.sent_at),
    "sequence": lambda order: str(order.sequence),
    "service": lambda order: order.addressee.service,
    "unit": lambda order: order.unit,
    "urgency": lambda order: order.urgency,
    "validated_by": lambda order: order.validated_by,
}
"""Field words; each gives "" where the order has nothing to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FormLine:
    """One thing that a form asks: its question, and the answer as texts and field words in turn.

    A line without any word is an instruction: its `question` says what to do, and there is no answer.
    """

    question: str
    answer: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The field words in the answer."""
        return tuple(word for _, word in self.answer if word)

    def filled(self, order: Order) -> str:
        """The answer; "" where its words have nothing to say, and `GAP` for one of several that has not."""
        said = {word: WORDS[word](order) for word in self.words}
        if not any(said.values()):
            return ""
        return "".join(before + ((said[word] or GAP) if word else "") for before, word in self.answer).strip()


def form_line(text: str, known: Collection[str] = WORDS.keys()) -> FormLine:
    """Read one entry of `form`: "Agency case number: {case_reference}", or an instruction.

    Raises:
        ValueError: a word is not known, or braces do not match; says what to write instead.
    """
    parts: list[tuple[str, str]] = []
    try:
        for before, word, spec, conversion in string.Formatter().parse(text):
            if word is not None and (spec or conversion):
                raise _Wrong(f'"{{{word}…}}" has a format; write "{{{word}}}" alone')
            if word is not None and word not in known:
                raise _Wrong(f"there is no field {{{word}}}; {one_of(word, sorted(known))}")
            parts.append((before, word or ""))
    except _Wrong:
        raise
    except ValueError as error:
        raise ValueError(f"{error}; write {{{{ and }}}} for literal braces") from None
    if not any(word for _, word in parts):
        return FormLine(question="".join(before for before, _ in parts))
    head, colon, rest = parts[0][0].partition(":")
    if not colon:
        head, rest = parts[0][0], ""
    return FormLine(question=head.strip(), answer=((rest.lstrip(), parts[0][1]), *parts[1:]))


class _Wrong(ValueError):
    """Wrong for a reason of ours, told in our own words."""


ALWAYS: Mapping[Action, tuple[str, ...]] = {
    Action.SEND: (),
    Action.EXTEND: ("Reference of the request to be extended: {references}", "Keep the data until: {hold_until}"),
    Action.RELEASE: ("Reference of the request to be released: {references}", "Reason: {because}"),
    Action.ANNOUNCE: (
        "Reference of the preservation request: {references}",
        "Production requested on: {production_on}",
        "Reference of the production request: {production_reference}",
    ),
    Action.CLARIFY: (
        "Reference of the preservation request: {references}",
        "Which question: {question}",
        "Our answer: {answer}",
    ),
}
"""What has to be said besides the form, by action; before everything that the form asks."""

USUAL = (
    "Requesting agency: {unit}",
    "Country of the agency: {country}",
    "Officer: {officer_name}",
    "Badge or service number: {officer_badge}",
    "Official e-mail address: {officer_email}",
    "Direct telephone, with country code: {officer_phone}",
    "Agency case number: {case_reference}",
    "Our reference: {request}",
    "Legal basis: {legal_basis}",
    "Offence: {offence_title}",
    "Provisions: {offence_provisions}",
    "Facts: {offence_facts}",
    "Number of accounts: {identifier_count}",
    "Kinds of identifier: {identifier_types}",
    "Data to be kept: {categories}",
    "Period, from: {period_from}",
    "Period, to: {period_to}",
    "Urgency: {urgency}",
    "Keep it confidential, do not tell the user: {confidential}",
)
"""What providers' forms ask for as a rule, where a table does not say what this one asks."""
