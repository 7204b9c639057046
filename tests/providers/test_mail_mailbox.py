"""The mailbox, against a real IMAP server and against one that can do little and breaks off."""

from __future__ import annotations

import re
import socket
import threading
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from provider_orders import ROOT

from providers.errors import ConfigurationError, Unavailable
from providers.mail.inbound import read_inbound
from providers.mail.mailbox import Box, Mailbox, opened
from providers.mail.proposals import propose
from providers.mail.table import REPLY_KINDS, read_mail_table
from providers.registry import check_adapter_table
from providers.sandbox.mail_servers import MailSandbox

RAW = b"Subject: one\r\n\r\nHello \xff\x00.\r\n"


@pytest.fixture(scope="module")
def post() -> Iterator[MailSandbox]:
    with MailSandbox() as running:
        yield running


def box_of(post: MailSandbox) -> Box:
    box = Box.load(post.environ(), sandbox=True)
    assert box is not None
    return box


def test_messages_are_listed_measured_fetched_and_filed(post: MailSandbox) -> None:
    post.put(RAW)
    post.put(RAW * 1000)
    with opened(box_of(post)) as mailbox:
        small, large = mailbox.waiting(10)
        assert mailbox.waiting(1) == [small]
        assert (mailbox.size(small), mailbox.size(large)) == (len(RAW), len(RAW) * 1000)
        assert mailbox.fetch(small, 10_000) == RAW
        assert mailbox.fetch(large, 40) == (RAW * 1000)[:40]
        assert mailbox.count("Holdfast/Filed") == 0
        mailbox.file(small, "Holdfast/Filed")
        mailbox.file(large, "Holdfast/Filed")
        assert mailbox.waiting(10) == []
        assert mailbox.count("Holdfast/Filed") == 2
    with opened(box_of(post)) as mailbox:
        assert mailbox.waiting(10) == []


def test_a_message_that_is_not_there_is_no_message(post: MailSandbox) -> None:
    with opened(box_of(post)) as mailbox:
        assert mailbox.size(4711) is None
        assert mailbox.fetch(4711, 100) is None


@pytest.mark.parametrize(
    "address",
    [
        "imap://u@127.0.0.1",
        "imaps://127.0.0.1",
        "imaps://u@",
        "imaps://u@127.0.0.1:x",
        "mail",
        "imaps://u@mail.example",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HOLDFAST_IMAP: "):
        Box.load({"HOLDFAST_IMAP": address}, sandbox=True)


def test_an_address_is_read_whole() -> None:
    box = Box.load({"HOLDFAST_IMAP": "imaps://unit%40x@mail.example/Shared/Evidence"}, sandbox=False)
    assert box is not None
    assert (box.host, box.port, box.user, box.folder) == ("mail.example", 993, "unit@x", "Shared/Evidence")
    assert Box.load({}, sandbox=False) is None


class PlainImap:
    """An IMAP server without MOVE and UIDPLUS, whose folders are separated by dots; `breaks` at one command."""

    def __init__(self, breaks: str = "", uid: int = 7) -> None:
        self.said: list[str] = []
        self.breaks, self.uid = breaks, uid
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, suppress(OSError):
                    self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        sock.sendall(b"* OK hello\r\n")
        for line in sock.makefile("rb"):
            tag, _, command = line.decode().strip().partition(" ")
            self.said.append(command)
            if self.breaks and command.startswith(self.breaks):
                sock.shutdown(socket.SHUT_RDWR)
                return
            sock.sendall(self._answer(command) + f"{tag} {self._verdict(command)} done\r\n".encode())

    def _verdict(self, command: str) -> str:
        return "NO" if command.startswith("CREATE") else "OK"

    def _answer(self, command: str) -> bytes:
        if command.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1\r\n"
        if command.startswith("LIST"):
            return b'* LIST (\\Noselect) "." ""\r\n'
        if command.startswith("SELECT"):
            return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n"
        if command.startswith("UID SEARCH"):
            return b"* SEARCH 7\r\n"
        if "RFC822.SIZE" in command:
            return f"* 1 FETCH (UID {self.uid} RFC822.SIZE {len(RAW)})\r\n".encode()
        if "BODY" in command:
            return f"* 1 FETCH (UID {self.uid} BODY[]<0> {{{len(RAW)}}}\r\n".encode() + RAW + b")\r\n"
        return b""


def plainly(server: PlainImap) -> Mailbox:
    """The mailbox on a server without TLS, as no configuration allows it."""
    import imaplib

    link = imaplib.IMAP4("127.0.0.1", server.port, timeout=5)
    link.login("u", "p")
    mailbox = Mailbox(link, "INBOX")
    mailbox.enter()
    return mailbox


def test_a_server_that_can_do_little_keeps_the_message_marked_and_deletes_nothing() -> None:
    server = PlainImap()
    mailbox = plainly(server)
    assert mailbox.waiting(10) == [7]
    assert mailbox.fetch(7, 1000) == RAW
    mailbox.file(7, "Holdfast/Filed")  # CREATE is refused: the folder is there already
    assert 'UID COPY 7 "Holdfast.Filed"' in server.said
    assert r"UID STORE 7 +FLAGS (\Deleted)" in server.said
    assert not [each for each in server.said if "EXPUNGE" in each]
    assert "UID SEARCH UNDELETED" in server.said  # so a message that stays marked is not read again
    server.close()


@pytest.mark.parametrize("command", ["LIST", "SELECT", "UID SEARCH", "UID FETCH", "UID COPY"])
def test_a_server_that_breaks_off_is_unavailable(command: str) -> None:
    server = PlainImap(breaks=command)
    with pytest.raises(Unavailable, match=r"broke off at|cannot be reached"):
        _all_of_it(server)
    server.close()


def _all_of_it(server: PlainImap) -> None:
    mailbox = plainly(server)
    for uid in mailbox.waiting(10):
        mailbox.size(uid)
        mailbox.fetch(uid, 1000)
        mailbox.file(uid, "Holdfast/Filed")


def test_an_answer_about_another_message_is_not_taken_for_this_one() -> None:
    server = PlainImap(uid=8)
    mailbox = plainly(server)
    assert mailbox.size(7) is None
    assert mailbox.fetch(7, 1000) is None
    server.close()


def test_a_server_that_offers_no_tls_gets_no_password() -> None:
    server = PlainImap()
    box = Box(scheme="imap+starttls", host="127.0.0.1", port=server.port, user="u", password="secret", timeout=5)
    with pytest.raises(Unavailable), opened(box):
        pass
    assert not [each for each in server.said if "LOGIN" in each]
    server.close()


# docs/mail.md

GUIDE = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")


def test_the_example_of_the_guide_is_sound_and_reads_what_it_says() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    table = tomllib.loads(text)["adapter"]
    assert check_adapter_table(table, "x.toml") == []
    replies = read_mail_table(table, "x.toml").replies
    said = "It was received on 21 November 2026.\nThe data are kept until 18 February 2027."
    raw = f"From: a@example.com\r\nSubject: [PR-4711]\r\n\r\n{said}".encode()
    found = propose(read_inbound(raw, is_request=lambda text: None), replies)
    assert found is not None
    assert (found.kind, found.reference, found.doubts) == ("acknowledged", "PR-4711", ())
    assert (str(found.received_on), str(found.held_until)) == ("2026-11-21", "2027-02-18")


def test_every_key_of_the_table_is_in_the_guide() -> None:
    from providers.mail.table import KEYS, REPLY_KEYS

    told = set(re.findall(r"`(?:replies\.)?([a-z_-]+)`", GUIDE))
    assert {*KEYS, *REPLY_KEYS, *REPLY_KINDS} - {"kind", "replies"} <= told


def test_the_shipped_played_provider_is_sound() -> None:
    file = Path(ROOT / "config" / "providers" / "sandbox-letter.toml")
    assert check_adapter_table(tomllib.loads(file.read_text())["adapter"], file.name) == []
