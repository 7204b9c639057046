"""The life of a hold as a picture on one scale of time: SVG, drawn in the colours of the page that it stands in.

Colours only repeat what labels say: it can be printed in black and white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from flows.words import MONTHS, Table, day

WIDTH, LEFT, RIGHT = 960, 110, 30
TOP, ROW = 30, 58
BAR = 20
NEAR = 92
"""Units of the picture that a label with a day takes."""
CARD = 14
"""Units around the picture where it stands on a card of its own."""

MONTH = 58
"""Units that the name of a month takes."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A part of the hold: its first and last day, and the last day by the law where that is later."""

    first: date
    last: date
    legal: date
    what: str
    confirmed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Something that happened, by its number in the list below the picture."""

    on: date
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """What is drawn. Days are local at the provider. `open_from`: held without an end from then on."""

    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    today: date
    open_from: date | None
    ended_on: date | None
    mla_on: date
    p50_on: date
    p90_on: date


def spans(
    ends: Sequence[Table], chain: Sequence[Table], *, begins: date, over: bool, ended_on: date | None
) -> tuple[Span, ...]:
    """The parts of a hold: those confirmed, then those planned, where the hold is not over.

    Args:
        ends: `strict_on` and `legal_on` of each period confirmed.
        chain: the same of each period that the law allows, from the first one on.
        begins: its first day.
        over: whether nothing is planned any more.
        ended_on: the day it was let go, before its end or not; None while it is held.
    """
    found: list[Span] = []
    # Nothing is held beyond the last confirmed end: the provider may have named a day before an earlier one.
    held = [end for end in ends[:-1] if end["strict_on"] < ends[-1]["strict_on"]] + list(ends[-1:])
    for place, end in enumerate([*held, *([] if over else chain[len(ends) :])]):
        last, legal = date.fromisoformat(end["strict_on"]), date.fromisoformat(end["legal_on"])
        if ended_on is not None and ended_on < last:
            last = legal = max(ended_on, begins)
        what = "first period" if not place else f"extension {place}"
        found.append(Span(first=begins, last=last, legal=legal, what=what, confirmed=place < len(held)))
        begins = last
    return tuple(found)


def picture(life: Life, *, width: int = WIDTH, now: str = "exported", style: str = "") -> str:
    """The SVG element, so many units wide. `now` names the line of today; `style` is for one that stands alone."""
    scale = _Scale(life, width)
    rows = 3
    height = TOP + rows * ROW + 12
    box = f"{-CARD} {-CARD} {width + 2 * CARD} {height + 2 * CARD}" if style else f"0 0 {width} {height}"
    parts = [
        f'<svg viewBox="{box}" role="img" xmlns="http://www.w3.org/2000/svg"'
        ' aria-label="The hold on a scale of time; the tables below say the same in words">',
        *([f"<style>{style}</style>", _card(width, height)] if style else []),
        *_months(scale, height),
        *_happened(life, scale),
        *_held(life, scale),
        *_answer(life, scale),
        f'<line class="today" x1="{scale.x(life.today):.1f}" x2="{scale.x(life.today):.1f}" y1="{TOP - 6}"'
        f' y2="{height - 13}"/>',
        _text(scale.x(life.today), height - 2, now, "middle", "small"),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale:
    """Days to units of the picture."""

    def __init__(self, life: Life, width: int) -> None:
        self.width = width
        days = [
            life.today,
            life.mla_on,
            life.p90_on,
            *(mark.on for mark in life.marks),
            *(each for span in life.spans for each in (span.first, span.legal)),
        ]
        self.first, last = min(days), max(days)
        self.length = max((last - self.first).days, 30) * 1.04

    def x(self, on: date) -> float:
        return LEFT + (on - self.first).days / self.length * (self.width - LEFT - RIGHT)

    @property
    def last(self) -> date:
        return self.first + timedelta(days=int(self.length))


def _card(width: int, height: int) -> str:
    return f'<rect class="card" x="{-CARD}" y="{-CARD}" width="{width + 2 * CARD}" height="{height + 2 * CARD}"/>'


def _months(scale: _Scale, height: int) -> Iterator[str]:
    """The first of each month; not every one is named where there are many."""
    firsts, on = [], scale.first.replace(day=1)
    while on <= scale.last:
        firsts.append(on)
        on = (on + 32 * _DAY).replace(day=1)
    step = max(1, -(-len(firsts) * MONTH // (scale.width - LEFT - RIGHT)))
    for each in firsts:
        if each < scale.first or (each.month - 1) % step:
            continue
        x = scale.x(each)
        yield f'<line class="month" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{height - 14}"/>'
        name = f"{MONTHS[each.month - 1]} {each.year}" if each.month == 1 or each is firsts[0] else ""
        yield _text(x + 3, TOP - 14, name or MONTHS[each.month - 1], "start", "small")


def _happened(life: Life, scale: _Scale) -> Iterator[str]:
    """Numbered points, moved apart where they would lie on one another."""
    y, marks = TOP + 18, sorted(life.marks, key=lambda each: (each.on, each.number))
    yield _text(0, y + 4, "what happened", "start", "name")
    for mark, shown in zip(marks, _apart([scale.x(mark.on) for mark in marks], scale.width), strict=True):
        yield f'<line class="tick" x1="{scale.x(mark.on):.1f}" y1="{y + ROW - 12}" x2="{shown:.1f}" y2="{y + 10}"/>'
        yield f'<circle class="mark" cx="{shown:.1f}" cy="{y}" r="10"/>'
        yield _text(shown, y + 4, str(mark.number), "middle", "number")


def _apart(places: list[float], width: int) -> list[float]:
    """The places in their order, far enough from each other, and none beyond the end of the picture."""
    gap = min(21.0, (width - LEFT - RIGHT) / max(len(places), 1))
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    limit = width - RIGHT / 2
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], limit)
        limit = moved[number] - gap
    return moved


def _held(life: Life, scale: _Scale) -> Iterator[str]:
    y, labelled = TOP + ROW + 6, -1000.0
    yield _text(0, y + BAR - 5, "data held", "start", "name")
    for number, span in enumerate(life.spans):
        cut = life.open_from is not None and life.open_from <= span.last  # from then on it has no end
        last = max(life.open_from, span.first) if cut and life.open_from else span.last + _DAY
        x, width = scale.x(span.first), max(scale.x(last) - scale.x(span.first), 2)
        kind = "held" if span.confirmed else "planned"
        yield f'<rect class="{kind} turn{number % 2}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>'
        if span.legal > span.last and not cut:
            end = scale.x(span.legal + _DAY)
            yield f'<rect class="legal" x="{x + width:.1f}" y="{y + 6}" width="{end - x - width:.1f}" height="8"/>'
        if width > NEAR - 20:
            yield _text(x + width / 2, y + BAR - 6, span.what, "middle", "inbar" if span.confirmed else "inbar dark")
        if cut:
            continue
        low = x + width - labelled < NEAR
        yield _text(x + width, y + BAR + (27 if low else 14), day(span.last), "end", "small")
        labelled = -1000.0 if low else x + width
    if life.open_from is not None:
        x, end = scale.x(life.open_from), scale.x(life.ended_on or scale.last)
        yield f'<rect class="open" x="{x:.1f}" y="{y + 3}" width="{max(end - x, 2):.1f}" height="{BAR - 6}"/>'
        if end - x > NEAR:
            yield _text((x + end) / 2, y + BAR - 6, "without an end", "middle", "inbar")
    if life.ended_on is not None:
        x = scale.x(life.ended_on)
        yield f'<line class="end" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 5}" y2="{y + BAR + 5}"/>'


def _answer(life: Life, scale: _Scale) -> Iterator[str]:
    y = TOP + 2 * ROW + 16
    yield _text(0, y + 4, "MLA answer", "start", "name")
    x, half, most = scale.x(life.mla_on), scale.x(life.p50_on), scale.x(life.p90_on)
    yield f'<line class="wait" x1="{x:.1f}" x2="{half:.1f}" y1="{y}" y2="{y}"/>'
    yield f'<line class="wait late" x1="{half:.1f}" x2="{most:.1f}" y1="{y}" y2="{y}"/>'
    labels: Sequence[tuple[float, str, str]] = (
        (x, "start", "request"),
        (half, "middle", "half of the answers"),
        (most, "end", "nine in ten"),
    )
    for place, anchor, what in labels:
        yield f'<circle class="point" cx="{place:.1f}" cy="{y}" r="4"/>'
        yield _text(place, y + 18, what, anchor, "small")


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
