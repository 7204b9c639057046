"""Commands that do something: preserve, sweep, watch, record, release; and the sandbox and the demo."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from desk.endings import INTERRUPTED, Ending, later, needs_person
from desk.speaking import say, say_json, tell
from desk.typed import DAY, INSTANT, REQUEST, as_json


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Ask nothing: accept warnings (never a provider that tells its user).")
@click.option("--again", is_flag=True, help="Send although the same case is registered already: a new snapshot.")
@click.option("--sandbox", is_flag=True, help="Make the ledger a sandbox: loopback providers, simulated clock.")
@as_json
def preserve(case: Path, yes: bool, again: bool, sandbox: bool, as_json: bool) -> None:
    """Register a case's requests and send them.

    Everything is checked before anything leaves. Where a provider tells or may tell its user, the name of the officer
    who accepts that is asked for. --yes asks nothing and accepts warnings; a provider that certainly tells its user
    must then be accepted in the case file (notice_accepted_by).

    Example:  holdfast preserve case.toml
              HOLDFAST_HOME=~/sandbox holdfast preserve case.toml --sandbox --yes

    Exit status:  0 sent
                  1 sent, but something needs a person: a portal to fill in, a refusal, a gap before the answer
                  2 the case file is wrong, or somebody must accept something: nothing was registered or sent
                  3 a provider could not be reached: registered, and the next sweep sends it
    """
    from desk import preserving

    preserving.preserve(case, yes=yes, again=again, sandbox=sandbox, as_json=as_json)


@click.command()
@as_json
def sweep(as_json: bool) -> None:
    """Do everything that is due now, once.

    That is: send, extend, ask the provider, escalate to a person, release.

    Prints each decision with its reason and what became of it. May run beside a `watch`: a request is worked on
    by one of them at a time.

    Example:  holdfast sweep

    Exit status:  0 all that was due is done
                  1 done, but something needs a person: somebody was told, or a hold lapsed
                  3 something could not be done now; the next sweep tries again
    """
    from desk.progress import plain
    from desk.stopping import Stopping
    from flows.running import run_sweep
    from flows.settings import load
    from flows.words import number

    settings = load()
    with Stopping() as stopping:
        report, how = run_sweep(settings, progress=plain(tell if as_json else say, reasons=True), stop=stopping.stop)
    if settings.prefect_api:
        tell(f"recorded in Prefect: {how.url}" if how.by == "prefect" else f"not recorded in Prefect: {how.because}")
    people = {each.request for each in report.done if each.person}
    counts = (
        f"{number(report.looked_at, 'request')} due, {number(len(report.done), 'act')} done,"
        f" {number(len(report.failures), 'failure')}, {number(len(people), 'request')} for a person"
    )
    failures = [{"request": request, "what": what} for request, what in report.failures]
    if as_json:
        from flows.planning import said

        fields = ("request", "provider", "action", "because", "result", "failed", "person")
        done = [{name: getattr(each, name) for name in fields} for each in report.done]
        say_json({"at": said(report.at), "looked_at": report.looked_at, "done": done, "failures": failures})
    else:
        say(f"{counts}." if report.looked_at else "Nothing is due.")
    failed = [f"  {each['request']}: {each['what']}".replace("  : ", "  ", 1) for each in failures]
    if stopping.stop.is_set():
        raise Ending(INTERRUPTED, f"stopped: {counts}; what is left is due for the next sweep", *failed)
    if people:
        raise needs_person(f"needs a person: {', '.join(sorted(people))}", *failed)
    if failed:
        raise later("could not be done now; the next sweep tries again", *failed)


class Recording(click.Command):
    """Lists the kinds of entry below its options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The kinds, from where they are defined."""
        from desk.recording import kinds

        with formatter.section("Kinds, and what goes with each beside --text and --by ([..] may be left out)"):
            formatter.write("\n".join(kinds()) + "\n")


@click.command(cls=Recording)
@click.argument("kind", metavar="KIND", default="")
@click.argument("requests", type=REQUEST, nargs=-1, metavar="REQUEST...")
@click.option("--reference", default="", metavar="TEXT", help="The provider's or the central authority's reference.")
@click.option("--on", type=DAY, metavar="DAY", help="The day it happened: 2026-12-01, today or yesterday.")
@click.option("--until", type=DAY, metavar="DAY", help="The last day the provider says it keeps the data.")
@click.option("--at", type=INSTANT, metavar="INSTANT", help="When it happened, such as 2026-12-01T14:30:00+01:00.")
@click.option("--item", default="", metavar="ITEM", help="The item it is about, such as i2 (see `holdfast show`).")
@click.option(
    "--action",
    type=click.Choice(["send", "extend", "release"]),
    help="What was sent or refused; the first request, if left out.",
)
@click.option("--channel", default="", metavar="TEXT", help="What it was sent over, if not as planned: post, fax …")
@click.option("--to", default="", metavar="TEXT", help="Whom it was sent to: an address, a desk. Kept in clear.")
@click.option(
    "--proof",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A screenshot, receipt or proof of dispatch. Kept sealed, with its digest.",
)
@click.option("--ground", default="", metavar="GROUND", help="Why it was refused, such as wrong-identifier.")
@click.option("--about", default="", metavar="TEXT", help="Which escalation was taken up; all, if left out.")
@click.option("--text", default="", metavar="TEXT", help="A remark. Sealed; name no account in it.")
@click.option("--by", default="", metavar="NAME", help="Whose knowledge it is, if not yours.")
@as_json
def record(
    kind: str,
    requests: tuple[str, ...],
    *,
    on: date | timedelta | None,
    until: date | timedelta | None,
    at: datetime | None,
    action: str | None,
    proof: Path | None,
    as_json: bool,
    **texts: str,
) -> None:
    """Enter what a person learned or did; it moves the clocks.

    Several requests: the same for each of them. All are checked before the first is entered.

    Example:  holdfast record acknowledged HF-XXXXXXXXXXXX --reference 2026-118 --on today
              holdfast record mla-sent HF-XXXXXXXXXXXX --on 2026-12-01 --reference MLA/2026/77
              holdfast record note HF-XXXXXXXXXXXX --text "They call back on Monday."

    Exit status:  0 entered
                  2 the entry cannot be true, or is incomplete: nothing was entered
                  3 the ledger cannot be written to now: nothing was entered
    """
    from desk import recording

    recording.record(kind, requests, on=on, until=until, at=at, action=action, proof=proof, as_json=as_json, **texts)


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--because", required=True, metavar="TEXT", help="Why it is no longer needed. Recorded, sealed.")
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@as_json
def release(request: str, because: str, by: str, as_json: bool) -> None:
    """End a hold and tell the provider, at once.

    What is released may be deleted by the provider within the hour, and cannot be called back.

    Example:  holdfast release HF-XXXXXXXXXXXX --because "Case closed without charges"

    Exit status:  0 the provider confirmed it
                  1 recorded, but a person must tell the provider
                  2 there is nothing to release
                  3 recorded, but the provider could not be reached; the next sweep tells it
    """
    from desk import asking

    asking.release(request, because=because, by=by, as_json=as_json)


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--on", type=DAY, metavar="DAY", help="The day the production request was issued; today if left out.")
@click.option("--reference", default="", metavar="TEXT", help="The production request's reference. Kept in clear.")
@click.option("--by", default="", metavar="NAME", help="Whose decision it is, if not yours.")
@as_json
def announce(request: str, on: date | timedelta | None, reference: str, by: str, as_json: bool) -> None:
    """Tell the provider that production was requested, so that it keeps the data beyond the last day.

    For instruments that know it (EU: Annex V, article 11(1)). The production request has to be issued, not yet sent.
    Where no machine can say it, `holdfast packet` makes what a person hands over.

    Example:  holdfast announce HF-XXXXXXXXXXXX --on today --reference EPOC/2026/77

    Exit status:  0 the provider was told
                  1 recorded, but a person must tell the provider
                  2 there is nothing to announce
                  3 recorded, but the provider could not be reached; the next sweep tells it
    """
    from desk import asking

    asking.announce(request, on=on, reference=reference, by=by, as_json=as_json)


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--text", required=True, metavar="TEXT", help="The answer. Sealed; it goes to the provider.")
@click.option("--by", default="", metavar="NAME", help="Whose answer it is, if not yours.")
@as_json
def answer(request: str, text: str, by: str, as_json: bool) -> None:
    """Answer what the provider asks about a request.

    Under a European order a question not answered within five days frees the provider from preserving
    (article 11(5)). The clock stops when the answer has left.

    Example:  holdfast answer HF-XXXXXXXXXXXX --text "The account was used from 1 to 3 October 2026, in UTC."

    Exit status:  0 the answer has left
                  1 recorded, but a person must give it to the provider
                  2 the provider asks nothing
                  3 recorded, but the provider could not be reached; the next sweep answers
    """
    from desk import asking

    asking.answer(request, text=text, by=by, as_json=as_json)


@click.command()
@click.option("--check", is_flag=True, help="Do not watch: tell whether a watch does its work.")
@as_json
def watch(check: bool, as_json: bool) -> None:
    """Sweep on time until stopped; works with Prefect down.

    --check is for another machine's monitoring: it tells whether the last sweep is recent enough.

    Example:  holdfast watch
              holdfast watch --check --json

    Exit status:  0 stopped (Ctrl-C, SIGTERM); with --check: it does its work
                  1 with --check: it does not, and a person must look
                  3 there is no ledger, or it cannot be read now
    """
    from desk import watching

    if check:
        watching.check(as_json=as_json)
    elif as_json:
        raise click.UsageError("--json goes with --check: a watch prints no document")
    else:
        watching.watch()


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def sandbox(words: tuple[str, ...]) -> int:
    """A provider on this machine, hostile as real ones are."""
    from providers.sandbox import main

    return main(list(words))


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Leave the ledger in this new folder, to look at afterwards.",
)
@click.option("--desk", is_flag=True, help="Open the contact team's desk in a browser instead, until Ctrl-C.")
def demo(keep: Path | None, desk: bool) -> int:
    """Show the whole story, in under a minute.

    Makes a sandbox in a temporary folder, preserves a case there and follows it over many simulated days, on real
    processes. Nothing of yours is read or written, and nothing leaves this machine. Where PREFECT_API_URL names a
    Prefect server, the runs are shown there.

    With --desk: a Prefect server of its own with the forms and pages of the contact team, played providers, and a few
    cases that need a person. The address is printed, and everything ends with Ctrl-C.

    Example:  holdfast demo
              holdfast demo --desk

    Exit status:  0 the provider's account equals the ledger's; with --desk: stopped
                  1 it does not
                  2 there is something in FOLDER already
    """
    from desk.demo import main

    return main(keep, desk=desk)
