"""What the person does, in plain words, and what is recorded afterwards: README.txt."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from providers.interface import Action, Order
from providers.packet.table import ManualTable
from providers.packet.words import what_it_is

WIDTH = 78

WAYS: Mapping[str, str] = {
    "portal": "portal",
    "web-form": "web form",
    "e-mail": "e-mail",
    "fax": "fax",
    "post": "post",
    "phone": "telephone",
    "it-system": "the IT system of the authorities",
    "24-7": "the 24/7 contact point",
    "interpol": "INTERPOL",
    "central-authority": "the central authority",
    "diplomatic": "the diplomatic channel",
}
"""Channels, as they are said in a sentence: "by post"."""

RECEIPT: Mapping[str, str] = {
    "portal": "the page that confirms it, saved or printed to a PDF file",
    "web-form": "the page that confirms it, saved or printed to a PDF file",
    "e-mail": "the message as it was sent, saved as a file with its headers (.eml)",
    "fax": "the transmission report, scanned",
    "post": "the receipt of the registered letter, scanned, with dispatch-record.txt",
    "phone": "dispatch-record.txt with what was said",
    "it-system": "the receipt that the system gives, as a file",
    "24-7": "the message as it was sent, or its confirmation, as a file",
    "interpol": "the copy of the message that your national central bureau gives you",
    "central-authority": "the copy of the covering letter with its date of dispatch",
    "diplomatic": "the copy of the note with its date of dispatch",
}
"""What proves that it left; it is recorded with its digest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What lies in the packet besides README.txt: file name to what it is.

    `missing_letter` says why there is no letter, "" where there is one; `fill_in` what is left open in the papers.
    """

    files: Mapping[str, str]
    missing_letter: str = ""
    fill_in: Sequence[str] = ()


def readme(order: Order, table: ManualTable, provider: str, contents: Contents) -> str:
    """The steps, the files and what to record, for one order."""
    named = f" ({table.name})" if table.name else ""
    rows = [f"{order.request}: to be said by hand, by {WAYS[table.channel]}{named}", ""]
    rows += [*_wrapped(f"{what_it_is(order)}."), ""]
    if contents.missing_letter:
        rows += ["!" * WIDTH, *_wrapped(f"THERE IS NO LETTER IN THIS PACKET: {contents.missing_letter}.")]
        rows += _wrapped("Write one on your unit's letterhead from checklist.html; or mend that, then:")
        rows += [f"    holdfast packet {order.request} --action {order.action} --anew", "!" * WIDTH, ""]
    rows += [*_wrapped("These files name accounts. Keep them to yourself, and delete them once it is recorded."), ""]
    rows += ["WHAT TO DO", ""]
    for number, step in enumerate(_steps(order, table, provider, contents), 1):
        rows += _wrapped(step, first=f"{number:2}. ", then="    ")
    for note in table.notes:
        rows += _wrapped(note, first="  ! ", then="    ")
    if contents.fill_in:
        rows += ["", "TO BE FILLED IN BY HAND, BECAUSE IT IS NOT KNOWN HERE", ""]
        for each in contents.fill_in:
            rows += _wrapped(each, first="  - ", then="    ")
    rows += ["", "WHAT IS IN HERE", ""]
    widest = max(map(len, contents.files))
    for name, what in contents.files.items():
        rows += _wrapped(what, first=f"  {name:{widest}}  ", then=" " * (widest + 4))
    rows += ["", "WHAT TO RECORD AFTERWARDS", ""]
    for when, command in commands(order):
        rows += [*_wrapped(f"{when}:"), f"    {command}"]
    proof = f"FILE is {RECEIPT[table.channel]}. Its digest is recorded, and the file is sealed."
    rows += ["", *_wrapped(f"{proof} Words in capitals are for you to replace; days are written 2026-11-21.")]
    return "\n".join(rows) + "\n"


def commands(order: Order) -> tuple[tuple[str, str], ...]:
    """When to type what: each command that records what became of this order."""
    request, said = order.request, "" if order.action is Action.SEND else f" --action {order.action}"
    refused = ("If it is refused", f"holdfast record refused {request}{said} --ground GROUND")
    note = ("If they say anything else", f'holdfast record note {request} --text "WHAT THEY SAID"')
    match order.action:
        case Action.SEND:
            return (
                ("As soon as it has left", f"holdfast record sent {request} --proof FILE"),
                (
                    "When they confirm that they have it",
                    f"holdfast record acknowledged {request} --reference REFERENCE --on DAY",
                ),
                ("When they confirm that they keep the data", f"holdfast record preserved {request} --until DAY"),
                (
                    "If they have no such account (ITEM as in checklist.html)",
                    f"holdfast record item-not-found {request} --item ITEM",
                ),
                refused,
                note,
            )
        case Action.EXTEND:
            return (
                ("As soon as it has left", f"holdfast record sent {request} --action extend --proof FILE"),
                ("When they confirm the extension", f"holdfast record extended {request} --until DAY"),
                refused,
                note,
            )
        case Action.RELEASE:
            return (("As soon as they were told", f"holdfast record released {request} --proof FILE"), note)
        case Action.ANNOUNCE:
            told = f"holdfast record production-announced {request} --on DAY --reference REFERENCE --proof FILE"
            return (("As soon as they were told", told), note)
        case _:
            answered = f"holdfast record clarification-answered {request} --proof FILE"
            return (("As soon as the answer has left", answered), note)


def _steps(order: Order, table: ManualTable, provider: str, contents: Contents) -> Iterator[str]:
    yield f"Look first whether a colleague has done it already: holdfast show {order.request}"
    listed = next(name for name in contents.files if name.startswith("identifiers."))
    letter = ", ".join(name for name in ("letter.pdf", "annex.xlsx") if name in contents.files)
    whom = order.addressee
    to = ", ".join(filter(None, (whom.name, whom.state if whom.network else whom.service))) or provider
    if table.channel in {"portal", "web-form", "it-system"}:
        ways = f"authorities show {whom.state}" if whom.network else f"providers show {provider.partition('#')[0]}"
        yield from _online(table, listed, letter, ways=f"`holdfast {ways}` lists the ways")
    elif table.channel in {"fax", "post"}:
        yield from _on_paper(table, to, "letter.pdf" if "letter.pdf" in contents.files else "")
    elif table.channel == "phone":
        number = f"Call {table.address}" if table.address else f"Call {to}, at a number that it publishes itself"
        yield f"{number}. Read out what checklist.html says; spell every identifier, and have it read back."
        yield "Ask for their reference, the name of the person and an address for a confirmation in writing."
        yield f"Send that: {letter}." if letter else "Send a letter to that address."
        yield "Fill in dispatch-record.txt."
    elif table.channel == "e-mail":
        address = table.address or f"the address that {to} publishes for authorities"
        yield f"Write to {address} from your official address, never from a private one."
        yield f"Subject: {order.request}. Take the text from checklist.html; name no account in the subject."
        yield f"Attach {letter}." if letter else "Attach your letter."
        yield "Send it once. Save the sent message as a file."
    else:
        yield from _to_a_state(order, table, to, letter, contents)


def _online(table: ManualTable, listed: str, letter: str, *, ways: str) -> Iterator[str]:
    place = "web form" if table.channel == "web-form" else "system" if table.channel == "it-system" else "portal"
    called = f" ({table.name})" if table.name else ""
    signed = "" if table.channel == "web-form" else ", and sign in with your unit's own account"
    yield f"Open {table.url or f'the {place}'}{called}{signed}."
    if not table.url:
        yield "Its address is not recorded here: take it from the provider's own site, never from a message."
    if table.channel == "portal":
        yield (
            "No account yet? Being let in can take days to weeks: ask for it now, and send this by another way "
            f"meanwhile ({ways})."
        )
    yield "Fill in the form from checklist.html: click an answer to mark it, and copy it."
    yield f"Copy the identifiers from {listed}."
    yield f"Attach {letter}." if letter else "Attach your letter."
    yield "Submit it once. Save what the page then shows: the reference, and the day."


def _on_paper(table: ManualTable, to: str, letter: str) -> Iterator[str]:
    yield f"Print cover-sheet.html and {letter or 'your letter'}; have signed what must be signed."
    kind = "number" if table.channel == "fax" else "address"
    at = table.address.replace("\n", ", ") or f"the {kind} that {to} publishes for authorities"
    if table.channel == "fax":
        yield f"Fax both to {at}. Dial with care: a wrong number tells a stranger of the investigation."
        yield "Keep the transmission report: it is the proof. Call and ask whether every page arrived."
    else:
        yield f"Post both by registered letter with advice of delivery to {at}."
        yield "Post is slow, and the data may be gone before it arrives: use a quicker way as well, if there is one."
    yield "Fill in dispatch-record.txt."


def _to_a_state(order: Order, table: ManualTable, to: str, letter: str, contents: Contents) -> Iterator[str]:
    form = "article-29.txt" if "article-29.txt" in contents.files else ""
    papers = ", ".join(filter(None, (form, letter))) or "your letter"
    at = f" ({table.address})" if table.address else ""
    if contents.fill_in:
        yield "Before it leaves, fill in by hand what is listed below, and have it signed."
    match table.channel:
        case "24-7":
            yield f"Reach {table.name}{at}, to have this passed on to {to}." if table.name else f"Reach {to}{at}."
            yield f"Send {papers} by the means that the network agreed on. Call as well: preservation is urgent."
        case "interpol":
            yield f"Give {papers} to your national central bureau{at}, to be sent over I-24/7 to {to}."
            yield "Say in the message that it asks for preservation: an INTERPOL message alone obliges nobody to it."
        case "central-authority":
            yield f"Give {papers} to your central authority for mutual assistance{at}, to be sent to {to}."
            yield "Ask it to send at once, by e-mail or fax; a formal confirmation may follow where that is wanted."
        case _:
            yield f"Give {papers} to your ministry of foreign affairs{at}, to be sent by note to {to}."
            yield "This is the slowest way, and the data may be gone before it arrives: try the others again too."
    yield "Ask for their reference, and for the day from which the data are kept."
    if order.action is Action.SEND:
        yield "If they say that a provider elsewhere took part, ask there at once: holdfast follow --help"


def _wrapped(text: str, *, first: str = "", then: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    ) or [first.rstrip()]
