"""`holdfast draft`: a case is registered and sealed here, and let go elsewhere: no account is typed into Prefect."""

from __future__ import annotations

from pathlib import Path

import click

from desk.endings import later, needs_person, wrong
from desk.speaking import say, say_json, tell
from desk.typed import REQUEST, as_json, opened


@click.command()
@click.argument("case", type=click.Path(path_type=Path), required=False)
@click.option("--send", "request", type=REQUEST, help="Send a draft: any of its requests.")
@click.option("--by", default="", metavar="NAME", help="With --send: whose decision it is, if not yours.")
@click.option("--yes", is_flag=True, help="Ask nothing: accept warnings (never a provider that tells its user).")
@click.option("--again", is_flag=True, help="Draft although the same case is registered already: a new snapshot.")
@click.option("--sandbox", is_flag=True, help="Make the ledger a sandbox: loopback providers, simulated clock.")
@as_json
def draft(
    case: Path | None, *, request: str | None, by: str, yes: bool, again: bool, sandbox: bool, as_json: bool
) -> None:
    """Register a case without sending it; somebody sends it later.

    Everything is checked as by `preserve`, accounts and facts are sealed, and nothing leaves. Whoever works in
    Prefect sends it with the form "Preserve a draft", where only an id is typed; `--send` does the same here.
    Until then nothing is held: people are told of a draft that nobody sends.

    Example:  holdfast draft case.toml
              holdfast draft --send HF-XXXXXXXXXXXX

    Exit status:  0 drafted; with --send: sent
                  1 sent, but something needs a person
                  2 the case file is wrong, or there is no such draft: nothing was registered or sent
                  3 with --send: a provider could not be reached; the next sweep sends it
    """
    if (case is None) == (request is None):
        raise wrong("give a case file to draft, or --send and the id of a draft")
    if case is not None:
        from desk import preserving

        preserving.preserve(case, yes=yes, again=again, sandbox=sandbox, as_json=as_json, as_draft=True)
        return
    _send(str(request), by, as_json=as_json)


def _send(request: str, by: str, *, as_json: bool) -> None:
    from desk.progress import plain
    from desk.stopping import Stopping
    from flows import planning
    from flows.afterwards import work_on_entered
    from flows.drafts import send_draft

    with opened() as office, Stopping() as stopping:
        requests = send_draft(office, request, by)
        report = work_on_entered(
            office, requests, progress=plain(tell if as_json else say, reasons=False), stop=stopping.stop
        )
        rows = [row for row in map(office.ledger.row, requests) if row is not None]
    if as_json:
        say_json({"requests": [planning.board_row(row) for row in rows]})
    failed = [f"  {each}: {what}" for each, what in report.failures]
    if report.person:
        told = sorted({each.request for each in report.done if each.person})
        raise needs_person(f"needs a person: {', '.join(told)} (`holdfast show REQUEST` says what)", *failed)
    if report.failed or stopping.stop.is_set():
        raise later("could not be done now; the next sweep sends it", *failed)
