"""What was entered by mistake and is taken back by a later entry, and what came too late to count: for the fold."""

from __future__ import annotations

from datetime import date, datetime

from timeline.acts import Act
from timeline.dues import issued_at, within
from timeline.events import Event
from timeline.facts import Facts, items_until
from timeline.hold import Hold
from timeline.rules import ShortClock


def hold_of(facts: Facts) -> Hold:
    """The hold as the facts leave it. It shares their tables."""
    return Hold(**vars(facts) | {"items": tuple(facts.items.values()), "items_until": items_until(facts)})


def extension_taken_back(facts: Facts, until: date | None) -> None:
    """The provider keeps no longer than without the last extension, and that one was never sent from here."""
    while until is not None and facts.granted:
        act = facts.acts.get(("extend", facts.granted))
        before = hold_of(facts).expiry_after(facts.granted - 1)
        if (act is not None and act.outcome == "sent") or before is None or until > before.strict_on:
            return
        facts.held_until.pop(facts.granted, None)
        facts.granted -= 1


def production_taken_back(facts: Facts, event: Event) -> None:
    """A person learned that the data are kept, so they were not produced: as long as nobody let go of them.

    Only a person's word: a provider's answer to an older question may come in late.
    """
    release = facts.acts.get(("release", 1))
    let_go = facts.release_asked_at or facts.released_at or "release" in facts.waiting
    if event.body.get("source") == "person" and not let_go and (release is None or not _may_have_arrived(release)):
        facts.produced_at = None


def _may_have_arrived(act: Act) -> bool:
    return act.open or act.outcome == "sent"


def validated_late(hold: Hold, at: datetime) -> tuple[ShortClock, datetime] | None:
    """The rule that a validation afterwards comes too late for, by the law's own count, and when its time was over.

    None also where nobody has read the figure in the law: what a cautious reading asks for ends no order.
    """
    since = issued_at(hold)
    for rule in hold.terms.instrument.short_clocks:
        applies = rule.met_by == "validated" and rule.only_if in {"", hold.urgency} and rule.source.verified
        if applies and since is not None:
            over = within(hold, rule, since).legal_at
            return (rule, over) if at > over else None
    return None
