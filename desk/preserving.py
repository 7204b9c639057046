"""`holdfast preserve`: a case file becomes requests, a person decides what only a person may, and they are sent."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk import problems as found_in
from desk.endings import Ending, case_lines, later, needs_person, wrong
from desk.progress import following
from desk.speaking import say, say_json, tell
from desk.stopping import Stopping
from desk.words import number

if TYPE_CHECKING:
    from flows.casefile import Case
    from flows.intake import Draft
    from flows.office import Office
    from flows.problems import Problem
    from flows.settings import Settings
    from flows.sweeping import Report

Drafts = tuple["Draft", ...]
Accepted = Sequence[Mapping[str, str]]

NOTHING = "nothing was registered and nothing was sent"


def preserve(path: Path, *, yes: bool, sandbox: bool, as_json: bool) -> None:
    """The whole of it. Raises `Ending` where the status is not 0."""
    from flows import catalogue, intake, office, settings

    with_settings = settings.load()
    known = catalogue.load(with_settings.config)
    case, drafts, notes = intake.read(path, known, at=with_settings.now(), sandbox=sandbox)
    answered = yes or not _on_terminal()
    _refuse(drafts, yes=yes, answered=answered)
    with office.office(with_settings, create=True, sandbox=sandbox) as opened:
        if sandbox and not opened.ledger.sandbox:
            raise wrong(
                f"{with_settings.ledger_path} is an operational ledger, and --sandbox wants one of its own: {NOTHING}",
                "  set HOLDFAST_HOME to another folder, such as HOLDFAST_HOME=~/holdfast-sandbox",
            )
        notes += tuple(note for each in drafts for note in intake.live_duplicates(opened, each))
        _show(case, drafts, notes, opened, out=tell if as_json else say)
        try:
            accepted = [_accepted(each, opened.settings, yes=yes) for each in drafts]
        except click.Abort:
            raise Ending(130, f"stopped: {NOTHING}") from None
        requests: list[str] = []
        try:
            for each, gates in zip(drafts, accepted, strict=True):
                requests += intake.register(opened, case, (each,), accepted=gates)
        except BaseException:
            _registered_only(requests, len(drafts))
            raise
        report = _send(opened, requests, as_json=as_json)
        _end(opened, case, requests, report, as_json=as_json)


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _refuse(drafts: Drafts, *, yes: bool, answered: bool) -> None:
    """End here where nothing may be sent, or where somebody must be asked and nobody can be."""
    findings = [finding for each in drafts for finding in each.findings]
    errors = [each for each in findings if each.problem.severity == "error" and (not each.gate or answered)]
    if errors:
        raise wrong(*case_lines(tuple(each.problem for each in errors)), f"So {NOTHING}.")
    gates = [each.problem for each in findings if each.gate]
    if gates and answered and not yes:
        raise wrong(
            *case_lines(tuple(gates)),
            f"A person must accept this, and standard input is no terminal: {NOTHING}.",
            "  --yes accepts warnings; or name who accepts them in the case file",
        )


def _show(case: Case, drafts: Drafts, notes: Sequence[Problem], office: Office, *, out: Any) -> None:
    """A short plan in plain lines: what will be sent where, and everything that is against it."""
    from flows import planning

    planned = planning.plan_case(case, drafts, office.policy, at=office.now(), problems=notes)
    mark = " (sandbox)" if office.ledger.sandbox else ""
    out(f"Case {planned['case']}{mark}: {number(len(drafts), 'request')} to be sent")
    for each, draft in zip(planned["requests"], drafts, strict=True):
        accounts = number(each["identifiers"], "identifier")
        out(f"  {each['provider']} · {each['instrument']} · {accounts}: {_reach(each)}")
        for problem in found_in.grouped([*each["problems"]]):
            if problem.problem.startswith("no chain of holds"):
                continue
            places = f" ({number(len(problem.wheres), 'place')})" if problem.wheres[1:] else ""
            out(f"    ! {problem.problem}{places}\n      → {problem.fix}")
        del draft
    for problem in found_in.grouped(planned["problems"]):
        out(f"  ! {problem.wheres[0]}: {problem.problem}\n    → {problem.fix}")
