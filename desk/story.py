"""The story that the demonstration lives through: who does what, and when; what goes wrong, and where.

Everything that is not in the script, Holdfast decides by itself.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from desk.stage import Stage
from flows import asking, planning, replying, settings, sweeping
from flows.chronicle import told
from flows.office import Office, office
from flows.replying import Reply
from ledger.interface import Event

BEGINS = datetime(2026, 11, 21, 9, tzinfo=UTC)
MAIL, SOCIAL, CLOUD = "sandbox-mail", "sandbox-social", "sandbox-cloud"
ANSWERS_AFTER = timedelta(hours=8)
"""How long the duty officer takes to acknowledge what was told; the top of the ladder answers at once."""

HANGING, MOST_LINES = 8, 2
"""How a long line of the story is wrapped: under the provider's name, and cut after two."""

QUIET = {"registered", "intent", "polled", "escalation-acknowledged", "note"}
"""Events that the story does not tell."""

STYLES = {
    "escalated": "bold yellow",
    "refused": "red",
    "unavailable": "red",
    "outcome-unknown": "red",
    "lapsed": "bold red",
    "preserved": "green",
    "extended": "green",
    "released": "green",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What people or the world do at a moment of the story; `what` is said aloud."""

    at: datetime
    do: Callable[[Story], None]
    what: str = ""


class Story:
    """The case as it is lived through: the simulated moment, and what was seen of the record."""

    def __init__(
        self, stage: Stage, console: Console, ids: Mapping[str, str], *, flows_run: bool, scenes: Sequence[Scene] = ()
    ) -> None:
        self.stage, self.console, self.ids, self.flows_run = stage, console, ids, flows_run
        self.now = BEGINS
        self.seen = self.runs = self.failed = 0
        self.scenes = sorted(scenes, key=lambda scene: scene.at)
        self.ignored = ""  # what the duty officer overlooks, so that the ladder is climbed

    def open(self) -> AbstractContextManager[Office]:
        """The office at the simulated moment."""
        self.stage.at(self.now)
        return office(settings.load())

    def say(self, text: str, style: str = "") -> None:
        """One line of the story, with the day it happens on."""
        day = Text(f"day {(self.now.date() - BEGINS.date()).days:>3}  {self.now:%d %b %H:%M}  ", style="dim")
        lines = textwrap.wrap(text, self.console.width - len(day), subsequent_indent=" " * HANGING)
        if len(lines) > MOST_LINES:
            lines = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
        for number, line in enumerate(lines):
            self.console.print((Text(" " * len(day)) if number else day) + Text(line, style=style))

    def issue(self) -> None:
        """Send the case's requests, while things go wrong."""
        # The mail provider breaks the connection after it took the request; the network answers late and will
        # refuse the extension; the store splits the request and misses accounts.
        self.stage.faults(MAIL, drop_after_effect=1)
        self.stage.faults(SOCIAL, late_acknowledgement=1, refuse_extension=1)
        self.stage.faults(CLOUD, split=1, no_account=0.5)
        requests = list(self.ids.values())

        def run() -> Awaitable[Any]:
            from flows.issue import issue_requests

            return issue_requests(requests, by="Duty officer", return_state=True)

        self.work(run, lambda unit: sweeping.work_on(unit, requests))

    def sweep(self) -> None:
        """One pass over what is due."""

        def run() -> Awaitable[Any]:
            from flows.sweep import sweep_holds

            return sweep_holds(return_state=True)

        self.work(run, sweeping.sweep)

    def work(self, run: Callable[[], Awaitable[Any]], direct: Callable[[Office], Any]) -> None:
        """A Prefect flow run where the server is up, the same plain functions where it is not."""
        self.stage.at(self.now)
        if self.flows_run:
            self.runs += 1
            state = asyncio.run(_await(run))
            if not state.is_completed():  # part of the story: a provider said no, or not now
                self.failed += 1
        else:
            with self.open() as unit:
                direct(unit)
        self.tell()

    def record(self, provider: str, reply: Reply) -> None:
        """A person's entry for the request to one provider."""
        with self.open() as unit:
            replying.record(unit, self.ids[provider], reply)
        self.tell()

    def tell(self) -> None:
        """What the ledger recorded since we last looked, in words."""
        names = {request: provider.removeprefix("sandbox-") for provider, request in self.ids.items()}
        with self.open() as unit:
            for event in unit.ledger.all_events(after=self.seen):
                self.seen = event.seq
                if event.kind not in QUIET:
                    self.say(f"{names[event.request]:<7} {told(_shown(event))}", STYLES.get(event.kind, ""))

    def live(self, until: datetime) -> None:
        """Jump from one instant at which something is due to the next."""
        while self.now < until:
            self._jump(until)
            while self.scenes and self.scenes[0].at <= self.now < until:
                scene = self.scenes.pop(0)
                if scene.what:
                    self.say(scene.what, "cyan")
                scene.do(self)
            self._acknowledge()
            with self.open() as unit:
                due = bool(unit.ledger.due(self.now, limit=1))
            if due and self.now < until:
                self.sweep()

    def _jump(self, until: datetime) -> None:
        with self.open() as unit:
            due = unit.ledger.next_due_at()
        waiting = [moment for _, _, moment in self._unanswered()]
        scenes = [scene.at for scene in self.scenes]
        coming = min([moment for moment in (due, *waiting, *scenes, until) if moment is not None])
        self.now = min(max(self.now, coming), until)

    def _unanswered(self) -> list[tuple[str, str, datetime]]:
        """Request, matter and when somebody takes it up; what is overlooked, only at the top of the ladder."""
        waiting = []
        with self.open() as unit:
            top = len(unit.policy.ladder)
            for request in self.ids.values():
                for each in unit.hold(request).escalations.values():
                    overlooked = self.ignored and each.about.startswith(self.ignored) and each.level < top
                    if each.acknowledged_at is None and not overlooked:
                        takes = ANSWERS_AFTER if each.level < top else timedelta(minutes=30)
                        waiting.append((request, each.about, each.at + takes))
        return waiting

    def _acknowledge(self) -> None:
        for request, about, moment in self._unanswered():
            if moment <= self.now:
                with self.open() as unit:
                    reply = Reply(kind="escalation-acknowledged", about=about, by="Duty officer")
                    replying.record(unit, request, reply)


async def _await(run: Callable[[], Awaitable[Any]]) -> Any:
    return await run()


def _shown(event: Event) -> dict[str, Any]:
    body = {key: value for key, value in event.body.items() if key != "text"}
    instant = planning.said(event.at)
    return {"kind": event.kind, "at": instant, "recorded_at": instant, "actor": event.actor, "body": body}


def on(day: int, hour: int = 10) -> datetime:
    """The hour of a day of the story, counted from its first."""
    return BEGINS.replace(hour=hour) + timedelta(days=day)


def script() -> tuple[Scene, ...]:
    """What people and the world do, and when."""
    return (
        Scene(at=BEGINS + timedelta(minutes=1), do=lambda story: story.stage.faults(MAIL, drop_after_effect=0)),
        Scene(at=on(10), do=_mla_sent, what="The central authority sends the MLA request."),
        Scene(at=on(38), do=_mla_received, what="The requested State has the MLA request."),
        Scene(at=on(39), do=_overlook("ending")),
        Scene(at=on(50), do=_announced, what="A production order is issued, and announced to the network (Annex V)."),
        Scene(at=on(57), do=_overload(1), what="The mail provider's servers are overloaded for three days."),
        Scene(at=on(60, 10), do=_overload(0)),
        Scene(
            at=on(160),
            do=_let_go,
            what="The MLA answer is here: the mail provider's data are no longer needed there.",
        ),
        Scene(at=on(170), do=_produced, what="The network has produced its data."),
    )


def _mla_sent(story: Story) -> None:
    for provider in story.ids:
        story.record(provider, Reply(kind="mla-sent", on=story.now.date(), by="Central authority"))


def _mla_received(story: Story) -> None:
    reply = Reply(kind="mla-received", on=story.now.date(), reference="MLA-2026-77", by="Central authority")
    story.stage.call(CLOUD, story.ids[CLOUD])
    story.record(CLOUD, reply)


def _announced(story: Story) -> None:
    story.ignored = ""
    reply = Reply(kind="production-announced", on=story.now.date(), reference="EPOC-12", by="Public prosecutor")
    story.stage.call(SOCIAL, story.ids[SOCIAL])
    story.record(SOCIAL, reply)


def _produced(story: Story) -> None:
    story.record(SOCIAL, Reply(kind="produced", reference="EPOC-12", by="Duty officer"))


def _overlook(about: str) -> Callable[[Story], None]:
    def do(story: Story) -> None:
        story.ignored = about

    return do


def _overload(rate: float) -> Callable[[Story], None]:
    return lambda story: story.stage.faults(MAIL, unavailable=rate)


def _let_go(story: Story) -> None:
    request = story.ids[MAIL]
    with story.open() as unit:
        asking.release(unit, request, because="The MLA answer is here", by="Duty officer")
    story.sweep()
