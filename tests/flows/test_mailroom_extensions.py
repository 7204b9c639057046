"""Mail about an extension: what confirms one, what does not, and what a refusal refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from mail_support import DESK, Clock, Desk, MailUnit, Post, mail

from flows import inbox
from flows.replying import Reply, ReplyError, record
from providers.sandbox.mail_servers import MailSandbox
from timeline.state import State


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[MailUnit]:
    clock = Clock()
    with MailSandbox(clock=clock) as post:
        made = MailUnit(tmp_path, post)
        clock.unit = made
        yield made
        made.close()


def held(unit: MailUnit) -> str:
    """A request in force until 19 February 2027 by the desk's own word."""
    request = unit.write()
    unit.collect()
    assert unit.office.hold(request).held_until == {0: date(2027, 2, 19)}
    return request


def extending(unit: MailUnit) -> str:
    """A request in force whose extension was mailed, and not answered."""
    request = held(unit)
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT]
    unit.sweep()
    assert unit.office.hold(request).unconfirmed is not None
    return request


def answer(unit: MailUnit, said: str, **fields: str) -> None:
    unit.post.post(Post(raw=mail(said, **fields), sender=DESK))
    unit.collect()


def why(unit: MailUnit) -> str:
    """Why the one open message is for a person."""
    (message,) = unit.open()
    return " ".join(str(fault) for fault in message.body["faults"])  # type: ignore[union-attr]


LONGER = "The preservation was extended until 2027-05-20."
RECEIPT = (
    "We received your preservation request on 2026-11-21. Our reference is {0}. The data are preserved until {1}."
)


# What confirms an extension


@pytest.mark.parametrize("threaded", [True, False])
def test_a_longer_last_day_confirms_the_extension_that_was_asked_for(unit: MailUnit, threaded: bool) -> None:
    request = extending(unit)
    answers = {"In_Reply_To": f"<{request}.extend.1@unit.example>"} if threaded else {}
    answer(unit, LONGER, Subject=f"[Ticket 77] {request}", **answers)
    hold = unit.office.hold(request)
    assert (hold.granted, hold.held_until[1]) == (1, date(2027, 5, 20))
    assert not unit.open()


def test_a_receipt_for_the_extension_that_repeats_the_first_end_confirms_nothing(unit: MailUnit) -> None:
    request = extending(unit)
    before = unit.office.hold(request)
    said = RECEIPT.format(before.references[0], "2027-02-19")
    answer(unit, said, In_Reply_To=f"<{request}.extend.1@unit.example>")
    after = unit.office.hold(request)
    assert (after.granted, after.expiry, after.unconfirmed) == (0, before.expiry, before.unconfirmed)
    assert "2027-02-19 is no later than what the hold has without the extension" in why(unit)
    with pytest.raises(ReplyError, match="no later than what the hold has without"):
        inbox.confirm(unit.office, unit.open()[0].message)
    unit.run_until(unit.office.now() + timedelta(days=8))
    assert "extension 1 " in unit.last(request, "escalated").body["because"]


def test_the_same_confirmation_that_comes_twice_counts_once(unit: MailUnit) -> None:
    request = extending(unit)
    said = {"Subject": f"[Ticket 77] {request}", "Message_ID": "<same@letters.example>"}
    for _ in range(2):
        answer(unit, LONGER, **said)
        ends = unit.office.hold(request).expiry
        said["Received"] = "from mx2.letters.example"
    hold = unit.office.hold(request)
    assert (hold.granted, hold.expiry) == (1, ends)
    assert "nobody asked for extension 2" in why(unit)
    with pytest.raises(ReplyError, match="no later than what the hold has without"):
        inbox.confirm(unit.office, unit.open()[0].message)


def test_an_extension_that_nobody_asked_for_is_entered_by_a_person_alone(unit: MailUnit) -> None:
    request = held(unit)
    answer(unit, LONGER, Subject=request)
    assert unit.office.hold(request).granted == 0
    assert "nobody asked for extension 1" in why(unit)
    _, hold = inbox.confirm(unit.office, unit.open()[0].message, by="Duty officer")
    assert (hold.granted, hold.held_until[1]) == (1, date(2027, 5, 20))


def test_an_extension_of_which_nobody_knows_whether_it_arrived_is_confirmed_by_its_answer(unit: MailUnit) -> None:
    from mail_support import SmtpServer

    request = held(unit)
    unit.later(days=85)
    with SmtpServer() as server:
        server.answers["."] = None
        unit.office.adapters["letter"] = unit.adapter(server.environ)
        unit.sweep()
    act = unit.office.hold(request).act("extend", 1)
    assert act is not None
    assert act.outcome == "unknown"
    answer(unit, LONGER, Subject=request)
    assert unit.office.hold(request).granted == 1


def test_a_first_answer_that_names_the_laws_own_last_day_confirms_no_extension(unit: MailUnit) -> None:
    """Before the provider named any end, such a day may be that of the first request."""
    request = unit.write(Desk.SILENT)
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT]
    unit.sweep()
    answer(unit, RECEIPT.format("X-1", "2027-02-19"), In_Reply_To=f"<{request}.extend.1@unit.example>")
    assert unit.office.hold(request).granted == 0
    assert len(unit.open()) == 1


@pytest.mark.parametrize("threaded", [True, False])
def test_the_receipt_of_an_extension_does_not_move_the_receipt_of_the_request(unit: MailUnit, threaded: bool) -> None:
    request = extending(unit)
    before = unit.office.hold(request)
    said = f"We received your preservation request on 2027-02-14. Our reference is {before.references[0]}."
    answers = {"In_Reply_To": f"<{request}.extend.1@unit.example>"} if threaded else {}
    answer(unit, said, Subject=request, **answers)
    assert unit.office.hold(request).received_on == before.received_on == date(2026, 11, 21)
    assert threaded or "which message was received on 2027-02-14?" in why(unit)


# What a refusal refuses

NO = "We cannot preserve these data: extension-not-granted."


def refusing(unit: MailUnit) -> None:
    replies = unit.office.catalogue.providers["letter"].adapter["replies"]
    replies["refused"].append({"body": "extension-not-granted", "ground": "extension-not-granted"})


def test_a_refused_extension_that_answers_no_message_of_ours_does_not_end_the_hold(unit: MailUnit) -> None:
    refusing(unit)
    request = extending(unit)
    before = unit.office.hold(request)
    answer(unit, NO, Subject=f"[Ticket 77] Preservation request {request} (extend)")
    after = unit.office.hold(request)
    assert (after.state, after.expiry) == (State.IN_FORCE, before.expiry)
    assert "it refuses an extension" in why(unit)
    (message,) = unit.open()
    with pytest.raises(ReplyError, match="it refuses an extension"):
        inbox.confirm(unit.office, message.message)
    record(unit.office, request, Reply(kind="refused", action="extend", ground="extension-not-granted"))
    inbox.settle(unit.office, message.message, as_="entered")
    assert unit.office.hold(request).state is State.IN_FORCE
    assert unit.office.hold(request).extension_refused


def test_a_refused_extension_that_answers_it_is_entered(unit: MailUnit) -> None:
    refusing(unit)
    request = extending(unit)
    answer(unit, NO, In_Reply_To=f"<{request}.extend.1@unit.example>")
    assert unit.office.hold(request).extension_refused
    assert unit.office.hold(request).state is State.IN_FORCE
    assert not unit.open()


def test_a_request_is_never_refused_because_an_extension_is(unit: MailUnit) -> None:
    refusing(unit)
    request = unit.write(Desk.SILENT)
    answer(unit, NO, In_Reply_To=f"<{request}.send.1@unit.example>")
    assert unit.office.hold(request).state is State.SENT
    assert "it refuses an extension" in why(unit)


@pytest.mark.parametrize("said", ["It names no legal basis.", "No account was found."])
def test_bad_news_about_a_hold_in_force_waits_for_a_person(unit: MailUnit, said: str) -> None:
    request = held(unit)
    answer(unit, said, In_Reply_To=f"<{request}.send.1@unit.example>")
    assert unit.office.hold(request).state is State.IN_FORCE
    assert "which message does it refuse?" in why(unit)


def test_bad_news_while_an_extension_is_on_its_way_waits_for_a_person(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT]
    unit.sweep()
    answer(unit, "It names no legal basis.", Subject=request)
    assert unit.office.hold(request).state is State.SENT
    assert "which message does it refuse?" in why(unit)
