"""What is shown while requests are worked on: plain lines, or on a terminal one live line per request."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from desk.speaking import colours, harmless, make_console, tell, width
from flows.words import ACTIONS, STATES
from timeline.steps import about

if TYPE_CHECKING:
    from flows.acting import Done
    from flows.sweeping import Progress

MOST_LIVE = 20
"""More requests than this do not fit on a screen: they are told in plain lines."""

LAPSED = "LAPSED"
"""What became of a hold with nothing in its place."""


def became(done: Done) -> str:
    """An act and what became of it."""
    action, _, what = done.action.partition(" ")
    doing = f"tell a person of {about(what)}" if what else ACTIONS.get(action, action)
    if not done.failed:
        state, comma, rest = done.result.partition(",")
        return f"{doing}: {STATES.get(state, state)}{comma}{rest}"
    if done.by_hand:
        return f"{doing} by hand: {done.failed}"
    if done.result == LAPSED:
        return f"LAPSED: {done.failed}"
    return f"{doing}: FAILED, {done.failed if done.result in done.failed else f'{done.result}: {done.failed}'}"


def plain(out: Callable[[str], None], *, reasons: bool) -> Progress:
    """One line for each act, and with `reasons` a second one that says why it was due."""

    def line(done: Done) -> None:
        why = f"\n    because {done.because}" if reasons else ""
        out(f"{done.request}  {done.provider}  {became(done)}{why}")

    return line


@contextmanager
def following(requests: Sequence[tuple[str, str]], out: Callable[[str], None]) -> Iterator[Progress]:
    """What to call with each act on these requests (id, provider).

    On a terminal, a line per request that changes as the acts are done; else, or where standard output is for a
    JSON document (`out` is `tell`), plain lines.
    """
    if out is tell or not colours() or not 0 < len(requests) <= MOST_LIVE:
        yield plain(out, reasons=False)
        return
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    acts: dict[str, list[str]] = {request: [] for request, _ in requests}
    lock = threading.Lock()

    def lines() -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for request, provider in requests:
            said = harmless("; ".join(acts[request]) or "waiting for the provider …")
            table.add_row(Text(request, no_wrap=True), Text(provider), Text(said))
        return table

    console = make_console(sys.stdout, width(), coloured=True)
    with Live(lines(), console=console, auto_refresh=False, redirect_stdout=False) as live:

        def follow(done: Done) -> None:
            with lock:
                acts.setdefault(done.request, []).append(became(done))
                live.update(lines(), refresh=True)

        yield follow
