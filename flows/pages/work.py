"""The desk queue, the page of each work item, and the escalations by level: what needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flows.chronicle import told
from flows.pages import markup
from flows.pages.heading import heading
from flows.pages.links import PEOPLE, QUEUE, Links, case_key, item_key, part_key
from flows.pages.markup import at, exact, lines, link, plain, prose, strong, table
from flows.pages.seen import AsAt, Settled
from flows.words import STATES, day, moment, number
from flows.work_items import Answer, WorkItem
from timeline.rules import Rung
from timeline.steps import about

MOST = 100
"""Items on a page, the most urgent ones first: a browser shows more too slowly. Further pages have the rest."""

TAKE_UP = "acknowledge-escalation"


HOW = "Open one to see why it is there and what to do, or answer it straight away."


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A page with items of one provider: the `number`-th of `MOST` each, and the places of its first and last one."""

    key: str
    provider: str
    name: str
    first: int
    of: int
    items: tuple[WorkItem, ...]

    @property
    def places(self) -> str:
        """Which of the provider's items are on it."""
        return f"{self.first:,}–{self.first + len(self.items) - 1:,}"


def parts(items: Sequence[WorkItem]) -> tuple[Part, ...]:
    """The pages by provider that all items are on, most items first; none where one page takes all items."""
    if len(items) <= MOST:
        return ()
    theirs: dict[str, list[WorkItem]] = {}
    for each in items:
        theirs.setdefault(each.provider, []).append(each)
    return tuple(
        Part(
            key=part_key(provider, place // MOST + 1),
            provider=provider,
            name=found[0].provider_name,
            first=place + 1,
            of=len(found),
            items=tuple(found[place : place + MOST]),
        )
        for provider, found in sorted(theirs.items(), key=lambda each: (-len(each[1]), each[0]))
        for place in range(0, len(found), MOST)
    )


def desk_queue(items: Sequence[WorkItem], links: Links, as_at: AsAt) -> str:
    """What needs a person, in the order given, and where the rest is: one row for each item."""
    free = sum(each.taken_up_at is None for each in items)
    counted = f"{number(len(items), 'item')}, {free:,} not taken up yet."
    if not items:
        return markup.page(heading("Desk queue", links, as_at, here=QUEUE), strong("Nothing needs a person."))
    return markup.page(
        heading("Desk queue", links, as_at, here=QUEUE),
        f"{strong(counted)} {HOW}",
        _by_provider(parts(items), links),
        _queued(items[:MOST], links),
    )


def _by_provider(split: Sequence[Part], links: Links) -> str:
    """The way to all items, where they are too many for one page."""
    if not split:
        return ""
    theirs = []
    for _, group in groupby(split, key=lambda each: each.provider):
        first, *more = group
        if more:
            ways = ", ".join(link(each.places, links.page(each.key)) for each in (first, *more))
            theirs.append(f"{plain(first.name)} {ways} of {first.of:,}")
        else:
            theirs.append(link(f"{first.name} {first.of:,}", links.page(first.key)))
    return f"Below are the {MOST:,} most urgent ones. {strong('All of them, by provider:')} {' · '.join(theirs)}"


def queue_part(part: Part, links: Links, as_at: AsAt) -> str:
    """A page with items of one provider, the most urgent ones first."""
    some = "" if part.of == len(part.items) else f" Here are {part.places}; the lower the number, the more urgent."
    return markup.page(
        heading(f"Desk queue: {part.name}", links, as_at),
        f"{strong(number(part.of, 'item') + '.')}{some} {HOW}",
        _queued(part.items, links),
    )


def empty_part(links: Links, as_at: AsAt) -> str:
    """A page with a provider's items that has none any more."""
    to = link("the desk queue", links.page(QUEUE))
    text = f"{strong('Nothing is listed here any more.')} What needs a person is on {to}."
    return markup.page(heading("Desk queue", links, as_at), text)


def _queued(items: Sequence[WorkItem], links: Links) -> str:
    return table(("By", "What", "Likely answers", "Who has it"), (_row(each, links) for each in items))


def _row(item: WorkItem, links: Links) -> Sequence[str]:
    to = links.page(item_key(item.request, item.about))
    return (
        lines(_marks(item), at(item.by) if item.by else "no date"),
        lines(strong(link(item.title, to, width=markup.WIDE)), _of(item, links), _ends(item)),
        _answers(item.answers, links),
        _who_has_it(item),
    )


def _marks(item: WorkItem) -> str:
    return "▲" * item.level


def _of(item: WorkItem, links: Links) -> str:
    """The provider and the case."""
    to = links.page(case_key(item.case))
    return f"{plain(item.provider_name)} · {link(f'case {item.case}', to)}"


def _ends(item: WorkItem) -> str:
    return f"hold ends {day(item.strict_on)}" if item.strict_on else ""


def _answers(answers: Sequence[Answer], links: Links) -> str:
    linked = [link(each.label, to) for each in answers if (to := links.form(each.flow, each.fields))]
    return "<br>".join(linked) or "—"


def _who_has_it(item: WorkItem) -> str:
    if item.taken_up_at:
        return lines("taken up", at(item.taken_up_at))
    return lines("nobody yet; told", at(item.told_at)) if item.told_at else "nobody yet"


def item_page(item: WorkItem, links: Links, as_at: AsAt) -> str:
    """One item: why, by when, the steps, the likely answers."""
    facts = (
        f"By: {strong(moment(item.by)) if item.by else 'no date is set; the sooner the better'}",
        *([f"The hold ends: {day(item.strict_on)} (strict)"] if item.strict_on else []),
        f"Request: {exact(item.request, cell=False)} to {plain(item.provider_name)}, under {plain(item.instrument)}",
        f"How it stands: {plain(STATES.get(item.state, item.state))}",
        f"Case: {link(item.case, links.page(case_key(item.case)))}",
        f"Told: {f'level {item.level}, {moment(item.told_at)}' if item.told_at else 'nobody yet'}",
        f"Taken up: {moment(item.taken_up_at) if item.taken_up_at else 'by nobody yet'}",
    )
    answers = [strong(link(each.label, to)) for each in item.answers if (to := links.form(each.flow, each.fields))]
    return markup.page(
        heading(item.title, links, as_at),
        f"{strong('Why.')} {prose(_sentence(item.because))}",
        "## What to do" if item.steps else "",
        markup.numbered(map(prose, item.steps)),
        "## Then say what came of it" if answers else "",
        markup.bullets(answers),
        "Each opens a form that is filled in as far as it can be. Something else came of it: "
        f"{link('record a reply', links.form('record-reply', {'request': item.request}))}."
        if answers
        else "",
        "## About it",
        markup.bullets(facts),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def settled_page(item: Settled, links: Links, as_at: AsAt) -> str:
    """An item that is done: by whom, when, and by what."""
    event = {
        "kind": item.kind,
        "at": "",
        "recorded_at": "",
        "body": {k: v for k, v in item.body.items() if k != "by"},
    }
    what = told(event)
    return markup.page(
        heading(f"Settled: {about(item.about)}", links, as_at),
        f"{strong('Nothing is to be done here any more.')} {plain(_sentence(what))}",
        markup.bullets(
            (
                f"Settled: {moment(item.at)}, by {plain(item.by)}",
                f"Request: {exact(item.request, cell=False)} to {plain(item.provider)}",
                f"Case: {link(item.case, links.page(case_key(item.case)))}",
                f"Last told: {moment(item.told_at) if item.told_at else 'nobody'}",
            )
        ),
    )


def needs_a_person(items: Sequence[WorkItem], ladder: Sequence[Rung], links: Links, as_at: AsAt) -> str:
    """The escalations, the highest level first, in each level what nobody has taken up first."""
    told_of = sorted((each for each in items if each.told_at), key=_by_level)
    waiting = sum(each.taken_up_at is None for each in told_of)
    levels = [
        part
        for level, group in groupby(told_of[:MOST], key=lambda each: each.level)
        for part in _level(level, list(group), ladder, links)
    ]
    return markup.page(
        heading("Needs a person", links, as_at, here=PEOPLE),
        f"{strong(f'{waiting:,} of {len(told_of):,} unanswered.')} Who takes a matter up keeps the next level from"
        " being told. It stays open until it is done."
        if told_of
        else strong("Nobody was told of anything that is still open."),
        *levels,
        f"And {len(told_of) - MOST:,} more: {link('the desk queue', links.page(QUEUE))} leads to all of them."
        if len(told_of) > MOST
        else "",
    )


def _by_level(item: WorkItem) -> tuple[int, bool, date, str]:
    told_on = item.told_at.date() if item.told_at else date.max
    return -item.level, item.taken_up_at is not None, told_on, item.id


def _level(level: int, items: Sequence[WorkItem], ladder: Sequence[Rung], links: Links) -> Iterator[str]:
    who = next((each.who for each in ladder if each.level == level), "")
    yield f"## Level {level}{f': {plain(who)}' if who else ''}"
    yield table(("Told", "Of what", "Taken up"), (_told(each, links) for each in items))


def _told(item: WorkItem, links: Links) -> Sequence[str]:
    to = links.page(item_key(item.request, item.about))
    take = next((links.form(each.flow, each.fields) for each in item.answers if each.flow == TAKE_UP), "")
    mine = at(item.taken_up_at) if item.taken_up_at else lines("no", strong(link("I have it", take)) if take else "")
    return at(item.told_at), lines(link(item.title, to, width=markup.WIDE), _of(item, links)), mine
