"""A whole adapter against a whole provider, over HTTPS with certificates on both sides, with all that goes wrong."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from adapter_contract import speak
from hi1_bench import Hi1Bench, effects, hi1_table
from lxml import etree
from plain_letters import PlainLetters
from provider_orders import CANARY, MADE_AT, ROOT, everything_said, extension, item, order

from providers.errors import ConfigurationError, OutcomeUnknown, ProviderError, Refused, Unavailable, Unsupported
from providers.holdings import Promise
from providers.interface import Action, Adapter, Answer, ItemOutcome, Order, SentFile, State
from providers.registry import make_adapter
from providers.sandbox.certificates import Authority, Pair
from providers.sandbox.hi1 import Hi1Responder
from providers.ts103120 import ids

DAY = timedelta(days=1)
TWO = (item("a", "a@example.com"), item("b", "b@example.com"))
LATER = date(2027, 6, 1)
STATUS = order(Action.STATUS)


def verbs(hi1: Hi1Bench, since: int) -> list[Counter[str]]:
    """How often each verb was said in each message from one on."""
    messages = [etree.fromstring(sent) for sent, _ in hi1.wire[since:]]
    return [
        Counter(etree.QName(each[1]).localname for each in message.iter("{*}ActionRequest")) for message in messages
    ]


# Certificates


def with_pair(hi1: Hi1Bench, responder: Hi1Responder, pair: Pair, **environ: str) -> Adapter:
    return hi1.adapter(
        responder,
        environ={"HOLDFAST_HI1_CERTIFICATE": str(pair.certificate), "HOLDFAST_HI1_KEY": str(pair.key), **environ},
    )


def test_an_expired_certificate_of_ours_is_our_own_set_up(hi1: Hi1Bench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "other", name="Example")
    past = datetime.now(UTC) - DAY
    expired = authority.client("FR", "EXAMPLE-UNIT", since=past - DAY, until=past)
    responder = Hi1Responder(replace(hi1.certificates, ca=authority.certificate))
    with responder, pytest.raises(ConfigurationError, match="does not accept our certificate") as caught:
        with_pair(hi1, responder, expired).send(order())
    assert CANARY not in everything_said(caught.value)
    assert responder.account()["effects"] == []


def test_a_certificate_of_a_stranger_is_not_let_in(hi1: Hi1Bench, tmp_path: Path) -> None:
    responder = hi1.play()
    stranger = Authority(tmp_path / "other", name="Somebody").client("FR", "EXAMPLE-UNIT")
    with pytest.raises(ConfigurationError, match="does not accept our certificate"):
        with_pair(hi1, responder, stranger).send(order())
    assert responder.account()["effects"] == []


def test_a_provider_that_cannot_prove_who_it_is_gets_nothing(hi1: Hi1Bench, tmp_path: Path) -> None:
    responder = hi1.play()
    other = Authority(tmp_path / "other", name="Somebody").certificate
    with pytest.raises(ConfigurationError, match="could not prove who it is"):
        hi1.adapter(responder, environ={"HOLDFAST_HI1_CA": str(other)}).send(order())
    assert responder.account()["requests_seen"] == {}


def test_who_speaks_as_another_than_its_certificate_names_is_refused(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(sender={"country": "FR", "identifier": "SOMEBODY-ELSE"})
    with pytest.raises(ConfigurationError, match=r"3004.*config/providers/sandbox-hi1\.toml"):
        adapter.send(order())
    assert responder.account()["effects"] == []


def test_an_operational_ledger_does_not_reach_this_machine(hi1: Hi1Bench) -> None:
    responder = hi1.play()
    adapter = make_adapter(
        "x", hi1_table(), where="x.toml", sandbox=False, zone="", environ=hi1.certificates.environ(responder.url)
    )
    with pytest.raises(ConfigurationError, match="nothing typesets"):
        adapter.send(order())
    with pytest.raises(ConfigurationError, match="loopback"):
        adapter.status(STATUS)


# What is no answer

NO_ANSWER = (
    *("half-answer", "stall", "oversized", "garbage", "empty", "wrong-charset", "wrong-correlation"),
    *("more-identifiers", "other-identifier", "entity-bomb", "external-entity", "too-deep", "drop-after-effect"),
)


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_what_cannot_be_an_answer_is_an_unknown_outcome_and_is_found_after(hi1: Hi1Bench, fault: str) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({fault: 1})
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as caught:
        adapter.send(order())
    assert time.monotonic() - began < 5
    assert caught.value.exchange is not None
    assert CANARY.encode() in caught.value.exchange.sent
    assert CANARY not in everything_said(caught.value)
    assert "somebody.else" not in everything_said(caught.value)
    responder.trouble({})
    found = adapter.find(order())
    assert found is not None
    assert found.state is State.IN_FORCE
    assert effects(responder, order()) == 1


@pytest.mark.parametrize(
    "fault", ["garbage", "stall", "wrong-correlation", "entity-bomb", "other-identifier", "transient", "unavailable"]
)
def test_a_look_that_fails_before_an_act_has_changed_nothing_and_can_be_done_again(hi1: Hi1Bench, fault: str) -> None:
    responder, adapter = hi1.pair()
    sent = adapter.send(order())
    for act in (extension(sent.references, LATER), order(Action.RELEASE, references=sent.references)):
        responder.trouble({fault: 1})
        with pytest.raises(Unavailable):
            speak(adapter, act)
        responder.trouble({})
        assert effects(responder, act) == 0
        assert adapter.find(act) is None


def test_an_answer_in_an_unusual_order_from_swapped_ends_is_read(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"rearranged": 1})
    sent = adapter.send(order(items=TWO))
    assert (sent.state, len(sent.items)) == (State.IN_FORCE, 2)
    assert adapter.extend(extension(sent.references, LATER, items=TWO)).held_until == LATER


def test_an_answer_that_only_acknowledges_is_no_hold_until_one_asks(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"bare": 1})
    sent = adapter.send(order())
    assert (sent.state, sent.held_until, sent.received_on) == (State.ACKNOWLEDGED, None, date(2026, 11, 21))
    assert sent.references == (ids.authorisation("HF-1"),)
    assert adapter.status(STATUS).state is State.IN_FORCE
    assert adapter.extend(extension(sent.references, LATER)).held_until == LATER
    assert adapter.release(order(Action.RELEASE)).state is State.RELEASED


def test_a_provider_that_answers_with_status_200_and_an_error_did_nothing(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"refuse": 1})
    with pytest.raises(Refused, match="error 3000") as caught:
        adapter.send(order())
    assert caught.value.exchange is not None
    assert caught.value.exchange.status == 200
    assert adapter.find(order()) is None


def test_tasks_that_are_stored_and_rejected_are_a_refusal(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"reject": 1})
    with pytest.raises(Refused, match="error 3000"):
        adapter.send(order())
    status = adapter.status(STATUS)
    assert (status.state, status.items[0].outcome) == (State.NOT_HELD, ItemOutcome.REFUSED)


def test_a_message_taken_in_by_half_is_completed_by_sending_it_again(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"in-part": 1})
    said = order(items=TWO)
    with pytest.raises(OutcomeUnknown, match="a part of the message only"):
        adapter.send(said)
    assert adapter.find(said) is None
    responder.trouble({})
    again = adapter.send(said)
    assert [each.outcome for each in again.items] == [ItemOutcome.PRESERVED] * 2
    assert effects(responder, said) == 1


def test_where_the_letter_alone_is_not_taken_the_hold_is_not_asked_for_another_way(hi1: Hi1Bench) -> None:
    """Another way would make a second hold, and nobody would ever follow or release the first."""
    responder, adapter = hi1.pair()
    responder.trouble({"no-documents": 1})
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="a part of the message only"):
            adapter.send(order())
        assert adapter.find(order()) is None
    assert effects(responder, order()) == 1


def test_what_is_there_already_is_compared_before_it_is_believed(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    adapter.send(order())
    with pytest.raises(OutcomeUnknown, match="another identifier"):
        adapter.send(order(items=(item("item-1", "other@example.com"),)))
    again = adapter.send(order())
    assert (again.state, again.received_on) == (State.IN_FORCE, None)
    assert again.exchange.sent.count(b"POST ") == 2  # the second sending, and the look
    assert effects(responder, order()) == 1


# Acts on a part


def test_an_act_leaves_out_the_tasks_that_have_ended(hi1: Hi1Bench) -> None:
    responder = hi1.play(seed=3)
    adapter = hi1.adapter(responder)
    responder.trouble({"no-account": 0.5})
    items = tuple(item(f"i{n}", f"{n}@example.com") for n in range(12))
    sent = adapter.send(order(items=items))
    outcomes = Counter(each.outcome for each in sent.items)
    assert set(outcomes) == {ItemOutcome.PRESERVED, ItemOutcome.NOT_FOUND}
    before = len(hi1.wire)
    longer = adapter.extend(extension(sent.references, LATER, items=items))
    assert longer.held_until == LATER
    assert Counter(each.outcome for each in longer.items) == outcomes
    assert verbs(hi1, before) == [{"GET": 13}, {"UPDATE": outcomes[ItemOutcome.PRESERVED], "CREATE": 1}]
    released = adapter.release(order(Action.RELEASE, items=items))
    assert released.state is State.RELEASED
    again = adapter.release(order(Action.RELEASE, items=items))
    assert again.state is State.RELEASED


def test_what_was_never_there_cannot_be_extended_and_need_not_be_released(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair()
    with pytest.raises(Refused) as caught:
        adapter.extend(extension((), LATER))
    assert caught.value.ground == "extension-not-granted"
    gone = adapter.release(order(Action.RELEASE))
    assert (gone.state, gone.items, gone.references) == (State.NOT_HELD, (), ())
    assert adapter.status(STATUS).state is State.NOT_HELD


def test_an_extension_that_is_granted_for_less_is_told_as_granted(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    sent = adapter.send(order())
    responder.trouble({"earlier-end": 1})
    longer = adapter.extend(extension(sent.references, LATER))
    assert longer.held_until == LATER - 3 * DAY


def test_a_provider_that_extends_once_refuses_the_second_time(hi1: Hi1Bench) -> None:
    responder = hi1.play(promise=Promise(extensions=1))
    adapter = hi1.adapter(responder)
    sent = adapter.send(order())
    adapter.extend(extension(sent.references, LATER))
    second = extension(sent.references, LATER + 90 * DAY, sequence=2, held_until=LATER)
    with pytest.raises(Refused) as caught:
        adapter.extend(second)
    assert caught.value.ground == "extension-not-granted"
    assert adapter.find(second) is None
    assert adapter.status(STATUS).held_until == LATER


def test_a_hold_ends_by_itself_on_the_day_after_its_last(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair()
    last = adapter.send(order()).held_until
    assert last == date(2027, 2, 19)
    for moment, state in (
        (datetime(2027, 2, 19, 23, 59, tzinfo=UTC), State.IN_FORCE),
        (datetime(2027, 2, 20, 0, 1, tzinfo=UTC), State.EXPIRED),
    ):
        assert adapter.status(order(Action.STATUS, made_at=moment)).state is state


@pytest.mark.parametrize("zone", ["Europe/Dublin", "Pacific/Auckland", "America/Los_Angeles"])
def test_days_are_those_of_the_provider_s_zone(hi1: Hi1Bench, zone: str) -> None:
    responder = hi1.play(zone=zone)
    adapter = hi1.adapter(responder, zone=zone)
    moment = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    there = {"Europe/Dublin": 2, "Pacific/Auckland": 2, "America/Los_Angeles": 1}[zone]
    sent = adapter.send(order(made_at=moment, hold_until=date(2026, 10, 31)))
    assert (sent.received_on, sent.held_until) == (date(2026, 7, there), date(2026, 10, 31))
    longer = extension(sent.references, date(2026, 11, 30), made_at=moment)
    assert adapter.extend(longer).held_until == date(2026, 11, 30)


# Polls


class Clock:
    def __init__(self) -> None:
        self.now = MADE_AT

    def __call__(self) -> datetime:
        return self.now


def poll(adapter: Adapter, at: datetime, **changes: object) -> Answer:
    return adapter.status(order(Action.STATUS, items=TWO, made_at=at, **changes))


def test_a_poll_asks_for_all_once_and_then_for_what_has_changed(hi1: Hi1Bench) -> None:
    responder, clock = hi1.play(), Clock()
    adapter = hi1.adapter(responder, clock=clock)
    responder.trouble({"late-acknowledgement": 1})
    adapter.send(order(items=TWO))
    states, said = [], []
    for minute in range(1, 5):
        before, clock.now = len(hi1.wire), MADE_AT + timedelta(minutes=minute)
        states.append(poll(adapter, clock.now).state)
        said += verbs(hi1, before)
    assert states == [State.ACKNOWLEDGED, *[State.IN_FORCE] * 3]
    assert said == [
        {"LIST": 1, "GET": 3},  # all of it: the authorisation and two tasks
        {"LIST": 2},
        {"GET": 2},  # both tasks have changed
        {"LIST": 2},
        {"LIST": 2},
    ]


def test_after_an_act_all_is_asked_for_again(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair()
    sent = adapter.send(order(items=TWO))
    poll(adapter, MADE_AT)
    adapter.extend(extension(sent.references, LATER, items=TWO))
    before = len(hi1.wire)
    assert poll(adapter, MADE_AT).held_until == LATER
    assert verbs(hi1, before) == [{"LIST": 1, "GET": 3}]


def test_after_a_day_all_is_asked_for_again(hi1: Hi1Bench) -> None:
    responder, clock = hi1.play(), Clock()
    adapter = hi1.adapter(responder, clock=clock)
    adapter.send(order(items=TWO))
    poll(adapter, clock.now)
    before, clock.now = len(hi1.wire), MADE_AT + DAY
    poll(adapter, clock.now)
    assert verbs(hi1, before) == [{"LIST": 1, "GET": 3}]


def test_a_change_between_two_polls_of_one_second_is_not_missed(hi1: Hi1Bench) -> None:
    responder, clock = hi1.play(), Clock()
    adapter = hi1.adapter(responder, clock=clock)
    sent = adapter.send(order(items=TWO))
    assert poll(adapter, clock.now).held_until == sent.held_until
    other = hi1.adapter(responder, clock=clock)
    other.extend(extension(sent.references, LATER, items=TWO))
    assert poll(adapter, clock.now).held_until == LATER


def test_a_provider_without_lists_is_asked_for_all_each_time(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    responder.trouble({"no-list": 1})
    adapter.send(order(items=TWO))
    before = len(hi1.wire)
    assert [poll(adapter, MADE_AT).state for _ in range(2)] == [State.IN_FORCE] * 2
    assert verbs(hi1, before) == [{"LIST": 1, "GET": 3}, {"LIST": 2}, {"GET": 2}]


def test_a_poll_that_fails_is_forgotten_and_the_next_asks_for_all(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    adapter.send(order(items=TWO))
    poll(adapter, MADE_AT)
    responder.trouble({"more-identifiers": 1})
    with pytest.raises(OutcomeUnknown):
        poll(adapter, MADE_AT)
    responder.trouble({})
    assert poll(adapter, MADE_AT).state is State.IN_FORCE


def test_a_notification_newer_than_its_task_is_believed(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    adapter.send(order(items=TWO))
    assert poll(adapter, MADE_AT).state is State.IN_FORCE
    responder.control("clock", {"now": (MADE_AT + timedelta(hours=1)).isoformat()})
    responder.control("notify", {"request": "HF-1", "status": "PreservationNotAvailable", "says": "deleted"})
    told = poll(adapter, MADE_AT + timedelta(hours=1), sent_at=MADE_AT)
    assert (told.state, {each.outcome for each in told.items}) == (State.NOT_HELD, {ItemOutcome.NOT_FOUND})
    before = len(hi1.wire)
    poll(adapter, MADE_AT + timedelta(hours=2), sent_at=MADE_AT)
    assert verbs(hi1, before) == [{"LIST": 2}]  # what was read once is not asked for again


def test_a_notification_about_one_request_is_not_lost_while_another_is_polled(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    hi1.also.add("/".join(QUESTION["type"]))
    for number in (1, 2):
        adapter.send(epoc(number=number))
    responder.control("clock", {"now": (MADE_AT + timedelta(minutes=5)).isoformat()})
    responder.control("notify", QUESTION)  # about the first
    for _ in range(2):
        other = adapter.status(order(Action.STATUS, 2, sent_at=MADE_AT))
        assert other.question == ""
    assert adapter.status(order(Action.STATUS, 1, sent_at=MADE_AT)).question


def test_hundreds_of_identifiers_go_in_one_message_and_are_asked_for_in_several(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    items = tuple(item(f"i{n}", f"{n}@example.com") for n in range(450))
    sent = adapter.send(order(items=items))
    assert (sent.state, len(sent.items)) == (State.IN_FORCE, 450)
    before = len(hi1.wire)
    longer = adapter.extend(extension(sent.references, LATER, items=items))
    assert longer.held_until == LATER
    assert [sum(each.values()) for each in verbs(hi1, before)] == [400, 51, 451]
    fresh = hi1.adapter(responder)
    assert len(fresh.status(order(Action.STATUS, items=items)).items) == 450
    assert fresh.find(order(items=items)) is not None


def test_an_extension_that_was_taken_in_in_part_is_said_again_of_the_rest_alone(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair()
    sent = adapter.send(order(items=TWO))
    longer = extension(sent.references, LATER, items=TWO)
    responder.trouble({"in-part": 1})
    with pytest.raises(OutcomeUnknown, match="a part of the message only"):
        adapter.extend(longer)
    assert adapter.find(longer) is None
    responder.trouble({})
    before = len(hi1.wire)
    assert adapter.extend(longer).held_until == LATER
    assert sum(each.get("UPDATE", 0) for each in verbs(hi1, before)) == 1


# The e-Evidence profile

EPOC = {
    "instrument": "eu.epocpr",
    "legal_basis": "Regulation (EU) 2023/1543",
    "validated_by": "Court of Example",
    "hold_until": date(2027, 1, 20),
}
QUESTION: dict[str, Any] = {
    "request": "HF-1",
    "type": ["ETSI", "EPOCNotificationType", "NotClear"],
    "says": "which account?",
}


def epoc(action: Action = Action.SEND, number: int = 1, **changes: object) -> Order:
    return order(action, number, **{**EPOC, **changes})  # type: ignore[arg-type]


def test_a_plain_provider_takes_neither_an_announcement_nor_a_clarification(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair()
    assert not adapter.capabilities.announce
    with pytest.raises(Unsupported):
        adapter.announce(order(Action.ANNOUNCE))
    with pytest.raises(Unsupported):
        adapter.clarify(order(Action.CLARIFY))


def test_an_announced_production_keeps_the_data_without_an_end(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    assert adapter.capabilities.announce
    sent = adapter.send(epoc())
    assert sent.held_until == date(2027, 1, 20)
    announcement = epoc(Action.ANNOUNCE, references=sent.references, production_on=date(2027, 1, 10))
    assert adapter.find(announcement) is None
    answer = adapter.announce(announcement)
    assert (answer.state, answer.held_until) == (State.IN_FORCE, None)
    assert adapter.find(announcement) is not None
    assert effects(responder, announcement) == 1
    adapter.announce(announcement)
    assert effects(responder, announcement) == 1
    late = datetime(2027, 12, 1, tzinfo=UTC)
    assert adapter.status(epoc(Action.STATUS, made_at=late)).state is State.IN_FORCE


def test_an_extension_goes_with_its_form_and_is_confirmed_by_the_new_end_alone(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    sent = adapter.send(epoc())
    longer = epoc(Action.EXTEND, references=sent.references, hold_until=date(2027, 2, 19))
    answer = adapter.extend(longer)
    assert answer.held_until == date(2027, 2, 19)
    assert b"Form6" in answer.exchange.sent
    assert effects(responder, longer) == 1


def test_the_provider_s_question_is_told_with_its_id_until_another_comes(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    hi1.also.add("/".join(QUESTION["type"]))
    adapter.send(epoc())
    status = epoc(Action.STATUS, sent_at=MADE_AT)
    assert adapter.status(status).question == ""
    responder.control("notify", QUESTION)
    first = adapter.status(status)
    assert first.question
    assert first.question_at == MADE_AT, "the five days run from when it was asked"
    assert adapter.status(status).question == first.question
    responder.control("clock", {"now": (MADE_AT + DAY).isoformat()})
    responder.control("notify", QUESTION)
    second = adapter.status(replace(status, question=first.question)).question
    assert second not in ("", first.question)


def test_a_question_does_not_end_the_hold_that_it_is_about(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    adapter.send(epoc())
    responder.control("clock", {"now": (MADE_AT + timedelta(hours=1)).isoformat()})
    responder.control("notify", {"request": "HF-1", "status": "Invalid", "says": "which account?"})
    asked = adapter.status(epoc(Action.STATUS, sent_at=MADE_AT, made_at=MADE_AT + timedelta(hours=1)))
    assert (asked.state, asked.held_until) == (State.IN_FORCE, date(2027, 1, 20))
    assert asked.question


def test_the_answer_to_a_question_goes_as_a_document_once(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    hi1.also.add("/".join(QUESTION["type"]))
    adapter.send(epoc())
    responder.control("notify", QUESTION)
    asked = adapter.status(epoc(Action.STATUS, sent_at=MADE_AT)).question
    clarification = epoc(Action.CLARIFY, question=asked, answer="The account that received the invoice.")
    assert adapter.find(clarification) is None
    answer = adapter.clarify(clarification)
    assert answer.state is State.IN_FORCE
    assert f"<AssociatedObject>{asked}</AssociatedObject>".encode() in answer.exchange.sent
    adapter.clarify(clarification)
    assert adapter.find(clarification) is not None
    assert effects(responder, clarification) == 1


def test_where_questions_may_come_a_provider_that_lists_none_is_an_error(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence")
    adapter.send(epoc())
    responder.trouble({"no-list": 1})
    with pytest.raises(Unsupported, match="3001"):
        adapter.status(epoc(Action.STATUS))


def test_an_act_of_which_nothing_would_be_said_is_not_sent(hi1: Hi1Bench) -> None:
    responder, adapter = hi1.pair(profile="e-evidence", documents=["send"], words={"announced_status": ""})
    adapter.send(epoc())
    for act in (epoc(Action.ANNOUNCE), epoc(Action.CLARIFY, answer="Yes.")):
        with pytest.raises(Unsupported, match="nothing of it would be said"):
            speak(adapter, act)
        assert effects(responder, act) == 0


# What a provider publishes, and what it is not sent


def test_formats_that_the_provider_does_not_take_are_told_before_anything_is_sent(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair(ask_first=True)
    assert adapter.send(order()).state is State.IN_FORCE
    address = (item("a", "2001:db8::1", "ip"),)
    with pytest.raises(Unsupported, match="takes no ETSI/IPv6Address") as caught:
        adapter.send(order(number=2, items=address))
    assert "2001" not in everything_said(caught.value)
    assert adapter.find(order(number=2, items=address)) is None
    assert [each for each in verbs(hi1, 0) if "GETCSPCONFIG" in each] == [{"GETCSPCONFIG": 1}]


def test_what_was_sent_names_its_sender_and_its_documents(hi1: Hi1Bench) -> None:
    """Reg. (EU) 2023/1543 art. 19(6): sender, recipient, file name and size of a transmission."""
    _, adapter = hi1.pair()
    sent = adapter.send(order()).exchange
    letter = PlainLetters().write(order())
    assert sent.sender == "FR EXAMPLE-UNIT"
    assert sent.recipient
    assert sent.files == (SentFile.of(letter.name, letter.pdf),)


def test_the_letter_is_left_out_where_the_table_says_so(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair(documents=[])
    said = order(categories=("traffic",))
    assert adapter.send(said).state is State.IN_FORCE
    assert all(b"DocumentObject" not in sent for sent, _ in hi1.wire)
    assert adapter.find(said) is not None


def test_an_older_version_may_be_spoken(hi1: Hi1Bench) -> None:
    _, adapter = hi1.pair(etsi_version="V1.14.1")
    assert adapter.send(order()).state is State.IN_FORCE
    assert b"<ETSIVersion>V1.14.1</ETSIVersion>" in hi1.wire[0][0]
    _, ancient = hi1.pair(etsi_version="V1.2.1")
    with pytest.raises(ConfigurationError, match="3021"):
        ancient.send(order())


@pytest.mark.parametrize("seed", range(4))
def test_a_hostile_provider_gets_each_message_once_whatever_it_answers(hi1: Hi1Bench, seed: int) -> None:
    """Send until it is known to have arrived, as the sweep does; a refusal ends it."""
    responder = hi1.play(seed=seed, hostility=0.4, stall=0.01)
    adapter = hi1.adapter(responder)
    arrived = 0
    for number in range(6):
        said = order(number=number, items=TWO)
        arrived += _persist(adapter, said)
        assert effects(responder, said) <= 1
    assert responder.account()["duplicates"] == []
    assert arrived


def _persist(adapter: Adapter, said: Order) -> bool:
    steps: dict[bool, Callable[[Order], Answer | None]] = {False: adapter.send, True: adapter.find}
    in_doubt = False
    for _ in range(60):
        try:
            if steps[in_doubt](said) is not None:
                return True
            in_doubt = False
        except Unavailable:
            pass
        except OutcomeUnknown:
            in_doubt = True
        except (Refused, Unsupported, ConfigurationError):
            return False
        except ProviderError:  # pragma: no cover - there are no others
            raise
    raise AssertionError("it never came to an end")


def test_nothing_of_it_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, providers.registry as r, tomllib, pathlib; "
        "t = tomllib.loads(pathlib.Path('config/providers/sandbox-hi1.toml').read_text())['adapter']; "
        "assert r.check_adapter_table(t, 'x') == []; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"lxml", "signxml", "providers.ts103120.adapter"}
    assert not heavy & set(loaded.stdout.split())
