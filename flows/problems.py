"""What is wrong with an input, told to the person who wrote it: where, what, and what to write instead.

A problem never quotes a value from the input: a value may name a person's account, and problems are printed,
logged and shown on screens. It quotes only our own words: keys, types and choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

LISTED = 50
"""How many problems of one file are listed; the others are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong. An error stops the case; a warning is for a person to judge.

    `where` is the file, the line if it is known, and the key: `case.toml: line 12: request[0].to`.
    `problem` and `fix` are clauses without a full stop.
    """

    where: str
    problem: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.fix}"


def _line(problem: Problem) -> int:
    found = re.search(r": line ([0-9]+)", problem.where)
    return int(found[1]) if found else 0


class Problems:
    """Gathers the problems of one file, so that all are told at once.

    At most `LISTED` are kept, errors before warnings: a flood of warnings never hides an error.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._kept: dict[Severity, list[Problem]] = {"error": [], "warning": []}
        self._counts: dict[Severity, int] = {"error": 0, "warning": 0}

    @property
    def errors(self) -> int:
        """How many errors there are, listed or not."""
        return self._counts["error"]

    @property
    def full(self) -> bool:
        """Whether a further error would only be counted; its words need no care then."""
        return self._counts["error"] >= LISTED

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        self._counts[problem.severity] += 1
        kept = self._kept[problem.severity]
        if len(kept) < LISTED:
            kept.append(problem)

    def listed(self) -> tuple[Problem, ...]:
        """The problems by line, and at the end how many more there are."""
        errors = self._kept["error"]
        warnings = self._kept["warning"][: LISTED - len(errors)]
        chosen = tuple(sorted(errors + warnings, key=_line))
        more_errors = self._counts["error"] - len(errors)
        more_warnings = self._counts["warning"] - len(warnings)
        more = [
            f"{count} more {word if count == 1 else word + 's'}"
            for count, word in ((more_errors, "error"), (more_warnings, "warning"))
            if count
        ]
        if not more:
            return chosen
        rest = Problem(
            where=self.file,
            problem=f"and {' and '.join(more)}",
            fix="mend the ones above, then read the file again",
            severity="error" if more_errors else "warning",
        )
        return (*chosen, rest)
