"""The page of a case: each of its requests with its picture, its clocks and how they are counted, and its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flows.chronicle import ROUTINE, told
from flows.pages import markup
from flows.pages.drawing import drawn, said
from flows.pages.heading import heading
from flows.pages.links import Links, item_key
from flows.pages.markup import exact, folded, link, plain, prose, strong, table
from flows.pages.seen import AsAt, CaseSeen, RequestSeen
from flows.verdict import local_today, verdict
from flows.words import ACTIONS, CLOCKS, OUTCOMES, STATES, Table, day, moment, number, sentence

IN_FULL = 10
"""Requests of a case shown in full; the others are listed."""

LISTED = 500
"""Requests of a case listed."""

ITEMS = 50
"""Items listed of a request; those that did not go well come first."""

EVENTS = 60
"""Events told of a request: the last ones."""

LONG = 72
"""Characters of a line of the history."""

FORMS: Mapping[str, str] = {
    "record-reply": "Record a reply",
    "extend-request": "Extend now",
    "take-out-packet": "Take out a packet",
    "escalate": "Tell people now",
    "release-request": "Release",
}
"""Forms about one request, and what their links say. All of them call its id `request`."""

WELL = frozenset({"preserved", "pending", "released"})


def case_page(case: CaseSeen, links: Links, as_at: AsAt) -> str:
    """The page."""
    return markup.page(
        heading(f"Case {case.case}", links, as_at),
        _list(case),
        *(part for each in case.requests for part in _request(each, links, as_at)),
    )


def _list(case: CaseSeen) -> str:
    """All requests of the case, where there is more than one."""
    if len(case.rows) == 1:
        return ""
    shown = len(case.requests)
    rest = f" The first {shown} are shown below." if len(case.rows) > shown else ""
    more = f" Not listed: {len(case.rows) - LISTED:,}." if len(case.rows) > LISTED else ""
    rows = (
        (
            exact(row.request),
            folded(case.providers.get(row.provider, row.provider), markup.NARROW),
            folded(STATES.get(row.state, row.state), markup.NARROW),
            markup.on(row.strict_on),
            f"{row.gap_days_p90:,} d" if row.gap_days_p90 else "",
        )
        for row in case.rows[:LISTED]
    )
    return markup.page(
        f"{strong(number(len(case.rows), 'request') + '.')}{rest}{more}",
        table(("Request", "Provider", "State", "Hold ends", "Gap"), rows),
    )


def _request(seen: RequestSeen, links: Links, as_at: AsAt) -> Iterator[str]:
    record, hold = seen.record, seen.hold
    moves = [each for each in record["events"] if each["kind"] not in ROUTINE]
    today = local_today(as_at.now, hold.terms.provider.zone)
    ends = hold.expiry
    state = sentence(record["state"], ends.strict_on if ends else None, record["coverage"]["open_ended_by"])
    yield f"## {plain(seen.provider)}: {plain(state)}"
    yield f"{exact(record['request'], cell=False)} under {plain(record['instrument'])}, {_accounts(record)}."
    if hold.strict_start is None and not hold.ended:
        yield strong("Not sent: nothing is held yet. As if it were sent now:")
    if not hold.ended:
        _, words = verdict(record, today)
        yield strong(plain(f"{words[:1].upper()}{words[1:]}."))
    yield markup.image(drawn(record, hold, moves, as_at.now), said(record))
    yield _next(record["next"])
    yield from _waiting(seen, links)
    yield _forms(record["request"], links)
    yield from _items(record["items"])
    yield from _clocks(record["clocks"])
    yield from _history(record["events"], moves)


def _accounts(record: Table) -> str:
    references = ", ".join(exact(each, cell=False) for each in record["references"])
    return f"{number(record['identifiers'], 'identifier')}{f'; their reference {references}' if references else ''}"


def _next(following: Table) -> str:
    because = prose(following["because"])
    if not following["at"]:
        return f"{strong('Next.')} {because}"
    action = ACTIONS.get(following["action"], following["action"])
    return f"{strong('Next.')} {moment(following['at'])}: {plain(action)}: {because}"


def _waiting(seen: RequestSeen, links: Links) -> Iterator[str]:
    """What needs a person about it."""
    if seen.items:
        yield strong("Needs a person:")
        yield markup.bullets(
            f"{'▲' * each.level} {link(each.title, links.page(item_key(each.request, each.about)))}".strip()
            for each in seen.items
        )


def _forms(request: str, links: Links) -> str:
    found = [(label, links.form(flow, {"request": request})) for flow, label in FORMS.items()]
    return " · ".join(link(label, to) for label, to in found if to)


def _items(items: Sequence[Table]) -> Iterator[str]:
    counts = Counter(each["outcome"] for each in items)
    counted = ", ".join(f"{count:,} {OUTCOMES.get(outcome, outcome)}" for outcome, count in counts.most_common())
    yield "### Items"
    yield f"As last heard: {counted}. They are named by their numbers in the case file."
    ordered = sorted(items, key=lambda each: each["outcome"] in WELL)
    yield table(
        ("Item", "Kind", "Outcome", "Their reference"),
        (
            (plain(each["item"]), plain(each["type"]), _outcome(each), exact(each["reference"]))
            for each in ordered[:ITEMS]
        ),
    )
    if len(items) > ITEMS:
        yield f"And {len(items) - ITEMS:,} more."


def _outcome(item: Table) -> str:
    word = OUTCOMES.get(item["outcome"], item["outcome"])
    until = f" until {day(item['held_until'])}" if item["held_until"] else ""
    shown = plain(f"{word}{until}")
    return shown if item["outcome"] in WELL else strong(shown)


def _clocks(clocks: Sequence[Table]) -> Iterator[str]:
    if clocks:
        yield "### Clocks"
        yield table(("What", "Strict", "Legal"), map(_clock, clocks))
        yield "How they were counted:"
        yield markup.bullets(f"{strong(plain(_clock_name(each)))}: {_counted(each)}" for each in clocks)


def _clock_name(clock: Table) -> str:
    return CLOCKS.get(clock["kind"], clock["kind"])


def _clock(clock: Table) -> Sequence[str]:
    half, most = ("half by ", "nine in ten by ") if clock["kind"] == "mla-answer" else ("", "")  # a forecast
    return plain(_clock_name(clock)), f"{half}{_struck(clock, 'strict')}", f"{most}{_struck(clock, 'legal')}"


def _struck(clock: Table, name: str) -> str:
    return day(clock[f"{name}_on"]) if f"{name}_on" in clock else moment(clock[f"{name}_at"])


def _counted(clock: Table) -> str:
    source = f" ({clock['source']})" if clock["source"] else ""
    return plain("; ".join(clock["derivation"]) + source)


def _history(events: Sequence[Table], moves: Sequence[Table]) -> Iterator[str]:
    """What moved it, with the numbers of the picture; what did not is counted."""
    places = {each["seq"]: place for place, each in enumerate(moves, 1)}
    yield "### History"
    listed = moves[-EVENTS:]
    yield table(
        ("", "When", "What happened"),
        ((str(places[each["seq"]]), moment(each["at"]), folded(_told(each), LONG)) for each in listed),
    )
    routine = Counter(each["kind"] for each in events)
    asked, told_of = routine["polled"] + routine["poll-failed"], routine["escalated"]
    more = [f"{number(len(moves) - EVENTS, 'earlier event')} not listed"] if len(moves) > EVENTS else []
    more += [f"the provider was asked {number(asked, 'time')} how it stands"] if asked else []
    more += [f"people were told {number(told_of, 'time')}"] if told_of else []
    if more:
        yield f"Besides: {'; '.join(more)}. `holdfast show` has all of it."


def _told(event: Table) -> str:
    text = told(event)
    return f"{text[:1].upper()}{text[1:]}"
