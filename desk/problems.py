"""The problems of a plan: each told once, counted, and said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.words import Table, number


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouped:
    """One problem with every place where it occurs."""

    severity: str
    problem: str
    fix: str
    wheres: tuple[str, ...]

    @property
    def is_error(self) -> bool:
        """Whether nothing can be sent before it is mended."""
        return self.severity == "error"

    def where(self, *, shown: int = 4) -> str:
        """Every place, or the first few and how many more."""
        more = len(self.wheres) - shown
        return "; ".join(self.wheres[:shown]) + (f"; and {number(more, 'more place')}" if more > 0 else "")


def grouped(problems: Sequence[Table]) -> list[Grouped]:
    """The same problem at many places told once; errors first, else in the order of the file.

    The gap before the answer is left out: the verdict says it (`way_out`).
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(problems, key=lambda each: each["severity"] != "error"):
        if not _is_gap(each):
            found.setdefault((each["severity"], each["problem"], each["fix"]), []).append(each["where"])
    return [Grouped(severity=s, problem=p, fix=f, wheres=tuple(wheres)) for (s, p, f), wheres in found.items()]


def way_out(problems: Sequence[Table]) -> str:
    """What to do about the gap before the answer; "" where there is none."""
    return next((each["fix"] for each in problems if _is_gap(each)), "")


def _is_gap(problem: Table) -> bool:
    from flows.preflight import NO_CHAIN

    return str(problem["problem"]).startswith(NO_CHAIN)


def every(plan: Table) -> Iterator[Table]:
    """All problems of a plan: the case's and each request's."""
    yield from plan["problems"]
    for request in plan["requests"]:
        yield from request["problems"]


def counted(problems: Iterator[Table] | Sequence[Table]) -> str:
    """How many errors and warnings: ``1 error and 2 warnings``; "" for none."""
    weights = [each["severity"] for each in problems]
    counts = [number(weights.count(weight), weight) for weight in ("error", "warning") if weight in weights]
    return " and ".join(counts)


def plainly(text: str, *, longest: int = 40) -> str:
    """A text without its long parentheses, which name sources: `--json` and the catalogues have them."""
    kept, depth, inside = "", 0, ""
    for character in text:
        depth += character == "("
        if depth:
            inside += character
        else:
            kept += character
        if character == ")" and depth:
            depth -= 1
            if not depth:
                kept, inside = (kept + inside if len(inside) <= longest else kept.rstrip()), ""
    return kept + inside
