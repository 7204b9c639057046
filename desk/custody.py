"""Commands for what takes two people, and for erasing a case: approve, reject, erase."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from desk.endings import needs_person, wrong
from desk.speaking import say, say_json, tell
from desk.typed import REQUEST, as_json, opened
from flows.words import number

if TYPE_CHECKING:
    from flows.erasing import Erasure
    from flows.four_eyes import Asked
    from flows.office import Office

WHAT = click.Choice(["send", "release", "erase"])


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--what", "about", type=WHAT, help="What you approve, where several things wait.")
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@click.option("--yes", is_flag=True, help="Ask nothing: you have read what you approve.")
@as_json
def approve(request: str, about: str | None, by: str, yes: bool, as_json: bool) -> None:
    """Approve what another person asked for: an emergency, a release, an erasure.

    Shows what it is and asks. Who asked for it cannot approve it: another user of the operating system must. Then it
    is done at once.

    Example:  holdfast approve HF-XXXXXXXXXXXX --what send

    Exit status:  0 approved, and done
                  1 approved, but something needs a person
                  2 nothing waits, you asked for it yourself, or you said no: nothing was approved
                  3 approved, but it could not be done now; the next sweep goes on
    """
    from flows import four_eyes

    with opened() as office:
        asked = four_eyes.find(office, request, about or "")
        four_eyes.another_person(office.settings, asked)
        _show(office, asked)
        if not yes and not (sys.stdin.isatty() and click.confirm("Approve it?", default=False, err=True)):
            raise wrong("not approved", *([] if sys.stdin.isatty() else ["  --yes approves it without a terminal"]))
        if asked.about == "erase":
            from flows import erasing

            _erased(erasing.approve(office, request, by=by, shown=asked.seq), as_json=as_json)
            return
    from desk import asking

    def enter(office: Office) -> Any:
        return four_eyes.approve(office, request, asked.about, by=by, shown=asked.seq)[1]

    matter = {"send": asking.SEND, "release": asking.RELEASE}[asked.about]
    asking.tell_provider(request, matter, enter, as_json=as_json)


def _show(office: Office, asked: Asked) -> None:
    """What is to be approved, on standard error; the reason is sealed, so that reading it is recorded."""
    from flows.chronicle import WAITING
    from flows.opening import opened as recorded
    from flows.words import moment

    row, first = office.ledger.row(asked.request), office.ledger.events(asked.request)[0].body
    accounts = number(len(office.hold(asked.request).items), "account")
    tell(f"{asked.request}  {first['provider']} · {first['instrument']} · {accounts}, case {first['case']}")
    tell(f"  asked for:  {WAITING[asked.about]}, by {asked.asked_by} at {moment(asked.at)}")
    if asked.about == "erase":
        from flows.erasing import of_case, open_requests

        requests = of_case(office, str(first["case"]))
        still = [each.request for each in open_requests(office, requests)]
        open_ones = f", open: {', '.join(still)}" if still else ", none of them open"
        tell(f"  of it:      {number(len(requests), 'request')}{open_ones}")
        tell(f"  because:    {asked.body['because']}")
        return
    if row is not None and row.strict_on:
        tell(f"  ends:       {row.strict_on} (strict)")
    recorded(office, asked.request, f"reason of {WAITING[asked.about]}", duty="to decide whether to approve it")
    tell(f"  because:    {_reason(office, asked) or 'no reason is given'}")


def _reason(office: Office, asked: Asked) -> str:
    """Why it was asked for: of a release, in the asker's words; of an emergency, as the case file has it."""
    import json

    if asked.about == "release":
        return str(json.loads(office.vault.unseal(str(asked.body["text"]))))
    sealed = str(office.ledger.events(asked.request)[0].body["sealed"])
    return str(json.loads(office.vault.unseal(sealed)).get("emergency_reason") or "")


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--what", "about", type=WHAT, help="What you reject, where several things wait.")
@click.option("--because", required=True, metavar="TEXT", help="Why. Sealed.")
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@as_json
def reject(request: str, about: str | None, because: str, by: str, as_json: bool) -> None:
    """Reject what waits for a second person, or take back what you asked for.

    An emergency that is rejected is withdrawn: nothing is sent. A hold whose release is rejected goes on.

    Example:  holdfast reject HF-XXXXXXXXXXXX --because "No danger to life is shown"

    Exit status:  0 rejected
                  2 nothing waits
                  3 the ledger cannot be written to now
    """
    from flows import four_eyes

    with opened() as office:
        asked, hold = four_eyes.reject(office, request, about or "", because=because, by=by)
    if as_json:
        say_json({"request": request, "rejected": asked.about, "state": str(hold.state)})
    else:
        from flows.chronicle import WAITING
        from flows.words import STATES

        say(f"{request}  rejected: {WAITING[asked.about]}. Now {STATES[str(hold.state)]}.")


@click.command()
@click.argument("case", metavar="CASE")
@click.option("--because", required=True, metavar="TEXT", help="Why. Kept in clear: name no account, no person.")
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@click.option("--open-too", is_flag=True, help="Also where requests are open: the provider is then told by a person.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@as_json
def erase(case: str, *, because: str, by: str, open_too: bool, yes: bool, as_json: bool) -> None:
    """Destroy the key of a case: what was sealed for it is lost for good.

    CASE is the reference of the case. Accounts, letters, messages and remarks cannot be read by anybody afterwards;
    events, dates, proofs and statistics stay. Requests that are open have to be released first. It cannot be taken
    back; cut off in the middle, the same command completes it.

    Example:  holdfast erase CY-2026-0412 --because "Retention period over, order DPO/2031/7"

    Exit status:  0 erased
                  1 erased, but something needs a person; or it waits for a second person, and nothing was erased
                  2 requests are open, or a text names an account: nothing was erased
                  3 a request is being worked on just now: nothing was erased; or the journal must be cleared: repeat
    """
    from flows import erasing

    with opened() as office:
        if not yes:
            if not sys.stdin.isatty():
                raise wrong("nothing was erased: it cannot be taken back; --yes erases without a terminal")
            count = number(len(erasing.of_case(office, case)), "request")
            if not click.confirm(f"Destroy the key of case {case} with {count}, for good?", default=False, err=True):
                raise wrong("nothing was erased")
        done = erasing.erase(office, case, because=because, by=by, open_too=open_too)
    _erased(done, as_json=as_json)


def _erased(done: Erasure, *, as_json: bool) -> None:
    """Say what became of it; end with what is left to a person."""
    from flows.words import moment

    if as_json:
        say_json(
            {
                "case": done.case,
                "requests": list(done.requests),
                "erased": not done.waits,
                "waits": done.waits,
                "open": list(done.open_too),
                "files": [str(each) for each in done.files],
            }
        )
    elif not done.waits:
        is_erased = f"was erased on {moment(done.before)} already" if done.before else "is erased"
        count = number(len(done.requests), "request")
        say(f"Case {done.case} {is_erased}: what was sealed for its {count} is lost.")
        say("Backups and exports made before still hold it, until they are destroyed (docs/custody.md).")
    if done.waits:
        raise needs_person(
            "needs a person: nothing is erased yet, it waits for a second one. Another user of this system types:",
            f"  holdfast approve {done.requests[0]} --what erase",
        )
    left = [f"  {each}: the provider may still keep the data: `holdfast show {each}`" for each in done.held]
    left += [
        f"  {each}: not recorded as sent: if somebody sent it by hand, tell the provider that the hold may end"
        for each in done.open_too
        if each not in done.held
    ]
    left += [f"  {each}: a packet that was taken out, which names accounts: delete it" for each in done.files]
    if left:
        raise needs_person("needs a person:", *left)
