"""What holds for every adapter. Each kind inherits this; `test_provider_contract.py` checks that none is missing."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import ClassVar

import pytest
from provider_orders import CANARY, everything_said, extension, item, order

from providers.errors import GROUNDS, OutcomeUnknown, ProviderError, Refused, Unavailable, Unsupported
from providers.interface import CHANGES, Action, Adapter, Answer, ItemOutcome, Order, State


def speak(adapter: Adapter, said: Order) -> Answer:
    return {
        Action.SEND: adapter.send,
        Action.EXTEND: adapter.extend,
        Action.STATUS: adapter.status,
        Action.RELEASE: adapter.release,
        Action.ANNOUNCE: adapter.announce,
        Action.CLARIFY: adapter.clarify,
    }[said.action](said)


class AdapterContract:
    """For every channel, also one that needs a person."""

    kind: ClassVar[str]

    def make(self, *, honours_keys: bool = True) -> Adapter:
        """A fresh adapter to a provider that does as it is asked."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _says_nothing_in_logs(self, caplog: pytest.LogCaptureFixture) -> object:
        caplog.set_level(logging.DEBUG)
        yield
        assert CANARY not in caplog.text

    @pytest.mark.parametrize("method", ["send", "extend", "status", "release"])
    def test_an_order_of_another_action_is_refused_before_anything_is_sent(self, method: str) -> None:
        adapter = self.make()
        for action in Action:
            if action != method:
                with pytest.raises(ValueError, match=f"an order to {action} was given to {method}"):
                    getattr(adapter, method)(order(action))

    @pytest.mark.parametrize("action", [Action.STATUS, Action.FIND])
    def test_what_changes_nothing_cannot_be_looked_for(self, action: Action) -> None:
        adapter = self.make()
        with pytest.raises((ValueError, Unsupported)):
            adapter.find(order(action))

    def test_what_its_capabilities_deny_is_unsupported(self) -> None:
        adapter = self.make()
        able = adapter.capabilities
        for action, can in (
            (Action.EXTEND, able.extend),
            (Action.STATUS, able.status),
            (Action.RELEASE, able.release),
            (Action.ANNOUNCE, able.announce),
            (Action.CLARIFY, able.clarify),
        ):
            if not can or able.person:
                with pytest.raises(Unsupported):
                    speak(adapter, order(action, references=("R-1",), hold_until=date(2027, 2, 18)))
        if not able.can_find:
            with pytest.raises(Unsupported):
                adapter.find(order())

    def test_it_says_who_and_over_what(self) -> None:
        adapter = self.make()
        assert adapter.provider
        assert adapter.channel
        assert CANARY not in repr(adapter)

    def test_closing_it_twice_does_no_harm(self) -> None:
        adapter = self.make()
        adapter.close()
        adapter.close()


class MachineAdapterContract(AdapterContract):
    """For every channel that a machine speaks over."""

    always_one_effect: ClassVar[str] = ""
    """Why no provider of this kind can take the same message twice, where its protocol leaves it no choice."""

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        """Let its provider make this trouble from now on: one of those that the tests below name, or none."""
        raise NotImplementedError

    def make_with(self, trouble: str) -> Adapter:
        """A fresh adapter whose provider makes trouble."""
        adapter = self.make()
        self.trouble(adapter, trouble)
        return adapter

    def effects(self, adapter: Adapter, said: Order) -> int:
        """How often the message took effect at the provider, by the provider's own account."""
        raise NotImplementedError

    def test_a_request_is_answered_with_a_reference_and_dates(self) -> None:
        adapter = self.make()
        answer = adapter.send(order())
        assert answer.state is State.IN_FORCE
        assert len(answer.references) == 1
        assert answer.received_on is not None
        assert answer.held_until == answer.received_on + timedelta(days=90)
        assert [(each.id, each.outcome) for each in answer.items] == [("item-1", ItemOutcome.PRESERVED)]

    def test_the_exact_bytes_are_kept_for_the_sealed_record_and_shown_nowhere(self) -> None:
        answer = self.make().send(order())
        assert CANARY.encode() in answer.exchange.sent
        assert answer.references[0].encode() in answer.exchange.received
        assert answer.exchange.received_at is not None
        assert answer.exchange.sent_at <= answer.exchange.received_at
        assert CANARY not in repr(answer)

    def test_the_same_message_twice_has_one_effect_where_keys_are_honoured(self) -> None:
        adapter = self.make()
        assert adapter.capabilities.idempotent
        first, second = adapter.send(order()), adapter.send(order())
        assert first.references == second.references
        assert self.effects(adapter, order()) == 1

    def test_the_same_message_twice_has_two_effects_where_they_are_not(self) -> None:
        if self.always_one_effect:
            pytest.skip(self.always_one_effect)
        adapter = self.make(honours_keys=False)
        assert not adapter.capabilities.idempotent
        adapter.send(order())
        adapter.send(order())
        assert self.effects(adapter, order()) == 2

    def test_an_extension_moves_the_last_day(self) -> None:
        adapter = self.make()
        sent = adapter.send(order())
        assert sent.held_until is not None
        until = sent.held_until + timedelta(days=90)
        longer = extension(sent.references, until)
        assert adapter.extend(longer).held_until == until
        assert adapter.status(order(Action.STATUS, references=sent.references)).held_until == until
        assert self.effects(adapter, longer) == 1

    def test_a_release_ends_the_hold(self) -> None:
        adapter = self.make()
        references = adapter.send(order()).references
        release = order(Action.RELEASE, references=references, because="The case was closed.")
        assert adapter.release(release).state is State.RELEASED
        assert adapter.status(order(Action.STATUS, references=references)).state is State.RELEASED
        assert self.effects(adapter, release) == 1

    @pytest.mark.parametrize("action", sorted(CHANGES))
    def test_a_message_that_was_never_sent_is_not_found(self, action: Action) -> None:
        adapter = self.make()
        references = adapter.send(order(number="other")).references
        assert adapter.find(order(action, references=references)) is None

    def test_a_message_that_arrived_though_its_answer_was_lost_is_found(self) -> None:
        adapter = self.make_with("answer-lost")
        with pytest.raises(OutcomeUnknown):
            adapter.send(order())
        self.trouble(adapter)
        found = adapter.find(order())
        assert found is not None
        assert found.state is State.IN_FORCE
        assert found.references
        assert self.effects(adapter, order()) == 1

    def test_an_extension_whose_answer_was_lost_is_found_with_its_new_end(self) -> None:
        adapter = self.make()
        sent = adapter.send(order())
        assert sent.held_until is not None
        longer = extension(sent.references, sent.held_until + timedelta(days=90), held_until=sent.held_until)
        assert adapter.find(longer) is None
        self.trouble(adapter, "answer-lost")
        with pytest.raises(OutcomeUnknown):
            adapter.extend(longer)
        self.trouble(adapter)
        found = adapter.find(longer)
        assert found is not None
        assert found.held_until == longer.hold_until

    def test_a_refusal_tells_its_ground(self) -> None:
        adapter = self.make_with("refuse")
        with pytest.raises(Refused) as caught:
            adapter.send(order())
        assert caught.value.ground in GROUNDS
        assert self.effects(adapter, order()) == 0

    def test_a_refused_extension_leaves_the_hold_as_it_was(self) -> None:
        adapter = self.make()
        sent = adapter.send(order())
        self.trouble(adapter, "refuse-extension")
        assert sent.held_until is not None
        with pytest.raises(Refused) as caught:
            adapter.extend(extension(sent.references, sent.held_until + timedelta(days=90)))
        assert caught.value.ground == "extension-not-granted"
        assert adapter.status(order(Action.STATUS, references=sent.references)).held_until == sent.held_until

    def test_an_answer_that_cannot_be_read_is_an_unknown_outcome(self) -> None:
        adapter = self.make_with("garbage")
        with pytest.raises(OutcomeUnknown) as caught:
            adapter.send(order())
        assert caught.value.exchange is not None
        assert caught.value.exchange.received

    def test_not_now_tells_how_long_to_wait_and_had_no_effect(self) -> None:
        adapter = self.make_with("unavailable")
        with pytest.raises(Unavailable) as caught:
            adapter.send(order())
        assert caught.value.retry_after == 17
        assert self.effects(adapter, order()) == 0

    def test_a_late_acknowledgement_is_not_yet_a_hold(self) -> None:
        adapter = self.make_with("delay")
        sent = adapter.send(order())
        assert (sent.state, sent.held_until) == (State.ACKNOWLEDGED, None)
        states = [adapter.status(order(Action.STATUS, references=sent.references)).state for _ in range(4)]
        assert states[-1] is State.IN_FORCE

    def test_a_split_request_keeps_all_its_references(self) -> None:
        sent = self.make_with("split").send(order(items=(item("a", "a@example.com"), item("b", "b@example.com"))))
        assert len(set(sent.references)) > 1
        assert {each.reference for each in sent.items} <= set(sent.references)

    def test_items_without_an_account_are_told_one_by_one(self) -> None:
        sent = self.make_with("not-found").send(order())
        assert sent.state is State.NOT_HELD
        assert [each.outcome for each in sent.items] == [ItemOutcome.NOT_FOUND]

    @pytest.mark.parametrize("trouble", ["garbage", "answer-lost", "unavailable", "refuse"])
    def test_no_error_shows_the_account_anywhere(self, trouble: str) -> None:
        with pytest.raises(ProviderError) as caught:
            self.make_with(trouble).send(order())
        assert CANARY not in everything_said(caught.value)

    def test_eight_threads_share_it(self) -> None:
        adapter = self.make()
        orders = [order(number=number % 20) for number in range(80)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(adapter.send, orders))
        assert len({answer.references for answer in answers}) == 20
        assert all(self.effects(adapter, said) == 1 for said in orders[:20])


class OneWayAdapterContract(AdapterContract):
    """For every channel that a machine hands a message to, and that answers nothing: what comes back comes later."""

    def trouble(self, adapter: Adapter, what: str = "") -> None:
        """Let what it hands messages to make this trouble from now on: one that the tests below name, or none."""
        raise NotImplementedError

    def arrived(self, adapter: Adapter) -> list[bytes]:
        """The messages that arrived at the provider, exactly as they came."""
        raise NotImplementedError

    def make_with(self, trouble: str) -> Adapter:
        """A fresh adapter that hands its messages to something that makes trouble."""
        adapter = self.make()
        self.trouble(adapter, trouble)
        return adapter

    def test_handed_over_is_not_acknowledged(self) -> None:
        answer = self.make().send(order())
        assert answer.state is State.SENT
        assert (answer.references, answer.received_on, answer.held_until, answer.items) == ((), None, None, ())

    def test_nobody_can_be_asked(self) -> None:
        able = self.make().capabilities
        assert [able.person, able.status, able.can_find, able.idempotent] == [False] * 4

    def test_the_exact_bytes_are_kept_for_the_sealed_record_and_shown_nowhere(self) -> None:
        adapter = self.make()
        answer = adapter.send(order())
        assert self.arrived(adapter) == [answer.exchange.sent]
        assert answer.exchange.received_at is not None
        assert answer.exchange.sent_at <= answer.exchange.received_at
        assert CANARY not in repr(answer)

    def test_the_same_order_is_the_same_message(self) -> None:
        adapter = self.make()
        assert adapter.send(order()).exchange.sent == adapter.send(order()).exchange.sent

    @pytest.mark.parametrize("action", [Action.SEND, Action.EXTEND, Action.RELEASE, Action.ANNOUNCE, Action.CLARIFY])
    def test_whatever_it_can_say_is_handed_over(self, action: Action) -> None:
        adapter = self.make()
        said = order(action, references=("R-1",), hold_until=date(2027, 2, 18), because="MLA pending", answer="Yes.")
        assert speak(adapter, said).state is State.SENT
        assert len(self.arrived(adapter)) == 1

    def test_not_now_had_no_effect(self) -> None:
        adapter = self.make_with("unavailable")
        with pytest.raises(Unavailable):
            adapter.send(order())
        assert not self.arrived(adapter)

    def test_a_break_before_the_whole_message_is_out_had_no_effect(self) -> None:
        adapter = self.make_with("broken")
        with pytest.raises(Unavailable):
            adapter.send(order())
        assert not self.arrived(adapter)

    def test_a_lost_answer_to_the_whole_message_is_an_unknown_outcome(self) -> None:
        with pytest.raises(OutcomeUnknown) as caught:
            self.make_with("answer-lost").send(order())
        assert caught.value.exchange is not None
        assert caught.value.exchange.sent

    def test_a_refusal_tells_its_ground(self) -> None:
        adapter = self.make_with("refuse")
        with pytest.raises(Refused) as caught:
            adapter.send(order())
        assert caught.value.ground in GROUNDS
        assert not self.arrived(adapter)

    @pytest.mark.parametrize("trouble", ["unavailable", "broken", "answer-lost", "refuse"])
    def test_no_error_shows_the_account_anywhere(self, trouble: str) -> None:
        with pytest.raises(ProviderError) as caught:
            self.make_with(trouble).send(order())
        assert CANARY not in everything_said(caught.value)

    def test_eight_threads_share_it(self) -> None:
        adapter = self.make()
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(adapter.send, [order(number=number) for number in range(24)]))
        assert {answer.state for answer in answers} == {State.SENT}
        assert len(set(self.arrived(adapter))) == 24
