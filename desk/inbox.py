"""The command `inbox`: messages that came in, what they propose, and what a person does with them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.endings import later, needs_person, wrong
from desk.speaking import say, say_json, tell
from desk.typed import as_json, opened
from flows.words import STATES, day, number

if TYPE_CHECKING:
    from flows.inbox import Received
    from flows.office import Office
    from providers.mail.parts import Attachment

SHOWN = 12
"""Characters by which a message is named; fewer may be typed."""

PROPOSED = {
    "acknowledged": "that the provider has the request",
    "preserved": "that the provider keeps the data",
    "extended": "that the extension is confirmed",
    "refused": "that the provider says no",
    "not-found": "that the provider has no such account",
    "undelivered": "that it never arrived",
}


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def inbox(ctx: click.Context, as_json: bool) -> None:
    """The messages that came in about requests and that nobody has settled.

    Without a word: lists them. The mailbox is read by every sweep (HOLDFAST_IMAP), and by `fetch` at once.

    Example:  holdfast inbox
              holdfast inbox show 3fa9c1
              holdfast inbox confirm 3fa9c1

    Exit status:  0 nothing is open
                  1 messages are open: a person must read them
                  3 there is no ledger, or it cannot be read now
    """
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    from flows.inbox import open_messages, unmatched

    with opened() as office:
        found = [_told(office, each) for each in open_messages(office)]
        besides = list(unmatched(office))
    if as_json:
        say_json({"messages": found, "besides": besides})
    else:
        for each in found:
            say(
                f"{each['message'][:SHOWN]}  {each['request']}  {each['provider']}, {_from(each)}, {each['at'][:16]}Z"
            )
            say(f"              {_proposal(each)}")
            for fault in each["faults"]:
                say(f"              but: {fault}")
        if not found:
            say("No message is open.")
        for line in besides:
            say(f"Besides: {line}.")
    if found:
        raise needs_person(
            f"needs a person: {number(len(found), 'open message')}; `holdfast inbox show MESSAGE` to read one"
        )


def _told(office: Office, received: Received) -> dict[str, Any]:
    """A message as it is listed; nothing of its text."""
    row, body = office.ledger.row(received.request), received.body
    return {
        "message": received.message,
        "request": received.request,
        "provider": row.provider if row else "",
        "at": received.at.isoformat(),
        "from_domain": body.get("from_domain"),
        "vouched_for": body.get("vouched_for"),
        "authentication": body.get("authentication"),
        "automatic": body.get("automatic"),
        "encrypted": body.get("encrypted"),
        "size": body.get("size"),
        "attachments": body.get("attachments"),
        "proposal": dict(received.proposal) or None,
        "faults": body.get("faults", []),
        "settled": received.settled or None,
    }


def _from(told: dict[str, Any]) -> str:
    vouched = "verified" if told["vouched_for"] else "NOT verified"
    return f"from {told['from_domain'] or 'nobody named'} ({vouched})"


def _proposal(told: dict[str, Any]) -> str:
    found = told["proposal"]
    if found is None:
        what = "an automatic answer" if told["automatic"] else "encrypted" if told["encrypted"] else "to be read"
        return f"proposes nothing: {what}"
    text = f"proposes {PROPOSED.get(found['kind'], found['kind'])}"
    if found.get("reference"):
        text += f", reference {found['reference']}"
    if found.get("on"):
        text += f", received {day(found['on'])}"
    if found.get("until"):
        text += f", kept until {day(found['until'])}"
    if found.get("ground"):
        text += f" ({found['ground']})"
    doubts = "; ".join(found.get("doubts", ()))
    return text + (f"; in doubt: {doubts}" if doubts else "")


@inbox.command()
@as_json
def fetch(as_json: bool) -> None:
    """Read the mailbox now.

    Every message is matched with a request, recorded once and filed into Holdfast/Filed; what belongs to no request
    goes to Holdfast/Unmatched. Nothing is deleted.

    Example:  holdfast inbox fetch

    Exit status:  0 read
                  1 read, and messages wait for a person
                  2 the mailbox is not set up rightly
                  3 it cannot be read now; the next sweep tries again
    """
    from flows.inbox import open_messages
    from flows.mailroom import collect

    with opened() as office:
        done = collect(office)
        waiting = len(open_messages(office))
    if as_json:
        counts = {name: getattr(done, name) for name in ("filed", "entered", "ours", "left")}
        say_json({**counts, "unmatched": dict(done.unmatched), "failures": done.failures, "open": waiting})
    else:
        say(f"{number(done.filed, 'message')} filed, {done.entered} of them entered without a person.")
        for why, count in sorted(done.unmatched.items()):
            say(f"{number(count, 'message')} left in Holdfast/Unmatched: {why}")
        if done.left:
            say(f"{number(done.left, 'message')} left for the next pass: their requests are being worked on")
    if done.failures:
        raise later(*done.failures)
    if waiting or done.unmatched:
        raise needs_person(f"needs a person: {number(waiting, 'open message')}; `holdfast inbox` lists them")


@inbox.command()
@click.argument("message", metavar="MESSAGE")
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the message and its attachments into this folder, unopened, for you alone to read.",
)
@click.option("--because", default="", metavar="TEXT", help="Why; needed for a message that is settled. Sealed.")
@as_json
def show(message: str, save: Path | None, because: str, as_json: bool) -> None:
    """Show one message: its text, who vouches for it, its attachments. That you read it is recorded.

    Accounts of the request are shown by their place in the case file ([i1]). Links are text, control characters are
    taken out, nothing is opened. What --save writes is hostile until somebody has looked at it elsewhere.

    Example:  holdfast inbox show 3fa9c1
              holdfast inbox show 3fa9c1 --save ~/evidence/3fa9c1

    Exit status:  0 shown
                  2 no such message, its case was erased, or the folder cannot be written to
                  3 there is no ledger, or it cannot be written to now
    """
    from flows.inbox import content, find, masked

    with opened() as office:
        received = find(office, message)
        raw, read = content(office, received, because)
        told = _told(office, received)
        texts = [read.sender, read.subject, read.text, *(each.name for each in read.attachments)]
        sender, subject, text, *names = masked(office, received.request, texts)
    saved = _save(save, raw, read.attachments) if save else []
    if as_json:
        attachments = [dict(entry) for entry in told["attachments"] or []]
        for entry, name in zip(attachments, names, strict=False):
            entry["name"] = name
        more = {"from": sender, "subject": subject, "text": text, "attachments": attachments, "saved": saved}
        say_json(told | more)
        return
    say(f"{told['message']}  about {told['request']}, {told['provider']}")
    unverified = "" if told["vouched_for"] else "  NOT verified by our mail server"
    say(f"From:     {sender or 'nobody named'}{unverified}")
    say(f"Date:     {read.date.isoformat() if read.date else 'none'}; came in {told['at'][:16]}Z")
    say(f"Subject:  {subject}")
    for attachment, name in zip(read.attachments, names, strict=True):
        say(f"Attached: {name or 'without a name'} ({attachment.type}, {attachment.size} bytes, {attachment.sha256})")
    for fault in told["faults"]:
        say(f"Fault:    {fault}")
    say(f"Status:   {'settled: ' + told['settled'] if told['settled'] else _proposal(told)}")
    say()
    say(text.strip() or "(no text)")
    for path in saved:
        tell(f"written: {path}")


def _save(folder: Path, raw: bytes, attachments: tuple[Attachment, ...]) -> list[str]:
    """Write the message and its attachments under names of our own: theirs may be anything."""
    paths = [(folder / "message.eml", raw)]
    for count, each in enumerate(attachments, 1):
        ending = Path(each.name).suffix.lower()
        safe = ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else ".bin"
        paths.append((folder / f"attachment-{count}{safe}", each.content))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content in paths:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
    except OSError as error:
        raise wrong(f"{folder}: cannot be written to: {error.strerror}; name a new folder") from None
    return [str(path) for path, _ in paths]


@inbox.command()
@click.argument("message", metavar="MESSAGE")
@click.option("--by", default="", metavar="NAME", help="Who confirms it, if not you.")
@as_json
def confirm(message: str, by: str, as_json: bool) -> None:
    """Enter what a message proposes, as if you had recorded it, and settle the message.

    Example:  holdfast inbox confirm 3fa9c1

    Exit status:  0 entered
                  2 it proposes nothing, or what cannot be true: nothing was entered
                  3 the ledger cannot be written to now: nothing was entered
    """
    from flows.inbox import confirm as enter

    with opened() as office:
        received, hold = enter(office, message, by=by)
    kind, ends = str(received.proposal["kind"]), hold.expiry.strict_on.isoformat() if hold.expiry else None
    if as_json:
        say_json(
            {
                "message": received.message,
                "request": received.request,
                "entered": kind,
                "state": str(hold.state),
                "strict_on": ends,
            }
        )
        return
    say(f"{received.request}  entered: {PROPOSED.get(kind, kind)}. Now {STATES[str(hold.state)]}.")
    if ends:
        say(f"    the hold ends (strict): {day(ends)}")


@inbox.command()
@click.argument("message", metavar="MESSAGE")
@click.option(
    "--as",
    "as_",
    required=True,
    type=click.Choice(["note", "entered", "unrelated", "spam"]),
    help="Of no consequence; entered by hand with `holdfast record`; about something else; rubbish.",
)
@click.option("--by", default="", metavar="NAME", help="Who settles it, if not you.")
@as_json
def settle(message: str, as_: str, by: str, as_json: bool) -> None:
    """Settle a message without entering anything: nobody is told of it any more.

    Example:  holdfast inbox settle 3fa9c1 --as note

    Exit status:  0 settled
                  2 no such message, or it is settled already
                  3 the ledger cannot be written to now
    """
    from flows.inbox import settle as close

    with opened() as office:
        received = close(office, message, as_=as_, by=by)
    if as_json:
        say_json({"message": received.message, "request": received.request, "as": as_})
    else:
        say(f"{received.message[:SHOWN]}  settled: {as_}")
