"""A unit that writes to a played desk by mail and reads what comes back, over real servers on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from unit_support import MORNING, SOURCE, Unit

from flows import inbox, mailroom
from flows.settings import load
from providers.interface import Adapter
from providers.mail.mailbox import Box, opened
from providers.registry import make_adapter
from providers.sandbox.mail_desk import UNIT_SERVER, Desk, MailDesk, Post
from providers.sandbox.mail_servers import UNIT, MailSandbox

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))
from mail_servers_support import SmtpServer
from plain_letters import PlainLetters

DESK = "desk@letters.example"
LETTER = """
id = "letter"
name = "letter"
zone = "UTC"
state = ""
[[entity]]
name = "letter"
for = ["world"]
{source}
[[channel]]
kind = "email"
{source}
[notice]
notifies_on_preservation = false
{source}
[adapter]
kind = "email"
to = {to}
[adapter.replies]
from = ["letters.example"]
trusted = {trusted}
authentication = ["dkim", "dmarc"]
extended = [{{ body = 'was extended until (?P<held_until>[0-9-]{{10}})' }}]
refused = [{{ body = 'names no legal basis', ground = "no-legal-basis" }}]
released = [{{ body = 'no longer preserved' }}]
not-found = [{{ body = 'No account was found' }}]
[[adapter.replies.acknowledged]]
body = '(?s)on (?P<received_on>[0-9-]+)\\..*is (?P<reference>[A-Z0-9-]+)\\.(?:.*until (?P<held_until>[0-9-]+))?'
"""


class MailUnit(Unit):
    """A unit whose provider "letter" is reached by mail."""

    def __init__(self, folder: Path, post: MailSandbox, *, trusted: bool = True, to: Sequence[str] = (DESK,)) -> None:
        self.post = post
        (folder / "config" / "providers").mkdir(parents=True)
        text = LETTER.format(source=SOURCE, trusted=str(trusted).lower(), to=json.dumps(to))
        (folder / "config" / "providers" / "letter.toml").write_text(text)
        super().__init__(folder)
        self.environ |= post.environ()
        self.office.settings = load(self.environ)
        self.office.adapters["letter"] = self.adapter(post.environ())

    def adapter(self, environ: Mapping[str, str]) -> Adapter:
        """An adapter to the provider over the mail server that the environment names."""
        return make_adapter(
            "letter",
            self.office.catalogue.providers["letter"].adapter,
            where="letter.toml",
            sandbox=True,
            zone="UTC",
            environ=environ,
            clock=lambda: self.office.now(),  # noqa: PLW0108 - the office comes later
            letters=PlainLetters(),
        )

    @property
    def desk(self) -> MailDesk:
        return self.post.desk()

    def write(self, *does: Desk) -> str:
        """Preserve one request, to which the desk does this; gives its id."""
        self.desk.script = list(does)
        (request,) = self.preserve({"provider": "letter"})
        return request

    def collect(self, **more: Any) -> mailroom.Collected:
        return mailroom.collect(self.office, **more)

    def open(self) -> tuple[inbox.Received, ...]:
        return inbox.open_messages(self.office)

    def folder_counts(self) -> tuple[int, int, int]:
        """Messages in the inbox, filed, and unmatched."""
        box = Box.load(self.environ, sandbox=True)
        assert box is not None
        with opened(box) as mailbox:
            return (len(mailbox.waiting(10_000)), mailbox.count(mailroom.FILED), mailbox.count(mailroom.UNMATCHED))

    def told(self) -> list[str]:
        """What people were told, by the files dropped for them."""
        return [path.read_text() for path in sorted(self.office.settings.drop_path.glob("*.json"))]


class Clock:
    """The desk's time, which is the unit's."""

    def __init__(self) -> None:
        self.unit: MailUnit | None = None

    def __call__(self) -> datetime:
        return self.unit.office.now() if self.unit else MORNING


def mail(text: str = "Hello.", **fields: str) -> bytes:
    """A message from the desk; underscores in names of fields stand for hyphens."""
    message = EmailMessage()
    for name, value in {"From": f"Desk <{DESK}>", "To": UNIT, "Subject": "Re: your request", **fields}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes(policy=policy.SMTP)


__all__ = ["DESK", "UNIT", "UNIT_SERVER", "Clock", "Desk", "MailUnit", "Post", "SmtpServer", "mail"]
