"""The rules once more, written down by hand from the texts' summaries, for the checker alone.

Nothing here comes from the house: only the standard library. A period is (count, unit); "d" days, "y" years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Law:
    """One instrument. `by` is who decides on an extension: we, somebody else whom we may ask, or a court."""

    first: tuple[int, str] | None
    extensions: int = 0
    longer: int = 0  # days of an extension
    by: str = "us"
    in_time: bool = False  # an extension is impossible once the period is over
    minimum: bool = False  # at least so long: the addressee may keep it longer
    first_counts: bool = False
    starts: str = "sent"  # what the law counts from: "sent", "received", "held"
    made: bool = False  # from the day on the order; strictly from the registration too
    must_release: bool = False
    stops: tuple[str, ...] = ()
    validated_in: int = 0  # hours from the issue, in an emergency
    binds: bool = False  # whatever the addressee says of itself
    to_state: bool = False  # a State is asked, and what its provider says does not matter


LAWS = {
    "au.foreign": Law(
        (180, "d"),
        first_counts=True,
        starts="received",
        must_release=True,
        stops=("access-requested",),
        to_state=True,
    ),
    "au.historic": Law((90, "d"), first_counts=True, starts="received", must_release=True),
    "au.ongoing": Law((90, "d"), first_counts=True, starts="received", must_release=True),
    "br.mci.13": Law((60, "d"), made=True, stops=("petition-filed",)),
    "ca.487.012.domestic": Law((21, "d"), made=True, must_release=True),
    "ca.487.012.foreign": Law((90, "d"), made=True, must_release=True),
    "ca.487.013": Law((90, "d"), made=True, must_release=True),
    "coe.budapest.16": Law((90, "d")),
    "coe.budapest.29": Law(
        (60, "d"),
        24,
        60,
        by="them",
        minimum=True,
        starts="held",
        stops=("mla-received",),
        to_state=True,
    ),
    "de.sicherungsanordnung": Law(None),
    "eu.epocpr": Law(
        (60, "d"),
        1,
        30,
        in_time=True,
        starts="received",
        must_release=True,
        stops=("production-announced",),
        validated_in=48,
        binds=True,
    ),
    "fr.cpp60-2": Law((1, "y")),
    "in": Law(None),
    "jp.ccp197": Law((30, "d"), 1, 30, in_time=True, must_release=True),
    "kr.cpa215-2": Law((60, "d"), 1, 30, by="court", in_time=True, must_release=True, validated_in=12),
    "sg.cpc20": Law(None),
    "uk.osa.dpn": Law((1, "y"), first_counts=True, made=True),
    "un.uncc.25": Law((90, "d")),
    "un.uncc.42": Law(
        (60, "d"),
        24,
        60,
        by="them",
        in_time=True,
        minimum=True,
        starts="held",
        stops=("mla-received",),
        to_state=True,
    ),
    "us.18usc2258A": Law((1, "y"), made=True),
    "us.18usc2703f": Law((90, "d"), 1, 90),
}


def shortened(law: Law, practice: dict[str, int | None]) -> Law:
    """The law as far as the provider's own text lets it reach: only ever less, and nothing where it is bound."""
    if law.binds or law.to_state:
        return law
    first, days = law.first, practice["days"]
    if first is not None and days is not None and days < first[0] * (365 if first[1] == "y" else 1):
        first = (days, "d")
    count = law.extensions if practice["extensions"] is None else min(law.extensions, practice["extensions"])
    each = law.longer if practice["extension_days"] is None else min(law.longer, practice["extension_days"])
    return Law(
        first, count, each, law.by, law.in_time, law.minimum, law.first_counts, law.starts, law.made,
        law.must_release, law.stops, law.validated_in,
    )  # fmt: skip


def last_day(start: date, period: tuple[int, str], *, counts: bool) -> date:
    """The last day of a period; `counts`: the first day is day 1."""
    count, unit = period
    if unit == "d":
        return start + DAY * (count - 1 if counts else count)
    try:
        same = start.replace(year=start.year + count)
    except ValueError:  # 29 February
        return date(start.year + count, 2, 28)
    return same - DAY if counts else same


def over(day: date, zone: str) -> datetime:
    """The instant at which a local day is over."""
    return begins(day + DAY, zone)


def begins(day: date, zone: str) -> datetime:
    """The first instant of a local day."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def local(moment: datetime, zone: str) -> date:
    """The local day of an instant."""
    return moment.astimezone(ZoneInfo(zone)).date()
