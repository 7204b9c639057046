"""How a run ends: in a state that we write ourselves, with what there is to read. Nothing of it holds an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.sweeping import Report
from flows.words import number

REASONS = 5
"""Different reasons of failure named in a run's state; the rest is counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a run leaves to be read: a table with a line about it, or a text in markdown.

    It belongs to the run; under a `key` it is also found without it.
    """

    text: str
    key: str = ""
    table: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a form: in a person's words, and as opaque ids and days for who asks by program.

    `failed`: it is not done; the words say what to do. `report` is what was done at providers, whose failures are
    told too, and which is counted where there are no words (`nothing`: said where nothing was done and nothing
    failed); `page` what there is to read.
    """

    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False
    report: Report | None = None
    nothing: str = ""
    page: Page | None = None

    @property
    def state(self) -> State[Any]:
        """The state that it ends a run in: failed if anything failed, with the reasons."""
        text, failed = self.text, self.failed
        if self.report is not None and not text:
            return end_of(self.report, self.nothing)
        if self.report is not None and self.report.failed:
            text, failed = f"{text} Failed: {_reasons(self.report)}", True
        made = Failed if failed else Completed
        return made(message=text, data=dict(self.data))


def end_of(report: Report, nothing: str = "") -> State[Any]:
    """The state that a report ends in: failed if anything failed, with the reasons and without any identifier.

    `nothing` is said in place of the counts where nothing was done and nothing failed.
    """
    summary = {
        "requests": report.looked_at,
        "acts": len(report.done),
        "failures": len(report.failures),
        "person": report.person,
        "acted_on": sorted({each.request for each in report.done}),
    }
    text = f"{number(report.looked_at, 'request')} looked at, {number(len(report.done), 'act')}"
    text += ", something needs a person" if report.person else ""
    if not report.failed:
        return Completed(message=text if report.done else nothing or text, data=summary)
    return Failed(message=f"{text}, {len(report.failures)} failed: {_reasons(report)}", data=summary)


def _reasons(report: Report) -> str:
    """The different reasons of failure, the first ones named."""
    reasons = list(dict.fromkeys(reason for _, reason in report.failures))
    return "; ".join(reasons[:REASONS]) + (f"; {len(reasons) - REASONS} more" if len(reasons) > REASONS else "")


async def publish(page: Page) -> None:
    """Store what a run leaves to be read; without it the run is as good. Never raises."""
    from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

    key = page.key or None
    try:
        if page.table:
            rows = [dict(each) for each in page.table]
            await acreate_table_artifact(key=key, table=rows, description=page.text)
        else:
            await acreate_markdown_artifact(key=key, markdown=page.text)
    except Exception as error:  # its type alone is safe to store
        get_run_logger().warning("the page of this run could not be stored: %s", type(error).__name__)
