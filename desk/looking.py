"""Commands that look and change nothing: plan, board, show, verify."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from desk.endings import needs_person
from desk.problems import counted, every
from desk.speaking import all_harmless, draw, say, say_json, tell, width
from desk.typed import REQUEST, as_json, at, opened


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@at
@as_json
def plan(case: Path, at: datetime | None, as_json: bool) -> None:
    """Show what a case would hold, and for how long. Sends nothing.

    Reads the case file (TOML, YAML or JSON), checks it as `preserve` would, and computes every date as if the
    requests were sent now, or at --at. Needs no ledger.

    Example:  holdfast plan case.toml
              holdfast plan case.toml --at 2027-01-20T09:00:00Z

    Exit status:  0 it holds and nothing stands in the way
                  1 a problem needs a person: an error, a warning, or a gap before the answer
                  2 the case file cannot be read as a case; nothing could be planned
    """
    from flows import intake, planning
    from flows.office import open_catalogue
    from flows.settings import load

    found = load()
    known = open_catalogue(found)
    seen_from = at or found.now()
    read, drafts, problems = intake.read(case, known, at=seen_from)
    planned = planning.plan_case(read, drafts, known.policy, at=seen_from, problems=problems)
    if as_json:
        say_json(planned)
    else:
        from desk.plan_page import plan_page

        draw(*plan_page(all_harmless(planned), [each.terms.provider.zone for each in drafts], width()))
    if found_problems := counted(every(planned)):
        errors = "; `preserve` sends nothing before the errors are mended" if "error" in found_problems else ""
        raise needs_person(f"needs a person: {found_problems}{errors}")


@click.command()
@at
@click.option("--all", "everything", is_flag=True, help="Show every open request, not only the first 100.")
@as_json
def board(at: datetime | None, everything: bool, as_json: bool) -> None:
    """Show all open requests by what is due next.

    One line each: when, which request, what is due, how it stands, when the hold ends (strict), how many days
    are missing before nine in ten MLA answers are there, and how high it has been escalated (▲).

    Example:  holdfast board

    Exit status:  0 shown
                  2 --at is not an instant
                  3 there is no ledger, or it cannot be read now
    """
    from flows import planning

    with opened() as office:
        now = at or office.now()
        rows = planning.board(office, at=now)
    if as_json:
        say_json(rows)
    else:
        from desk.board_page import board_page

        draw(*board_page(all_harmless(rows), now, shown=None if everything else 100, columns=width()))


@click.command()
@click.argument("request", type=REQUEST)
@at
@click.option("--all", "everything", is_flag=True, help="List every item, not only the first 20.")
@click.option(
    "--remarks", is_flag=True, help="Show what people wrote, which is sealed. That you read it is recorded."
)
@click.option("--because", default="", metavar="TEXT", help="With --remarks: why, if not to work on the request.")
@as_json
def show(request: str, *, at: datetime | None, everything: bool, remarks: bool, because: str, as_json: bool) -> None:
    """Show one request: state, clocks, items, history.

    Accounts are never shown: an item is named by its number in the case file (i1, i2 …). Remarks that people
    entered are sealed; --remarks shows them.

    Example:  holdfast show HF-XXXXXXXXXXXX      (hyphen and case do not matter)

    Exit status:  0 shown
                  2 no such request, or the id is mistyped
                  3 there is no ledger, or it cannot be read now
    """
    from flows import planning

    with opened() as office:
        now = at or office.now()
        if remarks:
            from flows.opening import opened as recorded

            recorded(office, request, "remarks", because, duty="" if because else "to work on the request")
        record = planning.show(office, request, at=now, remarks=remarks)
        hold = office.hold(request)
    if as_json:
        say_json(record)
    else:
        from desk.show_page import show_page

        draw(*show_page(all_harmless(record), hold, now, width(), listed=None if everything else 20))


@click.command()
@click.option(
    "--head",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A file of signed heads that was kept elsewhere; may be given again.",
)
@as_json
def verify(files: tuple[Path, ...], as_json: bool) -> None:
    """Prove that nothing recorded was changed or taken out.

    Recomputes the tree from the first event on, and every state from its history, and compares with every signed
    head: those in the ledger, those in the file of heads, and those in each FILE. Only a head kept out of the reach
    of whoever has the ledger and its key shows that the whole of it was not written anew. Every case's key is tried
    with the unit's master key.

    Example:  holdfast verify
              holdfast verify --head /mnt/registry/heads.jsonl

    Exit status:  0 all fits
                  1 something does not: the first event is named
                  2 a FILE cannot be read, or has no head of this ledger
                  3 there is no ledger, or it cannot be read now
    """
    from desk.heads import compared, in_words, sources, table, unfit
    from flows.reindexing import index_is_current
    from flows.verifying import verify_all
    from flows.words import number

    with opened() as office:
        kept = compared(office, sources(office, files))
        findings = verify_all(office, lambda done, many: tell(f"{done} of {many} parts of the index recomputed"))
        current = index_is_current(office)
        events, link = (None, None) if findings else office.ledger.head()  # a damaged tree may have none
        requests = sum(1 for _ in office.ledger.rows(open_only=False))
    if as_json:
        found = [{"seq": each.seq, "request": each.request, "what": each.what} for each in findings]
        say_json(
            {
                "fits": not findings and kept.fine,
                "events": events,
                "requests": requests,
                "head": link,
                "index_current": current,
                "findings": found,
                "heads": table(kept),
            }
        )
    elif not findings and events is not None:
        counted = f"{number(events, 'event')} of {number(requests, 'request')}"
        if kept.fine:
            say(f"Everything fits: {counted}, none changed or missing.")
            say(f"Its head is event {events}, {link}. Kept elsewhere, this proves all that went before.")
        else:
            say(f"The ledger fits itself ({counted}), and NOT the signed heads: it may have been written anew.")
        for line in in_words(kept):
            say(line)
        if not current:
            say("What falls due next was not compared: nothing was swept yet with this program and policy.")
            say("The next sweep works it out anew.")
    if findings:
        first = findings[0]
        place = f"request {first.request}: " if first.request else ""
        more = [f"  and {number(len(findings) - 1, 'more finding')} (--json lists all)"] if findings[1:] else []
        raise needs_person(f"the ledger does not fit: {place}{first.what}", *more, *unfit(kept).lines)
    if not kept.fine:
        raise unfit(kept)
