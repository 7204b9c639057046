"""What was entered stays entered where the ledger cannot be used right after it, and people are told just that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from damage_support import damage_event
from unit_support import Unit

from flows import asking, drafts, release, sweeping
from flows.entry import Outcome, Run
from flows.forms import extend, many
from flows.forms.sending import send
from flows.prefect_api import Errand
from flows.sweeping import LEASE
from ledger.interface import LedgerBusy, LedgerUnusable
from providers.interface import Action
from providers.memory import Behaviour, Does, MemoryProvider
from timeline.window import extension_window

BUSY = LedgerBusy(
    "ledger.db: another process is writing to it for longer than we wait: try again; nothing was written"
)
FULL = LedgerUnusable("ledger.db: the disk is full: free some space, then do it again; nothing was written (full)")


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    made.office.sleep = lambda _: None
    yield made
    made.close()


@pytest.fixture
def alpha(unit: Unit) -> MemoryProvider:
    return unit.play("alpha")


def run_of(unit: Unit) -> Run:
    unused: Any = None
    return Run(
        office=unit.office,
        errand=Errand(run="run-1"),
        each=sweeping.queue,
        progress=lambda _: None,
        say=lambda _: None,
        scrubber=unused,
    )


def fails(
    unit: Unit, monkeypatch: pytest.MonkeyPatch, error: Exception, *, method: str = "claim", after: int = 0
) -> None:
    """From the call after so many on, the ledger raises this."""
    real, calls = getattr(unit.office.ledger, method), []

    def failing(*args: Any, **given: Any) -> Any:
        calls.append(1)
        if len(calls) > after:
            raise error
        return real(*args, **given)

    monkeypatch.setattr(unit.office.ledger, method, failing)


def told(outcome: Outcome) -> str:
    """What the run's end says; it failed, and nobody is told that nothing was written."""
    state = outcome.state
    assert state.is_failed()
    assert state.message is not None
    assert "nothing was written" not in state.message
    assert "try again;" not in state.message
    return state.message


def test_of_many_releases_those_asked_for_are_told_and_the_next_sweep_goes_on(
    unit: Unit, alpha: MemoryProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = unit.preserve({}, {}, {}, {})
    monkeypatch.setattr(many, "AT_ONCE", 2)
    form: dict[str, Any] = {"case": "CY-2026-0412", "because": "the case was closed", "by": "clerk"}
    shown = many._release_many(run_of(unit), **form, confirm="").page
    assert shown is not None
    confirm = shown.text.partition("Confirm: `")[2].partition("`")[0]
    with monkeypatch.context() as within:
        fails(unit, within, BUSY, after=2)
        text = told(many._release_many(run_of(unit), **form, confirm=confirm))
    assert "Release asked for at 4 requests." in text
    assert "the ledger was busy for longer than we wait, and the next sweep goes on with it" in text
    assert [unit.office.hold(each).release_asked_at is not None for each in requests] == [True] * 4
    assert sum(alpha.effects(each, Action.RELEASE, 1) for each in requests) == 2
    unit.later(minutes=6)
    unit.sweep()
    assert [alpha.effects(each, Action.RELEASE, 1) for each in requests] == [1] * 4


@pytest.mark.parametrize("form", [many._release_many, many._extend_many])
def test_of_many_one_whose_record_is_damaged_keeps_back_no_other(
    unit: Unit, alpha: MemoryProvider, form: Callable[..., Outcome]
) -> None:
    whole, damaged, other = unit.preserve({}, {}, {})
    unit.later(days=30)
    damage_event(unit, damaged)
    given: dict[str, Any] = {"case": "CY-2026-0412", "by": "clerk"}
    if form is many._release_many:
        given["because"] = "the case was closed"
    shown = form(run_of(unit), **given, confirm="").page
    assert shown is not None
    assert f"* {damaged}: " in shown.text.partition("## Cannot be")[2]
    done = form(run_of(unit), **given, confirm=shown.text.partition("Confirm: `")[2].partition("`")[0])
    assert done.data == {"asked": 2, "left": 0}
    action = Action.RELEASE if form is many._release_many else Action.EXTEND
    assert [alpha.effects(each, action, 1) for each in (whole, damaged, other)] == [1, 0, 1]


def _release(unit: Unit, request: str) -> Outcome:
    return release._release(run_of(unit), request=request, because="the case was closed", by="clerk", matter="")


def _extend(unit: Unit, request: str) -> Outcome:
    window = extension_window(unit.office.hold(request), unit.office.policy)
    assert window is not None
    unit.at(unit.office.now() + (window.opens_on - unit.office.now().date()) + timedelta(days=1))
    return extend._extend(run_of(unit), request=request, by="clerk", matter="")


@pytest.mark.parametrize("error", [BUSY, FULL])
@pytest.mark.parametrize("form", [_release, _extend])
def test_what_was_asked_for_is_told_although_it_could_not_be_worked_on(
    unit: Unit, monkeypatch: pytest.MonkeyPatch, form: Callable[[Unit, str], Outcome], error: Exception
) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    fails(unit, monkeypatch, error)
    text = told(form(unit, request))
    assert re.match(f"{request}: (release|extension) asked for by clerk[.]", text)
    assert ("the next sweep goes on" if error is BUSY else "ledger.db: the disk is full: free some space") in text
    assert {"release-asked", "extend-asked"} & {*unit.kinds(request)}


def test_what_was_registered_is_told_with_its_ids_and_is_not_to_be_sent_again(
    unit: Unit, alpha: MemoryProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = unit.register({}, {})
    with monkeypatch.context() as within:
        fails(unit, within, BUSY)
        text = told(send(run_of(unit), requests, "2 requests registered"))
    assert f"do not send the form again: {', '.join(requests)}." in text
    unit.later(seconds=LEASE.total_seconds())
    unit.sweep()
    assert [alpha.effects(each, Action.SEND, 1) for each in requests] == [1, 1]


def test_where_it_cannot_even_be_read_how_they_stand_their_ids_are_told(
    unit: Unit, alpha: MemoryProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = unit.register({}, {})

    def lost(_: str) -> NoReturn:
        raise BUSY

    with monkeypatch.context() as within:
        within.setattr(unit.office.histories, "current", lost)
        text = told(send(run_of(unit), requests, "2 requests registered"))
        assert text.startswith(f"2 requests registered: {', '.join(requests)}.")
        assert "do not send the form again" in text
        asked = told(_asked_for(unit, requests[0]))
    assert asked.startswith(f"{requests[0]}: release asked for by clerk. How it stands now cannot be read")


def _asked_for(unit: Unit, request: str) -> Outcome:
    from flows.forms.words import acted

    return acted(unit.office, request, sweeping.Report(at=unit.office.now()), "release asked for by clerk")


@pytest.mark.parametrize("withdrawn", [False, True])
def test_of_what_ended_without_being_sent_nobody_is_told_that_a_sweep_sends_it(unit: Unit, withdrawn: bool) -> None:
    unit.play("alpha", *([] if withdrawn else [Behaviour(does=Does.REFUSE, on=Action.SEND)]))
    (request,) = unit.register()
    if withdrawn:
        unit.office.append(request, [drafts.drafting(unit.office.settings, request)])
        asking.release(unit.office, request, because="wrong account")
    text = told(send(run_of(unit), [request], "1 request registered"))
    state = "released" if withdrawn else "refused by the provider"
    assert f"0 sent: {request}. Not sent, and no sweep will: {request} ({state})." in text
    assert "NOT SENT YET" not in text
    unit.later(minutes=30)
    unit.sweep()
    assert "sent" not in unit.kinds(request)
