"""One figure of a provider as a person reads it: what its text says, in words. `--json` has the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flows.words import number

Values = Mapping[str, Any]

KINDS = {
    "registered-agent": "on its registered agent",
    "it-system": "the authorities' IT system",
    "web-form": "web form",
    "email": "e-mail",
    "api": "API",
}
FIELDS = {"from": "the start of its use", "to": "the end of its use", "zone": "the zone", "port": "the source port"}


def said(place: str, values: Values) -> list[str]:
    """What a figure says, in lines: the first in a few words, its notes after it."""
    name = place.partition("[")[0]
    lines = [each for each in _SAID[name](values) if each] if name in _SAID else [_plain(values)]
    return [*lines, *(f"– {note}" for note in values.get("notes", ()))]


def _plain(values: Values) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items() if key != "notes")


def _listed(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _when(values: Values, key: str, yes: str, no: str = "") -> str:
    """What a yes or a no comes to; "" where nothing is said."""
    return (yes if values[key] else no) if key in values else ""


def _preservation(values: Values) -> Iterator[str]:
    words = {True: "preserves on request", False: "DOES NOT PRESERVE on request"}
    yield words.get(values["offered"], "unknown whether it preserves on request")


def _places(places: list[str]) -> str:
    return ", ".join("the world" if place == "world" else place for place in places)


def _entity(values: Values) -> Iterator[str]:
    seat = ", ".join(str(values[key]) for key in ("address", "state") if values.get(key))
    zone = f"; counts its days in {values['zone']}" if values.get("zone") else ""
    yield f"{values['name']}{f' ({seat})' if seat else ''}, for users in: {_places(values['for'])}{zone}"


def _channel(values: Values) -> Iterator[str]:
    kind = KINDS.get(values["kind"], str(values["kind"]))
    yield _listed(
        "FOR EMERGENCIES ONLY" if values.get("emergency_only") else "",
        f"{kind}: {values['name']}" if values.get("name") else kind,
        str(values.get("url", "")),
        _when(values, "needs_account", "needs an account", "no account needed"),
        f"{number(values['onboarding_days'], 'day')} until it can be used" if "onboarding_days" in values else "",
        _when(values, "official_domain_only", "from an official domain only", "from any domain"),
        _when(values, "round_the_clock", "answered day and night", "answered in office hours"),
    )


def _hold(values: Values) -> Iterator[str]:
    who = values["requester"]
    asked = {"any": "any requester"}.get(
        who, f"requester not of {who[4:]}" if who[:4] == "not-" else f"requester of {who}"
    )
    days = number(values["days"], "day") if "days" in values else "unknown for how long"
    yield f"{asked}: {days}{', AT ITS DISCRETION' if values.get('discretionary') else ''}"
    yield _extends(values)
    if "confidential_days" in values:
        yield f"tells its user after {number(values['confidential_days'], 'day')}"
    if "proof_of_mla_by_day" in values:
        yield f"dropped on day {values['proof_of_mla_by_day']} without proof that the MLA process was started"


def _extends(values: Values) -> str:
    times, days = values.get("extension_count"), values.get("extension_days")
    if times == 0:
        return "no extension"
    many = f"{number(times, 'extension')}" if times else "unknown how many extensions"
    each = f"of {number(days, 'day')}" if days else "of unknown length"
    return f"{many} {each}{', AT ITS DISCRETION' if values.get('extension_discretionary') else ''}"


def _extension(values: Values) -> Iterator[str]:
    yield _listed(
        "as a request of its own"
        if values["mode"] == "separate-request"
        else "unknown whether as a separate request",
        _when(values, "labelled", "called an extension in so many words"),
        f"to be there {number(values['lead_days'], 'day')} before the end" if values.get("lead_days") else "",
    )


def _notice(values: Values) -> Iterator[str]:
    words = {True: "TELLS its user of a preservation", False: "does not tell its user of a preservation"}
    yield words.get(
        values["notifies_on_preservation"], "unknown whether it tells its user: a person decides each time"
    )


def _retention(values: Values) -> Iterator[str]:
    kept = number(values["hours"], "hour") if "hours" in values else number(values["days"], "day")
    lost = "lost at once" if not values.get("hours", values.get("days")) else f"gone after {kept}"
    yield f"{values['category']}: {values['what']}: {lost}"


def _identifiers(values: Values) -> Iterator[str]:
    for rule in values.get("accept", ()):
        needs = ", ".join(FIELDS[need] for need in rule.get("needs", ()))
        yield _listed(
            f"takes {rule['type']}" + (f" beside a {' and a '.join(rule['with'])}" if "with" in rule else ""),
            f"with {needs}" if needs else "",
            rule.get("hint", ""),
            f"must match {rule['pattern']}" if rule.get("pattern") else "",
        )
    for rule in values.get("reject", ()):
        yield _listed(f"REJECTS {rule['type']}", rule.get("hint", ""))


def _required(values: Values) -> Iterator[str]:
    yield ", ".join(values["fields"])


def _scope(values: Values) -> Iterator[str]:
    yield _listed(
        _when(values, "period_required", "a period must be given", "a period may be left out"),
        f"of {number(values['longest_period_days'], 'day')} at the most" if "longest_period_days" in values else "",
        f"holds {', '.join(values['categories'])} data only" if "categories" in values else "",
    )


def _freeze(values: Values) -> Iterator[str]:
    yield f"a freeze of money lifts by itself after {number(values['days'], 'day')}; it is no hold of the data"


def _documents(values: Values) -> Iterator[str]:
    yield _listed(
        " or ".join(values.get("formats", ())).upper(),
        f"language: {' or '.join(values['languages'])}" if values.get("languages") else "",
        _when(values, "letterhead", "on letterhead", "letterhead not needed"),
        _when(values, "signed", "signed", "signature not needed"),
        f"an editable list with more than {number(values['editable_copy_over'], 'account')}"
        if "editable_copy_over" in values
        else "",
        f"attachments up to {values['attachment_limit_mb']} MB" if "attachment_limit_mb" in values else "",
    )


_SAID: Mapping[str, Callable[[Values], Iterator[str]]] = {
    "preservation": _preservation,
    "entity": _entity,
    "channel": _channel,
    "hold": _hold,
    "extension": _extension,
    "acknowledgement": lambda values: iter([f"within {values['within']}"]),
    "notice": _notice,
    "retention": _retention,
    "identifiers": _identifiers,
    "required": _required,
    "scope": _scope,
    "freeze": _freeze,
    "documents": _documents,
}

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "How long it holds": ("preservation", "hold", "extension", "acknowledgement"),
    "Whether its user is told": ("notice",),
    "To whom, and how": ("entity", "channel"),
    "What it takes": ("identifiers", "required", "scope", "documents"),
    "What it loses by itself": ("retention", "freeze"),
}
"""The figures of a provider in the order in which an officer asks for them."""
