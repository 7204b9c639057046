"""Whether the holds reach the MLA answer, in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flows.words import STOPS, UNHEARD, Table, day, number
from timeline.steps import STEPS

GOOD, IF, BAD = "good", "if", "bad"

NOT_WAYS = frozenset({"send", "extend", "answer-clarification", "ask-court", "apply-for-order"})
"""Steps that keep the chain as long as it was planned, or go on for a while; every other step can close its gap."""


_UNHEARD = "ONLY IF the provider keeps the data, which it has not said"


def verdict(plan: Table, today: date) -> tuple[str, str]:
    """`GOOD`, `IF` or `BAD`, and the sentence for it, without a full stop.

    Args:
        plan: one request of a plan, or a record.
        today: the day it is at the provider.
    """
    seen = plan["coverage"]
    if seen["open_ended_by"] and plan.get("state") in UNHEARD:
        return IF, f"reaches the MLA answer {_UNHEARD}: then without an end, {STOPS[seen['open_ended_by']]}"
    if seen["open_ended_by"]:
        return GOOD, f"reaches the MLA answer: held without an end, {STOPS[seen['open_ended_by']]}"
    most = f"nine in ten answers come by {day(seen['p90_on'])}"
    gap = seen["gap_days_p90"]
    if not gap:
        return GOOD, f"reaches the MLA answer: held until {day(seen['strict_on'])}, and {most}"
    ends = f"the last hold ends {day(seen['strict_on'])}" if seen["strict_on"] else "the law gives no hold at all"
    facts = f"{number(gap, 'day')} missing; {ends}, {most}"
    if not seen["feasible"]:
        return BAD, f"does NOT reach the MLA answer: {facts}"
    return IF, f"reaches the MLA answer ONLY IF you {ways(plan, today)}; else {facts}"


def brief(plan: Table, today: date) -> tuple[str, str]:
    """The same for a line of a list."""
    tone, _ = verdict(plan, today)
    if tone == BAD:
        return tone, f"does NOT reach the MLA answer: {number(plan['coverage']['gap_days_p90'], 'day')} missing"
    condition = _UNHEARD if plan["coverage"]["open_ended_by"] else f"ONLY IF you {ways(plan, today)}"
    return tone, "reaches the MLA answer" + (f" {condition}" if tone == IF else "")


def ways(plan: Table, today: date) -> str:
    """The steps that still lead to the answer, each with its last safe day."""
    steps = [step for step in plan["last_safe"] if step["step"] not in NOT_WAYS and step["on"] >= today.isoformat()]
    return " or ".join(f"{STEPS.get(step['step'], step['step'])} by {day(step['on'])}" for step in steps)


def local_today(now: datetime, zone: str) -> date:
    """The day it is at the provider; `zone` is an IANA name, "" for UTC."""
    return now.astimezone(ZoneInfo(zone) if zone else UTC).date()
