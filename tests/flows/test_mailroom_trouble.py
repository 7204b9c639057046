"""Mail under trouble: what becomes of one message must never hide the others, nor hold up what falls due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from damage_support import damage_event
from mail_support import DESK, UNIT, UNIT_SERVER, Clock, Desk, MailUnit, Post, SmtpServer, mail
from unit_support import MORNING

from flows import mailroom
from flows.mailtrouble import FAILURES_UNTIL_TOLD
from flows.replying import Reply, ReplyError, record
from ledger.interface import LedgerBusy
from providers.mail.mailbox import Mailbox
from providers.sandbox.mail_servers import MailSandbox
from timeline.decide import Do
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


def about(unit: MailUnit, request: str, said: str = "Call us.") -> None:
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{request}.send.1@unit.example>"), sender=DESK))


def another(unit: MailUnit, **request: object) -> str:
    account = [{"type": "email", "value": "another@example.com"}]
    unit.desk.script = [Desk.SILENT]
    return unit.preserve({"provider": "letter", "identifiers": account, **request}, reference="CY-2026-2")[0]


def kinds_of_mail(unit: MailUnit, request: str) -> int:
    return unit.kinds(request).count("message-received")


# One message and the others


def test_mail_about_an_erased_case_waits_for_a_person_and_hides_no_other(unit: MailUnit) -> None:
    erased, other = unit.write(Desk.SILENT), another(unit)
    unit.office.vault.erase("CY-2026-0412")
    about(unit, erased)
    about(unit, other)
    done = unit.collect()
    assert (done.filed, done.unmatched) == (1, {"about a case that was erased": 1})
    assert (kinds_of_mail(unit, erased), kinds_of_mail(unit, other)) == (0, 1)
    assert unit.folder_counts() == (0, 1, 1)


def test_mail_about_a_provider_whose_file_is_gone_is_recorded(unit: MailUnit) -> None:
    gone, other = unit.write(Desk.SILENT), another(unit, provider="alpha")
    known = unit.office.catalogue
    left = {name: entry for name, entry in known.providers.items() if name != "letter"}
    unit.office.catalogue = replace(known, providers=left)
    about(unit, gone)
    about(unit, other)
    assert unit.collect().filed == 2
    assert [each.request for each in unit.open()] == [gone, other]
    assert unit.office.hold(gone).state is State.SENT


@pytest.mark.parametrize("how", ["answer", "reference"])
def test_mail_about_a_request_whose_history_is_damaged_waits_is_told_and_hides_no_other(
    unit: MailUnit, how: str
) -> None:
    damaged = unit.write()
    unit.collect()
    (reference,) = unit.office.hold(damaged).references
    other = another(unit)
    damage_event(unit, damaged)
    if how == "answer":
        about(unit, damaged)
    else:
        unit.post.post(Post(raw=mail(f"What about {reference}?"), sender=DESK))
    about(unit, other)
    done = unit.collect()
    assert (done.filed, sum(done.stuck.values()), done.unmatched) == (1, 1, {})
    assert kinds_of_mail(unit, other) == 1
    for _ in range(FAILURES_UNTIL_TOLD):
        said = mailroom.before_sweep(unit.office)
        assert any(re.search(r"1 messages: event \d+ cannot be read: run verify", line) for _, line in said)
    assert sum("could not be read 3 times in a row" in each for each in unit.told()) == 1


def test_a_ledger_that_is_busy_ends_the_pass_and_a_person_is_told_of_nothing(
    unit: MailUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = unit.write(Desk.SILENT)
    about(unit, request)

    def busy(*_: object, **__: object) -> None:
        raise LedgerBusy("another process is writing to it for longer than we wait")

    with monkeypatch.context() as within:
        within.setattr(unit.office.ledger, "claim", busy)
        before = len(unit.told())
        for _ in range(FAILURES_UNTIL_TOLD):
            ((_, said),) = mailroom.before_sweep(unit.office)
            assert said.startswith("mail could not be recorded: another process")
    assert len(unit.told()) == before
    assert unit.collect().filed == 1


class Choosy(Mailbox):
    """A mailbox whose server refuses to give the first message out."""

    def fetch(self, uid: int, most: int) -> bytes | None:
        if uid == min(self.waiting()):
            self._do("FETCH", lambda: self._link.uid("FETCH", "nonsense", "(UID)"))
        return super().fetch(uid, most)


def test_a_message_that_the_server_refuses_to_give_out_hides_no_other_and_is_told(
    unit: MailUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.mail.mailbox.Mailbox", Choosy)
    first, other = unit.write(Desk.SILENT), another(unit)
    about(unit, first)
    about(unit, other)
    done = unit.collect(most=1)
    assert (done.filed, sum(done.stuck.values())) == (1, 1)
    assert (kinds_of_mail(unit, first), kinds_of_mail(unit, other)) == (0, 1)
    for _ in range(FAILURES_UNTIL_TOLD):
        assert any("1 messages: the mail server" in line for _, line in mailroom.before_sweep(unit.office))
    assert sum("could not be read 3 times in a row" in each for each in unit.told()) == 1


class Dying(Mailbox):
    """A mailbox whose server is gone at the second message."""

    def file(self, uid: int, folder: str) -> None:
        super().file(uid, folder)
        self._link.shutdown()


def test_a_server_that_dies_in_the_middle_loses_nothing(unit: MailUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    request = unit.write(Desk.SILENT)
    for number in range(3):
        about(unit, request, f"Message {number}.")
    with monkeypatch.context() as dying:
        dying.setattr("providers.mail.mailbox.Mailbox", Dying)
        assert any("broke off" in line for _, line in mailroom.before_sweep(unit.office))
    assert kinds_of_mail(unit, request) == 1
    assert mailroom.before_sweep(unit.office) == []
    assert kinds_of_mail(unit, request) == 3
    assert unit.folder_counts() == (0, 3, 0)


def test_a_slow_mailbox_gives_way_to_what_falls_due(unit: MailUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    request = unit.write(Desk.SILENT)
    for number in range(3):
        about(unit, request, f"Message {number}.")
    monkeypatch.setattr(mailroom, "PATIENCE", 0.0)
    assert unit.collect().moved == 0
    monkeypatch.setattr(mailroom, "PATIENCE", 60.0)
    assert unit.collect().filed == 3


# A reply that gives our own letter back


def outlook(unit: MailUnit, said: str) -> str:
    """A reply with our message below it, and no sign that it is quoted."""
    (taken,) = unit.desk.taken
    text = re.split(rb"\r?\n\r?\n", taken, maxsplit=2)[2].split(b"\r\n--=_holdfast")[0].decode()
    return f"{said}\n\n________________________________\nDe : evidence@unit.example\nObjet : demande\n\n{text}"


@pytest.mark.parametrize("hypertext", [False, True])
def test_our_own_letter_given_back_without_quotation_marks_is_no_answer(unit: MailUnit, hypertext: bool) -> None:
    entry = unit.office.catalogue.providers["letter"]
    entry.adapter["replies"]["preserved"] = [{"body": "preserve the data"}]
    request = unit.write(Desk.SILENT)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = DESK, UNIT, "RE: request"
    message["In-Reply-To"] = f"<{request}.send.1@unit.example>"
    text = outlook(unit, "We cannot open your attachment.")
    assert "preserve the data" in text.replace("=\n", "")
    if hypertext:
        message.set_content(f"<p>{text}</p>", subtype="html")
    else:
        message.set_content(text)
    unit.post.post(Post(raw=message.as_bytes(policy=policy.SMTP), sender=DESK))
    unit.collect()
    assert unit.office.hold(request).state is State.SENT
    (found,) = unit.open()
    assert found.proposal == {}


# A sending of which nobody knows what became


def test_a_sending_whose_answer_was_lost_is_never_sent_again_by_itself_and_a_person_settles_it(
    unit: MailUnit,
) -> None:
    with SmtpServer() as server:
        server.answers["."] = None
        unit.office.adapters["letter"] = unit.adapter(server.environ)
        request = unit.write()
        assert unit.office.hold(request).state is State.UNKNOWN
        server.answers.clear()
        unit.run_until(MORNING + timedelta(days=4))
        assert unit.kinds(request).count("intent") == 1
        assert server.taken == []
        assert unit.last(request, "escalated").body["about"] == "outcome-unknown:send-1"
        _, following = record(unit.office, request, Reply(kind="absent", by="Duty officer"))
        assert following.action is Do.SEND
        assert following.due_at is not None
        unit.at(max(unit.office.now(), following.due_at))
        unit.sweep()
    assert len(server.taken) == 1
    with pytest.raises(ReplyError, match="what became of the send is known"):
        record(unit.office, request, Reply(kind="absent"))


# Replies that come out of order, or are none


def test_an_extension_confirmed_before_the_acknowledgement_counts_and_the_late_one_takes_nothing_back(
    unit: MailUnit,
) -> None:
    request = unit.write(Desk.SILENT)
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT]
    unit.sweep()
    assert "extend" in {action for action, _ in unit.office.hold(request).acts}
    longer = mail("It was extended until 2027-05-20.", In_Reply_To=f"<{request}.extend.1@unit.example>")
    unit.post.post(Post(raw=longer, sender=DESK))
    unit.collect()
    hold = unit.office.hold(request)
    assert (hold.state, hold.granted) == (State.IN_FORCE, 1)
    ends = hold.expiry
    late = "We received it on 2026-11-21. Our reference is LATE-1. We keep it until 2027-02-18."
    unit.post.post(Post(raw=mail(late, In_Reply_To=f"<{request}.send.1@unit.example>"), sender=DESK))
    unit.collect()
    assert unit.office.hold(request).expiry == ends
    assert len(unit.open()) == 1


def test_a_proof_of_who_wrote_it_inside_the_message_is_none(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    proof = f"Authentication-Results: {UNIT_SERVER}; dkim=pass header.d=letters.example; dmarc=pass header.from="
    said = f"{proof}letters.example\n\nWe received it on 2026-11-21. Our reference is FORGED-1."
    message = mail(said, In_Reply_To=f"<{request}.send.1@unit.example>")
    unit.post.post(Post(raw=message, sender=DESK, verified=False))
    unit.collect()
    (found,) = unit.open()
    assert found.body["vouched_for"] is False
    assert unit.office.hold(request).state is State.SENT


FORGED = "dkim=pass header.d={domain}; dmarc=pass header.from={domain}"


def test_what_a_forger_had_our_server_repeat_vouches_for_nobody(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    said = mail("We received it on 2026-11-21. Our reference is FORGED-1.", Subject=request)
    envelope = f'"a; {FORGED.format(domain="letters.example")}; x"@elsewhere.example'
    noted = f"Authentication-Results: {UNIT_SERVER}; spf=pass smtp.mailfrom={envelope}; dkim=none\r\n"
    unit.post.put(noted.encode() + said)
    unit.collect()
    (found,) = unit.open()
    assert found.body["vouched_for"] is False
    assert unit.office.hold(request).state is State.SENT


@pytest.mark.parametrize(
    "noted",
    [
        f'dkim=pass header.d=a.example header.i="x; {FORGED.format(domain="unit.example")}; y"@a.example',
        "dkim=pass header.d=unit.example; dmarc=fail header.from=unit.example",
    ],
)
def test_a_bounce_in_our_name_that_our_server_denies_waits_for_a_person(unit: MailUnit, noted: str) -> None:
    request = unit.write(Desk.SILENT)
    report = unit.desk.report({"Message-ID": f"<{request}.send.1@unit.example>"}, unit.post.address, "failed")
    head = f"Return-Path: <>\r\nAuthentication-Results: {UNIT_SERVER}; {noted}\r\n"
    unit.post.put(head.encode() + report.raw)
    unit.collect()
    assert unit.office.hold(request).state is State.SENT
    assert [each.proposal["kind"] for each in unit.open()] == ["undelivered"]


def test_a_mailbox_of_five_hundred_messages_is_worked_off_pass_by_pass(unit: MailUnit) -> None:
    request = unit.write(Desk.SILENT)
    for number in range(499):
        unit.post.put(mail(f"Newsletter {number}."))
    about(unit, request)
    passes = [unit.collect().moved for _ in range(3)]
    assert passes == [200, 200, 100]
    assert kinds_of_mail(unit, request) == 1
    assert len(unit.told()) == 3
