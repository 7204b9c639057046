"""How fast the timeline is: `python -m bench.bench_decide`, from the project's folder.

    decide     decisions per second over a mixture of holds, as a sweep meets them
    words      the same, with the reason put into words
    fold       a history of 20 events
    reference  `json.loads` of the index row of a hold: what any sweep must do at least

Each is timed in turns, so that a busy machine slows them all; the best turn counts. The ratios to the reference
say more than the rates: they are about the same on another machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.catalogue import Catalogue, load
from timeline.decide import decide
from timeline.events import Event
from timeline.rules import Policy
from timeline.state import Hold, fold
from timeline.terms import Terms, terms_for

TURNS = 15
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MIXTURE = (
    ("us.18usc2703f", "in-force", 8),
    ("us.18usc2703f", "just-sent", 1),
    ("us.18usc2703f", "registered", 1),
    ("us.18usc2703f", "extended", 3),
    ("us.18usc2703f", "failing", 1),
    ("eu.epocpr", "in-force", 4),
    ("eu.epocpr", "open-ended", 2),
    ("eu.epocpr", "clarification", 1),
    ("coe.budapest.29", "in-force", 2),
    ("coe.budapest.29", "lapsed", 1),
)
"""Instrument, how the hold stands, and how many such holds there are."""


def main(turns: int = TURNS) -> dict[str, Any]:
    """Measure, print a table, and give the figures as JSON can hold them."""
    catalogue = load()
    policy = catalogue.policy
    holds = [
        fold("HF-BENCH", _terms(catalogue, law), _history(how)) for law, how, count in MIXTURE for _ in range(count)
    ]
    long_terms, long_history = _terms(catalogue, "us.18usc2703f"), _history("twenty")
    row = json.dumps(_row(holds[0]))
    measured: dict[str, list[float]] = {}
    for _ in range(turns):
        for name, call, each in (
            ("decide", lambda: _decide_all(holds, policy), len(holds)),
            ("words", lambda: _say_all(holds, policy), len(holds)),
            ("fold", lambda: fold("HF-BENCH", long_terms, long_history), 1),
            ("reference", lambda: json.loads(row), 1),
        ):
            measured.setdefault(name, []).append(_timed(call) / each)
    best = {name: min(times) for name, times in measured.items()}
    result: dict[str, Any] = {f"{name}_per_s": round(1 / seconds) for name, seconds in best.items()}
    result |= {f"{name}_us": round(seconds * 1e6, 2) for name, seconds in best.items()}
    result |= {f"{name}_to_reference": round(best[name] / best["reference"], 1) for name in ("decide", "fold")}
    result |= {"holds": len(holds), "events_of_the_fold": len(long_history)}
    _print(result)
    return result


def _decide_all(holds: list[Hold], policy: Policy) -> None:
    for hold in holds:
        decide(hold, policy, NOW)


def _say_all(holds: list[Hold], policy: Policy) -> None:
    for hold in holds:
        _ = decide(hold, policy, NOW).because


def _timed(call: Callable[[], object]) -> float:
    """Seconds of processor time for one call, over about a hundredth of a second."""
    started = time.process_time()
    count = 0
    while True:
        for _ in range(10):
            call()
        count += 10
        taken = time.process_time() - started
        if taken > 0.01:
            return taken / count


def _terms(catalogue: Catalogue, law: str) -> Terms:
    provider = replace(next(iter(catalogue.providers.values())).terms, zone="Europe/Dublin", state="IE", holds=())
    return terms_for(
        catalogue.instruments[law],
        provider,
        country="FR",
        profile=catalogue.profile(),
        holidays={NOW.date(): "Holiday"},
    )


def _history(how: str) -> list[Event]:
    """A history as a sweep meets it at `NOW`."""
    began = NOW - 30 * DAY
    kinds: list[tuple[str, dict[str, Any]]] = [("registered", _registered())]
    send, extend = {"action": "send", "sequence": 1}, {"action": "extend", "sequence": 1}
    intent = {"attempt": 1, "key": "k", "channel": "api", "because": "due"}
    told = {"about": "coverage", "level": 1, "who": "Duty officer", "because": "", "delivered": True}
    sent = [("intent", send | intent), ("sent", send | {"channel": "api"})]
    held = [
        *sent,
        ("acknowledged", {"references": ["R-1"], "received_on": "2026-10-22"}),
        ("preserved", {}),
        ("escalated", told),
        ("escalation-acknowledged", {"about": "coverage"}),
        ("polled", {"state": "in-force"}),
    ]
    extended = [("intent", extend | intent), ("sent", extend | {"channel": "api"}), ("extended", {"sequence": 1})]
    kinds += {
        "registered": [],
        "just-sent": sent,
        "in-force": held,
        "extended": [*held, *extended],
        "failing": [*held, *[("intent", extend | intent), ("unavailable", extend | {"reason": "x"})] * 4],
        "open-ended": [*held, ("production-announced", {"on": "2026-11-01"})],
        "clarification": [*held, ("clarification", {})],
        "lapsed": [
            *held,
            ("expired", {"state": "expired"}),
            ("lapsed", {"strict_on": "2026-12-20"}),
            ("escalated", told | {"about": "lapsed:2026-11-20"}),
        ],
        "twenty": [*held, *extended, *[("polled", {"state": "in-force"})] * 9],
    }[how]
    return [
        Event(seq=number, kind=kind, at=began + number * HOUR, recorded_at=began + number * HOUR, body=body)
        for number, (kind, body) in enumerate(kinds, start=1)
    ]


def _registered() -> dict[str, Any]:
    return {
        "case": "CY-2026-0412",
        "provider": "alpha",
        "instrument": "",
        "country": "FR",
        "terms": "",
        "sealed": "",
        "items": [{"item": f"i{number}", "type": "email"} for number in range(1, 4)],
        "categories": ["subscriber", "traffic", "content"],
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-10-20T00:00:00Z",
        "urgency": "expedited",
        "confidential": True,
        "mla": {"send_on": "2026-12-01"},
    }


def _row(hold: Hold) -> dict[str, Any]:
    return {
        "request": hold.request,
        "case": "CY-2026-0412",
        "provider": "alpha",
        "instrument": hold.terms.instrument.id,
        "state": str(hold.state),
        "final": False,
        "next": {"action": "extend", "at": NOW.isoformat(), "because": "the hold ends and its extension is due"},
        "rank": 3,
        "strict_on": "2027-02-18",
        "gap_days_p90": 155,
        "level": 0,
        "items": [{"item": item.id, "type": item.type, "outcome": item.outcome} for item in hold.items],
    }


def _print(result: dict[str, Any]) -> None:
    print(f"{result['holds']} holds; the fold reads {result['events_of_the_fold']} events")
    for name in ("decide", "words", "fold", "reference"):
        ratio = result.get(f"{name}_to_reference")
        print(
            f"  {name:<10} {result[f'{name}_per_s']:>9,} per second {result[f'{name}_us']:>8} µs"
            + (f"   {ratio} times the reference" if ratio else "")
        )


if __name__ == "__main__":
    print(json.dumps(main()))
