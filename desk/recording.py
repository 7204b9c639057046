"""`holdfast record`: what a person learned, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk.endings import wrong
from desk.speaking import say, say_json, tell
from desk.typed import opened
from flows.words import STATES, day, step, until

if TYPE_CHECKING:
    from flows.office import Office
    from flows.replying import Reply
    from timeline.state import Hold

When = date | timedelta | None


def record(
    kind: str,
    requests: Sequence[str],
    *,
    on: When,
    until: When,
    at: datetime | None,
    action: str | None,
    proof: Path | None,
    as_json: bool,
    **texts: str,
) -> None:
    """Enter the same reply for every request: all are checked first, then all are entered.

    Raises:
        Ending: an unknown kind, no request, or a proof that cannot be read.
        LookupError, ReplyError, LedgerError: nothing was entered, or what was is told.
    """
    from flows import replying

    if kind not in replying.KINDS:
        raise wrong(f'"{kind}" is no kind of entry; the kinds are' if kind else "say what kind of entry", *kinds())
    if not requests:
        raise wrong(f"which request? holdfast record {kind} HF-…")
    if action and "action" not in replying.KINDS[kind].may:
        raise wrong(f"{kind} takes no --action")
    requests = tuple(dict.fromkeys(requests))
    shown = _proof(proof)
    entered = []
    with opened() as office:
        replies = []
        for request in requests:
            hold = office.hold(request)
            reply = replying.Reply(
                kind=kind,
                on=local_day(on, hold, office),
                until=local_day(until, hold, office),
                at=at,
                action=action or "send",
                proof=shown,
                **texts,
            )
            replying.check(office, request, reply)
            replies.append((hold, reply))
        try:
            for before, reply in replies:
                entered.append(_enter(office, before, reply, silent=as_json))
        except BaseException:
            done = ", ".join(row["request"] for row in entered)
            tell(f"holdfast: entered for {done}, not for the others" if done else "holdfast: nothing was entered")
            raise
    if as_json:
        say_json(entered)


def _proof(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise wrong(f"--proof {path}: {error.strerror or error}") from error
    if not content:
        raise wrong(f"--proof {path}: the file is empty; nothing was entered")
    return content


def kinds() -> list[str]:
    """Every kind of entry: what it means and which options go with it."""
    from flows.replying import KINDS

    lines = []
    for name, kind in KINDS.items():
        needs = "".join(f" --{each}" for each in kind.needs)
        may = "".join(f" [--{each}]" for each in kind.may)
        lines.append(f"  {name:24}{kind.what}")
        if needs or may:
            lines.append(f"  {'':24}{(needs + may).strip()}")
    return lines


def local_day(when: When, hold: Hold, office: Office) -> date | None:
    """A day as typed; "today" is today where the provider is."""
    if not isinstance(when, timedelta):
        return when
    from timeline.days import day_in

    return day_in(office.now(), hold.terms.provider.zone) - when


def _enter(office: Office, before: Hold, reply: Reply, *, silent: bool) -> dict[str, Any]:
    from flows.fitting import warnings
    from flows.planning import said
    from flows.replying import record as enter

    after, following = enter(office, before.request, reply)
    warned = warnings(before, after, following, reply, office.now())
    old, new = _strict(before), _strict(after)
    if not silent:
        say(f"{before.request}  entered: {reply.kind}. Now {STATES[str(after.state)]}.")
        if old != new:
            say(f"    the hold ends (strict): {_day(old) if before.strict_start else 'not sent'} → {_day(new)}")
        if reply.until is not None and after.expiry is not None and after.expiry.strict_on < reply.until:
            counts = day(after.expiry.strict_on)
            say(f"    the provider says until {day(reply.until)}: not relied upon, by law it is {counts} (strict)")
        for each in warned:
            say(f"    ! {each}")
        if following.due_at is not None:
            due = until(following.due_at, office.now())
            when = due if due.startswith("in") else "with the next sweep"
            say(f"    next: {step(str(following.action), following.because)}, {when}: {following.because}")
    return {
        "request": before.request,
        "kind": reply.kind,
        "state": str(after.state),
        "strict_on_before": old,
        "strict_on": new,
        "warnings": list(warned),
        "next": {
            "action": str(following.action),
            "at": said(following.due_at),
            "because": following.because,
        },
    }


def _strict(hold: Hold) -> str | None:
    return hold.expiry.strict_on.isoformat() if hold.expiry else None


def _day(on: str | None) -> str:
    return day(on) if on else "no end"
