"""What a person enters moves the clocks; what cannot be true is refused with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from unit_support import MORNING, Unit

from flows import sweeping
from flows.asking import release
from flows.chronicle import told
from flows.planning import show
from flows.replying import KINDS, Reply, ReplyError, record
from providers.interface import Action
from providers.memory import Behaviour, Does
from timeline.decide import Do
from timeline.events import KINDS as EVENTS
from timeline.state import State

TODAY = MORNING.date()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


@pytest.fixture
def silent(unit: Unit) -> str:
    """A request that was sent, and received no more than that."""
    unit.play("alpha", Behaviour(does=Does.DELAY, on=Action.SEND, count=99))
    (request,) = unit.preserve()
    return request


def test_every_kind_of_entry_says_what_it_means() -> None:
    assert all(kind.what for kind in KINDS.values())
    known = set(EVENTS) | {"item-not-found"}
    assert set(KINDS) <= known


def test_a_late_receipt_with_an_earlier_day_moves_the_strict_end(unit: Unit, silent: str) -> None:
    before = unit.office.hold(silent).expiry
    unit.later(days=3)
    hold, _ = record(unit.office, silent, Reply(kind="acknowledged", reference="A-7", on=TODAY - timedelta(days=1)))
    assert before is not None
    assert hold.expiry is not None
    assert hold.expiry.strict_on == before.strict_on - timedelta(days=1)
    assert "A-7" in hold.references


def test_the_same_receipt_entered_twice_changes_nothing(unit: Unit, silent: str) -> None:
    reply = Reply(kind="acknowledged", reference="A-7", on=TODAY)
    first, _ = record(unit.office, silent, reply)
    second, _ = record(unit.office, silent, reply)
    assert (second.references, second.expiry, second.state) == (first.references, first.expiry, first.state)


def test_an_extension_that_a_person_learned_of_moves_the_end(unit: Unit, silent: str) -> None:
    before = unit.office.hold(silent).expiry
    hold, _ = record(unit.office, silent, Reply(kind="extended", until=date(2027, 5, 1)))
    assert before is not None
    assert hold.expiry is not None
    assert hold.expiry.strict_on == date(2027, 5, 1), "the provider's own, earlier day counts"
    assert hold.granted == 1


def test_an_extension_to_an_earlier_day_is_refused(unit: Unit, silent: str) -> None:
    with pytest.raises(ReplyError, match="is not later than the present end by law, 19 Feb 2027"):
        record(unit.office, silent, Reply(kind="extended", until=date(2027, 2, 1)))


def test_announcing_production_makes_a_european_order_open_ended(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "eu.epocpr", "validated_by": "Court"}, country="FR")
    hold, decision = record(unit.office, request, Reply(kind="production-announced", on=TODAY, reference="EPOC-12"))
    assert hold.state is State.OPEN_ENDED
    assert hold.expiry is None
    assert decision.due_at is not None, "a hold without an end has a next instant too"


def test_what_kept_a_hold_without_an_end_may_be_over_again(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "eu.epocpr", "validated_by": "Court"}, country="FR")
    with pytest.raises(ReplyError, match="no stop event of that day or before it is recorded"):
        record(unit.office, request, Reply(kind="stop-ended", on=TODAY))
    record(unit.office, request, Reply(kind="production-announced", on=TODAY, reference="P-7"))
    hold, _ = record(unit.office, request, Reply(kind="stop-ended", on=TODAY, by="Contact team"))
    assert (str(hold.state), hold.expiry is not None) == ("in-force", True)
    (*_, last) = show(unit.office, request, at=MORNING)["events"]
    assert told(last) == "what kept the data without an end was over on 21 Nov 2026; entered for Contact team"


def test_a_person_may_learn_that_nothing_is_kept_any_more(unit: Unit, silent: str) -> None:
    record(unit.office, silent, Reply(kind="preserved"))
    _, following = record(unit.office, silent, Reply(kind="expired"))
    assert following.action is Do.LAPSE
    assert sweeping.work_on(unit.office, [silent]).person
    assert unit.office.hold(silent).state is State.LAPSED


def test_what_is_kept_after_all_although_it_was_not_found_is_followed_again(unit: Unit, silent: str) -> None:
    record(unit.office, silent, Reply(kind="item-not-found", item="i1"))
    assert unit.office.hold(silent).state is State.NOT_HELD
    record(unit.office, silent, Reply(kind="preserved", until=date(2027, 2, 1)))
    assert unit.office.hold(silent).state is State.IN_FORCE


def test_an_extension_sent_after_the_period_is_none_unless_the_provider_names_a_day(unit: Unit) -> None:
    """Reg. (EU) 2023/1543 art. 11(1): decided within the first 60 days."""
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "eu.epocpr", "validated_by": "Court"}, country="FR")
    unit.at(MORNING + timedelta(days=72))
    record(unit.office, request, Reply(kind="sent", action="extend"))
    with pytest.raises(ReplyError, match=r"by law it prolongs nothing; .* give --until"):
        record(unit.office, request, Reply(kind="extended"))
    record(unit.office, request, Reply(kind="extended", until=date(2027, 2, 10)))


def test_a_stop_event_that_the_instrument_does_not_know_is_refused(unit: Unit, silent: str) -> None:
    with pytest.raises(ReplyError, match=r"us\.18usc2703f knows no production-announced; its stop events: none"):
        record(unit.office, silent, Reply(kind="production-announced", on=TODAY))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(kind="aknowledged"), 'unknown kind of entry; did you mean "acknowledged"'),
        (Reply(kind="mla-sent"), "mla-sent needs --on"),
        (Reply(kind="note", text="t", on=TODAY), "note takes no --on"),
        (Reply(kind="mla-sent", on=TODAY + timedelta(days=9)), "lies in the future"),
        (Reply(kind="refused", ground="because"), "unknown ground; known here: wrong-identifier"),
        (Reply(kind="item-not-found", item="i9"), "no such item"),
        (Reply(kind="escalation-acknowledged", about="coverag"), 'did you mean "coverage"'),
        (Reply(kind="clarification-answered"), "no clarification was asked for"),
        (Reply(kind="clarification", at=MORNING + timedelta(hours=2)), "--at lies in the future"),
        (Reply(kind="acknowledged", on=date(2025, 11, 21)), "--on 2025-11-21 lies before it was sent, 21 Nov 2026"),
        (Reply(kind="refused", ground="form", at=MORNING - timedelta(days=365)), "--at lies before it was sent"),
        (Reply(kind="sent", at=MORNING - timedelta(days=365)), "--at lies before it was registered"),
        (Reply(kind="preserved", until=date(2026, 2, 18)), "--until 2026-02-18 lies before it was sent"),
        (Reply(kind="preserved", until=date(2028, 2, 19)), "--until 2028-02-19 lies a year or more after the end"),
        (Reply(kind="extended", until=date(2206, 5, 20)), "--until 2206-05-20 lies a year or more after the end"),
        (Reply(kind="acknowledged", reference="re Canary.Account@example.com"), "--reference names an account"),
        (Reply(kind="note", text="t", by="canary.account@example.com"), "--by names an account"),
    ],
)
def test_a_wrong_entry_is_refused_with_what_to_write_instead(
    unit: Unit, silent: str, reply: Reply, told: str
) -> None:
    before = unit.kinds(silent)
    with pytest.raises(ReplyError, match=told):
        record(unit.office, silent, reply)
    assert unit.kinds(silent) == before, "nothing half-done"


def test_the_mla_request_does_not_arrive_before_it_left(unit: Unit, silent: str) -> None:
    record(unit.office, silent, Reply(kind="mla-sent", on=TODAY))
    with pytest.raises(ReplyError, match="lies before the MLA request left, 21 Nov 2026"):
        record(unit.office, silent, Reply(kind="mla-received", on=TODAY - timedelta(days=1)))
    record(unit.office, silent, Reply(kind="mla-received", on=TODAY))
    with pytest.raises(ReplyError, match="lies after the State had it, 21 Nov 2026"):
        record(unit.office, silent, Reply(kind="mla-sent", on=TODAY + timedelta(days=1)))


def test_what_was_sent_on_paper_long_ago_may_still_be_entered_but_not_in_another_year(unit: Unit) -> None:
    (request,) = unit.register()
    with pytest.raises(ReplyError, match="--at lies before a year before it was registered: check the year"):
        record(unit.office, request, Reply(kind="sent", at=MORNING - timedelta(days=366)))
    hold, _ = record(unit.office, request, Reply(kind="sent", at=MORNING - timedelta(days=60)))
    assert hold.sent_at == MORNING - timedelta(days=60)


def test_a_request_that_does_not_exist_is_told(unit: Unit) -> None:
    with pytest.raises(LookupError, match="there is no request HF-000000000000 in this ledger"):
        record(unit.office, "HF-000000000000", Reply(kind="note", text="hello"))


def test_a_remark_is_sealed_and_read_again(unit: Unit, silent: str) -> None:
    from flows.planning import show

    record(unit.office, silent, Reply(kind="note", text="called about canary.account@example.com", by="Clerk"))
    assert "canary.account" not in repr(unit.office.ledger.events(silent))
    told = show(unit.office, silent, at=unit.office.now())["events"][-1]
    assert told["body"]["remarked"]
    assert "text" not in told["body"]
    told = show(unit.office, silent, at=unit.office.now(), remarks=True)["events"][-1]
    assert told["body"]["text"] == "called about canary.account@example.com"
    database = unit.office.settings.ledger_path
    for path in database.parent.glob(database.name + "*"):
        assert b"canary.account" not in path.read_bytes()


def test_a_clarification_starts_the_five_days_against_ourselves(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve({"instrument": "eu.epocpr", "validated_by": "Court"}, country="FR")
    _, decision = record(unit.office, request, Reply(kind="clarification"))
    assert decision.about.startswith("clarification")
    assert decision.due(unit.office.now())
    _, decision = record(unit.office, request, Reply(kind="clarification-answered"))
    assert not decision.about.startswith("clarification")


def test_a_release_needs_a_reason_and_something_to_release(unit: Unit, silent: str) -> None:
    with pytest.raises(ReplyError, match="a release needs a reason"):
        release(unit.office, silent, because="  ")
    (unsent,) = unit.register()
    with pytest.raises(ReplyError, match="--by names an account"):
        release(unit.office, silent, because="charges were dropped", by="canary.account@example.com")
    with pytest.raises(ReplyError, match="was never sent"):
        release(unit.office, unsent, because="charges were dropped")
    release(unit.office, silent, because="charges were dropped")
    unit.sweep()
    with pytest.raises(ReplyError, match="released already"):
        release(unit.office, silent, because="again")


def test_a_refusal_on_the_telephone_ends_the_sending(unit: Unit, silent: str) -> None:
    hold, decision = record(unit.office, silent, Reply(kind="refused", ground="no-legal-basis", at=MORNING))
    assert hold.state is State.REFUSED
    assert decision.about == "refused"


def test_what_was_sent_by_hand_starts_the_clocks_when_it_was_sent(unit: Unit) -> None:
    (request,) = unit.register()
    hold, _ = record(unit.office, request, Reply(kind="sent", at=datetime(2026, 11, 20, 16, tzinfo=UTC)))
    assert hold.expiry is not None
    assert hold.expiry.strict_on == date(2027, 2, 17)
