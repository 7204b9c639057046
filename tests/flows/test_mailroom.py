from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from mail_support import DESK, UNIT_SERVER, Clock, Desk, MailUnit, Post, mail
from unit_support import CANARY

from flows import inbox, mailroom, sweeping
from flows.asking import release
from flows.mailtrouble import FAILURES_UNTIL_TOLD
from flows.replying import ReplyError
from flows.telling import Notice, deliver
from ledger.interface import Event
from providers.errors import ConfigurationError, Unavailable
from providers.mail.mailbox import Box, Mailbox, opened
from providers.sandbox.mail_servers import MailSandbox
from timeline.state import State


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post(clock: Clock) -> Iterator[MailSandbox]:
    with MailSandbox(clock=clock) as running:
        yield running


@pytest.fixture
def unit(tmp_path: Path, post: MailSandbox, clock: Clock) -> Iterator[MailUnit]:
    made = MailUnit(tmp_path, post)
    clock.unit = made
    yield made
    made.close()


@pytest.fixture
def careful(tmp_path: Path, post: MailSandbox, clock: Clock) -> Iterator[MailUnit]:
    """A unit that trusts no reply of its provider."""
    made = MailUnit(tmp_path, post, trusted=False)
    clock.unit = made
    yield made
    made.close()


def received(unit: MailUnit, request: str) -> list[Event]:
    return [event for event in unit.office.ledger.events(request) if event.kind == "message-received"]


def in_the_window(unit: MailUnit) -> None:
    """Sweep when the extension is due, and again when its answer has come."""
    unit.later(days=85)
    unit.sweep()
    unit.later(minutes=15)
    unit.sweep()


# From sending to the answer


def test_what_was_handed_over_is_sent_and_not_acknowledged(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    assert unit.kinds(request)[:3] == ["registered", "intent", "sent"]
    assert "acknowledged" not in unit.kinds(request)
    assert unit.office.hold(request).state is State.SENT
    assert len(unit.desk.taken) == 1


def test_a_trusted_acknowledgement_is_entered_and_settled_in_one_append(unit: MailUnit) -> None:
    request = unit.write()
    done = unit.collect()
    assert (done.filed, done.entered) == (1, 1)
    hold = unit.office.hold(request)
    assert hold.state is State.IN_FORCE
    assert hold.references == (unit.desk.holdings.find(request=request, key="", today=unit.desk.today)[0].references)
    assert hold.received_on == date(2026, 11, 21)
    assert hold.held_until == {0: date(2027, 2, 19)}
    kinds = unit.kinds(request)
    at = kinds.index("message-received")
    assert kinds[at : at + 4] == ["message-received", "acknowledged", "preserved", "message-settled"]
    assert unit.last(request, "acknowledged").body["source"] == "mail, trusted"
    assert unit.open() == ()
    assert unit.folder_counts() == (0, 1, 0)


def test_an_untrusted_one_stays_open_until_a_person_confirms(careful: MailUnit) -> None:
    request = careful.write()
    careful.collect()
    assert careful.office.hold(request).state is State.SENT
    (message,) = careful.open()
    assert message.request == request
    assert message.proposal["kind"] == "acknowledged"
    assert message.body["vouched_for"] is True
    _, hold = inbox.confirm(careful.office, message.message[:8], by="Desk officer")
    assert hold.state is State.IN_FORCE
    assert careful.last(request, "message-settled").body == {
        "message": message.message,
        "as": "acknowledged",
        "by": "Desk officer",
    }
    assert careful.last(request, "acknowledged").body["source"] == "mail, confirmed by a person"
    assert careful.open() == ()
    with pytest.raises(ReplyError, match="settled already, as acknowledged"):
        inbox.confirm(careful.office, message.message)


@pytest.mark.parametrize("does", [Desk.UNVERIFIED, Desk.STRANGER])
def test_a_reply_that_nobody_vouches_for_is_never_entered_by_itself(unit: MailUnit, does: Desk) -> None:
    request = unit.write(does)
    unit.collect()
    (message,) = unit.open()
    assert message.body["vouched_for"] is False
    assert unit.office.hold(request).state is State.SENT
    if does is Desk.STRANGER:
        assert message.proposal == {}
        assert "its sender is not one that this provider's file names" in message.body["faults"]


def test_an_open_message_is_told_to_a_person_and_climbs_until_it_is_settled(careful: MailUnit) -> None:
    request = careful.write()
    careful.collect()
    about = f"message:{careful.open()[0].message[:12]}"
    careful.sweep()
    assert careful.last(request, "escalated").body["about"] == about
    level = careful.office.hold(request).escalations[about].level
    careful.run_until(careful.office.now() + timedelta(days=3))
    assert careful.office.hold(request).escalations[about].level > level
    inbox.confirm(careful.office, careful.open()[0].message)
    told = len(careful.told())
    careful.later(days=1)
    careful.sweep()
    assert [each for each in careful.told()[told:] if about in each] == []


def test_an_extension_is_asked_for_by_mail_and_confirmed_by_mail(unit: MailUnit) -> None:
    request = unit.write()
    unit.collect()
    before = unit.office.hold(request).expiry
    assert before is not None
    in_the_window(unit)
    hold = unit.office.hold(request)
    assert hold.granted >= 1
    assert hold.expiry is not None
    assert hold.expiry.strict_on > before.strict_on
    assert unit.last(request, "extended").body["source"] == "mail, trusted"


def test_a_refusal_is_entered_with_its_ground(unit: MailUnit) -> None:
    request = unit.write(Desk.REFUSE)
    unit.collect()
    assert unit.office.hold(request).state is State.REFUSED
    assert unit.last(request, "refused").body["ground"] == "no-legal-basis"


def test_no_such_account_is_entered_where_only_one_was_asked_about(unit: MailUnit) -> None:
    request = unit.write(Desk.NO_ACCOUNT)
    unit.collect()
    assert unit.office.hold(request).state is State.NOT_HELD


def test_no_such_account_of_several_is_for_a_person(unit: MailUnit) -> None:
    accounts = [{"type": "email", "value": f"canary{number}@example.com"} for number in range(2)]
    unit.desk.script = [Desk.NO_ACCOUNT]
    (request,) = unit.preserve({"provider": "letter", "identifiers": accounts})
    unit.collect()
    (message,) = unit.open()
    assert any("which account is not there?" in str(fault) for fault in message.body["faults"])  # type: ignore[union-attr]
    with pytest.raises(ReplyError, match="which account is not there"):
        inbox.confirm(unit.office, message.message)
    assert unit.office.hold(request).state is State.SENT


def test_the_same_extension_confirmed_twice_counts_once(unit: MailUnit) -> None:
    request = unit.write()
    unit.collect()
    in_the_window(unit)
    assert unit.office.hold(request).granted == 1
    again = f"The preservation was extended until {unit.office.hold(request).held_until[1]}."
    unit.post.post(Post(raw=mail(again, In_Reply_To=f"<{request}.extend.1@unit.example>"), sender=DESK))
    unit.collect()
    assert unit.office.hold(request).granted == 1
    (message,) = unit.open()
    with pytest.raises(ReplyError, match="extension 1 is confirmed already"):
        inbox.confirm(unit.office, message.message)


def test_an_old_acknowledgement_that_comes_again_takes_no_extension_back(unit: MailUnit) -> None:
    request = unit.write()
    unit.collect()
    in_the_window(unit)
    ends = unit.office.hold(request).expiry
    said = "We received your preservation request on 2026-11-21. Our reference is X-1. Preserved until 2027-02-19."
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{request}.send.1@unit.example>"), sender=DESK))
    unit.collect()
    assert unit.office.hold(request).expiry == ends
    (message,) = unit.open()
    with pytest.raises(ReplyError, match="that the extension has passed"):
        inbox.confirm(unit.office, message.message)


# What cannot be delivered


def test_what_came_back_undelivered_was_never_sent(unit: MailUnit) -> None:
    request = unit.write(Desk.BOUNCE)
    assert unit.office.hold(request).state is State.SENT
    unit.collect()
    hold = unit.office.hold(request)
    assert hold.state is State.REGISTERED
    assert hold.strict_start is None
    assert unit.last(request, "unsupported").body["reason"] == "it came back undelivered (5.1.1)"
    unit.sweep()
    assert unit.last(request, "escalated").body["about"] == "channel"
    assert len(unit.desk.taken) == 0
    assert unit.kinds(request).count("intent") == 1  # it is not sent there again


def test_a_report_that_nobody_vouches_for_waits_for_a_person(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    report = unit.desk.report({"Message-ID": f"<{request}.send.1@unit.example>"}, unit.post.address, "failed")
    unit.post.post(Post(raw=report.raw, verified=False))
    unit.collect()
    assert unit.office.hold(request).state is State.SENT
    (message,) = unit.open()
    assert message.proposal["kind"] == "undelivered"
    inbox.confirm(unit.office, message.message)
    assert unit.office.hold(request).state is State.REGISTERED


def test_a_report_of_success_is_kept_and_bothers_nobody(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    unit.post.post(
        unit.desk.report({"Message-ID": f"<{request}.send.1@unit.example>"}, unit.post.address, "delivered")
    )
    unit.collect()
    assert unit.last(request, "message-settled").body["as"] == "delivered"
    assert unit.office.hold(request).state is State.SENT
    assert unit.open() == ()


def test_a_delay_is_told_and_changes_nothing(unit: MailUnit) -> None:
    request = unit.write(Desk.DELAY)
    unit.collect()
    assert unit.office.hold(request).state is State.IN_FORCE  # the answer came as well
    (message,) = unit.open()
    assert message.body["deliveries"] == [{"action": "delayed", "status": "4.4.1"}]


def test_what_was_sent_another_way_meanwhile_stays_sent(unit: MailUnit) -> None:
    from flows.replying import Reply, record

    request = unit.write(Desk.SILENT)
    record(unit.office, request, Reply(kind="sent", by="clerk"))
    unit.post.post(unit.desk.report({"Message-ID": f"<{request}.send.1@unit.example>"}, unit.post.address, "failed"))
    unit.collect()
    assert unit.office.hold(request).state is State.SENT
    (message,) = unit.open()
    with pytest.raises(ReplyError, match="sent another way meanwhile"):
        inbox.confirm(unit.office, message.message)


# Whose is it?


def test_a_reply_is_matched_by_our_reference_in_its_subject(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    unit.post.post(Post(raw=mail("Call us.", Subject=f"WG: {request}"), sender=DESK))
    unit.collect()
    assert [each.request for each in unit.open()] == [request]


def test_a_reply_is_matched_by_the_providers_reference(careful: MailUnit) -> None:
    first, second = careful.write(), careful.write()
    careful.collect()
    for message in careful.open():
        inbox.confirm(careful.office, message.message)
    reference = careful.office.hold(second).references[0]
    careful.post.post(Post(raw=mail("More of it.", Subject=f"Your case {reference.lower()}"), sender=DESK))
    careful.collect()
    assert [each.request for each in careful.open()] == [second]
    assert first != second


def test_the_providers_reference_in_a_strangers_mail_matches_nothing(careful: MailUnit) -> None:
    request = careful.write()
    careful.collect()
    inbox.confirm(careful.office, careful.open()[0].message)
    reference = careful.office.hold(request).references[0]
    careful.post.post(Post(raw=mail("More.", Subject=reference, From="x@elsewhere.example"), sender=DESK))
    assert careful.collect().unmatched == {"names no request of this ledger": 1}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Subject": "Newsletter"}, "names no request of this ledger"),
        ({"Subject": "Re: HF-7ZZZZZZZZZZ1"}, "names no request of this ledger"),
        ({"X_Loop": "evidence@unit.example"}, "goes round in circles"),
    ],
)
def test_mail_that_belongs_to_no_request_waits_for_a_person_and_is_told(
    unit: MailUnit, fields: dict[str, str], why: str
) -> None:
    unit.post.post(Post(raw=mail("Hello.", **fields), sender=DESK))
    assert unit.collect().unmatched == {why: 1}
    assert unit.folder_counts() == (0, 0, 1)
    (told,) = unit.told()
    assert why in told
    assert "Holdfast/Unmatched" in told
    unit.collect()
    assert len(unit.told()) == 1
    assert next(inbox.unmatched(unit.office)).startswith("1 in the mail folder Holdfast/Unmatched")


def test_a_reply_for_another_units_request_is_left_alone(unit: MailUnit) -> None:
    from ledger.ids import new_request_id

    unit.post.post(Post(raw=mail("Received.", Subject=f"Re: {new_request_id()}"), sender=DESK))
    assert unit.collect().unmatched == {"names a request of another ledger": 1}


def test_our_own_mail_in_the_mailbox_is_filed_and_told_to_nobody(unit: MailUnit) -> None:
    unit.post.put(mail("[Holdfast] level 1", From=unit.post.address, Message_ID="<1@unit.example>"))
    assert unit.collect().ours == 1
    assert unit.told() == []
    assert unit.folder_counts() == (0, 1, 0)


def test_what_could_not_be_told_is_told_by_the_next_pass(unit: MailUnit) -> None:
    known = unit.office.catalogue
    only = tuple(replace(each, tell=("drop",)) for each in known.rung_channels)
    unit.office.catalogue = replace(known, rung_channels=only)
    drop = unit.office.settings.drop_path
    drop.write_text("in the way")
    unit.post.post(Post(raw=mail("Hello."), sender=DESK))
    assert "could not be told of mail" in mailroom.before_sweep(unit.office)[0][1]
    assert unit.folder_counts() == (0, 0, 1)
    drop.unlink()
    assert mailroom.before_sweep(unit.office) == []
    assert len(unit.told()) == 1
    assert mailroom.before_sweep(unit.office) == []
    assert len(unit.told()) == 1


# Once, whatever happens


def test_a_message_is_recorded_once_however_often_it_is_read(careful: MailUnit) -> None:
    request = careful.write()
    careful.collect()
    raw, _ = inbox.content(careful.office, careful.open()[0])
    for _ in range(3):
        careful.post.put(raw)
    careful.collect()
    assert len(received(careful, request)) == 1
    assert careful.folder_counts() == (0, 4, 0)


class PowerCut(Exception):
    pass


class CutOff(Mailbox):
    """A mailbox at which the power fails before anything is filed."""

    def file(self, uid: int, folder: str) -> None:
        raise PowerCut


def test_a_crash_after_recording_and_before_filing_records_nothing_twice(careful: MailUnit) -> None:
    request = careful.write()
    reading = mailroom.Reading(office=careful.office, own=careful.post.address, authserv=UNIT_SERVER)
    box = Box.load(careful.environ, sandbox=True)
    assert box is not None
    with opened(box) as mailbox:
        mailbox.__class__ = CutOff
        with pytest.raises(PowerCut):
            reading.one(mailbox, mailbox.waiting(1)[0])
    assert len(received(careful, request)) == 1
    assert careful.folder_counts() == (1, 0, 0)
    careful.collect()
    assert len(received(careful, request)) == 1
    assert careful.folder_counts() == (0, 1, 0)


def test_two_passes_at_once_record_every_message_once(careful: MailUnit) -> None:
    request = careful.write(Desk.SILENT)
    for number in range(12):
        careful.post.put(mail(f"Hello {number}.", Subject=request))
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: careful.collect(), range(2)))
    while careful.folder_counts()[0]:  # what was left because the other pass worked on the request
        done.append(careful.collect())
    found = [str(event.body["message"]) for event in received(careful, request)]
    assert len(found) == len(set(found)) == 12
    assert careful.folder_counts() == (0, 12, 0)


def test_a_reply_that_names_two_requests_is_for_a_person(unit: MailUnit) -> None:
    first, second = unit.write(Desk.SILENT), unit.write(Desk.SILENT)
    said = f"About {second} too: we received your preservation request on 2026-11-21. Our reference is X-1."
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{first}.send.1@unit.example>"), sender=DESK))
    unit.collect()
    (message,) = unit.open()
    assert message.request == first
    assert message.proposal["kind"] == "acknowledged"
    assert any(second in str(fault) for fault in message.body["faults"])  # type: ignore[union-attr]


def test_people_are_told_by_mail_over_the_same_server(unit: MailUnit) -> None:
    rung = replace(unit.office.catalogue.rung_channels[0], tell=("smtp",), mail_to=DESK)
    notice = Notice(level=1, who="Duty officer", about="mail", because="A test.", at=unit.office.now())
    assert deliver(unit.office.settings, rung, notice).delivered
    assert b"[Holdfast] level 1: mail" in unit.desk.taken[-1]
    assert b"holdfast inbox" in unit.desk.taken[-1]


def test_a_request_that_somebody_works_on_keeps_its_mail_in_the_mailbox(careful: MailUnit) -> None:
    request = careful.write()
    now = careful.office.now()
    (claim,) = careful.office.ledger.claim(now, owner="x", until=now + timedelta(minutes=5), limit=1, request=request)
    assert careful.collect().left == 1
    assert received(careful, request) == []
    careful.office.ledger.give_back(claim)
    assert careful.collect().filed == 1


def test_a_pass_reads_no_more_than_it_may(unit: MailUnit) -> None:
    for number in range(5):
        unit.post.put(mail(f"Hello {number}."))
    assert sum(unit.collect(most=3).unmatched.values()) == 3
    assert unit.folder_counts() == (2, 0, 3)


def test_a_flood_about_one_request_stays_in_the_mailbox(careful: MailUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailroom, "MOST_OPEN", 3)
    request = careful.write(Desk.SILENT)
    for number in range(5):
        careful.post.put(mail(f"Hello {number}.", Subject=request))
    done = careful.collect()
    assert (done.filed, done.unmatched) == (3, {"more than 3 open messages about one request": 2})


def test_what_is_too_large_is_not_fetched(unit: MailUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailroom, "LARGEST", 1000)
    unit.post.put(mail("x " * 2000))
    assert sum(unit.collect().unmatched.values()) == 1
    assert unit.folder_counts() == (0, 0, 1)


def test_hostile_mail_is_recorded_and_changes_nothing_by_itself(unit: MailUnit) -> None:
    request = unit.write(Desk.HOSTILE)
    done = unit.collect()
    assert unit.office.hold(request).state is State.IN_FORCE
    assert len(unit.open()) == done.filed - 1 == 6
    assert done.unmatched == {"goes round in circles": 1}
    zipped = [each for each in unit.open() if each.body["attachments"]]
    assert [each.body["attachments"][0]["type"] for each in zipped] == ["application/zip"]  # type: ignore[index,call-overload]
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) == ()


def test_the_bytes_are_sealed_and_no_account_gets_into_the_record(careful: MailUnit, tmp_path: Path) -> None:
    request = careful.write(Desk.SILENT)
    raw = mail(
        f"We received your preservation request on 2026-11-21. Our reference is X-1.\n{CANARY}", Subject=request
    )
    careful.post.post(Post(raw=raw, sender=DESK))
    careful.collect()
    (message,) = careful.open()
    kept, read = inbox.content(careful.office, message)
    assert kept.endswith(raw[-40:])
    assert CANARY in read.text
    assert inbox.masked(careful.office, request, [read.text])[0].count(CANARY) == 0
    assert CANARY not in str([event.body for event in careful.office.ledger.events(request)])
    assert all(
        CANARY.encode() not in path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.suffix != ".json"
    )


def test_a_reference_that_names_an_account_is_not_kept(unit: MailUnit) -> None:
    (request,) = unit.preserve({"provider": "letter", "identifiers": [{"type": "username", "value": "CANARY-77"}]})
    said = "We received your preservation request on 2026-11-21. Our reference is CANARY-77."
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{request}.send.1@unit.example>"), sender=DESK))
    unit.collect()
    forged = [each for each in unit.open() if "reference" not in each.proposal]
    assert len(forged) == 1
    assert "its reference names an account, and is left out" in forged[0].body["faults"]
    assert "CANARY-77" not in str([event.body for event in unit.office.ledger.events(request)])


def test_a_domain_that_is_an_account_of_the_request_is_not_kept(unit: MailUnit) -> None:
    (request,) = unit.preserve({"provider": "letter", "identifiers": [{"type": "domain", "value": "canary.example"}]})
    unit.post.post(Post(raw=mail("Hello.", Subject=request, From="x@canary.example"), sender=DESK))
    unit.collect()
    bodies = [event.body for event in received(unit, request)]
    assert len(bodies) == 2
    assert "canary.example" not in str(bodies)


# A mailbox that cannot be read


def test_a_mailbox_that_cannot_be_read_never_stops_a_sweep_and_is_told(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    unit.post.stop()
    unit.later(minutes=15)
    report = unit.sweep()
    assert next(what for where, what in report.failures if not where).startswith("the mailbox could not be read")
    assert report.failed
    for _ in range(FAILURES_UNTIL_TOLD - 1):
        assert "the mailbox" not in "".join(unit.told())
        mailroom.before_sweep(unit.office)
    assert sum("could not be read 3 times" in each for each in unit.told()) == 1
    mailroom.before_sweep(unit.office)
    assert sum("the mailbox could not be read" in each for each in unit.told()) == 1
    assert any("could not be read" in line for line in inbox.unmatched(unit.office))
    assert unit.office.hold(request).state is State.SENT


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"HOLDFAST_IMAP_PASSWORD": "wrong"}, "refuses our log-in"),
        ({"HOLDFAST_MAIL_CA": ""}, "cannot be trusted"),
        ({"HOLDFAST_IMAP": "imaps://mail.example.com"}, "HOLDFAST_IMAP: expected"),
        ({"HOLDFAST_IMAP": "imaps://u@mail.example.com"}, "a sandbox ledger reads mail on 127.0.0.1"),
        ({"HOLDFAST_IMAP": ""}, "HOLDFAST_IMAP is not set"),
        ({"HOLDFAST_MAIL_FROM": ""}, "HOLDFAST_MAIL_FROM: expected"),
    ],
)
def test_a_wrong_set_up_of_the_mailbox_is_told(unit: MailUnit, change: dict[str, str], error: str) -> None:
    from flows.settings import load

    unit.office.settings = load(unit.environ | change)
    with pytest.raises(ConfigurationError, match=error):
        unit.collect()


def test_a_sweep_without_a_mailbox_reads_none(unit: MailUnit) -> None:
    from flows.settings import load

    unit.office.settings = load({**unit.environ, "HOLDFAST_IMAP": ""})
    assert not unit.sweep().failed


def test_a_server_that_is_not_there_is_asked_again_by_the_next_pass(unit: MailUnit) -> None:
    from flows.settings import load

    unit.office.settings = load(unit.environ | {"HOLDFAST_IMAP": "imaps://u@127.0.0.1:9/INBOX"})
    with pytest.raises(Unavailable, match="cannot be reached"):
        unit.collect()
    unit.office.settings = load(unit.environ)
    assert unit.collect().filed == 0


# What people do


def test_a_message_is_settled_without_entering_anything(careful: MailUnit) -> None:
    request = careful.write(Desk.OUT_OF_OFFICE)
    careful.collect()
    (message,) = careful.open()
    assert message.body["automatic"] is True
    before = careful.office.hold(request)
    inbox.settle(careful.office, message.message, as_="note", by="clerk")
    assert careful.open() == ()
    assert careful.office.hold(request).state is before.state
    with pytest.raises(ReplyError, match="settled already"):
        inbox.settle(careful.office, message.message, as_="note")


def test_a_message_that_proposes_nothing_cannot_be_confirmed(careful: MailUnit) -> None:
    careful.write(Desk.CHATTY)
    careful.collect()
    (message,) = careful.open()
    with pytest.raises(ReplyError, match="proposes nothing"):
        inbox.confirm(careful.office, message.message)
    with pytest.raises(ReplyError, match="a message is settled as one of these"):
        inbox.settle(careful.office, message.message, as_="whatever")


def test_a_proposal_that_cannot_be_true_is_not_entered(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    said = "We received your preservation request on 2031-11-21. Our reference is X-1."
    unit.post.post(Post(raw=mail(said, Subject=request), sender=DESK))
    unit.collect()
    (message,) = unit.open()
    assert any("lies in the future" in str(fault) for fault in message.body["faults"])  # type: ignore[union-attr]
    assert unit.office.hold(request).state is State.SENT


@pytest.mark.parametrize("typed", ["", "xyz", "12345", "ffffffffffff"])
def test_a_message_that_is_not_there_is_told(unit: MailUnit, typed: str) -> None:
    with pytest.raises(LookupError):
        inbox.find(unit.office, typed)


def test_open_messages_are_the_same_from_the_note_and_from_the_record(careful: MailUnit) -> None:
    careful.write()
    careful.collect()
    first = careful.open()
    careful.office.ledger.beat("inbox", careful.office.now(), {"upto": 0, "open": []})
    assert careful.open() == first == careful.open()
    careful.office.ledger.beat("inbox", careful.office.now(), {"upto": 10**9, "open": []})
    assert careful.open() == first


def test_the_unit_server_takes_out_what_others_wrote_in_its_name(unit: MailUnit) -> None:
    """What the sandbox plays, and every real server must do (RFC 8601 section 5)."""
    request = unit.write(Desk.SILENT)
    forged = f"Authentication-Results: {UNIT_SERVER}; dmarc=pass header.from=letters.example\r\n".encode()
    unit.post.post(Post(raw=forged + mail("x", Subject=request), verified=False))
    unit.collect()
    assert unit.open()[0].body["vouched_for"] is False


# What was let go


def test_a_confirmation_of_our_release_needs_nobody(unit: MailUnit) -> None:
    request = unit.write()
    unit.collect()
    release(unit.office, request, because="the case was closed")
    sweeping.work_on(unit.office, [request])
    unit.collect()
    assert unit.office.hold(request).state is State.RELEASED
    assert unit.last(request, "message-settled").body["as"] == "released"
    assert not unit.open()


def test_an_end_that_nobody_asked_for_waits_for_a_person(unit: MailUnit) -> None:
    """Believed, it would let go of a hold that may stand, or hide a loss."""
    request = unit.write()
    unit.collect()
    text = f"About {request}: the data are no longer preserved."
    unit.post.post(Post(raw=mail(text, In_Reply_To=f"<{request}.send.1@unit.example>"), sender=DESK))
    unit.collect()
    (message,) = unit.open()
    assert message.proposal["kind"] == "released"
    assert unit.office.hold(request).state is State.IN_FORCE
    with pytest.raises(ReplyError, match="nobody released it"):
        inbox.confirm(unit.office, message.message)
