"""The past of the sandbox desk: cases that were registered, sent and answered before it opens.

Nothing of it is written by hand into the record. Each case is registered, sent to played providers and followed by
the same functions as real ones, at the instants of a simulated clock; what people entered is entered the way they do.
What then needs a person is whatever the ladder says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from desk.stage import Stage
from flows import intake, replying, sweeping
from flows.office import Office, office
from flows.replying import Reply
from flows.settings import Settings

POLICY = """
# For the sandbox desk: holds are asked about every three weeks, so that the past passes quickly, and people have more
# time than usual, so that what waits for you is still low on the ladder.
[poll]
every = "21 days"

[[ladder]]
level = 1
who = "Contact team"
acknowledge_within = "1 day"
tell = ["drop"]
mail_to = ""

[[ladder]]
level = 2
who = "Head of unit"
acknowledge_within = "1 day"
tell = ["drop"]
mail_to = ""

[[ladder]]
level = 3
who = "On-call head of the central authority"
acknowledge_within = "2 hours"
tell = ["drop"]
mail_to = ""
"""

TAKEN_UP_WITHIN = timedelta(hours=3)
"""How long the people of the past took to take up what they were told."""

LEFT_SINCE = timedelta(days=2)
"""What nobody has taken up was told since then at the earliest."""

MAIL, SOCIAL, CLOUD, PORTAL, FORUM = (
    *("sandbox-mail", "sandbox-social", "sandbox-cloud", "sandbox-portal", "sandbox-forum"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """What a person entered, `after` so long: the kind of entry, and its fields as `Reply` has them.

    `on` and `until`, where there are any, are days counted from the registration.
    """

    after: timedelta
    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """One case with one request, registered `age` before the desk opens.

    `mla`: days from the registration to the MLA request; None: none is planned. `faults`: what its provider does
    wrong from then on. `left`: the kinds of matter that nobody took up. `draft`: it was not sent.
    """

    case: str
    age: timedelta
    offence: str
    request: Mapping[str, Any]
    mla: int | None = None
    faults: Mapping[str, float] = field(default_factory=dict)
    entered: tuple[Entered, ...] = ()
    left: frozenset[str] = frozenset()
    draft: bool = False


def days(count: float, hours: float = 0) -> timedelta:
    """So many days and hours."""
    return timedelta(days=count, hours=hours)


def cases() -> tuple[Past, ...]:
    """The cases, the oldest first."""
    us, eu = "us.18usc2703f", "eu.epocpr"
    return (
        Past(
            case="CY-0388",
            age=days(66, 3),
            offence="Computer-related fraud",
            request={"provider": FORUM, "instrument": us, "identifiers": [_username("river_crossing")]},
            entered=(
                Entered(after=days(0, 1), kind="sent"),
                Entered(after=days(1), kind="acknowledged", fields={"reference": "SF-41877"}, days={"on": 1}),
                Entered(after=days(1), kind="preserved", fields={"reference": "SF-41877"}, days={"until": 90}),
                Entered(after=days(65, -4), kind="sent", fields={"action": "extend"}),
            ),
            left=frozenset({"extension"}),
        ),
        Past(
            case="CY-0391",
            age=days(61),
            offence="Extortion",
            request={"provider": CLOUD, "instrument": us, "identifiers": [_email("harbour.notes@example.com")]},
            faults={"refuse-extension": 1},
            left=frozenset({"extension", "ending"}),
        ),
        Past(
            case="CY-0407",
            age=days(6),
            offence="Dissemination of stolen data",
            request={
                "provider": SOCIAL,
                "instrument": eu,
                "identifiers": [_username("north_quay")],
                "validated_by": "Investigating judge, Example Court",
                "user_location": "IE",
            },
            entered=(Entered(after=days(5, 18), kind="clarification"),),
            left=frozenset({"clarification"}),
        ),
        Past(
            case="CY-0409",
            age=days(2, 1),
            offence="Fraud with payment cards",
            request={"provider": FORUM, "instrument": us, "identifiers": [_username("quiet_lantern")]},
            entered=(Entered(after=days(0, 1), kind="sent"),),
            left=frozenset({"acknowledgement"}),
        ),
        Past(
            case="CY-0410",
            age=days(0, 20),
            offence="Unauthorised access",
            request={"provider": MAIL, "instrument": us, "identifiers": [_email("first.light@example.net")]},
            mla=20,
            left=frozenset({"coverage"}),
        ),
        Past(
            case="CY-0411",
            age=days(0, 3),
            offence="Threats",
            request={"provider": PORTAL, "instrument": us, "identifiers": [_username("paper_kite")]},
            left=frozenset({"channel"}),
        ),
        Past(
            case="CY-0412",
            age=days(0, 2),
            offence="Fraudulent invoices",
            request={"provider": MAIL, "instrument": us, "identifiers": [_email("invoices@example.com")]},
            draft=True,
        ),
    )


def _username(value: str) -> Mapping[str, str]:
    return {"type": "username", "value": value}


def _email(value: str) -> Mapping[str, str]:
    return {"type": "email", "value": value}


def live(stage: Stage, settings: Settings, opens: datetime) -> dict[str, tuple[str, ...]]:
    """Live through it until the desk opens; gives each case's requests."""
    return _Life(stage=stage, settings=settings, opens=opens).live()


@dataclass(kw_only=True)
class _Life:
    stage: Stage
    settings: Settings
    opens: datetime
    requests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: dict[str, frozenset[str]] = field(default_factory=dict)

    def live(self) -> dict[str, tuple[str, ...]]:
        acts = sorted(self._acts(), key=lambda act: act[0])
        now = acts[0][0]
        while True:
            with self._office(now) as unit:
                while acts and acts[0][0] <= now:
                    acts.pop(0)[1](unit)
                self._take_up(unit)
                sweeping.sweep(unit)
                coming = [unit.ledger.next_due_at(), *(at for at, _ in acts[:1]), *self._untaken(unit)]
            following = min((each for each in coming if each is not None), default=self.opens)
            if following >= self.opens:
                return self.requests
            now = max(now + timedelta(minutes=1), following)

    @contextmanager
    def _office(self, now: datetime) -> Iterator[Office]:
        with office(replace(self.settings, simulated=now), create=True, sandbox=True) as unit:
            yield unit

    def _acts(self) -> Iterator[tuple[datetime, Callable[[Office], None]]]:
        for past in cases():
            begins = self.opens - past.age
            yield begins, lambda unit, past=past: self._register(unit, past)  # type: ignore[misc]
            for each in past.entered:
                yield begins + each.after, lambda unit, past=past, each=each: self._enter(unit, past, each)  # type: ignore[misc]

    def _register(self, unit: Office, past: Past) -> None:
        if past.faults:
            self.stage.faults(str(past.request["provider"]), **past.faults)
        path = self.stage.folder / "case.json"
        path.write_text(json.dumps(case_file(past, unit.now())))
        try:
            case, drafts, _ = intake.read(path, unit.catalogue, at=unit.now())
        finally:
            path.unlink()
        requests = intake.register(unit, case, drafts, as_draft=past.draft)
        self.requests[past.case] = requests
        self.left |= dict.fromkeys(requests, past.left)
        if not past.draft:
            sweeping.work_on(unit, requests)

    def _enter(self, unit: Office, past: Past, each: Entered) -> None:
        begins = self.opens - past.age
        on = {name: (begins + timedelta(days=count)).date() for name, count in each.days.items()}
        for request in self.requests[past.case]:
            replying.record(unit, request, Reply(kind=each.kind, by="Contact team", **each.fields, **on))  # type: ignore[arg-type]

    def _untaken(self, unit: Office) -> list[datetime]:
        """When somebody takes up what was told and is not left."""
        return [at for _, _, at in self._waiting(unit)]

    def _waiting(self, unit: Office) -> Iterator[tuple[str, str, datetime]]:
        for request, left in self.left.items():
            for each in unit.hold(request).escalations.values():
                stays = each.at > self.opens - LEFT_SINCE and each.about.partition(":")[0] in left
                if each.acknowledged_at is None and not stays:
                    yield request, each.about, each.at + TAKEN_UP_WITHIN

    def _take_up(self, unit: Office) -> None:
        for request, about, at in list(self._waiting(unit)):
            if at <= unit.now():
                replying.record(unit, request, Reply(kind="escalation-acknowledged", about=about, by="Duty officer"))


def case_file(past: Past, now: datetime) -> dict[str, Any]:
    """A case as an officer's file has it."""
    case: dict[str, Any] = {
        "reference": f"{past.case[:3]}{now:%Y}-{past.case[3:]}",
        "unit": "Cybercrime Unit, Example Police",
        "country": "FR",
        "offence": {"title": past.offence, "provisions": ["Code pénal, art. 323-1"], "facts": f"{past.offence}."},
        "officer": {
            "name": "Duty officer",
            "badge": "EP-1042",
            "email": "duty.officer@police.example.com",
            "phone": "+33 1 99 00 01 00",
        },
    }
    if past.mla is not None:
        send_on = (now + timedelta(days=past.mla)).date()
        case["mla"] = {"requested_state": "US", "send_on": f"{send_on}", "profile": "unodc"}
    whole = {
        "categories": ["subscriber", "traffic"],
        "from": f"{now - timedelta(days=80):%Y-%m-%dT00:00:00Z}",
        "to": f"{now - timedelta(days=1):%Y-%m-%dT00:00:00Z}",
        "confidential": True,
        "urgency": "expedited",
        "notice_accepted_by": "Head of unit",
        "unverified_accepted_by": "Head of unit",
    }
    return {"case": case, "request": [whole | dict(past.request)]}
