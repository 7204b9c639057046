"""A process that dies at any call to its ledger or to a provider leaves work that the next one finishes, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from crash_european import EUROPEAN, EuropeanWorld
from crash_flows import STORIES, Story
from crash_points import WITHIN, Crash, Line
from crash_world import World, broken_invariants

from providers.sandbox.certificates import Certificates
from providers.sandbox.hi1 import Hi1Responder
from providers.sandbox.server import Sandbox

READS = frozenset(
    f"ledger.{name}{within}"
    for within in ("", WITHIN)
    for name in (
        *(
            "all_events",
            "case_key",
            "consistency",
            "due",
            "events",
            "find_live",
            "head",
            "heads",
            "inclusion",
            "kept",
        ),
        *("last_beat", "next_due_at", "records", "root_at", "row", "rows", "sealed", "verify"),
    )
)
"""Calls that change nothing: a process that dies around one of them leaves what it left after the call before."""

Instant = tuple[int, bool]


def every_instant(calls: list[str]) -> list[Instant]:
    """Before and after every call."""
    return [(at, after) for at in range(1, len(calls) + 1) for after in (False, True)]


def every_change(calls: list[str]) -> list[Instant]:
    """Before every call that changes something, and after every event: each state that can be left behind.

    What happens between two calls, such as telling a person, lies after the one and before the other.
    """
    changes = [at for at, name in enumerate(calls, 1) if name not in READS]
    events = [at for at in changes if calls[at - 1] == "ledger.append"]
    return [*((at, False) for at in changes), *((at, True) for at in {*events, changes[-1]})]


Instants = Callable[[list[str]], list[Instant]]


def both(stories: Mapping[str, Story]) -> list[ParameterSet]:
    """Every story at every change, and in a soak at every instant."""
    return [
        *(pytest.param(name, every_change, id=name) for name in stories if "keys honoured" not in name),
        *(pytest.param(name, every_instant, id=f"{name}, reads too", marks=pytest.mark.soak) for name in stories),
    ]


@pytest.mark.parametrize(("name", "instants"), both(STORIES))
def test_a_crash_at_any_call_is_made_good_by_the_next_process(
    name: str, instants: Instants, sandbox: Sandbox, folder: Path
) -> None:
    template = World(home=folder / "template", sandbox=sandbox, player=f"story-{list(STORIES).index(name)}")
    made_good(STORIES[name], template, instants)


@pytest.mark.parametrize(("name", "instants"), both(EUROPEAN))
def test_so_it_is_with_a_provider_of_ts_103_120(
    name: str, instants: Instants, sandbox: Sandbox, folder: Path, certificates: Certificates
) -> None:
    with Hi1Responder(certificates) as responder:
        template = EuropeanWorld(
            home=folder / "template",
            sandbox=sandbox,
            player=f"european-{list(EUROPEAN).index(name)}",
            environ=dict(certificates.environ(responder.url)),
            responder=responder,
        )
        made_good(EUROPEAN[name], template, instants)


def made_good(story: Story, template: World, instants: Instants) -> None:
    """Whatever the instant of the crash, it comes to the same end, and all invariants hold."""
    begun(story, template)
    calm, calls = undisturbed(story, template)
    assert broken_invariants(calm) == []
    expected, told = calm.outcome(), calm.told()
    calm.close()
    wrong: list[str] = []
    for at, after in instants(calls):
        moment = f"{'after' if after else 'before'} call {at}, {calls[at - 1]}"
        world = template.copied(template.home.with_name(f"{at}{after}"), f"{template.player}-{at}{after}")
        if not dies(story, world, Line(at, after=after)) and story.steady:
            wrong.append(f"{moment}: never came to that")
        finish(story, world)
        found = broken_invariants(world)
        if (came_to := world.outcome()) != expected:
            found.append(f"it came to {came_to} and not to {expected}")
        if too_often := {what: n for what, n in world.told().items() if n > told[what] + 1}:
            found.append(f"people were told too often of {too_often}")
        if story.told and (missing := told.keys() - world.told().keys()):
            found.append(f"people were never told of {missing}")
        wrong += [f"{moment}: {each}" for each in found]
        world.close()
    assert not wrong, "\n".join(wrong)


def begun(story: Story, world: World) -> World:
    world.sandbox.player(world.player).configure({"honours_keys": story.honours_keys})
    world.open(create=True)
    story.begin(world)
    world.close()
    return world


def undisturbed(story: Story, template: World) -> tuple[World, list[str]]:
    """The story without a crash, and the calls it makes."""
    world = template.copied(template.home.with_name("calm"), f"{template.player}-calm")
    line = Line()
    world.open(line)
    story.act(world)
    world.close()
    finish(story, world)
    return world, line.calls


def dies(story: Story, world: World, line: Line) -> bool:
    """Whether the act was cut off, as the line says."""
    world.open(line)
    try:
        story.act(world)
    except Crash:
        return True
    finally:
        world.close()
    return False


def finish(story: Story, world: World) -> None:
    """What happens after a restart: the person does it again, and sweeps go on. The office is open at the end."""
    end = world.now + timedelta(days=story.days)
    world.open()
    story.act(world)
    world.settle(end)
    world.reopen()
