"""What an answer changes in the record: an end that is named counts, whatever word for the state stands beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import MORNING, Unit

from flows import asking, replying
from flows.hearing import read
from flows.replying import Reply
from providers.interface import Action, Answer, Exchange, ItemAnswer, ItemOutcome, State
from timeline.state import Hold

BY_LAW = date(2027, 2, 18)  # 90 days from 21 November 2026, that day counted
TWO = [{"type": "email", "value": "one@example.com"}, {"type": "email", "value": "two@example.com"}]


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


def sent(unit: Unit, **request: Any) -> str:
    (made,) = unit.register({"identifiers": TWO, **request})
    replying.record(unit.office, made, Reply(kind="sent", by="clerk"))
    return made


def hears(unit: Unit, request: str, action: Action = Action.SEND, sequence: int = 1, **said: Any) -> Hold:
    """The provider answers; the hold as that leaves it."""
    answer = Answer(exchange=Exchange(channel="memory", sent=b"", sent_at=MORNING), **said)
    unit.office.append(request, read(unit.office.hold(request), action, sequence, answer))
    return unit.office.hold(request)


def ends(hold: Hold) -> date:
    assert hold.expiry is not None
    return hold.expiry.strict_on


def items(hold: Hold, outcome: ItemOutcome, *untils: date | None) -> tuple[ItemAnswer, ...]:
    return tuple(
        ItemAnswer(id=item.id, outcome=outcome, held_until=until)
        for item, until in zip(hold.items, untils, strict=True)
    )


def test_an_earlier_end_counts_before_the_provider_says_that_it_keeps_the_data(unit: Unit) -> None:
    request = sent(unit)
    hold = hears(unit, request, state=State.ACKNOWLEDGED, held_until=date(2026, 12, 20))
    assert (ends(hold), hold.in_force_at) == (date(2026, 12, 20), None)
    assert read(hold, Action.SEND, 1, _again(held_until=date(2026, 12, 20))) == [], "said again, it is no news"
    assert ends(hears(unit, request, state=State.IN_FORCE, held_until=date(2027, 2, 10))) == date(2027, 2, 10)


def _again(**said: Any) -> Answer:
    return Answer(state=State.ACKNOWLEDGED, exchange=Exchange(channel="memory", sent=b"", sent_at=MORNING), **said)


def test_a_later_end_is_not_believed_of_what_is_not_said_to_be_kept(unit: Unit) -> None:
    hold = hears(unit, sent(unit), state=State.ACKNOWLEDGED, held_until=date(2027, 6, 1))
    assert (ends(hold), hold.held_until) == (BY_LAW, {})


def test_an_earlier_end_counts_of_a_hold_that_goes_back_to_received(unit: Unit) -> None:
    request = sent(unit)
    hears(unit, request, state=State.IN_FORCE)
    assert ends(hears(unit, request, state=State.ACKNOWLEDGED, held_until=date(2026, 12, 20))) == date(2026, 12, 20)


def test_an_end_that_is_named_for_an_account_counts_before_it_is_said_to_be_kept(unit: Unit) -> None:
    request = sent(unit)
    first = items(unit.office.hold(request), ItemOutcome.PENDING, date(2027, 1, 5), None)
    hold = hears(unit, request, state=State.ACKNOWLEDGED, items=first)
    assert ends(hold) == date(2027, 1, 5)
    assert [each.outcome for each in hold.items] == ["pending", "pending"]


def test_an_account_that_is_pending_again_is_not_taken_back(unit: Unit) -> None:
    request = sent(unit)
    hold = hears(unit, request, state=State.IN_FORCE)
    pending = items(hold, ItemOutcome.PENDING, date(2027, 1, 5), None)
    assert [each.outcome for each in hears(unit, request, state=State.IN_FORCE, items=pending).items] == [
        "preserved",
        "preserved",
    ]


def test_an_extension_that_leaves_one_account_at_its_old_end_ends_there(unit: Unit) -> None:
    request = sent(unit)
    hold = unit.office.hold(request)
    kept = items(hold, ItemOutcome.PRESERVED, date(2027, 2, 10), date(2027, 2, 18))
    hears(unit, request, state=State.IN_FORCE, held_until=date(2027, 2, 18), items=kept)
    unit.later(days=60)
    replying.record(unit.office, request, Reply(kind="sent", action="extend", by="clerk"))
    left = items(hold, ItemOutcome.PRESERVED, date(2027, 2, 10), date(2027, 5, 19))
    hold = hears(unit, request, Action.EXTEND, state=State.IN_FORCE, held_until=date(2027, 5, 19), items=left)
    assert (hold.granted, ends(hold)) == (1, date(2027, 2, 10))


def test_an_announcement_that_is_refused_keeps_nothing_and_a_person_tells_the_provider(unit: Unit) -> None:
    request = sent(unit, instrument="eu.epocpr")
    hears(unit, request, state=State.IN_FORCE)
    asking.announce(unit.office, request, on=date(2026, 11, 21), reference="P-1")
    unit.office.append(
        request,
        [
            ("sent", {"action": "announce", "sequence": 1, "channel": "email"}),
            ("production-announced", {"on": "2026-11-21"}),
        ],
    )
    assert unit.office.hold(request).stop is not None
    unit.later(days=1)
    replying.record(
        unit.office, request, Reply(kind="refused", action="announce", ground="no-legal-basis", by="clerk")
    )
    hold = unit.office.hold(request)
    assert (hold.stop, ends(hold)) == (None, date(2027, 1, 19))
    unit.later(hours=1)
    unit.sweep()
    assert "announce" in unit.office.hold(request).escalations


def test_a_hold_that_goes_on_after_all_is_in_force_again(unit: Unit) -> None:
    request = sent(unit)
    hears(unit, request, state=State.IN_FORCE)
    unit.later(days=1)
    assert str(hears(unit, request, Action.STATUS, state=State.NOT_HELD).expired_at) == str(unit.office.now())
    unit.sweep()
    assert str(unit.office.hold(request).state) == "lapsed"
    unit.later(days=1)
    hold = hears(unit, request, Action.STATUS, state=State.IN_FORCE)
    assert (str(hold.state), ends(hold)) == ("in-force", BY_LAW)


def test_who_only_has_the_request_confirms_nothing_after_a_late_stop(unit: Unit) -> None:
    """What keeps the data came after the strict end: only the provider's word that it has them still counts."""
    request = sent(unit, instrument="coe.budapest.29")
    hears(unit, request, state=State.ACKNOWLEDGED)
    strict = ends(unit.office.hold(request))
    unit.later(days=60)
    replying.record(unit.office, request, Reply(kind="mla-received", on=strict + timedelta(days=1)))
    for said in (
        {"held_until": date(2027, 6, 1)},
        {"items": items(unit.office.hold(request), ItemOutcome.PENDING, date(2027, 6, 1), None)},
    ):
        hold = hears(unit, request, Action.STATUS, state=State.ACKNOWLEDGED, **said)
        assert (hold.kept_until, hold.confirmed_since_stop) == (None, False)
    assert hears(unit, request, Action.STATUS, state=State.IN_FORCE).confirmed_since_stop
