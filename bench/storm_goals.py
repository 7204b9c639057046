"""What the hold storm must reach, held against what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]
OURS = ("holdfast, PostgreSQL", "holdfast, SQLite")
BARE = "bare loop"
AGAINST = ((BARE, 0.8), ("APScheduler", 2.0), ("procrastinate", 15.0), ("DBOS", 15.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """One goal. `found` is None where it was not measured in this run."""

    what: str
    wanted: float
    found: float | None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.found is None:
            return "not measured"
        return "reached" if (self.found <= self.wanted if self.at_most else self.found >= self.wanted) else "MISSED"

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"verdict": self.verdict}


def of_storm(rows: Rows) -> Iterator[Goal]:
    """What the rows of the storm's table say."""
    at = {(row["who"], row["holds"]): row for row in rows if not row.get("failed")}
    sizes = sorted({size for _, size in at})
    for ours in OURS:
        for size in sizes:
            mine = at.get((ours, size))
            if mine is None:
                continue
            for other, wanted in AGAINST:
                if (other, size) in at:
                    ratio = round(mine["per_s"] / at[other, size]["per_s"], 2) if at[other, size]["per_s"] else None
                    yield Goal(what=f"{ours}: × {other} at {size:,}", wanted=wanted, found=ratio)
            late = mine["p99_late_s"]
            yield Goal(what=f"{ours}: p99 lateness, s, at {size:,}", wanted=3, found=late, at_most=True)
            wrong = mine["missed"] + mine["double"] + mine["unconfirmed"]
            what = f"{ours}: missed, double or unconfirmed at {size:,}"
            yield Goal(what=what, wanted=0, found=wrong, at_most=True)
        if ours == OURS[0]:
            yield from _of_two_processes(at, sizes)
        first, last = at.get((ours, 10_000)), at.get((ours, 1_000_000))

        def ratio_of(name: str, first: Any = first, last: Any = last) -> float | None:
            return round(last[name] / first[name], 3) if first and last else None

        restart = last["restart_s"] if last else None
        yield Goal(what=f"{ours}: restart to first byte, s, at 1,000,000", wanted=2, found=restart, at_most=True)
        yield Goal(what=f"{ours}: memory, 1 M to 10 k", wanted=1.1, found=ratio_of("peak_mb"), at_most=True)
        yield Goal(what=f"{ours}: sweep, 1 M to 10 k", wanted=1.3, found=ratio_of("seconds"), at_most=True)
        yield Goal(what=f"{ours}: append p50, 1 M to 10 k", wanted=1.3, found=ratio_of("append_ms"), at_most=True)


def _of_two_processes(at: Mapping[tuple[str, int], Mapping[str, Any]], sizes: Sequence[int]) -> Iterator[Goal]:
    ours, bare = (f"{who}, 2" for who in (OURS[0], BARE))
    for size in sizes:
        if (ours, size) in at and (bare, size) in at:
            ratio = round(at[ours, size]["per_s"] / at[bare, size]["per_s"], 2)
            yield Goal(what=f"{ours} processes: × {bare} at {size:,}", wanted=0.8, found=ratio)


def of_size(figures: Mapping[str, Any]) -> Iterator[Goal]:
    """What the intake and the proof say."""
    for store, found in figures.get("intake", {}).items():
        yield Goal(what=f"intake of a CSV, identifiers/s, {store}", wanted=10_000, found=found["per_s"])
    for store, found in figures.get("verify", {}).items():
        what = f"verify, s for 1,000,000 events, {store}"
        yield Goal(what=what, wanted=60, found=found["s_per_million"], at_most=True)


COLUMNS: Sequence[tuple[str, int, Callable[[Mapping[str, Any]], str]]] = (
    ("contestant", 24, lambda row: str(row["who"])),
    ("holds", 10, lambda row: f"{row['holds']:,}" if row["holds"] else "-"),
    ("due", 6, lambda row: f"{row['due']:,}"),
    ("actions/s", 10, lambda row: f"{row['per_s']:,}"),
    ("× bare", 7, lambda row: str(row.get("to_bare", ""))),
    ("p99 late", 9, lambda row: "-" if row["p99_late_s"] is None else f"{row['p99_late_s']} s"),
    ("confirmed", 10, lambda row: f"{row['confirmed']:,}"),
    ("missed", 7, lambda row: str(row["missed"])),
    ("double", 7, lambda row: str(row["double"])),
    ("MB", 7, lambda row: str(row["peak_mb"])),
)


def print_head() -> None:
    """The table's first line."""
    print(
        "  " + "".join(f"{name:<{width}}" if not at else f"{name:>{width}}" for at, (name, width, _) in _numbered())
    )


def print_row(row: Mapping[str, Any]) -> None:
    """One line of the table, as soon as it is known."""
    if row.get("failed"):
        print(f"  {row['who']:<24}{row['holds']:>10,}  FAILED: {row['failed']}", flush=True)
        return
    cells = [f"{of(row):<{width}}" if not at else f"{of(row):>{width}}" for at, (_, width, of) in _numbered()]
    print("  " + "".join(cells) + (f"   {row['note']}" if row.get("note") else ""), flush=True)


def print_goals(goals: Sequence[Goal]) -> None:
    """Each goal beside its figure."""
    print(f"\n  {'goal':<58}{'wanted':>10}{'found':>12}")
    for goal in goals:
        sign = "≤" if goal.at_most else "≥"
        found = "-" if goal.found is None else f"{goal.found:,}"
        print(f"  {goal.what:<58}{sign + ' ' + format(goal.wanted, ',g'):>10}{found:>12}  {goal.verdict}")


def _numbered() -> list[tuple[int, tuple[str, int, Callable[[Mapping[str, Any]], str]]]]:
    return list(enumerate(COLUMNS))
