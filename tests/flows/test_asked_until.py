"""What is asked for is what the law gives; a provider's shorter practice moves only what is relied upon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from unit_support import MORNING, PROVIDER, SOURCE, Unit

from flows import replying
from flows.acting import asked_until
from flows.hearing import read
from providers.interface import Action, Answer, Exchange, State

HOLD = f"""
[[hold]]
requester = "any"
days = 60
extension_count = 1
extension_days = 30
{SOURCE}
[adapter]
"""


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    folder = tmp_path / "config" / "providers"
    folder.mkdir(parents=True)
    (folder / "brief.toml").write_text(PROVIDER.format(id="brief", source=SOURCE).replace("[adapter]", HOLD))
    made = Unit(tmp_path)
    made.play("brief")
    yield made
    made.close()


def asked(unit: Unit, request: str, action: Action = Action.SEND, sequence: int = 1) -> date | None:
    return asked_until(unit.office.hold(request), action, sequence, unit.office.now())


def in_force(until: str) -> Answer:
    exchange = Exchange(channel="memory", sent=b"", sent_at=MORNING)
    return Answer(state=State.IN_FORCE, held_until=date.fromisoformat(until), exchange=exchange)


def extends(unit: Unit, request: str, until: str) -> bool:
    """Whether an answer that names this day to an extension confirms the extension."""
    news = read(unit.office.hold(request), Action.EXTEND, 1, in_force(until))
    return "extended" in [kind for kind, _ in news]


def test_the_first_sending_asks_for_the_laws_period_and_relies_on_the_shorter_practice(unit: Unit) -> None:
    """18 USC 2703(f)(2): 90 days; the provider says of itself that it keeps 60."""
    (request,) = unit.register({"provider": "brief"})
    assert asked(unit, request) == date(2027, 2, 19)
    unit.office.hold(request)
    unit.sweep()
    ends = unit.office.hold(request).expiry
    assert ends is not None
    assert ends.strict_on == date(2027, 1, 19)


def test_a_year_of_the_law_is_asked_for_whatever_the_practice(unit: Unit) -> None:
    """CPP 60-2: at most one year."""
    (request,) = unit.register(
        {"provider": "brief", "instrument": "fr.cpp60-2", "categories": ["content"], "validated_by": "Judge"},
        country="FR",
    )
    assert asked(unit, request) == date(2027, 11, 21)


def test_an_extension_asks_for_the_laws_next_day(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "brief"})
    assert asked(unit, request, Action.EXTEND) == date(2027, 5, 20), "90 and 90 days"


def test_the_day_that_the_first_request_asked_for_confirms_no_extension(unit: Unit) -> None:
    """It keeps the data for the 90 days asked for, and says so again when it is asked for an extension."""
    (request,) = unit.preserve({"provider": "brief"})
    hold = unit.office.hold(request)
    assert hold.told_until(0) is None or hold.told_until(0) == date(2027, 2, 19)
    assert not extends(unit, request, "2027-02-19")
    assert extends(unit, request, "2027-03-21")


def test_a_provider_that_named_its_own_shorter_end_confirms_with_a_later_one(unit: Unit) -> None:
    (request,) = unit.preserve({"provider": "brief"})
    reply = replying.Reply(kind="preserved", until=date(2027, 1, 20), by="clerk")
    replying.record(unit.office, request, reply)
    assert not extends(unit, request, "2027-01-20")
    assert extends(unit, request, "2027-02-19")
