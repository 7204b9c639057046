"""One finding of the preflight, and how many of a kind are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flows.problems import LISTED, Problem, Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding of the preflight. `gate`: "notice" or "unverified" where a named person may accept it."""

    problem: Problem
    gate: str = ""


def finding(
    kind: str, where: str, problem: str, fix: str, severity: Severity = "error", *, gate: str = ""
) -> Finding:
    """A finding; `kind` is one of `flows.problems.KINDS`."""
    return Finding(problem=Problem(where=where, problem=problem, fix=fix, severity=severity, kind=kind), gate=gate)


def told(findings: Iterable[Finding], where: str) -> Iterator[Finding]:
    """The findings, at most `LISTED` of a kind; the rest of it is counted at `where`, the request.

    A list of a hundred thousand accounts may have the same fault in every line.
    """
    seen: Counter[tuple[str, Severity]] = Counter()
    for each in findings:
        sort = each.problem.kind, each.problem.severity
        seen[sort] += 1
        if seen[sort] <= LISTED:
            yield each
    for (kind, severity), count in seen.items():
        if count > LISTED:
            what = f"and {count - LISTED} more like the {LISTED} told of ({kind})"
            yield finding(kind, where, what, "mend those, then read the file again", severity)
