"""Standard output and standard error, whatever they are connected to."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from desk import speaking


def test_what_a_terminal_would_obey_is_not_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    speaking.say("reference \x1b[2Jgone\x07 \x9b31m \u202eover")
    assert capsys.readouterr().out == "reference �[2Jgone� �31m �over\n"


def test_json_stays_json_and_escapes_it(capsys: pytest.CaptureFixture[str]) -> None:
    speaking.say_json({"reference": "a\x1b\x9b\u202eb"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"reference": "a\x1b\x9b\u202eb"}
    assert not set(out) & {"\x1b", "\x9b", "\u202e"}


def test_every_text_of_a_record_is_made_harmless() -> None:
    assert speaking.all_harmless({"a": ["\x1b", 1, None, {"b": "\x07x"}]}) == {"a": ["�", 1, None, {"b": "�x"}]}


def test_an_output_that_knows_no_box_characters_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    speaking.say("██▓▓·· ↑ ▲ é")
    stream.flush()
    assert stream.buffer.getvalue() == b"##==.. ^ ! \\xe9\n"  # type: ignore[attr-defined]


def test_a_reader_that_goes_away_silences_the_output_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        speaking.say("nobody reads this")
        speaking.say("nor this")
    assert speaking.failed == []


def test_a_full_disk_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    speaking.failed.clear()
    speaking.say("x")
    assert speaking.failed == ["No space left on device"]
    speaking.failed.clear()


def test_in_a_pipe_text_is_a_hundred_columns_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert speaking.width() == 100
    for columns, width in (("80", 80), ("20", 60), ("900", 120), ("", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        assert speaking.width() == width


def test_colours_need_a_terminal_and_no_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not speaking.colours()
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert speaking.colours()
    monkeypatch.setenv("TERM", "dumb")
    assert not speaking.colours()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not speaking.colours()
