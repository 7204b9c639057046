"""A unit whose commands tests type: a home, a configuration of its own, a sandbox provider, a simulated clock."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from desk.cli import holdfast

MORNING = "2026-11-21T09:00:00Z"
CANARY = "canary.account@example.com"
COMMAND = [sys.executable, "-c", "from desk.cli import main; main()"]

PROVIDER = """
id = "{id}"
name = "{id}"
zone = "UTC"
state = ""
[[entity]]
name = "{id}"
for = ["world"]
{source}
[[channel]]
kind = "portal"
{source}
[notice]
notifies_on_preservation = {notifies}
{source}
[adapter]
kind = "manual"
"""
SOURCE = 'source = "a test"\nread_on = 2026-11-21\nconfidence = "high"\nverified = true'


class Unit:
    """One unit at its terminal."""

    def __init__(self, folder: Path, sandbox_url: str) -> None:
        self.folder = folder
        own = folder / "config" / "providers"
        own.mkdir(parents=True)
        for name, notifies in (("byhand", "false"), ("maytell", '"unknown"'), ("tells", "true")):
            (own / f"{name}.toml").write_text(PROVIDER.format(id=name, notifies=notifies, source=SOURCE))
        self.environ = {
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CONFIG": str(folder / "config"),
            "HOLDFAST_CLOCK": MORNING,
            "HOLDFAST_SANDBOX_URL": sandbox_url,
            "HOLDFAST_LEDGER": "",
            "HOLDFAST_DEBUG": "",
            "PREFECT_API_URL": "",
            "COLUMNS": "100",
        }
        self.seen: list[str] = []

    def __call__(self, *words: str, input: str | None = None, **environ: str) -> Result:  # noqa: A002
        """Type a command; standard input is no terminal."""
        result = CliRunner().invoke(holdfast, words, input=input, env=self.environ | environ)
        assert isinstance(result.exception, SystemExit | None), result.exception
        self.seen += [result.stdout, result.stderr]
        return result

    def json(self, *words: str, status: int = 0) -> Any:
        """Type a command with --json; gives the one document."""
        result = self(*words, "--json")
        assert result.exit_code == status, result.stderr
        return json.loads(result.stdout)

    def process(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the real command in a process of its own."""
        return subprocess.run(
            [*COMMAND, *words],
            env=os.environ | self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def terminal(
        self, steps: Sequence[tuple[str, str | signal.Signals]], *words: str, **environ: str
    ) -> tuple[int, str]:
        """Run it on a terminal: at each text that appears, type the answer or send the signal."""
        environment = os.environ | self.environ | {"TERM": "xterm", "NO_COLOR": ""} | environ
        pid, terminal = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests may run in the background, where it is ignored
            os.execve(COMMAND[0], [*COMMAND, *words], environment)  # noqa: S606 - our own interpreter
        shown, at, left, end = "", 0, list(steps), time.monotonic() + 20
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.05)[0]:
                try:
                    shown += os.read(terminal, 65536).decode(errors="replace")
                except OSError:  # the other side is gone
                    break
            while left and (found := shown.find(left[0][0], at)) >= 0:
                at = found + len(left[0][0])
                _, answer = left.pop(0)
                if isinstance(answer, str):
                    os.write(terminal, answer.encode())
                else:
                    time.sleep(0.3)  # as a person would: Python misses a signal just before it waits for a line
                    os.kill(pid, answer)
        else:
            os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert not left, f"never shown: {left[0][0]!r} in {shown!r}"
        self.seen.append(shown)
        return status, shown

    def case(self, *requests: dict[str, Any], name: str = "case.json", **case: Any) -> str:
        """Write a case file with these requests; what they leave out is filled in. Gives its path."""
        whole = {"case": CASE | case, "request": [REQUEST | each for each in requests or ({},)]}
        path = self.folder / name
        path.write_text(json.dumps(whole))
        return str(path)

    def preserve(self, *requests: dict[str, Any], status: int | None = None, **case: Any) -> list[str]:
        """Preserve a case in the sandbox; gives the request ids."""
        result = self("preserve", self.case(*requests, **case), "--sandbox", "--yes", "--json")
        assert status is None or result.exit_code == status, result.stderr
        return [each["request"] for each in json.loads(result.stdout)["requests"]]


CASE: dict[str, Any] = {
    "reference": "CY-2026-0412",
    "unit": "Cybercrime Unit, Example Police",
    "country": "US",
    "offence": {"title": "Fraud", "provisions": ["18 USC 1343"], "facts": "Invoices were diverted."},
    "officer": {
        "name": "Duty officer",
        "badge": "EP-1042",
        "email": "duty.officer@police.example.com",
        "phone": "+12025550100",
    },
    "mla": {"requested_state": "US", "send_on": "2026-12-01", "profile": "unodc"},
}
REQUEST: dict[str, Any] = {
    "provider": "sandbox",
    "instrument": "us.18usc2703f",
    "categories": ["subscriber", "traffic", "content"],
    "from": "2026-09-01T00:00:00Z",
    "to": "2026-11-20T00:00:00Z",
    "identifiers": [{"type": "email", "value": CANARY}],
}
REACHES: dict[str, Any] = {"requested_state": "US", "sent_on": "2026-11-20", "reference": "MLA/1", "profile": "short"}
"""An MLA request that a profile of the tests answers within the first hold."""

SHORT_PROFILE = f"[profile.short]\np50_days = 30\np90_days = 60\n{SOURCE}\n"
