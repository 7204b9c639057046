"""The request of article 29 of the Budapest Convention, as T-CY(2018)11 orders its fields.

The template "Data Preservation Request under Articles 29 and 30", adopted on 9 July 2018. Fields 1 to 7 were read
at rm.coe.int/0900001680a33478 on 2026-11-21; 8 to 18 are from memory, so their numbers may differ from the
form in hand: their content follows article 29(2)(a) to (f), whose six points are mandatory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC

from providers.interface import Action, Order
from providers.packet.words import day, instant, used

MANDATORY = "abcdef"
"""Article 29(2): the points without which no request is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One thing that a field asks. `value` is "" where it is not known, and a person fills it in.

    `needed`: without it the request lacks a point of article 29(2).
    """

    name: str
    value: str = field(repr=False)
    needed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FormField:
    """One numbered field. `point` is the letter of article 29(2) that it fills, "" where it is not mandatory."""

    number: int
    title: str
    lines: tuple[Line, ...]
    point: str = ""

    @property
    def open(self) -> tuple[str, ...]:
        """What a person fills in, such as "5 fax"; first what article 29(2) requires."""
        missing = sorted((line for line in self.lines if not line.value), key=lambda line: not line.needed)
        return tuple(
            f"{self.number} {line.name or self.title}"
            + (f": REQUIRED by article 29(2)({self.point})" if line.needed else "")
            for line in missing
        )


def article_29(order: Order) -> tuple[FormField, ...]:
    """The eighteen fields in their order, filled in from an order; nothing is guessed."""
    return tuple(_fields(order))


def open_fields(order: Order) -> tuple[str, ...]:
    """What is not known and a person fills in by hand, such as "5 office hours"."""
    return tuple(each for one in article_29(order) for each in one.open)


def article_29_text(order: Order) -> str:
    """The form as text to copy from. It names accounts."""
    rows = [
        "DATA PRESERVATION REQUEST",
        "under articles 29 and 30 of the Convention on Cybercrime (ETS 185)",
        "",
        "* marks what article 29(2) requires. A line that ends with ____ is to be filled in by hand.",
    ]
    for one in article_29(order):
        mark = f" *  [art. 29(2)({one.point})]" if one.point else ""
        rows += ["", f"{one.number}. {one.title}{mark}"]
        for line in one.lines:
            lines = (line.value or "____").split("\n")
            head = f"   {line.name}: " if line.name else "   "
            rows += [f"{head}{lines[0]}", *(f"     {each}" for each in lines[1:])]
    return "\n".join(rows) + "\n"


def _lines(*needed: str, **values: str) -> tuple[Line, ...]:
    spelled = {name: name.replace("e_mail", "e-mail").replace("_", " ") for name in values}
    return tuple(Line(name=spelled[name], value=value, needed=name in needed) for name, value in values.items())


def _one(value: str, *, needed: bool = False) -> tuple[Line, ...]:
    return (Line(name="", value=value, needed=needed),)


def _ticked(what: bool, name: str) -> str:
    return f"[{'x' if what else ' '}] {name}"


def _fields(order: Order) -> Iterator[FormField]:
    officer, to, extends = order.officer, order.addressee, order.action is Action.EXTEND
    yield FormField(number=1, title="Date", lines=_one(day(order.made_at.astimezone(UTC).date())))
    yield FormField(
        number=2,
        title="Reference or case number",
        lines=_one(f"{order.case_reference} (our request {order.request})"),
    )
    status = f"{_ticked(not extends, 'new request')}   {_ticked(extends, 'extension of a previous request')}"
    ticket = ", ".join(order.references) if extends else ""
    yield FormField(
        number=3,
        title="Status of the request",
        lines=(Line(name="", value=status), *(_lines(previous_ticket_number=ticket) if extends else ())),
    )
    authority = ", ".join(filter(None, (to.name, to.state)))
    yield FormField(number=4, title="Requested authority", lines=_one(authority))
    yield FormField(
        number=5,
        title="Requesting authority",
        point="a",
        lines=_lines(
            "organisation",
            organisation=f"{order.unit} ({order.country})",
            person_in_charge=", ".join(filter(None, (officer.name, officer.badge))),
            address="",
            telephone=officer.phone,
            mobile="",
            e_mail=officer.email,
            fax="",
            office_hours="",
            time_zone="",
            reply="[x] by e-mail preferred   [ ] by other means",
        ),
    )
    yield FormField(
        number=6,
        title="Contact for confirmation of this request",
        lines=_lines(name=officer.name, job_title="", telephone=officer.phone, e_mail=officer.email),
    )
    other = "as in 5; otherwise organisation, person, address, telephone, e-mail, fax: ____"
    yield FormField(number=7, title="Investigating authority, if it is another one than in 5", lines=_one(other))
    offence = "; ".join(filter(None, (order.offence_title, *order.offence_provisions)))
    yield FormField(
        number=8,
        title="Offence, its legal qualification and the legislation",
        point="b",
        lines=_one(offence, needed=True),
    )
    yield FormField(number=9, title="Summary of the facts", point="b", lines=_one(order.offence_facts, needed=True))
    yield FormField(number=10, title="Data to be preserved", point="c", lines=_data(order))
    custodian = "\n".join(filter(None, (to.service, order.custodian)))
    yield FormField(
        number=11,
        title="Custodian of the data, or location of the system",
        point="d",
        lines=_one(custodian, needed=True),
    )
    yield FormField(
        number=12, title="Necessity of the preservation", point="e", lines=_one(order.necessity, needed=True)
    )
    yield FormField(
        number=13,
        title="Urgency",
        lines=_lines(degree=order.urgency, reasons=order.because if extends else order.emergency_reason),
    )
    yield FormField(
        number=14,
        title="Intention to submit a request for mutual assistance",
        point="f",
        lines=_one(_intention(order), needed=True),
    )
    secret = _ticked(order.confidential, "keep this request confidential, and do not let the user be told")
    yield FormField(number=15, title="Confidentiality", lines=_one(secret))
    wanted = _ticked(order.partial_disclosure, "expeditious disclosure of the traffic data that name other providers")
    yield FormField(number=16, title="Partial disclosure (article 30)", lines=_one(wanted))
    yield FormField(number=17, title="Related requests", lines=_one(_related(order)))
    yield FormField(number=18, title="Signature and stamp", lines=_one(""))


def _data(order: Order) -> tuple[Line, ...]:
    accounts = "\n".join(" ".join(filter(None, (f"{item.type}: {item.value}", used(item)))) for item in order.items)
    period = f"from {instant(order.period_from)}" if order.period_from else ""
    period += f" to {instant(order.period_to)}" if order.period_to else " to the receipt of this request"
    return _lines(
        *("accounts", "categories", "relation_to_the_offence"),
        accounts=accounts,
        categories=", ".join(order.categories),
        period=period.strip() if order.period_from or order.period_to else "all that exists when this arrives",
        keep_until=day(order.hold_until) or "at least 60 days (article 29(7))",
        relation_to_the_offence="as stated in 9" if order.offence_facts else "",
    )


def _intention(order: Order) -> str:
    """Article 29(2)(f): that a request for search or access, seizure or securing, or disclosure will follow."""
    follow, what = order.follow_up, "for the disclosure of the preserved data"
    given = f", reference {follow.reference}" if follow.reference else ""
    if follow.received_on:
        return f"A request for mutual assistance {what} was received on {day(follow.received_on)}{given}."
    if follow.sent_on:
        return f"A request for mutual assistance {what} was sent on {day(follow.sent_on)}{given}."
    if follow.planned_on:
        return f"We intend to submit a request for mutual assistance {what} on {day(follow.planned_on)}."
    return ""


def _related(order: Order) -> str:
    known = f" (your reference {', '.join(order.earlier_references)})" if order.earlier_references else ""
    match order.relation:
        case "further-provider":
            return f"Our request {order.earlier}{known}, whose answer named this provider (article 30)."
        case "new-snapshot":
            return f"Our request {order.earlier}{known}, for the same accounts; this one is for data made since."
        case _:
            return "none"
