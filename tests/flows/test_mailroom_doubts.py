"""Mail that seems to say what it may not say: of one address, in our name, of another request, in a flood, quoted."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_support import DESK, UNIT, Clock, Desk, MailUnit, Post, mail

from flows import inbox, mailroom
from flows.telling import Notice, deliver
from providers.sandbox.mail_desk import MailDesk
from providers.sandbox.mail_servers import MailSandbox
from timeline.state import State

SECOND = "second@letters.example"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def post(clock: Clock) -> Iterator[MailSandbox]:
    desks = [MailDesk(name=name, address=each, clock=clock) for name, each in (("first", DESK), ("second", SECOND))]
    with MailSandbox(clock=clock, desks=desks) as running:
        yield running


@pytest.fixture
def unit(tmp_path: Path, post: MailSandbox, clock: Clock) -> Iterator[MailUnit]:
    made = MailUnit(tmp_path, post)
    clock.unit = made
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path, post: MailSandbox, clock: Clock) -> Iterator[MailUnit]:
    """A unit whose provider is written to at two addresses."""
    made = MailUnit(tmp_path, post, to=(DESK, SECOND))
    clock.unit = made
    yield made
    made.close()


def faults(unit: MailUnit) -> str:
    (message,) = unit.open()
    return " ".join(str(fault) for fault in message.body["faults"])  # type: ignore[union-attr]


# A report about one of several addresses


def lost(unit: MailUnit, request: str, *who: str, also: str = "") -> None:
    """A report of our own server that the request did not reach these addresses."""
    raw = unit.desk.report({"Message-ID": f"<{request}.send.1@unit.example>"}, UNIT, "failed").raw.decode()
    block = f"Final-Recipient: rfc822; {DESK}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    assert block in raw
    blocks = [block.replace(DESK, each) for each in who] + ([also] if also else [])
    unit.post.post(Post(raw=raw.replace(block, "\r\n".join(blocks)).encode()))
    unit.collect()


def to_both(unit: MailUnit) -> str:
    for name in ("first", "second"):
        unit.post.desk(name).script = [Desk.SILENT]
    (request,) = unit.preserve({"provider": "letter"})
    assert [len(unit.post.desk(name).taken) for name in ("first", "second")] == [1, 1]
    return request


def test_a_report_about_one_of_two_addresses_undoes_nothing_by_itself(two: MailUnit) -> None:
    request = to_both(two)
    before = two.office.hold(request)
    lost(two, request, SECOND.upper())
    assert two.office.hold(request).strict_start == before.strict_start is not None
    (message,) = two.open()
    assert message.proposal["doubts"] == [
        f"it was sent to 2 addresses, and of {SECOND} alone is said that it did not arrive"
    ]
    inbox.confirm(two.office, message.message)  # a person knows that nobody there has it
    assert two.office.hold(request).state is State.REGISTERED


def test_a_report_that_names_neither_of_two_addresses_undoes_nothing_by_itself(two: MailUnit) -> None:
    request = to_both(two)
    lost(two, request, "elsewhere@letters.example")
    assert two.office.hold(request).state is State.SENT
    (message,) = two.open()
    assert message.proposal["doubts"] == ["it was sent to 2 addresses, and which did not get it is not said"]


def test_a_report_about_both_addresses_is_entered(two: MailUnit) -> None:
    request = to_both(two)
    lost(two, request, DESK, SECOND)
    assert two.office.hold(request).state is State.REGISTERED
    assert not two.open()


@pytest.mark.parametrize("action", ["relayed", "delayed"])
def test_a_report_that_says_otherwise_of_another_recipient_waits_for_a_person(unit: MailUnit, action: str) -> None:
    request = unit.write(Desk.SILENT)
    lost(unit, request, DESK, also=f"Final-Recipient: rfc822; x@letters.example\r\nAction: {action}\r\n")
    assert unit.office.hold(request).state is State.SENT
    (message,) = unit.open()
    assert message.proposal["doubts"] == ["it says of another recipient that it is not lost"]


# Whose name it bears

REFUSAL = "We refuse: it names no legal basis."


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"Message_ID": "<{0}.send.1@unit.example>"}, "it carries a Message-ID of ours"),
        ({"From": UNIT, "Message_ID": "<x@letters.example>"}, "it is written in our name, and not by us"),
    ],
)
def test_a_providers_mail_that_looks_like_ours_is_read_by_a_person(
    unit: MailUnit, fields: dict[str, str], fault: str
) -> None:
    request = unit.write(Desk.SILENT)
    named = {name: value.format(request) for name, value in fields.items()}
    unit.post.post(Post(raw=mail(REFUSAL, Subject=f"Re: {request}", **named), sender=DESK))
    assert unit.collect().ours == 0
    assert fault in faults(unit)
    assert unit.office.hold(request).state is State.SENT


def test_what_we_tell_our_own_people_by_mail_is_known_as_ours_where_it_comes_back(unit: MailUnit) -> None:
    """Told of again, it would go round: each notice would bring the next."""
    from dataclasses import replace

    rung = replace(unit.office.catalogue.rung_channels[0], tell=("smtp",), mail_to=DESK)
    notice = Notice(level=1, who="Duty officer", about="mail", because="A test.", at=unit.office.now())
    assert deliver(unit.office.settings, rung, notice).delivered
    unit.write(Desk.SILENT)
    for raw in unit.desk.taken:
        unit.post.put(raw)
    assert unit.collect().ours == 2
    assert unit.folder_counts() == (0, 2, 0)


# Another request's reference


def test_an_answer_about_another_requests_reference_is_for_a_person(unit: MailUnit) -> None:
    unit.desk.script = [Desk.SILENT]
    (first,) = unit.preserve({"provider": "letter"})
    (second,) = unit.preserve({"provider": "letter"}, reference="CY-2026-2")
    said = "We received your preservation request on 2026-11-21. Our reference is R-4711. Preserved until 2027-02-19."
    for request in (second, first):  # in one pass, the right one first
        answers = {"In_Reply_To": f"<{request}.send.1@unit.example>", "Message_ID": f"<{request}@letters.example>"}
        unit.post.put(unit_box(unit, mail(said, **answers)))
    unit.collect()
    assert "R-4711" in unit.office.hold(second).references
    assert unit.office.hold(first).state is State.SENT
    found = [each for each in unit.open() if each.request == first]
    assert [each.proposal["reference"] for each in found] == ["R-4711"]
    assert f"another request's: {second}" in str(found[0].body["faults"])


def unit_box(unit: MailUnit, raw: bytes) -> bytes:
    """A message as our server delivers it, vouched for."""
    domain = DESK.rpartition("@")[2]
    noted = f"Authentication-Results: mail.unit.example; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
    return noted.encode() + b"\r\n" + raw


def test_an_answer_that_names_another_requests_reference_beside_its_own_is_for_a_person(unit: MailUnit) -> None:
    first, second = unit.write(), unit.preserve({"provider": "letter"}, reference="CY-2026-2")[0]
    unit.collect()
    other = unit.office.hold(second).references[0]
    said = f"About {other.lower()}: it names no legal basis."
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT, Desk.SILENT]
    unit.sweep()
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{first}.extend.1@unit.example>"), sender=DESK))
    unit.collect()
    assert not unit.office.hold(first).extension_refused
    assert f"another request's: {second}" in faults(unit)


def test_a_reference_that_two_requests_share_on_record_is_no_doubt(unit: MailUnit) -> None:
    from flows.replying import Reply, record

    first, second = unit.write(), unit.preserve({"provider": "letter"}, reference="CY-2026-2")[0]
    unit.collect()
    shared = unit.office.hold(first).references[0]
    record(unit.office, second, Reply(kind="preserved", reference=shared))
    unit.later(days=85)
    unit.desk.script = [Desk.SILENT, Desk.SILENT]
    unit.sweep()
    said = f"The preservation {shared} was extended until 2027-05-20."
    unit.post.post(Post(raw=mail(said, In_Reply_To=f"<{first}.extend.1@unit.example>"), sender=DESK))
    unit.collect()
    assert [unit.office.hold(each).granted for each in (first, second)] == [1, 0]


# A flood


def test_a_flood_of_strangers_does_not_keep_the_providers_answer_out(
    unit: MailUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailroom, "MOST_OPEN", 3)
    request = unit.write(Desk.SILENT)
    for number in range(5):
        unit.post.put(mail(f"Hello {number}.", Subject=request, From="x@elsewhere.example"))
    assert unit.collect().unmatched == {"more than 3 open messages about one request": 2}
    unit.post.post(Post(raw=mail("Call us about it.", Subject=request), sender=DESK))
    unit.post.post(Post(raw=mail(REFUSAL, Subject=request), sender=DESK))
    done = unit.collect()
    assert (done.filed, done.entered, done.unmatched) == (2, 1, {})
    assert unit.office.hold(request).state is State.REFUSED
    assert len(unit.open()) == 4


# What is quoted

NEW = "Correction: a colleague confirmed too early. Nothing could be secured."
OLD = "We received your preservation request on 2026-11-21.\nOur reference is PR-4711.\nPreserved until 2027-02-19."


@pytest.mark.parametrize("how", ["outlook", "attribution", "hypertext"])
def test_a_correction_above_the_older_answer_is_read_by_a_person(unit: MailUnit, how: str) -> None:
    request = unit.write(Desk.SILENT)
    heads = {
        "outlook": f"From: Desk <{DESK}>\nSent: Saturday, 21 November 2026 10:00\nTo: You\nSubject: Re: {request}\n",
        "attribution": f"On Sat, Nov 21, 2026 at 10:00 AM Desk <{DESK}>\nwrote:\n",
        "hypertext": "",
    }
    raw = mail(f"{NEW}\n\n{heads[how]}\n{OLD}", Subject=f"Re: {request}")
    if how == "hypertext":
        message: EmailMessage = email.message_from_bytes(raw, policy=policy.SMTP)  # type: ignore[assignment]
        message.set_content(f"<p>{NEW}</p><blockquote type='cite'>{OLD}</blockquote>", subtype="html")
        raw = message.as_bytes()
    unit.post.post(Post(raw=raw, sender=DESK))
    unit.collect()
    assert unit.office.hold(request).state is State.SENT
    (found,) = unit.open()
    assert found.proposal == {}
