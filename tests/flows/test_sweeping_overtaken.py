"""Something is entered while an act is on its way: what was decided on the older history is not done.

People, mail and other programs take no lease. An entry that comes before the intent is heard; one that comes after it
finds the act begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_routes import Api, folder_with, tried
from unit_support import MORNING, Unit, unit_with_portal

from flows import asking, replying
from flows.replying import Reply
from flows.sweeping import STEPS
from providers.interface import Action
from providers.memory import Behaviour, Does, MemoryProvider
from timeline.state import State

IN_WINDOW = datetime(2027, 1, 20, 0, 1, tzinfo=UTC)
"""The best day of the extension of a hold that was sent in the morning."""


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


class Meanwhile:
    """A ledger to which a person makes an entry in the very moment before a sweep appends such an event."""

    def __init__(self, unit: Unit, kind: str, entry: Callable[[], object], *, times: int = 1, spare: int = 0) -> None:
        self._ledger: Any = unit.office.ledger
        self._kind, self._entry, self.left, self._spare = kind, entry, times, spare
        unit.office.ledger = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, request: str, events: Any, *given: Any, claim: Any = None, **named: Any) -> Any:
        if claim is not None and self.left and any(each.kind == self._kind for each in events):
            if self._spare:
                self._spare -= 1
            else:
                self.left -= 1
                self._entry()
        return self._ledger.append(request, events, *given, claim=claim, **named)


def entered(unit: Unit, request: str, kind: str, **told: Any) -> Callable[[], object]:
    return lambda: replying.record(unit.office, request, Reply(kind=kind, by="clerk", **told))


def free(unit: Unit, request: str) -> bool:
    """Whether nobody holds a lease on a request."""
    now = unit.office.now()
    return bool(unit.office.ledger.claim(now, owner="x", until=now + timedelta(hours=1), limit=1, request=request))


def in_force(unit: Unit) -> tuple[MemoryProvider, str]:
    alpha = unit.play("alpha")
    (request,) = unit.preserve()
    unit.acknowledge_all()
    return alpha, request


def test_what_a_person_has_just_sent_is_not_sent_by_machine_too(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    Meanwhile(unit, "intent", entered(unit, request, "sent", reference="PORTAL-77", channel="portal"))
    report = unit.sweep()
    assert alpha.effects(request, Action.SEND, 1) == 0
    assert "intent" not in unit.kinds(request)
    assert not report.failed
    assert unit.office.hold(request).references == ("PORTAL-77",)
    assert free(unit, request)


def test_an_act_that_another_program_has_just_begun_is_asked_about_and_no_fault_of_ours(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    begun = {"action": "send", "sequence": 1, "attempt": 1, "key": "k", "channel": "", "because": "of a backup"}
    Meanwhile(unit, "intent", lambda: unit.office.append(request, [("intent", begun)]))
    report = unit.sweep()
    assert [each.action for each in report.done][:2] == ["look-up", "send"]
    assert not report.failed
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_what_was_just_extended_is_not_extended_again(unit: Unit) -> None:
    alpha, request = in_force(unit)
    unit.at(IN_WINDOW)
    Meanwhile(unit, "intent", entered(unit, request, "extended", until=date(2027, 5, 19)))
    assert not unit.sweep().failed
    assert alpha.effects(request, Action.EXTEND, 1) == 0
    assert unit.kinds(request).count("intent") == 1, "the first sending alone"
    assert unit.office.hold(request).granted == 1


def test_what_is_to_be_released_is_not_extended_before(unit: Unit) -> None:
    alpha, request = in_force(unit)
    unit.at(IN_WINDOW)
    Meanwhile(unit, "intent", lambda: asking.release(unit.office, request, because="the wrong account", by="clerk"))
    report = unit.sweep()
    assert [each.action for each in report.done if not each.person] == ["release"], "decided anew in the same turn"
    assert (alpha.effects(request, Action.EXTEND, 1), alpha.effects(request, Action.RELEASE, 1)) == (0, 1)
    assert unit.office.hold(request).state is State.RELEASED


def test_nobody_gets_a_packet_for_what_was_just_sent_by_hand(tmp_path: Path) -> None:
    unit = unit_with_portal(tmp_path)
    (request,) = unit.register({"provider": "portal"})
    Meanwhile(unit, "unsupported", entered(unit, request, "sent", reference="PORTAL-77"))
    unit.sweep()
    assert {"intent", "unsupported"}.isdisjoint(unit.kinds(request))
    assert unit.office.hold(request).state is State.ACKNOWLEDGED
    unit.close()


def test_what_was_sent_by_hand_between_two_channels_does_not_go_over_the_second(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha#fax"] = fax = Api("alpha", "fax", unit)
    (request,) = unit.register()
    sent = entered(unit, request, "sent", reference="PORTAL-77")
    Meanwhile(unit, "intent", sent, spare=1)  # the packet of the first channel comes with its intent
    unit.sweep()
    assert tried(unit, request) == ["portal"]
    assert fax.effects(request, Action.SEND, 1) == 0
    unit.close()


def test_an_answer_that_was_overtaken_is_asked_for_again(unit: Unit) -> None:
    """The provider has no extension, says a look-up; the person on the phone has heard that it gives none."""
    alpha, request = in_force(unit)
    alpha.follow(Behaviour(does=Does.SILENT, on=Action.EXTEND, times=1))
    unit.at(IN_WINDOW)
    unit.sweep()
    refused = entered(unit, request, "refused", action="extend", ground="extension-not-granted")
    Meanwhile(unit, "absent", refused)
    unit.later(minutes=20)
    unit.sweep()
    assert "absent" not in unit.kinds(request)
    unit.later(days=2)
    unit.sweep()
    assert alpha.effects(request, Action.EXTEND, 1) == 0, "it was refused, and is not asked for again"


def test_what_a_person_heard_while_the_provider_was_asked_is_not_undone_by_its_answer(unit: Unit) -> None:
    """It said that all is gone, and at the same moment, on the phone, that it was a mistake and is put right."""
    alpha, request = in_force(unit)
    keeps = alpha._holdings
    unit.play("alpha")
    unit.later(days=2)

    def put_right() -> None:
        alpha._holdings = keeps
        unit.office.adapters["alpha"] = alpha
        replying.record(unit.office, request, Reply(kind="preserved", by="clerk"))

    Meanwhile(unit, "polled", put_right)
    unit.sweep()
    assert "expired" not in unit.kinds(request)
    assert unit.kinds(request).count("polled") == 1
    assert unit.office.hold(request).state is State.IN_FORCE


def test_that_nobody_answered_is_noted_whatever_was_entered(unit: Unit) -> None:
    alpha, request = in_force(unit)
    alpha.follow(Behaviour(does=Does.SILENT, on=Action.STATUS))
    unit.later(days=2)
    Meanwhile(unit, "poll-failed", entered(unit, request, "note", text="They do not pick up either."))
    report = unit.sweep()
    assert [each.action for each in report.done] == ["poll"], "it is not asked again at once"
    assert unit.kinds(request)[-2:] == ["note", "poll-failed"]


def test_whom_we_have_told_is_on_record_whatever_was_entered(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register()
    Meanwhile(unit, "escalated", entered(unit, request, "note", text="Somebody rang."))
    unit.sweep()
    assert unit.kinds(request)[-2:] == ["note", "escalated"]
    assert unit.kinds(request).count("escalated") == 1


def test_what_the_provider_said_after_the_act_had_begun_is_on_record_whatever_was_entered(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    Meanwhile(unit, "sent", entered(unit, request, "note", text="Somebody rang."))
    assert not unit.sweep().failed
    assert unit.kinds(request)[:4] == ["registered", "intent", "note", "sent"]
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_a_hold_that_is_put_right_in_the_last_moment_has_not_lapsed(unit: Unit) -> None:
    _, request = in_force(unit)
    unit.later(days=10)
    unit.office.append(request, [("expired", {"state": "expired"})])
    unit.later(minutes=1)
    Meanwhile(unit, "lapsed", entered(unit, request, "preserved"))
    unit.sweep()
    assert "lapsed" not in unit.kinds(request)
    assert unit.office.hold(request).state is State.IN_FORCE
    end = unit.run_until(MORNING + timedelta(days=95))
    assert "extend" in end


def test_a_sweep_ends_even_where_somebody_writes_all_the_time(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.register()
    said: list[str] = []

    def remark() -> None:
        said.append("x")
        replying.record(unit.office, request, Reply(kind="note", text=f"Remark {len(said)}.", by="clerk"))

    ledger = Meanwhile(unit, "intent", remark, times=10 * STEPS)
    report = unit.sweep()
    assert report.failures == [(request, f"did not settle in {STEPS} steps; the next sweep goes on")]
    assert len(said) == STEPS
    assert alpha.effects(request, Action.SEND, 1) == 0
    ledger.left = 0
    unit.later(minutes=6)
    unit.sweep()
    assert alpha.effects(request, Action.SEND, 1) == 1
