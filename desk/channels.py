"""The second story of the demonstration: one case to six providers over six channels.

A JSON API, ETSI TS 103 120, e-mail, a web portal, a 24/7 contact point, and a provider in memory: each of them
really spoken to on this machine, or handed to a person who records what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from desk.stage import Stage
from desk.story import BEGINS, Scene, Story, on
from flows import asking, inbox, intake, packets, settings, sweeping
from flows.office import Office, office
from flows.replying import Reply
from flows.words import STATES, day
from providers.interface import Action, Adapter

if TYPE_CHECKING:
    from providers.sandbox.hi1 import Hi1Responder
    from providers.sandbox.mail_servers import MailSandbox

CASE = Path(__file__).resolve().parent.parent / "examples" / "channels" / "case.toml"
REST, ETSI, LETTER, PORTAL, POINT, MEMORY = (
    *("sandbox", "sandbox-hi1", "sandbox-letter", "sandbox-portal", "sandbox-cloud", "sandbox-memory"),
)
SAID: Mapping[str, str] = {
    REST: "JSON API",
    ETSI: "ETSI TS 103 120",
    LETTER: "e-mail",
    PORTAL: "web portal",
    POINT: "24/7 contact point",
    MEMORY: "in memory",
}
DAYS = 72


class Channels(Story):
    """The story, with a mail server and a provider of European orders beside the stage's sandbox."""

    mail: MailSandbox
    responder: Hi1Responder
    memory: Adapter | None = None

    @contextmanager
    def open(self) -> Iterator[Office]:
        """The office at the simulated moment; the provider in memory lives as long as the story."""
        with super().open() as unit:
            if self.memory is not None:
                unit.adapters[MEMORY] = self.memory
            yield unit
            self.memory = unit.adapters.get(MEMORY)

    @contextmanager
    def servers(self, folder: Path) -> Iterator[None]:
        """Start both; they end with the block."""
        from providers.sandbox.certificates import throwaway
        from providers.sandbox.hi1 import Hi1Responder
        from providers.sandbox.mail_desk import Desk
        from providers.sandbox.mail_servers import MailSandbox

        certificates = throwaway(folder / "certificates")
        with (
            MailSandbox(clock=lambda: self.now) as self.mail,
            Hi1Responder(certificates, name=ETSI) as self.responder,
        ):
            self.mail.desk().script.append(
                Desk.UNVERIFIED
            )  # nobody vouches for its first answer: a person confirms it
            os.environ |= self.mail.environ() | dict(certificates.environ(self.responder.url))
            yield

    def send(self) -> None:
        """Everything leaves, or is handed to a person."""
        with self.open() as unit:
            sweeping.work_on(unit, list(self.ids.values()))
        self.tell()

    def by_hand(self, provider: str, action: Action, reference: str) -> None:
        """A person takes the packet, submits it, and records what the other side said."""
        request = self.ids[provider]
        with self.open() as unit:
            handed = packets.find(unit, request, action=action)
            packets.record_disclosure(unit, handed)
        names = ", ".join(name for name in handed.files if "/" not in name)
        self.say(f"  holdfast packet {request}: {names}", "dim")
        receipt = f"Submitted. Your reference: {reference}".encode()
        self.record(provider, Reply(kind="sent", action=str(action), by="Contact team", proof=receipt))
        if action is Action.EXTEND:
            self.record(provider, Reply(kind="extended", by="Contact team"))
        else:
            told = Reply(kind="acknowledged", reference=reference, on=self.now.date(), by="Contact team")
            self.record(provider, told)
            self.record(provider, Reply(kind="preserved", by="Contact team"))


def play(stage: Stage, console: Console) -> bool:
    """Live through it; whether every request is kept at the end and the record verifies."""
    os.environ["HOLDFAST_HOME"] = str(stage.folder / "channels")
    stage.at(BEGINS)
    with office(settings.load(), create=True, sandbox=True) as unit:
        case, drafts, _ = intake.read(CASE, unit.catalogue, at=BEGINS)
        ids = intake.register(unit, case, drafts)
    requests = {draft.request.provider: request for draft, request in zip(drafts, ids, strict=True)}
    story = Channels(stage, console, requests, flows_run=False, scenes=_script())
    with story.servers(stage.folder):
        story.send()
        story.live(BEGINS + timedelta(days=DAYS))
        return _end(story)


def _script() -> tuple[Scene, ...]:
    soon = BEGINS + timedelta(minutes=20)
    return (
        Scene(
            at=soon,
            do=_collect,
            what="The post is collected. Nobody vouches for who answered: the contact team confirms it.",
        ),
        Scene(
            at=soon + timedelta(minutes=10),
            do=lambda story: story.by_hand(PORTAL, Action.SEND, "SP-20261121-7"),  # type: ignore[attr-defined]
            what="The contact team submits the portal's packet.",
        ),
        Scene(
            at=soon + timedelta(minutes=40),
            do=lambda story: story.by_hand(POINT, Action.SEND, "CA-24/7-2026-118"),  # type: ignore[attr-defined]
            what="The article 29 form goes to the 24/7 contact point.",
        ),
        Scene(at=on(10), do=_mla_sent, what="The central authority sends the MLA request."),
        Scene(
            at=on(20), do=_asks, what="The European provider asks for clarification (Form 3); the next poll reads it."
        ),
        Scene(at=on(23), do=_answers, what="The duty officer answers it."),
        Scene(at=on(30), do=_mla_received, what="The requested State has the MLA request: article 29(7)."),
        Scene(
            at=on(62),
            do=lambda story: story.by_hand(PORTAL, Action.EXTEND, "SP-20261121-7"),  # type: ignore[attr-defined]
            what="The contact team extends at the portal.",
        ),
        Scene(at=on(70), do=_announces, what="A production order is issued: announced to the European provider."),
    )


def _collect(story: Story) -> None:
    """Collect the post; what waits for a person is confirmed by one."""
    story.sweep()
    with story.open() as unit:
        for received in inbox.open_messages(unit):
            inbox.confirm(unit, received.message, by="Contact team")
    story.tell()


def _asks(story: Story) -> None:
    assert isinstance(story, Channels)  # noqa: S101 - its own scenes
    question = {"request": story.ids[ETSI], "status": "Invalid", "says": "Which account is meant?"}
    story.responder.control("notify", question)


def _answers(story: Story) -> None:
    request = story.ids[ETSI]
    with story.open() as unit:
        asking.answer(unit, request, text="Both accounts, in the whole period.", by="Duty officer")
        sweeping.work_on(unit, [request])
    story.tell()


def _announces(story: Story) -> None:
    request = story.ids[ETSI]
    with story.open() as unit:
        asking.announce(unit, request, reference="EPOC-2027-12", by="Public prosecutor")
        sweeping.work_on(unit, [request])
    story.tell()


def _mla_sent(story: Story) -> None:
    for provider in story.ids:
        story.record(provider, Reply(kind="mla-sent", on=story.now.date(), by="Central authority"))


def _mla_received(story: Story) -> None:
    reply = Reply(kind="mla-received", on=story.now.date(), reference="MLA-2026-91", by="Central authority")
    story.record(POINT, reply)


def _end(story: Channels) -> bool:
    """What went over which channel, and how it stands."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("channel", "sent", "SHA-256, first", "reference", "how it stands"):
        table.add_column(name)
    kept = True
    with story.open() as unit:
        for provider, request in story.ids.items():
            hold = unit.hold(request)
            bodies = [event.body for event in unit.ledger.events(request)]
            digests = [
                str(digest)
                for body in bodies
                for key in ("sent_sha256", "packet_sha256")
                if (digest := body.get(key)) is not None
            ]
            sent = sum(1 for act in hold.acts.values() if act.outcome == "sent")
            held = hold.in_force_at is not None and not hold.ended
            kept &= held
            ends = f", ends {day(hold.expiry.strict_on.isoformat())}" if hold.expiry else ""
            stands = Text(f"{STATES[str(hold.state)]}{ends}", style="green" if held else "bold red")
            first = digests[0][:12] if digests else ""
            table.add_row(SAID[provider], str(sent), first, ", ".join(hold.references)[:24], stands)
        findings = unit.ledger.verify(sweeping.provable(unit))
    story.console.print(table)
    if findings:
        story.console.print(Text(findings[0].what, style="bold red"))
    return kept and not findings
