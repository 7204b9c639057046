"""A process that is stopped for longer than its lease, at any call, and goes on while another has done its work.

And a clock that is set by an hour, forwards or back, at any call, and a person's entry from another process at any
call. Nothing may be said twice because of it, and nothing that the entry has made wrong.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from crash_flows import STORIES, Story
from crash_points import WITHIN, Line
from crash_world import LEASE, World, broken_invariants
from test_crash_injection import READS, begun, finish, undisturbed

from flows import asking, sweeping
from flows.office import Office, open_office
from ledger.interface import LedgerError
from providers.sandbox.server import Sandbox

SPOKEN = ["intake and first sending", "extension", "release", "look-up of a sending that was lost"]


@pytest.mark.parametrize(
    ("name", "honours_keys"),
    [
        *(pytest.param(name, False, id=name) for name in SPOKEN),
        *(pytest.param(name, True, id=f"{name}, keys honoured", marks=pytest.mark.soak) for name in SPOKEN),
    ],
)
def test_who_was_stopped_for_longer_than_the_lease_stops_acting(
    name: str, sandbox: Sandbox, folder: Path, *, honours_keys: bool
) -> None:
    story = replace(STORIES[name], honours_keys=honours_keys)
    player = f"paused-{SPOKEN.index(name)}-{honours_keys}"
    template = begun(story, World(home=folder / "template", sandbox=sandbox, player=player))
    calm, calls = undisturbed(story, template)
    expected = calm.outcome()
    calm.close()
    wrong: list[str] = []
    for at, call in enumerate(calls, 1):
        if call in READS or call.endswith(WITHIN):
            continue  # stopped within a transaction on SQLite, it holds the file: others wait, and tell that they did
        for after in (False, True) if calls[at % len(calls)].startswith("provider.") else (False,):
            world = template.copied(folder / f"{at}{after}", f"{player}-{at}{after}")
            found = disturbed(story, world, Line(at, after=after, happens=partial(stopped, world)))
            if (came_to := world.outcome()) != expected:
                found.append(f"it came to {came_to} and not to {expected}")
            found += recorded_twice(world)
            world.close()
            # Between the last look at the lease and the socket nothing can be looked at: only a key helps there.
            in_the_window = call.startswith("provider.") and call != "provider.find" and not honours_keys
            moment = f"{'after' if after else 'before'} call {at}, {call}"
            wrong += [f"stopped {moment}: {each}" for each in found if not in_the_window]
    assert not wrong, "\n".join(wrong)


def disturbed(story: Story, world: World, line: Line) -> list[str]:
    """What is wrong after the act with something that happens in its middle. The office is open at the end."""
    found: list[str] = []
    world.open(line)
    try:
        story.act(world)
    except (ValueError, LedgerError) as error:
        found.append(f"{type(error).__name__}: {error}")
    world.close()
    finish(story, world)
    return found + broken_invariants(world)


def set_clock(world: World, hours: int) -> None:
    """Somebody sets the machine's clock."""
    world.at(world.now + timedelta(hours=hours))


def recorded_twice(world: World) -> list[str]:
    """What is on record as sent more than once: who has lost its lease may write nothing more."""
    sent = Counter(
        (event.request, event.body["action"], event.body["sequence"])
        for event in world.office.ledger.all_events()
        if event.kind == "sent"
    )
    return [f"{what} was recorded as sent {count} times" for what, count in sent.items() if count > 1]


def stopped(world: World) -> None:
    """The process stands still; meanwhile its leases run out, and another one does all that is due."""
    held_up = world.office
    world.now += LEASE
    held_up.settings = replace(held_up.settings, simulated=world.now)
    other: Office = open_office(held_up.settings, catalogue=held_up.catalogue)
    try:
        for _ in range(2):
            sweeping.sweep(other)
            other.settings = replace(other.settings, simulated=other.now() + LEASE)
    finally:
        other.close()


OVERTAKEN = ["extension", "look-up of an extension that was lost"]


@pytest.mark.parametrize("name", OVERTAKEN)
def test_a_release_that_is_asked_for_at_any_call_is_heard_by_every_act_not_yet_begun(
    name: str, sandbox: Sandbox, folder: Path
) -> None:
    story, player = STORIES[name], f"overtaken-{OVERTAKEN.index(name)}"
    template = begun(story, World(home=folder / "template", sandbox=sandbox, player=player))
    calm, calls = undisturbed(story, template)
    calm.close()
    wrong: list[str] = []
    before = 0
    for at, call in enumerate(calls, 1):
        if call in READS or call.endswith(WITHIN):
            continue  # within a transaction on SQLite nobody else writes to the file
        world = template.copied(folder / str(at), f"{player}-{at}")
        found = disturbed(story, world, Line(at, happens=partial(asked_to_release, world)))
        (request,) = world.requests()
        said = [(each.kind, each.body.get("action")) for each in world.office.ledger.events(request)]
        asked = said.index(("release-asked", None))
        if ("intent", "extend") in said[asked:]:
            found.append("it was extended after its release was asked for")
        extended = ("sent", "extend") in said
        before += not extended
        effects = world.effects()
        if (effects[request, "release", 1], effects[request, "extend", 1]) != (1, extended):
            found.append(f"the provider was told {effects}")
        if str(world.office.hold(request).state) != "released":
            found.append(f"it is {world.office.hold(request).state}")
        world.close()
        wrong += [f"asked for before call {at}, {call}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)
    assert 0 < before < len(calls), "before the intent, and after it"


def asked_to_release(world: World) -> None:
    """Another process has a person's wish to let go of the hold."""
    other = open_office(world.office.settings, catalogue=world.office.catalogue)
    try:
        (row,) = other.ledger.rows(open_only=False)
        asking.release(other, row.request, because="the wrong account", by="Duty officer")
    finally:
        other.close()


STEPPED = ["intake and first sending", "extension", "look-up of a sending that arrived"]
STEPPED_IN_SOAK = ["release", "lapse", "late acknowledgement", "look-up of an extension that was lost"]


@pytest.mark.parametrize("hours", [1, -1], ids=["an hour forwards", "an hour back"])
@pytest.mark.parametrize(
    "name", [*STEPPED, *(pytest.param(name, marks=pytest.mark.soak) for name in STEPPED_IN_SOAK)]
)
def test_a_clock_that_is_set_during_an_act_makes_nothing_happen_twice(
    name: str, sandbox: Sandbox, folder: Path, hours: int
) -> None:
    story, player = STORIES[name], f"stepped-{list(STORIES).index(name)}{hours}"
    template = begun(story, World(home=folder / "template", sandbox=sandbox, player=player))
    calm, calls = undisturbed(story, template)
    expected, told = calm.outcome(), calm.told()
    calm.close()
    wrong: list[str] = []
    for at, call in enumerate(calls, 1):
        if call in READS:
            continue
        world = template.copied(folder / str(at), f"{player}-{at}")
        found = disturbed(story, world, Line(at, happens=partial(set_clock, world, hours)))
        if (came_to := world.outcome()) != expected:
            found.append(f"it came to {came_to} and not to {expected}")
        if too_often := {what: n for what, n in world.told().items() if n > told[what] + 1}:
            found.append(f"people were told too often of {too_often}")
        world.close()
        wrong += [f"set before call {at}, {call}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)
