"""Erasing a case, opening what is sealed, and what takes two people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from unit_support import CANARY, Unit

from flows import asking, erasing, four_eyes, inbox, keys, letter, packets, replying, sweeping
from flows.opening import opened
from flows.planning import board, show
from flows.replying import Reply, ReplyError
from ledger.interface import LedgerBusy, LedgerError
from ledger.vault import Erased
from providers.interface import Action
from timeline.rules import FourEyes

ONE, TWO = ("desk1", "desk1 (Duty officer)"), ("desk2", "desk2 (Head of unit)")
WHY = "retention period over"


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    unit = Unit(tmp_path)
    be(unit, ONE)
    yield unit
    unit.close()


@pytest.fixture
def two(unit: Unit) -> Unit:
    """A unit whose policy asks for two people."""
    eyes = FourEyes(emergency=True, release=True, erase=True)
    policy = replace(unit.office.catalogue.policy, four_eyes=eyes)
    unit.office.catalogue = replace(unit.office.catalogue, policy=policy)
    unit.office.histories = type(unit.office.histories)(unit.office.ledger, policy)
    return unit


def be(unit: Unit, who: tuple[str, str]) -> None:
    """Another user of the operating system goes on."""
    unit.office.settings = replace(unit.office.settings, user=who[0], actor=who[1])


def released(unit: Unit, **case: str) -> str:
    """A request that was released and is final."""
    unit.play("alpha")
    (request,) = unit.preserve(**case)
    asking.release(unit.office, request, because="not needed")
    sweeping.work_on(unit.office, [request])
    assert unit.office.ledger.row(request).final
    return request


def verified(unit: Unit) -> bool:
    unit.sweep()
    return unit.office.ledger.verify(sweeping.provable(unit.office)) == ()


# ---- erasing


def test_an_erased_case_cannot_be_read_and_its_record_stays_whole(unit: Unit) -> None:
    request = released(unit)
    before = show(unit.office, request, at=unit.office.now())
    done = erasing.erase(unit.office, "CY-2026-0412", because=WHY, by="Data protection officer")
    assert (done.requests, done.open_too, done.waits) == ((request,), (), False)
    event = unit.last(request, "erased")
    assert (event.actor, dict(event.body)) == (ONE[1], {"because": WHY, "by": "Data protection officer"})
    for body in (each.body for each in unit.office.ledger.events(request)):
        for token in (value for value in body.values() if str(value).startswith("seal-")):
            with pytest.raises(Erased):
                unit.office.vault.unseal(str(token))
    after = show(unit.office, request, at=unit.office.now())
    assert {**after, "events": [], "erased": None} == {**before, "events": [], "erased": None}
    assert after["erased"]["by"] == "Data protection officer"
    assert after["state"] == "released"
    assert verified(unit)
    assert board(unit.office) == []


@pytest.mark.parametrize("field", ["because", "by"])
@pytest.mark.parametrize("text", [CANARY, f"asked by {CANARY.upper()}"])
def test_a_reason_that_names_an_account_is_refused_and_nothing_is_erased(unit: Unit, text: str, field: str) -> None:
    request = released(unit)
    with pytest.raises(ReplyError, match=f"--{field} names an account of {request}") as refused:
        erasing.erase(unit.office, "CY-2026-0412", **({"because": WHY} | {field: text}))
    assert CANARY not in str(refused.value).lower()
    assert "erased" not in unit.kinds(request)
    sealed = str(unit.office.ledger.events(request)[0].body["sealed"])
    assert CANARY.encode() in unit.office.vault.unseal(sealed)


def test_open_requests_are_named_with_what_to_do_and_nothing_is_erased(unit: Unit) -> None:
    unit.play("alpha")
    first, second = unit.preserve({}, {})
    asking.release(unit.office, first, because="not needed")
    sweeping.work_on(unit.office, [first])
    with pytest.raises(erasing.StillOpen) as refused:
        erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    (left,) = refused.value.requests
    assert (left.request, left.state) == (second, "in-force")
    assert f"`holdfast release {second} --because TEXT`" in str(refused.value)
    assert "--open-too" in str(refused.value)
    assert "erased" not in unit.kinds(first) + unit.kinds(second)


def test_an_open_hold_is_erased_on_demand_and_a_person_is_told_to_tell_the_provider(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    done = erasing.erase(unit.office, "CY-2026-0412", because=WHY, open_too=True)
    assert done.open_too == (request,)
    report = unit.sweep()
    assert [each.action for each in report.done] == ["escalate erased"]
    assert report.failures == []
    unit.run_until(unit.office.now() + timedelta(days=2))
    replying.record(unit.office, request, Reply(kind="escalation-acknowledged"))
    assert unit.office.ledger.row(request).final
    assert unit.office.hold(request).state == "erased"
    unit.run_until(unit.office.now() + timedelta(days=400))
    assert "lapsed" not in unit.kinds(request)
    replying.record(unit.office, request, Reply(kind="released"))
    assert unit.office.hold(request).state == "released"
    assert verified(unit)


def test_of_the_open_requests_only_those_that_were_sent_may_be_held(unit: Unit) -> None:
    unit.play("alpha")
    (sent,) = unit.preserve()
    (unsent,) = unit.register({"identifiers": [{"type": "email", "value": "b@example.com"}]})
    done = erasing.erase(unit.office, "CY-2026-0412", because=WHY, open_too=True)
    assert sorted(done.open_too) == sorted((sent, unsent))
    assert done.held == (sent,)


def test_nothing_of_an_erased_case_is_opened_said_or_sealed_again(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    erasing.erase(unit.office, "CY-2026-0412", because=WHY, open_too=True)
    told = f"{request}: its case was erased on 21 Nov 2026 by desk1"
    for attempt in (
        lambda: packets.find(unit.office, request),
        lambda: letter.write(unit.office, request, "original", draft=True),
        lambda: opened(unit.office, request, "remarks", WHY),
        lambda: replying.record(unit.office, request, Reply(kind="released", text="by phone")),
        lambda: replying.record(unit.office, request, Reply(kind="released", by="Clerk")),
    ):
        with pytest.raises(ReplyError) as refused:
            attempt()
        assert told in str(refused.value)
    with pytest.raises(ReplyError, match="erased"):
        replying.record(unit.office, request, Reply(kind="note", text="x"))
    with pytest.raises(ReplyError, match="erased"):
        asking.release(unit.office, request, because="x")
    assert unit.office.vault.key_id("CY-2026-0412") == "", "no new key came into being"


def test_cut_off_before_the_key_is_destroyed_repeating_completes_it(unit: Unit) -> None:
    request = released(unit)
    unit.office.append(request, [("erased", {"because": WHY})])  # and then the machine stopped
    assert erasing.unfinished(unit.office) == ("CY-2026-0412",)
    assert any("holdfast erase CY-2026-0412" in each for each in keys.check(unit.office))
    erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    assert unit.kinds(request).count("erased") == 1
    assert erasing.unfinished(unit.office) == ()
    assert list(keys.check(unit.office)) == []
    assert unit.office.vault.key_id("CY-2026-0412") == ""


@pytest.mark.parametrize("calls", range(8))
def test_cut_off_at_any_call_it_is_whole_or_completed(unit: Unit, calls: int) -> None:
    class CutOff(Exception):
        pass

    class Ledger:
        """The ledger of a process that ends at the n-th write."""

        def __init__(self) -> None:
            self.left = calls

        def __getattr__(self, name: str) -> object:
            found = getattr(ledger, name)
            if name not in {"append", "claim", "give_back"}:
                return found

            def counted(*given: object, **named: object) -> object:
                if self.left == 0 and name != "give_back":
                    raise CutOff
                self.left -= name != "give_back"
                return found(*given, **named)

            return counted

    unit.play("alpha")
    requests = unit.preserve({}, {}, {})
    ledger = unit.office.ledger
    unit.office.ledger = Ledger()
    try:
        erasing.erase(unit.office, "CY-2026-0412", because=WHY, open_too=True)
    except CutOff:
        unit.office.ledger = ledger
        assert unit.office.vault.key_id("CY-2026-0412"), "recorded first, destroyed last"
        erasing.erase(unit.office, "CY-2026-0412", because=WHY, open_too=True)
    unit.office.ledger = ledger
    assert [unit.kinds(each).count("erased") for each in requests] == [1, 1, 1]
    assert unit.office.vault.key_id("CY-2026-0412") == ""
    assert verified(unit)


def test_while_somebody_works_on_a_request_its_case_is_not_erased(unit: Unit) -> None:
    request = released(unit)
    now = unit.office.now()
    (claim,) = unit.office.ledger.claim(now, owner="w", until=now + timedelta(minutes=5), limit=1, request=request)
    with pytest.raises(LedgerBusy, match=f"{request} is being worked on"):
        erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    unit.office.ledger.give_back(claim)
    erasing.erase(unit.office, "CY-2026-0412", because=WHY)


def test_the_same_reference_can_be_begun_anew(unit: Unit) -> None:
    first = released(unit)
    erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    (second,) = unit.preserve()
    assert unit.office.hold(second).erased_at is None
    assert unit.office.hold(second).in_force_at is not None
    with pytest.raises(erasing.StillOpen):
        erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    assert erasing.unfinished(unit.office) == ()
    assert unit.office.hold(first).erased_at is not None


def test_another_case_is_left_alone_and_an_unknown_one_is_told(unit: Unit) -> None:
    request, other = released(unit), released(unit, reference="CY-2")
    erasing.erase(unit.office, "CY-2026-0412", because=WHY)
    assert unit.office.hold(other).erased_at is None
    assert CANARY.encode() in unit.office.vault.unseal(str(unit.office.ledger.events(other)[0].body["sealed"]))
    assert unit.office.hold(request).erased_at is not None
    with pytest.raises(LookupError, match="no case CY-3"):
        erasing.erase(unit.office, "CY-3", because=WHY)
    with pytest.raises(ReplyError, match="needs a reason"):
        erasing.erase(unit.office, "CY-2", because="  ")


def test_packets_that_still_lie_on_the_machine_are_named(unit: Unit) -> None:
    request = released(unit)
    folder = unit.office.settings.home / "packets" / f"{request}-send-1"
    folder.mkdir(parents=True)
    assert erasing.erase(unit.office, "CY-2026-0412", because=WHY).files == (folder,)


# ---- opening


def test_opening_says_who_what_and_why_and_seals_the_reason(unit: Unit) -> None:
    request = released(unit)
    opened(unit.office, request, "remarks", f"the court asked about {CANARY}", sha256="0" * 64)
    event = unit.last(request, "opened")
    assert (event.actor, event.body["what"], event.body["sha256"]) == (ONE[1], "remarks", "0" * 64)
    assert CANARY not in repr(event)
    assert CANARY in json.loads(unit.office.vault.unseal(str(event.body["text"])))
    with pytest.raises(ReplyError, match="recorded with a reason: --because TEXT"):
        opened(unit.office, request, "remarks", "  ")
    assert unit.kinds(request).count("opened") == 1


def test_opening_changes_nothing_else(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    before, hold = unit.office.ledger.row(request), unit.office.hold(request)
    opened(unit.office, request, "remarks", duty="to work on the request")
    assert (unit.office.ledger.row(request), unit.office.hold(request)) == (before, hold)


def test_an_open_message_is_read_to_settle_it_and_a_settled_one_for_a_reason(unit: Unit) -> None:
    unit.play("alpha")
    (request,) = unit.preserve()
    raw = unit.office.seal("CY-2026-0412", b"Subject: hello\r\n\r\ntext", "mail")
    body = {"message": "ab" * 32, "channel": "e-mail", "raw": raw}
    unit.office.append(request, [("message-received", body)])
    inbox.content(unit.office, inbox.find(unit.office, "ab" * 4))
    assert unit.last(request, "opened").body["duty"] == "to settle it"
    inbox.settle(unit.office, "ab" * 4, as_="note")
    with pytest.raises(ReplyError, match="--because TEXT"):
        inbox.content(unit.office, inbox.find(unit.office, "ab" * 4))
    inbox.content(unit.office, inbox.find(unit.office, "ab" * 4), "the defence asked")
    assert "duty" not in unit.last(request, "opened").body


# ---- two people


def test_an_emergency_waits_and_goes_out_when_another_person_approves(two: Unit) -> None:
    played = two.play("alpha")
    (request,) = two.preserve({"urgency": "emergency", "emergency_reason": "danger to life"})
    assert two.kinds(request) == ["registered", "approval-asked"]
    assert played.effects(request, Action.SEND, 1) == 0
    (asked,) = four_eyes.waiting(two.office, request)
    assert (asked.about, asked.asked_by, asked.user) == ("send", ONE[1], ONE[0])
    (row,) = board(two.office)
    assert row["next"]["because"].startswith("waits for a second person")
    two.later(minutes=16)
    assert [each.action for each in two.sweep().done] == ["escalate approval:send"]
    be(two, TWO)
    four_eyes.approve(two.office, request)
    sweeping.work_on(two.office, [request])
    assert played.effects(request, Action.SEND, 1) == 1
    assert (two.last(request, "approved").actor, two.last(request, "approved").body["asked_by"]) == (TWO[1], ONE[1])
    assert verified(two)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (ONE, "another user of this system must approve"),
        (("desk1", "desk1 (Head of unit)"), "another HOLDFAST_ACTOR is no other person"),
        (("desk1", "desk1"), "another user of this system must approve"),
        (("root", "root (duty officer)"), "somebody else must approve it"),
        (("", "nobody"), "another user of this system must approve"),
    ],
)
def test_who_asked_cannot_approve_under_any_name(two: Unit, who: tuple[str, str], words: str) -> None:
    two.play("alpha")
    (request,) = two.preserve({"urgency": "emergency", "emergency_reason": "danger to life"})
    be(two, who)
    with pytest.raises(ReplyError, match=words):
        four_eyes.approve(two.office, request)
    assert two.kinds(request) == ["registered", "approval-asked"]


def test_what_waits_cannot_be_handed_out_or_recorded_as_done(two: Unit) -> None:
    two.play("alpha")
    (request,) = two.preserve({"urgency": "emergency", "emergency_reason": "danger to life"})
    for attempt in (
        lambda: packets.find(two.office, request),
        lambda: letter.write(two.office, request, "original"),
        lambda: replying.record(two.office, request, Reply(kind="sent", channel="fax")),
    ):
        with pytest.raises(ReplyError, match=f"holdfast approve {request} --what send"):
            attempt()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(kind="acknowledged"),
        Reply(kind="preserved"),
        Reply(kind="refused", ground="wrong-identifier"),
        Reply(kind="item-not-found", item="i1"),
        Reply(kind="produced"),
        Reply(kind="sent", action="extend"),
    ],
    ids=lambda reply: reply.kind,
)
def test_what_only_a_request_that_was_sent_brings_does_not_stand_in_for_the_approval(two: Unit, reply: Reply) -> None:
    """Who phones a provider alone could enter that it keeps the data, and nobody would be asked any more."""
    two.play("alpha")
    (request,) = two.preserve({"urgency": "emergency", "emergency_reason": "danger to life"})
    with pytest.raises(ReplyError, match=f"holdfast approve {request} --what send"):
        replying.record(two.office, request, reply)
    assert [each.about for each in four_eyes.waiting(two.office, request)] == ["send"]


def test_a_policy_that_was_turned_off_changes_nothing_for_what_waits(two: Unit) -> None:
    first, (second,) = (
        released_by_two(two),
        two.preserve({"identifiers": [{"type": "email", "value": "b@example.com"}]}),
    )
    be(two, ONE)
    asking.release(two.office, second, because="not needed")
    erasing.erase(two.office, "CY-2026-0412", because=WHY, open_too=True)
    policy = replace(two.office.catalogue.policy, four_eyes=FourEyes())
    two.office.catalogue = replace(two.office.catalogue, policy=policy)
    assert erasing.erase(two.office, "CY-2026-0412", because=WHY, open_too=True).waits
    assert two.office.vault.key_id("CY-2026-0412")
    assert two.office.hold(first).erased_at is None
    with pytest.raises(ReplyError, match="a release takes two people"):
        replying.record(two.office, second, Reply(kind="released"))


@pytest.mark.parametrize("about", ["release", "erase"])
def test_of_an_approval_and_a_rejection_in_the_same_moment_one_counts(two: Unit, about: str) -> None:
    """The rejection is recorded after who approves has looked, and before the approval is."""
    two.play("alpha")
    (request,) = two.preserve()
    if about == "release":
        asking.release(two.office, request, because="not needed")
    else:
        erasing.erase(two.office, "CY-2026-0412", because=WHY, open_too=True)
    append = two.office.append

    def rejected_first(request: str, events: list[Any], **more: Any) -> object:
        if events[0][0] == "approved":
            two.office.append = append  # type: ignore[method-assign]
            four_eyes.reject(two.office, request, about, because="an appeal is pending")
        return append(request, events, **more)

    two.office.append = rejected_first  # type: ignore[method-assign,assignment]
    be(two, TWO)
    approve: Callable[..., object] = erasing.approve if about == "erase" else four_eyes.approve
    with pytest.raises(ReplyError, match=f"somebody else decided on the {about} just now"):
        approve(two.office, request)
    assert two.kinds(request)[-1] == "rejected"
    assert two.office.hold(request).release_asked_at is None
    assert two.office.vault.key_id("CY-2026-0412")


def test_a_rejection_that_comes_too_late_says_so(two: Unit) -> None:
    two.play("alpha")
    (request,) = two.preserve()
    asking.release(two.office, request, because="not needed")
    seal = two.office.seal

    def approved_first(*words: Any) -> str:
        two.office.seal = seal  # type: ignore[method-assign]
        four_eyes.approve(two.office, request)
        return seal(*words)

    two.office.seal = approved_first  # type: ignore[method-assign,assignment]
    be(two, TWO)
    with pytest.raises(ReplyError, match="somebody else decided on the release just now"):
        four_eyes.reject(two.office, request, because="an appeal is pending")
    assert two.kinds(request)[-2:] == ["approved", "release-asked"]


def test_who_was_shown_one_thing_does_not_approve_another(two: Unit) -> None:
    two.play("alpha")
    (request,) = two.preserve()
    asking.release(two.office, request, because="not needed")
    shown = four_eyes.find(two.office, request)
    four_eyes.reject(two.office, request, because="a mistake")
    asking.release(two.office, request, because="something else")
    be(two, TWO)
    with pytest.raises(ReplyError, match="asked for anew meanwhile"):
        four_eyes.approve(two.office, request, shown=shown.seq)
    four_eyes.approve(two.office, request, shown=four_eyes.find(two.office, request).seq)


def test_an_emergency_that_is_rejected_is_withdrawn(two: Unit) -> None:
    played = two.play("alpha")
    (request,) = two.preserve({"urgency": "emergency", "emergency_reason": "danger to life"})
    be(two, TWO)
    four_eyes.reject(two.office, request, because="no danger is shown")
    two.run_until(two.office.now() + timedelta(days=10))
    assert (two.office.hold(request).state, played.effects(request, Action.SEND, 1)) == ("released", 0)
    assert two.office.ledger.row(request).final
    with pytest.raises(ReplyError, match="nothing waits"):
        four_eyes.approve(two.office, request)


def test_what_is_no_emergency_goes_out_at_once(two: Unit) -> None:
    played = two.play("alpha")
    (request,) = two.preserve()
    assert played.effects(request, Action.SEND, 1) == 1


def test_a_release_waits_and_keeps_the_reason_of_who_asked(two: Unit) -> None:
    played = two.play("alpha")
    (request,) = two.preserve()
    with pytest.raises(ReplyError, match="a release takes two people"):
        replying.record(two.office, request, Reply(kind="released"))
    asking.release(two.office, request, because="not needed", by="Head of unit")
    with pytest.raises(ReplyError, match="waits for a second person already"):
        asking.release(two.office, request, because="again")
    sweeping.work_on(two.office, [request])
    assert two.office.hold(request).release_asked_at is None
    assert played.effects(request, Action.RELEASE, 1) == 0
    be(two, TWO)
    four_eyes.approve(two.office, request)
    sweeping.work_on(two.office, [request])
    assert two.office.hold(request).state == "released"
    body = two.last(request, "release-asked").body
    assert json.loads(two.office.vault.unseal(str(body["text"]))) == "not needed"
    assert (body["by"], body["asked_by"]) == ("Head of unit", ONE[1])


def test_an_erasure_waits_for_the_whole_case_and_is_approved_for_it(two: Unit) -> None:
    first, second = released_by_two(two), released_by_two(two, number=1)
    be(two, ONE)
    done = erasing.erase(two.office, "CY-2026-0412", because=WHY)
    assert done.waits
    assert two.office.vault.key_id("CY-2026-0412")
    assert {row["request"] for row in board(two.office)} == {first, second}
    with pytest.raises(ReplyError, match="another user of this system"):
        erasing.approve(two.office, first)
    with pytest.raises(ReplyError, match="for the case as a whole"):
        four_eyes.approve(two.office, first)
    be(two, TWO)
    erasing.approve(two.office, second)
    assert two.office.vault.key_id("CY-2026-0412") == ""
    for request in (first, second):
        assert two.kinds(request)[-3:] == ["approval-asked", "approved", "erased"]
        assert two.last(request, "erased").body["asked_by"] == ONE[1]
        assert two.office.ledger.row(request).final


def test_a_rejected_erasure_is_rejected_for_the_whole_case(two: Unit) -> None:
    first, second = released_by_two(two), released_by_two(two, number=1)
    be(two, ONE)
    erasing.erase(two.office, "CY-2026-0412", because=WHY)
    four_eyes.reject(two.office, first, because="an appeal is pending")
    assert [two.kinds(each)[-1] for each in (first, second)] == ["rejected", "rejected"]
    assert all(two.office.ledger.row(each).final for each in (first, second))
    assert board(two.office) == []


def released_by_two(two: Unit, number: int = 0) -> str:
    be(two, ONE)
    two.play("alpha")
    (request,) = two.preserve({"identifiers": [{"type": "email", "value": f"a{number}@example.com"}]})
    asking.release(two.office, request, because="not needed")
    be(two, TWO)
    four_eyes.approve(two.office, request)
    sweeping.work_on(two.office, [request])
    assert two.office.ledger.row(request).final
    return request


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_sent_released_or_erased_by_one_person_alone(two: Unit, seed: int) -> None:
    """Two people and the sweep do anything, in any order; the record alone is then asked who did what."""
    draw, people = Random(seed), (ONE, TWO, ("desk1", "desk1 (Somebody else)"))
    two.play("alpha")
    requests: list[str] = []

    def anything() -> None:
        request = draw.choice(requests)
        case = str(two.office.ledger.events(request)[0].body["case"])
        draw.choice(
            [
                lambda: asking.release(two.office, request, because="x"),
                *[lambda: four_eyes.approve(two.office, request)] * 4,
                *[lambda: four_eyes.approve(two.office, request, "release")] * 2,
                lambda: four_eyes.reject(two.office, request, because="x"),
                lambda: erasing.erase(two.office, case, because=WHY, open_too=draw.random() < 0.1),
                lambda: erasing.approve(two.office, request),
                lambda: replying.record(two.office, request, Reply(kind="sent", channel="fax")),
                lambda: replying.record(two.office, request, Reply(kind="released")),
                lambda: replying.record(two.office, request, Reply(kind="produced")),
                *[lambda: sweeping.work_on(two.office, [request])] * 3,
                lambda: two.later(minutes=draw.choice((1, 20, 600))),
            ]
        )()

    for number in range(4):
        be(two, draw.choice(people))
        given = {"urgency": draw.choice(("emergency", "expedited")), "emergency_reason": "danger to life"}
        account = {"identifiers": [{"type": "email", "value": f"b{number}@example.com"}]}
        requests += two.preserve(given | account, reference=f"CY-{number % 2}")
    for _ in range(90):
        be(two, draw.choice(people))
        try:
            anything()
        except (ReplyError, LookupError, LedgerError):
            continue
    effects = 0
    for request in requests:
        history = two.office.ledger.events(request)
        emergency = history[0].body["urgency"] == "emergency"
        for place, event in enumerate(history):
            about = {"released": "release", "erased": "erase", "release-asked": "release"}.get(event.kind, "")
            if event.kind in {"intent", "sent"} and event.body["action"] in {"send", "release"}:
                about = str(event.body["action"])
            if not about or (about == "send" and not emergency):
                continue
            if event.kind == "released" and any(each.kind == "erased" for each in history[:place]):
                about = "erase"  # two people decided that nobody can say it any more but by hand
            effects += 1
            before = history[:place]
            approved = [each for each in before if each.kind == "approved" and each.body["about"] == about]
            assert approved, f"{event.kind} without an approval"
            asked = [
                each
                for each in before
                if each.kind == "approval-asked" and each.body["about"] == about and each.seq < approved[-1].seq
            ]
            assert asked[-1].body["user"] != approved[-1].body["user"]
            assert asked[-1].actor != approved[-1].actor
    assert effects, "this seed shows nothing: choose another"
