"""Over which channel a request goes: the first that can say it, and afterwards the one it went over."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from unit_support import MORNING, PROVIDER, SOURCE, Unit

from flows.acting import TRIES
from flows.catalogue import ConfigurationErrors
from flows.replying import Reply, record
from flows.sweeping import work_on
from providers.errors import Unavailable
from providers.interface import Action, Exchange, Order
from providers.manual import ManualAdapter
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
    unit.office.adapters["alpha#fax"] = played = Api("alpha", "fax", unit)
    (request,) = unit.preserve()
    assert tried(unit, request) == ["portal", "fax"]
    assert played.effects(request, Action.SEND, 1) == 1
    hold = unit.office.hold(request)
    assert hold.state is State.IN_FORCE
    assert hold.terms.abilities.extend, "what it went over can extend by itself, though the first channel could not"
    unit.close()


def test_an_extension_goes_over_the_channel_the_request_went_over(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha#fax"] = played = Api("alpha", "fax", unit)
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
        archive = zipfile.ZipFile(BytesIO(content))
        assert archive.testzip() is None
        assert [each["name"] for each in body["files"]] == archive.namelist()
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


ONE = PROVIDER.partition("[adapter]")[0] + '[[adapter]]\nkind = "memory"\n'


def moved(unit: Unit, text: str) -> Unit:
    """The same unit after somebody changed the provider's file, and everything was started again."""
    unit.close()
    (unit.folder / "config" / "providers" / "alpha.toml").write_text(text.format(id="alpha", source=SOURCE))
    again = Unit(unit.folder, providers=())
    again.later(hours=1)
    return again


OTHER = ONE.replace('kind = "memory"', 'kind = "manual"\n[[adapter]]\nkind = "memory"')


@pytest.mark.parametrize(("text", "route"), [(ONE, "alpha"), (OTHER, "alpha#memory")])
def test_what_a_channel_that_is_gone_may_have_sent_is_not_sent_again_over_another(
    tmp_path: Path, text: str, route: str
) -> None:
    """Another channel does not know of it: to believe that would be to send a second time."""
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    lost = Behaviour(does=Does.UNKNOWN, on=Action.SEND)
    unit.office.adapters["alpha#fax"] = Api("alpha", "fax", unit, lost)
    (request,) = unit.preserve()
    assert unit.office.hold(request).state is State.UNKNOWN
    unit = moved(unit, text)
    other = unit.play(route)
    for _ in range(30):
        work_on(unit.office, [request])
        unit.later(hours=7)
    assert other.effects(request, Action.SEND, 1) == 0
    assert unit.office.hold(request).state is State.UNKNOWN
    assert "our set-up" in str(unit.last(request, "outcome-unknown").body["reason"])
    assert unit.last(request, "escalated").body["about"]
    unit.close()


def test_how_a_request_stands_is_not_asked_of_a_channel_it_did_not_go_over(tmp_path: Path) -> None:
    """A provider that knows nothing of it there would seem to hold nothing."""
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha#fax"] = Api("alpha", "fax", unit)
    (request,) = unit.preserve()
    unit = moved(unit, ONE)
    other = unit.play("alpha")
    unit.later(days=75)
    work_on(unit.office, [request])
    work_on(unit.office, [request])
    assert other.effects(request, Action.EXTEND, 1) == 0
    assert unit.office.hold(request).state is State.IN_FORCE
    assert "is not in the catalogue any more" in str(unit.last(request, "unavailable").body["reason"])
    unit.close()


def test_channels_in_another_order_are_the_same_channels(tmp_path: Path) -> None:
    unit = Unit(tmp_path, providers=("alpha",))
    unit = moved(unit, OTHER)
    played = unit.play("alpha#memory")
    (request,) = unit.preserve()
    assert played.effects(request, Action.SEND, 1) == 1
    unit = moved(unit, ONE.replace('kind = "memory"', 'kind = "memory"\n[[adapter]]\nkind = "manual"'))
    unit.office.adapters["alpha"] = played
    unit.later(days=75)
    unit.sweep()
    assert played.effects(request, Action.EXTEND, 1) == 1
    unit.close()


def test_two_channels_of_one_name_are_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationErrors, match=r'alpha\.toml: adapter\[1\]\.channel: there is another "fax"'):
        Unit(folder_with(tmp_path, "manual", 'channel = "fax"'), providers=())


class CutOff(ManualAdapter):
    """A person's channel whose first packet is never made: the power fails."""

    cut = True

    def _build(self, order: Order) -> bytes:
        if self.cut:
            self.cut = False
            raise RuntimeError("cut off")
        return super()._build(order)


def test_a_packet_that_was_cut_off_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """Nothing leaves by a person's channel: whoever is sent to ask the provider whether it arrived, asks in vain."""
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    unit.office.adapters["alpha"] = CutOff("alpha")
    (request,) = unit.register()
    assert work_on(unit.office, [request]).failures
    assert unit.office.hold(request).state is State.REGISTERED
    unit.later(minutes=10)
    work_on(unit.office, [request])
    assert unit.last(request, "unsupported").body["packet"]
    assert unit.last(request, "escalated").body["about"] == "channel"
    unit.close()


def test_of_several_ways_that_need_a_person_the_best_is_told(tmp_path: Path) -> None:
    unit = Unit(folder_with(tmp_path, "manual", 'channel = "portal"'), providers=())
    (request,) = unit.register()
    (done, *_) = work_on(unit.office, [request]).done
    assert "by portal" in done.failed
    unit.close()


def test_a_language_that_the_unit_added_is_chosen_where_the_provider_reads_it(tmp_path: Path) -> None:
    documents = '[documents]\nlanguages = ["it", "en"]\n' + SOURCE + "\n[adapter]"
    unit = Unit(tmp_path, providers=("alpha",))
    text = PROVIDER.replace("[adapter]", documents)
    unit = moved(unit, text)
    (request,) = unit.register()
    assert unit.office.routes(unit.office.hold(request), "alpha")[0].addressee.language == "en"
    letters = tmp_path / "config" / "letters"
    letters.mkdir()
    shipped = Path(__file__).parents[2] / "config" / "letters" / "en.toml"
    (letters / "it.toml").write_text(shipped.read_text().replace('language = "en"', 'language = "it"'))
    unit = moved(unit, text)
    assert unit.office.routes(unit.office.hold(request), "alpha")[0].addressee.language == "it"
    unit.close()
