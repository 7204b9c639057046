"""One pass: find what is due, decide, act, record. The clock is read once.

Requests are taken under a lease, provider by provider in parallel; each request in its own `try`, so one
failing provider or one bad history never hides the next, and every failure ends in the report and in the
exit status.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flows.acting import Done, act
from flows.doubts import insist, look
from flows.faults import own_fault
from flows.history import Folded
from flows.lanes import BATCH, Pace
from flows.office import Office
from flows.pen import Overtaken
from flows.reindexing import asleep, digest, index_is_current
from ledger.interface import Claim, Event, Json, LeaseLost, LedgerBusy, LedgerError, Project, Row
from timeline.decide import Decision, Do, choose

LEASE = timedelta(minutes=5)
"""Longer than any one act may take; a worker that is gone for longer loses the request to another."""

HELD = "another worker has it just now; the next sweep looks again"
"""Why a request was not worked on that somebody else has leased, or had when it was killed."""

PART = 200
"""Requests indexed anew at a time after a change of the policy or the program."""

STEPS = 12
"""Decisions carried out on one request in one sweep; more means that something does not settle."""

PATIENCE = 120.0
"""Seconds that one provider's failures may cost a sweep; then it is not spoken to again until the next one."""

SPOKEN = frozenset({Do.SEND, Do.EXTEND, Do.RELEASE, Do.ANNOUNCE, Do.CLARIFY, Do.POLL, Do.LOOK_UP})
"""What is said to a provider; everything else concerns ourselves and our people."""


@dataclass(kw_only=True)
class Report:
    """What a sweep did. `failures`: request (or "") and what failed, in words without any identifier.

    What no machine can say at a provider, and a person does, is no failure: it is `person`.
    """

    at: datetime
    done: list[Done] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    looked_at: int = 0

    @property
    def failed(self) -> bool:
        """Whether the run must end as failed."""
        return bool(self.failures)

    @property
    def person(self) -> bool:
        """Whether something now waits for a person."""
        return any(each.person for each in self.done)

    def add(self, other: Report) -> None:
        """Take in a part's report."""
        self.done += other.done
        self.failures += other.failures
        self.looked_at += other.looked_at


Progress = Callable[[Done], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One pass as all its parts share it. `lost`: seconds that each provider's failures have cost so far.

    `stop`, once set, ends the pass after the acts in hand; so does the instant `ends`, if there is one. `only`: what
    may be done, None for everything.
    """

    office: Office
    now: datetime
    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    ends: datetime | None = None
    only: frozenset[Do] | None = None
    lost: dict[str, float] = field(default_factory=dict)
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pace", Pace(self.office.catalogue.pacing, self.office.sleep))

    @property
    def over(self) -> bool:
        """Whether nothing new is to be begun."""
        return self.stop.is_set() or (self.ends is not None and self.office.now() >= self.ends)

    def choose(self, wanted: tuple[Decision, ...], provider: str, *, mute: bool = False) -> Decision:
        """The duty to do now among those that may be done. `mute`: nothing is to be said to the provider."""
        silent = mute or self.lost.get(provider, 0.0) >= PATIENCE
        if self.only is not None or silent:
            may = (frozenset(Do) if self.only is None else self.only) - (SPOKEN if silent else frozenset())
            wanted = tuple(each for each in wanted if each.action in may)
        return choose(wanted, self.now)


Each = Callable[[Pass, Sequence[Claim]], "Report"]
"""What works on one provider's leased requests: `queue`, or something around it."""


def sweep(
    office: Office,
    *,
    progress: Progress | None = None,
    by: str = "direct",
    because: str = "",
    stop: threading.Event | None = None,
    each: Each | None = None,
) -> Report:
    """Work on everything that is due now.

    Args:
        office: the unit's open office.
        progress: told of each decision as it is done.
        by: what runs the sweep ("direct", "watch", "prefect"), for the sign of life.
        because: why it does not run through Prefect, for the sign of life.
        stop: once set, the acts in hand are finished, the leases given back, and the sweep ends.
        each: works on one provider's requests; `queue` if not given.

    Returns:
        The report; `failed` if any request could not be worked on or any provider failed.

    Raises:
        HistoryLost: the ledger is behind its own signed heads: nothing was done.
        LedgerError: the ledger itself cannot be used.
    """
    now = office.now()
    insist(doubts := look(office, now))
    why: dict[str, Json] = {"because": because} if because else {}
    office.ledger.beat("sweep-began", now, {"by": by} | why)
    report = Report(at=now)
    if office.settings.environ.get("HOLDFAST_IMAP"):
        from flows.mailroom import before_sweep

        report.failures += before_sweep(office)  # what came in may settle what is due
    ends = max(now, office.now()) + office.policy.sweep_interval  # what is left then is the next sweep's
    this = Pass(office=office, now=now, progress=progress, stop=stop or threading.Event(), ends=ends)

    def claim(spare: Collection[str]) -> Sequence[Claim]:
        if this.over:
            return ()
        until = max(now, office.now()) + LEASE  # the clock may have been set back meanwhile
        return office.ledger.claim(now, owner=office.owner, until=until, limit=BATCH, spare=spare)

    _in_lanes(this, each or queue, report, claim)
    for moved in follow_policy(this, report.failures):
        if moved:
            _in_lanes(this, each or queue, report, claim)
    if not this.stop.is_set():
        from flows.heads import publish

        report.failures += publish(office, office.now(), doubts)
    body: dict[str, Json] = {
        "by": by,
        "requests": report.looked_at,
        "acts": len(report.done),
        "failures": len(report.failures),
    }
    office.ledger.beat("sweep-stopped" if this.stop.is_set() else "sweep", office.now(), body | why)
    office.vault.forget()
    return report


def work_on(
    office: Office,
    requests: Iterable[str],
    *,
    progress: Progress | None = None,
    only: frozenset[Do] | None = None,
    stop: threading.Event | None = None,
    each: Each | None = None,
) -> Report:
    """Work on these requests only, due or not: the first sending of a case, or a person's "now".

    With `only`, nothing else is done on them. The other arguments are those of `sweep`.
    """
    now = office.now()
    this = Pass(office=office, now=now, progress=progress, stop=stop or threading.Event(), only=only)
    claims: list[Claim] = []
    report = Report(at=now)
    insist(look(office, now))
    for request in dict.fromkeys(requests):
        taken = office.ledger.claim(now, owner=office.owner, until=now + LEASE, limit=1, request=request)
        claims.extend(taken)
        if not taken and office.ledger.row(request) is None:
            report.failures.append((request, "there is no such request in this ledger"))
        elif not taken:
            report.failures.append((request, HELD))
    once = [claims]
    _in_lanes(this, each or queue, report, lambda _: once.pop() if once else ())
    return report


def _in_lanes(
    this: Pass,
    each: Each,
    report: Report,
    claim: Callable[[Collection[str]], Sequence[Claim]],
) -> None:
    """Work on what can be claimed, providers side by side, and add what was done to the report."""
    lock = threading.Lock()

    def work(claims: Sequence[Claim]) -> None:
        part = each(this, claims)
        with lock:
            report.add(part)

    this.office.lanes.run(claim, work)


def queue(this: Pass, claims: Sequence[Claim]) -> Report:
    """Work on one provider's leased requests, one after another, and give back all that settled.

    No more of them than its pace allows while the leases last: the rest is given back at once.
    """
    report, settled = Report(at=this.now), list[Claim]()
    room = this.pace.room(claims[0].provider, LEASE.total_seconds() / 2)
    try:
        for number, claim in enumerate(claims):
            if number >= room or this.over:
                settled += claims[number:]
                break
            if _one(this, claim, report):
                settled.append(claim)
    finally:
        try:
            this.office.ledger.give_back(*settled)
        except LedgerError as error:  # they run out by themselves; what was done is reported all the same
            report.failures.append(("", f"{len(settled)} leases could not be given back: {error}"))
    return report


def _one(this: Pass, claim: Claim, report: Report) -> bool:
    """Decide and act on one request until nothing more is due; gives whether its lease may be given back.

    A request that does not settle, or whose provider is not spoken to any more, keeps it until it runs out:
    nobody hammers it, and this sweep ends. Where a word to the provider fails by a fault of ours, or damage,
    nothing more is said to it, but what concerns our people, and the lapse, is still done.
    """
    office, now = this.office, this.now
    mute = False
    try:
        for step in range(STEPS):
            if this.stop.is_set():
                return True
            # It may have waited behind others: work under a lease that lasts for the act, or not at all.
            at = office.now()
            if claim.until - at < LEASE / 2:
                claim = office.ledger.renew(claim, until=at + LEASE, now=at)
            report.looked_at += step == 0
            current = office.histories.current(claim.request)
            decision = this.choose(current.duties, claim.provider, mute=mute)
            if mute and not decision.due(now):
                return False
            if not decision.due(now):
                if this.only is None and choose(current.duties, now).due(now):
                    report.failures.append((claim.request, "its provider gives no answer; the next sweep asks again"))
                    return False
                # A narrow errand leaves what else is due to the next sweep, which must find it free.
                return step > 0 or this.only is not None or asleep(office, claim.request, now)
            try:
                with suppress(Overtaken):  # somebody has entered something: it is read, and decided anew
                    _do(this, claim, current, decision, report)
            except (LeaseLost, LedgerBusy):
                raise
            except Exception as error:
                if decision.action not in SPOKEN:
                    raise
                _at_fault(this, claim, report, error, so="nothing is said to its provider")
                mute = True
        report.failures.append((claim.request, f"did not settle in {STEPS} steps; the next sweep goes on"))
    except LeaseLost:
        report.failures.append((claim.request, "its lease ran out; another worker has it"))
    except LedgerBusy as error:
        report.failures.append((claim.request, str(error)))
    except Exception as error:  # one bad request must not hide the next
        _at_fault(this, claim, report, error, so="nothing is done about this request")
    return False


def _do(this: Pass, claim: Claim, current: Folded, decision: Decision, report: Report) -> None:
    """Carry out one decision, at the provider's pace, and report it."""
    if decision.action in SPOKEN:
        this.pace.wait(claim.provider)
    began = time.monotonic()
    done = act(this.office, claim, current, decision)
    report.done.append(done)
    if done.failed and not done.by_hand:
        report.failures.append((claim.request, done.failed))
        if decision.action in SPOKEN:
            cost = time.monotonic() - began
            this.lost[claim.provider] = this.lost.get(claim.provider, 0.0) + cost
    if this.progress:
        with suppress(OSError):  # nobody listens any more: no fault of the request
            this.progress(done)


def _at_fault(this: Pass, claim: Claim, report: Report, error: Exception, *, so: str) -> None:
    """Report what cannot be done about a request, and tell a person."""
    what = _said(error)
    report.failures.append((claim.request, what))
    own_fault(this.office, claim, what, so=so)


def _said(error: Exception) -> str:
    """What went wrong, in words that are safe to show: of what the ledger did not say, the type alone."""
    if isinstance(error, LedgerError):
        return str(error)
    return f"{type(error).__name__} in {place(error)}: a fault of Holdfast"


def place(error: BaseException) -> str:
    """Where an exception was raised, without its text: the text may quote an identifier."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}" if trace else "an unknown place"


def follow_policy(this: Pass, failures: list[tuple[str, str]]) -> Iterator[int]:
    """Index every request anew when the policy or the program has changed since this was last done.

    Also what was final: another program may read another state in the same events.

    Gives, a part at a time, how many rows have moved: some may be due now. What is not done when the pass is over is
    gone on with in the next sweep; what falls due meanwhile is judged by the new policy anyhow. What cannot be
    indexed keeps its row, and is added to `failures`.
    """
    office = this.office
    if index_is_current(office):
        return
    mark, last = digest(office), office.ledger.last_beat("policy-part")
    after = str(last[1].get("after", "")) if last is not None and last[1].get("digest") == mark else ""
    while part := office.ledger.request_ids(after=after, limit=PART):
        if this.over:
            return
        yield _index_anew(office, part, failures)
        after = part[-1]
        office.ledger.beat("policy-part", office.now(), {"digest": mark, "after": after})
    office.ledger.beat("policy-part", office.now(), {})
    office.ledger.beat("policy", office.now(), {"digest": mark})


def _index_anew(office: Office, part: Sequence[str], failures: list[tuple[str, str]]) -> int:
    """Index these anew; where one of them cannot be, all the others. Gives how many rows have moved."""
    try:
        return office.ledger.reindex(part, office.histories.project)
    except LedgerBusy:
        raise
    except Exception as error:
        if len(part) > 1:
            middle = len(part) // 2
            return sum(_index_anew(office, half, failures) for half in (part[:middle], part[middle:]))
        failures.append((part[0], _said(error)))
        return 0


def provable(office: Office) -> Project:
    """What `Ledger.verify` compares the index with.

    What falls due next, and how it is worded, depends on the policy and the program: where these have changed
    since the index was made, only what follows from the events alone is compared (state, end, items).
    """
    project = office.histories.project
    if index_is_current(office):
        return project

    def settled(events: Sequence[Event]) -> Row:
        row, stored = project(events), office.ledger.row(events[0].request)
        if stored is None or row.final or stored.final:
            return row
        same = {name: getattr(stored, name) for name in ("next_action", "next_at", "next_because", "rank")}
        return replace(row, **same, gap_days_p90=stored.gap_days_p90, level=stored.level, matters=stored.matters)

    return settled
