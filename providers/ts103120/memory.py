"""What was seen of running requests, so that a poll asks only for what changed. To lose it costs a question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from providers.ts103120.hearing import Heard, Notice, Task

LONGEST = timedelta(hours=24)
"""After so long everything is asked for again: a provider whose list leaves out a change is not believed for ever."""
MARGIN = timedelta(seconds=1)
"""Times of change have whole seconds, and nobody says whether "since" includes its own."""
MOST = 20_000
"""Requests, and notifications, that are remembered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The tasks of one request. What changed at the provider after `since`, by its own clock, may be missing."""

    tasks: Mapping[str, Task]
    since: datetime
    at: datetime = field(repr=False)  # by our clock

    def fresh(self, now: datetime) -> bool:
        """Whether it may be relied upon."""
        return timedelta(0) <= now - self.at < LONGEST


@dataclass(frozen=True, kw_only=True, slots=True)
class _Covered:
    """All notifications that changed from `since` (None: ever) to `until`, by the provider's clock, were read."""

    since: datetime | None
    until: datetime
    at: datetime  # by our clock, of the first list


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The formats, as (owner, name), that the provider said it takes."""

    formats: frozenset[tuple[str, str]]
    at: datetime

    def fresh(self, now: datetime) -> bool:
        """Whether it may still be relied upon."""
        return timedelta(0) <= now - self.at < LONGEST


class Memory:
    """Bounded, thread-safe, without any identifier."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._notices: OrderedDict[str, Notice] = OrderedDict()
        self._covered: _Covered | None = None

    def of(self, request: str, now: datetime) -> Seen | None:
        """What was seen of a request; None where nothing was, or too long ago."""
        with self._lock:
            seen = self._seen.get(request)
        return seen if seen is not None and seen.fresh(now) else None

    def keep(self, request: str, tasks: Mapping[str, Task], since: datetime | None, at: datetime) -> None:
        """Remember the tasks of a request as they were; nothing where the provider says no times of change."""
        if since is None or any(task.generation is None for task in tasks.values()):
            self.forget(request)
            return
        bare = {id_: replace(task, values=()) for id_, task in tasks.items()}
        with self._lock:
            self._seen[request] = Seen(tasks=bare, since=since, at=at)
            self._seen.move_to_end(request)
            while len(self._seen) > MOST:
                self._seen.popitem(last=False)

    def forget(self, request: str) -> None:
        """Ask for all of it the next time."""
        with self._lock:
            self._seen.pop(request, None)

    def notices_since(self, wanted: datetime | None, now: datetime) -> datetime | None:
        """From when on to ask for notifications, where those since `wanted` (None: all) matter to a request.

        All requests to a provider share what was read, so a poll does not list anew what an earlier one listed.
        """
        with self._lock:
            covered = self._covered
        if covered is None or not timedelta(0) <= now - covered.at < LONGEST:
            return wanted
        begins = covered.since is None or (wanted is not None and covered.since <= wanted)
        return covered.until - MARGIN if begins else wanted

    def cover(self, listed: Heard, now: datetime) -> None:
        """Note that all notifications of a list were read."""
        times = [each.changed_at for each in listed.records]
        with self._lock:
            covered = self._covered
            joins = covered is not None and (listed.since is None or listed.since <= covered.until)
            if not times and joins:
                return
            if not times or any(time is None for time in times):
                self._covered = None
                return
            until, since = max(time for time in times if time is not None), listed.since
            if covered is not None and joins:
                since = None if None in (since, covered.since) else min(since, covered.since)  # type: ignore[type-var]
                until = max(until, covered.until)
            self._covered = _Covered(since=since, until=until, at=covered.at if covered and joins else now)

    def notices(self) -> dict[str, Notice]:
        """The notifications that were read, by id."""
        with self._lock:
            return dict(self._notices)

    def keep_notices(self, notices: Iterable[Notice]) -> None:
        """Remember notifications, so that each is read once."""
        with self._lock:
            for notice in notices:
                self._notices[notice.id] = notice
                self._notices.move_to_end(notice.id)
            while len(self._notices) > MOST:
                self._notices.popitem(last=False)
                self._covered = None
