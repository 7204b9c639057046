"""What people and sweeps do, each as a story that can be cut off anywhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from crash_world import World, request_table
from unit_support import MORNING

from flows import asking, intake, replying, sweeping
from flows.replying import Reply, ReplyError

Do = Callable[[World], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """`begin` happens undisturbed, once; `act` is cut off and, after a restart, done again as a person would.

    `days`: how long sweeps go on afterwards. `honours_keys`: whether the provider knows a message that comes twice.
    `told`: whether people must hear of the same matters, however often the process died. `steady`: whether it makes
    the same calls every time.
    """

    act: Do
    begin: Do = lambda world: None
    days: float = 1.5
    honours_keys: bool = False
    told: bool = True
    steady: bool = True


class Known(Exception):
    """The case is registered already."""


def sweep(world: World) -> None:
    sweeping.sweep(world.office)


def sweep_twice(world: World) -> None:
    """And once more when the pause after a failure is over."""
    sweeping.sweep(world.office)
    world.at(world.now + timedelta(minutes=20))
    sweeping.sweep(world.office)


def preserve(world: World) -> None:
    """The officer's command: all requests of the case are entered at once, unless that was done before, then sent."""
    try:
        ids = world.register({}, {"urgency": "emergency", **_account(1)}, unless=lambda: _known(world))
    except Known:
        ids = tuple(world.requests())
    sweeping.work_on(world.office, ids)


def _known(world: World) -> None:
    case, drafts, _ = intake.read(world.case_file, world.office.catalogue, at=world.now)
    if any(intake.live_duplicates(world.office, case, draft) for draft in drafts):
        raise Known


def _account(number: int) -> dict[str, object]:
    return {"identifiers": request_table(number)["identifiers"]}


def one(world: World, **fault: float) -> None:
    """One request, sent to a provider that treats it like this."""
    world.sandbox.player(world.player).configure({"faults": fault})
    (request,) = world.register({})
    sweeping.work_on(world.office, [request])
    world.sandbox.player(world.player).configure({"hostility": 0, "faults": {}})


def faulty(days: float = 0, **fault: float) -> Do:
    """A request that met this fault, so long ago."""

    def begin(world: World) -> None:
        one(world, **fault)
        world.at(MORNING + timedelta(days=days))

    return begin


def in_the_window(**fault: float) -> Do:
    """A hold whose extension is due; with a fault: it was tried, and met that."""

    def begin(world: World) -> None:
        one(world)
        world.at(MORNING + timedelta(days=61))
        if fault:
            world.sandbox.player(world.player).configure({"faults": fault})
            sweeping.sweep(world.office)
            world.sandbox.player(world.player).configure({"hostility": 0, "faults": {}})
            world.at(world.now + timedelta(minutes=20))

    return begin


def later(world: World, **duration: float) -> None:
    """What a watch does when that time has passed."""
    world.at(max(world.now, MORNING + timedelta(**duration)))
    sweeping.sweep(world.office)


def release(world: World) -> None:
    (request,) = world.requests()
    with suppress(ReplyError):  # it is released already
        asking.release(world.office, request, because="The suspect was cleared", by="Duty officer")
    sweeping.work_on(world.office, [request])


def released_in_doubt(world: World) -> None:
    one(world)
    world.at(MORNING + timedelta(days=10))
    world.sandbox.player(world.player).configure({"faults": {"drop-after-effect": 1.0}})
    release(world)
    world.sandbox.player(world.player).configure({"hostility": 0, "faults": {}})
    world.at(world.now + timedelta(minutes=20))


def replies(*entries: Reply) -> Do:
    """A person's entries, one after another; who was cut off enters them again, and is told what is on record."""

    def act(world: World) -> None:
        (request,) = world.requests()
        for reply in entries:
            try:
                replying.record(world.office, request, reply)
            except replying.ReplyError as told:
                if "was recorded as sent" not in str(told):
                    raise
        sweeping.sweep(world.office)

    return act


def no_way_to_the_answer(world: World) -> None:
    """A request whose holds end before the answer is expected: people are told on the first day."""
    sweeping.work_on(world.office, world.register({}, mla={"requested_state": "US", "send_on": "2026-12-01"}))
    world.at(MORNING + timedelta(hours=1))


def split(world: World) -> None:
    """A request that the provider will split, not yet sent."""
    world.sandbox.player(world.player).configure({"faults": {"split": 1.0}})
    world.register({})


def by_person(world: World) -> None:
    """A portal that only a person fills in: the packet is made, and the person told."""
    try:
        (request,) = world.register({"provider": "sandbox-portal"}, unless=lambda: _known(world))
    except Known:
        (request,) = world.requests()
    sweeping.work_on(world.office, [request])


def a_lapse_to_record(world: World) -> None:
    """The provider grants no extension, people were told and did nothing, and the last day has passed."""
    one(world)
    world.sandbox.player(world.player).configure({"extensions": 0})
    for day in (61, 75, 88):
        world.at(MORNING + timedelta(days=day))
        sweeping.sweep(world.office)
    world.at(MORNING + timedelta(days=91))


def another_policy(world: World) -> None:
    """Three holds, and a policy that changed since."""
    sweeping.work_on(world.office, world.register({}, _account(1), _account(2)))
    world.environ["HOLDFAST_CONFIG"] = str(world.home.parent / "later")
    world.at(MORNING + timedelta(hours=2))


def several_providers(world: World) -> None:
    """Requests to three providers are due at once: they are worked on in parallel."""
    world.register({}, {"provider": "beta"}, {"provider": "gamma"})


EARLY = MORNING.date()
STORIES: dict[str, Story] = {
    "intake and first sending": Story(act=preserve),
    "intake and first sending, keys honoured": Story(act=preserve, honours_keys=True),
    "first sendings to three providers at once": Story(begin=several_providers, act=sweep, steady=False),
    "extension": Story(begin=in_the_window(), act=sweep, days=1),
    "extension, keys honoured": Story(begin=in_the_window(), act=sweep, days=1, honours_keys=True),
    "release": Story(begin=faulty(10), act=release),
    "look-up of a sending that arrived": Story(begin=faulty(0.02, **{"drop-after-effect": 1.0}), act=sweep),
    "look-up of a sending that was lost": Story(begin=faulty(0.02, **{"drop-before-effect": 1.0}), act=sweep_twice),
    "look-up of an extension that arrived": Story(
        begin=in_the_window(**{"drop-after-effect": 1.0}), act=sweep, days=1
    ),
    "look-up of an extension that was lost": Story(
        begin=in_the_window(**{"drop-before-effect": 1.0}), act=sweep_twice, days=1
    ),
    "look-up of a release": Story(begin=released_in_doubt, act=sweep),
    "late acknowledgement": Story(begin=faulty(1.1, **{"late-acknowledgement": 1.0}), act=sweep, days=5, told=False),
    "split references": Story(begin=split, act=sweep),
    "packet for a person": Story(act=by_person),
    "replies": Story(
        begin=by_person,
        act=replies(
            Reply(kind="sent", by="Duty officer", proof=b"a screenshot"),
            Reply(kind="acknowledged", reference="PORTAL-7", on=EARLY, text="They rang back."),
            Reply(kind="preserved", by="Duty officer"),
            Reply(kind="escalation-acknowledged", about="all", by="Duty officer"),
            Reply(kind="mla-sent", on=date(2026, 6, 1), reference="MLA/2026/1"),
            Reply(kind="note", text="The head of unit knows."),
        ),
    ),
    "escalation acknowledged": Story(
        begin=no_way_to_the_answer,
        act=replies(Reply(kind="escalation-acknowledged", about="all", by="Duty officer")),
        days=3,
    ),
    "escalation that nobody takes up": Story(begin=no_way_to_the_answer, act=lambda world: later(world, hours=13)),
    "lapse": Story(begin=a_lapse_to_record, act=sweep, days=1),
    "new policy": Story(begin=another_policy, act=sweep),
}
