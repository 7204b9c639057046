"""`holdfast demo`: the whole story in under a minute, on real processes and a simulated clock.

Three requests of one case go to three played providers over real HTTP, through real Prefect flows, with things
going wrong on purpose. It ends with the sandbox's own account, compared with the ledger's.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from desk import channels
from desk.board_page import board_page
from desk.endings import wrong
from desk.plan_page import plan_page
from desk.stage import Stage
from desk.story import BEGINS, SOCIAL, Story, script
from flows import intake, planning, settings, sweeping
from flows.chronicle import told
from flows.office import Office, office

DAYS = 200
CASE = Path(__file__).resolve().parent.parent / "examples" / "case.toml"


def main(keep: Path | None = None, *, desk: bool = False) -> int:
    """Run the demonstration; 0 if the sandbox's account equals the ledger's and the record verifies, else 1.

    Args:
        keep: a new folder to leave the ledger in, to look at afterwards; else everything is removed.
        desk: open the contact team's desk in a browser instead, until Ctrl-C.

    Raises:
        Ending: there is something in that folder already.
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise wrong(f"--keep {keep}: expected a new or an empty folder; name another one")
    with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if desk:
            from desk.showroom import open_desk

            return open_desk(folder, kept=keep is not None)
        with Stage(folder, os.environ.get("PREFECT_API_URL", "")) as stage:
            return _play(stage, Console(highlight=False, width=100 if not os.isatty(1) else None))


def _play(stage: Stage, console: Console) -> int:
    began = time.monotonic()
    os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
    logging.getLogger("prefect").setLevel(logging.CRITICAL)
    _title(console, "1. The plan: nothing is sent yet", "holdfast plan examples/case.toml")
    stage.at(BEGINS)
    with office(settings.load(), create=True, sandbox=True) as unit:
        case, drafts, problems = intake.read(CASE, unit.catalogue, at=BEGINS)
        plan = planning.plan_case(case, drafts, unit.policy, at=BEGINS, problems=problems)
        console.print(*plan_page(plan, [draft.terms.provider.zone for draft in drafts], console.width), sep="\n")
        ids = intake.register(unit, case, drafts)
    flows_run = stage.wait_for_prefect()
    under = f"Prefect: {stage.prefect_api}" if flows_run else "Prefect did not come up: working directly"
    _title(console, f"2. {DAYS} days, with things going wrong on purpose", under)
    requests = {draft.request.provider: request for draft, request in zip(drafts, ids, strict=True)}
    story = Story(stage, console, requests, flows_run=flows_run, scenes=script())
    story.issue()
    story.live(BEGINS + timedelta(days=DAYS))
    runs = (
        f"{story.runs} flow runs in Prefect, {story.failed} of them Failed as they should"
        if flows_run
        else "no Prefect"
    )
    story.say(f"{runs}; {story.seen} events in the ledger.", "bold")
    return _end(story, began)


def _title(console: Console, title: str, under: str = "") -> None:
    console.print()
    console.rule(Text(title, style="bold"), align="left", characters="─")
    if under:
        console.print(Text(under, style="dim"))


def _end(story: Story, began: float) -> int:
    console = story.console
    with story.open() as unit:
        _title(console, "3. The board at the end", "holdfast board")
        console.print(*board_page(planning.board(unit), story.now, shown=None), sep="\n")
        request = story.ids[SOCIAL]
        _title(console, "4. The history of one request", f"holdfast show {request}")
        for event in planning.show(unit, request, at=story.now)["events"]:
            console.print(Text(f"{event['at'][:16].replace('T', ' ')}  ", style="dim") + Text(told(event)))
        _title(console, "5. Does the record hold?", "holdfast verify")
        findings = unit.ledger.verify(sweeping.provable(unit))
        fits = f"All {story.seen} events fit, and every state follows from them."
        console.print(fits if not findings else Text(findings[0].what, style="bold red"))
        _title(console, "6. The sandbox's own account, compared with the ledger's")
        equal = _compare(story, unit)
    _title(console, "7. One case to six providers, over six channels", "examples/channels/case.toml")
    kept = channels.play(story.stage, console)
    console.print()
    good = equal and kept and not findings
    result = "All equal, and all kept." if good else "NOT EQUAL, or not kept."
    console.print(Text(f"{result} {time.monotonic() - began:.0f} s.", style="bold green" if good else "bold red"))
    return 0 if good else 1


def _compare(story: Story, unit: Office) -> bool:
    """Whether provider and ledger agree: each act once, and the same references."""
    account = story.stage.account(story.now)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("provider", "", "at the provider", "in the ledger", ""):
        table.add_column(name)
    equal = True

    def row(provider: str, what: str, theirs: str, ours: str) -> None:
        nonlocal equal
        equal &= theirs == ours
        table.add_row(provider, what, theirs, ours, "✓" if theirs == ours else Text("✗", style="bold red"))

    for provider, request in story.ids.items():
        told_us, hold = account[provider], unit.hold(request)
        effects = {(each["action"], each["sequence"]): each["count"] for each in told_us["effects"]}
        acts = {key: 1 for key, act in hold.acts.items() if act.outcome == "sent"}
        for key in sorted(effects.keys() | acts.keys(), key=lambda key: (key[0] != "send", key)):
            row(provider, f"{key[0]} {key[1]}", _times(effects.get(key, 0)), _times(acts.get(key, 0)))
        theirs = sorted({reference for one in told_us["preservations"] for reference in one["references"]})
        row(provider, "references", ", ".join(theirs), ", ".join(sorted(hold.references)))
    story.console.print(table)
    return equal


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
