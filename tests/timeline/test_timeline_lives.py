"""What must hold in every life of a request, whatever provider and people do."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_simulation import World
from timeline_world import DAY, HOUR, MINUTE, POLICY, SECOND, STEADY, Story

from timeline.clocks import clocks
from timeline.coverage import coverage, last_safe
from timeline.days import end_of
from timeline.decide import Do, choose, decide, duties, first_due
from timeline.duty import Decision
from timeline.hold import Hold
from timeline.state import fold


def drawn(seed: int, *, late: bool | None = None, news: bool = True) -> World:
    """A life drawn from a number: how long everybody behaves first, how much goes wrong, whether sweeps come late.

    The number alone decides, so that numbers near each other make lives unlike each other.
    """
    draw = Random(seed)
    tape = [draw.randrange(1 << 16) for _ in range(draw.randrange(90))]
    calm = draw.choice((0, 0, 15, 62, 66))  # the first sending, a fortnight of polls, up to the first extension
    return World(tape, calm=calm, late=draw.random() < 0.5 if late is None else late, news=news)


SEEDS = st.integers(0, 1 << 64)
STEPS_OF_A_SWEEP = 12
"""As many decisions as a sweep carries out on one request before it says that something does not settle."""
LATER = (timedelta(), SECOND, 10 * MINUTE, 6 * HOUR, DAY, 9 * DAY, 60 * DAY, 1000 * DAY)
STRONGER = settings(STEADY, max_examples=180)


def live(world: World, most: int = 120) -> World:
    """Let a life go on for so many steps, or until it is over."""
    for _ in range(most):
        if world.step().action is Do.NOTHING:
            break
    return world


def urgency(decision: Decision) -> tuple[int, bool, int]:
    return decision.rung, decision.action is Do.ESCALATE, -decision.level


@STRONGER
@given(seed=SEEDS)
def test_every_prefix_of_every_history_is_a_state_with_a_next_step_or_final(seed: int) -> None:
    """Every state is final or has a next instant; and whatever is shown of it can be shown."""
    world = live(drawn(seed), 40)
    events = world.story.events
    for length in range(1, len(events) + 1):
        hold = fold("HF-TEST", world.story.terms, events[:length])
        wanted = duties(hold, POLICY)
        following = first_due(wanted)
        assert (following is None) == (decide(hold, POLICY, world.story.now).action is Do.NOTHING)
        if following is None:
            assert hold.ended, hold.state
        for each in wanted:
            assert each.because
            assert each.due_at is not None
            assert each.due_at.utcoffset() == timedelta()
        clocks(hold, POLICY, world.story.now)
        coverage(hold, POLICY, world.story.now)
        last_safe(hold, POLICY, world.story.now)


@STRONGER
@given(seed=SEEDS)
def test_time_never_calms_a_hold_down(seed: int) -> None:
    """Decision 0002: what is due stays due, or something more urgent is; nobody becomes calm by waiting."""
    world = live(drawn(seed, late=True), 60)
    for step in world.done:
        before, wanted = None, duties(step.hold, POLICY)
        for later in LATER:
            decision = choose(wanted, step.at + later)
            if before is not None:
                assert decision.due(step.at + later), f"{before.action} {before.about} was due, and no more"
                assert urgency(decision) <= urgency(before), f"{before} became {decision}"
            before = decision if decision.due(step.at + later) else before


@STRONGER
@given(seed=SEEDS)
def test_what_the_index_calls_due_is_due(seed: int) -> None:
    """The ledger wakes us at the first due instant: if nothing were to be done then, a sweep would never end."""
    for step in live(drawn(seed, late=True), 60).done:
        wanted = duties(step.hold, POLICY)
        first = first_due(wanted)
        for at in (step.at + later for later in LATER):
            assert first is not None
            assert first.due_at is not None
            assert (first.due_at <= at) == choose(wanted, at).due(at)


@STRONGER
@given(seed=SEEDS)
def test_strict_is_never_after_legal_and_the_chain_never_turns_back(seed: int) -> None:
    for hold in [step.hold for step in live(drawn(seed), 60).done]:
        for link in hold.chain:
            assert link.strict_on <= link.legal_base_on <= link.legal_on
        for before, after in zip(hold.chain[hold.granted :], hold.chain[hold.granted + 1 :], strict=False):
            assert before.strict_on < after.strict_on
            assert before.legal_base_on < after.legal_base_on


@STRONGER
@given(seed=SEEDS)
def test_no_act_is_decided_again_once_it_took_effect_or_may_have(seed: int) -> None:
    """At most one effect per request, action and sequence; what is in doubt is asked about."""
    for step in live(drawn(seed)).done:
        decision, hold = step.decision, step.hold
        if decision.action in {Do.SEND, Do.EXTEND, Do.RELEASE}:
            act = hold.act(str(decision.action), decision.sequence)
            assert act is None or act.outcome in {"unavailable", "absent"}, act
            assert decision.action is not Do.EXTEND or decision.sequence == hold.granted + 1
        if decision.action is Do.LOOK_UP:
            act = hold.act(decision.about, decision.sequence)
            assert act is not None
            assert act.open


@STRONGER
@given(seed=SEEDS)
def test_nobody_is_told_the_same_twice_at_one_instant(seed: int) -> None:
    """Nothing fires twice."""
    told: set[tuple[datetime, str]] = set()
    for step in live(drawn(seed)).done:
        if step.decision.action is Do.ESCALATE:
            assert (step.at, step.decision.about) not in told
            told.add((step.at, step.decision.about))


@STRONGER
@given(seed=SEEDS)
def test_a_sweep_settles_every_request(seed: int) -> None:
    """With nothing happening from outside, what is due at one instant is done in at most twelve steps."""
    count: dict[datetime, int] = {}
    for step in live(drawn(seed, news=False)).done:
        count[step.at] = count.get(step.at, 0) + 1
    assert max(count.values(), default=0) <= STEPS_OF_A_SWEEP


def began(story: Story, about: str, before: datetime) -> bool:
    """Whether telling of a matter began before an instant."""
    return any(each.kind == "escalated" and each.body["about"] == about and each.at < before for each in story.events)


@STRONGER
@given(seed=SEEDS)
def test_no_hold_passes_its_strict_end_untold(seed: int) -> None:
    """A confirmed extension, a stop event, a release, or an escalation that began before it."""
    world = drawn(seed, late=False)
    known: tuple[datetime, datetime] | None = None  # a strict end, and since when it was known of a live hold
    for _ in range(160):
        hold = world.story.hold
        strict_at = hold.strict_at if not hold.ended and not hold.leaving else None
        if strict_at is None:
            known = None
        elif known is None or known[0] != strict_at:
            known = (strict_at, world.story.now)
        decision = world.step()
        if decision.action is Do.NOTHING:
            break
        at, decided, hold = world.done[-1].at, world.done[-1].decision, world.done[-1].hold
        passed = hold.strict_at is not None and hold.strict_at <= at and not hold.ended and not hold.leaving
        if passed:
            assert decided.rung <= 3, f"{decided.action} {decided.about} before the lapse is recorded"
        if (
            decided.action is Do.LAPSE
            and hold.expired_at is None
            and known is not None
            and known[0] == hold.strict_at
        ):
            strict_at, since = known
            if since < strict_at:
                assert hold.expiry is not None
                assert began(world.story, f"imminent:{hold.expiry.strict_on}", strict_at)


@STRONGER
@given(seed=SEEDS)
def test_day_by_day_every_end_that_passed_was_told_before(seed: int) -> None:
    """A calendar that goes through the days and looks at the record alone."""
    world = live(drawn(seed, late=False, news=False))
    events, zone = world.story.events, world.story.terms.provider.zone
    for step, following in zip(world.done, world.done[1:], strict=False):
        hold = step.hold
        if hold.expiry is None or hold.ended or hold.leaving or hold.expired_at is not None:
            continue
        on, known_at = hold.expiry.strict_on, events[step.length - 1].at
        while on < following.at.date() - DAY and following.hold.expiry == hold.expiry:
            assert known_at >= end_of(on, zone) or began(world.story, f"imminent:{on}", end_of(on, zone)), f"{on}"
            on += DAY


@STRONGER
@given(seed=SEEDS)
def test_every_life_can_be_brought_to_its_end(seed: int) -> None:
    """From any state: let go, with a provider that answers and people who do, it ends soon and nobody waits."""
    world = live(drawn(seed), 50)
    world.position, world.news = len(world.tape), False
    world.story.add("release-asked").later(hours=1)
    live(world, 12)
    assert world.story.decide().action is Do.NOTHING
    assert world.story.hold.ended


@settings(STEADY, max_examples=50)
@given(seed=SEEDS)
def test_every_life_comes_to_an_end_by_itself(seed: int) -> None:
    """However badly it began: once everybody behaves, a request is followed to its end and then left alone."""
    world = live(drawn(seed, late=False), 900)
    assert world.story.decide().action is Do.NOTHING, world.story.hold.state
    assert world.story.hold.ended


@STEADY
@given(seed=SEEDS)
def test_a_part_of_the_duties_can_be_chosen_from(seed: int) -> None:
    """A sweep that speaks to no provider any more chooses among the other duties: what it finds is still due."""
    for step in live(drawn(seed, late=True), 40).done:
        wanted = tuple(each for each in duties(step.hold, POLICY) if each.action in {Do.ESCALATE, Do.LAPSE})
        assert choose(wanted, step.at).due(step.at) == any(each.due(step.at) for each in wanted)


def held_to_the_record(hold: Hold) -> tuple[object, ...]:
    return tuple((each.action, each.due_at, each.about, each.level, each.sequence) for each in duties(hold, POLICY))


@STEADY
@given(seed=SEEDS)
def test_the_same_record_asks_the_same(seed: int) -> None:
    """State recomputed from events equals the stored one; a restart changes nothing."""
    world = live(drawn(seed, late=False), 40)
    first, second = (fold("HF-TEST", world.story.terms, list(world.story.events)) for _ in range(2))
    assert first == second
    assert held_to_the_record(first) == held_to_the_record(second)
