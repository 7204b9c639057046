"""What is entered on the wrong request, with the wrong day or too late is refused, taken back, or told at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit_support import MORNING, PORTAL, SOURCE, Unit

from flows.asking import can_extend, release
from flows.fitting import warnings
from flows.replying import Reply, ReplyError, record
from flows.sweeping import work_on
from providers.memory import MemoryProvider
from timeline.decide import Do, duties
from timeline.hold import Hold
from timeline.state import State

TODAY = MORNING.date()
EU = {"instrument": "eu.epocpr", "validated_by": "Court"}
EMERGENCY = {"instrument": "eu.epocpr", "urgency": "emergency", "emergency_reason": "A life is in danger."}


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


@pytest.fixture
def played(unit: Unit) -> MemoryProvider:
    return unit.play("alpha")


@pytest.fixture
def held(unit: Unit, played: MemoryProvider) -> str:
    (request,) = unit.preserve()
    return request


def strict(hold: Hold) -> date:
    assert hold.expiry is not None
    return hold.expiry.strict_on


def by_portal(tmp_path: Path) -> tuple[Unit, str]:
    """A request that only a person can send, and was told to."""
    (tmp_path / "config" / "providers").mkdir(parents=True)
    (tmp_path / "config" / "providers" / "portal.toml").write_text(PORTAL.format(source=SOURCE))
    unit = Unit(tmp_path)
    (request,) = unit.preserve({"provider": "portal"})
    return unit, request


# An extension that nobody asked for


@pytest.mark.parametrize("given", [{}, EU])
def test_an_extension_that_nobody_asked_for_is_not_confirmed(
    unit: Unit, played: MemoryProvider, given: dict[str, str]
) -> None:
    (request,) = unit.preserve(given, country="FR" if given else "US")
    before = unit.kinds(request)
    with pytest.raises(
        ReplyError, match=r"nobody is on record as having asked for extension 1.*`sent` with --action ext"
    ):
        record(unit.office, request, Reply(kind="extended"))
    assert unit.kinds(request) == before
    record(unit.office, request, Reply(kind="sent", action="extend"))
    assert record(unit.office, request, Reply(kind="extended"))[0].granted == 1


def test_a_day_that_the_law_gives_without_an_extension_shows_none(unit: Unit, held: str) -> None:
    """Strict 18 February, by law the 19th: a receipt that repeats the first end is no second period."""
    record(unit.office, held, Reply(kind="sent", action="extend"))
    with pytest.raises(ReplyError, match=r"not later than the present end by law, 19 Feb 2027.*record `preserved`"):
        record(unit.office, held, Reply(kind="extended", until=date(2027, 2, 19)))
    record(unit.office, held, Reply(kind="extended", until=date(2027, 5, 20)))
    with pytest.raises(ReplyError, match="the present end by law, 20 May 2027"):
        record(unit.office, held, Reply(kind="extended", until=date(2027, 5, 20)))
    assert unit.office.hold(held).granted == 1


def test_an_extension_entered_by_mistake_is_taken_back_and_can_be_asked_for(unit: Unit, held: str) -> None:
    ends = strict(unit.office.hold(held))
    record(unit.office, held, Reply(kind="extended", until=date(2027, 5, 20)))
    before = unit.office.hold(held)
    reply = Reply(kind="preserved", until=ends)
    hold, following = record(unit.office, held, reply)
    assert (hold.granted, hold.extensions_left, strict(hold)) == (0, 1, ends)
    assert hold.expiry is not None
    assert hold.expiry.legal_on == date(2027, 2, 19), "no end is left that no law gives"
    assert "extension 1, which nobody had sent, is taken back" in warnings(before, hold, following, reply, MORNING)[0]
    unit.later(days=70)
    assert can_extend(unit.office, unit.office.hold(held)).number == 1


def test_an_extension_that_was_sent_is_not_taken_back_by_a_shorter_day(unit: Unit, held: str) -> None:
    record(unit.office, held, Reply(kind="sent", action="extend"))
    record(unit.office, held, Reply(kind="extended"))
    hold, _ = record(unit.office, held, Reply(kind="preserved", until=date(2027, 2, 1)))
    assert (hold.granted, strict(hold)) == (1, date(2027, 2, 1))


def test_a_day_beyond_the_first_end_shortens_the_extension_and_leaves_it(unit: Unit, held: str) -> None:
    record(unit.office, held, Reply(kind="extended", until=date(2027, 5, 20)))
    hold, _ = record(unit.office, held, Reply(kind="preserved", until=date(2027, 2, 19)))
    assert (hold.granted, strict(hold)) == (1, date(2027, 2, 19))


def test_no_more_extensions_are_sent_or_refused_than_the_law_knows(unit: Unit, held: str) -> None:
    record(unit.office, held, Reply(kind="sent", action="extend"))
    record(unit.office, held, Reply(kind="extended"))
    for reply in (
        Reply(kind="sent", action="extend"),
        Reply(kind="refused", action="extend", ground="extension-not-granted"),
    ):
        with pytest.raises(ReplyError, match="knows no extension after the 1 confirmed"):
            record(unit.office, held, reply)


# Produced, released


def test_produced_by_mistake_is_taken_back_before_it_is_released(unit: Unit, played: MemoryProvider) -> None:
    (request,) = unit.preserve(EU, country="FR")
    before, reply = unit.office.hold(request), Reply(kind="produced")
    hold, following = record(unit.office, request, reply)
    assert following.action is Do.RELEASE
    told = " ".join(warnings(before, hold, following, reply, MORNING))
    assert "the next sweep has it released at the provider" in told
    assert f"record `preserved` for {request} at once" in told
    assert record(unit.office, request, Reply(kind="preserved"))[0].state is State.IN_FORCE
    work_on(unit.office, [request])
    assert unit.office.hold(request).released_at is None


def test_produced_is_not_taken_back_once_its_release_is_asked_for(unit: Unit, played: MemoryProvider) -> None:
    (request,) = unit.preserve(EU, country="FR")
    record(unit.office, request, Reply(kind="produced"))
    release(unit.office, request, because="all came")
    before, reply = unit.office.hold(request), Reply(kind="preserved")
    hold, following = record(unit.office, request, reply)
    assert hold.state is State.PRODUCED
    assert "it stays produced" in warnings(before, hold, following, reply, MORNING)[0]


def test_only_a_person_takes_back_what_was_produced(unit: Unit, held: str) -> None:
    """A provider's answer to an older question may come in after the data."""
    record(unit.office, held, Reply(kind="produced"))
    unit.office.append(held, [("preserved", {"source": "mail, trusted"})])
    assert unit.office.hold(held).state is State.PRODUCED


@pytest.mark.parametrize("reply", [Reply(kind="released"), Reply(kind="sent", action="release")])
def test_what_nobody_asked_to_release_is_not_entered_as_released(unit: Unit, held: str, reply: Reply) -> None:
    with pytest.raises(ReplyError, match=f"first `holdfast release {held} --because TEXT`"):
        record(unit.office, held, reply)
    assert unit.office.hold(held).state is State.IN_FORCE
    release(unit.office, held, because="charges were dropped")
    assert record(unit.office, held, reply)[0].state is State.RELEASED


# What is on record already


def test_a_second_sending_by_hand_is_told_and_not_entered(tmp_path: Path) -> None:
    unit, request = by_portal(tmp_path)
    record(unit.office, request, Reply(kind="sent"))
    unit.later(days=60)
    before = unit.kinds(request)
    with pytest.raises(ReplyError, match=r"was recorded as sent on 21 Nov 2026 already.*with --action extend"):
        record(unit.office, request, Reply(kind="sent"))
    assert unit.kinds(request) == before
    earlier, _ = record(unit.office, request, Reply(kind="sent", at=MORNING - timedelta(days=2)))
    assert strict(earlier) == date(2027, 2, 16), "an earlier day is taken: it moves the strict end"
    record(unit.office, request, Reply(kind="sent", channel="post"))
    record(unit.office, request, Reply(kind="sent", action="extend"))
    with pytest.raises(ReplyError, match="extension 1 was recorded as sent on 20 Jan 2027 already"):
        record(unit.office, request, Reply(kind="sent", action="extend"))
    unit.close()


def test_what_was_sent_by_hand_before_it_was_registered_has_its_true_day(tmp_path: Path) -> None:
    unit, request = by_portal(tmp_path)
    hold, _ = record(unit.office, request, Reply(kind="sent", at=datetime(2026, 11, 18, 10, tzinfo=UTC)))
    assert strict(hold) == date(2027, 2, 15)
    unit.close()


def test_what_a_machine_sent_was_not_sent_before_it_was_registered(unit: Unit, held: str) -> None:
    with pytest.raises(ReplyError, match="--at lies before it was registered, 21 Nov 2026: check the year"):
        record(unit.office, held, Reply(kind="sent", at=MORNING - timedelta(days=3)))


def test_a_question_that_was_answered_is_not_answered_again(unit: Unit, held: str) -> None:
    record(unit.office, held, Reply(kind="clarification"))
    record(unit.office, held, Reply(kind="clarification-answered"))
    with pytest.raises(ReplyError, match="what was asked is recorded as answered"):
        record(unit.office, held, Reply(kind="clarification-answered"))


# The MLA request


@pytest.mark.parametrize("kind", ["mla-sent", "mla-received"])
def test_an_mla_request_of_another_year_wants_its_reference(unit: Unit, held: str, kind: str) -> None:
    for on in (date(2016, 12, 5), date(2025, 12, 6)):
        with pytest.raises(ReplyError, match="half a year or more before the request was registered, 21 Nov 2026"):
            record(unit.office, held, Reply(kind=kind, on=on))
    record(unit.office, held, Reply(kind=kind, on=date(2026, 9, 1)))
    record(unit.office, held, Reply(kind=kind, on=date(2025, 12, 6), reference="MLA-77"))


# Validation


def test_a_validation_in_time_ends_its_clock(unit: Unit, played: MemoryProvider) -> None:
    (request,) = unit.preserve(EMERGENCY, country="FR")
    unit.later(hours=47)
    hold, _ = record(unit.office, request, Reply(kind="validated"))
    assert not [each for each in duties(hold, unit.office.policy) if each.about.startswith("validation")]


def test_a_validation_that_comes_too_late_is_told_and_stays_in_front_of_a_person(
    unit: Unit, played: MemoryProvider
) -> None:
    """Reg. (EU) 2023/1543 art. 4(5): not validated within 48 hours, the order is withdrawn at once."""
    (request,) = unit.preserve(EMERGENCY, country="FR")
    now = unit.later(hours=70)
    before, reply = unit.office.hold(request), Reply(kind="validated")
    hold, following = record(unit.office, request, reply)
    (told,) = warnings(before, hold, following, reply, now)
    assert "TOO LATE, its time was over at 09:00 UTC on 23 Nov 2026" not in told, "the hour of the event is left out"
    assert "TOO LATE, its time was over at 10:00 UTC on 23 Nov 2026" in told
    assert "the order is withdrawn at once" in told
    assert [each for each in duties(hold, unit.office.policy) if each.about == "validation:missed" and each.due(now)]
    hold, _ = record(unit.office, request, Reply(kind="validated", at=MORNING + timedelta(hours=40)))
    assert not [each for each in duties(hold, unit.office.policy) if each.about.startswith("validation")]


def test_validated_is_refused_where_the_law_knows_no_validation(unit: Unit, held: str) -> None:
    with pytest.raises(ReplyError, match=r"us\.18usc2703f knows no validation afterwards"):
        record(unit.office, held, Reply(kind="validated"))


# On a form


def test_the_run_of_a_form_ends_with_what_the_entry_sets_off(unit: Unit, played: MemoryProvider) -> None:
    from flows.reply import recorded

    (request,) = unit.preserve(EU, country="FR")
    run: Any = SimpleNamespace(office=unit.office)
    told = recorded(run, request=request, matter="", kind="produced", by="Contact team").text
    assert told.startswith(f"{request}: recorded: produced.")
    assert "Mind: the next sweep has it released at the provider" in told
    assert f"record `preserved` for {request} at once, before it is released." in told
    told = recorded(run, request=request, matter="", kind="preserved", by="Contact team").text
    assert "Mind:" not in told
