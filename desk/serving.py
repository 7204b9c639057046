"""`holdfast serve`: the forms of the contact team in the Prefect UI, and what carries them out."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import click

from desk.endings import DONE, LATER, later, wrong
from desk.speaking import say, tell

if TYPE_CHECKING:
    from flows.serving.server import OwnServer
    from flows.settings import Settings

PATIENCE = {"PREFECT_API_REQUEST_TIMEOUT": "20", "PREFECT_CLIENT_MAX_RETRIES": "2"}
"""Of Prefect's client, where the environment does not say: people's runs may wait for a busy server."""


@click.command()
@click.option(
    "--server", is_flag=True, help="Start a Prefect server of its own on this machine, and end it at the end."
)
@click.option("--rebuild", is_flag=True, help="Put every page back from the record first.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="So many of people's forms at a time; 3 if left out. What preserves data has places of its own.",
)
@click.option("--register-only", is_flag=True, help="Bring the forms to the server, and end.")
def serve(server: bool, rebuild: bool, limit: int | None, register_only: bool) -> int:
    """Serve the contact team's forms in the Prefect UI, and carry out what is asked for there, until stopped.

    The Prefect server is that of PREFECT_API_URL, or with --server one of its own, on 127.0.0.1. The record stays in
    the ledger: the pages only show it, and --rebuild makes them anew.

    Example:  holdfast serve --server
              holdfast serve --rebuild

    Exit status:  0 stopped (Ctrl-C, SIGTERM); what was in hand is finished
                  2 a setting is wrong: which, and what to write instead
                  3 the server or the ledger cannot be used now, or an act in hand did not end
    """
    from flows.prefect_api import prepare
    from flows.settings import load
    from flows.watch import stop_on_signals

    settings = load()
    if settings.simulated:
        raise wrong(
            "HOLDFAST_CLOCK: a simulated clock does not move, so nothing can be served on time; unset it",
        )
    if not server and not settings.prefect_api:
        raise wrong(
            "PREFECT_API_URL is not set: set it to the address of your Prefect server, such as "
            "http://127.0.0.1:4200/api, or let one be started with `holdfast serve --server`"
        )
    own = _own(settings) if server else None
    stop = stop_on_signals(threading.Event())
    try:
        if own:
            own.start()
            os.environ["PREFECT_API_URL"] = own.api
            if password := settings.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
                os.environ.setdefault("PREFECT_API_AUTH_STRING", password)
            settings = load()
        os.environ.setdefault("PREFECT_HOME", str(settings.home / "prefect"))
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        prepare(settings.environ)
        return _serve(settings, own, stop, rebuild=rebuild, limit=limit, register_only=register_only)
    finally:
        if own:
            own.stop()


def _own(settings: Settings) -> OwnServer:
    from flows.serving.server import OwnServer

    return OwnServer(settings)


def _serve(
    settings: Settings,
    own: OwnServer | None,
    stop: threading.Event,
    *,
    rebuild: bool,
    limit: int | None,
    register_only: bool,
) -> int:
    """Wait for the server, say what is served and where, and serve."""
    from flows.deployments import QUEUES, SERVED
    from flows.serving.server import ServerFailed
    from flows.serving.service import serve as begin  # imports Prefect, while a server of our own starts

    def told(text: str) -> None:
        tell(f"{settings.now():%Y-%m-%d %H:%M:%S}Z {text}")

    if own:
        try:
            own.wait()
        except ServerFailed as error:
            raise later(str(error)) from None

    def lost() -> None:
        if own and not stop.is_set() and own.ensure():
            told("the Prefect server had ended; it is started again")

    def leave(status: int) -> None:
        if own:
            own.stop()
        sys.stderr.flush()
        os._exit(status)

    pages = settings.prefect_api.removesuffix("/api")
    if not register_only:
        say(f"Open {pages}/deployments")
        for queue in QUEUES:
            say(f"  {', '.join(each.name for each in SERVED if each.queue == queue)}")
        say("Ctrl-C stops: what is in hand is finished first.")
        sys.stdout.flush()
    done = begin(
        settings,
        stop=stop,
        say=told,
        rebuild=rebuild,
        only_register=register_only,
        limit=limit,
        lost=lost,
        leave=leave,
    )
    if not register_only:
        told("stopped")
    return DONE if done else LATER
