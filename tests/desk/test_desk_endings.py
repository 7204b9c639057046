"""Which error ends a command how, and that no error says what it should not."""

from __future__ import annotations

import importlib

import pytest
from desk_support import CANARY, REACHES, Unit

from desk import endings
from flows.intake import CaseErrors
from flows.problems import Problem
from flows.reading import ConfigurationErrors
from flows.replying import ReplyError
from flows.settings import SettingsError
from ledger.book import Book
from ledger.interface import Duplicate, LeaseLost, LedgerBusy, LedgerError, LedgerUnusable
from providers.errors import ConfigurationError
from providers.section import TableError

PROBLEM = Problem(where="case.toml: line 3", problem="is empty", fix="fill it in")
OTHER = {"type": "email", "value": f"other.{CANARY}"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CaseErrors((PROBLEM,)), 2),
        (ConfigurationErrors(["config/x.toml: id: is missing", "config/y.toml: id: is missing"]), 2),
        (ConfigurationError("HOLDFAST_X is not set"), 2),
        (TableError(["config/x.toml: adapter.kind: is missing"]), 2),
        (SettingsError("HOLDFAST_CLOCK: unset it"), 2),
        (ReplyError("refused needs --ground"), 2),
        (LookupError("there is no request HF-000000000000"), 2),
        (LedgerBusy("locked"), 3),
        (LedgerUnusable("read-only"), 3),
        (LedgerError("it could not"), 3),
        (Duplicate("already"), 3),
        (LeaseLost("gone"), 3),
        (KeyError("reference"), 3),
        (ValueError(CANARY), 3),
    ],
)
def test_every_class_of_error_has_its_status(error: Exception, status: int) -> None:
    assert endings.ending_of(error).status == status


def test_the_errors_named_are_there() -> None:
    for name in endings.ENDINGS:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), kind), Exception), name


def test_every_place_of_a_wrong_configuration_is_told() -> None:
    ending = endings.ending_of(ConfigurationErrors(["a: is wrong", "b: is wrong"]))
    assert ending.lines == ("a: is wrong", "b: is wrong")


def test_a_problem_is_told_with_place_and_what_to_write() -> None:
    first, second = endings.ending_of(CaseErrors((PROBLEM,))).lines
    assert first == "the case cannot be worked with: 1 error"
    assert "case.toml: line 3: is empty" in second
    assert "fill it in" in second


def _raise() -> None:
    raise ValueError(f"cannot read {CANARY}")


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_ours_says_where_and_never_what(debug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_DEBUG", debug)
    with pytest.raises(ValueError, match="cannot read") as caught:
        _raise()
    text = "\n".join(endings.ending_of(caught.value).lines)
    assert text.startswith("a fault of Holdfast: ValueError in _raise (")
    assert CANARY not in text
    assert ("test_a_fault_of_ours" in text) is bool(debug), "the whole way there with HOLDFAST_DEBUG only"


def test_words_that_are_no_command_are_wrong_input(unit: Unit) -> None:
    for words in (["bord"], ["plan"], ["show", "HF-1"], ["board", "--at", "yesterday"], ["release", "HF-1"]):
        result = unit(*words)
        assert result.exit_code == 2, words
        assert result.stdout == ""
        assert "--help` says how it is used" in result.stderr
    assert "did you mean" in unit("bord").stderr.lower()


def test_without_a_ledger_nothing_can_be_shown_now(unit: Unit) -> None:
    for words in (
        ["board"],
        ["show", "HF-000000000000"],
        ["sweep"],
        ["verify"],
        ["record", "note", "HF-000000000000"],
    ):
        result = unit(*words)
        assert result.exit_code == 3, words
        assert "holdfast preserve CASE" in result.stderr
        assert result.stdout == ""


def test_a_wrong_environment_is_wrong_input(unit: Unit) -> None:
    clock = unit("plan", unit.case(), HOLDFAST_CLOCK="tomorrow")
    assert clock.exit_code == 2
    assert "HOLDFAST_CLOCK: expected an instant" in clock.stderr
    (unit.folder / "config" / "policy.toml").write_text("[sweep]\ninterval = 5\n")
    config = unit("plan", unit.case())
    assert config.exit_code == 2
    assert "policy.toml: sweep.interval" in config.stderr


def test_a_simulated_clock_is_refused_by_an_operational_ledger(unit: Unit) -> None:
    by_hand = unit.case({"provider": "tells", "notice_accepted_by": "Head of unit"})
    refused = unit("preserve", by_hand, "--yes")
    assert refused.exit_code == 2
    assert "HOLDFAST_CLOCK: an operational ledger runs on real time; unset it, or add --sandbox" in refused.stderr
    assert not (unit.folder / "home" / "ledger.sqlite").exists()


def test_the_demo_touches_no_folder_that_has_something_in_it(unit: Unit) -> None:
    kept = unit.folder / "kept"
    kept.mkdir()
    (kept / "config").mkdir()
    refused = unit("demo", "--keep", kept)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "expected a new or an empty folder" in refused.stderr
    assert [path.name for path in kept.iterdir()] == ["config"]


def test_what_was_entered_before_the_ledger_was_busy_is_told_as_entered(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that nothing was written enters it a second time."""
    (request,) = unit.preserve(mla=REACHES)
    draft = unit.json("draft", unit.case({"identifiers": [OTHER]}, mla=REACHES), "--sandbox", "--yes")["draft"]

    def busy(*_: object, **__: object) -> None:
        raise LedgerBusy("another process is writing to it for longer than we wait: try again; nothing was written")

    monkeypatch.setattr(Book, "claim", busy)
    said = [
        unit("release", request, "--because", "The case was closed."),
        unit("draft", "--send", draft),
        unit("preserve", unit.case({"identifiers": [OTHER | {"value": f"third.{CANARY}"}]}, mla=REACHES), "--yes"),
    ]
    for result in said:
        assert result.exit_code == 3, result.stderr
        assert "it is on record; the ledger was busy for longer than we wait" in result.stderr
        assert "nothing was written" not in result.stderr
    assert "recorded, but the provider could not be told now; the next sweep tries again" in said[0].stderr
    monkeypatch.undo()
    unit("sweep")
    assert [unit.json("show", each)["state"] for each in (request, draft)] == ["released", "in-force"]
    assert len(unit.json("board")) == 2, "the draft and the third; nothing was registered twice"
