"""Preserving a case from a form: checked, registered and sealed, scrubbed out of Prefect, and only then sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.casefile import Case, check_case
from flows.entry import Outcome, Page, Run, carry_out
from flows.forms.again import link
from flows.forms.case_form import CaseEntry, RequestEntry, document, harmless, place, told
from flows.forms.clear import names_no_account, unquoted
from flows.forms.entered import Wrong, entered
from flows.forms.fields import PLAIN, Person, form
from flows.forms.flow import form_flow
from flows.forms.scrubbing import registered_by, scrubbed
from flows.forms.sending import send
from flows.intake import CaseErrors, Draft, judge, live_duplicates, register, ways
from flows.office import Office, unusable
from flows.preflight import Finding
from flows.problems import Problem
from flows.words import number
from providers.reading import Accounts

TheCase = Annotated[CaseEntry, form("The investigation, as the provider is to see it.", title="Case")]
Requests = Annotated[
    list[RequestEntry],
    form(
        "One for each provider and legal basis. Most cases have one.",
        title="Requests",
        write="at least one request: provider, legal basis, an account",
        default=[{"accounts": [{}]}],
        min_length=1,
    ),
]
Notice = Annotated[
    str,
    form(
        "Only if you were told that a provider may tell its user: who accepts that, by name or role.",
        title="Accepts that the user may be told",
        write="the name or role of who accepts it, without an @, or nothing",
        max_length=80,
        pattern=PLAIN,
    ),
]
Unverified = Annotated[
    bool,
    form(
        "Only if you were told that nobody has verified what is known of a provider or a law, or that your State may "
        "not be among those that can ask in this way: send it all the same.",
        title="Accept what nobody has verified",
    ),
]


@form_flow("preserve-case", called="preserve a case")
async def preserve_case(
    *,
    case: TheCase,
    requests: Requests,
    accept_notice: Notice = "",
    accept_unverified: Unverified = False,
    by: Person,
) -> State[Any]:
    """Have providers keep the data of a case. It is checked first; with any mistake nothing is registered or sent.

    What you type is registered and sealed, and then taken out of this run before anything else happens.
    """
    given = locals()
    return await carry_out("send", lambda run: _preserve(run, given))


def _preserve(run: Run, given: Mapping[str, Any]) -> Outcome:
    office = run.office
    requests = scrubbed(office, run.errand.run, given) or registered_by(office, run.errand.run, given)
    if not requests:
        try:
            requests = _register(run, given)
        except (_Refused, Wrong) as refused:
            run.scrubber.scrub(())
            return _refused(unquoted(refused.lines, given), given)
    run.scrubber.scrub(requests)
    return send(run, requests, f"{number(len(requests), 'request')} registered")


class _Refused(Exception):
    """The intake does not take it. `lines` say what to mend, one each, in a clerk's words."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(f"{len(lines)} problems")
        self.lines = tuple(dict.fromkeys(lines))


def _register(run: Run, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Check everything and register all requests, or none."""
    office, this = run.office, run.errand.run
    values = entered(preserve_case, given, run.scrubber.typed)
    by, notice, unverified = values["by"], values["accept_notice"].strip(), values["accept_unverified"]
    clear = {"Case: Case number": values["case"].reference, "Entered by": by, "Accepts that …": notice}
    names_no_account(office, clear)
    now = office.now()
    try:
        read = check_case(document(values["case"], values["requests"], notice_accepted_by=notice), now=now)
        case, drafts, notes = judge(*read, office.catalogue, at=now)
        _names_no_account(case, by=by, notice=notice)
        _judge(office, case, drafts, accepted={"notice": bool(notice), "unverified": unverified})
        for each in unquoted(_notes(drafts, notes), given):
            run.say(f"To look at: {each}")
        gates = [{each.gate for each in draft.findings if each.gate} for draft in drafts]
        who = {"notice": notice, "unverified": by}
        accepted = [{gate: who[gate] for gate in each} for each in gates]
        return register(
            office, case, drafts, accepted=accepted, unless=lambda: _not_again(office, case, drafts, this), run=this
        )
    except CaseErrors as errors:
        raise _Refused([told(each) for each in errors.problems if each.severity == "error"]) from None
    except _Registered as already:
        return already.requests


def _notes(drafts: Sequence[Draft], notes: Sequence[Problem]) -> list[str]:
    """What is no mistake, and should be seen by a person."""
    found = [*notes, *(finding.problem for each in drafts for finding in each.findings)]
    return list(dict.fromkeys(told(each) for each in found if each.severity == "warning"))


class _Registered(Exception):
    """The same run has registered them in the meantime: it is carried out twice at once."""

    def __init__(self, requests: tuple[str, ...]) -> None:
        super().__init__()
        self.requests = requests


def _not_again(office: Office, case: Case, drafts: Sequence[Draft], run: str) -> None:
    """The last look, within the transaction that registers."""
    if requests := registered_by(office, run, {"case": {"reference": case.reference}}):
        raise _Registered(requests)
    if wrong := [
        each for draft in drafts for each in live_duplicates(office, case, draft) if each.severity == "error"
    ]:
        raise CaseErrors(tuple(wrong))


def _names_no_account(case: Case, **texts: str) -> None:
    """What stays readable names no account of the case."""
    accounts = Accounts(each.value for request in case.requests for each in request.identifiers)
    said = {"Case: Case number": case.reference, "Entered by": texts["by"], "Accepts that …": texts["notice"]}
    wrong = [f"{name}: names an account and stays readable; write it without" for name, text in said.items()]
    found = [line for line, text in zip(wrong, said.values(), strict=True) if accounts.named_in(text)]
    if found:
        raise _Refused(found)


def _judge(office: Office, case: Case, drafts: Sequence[Draft], *, accepted: Mapping[str, bool]) -> None:
    """Refuse here what may not be sent: errors, what nobody has accepted, what our own set-up cannot say."""
    findings: list[Finding] = [finding for each in drafts for finding in each.findings]
    stopping = [each for each in findings if each.problem.severity == "error" or each.gate]
    wrong = [_line(each, accepted) for each in stopping if not (each.gate and accepted[each.gate])]
    doubles = [note for each in drafts for note in live_duplicates(office, case, each) if note.severity == "error"]
    wrong += [told(each) for each in doubles]
    routes = [route for each in drafts for route in ways(case, each.request, office.catalogue)]
    wrong += [f"Our own set-up: {each}" for each in unusable(office.settings, routes, sandbox=office.ledger.sandbox)]
    if wrong:
        raise _Refused(wrong)


def _line(finding: Finding, accepted: Mapping[str, bool]) -> str:
    problem: Problem = finding.problem
    if finding.gate == "notice":
        fix = 'who accepts that writes a name or role into "Accepts that the user may be told"'
    elif finding.gate == "unverified":
        fix = 'if you want it sent all the same, switch on "Accept what nobody has verified"'
        if problem.kind == "issuer":
            fix = f'{problem.fix}: then switch on "Accept what nobody has verified"'
    else:
        return told(problem)
    return f"{place(problem.where)}: {problem.problem}; {fix}"


def _refused(lines: Sequence[str], given: Mapping[str, Any]) -> Outcome:
    """Nothing is registered; what to mend, and the form again with what is harmless filled in."""
    text = f"Nothing was registered and nothing was sent. {number(len(lines), 'thing')} to mend: "
    text += "; ".join(f"({n}) {line}" for n, line in enumerate(lines, 1))
    again = link(harmless(given))
    listed = "\n".join(f"* {line}" for line in lines)
    where = f"\n**[Open the form again]({again})**, filled in; only accounts, names and facts are not kept.\n"
    text += ". A link under Artifacts opens the form again, filled in" if again else ""
    return Outcome(text=f"{text}.", failed=True, page=Page(text=f"# To mend\n\n{listed}\n{where if again else ''}"))
