"""The real command in a process of its own: how fast it starts, how it ends, what it lets out."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from desk_support import CANARY, COMMAND, REACHES, Unit

HEAVY = (
    "rich",
    "requests",
    "yaml",
    "cryptography",
    "prefect",
    "apscheduler",
    "tenacity",
    "flows.office",
    "providers",
    "ledger",
)

pytestmark = pytest.mark.xdist_group("on a clock")  # one after the other: real time counts in these


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom desk.cli import holdfast\n"
        "try:\n    holdfast.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "preserve" in done.stdout
    assert done.stderr.strip() == "[]"


def test_help_loads_nothing_that_takes_time() -> None:
    code = (
        "import sys\nfrom desk.cli import main\nsys.argv[1:] = ['--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "usage" in told.stdout.lower()
    heavy = {"prefect", "timeline", "ledger", "providers", "requests", "cryptography", "pydantic", "lxml", "sqlite3"}
    assert not heavy & set(told.stderr.split())


def test_no_command_imports_prefect_where_none_is_there(unit: Unit) -> None:
    code = (
        "import sys\nfrom desk.cli import holdfast\n"
        "try:\n    holdfast.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('prefect' in sys.modules, file=sys.stderr)"
    )
    case = unit.case(mla=REACHES)
    for words in (["preserve", case, "--sandbox", "--yes"], ["sweep"], ["board"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=os.environ | unit.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.splitlines()[-1] == "False", words


def test_statuses_and_streams_are_those_of_the_process(unit: Unit) -> None:
    done = unit.process("plan", unit.case())
    assert done.returncode == 1
    assert done.stdout.startswith("Case CY-2026-0412")
    assert done.stderr.startswith("holdfast: needs a person")
    wrong = unit.process("plan", "nowhere.toml")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_a_closed_pipe_is_quiet(unit: Unit) -> None:
    writing = subprocess.Popen(
        [*COMMAND, "plan", unit.case({}, {"provider": "byhand"}, mla=REACHES)],
        env=os.environ | unit.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writing.stdout
    assert writing.stderr
    writing.stdout.close()
    assert writing.stderr.read() == b""
    writing.stderr.close()
    assert writing.wait(20) == 0


def test_work_goes_on_when_nobody_reads_any_more(unit: Unit) -> None:
    sending = subprocess.Popen(
        [*COMMAND, "preserve", unit.case(mla=REACHES), "--sandbox", "--yes"],
        env=os.environ | unit.environ,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert sending.stdout
    sending.stdout.close()
    assert sending.wait(20) == 0
    (row,) = unit.json("board")
    assert row["state"] == "in-force"


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_an_output_that_is_closed_from_the_start_is_no_fault(unit: Unit, closed: str) -> None:
    (request,) = unit.preserve(mla=REACHES)
    words = shlex.join([*COMMAND, "release", request, "--because", "not needed"])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} {closed}"],
        env=os.environ | unit.environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert unit.json("show", request)["state"] == "released"


def test_a_watch_sweeps_and_stops_when_it_is_told_to(unit: Unit) -> None:
    unit.environ["HOLDFAST_CLOCK"] = ""
    assert unit("preserve", unit.case({"provider": "byhand"}, mla=REACHES), "--yes").exit_code == 1
    watching = subprocess.Popen(
        [*COMMAND, "watch"], env=os.environ | unit.environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watching.stderr
    assert "watching: a sweep every" in watching.stderr.readline()
    for _ in range(100):
        if unit("watch", "--check").exit_code == 0:
            break
        time.sleep(0.05)
    watching.terminate()
    out, _ = watching.communicate(timeout=20)
    assert (watching.returncode, out) == (0, "")
    assert unit("watch", "--check").exit_code == 0
    assert unit("watch", "--json").exit_code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_not_passed_over(unit: Unit) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "plan", unit.case(mla=REACHES)],
            env=os.environ | unit.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "standard output could not be written to: No space left on device" in done.stderr


def test_with_an_ascii_terminal_the_picture_is_still_one(unit: Unit) -> None:
    done = unit.process("plan", unit.case(), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "####" in done.stdout
    assert "====" in done.stdout
    assert done.stdout.isascii()


def test_on_a_terminal_there_are_colours_unless_they_are_unwanted(unit: Unit) -> None:
    case = unit.case()
    assert "\x1b[1;31m" in unit.terminal([], "plan", case)[1]
    plain = unit.terminal([], "plan", case, NO_COLOR="1")[1]
    assert "\x1b[" not in plain
    assert "Does NOT reach the MLA answer" in plain


def test_no_command_ever_prints_an_identifier(unit: Unit) -> None:
    """Every command, with and without --json, well and badly ended; the case names canaries of several types."""
    accounts = [
        {"type": "email", "value": CANARY},
        {"type": "username", "value": "canary_username"},
        {"type": "phone", "value": "+12025550147"},
        {"type": "url", "value": "https://canary.example.com/profile"},
    ]
    ids = unit.preserve({"identifiers": accounts}, {"identifiers": accounts, "provider": "byhand"})
    request = ids[0]
    case = unit.case({"identifiers": accounts, "provider": "tells"})
    for words in (
        ["plan", case],
        ["preserve", case, "--sandbox", "--yes"],
        ["preserve", unit.case({"identifiers": accounts}), "--sandbox", "--yes"],
        ["board"],
        ["show", request],
        ["show", ids[1], "--all"],
        ["sweep"],
        ["record", "item-not-found", request, "--item", "i1"],
        ["record", "item-not-found", request, "--item", CANARY],
        ["record", "acknowledged", request, "--reference", "REF-1"],
        ["release", request, "--because", "closed"],
        ["verify"],
        ["watch", "--check"],
    ):
        unit(*words)
        unit(*words, "--json")
    bad = [{"type": each["type"], "value": f" {each['value']}\x00"} for each in accounts]
    unit("plan", unit.case({"identifiers": bad}, name="bad.json"))
    unit("plan", unit.case({"identifiers": [{"mail": CANARY}], CANARY: "x"}, name="worse.json"))
    everything = "\n".join(unit.seen)
    for account in accounts:
        assert account["value"] not in everything
    assert "canary_username" not in everything
    assert len(everything) > 20_000, "these commands print much more than this"


def test_the_same_case_preserved_four_times_at_once_is_registered_once(unit: Unit) -> None:
    case = unit.case({"provider": "sandbox-portal"}, {"provider": "byhand"})
    sending = [
        subprocess.Popen(
            [*COMMAND, "preserve", case, "--sandbox", "--yes", "--json"],
            env=os.environ | unit.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [each.communicate(timeout=60) for each in sending]
    registered = [out for out, _ in said if out]
    assert len(registered) == 1, [error for _, error in said]
    assert len(unit.json("board")) == 2
    refused = [error for out, error in said if not out]
    assert all("registered already" in error for error in refused), refused


def test_the_sandbox_plays_every_protocol_and_says_how_it_is_reached(unit: Unit) -> None:
    playing = subprocess.Popen(
        [*COMMAND, "sandbox", "--hostility", "0", "--hi1", "--mail"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert playing.stdin is not None
    assert playing.stdout is not None
    try:
        environ = {"HOLDFAST_SANDBOX_URL": playing.stdout.readline().strip()}
        while "HOLDFAST_IMAP_PASSWORD" not in environ:
            name, _, value = playing.stdout.readline().strip().removeprefix("export ").partition("=")
            assert value
            environ[name] = shlex.split(value)[0]
        european = {"provider": "sandbox-hi1", "instrument": "eu.epocpr", "validated_by": "Public prosecutor"}
        case = unit.case(european, {"provider": "sandbox-letter"}, {"provider": "sandbox"}, country="FR")
        sent = unit.process("preserve", case, "--sandbox", "--yes", "--json", **environ)
        states = {each["provider"]: each["state"] for each in json.loads(sent.stdout)["requests"]}
        assert states == {"sandbox-hi1": "in-force", "sandbox-letter": "sent", "sandbox": "in-force"}
    finally:
        playing.stdin.close()
        playing.wait(20)
    assert playing.returncode == 0
