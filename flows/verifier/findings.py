"""What a check found: nothing, or what does not fit and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True, slots=True)
class Check:
    """One thing that was checked: `what` as a statement that holds if there are no `findings`.

    `notes` are what a reader should know, and no mistakes.
    """

    what: str
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def differences(recorded: Any, computed: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ, each place with both values."""
    if isinstance(recorded, dict) and isinstance(computed, dict):
        for name in sorted(recorded.keys() | computed.keys()):
            if name not in recorded or name not in computed:
                yield f"{place}.{name} is {'missing' if name in computed else 'there, and should not be'}"
            else:
                yield from differences(recorded[name], computed[name], f"{place}.{name}")
    elif isinstance(recorded, list) and isinstance(computed, list):
        if len(recorded) != len(computed):
            yield f"{place} has {len(recorded)} entries, its events give {len(computed)}"
        for number, (one, other) in enumerate(zip(recorded, computed, strict=False)):
            yield from differences(one, other, f"{place}[{number}]")
    elif recorded != computed or type(recorded) is not type(computed):
        yield f"{place} says {_shown(recorded)}, its events give {_shown(computed)}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) < 160 else f"{text[:160]}…"  # noqa: PLR2004 - a line of a terminal or two
