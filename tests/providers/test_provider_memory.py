"""What the provider in memory can be told to do, and that a table tells it the same."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta

import pytest
from provider_orders import extension, item, order

from providers.errors import OutcomeUnknown, ProviderError, Refused, Unavailable, Unsupported
from providers.holdings import Promise
from providers.interface import Action, State
from providers.memory import Behaviour, Does, MemoryProvider
from providers.registry import make_adapter

START = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def provider(*script: Behaviour, clock: Clock | None = None, **how: object) -> MemoryProvider:
    return MemoryProvider("memory-mail", script=script, clock=clock or Clock(), **how)  # type: ignore[arg-type]


def test_it_counts_its_days_in_its_own_zone() -> None:
    assert provider().send(order()).received_on == date(2026, 11, 21)
    assert provider(zone="Asia/Tokyo").send(order()).received_on == date(2026, 11, 22)


def test_unavailable_n_times_then_done() -> None:
    adapter = provider(Behaviour(does=Does.UNAVAILABLE, times=2, seconds=30))
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            adapter.send(order())
        assert caught.value.retry_after == 30
    assert adapter.effects("HF-1", Action.SEND, 1) == 0
    adapter.send(order())
    assert adapter.effects("HF-1", Action.SEND, 1) == 1


def test_silence_is_an_unknown_outcome_without_an_effect_and_search_is_silent_too() -> None:
    adapter = provider(Behaviour(does=Does.SILENT))
    for ask in (adapter.send, adapter.find):
        with pytest.raises(OutcomeUnknown):
            ask(order())
    adapter.follow()
    assert adapter.find(order()) is None


def test_a_line_for_one_kind_of_message_leaves_the_others_alone() -> None:
    adapter = provider(Behaviour(does=Does.REFUSE, on=Action.RELEASE, ground="form"))
    references = adapter.send(order()).references
    with pytest.raises(Refused):
        adapter.release(order(Action.RELEASE, references=references))
    assert adapter.status(order(Action.STATUS, references=references)).state is State.IN_FORCE


def test_lines_are_followed_together_and_those_behind_a_silence_keep_their_turn() -> None:
    adapter = provider(
        Behaviour(does=Does.UNAVAILABLE, times=1),
        Behaviour(does=Does.SPLIT, count=3, times=1),
        Behaviour(does=Does.MOVE_EXPIRY, count=5),
    )
    with pytest.raises(Unavailable):
        adapter.send(order())
    sent = adapter.send(order())
    assert len(sent.references) == 3
    assert sent.held_until == date(2026, 11, 21) + timedelta(days=85)
    assert len(adapter.send(order(number=2)).references) == 1


def test_a_hold_ends_and_may_be_forgotten_afterwards() -> None:
    clock = Clock()
    adapter = provider(Behaviour(does=Does.FORGET, times=1), clock=clock, promise=Promise(hold_days=10))
    forgets = adapter.send(order()).references
    keeps = adapter.send(order(number=2)).references
    clock.now = START + timedelta(days=10)
    assert adapter.status(order(Action.STATUS, references=forgets)).state is State.IN_FORCE
    clock.now = START + timedelta(days=11)
    assert adapter.status(order(Action.STATUS, references=forgets)).state is State.NOT_HELD
    assert adapter.find(order()) is None
    assert adapter.status(order(Action.STATUS, references=keeps)).state is State.EXPIRED
    for references in (forgets, keeps):
        with pytest.raises(Refused) as caught:
            adapter.extend(extension(references, date(2027, 6, 1)))
        assert caught.value.ground == "extension-not-granted"


def test_it_grants_no_more_extensions_than_promised() -> None:
    adapter = provider(promise=Promise(hold_days=90, extension_days=30, extensions=1))
    references = adapter.send(order()).references
    longer = adapter.extend(order(Action.EXTEND, references=references))
    assert longer.held_until == date(2026, 11, 21) + timedelta(days=120)
    assert adapter.extend(order(Action.EXTEND, references=references)).held_until == longer.held_until  # the same key
    with pytest.raises(Refused):
        adapter.extend(order(Action.EXTEND, references=references, sequence=2))
    assert adapter.effects("HF-1", Action.EXTEND, 1) == 1
    assert adapter.effects("HF-1", Action.EXTEND, 2) == 0


def test_without_a_reference_what_needs_one_cannot_be_said() -> None:
    with pytest.raises(Unsupported, match="has given no reference yet"):
        provider().status(order(Action.STATUS))


def test_only_the_last_items_are_not_found() -> None:
    adapter = provider(Behaviour(does=Does.NOT_FOUND, count=1))
    sent = adapter.send(order(items=(item("a"), item("b", "b@example.com"))))
    assert sent.state is State.IN_FORCE
    assert {one.id: str(one.outcome) for one in sent.items} == {"a": "preserved", "b": "not-found"}


def test_a_table_scripts_it() -> None:
    table = tomllib.loads("""
kind = "memory"
hold_days = 60
extensions = 0
idempotent = false
can_find = false
[[script]]
does = "unavailable"
on = "send"
times = 1
seconds = 5
""")
    adapter = make_adapter("memory-mail", table, where="x.toml", sandbox=True, zone="", environ={}, clock=Clock())
    assert not adapter.capabilities.idempotent
    assert not adapter.capabilities.can_find
    with pytest.raises(Unavailable) as caught:
        adapter.send(order())
    assert caught.value.retry_after == 5
    sent = adapter.send(order())
    assert sent.held_until == date(2026, 11, 21) + timedelta(days=60)
    with pytest.raises(ProviderError):
        adapter.extend(extension(sent.references, date(2027, 3, 1)))
