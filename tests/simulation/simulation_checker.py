"""Did the unit do its duty? Compares what reached providers and people with what the rules require.

It reads plain data (`Story.document`), knows the law from `simulation_law` alone, and shares no code with the
house: it would find a mistake that the house makes everywhere in the same way. Each finding is one line: which
request, which duty, and what happened instead.

The duties: nothing ends in silence; nothing takes effect twice; a request leaves at once; an extension is asked
for in its window and from the previous end; the top of the ladder is told a day before a strict end, and not
before; whoever does not answer is followed by the next level; nothing is sent again before it was asked about; a
release is passed on; nothing is said to the provider after the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from simulation_law import DAY, LAWS, Law, begins, last_day, local, over, shortened

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
IMMINENT = DAY
ANSWER_WITHIN = {1: 12 * HOUR, 2: 6 * HOUR, 3: 2 * HOUR}
TOP = 3
LONGEST_SILENCE = DAY
LONGEST_RETRY = 6 * HOUR
MARGIN_DAYS = 5
LET_GO = frozenset({"produced", "release-asked", "released"})
CHANGES = frozenset({"send", "extend", "release", "announce", "clarify"})
DONE = frozenset({"effect", "again", "lost-before", "lost-after", "refused"})
OF_THE_END = frozenset({"imminent", "ending", "extension", "lapsed"})
UNHEARD = frozenset({"acknowledgement", "confirmation"})


@dataclass(frozen=True)
class Contact:
    """One thing that reached a provider, or was to."""

    at: datetime
    action: str
    sequence: int
    what: str
    until: date | None
    by: str


@dataclass(frozen=True)
class Telling:
    """One thing that a person was told, or was to be."""

    at: datetime
    level: int
    about: str
    delivered: bool


@dataclass(frozen=True)
class Said:
    """What the unit was told by the provider."""

    at: datetime
    kind: str
    on: date | None


@dataclass
class Life:
    """One request's life, read from plain data."""

    name: str
    law: Law  # as far as it may be relied upon
    given: Law  # as it is asked for
    zone: str
    raw: dict[str, Any]
    registered_at: datetime
    contacts: list[Contact]
    told: list[Telling]
    said: list[Said]
    entries: list[tuple[datetime, str]]
    ends_at: datetime | None
    stop: tuple[datetime, str] | None
    step: timedelta
    over_at: datetime
    effects: list[Contact] = field(init=False)

    @property
    def slack(self) -> timedelta:
        """How late a duty may be done: two sweeps, and a minute."""
        return 2 * self.step + MINUTE

    def __post_init__(self) -> None:
        self.effects = [each for each in self.contacts if each.what == "effect"]

    @property
    def sent(self) -> Contact | None:
        """The sending that arrived."""
        return next((each for each in self.effects if each.action == "send"), None)

    def let_go_at(self) -> datetime | None:
        """When a person wanted no more of it."""
        return min((at for at, kind in self.entries if kind in LET_GO), default=None)

    def stopped_at(self) -> datetime | None:
        """When the unit knew of a stop event."""
        known = [at for at, kind in self.entries if kind in self.law.stops]
        announced = [each.at for each in self.contacts if each.action == "announce" and each.what in DONE]
        return min(known + (announced if "production-announced" in self.law.stops else []), default=None)

    def tellings(self, *about: str) -> list[Telling]:
        """What was told of these matters, delivered or not."""
        return [each for each in self.told if each.about in about]

    def first_told(self, kind: str, by: datetime | None = None) -> Said | None:
        """What the provider first said of a kind."""
        return next((each for each in self.said if each.kind == kind and (by is None or each.at <= by)), None)

    def last_told(self, kind: str, by: datetime) -> Said | None:
        """What it last said of a kind until then."""
        return next((each for each in self.said[::-1] if each.kind == kind and each.at <= by), None)


def check(document: dict[str, Any]) -> list[str]:
    """Every duty that was not done, as one line each; empty if all was well."""
    over_at = _at(document["ends_at"])
    step = timedelta(minutes=document["sweep_minutes"])
    found = []
    for raw in document["requests"]:
        life = _read(raw, over_at, step)
        found += [f"{life.name} ({raw['instrument']} at {raw['provider']}): {what}" for what in _wrong(life)]
    return found


def _wrong(life: Life) -> Iterator[str]:
    for duty in (
        _once,
        _asked_first,
        _sent_at_once,
        _asked_in_full,
        _in_silence,
        _a_day_before,
        _extended,
        _climbed,
        _passed_on,
    ):
        yield from duty(life)
    yield from _after_the_end(life)
    yield from _refusal(life)
    yield from _validation(life)


# Effects


def _once(life: Life) -> Iterator[str]:
    counts: dict[tuple[str, int], int] = {}
    for each in life.effects:
        counts[each.action, each.sequence] = counts.get((each.action, each.sequence), 0) + 1
    for (action, sequence), count in counts.items():
        if count > 1:
            yield f"double effect: {action} {sequence} took effect {count} times"


def _asked_first(life: Life) -> Iterator[str]:
    """What may have arrived is asked about before it is sent again."""
    open_: set[tuple[str, int]] = set()
    for each in life.contacts:
        act = (each.action.removeprefix("find-"), each.sequence)
        if each.action.startswith("find-") and each.what in {"found", "not-found"}:
            open_.discard(act)
        elif each.action in CHANGES and each.by == "machine" and act in open_ and each.what != "lost-after":
            yield f"sent again unasked: {act[0]} {act[1]} on {each.at:%Y-%m-%d %H:%M}, though it may have arrived"
            open_.discard(act)
        if each.what in {"lost-before", "lost-after"}:
            open_.add(act)


def _sent_at_once(life: Life) -> Iterator[str]:
    by = life.registered_at + life.slack
    if by > life.over_at:
        return
    tried = any(each.action == "send" and each.at <= by for each in life.contacts)
    handed = any(each.at <= by for each in life.tellings("channel"))
    if not tried and not handed:
        yield f"not sent: registered {life.registered_at:%Y-%m-%d %H:%M}, and nobody tried"


def _asked_in_full(life: Life) -> Iterator[str]:
    """The first sending asks for all that the law gives, whatever the provider says of itself."""
    for each in life.contacts:
        if each.action == "send" and each.by == "machine" and life.given.first is not None:
            made_on = life.raw["made_on"] if life.given.made else ""
            start = date.fromisoformat(made_on) if made_on else local(each.at, life.zone)
            wanted = last_day(start, life.given.first, counts=life.given.first_counts)
            if each.until != wanted:
                yield f"asked until {each.until}, not until {wanted}: sent {each.at:%Y-%m-%d %H:%M}"


# The end


def _in_silence(life: Life) -> Iterator[str]:
    """The data are gone at the provider, and somebody had been told before."""
    ends, sent, let_go = life.ends_at, life.sent, life.let_go_at()
    if ends is None or sent is None or ends > life.over_at or life.raw["released_at"]:
        return
    if let_go is not None and let_go <= ends:
        return
    if life.raw["dropped"]:
        yield from _dropped(life, ends)
        return
    # Of an end that the provider chose and kept to itself, nobody can know more than that it is silent.
    about = OF_THE_END | (UNHEARD if life.first_told("until-0", ends) is None else frozenset())
    if not any(each.delivered and each.about in about and each.at < ends for each in life.told):
        yield f"silent lapse: the provider kept it until {ends:%Y-%m-%d %H:%M}, and nobody had been told of the end"


def _dropped(life: Life, ends: datetime) -> Iterator[str]:
    """The provider broke its word: told as soon as it says so."""
    heard = life.first_told("gone")
    if heard is None or heard.at + life.slack > life.over_at:
        return
    if life.stopped_at() is None and not [
        each for each in life.tellings("lapsed") if each.at <= heard.at + life.slack
    ]:
        yield f"silent lapse: the provider said on {heard.at:%Y-%m-%d %H:%M} that it is gone, and nobody was told"


def chain(life: Life) -> Iterator[tuple[datetime, date]]:
    """The strict ends, one after another: from when the unit knows of one, and its day."""
    law, sent = life.law, life.sent
    if law.first is None or sent is None:
        return
    start = local(sent.at, life.zone)
    if law.made:
        start = min(start, local(life.registered_at, life.zone))
        if life.raw["made_on"]:
            start = min(start, date.fromisoformat(life.raw["made_on"]))
    by_law = last_day(start, law.first, counts=True)
    known_at, end, number = sent.at, by_law, 0
    while True:
        yield known_at, end
        for said in [each for each in life.said if each.kind == f"until-{number}" and each.on]:
            assert said.on is not None
            moved = said.on if law.minimum or said.on < by_law else by_law
            if moved != end:
                known_at, end = said.at, moved
                yield known_at, end
        number += 1
        confirmed = _confirmed(life, number)
        if confirmed is None or number > law.extensions:
            return
        same, by_law = end == by_law, by_law + DAY * law.longer
        known_at, end = confirmed, by_law if same else end + DAY * law.longer


def _confirmed(life: Life, number: int) -> datetime | None:
    said = life.first_told(f"until-{number}")
    entered = [at for at, kind in life.entries if kind == "extended"]
    entered_at = entered[number - 1] if len(entered) >= number else None
    return min((at for at in (said.at if said else None, entered_at) if at is not None), default=None)


def _a_day_before(life: Life) -> Iterator[str]:
    """With nothing in its place, the top of the ladder is told a day before the strict end, and not before."""
    ends = list(chain(life))
    if not ends:
        return
    known_at, day = ends[-1]
    due = max(over(day, life.zone) - IMMINENT, known_at)
    closed = [at for at in (life.let_go_at(), life.stopped_at(), _heard_gone(life)) if at is not None]
    by = due + life.slack
    swept = due + life.step  # what is closed before a sweep comes to it, nobody needs to be told
    if not any(at < swept for at in closed) and by < life.over_at:
        told = [each for each in life.tellings("imminent", "lapsed") if due - life.slack <= each.at <= by]
        if not any(each.level == TOP for each in told):
            yield f"the end was not told: strict end {day}, the top of the ladder was to be told at {due:%m-%d %H:%M}"
    for each in life.tellings("imminent"):
        if not any(over(on, life.zone) - IMMINENT <= each.at < over(on, life.zone) + life.slack for _, on in ends):
            yield f"the wrong day: told of an imminent end on {each.at:%Y-%m-%d %H:%M}; ends: {ends[-1][1]}"


def _heard_gone(life: Life) -> datetime | None:
    said = life.first_told("gone")
    return said.at if said else None


# Extensions


def _extended(life: Life) -> Iterator[str]:
    law = life.law
    asked = {}
    for each in life.contacts:
        if each.action == "extend" and each.sequence not in asked:
            asked[each.sequence] = each
    for number, each in asked.items():
        if number > law.extensions or law.by == "court":
            yield f"an extension that nobody may ask for: {number} on {each.at:%Y-%m-%d}"
        elif each.until not in _bases(life, number, each.at):
            wanted = " or ".join(str(on) for on in sorted(_bases(life, number, each.at)))
            yield f"extension {number} asked until {each.until}, not from the previous end: {wanted}"
        elif law.in_time and each.at >= over(max(_bases(life, number - 1, each.at)), life.zone):
            yield f"extension {number} asked on {each.at:%Y-%m-%d}, when the period was over"
    if law.extensions and law.by != "court" and life.raw["extends"]:
        yield from _in_window(life, asked.get(1))


def _bases(life: Life, number: int, at: datetime) -> set[date]:
    """The days until which so many extensions may be asked for, by what was known of the start."""
    law, sent = life.given, life.sent
    if law.first is None or sent is None:
        return set()
    starts, received = {local(sent.at, life.zone)}, life.last_told("received", at)
    if received is not None and received.on is not None:
        starts.add(received.on)
    bases = {last_day(each, law.first, counts=law.first_counts) for each in starts}
    for step in range(number + 1):
        told = life.last_told(f"until-{step}", at)
        if law.minimum and told is not None and told.on is not None:
            bases |= {max(each, told.on) for each in bases}
        if step < number:
            bases = {each + DAY * law.longer for each in bases}
    return bases


def _in_window(life: Life, first: Contact | None) -> Iterator[str]:
    """The first extension is asked for at two thirds of the hold, or five days before it must be."""
    sent, law = life.sent, life.law
    ends = [each for each in chain(life) if each[0] <= life.over_at]
    if sent is None or law.first is None or not ends or sum(each.action == "send" for each in life.contacts) > 1:
        return
    moved = [each.at for each in life.said if each.kind == "until-0"]
    start = local(sent.at, life.zone)
    if law.made or (moved and moved[0] > sent.at) or life.first_told("received") is None:
        return
    day = next(on for at, on in ends[::-1] if at <= sent.at)
    length = (day - start).days + 1
    best = min(start + DAY * (length * 2 // 3), day - DAY * ((0 if law.to_state else life.raw["lead"]) + MARGIN_DAYS))
    due = begins(max(best, start), life.zone)
    closed = [at for at in (life.let_go_at(), life.stopped_at(), _heard_gone(life)) if at is not None]
    received = life.first_told("received")
    if received is None or received.at >= due or any(at <= due + life.slack for at in closed):
        return
    if due + life.slack < life.over_at and (first is None or first.at > due + life.slack):
        when = f"on {first.at:%Y-%m-%d %H:%M}" if first else "never"
        yield f"extension 1 asked {when}, not on {due:%Y-%m-%d %H:%M}: strict end {day}"
    elif first is not None and first.at < due:
        yield f"extension 1 asked on {first.at:%Y-%m-%d %H:%M}, too early: not before {due:%Y-%m-%d %H:%M}"


# People


def _climbed(life: Life) -> Iterator[str]:
    """Whoever does not answer is followed by the next level, and the top is told again."""
    news = sorted(
        [at for at, _ in life.entries] + [each.at for each in life.contacts] + [each.at for each in life.said]
    )
    for number, each in enumerate(life.told):
        wait = LONGEST_SILENCE if each.level >= TOP else ANSWER_WITHIN[each.level]
        retry = LONGEST_RETRY if each.level >= TOP else timedelta()
        by = each.at + (wait if each.delivered else retry) + life.slack
        if by > life.over_at or any(each.at <= at <= by for at in news):
            continue
        after = [later for later in life.told[number + 1 :] if later.at <= by]
        if not any(later.about != each.about or later.level >= min(each.level + 1, TOP) for later in after):
            what = "" if each.delivered else " (it did not reach anybody)"
            when = f"{each.at:%Y-%m-%d %H:%M}{what}"
            yield f"nobody climbed: {each.about} told at level {each.level} on {when}, then silence"


def _refusal(life: Life) -> Iterator[str]:
    no = next((each for each in life.contacts if each.action == "send" and each.what == "refused"), None)
    if no is None or no.at + life.slack > life.over_at:
        return
    if not any(no.at <= each.at <= no.at + life.slack for each in life.tellings("refused")):
        yield f"refused on {no.at:%Y-%m-%d %H:%M}, and nobody was told"


def _validation(life: Life) -> Iterator[str]:
    sent = life.sent
    if not life.law.validated_in or not life.raw["emergency"] or sent is None or life.let_go_at() is not None:
        return
    entered = min((at for at, kind in life.entries if kind == "validated"), default=None)
    issued = min(life.registered_at, sent.at)
    by = issued + life.slack
    refused = any(each.action == "send" and each.what == "refused" and each.at <= by for each in life.contacts)
    told = any(each.at <= by for each in life.tellings("validation"))
    if by < life.over_at and not refused and not told and (entered is None or entered > by):
        yield f"validation: issued {issued:%Y-%m-%d %H:%M} in an emergency, and nobody was told of the hours"


# Letting go


def _passed_on(life: Life) -> Iterator[str]:
    """A release that a person asked for, or that the law makes a duty, reaches the provider, or a person."""
    asked = [
        at for at, kind in life.entries if kind == "release-asked" or (kind == "produced" and life.law.must_release)
    ]
    sent = life.sent
    if (
        not asked
        or sent is None
        or asked[0] + life.slack > life.over_at
        or "released" in [k for _, k in life.entries]
    ):
        return
    if life.ends_at is not None and life.ends_at <= asked[0] and not life.raw["released_at"]:
        return
    by = asked[0] + life.slack
    open_ = any(each.what.startswith("lost") and each.at <= by for each in life.contacts)
    tried = [each for each in life.contacts if each.action == "release" and asked[0] <= each.at <= by]
    told = [each for each in life.tellings("release", "outcome-unknown") if asked[0] <= each.at <= by]
    if not tried and not told and not open_:
        yield f"release not told: asked for on {asked[0]:%Y-%m-%d %H:%M}, and the provider never heard"


def _after_the_end(life: Life) -> Iterator[str]:
    ended = next((each.at for each in life.effects if each.action == "release"), None)
    for each in life.contacts:
        if ended is not None and each.at > ended and each.action in CHANGES - {"release"}:
            yield f"after the end: {each.action} on {each.at:%Y-%m-%d %H:%M}, released {ended:%Y-%m-%d %H:%M}"


# Reading


def _read(raw: dict[str, Any], over_at: datetime, step: timedelta) -> Life:
    stop = raw["stopped"]
    return Life(
        name=raw["name"],
        law=shortened(LAWS[raw["instrument"]], raw["practice"]),
        given=LAWS[raw["instrument"]],
        zone=raw["zone"],
        raw=raw,
        registered_at=_at(raw["registered_at"]),
        contacts=[
            Contact(_at(at), action, sequence, what, date.fromisoformat(until) if until else None, by)
            for at, action, sequence, what, until, by in raw["contacts"]
        ],
        told=[
            Telling(_at(at), level, about.partition(":")[0], delivered) for at, level, about, delivered in raw["told"]
        ],
        said=[Said(_at(at), kind, date.fromisoformat(on) if on else None) for at, kind, on in raw["said"]],
        entries=[(_at(at), kind) for at, kind in raw["entries"]],
        ends_at=_at(raw["ends_at"]) if raw["ends_at"] else None,
        stop=(_at(stop[0]), stop[1]) if stop else None,
        step=step,
        over_at=over_at,
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
