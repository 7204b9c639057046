"""Releasing or extending many requests: first a page that shows which, then the same set, confirmed, is worked on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from prefect.client.schemas.objects import State

from flows.acting import Done
from flows.afterwards import work_on_entered
from flows.asking import can_extend, extend, release
from flows.entry import Outcome, Page, Run, carry_out, in_words
from flows.forms import choices
from flows.forms.again import link
from flows.forms.fields import NOT_PICKED, PLAIN, Day, Person, form
from flows.forms.flow import form_flow
from flows.forms.matters import answering
from flows.office import Office
from flows.pages.markup import plain
from flows.release import Because, by_one_person
from flows.replying import ReplyError
from flows.sweeping import Report
from flows.words import STATES, day, number
from flows.work_items import items_of
from ledger.interface import LedgerBusy, LedgerError, Row
from timeline.state import Hold

SHOWN, COUNTED = 200, 25
"""Requests that a preview lists, and providers and cases for which it counts; the rest it counts together."""

AT_ONCE = 500
"""Requests entered and worked on at a time: so often it is told how far it is.

Each time, Prefect keeps a task run for each provider. With 50, the task runs of 3,000 requests kept its SQLite file
so busy that an emergency's form waited for more than a minute.
"""

OPEN = ("sent", "acknowledged", "in-force", "open-ended", "unknown")

Provider = Annotated[
    str, form("Only requests to this provider.", title="Provider", enum=[choices.NONE, *choices.providers()])
]
CaseNumber = Annotated[
    str,
    form(
        "Only requests of this case: your unit's own number.",
        title="Case number",
        write="the case's number as the board shows it, or nothing",
        pattern=PLAIN,
        max_length=120,
    ),
]
Instrument = Annotated[
    str, form("Only requests under this law.", title="Legal basis", enum=[choices.NONE, *choices.instruments()])
]
Standing = Annotated[str, form("Only requests that stand so.", title="State", enum=["", *OPEN])]
Before = Annotated[
    Day,
    form(
        "Only holds that end (strictly counted) before this day.",
        title="Ends before",
        write="a day such as 2027-01-31",
    ),
]
Confirm = Annotated[
    str,
    form(
        "Leave it empty: you are shown first what would be done, with a link that fills this in.",
        title="Confirm",
        write="nothing, or what the preview's link filled in",
        pattern="^([0-9a-f]{16})?$",
    ),
]


@form_flow("release-many", called="release many")
async def release_many(
    *,
    provider: Provider = "",
    case: CaseNumber = "",
    instrument: Instrument = "",
    state: Standing = "",
    ends_before: Before = NOT_PICKED,
    because: Because,
    by: Person,
    confirm: Confirm = "",
) -> State[Any]:
    """End many holds and tell the providers. This cannot be taken back. First you are shown which."""
    return await carry_out("release", _release_many, of=release_many, given=locals())


@form_flow("extend-many", called="extend many")
async def extend_many(
    *,
    provider: Provider = "",
    case: CaseNumber = "",
    instrument: Instrument = "",
    state: Standing = "",
    ends_before: Before = NOT_PICKED,
    by: Person,
    confirm: Confirm = "",
) -> State[Any]:
    """Extend many holds now, where the law allows it. First you are shown which."""
    return await carry_out("extend", _extend_many, of=extend_many, given=locals())


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which requests. "" and None: whatever it is."""

    provider: str = ""
    case: str = ""
    instrument: str = ""
    state: str = ""
    ends_before: date | None = None

    def rows(self, office: Office) -> Iterator[Row]:
        """The open requests that are meant, by id. At least one thing must be said: not everything there is.

        Raises:
            ReplyError: nothing is said of which ones, or there is no such case.
        """
        if not any((self.provider, self.case.strip(), self.instrument, self.state, self.ends_before)):
            raise ReplyError("say which requests: fill in at least one of provider, case, legal basis, state, end")
        found = list(office.ledger.rows(open_only=False, case=self.case.strip()))
        if self.case.strip() and not found:  # what is no case's number may be anything, and does not stay
            raise ReplyError("no case has that number: write it as the board shows it")
        yield from sorted((row for row in found if self._means(row)), key=lambda row: row.request)

    def _means(self, row: Row) -> bool:
        provider, instrument = choices.meant(self.provider), choices.meant(self.instrument)
        ends = self.ends_before.isoformat() if self.ends_before else ""
        return (
            row.state in ((self.state,) if self.state else OPEN)
            and provider in ("", row.provider)
            and instrument in ("", row.instrument)
            and (not ends or (row.strict_on != "" and row.strict_on < ends))
        )

    def fields(self) -> dict[str, str]:
        """As they are filled in on the form."""
        told = {name: getattr(self, name) for name in ("provider", "case", "instrument", "state")}
        ends = {"ends_before": self.ends_before.isoformat()} if self.ends_before else {}
        return {name: value for name, value in told.items() if value} | ends


def _release_many(run: Run, *, because: str, by: str, confirm: str, **filters: Any) -> Outcome:
    by_one_person(run.office, "REQUEST")

    def enter(office: Office, request: str) -> None:
        release(office, request, because=because, by=by, unless=answering(office))

    wanted = Wanted(**filters)
    able, unable, asked = list[Row](), list[tuple[Row, str]](), list[str]()
    for row, hold in _readable(run.office, wanted, unable):
        if hold.release_asked_at is None:
            able.append(row)
        else:
            asked.append(row.request)
    given = {"because": because, "by": by}
    job = Job(verb="release", done="released", wanted=wanted, given=given, enter=enter, asked=asked)
    return job.carry_out(run, able, unable, confirm)


def _extend_many(run: Run, *, by: str, confirm: str, **filters: Any) -> Outcome:
    def enter(office: Office, request: str) -> None:
        extend(office, request, by=by, unless=answering(office))

    wanted = Wanted(**filters)
    able, unable, numbers, asked = list[Row](), list[tuple[Row, str]](), list[int](), list[str]()
    for row, hold in _readable(run.office, wanted, unable):
        try:
            following = can_extend(run.office, hold).number
        except ReplyError as error:
            unable.append((row, str(error).removeprefix(f"{row.request}: ")))
            continue
        if hold.extend_asked is not None and hold.extend_asked[0] == following:
            asked.append(row.request)
        else:
            able.append(row)
            numbers.append(following)
    given = {"by": by}
    job = Job(verb="extend", done="extended", wanted=wanted, given=given, enter=enter, numbers=numbers, asked=asked)
    return job.carry_out(run, able, unable, confirm)


def _readable(office: Office, wanted: Wanted, unable: list[tuple[Row, str]]) -> Iterator[tuple[Row, Hold]]:
    """The requests that are meant, with their holds. One whose record is damaged keeps back no other."""
    for row in wanted.rows(office):
        try:
            hold = office.hold(row.request)
        except LedgerBusy:
            raise
        except LedgerError as error:
            unable.append((row, in_words(error)))
            continue
        yield row, hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One kind of work on many requests. `given`: what else is filled in on the form; `enter` asks for one.

    `numbers`: of extensions, how many each request's is: what was confirmed for the first one is not for the second.
    `asked`: what was asked for before, and the provider was not told of yet.
    """

    verb: str
    done: str
    wanted: Wanted
    given: dict[str, str]
    enter: Callable[[Office, str], None]
    numbers: Sequence[int] = ()
    asked: Sequence[str] = ()

    def carry_out(self, run: Run, able: Sequence[Row], unable: Sequence[tuple[Row, str]], confirm: str) -> Outcome:
        """Show what would be done, or do it where exactly that was confirmed."""
        requests = [row.request for row in able]
        digest = self.digest(requests)
        if not able:
            why = f"; {number(len(unable), 'request')} cannot be: see the page of this run" if unable else ""
            text = f"There is nothing {'more ' if self.asked else ''}to {self.verb}{why}.{self._waiting(run.office)}"
            return Outcome(text=text, page=self._page(able, unable, "") if unable else None)
        if confirm != digest:
            changed = "The requests are not the same any more; nothing was done. " if confirm else ""
            text = (
                f"{changed}{number(len(able), 'request')} would be {self.done}. Nothing is done yet: look at them and"
            )
            text += f" confirm with the link on this run's page (Artifacts).{self._waiting(run.office)}"
            return Outcome(text=text, failed=bool(confirm), page=self._page(able, unable, digest))
        return self._work(run, requests)

    def _waiting(self, office: Office) -> str:
        """What was asked for before and is not told yet, and who tells it."""
        hand = self._by_hand(office, self.asked)
        begin, told = "asked for already and not yet told to the provider", len(self.asked) - hand
        text = f" {number(told, 'request')} {_are(told)} {begin}: the next sweep does it." if told else ""
        return text + (f" {number(hand, 'request')} {_are(hand)} {begin}: see the desk queue." if hand else "")

    def _by_hand(self, office: Office, requests: Sequence[str]) -> int:
        """Of how many of these a person must tell the provider."""
        matter = "extension" if self.verb == "extend" else self.verb
        return sum(any(each.kind == matter for each in items_of(office, request)) for request in requests)

    def digest(self, requests: Sequence[str]) -> str:
        """What stands for exactly this work on exactly these requests."""
        what = "\n".join([self.verb, self.given.get("because", ""), *requests, *map(str, self.numbers)])
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def _work(self, run: Run, requests: Sequence[str]) -> Outcome:
        """A part at a time: asked for, then said to the providers, side by side."""
        report, asked, hand = Report(at=run.office.now()), 0, 0

        def trouble(done: Done) -> None:  # of thousands, what needs somebody is told one by one
            if done.failed or done.person:
                run.progress(done)

        for start in range(0, len(requests), AT_ONCE):
            if run.errand.stop.is_set():
                break
            part = []
            for request in requests[start : start + AT_ONCE]:
                try:
                    self.enter(run.office, request)
                    part.append(request)
                except (ReplyError, LedgerError, LookupError) as error:
                    report.failures.append((request, in_words(error)))
            asked += len(part)
            worked = work_on_entered(run.office, part, progress=trouble, stop=run.errand.stop, each=run.each)
            hand += self._by_hand(run.office, sorted({each.request for each in worked.done if each.person}))
            report.add(worked)
            run.say(f"{min(start + AT_ONCE, len(requests))} of {len(requests)} looked at")
        left = len(requests) - asked
        text = f"{self.verb.capitalize()} asked for at {number(asked, 'request')}."
        text += f" {number(left, 'request')} not: see the log of this run." if left else ""
        text += f" At {hand:,} of them a person must tell the provider: see the desk queue." if hand else ""
        return Outcome(text=text, data={"asked": asked, "left": left}, report=report)

    def _page(self, able: Sequence[Row], unable: Sequence[tuple[Row, str]], digest: str) -> Page:
        """What would be done: how many, which, and the link that does it."""
        lines = [f"# {self.verb.capitalize()} many: {number(len(able), 'request')}", ""]
        if digest:
            given = {
                name: each for name, each in self.given.items() if name != "by"
            }  # another may be the one who sends it
            again = link(self.wanted.fields() | given | {"confirm": digest})
            how = f"**[{self.verb.capitalize()} these {len(able):,}]({again})**" if again else f"Confirm: `{digest}`"
            lines += [f"Nothing is done yet. {how} opens the form again, filled in; send it.", ""]
        lines += _counted("at", [row.provider for row in able]) + _counted("of case", [row.case for row in able])
        lines += [
            "",
            f"The first {SHOWN} of {len(able):,}:" if len(able) > SHOWN else "",
            "",
            "| request | case | provider | legal basis | state | ends (strict) |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(row) for row in able[:SHOWN]]
        lines += [_not_listed(len(able))] if len(able) > SHOWN else []
        if unable:
            lines += ["", f"## Cannot be {self.done}: {number(len(unable), 'request')}", ""]
            lines += [f"* {row.request}: {why}" for row, why in unable[:SHOWN]]
            lines += [_not_listed(len(unable))] if len(unable) > SHOWN else []
        return Page(key=f"preview-{self.verb}-many", text="\n".join(lines))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _counted(how: str, names: Sequence[str]) -> list[str]:
    """How many there are of each, the most first."""
    counts = Counter(names).most_common()
    rest = sum(count for _, count in counts[COUNTED:])
    lines = ["", *(f"* {count:,} {how} {plain(name)}" for name, count in counts[:COUNTED])]
    return lines + ([f"* {rest:,} others"] if rest else [])


def _not_listed(count: int) -> str:
    rest = f"\n**{count - SHOWN:,} more are not listed here.**"
    return f"{rest} To see each of them, ask for less at once: a case, a provider."


def _row(row: Row) -> str:
    """A request's line of the table."""
    ends = day(row.strict_on) if row.strict_on else ""
    told = (row.request, plain(row.case), row.provider, row.instrument, STATES.get(row.state, row.state), ends)
    return f"| {' | '.join(told)} |"
