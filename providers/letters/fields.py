"""What a letter can say about an order: the closed set of fields, placeholders and conditions.

A field is a value that stands beside its label, or None where the order is silent. Facts, accounts and the
provider's own references are fields only; a placeholder within a sentence is one of our own words, a day, or
the name of a State.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from providers.interface import Action, Order
from providers.letters.characters import Font, Json, exact, isolated, prose
from providers.letters.language import Language

LINE = 38
"""Characters of a reference on one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An order in the words of a language."""

    order: Order = field(repr=False)
    language: Language
    text_font: Font
    identifier_font: Font

    def plain(self, text: str) -> Json:
        """A line of our own words; None for an empty one."""
        return {"text": text} if text else None

    def prose(self, text: str) -> Json:
        """Somebody's text, in paragraphs."""
        return {"prose": prose(text, self.text_font)} if text.strip() else None

    def codes(self, values: Iterable[str]) -> Json:
        """References, to be copied as they are."""
        shown = [self.code(value, LINE) for value in values if value]
        return {"codes": list[Json](shown)} if shown else None

    def code(self, value: str, width: int) -> dict[str, Json]:
        """One value to be copied, with what must be said about it."""
        printed, words = exact(value, self.identifier_font, width), self.language.words
        notes = []
        if len(printed.lines) > 1:
            notes.append(words["wrapped"].format(length=isolated(str(printed.length))))
        if printed.outside:
            notes.append(words["outside"].format(list=isolated("; ".join(printed.outside))))
        return {"lines": list[Json](printed.lines), "notes": list[Json](notes)}

    def day(self, on: date | None) -> Json:
        """A day, its month spelled out."""
        return self.plain(self.language.day(on)) if on else None

    def ticks(self, *choices: tuple[bool, str]) -> Json:
        """Boxes, ticked or open, each with its word."""
        return {"ticks": [[ticked, self.language.words[word]] for ticked, word in choices]}

    def yes_no(self, yes: bool) -> Json:
        """Two boxes, one of them ticked."""
        return self.ticks((yes, "yes"), (not yes, "no"))

    def state(self, code: str) -> str:
        """A State by its name in the language; its code where no name is known."""
        return self.language.state(code)

    def period(self) -> Json:
        """The period asked for; open at an end that the order does not give."""
        order = self.order
        since = self.language.instant(order.period_from) if order.period_from else ""
        until = self.language.instant(order.period_to) if order.period_to else ""
        return self.plain(self.language.between(since, until))


def day_of(moment: datetime | None) -> date | None:
    """The day of an instant, in UTC.

    Raises:
        ValueError: the instant has no zone.
    """
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("an order has an instant without a zone; give aware UTC")
    return moment.astimezone(UTC).date()


HEAD = ("date", "request", "case_reference", "references", "legal_basis", "urgency")
"""The fields at the head of every letter that is not a form."""

Value = Callable[[Said], Json]

FIELDS: Mapping[str, Value] = {
    "date": lambda said: said.day(day_of(said.order.made_at)),
    "request": lambda said: said.codes([said.order.request]),
    "case_reference": lambda said: said.codes([said.order.case_reference]),
    "references": lambda said: said.codes(said.order.references),
    "legal_basis": lambda said: said.plain(isolated(said.order.legal_basis)),
    "urgency": lambda said: said.plain(said.language.urgencies.get(said.order.urgency, said.order.urgency)),
    "status": lambda said: said.ticks(
        (said.order.action is Action.SEND, "status_new"), (said.order.action is Action.EXTEND, "status_extension")
    ),
    "sent_on": lambda said: said.day(day_of(said.order.sent_at)),
    "held_until": lambda said: said.day(said.order.held_until),
    "hold_until": lambda said: said.day(said.order.hold_until),
    "addressee": lambda said: said.prose(said.order.addressee.name),
    "addressee_state": lambda said: said.plain(said.state(said.order.addressee.state)),
    "addressee_kind": lambda said: said.ticks((False, "designated_establishment"), (False, "legal_representative")),
    "network": lambda said: said.plain(
        said.language.networks.get(said.order.addressee.network, said.order.addressee.network)
    ),
    "service": lambda said: said.prose(said.order.addressee.service),
    "unit": lambda said: said.prose(said.order.unit),
    "country": lambda said: said.plain(said.state(said.order.country)),
    "officer_name": lambda said: said.prose(said.order.officer.name),
    "officer_badge": lambda said: said.codes([said.order.officer.badge]),
    "officer_phone": lambda said: said.codes([said.order.officer.phone]),
    "officer_email": lambda said: said.codes([said.order.officer.email]),
    "offence_title": lambda said: said.prose(said.order.offence_title),
    "offence_provisions": lambda said: said.prose("\n".join(said.order.offence_provisions)),
    "offence_facts": lambda said: said.prose(said.order.offence_facts),
    "categories": lambda said: said.plain(
        said.language.listed(said.language.categories.get(each, each) for each in said.order.categories)
    ),
    "category_ticks": lambda said: {
        "ticks": [[each in said.order.categories, word] for each, word in said.language.categories.items()]
    },
    "period": Said.period,
    "custodian": lambda said: said.prose(said.order.custodian),
    "necessity": lambda said: said.prose(said.order.necessity),
    "emergency_reason": lambda said: said.prose(said.order.emergency_reason),
    "confidential": lambda said: said.yes_no(said.order.confidential),
    "partial_disclosure": lambda said: said.yes_no(said.order.partial_disclosure),
    "follow_up_state": lambda said: said.plain(said.state(said.order.follow_up.requested_state)),
    "follow_up_planned": lambda said: said.day(said.order.follow_up.planned_on),
    "follow_up_sent": lambda said: said.day(said.order.follow_up.sent_on),
    "follow_up_received": lambda said: said.day(said.order.follow_up.received_on),
    "follow_up_reference": lambda said: said.codes([said.order.follow_up.reference]),
    "earlier": lambda said: said.codes([said.order.earlier]),
    "earlier_references": lambda said: said.codes(said.order.earlier_references),
    "validated_by": lambda said: said.prose(said.order.validated_by),
    "authority_kind": lambda said: said.ticks((False, "judge"), (False, "prosecutor"), (False, "other_authority")),
    "proceedings": lambda said: said.ticks((False, "criminal_proceedings"), (False, "custodial_sentence")),
    "production_kind": lambda said: said.ticks((False, "epoc"), (False, "eio"), (False, "mla"), (False, "other")),
    "production_on": lambda said: said.day(said.order.production_on),
    "production_reference": lambda said: said.codes([said.order.production_reference]),
    "question": lambda said: said.codes([said.order.question]),
    "answer": lambda said: said.prose(said.order.answer),
}
"""What may stand beside a label."""


def _day(said: Said, on: date | None) -> str:
    return said.language.day(on) if on else ""


PLACEHOLDERS: Mapping[str, Callable[[Said], str]] = {
    "request": lambda said: said.order.request,
    "earlier": lambda said: said.order.earlier,
    "legal_basis": lambda said: said.order.legal_basis,
    "country": lambda said: said.state(said.order.country),
    "sent_on": lambda said: _day(said, day_of(said.order.sent_at)),
    "hold_until": lambda said: _day(said, said.order.hold_until),
    "held_until": lambda said: _day(said, said.order.held_until),
    "production_on": lambda said: _day(said, said.order.production_on),
    "follow_up_state": lambda said: said.state(said.order.follow_up.requested_state),
    "follow_up_planned": lambda said: _day(said, said.order.follow_up.planned_on),
    "follow_up_sent": lambda said: _day(said, said.order.follow_up.sent_on),
    "follow_up_received": lambda said: _day(said, said.order.follow_up.received_on),
}
"""What may stand within a sentence; a sentence whose placeholder is empty cannot be said."""

CONDITIONS: Mapping[str, Callable[[Order], bool]] = {
    "confidential": lambda order: order.confidential,
    "emergency": lambda order: order.urgency == "emergency",
    "new-snapshot": lambda order: order.relation == "new-snapshot",
    "further-provider": lambda order: order.relation == "further-provider",
    "until": lambda order: order.hold_until is not None,
    "follow-up": lambda order: bool(order.follow_up.requested_state),
    "partial-disclosure": lambda order: order.partial_disclosure,
    "authority": lambda order: bool(order.addressee.network),
    "subscriber": lambda order: "subscriber" in order.categories,
    "traffic": lambda order: "traffic" in order.categories,
    "content": lambda order: "content" in order.categories,
    "all-data": lambda order: {"subscriber", "traffic", "content"} <= {*order.categories},
    "validated": lambda order: bool(order.validated_by),
    "not-validated": lambda order: not order.validated_by,
    "domestic": lambda order: order.country.lower() == order.instrument.partition(".")[0],
    "foreign": lambda order: order.country.lower() != order.instrument.partition(".")[0],
}
"""When a block stands in a letter. `domestic`: the requesting State is the one whose law the instrument is."""
