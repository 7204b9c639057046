"""Acting on what is due: intent, effect, outcome, and what happens when it is cut off in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit_support import CANARY, MORNING, Unit

from flows import asking, replying, sweeping
from flows.history import Histories
from flows.replying import Reply
from ledger.interface import LedgerUnusable
from providers.interface import Action, Answer, Order
from providers.memory import Behaviour, Does, MemoryProvider
from timeline.state import State


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path, ("alpha", "beta"))
    yield made
    made.close()


def test_a_first_sending_is_intended_sent_and_confirmed(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.preserve()
    assert unit.kinds(request)[:5] == ["registered", "intent", "sent", "acknowledged", "preserved"]
    assert unit.office.hold(request).state is State.IN_FORCE
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_every_transmission_leaves_its_digest_and_its_sealed_bytes(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    sent = unit.last(request, "sent").body
    assert len(str(sent["sent_sha256"])) == 64
    assert CANARY.encode() in unit.office.vault.unseal(str(sent["sent_bytes"]))
    assert CANARY not in repr(unit.office.ledger.events(request))


def test_what_is_not_due_is_left_alone(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    assert unit.sweep().done == []


def test_a_provider_that_says_later_is_tried_again_with_the_same_key(unit: Unit) -> None:
    # More than one sending can take: the budget of seconds ends, and a later sweep goes on.
    alpha = unit.play("alpha", Behaviour(does=Does.UNAVAILABLE, on=Action.SEND, times=1, seconds=3600))
    (request,) = unit.preserve()
    assert unit.office.hold(request).state is State.REGISTERED
    assert unit.last(request, "unavailable").body["retry_after_s"] == 3600
    unit.later(minutes=30)
    assert [each.action for each in unit.sweep().done] == [], "the provider asked for an hour"
    unit.later(minutes=31)
    unit.sweep()
    keys = {e.body["key"] for e in unit.office.ledger.events(request) if e.kind == "intent"}
    assert len(keys) == 1
    assert unit.office.hold(request).state is State.IN_FORCE
    assert alpha.effects(request, Action.SEND, 1) == 1


@pytest.mark.parametrize("does", [Does.UNKNOWN, Does.GARBAGE, Does.SILENT])
def test_an_unknown_outcome_is_asked_about_before_anything_is_sent_again(unit: Unit, does: Does) -> None:
    # The provider honours no key: a second sending would be a second effect.
    alpha = unit.play("alpha", Behaviour(does=does, on=Action.SEND, times=1), idempotent=False)
    (request,) = unit.preserve()
    unit.later(minutes=20)
    done = [each.action for each in unit.sweep().done]
    assert done[0] == "look-up"
    unit.later(hours=1)
    unit.sweep()
    assert unit.office.hold(request).state is State.IN_FORCE
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_where_nobody_can_ask_a_person_must(unit: Unit) -> None:
    from timeline.terms import Abilities

    alpha = unit.play(
        "alpha", Behaviour(does=Does.UNKNOWN, on=Action.SEND, times=1), idempotent=False, can_find=False
    )
    (request,) = unit.register()
    terms = unit.office.hold(request).terms
    digest = str(unit.office.ledger.events(request)[0].body["terms"])
    unit.office.histories._terms[digest] = replace(terms, abilities=Abilities(find=False))
    sweeping.work_on(unit.office, [request])
    assert "escalated" in unit.kinds(request)
    unit.later(days=2)
    unit.sweep()
    assert alpha.effects(request, Action.SEND, 1) == 1
    replying.record(unit.office, request, Reply(kind="acknowledged", reference="ALPHA-7", by="clerk"))
    assert unit.office.hold(request).state is State.ACKNOWLEDGED


def test_a_refusal_reaches_a_person_and_is_never_repeated(unit: Unit) -> None:
    alpha = unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND, ground="over-broad"))
    (request,) = unit.preserve()
    assert unit.last(request, "refused").body["ground"] == "over-broad"
    assert unit.last(request, "escalated").body["about"] == "refused"
    unit.run_until(MORNING + timedelta(days=20))
    assert unit.kinds(request).count("intent") == 1
    assert alpha.effects(request, Action.SEND, 1) == 0


def test_one_failing_provider_never_hides_the_next(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.SEND))
    unit.play("beta")
    first, second = unit.register({}, {"provider": "beta"})
    report = sweeping.sweep(unit.office)
    assert unit.office.hold(first).state is State.REFUSED
    assert unit.office.hold(second).state is State.IN_FORCE
    assert report.failed
    assert CANARY not in repr(report)


class Broken(MemoryProvider):
    """An adapter with a programming error that quotes the identifier."""

    def send(self, order: Order) -> Answer:
        raise RuntimeError(f"cannot encode {order.items[0].value}")


def test_a_fault_of_our_own_is_told_without_the_value_and_its_outcome_is_unknown(unit: Unit) -> None:
    unit.office.adapters["alpha"] = Broken("alpha", clock=unit.office.now)
    (request,) = unit.register()
    report = sweeping.sweep(unit.office)
    assert report.failed
    assert "RuntimeError" in report.failures[0][1]
    assert CANARY not in repr(report)
    # A person hears of it, once, and it is in the record.
    told = unit.last(request, "escalated").body
    assert (told["about"], told["delivered"]) == ("fault", True)
    assert CANARY not in repr(told)
    unit.later(minutes=6)
    assert unit.sweep().failed
    assert unit.kinds(request).count("escalated") == 1
    # An intent without an outcome: whoever comes next asks first.
    assert "sent" not in unit.kinds(request)
    assert unit.office.hold(request).state is State.UNKNOWN
    alpha = unit.play("alpha", idempotent=False)
    unit.later(minutes=30)
    unit.sweep()
    assert alpha.effects(request, Action.SEND, 1) == 1


def test_a_fault_that_cannot_even_be_recorded_never_hides_the_next_request(unit: Unit) -> None:
    class Damaged:
        """A ledger of which one request can no longer be read."""

        def __init__(self, ledger: Any, request: str) -> None:
            self._ledger, self._request = ledger, request

        def __getattr__(self, name: str) -> Any:
            real = getattr(self._ledger, name)
            if name not in {"events", "row"}:
                return real

            def read(request: str) -> Any:
                if request == self._request:
                    raise RuntimeError("damaged")
                return real(request)

            return read

    unit.play("beta")
    broken, sound = unit.register({}, {"provider": "beta"})
    whole = unit.office.ledger
    unit.office.ledger = Damaged(whole, broken)
    report = unit.sweep()
    unit.office.ledger = whole
    assert [request for request, _ in report.failures] == [broken]
    assert unit.office.hold(sound).state is State.IN_FORCE
    assert any("fault" in path.read_text() for path in unit.office.settings.drop_path.glob("*.json"))


class Cut(Exception):
    """The process dies here."""


def test_a_crash_between_effect_and_outcome_leads_to_a_question_and_not_to_a_second_sending(unit: Unit) -> None:
    alpha = unit.play("alpha", idempotent=False)
    (request,) = unit.register()

    class Dying:
        """A ledger that loses power at the n-th append."""

        def __init__(self, ledger: Any, appends: int) -> None:
            self._ledger, self._left = ledger, appends

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ledger, name)

        def append(self, *args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise Cut
            return self._ledger.append(*args, **named)

    whole = unit.office.ledger
    unit.office.ledger = Dying(whole, 1)  # the intent is recorded, the outcome is not
    sweeping.work_on(unit.office, [request])
    unit.office.ledger = whole
    assert alpha.effects(request, Action.SEND, 1) == 1
    assert unit.kinds(request) == ["registered", "intent"]
    unit.later(minutes=10)  # the dead worker's lease has run out
    done = [each.action for each in unit.sweep().done]
    assert done[0] == "look-up"
    assert alpha.effects(request, Action.SEND, 1) == 1
    assert unit.office.hold(request).state is State.IN_FORCE


def test_an_extension_goes_out_in_its_window_and_moves_the_end(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.preserve()
    before = unit.office.hold(request).expiry
    unit.run_until(datetime(2027, 2, 18, tzinfo=UTC))
    after = unit.office.hold(request).expiry
    assert before is not None
    assert after is not None
    assert (before.strict_on.isoformat(), after.strict_on.isoformat()) == ("2027-02-18", "2027-05-19")
    assert alpha.effects(request, Action.EXTEND, 1) == 1
    sent_on = next(e.at for e in unit.office.ledger.events(request) if e.body.get("action") == "extend")
    assert sent_on.date().isoformat() == "2027-01-20"


def test_an_extension_cut_off_after_its_effect_is_found_and_not_repeated(unit: Unit) -> None:
    alpha = unit.play("alpha", Behaviour(does=Does.UNKNOWN, on=Action.EXTEND, times=1), idempotent=False)
    (request,) = unit.preserve()
    unit.run_until(datetime(2027, 2, 1, tzinfo=UTC))
    assert alpha.effects(request, Action.EXTEND, 1) == 1
    assert unit.office.hold(request).granted == 1


def test_a_hold_that_cannot_be_kept_is_told_before_it_lapses(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.REFUSE, on=Action.EXTEND, ground="extension-not-granted"))
    (request,) = unit.preserve()
    unit.run_until(datetime(2027, 2, 25, tzinfo=UTC))
    events = unit.office.ledger.events(request)
    lapsed = next(event for event in events if event.kind == "lapsed")
    warned = [event for event in events if event.kind == "escalated" and event.at < lapsed.at]
    assert any(str(event.body["about"]).startswith("imminent") for event in warned)
    assert unit.office.hold(request).state is State.LAPSED


def test_a_release_is_asked_for_and_told_to_the_provider(unit: Unit) -> None:
    alpha = unit.play("alpha")
    (request,) = unit.preserve()
    asking.release(unit.office, request, because="charges were dropped")
    unit.sweep()
    assert alpha.effects(request, Action.RELEASE, 1) == 1
    assert unit.office.hold(request).state is State.RELEASED
    assert unit.office.ledger.row(request).final  # type: ignore[union-attr]


def test_items_succeed_and_fail_one_by_one(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.NOT_FOUND, on=Action.SEND, count=1))
    two = [{"type": "email", "value": CANARY}, {"type": "email", "value": "other@example.org"}]
    (request,) = unit.preserve({"identifiers": two})
    assert [item.outcome for item in unit.office.hold(request).items] == ["preserved", "not-found"]


def test_a_changed_policy_reaches_sleeping_requests_at_the_next_sweep(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.sweep()
    before = unit.office.ledger.row(request)
    faster = replace(unit.office.policy, poll_every=timedelta(hours=1))
    unit.office.catalogue = replace(unit.office.catalogue, policy=faster)
    unit.office.histories = Histories(unit.office.ledger, faster)
    unit.sweep()
    after = unit.office.ledger.row(request)
    assert before is not None
    assert after is not None
    assert before.next_at is not None
    assert after.next_at is not None
    assert after.next_at < before.next_at


def test_a_changed_program_or_policy_does_not_look_like_tampering(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    unit.sweep()
    faster = replace(unit.office.policy, poll_every=timedelta(hours=1))
    unit.office.catalogue = replace(unit.office.catalogue, policy=faster)
    unit.office.histories = Histories(unit.office.ledger, faster)
    assert unit.office.ledger.verify(unit.office.histories.project) != (), "the index is another policy's"
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) == ()
    unit.sweep()
    assert unit.office.ledger.verify(unit.office.histories.project) == ()


def test_a_request_put_to_sleep_in_the_index_is_woken_even_if_the_mark_of_the_policy_was_taken_out(
    unit: Unit,
) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.sweep()
    right = unit.office.ledger.row(request)
    with sqlite3.connect(unit.office.settings.ledger_path) as meddling:
        meddling.execute("UPDATE requests SET next_at = '2099-01-01T00:00:00.000000Z'")
        meddling.execute("DELETE FROM beats WHERE name = 'policy'")
    assert not sweeping.index_is_current(unit.office), "verify says that what falls due next was not compared"
    unit.sweep()
    assert unit.office.ledger.row(request) == right


def test_what_another_program_took_for_final_is_followed_again(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    unit.sweep()
    right = unit.office.ledger.row(request)
    with sqlite3.connect(unit.office.settings.ledger_path) as older:
        older.execute("UPDATE requests SET state = 'produced', final = 1, next_at = NULL")
        older.execute("DELETE FROM beats WHERE name = 'policy'")
    unit.sweep()
    assert unit.office.ledger.row(request) == right


def test_a_state_altered_in_the_index_is_found_under_any_policy(unit: Unit) -> None:
    unit.play("alpha")
    unit.preserve()
    with sqlite3.connect(unit.office.settings.ledger_path) as meddling:
        meddling.execute("UPDATE requests SET state = 'released', strict_on = '2030-01-01'")
    assert unit.office.ledger.verify(sweeping.provable(unit.office)) != ()


def test_the_index_is_what_the_events_say_after_a_long_life(unit: Unit) -> None:
    unit.play("alpha", Behaviour(does=Does.MOVE_EXPIRY, on=Action.SEND, count=20))
    unit.play("beta", Behaviour(does=Does.SPLIT, on=Action.SEND, count=2))
    unit.preserve({}, {"provider": "beta", "instrument": "coe.budapest.29", "necessity": "n", "custodian": "c"})
    unit.run_until(datetime(2027, 3, 1, tzinfo=UTC))
    assert unit.office.ledger.verify(unit.office.histories.project) == ()


def test_a_provider_that_left_the_catalogue_is_a_persons_matter_at_once(unit: Unit) -> None:
    (request,) = unit.register()
    providers = {name: each for name, each in unit.office.catalogue.providers.items() if name != "alpha"}
    unit.office.catalogue = replace(unit.office.catalogue, providers=providers)
    report = unit.sweep()
    assert report.failed
    assert unit.last(request, "escalated").body["about"] == "unreachable"


def test_an_operational_ledger_refuses_a_simulated_clock(tmp_path: Path) -> None:
    from flows.office import open_office
    from flows.settings import SettingsError, load

    environ = {"HOLDFAST_HOME": str(tmp_path)}
    open_office(load(environ), create=True).close()
    with pytest.raises(SettingsError, match="operational ledger runs on real time"):
        open_office(load(environ | {"HOLDFAST_CLOCK": "2027-01-01T00:00:00Z"}))


def test_a_missing_ledger_says_what_makes_it(tmp_path: Path) -> None:
    from flows.office import open_office
    from flows.settings import load

    with pytest.raises(LedgerUnusable, match="the first `holdfast preserve CASE` makes it"):
        open_office(load({"HOLDFAST_HOME": str(tmp_path)}))
