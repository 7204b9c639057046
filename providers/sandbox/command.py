"""The sandbox as a process of its own."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from providers.sandbox.faults import FAULTS
from providers.sandbox.server import serve


def main(argv: Sequence[str]) -> int:
    """Run the sandbox as the arguments say; 0 when it stopped, 2 when an argument is wrong, 3 if its port is taken.

    It prints its address on standard output, one line, when it answers. It stops when its standard input
    closes (so it never outlives who started it), after ``--for`` seconds, or on SIGINT or SIGTERM.
    """
    parser = _parser()
    said = parser.parse_args(argv)
    single, by_provider = _faults(parser, said.fault)
    settings: dict[str, Any] = {
        "honours_keys": said.honours_keys,
        "retry_after": said.retry_after,
        "hold_days": said.hold_days,
        "extension_days": said.extension_days,
        "extensions": said.extensions,
    }
    try:
        run(
            host=said.host,
            port=said.port,
            seed=said.seed,
            hostility=said.hostility,
            faults=single,
            by_provider=by_provider,
            stall=said.stall,
            state_file=said.state_file,
            seconds=said.seconds,
            hi1=said.hi1,
            mail=said.mail,
            **settings,
        )
    except ValueError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"sandbox: {said.host}:{said.port} cannot be used: {error.strerror}\n")
        return 3
    return 0


def run(
    *,
    by_provider: Mapping[str, Mapping[str, float]] | None = None,
    seconds: float | None = None,
    hi1: bool = False,
    mail: bool = False,
    **options: Any,
) -> None:
    """Serve until standard input closes, `seconds` have passed, or a signal comes. Options are those of `serve`.

    With `hi1` and `mail` a provider of ETSI TS 103 120 and one that is reached by mail are played too; the variables
    that a client needs follow the address. With `seconds`, an input that is not a pipe is not watched: a process
    started in the background has none. Raises what `serve` raises.
    """
    stop = threading.Event()
    with serve(**options) as sandbox, _others(hi1=hi1, mail=mail, **options) as environ:
        for provider, faults in (by_provider or {}).items():
            sandbox.control("faults", {"provider": provider, "faults": faults})
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
        sys.stdout.write(sandbox.url + "\n")
        for name, value in environ.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        if seconds is None or _is_pipe():
            threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
        stop.wait(seconds)


@contextmanager
def _others(*, hi1: bool, mail: bool, seed: int = 1, hostility: float = 0.0, **_: Any) -> Iterator[Mapping[str, str]]:
    """The played providers of other protocols; gives the variables by which their files find them."""
    environ: dict[str, str] = {}
    with ExitStack() as running:
        if hi1:
            from providers.sandbox.certificates import throwaway  # noqa: PLC0415 - XML and mail are rarely needed
            from providers.sandbox.hi1 import Hi1Responder  # noqa: PLC0415

            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-hi1-"))
            certificates = throwaway(Path(folder))
            responder = running.enter_context(Hi1Responder(certificates, seed=seed, hostility=hostility))
            environ |= certificates.environ(responder.url)
        if mail:
            from providers.sandbox.mail_servers import MailSandbox  # noqa: PLC0415

            environ |= running.enter_context(MailSandbox()).environ()
        yield environ


def _is_pipe() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    # os.read, not sys.stdin: a thread that holds its lock at the end aborts the interpreter.
    try:
        while os.read(0, 65536):
            pass
    except OSError:
        pass
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="holdfast sandbox",
        description="A provider on this machine, hostile as real ones are.",
        epilog="Faults: " + "; ".join(f"{name}: {what}" for name, what in FAULTS.items()) + ".",
    )
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed does the same wrong (default: 1)")
    parser.add_argument(
        "--hostility", type=float, default=0.05, metavar="RATE", help="0 to 1, of every fault (default: 0.05)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="[PROVIDER:]NAME=RATE",
        help="one fault, of every provider or of one; may be given again",
    )
    parser.add_argument(
        "--honours-keys",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether a message sent twice with one key has one effect (default: yes)",
    )
    parser.add_argument("--retry-after", type=int, default=1, metavar="SECONDS", help="with 429 and 503 (default: 1)")
    parser.add_argument(
        "--stall", type=float, default=2.0, metavar="SECONDS", help="of stall-after-effect (default: 2)"
    )
    parser.add_argument("--hold-days", type=int, default=90, metavar="DAYS", help="of a first hold (default: 90)")
    parser.add_argument(
        "--extension-days", type=int, default=90, metavar="DAYS", help="where no end is asked (default: 90)"
    )
    parser.add_argument(
        "--extensions", type=int, default=None, metavar="N", help="how many it grants (default: any number)"
    )
    parser.add_argument("--state-file", type=Path, default=None, metavar="FILE", help="remembers across starts")
    parser.add_argument("--hi1", action="store_true", help="also play a provider of ETSI TS 103 120")
    parser.add_argument("--mail", action="store_true", help="also play one reached by mail, with a mailbox for you")
    parser.add_argument(
        "--for", dest="seconds", type=float, default=None, metavar="SECONDS", help="stop after so long"
    )
    return parser


def _faults(
    parser: argparse.ArgumentParser, given: Sequence[str]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    single: dict[str, float] = {}
    by_provider: dict[str, dict[str, float]] = {}
    for text in given:
        place, _, rate = text.partition("=")
        provider, colon, name = place.rpartition(":")
        try:
            number = float(rate)
        except ValueError:
            parser.error(f"--fault {text}: expected NAME=RATE, such as drop-after-effect=0.02")
        if name not in FAULTS:
            parser.error(f"--fault {text}: there is no fault {name!r}; one of {', '.join(FAULTS)}")
        (by_provider.setdefault(provider, {}) if colon else single)[name] = number
    return single, by_provider
