"""The demonstration, as somebody who has just cloned the project runs it."""

from __future__ import annotations

import base64
import os
import quopri
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CASE, CHANNELS = EXAMPLES / "case.toml", EXAMPLES / "channels" / "case.toml"
VALUES = (
    *(b"invoices@example.com", b"accounts.payable@example.net", b"example_invoices"),
    *(b"ransom.desk@example", b"negotiator@example.net", b"quiet_harbour", b"quiet-harbour"),
)

pytestmark = pytest.mark.xdist_group("on a clock")  # one after the other: real time counts in these


def written(value: bytes) -> list[bytes]:
    """A value as it may stand somewhere: plain, URL-encoded, quoted-printable, in hex, in base 64 at any offset."""
    whole = [base64.b64encode(b"\0" * shift + value)[4 if shift else 0 : -4] for shift in range(3)]
    quoted = [
        urllib.parse.quote(value, safe="").encode(),
        quopri.encodestring(value, quotetabs=True),
        value.hex().encode(),
    ]
    return [value, *quoted, *whole, *(each.replace(b"+", b"-").replace(b"/", b"_") for each in whole)]


@pytest.mark.prefect
def test_the_demo_ends_with_the_providers_account_equal_to_the_ledgers(tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "PREFECT_"))}
    command = [sys.executable, "-c", "from desk.cli import main; main()", "demo", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = done.stdout
    for moment in (
        "nobody knows whether it arrived",  # the connection broke after the effect
        "extension 1 REFUSED",
        "(level 3)",  # the ladder was climbed
        "the production was announced",
        "extension 1 confirmed",
        "release done",
        "every state follows from them",
        "sending done over rest",
        "sending done over hi1",
        "sending done over e-mail",
        "a person submits the request by portal",
        "article-29.txt",  # what goes to the 24/7 contact point
        "sending done over memory",
        "the provider asks for clarification",
        "answer to the clarification done over hi1",
        "announcement of the production done over hi1",
        "All equal, and all kept.",
    ):
        assert moment in told, moment
    assert "✗" not in told
    assert "flow runs in Prefect" in told, "the demonstration ran without Prefect"
    # The identifiers of the example are nowhere but in the sealed store: not in what was said, not at Prefect.
    kept = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert any(path.name.startswith("prefect.db") for path in kept)
    for value in VALUES:
        assert value.decode() in CASE.read_text() + CHANNELS.read_text()
        assert value.decode() not in told + done.stderr
        assert [path for path in kept if any(each in path.read_bytes() for each in written(value))] == []
