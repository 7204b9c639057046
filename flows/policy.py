"""What the unit decided, as data: reads `config/policy.toml` into `timeline.rules.Policy`.

`POLICY_KEYS` are all the keys there are, by table; `docs/config.md` explains each, and a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from flows.reading import ConfigurationErrors, Table, meant, shown
from timeline.rules import FourEyes, Policy, Rung

TELLING = ("stderr", "drop", "smtp")
"""The channels that need nothing but the environment; the others are named (`NAMED`)."""

NAMED: Mapping[str, tuple[re.Pattern[str], str]] = {
    "apprise": (
        re.compile(r"[a-z][a-z0-9_]{0,30}"),
        'a name such as "apprise:duty", whose addresses stand in the environment (HOLDFAST_NOTIFY_DUTY), never here',
    ),
    "block": (
        re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*"),
        'the type and the name of a notification block of Prefect, such as "block:slack-webhook/duty"',
    ),
}
"""Channels of which there may be many: how each is named, and in words."""
POLICY_KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("send", "extend", "mla", "announce", "clarify", "acknowledge", "chase", "poll", "review"),
        *("backoff", "sweep", "catalogue", "preflight", "accounts", "four_eyes"),
        *("heads", "report", "pace", "ladder"),
    ),
    "send": ("lead",),
    "extend": ("at", "margin"),
    "mla": ("file_lead",),
    "announce": ("lead",),
    "clarify": ("lead",),
    "acknowledge": ("within",),
    "chase": ("every", "times"),
    "poll": ("every",),
    "review": ("every",),
    "backoff": ("first", "longest"),
    "sweep": ("interval", "imminent_sweeps"),
    "catalogue": ("stale_after_days",),
    "preflight": ("long_period_days", "many_identifiers"),
    "accounts": ("have",),
    "four_eyes": ("emergency", "release", "erase", "approve_within"),
    "heads": ("every", "after_events", "mail_to"),
    "report": ("mail_to",),
    "pace": ("per_minute", "provider"),
    "pace.provider": ("id", "per_minute"),
    "ladder": ("level", "who", "acknowledge_within", "tell", "mail_to", "brief"),
}

_NIGHT = timedelta(hours=12)
_FRACTION = re.compile(r"(\d{1,4})/([1-9]\d{0,3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class RungChannels:
    """Where a level of the ladder is told, by `TELLING` and `NAMED`; "smtp" goes to `mail_to` (comma separated).

    `brief`: neither the case nor the provider nor any reason leaves this machine, only the request's id.
    """

    level: int
    tell: tuple[str, ...]
    mail_to: str
    brief: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Publishing:
    """When a head of the ledger is signed, and to whom heads and the weekly report are mailed.

    A head is signed when the last one is `every` old, or `after_events` events behind, whichever comes first.
    """

    every: timedelta
    after_events: int
    mail_to: tuple[str, ...]
    report_to: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pacing:
    """How often a sweep speaks to one provider in a minute at most; 0: as often as it can."""

    per_minute: int
    own: Mapping[str, int]

    def of(self, provider: str) -> int:
        """What holds for a provider."""
        return self.own.get(provider, self.per_minute)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """All of `policy.toml`: what the clocks need, where people are told, and when a figure counts as old.

    `long_period_days` and `many_identifiers`: above them a request is told to be broad. `accounts` are the ids of
    the providers whose portal the unit can enter.
    """

    policy: Policy
    rung_channels: tuple[RungChannels, ...]
    stale_after_days: int
    long_period_days: int
    many_identifiers: int
    accounts: tuple[str, ...]
    publishing: Publishing
    pacing: Pacing


def _pacing(table: Table) -> Pacing:
    own: dict[str, int] = {}
    for each in table.tables("provider", POLICY_KEYS["pace.provider"]):
        provider = each.text("id")
        if provider in own:
            each.wrong("id", f"{shown(provider)} stands here twice")
        own[provider] = each.whole("per_minute", "acts")
    return Pacing(per_minute=table.whole("per_minute", "acts"), own=own)


def _addresses(table: Table) -> tuple[str, ...]:
    found = table.texts("mail_to")
    for number, each in enumerate(found):
        if each.strip() and "@" not in each:
            table.wrong(f"mail_to[{number}]", f"expected a mail address, found {shown(each)}")
    return found


def _fraction(table: Table) -> Fraction:
    text = table.text("at")
    found = _FRACTION.fullmatch(text)
    value = Fraction(int(found[1]), int(found[2])) if found else Fraction(0)
    if table.fine and not 0 < value < 1:
        table.wrong("at", f'expected a fraction of the hold such as "2/3", found {shown(text)}')
    return value


def _imminent_sweeps(table: Table, interval: timedelta) -> int:
    sweeps = table.whole("imminent_sweeps", "sweeps", least=1)
    if table.fine and interval * sweeps < _NIGHT:
        least = -(-_NIGHT // interval)
        table.wrong("imminent_sweeps", f"expected {least} or more sweeps (12 hours, a night), found {sweeps}")
    return sweeps


def _longest(table: Table, first: timedelta) -> timedelta:
    longest = table.duration("longest")
    if table.fine and longest < first:
        table.wrong("longest", f"expected at least backoff.first, found {shown(table.values.get('longest'))}")
    return longest


def _channels(table: Table) -> tuple[str, ...]:
    """Where a level is told. A wrong name is not repeated: somebody may have written an address with its token."""
    tell = table.texts("tell")
    known = (*TELLING, "apprise:NAME", "block:TYPE/NAME")
    for number, each in enumerate(tell):
        kind, colon, name = each.partition(":")
        place = f"tell[{number}]"
        if kind not in (NAMED if colon else TELLING):
            word = f" {shown(kind)}" if kind.isalpha() and not colon else ""
            table.wrong(place, f"unknown word{word}; {meant(kind, known)}")
        elif colon and not NAMED[kind][0].fullmatch(name):
            table.wrong(place, f"expected {NAMED[kind][1]}")
    if table.fine and not tell:
        table.wrong("tell", f"expected at least one of {', '.join(known)}")
    if table.fine and all(each.startswith("block:") for each in tell):
        table.wrong("tell", 'expected another channel too, such as "drop": a block is out of reach when Prefect is')
    return tell


def _rung(table: Table, number: int) -> tuple[Rung, RungChannels]:
    level = table.whole("level", "levels", least=1)
    if table.fine and level != number:
        table.wrong("level", f"expected {number}, as the ladder is climbed in order, found {level}")
    tell, mail_to = _channels(table), table.text("mail_to", "")
    if table.fine and "smtp" in tell and "@" not in mail_to:
        table.wrong("mail_to", f'expected a mail address, as tell has "smtp", found {shown(mail_to)}')
    return (
        Rung(level=level, who=table.text("who"), acknowledge_within=table.duration("acknowledge_within")),
        RungChannels(level=level, tell=tell, mail_to=mail_to, brief=table.flag("brief", False)),
    )


def read_policy(table: Mapping[str, Any], where: str) -> Decided:
    """Read `policy.toml`.

    Raises:
        ConfigurationErrors: something is wrong; every place is listed.
    """
    errors: list[str] = []
    top = Table(table, where, POLICY_KEYS[""], errors)
    part = {
        name: top.table(name, keys)
        for name, keys in POLICY_KEYS.items()
        if name not in ("", "ladder", "pace.provider")
    }
    rungs = [_rung(each, number) for number, each in enumerate(top.tables("ladder", POLICY_KEYS["ladder"]), start=1)]
    if not rungs:
        top.wrong("ladder", "expected at least one [[ladder]]: somebody must be told")
    interval, first = part["sweep"].duration("interval"), part["backoff"].duration("first")
    policy = Policy(
        send_lead=part["send"].duration("lead"),
        extend_fraction=_fraction(part["extend"]),
        extend_margin=part["extend"].duration("margin"),
        file_mla_lead=part["mla"].duration("file_lead"),
        announce_lead=part["announce"].duration("lead"),
        clarify_lead=part["clarify"].duration("lead"),
        acknowledge_within=part["acknowledge"].period("within"),
        chase_every=part["chase"].duration("every"),
        chases=part["chase"].whole("times", "times", least=1),
        poll_every=part["poll"].duration("every"),
        review_every=part["review"].duration("every"),
        backoff_first=first,
        backoff_longest=_longest(part["backoff"], first),
        sweep_interval=interval,
        imminent_sweeps=_imminent_sweeps(part["sweep"], interval),
        ladder=tuple(rung for rung, _ in rungs),
        four_eyes=FourEyes(
            emergency=part["four_eyes"].flag("emergency"),
            release=part["four_eyes"].flag("release"),
            erase=part["four_eyes"].flag("erase"),
            approve_within=part["four_eyes"].duration("approve_within"),
        ),
    )
    decided = Decided(
        policy=policy,
        rung_channels=tuple(told for _, told in rungs),
        stale_after_days=part["catalogue"].whole("stale_after_days", "days", least=1),
        long_period_days=part["preflight"].whole("long_period_days", "days", least=1),
        many_identifiers=part["preflight"].whole("many_identifiers", "identifiers", least=1),
        accounts=part["accounts"].texts("have", ()),
        publishing=Publishing(
            every=part["heads"].duration("every"),
            after_events=part["heads"].whole("after_events", "events", least=1),
            mail_to=_addresses(part["heads"]),
            report_to=_addresses(part["report"]),
        ),
        pacing=_pacing(part["pace"]),
    )
    if errors:
        raise ConfigurationErrors(errors)
    return decided
