"""One request: how it stands, what is next, its clocks, and everything that happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from desk import outlook
from desk.bar import picture, scale
from flows.chronicle import WAITING, told
from flows.verdict import local_today
from flows.words import OUTCOMES, Table, day, moment, number, sentence, size, step, until
from timeline.steps import about

if TYPE_CHECKING:
    from timeline.state import Hold


def show_page(
    record: Table, hold: Hold, now: datetime, columns: int, *, listed: int | None
) -> Iterator[RenderableType]:
    """The whole record.

    Args:
        record: as `show --json` has it.
        hold: the facts it was made from, for what the record does not say (when it began, what is confirmed).
        now: the instant it is looked at from.
        columns: the width to draw in.
        listed: how many items are listed, None for all.
    """
    today = local_today(now, hold.terms.provider.zone)
    yield from _standing(record, hold, now)
    if not hold.ended:
        confirmed = hold.granted if hold.sent_at else None
        drawn = picture(record, today=today, started_on=hold.strict_start or today, confirmed=confirmed)
        yield Text()

        if hold.strict_start is None:
            yield outlook.indented(Text("NOT SENT: nothing is held yet. As if it were sent now:", style="bold red"))
        yield outlook.indented(outlook.verdict(record, today))
        yield Text()
        yield outlook.indented(outlook.bar(drawn, scale([drawn], outlook.bar_width(columns))))
    parts = [
        *([] if hold.ended else [outlook.to_do(record, today), outlook.lost(record)]),
        outlook.clocks(record, now, today),
        _items(record["items"], listed),
        _escalations(record["escalations"]),
        _history(record["events"]),
        _transmissions(record["transmissions"]),
    ]
    for part in parts:
        if shown := list(part):
            yield Text()
            yield outlook.indented(*shown)


def _standing(record: Table, hold: Hold, now: datetime) -> Iterator[RenderableType]:
    accounts = number(record["identifiers"], "identifier")
    yield Text(f"{record['request']}  {record['provider']} · {record['instrument']} · {accounts}", style="bold")
    ends = hold.expiry
    facts = outlook.grid("fixed", "flow")
    state = sentence(record["state"], ends.strict_on if ends else None, record["coverage"]["open_ended_by"])
    bad = record["state"] in {"lapsed", "refused", "not-held", "unknown", "erased"}
    facts.add_row(Text("state"), Text(state, style="bold red" if bad else "bold"))
    facts.add_row(Text("next"), Text(_next(record["next"], now)))
    facts.add_row(Text("case"), Text(record["case"]))
    if record["references"]:
        facts.add_row(Text("their reference"), Text(", ".join(record["references"])))
    for each in record["waits"]:
        who = f"{WAITING[each['about']]}, asked for by {each['asked_by']} at {moment(each['at'])}"
        facts.add_row(Text("waits"), Text(f"for a second person: {who}", style="bold red"))
    if gone := record["erased"]:
        when = f"its case, at {moment(gone['at'])} by {gone['by']}: {gone['because']}"
        facts.add_row(Text("erased"), Text(f"{when}. Accounts, letters, messages and remarks cannot be read", "bold"))
    if record["level"]:
        marks = "▲" * record["level"]
        facts.add_row(Text("escalated"), Text(f"{marks} level {record['level']}, nobody has taken it up", "bold red"))
    yield outlook.indented(facts)


def _next(following: Table, now: datetime) -> str:
    if not following["at"]:
        return str(following["because"])
    action = step(following["action"], following["because"])
    return f"{action}, {until(following['at'], now)} ({moment(following['at'])}): {following['because']}"


def _items(items: Sequence[Table], listed: int | None) -> Iterator[RenderableType]:
    counts = Counter(item["outcome"] for item in items)
    said = ", ".join(f"{count:,} {OUTCOMES.get(outcome, outcome)}" for outcome, count in counts.most_common())
    yield outlook.heading(f"Items, as last heard: {said}")
    table = outlook.grid("fixed", "fixed", "fixed", "flow")
    # What did not go well is looked for: it comes first.
    ordered = sorted(items, key=lambda item: item["outcome"] in {"preserved", "pending", "released"})
    for item in ordered[:listed]:
        well = item["outcome"] not in {"not-found", "refused"}
        more = [item["reference"]] if item["reference"] else []
        more += [f"until {day(item['held_until'])}"] if item["held_until"] else []
        outcome = Text(OUTCOMES.get(item["outcome"], item["outcome"]), style="" if well else "bold red")
        table.add_row(Text(item["item"]), Text(item["type"]), outcome, Text(", ".join(more)))
    yield outlook.indented(table)
    if listed is not None and len(items) > listed:
        yield outlook.indented(Text(f"and {len(items) - listed:,} more: --all lists them"))


def _escalations(escalations: Sequence[Table]) -> Iterator[RenderableType]:
    if not escalations:
        return
    table = outlook.grid("fixed", "flow")
    for each in escalations:
        taken = each["acknowledged_at"]
        end = f"taken up {moment(taken)}" if taken else "nobody has taken it up"
        delivered = "" if each["delivered"] else ", COULD NOT BE TOLD"
        text = f"{about(each['about'])}: level {each['level']}, told {moment(each['at'])}{delivered}; {end}"
        table.add_row(Text("▲" * each["level"]), Text(text, style="" if taken else "red"))
    yield outlook.heading("Escalations")
    yield outlook.indented(table)


def _history(events: Sequence[Table]) -> Iterator[RenderableType]:
    table = outlook.grid("fixed", "flow")
    for event in events:
        text = Text(told(event))
        text.append(f"  ({event['actor']})", style="dim")
        table.add_row(Text(moment(event["at"])), text)
    yield outlook.heading("History")
    yield outlook.indented(table)


def _transmissions(transmissions: Sequence[Table]) -> Iterator[RenderableType]:
    if not transmissions:
        return
    table = outlook.grid("fixed", "flow")
    for each in transmissions:
        answered = f", status {each['status']}" if each["status"] is not None else ""
        to = f" to {each['recipient']}" if each["recipient"] else ""
        over = f" over {each['channel']}" if each["channel"] else ""
        text = Text(f"{each['action']} {each['sequence']}: {each['outcome']}{over}{to}{answered}")
        if each["sent_sha256"]:
            text.append(f"\nsent {size(each['sent_size'])}, SHA-256 {each['sent_sha256']}", style="dim")
        for file in each["files"]:
            text.append(f"\n  {file['name']}, {size(file['size'])}", style="dim")
        if each["proof_sha256"]:
            text.append(f"\nproof {size(each['proof_size'])}, SHA-256 {each['proof_sha256']}", style="dim")
        if each["received_sha256"]:
            text.append(f"\nreceived {size(each['received_size'])}, SHA-256 {each['received_sha256']}", style="dim")
        table.add_row(Text(moment(each["at"])), text)
    yield outlook.heading("Transmissions")
    yield outlook.indented(table)
