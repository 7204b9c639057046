"""A world that reacts at random: a provider and people who do anything that may be recorded, in any order.

A `World` lives through a request's life. What happens is read off a tape of numbers, so that a test library can make
up lives and shorten those that go wrong; when the tape is over, everybody behaves: the provider confirms, and a
person does what a message asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from timeline_world import (
    BR,
    BUDAPEST,
    EU,
    HOUR,
    KR,
    LOGS,
    MORNING,
    NO_PERIOD,
    PERSON,
    POLICY,
    US,
    Story,
    extension,
    instrument,
    practice,
    terms,
)

from timeline.decide import Decision, Do, decide
from timeline.hold import Hold
from timeline.rules import Period, Start
from timeline.terms import Abilities, Terms

MANY_TERMS: tuple[Terms, ...] = (
    terms(US, retention=(LOGS,)),
    terms(EU, zone="Europe/Dublin"),
    terms(BUDAPEST, abilities=PERSON),
    terms(US, abilities=PERSON, zone="America/Los_Angeles", extension_lead_days=7),
    terms(US, holds=(practice(days=60, extension_discretionary=True, proof_of_mla_by_day=60, confidential_days=45),)),
    terms(KR, zone="Asia/Seoul"),
    terms(BR, abilities=Abilities(find=False)),
    terms(NO_PERIOD),
    terms(instrument("short", first=Period(count=2), extensions=(extension(2, 3, before_expiry=True),))),
    terms(instrument("made", first=Period(count=21), start=Start.DAY_MADE), abilities=PERSON),
)
MLA = (
    {},
    {"send_on": "2026-12-01"},
    {"sent_on": "2026-11-25"},
    {"sent_on": "2026-10-01", "received_on": "2026-10-20"},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One decision carried out: when, what, and the hold and the length of its history before it."""

    at: datetime
    decision: Decision
    hold: Hold
    length: int


@dataclass
class World:
    """One request, its world, and everything that was decided about it."""

    tape: Sequence[int]
    late: bool = False  # whether a sweep may come late
    news: bool = True  # whether anything happens that was not asked for
    calm: int = 0  # steps in which everybody behaves before the tape begins
    position: int = 0
    done: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        chosen = MANY_TERMS[self.pick(len(MANY_TERMS))]
        urgency = ("expedited", "emergency")[self.pick(2)]
        items, mla = 1 + self.pick(3), dict(MLA[self.pick(len(MLA))])
        at, made_on = MORNING + HOUR * self.pick(24), ("", "2026-11-14")[self.pick(2)]
        self.story = Story(chosen, at=at, items=items, urgency=urgency, mla=mla, made_on=made_on)

    def pick(self, count: int) -> int:
        """The next number of the tape below `count`; 0, good behaviour, before it begins and when it is over."""
        if self.position >= len(self.tape) or 0 < len(self.done) < self.calm:
            return 0
        self.position += 1
        return self.tape[self.position - 1] % count

    def step(self) -> Decision:
        """Something may happen; then what is due is done, or time goes on to what falls due next."""
        story = self.story
        if self.news and self.pick(7) == 1:
            self.happen()
        hold = story.hold
        decision = decide(hold, POLICY, story.now)
        if decision.due_at is None:
            return decision
        if not decision.due(story.now):
            story.now = max(story.now, decision.due_at)
            if self.late:
                story.now += (timedelta(), HOUR, timedelta(days=2), timedelta(days=40))[self.pick(4)]
            decision = decide(hold, POLICY, story.now)
        self.done.append(Step(at=story.now, decision=decision, hold=hold, length=len(story.events)))
        self.carry_out(decision, hold)
        return decision

    # What we do, and what becomes of it

    def carry_out(self, decision: Decision, hold: Hold) -> None:
        """Do what was decided, as the acts do it, and let the world answer."""
        doing: dict[Do, Callable[[Decision, Hold], None]] = {
            Do.SEND: self._say,
            Do.EXTEND: self._say,
            Do.RELEASE: self._say,
            Do.LOOK_UP: self._look_up,
            Do.POLL: self._poll,
            Do.ESCALATE: self._tell,
            Do.LAPSE: self._lapse,
        }
        doing[decision.action](decision, hold)

    def _say(self, decision: Decision, hold: Hold) -> None:
        act = {"action": str(decision.action), "sequence": decision.sequence}
        known = hold.act(act["action"], decision.sequence)  # type: ignore[arg-type]
        self.story.intent(str(decision.action), decision.sequence, known.attempt + 1 if known else 1)
        match self.pick(8):
            case 1 | 2:
                self.story.add("unavailable", **act, reason="x", retry_after_s=self.pick(3) * 3600)
            case 3:
                self.story.add("outcome-unknown", **act, reason="x")
            case 4:
                self.story.add("refused", **act, ground="other")
            case 5:
                self.story.add("unsupported", **act, reason="x")
            case 6:
                pass  # cut off: the intent has no outcome
            case _:
                self.story.add("sent", **act, channel="api")
                self._answer(decision)

    def _answer(self, decision: Decision) -> None:
        """What the provider says to what reached it."""
        if decision.action is Do.SEND:
            match self.pick(4):
                case 1:
                    pass
                case 2:
                    self.story.add("acknowledged", references=["R-1"])
                case 3:
                    self.story.add("acknowledged", references=["R-1"]).add("preserved", **self._until())
                case _:
                    self.story.add("acknowledged", references=["R-1"]).add("preserved")
        elif decision.action is Do.EXTEND and self.pick(3) != 1:
            self.story.add("extended", sequence=decision.sequence, **self._until())

    def _look_up(self, decision: Decision, _: Hold) -> None:
        act = {"action": decision.about, "sequence": decision.sequence}
        match self.pick(3):
            case 1:
                self.story.add("absent", **act)
            case 2:
                self.story.add("outcome-unknown", **act, reason="x")
            case _:
                self.story.add("sent", **act, channel="api", found=True)

    def _poll(self, _: Decision, hold: Hold) -> None:
        match self.pick(8):
            case 1 | 2:
                self.story.add("poll-failed", reason="x")
            case 3:
                self.story.add("polled", state="in-force").add("preserved", **self._until())
            case 4:
                self.story.add("polled", state="expired").add("expired", state="expired")
            case 5:
                self.story.add("polled", state="acknowledged").add("acknowledged", references=["R-2"])
            case 6:
                items = [{"item": each.id, "outcome": "not-found"} for each in hold.items]
                self.story.add("polled", state="acknowledged").add("items", items=items)
            case _:
                self.story.add("polled", state="in-force")
                if hold.unconfirmed is not None:
                    self.story.add("extended", sequence=hold.unconfirmed.sequence)
                elif hold.in_force_at is None:
                    self.story.add("preserved")

    def _tell(self, decision: Decision, _: Hold) -> None:
        self.story.told(decision.about, decision.level, delivered=self.pick(4) != 1)
        answer = self.pick(4)
        if answer in {0, 1}:
            self.story.later(minutes=30).taken_up(decision.about)
        if answer == 0:
            self._see_to(decision.about)

    def _see_to(self, about: str) -> None:
        """A person does what the message asks for, and records it."""
        story, today = self.story, self.story.now.date().isoformat()
        extension = story.hold.granted + 1
        doing: dict[str, Callable[[], object]] = {
            "channel": lambda: story.add("sent", action="send", sequence=1, channel="person"),
            "outcome-unknown:send-1": lambda: story.add("acknowledged", references=["R-8"]),
            "outcome-unknown:release-1": lambda: story.add("released"),
            "acknowledgement": lambda: story.add("acknowledged", references=["R-8"]),
            "extension": lambda: story.add("extended", sequence=extension),
            "release": lambda: story.add("released"),
            "clarification": lambda: story.add("clarification-answered"),
            "validation": lambda: story.add("validated"),
            "mla-plan": lambda: story.add("mla-sent", on=today),
            "mla-receipt": lambda: story.add("mla-received", on=today),
            "review": lambda: story.add("release-asked"),
        }
        if about.startswith("outcome-unknown:extend"):
            story.add("extended", sequence=extension)
        for word in (about, about.partition(":")[0]):
            if word in doing:
                doing[word]()
                break

    def _lapse(self, decision: Decision, hold: Hold) -> None:
        ends = hold.expiry
        on = ends.strict_on if ends else self.story.now.date()
        self.story.add("lapsed", strict_on=on.isoformat(), because=decision.because)

    # What happens by itself

    def _until(self) -> dict[str, str]:
        """A last day that the provider may name: none, or one that is near, far or over."""
        days = (None, 1, 20, 60, 400, -3)[self.pick(6)]
        return {} if days is None else {"held_until": (self.story.now.date() + timedelta(days=days)).isoformat()}

    def happen(self) -> None:
        """One thing that nobody here decided: a provider's word, a person's entry; late or early, true or not."""
        story, now = self.story, self.story.now
        on = (now.date() - timedelta(days=self.pick(5))).isoformat()
        some = [{"item": "i1", "outcome": ("preserved", "not-found", "refused", "released")[self.pick(4)]}]
        happenings: tuple[Callable[[], object], ...] = (
            lambda: story.add("note"),
            lambda: story.add("acknowledged", references=["R-7"], received_on=on),
            lambda: story.add("preserved", **self._until()),
            lambda: story.add("items", items=some),
            lambda: story.add("extended", sequence=story.hold.granted + 1),
            lambda: story.add("extended", sequence=max(1, story.hold.granted), **self._until()),
            lambda: story.add("refused", action="send", sequence=1, ground="other"),
            lambda: story.add("refused", action="extend", sequence=story.hold.granted + 1, ground="other"),
            lambda: story.add("sent", action="extend", sequence=story.hold.granted + 1, channel="person"),
            lambda: story.add("sent", action="send", sequence=1, channel="person"),
            lambda: story.add("clarification"),
            lambda: story.add("clarification-answered"),
            lambda: story.add("validated"),
            lambda: story.add("mla-sent", on=on),
            lambda: story.add("mla-received", on=on),
            lambda: story.add("production-announced", on=on),
            lambda: story.add("petition-filed", on=on),
            lambda: story.add("stop-ended", on=on),
            lambda: story.add("expired", state="expired"),
            lambda: story.add("produced"),
            lambda: story.add("release-asked"),
            lambda: story.add("released"),
            story.taken_up,
            lambda: story.later(hours=self.pick(48)),
        )
        happenings[self.pick(len(happenings))]()
