"""What is wrong with an input, told to the person who wrote it: where, what, and what to write instead.

A problem never quotes a value from the input: a value may name a person's account, and problems are printed,
logged and shown on screens. It quotes only our own words: keys, types and choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

KINDS = {
    "form": "the file is not written as a case file is",
    "future": "a time to come: only data that exist can be preserved",
    "grammar": "an identifier is not written as its type is",
    "check-digit": "a check digit or check sum is wrong, so a character is",
    "spreadsheet": "a spreadsheet has changed a number",
    "paste": "something was copied along that is no part of the value",
    "invisible": "a character that nobody sees",
    "look-alike": "letters of another script that look alike",
    "display-name": "a name that is not unique and names no account",
    "numbering-plan": "a number in a range that nobody is known to have",
    "made-up": "a hardware address that the device made up",
    "private-address": "an address that names nobody outside its network",
    "no-time": "an identifier that changes hands, without the time of its use",
    "no-port": "an address that many share, without its port",
    "no-chain": "a wallet or transaction without a chain that is known",
    "short-link": "a web address that only leads elsewhere",
    "tracking": "parts of a web address that follow who clicked were left out",
    "twice": "the same identifier twice",
    "unknown": "a provider, an instrument or a profile that is in no catalogue",
    "not-sendable": "an instrument under which nothing can be sent, or an order that has run out",
    "issuer": "an instrument that this authority cannot issue",
    "addressee": "an instrument that does not reach whom it is addressed to",
    "emergency": "an emergency without its reason, or the reverse",
    "missing": "a field that the instrument or the provider requires",
    "categories": "kinds of data that the instrument or the provider does not cover",
    "period": "a period that is missing, too long, or begins long before the account",
    "many": "more identifiers than a request should name",
    "created": "an account that was made after the period",
    "outside": "an identifier that was used outside the period",
    "no-programme": "a provider that preserves nothing on request",
    "rejected": "a type of identifier that the provider does not take",
    "not-named": "a type of identifier that the provider does not name",
    "pattern": "an identifier in a form that the provider cannot process",
    "beside": "something that the provider needs beside an identifier",
    "elsewhere": "a page of another provider",
    "entity": "a legal entity that cannot be told, or must be told from several",
    "notice": "a provider that tells its user, or of which that is not known",
    "language": "a letter in a language that the provider does not take, or that cannot be written",
    "document": "something that the provider wants beside the letter",
    "account": "a channel that needs an account which the unit does not have",
    "channel": "a channel for emergencies, or for official addresses only",
    "unverified": "something that the plan relies on and nobody has verified",
    "discretion": "a hold or an extension that is a courtesy",
    "double": "two requests of one case for the same account",
    "coverage": "no chain of holds reaches the answer",
    "live": "an account that a live request names already",
    "relation": "an earlier request that is not there, or is of another provider",
}
"""What can be wrong, by the word that `Problem.kind` says."""

LISTED = 50
"""How many problems of one file are listed; the others are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong. An error stops the case; a warning is for a person to judge.

    `where` is the file, the line if it is known, and the key: `case.toml: line 12: request[0].to`.
    `problem` and `fix` are clauses without a full stop. `kind` is one of `KINDS`.
    """

    where: str
    problem: str
    fix: str
    severity: Severity = "error"
    kind: str = "form"

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
