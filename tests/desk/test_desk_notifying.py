"""`holdfast notify`: the channels of a level, tried before they are needed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from desk_support import Unit

LADDER = """
[[ladder]]
level = 1
who = "Duty officer"
acknowledge_within = "12 hours"
tell = ["drop", "apprise:duty"]
"""


def test_each_channel_is_tried_and_what_was_not_taken_needs_a_person(unit: Unit) -> None:
    (unit.folder / "config" / "policy.toml").write_text(LADDER)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = unit("notify", "1", HOLDFAST_NOTIFY_DUTY=f"json://127.0.0.1:{port}/token")
    assert result.exit_code == 1
    drop, apprise = result.stdout.splitlines()
    assert drop.split() == ["drop", "taken"]
    assert apprise.split(maxsplit=1) == ["apprise:duty", "NOT TAKEN: its address could not be reached"]
    assert result.stderr == "holdfast: needs a person: level 1 (Duty officer) was not told over apprise:duty\n"
    assert "token" not in result.stdout + result.stderr
    (dropped,) = Path(unit.environ["HOLDFAST_HOME"], "escalations").glob("*-trial-1-*.json")
    assert "This is a trial" in json.loads(dropped.read_text())["because"]


def test_a_level_that_is_told_here_only_is_taken(unit: Unit) -> None:
    (unit.folder / "config" / "policy.toml").write_text(LADDER.replace(', "apprise:duty"', ""))
    found = unit.json("notify", "1")
    assert found["deliveries"] == [{"channel": "drop", "delivered": True, "reason": ""}]


def test_a_level_that_is_not_there_is_told(unit: Unit) -> None:
    result = unit("notify", "4")
    assert result.exit_code == 2
    assert "the ladder of policy.toml has levels 1 to 3" in result.stderr
