"""A small good case, to be spoilt one thing at a time."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.casefile import Case, read_case
from flows.problems import Problem

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)

GOOD: dict[str, Any] = {
    "case": {
        "reference": "CY-2026-0412",
        "unit": "Cybercrime Unit, Example Police",
        "country": "FR",
        "offence": {"title": "Computer-related fraud", "provisions": ["Art. 1"], "facts": "Facts."},
        "officer": {
            "name": "Duty officer",
            "badge": "EP-1042",
            "email": "duty.officer@police.example.com",
            "phone": "+1-555-0100",
        },
        "mla": {"requested_state": "US", "send_on": "2026-12-01", "profile": "unodc"},
    },
    "request": [
        {
            "provider": "sandbox-mail",
            "instrument": "us.18usc2703f",
            "categories": ["subscriber", "traffic"],
            "from": "2026-09-01T00:00:00Z",
            "to": "2026-11-20T00:00:00Z",
            "identifiers": [{"type": "email", "value": "invoices@example.com"}],
        }
    ],
}

Keys = tuple[str | int, ...]


def good() -> dict[str, Any]:
    """A copy of the good case, to be changed freely."""
    return deepcopy(GOOD)


def changed(**changes: Any) -> dict[str, Any]:
    """The good case with values put at places: `changed(case__unit="", request__0__to=…)`; `...` takes away."""
    tree = good()
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        at: Any = tree
        for part in parents:
            at = at[part]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return tree


def read_text(folder: Path, text: str | bytes, name: str = "case.toml") -> tuple[Case | None, tuple[Problem, ...]]:
    """Read this text as a case file."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_case(path, now=NOW)


def read_tree(folder: Path, tree: object) -> tuple[Case | None, tuple[Problem, ...]]:
    """Read this tree as a JSON case file written on one line."""
    return read_text(folder, json.dumps(tree), "case.json")


def read_rows(folder: Path, rows: str | bytes) -> tuple[Case | None, tuple[Problem, ...]]:
    """Read the good case with this identifiers file in place of its identifiers."""
    (folder / "accounts.csv").write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    tree = changed(request__0__identifiers=..., request__0__identifiers_file="accounts.csv")
    return read_tree(folder, tree)


def lines_of(problems: tuple[Problem, ...]) -> list[str]:
    """What a person sees."""
    return [f"{problem.severity}: {problem}" for problem in problems]
