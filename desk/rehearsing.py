"""The command `rehearse`: what would become of the open holds, under this policy and under another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from desk.endings import needs_person
from desk.speaking import all_harmless, draw, say_json
from desk.typed import as_json, opened


@click.command()
@click.option("--policy", type=click.Path(path_type=Path), help="A policy file, laid over the unit's own key by key.")
@click.option("--days", type=click.IntRange(1, 3660), default=180, show_default=True, help="How far to look ahead.")
@click.option("--mla-days", type=click.IntRange(1, 3660), help="Assume that every MLA answer takes so many days.")
@click.option(
    "--people-days",
    type=click.IntRange(0, 365),
    default=1,
    show_default=True,
    help="After how many days a person does what a message asks for.",
)
@click.option(
    "--nobody-answers", is_flag=True, help="Assume the worst: no provider answers, and nobody does anything."
)
@click.option("--all", "everything", is_flag=True, help="List every open request, not only those that are at risk.")
@as_json
def rehearse(
    *,
    policy: Path | None,
    days: int,
    mla_days: int | None,
    people_days: int,
    nobody_answers: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Show which holds would lapse or escalate in the next days. Sends nothing.

    Runs the same machine ahead of time on a copy of the ledger: nobody is told, no provider is spoken to, and the
    ledger itself is only read. With --policy or --mla-days, it runs twice and shows both beside each other.

    Example:  holdfast rehearse
              holdfast rehearse --policy other-policy.toml --days 365
              holdfast rehearse --mla-days 400

    Exit status:  0 no hold would lapse
                  1 a hold would lapse: which, and when
                  2 the policy file is wrong
                  3 there is no ledger, or it cannot be read now
    """
    from flows.rehearsing import Assumed, other_policy
    from flows.rehearsing import rehearse as run

    with opened() as office:
        decided = other_policy(office.catalogue, policy) if policy else None
        usual = Assumed(days=days, people_days=people_days, nobody=nobody_answers)
        now = run(office, usual)
        other = None
        if policy is not None or mla_days is not None:
            changed = Assumed(days=days, people_days=people_days, nobody=nobody_answers, mla_days=mla_days)
            other = run(office, changed, policy=decided.policy if decided else None)
    from desk.rehearsal_page import rehearsal_json, rehearsal_page, told_of

    document = rehearsal_json(now, other)
    if as_json:
        say_json(document)
    else:
        draw(*rehearsal_page(all_harmless(document), told_of(policy, mla_days), everything=everything))
    if needs := _needs(document):
        raise needs_person(needs)


def _needs(document: Mapping[str, Any]) -> str:
    """What a person must know of it."""
    from flows.words import number

    which, counted = ("then ", document["other"]) if document["other"] else ("", document["present"])
    lapse, faults = counted["lapse"], document["faults"]
    if faults:
        return f"the rehearsal is not whole: {faults[0]}"
    if not lapse and not document["present"]["lapse"]:
        return ""
    today = f" ({number(document['present']['lapse'], 'hold')} as things stand)" if document["other"] else ""
    return f"{which}{number(lapse, 'hold')} would lapse{today}"
