"""The week's report in words: to be read, printed, and mailed once when the week is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from statistics import median
from typing import Any

from flows.office import Office
from flows.report import COUNTED, report, week_of
from flows.telling import in_words, post

BEAT = "report"


def text(found: Mapping[str, Any]) -> str:
    """A report as plain text, at most 100 columns wide."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"Holdfast: week {found['week']}, {found['from'][:10]} to {_last_day(found)} (UTC)"
    if not found["complete"]:
        yield "The week is not over."
    if found["lapsed"]:
        yield ""
        yield f"LAPSED: {', '.join(found['lapsed'])}"
    yield from _counted("What happened", [(found["counts"][name], words) for name, words in COUNTED.items()])
    if found["refused_by_ground"]:
        yield from _counted("Refused, by ground", [(n, name) for name, n in found["refused_by_ground"].items()])
    if found["escalated_by_level"]:
        levels = found["escalated_by_level"]
        yield from _counted("Escalated", [(count, f"level {level}") for level, count in levels.items()])
    yield from _times(found["took"])
    yield from _providers(found["by_provider"])
    yield from _lasted(found["ended"])
    now = found["open"]
    standing = [
        (now["requests"], "requests"),
        *((count, f"of them {state}") for state, count in now["by_state"].items()),
        (now["with_a_gap"], "with a gap before nine in ten MLA answers are there"),
        (now["escalated"], "escalated, and nobody has taken them up"),
        (now["overdue"], "overdue by more than an hour"),
    ]
    yield from _counted(f"Open at {_minute(now['at'])}", standing)
    yield from _signed(found["heads"])


def _counted(title: str, figures: list[tuple[int, str]]) -> Iterator[str]:
    yield ""
    yield title
    lines = [f"  {count:>7,}  {words}" for count, words in figures if count]
    yield from lines or ["  nothing"]


def _signed(heads: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    yield "Signed heads of the ledger: keep this page, and it proves all that was recorded before them"
    for head in heads:
        yield f"  event {head['events']:,}, {_minute(head['at'])}"
        yield f"    root {head['root']}"
    if not heads:
        yield "  none was signed in this week"
    for key in dict.fromkeys(head["key"] for head in heads):
        yield f"  signed with the key {key}"


def _times(took: Mapping[str, Any]) -> Iterator[str]:
    words = {
        "receipt": "from sending to the provider's receipt",
        "confirmation": "from sending to the provider's word that it keeps the data",
        "taken up": "from telling a person to somebody taking it up",
    }
    if any(took.values()):
        yield ""
        yield "How long it took (the middle one, the longest)"
    for name, each in took.items():
        if each:
            lasted = f"{_hours(each['median_hours'])}, {_hours(each['longest_hours'])}"
            yield f"  {lasted:>20}  {words[name]} ({each['count']})"


def _providers(table: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    if not table:
        return
    yield ""
    yield f"By provider{'':<20}{'sent':>8}{'receipts':>10}{'refused':>9}{'not taken':>11}"
    for name, counts in table.items():
        figures = [counts.get(kind, 0) for kind in ("sent", "acknowledged", "refused", "unavailable")]
        yield f"  {name[:28]:<29}{figures[0]:>8,}{figures[1]:>10,}{figures[2]:>9,}{figures[3]:>11,}"


def _lasted(ended: list[dict[str, Any]]) -> Iterator[str]:
    if not ended:
        return
    yield ""
    yield "Holds that ended (days since they were sent: the middle one, the longest)"
    for end in dict.fromkeys(each["end"] for each in ended):
        days = [each["days"] for each in ended if each["end"] == end]
        yield f"  {len(days):>7,}  {end}: {median(days):.0f}, {max(days)}"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"  # noqa: PLR2004 - two days


def _minute(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"


def _last_day(found: Mapping[str, Any]) -> str:
    return (datetime.fromisoformat(found["to"]) - timedelta(days=1)).date().isoformat()


def mail_weekly(office: Office, now: datetime) -> list[str]:
    """Mail the report of the last week once, on the first pass after it; gives what failed, to be tried again.

    Nothing is mailed of the week in which a ledger is first swept, as there is no full week before it.
    """
    to, week = office.catalogue.publishing.report_to, week_of(now.date())
    if not to:
        return []
    beat = office.ledger.last_beat(BEAT)
    done = str(beat[1].get("week", "")) if beat else ""
    if done >= week:
        return []
    last = week_of((now - timedelta(days=7)).date())
    if done:
        found = report(office, last, now=now)
        mail = EmailMessage()
        mail["To"] = ", ".join(to)
        mail["Subject"] = f"[Holdfast] report of week {last}"
        mail.set_content(text(found))
        try:
            post(office.settings.environ, mail, at=now)
        except (OSError, ValueError) as error:
            return [f"the report of week {last} could not be mailed: {in_words(error, 'the mail server')}"]
    office.ledger.beat(BEAT, now, {"week": week})
    return []
