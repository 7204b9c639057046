"""Over which channel a request goes: the first that can say it, and afterwards the one it went over."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from unit_support import MORNING, PROVIDER, SOURCE, Unit

from flows.acting import TRIES
from flows.replying import Reply, record
from flows.sweeping import work_on
from providers.errors import Unavailable
from providers.interface import Action, Exchange, Order
from providers.memory import Behaviour, Does, MemoryProvider
from timeline.state import State

TWO = (
    PROVIDER.partition("[adapter]")[0]
    + """
[[adapter]]
kind = "{first}"
{more}
[[adapter]]
kind = "manual"
channel = "fax"
"""
)


class Api(MemoryProvider):
    """A machine channel with a name of its own."""

    def __init__(self, name: str, channel: str, unit: Unit, *script: Behaviour) -> None:
        super().__init__(name, script=script, clock=unit.office.now)
        self.channel = channel


class Dead(Api):
    """Accepts nothing."""

    def _deliver(self, order: Order, message: bytes) -> Exchange:
        raise Unavailable("down", retry_after=3600)


def folder_with(folder: Path, first: str, more: str = "") -> Path:
    config = folder / "config" / "providers"
    config.mkdir(parents=True)
    (config / "alpha.toml").write_text(TWO.format(id="alpha", source=SOURCE, first=first, more=more))
    return folder


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    """A provider with two channels: in memory, then fax."""
    made = Unit(folder_with(tmp_path, "memory"), providers=())
    yield made
    made.close()


def tried(unit: Unit, request: str) -> list[str]:
    return [str(event.body["channel"]) for event in unit.office.ledger.events(request) if event.kind == "intent"]


def test_the_first_channel_takes_it_and_the_second_is_not_asked(unit: Unit) -> None:
    (request,) = unit.preserve()
    assert tried(unit, request) == ["memory"]
    assert unit.office.hold(request).channel == "memory"


def test_what_the_first_channel_cannot_say_goes_to_the_next_at_once(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha#2"] = played = Api("alpha", "fax", unit)
    (request,) = unit.preserve()
    assert tried(unit, request) == ["portal", "fax"]
    assert played.effects(request, Action.SEND, 1) == 1
    hold = unit.office.hold(request)
    assert hold.state is State.IN_FORCE
    assert hold.terms.abilities.extend, "what it went over can extend by itself, though the first channel could not"
    unit.close()


def test_an_extension_goes_over_the_channel_the_request_went_over(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha#2"] = played = Api("alpha", "fax", unit)
    (request,) = unit.preserve()
    unit.later(days=75)
    unit.sweep()
    assert played.effects(request, Action.EXTEND, 1) == 1
    assert tried(unit, request) == ["portal", "fax", "fax"]
    unit.close()


def test_where_no_channel_can_a_person_gets_a_packet_of_each(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    (request,) = unit.preserve()
    packets = [event.body for event in unit.office.ledger.events(request) if event.kind == "unsupported"]
    assert len(packets) == 2
    for body in packets:
        content = unit.office.vault.unseal(str(body["packet"]))
        assert len(content) == body["packet_size"]
        assert zipfile.ZipFile(BytesIO(content)).testzip() is None
    assert unit.office.hold(request).state is State.REGISTERED
    unit.close()


def test_a_refusal_is_not_tried_at_another_door(unit: Unit) -> None:
    unit.office.adapters["alpha"] = Api("alpha", "memory", unit, Behaviour(does=Does.REFUSE, on=Action.SEND))
    (request,) = unit.preserve()
    assert tried(unit, request) == ["memory"]
    assert unit.office.hold(request).state is State.REFUSED


def test_a_channel_that_stays_dead_gives_way_to_the_next(unit: Unit) -> None:
    unit.office.adapters["alpha"] = Dead("alpha", "memory", unit)
    (request,) = unit.preserve()
    while unit.office.hold(request).act("send").outcome == "unavailable":  # type: ignore[union-attr]
        unit.later(hours=7)
        work_on(unit.office, [request])
    assert tried(unit, request) == ["memory"] * TRIES + ["fax"]
    assert unit.last(request, "unsupported").body["packet"]


def test_what_a_person_sent_by_post_is_not_asked_about_by_machine(unit: Unit) -> None:
    unit.office.adapters["alpha"] = Dead("alpha", "memory", unit)
    (request,) = unit.preserve()
    record(unit.office, request, Reply(kind="sent", channel="post", at=MORNING, by="clerk"))
    unit.later(days=30)
    done = [each.action for each in unit.sweep().done]
    assert "poll" not in done
