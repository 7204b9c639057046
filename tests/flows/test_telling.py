"""Telling a person: every channel is tried, what failed is recorded as failed, and the next level hears of it."""

from __future__ import annotations

import email
import email.policy
import json
import smtplib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from unit_support import CANARY, Unit

from flows.catalogue import RungChannels
from flows.telling import in_words
from providers.interface import Action
from providers.memory import Behaviour, Does


class Mailbox:
    """What a real SMTP server on this machine took in."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuse:
            return "451 try again later"
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    made.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad"))
    yield made
    made.close()


def tell_over(unit: Unit, *channels: str, smtp: str = "", mail_to: str = "officer@police.example.com") -> None:
    """Let every level be told over these channels."""
    rungs = tuple(RungChannels(level=level, tell=channels, mail_to=mail_to) for level in (1, 2, 3))
    unit.office.catalogue = replace(unit.office.catalogue, rung_channels=rungs)
    environ = unit.environ | ({"HOLDFAST_SMTP": smtp} if smtp else {})
    unit.office.settings = replace(unit.office.settings, environ=environ)


def test_an_escalation_arrives_by_mail_with_what_to_type_next(unit: Unit, mailbox: tuple[Mailbox, str]) -> None:
    box, address = mailbox
    tell_over(unit, "smtp", smtp=address)
    (request,) = unit.preserve()
    ((recipients, mail),) = [each for each in box.mails if "refused" in each[1]]
    assert recipients == ["officer@police.example.com"]
    assert f"Subject: [Holdfast] level 1: refused {request} (alpha)" in mail
    text = email.message_from_string(mail, policy=email.policy.default).get_content()
    assert f"holdfast record escalation-acknowledged {request} --about refused" in text
    assert unit.last(request, "escalated").body["delivered"] is True
    assert CANARY not in "".join(mail for _, mail in box.mails)
    head = email.message_from_string(mail, policy=email.policy.default)
    assert head["date"].datetime == unit.last(request, "escalated").at.replace(microsecond=0)
    assert head["message-id"].endswith("@127.0.0.1>"), "the sender's domain, and not this machine's name"
    assert socket.gethostname() not in head["message-id"]


def test_a_mail_over_apprise_is_the_same_text_with_its_lines(unit: Unit, mailbox: tuple[Mailbox, str]) -> None:
    box, address = mailbox
    tell_over(unit, "apprise:duty")
    at = address.removeprefix("smtp://")
    mailto = f"mailto://{at}?from=holdfast@police.example.com&to=duty@police.example.com"
    unit.office.settings = replace(unit.office.settings, environ=unit.environ | {"HOLDFAST_NOTIFY_DUTY": mailto})
    (request,) = unit.preserve()
    ((recipients, content),) = [each for each in box.mails if "refused" in each[1]]
    mail = email.message_from_string(content, policy=email.policy.default)
    assert (recipients, mail.get_content_type()) == (["duty@police.example.com"], "text/plain")
    assert mail["subject"] == f"[Holdfast] level 1: refused {request} (alpha)"
    lines = mail.get_content().splitlines()
    assert f"See it:          holdfast show {request}" in lines
    (stands,) = [each for each in lines if each.startswith(f"Request {request}, case ")]
    assert stands.endswith("provider alpha: refused by the provider."), "in the words of `show`"
    assert unit.last(request, "escalated").body["delivered"] is True
    assert CANARY not in "".join(mail for _, mail in box.mails)


def test_a_mail_that_is_not_taken_is_recorded_and_the_next_level_is_told_soon(
    unit: Unit, mailbox: tuple[Mailbox, str]
) -> None:
    box, address = mailbox
    box.refuse = True
    tell_over(unit, "smtp", "drop", smtp=address)
    (request,) = unit.preserve()
    told = unit.last(request, "escalated").body
    assert told["delivered"] is False, "a dropped file is no answer where a mail was to arrive"
    assert "451" in json.dumps(told["deliveries"])
    box.refuse = False
    unit.later(minutes=6)
    unit.sweep()
    told = unit.last(request, "escalated").body
    assert (told["level"], told["delivered"]) == (2, True)


def test_a_mail_server_that_is_not_there_never_stops_the_sweep(unit: Unit) -> None:
    tell_over(unit, "smtp", "drop", smtp="smtp://127.0.0.1:1")
    (request,) = unit.register()
    report = unit.sweep()
    assert report.failed
    assert any("could not be told" in why for _, why in report.failures)
    told = unit.last(request, "escalated").body
    assert told["delivered"] is False
    (mailed,) = [each["reason"] for each in told["deliveries"] if each["channel"] == "smtp"]
    assert mailed == "the mail server could not be reached: nobody listens at that address"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no mail server"), "no mail server"),
        (
            smtplib.SMTPRecipientsRefused({"duty@police.example.com": (550, b"5.1.1 no such\n user")}),
            "it takes no mail for that address: 550 5.1.1 no such user",
        ),
        (smtplib.SMTPDataError(451, b"try again later"), "it answered 451: try again later"),
        (smtplib.SMTPServerDisconnected("closed"), "it did not take it: closed"),
        (TimeoutError("timed out"), "it did not answer in time"),
        (OSError(28, "No space left on device"), "it could not be reached: No space left on device"),
    ],
)
def test_why_a_message_was_not_taken_is_told_in_words(error: Exception, words: str) -> None:
    assert in_words(error, "it") == words


def test_a_dropped_file_is_whole_and_names_no_account(unit: Unit) -> None:
    tell_over(unit, "drop")
    (request,) = unit.preserve()
    folder = unit.office.settings.drop_path
    files = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    assert {"refused"} <= {each["about"] for each in files if each["request"] == request}
    assert not list(folder.glob("*.part"))
    assert CANARY not in "".join(path.read_text() for path in folder.iterdir())
    assert folder.stat().st_mode & 0o077 == 0


def test_nobody_acknowledges_so_every_level_is_told_in_turn_until_somebody_does(unit: Unit) -> None:
    tell_over(unit, "drop")
    (request,) = unit.preserve()
    unit.run_until(unit.office.now() + timedelta(days=1))
    levels = [
        event.body["level"]
        for event in unit.office.ledger.events(request)
        if event.kind == "escalated" and event.body["about"] == "refused"
    ]
    assert levels[:3] == [1, 2, 3]
    assert set(levels[3:]) <= {3}
    unit.acknowledge_all()
    before = unit.kinds(request).count("escalated")
    unit.run_until(unit.office.now() + timedelta(days=5))
    assert unit.kinds(request).count("escalated") == before
