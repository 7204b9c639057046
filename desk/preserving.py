"""`holdfast preserve` and `draft`: a case becomes requests, a person decides what only a person may, they are sent.

Nothing that draws is imported before the sending: the first byte should reach the provider within a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.endings import INTERRUPTED, Ending, case_lines, later, needs_person, wrong
from desk.problems import grouped, plainly
from desk.progress import following
from desk.speaking import say, say_json, tell
from desk.stopping import Stopping
from flows.verdict import local_today, verdict
from flows.words import STATES, day, number, step, until
from timeline.custody import WAITS

if TYPE_CHECKING:
    from flows.casefile import Case
    from flows.catalogue import Catalogue
    from flows.intake import Draft
    from flows.office import Office
    from flows.problems import Problem
    from flows.settings import Settings
    from flows.sweeping import Report

Drafts = tuple["Draft", ...]
Out = Callable[[str], None]

NOTHING = "nothing was registered and nothing was sent"
NOT_AGAIN = "  it is registered: do not run `preserve` again; the next `holdfast sweep` or `watch` goes on with it"


def preserve(path: Path, *, yes: bool, again: bool, sandbox: bool, as_json: bool, as_draft: bool = False) -> None:
    """The whole of it; with `as_draft` all but the sending.

    Raises:
        Ending: where the status is not 0.
        CaseErrors, ConfigurationErrors, SettingsError, LedgerError: nothing was registered.
    """
    from flows import intake
    from flows.office import open_catalogue
    from flows.settings import load

    settings = load()
    catalogue = open_catalogue(settings)
    read = intake.read(path, catalogue, at=settings.now())
    issue(settings, catalogue, read, yes=yes, again=again, sandbox=sandbox, as_json=as_json, as_draft=as_draft)


def issue(
    settings: Settings,
    catalogue: Catalogue,
    read: tuple[Case, Drafts, tuple[Problem, ...]],
    *,
    yes: bool,
    again: bool = False,
    sandbox: bool = False,
    as_json: bool,
    as_draft: bool = False,
    registered: Callable[[Office, Sequence[str]], None] = lambda _office, _requests: None,
) -> None:
    """Ask what only a person may decide, register and send a case that was read (`intake.read`).

    `registered` is called once the requests are in the ledger, before anything is sent. With `as_draft` nothing is
    sent before somebody gives the go-ahead. Raises what `preserve` raises.
    """
    from flows.doubts import insist, look
    from flows.ledgers import is_there, name_of
    from flows.office import office

    (case, drafts, notes), out = read, tell if as_json else say
    asking = not yes and sys.stdin is not None and sys.stdin.isatty()
    _refuse(drafts, yes=yes, asking=asking)
    if not is_there(settings):
        _can_speak(settings, catalogue, case, drafts, sandbox=sandbox)  # before a ledger of the wrong kind is made
    with office(settings, create=True, sandbox=sandbox, catalogue=catalogue) as opened:
        if sandbox and not opened.ledger.sandbox:
            raise wrong(
                f"{name_of(settings)} is an operational ledger, and --sandbox wants one of its own: {NOTHING}",
                "  set HOLDFAST_HOME to another folder, such as HOLDFAST_HOME=~/holdfast-sandbox",
            )
        insist(look(opened, opened.now()))
        _can_speak(settings, catalogue, case, drafts, sandbox=opened.ledger.sandbox)
        doubles = _doubles(opened, case, drafts)
        if not again:
            _refuse_doubles(drafts, doubles)
        notes += tuple(note for each in doubles for note in each)
        _show(case, drafts, notes, opened, out)
        try:
            accepted = [_accepted(each, catalogue, actor=opened.settings.actor, yes=yes) for each in drafts]
        except click.Abort:
            raise Ending(INTERRUPTED, f"stopped: {NOTHING}") from None
        requests = _register(opened, case, drafts, accepted, again=again, as_draft=as_draft)
        registered(opened, requests)
        if as_draft:
            _drafted(opened, case, requests, as_json=as_json)
            return
        with Stopping() as stopping:
            report = _send(opened, requests, drafts, stopping, out)
        rows = _standing(opened, requests)
        if not as_json:
            _results(rows, opened, out)
        prefect = None if stopping.stop.is_set() else _book(opened, requests, out)
    if as_json:
        failures = [{"request": request, "what": what} for request, what in report.failures]
        say_json({"case": case.reference, "requests": rows, "failures": failures, "prefect": prefect})
    _end(rows, report, stopped=stopping.stop.is_set())


def _refuse(drafts: Drafts, *, yes: bool, asking: bool) -> None:
    """End here where nothing may be sent, or where somebody must be asked and nobody can be."""
    findings = [finding for each in drafts for finding in each.findings]
    errors = [each.problem for each in findings if each.problem.severity == "error" and not (each.gate and asking)]
    gates = [each.problem for each in findings if each.gate and each.problem.severity != "error"]
    if errors:
        raise wrong(f"{NOTHING}:", *case_lines(tuple(errors)))
    if gates and not asking and not yes:
        raise wrong(
            f"a person must accept this, and standard input is no terminal: {NOTHING}",
            *case_lines(tuple(gates)),
            "  --yes accepts warnings; or write into the case file who accepts them",
        )


def _can_speak(settings: Settings, catalogue: Catalogue, case: Case, drafts: Drafts, *, sandbox: bool) -> None:
    """End here where our own set-up keeps a request from being sent: registered, it could only wait."""
    from flows.intake import ways
    from flows.office import unusable

    routes = [route for each in drafts for route in ways(case, each.request, catalogue)]
    if errors := unusable(settings, routes, sandbox=sandbox):
        raise wrong(f"{NOTHING}:", *(f"  {each}" for each in errors))


def _show(case: Case, drafts: Drafts, notes: Sequence[Problem], office: Office, out: Out) -> None:
    """A short plan: what will be sent where, how far it reaches, and what is against it."""
    from flows import planning

    now = office.now()
    planned = planning.plan_case(case, drafts, office.policy, at=now, problems=notes)
    mark = " (sandbox)" if office.ledger.sandbox else ""
    out(f"Case {case.reference}{mark}: {number(len(drafts), 'request')} to send")
    for problem in grouped(planned["problems"]):
        out(f"  ! {problem.where()}: {plainly(problem.problem)}\n    → {problem.fix}")
    for each, draft in zip(planned["requests"], drafts, strict=True):
        _, reach = verdict(each, local_today(now, draft.terms.provider.zone))
        accounts = number(each["identifiers"], "identifier")
        out(f"  {each['provider']} · {each['instrument']} · {accounts}\n    {reach}")
        for problem in grouped(each["problems"]):
            out(f"    ! {plainly(problem.problem)}\n      → {plainly(problem.fix)}")


def _doubles(office: Office, case: Case, drafts: Drafts) -> tuple[tuple[Problem, ...], ...]:
    """What live requests ask for already, for each draft."""
    from flows import intake

    return tuple(intake.live_duplicates(office, case, each) for each in drafts)


def _refuse_doubles(drafts: Drafts, doubles: Sequence[Sequence[Problem]]) -> None:
    """A case that was registered before is not sent a second time by mistake; what is new in it is named."""
    same = [[note for note in each if note.severity == "error"] for each in doubles]
    if not any(same):
        return
    new = [each.request for each, found in zip(drafts, same, strict=True) if not found]
    anew = "  --again asks the providers anew, for a new snapshot"
    if new:
        what, anew = "a part of this case is registered already", f"{anew}: of everything in this file"
        lines = [f"  NOT registered, and sent by nobody: {each.provider} ({each.where})" for each in new]
        lines.append("  put that into a file of its own, with the same [case], and `holdfast preserve` that file;")
    else:
        what, lines = "this case is registered already", []
    raise wrong(
        f"{what}: {NOTHING}",
        *case_lines(tuple(note for each in same for note in each)),
        *lines,
        "  `holdfast board` shows how what is registered stands, and `holdfast sweep` goes on with it;",
        anew,
    )


def _accepted(draft: Draft, catalogue: Catalogue, *, actor: str, yes: bool) -> Mapping[str, str]:
    """Who accepted which gate of a request: asked for, or with --yes whoever runs the command."""
    gates = {finding.gate: finding.problem for finding in draft.findings if finding.gate}
    if yes:
        return dict.fromkeys(gates, f"{actor} (--yes)")
    accepted = {}
    if problem := gates.get("notice"):
        tell(f"\n{draft.request.provider}: {problem.problem}.")
        who = "Name of the officer who accepts that (Ctrl-C: send nothing)"
        accepted["notice"] = click.prompt(who, type=_Name(), err=True)
    if problem := gates.get("unverified"):
        tell(f"\n{draft.request.provider}: {plainly(problem.problem)}.")
        if not click.confirm("Send it all the same?", default=False, err=True):
            raise needs_person(f"not accepted: {NOTHING}")
        accepted["unverified"] = actor
    return accepted


class _Name(click.ParamType[str]):
    """A person's name: some letters, and not a yes."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name = " ".join(str(value).split())
        if len(name) < 3 or name.lower() in {"yes", "y", "ok"}:  # noqa: PLR2004 - shorter than any name
            self.fail("a name is recorded here: who accepts it?", param, ctx)
        return name


def _register(
    office: Office,
    case: Case,
    drafts: Drafts,
    accepted: Sequence[Mapping[str, str]],
    *,
    again: bool,
    as_draft: bool,
) -> tuple[str, ...]:
    """Enter every request, or none. Somebody else may have registered the same case while this one was looked at."""
    from flows import intake

    def unless() -> None:
        _refuse_doubles(drafts, _doubles(office, case, drafts))

    try:
        last_look = None if again else unless
        return intake.register(office, case, drafts, accepted=accepted, unless=last_look, as_draft=as_draft)
    except BaseException:
        tell(f"holdfast: {NOTHING}")
        raise


def _drafted(office: Office, case: Case, requests: Sequence[str], *, as_json: bool) -> None:
    """What was drafted, and how it is let go."""
    if as_json:
        say_json({"case": case.reference, "draft": requests[0], "requests": _standing(office, requests)})
        return
    for request in requests:
        row = office.ledger.row(request)
        say(f"{request}  {row.provider if row else ''}: a draft, not sent")
    say(f"Send it with the form “Preserve a draft”, where this is entered:  {requests[0]}")
    say(f"or here:  holdfast draft --send {requests[0]}")


def _send(office: Office, requests: Sequence[str], drafts: Drafts, stopping: Stopping, out: Out) -> Report:
    """Send everything; then do what is due because of it, such as telling a person of a gap on day 0."""
    from flows.afterwards import work_on_entered

    providers = [each.request.provider for each in drafts]
    with following(list(zip(requests, providers, strict=True)), out) as progress:
        report = work_on_entered(office, requests, progress=progress, stop=stopping.stop)
        rows = [row for row in map(office.ledger.row, requests) if row is not None]
        now = office.now()
        due = [row.request for row in rows if row.next_at is not None and row.next_at <= now]
        if due and not stopping.stop.is_set():
            report.add(work_on_entered(office, due, progress=progress, stop=stopping.stop))
    return report


def _book(office: Office, requests: Sequence[str], out: Out) -> str | None:
    """Have it recorded in Prefect for the contact team; gives the address of the run, None where there is none."""
    if not office.settings.prefect_api:
        return None
    from flows.running import book_issue

    how = book_issue(office.settings, requests)
    out(f"recorded in Prefect: {how.url}" if how.url else f"not recorded in Prefect: {how.because}")
    return how.url or None


def _standing(office: Office, requests: Sequence[str]) -> list[dict[str, Any]]:
    """How each request stands now, with the provider's references."""
    from flows import planning

    rows = []
    for request in requests:
        row = office.ledger.row(request)
        if row is not None:
            rows.append(planning.board_row(row) | {"references": list(office.hold(request).references)})
    return rows


def _results(rows: Sequence[Mapping[str, Any]], office: Office, out: Out) -> None:
    now = office.now()
    out("")
    for row in rows:
        ends = f", held until {day(row['strict_on'])} (strict)" if row["strict_on"] else ""
        out(f"{row['request']}  {row['provider']}: {STATES.get(row['state'], row['state'])}{ends}")
        if row["references"]:
            out(f"    their reference: {', '.join(row['references'])}")
        if row["next"]["at"]:
            following = step(row["next"]["action"], row["next"]["because"])
            out(f"    next: {following}, {until(row['next']['at'], now)}")
    out("See all of it: holdfast show REQUEST")


def _end(rows: Sequence[Mapping[str, Any]], report: Report, *, stopped: bool) -> None:
    """The status, and what a person or the next sweep has to do."""
    waits = [row["request"] for row in rows if row["next"]["because"].startswith(WAITS)]
    left = [
        row["request"] for row in rows if row["state"] in {"registered", "unknown"} and row["request"] not in waits
    ]
    failed = [f"  {request}: {what}" for request, what in report.failures]
    if stopped:
        what = f"not sent, or not known: {', '.join(left)}\n{NOT_AGAIN}" if left else "everything was sent"
        raise Ending(INTERRUPTED, f"stopped: {what}")
    if waits:
        lines = [f"  holdfast approve {request} --what send" for request in waits]
        lines += [f"  could not be done now: {', '.join(left)}", NOT_AGAIN] if left else []
        raise needs_person(
            "needs a person: registered and not sent, it waits for a second one. Another user of this system types:",
            *lines,
            *failed,
        )
    if report.person:
        told = sorted({each.request for each in report.done if each.person})
        raise needs_person(f"needs a person: {', '.join(told)} (`holdfast show REQUEST` says what)", *failed)
    if report.failed or left:
        raise later(f"could not be done now: {', '.join(left) or 'a part of it'}", *failed, NOT_AGAIN)
