"""What a person asks us to tell the provider is said once, and only what was said stops a clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import CANARY, MORNING, Unit

from flows.asking import announce, answer, press, release
from flows.chronicle import told
from flows.erasing import erase
from flows.planning import show
from flows.replying import NamesAccount, Reply, ReplyError, record
from flows.sweeping import work_on
from providers.errors import Unavailable
from providers.interface import Action, Answer, Capabilities, Exchange, Order, State
from providers.memory import MemoryProvider
from timeline.state import State as Stands

EU: dict[str, Any] = {"instrument": "eu.epocpr", "validated_by": "Public prosecutor"}
FRANCE: dict[str, Any] = {"country": "FR", "mla": {"requested_state": "IE", "send_on": "2026-12-01"}}


class Listening(MemoryProvider):
    """A provider that also takes announcements and answers, and keeps what it was told."""

    def __init__(self, *names: Any, **given: Any) -> None:
        super().__init__(*names, **given)
        self.capabilities = Capabilities(idempotent=True, can_find=True, announce=True, clarify=True)
        self.told: list[Order] = []
        self.deaf = 0

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        if order.action not in {Action.ANNOUNCE, Action.CLARIFY}:
            return super()._deliver(order, message)
        if self.deaf:
            self.deaf -= 1
            raise Unavailable("not now", retry_after=3600)
        self.told.append(order)
        return self._exchange(message, json.dumps({"taken": order.key}).encode())

    def _read(self, order: Order, exchange: Exchange) -> Answer:
        if order.action not in {Action.ANNOUNCE, Action.CLARIFY}:
            return super()._read(order, exchange)
        return Answer(state=State.IN_FORCE, references=order.references, exchange=exchange)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


@pytest.fixture
def listening(unit: Unit) -> Listening:
    provider = Listening("alpha", clock=lambda: unit.office.now())  # noqa: PLW0108 - the office comes later
    unit.office.adapters["alpha"] = provider
    return provider


def test_an_announcement_is_made_and_keeps_the_data_beyond_the_last_day(unit: Unit, listening: Listening) -> None:
    (request,) = unit.preserve(EU, **FRANCE)
    assert unit.office.hold(request).terms.abilities.announce, "learned from the channel it went over"
    unit.later(days=40)
    announce(unit.office, request, on=date(2026, 12, 30), reference="EPOC/2026/77", by="Duty officer")
    work_on(unit.office, [request])
    (told,) = listening.told
    assert (told.action, told.production_on, told.production_reference) == (
        Action.ANNOUNCE,
        date(2026, 12, 30),
        "EPOC/2026/77",
    )
    hold = unit.office.hold(request)
    assert hold.state is Stands.OPEN_ENDED
    assert unit.last(request, "production-announced").body["on"] == "2026-12-31"
    work_on(unit.office, [request])
    assert len(listening.told) == 1


def test_the_clock_stops_when_it_was_said_and_not_when_it_was_asked_for(unit: Unit, listening: Listening) -> None:
    (request,) = unit.preserve(EU, **FRANCE)
    listening.deaf = 99
    announce(unit.office, request)
    work_on(unit.office, [request])
    assert unit.office.hold(request).expiry is not None
    assert "production-announced" not in unit.kinds(request)
    listening.deaf = 0
    unit.later(hours=7)
    unit.sweep()
    assert unit.office.hold(request).expiry is None


def test_where_no_machine_can_announce_a_person_is_told_and_records_it(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve(EU, **FRANCE)
    announce(unit.office, request)
    report = work_on(unit.office, [request])
    assert report.person
    assert unit.last(request, "escalated").body["about"] == "announce"
    hold, _ = record(unit.office, request, Reply(kind="production-announced", on=MORNING.date(), by="clerk"))
    assert hold.state is Stands.OPEN_ENDED


@pytest.mark.parametrize(
    ("ready", "wrong"),
    [
        ("us", "knows no announcement"),
        ("twice", "was announced on 2026-11-21 already"),
        ("unsent", "was never sent"),
        ("released", "is released already"),
        ("future", "lies in the future"),
        ("names", "--reference names an account"),
    ],
)
def test_an_announcement_that_cannot_be_is_refused(unit: Unit, listening: Listening, ready: str, wrong: str) -> None:
    given = {"us": {}}.get(ready, EU)
    case = {} if ready == "us" else FRANCE
    (request,) = unit.register(given, **case) if ready == "unsent" else unit.preserve(given, **case)
    if ready == "twice":
        announce(unit.office, request)
        work_on(unit.office, [request])
    if ready == "released":
        release(unit.office, request, because="not needed")
        record(unit.office, request, Reply(kind="released", by="clerk"))
    before = len(unit.kinds(request))
    on = MORNING.date() + timedelta(days=9) if ready == "future" else None
    with pytest.raises(ReplyError, match=wrong):
        announce(unit.office, request, on=on, reference=CANARY if ready == "names" else "")
    assert len(unit.kinds(request)) == before, "nothing was entered"


def test_an_answer_leaves_at_once_and_stops_the_five_days(unit: Unit, listening: Listening) -> None:
    (request,) = unit.preserve(EU, **FRANCE)
    record(unit.office, request, Reply(kind="clarification", by="clerk"))
    answer(unit.office, request, text=f"The account {CANARY} is meant.", by="Duty officer")
    work_on(unit.office, [request])
    (told,) = listening.told
    assert told.answer == f"The account {CANARY} is meant."
    hold = unit.office.hold(request)
    assert hold.clarification is not None
    assert hold.clarification[2]


def test_the_answer_stands_sealed_in_the_record(unit: Unit, listening: Listening) -> None:
    (request,) = unit.preserve(EU, **FRANCE)
    record(unit.office, request, Reply(kind="clarification", by="clerk"))
    answer(unit.office, request, text=f"The account {CANARY} is meant.")
    assert CANARY not in json.dumps([dict(event.body) for event in unit.office.ledger.events(request)])


def test_nothing_is_answered_where_nothing_was_asked(unit: Unit, listening: Listening) -> None:
    (request,) = unit.preserve(EU, **FRANCE)
    with pytest.raises(ReplyError, match="asks nothing"):
        answer(unit.office, request, text="Yes.")
    record(unit.office, request, Reply(kind="clarification", by="clerk"))
    with pytest.raises(ReplyError, match="needs a text"):
        answer(unit.office, request, text=" ")


def test_a_proof_is_kept_sealed_with_its_digest(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    receipt = b"\x89PNG a screenshot that shows " + CANARY.encode()
    record(unit.office, request, Reply(kind="acknowledged", reference="A-1", proof=receipt, by="clerk"))
    body = unit.last(request, "acknowledged").body
    assert (len(str(body["proof_sha256"])), body["proof_size"]) == (64, len(receipt))
    assert unit.office.vault.unseal(str(body["proof"])) == receipt


def test_a_proof_that_is_too_large_is_refused(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    with pytest.raises(ReplyError, match="larger than 25 MB"):
        record(unit.office, request, Reply(kind="note", text="see", proof=b"x" * ((25 << 20) + 1)))


def test_what_a_person_sent_over_another_channel_is_followed_up_by_people(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.register()
    record(unit.office, request, Reply(kind="sent", channel="post", by="clerk"))
    assert unit.office.hold(request).channel == "post"
    assert not unit.office.hold(request).terms.abilities.poll


def test_who_wanted_something_now_is_recorded_once_for_each_run_and_named_in_the_story(unit: Unit) -> None:
    (request,) = unit.register()
    for run in ("one", "one", "two"):
        press(unit.office, [request], "send", by="Contact team", run=run)
    notes = [event for event in show(unit.office, request, at=MORNING)["events"] if event["kind"] == "note"]
    assert [event["body"]["run"] for event in notes] == ["one", "two"]
    assert told(notes[0]) == "to be sent at once; entered for Contact team"


def test_a_name_that_is_the_account_of_any_of_the_requests_is_recorded_with_none(unit: Unit) -> None:
    requests = unit.register({}, {"identifiers": [{"type": "username", "value": "quiet_harbour"}]})
    with pytest.raises(NamesAccount):
        press(unit.office, requests, "send", by="quiet_harbour", run="one")
    assert [event.kind for event in unit.office.ledger.all_events()] == ["registered", "registered"]


def test_an_erased_request_keeps_no_other_from_being_sent_now_nor_people_from_being_told(unit: Unit) -> None:
    (erased,) = unit.register({}, reference="CY-1")
    (other,) = unit.register({"identifiers": [{"type": "username", "value": "quiet_harbour"}]}, reference="CY-2")
    erase(unit.office, "CY-1", because="a court's order", open_too=True)
    before = unit.kinds(erased)
    press(unit.office, [erased, other], "send", by="Contact team", run="one")
    assert unit.last(other, "note").body["pressed"] == "send"
    assert unit.kinds(erased) == before, "whether the name is an account of it, nobody can say any more"
    with pytest.raises(NamesAccount):
        press(unit.office, [erased, other], "send", by="quiet_harbour", run="two")
