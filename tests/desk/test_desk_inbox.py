"""`holdfast inbox`, with real mail servers on this machine and the shipped played provider `sandbox-letter`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from desk_support import CANARY, MORNING, Unit

from providers.sandbox.mail_desk import Desk, Post
from providers.sandbox.mail_servers import UNIT, MailSandbox


@pytest.fixture(scope="module")
def servers() -> Iterator[MailSandbox]:
    with MailSandbox(clock=lambda: datetime(2026, 11, 21, 9, tzinfo=UTC)) as running:
        yield running


@pytest.fixture
def post(servers: MailSandbox, unit: Unit) -> MailSandbox:
    """The servers, with an empty mailbox and a desk that does as it is asked."""
    servers.desk().script.clear()
    unit.environ |= servers.environ()
    return servers


def preserve(unit: Unit, *does: Desk, post: MailSandbox) -> str:
    post.desk().script = list(does)
    return unit.preserve({"provider": "sandbox-letter"})[0]


def mail(text: str, subject: str, attachment: bytes = b"", name: str = "") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Desk <desk@letters.example>", UNIT, subject
    message.set_content(text)
    if attachment:
        message.add_attachment(attachment, "application", "zip", filename=name)
    return message.as_bytes(policy=policy.SMTP)


def test_a_trusted_reply_is_entered_by_the_sweep_and_nothing_is_open(unit: Unit, post: MailSandbox) -> None:
    request = preserve(unit, post=post)
    assert unit.json("show", request)["state"] == "sent"
    unit("sweep")
    assert unit.json("show", request)["state"] == "in-force"
    shown = unit("inbox")
    assert (shown.exit_code, shown.stdout) == (0, "No message is open.\n")


def test_what_nobody_vouches_for_is_listed_and_confirmed_by_a_person(unit: Unit, post: MailSandbox) -> None:
    request = preserve(unit, Desk.UNVERIFIED, post=post)
    fetched = unit("inbox", "fetch")
    assert fetched.exit_code == 1
    assert "1 message filed, 0 of them entered" in fetched.stdout
    listed = unit("inbox")
    assert listed.exit_code == 1
    assert f"{request}  sandbox-letter, from letters.example (NOT verified)" in listed.stdout
    assert "proposes that the provider has the request, reference SANDBOX-LETT" in listed.stdout
    (found,) = unit.json("inbox", status=1)["messages"]
    assert found["proposal"]["until"] == "2027-02-19"
    confirmed = unit("inbox", "confirm", found["message"][:8], "--by", "Desk officer")
    assert "Now data kept." in confirmed.stdout
    assert unit.json("show", request)["state"] == "in-force"
    again = unit("inbox", "confirm", found["message"][:8])
    assert again.exit_code == 2
    assert "settled already" in again.stderr


def test_a_message_is_shown_without_controls_and_without_the_account(unit: Unit, post: MailSandbox) -> None:
    request = preserve(unit, Desk.SILENT, post=post)
    text = f"About {CANARY}: see \x1b[31mhttp://192.0.2.1/\x07 please.\n"
    post.post(Post(raw=mail(text, f"Re: {request} {CANARY}"), sender="desk@letters.example"))
    unit("inbox", "fetch")
    (found,) = unit.json("inbox", status=1)["messages"]
    shown = unit("inbox", "show", found["message"][:6])
    assert shown.exit_code == 0
    assert "About [i1]: see [31mhttp://192.0.2.1/ please." in shown.stdout
    assert CANARY not in shown.stdout
    assert "\x1b" not in shown.stdout
    assert CANARY not in json.dumps(unit.json("inbox", "show", found["message"]))


def test_attachments_are_saved_unopened_under_names_of_ours(unit: Unit, post: MailSandbox, tmp_path: Path) -> None:
    request = preserve(unit, Desk.SILENT, post=post)
    raw = mail("Here.", request, b"PK no archive", f"../../{CANARY}.ZIP")
    post.post(Post(raw=raw, sender="desk@letters.example"))
    unit("inbox", "fetch")
    (found,) = unit.json("inbox", status=1)["messages"]
    folder = tmp_path / "saved"
    saved = unit("inbox", "show", found["message"], "--save", str(folder))
    assert saved.exit_code == 0
    assert CANARY not in saved.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["attachment-1.zip", "message.eml"]
    assert (folder / "attachment-1.zip").read_bytes() == b"PK no archive"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    again = unit("inbox", "show", found["message"], "--save", str(folder))
    assert again.exit_code == 2
    assert "name a new folder" in again.stderr


def test_a_message_is_settled(unit: Unit, post: MailSandbox) -> None:
    preserve(unit, Desk.OUT_OF_OFFICE, post=post)
    unit("inbox", "fetch")
    (found,) = unit.json("inbox", status=1)["messages"]
    assert "an automatic answer" in unit("inbox").stdout
    assert unit("inbox", "settle", found["message"], "--as", "whim").exit_code == 2
    assert unit.json("inbox", "settle", found["message"], "--as", "note")["as"] == "note"
    assert unit.json("inbox")["messages"] == []


def test_what_belongs_to_no_request_is_told(unit: Unit, post: MailSandbox) -> None:
    preserve(unit, Desk.SILENT, post=post)
    post.put(mail("Hello", "A newsletter"))
    fetched = unit.json("inbox", "fetch", status=1)
    assert fetched["unmatched"] == {"names no request of this ledger": 1}
    assert "in the mail folder Holdfast/Unmatched" in unit("inbox").stdout


def test_without_a_mailbox_it_says_what_to_set(unit: Unit, post: MailSandbox) -> None:
    preserve(unit, Desk.SILENT, post=post)
    told = unit("inbox", "fetch", HOLDFAST_IMAP="")
    assert (told.exit_code, "HOLDFAST_IMAP is not set" in told.stderr) == (2, True)
    away = unit("inbox", "fetch", HOLDFAST_IMAP="imaps://u@127.0.0.1:9/INBOX")
    assert (away.exit_code, "cannot be reached" in away.stderr) == (3, True)
    swept = unit("sweep", HOLDFAST_IMAP="imaps://u@127.0.0.1:9/INBOX", HOLDFAST_CLOCK="2026-11-21T09:10:00Z")
    assert "the mailbox could not be read" in swept.stderr
    assert swept.exit_code in {1, 3}


@pytest.mark.parametrize("words", [("show", "ffffff"), ("confirm", "ffffff"), ("settle", "zz", "--as", "note")])
def test_a_message_that_is_not_there_is_wrong_input(unit: Unit, post: MailSandbox, words: tuple[str, ...]) -> None:
    preserve(unit, Desk.SILENT, post=post)
    assert unit("inbox", *words).exit_code == 2


def test_the_clock_of_these_tests_is_the_desks() -> None:
    assert MORNING == "2026-11-21T09:00:00Z"
