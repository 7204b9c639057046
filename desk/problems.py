"""What of a plan needs a person, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from desk.words import Table, number


def every(plan: Table) -> Iterator[Table]:
    """All problems of a plan: the case's and each request's."""
    yield from plan["problems"]
    for request in plan["requests"]:
        yield from request["problems"]


def in_need(plan: Table) -> bool:
    """Whether a person must look: any problem does, and a gap before the answer is one."""
    return any(True for _ in every(plan))


def sentence(plan: Table) -> str:
    """How many problems of which weight."""
    errors = sum(each["severity"] == "error" for each in every(plan))
    warnings = sum(each["severity"] != "error" for each in every(plan))
    counts = [number(errors, "error")] * bool(errors) + [number(warnings, "warning")] * bool(warnings)
    rest = "; `preserve` sends nothing before the errors are mended" if errors else ""
    return f"needs a person: {' and '.join(counts)}{rest}"
