"""The command `notify`: trying the channels of a level before they are needed."""

from __future__ import annotations

import click

from desk.endings import needs_person, wrong
from desk.speaking import say, say_json
from desk.typed import as_json


@click.command()
@click.argument("level", type=int)
@as_json
def notify(level: int, as_json: bool) -> None:
    """Send a trial message over every channel of a level of the ladder, and tell which took it.

    What a channel took is not yet read: ask the people of that level whether it came. No ledger is needed.

    Example:  holdfast notify 1

    Exit status:  0 every channel took it
                  1 one did not: which, and why
                  2 there is no such level, or the configuration is wrong
    """
    from flows.office import open_catalogue
    from flows.settings import load
    from flows.telling import TRIAL, TRIED, Notice, deliver

    settings = load()
    catalogue = open_catalogue(settings)
    found = tuple(zip(catalogue.policy.ladder, catalogue.rung_channels, strict=True))
    if not 1 <= level <= len(found):
        raise wrong(f"there is no level {level}: the ladder of policy.toml has levels 1 to {len(found)}")
    rung, channels = found[level - 1]
    trial = Notice(
        level=level,
        who=rung.who,
        about=TRIAL,
        because=TRIED,
        at=settings.now(),
        see="Say so to whoever sent it.",
    )
    told = deliver(settings, channels, trial)
    if as_json:
        say_json({"level": level, "who": told.who, "deliveries": [dict(each) for each in told.deliveries]})
    else:
        for each in told.deliveries:
            say(f"{each['channel']:<24} " + ("taken" if each["delivered"] else f"NOT TAKEN: {each['reason']}"))
    failed = [each for each in told.deliveries if not each["delivered"]]
    if failed:
        names = ", ".join(str(each["channel"]) for each in failed)
        raise needs_person(f"needs a person: level {level} ({told.who}) was not told over {names}")
