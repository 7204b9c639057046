"""`holdfast follow`: a further provider that an answer named becomes a request of its own, in one step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.endings import wrong
from desk.speaking import say, say_json
from desk.typed import DAY, INSTANT, REQUEST, as_json, opened

if TYPE_CHECKING:
    from flows.identifiers import Identifier
    from flows.office import Office


@click.command()
@click.argument("request", type=REQUEST)
@click.option("--provider", default="", metavar="ID", help="The provider that the answer named.")
@click.option("--state", default="", metavar="XX", help="The State that is asked, by its code.")
@click.option("--instrument", default="", metavar="ID", help="The legal basis; the first request's, if left out.")
@click.option(
    "--identifiers-file",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="CSV with type,value and perhaps from,to,zone; - reads standard input.",
)
@click.option(
    "--identifier",
    "typed",
    multiple=True,
    metavar="TYPE=VALUE",
    help="One identifier. It stays in the shell's history: better --identifiers-file -.",
)
@click.option(
    "--category", "categories", multiple=True, metavar="CATEGORY", help="Which data; as before, if left out."
)
@click.option("--from", "period_from", type=INSTANT, metavar="INSTANT", help="The period, if not the first one's.")
@click.option("--to", "period_to", type=INSTANT, metavar="INSTANT", help="Its end.")
@click.option("--mla-on", type=DAY, metavar="DAY", help="When the MLA request to another State is to leave.")
@click.option("--made-on", type=DAY, metavar="DAY", help="The day on the order, where the law counts from it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a case file (.toml) to look at and to preserve later; send nothing.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: accept warnings (never a provider that tells its user).")
@as_json
def follow(
    request: str,
    *,
    file: Path | None,
    typed: tuple[str, ...],
    output: Path | None,
    yes: bool,
    as_json: bool,
    mla_on: date | timedelta | None,
    made_on: date | timedelta | None,
    **asked: Any,
) -> None:
    """Ask a further provider, or another State, that an answer named.

    Under article 30 of the Budapest Convention a State names the further provider that it finds; other answers do
    too. The case is taken from the first request; the identifiers are new, usually an IP address and a time. It is
    registered and sent like `preserve`, and the first request's record names it.

    An identifier on the command line ends in the shell's history. A file or standard input does not:

    Example:  holdfast follow HF-XXXXXXXXXXXX --provider ovh --identifiers-file - --yes < named.csv
              holdfast follow HF-XXXXXXXXXXXX --state FR --mla-on 2026-12-20 --identifiers-file named.csv

    Exit status:  0 sent, or the case file written
                  1 sent, but something needs a person
                  2 the input is wrong, or somebody must accept something: nothing was registered or sent
                  3 registered, but it could not be sent now: the next sweep does
    """
    from flows import further
    from flows.office import open_catalogue
    from flows.settings import load

    settings = load()
    today = settings.now().date()
    for name, day in (("mla_on", mla_on), ("made_on", made_on)):
        asked[name] = today - day if isinstance(day, timedelta) else day
    with opened() as office:
        identifiers = _identifiers(file, typed, now=office.now())
        asked["state"] = asked["state"].upper()
        content = further.compose(office, request, further.Further(identifiers=identifiers, **asked))
        read = further.check(office, request, content)
        if output is not None:
            _refuse_old(output)
            further.written_out(office, request)  # before the first byte is out
            _write(content, output)
            _written(output, request, as_json=as_json)
            return

    def registered(office: Office, children: Sequence[str]) -> None:
        further.note(office, request, children)

    from desk.preserving import issue

    issue(settings, open_catalogue(settings), read, yes=yes, as_json=as_json, registered=registered)


def _identifiers(file: Path | None, typed: Sequence[str], *, now: datetime) -> tuple[Identifier, ...]:
    """The identifiers of the file and of the command line, all mistakes at once.

    Raises:
        CaseErrors: one cannot be used; no message quotes a value.
        Ending: the file cannot be read.
    """
    from flows.documents import label
    from flows.entries import Spot, Written, merge, read_identifier
    from flows.identifiers_file import LARGEST, read_identifiers, read_identifiers_file
    from flows.instants import Unfit
    from flows.intake import CaseErrors
    from flows.problems import Problems

    def spot(where: str) -> Spot:
        return Spot(where=where, key=lambda _: where)

    problems = Problems("standard input" if file is None or str(file) == "-" else label(file))
    found: list[Identifier] = []
    try:
        if file is not None and str(file) == "-":
            stream = BytesIO(sys.stdin.buffer.read(LARGEST))
            found += read_identifiers(stream, problems.file, now=now, problems=problems)
        elif file is not None:
            found += read_identifiers_file(file, now=now, problems=problems)
    except Unfit as unfit:
        raise wrong(f"--identifiers-file {problems.file}: {unfit.problem}", f"  {unfit.fix}") from None
    for number, each in enumerate(typed, 1):
        kind, equals, value = each.partition("=")
        where = f"--identifier number {number}"
        if not equals:
            raise wrong(f"{where}: expected TYPE=VALUE, such as email=…")
        identifier = read_identifier(Written(type=kind, value=value), spot(where), now=now, problems=problems)
        found += [identifier] if identifier else []
    merged = merge(found, problems)
    if problems.errors:
        raise CaseErrors(problems.listed())
    return merged


def _refuse_old(output: Path) -> None:
    """End here, before anything is taken out, where the file cannot be written."""
    if output.suffix != ".toml":
        raise wrong(f"{output}: name it .toml: nothing was written")
    if output.exists() or output.is_symlink():
        raise wrong(f"{output} is there already: nothing was written")
    if not output.parent.is_dir():
        raise wrong(f"{output.parent} is no folder: nothing was written")


def _write(content: Mapping[str, Any], output: Path) -> None:
    """Write the case file, for this user's eyes only; never over another one."""
    import tomli_w

    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            tomli_w.dump(content, file)
    except FileExistsError:
        raise wrong(f"{output} is there already: nothing was written") from None
    except OSError as error:
        raise wrong(f"{output}: cannot be written: {error.strerror or error}") from None


def _written(output: Path, request: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"follows": request, "case_file": str(output)})
    else:
        say(f"Written to {output}, which names accounts. Look at it, then:")
        say(f"    holdfast preserve {output}")
